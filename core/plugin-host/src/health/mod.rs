//! What a host remembers of plugins whose workers die: reports for their authors, and which plugins it no longer uses.
//!
//! A worker that dies costs one call. A plugin whose workers die three times in a row, or whose strategy has ended
//! three runs, goes into quarantine: nobody is served by a run in which every trial fails for the same reason, nor by
//! the same crash on every day. A worker that was ended for a limit is not held against its plugin: another run file
//! may allow more. The quarantine is of one build: another version, or a library that was built anew, is free of it.
//! Deaths in a row are counted by component, because what another one of the plugin does well excuses nothing. In a
//! worker that also holds strategies of other plugins, any of them may be to blame: what happens there is held against
//! these plugins together, and each of them alone, or with others, stays in use.
//! A plugin of which no further worker starts is in quarantine for the host that saw it, and for no later one.

mod build;

mod record;
pub use record::QuarantineState;

mod report;
pub use report::{CrashReport, Ended};

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use heirloom_plugin_abi::Kind;

use crate::aside;
use crate::error::HostError;
use crate::identity::Identity;
use crate::plugin::Plugin;

use build::Build;
use record::Record;

/// So many crashes without a call between them that worked, and the plugin goes into quarantine.
const MAX_IN_A_ROW: u32 = 3;

/// So many runs that its strategy has ended by crashing, and the plugin goes into quarantine.
const MAX_ENDED_RUNS: u32 = 3;

/// The newest reports of a plugin that are kept.
const MAX_REPORTS: usize = 20;

/// The longest replay file.
const MAX_REPLAY_BYTES: usize = 64 << 20;

/// The name of plugins that run in one process, the component's own first: their folder's, and that of commands.
pub(crate) fn name_of(plugins: &[&Plugin]) -> String {
    let names = plugins.iter().map(|plugin| format!("{}-{}", plugin.id(), plugin.version()));
    names.collect::<Vec<_>>().join("+")
}

/// The health of one plugin, or of several in one process, as far as this host and this user's earlier ones know it.
#[derive(Debug)]
pub(crate) struct Health {
    /// What messages call the plugins.
    who: String,
    name: String,
    /// Where it is remembered; `None`: nowhere.
    folder: Option<PathBuf>,
    /// By component, its crashes since a call of it worked.
    in_a_row: Mutex<BTreeMap<(Kind, String), Arc<AtomicU32>>>,
    record: Mutex<Record>,
    /// Set once: what is said of the plugin from then on.
    quarantined: OnceLock<String>,
}

/// One death of a worker.
pub(crate) struct Crash<'a> {
    pub(crate) report: CrashReport,
    /// The component's crashes since a call of it worked.
    pub(crate) in_a_row: &'a AtomicU32,
    /// The frames that lead to it again, in order.
    pub(crate) replay: Vec<&'a [u8]>,
    /// Whether it ends the run: a strategy that dies of the same call again.
    pub(crate) ends_run: bool,
    /// Whether the worker was ended because it was beyond a limit.
    pub(crate) is_excess: bool,
}

impl Health {
    /// What `folder` remembers of plugins that run in one process.
    pub(crate) fn of(plugins: &[&Plugin], folder: Option<&Path>) -> Self {
        let who = plugins.iter().map(|plugin| format!("plugin `{}` {}", plugin.id(), plugin.version()));
        let name = name_of(plugins);
        let folder = folder.map(|folder| folder.join(&name));
        let build = Build::of(plugins.iter().map(|plugin| plugin.path()));
        let record = folder.as_deref().and_then(Record::read).filter(|record| record.build == build);
        let health = Self {
            who: who.collect::<Vec<_>>().join(" with "),
            name,
            folder,
            in_a_row: Mutex::default(),
            record: Mutex::new(record.unwrap_or_else(|| Record::new(build))),
            quarantined: OnceLock::new(),
        };
        let reason = health.record().quarantined.as_ref().map(|state| state.reason.clone());
        if let Some(reason) = reason {
            let _ = health.quarantined.set(reason);
        }
        health
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses what is in quarantine.
    pub(crate) fn check(&self) -> Result<(), HostError> {
        let Some(reason) = self.quarantined.get() else { return Ok(()) };
        let (who, name, reason) = (self.who.clone(), self.name.clone(), reason.clone());
        Err(HostError::Quarantined { who, name, reason })
    }

    /// Where the crashes of a component are counted since a call of it worked, whoever runs it.
    pub(crate) fn in_a_row(&self, component: &Identity) -> Arc<AtomicU32> {
        let mut in_a_row = self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(in_a_row.entry((component.kind, component.name.clone())).or_default())
    }

    /// A further worker does not start, because its library is gone, say: no call would work from now on. Only this
    /// host holds it against the plugin.
    pub(crate) fn starts_no_more(&self, message: &str) {
        let reason = format!("no further worker of it starts: {message}");
        if self.quarantined.set(reason.clone()).is_ok() {
            tracing::warn!("{} goes into quarantine: {reason}", self.who);
        }
    }

    /// A worker has died. Writes the report; returns what to add to the message.
    pub(crate) fn crashed(&self, crash: &Crash<'_>) -> String {
        let Some(folder) = self.folder.as_deref() else { return String::new() };
        // Held while the report is written: two workers that die at once shall not choose one name.
        let mut record = self.record();
        let report = match write_report(folder, crash) {
            Ok(path) => Some(path),
            Err(error) => {
                tracing::warn!("the report of a crash of {} is not written: {error}", self.who);
                None
            }
        };
        let words = report.as_ref().map(|path| format!("; the report is `{}`", path.display()));
        let words = words.unwrap_or_default();
        if crash.is_excess {
            return words;
        }
        let in_a_row = crash.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        record.ended_runs += u32::from(crash.ends_run);
        let reason = if in_a_row >= MAX_IN_A_ROW {
            Some(format!("its workers died {in_a_row} times in a row"))
        } else if record.ended_runs >= MAX_ENDED_RUNS {
            Some(format!("it ended {} runs", record.ended_runs))
        } else {
            None
        };
        if let Some(reason) = reason.filter(|_| record.quarantined.is_none()) {
            let reason = format!("{reason}, at last because {}", crash.report.message);
            tracing::warn!("{} goes into quarantine: {reason}", self.who);
            record.quarantined = Some(QuarantineState { since: now(), reason: reason.clone(), report });
            let _ = self.quarantined.set(reason);
        }
        if let Err(error) = record.write(folder) {
            tracing::warn!("what is known of {} is not kept: {error}", self.who);
        }
        words
    }

    /// What this host knows, for lists.
    pub(crate) fn quarantined(&self) -> Option<String> {
        let reason = self.quarantined.get()?;
        Some(format!("{} is in quarantine: {reason}", self.who))
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Writes `crash-N.json` and `crash-N.replay` into `folder`; the oldest make room.
fn write_report(folder: &Path, crash: &Crash<'_>) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let numbers = report_numbers(folder);
    let surplus = (numbers.len() + 1).saturating_sub(MAX_REPORTS);
    for number in &numbers[..surplus] {
        for ending in ["json", "replay"] {
            // One that is gone already is what is wanted.
            let _ = fs::remove_file(folder.join(format!("crash-{number}.{ending}")));
        }
    }
    let number = numbers.last().map_or(1, |last| last + 1);
    let mut report = crash.report.clone();
    report.time = now();
    if crash.replay.iter().map(|frame| frame.len()).sum::<usize>() <= MAX_REPLAY_BYTES {
        let name = format!("crash-{number}.replay");
        aside::write(&folder.join(&name), crash.replay.concat())?;
        report.replay = Some(name);
    }
    let path = folder.join(format!("crash-{number}.json"));
    aside::write(&path, serde_json::to_string_pretty(&report)?)?;
    Ok(path)
}

/// The numbers of the reports in `folder`, the oldest first.
fn report_numbers(folder: &Path) -> Vec<u64> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_prefix("crash-")?.strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<u64> = files.filter_map(|file| number(file.file_name().to_str()?)).collect();
    numbers.sort_unstable();
    numbers
}

/// What is remembered of one plugin, or of several that ran in one process: what `heirloom plugin quarantine` and
/// `heirloom plugin report` show.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Remembered {
    /// The plugin's id and version; those of several are joined by `+`.
    pub plugin: String,
    /// Whether its build is in quarantine, and why.
    pub quarantined: Option<QuarantineState>,
    /// Runs that its strategy has ended by crashing.
    pub ended_runs: u32,
    /// The reports, the oldest first.
    pub reports: Vec<PathBuf>,
}

/// What `folder` remembers, by the plugins' names.
pub fn remembered(folder: &Path) -> Vec<Remembered> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries
        .filter_map(|entry| {
            let folder = entry.path();
            let plugin = entry.file_name().to_str()?.to_owned();
            let record = Record::read(&folder);
            let reports: Vec<_> = report_numbers(&folder)
                .into_iter()
                .map(|number| folder.join(format!("crash-{number}.json")))
                .collect();
            if record.is_none() && reports.is_empty() {
                return None;
            }
            let ended_runs = record.as_ref().map_or(0, |record| record.ended_runs);
            let quarantined = record.and_then(|record| record.quarantined);
            Some(Remembered { plugin, quarantined, ended_runs, reports })
        })
        .collect();
    all.sort_by(|a, b| a.plugin.cmp(&b.plugin));
    all
}

/// Forgets the crashes of a plugin in `folder`, named as [`Remembered::plugin`] names it; its reports stay. Returns
/// whether there was something to forget.
pub fn release(folder: &Path, plugin: &str) -> io::Result<bool> {
    match fs::remove_file(folder.join(plugin).join(record::FILE)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
