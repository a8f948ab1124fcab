use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use heirloom_model::{
    AskRequest, Configuration, CurvePoint, CurveReport, EvaluationRequest, Failure, FailureKind, Fidelity,
    Limits, Observation, Outcome, PendingTrial, PriorKnowledge, PriorObservation, Proposal, Seed, TrialId,
};

use super::*;

fn configuration(x: f64) -> Configuration {
    Configuration::new(vec![x, f64::NAN])
}

/// The columns after a way through a frame.
fn sent<T: Wire>(columns: &T) -> T {
    let mut bytes = Vec::new();
    columns.write(&mut bytes);
    assert_eq!(bytes.len(), columns.n_bytes());
    T::read_all(&bytes).unwrap()
}

#[test]
fn asks_and_proposals_come_back() {
    let pending =
        PendingTrial { id: TrialId(3), configuration: configuration(0.5), fidelity: Fidelity(vec![9.0]) };
    let pending = [pending.clone(), PendingTrial { id: TrialId(4), ..pending }];
    let request = AskRequest { n: 2, first_trial: TrialId(5), pending: &pending, seed: Seed::from_number(1) };
    let columns = sent(&Ask::from_model(&request).unwrap());
    assert_eq!(columns.pending().unwrap(), pending);
    let back = columns.request(&pending);
    assert_eq!((back.n, back.first_trial, back.seed), (2, TrialId(5), Seed::from_number(1)));

    let plain = Proposal::new(configuration(0.25), Fidelity(vec![1.0]));
    let proposals =
        [plain.clone(), Proposal { parent: Some(TrialId(0)), continues: Some(TrialId(2)), ..plain }];
    assert_eq!(sent(&Proposals::from_model(&proposals).unwrap()).to_model().unwrap(), proposals);
    assert!(Proposals::from_model(&[]).unwrap().to_model().unwrap().is_empty());
}

#[test]
fn observations_come_back_with_their_failures() {
    let observation = |result| Observation {
        trial: TrialId(1),
        configuration: configuration(0.0),
        fidelity: Fidelity::default(),
        result,
        cost_seconds: 2.0,
    };
    let failures = FailureKind::ALL.map(|kind| observation(Err(kind)));
    let all = [&failures[..], &[observation(Ok(vec![0.1, 0.2]))]].concat();
    assert_eq!(sent(&Observations::from_model(&all).unwrap()).to_model().unwrap(), all);
    assert_eq!(sent(&Observations::from_model(&failures).unwrap()).to_model().unwrap(), failures);
}

#[test]
fn requests_and_outcomes_come_back() {
    let request = EvaluationRequest {
        trial: TrialId(1),
        attempt: 2,
        configuration: configuration(1.0),
        fidelity: Fidelity(vec![3.0]),
        parent: None,
        continues: Some(TrialId(0)),
        seed: Seed::from_number(4),
        limits: Limits { seconds: Some(5.0), memory_bytes: None },
        threads: 6,
        folder: None,
    };
    let limits = Limits { seconds: None, memory_bytes: Some(7) };
    let child = EvaluationRequest {
        parent: Some(TrialId(3)),
        continues: None,
        folder: Some("/runs/größe/1".into()),
        limits,
        seed: Seed::from_number(8),
        ..request.clone()
    };
    let not_utf8 = OsStr::from_bytes(b"/runs/\xff");
    let requests = [request.clone(), child, EvaluationRequest { folder: Some(not_utf8.into()), ..request }];
    let columns = Requests::from_model(&requests).unwrap();
    assert_eq!(sent(&columns).to_model().unwrap(), requests);
    assert!(Requests { folders: Texts::default(), ..columns }.to_model().is_err());

    let point = |step| CurvePoint { step, objectives: vec![0.5], cost_seconds: step };
    let full = Outcome {
        objectives: vec![0.25],
        cost_seconds: 9.0,
        curve: vec![point(1.0), point(2.0)],
        metrics: BTreeMap::from([("latency".into(), 1.5), ("größe".into(), 2.5)]),
        stopped: true,
    };
    let failure = Failure::new(FailureKind::TimedOut, "too slow");
    let results = [Ok(full.clone()), Err(failure), Ok(Outcome::new(vec![0.75], 1.0)), Ok(full)];
    assert_eq!(sent(&Outcomes::from_model(&results)).to_model().unwrap(), results);
}

#[test]
fn knowledge_and_reports_come_back() {
    let observation = PriorObservation { configuration: configuration(0.5), score: 0.1, weight: 2.0 };
    let knowledge = PriorKnowledge { observations: vec![observation.clone(), observation] };
    assert_eq!(sent(&Knowledge::from_model(&knowledge).unwrap()).to_model().unwrap(), knowledge);
    let point = CurvePoint { step: 1.0, objectives: vec![0.5, 0.25], cost_seconds: 3.0 };
    let report = CurveReport { trial: TrialId(4), fidelity: Fidelity(vec![2.0]), point };
    assert_eq!(sent(&Report::from_model(&report)).to_model(), report);
}

#[test]
fn rows_of_different_width_are_an_error_and_not_mixed_up() {
    let narrow = Proposal::new(Configuration::new(vec![1.0]), Fidelity::default());
    let wide = Proposal::new(Configuration::new(vec![1.0, 2.0]), Fidelity::default());
    let error = Proposals::from_model(&[narrow, wide]).unwrap_err();
    assert!(error.message.contains("a configuration of 2 values stands beside one of 1"), "{error}");
    let results = [Ok(Outcome::new(vec![0.1], 0.0)), Ok(Outcome::new(vec![0.1, 0.2], 0.0))];
    let back = Outcomes::from_model(&results).to_model().unwrap();
    assert_eq!(back[0], results[0]);
    assert_eq!(back[1].as_ref().unwrap_err().kind, FailureKind::Crashed);
}

#[test]
fn columns_that_do_not_fit_each_other_are_errors() {
    let proposals =
        || Proposals::from_model(&[Proposal::new(configuration(1.0), Fidelity::default())]).unwrap();
    assert!(Proposals { n: 2, ..proposals() }.to_model().is_err());
    assert!(Proposals { continues: RVec::new(), ..proposals() }.to_model().is_err());
    let outcomes = || Outcomes::from_model(&[Ok(Outcome::new(vec![0.1], 0.0))]);
    assert!(Outcomes { curve_ends: vec![7].into(), ..outcomes() }.to_model().is_err());
    assert!(Outcomes { metric_ends: vec![1].into(), ..outcomes() }.to_model().is_err());
    assert!(Outcomes { costs: RVec::new(), ..outcomes() }.to_model().is_err());
    let texts = Texts { bytes: RVec::new(), ends: vec![5].into() };
    assert!(texts.get(0).is_err());
}
