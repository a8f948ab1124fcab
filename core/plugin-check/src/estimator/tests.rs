use heirloom_model::{Direction, EstimatorInfo, Fidelity, FidelityDimension, Objective};

use super::*;
use crate::Status;
use crate::suite::AnySuite;

/// What an estimator does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    SameNames,
    LosesResult,
    Nan,
    CurveBackwards,
    IgnoresStop,
    CrashesWhenCancelled,
    MeasuresAnything,
    PanicsInThreads,
}

struct Faulty {
    fault: Fault,
    home: std::thread::ThreadId,
}

impl Estimator for Faulty {
    fn info(&self) -> EstimatorInfo {
        let loss = Objective { name: "loss".into(), direction: Direction::Minimise };
        let n = if self.fault == Fault::SameNames { 2 } else { 1 };
        let epochs = FidelityDimension {
            name: "epochs".into(),
            low: 1.0,
            high: 3.0,
            integer: true,
            levels: Vec::new(),
        };
        EstimatorInfo {
            objectives: vec![loss; n],
            fidelities: vec![epochs],
            space: None,
            simulated_cost: true,
            concurrent: true,
        }
    }

    fn evaluate(&self, requests: &[EvaluationRequest], reporter: &dyn Reporter) -> Vec<Evaluation> {
        let is_home = std::thread::current().id() == self.home;
        assert!(self.fault != Fault::PanicsInThreads || is_home, "another thread");
        let n = if self.fault == Fault::LosesResult { requests.len() / 2 } else { requests.len() };
        requests[..n].iter().map(|request| self.one(request, reporter)).collect()
    }
}

impl Faulty {
    fn one(&self, request: &EvaluationRequest, reporter: &dyn Reporter) -> Evaluation {
        if request.configuration.values().len() != 1 && self.fault != Fault::MeasuresAnything {
            return Err(Failure::new(FailureKind::Rejected, "one value is wanted"));
        }
        if reporter.cancelled() {
            let crashes = self.fault == Fault::CrashesWhenCancelled;
            let kind = if crashes { FailureKind::Crashed } else { FailureKind::Cancelled };
            return Err(Failure::new(kind, "cancelled"));
        }
        let loss = if self.fault == Fault::Nan { f64::NAN } else { request.configuration.values()[0] };
        let mut outcome = Outcome::new(vec![loss], 3.0);
        let mut steps = [1.0, 2.0, 3.0];
        if self.fault == Fault::CurveBackwards {
            steps.reverse();
        }
        for step in steps {
            let point = CurvePoint { step, objectives: vec![loss], cost_seconds: step };
            let verdict = reporter.report(request.trial, &point);
            outcome.curve.push(point);
            if verdict != Verdict::Continue && self.fault != Fault::IgnoresStop {
                outcome.stopped = true;
                break;
            }
        }
        Ok(outcome)
    }
}

fn suite(fault: Fault) -> Suite<EstimatorSubject<'static>> {
    let request = |trial| {
        let configuration = Configuration::new(vec![trial as f64]);
        EvaluationRequest::new(TrialId(trial), configuration, Fidelity(vec![3.0]))
    };
    let home = std::thread::current().id();
    crate::estimator(move || Ok(Box::new(Faulty { fault, home })), (0..4).map(request).collect())
        .repeatable(true)
}

#[test]
fn every_check_finds_an_estimator_that_breaks_it() {
    let check = |name: &str, fault, expected: &str| {
        let status = Status::of(|| suite(fault).make(name).unwrap());
        assert!(
            matches!(&status, Status::Failed(message) if message.contains(expected)),
            "{fault:?}: {status:?}"
        );
    };
    check("estimator/info", Fault::SameNames, "two objectives are named `loss`");
    check("estimator/count", Fault::LosesResult, "4 requests gave 2 results");
    check("estimator/finite", Fault::Nan, "hint: give the failure `diverged`");
    check("estimator/curve-order", Fault::CurveBackwards, "step 2 comes after step 3");
    check("estimator/stop", Fault::IgnoresStop, "3 points were reported after");
    check("estimator/cancel", Fault::CrashesWhenCancelled, "ended with the failure `crashed");
    check("estimator/rejects", Fault::MeasuresAnything, "was measured as [0.0]");
    check("estimator/parallel", Fault::PanicsInThreads, "panicked");
}

#[test]
fn a_sound_estimator_passes_every_check() {
    let report = suite(Fault::None).report();
    assert!(report.results.iter().all(|result| result.status == Status::Success), "{report}");
}
