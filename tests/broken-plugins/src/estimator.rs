//! Estimators: the sum of a configuration's values, over three epochs, with one fault.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heirloom_plugin::{
    ComponentError, Context, CurvePoint, Direction, Estimator, EstimatorInfo, EvaluationRequest, Failure,
    FailureKind, FidelityDimension, NoOptions, Objective, Outcome, Reporter, Space, Verdict,
};

/// What an estimator does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    SameNames,
    AnswersNothing,
    NotANumber,
    BackwardCurve,
    GoesOn,
    CrashesWhenCancelled,
    CleansUpLong,
    SaysNothing,
    MeasuresAnything,
    LooksForParents,
    OneAtATime,
    CountsPlaces,
    Drifts,
}

struct Broken {
    fault: Fault,
    n_parameters: Option<usize>,
    busy: Mutex<()>,
}

type Evaluation = Result<Outcome, Failure>;

impl Estimator for Broken {
    fn info(&self) -> EstimatorInfo {
        let loss = Objective { name: "loss".into(), direction: Direction::Minimise };
        let epochs = FidelityDimension {
            name: "epochs".into(),
            low: 1.0,
            high: 3.0,
            integer: true,
            levels: Vec::new(),
        };
        EstimatorInfo {
            objectives: vec![loss; self.n_objectives()],
            fidelities: vec![epochs],
            space: None,
            simulated_cost: true,
            concurrent: true,
        }
    }

    fn evaluate(&self, requests: &[EvaluationRequest], reporter: &dyn Reporter) -> Vec<Evaluation> {
        static N_BATCHES: AtomicU64 = AtomicU64::new(0);
        if requests.is_empty() && self.fault == Fault::AnswersNothing {
            return vec![Err(Failure::new(FailureKind::Rejected, "there is nothing to evaluate"))];
        }
        let lock = self.busy.try_lock();
        if self.fault == Fault::OneAtATime {
            if lock.is_err() {
                let busy = || Err(Failure::new(FailureKind::Crashed, "another call is under way"));
                return requests.iter().map(|_| busy()).collect();
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        let n_batches = match requests.len() {
            0 | 1 => 0,
            _ => N_BATCHES.fetch_add(1, Ordering::Relaxed),
        };
        let shift = |place: usize| match self.fault {
            Fault::CountsPlaces => place as f64,
            Fault::Drifts => n_batches as f64,
            _ => 0.0,
        };
        requests
            .iter()
            .enumerate()
            .map(|(place, request)| self.one(request, shift(place), reporter))
            .collect()
    }
}

impl Broken {
    fn n_objectives(&self) -> usize {
        if self.fault == Fault::SameNames { 2 } else { 1 }
    }

    fn one(&self, request: &EvaluationRequest, shift: f64, reporter: &dyn Reporter) -> Evaluation {
        let values = request.configuration.values();
        let fits = self.n_parameters.is_none_or(|n| values.len() == n) && request.fidelity.0.len() == 1;
        if !fits && self.fault != Fault::MeasuresAnything {
            let message = if self.fault == Fault::SaysNothing { "" } else { "it has another shape" };
            return Err(Failure::new(FailureKind::Rejected, message));
        }
        let is_related = request.parent.is_some() || request.continues.is_some();
        assert!(!(self.fault == Fault::LooksForParents && is_related), "there is no such trial");
        let cancelled = || Err(Failure::new(FailureKind::Cancelled, "the run ends"));
        if reporter.cancelled() {
            return match self.fault {
                Fault::CrashesWhenCancelled => Err(Failure::new(FailureKind::Crashed, "the run ends")),
                _ => cancelled(),
            };
        }
        let sum: f64 = values.iter().filter(|value| !value.is_nan()).sum::<f64>() + shift;
        let is_odd = self.fault == Fault::NotANumber && request.trial.0 == 3;
        let loss = if is_odd { f64::NAN } else { sum };
        let mut outcome = Outcome::new(vec![loss; self.n_objectives()], 3.0);
        let mut steps = [1.0, 2.0, 3.0];
        if self.fault == Fault::BackwardCurve {
            steps.reverse();
        }
        for step in steps {
            let objectives = vec![sum + 1.0 / step; self.n_objectives()];
            let point = CurvePoint { step, objectives, cost_seconds: step };
            let verdict = reporter.report(request.trial, &point);
            outcome.curve.push(point);
            if reporter.cancelled() {
                if self.fault == Fault::CleansUpLong {
                    std::thread::sleep(Duration::from_secs(3));
                }
                return cancelled();
            }
            if verdict != Verdict::Continue && self.fault != Fault::GoesOn {
                outcome.stopped = true;
                break;
            }
        }
        Ok(outcome)
    }
}

macro_rules! estimators {
    ($($name:ident => $fault:ident),* $(,)?) => {
        $(pub(crate) fn $name(
            _: NoOptions,
            space: Option<&Arc<Space>>,
            _: &Context,
        ) -> Result<Box<dyn Estimator>, ComponentError> {
            let n_parameters = space.map(|space| space.parameters().len());
            Ok(Box::new(Broken { fault: Fault::$fault, n_parameters, busy: Mutex::new(()) }))
        })*
    };
}

estimators! {
    sound => None,
    info => SameNames,
    count => AnswersNothing,
    finite => NotANumber,
    curve_order => BackwardCurve,
    stop => GoesOn,
    cancel => CrashesWhenCancelled,
    cancel_latency => CleansUpLong,
    failure_kinds => SaysNothing,
    rejects => MeasuresAnything,
    relatives => LooksForParents,
    parallel => OneAtATime,
    batch => CountsPlaces,
    deterministic => Drifts,
}
