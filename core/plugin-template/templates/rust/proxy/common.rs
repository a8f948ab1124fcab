//! A space that the proxy can score.

use std::sync::Arc;

use heirloom_plugin::space::{ParameterSpec, ParameterType};
use heirloom_plugin::{Direction, Objective, Problem, Space, SpaceSpec, Value};

/// Networks of 1 to 4 layers of 16 to 128 units.
pub fn problem() -> Problem {
    let values = |numbers: &[i64]| ParameterType::Ordinal {
        values: numbers.iter().map(|&number| Value::Int(number)).collect(),
    };
    let parameters = vec![
        ParameterSpec::new("layers", values(&[1, 2, 3, 4])),
        ParameterSpec::new("width", values(&[16, 32, 64, 128])),
    ];
    let space = Space::compile(SpaceSpec {
        parameters,
        ..SpaceSpec::default()
    });
    let objective = Objective {
        name: "accuracy".into(),
        direction: Direction::Maximise,
    };
    Problem::new(Arc::new(space.expect("the space is right")), objective)
}
