//! What every database under an archive must do: one suite for all.

#![expect(clippy::unwrap_used, reason = "a suite of tests, public so that every store can run it")]

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use heirloom_model::space::{ParameterSpec, ParameterType};
use heirloom_model::{
    Configuration, CurvePoint, Direction, Event, Failure, FailureKind, Fidelity, FidelityDimension,
    Objective, Origin, Outcome, Proposal, Recorder, SpaceSpec, TransferSource, TrialId,
};

use crate::{
    Archive, ArchiveError, Evaluations, MergeReport, MetaFeatures, PastFilter, RunContents, RunHeader, RunId,
    RunRecorder, RunState, Store, Task, TrialState, names_task,
};

/// Panics where a store does not do what [`Store`] promises. `make` gives a new, empty store at each call.
pub fn storage_conformance(make: impl Fn() -> Box<dyn Store>) {
    let archive = || Archive::over(make());
    a_run_is_read_back_as_it_was_recorded(&archive());
    the_history_keeps_the_order_of_the_strategys_calls(&archive());
    a_refused_batch_leaves_nothing(&archive());
    a_curve_grows_and_is_packed_when_its_trial_ends(&archive());
    a_lease_that_runs_out_is_taken_over_and_late_reports_are_refused(&archive());
    a_cancelled_trial_stays_pending(&archive());
    artifacts_live_as_long_as_something_refers_to_them(&archive());
    a_merge_adds_what_is_missing_and_nothing_twice(&archive(), &archive());
    a_merge_that_was_ended_brings_the_rest_when_it_is_repeated(&archive(), &archive());
    a_run_that_was_resumed_is_newer_than_a_copy_from_before(&archive(), &archive());
    a_run_that_went_on_in_two_archives_stays_in_each(&archive(), &archive());
    nothing_is_learned_from_a_withdrawn_run_in_any_copy(&archive(), &archive());
    what_was_filtered_out_is_no_trial(&archive(), &archive());
    other_data_under_a_tasks_name_is_another_task(&archive(), &archive());
    of_two_runs_that_begin_at_once_on_other_data_each_has_its_task(&archive());
    a_task_gets_its_data_from_the_first_run_that_has_it(&archive());
    a_run_of_a_smaller_largest_size_has_no_full_evaluations_beside_another(&archive());
    a_run_of_a_larger_size_that_hardly_began_blots_nothing_out(&archive());
    past_tasks_come_with_configurations_and_meta_features(&archive());
    the_past_tells_of_each_objective_that_was_measured(&archive());
    the_past_holds_no_stopped_trials_and_keeps_directions_apart(&archive());
    recorded_evaluations_are_kept_in_batches(&archive());
}

/// A header for tests: two parameters, one objective, one fidelity.
pub fn sample_header(task: &str) -> RunHeader {
    let float = |low, high| ParameterType::Float { low, high, log: false, step: None };
    let space = SpaceSpec {
        name: "sample".into(),
        parameters: vec![ParameterSpec::new("x", float(0.0, 1.0)), ParameterSpec::new("y", float(-5.0, 5.0))],
        ..SpaceSpec::default()
    };
    let objectives = vec![Objective { name: "val_acc".into(), direction: Direction::Maximise }];
    let task = Task { key: task.into(), name: format!("The task {task}"), ..Task::default() };
    let epochs =
        FidelityDimension { name: "epochs".into(), low: 1.0, high: 9.0, integer: true, levels: Vec::new() };
    RunHeader {
        fidelities: vec![epochs],
        seed: u64::MAX,
        configuration: serde_json::json!({ "strategy": { "name": "random" } }),
        versions: BTreeMap::from([("heirloom".into(), "0.1.0".into())]),
        plugin_lock: "lock".into(),
        ..RunHeader::new(task, space, objectives)
    }
}

/// A proposal for tests.
pub fn sample_proposal(trial: u64) -> Proposal {
    let x = (trial as f64 * 0.618_033_988_749_895).fract();
    Proposal::new(Configuration::new([x, 10.0 * x - 5.0]), Fidelity(vec![9.0]))
}

/// The events of a trial from its proposal to its telling.
pub fn sample_events(trial: u64) -> Vec<Event> {
    let id = TrialId(trial);
    let outcome = Outcome::new(vec![(trial as f64).sin()], 0.5);
    vec![
        proposed(trial),
        Event::Started { trial: id, attempt: 1 },
        Event::Finished { trial: id, attempt: 1, result: Ok(outcome), wall_seconds: 0.25 },
        Event::Told { trial: id },
    ]
}

fn proposed(trial: u64) -> Event {
    let origin = Origin::Strategy { ask: trial, n: 1 };
    Event::Proposed { trial: TrialId(trial), proposal: sample_proposal(trial), origin, scores: Vec::new() }
}

fn finished(trial: u64, attempt: u32, objective: f64) -> Event {
    let result = Ok(Outcome::new(vec![objective], 1.0));
    Event::Finished { trial: TrialId(trial), attempt, result, wall_seconds: 1.0 }
}

fn a_run_is_read_back_as_it_was_recorded(archive: &Archive) {
    let header = sample_header("t");
    let (run, mut recorder) = archive.begin_run(&header).unwrap();
    assert_eq!(archive.header(run).unwrap(), header);
    let sources = vec![
        TransferSource { task: "a".into(), weight: 0.75, expected_rank: 0.0 },
        TransferSource { task: "b".into(), weight: 0.25, expected_rank: 0.125 },
    ];
    let origin = Origin::WarmStart { sources };
    let scores = vec![("synflow".to_owned(), 1.5), ("snip".to_owned(), -0.0)];
    let proposal = Proposal {
        parent: Some(TrialId(7)),
        continues: Some(TrialId(8)),
        ..Proposal::new(Configuration::new([f64::NAN, 0.1 + 0.2]), Fidelity(vec![3.0]))
    };
    let outcome = Outcome {
        metrics: BTreeMap::from([("test_acc".into(), 0.1 + 0.2)]),
        stopped: true,
        ..Outcome::new(vec![-0.9], 12.5)
    };
    let trial = TrialId(0);
    let events = vec![
        Event::Proposed { trial, proposal: proposal.clone(), origin: origin.clone(), scores: scores.clone() },
        Event::Started { trial, attempt: 1 },
        Event::Finished { trial, attempt: 1, result: Ok(outcome.clone()), wall_seconds: 3.5 },
        Event::Told { trial },
    ];
    recorder.record(&events).unwrap();
    let mut seen = Vec::new();
    archive
        .trials(run, &mut |trial| {
            seen.push(trial);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].proposal, proposal);
    assert_eq!(seen[0].origin, Some(origin));
    assert_eq!(seen[0].scores, scores);
    assert_eq!(seen[0].result, Some(Ok(outcome)));
    assert_eq!((seen[0].state, seen[0].attempt, seen[0].told), (TrialState::Stopped, 1, Some(1)));
    archive.set_run_state(run, RunState::Finished).unwrap();
    let summary = archive.find_run(&run.to_string()[28..]).unwrap();
    assert_eq!((summary.state, summary.n_trials, summary.steps), (RunState::Finished, 1, 2));
    assert_eq!(archive.attempts(run).unwrap()[0].state, TrialState::Stopped);
    let unknown = RunId::new();
    assert!(archive.header(unknown).unwrap_err().to_string().contains(&format!("no run `{unknown}`")));
    assert!(matches!(archive.find_run(""), Err(ArchiveError::NoSuchRun { .. })));
    sound(archive);
}

fn the_history_keeps_the_order_of_the_strategys_calls(archive: &Archive) {
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    let failure = Failure::new(FailureKind::OutOfMemory, "9 GiB wanted");
    let told = |trial| Event::Told { trial: TrialId(trial) };
    let started = |trial| Event::Started { trial: TrialId(trial), attempt: 1 };
    let failed = Event::Finished { trial: TrialId(2), attempt: 1, result: Err(failure), wall_seconds: 1.0 };
    recorder.record(&[proposed(0), proposed(1), started(0), started(1)]).unwrap();
    recorder
        .record(&[finished(1, 1, 0.5), told(1), proposed(2), started(2), proposed(3), started(3)])
        .unwrap();
    recorder.record(&[failed.clone(), told(2), finished(0, 1, 0.25), told(0), finished(3, 1, 0.75)]).unwrap();
    recorder.record(&[proposed(4), proposed(5), started(5)]).unwrap();
    let (_, mut recorder) = archive.resume_run(run).unwrap();
    let history = archive.history(run).unwrap();
    let expected = [
        proposed(0),
        proposed(1),
        finished(1, 1, 0.5),
        told(1),
        proposed(2),
        proposed(3),
        failed,
        told(2),
        finished(0, 1, 0.25),
        told(0),
        proposed(4),
        proposed(5),
        finished(3, 1, 0.75),
        started(5),
    ];
    assert_eq!(history, expected);
    // The process before may still be alive: what it reports of a trial that was begun anew is refused.
    recorder.record(&[Event::Started { trial: TrialId(5), attempt: 2 }]).unwrap();
    recorder.record(&[finished(5, 1, 0.5)]).unwrap_err();
    recorder.record(&[finished(5, 2, 0.5), told(5), told(3)]).unwrap();
    assert_eq!(archive.history(run).unwrap().len(), 6 + 5 + 5 + 1 - 1);
    sound(archive);
}

fn a_refused_batch_leaves_nothing(archive: &Archive) {
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    let before = archive.contents(run).unwrap();
    let started = Event::Started { trial: TrialId(1), attempt: 1 };
    for bad in [proposed(0), Event::Told { trial: TrialId(0) }, finished(0, 1, 0.5), finished(9, 1, 0.5)] {
        recorder.record(&[proposed(1), started.clone(), bad]).unwrap_err();
        assert_eq!(archive.contents(run).unwrap(), before);
    }
    recorder.record(&[proposed(1), started, finished(1, 1, 0.5)]).unwrap();
    let error = archive.append(run, &[proposed(1)]).unwrap_err();
    assert_eq!(error, ArchiveError::TrialExists { run, trial: TrialId(1) });
    sound(archive);
}

fn a_curve_grows_and_is_packed_when_its_trial_ends(archive: &Archive) {
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    let point = |step: u32| CurvePoint {
        step: f64::from(step),
        objectives: vec![1.0 / f64::from(step)],
        cost_seconds: f64::from(step) * 0.5,
    };
    let trial = TrialId(0);
    let reported = |step| Event::Reported { trial, attempt: 1, point: point(step) };
    recorder.record(&[proposed(0), Event::Started { trial, attempt: 1 }, reported(1), reported(2)]).unwrap();
    let curves = || {
        let mut curves = Vec::new();
        archive
            .curves(run, &mut |trial, points| {
                curves.push((trial, points));
                Ok(())
            })
            .unwrap();
        curves
    };
    assert_eq!(curves(), [(trial, vec![point(1), point(2)])], "a running trial's curve can be read");
    recorder.record(&[reported(3), finished(0, 1, 0.3)]).unwrap();
    let whole = vec![point(1), point(2), point(3)];
    assert_eq!(curves(), [(trial, whole.clone())]);
    // The outcome's own curve is the one that counts where it has one.
    let trial = TrialId(1);
    let outcome = Outcome { curve: whole.clone(), ..Outcome::new(vec![0.3], 1.5) };
    let finished = Event::Finished { trial, attempt: 1, result: Ok(outcome), wall_seconds: 1.0 };
    recorder
        .record(&[
            proposed(1),
            Event::Started { trial, attempt: 1 },
            Event::Reported { trial, attempt: 1, point: point(1) },
            finished.clone(),
        ])
        .unwrap();
    assert_eq!(curves()[1], (trial, whole));
    assert!(archive.history(run).unwrap().contains(&finished), "the history carries the curve");
    recorder.record(&[reported(4)]).unwrap_err();
    assert_eq!(archive.stats().unwrap().n_curves, 2);
    sound(archive);
}

fn a_lease_that_runs_out_is_taken_over_and_late_reports_are_refused(archive: &Archive) {
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    recorder.record(&[proposed(0), proposed(1)]).unwrap();
    let short = Duration::from_millis(150);
    let first = archive.claim(run, "slow", short).unwrap().unwrap();
    assert_eq!((first.trial, first.attempt, &first.proposal), (TrialId(0), 1, &sample_proposal(0)));
    let other = archive.claim(run, "quick", Duration::from_secs(60)).unwrap().unwrap();
    assert_eq!(other.trial, TrialId(1), "a claimed trial is nobody else's");
    assert_eq!(archive.claim(run, "idle", short).unwrap(), None);
    // Reports renew the lease.
    let point = CurvePoint { step: 1.0, objectives: vec![0.5], cost_seconds: 1.0 };
    for _ in 0..4 {
        std::thread::sleep(short / 2);
        archive
            .append(run, &[Event::Reported { trial: TrialId(0), attempt: 1, point: point.clone() }])
            .unwrap();
    }
    assert_eq!(archive.expire(run).unwrap(), 0);
    std::thread::sleep(short * 2);
    assert_eq!(archive.expire(run).unwrap(), 1);
    assert_eq!(archive.stats().unwrap().n_trials["lost"], 1);
    archive.renew(&first).unwrap_err();
    let second = archive.claim(run, "quick", Duration::from_secs(60)).unwrap().unwrap();
    assert_eq!((second.trial, second.attempt), (TrialId(0), 2));
    let late = archive.append(run, &[finished(0, 1, 0.5)]).unwrap_err();
    assert!(matches!(&late, ArchiveError::Refused { attempt: 1, .. }), "{late}");
    archive.renew(&second).unwrap();
    archive.append(run, &[finished(0, 2, 0.25)]).unwrap();
    archive.append(run, &[finished(1, 1, 0.125)]).unwrap();
    archive.renew(&second).unwrap_err();
    let states: Vec<_> =
        archive.attempts(run).unwrap().iter().map(|one| (one.trial.0, one.number, one.state)).collect();
    let expected = [(0, 1, TrialState::Lost), (0, 2, TrialState::Completed), (1, 1, TrialState::Completed)];
    assert_eq!(states, expected);
    sound(archive);
}

fn a_cancelled_trial_stays_pending(archive: &Archive) {
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    let trial = TrialId(0);
    let started = |attempt| Event::Started { trial, attempt };
    let cancelled = Err(Failure::new(FailureKind::Cancelled, "the run was ended"));
    let cancelled = Event::Finished { trial, attempt: 1, result: cancelled, wall_seconds: 1.0 };
    recorder.record(&[proposed(0), started(1), cancelled]).unwrap();
    let history = archive.history(run).unwrap();
    assert_eq!(history[..2], [proposed(0), started(1)]);
    let [Event::Finished { attempt: 1, result: Err(failure), .. }] = &history[2..] else {
        panic!("{history:?}")
    };
    assert_eq!(failure.kind, FailureKind::Cancelled);
    recorder.record(&[Event::Told { trial }]).unwrap_err();
    recorder.record(&[started(1)]).unwrap_err();
    recorder.record(&[started(2), finished(0, 2, 0.5), Event::Told { trial }]).unwrap();
    // A proposal that is filtered out ends without an attempt.
    let filtered = Err(Failure::new(FailureKind::Filtered, "below the cut"));
    let filtered = Event::Finished { trial: TrialId(1), attempt: 0, result: filtered, wall_seconds: 0.0 };
    recorder.record(&[proposed(1), filtered.clone()]).unwrap();
    assert_eq!(archive.history(run).unwrap().last(), Some(&filtered));
    sound(archive);
}

fn artifacts_live_as_long_as_something_refers_to_them(archive: &Archive) {
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    let hash = archive.put_artifact(run, Some(TrialId(0)), "weights", b"abc").unwrap();
    // FIPS 180-2, appendix B.1.
    assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(archive.put_artifact(run, None, "best", b"abc").unwrap(), hash);
    assert_eq!(archive.artifact(&hash).unwrap(), b"abc");
    assert_eq!(archive.artifacts(run).unwrap().len(), 2);
    archive.drop_artifact(run, Some(TrialId(0)), "weights").unwrap();
    assert_eq!(archive.collect().unwrap(), 0);
    archive.drop_artifact(run, None, "best").unwrap();
    assert_eq!(archive.collect().unwrap(), 1);
    assert_eq!(archive.artifact(&hash), Err(ArchiveError::NoSuchArtifact { hash }));
    sound(archive);
}

fn merge(into: &Archive, from: &Archive) -> MergeReport {
    into.merge(from, &HashSet::new()).unwrap()
}

fn a_merge_adds_what_is_missing_and_nothing_twice(ours: &Archive, theirs: &Archive) {
    let (shared, mut recorder) = theirs.begin_run(&sample_header("shared")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    theirs.put_artifact(shared, None, "best", b"abc").unwrap();
    let features = BTreeMap::from([("n".to_owned(), 150.0)]);
    let set = MetaFeatures { version: "1".into(), features, cost_seconds: BTreeMap::new() };
    theirs.put_meta_features("shared", &set).unwrap();
    let (own, mut own_recorder) = ours.begin_run(&sample_header("own")).unwrap();
    own_recorder.record(&sample_events(0)).unwrap();

    let report = merge(ours, theirs);
    assert_eq!((report.added, report.updated, report.unchanged, report.artifacts), (1, 0, 0, 1));
    assert_eq!(ours.contents(shared).unwrap(), theirs.contents(shared).unwrap());
    assert_eq!(ours.meta_features("shared").unwrap(), [set]);
    let report = merge(ours, theirs);
    assert_eq!((report.added, report.updated, report.unchanged, report.artifacts), (0, 0, 1, 0));

    // The run went on elsewhere: the newer copy wins, in either direction.
    recorder.record(&sample_events(1)).unwrap();
    assert_eq!(merge(ours, theirs).updated, 1);
    theirs.set_run_state(shared, RunState::Finished).unwrap();
    assert_eq!(merge(ours, theirs).updated, 1, "the run has ended there");
    assert_eq!(merge(ours, theirs).unchanged, 1);
    let report = merge(theirs, ours);
    assert_eq!((report.added, report.updated, report.unchanged), (1, 0, 1));
    assert_eq!(theirs.contents(own).unwrap(), ours.contents(own).unwrap());
    assert_eq!(ours.contents(shared).unwrap(), theirs.contents(shared).unwrap());
    assert_eq!(ours.artifacts(shared).unwrap(), theirs.artifacts(shared).unwrap());
    sound(ours);
    sound(theirs);
}

fn a_merge_that_was_ended_brings_the_rest_when_it_is_repeated(ours: &Archive, theirs: &Archive) {
    let (run, mut recorder) = theirs.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    theirs.set_run_state(run, RunState::Finished).unwrap();
    theirs.put_artifact(run, None, "best", b"abc").unwrap();
    // As it stands when the merging process ends between the run and what belongs to it.
    ours.put_run(theirs.contents(run).unwrap()).unwrap();
    let report = merge(ours, theirs);
    assert_eq!((report.unchanged, report.artifacts), (1, 1));
    assert_eq!(ours.artifacts(run).unwrap(), theirs.artifacts(run).unwrap());
    sound(ours);
}

fn a_run_that_was_resumed_is_newer_than_a_copy_from_before(ours: &Archive, theirs: &Archive) {
    let (run, mut recorder) = ours.begin_run(&sample_header("t")).unwrap();
    recorder.record(&[proposed(0), Event::Started { trial: TrialId(0), attempt: 1 }]).unwrap();
    let failure = Failure::new(FailureKind::Cancelled, "the run was ended");
    let cancelled =
        Event::Finished { trial: TrialId(0), attempt: 1, result: Err(failure), wall_seconds: 0.5 };
    recorder.record(&[cancelled]).unwrap();
    ours.set_run_state(run, RunState::Interrupted).unwrap();
    merge(theirs, ours);
    let (_, mut recorder) = ours.resume_run(run).unwrap();
    recorder.record(&[Event::Started { trial: TrialId(0), attempt: 2 }]).unwrap();
    assert_eq!(merge(ours, theirs).unchanged, 1);
    recorder.record(&[finished(0, 2, 0.5), Event::Told { trial: TrialId(0) }]).unwrap();
    assert_eq!(merge(theirs, ours).updated, 1);
    assert_eq!(theirs.contents(run).unwrap(), ours.contents(run).unwrap());
    sound(ours);
}

fn a_run_that_went_on_in_two_archives_stays_in_each(ours: &Archive, theirs: &Archive) {
    let (run, mut recorder) = ours.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    merge(theirs, ours);
    let mut measured_otherwise = sample_events(1);
    if let Event::Finished { result: Ok(outcome), .. } = &mut measured_otherwise[2] {
        outcome.objectives = vec![-0.125];
    }
    recorder.record(&measured_otherwise).unwrap();
    let (_, mut recorder) = theirs.resume_run(run).unwrap();
    (1..3).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
    let before = ours.contents(run).unwrap();
    let report = merge(ours, theirs);
    assert_eq!((report.diverged, report.updated, report.unchanged), (vec![run], 0, 0));
    assert_eq!(ours.contents(run).unwrap(), before, "what was measured here is not lost");
    let (_, mut recorder) = ours.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    let at_work = ours.runs().unwrap().pop().unwrap().id;
    merge(theirs, ours);
    recorder.record(&sample_events(1)).unwrap();
    assert_eq!(
        theirs.merge(ours, &HashSet::from([at_work])).unwrap().updated,
        0,
        "somebody is at work on it"
    );
    assert_eq!(merge(theirs, ours).updated, 1);
    sound(ours);
}

fn of_two_runs_that_begin_at_once_on_other_data_each_has_its_task(archive: &Archive) {
    // Both have looked which tasks there are before either of them begins.
    let begin = |fingerprint: &str| {
        let mut header = sample_header("folds");
        header.task.fingerprint = fingerprint.into();
        archive.begin_run(&header).unwrap().0
    };
    let keys = ["0123456789", "abcdef012345", "abcdef012345", "0123456789"].map(begin);
    let keys = keys.map(|run| archive.header(run).unwrap().task.key);
    assert_eq!(keys, ["folds", "folds@abcdef01", "folds@abcdef01", "folds"]);
    sound(archive);
}

fn nothing_is_learned_from_a_withdrawn_run_in_any_copy(ours: &Archive, theirs: &Archive) {
    let (run, mut recorder) = ours.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    merge(theirs, ours);
    let n_past = |archive: &Archive| {
        let past = archive.past_tasks(&PastFilter::default()).unwrap();
        past.iter().map(|task| task.configurations.len()).sum::<usize>()
    };
    let reason = |archive: &Archive| archive.runs().unwrap()[0].withdrawn.clone();
    assert_eq!((n_past(ours), reason(ours)), (1, None));
    ours.withdraw(run, Some("wrong labels")).unwrap();
    assert_eq!((n_past(ours), reason(ours).as_deref()), (0, Some("wrong labels")));
    // It goes on, and stays withdrawn.
    recorder.record(&sample_events(1)).unwrap();
    assert_eq!(n_past(ours), 0);
    assert_eq!(merge(theirs, ours).updated, 1);
    assert_eq!(theirs.contents(run).unwrap(), ours.contents(run).unwrap());
    // Of a copy that is as new the withdrawal alone is taken along, and its undoing is not.
    theirs.withdraw(run, None).unwrap();
    assert_eq!((n_past(theirs), merge(ours, theirs).updated), (2, 0));
    assert_eq!(reason(ours).as_deref(), Some("wrong labels"));
    assert_eq!(merge(theirs, ours).updated, 1);
    assert_eq!((n_past(theirs), merge(theirs, ours).unchanged), (0, 1));
    let missing = RunId::new();
    let refused = ours.withdraw(missing, Some("x")).unwrap_err();
    assert_eq!(refused, ArchiveError::NoSuchRun { run: missing.to_string() });
    sound(theirs);
}

fn what_was_filtered_out_is_no_trial(ours: &Archive, theirs: &Archive) {
    let (_, mut recorder) = ours.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    let failure = Failure::new(FailureKind::Filtered, "its score is low");
    let filtered = Event::Finished { trial: TrialId(1), attempt: 0, result: Err(failure), wall_seconds: 0.0 };
    recorder.record(&[proposed(1), filtered, Event::Told { trial: TrialId(1) }]).unwrap();
    merge(theirs, ours);
    for archive in [ours, theirs] {
        assert_eq!(archive.runs().unwrap()[0].n_trials, 1);
        sound(archive);
    }
}

fn other_data_under_a_tasks_name_is_another_task(ours: &Archive, theirs: &Archive) {
    let header = |fingerprint: &str| {
        let mut header = sample_header("churn");
        header.task.fingerprint = fingerprint.into();
        header
    };
    let set = |n: f64| MetaFeatures {
        version: "1".into(),
        features: BTreeMap::from([("n".to_owned(), n)]),
        cost_seconds: BTreeMap::new(),
    };
    let (_, mut recorder) = ours.begin_run(&header("0123456789")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    ours.put_meta_features("churn", &set(100.0)).unwrap();
    let (run, mut recorder) = theirs.begin_run(&header("abcdef012345")).unwrap();
    recorder.record(&sample_events(1)).unwrap();
    let sources = vec![TransferSource { task: "churn".into(), weight: 1.0, expected_rank: 0.0 }];
    let origin = Origin::WarmStart { sources };
    let (trial, proposal) = (TrialId(2), sample_proposal(2));
    recorder.record(&[Event::Proposed { trial, proposal, origin, scores: Vec::new() }]).unwrap();
    theirs.put_meta_features("churn", &set(300.0)).unwrap();

    assert_eq!(merge(ours, theirs).added, 1);
    let task = ours.header(run).unwrap().task;
    assert_eq!((task.key.as_str(), task.fingerprint.as_str()), ("churn@abcdef01", "abcdef012345"));
    let Some(Origin::WarmStart { sources }) = ours.contents(run).unwrap().trials.remove(1).origin else {
        panic!("the second trial was transferred")
    };
    assert_eq!(sources[0].task, "churn@abcdef01", "who spoke for a trial is called as it is here");
    assert_eq!(ours.meta_features("churn").unwrap(), [set(100.0)]);
    assert_eq!(ours.meta_features("churn@abcdef01").unwrap(), [set(300.0)]);
    assert_eq!(ours.past_tasks(&PastFilter::default()).unwrap().len(), 2);
    let without = PastFilter { without_tasks: vec!["churn".into()], ..PastFilter::default() };
    assert_eq!(ours.past_tasks(&without).unwrap().len(), 0, "both have the name");
    assert_eq!(ours.known_as(task.clone()).unwrap(), task, "its own key stays");
    assert_eq!(ours.known_as(header("").task).unwrap().key, "churn", "without data it is the key's");
    assert!(names_task("cifar10", "nas-bench-201/cifar10") && names_task("t/x", "t/x@0123abcd"));
    assert!(!names_task("cifar10", "cifar100") && !names_task("t", "t/x"));
    theirs.set_run_state(run, RunState::Finished).unwrap();
    assert_eq!(merge(ours, theirs).updated, 1);
    assert_eq!(merge(ours, theirs).unchanged, 1);
    sound(ours);
}

fn a_task_gets_its_data_from_the_first_run_that_has_it(archive: &Archive) {
    let task = |fingerprint: &str| Task {
        fingerprint: fingerprint.into(),
        kind: if fingerprint.is_empty() { String::new() } else { "regression".into() },
        ..sample_header("churn").task
    };
    let begin = |fingerprint: &str| {
        let task = archive.known_as(task(fingerprint)).unwrap();
        archive.begin_run(&RunHeader { task, ..sample_header("churn") }).unwrap().0
    };
    let first = begin("");
    assert_eq!(archive.header(begin("0123456789")).unwrap().task, task("0123456789"));
    assert_eq!(archive.header(first).unwrap().task, task("0123456789"), "they are runs of one task");
    assert_eq!(archive.header(begin("abcdef012345")).unwrap().task.key, "churn@abcdef01");
    begin("");
    assert_eq!(archive.tasks().unwrap().len(), 2);
    assert_eq!(archive.tasks().unwrap()[0], task("0123456789"), "what is known stays");
    sound(archive);
}

fn a_run_of_a_smaller_largest_size_has_no_full_evaluations_beside_another(archive: &Archive) {
    let n_past = || archive.past_tasks(&PastFilter::default()).unwrap()[0].configurations.len();
    let mut quick = sample_header("t");
    quick.fidelities[0].high = 3.0;
    let (_, mut recorder) = archive.begin_run(&quick).unwrap();
    let mut events = sample_events(0);
    if let Event::Proposed { proposal, .. } = &mut events[0] {
        proposal.fidelity = heirloom_model::Fidelity(vec![3.0]);
    }
    recorder.record(&events).unwrap();
    assert_eq!(n_past(), 1, "alone it is the largest that there is");
    let (_, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    (1..4).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
    assert_eq!(n_past(), 3);
    sound(archive);
}

fn a_run_of_a_larger_size_that_hardly_began_blots_nothing_out(archive: &Archive) {
    let (_, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    (0..50).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
    let mut larger = sample_header("t");
    larger.fidelities[0].high = 27.0;
    let (_, mut recorder) = archive.begin_run(&larger).unwrap();
    let record = |recorder: &mut RunRecorder, trial: u64| {
        let mut events = sample_events(trial);
        if let Event::Proposed { proposal, .. } = &mut events[0] {
            proposal.fidelity = Fidelity(vec![27.0]);
        }
        recorder.record(&events).unwrap();
    };
    let n_past = || archive.past_tasks(&PastFilter::default()).unwrap()[0].n_available;
    (0..19).for_each(|trial| record(&mut recorder, trial));
    assert_eq!(n_past(), 69, "what was evaluated beyond is no less worth");
    record(&mut recorder, 19);
    assert_eq!(n_past(), 20, "now there are enough of the larger size");
}

fn the_past_tells_of_each_objective_that_was_measured(archive: &Archive) {
    let second = Objective { name: "seconds".into(), direction: Direction::Minimise };
    let mut header = sample_header("t");
    header.objectives.push(second.clone());
    let (_, mut recorder) = archive.begin_run(&header).unwrap();
    let mut events = sample_events(0);
    if let Event::Finished { result: Ok(outcome), .. } = &mut events[2] {
        outcome.objectives = vec![-0.5, 12.0];
    }
    recorder.record(&events).unwrap();
    let past = |objective| {
        let filter = PastFilter { objective: Some(objective), ..PastFilter::default() };
        archive.past_tasks(&filter).unwrap().into_iter().map(|past| past.objectives).collect::<Vec<_>>()
    };
    assert_eq!(past(header.objectives[0].clone()), [vec![Some(-0.5)]]);
    assert_eq!(past(second.clone()), [vec![Some(12.0)]]);
    assert_eq!(past(Objective { direction: Direction::Maximise, ..second }).len(), 0);
}

fn the_past_holds_no_stopped_trials_and_keeps_directions_apart(archive: &Archive) {
    let (_, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    let stopped = Outcome { stopped: true, ..Outcome::new(vec![-0.5], 1.0) };
    let end = Event::Finished { trial: TrialId(1), attempt: 1, result: Ok(stopped), wall_seconds: 1.0 };
    let started = Event::Started { trial: TrialId(1), attempt: 1 };
    recorder.record(&sample_events(0)).unwrap();
    recorder.record(&[proposed(1), started, end, Event::Told { trial: TrialId(1) }]).unwrap();
    let mut minimised = sample_header("t");
    minimised.objectives[0].direction = Direction::Minimise;
    let (_, mut recorder) = archive.begin_run(&minimised).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    let past = archive.past_tasks(&PastFilter::default()).unwrap();
    let seen: Vec<_> =
        past.iter().map(|past| (past.objective.direction, past.configurations.len())).collect();
    assert_eq!(seen, [(Direction::Minimise, 1), (Direction::Maximise, 1)]);
}

fn past_tasks_come_with_configurations_and_meta_features(archive: &Archive) {
    for (task, n) in [("a", 3_u64), ("b", 40), ("c", 2)] {
        let (_, mut recorder) = archive.begin_run(&sample_header(task)).unwrap();
        for trial in 0..n {
            recorder.record(&sample_events(trial)).unwrap();
        }
        let mut small = sample_proposal(n);
        small.fidelity = Fidelity(vec![1.0]);
        let origin = Origin::Strategy { ask: n, n: 1 };
        let small = Event::Proposed { trial: TrialId(n), proposal: small, origin, scores: Vec::new() };
        let started = Event::Started { trial: TrialId(n), attempt: 1 };
        recorder.record(&[small, started, finished(n, 1, 0.5)]).unwrap();
    }
    let features = BTreeMap::from([("n_classes".to_owned(), 10.0)]);
    let set = MetaFeatures { version: "1".into(), features: features.clone(), cost_seconds: BTreeMap::new() };
    archive.put_meta_features("b", &set).unwrap();
    let filter = PastFilter { without_tasks: vec!["c".into()], max_evaluations: 16, ..PastFilter::default() };
    let past = archive.past_tasks(&filter).unwrap();
    let keys: Vec<_> = past.iter().map(|task| task.key.as_str()).collect();
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(past[1].meta_features, features);
    assert_eq!((past[1].configurations.len(), past[1].n_available), (16, 40), "a sample within the limit");
    assert_eq!((past[0].configurations.len(), past[0].n_available), (3, 3), "trials at full size only");
    for (i, configuration) in past[0].configurations.iter().enumerate() {
        assert_eq!(*configuration, sample_proposal(i as u64).configuration);
        assert_eq!(past[0].objectives[i], Some((i as f64).sin()));
    }
    assert_eq!(past, archive.past_tasks(&filter).unwrap(), "the sample is the same every time");
}

fn recorded_evaluations_are_kept_in_batches(archive: &Archive) {
    let batch = Evaluations {
        configurations: vec![0.5, 1.0, 0.25, 2.0],
        fidelities: vec![9.0, 9.0],
        objectives: vec![-0.5, f64::NAN],
        cost_seconds: vec![1.0, 2.0],
        failures: vec![0, FailureKind::Crashed.code()],
        metrics: BTreeMap::new(),
    };
    let contents = RunContents {
        id: RunId::from_content(&[7; 32]),
        header: RunHeader { source: Some("elsewhere".into()), ..sample_header("t") },
        state: RunState::Imported,
        steps: 0,
        withdrawn: None,
        trials: Vec::new(),
        attempts: Vec::new(),
        curves: Vec::new(),
        evaluations: vec![batch.clone(), batch],
    };
    archive.begin_run(&sample_header("own")).unwrap();
    assert!(archive.put_run(contents.clone()).unwrap());
    assert!(!archive.put_run(contents).unwrap(), "the same content is kept once");
    assert_eq!(archive.runs().unwrap()[0].n_trials, 4, "imported runs come first");
    assert_eq!(archive.stats().unwrap().n_evaluations, 4);
    let past = archive.past_tasks(&PastFilter::default()).unwrap();
    assert_eq!(
        past[0].objectives,
        [Some(-0.5), None, Some(-0.5), None],
        "failed evaluations tell of their configurations"
    );
    sound(archive);
}

fn sound(archive: &Archive) {
    assert_eq!(archive.check().unwrap(), []);
}
