//! The scores beside the same formulas in PyTorch, and what they must be without it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test says where it failed, and that it was skipped"
)]

use std::path::Path;
use std::process::Command;

use heirloom_network::{Activation, Network, NetworkBuilder, Operation, Shape};
use heirloom_plugin::Seed;
use heirloom_proxy_zero_cost::{Probe, Sample, Score, Targets};
use heirloom_torch_nets::{Initialisation, Weights};
use serde_json::{Value as Json, json};
use tch::{Device, Tensor};

/// Convolutions side by side, a skip, a layer that no path uses, zeros, both kinds of pooling, a biased classifier.
fn branched() -> Network {
    let relu = Operation::activation(Activation::Relu);
    let norm = |affine| Operation::BatchNorm { affine };
    let mut net = NetworkBuilder::new(Shape(vec![3, 8, 8]));
    let stem = net.add("stem.conv", Operation::conv(6, 3, 1), &[0]).unwrap();
    let stem = net.add("stem.norm", norm(true), &[stem]).unwrap();
    let mut branch = |name: &str, kernel: usize, from: usize| {
        let place = net.add(format!("{name}.relu"), relu, &[from]).unwrap();
        let place = net.add(format!("{name}.conv"), Operation::conv(6, kernel, 1), &[place]).unwrap();
        net.add(format!("{name}.norm"), norm(false), &[place]).unwrap()
    };
    let (wide, narrow) = (branch("wide", 3, stem), branch("narrow", 1, stem));
    branch("unused", 3, stem);
    let pool = Operation::AveragePool { kernel: 3, stride: 1, padding: 1 };
    let pooled = net.add("pool", pool, &[narrow]).unwrap();
    let zero = net.add("zero", Operation::Zero { stride: 1 }, &[stem]).unwrap();
    let sum = net.add("sum", Operation::Sum, &[wide, pooled, zero, stem]).unwrap();
    let joined = net.add("join", Operation::Concat, &[sum, stem]).unwrap();
    let shrunk =
        net.add("shrink", Operation::MaxPool { kernel: 2, stride: 2, padding: 0 }, &[joined]).unwrap();
    let dropped = net.add("drop", Operation::Dropout { rate: 0.5 }, &[shrunk]).unwrap();
    let place = net.add("head.norm", norm(true), &[dropped]).unwrap();
    let place = net.add("head.relu", relu, &[place]).unwrap();
    let place = net.add("head.pool", Operation::GlobalAveragePool, &[place]).unwrap();
    let place = net.add("head.linear", Operation::Linear { outputs: 5, bias: true }, &[place]).unwrap();
    net.finish(place, None)
}

fn sample(n: i64, n_classes: usize) -> Sample {
    let mut rng = Seed::from_number(5).rng();
    let inputs: Vec<f32> = (0..n * 3 * 64).map(|_| rng.normal() as f32).collect();
    let inputs = Tensor::from_slice(&inputs).reshape([n, 3, 8, 8]);
    let classes: Vec<i64> = (0..n).map(|_| rng.below(n_classes) as i64).collect();
    Sample { inputs, targets: Targets::Classes(Tensor::from_slice(&classes)) }
}

fn probe(network: &Network) -> (Probe, Weights) {
    let weights = Weights::new(network, Initialisation::PyTorch, Seed::from_number(3), Device::Cpu).unwrap();
    (Probe::new(network, &weights).unwrap(), weights)
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.detach().flatten(0, -1)).unwrap()
}

/// What the Python script says of the same network, weights and sample; `None` where there is no PyTorch.
fn in_python(network: &Network, weights: &Weights, sample: &Sample) -> Option<Json> {
    let python = || match std::env::var_os("HEIRLOOM_PEERS_PYTHON") {
        Some(peers) => Command::new(peers),
        None => Command::new("python3"),
    };
    if !python().args(["-c", "import torch"]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no Python with torch; hint: `cargo xtask test` makes one");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, json: &Json| {
        std::fs::write(folder.path().join(name), serde_json::to_vec(json).unwrap()).unwrap();
    };
    write("network.json", &serde_json::to_value(network).unwrap());
    let named = weights.specs().iter().zip(weights.tensors());
    let named = named
        .map(|(spec, tensor)| (spec.name.clone(), json!({"shape": spec.shape, "data": numbers(tensor)})));
    write("weights.json", &Json::Object(named.collect()));
    let Targets::Classes(classes) = &sample.targets else { unreachable!("the sample has classes") };
    let classes: Vec<i64> = Vec::try_from(classes).unwrap();
    let (shape, inputs) = (sample.inputs.size(), numbers(&sample.inputs));
    write("sample.json", &json!({"shape": shape, "inputs": inputs, "classes": classes}));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scores.py");
    let output = python().arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn every_score_is_pytorchs() {
    let network = branched();
    let (probe, weights) = probe(&network);
    let sample = sample(12, 5);
    let Some(expected) = in_python(&network, &weights, &sample) else { return };
    for score in Score::ALL {
        let found = score.measure(&probe, &sample).unwrap();
        let expected = expected[score.name()].as_f64().unwrap();
        let error = (found - expected).abs() / expected.abs().max(1e-3);
        eprintln!("{:>14}  {found:>14.7}  {expected:>14.7}  {error:.1e}", score.name());
        assert!(error < 1e-4, "{}: {found}, PyTorch: {expected}", score.name());
    }
}

#[test]
fn scores_are_the_same_twice_and_leave_the_probe_as_it_was() {
    let (probe, _) = probe(&branched());
    let sample = sample(12, 5);
    let all = || Score::ALL.map(|score| score.measure(&probe, &sample).unwrap().to_bits());
    assert_eq!(all(), all());
}

/// One feature through two linear layers of one weight each, a rectifier between them.
fn chain(weights: [f32; 2]) -> (Network, Weights) {
    let mut net = NetworkBuilder::new(Shape(vec![1]));
    let linear = Operation::Linear { outputs: 1, bias: false };
    let first = net.add("first", linear, &[0]).unwrap();
    let on = net.add("on", Operation::activation(Activation::Relu), &[first]).unwrap();
    let last = net.add("last", linear, &[on]).unwrap();
    let network = net.finish(last, None);
    let tensors = weights.map(|weight| Tensor::from_slice(&[weight]).reshape([1, 1]));
    let weights = Weights::from_tensors(&network, &tensors).unwrap();
    (network, weights)
}

#[test]
fn a_chain_of_two_weights_is_scored_by_hand() {
    // Two weights a = -2 and b = 3: R = |a| |b|, so that each weight's flow is 6.
    let (network, weights) = chain([-2.0, 3.0]);
    let probe = Probe::new(&network, &weights).unwrap();
    let inputs = Tensor::from_slice(&[-1.0_f32, 2.0]).reshape([2, 1]);
    let targets = Targets::Values(Tensor::from_slice(&[0.0_f32, 0.0]).reshape([2, 1]));
    let sample = Sample { inputs, targets };
    let score = |score: Score| score.measure(&probe, &sample).unwrap();
    assert!((score(Score::Synflow) - 12_f64.ln()).abs() < 1e-12);
    assert!((score(Score::L2Norm) - 5.0).abs() < 1e-6);
    // The loss is (a b x)² / 2 for x = -1, which passes the rectifier; 2 does not. w ∂L/∂w = (a b)² for both.
    assert!((score(Score::Snip) - 72.0).abs() < 1e-4);
    assert!((score(Score::Plain) - 72.0).abs() < 1e-4);
    // ∂L/∂a = a b² = -18, ∂L/∂b = a² b = 12.
    assert!((score(Score::GradNorm) - 30.0).abs() < 1e-4);
    // H = [[b², 2ab], [2ab, a²]], H g = [9·(-18) - 12·12, -12·(-18) + 4·12] = [-306, 264]; -(w · H g) = -1404.
    assert!((score(Score::Grasp) + 1404.0).abs() < 1e-2);
    // The two inputs disagree on the one rectifier: K is the unit matrix.
    assert!(score(Score::Naswot).abs() < 1e-9);
    assert_eq!(score(Score::LinearRegions), 2.0);
}

#[test]
fn activations_of_every_function_count_and_a_network_without_any_has_no_score() {
    let score = |function: Option<Activation>| {
        let mut net = NetworkBuilder::new(Shape(vec![1]));
        let linear = Operation::Linear { outputs: 1, bias: false };
        let first = net.add("first", linear, &[0]).unwrap();
        let on = match function {
            Some(function) => net.add("on", Operation::activation(function), &[first]).unwrap(),
            None => first,
        };
        let last = net.add("last", linear, &[on]).unwrap();
        let network = net.finish(last, None);
        let tensors = [-2.0_f32, 3.0].map(|weight| Tensor::from_slice(&[weight]).reshape([1, 1]));
        let weights = Weights::from_tensors(&network, &tensors).unwrap();
        let probe = Probe::new(&network, &weights).unwrap();
        let inputs = Tensor::from_slice(&[-1.0_f32, 2.0]).reshape([2, 1]);
        let targets = Targets::Values(inputs.zeros_like());
        Score::Naswot.measure(&probe, &Sample { inputs, targets }).unwrap()
    };
    for function in [Activation::Tanh, Activation::Sigmoid, Activation::Gelu] {
        // The two inputs disagree on the one activation: K is the unit matrix.
        assert!(score(Some(function)).abs() < 1e-9);
    }
    assert!(score(None).is_nan());
}

#[test]
fn two_batches_that_are_alike_or_empty_say_nothing_of_how_steady_gradients_are() {
    let (network, weights) = chain([2.0, 3.0]);
    let probe = Probe::new(&network, &weights).unwrap();
    let score = |inputs: &[f32]| {
        let inputs = Tensor::from_slice(inputs).reshape([-1, 1]);
        let targets = Targets::Values(inputs.zeros_like());
        Score::Zico.measure(&probe, &Sample { inputs, targets }).unwrap()
    };
    assert!(score(&[1.0, 2.0, 1.0, 2.0]).is_nan());
    assert!(score(&[1.0]).is_nan());
    // Of both gradients mean and deviation are as 1 + 4 to 4 - 1: twice ln 5/3.
    assert!((score(&[1.0, 2.0]) - 2.0 * (5.0_f64 / 3.0).ln()).abs() < 1e-6);
}

#[test]
fn a_network_that_ignores_its_input_is_scored_worst_or_not_at_all() {
    let (network, weights) = chain([0.0, 3.0]);
    let probe = Probe::new(&network, &weights).unwrap();
    let inputs = Tensor::from_slice(&[-1.0_f32, 2.0, 3.0, 4.0]).reshape([4, 1]);
    let targets = Targets::Values(Tensor::from_slice(&[0.0_f32; 4]).reshape([4, 1]));
    let sample = Sample { inputs, targets };
    let score = |score: Score| score.measure(&probe, &sample).unwrap();
    assert!(score(Score::Synflow) < -700.0);
    assert!(score(Score::Naswot) < -90.0, "{}", score(Score::Naswot));
    assert!(score(Score::Jacov).is_nan());
    assert_eq!(score(Score::Snip), 0.0);
    assert_eq!(score(Score::LinearRegions), 1.0);
    // Values are no classes.
    assert!(score(Score::EpeNas).is_nan());
}
