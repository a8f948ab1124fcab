//! Seeded, stratified splits. The same seed and data give the same split on every machine.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::{Dataset, Error, Result, Target};

/// Row indices of the three parts, each in ascending order; together every row once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on; never empty.
    pub train: Vec<usize>,
    /// Rows to choose configurations by.
    pub valid: Vec<usize>,
    /// Rows to report on.
    pub test: Vec<usize>,
}

impl Dataset {
    /// Holds out these fractions (rounded down) for validation and test, each class in its proportion.
    ///
    /// Errors with [`Error::BadFractions`] unless both are in 0..1 and their sum is below 1.
    pub fn split(&self, valid_fraction: f64, test_fraction: f64, seed: [u8; 32]) -> Result<Split> {
        let usable = |fraction: f64| (0.0..1.0).contains(&fraction);
        if !usable(valid_fraction) || !usable(test_fraction) || valid_fraction + test_fraction >= 1.0 {
            return Err(Error::BadFractions { valid: valid_fraction, test: test_fraction });
        }
        let count = |fraction: f64| (fraction * self.n_rows() as f64) as usize;
        let mut strata = match self.target() {
            Target::Classes { codes, names } => rows_by_class(codes, names.len()),
            _ => vec![(0..self.n_rows()).collect()],
        };
        shuffle_each(&mut strata, seed);
        let test = hold_out(&mut strata, count(test_fraction));
        let valid = hold_out(&mut strata, count(valid_fraction));
        let mut train = strata.concat();
        train.sort_unstable();
        Ok(Split { train, valid, test })
    }
}

/// The numbers below `n_rows` in an order drawn from `seed`.
pub fn shuffled_rows(n_rows: usize, seed: [u8; 32]) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..n_rows).collect();
    shuffle(&mut rows, &mut generator(seed));
    rows
}

/// Deals rows to `n_folds` folds, each class evenly; returns the fold of each row.
///
/// * `codes`: `[n]`, class indices below `n_classes`.
pub fn stratified_folds(codes: &[u32], n_classes: usize, n_folds: usize, seed: [u8; 32]) -> Vec<usize> {
    let mut strata = rows_by_class(codes, n_classes);
    shuffle_each(&mut strata, seed);
    let mut folds = vec![0; codes.len()];
    // The deal goes on from class to class, so that folds differ by at most one row.
    for (turn, row) in strata.into_iter().flatten().enumerate() {
        folds[row] = turn % n_folds;
    }
    folds
}

fn rows_by_class(codes: &[u32], n_classes: usize) -> Vec<Vec<usize>> {
    let mut strata = vec![Vec::new(); n_classes];
    codes.iter().enumerate().for_each(|(row, &code)| strata[code as usize].push(row));
    strata
}

/// Jumps ahead first: the first draws of a seed with a plain pattern, such as `[7; 32]`, are not random.
fn generator(seed: [u8; 32]) -> Xoshiro256PlusPlus {
    let mut rng = Xoshiro256PlusPlus::from_seed(seed);
    rng.jump();
    rng
}

fn shuffle_each(strata: &mut [Vec<usize>], seed: [u8; 32]) {
    let mut rng = generator(seed);
    strata.iter_mut().for_each(|rows| shuffle(rows, &mut rng));
}

fn shuffle(rows: &mut [usize], rng: &mut Xoshiro256PlusPlus) {
    for last in (1..rows.len()).rev() {
        // The high half of a 64 × 64 bit product: uniform up to 2^-64 times the length.
        let other = (u128::from(rng.next_u64()) * (last as u128 + 1)) >> 64;
        rows.swap(last, other as usize);
    }
}

/// Takes `count` rows off the strata, in proportion to their sizes by largest remainder.
fn hold_out(strata: &mut [Vec<usize>], count: usize) -> Vec<usize> {
    let total: usize = strata.iter().map(Vec::len).sum();
    if count == 0 {
        return Vec::new();
    }
    let mut quotas: Vec<usize> = strata.iter().map(|rows| rows.len() * count / total).collect();
    let mut by_remainder: Vec<usize> = (0..strata.len()).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(strata[class].len() * count % total));
    let missing = count - quotas.iter().sum::<usize>();
    by_remainder.into_iter().take(missing).for_each(|class| quotas[class] += 1);
    let mut held: Vec<usize> =
        strata.iter_mut().zip(quotas).flat_map(|(rows, quota)| rows.split_off(rows.len() - quota)).collect();
    held.sort_unstable();
    held
}
