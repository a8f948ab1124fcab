//! `proxy.vote.TASK`: how a vote whose weights the archive gave ranks cells of a task that it does not know, by
//! Spearman's correlation with the recorded accuracy. The past tasks are the others of the same space; the peer is the
//! vote of `synflow`, `jacov` and `snip` with equal weights, on the same cells.
//!
//! `proxy.vote.TASK.three`: the same three with the archive's weights. `proxy.vote.TASK.known`: half of the task's own
//! cells are in the archive too, the other half is ranked. `proxy.vote.TASK.SCORE`: each score alone.
//!
//! The scores are those that NAS-Bench-Suite-Zero recorded (Krishnakumar et al. 2022), of cells of NAS-Bench-201 and
//! TransNAS-Bench-101. No task has meta-features here: all past ones are equally near.

use std::collections::BTreeMap;

use heirloom_dataset::{Table, shared_data};
use heirloom_engine::References;
use heirloom_figures::rank::correlation;
use heirloom_figures::row::Row;
use heirloom_model::{Direction, Seed};
use heirloom_warm_start::{ScoredRun, believe};

const UNIT: &str = "Spearman, recorded scores";

/// The scores that all tables hold, by their names here and their columns' possible names.
const SCORES: [(&str, &[&str]); 12] = [
    ("synflow", &["synflow"]),
    ("jacov", &["jacov"]),
    ("snip", &["snip"]),
    ("grad-norm", &["grad_norm"]),
    ("fisher", &["fisher"]),
    ("grasp", &["grasp"]),
    ("plain", &["plain"]),
    ("l2-norm", &["l2_norm"]),
    ("epe-nas", &["epe_nas"]),
    ("zen", &["zen", "zen_score"]),
    ("params", &["params", "params_m"]),
    ("flops", &["flops", "flops_m"]),
];

/// The first of [`SCORES`] are those that the published vote is of.
const N_PUBLISHED: usize = 3;

/// Folder, table, column of the accuracy, and before its data sets' names what tells the space.
const TABLES: [(&str, &str, &str, &str); 3] = [
    ("nasbench201", "zero_cost_proxies.parquet", "val_acc_one_seed", "nb201"),
    ("nasbench201", "extra_tasks.parquet", "val_acc", "nb201"),
    ("transnasbench101-micro", "extra_tasks.parquet", "val_acc", "tnb101"),
];

/// What was recorded of a task, a number for each cell.
struct Task {
    /// Its id in figures: the space and the data set.
    id: String,
    space: &'static str,
    /// `[12]` columns in the order of [`SCORES`].
    scores: Vec<Vec<f64>>,
    accuracies: Vec<f64>,
}

/// Measures the rows.
pub(crate) fn measure(prefix: &str) -> Result<Vec<Row>, String> {
    let Some(tasks) = read().map_err(|error| error.to_string())? else { return Ok(Vec::new()) };
    Ok((0..tasks.len())
        .flat_map(|task| rows(&tasks, task))
        .filter(|row| row.id.starts_with(prefix))
        .collect())
}

fn rows(tasks: &[Task], target: usize) -> Vec<Row> {
    let task = &tasks[target];
    let is_past = |(place, other): &(usize, &Task)| *place != target && other.space == task.space;
    let others = || tasks.iter().enumerate().filter(is_past).map(|(_, other)| other);
    let mut past: Vec<ScoredRun> = others().map(Task::as_run).collect();
    let three: Vec<usize> = (0..N_PUBLISHED).collect();
    let all: Vec<usize> = (0..SCORES.len()).collect();
    let equal =
        |cells: &Task| correlation(String::new(), UNIT, &cells.vote(&three, &[1.0; 3]), &cells.accuracies);
    let learned = |id: String, members: &[usize], past: &[ScoredRun], cells: &Task| {
        let proxies: Vec<_> =
            members.iter().map(|&score| (SCORES[score].0.to_owned(), direction(score))).collect();
        let weights: Vec<f64> =
            believe(&task.id, None, past, &proxies).into_iter().map(|belief| belief.weight).collect();
        let row = correlation(id, UNIT, &cells.vote(members, &weights), &cells.accuracies);
        row.beside(equal(cells).value)
    };
    let id = format!("proxy.vote.{}", task.id);
    let mut rows =
        vec![learned(id.clone(), &all, &past, task), learned(format!("{id}.three"), &three, &past, task)];
    let [seen, unseen] = task.halves();
    past.push(seen.as_run());
    rows.push(learned(format!("{id}.known"), &all, &past, &unseen));
    rows.extend(all.iter().map(|&score| {
        correlation(format!("{id}.{}", SCORES[score].0), UNIT, &task.vote(&[score], &[1.0]), &task.accuracies)
    }));
    rows
}

/// As the plugins of these names have it.
fn direction(score: usize) -> Direction {
    if SCORES[score].0 == "plain" { Direction::Minimise } else { Direction::Maximise }
}

impl Task {
    /// The votes of `members` with `weights`, `[n]`, each score's place among all cells.
    fn vote(&self, members: &[usize], weights: &[f64]) -> Vec<f64> {
        let columns = members.iter().map(|&score| (direction(score), self.scores[score].clone()));
        let references = References::of(columns);
        let of_cell = |cell: usize| {
            let scores: Vec<f64> = members.iter().map(|&score| self.scores[score][cell]).collect();
            references.vote(weights, &scores)
        };
        (0..self.accuracies.len()).map(of_cell).collect()
    }

    fn as_run(&self) -> ScoredRun {
        let scores = SCORES.iter().zip(&self.scores);
        ScoredRun {
            task: self.id.clone(),
            meta_features: None,
            scores: scores.map(|((name, _), scores)| ((*name).to_owned(), scores.clone())).collect(),
            objectives: self.accuracies.iter().map(|accuracy| -accuracy).collect(),
        }
    }

    /// The cells in two halves, drawn.
    fn halves(&self) -> [Self; 2] {
        let mut cells: Vec<usize> = (0..self.accuracies.len()).collect();
        Seed::from_number(0).derive(&self.id, 0).rng().shuffle(&mut cells);
        let half = |cells: &[usize]| {
            let chosen = |values: &Vec<f64>| cells.iter().map(|&cell| values[cell]).collect();
            Self {
                id: self.id.clone(),
                space: self.space,
                scores: self.scores.iter().map(chosen).collect(),
                accuracies: chosen(&self.accuracies),
            }
        };
        let (first, second) = cells.split_at(cells.len() / 2);
        [half(first), half(second)]
    }
}

/// All tasks; `None` where their tables are absent.
fn read() -> Result<Option<Vec<Task>>, Box<dyn std::error::Error>> {
    let mut tasks: BTreeMap<String, Task> = BTreeMap::new();
    for (folder, table, accuracy, space) in TABLES {
        let Some(folder) = shared_data(folder) else { return Ok(None) };
        let table = Table::read(folder.join(table))?;
        let names = table.column("dataset")?.as_text()?;
        let column = |names: &[&str]| -> Result<Option<Vec<f64>>, Box<dyn std::error::Error>> {
            let found = names.iter().find_map(|name| table.column(name).ok());
            Ok(found.map(|column| column.to_f64()).transpose()?)
        };
        let mut scores = Vec::new();
        for (_, names) in SCORES {
            scores.push(match column(names)? {
                Some(scores) => scores,
                None => recorded_elsewhere(&table, names)?,
            });
        }
        let accuracies = column(&[accuracy])?.ok_or("a table without accuracies")?;
        for row in 0..table.n_rows() {
            let id = format!("{space}-{}", names.get(row));
            let task = tasks.entry(id.clone()).or_insert_with(|| Task {
                id,
                space,
                scores: vec![Vec::new(); SCORES.len()],
                accuracies: Vec::new(),
            });
            task.accuracies.push(accuracies[row]);
            task.scores.iter_mut().zip(&scores).for_each(|(own, scores)| own.push(scores[row]));
        }
    }
    Ok(Some(tasks.into_values().collect()))
}

/// A score of the cells of `table` that NAS-Bench-201's results hold, under one of `names`.
fn recorded_elsewhere(table: &Table, names: &[&str]) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let folder = shared_data("nasbench201").ok_or("no results")?;
    let name = names.last().ok_or("no name")?;
    let results = Table::read_columns(folder.join("results.parquet"), &["dataset", "arch_index", name])?;
    let keys = |table: &Table| -> Result<Vec<(String, i64)>, Box<dyn std::error::Error>> {
        let (data_sets, cells) = (table.column("dataset")?.as_text()?, table.column("arch_index")?.to_f64()?);
        Ok(cells
            .iter()
            .enumerate()
            .map(|(row, &cell)| (data_sets.get(row).to_owned(), cell as i64))
            .collect())
    };
    let values = results.column(name)?.to_f64()?;
    let known: BTreeMap<_, _> = keys(&results)?.into_iter().zip(values).collect();
    keys(table)?.iter().map(|key| known.get(key).copied().ok_or_else(|| "a cell has a gap".into())).collect()
}
