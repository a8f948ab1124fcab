//! IDX, the format of MNIST and its relatives, plain or `.gz`.
//!
//! Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", section on file formats.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::file::{io_error, open_unzipped};
use crate::npz::ArrayValues;
use crate::{Array, Column, Error, Result, Table};

fn malformed(path: &Path, reason: String) -> Error {
    let hint = "the header is two zero bytes, a type, a number of dimensions, then each size in four bytes";
    Error::Malformed { path: path.to_owned(), format: "IDX", reason, hint }
}

/// Reads one IDX file; all values are big-endian there.
pub fn read_idx(path: impl AsRef<Path>) -> Result<Array> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    open_unzipped(path)?.read_to_end(&mut bytes).map_err(io_error("read", path))?;
    let Some((&[0, 0, kind, n_dimensions], rest)) = bytes.split_first_chunk::<4>() else {
        return Err(malformed(path, "it does not begin with the magic number".to_owned()));
    };
    let n_dimensions = usize::from(n_dimensions);
    let Some((sizes, data)) = rest.split_at_checked(4 * n_dimensions) else {
        return Err(malformed(path, format!("the sizes of its `{n_dimensions}` dimensions are cut off")));
    };
    let sizes = sizes.as_chunks::<4>().0.iter();
    let shape: Vec<usize> = sizes.map(|size| u32::from_be_bytes(*size) as usize).collect();
    let values = decode(kind, data).ok_or_else(|| {
        malformed(path, format!("type `{kind:#04x}` or a length of `{}` bytes is not possible", data.len()))
    })?;
    let (count, n_values) = (shape.iter().try_fold(1_usize, |count, &n| count.checked_mul(n)), values.len());
    if count != Some(n_values) {
        return Err(malformed(path, format!("shape `{shape:?}` does not hold `{n_values}` values")));
    }
    Ok(Array { name: "x".to_owned(), shape, values })
}

fn decode(kind: u8, data: &[u8]) -> Option<ArrayValues> {
    /// Big-endian words, if the data is a whole number of them.
    fn words<const N: usize>(data: &[u8]) -> Option<&[[u8; N]]> {
        let (words, rest) = data.as_chunks::<N>();
        rest.is_empty().then_some(words)
    }
    Some(match kind {
        0x08 => ArrayValues::U8(data.to_vec()),
        0x09 => ArrayValues::Int(data.iter().map(|&byte| i64::from(byte.cast_signed())).collect()),
        0x0B => {
            ArrayValues::Int(words(data)?.iter().map(|&word| i64::from(i16::from_be_bytes(word))).collect())
        }
        0x0C => {
            ArrayValues::Int(words(data)?.iter().map(|&word| i64::from(i32::from_be_bytes(word))).collect())
        }
        0x0D => {
            ArrayValues::Float(words(data)?.iter().map(|&word| f64::from(f32::from_be_bytes(word))).collect())
        }
        0x0E => ArrayValues::Float(words(data)?.iter().map(|&word| f64::from_be_bytes(word)).collect()),
        _ => return None,
    })
}

/// The names of a file of labels for an images file, packed as this one is and otherwise: `…images-idx3-ubyte…` →
/// `…labels-idx1-ubyte…`. `None` where the name says of no images.
pub(crate) fn labels_names(images: &Path) -> Option<[String; 2]> {
    let name = images.file_name()?.to_str()?;
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    let otherwise = match labels.strip_suffix(".gz") {
        Some(plain) => plain.to_owned(),
        None => format!("{labels}.gz"),
    };
    (labels != name).then_some([labels, otherwise])
}

/// The labels that go with an images file, packed or not.
pub(crate) fn labels_path(images: &Path) -> Option<PathBuf> {
    labels_names(images)?.iter().map(|name| images.with_file_name(name)).find(|path| path.is_file())
}

/// One column of a vector, else a column a value of each item: `x0`, `x1`, …; and `y` where there are labels.
pub(crate) fn read_table(path: &Path) -> Result<Table> {
    let array = read_idx(path)?;
    let n = array.shape.first().copied().unwrap_or(1);
    // The sizes were checked against the data, but for those behind a zero.
    let width = if n == 0 { 0 } else { array.shape.iter().skip(1).product::<usize>() };
    let name = |column: usize| if array.shape.len() < 2 { "y".to_owned() } else { format!("x{column}") };
    let mut columns: Vec<Column> = (0..width)
        .map(|column| {
            Column::new(name(column), array.values.column_values((0..n).map(|row| row * width + column)))
        })
        .collect();
    if let Some(labels) = labels_path(path) {
        let labels = read_idx(&labels)?;
        columns.push(Column::new("y", labels.values.column_values(0..labels.values.len())));
    }
    Table::new(columns)
}
