//! A table in memory: named, typed columns with nulls.
//!
//! The in-between of every reader and writer here. Text is dictionary-coded, because recorded tables repeat
//! the same few names hundreds of thousands of times.

use std::collections::HashMap;
use std::path::Path;

use crate::file::Format;
use crate::{Error, Result, delimited, idx, npz, parquet_file};

/// Columns of equal length, in file order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    n_rows: usize,
    columns: Vec<Column>,
}

/// One named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    name: String,
    values: Values,
    /// `valid[row]`, or `None` when nothing is null.
    valid: Option<Vec<bool>>,
    stray: Option<Stray>,
}

/// What keeps a column of a text file, in which nearly every value is a number, from being one of numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stray {
    /// The first value that is no number.
    pub(crate) cell: String,
    /// Its line in the file, from 1.
    pub(crate) line: u64,
    /// How many values are no numbers.
    pub(crate) n_strays: usize,
    /// How many values there are.
    pub(crate) n_values: usize,
}

/// A column's values; what stands at a null row is the type's default and means nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Booleans.
    Bool(Vec<bool>),
    /// Whole numbers.
    Int(Vec<i64>),
    /// Real numbers. NaN is a value here (a diverged loss), not a null.
    Float(Vec<f64>),
    /// Text.
    Text(Text),
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `bool`.
    Bool,
    /// `i64`.
    Int,
    /// `f64`.
    Float,
    /// Text or categories.
    Text,
}

impl ColumnType {
    fn name(self) -> &'static str {
        match self {
            ColumnType::Bool => "booleans",
            ColumnType::Int => "whole numbers",
            ColumnType::Float => "real numbers",
            ColumnType::Text => "text",
        }
    }
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Nothing there.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// Text.
    Text(&'a str),
}

impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::Float(value) => value.fmt(f),
            Value::Text(value) => value.fmt(f),
        }
    }
}

/// Text as a dictionary (`symbols`, in order of first appearance) and an index into it for each row (`codes`).
#[derive(Debug, Clone, Default)]
pub struct Text {
    codes: Vec<u32>,
    symbols: Vec<String>,
    index: HashMap<String, u32>,
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.codes.len() == other.codes.len()
            && (0..self.codes.len()).all(|row| self.get(row) == other.get(row))
    }
}

impl Text {
    /// Appends one value.
    pub fn push(&mut self, value: &str) {
        let code = self.code_of(value);
        self.codes.push(code);
    }

    /// Appends one value, comparing it with the row before first: recorded tables come sorted.
    pub(crate) fn push_after_last(&mut self, value: &str) {
        match self.codes.last() {
            Some(&last) if self.symbols[last as usize] == value => self.codes.push(last),
            _ => self.push(value),
        }
    }

    fn code_of(&mut self, value: &str) -> u32 {
        if let Some(&code) = self.index.get(value) {
            return code;
        }
        let code = u32::try_from(self.symbols.len()).expect("fewer than 2^32 distinct texts fit into memory");
        self.symbols.push(value.to_owned());
        self.index.insert(value.to_owned(), code);
        code
    }

    /// The text at `row`.
    pub fn get(&self, row: usize) -> &str {
        &self.symbols[self.codes[row] as usize]
    }

    /// Index into [`Text::symbols`] for each row.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The distinct texts, in order of first appearance. A null row may have contributed an empty one.
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }
}

impl<S: AsRef<str>> FromIterator<S> for Text {
    fn from_iter<I: IntoIterator<Item = S>>(values: I) -> Self {
        let mut text = Text::default();
        values.into_iter().for_each(|value| text.push(value.as_ref()));
        text
    }
}

impl Values {
    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Bool(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Text(text) => text.codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Column {
    /// A column without nulls.
    pub fn new(name: impl Into<String>, values: Values) -> Column {
        Column { name: name.into(), values, valid: None, stray: None }
    }

    /// A column whose row `i` is null where `valid[i]` is false.
    ///
    /// Errors with [`Error::UnequalLength`] when the two lengths differ.
    pub fn with_nulls(name: impl Into<String>, values: Values, valid: Vec<bool>) -> Result<Column> {
        let name = name.into();
        if valid.len() != values.len() {
            return Err(Error::UnequalLength { column: name, found: valid.len(), expected: values.len() });
        }
        let valid = if valid.iter().all(|&valid| valid) { None } else { Some(valid) };
        Ok(Column { name, values, valid, stray: None })
    }

    pub(crate) fn with_stray(self, stray: Option<Stray>) -> Column {
        Column { stray, ..self }
    }

    /// What keeps the column from being one of numbers, where nearly all of it is.
    pub(crate) fn stray(&self) -> Option<&Stray> {
        self.stray.as_ref()
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The typed values; look at [`Column::is_null`] too.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The column's type.
    pub fn column_type(&self) -> ColumnType {
        match self.values {
            Values::Bool(_) => ColumnType::Bool,
            Values::Int(_) => ColumnType::Int,
            Values::Float(_) => ColumnType::Float,
            Values::Text(_) => ColumnType::Text,
        }
    }

    /// `valid[row]` for each row, or `None` when nothing is null.
    pub fn validity(&self) -> Option<&[bool]> {
        self.valid.as_deref()
    }

    /// Whether `row` has no value.
    pub fn is_null(&self, row: usize) -> bool {
        self.valid.as_ref().is_some_and(|valid| !valid[row])
    }

    /// How many rows have no value.
    pub fn n_nulls(&self) -> usize {
        self.valid.as_ref().map_or(0, |valid| valid.iter().filter(|&&valid| !valid).count())
    }

    /// The cell at `row`.
    pub fn get(&self, row: usize) -> Value<'_> {
        if self.is_null(row) {
            return Value::Null;
        }
        match &self.values {
            Values::Bool(values) => Value::Bool(values[row]),
            Values::Int(values) => Value::Int(values[row]),
            Values::Float(values) => Value::Float(values[row]),
            Values::Text(text) => Value::Text(text.get(row)),
        }
    }

    /// All rows as `f64`: whole numbers and booleans converted, nulls as NaN.
    ///
    /// Errors with [`Error::WrongType`] when the column holds text.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        let mut values: Vec<f64> = match &self.values {
            Values::Bool(values) => values.iter().map(|&value| f64::from(u8::from(value))).collect(),
            Values::Int(values) => values.iter().map(|&value| value as f64).collect(),
            Values::Float(values) => values.clone(),
            Values::Text(_) => return Err(self.wrong_type("a number")),
        };
        if let Some(valid) = &self.valid {
            values
                .iter_mut()
                .zip(valid)
                .filter(|(_, valid)| !**valid)
                .for_each(|(value, _)| *value = f64::NAN);
        }
        Ok(values)
    }

    /// The whole numbers of a column without nulls.
    ///
    /// Errors with [`Error::WrongType`] for another type, [`Error::BadValue`] at the first null.
    pub fn as_ints(&self) -> Result<&[i64]> {
        let Values::Int(values) = &self.values else { return Err(self.wrong_type("a whole number")) };
        self.deny_nulls()?;
        Ok(values)
    }

    /// The text of a column without nulls.
    ///
    /// Errors with [`Error::WrongType`] for another type, [`Error::BadValue`] at the first null.
    pub fn as_text(&self) -> Result<&Text> {
        let Values::Text(text) = &self.values else { return Err(self.wrong_type("text")) };
        self.deny_nulls()?;
        Ok(text)
    }

    fn deny_nulls(&self) -> Result<()> {
        match self.valid.as_ref().and_then(|valid| valid.iter().position(|valid| !valid)) {
            None => Ok(()),
            Some(row) => Err(Error::BadValue {
                column: self.name.clone(),
                row,
                value: "null".to_owned(),
                hint: "this column must have a value in every row",
            }),
        }
    }

    fn wrong_type(&self, expected: &'static str) -> Error {
        Error::WrongType { column: self.name.clone(), found: self.column_type().name(), expected }
    }
}

impl Table {
    /// A table of these columns.
    ///
    /// Errors with [`Error::UnequalLength`] or [`Error::DuplicateColumn`].
    pub fn new(columns: Vec<Column>) -> Result<Table> {
        let n_rows = columns.first().map_or(0, |column| column.values.len());
        let mut seen = std::collections::HashSet::new();
        for column in &columns {
            if column.values.len() != n_rows {
                let found = column.values.len();
                return Err(Error::UnequalLength { column: column.name.clone(), found, expected: n_rows });
            }
            if !seen.insert(column.name.as_str()) {
                return Err(Error::DuplicateColumn { column: column.name.clone() });
            }
        }
        Ok(Table { n_rows, columns })
    }

    /// Reads a whole file; its extension names the format (`.csv`, `.tsv`, `.parquet`, `.npz`, IDX).
    pub fn read(path: impl AsRef<Path>) -> Result<Table> {
        Table::read_any(path.as_ref(), None, &[])
    }

    /// Reads these columns only, in this order; of a Parquet file nothing else is touched.
    ///
    /// Errors with [`Error::InFile`] around [`Error::NoColumn`] when one is not there.
    pub fn read_columns(path: impl AsRef<Path>, names: &[&str]) -> Result<Table> {
        Table::read_columns_with(path, names, &[])
    }

    /// The same, where some texts of a text file are values though they read like a missing one.
    ///
    /// * `kept`: a column's name and such a text, as it is written: `("imputer", "NA")`.
    pub fn read_columns_with(path: impl AsRef<Path>, names: &[&str], kept: &[(&str, &str)]) -> Result<Table> {
        Table::read_any(path.as_ref(), Some(names), kept)
    }

    fn read_any(path: &Path, names: Option<&[&str]>, kept: &[(&str, &str)]) -> Result<Table> {
        let table = match Format::of(path)? {
            Format::Delimited(delimiter) => delimited::read(path, delimiter, names, kept),
            Format::Parquet => parquet_file::read(path, names),
            Format::Npz => npz::read_table(path).and_then(|table| table.project(names)),
            Format::Idx => idx::read_table(path).and_then(|table| table.project(names)),
        };
        table.map_err(|error| error.in_file(path))
    }

    /// The names of a file's columns, in file order, without reading its rows where the format allows it.
    pub fn read_names(path: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = path.as_ref();
        match Format::of(path)? {
            Format::Parquet => parquet_file::read_names(path),
            _ => Ok(Table::read(path)?.columns.into_iter().map(|column| column.name).collect()),
        }
    }

    /// Writes a Parquet file (zstd).
    pub fn write_parquet(&self, path: impl AsRef<Path>) -> Result<()> {
        parquet_file::write(self, path.as_ref())
    }

    /// Writes comma-separated text with a header line; nulls are empty fields, NaN is `NaN`.
    ///
    /// Numbers are written in the shortest form that reads back to the same bits.
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        delimited::write(self, path.as_ref())
    }

    /// How many rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of that name; [`Error::NoColumn`] lists what there is.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| Error::NoColumn {
            column: name.to_owned(),
            available: self.columns.iter().map(|column| column.name.clone()).collect(),
        })
    }

    /// The column of that name, if there is one.
    pub fn find(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn project(self, names: Option<&[&str]>) -> Result<Table> {
        let Some(names) = names else { return Ok(self) };
        Table::new(names.iter().map(|name| self.column(name).cloned()).collect::<Result<_>>()?)
    }
}

#[cfg(test)]
mod tests;
