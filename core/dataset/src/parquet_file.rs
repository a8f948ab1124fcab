//! Parquet by the low-level column readers, without Arrow: flat columns of booleans, numbers and text.
//!
//! Columns are decoded one at a time, a row group after the other, straight into the table's vectors.

use std::fs::File;
use std::panic::{UnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{ColumnDescriptor, Type};

use crate::file::{create, open};
use crate::{Column, Error, Result, Table, Text, Values};

/// Rows written to a row group.
const ROW_GROUP: usize = 1 << 20;

pub(crate) fn read(path: &Path, names: Option<&[&str]>) -> Result<Table> {
    contain_panics(path, || read_columns(path, names))
}

pub(crate) fn read_names(path: &Path) -> Result<Vec<String>> {
    contain_panics(path, || Ok(column_names(&open_reader(path)?)))
}

/// Errors with [`Error::UnsupportedType`] where one of these columns holds dates or times: without their unit, their raw
/// numbers are no features.
pub(crate) fn deny_times(path: &Path, names: &[&str]) -> Result<()> {
    contain_panics(path, || {
        let reader = open_reader(path)?;
        for column in reader.metadata().file_metadata().schema_descr().columns() {
            let name = column.path().string();
            if let Some(found) = time(column).filter(|_| names.contains(&name.as_str())) {
                return Err(Error::UnsupportedType {
                    path: path.to_owned(),
                    column: name,
                    found: found.to_owned(),
                    hint: "store it as a number, a boolean or text, or, in a Parquet data set, add it to `ignore`",
                });
            }
        }
        Ok(())
    })
}

/// What a column of dates or times holds.
fn time(column: &ColumnDescriptor) -> Option<&'static str> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => Some("date"),
        (Some(LogicalType::Time { .. }), _)
        | (None, ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS) => Some("time"),
        (Some(LogicalType::Timestamp { .. }), _)
        | (None, ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS) => Some("timestamp"),
        _ => None,
    }
}

/// The decoder panics on some damaged files (a negative offset in the footer, a missing dictionary page): to us they
/// are damaged files like any other.
fn contain_panics<T>(path: &Path, read: impl FnOnce() -> Result<T> + UnwindSafe) -> Result<T> {
    catch_unwind(read)
        .unwrap_or_else(|_| Err(malformed(path, "its offsets or pages contradict each other".to_owned())))
}

fn read_columns(path: &Path, names: Option<&[&str]>) -> Result<Table> {
    let reader = open_reader(path)?;
    let all = column_names(&reader);
    let wanted: Vec<usize> = match names {
        None => (0..all.len()).collect(),
        Some(names) => {
            let position = |name: &&str| {
                let found = all.iter().position(|column| column == name);
                found.ok_or_else(|| Error::NoColumn { column: (*name).to_owned(), available: all.clone() })
            };
            names.iter().map(position).collect::<Result<_>>()?
        }
    };
    Table::new(wanted.into_iter().map(|column| read_column(path, &reader, column)).collect::<Result<_>>()?)
}

fn open_reader(path: &Path) -> Result<SerializedFileReader<File>> {
    SerializedFileReader::new(open(path)?).map_err(|error| malformed(path, error.to_string()))
}

fn column_names(reader: &SerializedFileReader<File>) -> Vec<String> {
    reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .columns()
        .iter()
        .map(|column| column.path().string())
        .collect()
}

fn malformed(path: &Path, reason: String) -> Error {
    let hint = "the file may be cut short; fetch or write it again";
    Error::Malformed { path: path.to_owned(), format: "Parquet", reason, hint }
}

/// Why a part of a column could not be read.
enum Problem {
    Damaged(ParquetError),
    Packed(String),
    TooLarge(u64),
    NotText,
}

impl From<ParquetError> for Problem {
    fn from(error: ParquetError) -> Self {
        Self::Damaged(error)
    }
}

impl Problem {
    fn at(self, path: &Path, place: &str) -> Error {
        let (reason, hint) = match self {
            Self::Damaged(error) => return malformed(path, format!("{place}: {error}")),
            Self::Packed(codec) => {
                (format!("compressed by {codec}"), "write it with zstd, snappy or no compression")
            }
            Self::TooLarge(value) => (
                format!("the value `{value}` does not fit into 63 bits"),
                "store the column as real numbers or text",
            ),
            Self::NotText => {
                ("bytes that are no UTF-8 text".to_owned(), "store it as text, or leave the column out")
            }
        };
        Error::Malformed {
            path: path.to_owned(),
            format: "Parquet",
            reason: format!("{place}: {reason}"),
            hint,
        }
    }
}

/// What the physical values of a column mean.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    Plain,
    Unsigned,
    Unknown,
}

fn meaning(column: &ColumnDescriptor) -> Meaning {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Decimal { .. }), _) | (None, ConvertedType::DECIMAL) => Meaning::Unknown,
        (
            _,
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64,
        ) => Meaning::Unsigned,
        _ => Meaning::Plain,
    }
}

/// Whether rows hold lists, or parts of parts.
fn is_nested(column: &ColumnDescriptor) -> bool {
    column.max_rep_level() != 0 || column.max_def_level() > 1
}

/// How to name a type that is not read, and what makes it into one that is.
fn unsupported(column: &ColumnDescriptor) -> (String, &'static str) {
    let hint = "store it as a 32- or 64-bit number, or, in a Parquet data set, add it to `ignore`";
    match column.logical_type_ref() {
        _ if is_nested(column) => {
            let hint =
                "give each of its parts a column of its own, or, in a Parquet data set, add it to `ignore`";
            ("list or struct".to_owned(), hint)
        }
        Some(LogicalType::Float16) => ("float16".to_owned(), hint),
        Some(LogicalType::Decimal { .. }) => ("decimal".to_owned(), hint),
        _ => {
            let hint =
                "store it as a number, a boolean or text, or, in a Parquet data set, add it to `ignore`";
            (format!("{:?} {:?}", column.physical_type(), column.converted_type()), hint)
        }
    }
}

fn read_column(path: &Path, reader: &SerializedFileReader<File>, index: usize) -> Result<Column> {
    let descriptor = reader.metadata().file_metadata().schema_descr().column(index);
    let name = descriptor.path().string();
    let meaning = meaning(&descriptor);
    let unsupported = || {
        let (found, hint) = unsupported(&descriptor);
        Error::UnsupportedType { path: path.to_owned(), column: name.clone(), found, hint }
    };
    if is_nested(&descriptor) || meaning == Meaning::Unknown {
        return Err(unsupported());
    }
    let mut values = match descriptor.physical_type() {
        Physical::BOOLEAN => Values::Bool(Vec::new()),
        Physical::INT32 | Physical::INT64 => Values::Int(Vec::new()),
        Physical::FLOAT | Physical::DOUBLE => Values::Float(Vec::new()),
        Physical::BYTE_ARRAY => Values::Text(Text::default()),
        Physical::INT96 | Physical::FIXED_LEN_BYTE_ARRAY => return Err(unsupported()),
    };
    let mut valid = Validity { nullable: descriptor.max_def_level() == 1, rows: Vec::new() };
    for group in 0..reader.num_row_groups() {
        read_chunk(reader, group, index, meaning, &mut values, &mut valid)
            .map_err(|problem| problem.at(path, &format!("column `{name}`, row group `{group}`")))?;
    }
    if valid.nullable { Column::with_nulls(name, values, valid.rows) } else { Ok(Column::new(name, values)) }
}

struct Validity {
    nullable: bool,
    rows: Vec<bool>,
}

/// Appends one row group's part of a column.
fn read_chunk(
    reader: &SerializedFileReader<File>,
    group: usize,
    index: usize,
    meaning: Meaning,
    values: &mut Values,
    valid: &mut Validity,
) -> std::result::Result<(), Problem> {
    let group = reader.get_row_group(group)?;
    let column = group.metadata().column(index);
    if !matches!(column.compression(), Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_))
    {
        return Err(Problem::Packed(column.compression_codec().to_string()));
    }
    let n_rows = usize::try_from(group.metadata().num_rows())
        .map_err(|error| ParquetError::General(error.to_string()))?;
    let unsigned = meaning == Meaning::Unsigned;
    match (group.get_column_reader(index)?, values) {
        (ColumnReader::BoolColumnReader(column), Values::Bool(out)) => {
            extend(column, n_rows, valid, out, |value| Ok(*value))
        }
        (ColumnReader::Int32ColumnReader(column), Values::Int(out)) => {
            extend(column, n_rows, valid, out, |&value| {
                Ok(if unsigned { i64::from(value.cast_unsigned()) } else { i64::from(value) })
            })
        }
        (ColumnReader::Int64ColumnReader(column), Values::Int(out)) => {
            extend(column, n_rows, valid, out, |&value| {
                if unsigned && value < 0 {
                    return Err(Problem::TooLarge(value.cast_unsigned()));
                }
                Ok(value)
            })
        }
        (ColumnReader::FloatColumnReader(column), Values::Float(out)) => {
            extend(column, n_rows, valid, out, |&value| Ok(f64::from(value)))
        }
        (ColumnReader::DoubleColumnReader(column), Values::Float(out)) => {
            extend(column, n_rows, valid, out, |&value| Ok(value))
        }
        (ColumnReader::ByteArrayColumnReader(column), Values::Text(text)) => {
            extend_text(column, n_rows, valid, text)
        }
        _ => Err(ParquetError::General("row groups of one column differ in type".to_owned()).into()),
    }
}

/// The non-null values of a chunk; `valid` grows by `n_rows`.
fn decode<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    n_rows: usize,
    valid: &mut Validity,
) -> std::result::Result<Vec<T::T>, ParquetError> {
    // A damaged file may promise more rows than there is memory.
    let capacity = n_rows.min(ROW_GROUP);
    let mut values = Vec::with_capacity(capacity);
    let mut levels = Vec::with_capacity(if valid.nullable { capacity } else { 0 });
    let (records, _, _) =
        column.read_records(n_rows, valid.nullable.then_some(&mut levels), None, &mut values)?;
    if records != n_rows {
        return Err(ParquetError::General(format!("`{records}` rows where the file promises `{n_rows}`")));
    }
    valid.rows.extend(levels.iter().map(|&level| level == 1));
    Ok(values)
}

fn extend<T: DataType, V: Default>(
    column: ColumnReaderImpl<T>,
    n_rows: usize,
    valid: &mut Validity,
    out: &mut Vec<V>,
    convert: impl Fn(&T::T) -> std::result::Result<V, Problem>,
) -> std::result::Result<(), Problem> {
    let first = valid.rows.len();
    let values = decode(column, n_rows, valid)?;
    out.reserve(n_rows);
    if values.len() == n_rows {
        for value in &values {
            out.push(convert(value)?);
        }
        return Ok(());
    }
    let mut values = values.iter();
    for &valid in &valid.rows[first..] {
        out.push(match if valid { values.next() } else { None } {
            Some(value) => convert(value)?,
            None => V::default(),
        });
    }
    Ok(())
}

fn extend_text(
    column: ColumnReaderImpl<ByteArrayType>,
    n_rows: usize,
    valid: &mut Validity,
    text: &mut Text,
) -> std::result::Result<(), Problem> {
    let first = valid.rows.len();
    let values = decode(column, n_rows, valid)?;
    let has_nulls = values.len() != n_rows;
    let mut values = values.iter();
    for row in 0..n_rows {
        let value = if has_nulls && !valid.rows[first + row] { None } else { values.next() };
        match value {
            Some(value) => text.push_after_last(value.as_utf8().map_err(|_| Problem::NotText)?),
            None => text.push_after_last(""),
        }
    }
    Ok(())
}

pub(crate) fn write(table: &Table, path: &Path) -> Result<()> {
    try_write(table, create(path)?).map_err(|error| Error::Io {
        action: "write",
        path: path.to_owned(),
        source: match error {
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                Ok(source) => *source,
                Err(source) => std::io::Error::other(source),
            },
            error => std::io::Error::other(error),
        },
    })
}

fn try_write(table: &Table, file: File) -> std::result::Result<(), ParquetError> {
    let fields = table.columns().iter().map(field).collect::<std::result::Result<_, _>>()?;
    let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    for start in (0..table.n_rows()).step_by(ROW_GROUP) {
        let rows = start..table.n_rows().min(start + ROW_GROUP);
        let mut group = writer.next_row_group()?;
        for column in table.columns() {
            let Some(mut out) = group.next_column()? else { break };
            write_chunk(column, rows.clone(), &mut out)?;
            out.close()?;
        }
        group.close()?;
    }
    writer.close().map(drop)
}

fn field(column: &Column) -> std::result::Result<Arc<Type>, ParquetError> {
    let (physical, logical) = match column.values() {
        Values::Bool(_) => (Physical::BOOLEAN, None),
        Values::Int(_) => (Physical::INT64, None),
        Values::Float(_) => (Physical::DOUBLE, None),
        Values::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let repetition = if column.validity().is_some() { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let field = Type::primitive_type_builder(column.name(), physical).with_logical_type(logical);
    Ok(Arc::new(field.with_repetition(repetition).build()?))
}

fn write_chunk(
    column: &Column,
    rows: std::ops::Range<usize>,
    out: &mut SerializedColumnWriter<'_>,
) -> std::result::Result<(), ParquetError> {
    match column.values() {
        Values::Bool(values) => write_values::<BoolType>(column, rows, out, |row| values[row]),
        Values::Int(values) => write_values::<Int64Type>(column, rows, out, |row| values[row]),
        Values::Float(values) => write_values::<DoubleType>(column, rows, out, |row| values[row]),
        Values::Text(text) => {
            let symbols: Vec<ByteArray> =
                text.symbols().iter().map(|symbol| symbol.as_str().into()).collect();
            write_values::<ByteArrayType>(column, rows, out, |row| {
                symbols[text.codes()[row] as usize].clone()
            })
        }
    }
}

fn write_values<T: DataType>(
    column: &Column,
    rows: std::ops::Range<usize>,
    out: &mut SerializedColumnWriter<'_>,
    value: impl Fn(usize) -> T::T,
) -> std::result::Result<(), ParquetError> {
    let values: Vec<T::T> = rows.clone().filter(|&row| !column.is_null(row)).map(value).collect();
    let levels: Option<Vec<i16>> =
        column.validity().map(|valid| valid[rows].iter().map(|&valid| i16::from(valid)).collect());
    out.typed::<T>().write_batch(&values, levels.as_deref(), None).map(drop)
}
