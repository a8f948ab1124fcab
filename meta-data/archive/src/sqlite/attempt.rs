//! Leases: the right to evaluate a trial for a while, and what happens when its holder falls silent.

use std::time::Duration;

use heirloom_model::TrialId;
use rusqlite::{Connection, OptionalExtension, params};

use super::events::{begin_attempt, refusal, renew_lease};
use super::{now_ms, run_key, time_of, trials};
use crate::{ArchiveError, AttemptRecord, Claim, Result, RunId, TrialState};

/// Gives a worker the first trial that anyone may take.
pub(super) fn claim(db: &Connection, run: RunId, worker: &str, lease: Duration) -> Result<Option<Claim>> {
    let key = run_key(db, run)?;
    expire_leases(db, key)?;
    let Some((trial, newest)) = first_free(db, key)? else { return Ok(None) };
    let attempt = newest + 1;
    db.prepare_cached("UPDATE trial SET state = ?, attempt = ? WHERE run = ? AND number = ?")?
        .execute(params![TrialState::Running.code(), attempt, key, trial.0 as i64])?;
    let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 2);
    begin_attempt(db, key, trial, attempt, Some((worker, lease_ms)))?;
    let proposal = trials::proposal(db, key, trial)?;
    Ok(Some(Claim { run, trial, attempt, proposal, lease }))
}

/// Renews a claim that still holds.
pub(super) fn renew(db: &Connection, claim: &Claim) -> Result<()> {
    let key = run_key(db, claim.run)?;
    let mut statement =
        db.prepare_cached("SELECT 1 FROM trial WHERE run = ? AND number = ? AND attempt = ? AND state = 1")?;
    if !statement.exists(params![key, claim.trial.0 as i64, claim.attempt])? {
        return Err(refusal(db, claim.run, key, claim.trial, claim.attempt));
    }
    renew_lease(db, key, claim.trial, claim.attempt)
}

/// Marks the trials of a run whose leases have run out as lost.
pub(super) fn expire(db: &Connection, run: RunId) -> Result<u64> {
    expire_leases(db, run_key(db, run)?)
}

/// All attempts at a run's trials.
pub(super) fn list(db: &Connection, run: RunId) -> Result<Vec<AttemptRecord>> {
    let mut statement = db.prepare_cached(
        "SELECT trial, number, worker, state, started, ended FROM attempt WHERE run = ? ORDER BY trial, number",
    )?;
    let mut rows = statement.query([run_key(db, run)?])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        let trial = TrialId(row.get::<_, i64>(0)? as u64);
        let state = TrialState::from_code(row.get(3)?).ok_or_else(|| {
            ArchiveError::damaged(format!("an attempt at trial `{trial}`"), "unknown state")
        })?;
        attempts.push(AttemptRecord {
            trial,
            number: row.get(1)?,
            worker: row.get(2)?,
            state,
            started: time_of(row.get(4)?),
            ended: row.get::<_, Option<i64>>(5)?.map(time_of),
        });
    }
    Ok(attempts)
}

/// The first trial that anyone may take, and its newest attempt.
fn first_free(db: &Connection, key: i64) -> Result<Option<(TrialId, u32)>> {
    let mut statement = db.prepare_cached(
        "SELECT number, attempt FROM trial WHERE run = ? AND state IN (0, 5) ORDER BY number LIMIT 1",
    )?;
    let row = |row: &rusqlite::Row<'_>| Ok((TrialId(row.get::<_, i64>(0)? as u64), row.get(1)?));
    Ok(statement.query_row([key], row).optional()?)
}

/// Marks attempts whose leases have run out, and their trials, as lost.
fn expire_leases(db: &Connection, key: i64) -> Result<u64> {
    let lost = TrialState::Lost.code();
    let now = now_ms();
    let trials = db
        .prepare_cached(
            "UPDATE trial SET state = ?1 WHERE run = ?2 AND state = 1 AND EXISTS (
                SELECT 1 FROM attempt WHERE attempt.run = trial.run AND attempt.trial = trial.number
                    AND attempt.number = trial.attempt AND attempt.expires < ?3)
             AND number IN (SELECT trial FROM attempt WHERE run = ?2 AND expires < ?3)",
        )?
        .execute(params![lost, key, now])?;
    if trials > 0 {
        db.prepare_cached(
            "UPDATE attempt SET state = ?, ended = ?, expires = NULL WHERE run = ? AND expires < ?",
        )?
        .execute(params![lost, now, key, now])?;
    }
    Ok(trials as u64)
}
