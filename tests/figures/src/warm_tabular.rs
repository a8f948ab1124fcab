//! `warm.tabular.*`: searches over our own recorded trainings of perceptrons, leave one table out, cold and warm.
//!
//! Both draw the recorded configurations without replacement, in an order that follows from the seed; the warm start
//! is asked first. Related tables are left out together.

use std::collections::BTreeSet;
use std::sync::Arc;

use heirloom_model::{
    AskRequest, Configuration, FailureKind, Objective, Observation, Problem, Seed, TrialId, WarmStart,
};
use heirloom_recorded_table::RecordedTable;
use heirloom_warm_start::{Knowledge, Mode, Options, PastTask};
use rayon::prelude::*;

use crate::row::Row;
use crate::warm_play::seed_file;

const N_SEEDS: u64 = 40;
/// The cold search whose incumbent is to be reached.
const COLD: usize = 40;
/// Trials after which warm and cold are compared.
const CHECKPOINTS: [usize; 2] = [10, COLD];
/// Tables made by the same rule, or from the same source.
const FAMILIES: [&[&str]; 4] = [
    &["flare", "solar_flare_2"],
    &["led7", "led24"],
    &["wine_quality_red", "wine_quality_white"],
    &["mofn_3_7_10", "monk3", "threeOf9", "xd6"],
];

/// The recorded values of every configuration on one table, maximised; `None` where the training diverged.
struct Recorded {
    key: String,
    family: String,
    meta_features: Option<heirloom_warm_start::MetaFeatures>,
    values: Vec<Option<f64>>,
}

/// Measures the rows.
pub(crate) fn measure(_prefix: &str) -> Result<Vec<Row>, String> {
    let table = RecordedTable::open(seed_file("tabular-mlp")).map_err(|error| error.to_string())?;
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
            let name = described.name.trim_start_matches("pmlb-");
            let family = FAMILIES.iter().find(|family| family.contains(&name));
            Recorded {
                key: described.name.clone(),
                family: family.map_or(name, |family| family[0]).to_owned(),
                meta_features: Some(described.meta_features.clone()).filter(|features| !features.is_empty()),
                values: configurations.iter().map(value).collect(),
            }
        })
        .collect();

    let measured: Vec<Target> = (0..recorded.len())
        .into_par_iter()
        .map(|target| Target::measure(&problem, configurations, &recorded, target))
        .collect::<Result<_, _>>()?;
    for (table, target) in recorded.iter().zip(&measured) {
        let [ten, forty] = target.gains.each_ref().map(|gains| Row::from_samples("", "", gains));
        eprintln!(
            "{}: {} trials; warm − cold {:+.4} ± {:.4} after 10, {:+.4} ± {:.4} after 40",
            table.key,
            median(target.trials.clone()),
            ten.value,
            ten.high - ten.value,
            forty.value,
            forty.high - forty.value
        );
    }
    let medians: Vec<f64> = measured.iter().map(|target| median(target.trials.clone())).collect();
    let mut to_cold =
        Row::from_samples("warm.tabular.trials-to-cold40", "trials, median over tables", &medians);
    to_cold.value = median(medians.clone());
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let gain = |(place, n): (usize, &usize)| {
        let gains: Vec<f64> = measured.iter().map(|target| mean(&target.gains[place])).collect();
        Row::from_samples(format!("warm.tabular.gain.{n}"), "balanced accuracy, warm − cold", &gains)
    };
    // The table that the warm start serves worst, with its own interval: harm is where its upper end is below 0.
    let worst = measured
        .iter()
        .map(|target| {
            Row::from_samples("warm.tabular.worst.40", "balanced accuracy, warm − cold", &target.gains[1])
        })
        .min_by(|a, b| a.high.total_cmp(&b.high));
    Ok([to_cold].into_iter().chain(CHECKPOINTS.iter().enumerate().map(gain)).chain(worst).collect())
}

/// What was measured on one table, a value a seed.
struct Target {
    /// Trials after which the warm search reached the cold one's incumbent of 40 trials.
    trials: Vec<f64>,
    gains: [Vec<f64>; 2],
}

impl Target {
    fn measure(
        problem: &Problem,
        configurations: &[Configuration],
        recorded: &[Recorded],
        target: usize,
    ) -> Result<Self, String> {
        let past =
            recorded.iter().filter(|other| other.family != recorded[target].family).map(|other| PastTask {
                key: other.key.clone(),
                name: other.key.clone(),
                meta_features: other.meta_features.clone(),
                configurations: configurations.to_vec(),
                objectives: other.values.iter().map(|value| value.map(|value| -value)).collect(),
                n_evaluations: configurations.len(),
            });
        let options = Options { mode: Mode::Seed, n_initial: Options::default().n_initial };
        let knowledge =
            Knowledge::new(problem, recorded[target].meta_features.clone(), past.collect(), options)
                .map_err(|error| error.to_string())?;
        let started = knowledge.warm_start().map_err(|error| error.to_string())?;
        let mut measured = Self { trials: Vec::new(), gains: [Vec::new(), Vec::new()] };
        for seed in 0..N_SEEDS {
            let seed = Seed::from_number(seed);
            let values = &recorded[target].values;
            let cold = play(problem, configurations, values, None, seed)?;
            let warm = play(problem, configurations, values, Some(&mut started.clone()), seed)?;
            let reached = warm.iter().position(|&best| best >= cold[COLD - 1]);
            measured.trials.push(reached.map_or(warm.len() + 1, |place| place + 1) as f64);
            for (gains, n) in measured.gains.iter_mut().zip(CHECKPOINTS) {
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (values[(n - 1) / 2] + values[n / 2]) / 2.0
}
