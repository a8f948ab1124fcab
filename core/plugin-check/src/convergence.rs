//! Whether a search is good, not merely running: against uniform draws, on two cheap tasks.

use heirloom_model::{ComponentError, Configuration, Problem, Seed, Strategy};
use serde::{Deserialize, Serialize};

use crate::{Report, Session, Trouble, problems};

/// Seeds a task is searched with.
const N_SEEDS: u64 = 40;

/// Seeds on which the strategy must find something better than random search does. With equally good searches this
/// many of 40 come about with probability 0.0083 (one-sided sign test).
const MIN_WINS: usize = 28;

/// A task on which a search must beat random draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ConvergenceTask {
    /// Six edges with five operations each: every edge counts, and pairs of edges interact.
    Cells,
    /// Six real parameters: a bowl with an axis ratio of 100 to 1, and ripples.
    Numbers,
}

impl ConvergenceTask {
    /// The task's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cells => "cells",
            Self::Numbers => "numbers",
        }
    }

    fn problem(self) -> Problem {
        match self {
            Self::Cells => problems::five_operations(),
            Self::Numbers => problems::six_numbers(),
        }
    }

    /// What is minimised.
    fn measure(self, problem: &Problem, configuration: &Configuration) -> f64 {
        match self {
            Self::Cells => {
                let values = configuration.values();
                let edges: f64 = values.iter().map(|operation| (operation - 3.0).powi(2)).sum();
                let pairs = values.windows(2).filter(|pair| pair[0] == 0.0 || pair[1] == pair[0] - 1.0);
                edges + 5.0 * pairs.count() as f64
            }
            Self::Numbers => {
                let unit = problem.space.to_unit(configuration);
                let term = |(index, place): (usize, &f64)| {
                    let distance = place - 0.37;
                    let ripple = 0.01 * (1.0 - (40.0 * distance).cos());
                    10f64.powf(2.0 * index as f64 / 5.0) * distance.powi(2) + ripple
                };
                unit.iter().enumerate().map(term).sum()
            }
        }
    }
}

/// Searches `tasks` with `n_trials` trials, one worker and 40 seeds, and compares the best found with the best of as
/// many uniform draws. A task is won when the strategy's is better on at least 28 seeds.
pub fn convergence<F>(make: F, tasks: &[ConvergenceTask], n_trials: usize) -> Report
where
    F: Fn(&Problem) -> Result<Box<dyn Strategy>, ComponentError>,
{
    let mut report = Report::default();
    for &task in tasks {
        let demand =
            "in as many trials, the best found is better than that of random search on 28 of 40 seeds";
        report.run(format!("convergence/{}", task.name()), demand, || {
            let problem = task.problem();
            let mut n_wins = 0;
            for seed in 0..N_SEEDS {
                let strategy =
                    make(&problem).map_err(|error| Trouble::from_error("making the strategy", &error))?;
                let mut session = Session::new(strategy, &problem, Seed::from_number(seed));
                session
                    .run(n_trials, 1, |configuration, _| Ok(vec![task.measure(&problem, configuration)]))?;
                let found = session.best().unwrap_or(f64::INFINITY);
                n_wins += usize::from(found < best_of_draws(task, &problem, n_trials, seed)?);
            }
            if n_wins >= MIN_WINS {
                return Ok(());
            }
            Err(Trouble::Failed(format!("it was better on {n_wins} of {N_SEEDS} seeds, not on {MIN_WINS}")))
        });
    }
    report
}

fn best_of_draws(
    task: ConvergenceTask,
    problem: &Problem,
    n_trials: usize,
    seed: u64,
) -> Result<f64, Trouble> {
    let mut rng = Seed::from_number(seed).derive("random search", 0).rng();
    let mut best = f64::INFINITY;
    for _ in 0..n_trials {
        let drawn = problem.space.sample(&mut rng).map_err(|error| Trouble::Failed(error.to_string()))?;
        best = best.min(task.measure(problem, &drawn));
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use heirloom_model::{AskRequest, Observation, Proposal};

    use super::*;

    struct Uniform(Problem);

    impl Strategy for Uniform {
        fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
            let draw = |index| self.0.space.sample(&mut request.rng(index)).unwrap();
            Ok((0..request.n).map(|index| Proposal::new(draw(index), self.0.full_fidelity())).collect())
        }

        fn tell(&mut self, _observations: &[Observation]) -> Result<(), ComponentError> {
            Ok(())
        }
    }

    #[test]
    fn random_search_does_not_beat_random_search() {
        let tasks = [ConvergenceTask::Cells, ConvergenceTask::Numbers];
        let report = convergence(|problem| Ok(Box::new(Uniform(problem.clone()))), &tasks, 60);
        assert_eq!(report.failures().count(), 2, "{report}");
    }
}
