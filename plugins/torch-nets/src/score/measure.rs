//! Scores from answers and targets, piece by piece; each in the order of [`Score::of`](super::Score::of).

use tch::{Kind, Reduction, TchError, Tensor};

use super::macro_auc;
use crate::TorchError;
use crate::data::UNLABELLED;

/// What the network gave for some rows, and their targets.
type Answers = Result<(Tensor, Tensor), TorchError>;

/// Accuracy, balanced accuracy, loss, macro-AUC.
pub(super) fn classes(
    answers: impl Iterator<Item = Answers>,
    n_classes: usize,
) -> Result<Vec<f64>, TorchError> {
    let mut loss = 0.0;
    let (mut probabilities, mut targets) = (Vec::new(), Vec::new());
    for piece in answers {
        let (output, target) = piece?;
        let read = || -> Result<(f64, Vec<f64>, Vec<i64>), TchError> {
            let loss = cross_entropy(&output, &target)?;
            let probabilities = output.f_softmax(1, Kind::Double)?.f_flatten(0, -1)?;
            Ok((loss, Vec::try_from(probabilities)?, Vec::try_from(&target)?))
        };
        let (sum, of_rows, of_targets) =
            read().map_err(|error| TorchError::new("scoring", &[&output, &target], &error))?;
        loss += sum;
        probabilities.extend(of_rows);
        targets.extend(of_targets);
    }
    let (mut n_right, mut n_rows) = (vec![0_u64; n_classes], vec![0_u64; n_classes]);
    for (row, &target) in probabilities.chunks_exact(n_classes).zip(&targets) {
        let answer = (1..n_classes).fold(0, |best, class| if row[class] > row[best] { class } else { best });
        n_rows[target as usize] += 1;
        n_right[target as usize] += u64::from(answer as i64 == target);
    }
    let n = targets.len() as f64;
    let recalls = n_right.iter().zip(&n_rows).filter(|(_, rows)| **rows > 0);
    Ok(vec![
        n_right.iter().sum::<u64>() as f64 / n,
        mean(recalls.map(|(&right, &rows)| right as f64 / rows as f64)),
        loss / n,
        macro_auc(&probabilities, &targets, n_classes),
    ])
}

/// Mean intersection over union, the share of pixels recognised, loss.
pub(super) fn pixel_classes(
    answers: impl Iterator<Item = Answers>,
    n_classes: usize,
) -> Result<Vec<f64>, TorchError> {
    let n = n_classes as i64;
    let mut loss = 0.0;
    // How often a pixel of the class `row` was answered with the class `column`, `[n_classes × n_classes]`.
    let mut confusion = vec![0_i64; n_classes * n_classes];
    for piece in answers {
        let (output, target) = piece?;
        let read = || -> Result<(f64, Vec<i64>), TchError> {
            let is_labelled = target.f_ne(UNLABELLED)?;
            let pairs = target.f_mul_scalar(n)?.f_add(&output.f_argmax(1, false)?)?;
            let counts = pairs.f_masked_select(&is_labelled)?.f_bincount(None::<Tensor>, n * n)?;
            Ok((cross_entropy(&output, &target)?, Vec::try_from(counts)?))
        };
        let (sum, counts) =
            read().map_err(|error| TorchError::new("scoring", &[&output, &target], &error))?;
        loss += sum;
        confusion.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
    }
    let count = |class: usize, answer: usize| confusion[class * n_classes + answer] as f64;
    let overlaps = (0..n_classes).filter_map(|class| {
        let sum = |cell: &dyn Fn(usize) -> f64| (0..n_classes).map(cell).sum::<f64>();
        let both = count(class, class);
        let either = sum(&|answer| count(class, answer)) + sum(&|other| count(other, class)) - both;
        (either > 0.0).then(|| both / either)
    });
    let n_pixels = confusion.iter().sum::<i64>() as f64;
    let n_right = (0..n_classes).map(|class| count(class, class)).sum::<f64>();
    Ok(vec![mean(overlaps), n_right / n_pixels, loss / n_pixels])
}

/// Root of the mean squared error in the targets' unit, R², loss. A target that is NaN does not count.
///
/// * `std`: what the targets were divided by, for each of their channels.
pub(super) fn values(answers: impl Iterator<Item = Answers>, std: &[f64]) -> Result<Vec<f64>, TorchError> {
    let (mut errors, mut own_errors, mut spread) = (0.0, 0.0, Spread::default());
    // Squares in the largest unit would be infinite: it comes in after the root.
    let largest = std.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let std: Vec<f64> = std.iter().map(|std| std / largest).collect();
    for piece in answers {
        let (output, target) = piece?;
        let read = || -> Result<(f64, f64, Spread), TchError> {
            let mut unit = vec![1; target.dim()];
            unit[1] = std.len() as i64;
            let unit = Tensor::f_from_slice(&std)?.f_reshape(unit)?.f_to_device(target.device())?;
            let target = target.f_to_kind(Kind::Double)?;
            let is_none = target.f_isnan()?;
            let error = output.f_to_kind(Kind::Double)?.f_sub(&target)?.f_masked_fill(&is_none, 0.0)?;
            let own_error = error.f_mul(&unit)?.f_square()?;
            let total = |values: &Tensor| values.f_sum(Kind::Double)?.f_double_value(&[]);
            let targets = target.f_masked_select(&is_none.f_logical_not()?)?;
            Ok((total(&error.f_square()?)?, total(&own_error)?, Spread::of(&targets)?))
        };
        let (of_piece, own_of_piece, targets) =
            read().map_err(|error| TorchError::new("scoring", &[&output, &target], &error))?;
        errors += of_piece;
        own_errors += own_of_piece;
        spread = spread.with(targets);
    }
    let n = spread.n;
    let loss = errors / n;
    let r2 = if spread.least == spread.most { loss * 0.0 } else { 1.0 - errors / spread.squares };
    Ok(vec![largest * (own_errors / n).sqrt(), r2, loss])
}

/// How far targets are from one another. One far out among the training rows brings all others close together: no
/// number says which deviation is none.
struct Spread {
    n: f64,
    mean: f64,
    /// The sum of squared distances from the mean.
    squares: f64,
    least: f64,
    most: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { n: 0.0, mean: 0.0, squares: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY }
    }
}

impl Spread {
    /// * `targets`: 64-bit numbers, `[n]`.
    fn of(targets: &Tensor) -> Result<Self, TchError> {
        if targets.numel() == 0 {
            return Ok(Self::default());
        }
        let value = |of: Tensor| of.f_double_value(&[]);
        let mean = value(targets.f_mean(Kind::Double)?)?;
        let squares = value(targets.f_sub_scalar(mean)?.f_square()?.f_sum(Kind::Double)?)?;
        let (least, most) = (value(targets.f_min()?)?, value(targets.f_max()?)?);
        Ok(Self { n: targets.numel() as f64, mean, squares, least, most })
    }

    /// That of both together. Source: Chan, Golub and LeVeque 1983, "Algorithms for Computing the Sample Variance".
    fn with(self, other: Self) -> Self {
        let n = self.n + other.n;
        if n == 0.0 {
            return self;
        }
        let (share, distance) = (other.n / n, other.mean - self.mean);
        Self {
            n,
            mean: self.mean + share * distance,
            squares: self.squares + other.squares + share * self.n * distance.powi(2),
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }
}

/// The sum of it over the rows, or over the labelled pixels.
fn cross_entropy(output: &Tensor, target: &Tensor) -> Result<f64, TchError> {
    output.f_cross_entropy_loss(target, None::<Tensor>, Reduction::Sum, UNLABELLED, 0.0)?.f_double_value(&[])
}

/// NaN of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}
