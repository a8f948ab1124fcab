//! Components in the host's own process.

use heirloom_model::{ComponentErrorKind, FailureKind, Seed, Verdict};
use heirloom_plugin_host::{HostError, HostOptions, Isolation, Kind, PluginHost};
use serde_json::json;

use crate::common::{
    Answers, GO_ON, ask, faulty_library, host, problem, request, see_what_reaches_an_estimator, told,
};

#[test]
fn a_strategy_asks_and_tells_across_the_boundary() {
    let mut strategy = host().strategy("faulty", &json!({}), Isolation::None, &problem()).unwrap();
    let first = strategy.ask(&ask(0, 3)).unwrap();
    assert_eq!(first.len(), 3);
    assert_eq!(strategy.ask(&ask(0, 3)).unwrap(), first);
    strategy.tell(&[told(0, 0.5)]).unwrap();
    assert_ne!(strategy.ask(&ask(0, 3)).unwrap(), first);
    assert_eq!(strategy.recommend().unwrap().unwrap().0, 0);
    assert_eq!(strategy.save().unwrap(), None);
    assert_eq!(strategy.restore(b"x").unwrap_err().kind, ComponentErrorKind::Unsupported);
}

#[test]
fn a_strategy_asks_the_host_for_another() {
    let options = json!({ "base": { "name": "faulty", "at": 9 } });
    let mut wrapped = host().strategy("wrapper", &options, Isolation::None, &problem()).unwrap();
    let mut plain = host().strategy("faulty", &json!({}), Isolation::None, &problem()).unwrap();
    assert_eq!(wrapped.ask(&ask(0, 2)).unwrap(), plain.ask(&ask(0, 2)).unwrap());
}

#[test]
fn options_of_a_nested_strategy_are_checked_before_anything_is_loaded() {
    let options = json!({ "base": { "name": "faulty", "falt": "none" } });
    let problems = host().check_options(Kind::Strategy, "wrapper", &options, "".as_ref()).unwrap_err();
    assert_eq!(problems[0].path, "base.falt");
    assert_eq!(problems[0].to_string(), "there is no option `falt`; hint: did you mean `fault`?");
}

#[test]
fn options_are_checked_and_defaults_filled_in_without_loading() {
    let host = host();
    let checked =
        host.check_options(Kind::Estimator, "faulty", &json!({ "once": "file" }), "/runs".as_ref()).unwrap();
    assert_eq!(checked, json!({ "fault": "none", "at": 0, "once": "/runs/file" }));
    let wrong = json!({ "fault": "hng", "at": -1 });
    let problems = host.check_options(Kind::Estimator, "faulty", &wrong, "".as_ref()).unwrap_err();
    let texts: Vec<_> = problems.iter().map(|problem| format!("{}: {problem}", problem.path)).collect();
    assert_eq!(texts[0], "at: `-1` is below the smallest value, 0; hint: The trial at which it does.");
    assert!(texts[1].ends_with("hint: did you mean `hang`?"), "{}", texts[1]);
}

#[test]
fn an_estimator_reports_its_curve_and_hears_the_verdict() {
    let estimator = host().estimator("faulty", &json!({}), Isolation::None, None).unwrap();
    assert_eq!(estimator.info().objectives[0].name, "sum");
    let stop = Answers { verdict: Verdict::Stop, cancelled: false };
    let results = estimator.evaluate(&[request(0), request(1)], &stop);
    let outcome = results[1].as_ref().unwrap();
    assert_eq!((outcome.objectives[0], outcome.curve[0].objectives[0]), (0.75, 1.75));
    assert_eq!((outcome.metrics["n_values"], outcome.stopped), (2.0, true));
    let cancel = Answers { verdict: Verdict::Continue, cancelled: true };
    let failure = estimator.evaluate(&[request(0)], &cancel).remove(0).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cancelled);
}

#[test]
fn parents_and_the_runs_folder_reach_an_estimator() {
    see_what_reaches_an_estimator(Isolation::None);
}

#[test]
fn a_proxy_scores_a_batch() {
    let proxy = host().proxy("faulty", &json!({}), Isolation::None, &problem()).unwrap();
    let configurations: Vec<_> = (0..3).map(|trial| request(trial).configuration).collect();
    let mut scores = [0.0; 3];
    proxy.score(&configurations, Seed::from_number(1), &mut scores).unwrap();
    assert_eq!(scores, [0.75; 3]);
}

#[test]
fn a_panic_in_a_strategy_is_an_error_that_names_everything() {
    for (fault, doing) in [("panic", "asked for trial 2"), ("panic-tell", "told of trial 2")] {
        let options = json!({ "fault": fault, "at": 2 });
        let mut strategy = host().strategy("faulty", &options, Isolation::None, &problem()).unwrap();
        strategy.ask(&ask(0, 2)).unwrap();
        let error = match fault {
            "panic" => strategy.ask(&ask(2, 1)).unwrap_err(),
            _ => strategy.tell(&[told(2, 0.0)]).unwrap_err(),
        };
        assert_eq!(error.kind, ComponentErrorKind::Panicked);
        let who = format!("strategy `faulty` of plugin `heirloom-faulty` 0.1.0, {doing}: panicked at ");
        assert!(error.message.starts_with(&who), "{error}");
        assert!(error.message.contains("faulty on purpose; hint: "), "{error}");
        assert!(strategy.ask(&ask(9, 1)).unwrap_err().message.contains("panicked before"));
    }
}

#[test]
fn a_panic_while_a_component_is_made_is_an_error() {
    let options = json!({ "fault": "panic-new" });
    let host = host();
    let strategy = host.strategy("faulty", &options, Isolation::None, &problem()).map(drop).unwrap_err();
    let estimator = host.estimator("faulty", &options, Isolation::None, None).map(drop).unwrap_err();
    let proxy = host.proxy("faulty", &options, Isolation::None, &problem()).map(drop).unwrap_err();
    for error in [strategy, estimator, proxy] {
        assert!(error.to_string().contains("heirloom-faulty` 0.1.0, being made: panicked at"), "{error}");
    }
}

#[test]
fn a_panic_in_drop_stays_in_the_plugin() {
    let options = json!({ "fault": "panic-drop" });
    let host = host();
    drop(host.strategy("faulty", &options, Isolation::None, &problem()).unwrap());
    drop(host.estimator("faulty", &options, Isolation::None, None).unwrap());
}

#[test]
fn a_panic_in_an_evaluation_costs_one_trial() {
    let options = json!({ "fault": "panic", "at": 1 });
    let estimator = host().estimator("faulty", &options, Isolation::None, None).unwrap();
    let results: Vec<_> =
        (0..3).map(|trial| estimator.evaluate(&[request(trial)], &GO_ON).remove(0)).collect();
    assert!(results[0].is_ok() && results[2].is_ok());
    let failure = results[1].as_ref().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Crashed);
    let who = "estimator `faulty` of plugin `heirloom-faulty` 0.1.0, evaluating trial 1: panicked at";
    assert!(failure.message.starts_with(who), "{failure}");
}

#[test]
fn what_is_no_number_is_a_diverged_trial() {
    let options = json!({ "fault": "bad-number", "at": 4 });
    let estimator = host().estimator("faulty", &options, Isolation::None, None).unwrap();
    let failure = estimator.evaluate(&[request(4)], &GO_ON).remove(0).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Diverged);
    assert!(
        failure.message.contains("`heirloom-faulty` 0.1.0, trial 4: `sum` is NaN at step 1; hint: "),
        "{failure}"
    );
}

#[test]
fn a_proposal_outside_the_space_is_handed_on_to_be_rejected_as_a_trial() {
    let problem = problem();
    let options = json!({ "fault": "bad-number", "at": 1 });
    let mut strategy = host().strategy("faulty", &options, Isolation::None, &problem).unwrap();
    let proposals = strategy.ask(&ask(0, 2)).unwrap();
    assert!(problem.space.check(&proposals[0].configuration).is_ok());
    assert!(problem.space.check(&proposals[1].configuration).is_err());
}

#[test]
fn wrong_numbers_of_answers_are_errors() {
    let options = json!({ "fault": "bad-count", "at": 1 });
    let mut strategy = host().strategy("faulty", &options, Isolation::None, &problem()).unwrap();
    let error = strategy.ask(&ask(1, 1)).unwrap_err();
    assert!(error.message.contains("asked for trial 1: gave 2 proposals where 1 were wanted"), "{error}");
    let estimator = host().estimator("faulty", &options, Isolation::None, None).unwrap();
    let failure = estimator.evaluate(&[request(1)], &GO_ON).remove(0).unwrap_err();
    assert!(failure.message.contains("evaluating trial 1: gave 0 results for 1 trials"), "{failure}");
    assert!(estimator.evaluate(&[request(2)], &GO_ON).remove(0).is_ok());
}

#[test]
fn unknown_names_come_with_a_suggestion() {
    let error = host().strategy("fualty", &json!({}), Isolation::None, &problem()).map(drop).unwrap_err();
    assert!(matches!(error, HostError::Unknown { .. }));
    assert_eq!(error.to_string(), "there is no strategy `fualty`; hint: did you mean `faulty`?");
}

#[test]
fn a_library_that_is_reached_in_two_ways_is_one_plugin() {
    let library = faulty_library();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join(library.file_name().unwrap());
    std::os::unix::fs::symlink(&library, &link).unwrap();
    let twice = [library.clone(), folder.path().into(), library];
    let host = PluginHost::open(&twice, HostOptions::default());
    assert_eq!((host.plugins().len(), host.problems().len()), (1, 0));
}
