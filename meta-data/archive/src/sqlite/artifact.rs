//! Bytes kept by their hash.

use heirloom_model::TrialId;
use rusqlite::{Connection, OptionalExtension, params};

use super::{now_ms, run_key};
use crate::record::hex_hash;
use crate::{ArchiveError, ArtifactReference, Result, RunId};

/// Stands for the run as a whole where a reference names a trial: keys must not be null.
const WHOLE_RUN: i64 = -1;

/// Keeps bytes and what they are to a trial or run.
pub(super) fn put(
    db: &Connection,
    run: RunId,
    trial: Option<TrialId>,
    name: &str,
    bytes: &[u8],
) -> Result<String> {
    let key = run_key(db, run)?;
    let hash = hex_hash(bytes);
    db.prepare_cached("INSERT OR IGNORE INTO artifact (hash, size, created, bytes) VALUES (?, ?, ?, ?)")?
        .execute(params![hash, bytes.len() as i64, now_ms(), bytes])?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO artifact_reference (hash, run, trial, name) VALUES (?, ?, ?, ?)",
    )?
    .execute(params![hash, key, trial_key(trial), name])?;
    Ok(hash)
}

/// The bytes with this hash.
pub(super) fn get(db: &Connection, hash: &str) -> Result<Vec<u8>> {
    let mut statement = db.prepare_cached("SELECT bytes FROM artifact WHERE hash = ?")?;
    let bytes: Option<Vec<u8>> = statement.query_row([hash], |row| row.get(0)).optional()?;
    let bytes = bytes.ok_or_else(|| ArchiveError::NoSuchArtifact { hash: hash.into() })?;
    if hex_hash(&bytes) == hash {
        Ok(bytes)
    } else {
        Err(ArchiveError::damaged(format!("artifact {hash}"), "its bytes have another hash"))
    }
}

/// The artifacts of a run.
pub(super) fn list(db: &Connection, run: RunId) -> Result<Vec<ArtifactReference>> {
    let mut statement = db.prepare_cached(
        "SELECT hash, trial, name FROM artifact_reference WHERE run = ? ORDER BY trial, name",
    )?;
    let references = statement.query_map([run_key(db, run)?], |row| {
        let trial: i64 = row.get(1)?;
        let trial = (trial != WHOLE_RUN).then_some(TrialId(trial as u64));
        Ok(ArtifactReference { hash: row.get(0)?, trial, name: row.get(2)? })
    })?;
    Ok(references.collect::<rusqlite::Result<_>>()?)
}

/// Drops a reference.
pub(super) fn drop_reference(db: &Connection, run: RunId, trial: Option<TrialId>, name: &str) -> Result<()> {
    let key = run_key(db, run)?;
    db.prepare_cached("DELETE FROM artifact_reference WHERE run = ? AND trial = ? AND name = ?")?
        .execute(params![key, trial_key(trial), name])?;
    Ok(())
}

/// Deletes artifacts that nothing refers to.
pub(super) fn collect(db: &Connection) -> Result<u64> {
    let deleted = db.execute(
        "DELETE FROM artifact WHERE NOT EXISTS (
            SELECT 1 FROM artifact_reference WHERE artifact_reference.hash = artifact.hash)",
        [],
    )?;
    Ok(deleted as u64)
}

fn trial_key(trial: Option<TrialId>) -> i64 {
    trial.map_or(WHOLE_RUN, |trial| trial.0 as i64)
}
