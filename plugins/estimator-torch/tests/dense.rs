//! Dense prediction: a class, or numbers, for each pixel, from a file to an exported network.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests end where something is wrong")]

mod common;
#[path = "../../../core/network/tests/export/peer.rs"]
mod peer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Array, Files, Listener, evaluate, options, request};
use heirloom_dataset::{ArrayValues, read_idx, shared_data};
use heirloom_estimator_torch::torch;
use heirloom_network::export::{in_order, safetensors, write_folder};
use heirloom_network::{Network, Preparation};
use heirloom_plugin::{
    ComponentError, Context, Estimator, EvaluationRequest, FailureKind, Fidelity, Json, Outcome, Rng, Seed,
    Space, SpaceSpec, TrialId, Value, json,
};
use heirloom_torch_nets::{Mode, Weights, forward};
use tch::{Device, Kind, Tensor};

const SIDE: usize = 24;
const NAMES: [&str; 4] = ["0", "1", "2", "3"];

/// A scene in the dark: noise, and two things of eleven pixels, each a disc (1), lying stripes (2) or standing ones (3). The
/// outermost pixels of a thing have no label. Image and labels, row by row.
fn scene(rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    let mut image: Vec<u8> = (0..SIDE * SIDE).map(|_| rng.below(60) as u8).collect();
    let mut labels = vec![0; SIDE * SIDE];
    for _ in 0..2 {
        let (class, top, left) = (1 + rng.below(3), rng.below(SIDE - 11), rng.below(SIDE - 11));
        for y in 0..11 {
            for x in 0..11 {
                let place = (top + y) * SIDE + left + x;
                let (dy, dx) = (y.abs_diff(5), x.abs_diff(5));
                let reach = if class == 1 { dy * dy + dx * dx } else { dy.max(dx).pow(2) };
                if reach > 25 {
                    continue;
                }
                let is_bright = [true, y % 4 < 2, x % 4 < 2][class - 1];
                image[place] = (rng.below(60) + if is_bright { 170 } else { 30 }) as u8;
                labels[place] = if reach > 16 { 255 } else { class as u8 };
            }
        }
    }
    (image, labels)
}

fn scenes(files: &Files, n: usize) -> PathBuf {
    let mut rng = Seed::from_number(8).rng();
    let (images, labels): (Vec<_>, Vec<_>) = (0..n).map(|_| scene(&mut rng)).unzip();
    files.npz(
        "scenes.npz",
        &[
            Array("X", "|u1", vec![n, 1, SIDE, SIDE], images.concat()),
            Array("y", "|u1", vec![n, SIDE, SIDE], labels.concat()),
        ],
    )
}

/// An encoder of two stages and its decoder.
fn encoder_decoder() -> Arc<Space> {
    space(
        json!({"kind": "encoder-decoder", "n_stages": [2, 3], "depth": [1, 1], "finest": 1, "channels": [8, 16],
                 "operations": ["conv_3x3", "sep_conv_3x3"]}),
    )
}

/// Paths through two levels of resolution.
fn resolution_path() -> Arc<Space> {
    space(json!({"kind": "resolution-path", "n_layers": [3, 3], "finest": 2, "coarsest": 4, "channels": [16],
                 "operations": ["conv_3x3", "sep_conv_3x3"]}))
}

fn space(architecture: Json) -> Arc<Space> {
    let spec: SpaceSpec = serde_json::from_value(json!({"architecture": architecture})).unwrap();
    Arc::new(Space::compile(spec).unwrap())
}

fn estimator(space: &Arc<Space>, data: &Path, more: Json) -> Result<Box<dyn Estimator>, ComponentError> {
    let mut table = json!({"batch_size": 16, "learning_rate": 0.01});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    torch(options(data, table), Some(space), &Context::detached())
}

/// The same architecture always: for an encoder and its decoder that joins by concatenation.
fn asked(space: &Space, trial: u64, fidelity: &[f64]) -> EvaluationRequest {
    let values = [
        ("n_stages", Value::Int(2)),
        ("channels", Value::Int(16)),
        ("encoder_1_op_1", "conv_3x3".into()),
        ("encoder_2_op_1", "conv_3x3".into()),
        ("decoder_1_up", "bilinear".into()),
        ("decoder_1_join", "concat".into()),
        ("decoder_1_op_1", "conv_3x3".into()),
        ("layer_1_move", Value::Int(0)),
        ("layer_1_op", "conv_3x3".into()),
        ("layer_2_move", Value::Int(1)),
        ("layer_2_op", "conv_3x3".into()),
        ("layer_3_move", Value::Int(-1)),
        ("layer_3_op", "conv_3x3".into()),
    ];
    let has = |name: &str| space.parameters().iter().any(|parameter| parameter.name == name);
    let values: BTreeMap<String, Value> = values
        .into_iter()
        .filter(|(name, _)| has(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    EvaluationRequest {
        configuration: space.from_named(&values).unwrap(),
        fidelity: Fidelity(fidelity.to_vec()),
        ..request(&common::space(), trial, 1.0)
    }
}

fn train(space: &Arc<Space>, data: &Path, more: Json, fidelity: &[f64]) -> Outcome {
    let estimator = estimator(space, data, more).unwrap();
    evaluate(estimator.as_ref(), &asked(space, 0, fidelity), &Listener::patient()).unwrap()
}

/// An objective of an outcome, in the direction in which people read it.
fn read(estimator: &dyn Estimator, objectives: &[f64], name: &str) -> f64 {
    let info = estimator.info();
    let place = info.objectives.iter().position(|objective| objective.name == name).unwrap();
    info.objectives[place].direction.turn(objectives[place])
}

#[test]
fn things_in_scenes_are_found_pixel_by_pixel() {
    let files = Files::new();
    let (data, space) = (scenes(&files, 300), encoder_decoder());
    let estimator = estimator(&space, &data, json!({"epochs": 8})).unwrap();
    let names: Vec<_> = estimator.info().objectives.into_iter().map(|objective| objective.name).collect();
    assert_eq!(names, ["val_miou", "val_pixel_accuracy", "val_loss", "train_loss", "train_pixel_accuracy"]);
    let outcome = evaluate(estimator.as_ref(), &asked(&space, 0, &[8.0]), &Listener::patient()).unwrap();
    eprintln!("{:?} in {:.1} s", outcome.metrics, outcome.cost_seconds);
    // All dark: three pixels of four, and a quarter of that is the mean over four classes.
    assert!(outcome.metrics["test_miou"] > 0.75, "{outcome:?}");
    assert!(outcome.metrics["test_pixel_accuracy"] > 0.93, "{outcome:?}");
    let course = |name| {
        let points = outcome.curve.iter().map(|point| read(estimator.as_ref(), &point.objectives, name));
        points.collect::<Vec<f64>>()
    };
    let (loss, accuracy) = (course("train_loss"), course("train_pixel_accuracy"));
    assert!(loss.len() == 8 && loss[7] < 0.5 * loss[0], "{loss:?}");
    assert!(
        accuracy[7] > accuracy[0] && accuracy.iter().all(|share| (0.0..=1.0).contains(share)),
        "{accuracy:?}"
    );
    assert!(course("val_miou")[7] > 0.75);
}

#[test]
fn every_change_of_images_takes_the_labels_along() {
    let files = Files::new();
    let data = scenes(&files, 300);
    // Stripes that lie lie in the mirror too.
    for more in [
        json!({"crop": 3, "flip": true, "cutout": 5}),
        json!({"class_weights": true, "label_smoothing": 0.1, "gradient_clip": 5.0}),
        json!({"precision": "bfloat16", "optimizer": "sgd", "learning_rate": 0.1}),
    ] {
        let mut table = json!({"epochs": 8});
        table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let outcome = train(&encoder_decoder(), &data, table, &[8.0]);
        assert!(outcome.metrics["test_miou"] > 0.6, "{more}: {outcome:?}");
    }
    let refused = |space: &Arc<Space>, more| estimator(space, &data, more).err().unwrap().to_string();
    let message = refused(&encoder_decoder(), json!({"auxiliary_weight": 0.4}));
    assert!(message.contains("`auxiliary_weight = 0.4`"), "{message}");
    let message = refused(&encoder_decoder(), json!({"mixup": 0.2}));
    assert!(message.contains("`mixup = 0.2`") && message.contains("hint: leave it out"), "{message}");
    let spec: SpaceSpec = serde_json::from_value(json!({
        "parameter": [{"name": "mixup", "type": "float", "low": 0, "high": 0.4}],
        "architecture": encoder_decoder().spec().architecture,
    }))
    .unwrap();
    let message = refused(&Arc::new(Space::compile(spec).unwrap()), json!({}));
    assert!(message.contains("`mixup = 0.4`"), "{message}");
}

#[test]
fn a_path_through_resolutions_segments_at_every_size_of_training() {
    let files = Files::new();
    let (data, space) = (scenes(&files, 300), resolution_path());
    let table = json!({"epochs": 8, "fidelities": ["resolution", "width"], "min_resolution": 12});
    let estimator = estimator(&space, &data, table).unwrap();
    let at = |fidelity: &[f64]| {
        evaluate(estimator.as_ref(), &asked(&space, 0, fidelity), &Listener::patient()).unwrap()
    };
    let full = at(&[8.0, 24.0, 1.0]);
    assert!(full.metrics["test_miou"] > 0.6, "{full:?}");
    let thin = at(&[8.0, 24.0, 0.5]);
    assert!(thin.metrics["n_parameters"] < full.metrics["n_parameters"], "{thin:?}");
    // Stripes two pixels wide are lost at half the resolution; scenes are compared at their own all the same.
    let coarse = at(&[8.0, 12.0, 1.0]);
    let range = 0.3..full.metrics["test_miou"];
    assert!(range.contains(&coarse.metrics["test_miou"]), "{coarse:?}");
}

#[test]
fn noise_is_taken_off_images_of_numbers() {
    let files = Files::new();
    let (n, side) = (200, 16);
    let mut rng = Seed::from_number(2).rng();
    let (mut noisy, mut clean) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let (fx, fy, phase) = (0.2 + 0.3 * rng.uniform(), 0.2 + 0.3 * rng.uniform(), 6.0 * rng.uniform());
        for place in 0..side * side {
            let (y, x) = ((place / side) as f64, (place % side) as f64);
            let wave = 40.0 + 3.0 * (fx * x + fy * y + phase).sin();
            noisy.extend(((wave + 2.0 * rng.normal()) as f32).to_le_bytes());
            // One pixel in ten was not measured.
            let measured = if rng.below(10) == 0 { f64::NAN } else { wave };
            clean.extend(measured.to_le_bytes());
        }
    }
    let data = files.npz(
        "waves.npz",
        &[Array("X", "<f4", vec![n, 1, side, side], noisy), Array("y", "<f8", vec![n, side, side], clean)],
    );
    let space = encoder_decoder();
    let estimator = estimator(&space, &data, json!({"epochs": 12, "crop": 2, "flip": true})).unwrap();
    let names: Vec<_> = estimator.info().objectives.into_iter().map(|objective| objective.name).collect();
    assert_eq!(names, ["val_rmse", "val_r2", "val_loss", "train_loss"]);
    let run = files.path().join("run");
    let asked = EvaluationRequest { folder: Some(run.clone()), ..asked(&space, 0, &[12.0]) };
    let outcome = evaluate(estimator.as_ref(), &asked, &Listener::patient()).unwrap();
    // The waves' deviation is 3 / √2 ≈ 2.1, the noise's 2.
    assert!(outcome.metrics["test_rmse"] < 1.2, "{outcome:?}");
    assert!(outcome.metrics["test_r2"] > 0.6, "{outcome:?}");
    let images = serde_json::to_string(&vec![vec![vec![40.5; side]; side]; 2]).unwrap();
    let Some(answers) = exported(&run, &images) else { return };
    let mean = numbers(&answers).iter().sum::<f64>() / (2 * side * side) as f64;
    assert!((35.0..45.0).contains(&mean), "answers are in the target's unit: {mean}");
}

#[test]
fn a_training_that_was_cancelled_goes_on_and_a_child_inherits() {
    let files = Files::new();
    let (data, space) = (scenes(&files, 100), encoder_decoder());
    let estimator =
        estimator(&space, &data, json!({"crop": 2, "flip": true, "cutout": 4, "inherit": true})).unwrap();
    let in_folder =
        |folder: &str, request| EvaluationRequest { folder: Some(files.path().join(folder)), ..request };
    let whole = in_folder("whole", asked(&space, 0, &[4.0]));
    let whole = evaluate(estimator.as_ref(), &whole, &Listener::patient()).unwrap();
    let broken = in_folder("broken", asked(&space, 0, &[4.0]));
    for asks in [3, 6] {
        let listener = Listener::cancelled_after(asks);
        assert_eq!(
            evaluate(estimator.as_ref(), &broken, &listener).unwrap_err().kind,
            FailureKind::Cancelled
        );
    }
    let listener = Listener::patient();
    let resumed = evaluate(estimator.as_ref(), &broken, &listener).unwrap();
    assert!(listener.points.lock().unwrap().len() < 4, "it did go on");
    let course = |outcome: &Outcome| -> Vec<_> {
        outcome.curve.iter().map(|point| (point.step, point.objectives.clone())).collect()
    };
    assert_eq!(course(&resumed), course(&whole));
    let weights = |folder: &str| files.path().join(folder).join("trial-0/weights.safetensors");
    assert_eq!(std::fs::read(weights("broken")).unwrap(), std::fs::read(weights("whole")).unwrap());
    let child =
        EvaluationRequest { parent: Some(TrialId(0)), ..in_folder("whole", asked(&space, 1, &[1.0])) };
    let child = evaluate(estimator.as_ref(), &child, &Listener::patient()).unwrap();
    assert!(child.metrics["inherited"] > 0.99, "{child:?}");
}

/// Has an exported network answer in PyTorch and ONNX Runtime; `None` where they are not at hand.
fn exported(run: &Path, images: &str) -> Option<Json> {
    let python = peer::python("torch, onnxruntime")?;
    let kept = run.join("trial-0");
    let network: Network =
        serde_json::from_slice(&std::fs::read(kept.join("network.json")).unwrap()).unwrap();
    let preparation: Preparation =
        serde_json::from_slice(&std::fs::read(kept.join("preparation.json")).unwrap()).unwrap();
    let tensors = in_order(&network, safetensors::read(&kept.join("weights.safetensors")).unwrap()).unwrap();
    let folder = run.join("exported");
    write_folder(&folder, &network, &tensors, &preparation, &BTreeMap::new()).unwrap();
    std::fs::write(folder.join("images.json"), images).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dense/answers.py");
    let found: Json = serde_json::from_str(&peer::output_of(&python, &script, &[&folder])).unwrap();
    eprintln!("formats differ by {}", found["difference"]);
    assert!(found["difference"].as_f64().unwrap() < 1e-4, "{found}");
    Some(found["answers"].clone())
}

fn numbers(value: &Json) -> Vec<f64> {
    match value {
        Json::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

#[test]
fn an_exported_network_answers_for_every_pixel_in_pytorch_and_onnx_runtime() {
    let files = Files::new();
    let (data, space) = (scenes(&files, 100), resolution_path());
    let estimator = estimator(&space, &data, json!({})).unwrap();
    let run = files.path().join("run");
    let asked = EvaluationRequest { folder: Some(run.clone()), ..asked(&space, 0, &[4.0]) };
    evaluate(estimator.as_ref(), &asked, &Listener::patient()).unwrap();
    let (image, _) = scene(&mut Seed::from_number(99).rng());
    let rows: Vec<&[u8]> = image.chunks(SIDE).collect();
    let Some(answers) = exported(&run, &serde_json::to_string(&[[rows]]).unwrap()) else { return };
    // Our own pass, by the files that the trial left.
    let kept = run.join("trial-0");
    let json =
        |name: &str| -> Json { serde_json::from_slice(&std::fs::read(kept.join(name)).unwrap()).unwrap() };
    let network: Network = serde_json::from_value(json("network.json")).unwrap();
    let weights = heirloom_torch_nets::checkpoint::read_weights(
        &kept.join("weights.safetensors"),
        &network,
        Device::Cpu,
    );
    let weights: Weights = weights.unwrap();
    let input = &json("preparation.json")["input"];
    let [mean, std] = ["mean", "std"].map(|key| input[key][0].as_f64().unwrap());
    let pixels = Tensor::from_slice(&image).to_kind(Kind::Float).reshape([1, 1, SIDE as i64, SIDE as i64]);
    let pixels = (pixels / 255.0 - mean) / std;
    let scores =
        tch::no_grad(|| forward(&network, weights.tensors(), &pixels, Mode::Evaluation)).unwrap().main;
    let ours = Vec::<i64>::try_from(scores.argmax(1, false).flatten(0, -1)).unwrap();
    let theirs: Vec<&str> = answers[0]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|name| name.as_str().unwrap())
        .collect();
    let n_other =
        ours.iter().zip(&theirs).filter(|(ours, theirs)| NAMES[**ours as usize] != **theirs).count();
    // Scores that are level to the last bit may go either way.
    assert!(theirs.len() == SIDE * SIDE && n_other <= 1, "{n_other}");
    assert!(theirs.iter().collect::<std::collections::BTreeSet<_>>().len() > 1, "it sees more than darkness");
}

#[test]
fn clothes_are_cut_out_of_fashion_mnist() {
    let Some(folder) = shared_data("fashion-mnist-small") else { return };
    let images = read_idx(folder.join("t10k-images-idx3-ubyte.gz")).unwrap();
    let classes = read_idx(folder.join("t10k-labels-idx1-ubyte.gz")).unwrap();
    let (ArrayValues::U8(images), ArrayValues::U8(classes)) = (images.values, classes.values) else {
        panic!("they are bytes")
    };
    let n = 1_200;
    let pairs = images.chunks(28 * 28).zip(&classes).take(n);
    let labels: Vec<u8> = pairs
        .clone()
        .flat_map(|(image, class)| image.iter().map(move |&byte| if byte > 20 { class + 1 } else { 0 }))
        .collect();
    let images = pairs.flat_map(|(image, _)| image).copied().collect();
    let files = Files::new();
    let shape = vec![n, 28, 28];
    let data = files
        .npz("clothes.npz", &[Array("X", "|u1", shape.clone(), images), Array("y", "|u1", shape, labels)]);
    // Three stages from half the resolution on: a pixel must be seen with the whole piece to know what it belongs to.
    let space = space(json!({"kind": "encoder-decoder", "n_stages": [3, 3], "depth": [1, 1], "finest": 2,
                             "channels": [8, 16], "operations": ["conv_3x3"], "ups": ["bilinear"], "joins": ["concat"]}));
    let outcome = train(&space, &data, json!({"epochs": 10, "batch_size": 32}), &[10.0]);
    eprintln!("{:?} in {:.1} s", outcome.metrics, outcome.cost_seconds);
    // Eleven classes: nothing but background is one of them, and half of it right.
    assert!(outcome.metrics["test_miou"] > 0.35, "{outcome:?}");
}

#[test]
fn what_is_wrong_with_a_file_is_said_before_any_training() {
    let files = Files::new();
    let images = || Array("X", "|u1", vec![4, 5, 6], vec![7; 120]);
    let refused = |y: Array| {
        let data = files.npz("wrong.npz", &[images(), y]);
        estimator(&encoder_decoder(), &data, json!({"valid_fraction": 0.25})).err().unwrap().to_string()
    };
    let message = refused(Array("y", "|u1", vec![4, 6, 5], vec![0; 120]));
    assert!(message.contains("wrong.npz") && message.contains("[4, 6, 5]"), "{message}");
    let mut labels: Vec<u8> = (0..120).flat_map(|place: i16| (place % 2).to_le_bytes()).collect();
    labels[2 * 31 + 1] = 3;
    let message = refused(Array("y", "<i2", vec![4, 5, 6], labels));
    assert!(message.contains("at `[1, 0, 1]`") && message.contains("0 to 254"), "{message}");
    let message = refused(Array("y", "|u1", vec![4, 5, 6], vec![2; 120]));
    assert!(message.contains("every pixel of `wrong` is of the class `2`"), "{message}");
    let message = refused(Array("y", "<f8", vec![4, 5, 6], [f64::NAN; 120].map(f64::to_le_bytes).concat()));
    assert!(message.contains("no pixel of `wrong` has a label"), "{message}");
}
