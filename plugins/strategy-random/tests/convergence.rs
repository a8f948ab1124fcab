//! Random search finds exactly what it must find on average.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use heirloom_dataset::Table;
use heirloom_plugin::{Context, Direction, Objective, Problem, Seed, Space, SpaceSpec};
use heirloom_plugin_check::Session;
use heirloom_strategy_random::{Options, strategy};

/// CIFAR-10 validation accuracy of every cell of NAS-Bench-201 (the mean of its trainings), by the operations on its
/// six edges.
fn recorded_accuracies() -> HashMap<Vec<u64>, f64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../meta-data/seed/nas-bench-201");
    let cells = Table::read(folder.join("configurations.parquet")).unwrap();
    let architectures = cells.column("architecture").unwrap().as_text().unwrap().clone();
    let ids = cells.column("configuration_id").unwrap().as_ints().unwrap().to_vec();
    let operation = |name: &str| {
        ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
            .iter()
            .position(|known| *known == name)
            .unwrap() as u64
    };
    let parse = |text: &str| -> Vec<u64> {
        text.split(['|', '+'])
            .filter(|part| !part.is_empty())
            .map(|part| operation(part.split('~').next().unwrap()))
            .collect()
    };
    let by_id: HashMap<i64, Vec<u64>> =
        ids.into_iter().enumerate().map(|(row, id)| (id, parse(architectures.get(row)))).collect();
    let evaluations = Table::read(folder.join("evaluations.parquet")).unwrap();
    let tasks = evaluations.column("task").unwrap().as_text().unwrap();
    let ids = evaluations.column("configuration_id").unwrap().as_ints().unwrap();
    let seeds = ["val_acc_s0", "val_acc_s1", "val_acc_s2"]
        .map(|name| evaluations.column(name).unwrap().to_f64().unwrap());
    (0..evaluations.n_rows())
        .filter(|&row| tasks.get(row) == "cifar10")
        .map(|row| {
            let known: Vec<f64> =
                seeds.iter().map(|seed| seed[row]).filter(|value| !value.is_nan()).collect();
            (by_id[&ids[row]].clone(), known.iter().sum::<f64>() / known.len() as f64)
        })
        .collect()
}

#[test]
fn the_best_of_a_hundred_draws_is_on_average_what_the_table_says() {
    let accuracies = recorded_accuracies();
    assert_eq!(accuracies.len(), 15_625);
    // The expected maximum of n draws with replacement: the sum of v_k (F_k^n - F_{k-1}^n) over sorted values.
    let mut sorted: Vec<f64> = accuracies.values().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let n_cells = sorted.len() as f64;
    let below = |k: usize| (k as f64 / n_cells).powi(100);
    let expected: f64 = sorted.iter().enumerate().map(|(k, value)| value * (below(k + 1) - below(k))).sum();

    let spec: SpaceSpec = serde_json::from_str(
        r#"{"architecture": {"kind": "edge-cell", "n_nodes": 4, "operations":
            ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]}}"#,
    )
    .unwrap();
    let problem = Problem::new(
        Arc::new(Space::compile(spec).unwrap()),
        Objective { name: "val_acc".into(), direction: Direction::Maximise },
    );
    let best = |seed| {
        let strategy = strategy(Options::default(), &problem, &Context::detached()).unwrap();
        let mut session = Session::new(strategy, &problem, Seed::from_number(seed));
        let look_up =
            |values: &[f64]| accuracies[&values.iter().map(|&value| value as u64).collect::<Vec<_>>()];
        session.run(100, 1, |configuration, _| Ok(vec![-look_up(configuration.values())])).unwrap();
        -session.best().unwrap()
    };
    let found: Vec<f64> = (0..400).map(best).collect();
    let mean = found.iter().sum::<f64>() / 400.0;
    let variance = found.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 399.0;
    let standard_error = (variance / 400.0).sqrt();
    assert!((mean - expected).abs() < 3.3 * standard_error, "{mean} ± {standard_error}, expected {expected}");
}
