//! One measured figure.

use serde::Serialize;

/// A row of the table of figures.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The figure's id, such as `nb201.c10.random.100`.
    pub id: String,
    /// The measured value: a mean over seeds where there are several.
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
    /// A row from one value a seed: mean with a normal 95 % interval.
    pub fn from_samples(id: impl Into<String>, unit: &'static str, samples: &[f64]) -> Self {
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        let half = 1.96 * (variance / n).sqrt();
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

    /// The same row with Student's interval in place of the normal one: for a handful of seeds.
    pub fn of_few_seeds(mut self) -> Self {
        const QUANTILES: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
        let degrees = self.n_seeds.saturating_sub(1).max(1);
        let quantile = QUANTILES.get(degrees - 1).copied().unwrap_or(1.96 + 2.5 / degrees as f64);
        let half = (self.high - self.low) / 2.0 * quantile / 1.96;
        (self.low, self.high) = (self.value - half, self.value + half);
        self
    }

    /// The same row beside a peer's value.
    pub fn beside(mut self, peer: f64) -> Self {
        self.peer = Some(peer);
        self.ratio = Some(self.value / peer);
        self
    }
}

/// A number to four significant digits, as people read it.
fn four_digits(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let decimals = (3 - number.abs().log10().floor() as i64).clamp(0, 9) as usize;
    format!("{number:.decimals$}")
}
