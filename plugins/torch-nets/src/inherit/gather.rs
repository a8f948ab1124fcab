//! Tensors of a child put together from a parent's.

use tch::{Kind, TchError, Tensor};

/// For each index of the child's dimension the parent's index that it shows; `None` where there is none.
pub(crate) type Map = Vec<Option<usize>>;

/// The map of a dimension that stayed as it was.
pub(crate) fn identity(n: usize) -> Map {
    (0..n).map(Some).collect()
}

/// How often each of the parent's `n` indices is shown.
pub(crate) fn counts(map: &Map, n: usize) -> Vec<usize> {
    let mut counts = vec![0; n];
    map.iter().flatten().for_each(|&from| counts[from] += 1);
    counts
}

/// Each index stretched over `stretch` in a row, in child and parent.
pub(crate) fn stretched(map: &Map, stretch: usize) -> Map {
    let stretch_one = |from: &Option<usize>| {
        let from = *from;
        (0..stretch).map(move |step| from.map(|from| from * stretch + step))
    };
    map.iter().flat_map(stretch_one).collect()
}

/// The parent's rows along `dim`; rows of `fresh` (the same shape as the result) where the map has none.
pub(crate) fn rows(parent: &Tensor, map: &Map, dim: i64, fresh: &Tensor) -> Result<Tensor, TchError> {
    let idx: Vec<i64> = map.iter().map(|from| from.unwrap_or(0) as i64).collect();
    let gathered = parent.f_index_select(dim, &Tensor::f_from_slice(&idx)?.f_to_device(parent.device())?)?;
    if map.iter().all(Option::is_some) {
        return Ok(gathered);
    }
    let is_known: Vec<bool> = map.iter().map(Option::is_some).collect();
    let mut shape = vec![1; parent.dim()];
    shape[dim as usize] = -1;
    let mask = Tensor::f_from_slice(&is_known)?.f_reshape(&shape)?.f_to_device(parent.device())?;
    let fresh = fresh.f_to_kind(parent.kind())?.f_to_device(parent.device())?;
    gathered.f_where_self(&mask, &fresh)
}

/// The parent's columns (dimension 1), each times its factor. Columns without a parent's come to zero.
pub(crate) fn columns(parent: &Tensor, map: &Map, factors: &[f64]) -> Result<Tensor, TchError> {
    let idx: Vec<i64> = map.iter().map(|from| from.unwrap_or(0) as i64).collect();
    let gathered = parent.f_index_select(1, &Tensor::f_from_slice(&idx)?.f_to_device(parent.device())?)?;
    if factors.iter().all(|&factor| factor == 1.0) {
        return Ok(gathered);
    }
    let mut shape = vec![1; parent.dim()];
    shape[1] = -1;
    let factors = Tensor::f_from_slice(factors)?.f_reshape(&shape)?;
    gathered.f_mul(&factors.f_to_kind(parent.kind())?.f_to_device(parent.device())?)
}

/// A kernel `[…, height, width]` padded with zeros or cropped to `size` about its centre.
pub(crate) fn centred(kernel: &Tensor, size: [usize; 2]) -> Result<Tensor, TchError> {
    let mut result = kernel.shallow_clone();
    for (axis, &wanted) in size.iter().enumerate() {
        let dim = 2 + axis as i64;
        let (have, wanted) = (result.size()[dim as usize], wanted as i64);
        if wanted < have {
            result = result.f_narrow(dim, (have - wanted) / 2, wanted)?;
        } else if wanted > have {
            let before = (wanted - have) / 2;
            let after = wanted - have - before;
            // Pairs run from the last dimension on.
            result = match axis {
                0 => result.f_constant_pad_nd([0, 0, before, after])?,
                _ => result.f_constant_pad_nd([before, after])?,
            };
        }
    }
    Ok(result)
}

/// Euclidean norm of each row, as f64, `[rows]`.
pub(crate) fn row_norms(weight: &Tensor) -> Result<Vec<f64>, TchError> {
    let flat = weight.f_to_kind(Kind::Double)?.f_flatten(1, -1)?;
    let norms = flat.f_square()?.f_sum_dim_intlist(&[1_i64][..], false, None)?.f_sqrt()?;
    Vec::<f64>::try_from(norms.f_to_device(tch::Device::Cpu)?)
}
