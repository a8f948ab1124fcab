//! An estimator in worker processes: one worker for each evaluation under way at the same time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use heirloom_model::{
    ComponentError, ComponentErrorKind, EstimatorInfo, EvaluationRequest, Failure, FailureKind, Outcome,
    Reporter,
};
use heirloom_plugin_abi::columns::{Outcomes, Report, Requests};
use heirloom_plugin_abi::{Wire, verdict_code};

use crate::checked::RawEstimator;

use super::frame::{Verb, frame_of};
use super::launch::{Call, Launcher};
use super::process::{Fault, Watch, Worker};

/// How much longer than its limit an evaluation may take to end by itself.
const GRACE: Duration = Duration::from_millis(250);

/// How long an evaluation may take to end by itself when the run is cancelled.
const CANCEL_GRACE: Duration = Duration::from_secs(2);

type Results = Vec<Result<Outcome, Failure>>;

pub(super) struct IsolatedEstimator {
    launcher: Launcher,
    idle: Mutex<Vec<Worker>>,
}

impl IsolatedEstimator {
    pub(super) fn start(launcher: Launcher) -> Result<(Self, EstimatorInfo), ComponentError> {
        let (worker, info) = launcher.start()?;
        let mut info: EstimatorInfo =
            serde_json::from_slice(&info).map_err(|error| ComponentError::failed(error.to_string()))?;
        // Whatever the plugin says: each evaluation has a worker of its own.
        info.concurrent = true;
        Ok((Self { launcher, idle: Mutex::new(vec![worker]) }, info))
    }

    /// Evaluates on one worker, which goes back to the pool unless something happened to it.
    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Result<Result<Results, ComponentError>, Fault> {
        if let Err(error) = self.launcher.check() {
            return Ok(Err(error));
        }
        for folder in requests.iter().filter_map(|request| request.folder.as_deref()) {
            if self.launcher.let_write(folder) {
                let confined_before =
                    std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
                // Each is killed and waited for: not under the lock.
                drop(confined_before);
            }
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let started = || {
            let worker = self.launcher.start().map(|(worker, _)| worker);
            worker.map_err(|ComponentError { message, .. }| {
                self.launcher.starts_no_more(&message);
                // The trial is not to blame, and stays for a plugin that starts again.
                Fault { kind: FailureKind::Cancelled, message }
            })
        };
        let mut worker = idle.map_or_else(started, Ok)?;
        let mut frame = match Requests::from_model(requests) {
            Ok(columns) => frame_of(&columns),
            Err(error) => return Ok(Err(error)),
        };
        let mut cancelled_at = None;
        let mut watch = Watch {
            limit: time_limit(requests),
            memory_bytes: requests.iter().filter_map(|request| request.limits.memory_bytes).min(),
            answer: &mut |verb, body, frame| answer(verb, body, frame, reporter),
            abandon: &mut || {
                reporter.cancelled() && cancelled_at.get_or_insert_with(Instant::now).elapsed() > CANCEL_GRACE
            },
        };
        let answer = worker.call(Verb::Evaluate, &mut frame, &mut watch);
        let crashed = |frame: &[u8], worker: &Worker, message: String| {
            // A batch is taken apart after it: the trial that did it comes again, alone.
            if requests.len() > 1 {
                return message;
            }
            let call = Call {
                verb: Verb::Evaluate,
                trials: requests.iter().map(|request| request.trial.0).collect(),
                seed: requests.first().map(|request| request.seed),
                seen: &[frame],
            };
            self.launcher.crashed(&call, worker, message, false)
        };
        let results = match answer {
            Ok(answer) => answer.and_then(|body| Outcomes::read_all(body)?.to_model()),
            Err(Fault { kind: FailureKind::Crashed, message }) => {
                let message = crashed(&frame, &worker, message);
                return Err(Fault { kind: FailureKind::Crashed, message });
            }
            Err(fault) => return Err(fault),
        };
        match results {
            // The object is of no use any more.
            Err(error) if error.kind == ComponentErrorKind::Panicked => {
                let message = crashed(&frame, &worker, error.message);
                Ok(Err(ComponentError { message, ..error }))
            }
            results => {
                self.launcher.worked();
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
                Ok(results)
            }
        }
    }
}

impl RawEstimator for IsolatedEstimator {
    fn try_evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Result<Results, ComponentError> {
        let start = Instant::now();
        let one = |request: &EvaluationRequest| {
            let one = self.try_evaluate(std::slice::from_ref(request), reporter);
            let failed = |error: ComponentError| Err(Failure::new(FailureKind::Crashed, error.message));
            one.map_or_else(failed, |mut results| {
                results.pop().unwrap_or_else(|| failed(ComponentError::failed("gave 0 results for 1 trials")))
            })
        };
        match self.evaluate(requests, reporter) {
            Ok(Err(error)) if requests.len() > 1 && error.kind == ComponentErrorKind::Panicked => {
                Ok(requests.iter().map(one).collect())
            }
            Ok(results) => results,
            // One trial has ended the worker; the others must not pay for it.
            Err(fault) if requests.len() > 1 && fault.kind != FailureKind::Cancelled => {
                Ok(requests.iter().map(one).collect())
            }
            Err(Fault { kind, message }) => {
                let cost_seconds = start.elapsed().as_secs_f64();
                Ok(requests
                    .iter()
                    .map(|_| Err(Failure { kind, message: message.clone(), cost_seconds }))
                    .collect())
            }
        }
    }
}

/// The time that all requests together may take; none where one of them has no limit.
fn time_limit(requests: &[EvaluationRequest]) -> Option<Duration> {
    let seconds: Option<f64> = requests.iter().map(|request| request.limits.seconds).sum();
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).map(|limit| limit + GRACE)
}

/// Answers what the evaluation asks its reporter.
fn answer(
    verb: Verb,
    body: &[u8],
    frame: &mut Vec<u8>,
    reporter: &dyn Reporter,
) -> Result<(), ComponentError> {
    match verb {
        Verb::Report => {
            let report = Report::read_all(body)?.to_model();
            verdict_code(reporter.report(report.trial, &report.point)).write(frame);
            Ok(())
        }
        Verb::Cancelled => {
            u8::from(reporter.cancelled()).write(frame);
            Ok(())
        }
        verb => Err(ComponentError::failed(format!("unexpected frame {verb:?}"))),
    }
}
