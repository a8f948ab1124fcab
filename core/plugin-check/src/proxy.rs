//! What every proxy must keep to.

use std::collections::BTreeSet;

use heirloom_model::{ComponentError, Configuration, Proxy, Seed};
use serde::{Deserialize, Serialize};

use crate::session::failed;
use crate::{Subject, Trouble};

/// What a proxy is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProxyCheck {
    /// It says what it costs.
    Info,
    /// It keeps to what it says.
    Direction,
    /// Every configuration gets its score.
    Count,
    /// Scores are numbers.
    Finite,
    /// A score says something.
    TellsApart,
    /// A batch is many single scores.
    Batch,
    /// One scale for all.
    Scale,
    /// Same seed, same scores.
    Deterministic,
    /// Wrong input has no score.
    Rejects,
    /// Calls may overlap.
    Parallel,
}

impl ProxyCheck {
    /// All checks, in the order in which they are made.
    pub const ALL: [Self; 10] = [
        Self::Info,
        Self::Direction,
        Self::Count,
        Self::Finite,
        Self::TellsApart,
        Self::Batch,
        Self::Scale,
        Self::Deterministic,
        Self::Rejects,
        Self::Parallel,
    ];

    /// The check's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Direction => "direction",
            Self::Count => "count",
            Self::Finite => "finite",
            Self::TellsApart => "tells-apart",
            Self::Batch => "batch",
            Self::Scale => "scale",
            Self::Deterministic => "deterministic",
            Self::Rejects => "rejects",
            Self::Parallel => "parallel",
        }
    }

    /// What the check demands.
    pub fn demand(self) -> &'static str {
        match self {
            Self::Info => "the declared cost is a finite number of seconds, 0 or more",
            Self::Direction => {
                "direction, unit and needs are the same in every instance, before and after scoring"
            }
            Self::Count => {
                "every configuration's place in `scores` is written, and no configurations are no error"
            }
            Self::Finite => {
                "a score is finite, or NaN for a configuration that cannot be scored; not all are NaN"
            }
            Self::TellsApart => "different configurations do not all get the same score",
            Self::Batch => "a batch gives the scores that its configurations get one by one",
            Self::Scale => "a score does not depend on what was scored before it or is scored beside it",
            Self::Deterministic => "the same seed gives the same scores, in a fresh instance too",
            Self::Rejects => {
                "a configuration of the wrong length gets NaN or an error, not a score or a panic"
            }
            Self::Parallel => "four threads at once all get the scores that one gets",
        }
    }
}

/// A proxy under check: how it is made, and what it is asked to score.
#[derive(Debug, Clone)]
pub struct ProxySubject<F> {
    pub(crate) make: F,
    pub(crate) configurations: Vec<Configuration>,
}

impl<F> Subject for ProxySubject<F>
where
    F: Fn() -> Result<Box<dyn Proxy>, ComponentError>,
{
    type Check = ProxyCheck;
    const CHECKS: &'static [ProxyCheck] = &ProxyCheck::ALL;

    fn describe(check: ProxyCheck) -> (String, &'static str) {
        (format!("proxy/{}", check.name()), check.demand())
    }

    fn make(&self, check: ProxyCheck) -> Result<(), Trouble> {
        if self.configurations.len() < 2 {
            return failed("the suite was given fewer than two configurations");
        }
        match check {
            ProxyCheck::Info => self.info(),
            ProxyCheck::Direction => self.direction(),
            ProxyCheck::TellsApart => self.tells_apart(),
            ProxyCheck::Scale => self.scale(),
            ProxyCheck::Parallel => self.parallel(),
            ProxyCheck::Count => self.count(),
            ProxyCheck::Finite => self.finite(),
            ProxyCheck::Batch => self.batch(),
            ProxyCheck::Deterministic => self.deterministic(),
            ProxyCheck::Rejects => self.rejects(),
        }
    }
}

impl<F> ProxySubject<F>
where
    F: Fn() -> Result<Box<dyn Proxy>, ComponentError>,
{
    fn proxy(&self) -> Result<Box<dyn Proxy>, Trouble> {
        (self.make)().map_err(|error| Trouble::from_error("making the proxy", &error))
    }

    /// Scores into places that hold `before`.
    fn scores(proxy: &dyn Proxy, configurations: &[Configuration], before: f64) -> Result<Vec<f64>, Trouble> {
        let mut scores = vec![before; configurations.len()];
        proxy
            .score(configurations, Seed::from_number(1), &mut scores)
            .map_err(|error| Trouble::from_error("`score`", &error))?;
        Ok(scores)
    }

    fn info(&self) -> Result<(), Trouble> {
        let cost = self.proxy()?.info().cost_seconds;
        if cost.is_finite() && cost >= 0.0 {
            Ok(())
        } else {
            failed(format!("the declared cost is {cost} seconds"))
        }
    }

    fn count(&self) -> Result<(), Trouble> {
        let proxy = self.proxy()?;
        Self::scores(proxy.as_ref(), &[], 0.0)?;
        let first = Self::scores(proxy.as_ref(), &self.configurations, 1.25e300)?;
        match first.iter().position(|&score| score == 1.25e300) {
            None => Ok(()),
            Some(place) => failed(format!("the score of configuration {place} was not written")),
        }
    }

    fn finite(&self) -> Result<(), Trouble> {
        let scores = Self::scores(self.proxy()?.as_ref(), &self.configurations, 0.0)?;
        if let Some(place) = scores.iter().position(|score| score.is_infinite()) {
            return failed(format!("configuration {place} got an infinite score; hint: give NaN"));
        }
        if scores.iter().all(|score| score.is_nan()) {
            return failed("no configuration could be scored");
        }
        Ok(())
    }

    fn batch(&self) -> Result<(), Trouble> {
        let proxy = self.proxy()?;
        let together = Self::scores(proxy.as_ref(), &self.configurations, 0.0)?;
        for (place, configuration) in self.configurations.iter().enumerate() {
            let alone = Self::scores(proxy.as_ref(), std::slice::from_ref(configuration), 0.0)?[0];
            if alone.to_bits() != together[place].to_bits() {
                return failed(format!(
                    "configuration {place} got {} in a batch and {alone} alone",
                    together[place]
                ));
            }
        }
        Ok(())
    }

    fn deterministic(&self) -> Result<(), Trouble> {
        let (first, second) = (self.proxy()?, self.proxy()?);
        let bits = |proxy: &dyn Proxy| -> Result<Vec<u64>, Trouble> {
            Ok(Self::scores(proxy, &self.configurations, 0.0)?.iter().map(|score| score.to_bits()).collect())
        };
        let expected = bits(first.as_ref())?;
        if bits(first.as_ref())? != expected || bits(second.as_ref())? != expected {
            return failed("the same seed gave other scores the second time");
        }
        Ok(())
    }

    fn direction(&self) -> Result<(), Trouble> {
        let (first, second) = (self.proxy()?, self.proxy()?);
        let before = first.info();
        Self::scores(first.as_ref(), &self.configurations, 0.0)?;
        for (info, when) in [(first.info(), "after scoring"), (second.info(), "in a second instance")] {
            let same = (info.direction, &info.unit, info.needs);
            if same != (before.direction, &before.unit, before.needs) {
                return failed(format!("it declared {before:?} at first and {info:?} {when}"));
            }
        }
        Ok(())
    }

    fn tells_apart(&self) -> Result<(), Trouble> {
        let distinct: BTreeSet<Vec<u64>> = self
            .configurations
            .iter()
            .map(|configuration| configuration.values().iter().map(|value| value.to_bits()).collect())
            .collect();
        if distinct.len() < 2 {
            return Err(Trouble::Skipped("all configurations of the check are one".into()));
        }
        let scores = Self::scores(self.proxy()?.as_ref(), &self.configurations, 0.0)?;
        let mut finite = scores.iter().filter(|score| score.is_finite());
        let Some(first) = finite.next() else {
            return Err(Trouble::Skipped("no configuration could be scored".into()));
        };
        match scores.len() > 2 && finite.all(|score| score == first) {
            true => failed(format!("{} different configurations all got the score {first}", distinct.len())),
            false => Ok(()),
        }
    }

    fn scale(&self) -> Result<(), Trouble> {
        let expected = Self::scores(self.proxy()?.as_ref(), &self.configurations, 0.0)?;
        let (early, late) = self.configurations.split_at(self.configurations.len() / 2);
        // Each half comes first once: what a running mean or maximum remembers then differs.
        for parts in [[(late, early.len()), (early, 0)], [(early, 0), (late, early.len())]] {
            let proxy = self.proxy()?;
            for (part, from) in parts {
                for (place, score) in (from..).zip(Self::scores(proxy.as_ref(), part, 0.0)?) {
                    if score.to_bits() != expected[place].to_bits() {
                        return failed(format!(
                            "configuration {place} got {} with all others and {score} with half of them; hint: do not \
                             scale by what was scored",
                            expected[place]
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn parallel(&self) -> Result<(), Trouble> {
        let proxy = self.proxy()?;
        let bits = |scores: Vec<f64>| -> Vec<u64> { scores.into_iter().map(f64::to_bits).collect() };
        let expected = bits(Self::scores(proxy.as_ref(), &self.configurations, 0.0)?);
        std::thread::scope(|scope| {
            let (proxy, configurations) = (proxy.as_ref(), self.configurations.as_slice());
            let score = move || Self::scores(proxy, configurations, 0.0).map(bits);
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(score)).collect();
            for thread in threads {
                let found =
                    thread.join().map_err(|_| Trouble::Failed("a call from a thread panicked".into()))??;
                if found != expected {
                    return failed("a thread of four got other scores than one alone");
                }
            }
            Ok(())
        })
    }

    fn rejects(&self) -> Result<(), Trouble> {
        let proxy = self.proxy()?;
        let mut values = self.configurations[0].values().to_vec();
        values.extend([0.5; 7]);
        let mut scores = [0.0];
        match proxy.score(&[Configuration::new(values)], Seed::from_number(1), &mut scores) {
            Ok(()) if !scores[0].is_nan() => {
                failed(format!("a configuration of a wrong length got the score {}", scores[0]))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
