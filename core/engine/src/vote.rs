//! The vote of proxies: their scores brought to one, by their places among those of random configurations.

use std::sync::Arc;

use heirloom_model::{ComponentError, Configuration, Direction, Proxy, Seed, Space};

/// A filter by what the run's proxies say together, after each has had its own word.
///
/// In a large batch of random configurations a vote ranks as the weighted sum of ranks does; one configuration alone
/// has a vote too, and the same one in every batch. Abdelfattah et al. 2021.
#[derive(Debug, Clone, PartialEq)]
pub struct Vote {
    /// How much each proxy's place counts, `[p]`, in the order of the filters: below 0 it is turned round, with 0 it
    /// is not heard.
    pub weights: Vec<f64>,
    /// Among the scores of how many random configurations a score is placed.
    pub n_references: usize,
    /// The share of proposals that pass, `0 < keep <= 1`; 1 records votes and filters nothing.
    pub keep: f64,
}

/// The name under which votes are recorded.
pub(crate) const VOTE: &str = "vote";

/// What proxies say of random configurations: by these a score has a place.
#[derive(Debug, Clone)]
pub struct References {
    places: Vec<Places>,
}

impl References {
    /// The scores that `proxies` give `n` random configurations of `space`.
    pub fn draw(
        proxies: &[Arc<dyn Proxy>],
        space: &Space,
        n: usize,
        seed: Seed,
    ) -> Result<Self, ComponentError> {
        let mut rng = seed.derive("references", 0).rng();
        let drawn: Result<Vec<Configuration>, _> = (0..n).map(|_| space.sample(&mut rng)).collect();
        let drawn = drawn.map_err(|error| ComponentError::failed(error.to_string()))?;
        let of_proxy = |proxy: &Arc<dyn Proxy>| {
            let mut scores = vec![f64::NAN; drawn.len()];
            proxy.score(&drawn, seed, &mut scores)?;
            Ok((proxy.info().direction, scores))
        };
        Ok(Self::of(proxies.iter().map(of_proxy).collect::<Result<Vec<_>, ComponentError>>()?))
    }

    /// Scores that are known, `[n]` of each proxy, and which of them are good.
    pub fn of(scores: impl IntoIterator<Item = (Direction, Vec<f64>)>) -> Self {
        let places = scores.into_iter().map(|(direction, scores)| Places::new(direction, scores));
        Self { places: places.collect() }
    }

    /// The weighted mean of the places, 0 to 1, of one configuration's `scores`, `[p]` as `weights`. What a proxy
    /// cannot judge (NaN) it speaks against; NaN where none that is heard can.
    pub fn vote(&self, weights: &[f64], scores: &[f64]) -> f64 {
        let (mut sum, mut total, mut is_known) = (0.0, 0.0, false);
        for ((places, &weight), &score) in self.places.iter().zip(weights).zip(scores) {
            total += weight.abs();
            if weight != 0.0 && !score.is_nan() {
                is_known = true;
                let place = places.place(score);
                sum += weight.abs() * if weight < 0.0 { 1.0 - place } else { place };
            }
        }
        if is_known { sum / total } else { f64::NAN }
    }
}

/// Scores in ascending order, turned so that larger ones are better.
#[derive(Debug, Clone)]
struct Places {
    sign: f64,
    sorted: Vec<f64>,
    /// How many scores there are, with those that are NaN: they stand below all others.
    n: usize,
}

impl Places {
    fn new(direction: Direction, scores: Vec<f64>) -> Self {
        let sign = match direction {
            Direction::Maximise => 1.0,
            Direction::Minimise => -1.0,
        };
        let n = scores.len();
        let mut sorted: Vec<f64> =
            scores.into_iter().filter(|score| !score.is_nan()).map(|score| score * sign).collect();
        sorted.sort_by(f64::total_cmp);
        Self { sign, sorted, n }
    }

    /// Where `score` falls, from 0 to 1, the better the higher. Between two of the scores it is interpolated; beyond
    /// the last ones it goes on, ever more slowly, so that the order is kept.
    fn place(&self, score: f64) -> f64 {
        let score = score * self.sign;
        let (Some(&low), Some(&high)) = (self.sorted.first(), self.sorted.last()) else { return 0.5 };
        let (below, steps) = ((self.n - self.sorted.len()) as f64, self.n as f64 + 1.0);
        let spread = if high > low { high - low } else { 1.0 };
        let beyond = |distance: f64| distance / (distance + spread);
        let rank = if score < low {
            1.0 - beyond(low - score)
        } else if score > high {
            self.sorted.len() as f64 + beyond(score - high)
        } else {
            // Equal scores share the middle of their places.
            let first = self.sorted.partition_point(|&other| other < score);
            let after = self.sorted.partition_point(|&other| other <= score);
            if after > first {
                (first + 1 + after) as f64 / 2.0
            } else {
                let (left, right) = (self.sorted[first - 1], self.sorted[first]);
                first as f64 + (score - left) / (right - left)
            }
        };
        (below + rank) / steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vote_of_one_ranks_as_that_one_does() {
        let scores = [3.0, -1.0, 8.0, 3.5, 1e9, -1e9, 0.0];
        for (direction, weight, sign) in [
            (Direction::Maximise, 1.0, 1.0),
            (Direction::Minimise, 0.5, -1.0),
            (Direction::Maximise, -2.0, -1.0),
        ] {
            let references = References::of([(direction, vec![0.0, 4.0, f64::NAN, 1.0])]);
            let votes = scores.map(|score| references.vote(&[weight], &[score]));
            assert!(votes.iter().all(|vote| (0.0..=1.0).contains(vote)), "{votes:?}");
            for (i, j) in (0..7).flat_map(|i| (0..7).map(move |j| (i, j))) {
                let (a, b) = (scores[i] * sign, scores[j] * sign);
                assert!(a <= b || votes[i] > votes[j], "{scores:?} {votes:?}");
            }
        }
    }

    #[test]
    fn places_are_averaged_by_their_weights_and_what_cannot_be_judged_is_spoken_against() {
        let numbers = || vec![1.0, 2.0, 3.0];
        let references = References::of([(Direction::Maximise, numbers()), (Direction::Minimise, numbers())]);
        // Places are multiples of a quarter here.
        assert_eq!(references.vote(&[1.0, 1.0], &[3.0, 3.0]), 0.5);
        assert_eq!(references.vote(&[3.0, 1.0], &[3.0, 3.0]), (3.0 * 0.75 + 0.25) / 4.0);
        assert_eq!(references.vote(&[1.0, 1.0], &[3.0, f64::NAN]), 0.375);
        assert_eq!(references.vote(&[1.0, 0.0], &[3.0, f64::NAN]), 0.75);
        assert!(references.vote(&[0.0, 1.0], &[3.0, f64::NAN]).is_nan());
        assert!(references.vote(&[0.0, 0.0], &[3.0, 3.0]).is_nan());
    }
}
