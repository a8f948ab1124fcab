//! The proxies' tables of the run file.

use std::path::PathBuf;

use heirloom_dataset::TargetKind;
use heirloom_plugin::PluginOptions;
use heirloom_torch_nets::Initialisation;

/// The table of a score.
#[derive(Debug, Clone, PluginOptions)]
pub struct Options {
    /// Images or a table with the task's inputs and targets; without, standard normal numbers and random
    /// classes are shown.
    pub data: Option<PathBuf>,
    /// The target's column in a table; by default the last.
    pub target: Option<String>,
    /// What the target is: `auto` takes text, truth values and few different whole numbers as classes.
    #[option(default = "auto")]
    pub kind: TargetChoice,
    /// Numeric columns that hold categories.
    #[option(default = [])]
    pub categorical: Vec<String>,
    /// Columns that are no features, such as row numbers.
    #[option(default = [])]
    pub ignore: Vec<String>,
    /// The share of rows that an estimator holds out to choose configurations by: they are not shown.
    #[option(default = 0.2, above = 0.0, high = 0.9)]
    pub valid_fraction: f64,
    /// The share of rows that an estimator holds out to report on: they are not shown.
    #[option(default = 0.2, low = 0.0, high = 0.9)]
    pub test_fraction: f64,
    /// Most different values that a column of text or categories may have.
    #[option(default = 256, low = 1)]
    pub max_categories: usize,
    /// How many inputs are shown at a time.
    #[option(default = 64, low = 2, high = 65536)]
    pub batch_size: u32,
    /// From which it follows what is shown.
    #[option(default = 0)]
    pub seed: u64,
    /// Over how many initialisations a score is averaged.
    #[option(default = 1, low = 1, high = 1000)]
    pub repeats: u32,
    /// How weights are drawn; by default as each score was published. Zen draws standard normal ones always.
    pub initialisation: Option<Draw>,
    /// Where networks run.
    #[option(default = "auto")]
    pub device: DeviceChoice,
    /// Classes that the network tells apart; by default the data's, else 10.
    #[option(low = 2)]
    pub n_classes: Option<u64>,
    /// Numbers in a row of a table, where no data is given; images are meant without.
    #[option(low = 1)]
    pub n_features: Option<u64>,
    /// Side length of the square images, in pixels, to which the data's are brought; by default theirs, else
    /// 32. Not where the data is a table.
    #[option(low = 1)]
    pub image_size: Option<u64>,
    /// Channels of the images; grey ones are repeated, others must have as many. By default the data's, else 3. Not
    /// where the data is a table.
    #[option(low = 1)]
    pub image_channels: Option<u64>,
    /// Channels of the convolution in front, 0 for none (chains and stages only); by default as published for
    /// the architecture's family.
    pub stem_channels: Option<u64>,
    /// Channels of the convolution before the classifier, 0 for none; by default as published.
    pub head_channels: Option<u64>,
    /// Cells in all, where normal and reduction cells differ; by default 8.
    #[option(low = 1, high = 1024)]
    pub cells: Option<u64>,
    /// Cells in a stage; by default as published for the architecture's family.
    #[option(low = 1, high = 1024)]
    pub cells_per_stage: Option<u64>,
    /// Cells: how many stages, each with twice the channels and half the side of the one before.
    #[option(low = 1, high = 16)]
    pub n_stages: Option<u32>,
}

/// What the target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum TargetChoice {
    /// As the column looks.
    Auto,
    /// One of several classes.
    Classification,
    /// A number.
    Regression,
}

impl From<TargetChoice> for TargetKind {
    fn from(choice: TargetChoice) -> Self {
        match choice {
            TargetChoice::Auto => Self::Auto,
            TargetChoice::Classification => Self::Classification,
            TargetChoice::Regression => Self::Regression,
        }
    }
}

/// How weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum Draw {
    /// Variance 2 / fan-in. He et al. 2015.
    He,
    /// Variance 2 / (fan-in + fan-out). Glorot & Bengio 2010.
    Glorot,
    /// Within ±1/√fan-in, biases too: PyTorch's default.
    Pytorch,
}

impl From<Draw> for Initialisation {
    fn from(draw: Draw) -> Self {
        match draw {
            Draw::He => Self::He,
            Draw::Glorot => Self::Glorot,
            Draw::Pytorch => Self::PyTorch,
        }
    }
}

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum DeviceChoice {
    /// On a GPU where there is one.
    Auto,
    /// On the processor.
    Cpu,
    /// On the first GPU.
    Cuda,
}
