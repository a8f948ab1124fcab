//! `nb201.TASK.STRATEGY.100`: the best of 100 trials on NAS-Bench-201, as a user's run finds it: strategies and the
//! recorded table are loaded plugins, the loop is the engine's.
//!
//! A trial gets the validation accuracy of one of the cell's two or three recorded trainings, drawn by its seed, as a
//! real training would give it; the figure is the mean over seeds of the best value a run saw.

use heirloom_plugin_host::{HostOptions, Isolation, PluginHost};
use rayon::prelude::*;

use crate::recorded_task::RecordedTask;
use crate::row::Row;

const TASKS: [(&str, &str); 3] = [("cifar10", "c10"), ("cifar100", "c100"), ("ImageNet16-120", "in16")];
const STRATEGIES: [&str; 3] = ["random", "local-search", "evolution"];
const N_TRIALS: u64 = 100;
const N_SEEDS: u64 = 200;

/// Measures the rows.
pub(crate) fn measure(prefix: &str) -> Result<Vec<Row>, String> {
    let host = PluginHost::open(&PluginHost::default_search_paths(), HostOptions::default());
    let mut rows = Vec::new();
    for (task, short) in TASKS {
        let id = |strategy: &str| format!("nb201.{short}.{strategy}.{N_TRIALS}");
        let wanted: Vec<&str> =
            STRATEGIES.into_iter().filter(|strategy| id(strategy).starts_with(prefix)).collect();
        if wanted.is_empty() {
            continue;
        }
        let table = RecordedTask::open(&host, task)?;
        for strategy in wanted {
            let best: Vec<f64> = (0..N_SEEDS)
                .into_par_iter()
                .map(|seed| best_accuracy(&table, &host, strategy, seed))
                .collect::<Result<_, String>>()?;
            rows.push(Row::from_samples(id(strategy), "% validation accuracy", &best));
        }
    }
    Ok(rows)
}

/// The best accuracy that a run sees, in percent.
fn best_accuracy(task: &RecordedTask, host: &PluginHost, strategy: &str, seed: u64) -> Result<f64, String> {
    let end = task.search(host, (strategy, Isolation::None), seed, N_TRIALS, 1)?;
    let incumbent = end.incumbent.ok_or_else(|| format!("no trial of {strategy} succeeded"))?;
    Ok(task.problem.objectives[0].direction.turn(incumbent.objectives[0]))
}
