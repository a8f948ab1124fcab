//! Named tensors in a [safetensors](https://github.com/huggingface/safetensors) file: a JSON header, then the numbers.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ::safetensors::{Dtype, SafeTensorError, SafeTensors, View};
use sha2::{Digest, Sha256};

use super::{ExportError, NamedTensor, write_whole};

/// The longest header that is read, bytes: a file that asks for more is corrupt.
const LONGEST_HEADER: u64 = 100_000_000;

/// Writes tensors, and `metadata` for whoever reads them: beside a hash of the tensors, as JSON under `heirloom` in the
/// file's own metadata. The file is there whole or not at all; the same tensors give the same bytes.
///
/// Errors with [`ExportError::Tensor`] where a tensor's shape and numbers disagree or a name stands twice, and with
/// [`ExportError::Io`].
pub fn write(
    path: &Path,
    tensors: &[NamedTensor],
    metadata: &BTreeMap<String, String>,
) -> Result<(), ExportError> {
    let mut names = HashSet::with_capacity(tensors.len());
    for tensor in tensors {
        tensor.check_length()?;
        if !names.insert(&tensor.name) || tensor.name == "__metadata__" {
            return Err(ExportError::tensor(&tensor.name, "the name stands twice or is the format's own"));
        }
    }
    let mut said = metadata.clone();
    said.insert(DIGEST.into(), digest(tensors));
    // One entry: the format's crate keeps metadata in a hash map, which has another order each time.
    let packed = serde_json::to_string(&said).expect("text is JSON");
    let metadata = Some([(PACKED.to_owned(), packed)].into_iter().collect());
    let views = tensors.iter().map(|tensor| (tensor.name.as_str(), Borrowed(tensor)));
    let bytes = ::safetensors::serialize(views, metadata)
        .map_err(|error| format_error(path, &error, "shorten the tensors' names"))?;
    write_whole(path, &bytes)
}

/// The entry that holds all metadata, as JSON.
const PACKED: &str = "heirloom";

/// The metadata's key of the tensors' own hash: a bit that has turned over on the disk makes no number that looks wrong.
const DIGEST: &str = "sha256";

/// SHA-256 over names and numbers, in hexadecimal, the tensors by ascending name.
fn digest(tensors: &[NamedTensor]) -> String {
    let mut sorted: Vec<&NamedTensor> = tensors.iter().collect();
    sorted.sort_by(|one, other| one.name.cmp(&other.name));
    let mut digest = Sha256::new();
    for tensor in sorted {
        digest.update(tensor.name.as_bytes());
        digest.update(tensor.bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads all tensors, by ascending name.
///
/// Errors with [`ExportError::Format`] where the file is cut off or corrupt, with [`ExportError::Stored`] where a tensor
/// is not of 32-bit floating-point numbers, and with [`ExportError::Io`].
pub fn read(path: &Path) -> Result<Vec<NamedTensor>, ExportError> {
    let bytes = std::fs::read(path).map_err(|source| cannot_read(path, source))?;
    let stored = SafeTensors::deserialize(&bytes).map_err(|error| format_error(path, &error, REMEDY))?;
    let mut tensors = Vec::with_capacity(stored.len());
    for (name, view) in stored.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(ExportError::Stored {
                path: path.into(),
                tensor: name.into(),
                problem: format!(
                    "it holds {:?} and only F32 is read; hint: store it as float32",
                    view.dtype()
                ),
            });
        }
        let numbers = view.data().chunks_exact(4);
        let values = numbers.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
        tensors.push(NamedTensor { name: name.into(), shape: view.shape().to_vec(), values });
    }
    tensors.sort_by(|one, other| one.name.cmp(&other.name));
    let (_, header) =
        SafeTensors::read_metadata(&bytes).map_err(|error| format_error(path, &error, REMEDY))?;
    let said = header.metadata().as_ref().and_then(|said| unpacked(said.get(PACKED)?));
    if said.and_then(|mut said| said.remove(DIGEST)).is_some_and(|written| written != digest(&tensors)) {
        let problem = "its content has changed since it was written".into();
        return Err(ExportError::Format { path: path.into(), problem, hint: REMEDY });
    }
    Ok(tensors)
}

/// Reads what was said about the tensors, without them.
///
/// Errors with [`ExportError::Format`] where the header is cut off or corrupt, and with [`ExportError::Io`].
pub fn read_metadata(path: &Path) -> Result<BTreeMap<String, String>, ExportError> {
    let header = read_header(path).map_err(|source| cannot_read(path, source))?;
    let bad = |problem: String| ExportError::Format { path: path.into(), problem, hint: REMEDY };
    let header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|error| bad(format!("its header is no JSON: {error}")))?;
    let Some(stored) = header.get("__metadata__") else { return Ok(BTreeMap::new()) };
    let metadata: BTreeMap<String, String> = serde_json::from_value(stored.clone())
        .map_err(|error| bad(format!("its metadata are no texts by name: {error}")))?;
    let Some(mut said) = metadata.get(PACKED).and_then(|packed| unpacked(packed)) else {
        return Ok(metadata);
    };
    said.remove(DIGEST);
    Ok(said)
}

fn unpacked(packed: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(packed).ok()
}

const REMEDY: &str = "it was cut off or changed after it was written; take another copy or train again";

fn read_header(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length).min(LONGEST_HEADER);
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header)?;
    Ok(header)
}

fn cannot_read(path: &Path, source: io::Error) -> ExportError {
    ExportError::Io { path: path.into(), action: "read", source }
}

fn format_error(path: &Path, error: &SafeTensorError, hint: &'static str) -> ExportError {
    let problem = match error {
        SafeTensorError::InvalidOffset(tensor) => format!("the place of tensor `{tensor}` is none"),
        SafeTensorError::HeaderTooSmall | SafeTensorError::InvalidHeaderLength => {
            "it ends within its header".into()
        }
        SafeTensorError::MetadataIncompleteBuffer => {
            "it has more or fewer numbers than its header says".into()
        }
        SafeTensorError::HeaderTooLarge => "its header's length is nonsense".into(),
        other => other.to_string(),
    };
    ExportError::Format { path: path.into(), problem, hint }
}

struct Borrowed<'a>(&'a NamedTensor);

impl View for Borrowed<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.bytes())
    }

    fn data_len(&self) -> usize {
        self.0.values.len() * size_of::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, shape: &[usize], values: &[f32]) -> NamedTensor {
        NamedTensor { name: name.into(), shape: shape.to_vec(), values: values.to_vec() }
    }

    fn written() -> (tempfile::TempDir, std::path::PathBuf, Vec<NamedTensor>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let tensors = vec![
            tensor("stem.weight", &[2, 3], &[1.0, -2.5, f32::MIN_POSITIVE, 1e30, -0.0, 3.25]),
            tensor("empty", &[0, 4], &[]),
            tensor("rate", &[], &[0.1]),
        ];
        write(&path, &tensors, &BTreeMap::from([("epoch".into(), "3".into())])).unwrap();
        (folder, path, tensors)
    }

    #[test]
    fn what_was_written_is_read_again_to_the_bit() {
        let (folder, path, mut tensors) = written();
        tensors.sort_by(|one, other| one.name.cmp(&other.name));
        let read_again = read(&path).unwrap();
        assert_eq!(read_again, tensors);
        assert!(read_again[2].values[4].is_sign_negative());
        assert_eq!(read_metadata(&path).unwrap(), BTreeMap::from([("epoch".into(), "3".into())]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn the_header_is_that_of_the_published_format() {
        let (_folder, path, _) = written();
        let bytes = std::fs::read(&path).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        assert_eq!(header["stem.weight"]["dtype"], "F32");
        assert_eq!(header["stem.weight"]["shape"], serde_json::json!([2, 3]));
        let start = header["stem.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
        assert_eq!(bytes[8 + length + start + 4..][..4], (-2.5_f32).to_le_bytes());
    }

    #[test]
    fn the_same_tensors_give_the_same_bytes() {
        let (folder, _, tensors) = written();
        let metadata: BTreeMap<_, _> = (0..9).map(|i| (format!("key{i}"), i.to_string())).collect();
        let [one, other] = ["one", "other"].map(|name| {
            let path = folder.path().join(name);
            write(&path, &tensors, &metadata).unwrap();
            assert_eq!(read_metadata(&path).unwrap(), metadata);
            std::fs::read(path).unwrap()
        });
        assert_eq!(one, other);
    }

    #[test]
    fn a_file_cut_off_anywhere_or_with_more_at_its_end_is_refused() {
        let (_folder, path, _) = written();
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains("weights.safetensors` is no whole safetensors file"), "{message}");
            assert!(message.contains("; hint: "), "{message}");
        }
        std::fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("more or fewer numbers"));
    }

    #[test]
    fn a_changed_header_is_refused_and_never_a_panic() {
        let (_folder, path, _) = written();
        let bytes = std::fs::read(&path).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for place in 0..8 + length {
            for change in [0x01, 0x10, 0x80] {
                let mut changed = bytes.clone();
                changed[place] ^= change;
                std::fs::write(&path, &changed).unwrap();
                // A changed letter in a name is a file of its own right; all else is refused.
                if let Ok(tensors) = read(&path) {
                    assert!(tensors.iter().all(|tensor| tensor.check_length().is_ok()));
                }
            }
        }
    }

    #[test]
    fn a_bit_that_turned_over_in_any_number_is_seen() {
        let (_folder, path, _) = written();
        let whole = std::fs::read(&path).unwrap();
        for place in whole.len() - 7 * size_of::<f32>()..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x04;
            std::fs::write(&path, changed).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains("its content has changed since it was written"), "{message}");
        }
    }

    #[test]
    fn files_of_other_writers_are_read() {
        let (_folder, path, _) = written();
        let header = br#"{"__metadata__":{"format":"pt","sha256":"-"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let whole = [&(header.len() as u64).to_le_bytes(), &header[..], &1_f32.to_le_bytes()].concat();
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(read(&path).unwrap(), [tensor("a", &[1], &[1.0])]);
        assert_eq!(read_metadata(&path).unwrap()["format"], "pt");
    }

    #[test]
    fn numbers_of_another_kind_are_refused_by_name() {
        let (_folder, path, _) = written();
        let header = br#"{"step":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}"#;
        let bytes = [&(header.len() as u64).to_le_bytes(), &header[..], &[0; 4]].concat();
        std::fs::write(&path, bytes).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.starts_with("tensor `step` of `"), "{message}");
        assert!(message.contains("I32"), "{message}");
    }

    #[test]
    fn tensors_that_cannot_be_stored_are_refused_before_anything_is_written() {
        let (_folder, path, _) = written();
        let before = std::fs::read(&path).unwrap();
        let wrong = [tensor("short", &[2], &[1.0])];
        let message = write(&path, &wrong, &BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(message, "tensor `short`: the shape [2] asks for 2 numbers, there are 1");
        let twice = [tensor("a", &[1], &[1.0]), tensor("a", &[1], &[2.0])];
        assert!(write(&path, &twice, &BTreeMap::new()).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let nowhere = path.join("below-a-file");
        let message = write(&nowhere, &[], &BTreeMap::new()).unwrap_err().to_string();
        assert!(message.contains("cannot be written"), "{message}");
    }
}
