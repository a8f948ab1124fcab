//! One check as the work of a process of its own: what it is told, and what it answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use heirloom_model::{ComponentError, Estimator, Proxy};
use heirloom_plugin_host::{
    ComponentManifest, Determinism, HostOptions, Isolation, Kind, Plugin, PluginHost,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::fuzz::{self, Hunt, Replay};
use crate::loaded::{EstimatorGround, Loaded, ProxyGround, Shared};
use crate::setting::Setting;
use crate::{
    CheckError, ComponentCheck, EstimatorCheck, LibraryCheck, ProxyCheck, Report, Status, StrategyCheck,
    Subject, Suite, Trouble,
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
    /// Where the answer goes: standard output may be the plugin's.
    pub(crate) answer: PathBuf,
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
    LibraryCheck::ALL.iter().map(|check| (format!("library/{}", check.name()), check.demand())).collect()
}

/// The checks of a component of a kind: names and demands, those of every kind first.
pub(crate) fn component_checks(kind: Kind) -> Vec<(String, &'static str)> {
    let mut checks: Vec<_> = ComponentCheck::ALL
        .iter()
        .map(|check| (format!("component/{}", check.name()), check.demand()))
        .collect();
    match kind {
        Kind::Strategy => {
            checks.extend(StrategyCheck::ALL.iter().map(|c| (format!("strategy/{}", c.name()), c.demand())))
        }
        Kind::Estimator => {
            checks.extend(EstimatorCheck::ALL.iter().map(|c| (format!("estimator/{}", c.name()), c.demand())))
        }
        Kind::Proxy => {
            checks.extend(ProxyCheck::ALL.iter().map(|c| (format!("proxy/{}", c.name()), c.demand())));
        }
    }
    checks
}

/// All checks that there are: names and demands.
pub fn all_checks() -> Vec<(String, &'static str)> {
    let mut checks = library_checks();
    for kind in [Kind::Strategy, Kind::Estimator, Kind::Proxy] {
        for check in component_checks(kind) {
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
    }
    checks
}

/// Does what the file at `path` says, in this process, and writes the answer. To be called in a process that was
/// started for it: the component may do to the process whatever it does.
pub fn do_job(path: &Path) -> Result<(), CheckError> {
    let wrong = |problem: String| CheckError::File { path: path.into(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let job: Job = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    // Who waits kills this process at the limit. Where nobody does any more, it ends by itself.
    let limit = Duration::from_secs_f64(job.seconds + 5.0);
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        std::process::exit(124);
    });
    let answer = match &job.work {
        Work::Check(task) => serde_json::to_string(&status(|| attempt(&job.target, task))),
        Work::Replay(replay) => {
            let named = ComponentName { kind: Kind::Strategy, name: replay.component.clone() };
            let play = |loaded: &Loaded<'_>, _: &Json, _: &Plugin| fuzz::play(loaded, replay);
            serde_json::to_string(&status(|| {
                with_component(&job.target, &named, Some(&replay.options), play)
            }))
        }
        Work::Hunt(hunt) => {
            let at = progress_of(&job.answer);
            // Without the number a crash is attributed to the first sequence.
            let progress = |number: u64| drop(std::fs::write(&at, number.to_string()));
            let caught = with_component(&job.target, &hunt.component, None, |loaded, _, plugin| {
                let who = format!("{} {}", plugin.id(), plugin.version());
                Ok(fuzz::hunt(loaded, &who, hunt, progress))
            });
            let caught = caught.map_err(|(Trouble::Failed(why) | Trouble::Skipped(why))| wrong(why))?;
            serde_json::to_string(&caught)
        }
    };
    let answer = answer.map_err(|error| wrong(error.to_string()))?;
    std::fs::write(&job.answer, answer)
        .map_err(|error| CheckError::File { path: job.answer.clone(), problem: error.to_string() })
}

/// Where a process says how far it is.
pub(crate) fn progress_of(answer: &Path) -> PathBuf {
    answer.with_extension("at")
}

/// What a body comes to; a panic is a failure.
fn status(body: impl FnOnce() -> Result<(), Trouble>) -> Status {
    let mut report = Report::default();
    report.run(String::new(), "", body);
    report.results.remove(0).status
}

/// Calls `body` with the component, the schema of its options, and its plugin. `options` go before those of the
/// setting.
fn with_component<R>(
    target: &Target,
    named: &ComponentName,
    options: Option<&Json>,
    body: impl FnOnce(&Loaded<'_>, &Json, &Plugin) -> Result<R, Trouble>,
) -> Result<R, Trouble> {
    let host = target.host();
    let plugin = target.plugin(&host)?;
    let mut components = plugin.components();
    let found = components.find(|(found, _)| found.kind == named.kind && found.name == named.name);
    let (component, schema) =
        found.ok_or_else(|| Trouble::Failed(format!("there is no {} `{}`", named.kind, named.name)))?;
    let space = target.setting.compile().map_err(Trouble::Failed)?;
    let setting = target.setting.component(&named.name);
    let loaded = Loaded {
        host: &host,
        component,
        options: options.unwrap_or(&setting.options),
        isolation: Isolation::None,
        space: space.as_ref(),
        seed: target.seed,
    };
    body(&loaded, schema, plugin)
}

/// A check of what only a library is handed as it is.
const WRONG_INPUT: &str = "strategy/wrong-input";

/// Makes one check in this process.
fn attempt(target: &Target, task: &Task) -> Result<(), Trouble> {
    match &task.component {
        None => {
            let named = |check: &LibraryCheck| task.check == format!("library/{}", check.name());
            let check = LibraryCheck::ALL.into_iter().find(named).ok_or_else(|| unknown(task))?;
            let host = target.host();
            check.make(&host, target.plugin(&host)?)
        }
        Some(named) => with_component(target, named, None, |loaded, schema, plugin| {
            if task.check == WRONG_INPUT && !plugin.is_library() {
                let why = "what reaches it was read, and found to have the right shape, before";
                return Err(Trouble::Skipped(why.into()));
            }
            let ignores_seed = target.setting.component(&named.name).ignores_seed;
            attempt_of_component(loaded, schema, task, ignores_seed)
        }),
    }
}

fn unknown(task: &Task) -> Trouble {
    Trouble::Failed(format!("there is no check `{}`", task.check))
}

fn attempt_of_component(
    loaded: &Loaded<'_>,
    schema: &Json,
    task: &Task,
    ignores_seed: bool,
) -> Result<(), Trouble> {
    let named = |check: &ComponentCheck| task.check == format!("component/{}", check.name());
    if let Some(check) = ComponentCheck::ALL.into_iter().find(named) {
        return check.make(loaded, schema);
    }
    let made = match loaded.component.kind {
        Kind::Strategy => {
            let suite = crate::strategy(|problem| Ok(loaded.strategy(problem)?))
                .informs(loaded.component.informs)
                .seed(loaded.seed);
            let suite = if ignores_seed { suite.ignores_seed() } else { suite };
            make_named(&suite, &task.check)
        }
        Kind::Estimator => {
            let EstimatorGround { space, requests } = loaded.estimator_ground()?;
            let make = || -> Result<Box<dyn Estimator>, ComponentError> {
                Ok(Box::new(Shared(loaded.estimator(space.as_ref())?)))
            };
            let suite = crate::estimator(make, requests).repeatable(is_repeatable(loaded.component));
            make_named(&suite, &task.check)
        }
        Kind::Proxy => {
            let ProxyGround { problem, configurations } = loaded.proxy_ground()?;
            let make = || -> Result<Box<dyn Proxy>, ComponentError> {
                Ok(Box::new(Shared(loaded.proxy(&problem)?)))
            };
            make_named(&crate::proxy(make, configurations), &task.check)
        }
    };
    made.ok_or_else(|| unknown(task))?
}

pub(crate) fn is_repeatable(component: &ComponentManifest) -> bool {
    component.determinism != Determinism::None
}

/// Makes the check of a suite that has this name; `None` where there is none.
fn make_named<S: Subject>(suite: &Suite<S>, name: &str) -> Option<Result<(), Trouble>> {
    let check = *S::CHECKS.iter().find(|check| S::describe(**check).0 == name)?;
    Some(suite.0.make(check))
}
