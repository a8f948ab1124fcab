//! One measured figure.

use heirloom_warm_start::student;
use serde::Serialize;

/// A row of the table of figures.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The figure's id, such as `nb201.c10.random.100`.
    pub id: String,
    /// The measured value: a mean over seeds where there are several, or the median that the unit names.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// Lower end of the 95 % interval of `value`.
    pub low: f64,
    /// Upper end of the 95 % interval of `value`.
    pub high: f64,
    /// The same quantity of the peer, measured in the same call; absent where there is none.
    pub peer: Option<f64>,
    /// `value / peer`.
    pub ratio: Option<f64>,
    /// How many seeds or repetitions were measured.
    pub n_seeds: usize,
}

impl Row {
    /// A row from one value a seed: mean with Student's 95 % interval.
    pub fn from_samples(id: impl Into<String>, unit: &'static str, samples: &[f64]) -> Self {
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        let half = student::half_width(samples.len()) * (variance / n).sqrt();
        Self {
            id: id.into(),
            value: mean,
            unit,
            low: mean - half,
            high: mean + half,
            peer: None,
            ratio: None,
            n_seeds: samples.len(),
        }
    }

    /// A row from at least one value a seed or task: their median, with the 95 % interval between two of the values,
    /// which asks nothing of their distribution. Fewer than six cannot be so sure: theirs are the outermost.
    pub fn median_of(id: impl Into<String>, unit: &'static str, samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        // How many lie below a distribution's median is binomial; by its normal approximation, which leaves out as many
        // at either end as the exact probabilities or one less.
        let n_out = ((n as f64 - 1.0 - 1.96 * (n as f64).sqrt()) / 2.0).max(0.0) as usize;
        let (low, high) = (sorted[n_out], sorted[n - 1 - n_out]);
        Self { value: median(sorted), low, high, ..Self::from_samples(id, unit, samples) }
    }

    /// The head of the table that [`to_markdown`](Self::to_markdown) gives rows of.
    pub const HEADER: &'static str =
        "| figure | value | 95 % interval | unit | peer | ratio | n |\n|---|---|---|---|---|---|---|";

    /// The row as a line of a Markdown table.
    pub fn to_markdown(&self) -> String {
        let optional = |number: Option<f64>| number.map_or(String::new(), four_digits);
        format!(
            "| {} | {} | {} to {} | {} | {} | {} | {} |",
            self.id,
            four_digits(self.value),
            four_digits(self.low),
            four_digits(self.high),
            self.unit,
            optional(self.peer),
            optional(self.ratio),
            self.n_seeds
        )
    }

    /// The same row beside a peer's value.
    pub fn beside(mut self, peer: f64) -> Self {
        self.peer = Some(peer);
        self.ratio = Some(self.value / peer);
        self
    }
}

/// The median of at least one number.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (values[(n - 1) / 2] + values[n / 2]) / 2.0
}

/// A number to four significant digits, as people read it.
fn four_digits(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let decimals = (3 - number.abs().log10().floor() as i64).clamp(0, 9) as usize;
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_few_values_is_students() {
        let row = Row::from_samples("", "", &[1.0, 2.0, 3.0, 4.0, 5.0]);
        // Standard error √(2.5 / 5), quantile 2.776 for four degrees of freedom.
        let half = 2.776 * 0.5_f64.sqrt();
        assert_eq!(row.value, 3.0);
        assert!((row.high - 3.0 - half).abs() < 1e-9 && (3.0 - row.low - half).abs() < 1e-9, "{row:?}");
        let one = Row::from_samples("", "", &[7.0]);
        assert_eq!((one.low, one.high), (7.0, 7.0));
    }

    #[test]
    fn a_medians_interval_is_between_the_values_that_the_binomial_distribution_leaves() {
        // By exact probabilities: of seven the first, of nine the second, of fifteen the fourth, of 33 the eleventh.
        for (n, rank) in [(1_i32, 1), (3, 1), (7, 1), (9, 2), (15, 4), (33, 11)] {
            // As skewed as trials to an incumbent: the mean's interval would lie above the median.
            let samples: Vec<f64> = (1..=n).rev().map(|place| f64::from(place).exp()).collect();
            let row = Row::median_of("", "", &samples);
            assert_eq!((row.low, row.high), (f64::from(rank).exp(), f64::from(n + 1 - rank).exp()), "{n}");
            assert_eq!((row.value, row.n_seeds), (f64::from((n + 1) / 2).exp(), n as usize));
        }
    }
}
