//! The checks, one function each.

use std::cell::Cell;

use heirloom_model::{
    Configuration, CurvePoint, CurveReport, FailureKind, Fidelity, Observation, PendingTrial, PriorKnowledge,
    PriorObservation, Problem, Proposal, Rng, Seed,
};

use super::{Make, StrategySubject};
use crate::session::failed;
use crate::{Session, Trouble, problems};

/// Trials of an ordinary check: enough for a strategy to leave its initial phase.
const N_TRIALS: usize = 60;

type Measured = Result<Vec<f64>, FailureKind>;

/// The check problems' own objective.
fn measured(problem: &Problem) -> impl Fn(&Configuration, &Fidelity) -> Measured + '_ {
    |configuration, fidelity| Ok(problems::measure(problem, configuration, fidelity))
}

pub(super) fn in_bounds<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| session.run(2 * N_TRIALS, 1, measured(problem)))
}

pub(super) fn count<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        for n in [0, 1, 0, 3, 7, 2] {
            session.ask(n)?;
            while !session.pending.is_empty() {
                session.finish(0, measured(problem))?;
            }
        }
        Ok(())
    })
}

pub(super) fn large_batch<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
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

pub(super) fn pending<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
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

pub(super) fn any_order<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        for _ in 0..6 {
            session.ask(10)?;
            let mut batch: Vec<_> = session.pending.drain(..).collect();
            batch.reverse();
            let result = |trial: PendingTrial| Observation {
                trial: trial.id,
                result: Ok(problems::measure(problem, &trial.configuration, &trial.fidelity)),
                configuration: trial.configuration,
                fidelity: trial.fidelity,
                cost_seconds: 1.0,
            };
            session.tell(batch.into_iter().map(result).collect())?;
        }
        session.run(N_TRIALS, 5, measured(problem))
    })
}

pub(super) fn failed_trials<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
    subject.on_each(problems::endless(), |problem, mut session| {
        session.run(N_TRIALS, 4, |_, _| Err(FailureKind::Crashed))?;
        if session.observations.len() < N_TRIALS {
            let n = session.observations.len();
            return failed(format!("the search ended after {n} failed trials on an endless space"));
        }
        // From here on every third fails.
        let turn = std::cell::Cell::new(0);
        session.run(N_TRIALS, 4, |configuration, fidelity| {
            turn.set(turn.get() + 1);
            if turn.get() % 3 == 0 {
                return Err(FailureKind::OutOfMemory);
            }
            Ok(problems::measure(problem, configuration, fidelity))
        })
    })
}

pub(super) fn filtered_trials<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
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

pub(super) fn foreign_trials<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        let mut rng = Seed::from_number(9).rng();
        for round in 0..10 {
            let configuration = sample(problem, &mut rng)?;
            let foreign = session.foreign_trial(configuration);
            // The first ones before the first ask, the later ones between others.
            session.pending.push(foreign);
            if round >= 3 {
                session.ask(2)?;
            }
            while !session.pending.is_empty() {
                session.finish(0, measured(problem))?;
            }
        }
        session.run(N_TRIALS, 2, measured(problem))
    })
}

pub(super) fn empty_tell<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
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

pub(super) fn deterministic<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
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

pub(super) fn follows_seed<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
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

pub(super) fn save_restore<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
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

pub(super) fn inform<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
    let uses = Cell::new(false);
    subject.on_each(problems::all(), |problem, mut session| {
        let mut rng = Seed::from_number(10).rng();
        let mut knowledge = PriorKnowledge::default();
        for rank in 0..20 {
            knowledge.observations.push(PriorObservation {
                configuration: sample(problem, &mut rng)?,
                score: f64::from(rank) / 20.0,
                weight: 0.5,
            });
        }
        let mut unknowing = subject.twin(problem, 1)?;
        uses.set(take_in(&mut session, &knowledge)? || uses.get());
        take_in(&mut unknowing, &PriorKnowledge::default())?;
        session.run(N_TRIALS, 4, measured(problem))?;
        unknowing.run(N_TRIALS, 4, measured(problem))
    })?;
    match (uses.get(), subject.informs) {
        (true, Some(false)) => {
            failed("`inform` takes knowledge in to use it, and `informs = false` is declared")
        }
        (false, Some(true)) => {
            failed("`inform` never says that knowledge is used, and `informs = true` is declared")
        }
        _ => Ok(()),
    }
}

/// Returns whether the knowledge will be used.
fn take_in(session: &mut Session<'_>, knowledge: &PriorKnowledge) -> Result<bool, Trouble> {
    session.strategy().inform(knowledge).map_err(|error| Trouble::from_error("`inform`", &error))
}

pub(super) fn exhausted<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
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

pub(super) fn judge<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
    subject.on_each(problems::endless(), |problem, mut session| {
        for _ in 0..N_TRIALS / 4 {
            session.ask(4)?;
            for step in 1..=3 {
                for trial in session.pending.clone() {
                    let objectives = problems::measure(problem, &trial.configuration, &trial.fidelity);
                    let step = f64::from(step);
                    let point = CurvePoint { step, objectives, cost_seconds: step };
                    let report = CurveReport { trial: trial.id, fidelity: trial.fidelity, point };
                    session
                        .strategy()
                        .judge(&report)
                        .map_err(|error| Trouble::from_error("`judge`", &error))?;
                }
            }
            while !session.pending.is_empty() {
                session.finish(0, measured(problem))?;
            }
        }
        Ok(())
    })
}

pub(super) fn recommend<F: Make>(subject: &StrategySubject<F>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        let turn = std::cell::Cell::new(0);
        for _ in 0..3 {
            let recommended =
                session.strategy().recommend().map_err(|error| Trouble::from_error("`recommend`", &error))?;
            let succeeded =
                |id| session.observations.iter().any(|told| told.trial == id && told.result.is_ok());
            if let Some(id) = recommended.filter(|&id| !succeeded(id)) {
                return failed(format!("trial {id} was recommended, which was not told with a result"));
            }
            session.run(N_TRIALS / 3, 2, |configuration, fidelity| {
                turn.set(turn.get() + 1);
                if turn.get() % 2 == 0 {
                    return Err(FailureKind::Diverged);
                }
                Ok(problems::measure(problem, configuration, fidelity))
            })?;
        }
        Ok(())
    })
}

fn sample(problem: &Problem, rng: &mut Rng) -> Result<Configuration, Trouble> {
    problem.space.sample(rng).map_err(|error| Trouble::Failed(error.to_string()))
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
