//! One training, from a request to an outcome.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use heirloom_network::preparation::TargetPreparation;
use heirloom_network::{Frame, Head, Network};
use heirloom_plugin::tracing::{debug, warn};
use heirloom_plugin::{
    CurvePoint, EvaluationRequest, Failure, FailureKind, Outcome, Reporter, Verdict, json,
};
use heirloom_torch_nets::checkpoint::{SavedTraining, TensorsByName, read_training, write_training};
use heirloom_torch_nets::{
    Data, Initialisation, Interruption, Scores, TorchError, TorchErrorKind, Training, Weights, inherit,
};
use serde::{Deserialize, Serialize};

use crate::estimator::TorchEstimator;
use crate::fidelity::Size;
use crate::folder::TrialFolder;
use crate::memory::resident_bytes;
use crate::options::{Keep, Options};

/// Between two looks at the memory.
const MEMORY_TICK: Duration = Duration::from_millis(50);

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
    /// The learning curve so far.
    curve: Vec<CurvePoint>,
    /// Seconds spent so far.
    seconds: f64,
    /// The last whole epoch's loss on what was trained on.
    train_loss: Option<f64>,
    /// The share of weights that came from the parent.
    inherited: f64,
    /// Whether the network began as the function that its parent was.
    inherited_exactly: bool,
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
        let mut note = Note { identity: self.identity(), ..Note::default() };
        let weights = fresh.and_then(|fresh| self.inherited(&network, fresh, &mut note)).map_err(failed)?;
        let mut training = Training::new(&network, &data, recipe, weights, request.seed).map_err(failed)?;
        // LibTorch keeps the number for each thread that computes; trials beside this one have theirs.
        tch::set_num_threads(self.threads(&training, settings.batch_size) as i32);
        self.take_up(&mut training, &mut note)?;
        self.train(&mut training, &mut note, size.epochs)
    }

    /// How many threads compute: one for steps so short that threads would spend them waiting for one another.
    fn threads(&self, training: &Training<'_>, batch_size: usize) -> usize {
        let rows = batch_size.min(training.data().train().len());
        // Backward computes the gradients of inputs and of weights: twice the forward pass.
        let n_multiply_adds = 3 * training.network().n_multiply_adds().saturating_mul(rows);
        if n_multiply_adds < SHORT_STEP { 1 } else { self.request.threads.max(1) }
    }

    /// The network that the configuration stands for, at this size.
    fn network(&self, settings: &Options, size: &Size, data: &Data) -> Result<Network, Failure> {
        let rejected = |problem: String| Failure::new(FailureKind::Rejected, problem);
        let space = &self.estimator.space;
        let (Some(spec), Some(graph)) =
            (space.architecture_spec(), space.architecture(&self.request.configuration))
        else {
            return Err(rejected("the space has no architecture".into()));
        };
        let graph = graph.map_err(|error| rejected(error.to_string()))?;
        let mut input = data.input_shape();
        if let (Some(side), [_, height, width]) = (size.resolution, &mut input.0[..]) {
            (*height, *width) = (side, side);
        }
        let head = match &data.preparation().target {
            TargetPreparation::Classes { names } => Head::Classes(names.len()),
            TargetPreparation::Values { .. } => Head::Values(1),
        };
        let mut frame = Frame::new(input, head);
        frame.width *= settings.width * size.width;
        frame.auxiliary = settings.auxiliary_weight > 0.0;
        let set = |place: &mut Option<usize>, value: Option<usize>| *place = value.or(*place);
        set(&mut frame.stem_channels, settings.stem_channels);
        frame.n_stages = settings.n_stages.unwrap_or(frame.n_stages);
        set(&mut frame.head_channels, settings.head_channels);
        let cells = |setting: Option<usize>| setting.map(|setting| size.cells.unwrap_or(setting));
        set(&mut frame.cells_per_stage, cells(settings.cells_per_stage));
        set(&mut frame.cells, cells(settings.cells));
        frame.network(spec, &graph).map_err(|error| rejected(format!("no network can be made: {error}")))
    }

    /// Everything that decides how the training goes.
    fn identity(&self) -> String {
        let EvaluationRequest { configuration, fidelity, parent, continues, seed, .. } = self.request;
        format!("{:?} {:?} {parent:?} {continues:?} {:?}", configuration.values(), fidelity.0, seed.0)
    }

    /// Puts the training where it goes on: where an earlier attempt was, where the trial that it continues ended, at
    /// its parent's weights, or nowhere.
    fn take_up(&self, training: &mut Training<'_>, note: &mut Note) -> Result<(), Failure> {
        if let Some(folder) = &self.folder
            && self.resume(folder, training, note)?
        {
            return Ok(());
        }
        let Some(run) = self.request.folder.as_deref() else {
            return match self.request.continues {
                Some(trial) => Err(Failure::new(
                    FailureKind::Rejected,
                    format!("trial {trial} cannot be trained further: the run keeps no files of its trials"),
                )),
                None => Ok(()),
            };
        };
        if let Some(trial) = self.request.continues {
            let cannot = |problem: String| {
                let message = format!(
                    "trial {trial} cannot be trained further: {problem}; hint: was it trained with `keep = \"state\"`?"
                );
                Failure::new(FailureKind::Crashed, message)
            };
            let path = TrialFolder::new(run, trial).state();
            let (tensors, saved) = read_training(&path).map_err(|error| cannot(error.to_string()))?;
            restore(training, &tensors, &saved).map_err(|error| cannot(error.to_string()))?;
        }
        Ok(())
    }

    /// Takes up an earlier attempt at this trial; whether there was one.
    fn resume(
        &self,
        folder: &TrialFolder,
        training: &mut Training<'_>,
        note: &mut Note,
    ) -> Result<bool, Failure> {
        let trial = self.request.trial;
        if !folder.state().exists() {
            return Ok(false);
        }
        let (tensors, saved) = match read_training(&folder.state()) {
            Ok(read) => read,
            Err(error) => {
                warn!("trial {trial} begins anew: {error}");
                return Ok(false);
            }
        };
        let kept: Note = match serde_json::from_value(saved.note.clone()) {
            Ok(kept) => kept,
            Err(error) => {
                warn!("trial {trial} begins anew: its note cannot be read: {error}");
                return Ok(false);
            }
        };
        if kept.identity != note.identity {
            debug!("trial {trial} begins anew: the files in its folder are of another training");
            return Ok(false);
        }
        match restore(training, &tensors, &saved) {
            Ok(()) => {
                *note = kept;
                Ok(true)
            }
            // Part of the state may have been taken over already.
            Err(error) => Err(Failure::new(FailureKind::Crashed, format!("{error}"))),
        }
    }

    /// The weights of the parent as far as they fit, and fresh ones elsewhere; a parent that cannot be read leaves all
    /// of them fresh.
    fn inherited(&self, network: &Network, fresh: Weights, note: &mut Note) -> Result<Weights, TorchError> {
        let EvaluationRequest { trial, seed, folder: Some(run), parent: Some(parent), .. } = self.request
        else {
            return Ok(fresh);
        };
        let device = fresh.flat().device();
        let (old, weights) = match TrialFolder::new(run, *parent).trained(device) {
            Ok(trained) => trained,
            Err(error) => {
                warn!("trial {trial} inherits nothing: {error}");
                return Ok(fresh);
            }
        };
        let (weights, inherited) = inherit(&old, &weights, network, fresh, seed.derive("inherit", 0))?;
        debug!("trial {trial} inherits {:.3} of its weights: {:?}", inherited.share, inherited.steps);
        note.inherited = inherited.share;
        note.inherited_exactly = inherited.exact;
        Ok(weights)
    }

    fn train(&self, training: &mut Training<'_>, note: &mut Note, epochs: usize) -> Result<Outcome, Failure> {
        let estimator = self.estimator;
        let seconds_before = note.seconds;
        let seconds = || seconds_before + self.started.elapsed().as_secs_f64();
        let n_earlier = training.progress().epoch;
        let mut watch = Watch { trial: self, saved: Instant::now(), memory_seen: Instant::now() };
        let mut scores = None;
        let mut is_stopped = false;
        while training.progress().epoch < epochs && !is_stopped {
            let end = training.epoch(&mut |training: &Training<'_>| {
                note.seconds = seconds();
                watch.look(training, note)
            });
            note.train_loss = Some(end.map_err(|interruption| match interruption {
                Interruption::Ended(failure) => failure,
                Interruption::Diverged { steps } => {
                    diverged(&format!("the training loss is not finite after {steps} steps"))
                }
                Interruption::Failed(error) => failed(error),
            })?);
            let measured = self.measured(training)?;
            scores = Some(measured);
            let point = CurvePoint {
                step: training.progress().epoch as f64,
                objectives: estimator.objectives(measured),
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
        let scores = match scores {
            Some(scores) => scores,
            None => self.measured(training)?,
        };
        note.seconds = seconds();
        self.keep(training, note);
        let mut outcome = Outcome::new(estimator.objectives(scores), seconds());
        outcome.metrics = self.metrics(training, note, n_earlier)?;
        outcome.curve.clone_from(&note.curve);
        outcome.stopped = is_stopped && training.progress().epoch < epochs;
        outcome.cost_seconds = seconds();
        Ok(outcome)
    }

    /// The scores on the validation part, all finite.
    fn measured(&self, training: &Training<'_>) -> Result<Scores, Failure> {
        let scores = training.scores(training.data().valid()).map_err(failed)?;
        match self.estimator.objectives(scores).iter().all(|value| value.is_finite()) {
            true => Ok(scores),
            false => Err(diverged("the network's answers on the validation part are not finite")),
        }
    }

    fn metrics(
        &self,
        training: &Training<'_>,
        note: &Note,
        n_earlier: usize,
    ) -> Result<BTreeMap<String, f64>, Failure> {
        let epoch = training.progress().epoch;
        let n_parameters: i64 = training.weights().flat().size().iter().product();
        let mut metrics = BTreeMap::from([
            ("epochs_trained".to_owned(), epoch as f64),
            ("n_parameters".to_owned(), n_parameters as f64),
            ("seconds".to_owned(), note.seconds),
            ("inherited".to_owned(), note.inherited),
            ("inherited_exactly".to_owned(), f64::from(u8::from(note.inherited_exactly))),
            ("epochs_taken_over".to_owned(), n_earlier as f64),
        ]);
        metrics.extend(note.train_loss.map(|loss| ("train_loss".to_owned(), loss)));
        let test = training.data().test();
        if !test.is_empty() {
            let scores = training.scores(test).map_err(failed)?;
            let named: &[(&str, f64)] = match &scores {
                Scores::Classes { loss, accuracy, balanced_accuracy } => &[
                    ("test_loss", *loss),
                    ("test_accuracy", *accuracy),
                    ("test_balanced_accuracy", *balanced_accuracy),
                ],
                Scores::Values { rmse, r2, .. } => &[("test_rmse", *rmse), ("test_r2", *r2)],
            };
            metrics.extend(named.iter().map(|&(name, value)| (name.to_owned(), value)));
        }
        // A test part can hold what the training part never did; no number is better than one that is none.
        metrics.retain(|_, value| value.is_finite());
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

/// What is looked at after each batch.
struct Watch<'t, 'a> {
    trial: &'t Trial<'a>,
    /// When the training was last written to a file.
    saved: Instant,
    /// When the memory was last looked at.
    memory_seen: Instant,
}

impl Watch<'_, '_> {
    fn look(&mut self, training: &Training<'_>, note: &Note) -> ControlFlow<Failure> {
        let Trial { request, reporter, started, estimator, .. } = self.trial;
        if reporter.cancelled() {
            self.save(training, note);
            return ControlFlow::Break(cancelled());
        }
        let limits = request.limits;
        if let Some(limit) = limits.seconds.filter(|&limit| started.elapsed().as_secs_f64() > limit) {
            let message = format!("the training took longer than {limit} seconds");
            return ControlFlow::Break(Failure::new(FailureKind::TimedOut, message));
        }
        if let Some(limit) = limits.memory_bytes.filter(|_| self.memory_seen.elapsed() > MEMORY_TICK) {
            self.memory_seen = Instant::now();
            let used = resident_bytes().saturating_sub(self.trial.memory_before);
            if used > limit {
                let message = format!("the training took {used} bytes of memory, more than {limit}");
                return ControlFlow::Break(Failure::new(FailureKind::OutOfMemory, message));
            }
        }
        if self.saved.elapsed().as_secs_f64() > estimator.options.checkpoint_seconds {
            self.save(training, note);
        }
        ControlFlow::Continue(())
    }

    fn save(&mut self, training: &Training<'_>, note: &Note) {
        self.saved = Instant::now();
        let Some(folder) = &self.trial.folder else { return };
        if let Err(error) = write_training(&folder.state(), training, json!(note)) {
            warn!("trial {}: {error}", self.trial.request.trial);
        }
    }
}

fn restore(
    training: &mut Training<'_>,
    tensors: &TensorsByName,
    saved: &SavedTraining,
) -> Result<(), TorchError> {
    training.restore(saved.progress, saved.n_steps, |name| tensors.get(name))
}

fn cancelled() -> Failure {
    Failure::new(FailureKind::Cancelled, "the run was told to end")
}

fn diverged(what: &str) -> Failure {
    Failure::new(FailureKind::Diverged, format!("{what}; hint: a smaller `learning_rate`"))
}

fn failed(error: TorchError) -> Failure {
    let kind = match error.kind {
        TorchErrorKind::OutOfMemory => FailureKind::OutOfMemory,
        TorchErrorKind::Other => FailureKind::Crashed,
    };
    Failure::new(kind, error.to_string())
}
