//! Scores against recorded counts: all cells of NAS-Bench-201 on three data sets.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::sync::Arc;

use heirloom_dataset::{Table, shared_data};
use heirloom_plugin::{Configuration, Context, Direction, Objective, Problem, Seed, Space, SpaceSpec};
use heirloom_proxy_cost::{Measure, Options, cost};

/// Classes and image size of the data sets.
const DATASETS: [(&str, usize, usize); 3] =
    [("cifar10", 10, 32), ("cifar100", 100, 32), ("ImageNet16-120", 120, 16)];

#[test]
fn all_cells_of_nas_bench_201_have_their_recorded_counts() {
    let Some(folder) = shared_data("nasbench201") else { return };
    let space = Arc::new(Space::compile(SpaceSpec::preset("nas-bench-201").unwrap()).unwrap());
    let archs = Table::read_columns(folder.join("archs.parquet"), &["arch_index", "arch_str"]).unwrap();
    let texts = archs.column("arch_str").unwrap().as_text().unwrap();
    let cells: Vec<Configuration> =
        (0..archs.n_rows()).map(|row| space.parse_architecture(texts.get(row)).unwrap().unwrap()).collect();
    let columns = ["dataset", "arch_index", "params_m", "flops_m"];
    let table = Table::read_columns(folder.join("results.parquet"), &columns).unwrap();
    let datasets = table.column("dataset").unwrap().as_text().unwrap();
    let [index, parameters, flops] =
        ["arch_index", "params_m", "flops_m"].map(|name| table.column(name).unwrap().to_f64().unwrap());
    let objective = Objective { name: "acc".into(), direction: Direction::Maximise };
    let problem = Problem::new(space, objective);
    for (dataset, n_classes, image_size) in DATASETS {
        for (measure, recorded) in [(Measure::Parameters, &parameters), (Measure::Flops, &flops)] {
            let options = Options { measure, n_classes, image_size, ..Options::default() };
            let proxy = cost(options, &problem, &Context::detached()).unwrap();
            let mut scores = vec![0.0; cells.len()];
            proxy.score(&cells, Seed::from_number(0), &mut scores).unwrap();
            let rows: Vec<_> = (0..table.n_rows()).filter(|&row| datasets.get(row) == dataset).collect();
            assert_eq!(rows.len(), cells.len());
            for row in rows {
                let (counted, recorded) = (scores[index[row] as usize], recorded[row] * 1e6);
                // That table keeps single precision.
                assert!((counted - recorded).abs() <= 1e-7 * recorded, "{dataset} {}", index[row]);
            }
        }
    }
}
