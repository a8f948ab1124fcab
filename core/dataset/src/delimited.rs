//! Comma- and tab-separated text.
//!
//! Types are inferred from the whole column, after it is read: booleans (`true`/`false`), whole numbers, real
//! numbers, else text. A number written with a leading zero (`007`) is an identifier and makes its column text.
//!
//! Most spellings of a missing value are missing everywhere. `None` and `-` are words too, such as the class of those who
//! have none: they are missing only where all else is numbers or booleans.

use std::io::{BufWriter, Read, Write};
use std::path::Path;

use crate::file::{create, io_error, open_unzipped};
use crate::table::Stray;
use crate::{Column, Error, Result, Table, Text, Value, Values};

/// What stands for a missing value, whatever its case: what pandas and R write and read, and Weka's `?`.
const MISSING: [&str; 15] = [
    "", "?", "NA", "N/A", "<NA>", "NaN", "-NaN", "NULL", "#N/A", "#N/A N/A", "#NA", "1.#IND", "-1.#IND",
    "1.#QNAN", "-1.#QNAN",
];

/// What stands for a missing value among numbers or booleans.
const MISSING_AMONG_NUMBERS: [&str; 2] = ["None", "-"];

/// The share of a text column's values from which on it was meant to hold numbers.
const NEARLY_ALL: f64 = 0.9;

/// * `kept`: texts, by column, that are values there though they read like a missing one.
pub(crate) fn read(
    path: &Path,
    delimiter: u8,
    names: Option<&[&str]>,
    kept: &[(&str, &str)],
) -> Result<Table> {
    let file = Quotes::new(open_unzipped(path)?, delimiter);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(file);
    let malformed = |error: csv::Error| malformed(path, error);
    let header: Vec<String> = reader.headers().map_err(malformed)?.iter().map(str::to_owned).collect();
    if header.is_empty() {
        let hint = "it needs a line with the columns' names, and a line for each row";
        let reason = "it is empty".to_owned();
        return Err(Error::Malformed { path: path.to_owned(), format: "CSV", reason, hint });
    }
    let wanted: Vec<usize> = match names {
        None => (0..header.len()).collect(),
        Some(names) => names.iter().map(|name| position(&header, name)).collect::<Result<_>>()?,
    };
    let mut columns = vec![RawColumn::default(); wanted.len()];
    let mut lines = Vec::new();
    let rows = read_rows(&mut reader, &wanted, &mut columns, &mut lines);
    if let Some((reason, hint)) = reader.get_ref().broken_end() {
        return Err(Error::Malformed { path: path.to_owned(), format: "CSV", reason, hint });
    }
    rows.map_err(malformed)?;
    let column = |(&column, raw): (&usize, RawColumn)| {
        let name = &header[column];
        let kept: Vec<&str> = kept.iter().filter(|(of, _)| of == name).map(|(_, text)| *text).collect();
        raw.infer(name, &kept, &lines)
    };
    Table::new(wanted.iter().zip(columns).map(column).collect::<Result<_>>()?)
}

fn position(header: &[String], name: &str) -> Result<usize> {
    header
        .iter()
        .position(|column| column == name)
        .ok_or_else(|| Error::NoColumn { column: name.to_owned(), available: header.to_vec() })
}

fn read_rows<R: Read>(
    reader: &mut csv::Reader<R>,
    wanted: &[usize],
    columns: &mut [RawColumn],
    lines: &mut Vec<u64>,
) -> csv::Result<()> {
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        lines.push(record.position().map_or(0, csv::Position::line));
        for (raw, &column) in columns.iter_mut().zip(wanted) {
            raw.push(&record[column]);
        }
    }
    Ok(())
}

/// Passes text on, and notes how it ends. Its parser takes all that follows an open quote for one field, and a line
/// that breaks off at a delimiter for one whose last value is missing.
struct Quotes<R> {
    inner: R,
    delimiter: u8,
    place: Place,
    /// The line, from 1, and the one on which the newest quote opened.
    line: u64,
    opened: u64,
    n_bytes: u64,
    ended: bool,
}

/// Where in a field the text is, as the parser sees it (RFC 4180, with text after a closing quote let be).
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// At the start of a line.
    Line,
    /// After a delimiter.
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: it closes them, or stands for itself.
    Quote,
}

impl<R> Quotes<R> {
    fn new(inner: R, delimiter: u8) -> Self {
        Self { inner, delimiter, place: Place::Line, line: 1, opened: 0, n_bytes: 0, ended: false }
    }

    /// What is wrong with how the text ended, and what to do about it.
    fn broken_end(&self) -> Option<(String, &'static str)> {
        match self.place {
            Place::Quoted if self.ended => Some((
                format!("the quote that opens on line `{}` is not closed", self.opened),
                "close it, or write a quote within a field twice and the field in quotes",
            )),
            Place::Start if self.ended => Some((
                format!("the last line, `{}`, ends after a delimiter and without a line break", self.line),
                "the file seems to be cut off: get all of it, or add the line break if the last value is missing",
            )),
            _ => None,
        }
    }

    fn see(&mut self, byte: u8) {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        let is_mark = self.n_bytes < 3 && BYTE_ORDER_MARK.contains(&byte);
        self.place = match (self.place, byte) {
            (Place::Line, _) if is_mark => Place::Line,
            (Place::Line | Place::Start, b'"') => {
                self.opened = self.line;
                Place::Quoted
            }
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) | (Place::Quote, b'"') => Place::Quoted,
            (_, b'\n' | b'\r') => Place::Line,
            (_, byte) if byte == self.delimiter => Place::Start,
            _ => Place::Plain,
        };
        self.line += u64::from(byte == b'\n');
        self.n_bytes += 1;
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        self.ended |= n == 0 && !out.is_empty();
        out[..n].iter().for_each(|&byte| self.see(byte));
        Ok(n)
    }
}

/// The line and field counts of the reader's own error, in our words.
fn malformed(path: &Path, error: csv::Error) -> Error {
    let line = |position: &Option<csv::Position>| position.as_ref().map_or(0, csv::Position::line);
    let (reason, hint) = match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => (
            format!("line `{}` has `{len}` fields where the header has `{expected_len}`", line(pos)),
            "quote fields that hold the delimiter, and look for a missing or extra one on that line",
        ),
        csv::ErrorKind::Utf8 { pos, err } => (
            format!("line `{}`, column `{}` is not UTF-8 text", line(pos), err.field() + 1),
            "save the file as UTF-8",
        ),
        csv::ErrorKind::Io(_) => {
            let csv::ErrorKind::Io(source) = error.into_kind() else { unreachable!("matched above") };
            return Error::Io { action: "read", path: path.to_owned(), source };
        }
        _ => (error.to_string(), "check that it is plain delimited text"),
    };
    Error::Malformed { path: path.to_owned(), format: "CSV", reason, hint }
}

/// A column's fields as read, one after the other, until their type is known.
#[derive(Clone, Default)]
struct RawColumn {
    text: String,
    ends: Vec<usize>,
}

impl RawColumn {
    fn push(&mut self, field: &str) {
        self.text.push_str(field);
        self.ends.push(self.text.len());
    }

    fn fields(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }

    /// * `kept`: what is a value though it reads like a missing one.
    /// * `lines`: where each field stands.
    fn infer(&self, name: &str, kept: &[&str], lines: &[u64]) -> Result<Column> {
        let is_missing = |field: &str| is_among(field, &MISSING) && !kept.contains(&field);
        let valid: Vec<bool> = self.fields().map(|field| !is_missing(field)).collect();
        // Nothing at all is known of an empty column; the numeric default keeps it a feature.
        if !valid.contains(&true) {
            return Column::with_nulls(name, Values::Float(vec![0.0; valid.len()]), valid);
        }
        let is_missing = |field: &str| {
            is_missing(field) || (is_among(field, &MISSING_AMONG_NUMBERS) && !kept.contains(&field))
        };
        let among_numbers: Vec<bool> = self.fields().map(|field| !is_missing(field)).collect();
        if among_numbers.contains(&true)
            && let Some(values) = self.numbers(&among_numbers)
        {
            return Column::with_nulls(name, values, among_numbers);
        }
        let column = Column::with_nulls(name, Values::Text(self.to_text(&valid)), valid)?;
        Ok(column.with_stray(self.stray(&among_numbers, lines)))
    }

    /// The valid fields as numbers or booleans, where all of them are.
    fn numbers(&self, valid: &[bool]) -> Option<Values> {
        let numbers = self.parse(valid, |field| field.parse::<f64>().ok().filter(|_| !is_identifier(field)));
        match numbers {
            Some(numbers) => {
                let ints = self.parse(valid, |field| field.parse::<i64>().ok());
                Some(ints.map_or(Values::Float(numbers), Values::Int))
            }
            None => self.parse(valid, parse_bool).map(Values::Bool),
        }
    }

    /// Of a column of text that nearly is one of numbers, the first field that is none. A column of identifiers is meant
    /// to be text.
    fn stray(&self, valid: &[bool], lines: &[u64]) -> Option<Stray> {
        let fields =
            || self.fields().zip(lines).zip(valid).filter(|(_, valid)| **valid).map(|(field, _)| field);
        let is_number = |field: &str| field.parse::<f64>().is_ok();
        let n_values = fields().count();
        let n_strays = fields().filter(|(field, _)| !is_number(field)).count();
        if ((n_values - n_strays) as f64) < NEARLY_ALL * n_values as f64
            || fields().any(|(field, _)| is_identifier(field))
        {
            return None;
        }
        let (cell, &line) = fields().find(|(field, _)| !is_number(field))?;
        Some(Stray { cell: cell.to_owned(), line, n_strays, n_values })
    }

    /// Every valid field parsed, or `None` at the first that does not.
    fn parse<T: Default>(&self, valid: &[bool], parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
        self.fields()
            .zip(valid)
            .map(|(field, &valid)| if valid { parse(field) } else { Some(T::default()) })
            .collect()
    }

    fn to_text(&self, valid: &[bool]) -> Text {
        self.fields().zip(valid).map(|(field, &valid)| if valid { field } else { "" }).collect()
    }
}

fn is_among(field: &str, words: &[&str]) -> bool {
    words.iter().any(|word| field.eq_ignore_ascii_case(word))
}

fn is_identifier(field: &str) -> bool {
    let digits = field.strip_prefix(['-', '+']).unwrap_or(field);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse_bool(field: &str) -> Option<bool> {
    match field {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

pub(crate) fn write(table: &Table, path: &Path) -> Result<()> {
    let into_io = |error: csv::Error| io_error("write", path)(error.into());
    let mut writer = csv::Writer::from_writer(BufWriter::new(create(path)?));
    writer.write_record(table.columns().iter().map(Column::name)).map_err(into_io)?;
    let mut field = Vec::new();
    for row in 0..table.n_rows() {
        for column in table.columns() {
            field.clear();
            match column.get(row) {
                Value::Null => Ok(()),
                // Debug keeps the point of `1.0`, so that a real column reads back as one.
                Value::Float(value) => write!(field, "{value:?}"),
                value => write!(field, "{value}"),
            }
            .map_err(io_error("write", path))?;
            writer.write_field(&field).map_err(into_io)?;
        }
        writer.write_record(None::<&[u8]>).map_err(into_io)?;
    }
    writer.flush().map_err(io_error("write", path))
}
