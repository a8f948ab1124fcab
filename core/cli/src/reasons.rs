//! Why trials failed: the commonest reason among many failures.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use heirloom_model::{Failure, FailureKind};
use serde::Serialize;

/// Failures, counted by their reasons.
#[derive(Debug, Default)]
pub(crate) struct Reasons(BTreeMap<String, Reason>);

/// One reason, and how many trials failed so.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reason {
    pub(crate) n_trials: u64,
    kind: FailureKind,
    /// What the first of them says.
    message: String,
}

impl Reasons {
    /// Counts a failure, other than of a proposal that a proxy dropped or of a trial that stays pending.
    pub(crate) fn add(&mut self, failure: &Failure) {
        if matches!(failure.kind, FailureKind::Filtered | FailureKind::Cancelled) {
            return;
        }
        // Messages of one reason differ in the numbers of trials, lines and reports.
        let text = failure.to_string();
        let key = text.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        let Failure { kind, message, .. } = failure;
        let new = || Reason { n_trials: 0, kind: *kind, message: message.clone() };
        self.0.entry(key).or_insert_with(new).n_trials += 1;
    }

    /// Takes in what others counted.
    pub(crate) fn merge(&mut self, other: Self) {
        for (key, reason) in other.0 {
            let n_trials = reason.n_trials;
            self.0.entry(key).or_insert(Reason { n_trials: 0, ..reason }).n_trials += n_trials;
        }
    }

    /// How many failures there are.
    pub(crate) fn n_failed(&self) -> u64 {
        self.0.values().map(|reason| reason.n_trials).sum()
    }

    pub(crate) fn commonest(&self) -> Option<&Reason> {
        self.0.values().max_by_key(|reason| reason.n_trials)
    }
}

/// So many of the last lines of a message are shown: a program's own error stands at the end of its trace.
const N_LAST_LINES: usize = 3;

impl Display for Reason {
    /// The kind and the message, whose middle is left out where it is long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.message.lines();
        write!(f, "{}: {}", self.kind, lines.next().unwrap_or_default())?;
        let rest: Vec<&str> = lines.collect();
        if rest.len() > N_LAST_LINES {
            f.write_str("\n…")?;
        }
        rest[rest.len().saturating_sub(N_LAST_LINES)..].iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_reason_is_told_whatever_the_trials_numbers_and_in_few_lines() {
        let mut reasons = Reasons::default();
        let crash = |trial: u64| Failure::new(FailureKind::Crashed, format!("trial {trial}: a\nb\nc\nd\ne"));
        reasons.add(&Failure::new(FailureKind::TimedOut, "trial 0: too long"));
        reasons.add(&Failure::new(FailureKind::Filtered, "below the cut"));
        (1..12).for_each(|trial| reasons.add(&crash(trial)));
        let mut all = Reasons::default();
        all.add(&crash(99));
        all.merge(reasons);
        assert_eq!(all.n_failed(), 13);
        let commonest = all.commonest().unwrap();
        assert_eq!(commonest.n_trials, 12);
        assert_eq!(commonest.to_string(), format!("{}: trial 99: a\n…\nc\nd\ne", FailureKind::Crashed));
    }
}
