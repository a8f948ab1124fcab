//! Trains one network as told line by line, as `peers/train.py` does: a process of its own, so that its memory can be
//! compared.
//!
//! `ready PARAMETERS BYTES` says what is trained and how much memory was taken before; `train N` makes N steps and
//! answers with their seconds; `memory` answers with the most bytes taken so far.

use std::io::{BufRead, Write};
use std::time::Instant;

use heirloom_model::Seed;
use heirloom_torch_nets::{Initialisation, Loss, Mode, Optimizer, Weights, forward, uniform};
use tch::{Device, Kind, Tensor};

use crate::networks::{Job, N_CLASSES, text};

/// The program's first argument when it is to be a trainer.
pub(crate) const COMMAND: &str = "trainer";

/// Batches that are in memory and take turns.
const N_BATCHES: u64 = 8;

/// So small that weights stay where numbers are ordinary.
const LEARNING_RATE: f64 = 1e-6;

/// Answers until there is nothing more to read.
pub(crate) fn serve(network: &str, threads: &str) -> Result<(), String> {
    tch::set_num_threads(threads.parse().map_err(|_| format!("`{threads}` is no number of threads"))?);
    // Torch's own structures exist from the first tensor on.
    drop(Tensor::zeros([1], (Kind::Float, Device::Cpu)));
    let idle_bytes = status("VmRSS")?;
    let job = Job::named(network)?;
    let seed = Seed::from_number(1);
    let weights = Weights::new(&job.network, Initialisation::PyTorch, seed, Device::Cpu).map_err(text)?;
    let mut optimizer = Optimizer::new(job.rule, job.weight_decay, &weights).map_err(text)?;
    let batches =
        (0..N_BATCHES).map(|n| batch(&job, seed.derive("batch", n))).collect::<Result<Vec<_>, _>>()?;
    let loss = Loss::CrossEntropy { label_smoothing: 0.0, class_weights: None };
    let mut answer = std::io::stdout();
    let mut say = |line: String| writeln!(answer, "{line}").and_then(|()| answer.flush()).map_err(text);
    say(format!("ready {} {idle_bytes}", weights.flat().numel()))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(text)?;
        let Some(n_steps) = line.strip_prefix("train ") else {
            say(status("VmHWM")?.to_string())?;
            continue;
        };
        let n_steps: usize = n_steps.parse().map_err(text)?;
        let begin = Instant::now();
        for _ in 0..n_steps {
            let place = optimizer.n_steps();
            let (input, target) = &batches[(place % N_BATCHES) as usize];
            let mode = Mode::Training { seed: seed.derive("step", place), drop_path: 0.0 };
            let output = forward(&job.network, weights.tensors(), input, mode).map_err(text)?;
            let loss = loss.of(&output.main, target).map_err(text)?;
            let parameters: Vec<&Tensor> = weights.parameters().collect();
            let gradients = Tensor::f_run_backward(&[&loss], &parameters, false, false).map_err(text)?;
            optimizer.step(&weights, &gradients, LEARNING_RATE).map_err(text)?;
        }
        say(begin.elapsed().as_secs_f64().to_string())?;
    }
    Ok(())
}

fn batch(job: &Job, seed: Seed) -> Result<(Tensor, Tensor), String> {
    let n = job.batch_size as i64;
    let sample = job.network.input_shape().0.iter().map(|&size| size as i64);
    let shape: Vec<i64> = std::iter::once(n).chain(sample).collect();
    let input = uniform(seed.derive("input", 0), 1.7, &shape).map_err(text)?;
    let classes: Vec<i64> = (0..n).map(|row| row % N_CLASSES as i64).collect();
    Ok((input, Tensor::f_from_slice(&classes).map_err(text)?))
}

/// A number of bytes that the system counts for this process.
fn status(key: &str) -> Result<u64, String> {
    let path = "/proc/self/status";
    let counted = std::fs::read_to_string(path).map_err(|error| format!("`{path}`: {error}"))?;
    let line = counted.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.map(|kilobytes| 1024 * kilobytes).ok_or_else(|| format!("`{path}` has no `{key}` in kB"))
}
