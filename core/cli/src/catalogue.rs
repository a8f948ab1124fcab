//! The plugins as this program uses them: the host's components by their tables of the run file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_config::{
    Catalogue, ComponentConfig, ComponentKind, Isolation, OptionMistake, RunConfig, WorkerConfig,
};
use heirloom_model::{Estimator, Problem, Proxy, Space, Strategy};
use heirloom_plugin_host::{HostError, HostOptions, Kind, Plugin, PluginHost, WorkerLimits};
use heirloom_plugin_package::Hash;
use serde_json::Value as Json;

use crate::context::{Context, data_folder};
use crate::project_lock::{self, ProjectLock};

/// The plugins that were found.
pub(crate) struct Plugins {
    host: PluginHost,
    searched: Vec<PathBuf>,
    lock: Option<ProjectLock>,
}

impl Plugins {
    /// Finds plugins: those of the lock in `folder`, the run file's; then in the folders of the command line, of the
    /// environment, beside the program, and in the user's data folder.
    pub(crate) fn open(context: &Context, folder: Option<&Path>) -> miette::Result<Self> {
        let folder = folder.map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
        let lock = folder.as_deref().map(|folder| ProjectLock::of_folder(context, folder)).transpose()?;
        Self::open_with(context, folder, lock.flatten())
    }

    /// The same with a lock that was opened already.
    pub(crate) fn open_with(
        context: &Context,
        folder: Option<PathBuf>,
        lock: Option<ProjectLock>,
    ) -> miette::Result<Self> {
        let mut searched: Vec<_> = lock.iter().flat_map(ProjectLock::paths).collect();
        searched.extend(project_lock::unsigned_paths(context)?);
        let options = HostOptions {
            folder: folder.unwrap_or_default(),
            reports: crash_folder(),
            granted: lock.as_ref().map(ProjectLock::granted).unwrap_or_default(),
            ..HostOptions::default()
        };
        Ok(Self { host: PluginHost::open(&searched, options), searched, lock })
    }

    /// The lock that the plugins came through first.
    pub(crate) fn project_lock(&self) -> Option<&ProjectLock> {
        self.lock.as_ref()
    }

    /// Whether a plugin came through the lock: it is signed, and verified.
    pub(crate) fn is_locked(&self, plugin: &Plugin) -> bool {
        self.lock.iter().flat_map(ProjectLock::paths).any(|path| path == plugin.path())
    }

    /// Holds the isolated components that are made from now on to what a run file says of them.
    pub(crate) fn limit(&self, worker: &WorkerConfig) {
        let standard = WorkerLimits::default();
        self.host.set_limits(WorkerLimits {
            memory_bytes: worker.memory_bytes.unwrap_or(standard.memory_bytes),
            cpu_seconds: worker.cpu_seconds.or(standard.cpu_seconds),
            call_seconds: worker.call_seconds.unwrap_or(standard.call_seconds),
            open_files: worker.open_files.unwrap_or(standard.open_files),
            processes: worker.processes.unwrap_or(standard.processes),
            scratch_bytes: worker.scratch_bytes.unwrap_or(standard.scratch_bytes),
            environment: worker.environment.clone(),
            readable: worker.readable.clone(),
        });
    }

    /// Where plugins were looked for, in this order.
    pub(crate) fn searched(&self) -> &[PathBuf] {
        &self.searched
    }

    /// The host itself.
    pub(crate) fn host(&self) -> &PluginHost {
        &self.host
    }

    /// What messages call a component: its name, its plugin and the version.
    pub(crate) fn describe(&self, kind: Kind, name: &str) -> String {
        self.host.describe(kind, name).unwrap_or_else(|_| format!("{kind} `{name}`"))
    }

    /// Whether the strategy runs in a worker process, which holds each call to a limit.
    pub(crate) fn isolates(&self, strategy: &ComponentConfig, isolation: Isolation) -> bool {
        let plugin = self.host.find(Kind::Strategy, &strategy.name);
        plugin.is_ok_and(|plugin| plugin.place(place(isolation)) == heirloom_plugin_host::Isolation::Process)
    }

    pub(crate) fn strategy(
        &self,
        component: &ComponentConfig,
        problem: &Problem,
        isolation: Isolation,
    ) -> Result<Box<dyn Strategy>, HostError> {
        self.host.strategy(&component.name, &component.options, place(isolation), problem)
    }

    pub(crate) fn estimator(
        &self,
        component: &ComponentConfig,
        space: Option<&Arc<Space>>,
        isolation: Isolation,
    ) -> Result<Arc<dyn Estimator>, HostError> {
        self.host.estimator(&component.name, &component.options, place(isolation), space)
    }

    pub(crate) fn proxy(
        &self,
        component: &ComponentConfig,
        problem: &Problem,
        isolation: Isolation,
    ) -> Result<Arc<dyn Proxy>, HostError> {
        self.host.proxy(&component.name, &component.options, place(isolation), problem)
    }

    /// The plugins of a run, also those of strategies that options name.
    fn used(&self, config: &RunConfig) -> Vec<&Plugin> {
        let proxies = config.proxies.iter().map(|proxy| (Kind::Proxy, &proxy.component));
        let named = [(Kind::Strategy, &config.strategy), (Kind::Estimator, &config.estimator)];
        let mut used: Vec<&Plugin> = named
            .into_iter()
            .chain(proxies)
            .flat_map(|(kind, component)| self.host.involved(kind, &component.name, &component.options))
            .collect();
        used.sort_by_key(|plugin| plugin.id());
        used.dedup_by_key(|plugin| plugin.id());
        used
    }

    /// The versions of a run's plugins, by id.
    pub(crate) fn versions(&self, config: &RunConfig) -> BTreeMap<String, String> {
        let version = |plugin: &Plugin| (plugin.id().to_owned(), plugin.version().to_owned());
        self.used(config).into_iter().map(version).collect()
    }

    /// The lock of a run: which `heirloom.lock`, and which builds of which plugins, it runs under.
    pub(crate) fn lock(&self, config: &RunConfig) -> String {
        let entry = |plugin: &Plugin| {
            let (compiler, target) = plugin.built_with();
            // Of a folder of source its fingerprint stands for the files.
            let hash = Hash::of_file(plugin.path());
            let hash = hash.unwrap_or_else(|_| Hash::of(plugin.fingerprint().as_bytes())).to_string();
            format!(
                "[[plugin]]\nid = {:?}\nversion = {:?}\ninterface = {}\ntarget = {target:?}\nrustc = {compiler:?}\n\
                 fingerprint = {:?}\nsha256 = {hash:?}\n",
                plugin.id(),
                plugin.version(),
                plugin.interface(),
                plugin.fingerprint(),
            )
        };
        let project = self.lock.iter().map(ProjectLock::record);
        project.chain(self.used(config).into_iter().map(entry)).collect::<Vec<_>>().join("\n")
    }
}

/// Where crashes of plugins are remembered and reported.
pub(crate) fn crash_folder() -> Option<PathBuf> {
    data_folder().map(|folder| folder.join("crashes"))
}

fn place(isolation: Isolation) -> heirloom_plugin_host::Isolation {
    match isolation {
        Isolation::None => heirloom_plugin_host::Isolation::None,
        Isolation::Process => heirloom_plugin_host::Isolation::Process,
    }
}

fn kind_of(kind: ComponentKind) -> Kind {
    match kind {
        ComponentKind::Strategy => Kind::Strategy,
        ComponentKind::Estimator => Kind::Estimator,
        ComponentKind::Proxy => Kind::Proxy,
    }
}

impl Catalogue for Plugins {
    fn names(&self, kind: ComponentKind) -> Vec<String> {
        self.host.names(kind_of(kind)).into_iter().map(str::to_owned).collect()
    }

    fn check_options(
        &self,
        kind: ComponentKind,
        name: &str,
        options: &mut Json,
        folder: &Path,
    ) -> Vec<OptionMistake> {
        match self.host.check_options(kind_of(kind), name, options, folder) {
            Ok(checked) => {
                *options = checked;
                Vec::new()
            }
            Err(problems) => {
                let mistake = |problem: heirloom_plugin_host::OptionProblem| OptionMistake {
                    message: problem.to_string(),
                    path: problem.path,
                };
                problems.into_iter().map(mistake).collect()
            }
        }
    }

    fn whole_remedy(&self, name: &str, remedy: String) -> String {
        self.host.whole_remedy(name, remedy)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_run_files_own_keys_are_those_that_a_plugins_option_may_not_be_named() {
        fn keys(text: &str) -> BTreeSet<&str> {
            text.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0)).collect()
        }
        let reference = heirloom_config::reference();
        for (kind, header) in [
            (Kind::Strategy, "### `[strategy]`\n"),
            (Kind::Estimator, "### `[estimator]`\n"),
            (Kind::Proxy, "### `[[proxy]]`\n"),
        ] {
            let (_, table) = reference.split_once(header).unwrap();
            let ours = keys(table.split("### ").next().unwrap());
            let reserved: BTreeSet<_> =
                keys(&reference).into_iter().filter(|key| kind.reserves(key)).collect();
            assert_eq!(ours, reserved, "{kind}");
        }
    }
}
