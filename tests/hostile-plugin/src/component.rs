//! The components: harmless but for their attack.

use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Context, Direction, Estimator, EstimatorInfo, EvaluationRequest, Failure,
    FailureKind, Fidelity, Objective, Observation, Outcome, PluginOptions, Problem, Proposal, Reporter,
    Space, Strategy, TrialId,
};

use crate::attack::Attack;

/// What it does, and at which trial.
#[derive(Debug, Clone, PluginOptions)]
pub(crate) struct Options {
    /// What it does.
    #[option(default = "none")]
    attack: Attack,
    /// The trial at which it does.
    #[option(default = 0)]
    at: u64,
    /// Whether it does at all trials from then on.
    #[option(default = false)]
    onwards: bool,
    /// What the attack is on: a file, a port. A text, not a path, so that naming it here opens nothing.
    #[option(default = "")]
    target: String,
}

impl Options {
    fn strike(&self, trial: TrialId) -> Result<Option<f64>, String> {
        if trial.0 == self.at || self.onwards && trial.0 > self.at {
            self.attack.carry_out(&self.target)
        } else {
            Ok(None)
        }
    }
}

struct Hostile {
    options: Options,
    space: Option<Arc<Space>>,
    fidelity: Fidelity,
}

pub(crate) fn strategy(
    options: Options,
    problem: &Problem,
    _: &Context,
) -> Result<Box<dyn Strategy>, ComponentError> {
    let (space, fidelity) = (Some(Arc::clone(&problem.space)), problem.full_fidelity());
    Ok(Box::new(Hostile { options, space, fidelity }))
}

pub(crate) fn estimator(
    options: Options,
    _: Option<&Arc<Space>>,
    _: &Context,
) -> Result<Box<dyn Estimator>, ComponentError> {
    Ok(Box::new(Hostile { options, space: None, fidelity: Fidelity::default() }))
}

impl Strategy for Hostile {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let space =
            self.space.as_ref().ok_or_else(|| ComponentError::failed("it was made as an estimator"))?;
        let propose = |index: usize| {
            let trial = TrialId(request.first_trial.0 + index as u64);
            self.options.strike(trial).map_err(ComponentError::failed)?;
            let mut rng = request.seed.derive("hostile", trial.0).rng();
            let drawn = space.sample(&mut rng).map_err(|error| ComponentError::failed(error.to_string()))?;
            Ok(Proposal::new(drawn, self.fidelity.clone()))
        };
        (0..request.n).map(propose).collect()
    }

    fn tell(&mut self, _: &[Observation]) -> Result<(), ComponentError> {
        Ok(())
    }
}

impl Estimator for Hostile {
    fn info(&self) -> EstimatorInfo {
        let objective = Objective { name: "sum".into(), direction: Direction::Minimise };
        EstimatorInfo {
            objectives: vec![objective],
            fidelities: Vec::new(),
            space: None,
            simulated_cost: true,
            concurrent: true,
        }
    }

    fn evaluate(&self, requests: &[EvaluationRequest], _: &dyn Reporter) -> Vec<Result<Outcome, Failure>> {
        let evaluate = |request: &EvaluationRequest| {
            let struck = self.options.strike(request.trial);
            let struck = struck.map_err(|message| Failure::new(FailureKind::Crashed, message))?;
            let mut outcome = Outcome::new(vec![request.configuration.values().iter().sum()], 1.0);
            outcome.metrics.extend(struck.map(|value| ("struck".to_owned(), value)));
            Ok(outcome)
        };
        requests.iter().map(evaluate).collect()
    }
}
