//! Student's quantiles: what intervals of a few seeds' means are made of.

/// How many standard errors the 95 % interval of a mean of `n` values reaches to either side.
///
/// Beyond ten values these are the first terms of Cornish's and Fisher's expansion, right to 0.003.
pub fn half_width(n: usize) -> f64 {
    const QUANTILES: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
    let freedom = n.saturating_sub(1).max(1);
    let beyond = |freedom: f64| 1.960 + (2.372 + 2.823 / freedom) / freedom;
    QUANTILES.get(freedom - 1).copied().unwrap_or_else(|| beyond(freedom as f64))
}

#[cfg(test)]
mod tests {
    use super::half_width;

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
}
