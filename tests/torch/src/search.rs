//! Searches as a user's run makes them: strategy and estimator are loaded plugins, the loop is the engine's.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use heirloom_engine::{Budget, LocalExecutor, Parts, RunEnd, RunSpec, StopSignal};
use heirloom_model::{Estimator, Event, Limits, Outcome, Problem, RecordError, Recorder, Seed, Space};
use heirloom_plugin_host::{HostOptions, Isolation, PluginHost};
use serde_json::Value as Json;

use crate::networks::text;

/// Keeps nothing: these runs are measured, not recorded.
struct Nowhere;

impl Recorder for Nowhere {
    fn record(&mut self, _events: &[Event]) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A space and the plugin that trains its networks.
pub(crate) struct Task {
    host: PluginHost,
    estimator: Arc<dyn Estimator>,
    pub(crate) problem: Problem,
}

impl Task {
    /// Trainings of `space` by the estimator `torch` with `options`; the first objective counts.
    pub(crate) fn open(space: Space, options: &Json) -> Result<Self, String> {
        let host = PluginHost::open(&PluginHost::default_search_paths(), HostOptions::default());
        let space = Arc::new(space);
        let estimator = host.estimator("torch", options, Isolation::None, Some(&space)).map_err(text)?;
        let info = estimator.info();
        let problem = Problem { space, fidelities: info.fidelities, objectives: info.objectives };
        Ok(Self { host, estimator, problem })
    }

    /// One search, one trial at a time on one thread; `watch` sees each trial's outcome. With `files`, trials are kept
    /// and can be inherited from.
    pub(crate) fn search(
        &self,
        (strategy, options): (&str, &Json),
        seed: u64,
        budget: Budget,
        files: Option<PathBuf>,
        watch: &mut dyn FnMut(&Outcome),
    ) -> Result<RunEnd, String> {
        let spec = RunSpec {
            problem: self.problem.clone(),
            strategy_name: strategy.to_owned(),
            seed: Seed::from_number(seed),
            budget,
            limits: Limits::default(),
            threads_per_trial: 1,
            strategy_limit: Some(Duration::from_secs(60)),
            elapsed_seconds: 0.0,
            files,
        };
        let stop = StopSignal::default();
        let estimator = Arc::clone(&self.estimator);
        let mut failures = Vec::new();
        let observer = |event: &Event| {
            if let Event::Finished { result, .. } = event {
                match result {
                    Ok(outcome) => watch(outcome),
                    Err(failure) => failures.push(failure.message.clone()),
                }
            }
        };
        let strategy = self.host.strategy(strategy, options, Isolation::None, &self.problem).map_err(text)?;
        let parts = Parts {
            strategy,
            executor: Box::new(LocalExecutor::new(estimator, "torch".into(), 1, stop.clone())),
            filters: Vec::new(),
            vote: None,
            warm_start: None,
            recorder: Box::new(Nowhere),
            observer: Box::new(observer),
            stop,
        };
        let end = heirloom_engine::run(&spec, parts, []).map_err(text)?;
        match failures.first() {
            Some(message) => Err(format!("{} trials failed, the first so: {message}", failures.len())),
            None => Ok(end),
        }
    }
}
