//! Ranks: the only scale on which different tasks compare.

/// Quantile of each value among all: `(rank − ½) / n` with tied values sharing their mean rank; 0 is the best.
///
/// * `values`: `[n]`, minimised; an infinite one (a failed evaluation) is worse than all others.
///
/// Returns `[n]` in `(0, 1)`.
pub(crate) fn quantiles(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut quantiles = vec![0.0; n];
    let mut begin = 0;
    while begin < n {
        let end = (begin..n).find(|&i| values[order[i]] != values[order[begin]]).unwrap_or(n);
        let quantile = (begin + end) as f64 / (2 * n) as f64;
        order[begin..end].iter().for_each(|&i| quantiles[i] = quantile);
        begin = end;
    }
    quantiles
}

/// The normal score of a quantile: Φ⁻¹.
///
/// Source: Acklam 2003, rational approximation, relative error below 1.2e-9.
pub(crate) fn normal_score(quantile: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / (horner(&D, q) * q + 1.0)
    };
    let p = quantile.clamp(1e-12, 1.0 - 1e-12);
    if p < 0.024_25 {
        tail(p)
    } else if p > 1.0 - 0.024_25 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    }
}

/// The normal distribution function Φ, the inverse of [`normal_score`].
///
/// Source: Abramowitz and Stegun 1964, 7.1.26, absolute error below 1.5e-7: enough for a quantile shown or traded.
pub(crate) fn normal_quantile(score: f64) -> f64 {
    let x = score.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let erfc = poly.iter().fold(0.0, |sum, c| sum * t + c) * t * (-x * x).exp();
    if score < 0.0 { erfc / 2.0 } else { 1.0 - erfc / 2.0 }
}

/// How two rankings of the same things agree.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Agreement {
    /// Pairs in the same order.
    pub(crate) concordant: f64,
    /// Pairs in opposite order; a pair tied in `b` alone counts half in each.
    pub(crate) discordant: f64,
}

impl Agreement {
    /// Counts the pairs of `a` and `b`, `[n]` each; pairs tied in `a` say nothing and are left out.
    #[cfg(test)]
    pub(crate) fn between(a: &[f64], b: &[f64]) -> Self {
        let mut agreement = Self::default();
        for i in 1..a.len() {
            (0..i).for_each(|j| agreement.add([a[i], a[j]], [b[i], b[j]]));
        }
        agreement
    }

    /// Counts one pair more.
    pub(crate) fn add(&mut self, a: [f64; 2], b: [f64; 2]) {
        let (x, y) = (a[0].total_cmp(&a[1]), b[0].total_cmp(&b[1]));
        if x.is_ne() {
            let concordant = if y.is_eq() { 0.5 } else { f64::from(u8::from(x == y)) };
            self.concordant += concordant;
            self.discordant += 1.0 - concordant;
        }
    }

    /// Kendall's τ, −1 to 1; `None` without pairs.
    pub(crate) fn tau(self) -> Option<f64> {
        let pairs = self.concordant + self.discordant;
        (pairs > 0.0).then(|| (self.concordant - self.discordant) / pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tied_values_share_a_quantile_and_failures_come_last() {
        let found = quantiles(&[2.0, f64::INFINITY, 1.0, 2.0]);
        assert_eq!(found, [0.5, 0.875, 0.125, 0.5]);
        assert!(quantiles(&[]).is_empty());
    }

    #[test]
    fn normal_scores_match_tabled_values_and_invert() {
        // Quantiles of the normal distribution from the table in Abramowitz and Stegun 1964, 26.2.
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_963_985), (0.01, -2.326_347_874), (0.001, -3.090_232_306)] {
            assert!((normal_score(p) - z).abs() < 1e-8, "{p}: {}", normal_score(p));
            assert!((normal_quantile(z) - p).abs() < 2e-7, "{z}: {}", normal_quantile(z));
        }
    }

    #[test]
    fn agreement_counts_pairs_as_kendall_does() {
        // One of six pairs is swapped: τ = (5 − 1) / 6.
        let agreement = Agreement::between(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0]);
        assert_eq!(agreement.tau(), Some(4.0 / 6.0));
        assert_eq!(Agreement::between(&[1.0, 1.0], &[1.0, 2.0]).tau(), None);
        assert_eq!(Agreement::between(&[1.0, 2.0], &[1.0, 1.0]).tau(), Some(0.0));
    }
}
