//! `torch.overhead`: what engine, strategy and plugin boundary add to trials of about a second, as a share of them.

use heirloom_engine::Budget;
use heirloom_figures::row::Row;
use heirloom_model::Seed;
use serde_json::json;

use crate::networks::{space, text};
use crate::search::Task;

const N_RUNS: u64 = 5;
const N_TRIALS: u64 = 4;
/// Enough to know how long an epoch takes.
const N_FIRST_EPOCHS: usize = 10;

/// Measures the row.
pub(crate) fn measure(_prefix: &str) -> Result<Vec<Row>, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let table = folder.path().join("table.csv");
    std::fs::write(&table, rows(2000)).map_err(text)?;
    let open = |epochs: usize| {
        let architecture = json!({
            "kind": "shaped-mlp", "n_layers": [2, 2], "max_units": [64, 64], "shapes": ["brick"],
            "activations": ["relu", "gelu"], "batch_norm": [false], "use_dropout": [false], "residual": [false],
        });
        Task::open(space(architecture)?, &json!({ "data": table, "epochs": epochs, "keep": "nothing" }))
    };
    let run = |task: &Task, seed: u64, trials: u64| {
        let budget = Budget { trials: Some(trials), ..Budget::default() };
        task.search(("random", &json!({})), seed, budget, None, &mut |_| {})
    };
    // Once to have all in memory, once to measure.
    let first = open(N_FIRST_EPOCHS)?;
    run(&first, 0, 1)?;
    let epoch_seconds = run(&first, 1, 1)?.cost_seconds / N_FIRST_EPOCHS as f64;
    let task = open(((1.0 / epoch_seconds).round() as usize).max(1))?;
    let shares = (0..N_RUNS)
        .map(|seed| {
            let end = run(&task, seed, N_TRIALS)?;
            Ok((end.wall_seconds - end.cost_seconds) / end.cost_seconds)
        })
        .collect::<Result<Vec<f64>, String>>()?;
    Ok(vec![Row::from_samples("torch.overhead", "share of a 1 s trial", &shares)])
}

/// Rows of twenty numbers of which the first two decide the class.
fn rows(n: usize) -> String {
    let mut rng = Seed::from_number(4).rng();
    let names: Vec<String> = (0..20).map(|column| format!("x{column}")).collect();
    let mut lines = vec![format!("{},label", names.join(","))];
    lines.extend((0..n).map(|_| {
        let values: Vec<f64> = (0..20).map(|_| rng.normal()).collect();
        let label = if values[0] * values[1] > 0.0 { "same" } else { "different" };
        let values: Vec<String> = values.iter().map(f64::to_string).collect();
        format!("{},{label}", values.join(","))
    }));
    lines.join("\n")
}
