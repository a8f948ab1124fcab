//! `warm.openml.*`: regret on OpenML data sets, leave one out, beside the usual ways to use past data sets.
//!
//! Related data sets are grouped and left out together: those with the same number of rows (copies with another
//! target, feature subsets and generated families share it) and two families known by name. That groups some
//! unrelated ones too, which only makes the task harder, for all methods alike.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use heirloom_dataset::{Table, shared_data};
use heirloom_model::space::{ParameterSpec, ParameterType};
use heirloom_model::{Configuration, Direction, Objective, Problem, Seed, Space, SpaceSpec, Value};
use heirloom_warm_start::{Knowledge, MetaFeatures, Mode, Options, PastTask};
use rayon::prelude::*;

use crate::row::Row;
use crate::warm_peers::{Peer, random_regret};
use crate::warm_play::play;

const CHECKPOINTS: [usize; 3] = [1, 5, 20];
const N: usize = CHECKPOINTS[2];
/// The best of random, average rank, greedy portfolio and nearest tasks is the peer; the portfolio over the nearest
/// tasks is listed beside them.
const N_COMPARED: usize = 4;

/// Data sets with the error of every configuration on each.
pub(crate) struct Errors {
    /// OpenML numbers, `[t]`.
    ids: Vec<i64>,
    /// What is left out together, `[t]`.
    family: Vec<String>,
    meta_features: Vec<Option<MetaFeatures>>,
    /// `[t][c]`, minimised.
    pub(crate) errors: Vec<Vec<f64>>,
}

/// Measures the rows.
pub(crate) fn measure(prefix: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (name, load) in [("autosklearn", auto_sklearn as fn() -> _), ("oboe", oboe)] {
        if CHECKPOINTS.iter().any(|n| id(name, *n).starts_with(prefix)) {
            let loaded: Result<Option<Errors>, Box<dyn std::error::Error>> = load();
            if let Some(errors) = loaded.map_err(|error| error.to_string())? {
                rows.extend(measure_on(name, &errors)?);
            }
        }
    }
    Ok(rows)
}

fn id(name: &str, n: usize) -> String {
    format!("warm.openml.{name}.{n}")
}

fn measure_on(name: &str, table: &Errors) -> Result<Vec<Row>, String> {
    let targets = 0..table.ids.len();
    let measured = |target: usize| {
        let past: Vec<usize> =
            (0..table.ids.len()).filter(|&t| table.family[t] != table.family[target]).collect();
        let regrets = regrets(&table.errors[target]);
        let mut peers = vec![CHECKPOINTS.map(|n| random_regret(&regrets, n))];
        let nearest = nearest(table, &past, target);
        peers.extend(Peer::ALL.iter().map(|peer| {
            let sequence = peer.sequence(table, &past, &nearest, N);
            CHECKPOINTS.map(|n| sequence[..n].iter().map(|&c| regrets[c]).fold(1.0, f64::min))
        }));
        Ok((ours(table, &past, target, &regrets)?, peers))
    };
    let all: Vec<([f64; 3], Vec<[f64; 3]>)> =
        targets.into_par_iter().map(measured).collect::<Result<_, String>>()?;
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let row = |(place, &n): (usize, &usize)| {
        let ours: Vec<f64> = all.iter().map(|(ours, _)| ours[place]).collect();
        let peer = |peer: usize| mean(all.iter().map(|(_, peers)| peers[peer][place]).collect());
        let means: Vec<f64> = (0..=Peer::ALL.len()).map(peer).collect();
        let names = std::iter::once("random").chain(Peer::ALL.iter().map(|peer| peer.name()));
        let listed = names.zip(&means).enumerate().map(|(peer, (name, mean))| {
            let gaps: Vec<f64> = all.iter().map(|(ours, peers)| ours[place] - peers[peer][place]).collect();
            let (gap, half_width) = mean_over_families(&gaps, &table.family);
            format!("{name} {mean:.4} (ours {gap:+.4} ± {half_width:.4})")
        });
        eprintln!("{}: {}", id(name, n), listed.collect::<Vec<_>>().join(", "));
        Row::from_samples(id(name, n), "normalised regret", &ours)
            .beside(means[..N_COMPARED].iter().copied().fold(f64::INFINITY, f64::min))
    };
    Ok(CHECKPOINTS.iter().enumerate().map(row).collect())
}

/// The mean, and half its 95 % interval where a family of data sets is one observation (cluster-robust).
fn mean_over_families(values: &[f64], family: &[String]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let mut sums: BTreeMap<&String, f64> = BTreeMap::new();
    for (value, family) in values.iter().zip(family) {
        *sums.entry(family).or_default() += value - mean;
    }
    (mean, 1.96 * sums.values().map(|sum| sum.powi(2)).sum::<f64>().sqrt() / n)
}

/// Our warm start's regret at the checkpoints.
fn ours(table: &Errors, past: &[usize], target: usize, regrets: &[f64]) -> Result<[f64; 3], String> {
    let problem = problem(regrets.len()).map_err(|error| error.to_string())?;
    let configurations: Vec<Configuration> =
        (0..regrets.len()).map(|choice| Configuration::new(vec![choice as f64])).collect();
    let past = past.iter().map(|&task| PastTask {
        key: format!("openml-{}", table.ids[task]),
        name: format!("OpenML data set {}", table.ids[task]),
        meta_features: table.meta_features[task].clone(),
        configurations: configurations.clone(),
        objectives: table.errors[task].iter().copied().map(Some).collect(),
        n_evaluations: configurations.len(),
        is_own: false,
    });
    let options = Options { mode: Mode::Replace, n_initial: N };
    let knowledge = Knowledge::new(&problem, table.meta_features[target].clone(), past.collect(), options);
    let mut warm =
        knowledge.and_then(|knowledge| knowledge.warm_start()).map_err(|error| error.to_string())?;
    let value_of = |c: &Configuration| Some(-table.errors[target][c.values()[0] as usize]);
    let curve = play(&problem, Some(&mut warm), N, Seed::from_number(0), value_of)?;
    let (best, worst) = range(&table.errors[target]);
    Ok(CHECKPOINTS.map(|n| (-curve[n - 1] - best) / (worst - best)))
}

/// The pipelines as a space: one choice, for the table holds nothing between them.
fn problem(n: usize) -> Result<Problem, heirloom_model::SpaceError> {
    let choices = (0..n).map(|choice| Value::Int(choice as i64)).collect();
    let parameter = ParameterSpec::new("pipeline", ParameterType::Categorical { choices });
    let space = Space::compile(SpaceSpec { parameters: vec![parameter], ..Default::default() })?;
    let objective = Objective { name: "error".into(), direction: Direction::Minimise };
    Ok(Problem::new(Arc::new(space), objective))
}

fn range(errors: &[f64]) -> (f64, f64) {
    errors.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
}

/// 0 the best of the row, 1 its worst.
pub(crate) fn regrets(errors: &[f64]) -> Vec<f64> {
    let (best, worst) = range(errors);
    errors.iter().map(|error| (error - best) / (worst - best).max(1e-12)).collect()
}

/// Past data sets by meta-feature distance (L1 over features scaled to their range, as auto-sklearn does; those
/// unknown on either side left out), the nearest first; those without any come last.
fn nearest(table: &Errors, past: &[usize], target: usize) -> Vec<usize> {
    let Some(here) = &table.meta_features[target] else { return past.to_vec() };
    let ranges: BTreeMap<&String, (f64, f64)> = here
        .keys()
        .map(|name| {
            let known =
                past.iter().filter_map(|&task| table.meta_features[task].as_ref()?.get(name).copied());
            (name, range(&known.chain([here[name]]).collect::<Vec<_>>()))
        })
        .collect();
    let distance = |task: usize| -> f64 {
        let Some(there) = &table.meta_features[task] else { return f64::INFINITY };
        let gaps: Vec<f64> = here
            .iter()
            .filter_map(|(name, value)| {
                Some((value - there.get(name)?).abs() / (ranges[name].1 - ranges[name].0).max(1e-12))
            })
            .collect();
        if gaps.is_empty() { f64::INFINITY } else { gaps.iter().sum::<f64>() / gaps.len() as f64 }
    };
    let mut nearest: Vec<(f64, usize)> = past.iter().map(|&task| (distance(task), task)).collect();
    nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
    nearest.into_iter().map(|(_, task)| task).collect()
}

/// 105 data sets × 106 pipelines with the balanced error; absent where the recorded data are.
fn auto_sklearn() -> Result<Option<Errors>, Box<dyn std::error::Error>> {
    let Some(folder) = shared_data("autosklearn-140") else { return Ok(None) };
    let features = meta_features(folder.join("meta_features.parquet"), |row, table| {
        Ok(table.column("openml_dataset_id")?.as_ints()?[row])
    })?;
    let table = Table::read(folder.join("runs.parquet"))?;
    let ids = table.column("openml_dataset_id")?.as_ints()?.to_vec();
    let rows = |id: i64| features[&id]["NumberOfInstances"] as i64;
    errors(&ids, table.column("config_id")?.as_ints()?, &table.column("err_bac")?.to_f64()?, &features, rows)
        .map(Some)
}

/// 418 data sets × 219 models with the balanced error; absent where the recorded data are.
fn oboe() -> Result<Option<Errors>, Box<dyn std::error::Error>> {
    let Some(folder) = shared_data("oboe-418") else { return Ok(None) };
    let features = meta_features(folder.join("meta_features.parquet"), |row, table| {
        Ok(table.column("openml_dataset_id")?.as_ints()?[row])
    })?;
    let sizes = Table::read(folder.join("datasets.parquet"))?;
    let numbers = sizes.column("openml_dataset_id")?.as_ints()?.iter().copied();
    let sizes: BTreeMap<i64, i64> =
        numbers.zip(sizes.column("n_instances")?.as_ints()?.iter().copied()).collect();
    let table = Table::read(folder.join("runs.parquet"))?;
    let ids = table.column("openml_dataset_id")?.as_ints()?;
    errors(ids, table.column("config_id")?.as_ints()?, &table.column("err_bac")?.to_f64()?, &features, |id| {
        sizes[&id]
    })
    .map(Some)
}

type Features = BTreeMap<i64, MetaFeatures>;

fn meta_features(
    path: PathBuf,
    id_of: impl Fn(usize, &Table) -> Result<i64, Box<dyn std::error::Error>>,
) -> Result<Features, Box<dyn std::error::Error>> {
    let table = Table::read(path)?;
    let mut features = Features::new();
    for row in 0..table.n_rows() {
        features.insert(id_of(row, &table)?, MetaFeatures::new());
    }
    let is_feature = |name: &str| !["task", "openml_dataset_id"].contains(&name);
    for column in table.columns().iter().filter(|column| is_feature(column.name())) {
        for (row, value) in column.to_f64()?.into_iter().enumerate().filter(|(_, value)| value.is_finite()) {
            features.entry(id_of(row, &table)?).or_default().insert(column.name().into(), value);
        }
    }
    Ok(features)
}

/// The matrix from its long form, and the families.
fn errors(
    ids: &[i64],
    configurations: &[i64],
    values: &[f64],
    features: &Features,
    n_rows: impl Fn(i64) -> i64,
) -> Result<Errors, Box<dyn std::error::Error>> {
    let mut by_id: BTreeMap<i64, BTreeMap<i64, f64>> = BTreeMap::new();
    for ((&id, &configuration), &value) in ids.iter().zip(configurations).zip(values) {
        by_id.entry(id).or_default().insert(configuration, value);
    }
    // Friedman's function, drawn with so many rows and columns.
    let is_friedman = |id: i64| {
        let n_columns = features.get(&id).and_then(|features| features.get("NumberOfFeatures"));
        [100, 250, 500, 1000].contains(&n_rows(id))
            && n_columns.is_some_and(|n| [5.0, 10.0, 25.0, 50.0, 100.0].contains(n))
    };
    let family = |&id: &i64| match id {
        12 | 14 | 16 | 18 | 20 | 22 | 962 | 971 | 978 | 995 | 1020 | 1022 => "mfeat".to_owned(),
        1127..=1168 => "OVA".to_owned(),
        583..=960 if is_friedman(id) => "fri_c".to_owned(),
        _ => n_rows(id).to_string(),
    };
    Ok(Errors {
        family: by_id.keys().map(family).collect(),
        meta_features: by_id.keys().map(|id| features.get(id).cloned()).collect(),
        errors: by_id.values().map(|errors| errors.values().copied().collect()).collect(),
        ids: by_id.into_keys().collect(),
    })
}
