//! Reports of crashes, what ends in quarantine, and what a report can repeat.

use std::collections::BTreeMap;

use heirloom_model::FailureKind;
use heirloom_plugin_host::{
    CrashReport, Ended, HostError, HostOptions, Isolation, PluginHost, release, remembered,
};
use serde_json::json;

use crate::common::{GO_ON, ask, faulty_library, host_of, library, problem, request, told};

fn host(folder: &tempfile::TempDir) -> PluginHost {
    let options = HostOptions { reports: Some(folder.path().into()), ..HostOptions::default() };
    PluginHost::open(&[faulty_library()], options)
}

#[test]
fn a_crash_leaves_a_report_that_holds_what_an_author_needs_and_repeats_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = json!({ "fault": "segfault", "at": 2 });
    let mut strategy = host(&folder).strategy("faulty", &options, Isolation::Process, &problem()).unwrap();
    strategy.ask(&ask(0, 2)).unwrap();
    strategy.tell(&[told(0, 1.0)]).unwrap();
    let error = strategy.ask(&ask(2, 1)).unwrap_err();
    let known = remembered(folder.path());
    assert_eq!((known.len(), known[0].plugin.as_str(), known[0].ended_runs), (1, "heirloom-faulty-0.1.0", 1));
    // It died of the call, and on a new worker again.
    assert_eq!(known[0].reports.len(), 2);
    let path = &known[0].reports[1];
    assert!(error.message.contains(&format!("the report is `{}`", path.display())), "{error}");
    let report = CrashReport::read(path).unwrap();
    assert_eq!((report.plugin.as_str(), report.version.as_str()), ("heirloom-faulty", "0.1.0"));
    assert_eq!((report.kind.as_str(), report.component.as_str()), ("strategy", "faulty"));
    assert_eq!((report.method.as_str(), &report.trials), ("ask", &vec![2]));
    assert_eq!(report.options["fault"], "segfault");
    assert_eq!(report.seed.as_ref().map(String::len), Some(64));
    assert!(report.message.contains("segmentation fault"), "{}", report.message);
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        assert!(report.printed.contains("fatal signal, at:"), "{}", report.printed);
        assert!(report.printed.contains("libheirloom_faulty_plugin.so"), "{}", report.printed);
    }
    let replay = folder.path().join("heirloom-faulty-0.1.0").join(report.replay.unwrap());
    match host(&folder).replay(&replay).unwrap() {
        // Asked, told, asked.
        Ended::Died { call: 3, message, .. } => assert!(message.contains("segmentation fault"), "{message}"),
        other => panic!("{other:?}"),
    }
    let error = host(&folder).replay(path).unwrap_err().to_string();
    assert!(error.contains("it is no replay file"), "{error}");
}

#[test]
fn a_replay_without_the_fault_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let once = folder.path().join("happened");
    let options = json!({ "fault": "exit", "at": 1, "once": once });
    let estimator = host(&folder).estimator("faulty", &options, Isolation::Process, None).unwrap();
    assert!(estimator.evaluate(&[request(1)], &GO_ON)[0].is_err());
    let reports = &remembered(folder.path())[0].reports;
    let report = CrashReport::read(&reports[0]).unwrap();
    assert_eq!((report.method.as_str(), report.trials), ("evaluate", vec![1]));
    let replay = reports[0].with_extension("replay");
    assert_eq!(host(&folder).replay(&replay).unwrap(), Ended::Answered { calls: 1 });
    std::fs::remove_file(once).unwrap();
    assert!(matches!(host(&folder).replay(&replay).unwrap(), Ended::Died { call: 1, .. }));
}

#[test]
fn three_crashes_in_a_row_are_a_quarantine_that_later_hosts_know_until_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let first = host(&folder);
    let options = json!({ "fault": "segfault", "at": 1 });
    let estimator = first.estimator("faulty", &options, Isolation::Process, None).unwrap();
    let evaluate = |trial| estimator.evaluate(&[request(trial)], &GO_ON).remove(0);
    // What works in between is no row.
    for trial in [1, 1, 0, 1, 1] {
        assert_eq!(evaluate(trial).is_ok(), trial == 0);
    }
    assert!(first.quarantined().is_empty());
    evaluate(1).unwrap_err();
    assert_eq!(first.quarantined().len(), 1);
    let failure = evaluate(0).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Crashed);
    let words =
        "plugin `heirloom-faulty` 0.1.0 is in quarantine: its workers died 3 times in a row, at last because";
    assert!(failure.message.contains(words), "{failure}");
    let remedy = "heirloom plugin quarantine --release heirloom-faulty-0.1.0";
    assert!(failure.message.contains(remedy), "{failure}");

    let later = || host(&folder).strategy("faulty", &json!({}), Isolation::None, &problem()).map(drop);
    let error = later().unwrap_err();
    assert!(matches!(error, HostError::Quarantined { .. }) && error.to_string().contains(words), "{error}");
    assert!(release(folder.path(), "heirloom-faulty-0.1.0").unwrap());
    assert!(!release(folder.path(), "heirloom-faulty-0.1.0").unwrap());
    later().unwrap();
    // The reports stay for the author.
    assert_eq!(remembered(folder.path())[0].reports.len(), 5);
}

#[test]
fn what_works_of_another_component_does_not_interrupt_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder);
    let options = json!({ "fault": "segfault", "at": 1 });
    let estimator = host.estimator("faulty", &options, Isolation::Process, None).unwrap();
    let mut strategy = host.strategy("faulty", &json!({}), Isolation::Process, &problem()).unwrap();
    for trial in 0..3 {
        assert!(host.quarantined().is_empty());
        strategy.ask(&ask(trial, 1)).unwrap();
        estimator.evaluate(&[request(1)], &GO_ON).remove(0).unwrap_err();
    }
    let said = host.quarantined();
    assert!(said.len() == 1 && said[0].contains("its workers died 3 times in a row"), "{said:?}");
}

#[test]
fn a_crash_of_a_strategy_within_another_plugins_is_held_against_both_together_and_neither_alone() {
    let folder = tempfile::tempdir().unwrap();
    let host = || {
        let options = HostOptions { reports: Some(folder.path().into()), ..HostOptions::default() };
        PluginHost::open(&[faulty_library(), library("heirloom_hostile_plugin")], options)
    };
    let end_a_run = || {
        let options = json!({ "base": { "name": "hostile", "attack": "garbage", "at": 1 } });
        let mut strategy = host().strategy("wrapper", &options, Isolation::Process, &problem())?;
        strategy.ask(&ask(0, 1)).unwrap();
        Ok::<_, HostError>(strategy.ask(&ask(1, 1)).unwrap_err().message)
    };
    for _ in 0..3 {
        let message = end_a_run().unwrap();
        let words = "plugin `heirloom-hostile` 0.1.0 ran in the same process, and may be to blame";
        assert!(message.contains(words), "{message}");
    }
    let refused = end_a_run().unwrap_err().to_string();
    let words =
        "plugin `heirloom-faulty` 0.1.0 with plugin `heirloom-hostile` 0.1.0 is in quarantine: it ended 3";
    assert!(refused.starts_with(words), "{refused}");
    let both = "heirloom-faulty-0.1.0+heirloom-hostile-0.1.0";
    assert!(refused.contains(&format!("--release {both}`")), "{refused}");
    for (name, options) in [("wrapper", json!({ "base": { "name": "faulty" } })), ("hostile", json!({}))] {
        let mut strategy = host().strategy(name, &options, Isolation::Process, &problem()).unwrap();
        strategy.ask(&ask(1, 1)).unwrap();
    }
    let known = remembered(folder.path());
    assert_eq!((known.len(), known[0].plugin.as_str(), known[0].reports.len()), (1, both, 6));
    let report = CrashReport::read(&known[0].reports[0]).unwrap();
    assert_eq!(report.plugin, "heirloom-faulty");
    assert_eq!(report.nested, BTreeMap::from([("heirloom-hostile".to_owned(), "0.1.0".to_owned())]));
    assert!(release(folder.path(), both).unwrap());
    end_a_run().unwrap();
}

#[test]
fn a_library_that_is_gone_ends_the_run_at_once_and_costs_no_trial() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("libfaulty.so");
    std::fs::copy(faulty_library(), &file).unwrap();
    let host = host_of(&file);
    let options = json!({ "fault": "exit", "at": 1 });
    let estimator = host.estimator("faulty", &options, Isolation::Process, None).unwrap();
    std::fs::remove_file(&file).unwrap();
    let evaluate = |trials: &[u64]| {
        let requests: Vec<_> = trials.iter().map(|&trial| request(trial)).collect();
        estimator.evaluate(&requests, &GO_ON)
    };
    // The worker that there is goes on, until a crash ends it.
    evaluate(&[0]).remove(0).unwrap();
    assert_eq!(evaluate(&[1]).remove(0).unwrap_err().kind, FailureKind::Crashed);
    assert!(host.quarantined().is_empty());
    // What is cancelled stays pending.
    for result in evaluate(&[2, 3]) {
        assert_eq!(result.unwrap_err().kind, FailureKind::Cancelled);
    }
    let words = "plugin `heirloom-faulty` 0.1.0 is in quarantine: no further worker of it starts: ";
    let said = host.quarantined();
    assert!(said.len() == 1 && said[0].starts_with(words) && said[0].contains("libfaulty.so"), "{said:?}");
}

#[test]
fn a_strategy_that_ended_three_runs_is_in_quarantine_and_another_build_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let options = json!({ "fault": "segfault", "at": 1 });
    let end_a_run = |host: PluginHost| {
        let mut strategy = host.strategy("faulty", &options, Isolation::Process, &problem())?;
        strategy.ask(&ask(0, 1)).unwrap();
        strategy.ask(&ask(1, 1)).unwrap_err();
        Ok::<_, HostError>(())
    };
    for _ in 0..3 {
        end_a_run(host(&folder)).unwrap();
    }
    let error = end_a_run(host(&folder)).unwrap_err().to_string();
    assert!(error.contains("it ended 3 runs"), "{error}");
    let libraries = tempfile::tempdir().unwrap();
    let built_anew = libraries.path().join("libfaulty.so");
    // A copy is newer.
    std::fs::write(&built_anew, std::fs::read(faulty_library()).unwrap()).unwrap();
    let options = HostOptions { reports: Some(folder.path().into()), ..HostOptions::default() };
    end_a_run(PluginHost::open(&[built_anew], options)).unwrap();
}
