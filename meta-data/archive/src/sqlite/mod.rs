//! An archive in one SQLite file.
//!
//! One connection writes, on a thread of its own (`writer`): what many threads hand in while the disk is busy is
//! committed as one transaction with one flush. Other connections read; in WAL mode neither waits for the other.

mod artifact;
mod attempt;
mod check;
mod contents;
mod events;
mod read;
mod schema;
pub(crate) use schema::is_archive;
mod store;
mod trials;
mod writer;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use crate::{ArchiveError, Result, RunId};
use writer::Writer;

/// How long a statement waits for a program that holds the archive without queueing as this one does.
#[cfg(not(test))]
const PATIENCE: Duration = Duration::from_secs(30);
#[cfg(test)]
const PATIENCE: Duration = Duration::from_millis(300);

/// Bytes of pages that a reading connection keeps in memory.
const READ_CACHE_BYTES: i64 = 16 << 20;

/// An archive in one SQLite file.
pub(crate) struct SqliteStore {
    path: PathBuf,
    /// The query part of the file's URI: how readers open it.
    immutable: bool,
    // Dropped before the writer: only the last connection to close folds the log into the file, and only one that may
    // write does.
    readers: Mutex<Vec<Connection>>,
    /// `None`: read-only.
    writer: Option<Writer>,
}

impl SqliteStore {
    /// Makes a new archive.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if path.exists() {
            return Err(ArchiveError::Exists { path: path.into() });
        }
        crate::disk::refuse_network(path)?;
        Self::open_writable(path, OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens an archive to read and write, and brings its schema up to date.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let path = &behind_links(path)?;
        check_file(path)?;
        crate::disk::refuse_network(path)?;
        Self::open_writable(path, OpenFlags::empty())
    }

    /// Opens an archive to read.
    pub(crate) fn open_read_only(path: &Path) -> Result<Self> {
        let path = &behind_links(path)?;
        check_file(path)?;
        // Without a log beside it the file is all there is; with one, SQLite needs to share memory with writers.
        let log = log_of(path);
        let immutable = !log.exists() && !crate::disk::is_writable(path);
        let store = Self { path: path.into(), immutable, writer: None, readers: Mutex::default() };
        store.read(|db| schema::verify(db, path))?;
        Ok(store)
    }

    fn open_writable(path: &Path, extra: OpenFlags) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
        let fail = |error| translate(error, path);
        let mut db = Connection::open_with_flags(path, flags).map_err(fail)?;
        db.busy_timeout(PATIENCE).map_err(fail)?;
        // FULL: a commit returns when the log is flushed.
        db.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY")
            .map_err(fail)?;
        schema::migrate(&mut db, path)?;
        // Fewer, larger check-points: each costs two flushes.
        db.execute_batch("PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864")
            .map_err(fail)?;
        let writer = Writer::start(db, path)?;
        Ok(Self { path: path.into(), immutable: false, writer: Some(writer), readers: Mutex::default() })
    }

    /// Runs `action` in a read transaction: it sees one state throughout.
    fn read<T>(&self, action: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pooled = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match pooled {
            Some(db) => db,
            None => self.open_reader().map_err(|error| translate(error, &self.path))?,
        };
        db.execute_batch("BEGIN").map_err(|error| translate(error, &self.path))?;
        let result = action(&db);
        // A reader that cannot end its transaction is not used again.
        if db.execute_batch("COMMIT").is_ok() {
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        }
        result
    }

    fn open_reader(&self) -> rusqlite::Result<Connection> {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let query = if self.immutable { "?immutable=1" } else { "" };
        let db = Connection::open_with_flags(format!("file:{}{query}", escaped(&self.path)), flags)?;
        db.busy_timeout(PATIENCE)?;
        db.execute_batch(&format!("PRAGMA cache_size = -{}", READ_CACHE_BYTES / 1024))?;
        Ok(db)
    }

    /// Runs `action` on the writing thread; returns when what it wrote is durable.
    fn write<T: Send + 'static>(
        &self,
        action: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writer =
            self.writer.as_ref().ok_or_else(|| ArchiveError::ReadOnly { path: self.path.clone() })?;
        writer.submit(action)
    }
}

/// A path as it stands in a URI: whatever its bytes are, UTF-8 or not.
fn escaped(path: &Path) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let escape = |&byte: &u8| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02x}"),
    };
    path.as_os_str().as_encoded_bytes().iter().map(escape).collect()
}

/// The file itself where the path leads to it by links: log and locks lie beside the file, not beside the link.
fn behind_links(path: &Path) -> Result<PathBuf> {
    if !path.exists() {
        return Err(ArchiveError::NotFound { path: path.into() });
    }
    path.canonicalize().map_err(|error| ArchiveError::io(path, error))
}

/// The log beside an archive.
fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Tells a file of another kind and a file that was cut short apart from an archive.
fn check_file(path: &Path) -> Result<()> {
    let fail = |error: std::io::Error| ArchiveError::io(path, error);
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    // Its maker was ended, or is at work, between making the file and writing to it.
    if length == 0 {
        return Ok(());
    }
    file.take(100).read_to_end(&mut start).map_err(fail)?;
    // The header of SQLite's file format: magic, size of a page in bytes at 16, number of pages at 28.
    let (Some(&magic), Some(&size), Some(&pages)) = (
        start.first_chunk::<16>(),
        start.get(16..18).and_then(|at| at.first_chunk()),
        start.get(28..32).and_then(|at| at.first_chunk()),
    ) else {
        return Err(ArchiveError::NotAnArchive { path: path.into() });
    };
    if &magic != b"SQLite format 3\0" {
        return Err(ArchiveError::NotAnArchive { path: path.into() });
    }
    let size = match u16::from_be_bytes(size) {
        1 => 65_536,
        size => u64::from(size),
    };
    let expected = size * u64::from(u32::from_be_bytes(pages));
    // With a log beside it a file may be shorter for a while: the rest stands in the log.
    let logged = std::fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0);
    if length < expected && !logged {
        let problem = format!("it has {length} bytes of {expected}");
        return Err(ArchiveError::damaged(format!("the file `{}`", path.display()), problem));
    }
    Ok(())
}

/// The error that a caller can act on.
fn translate(error: rusqlite::Error, path: &Path) -> ArchiveError {
    ArchiveError::from(error).at(path)
}

impl From<rusqlite::Error> for ArchiveError {
    fn from(error: rusqlite::Error) -> Self {
        // Whoever knows the file's name fills it in by `at`.
        let path = PathBuf::new();
        // What stands in a row is not what was written there: another type, no UTF-8, a number out of range.
        if let rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) = error
        {
            return Self::damaged("a row", error.to_string());
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::ReadOnly { path }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::NotADatabase) => Self::NotAnArchive { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::damaged("the file", error.to_string()),
            _ => Self::Database { problem: error.to_string() },
        }
    }
}

impl ArchiveError {
    /// The same error with the file's name, where it has none yet.
    fn at(mut self, file: &Path) -> Self {
        if let Self::Full { path }
        | Self::ReadOnly { path }
        | Self::Locked { path }
        | Self::NotAnArchive { path } = &mut self
            && path.as_os_str().is_empty()
        {
            *path = file.into();
        }
        self
    }
}

/// The key of a run within this database.
fn run_key(db: &Connection, run: RunId) -> Result<i64> {
    find_run(db, run)?.ok_or_else(|| ArchiveError::NoSuchRun { run: run.to_string() })
}

fn find_run(db: &Connection, run: RunId) -> Result<Option<i64>> {
    let mut statement = db.prepare_cached("SELECT id FROM run WHERE uuid = ?")?;
    Ok(statement.query_row([run.0.as_bytes().as_slice()], |row| row.get(0)).optional()?)
}

fn run_id(bytes: &[u8]) -> Result<RunId> {
    uuid::Uuid::from_slice(bytes)
        .map(RunId)
        .map_err(|_| ArchiveError::damaged("a run's id", "it is not 16 bytes long"))
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

fn time_of(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms.max(0) as u64)
}

/// JSON text of plain data.
fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| ArchiveError::Database { problem: error.to_string() })
}

/// Plain data from JSON text of `record`.
fn from_json<T: serde::de::DeserializeOwned>(text: &str, record: impl Fn() -> String) -> Result<T> {
    serde_json::from_str(text).map_err(|error| ArchiveError::damaged(record(), error.to_string()))
}

#[cfg(test)]
mod tests;
