//! Extremely randomised trees: a small regression surrogate that needs no tuning and gives the same answer twice.
//!
//! It stands in for a past task where that task's archive has no evaluation of a configuration.
//!
//! Source: Geurts, Ernst, Wehenkel 2006, "Extremely randomized trees".

use heirloom_model::{Rng, Seed};
use rayon::prelude::*;

/// M in the paper, where more than a hundred trees hardly gain; predictions are averaged, half of them suffice for
/// ranks.
const N_TREES: usize = 50;

/// n_min in the paper: trees are grown out, for a past task's measurements are mostly repeatable.
const MIN_SPLIT: usize = 2;

/// A fitted ensemble.
#[derive(Debug, Clone)]
pub(crate) struct Forest {
    trees: Vec<Tree>,
}

#[derive(Debug, Clone)]
struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
enum Node {
    Leaf { value: f64 },
    Split { feature: usize, threshold: f64, left: usize, right: usize },
}

impl Forest {
    /// Fits `targets` `[n]` at `points` `[n][d]`; `n > 0`, all values finite.
    pub(crate) fn fit(points: &[Vec<f64>], targets: &[f64], seed: Seed) -> Self {
        let grow = |tree: u64| {
            let mut builder =
                Builder { points, targets, rng: seed.derive("tree", tree).rng(), nodes: Vec::new() };
            builder.grow(&mut (0..points.len()).collect::<Vec<_>>());
            Tree { nodes: builder.nodes }
        };
        Self { trees: (0..N_TREES as u64).into_par_iter().map(grow).collect() }
    }

    /// The mean over trees at `point` `[d]`.
    pub(crate) fn predict(&self, point: &[f64]) -> f64 {
        self.trees.iter().map(|tree| tree.predict(point)).sum::<f64>() / self.trees.len() as f64
    }
}

impl Tree {
    fn predict(&self, point: &[f64]) -> f64 {
        let mut place = 0;
        loop {
            match self.nodes[place] {
                Node::Leaf { value } => return value,
                Node::Split { feature, threshold, left, right } => {
                    place = if point[feature] < threshold { left } else { right };
                }
            }
        }
    }
}

struct Builder<'a> {
    points: &'a [Vec<f64>],
    targets: &'a [f64],
    rng: Rng,
    nodes: Vec<Node>,
}

impl Builder<'_> {
    /// Grows the subtree of `rows` and returns its root's place.
    fn grow(&mut self, rows: &mut [usize]) -> usize {
        let place = self.nodes.len();
        let n = rows.len() as f64;
        let value = rows.iter().map(|&row| self.targets[row]).sum::<f64>() / n;
        self.nodes.push(Node::Leaf { value });
        if rows.len() < MIN_SPLIT {
            return place;
        }
        if let Some((feature, threshold)) = self.best_split(rows) {
            rows.sort_unstable_by_key(|&row| (self.points[row][feature] >= threshold, row));
            let middle = rows.partition_point(|&row| self.points[row][feature] < threshold);
            let (low, high) = rows.split_at_mut(middle);
            let (left, right) = (self.grow(low), self.grow(high));
            self.nodes[place] = Node::Split { feature, threshold, left, right };
        }
        place
    }

    /// One random threshold for each of K = √d features that vary; the one that lowers the squared error most.
    /// Few features a split decorrelate the trees: their mean follows interactions of choices that a greedier tree
    /// misses (on cells of operations √d ranks the unseen best far better than the paper's K = d for regression).
    fn best_split(&mut self, rows: &[usize]) -> Option<(usize, f64)> {
        let mut best: Option<(f64, usize, f64)> = None;
        let mut features: Vec<usize> = (0..self.points[rows[0]].len()).collect();
        self.rng.shuffle(&mut features);
        let mut n_left = (features.len() as f64).sqrt().ceil() as usize;
        for feature in features {
            let values = rows.iter().map(|&row| self.points[row][feature]);
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            if low >= high {
                continue;
            }
            if n_left == 0 {
                break;
            }
            n_left -= 1;
            let threshold = high - self.rng.uniform() * (high - low);
            let (mut n_low, mut low_sum, mut high_sum) = (0.0, 0.0, 0.0);
            for &row in rows {
                if self.points[row][feature] < threshold {
                    n_low += 1.0;
                    low_sum += self.targets[row];
                } else {
                    high_sum += self.targets[row];
                }
            }
            // Between-group sum of squares, up to a constant: largest where the error within is smallest.
            let score = low_sum * low_sum / n_low + high_sum * high_sum / (rows.len() as f64 - n_low);
            if best.is_none_or(|(found, ..)| score > found) {
                best = Some((score, feature, threshold));
            }
        }
        best.map(|(_, feature, threshold)| (feature, threshold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forest_ranks_unseen_points_of_a_smooth_function() {
        let mut rng = Seed::from_number(3).rng();
        let mut draw =
            |n: usize| -> Vec<Vec<f64>> { (0..n).map(|_| (0..4).map(|_| rng.uniform()).collect()).collect() };
        let truth = |x: &[f64]| (x[0] - 0.3).powi(2) + 0.5 * x[1] * x[2];
        let (train, test) = (draw(200), draw(100));
        let targets: Vec<f64> = train.iter().map(|x| truth(x)).collect();
        let forest = Forest::fit(&train, &targets, Seed::from_number(0));
        let predicted: Vec<f64> = test.iter().map(|x| forest.predict(x)).collect();
        let actual: Vec<f64> = test.iter().map(|x| truth(x)).collect();
        let tau = crate::rank::Agreement::between(&actual, &predicted).tau().unwrap();
        assert!(tau > 0.75, "{tau}");
        let again = Forest::fit(&train, &targets, Seed::from_number(0));
        assert!(test.iter().zip(&predicted).all(|(x, &value)| again.predict(x) == value));
    }

    #[test]
    fn constant_points_and_single_rows_give_the_mean() {
        let forest = Forest::fit(&vec![vec![1.0]; 6], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], Seed::from_number(0));
        assert_eq!(forest.predict(&[9.0]), 2.5);
        assert_eq!(Forest::fit(&[vec![0.0]], &[7.0], Seed::from_number(0)).predict(&[1.0]), 7.0);
    }
}
