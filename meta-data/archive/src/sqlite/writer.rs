//! Group commit: many threads hand in work, one thread commits all that is waiting with one flush of the disk.
//!
//! Processes take turns by a lock on a file beside the archive. The system queues who waits for it and hands it on
//! without polling, also when its holder is killed; SQLite's own lock, which still guards the data, polls with
//! growing pauses and lets some of sixteen writers starve.

use std::any::Any;
use std::fs::File;
use std::path::Path;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rusqlite::Connection;

use crate::{ArchiveError, Result};

/// The most pieces of work in one transaction: bounds how long the first of them waits.
const MAX_BATCH: usize = 1024;

/// The thread that writes, and the queue to it.
pub(super) struct Writer {
    queue: Option<Sender<Box<dyn Work>>>,
    thread: Option<JoinHandle<()>>,
}

/// A piece of work in the queue.
trait Work: Send {
    /// Does it; on an error what it wrote is to be undone.
    fn run(&mut self, db: &Connection, path: &Path) -> Result<()>;

    /// Tells who handed it in what became of it.
    fn answer(self: Box<Self>, commit: &Result<()>);
}

struct Job<T, F> {
    action: F,
    result: Option<Result<T>>,
    reply: Sender<Result<T>>,
}

impl<T: Send, F: FnMut(&Connection) -> Result<T> + Send> Work for Job<T, F> {
    fn run(&mut self, db: &Connection, path: &Path) -> Result<()> {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.action)(db)));
        let result =
            caught.unwrap_or_else(|panic| Err(ArchiveError::Database { problem: describe(&*panic) }));
        let result = result.map_err(|error| error.at(path));
        let outcome = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.result = Some(result);
        outcome
    }

    fn answer(self: Box<Self>, commit: &Result<()>) {
        let own =
            self.result.unwrap_or_else(|| Err(ArchiveError::Database { problem: "not reached".into() }));
        // Nobody waits any more where the caller's thread is gone.
        let _ = self.reply.send(commit.clone().and(own));
    }
}

impl Writer {
    /// Starts the thread; `db` is closed when the writer is dropped.
    pub(super) fn start(db: Connection, path: &Path) -> Result<Self> {
        let turn = open_turn(path)?;
        let (queue, jobs) = unbounded();
        let path = path.to_path_buf();
        let thread = std::thread::Builder::new()
            .name("archive-writer".into())
            .spawn(move || serve(&db, &turn, &jobs, &path))
            .map_err(|error| ArchiveError::Database { problem: format!("cannot start a thread: {error}") })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `action` in the next transaction. Returns when that is durable.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        action: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let gone = || ArchiveError::Database { problem: "the writing thread has ended".into() };
        let (reply, answer) = bounded(1);
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(Box::new(Job { action, result: None, reply })).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It caught every panic of a job; nothing is left to report here.
            let _ = thread.join();
        }
    }
}

/// The file whose lock is the turn.
fn open_turn(archive: &Path) -> Result<File> {
    let read_only = || ArchiveError::ReadOnly { path: archive.into() };
    if !crate::disk::is_writable(archive) {
        return Err(read_only());
    }
    let (path, opened) = crate::disk::open_lock(archive, "turn");
    opened.map_err(|error| match path.exists() {
        true => ArchiveError::io(&path, format!("{error}; hint: give it the mode of the archive beside it")),
        false => read_only(),
    })
}

fn serve(db: &Connection, turn: &File, queue: &Receiver<Box<dyn Work>>, path: &Path) {
    while let Ok(first) = queue.recv() {
        // More work gathers while other processes have their turn. Without the lock SQLite's own still guards.
        let locked = turn.lock().is_ok();
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(MAX_BATCH - 1));
        let commit = commit(db, &mut batch, path);
        if locked {
            let _ = turn.unlock();
        }
        if let Err(error) = &commit {
            tracing::warn!(%error, jobs = batch.len(), "the archive refused a transaction");
        }
        for work in batch {
            work.answer(&commit);
        }
    }
}

/// All of a batch in one transaction; a piece of work that fails is undone alone.
fn commit(db: &Connection, batch: &mut [Box<dyn Work>], path: &Path) -> Result<()> {
    let execute = |sql: &str| -> Result<()> { Ok(db.prepare_cached(sql)?.execute([]).map(|_| ())?) };
    let mut attempt = || {
        execute("BEGIN IMMEDIATE")?;
        for work in batch.iter_mut() {
            execute("SAVEPOINT work")?;
            if let Err(error) = work.run(db, path) {
                // No space, a disk that cannot be read: SQLite has undone the whole transaction.
                if db.is_autocommit() {
                    return Err(error);
                }
                execute("ROLLBACK TO work")?;
            }
            execute("RELEASE work")?;
        }
        execute("COMMIT")
    };
    attempt().map_err(|error| {
        if !db.is_autocommit() {
            // An error here would be the same one again.
            let _ = execute("ROLLBACK");
        }
        error.at(path)
    })
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a write panicked: {}", text.unwrap_or("without a message"))
}
