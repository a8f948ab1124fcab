//! The plugin host: which plugins there are, and components of them by name.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, RwLock};

use heirloom_model::{ComponentError, Components, Estimator, Problem, Proxy, Space, Strategy, suggest};
use heirloom_plugin_abi::schema::{self, OptionProblem};
use heirloom_plugin_abi::{Capability, ComponentManifest, Context, HostServices, Kind};
use serde_json::Value as Json;

use crate::checked::{CheckedEstimator, CheckedProxy, CheckedStrategy};
use crate::error::HostError;
use crate::health::{self, Health};
use crate::identity::Identity;
use crate::limits::WorkerLimits;
use crate::local::Recipe;
use crate::plugin::Plugin;
use crate::source_folder;

/// Where a component runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// In the host's process: fast; a segmentation fault or an `exit` ends the host.
    #[default]
    None,
    /// In a worker process: whatever happens there costs one trial.
    Process,
}

/// What holds for all components of a host.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// How many threads a component may use at the same time.
    pub threads: usize,
    /// The run file's folder: relative paths among options start there.
    pub folder: PathBuf,
    /// The worker's program; by default `heirloom-plugin-worker` beside the host's own program.
    pub worker: Option<PathBuf>,
    /// What isolated components may use, until [`PluginHost::set_limits`] says otherwise.
    pub limits: WorkerLimits,
    /// Where crashes of plugins are remembered and reported; `None`: nowhere, and no plugin goes into quarantine.
    pub reports: Option<PathBuf>,
    /// By plugin id, the capabilities that were granted when the plugin was installed. A plugin that is not named
    /// here has all that its manifest asks for; none has more.
    pub granted: BTreeMap<String, BTreeSet<Capability>>,
    /// Hands on what components answer as it is, right or wrong: for checks of the components themselves.
    pub unchecked: bool,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            threads: 1,
            folder: PathBuf::new(),
            worker: None,
            limits: WorkerLimits::default(),
            reports: None,
            granted: BTreeMap::new(),
            unchecked: false,
        }
    }
}

/// A component that cannot be had, because another plugin has one of its kind and name.
#[derive(Debug)]
struct Shadowed {
    kind: Kind,
    name: String,
    message: String,
    said: Once,
}

impl Shadowed {
    fn new(component: &ComponentManifest, hidden: &Plugin, used: &Plugin) -> Self {
        let (kind, name) = (component.kind, component.name.clone());
        let message = format!(
            "{kind} `{name}` of plugin `{}` {} in `{}` is not used: plugin `{}` {} in `{}` has one of this name and comes \
             first; hint: rename one, or leave its folder out of the search paths",
            hidden.id(),
            hidden.version(),
            hidden.path().display(),
            used.id(),
            used.version(),
            used.path().display()
        );
        Self { kind, name, message, said: Once::new() }
    }
}

/// Finds plugins and makes their components. Clones share the plugins.
#[derive(Debug, Clone)]
pub struct PluginHost(pub(crate) Arc<HostState>);

#[derive(Debug)]
pub(crate) struct HostState {
    pub(crate) search_paths: Vec<PathBuf>,
    pub(crate) options: HostOptions,
    plugins: Vec<Plugin>,
    problems: Vec<HostError>,
    shadowed: Vec<Shadowed>,
    by_name: HashMap<(Kind, String), usize>,
    cancelled: AtomicBool,
    limits: RwLock<WorkerLimits>,
    /// By the names of plugins that were used, alone and with others in one process.
    health: Mutex<BTreeMap<String, Arc<Health>>>,
}

impl PluginHost {
    /// Reads the records of all plugins in `search_paths`, each a library, a folder of source, or a folder of such,
    /// without loading any.
    ///
    /// Where two plugins have a component of the same name, the earlier path wins; within a folder the newer file.
    /// What is wrong with single files is in [`problems`](Self::problems).
    pub fn open(search_paths: &[PathBuf], options: HostOptions) -> Self {
        let (mut plugins, mut problems) = (Vec::<Plugin>::new(), Vec::new());
        let mut seen = HashSet::new();
        for (path, named) in search_paths.iter().flat_map(|path| found_at(path)) {
            // A folder may be named twice, or reached in two ways.
            if !seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                continue;
            }
            match Plugin::read(&path) {
                Ok(plugin) => {
                    problems.extend(plugin.check().err());
                    plugins.push(plugin);
                }
                // A folder may hold other libraries too.
                Err(HostError::NotAPlugin { .. }) if !named => {}
                Err(problem) => problems.push(problem),
            }
        }
        let (mut by_name, mut shadowed) = (HashMap::new(), Vec::new());
        for (index, plugin) in plugins.iter().enumerate() {
            for (component, _) in plugin.components() {
                let used = *by_name.entry((component.kind, component.name.clone())).or_insert(index);
                // Several builds of one plugin are no surprise.
                if plugins[used].id() != plugin.id() {
                    shadowed.push(Shadowed::new(component, plugin, &plugins[used]));
                }
            }
        }
        // A worker has a folder of its own to start from.
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let search_paths = search_paths.iter().map(absolute).collect();
        let cancelled = AtomicBool::new(false);
        let limits = RwLock::new(options.limits.clone());
        let health = Mutex::default();
        Self(Arc::new(HostState {
            search_paths,
            options,
            plugins,
            problems,
            shadowed,
            by_name,
            cancelled,
            limits,
            health,
        }))
    }

    /// Where plugins are looked for when nothing else is said: the folders in `$HEIRLOOM_PLUGINS`, then `plugins/`
    /// beside the program, then the program's own folder.
    pub fn default_search_paths() -> Vec<PathBuf> {
        let variable = std::env::var_os("HEIRLOOM_PLUGINS").unwrap_or_default();
        let mut paths: Vec<_> =
            std::env::split_paths(&variable).filter(|path| !path.as_os_str().is_empty()).collect();
        paths.extend(Self::search_paths_beside_program());
        paths
    }

    /// Where plugins were looked for, in this order.
    pub fn search_paths(&self) -> &[PathBuf] {
        &self.0.search_paths
    }

    /// Where relative paths among options start.
    pub fn folder(&self) -> &Path {
        &self.0.options.folder
    }

    /// Where the plugins lie that come with the program.
    pub fn search_paths_beside_program() -> Vec<PathBuf> {
        match std::env::current_exe().ok().as_deref().and_then(Path::parent) {
            Some(folder) => vec![folder.join("plugins"), folder.to_owned()],
            None => Vec::new(),
        }
    }

    /// All plugins that were found, usable or not.
    pub fn plugins(&self) -> &[Plugin] {
        &self.0.plugins
    }

    /// What is wrong with files that look like plugins.
    pub fn problems(&self) -> &[HostError] {
        &self.0.problems
    }

    /// Which components cannot be had because another plugin has one of their name, each with what to do about it.
    pub fn shadowed(&self) -> impl Iterator<Item = &str> {
        self.0.shadowed.iter().map(|shadowed| shadowed.message.as_str())
    }

    /// The names of all components of a kind, sorted.
    pub fn names(&self, kind: Kind) -> Vec<&str> {
        let names = self.0.by_name.keys().filter(|(other, _)| *other == kind);
        let mut names: Vec<_> = names.map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The plugin that has a component.
    pub fn find(&self, kind: Kind, name: &str) -> Result<&Plugin, HostError> {
        self.0.find(kind, name).ok_or_else(|| self.unknown(kind, name))
    }

    /// The plugins that a component is made of: its own, then those of the strategies that its options name, each once.
    pub fn involved(&self, kind: Kind, name: &str, options: &Json) -> Vec<&Plugin> {
        plugins_of(&self.0.with_nested(kind, name, options))
    }

    fn unknown(&self, kind: Kind, name: &str) -> HostError {
        let names = self.names(kind);
        let remedy = if names.is_empty() {
            let paths = self.0.search_paths.iter().map(|path| format!("`{}`", path.display()));
            let paths = paths.collect::<Vec<_>>().join(", ");
            format!("no plugin with one was found in {paths}; set `HEIRLOOM_PLUGINS`")
        } else {
            suggest::remedy(name, "there are", &names)
        };
        HostError::Unknown { kind, name: name.into(), hint: self.whole_remedy(name, remedy) }
    }

    /// What a person who asks in vain for `name` can do: `remedy`, and what they must know of files that were left out.
    pub fn whole_remedy(&self, name: &str, remedy: String) -> String {
        match self.left_out(name) {
            Some(left_out) => format!("{remedy}; and {left_out}"),
            None => remedy,
        }
    }

    /// What a person who asks in vain for `name` must know of files that cannot be used: how many, and what is wrong
    /// with the one that speaks of this name, or with the first.
    fn left_out(&self, name: &str) -> Option<String> {
        let problems: Vec<_> = self.problems().iter().map(ToString::to_string).collect();
        let of_name = problems.iter().find(|problem| problem.contains(name));
        let problem = of_name.or(problems.first())?.replace("; hint: ", ": ");
        Some(match problems.len() {
            1 => format!("one plugin was left out: {problem}"),
            n => format!("{n} plugins were left out, such as: {problem}"),
        })
    }

    /// What messages call a component: its kind and name, its plugin and the plugin's version.
    pub fn describe(&self, kind: Kind, name: &str) -> Result<String, HostError> {
        Ok(Identity::new(self.find(kind, name)?, kind, name).to_string())
    }

    /// The JSON schema of a component's options.
    pub fn schema(&self, kind: Kind, name: &str) -> Result<&Json, HostError> {
        self.0.schema(kind, name).ok_or_else(|| self.unknown(kind, name))
    }

    /// Checks a component's options without loading its library: the options with defaults filled in and paths
    /// taken from `folder`; or everything that is wrong with them.
    pub fn check_options(
        &self,
        kind: Kind,
        name: &str,
        options: &Json,
        folder: &Path,
    ) -> Result<Json, Vec<OptionProblem>> {
        let unknown = |error: HostError| match error {
            HostError::Unknown { hint, .. } => {
                vec![OptionProblem {
                    path: String::new(),
                    message: format!("there is no {kind} `{name}`"),
                    help: hint,
                }]
            }
            other => {
                vec![OptionProblem { path: String::new(), message: other.to_string(), help: String::new() }]
            }
        };
        let schema = self.schema(kind, name).map_err(unknown)?;
        let mut checked = schema::check(schema, options)?;
        let nested = self.check_nested(schema, &mut checked, folder);
        schema::resolve_paths(schema, &mut checked, folder);
        if nested.is_empty() { Ok(checked) } else { Err(nested) }
    }

    /// Checks the options of strategies that are named within options, in place.
    fn check_nested(&self, schema: &Json, options: &mut Json, folder: &Path) -> Vec<OptionProblem> {
        let mut problems = Vec::new();
        let Some(properties) = options.as_object_mut() else { return problems };
        for (key, value) in properties {
            let property = &schema["properties"][key.as_str()];
            if property["component"] != "strategy" {
                continue;
            }
            let Some(table) = value.as_object_mut() else { continue };
            let Some(Json::String(name)) = table.remove("name") else { continue };
            match self.check_options(Kind::Strategy, &name, &Json::Object(table.clone()), folder) {
                Ok(checked) => *table = checked.as_object().cloned().unwrap_or_default(),
                Err(nested) => problems.extend(nested.into_iter().map(|problem| {
                    let path =
                        if problem.path.is_empty() { key.clone() } else { format!("{key}.{}", problem.path) };
                    OptionProblem { path, ..problem }
                })),
            }
            table.insert("name".into(), Json::String(name));
        }
        problems
    }

    /// The strategy `name` for `problem`.
    pub fn strategy(
        &self,
        name: &str,
        options: &Json,
        isolation: Isolation,
        problem: &Problem,
    ) -> Result<Box<dyn Strategy>, HostError> {
        self.make(Kind::Strategy, name, options, |recipe| {
            let who = recipe.identity.clone();
            Ok(match recipe.plugin.place(isolation) {
                Isolation::None if self.0.options.unchecked => Box::new(recipe.strategy(problem)?),
                Isolation::None => CheckedStrategy::boxed(recipe.strategy(problem)?, who),
                Isolation::Process if self.0.options.unchecked => {
                    Box::new(recipe.isolated_strategy(&self.0, problem)?)
                }
                Isolation::Process => {
                    CheckedStrategy::boxed(recipe.isolated_strategy(&self.0, problem)?, who)
                }
            })
        })
    }

    /// The estimator `name`, for the run file's space where it has one.
    pub fn estimator(
        &self,
        name: &str,
        options: &Json,
        isolation: Isolation,
        space: Option<&Arc<Space>>,
    ) -> Result<Arc<dyn Estimator>, HostError> {
        self.make(Kind::Estimator, name, options, |recipe| {
            let (inner, info) = match recipe.plugin.place(isolation) {
                Isolation::None => recipe.estimator(space.cloned())?,
                Isolation::Process => recipe.isolated_estimator(&self.0, space.cloned())?,
            };
            let identity = recipe.identity.clone();
            let unchecked = self.0.options.unchecked;
            if !unchecked && let Err(problem) = info.check() {
                let problem =
                    format!("what it says of itself cannot be: {problem}; hint: report it to its author");
                return Err(recipe.explain(ComponentError::failed(problem)));
            }
            Ok(Arc::new(CheckedEstimator { inner, identity, info, unchecked }) as Arc<dyn Estimator>)
        })
    }

    /// The proxy `name` for `problem`.
    pub fn proxy(
        &self,
        name: &str,
        options: &Json,
        isolation: Isolation,
        problem: &Problem,
    ) -> Result<Arc<dyn Proxy>, HostError> {
        self.make(Kind::Proxy, name, options, |recipe| {
            let (inner, info) = match recipe.plugin.place(isolation) {
                Isolation::None => recipe.proxy(problem)?,
                Isolation::Process => recipe.isolated_proxy(&self.0, problem)?,
            };
            let identity = recipe.identity.clone();
            Ok(Arc::new(CheckedProxy { inner, identity, info }) as Arc<dyn Proxy>)
        })
    }

    /// Sets what the isolated components may use that are made from now on.
    pub fn set_limits(&self, limits: WorkerLimits) {
        *self.0.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// What is wrong with plugins that went into quarantine while this host used them; empty is well.
    pub fn quarantined(&self) -> Vec<String> {
        let health = self.0.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.values().filter_map(|health| health.quarantined()).collect()
    }

    /// Tells components that look at their context that the run ends.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    fn make<T>(
        &self,
        kind: Kind,
        name: &str,
        options: &Json,
        make: impl FnOnce(&Recipe<'_>) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let plugin = self.find(kind, name)?;
        plugin.check()?;
        for shadowed in
            self.0.shadowed.iter().filter(|other| (other.kind, other.name.as_str()) == (kind, name))
        {
            shadowed.said.call_once(|| tracing::warn!("{}", shadowed.message));
        }
        let host = &self.0.options;
        let options = self
            .check_options(kind, name, options, &host.folder)
            .map_err(|problems| HostError::Options { kind, name: name.into(), problems })?;
        // Each plugin by itself, and all of them together.
        let involved = self.involved(kind, name, &options);
        for plugins in involved.chunks(1).chain([&involved[..]]) {
            self.0.health(plugins).check()?;
        }
        let identity = Identity::new(plugin, kind, name);
        let context = Context::new(Arc::new(self.clone()), host.threads, &host.folder);
        make(&Recipe { plugin, identity: &identity, options: &options, context: &context })
    }
}

impl HostState {
    /// What isolated components may use.
    pub(crate) fn limits(&self) -> WorkerLimits {
        self.limits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is known of the crashes of a plugin, or of several in one process.
    pub(crate) fn health(&self, plugins: &[&Plugin]) -> Arc<Health> {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Health::of(plugins, self.options.reports.as_deref()));
        Arc::clone(health.entry(health::name_of(plugins)).or_insert_with(new))
    }

    /// The capabilities that a plugin has.
    pub(crate) fn granted(&self, plugin: &Plugin) -> Vec<Capability> {
        let granted = self.options.granted.get(plugin.id());
        let wanted = plugin.manifest().capabilities.iter().copied();
        wanted.filter(|capability| granted.is_none_or(|granted| granted.contains(capability))).collect()
    }

    /// The schema of a component's options; none where no plugin has it.
    pub(crate) fn schema(&self, kind: Kind, name: &str) -> Option<&Json> {
        let mut components = self.find(kind, name)?.components();
        components
            .find(|(component, _)| component.kind == kind && component.name == name)
            .map(|(_, schema)| schema)
    }

    /// The plugin that has a component.
    fn find(&self, kind: Kind, name: &str) -> Option<&Plugin> {
        self.by_name.get(&(kind, name.to_owned())).map(|&index| &self.plugins[index])
    }

    /// Shows `visit` a value of options and all that is in it, each with its schema. What stands beside the name of a
    /// strategy has the schema of that strategy.
    pub(crate) fn visit_options<'a>(
        &self,
        schema: &Json,
        value: &'a Json,
        visit: &mut dyn FnMut(&Json, &'a Json),
    ) {
        visit(schema, value);
        match value {
            Json::Array(items) => {
                items.iter().for_each(|item| self.visit_options(&schema["items"], item, visit));
            }
            Json::Object(object) => {
                let named = named_strategy(schema, value).and_then(|name| self.schema(Kind::Strategy, name));
                let schema = named.unwrap_or(schema);
                for (key, value) in object {
                    let property = schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
                    self.visit_options(property, value, visit);
                }
            }
            _ => {}
        }
    }

    /// A component, then the strategies that its options name, and those that theirs do, each with its plugin.
    pub(crate) fn with_nested<'a>(
        &self,
        kind: Kind,
        name: &'a str,
        options: &'a Json,
    ) -> Vec<(&'a str, &Plugin)> {
        let own = self.find(kind, name).map(|plugin| (name, plugin));
        let mut components: Vec<_> = own.into_iter().collect();
        let schema = self.schema(kind, name).unwrap_or(&Json::Null);
        self.visit_options(schema, options, &mut |schema, value| {
            if let Some(name) = named_strategy(schema, value)
                && let Some(plugin) = self.find(Kind::Strategy, name)
            {
                components.push((name, plugin));
            }
        });
        components
    }

    /// The worker's program; where there is none, what to do about it.
    pub(crate) fn worker_program(&self) -> Result<PathBuf, String> {
        let file = format!("heirloom-plugin-worker{}", std::env::consts::EXE_SUFFIX);
        let named = self
            .options
            .worker
            .clone()
            .or_else(|| std::env::var_os("HEIRLOOM_PLUGIN_WORKER").map(Into::into));
        let program = std::env::current_exe().unwrap_or_default();
        // Tests and examples stand one folder below the programs.
        let beside = program.ancestors().skip(1).take(2).map(|folder| folder.join(&file));
        named.into_iter().chain(beside).find(|path| path.is_file()).ok_or_else(|| {
            format!("put `{file}` beside the program, or its path into `HEIRLOOM_PLUGIN_WORKER`")
        })
    }
}

impl Components for PluginHost {
    fn strategy(
        &self,
        name: &str,
        options: &Json,
        problem: &Problem,
    ) -> Result<Box<dyn Strategy>, ComponentError> {
        Ok(PluginHost::strategy(self, name, options, Isolation::None, problem)?)
    }
}

impl HostServices for PluginHost {
    fn cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }
}

/// The plugins of components, each once.
pub(crate) fn plugins_of<'a>(components: &[(&str, &'a Plugin)]) -> Vec<&'a Plugin> {
    let mut plugins: Vec<&Plugin> = Vec::new();
    for &(_, plugin) in components {
        if !plugins.iter().any(|other| std::ptr::eq(*other, plugin)) {
            plugins.push(plugin);
        }
    }
    plugins
}

/// The strategy that a value of options names, where its schema says that it names one.
fn named_strategy<'a>(schema: &Json, value: &'a Json) -> Option<&'a str> {
    if schema["component"] == "strategy" { value["name"].as_str() } else { None }
}

/// The libraries and folders of source at a search path, the newest first, each with whether the path names it itself.
fn found_at(path: &Path) -> Vec<(PathBuf, bool)> {
    if path.is_file() || source_folder::is_one(path) {
        return vec![(path.to_owned(), true)];
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    // Reading a pipe would never end.
    let is_pipe = |path: &Path| std::fs::metadata(path).is_ok_and(|data| !data.is_file() && !data.is_dir());
    let is_plugin = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == std::env::consts::DLL_EXTENSION)
            && !is_pipe(path)
            || source_folder::is_one(path)
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(is_plugin)
        .map(|path| (std::fs::metadata(&path).and_then(|data| data.modified()).ok(), path))
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    files.into_iter().map(|(_, path)| (path, false)).collect()
}
