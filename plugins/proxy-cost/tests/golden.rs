//! Counts against recorded ones: NAS-Bench-201 (all cells, three data sets) and NAS-Bench-Macro (all networks).

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::path::Path;
use std::sync::Arc;

use heirloom_dataset::{Table, shared_data};
use heirloom_plugin::{Configuration, Direction, Objective, Problem, Space, SpaceSpec};
use heirloom_proxy_cost::{CostProxy, Options, Tally};

/// Classes and image size of the data sets.
const DATASETS: [(&str, u64, u64); 3] =
    [("cifar10", 10, 32), ("cifar100", 100, 32), ("ImageNet16-120", 120, 16)];

fn proxy(space: &Arc<Space>, n_classes: u64, image_size: u64) -> CostProxy {
    let problem =
        Problem::new(Arc::clone(space), Objective { name: "acc".into(), direction: Direction::Maximise });
    let options = Options { n_classes, image_size, ..Options::default() };
    CostProxy::new(options.check().unwrap(), &problem).unwrap()
}

fn space(name: &str) -> Arc<Space> {
    Arc::new(Space::compile(SpaceSpec::preset(name).unwrap()).unwrap())
}

fn floats(table: &Table, column: &str) -> Vec<f64> {
    table.column(column).unwrap().to_f64().unwrap()
}

/// Each architecture of NAS-Bench-201 by its official index.
fn cells(folder: &Path, space: &Space) -> Vec<Configuration> {
    let table = Table::read_columns(folder.join("archs.parquet"), &["arch_index", "arch_str"]).unwrap();
    let texts = table.column("arch_str").unwrap().as_text().unwrap();
    assert!(floats(&table, "arch_index").iter().enumerate().all(|(row, &index)| row as f64 == index));
    (0..table.n_rows()).map(|row| space.parse_architecture(texts.get(row)).unwrap().unwrap()).collect()
}

/// Checks the counts in `file` in millions, `[params_m, flops_m]`; returns how many rows were checked.
fn check_nas_bench_201(file: &str, tolerance: f64) -> usize {
    let Some(folder) = shared_data("nasbench201") else { return 0 };
    let space = space("nas-bench-201");
    let cells = cells(&folder, &space);
    let columns = ["dataset", "arch_index", "params_m", "flops_m"];
    let table = Table::read_columns(folder.join(file), &columns).unwrap();
    let datasets = table.column("dataset").unwrap().as_text().unwrap();
    let [index, parameters, flops] = ["arch_index", "params_m", "flops_m"].map(|name| floats(&table, name));
    let mut n_checked = 0;
    for (dataset, n_classes, image_size) in DATASETS {
        let proxy = proxy(&space, n_classes, image_size);
        for row in (0..table.n_rows()).filter(|&row| datasets.get(row) == dataset) {
            let tally = proxy.tally(&cells[index[row] as usize]).unwrap();
            n_checked += 1;
            let counted = [tally.parameters as f64 / 1e6, tally.flops() as f64 / 1e6];
            for (counted, recorded) in counted.into_iter().zip([parameters[row], flops[row]]) {
                let error = (counted - recorded).abs() / recorded;
                assert!(error <= tolerance, "{dataset} {}: {counted} {recorded}", index[row]);
            }
        }
    }
    n_checked
}

#[test]
fn the_491_cells_of_nas_bench_suite_zero_are_counted_exactly() {
    let n_rows = check_nas_bench_201("zero_cost_proxies.parquet", 1e-12);
    assert!([0, 3 * 491].contains(&n_rows), "{n_rows}");
}

#[test]
fn all_cells_of_nas_bench_201_are_counted_exactly() {
    // That table keeps single precision.
    let n_rows = check_nas_bench_201("results.parquet", 1e-7);
    assert!([0, 3 * 15_625].contains(&n_rows), "{n_rows}");
}

#[test]
fn the_smallest_and_the_largest_cell_have_their_published_sizes() {
    // Without the recorded tables: 0.073306 M and 0.073306 M + 6 · 0.24304 M parameters on CIFAR-10.
    let space = space("nas-bench-201");
    let proxy = proxy(&space, 10, 32);
    let tally = |operation: f64| proxy.tally(&Configuration::new(vec![operation; 6])).unwrap();
    assert_eq!(tally(0.0).parameters, 73_306);
    assert_eq!(tally(0.0).flops(), 7_943_872);
    assert_eq!(tally(3.0).parameters, 73_306 + 6 * 243_040);
    assert_eq!(tally(4.0), Tally { other_operations: tally(4.0).other_operations, ..tally(0.0) });
}

#[test]
fn cells_of_nas_bench_101_have_their_published_sizes() {
    let space = space("nas-bench-101");
    let proxy = proxy(&space, 10, 32);
    let parameters =
        |text: &str| proxy.tally(&space.parse_architecture(text).unwrap().unwrap()).unwrap().parameters;
    // The Inception-like cell of the benchmark's README, and what the README prints for it.
    let inception = "0111010000000100000010000100000000100000010000000 \
        input,conv1x1-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,maxpool3x3,output";
    assert_eq!(parameters(inception), 2_694_282);
    // The largest network of the benchmark: 49,979,274 parameters.
    let largest = ["0111001", "0010000", "0001000", "0000100", "0000010", "0000001", "0000000"].concat();
    let convolutions = ["conv3x3-bn-relu"; 5].join(",");
    assert_eq!(parameters(&format!("{largest} input,{convolutions},output")), 49_979_274);
}

#[test]
fn all_networks_of_nas_bench_macro_are_counted_exactly() {
    let Some(folder) = shared_data("nas-bench-macro") else { return };
    let space = space("nas-bench-macro");
    let proxy = proxy(&space, 10, 32);
    let table = Table::read_columns(folder.join("results.parquet"), &["arch", "params", "flops"]).unwrap();
    let texts = table.column("arch").unwrap().as_text().unwrap();
    let [parameters, flops] = ["params", "flops"].map(|name| floats(&table, name));
    assert_eq!(table.n_rows(), 6_561);
    for row in 0..table.n_rows() {
        let tally = proxy.tally(&space.parse_architecture(texts.get(row)).unwrap().unwrap()).unwrap();
        assert_eq!(tally.parameters as f64, parameters[row], "{}", texts.get(row));
        assert_eq!(tally.multiply_adds as f64, flops[row], "{}", texts.get(row));
    }
}
