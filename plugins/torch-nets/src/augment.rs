//! Changes to a batch that make more of few samples.

use heirloom_model::{Rng, Seed};
use tch::{Device, Kind, TchError, Tensor};

use crate::TorchError;

/// Moves each image by up to `padding` pixels in both directions, `border` coming in from outside, and mirrors it left
/// to right with probability one half where `flip` says so. The same seed moves images and the labels of their pixels
/// alike.
///
/// * `images`: `[n, channels, height, width]`, of any kind.
pub fn shift_and_flip(
    images: &Tensor,
    padding: usize,
    flip: bool,
    border: f64,
    seed: Seed,
) -> Result<Tensor, TorchError> {
    if padding == 0 && !flip {
        return Ok(images.shallow_clone());
    }
    try_shift_and_flip(images, padding, flip, border, &mut seed.rng())
        .map_err(|error| TorchError::new("shifting images", &[images], &error))
}

fn try_shift_and_flip(
    images: &Tensor,
    padding: usize,
    flip: bool,
    border: f64,
    rng: &mut Rng,
) -> Result<Tensor, TchError> {
    let [n, channels, height, width] = images.size()[..] else {
        return Err(TchError::Shape("images are [n, channels, height, width]".into()));
    };
    let mut rows = Vec::with_capacity((n * height) as usize);
    let mut columns = Vec::with_capacity((n * width) as usize);
    for _ in 0..n {
        let (down, right) = (rng.below(2 * padding + 1) as i64, rng.below(2 * padding + 1) as i64);
        let is_mirrored = flip && rng.below(2) == 1;
        rows.extend((0..height).map(|row| row + down));
        columns.extend((0..width).map(|column| match is_mirrored {
            true => width - 1 - column + right,
            false => column + right,
        }));
    }
    let index = |values: Vec<i64>, shape: &[i64]| -> Result<Tensor, TchError> {
        Tensor::f_from_slice(&values)?.f_reshape(shape)?.f_to_device(images.device())
    };
    let rows = index(rows, &[n, 1, height, 1])?;
    let columns = index(columns, &[n, 1, 1, width])?;
    let samples = index((0..n).collect(), &[n, 1, 1, 1])?;
    let all_channels = index((0..channels).collect(), &[1, channels, 1, 1])?;
    let padded = match padding {
        0 => images.shallow_clone(),
        _ => images.f_pad([padding as i64; 4], "constant", border)?,
    };
    padded.f_index(&[Some(samples), Some(all_channels), Some(rows), Some(columns)])
}

/// Sets a square of side `size` to `fill` in each image, its centre uniform over the image (DeVries & Taylor 2017). The
/// same seed erases the same pixels of images and of their labels.
///
/// * `images`: `[n, channels, height, width]`, normalised.
pub fn cutout(images: &Tensor, size: usize, fill: f64, seed: Seed) -> Result<Tensor, TorchError> {
    if size == 0 {
        return Ok(images.shallow_clone());
    }
    try_cutout(images, size as i64, fill, &mut seed.rng())
        .map_err(|error| TorchError::new("cutting out", &[images], &error))
}

fn try_cutout(images: &Tensor, size: i64, fill: f64, rng: &mut Rng) -> Result<Tensor, TchError> {
    let [n, _, height, width] = images.size()[..] else {
        return Err(TchError::Shape("images are [n, channels, height, width]".into()));
    };
    let device = images.device();
    let mut starts = (Vec::with_capacity(n as usize), Vec::with_capacity(n as usize));
    for _ in 0..n {
        starts.0.push(rng.below(height as usize) as i64 - size / 2);
        starts.1.push(rng.below(width as usize) as i64 - size / 2);
    }
    let within = |starts: Vec<i64>, side: i64, shape: [i64; 4]| -> Result<Tensor, TchError> {
        let starts = Tensor::f_from_slice(&starts)?.f_to_device(device)?.f_reshape([n, 1])?;
        let places = Tensor::f_arange(side, (Kind::Int64, device))?.f_sub(&starts)?;
        let is_inside = places.f_ge(0)?.f_logical_and(&places.f_lt(size)?)?;
        is_inside.f_reshape(shape)
    };
    let rows = within(starts.0, height, [n, 1, height, 1])?;
    let columns = within(starts.1, width, [n, 1, 1, width])?;
    images.f_masked_fill(&rows.f_logical_and(&columns)?, fill)
}

/// Which samples are mixed with which, and how much of the first is kept (Zhang et al. 2018).
#[derive(Debug)]
pub struct MixUp {
    /// The share of the first sample, the larger one of the two.
    pub share: f64,
    /// For each sample, its partner: `[n]`, 64-bit.
    pub partners: Tensor,
}

impl MixUp {
    /// A mixture of `n` samples with a share drawn from Beta(`alpha`, `alpha`).
    pub fn draw(n: usize, alpha: f64, seed: Seed, device: Device) -> Result<Self, TorchError> {
        let mut rng = seed.rng();
        let (first, second) = (gamma(alpha, &mut rng), gamma(alpha, &mut rng));
        // Both can underflow for a small `alpha`: then one of the two samples stands alone.
        let share = if first + second > 0.0 { first / (first + second) } else { 1.0 };
        let mut partners: Vec<i64> = (0..n as i64).collect();
        rng.shuffle(&mut partners);
        let partners = Tensor::f_from_slice(&partners)
            .and_then(|partners| partners.f_to_device(device))
            .map_err(TorchError::at("drawing a mixture"))?;
        Ok(Self { share: share.max(1.0 - share), partners })
    }

    /// The mixed input, `[n, sample…]`.
    pub fn mix(&self, input: &Tensor) -> Result<Tensor, TorchError> {
        let partners = self.partners_of(input)?;
        input
            .f_mul_scalar(self.share)
            .and_then(|input| input.f_add(&partners.f_mul_scalar(1.0 - self.share)?))
            .map_err(|error| TorchError::new("mixing", &[input], &error))
    }

    /// The partner's row for each row.
    pub fn partners_of(&self, rows: &Tensor) -> Result<Tensor, TorchError> {
        rows.f_index_select(0, &self.partners)
            .map_err(|error| TorchError::new("mixing", &[rows, &self.partners], &error))
    }
}

/// A draw from the gamma distribution of this shape and scale 1 (Marsaglia & Tsang 2000).
fn gamma(shape: f64, rng: &mut Rng) -> f64 {
    if shape < 1.0 {
        let boost = rng.uniform().powf(1.0 / shape);
        return gamma(shape + 1.0, rng) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = rng.normal();
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - rng.uniform();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}
