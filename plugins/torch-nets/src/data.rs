//! A data set as tensors: split, prepared, on its device.

use std::path::Path;

use heirloom_dataset::{Dataset, DatasetOptions, NO_CLASS, Split, Target};
use heirloom_model::Seed;
use heirloom_network::preparation::{Preparation, TargetPreparation};
use heirloom_network::{Head, Shape};
use tch::{Device, Kind, TchError, Tensor};
use thiserror::Error;

use crate::TorchError;

mod fit;
mod tensors;

/// The class index of a pixel without label: PyTorch's losses leave it out.
pub(crate) const UNLABELLED: i64 = -100;

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
    /// It could not be read or split.
    #[error(transparent)]
    Dataset(#[from] heirloom_dataset::Error),
    /// A column of text that is no category.
    #[error(
        "column `{column}` has {n_symbols} different values in {n_rows} training rows: it looks like text, an \
         identifier, or numbers of which some cells are none, and a network cannot take it; hint: add it to `ignore`, \
         encode it before, mend those cells, or raise `max_categories` above {n_symbols}"
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
    /// Tables: the prepared input, `[n, inputs]`, 32-bit. Images: bytes or 32-bit numbers, `[n, channels, height,
    /// width]`.
    input: Tensor,
    /// Class indices, `[n]`, 64-bit; standardised values, `[n, 1]`, 32-bit; or those of pixels: class indices, `[n,
    /// height, width]`, as bytes, and standardised values, `[n, channels, height, width]`, NaN where a pixel has none.
    target: Tensor,
}

/// A data set in three parts, prepared by what the first one shows.
#[derive(Debug)]
pub struct Data {
    preparation: Preparation,
    /// What turns pixels into input, for images: mean and reciprocal deviation, `[1, channels, 1, 1]` each.
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

    /// The targets: class indices, `[n]`, 64-bit, or of pixels `[n, height, width]`, bytes; or standardised values, `[n,
    /// 1]`, or of pixels `[n, channels, height, width]`.
    pub fn target(&self) -> &Tensor {
        &self.target
    }

    /// How many different targets there are: of class indices, how many classes occur.
    pub fn n_classes(&self) -> Result<usize, TorchError> {
        let (values, _, _) = self
            .target
            .f_internal_unique2(true, false, false)
            .map_err(|error| TorchError::new("counting classes", &[&self.target], &error))?;
        Ok(values.numel())
    }

    fn shallow_clone(&self) -> Self {
        Self { input: self.input.shallow_clone(), target: self.target.shallow_clone() }
    }
}

impl Data {
    /// Opens the data set at `path`, read by `reading`, and does as [`new`](Self::new).
    pub fn open(
        path: &Path,
        reading: &DatasetOptions,
        options: &DataOptions,
        device: Device,
    ) -> Result<Self, DataError> {
        Self::new(&Dataset::open(path, reading)?, options, device)
    }

    /// Splits and prepares `dataset` and moves it to `device`.
    ///
    /// The training rows are kept in an order of which every beginning is stratified, so that a share of the data is
    /// its first rows and smaller shares are parts of larger ones.
    pub fn new(dataset: &Dataset, options: &DataOptions, device: Device) -> Result<Self, DataError> {
        let unusable = |problem: String| DataError::Unusable { problem };
        if let Target::Classes { names, .. } | Target::PixelClasses { names, .. } = dataset.target()
            && names.len() < 2
        {
            let Some(name) = names.first() else { return Err(unlabelled(dataset)) };
            let what = if let Target::PixelClasses { .. } = dataset.target() { "pixel" } else { "row" };
            return Err(unusable(format!(
                "every {what} of `{}` is of the class `{name}`: there is nothing to tell apart; hint: check `target`",
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
        if ![&split.train, &split.valid].into_iter().all(|rows| fit::have_targets(dataset, rows)) {
            return Err(unlabelled(dataset));
        }
        let split =
            Split { train: fit::stratified_order(dataset, &split.train, seed.derive("order", 0)), ..split };
        let preparation = Preparation {
            input: fit::input_preparation(dataset, &split.train, options.max_categories)?,
            target: fit::target_preparation(dataset, &split.train),
        };
        let part = |rows: &[usize]| -> Result<Part, DataError> {
            let moved = |tensor: Result<Tensor, TchError>| {
                let tensor = tensor.and_then(|tensor| tensor.f_to_device(device));
                tensor.map_err(TorchError::at("moving the data to its device"))
            };
            let input = moved(tensors::input(dataset, &preparation.input, rows))?;
            let target = moved(tensors::target(dataset, &preparation.target, rows))?;
            let infinite = tensors::infinite(&preparation.input, &input, &target);
            match infinite.map_err(TorchError::at("looking for infinite values"))? {
                None => Ok(Part { input, target }),
                Some(what) => Err(unusable(format!(
                    "{what} of `{}` holds a value too far from the training rows' for 32-bit numbers; hint: correct the \
                     value, or take its logarithm, or leave it out",
                    dataset.name()
                ))),
            }
        };
        let (train, valid, test) = (part(&split.train)?, part(&split.valid)?, part(&split.test)?);
        let class_counts = fit::class_counts(dataset, &split.train);
        let pixels =
            tensors::pixel_scale(&preparation.input, device).map_err(TorchError::at("preparing images"))?;
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

    /// How many training rows each class has, or how many of their pixels; empty for regression.
    pub fn class_counts(&self) -> &[usize] {
        &self.class_counts
    }

    /// Whether rows are images.
    pub fn is_images(&self) -> bool {
        self.pixels.is_some()
    }

    /// Whether each pixel has a target of its own.
    pub fn is_dense(&self) -> bool {
        matches!(self.preparation.target.head(), Head::Dense(_))
    }

    /// What stands among the targets of a [`batch`](Self::batch) where a pixel has none; `None` where targets are of
    /// whole rows.
    pub(crate) fn unlabelled(&self) -> Option<f64> {
        match self.preparation.target {
            TargetPreparation::PixelClasses { .. } => Some(UNLABELLED as f64),
            TargetPreparation::PixelValues { .. } => Some(f64::NAN),
            TargetPreparation::Classes { .. } | TargetPreparation::Values { .. } => None,
        }
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
    /// [`normalised`](Self::normalised), and targets, class indices as 64-bit numbers and -100 where a pixel has none.
    pub fn batch(&self, part: &Part, places: &Tensor) -> Result<(Tensor, Tensor), TorchError> {
        self.picked(part, &|from| from.f_index_select(0, places))
    }

    /// The rows `start..start + n` of `part`, as [`batch`](Self::batch) gives them.
    pub fn rows(&self, part: &Part, start: usize, n: usize) -> Result<(Tensor, Tensor), TorchError> {
        self.picked(part, &|from| from.f_narrow(0, start as i64, n as i64))
    }

    fn picked(
        &self,
        part: &Part,
        pick: &dyn Fn(&Tensor) -> Result<Tensor, TchError>,
    ) -> Result<(Tensor, Tensor), TorchError> {
        let failed = |from: &Tensor, error: TchError| TorchError::new("picking rows", &[from], &error);
        let input = pick(&part.input).map_err(|error| failed(&part.input, error))?;
        let target = pick(&part.target).and_then(|target| match self.preparation.target {
            TargetPreparation::PixelClasses { .. } => {
                let is_none = target.f_eq(i64::from(NO_CLASS))?;
                target.f_to_kind(Kind::Int64)?.f_masked_fill(&is_none, UNLABELLED)
            }
            _ => Ok(target),
        });
        Ok((input, target.map_err(|error| failed(&part.target, error))?))
    }

    /// What a network takes: pixels of images become numbers of mean 0 and deviation 1 a channel; what is prepared
    /// already stays.
    pub fn normalised(&self, input: &Tensor) -> Result<Tensor, TorchError> {
        let Some((mean, scale)) = &self.pixels else { return Ok(input.shallow_clone()) };
        input
            .f_to_kind(Kind::Float)
            .and_then(|input| input.f_sub(mean)?.f_mul(scale))
            .map_err(|error| TorchError::new("normalising", &[input], &error))
    }
}

fn unlabelled(dataset: &Dataset) -> DataError {
    let problem = format!(
        "no pixel of `{}` has a label, or none of those to train on or to validate by; hint: 255, -1 and NaN stand for \
         none; add images, or another `split_seed`",
        dataset.name()
    );
    DataError::Unusable { problem }
}
