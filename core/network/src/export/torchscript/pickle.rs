//! The module's values as a Python pickle, protocol 2; a tensor in it names the file that holds its numbers.

use super::parts::{Part, Parts};
use crate::export::NamedTensor;

/// A pickle of the empty tuple.
pub(super) const NO_CONSTANTS: &[u8] = b"\x80\x02).";

/// The pickle, and the tensors whose numbers belong into the files `0`, `1`, ….
pub(super) fn of<'a>(parts: &Parts<'a>) -> (Vec<u8>, Vec<&'a NamedTensor>) {
    let mut pickle = Pickle { bytes: b"\x80\x02".to_vec(), stored: Vec::new() };
    pickle.module(&parts.0[0], parts);
    pickle.bytes.push(b'.');
    (pickle.bytes, pickle.stored)
}

struct Pickle<'a> {
    bytes: Vec<u8>,
    stored: Vec<&'a NamedTensor>,
}

/// Opcodes.
const MARK: u8 = b'(';
const TUPLE: u8 = b't';
const EMPTY_TUPLE: u8 = b')';
const EMPTY_DICT: u8 = b'}';
const SET_ITEMS: u8 = b'u';
const BUILD: u8 = b'b';
const REDUCE: u8 = b'R';
const NEW_OBJECT: u8 = 0x81;
const TRUE: u8 = 0x88;
const FALSE: u8 = 0x89;
const PERSISTENT_ID: u8 = b'Q';

impl<'a> Pickle<'a> {
    fn module(&mut self, part: &Part<'a>, parts: &Parts<'a>) {
        self.global("__torch__", &part.class());
        self.bytes.extend([EMPTY_TUPLE, NEW_OBJECT, EMPTY_DICT, MARK]);
        // In the order in which the class declares them: readers go by position.
        for (name, tensor, is_parameter) in &part.tensors {
            self.text(name);
            self.tensor(tensor, *is_parameter);
        }
        self.text("training");
        self.bytes.push(FALSE);
        for (name, number) in &part.parts {
            self.text(name);
            self.module(&parts.0[*number], parts);
        }
        self.bytes.extend([SET_ITEMS, BUILD]);
    }

    /// A call of PyTorch's function that makes a tensor: storage, offset, sizes, strides, whether it has a gradient,
    /// hooks.
    fn tensor(&mut self, tensor: &'a NamedTensor, is_parameter: bool) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.bytes.push(MARK);
        self.storage(tensor);
        self.int(0);
        let n_dimensions = tensor.shape.len();
        let strides = (0..n_dimensions).map(|at| tensor.shape[at + 1..].iter().product());
        self.tuple(tensor.shape.iter().copied());
        self.tuple(strides);
        self.bytes.push(if is_parameter { TRUE } else { FALSE });
        self.global("collections", "OrderedDict");
        self.bytes.extend([EMPTY_TUPLE, REDUCE, TUPLE, REDUCE]);
    }

    fn storage(&mut self, tensor: &'a NamedTensor) {
        self.bytes.push(MARK);
        self.text("storage");
        self.global("torch", "FloatStorage");
        self.text(&self.stored.len().to_string());
        self.text("cpu");
        self.int(tensor.values.len());
        self.bytes.extend([TUPLE, PERSISTENT_ID]);
        self.stored.push(tensor);
    }

    fn tuple(&mut self, sizes: impl Iterator<Item = usize>) {
        self.bytes.push(MARK);
        sizes.for_each(|size| self.int(size));
        self.bytes.push(TUPLE);
    }

    fn global(&mut self, module: &str, name: &str) {
        self.bytes.push(b'c');
        self.bytes.extend(format!("{module}\n{name}\n").bytes());
    }

    fn text(&mut self, text: &str) {
        self.bytes.push(b'X');
        let length = u32::try_from(text.len()).expect("names are short");
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(text.bytes());
    }

    /// A number of 4 bytes, or of 8 where it needs them.
    fn int(&mut self, value: usize) {
        match i32::try_from(value) {
            Ok(small) => {
                self.bytes.push(b'J');
                self.bytes.extend(small.to_le_bytes());
            }
            Err(_) => {
                self.bytes.extend([0x8a, 8]);
                self.bytes.extend((value as u64).to_le_bytes());
            }
        }
    }
}
