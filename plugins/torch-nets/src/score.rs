//! How good a network is on a part of a data set.

use heirloom_model::Direction;
use heirloom_network::Network;
use heirloom_network::preparation::TargetPreparation;
use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad};

use crate::train::{resized, run, to_size_of};
use crate::{Data, Mode, Part, TorchError, Weights};

mod auc;
pub use auc::macro_auc;

mod measure;

/// Something that is measured of a network's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// The share of rows whose class has the highest score, 0 to 1.
    Accuracy,
    /// The mean over the classes that occur of the share recognised, 0 to 1.
    BalancedAccuracy,
    /// The mean over the classes that occur of the area under the ROC curve of each against the rest; see [`macro_auc`].
    Auc,
    /// The mean over the classes that occur or are answered of intersection over union, 0 to 1 (mIoU).
    Miou,
    /// The share of labelled pixels whose class has the highest score, 0 to 1.
    PixelAccuracy,
    /// Root of the mean squared error, in the target's own unit.
    Rmse,
    /// 1 less the error's share of the part's variance (R²); 0 where all targets are equal, standardised as 32-bit numbers.
    R2,
    /// Mean cross-entropy in nats, without smoothing or class weights; or mean squared error over standardised targets.
    Loss,
}

impl Score {
    /// What is measured where this is predicted, the customary ones first.
    pub fn of(target: &TargetPreparation) -> &'static [Self] {
        match target {
            TargetPreparation::Classes { .. } => {
                &[Self::Accuracy, Self::BalancedAccuracy, Self::Loss, Self::Auc]
            }
            TargetPreparation::PixelClasses { .. } => &[Self::Miou, Self::PixelAccuracy, Self::Loss],
            TargetPreparation::Values { .. } | TargetPreparation::PixelValues { .. } => {
                &[Self::Rmse, Self::R2, Self::Loss]
            }
        }
    }

    /// What a training measures of its own batches, on the way: what costs next to nothing.
    pub fn of_training(target: &TargetPreparation) -> &'static [Self] {
        match target {
            TargetPreparation::Classes { .. } => &[Self::Loss, Self::Accuracy],
            TargetPreparation::PixelClasses { .. } => &[Self::Loss, Self::PixelAccuracy],
            TargetPreparation::Values { .. } | TargetPreparation::PixelValues { .. } => &[Self::Loss],
        }
    }

    /// Its name behind that of the part: `accuracy` in `val_accuracy`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::Auc => "auc",
            Self::Miou => "miou",
            Self::PixelAccuracy => "pixel_accuracy",
            Self::Rmse => "rmse",
            Self::R2 => "r2",
            Self::Loss => "loss",
        }
    }

    /// Which way is better.
    pub fn direction(self) -> Direction {
        match self {
            Self::Rmse | Self::Loss => Direction::Minimise,
            _ => Direction::Maximise,
        }
    }
}

/// How good a network is: numbers by what they measure. NaN where a part has nothing to measure it by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores(Vec<(Score, f64)>);

impl Scores {
    pub(crate) fn new(scores: &[Score], values: &[f64]) -> Self {
        Self(scores.iter().copied().zip(values.iter().copied()).collect())
    }

    /// One number; NaN where it was not measured.
    pub fn get(&self, score: Score) -> f64 {
        self.0.iter().find(|(known, _)| *known == score).map_or(f64::NAN, |(_, value)| *value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Score, f64)> + '_ {
        self.0.iter().copied()
    }

    /// Runs `network` over `part` and compares.
    pub fn of(
        network: &Network,
        weights: &Weights,
        data: &Data,
        part: &Part,
        resolution: Option<usize>,
        bfloat16: bool,
    ) -> Result<Self, TorchError> {
        no_grad(|| {
            let answers = Pieces { data, part, start: 0 }.map(|piece| {
                let (input, target) = piece?;
                let input = resized(&data.normalised(&input)?, resolution)?;
                let output = run(network, weights, &input, Mode::Evaluation, bfloat16)?;
                Ok((to_size_of(&output.main, &target)?, target))
            });
            let target = &data.preparation().target;
            let values = match target {
                TargetPreparation::Classes { names } => measure::classes(answers, names.len()),
                TargetPreparation::PixelClasses { names } => measure::pixel_classes(answers, names.len()),
                TargetPreparation::Values { std, .. } => measure::values(answers, &[*std]),
                TargetPreparation::PixelValues { std, .. } => measure::values(answers, std),
            };
            Ok(Self::new(Score::of(target), &values?))
        })
    }
}

/// Rows of one pass: enough to keep the cores at work, few enough to stay in the cache.
const ROWS_OF_TABLES: usize = 4_096;
const ROWS_OF_IMAGES: usize = 256;
/// Numbers that a pass over images with a target for each pixel may answer with: a sixteenth of a gigabyte.
const ANSWERS_OF_PIXELS: usize = 1 << 24;

/// A part in pieces: input and target.
struct Pieces<'a> {
    data: &'a Data,
    part: &'a Part,
    start: usize,
}

impl Pieces<'_> {
    fn most_rows(&self) -> usize {
        let most = match (self.data.is_images(), self.data.device().is_cuda()) {
            (true, false) => ROWS_OF_IMAGES,
            _ => ROWS_OF_TABLES,
        };
        if !self.data.is_dense() {
            return most;
        }
        let area: usize = self.data.input_shape().0[1..].iter().product();
        let n_answers = self.data.preparation().target.n_outputs() * area;
        (ANSWERS_OF_PIXELS / n_answers).clamp(1, most)
    }
}

impl Iterator for Pieces<'_> {
    type Item = Result<(Tensor, Tensor), TorchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let n = self.most_rows().min(self.part.len() - self.start);
        let start = self.start;
        self.start += n;
        (n > 0).then(|| self.data.rows(self.part, start, n))
    }
}
