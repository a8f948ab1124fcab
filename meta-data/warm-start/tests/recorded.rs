//! The warm start on recorded trainings that ship with the product: perceptrons on tables, one table left out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use heirloom_model::{
    AskRequest, Configuration, FailureKind, Observation, Problem, Seed, TrialId, WarmStart,
};
use heirloom_recorded_table::RecordedTable;
use heirloom_warm_start::{Knowledge, Options, PastTask};

const N_TRIALS: u64 = 10;
const N_SEEDS: u64 = 8;
/// Every third table is searched; all others are its past.
const EVERY: usize = 3;

/// The recorded table as past tasks, objectives minimised.
fn recorded() -> (Problem, Vec<PastTask>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seed/tabular-mlp");
    let table = RecordedTable::open(path).unwrap();
    let problem = Problem::new(table.space().clone(), table.objectives()[0].clone());
    let last = table.fidelity().unwrap().levels.len() - 1;
    let tasks = table.tasks().iter().enumerate().map(|(task, described)| PastTask {
        key: described.name.clone(),
        name: described.name.clone(),
        meta_features: Some(described.meta_features.clone()),
        configurations: table.configurations().to_vec(),
        objectives: table
            .configurations()
            .iter()
            .map(|configuration| {
                let outcome = table.find(task, configuration)?.outcome(last, None).ok()?;
                Some(outcome.objectives[0])
            })
            .collect(),
        n_evaluations: table.configurations().len(),
        is_own: false,
    });
    (problem, tasks.collect())
}

/// How many of a hundred configurations are at least as good as the best of ten trials; random draws from the same
/// table where the warm start proposes nothing.
fn percent_as_good(problem: &Problem, target: &PastTask, warm: &mut dyn WarmStart, seed: Seed) -> f64 {
    let value = |place: usize| target.objectives[place].unwrap_or(f64::INFINITY);
    let mut order: Vec<usize> = (0..target.configurations.len()).collect();
    seed.derive("strategy", 0).rng().shuffle(&mut order);
    let place_of = |wanted: &Configuration| {
        target.configurations.iter().position(|configuration| configuration == wanted).unwrap()
    };
    let mut best = f64::INFINITY;
    for trial in (0..N_TRIALS).map(TrialId) {
        let request = AskRequest { n: 1, first_trial: trial, pending: &[], seed };
        let proposed = warm.propose(&request).unwrap().pop();
        let place = proposed
            .as_ref()
            .map_or(order[trial.0 as usize], |transfer| place_of(&transfer.proposal.configuration));
        best = best.min(value(place));
        let observation = Observation {
            trial,
            configuration: target.configurations[place].clone(),
            fidelity: problem.full_fidelity(),
            result: target.objectives[place].map(|value| vec![value]).ok_or(FailureKind::Diverged),
            cost_seconds: 0.0,
        };
        warm.tell(&[observation], &[proposed.is_some()]).unwrap();
    }
    let n_as_good = (0..order.len()).filter(|&place| value(place) <= best).count();
    100.0 * n_as_good as f64 / order.len() as f64
}

/// The mean over tables and seeds, with what is made of the other tables as the past.
fn mean_percent(past_of: impl Fn(usize, &[PastTask]) -> Vec<PastTask>) -> f64 {
    let (problem, tasks) = recorded();
    let mut found = Vec::new();
    for target in (0..tasks.len()).step_by(EVERY) {
        let features = tasks[target].meta_features.clone();
        let past = past_of(target, &tasks);
        let knowledge = Knowledge::new(&problem, features, past, Options::default()).unwrap();
        let warm = knowledge.warm_start().unwrap();
        let percent =
            |seed| percent_as_good(&problem, &tasks[target], &mut warm.clone(), Seed::from_number(seed));
        found.extend((0..N_SEEDS).map(percent));
    }
    found.iter().sum::<f64>() / found.len() as f64
}

fn others(target: usize, tasks: &[PastTask]) -> Vec<PastTask> {
    tasks.iter().filter(|task| task.key != tasks[target].key).cloned().collect()
}

/// Fails when the archive is ignored, which is what an emptied one comes to, and when its results are shuffled.
#[test]
fn ten_trials_with_recorded_tables_beat_ten_without_and_ten_with_them_shuffled() {
    let warm = mean_percent(others);
    let cold = mean_percent(|_, _| Vec::new());
    let shuffled = mean_percent(|target, tasks| {
        let mut past = others(target, tasks);
        for (place, task) in past.iter_mut().enumerate() {
            Seed::from_number(0).derive("shuffle", place as u64).rng().shuffle(&mut task.objectives);
        }
        past
    });
    println!("as good as the best of ten: warm {warm:.2} %, cold {cold:.2} %, shuffled {shuffled:.2} %");
    assert!(warm < 0.8 * cold, "warm {warm}, cold {cold}");
    assert!(warm < 0.8 * shuffled, "warm {warm}, shuffled {shuffled}");
}
