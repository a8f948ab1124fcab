//! One check as the work of a process of its own: what it is told, and what it answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use heirloom_plugin_host::{HostOptions, Isolation, Kind, Plugin, PluginHost};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::fuzz::{self, Hunt, Replay};
use crate::loaded::Loaded;
use crate::processes::Files;
use crate::setting::Setting;
use crate::suite::described;
use crate::{
    CheckError, EstimatorSubject, ProxySubject, Status, StrategySubject, Subject, Trouble, component, library,
};

/// A built plugin to check, and with what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// The library, or the folder of a plugin that is none.
    pub path: PathBuf,
    /// Where the strategies are that its components ask the host for.
    pub others: Vec<PathBuf>,
    /// How it is checked.
    pub setting: Setting,
    /// The number from which the inputs of the checks follow.
    pub seed: u64,
}

impl Target {
    /// A library with no setting, checked with the inputs of seed 1.
    pub fn new(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, others: Vec::new(), setting: Setting::default(), seed: 1 }
    }

    /// A host that knows the library first, and hands on what components answer as it is.
    pub(crate) fn host(&self) -> PluginHost {
        let mut paths = vec![self.path.clone()];
        paths.extend(self.others.iter().cloned());
        let folder = self.setting.folder.clone();
        PluginHost::open(&paths, HostOptions { folder, unchecked: true, ..HostOptions::default() })
    }

    /// The plugin itself, as its record describes it; nothing of it runs.
    pub(crate) fn plugin<'h>(&self, host: &'h PluginHost) -> Result<&'h Plugin, Trouble> {
        host.plugins().iter().find(|plugin| plugin.path() == self.path).ok_or_else(|| {
            let problem = host.problems().first().map(ToString::to_string);
            Trouble::Failed(problem.unwrap_or_else(|| format!("there is no `{}`", self.path.display())))
        })
    }
}

/// A component of a plugin: two of different kinds may share a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ComponentName {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// One check of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Which component; `None` for the library as a whole.
    pub component: Option<ComponentName>,
    /// The check's name, such as `strategy/in-bounds`.
    pub check: String,
}

/// What a process is started for, as it is written for it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) target: Target,
    pub(crate) work: Work,
    /// Seconds after which nobody waits for an answer.
    pub(crate) seconds: f64,
}

/// What there is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    Check(Task),
    Hunt(Hunt),
    Replay(Replay),
}

/// The checks of a library as a whole: names and demands.
pub(crate) fn library_checks() -> Vec<(String, &'static str)> {
    described("library", library::CHECKS)
}

/// The checks of a component of a kind: names and demands, those of every kind first.
pub(crate) fn component_checks(kind: Kind) -> Vec<(String, &'static str)> {
    let mut checks = described("component", component::CHECKS);
    checks.extend(match kind {
        Kind::Strategy => described(StrategySubject::KIND, StrategySubject::CHECKS),
        Kind::Estimator => described(EstimatorSubject::KIND, EstimatorSubject::CHECKS),
        Kind::Proxy => described(ProxySubject::KIND, ProxySubject::CHECKS),
    });
    checks
}

impl Job {
    pub(crate) fn read(path: &Path) -> Result<Self, CheckError> {
        let wrong = |problem: String| CheckError::File { path: path.into(), problem };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
    }

    /// Does it in this process, and writes the answer beside the job's file at `path`.
    pub(crate) fn work(&self, path: &Path) -> Result<(), CheckError> {
        // Who waits kills this process at the limit. Where nobody does any more, it ends by itself.
        let limit = Duration::from_secs_f64(self.seconds + 5.0);
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            std::process::exit(124);
        });
        let files = Files(path);
        let answer = files.answer();
        match &self.work {
            Work::Check(task) => write(&answer, &Status::of(|| attempt(&self.target, task))),
            Work::Replay(replay) => {
                let named = ComponentName { kind: Kind::Strategy, name: replay.component.clone() };
                let play = |loaded: &Loaded<'_>| fuzz::play(loaded, replay);
                let played = || with_component(&self.target, &named, Some(&replay.options), play);
                write(&answer, &Status::of(played))
            }
            Work::Hunt(hunt) => {
                let at = files.progress();
                // Without the number a crash is attributed to the first sequence.
                let progress = |number: u64| drop(std::fs::write(&at, number.to_string()));
                let caught = with_component(&self.target, &hunt.component, None, |loaded| {
                    let who = format!("{} {}", loaded.plugin.id(), loaded.plugin.version());
                    Ok(fuzz::hunt(loaded, &who, hunt, progress))
                });
                let caught = caught.map_err(|(Trouble::Failed(problem) | Trouble::Skipped(problem))| {
                    CheckError::File { path: self.target.path.clone(), problem }
                })?;
                write(&answer, &caught)
            }
        }
    }
}

pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<(), CheckError> {
    let wrong = |problem: String| CheckError::File { path: path.into(), problem };
    let text = serde_json::to_string(value).map_err(|error| wrong(error.to_string()))?;
    std::fs::write(path, text).map_err(|error| wrong(error.to_string()))
}

/// Does what the file at `path` says, in this process, and writes the answer. To be called in a process that was
/// started for it: the component may do to the process whatever it does.
pub fn do_job(path: &Path) -> Result<(), CheckError> {
    Job::read(path)?.work(path)
}

/// Calls `body` with the component. `options` go before those of the setting.
fn with_component<R>(
    target: &Target,
    named: &ComponentName,
    options: Option<&Json>,
    body: impl FnOnce(&Loaded<'_>) -> Result<R, Trouble>,
) -> Result<R, Trouble> {
    let host = target.host();
    let plugin = target.plugin(&host)?;
    let mut components = plugin.components();
    let found = components.find(|(found, _)| found.kind == named.kind && found.name == named.name);
    let (component, schema) =
        found.ok_or_else(|| Trouble::Failed(format!("there is no {} `{}`", named.kind, named.name)))?;
    let space = target.setting.compile().map_err(Trouble::Failed)?;
    let setting = target.setting.component(&named.name);
    body(&Loaded {
        host: &host,
        plugin,
        component,
        schema,
        options: options.unwrap_or(&setting.options),
        isolation: Isolation::None,
        space: space.as_ref(),
        ignores_seed: setting.ignores_seed,
        seed: target.seed,
    })
}

/// A check of what only a library is handed as it is.
const WRONG_INPUT: &str = "strategy/wrong-input";

/// Makes one check in this process.
fn attempt(target: &Target, task: &Task) -> Result<(), Trouble> {
    let unknown = || Trouble::Failed(format!("there is no check `{}`", task.check));
    let (table, name) = task.check.split_once('/').ok_or_else(unknown)?;
    let Some(named) = &task.component else {
        let check = library::CHECKS.iter().find(|check| check.name == name).ok_or_else(unknown)?;
        let host = target.host();
        return (check.make)(&host, target.plugin(&host)?);
    };
    with_component(target, named, None, |loaded| {
        if task.check == WRONG_INPUT && !loaded.plugin.is_library() {
            let why = "what reaches it was read, and found to have the right shape, before";
            return Err(Trouble::Skipped(why.into()));
        }
        if table == "component" {
            let check = component::CHECKS.iter().find(|check| check.name == name).ok_or_else(unknown)?;
            return (check.make)(loaded);
        }
        loaded.suite()?.make(&task.check).ok_or_else(unknown)?
    })
}
