//! A network as TorchScript: the zip archive that `torch.jit.load` and LibTorch read.

mod code;
mod parts;
mod pickle;

use std::io::{Cursor, Write};

use parts::Parts;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::steps::Steps;
use super::{ExportError, NamedTensor};
use crate::{Network, Preparation};

/// The folder that everything in the archive lies in.
const ROOT: &str = "network";

/// Readers map tensors into memory, where they must begin at multiples of it, bytes.
const ALIGNMENT: u16 = 64;

/// The version of the operators that the code calls: the oldest that has them as they are called.
const VERSION: &str = "3\n";

/// The bytes of a TorchScript file with the network and its tensors, in the order of [`Network::tensors`].
///
/// The module has the tensors under their names; it gives what the network gives in evaluation, whatever its mode.
/// `preparation`, where given, lies in it as the extra file `preparation.json`.
///
/// Errors with [`ExportError::Tensor`] where the tensors are not the network's.
pub fn torchscript(
    network: &Network,
    tensors: &[NamedTensor],
    preparation: Option<&Preparation>,
) -> Result<Vec<u8>, ExportError> {
    let steps = Steps::new(network, tensors)?;
    let parts = Parts::of(&steps);
    let code = code::of(&steps, &parts);
    let (data, stored) = pickle::of(&parts);
    let mut archive = Archive(ZipWriter::new(Cursor::new(Vec::new())));
    archive.add("data.pkl", &data);
    archive.add("code/__torch__.py", code.as_bytes());
    archive.add("constants.pkl", pickle::NO_CONSTANTS);
    archive.add("byteorder", b"little");
    archive.add("version", VERSION.as_bytes());
    if let Some(preparation) = preparation {
        let json = serde_json::to_vec_pretty(preparation).expect("a preparation is JSON");
        archive.add("extra/preparation.json", &json);
    }
    for (number, tensor) in stored.iter().enumerate() {
        archive.add(&format!("data/{number}"), &tensor.bytes());
    }
    Ok(archive.finish())
}

struct Archive(ZipWriter<Cursor<Vec<u8>>>);

impl Archive {
    fn add(&mut self, name: &str, bytes: &[u8]) {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .with_alignment(ALIGNMENT);
        self.0
            .start_file(format!("{ROOT}/{name}"), options)
            .expect("a name that the archive does not have yet");
        self.0.write_all(bytes).expect("memory can be written");
    }

    fn finish(self) -> Vec<u8> {
        self.0.finish().expect("memory can be written").into_inner()
    }
}
