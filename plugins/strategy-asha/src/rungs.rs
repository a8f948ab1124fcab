//! The sizes at which configurations are compared, and who goes on.

use std::collections::HashSet;

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

/// What ended at one size.
#[derive(Debug, Default)]
pub(crate) struct Rung {
    /// The best first; a failed trial stands last, with an infinite objective.
    ended: Vec<Ended>,
    gone_on: HashSet<TrialId>,
}

#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) objective: f64,
    pub(crate) trial: TrialId,
    pub(crate) configuration: Configuration,
}

impl Rung {
    pub(crate) fn insert(&mut self, ended: Ended) {
        let before = |other: &Ended| {
            other.objective.total_cmp(&ended.objective).then(other.trial.cmp(&ended.trial)).is_lt()
        };
        let place = self.ended.partition_point(before);
        self.ended.insert(place, ended);
    }

    pub(crate) fn best(&self) -> Option<&Ended> {
        self.ended.first().filter(|ended| ended.objective.is_finite())
    }

    /// The best trial among the first one in `reduction` that has not gone on yet; it goes on now.
    pub(crate) fn promote(&mut self, reduction: usize) -> Option<Ended> {
        let among = &self.ended[..self.ended.len() / reduction];
        let next = among
            .iter()
            .find(|ended| ended.objective.is_finite() && !self.gone_on.contains(&ended.trial))?
            .clone();
        self.gone_on.insert(next.trial);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn one_in_three_goes_on_the_best_first_and_once() {
        let mut rung = Rung::default();
        let add = |rung: &mut Rung, trial, objective| {
            let configuration = Configuration::new(vec![]);
            rung.insert(Ended { objective, trial: TrialId(trial), configuration });
        };
        add(&mut rung, 0, 0.3);
        add(&mut rung, 1, f64::INFINITY);
        assert!(rung.promote(3).is_none(), "one in three of two is none");
        add(&mut rung, 2, 0.2);
        assert_eq!(rung.promote(3).map(|ended| ended.trial), Some(TrialId(2)));
        assert!(rung.promote(3).is_none());
        for trial in 3..6 {
            add(&mut rung, trial, 0.1);
        }
        assert_eq!(rung.promote(3).map(|ended| ended.trial), Some(TrialId(3)));
        assert_eq!(rung.promote(3).map(|ended| ended.trial), Some(TrialId(4)));
        assert!(rung.promote(3).is_none());
    }
}
