//! Random tensors that follow from a seed alone.

use heirloom_model::Seed;
use tch::{Device, Kind, Tensor};

use crate::{TorchError, TorchErrorKind};

/// Numbers uniform in `[-bound, bound)`, 32-bit, on the CPU.
pub fn uniform(seed: Seed, bound: f64, shape: &[i64]) -> Result<Tensor, TorchError> {
    let mut rng = seed.rng();
    let n: i64 = shape.iter().product();
    let mut numbers: Vec<f32> = Vec::new();
    // The largest tensors of a network that is too large for the machine: no reason to end the process.
    numbers.try_reserve_exact(n as usize).map_err(|error| TorchError {
        kind: TorchErrorKind::OutOfMemory,
        what: "drawing numbers".into(),
        shapes: vec![shape.to_vec()],
        message: error.to_string(),
    })?;
    numbers.extend((0..n).map(|_| ((2.0 * rng.uniform() - 1.0) * bound) as f32));
    Tensor::f_from_slice(&numbers)
        .and_then(|tensor| tensor.f_reshape(shape))
        .map_err(TorchError::at("drawing numbers"))
}

/// 1 with probability `keep`, else 0; 8-bit, on `device`.
pub fn uniform_mask(seed: Seed, keep: f64, shape: &[i64], device: Device) -> Result<Tensor, TorchError> {
    let mut rng = seed.rng();
    let n: usize = shape.iter().map(|&size| size as usize).product();
    // Sixteen bits are fine enough for a rate, and one draw gives four of them.
    let below = (keep * 65536.0).round() as u64;
    let mut bits = Vec::with_capacity(n + 3);
    while bits.len() < n {
        let drawn = rng.next_u64();
        bits.extend((0..4).map(|part| u8::from((drawn >> (16 * part)) & 0xffff < below)));
    }
    bits.truncate(n);
    Tensor::f_from_data_size(&bits, shape, Kind::Uint8)
        .and_then(|mask| mask.f_to_device(device))
        .map_err(TorchError::at("drawing a mask"))
}
