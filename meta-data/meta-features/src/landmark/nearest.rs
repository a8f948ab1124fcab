//! Each row's nearest neighbour in the other folds: one pass over all pairs serves every fold.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::Skipped;
use crate::deadline::Deadline;

/// Rows in one tile: two tiles of rows and the tile of their products stay in the cache.
const TILE: usize = 256;

/// `[n]`: for each row of `x: [n × d]` the index of the nearest row of another fold; the lower index on a tie.
pub(super) fn outside_own_fold(
    x: &DMatrix<f64>,
    folds: &[usize],
    deadline: Deadline,
) -> Result<Vec<usize>, Skipped> {
    let n = x.nrows();
    let transposed = x.transpose();
    let norms: Vec<f64> = (0..n).map(|row| transposed.column(row).norm_squared()).collect();
    let starts: Vec<usize> = (0..n).step_by(TILE).collect();
    let tiles: Vec<(usize, usize)> =
        starts.iter().flat_map(|&a| starts.iter().filter(move |&&b| b >= a).map(move |&b| (a, b))).collect();
    let merge = |mut a: Vec<u64>, b: Vec<u64>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a = (*a).min(b));
        a
    };
    let best = tiles
        .into_par_iter()
        .try_fold(
            || vec![u64::MAX; n],
            |mut best, (a, b)| {
                deadline.check()?;
                let (n_a, n_b) = (TILE.min(n - a), TILE.min(n - b));
                let products = x.rows(a, n_a) * transposed.columns(b, n_b);
                for (other, products) in (b..).zip(products.column_iter()) {
                    let mut nearest = best[other];
                    let rows = best[a..a + n_a].iter_mut().zip(&norms[a..]).zip(&folds[a..]);
                    for (((best, &norm), &fold), (&product, row)) in
                        rows.zip(products.as_slice().iter().zip(a..))
                    {
                        if fold != folds[other] {
                            let distance = squared_distance(norm, norms[other], product);
                            *best = (*best).min(key(distance, other));
                            nearest = nearest.min(key(distance, row));
                        }
                    }
                    best[other] = best[other].min(nearest);
                }
                Ok(best)
            },
        )
        .try_reduce(|| vec![u64::MAX; n], |a, b| Ok(merge(a, b)))?;
    Ok(best.into_iter().map(|key| (key & u64::from(u32::MAX)) as usize).collect())
}

/// From the norms and the inner product, with the rounding error of equal rows taken off.
fn squared_distance(norm_a: f64, norm_b: f64, product: f64) -> f32 {
    let norms = norm_a + norm_b;
    let distance = norms - 2.0 * product;
    if distance <= 1e-12 * norms { 0.0 } else { distance as f32 }
}

/// Orders by distance, then by index. Single precision makes ties of distances that differ by rounding only, so
/// that the result does not depend on the order in which threads meet the tiles.
fn key(distance: f32, index: usize) -> u64 {
    // Bits of non-negative floats are ordered as the numbers are.
    u64::from(distance.to_bits()) << 32 | index as u64
}
