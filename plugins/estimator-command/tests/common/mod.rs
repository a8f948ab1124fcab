//! A small space, an estimator over it, and requests.

use std::sync::Arc;

use heirloom_estimator_command::{FidelityOptions, ObjectiveDirection, ObjectiveOptions, Options, estimator};
use heirloom_plugin::{
    ComponentError, Configuration, Context, Estimator, EvaluationRequest, Fidelity, Space, SpaceSpec,
    TrialId, json,
};

/// A program that measures `acc`, to be maximised, and `loss`, to be minimised, over up to 3 epochs.
pub(crate) fn options(command: &[&str]) -> Options {
    let objective = |name: &str, direction| ObjectiveOptions { name: name.into(), direction };
    Options {
        command: command.iter().map(ToString::to_string).collect(),
        objectives: vec![
            objective("acc", ObjectiveDirection::Maximise),
            objective("loss", ObjectiveDirection::Minimise),
        ],
        fidelities: vec![FidelityOptions { name: "epochs".into(), low: 1.0, high: 3.0, integer: true }],
        folder: ".".into(),
        grace_seconds: 0.3,
    }
}

pub(crate) fn estimator_of(options: Options) -> Result<Box<dyn Estimator>, ComponentError> {
    estimator(options, Some(&space()), &Context::detached())
}

pub(crate) fn space() -> Arc<Space> {
    let spec: SpaceSpec = serde_json::from_value(json!({"parameter": [
        {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"]},
        {"name": "momentum", "type": "float", "low": 0, "high": 1, "when": {"parameter": "optimizer", "is": "sgd"}},
        {"name": "lr", "type": "float", "low": 0, "high": 1},
    ]}))
    .unwrap();
    Arc::new(Space::compile(spec).unwrap())
}

/// Requests for Adam at a learning rate of 0.25, at all 3 epochs, without limits.
pub(crate) fn requests(n: u64) -> Vec<EvaluationRequest> {
    let adam = Configuration::new(vec![1.0, f64::NAN, 0.25]);
    let request = |trial| EvaluationRequest {
        threads: 2,
        ..EvaluationRequest::new(TrialId(trial), adam.clone(), Fidelity(vec![3.0]))
    };
    (0..n).map(request).collect()
}
