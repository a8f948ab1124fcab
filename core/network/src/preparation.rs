//! What turns a raw row into a network's input, and the network's result into an answer.

use serde::{Deserialize, Serialize};

use crate::{Head, Shape};

/// What stands between a user's data and a network, as it was fitted on the training part.
///
/// Its JSON stands beside a trained network's weights: without it the weights say nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// From a raw row to the input.
    pub input: InputPreparation,
    /// From the result to an answer.
    pub target: TargetPreparation,
}

/// From a raw row to a network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InputPreparation {
    /// Columns of a table, each of which gives one or several numbers, one after another: `[inputs]`.
    Table {
        /// The columns, in order.
        columns: Vec<Column>,
    },
    /// An image: `(value / 255 - mean) / std` for each channel, `[channels, height, width]`. The values are bytes, or
    /// numbers of any range, which then have their mean and deviation in units of 255 all the same.
    Image {
        /// `[channels, height, width]`, as the network takes it.
        shape: [usize; 3],
        /// Whether the raw image has its channels last.
        channels_last: bool,
        /// Mean of each channel over 255, `[channels]`.
        mean: Vec<f64>,
        /// Standard deviation of each channel over 255, `[channels]`; never 0.
        std: Vec<f64>,
    },
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the table.
    pub name: String,
    /// What becomes of its values.
    #[serde(flatten)]
    pub values: ColumnValues,
}

/// What becomes of a column's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ColumnValues {
    /// `(value - mean) / std`, and where the training part had missing values a second number that is 1 where the
    /// value is missing, else 0.
    Numeric {
        /// Mean over the training part's values.
        mean: f64,
        /// Standard deviation over the training part's values; 1 for a constant column.
        std: f64,
        /// What stands for a missing value, in the column's own unit.
        fill: f64,
        /// Whether the second number is there.
        indicates_missing: bool,
    },
    /// One number for each symbol, 1 for the row's own, and a last one that is 1 for any other symbol or none.
    Categorical {
        /// The symbols that the training part has, as text.
        symbols: Vec<String>,
    },
}

/// From a network's result to an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TargetPreparation {
    /// The class with the highest score.
    Classes {
        /// The classes, one for each output.
        names: Vec<String>,
    },
    /// `mean + std × output`.
    Values {
        /// Mean over the training part.
        mean: f64,
        /// Standard deviation over the training part; 1 for a constant target.
        std: f64,
    },
    /// For each pixel the class with the highest score.
    PixelClasses {
        /// The classes, one for each channel of the result.
        names: Vec<String>,
    },
    /// `mean + std × output` for each channel of each pixel.
    PixelValues {
        /// Mean over the training part, `[channels]`.
        mean: Vec<f64>,
        /// Standard deviation over the training part, `[channels]`; 1 for a constant channel.
        std: Vec<f64>,
    },
}

impl InputPreparation {
    /// The shape of the input that a network gets.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Table { columns } => Shape(vec![columns.iter().map(|column| column.values.width()).sum()]),
            Self::Image { shape, .. } => Shape(shape.to_vec()),
        }
    }
}

impl TargetPreparation {
    /// The head of a network that answers so.
    pub fn head(&self) -> Head {
        match self {
            Self::Classes { names } => Head::Classes(names.len()),
            Self::Values { .. } => Head::Values(1),
            Self::PixelClasses { names } => Head::Dense(names.len()),
            Self::PixelValues { mean, .. } => Head::Dense(mean.len()),
        }
    }

    /// How many numbers a network answers with, for each pixel where it answers for pixels.
    pub fn n_outputs(&self) -> usize {
        let (Head::Classes(n) | Head::Values(n) | Head::Dense(n)) = self.head();
        n
    }
}

impl ColumnValues {
    /// How many numbers of the input the column gives.
    pub fn width(&self) -> usize {
        match self {
            Self::Numeric { indicates_missing, .. } => 1 + usize::from(*indicates_missing),
            Self::Categorical { symbols } => symbols.len() + 1,
        }
    }

    /// Writes a number of a numeric column, NaN where it is missing, into `out`, `[width]`, which was zero.
    ///
    /// Infinite values count as missing ones. Does nothing for a categorical column.
    pub fn write_number(&self, value: f64, out: &mut [f32]) {
        let Self::Numeric { mean, std, fill, indicates_missing } = self else { return };
        let is_missing = !value.is_finite();
        let value = if is_missing { *fill } else { value };
        out[0] = ((value - mean) / std) as f32;
        if *indicates_missing && is_missing {
            out[1] = 1.0;
        }
    }

    /// Writes a symbol of a categorical column, `None` where it is missing, into `out`, `[width]`, which was zero.
    ///
    /// Does nothing for a numeric column.
    pub fn write_symbol(&self, symbol: Option<&str>, out: &mut [f32]) {
        let Self::Categorical { symbols } = self else { return };
        let known = symbol.and_then(|symbol| symbols.iter().position(|known| known == symbol));
        out[known.unwrap_or(symbols.len())] = 1.0;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests end where something is wrong")]
mod tests {
    use super::*;

    #[test]
    fn values_become_numbers_and_the_json_reads_back() {
        let numeric = ColumnValues::Numeric { mean: 2.0, std: 4.0, fill: 2.0, indicates_missing: true };
        let symbols = ColumnValues::Categorical { symbols: vec!["a".into(), "b".into()] };
        let written = |write: &dyn Fn(&mut [f32])| {
            let mut out = [0.0; 3];
            write(&mut out);
            out
        };
        assert_eq!(written(&|out| numeric.write_number(10.0, out)), [2.0, 0.0, 0.0]);
        assert_eq!(written(&|out| numeric.write_number(f64::NAN, out)), [0.0, 1.0, 0.0]);
        assert_eq!(written(&|out| numeric.write_number(f64::INFINITY, out)), [0.0, 1.0, 0.0]);
        assert_eq!(written(&|out| symbols.write_symbol(Some("b"), out)), [0.0, 1.0, 0.0]);
        assert_eq!(written(&|out| symbols.write_symbol(Some("c"), out)), [0.0, 0.0, 1.0]);
        assert_eq!(written(&|out| symbols.write_symbol(None, out)), [0.0, 0.0, 1.0]);
        let columns = vec![
            Column { name: "x".into(), values: numeric },
            Column { name: "kind".into(), values: symbols },
        ];
        let preparation = Preparation {
            input: InputPreparation::Table { columns },
            target: TargetPreparation::Classes { names: vec!["no".into(), "yes".into()] },
        };
        assert_eq!(preparation.input.shape(), Shape(vec![5]));
        let json = serde_json::to_string(&preparation).unwrap();
        assert!(json.contains(r#"{"name":"x","kind":"numeric","mean":2.0"#), "{json}");
        assert_eq!(serde_json::from_str::<Preparation>(&json).unwrap(), preparation);
    }
}
