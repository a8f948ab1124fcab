use super::*;
use crate::architecture::tests::{preset, space};
use crate::{Seed, Value};

const SMALL: &str = r#"
    [architecture]
    kind = "hierarchical"
    operations = ["conv", "pool", "skip_connect"]
    level = [{ n_motifs = 2, n_nodes = 3 }, { n_motifs = 1, n_nodes = 3 }]
"#;

/// The graph of edges by name, `none` for the others, as operations with what feeds them.
fn flat(space: &Space, edges: &[(&str, &str)]) -> Vec<(String, Vec<usize>)> {
    let mut named = space.to_named(&space.default_configuration());
    named.values_mut().for_each(|value| *value = "none".into());
    named.extend(edges.iter().map(|&(edge, part)| (edge.to_owned(), Value::from(part))));
    let graph = space.architecture(&space.from_named(&named).unwrap()).unwrap().unwrap();
    graph.check().unwrap();
    let inputs = graph.inputs();
    graph.nodes.into_iter().map(|node| node.operation).zip(inputs).collect()
}

#[test]
fn the_papers_space_has_its_parameters() {
    // Liu et al. 2018, section 4.1: M = (6, 6, 1) motifs; graphs of 4 nodes on level 2, of 5 on level 3.
    let space = preset("hierarchical");
    assert_eq!(space.parameters().len(), 6 * 6 + 10);
    assert!(space.parameters().iter().all(|parameter| parameter.n_values() == Some(7)));
    let names: Vec<&str> = space.parameters().iter().map(|parameter| &*parameter.name).collect();
    assert_eq!(
        names[..3],
        ["level_2_motif_1_edge_0_1", "level_2_motif_1_edge_0_2", "level_2_motif_1_edge_1_2"]
    );
    assert_eq!(names[45], "level_3_motif_1_edge_3_4");
}

#[test]
fn a_motif_stands_in_the_graph_wherever_it_is_used() {
    let space = space(SMALL).unwrap();
    let found = flat(
        &space,
        &[
            ("level_2_motif_1_edge_0_1", "conv"),
            ("level_2_motif_1_edge_1_2", "pool"),
            ("level_2_motif_1_edge_0_2", "skip_connect"),
            ("level_2_motif_2_edge_0_2", "conv"),
            ("level_3_motif_1_edge_0_1", "motif_1"),
            ("level_3_motif_1_edge_1_2", "motif_1"),
            ("level_3_motif_1_edge_0_2", "motif_2"),
        ],
    );
    let motif = |input: usize, start: usize| {
        [
            ("conv", vec![input]),
            ("skip_connect", vec![input]),
            ("pool", vec![start]),
            ("concat", vec![start + 1, start + 2]),
            ("conv_1x1", vec![start + 3]),
        ]
    };
    let mut found = found;
    // The two edges into a node come in the order of their sources.
    let first: Vec<_> = found.drain(1..6).collect();
    let mut operations: Vec<&str> = first.iter().map(|(name, _)| &**name).collect();
    operations.sort_unstable();
    let mut expected: Vec<&str> = motif(0, 1).into_iter().map(|(name, _)| name).collect();
    expected.sort_unstable();
    assert_eq!(operations, expected);
    let names: Vec<&str> = found.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names.iter().filter(|name| **name == "conv").count(), 2);
    assert_eq!(names[names.len() - 3..], ["concat", "conv_1x1", "output"]);
}

#[test]
fn what_leads_nowhere_is_left_out() {
    let space = space(SMALL).unwrap();
    // Motif 1 gives zeros: its node 1 is fed by nothing.
    let broken = [("level_2_motif_1_edge_1_2", "conv"), ("level_2_motif_2_edge_0_2", "pool")];
    let zero = flat(&space, &[broken[0], ("level_3_motif_1_edge_0_2", "motif_1")]);
    let names =
        |graph: Vec<(String, Vec<usize>)>| graph.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(zero), ["input", "none", "output"]);
    let one_path = [
        ("level_3_motif_1_edge_0_1", "motif_1"),
        ("level_3_motif_1_edge_1_2", "motif_2"),
        ("level_3_motif_1_edge_0_2", "motif_2"),
    ];
    let graph = flat(&space, &[&broken[..], &one_path].concat());
    assert_eq!(graph[1..], [("pool".to_owned(), vec![0]), ("output".to_owned(), vec![1])]);
}

#[test]
fn random_architectures_have_no_node_off_the_paths_and_merge_where_several_meet() {
    let space = preset("hierarchical");
    let mut rng = Seed::from_number(44).rng();
    let mut most = 0;
    for _ in 0..200 {
        let graph = space.architecture(&space.sample(&mut rng).unwrap()).unwrap().unwrap();
        most = most.max(graph.nodes.len());
        let inputs = graph.inputs();
        for (place, node) in graph.nodes.iter().enumerate().skip(1) {
            match node.operation.as_str() {
                "concat" => assert!(inputs[place].len() > 1),
                _ => assert_eq!(inputs[place].len(), 1, "{node:?}"),
            }
            let feeds = graph.edges.iter().filter(|(from, _)| *from == place).count();
            assert!(feeds > 0 || place == graph.nodes.len() - 1);
            if node.operation == "concat" {
                let next: Vec<&str> = (place + 1..graph.nodes.len())
                    .filter(|&to| inputs[to].contains(&place))
                    .map(|to| &*graph.nodes[to].operation)
                    .collect();
                assert_eq!(next, ["conv_1x1"]);
            }
        }
    }
    // Ten motifs of at most six operations and three merges, four merges, the ends.
    assert!((60..=10 * 12 + 8 + 2).contains(&most), "{most}");
    let chain = space.architecture(&space.default_configuration()).unwrap().unwrap();
    assert_eq!(chain.nodes.len(), 4 * 3 + 2);
}

#[test]
fn descriptions_with_mistakes_are_refused_with_a_remedy() {
    let check = |from: &str, to: &str, expected: &str| {
        let error = space(&SMALL.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("n_motifs = 1", "n_motifs = 2", "hint: its one motif is the architecture");
    check("n_nodes = 3", "n_nodes = 1", "level 2: hint: a level needs at least 1 motif of at least 2 nodes");
    check("\"pool\"", "\"none\"", "`none` among the operations; hint");
    check("n_nodes = 3 }, {", "n_nodes = 30 }, { n_motifs = 3, n_nodes = 30 }, {", "graphs of up to ");
}
