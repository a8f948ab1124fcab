//! What a run optimises.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Space;

/// Whether smaller or larger is better, where a person reads or writes the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Smaller is better.
    Minimise,
    /// Larger is better.
    Maximise,
}

impl Direction {
    /// Turns a measured value into the minimised one that is stored, or back: the map is its own inverse.
    pub fn turn(self, value: f64) -> f64 {
        match self {
            Self::Minimise => value,
            Self::Maximise => -value,
        }
    }
}

/// What is measured. Inside Heirloom it is minimised; `direction` says how people see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Objective {
    /// Its name, such as `val_acc`.
    pub name: String,
    /// Whether people want it small or large.
    pub direction: Direction,
}

/// One way in which an evaluation can be smaller than the full one: epochs, data fraction, resolution, width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FidelityDimension {
    /// Its name, such as `epochs`.
    pub name: String,
    /// The smallest value that says anything.
    pub low: f64,
    /// The full value, at which configurations are compared in the end.
    pub high: f64,
    /// Whether only whole numbers count.
    #[serde(default)]
    pub integer: bool,
    /// The values that can be had, ascending, where only some can (recorded tables); empty: all between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<f64>,
}

/// The size of one evaluation: a value for each [`FidelityDimension`] of the problem, in its order. Without
/// dimensions it is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Fidelity(pub Vec<f64>);

impl Fidelity {
    /// How large the evaluation is, in one number: the product over its dimensions, 1 without any.
    pub fn size(&self) -> f64 {
        self.0.iter().product()
    }
}

/// What a run optimises: where configurations come from, how large evaluations can be, what is measured.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The search space.
    pub space: Arc<Space>,
    /// The dimensions of an evaluation's size; empty where there is only one size.
    pub fidelities: Vec<FidelityDimension>,
    /// What is measured: at least one, the first is the one that single-objective strategies follow.
    pub objectives: Vec<Objective>,
}

impl Problem {
    /// A problem with one objective and one size of evaluation.
    pub fn new(space: Arc<Space>, objective: Objective) -> Self {
        Self { space, fidelities: Vec::new(), objectives: vec![objective] }
    }

    /// The size of a full evaluation.
    pub fn full_fidelity(&self) -> Fidelity {
        Fidelity(self.fidelities.iter().map(|dimension| dimension.high).collect())
    }
}
