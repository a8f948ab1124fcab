//! `speed.engine.trials`: trials a second through engine and in-process plugins on a recorded table, without the disk.

use std::time::Instant;

use heirloom_plugin_host::{HostOptions, Isolation, PluginHost};

use crate::recorded_task::RecordedTask;
use crate::row::Row;

const N_TRIALS: u64 = 50_000;
const N_WORKERS: usize = 16;
const N_REPETITIONS: u64 = 7;

/// Measures the row.
pub(crate) fn measure(_prefix: &str) -> Result<Vec<Row>, String> {
    let host = PluginHost::open(&PluginHost::default_search_paths(), HostOptions::default());
    let task = RecordedTask::open(&host, "cifar10")?;
    let rates = (0..N_REPETITIONS)
        .map(|seed| {
            let begin = Instant::now();
            let end = task.search(&host, ("random", Isolation::None), seed, N_TRIALS, N_WORKERS)?;
            Ok(end.n_trials as f64 / begin.elapsed().as_secs_f64())
        })
        .collect::<Result<Vec<f64>, String>>()?;
    Ok(vec![Row::from_samples("speed.engine.trials", "trials/s", &rates)])
}
