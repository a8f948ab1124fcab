//! Tensors and trainings in files.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use heirloom_network::Network;
use heirloom_network::export::{ExportError, NamedTensor, safetensors, write_whole};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tch::{Device, Kind, TchError, Tensor};
use thiserror::Error;

use crate::train::state_tensors;
use crate::{Progress, TorchError, Training, Weights};

/// Why a file of tensors could not be written or read.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is damaged, or of another network.
    #[error("`{}` cannot be used: {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file could not be written, or is damaged.
    #[error(transparent)]
    File(#[from] ExportError),
    /// LibTorch failed.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

/// Writes a file whole or not at all, and its folder where it is not there.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    make_folder(path)?;
    Ok(write_whole(path, bytes)?)
}

fn make_folder(path: &Path) -> Result<(), CheckpointError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|source| CheckpointError::Io {
        action: "make the folder of",
        path: path.into(),
        source,
    })
}

/// Tensors on the CPU by their names.
pub type TensorsByName = HashMap<String, Tensor>;

/// Writes named 32-bit tensors as safetensors, with texts beside them.
pub fn write_tensors<N: AsRef<str>>(
    path: &Path,
    tensors: &[(N, &Tensor)],
    texts: &BTreeMap<String, String>,
) -> Result<(), CheckpointError> {
    make_folder(path)?;
    let named = tensors.iter().map(|(name, tensor)| {
        let shape = tensor.size().iter().map(|&size| size as usize).collect();
        let values = numbers_of(tensor);
        let values = values.map_err(|error| TorchError::new(name.as_ref(), &[tensor], &error))?;
        Ok(NamedTensor { name: name.as_ref().to_owned(), shape, values })
    });
    Ok(safetensors::write(path, &named.collect::<Result<Vec<_>, TorchError>>()?, texts)?)
}

/// Reads what [`write_tensors`] wrote: tensors on the CPU by their names, and the texts.
///
/// Errors with [`CheckpointError::File`] when the numbers are not those that were written.
pub fn read_tensors(path: &Path) -> Result<(TensorsByName, BTreeMap<String, String>), CheckpointError> {
    let texts = safetensors::read_metadata(path)?;
    let tensor = |NamedTensor { name, shape, values }: NamedTensor| {
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        let tensor = Tensor::f_from_slice(&values).and_then(|tensor| tensor.f_reshape(shape));
        let tensor = tensor.map_err(|error| TorchError::new(&name, &[], &error))?;
        Ok((name, tensor))
    };
    let tensors = safetensors::read(path)?.into_iter().map(tensor).collect::<Result<_, TorchError>>()?;
    Ok((tensors, texts))
}

/// Reads the weights of `network`, onto `device`.
pub fn read_weights(path: &Path, network: &Network, device: Device) -> Result<Weights, CheckpointError> {
    let (mut tensors, _) = read_tensors(path)?;
    let mut ordered = Vec::new();
    for spec in network.tensors() {
        let tensor = tensors.remove(&spec.name).ok_or_else(|| CheckpointError::Unusable {
            path: path.into(),
            problem: format!("it has no tensor `{}`", spec.name),
        })?;
        ordered.push(tensor.f_to_device(device).map_err(TorchError::at("moving weights"))?);
    }
    Ok(Weights::from_tensors(network, &ordered)?)
}

/// Writes weights by their names.
pub fn write_weights(path: &Path, weights: &Weights) -> Result<(), CheckpointError> {
    let tensors: Vec<(&str, &Tensor)> =
        weights.specs().iter().map(|spec| spec.name.as_str()).zip(weights.tensors()).collect();
    write_tensors(path, &tensors, &BTreeMap::from([("format".to_owned(), "pt".to_owned())]))
}

/// What stands in a training's file beside its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedTraining {
    /// How far it is.
    pub progress: Progress,
    /// Steps of the optimizer.
    pub n_steps: u64,
    /// What whoever trains wants kept.
    pub note: Json,
}

const TRAINING: &str = "training";

/// Writes everything that a training needs to go on to one file, so that no part of it can be of another moment.
pub fn write_training(path: &Path, training: &Training<'_>, note: Json) -> Result<(), CheckpointError> {
    let saved =
        SavedTraining { progress: training.progress(), n_steps: training.optimizer().n_steps(), note };
    let text = serde_json::to_string(&saved).expect("names and finite numbers are JSON");
    write_tensors(path, &state_tensors(training), &BTreeMap::from([(TRAINING.to_owned(), text)]))
}

/// Reads what [`write_training`] wrote.
pub fn read_training(path: &Path) -> Result<(TensorsByName, SavedTraining), CheckpointError> {
    let (tensors, texts) = read_tensors(path)?;
    let unusable = |problem: String| CheckpointError::Unusable { path: path.into(), problem };
    let text = texts.get(TRAINING).ok_or_else(|| unusable("it holds no training".into()))?;
    let saved = serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
    Ok((tensors, saved))
}

fn numbers_of(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let tensor = tensor.detach().f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let n = tensor.numel();
    let mut numbers = vec![0_f32; n];
    tensor.f_copy_data(&mut numbers, n)?;
    Ok(numbers)
}
