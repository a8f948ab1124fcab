//! `warm.graph.*`: warm minus cold on graph networks, where past tasks may mislead: rankings of two data sets
//! correlate from 0.61 down to −0.30.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use heirloom_dataset::Table;
use heirloom_model::architecture::{ArchitectureSpec, LinkedCell};
use heirloom_model::{
    Configuration, Direction, Objective, Problem, Seed, Space, SpaceSpec, Value, WarmStart,
};
use heirloom_warm_start::{Knowledge, Options, PastTask, Transfer};
use rayon::prelude::*;

use crate::row::Row;
use crate::warm_play::{play, seed_file};

const N_SEEDS: u64 = 200;
const CHECKPOINTS: [usize; 2] = [10, 50];
const TASKS: [&str; 9] =
    ["arxiv", "citeseer", "computers", "cora", "cs", "photo", "physics", "pubmed", "proteins"];
/// Ran with five of the nine operations only.
const SMALL_TASK: &str = "proteins";

struct Tables {
    large: Graphs,
    small: Graphs,
}

/// One benchmark's architectures in their space.
struct Graphs {
    problem: Problem,
    /// The architecture of each point of the space; isomorphic ones share it.
    architecture: HashMap<Configuration, usize>,
    /// One point for each architecture, the one whose training was recorded.
    points: HashMap<usize, Configuration>,
    /// Validation accuracy of each architecture, by task.
    accuracies: BTreeMap<String, HashMap<usize, f64>>,
}

/// Measures the rows.
pub(crate) fn measure(prefix: &str) -> Result<Vec<Row>, String> {
    let wanted = |task: &&str| CHECKPOINTS.iter().any(|n| id(task, *n).starts_with(prefix));
    let tables = load().map_err(|error| error.to_string())?;
    let rows: Vec<Vec<Row>> =
        TASKS.into_iter().filter(wanted).map(|task| rows(&tables, task)).collect::<Result<_, _>>()?;
    Ok(rows.into_iter().flatten().collect())
}

fn id(task: &str, n: usize) -> String {
    format!("warm.graph.{task}.{n}")
}

fn rows(tables: &Tables, target: &str) -> Result<Vec<Row>, String> {
    let graphs = if target == SMALL_TASK { &tables.small } else { &tables.large };
    let warm = warm_start(tables, graphs, target).map_err(|error| error.to_string())?;
    let accuracies = &graphs.accuracies[target];
    let value_of = |point: &Configuration| accuracies.get(graphs.architecture.get(point)?).copied();
    let n = CHECKPOINTS[CHECKPOINTS.len() - 1];
    let differences = |seed: u64| {
        let seed = Seed::from_number(seed);
        let cold = play(&graphs.problem, None, n, seed, value_of)?;
        let warm = play(&graphs.problem, Some(&mut warm.clone() as &mut dyn WarmStart), n, seed, value_of)?;
        Ok(CHECKPOINTS.map(|n| warm[n - 1] - cold[n - 1]))
    };
    let all: Vec<_> = (0..N_SEEDS).into_par_iter().map(differences).collect::<Result<_, String>>()?;
    let row = |(place, &n): (usize, &usize)| {
        let samples: Vec<f64> = all.iter().map(|differences| differences[place]).collect();
        Row::from_samples(id(target, n), "accuracy, warm − cold", &samples)
    };
    Ok(CHECKPOINTS.iter().enumerate().map(row).collect())
}

/// A warm start from the whole tables of the other data sets.
fn warm_start(
    tables: &Tables,
    graphs: &Graphs,
    target: &str,
) -> Result<Transfer, Box<dyn std::error::Error>> {
    let past = TASKS.into_iter().filter(|&task| task != target).map(|task| {
        let source = if task == SMALL_TASK { &tables.small } else { &tables.large };
        past_task(source, task, &graphs.problem.space)
    });
    Ok(Knowledge::new(&graphs.problem, None, past.collect(), Options::default())?.warm_start()?)
}

/// A task's table in another space; architectures that this one does not have are left out.
fn past_task(source: &Graphs, task: &str, space: &Space) -> PastTask {
    let mut recorded: Vec<(&usize, &f64)> = source.accuracies[task].iter().collect();
    recorded.sort_by_key(|(architecture, _)| **architecture);
    let mapped = recorded.iter().filter_map(|(architecture, accuracy)| {
        let named = source.problem.space.to_named(&source.points[*architecture]);
        Some((space.from_named(&named).ok()?, Some(-**accuracy)))
    });
    let (configurations, objectives): (Vec<_>, Vec<_>) = mapped.unzip();
    let n_evaluations = recorded.len();
    PastTask {
        key: task.into(),
        name: task.into(),
        meta_features: None,
        configurations,
        objectives,
        n_evaluations,
        is_own: false,
    }
}

fn load() -> Result<Tables, Box<dyn std::error::Error>> {
    let small = ["gcn", "sage", "arma", "fc", "skip"].map(String::from).to_vec();
    let large = LinkedCell::nas_bench_graph();
    let small = LinkedCell { operations: small, ..large.clone() };
    Ok(Tables {
        large: load_graphs("nas-bench-graph", large)?,
        small: load_graphs("nas-bench-graph-proteins", small)?,
    })
}

fn load_graphs(folder: &str, cell: LinkedCell) -> Result<Graphs, Box<dyn std::error::Error>> {
    let spec = SpaceSpec { architecture: Some(ArchitectureSpec::LinkedCell(cell)), ..Default::default() };
    let space = Arc::new(Space::compile(spec)?);
    let table = Table::read(seed_file(&format!("{folder}/configurations.parquet")))?;
    let ids = table.column("architecture_id")?.as_ints()?;
    let names = ["links", "op_1", "op_2", "op_3", "op_4"];
    let columns = names.map(|name| table.column(name).and_then(|column| column.as_text()));
    let (mut architecture, mut points) = (HashMap::new(), HashMap::new());
    for (row, &id) in ids.iter().enumerate() {
        let mut named = BTreeMap::new();
        for (name, column) in names.iter().zip(&columns) {
            let column = column.as_ref().map_err(|error| error.to_string())?;
            named.insert((*name).to_owned(), Value::from(column.get(row)));
        }
        let point = space.from_named(&named)?;
        points.entry(id as usize).or_insert_with(|| point.clone());
        architecture.insert(point, id as usize);
    }
    let table = Table::read(seed_file(&format!("{folder}/evaluations.parquet")))?;
    let (tasks, ids) = (table.column("task")?.as_text()?, table.column("architecture_id")?.as_ints()?);
    let mut accuracies: BTreeMap<String, HashMap<usize, f64>> = BTreeMap::new();
    for (row, accuracy) in table.column("val_acc")?.to_f64()?.into_iter().enumerate() {
        accuracies.entry(tasks.get(row).to_owned()).or_default().insert(ids[row] as usize, accuracy);
    }
    let objective = Objective { name: "val_acc".into(), direction: Direction::Maximise };
    Ok(Graphs { problem: Problem::new(space, objective), architecture, points, accuracies })
}
