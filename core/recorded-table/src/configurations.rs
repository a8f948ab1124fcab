//! Rows to configurations of the space.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use heirloom_dataset::{Column, Table, Value as Cell, Values};
use heirloom_model::{Configuration, Parameter, Space, SpaceError, Value};
use toml::Spanned;

use crate::descriptor::{Columns, Source};
use crate::{Error, Result};

/// A file, with what it takes to say where something in it is wrong.
pub(crate) struct File<'a> {
    pub(crate) source: &'a Source,
    pub(crate) path: PathBuf,
}

/// A column that the descriptor asks for, and the place where it does.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    /// Texts that are values there, though they may read like a missing one: the choices of a parameter.
    pub(crate) kept: Vec<String>,
}

impl From<&Spanned<String>> for Wanted {
    fn from(name: &Spanned<String>) -> Self {
        Self { name: name.get_ref().clone(), span: name.span(), kept: Vec::new() }
    }
}

/// What rows are told apart by: the cell of a task or key column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key<'a> {
    Int(i64),
    Text(&'a str),
}

impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl File<'_> {
    /// Reads the wanted columns.
    pub(crate) fn read(&self, wanted: &[Wanted]) -> Result<Table> {
        let available = Table::read_names(&self.path)?;
        if let Some(missing) = wanted.iter().find(|column| !available.contains(&column.name)) {
            return Err(Error::NoColumn {
                place: self.source.place(missing.span.clone()),
                column: missing.name.clone(),
                file: self.path.clone(),
                available,
            });
        }
        let mut names: Vec<&str> = wanted.iter().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let kept = wanted
            .iter()
            .flat_map(|column| column.kept.iter().map(|text| (column.name.as_str(), text.as_str())));
        Ok(Table::read_columns_with(&self.path, &names, &kept.collect::<Vec<_>>())?)
    }

    pub(crate) fn bad_row(&self, row: usize, problem: String, remedy: &'static str) -> Error {
        Error::BadRow { file: self.path.clone(), row, problem, remedy }
    }

    /// The keys of a column, `[n_rows]`.
    pub(crate) fn keys<'t>(&self, column: &'t Column) -> Result<Vec<Key<'t>>> {
        let key = |row| match column.get(row) {
            Cell::Int(number) => Ok(Key::Int(number)),
            Cell::Text(text) => Ok(Key::Text(text)),
            other => {
                let problem = format!("column `{}` has the value `{other}`", column.name());
                Err(self.bad_row(row, problem, "a column that names things holds whole numbers or text"))
            }
        };
        (0..column.values().len()).map(key).collect()
    }

    /// The columns that configurations are made of.
    pub(crate) fn configuration_columns(columns: &Columns, space: &Space, span: Range<usize>) -> Vec<Wanted> {
        let column = |parameter: &Parameter| {
            let column = match columns.parameters.get(parameter.name.as_str()) {
                Some(column) => column.into(),
                None if columns.architecture.is_some() => return None,
                None => Wanted { name: parameter.name.clone(), span: span.clone(), kept: Vec::new() },
            };
            Some(Wanted { kept: texts(parameter), ..column })
        };
        let architecture = columns.architecture.iter().map(Wanted::from);
        architecture.chain(space.parameters().iter().filter_map(column)).collect()
    }

    /// The configuration of every row, checked against the space.
    pub(crate) fn configurations(
        &self,
        table: &Table,
        columns: &Columns,
        space: &Space,
    ) -> Result<Vec<Configuration>> {
        let mut values = match &columns.architecture {
            Some(column) => self.architectures(table.column(column.get_ref())?, space)?,
            None => vec![vec![f64::NAN; space.parameters().len()]; table.n_rows()],
        };
        for (place, parameter) in space.parameters().iter().enumerate() {
            let column = match columns.parameters.get(parameter.name.as_str()) {
                Some(column) => column.get_ref().as_str(),
                None if columns.architecture.is_some() => continue,
                None => parameter.name.as_str(),
            };
            self.fill(table.column(column)?, parameter, place, &mut values)?;
        }
        let checked = values.into_iter().enumerate().map(|(row, values)| {
            let configuration = Configuration::new(values);
            space.check(&configuration).map_err(|error| self.not_of_the_space(row, &error))?;
            Ok(configuration)
        });
        checked.collect()
    }

    /// The values that architectures decode to, parameters beside the architecture at their defaults.
    fn architectures(&self, column: &Column, space: &Space) -> Result<Vec<Vec<f64>>> {
        let mut decoded: HashMap<Key<'_>, Vec<f64>> = HashMap::new();
        let decode = |(row, key)| {
            if let Some(values) = decoded.get(&key) {
                return Ok(values.clone());
            }
            let parsed = space.parse_architecture(&key.to_string()).ok_or_else(|| {
                let problem =
                    format!("column `{}` holds architectures and the space has none", column.name());
                self.bad_row(row, problem, "describe the space's architecture, or leave the column out")
            })?;
            let values = parsed.map_err(|error| self.not_of_the_space(row, &error))?.values().to_vec();
            decoded.insert(key, values.clone());
            Ok(values)
        };
        self.keys(column)?.into_iter().enumerate().map(decode).collect()
    }

    /// Puts a column's cells at `place` of every row's values, NaN where a cell is null.
    fn fill(
        &self,
        column: &Column,
        parameter: &Parameter,
        place: usize,
        values: &mut [Vec<f64>],
    ) -> Result<()> {
        let convert = |row: usize, value: Value| {
            let found = parameter.from_value(&value);
            found.or_else(|error| {
                choice_that_reads_as(parameter, &value).ok_or_else(|| self.not_of_the_space(row, &error))
            })
        };
        let mut known: HashMap<u32, f64> = HashMap::new();
        for (row, values) in values.iter_mut().enumerate() {
            values[place] = match (column.is_null(row), column.values()) {
                (true, _) => f64::NAN,
                (false, Values::Bool(cells)) => convert(row, Value::Bool(cells[row]))?,
                (false, Values::Int(cells)) => convert(row, Value::Int(cells[row]))?,
                (false, Values::Float(cells)) => convert(row, Value::Float(cells[row]))?,
                (false, Values::Text(text)) => match known.get(&text.codes()[row]) {
                    Some(&value) => value,
                    None => {
                        let value = convert(row, Value::from(text.get(row)))?;
                        known.insert(text.codes()[row], value);
                        value
                    }
                },
            };
        }
        Ok(())
    }

    fn not_of_the_space(&self, row: usize, error: &SpaceError) -> Error {
        self.bad_row(row, error.to_string(), "the space must hold every recorded configuration; widen it")
    }
}

/// The choices that are texts. An empty one is written as an inactive parameter is.
fn texts(parameter: &Parameter) -> Vec<String> {
    let choices = parameter.kind.listed().unwrap_or_default();
    let text = |choice: &Value| match choice {
        Value::Text(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    choices.iter().filter_map(text).collect()
}

/// The one choice that is written as `cell` is. What a file's cells are is told from the whole column: there the choice
/// `"1"` is a number, `"true"` a boolean, and the boolean `true` beside other choices is a text.
fn choice_that_reads_as(parameter: &Parameter, cell: &Value) -> Option<f64> {
    let choices = parameter.kind.listed()?;
    let text = cell.to_string();
    let reads_as = |choice: &&Value| {
        let choice = choice.to_string();
        match cell {
            Value::Bool(_) => choice.eq_ignore_ascii_case(&text),
            Value::Int(_) | Value::Float(_) => choice == text || choice.parse().ok() == cell.as_f64(),
            Value::Text(_) => choice == text,
        }
    };
    let mut found = choices.iter().filter(reads_as);
    match (found.next(), found.next()) {
        (Some(choice), None) => parameter.from_value(choice).ok(),
        _ => None,
    }
}
