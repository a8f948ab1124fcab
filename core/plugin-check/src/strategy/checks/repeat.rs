//! The same again: what must and what must not change the proposals.

use heirloom_model::{ComponentErrorKind, CurvePoint, CurveReport, Problem, Proposal};

use super::{N_TRIALS, measured};
use crate::session::failed;
use crate::strategy::StrategySubject;
use crate::{Trouble, problems};

pub(in crate::strategy) fn empty_tell(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        let mut twin = subject.twin(problem, 1)?;
        for _ in 0..N_TRIALS {
            twin.tell(Vec::new())?;
            session.run(1, 1, measured(problem))?;
            twin.run(1, 1, measured(problem))?;
            twin.tell(Vec::new())?;
        }
        same(problem, &session.proposals, &twin.proposals, "with and without empty tells")
    })
}

pub(in crate::strategy) fn deterministic(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        let mut twin = subject.twin(problem, 1)?;
        session.run(2 * N_TRIALS, 4, measured(problem))?;
        twin.run(2 * N_TRIALS, 4, measured(problem))?;
        same(
            problem,
            &session.proposals,
            &twin.proposals,
            "in two instances with one seed and the same tells",
        )
    })
}

pub(in crate::strategy) fn follows_seed(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    if subject.ignores_seed {
        return Err(Trouble::Skipped("the strategy is declared to draw nothing at random".into()));
    }
    subject.on_each(problems::endless(), |problem, mut session| {
        let mut other = subject.twin(problem, 2)?;
        session.run(N_TRIALS, 1, measured(problem))?;
        other.run(N_TRIALS, 1, measured(problem))?;
        if session.proposals == other.proposals {
            return failed(format!(
                "on the space `{}`, two seeds gave the same {N_TRIALS} proposals; hint: draw from `request.rng` \
                 alone, or declare `ignores_seed`",
                problem.space.name()
            ));
        }
        Ok(())
    })
}

pub(in crate::strategy) fn save_restore(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        session.run(N_TRIALS, 1, measured(problem))?;
        let state = session.strategy().save().map_err(|error| Trouble::from_error("`save`", &error))?;
        let Some(state) = state else {
            return Err(Trouble::Skipped("the strategy resumes by replay".into()));
        };
        let mut twin = subject.twin(problem, 1)?;
        twin.strategy().restore(&state).map_err(|error| Trouble::from_error("`restore`", &error))?;
        twin.skip_trials(session.proposals.len());
        let n_before = session.proposals.len();
        session.run(N_TRIALS, 1, measured(problem))?;
        twin.run(N_TRIALS, 1, measured(problem))?;
        same(problem, &session.proposals[n_before..], &twin.proposals, "after saving and after restoring")
    })
}

pub(in crate::strategy) fn empty_ask(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        let mut twin = subject.twin(problem, 1)?;
        for _ in 0..N_TRIALS {
            twin.ask(0)?;
            session.run(1, 1, measured(problem))?;
            twin.run(1, 1, measured(problem))?;
        }
        same(problem, &session.proposals, &twin.proposals, "with and without asks for none")
    })
}

pub(in crate::strategy) fn tells_together(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        let mut twin = subject.twin(problem, 1)?;
        for _ in 0..N_TRIALS / 5 {
            session.ask(5)?;
            let trials: Vec<_> = session.pending.drain(..).collect();
            let told = trials.into_iter().map(|trial| session.observe(trial, measured(problem))).collect();
            session.tell(told)?;
            twin.ask(5)?;
            while !twin.pending.is_empty() {
                twin.finish(0, measured(problem))?;
            }
        }
        same(problem, &session.proposals, &twin.proposals, "when trials are told together and one by one")
    })
}

pub(in crate::strategy) fn interleaved(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        session.run(N_TRIALS, 2, measured(problem))?;
        let (mut twin, mut other) = (subject.twin(problem, 1)?, subject.twin(problem, 2)?);
        twin.run_beside(&mut other, N_TRIALS, 2, measured(problem))?;
        same(problem, &session.proposals, &twin.proposals, "alone and beside another instance")
    })
}

pub(in crate::strategy) fn judge_apart(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::endless(), |problem, mut session| {
        let mut twin = subject.twin(problem, 1)?;
        for _ in 0..N_TRIALS / 3 {
            session.ask(3)?;
            twin.ask(3)?;
            for trial in twin.pending.clone() {
                for step in [1.0, 2.0] {
                    let objectives = twin.measure(&trial, measured(problem));
                    let point = CurvePoint { step, objectives, cost_seconds: step };
                    let report = CurveReport { trial: trial.id, fidelity: trial.fidelity.clone(), point };
                    let verdict = twin.strategy().judge(&report);
                    verdict.map_err(|error| Trouble::from_error("`judge`", &error))?;
                }
            }
            while !session.pending.is_empty() {
                session.finish(0, measured(problem))?;
            }
            while !twin.pending.is_empty() {
                twin.finish(0, measured(problem))?;
            }
        }
        same(problem, &session.proposals, &twin.proposals, "with and without learning curves to judge")
    })
}

pub(in crate::strategy) fn damaged_state(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::endless(), |problem, mut session| {
        session.run(N_TRIALS, 1, measured(problem))?;
        let state = session.strategy().save().map_err(|error| Trouble::from_error("`save`", &error))?;
        let Some(state) = state.filter(|state| !state.is_empty()) else {
            return Err(Trouble::Skipped("the strategy resumes by replay".into()));
        };
        for (what, damaged) in [("no bytes", &[][..]), ("all but the last byte", &state[..state.len() - 1])] {
            match subject.twin(problem, 1)?.strategy().restore(damaged) {
                Ok(()) => return failed(format!("`restore` took {what} of a saved state for a whole one")),
                Err(error) if error.kind == ComponentErrorKind::Panicked => {
                    return Err(Trouble::from_error(
                        &format!("`restore` of {what} of a saved state"),
                        &error,
                    ));
                }
                Err(_) => {}
            }
        }
        Ok(())
    })
}

fn same(problem: &Problem, a: &[Proposal], b: &[Proposal], when: &str) -> Result<(), Trouble> {
    match a.iter().zip(b).position(|(a, b)| a != b) {
        None if a.len() == b.len() => Ok(()),
        place => {
            let place = place.unwrap_or(a.len().min(b.len()));
            failed(format!(
                "on the space `{}`, proposal {place} differs {when}; hint: draw from `request.rng` alone, and \
                 iterate over nothing whose order is random",
                problem.space.name()
            ))
        }
    }
}
