//! `warm.nb201.*.10`: the best of ten transferred cells, from 200 random runs on each of the two other data sets.

use std::sync::Arc;

use heirloom_dataset::Table;
use heirloom_model::{Configuration, Direction, Objective, Problem, Seed, Space, SpaceSpec};
use heirloom_warm_start::{Knowledge, Mode, Options, PastTask};
use rayon::prelude::*;

use crate::row::Row;
use crate::warm_play::{play, seed_file};

const TASKS: [(&str, &str); 3] = [("cifar10", "c10"), ("cifar100", "c100"), ("ImageNet16-120", "in16")];
const N_SEEDS: u64 = 100;
const N_PAST_RUNS: usize = 200;
const N_TRANSFERRED: usize = 10;

struct NasBench201 {
    problem: Problem,
    /// `[15625]`
    cells: Vec<Configuration>,
    /// For each task the validation accuracy in percent, mean over trainings, by cell.
    accuracies: Vec<Vec<f64>>,
}

/// Measures the rows.
pub(crate) fn measure(prefix: &str) -> Result<Vec<Row>, String> {
    let table = load().map_err(|error| error.to_string())?;
    let targets = (0..TASKS.len()).filter(|&target| id(target).starts_with(prefix));
    targets.map(|target| row(&table, target)).collect()
}

fn id(target: usize) -> String {
    format!("warm.nb201.{}.10", TASKS[target].1)
}

fn row(table: &NasBench201, target: usize) -> Result<Row, String> {
    let best: Vec<f64> = (0..N_SEEDS)
        .into_par_iter()
        .map(|seed| search(table, target, seed))
        .collect::<Result<_, String>>()?;
    Ok(Row::from_samples(id(target), "% validation accuracy", &best))
}

fn search(table: &NasBench201, target: usize, seed: u64) -> Result<f64, String> {
    let seed = Seed::from_number(seed);
    let past = (0..TASKS.len()).filter(|&task| task != target).map(|task| sparse(table, task, seed));
    let options = Options { mode: Mode::Replace, n_initial: N_TRANSFERRED };
    let knowledge = Knowledge::new(&table.problem, None, past.collect(), options);
    let mut warm =
        knowledge.and_then(|knowledge| knowledge.warm_start()).map_err(|error| error.to_string())?;
    let value_of = |cell: &Configuration| Some(table.accuracies[target][number(cell)]);
    let curve = play(&table.problem, Some(&mut warm), N_TRANSFERRED, seed, value_of)?;
    Ok(curve[N_TRANSFERRED - 1])
}

/// Random runs on one past task, drawn anew for each seed and task.
fn sparse(table: &NasBench201, task: usize, seed: Seed) -> PastTask {
    let mut rng = seed.derive("past runs", task as u64).rng();
    let mut cells: Vec<usize> = (0..table.cells.len()).collect();
    rng.shuffle(&mut cells);
    cells.truncate(N_PAST_RUNS);
    PastTask {
        key: TASKS[task].0.into(),
        name: TASKS[task].0.into(),
        meta_features: None,
        configurations: cells.iter().map(|&cell| table.cells[cell].clone()).collect(),
        objectives: cells.iter().map(|&cell| Some(-table.accuracies[task][cell])).collect(),
        n_evaluations: N_PAST_RUNS,
        is_own: false,
    }
}

fn load() -> Result<NasBench201, Box<dyn std::error::Error>> {
    let spec = SpaceSpec::preset("nas-bench-201").ok_or("the space has gone")?;
    let space = Arc::new(Space::compile(spec)?);
    let strings = Table::read(seed_file("nas-bench-201/configurations.parquet"))?;
    let strings = strings.column("architecture")?.as_text()?;
    let n = space.n_configurations().ok_or("an infinite space")? as usize;
    let mut cells = vec![space.default_configuration(); n];
    let mut place_of_id = vec![0; n];
    for (id, place) in place_of_id.iter_mut().enumerate() {
        let cell = space.parse_architecture(strings.get(id)).ok_or("a space without architectures")??;
        *place = number(&cell);
        cells[*place] = cell;
    }
    let table = Table::read(seed_file("nas-bench-201/evaluations.parquet"))?;
    let (tasks, ids) = (table.column("task")?.as_text()?, table.column("configuration_id")?.as_ints()?);
    let trainings: Vec<Vec<f64>> = ["val_acc_s0", "val_acc_s1", "val_acc_s2"]
        .iter()
        .map(|name| table.column(name)?.to_f64())
        .collect::<Result<_, _>>()?;
    let mut accuracies = vec![vec![0.0; n]; TASKS.len()];
    for (row, &id) in ids.iter().enumerate() {
        let task = TASKS.iter().position(|task| task.0 == tasks.get(row)).ok_or("an unknown task")?;
        let known = trainings.iter().map(|training| training[row]).filter(|accuracy| !accuracy.is_nan());
        let (sum, n) = known.fold((0.0, 0.0), |(sum, n), accuracy| (sum + accuracy, n + 1.0));
        accuracies[task][place_of_id[id as usize]] = sum / n;
    }
    let objective = Objective { name: "val_acc".into(), direction: Direction::Maximise };
    Ok(NasBench201 { problem: Problem::new(space, objective), cells, accuracies })
}

/// A cell's place: its six operations as a number to the base of five.
fn number(cell: &Configuration) -> usize {
    cell.values().iter().fold(0, |number, &operation| 5 * number + operation as usize)
}
