use super::*;
use crate::Seed;
use crate::architecture::tests::{preset, space};

/// As published: Liu, Simonyan & Yang 2019, figures 4 and 5, in the words of the authors' code.
const DARTS_V2: &str = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), \
    ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], \
    normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), \
    ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], \
    reduce_concat=[2, 3, 4, 5])";

/// NASNet-A and AmoebaNet-A as the authors of DARTS write them.
const NASNET_A: &str = "Genotype(
  normal = [
    ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 0), ('sep_conv_3x3', 0), ('avg_pool_3x3', 1),
    ('skip_connect', 0), ('avg_pool_3x3', 0), ('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('skip_connect', 1),
  ],
  normal_concat = [2, 3, 4, 5, 6],
  reduce = [
    ('sep_conv_5x5', 1), ('sep_conv_7x7', 0), ('max_pool_3x3', 1), ('sep_conv_7x7', 0), ('avg_pool_3x3', 1),
    ('sep_conv_5x5', 0), ('skip_connect', 3), ('avg_pool_3x3', 2), ('sep_conv_3x3', 2), ('max_pool_3x3', 1),
  ],
  reduce_concat = [4, 5, 6],
)";
const AMOEBANET_A: &str = "Genotype(normal=[('avg_pool_3x3', 0), ('max_pool_3x3', 1), ('sep_conv_3x3', 0), \
    ('sep_conv_5x5', 2), ('sep_conv_3x3', 0), ('avg_pool_3x3', 3), ('sep_conv_3x3', 1), ('skip_connect', 1), \
    ('skip_connect', 0), ('avg_pool_3x3', 1)], normal_concat=[4, 5, 6], reduce=[('avg_pool_3x3', 0), \
    ('sep_conv_3x3', 1), ('max_pool_3x3', 0), ('sep_conv_7x7', 2), ('sep_conv_7x7', 0), ('avg_pool_3x3', 1), \
    ('max_pool_3x3', 0), ('max_pool_3x3', 1), ('conv_7x1_1x7', 0), ('sep_conv_3x3', 5)], reduce_concat=[3, 4, 6])";

#[test]
fn the_space_of_darts_has_its_published_size() {
    // Liu, Simonyan & Yang 2019, appendix A.1.3: ∏ (k + 1) k / 2 · 7² for k = 1 … 4, about 10⁹, for each cell.
    let per_cell = [1, 3, 6, 10].iter().map(|pairs| pairs * 49).product::<u128>();
    assert_eq!(per_cell, 1_037_664_180);
    assert_eq!(preset("darts").n_configurations(), Some(per_cell * per_cell));
}

#[test]
fn published_genotypes_are_read_and_written() {
    for (name, text) in [("darts", DARTS_V2), ("nasnet", NASNET_A), ("amoebanet", AMOEBANET_A)] {
        let space = preset(name);
        let cells = space.parse_architecture(text).unwrap().unwrap();
        let written = space.format_architecture(&cells).unwrap().unwrap();
        assert_eq!(space.parse_architecture(&written).unwrap().unwrap(), cells, "{written}");
    }
    let space = preset("darts");
    let darts = space.parse_architecture(DARTS_V2).unwrap().unwrap();
    let written = space.format_architecture(&darts).unwrap().unwrap();
    let expected = DARTS_V2
        .replace("[2, 3, 4, 5]", "range(2, 6)")
        // The earlier input comes first.
        .replace("('sep_conv_3x3', 1), ('skip_connect', 0),", "('skip_connect', 0), ('sep_conv_3x3', 1),")
        .replace("('skip_connect', 2), ('max_pool_3x3', 1)", "('max_pool_3x3', 1), ('skip_connect', 2)");
    assert_eq!(written, expected);
    assert_eq!(space.value(&darts, "normal_node_5_inputs"), Some("0+2".into()));
    assert_eq!(space.value(&darts, "reduction_node_3_op_a"), Some("max_pool_3x3".into()));
    let nasnet = preset("nasnet");
    let written = nasnet.format_architecture(&nasnet.parse_architecture(NASNET_A).unwrap().unwrap());
    assert!(written.unwrap().unwrap().ends_with("reduce_concat=range(4, 7))"));
    let amoeba = preset("amoebanet");
    let written = amoeba.format_architecture(&amoeba.parse_architecture(AMOEBANET_A).unwrap().unwrap());
    assert_eq!(written.unwrap().unwrap(), AMOEBANET_A.replace("[4, 5, 6]", "range(4, 7)"));
}

#[test]
fn the_graph_of_darts_holds_both_cells() {
    let space = preset("darts");
    let graph = space.architecture(&space.parse_architecture(DARTS_V2).unwrap().unwrap()).unwrap().unwrap();
    graph.check().unwrap();
    let inputs = graph.inputs();
    assert_eq!(graph.nodes.len(), 2 + 2 * (2 + 8 + 4 + 1));
    for (place, node) in graph.nodes.iter().enumerate().skip(1).take(graph.nodes.len() - 2) {
        let feeders: Vec<&str> =
            inputs[place].iter().map(|&from| graph.nodes[from].operation.as_str()).collect();
        let cell = node.text("cell").unwrap();
        match node.operation.as_str() {
            "cell_input" => assert_eq!((feeders, node.int("position").is_some()), (vec!["input"], true)),
            "sum" => assert_eq!(feeders.len(), 2),
            "concat" => assert_eq!(feeders, ["sum"; 4]),
            _ => {
                let is_strided = cell == "reduction" && feeders == ["cell_input"];
                assert_eq!(node.int("stride"), is_strided.then_some(2), "{node:?}");
            }
        }
        let of_other_cell =
            |from: &usize| *from != 0 && graph.nodes[*from].text("cell").is_some_and(|other| other != cell);
        assert!(!inputs[place].iter().any(of_other_cell));
    }
    // A skip connection is an identity but where it halves the image: then it is an operation.
    let kept: Vec<_> =
        graph.simplified().nodes.into_iter().filter(|n| n.operation == "skip_connect").collect();
    assert_eq!(kept, []);
    let strided = DARTS_V2.replace("reduce=[('max_pool_3x3', 0)", "reduce=[('skip_connect', 0)");
    let graph = space.architecture(&space.parse_architecture(&strided).unwrap().unwrap()).unwrap().unwrap();
    let kept: Vec<_> =
        graph.simplified().nodes.into_iter().filter(|n| n.operation == "skip_connect").collect();
    assert_eq!(kept, [Node::new("skip_connect").with("cell", "reduction").with("stride", 2)]);
}

#[test]
fn the_order_of_a_nodes_two_edges_does_not_change_the_key_and_the_cells_do() {
    let mut rng = Seed::from_number(18).rng();
    for name in ["nasnet", "amoebanet"] {
        let space = preset(name);
        let Some(crate::ArchitectureSpec::PairedCells(family)) = space.architecture_spec() else { panic!() };
        let key = |cells: &[Vec<Pair>; 2]| {
            space.architecture_key(&family.configuration(&space, cells).unwrap()).unwrap().unwrap()
        };
        let mut n_exchanged = 0;
        for _ in 0..100 {
            let configuration = space.sample(&mut rng).unwrap();
            let cells = family.cells(&space, &configuration).unwrap();
            assert_eq!(family.configuration(&space, &cells).unwrap(), configuration);
            let mut swapped = cells.clone();
            swapped.iter_mut().flatten().for_each(|pair| pair.swap(0, 1));
            assert_eq!(key(&swapped), key(&cells));
            let [normal, reduction] = cells.clone();
            let exchanged = [reduction, normal];
            n_exchanged += usize::from(key(&exchanged) != key(&cells));
        }
        assert_eq!(n_exchanged, 100);
    }
}

#[test]
fn a_sum_of_a_skipped_sum_is_one_sum() {
    let space = space(
        "[architecture]\nkind = \"paired-cells\"\nn_nodes = 2\nconcat = \"loose-ends\"\n\
         operations = [\"none\", \"skip_connect\", \"conv\"]",
    )
    .unwrap();
    let key = |normal: &str| {
        let reduce = "[('conv', 0), ('none', 0), ('conv', 2), ('none', 0)], reduce_concat=[3])";
        let text = format!("Genotype(normal=[{normal}], normal_concat=[3], reduce={reduce}");
        space.architecture_key(&space.parse_architecture(&text).unwrap().unwrap()).unwrap().unwrap()
    };
    // (conv(0) + conv(1)) + conv(1), written twice.
    let a = key("('conv', 0), ('conv', 1), ('skip_connect', 2), ('conv', 1)");
    let b = key("('conv', 1), ('conv', 1), ('conv', 0), ('skip_connect', 2)");
    let c = key("('conv', 0), ('conv', 0), ('conv', 1), ('skip_connect', 2)");
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[test]
fn paths_tell_the_two_cells_and_their_inputs_apart() {
    let space = preset("darts");
    let paths = space.architecture_spec().unwrap().path_encoding(20_000);
    let encode = |text: &str| {
        let graph = space.architecture(&space.parse_architecture(text).unwrap().unwrap()).unwrap().unwrap();
        paths.encode(&graph)
    };
    let whole = encode(DARTS_V2);
    assert!(whole.iter().sum::<f64>() > 4.0);
    assert_ne!(
        whole,
        encode(&DARTS_V2.replace("reduce=[('max_pool_3x3', 0)", "reduce=[('dil_conv_3x3', 0)"))
    );
}

#[test]
fn genotypes_with_mistakes_are_refused_at_their_place() {
    let space = preset("darts");
    let check = |from: &str, to: &str, expected: &str| {
        let error = space.parse_architecture(&DARTS_V2.replacen(from, to, 1)).unwrap().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check("Genotype", "Cell", "character 1: expected `Genotype`");
    check("('sep_conv_3x3', 0)", "('conv', 0)", "character 20: `conv` is no operation; hint: use one of");
    check("('sep_conv_3x3', 0)", "('sep_conv_3x3', 2)", "expected a number below 2, found `2), ");
    check("('sep_conv_3x3', 0)", "('sep_conv_3x3', 1)", "node 2 has node 1 as both inputs; hint");
    check(
        "normal_concat=[2, 3, 4, 5]",
        "normal_concat=[4, 5]",
        "hint: in this space such a cell joins [2, 3, 4, 5]",
    );
    check("reduce=", "reduction=", "expected `reduce`, found `reduction=");
}
