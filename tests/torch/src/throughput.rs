//! `torch.train.NETWORK`: samples a second in training (forward, loss, backward and the optimizer's step on batches in
//! memory) beside the same network in PyTorch, on one thread; `torch.train.NETWORK.2-threads` on two.
//! `torch.memory.NETWORK`: the most memory that the training process takes; `.growth` over what it took before.

use std::process::Command;

use heirloom_figures::row::Row;

use crate::median::{median, sorted};
use crate::networks::{Job, NAMES};
use crate::peer::{Peer, script};
use crate::trainer::COMMAND;

/// Ours and theirs take turns so often.
const N_BLOCKS: usize = 9;
const BLOCK_SECONDS: f64 = 1.5;

/// A process that trains, and what it said first.
struct Trainer {
    peer: Peer,
    idle_bytes: f64,
}

impl Trainer {
    fn start(
        what: &str,
        command: &mut Command,
        network: &str,
        threads: usize,
    ) -> Result<(Self, u64), String> {
        let mut peer = Peer::start(what, command.arg(network).arg(threads.to_string()))?;
        let line = peer.hear()?;
        let numbers: Vec<f64> = line.split(' ').skip(1).filter_map(|number| number.parse().ok()).collect();
        let [n_parameters, idle_bytes] = numbers[..] else {
            return Err(format!("{what} begins with `{line}`"));
        };
        Ok((Self { peer, idle_bytes }, n_parameters as u64))
    }

    fn train(&mut self, n_steps: usize) -> Result<f64, String> {
        self.peer.ask(&format!("train {n_steps}"))
    }

    /// The most bytes taken, and by how much that is more than at the start.
    fn memory(&mut self) -> Result<[f64; 2], String> {
        let most = self.peer.ask("memory")?;
        Ok([most, most - self.idle_bytes])
    }
}

/// Ours and PyTorch's for one network.
struct Pair {
    ours: Trainer,
    theirs: Trainer,
    n_steps: usize,
    batch_size: usize,
}

impl Pair {
    fn start(network: &str, threads: usize) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| format!("this program's path: {error}"))?;
        let (mut ours, n_ours) =
            Trainer::start("our trainer", Command::new(program).arg(COMMAND), network, threads)?;
        let (mut theirs, n_theirs) =
            Trainer::start("PyTorch's trainer", &mut script("train.py")?, network, threads)?;
        if n_ours != n_theirs {
            return Err(format!("our `{network}` has {n_ours} parameters, PyTorch's {n_theirs}"));
        }
        // The first steps choose algorithms and take memory.
        ours.train(2)?;
        theirs.train(2)?;
        let step = (ours.train(2)? + theirs.train(2)?) / 4.0;
        let n_steps = ((BLOCK_SECONDS / step).ceil() as usize).max(1);
        Ok(Self { ours, theirs, n_steps, batch_size: Job::named(network)?.batch_size })
    }

    /// Seconds of a block of ours and of a block of theirs.
    fn block(&mut self, ours_first: bool) -> Result<[f64; 2], String> {
        if ours_first {
            let ours = self.ours.train(self.n_steps)?;
            return Ok([ours, self.theirs.train(self.n_steps)?]);
        }
        let theirs = self.theirs.train(self.n_steps)?;
        Ok([self.ours.train(self.n_steps)?, theirs])
    }

    fn speed(&mut self, id: String) -> Result<Row, String> {
        let blocks = (0..N_BLOCKS).map(|n| self.block(n % 2 == 0)).collect::<Result<Vec<_>, String>>()?;
        let n_samples = (self.n_steps * self.batch_size) as f64;
        let rates =
            |which: usize| -> Vec<f64> { blocks.iter().map(|block| n_samples / block[which]).collect() };
        let (ours, theirs) = (rates(0), rates(1));
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        let order = sorted(&ours);
        Ok(Row {
            id,
            value: median(&ours),
            unit: "samples/s",
            // The second smallest and largest of nine hold the median with a probability of 0.96.
            low: order[1],
            high: order[N_BLOCKS - 2],
            peer: Some(median(&theirs)),
            ratio: Some(median(&ratios)),
            n_seeds: N_BLOCKS,
        })
    }
}

/// Measures `torch.train.`.
pub(crate) fn measure_speed(prefix: &str) -> Result<Vec<Row>, String> {
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    for threads in [1, 2] {
        for network in NAMES {
            let id = match threads {
                1 => format!("torch.train.{network}"),
                _ => format!("torch.train.{network}.{threads}-threads"),
            };
            if threads <= n_cores && id.starts_with(prefix) {
                rows.push(Pair::start(network, threads)?.speed(id)?);
            }
        }
    }
    Ok(rows)
}

/// Measures `torch.memory.`.
pub(crate) fn measure_memory(prefix: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for network in NAMES {
        let ids = [format!("torch.memory.{network}"), format!("torch.memory.{network}.growth")];
        if !ids.iter().any(|id| id.starts_with(prefix)) {
            continue;
        }
        let mut pair = Pair::start(network, 1)?;
        pair.block(true)?;
        let (ours, theirs) = (pair.ours.memory()?, pair.theirs.memory()?);
        for ((id, ours), theirs) in ids.into_iter().zip(ours).zip(theirs) {
            const MEGABYTE: f64 = 1e6;
            rows.push(Row::from_samples(id, "MB", &[ours / MEGABYTE]).beside(theirs / MEGABYTE));
        }
    }
    Ok(rows)
}
