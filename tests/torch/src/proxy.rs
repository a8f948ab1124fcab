//! `proxy.recorded.SCORE`: how our scores of untrained networks rank cells of NAS-Bench-201 beside those that
//! NAS-Bench-Suite-Zero recorded (Krishnakumar et al. 2022), by Spearman's rank correlation; the peer is what is
//! attainable, by how the record agrees with itself. `proxy.accuracy.SCORE.SET`: how they rank the cells beside the
//! recorded accuracy, with the published correlation as peer; `vote` adds the ranks that three of them have among the
//! cells, `vote-proxy` is a search's vote, which knows random cells only. `proxy.speed.SCORE`: scores a second beside
//! the same formula in PyTorch, on one thread.
//!
//! The recorded scores are of CIFAR-10; ours are shown Fashion-MNIST, brought to 32 × 32 pixels and three channels.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use heirloom_dataset::{Table, shared_data};
use heirloom_engine::References;
use heirloom_figures::rank::{self, spearman};
use heirloom_figures::row::Row;
use heirloom_plugin::{Configuration, Direction, Objective, Problem, Proxy, Seed, Space, SpaceSpec};
use heirloom_proxy_zero_cost::{DeviceChoice, Options, Score, ScoreProxy};

use crate::median::{median, sorted};
use crate::peer::{Peer, script};

const SPACE: &str = "nas-bench-201";

/// The data sets by the names that figures have for them.
const DATA_SETS: [(&str, &str); 3] = [("c10", "cifar10"), ("c100", "cifar100"), ("in16", "ImageNet16-120")];

/// Scores in the order in which they are measured, the cheap ones first, with the columns that were recorded.
const RECORDED: [(Score, Option<&str>); 11] = [
    (Score::Synflow, Some("synflow")),
    (Score::L2Norm, Some("l2_norm")),
    (Score::Jacov, Some("jacov")),
    (Score::Snip, Some("snip")),
    (Score::Naswot, None),
    (Score::Zen, Some("zen")),
    (Score::GradNorm, Some("grad_norm")),
    (Score::Fisher, Some("fisher")),
    (Score::EpeNas, Some("epe_nas")),
    (Score::Plain, Some("plain")),
    (Score::Grasp, Some("grasp")),
];

/// The scores that vote, and among how many random cells a search places them by default.
const VOTERS: [Score; 3] = [Score::Synflow, Score::Jacov, Score::Snip];
const N_REFERENCES: usize = 32;

/// What was published of these cells: Spearman's correlation with accuracy on each of the data sets.
fn published(score: &str) -> Option<[f64; 3]> {
    match score {
        "synflow" => Some([0.737, 0.763, 0.751]),
        "snip" => Some([0.596, 0.637, 0.578]),
        "grad-norm" => Some([0.594, 0.637, 0.578]),
        "grasp" => Some([0.514, 0.547, 0.549]),
        "fisher" => Some([0.360, 0.385, 0.327]),
        "jacov" => Some([0.731, 0.704, 0.701]),
        "vote" | "vote-proxy" => Some([0.817, 0.832, 0.813]),
        _ => None,
    }
}

/// Cells with what was recorded of them.
struct Cells {
    configurations: Vec<Configuration>,
    /// Scores on CIFAR-10 by their columns.
    scores: HashMap<&'static str, Vec<f64>>,
    /// What a score could agree to with each column.
    attainable: HashMap<&'static str, f64>,
    /// Accuracies on the three data sets.
    accuracies: [Vec<f64>; 3],
}

/// What an exact score could agree to with a recorded column if that were the score and noise, of which each data set
/// has its own: the root of the best agreement of two data sets' columns (Spearman 1904). Where a score follows the
/// data, more is possible; where draws are shared between data sets, less.
fn attainable(sets: &[BTreeMap<u64, f64>]) -> f64 {
    let agreement = |one: &BTreeMap<u64, f64>, other: &BTreeMap<u64, f64>| {
        let (a, b): (Vec<f64>, Vec<f64>) =
            one.iter().filter_map(|(cell, value)| Some((*value, *other.get(cell)?))).unzip();
        spearman(&a, &b)
    };
    let pairs = [(0, 1), (0, 2), (1, 2)].map(|(one, other)| agreement(&sets[one], &sets[other]));
    pairs.into_iter().fold(0.0, f64::max).sqrt()
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
        let results = read("results.parquet", &["dataset", "arch_index", "zen_score"])?;
        let (mut scores, mut attainables) = (HashMap::new(), HashMap::new());
        for column in RECORDED.iter().filter_map(|&(_, column)| column) {
            let (table, name) = if column == "zen" { (&results, "zen_score") } else { (&table, column) };
            let sets: Vec<_> = DATA_SETS
                .iter()
                .map(|(_, data_set)| of_data_set(table, name, data_set))
                .collect::<Result<_, String>>()?;
            scores.insert(column, chosen(&sets[0])?);
            attainables.insert(column, attainable(&sets));
        }
        let cell = |&cell: &u64| {
            parse(space, texts.get(cell as usize)).map_err(|error| format!("cell {cell}: {error}"))
        };
        let [c10, c100, in16] = accuracies.each_ref().map(chosen);
        Ok(Some(Self {
            configurations: index.iter().map(cell).collect::<Result<_, String>>()?,
            scores,
            attainable: attainables,
            accuracies: [c10?, c100?, in16?],
        }))
    }
}

fn parse(space: &Space, text: &str) -> Result<Configuration, String> {
    let parsed = space.parse_architecture(text);
    parsed.ok_or("the space has no architecture")?.map_err(|error| error.to_string())
}

/// A row of a rank correlation, told at once: scores take minutes.
fn correlation(id: String, unit: &'static str, a: &[f64], b: &[f64]) -> Row {
    let row = rank::correlation(id, unit, a, b);
    eprintln!("{}: {:.4} on {} cells", row.id, row.value, row.n_seeds);
    row
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

/// Initialisations over which a score is averaged: of a sum of both signs a single draw says little.
fn n_draws(score: Score) -> u32 {
    match score {
        Score::Grasp | Score::Plain => 8,
        Score::EpeNas => 2,
        _ => 1,
    }
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
        repeats: n_draws(score),
        ..Options::default()
    }
}

fn proxy(score: Score, space: &Arc<Space>) -> Result<Arc<dyn Proxy>, String> {
    let made = ScoreProxy::new(score, shown(score), &problem(space), 1);
    Ok(Arc::new(made.map_err(|error| error.to_string())?))
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
        let own = scores(&*proxy(score, &space)?, &cells.configurations)?;
        let unit = unit(needs_data(score));
        if let Some(column) = column {
            let row = correlation(format!("proxy.recorded.{name}"), unit, &own, &cells.scores[column]);
            rows.push(row.beside(cells.attainable[column]));
        }
        rows.extend(accuracy_rows(name, unit, &own, &cells));
        known.insert(score, own);
    }
    if of_vote {
        let columns = VOTERS.map(|score| &known[&score]);
        let votes = |references: &References| -> Vec<f64> {
            let of_cell = |cell: usize| references.vote(&[1.0; 3], &columns.map(|column| column[cell]));
            (0..cells.configurations.len()).map(of_cell).collect()
        };
        let among_cells = References::of(columns.map(|column| (Direction::Maximise, column.clone())));
        rows.extend(accuracy_rows("vote", unit(true), &votes(&among_cells), &cells));
        let proxies = VOTERS.iter().map(|&score| proxy(score, &space)).collect::<Result<Vec<_>, String>>()?;
        let drawn = References::draw(&proxies, &space, N_REFERENCES, Seed::from_number(1));
        let drawn = drawn.map_err(|error| error.to_string())?;
        rows.extend(accuracy_rows("vote-proxy", unit(true), &votes(&drawn), &cells));
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
        let proxy =
            ScoreProxy::new(score, options, &problem(&space), 1).map_err(|error| error.to_string())?;
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
