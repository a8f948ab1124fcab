use super::*;
use crate::{Rng, Seed, SpaceSpec};

/// What others say of these cells: `tests/golden/architecture/make.py`.
pub(super) fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../../tests/golden/architecture/expected.json")).unwrap()
}

pub(super) fn preset(name: &str) -> Space {
    Space::compile(SpaceSpec::preset(name).unwrap()).unwrap()
}

pub(super) fn space(toml: &str) -> Result<Space, SpaceError> {
    Space::compile(toml::from_str(toml).unwrap())
}

/// The same graph with its nodes in another topological order.
fn shuffled(graph: &ArchitectureGraph, rng: &mut Rng) -> ArchitectureGraph {
    let inputs = graph.inputs();
    let n = graph.nodes.len();
    let mut places = vec![None; n];
    places[0] = Some(0);
    let mut other = ArchitectureGraph::with_input();
    other.nodes[0] = graph.nodes[0].clone();
    while other.nodes.len() < n {
        let ready: Vec<usize> = (1..n)
            .filter(|&node| places[node].is_none() && inputs[node].iter().all(|&from| places[from].is_some()))
            .filter(|&node| node != n - 1 || other.nodes.len() == n - 1)
            .collect();
        let node = *rng.choose(&ready).unwrap();
        let sources: Vec<usize> = inputs[node].iter().filter_map(|&from| places[from]).collect();
        places[node] = Some(other.add(graph.nodes[node].clone(), &sources));
    }
    other
}

#[test]
fn every_preset_decodes_to_sound_graphs_whose_key_does_not_depend_on_the_order_of_nodes() {
    let mut rng = Seed::from_number(7).rng();
    for name in SpaceSpec::PRESETS {
        let space = preset(name);
        assert_eq!(space.name(), name);
        space.check(&space.default_configuration()).unwrap();
        for _ in 0..300 {
            let configuration = space.sample(&mut rng).unwrap();
            space.check(&configuration).unwrap();
            let text = match space.format_architecture(&configuration).unwrap() {
                Ok(text) => {
                    let parsed = space.parse_architecture(&text).unwrap().unwrap();
                    let [read, drawn] =
                        [&parsed, &configuration].map(|own| space.architecture_values(own).unwrap().to_vec());
                    assert_eq!(read, drawn, "{text}");
                    text
                }
                Err(error) => {
                    assert!(error.to_string().contains("has no string form"), "{error}");
                    format!("{:?}", space.to_named(&configuration))
                }
            };
            let graph = space.architecture(&configuration).unwrap().unwrap();
            graph.check().unwrap();
            let other = shuffled(&graph, &mut rng);
            other.check().unwrap();
            assert_eq!(other.key(), graph.key(), "{text}");
            assert_eq!(graph.simplified().key(), graph.key(), "{text}");
        }
    }
    assert_eq!(SpaceSpec::preset("nas-bench-9000"), None);
}

#[test]
fn simplifying_drops_what_does_nothing_and_keeps_what_is_added_twice() {
    let mut graph = ArchitectureGraph::with_input();
    let conv = graph.add(Node::new("conv"), &[0]);
    let skip = graph.add(Node::new("skip_connect"), &[0]);
    let nothing = graph.add(Node::new("none"), &[conv]);
    let inner = graph.add(Node::new(Node::SUM), &[conv, skip, nothing]);
    graph.add(Node::new("pool"), &[nothing]);
    let outer = graph.add(Node::new(Node::SUM), &[skip, inner]);
    graph.add(Node::new(Node::OUTPUT), &[outer]);
    graph.check().unwrap();
    let simple = graph.simplified();
    let operations: Vec<&str> = simple.nodes.iter().map(|node| node.operation.as_str()).collect();
    assert_eq!(operations, ["input", "conv", "sum", "output"]);
    assert_eq!(simple.edges, [(0, 1), (0, 2), (0, 2), (1, 2), (2, 3)]);
}

#[test]
fn a_sum_that_is_read_directly_and_through_an_identity_is_one_sum() {
    let keys = [false, true].map(|through_identity| {
        let mut graph = ArchitectureGraph::with_input();
        let conv = graph.add(Node::new("conv"), &[0]);
        let sum = graph.add(Node::new(Node::SUM), &[0, conv]);
        let again = if through_identity { graph.add(Node::new("skip_connect"), &[sum]) } else { sum };
        let (left, right) = (graph.add(Node::new("pool"), &[sum]), graph.add(Node::new("conv"), &[again]));
        let joined = graph.add(Node::new(Node::CONCAT), &[left, right]);
        graph.add(Node::new(Node::OUTPUT), &[joined]);
        graph.key()
    });
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn a_hyperparameter_does_not_stand_in_for_what_the_architecture_fixes() {
    let name = |name: &str| {
        format!("[[parameter]]\nname = \"{name}\"\ntype = \"int\"\nlow = 7\nhigh = 9\n[architecture]\n")
    };
    let graph = |text: String| {
        let space = space(&text).unwrap();
        space.architecture(&space.default_configuration()).unwrap().unwrap()
    };
    let mlp = "kind = \"shaped-mlp\"\nn_layers = [2, 2]";
    assert_eq!(graph(name("n_layers") + mlp), graph(name("other") + mlp));
    let shape = "kind = \"macro\"\nresolution = [32]\n[[architecture.stage]]\ndepth = [2]\nwidth = [8]\n\
                 operations = [\"conv\"]\n[[architecture.stage]]\ndepth = [1, 2]\nwidth = [16]\n\
                 operations = [\"conv\"]";
    for fixed in ["resolution", "n_stages", "stage_1_depth"] {
        assert_eq!(graph(name(fixed) + shape), graph(name("other") + shape), "{fixed}");
    }
}

#[test]
fn architectures_beyond_all_measure_are_refused_at_once() {
    let many = 100_000_000_000_u64;
    let descriptions = [
        format!("kind = \"edge-cell\"\nn_nodes = {many}\noperations = [\"a\", \"b\"]"),
        format!("kind = \"node-cell\"\nmax_nodes = {many}\nmax_edges = 9\noperations = [\"a\", \"b\"]"),
        format!("kind = \"chain\"\nmin_layers = 1\nmax_layers = {many}\noperation = [{{ name = \"a\" }}]"),
        format!("kind = \"macro\"\nstage = [{{ depth = [{many}], width = [8], operations = [\"a\"] }}]"),
        format!("kind = \"shaped-mlp\"\nn_layers = [1, {many}]"),
        format!("kind = \"shaped-mlp\"\nresidual = [true]\nn_groups = [1, {many}]"),
        format!(
            "kind = \"paired-cells\"\nn_nodes = {many}\ndistinct_inputs = true\nconcat = \"all\"\n\
             operations = [\"a\", \"b\"]"
        ),
        format!(
            "kind = \"hierarchical\"\noperations = [\"a\"]\n\
             level = [{{ n_motifs = {many}, n_nodes = 2 }}, {{ n_motifs = 1, n_nodes = 2 }}]"
        ),
        format!(
            "kind = \"resolution-path\"\nn_layers = [1, {many}]\nfinest = 1\ncoarsest = 2\nchannels = [8]\n\
             operations = [\"a\"]"
        ),
        format!(
            "kind = \"encoder-decoder\"\nn_stages = [1, 2]\ndepth = [1, {many}]\nfinest = 1\nchannels = [8]\n\
             operations = [\"a\"]"
        ),
    ];
    for description in descriptions {
        let error = space(&format!("[architecture]\n{description}")).unwrap_err().to_string();
        assert!(error.contains("nodes and edges, and 10000 are allowed; hint: lower"), "{error}");
    }
}

#[test]
fn an_identity_with_a_stride_is_no_identity() {
    let strided = |stride: Option<i64>| {
        let mut graph = ArchitectureGraph::with_input();
        let identity = Node::new("identity");
        let identity = stride.map_or(identity.clone(), |stride| identity.with("stride", stride));
        let layer = graph.add(identity, &[0]);
        graph.add(Node::new(Node::OUTPUT), &[layer]);
        graph
    };
    assert_eq!(strided(None).simplified().edges, [(0, 1)]);
    assert_eq!(strided(Some(2)).simplified().edges, [(0, 1), (1, 2)]);
    assert_ne!(strided(Some(2)).key(), strided(Some(4)).key());
}

#[test]
fn operations_with_names_of_the_graphs_own_are_refused() {
    for name in ["sum", "input", "conv~3", "a,b", "a|b", ""] {
        let text =
            format!("[architecture]\nkind = \"edge-cell\"\nn_nodes = 3\noperations = [\"none\", \"{name}\"]");
        let error = space(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("`{name}` cannot be an operation's name; hint")), "{error}");
    }
}

#[test]
fn graphs_from_elsewhere_are_checked() {
    let check = |nodes: &[&str], edges: &[(usize, usize)], expected: &str| {
        let nodes = nodes.iter().map(|&name| Node::new(name)).collect();
        let error = ArchitectureGraph { nodes, edges: edges.to_vec() }.check().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&["input"], &[], "ends with `output`");
    check(&["input", "output"], &[(0, 2)], "the edge 0 to 2");
    check(&["input", "output"], &[(1, 1)], "the edge 1 to 1");
    check(&["input", "a", "output"], &[(1, 2), (0, 1)], "do not ascend");
}

#[test]
fn the_examples_in_the_documentation_are_sound_spaces() {
    let sources = [
        include_str!("edge_cell.rs"),
        include_str!("node_cell.rs"),
        include_str!("linked_cell.rs"),
        include_str!("chain.rs"),
        include_str!("macro_shape.rs"),
        include_str!("shaped_mlp.rs"),
        include_str!("paired_cells.rs"),
        include_str!("hierarchical.rs"),
        include_str!("resolution_path.rs"),
        include_str!("encoder_decoder.rs"),
    ];
    for source in sources {
        let lines = source.lines().skip_while(|line| *line != "/// ```toml").skip(1);
        let example: Vec<&str> =
            lines.take_while(|line| *line != "/// ```").map(|line| line.trim_start_matches("///")).collect();
        assert!(example.len() > 3, "{example:?}");
        let space = space(&example.join("\n")).unwrap();
        let family = space.architecture_spec().unwrap();
        let vocabulary = family.vocabulary();
        let paths = family.path_encoding(1000);
        let mut rng = Seed::from_number(1).rng();
        for _ in 0..100 {
            let configuration = space.sample(&mut rng).unwrap();
            space.check(&configuration).unwrap();
            assert_eq!(space.from_named(&space.to_named(&configuration)).unwrap(), configuration);
            assert_eq!(space.encode(&configuration).len(), space.encoding_width());
            let graph = space.architecture(&configuration).unwrap().unwrap();
            graph.check().unwrap();
            assert_eq!(graph.simplified().key(), graph.key());
            assert!(graph.operation_indices(&vocabulary).iter().all(Option::is_some));
            assert_eq!(paths.encode(&graph).len(), paths.width());
            if let Some(other) = space.mutate(&configuration, &mut rng) {
                space.check(&other).unwrap();
                space.architecture(&other).unwrap().unwrap().check().unwrap();
            }
        }
    }
}
