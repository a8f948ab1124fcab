//! Data and circumstances that are not as one wishes: a clear error, or a failed trial and the next one goes on.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Files, Listener, estimator, evaluate, named, options, request, space};
use heirloom_plugin::{ComponentErrorKind, EvaluationRequest, FailureKind, Limits, Value, json};
use rustix::process::{Resource, Rlimit, setrlimit};

fn refused(data: &Path, more: heirloom_plugin::Json) -> String {
    let error = estimator(options(data, more)).err().unwrap();
    assert_eq!(error.kind, ComponentErrorKind::Configuration, "{error}");
    error.to_string()
}

#[test]
fn data_that_cannot_be_learned_from_is_refused_by_name() {
    let files = Files::new();
    let table = |name: &str, header: &str, row: &dyn Fn(usize) -> String, n: usize| {
        let rows: Vec<String> = (0..n).map(row).collect();
        files.write(name, &format!("{header}\n{}\n", rows.join("\n")))
    };
    let one_class = table("one_class.csv", "x,y", &|row| format!("{row},a"), 50);
    let message = refused(&one_class, json!({}));
    assert!(message.contains("every row of `one_class` is of the class `a`"), "{message}");

    let one_row = table("one_row.csv", "x,y", &|_| "1.5,2.5".into(), 1);
    let message = refused(&one_row, json!({}));
    assert!(message.contains("no row of the 1 is held out for validation"), "{message}");

    let no_features = table("no_features.csv", "y", &|row| format!("{}", row % 2), 50);
    let message = refused(&no_features, json!({}));
    assert!(message.contains("`no_features` has no columns besides its target"), "{message}");

    let words = table("words.csv", "id,x,y", &|row| format!("name-{row},{row},{}", row % 2), 600);
    let message = refused(&words, json!({}));
    assert!(message.contains("column `id` has 360 different values in 360 training rows"), "{message}");
    assert!(message.contains("hint: add it to `ignore`"), "{message}");
    estimator(options(&words, json!({"ignore": ["id"]}))).unwrap();

    let unlabelled =
        table("unlabelled.csv", "x,y", &|row| format!("{row},{}", if row == 7 { "" } else { "a" }), 50);
    let message = refused(&unlabelled, json!({}));
    assert!(message.contains("column `y` has the value `null` at row `7`"), "{message}");

    let message = refused(&one_class, json!({"target": "z"}));
    assert!(message.contains("there is no column `z`"), "{message}");
    let message = refused(&one_class, json!({"kind": "regression"}));
    assert!(message.contains("column `y` holds text where a number is needed"), "{message}");
    let message = refused(&files.path().join("absent.csv"), json!({}));
    assert!(message.contains("absent.csv"), "{message}");
}

#[test]
fn constant_empty_infinite_and_huge_columns_are_learned_around() {
    let files = Files::new();
    let mut text = String::from("constant,empty,infinite,huge,x,y\n");
    for row in 0..200 {
        let x = f64::from(row % 2) + 0.01 * f64::from(row % 7);
        let infinite = if row % 50 == 0 { "inf" } else { "1" };
        writeln!(text, "0.1,,{infinite},{}e300,{x},{}", row, row % 2).unwrap();
    }
    let estimator = estimator(options(&files.write("odd.csv", &text), json!({"epochs": 10}))).unwrap();
    let outcome = evaluate(estimator.as_ref(), &request(&space(), 0, 10.0), &Listener::patient()).unwrap();
    assert!(outcome.objectives[0] < -0.95, "{outcome:?}");
}

#[test]
fn a_value_beyond_all_others_is_named_where_it_cannot_be_a_number_of_the_input() {
    let files = Files::new();
    let mut text = String::from("steady,x,y\n");
    for row in 0..200 {
        let steady = if row == 7 { "1e300".into() } else { (row % 3).to_string() };
        writeln!(text, "{steady},{},{}", row % 2, row % 2).unwrap();
    }
    let data = files.write("spike.csv", &text);
    // Among the training rows it is what the others are measured by, elsewhere not.
    let messages: Vec<String> = (0..10)
        .filter_map(|seed| estimator(options(&data, json!({"split_seed": seed}))).err())
        .map(|error| error.to_string())
        .collect();
    assert!(!messages.is_empty() && messages.len() < 10, "{messages:?}");
    for message in messages {
        assert!(message.contains("column `steady` of `spike`") && message.contains("hint"), "{message}");
    }
}

#[test]
fn huge_targets_are_measured_in_their_own_unit() {
    let files = Files::new();
    let mut text = String::from("x,y\n");
    for row in 0..200 {
        writeln!(text, "{row},{row}.5e200").unwrap();
    }
    let estimator = estimator(options(&files.write("huge.csv", &text), json!({}))).unwrap();
    let outcome = evaluate(estimator.as_ref(), &request(&space(), 0, 4.0), &Listener::patient()).unwrap();
    assert!((1e200..1e204).contains(&outcome.objectives[0]), "{outcome:?}");
}

#[test]
fn a_symbol_that_training_never_saw_is_unknown_and_no_error() {
    let files = Files::new();
    let mut text = String::from("kind,x,y\n");
    for row in 0..200 {
        // Each of the rare kinds stands once: some of them outside the training part.
        let kind = if row % 10 == 0 { format!("rare-{row}") } else { "common".into() };
        writeln!(text, "{kind},{},{}", row % 2, row % 2).unwrap();
    }
    let estimator = estimator(options(&files.write("rare.csv", &text), json!({"epochs": 10}))).unwrap();
    let outcome = evaluate(estimator.as_ref(), &request(&space(), 0, 10.0), &Listener::patient()).unwrap();
    assert!(outcome.objectives[0] < -0.95, "{outcome:?}");
}

#[test]
fn ten_thousand_columns_are_only_slow() {
    let files = Files::new();
    let names: Vec<String> = (0..10_000).map(|column| format!("c{column}")).collect();
    let mut text = format!("{},y\n", names.join(","));
    for row in 0..60 {
        for column in 0..10_000 {
            write!(text, "{},", (row * 7 + column * 3) % 11).unwrap();
        }
        writeln!(text, "{}", row % 2).unwrap();
    }
    let started = Instant::now();
    let estimator = estimator(options(&files.write("wide.csv", &text), json!({}))).unwrap();
    let outcome = evaluate(estimator.as_ref(), &request(&space(), 0, 2.0), &Listener::patient()).unwrap();
    assert_eq!(outcome.curve.len(), 2);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

/// Widths that take gigabytes for a step.
fn wide(space: &heirloom_plugin::Space) -> heirloom_plugin::Configuration {
    named(
        space,
        &[
            ("learning_rate", Value::Float(0.01)),
            ("batch_size", Value::Int(64)),
            ("n_layers", Value::Int(3)),
            ("shape", "brick".into()),
            ("max_units", Value::Int(64)),
        ],
    )
}

const CHILD: &str = "HEIRLOOM_TEST_CHILD";

/// This test program once more, for one test, in a process of its own.
fn again(test: &str, what: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, what)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn is_child() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}

#[test]
fn a_trial_that_finds_no_memory_fails_and_the_next_one_goes_on() {
    const THIS: &str = "a_trial_that_finds_no_memory_fails_and_the_next_one_goes_on";
    let Some(data) = is_child() else {
        let files = Files::new();
        let output = again(THIS, &files.clouds(30_000)).wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("failed for memory, then went on"), "{text}");
        return;
    };
    let space = space();
    // Times 64 units: 4,096 of them, for 18,000 rows at once.
    let wide_options = options(&data, json!({"width": 64.0, "batch_size": 18_000, "epochs": 1}));
    let no_batches =
        common::space_of(json!([{"name": "learning_rate", "type": "float", "low": 1e-4, "high": 0.1}]));
    let wide_estimator = heirloom_estimator_torch::torch(
        wide_options,
        Some(&no_batches),
        &heirloom_plugin::Context::detached(),
    )
    .unwrap();
    let small = estimator(options(&data, json!({"epochs": 1}))).unwrap();
    evaluate(small.as_ref(), &request(&space, 0, 1.0), &Listener::patient()).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmSize:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let limit = Some((kilobytes << 10) + (600 << 20));
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit }).unwrap();
    let mut values = wide(&space).values().to_vec();
    values.remove(1);
    let configuration = heirloom_plugin::Configuration::new(values);
    let too_large = EvaluationRequest { configuration, ..request(&space, 1, 1.0) };
    let failure = evaluate(wide_estimator.as_ref(), &too_large, &Listener::patient()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::OutOfMemory, "{failure}");
    evaluate(small.as_ref(), &request(&space, 2, 1.0), &Listener::patient()).unwrap();
    println!("failed for memory, then went on: {failure}");
}

#[test]
fn a_memory_limit_is_watched() {
    let files = Files::new();
    let options = options(&files.clouds(30_000), json!({"width": 16.0, "epochs": 1_000}));
    let estimator = estimator(options).unwrap();
    let limits = Limits { seconds: Some(60.0), memory_bytes: Some(1 << 20) };
    let space = space();
    let request = EvaluationRequest { limits, configuration: wide(&space), ..request(&space, 0, 1_000.0) };
    let failure = evaluate(estimator.as_ref(), &request, &Listener::patient()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::OutOfMemory, "{failure}");
}

#[test]
fn a_training_whose_process_was_killed_goes_on_to_the_same_bits() {
    const THIS: &str = "a_training_whose_process_was_killed_goes_on_to_the_same_bits";
    let train = |folder: &Path| {
        let options = options(
            &folder.join("clouds.csv"),
            json!({"epochs": 12, "checkpoint_seconds": 1e-4, "optimizer": "sgd"}),
        );
        let estimator = estimator(options).unwrap();
        let run = folder.join("run");
        let request = EvaluationRequest { folder: Some(run.clone()), ..request(&space(), 0, 12.0) };
        let listener = Listener::patient();
        let outcome = evaluate(estimator.as_ref(), &request, &listener).unwrap();
        let n_reported = listener.points.lock().unwrap().len();
        (outcome, std::fs::read(run.join("trial-0/weights.safetensors")).unwrap(), n_reported)
    };
    if let Some(folder) = is_child() {
        train(&folder);
        return;
    }
    let (whole, killed) = (Files::new(), Files::new());
    whole.clouds(600);
    killed.clouds(600);
    let (undisturbed, weights, _) = train(whole.path());
    let state = killed.path().join("run/trial-0/state.safetensors");
    for _ in 0..3 {
        let before = std::fs::read(&state).ok();
        let mut child = again(THIS, killed.path());
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::fs::read(&state).ok() == before && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_ne!(std::fs::read(&state).ok(), before, "it came to no checkpoint");
    }
    assert!(!killed.path().join("run/trial-0/weights.safetensors").exists(), "it was killed before its end");
    let (resumed, same_weights, n_reported) = train(killed.path());
    assert!(n_reported <= 12);
    assert_eq!(same_weights, weights);
    let course = |outcome: &heirloom_plugin::Outcome| -> Vec<_> {
        outcome.curve.iter().map(|point| (point.step, point.objectives.clone())).collect()
    };
    assert_eq!(course(&resumed), course(&undisturbed));
}
