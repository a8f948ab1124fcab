//! How the learning rate changes over a training.

use std::f64::consts::PI;

/// A learning rate's course, as a factor of the largest rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// Always 1.
    Constant,
    /// From 1 to 0 along half a cosine. Loshchilov & Hutter 2017, without restarts.
    Cosine,
    /// Up from 1/25 along half a cosine for the first 30 %, then down to 1/250,000: Smith & Topin 2018, with the
    /// constants of PyTorch's `OneCycleLR`.
    OneCycle,
    /// Times `factor` after each `share` of the training.
    Step {
        /// How much of the training passes between two changes, in (0, 1].
        share: f64,
        /// What the rate is multiplied by.
        factor: f64,
    },
}

impl Schedule {
    /// The factor when `progress` of the training is behind us, from 0 to 1.
    pub fn factor(self, progress: f64) -> f64 {
        let progress = progress.clamp(0.0, 1.0);
        let between = |from: f64, to: f64, share: f64| to + (from - to) * (1.0 + (PI * share).cos()) / 2.0;
        match self {
            Self::Constant => 1.0,
            Self::Cosine => between(1.0, 0.0, progress),
            Self::OneCycle => {
                const RISE: f64 = 0.3;
                const FIRST: f64 = 1.0 / 25.0;
                const LAST: f64 = FIRST / 1e4;
                if progress < RISE {
                    between(FIRST, 1.0, progress / RISE)
                } else {
                    between(1.0, LAST, (progress - RISE) / (1.0 - RISE))
                }
            }
            // 0.3 / 0.1 is below 3.
            Self::Step { share, factor } => factor.powf((progress / share + 1e-9).floor()),
        }
    }
}
