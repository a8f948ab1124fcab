//! Randomness by counter: every number drawn in a run follows from the run's seed, a stream name and a counter,
//! never from the order of calls or from time.

use std::fmt;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 256 bits from which random numbers are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// The root seed of a run from the number in its run file.
    pub fn from_number(number: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Self(bytes).derive("run", 0)
    }

    /// The seed of one use: SHA-256 over this seed, the stream's name and the counter.
    #[must_use]
    pub fn derive(&self, stream: &str, counter: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update((stream.len() as u64).to_le_bytes());
        hasher.update(stream.as_bytes());
        hasher.update(counter.to_le_bytes());
        Self(hasher.finalize().into())
    }

    /// A generator that starts at this seed.
    pub fn rng(&self) -> Rng {
        Rng(Xoshiro256PlusPlus::from_seed(self.0))
    }

    /// The first 64 bits, for programs that take a small seed.
    pub fn as_u64(&self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("eight of 32 bytes"))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({:016x}…)", self.as_u64())
    }
}

/// A generator of random numbers whose draws are part of Heirloom's promise of reproducibility.
///
/// xoshiro256++ with our own maps to ranges: general crates change theirs between versions, and a run must give
/// the same trials for as long as its archive is kept.
#[derive(Debug, Clone)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `[0, 1)`, 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `0..n`, without bias.
    ///
    /// # Panics
    ///
    /// When `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "cannot draw from an empty range");
        // Lemire 2019, "Fast Random Integer Generation in an Interval".
        let n = n as u64;
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as usize
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// One element, uniformly; `None` from an empty slice.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { Some(&items[self.below(items.len())]) }
    }

    /// An index drawn in proportion to `weights`; `None` when they do not sum to a positive finite number.
    pub fn weighted(&mut self, weights: &[f64]) -> Option<usize> {
        let total: f64 = weights.iter().sum();
        if !(total > 0.0 && total.is_finite()) {
            return None;
        }
        let mut left = self.uniform() * total;
        let last_possible = weights.iter().rposition(|&weight| weight > 0.0);
        for (index, &weight) in weights.iter().enumerate() {
            left -= weight;
            if weight > 0.0 && left < 0.0 {
                return Some(index);
            }
        }
        last_possible
    }

    /// Puts the elements into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_counters_give_different_seeds_and_the_same_ones_again() {
        let run = Seed::from_number(7);
        assert_eq!(run.derive("strategy", 3), run.derive("strategy", 3));
        assert_ne!(run.derive("strategy", 3), run.derive("strategy", 4));
        assert_ne!(run.derive("strategy", 3), run.derive("estimator", 3));
        assert_ne!(run, Seed::from_number(8));
    }

    #[test]
    fn below_is_uniform_and_normal_has_unit_variance() {
        let mut rng = Seed::from_number(1).rng();
        let mut counts = [0usize; 7];
        let n = 70_000;
        for _ in 0..n {
            counts[rng.below(7)] += 1;
        }
        // Six degrees of freedom: 22.46 is the 0.999 quantile of chi-squared.
        let chi: f64 = counts.iter().map(|&count| (count as f64 - 1e4).powi(2) / 1e4).sum();
        assert!(chi < 22.46, "{counts:?}");
        let draws: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn weighted_never_draws_a_weight_of_zero() {
        let mut rng = Seed::from_number(2).rng();
        assert!((0..1000).all(|_| rng.weighted(&[0.0, 1.0, 0.0, 3.0, 0.0]).is_some_and(|i| i % 2 == 1)));
        assert_eq!(rng.weighted(&[0.0, 0.0]), None);
        assert_eq!(rng.weighted(&[f64::NAN]), None);
    }
}
