//! A space inferred from a table of configurations, where nothing describes it.
//!
//! Ranges are those that occur. A parameter that some rows lack is conditional: on the first other parameter whose
//! value decides, in every row, whether it is there. Where no such parameter exists, one is added (`NAME is given`):
//! nothing is filled in.

use std::collections::BTreeMap;

use heirloom_model::space::{ConditionSpec, ParameterSpec, ParameterType};
use heirloom_model::{Configuration, Space, SpaceSpec, Value};

use crate::Result;

/// A positive range this wide is taken to be searched by ratios.
const LOG_RATIO: f64 = 1000.0;

/// One parameter in all configurations.
pub(super) struct Column {
    pub(super) name: String,
    /// Its type and range, where they are known.
    pub(super) kind: Option<ParameterType>,
    /// Its value in each configuration; `None` where it is inactive.
    pub(super) values: Vec<Option<Value>>,
}

impl Column {
    fn is_complete(&self) -> bool {
        self.values.iter().all(Option::is_some)
    }
}

/// A cell of a text table; empty, `?` and `nan` mean that there is no value.
pub(super) fn parse_cell(text: &str) -> Option<Value> {
    let text = text.trim();
    match text {
        "" | "?" | "nan" | "NaN" => None,
        "True" | "true" => Some(Value::Bool(true)),
        "False" | "false" => Some(Value::Bool(false)),
        _ => Some(
            text.parse()
                .map(Value::Int)
                .or_else(|_| text.parse().map(Value::Float))
                .unwrap_or_else(|_| text.into()),
        ),
    }
}

/// The space of `columns`, and each row as a configuration of it. Columns without any value are left out.
pub(super) fn infer(name: &str, mut columns: Vec<Column>) -> Result<(Space, Vec<Configuration>)> {
    columns.retain(|column| column.values.iter().any(Option::is_some));
    let n_rows = columns.first().map_or(0, |column| column.values.len());
    let (mut placed, mut waiting): (Vec<Column>, Vec<Column>) =
        columns.into_iter().partition(Column::is_complete);
    let mut specs: Vec<ParameterSpec> = placed.iter().map(|column| spec(column, None)).collect();
    while !waiting.is_empty() {
        let found = waiting.iter().enumerate().find_map(|(index, column)| {
            placed.iter().find_map(|parent| deciding_values(parent, column)).map(|when| (index, when))
        });
        let (index, when) = match found {
            Some((index, when)) => (index, when),
            None => {
                let given = given(&waiting[0]);
                specs.push(spec(&given, None));
                placed.push(given);
                continue;
            }
        };
        let column = waiting.remove(index);
        specs.push(spec(&column, Some(when)));
        placed.push(column);
    }
    let space = Space::compile(SpaceSpec { name: name.into(), parameters: specs, ..SpaceSpec::default() })?;
    let mut configurations = Vec::with_capacity(n_rows);
    for row in 0..n_rows {
        let mut values = Vec::with_capacity(placed.len());
        for (parameter, column) in space.parameters().iter().zip(&placed) {
            values.push(match &column.values[row] {
                Some(value) => parameter.from_value(value)?,
                None => f64::NAN,
            });
        }
        configurations.push(Configuration::new(values));
    }
    Ok((space, configurations))
}

/// Whether `column` has a value, as a parameter of its own.
fn given(column: &Column) -> Column {
    let values = column.values.iter().map(|value| Some(Value::Bool(value.is_some()))).collect();
    Column { name: format!("{} is given", column.name), kind: None, values }
}

/// The values of `parent` with which `column` has one, if they decide it in every row.
fn deciding_values(parent: &Column, column: &Column) -> Option<ConditionSpec> {
    if !matches!(kind(parent), ParameterType::Categorical { .. }) {
        return None;
    }
    let mut with: Vec<&Value> = Vec::new();
    for (at, value) in parent.values.iter().zip(&column.values) {
        if value.is_some() {
            let at = at.as_ref()?;
            if !with.iter().any(|known| known.same_as(at)) {
                with.push(at);
            }
        }
    }
    let decides = parent.values.iter().zip(&column.values).all(|(at, value)| {
        value.is_some() || !at.as_ref().is_some_and(|at| with.iter().any(|known| known.same_as(at)))
    });
    decides.then(|| ConditionSpec::In {
        parameter: parent.name.clone(),
        one_of: with.into_iter().cloned().collect(),
    })
}

fn spec(column: &Column, when: Option<ConditionSpec>) -> ParameterSpec {
    ParameterSpec { when, ..ParameterSpec::new(&column.name, kind(column)) }
}

fn kind(column: &Column) -> ParameterType {
    if let Some(kind) = &column.kind {
        return kind.clone();
    }
    let values: Vec<&Value> = column.values.iter().flatten().collect();
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.as_f64()).collect();
    let Some(numbers) = numbers else {
        let choices: BTreeMap<String, &Value> =
            values.iter().rev().map(|value| (value.to_string(), *value)).collect();
        return ParameterType::Categorical { choices: choices.into_values().cloned().collect() };
    };
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log = low > 0.0 && high / low >= LOG_RATIO;
    if values.iter().all(|value| matches!(value, Value::Int(_))) {
        ParameterType::Int { low: low as i64, high: high as i64, log, step: 1 }
    } else {
        ParameterType::Float { low, high, log, step: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, cells: &[&str]) -> Column {
        let values = cells.iter().map(|cell| parse_cell(cell)).collect();
        Column { name: name.into(), kind: None, values }
    }

    #[test]
    fn a_value_that_is_there_with_some_choices_only_becomes_conditional_on_them() {
        let columns = vec![
            column("degree", &["", "3", "", "2"]),
            column("kernel", &["", "poly", "rbf", "poly"]),
            column("model", &["forest", "svm", "svm", "svm"]),
            column("trees", &["100", "", "", ""]),
            column("lr", &["0.1", "0.00001", "0.01", "1"]),
            column("odd", &["", "5", "", ""]),
        ];
        let (space, configurations) = infer("t", columns).unwrap();
        for configuration in &configurations {
            space.check(configuration).unwrap();
        }
        let names: Vec<_> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!(names, ["model", "lr", "kernel", "degree", "trees", "odd is given", "odd"]);
        let row = space.to_named(&configurations[1]);
        assert_eq!(
            (&row["degree"], &row["kernel"], row.get("trees")),
            (&Value::Int(3), &"poly".into(), None)
        );
        let forest = space.to_named(&configurations[0]);
        assert_eq!(forest.keys().collect::<Vec<_>>(), ["lr", "model", "odd is given", "trees"]);
    }
}
