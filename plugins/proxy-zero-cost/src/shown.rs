//! What networks are shown: the task's own rows, or noise.

use heirloom_dataset::DatasetOptions;
use heirloom_network::Shape;
use heirloom_network::preparation::TargetPreparation;
use heirloom_plugin::{ComponentError, Seed};
use heirloom_torch_nets::{Data, DataOptions, TorchError};
use tch::{Device, Kind, TchError, Tensor};

use crate::sample::Targets;
use crate::{Options, Sample, Score};

/// What the network is for, where nothing says so.
const N_CLASSES: u64 = 10;
const IMAGE_SIZE: u64 = 32;
const IMAGE_CHANNELS: u64 = 3;

/// Rows that are shown, kept as plain numbers so that several threads may score.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The shape of one.
    pub(crate) shape: Shape,
    /// `[n × shape]`; empty where noise is shown.
    inputs: Vec<f32>,
    targets: RowTargets,
    /// How many classes, or outputs.
    pub(crate) n_outputs: usize,
    seed: Seed,
}

#[derive(Debug)]
enum RowTargets {
    Noise,
    Classes(Vec<i64>),
    Values(Vec<f32>),
}

impl Rows {
    /// The rows that `options` asks for, enough for two batches where there are as many.
    pub(crate) fn new(options: &Options) -> Result<Self, ComponentError> {
        let seed = Seed::from_number(options.seed).derive("shown", 0);
        let Some(path) = &options.data else {
            let image = || {
                let size = options.image_size.unwrap_or(IMAGE_SIZE) as usize;
                vec![options.image_channels.unwrap_or(IMAGE_CHANNELS) as usize, size, size]
            };
            let shape = Shape(options.n_features.map_or_else(image, |n| vec![n as usize]));
            let n_outputs = options.n_classes.unwrap_or(N_CLASSES) as usize;
            return Ok(Self { shape, inputs: Vec::new(), targets: RowTargets::Noise, n_outputs, seed });
        };
        let reading = DatasetOptions {
            target: options.target.clone(),
            kind: options.kind.into(),
            categorical: options.categorical.clone(),
            ignore: options.ignore.clone(),
        };
        let splits = DataOptions {
            valid_fraction: options.valid_fraction,
            test_fraction: options.test_fraction,
            split_seed: options.seed,
            max_categories: options.max_categories,
        };
        let refused = |error: String| ComponentError::configuration(format!("`data`: {error}"));
        let data = Data::open(path, &reading, &splits, Device::Cpu);
        let data = data.map_err(|error| refused(error.to_string()))?;
        if data.is_dense() {
            let problem = "a score is shown rows with one target each, and this has one for each pixel; hint: leave it \
                           out, and set `image_size` and `image_channels`";
            return Err(refused(problem.into()));
        }
        if let Some(problem) = contradiction(&data, options) {
            return Err(refused(problem));
        }
        Self::of(&data, options, seed).map_err(|error| refused(error.to_string()))
    }

    fn of(data: &Data, options: &Options, seed: Seed) -> Result<Self, TorchError> {
        let n = data.train().len().min(2 * options.batch_size as usize);
        let (raw, targets) = data.rows(data.train(), 0, n)?;
        let inputs = data.normalised(&raw)?;
        let inputs = if data.is_images() { resized(&inputs, options) } else { Ok(inputs) };
        let inputs = inputs.map_err(TorchError::at("bringing images to their size"))?;
        let shape = Shape(inputs.size()[1..].iter().map(|&size| size as usize).collect());
        let numbers =
            |tensor: &Tensor| Vec::<f32>::try_from(tensor.f_to_kind(Kind::Float)?.f_flatten(0, -1)?);
        let read = || -> Result<(Vec<f32>, RowTargets), TchError> {
            let targets = match data.preparation().target {
                TargetPreparation::Classes { .. } => RowTargets::Classes(Vec::<i64>::try_from(&targets)?),
                _ => RowTargets::Values(numbers(&targets)?),
            };
            Ok((numbers(&inputs)?, targets))
        };
        let (inputs, targets) = read().map_err(TorchError::at("reading a batch"))?;
        let n_outputs = data.preparation().target.n_outputs();
        // More outputs than the data has classes do no harm; fewer would leave rows without theirs.
        let n_outputs = options.n_classes.map_or(n_outputs, |n| n_outputs.max(n as usize));
        Ok(Self { shape, inputs, targets, n_outputs, seed })
    }

    /// Whether the targets are classes.
    pub(crate) fn has_classes(&self) -> bool {
        !matches!(self.targets, RowTargets::Values(_))
    }

    /// What `score` is to be shown of shape `shape`, in batches of `batch_size`.
    pub(crate) fn sample(
        &self,
        score: Score,
        batch_size: u32,
        shape: &Shape,
        device: Device,
    ) -> Result<Sample, TorchError> {
        let n = score.n_inputs(i64::from(batch_size)) as usize;
        let sample = if score.shows_noise() || matches!(self.targets, RowTargets::Noise) {
            self.noise(n, shape)
        } else if score == Score::Zico {
            // It compares two batches: rows that stand in both say nothing.
            self.rows(n.min(self.n_rows() / 2 * 2))
        } else {
            self.rows(n)
        };
        let moved = |sample: Sample| {
            let targets = match sample.targets {
                Targets::Classes(classes) => Targets::Classes(classes.f_to_device(device)?),
                Targets::Values(values) => Targets::Values(values.f_to_device(device)?),
            };
            Ok(Sample { inputs: sample.inputs.f_to_device(device)?, targets })
        };
        sample.and_then(moved).map_err(TorchError::at("a sample"))
    }

    /// Numbers in a row.
    fn width(&self) -> usize {
        self.shape.0.iter().product()
    }

    fn n_rows(&self) -> usize {
        self.inputs.len() / self.width().max(1)
    }

    /// The first `n` rows, from the beginning again where there are fewer.
    fn rows(&self, n: usize) -> Result<Sample, TchError> {
        let (width, n_rows, n_outputs) = (self.width(), self.n_rows(), self.n_outputs);
        let places = || (0..n).map(|place| place % n_rows);
        let inputs: Vec<f32> =
            places().flat_map(|row| &self.inputs[row * width..(row + 1) * width]).copied().collect();
        let targets = match &self.targets {
            RowTargets::Values(values) => {
                let rows = places().flat_map(|row| &values[row * n_outputs..(row + 1) * n_outputs]);
                let rows: Vec<f32> = rows.copied().collect();
                Targets::Values(Tensor::f_from_slice(&rows)?.f_reshape([n as i64, n_outputs as i64])?)
            }
            RowTargets::Classes(classes) => {
                Targets::Classes(Tensor::f_from_slice(&places().map(|row| classes[row]).collect::<Vec<_>>())?)
            }
            RowTargets::Noise => unreachable!("noise has no rows"),
        };
        Ok(Sample { inputs: shaped(&inputs, n, &self.shape)?, targets })
    }

    fn noise(&self, n: usize, shape: &Shape) -> Result<Sample, TchError> {
        let mut rng = self.seed.derive("inputs", 0).rng();
        let length = n * shape.0.iter().product::<usize>();
        let inputs: Vec<f32> = (0..length).map(|_| rng.normal() as f32).collect();
        let mut rng = self.seed.derive("targets", 0).rng();
        let targets: Vec<i64> = (0..n).map(|_| rng.below(self.n_outputs.max(1)) as i64).collect();
        let targets = Targets::Classes(Tensor::f_from_slice(&targets)?);
        Ok(Sample { inputs: shaped(&inputs, n, shape)?, targets })
    }
}

/// What `options` say of the inputs that is not so in `data`.
fn contradiction(data: &Data, options: &Options) -> Option<String> {
    let set = |name: &str, value: Option<u64>| value.map(|value| format!("`{name} = {value}`"));
    if let Some(option) = set("n_features", options.n_features) {
        return Some(format!("{option} is for where no data is shown; hint: leave it out"));
    }
    if !data.is_images() {
        let option =
            set("image_size", options.image_size).or(set("image_channels", options.image_channels))?;
        return Some(format!("{option} is for images, and these are rows of a table; hint: leave it out"));
    }
    let (own, wanted) = (data.input_shape().0[0] as u64, options.image_channels?);
    (own != 1 && own != wanted).then(|| {
        format!(
            "`image_channels = {wanted}`, and the images have {own}: only grey ones can be repeated; hint: leave it out"
        )
    })
}

fn shaped(numbers: &[f32], n: usize, shape: &Shape) -> Result<Tensor, TchError> {
    let mut sizes = vec![n as i64];
    sizes.extend(shape.0.iter().map(|&size| size as i64));
    Tensor::f_from_slice(numbers)?.f_reshape(&sizes)
}

/// Images `[n, channels, height, width]` in the channels and the size that are asked for.
fn resized(images: &Tensor, options: &Options) -> Result<Tensor, TchError> {
    let (n_channels, height, width) = (images.size()[1], images.size()[2], images.size()[3]);
    let images = match options.image_channels {
        Some(wanted) if n_channels == 1 && wanted > 1 => images.f_repeat([1, wanted as i64, 1, 1])?,
        _ => images.shallow_clone(),
    };
    match options.image_size {
        Some(size) if (height, width) != (size as i64, size as i64) => {
            images.f_upsample_bilinear2d([size as i64; 2], false, None, None)
        }
        _ => Ok(images),
    }
}
