//! Every configuration of every family becomes a network, or an error that says where shapes do not fit.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::collections::{BTreeMap, BTreeSet};

use heirloom_model::{ArchitectureSpec, Configuration, Seed, Space, SpaceSpec, Value};
use heirloom_network::{Frame, Head, Network, NetworkBuilder, NetworkError, Operation, Shape};

const CHAIN: &str = r#"
    [architecture]
    kind = "chain"
    min_layers = 1
    max_layers = 6
    joins = ["sum", "concat"]

    [[architecture.operation]]
    name = "conv"
    parameter = [
        { name = "channels", type = "ordinal", values = [4, 8] },
        { name = "kernel", type = "ordinal", values = [1, 2, 3, 5] },
        { name = "stride", type = "ordinal", values = [1, 2] },
        { name = "separable", type = "categorical", choices = [false, true] },
        { name = "activation", type = "categorical", choices = ["relu", "silu"] },
    ]

    [[architecture.operation]]
    name = "max_pool"
    parameter = [{ name = "kernel", type = "ordinal", values = [2, 3] }]

    [[architecture.operation]]
    name = "dil_conv_3x3"

    [[architecture.operation]]
    name = "conv_7x1_1x7"

    [[architecture.operation]]
    name = "skip_connect"
"#;

const FEATURE_CHAIN: &str = r#"
    [architecture]
    kind = "chain"
    min_layers = 1
    max_layers = 5
    joins = ["sum", "concat"]

    [[architecture.operation]]
    name = "linear"
    parameter = [
        { name = "units", type = "int", low = 4, high = 64, log = true },
        { name = "activation", type = "categorical", choices = ["relu", "gelu", "tanh"] },
        { name = "batch_norm", type = "categorical", choices = [false, true] },
        { name = "dropout", type = "float", low = 0.0, high = 0.5 },
    ]

    [[architecture.operation]]
    name = "leaky_relu"

    [[architecture.operation]]
    name = "dropout"
    parameter = [{ name = "rate", type = "float", low = 0.0, high = 0.5 }]
"#;

const RESIDUAL: &str = r#"
    [architecture]
    kind = "shaped-mlp"
    residual = [false, true]
    use_dropout = [false, true]
    narrowest = [0.1, 1.0]
"#;

const MACRO: &str = r#"
    [architecture]
    kind = "macro"
    min_stages = 1
    resolution = [16, 24, 32]

    [[architecture.stage]]
    depth = [1, 2, 3]
    width = [8, 16]
    operations = ["mb1_k3", "mb6_k5", "skip_connect"]

    [[architecture.stage]]
    depth = [1, 2]
    width = [16, 32]
    stride = [1, 2]
    operations = ["identity", "conv_3x3", "sep_conv_5x5", "mb3_k7"]
"#;

const ENCODER_DECODER: &str = r#"
    [architecture]
    kind = "encoder-decoder"
    n_stages = [1, 3]
    depth = [1, 2]
    finest = 1
    channels = [4, 8]
    operations = ["conv_3x3", "sep_conv_3x3", "skip_connect", "max_pool_3x3"]
"#;

const PATH: &str = r#"
    [architecture]
    kind = "resolution-path"
    n_layers = [2, 6]
    finest = 1
    coarsest = 8
    channels = [4, 8]
    operations = ["conv_3x3", "dil_conv_3x3", "skip_connect"]
"#;

fn preset(name: &str) -> Space {
    Space::compile(SpaceSpec::preset(name).unwrap()).unwrap()
}

fn written(text: &str) -> Space {
    Space::compile(toml::from_str(text).unwrap()).unwrap()
}

fn small(input: Shape, head: Head) -> Frame {
    Frame {
        stem_channels: Some(4),
        cells_per_stage: Some(1),
        cells: Some(6),
        auxiliary: true,
        ..Frame::new(input, head)
    }
}

fn lower(space: &Space, frame: &Frame, configuration: &Configuration) -> Result<Network, NetworkError> {
    let graph = space.architecture(configuration).unwrap().unwrap();
    frame.network(space.architecture_spec().unwrap(), &graph)
}

fn check(space: &Space, frame: &Frame, n: u32, expected: &Shape) {
    let mut rng = Seed::from_number(3).rng();
    for number in 0..n {
        let configuration =
            if number == 0 { space.default_configuration() } else { space.sample(&mut rng).unwrap() };
        let network = lower(space, frame, &configuration).unwrap_or_else(|error| {
            panic!(
                "{} {}: {error}",
                space.name(),
                serde_json::to_string(&space.to_named(&configuration)).unwrap()
            )
        });
        assert_eq!(network.output_shape(), expected);
        let stored = serde_json::to_string(&network).unwrap();
        assert_eq!(serde_json::from_str::<Network>(&stored).unwrap(), network);
        let names: BTreeSet<String> = network.tensors().into_iter().map(|tensor| tensor.name).collect();
        assert_eq!(names.len(), network.tensors().len());
        // Nothing that holds tensors is named like a group of layers: names become attributes of modules.
        for layer in network.layers().iter().skip(1) {
            let inner = format!("{}.", layer.name);
            assert!(!network.layers().iter().any(|other| other.name.starts_with(&inner)), "{}", layer.name);
        }
    }
}

#[test]
fn spaces_of_images_become_networks_for_classes_values_and_pixels() {
    let presets = SpaceSpec::PRESETS.into_iter().filter(|&name| name != "nas-bench-graph").map(preset);
    let spaces: Vec<Space> = presets.chain([CHAIN, MACRO, ENCODER_DECODER, PATH].map(written)).collect();
    for space in spaces.iter().filter(|space| space.architecture_spec().is_some()) {
        Frame::check_space(space.architecture_spec().unwrap()).unwrap();
        for side in [32, 28] {
            let input = Shape(vec![3, side, side]);
            check(space, &small(input.clone(), Head::Classes(7)), 40, &Shape(vec![7]));
            check(space, &small(input, Head::Values(2)), 5, &Shape(vec![2]));
        }
        let is_perceptron = matches!(space.architecture_spec(), Some(ArchitectureSpec::ShapedMlp(_)));
        let input = Shape(vec![1, 17, 23]);
        check(space, &small(input.clone(), Head::Classes(3)), 20, &Shape(vec![3]));
        if !is_perceptron {
            check(space, &small(input, Head::Dense(5)), 20, &Shape(vec![5, 17, 23]));
        }
    }
}

#[test]
fn spaces_of_features_become_networks() {
    for space in [preset("shaped-mlp"), written(RESIDUAL), written(FEATURE_CHAIN)] {
        for n_features in [1, 13] {
            let input = Shape(vec![n_features]);
            check(&space, &Frame::new(input.clone(), Head::Classes(4)), 200, &Shape(vec![4]));
            check(&space, &Frame::new(input, Head::Values(1)), 50, &Shape(vec![1]));
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_where_it_stands() {
    let refused = |space: &Space, frame: &Frame| {
        lower(space, frame, &space.default_configuration()).unwrap_err().to_string()
    };
    let features = Frame::new(Shape(vec![20]), Head::Classes(2));
    let error = refused(&preset("nas-bench-201"), &features);
    assert!(error.starts_with("layer `stem.conv` (conv) cannot take [20]: it takes images"), "{error}");
    let error = refused(&preset("shaped-mlp"), &Frame::new(Shape(vec![20]), Head::Dense(2)));
    assert!(error.starts_with("layer `head.pixels` (conv)"), "{error}");
    let images = Frame::new(Shape(vec![3, 32, 32]), Head::Classes(2));
    let error = refused(&preset("nas-bench-graph"), &images);
    assert!(error.contains("`linked-cell`") && error.contains("hint"), "{error}");
    let wide = Frame { width: 0.0, ..images.clone() };
    assert!(refused(&preset("darts"), &wide).contains("a width multiplier of 0"));
    let unknown = CHAIN.replace("dil_conv_3x3", "attention");
    let space = written(&unknown);
    let named = BTreeMap::from([
        ("n_layers".to_owned(), Value::Int(1)),
        ("layer_1_op".to_owned(), Value::from("attention")),
    ]);
    let error = lower(&space, &images, &space.from_named(&named).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("node `layer_1` has the unknown operation `attention`; hint: known are none,"));
    let error =
        |space: &Space| Frame::check_space(space.architecture_spec().unwrap()).unwrap_err().to_string();
    assert!(error(&space).contains("`attention`"));
    assert!(error(&preset("nas-bench-graph")).contains("`linked-cell`"));
    let unknown = written(&CHAIN.replace("\"separable\"", "\"groups\""));
    let expected =
        "node `layer_1`: what `groups` means to `conv` is not known; hint: known are `channels`, `kernel`";
    assert!(error(&unknown).starts_with(expected), "{}", error(&unknown));
    // What stands first in a stage has the stage's width: pooling cannot.
    let pooling = MACRO.replace("\"conv_3x3\"", "\"max_pool_3x3\"");
    let expected = "node `stage_2.layer_1`: what `channels` means to `max_pool_3x3` is not known; hint: known are `kernel`";
    assert!(error(&written(&pooling)).starts_with(expected), "{}", error(&written(&pooling)));
    for (share, range) in [
        ("dropout", "low = -0.5, high = 0.5"),
        ("dropout", "low = 0.0, high = 1.0"),
        ("rate", "low = 0.5, high = 1.5"),
    ] {
        let old = format!("name = \"{share}\", type = \"float\", low = 0.0, high = 0.5");
        assert!(FEATURE_CHAIN.contains(&old));
        let space =
            written(&FEATURE_CHAIN.replace(&old, &format!("name = \"{share}\", type = \"float\", {range}")));
        let error = error(&space);
        assert!(error.contains(&format!("`{share} = ")) && error.contains("hint"), "{range}: {error}");
    }
    // A linear layer, and then a convolution.
    let both = format!("{CHAIN}\n[[architecture.operation]]\nname = \"linear\"");
    let space = written(&both);
    let named = BTreeMap::from([
        ("n_layers".to_owned(), Value::Int(2)),
        ("layer_1_op".to_owned(), Value::from("linear")),
        ("layer_2_op".to_owned(), Value::from("dil_conv_3x3")),
        ("layer_2_from_0".to_owned(), Value::Bool(false)),
    ]);
    let error = lower(&space, &images, &space.from_named(&named).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("layer `layer_2.depthwise` (conv) cannot take [3072]"), "{error}");
}

#[test]
fn numbers_that_no_network_has_are_refused() {
    let refused = |name: &str, frame: &Frame, expected: &str| {
        let space = preset(name);
        let error = lower(&space, frame, &space.default_configuration()).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("hint"), "{name}: {error}");
    };
    let images = Frame::new(Shape(vec![3, 32, 32]), Head::Classes(2));
    for name in ["nas-bench-201", "nas-bench-101", "darts", "hierarchical"] {
        refused(name, &Frame { stem_channels: Some(0), ..images.clone() }, "a stem of 0 channels");
        refused(name, &Frame { cells_per_stage: Some(1 << 30), ..images.clone() }, "more than 1024 cells");
        // Too many from the first layer on, or once they have doubled.
        let doubled = Frame { stem_channels: Some(1 << 19), n_stages: 16, ..images.clone() };
        refused(name, &doubled, "more than 1048576 channels");
    }
    for name in ["nas-bench-201", "nas-bench-101", "darts", "hierarchical", "nas-bench-macro", "shaped-mlp"] {
        for width in [1e7, 1e30] {
            refused(name, &Frame { width, ..images.clone() }, "more than 1048576 channels");
        }
    }
}

#[test]
fn nodes_that_share_fewer_channels_than_they_are_have_one_each() {
    let space = preset("nas-bench-101");
    let frame = Frame { stem_channels: Some(1), ..small(Shape(vec![3, 8, 8]), Head::Classes(2)) };
    check(&space, &frame, 40, &Shape(vec![2]));
    let mut rng = Seed::from_number(3).rng();
    for _ in 0..40 {
        let network = lower(&space, &frame, &space.sample(&mut rng).unwrap()).unwrap();
        assert!(network.shapes().iter().all(|shape| !shape.0.contains(&0)));
    }
    // Nor can a network that was stored have such a layer.
    let mut builder = NetworkBuilder::new(Shape(vec![3, 8, 8]));
    for operation in [Operation::conv(0, 3, 1), Operation::Narrow { channels: 0 }] {
        let error =
            builder.add(operation.name(), operation, &[NetworkBuilder::INPUT]).unwrap_err().to_string();
        assert!(error.contains("no channels") && error.contains("hint"), "{error}");
    }
}

#[test]
fn width_and_cells_are_fidelities() {
    for name in ["nas-bench-101", "nas-bench-201", "nas-bench-macro", "darts", "hierarchical", "auto-deeplab"]
    {
        let space = preset(name);
        // By default, some cells hold no weights.
        let configuration = match name {
            "nas-bench-201" => Configuration::new(vec![3.0; 6]),
            "hierarchical" => space.sample(&mut Seed::from_number(1).rng()).unwrap(),
            _ => space.default_configuration(),
        };
        let full = Frame::new(Shape(vec![3, 32, 32]), Head::Classes(10));
        let n_parameters = |frame: &Frame| lower(&space, frame, &configuration).unwrap().n_parameters();
        assert!(n_parameters(&Frame { width: 0.5, ..full.clone() }) < n_parameters(&full), "{name}");
        let deep = Frame { cells_per_stage: Some(6), cells: Some(12), ..full.clone() };
        let has_cells = !["nas-bench-macro", "auto-deeplab"].contains(&name);
        assert_eq!(n_parameters(&deep) > n_parameters(&full), has_cells, "{name}");
    }
    let space = preset("shaped-mlp");
    let full = Frame::new(Shape(vec![8]), Head::Values(1));
    let half = Frame { width: 0.5, ..full.clone() };
    let units = |frame| lower(&space, frame, &space.default_configuration()).unwrap().shapes()[1].0[0];
    assert_eq!(units(&full).div_ceil(2), units(&half));
}

#[test]
fn a_changed_operation_leaves_other_names_alone() {
    let space = preset("nas-bench-201");
    let frame = small(Shape(vec![3, 32, 32]), Head::Classes(10));
    let named = |values: &[f64]| -> BTreeMap<String, Vec<usize>> {
        let network = lower(&space, &frame, &Configuration::new(values)).unwrap();
        network.tensors().into_iter().map(|tensor| (tensor.name, tensor.shape)).collect()
    };
    let before = named(&[3.0, 0.0, 3.0, 1.0, 0.0, 1.0]);
    let after = named(&[3.0, 2.0, 3.0, 4.0, 0.0, 1.0]);
    assert!(before.iter().all(|(name, shape)| after.get(name) == Some(shape)));
    let added: Vec<&String> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    assert_eq!(added.len(), 3 * 5);
    assert!(added.iter().all(|name| name.contains(".op_0_2.")), "{added:?}");

    // One layer more in front of a perceptron's end: what was there keeps its name.
    let space = preset("shaped-mlp");
    let frame = Frame::new(Shape(vec![8]), Head::Values(1));
    let names = |n_layers: i64| -> BTreeSet<String> {
        let mut named = space.to_named(&space.default_configuration());
        named.insert("n_layers".into(), Value::Int(n_layers));
        let network = lower(&space, &frame, &space.from_named(&named).unwrap()).unwrap();
        network.tensors().into_iter().map(|tensor| tensor.name).collect()
    };
    assert!(names(2).is_subset(&names(3)));
    assert!(names(2).contains("layer_2.linear.weight"), "{:?}", names(2));
}

#[test]
fn residual_perceptrons_are_named_by_group_and_block() {
    let space = written(RESIDUAL);
    let mut rng = Seed::from_number(8).rng();
    let mut seen = BTreeSet::new();
    for _ in 0..300 {
        let configuration = space.sample(&mut rng).unwrap();
        if space.value(&configuration, "residual") != Some(Value::Bool(true)) {
            continue;
        }
        let frame = Frame::new(Shape(vec![8]), Head::Values(1));
        let network = lower(&space, &frame, &configuration).unwrap();
        seen.extend(network.layers().iter().map(|layer| layer.name.clone()));
    }
    for name in [
        "stem.linear",
        "group_1.block_1.first.norm",
        "group_1.block_1.first.activation",
        "group_1.block_1.shortcut.linear",
        "group_2.block_1.first.linear",
        "group_2.block_1.second.dropout",
        "group_3.block_2.second.linear",
        "group_1.block_1.sum",
        "last.activation",
        "head.linear",
    ] {
        assert!(seen.contains(name), "{name} not in {seen:?}");
    }
}
