//! Spaces, calls in short, and where things are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_model::{
    AskRequest, Configuration, CurvePoint, CurveReport, Direction, EvaluationRequest, FailureKind, Fidelity,
    Objective, Observation, PendingTrial, PriorKnowledge, PriorObservation, Problem, Proposal, Reporter,
    Seed, Space, SpaceSpec, Strategy, TrialId, Verdict,
};
use serde_json::json;

/// A file or folder beside the tests.
pub(crate) fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(name)
}

/// A space with a parameter of every type, conditions and a forbidden combination.
pub(crate) fn rich() -> Problem {
    let spec: SpaceSpec = serde_json::from_value(json!({
        "name": "rich",
        "parameter": [
            { "name": "plain", "type": "float", "low": -2.0, "high": 3.0 },
            { "name": "rate", "type": "float", "low": 1e-5, "high": 1.0, "log": true },
            { "name": "stepped", "type": "float", "low": 0.0, "high": 1.0, "step": 0.1 },
            { "name": "count", "type": "int", "low": -3, "high": 9, "step": 3 },
            { "name": "width", "type": "int", "low": 1, "high": 1000, "log": true },
            { "name": "optimizer", "type": "categorical", "choices": ["sgd", "adam", true, 1, 2.5] },
            { "name": "size", "type": "ordinal", "values": [8, 16, 32], "default": 16 },
            { "name": "fixed", "type": "constant", "value": "x" },
            { "name": "momentum", "type": "float", "low": 0.1, "high": 0.99,
              "when": { "parameter": "optimizer", "is": "sgd" } },
            { "name": "depth", "type": "int", "low": 1, "high": 5,
              "when": { "all": [{ "parameter": "size", "at_least": 16 }, { "parameter": "count", "at_most": 3 }] } },
            { "name": "either", "type": "float", "low": 0.0, "high": 1.0,
              "when": { "any": [{ "parameter": "optimizer", "one_of": ["adam", 2.5] }, { "parameter": "depth", "is": 2 }] } },
        ],
        "forbidden": [{ "all": [{ "parameter": "optimizer", "is": "adam" }, { "parameter": "size", "is": 8 }] }],
    }))
    .unwrap();
    problem(spec)
}

pub(crate) fn problem(spec: SpaceSpec) -> Problem {
    let space = Arc::new(Space::compile(spec).unwrap());
    Problem::new(space, Objective { name: "sum".into(), direction: Direction::Minimise })
}

/// Two numbers between 0 and 1.
pub(crate) fn small() -> Problem {
    let float = |name: &str| json!({ "name": name, "type": "float", "low": 0.0, "high": 1.0 });
    problem(serde_json::from_value(json!({ "parameter": [float("x"), float("y")] })).unwrap())
}

pub(crate) fn ask(first_trial: u64, n: usize, pending: &[PendingTrial]) -> AskRequest<'_> {
    AskRequest { n, first_trial: TrialId(first_trial), pending, seed: Seed::from_number(7) }
}

/// What a strategy proposes that draws each proposal from its trial's own generator.
pub(crate) fn draws(problem: &Problem, first_trial: u64, n: usize) -> Vec<Proposal> {
    let request = ask(first_trial, n, &[]);
    let draw = |index| problem.space.sample(&mut request.rng(index)).unwrap();
    (0..n).map(|index| Proposal::new(draw(index), problem.full_fidelity())).collect()
}

pub(crate) fn told(trial: u64, result: Result<f64, FailureKind>) -> Observation {
    Observation {
        trial: TrialId(trial),
        configuration: Configuration::new(vec![0.25, 0.5]),
        fidelity: Fidelity::default(),
        result: result.map(|objective| vec![objective]),
        cost_seconds: 1.0,
    }
}

pub(crate) fn request(trial: u64, epochs: f64) -> EvaluationRequest {
    let configuration = Configuration::new(vec![0.25, 0.5]);
    EvaluationRequest {
        threads: 3,
        ..EvaluationRequest::new(TrialId(trial), configuration, Fidelity(vec![epochs]))
    }
}

/// Goes through the calls of a strategy over [`small`] that remembers what it is told.
pub(crate) fn see_that_a_strategy_hears_everything(strategy: &mut dyn Strategy) {
    let pending = [PendingTrial {
        id: TrialId(40),
        configuration: Configuration::new(vec![0.1, 0.2]),
        fidelity: Fidelity::default(),
    }];
    let knowledge = |weight| PriorKnowledge {
        observations: vec![PriorObservation {
            configuration: Configuration::new(vec![0.5, 0.5]),
            score: 0.1,
            weight,
        }],
    };
    assert!(strategy.inform(&knowledge(1.0)).unwrap());
    assert!(!strategy.inform(&knowledge(0.0)).unwrap());
    assert_eq!(strategy.recommend().unwrap(), None);
    assert_eq!(strategy.ask(&ask(0, 2, &pending)).unwrap(), draws(&small(), 0, 2));
    strategy.tell(&[told(0, Err(FailureKind::OutOfMemory))]).unwrap();
    assert_eq!(strategy.recommend().unwrap(), None);
    strategy.tell(&[told(1, Ok(0.5)), told(2, Err(FailureKind::Crashed))]).unwrap();
    assert_eq!(strategy.recommend().unwrap(), Some(TrialId(1)));
    let mut expected = draws(&small(), 2, 3);
    expected.iter_mut().for_each(|proposal| proposal.parent = Some(TrialId(1)));
    assert_eq!(strategy.ask(&ask(2, 3, &[])).unwrap(), expected);
    let mut judge = |objective| {
        let point = CurvePoint { step: 1.0, objectives: vec![objective], cost_seconds: 0.5 };
        strategy.judge(&CurveReport { trial: TrialId(3), fidelity: Fidelity::default(), point }).unwrap()
    };
    assert_eq!([1.0, 11.0].map(&mut judge), [Verdict::Continue, Verdict::Stop]);
}

/// Answers always the same.
pub(crate) struct Answers(pub(crate) Verdict, pub(crate) bool);

impl Reporter for Answers {
    fn report(&self, _: TrialId, _: &CurvePoint) -> Verdict {
        self.0
    }

    fn cancelled(&self) -> bool {
        self.1
    }
}

pub(crate) const GO_ON: Answers = Answers(Verdict::Continue, false);
