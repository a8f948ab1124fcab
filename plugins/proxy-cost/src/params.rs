//! The proxy's table of the run file.

use heirloom_plugin::{ComponentError, PluginOptions};

/// The table as it is written.
#[derive(Debug, Clone, PluginOptions)]
pub struct Options {
    /// What is counted.
    #[option(default = "parameters")]
    pub measure: Measure,
    /// Classes that the network tells apart.
    #[option(default = 10, low = 1)]
    pub n_classes: u64,
    /// Side length of the square images, in pixels; a space that searches the resolution overrides it.
    #[option(default = 32, low = 1)]
    pub image_size: u64,
    /// Channels of the images.
    #[option(default = 3, low = 1)]
    pub image_channels: u64,
    /// Channels of the convolution in front, 0 for none; by default 16 before cells with operations on
    /// edges, 128 before those with operations on nodes, 32 before stages, none before a chain.
    pub stem_channels: Option<u64>,
    /// Channels of the convolution before the classifier, 0 for none; by default 1280 after stages, else none.
    pub head_channels: Option<u64>,
    /// Cells: how many stages, each with twice the channels and half the side of the one before.
    #[option(default = 3, low = 1, high = 16)]
    pub n_stages: u32,
    /// Cells: how many of them in a stage; by default 5 with operations on edges, 3 with operations on nodes.
    #[option(low = 1)]
    pub cells_per_stage: Option<u64>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum Measure {
    /// Trainable numbers.
    Parameters,
    /// Operations of one forward pass of one image: a multiply-add is one, batch normalisation and pooling count.
    Flops,
    /// Multiply-adds of convolutions and of the classifier alone.
    MultiplyAdds,
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
}
