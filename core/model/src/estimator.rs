//! The trait of what measures a configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    Configuration, CurvePoint, Failure, Fidelity, FidelityDimension, Objective, Outcome, Seed, SpaceSpec,
    TrialId, Verdict,
};

/// What an estimator says of itself before the first evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EstimatorInfo {
    /// What it measures; the run file may choose and order among them.
    pub objectives: Vec<Objective>,
    /// The dimensions of an evaluation's size that it understands.
    pub fidelities: Vec<FidelityDimension>,
    /// The space it knows, where it has one of its own (a recorded table); else the run file gives the space.
    pub space: Option<SpaceSpec>,
    /// Whether cost is simulated: seconds reported, not spent.
    pub simulated_cost: bool,
    /// Whether evaluations can run at the same time. Where not, an executor begins one at a time: a trial that waits
    /// for its turn must not use up its limit.
    // As the first libraries have it, left out where it is so.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub concurrent: bool,
}

fn yes() -> bool {
    true
}

impl EstimatorInfo {
    /// The most objectives, and the most fidelities, that an estimator has.
    pub const MAX_NAMED: usize = 256;

    /// The longest name of an objective or a fidelity, bytes.
    pub const MAX_NAME: usize = 200;

    /// Whether it can be worked with; else what is wrong with it: names that are missing, too long or there twice,
    /// ranges that are none or not of sizes, levels that do not ascend.
    pub fn check(&self) -> Result<(), String> {
        if self.objectives.is_empty() {
            return Err("it has no objective".into());
        }
        let objectives: Vec<_> = self.objectives.iter().map(|objective| objective.name.as_str()).collect();
        let fidelities: Vec<_> = self.fidelities.iter().map(|dimension| dimension.name.as_str()).collect();
        check_names("objective", "objectives", objectives)?;
        check_names("fidelity", "fidelities", fidelities)?;
        for FidelityDimension { name, low, high, integer, levels } in &self.fidelities {
            if !(low.is_finite() && high.is_finite() && low <= high) {
                return Err(format!("`{name}` goes from {low} to {high}"));
            }
            // Evaluations are compared by the product over their dimensions, which has to grow with each of them.
            if *low < 0.0 || *high <= 0.0 {
                return Err(format!(
                    "`{name}` goes from {low} to {high}, but a size is not below 0, and a full one above it"
                ));
            }
            // A proposal of such a size is rejected.
            if *integer && (low.fract() != 0.0 || high.fract() != 0.0) {
                return Err(format!("`{name}` goes from {low} to {high}, and only whole numbers count"));
            }
            if !levels.is_sorted() {
                return Err(format!("the levels of `{name}` do not ascend"));
            }
        }
        Ok(())
    }
}

fn check_names(one: &str, many: &str, mut names: Vec<&str>) -> Result<(), String> {
    if names.len() > EstimatorInfo::MAX_NAMED {
        return Err(format!("it has {} {many}, more than {}", names.len(), EstimatorInfo::MAX_NAMED));
    }
    for (index, name) in names.iter().enumerate() {
        if name.trim().is_empty() {
            return Err(format!("{one} {} has no name", index + 1));
        }
        if name.len() > EstimatorInfo::MAX_NAME || name.contains(char::is_control) {
            let (begin, max) = (name.chars().take(20).collect::<String>(), EstimatorInfo::MAX_NAME);
            return Err(format!(
                "the name {begin:?}… of {one} {} is longer than {max} bytes or has control characters",
                index + 1
            ));
        }
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(format!("two {many} are named `{}`", twice[0])),
        None => Ok(()),
    }
}

/// What one evaluation may use.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Wall seconds.
    pub seconds: Option<f64>,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
}

/// One trial to evaluate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRequest {
    /// The trial's number.
    pub trial: TrialId,
    /// Which try at the trial this is, from 1.
    pub attempt: u32,
    /// What to evaluate.
    pub configuration: Configuration,
    /// How large.
    pub fidelity: Fidelity,
    /// The trial whose weights the estimator may inherit, where it is asked to.
    pub parent: Option<TrialId>,
    /// The trial that is trained further.
    pub continues: Option<TrialId>,
    /// The evaluation's seed: the same for every attempt at the trial.
    pub seed: Seed,
    /// What it may use.
    pub limits: Limits,
    /// How many threads it may use.
    pub threads: usize,
    /// Where the run keeps the files of its trials, such as weights and checkpoints; `None`: nothing is kept.
    ///
    /// The same for every trial of a run, also after it was resumed, and absolute. The estimator makes the folder when
    /// it has something to keep, and in it a folder `trial-N` for each such trial.
    pub folder: Option<PathBuf>,
}

impl EvaluationRequest {
    /// A first attempt on one thread, without limits, a parent or files; its seed follows from the trial's number.
    pub fn new(trial: TrialId, configuration: Configuration, fidelity: Fidelity) -> Self {
        Self {
            trial,
            attempt: 1,
            configuration,
            fidelity,
            parent: None,
            continues: None,
            seed: Seed::from_number(trial.0),
            limits: Limits::default(),
            threads: 1,
            folder: None,
        }
    }
}

/// The evaluation's line to the host. Calls may come from any thread.
pub trait Reporter: Sync {
    /// Reports a new point of a trial's learning curve; the answer says whether to train on.
    fn report(&self, trial: TrialId, point: &CurvePoint) -> Verdict;

    /// Whether the evaluation shall end as soon as it can, with [`FailureKind::Cancelled`](crate::FailureKind).
    fn cancelled(&self) -> bool;
}

/// Measures configurations.
///
/// `evaluate` may be called from several threads at once; where [its info](EstimatorInfo::concurrent) says that
/// evaluations cannot run so, the calls wait for one another. An evaluation that goes wrong is a [`Failure`] of its
/// trial, never an invented number.
pub trait Estimator: Send + Sync {
    /// What this estimator measures.
    fn info(&self) -> EstimatorInfo;

    /// Evaluates trials; one result each, in their order.
    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Direction;

    #[test]
    fn the_ends_of_a_dimension_are_sizes_that_can_be_proposed() {
        let check = |low, high, integer| {
            let dimension =
                FidelityDimension { name: "epochs".into(), low, high, integer, levels: Vec::new() };
            let info = EstimatorInfo {
                objectives: vec![Objective { name: "loss".into(), direction: Direction::Minimise }],
                fidelities: vec![dimension],
                space: None,
                simulated_cost: false,
                concurrent: true,
            };
            info.check()
        };
        assert_eq!((check(1.0, 9.0, true), check(0.1, 9.5, false)), (Ok(()), Ok(())));
        let problem = "`epochs` goes from 1 to 9.5, and only whole numbers count";
        assert_eq!(check(1.0, 9.5, true), Err(problem.into()));
        assert_eq!(check(9.0, 1.0, false), Err("`epochs` goes from 9 to 1".into()));
        for (low, high) in [(-4.0, -1.0), (-1.0, 1.0), (0.0, 0.0)] {
            let problem = check(low, high, false).unwrap_err();
            assert!(problem.ends_with("but a size is not below 0, and a full one above it"), "{problem}");
        }
        assert_eq!(check(0.0, 1.0, false), Ok(()));
    }
}
