//! Exported TorchScript, run by LibTorch itself, beside our own forward pass.

#![allow(clippy::unwrap_used, missing_docs, reason = "every line here is a test's")]

#[path = "../../../core/network/tests/export/cases.rs"]
mod cases;

use heirloom_model::Seed;
use heirloom_network::export::torchscript;
use heirloom_torch_nets::{Mode, forward};
use tch::{CModule, Kind, Tensor};

#[test]
fn exported_torchscript_gives_what_our_forward_pass_gives() {
    let folder = tempfile::tempdir().unwrap();
    for case in cases::all() {
        let network = &case.network;
        let named = cases::tensors(network);
        let path = folder.path().join(format!("{}.pt", case.name));
        std::fs::write(&path, torchscript(network, &named, None).unwrap()).unwrap();
        let module = CModule::load(&path).unwrap();
        let sizes = |shape: &[usize]| shape.iter().map(|&size| size as i64).collect::<Vec<_>>();
        let weights: Vec<Tensor> = named
            .iter()
            .map(|tensor| Tensor::from_slice(&tensor.values).reshape(sizes(&tensor.shape)))
            .collect();
        let shape = [&[2][..], &network.input_shape().0].concat();
        let mut rng = Seed::from_number(3).derive(&case.name, 0).rng();
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
        let input = Tensor::from_slice(&values).reshape(sizes(&shape));
        let ours = tch::no_grad(|| forward(network, &weights, &input, Mode::Evaluation).unwrap().main);
        let theirs = tch::no_grad(|| module.forward_ts(&[&input]).unwrap());
        assert_eq!(ours.size(), theirs.size(), "{}", case.name);
        let scale = ours.abs().max().double_value(&[]).max(1.0);
        let difference = (&ours - &theirs).abs().max().to_kind(Kind::Double).double_value(&[]);
        assert!(difference <= 1e-5 * scale, "{}: {difference}", case.name);
    }
}
