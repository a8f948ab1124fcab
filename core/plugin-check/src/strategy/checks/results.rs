//! What is told: in any order, failed, foreign, extreme.

use std::cell::Cell;

use heirloom_model::{ComponentErrorKind, Configuration, FailureKind, Observation, Seed};

use super::{N_TRIALS, measured, sample};
use crate::session::failed;
use crate::strategy::StrategySubject;
use crate::{Trouble, problems};

pub(in crate::strategy) fn any_order(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        for _ in 0..6 {
            session.ask(10)?;
            let mut batch: Vec<_> = session.pending.drain(..).collect();
            batch.reverse();
            let told = batch.into_iter().map(|trial| session.observe(trial, measured(problem))).collect();
            session.tell(told)?;
        }
        session.run(N_TRIALS, 5, measured(problem))
    })
}

pub(in crate::strategy) fn failed_trials(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::endless(), |problem, mut session| {
        session.run(N_TRIALS, 4, |_, _| Err(FailureKind::Crashed))?;
        if session.observations.len() < N_TRIALS {
            let n = session.observations.len();
            return failed(format!("the search ended after {n} failed trials on an endless space"));
        }
        // From here on every third fails.
        let turn = Cell::new(0);
        session.run(N_TRIALS, 4, |configuration, fidelity| {
            turn.set(turn.get() + 1);
            if turn.get() % 3 == 0 {
                return Err(FailureKind::OutOfMemory);
            }
            Ok(problems::measure(problem, configuration, fidelity))
        })
    })
}

pub(in crate::strategy) fn foreign_trials(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
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

pub(in crate::strategy) fn recommend(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    subject.on_each(problems::all(), |problem, mut session| {
        let turn = Cell::new(0);
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

/// Whether a search of [`N_TRIALS`] with such results goes on as it would with others.
fn goes_on(subject: &StrategySubject<'_>, what: &str, value: impl Fn(usize) -> f64) -> Result<(), Trouble> {
    subject.on_each(problems::endless(), |problem, mut session| {
        let told = Cell::new(0);
        session.run(N_TRIALS, 4, |_, _| {
            told.set(told.get() + 1);
            Ok(vec![value(told.get()); problem.objectives.len()])
        })?;
        match session.observations.len() {
            n if n < N_TRIALS => failed(format!("the search ended after {n} trials {what}")),
            _ => Ok(()),
        }
    })
}

pub(in crate::strategy) fn equal_results(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    goes_on(subject, "with one result for all", |_| 0.25)
}

pub(in crate::strategy) fn extreme_results(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    goes_on(subject, "with results of ±1e300", |turn| if turn % 2 == 0 { 1e300 } else { -1e300 })
}

pub(in crate::strategy) fn odd_results(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        subject.on_each(problems::endless(), |problem, mut session| {
            session.run(N_TRIALS / 4, 1, measured(problem))?;
            for _ in 0..3 {
                session.ask(1)?;
                let Some(trial) = session.pending.pop() else { continue };
                let mut told = session.observe(trial, measured(problem));
                told.result = Ok(vec![odd; problem.objectives.len()]);
                match session.strategy().tell(std::slice::from_ref(&told)) {
                    Err(error) if error.kind == ComponentErrorKind::Panicked => {
                        return Err(Trouble::from_error(&format!("`tell` of the result {odd}"), &error));
                    }
                    // To refuse it is as good as to leave it out; what comes after a refusal is not looked at.
                    Err(_) => return Ok(()),
                    Ok(()) => {}
                }
            }
            let n_before = session.observations.len();
            session.run(N_TRIALS / 4, 1, measured(problem))?;
            match session.observations.len() - n_before {
                n if n < N_TRIALS / 4 => {
                    failed(format!("the search ended {n} trials after the result {odd}"))
                }
                _ => Ok(()),
            }
        })?;
    }
    Ok(())
}

pub(in crate::strategy) fn wrong_input(subject: &StrategySubject<'_>) -> Result<(), Trouble> {
    type Spoil = fn(&mut Observation);
    let spoiled: [(&str, Spoil); 4] = [
        ("a configuration of one value more", |told| {
            let mut values = told.configuration.values().to_vec();
            values.push(0.5);
            told.configuration = Configuration::new(values);
        }),
        ("a configuration without values", |told| told.configuration = Configuration::new(Vec::new())),
        ("a result without objectives", |told| told.result = Ok(Vec::new())),
        ("a fidelity of three values more", |told| told.fidelity.0.extend([1.0; 3])),
    ];
    for (what, spoil) in spoiled {
        subject.on_each(problems::endless(), |problem, mut session| {
            session.run(N_TRIALS / 4, 1, measured(problem))?;
            session.ask(1)?;
            let Some(trial) = session.pending.pop() else { return Ok(()) };
            let mut told = session.observe(trial, measured(problem));
            spoil(&mut told);
            match session.strategy().tell(std::slice::from_ref(&told)) {
                Err(error) if error.kind == ComponentErrorKind::Panicked => {
                    Err(Trouble::from_error(&format!("`tell` of {what}"), &error))
                }
                Ok(()) | Err(_) => Ok(()),
            }
        })?;
    }
    Ok(())
}
