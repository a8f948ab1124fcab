//! What the suites of strategies, estimators and proxies share: the checks as tables, and the runner.

use crate::{Report, Trouble};

/// One check: a line of a table. `M` is the function that makes it.
#[derive(Debug, Clone, Copy)]
pub struct Check<M> {
    /// Its name among those of its table, such as `in-bounds`.
    pub name: &'static str,
    /// What it demands.
    pub demand: &'static str,
    pub(crate) make: M,
}

impl<M> Check<M> {
    pub(crate) const fn new(name: &'static str, demand: &'static str, make: M) -> Self {
        Self { name, demand, make }
    }
}

/// A component with the checks that there are for its kind.
pub trait Subject {
    /// A function that makes a check.
    type Make: Copy + 'static;

    /// The kind: with a `/` the names of its checks begin with it.
    const KIND: &'static str;

    /// All checks, in the order in which they are made.
    const CHECKS: &'static [Check<Self::Make>];

    /// Makes one check.
    fn make(&self, make: Self::Make) -> Result<(), Trouble>;
}

/// The checks of one component.
#[derive(Debug, Clone)]
pub struct Suite<S>(pub(crate) S);

impl<S: Subject> Suite<S> {
    /// Makes all checks.
    pub fn report(&self) -> Report {
        let mut report = Report::default();
        for check in S::CHECKS {
            let name = format!("{}/{}", S::KIND, check.name);
            report.run(name, check.demand, || self.0.make(check.make));
        }
        report
    }

    /// For tests: makes all checks and ends the test with the failures, if there are any.
    #[track_caller]
    pub fn assert_passed(&self) {
        self.report().assert_passed();
    }
}

/// A suite whose kind is not known before it runs.
pub(crate) trait AnySuite {
    /// Makes all checks.
    fn report(&self) -> Report;

    /// Makes the check with this name, such as `strategy/in-bounds`; `None` where there is none.
    fn make(&self, name: &str) -> Option<Result<(), Trouble>>;
}

impl<S: Subject> AnySuite for Suite<S> {
    fn report(&self) -> Report {
        self.report()
    }

    fn make(&self, name: &str) -> Option<Result<(), Trouble>> {
        let name = name.strip_prefix(S::KIND)?.strip_prefix('/')?;
        let check = S::CHECKS.iter().find(|check| check.name == name)?;
        Some(self.0.make(check.make))
    }
}

/// The checks of a table as they stand in reports: names that begin with `prefix`, and demands.
pub(crate) fn described<M>(prefix: &str, checks: &[Check<M>]) -> Vec<(String, &'static str)> {
    checks.iter().map(|check| (format!("{prefix}/{}", check.name), check.demand)).collect()
}
