//! The measurement: it knows nothing of libraries. Put your training in the place of `loss`.

use std::sync::Arc;

use heirloom_plugin::{
    Configuration, CurvePoint, Direction, Estimator, EstimatorInfo, EvaluationRequest, Failure,
    FailureKind, FidelityDimension, Objective, Outcome, Reporter, Space, Verdict,
};

use crate::Options;

/// Seconds that an epoch is said to take.
const SECONDS_PER_EPOCH: f64 = 0.1;

/// A training that is made up: its loss falls towards what the configuration allows.
pub struct Training {
    space: Arc<Space>,
    options: Options,
}

impl Training {
    /// Trainings of the configurations of `space`.
    pub fn new(space: Arc<Space>, options: Options) -> Self {
        Self { space, options }
    }

    /// The loss that endless training would reach: 0 where every parameter stands at a third of its
    /// range.
    fn best_loss(&self, configuration: &Configuration) -> f64 {
        let places = self.space.to_unit(configuration);
        // A parameter that is inactive is NaN.
        let active = places.iter().filter(|place| !place.is_nan());
        active.map(|place| (place - 1.0 / 3.0).powi(2)).sum()
    }

    fn train(
        &self,
        request: &EvaluationRequest,
        reporter: &dyn Reporter,
    ) -> Result<Outcome, Failure> {
        // What cannot be measured is a failed trial with its reason, never a number.
        self.space
            .check(&request.configuration)
            .map_err(|error| Failure::new(FailureKind::Rejected, error.to_string()))?;
        let epochs = request
            .fidelity
            .0
            .first()
            .copied()
            .unwrap_or(f64::from(self.options.epochs));
        let best = self.best_loss(&request.configuration);
        // All randomness comes from the trial's seed: the same for every attempt at it.
        let mut rng = request.seed.rng();
        let mut outcome = Outcome::new(vec![best + 1.0], 0.0);
        for epoch in 1..=(epochs as u32).max(1) {
            if reporter.cancelled() {
                return Err(Failure::new(FailureKind::Cancelled, "the run ends"));
            }
            let loss = best + 1.0 / f64::from(epoch) + self.options.noise * rng.normal();
            if !loss.is_finite() {
                let message = format!("the loss was `{loss}` in epoch {epoch}");
                return Err(Failure::new(FailureKind::Diverged, message));
            }
            let cost_seconds = f64::from(epoch) * SECONDS_PER_EPOCH;
            let point = CurvePoint {
                step: f64::from(epoch),
                objectives: vec![loss],
                cost_seconds,
            };
            outcome.objectives = point.objectives.clone();
            outcome.cost_seconds = cost_seconds;
            outcome.curve.push(point.clone());
            // A strategy may end a training that promises little.
            if reporter.report(request.trial, &point) != Verdict::Continue {
                outcome.stopped = true;
                break;
            }
        }
        Ok(outcome)
    }
}

impl Estimator for Training {
    fn info(&self) -> EstimatorInfo {
        EstimatorInfo {
            objectives: vec![Objective {
                name: "loss".into(),
                direction: Direction::Minimise,
            }],
            fidelities: vec![FidelityDimension {
                name: "epochs".into(),
                low: 1.0,
                high: f64::from(self.options.epochs),
                integer: true,
                levels: Vec::new(),
            }],
            space: None,
            simulated_cost: true,
            concurrent: true, // nothing here changes while it measures
        }
    }

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        requests
            .iter()
            .map(|request| self.train(request, reporter))
            .collect()
    }
}
