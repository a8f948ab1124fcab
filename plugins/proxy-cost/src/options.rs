//! The proxy's table of the run file.

use heirloom_network::{Frame, Head, Network, Shape};
use heirloom_plugin::{ComponentError, PluginOptions};

/// The table as it is written.
#[derive(Debug, Clone, PluginOptions)]
pub struct Options {
    /// What is counted.
    #[option(default = "parameters")]
    pub measure: Measure,
    /// Classes that the network tells apart.
    #[option(default = 10, low = 1)]
    pub n_classes: usize,
    /// Numbers in a row of a table; images are meant without.
    #[option(low = 1)]
    pub n_features: Option<usize>,
    /// Side length of the square images, in pixels; a space that searches the resolution overrides it.
    #[option(default = 32, low = 1)]
    pub image_size: usize,
    /// Channels of the images.
    #[option(default = 3, low = 1)]
    pub image_channels: usize,
    /// Channels of the convolution in front, 0 for none (chains and stages only); by default as published for the
    /// architecture's family.
    pub stem_channels: Option<usize>,
    /// Channels of the convolution before the classifier, 0 for none; by default as published.
    pub head_channels: Option<usize>,
    /// Cells in all, where normal and reduction cells differ; by default 8.
    #[option(low = 1, high = 1024)]
    pub cells: Option<usize>,
    /// Cells in a stage; by default as published for the architecture's family.
    #[option(low = 1, high = 1024)]
    pub cells_per_stage: Option<usize>,
    /// Cells: how many stages, each with twice the channels and half the side of the one before.
    #[option(default = 3, low = 1, high = 16)]
    pub n_stages: usize,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum Measure {
    /// Trainable numbers.
    Parameters,
    /// Operations of one forward pass of one sample: a multiply-add is one, batch normalisation and pooling count.
    Flops,
    /// Multiply-adds of convolutions and linear layers alone.
    MultiplyAdds,
}

impl Measure {
    /// The count of a network.
    pub fn of(self, network: &Network) -> usize {
        match self {
            Self::Parameters => network.n_parameters(),
            Self::Flops => network.n_operations(),
            Self::MultiplyAdds => network.n_multiply_adds(),
        }
    }

    /// What is counted, in a word.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::Flops => "FLOPs",
            Self::MultiplyAdds => "multiply-adds",
        }
    }
}

impl Options {
    /// Checks what the schema cannot say: that an image is left after the last stage.
    pub fn check(self) -> Result<Self, ComponentError> {
        if self.image_size >> (self.n_stages - 1) == 0 {
            return Err(ComponentError::configuration(format!(
                "`n_stages = {}` halves an image of `image_size = {}` to nothing; hint: fewer stages or larger \
                 images",
                self.n_stages, self.image_size
            )));
        }
        Ok(self)
    }

    /// What stands around an architecture.
    pub(crate) fn frame(&self) -> Frame {
        let input = match self.n_features {
            Some(n_features) => vec![n_features],
            None => vec![self.image_channels, self.image_size, self.image_size],
        };
        Frame {
            stem_channels: self.stem_channels,
            head_channels: self.head_channels,
            cells: self.cells,
            cells_per_stage: self.cells_per_stage,
            n_stages: self.n_stages,
            ..Frame::new(Shape(input), Head::Classes(self.n_classes))
        }
    }
}
