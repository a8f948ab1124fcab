//! A run as a table that opens without us: a row a trial, parameters and objectives as named columns.

use std::io::Write;
use std::sync::Arc;

use heirloom_model::{Space, Value, cost_seconds};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde::{Deserialize, Serialize};

use crate::{Archive, ArchiveError, Result, RunHeader, RunId, TrialRecord};

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ExportFormat {
    /// Comma-separated values with a header; an empty cell is no value.
    Csv,
    /// One JSON object a line; what has no value is left out.
    JsonLines,
    /// Apache Parquet, zstd.
    Parquet,
}

/// A column of the table: cells that are missing are `None`.
struct Column {
    name: String,
    cells: Vec<Option<Value>>,
}

impl Archive {
    /// Writes a run's trials and recorded evaluations as a table.
    ///
    /// Columns: `trial`, `state`, the parameters by name, the fidelities, the objectives **in the direction people
    /// see** (an accuracy is an accuracy again), `cost_seconds`, `wall_seconds`, `failure`, `message`, then `metric.NAME` and
    /// `score.PROXY`. One that has the name of an earlier column of these gets the prefix `objective.`, `fidelity.` or
    /// `parameter.`, in this order of precedence.
    pub fn export(&self, run: RunId, format: ExportFormat, out: &mut (dyn Write + Send)) -> Result<()> {
        write(&self.table(run)?, format, out)
    }

    /// Writes the learning curves of a run's trials, a row a point: `trial`, `step`, `cost_seconds`, the objectives
    /// in the direction people see.
    pub fn export_curves(
        &self,
        run: RunId,
        format: ExportFormat,
        out: &mut (dyn Write + Send),
    ) -> Result<()> {
        let objectives = self.header(run)?.objectives;
        let mut names = Names::of(&["trial", "step", "cost_seconds"]);
        objectives.iter().for_each(|objective| names.add("objective", &objective.name));
        let mut columns: Vec<Column> = names.0.into_iter().map(Column::empty).collect();
        self.curves(run, &mut |trial, curve| {
            for point in &curve {
                let number = |value: f64| value.is_finite().then_some(Value::Float(value));
                // A point that lacks an objective has an empty cell there: all columns are of one length.
                let values = objectives.iter().enumerate().map(|(index, objective)| {
                    number(objective.direction.turn(*point.objectives.get(index)?))
                });
                let place =
                    [Some(Value::Int(trial.0 as i64)), number(point.step), number(point.cost_seconds)];
                for (column, cell) in columns.iter_mut().zip(place.into_iter().chain(values)) {
                    column.cells.push(cell);
                }
            }
            Ok(())
        })?;
        write(&columns, format, out)
    }

    fn table(&self, run: RunId) -> Result<Vec<Column>> {
        let header = self.header(run)?;
        let mut table = Table::new(&header)?;
        self.all_trials(run, &mut |trial| {
            table.push(&trial);
            Ok(())
        })?;
        Ok(table.finish())
    }
}

impl Column {
    fn empty(name: String) -> Self {
        Self { name, cells: Vec::new() }
    }
}

/// Names of columns, each once.
struct Names(Vec<String>);

impl Names {
    fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Adds a name, where it is taken with the prefix of its `kind`. Names with the prefixes of columns that only some
    /// rows have are taken too.
    fn add(&mut self, kind: &str, name: &str) {
        let is_reserved = name.starts_with("metric.") || name.starts_with("score.");
        let mut unique = name.to_owned();
        while is_reserved && unique == name || self.0.contains(&unique) {
            unique = format!("{kind}.{unique}");
        }
        self.0.push(unique);
    }
}

struct Table<'a> {
    header: &'a RunHeader,
    space: Space,
    columns: Vec<Column>,
    /// Of these the ones that every row has; metrics and scores follow.
    n_fixed: usize,
    n_rows: usize,
}

impl<'a> Table<'a> {
    fn new(header: &'a RunHeader) -> Result<Self> {
        let space = Space::compile(header.space.clone())?;
        let mut names = Names::of(&["trial", "state", "cost_seconds", "wall_seconds", "failure", "message"]);
        header.objectives.iter().for_each(|objective| names.add("objective", &objective.name));
        header.fidelities.iter().for_each(|dimension| names.add("fidelity", &dimension.name));
        space.parameters().iter().for_each(|parameter| names.add("parameter", &parameter.name));
        // From the order of precedence to that of people: what a trial is, what it measured, what became of it.
        let mut parameters = names.0.split_off(6 + header.objectives.len());
        let objectives = names.0.split_off(6);
        let last = names.0.split_off(2);
        let fidelities: Vec<String> = parameters.drain(..header.fidelities.len()).collect();
        let names = [names.0, parameters, fidelities, objectives, last].concat();
        let columns: Vec<Column> = names.into_iter().map(Column::empty).collect();
        let n_fixed = columns.len();
        Ok(Self { header, space, columns, n_fixed, n_rows: 0 })
    }

    fn push(&mut self, trial: &TrialRecord) {
        let number = |value: f64| value.is_finite().then_some(Value::Float(value));
        let outcome = trial.result.as_ref().and_then(|result| result.as_ref().ok());
        let failure = trial.result.as_ref().and_then(|result| result.as_ref().err());
        let mut cells = vec![Some(Value::Int(trial.id.0 as i64)), Some(trial.state.as_str().into())];
        let values = trial.proposal.configuration.values();
        cells.extend(self.space.parameters().iter().enumerate().map(|(index, parameter)| {
            values.get(index).filter(|value| !value.is_nan()).map(|value| parameter.to_value(*value))
        }));
        cells.extend(
            (0..self.header.fidelities.len())
                .map(|index| trial.proposal.fidelity.0.get(index).copied().and_then(number)),
        );
        cells.extend(self.header.objectives.iter().enumerate().map(|(index, objective)| {
            let value = outcome?.objectives.get(index)?;
            number(objective.direction.turn(*value))
        }));
        cells.push(trial.result.as_ref().map(cost_seconds).and_then(number));
        cells.push(trial.wall_seconds.and_then(number));
        cells.push(failure.map(|failure| failure.kind.as_str().into()));
        let message = failure.map(|failure| failure.message.as_str()).filter(|message| !message.is_empty());
        cells.push(message.map(Value::from));
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.cells.push(cell);
        }
        let metrics = outcome.into_iter().flat_map(|outcome| &outcome.metrics);
        for (name, value) in metrics {
            self.set(format!("metric.{name}"), number(*value));
        }
        for (name, value) in &trial.scores {
            self.set(format!("score.{name}"), number(*value));
        }
        self.n_rows += 1;
    }

    /// Sets a cell of the newest row in a column that only some rows have.
    fn set(&mut self, name: String, cell: Option<Value>) {
        let known = self.columns[self.n_fixed..].iter().position(|column| column.name == name);
        let index = known.map_or(self.columns.len(), |index| self.n_fixed + index);
        if known.is_none() {
            self.columns.push(Column::empty(name));
        }
        let cells = &mut self.columns[index].cells;
        cells.resize(self.n_rows, None);
        cells.push(cell);
    }

    fn finish(mut self) -> Vec<Column> {
        for column in &mut self.columns {
            column.cells.resize(self.n_rows, None);
        }
        self.columns
    }
}

fn write(columns: &[Column], format: ExportFormat, out: &mut (dyn Write + Send)) -> Result<()> {
    let failed = |problem: String| ArchiveError::Io { path: "export".into(), problem };
    match format {
        ExportFormat::Csv => write_csv(columns, out).map_err(|error| failed(error.to_string())),
        ExportFormat::JsonLines => write_json_lines(columns, out).map_err(|error| failed(error.to_string())),
        ExportFormat::Parquet => write_parquet(columns, out).map_err(|error| failed(error.to_string())),
    }
}

fn n_rows(columns: &[Column]) -> usize {
    columns.first().map_or(0, |column| column.cells.len())
}

fn write_csv(columns: &[Column], out: &mut dyn Write) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(columns.iter().map(|column| &column.name))?;
    for row in 0..n_rows(columns) {
        let cell = |column: &Column| column.cells[row].as_ref().map(Value::to_string).unwrap_or_default();
        writer.write_record(columns.iter().map(cell))?;
    }
    Ok(writer.flush()?)
}

fn write_json_lines(columns: &[Column], out: &mut dyn Write) -> std::io::Result<()> {
    for row in 0..n_rows(columns) {
        let pairs = columns.iter().filter_map(|column| {
            let value = column.cells[row].as_ref()?;
            Some((column.name.clone(), serde_json::to_value(value).ok()?))
        });
        let object: serde_json::Map<String, serde_json::Value> = pairs.collect();
        serde_json::to_writer(&mut *out, &object)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// What a column's cells have in common.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Whole,
    Real,
    Text,
}

impl Kind {
    fn of(column: &Column) -> Self {
        let kinds = column.cells.iter().flatten().map(|value| match value {
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Whole,
            Value::Float(_) => Self::Real,
            Value::Text(_) => Self::Text,
        });
        let common = kinds.reduce(|a, b| match (a, b) {
            _ if a == b => a,
            (Self::Whole | Self::Real, Self::Whole | Self::Real) => Self::Real,
            _ => Self::Text,
        });
        common.unwrap_or(Self::Whole)
    }
}

/// A number of a column of whole ones, of which no digit may be lost on the way.
fn whole(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        other => unreachable!("`Kind::of` found `{other}` to be whole"),
    }
}

fn write_parquet(columns: &[Column], out: &mut (dyn Write + Send)) -> parquet::errors::Result<()> {
    let kinds: Vec<Kind> = columns.iter().map(Kind::of).collect();
    let field = |(column, kind): (&Column, &Kind)| {
        let (physical, logical) = match kind {
            Kind::Bool => (Physical::BOOLEAN, None),
            Kind::Whole => (Physical::INT64, None),
            Kind::Real => (Physical::DOUBLE, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let builder =
            Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL);
        builder.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = columns.iter().zip(&kinds).map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("trials").with_fields(fields).build()?);
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (column, kind) in columns.iter().zip(kinds) {
        let present: Vec<i16> = column.cells.iter().map(|cell| i16::from(cell.is_some())).collect();
        let values = column.cells.iter().flatten();
        let Some(mut target) = group.next_column()? else { break };
        match kind {
            Kind::Bool => {
                let values: Vec<bool> = values.map(|value| *value == Value::Bool(true)).collect();
                target.typed::<BoolType>().write_batch(&values, Some(&present), None)?;
            }
            Kind::Whole => {
                let values: Vec<i64> = values.map(whole).collect();
                target.typed::<Int64Type>().write_batch(&values, Some(&present), None)?;
            }
            Kind::Real => {
                let values: Vec<f64> = values.map(|value| value.as_f64().unwrap_or(f64::NAN)).collect();
                target.typed::<DoubleType>().write_batch(&values, Some(&present), None)?;
            }
            Kind::Text => {
                let values: Vec<ByteArray> =
                    values.map(|value| value.to_string().into_bytes().into()).collect();
                target.typed::<ByteArrayType>().write_batch(&values, Some(&present), None)?;
            }
        }
        target.close()?;
    }
    group.close()?;
    writer.close().map(|_| ())
}

#[cfg(test)]
mod tests {
    use heirloom_model::{CurvePoint, Event, Failure, FailureKind, Recorder, TrialId};
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;
    use crate::conformance::{sample_events, sample_header, sample_proposal};

    fn exported(format: ExportFormat) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::create(&folder.path().join("archive")).unwrap();
        let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
        let mut events = sample_events(0);
        if let Event::Finished { result: Ok(outcome), .. } = &mut events[2] {
            outcome.objectives = vec![-0.75];
        }
        recorder.record(&events).unwrap();
        let failure = Failure::new(FailureKind::TimedOut, "too slow");
        let mut events = sample_events(1);
        events[2] =
            Event::Finished { trial: TrialId(1), attempt: 1, result: Err(failure), wall_seconds: 9.0 };
        if let Event::Proposed { scores, .. } = &mut events[0] {
            scores.push(("synflow".into(), 1.5));
        }
        recorder.record(&events).unwrap();
        let mut out = Vec::new();
        archive.export(run, format, &mut out).unwrap();
        out
    }

    #[test]
    fn curves_have_a_row_a_point() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::create(&folder.path().join("archive")).unwrap();
        let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
        let mut events = sample_events(0);
        if let Event::Finished { result: Ok(outcome), .. } = &mut events[2] {
            let point = |step: f64| CurvePoint { step, objectives: vec![-step / 10.0], cost_seconds: step };
            outcome.curve = vec![point(1.0), point(2.0)];
        }
        recorder.record(&events).unwrap();
        let mut out = Vec::new();
        archive.export_curves(run, ExportFormat::Csv, &mut out).unwrap();
        let expected = "trial,step,cost_seconds,val_acc\n0,1,1,0.1\n0,2,2,0.2\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_point_without_objectives_is_a_row_like_others() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::create(&folder.path().join("archive")).unwrap();
        let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
        let mut events = sample_events(0);
        if let Event::Finished { result: Ok(outcome), .. } = &mut events[2] {
            let point = |step, objectives| CurvePoint { step, objectives, cost_seconds: step };
            outcome.curve = vec![point(1.0, vec![]), point(2.0, vec![])];
        }
        recorder.record(&events).unwrap();
        for format in [ExportFormat::Csv, ExportFormat::JsonLines, ExportFormat::Parquet] {
            archive.export_curves(run, format, &mut Vec::new()).unwrap();
        }
        let mut out = Vec::new();
        archive.export_curves(run, ExportFormat::Csv, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "trial,step,cost_seconds,val_acc\n0,1,1,\n0,2,2,\n");
    }

    #[test]
    fn csv_has_a_row_a_trial_with_objectives_as_people_see_them() {
        let x = sample_proposal(1).configuration.values()[0];
        let y = sample_proposal(1).configuration.values()[1];
        let expected = format!(
            "trial,state,x,y,epochs,val_acc,cost_seconds,wall_seconds,failure,message,score.synflow\n\
             0,completed,0,-5,9,0.75,0.5,0.25,,,\n1,failed,{x},{y},9,,0,9,timed-out,too slow,1.5\n"
        );
        assert_eq!(String::from_utf8(exported(ExportFormat::Csv)).unwrap(), expected);
    }

    #[test]
    fn json_lines_leave_out_what_has_no_value() {
        let text = String::from_utf8(exported(ExportFormat::JsonLines)).unwrap();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let expected = serde_json::json!({
            "trial": 0, "state": "completed", "x": 0.0, "y": -5.0, "epochs": 9.0, "val_acc": 0.75,
            "cost_seconds": 0.5, "wall_seconds": 0.25
        });
        assert_eq!(first, expected);
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn columns_of_one_name_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::create(&folder.path().join("archive")).unwrap();
        let mut header = sample_header("t");
        header.objectives[0].name = "cost_seconds".into();
        header.fidelities[0].name = "state".into();
        header.space.parameters[0].name = "state".into();
        header.space.parameters[1].name = "metric.m".into();
        let (run, mut recorder) = archive.begin_run(&header).unwrap();
        let mut events = sample_events(0);
        if let Event::Finished { result: Ok(outcome), .. } = &mut events[2] {
            outcome.metrics.insert("m".into(), 7.0);
        }
        recorder.record(&events).unwrap();
        let mut out = Vec::new();
        archive.export(run, ExportFormat::Csv, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = "trial,state,parameter.state,parameter.metric.m,fidelity.state,objective.cost_seconds,\
                        cost_seconds,wall_seconds,failure,message,metric.m\n0,completed,0,-5,9,-0,0.5,0.25,,,7\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_column_of_parquet_has_the_type_that_its_cells_share() {
        let kind = |cells: &[Value]| {
            Kind::of(&Column { name: "c".into(), cells: cells.iter().cloned().map(Some).collect() })
        };
        let (no, one, half) = (Value::Bool(false), Value::Int(1), Value::Float(0.5));
        assert!(kind(&[no.clone(), Value::Bool(true)]) == Kind::Bool);
        assert!(kind(&[one.clone(), one.clone()]) == Kind::Whole && kind(&[]) == Kind::Whole);
        assert!(kind(&[half, one.clone()]) == Kind::Real);
        assert!(kind(&[no, one.clone()]) == Kind::Text && kind(&[one, "a".into()]) == Kind::Text);
    }

    #[test]
    fn parquet_opens_with_typed_columns() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&exported(ExportFormat::Parquet)).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(rows.len(), 2);
        assert!(
            rows[0].contains("trial: 0, state: \"completed\"") && rows[0].contains("val_acc: 0.75"),
            "{}",
            rows[0]
        );
        assert!(
            rows[1].contains("failure: \"timed-out\"") && rows[1].contains("val_acc: null"),
            "{}",
            rows[1]
        );
    }
}
