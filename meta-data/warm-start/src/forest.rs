//! Extremely randomised trees: a small regression ensemble that needs no tuning and gives the same answer twice.
//!
//! It stands in for a past task where that task's archive has no evaluation of a configuration, and learns which
//! meta-features tell tasks apart that behave differently.
//!
//! Source: Geurts, Ernst, Wehenkel 2006, "Extremely randomized trees".

use std::ops::Range;

use heirloom_model::{Rng, Seed};
use rayon::prelude::*;

/// How an ensemble is grown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growth {
    /// M in the paper.
    pub(crate) n_trees: u64,
    /// n_min in the paper: fewer rows than these are not split.
    pub(crate) n_min: usize,
}

/// A fitted ensemble.
#[derive(Debug, Clone)]
pub(crate) struct Forest {
    trees: Vec<Tree>,
}

#[derive(Debug, Clone)]
struct Tree {
    nodes: Vec<Node>,
    /// The rows that it was fitted to, leaf by leaf.
    rows: Vec<u32>,
}

#[derive(Debug, Clone)]
enum Node {
    /// Its part of the tree's rows.
    Leaf(Range<u32>),
    Split {
        feature: usize,
        threshold: f64,
        left: usize,
        right: usize,
    },
}

impl Forest {
    /// Fits `targets` `[n][k]`, row by row, at `points` `[n][d]`; `n > 0`, all values finite.
    pub(crate) fn fit(points: &[Vec<f64>], targets: &[f64], growth: Growth, seed: Seed) -> Self {
        let grow = |tree: u64| {
            let width = targets.len() / points.len();
            let rng = seed.derive("tree", tree).rng();
            let mut builder = Builder { points, targets, width, n_min: growth.n_min, rng, nodes: Vec::new() };
            let mut rows: Vec<u32> = (0..points.len() as u32).collect();
            builder.grow(&mut rows, 0);
            Tree { nodes: builder.nodes, rows }
        };
        Self { trees: (0..growth.n_trees).into_par_iter().map(grow).collect() }
    }

    /// The mean over trees of the mean of `targets` `[n]` in the leaf of `point` `[d]`.
    pub(crate) fn predict(&self, point: &[f64], targets: &[f64]) -> f64 {
        let of_tree = |tree: &Tree| {
            let leaf = tree.leaf(point);
            leaf.iter().map(|&row| targets[row as usize]).sum::<f64>() / leaf.len() as f64
        };
        self.trees.iter().map(of_tree).sum::<f64>() / self.trees.len() as f64
    }

    /// What each of the `n` rows counts in the prediction at `point` `[d]`: `[n]`, summing to 1.
    pub(crate) fn influence(&self, point: &[f64], n: usize) -> Vec<f64> {
        let mut influence = vec![0.0; n];
        for tree in &self.trees {
            let leaf = tree.leaf(point);
            let share = 1.0 / (leaf.len() * self.trees.len()) as f64;
            leaf.iter().for_each(|&row| influence[row as usize] += share);
        }
        influence
    }
}

impl Tree {
    /// The rows in the leaf of `point`.
    fn leaf(&self, point: &[f64]) -> &[u32] {
        let mut place = 0;
        loop {
            match &self.nodes[place] {
                Node::Leaf(rows) => return &self.rows[rows.start as usize..rows.end as usize],
                Node::Split { feature, threshold, left, right } => {
                    place = if point[*feature] < *threshold { *left } else { *right };
                }
            }
        }
    }
}

struct Builder<'a> {
    points: &'a [Vec<f64>],
    targets: &'a [f64],
    /// Targets a row.
    width: usize,
    n_min: usize,
    rng: Rng,
    nodes: Vec<Node>,
}

impl Builder<'_> {
    /// Grows the subtree of `rows`, which begin at `first` among all, and returns its root's place.
    fn grow(&mut self, rows: &mut [u32], first: u32) -> usize {
        let place = self.nodes.len();
        self.nodes.push(Node::Leaf(first..first + rows.len() as u32));
        if rows.len() < self.n_min {
            return place;
        }
        if let Some((feature, threshold)) = self.best_split(rows) {
            let value = |row: u32| self.points[row as usize][feature];
            rows.sort_unstable_by_key(|&row| (value(row) >= threshold, row));
            let middle = rows.partition_point(|&row| value(row) < threshold);
            let (low, high) = rows.split_at_mut(middle);
            let (left, right) = (self.grow(low, first), self.grow(high, first + middle as u32));
            self.nodes[place] = Node::Split { feature, threshold, left, right };
        }
        place
    }

    /// One random threshold for each of K = √d features that vary; the one that lowers the squared error most.
    /// Few features a split decorrelate the trees: their mean follows interactions of choices that a greedier tree
    /// misses (on cells of operations √d ranks the unseen best far better than the paper's K = d for regression).
    fn best_split(&mut self, rows: &[u32]) -> Option<(usize, f64)> {
        let mut best: Option<(f64, usize, f64)> = None;
        let mut features: Vec<usize> = (0..self.points[rows[0] as usize].len()).collect();
        self.rng.shuffle(&mut features);
        let [mut low_sums, mut high_sums] = [(); 2].map(|()| vec![0.0; self.width]);
        let mut n_left = (features.len() as f64).sqrt().ceil() as usize;
        for feature in features {
            let values = rows.iter().map(|&row| self.points[row as usize][feature]);
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
            let mut n_low = 0.0;
            low_sums.fill(0.0);
            high_sums.fill(0.0);
            for &row in rows {
                let row = row as usize;
                let is_low = self.points[row][feature] < threshold;
                n_low += f64::from(u8::from(is_low));
                let targets = &self.targets[row * self.width..(row + 1) * self.width];
                let sums = if is_low { &mut low_sums } else { &mut high_sums };
                sums.iter_mut().zip(targets).for_each(|(sum, target)| *sum += target);
            }
            // Between-group sum of squares, up to a constant: largest where the error within is smallest.
            let n_high = rows.len() as f64 - n_low;
            let squares = low_sums.iter().zip(&high_sums);
            let score: f64 = squares.map(|(low, high)| low * low / n_low + high * high / n_high).sum();
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

    const GROWN_OUT: Growth = Growth { n_trees: 50, n_min: 2 };

    #[test]
    fn a_forest_ranks_unseen_points_of_a_smooth_function() {
        let mut rng = Seed::from_number(3).rng();
        let mut draw =
            |n: usize| -> Vec<Vec<f64>> { (0..n).map(|_| (0..4).map(|_| rng.uniform()).collect()).collect() };
        let truth = |x: &[f64]| (x[0] - 0.3).powi(2) + 0.5 * x[1] * x[2];
        let (train, test) = (draw(200), draw(100));
        let targets: Vec<f64> = train.iter().map(|x| truth(x)).collect();
        let forest = Forest::fit(&train, &targets, GROWN_OUT, Seed::from_number(0));
        let predicted: Vec<f64> = test.iter().map(|x| forest.predict(x, &targets)).collect();
        let actual: Vec<f64> = test.iter().map(|x| truth(x)).collect();
        let tau = crate::rank::Agreement::between(&actual, &predicted).tau().unwrap();
        assert!(tau > 0.75, "{tau}");
        let again = Forest::fit(&train, &targets, GROWN_OUT, Seed::from_number(0));
        assert!(test.iter().zip(&predicted).all(|(x, &value)| again.predict(x, &targets) == value));
    }

    #[test]
    fn constant_points_and_single_rows_give_the_mean() {
        let targets = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let forest = Forest::fit(&vec![vec![1.0]; 6], &targets, GROWN_OUT, Seed::from_number(0));
        assert_eq!(forest.predict(&[9.0], &targets), 2.5);
        assert_eq!(
            Forest::fit(&[vec![0.0]], &[7.0], GROWN_OUT, Seed::from_number(0)).predict(&[1.0], &[7.0]),
            7.0
        );
    }

    #[test]
    fn of_many_features_the_one_that_any_of_several_targets_follows_decides_who_counts() {
        let mut rng = Seed::from_number(5).rng();
        let points: Vec<Vec<f64>> = (0..100).map(|_| (0..9).map(|_| rng.uniform()).collect()).collect();
        // Two targets: noise, and what the fifth feature decides.
        let noise: Vec<f64> = points.iter().map(|_| rng.uniform()).collect();
        let targets: Vec<f64> = points
            .iter()
            .zip(noise)
            .flat_map(|(x, noise)| [noise, if x[4] < 0.5 { 0.0 } else { 3.0 }])
            .collect();
        let forest = Forest::fit(&points, &targets, Growth { n_trees: 100, n_min: 10 }, Seed::from_number(0));
        let influence = forest.influence(&[0.5, 0.5, 0.5, 0.5, 0.2, 0.5, 0.5, 0.5, 0.5], points.len());
        let alike: f64 = influence.iter().zip(&points).filter(|(_, x)| x[4] < 0.5).map(|(w, _)| w).sum();
        assert!((influence.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(alike > 0.8, "{alike}");
    }
}
