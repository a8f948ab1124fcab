use crate::Seed;
use crate::architecture::tests::preset;

#[test]
fn the_path_encoding_has_the_published_width_and_places() {
    let space = preset("nas-bench-101");
    let family = space.architecture_spec().unwrap();
    let paths = family.path_encoding(usize::MAX);
    // White et al. 2021, section 5: 3⁰ + 3¹ + … + 3⁵ = 364.
    assert_eq!(paths.width(), 364);
    let encode = |text: &str| -> Vec<usize> {
        let graph = space.architecture(&space.parse_architecture(text).unwrap().unwrap()).unwrap().unwrap();
        let encoded = paths.encode(&graph);
        (0..364).filter(|&place| encoded[place] == 1.0).collect()
    };
    assert_eq!(encode("0100 input,output"), [0]);
    assert_eq!(encode("011001000 input,maxpool3x3,output"), [0, 3]);
    // conv3x3 (0) then conv1x1 (1): 3⁰·1 + 3¹·2; the other order: 3⁰·2 + 3¹·1.
    assert_eq!(encode("0100001000010000 input,conv3x3-bn-relu,conv1x1-bn-relu,output"), [7]);
    assert_eq!(encode("0100001000010000 input,conv1x1-bn-relu,conv3x3-bn-relu,output"), [5]);
    let chain = "0100000001000000010000000100000001000000010000000";
    let pools = ["maxpool3x3"; 5].join(",");
    assert_eq!(encode(&format!("{chain} input,{pools},output")), [363]);
}

#[test]
fn truncated_paths_are_the_first_of_all() {
    let mut rng = Seed::from_number(12).rng();
    for name in ["nas-bench-101", "nas-bench-201", "nas-bench-graph", "nas-bench-macro", "darts"] {
        let space = preset(name);
        let family = space.architecture_spec().unwrap();
        let (all, some) = (family.path_encoding(usize::MAX), family.path_encoding(30));
        for _ in 0..100 {
            let graph = space.architecture(&space.sample(&mut rng).unwrap()).unwrap().unwrap();
            let encoded = all.encode(&graph);
            assert_eq!(encoded.len(), all.width());
            assert!(graph.simplified().edges.is_empty() || encoded.contains(&1.0), "{name}");
            assert_eq!(some.encode(&graph), encoded[..some.width()]);
        }
    }
}

#[test]
fn the_graph_encoding_names_every_operation_and_edge() {
    let space = preset("nas-bench-201");
    let text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|none~2|";
    let graph = space.architecture(&space.parse_architecture(text).unwrap().unwrap()).unwrap().unwrap();
    let vocabulary = space.architecture_spec().unwrap().vocabulary();
    let operations: Vec<_> = graph.operation_indices(&vocabulary).into_iter().map(Option::unwrap).collect();
    assert_eq!(operations.len(), graph.nodes.len());
    assert!(graph.nodes.iter().zip(operations).all(|(node, place)| vocabulary[place] == node.operation));
    let n = graph.nodes.len();
    let adjacency = graph.adjacency();
    assert_eq!(adjacency.len(), n * n);
    assert_eq!(adjacency.iter().sum::<f64>() as usize, graph.edges.len());
    assert!(graph.edges.iter().all(|(from, to)| adjacency[from * n + to] == 1.0));
}
