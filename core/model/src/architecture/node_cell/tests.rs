use std::collections::{HashMap, HashSet};

use md5::{Digest, Md5};

use super::*;
use crate::architecture::ArchitectureSpec;
use crate::architecture::canonical::certificate;
use crate::architecture::tests::{golden, preset, space};
use crate::{Seed, SpaceSpec};

/// The key under which the benchmark's records keep a cell, the same for isomorphic cells.
///
/// Source: Ying et al. 2019, supplement S1, "iterated graph hash".
fn published_hash(cell: &NodeCell, space: &Space, configuration: &Configuration) -> String {
    iterated_hash(&cell.prune(space.architecture_values(configuration).unwrap()))
}

/// Nodes start with the hash of their degrees and label; as many times as there are nodes, each takes in its
/// neighbours' hashes in order. The exact bytes follow from how Python prints tuples and lists.
fn iterated_hash(cell: &PrunedCell) -> String {
    let n = cell.operations.len() + 2;
    let label = |node: usize| match node {
        0 => -1,
        _ if node == n - 1 => -2,
        _ => cell.operations[node - 1] as i64,
    };
    let degree = |node: usize, end: fn(&(usize, usize)) -> usize| {
        cell.edges.iter().filter(|&edge| end(edge) == node).count()
    };
    let mut hashes: Vec<String> = (0..n)
        .map(|node| {
            let (out_edges, in_edges) = (degree(node, |edge| edge.0), degree(node, |edge| edge.1));
            md5_hex(&format!("({out_edges}, {in_edges}, {})", label(node)))
        })
        .collect();
    for _ in 0..n {
        hashes = (0..n)
            .map(|node| {
                let mut fed_by: Vec<&str> =
                    cell.edges.iter().filter(|edge| edge.1 == node).map(|edge| &*hashes[edge.0]).collect();
                let mut feeds: Vec<&str> =
                    cell.edges.iter().filter(|edge| edge.0 == node).map(|edge| &*hashes[edge.1]).collect();
                fed_by.sort_unstable();
                feeds.sort_unstable();
                md5_hex(&format!("{}|{}|{}", fed_by.concat(), feeds.concat(), hashes[node]))
            })
            .collect();
    }
    hashes.sort_unstable();
    md5_hex(&format!("['{}']", hashes.join("', '")))
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_published_hash_is_the_one_of_the_benchmarks_own_code() {
    let (cell, space) = (NodeCell::nas_bench_101(), preset("nas-bench-101"));
    let golden = golden();
    let expected = golden["nas_bench_101_hashes"].as_object().unwrap();
    assert!(expected.len() > 200);
    for (text, hash) in expected {
        let configuration = cell.parse(&space, text).unwrap();
        assert_eq!(published_hash(&cell, &space, &configuration), hash.as_str().unwrap(), "{text}");
    }
}

#[test]
fn both_published_forms_mean_the_same_cell() {
    let (cell, space) = (NodeCell::nas_bench_101(), preset("nas-bench-101"));
    // The Inception-like cell that the benchmark's README starts with.
    let json = r#"{"module_adjacency": [[0,1,1,1,0,1,0],[0,0,0,0,0,0,1],[0,0,0,0,0,0,1],[0,0,0,0,1,0,0],[0,0,0,0,0,0,1],[0,0,0,0,0,0,1],[0,0,0,0,0,0,0]],
        "module_operations": ["input","conv1x1-bn-relu","conv3x3-bn-relu","conv3x3-bn-relu","conv3x3-bn-relu","maxpool3x3","output"]}"#;
    let digits = "0111010000000100000010000100000000100000010000000 \
        input,conv1x1-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,maxpool3x3,output";
    let configuration = cell.parse(&space, json).unwrap();
    assert_eq!(cell.parse(&space, digits).unwrap(), configuration);
    assert_eq!(cell.format(&space, &configuration).unwrap(), digits);
    let graph = space.architecture(&configuration).unwrap().unwrap();
    let operations: Vec<&str> = graph.nodes.iter().map(|node| node.operation.as_str()).collect();
    let inner = ["conv1x1-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "maxpool3x3"];
    assert_eq!(operations[1..6], inner);
    assert_eq!(operations[6..], ["concat", "output"]);
}

#[test]
fn cells_that_are_none_are_refused() {
    let (cell, space) = (NodeCell::nas_bench_101(), preset("nas-bench-101"));
    let check = |text: &str, expected: &str| {
        let error = cell.parse(&space, text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("0102 input,output", "character 4: an adjacency matrix has digits `0` and `1` only");
    check("010 input,output", "2 operations and 3 digits");
    check("0110 input,output", "the edge 1 to 0 leads back");
    check("010001000 input,conv9x9,output", "`conv9x9` is no operation; hint: use one of `conv3x3-bn-relu`");
    check("0000 input,output", "no path leads");
    check("{\"module_adjacency\": 3}", "invalid type");
    let full = format!(
        "{} input,maxpool3x3,maxpool3x3,maxpool3x3,maxpool3x3,output",
        "011111001111000111000011000001000000"
    );
    check(&full, "the cell has 15 edges; hint: at most 9");
}

#[test]
fn draws_neighbours_and_mutants_keep_to_the_edges_allowed() {
    let space = preset("nas-bench-101");
    let cell = NodeCell::nas_bench_101();
    let mut rng = Seed::from_number(11).rng();
    for _ in 0..200 {
        let configuration = space.sample(&mut rng).unwrap();
        assert!((1..=9).contains(&cell.prune(configuration.values()).edges.len()));
        space.neighbours(&configuration, &mut rng).iter().for_each(|other| space.check(other).unwrap());
        space.check(&space.mutate(&configuration, &mut rng).unwrap()).unwrap();
    }
    let mut nothing = space.default_configuration().values().to_vec();
    nothing[..21].fill(0.0);
    let nothing = Configuration::new(nothing);
    assert!(matches!(space.check(&nothing), Err(SpaceError::ForbiddenArchitecture { .. })));
    assert!(space.architecture(&nothing).unwrap().is_err());
}

#[test]
fn our_key_and_the_published_hash_tell_the_same_cells_apart() {
    let cell = NodeCell { max_nodes: 5, ..NodeCell::nas_bench_101() };
    let architecture = Some(ArchitectureSpec::NodeCell(cell.clone()));
    let space = Space::compile(SpaceSpec { architecture, ..SpaceSpec::default() }).unwrap();
    let (mut hash_of, mut key_of) = (HashMap::new(), HashMap::new());
    for number in 0..(1u32 << 10) * 27 {
        let edges = (0..10).map(|edge| f64::from(number >> edge & 1));
        let operations = (0..3).map(|node| f64::from((number >> 10) / 3u32.pow(node) % 3));
        let configuration = Configuration::new(edges.chain(operations).collect::<Vec<_>>());
        let Ok(graph) = cell.decode(&space, &configuration) else { continue };
        let (key, hash) = (graph.key(), published_hash(&cell, &space, &configuration));
        assert_eq!(hash_of.entry(key.clone()).or_insert(hash.clone()), &hash);
        assert_eq!(key_of.entry(hash).or_insert(key.clone()), &key);
    }
    assert_eq!(hash_of.len() as u64, golden()["nas_bench_101_unique_cells"]["5"].as_u64().unwrap());
}

/// The smallest form of an unlabelled graph over all orders of its inner nodes.
fn smallest_form(n: usize, bits: u32, orders: &[Vec<usize>]) -> u64 {
    let form = |order: &Vec<usize>| {
        let mut form = 0u64;
        for to in 1..n {
            for from in 0..to {
                if bits >> edge_place(from, to) & 1 == 1 {
                    form |= 1 << (order[from] * n + order[to]);
                }
            }
        }
        form
    };
    orders.iter().map(form).min().unwrap()
}

fn orders_of_inner_nodes(n: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![vec![0]];
    for _ in 1..n - 1 {
        let longer = |order: &Vec<usize>| -> Vec<Vec<usize>> {
            (1..n - 1)
                .filter(|node| !order.contains(node))
                .map(|node| order.iter().copied().chain([node]).collect())
                .collect()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders.iter_mut().for_each(|order| order.push(n - 1));
    orders
}

#[test]
fn nas_bench_101_has_423_624_unique_cells() {
    let mut certificates = HashSet::new();
    for n in 2..=7usize {
        let orders = orders_of_inner_nodes(n);
        let mut shapes = HashSet::new();
        for bits in 0..1u32 << (n * (n - 1) / 2) {
            if bits.count_ones() > 9 {
                continue;
            }
            let edges: Vec<(usize, usize)> = (1..n)
                .flat_map(|to| (0..to).map(move |from| (from, to)))
                .filter(|&(from, to)| bits >> edge_place(from, to) & 1 == 1)
                .collect();
            let is_fed = |node| edges.iter().any(|edge| edge.1 == node);
            let feeds = |node| edges.iter().any(|edge| edge.0 == node);
            if !(1..n).all(is_fed)
                || !(0..n - 1).all(feeds)
                || !shapes.insert(smallest_form(n, bits, &orders))
            {
                continue;
            }
            let inner = n - 2;
            for number in 0..3u32.pow(inner as u32) {
                let operations = (0..inner as u32).map(|node| (number / 3u32.pow(node) % 3) as u8);
                let labels: Vec<u8> = [10].into_iter().chain(operations).chain([11]).collect();
                let digest: [u8; 16] = Md5::digest(certificate(&labels, &edges)).into();
                certificates.insert(digest);
            }
        }
    }
    // Ying et al. 2019, section 2.
    assert_eq!(certificates.len(), 423_624);
}

#[test]
fn a_cell_stands_in_a_run_file() {
    let space = space(
        "[architecture]\nkind = \"node-cell\"\nmax_nodes = 3\nmax_edges = 3\noperations = [\"a\", \"b\"]",
    )
    .unwrap();
    let names: Vec<&str> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, ["edge_0_1", "edge_0_2", "edge_1_2", "op_1"]);
    assert_eq!(space.default_configuration().values(), [1.0, 0.0, 1.0, 0.0]);
}
