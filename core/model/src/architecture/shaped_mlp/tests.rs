use super::*;
use crate::Seed;
use crate::architecture::tests::space;

const SPACE: &str = r#"
    [architecture]
    kind = "shaped-mlp"
    n_groups = [1, 3]
    narrowest = [0.1, 0.5]
    use_dropout = [false, true]
    residual = [false, true]
"#;

fn named(space: &Space, pairs: &[(&str, Value)]) -> ArchitectureGraph {
    let named = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    space.architecture(&space.from_named(&named).unwrap()).unwrap().unwrap()
}

fn operations(graph: &ArchitectureGraph) -> Vec<String> {
    let written = |node: &Node| match (node.int("units"), node.float("rate")) {
        (Some(units), _) => format!("{} {units}", node.operation),
        (_, Some(rate)) => format!("{} {rate}", node.operation),
        _ => node.operation.clone(),
    };
    graph.nodes.iter().map(written).collect()
}

/// What autoPyTorch 0.2.1 (`network_backbone/utils.py`, `get_shaped_neuron_counts`) gives for 200 units at most, 20
/// features and 20 outputs, without the last layer. For a hexagon of two layers it gives three; there is none here.
const AUTO_PYTORCH: [(MlpShape, &[&[i64]]); 7] = [
    (
        MlpShape::Funnel,
        &[&[200], &[200, 110], &[200, 140, 80], &[200, 155, 110, 65], &[200, 178, 156, 134, 112, 90, 68, 46]],
    ),
    (
        MlpShape::LongFunnel,
        &[
            &[200],
            &[200, 200, 200, 110],
            &[200, 200, 200, 200, 110],
            &[200, 200, 200, 200, 200, 155, 110, 65],
        ],
    ),
    (
        MlpShape::Diamond,
        &[
            &[200],
            &[200, 110],
            &[110, 200, 110],
            &[110, 200, 140, 80],
            &[65, 110, 155, 200, 164, 128, 92, 56],
        ],
    ),
    (
        MlpShape::Hexagon,
        &[
            &[200],
            &[200, 200, 200, 200],
            &[110, 200, 200, 200, 110],
            &[110, 200, 200, 200, 200, 200, 110],
            &[80, 140, 200, 200, 200, 200, 140, 80],
        ],
    ),
    (MlpShape::Brick, &[&[200], &[200, 200, 200]]),
    (MlpShape::Triangle, &[&[200], &[110, 200], &[80, 140, 200], &[42, 64, 86, 108, 130, 152, 174, 200]]),
    (
        MlpShape::Stairs,
        &[
            &[200],
            &[200, 200],
            &[200, 80, 80],
            &[200, 200, 110, 110],
            &[200, 200, 156, 156, 112, 112, 68, 68],
        ],
    ),
];

#[test]
fn widths_are_those_of_auto_pytorch() {
    for (shape, expected) in AUTO_PYTORCH {
        for &expected in expected {
            assert_eq!(shape.widths(expected.len(), 200, 0.1), expected, "{shape:?}");
        }
    }
    assert_eq!(MlpShape::Hexagon.widths(2, 200, 0.1), [200, 200]);
    for shape in MlpShape::ALL {
        for n in 0..30 {
            for widest in [1, 2, 7, 500] {
                let widths = shape.widths(n, widest, 0.1);
                assert_eq!(widths.len(), n, "{shape:?}");
                assert!(widths.iter().all(|units| (1..=widest).contains(units)), "{shape:?} {widths:?}");
                assert!(n == 0 || widths.contains(&widest), "{shape:?} {widths:?}");
            }
        }
    }
}

#[test]
fn a_plain_network_is_layers_of_the_shapes_widths() {
    let space = space(SPACE).unwrap();
    let graph = named(
        &space,
        &[
            ("residual", false.into()),
            ("n_layers", 3.into()),
            ("shape", "funnel".into()),
            ("max_units", 200.into()),
            ("narrowest", 0.1.into()),
            ("activation", "gelu".into()),
            ("batch_norm", true.into()),
            ("use_dropout", true.into()),
            ("dropout", 0.25.into()),
        ],
    );
    let layer = |units: i64| {
        [format!("linear {units}"), "batch_norm".into(), "gelu".into(), "dropout 0.25".to_owned()]
    };
    let layers: Vec<String> = [200, 140, 80].into_iter().flat_map(layer).collect();
    assert_eq!(operations(&graph)[1..13], layers);
    assert!(graph.edges.iter().enumerate().all(|(place, &edge)| edge == (place, place + 1)));
}

#[test]
fn a_residual_block_starts_with_its_activation_and_projects_where_the_width_changes() {
    let space = space(SPACE).unwrap();
    let graph = named(
        &space,
        &[
            ("residual", true.into()),
            ("n_groups", 1.into()),
            ("blocks_per_group", 2.into()),
            ("shape", "funnel".into()),
            ("max_units", 100.into()),
            ("narrowest", 0.5.into()),
            ("activation", "relu".into()),
            ("batch_norm", false.into()),
            ("use_dropout", false.into()),
        ],
    );
    let expected = [
        ("input", &[][..]),
        ("linear 100", &[0]),
        ("relu", &[1]),
        ("linear 75", &[2]),
        ("linear 75", &[2]),
        ("relu", &[4]),
        ("linear 75", &[5]),
        ("sum", &[3, 6]),
        ("relu", &[7]),
        ("linear 75", &[8]),
        ("relu", &[9]),
        ("linear 75", &[10]),
        ("sum", &[7, 11]),
        ("relu", &[12]),
        ("output", &[13]),
    ];
    let found: Vec<_> = operations(&graph).into_iter().zip(graph.inputs()).collect();
    let expected: Vec<_> =
        expected.into_iter().map(|(name, inputs)| (name.to_owned(), inputs.to_vec())).collect();
    assert_eq!(found, expected);
}

#[test]
fn random_networks_hold_what_was_chosen() {
    let space = space(SPACE).unwrap();
    let family = space.architecture_spec().unwrap();
    let vocabulary = family.vocabulary();
    let paths = family.path_encoding(2000);
    let mut rng = Seed::from_number(31).rng();
    for _ in 0..500 {
        let configuration = space.sample(&mut rng).unwrap();
        space.check(&configuration).unwrap();
        let chosen = Chosen { space: &space, configuration: &configuration };
        let graph = space.architecture(&configuration).unwrap().unwrap();
        graph.check().unwrap();
        assert_eq!(space.encode(&configuration).len(), space.encoding_width());
        assert!(graph.operation_indices(&vocabulary).iter().all(Option::is_some));
        assert_eq!(paths.encode(&graph).len(), 2000);
        let count = |name: &str| graph.nodes.iter().filter(|node| node.operation == name).count() as i64;
        let n_blocks = chosen.int("n_groups", 0) * chosen.int("blocks_per_group", 0);
        assert_eq!(count("sum"), n_blocks);
        let n_activations = chosen.int("n_layers", 2 * n_blocks + 1);
        assert_eq!(count(&chosen.text("activation", "")), n_activations);
        assert_eq!(count("batch_norm"), if chosen.flag("batch_norm", false) { n_activations } else { 0 });
        let n_dropouts = if chosen.float("dropout", 0.0) > 0.0 { n_activations.max(1) } else { 0 };
        assert_eq!(count("dropout"), n_dropouts.min(chosen.int("n_layers", n_blocks)));
        let widest = graph.nodes.iter().filter_map(|node| node.int("units")).max();
        assert_eq!(widest, Some(chosen.int("max_units", 0)));
    }
}

#[test]
fn what_is_fixed_is_no_parameter() {
    let names = |toml: &str| -> Vec<String> {
        let space = space(&format!("[architecture]\nkind = \"shaped-mlp\"\n{toml}")).unwrap();
        space.parameters().iter().map(|parameter| parameter.name.clone()).collect()
    };
    assert_eq!(names(""), ["n_layers", "shape", "max_units", "activation", "batch_norm", "dropout"]);
    let fixed = "shapes = [\"brick\"]\nactivations = [\"relu\"]\nbatch_norm = [true]\ndropout = [0.0, 0.0]";
    assert_eq!(names(fixed), ["n_layers", "max_units"]);
}

#[test]
fn descriptions_with_mistakes_are_refused_with_a_remedy() {
    let check = |toml: &str, expected: &str| {
        let error = space(&format!("[architecture]\nkind = \"shaped-mlp\"\n{toml}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("n_layers = [0, 3]", "`n_layers = [0, 3]`; hint: give the lowest, at least 1");
    check("max_units = [64, 32]", "`max_units = [64, 32]`");
    check("dropout = [0.5, 1.5]", "`dropout = [0.5, 1.5]`; hint: give the lowest and the highest share");
    check("dropout = [0.5, 1.0]", "hint: end below 1");
    check("residual = []", "`residual` is empty");
    check("activations = [\"swish\"]", "`swish` is no activation; hint: use one of `relu`");
}
