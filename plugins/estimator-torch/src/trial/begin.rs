//! Where a training begins: its network, and the state that it goes on from.

use heirloom_network::{Frame, Network};
use heirloom_plugin::tracing::{debug, warn};
use heirloom_plugin::{EvaluationRequest, Failure, FailureKind, TrialId};
use heirloom_torch_nets::checkpoint::{SavedTraining, TensorsByName, read_training};
use heirloom_torch_nets::{Data, TorchError, Training, Weights, inherit};

use super::{Note, Trial};
use crate::fidelity::Size;
use crate::folder::TrialFolder;
use crate::options::Options;

/// Where a training begins.
pub(super) enum Start {
    /// At its first epoch, with weights of this trial where there is one.
    Beginning(Option<TrialId>),
    /// Where another training was.
    Middle(TensorsByName, SavedTraining),
}

impl Trial<'_> {
    /// The network that the configuration stands for, at this size.
    pub(super) fn network(&self, settings: &Options, size: &Size, data: &Data) -> Result<Network, Failure> {
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
        let mut frame = Frame::new(input, data.preparation().target.head());
        frame.width *= settings.width * size.width;
        frame.auxiliary = settings.auxiliary_weight > 0.0;
        let set = |place: &mut Option<usize>, value: Option<usize>| *place = value.or(*place);
        set(&mut frame.stem_channels, settings.stem_channels);
        frame.n_stages = settings.n_stages.unwrap_or(frame.n_stages);
        set(&mut frame.head_channels, settings.head_channels);
        let cells =
            |setting: Option<usize>| setting.map(|setting| size.cells.unwrap_or(setting).min(setting));
        set(&mut frame.cells_per_stage, cells(settings.cells_per_stage));
        set(&mut frame.cells, cells(settings.cells));
        frame.network(spec, &graph).map_err(|error| rejected(format!("no network can be made: {error}")))
    }

    /// Everything that decides how the training goes.
    pub(super) fn identity(&self) -> String {
        let EvaluationRequest { configuration, fidelity, parent, continues, seed, .. } = self.request;
        format!("{:?} {:?} {parent:?} {continues:?} {:?}", configuration.values(), fidelity.0, seed.0)
    }

    /// Where the training begins: where an earlier attempt was, where the trial that it continues ended, or at its first
    /// epoch. What an earlier training noted is taken over into `note`.
    pub(super) fn start(&self, size: &Size, note: &mut Note) -> Start {
        if let Some(start) = self.earlier_attempt(note) {
            return start;
        }
        let EvaluationRequest { trial: own, folder, parent, continues, .. } = self.request;
        let Some(trial) = *continues else {
            return Start::Beginning(parent.filter(|_| self.estimator.options.inherit));
        };
        let state = match folder {
            Some(run) => {
                read_training(&TrialFolder::new(run, trial).state()).map_err(|error| error.to_string())
            }
            None => Err("the run keeps no files of its trials".to_owned()),
        };
        let (tensors, saved) = match state {
            Ok(state) => state,
            // Its own epochs, all of them: what would come of its weights alone is no training of this size.
            Err(problem) => {
                warn!(
                    "trial {own} is trained from its first epoch, as trial {trial} cannot be trained further: \
                     {problem}; hint: `keep = \"state\"`, and room on the disk for it"
                );
                return Start::Beginning(None);
            }
        };
        let kept: Note = serde_json::from_value(saved.note.clone()).unwrap_or_default();
        // Where no size was noted, it differs if it can.
        let goes_on = match &kept.size {
            Some(kept) => size.goes_on_from(kept),
            None => self.estimator.fidelities.len() == 1,
        };
        if !goes_on {
            return Start::Beginning(Some(trial));
        }
        note.trained = kept.trained;
        note.taken_over = saved.progress.epoch;
        (note.inherited, note.inherited_exactly) = (kept.inherited, kept.inherited_exactly);
        Start::Middle(tensors, saved)
    }

    /// An earlier attempt at this trial, if there was one.
    fn earlier_attempt(&self, note: &mut Note) -> Option<Start> {
        let trial = self.request.trial;
        let state = self.folder.as_ref()?.state();
        if !state.exists() {
            return None;
        }
        let (tensors, saved) =
            read_training(&state).inspect_err(|error| warn!("trial {trial} begins anew: {error}")).ok()?;
        let kept: Note = serde_json::from_value(saved.note.clone())
            .inspect_err(|error| warn!("trial {trial} begins anew: its note cannot be read: {error}"))
            .ok()?;
        if kept.identity != note.identity {
            debug!("trial {trial} begins anew: the files in its folder are of another training");
            return None;
        }
        *note = kept;
        Some(Start::Middle(tensors, saved))
    }

    /// The weights of the trial from which `start` inherits as far as they fit, and fresh ones elsewhere; a trial that
    /// cannot be read leaves all of them fresh.
    pub(super) fn first_weights(
        &self,
        start: &Start,
        network: &Network,
        fresh: Weights,
        note: &mut Note,
    ) -> Result<Weights, TorchError> {
        let EvaluationRequest { trial, seed, folder, .. } = self.request;
        let (Start::Beginning(Some(from)), Some(run)) = (start, folder) else { return Ok(fresh) };
        let device = fresh.flat().device();
        let (old, weights) = match TrialFolder::new(run, *from).trained(device) {
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

    /// Puts the training where another one was.
    pub(super) fn restore(
        &self,
        training: &mut Training<'_>,
        tensors: &TensorsByName,
        saved: &SavedTraining,
    ) -> Result<(), Failure> {
        training.restore(saved.progress, saved.n_steps, |name| tensors.get(name)).map_err(|error| {
            let problem = match self.request.continues {
                Some(trial) => format!("trial {trial} cannot be trained further: {error}"),
                None => error.to_string(),
            };
            Failure::new(FailureKind::Crashed, problem)
        })
    }
}
