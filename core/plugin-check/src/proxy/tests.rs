use std::sync::atomic::{AtomicU64, Ordering};

use heirloom_model::{Direction, ProxyInfo, ProxyNeeds};

use super::*;
use crate::suite::AnySuite;
use crate::{Status, Suite};

/// What a proxy does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    NegativeCost,
    SkipsLast,
    Infinite,
    AllNan,
    ScalesBatch,
    Counts,
    ScoresAnything,
}

struct Faulty(Fault);

static CALLS: AtomicU64 = AtomicU64::new(0);

impl Proxy for Faulty {
    fn info(&self) -> ProxyInfo {
        ProxyInfo {
            direction: Direction::Maximise,
            cost_seconds: if self.0 == Fault::NegativeCost { -1.0 } else { 1e-6 },
            needs: ProxyNeeds::Nothing,
            unit: String::new(),
        }
    }

    fn score(
        &self,
        configurations: &[Configuration],
        _seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        let n = configurations.len();
        let call = CALLS.fetch_add(1, Ordering::Relaxed) as f64;
        for (place, (configuration, score)) in configurations.iter().zip(scores).enumerate() {
            *score = match self.0 {
                Fault::SkipsLast if place + 1 == n => continue,
                Fault::Infinite if place == 0 => f64::INFINITY,
                Fault::AllNan => f64::NAN,
                Fault::ScalesBatch => configuration.values()[0] / n as f64,
                Fault::Counts => call,
                fault if configuration.values().len() != 1 && fault != Fault::ScoresAnything => f64::NAN,
                _ => configuration.values()[0],
            };
        }
        Ok(())
    }
}

fn suite(fault: Fault) -> Suite<ProxySubject<'static>> {
    let configurations = [1.0, 2.0, 3.0].map(|value| Configuration::new(vec![value]));
    crate::proxy(move || Ok(Box::new(Faulty(fault))), configurations.to_vec())
}

#[test]
fn every_check_finds_a_proxy_that_breaks_it() {
    let check = |name: &str, fault, expected: &str| {
        let status = Status::of(|| suite(fault).make(name).unwrap());
        assert!(
            matches!(&status, Status::Failed(message) if message.contains(expected)),
            "{fault:?}: {status:?}"
        );
    };
    check("proxy/info", Fault::NegativeCost, "the declared cost is -1 seconds");
    check("proxy/count", Fault::SkipsLast, "configuration 2 was not written");
    check("proxy/finite", Fault::Infinite, "configuration 0 got an infinite score");
    check("proxy/finite", Fault::AllNan, "no configuration could be scored");
    check("proxy/batch", Fault::ScalesBatch, "in a batch and 1 alone");
    check("proxy/deterministic", Fault::Counts, "other scores the second time");
    check("proxy/rejects", Fault::ScoresAnything, "got the score 1");
}

#[test]
fn a_sound_proxy_passes_every_check() {
    let report = suite(Fault::None).report();
    assert!(report.results.iter().all(|result| result.status == Status::Success), "{report}");
}
