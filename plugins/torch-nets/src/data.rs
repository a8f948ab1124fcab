//! A data set as tensors: split, prepared, on its device.

use std::collections::HashMap;

use heirloom_dataset::{Dataset, FeatureKind, Pixels, Split, Target};
use heirloom_model::Seed;
use heirloom_network::Shape;
use heirloom_network::preparation::{Column, ColumnValues, InputPreparation, Preparation, TargetPreparation};
use tch::{Device, Kind, TchError, Tensor};
use thiserror::Error;

use crate::TorchError;

/// How a data set is split and what it may hold.
#[derive(Debug, Clone, PartialEq)]
pub struct DataOptions {
    /// The share of rows held out to choose configurations by.
    pub valid_fraction: f64,
    /// The share of rows held out to report on.
    pub test_fraction: f64,
    /// From which, with the data set's fingerprint, the split follows.
    pub split_seed: u64,
    /// Most symbols that a categorical column may have.
    pub max_categories: usize,
}

impl Default for DataOptions {
    fn default() -> Self {
        Self { valid_fraction: 0.2, test_fraction: 0.2, split_seed: 0, max_categories: 256 }
    }
}

/// Why a data set cannot be trained on.
#[derive(Debug, Error)]
pub enum DataError {
    /// It could not be split.
    #[error(transparent)]
    Dataset(#[from] heirloom_dataset::Error),
    /// A column of text that is no category.
    #[error(
        "column `{column}` has {n_symbols} different values in {n_rows} training rows: it looks like text or an \
         identifier, which a network cannot take; hint: add it to `ignore`, encode it before, or raise \
         `max_categories` above {n_symbols}"
    )]
    Text {
        /// The column.
        column: String,
        /// How many different values the training part has.
        n_symbols: usize,
        /// How many rows the training part has.
        n_rows: usize,
    },
    /// There is nothing to learn or to judge by.
    #[error("{problem}")]
    Unusable {
        /// What is missing, with a hint.
        problem: String,
    },
    /// LibTorch failed, most likely for memory.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

/// Rows of a data set, on a device.
#[derive(Debug)]
pub struct Part {
    /// Tables: the prepared input, `[n, inputs]`, 32-bit. Images: bytes, `[n, channels, height, width]`.
    input: Tensor,
    /// Class indices, `[n]`, 64-bit; or standardised values, `[n, 1]`, 32-bit.
    target: Tensor,
}

/// A data set in three parts, prepared by what the first one shows.
#[derive(Debug)]
pub struct Data {
    preparation: Preparation,
    /// What turns bytes into input, for images: mean and reciprocal deviation, `[1, channels, 1, 1]` each.
    pixels: Option<(Tensor, Tensor)>,
    train: Part,
    valid: Part,
    test: Part,
    class_counts: Vec<usize>,
}

impl Part {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.target.size()[0] as usize
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The targets: class indices, `[n]`, 64-bit; or standardised values, `[n, 1]`.
    pub fn target(&self) -> &Tensor {
        &self.target
    }

    fn shallow_clone(&self) -> Self {
        Self { input: self.input.shallow_clone(), target: self.target.shallow_clone() }
    }
}

impl Data {
    /// Splits and prepares `dataset` and moves it to `device`.
    ///
    /// The training rows are kept in an order of which every beginning is stratified, so that a share of the data is
    /// its first rows and smaller shares are parts of larger ones.
    pub fn new(dataset: &Dataset, options: &DataOptions, device: Device) -> Result<Self, DataError> {
        let unusable = |problem: String| DataError::Unusable { problem };
        if let Target::Classes { names, .. } = dataset.target()
            && names.len() < 2
        {
            let name = names.first().map_or("", String::as_str);
            return Err(unusable(format!(
                "every row of `{}` is of the class `{name}`: there is nothing to tell apart; hint: check `target`",
                dataset.name()
            )));
        }
        if dataset.n_features() == 0 {
            return Err(unusable(format!(
                "`{}` has no columns besides its target; hint: check `ignore` and the file",
                dataset.name()
            )));
        }
        let seed = Seed::from_number(options.split_seed).derive(&dataset.fingerprint(), 0);
        let split =
            dataset.split(options.valid_fraction, options.test_fraction, seed.derive("split", 0).0)?;
        if split.valid.is_empty() {
            return Err(unusable(format!(
                "no row of the {} is held out for validation; hint: a table needs at least {} rows at \
                 `valid_fraction = {}`",
                dataset.n_rows(),
                (1.0 / options.valid_fraction.max(1e-9)).ceil(),
                options.valid_fraction
            )));
        }
        let split =
            Split { train: stratified_order(dataset, &split.train, seed.derive("order", 0)), ..split };
        let preparation = Preparation {
            input: input_preparation(dataset, &split.train, options.max_categories)?,
            target: target_preparation(dataset, &split.train),
        };
        let part = |rows: &[usize]| -> Result<Part, DataError> {
            let input = input(dataset, &preparation.input, rows).and_then(|input| input.f_to_device(device));
            let target =
                target(dataset, &preparation.target, rows).and_then(|target| target.f_to_device(device));
            Ok(Part {
                input: input.map_err(TorchError::at("moving the data to its device"))?,
                target: target.map_err(TorchError::at("moving the data to its device"))?,
            })
        };
        let (train, valid, test) = (part(&split.train)?, part(&split.valid)?, part(&split.test)?);
        let class_counts = match dataset.target() {
            Target::Classes { codes, names } => {
                let mut counts = vec![0; names.len()];
                split.train.iter().for_each(|&row| counts[codes[row] as usize] += 1);
                counts
            }
            Target::Regression(_) => Vec::new(),
        };
        let pixels = pixel_scale(&preparation.input, device).map_err(TorchError::at("preparing images"))?;
        Ok(Self { preparation, pixels, train, valid, test, class_counts })
    }

    /// How raw rows were prepared.
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// The shape of one prepared row.
    pub fn input_shape(&self) -> Shape {
        self.preparation.input.shape()
    }

    /// The rows to train on; see [`new`](Self::new) for their order.
    pub fn train(&self) -> &Part {
        &self.train
    }

    /// The rows to choose configurations by.
    pub fn valid(&self) -> &Part {
        &self.valid
    }

    /// The rows to report on; may be none.
    pub fn test(&self) -> &Part {
        &self.test
    }

    /// How many training rows each class has; empty for regression.
    pub fn class_counts(&self) -> &[usize] {
        &self.class_counts
    }

    /// Whether rows are images.
    pub fn is_images(&self) -> bool {
        self.pixels.is_some()
    }

    /// The device it is on.
    pub fn device(&self) -> Device {
        self.train.input.device()
    }

    /// The same data; no memory is copied.
    pub fn shallow_clone(&self) -> Self {
        Self {
            preparation: self.preparation.clone(),
            pixels: self.pixels.as_ref().map(|(mean, scale)| (mean.shallow_clone(), scale.shallow_clone())),
            train: self.train.shallow_clone(),
            valid: self.valid.shallow_clone(),
            test: self.test.shallow_clone(),
            class_counts: self.class_counts.clone(),
        }
    }

    /// Rows of `part` by their places, `[batch]` (64-bit, on the data's device): input before
    /// [`normalised`](Self::normalised), and targets.
    pub fn batch(&self, part: &Part, places: &Tensor) -> Result<(Tensor, Tensor), TorchError> {
        let pick = |from: &Tensor| {
            from.f_index_select(0, places)
                .map_err(|error| TorchError::new("a batch", &[from, places], &error))
        };
        Ok((pick(&part.input)?, pick(&part.target)?))
    }

    /// The rows `start..start + n` of `part`, as [`batch`](Self::batch) gives them.
    pub fn rows(&self, part: &Part, start: usize, n: usize) -> Result<(Tensor, Tensor), TorchError> {
        let pick = |from: &Tensor| {
            from.f_narrow(0, start as i64, n as i64).map_err(|error| TorchError::new("rows", &[from], &error))
        };
        Ok((pick(&part.input)?, pick(&part.target)?))
    }

    /// What a network takes: bytes of images become numbers of mean 0 and deviation 1 a channel; what is prepared
    /// already stays.
    pub fn normalised(&self, input: &Tensor) -> Result<Tensor, TorchError> {
        let Some((mean, scale)) = &self.pixels else { return Ok(input.shallow_clone()) };
        input
            .f_to_kind(Kind::Float)
            .and_then(|input| input.f_sub(mean)?.f_mul(scale))
            .map_err(|error| TorchError::new("normalising", &[input], &error))
    }
}

/// `rows` so that in each beginning every class has its share: by the place within the class, drawn from `seed`, over
/// the class's size.
fn stratified_order(dataset: &Dataset, rows: &[usize], seed: Seed) -> Vec<usize> {
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

fn input_preparation(
    dataset: &Dataset,
    train: &[usize],
    max_categories: usize,
) -> Result<InputPreparation, DataError> {
    if let Some((shape, channels_last)) = dataset.pixels().and_then(|pixels| image_shape(pixels.shape)) {
        let pixels = dataset.pixels().expect("it has pixels: just asked");
        let (mean, std) = channel_statistics(pixels, shape, channels_last, train);
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

/// `[channels, height, width]` and whether the channels stand last; `None` where rows are no images.
fn image_shape(shape: &[usize]) -> Option<([usize; 3], bool)> {
    match *shape {
        [height, width] => Some(([1, height, width], false)),
        [height, width, channels] if channels <= 4 && height > 4 => Some(([channels, height, width], true)),
        [channels, height, width] => Some(([channels, height, width], false)),
        _ => None,
    }
}

fn channel_statistics(
    pixels: Pixels<'_>,
    shape: [usize; 3],
    channels_last: bool,
    train: &[usize],
) -> (Vec<f64>, Vec<f64>) {
    let [channels, height, width] = shape;
    let area = height * width;
    let mut counts = vec![[0_u64; 256]; channels];
    for &row in train {
        let image = &pixels.values[row * channels * area..(row + 1) * channels * area];
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

fn target_preparation(dataset: &Dataset, train: &[usize]) -> TargetPreparation {
    match dataset.target() {
        Target::Classes { names, .. } => TargetPreparation::Classes { names: names.clone() },
        Target::Regression(values) => {
            let (mean, std) = mean_and_deviation(train.iter().map(|&row| values[row]));
            TargetPreparation::Values { mean, std }
        }
    }
}

fn input(dataset: &Dataset, preparation: &InputPreparation, rows: &[usize]) -> Result<Tensor, TchError> {
    match preparation {
        InputPreparation::Table { columns } => {
            let width: usize = columns.iter().map(|column| column.values.width()).sum();
            let mut numbers = vec![0_f32; rows.len() * width];
            let mut start = 0;
            for (feature, column) in columns.iter().enumerate() {
                let values = dataset.column(feature);
                let own = column.values.width();
                let slots = places_of_codes(dataset.kind(feature), &column.values);
                for (line, &row) in numbers.chunks_exact_mut(width).zip(rows) {
                    let out = &mut line[start..start + own];
                    match &slots {
                        Some(slots) if values[row].is_nan() => out[slots.unknown] = 1.0,
                        Some(slots) => out[slots.of_codes[values[row] as usize]] = 1.0,
                        None => column.values.write_number(values[row], out),
                    }
                }
                start += own;
            }
            Tensor::f_from_slice(&numbers)?.f_reshape([rows.len() as i64, width as i64])
        }
        InputPreparation::Image { shape: [channels, height, width], channels_last, .. } => {
            let pixels = dataset.pixels().expect("images were prepared from pixels");
            let size = channels * height * width;
            let bytes: Vec<u8> =
                rows.iter().flat_map(|&row| &pixels.values[row * size..(row + 1) * size]).copied().collect();
            let [n, channels, height, width] =
                [rows.len(), *channels, *height, *width].map(|size| size as i64);
            let bytes = Tensor::f_from_slice(&bytes)?;
            match channels_last {
                false => bytes.f_reshape([n, channels, height, width]),
                true => {
                    bytes.f_reshape([n, height, width, channels])?.f_permute([0, 3, 1, 2])?.f_contiguous()
                }
            }
        }
    }
}

/// Where the data set's codes of a categorical column stand among its kept symbols.
struct Slots {
    of_codes: Vec<usize>,
    unknown: usize,
}

fn places_of_codes(kind: FeatureKind<'_>, values: &ColumnValues) -> Option<Slots> {
    let (FeatureKind::Categorical { symbols: all }, ColumnValues::Categorical { symbols: kept }) =
        (kind, values)
    else {
        return None;
    };
    let unknown = kept.len();
    let places: HashMap<&str, usize> = kept.iter().map(String::as_str).zip(0..).collect();
    let of_codes = all.iter().map(|symbol| *places.get(symbol.as_str()).unwrap_or(&unknown)).collect();
    Some(Slots { of_codes, unknown })
}

fn target(dataset: &Dataset, preparation: &TargetPreparation, rows: &[usize]) -> Result<Tensor, TchError> {
    match (dataset.target(), preparation) {
        (Target::Regression(values), TargetPreparation::Values { mean, std }) => {
            let values: Vec<f32> = rows.iter().map(|&row| ((values[row] - mean) / std) as f32).collect();
            Tensor::f_from_slice(&values)?.f_reshape([rows.len() as i64, 1])
        }
        (Target::Classes { codes, .. }, _) => {
            let codes: Vec<i64> = rows.iter().map(|&row| i64::from(codes[row])).collect();
            Tensor::f_from_slice(&codes)
        }
        (Target::Regression(_), TargetPreparation::Classes { .. }) => {
            unreachable!("the preparation was made for this target")
        }
    }
}

fn pixel_scale(preparation: &InputPreparation, device: Device) -> Result<Option<(Tensor, Tensor)>, TchError> {
    let InputPreparation::Image { mean, std, .. } = preparation else { return Ok(None) };
    let of_channels = |values: Vec<f32>| -> Result<Tensor, TchError> {
        Tensor::f_from_slice(&values)?.f_reshape([1, values.len() as i64, 1, 1])?.f_to_device(device)
    };
    let mean_of_bytes = mean.iter().map(|mean| (mean * 255.0) as f32).collect();
    let scale_of_bytes = std.iter().map(|std| (1.0 / (std * 255.0)) as f32).collect();
    Ok(Some((of_channels(mean_of_bytes)?, of_channels(scale_of_bytes)?)))
}
