//! Tensors and trainings in files.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use heirloom_network::Network;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
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
    /// LibTorch failed.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

/// Writes a file whole or not at all: under another name first, then renamed.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let failed = |action| move |source| CheckpointError::Io { action, path: path.into(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
    }
    // Two attempts at one trial can overlap for a moment, when the first one's host is dying.
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()
    });
    written.map_err(failed("write"))?;
    fs::rename(&beside, path).map_err(failed("rename what was written to"))
}

/// Writes named 32-bit tensors as safetensors, with texts beside them.
pub fn write_tensors<N: AsRef<str>>(
    path: &Path,
    tensors: &[(N, &Tensor)],
    texts: HashMap<String, String>,
) -> Result<(), CheckpointError> {
    let mut all = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let shape: Vec<usize> = tensor.size().iter().map(|&size| size as usize).collect();
        let bytes = bytes_of(tensor).map_err(|error| TorchError::new(name.as_ref(), &[tensor], &error))?;
        all.push((name.as_ref(), shape, bytes));
    }
    let mut digest = Sha256::new();
    all.iter().for_each(|(_, _, bytes)| digest.update(bytes));
    let mut texts = texts;
    texts.insert("sha256".into(), hexadecimal(&digest.finalize()));
    texts.insert("order".into(), all.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join("\n"));
    let views = all.iter().map(|(name, shape, bytes)| {
        TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (*name, view))
    });
    let unusable = |error: safetensors::SafeTensorError| CheckpointError::Unusable {
        path: path.into(),
        problem: error.to_string(),
    };
    let views = views.collect::<Result<Vec<_>, _>>().map_err(unusable)?;
    let bytes = safetensors::serialize(views, Some(texts)).map_err(unusable)?;
    write_file(path, &bytes)
}

/// Reads what [`write_tensors`] wrote: tensors on the CPU by their names, and the texts.
///
/// Errors with [`CheckpointError::Unusable`] when the file is damaged.
pub fn read_tensors(
    path: &Path,
) -> Result<(HashMap<String, Tensor>, HashMap<String, String>), CheckpointError> {
    let bytes =
        fs::read(path).map_err(|source| CheckpointError::Io { action: "read", path: path.into(), source })?;
    let unusable = |problem: String| CheckpointError::Unusable { path: path.into(), problem };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| unusable(error.to_string()))?;
    let texts = header.metadata().clone().unwrap_or_default();
    let file = SafeTensors::deserialize(&bytes).map_err(|error| unusable(error.to_string()))?;
    if let (Some(sum), Some(order)) = (texts.get("sha256"), texts.get("order")) {
        let mut digest = Sha256::new();
        for name in order.split('\n').filter(|name| !name.is_empty()) {
            digest.update(file.tensor(name).map_err(|error| unusable(error.to_string()))?.data());
        }
        if hexadecimal(&digest.finalize()) != *sum {
            return Err(unusable("its content has changed since it was written".into()));
        }
    }
    let mut tensors = HashMap::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(unusable(format!("`{name}` is no 32-bit tensor")));
        }
        let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &shape, Kind::Float)
            .map_err(|error| TorchError::new(&*name, &[], &error))?;
        tensors.insert(name, tensor);
    }
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
    write_tensors(path, &tensors, HashMap::from([("format".to_owned(), "pt".to_owned())]))
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
    write_tensors(path, &state_tensors(training), HashMap::from([(TRAINING.to_owned(), text)]))
}

/// Reads what [`write_training`] wrote.
pub fn read_training(path: &Path) -> Result<(HashMap<String, Tensor>, SavedTraining), CheckpointError> {
    let (tensors, texts) = read_tensors(path)?;
    let unusable = |problem: String| CheckpointError::Unusable { path: path.into(), problem };
    let text = texts.get(TRAINING).ok_or_else(|| unusable("it holds no training".into()))?;
    let saved = serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
    Ok((tensors, saved))
}

fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>, TchError> {
    let tensor = tensor.detach().f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let n = tensor.numel();
    let mut numbers = vec![0_f32; n];
    tensor.f_copy_data(&mut numbers, n)?;
    Ok(numbers.into_iter().flat_map(f32::to_le_bytes).collect())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
