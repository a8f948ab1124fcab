//! One training, from a request to an outcome.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use heirloom_network::Operation;
use heirloom_plugin::tracing::warn;
use heirloom_plugin::{
    CurvePoint, EvaluationRequest, Failure, FailureKind, Outcome, Reporter, Verdict, json,
};
use heirloom_torch_nets::checkpoint::write_training;
use heirloom_torch_nets::{
    Initialisation, Interruption, Scores, TorchError, TorchErrorKind, Training, Weights,
};
use serde::{Deserialize, Serialize};

use crate::estimator::TorchEstimator;
use crate::fidelity::Size;
use crate::folder::TrialFolder;
use crate::measures::test_metrics;
use crate::memory::resident_bytes;
use crate::options::Keep;

mod begin;
use begin::Start;

mod watch;
use watch::Watch;

/// Multiply-adds of a step, forward and backward, below which one thread is as fast as two: half a millisecond's work.
/// Where other programs take the cores too, two are many times slower then.
const SHORT_STEP: usize = 12_000_000;

/// A training on its way.
pub(crate) struct Trial<'a> {
    estimator: &'a TorchEstimator,
    request: &'a EvaluationRequest,
    reporter: &'a dyn Reporter,
    started: Instant,
    memory_before: u64,
    folder: Option<TrialFolder>,
}

/// What a trial keeps beside its training's tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Note {
    /// What is trained, so that the files of another trial are not taken for this one's.
    identity: String,
    /// The size that it is trained at.
    #[serde(default)]
    size: Option<Size>,
    /// The learning curve so far.
    curve: Vec<CurvePoint>,
    /// Seconds spent so far.
    seconds: f64,
    /// The last whole epoch's scores on what was trained on.
    trained: Option<Scores>,
    /// The share of weights that came from the parent, or from the same trial at another size.
    inherited: f64,
    /// Whether the network began as the function that the other one was.
    inherited_exactly: bool,
    /// Epochs of the trial that this one continues.
    #[serde(default)]
    taken_over: usize,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(
        estimator: &'a TorchEstimator,
        request: &'a EvaluationRequest,
        reporter: &'a dyn Reporter,
        started: Instant,
    ) -> Self {
        let folder = request.folder.as_deref().filter(|_| estimator.options.keep != Keep::Nothing);
        let folder = folder.map(|run| TrialFolder::new(run, request.trial));
        let memory_before = if request.limits.memory_bytes.is_some() { resident_bytes() } else { 0 };
        Self { estimator, request, reporter, started, memory_before, folder }
    }

    /// Trains and measures.
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let result = self.trained();
        // Only what was cancelled is gone on with.
        if let (Some(folder), Err(failure)) = (&self.folder, &result)
            && failure.kind != FailureKind::Cancelled
        {
            folder.forget_state();
        }
        result
    }

    fn trained(&self) -> Result<Outcome, Failure> {
        let Self { estimator, request, .. } = *self;
        let rejected = |problem: String| Failure::new(FailureKind::Rejected, problem);
        let space = &estimator.space;
        space
            .check(&request.configuration)
            .map_err(|error| rejected(format!("the configuration does not fit the space: {error}")))?;
        if self.reporter.cancelled() {
            return Err(cancelled());
        }
        let size = Size::of(&request.fidelity, &estimator.fidelities).map_err(rejected)?;
        let settings = estimator.options.with(space, &request.configuration).map_err(rejected)?;
        let data = estimator.data();
        let network = self.network(&settings, &size, &data)?;
        let recipe = settings.recipe(size.epochs, size.data_fraction, size.resolution, estimator.bfloat16);
        let fresh = Weights::new(
            &network,
            Initialisation::default(),
            request.seed.derive("weights", 0),
            data.device(),
        );
        let mut note = Note { identity: self.identity(), size: Some(size), ..Note::default() };
        let start = self.start(&size, &mut note);
        let weights = fresh.and_then(|fresh| self.first_weights(&start, &network, fresh, &mut note));
        let weights = weights.map_err(failed)?;
        let mut training = Training::new(&network, &data, recipe, weights, request.seed).map_err(failed)?;
        self.check_normalised(&training)?;
        // LibTorch keeps the number for each thread that computes; trials beside this one have theirs.
        tch::set_num_threads(self.threads(&training) as i32);
        if let Start::Middle(tensors, saved) = start {
            self.restore(&mut training, &tensors, &saved)?;
        }
        self.train(&mut training, &mut note, size.epochs)
    }

    /// Refuses steps of one row where a batch normalisation needs several: it sees one number of each unit.
    fn check_normalised(&self, training: &Training<'_>) -> Result<(), Failure> {
        let network = training.network();
        let mut layers = network.layers().iter().zip(network.shapes());
        let single = layers.find(|(layer, shape)| {
            matches!(layer.operation, Operation::BatchNorm { .. })
                && shape.0[1..].iter().all(|side| *side == 1)
        });
        match single {
            Some((layer, _)) if training.batch_rows() == 1 => {
                let message = format!(
                    "`{}` is a batch normalisation, which needs two rows a step, and a step has one; hint: a larger \
                     `batch_size`, more training rows, or a network without batch normalisation",
                    layer.name
                );
                Err(Failure::new(FailureKind::Rejected, message))
            }
            _ => Ok(()),
        }
    }

    /// How many threads compute: one for steps so short that threads would spend them waiting for one another.
    fn threads(&self, training: &Training<'_>) -> usize {
        // Backward computes the gradients of inputs and of weights: twice the forward pass.
        let n_multiply_adds = 3 * training.network().n_multiply_adds().saturating_mul(training.batch_rows());
        if n_multiply_adds < SHORT_STEP { 1 } else { self.request.threads.max(1) }
    }

    fn train(&self, training: &mut Training<'_>, note: &mut Note, epochs: usize) -> Result<Outcome, Failure> {
        let seconds_before = note.seconds;
        let seconds = || seconds_before + self.started.elapsed().as_secs_f64();
        let mut watch = Watch::new(self);
        let mut objectives = None;
        let mut is_stopped = false;
        while training.progress().epoch < epochs && !is_stopped {
            let end = training.epoch(&mut |training: &Training<'_>| {
                note.seconds = seconds();
                watch.look(training, note)
            });
            let trained = end.map_err(|interruption| match interruption {
                Interruption::Ended(failure) => failure,
                Interruption::Diverged { steps } => {
                    diverged(&format!("the training loss is not finite after {steps} steps"))
                }
                Interruption::Failed(error) => failed(error),
            })?;
            let measured = self.measured(training, &trained)?;
            note.trained = Some(trained);
            objectives = Some(measured.clone());
            let point = CurvePoint {
                step: training.progress().epoch as f64,
                objectives: measured,
                cost_seconds: seconds(),
            };
            note.curve.push(point.clone());
            is_stopped = self.reporter.report(self.request.trial, &point) != Verdict::Continue;
            // What is kept from here on holds the point that was just reported.
            if !is_stopped && training.progress().epoch < epochs {
                note.seconds = seconds();
                if let ControlFlow::Break(failure) = watch.look(training, note) {
                    return Err(failure);
                }
            }
        }
        let objectives = match (objectives, &note.trained) {
            (Some(objectives), _) => objectives,
            (None, Some(trained)) => self.measured(training, trained)?,
            (None, None) => {
                let message = "the training that it goes on from has not come to the end of an epoch";
                return Err(Failure::new(FailureKind::Crashed, message));
            }
        };
        // The run has gone on without a trial whose time is up: its network must not stand there as if it had been measured.
        if let Some(failure) = self.timed_out() {
            return Err(failure);
        }
        note.seconds = seconds();
        self.keep(training, note);
        let mut outcome = Outcome::new(objectives, seconds());
        outcome.metrics = self.metrics(training, note)?;
        outcome.curve.clone_from(&note.curve);
        outcome.stopped = is_stopped && training.progress().epoch < epochs;
        outcome.cost_seconds = seconds();
        Ok(outcome)
    }

    /// The failure of a trial whose time is up.
    fn timed_out(&self) -> Option<Failure> {
        let limit =
            self.request.limits.seconds.filter(|&limit| self.started.elapsed().as_secs_f64() > limit)?;
        let message = format!("the training took longer than {limit} seconds");
        Some(Failure::new(FailureKind::TimedOut, message))
    }

    /// The objectives, all finite; `trained`: the scores of the last epoch's batches.
    fn measured(&self, training: &Training<'_>, trained: &Scores) -> Result<Vec<f64>, Failure> {
        let valid = training.scores(training.data().valid()).map_err(failed)?;
        self.estimator.measures.values(&valid, trained)
    }

    fn metrics(&self, training: &Training<'_>, note: &Note) -> Result<BTreeMap<String, f64>, Failure> {
        let epoch = training.progress().epoch;
        let mut metrics = BTreeMap::from([
            ("epochs_trained".to_owned(), epoch as f64),
            ("n_parameters".to_owned(), training.network().n_parameters() as f64),
            ("seconds".to_owned(), note.seconds),
            ("inherited".to_owned(), note.inherited),
            ("inherited_exactly".to_owned(), f64::from(u8::from(note.inherited_exactly))),
            ("epochs_taken_over".to_owned(), note.taken_over as f64),
        ]);
        let test = training.data().test();
        if !test.is_empty() {
            metrics.extend(test_metrics(&training.scores(test).map_err(failed)?));
        }
        Ok(metrics)
    }

    /// Keeps the trained network, and its state where asked. A full disk costs the files, not the trial.
    fn keep(&self, training: &Training<'_>, note: &Note) {
        let Some(folder) = &self.folder else { return };
        let kept = folder.keep(training.network(), training.data().preparation(), training.weights());
        let kept = kept.and_then(|()| match self.estimator.options.keep {
            Keep::State => write_training(&folder.state(), training, json!(note)),
            Keep::Weights | Keep::Nothing => {
                folder.forget_state();
                Ok(())
            }
        });
        if let Err(error) = kept {
            warn!("trial {}: {error}", self.request.trial);
        }
    }
}

fn cancelled() -> Failure {
    Failure::new(FailureKind::Cancelled, "the run was told to end")
}

pub(crate) fn diverged(what: &str) -> Failure {
    Failure::new(FailureKind::Diverged, format!("{what}; hint: a smaller `learning_rate`"))
}

fn failed(error: TorchError) -> Failure {
    let kind = match error.kind {
        TorchErrorKind::OutOfMemory => FailureKind::OutOfMemory,
        TorchErrorKind::Other => FailureKind::Crashed,
    };
    Failure::new(kind, error.to_string())
}
