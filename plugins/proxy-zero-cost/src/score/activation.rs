//! Scores of which activations an input switches on: rectifiers, as published, and other functions alike.

use std::collections::HashSet;

use heirloom_network::{Activation, Operation};
use tch::{Kind, TchError, Tensor};

use super::kernel::eigenvalues;
use crate::probe::Result;
use crate::{Probe, Sample};

/// How many inputs are sorted into linear regions.
pub(super) const REGION_INPUTS: i64 = 1024;

/// Shows `see` the code of every activation: which of its numbers are positive, `[n, d]`, one byte each.
fn each_code(
    probe: &Probe,
    inputs: &Tensor,
    see: &mut dyn FnMut(Tensor) -> std::result::Result<(), TchError>,
) -> Result<()> {
    let layers = probe.network().layers();
    let mut outcome = Ok(());
    let _output = probe.observe(inputs, &mut |place, result| {
        let Operation::Activation { function } = layers[place].operation else { return };
        // What comes out is positive where what goes in is, but for the functions that are always positive.
        let border = if function == Activation::Sigmoid { 0.5 } else { 0.0 };
        if outcome.is_ok() {
            outcome = result.f_flatten(1, -1).and_then(|rows| rows.f_gt(border)).and_then(&mut *see);
        }
    })?;
    Ok(outcome?)
}

/// ln |K|, K the count of numbers on which two inputs' codes agree, over all layers.
pub(super) fn naswot(probe: &Probe, sample: &Sample) -> Result<f64> {
    let mut kernel: Option<Tensor> = None;
    each_code(probe, &sample.inputs, &mut |code| {
        // With ±1 for on and off, a product of two rows is agreements minus disagreements.
        let (signs, d) = (code.f_to_kind(Kind::Float)?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?, code.size()[1]);
        let balance = signs.f_matmul(&signs.f_tr()?)?.f_to_kind(Kind::Double)?;
        let agreements = balance.f_add_scalar(d)?.f_div_scalar(2.0)?;
        kernel = Some(match kernel.take() {
            Some(kernel) => kernel.f_add(&agreements)?,
            None => agreements,
        });
        Ok(())
    })?;
    match kernel {
        Some(kernel) => Ok(eigenvalues(&kernel)?.iter().map(|value| value.ln()).sum()),
        None => Ok(f64::NAN),
    }
}

/// How many different codes the inputs have.
pub(super) fn linear_regions(probe: &Probe, sample: &Sample) -> Result<f64> {
    let mut codes: Vec<Vec<u8>> = vec![Vec::new(); sample.len() as usize];
    each_code(probe, &sample.inputs, &mut |code| {
        let (n, d) = (codes.len(), code.size()[1] as usize);
        let bytes = Vec::<u8>::try_from(code.f_to_kind(Kind::Uint8)?.f_flatten(0, -1)?)?;
        debug_assert_eq!(bytes.len(), n * d);
        for (code, own) in codes.iter_mut().zip(bytes.chunks(d.max(1))) {
            code.extend(own.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)));
        }
        Ok(())
    })?;
    if codes.first().is_none_or(Vec::is_empty) {
        return Ok(f64::NAN);
    }
    Ok(codes.into_iter().collect::<HashSet<_>>().len() as f64)
}
