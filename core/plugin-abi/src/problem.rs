//! The structured things that cross once, when a component is made, as JSON.

use std::sync::Arc;

use heirloom_model::{ComponentError, FidelityDimension, Objective, Problem, Space, SpaceSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::wire::malformed;

/// What a component is made from, as it crosses.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// Its options, JSON.
    pub options: &'a str,
    /// The problem as [`write_problem`] gives it; for an estimator the space, as [`write_space`] does.
    pub subject: &'a [u8],
}

/// A [`Problem`] as it is written: the space by its description, from which the other side compiles it again.
#[derive(Serialize, Deserialize)]
struct WrittenProblem {
    space: SpaceSpec,
    fidelities: Vec<FidelityDimension>,
    objectives: Vec<Objective>,
}

/// A problem's bytes.
pub fn write_problem(problem: &Problem) -> Result<Vec<u8>, ComponentError> {
    write(&WrittenProblem {
        space: problem.space.spec().clone(),
        fidelities: problem.fidelities.clone(),
        objectives: problem.objectives.clone(),
    })
}

/// The problem in the bytes.
pub fn read_problem(bytes: &[u8]) -> Result<Problem, ComponentError> {
    let WrittenProblem { space, fidelities, objectives } = read_subject(bytes)?;
    Ok(Problem { space: compile(space)?, fidelities, objectives })
}

/// A space's bytes; none for none.
pub fn write_space(space: Option<&Space>) -> Result<Vec<u8>, ComponentError> {
    space.map_or(Ok(Vec::new()), |space| write(space.spec()))
}

/// The space in the bytes.
pub fn read_space(bytes: &[u8]) -> Result<Option<Arc<Space>>, ComponentError> {
    if bytes.is_empty() { Ok(None) } else { compile(read_subject(bytes)?).map(Some) }
}

/// The JSON in the bytes.
pub(crate) fn read_json(bytes: &[u8]) -> Result<Json, ComponentError> {
    read(bytes)
}

/// What a component is made for. A newer host may describe it in words that were not there when the component's side
/// was built.
fn read_subject<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ComponentError> {
    serde_json::from_slice(bytes).map_err(|error| {
        ComponentError::unsupported(format!(
            "it does not understand how this host describes the search space: {error}; hint: build the plugin again with \
             this host's `heirloom-plugin`, or install a newer version of it"
        ))
    })
}

fn compile(spec: SpaceSpec) -> Result<Arc<Space>, ComponentError> {
    Ok(Arc::new(Space::compile(spec).map_err(|error| malformed(&error.to_string()))?))
}

pub(crate) fn write(value: &impl Serialize) -> Result<Vec<u8>, ComponentError> {
    serde_json::to_vec(value).map_err(|error| malformed(&error.to_string()))
}

pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ComponentError> {
    serde_json::from_slice(bytes).map_err(|error| malformed(&error.to_string()))
}
