//! The sizes at which configurations are compared, and who goes on.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use heirloom_plugin::{Configuration, FidelityDimension, TrialId};

/// The sizes of one dimension, ascending, each about `reduction` times the one before; the last is the full one.
/// `lowest` is above 0.
pub(crate) fn sizes(dimension: &FidelityDimension, lowest: f64, reduction: usize) -> Vec<f64> {
    let mut sizes = Vec::new();
    let mut size = dimension.high;
    while size >= lowest {
        let possible = match &dimension.levels[..] {
            [] if dimension.integer => size.round(),
            [] => size,
            levels => {
                let distance = |level: &f64| (level.ln() - size.ln()).abs();
                levels.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(size)
            }
        };
        if possible >= lowest && sizes.last() != Some(&possible) {
            sizes.push(possible);
        }
        size /= reduction as f64;
    }
    if sizes.is_empty() {
        sizes.push(dimension.high);
    }
    sizes.reverse();
    sizes
}

/// What ended at one size. An insertion and a promotion take logarithmic time.
#[derive(Debug)]
pub(crate) struct Rung {
    /// One in so many goes on.
    reduction: usize,
    /// The first one in `reduction`, the best first.
    top: BTreeSet<Ended>,
    /// The others.
    below: BTreeSet<Ended>,
    /// Those of the top that did not fail and have not gone on.
    waiting: BTreeSet<Ended>,
    gone_on: HashSet<TrialId>,
}

/// A trial that ended. The better one is the smaller; a failed one, with an infinite objective, comes last.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) objective: f64,
    pub(crate) trial: TrialId,
    pub(crate) configuration: Configuration,
}

impl Ord for Ended {
    fn cmp(&self, other: &Self) -> Ordering {
        self.objective.total_cmp(&other.objective).then(self.trial.cmp(&other.trial))
    }
}

impl PartialOrd for Ended {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ended {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ended {}

impl Rung {
    pub(crate) fn new(reduction: usize) -> Self {
        Self {
            reduction,
            top: BTreeSet::new(),
            below: BTreeSet::new(),
            waiting: BTreeSet::new(),
            gone_on: HashSet::new(),
        }
    }

    pub(crate) fn insert(&mut self, ended: Ended) {
        if self.top.last().is_some_and(|last| ended < *last) {
            self.enter_top(ended);
        } else {
            self.below.insert(ended);
        }
        let n_top = (self.top.len() + self.below.len()) / self.reduction;
        if self.top.len() < n_top
            && let Some(first) = self.below.pop_first()
        {
            self.enter_top(first);
        } else if self.top.len() > n_top
            && let Some(last) = self.top.pop_last()
        {
            self.waiting.remove(&last);
            self.below.insert(last);
        }
    }

    fn enter_top(&mut self, ended: Ended) {
        if ended.objective.is_finite() && !self.gone_on.contains(&ended.trial) {
            self.waiting.insert(ended.clone());
        }
        self.top.insert(ended);
    }

    pub(crate) fn best(&self) -> Option<&Ended> {
        self.top.first().or(self.below.first()).filter(|ended| ended.objective.is_finite())
    }

    /// The best trial among the first one in `reduction` that has not gone on yet; it goes on now.
    pub(crate) fn promote(&mut self) -> Option<Ended> {
        let next = self.waiting.pop_first()?;
        self.gone_on.insert(next.trial);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use heirloom_plugin::Seed;

    use super::*;

    fn dimension(low: f64, high: f64, levels: &[f64]) -> FidelityDimension {
        let integer = levels.is_empty();
        FidelityDimension { name: "epochs".into(), low, high, integer, levels: levels.to_vec() }
    }

    #[test]
    fn sizes_grow_by_the_reduction_up_to_the_full_one() {
        assert_eq!(sizes(&dimension(1.0, 81.0, &[]), 1.0, 3), [1.0, 3.0, 9.0, 27.0, 81.0]);
        assert_eq!(sizes(&dimension(1.0, 50.0, &[]), 1.0, 3), [2.0, 6.0, 17.0, 50.0]);
        assert_eq!(sizes(&dimension(1.0, 50.0, &[]), 10.0, 3), [17.0, 50.0]);
        assert_eq!(sizes(&dimension(12.0, 200.0, &[12.0, 200.0]), 12.0, 3), [12.0, 200.0]);
        assert_eq!(sizes(&dimension(8.0, 8.0, &[]), 8.0, 3), [8.0]);
    }

    fn add(rung: &mut Rung, trial: u64, objective: f64) {
        let configuration = Configuration::new(vec![]);
        rung.insert(Ended { objective, trial: TrialId(trial), configuration });
    }

    fn promote(rung: &mut Rung) -> Option<u64> {
        rung.promote().map(|ended| ended.trial.0)
    }

    #[test]
    fn one_in_three_goes_on_the_best_first_and_once() {
        let mut rung = Rung::new(3);
        add(&mut rung, 0, 0.3);
        add(&mut rung, 1, f64::INFINITY);
        assert_eq!(promote(&mut rung), None, "one in three of two is none");
        assert_eq!(rung.best().map(|ended| ended.trial), Some(TrialId(0)));
        add(&mut rung, 2, 0.2);
        assert_eq!(promote(&mut rung), Some(2));
        assert_eq!(promote(&mut rung), None);
        for trial in 3..6 {
            add(&mut rung, trial, 0.1);
        }
        assert_eq!([(); 3].map(|()| promote(&mut rung)), [Some(3), Some(4), None]);
    }

    /// The paper's promotion, written down as it stands there.
    #[test]
    fn who_goes_on_is_who_the_paper_says() {
        for reduction in [2, 3, 5] {
            let mut rng = Seed::from_number(reduction as u64).rng();
            let mut rung = Rung::new(reduction);
            let (mut ended, mut gone_on) = (Vec::new(), HashSet::<u64>::new());
            for trial in 0..600 {
                // Many are equal, and some fail.
                let objective = match rng.below(50) {
                    49 => f64::INFINITY,
                    drawn => drawn as f64,
                };
                add(&mut rung, trial, objective);
                ended.push((objective, trial));
                ended.sort_by(|a: &(f64, u64), b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                assert_eq!(
                    rung.best().map(|best| best.trial.0),
                    (ended[0].0 < f64::INFINITY).then_some(ended[0].1)
                );
                for _ in 0..rng.below(3) {
                    let among = &ended[..ended.len() / reduction];
                    let mut waiting = among
                        .iter()
                        .filter(|(objective, trial)| objective.is_finite() && !gone_on.contains(trial));
                    let expected = waiting.next().map(|(_, trial)| *trial);
                    gone_on.extend(expected);
                    assert_eq!(promote(&mut rung), expected, "after trial {trial}, one in {reduction}");
                }
            }
        }
    }
}
