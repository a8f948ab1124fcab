//! The proxies' tables of the run file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use heirloom_plugin::PluginOptions;
use heirloom_torch_nets::Initialisation;

/// A table of options that begins with those of every score.
macro_rules! table {
    ($(#[$about:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PluginOptions)]
        pub struct $name {
            /// Images or a table with the task's inputs and targets; without, standard normal numbers and random
            /// classes are shown.
            pub data: Option<PathBuf>,
            /// The target's column in a table; by default the last.
            pub target: Option<String>,
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
            /// 32.
            #[option(low = 1)]
            pub image_size: Option<u64>,
            /// Channels of the images; grey ones are repeated. By default the data's, else 3.
            #[option(low = 1)]
            pub image_channels: Option<u64>,
            /// Channels of the convolution in front, 0 for none (chains and stages only); by default as published for
            /// the architecture's family.
            pub stem_channels: Option<u64>,
            /// Channels of the convolution before the classifier, 0 for none; by default as published.
            pub head_channels: Option<u64>,
            /// Cells in all, where normal and reduction cells differ; by default 8.
            #[option(low = 1)]
            pub cells: Option<u64>,
            /// Cells in a stage; by default as published for the architecture's family.
            #[option(low = 1)]
            pub cells_per_stage: Option<u64>,
            /// Cells: how many stages, each with twice the channels and half the side of the one before.
            #[option(low = 1, high = 16)]
            pub n_stages: Option<u32>,
            $($own)*
        }

        impl $name {
            /// What every score needs.
            pub fn setting(&self) -> Setting {
                Setting {
                    data: self.data.clone(),
                    target: self.target.clone(),
                    batch_size: self.batch_size,
                    seed: self.seed,
                    repeats: self.repeats,
                    initialisation: self.initialisation,
                    device: self.device,
                    n_classes: self.n_classes,
                    n_features: self.n_features,
                    image_size: self.image_size,
                    image_channels: self.image_channels,
                    stem_channels: self.stem_channels,
                    head_channels: self.head_channels,
                    cells: self.cells,
                    cells_per_stage: self.cells_per_stage,
                    n_stages: self.n_stages,
                }
            }
        }
    };
}

table! {
    /// The table of one score.
    Options {}
}

table! {
    /// The table of a vote.
    VoteOptions {
        /// The scores that vote, by their names.
        #[option(default = ["synflow", "jacov", "snip"])]
        pub proxies: Vec<String>,
        /// How much each vote counts, by the scores' names: 1 where it is not said, below 0 to be turned round.
        pub weights: Option<BTreeMap<String, f64>>,
        /// Against how many random configurations of the space a score is placed.
        #[option(default = 32, low = 2, high = 100000)]
        pub n_references: u32,
    }
}

/// What all tables have in common, as their fields say.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the tables' fields say it")]
pub struct Setting {
    pub data: Option<PathBuf>,
    pub target: Option<String>,
    pub batch_size: u32,
    pub seed: u64,
    pub repeats: u32,
    pub initialisation: Option<Draw>,
    pub device: DeviceChoice,
    pub n_classes: Option<u64>,
    pub n_features: Option<u64>,
    pub image_size: Option<u64>,
    pub image_channels: Option<u64>,
    pub stem_channels: Option<u64>,
    pub head_channels: Option<u64>,
    pub cells: Option<u64>,
    pub cells_per_stage: Option<u64>,
    pub n_stages: Option<u32>,
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
