//! The libraries, a problem, and calls in short.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use heirloom_model::space::{ParameterSpec, ParameterType};
use heirloom_model::{
    AskRequest, Configuration, CurvePoint, Direction, EvaluationRequest, Fidelity, Objective, Observation,
    Problem, Reporter, Seed, Space, SpaceSpec, TrialId, Verdict,
};
use heirloom_plugin_host::{HostOptions, Isolation, PluginHost};
use serde_json::json;

/// The file of a library that is a dev-dependency.
pub(crate) fn library(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let places = [deps.join(&file), deps.parent().unwrap().join(&file)];
    let found = places.iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{file} is neither in {places:?}")).clone()
}

pub(crate) fn faulty_library() -> PathBuf {
    library("heirloom_faulty_plugin")
}

pub(crate) fn host_of(path: &Path) -> PluginHost {
    PluginHost::open(&[path.to_owned()], HostOptions::default())
}

pub(crate) fn host() -> PluginHost {
    host_of(&faulty_library())
}

/// Two numbers between 0 and 1.
pub(crate) fn problem() -> Problem {
    let float = || ParameterType::Float { low: 0.0, high: 1.0, log: false, step: None };
    let parameters = vec![ParameterSpec::new("x", float()), ParameterSpec::new("y", float())];
    let space = Space::compile(SpaceSpec { parameters, ..SpaceSpec::default() }).unwrap();
    Problem::new(Arc::new(space), Objective { name: "sum".into(), direction: Direction::Minimise })
}

pub(crate) fn ask(first_trial: u64, n: usize) -> AskRequest<'static> {
    AskRequest { n, first_trial: TrialId(first_trial), pending: &[], seed: Seed::from_number(7) }
}

pub(crate) fn told(trial: u64, objective: f64) -> Observation {
    Observation {
        trial: TrialId(trial),
        configuration: Configuration::new(vec![0.25, 0.5]),
        fidelity: Fidelity::default(),
        result: Ok(vec![objective]),
        cost_seconds: 1.0,
    }
}

pub(crate) fn request(trial: u64) -> EvaluationRequest {
    EvaluationRequest::new(TrialId(trial), Configuration::new(vec![0.25, 0.5]), Fidelity::default())
}

/// Checks that an estimator is told of inheritance, and keeps the files of its trials in the run's folder, in a batch
/// whose trials differ.
pub(crate) fn see_what_reaches_an_estimator(isolation: Isolation) {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("größe/run");
    let estimator = host().estimator("faulty", &json!({}), isolation, None).unwrap();
    let child = EvaluationRequest { parent: Some(TrialId(0)), folder: Some(files.clone()), ..request(1) };
    let longer = EvaluationRequest { continues: Some(TrialId(1)), folder: Some(files.clone()), ..request(2) };
    let results = estimator.evaluate(&[request(0), child, longer], &GO_ON);
    let metric = |trial: usize, name: &str| results[trial].as_ref().unwrap().metrics.get(name).copied();
    assert_eq!([0, 1, 2].map(|trial| metric(trial, "parent")), [None, Some(0.0), None]);
    assert_eq!([0, 1, 2].map(|trial| metric(trial, "continues")), [None, None, Some(1.0)]);
    let kept = |trial: u64| std::fs::read_to_string(files.join(format!("trial-{trial}/sum"))).ok();
    assert_eq!([0, 1, 2].map(kept), [None, Some("0.75".into()), Some("0.75".into())]);
}

/// Waits until something is so that another process brings about.
pub(crate) fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Answers always the same.
pub(crate) struct Answers {
    pub(crate) verdict: Verdict,
    pub(crate) cancelled: bool,
}

pub(crate) const GO_ON: Answers = Answers { verdict: Verdict::Continue, cancelled: false };

impl Reporter for Answers {
    fn report(&self, _: TrialId, _: &CurvePoint) -> Verdict {
        self.verdict
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }
}
