use std::collections::{HashMap, HashSet};

use super::*;
use crate::Seed;
use crate::architecture::tests::{golden, preset};

fn nas_bench_201() -> (EdgeCell, Space) {
    (EdgeCell::nas_bench_201(), preset("nas-bench-201"))
}

/// All 15,625 cells.
fn all_cells(space: &Space) -> impl Iterator<Item = Configuration> {
    (0..space.n_configurations().unwrap() as u32).map(|number| {
        Configuration::new((0..6).map(|edge| f64::from(number / 5u32.pow(edge) % 5)).collect::<Vec<_>>())
    })
}

#[test]
fn the_published_string_is_read_and_written() {
    let (cell, space) = nas_bench_201();
    // The ResNet cell, as the benchmark's paper and API give it.
    let text = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|";
    let resnet = cell.parse(&space, text).unwrap();
    assert_eq!(resnet.values(), [3.0, 0.0, 3.0, 1.0, 0.0, 1.0]);
    assert_eq!(space.value(&resnet, "op_1_2"), Some("nor_conv_3x3".into()));
    for configuration in all_cells(&space) {
        let text = cell.format(&space, &configuration).unwrap();
        assert_eq!(cell.parse(&space, &text).unwrap(), configuration);
    }
}

#[test]
fn strings_with_mistakes_are_refused_at_their_place() {
    let (cell, space) = nas_bench_201();
    let check = |text: &str, position: usize, expected: &str| {
        let error = cell.parse(&space, text).unwrap_err();
        assert!(matches!(error, SpaceError::BadText { position: found, .. } if found == position), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    check("", 1, "expected `|`, found the end of the text");
    check(
        "|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        2,
        "`conv` is no operation; hint: use one of `none`",
    );
    check("|none~1|+|none~0|none~1|+|none~0|none~1|none~2|", 6, "expected `~0|`, found `~1|+|none~0|`");
    check("|none~0|+|none~0|+|none~0|none~1|none~2|", 18, "`` is no operation");
    check("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+", 48, "expected the end");
}

/// Which cells count as one when the published counts of unique cells are reproduced.
#[derive(Clone, Copy, PartialEq)]
enum Equivalence {
    /// A skip connection is what it skips from.
    Skip,
    /// The same, and an edge out of a node that is zero is zero.
    SkipAndZero,
}

/// The cell as nested terms, each node the sorted sum of its edges: equal for cells that count as one.
///
/// This is how the benchmark's authors told unique cells apart. It is coarser than [`ArchitectureGraph::key`] where two
/// edges do the same to the same node (two convolutions with weights of their own, or one whose output is used twice),
/// and finer where a sum has a zero term.
fn published_class(
    cell: &EdgeCell,
    space: &Space,
    configuration: &Configuration,
    equivalence: Equivalence,
) -> String {
    const ZERO: &str = "#";
    let considers_zero = equivalence == Equivalence::SkipAndZero;
    let mut nodes = vec!["0".to_owned()];
    let mut operations = cell.chosen(space, configuration).unwrap();
    for to in 1..cell.n_nodes {
        let edges = operations.split_off(to);
        let term = |(from, &operation): (usize, &usize)| {
            let node = Node::new(&*cell.operations[operation]);
            if considers_zero && (node.is_zero() || nodes[from] == ZERO) {
                ZERO.to_owned()
            } else if node.is_identity() {
                nodes[from].clone()
            } else {
                format!("({})@{}", nodes[from], node.operation)
            }
        };
        let mut terms: Vec<String> = operations.iter().enumerate().map(term).collect();
        terms.sort_unstable();
        nodes.push(terms.join("+"));
        operations = edges;
    }
    nodes.swap_remove(cell.n_nodes - 1)
}

#[test]
fn nas_bench_201_has_the_published_numbers_of_unique_cells() {
    let (cell, space) = nas_bench_201();
    let classes = |equivalence| -> HashSet<String> {
        all_cells(&space).map(|drawn| published_class(&cell, &space, &drawn, equivalence)).collect()
    };
    // The benchmark's API prints both; 6,466 stands in table 1 of NATS-Bench.
    assert_eq!(classes(Equivalence::Skip).len(), 12_751);
    assert_eq!(classes(Equivalence::SkipAndZero).len(), 6_466);
}

#[test]
fn cells_with_one_key_have_the_same_operations_that_matter() {
    let (cell, space) = nas_bench_201();
    let mut seen: HashMap<_, Vec<String>> = HashMap::new();
    for configuration in all_cells(&space) {
        let graph = cell.decode(&space, &configuration).unwrap();
        graph.check().unwrap();
        let simple = graph.simplified();
        simple.check().unwrap();
        assert_eq!(simple.simplified(), simple);
        let mut operations: Vec<String> = simple.nodes.into_iter().map(|node| node.operation).collect();
        operations.sort();
        assert_eq!(seen.entry(graph.key()).or_insert_with(|| operations.clone()), &operations);
    }
    assert_eq!(seen.len() as u64, golden()["nas_bench_201_networks"].as_u64().unwrap());
}

#[test]
fn cells_are_drawn_evenly() {
    let (_, space) = nas_bench_201();
    let mut rng = Seed::from_number(201).rng();
    let mut counts = vec![0u32; 15_625];
    let per_cell = 20.0;
    for _ in 0..(15_625.0 * per_cell) as usize {
        let cell = space.sample(&mut rng).unwrap();
        counts[cell.values().iter().fold(0, |number, &operation| number * 5 + operation as usize)] += 1;
    }
    let chi: f64 = counts.iter().map(|&count| (f64::from(count) - per_cell).powi(2) / per_cell).sum();
    // Chi-squared with 15,624 degrees of freedom: mean 15,624, standard deviation 176.8; four of them either way.
    assert!((chi - 15_624.0).abs() < 4.0 * 176.8, "{chi}");
}
