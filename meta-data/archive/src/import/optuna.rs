//! Optuna's SQLite storage: its studies with their trials, values and intermediate values.

use std::collections::BTreeMap;
use std::path::Path;

use heirloom_model::space::ParameterType;
use heirloom_model::{
    CurvePoint, Direction, Failure, FailureKind, Fidelity, Objective, Origin, Outcome, Proposal, TrialId,
    Value,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::columns::{Column, infer};
use super::{Import, ImportReport, Provenance, import_error};
use crate::sqlite::is_archive;
use crate::{Archive, Result, RunContents, RunHeader, RunId, RunState, Task, TrialRecord, TrialState};

/// The table of what trials reported on the way.
const REPORTS: &str = "trial_intermediate_values";

/// A study as Optuna keeps it.
struct Study {
    id: i64,
    name: String,
    objectives: Vec<Objective>,
}

/// A trial that has ended.
struct Ended {
    id: i64,
    number: u64,
    state: String,
    begun: String,
    ended: String,
}

impl Archive {
    /// Keeps all studies of an Optuna storage, under the task keys `NAME/STUDY`. A study that has grown since it was
    /// last imported is brought up to date.
    ///
    /// Trials that have not ended are left out, and so are studies without parameters and those whose parameters have
    /// no place in a space, each with a note. A parameter that only some trials have becomes conditional (see the
    /// notes of the report); ranges that changed between trials are joined, and
    /// widened to values that were enqueued outside them.
    pub fn import_optuna(&self, path: &Path, name: &str, provenance: &Provenance) -> Result<ImportReport> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let fail = |error: rusqlite::Error| {
            let text = error.to_string();
            let hint = if text.contains("no such") {
                "; hint: bring it up to date: `optuna storage upgrade`"
            } else {
                ""
            };
            import_error(path, format!("{text}{hint}"))
        };
        let db = Connection::open_with_flags(path, flags).map_err(fail)?;
        if is_archive(&db).map_err(fail)? {
            return Err(import_error(
                path,
                "it is an archive; hint: `heirloom archive merge` takes in what it holds",
            ));
        }
        let mut import = Import::new(self)?;
        let mut refused = None;
        for study in studies(&db).map_err(fail)? {
            let mut trials = ended_trials(&db, &study).map_err(fail)?;
            let of_study = "SELECT count(*) FROM trials WHERE study_id = ?";
            let n_all: i64 = db.query_row(of_study, [study.id], |row| row.get(0)).map_err(fail)?;
            import.report.n_left_out += n_all as u64 - trials.len() as u64;
            if trials.is_empty() {
                continue;
            }
            let mut is_conditional = false;
            let inferred = columns(&db, &trials).and_then(|mut columns| {
                let n_torn = leave_out_torn(&mut trials, &mut columns);
                import.report.n_left_out += n_torn;
                if n_torn > 0 {
                    let (study, why) = (&study.name, "ended before all their parameters were drawn");
                    import
                        .report
                        .notes
                        .push(format!("{n_torn} trials of study `{study}` were left out: they {why}"));
                }
                is_conditional = columns.iter().any(|column| column.values.iter().any(Option::is_none));
                infer(&study.name, columns).map_err(|error| error.to_string())
            });
            let (space, configurations) = match inferred {
                Ok(inferred) => inferred,
                Err(problem) => {
                    import.report.n_left_out += trials.len() as u64;
                    import.report.notes.push(format!("study `{}` was left out: {problem}", study.name));
                    refused.get_or_insert_with(|| {
                        import_error(path, format!("study `{}`: {problem}", study.name))
                    });
                    continue;
                }
            };
            if is_conditional {
                import
                    .report
                    .notes
                    .push(format!("conditions of study `{}` were inferred from its trials", study.name));
            }
            let mut run = RunContents {
                id: identity(&db, &study).map_err(fail)?,
                header: header(&study, name, space.spec().clone(), provenance),
                state: RunState::Imported,
                steps: 0,
                withdrawn: None,
                trials: Vec::new(),
                attempts: Vec::new(),
                curves: Vec::new(),
                evaluations: Vec::new(),
            };
            for (trial, configuration) in trials.iter().zip(configurations) {
                let proposal = Proposal::new(configuration, Fidelity::default());
                let (record, curve) = record(&db, &study, trial, proposal).map_err(fail)?;
                if !curve.is_empty() {
                    run.curves.push((record.id, curve));
                }
                run.trials.push(record);
            }
            order_steps(&mut run, &trials);
            let known = import.here.get(&run.header.task.key).into_iter().flatten();
            let n_others = known.filter(|other| other.id != run.id).count();
            if n_others > 0 {
                import.report.notes.push(format!(
                    "study `{}` is taken for a further run of the task `{}`, which {} imported before; hint: where it \
                     is of another task, withdraw run {} and import with another `--name`",
                    study.name,
                    run.header.task.key,
                    if n_others == 1 { "one was".into() } else { format!("{n_others} were") },
                    run.id
                ));
            }
            import.keep(run)?;
        }
        match refused {
            Some(error) if import.report.n_added + import.report.n_known == 0 => Err(error),
            _ => Ok(import.finish()),
        }
    }
}

/// A study is the same study when its name and the start of its first trial, ended or not, are.
fn identity(db: &Connection, study: &Study) -> rusqlite::Result<RunId> {
    let sql = "SELECT coalesce(min(datetime_start), '') FROM trials WHERE study_id = ?";
    let begun: String = db.query_row(sql, [study.id], |row| row.get(0))?;
    let text = format!("optuna\n{}\n{begun}\n{}", study.name, study.objectives.len());
    Ok(RunId::from_content(&Sha256::digest(text).into()))
}

fn header(study: &Study, name: &str, space: heirloom_model::SpaceSpec, provenance: &Provenance) -> RunHeader {
    let task = Task {
        key: format!("{name}/{}", study.name),
        name: study.name.clone(),
        metric: study.objectives[0].name.clone(),
        ..Task::default()
    };
    RunHeader {
        configuration: serde_json::json!({ "imported": { "optuna": study.name } }),
        source: Some(provenance.source.clone()),
        licence: Some(provenance.licence.clone()),
        ..RunHeader::new(task, space, study.objectives.clone())
    }
}

fn studies(db: &Connection) -> rusqlite::Result<Vec<Study>> {
    let mut directions =
        db.prepare("SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective")?;
    let mut statement = db.prepare("SELECT study_id, study_name FROM studies ORDER BY study_id")?;
    let mut rows = statement.query([])?;
    let mut studies = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let texts: Vec<String> =
            directions.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let objective = |(index, text): (usize, &String)| Objective {
            name: if texts.len() == 1 { "value".into() } else { format!("value_{index}") },
            direction: if text == "MAXIMIZE" { Direction::Maximise } else { Direction::Minimise },
        };
        let objectives: Vec<_> = texts.iter().enumerate().map(objective).collect();
        if !objectives.is_empty() {
            studies.push(Study { id, name: row.get(1)?, objectives });
        }
    }
    Ok(studies)
}

fn ended_trials(db: &Connection, study: &Study) -> rusqlite::Result<Vec<Ended>> {
    let mut statement = db.prepare(
        "SELECT trial_id, number, state, coalesce(datetime_start, ''), coalesce(datetime_complete, '') FROM trials
         WHERE study_id = ? AND state IN ('COMPLETE', 'PRUNED', 'FAIL') ORDER BY number",
    )?;
    statement
        .query_map([study.id], |row| {
            Ok(Ended {
                id: row.get(0)?,
                number: row.get::<_, i64>(1)? as u64,
                state: row.get(2)?,
                begun: row.get(3)?,
                ended: row.get(4)?,
            })
        })?
        .collect()
}

/// The study's parameters, each with its value in each trial.
fn columns(db: &Connection, trials: &[Ended]) -> Result<Vec<Column>, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let mut columns: BTreeMap<String, Column> = BTreeMap::new();
    let mut statement = db
        .prepare("SELECT param_name, param_value, distribution_json FROM trial_params WHERE trial_id = ?")
        .map_err(text)?;
    for (index, trial) in trials.iter().enumerate() {
        let mut rows = statement.query([trial.id]).map_err(text)?;
        while let Some(row) = rows.next().map_err(text)? {
            let name: String = row.get(0).map_err(text)?;
            let json: String = row.get(2).map_err(text)?;
            let distribution: Distribution = serde_json::from_str(&json)
                .map_err(|error| format!("parameter `{name}` of trial {}: {error}", trial.number))?;
            let (kind, value) = distribution.read(row.get(1).map_err(text)?);
            let column = columns.entry(name.clone()).or_insert_with(|| Column {
                name: name.clone(),
                kind: None,
                values: vec![None; trials.len()],
            });
            column.kind = Some(match column.kind.take() {
                None => kind,
                Some(known) => join(known, kind).ok_or_else(|| {
                    format!("parameter `{name}` changes its kind in trial {}", trial.number)
                })?,
            });
            column.values[index] = Some(value);
        }
    }
    if columns.is_empty() {
        return Err("it has no parameters".into());
    }
    let widen =
        |column: Column| Column { kind: column.kind.map(|kind| widened(kind, &column.values)), ..column };
    Ok(columns.into_values().map(widen).collect())
}

/// Leaves out trials that ended before all was drawn that every completed trial has: what they lack is no condition.
/// Returns how many.
fn leave_out_torn(trials: &mut Vec<Ended>, columns: &mut [Column]) -> u64 {
    let completed: Vec<bool> = trials.iter().map(|trial| trial.state == "COMPLETE").collect();
    if !completed.contains(&true) {
        return 0;
    }
    let has_all = |column: &&Column| {
        column.values.iter().zip(&completed).all(|(value, &completed)| value.is_some() || !completed)
    };
    let always: Vec<&Column> = columns.iter().filter(has_all).collect();
    let is_torn = |trial: usize| always.iter().any(|column| column.values[trial].is_none());
    let torn: Vec<bool> = (0..trials.len()).map(is_torn).collect();
    let mut kept = torn.iter().map(|torn| !torn);
    trials.retain(|_| kept.next().unwrap_or(true));
    for column in columns {
        let mut kept = torn.iter().map(|torn| !torn);
        column.values.retain(|_| kept.next().unwrap_or(true));
    }
    torn.into_iter().filter(|torn| *torn).count() as u64
}

/// The type with every value that occurs: Optuna evaluates what a person enqueued, though it lies outside the range or
/// beside the grid.
fn widened(kind: ParameterType, values: &[Option<Value>]) -> ParameterType {
    let numbers: Vec<f64> = values.iter().flatten().filter_map(Value::as_f64).collect();
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let is_beside = |low: f64, step: f64| {
        let steps = |number: &f64| (number - low) / step;
        numbers.iter().any(|number| (steps(number) - steps(number).round()).abs() > 1e-6)
    };
    match kind {
        ParameterType::Float { low, high, log, step } => {
            let (all_low, all_high) = (low.min(least), high.max(largest));
            let step = step.filter(|step| (all_low, all_high) == (low, high) && !is_beside(low, *step));
            ParameterType::Float { low: all_low, high: all_high, log: log && all_low > 0.0, step }
        }
        ParameterType::Int { low, high, log, step } => {
            let (all_low, all_high) = (low.min(least as i64), high.max(largest as i64));
            let keeps = (all_low, all_high) == (low, high) && !is_beside(low as f64, step as f64);
            let step = if keeps { step } else { 1 };
            ParameterType::Int { low: all_low, high: all_high, log: log && all_low > 0, step }
        }
        other => other,
    }
}

/// The distributions of Optuna, those before its version 3 included.
#[derive(Deserialize)]
#[serde(tag = "name", content = "attributes")]
enum Distribution {
    #[serde(rename = "FloatDistribution")]
    Float { low: f64, high: f64, log: bool, step: Option<f64> },
    #[serde(rename = "IntDistribution")]
    Int { low: i64, high: i64, log: bool, step: i64 },
    #[serde(rename = "CategoricalDistribution")]
    Categorical { choices: Vec<Option<Value>> },
    #[serde(rename = "UniformDistribution")]
    Uniform { low: f64, high: f64 },
    #[serde(rename = "LogUniformDistribution")]
    LogUniform { low: f64, high: f64 },
    #[serde(rename = "DiscreteUniformDistribution")]
    DiscreteUniform { low: f64, high: f64, q: f64 },
    #[serde(rename = "IntUniformDistribution")]
    IntUniform { low: i64, high: i64, step: i64 },
    #[serde(rename = "IntLogUniformDistribution")]
    IntLogUniform { low: i64, high: i64 },
}

impl Distribution {
    /// The parameter's type, and the value that the stored number stands for.
    fn read(self, number: f64) -> (ParameterType, Value) {
        let float =
            |low, high, log, step| (ParameterType::Float { low, high, log, step }, Value::Float(number));
        let int =
            |low, high, log, step| (ParameterType::Int { low, high, log, step }, Value::Int(number as i64));
        match self {
            Self::Float { low, high, log, step } => float(low, high, log, step),
            Self::Uniform { low, high } => float(low, high, false, None),
            Self::LogUniform { low, high } => float(low, high, true, None),
            Self::DiscreteUniform { low, high, q } => float(low, high, false, Some(q)),
            Self::Int { low, high, log, step } => int(low, high, log, step),
            Self::IntUniform { low, high, step } => int(low, high, false, step),
            Self::IntLogUniform { low, high } => int(low, high, true, 1),
            Self::Categorical { choices } => {
                let choices: Vec<Value> =
                    choices.into_iter().map(|choice| choice.unwrap_or_else(|| "None".into())).collect();
                let value = choices.get(number as usize).cloned().unwrap_or(Value::Int(number as i64));
                (ParameterType::Categorical { choices }, value)
            }
        }
    }
}

/// The type that holds the values of both.
fn join(a: ParameterType, b: ParameterType) -> Option<ParameterType> {
    use ParameterType::{Categorical, Float, Int};
    Some(match (a, b) {
        (a, b) if a == b => a,
        (Float { low, high, log, .. }, Float { low: low_b, high: high_b, log: log_b, .. }) => {
            Float { low: low.min(low_b), high: high.max(high_b), log: log && log_b, step: None }
        }
        (Int { low, high, log, .. }, Int { low: low_b, high: high_b, log: log_b, .. }) => {
            Int { low: low.min(low_b), high: high.max(high_b), log: log && log_b, step: 1 }
        }
        (Categorical { mut choices }, Categorical { choices: more }) => {
            for choice in more {
                if !choices.iter().any(|known| known.same_as(&choice)) {
                    choices.push(choice);
                }
            }
            Categorical { choices }
        }
        _ => return None,
    })
}

fn record(
    db: &Connection,
    study: &Study,
    trial: &Ended,
    proposal: Proposal,
) -> rusqlite::Result<(TrialRecord, Vec<CurvePoint>)> {
    let direction = study.objectives[0].direction;
    let seconds = seconds_between(db, trial)?;
    let curve = intermediate(db, trial, direction)?;
    let values = values(db, study, trial)?;
    let (state, result) = match (trial.state.as_str(), values) {
        ("FAIL", _) => (TrialState::Failed, Err((FailureKind::Crashed, "the objective failed"))),
        ("PRUNED", Some(values)) => (TrialState::Stopped, Ok(values)),
        ("PRUNED", None) => match (last_report(db, trial)?, curve.last()) {
            (None, _) => {
                (TrialState::Failed, Err((FailureKind::Rejected, "pruned before it reported anything")))
            }
            (Some(true), Some(last)) if study.objectives.len() == 1 => {
                (TrialState::Stopped, Ok(last.objectives.clone()))
            }
            _ => (TrialState::Failed, Err((FailureKind::Diverged, "its last report is not finite"))),
        },
        (_, Some(values)) => (TrialState::Completed, Ok(values)),
        (_, None) => (TrialState::Failed, Err((FailureKind::Diverged, "no finite value was kept"))),
    };
    let result = match result {
        Ok(objectives) => Ok(Outcome {
            metrics: metrics(db, trial)?,
            stopped: state == TrialState::Stopped,
            ..Outcome::new(objectives, seconds)
        }),
        Err((kind, message)) => Err(Failure { kind, message: message.into(), cost_seconds: seconds }),
    };
    let record = TrialRecord {
        id: TrialId(trial.number),
        proposal,
        origin: Some(Origin::Strategy { ask: trial.number, n: 1 }),
        scores: Vec::new(),
        state,
        attempt: 0,
        result: Some(result),
        wall_seconds: Some(seconds),
        proposed: 0,
        told: None,
    };
    Ok((record, curve))
}

/// Steps as the study's clock tells them: each trial's start a proposal, each end a telling.
fn order_steps(run: &mut RunContents, trials: &[Ended]) {
    let begun = trials.iter().enumerate().map(|(index, trial)| (&trial.begun, index, false));
    let ended =
        trials.iter().enumerate().map(|(index, trial)| (trial.ended.as_str().max(&trial.begun), index, true));
    let mut steps: Vec<(&str, usize, bool)> =
        begun.map(|(time, index, end)| (time.as_str(), index, end)).chain(ended).collect();
    steps.sort_by_key(|(time, index, end)| (*time, *index, *end));
    run.steps = steps.len() as u64;
    for (step, (_, index, end)) in steps.into_iter().enumerate() {
        let trial = &mut run.trials[index];
        if end { trial.told = Some(step as u64) } else { trial.proposed = step as u64 }
    }
}

fn seconds_between(db: &Connection, trial: &Ended) -> rusqlite::Result<f64> {
    let sql = "SELECT coalesce((julianday(?2) - julianday(?1)) * 86400.0, 0.0)";
    db.query_row(sql, [&trial.begun, &trial.ended], |row| row.get::<_, f64>(0))
        .map(|seconds| seconds.max(0.0))
}

/// The finite objectives, minimised; `None` where one is missing.
fn values(db: &Connection, study: &Study, trial: &Ended) -> rusqlite::Result<Option<Vec<f64>>> {
    let finite = is_finite(db, "trial_values", "value")?;
    let mut statement = db.prepare_cached(&format!(
        "SELECT objective, value FROM trial_values WHERE trial_id = ? AND {finite} ORDER BY objective"
    ))?;
    let found: BTreeMap<usize, f64> = statement
        .query_map([trial.id], |row| Ok((row.get::<_, i64>(0)? as usize, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let value = |(index, objective): (usize, &Objective)| Some(objective.direction.turn(*found.get(&index)?));
    Ok(study.objectives.iter().enumerate().map(value).collect())
}

/// The condition that a column holds a finite number. Before Optuna 3 no column beside it says so.
fn is_finite(db: &Connection, table: &str, column: &str) -> rusqlite::Result<String> {
    let mut statement = db.prepare_cached("SELECT 1 FROM pragma_table_info(?) WHERE name = ?")?;
    let largest = f64::MAX;
    Ok(match statement.exists([table, &format!("{column}_type")])? {
        true => format!("{column} IS NOT NULL AND {column}_type = 'FINITE'"),
        false => format!("{column} IS NOT NULL AND abs({column}) <= {largest:e}"),
    })
}

/// Whether the last report is a finite number; `None` where there is no report.
fn last_report(db: &Connection, trial: &Ended) -> rusqlite::Result<Option<bool>> {
    let finite = is_finite(db, REPORTS, "intermediate_value")?;
    let sql = format!("SELECT {finite} FROM {REPORTS} WHERE trial_id = ? ORDER BY step DESC LIMIT 1");
    db.query_row(&sql, [trial.id], |row| row.get(0)).optional()
}

/// The learning curve; steps without a finite value are left out.
fn intermediate(db: &Connection, trial: &Ended, direction: Direction) -> rusqlite::Result<Vec<CurvePoint>> {
    let finite = is_finite(db, REPORTS, "intermediate_value")?;
    let mut statement = db.prepare_cached(&format!(
        "SELECT step, intermediate_value FROM {REPORTS} WHERE trial_id = ? AND {finite} ORDER BY step"
    ))?;
    statement
        .query_map([trial.id], |row| {
            let objectives = vec![direction.turn(row.get(1)?)];
            Ok(CurvePoint { step: row.get::<_, i64>(0)? as f64, objectives, cost_seconds: f64::NAN })
        })?
        .collect()
}

/// The user attributes that are numbers.
fn metrics(db: &Connection, trial: &Ended) -> rusqlite::Result<BTreeMap<String, f64>> {
    let mut statement =
        db.prepare_cached("SELECT key, value_json FROM trial_user_attributes WHERE trial_id = ?")?;
    let mut rows = statement.query([trial.id])?;
    let mut metrics = BTreeMap::new();
    while let Some(row) = rows.next()? {
        if let Ok(number) = row.get_ref(1)?.as_str().unwrap_or_default().parse::<f64>() {
            metrics.insert(row.get(0)?, number);
        }
    }
    Ok(metrics)
}
