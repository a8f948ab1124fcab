//! Where evaluations run. The trait is what a cluster placement implements; [`LocalExecutor`] uses threads of this
//! process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use heirloom_model::{
    CurvePoint, Estimator, EvaluationRequest, Failure, FailureKind, Outcome, Reporter, TrialId, Verdict,
};

use crate::StopSignal;

/// What an executor tells the engine.
#[derive(Debug)]
pub enum Signal {
    /// A point of a learning curve. The evaluation waits for the verdict.
    Reported {
        /// The running trial.
        trial: TrialId,
        /// Which attempt.
        attempt: u32,
        /// The point.
        point: CurvePoint,
        /// Where the verdict goes.
        reply: Sender<Verdict>,
    },
    /// An evaluation ended.
    Finished {
        /// The trial.
        trial: TrialId,
        /// Which attempt.
        attempt: u32,
        /// What became of it.
        result: Result<Outcome, Failure>,
        /// Wall seconds it took.
        wall_seconds: f64,
    },
}

/// Runs evaluations, several at a time.
pub trait Executor {
    /// How many evaluations it runs at once.
    fn capacity(&self) -> usize;

    /// Starts an evaluation. At most `capacity` are submitted and not finished at any time.
    fn submit(&mut self, request: EvaluationRequest);

    /// The next signal; `None` when none came within `timeout`.
    fn next(&mut self, timeout: Duration) -> Option<Signal>;
}

/// How long an evaluation may go on after its time limit or a cancellation before its thread is given up.
const GRACE: Duration = Duration::from_secs(2);

/// Evaluates on threads of this process, one a worker.
///
/// An evaluation that outlives its time limit is asked to end, and after two seconds given up: its trial fails as
/// timed out and another thread takes the worker's place. The hung thread cannot be ended; it stays until the
/// process does.
///
/// Of an estimator that is not [`concurrent`](heirloom_model::EstimatorInfo::concurrent) one trial runs at a time.
pub struct LocalExecutor {
    estimator: Arc<dyn Estimator>,
    name: String,
    stop: StopSignal,
    n_workers: usize,
    jobs: Sender<Job>,
    jobs_for_workers: Receiver<Job>,
    signals: Receiver<Message>,
    signals_for_workers: Sender<Message>,
    running: HashMap<TrialId, Running>,
}

struct Job {
    request: EvaluationRequest,
    control: Arc<Control>,
}

/// What the executor tells a running evaluation and its thread.
#[derive(Default)]
struct Control {
    /// The evaluation shall end.
    end: AtomicBool,
    /// Nobody waits for it any more, and another thread has taken this one's place.
    given_up: AtomicBool,
}

enum Message {
    Started(TrialId),
    Signal(Signal),
}

/// What is known of an evaluation that has been submitted.
struct Running {
    attempt: u32,
    limit: Option<Duration>,
    /// When a worker took it up.
    since: Option<Instant>,
    /// When it was asked to end.
    asked_to_end: Option<Instant>,
    control: Arc<Control>,
}

impl LocalExecutor {
    /// An executor of `n_workers` threads over `estimator`, which messages call `name`. `stop` is passed on to
    /// running evaluations.
    pub fn new(estimator: Arc<dyn Estimator>, name: String, n_workers: usize, stop: StopSignal) -> Self {
        let alone = n_workers > 1 && !estimator.info().concurrent;
        if alone {
            tracing::warn!(
                "{name} evaluates one trial at a time, not {n_workers}; hint: run it with `isolation = \"process\"`, where \
                 each trial has a process of its own"
            );
        }
        let (jobs, jobs_for_workers) = unbounded();
        let (signals_for_workers, signals) = unbounded();
        let executor = Self {
            estimator,
            name,
            stop,
            n_workers: if alone { 1 } else { n_workers.max(1) },
            jobs,
            jobs_for_workers,
            signals,
            signals_for_workers,
            running: HashMap::new(),
        };
        (0..executor.n_workers).for_each(|_| executor.spawn_worker());
        executor
    }

    fn spawn_worker(&self) {
        let estimator = Arc::clone(&self.estimator);
        let (jobs, signals) = (self.jobs_for_workers.clone(), self.signals_for_workers.clone());
        let stop = self.stop.clone();
        std::thread::spawn(move || {
            for job in jobs {
                let (trial, attempt) = (job.request.trial, job.request.attempt);
                if signals.send(Message::Started(trial)).is_err() {
                    return;
                }
                let begin = Instant::now();
                let reporter =
                    ThreadReporter { attempt, signals: &signals, stop: &stop, end: &job.control.end };
                let mut results = estimator.evaluate(std::slice::from_ref(&job.request), &reporter);
                let result = if results.len() == 1 {
                    results.remove(0)
                } else {
                    let message = format!("the estimator gave {} results for one trial", results.len());
                    Err(Failure::new(FailureKind::Crashed, message))
                };
                let wall_seconds = begin.elapsed().as_secs_f64();
                let finished = Signal::Finished { trial, attempt, result, wall_seconds };
                let given_up = job.control.given_up.load(Ordering::SeqCst);
                if given_up || signals.send(Message::Signal(finished)).is_err() {
                    return;
                }
            }
        });
    }

    /// Asks overdue evaluations to end and gives up those that do not. Returns one that was given up.
    fn give_up_overdue(&mut self) -> Option<Signal> {
        let now = Instant::now();
        let mut given_up = None;
        for (&trial, running) in &mut self.running {
            let Some(since) = running.since else { continue };
            let overdue = running.limit.is_some_and(|limit| now - since > limit);
            if !(overdue || self.stop.cancelling()) {
                continue;
            }
            let asked = *running.asked_to_end.get_or_insert(now);
            running.control.end.store(true, Ordering::SeqCst);
            if now - asked > GRACE {
                running.control.given_up.store(true, Ordering::SeqCst);
                given_up = Some((trial, running.attempt, (now - since).as_secs_f64(), overdue));
                break;
            }
        }
        let (trial, attempt, wall_seconds, overdue) = given_up?;
        self.running.remove(&trial);
        self.spawn_worker();
        let (kind, why) = if overdue {
            (FailureKind::TimedOut, "its time limit ran out and it did not return")
        } else {
            (FailureKind::Cancelled, "the run was cancelled and it did not return")
        };
        let message = format!(
            "{}, trial {trial}: {why}; hint: run it with `isolation = \"process\"`, where it can be killed",
            self.name
        );
        let failure = Failure { kind, message, cost_seconds: wall_seconds };
        Some(Signal::Finished { trial, attempt, result: Err(failure), wall_seconds })
    }
}

impl Executor for LocalExecutor {
    fn capacity(&self) -> usize {
        self.n_workers
    }

    fn submit(&mut self, request: EvaluationRequest) {
        let control = Arc::new(Control::default());
        let running = Running {
            attempt: request.attempt,
            // More seconds than a duration can hold are no limit.
            limit: request.limits.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            since: None,
            asked_to_end: None,
            control: Arc::clone(&control),
        };
        self.running.insert(request.trial, running);
        self.jobs.send(Job { request, control }).expect("this executor holds a receiver itself");
    }

    fn next(&mut self, timeout: Duration) -> Option<Signal> {
        let deadline = Instant::now() + timeout;
        loop {
            let message = match self.signals.recv_deadline(deadline) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => return self.give_up_overdue(),
                Err(RecvTimeoutError::Disconnected) => unreachable!("this executor holds a sender itself"),
            };
            match message {
                Message::Started(trial) => {
                    if let Some(running) = self.running.get_mut(&trial) {
                        running.since = Some(Instant::now());
                    }
                }
                Message::Signal(signal @ Signal::Reported { trial, .. }) => {
                    // A report of a trial that was given up: its sender is dropped, which tells it to stop.
                    if self.running.contains_key(&trial) {
                        return Some(signal);
                    }
                }
                Message::Signal(Signal::Finished { trial, attempt, result, wall_seconds }) => {
                    if let Some(running) = self.running.remove(&trial) {
                        let result = overdue_counts_as_timed_out(&running, result);
                        return Some(Signal::Finished { trial, attempt, result, wall_seconds });
                    }
                }
            }
        }
    }
}

/// An evaluation that ended because it was told that its time is up has timed out, whatever it says itself.
fn overdue_counts_as_timed_out(
    running: &Running,
    result: Result<Outcome, Failure>,
) -> Result<Outcome, Failure> {
    let overdue =
        matches!((running.limit, running.since), (Some(limit), Some(since)) if since.elapsed() > limit);
    match result {
        Err(failure) if failure.kind == FailureKind::Cancelled && overdue => {
            Err(Failure { kind: FailureKind::TimedOut, message: "its time limit ran out".into(), ..failure })
        }
        other => other,
    }
}

/// A worker thread's line to the engine.
struct ThreadReporter<'a> {
    attempt: u32,
    signals: &'a Sender<Message>,
    stop: &'a StopSignal,
    end: &'a AtomicBool,
}

impl Reporter for ThreadReporter<'_> {
    fn report(&self, trial: TrialId, point: &CurvePoint) -> Verdict {
        let (reply, verdict) = bounded(1);
        let reported = Signal::Reported { trial, attempt: self.attempt, point: point.clone(), reply };
        if self.signals.send(Message::Signal(reported)).is_err() {
            return Verdict::Stop;
        }
        verdict.recv().unwrap_or(Verdict::Stop)
    }

    fn cancelled(&self) -> bool {
        self.stop.cancelling() || self.end.load(Ordering::SeqCst)
    }
}
