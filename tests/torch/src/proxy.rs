//! `proxy.recorded.SCORE`: how our scores of untrained networks rank cells of NAS-Bench-201 beside those that
//! NAS-Bench-Suite-Zero recorded (Krishnakumar et al. 2022), by Spearman's rank correlation. `proxy.accuracy.SCORE.SET`:
//! how they rank the cells beside the recorded accuracy, with the published correlation as peer. `proxy.speed.SCORE`:
//! scores a second beside the same formula in PyTorch, on one thread.
//!
//! The recorded scores are of CIFAR-10; ours are shown Fashion-MNIST, brought to 32 × 32 pixels and three channels.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use heirloom_dataset::{Table, shared_data};
use heirloom_figures::row::Row;
use heirloom_plugin::{Configuration, Direction, Objective, Problem, Proxy, Seed, Space, SpaceSpec};
use heirloom_proxy_zero_cost::{DeviceChoice, Options, Score, ScoreProxy, Vote, VoteOptions};

use crate::median::{median, sorted};
use crate::peer::{Peer, script};

const SPACE: &str = "nas-bench-201";

/// The data sets by the names that figures have for them.
const DATA_SETS: [(&str, &str); 3] = [("c10", "cifar10"), ("c100", "cifar100"), ("in16", "ImageNet16-120")];

/// Scores in the order in which they are measured, the cheap ones first, with the columns that were recorded.
const RECORDED: [(Score, Option<&str>); 9] = [
    (Score::Synflow, Some("synflow")),
    (Score::L2Norm, Some("l2_norm")),
    (Score::Jacov, Some("jacov")),
    (Score::Snip, Some("snip")),
    (Score::Naswot, None),
    (Score::Zen, Some("zen")),
    (Score::GradNorm, Some("grad_norm")),
    (Score::Fisher, Some("fisher")),
    (Score::EpeNas, Some("epe_nas")),
];

/// The scores whose ranks a vote adds.
const VOTERS: [Score; 3] = [Score::Synflow, Score::Jacov, Score::Snip];

/// What was published of these cells: Spearman's correlation with accuracy on each of the data sets.
fn published(score: &str) -> Option<[f64; 3]> {
    match score {
        "synflow" => Some([0.737, 0.763, 0.751]),
        "jacov" => Some([0.731, 0.704, 0.701]),
        "vote" => Some([0.817, 0.832, 0.813]),
        _ => None,
    }
}

/// Cells with what was recorded of them.
struct Cells {
    configurations: Vec<Configuration>,
    /// Scores on CIFAR-10 by their columns.
    scores: HashMap<&'static str, Vec<f64>>,
    /// Accuracies on the three data sets.
    accuracies: [Vec<f64>; 3],
}

fn floats(table: &Table, column: &str) -> Result<Vec<f64>, String> {
    table.column(column).and_then(|column| column.to_f64()).map_err(|error| error.to_string())
}

/// A column's numbers by the cells' indices, for the rows of one data set.
fn of_data_set(table: &Table, column: &str, data_set: &str) -> Result<BTreeMap<u64, f64>, String> {
    let names = table.column("dataset").and_then(|column| column.as_text());
    let names = names.map_err(|error| error.to_string())?;
    let (index, values) = (floats(table, "arch_index")?, floats(table, column)?);
    let rows = (0..table.n_rows()).filter(|&row| names.get(row) == data_set);
    Ok(rows.map(|row| (index[row] as u64, values[row])).collect())
}

impl Cells {
    /// `n` of the recorded cells, drawn; all in their order when there are no more. `None` where the tables are absent.
    fn read(space: &Space, n: usize) -> Result<Option<Self>, String> {
        let Some(folder) = shared_data("nasbench201") else { return Ok(None) };
        let read = |name: &str, columns: &[&str]| {
            Table::read_columns(folder.join(name), columns).map_err(|error| error.to_string())
        };
        let architectures = read("archs.parquet", &["arch_str"])?;
        let texts = architectures.column("arch_str").and_then(|column| column.as_text());
        let texts = texts.map_err(|error| error.to_string())?;
        let table =
            Table::read(folder.join("zero_cost_proxies.parquet")).map_err(|error| error.to_string())?;
        let accuracies = DATA_SETS.map(|(_, name)| of_data_set(&table, "val_acc_one_seed", name));
        let [c10, c100, in16] = accuracies;
        let accuracies = [c10?, c100?, in16?];
        let mut index: Vec<u64> = accuracies[0].keys().copied().collect();
        if n < index.len() {
            Seed::from_number(20).rng().shuffle(&mut index);
            index.truncate(n);
        }
        let chosen = |values: &BTreeMap<u64, f64>| -> Result<Vec<f64>, String> {
            let value = |cell| values.get(cell).copied().ok_or_else(|| format!("cell {cell} has a gap"));
            index.iter().map(value).collect()
        };
        let mut scores = HashMap::new();
        for column in RECORDED.iter().filter_map(|&(_, column)| column) {
            let values = match column {
                "zen" => {
                    let results = read("results.parquet", &["dataset", "arch_index", "zen_score"])?;
                    of_data_set(&results, "zen_score", "cifar10")?
                }
                _ => of_data_set(&table, column, "cifar10")?,
            };
            scores.insert(column, chosen(&values)?);
        }
        let cell = |&cell: &u64| {
            parse(space, texts.get(cell as usize)).map_err(|error| format!("cell {cell}: {error}"))
        };
        let [c10, c100, in16] = accuracies.each_ref().map(chosen);
        Ok(Some(Self {
            configurations: index.iter().map(cell).collect::<Result<_, String>>()?,
            scores,
            accuracies: [c10?, c100?, in16?],
        }))
    }
}

fn parse(space: &Space, text: &str) -> Result<Configuration, String> {
    let parsed = space.parse_architecture(text);
    parsed.ok_or("the space has no architecture")?.map_err(|error| error.to_string())
}

/// Ranks from 1, the mean of their places for equal values; NaN lowest, as the recorded -1e8 are.
fn ranks(values: &[f64]) -> Vec<f64> {
    let known = |value: &f64| if value.is_nan() { f64::NEG_INFINITY } else { *value };
    let mut sorted: Vec<f64> = values.iter().map(known).collect();
    sorted.sort_by(f64::total_cmp);
    let rank = |value: &f64| {
        let value = known(value);
        let first = sorted.partition_point(|&other| other < value);
        let after = sorted.partition_point(|&other| other <= value);
        (first + after + 1) as f64 / 2.0
    };
    values.iter().map(rank).collect()
}

fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum() };
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// A row of a rank correlation, its interval over the draw of cells. Bonett & Wright 2000.
fn correlation(id: String, unit: &'static str, a: &[f64], b: &[f64]) -> Row {
    let (value, n) = (spearman(a, b), a.len());
    let half = 1.96 * ((1.0 + value * value / 2.0) / (n as f64 - 3.0)).sqrt();
    let (low, high) = ((value.atanh() - half).tanh(), (value.atanh() + half).tanh());
    // Scores take minutes: what is known already is told.
    eprintln!("{id}: {value:.4} on {n} cells");
    Row { id, value, unit, low, high, peer: None, ratio: None, n_seeds: n }
}

fn needs_data(score: Score) -> bool {
    !matches!(score, Score::Synflow | Score::L2Norm | Score::Zen)
}

fn unit(needs_data: bool) -> &'static str {
    if needs_data { "Spearman, shown Fashion-MNIST" } else { "Spearman, without data" }
}

fn problem(space: &Arc<Space>) -> Problem {
    Problem::new(Arc::clone(space), Objective { name: "accuracy".into(), direction: Direction::Maximise })
}

/// As the recorded scores were made, but for the images.
fn shown(score: Score) -> Options {
    Options {
        data: shared_data("fashion-mnist-small").map(|folder| folder.join("train-images-idx3-ubyte.gz")),
        batch_size: 32,
        n_classes: Some(10),
        image_size: Some(32),
        image_channels: Some(3),
        device: DeviceChoice::Cpu,
        // The norm of weights is a sum of draws; its expectation is what differs between cells.
        repeats: if score == Score::L2Norm { 8 } else { 1 },
        ..Options::default()
    }
}

fn scores(proxy: &dyn Proxy, cells: &[Configuration]) -> Result<Vec<f64>, String> {
    let mut scores = vec![f64::NAN; cells.len()];
    proxy.score(cells, Seed::from_number(0), &mut scores).map_err(|error| error.to_string())?;
    Ok(match proxy.info().direction {
        Direction::Maximise => scores,
        Direction::Minimise => scores.into_iter().map(|score| -score).collect(),
    })
}

/// Whether the prefix names the family, part of it or more.
fn is_wanted(family: &str, prefix: &str) -> bool {
    family.starts_with(prefix) || prefix.starts_with(family)
}

/// Measures `proxy.`.
pub(crate) fn measure(prefix: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    if is_wanted("proxy.speed.", prefix) {
        rows.extend(measure_speed(prefix)?);
    }
    if ["proxy.recorded.", "proxy.accuracy."].iter().any(|family| is_wanted(family, prefix)) {
        rows.extend(measure_ranks(prefix)?);
    }
    Ok(rows)
}

/// The rows of how `own` ranks the cells beside their accuracies.
fn accuracy_rows(name: &str, unit: &'static str, own: &[f64], cells: &Cells) -> Vec<Row> {
    let row = |set: usize| {
        let id = format!("proxy.accuracy.{name}.{}", DATA_SETS[set].0);
        let row = correlation(id, unit, own, &cells.accuracies[set]);
        match published(name) {
            Some(published) => row.beside(published[set]),
            None => row,
        }
    };
    (0..DATA_SETS.len()).map(row).collect()
}

/// Measures `proxy.recorded.` and `proxy.accuracy.`. `HEIRLOOM_CELLS` takes fewer than all 491 cells.
fn measure_ranks(prefix: &str) -> Result<Vec<Row>, String> {
    let n = match std::env::var("HEIRLOOM_CELLS") {
        Ok(n) => n.parse().map_err(|_| format!("`HEIRLOOM_CELLS`: `{n}` is no number; hint: up to 491"))?,
        Err(_) => usize::MAX,
    };
    let space = space()?;
    let Some(cells) = Cells::read(&space, n)? else { return Ok(Vec::new()) };
    if shared_data("fashion-mnist-small").is_none() {
        return Ok(Vec::new());
    }
    let wanted = |id: &str| is_wanted(id, prefix);
    let of_vote = wanted("proxy.accuracy.vote");
    let mut rows = Vec::new();
    let mut known: HashMap<Score, Vec<f64>> = HashMap::new();
    for (score, column) in RECORDED {
        let name = score.name();
        let is_recorded = column.is_some() && wanted(&format!("proxy.recorded.{name}"));
        let is_ranked = wanted(&format!("proxy.accuracy.{name}"));
        if !(is_recorded || is_ranked || of_vote && VOTERS.contains(&score)) {
            continue;
        }
        let proxy = ScoreProxy::new(score, shown(score).setting(), &problem(&space), 1)
            .map_err(|error| error.to_string())?;
        let own = scores(&proxy, &cells.configurations)?;
        let unit = unit(needs_data(score));
        if let Some(column) = column {
            rows.push(correlation(format!("proxy.recorded.{name}"), unit, &own, &cells.scores[column]));
        }
        rows.extend(accuracy_rows(name, unit, &own, &cells));
        known.insert(score, own);
    }
    if of_vote {
        let places: Vec<Vec<f64>> = VOTERS.iter().map(|score| ranks(&known[score])).collect();
        let sum: Vec<f64> =
            (0..cells.configurations.len()).map(|cell| places.iter().map(|own| own[cell]).sum()).collect();
        rows.extend(accuracy_rows("vote", unit(true), &sum, &cells));
    }
    if wanted("proxy.accuracy.vote-proxy") {
        let Options { data, batch_size, n_classes, image_size, image_channels, device, .. } =
            shown(Score::Jacov);
        let options = VoteOptions {
            data,
            batch_size,
            n_classes,
            image_size,
            image_channels,
            device,
            ..VoteOptions::default()
        };
        let vote = Vote::new(&options, &problem(&space), 1).map_err(|error| error.to_string())?;
        let own = scores(&vote, &cells.configurations)?;
        rows.extend(accuracy_rows("vote-proxy", unit(true), &own, &cells));
    }
    Ok(rows)
}

fn space() -> Result<Arc<Space>, String> {
    let spec = SpaceSpec::preset(SPACE).ok_or_else(|| format!("`{SPACE}` is no preset"))?;
    Space::compile(spec).map(Arc::new).map_err(|error| error.to_string())
}

/// A cell with each of the operations.
const CELL: &str = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|";
/// Ours and theirs take turns so often.
const N_BLOCKS: usize = 15;
const BLOCK_SECONDS: f64 = 0.5;

/// Measures `proxy.speed.`.
fn measure_speed(prefix: &str) -> Result<Vec<Row>, String> {
    let space = space()?;
    let cell = parse(&space, CELL)?;
    let mut theirs = Peer::start("PyTorch's scores", script("proxies.py")?.args([CELL, "--serve"]))?;
    let mut rows = Vec::new();
    for score in [Score::Synflow, Score::Snip, Score::Naswot, Score::Jacov] {
        let id = format!("proxy.speed.{}", score.name());
        if !id.starts_with(prefix) {
            continue;
        }
        // Standard normal inputs and random classes are shown by both, 64 at a time.
        let options = Options { device: DeviceChoice::Cpu, ..Options::default() };
        let proxy = ScoreProxy::new(score, options.setting(), &problem(&space), 1)
            .map_err(|error| error.to_string())?;
        let ours = |n: usize| -> Result<f64, String> {
            let start = Instant::now();
            scores(&proxy, &vec![cell.clone(); n])?;
            Ok(start.elapsed().as_secs_f64())
        };
        let mut theirs = |n: usize| theirs.ask(&format!("{} {n}", score.name()));
        ours(1)?;
        theirs(1)?;
        let n = ((BLOCK_SECONDS / ours(1)?.max(theirs(1)?)).round() as usize).max(1);
        let mut rates = [Vec::new(), Vec::new()];
        for block in 0..N_BLOCKS {
            let seconds = if block % 2 == 0 {
                [ours(n)?, theirs(n)?]
            } else {
                let theirs = theirs(n)?;
                [ours(n)?, theirs]
            };
            for (rates, seconds) in rates.iter_mut().zip(seconds) {
                rates.push(n as f64 / seconds);
            }
        }
        let [ours, theirs] = rates;
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        let order = sorted(&ours);
        rows.push(Row {
            id,
            value: median(&ours),
            unit: "scores/s",
            // The fourth smallest and largest of fifteen hold the median with a probability of 0.96.
            low: order[3],
            high: order[N_BLOCKS - 4],
            peer: Some(median(&theirs)),
            ratio: Some(median(&ratios)),
            n_seeds: N_BLOCKS,
        });
    }
    Ok(rows)
}
