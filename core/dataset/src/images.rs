//! Images, and targets of their pixels.

use crate::{Array, ArrayValues, Error, Result, Target, TargetKind};

/// The code of a pixel that has no class.
pub const NO_CLASS: u8 = 255;

/// Images as they were stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixels<'a> {
    /// The shape of one image, such as `[28, 28]`.
    pub shape: &'a [usize],
    /// `[n_rows × shape]`, row-major.
    pub values: &'a Intensities,
}

/// What the pixels of images hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Intensities {
    /// Bytes, 0 to 255.
    Bytes(Vec<u8>),
    /// Finite numbers of any range.
    Numbers(Vec<f64>),
}

impl Pixels<'_> {
    /// `[channels, height, width]`, and whether the channels stand last in what is stored; `None` where rows are no
    /// images.
    pub fn layout(&self) -> Option<([usize; 3], bool)> {
        layout(self.shape)
    }
}

/// Of three dimensions the channels are the smaller one of the first and the last.
pub(crate) fn layout(shape: &[usize]) -> Option<([usize; 3], bool)> {
    match *shape {
        [height, width] => Some(([1, height, width], false)),
        [height, width, channels] if channels < height => Some(([channels, height, width], true)),
        [channels, height, width] => Some(([channels, height, width], false)),
        _ => None,
    }
}

/// Refuses images without pixels, and those of which it cannot be told where their channels stand.
pub(crate) fn check_layout(x: &Array) -> Result<()> {
    match x.shape[1..] {
        [_, _, ..] if x.shape.contains(&0) => {
            let hint = "an image has at least one pixel";
            Err(Error::ShapeMismatch { what: format!("images `{}`", x.name), found: x.shape.clone(), hint })
        }
        [first, _, last] if first == last && ![1, 3].contains(&first) => {
            let hint = "the channels of an image are the smaller of its first and last dimension, and these are equal; \
                        add or cut pixels so that height and width differ from the number of channels";
            let what = format!("images `{}`", x.name);
            Err(Error::ShapeMismatch { what, found: x.shape.clone(), hint })
        }
        _ => Ok(()),
    }
}

impl Intensities {
    /// Every `step`-th value from the one at `first` on.
    pub(crate) fn every(&self, first: usize, step: usize) -> Vec<f64> {
        match self {
            Intensities::Bytes(values) => {
                values.iter().skip(first).step_by(step).map(|&value| f64::from(value)).collect()
            }
            Intensities::Numbers(values) => values.iter().skip(first).step_by(step).copied().collect(),
        }
    }
}

/// The values of images, all finite.
pub(crate) fn numbers(x: &Array) -> Result<Vec<f64>> {
    let number = |place: usize| match x.values.number(place) {
        value if value.is_finite() => Ok(value),
        _ => Err(bad_pixel(x, place, "the values of an image must be finite")),
    };
    (0..x.values.len()).map(number).collect()
}

/// Targets of the pixels of images of the shape `image`.
pub(crate) fn target(y: Array, image: &[usize], kind: TargetKind) -> Result<Target> {
    let mismatch = |found: Vec<usize>, hint| {
        Err(Error::ShapeMismatch { what: format!("targets `{}`", y.name), found, hint })
    };
    let Some(([channels, height, width], channels_last)) = layout_of_target(&y.shape[1..], image) else {
        let hint = "targets must be one value a row, or of images one label for each pixel `[n, height, width]` or \
                    numbers `[n, channels, height, width]`, in the images' height and width";
        return mismatch(y.shape.clone(), hint);
    };
    let is_classes = match kind {
        TargetKind::Auto => channels == 1 && !matches!(y.values, ArrayValues::Float(_)),
        TargetKind::Classification => true,
        TargetKind::Regression => false,
    };
    if !is_classes {
        let values = values(&y, [channels, height, width], channels_last)?;
        return Ok(Target::PixelValues { values, shape: [channels, height, width] });
    }
    if channels != 1 {
        return mismatch(y.shape.clone(), "classes are one label for each pixel, `[n, height, width]`");
    }
    let (codes, names) = classes(&y)?;
    Ok(Target::PixelClasses { codes, names, size: [height, width] })
}

/// `[channels, height, width]` of the targets of one image, and whether the channels stand last: where they could
/// stand in both places, as they do in the image.
fn layout_of_target(shape: &[usize], image: &[usize]) -> Option<([usize; 3], bool)> {
    let ([_, height, width], image_has_channels_last) = layout(image)?;
    match *shape {
        [h, w] if [h, w] == [height, width] => Some(([1, height, width], false)),
        [first, second, third] => {
            let is_first = [second, third] == [height, width];
            let is_last = [first, second] == [height, width];
            match (is_first, is_last) {
                (true, true) => Some(([first, height, width], image_has_channels_last)),
                (true, false) => Some(([first, height, width], false)),
                (false, true) => Some(([third, height, width], true)),
                (false, false) => None,
            }
        }
        _ => None,
    }
}

/// Codes among the labels that occur, `[n × height × width]`, and those labels.
fn classes(y: &Array) -> Result<(Vec<u8>, Vec<String>)> {
    let label = |place: usize| match y.values.number(place) {
        value if value.is_nan() || value == -1.0 || value == f64::from(NO_CLASS) => Ok(NO_CLASS),
        value if value.fract() == 0.0 && (0.0..f64::from(NO_CLASS)).contains(&value) => Ok(value as u8),
        _ => Err(bad_pixel(
            y,
            place,
            "labels of pixels are whole numbers from 0 to 254, and 255 or -1 where a pixel has none; for numbers set \
             `kind = \"regression\"`",
        )),
    };
    let labels: Vec<u8> = (0..y.values.len()).map(label).collect::<Result<_>>()?;
    let mut codes = [NO_CLASS; 256];
    let mut names = Vec::new();
    let mut occurs = [false; 256];
    labels.iter().for_each(|&label| occurs[usize::from(label)] = true);
    for label in (0..NO_CLASS).filter(|&label| occurs[usize::from(label)]) {
        codes[usize::from(label)] = names.len() as u8;
        names.push(label.to_string());
    }
    Ok((labels.into_iter().map(|label| codes[usize::from(label)]).collect(), names))
}

/// `[n × channels × height × width]`.
fn values(y: &Array, [channels, height, width]: [usize; 3], channels_last: bool) -> Result<Vec<f64>> {
    let value = |place: usize| match y.values.number(place) {
        value if value.is_infinite() => {
            Err(bad_pixel(y, place, "values of pixels must be finite, and NaN where a pixel has none"))
        }
        value => Ok(value),
    };
    let area = height * width;
    let place_of = |place: usize| match channels_last {
        false => place,
        true => {
            let (image, within) = (place / (channels * area), place % (channels * area));
            image * channels * area + within % area * channels + within / area
        }
    };
    (0..y.values.len()).map(|place| value(place_of(place))).collect()
}

fn bad_pixel(array: &Array, place: usize, hint: &'static str) -> Error {
    let mut rest = place;
    let mut index: Vec<usize> = array
        .shape
        .iter()
        .rev()
        .map(|&size| {
            let own = rest % size;
            rest /= size;
            own
        })
        .collect();
    index.reverse();
    let value = array.values.number(place).to_string();
    Error::BadPixel { array: array.name.clone(), index, value, hint }
}

#[cfg(test)]
mod tests;
