//! A trained network as a folder of files, each of which stands for itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::pytorch::check;
use super::{ExportError, NamedTensor, onnx, pytorch_module, safetensors, torchscript, write_whole};
use crate::{Network, Preparation};

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is for, in a line.
    pub purpose: &'static str,
}

/// Writes a network into `folder`, which is made where it is not there: `network.json`, `weights.safetensors`, `model.pt`
/// (TorchScript), `model.onnx`, `model.py` (PyTorch), `preparation.json`. Files of these names are replaced.
///
/// `tensors` stand in the order of [`Network::tensors`].
///
/// Errors with every [`ExportError`] of the single writers; nothing is written before all files are made.
pub fn write_folder(
    folder: &Path,
    network: &Network,
    tensors: &[NamedTensor],
    preparation: &Preparation,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<ExportedFile>, ExportError> {
    check(network, preparation)?;
    let python = pytorch_module(network, Some(preparation))?.into_bytes();
    let script = torchscript(network, tensors, Some(preparation))?;
    let onnx = onnx(network, tensors, Some(preparation))?;
    let json = |value: serde_json::Result<Vec<u8>>| value.expect("networks and preparations are JSON");
    let files = [
        (
            "model.py",
            "PyTorch: the network as a readable module, with load(), prepare() and predict()",
            python,
        ),
        ("model.pt", "TorchScript: torch.jit.load, in Python or C++", script),
        ("model.onnx", "ONNX, opset 17: any runtime", onnx),
        (
            "network.json",
            "the network's layers, as Heirloom reads them",
            json(serde_json::to_vec_pretty(network)),
        ),
        (
            "preparation.json",
            "how raw values become the network's input, and its output an answer",
            json(serde_json::to_vec_pretty(preparation)),
        ),
    ];
    fs::create_dir_all(folder).map_err(|source| ExportError::Io {
        path: folder.into(),
        action: "made",
        source,
    })?;
    let weights = folder.join("weights.safetensors");
    safetensors::write(&weights, tensors, metadata)?;
    let mut written =
        vec![ExportedFile { path: weights, purpose: "the weights by name, for model.py and others" }];
    for (name, purpose, bytes) in files {
        let path = folder.join(name);
        write_whole(&path, &bytes)?;
        written.push(ExportedFile { path, purpose });
    }
    Ok(written)
}
