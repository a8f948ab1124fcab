//! A recorded task searched as a user's run would: strategy and table are loaded plugins, the loop is the engine's.

use std::sync::Arc;
use std::time::Duration;

use heirloom_engine::{Budget, LocalExecutor, Parts, RunEnd, RunSpec, StopSignal};
use heirloom_model::{Estimator, Event, Limits, Problem, RecordError, Recorder, Seed, Space};
use heirloom_plugin_host::{Isolation, PluginHost};
use serde_json::json;

use crate::warm_play::seed_file;

/// Keeps nothing: these runs are measured, not recorded.
struct Nowhere;

impl Recorder for Nowhere {
    fn record(&mut self, _events: &[Event]) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A task of NAS-Bench-201 as an estimator.
pub(crate) struct RecordedTask {
    estimator: Arc<dyn Estimator>,
    pub(crate) problem: Problem,
}

impl RecordedTask {
    pub(crate) fn open(host: &PluginHost, task: &str) -> Result<Self, String> {
        let options = json!({ "table": seed_file("nas-bench-201"), "task": task, "seed_policy": "random" });
        let estimator = host.estimator("table", &options, Isolation::None, None).map_err(text)?;
        let info = estimator.info();
        let space = Space::compile(info.space.ok_or("the table names no space")?).map_err(text)?;
        let problem =
            Problem { space: Arc::new(space), fidelities: info.fidelities, objectives: info.objectives };
        Ok(Self { estimator, problem })
    }

    /// One search of `n_trials` trials on `n_workers` workers, with the strategy where `isolation` says.
    pub(crate) fn search(
        &self,
        host: &PluginHost,
        (strategy, isolation): (&str, Isolation),
        seed: u64,
        n_trials: u64,
        n_workers: usize,
    ) -> Result<RunEnd, String> {
        let spec = RunSpec {
            problem: self.problem.clone(),
            strategy_name: strategy.to_owned(),
            seed: Seed::from_number(seed),
            budget: Budget { trials: Some(n_trials), ..Budget::default() },
            limits: Limits::default(),
            threads_per_trial: 1,
            strategy_limit: (isolation == Isolation::None).then_some(Duration::from_secs(60)),
            elapsed_seconds: 0.0,
            files: None,
        };
        let stop = StopSignal::default();
        let parts = Parts {
            strategy: host.strategy(strategy, &json!({}), isolation, &self.problem).map_err(text)?,
            executor: Box::new(LocalExecutor::new(
                Arc::clone(&self.estimator),
                "table".into(),
                n_workers,
                stop.clone(),
            )),
            filters: Vec::new(),
            vote: None,
            warm_start: None,
            recorder: Box::new(Nowhere),
            observer: Box::new(|_| {}),
            stop,
        };
        heirloom_engine::run(&spec, parts, []).map_err(text)
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
