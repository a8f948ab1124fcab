//! What a child inherits from its parent: networks that searches make, and networks that have little in common.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

mod inherit_networks;

use std::collections::BTreeMap;

use heirloom_model::architecture::ArchitectureGraph;
use heirloom_model::{Seed, Space, SpaceSpec};
use heirloom_network::{Activation, Frame, Head, Network, NetworkBuilder, Operation, Shape};
use heirloom_torch_nets::{Inherited, Initialisation, Mode, Morphism, Weights, apply, forward, inherit};
use inherit_networks::{batch, difference, evaluate, network, weights};
use tch::{Device, Kind, Tensor};

struct Heir {
    inherited: Inherited,
    weights: Weights,
    /// How far the child's results are from the parent's.
    distance: f64,
}

/// Lets `child` inherit from `parent`, whose weights are random, and compares the two.
fn heir(parent: &Network, child: &Network, seed: Seed) -> Heir {
    let old = weights(parent, seed);
    let fresh = Weights::new(child, Initialisation::He, seed.derive("fresh", 0), Device::Cpu).unwrap();
    let (new, inherited) = inherit(parent, &old, child, fresh, seed.derive("inherit", 0)).unwrap();
    assert!((0.0..=1.0).contains(&inherited.share), "{inherited:?}");
    let input = batch(parent, 4, seed.derive("batch", 0));
    let distance =
        if parent.input_shape() == child.input_shape() && parent.output_shape() == child.output_shape() {
            difference(&evaluate(parent, &old, &input), &evaluate(child, &new, &input))
        } else {
            f64::NAN
        };
    if inherited.exact {
        assert!(distance <= 1e-5, "said to be exact, but off by {distance:e}: {inherited:?}");
    }
    Heir { inherited, weights: new, distance }
}

#[test]
fn what_is_said_to_be_exact_is_for_networks_that_share_only_some_names() {
    // The random networks number their layers, so that two of them share names by chance.
    let (mut n_exact, mut shares) = (0, 0.0);
    for case in 0..150 {
        let seed = Seed::from_number(23).derive("case", case);
        let parent = network(seed.derive("parent", 0));
        let heir = heir(&parent, &network(seed.derive("child", 0)), seed);
        n_exact += usize::from(heir.inherited.exact);
        shares += heir.inherited.share;
        let same = self::heir(&parent, &parent.clone(), seed);
        assert!(same.inherited.exact && same.inherited.share == 1.0, "{:?}", same.inherited);
        assert_eq!(same.distance, 0.0);
    }
    assert_eq!(n_exact, 0, "networks with nothing in common are not the same function");
    assert!(shares > 0.0);
}

const OPERATIONS: [&str; 5] = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"];

fn cell(operations: &[usize; 6], frame: &Frame) -> Network {
    let [a, b, c, d, e, f] = operations.map(|operation| OPERATIONS[operation]);
    let text = format!("|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|");
    let space = Space::compile(SpaceSpec::preset("nas-bench-201").unwrap()).unwrap();
    let configuration = space.parse_architecture(&text).unwrap().unwrap();
    let graph = space.architecture(&configuration).unwrap().unwrap();
    frame.network(space.architecture_spec().unwrap(), &graph).unwrap()
}

fn cell_frame(stem: usize) -> Frame {
    let frame = Frame::new(Shape(vec![3, 8, 8]), Head::Classes(5));
    Frame { stem_channels: Some(stem), cells_per_stage: Some(2), ..frame }
}

#[test]
fn mutated_cells_of_nas_bench_201_inherit_all_but_the_mutated_edge() {
    let frame = cell_frame(4);
    let mut rng = Seed::from_number(3).rng();
    let mut kept: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
    for case in 0..60 {
        let operations: [usize; 6] = std::array::from_fn(|_| rng.below(5));
        let edge = rng.below(6);
        let mut mutated = operations;
        mutated[edge] = (mutated[edge] + 1 + rng.below(4)) % 5;
        let (parent, child) = (cell(&operations, &frame), cell(&mutated, &frame));
        learns(&parent, &child, Seed::from_number(case));
        let heir = heir(&parent, &child, Seed::from_number(case));
        // A convolution where nothing was begins at zero, if something else leads to its node.
        let alive = |node: usize, operations: &[usize; 6]| {
            let edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];
            let mut is_alive = [true, false, false, false];
            for (&(from, to), &operation) in edges.iter().zip(operations) {
                is_alive[to] |= operation > 0 && is_alive[from];
            }
            is_alive[node]
        };
        let target = [1, 2, 2, 3, 3, 3][edge];
        if operations[edge] == 0 && matches!(mutated[edge], 2 | 3) && alive(target, &operations) {
            assert!(heir.inherited.exact, "{operations:?} {mutated:?}: {:?}", heir.inherited);
        }
        let count = kept.entry((operations[edge], mutated[edge])).or_default();
        count.0 += usize::from(heir.inherited.exact);
        count.1 += 1;
        let theirs: BTreeMap<String, usize> =
            parent.tensors().into_iter().map(|tensor| (tensor.name.clone(), tensor.len())).collect();
        let tensors = child.tensors();
        // What has the same name and size in both is copied; kernels grow and shrink besides.
        let shared: usize =
            tensors.iter().filter(|own| theirs.get(&own.name) == Some(&own.len())).map(|own| own.len()).sum();
        let all: usize = tensors.iter().map(|own| own.len()).sum();
        let shared = shared as f64 / all as f64;
        assert!(heir.inherited.share >= shared - 1e-9, "{operations:?} {mutated:?}: {:?}", heir.inherited);
    }
    // A 1x1 convolution becomes 3x3 by zeros around it.
    let (n_exact, n) = kept[&(2, 3)];
    assert!(n > 0 && n_exact == n, "{kept:?}");
}

#[test]
fn convolutions_on_empty_edges_begin_at_zero() {
    let frame = cell_frame(4);
    for (number, operation) in [(1, 2), (2, 3)] {
        // node 3 has another edge in both.
        let (parent, child) = (cell(&[1, 3, 2, 0, 4, 1], &frame), cell(&[1, 3, 2, operation, 4, 1], &frame));
        let heir = heir(&parent, &child, Seed::from_number(number));
        assert!(heir.inherited.exact, "{:?}", heir.inherited);
        assert!(heir.inherited.share > 0.5 && heir.inherited.share < 1.0);
        // And back: what the branch gave is missed.
        let back = self::heir(&child, &parent, Seed::from_number(number));
        assert!(!back.inherited.exact && back.distance > 1e-3);
        assert_eq!(back.inherited.share, 1.0);
    }
}

#[test]
fn wider_networks_of_cells_are_the_same_function() {
    let operations = [[1, 3, 2, 0, 4, 1], [3, 3, 3, 3, 3, 3], [1, 1, 1, 1, 1, 1], [0, 2, 4, 1, 3, 0]];
    for (number, operations) in operations.iter().enumerate() {
        let (parent, child) = (cell(operations, &cell_frame(4)), cell(operations, &cell_frame(7)));
        let wider = heir(&parent, &child, Seed::from_number(number as u64));
        assert!(
            wider.inherited.exact && wider.inherited.share == 1.0,
            "{operations:?}: {:?}",
            wider.inherited
        );
        let narrower = heir(&child, &parent, Seed::from_number(number as u64));
        assert!(!narrower.inherited.exact && narrower.inherited.share == 1.0, "{:?}", narrower.inherited);
    }
}

fn perceptron(changed: &[(&str, heirloom_model::Value)]) -> Network {
    let space = Space::compile(SpaceSpec::preset("shaped-mlp").unwrap()).unwrap();
    let mut named = space.to_named(&space.default_configuration());
    let start = [("shape", "brick".into()), ("activation", "relu".into()), ("batch_norm", true.into())];
    let size = [("n_layers", 2_i64.into()), ("max_units", 16_i64.into())];
    for (name, value) in start.into_iter().chain(size).chain(changed.iter().cloned()) {
        named.insert(name.to_owned(), value);
    }
    let configuration = space.from_named(&named).unwrap();
    let graph = space.architecture(&configuration).unwrap().unwrap();
    let frame = Frame::new(Shape(vec![7]), Head::Classes(3));
    frame.network(space.architecture_spec().unwrap(), &graph).unwrap()
}

#[test]
fn perceptrons_grow_deeper_and_wider_without_a_change() {
    let parent = perceptron(&[]);
    let deeper = perceptron(&[("n_layers", 3_i64.into())]);
    let wider = perceptron(&[("max_units", 24_i64.into())]);
    let both = perceptron(&[("n_layers", 4_i64.into()), ("max_units", 32_i64.into())]);
    for (number, child) in [deeper, wider, both].iter().enumerate() {
        let heir = heir(&parent, child, Seed::from_number(number as u64));
        assert!(heir.inherited.exact, "{:?}\n{child:#?}", heir.inherited);
    }
    let other = perceptron(&[("activation", "gelu".into())]);
    let heir = heir(&parent, &other, Seed::from_number(9));
    assert!(!heir.inherited.exact && heir.inherited.share == 1.0, "{:?}", heir.inherited);
    assert!(heir.inherited.steps.iter().any(|step| step.contains("activation")), "{:?}", heir.inherited);
}

fn small(input: Shape, width: f64) -> Frame {
    let frame = Frame::new(input, Head::Classes(3));
    Frame { stem_channels: Some(4), cells_per_stage: Some(1), cells: Some(3), width, ..frame }
}

#[test]
fn networks_of_every_family_are_widened_exactly_and_inherit_from_their_siblings() {
    let families = [
        "nas-bench-101",
        "nas-bench-201",
        "nas-bench-macro",
        "darts",
        "nasnet",
        "amoebanet",
        "hierarchical",
        "auto-deeplab",
        "shaped-mlp",
    ];
    for name in families {
        let space = Space::compile(SpaceSpec::preset(name).unwrap()).unwrap();
        let mut rng = Seed::from_number(31).rng();
        let mut sampled = || {
            let configuration = space.sample(&mut rng).unwrap();
            space.architecture(&configuration).unwrap().unwrap()
        };
        let lower = |graph: &ArchitectureGraph, width| {
            let frame = small(Shape(vec![3, 16, 16]), width);
            frame.network(space.architecture_spec().unwrap(), graph).unwrap()
        };
        let mut share = 0.0;
        for case in 0..4 {
            let (graph, sibling) = (sampled(), sampled());
            let seed = Seed::from_number(case);
            let parent = lower(&graph, 1.0);
            let same = heir(&parent, &parent, seed).inherited;
            assert!(same.exact && same.share == 1.0 && same.steps.is_empty(), "{name}: {same:?}");
            let wider = heir(&parent, &lower(&graph, 1.5), seed).inherited;
            assert!(wider.exact && wider.share == 1.0, "{name}: {wider:?}");
            share += heir(&parent, &lower(&sibling, 1.0), seed).inherited.share;
        }
        assert!(share > 0.0, "{name}");
    }
}

/// The largest gradient of each parameter over a few steps of training, by name.
fn gradients(network: &Network, weights: &Weights, seed: Seed) -> BTreeMap<String, f64> {
    let n_outputs = network.output_shape().0[0] as i64;
    let mut largest: BTreeMap<String, f64> = BTreeMap::new();
    for step in 0..5 {
        let input = batch(network, 8, seed.derive("input", step));
        let target = batch(network, 8, seed.derive("target", step)).flatten(1, -1).narrow(1, 0, n_outputs);
        let mode = Mode::Training { seed: seed.derive("step", step), drop_path: 0.0 };
        let output = forward(network, weights.tensors(), &input, mode).unwrap().main;
        let loss = (output - target).square().mean(Kind::Float);
        let parameters: Vec<&Tensor> = weights.parameters().collect();
        let found = Tensor::run_backward(&[loss], &parameters, false, false);
        let names = weights.specs().iter().filter(|spec| spec.role.is_parameter()).map(|spec| &spec.name);
        tch::no_grad(|| {
            for ((parameter, gradient), name) in parameters.iter().zip(found).zip(names) {
                let own = largest.entry(name.clone()).or_default();
                if gradient.defined() {
                    *own = own.max(f64::try_from(gradient.abs().max()).unwrap());
                    let _ = parameter.shallow_clone().g_sub_(&(gradient * 0.01));
                }
            }
        });
    }
    largest
}

/// Asserts that whatever learns in `child` from fresh weights learns from inherited ones too.
fn learns(parent: &Network, child: &Network, seed: Seed) -> Inherited {
    let heir = heir(parent, child, seed);
    let fresh = Weights::new(child, Initialisation::He, seed.derive("other", 0), Device::Cpu).unwrap();
    let mut wanted = gradients(child, &fresh, seed);
    // A shift before a normalisation has rounding errors for gradients.
    wanted.retain(|_, gradient| *gradient > 1e-5);
    let found = gradients(child, &heir.weights, seed);
    let dead: Vec<&String> = wanted.keys().filter(|name| found[*name] == 0.0).collect();
    assert!(dead.is_empty(), "{dead:?} never learn: {:?}", heir.inherited);
    heir.inherited
}

#[test]
fn every_parameter_of_a_child_learns_in_every_family() {
    // Rectifiers end the branches of the first.
    let node_cell = r#"{"architecture": {"kind": "node-cell", "max_nodes": 5, "max_edges": 7,
        "operations": ["conv3x3-bn-relu", "conv1x1-bn-relu"]}}"#;
    let residual =
        r#"{"architecture": {"kind": "shaped-mlp", "residual": [true], "narrowest": [0.25, 1.0]}}"#;
    let chain = r#"{"architecture": {"kind": "chain", "min_layers": 2, "max_layers": 4, "joins": ["sum"],
        "operation": [{"name": "conv", "parameter": [{"name": "channels", "type": "ordinal", "values": [4]}]}]}}"#;
    let written = [node_cell, residual, chain].map(|text| serde_json::from_str::<SpaceSpec>(text).unwrap());
    let presets = ["nas-bench-201", "darts", "hierarchical", "auto-deeplab"];
    let specs = written.into_iter().chain(presets.map(|name| SpaceSpec::preset(name).unwrap()));
    for (number, spec) in specs.enumerate() {
        let space = Space::compile(spec).unwrap();
        let spec = space.architecture_spec().unwrap();
        let mut rng = Seed::from_number(37).rng();
        let n_cases = if number < 4 { 16 } else { 3 };
        for case in 0..n_cases {
            let mut sampled = || {
                let configuration = space.sample(&mut rng).unwrap();
                let graph = space.architecture(&configuration).unwrap().unwrap();
                small(Shape(vec![3, 16, 16]), 1.0).network(spec, &graph).unwrap()
            };
            let (parent, child) = (sampled(), sampled());
            learns(&parent, &child, Seed::from_number(case).derive("family", number as u64));
        }
    }
}

#[test]
fn a_branch_that_a_rectifier_ends_begins_small_and_says_that_it_changes_the_function() {
    let network = |has_branch: bool, last: Option<Activation>| {
        let mut builder = NetworkBuilder::new(Shape(vec![2, 6, 6]));
        let mut add = |name: &str, operation, inputs: &[usize]| builder.add(name, operation, inputs).unwrap();
        let stem = add("stem", Operation::conv(4, 3, 1), &[0]);
        let old = add("old", Operation::conv(4, 3, 1), &[stem]);
        let mut terms = vec![stem, old];
        if has_branch {
            let mut end = add("new.conv", Operation::conv(4, 3, 1), &[stem]);
            end = add("new.norm", Operation::BatchNorm { affine: true }, &[end]);
            if let Some(function) = last {
                end = add("new.activation", Operation::activation(function), &[end]);
            }
            terms.push(end);
        }
        let sum = add("sum", Operation::Sum, &terms);
        let pool = add("pool", Operation::GlobalAveragePool, &[sum]);
        let head = add("head", Operation::Linear { outputs: 3, bias: true }, &[pool]);
        builder.finish(head, None)
    };
    let parent = network(false, None);
    for (function, is_exact) in [
        (None, true),
        (Some(Activation::Gelu), true),
        (Some(Activation::Tanh), true),
        (Some(Activation::Relu), false),
        (Some(Activation::Relu6), false),
    ] {
        let child = network(true, function);
        let seed = Seed::from_number(4);
        assert_eq!(learns(&parent, &child, seed).exact, is_exact, "{function:?}");
        let distance = heir(&parent, &child, seed).distance;
        assert!(distance < 0.3, "{function:?}: {distance}");
    }
}

#[test]
fn residual_perceptrons_get_blocks_that_begin_at_zero() {
    let text = r#"{"architecture": {"kind": "shaped-mlp", "residual": [true], "narrowest": [0.25, 1.0]}}"#;
    let space = Space::compile(serde_json::from_str(text).unwrap()).unwrap();
    let mut rng = Seed::from_number(5).rng();
    for case in 0..40 {
        let mut named = space.to_named(&space.sample(&mut rng).unwrap());
        let lower = |named: &BTreeMap<String, heirloom_model::Value>| {
            let graph = space.architecture(&space.from_named(named).unwrap()).unwrap().unwrap();
            let frame = Frame::new(Shape(vec![7]), Head::Classes(3));
            frame.network(space.architecture_spec().unwrap(), &graph).unwrap()
        };
        named.insert("blocks_per_group".into(), 1_i64.into());
        named.insert("max_units".into(), 40_i64.into());
        let parent = lower(&named);
        named.insert("blocks_per_group".into(), 2_i64.into());
        let heir = heir(&parent, &lower(&named), Seed::from_number(case));
        assert!(heir.inherited.exact, "{named:?}: {:?}", heir.inherited);
    }
}

fn chain(kernel: usize, outputs: usize, classes: usize, side: usize) -> Network {
    let mut builder = NetworkBuilder::new(Shape(vec![2, side, side]));
    let conv = builder.add("conv", Operation::conv(outputs, kernel, 1), &[0]).unwrap();
    let relu = builder.add("relu", Operation::activation(Activation::Relu), &[conv]).unwrap();
    let pool = builder.add("pool", Operation::GlobalAveragePool, &[relu]).unwrap();
    let head = builder.add("head", Operation::Linear { outputs: classes, bias: true }, &[pool]).unwrap();
    builder.finish(head, None)
}

#[test]
fn smaller_kernels_are_the_middle_of_larger_ones() {
    let parent = chain(5, 4, 3, 8);
    let heir = heir(&parent, &chain(3, 4, 3, 8), Seed::from_number(1));
    assert!(!heir.inherited.exact && heir.inherited.share == 1.0);
    let old = weights(&parent, Seed::from_number(1));
    let middle = old.get("conv.weight").unwrap().narrow(2, 1, 3).narrow(3, 1, 3);
    assert!(heir.weights.get("conv.weight").unwrap().equal(&middle));
}

#[test]
fn another_resolution_or_number_of_classes_keeps_the_rest() {
    let parent = chain(3, 4, 3, 8);
    let larger = heir(&parent, &chain(3, 4, 3, 12), Seed::from_number(1));
    assert!(!larger.inherited.exact && larger.inherited.share == 1.0, "{:?}", larger.inherited);
    let more_classes = heir(&parent, &chain(3, 4, 5, 8), Seed::from_number(1));
    // The convolution's 72 numbers of 72 and the head's 25.
    assert!(!more_classes.inherited.exact);
    assert!((more_classes.inherited.share - 72.0 / 97.0).abs() < 1e-12, "{:?}", more_classes.inherited);
}

#[test]
fn zeros_beside_other_units_keep_what_a_normalisation_makes_of_them() {
    let joined = |width: usize| {
        let mut builder = NetworkBuilder::new(Shape(vec![6]));
        let linear = |outputs| Operation::Linear { outputs, bias: true };
        let first = builder.add("first", linear(width), &[0]).unwrap();
        let zero = builder.add("zero", Operation::Zero { stride: 1 }, &[first]).unwrap();
        let second = builder.add("second", linear(2 * width), &[0]).unwrap();
        let both = builder.add("both", Operation::Concat, &[first, zero, second]).unwrap();
        let norm = builder.add("norm", Operation::BatchNorm { affine: true }, &[both]).unwrap();
        let last = builder.add("last", linear(3), &[norm]).unwrap();
        builder.finish(last, None)
    };
    for width in [4, 6] {
        let heir = heir(&joined(4), &joined(width), Seed::from_number(5));
        assert!(heir.inherited.exact && heir.inherited.share == 1.0, "{width}: {:?}", heir.inherited);
    }
}

#[test]
fn replicas_share_what_goes_out_of_them() {
    let parent = chain(3, 2, 3, 8);
    let heir = heir(&parent, &chain(3, 3, 3, 8), Seed::from_number(2));
    assert!(heir.inherited.exact);
    let old = weights(&parent, Seed::from_number(2));
    let [old_conv, new_conv] = [&old, &heir.weights].map(|all| all.get("conv.weight").unwrap());
    let [old_head, new_head] = [&old, &heir.weights].map(|all| all.get("head.weight").unwrap());
    let replica = if new_conv.get(2).equal(&old_conv.get(0)) { 0 } else { 1 };
    assert!(new_conv.get(2).equal(&old_conv.get(replica)));
    for column in [replica, 2] {
        assert!(new_head.select(1, column).equal(&(old_head.select(1, replica) / 2.0)));
    }
    assert!(new_head.select(1, 1 - replica).equal(&old_head.select(1, 1 - replica)));
}

#[test]
fn noise_changes_replicas_alone() {
    let seed = Seed::from_number(2);
    let parent = chain(3, 2, 3, 8);
    let old = weights(&parent, seed);
    let wider = |noise: f64| {
        let widen = Morphism::Widen { layer: "conv".into(), outputs: 3, noise };
        apply(&parent, &old, &widen, seed).unwrap().1
    };
    let (exact, parted) = (wider(0.0), wider(0.01));
    let change: Tensor = exact.get("conv.weight").unwrap() - parted.get("conv.weight").unwrap();
    let [kept, replica] =
        [change.narrow(0, 0, 2), change.get(2)].map(|part| f64::try_from(part.abs().max()).unwrap());
    assert!(kept == 0.0 && replica > 0.0);
    assert!(parted.parameters().all(Tensor::requires_grad));
}
