//! Matrices that say how alike a network's inputs are to it.

use tch::{Kind, Tensor};

use crate::probe::{Graph, Result, gradients};
use crate::{Probe, Sample};

/// The eigenvalues of a symmetric matrix `[n, n]`, ascending, `[n]`.
///
/// Those below what double precision can tell from zero are raised to that: a logarithm of them is then the lowest
/// that there is, not noise.
pub(crate) fn eigenvalues(matrix: &Tensor) -> Result<Vec<f64>> {
    let values = matrix.f_to_kind(Kind::Double)?.f_linalg_eigvalsh("L")?;
    let mut values = Vec::<f64>::try_from(&values)?;
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let floor = largest * f64::EPSILON * values.len() as f64;
    values.iter_mut().for_each(|value| *value = value.max(floor));
    Ok(values)
}

/// The correlation of each pair of rows of `[n, d]`: `[n, n]`, double precision; `None` where a row is constant.
pub(crate) fn correlations(rows: &Tensor) -> Result<Option<Tensor>> {
    let rows = rows.f_to_kind(Kind::Double)?;
    let centred = rows.f_sub(&rows.f_mean_dim(1, true, None)?)?;
    let lengths = centred.f_square()?.f_sum_dim_intlist(1, true, None)?.f_sqrt()?;
    let shortest = lengths.f_min()?.f_double_value(&[])?;
    if shortest.is_nan() || shortest <= 0.0 {
        return Ok(None);
    }
    let unit = centred.f_div(&lengths)?;
    Ok(Some(unit.f_matmul(&unit.f_tr()?)?.f_clamp(-1.0, 1.0)?))
}

/// The condition number of the matrix of inner products of ∂(Σ outputs)/∂θ of each input.
pub(super) fn ntk(probe: &Probe, sample: &Sample) -> Result<f64> {
    let output = probe.run(&sample.inputs)?.f_flatten(1, -1)?.f_sum_dim_intlist(1, false, None)?;
    let parameters = probe.parameters();
    let mut rows = Vec::new();
    for place in 0..sample.len() {
        let by = gradients(&output.f_select(0, place)?, &parameters, Graph::Kept)?;
        let row = by.iter().flatten().map(|gradient| gradient.f_flatten(0, -1));
        let row = row.collect::<std::result::Result<Vec<_>, _>>()?;
        if row.is_empty() {
            return Ok(f64::NAN);
        }
        rows.push(Tensor::f_cat(&row, 0)?);
    }
    let rows = Tensor::f_stack(&rows, 0)?;
    let values = eigenvalues(&rows.f_matmul(&rows.f_tr()?)?)?;
    Ok(match values[..] {
        // Below what single precision tells from zero a kernel is singular.
        [smallest, .., largest] if smallest > largest * f64::from(f32::EPSILON) => largest / smallest,
        _ => f64::NAN,
    })
}
