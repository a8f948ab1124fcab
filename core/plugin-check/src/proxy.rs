//! What every proxy must keep to.

use std::collections::BTreeSet;

use heirloom_model::{ComponentError, Configuration, Proxy, Seed};

use crate::session::failed;
use crate::{Check, Subject, Trouble};

type MakeCheck = fn(&ProxySubject<'_>) -> Result<(), Trouble>;

/// What a proxy is checked for.
pub(crate) const CHECKS: &[Check<MakeCheck>] = &[
    Check::new("info", "the declared cost is a finite number of seconds, 0 or more", |subject| {
        subject.info()
    }),
    Check::new(
        "direction",
        "direction, unit and needs are the same in every instance, before and after scoring",
        |subject| subject.direction(),
    ),
    Check::new(
        "count",
        "every configuration's place in `scores` is written, and no configurations are no error",
        |subject| subject.count(),
    ),
    Check::new(
        "finite",
        "a score is finite, or NaN for a configuration that cannot be scored; not all are NaN",
        |subject| subject.finite(),
    ),
    Check::new("tells-apart", "different configurations do not all get the same score", |subject| {
        subject.tells_apart()
    }),
    Check::new("batch", "a batch gives the scores that its configurations get one by one", |subject| {
        subject.batch()
    }),
    Check::new(
        "scale",
        "a score does not depend on what was scored before it or is scored beside it",
        |subject| subject.scale(),
    ),
    Check::new("deterministic", "the same seed gives the same scores, in a fresh instance too", |subject| {
        subject.deterministic()
    }),
    Check::new(
        "rejects",
        "a configuration of the wrong length gets NaN or an error, not a score or a panic",
        |subject| subject.rejects(),
    ),
    Check::new("parallel", "four threads at once all get the scores that one gets", |subject| {
        subject.parallel()
    }),
];

/// A proxy under check: how it is made, and what it is asked to score.
pub struct ProxySubject<'a> {
    pub(crate) make: Box<dyn Fn() -> Result<Box<dyn Proxy>, ComponentError> + 'a>,
    pub(crate) configurations: Vec<Configuration>,
}

impl Subject for ProxySubject<'_> {
    type Make = MakeCheck;
    const KIND: &'static str = "proxy";
    const CHECKS: &'static [Check<MakeCheck>] = CHECKS;

    fn make(&self, make: MakeCheck) -> Result<(), Trouble> {
        if self.configurations.len() < 2 {
            return failed("the suite was given fewer than two configurations");
        }
        make(self)
    }
}

impl ProxySubject<'_> {
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
