use std::collections::HashSet;

use super::*;
use crate::architecture::tests::{golden, preset, space};

#[test]
fn the_published_number_is_read_and_written() {
    let space = preset("nas-bench-graph");
    let check = |text: &str, links: &str, operations: [&str; 4]| {
        let configuration = space.parse_architecture(text).unwrap().unwrap();
        assert_eq!(space.value(&configuration, "links"), Some(links.into()));
        for (node, operation) in operations.into_iter().enumerate() {
            assert_eq!(space.value(&configuration, &format!("op_{}", node + 1)), Some(operation.into()));
        }
        assert_eq!(space.format_architecture(&configuration).unwrap().unwrap(), text);
    };
    // By the benchmark's own `Arch.hash_arch`.
    check("61273", "0112", ["gcn", "gin", "fc", "cheb"]);
    check("1", "0000", ["gat", "gat", "gat", "gcn"]);
    let error = space.parse_architecture("19000").unwrap().unwrap_err().to_string();
    assert!(error.contains("character 2: expected a digit below 9, found `9000`"), "{error}");
}

#[test]
fn leaves_are_joined() {
    let space = preset("nas-bench-graph");
    let graph = space.architecture(&space.parse_architecture("61273").unwrap().unwrap()).unwrap().unwrap();
    assert_eq!(graph.edges, [(0, 1), (1, 2), (1, 3), (2, 4), (3, 5), (4, 5), (5, 6)]);
    assert_eq!(graph.nodes[5], Node::new(Node::CONCAT));
}

#[test]
fn nas_bench_graph_has_the_networks_that_its_authors_list() {
    let space = preset("nas-bench-graph");
    let cells = (0..90_000u32).filter_map(|number| space.parse_architecture(&number.to_string())?.ok());
    let keys: HashSet<_> = cells.map(|cell| space.architecture(&cell).unwrap().unwrap().key()).collect();
    // They leave out the cell that passes its input on.
    assert_eq!(keys.len() as u64, golden()["nas_bench_graph_listed"].as_u64().unwrap() + 1);
}

#[test]
fn shapes_with_mistakes_are_refused() {
    let check = |links: &str| {
        let text = format!("[architecture]\nkind = \"linked-cell\"\nlinks = [{links}]\noperations = [\"a\"]");
        let error = space(&text).unwrap_err().to_string();
        assert!(error.contains("shape"), "{error}");
    };
    check("");
    check("\"02\"");
    check("\"00\", \"000\"");
    check("\"0x\"");
}
