//! NumPy's `.npz`: a zip of `.npy` arrays of numbers and booleans.
//!
//! Source: NEP 1, "A Simple File Format for NumPy Arrays" (header versions 1 to 3).

use std::io::Read;
use std::path::Path;

use crate::file::open;
use crate::{Column, Error, Result, Table, Values};

/// One array, in C order (last index fastest) whatever its order in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its key in the file.
    pub name: String,
    /// Its shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Its values, `shape.iter().product()` of them.
    pub values: ArrayValues,
}

/// The values of an [`Array`]; single and double floats and whole numbers widen without loss.
#[derive(Debug, Clone, PartialEq)]
pub enum ArrayValues {
    /// Unsigned bytes, kept narrow: images.
    U8(Vec<u8>),
    /// Whole numbers of any other width.
    Int(Vec<i64>),
    /// Real numbers.
    Float(Vec<f64>),
    /// Booleans.
    Bool(Vec<bool>),
}

impl ArrayValues {
    /// How many values.
    pub fn len(&self) -> usize {
        match self {
            ArrayValues::U8(values) => values.len(),
            ArrayValues::Int(values) => values.len(),
            ArrayValues::Float(values) => values.len(),
            ArrayValues::Bool(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`, as a number.
    pub(crate) fn number(&self, index: usize) -> f64 {
        match self {
            ArrayValues::U8(values) => f64::from(values[index]),
            ArrayValues::Int(values) => values[index] as f64,
            ArrayValues::Float(values) => values[index],
            ArrayValues::Bool(values) => f64::from(u8::from(values[index])),
        }
    }

    pub(crate) fn column_values(&self, indices: impl Iterator<Item = usize>) -> Values {
        match self {
            ArrayValues::U8(values) => Values::Int(indices.map(|index| i64::from(values[index])).collect()),
            ArrayValues::Int(values) => Values::Int(indices.map(|index| values[index]).collect()),
            ArrayValues::Float(values) => Values::Float(indices.map(|index| values[index]).collect()),
            ArrayValues::Bool(values) => Values::Bool(indices.map(|index| values[index]).collect()),
        }
    }
}

fn malformed(path: &Path, reason: String) -> Error {
    let hint = "write it with numpy.savez from arrays of numbers or booleans";
    Error::Malformed { path: path.to_owned(), format: "NPZ", reason, hint }
}

/// Reads every array of an `.npz` file, in file order.
pub fn read_npz(path: impl AsRef<Path>) -> Result<Vec<Array>> {
    let path = path.as_ref();
    let mut archive =
        zip::ZipArchive::new(open(path)?).map_err(|error| malformed(path, error.to_string()))?;
    let mut arrays = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let mut bytes = Vec::new();
        let mut entry = archive.by_index(index).map_err(|error| malformed(path, error.to_string()))?;
        let name = entry.name().map_err(|error| malformed(path, error.to_string()))?.into_owned();
        entry.read_to_end(&mut bytes).map_err(|error| malformed(path, format!("entry `{name}`: {error}")))?;
        let name = name.strip_suffix(".npy").unwrap_or(&name);
        arrays.push(parse(name, &bytes, path)?);
    }
    Ok(arrays)
}

fn parse(name: &str, bytes: &[u8], path: &Path) -> Result<Array> {
    let bad = |reason: &str| malformed(path, format!("array `{name}`: {reason}"));
    let (header, data) = split_header(bytes).ok_or_else(|| bad("no .npy header"))?;
    let descr = field(header, "descr").ok_or_else(|| bad("no `descr` in the header"))?;
    let dtype = descr.trim_matches(['\'', '"']);
    let fortran =
        field(header, "fortran_order").ok_or_else(|| bad("no `fortran_order` in the header"))? == "True";
    let shape =
        field(header, "shape").and_then(parse_shape).ok_or_else(|| bad("no `shape` in the header"))?;
    let count = shape
        .iter()
        .try_fold(1_usize, |count, &n| count.checked_mul(n))
        .ok_or_else(|| bad("its shape overflows"))?;
    let values = decode(dtype, data, count).map_err(|problem| match problem {
        Problem::Type => {
            let hint = unsupported_hint(dtype);
            Error::UnsupportedType {
                path: path.to_owned(),
                column: name.to_owned(),
                found: dtype.to_owned(),
                hint,
            }
        }
        Problem::Length => {
            bad(&format!("`{}` bytes of data do not hold `{count}` values of `{dtype}`", data.len()))
        }
    })?;
    // Where nothing is stored there is no order, and the other sizes may be anything.
    let values = if fortran && count > 0 { to_c_order(values, &shape) } else { values };
    Ok(Array { name: name.to_owned(), shape, values })
}

/// What makes an array of a type that is not read into one that is.
fn unsupported_hint(dtype: &str) -> &'static str {
    match dtype.trim_start_matches(['<', '>', '|', '=']).chars().next() {
        Some('f') => "store it as 32- or 64-bit numbers: `a.astype(\"float32\")`",
        Some('U' | 'S') => {
            "an NPZ file's arrays are numbers or booleans: store classes by number \
             (`numpy.unique(y, return_inverse=True)`), or write a CSV or Parquet file, which may hold text"
        }
        Some('M' | 'm') => "store times as numbers, such as seconds, or leave the array out of the file",
        _ => {
            "an NPZ file's arrays are numbers or booleans: convert it by `astype`, or leave it out of the file"
        }
    }
}

/// The header's text and the bytes behind it.
fn split_header(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (version, rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = if version[0] == 1 {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        (usize::from(u16::from_le_bytes(*length)), rest)
    } else {
        let (length, rest) = rest.split_first_chunk::<4>()?;
        (u32::from_le_bytes(*length) as usize, rest)
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// The literal after `'key':` in the header's Python dictionary; tuples keep their parentheses.
fn field<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let after = header.split_once(&format!("'{key}':"))?.1.trim_start();
    let end = if after.starts_with('(') { after.find(')')? + 1 } else { after.find([',', '}'])? };
    Some(after[..end].trim())
}

fn parse_shape(tuple: &str) -> Option<Vec<usize>> {
    let inside = tuple.strip_prefix('(')?.strip_suffix(')')?;
    inside.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
}

enum Problem {
    Type,
    Length,
}

fn decode(dtype: &str, data: &[u8], count: usize) -> std::result::Result<ArrayValues, Problem> {
    let big = dtype.starts_with('>');
    let kind = dtype.trim_start_matches(['<', '>', '|', '=']);
    let width: usize = kind.get(1..).and_then(|width| width.parse().ok()).ok_or(Problem::Type)?;
    if !matches!(kind, "f4" | "f8" | "i1" | "i2" | "i4" | "i8" | "u1" | "u2" | "u4" | "u8" | "b1") {
        return Err(Problem::Type);
    }
    if count.checked_mul(width) != Some(data.len()) {
        return Err(Problem::Length);
    }
    // Each value as 8 little-endian bytes, filled from the low end.
    let words = data.chunks_exact(width).map(|bytes| {
        let mut word = [0_u8; 8];
        word[..width].copy_from_slice(bytes);
        if big {
            word[..width].reverse();
        }
        u64::from_le_bytes(word)
    });
    let unused_bits = 64 - 8 * width as u32;
    Ok(match kind {
        "u1" => ArrayValues::U8(data.to_vec()),
        "b1" => ArrayValues::Bool(data.iter().map(|&byte| byte != 0).collect()),
        "f4" => ArrayValues::Float(words.map(|word| f64::from(f32::from_bits(word as u32))).collect()),
        "f8" => ArrayValues::Float(words.map(f64::from_bits).collect()),
        // Sign-extended by shifting the value's top bit to the word's.
        kind if kind.starts_with('i') => {
            ArrayValues::Int(words.map(|word| (word << unused_bits).cast_signed() >> unused_bits).collect())
        }
        _ => {
            let ints: Option<Vec<i64>> = words.clone().map(|word| i64::try_from(word).ok()).collect();
            ints.map_or_else(|| ArrayValues::Float(words.map(|word| word as f64).collect()), ArrayValues::Int)
        }
    })
}

fn to_c_order(values: ArrayValues, shape: &[usize]) -> ArrayValues {
    fn permute<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
        order.iter().map(|&index| values[index]).collect()
    }
    let order = fortran_indices(shape);
    match values {
        ArrayValues::U8(values) => ArrayValues::U8(permute(&values, &order)),
        ArrayValues::Int(values) => ArrayValues::Int(permute(&values, &order)),
        ArrayValues::Float(values) => ArrayValues::Float(permute(&values, &order)),
        ArrayValues::Bool(values) => ArrayValues::Bool(permute(&values, &order)),
    }
}

/// Where each element, taken in C order, lies in Fortran order.
fn fortran_indices(shape: &[usize]) -> Vec<usize> {
    let mut indices = vec![0_usize];
    let mut stride = 1;
    // The first axis varies slowest in C order and has stride 1 in Fortran order.
    for &n in shape {
        indices = indices.iter().flat_map(|&base| (0..n).map(move |i| base + i * stride)).collect();
        stride *= n;
    }
    indices
}

/// The arrays of a file as a table: one-dimensional ones are columns, two-dimensional ones columns `x0`, `x1`, ….
pub(crate) fn read_table(path: &Path) -> Result<Table> {
    let columns: Vec<_> = read_npz(path)?.iter().map(columns).collect::<Result<_>>()?;
    Table::new(columns.into_iter().flatten().collect())
}

/// An array as columns of a table.
pub(crate) fn columns(array: &Array) -> Result<Vec<Column>> {
    match array.shape[..] {
        // No rows: however many columns it claims to have, there is nothing in them.
        [0, _] => Ok(Vec::new()),
        [n] => Ok(vec![Column::new(&array.name, array.values.column_values(0..n))]),
        [n, width] => {
            let column = |column: usize| {
                let name = format!("{}{column}", array.name.to_ascii_lowercase());
                Column::new(name, array.values.column_values((0..n).map(|row| row * width + column)))
            };
            Ok((0..width).map(column).collect())
        }
        _ => {
            let what = format!("array `{}`", array.name);
            let hint = "a table needs arrays of one or two dimensions; open images as a data set";
            Err(Error::ShapeMismatch { what, found: array.shape.clone(), hint })
        }
    }
}
