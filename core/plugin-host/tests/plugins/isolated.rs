//! The same library in worker processes: whatever it does costs its trial.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use heirloom_model::{
    ComponentErrorKind, EvaluationRequest, FailureKind, Limits, Proposal, Seed, Strategy, TrialId, Verdict,
};
use heirloom_plugin_host::{HostError, HostOptions, Isolation, PluginHost, WorkerLimits};
use serde_json::{Value as Json, json};

use crate::common::{
    Answers, GO_ON, ask, faulty_library, host, problem, request, see_what_reaches_an_estimator, told,
    wait_for,
};

fn strategy(options: &Json) -> Box<dyn Strategy> {
    host().strategy("faulty", options, Isolation::Process, &problem()).unwrap()
}

fn limited(trial: u64, seconds: f64) -> EvaluationRequest {
    let limits = Limits { seconds: Some(seconds), memory_bytes: Some(200_000_000) };
    EvaluationRequest { limits, ..request(trial) }
}

/// What an in-process strategy proposes for trials 0 to 3, told of trial 0 to 2 one by one.
fn expected() -> Vec<Proposal> {
    let mut plain = host().strategy("faulty", &json!({}), Isolation::None, &problem()).unwrap();
    propose(plain.as_mut())
}

fn propose(strategy: &mut dyn Strategy) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for trial in 0..4 {
        proposals.extend(strategy.ask(&ask(trial, 1)).unwrap());
        strategy.tell(&[told(trial, trial as f64)]).unwrap();
    }
    proposals
}

#[test]
fn a_strategy_proposes_the_same_as_in_the_host() {
    let mut isolated = strategy(&json!({ "at": 5 }));
    assert_eq!(propose(isolated.as_mut()), expected());
    assert_eq!(isolated.recommend().unwrap(), Some(TrialId(5)));
    assert_eq!(isolated.save().unwrap(), None);
    assert_eq!(isolated.restore(b"x").unwrap_err().kind, ComponentErrorKind::Unsupported);
}

#[test]
fn nested_components_are_loaded_into_the_same_worker() {
    let options = json!({ "base": { "name": "faulty" } });
    let mut wrapped = host().strategy("wrapper", &options, Isolation::Process, &problem()).unwrap();
    assert_eq!(propose(wrapped.as_mut()), expected());
}

#[test]
fn a_relative_search_path_leads_a_worker_to_nested_components() {
    let here = std::env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(faulty_library().strip_prefix("/").unwrap());
    // Without `files` a worker has a current folder of its own.
    let granted = BTreeMap::from([("heirloom-faulty".to_owned(), BTreeSet::new())]);
    let host = PluginHost::open(&[relative], HostOptions { granted, ..HostOptions::default() });
    let options = json!({ "base": { "name": "faulty" } });
    let mut wrapped = host.strategy("wrapper", &options, Isolation::Process, &problem()).unwrap();
    assert_eq!(propose(wrapped.as_mut()), expected());
}

#[test]
fn a_strategy_in_python_within_one_in_a_worker_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "id = \"their-base\"\ndescription = \"d\"\nversion = \"0.2.0\"\nlanguage = \"python\"\n\
                    module = \"base\"\n[[component]]\nkind = \"strategy\"\nname = \"base\"\ndescription = \"d\"\n";
    std::fs::write(folder.path().join("plugin.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("base.py"), "").unwrap();
    let host = PluginHost::open(&[faulty_library(), folder.path().into()], HostOptions::default());
    // However deep it is.
    let options = json!({ "base": { "name": "wrapper", "base": { "name": "base" } } });
    let error = host.strategy("wrapper", &options, Isolation::Process, &problem()).map(drop).unwrap_err();
    let text = error.to_string();
    let words = "strategy `wrapper` of plugin `heirloom-faulty` 0.1.0, being made: its options name strategy `base` of \
                 plugin `their-base` 0.2.0, which is in Python and needs a worker of its own";
    assert!(text.starts_with(words) && text.contains("hint: set `isolation = \"none\"`"), "{text}");
    // The mistake is the run file's.
    let HostError::Component { source } = error else { panic!("{text}") };
    assert_eq!(source.kind, ComponentErrorKind::Configuration);
}

#[test]
fn a_strategy_that_dies_once_is_rebuilt_and_nobody_notices() {
    for fault in ["segfault", "exit"] {
        let folder = tempfile::tempdir().unwrap();
        let once = folder.path().join("happened");
        let mut isolated = strategy(&json!({ "fault": fault, "at": 2, "once": once }));
        assert_eq!(propose(isolated.as_mut()), expected(), "{fault}");
        assert!(once.exists(), "{fault}");
    }
}

#[test]
fn a_strategy_that_always_dies_is_an_error_that_says_how() {
    for (fault, how) in [("segfault", "ended by a segmentation fault"), ("exit", "with status 3")] {
        let mut isolated = strategy(&json!({ "fault": fault, "at": 1 }));
        isolated.ask(&ask(0, 1)).unwrap();
        let error = isolated.ask(&ask(1, 1)).unwrap_err();
        assert_eq!(error.kind, ComponentErrorKind::Crashed);
        let who = "strategy `faulty` of plugin `heirloom-faulty` 0.1.0, asked for trial 1: ";
        assert!(error.message.starts_with(who) && error.message.contains(how), "{error}");
        assert_eq!(isolated.ask(&ask(2, 1)).unwrap().len(), 1);
    }
}

#[test]
fn a_strategy_that_hangs_is_killed_at_the_limit_and_rebuilt() {
    let limits = WorkerLimits { call_seconds: 0.2, ..WorkerLimits::default() };
    let options = HostOptions { limits, ..HostOptions::default() };
    let host = PluginHost::open(&[faulty_library()], options);
    let table = json!({ "fault": "hang", "at": 1 });
    let mut isolated = host.strategy("faulty", &table, Isolation::Process, &problem()).unwrap();
    let start = Instant::now();
    let error = isolated.ask(&ask(1, 1)).unwrap_err();
    assert!(error.message.contains("no answer for 0.2 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(isolated.ask(&ask(2, 1)).unwrap().len(), 1);
}

#[test]
fn a_panic_costs_one_tell_and_the_strategy_goes_on() {
    let mut isolated = strategy(&json!({ "fault": "panic-tell", "at": 1 }));
    isolated.tell(&[told(0, 1.0)]).unwrap();
    let error = isolated.tell(&[told(1, 1.0)]).unwrap_err();
    assert_eq!(error.kind, ComponentErrorKind::Panicked);
    assert!(error.message.contains("told of trial 1: panicked at"), "{error}");
    let mut plain = host().strategy("faulty", &json!({}), Isolation::None, &problem()).unwrap();
    plain.tell(&[told(0, 1.0)]).unwrap();
    assert_eq!(isolated.ask(&ask(5, 2)).unwrap(), plain.ask(&ask(5, 2)).unwrap());
}

#[test]
fn parents_and_the_runs_folder_reach_an_estimator_in_a_worker() {
    see_what_reaches_an_estimator(Isolation::Process);
}

#[test]
fn an_evaluation_that_ends_its_worker_costs_one_trial() {
    for (fault, kind, how) in [
        ("segfault", FailureKind::Crashed, "segmentation fault"),
        ("exit", FailureKind::Crashed, "status 3"),
        ("panic", FailureKind::Crashed, "faulty on purpose"),
        ("hang", FailureKind::TimedOut, "no answer for 0."),
        ("allocate", FailureKind::OutOfMemory, "are allowed"),
        ("bad-number", FailureKind::Diverged, "`sum` is NaN"),
        ("bad-count", FailureKind::Crashed, "gave 0 results"),
    ] {
        let options = json!({ "fault": fault, "at": 1 });
        let estimator = host().estimator("faulty", &options, Isolation::Process, None).unwrap();
        // What does not hang may take its time: the machine may be busy.
        let seconds = if fault == "hang" { 0.3 } else { 60.0 };
        let results: Vec<_> =
            (0..3).map(|trial| estimator.evaluate(&[limited(trial, seconds)], &GO_ON).remove(0)).collect();
        assert!(results[0].is_ok() && results[2].is_ok(), "{fault}: {results:?}");
        let failure = results[1].as_ref().unwrap_err();
        assert_eq!(failure.kind, kind, "{fault}: {failure}");
        assert!(failure.message.contains(how), "{fault}: {failure}");
        assert!(failure.message.contains("plugin `heirloom-faulty` 0.1.0"), "{fault}: {failure}");
        assert!(
            failure.message.contains("trial 1") && failure.message.contains("hint: "),
            "{fault}: {failure}"
        );
    }
}

#[test]
fn a_crash_within_a_batch_costs_its_own_trial_only() {
    for fault in ["segfault", "panic"] {
        let options = json!({ "fault": fault, "at": 1 });
        let estimator = host().estimator("faulty", &options, Isolation::Process, None).unwrap();
        let results = estimator.evaluate(&[request(0), request(1), request(2)], &GO_ON);
        let fine: Vec<_> = results.iter().map(Result::is_ok).collect();
        assert_eq!(fine, [true, false, true], "{fault}");
    }
}

#[test]
fn reports_and_verdicts_cross_the_socket() {
    let estimator = host().estimator("faulty", &json!({}), Isolation::Process, None).unwrap();
    let stop = Answers { verdict: Verdict::Stop, cancelled: false };
    let outcome = estimator.evaluate(&[request(0)], &stop).remove(0).unwrap();
    assert_eq!((outcome.objectives[0], outcome.stopped), (0.75, true));
    assert_eq!((outcome.curve[0].objectives[0], outcome.metrics["n_values"]), (1.75, 2.0));
    let cancel = Answers { verdict: Verdict::Continue, cancelled: true };
    let failure = estimator.evaluate(&[request(0)], &cancel).remove(0).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cancelled);
}

#[test]
fn evaluations_at_the_same_time_run_in_workers_of_their_own() {
    let estimator =
        host().estimator("faulty", &json!({ "fault": "hang", "at": 0 }), Isolation::Process, None).unwrap();
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| estimator.evaluate(&[limited(0, 0.3)], &GO_ON).remove(0));
        let others: Vec<_> =
            (1..4).map(|trial| estimator.evaluate(&[request(trial)], &GO_ON).remove(0)).collect();
        assert!(others.iter().all(Result::is_ok));
        assert_eq!(hanging.join().unwrap().unwrap_err().kind, FailureKind::TimedOut);
    });
}

#[test]
fn a_proxy_that_dies_is_an_error_and_the_next_call_works() {
    let options = json!({ "fault": "segfault", "at": 2 });
    let proxy = host().proxy("faulty", &options, Isolation::Process, &problem()).unwrap();
    let configurations: Vec<_> = (0..3).map(|trial| request(trial).configuration).collect();
    let mut scores = [0.0; 3];
    let error = proxy.score(&configurations[..2], Seed::from_number(1), &mut scores[..2]).unwrap_err();
    assert!(error.message.contains("scoring 2 configurations: its worker process"), "{error}");
    proxy.score(&configurations, Seed::from_number(1), &mut scores).unwrap();
    assert_eq!(scores, [0.75; 3]);
}

#[test]
fn a_panic_while_a_component_is_made_names_the_plugin() {
    let options = json!({ "fault": "panic-new" });
    let error = host().estimator("faulty", &options, Isolation::Process, None).map(drop).unwrap_err();
    assert!(error.to_string().contains("`heirloom-faulty` 0.1.0, being made: panicked at"), "{error}");
}

/// Run by the next test in a process of its own, which it kills.
#[test]
fn host_of_a_hanging_worker() {
    if std::env::var_os("HEIRLOOM_TEST_HANG").is_some() {
        let options = json!({ "fault": "hang", "at": 0 });
        let estimator = host().estimator("faulty", &options, Isolation::Process, None).unwrap();
        estimator.evaluate(&[request(0)], &GO_ON);
        unreachable!("the evaluation hangs until this process is killed");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_ends_with_its_host_even_in_a_call_that_hangs() {
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "isolated::host_of_a_hanging_worker"])
        .env("HEIRLOOM_TEST_HANG", "1")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let tasks = format!("/proc/{}/task", host.id());
    let workers = || -> Vec<String> {
        let tasks = std::fs::read_dir(&tasks).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        children.flat_map(|pids| pids.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    wait_for("a worker", || !workers().is_empty());
    // Long enough for it to be in the middle of its call.
    std::thread::sleep(Duration::from_millis(200));
    let worker = format!("/proc/{}/comm", workers()[0]);
    assert!(std::fs::read_to_string(&worker).unwrap().starts_with("heirloom-plugin"));
    host.kill().unwrap();
    host.wait().unwrap();
    wait_for("the worker's end", || {
        !std::fs::read_to_string(&worker).is_ok_and(|name| name.starts_with("heirloom-plugin"))
    });
}
