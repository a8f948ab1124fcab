//! Trainings on images: convolutions, augmentation, and the sizes that a training can have.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Files, Listener, evaluate, options, request};
use heirloom_dataset::shared_data;
use heirloom_estimator_torch::torch;
use heirloom_plugin::{
    Context, Estimator, EvaluationRequest, FailureKind, Fidelity, Json, Outcome, Seed, Space, SpaceSpec,
    TrialId, Value, json,
};

/// `n` images of 12 × 12: stripes of four directions, which are the classes, anywhere, with noise.
fn stripes(files: &Files, n: usize) -> PathBuf {
    let mut rng = Seed::from_number(3).rng();
    let header = |code: u8, sizes: &[u32]| -> Vec<u8> {
        let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
        [0, 0, 8, code].into_iter().chain(sizes).collect()
    };
    let mut images = header(3, &[n as u32, 12, 12]);
    let mut labels = header(1, &[n as u32]);
    for row in 0..n {
        let (class, phase) = (row % 4, rng.below(6));
        labels.push(class as u8);
        for y in 0..12 {
            for x in 0..12 {
                let along = [x, y, x + y, 12 + x - y][class];
                let is_bright = (along + phase) % 6 < 3;
                images.push((rng.below(60) + if is_bright { 150 } else { 0 }) as u8);
            }
        }
    }
    let path = files.path().join("stripes-images-idx3-ubyte");
    std::fs::write(&path, images).unwrap();
    std::fs::write(files.path().join("stripes-labels-idx1-ubyte"), labels).unwrap();
    path
}

fn convolutions() -> Arc<Space> {
    let spec: SpaceSpec = serde_json::from_value(json!({
        "architecture": {"kind": "chain", "min_layers": 1, "max_layers": 2, "operation": [
            {"name": "conv", "parameter": [
                {"name": "channels", "type": "ordinal", "values": [4, 8, 16]},
                {"name": "kernel", "type": "ordinal", "values": [3, 5]},
            ]},
            {"name": "max_pool"},
        ]},
    }))
    .unwrap();
    Arc::new(Space::compile(spec).unwrap())
}

fn estimator(data: &Path, more: Json) -> Box<dyn Estimator> {
    torch(options(data, more), Some(&convolutions()), &Context::detached()).unwrap()
}

fn train(estimator: &dyn Estimator, fidelity: &[f64]) -> Outcome {
    let space = convolutions();
    let configuration = space
        .from_named(&BTreeMap::from(
            [
                ("n_layers", Value::Int(2)),
                ("layer_1_op", "conv".into()),
                ("layer_1_conv_channels", Value::Int(16)),
                ("layer_1_conv_kernel", Value::Int(5)),
                ("layer_2_op", "max_pool".into()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        ))
        .unwrap();
    let request = EvaluationRequest {
        configuration,
        fidelity: Fidelity(fidelity.to_vec()),
        ..request(&common::space(), 0, 1.0)
    };
    evaluate(estimator, &request, &Listener::patient()).unwrap()
}

#[test]
fn stripes_are_told_apart_with_every_augmentation() {
    let files = Files::new();
    let data = stripes(&files, 400);
    let common = json!({"epochs": 12, "learning_rate": 0.02, "batch_size": 32});
    for more in [
        json!({}),
        json!({"crop": 1, "cutout": 3}),
        json!({"mixup": 0.2, "label_smoothing": 0.1, "gradient_clip": 5.0}),
        json!({"optimizer": "sgd", "schedule": "one-cycle", "momentum": 0.8}),
        json!({"precision": "bfloat16"}),
    ] {
        let mut table = common.clone();
        table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let outcome = train(estimator(&data, table).as_ref(), &[12.0]);
        assert!(outcome.metrics["test_accuracy"] > 0.9, "{more}: {outcome:?}");
    }
    // Mirrored, one diagonal is the other.
    let mirrored =
        estimator(&data, json!({"epochs": 12, "learning_rate": 0.02, "batch_size": 32, "flip": true}));
    let accuracy = train(mirrored.as_ref(), &[12.0]).metrics["test_accuracy"];
    assert!((0.6..0.9).contains(&accuracy), "{accuracy}");
}

#[test]
fn each_size_makes_a_training_smaller() {
    let files = Files::new();
    let data = stripes(&files, 400);
    let estimator = estimator(
        &data,
        json!({"epochs": 6, "learning_rate": 0.02, "batch_size": 32, "min_resolution": 6,
               "fidelities": ["data_fraction", "resolution", "width"]}),
    );
    let names: Vec<_> = estimator.info().fidelities.into_iter().map(|dimension| dimension.name).collect();
    assert_eq!(names, ["epochs", "data_fraction", "resolution", "width"]);
    let full = train(estimator.as_ref(), &[6.0, 1.0, 12.0, 1.0]);
    assert!(full.metrics["test_accuracy"] > 0.9, "{full:?}");
    let coarse = train(estimator.as_ref(), &[6.0, 1.0, 6.0, 1.0]);
    assert!(coarse.metrics["test_accuracy"] > 0.6, "{coarse:?}");
    let thin = train(estimator.as_ref(), &[6.0, 1.0, 12.0, 0.5]);
    assert!(thin.metrics["n_parameters"] < full.metrics["n_parameters"], "{thin:?}");
    let few = train(estimator.as_ref(), &[6.0, 0.1, 12.0, 1.0]);
    assert!(few.objectives != full.objectives, "{few:?}");
    let space = convolutions();
    let wrong = EvaluationRequest {
        configuration: space.sample(&mut Seed::from_number(1).rng()).unwrap(),
        ..request(&common::space(), 0, 1.0)
    };
    let failure = evaluate(estimator.as_ref(), &wrong, &Listener::patient()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(failure.message.contains("a fidelity of 1 sizes"), "{failure}");
}

fn cells_of_edges(more: Json) -> Arc<Space> {
    let spec: SpaceSpec = serde_json::from_value(json!({
        "parameter": more,
        "architecture": {"kind": "edge-cell", "n_nodes": 4, "operations": ["none", "skip_connect", "nor_conv_3x3"]},
    }))
    .unwrap();
    Arc::new(Space::compile(spec).unwrap())
}

#[test]
fn a_trial_goes_on_at_a_finer_resolution_and_with_more_cells() {
    let files = Files::new();
    let space = cells_of_edges(json!([]));
    let table = json!({"epochs": 2, "batch_size": 32, "stem_channels": 4, "cells_per_stage": 2, "n_stages": 1,
                       "min_resolution": 6, "fidelities": ["resolution", "cells"]});
    let estimator = torch(options(&stripes(&files, 60), table), Some(&space), &Context::detached()).unwrap();
    let cell = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|";
    let train = |trial: u64, fidelity: [f64; 3]| {
        let request = EvaluationRequest {
            trial: TrialId(trial),
            configuration: space.parse_architecture(cell).unwrap().unwrap(),
            fidelity: Fidelity(fidelity.to_vec()),
            folder: Some(files.path().join("run")),
            continues: trial.checked_sub(1).map(TrialId),
            ..request(&common::space(), 0, 1.0)
        };
        evaluate(estimator.as_ref(), &request, &Listener::patient()).unwrap()
    };
    train(0, [2.0, 6.0, 1.0]);
    let finer = train(1, [2.0, 12.0, 1.0]);
    assert_eq!((finer.curve.len(), finer.metrics["inherited"]), (2, 1.0), "{finer:?}");
    let deeper = train(2, [2.0, 12.0, 2.0]);
    assert_eq!(deeper.curve.len(), 2);
    assert!(deeper.metrics["n_parameters"] > finer.metrics["n_parameters"], "{deeper:?}");
    assert!((0.1..1.0).contains(&deeper.metrics["inherited"]), "{deeper:?}");
}

#[test]
fn fewer_cells_limit_a_searched_number_and_the_full_size_leaves_it() {
    let files = Files::new();
    let space = cells_of_edges(json!([{"name": "cells_per_stage", "type": "int", "low": 1, "high": 4}]));
    let table = json!({"epochs": 1, "stem_channels": 4, "cells_per_stage": 3, "n_stages": 1, "fidelities": ["cells"]});
    let estimator = torch(options(&stripes(&files, 60), table), Some(&space), &Context::detached()).unwrap();
    let n_parameters = |searched: i64, size: f64| {
        let mut values: BTreeMap<String, Value> = space.to_named(&space.default_configuration());
        for (name, value) in values.iter_mut() {
            *value = if name == "cells_per_stage" { Value::Int(searched) } else { "nor_conv_3x3".into() };
        }
        let request = EvaluationRequest {
            configuration: space.from_named(&values).unwrap(),
            fidelity: Fidelity(vec![1.0, size]),
            ..request(&common::space(), 0, 1.0)
        };
        evaluate(estimator.as_ref(), &request, &Listener::patient()).unwrap().metrics["n_parameters"]
    };
    assert!(n_parameters(1, 3.0) < n_parameters(2, 3.0));
    assert!(n_parameters(3, 3.0) < n_parameters(4, 3.0));
    assert_eq!(n_parameters(4, 2.0), n_parameters(2, 3.0));
    assert_eq!(n_parameters(1, 2.0), n_parameters(1, 3.0));
}

#[test]
fn the_cells_that_are_a_fidelity_are_those_that_count_for_the_family() {
    let files = Files::new();
    let data = stripes(&files, 60);
    let made = |space: &Arc<Space>, more: Json| {
        let mut table = json!({"epochs": 1, "fidelities": ["cells"]});
        table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        torch(options(&data, table), Some(space), &Context::detached())
            .map(|estimator| estimator.info().fidelities)
    };
    let space = cells_of_edges(json!([]));
    let fidelities = made(&space, json!({"cells": 8, "cells_per_stage": 3})).unwrap();
    assert_eq!((fidelities[1].name.as_str(), fidelities[1].high), ("cells", 3.0));
    let error = made(&space, json!({"cells": 8})).unwrap_err().to_string();
    assert!(error.contains("hint: set `cells_per_stage`"), "{error}");
    let error = made(&convolutions(), json!({"cells": 8})).unwrap_err().to_string();
    assert!(error.contains("networks of cells") && error.contains("hint"), "{error}");
}

#[test]
fn cells_of_nas_bench_201_learn_clothes() {
    let Some(folder) = shared_data("fashion-mnist-small") else { return };
    let space = SpaceSpec::preset("nas-bench-201").unwrap();
    let space = Arc::new(Space::compile(space).unwrap());
    let options = options(
        &folder.join("t10k-images-idx3-ubyte.gz"),
        json!({"epochs": 4, "stem_channels": 8, "cells_per_stage": 1, "n_stages": 2, "learning_rate": 0.1,
               "optimizer": "sgd", "weight_decay": 5e-4, "batch_size": 64,
               "fidelities": ["resolution", "cells"]}),
    );
    let estimator = torch(options, Some(&space), &Context::detached()).unwrap();
    let cell =
        "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|";
    let request = EvaluationRequest {
        configuration: space.parse_architecture(cell).unwrap().unwrap(),
        fidelity: Fidelity(vec![4.0, 14.0, 1.0]),
        ..request(&common::space(), 0, 1.0)
    };
    let outcome = evaluate(estimator.as_ref(), &request, &Listener::patient()).unwrap();
    println!("{:.3} in {:.1} s", outcome.metrics["test_accuracy"], outcome.cost_seconds);
    // Ten classes alike: guessing gives 0.1.
    assert!(outcome.metrics["test_accuracy"] > 0.4, "{outcome:?}");
}

#[test]
fn a_graphics_card_trains_too() {
    if !tch::Cuda::is_available() {
        eprintln!("skipped: LibTorch finds no CUDA device");
        let files = Files::new();
        let options = options(&stripes(&files, 40), json!({"device": "cuda"}));
        let error = torch(options, Some(&convolutions()), &Context::detached()).err().unwrap().to_string();
        assert!(error.contains("LibTorch finds no CUDA device"), "{error}");
        return;
    }
    let files = Files::new();
    let data = stripes(&files, 400);
    let table = json!({"device": "cuda", "epochs": 12, "learning_rate": 0.02, "batch_size": 32});
    let on_card = estimator(&data, table);
    let outcome = train(on_card.as_ref(), &[12.0]);
    assert!(outcome.metrics["test_accuracy"] > 0.9, "{outcome:?}");
    // Another device takes a training up where the first one was.
    let run = files.path().join("run");
    let space = convolutions();
    let first = EvaluationRequest {
        configuration: space.sample(&mut Seed::from_number(1).rng()).unwrap(),
        folder: Some(run),
        ..request(&common::space(), 0, 12.0)
    };
    let failure = evaluate(on_card.as_ref(), &first, &Listener::cancelled_after(10)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cancelled);
    let on_host = estimator(&data, json!({"epochs": 12, "learning_rate": 0.02, "batch_size": 32}));
    let listener = Listener::patient();
    let outcome = evaluate(on_host.as_ref(), &first, &listener).unwrap();
    assert!(listener.points.lock().unwrap().len() < 12, "{outcome:?}");
    // More numbers than any card holds.
    let wide = estimator(&data, json!({"device": "cuda", "width": 6e4, "batch_size": 240, "epochs": 1}));
    let too_large = EvaluationRequest { folder: None, fidelity: Fidelity(vec![1.0]), ..first };
    let failure = evaluate(wide.as_ref(), &too_large, &Listener::patient()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::OutOfMemory, "{failure}");
}
