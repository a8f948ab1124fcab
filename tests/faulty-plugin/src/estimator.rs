//! The faulty estimator.

use std::sync::Arc;

use heirloom_plugin::{
    ComponentError, Context, CurvePoint, Direction, Estimator, EstimatorInfo, EvaluationRequest, Failure,
    FailureKind, Objective, Outcome, Reporter, Space, Verdict,
};

use crate::fault::{Fault, Options};

struct Faulty {
    options: Options,
}

pub(crate) fn faulty(
    options: Options,
    _: Option<&Arc<Space>>,
    _: &Context,
) -> Result<Box<dyn Estimator>, ComponentError> {
    assert!(options.fault != Fault::PanicNew, "faulty on purpose");
    Ok(Box::new(Faulty { options }))
}

impl Estimator for Faulty {
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

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        let mut results = Vec::new();
        for request in requests {
            let fault = self.options.strike(request.trial);
            if fault == Fault::BadCount {
                continue;
            }
            let sum: f64 = request.configuration.values().iter().filter(|value| !value.is_nan()).sum();
            let sum = if fault == Fault::BadNumber { f64::NAN } else { sum };
            let point = CurvePoint { step: 1.0, objectives: vec![sum + 1.0], cost_seconds: 0.5 };
            let verdict = reporter.report(request.trial, &point);
            if reporter.cancelled() {
                results.push(Err(Failure::new(FailureKind::Cancelled, "the run ends")));
                continue;
            }
            let mut outcome = Outcome::new(vec![sum], 1.0);
            outcome.curve = vec![point];
            outcome.metrics = [("n_values".to_owned(), request.configuration.values().len() as f64)].into();
            for (name, other) in [("parent", request.parent), ("continues", request.continues)] {
                outcome.metrics.extend(other.map(|trial| (name.to_owned(), trial.0 as f64)));
            }
            if let Some(folder) = &request.folder {
                let own = folder.join(format!("trial-{}", request.trial));
                std::fs::create_dir_all(&own).expect("the test gives a folder that can be made");
                std::fs::write(own.join("sum"), sum.to_string()).expect("it can be written");
            }
            outcome.stopped = verdict != Verdict::Continue;
            results.push(Ok(outcome));
        }
        results
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        assert!(self.options.fault != Fault::PanicDrop, "faulty on purpose");
    }
}
