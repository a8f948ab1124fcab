//! The problems that strategies are checked on: small, and each awkward in its own way.

use std::sync::Arc;

use heirloom_model::{
    Configuration, Direction, Fidelity, FidelityDimension, Objective, Problem, Space, SpaceSpec,
};

fn problem(space: &str) -> Problem {
    let spec: SpaceSpec = serde_json::from_str(space).expect("the text below is a space");
    let space = Space::compile(spec).expect("the space below is right");
    Problem::new(Arc::new(space), Objective { name: "loss".into(), direction: Direction::Minimise })
}

/// Every kind of parameter, a condition on a condition, a forbidden combination.
pub(crate) fn mixed() -> Problem {
    problem(
        r#"{"name": "mixed", "parameter": [
            {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam", "none"]},
            {"name": "momentum", "type": "float", "low": 0.1, "high": 0.99,
             "when": {"parameter": "optimizer", "is": "sgd"}},
            {"name": "nesterov", "type": "categorical", "choices": [true, false],
             "when": {"parameter": "momentum", "at_least": 0.5}},
            {"name": "lr", "type": "float", "low": 1e-5, "high": 1.0, "log": true, "prior": {"around": 0.01}},
            {"name": "layers", "type": "int", "low": 1, "high": 5},
            {"name": "units", "type": "int", "low": 16, "high": 1024, "log": true},
            {"name": "width_2", "type": "ordinal", "values": [16, 32, 64],
             "when": {"parameter": "layers", "at_least": 2}},
            {"name": "dropout", "type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
            {"name": "batch", "type": "constant", "value": 128}
        ], "forbidden": [{"all": [{"parameter": "optimizer", "is": "none"}, {"parameter": "layers", "is": 5}]}]}"#,
    )
}

/// Categorical parameters alone: a cell with three operations on six edges, 729 of them.
pub(crate) fn cells() -> Problem {
    problem(
        r#"{"name": "cells", "architecture":
            {"kind": "edge-cell", "n_nodes": 4, "operations": ["none", "skip_connect", "nor_conv_3x3"]}}"#,
    )
}

/// Real parameters alone.
pub(crate) fn real() -> Problem {
    problem(
        r#"{"name": "real", "parameter": [
            {"name": "x", "type": "float", "low": -5, "high": 10},
            {"name": "y", "type": "float", "low": 0, "high": 15},
            {"name": "z", "type": "float", "low": 1e-3, "high": 1e3, "log": true}]}"#,
    )
}

/// The cell of NAS-Bench-201.
pub(crate) fn five_operations() -> Problem {
    problem(
        r#"{"name": "five-operations", "architecture": {"kind": "edge-cell", "n_nodes": 4, "operations":
            ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]}}"#,
    )
}

/// Six real parameters.
pub(crate) fn six_numbers() -> Problem {
    let parameter = |index| format!(r#"{{"name": "x{index}", "type": "float", "low": 0, "high": 1}}"#);
    let parameters: Vec<_> = (0..6).map(parameter).collect();
    problem(&format!(r#"{{"name": "six-numbers", "parameter": [{}]}}"#, parameters.join(", ")))
}

/// Four configurations.
pub(crate) fn tiny() -> Problem {
    problem(
        r#"{"name": "tiny", "parameter": [
            {"name": "a", "type": "categorical", "choices": ["x", "y"]},
            {"name": "b", "type": "int", "low": 0, "high": 2, "when": {"parameter": "a", "is": "y"}}]}"#,
    )
}

/// `mixed` with two dimensions of fidelity and a second objective.
pub(crate) fn multi_fidelity() -> Problem {
    let mut problem = mixed();
    let dimension = |name: &str, low, high, integer| FidelityDimension {
        name: name.into(),
        low,
        high,
        integer,
        levels: Vec::new(),
    };
    problem.fidelities = vec![dimension("epochs", 1.0, 81.0, true), dimension("fraction", 0.1, 1.0, false)];
    problem.objectives.push(Objective { name: "seconds".into(), direction: Direction::Minimise });
    problem
}

/// The problems that have no end: a strategy may always propose more.
pub(crate) fn endless() -> Vec<Problem> {
    vec![mixed(), real(), multi_fidelity()]
}

/// All problems.
pub(crate) fn all() -> Vec<Problem> {
    vec![mixed(), cells(), real(), tiny(), multi_fidelity()]
}

/// A smooth objective for any problem, best in a corner of the unit cube's middle, worse at low fidelity. One value
/// an objective.
pub(crate) fn measure(problem: &Problem, configuration: &Configuration, fidelity: &Fidelity) -> Vec<f64> {
    let unit = problem.space.to_unit(configuration);
    let active = unit.iter().filter(|place| !place.is_nan());
    let distance: f64 = active.map(|place| (place - 0.3).powi(2)).sum();
    let size: f64 =
        problem.fidelities.iter().zip(&fidelity.0).map(|(dimension, value)| value / dimension.high).product();
    let first = distance + 0.1 * (1.0 - size);
    (0..problem.objectives.len()).map(|index| if index == 0 { first } else { size + distance }).collect()
}
