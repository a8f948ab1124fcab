//! A space and trials of it.

use std::sync::Arc;

use heirloom_plugin::space::{ParameterSpec, ParameterType};
use heirloom_plugin::{Configuration, EvaluationRequest, Fidelity, Space, SpaceSpec, TrialId};

/// Two numbers between 0 and 1.
pub fn space() -> Arc<Space> {
    let unit = || ParameterType::Float {
        low: 0.0,
        high: 1.0,
        log: false,
        step: None,
    };
    let parameters = vec![
        ParameterSpec::new("x", unit()),
        ParameterSpec::new("y", unit()),
    ];
    let spec = SpaceSpec {
        parameters,
        ..SpaceSpec::default()
    };
    Arc::new(Space::compile(spec).expect("the space is right"))
}

/// A trial that trains `configuration` for `epochs`.
pub fn request(trial: u64, configuration: Configuration, epochs: f64) -> EvaluationRequest {
    EvaluationRequest::new(TrialId(trial), configuration, Fidelity(vec![epochs]))
}
