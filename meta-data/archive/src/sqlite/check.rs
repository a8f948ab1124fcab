//! Looks for records that are torn or contradict each other.

use heirloom_model::{FailureKind, Space, SpaceSpec};
use rusqlite::{Connection, Row};

use super::{contents, read, run_id};
use crate::record::hex_hash;
use crate::{ArchiveError, Finding, Result, pack};

/// What to do where a record cannot be mended.
const RESTORE: &str = "restore the archive from a copy, or merge its sound runs into a new archive";

/// A query whose every row is a contradiction, with what it means. The row's columns fill the `{}` of `record`.
struct Rule {
    sql: &'static str,
    record: &'static str,
    problem: &'static str,
    remedy: &'static str,
}

/// Failure 5 is a proposal that was refused: it may have any shape. Failure 7 is one that was filtered out: no trial.
const RULES: [Rule; 9] = [
    Rule {
        sql: "SELECT hex(run.uuid), number, length(trial.configuration) / 8.0, n_parameters FROM trial
              JOIN run ON run.id = trial.run JOIN space ON space.id = run.space
              WHERE length(trial.configuration) != 8 * n_parameters AND coalesce(failure, 0) != 5",
        record: "trial {} of run {}",
        problem: "its configuration has {} values and the space {} parameters",
        remedy: RESTORE,
    },
    Rule {
        sql: "SELECT hex(run.uuid), number, length(trial.fidelity) / 8.0, json_array_length(fidelities) FROM trial
              JOIN run ON run.id = trial.run
              WHERE CASE WHEN json_valid(fidelities)
                THEN length(trial.fidelity) != 8 * json_array_length(fidelities) END AND coalesce(failure, 0) != 5",
        record: "trial {} of run {}",
        problem: "its fidelity has {} values and the run {} dimensions",
        remedy: RESTORE,
    },
    Rule {
        sql: "SELECT hex(run.uuid), number, coalesce(length(trial.objectives), 0) / 8.0,
                json_array_length(run.objectives) FROM trial JOIN run ON run.id = trial.run
              WHERE trial.state IN (2, 3) AND CASE WHEN json_valid(run.objectives)
                THEN coalesce(length(trial.objectives), 0) != 8 * json_array_length(run.objectives) END",
        record: "trial {} of run {}",
        problem: "it is completed with {} objectives where the run has {}",
        remedy: RESTORE,
    },
    Rule {
        sql: "SELECT hex(run.uuid), number, trial.state, told FROM trial JOIN run ON run.id = trial.run
              WHERE told IS NOT NULL AND trial.state NOT IN (2, 3, 4)",
        record: "trial {} of run {}",
        problem: "its state is {} and yet the strategy was told of it at step {}",
        remedy: RESTORE,
    },
    Rule {
        sql: "SELECT hex(uuid), '', steps, (SELECT count(*) + count(told) FROM trial WHERE run = run.id) AS counted
              FROM run WHERE steps != counted AND state != 4",
        record: "run {1}",
        problem: "it counts {} calls of the strategy and its trials {}",
        remedy: RESTORE,
    },
    Rule {
        sql: "SELECT hex(uuid), '', count(told), count(DISTINCT told) AS steps_told FROM trial
              JOIN run ON run.id = trial.run WHERE run.state != 4 GROUP BY run.id HAVING count(told) != steps_told",
        record: "run {1}",
        problem: "its strategy was told {} times, in {} different calls",
        remedy: RESTORE,
    },
    Rule {
        sql: "SELECT hex(uuid), '', n_trials, (SELECT count(*) FROM trial WHERE run = run.id AND coalesce(failure, 0) != 7)
                + (SELECT coalesce(sum(n), 0) FROM evaluations WHERE run = run.id) AS counted
              FROM run WHERE n_trials != counted",
        record: "run {1}",
        problem: "it counts {} trials and has {}",
        remedy: RESTORE,
    },
    Rule {
        sql: "SELECT hex(run.uuid), trial.number, count(*), trial.state FROM point
              JOIN trial ON trial.run = point.run AND trial.number = point.trial
              JOIN run ON run.id = trial.run WHERE trial.state IN (2, 3, 4) GROUP BY 1, 2",
        record: "trial {} of run {}",
        problem: "{} points of a running curve were left behind though its state is {}",
        remedy: "nothing is lost; the points are not read",
    },
    Rule {
        sql: "SELECT hex(run.uuid), trial.number, coalesce(max(attempt.number), 0), trial.attempt FROM trial
              LEFT JOIN attempt ON attempt.run = trial.run AND attempt.trial = trial.number
              JOIN run ON run.id = trial.run WHERE run.state != 4 GROUP BY trial.run, trial.number
              HAVING coalesce(max(attempt.number), 0) != trial.attempt",
        record: "trial {} of run {}",
        problem: "its newest attempt is {} and it says {}",
        remedy: RESTORE,
    },
];

/// Takes a finding: the record, what is wrong with it, and what to do.
type Found<'a> = dyn FnMut(String, String, &str) + 'a;

type Step = fn(&Connection, &mut Found<'_>) -> Result<()>;

/// All findings, the file's own damage first. A page that cannot be read is a finding too, and the rest is looked at.
pub(super) fn check(db: &Connection) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let steps: [Step; 6] =
        [check_file, check_rules, check_numbers, check_packed, check_hashes, check_readable];
    for step in steps {
        let mut found = |record: String, problem: String, remedy: &str| {
            findings.push(Finding { record, problem, remedy: remedy.into() });
        };
        if let Err(error) = step(db, &mut found) {
            found_in("the archive", error, &mut found)?;
        }
    }
    findings.dedup();
    Ok(findings)
}

/// Makes a finding of an error that a stored record gives; any other is the caller's.
fn found_in(whole: &str, error: ArchiveError, found: &mut Found<'_>) -> Result<()> {
    match error {
        ArchiveError::Damaged { record, problem } => found(format!("{whole}: {record}"), problem, RESTORE),
        ArchiveError::Database { problem } => found(whole.into(), problem, RESTORE),
        other => return Err(other),
    }
    Ok(())
}

/// The file's pages, and rows whose parents are gone.
fn check_file(db: &Connection, found: &mut Found<'_>) -> Result<()> {
    each(db, "PRAGMA integrity_check(20)", |row| {
        let text: String = row.get(0)?;
        if text != "ok" {
            found("the file".into(), text, RESTORE);
        }
        Ok(())
    })?;
    each(db, "PRAGMA foreign_key_check", |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        found(format!("a row of `{table}`"), format!("the `{parent}` it belongs to is gone"), RESTORE);
        Ok(())
    })
}

/// What contradicts itself.
fn check_rules(db: &Connection, found: &mut Found<'_>) -> Result<()> {
    for rule in &RULES {
        each(db, rule.sql, |row| {
            let text = |column: usize| row.get_ref(column).map(show);
            let (run, number, a, b) = (text(0)?, text(1)?, text(2)?, text(3)?);
            let record = rule.record.replacen("{}", &number, 1).replacen("{}", &run, 1).replace("{1}", &run);
            found(record, rule.problem.replacen("{}", &a, 1).replacen("{}", &b, 1), rule.remedy);
            Ok(())
        })?;
    }
    Ok(())
}

/// Objectives are finite; a failed trial has a reason.
fn check_numbers(db: &Connection, found: &mut Found<'_>) -> Result<()> {
    let sql = "SELECT hex(run.uuid), number, trial.objectives, failure, trial.state FROM trial
               JOIN run ON run.id = trial.run WHERE trial.state IN (2, 3, 4)";
    each(db, sql, |row| {
        let record = || {
            Ok::<_, rusqlite::Error>(format!(
                "trial {} of run {}",
                show(row.get_ref(1)?),
                show(row.get_ref(0)?)
            ))
        };
        let failed = row.get::<_, i64>(4)? == 4;
        let reason = row.get::<_, Option<u8>>(3).ok().flatten().and_then(FailureKind::from_code);
        if failed && reason.is_none() {
            found(record()?, "it failed without a reason that is known".into(), RESTORE);
        }
        let objectives = row.get_ref(2)?.as_blob_or_null()?.and_then(pack::parse_numbers).unwrap_or_default();
        if !failed && objectives.iter().any(|value| !value.is_finite()) {
            found(record()?, "an objective is not finite".into(), RESTORE);
        }
        Ok(())
    })
}

/// Packed columns can be unpacked and hold as many rows as they say.
fn check_packed(db: &Connection, found: &mut Found<'_>) -> Result<()> {
    each(db, "SELECT hex(run.uuid), trial, points FROM curve JOIN run ON run.id = curve.run", |row| {
        if pack::parse_curve(row.get_ref(2)?.as_blob()?).is_err() {
            let record =
                format!("the curve of trial {} of run {}", show(row.get_ref(1)?), show(row.get_ref(0)?));
            found(record, "its bytes are torn".into(), RESTORE);
        }
        Ok(())
    })?;
    let sql = "SELECT hex(run.uuid), first, columns, n, n_parameters FROM evaluations
               JOIN run ON run.id = evaluations.run JOIN space ON space.id = run.space";
    each(db, sql, |row| {
        let record = || format!("evaluations {} onward of run {}", show_or(row, 1), show_or(row, 0));
        let (n, n_parameters) = (row.get::<_, i64>(3)? as usize, row.get::<_, i64>(4)? as usize);
        match pack::parse_evaluations(row.get_ref(2)?.as_blob()?) {
            Err(_) => found(record(), "their bytes are torn".into(), RESTORE),
            Ok(batch) if batch.len() != n || batch.configurations.len() != n * n_parameters => {
                found(record(), format!("there are {} where {n} should be", batch.len()), RESTORE);
            }
            Ok(_) => {}
        }
        Ok(())
    })
}

/// What is named by its hash has that hash.
fn check_hashes(db: &Connection, found: &mut Found<'_>) -> Result<()> {
    let other = "its bytes have another hash";
    each(db, "SELECT hash, bytes FROM artifact", |row| {
        let hash: String = row.get(0)?;
        if hex_hash(row.get_ref(1)?.as_blob()?) != hash {
            found(
                format!("artifact {hash}"),
                other.into(),
                "make it again, or take it from a copy of the archive",
            );
        }
        Ok(())
    })?;
    each(db, "SELECT hash, spec FROM space", |row| {
        let hash: String = row.get(0)?;
        let spec = serde_json::from_str::<SpaceSpec>(row.get_ref(1)?.as_str()?).ok();
        match spec.map(Space::compile) {
            Some(Ok(space)) if space.hash().0 == hash => {}
            Some(Ok(_)) => found(format!("space {hash}"), other.into(), RESTORE),
            _ => found(format!("space {hash}"), "its description cannot be read".into(), RESTORE),
        }
        Ok(())
    })?;
    each(db, "SELECT hex(uuid), configuration, configuration_hash FROM run", |row| {
        if hex_hash(row.get_ref(1)?.as_bytes()?) != row.get::<_, String>(2)? {
            found(format!("run {}", show_or(row, 0)), "its configuration has another hash".into(), RESTORE);
        }
        Ok(())
    })
}

/// Everything can be read as a search reads it: texts, metrics and scores too, which no rule looks at.
fn check_readable(db: &Connection, found: &mut Found<'_>) -> Result<()> {
    let mut runs = Vec::new();
    each(db, "SELECT uuid FROM run", |row| {
        runs.push(row.get_ref(0)?.as_blob()?.to_vec());
        Ok(())
    })?;
    for bytes in runs {
        let run = run_id(&bytes)?;
        if let Err(error) = contents::read_through(db, run) {
            found_in(&format!("run {run}"), error, found)?;
        }
    }
    for task in read::tasks(db)? {
        if let Err(error) = read::meta_features(db, &task.key) {
            found_in(&format!("task `{}`", task.key), error, found)?;
        }
    }
    Ok(())
}

fn each(db: &Connection, sql: &str, mut visit: impl FnMut(&Row<'_>) -> rusqlite::Result<()>) -> Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        visit(row)?;
    }
    Ok(())
}

/// A value as text; a run's id, which SQLite gives as 32 upper-case digits, as it is written elsewhere.
fn show(value: rusqlite::types::ValueRef<'_>) -> String {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => "nothing".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            uuid::Uuid::try_parse(&text).map_or_else(|_| text.to_string(), |id| id.to_string())
        }
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

fn show_or(row: &Row<'_>, column: usize) -> String {
    row.get_ref(column).map_or_else(|_| "?".into(), show)
}
