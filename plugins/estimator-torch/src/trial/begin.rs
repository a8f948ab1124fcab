//! Where a training begins: its network, and the state that it goes on from.

use heirloom_network::{Frame, Network};
use heirloom_plugin::tracing::{debug, warn};
use heirloom_plugin::{EvaluationRequest, Failure, FailureKind};
use heirloom_torch_nets::checkpoint::{SavedTraining, TensorsByName, read_training};
use heirloom_torch_nets::{Data, TorchError, Training, Weights, inherit};

use super::{Note, Trial};
use crate::fidelity::Size;
use crate::folder::TrialFolder;
use crate::options::Options;

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
        let cells = |setting: Option<usize>| setting.map(|setting| size.cells.unwrap_or(setting));
        set(&mut frame.cells_per_stage, cells(settings.cells_per_stage));
        set(&mut frame.cells, cells(settings.cells));
        frame.network(spec, &graph).map_err(|error| rejected(format!("no network can be made: {error}")))
    }

    /// Everything that decides how the training goes.
    pub(super) fn identity(&self) -> String {
        let EvaluationRequest { configuration, fidelity, parent, continues, seed, .. } = self.request;
        format!("{:?} {:?} {parent:?} {continues:?} {:?}", configuration.values(), fidelity.0, seed.0)
    }

    /// Puts the training where it goes on: where an earlier attempt was, where the trial that it continues ended, at
    /// its parent's weights, or nowhere.
    pub(super) fn take_up(&self, training: &mut Training<'_>, note: &mut Note) -> Result<(), Failure> {
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
            note.trained = serde_json::from_value(saved.note).ok().and_then(|kept: Note| kept.trained);
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
    pub(super) fn inherited(
        &self,
        network: &Network,
        fresh: Weights,
        note: &mut Note,
    ) -> Result<Weights, TorchError> {
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
}

fn restore(
    training: &mut Training<'_>,
    tensors: &TensorsByName,
    saved: &SavedTraining,
) -> Result<(), TorchError> {
    training.restore(saved.progress, saved.n_steps, |name| tensors.get(name))
}
