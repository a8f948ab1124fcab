//! Landmarkers: the accuracy of simple learners, cross-validated.
//!
//! Source: Pfahringer, Bensusan, Giraud-Carrier 2000, "Meta-learning by landmarking various learning algorithms".

mod bayes;
mod discriminant;
mod nearest;
mod tree;

use heirloom_dataset::{Target, stratified_folds};
use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::Skipped;
use crate::deadline::Deadline;
use crate::describe::{Computed, Context};
use crate::encode::{draw_rows, encode};
use crate::pca::eigen_steps;

/// Folds of the cross-validation, as in the auto-sklearn that made the published archives.
const N_FOLDS: usize = 10;

/// What the landmarkers learn: all see the same rows, encoding and folds.
pub(crate) struct Problem {
    /// `[n × d]`, standardised.
    x: DMatrix<f64>,
    /// `[n]`, below `n_classes`.
    codes: Vec<u32>,
    n_classes: usize,
    /// `[n]`, below `n_folds`.
    folds: Vec<usize>,
    n_folds: usize,
    /// For each column the rows in the order of its values, which all trees start from.
    orders: Vec<Vec<u32>>,
    deadline: Deadline,
}

/// Row indices of one fold's two sides.
struct Fold {
    train: Vec<usize>,
    test: Vec<usize>,
}

impl Problem {
    fn new(context: &Context<'_>) -> Result<Problem, Skipped> {
        let Target::Classes { codes, names } = context.data.target() else {
            return Err(Skipped::NotClassification);
        };
        let rows = draw_rows(context.data, context.options.landmark_rows, context.options.seed)?;
        let x = encode(context.data, &rows);
        let n_folds = N_FOLDS.min(rows.len());
        if n_folds < 2 || x.ncols() == 0 {
            return Err(Skipped::Undefined);
        }
        let orders = tree::sort_columns(&x);
        let codes: Vec<u32> = rows.iter().map(|&row| codes[row]).collect();
        let folds = stratified_folds(&codes, names.len(), n_folds, context.options.seed);
        Ok(Problem { x, codes, n_classes: names.len(), folds, n_folds, orders, deadline: context.deadline })
    }

    fn fold(&self, index: usize) -> Fold {
        let (test, train) = (0..self.codes.len()).partition(|&row| self.folds[row] == index);
        Fold { train, test }
    }

    /// How many steps it takes to look at every cell in every fold once.
    fn n_steps(&self) -> f64 {
        self.x.len() as f64 * self.n_folds as f64
    }

    /// Mean accuracy over the folds of the classes that `predict` gives for each fold's test rows.
    fn accuracy(&self, predict: impl Fn(&Fold) -> Result<Vec<u32>, Skipped> + Sync) -> Computed {
        let accuracies: Vec<f64> = (0..self.n_folds)
            .into_par_iter()
            .map(|index| {
                self.deadline.check()?;
                let fold = self.fold(index);
                let predicted = predict(&fold)?;
                let hits = predicted
                    .iter()
                    .zip(&fold.test)
                    .filter(|(class, row)| **class == self.codes[**row])
                    .count();
                Ok(hits as f64 / fold.test.len() as f64)
            })
            .collect::<Result<_, Skipped>>()?;
        Ok(vec![accuracies.iter().sum::<f64>() / accuracies.len() as f64])
    }
}

fn problem<'a>(context: &'a Context<'_>) -> Result<&'a Problem, Skipped> {
    if let Some(problem) = context.problem.get() {
        return Ok(problem);
    }
    let problem = Problem::new(context)?;
    Ok(context.problem.get_or_init(|| problem))
}

/// A tree of one node, split on a feature drawn at random, the same for all folds.
pub(crate) fn random_node(context: &Context<'_>) -> Computed {
    let problem = problem(context)?;
    context.deadline.allows(4.0 * problem.codes.len() as f64 * problem.n_folds as f64)?;
    let features = tree::draw_feature(&problem.x, &problem.orders, context.options.seed);
    problem.accuracy(|fold| {
        Ok(tree::Tree::node(problem, &fold.train, &features)?.predict(&problem.x, &fold.test))
    })
}

/// A tree of one node, split where the entropy falls most.
pub(crate) fn decision_node(context: &Context<'_>) -> Computed {
    let problem = problem(context)?;
    context.deadline.allows(4.0 * problem.n_steps())?;
    let features: Vec<usize> = (0..problem.x.ncols()).collect();
    problem.accuracy(|fold| {
        Ok(tree::Tree::node(problem, &fold.train, &features)?.predict(&problem.x, &fold.test))
    })
}

/// A full-grown CART tree.
pub(crate) fn decision_tree(context: &Context<'_>) -> Computed {
    let problem = problem(context)?;
    // Every cell is looked at once a level.
    context.deadline.allows(5.0 * problem.n_steps() * (problem.codes.len() as f64).log2())?;
    problem.accuracy(|fold| Ok(tree::Tree::full(problem, &fold.train)?.predict(&problem.x, &fold.test)))
}

/// Gaussian naive Bayes.
pub(crate) fn naive_bayes(context: &Context<'_>) -> Computed {
    let problem = problem(context)?;
    context.deadline.allows(problem.n_steps() * (1.0 + problem.n_classes as f64 / problem.n_folds as f64))?;
    problem.accuracy(|fold| Ok(bayes::predict(problem, fold)))
}

/// Linear discriminant analysis.
pub(crate) fn lda(context: &Context<'_>) -> Computed {
    let problem = problem(context)?;
    context.deadline.allows(problem.n_folds as f64 * eigen_steps(&problem.x))?;
    problem.accuracy(|fold| discriminant::predict(problem, fold))
}

/// The nearest neighbour of the training rows, by Euclidean distance.
pub(crate) fn nearest_neighbour(context: &Context<'_>) -> Computed {
    let problem = problem(context)?;
    let neighbours = nearest::outside_own_fold(&problem.x, &problem.folds, context.deadline)?;
    problem.accuracy(|fold| Ok(fold.test.iter().map(|&row| problem.codes[neighbours[row]]).collect()))
}
