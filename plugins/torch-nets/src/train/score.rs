//! How good a network is on a part of a data set.

use heirloom_network::Network;
use heirloom_network::preparation::TargetPreparation;
use tch::{Kind, Reduction, TchError, Tensor, no_grad};

use super::{resized, run};
use crate::{Data, Mode, Part, TorchError, Weights};

/// How good a network is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scores {
    /// As a classifier.
    Classes {
        /// Mean cross-entropy, in nats, without smoothing or class weights.
        loss: f64,
        /// The share of rows (of pixels) whose class has the highest score, 0 to 1.
        accuracy: f64,
        /// The mean over the classes that occur of the share recognised, 0 to 1.
        balanced_accuracy: f64,
    },
    /// As a predictor of values.
    Values {
        /// Mean squared error over standardised targets.
        loss: f64,
        /// Root of the mean squared error, in the target's own unit.
        rmse: f64,
        /// 1 less the error's share of the part's variance (R²); 0 where all targets are equal.
        r2: f64,
    },
}

impl Scores {
    /// The mean loss.
    pub fn loss(&self) -> f64 {
        match *self {
            Self::Classes { loss, .. } | Self::Values { loss, .. } => loss,
        }
    }

    /// Runs `network` over `part` and compares; NaN in all numbers for a part without rows.
    pub fn of(
        network: &Network,
        weights: &Weights,
        data: &Data,
        part: &Part,
        resolution: Option<usize>,
        bfloat16: bool,
    ) -> Result<Self, TorchError> {
        no_grad(|| {
            let outputs = Pieces { data, part, start: 0 }.map(|piece| {
                let (input, target) = piece?;
                let input = resized(&data.normalised(&input)?, resolution)?;
                let output = run(network, weights, &input, Mode::Evaluation, bfloat16)?;
                Ok((output.main, target))
            });
            match &data.preparation().target {
                TargetPreparation::Classes { names } => classes(outputs, names.len()),
                TargetPreparation::Values { std, .. } => values(outputs, *std),
            }
        })
    }
}

/// Rows of one pass: enough to keep the cores at work, few enough to stay in the cache.
const ROWS_OF_TABLES: usize = 4_096;
const ROWS_OF_IMAGES: usize = 256;

/// A part in pieces: input and target.
struct Pieces<'a> {
    data: &'a Data,
    part: &'a Part,
    start: usize,
}

impl Iterator for Pieces<'_> {
    type Item = Result<(Tensor, Tensor), TorchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let most = match (self.data.is_images(), self.data.device().is_cuda()) {
            (true, false) => ROWS_OF_IMAGES,
            _ => ROWS_OF_TABLES,
        };
        let n = most.min(self.part.len() - self.start);
        let start = self.start;
        self.start += n;
        (n > 0).then(|| self.data.rows(self.part, start, n))
    }
}

type Answers = Result<(Tensor, Tensor), TorchError>;

fn classes(outputs: impl Iterator<Item = Answers>, n_classes: usize) -> Result<Scores, TorchError> {
    let (mut loss, mut n_all) = (0.0, 0_u64);
    let (mut n_right, mut n_rows) = (vec![0_u64; n_classes], vec![0_u64; n_classes]);
    for answers in outputs {
        let (output, target) = answers?;
        let read = || -> Result<(f64, Vec<i64>, Vec<i64>), TchError> {
            let loss = output.f_cross_entropy_loss(&target, None::<Tensor>, Reduction::Sum, -100, 0.0)?;
            let answers = output.f_argmax(1, false)?.f_flatten(0, -1)?;
            let target = target.f_flatten(0, -1)?;
            Ok((loss.f_double_value(&[])?, Vec::try_from(answers)?, Vec::try_from(target)?))
        };
        let (sum, answers, targets) =
            read().map_err(|error| TorchError::new("scoring", &[&output, &target], &error))?;
        loss += sum;
        n_all += targets.len() as u64;
        for (answer, target) in answers.into_iter().zip(targets) {
            n_rows[target as usize] += 1;
            n_right[target as usize] += u64::from(answer == target);
        }
    }
    let recalls: Vec<f64> = n_right
        .iter()
        .zip(&n_rows)
        .filter(|(_, rows)| **rows > 0)
        .map(|(&right, &rows)| right as f64 / rows as f64)
        .collect();
    let n = n_all as f64;
    Ok(Scores::Classes {
        loss: loss / n,
        accuracy: n_right.iter().sum::<u64>() as f64 / n,
        balanced_accuracy: recalls.iter().sum::<f64>() / recalls.len() as f64,
    })
}

fn values(outputs: impl Iterator<Item = Answers>, std: f64) -> Result<Scores, TorchError> {
    let (mut n, mut errors, mut sum, mut squares) = (0.0, 0.0, 0.0, 0.0);
    for answers in outputs {
        let (output, target) = answers?;
        let read = || -> Result<(f64, f64, f64), TchError> {
            let target = target.f_to_kind(Kind::Double)?;
            let error = output.f_to_kind(Kind::Double)?.f_sub(&target)?.f_square()?;
            let total = |values: &Tensor| values.f_sum(Kind::Double)?.f_double_value(&[]);
            Ok((total(&error)?, total(&target)?, total(&target.f_square()?)?))
        };
        let (error, target_sum, target_squares) =
            read().map_err(|error| TorchError::new("scoring", &[&output, &target], &error))?;
        errors += error;
        sum += target_sum;
        squares += target_squares;
        n += target.numel() as f64;
    }
    let variance = squares / n - (sum / n).powi(2);
    let loss = errors / n;
    let r2 = if variance > 1e-12 { 1.0 - loss / variance } else { loss * 0.0 };
    Ok(Scores::Values { loss, rmse: loss.sqrt() * std, r2 })
}
