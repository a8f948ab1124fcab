//! What the suites of strategies, estimators and proxies share: the runner.

use crate::{Report, Trouble};

/// A component with the checks that there are for its kind.
pub trait Subject {
    /// Names a check.
    type Check: Copy + 'static;

    /// All checks, in the order in which they are made.
    const CHECKS: &'static [Self::Check];

    /// A check's name in reports, such as `strategy/in-bounds`, and what it demands.
    fn describe(check: Self::Check) -> (String, &'static str);

    /// Makes one check.
    fn make(&self, check: Self::Check) -> Result<(), Trouble>;
}

/// The checks of one component.
#[derive(Debug, Clone)]
pub struct Suite<S>(pub(crate) S);

impl<S: Subject> Suite<S> {
    /// Makes all checks.
    pub fn report(&self) -> Report {
        self.run(S::CHECKS)
    }

    /// Makes one check.
    pub fn check(&self, check: S::Check) -> Report {
        self.run(&[check])
    }

    /// For tests: makes all checks and ends the test with the failures, if there are any.
    #[track_caller]
    pub fn assert_passed(&self) {
        self.report().assert_passed();
    }

    fn run(&self, checks: &[S::Check]) -> Report {
        let mut report = Report::default();
        for &check in checks {
            let (name, demand) = S::describe(check);
            report.run(name, demand, || self.0.make(check));
        }
        report
    }
}
