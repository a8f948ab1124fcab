//! Points that fill the unit cube more evenly than independent draws.
//!
//! A Halton sequence, because it needs no table of direction numbers and has as many dimensions as there are
//! primes; scrambled, because the plain one has its points on lines in all but the first dimensions.

use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Fidelity, Observation, Problem, Proposal, Rng, Seed, Space, Strategy,
};

/// Digits are kept until a digit is worth less than one part in this many.
const RESOLUTION: u64 = 1 << 32;

/// The Halton sequence with a random permutation for every digit of every dimension.
///
/// Among the first `b^k` points (and any later block of as many), each interval `[i, i + 1) / b^k` of the
/// dimension with base `b` holds exactly one.
///
/// Source: Owen 2017, "A randomized Halton algorithm in R".
#[derive(Debug, Clone)]
pub struct Halton {
    dimensions: Vec<Dimension>,
}

/// One dimension: the radical inverse in a prime base.
#[derive(Debug, Clone)]
struct Dimension {
    base: u64,
    /// For each digit, lowest first, what stands in its place: `[n_digits][base]`.
    permutations: Vec<Vec<u32>>,
}

impl Halton {
    /// A sequence in `n_dimensions` dimensions; each is scrambled from its own stream of `seed`.
    pub fn new(n_dimensions: usize, seed: Seed) -> Self {
        let dimension = |(index, base)| Dimension::new(base, &mut seed.derive("halton", index).rng());
        Self { dimensions: (0..).zip(primes().take(n_dimensions)).map(dimension).collect() }
    }

    /// Point `index`, `[n_dimensions]`, each coordinate in `(0, 1)`. Points repeat after 2³² and more.
    pub fn point(&self, index: u64) -> Vec<f64> {
        self.dimensions.iter().map(|dimension| dimension.coordinate(index)).collect()
    }
}

impl Dimension {
    fn new(base: u64, rng: &mut Rng) -> Self {
        let n_digits = (1..).find(|&n| base.saturating_pow(n) >= RESOLUTION).expect("2^32 is reached at 32");
        let mut permutation = || {
            let mut digits: Vec<u32> = (0..base as u32).collect();
            rng.shuffle(&mut digits);
            digits
        };
        Self { base, permutations: (0..n_digits).map(|_| permutation()).collect() }
    }

    fn coordinate(&self, mut index: u64) -> f64 {
        let mut coordinate = 0.0;
        let mut worth = 1.0;
        for permutation in &self.permutations {
            worth /= self.base as f64;
            coordinate += worth * f64::from(permutation[(index % self.base) as usize]);
            index /= self.base;
        }
        // The middle of the last digit's interval.
        coordinate + 0.5 * worth
    }
}

fn primes() -> impl Iterator<Item = u64> {
    let mut found: Vec<u64> = Vec::new();
    (2..).filter(move |&n| {
        let prime = found.iter().take_while(|&p| p * p <= n).all(|p| n % p != 0);
        if prime {
            found.push(n);
        }
        prime
    })
}

/// Proposes the points of a [`Halton`] sequence one after another.
///
/// A parameter's coordinate decides its value; coordinates of inactive parameters are not used. A point that the
/// space forbids is replaced by a random draw.
#[derive(Debug)]
pub struct QuasiRandom {
    space: Arc<Space>,
    fidelity: Fidelity,
    n_proposed: u64,
    /// Made at the first ask, which brings the seed.
    halton: Option<Halton>,
}

impl QuasiRandom {
    /// Quasi-random search over `problem`.
    pub fn new(problem: &Problem) -> Self {
        Self {
            space: Arc::clone(&problem.space),
            fidelity: problem.full_fidelity(),
            n_proposed: 0,
            halton: None,
        }
    }
}

impl Strategy for QuasiRandom {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let space = &self.space;
        let halton = self.halton.get_or_insert_with(|| Halton::new(space.parameters().len(), request.seed));
        let mut proposals = Vec::with_capacity(request.n);
        for index in 0..request.n {
            let mut configuration = space.from_unit(&halton.point(self.n_proposed));
            if space.is_forbidden(&configuration) {
                configuration = space
                    .sample(&mut request.rng(index))
                    .map_err(|error| ComponentError::failed(error.to_string()))?;
            }
            proposals.push(Proposal::new(configuration, self.fidelity.clone()));
            self.n_proposed += 1;
        }
        Ok(proposals)
    }

    fn tell(&mut self, _observations: &[Observation]) -> Result<(), ComponentError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_a_power_of_the_base_fills_every_interval_once() {
        let halton = Halton::new(4, Seed::from_number(1));
        for (dimension, (base, k)) in [(2u64, 5), (3, 3), (5, 2), (7, 2)].into_iter().enumerate() {
            let n = base.pow(k);
            for block in 0..4 {
                let mut filled = vec![false; n as usize];
                for index in block * n..(block + 1) * n {
                    filled[(halton.point(index)[dimension] * n as f64) as usize] = true;
                }
                assert!(filled.into_iter().all(|interval| interval), "base {base}, block {block}");
            }
        }
    }

    #[test]
    fn a_hundred_points_are_spread_evenly_in_the_two_hundredth_dimension_too() {
        let halton = Halton::new(250, Seed::from_number(2));
        let points: Vec<_> = (0..100).map(|index| halton.point(index)).collect();
        for dimension in [0, 50, 199, 249] {
            let mean = points.iter().map(|point| point[dimension]).sum::<f64>() / 100.0;
            assert!((mean - 0.5).abs() < 0.1, "dimension {dimension}: {mean}");
        }
        // Unscrambled, neighbouring large bases give a correlation near 1 here.
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for point in &points {
            let (x, y) = (point[248] - 0.5, point[249] - 0.5);
            (xy, xx, yy) = (xy + x * y, xx + x * x, yy + y * y);
        }
        assert!((xy / (xx * yy).sqrt()).abs() < 0.3);
    }

    #[test]
    fn integrals_converge_faster_than_with_independent_draws() {
        // The integral of x₁ x₂ … x₅ · 2⁵ over the unit cube is 1.
        let product = |point: &[f64]| point.iter().map(|x| 2.0 * x).product::<f64>();
        let n = 1_024;
        let squared_error = |estimate: f64| (estimate / n as f64 - 1.0).powi(2);
        let (mut quasi, mut independent) = (0.0, 0.0);
        for seed in 0..20 {
            let seed = Seed::from_number(seed);
            let halton = Halton::new(5, seed);
            let mut rng = seed.rng();
            quasi += squared_error((0..n).map(|index| product(&halton.point(index))).sum());
            independent += squared_error((0..n).map(|_| product(&[0; 5].map(|_| rng.uniform()))).sum());
        }
        assert!(quasi * 20.0 < independent, "{quasi} {independent}");
    }
}
