//! What is proposed: points of the problem, as many as may be.

use heirloom_model::FailureKind;

use super::{N_TRIALS, measured};
use crate::session::{Enforced, Rule, failed};
use crate::strategy::StrategySubject;
use crate::{Trouble, problems};

pub(in crate::strategy) fn count(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        session.enforce(Enforced::Only(Rule::Count));
        for n in [0, 1, 0, 3, 7, 2] {
            session.ask(n)?;
            while !session.pending.is_empty() {
                session.finish(0, measured(problem))?;
            }
        }
        Ok(())
    })
}

pub(in crate::strategy) fn large_batch(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        for _ in 0..2 {
            if session.ask(500)?.is_empty() && session.observations.is_empty() {
                return failed("the first ask, for 500, gave no proposal");
            }
            while let Some(last) = session.pending.len().checked_sub(1) {
                session.finish(last, measured(problem))?;
            }
        }
        Ok(())
    })
}

pub(in crate::strategy) fn pending(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        for _ in 0..64 {
            session.ask(1)?;
        }
        if session.pending.is_empty() {
            return failed("64 asks gave no proposal");
        }
        while !session.pending.is_empty() {
            session.finish(0, measured(problem))?;
        }
        session.run(N_TRIALS, 16, measured(problem))
    })
}

pub(in crate::strategy) fn filtered_trials(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::endless(), |problem, mut session| {
        for round in 0..N_TRIALS {
            if session.ask(3)?.is_empty() && session.pending.is_empty() {
                let n = session.proposals.len();
                if n >= N_TRIALS {
                    break;
                }
                return failed(format!(
                    "the search ended in round {round} with {n} proposals, after two of every three were filtered out"
                ));
            }
            while session.pending.len() > 1 {
                session.drop_trial(1);
            }
            if !session.pending.is_empty() {
                session.finish(0, measured(problem))?;
            }
        }
        Ok(())
    })
}

pub(in crate::strategy) fn exhausted(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(vec![problems::tiny()], |problem, mut session| {
        session.run(N_TRIALS, 1, measured(problem))?;
        if session.observations.len() >= N_TRIALS {
            return Err(Trouble::Skipped(format!(
                "the strategy proposed {N_TRIALS} trials in a space of 4 configurations: it repeats them"
            )));
        }
        for n in [1, 10, 1] {
            if !session.ask(n)?.is_empty() {
                return failed("an ask gave no proposal while nothing was pending, and a later one did");
            }
        }
        Ok(())
    })
}

/// Searches in several ways; a proposal that breaks `rule` ends the check.
pub(in crate::strategy) fn obeys(subject: &StrategySubject<'_>, rule: Rule) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        session.enforce(Enforced::Only(rule));
        session.run(2 * N_TRIALS, 1, measured(problem))?;
        session.run(N_TRIALS, 8, |configuration, fidelity| match configuration.values()[0] {
            first if first > 0.9 => Err(FailureKind::Diverged),
            _ => Ok(problems::measure(problem, configuration, fidelity)),
        })?;
        session.ask(50).map(drop)
    })
}
