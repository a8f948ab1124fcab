//! Student's quantiles: how far the mean of a few values may be from what it stands for.

/// How many standard errors the 95 % interval of a mean of `n` values reaches to either side.
///
/// Beyond ten values these are the first terms of Cornish's and Fisher's expansion, right to 0.003.
pub fn half_width(n: usize) -> f64 {
    const QUANTILES: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
    let freedom = n.saturating_sub(1).max(1);
    let beyond = |freedom: f64| 1.960 + (2.372 + 2.823 / freedom) / freedom;
    QUANTILES.get(freedom - 1).copied().unwrap_or_else(|| beyond(freedom as f64))
}

/// By how many standard errors the mean of `n` values is taken to be too high, with a confidence of 99.5 %; right up to
/// 32 values. Of fewer than eight no more is asked than of eight: advice that is mere noise is one random trial for
/// another.
pub(crate) fn one_sided(n: usize) -> f64 {
    const MIN_FREEDOM: usize = 7;
    const QUANTILES: [f64; 25] = [
        3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878, 2.861, 2.845,
        2.831, 2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763, 2.756, 2.750, 2.744,
    ];
    let place = n.saturating_sub(1).saturating_sub(MIN_FREEDOM);
    QUANTILES[place.min(QUANTILES.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::{half_width, one_sided};

    #[test]
    fn quantiles_are_those_of_printed_tables() {
        // Two-sided 95 %, by degrees of freedom: Student's table as statistics books print it.
        let printed =
            [(1, 12.706), (4, 2.776), (9, 2.262), (10, 2.228), (15, 2.131), (30, 2.042), (120, 1.980)];
        for (freedom, quantile) in printed {
            assert!((half_width(freedom + 1) - quantile).abs() < 0.003, "{freedom}");
        }
        assert!((half_width(1_000_000) - 1.96).abs() < 1e-4);
    }

    #[test]
    fn one_sided_quantiles_are_those_of_printed_tables_and_the_ends_hold_beyond() {
        // One-sided 99.5 %, by degrees of freedom, from the same tables.
        for (freedom, quantile) in [(7, 3.499), (8, 3.355), (14, 2.977), (20, 2.845), (30, 2.750)] {
            assert_eq!(one_sided(freedom + 1), quantile, "{freedom}");
        }
        assert_eq!([0, 1, 7].map(one_sided), [one_sided(8); 3]);
        assert_eq!(one_sided(1_000), one_sided(32));
    }
}
