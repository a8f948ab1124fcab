//! The schema's versions: numbered scripts, applied in order, never changed once released.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::translate;
use crate::{ArchiveError, Result};

/// Script number `i` brings version `i` to `i + 1`.
const MIGRATIONS: [&str; 3] = [
    include_str!("../../migrations/sqlite/0001_runs.sql"),
    include_str!("../../migrations/sqlite/0002_artifacts.sql"),
    include_str!("../../migrations/sqlite/0003_withdrawn.sql"),
];

/// The newest schema.
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Marks the file as an archive: "HLAR" in the file's header.
const APPLICATION_ID: u32 = 0x484c_4152;

/// Whether the database says of itself that it is an archive.
pub(crate) fn is_archive(db: &Connection) -> rusqlite::Result<bool> {
    let application: u32 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    Ok(application == APPLICATION_ID)
}

/// Brings the database to the newest schema, in one transaction.
pub(super) fn migrate(db: &mut Connection, path: &Path) -> Result<()> {
    let fail = |error| translate(error, path);
    if version(db, path)? == VERSION {
        return Ok(());
    }
    // WAL is a property of the file, and cannot be set inside a transaction.
    db.execute_batch("PRAGMA journal_mode = WAL").map_err(fail)?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
    // Another process may have been faster.
    let found = version(&transaction, path)?;
    for script in MIGRATIONS.iter().skip(found as usize) {
        transaction.execute_batch(script).map_err(fail)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fail)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(fail)?;
    transaction.commit().map_err(fail)
}

/// Checks that a file opened for reading has a schema that can be read.
pub(super) fn verify(db: &Connection, path: &Path) -> Result<()> {
    match version(db, path)? {
        VERSION => Ok(()),
        0 => Err(ArchiveError::Empty { path: path.into() }),
        found => Err(ArchiveError::OlderSchema { path: path.into(), found, known: VERSION }),
    }
}

/// The file's schema; 0 where it is empty.
fn version(db: &Connection, path: &Path) -> Result<u32> {
    let fail = |error| translate(error, path);
    // One statement sees one state: another process may be making the archive meanwhile.
    let sql = "SELECT (SELECT application_id FROM pragma_application_id),
                      (SELECT user_version FROM pragma_user_version), count(*) FROM sqlite_schema";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (application, found, tables): (u32, u32, u32) = db.query_row(sql, [], read).map_err(fail)?;
    match (application, tables) {
        (APPLICATION_ID, _) if found > VERSION => {
            Err(ArchiveError::NewerSchema { path: path.into(), found, known: VERSION })
        }
        (APPLICATION_ID, _) => Ok(found),
        (0, 0) => Ok(0),
        _ => Err(ArchiveError::NotAnArchive { path: path.into() }),
    }
}
