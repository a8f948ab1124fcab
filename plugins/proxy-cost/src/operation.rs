//! What an operation of an architecture graph is, by its name and attributes.

use heirloom_plugin::architecture::Node;

use crate::{Shape, Tally};

/// An operation whose cost is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Gives zeros.
    Zero,
    /// Gives its input; a strided 1×1 convolution where width or resolution change.
    Identity,
    /// Convolution, batch normalisation, activation.
    Convolution { kernel: u64 },
    /// Average or maximum.
    Pooling { kernel: u64 },
    /// MobileNetV2's block: widened by `expansion`, convolved channel by channel, narrowed.
    InvertedResidual { kernel: u64, expansion: u64 },
}

/// What a message names when it meets another operation.
pub(crate) const KNOWN: &str = "none, skip_connect, identity, nor_conv_KxK, conv, conv_KxK, convKxK-bn-relu, avg_pool_KxK, max_pool_KxK, maxpoolKxK, ir_KxK_tE, mbE_kK";

/// The attributes whose cost is known.
pub(crate) const ATTRIBUTES: [&str; 3] = ["channels", "kernel", "stride"];

/// The kernel of a convolution or pooling that names none.
const DEFAULT_KERNEL: u64 = 3;

impl Operation {
    /// The operation of this name; `kernel` as an attribute gives it.
    pub(crate) fn parse(name: &str, kernel: Option<u64>) -> Option<Self> {
        let node = Node::new(name);
        if node.is_zero() {
            return Some(Self::Zero);
        }
        if node.is_identity() {
            return Some(Self::Identity);
        }
        if let Some(rest) = name.strip_prefix("ir_") {
            let (kernel, expansion) = rest.split_once("_t")?;
            return Some(Self::InvertedResidual {
                kernel: square(kernel)?,
                expansion: expansion.parse().ok()?,
            });
        }
        if let Some(rest) = name.strip_prefix("mb") {
            let (expansion, kernel) = rest.split_once("_k")?;
            return Some(Self::InvertedResidual {
                kernel: kernel.parse().ok()?,
                expansion: expansion.parse().ok()?,
            });
        }
        let name = name.strip_suffix("-bn-relu").unwrap_or(name);
        let (is_convolution, size) = ["nor_conv", "conv"]
            .iter()
            .find_map(|prefix| Some((true, name.strip_prefix(prefix)?)))
            .or_else(|| {
                ["avg_pool", "max_pool", "maxpool"]
                    .iter()
                    .find_map(|prefix| Some((false, name.strip_prefix(prefix)?)))
            })?;
        let kernel = match size.trim_start_matches('_') {
            "" => kernel.unwrap_or(DEFAULT_KERNEL),
            size => square(size)?,
        };
        Some(if is_convolution { Self::Convolution { kernel } } else { Self::Pooling { kernel } })
    }

    /// What the operation makes of `input`, and what that costs.
    pub(crate) fn apply(self, input: Shape, channels: Option<u64>, stride: u64) -> (Shape, Tally) {
        let output = input.after(channels.unwrap_or(input.channels), stride);
        let tally = match self {
            Self::Zero => Tally::default(),
            Self::Identity if input == output => Tally::default(),
            Self::Identity => Tally::normalised(input, output, 1),
            Self::Convolution { kernel } => Tally::normalised(input, output, kernel),
            Self::Pooling { kernel } => {
                let pooled = Shape { channels: input.channels, ..output };
                return (pooled, Tally::pooling(pooled, kernel));
            }
            Self::InvertedResidual { kernel, expansion } => {
                let wide = Shape { channels: input.channels * expansion, ..input };
                let filtered = wide.after(wide.channels, stride);
                Tally::normalised(input, wide, 1)
                    + Tally::convolution(wide, filtered, kernel, wide.channels)
                    + Tally::batch_norm(filtered)
                    + Tally::normalised(filtered, output, 1)
            }
        };
        (output, tally)
    }
}

/// The number in `3x3`.
fn square(text: &str) -> Option<u64> {
    let (height, width) = text.split_once('x')?;
    (height == width).then(|| height.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_benchmarks_write_them() {
        let check =
            |name: &str, kernel, expected| assert_eq!(Operation::parse(name, kernel), expected, "{name}");
        check("none", None, Some(Operation::Zero));
        check("skip_connect", None, Some(Operation::Identity));
        check("nor_conv_1x1", None, Some(Operation::Convolution { kernel: 1 }));
        check("conv", Some(5), Some(Operation::Convolution { kernel: 5 }));
        check("conv", None, Some(Operation::Convolution { kernel: 3 }));
        check("avg_pool_3x3", None, Some(Operation::Pooling { kernel: 3 }));
        check("max_pool", Some(2), Some(Operation::Pooling { kernel: 2 }));
        check("conv3x3-bn-relu", None, Some(Operation::Convolution { kernel: 3 }));
        check("maxpool3x3", None, Some(Operation::Pooling { kernel: 3 }));
        check("ir_5x5_t6", None, Some(Operation::InvertedResidual { kernel: 5, expansion: 6 }));
        check("mb3_k7", None, Some(Operation::InvertedResidual { kernel: 7, expansion: 3 }));
        check("conv_3x5", None, None);
        check("sep_conv_3x3", None, None);
        check("gat", None, None);
    }
}
