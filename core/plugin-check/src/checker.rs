//! All checks of a plugin, each in a process of its own.

use heirloom_plugin_host::Plugin;
use serde::{Deserialize, Serialize};

use crate::job::{ComponentName, Target, Task, Work, component_checks, library_checks};
use crate::processes::{Processes, Start};
use crate::{CheckError, Status};

/// Which checks are made, and how.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The component; `None`: all of them.
    pub component: Option<String>,
    /// The check, with or without what stands before its `/`; `None`: all of them.
    pub only: Option<String>,
}

/// What became of one check of one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// Which check of what.
    #[serde(flatten)]
    pub task: Task,
    /// What the check demands.
    pub demand: String,
    /// What became of it.
    #[serde(flatten)]
    pub status: Status,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What became of all checks of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginReport {
    /// The plugin's id; empty where its record cannot be read.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The library, or the plugin's folder.
    pub path: std::path::PathBuf,
    /// The number from which the inputs of the checks follow.
    pub seed: u64,
    /// One for each check of each thing.
    pub results: Vec<TaskResult>,
}

impl PluginReport {
    /// The checks that failed or whose process did not end in order.
    pub fn failures(&self) -> impl Iterator<Item = &TaskResult> {
        self.results.iter().filter(|result| result.status.is_failure())
    }
}

/// Seconds that a check of a library has where nothing else is said.
pub const CHECK_SECONDS: f64 = 20.0;

/// The same for a folder of source: a check makes a dozen instances, and each starts an interpreter.
pub const SOURCE_CHECK_SECONDS: f64 = 120.0;

/// Makes the checks of `selection`, `n_at_once` at the same time, each within `seconds`.
pub fn check_plugin(
    target: &Target,
    selection: &Selection,
    seconds: Option<f64>,
    n_at_once: usize,
    start: &Start<'_>,
) -> Result<PluginReport, CheckError> {
    let host = target.host();
    let plugin = target.plugin(&host).ok();
    let usual = if plugin.is_none_or(Plugin::is_library) { CHECK_SECONDS } else { SOURCE_CHECK_SECONDS };
    let seconds = seconds.unwrap_or(usual);
    let plan = plan(target, plugin, selection)?;
    let processes = Processes::new(target, start, n_at_once)?;
    let mut results: Vec<TaskResult> = Vec::new();
    // What others rest on comes first: who cannot be loaded is not asked anything else.
    for stage in Stage::ALL {
        let mut works = Vec::new();
        let mut places = Vec::new();
        for (place, (task, demand)) in
            plan.iter().enumerate().filter(|(_, (task, _))| stage == Stage::of(task))
        {
            match obstacle(task, &results) {
                Some(obstacle) => results.push(TaskResult {
                    task: task.clone(),
                    demand: (*demand).into(),
                    status: Status::Skipped(obstacle),
                    seconds: 0.0,
                }),
                None => {
                    works.push((Work::Check(task.clone()), seconds));
                    places.push(place);
                }
            }
        }
        for (place, done) in places.into_iter().zip(processes.run(&works)?) {
            let (task, demand) = &plan[place];
            let mut status = match done.answer {
                Ok(answer) => serde_json::from_str(&answer)
                    .unwrap_or_else(|error| Status::Crashed(format!("its answer was lost: {error}"))),
                Err(how) => Status::Crashed(how),
            };
            let line = done.printed.lines().find(|line| !line.trim().is_empty());
            if let (Status::Success, "component/quiet", Some(line)) = (&status, task.check.as_str(), line) {
                status = Status::Failed(format!(
                    "it printed `{}`; hint: log with `tracing` instead",
                    line.chars().take(80).collect::<String>()
                ));
            }
            let (task, demand) = (task.clone(), (*demand).into());
            results.push(TaskResult { task, demand, status, seconds: done.seconds });
        }
    }
    let place = |result: &TaskResult| plan.iter().position(|(task, _)| *task == result.task);
    results.sort_by_key(place);
    Ok(PluginReport {
        plugin: plugin.map(|plugin| plugin.id().to_owned()).unwrap_or_default(),
        version: plugin.map(|plugin| plugin.version().to_owned()).unwrap_or_default(),
        path: target.path.clone(),
        seed: target.seed,
        results,
    })
}

/// When a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Record,
    Loads,
    Extensions,
    Made,
    Work,
}

const FITS: &str = "library/fits";
const LOADS: &str = "library/loads";
const EXTENSIONS: &str = "library/extensions";
const MADE: &str = "component/made";

impl Stage {
    const ALL: [Self; 5] = [Self::Record, Self::Loads, Self::Extensions, Self::Made, Self::Work];

    fn of(task: &Task) -> Self {
        match task.check.as_str() {
            LOADS => Self::Loads,
            EXTENSIONS => Self::Extensions,
            MADE => Self::Made,
            check if task.component.is_none() || READ.contains(&check) => Self::Record,
            _ => Self::Work,
        }
    }
}

/// Checks of components that read the record alone.
const READ: [&str; 3] = ["component/schema", "component/defaults", "component/explained"];

/// Why a check cannot be made after what was found.
fn obstacle(task: &Task, results: &[TaskResult]) -> Option<String> {
    let fails =
        |check: &str| results.iter().any(|result| result.task.check == check && result.status.is_failure());
    let stage = Stage::of(task);
    let needed: &[&str] = match stage {
        Stage::Record => &[],
        Stage::Loads => &[FITS],
        Stage::Extensions => &[FITS, LOADS],
        Stage::Made | Stage::Work => &[FITS, LOADS, EXTENSIONS],
    };
    if let Some(check) = needed.iter().find(|check| fails(check)) {
        return Some(format!("it needs what `{check}` demands"));
    }
    if stage == Stage::Work {
        let made = results
            .iter()
            .find(|result| result.task.component == task.component && result.task.check == MADE);
        match made.map(|made| &made.status) {
            Some(Status::Failed(_) | Status::Crashed(_)) => return Some("it cannot be made".into()),
            Some(Status::Skipped(why)) => return Some(why.clone()),
            Some(Status::Success) | None => {}
        }
    }
    None
}

/// What is to be made, in the order of reports. Where the record cannot be read there is one check.
fn plan(
    target: &Target,
    plugin: Option<&Plugin>,
    selection: &Selection,
) -> Result<Vec<(Task, &'static str)>, CheckError> {
    let Some(plugin) = plugin else {
        let first = library_checks().remove(0);
        return Ok(vec![(Task { component: None, check: first.0 }, first.1)]);
    };
    let components: Vec<_> = plugin.components().map(|(component, _)| component).collect();
    if let Some(name) = &selection.component
        && !components.iter().any(|component| component.name == *name)
    {
        let names = components.iter().map(|component| format!("`{}`", component.name)).collect();
        return Err(CheckError::NoComponent { path: target.path.clone(), name: name.clone(), names });
    }
    let mut plan: Vec<_> = library_checks()
        .into_iter()
        .map(|(check, demand)| (Task { component: None, check }, demand))
        .collect();
    for component in components {
        if selection.component.as_ref().is_some_and(|name| *name != component.name) {
            continue;
        }
        for (check, demand) in component_checks(component.kind) {
            let named = ComponentName { kind: component.kind, name: component.name.clone() };
            plan.push((Task { component: Some(named), check }, demand));
        }
    }
    if let Some(only) = &selection.only {
        let is_meant =
            |check: &str| check == only || check.split_once('/').is_some_and(|(_, name)| name == only);
        let mut names: Vec<_> = plan.iter().map(|(task, _)| format!("`{}`", task.check)).collect();
        plan.retain(|(task, _)| is_meant(&task.check));
        if plan.is_empty() {
            names.sort();
            names.dedup();
            return Err(CheckError::NoCheck { name: only.clone(), names });
        }
    }
    Ok(plan)
}
