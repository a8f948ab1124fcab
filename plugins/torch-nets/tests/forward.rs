//! The forward pass on networks small enough to reckon by hand.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use heirloom_model::Seed;
use heirloom_network::{Activation, Network, NetworkBuilder, Operation, Shape};
use heirloom_torch_nets::{Initialisation, Mode, Weights, forward};
use tch::{Device, Kind, Tensor};

fn perceptron() -> Network {
    let mut builder = NetworkBuilder::new(Shape(vec![2]));
    let hidden = builder.add("hidden", Operation::Linear { outputs: 2, bias: true }, &[0]).unwrap();
    let relu = builder.add("relu", Operation::activation(Activation::Relu), &[hidden]).unwrap();
    let dropped = builder.add("dropout", Operation::Dropout { rate: 0.25 }, &[relu]).unwrap();
    let head = builder.add("head", Operation::Linear { outputs: 1, bias: false }, &[dropped]).unwrap();
    builder.finish(head, None)
}

#[test]
fn a_perceptron_gives_what_its_weights_say() {
    let network = perceptron();
    let tensors = [
        Tensor::from_slice(&[1.0_f32, 2.0, -1.0, 1.0]).reshape([2, 2]),
        Tensor::from_slice(&[0.5_f32, -4.0]),
        Tensor::from_slice(&[3.0_f32, 7.0]).reshape([1, 2]),
    ];
    let weights = Weights::from_tensors(&network, &tensors).unwrap();
    let input = Tensor::from_slice(&[1.0_f32, 1.0, -2.0, 5.0]).reshape([2, 2]);
    let output = forward(&network, weights.tensors(), &input, Mode::Evaluation).unwrap().main;
    // Rows: relu([3.5, -4]) and relu([8.5, 3]), then 3 a + 7 b.
    assert_eq!(Vec::<f32>::try_from(output.flatten(0, -1)).unwrap(), [10.5, 46.5]);
}

#[test]
fn dropout_keeps_its_share_and_the_mean_and_follows_from_the_seed() {
    let mut builder = NetworkBuilder::new(Shape(vec![1000]));
    let dropped = builder.add("dropout", Operation::Dropout { rate: 0.25 }, &[0]).unwrap();
    let network = builder.finish(dropped, None);
    let input = Tensor::ones([100, 1000], (Kind::Float, Device::Cpu));
    let pass = |number| {
        let mode = Mode::Training { seed: Seed::from_number(number), drop_path: 0.0 };
        forward(&network, &[], &input, mode).unwrap().main
    };
    let output = pass(1);
    let kept = f64::try_from(output.gt(0.0).to_kind(Kind::Double).mean(None)).unwrap();
    assert!((kept - 0.75).abs() < 0.005, "{kept}");
    assert!((f64::try_from(output.mean(None)).unwrap() - 1.0).abs() < 0.01);
    assert!(output.equal(&pass(1)) && !output.equal(&pass(2)));
}

#[test]
fn an_error_names_the_layer_and_the_shapes() {
    let network = perceptron();
    let weights = Weights::new(&network, Initialisation::He, Seed::from_number(1), Device::Cpu).unwrap();
    let input = Tensor::ones([4, 3], (Kind::Float, Device::Cpu));
    let error = forward(&network, weights.tensors(), &input, Mode::Evaluation).unwrap_err();
    assert_eq!((error.what.as_str(), &error.shapes), ("hidden", &vec![vec![4, 3]]));
}

#[test]
fn the_same_seed_gives_the_same_weights_whatever_else_is_in_the_network() {
    let weights = |network: &Network| {
        Weights::new(network, Initialisation::PyTorch, Seed::from_number(3), Device::Cpu).unwrap()
    };
    let mut builder = NetworkBuilder::new(Shape(vec![2]));
    let extra = builder.add("extra", Operation::Linear { outputs: 2, bias: true }, &[0]).unwrap();
    let hidden = builder.add("hidden", Operation::Linear { outputs: 2, bias: true }, &[extra]).unwrap();
    let grown = builder.finish(hidden, None);
    let (small, grown) = (weights(&perceptron()), weights(&grown));
    assert!(small.get("hidden.weight").unwrap().equal(grown.get("hidden.weight").unwrap()));
    assert!(!grown.get("extra.weight").unwrap().equal(grown.get("hidden.weight").unwrap()));
}

#[test]
fn drawn_weights_have_the_norm_that_is_expected() {
    let mut builder = NetworkBuilder::new(Shape(vec![6, 8, 8]));
    let conv = builder.add("conv", Operation::conv(10, 3, 1), &[0]).unwrap();
    let network = builder.finish(conv, None);
    for initialisation in [Initialisation::He, Initialisation::Glorot, Initialisation::PyTorch] {
        let square = |number| {
            let seed = Seed::from_number(number);
            let weights = Weights::new(&network, initialisation, seed, Device::Cpu).unwrap();
            let square = weights.get("conv.weight").unwrap().square().sum(Kind::Double);
            f64::try_from(square).unwrap()
        };
        let mean = (0..100).map(square).sum::<f64>() / 100.0;
        let expected = initialisation.mean_square_norm(&[10, 6, 3, 3]);
        // 54,000 squares, whose standard deviation is 0.9 of their mean.
        assert!((mean / expected - 1.0).abs() < 0.015, "{initialisation:?}: {mean}, {expected}");
    }
}
