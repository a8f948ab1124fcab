//! How a network is trained, as data.

use crate::{Rule, Schedule};

/// How a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// How gradients become steps.
    pub rule: Rule,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// The course of the learning rate.
    pub schedule: Schedule,
    /// Epochs over which the schedule goes; training may end before.
    pub schedule_epochs: f64,
    /// How much weights decay.
    pub weight_decay: f64,
    /// Rows a step.
    pub batch_size: usize,
    /// The share of the training rows that is used, above 0 and at most 1.
    pub data_fraction: f64,
    /// The share of each target that is spread over all classes.
    pub label_smoothing: f64,
    /// Whether classes weigh inversely to their counts.
    pub balanced: bool,
    /// α of mix-up, 0 for none; not where pixels have targets of their own.
    pub mixup: f64,
    /// Side of the square that cutout erases, in pixels of the data, 0 for none.
    pub cutout: usize,
    /// By how many pixels images are shifted at most.
    pub crop: usize,
    /// Whether images are mirrored at random.
    pub flip: bool,
    /// The rate of dropped paths at the training's end; it rises from 0 (Zoph et al. 2018).
    pub drop_path: f64,
    /// How much the auxiliary head's loss counts.
    pub auxiliary: f64,
    /// The largest norm of a step's gradient, 0 for any.
    pub gradient_clip: f64,
    /// Side of the images that the network sees, where it differs from the data's.
    pub resolution: Option<usize>,
    /// Whether linear layers and convolutions compute in bfloat16.
    pub bfloat16: bool,
}

impl Default for Recipe {
    /// Adam with a rate of 0.001 along a cosine of 20 epochs, batches of 128; everything else is off.
    fn default() -> Self {
        Self {
            rule: Rule::ADAM,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine,
            schedule_epochs: 20.0,
            weight_decay: 0.0,
            batch_size: 128,
            data_fraction: 1.0,
            label_smoothing: 0.0,
            balanced: false,
            mixup: 0.0,
            cutout: 0,
            crop: 0,
            flip: false,
            drop_path: 0.0,
            auxiliary: 0.4,
            gradient_clip: 0.0,
            resolution: None,
            bfloat16: false,
        }
    }
}
