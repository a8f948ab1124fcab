//! What every built library must keep to: the record inside it, and each of its components as the host loads them, in
//! its own process and in a worker's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_model::{
    ComponentError, Configuration, Direction, Estimator, EstimatorInfo, EvaluationRequest, Failure, Fidelity,
    Limits, Objective, Outcome, Problem, Proxy, ProxyInfo, Reporter, Seed, Space, Strategy, TrialId,
};
use heirloom_plugin_host::{ComponentManifest, HostError, HostOptions, Isolation, Kind, Plugin, PluginHost};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::session::failed;
use crate::{Report, Status, Trouble, problems};

/// Configurations that an estimator or a proxy is checked with.
const N_SAMPLES: u64 = 8;

/// What a library is checked for, before its components are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LibraryCheck {
    /// It is a plugin.
    Opens,
    /// It was built for this host.
    Fits,
    /// It says what it is.
    Described,
    /// It knows its options.
    Options,
}

impl LibraryCheck {
    /// All checks, in the order in which they are made.
    pub const ALL: [Self; 4] = [Self::Opens, Self::Fits, Self::Described, Self::Options];

    /// The check's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opens => "opens",
            Self::Fits => "fits",
            Self::Described => "described",
            Self::Options => "options",
        }
    }

    /// What the check demands.
    pub fn demand(self) -> &'static str {
        match self {
            Self::Opens => "the file is a library with a record that can be read without loading it",
            Self::Fits => "it was built for this host's interface level and target",
            Self::Described => {
                "the plugin and each of its components have a description, and there is a component"
            }
            Self::Options => {
                "an option that is not in a component's schema is refused without loading the library"
            }
        }
    }
}

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
        for check in LibraryCheck::ALL {
            report.run(format!("library/{}", check.name()), check.demand(), || {
                let plugin = self.plugin(&host)?;
                match check {
                    LibraryCheck::Opens => Ok(()),
                    LibraryCheck::Fits => plugin.check().map_err(|error| Trouble::Failed(error.to_string())),
                    LibraryCheck::Described => described(plugin),
                    LibraryCheck::Options => options_are_known(&host, plugin),
                }
            });
            if !report.passed() {
                return report;
            }
        }
        for (component, _) in host.plugins().iter().flat_map(Plugin::components) {
            let name = &component.name;
            let options = self.options.get(name).cloned().unwrap_or_else(|| json!({}));
            for (isolation, prefix) in
                [(Isolation::None, name.clone()), (Isolation::Process, format!("{name}/isolated"))]
            {
                let space = self.space.as_ref();
                let loaded = Loaded { host: &host, component, options: &options, isolation, space };
                report.results.extend(loaded.report().results.into_iter().map(|mut result| {
                    result.check = format!("{prefix}/{}", result.check);
                    result
                }));
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

/// A component of the library, as the host makes it in one of its ways.
struct Loaded<'a> {
    host: &'a PluginHost,
    component: &'a ComponentManifest,
    options: &'a Json,
    isolation: Isolation,
    space: Option<&'a Arc<Space>>,
}

impl Loaded<'_> {
    /// The suite of the component's kind.
    fn report(&self) -> Report {
        let mut report = Report::default();
        if self.isolation == Isolation::Process {
            report.run("worker".into(), "the worker's program is there", || self.worker());
            if report.results.iter().any(|result| result.status != Status::Success) {
                return report;
            }
        }
        let suite = match self.component.kind {
            Kind::Strategy => crate::strategy(|problem| Ok(self.strategy(problem)?))
                .informs(self.component.informs)
                .report(),
            Kind::Estimator => self.estimator_report(),
            Kind::Proxy => self.proxy_report(),
        };
        report.results.extend(suite.results);
        report
    }

    /// Skips where no worker can be started at all: authors of plugins do not always have its program.
    fn worker(&self) -> Result<(), Trouble> {
        let problem = problems::tiny();
        let error = match self.component.kind {
            Kind::Strategy => self.strategy(&problem).err(),
            Kind::Estimator => self.estimator().err(),
            Kind::Proxy => self.proxy(&problem).err(),
        };
        match error {
            Some(error @ HostError::Worker { .. }) => Err(Trouble::Skipped(error.to_string())),
            // What else may be wrong is for the suite to find.
            _ => Ok(()),
        }
    }

    fn strategy(&self, problem: &Problem) -> Result<Box<dyn Strategy>, HostError> {
        self.host.strategy(&self.component.name, self.options, self.isolation, problem)
    }

    fn estimator(&self) -> Result<Arc<dyn Estimator>, HostError> {
        self.host.estimator(&self.component.name, self.options, self.isolation, self.space)
    }

    fn proxy(&self, problem: &Problem) -> Result<Arc<dyn Proxy>, HostError> {
        self.host.proxy(&self.component.name, self.options, self.isolation, problem)
    }

    fn estimator_report(&self) -> Report {
        let mut report = Report::default();
        let mut requests = Vec::new();
        report.run("estimator/made".into(), "it can be made, and there is a space to check it in", || {
            let info = self.estimator().map_err(|error| Trouble::Failed(error.to_string()))?.info();
            let space = match (self.space, info.space) {
                (Some(space), _) => Arc::clone(space),
                (None, Some(spec)) => {
                    Arc::new(Space::compile(spec).map_err(|error| Trouble::Failed(error.to_string()))?)
                }
                (None, None) => return Err(Trouble::Skipped("no space was given to check it in".into())),
            };
            let fidelity = Fidelity(info.fidelities.iter().map(|dimension| dimension.high).collect());
            let samples = samples(&space)?;
            requests = (0..).zip(samples).map(|(id, sample)| request(id, sample, &fidelity)).collect();
            Ok(())
        });
        if !requests.is_empty() {
            let make =
                || -> Result<Box<dyn Estimator>, ComponentError> { Ok(Box::new(Shared(self.estimator()?))) };
            report.results.extend(crate::estimator(make, requests).report().results);
        }
        report
    }

    fn proxy_report(&self) -> Report {
        let mut report = Report::default();
        let mut subject = None;
        report.run("proxy/made".into(), "there is a space to check it in", || {
            let Some(space) = self.space else {
                return Err(Trouble::Skipped("no space was given to check it in".into()));
            };
            let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
            subject = Some((Problem::new(Arc::clone(space), objective), samples(space)?));
            Ok(())
        });
        if let Some((problem, samples)) = subject {
            let make =
                || -> Result<Box<dyn Proxy>, ComponentError> { Ok(Box::new(Shared(self.proxy(&problem)?))) };
            report.results.extend(crate::proxy(make, samples).report().results);
        }
        report
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

fn samples(space: &Space) -> Result<Vec<Configuration>, Trouble> {
    let sample = |number| space.sample(&mut Seed::from_number(number).rng());
    (0..N_SAMPLES).map(sample).collect::<Result<_, _>>().map_err(|error| Trouble::Failed(error.to_string()))
}

fn request(trial: u64, configuration: Configuration, fidelity: &Fidelity) -> EvaluationRequest {
    EvaluationRequest {
        trial: TrialId(trial),
        attempt: 1,
        configuration,
        fidelity: fidelity.clone(),
        parent: None,
        continues: None,
        seed: Seed::from_number(trial),
        limits: Limits::default(),
        threads: 1,
        folder: None,
    }
}

/// A component that the host shares, as one of our own.
struct Shared<T: ?Sized>(Arc<T>);

impl Estimator for Shared<dyn Estimator> {
    fn info(&self) -> EstimatorInfo {
        self.0.info()
    }

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        self.0.evaluate(requests, reporter)
    }
}

impl Proxy for Shared<dyn Proxy> {
    fn info(&self) -> ProxyInfo {
        self.0.info()
    }

    fn score(
        &self,
        configurations: &[Configuration],
        seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        self.0.score(configurations, seed, scores)
    }
}
