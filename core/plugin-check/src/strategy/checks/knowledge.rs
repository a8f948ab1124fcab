//! What a strategy hears beside results: past runs, learning curves.

use std::cell::Cell;

use heirloom_model::{CurvePoint, CurveReport, PriorKnowledge, PriorObservation, Seed};

use super::{N_TRIALS, measured, sample};
use crate::session::failed;
use crate::strategy::StrategySubject;
use crate::{Session, Trouble, problems};

pub(in crate::strategy) fn inform(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
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

pub(in crate::strategy) fn judge(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::endless(), |problem, mut session| {
        for _ in 0..N_TRIALS / 4 {
            session.ask(4)?;
            for step in 1..=3 {
                for trial in session.pending.clone() {
                    let objectives = session.measure(&trial, measured(problem));
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
