//! Proxies: the size of a configuration's values, with one fault.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use heirloom_plugin::{
    ComponentError, Configuration, Context, Direction, NoOptions, Problem, Proxy, ProxyInfo, ProxyNeeds, Seed,
};

/// What a proxy does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    NegativeCost,
    TurnsAround,
    KeepsTheLarger,
    Infinite,
    SaysOneThing,
    HalvesAlone,
    ScalesByTheLargest,
    KnowsItsRank,
    ScoresAnything,
    OneAtATime,
}

/// Configurations of the checks' full batch.
const FULL: usize = 8;

struct Broken {
    fault: Fault,
    n_parameters: usize,
    direction: Direction,
    busy: Mutex<()>,
    largest: Mutex<f64>,
    /// Which of the instances that have scored a full batch this one is, from 0.
    rank: Mutex<Option<u64>>,
}

impl Proxy for Broken {
    fn info(&self) -> ProxyInfo {
        let cost_seconds = if self.fault == Fault::NegativeCost { -1.0 } else { 1e-8 };
        let direction = self.direction;
        ProxyInfo { direction, cost_seconds, needs: ProxyNeeds::Nothing, unit: String::new() }
    }

    fn score(
        &self,
        configurations: &[Configuration],
        _: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        let lock = self.busy.try_lock();
        if self.fault == Fault::OneAtATime {
            if lock.is_err() {
                return Err(ComponentError::failed("another call is under way"));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        let sizes: Vec<f64> = configurations.iter().map(|configuration| self.size(configuration)).collect();
        let scale = self.scale(&sizes);
        for ((configuration, size), score) in configurations.iter().zip(sizes).zip(scores) {
            let fits = configuration.values().len() == self.n_parameters;
            *score = match self.fault {
                Fault::ScoresAnything => size,
                _ if !fits => f64::NAN,
                Fault::KeepsTheLarger => score.max(size),
                Fault::Infinite if configuration.values()[0] != 0.0 => f64::INFINITY,
                Fault::SaysOneThing => 1.0,
                _ => size * scale,
            };
        }
        Ok(())
    }
}

impl Broken {
    fn size(&self, configuration: &Configuration) -> f64 {
        configuration.values().iter().filter(|value| !value.is_nan()).map(|value| value.abs()).sum()
    }

    /// What sizes are multiplied by.
    fn scale(&self, sizes: &[f64]) -> f64 {
        static N_RANKED: AtomicU64 = AtomicU64::new(0);
        match self.fault {
            Fault::HalvesAlone if sizes.len() == 1 => 0.5,
            Fault::ScalesByTheLargest => {
                let mut largest = self.largest.lock().expect("no holder panics");
                *largest = sizes.iter().copied().fold(*largest, f64::max);
                1.0 / largest.max(1.0)
            }
            Fault::KnowsItsRank if sizes.len() == FULL => {
                let mut rank = self.rank.lock().expect("no holder panics");
                1.0 + *rank.get_or_insert_with(|| N_RANKED.fetch_add(1, Ordering::Relaxed)) as f64
            }
            _ => 1.0,
        }
    }
}

fn make(fault: Fault, problem: &Problem) -> Box<dyn Proxy> {
    static N_MADE: AtomicU64 = AtomicU64::new(0);
    let turn = N_MADE.fetch_add(1, Ordering::Relaxed) % 2 == 1;
    let direction = match fault {
        Fault::TurnsAround if turn => Direction::Minimise,
        _ => Direction::Maximise,
    };
    let n_parameters = problem.space.parameters().len();
    let (busy, largest, rank) = (Mutex::new(()), Mutex::new(0.0), Mutex::new(None));
    Box::new(Broken { fault, n_parameters, direction, busy, largest, rank })
}

macro_rules! proxies {
    ($($name:ident => $fault:ident),* $(,)?) => {
        $(pub(crate) fn $name(
            _: NoOptions,
            problem: &Problem,
            _: &Context,
        ) -> Result<Box<dyn Proxy>, ComponentError> {
            Ok(make(Fault::$fault, problem))
        })*
    };
}

proxies! {
    sound => None,
    info => NegativeCost,
    direction => TurnsAround,
    count => KeepsTheLarger,
    finite => Infinite,
    tells_apart => SaysOneThing,
    batch => HalvesAlone,
    scale => ScalesByTheLargest,
    deterministic => KnowsItsRank,
    rejects => ScoresAnything,
    parallel => OneAtATime,
}
