//! A checked run file made ready to run: its plugins made, its problem put together; then the run itself.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use heirloom_archive::{Archive, AttemptRecord, RunHeader, RunId, RunState, Task, TrialState};
use heirloom_config::{ComponentConfig, RunConfig, RunFile, VoteWeights};
use heirloom_engine::{
    Budget, EndReason, EngineError, LocalExecutor, Parts, ProxyFilter, RunEnd, RunSpec, StopSignal, Vote,
};
use heirloom_model::{
    AskRequest, ComponentErrorKind, Direction, Estimator, EstimatorInfo, Event, Fidelity, Objective, Problem,
    RecordError, Recorder, Seed, Space, SpaceSpec, Strategy, TrialId, WarmStart,
};
use heirloom_plugin_host::{HostError, Kind};
use heirloom_warm_start::ProxyBelief;
use miette::Report;
use serde_json::json;

use crate::catalogue::Plugins;
use crate::context::Context;
use crate::failure::{Failure, OrFail};
use crate::files;
use crate::objectives;
use crate::progress::Progress;

/// How long one call of a strategy in this process may take before it counts as hanging.
const STRATEGY_LIMIT: Duration = Duration::from_secs(300);

/// Where a run's configuration says whether it began with knowledge of past runs.
const WARM: &str = "warm";

/// A run that could start now.
pub(crate) struct Job<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) problem: Problem,
    pub(crate) space: SpaceSpec,
    pub(crate) estimator: Arc<dyn Estimator>,
    pub(crate) info: EstimatorInfo,
    plugins: &'a Plugins,
}

/// Why a run file's parts could not be made.
#[derive(Debug)]
pub(crate) enum Blame {
    /// The run file asks for what cannot be: where (keys joined by `.`), and what is wrong.
    File { path: &'static str, message: String },
    /// A plugin or its process is not as needed.
    Plugin(HostError),
}

impl Blame {
    fn file(path: &'static str, message: impl ToString) -> Self {
        Self::File { path, message: message.to_string() }
    }

    /// What a host's error is about: options and problems that a component refuses are the run file's.
    fn host(path: &'static str, error: HostError) -> Self {
        match &error {
            HostError::Component { source } => match source.kind {
                ComponentErrorKind::Configuration | ComponentErrorKind::Unsupported => {
                    Self::file(path, error)
                }
                _ => Self::Plugin(error),
            },
            HostError::Options { .. } | HostError::Unknown { .. } => Self::file(path, error),
            _ => Self::Plugin(error),
        }
    }

    /// The error that points into the run file where that is to blame.
    pub(crate) fn in_file(self, file: &RunFile) -> Report {
        match self {
            Self::File { path, message } => file.mistake(path, &message).into(),
            Self::Plugin(error) => Failure::new(error).into(),
        }
    }
}

impl From<Blame> for Failure {
    fn from(blame: Blame) -> Self {
        match blame {
            Blame::File { path, message } => Self::new(format!("`{path}`: {message}")),
            Blame::Plugin(error) => Self::new(error),
        }
    }
}

impl<'a> Job<'a> {
    /// Makes the estimator and puts the problem together.
    pub(crate) fn prepare(config: &'a RunConfig, plugins: &'a Plugins) -> Result<Self, Blame> {
        plugins.limit(&config.worker);
        let wrong_space = |error| Blame::file("space", error);
        let given = config.space.clone().map(Space::compile).transpose().map_err(wrong_space)?.map(Arc::new);
        let estimator = plugins
            .estimator(&config.estimator, given.as_ref(), config.isolation)
            .map_err(|error| Blame::host("estimator", error))?;
        let own = estimator.info();
        let Some(space) = config.space.clone().or_else(|| own.space.clone()) else {
            let message = format!(
                "estimator `{}` knows no space of its own; hint: add `[space]` to the run file",
                config.estimator.name
            );
            return Err(Blame::file("estimator.name", message));
        };
        let estimator = objectives::put_first(estimator, chosen_objective(config, &own)?);
        let info = estimator.info();
        let compiled = match given {
            Some(space) => space,
            None => Arc::new(Space::compile(space.clone()).map_err(wrong_space)?),
        };
        let problem = Problem {
            space: compiled,
            fidelities: info.fidelities.clone(),
            objectives: info.objectives.clone(),
        };
        Ok(Self { config, problem, space, estimator, info, plugins })
    }

    /// The objective that single-objective strategies follow.
    pub(crate) fn objective(&self) -> &Objective {
        &self.problem.objectives[0]
    }

    /// A fresh strategy: the run file's, or one of another name or with other options.
    pub(crate) fn strategy(&self, component: &ComponentConfig) -> Result<Box<dyn Strategy>, Blame> {
        self.plugins
            .strategy(component, &self.problem, self.config.isolation)
            .map_err(|error| Blame::host("strategy", error))
    }

    /// The size of the first evaluation that a strategy asks for: of one that asks for none, the full one.
    pub(crate) fn first_fidelity(&self, component: &ComponentConfig) -> Result<Fidelity, Blame> {
        if self.problem.fidelities.is_empty() {
            return Ok(self.problem.full_fidelity());
        }
        let mut strategy = self.strategy(component)?;
        let seed = Seed::from_number(self.config.seed);
        let first = strategy.ask(&AskRequest { n: 1, first_trial: TrialId(0), pending: &[], seed });
        // What is wrong with it, the search itself will say.
        let first = first.ok().and_then(|proposals| proposals.into_iter().next());
        Ok(first.map_or_else(|| self.problem.full_fidelity(), |proposal| proposal.fidelity))
    }

    /// The run file's proxies.
    pub(crate) fn filters(&self) -> Result<Vec<ProxyFilter>, Blame> {
        let filter = |proxy: &heirloom_config::ProxyConfig| {
            let made = self.plugins.proxy(&proxy.component, &self.problem, self.config.isolation);
            let made: Arc<dyn heirloom_model::Proxy> = made.map_err(|error| Blame::host("proxy", error))?;
            Ok(ProxyFilter { name: proxy.component.name.clone(), proxy: made, keep: proxy.keep })
        };
        self.config.proxies.iter().map(filter).collect()
    }

    /// The vote of the run file's proxies, of which `beliefs` is what the archive says.
    pub(crate) fn vote(&self, beliefs: &[ProxyBelief]) -> Option<Vote> {
        let vote = self.config.vote.as_ref()?;
        let weight = |proxy: &heirloom_config::ProxyConfig| {
            let name = &proxy.component.name;
            let weight = match &vote.weights {
                VoteWeights::Given(given) => given.get(name).copied(),
                VoteWeights::Archive => {
                    beliefs.iter().find(|belief| belief.proxy == *name).map(|belief| belief.weight)
                }
            };
            weight.unwrap_or(1.0)
        };
        let weights = self.config.proxies.iter().map(weight).collect();
        Some(Vote { weights, n_references: vote.references, keep: vote.keep })
    }

    /// What the archive keeps of the run before its first trial; `warm`: beside it, what the run knows.
    pub(crate) fn header(&self, text: &str, task: Task, warm: bool) -> RunHeader {
        let mut header = RunHeader::new(task, self.space.clone(), self.problem.objectives.clone());
        header.name.clone_from(&self.config.name);
        header.fidelities.clone_from(&self.problem.fidelities);
        header.configuration = json!({
            "file": text, "hash": self.config.hash(), "checked": self.config, WARM: warm,
        });
        header.seed = self.config.seed;
        header.versions = self.plugins.versions(self.config);
        header.versions.insert("heirloom".into(), env!("CARGO_PKG_VERSION").into());
        header.plugin_lock = self.plugins.lock(self.config);
        header
    }

    /// The budget in the engine's words.
    pub(crate) fn budget(&self) -> Budget {
        let budget = &self.config.budget;
        Budget { trials: budget.trials, seconds: budget.seconds, cost_seconds: budget.cost_seconds }
    }

    fn spec(&self, seed: u64, strategy: &ComponentConfig, elapsed_seconds: f64, files: PathBuf) -> RunSpec {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let most = std::env::var("OMP_NUM_THREADS")
            .ok()
            .and_then(|most| most.split(',').next()?.trim().parse().ok());
        RunSpec {
            problem: self.problem.clone(),
            strategy_name: self.plugins.describe(Kind::Strategy, &strategy.name),
            seed: Seed::from_number(seed),
            budget: self.budget(),
            limits: self.config.limits,
            threads_per_trial: (cores / self.config.workers).min(most.unwrap_or(usize::MAX)).max(1),
            strategy_limit: (!self.plugins.isolates(strategy, self.config.isolation))
                .then_some(STRATEGY_LIMIT),
            elapsed_seconds,
            files: Some(files),
        }
    }

    /// Carries the run out: from `history` on, to its end.
    pub(crate) fn run(&self, passage: Passage<'_>) -> Result<RunEnd, NoEnd> {
        let Passage {
            seed,
            strategy,
            filters,
            vote,
            warm_start,
            recorder,
            history,
            elapsed_seconds,
            files,
            observer,
            stop,
        } = passage;
        let estimator_name = self.plugins.describe(Kind::Estimator, &self.config.estimator.name);
        let executor = LocalExecutor::new(
            Arc::clone(&self.estimator),
            estimator_name,
            self.config.workers,
            stop.clone(),
        );
        let parts = Parts {
            strategy: self.strategy(strategy).map_err(NoEnd::Strategy)?,
            executor: Box::new(executor),
            filters,
            vote,
            warm_start,
            recorder,
            observer,
            stop,
        };
        let spec = self.spec(seed, strategy, elapsed_seconds, files);
        heirloom_engine::run(&spec, parts, history).map_err(NoEnd::Engine)
    }
}

/// Why a run has no end.
pub(crate) enum NoEnd {
    /// Its strategy could not be made.
    Strategy(Blame),
    /// The engine could not go on.
    Engine(EngineError),
}

impl From<NoEnd> for Failure {
    fn from(no_end: NoEnd) -> Self {
        match no_end {
            NoEnd::Strategy(blame) => blame.into(),
            NoEnd::Engine(error) => Self::new(error),
        }
    }
}

/// The events of a run's earlier parts, read while they are replayed.
pub(crate) type History<'a> = Box<dyn Iterator<Item = Result<Event, RecordError>> + 'a>;

/// What one passage through the engine needs beside its job.
pub(crate) struct Passage<'a> {
    pub(crate) seed: u64,
    pub(crate) strategy: &'a ComponentConfig,
    pub(crate) filters: Vec<ProxyFilter>,
    pub(crate) vote: Option<Vote>,
    pub(crate) warm_start: Option<Box<dyn WarmStart>>,
    pub(crate) recorder: Box<dyn Recorder + 'a>,
    pub(crate) history: History<'a>,
    pub(crate) elapsed_seconds: f64,
    /// Where the trials' files are kept; the estimator makes the folder.
    pub(crate) files: PathBuf,
    pub(crate) observer: Box<dyn FnMut(&Event) + 'a>,
    pub(crate) stop: StopSignal,
}

/// What to set where a target is taken for numbers and an objective of classes is wanted, or the other way round.
fn kind_hint(wanted: &str, measured: &[&str]) -> String {
    let is_one_of = |name: &str, measures: &[&str]| measures.iter().any(|measure| name.ends_with(measure));
    let of_classes = |name: &str| is_one_of(name, &["accuracy", "_auc", "_miou"]);
    let of_numbers = |name: &str| is_one_of(name, &["_rmse", "_r2"]);
    let any = |is: &dyn Fn(&str) -> bool| measured.iter().any(|name| is(name));
    let kind = if of_classes(wanted) && any(&of_numbers) && !any(&of_classes) {
        "classification"
    } else if of_numbers(wanted) && any(&of_classes) && !any(&of_numbers) {
        "regression"
    } else {
        return String::new();
    };
    format!("; or set `kind = \"{kind}\"` in `[estimator]`")
}

/// Which of the estimator's objectives the run file wants first.
fn chosen_objective(config: &RunConfig, info: &EstimatorInfo) -> Result<usize, Blame> {
    let Some(chosen) = &config.objective else {
        return match info.objectives.is_empty() {
            false => Ok(0),
            true => Err(Blame::file("estimator", "the estimator measures no objective")),
        };
    };
    let names: Vec<_> = info.objectives.iter().map(|objective| objective.name.as_str()).collect();
    let Some(index) = names.iter().position(|name| *name == chosen.name) else {
        let remedy = heirloom_model::suggest::remedy(&chosen.name, "it measures", &names);
        let estimator = &config.estimator.name;
        // An estimator that finds out by itself which kind of target it has.
        let guesses = config.estimator.options["kind"] == "auto";
        let kind = if guesses { kind_hint(&chosen.name, &names) } else { String::new() };
        let message =
            format!("estimator `{estimator}` does not measure `{}`; hint: {remedy}{kind}", chosen.name);
        return Err(Blame::file("objective.name", message));
    };
    let own = info.objectives[index].direction;
    match chosen.direction {
        Some(direction) if direction != own => {
            let word = match own {
                Direction::Minimise => "minimise",
                Direction::Maximise => "maximise",
            };
            let message =
                format!("the estimator says to {word} `{}`; hint: leave `direction` out", chosen.name);
            Err(Blame::file("objective.direction", message))
        }
        _ => Ok(index),
    }
}

/// A run in the archive, new or taken up again.
pub(crate) struct ArchivedRun<'a> {
    pub(crate) archive: &'a Archive,
    pub(crate) path: PathBuf,
    pub(crate) run: RunId,
    pub(crate) recorder: Box<dyn Recorder>,
    pub(crate) history: History<'a>,
    pub(crate) filters: Vec<ProxyFilter>,
    pub(crate) vote: Option<Vote>,
    pub(crate) warm_start: Option<Box<dyn WarmStart>>,
}

impl ArchivedRun<'_> {
    /// Carries the run out, shows its progress, and says in the archive where it stands.
    pub(crate) fn carry_out(self, job: &Job<'_>, context: &Context) -> miette::Result<RunEnd> {
        refuse_without_knowledge(self.archive, self.run, self.warm_start.is_some())?;
        let stop = StopSignal::default();
        crate::interrupt::watch(&stop)?;
        let elapsed_seconds = seconds_at_work(self.archive.attempts(self.run).or_fail()?);
        let files = files::of_run(&self.path, self.run)?;
        let host = job.plugins.host();
        let (quarantine, n_before) = (stop.clone(), host.quarantined().len());
        let progress =
            Progress::new(context.shows_progress(), job.budget(), job.objective().clone(), elapsed_seconds);
        let progress = RefCell::new(progress);
        let replayed = |event: &Result<Event, RecordError>| {
            if let Ok(event) = event {
                progress.borrow_mut().replay(event);
            }
        };
        let end = job.run(Passage {
            seed: job.config.seed,
            strategy: &job.config.strategy,
            filters: self.filters,
            vote: self.vote,
            warm_start: self.warm_start,
            recorder: self.recorder,
            history: Box::new(self.history.inspect(replayed)),
            elapsed_seconds,
            files,
            observer: Box::new(|event| {
                // Every further trial would fail for the same reason.
                if matches!(event, Event::Finished { .. }) && !quarantine.stopping() {
                    (n_before..host.quarantined().len()).for_each(|_| quarantine.request());
                }
                progress.borrow_mut().observe(event);
            }),
            stop,
        });
        let end = end.map_err(Failure::from);
        progress.into_inner().finish();
        let state = match &end {
            Ok(RunEnd { reason: EndReason::BudgetSpent | EndReason::Exhausted, .. }) => RunState::Finished,
            Ok(RunEnd { reason: EndReason::Stopped, .. }) => RunState::Interrupted,
            Ok(_) | Err(_) => RunState::Failed,
        };
        let quarantined = host.quarantined().into_iter().next();
        // An archive that could not keep the trials will not keep this either: the first error says more.
        match (self.archive.set_run_state(self.run, state), end) {
            (Err(error), Ok(_)) => Err(Failure::new(error).into()),
            (Ok(()), Ok(RunEnd { reason: EndReason::Stopped, .. })) if quarantined.is_some() => {
                let plugin = quarantined.unwrap_or_default();
                let hint = "hint: use another plugin or version; `heirloom resume` goes on when it is mended, \
                            `heirloom plugin report` has what its author needs";
                Err(Failure::new(format!("the run ends: {plugin}; {hint}")).into())
            }
            (_, end) => Ok(end?),
        }
    }
}

/// Refuses a run that began with knowledge of past runs and whose process died before that was kept: it would go on as
/// a cold one.
pub(crate) fn refuse_without_knowledge(archive: &Archive, run: RunId, is_warm: bool) -> miette::Result<()> {
    if is_warm || archive.header(run).or_fail()?.configuration[WARM] != true {
        return Ok(());
    }
    Err(Failure::new(format!(
        "run `{run}` ended before its first trial, when what it knew of past runs was not yet kept; hint: begin it again \
         with `heirloom search`"
    ))
    .into())
}

/// How long a run may be between two trials and still count as at work: its strategy needs time as well.
const PAUSE: Duration = Duration::from_secs(1);

/// Seconds in which at least one trial was running, short pauses between them included. An attempt whose host died does
/// not count: when that was, nobody knows.
fn seconds_at_work(attempts: Vec<AttemptRecord>) -> f64 {
    let mut spans: Vec<(SystemTime, SystemTime)> = attempts
        .into_iter()
        .filter(|attempt| attempt.state != TrialState::Lost)
        .filter_map(|attempt| Some((attempt.started, attempt.ended?)))
        .collect();
    spans.sort();
    let mut total = Duration::ZERO;
    let mut until = SystemTime::UNIX_EPOCH;
    for (start, end) in spans {
        let begin = if start <= until + PAUSE { until } else { start };
        total += end.duration_since(begin).unwrap_or_default();
        until = until.max(end);
    }
    total.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use heirloom_model::TrialId;

    use super::*;

    #[test]
    fn a_run_that_died_before_its_knowledge_was_kept_is_not_resumed_as_a_cold_one() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::create(&folder.path().join("a")).unwrap();
        for (warm, resumes_cold) in [(Some(true), false), (Some(false), true), (None, true)] {
            let mut header =
                RunHeader::new(Task::default(), SpaceSpec::preset("nas-bench-201").unwrap(), Vec::new());
            header.configuration = warm.map_or(json!({}), |warm| json!({ WARM: warm }));
            let (run, _) = archive.begin_run(&header).unwrap();
            assert_eq!(refuse_without_knowledge(&archive, run, false).is_ok(), resumes_cold, "{warm:?}");
            assert!(refuse_without_knowledge(&archive, run, true).is_ok());
        }
    }

    #[test]
    fn only_the_time_at_work_counts_and_parallel_trials_count_once() {
        let at = |seconds: f64| SystemTime::UNIX_EPOCH + Duration::from_secs_f64(1e6 + seconds);
        let attempt = |state, started: f64, ended: Option<f64>| AttemptRecord {
            trial: TrialId(0),
            number: 1,
            worker: None,
            state,
            started: at(started),
            ended: ended.map(at),
        };
        let attempts = vec![
            attempt(TrialState::Completed, 0.0, Some(10.0)),
            attempt(TrialState::Failed, 5.0, Some(12.0)),
            // The strategy took its time.
            attempt(TrialState::Completed, 12.5, Some(13.0)),
            // The host died, and was started again much later.
            attempt(TrialState::Lost, 13.0, Some(5000.0)),
            attempt(TrialState::Pending, 5000.0, Some(5003.0)),
            attempt(TrialState::Running, 5003.0, None),
        ];
        assert_eq!(seconds_at_work(attempts), 16.0);
        assert_eq!(seconds_at_work(Vec::new()), 0.0);
    }

    #[test]
    fn an_objective_of_the_other_kind_of_target_names_the_kind_to_set() {
        let (numbers, classes) =
            (["val_rmse", "val_r2", "val_loss"], ["val_accuracy", "val_auc", "val_loss"]);
        assert!(kind_hint("val_accuracy", &numbers).contains("`kind = \"classification\"`"));
        assert!(kind_hint("val_rmse", &classes).contains("`kind = \"regression\"`"));
        assert_eq!(kind_hint("val_balanced_accuracy", &classes), "");
        assert_eq!(kind_hint("seconds", &numbers), "");
    }
}
