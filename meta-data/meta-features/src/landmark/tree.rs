//! Classification trees (CART) on presorted columns.
//!
//! Each column is sorted once for all folds; a node's rows stay sorted by every column because splits partition
//! the sorted lists stably. Finding a split then costs one pass a column, whatever the number of classes.
//!
//! Source: Breiman, Friedman, Olshen, Stone 1984, "Classification and Regression Trees".

use std::ops::Range;

use nalgebra::DMatrix;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::Problem;
use crate::Skipped;

/// Values nearer than this are one (scikit-learn's `FEATURE_THRESHOLD`).
const SAME: f64 = 1e-7;

/// The row indices in the order of each column's values.
pub(super) fn sort_columns(x: &DMatrix<f64>) -> Vec<Vec<u32>> {
    let sorted = |column: usize| {
        let values = x.column(column);
        let mut rows: Vec<u32> = (0..x.nrows() as u32).collect();
        rows.sort_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
        rows
    };
    (0..x.ncols()).into_par_iter().map(sorted).collect()
}

/// One column that is not constant, at random; none if all are.
pub(super) fn draw_feature(x: &DMatrix<f64>, orders: &[Vec<u32>], seed: [u8; 32]) -> Vec<usize> {
    let varies = |&column: &usize| !is_constant(x.column(column).as_slice(), &orders[column]);
    let features: Vec<usize> = (0..x.ncols()).filter(varies).collect();
    // Far from the draws that the same seed gave to the folds, and well mixed even if the seed is a plain pattern.
    let mut rng = Xoshiro256PlusPlus::from_seed(seed);
    rng.long_jump();
    let index = (u128::from(rng.next_u64()) * features.len() as u128) >> 64;
    features.get(index as usize).copied().into_iter().collect()
}

/// How the impurity of a node follows from its class counts: a sum of `term(count)` over the classes and the total.
#[derive(Clone, Copy, PartialEq)]
enum Criterion {
    Gini,
    Entropy,
}

impl Criterion {
    fn term(self, count: f64) -> f64 {
        match self {
            Criterion::Gini => count * count,
            Criterion::Entropy if count > 0.0 => count * count.ln(),
            Criterion::Entropy => 0.0,
        }
    }

    /// By how much the term grows from `count` to one more.
    fn step(self, count: usize, table: &[f64]) -> f64 {
        match self {
            Criterion::Gini => (2 * count + 1) as f64,
            Criterion::Entropy => table[count + 1] - table[count],
        }
    }

    /// Larger is purer; `terms` is the sum of the classes' terms among `n` rows.
    fn purity(self, terms: f64, n: usize, table: &[f64]) -> f64 {
        match self {
            Criterion::Gini => terms / n as f64,
            Criterion::Entropy => terms - table[n],
        }
    }
}

enum Node {
    Leaf(u32),
    /// Rows up to `threshold` go to the node `left`, others to the one after it.
    Split {
        feature: usize,
        threshold: f64,
        left: usize,
    },
}

/// A grown tree; the root is the first node.
pub(super) struct Tree(Vec<Node>);

struct Split {
    purity: f64,
    feature: usize,
    threshold: f64,
}

/// What is the same for all nodes of one tree.
struct Grower<'a> {
    problem: &'a Problem,
    criterion: Criterion,
    /// `criterion.term` of every count.
    terms: Vec<f64>,
    features: &'a [usize],
    /// For each of `features`, the training rows in its order; a node owns the same range of each.
    orders: Vec<Vec<u32>>,
    goes_left: Vec<bool>,
    scratch: Vec<u32>,
}

impl Tree {
    /// Grown by Gini impurity until every leaf is pure or cannot be split.
    pub(super) fn full(problem: &Problem, rows: &[usize]) -> Result<Tree, Skipped> {
        let features: Vec<usize> = (0..problem.x.ncols()).collect();
        Grower::new(problem, rows, &features, Criterion::Gini).grow(usize::MAX)
    }

    /// One split at most, on one of `features`, by entropy.
    pub(super) fn node(problem: &Problem, rows: &[usize], features: &[usize]) -> Result<Tree, Skipped> {
        Grower::new(problem, rows, features, Criterion::Entropy).grow(1)
    }

    pub(super) fn predict(&self, x: &DMatrix<f64>, rows: &[usize]) -> Vec<u32> {
        let class = |&row: &usize| {
            let mut node = 0;
            loop {
                match self.0[node] {
                    Node::Leaf(class) => return class,
                    Node::Split { feature, threshold, left } => {
                        node = left + usize::from(x[(row, feature)] > threshold)
                    }
                }
            }
        };
        rows.iter().map(class).collect()
    }
}

impl<'a> Grower<'a> {
    fn new(problem: &'a Problem, rows: &[usize], features: &'a [usize], criterion: Criterion) -> Self {
        let mut is_in = vec![false; problem.codes.len()];
        rows.iter().for_each(|&row| is_in[row] = true);
        let own = |order: &Vec<u32>| order.iter().copied().filter(|&row| is_in[row as usize]).collect();
        let orders = if features.is_empty() {
            vec![rows.iter().map(|&row| row as u32).collect()]
        } else {
            features.iter().map(|&feature| own(&problem.orders[feature])).collect()
        };
        let terms = (0..=rows.len()).map(|count| criterion.term(count as f64)).collect();
        let scratch = Vec::with_capacity(rows.len());
        Grower { problem, criterion, terms, features, orders, goes_left: is_in, scratch }
    }

    fn grow(mut self, max_depth: usize) -> Result<Tree, Skipped> {
        let root = 0..self.orders[0].len();
        let mut counts = vec![0; self.problem.n_classes];
        self.orders[0].iter().for_each(|&row| counts[self.problem.codes[row as usize] as usize] += 1);
        let mut nodes = vec![Node::Leaf(majority(&counts))];
        let mut open = vec![Open { node: 0, rows: root, depth: 0, counts }];
        open.retain(|child| child.is_divisible(max_depth));
        while let Some(parent) = open.pop() {
            self.problem.deadline.check()?;
            let Some(split) = self.best_split(parent.rows.clone(), &parent.counts) else { continue };
            let left = nodes.len();
            nodes[parent.node] = Node::Split { feature: split.feature, threshold: split.threshold, left };
            let children = self.divide(&parent, &split, left);
            nodes.extend(children.iter().map(|child| Node::Leaf(majority(&child.counts))));
            if children.iter().any(|child| child.is_divisible(max_depth)) {
                self.partition(parent.rows);
                open.extend(children.into_iter().filter(|child| child.is_divisible(max_depth)));
            }
        }
        Ok(Tree(nodes))
    }

    /// Marks which of the parent's rows go left, and counts both sides.
    fn divide(&mut self, parent: &Open, split: &Split, left: usize) -> [Open; 2] {
        let values = self.problem.x.column(split.feature);
        let mut middle = parent.rows.start;
        let (mut below, mut above) = (vec![0; parent.counts.len()], parent.counts.clone());
        for &row in &self.orders[0][parent.rows.clone()] {
            let goes_left = values[row as usize] <= split.threshold;
            self.goes_left[row as usize] = goes_left;
            if goes_left {
                let class = self.problem.codes[row as usize] as usize;
                below[class] += 1;
                above[class] -= 1;
                middle += 1;
            }
        }
        let depth = parent.depth + 1;
        [
            Open { node: left, rows: parent.rows.start..middle, depth, counts: below },
            Open { node: left + 1, rows: middle..parent.rows.end, depth, counts: above },
        ]
    }

    /// The purest split; the first feature and lowest threshold on a tie.
    fn best_split(&self, range: Range<usize>, counts: &[usize]) -> Option<Split> {
        let mut best: Option<Split> = None;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for (order, &feature) in self.orders.iter().zip(self.features) {
            let values = self.problem.x.column(feature);
            let values = values.as_slice();
            let rows = &order[range.clone()];
            if is_constant(values, rows) {
                continue;
            }
            left.clear();
            left.resize(counts.len(), 0);
            right.clear();
            right.extend_from_slice(counts);
            let mut left_terms = 0.0;
            let mut right_terms: f64 = counts.iter().map(|&count| self.terms[count]).sum();
            let mut value = values[rows[0] as usize];
            for (n_left, pair) in (1..).zip(rows.windows(2)) {
                let class = self.problem.codes[pair[0] as usize] as usize;
                right[class] -= 1;
                left_terms += self.criterion.step(left[class], &self.terms);
                right_terms -= self.criterion.step(right[class], &self.terms);
                left[class] += 1;
                let next = values[pair[1] as usize];
                if next > value + SAME {
                    let purity = self.criterion.purity(left_terms, n_left, &self.terms)
                        + self.criterion.purity(right_terms, rows.len() - n_left, &self.terms);
                    if best.as_ref().is_none_or(|best| purity > best.purity) {
                        best = Some(Split { purity, feature, threshold: midpoint(value, next) });
                    }
                }
                value = next;
            }
        }
        best
    }

    /// Reorders every feature's list so that the rows marked to go left come first.
    ///
    /// Save for features that are constant here, and so in every node below: their lists are not needed in order.
    /// The first list says which rows a node has, and is always kept.
    fn partition(&mut self, range: Range<usize>) {
        for (index, order) in self.orders.iter_mut().enumerate() {
            let rows = &mut order[range.clone()];
            let is_needless =
                |&feature: &usize| index > 0 && is_constant(self.problem.x.column(feature).as_slice(), rows);
            if self.features.get(index).is_some_and(is_needless) {
                continue;
            }
            self.scratch.clear();
            let mut n_left = 0;
            for i in 0..rows.len() {
                let row = rows[i];
                if self.goes_left[row as usize] {
                    rows[n_left] = row;
                    n_left += 1;
                } else {
                    self.scratch.push(row);
                }
            }
            rows[n_left..].copy_from_slice(&self.scratch);
        }
    }
}

/// Whether rows sorted by their values all have the same.
fn is_constant(values: &[f64], rows: &[u32]) -> bool {
    let ends = rows.first().zip(rows.last());
    ends.is_none_or(|(&first, &last)| values[last as usize] <= values[first as usize] + SAME)
}

/// A node that may yet be split.
struct Open {
    node: usize,
    /// Its range of every feature's list.
    rows: Range<usize>,
    depth: usize,
    counts: Vec<usize>,
}

impl Open {
    fn is_divisible(&self, max_depth: usize) -> bool {
        self.depth < max_depth && self.counts.iter().filter(|&&count| count > 0).count() > 1
    }
}

/// Between the two, and below `high` even where rounding would reach it.
fn midpoint(low: f64, high: f64) -> f64 {
    let middle = low + (high - low) / 2.0;
    if middle < high { middle } else { low }
}

fn majority(counts: &[usize]) -> u32 {
    let mut best = 0;
    for (class, &count) in counts.iter().enumerate() {
        if count > counts[best] {
            best = class;
        }
    }
    best as u32
}
