//! The estimator's table of the run file.

use std::path::PathBuf;

use heirloom_plugin::PluginOptions;

/// Trains the network that a configuration stands for.
///
/// Every setting of the network and of its training can be searched: a parameter of the space with a setting's name
/// takes the setting's place.
#[derive(Debug, Clone, PartialEq, PluginOptions)]
pub struct Options {
    /// The data set: a table (CSV, Parquet), arrays `X` and `y` (NPZ), or images with labels beside them (IDX). Images may
    /// have a target for each of their pixels.
    pub data: PathBuf,
    /// The column to predict; the last one by default.
    pub target: Option<String>,
    /// What is predicted: `auto` takes text, truth values and few different whole numbers as classes, of pixels all whole
    /// numbers.
    #[option(default = "auto")]
    pub kind: TargetChoice,
    /// Numeric columns that hold categories.
    #[option(default = [])]
    pub categorical: Vec<String>,
    /// Columns that are no features, such as row numbers.
    #[option(default = [])]
    pub ignore: Vec<String>,
    /// The share of rows held out to choose configurations by.
    #[option(default = 0.2, above = 0.0, high = 0.9)]
    pub valid_fraction: f64,
    /// The share of rows held out to report on: no training and no objective sees them.
    #[option(default = 0.2, low = 0.0, high = 0.9)]
    pub test_fraction: f64,
    /// From it and the data set's fingerprint the split follows: the same for every trial and run.
    #[option(default = 0)]
    pub split_seed: u64,
    /// Another number trains the same trials from other weights and with rows in another order: how much of a value is
    /// luck.
    #[option(default = 0)]
    pub training_seed: u64,
    /// Most different values that a column of text or categories may have.
    #[option(default = 256, low = 1)]
    pub max_categories: usize,

    /// Where networks are trained: `auto` takes CUDA where there is one.
    #[option(default = "auto")]
    pub device: DeviceChoice,
    /// What linear layers and convolutions compute in: `auto` takes bfloat16 for images on CUDA.
    #[option(default = "auto")]
    pub precision: Precision,
    /// Epochs of a full training.
    #[option(default = 20, low = 1)]
    pub epochs: usize,
    /// Epochs of the shortest training that says anything.
    #[option(default = 1, low = 1)]
    pub min_epochs: usize,
    /// Further ways in which a training can be smaller.
    #[option(default = [])]
    pub fidelities: Vec<FidelityChoice>,
    /// The smallest share of the training rows, where `data_fraction` is a fidelity.
    #[option(default = 0.1, above = 0.0, high = 1.0)]
    pub min_data_fraction: f64,
    /// The smallest side of the images in pixels, where `resolution` is a fidelity.
    #[option(default = 8, low = 1)]
    pub min_resolution: usize,
    /// The smallest multiple of the network's width, where `width` is a fidelity.
    #[option(default = 0.25, above = 0.0, high = 1.0)]
    pub min_width: f64,
    /// The fewest cells (a stage, or in all), where `cells` is a fidelity.
    #[option(default = 1, low = 1)]
    pub min_cells: usize,

    /// By how much all layers are wider than the architecture says.
    #[option(default = 1.0, above = 0.0)]
    pub width: f64,
    /// Channels of the first convolution, for networks of cells.
    pub stem_channels: Option<usize>,
    /// Cells of each stage, for networks of NAS-Bench cells.
    #[option(low = 1, high = 1024)]
    pub cells_per_stage: Option<usize>,
    /// Stages between which the image gets smaller.
    #[option(low = 1, high = 16)]
    pub n_stages: Option<usize>,
    /// All cells, for networks of normal and reduction cells.
    #[option(low = 1, high = 1024)]
    pub cells: Option<usize>,
    /// Channels before the last layer.
    pub head_channels: Option<usize>,

    /// How gradients become steps.
    #[option(default = "adamw")]
    pub optimizer: OptimizerChoice,
    /// The largest learning rate.
    #[option(default = 0.001, above = 0.0)]
    pub learning_rate: f64,
    /// Momentum of `sgd`.
    #[option(default = 0.9, low = 0.0, high = 1.0)]
    pub momentum: f64,
    /// Whether `sgd` takes Nesterov's momentum.
    #[option(default = true)]
    pub nesterov: bool,
    /// How much weights decay.
    #[option(default = 0.0001, low = 0.0)]
    pub weight_decay: f64,
    /// Rows a step.
    #[option(default = 128, low = 1)]
    pub batch_size: usize,
    /// The learning rate's course.
    #[option(default = "cosine")]
    pub schedule: ScheduleChoice,
    /// Over what the course goes. Over the `full` training, a shorter training is the beginning of a longer one and
    /// can be continued.
    #[option(default = "full")]
    pub schedule_over: ScheduleSpan,
    /// The share of the training after which the `step` schedule changes the rate.
    #[option(default = 0.3333, above = 0.0, high = 1.0)]
    pub step_share: f64,
    /// What the `step` schedule multiplies the rate by.
    #[option(default = 0.1, above = 0.0)]
    pub step_factor: f64,
    /// The share of each target that is spread over all classes.
    #[option(default = 0.0, low = 0.0, high = 1.0)]
    pub label_smoothing: f64,
    /// Whether classes weigh inversely to their counts, of rows or of pixels.
    #[option(default = false)]
    pub class_weights: bool,
    /// α of mix-up; 0 for none. Not where pixels have targets.
    #[option(default = 0.0, low = 0.0)]
    pub mixup: f64,
    /// Side of the square that cutout erases from images and the targets of their pixels, in the data's pixels; 0 for none.
    #[option(default = 0)]
    pub cutout: usize,
    /// By how many pixels images are shifted at most.
    #[option(default = 0)]
    pub crop: usize,
    /// Whether images are mirrored at random.
    #[option(default = false)]
    pub flip: bool,
    /// The rate of dropped paths at the training's end.
    #[option(default = 0.0, low = 0.0, high = 0.99)]
    pub drop_path: f64,
    /// How much an auxiliary head's loss counts; 0 for no such head.
    #[option(default = 0.0, low = 0.0)]
    pub auxiliary_weight: f64,
    /// The largest norm of a step's gradient; 0 for any.
    #[option(default = 0.0, low = 0.0)]
    pub gradient_clip: f64,

    /// Whether a trial that names a parent begins from its weights: its score then is that of the whole lineage's training.
    #[option(default = false)]
    pub inherit: bool,
    /// Seconds between two files from which a killed training is taken up again.
    #[option(default = 20.0, above = 0.0)]
    pub checkpoint_seconds: f64,
    /// What is kept of a training that has ended.
    #[option(default = "state")]
    pub keep: Keep,
}

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum TargetChoice {
    /// As the column looks.
    Auto,
    /// One of several classes, of the row or of each pixel.
    Classification,
    /// A number, or numbers of each pixel.
    Regression,
}

/// Where networks are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum DeviceChoice {
    /// On CUDA where there is one, else on the CPU.
    Auto,
    /// On the CPU.
    Cpu,
    /// On the first CUDA device.
    Cuda,
}

/// What linear layers and convolutions compute in. Weights, normalisations and losses are 32-bit always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum Precision {
    /// bfloat16 for images on CUDA, 32 bits elsewhere.
    Auto,
    /// 32 bits.
    Float32,
    /// 16 bits with the exponent of 32.
    Bfloat16,
}

/// A way in which a training can be smaller, besides its epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum FidelityChoice {
    /// The share of the training rows.
    #[option(rename = "data_fraction")]
    DataFraction,
    /// The side of the images in pixels.
    Resolution,
    /// The network's width.
    Width,
    /// The number of cells.
    Cells,
}

/// How gradients become steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum OptimizerChoice {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam; weight decay is added to the gradient.
    Adam,
    /// Adam with weights that decay beside the step.
    Adamw,
}

/// The learning rate's course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum ScheduleChoice {
    /// Along half a cosine to 0.
    Cosine,
    /// Up for 30 %, then down.
    OneCycle,
    /// Down by a factor after each share of the training.
    Step,
    /// Always the same.
    Constant,
}

/// Over what the learning rate's course goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum ScheduleSpan {
    /// Over the epochs of a full training.
    Full,
    /// Over the epochs of the trial.
    Fidelity,
}

/// What is kept of a training that has ended, where the run keeps files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum Keep {
    /// Weights, and what is needed to train on.
    State,
    /// Weights, from which other trials can inherit.
    Weights,
    /// Nothing.
    Nothing,
}
