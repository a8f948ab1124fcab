//! What the training rows show: their order, and how raw values become inputs and targets.

use heirloom_dataset::{Dataset, FeatureKind, Intensities, NO_CLASS, Target};
use heirloom_model::Seed;
use heirloom_network::preparation::{Column, ColumnValues, InputPreparation, TargetPreparation};

use super::DataError;

/// `rows` so that in each beginning every class has its share: by the place within the class, drawn from `seed`, over
/// the class's size.
pub(super) fn stratified_order(dataset: &Dataset, rows: &[usize], seed: Seed) -> Vec<usize> {
    let mut rows = rows.to_vec();
    seed.rng().shuffle(&mut rows);
    let Target::Classes { codes, names } = dataset.target() else { return rows };
    let mut counts = vec![0_usize; names.len()];
    rows.iter().for_each(|&row| counts[codes[row] as usize] += 1);
    let mut seen = vec![0_usize; names.len()];
    let mut keyed: Vec<(f64, usize)> = rows
        .iter()
        .map(|&row| {
            let class = codes[row] as usize;
            seen[class] += 1;
            ((seen[class] as f64 - 0.5) / counts[class] as f64, row)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    keyed.into_iter().map(|(_, row)| row).collect()
}

pub(super) fn input_preparation(
    dataset: &Dataset,
    train: &[usize],
    max_categories: usize,
) -> Result<InputPreparation, DataError> {
    if let Some(pixels) = dataset.pixels()
        && let Some((shape, channels_last)) = pixels.layout()
    {
        let (mean, std) = match pixels.values {
            Intensities::Bytes(bytes) => statistics_of_bytes(bytes, shape, channels_last, train),
            Intensities::Numbers(numbers) => statistics_of_numbers(numbers, shape, channels_last, train),
        };
        return Ok(InputPreparation::Image { shape, channels_last, mean, std });
    }
    let column = |feature: usize| -> Result<Column, DataError> {
        let name = dataset.feature_name(feature).into_owned();
        let values = dataset.column(feature);
        let values = match dataset.kind(feature) {
            FeatureKind::Numeric => numeric(train.iter().map(|&row| values[row])),
            FeatureKind::Categorical { symbols } => {
                let mut is_seen = vec![false; symbols.len()];
                for &row in train.iter().filter(|&&row| !values[row].is_nan()) {
                    is_seen[values[row] as usize] = true;
                }
                let seen = symbols.iter().zip(is_seen).filter(|(_, seen)| *seen);
                let symbols: Vec<String> = seen.map(|(symbol, _)| symbol.clone()).collect();
                if symbols.len() > max_categories {
                    let (n_symbols, n_rows) = (symbols.len(), train.len());
                    return Err(DataError::Text { column: name, n_symbols, n_rows });
                }
                ColumnValues::Categorical { symbols }
            }
        };
        Ok(Column { name, values })
    };
    let columns = (0..dataset.n_features()).map(column).collect::<Result<_, _>>()?;
    Ok(InputPreparation::Table { columns })
}

fn numeric(values: impl Iterator<Item = f64> + Clone) -> ColumnValues {
    let finite = values.clone().filter(|value| value.is_finite());
    let (mean, std) = mean_and_deviation(finite);
    let indicates_missing = values.into_iter().any(|value| !value.is_finite());
    ColumnValues::Numeric { mean, std, fill: mean, indicates_missing }
}

/// The mean, and the standard deviation, which is 1 where it would be 0. Values are finite.
fn mean_and_deviation(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count().max(1) as f64;
    // Squares of the largest numbers would be infinite: all are made small first.
    let unit = values.clone().map(f64::abs).fold(0.0, f64::max);
    let unit = if unit.is_normal() { unit } else { 1.0 };
    let mean = values.clone().map(|value| value / unit).sum::<f64>() / n;
    let deviation = (values.map(|value| (value / unit - mean).powi(2)).sum::<f64>() / n).sqrt();
    // A constant column's deviation is a rounding error, not zero.
    let deviation = if deviation <= 1e-12 { 1.0 } else { deviation * unit };
    (mean * unit, deviation)
}

/// Mean and deviation of each channel over 255.
fn statistics_of_bytes(
    bytes: &[u8],
    shape: [usize; 3],
    channels_last: bool,
    train: &[usize],
) -> (Vec<f64>, Vec<f64>) {
    let [channels, height, width] = shape;
    let area = height * width;
    let mut counts = vec![[0_u64; 256]; channels];
    for &row in train {
        let image = &bytes[row * channels * area..(row + 1) * channels * area];
        for (place, &byte) in image.iter().enumerate() {
            let channel = if channels_last { place % channels } else { place / area };
            counts[channel][usize::from(byte)] += 1;
        }
    }
    let statistics = counts.iter().map(|counts| {
        let weighted = |value: &dyn Fn(f64) -> f64| -> f64 {
            counts.iter().enumerate().map(|(byte, &n)| value(byte as f64 / 255.0) * n as f64).sum::<f64>()
                / (train.len() * area) as f64
        };
        let mean = weighted(&|value| value);
        let deviation = weighted(&|value| (value - mean).powi(2)).sqrt();
        (mean, if deviation > 0.0 { deviation } else { 1.0 })
    });
    statistics.unzip()
}

/// The same of images of numbers.
fn statistics_of_numbers(
    numbers: &[f64],
    [channels, height, width]: [usize; 3],
    channels_last: bool,
    train: &[usize],
) -> (Vec<f64>, Vec<f64>) {
    let area = height * width;
    let (of_channel, step) = if channels_last { (1, channels) } else { (area, 1) };
    let statistics = (0..channels).map(|channel| {
        let first = |row: usize| row * channels * area + channel * of_channel;
        let values = train.iter().flat_map(|&row| (0..area).map(move |pixel| first(row) + pixel * step));
        let (mean, deviation) = mean_and_deviation(values.map(|place| numbers[place]));
        (mean / 255.0, deviation / 255.0)
    });
    statistics.unzip()
}

pub(super) fn target_preparation(dataset: &Dataset, train: &[usize]) -> TargetPreparation {
    match dataset.target() {
        Target::Classes { names, .. } => TargetPreparation::Classes { names: names.clone() },
        Target::Regression(values) => {
            let (mean, std) = mean_and_deviation(train.iter().map(|&row| values[row]));
            TargetPreparation::Values { mean, std }
        }
        Target::PixelClasses { names, .. } => TargetPreparation::PixelClasses { names: names.clone() },
        Target::PixelValues { values, shape: [channels, height, width] } => {
            let area = height * width;
            let of_channel = |channel: usize| {
                let start = move |row: usize| (row * channels + channel) * area;
                let values = train.iter().flat_map(|&row| &values[start(row)..start(row) + area]);
                mean_and_deviation(values.copied().filter(|value| value.is_finite()))
            };
            let (mean, std) = (0..*channels).map(of_channel).unzip();
            TargetPreparation::PixelValues { mean, std }
        }
    }
}

/// How often each class stands among the training rows, or their pixels; empty where there are no classes.
pub(super) fn class_counts(dataset: &Dataset, train: &[usize]) -> Vec<usize> {
    match dataset.target() {
        Target::Classes { codes, names } => {
            let mut counts = vec![0; names.len()];
            train.iter().for_each(|&row| counts[codes[row] as usize] += 1);
            counts
        }
        Target::PixelClasses { codes, names, size: [height, width] } => {
            let mut counts = [0; 256];
            for &row in train {
                let image = &codes[row * height * width..(row + 1) * height * width];
                image.iter().for_each(|&code| counts[usize::from(code)] += 1);
            }
            counts[..names.len()].to_vec()
        }
        Target::Regression(_) | Target::PixelValues { .. } => Vec::new(),
    }
}

/// Whether there is a target among these rows: images may have none for any of their pixels.
pub(super) fn have_targets(dataset: &Dataset, rows: &[usize]) -> bool {
    match dataset.target() {
        Target::Classes { .. } | Target::Regression(_) => !rows.is_empty(),
        Target::PixelClasses { codes, size, .. } => {
            let area = size.iter().product::<usize>();
            let has = |row: usize| codes[row * area..(row + 1) * area].iter().any(|&code| code != NO_CLASS);
            rows.iter().any(|&row| has(row))
        }
        Target::PixelValues { values, shape } => {
            let width = shape.iter().product::<usize>();
            let has = |row: usize| values[row * width..(row + 1) * width].iter().any(|value| !value.is_nan());
            rows.iter().any(|&row| has(row))
        }
    }
}
