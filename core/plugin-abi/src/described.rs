//! Problems as other languages see them: a compiled space, in JSON, so that nobody else needs to know how a space is
//! written or how an architecture becomes parameters.

use heirloom_model::space::{Clause, Parameter, ParameterKind, Prior};
use heirloom_model::{ComponentError, Problem, Space};
use serde_json::{Value as Json, json};

use crate::problem::write;

/// A problem's bytes for a worker in another language.
pub fn describe_problem(problem: &Problem) -> Result<Vec<u8>, ComponentError> {
    write(&json!({
        "space": space(&problem.space),
        "fidelities": problem.fidelities,
        "objectives": problem.objectives,
    }))
}

/// The bytes of an estimator's space, or none.
pub fn describe_space(given: Option<&Space>) -> Result<Vec<u8>, ComponentError> {
    given.map_or(Ok(Vec::new()), |given| write(&json!({ "space": space(given) })))
}

fn space(space: &Space) -> Json {
    let parameters: Vec<_> = (0..space.parameters().len())
        .map(|index| {
            let mut described = parameter(&space.parameters()[index]);
            described["when"] = space.condition(index).map_or(Json::Null, clause);
            described
        })
        .collect();
    json!({
        "name": space.name(),
        "parameters": parameters,
        "forbidden": space.forbidden().iter().map(clause).collect::<Vec<_>>(),
        // Which values make an architecture is for the host to say.
        "restricted": space.architecture_spec().is_some(),
    })
}

fn parameter(parameter: &Parameter) -> Json {
    let mut described = match &parameter.kind {
        ParameterKind::Float { low, high, log, step } => {
            json!({ "type": "float", "low": low, "high": high, "log": log, "step": step })
        }
        ParameterKind::Int { low, high, log, step } => {
            json!({ "type": "int", "low": low, "high": high, "log": log, "step": step })
        }
        ParameterKind::Categorical { choices } => json!({ "type": "categorical", "values": choices }),
        ParameterKind::Ordinal { values } => json!({ "type": "ordinal", "values": values }),
        ParameterKind::Constant { value } => json!({ "type": "constant", "values": [value] }),
    };
    described["name"] = json!(parameter.name);
    described["default"] = json!(parameter.default);
    described["prior"] = match &parameter.prior {
        None => Json::Null,
        Some(Prior::Normal { mean, std }) => json!({ "mean": mean, "std": std }),
        Some(Prior::Weights(weights)) => json!({ "weights": weights }),
    };
    described
}

/// JSON has no infinities: a bound that is none is left out.
fn clause(given: &Clause) -> Json {
    let finite = |bound: f64| bound.is_finite().then_some(bound);
    match given {
        Clause::In { parameter, values } => json!({ "parameter": parameter, "in": values }),
        Clause::Between { parameter, low, high } => {
            json!({ "parameter": parameter, "low": finite(*low), "high": finite(*high) })
        }
        Clause::All(clauses) => json!({ "all": clauses.iter().map(clause).collect::<Vec<_>>() }),
        Clause::Any(clauses) => json!({ "any": clauses.iter().map(clause).collect::<Vec<_>>() }),
    }
}
