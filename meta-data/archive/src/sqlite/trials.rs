//! Rows of trials and curves turned back into records.

use std::collections::BTreeMap;

use heirloom_model::{
    Configuration, CurvePoint, Failure, FailureKind, Fidelity, Origin, Outcome, Proposal, TransferSource,
    TrialId,
};
use rusqlite::{Connection, Row, params};

use super::{events, from_json, run_key};
use crate::{ArchiveError, Result, RunId, TrialRecord, TrialState, pack};

const COLUMNS: &str = "number, configuration, fidelity, parent, continues, proposed, ask, ask_size, scores, state, \
                       attempt, failure, message, objectives, cost_seconds, wall_seconds, metrics, told";

/// Visits a run's trials by number.
pub(super) fn visit(
    db: &Connection,
    run: RunId,
    visit: &mut dyn FnMut(TrialRecord) -> Result<()>,
) -> Result<()> {
    let key = run_key(db, run)?;
    let mut sources = transfer_sources(db, key)?;
    let mut statement =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM trial WHERE run = ? ORDER BY number"))?;
    let mut rows = statement.query([key])?;
    while let Some(row) = rows.next()? {
        visit(record(row, &mut sources)?)?;
    }
    Ok(())
}

/// Visits the curves of a run's trials by number.
pub(super) fn visit_curves(
    db: &Connection,
    run: RunId,
    visit: &mut dyn FnMut(TrialId, Vec<CurvePoint>) -> Result<()>,
) -> Result<()> {
    let key = run_key(db, run)?;
    // A trial has either a packed curve or points of its newest attempt.
    let mut statement = db.prepare_cached(
        "SELECT trial, 0, points FROM curve WHERE run = ?1 UNION ALL
         SELECT DISTINCT point.trial, point.attempt, NULL FROM point JOIN trial
            ON trial.run = point.run AND trial.number = point.trial AND trial.attempt = point.attempt
         WHERE point.run = ?1 ORDER BY 1",
    )?;
    let mut rows = statement.query([key])?;
    while let Some(row) = rows.next()? {
        let trial = TrialId(row.get::<_, i64>(0)? as u64);
        let points = match row.get_ref(2)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
            Some(packed) => pack::parse_curve(packed)
                .map_err(|_| ArchiveError::damaged(format!("the curve of trial `{trial}`"), "it is torn"))?,
            None => events::points(db, key, trial, row.get(1)?)?,
        };
        visit(trial, points)?;
    }
    Ok(())
}

/// What a trial is to evaluate.
pub(super) fn proposal(db: &Connection, key: i64, trial: TrialId) -> Result<Proposal> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM trial WHERE run = ? AND number = ?"))?;
    let mut rows = statement.query(params![key, trial.0 as i64])?;
    let row = rows.next()?.ok_or_else(|| ArchiveError::damaged(format!("trial `{trial}`"), "it is gone"))?;
    Ok(record(row, &mut BTreeMap::new())?.proposal)
}

/// The past tasks that spoke for each transferred trial.
fn transfer_sources(db: &Connection, key: i64) -> Result<BTreeMap<i64, Vec<TransferSource>>> {
    let mut statement = db.prepare_cached(
        "SELECT trial, task, weight, expected_rank FROM warm_start_use WHERE run = ? ORDER BY trial, place",
    )?;
    let mut rows = statement.query([key])?;
    let mut sources = BTreeMap::<i64, Vec<TransferSource>>::new();
    while let Some(row) = rows.next()? {
        let source = TransferSource { task: row.get(1)?, weight: row.get(2)?, expected_rank: row.get(3)? };
        sources.entry(row.get(0)?).or_default().push(source);
    }
    Ok(sources)
}

fn record(row: &Row<'_>, sources: &mut BTreeMap<i64, Vec<TransferSource>>) -> Result<TrialRecord> {
    let number: i64 = row.get(0)?;
    let damaged = |problem: &str| ArchiveError::damaged(format!("trial `{number}`"), problem);
    let numbers = |column: usize| {
        let bytes = row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?;
        pack::parse_numbers(bytes).ok_or_else(|| damaged("a list of numbers is torn"))
    };
    let trial = |column: usize| row.get::<_, Option<i64>>(column).map(|id| id.map(|id| TrialId(id as u64)));
    let state = TrialState::from_code(row.get(9)?).ok_or_else(|| damaged("unknown state"))?;
    let origin = match row.get::<_, Option<i64>>(6)? {
        Some(ask) => Origin::Strategy { ask: ask as u64, n: row.get::<_, i64>(7)? as usize },
        None => Origin::WarmStart { sources: sources.remove(&number).unwrap_or_default() },
    };
    let result = match state {
        TrialState::Completed | TrialState::Stopped => Some(Ok(Outcome {
            objectives: numbers(13)?,
            cost_seconds: row.get::<_, Option<f64>>(14)?.unwrap_or(f64::NAN),
            curve: Vec::new(),
            metrics: metrics(row, 16, number)?,
            stopped: state == TrialState::Stopped,
        })),
        TrialState::Failed => Some(Err(Failure {
            kind: FailureKind::from_code(row.get(11)?).ok_or_else(|| damaged("unknown kind of failure"))?,
            message: row.get(12)?,
            cost_seconds: row.get::<_, Option<f64>>(14)?.unwrap_or(f64::NAN),
        })),
        TrialState::Pending | TrialState::Running | TrialState::Lost => None,
    };
    let scores: Vec<(String, Option<f64>)> =
        match row.get_ref(8)?.as_str_or_null().map_err(rusqlite::Error::from)? {
            Some(text) => from_json(text, || format!("the scores of trial `{number}`"))?,
            None => Vec::new(),
        };
    Ok(TrialRecord {
        id: TrialId(number as u64),
        proposal: Proposal {
            configuration: Configuration::new(numbers(1)?),
            fidelity: Fidelity(numbers(2)?),
            parent: trial(3)?,
            continues: trial(4)?,
        },
        origin: Some(origin),
        scores: scores.into_iter().map(|(proxy, score)| (proxy, score.unwrap_or(f64::NAN))).collect(),
        state,
        attempt: row.get(10)?,
        result,
        wall_seconds: row.get(15)?,
        proposed: row.get::<_, i64>(5)? as u64,
        told: row.get::<_, Option<i64>>(17)?.map(|step| step as u64),
    })
}

/// Metrics from JSON; a number that is not finite is `null` there.
fn metrics(row: &Row<'_>, column: usize, number: i64) -> Result<BTreeMap<String, f64>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)? else {
        return Ok(BTreeMap::new());
    };
    let metrics: BTreeMap<String, Option<f64>> =
        from_json(text, || format!("the metrics of trial `{number}`"))?;
    Ok(metrics.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}
