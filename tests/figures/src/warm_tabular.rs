//! `warm.tabular.*`, `warm.image.*`: searches over our own recorded trainings, leave one task out, cold and warm.
//!
//! Both draw the recorded configurations without replacement, in an order that follows from the seed; the warm start
//! is asked first. Related tasks are left out together.

use std::collections::BTreeSet;
use std::sync::Arc;

use heirloom_model::{
    AskRequest, Configuration, FailureKind, Objective, Observation, Problem, Seed, TrialId, WarmStart,
};
use heirloom_recorded_table::RecordedTable;
use heirloom_warm_start::{Knowledge, Mode, Options, PastTask};
use rayon::prelude::*;

use crate::row::{Row, median};
use crate::warm_play::seed_file;

const N_SEEDS: u64 = 40;

/// An archive of our own trainings, and what is measured on it.
struct Own {
    id: &'static str,
    table: &'static str,
    unit: &'static str,
    /// Trials after which warm and cold are compared; the last is the cold search whose incumbent is to be reached.
    checkpoints: [usize; 2],
    /// Tasks made by the same rule, or from the same source.
    families: &'static [&'static [&'static str]],
}

const TABULAR: Own = Own {
    id: "warm.tabular",
    table: "tabular-mlp",
    unit: "balanced accuracy, warm − cold",
    checkpoints: [10, 40],
    families: &[
        &["pmlb-flare", "pmlb-solar_flare_2"],
        &["pmlb-led7", "pmlb-led24"],
        &["pmlb-wine_quality_red", "pmlb-wine_quality_white"],
        &["pmlb-mofn_3_7_10", "pmlb-monk3", "pmlb-threeOf9", "pmlb-xd6"],
    ],
};

const IMAGES: Own = Own {
    id: "warm.image",
    table: "image-cells",
    unit: "accuracy, warm − cold",
    checkpoints: [4, 12],
    families: &[
        &["digits", "digits-0-4", "digits-5-9"],
        &["fashion-mnist-7", "fashion-mnist-14", "fashion-mnist-14-tops", "fashion-mnist-14-others"],
    ],
};

/// The recorded values of every configuration on one task, maximised; `None` where the training diverged.
struct Recorded {
    key: String,
    family: String,
    meta_features: Option<heirloom_warm_start::MetaFeatures>,
    values: Vec<Option<f64>>,
}

/// Measures the rows of perceptrons on tables.
pub(crate) fn tabular(_prefix: &str) -> Result<Vec<Row>, String> {
    TABULAR.measure()
}

/// Measures the rows of cells on images.
pub(crate) fn images(_prefix: &str) -> Result<Vec<Row>, String> {
    IMAGES.measure()
}

impl Own {
    fn measure(&self) -> Result<Vec<Row>, String> {
        let Self { id, unit, checkpoints, .. } = *self;
        let table = RecordedTable::open(seed_file(self.table)).map_err(|error| error.to_string())?;
        let objective: Objective = table.objectives()[0].clone();
        let problem = Problem::new(Arc::clone(table.space()), objective.clone());
        let configurations = table.configurations();
        let last = table.fidelity().map_or(0, |fidelity| fidelity.levels.len().saturating_sub(1));
        let recorded: Vec<Recorded> = table
            .tasks()
            .iter()
            .enumerate()
            .map(|(task, described)| {
                let value = |configuration| {
                    let outcome = table.find(task, configuration)?.outcome(last, None).ok()?;
                    Some(-outcome.objectives[0])
                };
                let name = described.name.as_str();
                let family = self.families.iter().find(|family| family.contains(&name));
                Recorded {
                    key: described.name.clone(),
                    family: family.map_or(name, |family| family[0]).to_owned(),
                    meta_features: Some(described.meta_features.clone())
                        .filter(|features| !features.is_empty()),
                    values: configurations.iter().map(value).collect(),
                }
            })
            .collect();

        let measured: Vec<Target> = (0..recorded.len())
            .into_par_iter()
            .map(|target| Target::measure(&problem, configurations, &recorded, target, checkpoints))
            .collect::<Result<_, _>>()?;
        for (table, target) in recorded.iter().zip(&measured) {
            let [early, late] = target.gains.each_ref().map(|gains| Row::from_samples("", "", gains));
            eprintln!(
                "{}: {} trials; warm − cold {:+.4} ± {:.4} after {}, {:+.4} ± {:.4} after {}",
                table.key,
                median(target.trials.clone()),
                early.value,
                early.high - early.value,
                checkpoints[0],
                late.value,
                late.high - late.value,
                checkpoints[1],
            );
        }
        let medians: Vec<f64> = measured.iter().map(|target| median(target.trials.clone())).collect();
        let to_cold = Row::median_of(
            format!("{id}.trials-to-cold{}", checkpoints[1]),
            "trials, median over tasks",
            &medians,
        );
        let cold = measured.iter().map(|target| median(target.cold_trials.clone())).collect();
        let to_cold = to_cold.beside(median(cold));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let gain = |(place, n): (usize, &usize)| {
            let gains: Vec<f64> = measured.iter().map(|target| mean(&target.gains[place])).collect();
            Row::from_samples(format!("{id}.gain.{n}"), unit, &gains)
        };
        // The task that the warm start serves worst, with its own interval: harm is where its upper end is below 0.
        let worst = measured
            .iter()
            .map(|target| Row::from_samples(format!("{id}.worst.{}", checkpoints[1]), unit, &target.gains[1]))
            .min_by(|a, b| a.high.total_cmp(&b.high));
        Ok([to_cold].into_iter().chain(checkpoints.iter().enumerate().map(gain)).chain(worst).collect())
    }
}

/// What was measured on one task, a value a seed.
struct Target {
    /// Trials after which the warm search reached the cold one's incumbent at the last checkpoint, and after which the
    /// cold one itself did: the last of them rarely was the best.
    trials: Vec<f64>,
    cold_trials: Vec<f64>,
    gains: [Vec<f64>; 2],
}

impl Target {
    fn measure(
        problem: &Problem,
        configurations: &[Configuration],
        recorded: &[Recorded],
        target: usize,
        checkpoints: [usize; 2],
    ) -> Result<Self, String> {
        let past =
            recorded.iter().filter(|other| other.family != recorded[target].family).map(|other| PastTask {
                key: other.key.clone(),
                name: other.key.clone(),
                meta_features: other.meta_features.clone(),
                configurations: configurations.to_vec(),
                objectives: other.values.iter().map(|value| value.map(|value| -value)).collect(),
                n_evaluations: configurations.len(),
                is_own: false,
            });
        let options = Options { mode: Mode::Seed, n_initial: Options::default().n_initial };
        let knowledge =
            Knowledge::new(problem, recorded[target].meta_features.clone(), past.collect(), options)
                .map_err(|error| error.to_string())?;
        let started = knowledge.warm_start().map_err(|error| error.to_string())?;
        let mut measured =
            Self { trials: Vec::new(), cold_trials: Vec::new(), gains: [Vec::new(), Vec::new()] };
        for seed in 0..N_SEEDS {
            let seed = Seed::from_number(seed);
            let values = &recorded[target].values;
            let cold = play(problem, configurations, values, None, seed)?;
            let warm = play(problem, configurations, values, Some(&mut started.clone()), seed)?;
            let n_trials = |curve: &[f64]| {
                let reached = curve.iter().position(|&best| best >= cold[checkpoints[1] - 1]);
                reached.map_or(curve.len() + 1, |place| place + 1) as f64
            };
            measured.trials.push(n_trials(&warm));
            measured.cold_trials.push(n_trials(&cold));
            for (gains, n) in measured.gains.iter_mut().zip(checkpoints) {
                gains.push(warm[n - 1] - cold[n - 1]);
            }
        }
        Ok(measured)
    }
}

/// The best value after each trial, until all recorded configurations were tried.
fn play(
    problem: &Problem,
    configurations: &[Configuration],
    values: &[Option<f64>],
    mut warm_start: Option<&mut dyn WarmStart>,
    seed: Seed,
) -> Result<Vec<f64>, String> {
    let mut order: Vec<usize> = (0..configurations.len()).collect();
    seed.derive("strategy", 0).rng().shuffle(&mut order);
    let mut order = order.into_iter();
    let warm_seed = seed.derive("warm-start", 0);
    let mut tried = BTreeSet::new();
    let mut best = f64::NEG_INFINITY;
    let mut curve = Vec::new();
    for trial in (0..configurations.len() as u64).map(TrialId) {
        let request = AskRequest { n: 1, first_trial: trial, pending: &[], seed: warm_seed };
        let transferred = match &mut warm_start {
            Some(warm) => warm.propose(&request).map_err(|error| error.to_string())?.pop(),
            None => None,
        };
        let is_transferred = transferred.is_some();
        let configuration = match transferred {
            Some(transfer) => transfer.proposal.configuration,
            None => match order.find(|place| !tried.contains(place)) {
                Some(place) => configurations[place].clone(),
                None => break,
            },
        };
        let place = configurations.iter().position(|own| *own == configuration);
        let value = place.and_then(|place| values[place]);
        tried.extend(place);
        best = best.max(value.unwrap_or(f64::NEG_INFINITY));
        curve.push(best);
        if let Some(warm) = &mut warm_start {
            let result = value.map(|value| vec![-value]).ok_or(FailureKind::Diverged);
            let fidelity = problem.full_fidelity();
            let observation = Observation { trial, configuration, fidelity, result, cost_seconds: 0.0 };
            warm.tell(&[observation], &[is_transferred]).map_err(|error| error.to_string())?;
        }
    }
    Ok(curve)
}
