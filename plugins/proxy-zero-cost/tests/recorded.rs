//! The scores of cells of NAS-Bench-201 beside those that NAS-Bench-Suite-Zero recorded (Krishnakumar et al. 2022),
//! by Spearman's rank correlation. Recorded on CIFAR-10; ours are shown Fashion-MNIST, brought to 32 × 32 pixels and
//! three channels. A few cells and scores: `cargo xtask figures proxy.` measures all.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::collections::HashMap;
use std::sync::Arc;

use heirloom_dataset::{Table, shared_data};
use heirloom_plugin::{Configuration, Direction, Objective, Problem, Proxy, Seed, Space, SpaceSpec};
use heirloom_proxy_zero_cost::{DeviceChoice, Options, Score, ScoreProxy};

const SPACE: &str = "nas-bench-201";

/// Cells with what was recorded of them.
struct Recorded {
    cells: Vec<Configuration>,
    columns: HashMap<&'static str, Vec<f64>>,
}

fn floats(table: &Table, column: &str) -> Vec<f64> {
    table.column(column).unwrap().to_f64().unwrap()
}

/// `n` of the 491 cells, drawn; `None` where the table is absent.
fn recorded(space: &Space, n: usize) -> Option<Recorded> {
    let folder = shared_data("nasbench201")?;
    let architectures = Table::read_columns(folder.join("archs.parquet"), &["arch_str"]).unwrap();
    let texts = architectures.column("arch_str").unwrap().as_text().unwrap();
    let scores = Table::read(folder.join("zero_cost_proxies.parquet")).unwrap();
    let dataset = scores.column("dataset").unwrap().as_text().unwrap();
    let mut rows: Vec<usize> = (0..scores.n_rows()).filter(|&row| dataset.get(row) == "cifar10").collect();
    Seed::from_number(20).rng().shuffle(&mut rows);
    rows.truncate(n);
    let index = floats(&scores, "arch_index");
    let cell = |&row: &usize| space.parse_architecture(texts.get(index[row] as usize)).unwrap().unwrap();
    let columns: HashMap<_, _> = ["synflow", "l2_norm", "jacov"]
        .into_iter()
        .map(|name| {
            let all = floats(&scores, name);
            (name, rows.iter().map(|&row| all[row]).collect::<Vec<_>>())
        })
        .collect();
    Some(Recorded { cells: rows.iter().map(cell).collect(), columns })
}

/// Ranks from 1, the mean of their places for equal values; NaN lowest, as the recorded -1e8 are.
fn ranks(values: &[f64]) -> Vec<f64> {
    let values: Vec<f64> =
        values.iter().map(|value| if value.is_nan() { f64::NEG_INFINITY } else { *value }).collect();
    let place = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        below as f64 + (equal as f64 + 1.0) / 2.0
    };
    values.iter().map(place).collect()
}

fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum() };
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// Our scores of `cells`, `[n]`, and the seconds for one.
fn scored(score: Score, repeats: u32, space: &Arc<Space>, cells: &[Configuration]) -> (Vec<f64>, f64) {
    let data = shared_data("fashion-mnist-small").map(|folder| folder.join("train-images-idx3-ubyte.gz"));
    let options = Options {
        data,
        // As the recorded scores were made.
        batch_size: 32,
        n_classes: Some(10),
        image_size: Some(32),
        image_channels: Some(3),
        device: DeviceChoice::Cpu,
        repeats,
        ..Options::default()
    };
    let objective = Objective { name: "accuracy".into(), direction: Direction::Maximise };
    let problem = Problem::new(Arc::clone(space), objective);
    let proxy = ScoreProxy::new(score, options, &problem, 1).unwrap();
    let (start, mut scores) = (std::time::Instant::now(), vec![0.0; cells.len()]);
    proxy.score(cells, Seed::from_number(0), &mut scores).unwrap();
    (scores, start.elapsed().as_secs_f64() / cells.len() as f64)
}

fn space() -> Arc<Space> {
    Arc::new(Space::compile(SpaceSpec::preset(SPACE).unwrap()).unwrap())
}

#[test]
fn scores_rank_cells_as_the_recorded_ones_do() {
    let space = space();
    let Some(recorded) = recorded(&space, 30) else { return };
    if shared_data("fashion-mnist-small").is_none() {
        return;
    }
    // The floors leave room for the draw of thirty of the 491 cells; the figures hold all to what they are held to.
    for (score, repeats, column, floor) in [
        (Score::Synflow, 1, "synflow", 0.98),
        (Score::L2Norm, 1, "l2_norm", 0.95),
        (Score::Jacov, 1, "jacov", 0.7),
    ] {
        let (scores, seconds) = scored(score, repeats, &space, &recorded.cells);
        let agreement = spearman(&scores, &recorded.columns[column]);
        eprintln!("{}: {agreement:.3}, {seconds:.2} s a score", score.name());
        assert!(agreement >= floor, "{}: {agreement}", score.name());
    }
}
