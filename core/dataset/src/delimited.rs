//! Comma- and tab-separated text.
//!
//! Types are inferred from the whole column, after it is read: booleans (`true`/`false`), whole numbers, real
//! numbers, else text. A number written with a leading zero (`007`) is an identifier and makes its column text.

use std::io::{BufWriter, Read, Write};
use std::path::Path;

use crate::file::{create, io_error, open_unzipped};
use crate::{Column, Error, Result, Table, Text, Value, Values};

/// What stands for a missing value, whatever its case.
const MISSING: [&str; 4] = ["", "?", "NA", "NaN"];

pub(crate) fn read(path: &Path, delimiter: u8, names: Option<&[&str]>) -> Result<Table> {
    let file = Quotes::new(open_unzipped(path)?, delimiter);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(file);
    let malformed = |error: csv::Error| malformed(path, error);
    let header: Vec<String> = reader.headers().map_err(malformed)?.iter().map(str::to_owned).collect();
    let wanted: Vec<usize> = match names {
        None => (0..header.len()).collect(),
        Some(names) => names.iter().map(|name| position(&header, name)).collect::<Result<_>>()?,
    };
    let mut columns = vec![RawColumn::default(); wanted.len()];
    let rows = read_rows(&mut reader, &wanted, &mut columns);
    if let Some((reason, hint)) = reader.get_ref().broken_end() {
        return Err(Error::Malformed { path: path.to_owned(), format: "CSV", reason, hint });
    }
    rows.map_err(malformed)?;
    Table::new(
        wanted.iter().zip(columns).map(|(&column, raw)| raw.infer(&header[column])).collect::<Result<_>>()?,
    )
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
) -> csv::Result<()> {
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
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

    fn infer(&self, name: &str) -> Result<Column> {
        let valid: Vec<bool> = self.fields().map(|field| !is_missing(field)).collect();
        let has_values = valid.contains(&true);
        let values = self.parse(&valid, |field| field.parse::<f64>().ok().filter(|_| !is_identifier(field)));
        let values = match values {
            // Nothing at all is known of an empty column; the numeric default keeps it a feature.
            Some(values) if !has_values => Values::Float(values),
            Some(values) => match self.parse(&valid, |field| field.parse::<i64>().ok()) {
                Some(ints) => Values::Int(ints),
                None => Values::Float(values),
            },
            None => match self.parse(&valid, parse_bool) {
                Some(bools) => Values::Bool(bools),
                None => Values::Text(self.to_text(&valid)),
            },
        };
        Column::with_nulls(name, values, valid)
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

fn is_missing(field: &str) -> bool {
    MISSING.iter().any(|missing| field.eq_ignore_ascii_case(missing))
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
