//! What a training is measured by: the one place that names objectives and metrics.

use heirloom_plugin::{Failure, Objective};
use heirloom_torch_nets::{Data, Score, Scores, TorchError};

use crate::trial::diverged;

/// Scores on the validation part, and on the training part as it was trained on.
#[derive(Debug)]
pub(crate) struct Measures {
    valid: Vec<Score>,
    train: &'static [Score],
}

impl Measures {
    /// Those that `data` has something to measure by.
    pub(crate) fn of(data: &Data) -> Result<Self, TorchError> {
        let target = &data.preparation().target;
        let mut valid = Score::of(target).to_vec();
        // There is no order between rows of one class alone.
        if valid.contains(&Score::Auc) && data.valid().n_classes()? < 2 {
            valid.retain(|score| *score != Score::Auc);
        }
        Ok(Self { valid, train: Score::of_training(target) })
    }

    /// Their names and directions.
    pub(crate) fn objectives(&self) -> Vec<Objective> {
        let named = |part: &'static str| {
            move |score: &Score| Objective {
                name: format!("{part}_{}", score.name()),
                direction: score.direction(),
            }
        };
        self.valid.iter().map(named("val")).chain(self.train.iter().map(named("train"))).collect()
    }

    /// The objectives, minimised, in the order of [`objectives`](Self::objectives).
    ///
    /// Errors where one is not finite.
    pub(crate) fn values(&self, valid: &Scores, train: &Scores) -> Result<Vec<f64>, Failure> {
        let of = |scores: &Scores, score: &Score| score.direction().turn(scores.get(*score));
        let of_valid = self.valid.iter().map(|score| of(valid, score));
        let values: Vec<f64> = of_valid.chain(self.train.iter().map(|score| of(train, score))).collect();
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(diverged("the network's answers on the validation part are not finite")),
        }
    }
}

/// The scores of the test part as metrics: the finite ones, since a test part can hold what the training part never did.
pub(crate) fn test_metrics(scores: &Scores) -> impl Iterator<Item = (String, f64)> + '_ {
    let named = scores.iter().map(|(score, value)| (format!("test_{}", score.name()), value));
    named.filter(|(_, value)| value.is_finite())
}
