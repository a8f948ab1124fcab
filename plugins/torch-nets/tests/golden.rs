//! Layers, optimizers and schedules beside PyTorch's numbers (`golden/make.py`).

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use heirloom_model::Seed;
use heirloom_network::Network;
use heirloom_torch_nets::{Loss, Mode, Optimizer, Rule, Schedule, Weights, forward};
use serde_json::Value as Json;
use tch::Tensor;

fn cases(text: &str) -> Vec<Json> {
    serde_json::from_str(text).unwrap()
}

fn tensor(json: &Json) -> Tensor {
    let shape: Vec<i64> = serde_json::from_value(json["shape"].clone()).unwrap();
    let values: Vec<f32> = serde_json::from_value(json["values"].clone()).unwrap();
    Tensor::from_slice(&values).reshape(shape)
}

#[track_caller]
fn assert_close(what: &str, ours: &Tensor, theirs: &Json) {
    let theirs = tensor(theirs);
    assert_eq!(ours.size(), theirs.size(), "{what}");
    let error = (ours.detach() - &theirs).abs() / (theirs.abs() + 1.0);
    let error = if error.numel() == 0 { 0.0 } else { f64::try_from(error.max()).unwrap() };
    assert!(error <= 1e-5, "{what} is off by {error}");
}

#[test]
fn layers_give_pytorchs_outputs_losses_and_gradients() {
    let cases = cases(include_str!("golden/layers.json"));
    assert!(cases.len() >= 25);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let network: Network = serde_json::from_value(case["network"].clone()).unwrap();
        let given: Vec<Tensor> =
            network.tensors().iter().map(|spec| tensor(&case["tensors"][&spec.name])).collect();
        let weights = Weights::from_tensors(&network, &given).unwrap();
        let mode = match case["training"].as_bool().unwrap() {
            true => Mode::Training { seed: Seed::from_number(1), drop_path: 0.0 },
            false => Mode::Evaluation,
        };
        let input = tensor(&case["input"]).set_requires_grad(true);
        let output = forward(&network, weights.tensors(), &input, mode).unwrap().main;
        assert_close(name, &output, &case["output"]);

        let loss = Loss::SquaredError.of(&output, &tensor(&case["target"])).unwrap();
        let loss_of_theirs = case["loss"].as_f64().unwrap();
        assert!(
            (f64::try_from(&loss).unwrap() - loss_of_theirs).abs() <= 1e-5 * (1.0 + loss_of_theirs),
            "{name}"
        );
        if !loss.requires_grad() {
            assert_eq!(name, "zero", "only zeros hang on nothing");
            continue;
        }
        let specs: Vec<_> = network.tensors().into_iter().filter(|spec| spec.role.is_parameter()).collect();
        let wanted: Vec<&Tensor> = weights.parameters().chain([&input]).collect();
        let gradients = Tensor::run_backward(&[&loss], &wanted, false, false);
        for (spec, gradient) in specs.iter().zip(&gradients) {
            assert_close(
                &format!("{name}: gradient of {}", spec.name),
                gradient,
                &case["gradients"][&spec.name],
            );
        }
        assert_close(
            &format!("{name}: gradient of the input"),
            &gradients[specs.len()],
            &case["input_gradient"],
        );
        for (tensor, after) in case["after"].as_object().unwrap() {
            assert_close(&format!("{name}: {tensor}"), weights.get(tensor).unwrap(), after);
        }
    }
}

#[test]
fn optimizers_take_pytorchs_steps_also_after_their_state_was_kept() {
    for case in cases(include_str!("golden/optimizers.json")) {
        let name = case["name"].as_str().unwrap();
        let rule = match case["rule"]["kind"].as_str().unwrap() {
            "adam" => Rule::ADAM,
            "adamw" => Rule::ADAM_W,
            _ => Rule::Sgd {
                momentum: case["rule"]["momentum"].as_f64().unwrap(),
                nesterov: case["rule"]["nesterov"].as_bool().unwrap(),
            },
        };
        let (decay, rate) = (case["decay"].as_f64().unwrap(), case["rate"].as_f64().unwrap());
        let start: Vec<Tensor> = case["start"].as_array().unwrap().iter().map(tensor).collect();
        let network: Network = serde_json::from_str(
            r#"{"input": [3], "layers": [{"name": "l", "operation": {"kind": "linear", "outputs": 2, "bias": true}, "inputs": [0]}], "output": 1}"#,
        )
        .unwrap();
        let weights = Weights::from_tensors(&network, &start).unwrap();
        let mut optimizer = Optimizer::new(rule, decay, &weights).unwrap();
        for (number, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            if number == 3 {
                let kept: Vec<_> = optimizer.state().map(|(name, slot)| (name, slot.copy())).collect();
                let mut again = Optimizer::new(rule, decay, &weights).unwrap();
                let find = |name: &str| kept.iter().find(|(other, _)| *other == name).map(|(_, slot)| slot);
                again.restore(optimizer.n_steps(), find).unwrap();
                optimizer = again;
            }
            let gradients: Vec<Tensor> = step["gradients"].as_array().unwrap().iter().map(tensor).collect();
            optimizer.step(&weights, &gradients, rate).unwrap();
            for (parameter, theirs) in weights.parameters().zip(step["parameters"].as_array().unwrap()) {
                assert_close(&format!("{name}, step {number}"), parameter, theirs);
            }
        }
    }
}

#[test]
fn schedules_are_pytorchs() {
    for case in cases(include_str!("golden/schedules.json")) {
        let schedule = match case["name"].as_str().unwrap() {
            "cosine" => Schedule::Cosine,
            "one_cycle" => Schedule::OneCycle,
            _ => Schedule::Step { share: 0.25, factor: 0.3 },
        };
        for (step, rate) in case["rates"].as_array().unwrap().iter().enumerate() {
            let (ours, theirs) = (schedule.factor(step as f64 / 20.0), rate.as_f64().unwrap());
            assert!((ours - theirs).abs() < 1e-4, "{schedule:?} at {step}: {ours} and {theirs}");
        }
    }
}

#[test]
fn the_rate_steps_down_where_a_share_ends_whatever_the_rounding() {
    let schedule = Schedule::Step { share: 0.1, factor: 0.5 };
    for step in 0..10 {
        assert_eq!(schedule.factor(f64::from(step) / 10.0), 0.5_f64.powi(step), "{step}");
        assert_eq!(schedule.factor(f64::from(step) / 10.0 + 0.09), 0.5_f64.powi(step), "{step}");
    }
}
