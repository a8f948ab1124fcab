//! What every built library must keep to: the record inside it, and each of its components as the host loads them, in
//! its own process and in a worker's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_model::Space;
use heirloom_plugin_host::{HostError, HostOptions, Isolation, Kind, Plugin, PluginHost};
use serde_json::{Value as Json, json};

use crate::loaded::Loaded;
use crate::session::failed;
use crate::{Check, Report, Status, Trouble, problems};

type MakeCheck = fn(&PluginHost, &Plugin) -> Result<(), Trouble>;

/// What a library is checked for, before its components are.
pub(crate) const CHECKS: &[Check<MakeCheck>] = &[
    Check::new("opens", "the file is a library with a record that can be read without loading it", |_, _| {
        Ok(())
    }),
    Check::new("fits", "it was built for this host's interface level and target", |_, plugin| {
        plugin.check().map_err(refused)
    }),
    Check::new(
        "identified",
        "the id is of `a-z`, `0-9` and `-`, the version has three numbers, and no two components of a kind share a name",
        |_, plugin| identified(plugin),
    ),
    Check::new(
        "described",
        "the plugin and each of its components have a description, and there is a component",
        |_, plugin| described(plugin),
    ),
    Check::new(
        "options",
        "an option that is not in a component's schema is refused without loading the library",
        options_are_known,
    ),
    Check::new(
        "loads",
        "the system loads it, it starts, and it is the library that its record describes",
        |_, plugin| loads(plugin),
    ),
    Check::new(
        "extensions",
        "it has the extension of each of its components' kinds with this host's layout, and no extension that nobody has defined",
        |_, plugin| extensions(plugin),
    ),
];

/// The checks of a built library and of the components in it.
#[derive(Debug, Clone)]
pub struct LibrarySuite {
    path: PathBuf,
    options: BTreeMap<String, Json>,
    space: Option<Arc<Space>>,
}

impl LibrarySuite {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into(), options: BTreeMap::new(), space: None }
    }

    /// The options with which the component `name` is checked; an empty table by default.
    #[must_use]
    pub fn options(mut self, name: &str, options: Json) -> Self {
        self.options.insert(name.into(), options);
        self
    }

    /// The space in which estimators and proxies are checked; without one, only estimators that know their own are.
    #[must_use]
    pub fn space(mut self, space: Arc<Space>) -> Self {
        self.space = Some(space);
        self
    }

    /// For tests: makes all checks and ends the test with the failures, if there are any.
    #[track_caller]
    pub fn assert_passed(&self) {
        self.report().assert_passed();
    }

    /// Makes all checks.
    pub fn report(&self) -> Report {
        let mut report = Report::default();
        let host = PluginHost::open(std::slice::from_ref(&self.path), HostOptions::default());
        for check in CHECKS {
            report.run(format!("library/{}", check.name), check.demand, || {
                (check.make)(&host, self.plugin(&host)?)
            });
            if !report.passed() {
                return report;
            }
        }
        for plugin in host.plugins() {
            for (component, schema) in plugin.components() {
                let name = &component.name;
                let options = self.options.get(name).cloned().unwrap_or_else(|| json!({}));
                let loaded = Loaded {
                    host: &host,
                    plugin,
                    component,
                    schema,
                    options: &options,
                    isolation: Isolation::None,
                    space: self.space.as_ref(),
                    ignores_seed: false,
                    seed: 1,
                };
                let isolated = Loaded { isolation: Isolation::Process, ..loaded };
                for (loaded, prefix) in [(loaded, name.clone()), (isolated, format!("{name}/isolated"))] {
                    report.results.extend(component_report(&loaded).results.into_iter().map(|mut result| {
                        result.check = format!("{prefix}/{}", result.check);
                        result
                    }));
                }
            }
        }
        report
    }

    fn plugin<'h>(&self, host: &'h PluginHost) -> Result<&'h Plugin, Trouble> {
        host.plugins().first().ok_or_else(|| {
            let problem = host.problems().first().map(ToString::to_string);
            Trouble::Failed(problem.unwrap_or_else(|| format!("there is no `{}`", self.path.display())))
        })
    }
}

/// The suite of a component's kind.
fn component_report(loaded: &Loaded<'_>) -> Report {
    let mut report = Report::default();
    if loaded.isolation == Isolation::Process {
        report.run("worker".into(), "the worker's program is there", || worker(loaded));
        if report.results.iter().any(|result| result.status != Status::Success) {
            return report;
        }
    }
    match loaded.suite() {
        Ok(suite) => report.results.extend(suite.report().results),
        Err(trouble) => {
            let demand = "it can be made, and there is a space to check it in";
            report.run(format!("{}/made", loaded.component.kind), demand, || Err(trouble));
        }
    }
    report
}

/// Skips where no worker can be started at all: authors of plugins do not always have its program.
fn worker(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    let problem = problems::tiny();
    let error = match loaded.component.kind {
        Kind::Strategy => loaded.strategy(&problem).err(),
        Kind::Estimator => loaded.estimator(loaded.space).err(),
        Kind::Proxy => loaded.proxy(&problem).err(),
    };
    match error {
        Some(error @ HostError::Worker { .. }) => Err(Trouble::Skipped(error.to_string())),
        // What else may be wrong is for the suite to find.
        _ => Ok(()),
    }
}

fn identified(plugin: &Plugin) -> Result<(), Trouble> {
    let id = plugin.id();
    let is_word = |text: &str, extra: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(c))
    };
    if !is_word(id, "-") || id.starts_with('-') || id.ends_with('-') {
        return failed(format!("the id `{id}` is not made of `a-z`, `0-9` and `-`"));
    }
    let version = plugin.version();
    let numbers: Vec<_> = version.split(['-', '+']).next().unwrap_or_default().split('.').collect();
    if numbers.len() != 3 || !numbers.iter().all(|number| number.parse::<u64>().is_ok()) {
        return failed(format!("the version `{version}` does not begin with three numbers, such as `1.0.2`"));
    }
    let mut names: Vec<_> =
        plugin.components().map(|(component, _)| (component.kind, &component.name)).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => failed(format!("two of its {} components are named `{}`", pair[0].0, pair[0].1)),
        None => Ok(()),
    }
}

/// An extension that nobody will define: a library that says it has it says so of any.
const NO_EXTENSION: &str = "no-such-extension/1";

fn refused(error: HostError) -> Trouble {
    Trouble::Failed(error.to_string())
}

fn is_loaded(plugin: &Plugin) -> Result<(), Trouble> {
    match plugin.is_library() {
        true => Ok(()),
        false => Err(Trouble::Skipped("it is a folder of source, which a worker runs".into())),
    }
}

fn loads(plugin: &Plugin) -> Result<(), Trouble> {
    is_loaded(plugin)?;
    plugin.offers(NO_EXTENSION).map(drop).map_err(refused)
}

fn extensions(plugin: &Plugin) -> Result<(), Trouble> {
    is_loaded(plugin)?;
    for (component, _) in plugin.components() {
        plugin.check_extension(component.kind).map_err(refused)?;
    }
    match plugin.offers(NO_EXTENSION).map_err(refused)? {
        true => failed(format!("it says that it has the extension `{NO_EXTENSION}`")),
        false => Ok(()),
    }
}

fn described(plugin: &Plugin) -> Result<(), Trouble> {
    if plugin.manifest().description.trim().is_empty() {
        return failed("`description` is empty in `plugin.toml`");
    }
    if plugin.components().next().is_none() {
        return failed("it exports no component that its `plugin.toml` names");
    }
    match plugin.components().find(|(component, _)| component.description.trim().is_empty()) {
        None => Ok(()),
        Some((component, _)) => failed(format!("`{}` has no `description` in `plugin.toml`", component.name)),
    }
}

fn options_are_known(host: &PluginHost, plugin: &Plugin) -> Result<(), Trouble> {
    let unknown = "an-option-that-nobody-has";
    for (component, _) in plugin.components() {
        let options = json!({ unknown: 1 });
        let checked = host.check_options(component.kind, &component.name, &options, Path::new(""));
        if !checked.is_err_and(|problems| problems.iter().any(|problem| problem.path == unknown)) {
            let name = &component.name;
            return failed(format!("`{name}` takes an option that no component can know"));
        }
    }
    Ok(())
}
