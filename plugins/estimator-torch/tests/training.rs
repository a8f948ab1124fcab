//! Trainings: what they learn, that they are the same twice, and that they go on where they were.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Files, Listener, estimator, evaluate, named, options, request, space, space_of, warnings};
use heirloom_dataset::shared_data;
use heirloom_estimator_torch::{Options, torch};
use heirloom_plugin::{
    Context, CurvePoint, EvaluationRequest, FailureKind, Fidelity, Limits, Outcome, PluginOptions, Reporter,
    TrialId, Value, Verdict, json,
};

fn weights(run: &Path, trial: u64) -> Vec<u8> {
    std::fs::read(run.join(format!("trial-{trial}/weights.safetensors"))).unwrap()
}

fn state(run: &Path, trial: u64) -> std::path::PathBuf {
    run.join(format!("trial-{trial}/state.safetensors"))
}

fn in_folder(request: EvaluationRequest, run: &Path) -> EvaluationRequest {
    EvaluationRequest { folder: Some(run.into()), ..request }
}

/// Objectives along the curve.
fn course(outcome: &Outcome) -> Vec<(f64, Vec<f64>)> {
    outcome.curve.iter().map(|point| (point.step, point.objectives.clone())).collect()
}

#[test]
fn three_clouds_are_told_apart_and_a_curve_is_reported() {
    let files = Files::new();
    let estimator = estimator(options(&files.clouds(600), json!({"epochs": 8}))).unwrap();
    let names: Vec<_> = estimator.info().objectives.into_iter().map(|objective| objective.name).collect();
    let of_valid = ["val_accuracy", "val_balanced_accuracy", "val_loss", "val_auc"];
    assert_eq!(names, [&of_valid[..], &["train_loss", "train_accuracy"]].concat());
    let listener = Listener::patient();
    let outcome = evaluate(estimator.as_ref(), &request(&space(), 0, 8.0), &listener).unwrap();
    // Two corners are 3 apart, two others 4.2: the best classifier is right in about 91 of 100.
    assert!(outcome.objectives[0] < -0.8, "{outcome:?}");
    assert!(outcome.metrics["test_accuracy"] > 0.8, "{outcome:?}");
    assert_eq!(outcome.curve, *listener.points.lock().unwrap());
    let steps: Vec<f64> = outcome.curve.iter().map(|point| point.step).collect();
    assert_eq!(steps, (1..=8).map(f64::from).collect::<Vec<_>>());
    // Two clouds that lie 3 apart along one axis have an area of Φ(3 / √2) ≈ 0.983.
    assert!((0.93..=0.99).contains(&-outcome.objectives[3]), "{outcome:?}");
    let trained = |index: usize| outcome.curve.iter().map(move |point| point.objectives[index]);
    let (first, last) = (trained(4).next().unwrap(), trained(4).next_back().unwrap());
    assert!(last < first && last > 0.1, "{first} {last}");
    assert!((-1.0..-0.7).contains(&trained(5).next_back().unwrap()), "{outcome:?}");
    // Inputs: x with its indicator, y, and three colours with the unknown one; widths 32 and 32 of the funnel, both
    // with batch normalisation.
    assert!(outcome.metrics["n_parameters"] > 7.0 * 32.0, "{outcome:?}");
}

#[test]
fn a_validation_part_of_one_class_has_no_area_under_a_curve() {
    let files = Files::new();
    let mut text = String::from("x,y\n");
    // One row in 19 is of the second class: a tenth of them is none.
    for row in 0..19 {
        text += &format!("{row},{}\n", if row == 7 { "rare" } else { "frequent" });
    }
    let table = json!({"valid_fraction": 0.1, "test_fraction": 0.0, "min_epochs": 1});
    let estimator = estimator(options(&files.write("rare.csv", &text), table)).unwrap();
    let names: Vec<_> = estimator.info().objectives.into_iter().map(|objective| objective.name).collect();
    assert!(!names.contains(&"val_auc".to_owned()) && names.contains(&"val_loss".to_owned()), "{names:?}");
    evaluate(estimator.as_ref(), &request(&space(), 0, 4.0), &Listener::patient()).unwrap();
}

#[test]
fn a_plane_is_learned_in_its_own_unit() {
    let files = Files::new();
    let estimator = estimator(options(&files.plane(600), json!({"epochs": 30}))).unwrap();
    let space = space();
    let configuration = named(
        &space,
        &[
            ("learning_rate", Value::Float(0.02)),
            ("batch_size", Value::Int(16)),
            ("dropout", Value::Float(0.0)),
            ("batch_norm", Value::Bool(false)),
        ],
    );
    let request = EvaluationRequest { configuration, ..request(&space, 0, 30.0) };
    let outcome = evaluate(estimator.as_ref(), &request, &Listener::patient()).unwrap();
    // The target's deviation is √(25 + 9) ≈ 5.8, the noise 0.1.
    assert!(outcome.objectives[0] < 1.0, "{outcome:?}");
    assert!(outcome.objectives[1] < -0.97, "{outcome:?}");
}

#[test]
fn the_same_seed_gives_the_same_training_to_the_bit_and_another_seed_another() {
    let files = Files::new();
    let data = files.clouds(300);
    let run = files.path().join("run");
    let more = json!({"mixup": 0.2, "label_smoothing": 0.1, "class_weights": true, "gradient_clip": 1.0});
    let train_as = |trial: u64, seed: u64, training_seed: u64| {
        let mut more = more.clone();
        more["training_seed"] = json!(training_seed);
        let estimator = estimator(options(&data, more)).unwrap();
        let request = EvaluationRequest {
            seed: request(&space(), seed, 4.0).seed,
            ..in_folder(request(&space(), trial, 4.0), &run)
        };
        course(&evaluate(estimator.as_ref(), &request, &Listener::patient()).unwrap())
    };
    let train = |trial, seed| train_as(trial, seed, 0);
    let (first, again, other) = (train(0, 7), train(1, 7), train(3, 8));
    assert_eq!(first, again);
    assert_eq!(weights(&run, 0), weights(&run, 1));
    assert_ne!(first, other);
    // The same trial once more, by luck alone another.
    let (anew, anew_again) = (train_as(4, 7, 1), train_as(5, 7, 1));
    assert_eq!(anew, anew_again);
    assert!(anew != first && anew != train_as(6, 7, 2));
}

#[test]
fn a_training_that_was_cancelled_goes_on_as_if_nothing_had_been() {
    let files = Files::new();
    let estimator = estimator(options(&files.clouds(300), json!({"optimizer": "adam"}))).unwrap();
    let (whole, broken) = (files.path().join("whole"), files.path().join("broken"));
    let undisturbed = in_folder(request(&space(), 0, 4.0), &whole);
    let undisturbed = evaluate(estimator.as_ref(), &undisturbed, &Listener::patient()).unwrap();
    // 180 training rows make 6 batches an epoch: the cancellations fall into the middle of epoch 1, on the end of epoch 2
    // before it is measured, and on the border of 3 and 4.
    for asks in [3, 10, 8] {
        let request = in_folder(request(&space(), 0, 4.0), &broken);
        let failure = evaluate(estimator.as_ref(), &request, &Listener::cancelled_after(asks)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Cancelled);
        assert!(state(&broken, 0).exists());
    }
    let last = EvaluationRequest { attempt: 4, ..in_folder(request(&space(), 0, 4.0), &broken) };
    let listener = Listener::patient();
    let resumed = evaluate(estimator.as_ref(), &last, &listener).unwrap();
    assert!(listener.points.lock().unwrap().len() < 4, "it did go on");
    assert_eq!(course(&resumed), course(&undisturbed));
    assert_eq!(weights(&broken, 0), weights(&whole, 0));
    assert_eq!(resumed.metrics["test_accuracy"], undisturbed.metrics["test_accuracy"]);
}

#[test]
fn a_short_training_that_is_continued_is_the_long_one() {
    let files = Files::new();
    let estimator = estimator(options(&files.clouds(300), json!({}))).unwrap();
    let (whole, parts) = (files.path().join("whole"), files.path().join("parts"));
    let long = in_folder(request(&space(), 0, 4.0), &whole);
    let long = evaluate(estimator.as_ref(), &long, &Listener::patient()).unwrap();
    let short = in_folder(request(&space(), 0, 1.0), &parts);
    evaluate(estimator.as_ref(), &short, &Listener::patient()).unwrap();
    let more =
        EvaluationRequest { continues: Some(TrialId(0)), ..in_folder(request(&space(), 1, 4.0), &parts) };
    let more = evaluate(estimator.as_ref(), &more, &Listener::patient()).unwrap();
    assert_eq!(course(&more), course(&long)[1..]);
    assert_eq!(weights(&parts, 1), weights(&whole, 0));
    // What it took over is the same where it was cancelled in its second epoch.
    let again =
        EvaluationRequest { continues: Some(TrialId(0)), ..in_folder(request(&space(), 2, 4.0), &parts) };
    evaluate(estimator.as_ref(), &again, &Listener::cancelled_after(10)).unwrap_err();
    let resumed = EvaluationRequest { attempt: 2, ..again };
    let listener = Listener::patient();
    let resumed = evaluate(estimator.as_ref(), &resumed, &listener).unwrap();
    assert!(listener.points.lock().unwrap().len() < 3, "it did go on");
    for outcome in [&more, &resumed] {
        assert_eq!(outcome.metrics["epochs_taken_over"], 1.0, "{outcome:?}");
    }
}

#[test]
fn a_trial_that_continues_one_of_which_no_state_is_left_is_trained_from_its_first_epoch() {
    let files = Files::new();
    let data = files.clouds(300);
    for keep in ["state", "weights", "nothing"] {
        let estimator = estimator(options(&data, json!({"keep": keep}))).unwrap();
        let run = files.path().join(keep);
        let short = in_folder(request(&space(), 0, 1.0), &run);
        evaluate(estimator.as_ref(), &short, &Listener::patient()).unwrap();
        if keep == "state" {
            // As after a write to a full disk.
            std::fs::remove_file(state(&run, 0)).unwrap();
        }
        let long = in_folder(request(&space(), 1, 4.0), &run);
        let alone = EvaluationRequest { folder: None, ..long.clone() };
        let alone = evaluate(estimator.as_ref(), &alone, &Listener::patient()).unwrap();
        let continuing = EvaluationRequest { continues: Some(TrialId(0)), ..long };
        let of_no_folder = EvaluationRequest { folder: None, ..continuing.clone() };
        for request in [continuing, of_no_folder] {
            let heard = warnings(|| {
                let outcome = evaluate(estimator.as_ref(), &request, &Listener::patient()).unwrap();
                assert_eq!(course(&outcome), course(&alone), "{keep}");
                assert_eq!((outcome.metrics["epochs_taken_over"], outcome.metrics["inherited"]), (0.0, 0.0));
            });
            let said = "trial 1 is trained from its first epoch, as trial 0 cannot be trained further: ";
            assert!(heard.iter().any(|warning| warning.starts_with(said)), "{keep}: {heard:?}");
        }
    }
}

#[test]
fn a_trial_that_fails_leaves_no_state() {
    let files = Files::new();
    let table = json!({"epochs": 100_000, "checkpoint_seconds": 1e-4});
    let estimator = estimator(options(&files.clouds(300), table)).unwrap();
    let run = files.path().join("run");
    let asked = in_folder(request(&space(), 0, 100_000.0), &run);
    let failure = evaluate(estimator.as_ref(), &asked, &Listener::cancelled_after(10)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cancelled);
    assert!(state(&run, 0).exists(), "it is gone on with");
    let limits = Limits { seconds: Some(0.3), memory_bytes: None };
    let failure = evaluate(estimator.as_ref(), &EvaluationRequest { limits, ..asked }, &Listener::patient());
    assert_eq!(failure.unwrap_err().kind, FailureKind::TimedOut);
    assert!(!state(&run, 0).exists());
}

#[test]
fn a_trial_that_is_continued_at_another_size_is_trained_there_from_its_weights() {
    let files = Files::new();
    let table = json!({"fidelities": ["data_fraction", "width"]});
    let estimator = estimator(options(&files.clouds(300), table)).unwrap();
    let run = files.path().join("run");
    let train = |trial: u64, continues: Option<u64>, fidelity: [f64; 3]| {
        let request = EvaluationRequest {
            continues: continues.map(TrialId),
            fidelity: Fidelity(fidelity.to_vec()),
            ..in_folder(request(&space(), trial, 4.0), &run)
        };
        evaluate(estimator.as_ref(), &request, &Listener::patient()).unwrap()
    };
    let epochs = |outcome: &Outcome| outcome.curve.iter().map(|point| point.step).collect::<Vec<_>>();
    train(0, None, [2.0, 0.25, 0.5]);
    let before = weights(&run, 0);
    let longer = train(1, Some(0), [4.0, 0.25, 0.5]);
    assert_eq!((epochs(&longer), longer.metrics["epochs_taken_over"]), (vec![3.0, 4.0], 2.0));
    let of_more_rows = train(2, Some(0), [2.0, 1.0, 0.5]);
    assert_eq!(epochs(&of_more_rows), [1.0, 2.0]);
    assert_eq!(of_more_rows.metrics["inherited_exactly"], 1.0, "{of_more_rows:?}");
    assert_ne!(weights(&run, 2), before);
    let wider = train(3, Some(2), [4.0, 1.0, 1.0]);
    assert_eq!((epochs(&wider), wider.metrics["epochs_taken_over"]), (vec![1.0, 2.0, 3.0, 4.0], 0.0));
    assert!(wider.metrics["inherited"] > 0.5, "{wider:?}");
    assert!(wider.metrics["n_parameters"] > of_more_rows.metrics["n_parameters"]);
    // The larger size is gone on from in its turn.
    assert_eq!(epochs(&train(4, Some(3), [5.0, 1.0, 1.0])), [5.0]);
}

#[test]
fn a_batch_normalisation_of_single_rows_is_refused_by_its_reason() {
    let files = Files::new();
    let space = space_of(json!([{"name": "batch_size", "type": "int", "low": 1, "high": 64}]));
    let estimator = torch(options(&files.clouds(60), json!({})), Some(&space), &Context::detached()).unwrap();
    let train = |batch_norm: bool| {
        let values = [("batch_size", Value::Int(1)), ("batch_norm", Value::Bool(batch_norm))];
        let request = EvaluationRequest { configuration: named(&space, &values), ..request_of(2.0) };
        evaluate(estimator.as_ref(), &request, &Listener::patient())
    };
    let failure = train(true).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(failure.message.contains("batch normalisation"), "{failure}");
    assert!(failure.message.contains("`batch_size`"), "{failure}");
    train(false).unwrap();
}

fn request_of(epochs: f64) -> EvaluationRequest {
    request(&space(), 0, epochs)
}

#[test]
fn a_paused_training_keeps_its_weights_and_goes_on() {
    let files = Files::new();
    let estimator = estimator(options(&files.clouds(300), json!({}))).unwrap();
    let run = files.path().join("run");
    let paused = in_folder(request(&space(), 0, 4.0), &run);
    let outcome = evaluate(estimator.as_ref(), &paused, &Listener::verdict_after(Verdict::Pause, 2)).unwrap();
    assert!(outcome.stopped);
    assert_eq!(outcome.curve.len(), 2);
    let more =
        EvaluationRequest { continues: Some(TrialId(0)), ..in_folder(request(&space(), 1, 4.0), &run) };
    let outcome = evaluate(estimator.as_ref(), &more, &Listener::patient()).unwrap();
    let steps: Vec<f64> = outcome.curve.iter().map(|point| point.step).collect();
    assert_eq!((steps, outcome.stopped), (vec![3.0, 4.0], false));
}

#[test]
fn a_corrupt_file_costs_the_progress_of_its_own_trial_and_of_those_that_continue_it() {
    let files = Files::new();
    let estimator = estimator(options(&files.clouds(300), json!({}))).unwrap();
    let run = files.path().join("run");
    let own = in_folder(request(&space(), 0, 4.0), &run);
    let good = evaluate(estimator.as_ref(), &own, &Listener::patient()).unwrap();
    let bytes = std::fs::read(state(&run, 0)).unwrap();
    let flipped: Vec<u8> = bytes
        .iter()
        .enumerate()
        .map(|(i, &byte)| if i == bytes.len() - 9 { byte ^ 4 } else { byte })
        .collect();
    for (trial, corrupt) in (1..).zip([&bytes[..bytes.len() / 2], &flipped, &[]]) {
        std::fs::write(state(&run, 0), corrupt).unwrap();
        let continuing = EvaluationRequest {
            continues: Some(TrialId(0)),
            ..in_folder(request(&space(), trial, 4.0), &run)
        };
        let heard = warnings(|| {
            let outcome = evaluate(estimator.as_ref(), &continuing, &Listener::patient()).unwrap();
            assert_eq!((outcome.curve.len(), outcome.metrics["epochs_taken_over"]), (4, 0.0));
        });
        assert!(heard.iter().any(|warning| warning.contains("trial-0/state.safetensors")), "{heard:?}");
        let listener = Listener::patient();
        let anew = EvaluationRequest { attempt: 2, ..own.clone() };
        let anew = evaluate(estimator.as_ref(), &anew, &listener).unwrap();
        assert_eq!(listener.points.lock().unwrap().len(), 4);
        assert_eq!(course(&anew), course(&good));
    }
}

#[test]
fn a_child_begins_as_its_parent_was_where_it_is_to_inherit() {
    let files = Files::new();
    let data = files.clouds(300);
    let from_scratch = estimator(options(&data, json!({"epochs": 6}))).unwrap();
    let estimator = estimator(options(&data, json!({"epochs": 6, "inherit": true}))).unwrap();
    let run = files.path().join("run");
    let parent = in_folder(request(&space(), 0, 6.0), &run);
    let parent = evaluate(estimator.as_ref(), &parent, &Listener::patient()).unwrap();
    assert_eq!(parent.metrics["inherited"], 0.0);
    let wider = named(
        &space(),
        &[
            ("learning_rate", Value::Float(1e-4)),
            ("batch_size", Value::Int(64)),
            ("max_units", Value::Int(64)),
        ],
    );
    let child = EvaluationRequest {
        configuration: wider,
        parent: Some(TrialId(0)),
        ..in_folder(request(&space(), 1, 1.0), &run)
    };
    let orphan = EvaluationRequest { parent: Some(TrialId(7)), trial: TrialId(2), ..child.clone() };
    let independent = EvaluationRequest { trial: TrialId(3), ..child.clone() };
    let independent = evaluate(from_scratch.as_ref(), &independent, &Listener::patient()).unwrap();
    let child = evaluate(estimator.as_ref(), &child, &Listener::patient()).unwrap();
    let orphan = evaluate(estimator.as_ref(), &orphan, &Listener::patient()).unwrap();
    assert!(child.metrics["inherited"] > 0.5, "{child:?}");
    assert_eq!(orphan.metrics["inherited"], 0.0);
    assert_eq!(independent.metrics["inherited"], 0.0);
    assert_eq!(course(&independent), course(&orphan), "its score is of its own training alone");
    // Two steps at so small a rate change little: the child is still what its parent was.
    assert!((child.objectives[2] - parent.objectives[2]).abs() < 0.1, "{child:?} {parent:?}");
    assert!(orphan.objectives[2] > parent.objectives[2] + 0.2, "{orphan:?}");
}

#[test]
fn limits_are_kept() {
    let files = Files::new();
    let estimator = estimator(options(&files.clouds(3_000), json!({"epochs": 100_000}))).unwrap();
    let limits = Limits { seconds: Some(0.3), memory_bytes: None };
    let slow = EvaluationRequest { limits, ..request(&space(), 0, 100_000.0) };
    let failure = evaluate(estimator.as_ref(), &slow, &Listener::patient()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert!((0.3..2.0).contains(&failure.cost_seconds), "{failure:?}");
}

#[test]
fn an_epoch_of_one_batch_is_cancelled_before_it_is_measured_and_goes_on_as_if_nothing_had_been() {
    let files = Files::new();
    let estimator = estimator(options(&files.clouds(60), json!({"epochs": 1}))).unwrap();
    let values = [("learning_rate", Value::Float(0.01)), ("batch_size", Value::Int(64))];
    let asked = EvaluationRequest {
        configuration: named(&space(), &values),
        ..in_folder(request(&space(), 0, 1.0), &files.path().join("run"))
    };
    // The first question comes before the training.
    let listener = Listener::cancelled_after(1);
    let failure = evaluate(estimator.as_ref(), &asked, &listener).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cancelled);
    assert!(listener.points.lock().unwrap().is_empty());
    let resumed = evaluate(estimator.as_ref(), &asked, &Listener::patient()).unwrap();
    let undisturbed = EvaluationRequest { folder: None, ..asked };
    let undisturbed = evaluate(estimator.as_ref(), &undisturbed, &Listener::patient()).unwrap();
    assert_eq!(course(&resumed), course(&undisturbed));
}

/// A run that gives a trial up while it reports.
struct GivenUp;

impl Reporter for GivenUp {
    fn report(&self, _: TrialId, _: &CurvePoint) -> Verdict {
        std::thread::sleep(Duration::from_millis(300));
        Verdict::Stop
    }

    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn a_trial_whose_time_is_up_keeps_no_network() {
    let files = Files::new();
    let estimator = estimator(options(&files.clouds(60), json!({}))).unwrap();
    let run = files.path().join("run");
    let limits = Limits { seconds: Some(0.25), memory_bytes: None };
    let slow = EvaluationRequest { limits, ..in_folder(request(&space(), 0, 4.0), &run) };
    let failure = evaluate(estimator.as_ref(), &slow, &GivenUp).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert!(!run.join("trial-0/weights.safetensors").exists());
}

#[test]
fn a_learning_rate_beyond_reason_is_divergence() {
    let files = Files::new();
    let space = space_of(json!([{"name": "learning_rate", "type": "float", "low": 1e-3, "high": 1e30}]));
    let options = options(&files.plane(300), json!({"optimizer": "sgd", "schedule": "constant"}));
    let estimator = torch(options, Some(&space), &Context::detached()).unwrap();
    let configuration =
        named(&space, &[("learning_rate", Value::Float(1e20)), ("batch_norm", Value::Bool(false))]);
    let request = EvaluationRequest { configuration, ..request_in(&space) };
    let failure = evaluate(estimator.as_ref(), &request, &Listener::patient()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Diverged, "{failure}");
}

fn request_in(space: &heirloom_plugin::Space) -> EvaluationRequest {
    let configuration = named(space, &[("learning_rate", Value::Float(1e-2))]);
    EvaluationRequest { configuration, ..request(&common::space(), 0, 4.0) }
}

#[test]
fn a_parameter_that_no_training_knows_is_refused_with_the_known_ones() {
    let files = Files::new();
    let options = options(&files.clouds(60), json!({}));
    let refused = |parameters| {
        torch(options.clone(), Some(&space_of(parameters)), &Context::detached()).err().unwrap().to_string()
    };
    let message = refused(json!([{"name": "learning_speed", "type": "float", "low": 0, "high": 1}]));
    assert!(message.contains("`learning_speed`") && message.contains("`learning_rate`"), "{message}");
    let message = refused(json!([{"name": "optimizer", "type": "categorical", "choices": ["sgd", "lion"]}]));
    assert!(
        message.starts_with("parameter `optimizer` of the space: ") && message.contains("lion"),
        "{message}"
    );
    let message = refused(json!([{"name": "batch_size", "type": "int", "low": 0, "high": 64}]));
    assert!(message.contains("`0` is no whole number from 1 on"), "{message}");
    // Whole ends, and few whole numbers between them.
    for fractions in [json!({}), json!({"step": 0.5}), json!({"step": 1.5})] {
        let mut parameter = json!({"name": "batch_size", "type": "float", "low": 16, "high": 1016});
        parameter.as_object_mut().unwrap().extend(fractions.as_object().unwrap().clone());
        let message = refused(json!([parameter]));
        assert!(message.starts_with("parameter `batch_size` of the space: `"), "{message}");
        assert!(message.contains("is no whole number from 1 on; hint: `type = \"int\"`"), "{message}");
    }
    let stepped = json!([{"name": "batch_size", "type": "float", "low": 16, "high": 64, "step": 16}]);
    torch(options.clone(), Some(&space_of(stepped)), &Context::detached()).unwrap();
    let message = refused(json!([{"name": "step_share", "type": "float", "low": 0.1, "high": 2}]));
    assert!(message.contains("`2` is above 1"), "{message}");
    // Known, and without a meaning to perceptrons or to tables.
    for (name, reason) in [("cells", "the architectures are `shaped-mlp`"), ("cutout", "the data is a table")]
    {
        let message = refused(json!([{"name": name, "type": "int", "low": 1, "high": 4}]));
        assert!(message.contains(&format!("`{name}`")) && message.contains(reason), "{message}");
    }
}

#[test]
fn a_searched_setting_that_changes_nothing_for_this_target_optimizer_or_schedule_is_told() {
    let files = Files::new();
    let (numbers, classes) = (files.plane(60), files.clouds(60));
    let told = |data: &Path, table, parameters| -> Vec<String> {
        let heard = warnings(|| {
            torch(options(data, table), Some(&space_of(parameters)), &Context::detached()).unwrap();
        });
        heard.into_iter().filter(|warning| warning.contains("changes nothing here")).collect()
    };
    let smoothing = json!({"name": "label_smoothing", "type": "float", "low": 0, "high": 0.2});
    let momentum = json!({"name": "momentum", "type": "float", "low": 0.1, "high": 0.9});
    let share = json!({"name": "step_share", "type": "float", "low": 0.1, "high": 0.5});
    let optimizer = json!({"name": "optimizer", "type": "categorical", "choices": ["sgd", "adamw"]});
    let warned = told(&numbers, json!({}), json!([smoothing, momentum, share]));
    assert_eq!(warned.len(), 3, "{warned:?}");
    for (warning, name) in warned.iter().zip(["`momentum`", "`step_share`", "`label_smoothing`"]) {
        assert!(warning.starts_with(name), "{warned:?}");
    }
    assert_eq!(told(&numbers, json!({"class_weights": true}), json!([])).len(), 1);
    let counts = json!({"schedule": "step", "class_weights": true});
    let warned = told(&classes, counts, json!([smoothing, momentum, share, optimizer]));
    assert!(warned.is_empty(), "{warned:?}");
}

#[test]
fn classes_without_a_training_row_are_named() {
    let files = Files::new();
    let told = |n_rare: usize| {
        let mut text = String::from("x,y\n");
        for row in 0..20 + n_rare {
            let class = if row < 20 { ["a", "b"][row % 2] } else { "rare" };
            text += &format!("{row}.5,{class}\n");
        }
        let data = files.write("rare.csv", &text);
        let table = json!({"valid_fraction": 0.43, "test_fraction": 0.0});
        warnings(|| drop(estimator(options(&data, table)).unwrap()))
    };
    // Of 21 rows nine are held out: four of each large class, and the single one.
    let warned = told(1);
    let said = "no training row has one of the classes `rare`: ";
    assert!(warned.len() == 1 && warned[0].starts_with(said), "{warned:?}");
    assert!(told(10).is_empty());
}

#[test]
fn a_number_of_cells_that_makes_no_network_or_no_end_is_refused_before_the_first_trial() {
    for name in ["cells", "cells_per_stage", "n_stages"] {
        for number in [0, 1_000_000] {
            let table = json!({"data": "absent.csv", name: number});
            let message = Options::from_json(&table).err().unwrap().to_string();
            assert!(message.contains(&format!("`{number}` is ")), "{name}: {message}");
        }
    }
}

#[test]
fn pmlb_tables_are_learned() {
    let Some(folder) = shared_data("pmlb-small") else { return };
    // Accuracy of always answering the largest class, from the collection's index, and what any trained network passes.
    for (table, majority, passed) in
        [("penguins", 0.4419, 0.9), ("car", 0.7002, 0.8), ("optdigits", 0.1018, 0.93)]
    {
        let options =
            options(&folder.join(format!("{table}.parquet")), json!({"target": "target", "epochs": 10}));
        let estimator = estimator(options).unwrap();
        let outcome =
            evaluate(estimator.as_ref(), &request(&space(), 1, 10.0), &Listener::patient()).unwrap();
        let accuracy = outcome.metrics["test_accuracy"];
        println!("{table}: {accuracy:.3} in {:.2} s", outcome.cost_seconds);
        assert!(accuracy > majority && accuracy > passed, "{table}: {outcome:?}");
    }
}
