//! What a run optimises.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Proposal, Space, SpaceError, TrialId};

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
    /// The smallest value that says anything, 0 or more.
    pub low: f64,
    /// The full value, above 0, at which configurations are compared in the end.
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

    /// Checks that a proposal can become the trial of this number; else says which rule it breaks first.
    pub fn check(&self, proposal: &Proposal, trial: TrialId) -> Result<(), ProposalError> {
        self.space.check(&proposal.configuration)?;
        let (found, expected) = (proposal.fidelity.0.len(), self.fidelities.len());
        if found != expected {
            return Err(ProposalError::FidelityLength { found, expected });
        }
        for (dimension, &value) in self.fidelities.iter().zip(&proposal.fidelity.0) {
            let FidelityDimension { name, low, high, integer, .. } = dimension;
            if !(*low..=*high).contains(&value) {
                let (name, low, high) = (name.clone(), *low, *high);
                return Err(ProposalError::FidelityOutside { name, value, low, high });
            }
            if *integer && value.fract() != 0.0 {
                return Err(ProposalError::FidelityNotWhole { name: name.clone(), value });
            }
        }
        match proposal.parent.into_iter().chain(proposal.continues).find(|&on| on >= trial) {
            Some(on) => Err(ProposalError::Lineage { on }),
            None => Ok(()),
        }
    }
}

/// Why a proposal cannot become a trial.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ProposalError {
    /// Its configuration is no point of the space.
    #[error(transparent)]
    Configuration(#[from] SpaceError),
    /// Its fidelity has not one value for each dimension.
    #[error("it has {found} fidelity values, not {expected}")]
    FidelityLength {
        /// How many it has.
        found: usize,
        /// How many dimensions there are.
        expected: usize,
    },
    /// A size is outside its dimension.
    #[error("fidelity `{name}` is {value}, outside {low} to {high}")]
    FidelityOutside {
        /// The dimension.
        name: String,
        /// The size.
        value: f64,
        /// The dimension's smallest value.
        low: f64,
        /// The dimension's full value.
        high: f64,
    },
    /// A size lies between two whole numbers where only those count.
    #[error("fidelity `{name}` is {value}, where only whole numbers count")]
    FidelityNotWhole {
        /// The dimension.
        name: String,
        /// The size.
        value: f64,
    },
    /// It inherits from, or continues, a trial that does not come before its own.
    #[error("it builds on trial {on}, which does not come before it")]
    Lineage {
        /// That trial.
        on: TrialId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Configuration;

    #[test]
    fn the_first_rule_that_a_proposal_breaks_is_named() {
        let spec = r#"{"parameter": [{"name": "x", "type": "float", "low": 0, "high": 1}]}"#;
        let space = Space::compile(serde_json::from_str(spec).unwrap()).unwrap();
        let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
        let dimension = |name: &str, integer| FidelityDimension {
            name: name.into(),
            low: 1.0,
            high: 9.0,
            integer,
            levels: Vec::new(),
        };
        let problem = Problem {
            fidelities: vec![dimension("epochs", true), dimension("width", false)],
            ..Problem::new(Arc::new(space), objective)
        };
        let proposal =
            |x: f64, sizes: &[f64]| Proposal::new(Configuration::new([x]), Fidelity(sizes.to_vec()));
        let check =
            |proposal: Proposal| problem.check(&proposal, TrialId(3)).map_err(|error| error.to_string());
        let says = |proposal: Proposal, expected: &str| assert_eq!(check(proposal).unwrap_err(), expected);

        says(proposal(2.0, &[1.5]), "parameter `x`: `2` is not one of 0 to 1");
        says(proposal(0.5, &[1.0]), "it has 1 fidelity values, not 2");
        says(proposal(0.5, &[0.0, 1.0]), "fidelity `epochs` is 0, outside 1 to 9");
        says(proposal(0.5, &[1.0, f64::NAN]), "fidelity `width` is NaN, outside 1 to 9");
        says(proposal(0.5, &[1.5, 1.5]), "fidelity `epochs` is 1.5, where only whole numbers count");
        let sound = proposal(0.5, &[2.0, 1.5]);
        let (before, not_before) = (Some(TrialId(2)), Some(TrialId(3)));
        let lineage = "it builds on trial 3, which does not come before it";
        says(Proposal { parent: not_before, ..sound.clone() }, lineage);
        says(Proposal { continues: not_before, parent: before, ..sound.clone() }, lineage);
        check(Proposal { parent: before, continues: before, ..sound }).unwrap();
    }
}
