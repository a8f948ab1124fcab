//! Rows as tensors.

use std::collections::HashMap;

use heirloom_dataset::{Dataset, FeatureKind, Intensities, Target};
use heirloom_network::preparation::{ColumnValues, InputPreparation, TargetPreparation};
use tch::{Device, Kind, TchError, Tensor};

/// The prepared rows of a table, `[n, inputs]`, or images as they were stored, `[n, channels, height, width]`.
pub(super) fn input(
    dataset: &Dataset,
    preparation: &InputPreparation,
    rows: &[usize],
) -> Result<Tensor, TchError> {
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
            let images = match pixels.values {
                Intensities::Bytes(bytes) => Tensor::f_from_slice(&of_rows(bytes, rows, size, |&byte| byte))?,
                Intensities::Numbers(numbers) => {
                    Tensor::f_from_slice(&of_rows(numbers, rows, size, |&number| number as f32))?
                }
            };
            let [n, channels, height, width] =
                [rows.len(), *channels, *height, *width].map(|size| size as i64);
            match channels_last {
                false => images.f_reshape([n, channels, height, width]),
                true => {
                    images.f_reshape([n, height, width, channels])?.f_permute([0, 3, 1, 2])?.f_contiguous()
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

/// See [`Part`](super::Part).
pub(super) fn target(
    dataset: &Dataset,
    preparation: &TargetPreparation,
    rows: &[usize],
) -> Result<Tensor, TchError> {
    let n = rows.len() as i64;
    match (dataset.target(), preparation) {
        (Target::Regression(values), TargetPreparation::Values { mean, std }) => {
            let values: Vec<f32> = rows.iter().map(|&row| ((values[row] - mean) / std) as f32).collect();
            Tensor::f_from_slice(&values)?.f_reshape([n, 1])
        }
        (Target::Classes { codes, .. }, _) => {
            let codes: Vec<i64> = rows.iter().map(|&row| i64::from(codes[row])).collect();
            Tensor::f_from_slice(&codes)
        }
        (Target::PixelClasses { codes, size: [height, width], .. }, _) => {
            let codes = of_rows(codes, rows, height * width, |&code| code);
            Tensor::f_from_slice(&codes)?.f_reshape([n, *height as i64, *width as i64])
        }
        (Target::PixelValues { values, shape }, TargetPreparation::PixelValues { mean, std }) => {
            let [channels, height, width] = shape.map(|size| size as i64);
            let of_channels = |values: &[f64]| Tensor::f_from_slice(values)?.f_reshape([1, channels, 1, 1]);
            let values = of_rows(values, rows, shape.iter().product(), |&value| value);
            let values = Tensor::f_from_slice(&values)?.f_reshape([n, channels, height, width])?;
            values.f_sub(&of_channels(mean)?)?.f_div(&of_channels(std)?)?.f_to_kind(Kind::Float)
        }
        (Target::Regression(_) | Target::PixelValues { .. }, _) => {
            unreachable!("the preparation was made for this target")
        }
    }
}

/// What holds a number that is infinite once prepared, if anything does.
pub(super) fn infinite(
    preparation: &InputPreparation,
    input: &Tensor,
    target: &Tensor,
) -> Result<Option<String>, TchError> {
    let has_any = |tensor: &Tensor| tensor.f_isinf()?.f_any()?.f_int64_value(&[]).map(|any| any != 0);
    if has_any(target)? {
        return Ok(Some("the target".into()));
    }
    if !has_any(input)? {
        return Ok(None);
    }
    let InputPreparation::Table { columns } = preparation else { return Ok(Some("an image".into())) };
    let mut start = 0;
    for column in columns {
        let width = column.values.width() as i64;
        if has_any(&input.f_narrow(1, start, width)?)? {
            return Ok(Some(format!("column `{}`", column.name)));
        }
        start += width;
    }
    Ok(None)
}

fn of_rows<T, U>(values: &[T], rows: &[usize], width: usize, value: impl Fn(&T) -> U) -> Vec<U> {
    rows.iter().flat_map(|&row| &values[row * width..(row + 1) * width]).map(value).collect()
}

/// What turns images into input: mean and reciprocal deviation, `[1, channels, 1, 1]` each.
pub(super) fn pixel_scale(
    preparation: &InputPreparation,
    device: Device,
) -> Result<Option<(Tensor, Tensor)>, TchError> {
    let InputPreparation::Image { mean, std, .. } = preparation else { return Ok(None) };
    let of_channels = |values: Vec<f32>| -> Result<Tensor, TchError> {
        Tensor::f_from_slice(&values)?.f_reshape([1, values.len() as i64, 1, 1])?.f_to_device(device)
    };
    let mean_of_bytes = mean.iter().map(|mean| (mean * 255.0) as f32).collect();
    let scale_of_bytes = std.iter().map(|std| (1.0 / (std * 255.0)) as f32).collect();
    Ok(Some((of_channels(mean_of_bytes)?, of_channels(scale_of_bytes)?)))
}
