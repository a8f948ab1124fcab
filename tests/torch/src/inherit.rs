//! `inherit.fashion`: regularised evolution of convolutional networks on Fashion-MNIST-small; the best validation
//! accuracy within equal training seconds when children inherit their parents' weights, beside that when every network
//! is trained from scratch; `inherit.fashion.difference` over paired seeds.

use std::path::PathBuf;
use std::thread;

use heirloom_engine::Budget;
use heirloom_figures::row::Row;
use heirloom_model::{Outcome, Space};
use serde_json::json;

use crate::accuracy::fashion;
use crate::networks::{space, text};
use crate::search::Task;

const N_SEEDS: u64 = 5;
/// Seconds that a search may train, its reading and writing of weights included.
const SECONDS: f64 = 75.0;
const EPOCHS: usize = 2;
/// Side of the images that networks see, half of the data's: a training takes a second or two.
const RESOLUTION: f64 = 14.0;

/// Measures the rows. Both searches of a seed run side by side, so that they meet the same machine.
pub(crate) fn measure(_prefix: &str) -> Result<Vec<Row>, String> {
    let (mut inherited, mut scratch) = (Vec::new(), Vec::new());
    for seed in 0..N_SEEDS {
        let files = tempfile::tempdir().map_err(text)?;
        let kept = files.path().to_owned();
        let (ours, theirs) = thread::scope(|scope| {
            let heir = scope.spawn(|| search(seed, Some(kept)));
            let orphan = search(seed, None);
            (heir.join(), orphan)
        });
        let (with, n_with) = ours.map_err(|_| "the search with inheritance panicked")??;
        let (without, n_without) = theirs?;
        eprintln!(
            "inherit.fashion, seed {seed}: {with:.4} with inheritance ({n_with} trials), {without:.4} without \
             ({n_without})"
        );
        inherited.push(with);
        scratch.push(without);
    }
    let mean = scratch.iter().sum::<f64>() / scratch.len() as f64;
    let differences: Vec<f64> =
        inherited.iter().zip(&scratch).map(|(with, without)| with - without).collect();
    Ok(vec![
        Row::from_samples("inherit.fashion", "validation accuracy", &inherited).beside(mean),
        Row::from_samples("inherit.fashion.difference", "validation accuracy", &differences),
    ])
}

/// Chains of one to five convolutions and poolings, with connections that skip layers.
fn convolutions() -> Result<Space, String> {
    space(json!({
        "kind": "chain", "min_layers": 1, "max_layers": 5, "joins": ["sum"],
        "operation": [
            {"name": "conv", "parameter": [
                {"name": "channels", "type": "ordinal", "values": [8, 16, 24]},
                {"name": "kernel", "type": "ordinal", "values": [3, 5]},
                {"name": "stride", "type": "ordinal", "values": [1, 2]},
            ]},
            {"name": "max_pool"},
        ],
    }))
}

/// The best validation accuracy among the trials that ended within [`SECONDS`] of training, and their number.
fn search(seed: u64, files: Option<PathBuf>) -> Result<(f64, usize), String> {
    let options = json!({
        "data": fashion()?, "kind": "classification", "epochs": EPOCHS, "keep": "weights", "inherit": true,
        "fidelities": ["resolution"],
        "batch_size": 128, "learning_rate": 0.005, "schedule": "cosine",
    });
    let mut task = Task::open(convolutions()?, &options)?;
    for fidelity in task.problem.fidelities.iter_mut().filter(|fidelity| fidelity.name == "resolution") {
        fidelity.high = RESOLUTION;
    }
    let (mut seconds, mut best, mut n_trials) = (0.0, 0.0_f64, 0);
    let mut watch = |outcome: &Outcome| {
        seconds += outcome.cost_seconds;
        if seconds <= SECONDS {
            // Objectives are minimised.
            best = best.max(-outcome.objectives[0]);
            n_trials += 1;
        }
    };
    let budget = Budget { cost_seconds: Some(SECONDS), ..Budget::default() };
    let evolution = json!({ "population": 5, "tournament": 3 });
    task.search(("evolution", &evolution), seed, budget, files, &mut watch)?;
    match n_trials {
        0 => Err(format!(
            "no training ended within {SECONDS} seconds; hint: measure on a machine that is free"
        )),
        _ => Ok((best, n_trials)),
    }
}
