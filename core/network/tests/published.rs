//! Parameter counts of lowered networks against published and recorded ones.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::path::Path;

use heirloom_dataset::{Table, shared_data};
use heirloom_model::{Configuration, Space, SpaceSpec};
use heirloom_network::{Frame, Head, Network, Shape};

fn space(name: &str) -> Space {
    Space::compile(SpaceSpec::preset(name).unwrap()).unwrap()
}

fn image(channels: usize, side: usize) -> Shape {
    Shape(vec![channels, side, side])
}

fn cifar() -> Frame {
    Frame::new(image(3, 32), Head::Classes(10))
}

fn lower(space: &Space, frame: &Frame, configuration: &Configuration) -> Network {
    let graph = space.architecture(configuration).unwrap().unwrap();
    frame.network(space.architecture_spec().unwrap(), &graph).unwrap()
}

fn parse(space: &Space, text: &str) -> Configuration {
    space.parse_architecture(text).unwrap().unwrap()
}

fn floats(table: &Table, column: &str) -> Vec<f64> {
    table.column(column).unwrap().to_f64().unwrap()
}

/// Each architecture of NAS-Bench-201 by its official index.
fn cells(folder: &Path, space: &Space) -> Vec<Configuration> {
    let table = Table::read_columns(folder.join("archs.parquet"), &["arch_index", "arch_str"]).unwrap();
    let texts = table.column("arch_str").unwrap().as_text().unwrap();
    assert!(floats(&table, "arch_index").iter().enumerate().all(|(row, &index)| row as f64 == index));
    (0..table.n_rows()).map(|row| parse(space, texts.get(row))).collect()
}

#[test]
fn the_491_cells_of_nas_bench_suite_zero_have_the_recorded_sizes() {
    let Some(folder) = shared_data("nasbench201") else { return };
    let space = space("nas-bench-201");
    let cells = cells(&folder, &space);
    let columns = ["dataset", "arch_index", "params_m", "flops_m"];
    let table = Table::read_columns(folder.join("zero_cost_proxies.parquet"), &columns).unwrap();
    let datasets = table.column("dataset").unwrap().as_text().unwrap();
    let [index, parameters, flops] = ["arch_index", "params_m", "flops_m"].map(|name| floats(&table, name));
    let mut n_checked = 0;
    for (dataset, n_classes, side) in
        [("cifar10", 10, 32), ("cifar100", 100, 32), ("ImageNet16-120", 120, 16)]
    {
        let frame = Frame::new(image(3, side), Head::Classes(n_classes));
        for row in (0..table.n_rows()).filter(|&row| datasets.get(row) == dataset) {
            let network = lower(&space, &frame, &cells[index[row] as usize]);
            let [parameters, flops] = [&parameters, &flops].map(|column| (column[row] * 1e6).round());
            assert_eq!(network.n_parameters() as f64, parameters, "{dataset} {}", index[row]);
            assert_eq!(network.n_operations() as f64, flops, "{dataset} {}", index[row]);
            n_checked += 1;
        }
    }
    assert_eq!(n_checked, 3 * 491);
}

#[test]
fn the_smallest_and_the_largest_cell_of_nas_bench_201_have_their_published_sizes() {
    let space = space("nas-bench-201");
    let n_parameters = |operation: f64, n_classes| {
        let frame = Frame::new(image(3, 32), Head::Classes(n_classes));
        lower(&space, &frame, &Configuration::new(vec![operation; 6])).n_parameters()
    };
    let classes = [10, 100, 120];
    assert_eq!(classes.map(|n| n_parameters(0.0, n)), [73_306, 79_156, 80_456]);
    assert_eq!(classes.map(|n| n_parameters(1.0, n)), [73_306, 79_156, 80_456]);
    assert_eq!(classes.map(|n| n_parameters(3.0, n)), [1_531_546, 1_537_396, 1_538_696]);
}

#[test]
fn cells_of_nas_bench_101_have_their_published_sizes() {
    let space = space("nas-bench-101");
    let n_parameters = |text: &str| lower(&space, &cifar(), &parse(&space, text)).n_parameters();
    // The Inception-like cell of the benchmark's README, and what the README prints for it.
    let inception = "0111010000000100000010000100000000100000010000000 \
        input,conv1x1-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,maxpool3x3,output";
    assert_eq!(n_parameters(inception), 2_694_282);
    // The largest network of the benchmark.
    let largest = ["0111001", "0010000", "0001000", "0000100", "0000010", "0000001", "0000000"].concat();
    let convolutions = ["conv3x3-bn-relu"; 5].join(",");
    assert_eq!(n_parameters(&format!("{largest} input,{convolutions},output")), 49_979_274);
}

#[test]
fn all_networks_of_nas_bench_macro_have_the_recorded_sizes() {
    let Some(folder) = shared_data("nas-bench-macro") else { return };
    let space = space("nas-bench-macro");
    let table = Table::read_columns(folder.join("results.parquet"), &["arch", "params", "flops"]).unwrap();
    let texts = table.column("arch").unwrap().as_text().unwrap();
    let [parameters, multiply_adds] = ["params", "flops"].map(|name| floats(&table, name));
    assert_eq!(table.n_rows(), 6_561);
    for row in 0..table.n_rows() {
        let network = lower(&space, &cifar(), &parse(&space, texts.get(row)));
        assert_eq!(network.n_parameters() as f64, parameters[row], "{}", texts.get(row));
        assert_eq!(network.n_multiply_adds() as f64, multiply_adds[row], "{}", texts.get(row));
    }
}

/// The genotype that DARTS publishes as `DARTS_V2`.
const DARTS_V2: &str = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), \
    ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], \
    normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), \
    ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], \
    reduce_concat=[2, 3, 4, 5])";

#[test]
fn the_network_of_darts_has_its_published_size() {
    let space = space("darts");
    let frame = Frame { stem_channels: Some(36), cells: Some(20), ..cifar() };
    let configuration = parse(&space, DARTS_V2);
    let network = lower(&space, &frame, &configuration);
    // "param size = 3.349342MB", which the authors' training prints: without the auxiliary head.
    assert_eq!(network.n_parameters(), 3_349_342);
    let with_head = lower(&space, &Frame { auxiliary: true, ..frame }, &configuration);
    assert_eq!(with_head.shapes()[with_head.auxiliary().unwrap()], Shape(vec![10]));
    // 576 channels behind the second reduction: 1×1 to 128, 2×2 to 768, two normalisations, 10 classes.
    let auxiliary = 576 * 128 + 2 * 128 + 4 * 128 * 768 + 2 * 768 + 768 * 10 + 10;
    let trained = with_head.tensors().into_iter().filter(|tensor| tensor.role.is_parameter());
    assert_eq!(trained.map(|tensor| tensor.len()).sum::<usize>(), 3_349_342 + auxiliary);
    assert_eq!(with_head.n_parameters(), 3_349_342);
}
