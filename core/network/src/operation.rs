//! What a layer does, and the shape that comes of it.

use serde::{Deserialize, Serialize};

use crate::Shape;

/// A function applied to each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0)
    Relu,
    /// x Φ(x), exact (no tanh approximation)
    Gelu,
    /// x σ(x), also called swish
    Silu,
    /// tanh x
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// x where positive, 0.01 x elsewhere
    LeakyRelu,
    /// min(max(x, 0), 6)
    Relu6,
}

/// How an image is brought to another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// The nearest pixel.
    Nearest,
    /// Bilinear between pixel centres (corners not aligned).
    Bilinear,
}

/// What a layer does. Sizes are pairs (height, width) where both can differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Operation {
    /// Gives the batch: the first layer, and no other.
    Input,
    /// `y = x Wᵀ + b`, `[inputs]` to `[outputs]`.
    Linear {
        /// Length of the result.
        outputs: usize,
        /// Whether `b` is there.
        bias: bool,
    },
    /// Convolution of `[channels, height, width]`.
    Conv {
        /// Channels of the result.
        outputs: usize,
        /// Size of the kernel.
        kernel: [usize; 2],
        /// Step in both directions.
        stride: usize,
        /// Zeros around the image.
        padding: [usize; 2],
        /// Distance between the kernel's cells.
        dilation: usize,
        /// Blocks of channels that do not see one another; as many as channels: depthwise.
        groups: usize,
        /// Whether a number is added to each channel.
        bias: bool,
    },
    /// Normalises each channel over the batch in training, by its running statistics (momentum 0.1, ε = 1e-5)
    /// otherwise. Ioffe & Szegedy 2015.
    BatchNorm {
        /// Whether a learned scale and shift follow.
        affine: bool,
    },
    /// A function applied to each number.
    Activation {
        /// The function.
        function: Activation,
    },
    /// Maximum over a window.
    MaxPool {
        /// Side of the window.
        kernel: usize,
        /// Step.
        stride: usize,
        /// Border that never wins.
        padding: usize,
    },
    /// Mean over a window; the border does not count.
    AveragePool {
        /// Side of the window.
        kernel: usize,
        /// Step.
        stride: usize,
        /// Border that does not count.
        padding: usize,
    },
    /// Mean over the image: `[channels, height, width]` to `[channels]`.
    GlobalAveragePool,
    /// All numbers in a row.
    Flatten,
    /// Sets numbers to zero in training and scales the others up.
    Dropout {
        /// The share that is set to zero.
        rate: f64,
    },
    /// Sets whole samples to zero in training, at a rate that the training schedule gives. Larsson et al. 2017.
    DropPath,
    /// Adds its inputs.
    Sum,
    /// Joins its inputs along the first dimension (channels or features).
    Concat,
    /// Zeros in the input's shape, the image smaller by `stride`.
    Zero {
        /// By how much the image shrinks.
        stride: usize,
    },
    /// Keeps the first channels or features.
    Narrow {
        /// How many.
        channels: usize,
    },
    /// Leaves out the first `offset` rows and columns.
    Crop {
        /// How many of each.
        offset: usize,
    },
    /// Makes of `factor²` channels one of an image that is `factor` times as large, `[c, f · row + i, f · column + j]`
    /// from channel `c · f² + i · f + j` (Shi et al. 2016). Behind a 1×1 convolution it is a transposed convolution of
    /// that kernel and stride.
    PixelShuffle {
        /// By how much sides grow.
        factor: usize,
    },
    /// Brings an image to another size.
    Resize {
        /// Height and width of the result.
        size: [usize; 2],
        /// How.
        mode: Resampling,
    },
}

impl Operation {
    /// A convolution with bias off, padded so that stride 1 keeps the image's size (odd kernels).
    pub fn conv(outputs: usize, kernel: usize, stride: usize) -> Self {
        Self::grouped_conv(outputs, kernel, stride, 1, 1)
    }

    /// The same with dilation and groups.
    pub fn grouped_conv(
        outputs: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        groups: usize,
    ) -> Self {
        let padding = [dilation * (kernel - 1) / 2; 2];
        Self::Conv { outputs, kernel: [kernel; 2], stride, padding, dilation, groups, bias: false }
    }

    /// An activation.
    pub fn activation(function: Activation) -> Self {
        Self::Activation { function }
    }

    /// The operation's name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Linear { .. } => "linear",
            Self::Conv { .. } => "conv",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Activation { .. } => "activation",
            Self::MaxPool { .. } => "max_pool",
            Self::AveragePool { .. } => "average_pool",
            Self::GlobalAveragePool => "global_average_pool",
            Self::Flatten => "flatten",
            Self::Dropout { .. } => "dropout",
            Self::DropPath => "drop_path",
            Self::Sum => "sum",
            Self::Concat => "concat",
            Self::Zero { .. } => "zero",
            Self::Narrow { .. } => "narrow",
            Self::Crop { .. } => "crop",
            Self::PixelShuffle { .. } => "pixel_shuffle",
            Self::Resize { .. } => "resize",
        }
    }

    /// The shape that comes of `inputs`, or what does not fit.
    pub(crate) fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [first, rest @ ..] = inputs else {
            return Err("nothing feeds it".into());
        };
        match self {
            Self::Sum => match rest.iter().find(|shape| *shape != first) {
                Some(other) => Err(format!("{first} and {other} cannot be added")),
                None => Ok(first.clone()),
            },
            Self::Concat => {
                let mut joined = first.clone();
                for shape in rest {
                    if shape.0.len() != first.0.len() || shape.0[1..] != first.0[1..] {
                        return Err(format!(
                            "{first} and {shape} cannot be joined along the first dimension"
                        ));
                    }
                    joined.0[0] += shape.0[0];
                }
                Ok(joined)
            }
            _ if !rest.is_empty() => Err("it takes one input".into()),
            _ => self.output_of(first),
        }
    }

    fn output_of(&self, input: &Shape) -> Result<Shape, String> {
        let image = || match input.0[..] {
            [channels, height, width] => Ok((channels, height, width)),
            _ => Err("it takes images [channels, height, width]".to_owned()),
        };
        match *self {
            Self::Input => Err("only the first layer is an input".into()),
            Self::Sum | Self::Concat => Ok(input.clone()),
            Self::Linear { outputs, .. } => match input.0[..] {
                [_] => Ok(Shape(vec![outputs])),
                _ => Err("it takes a row of features; hint: pool or flatten before it".into()),
            },
            Self::Conv { outputs, kernel, stride, padding, dilation, groups, .. } => {
                let (channels, height, width) = image()?;
                if groups == 0 || channels % groups != 0 || outputs % groups != 0 {
                    return Err(format!(
                        "{channels} channels in and {outputs} out do not fall into {groups} groups"
                    ));
                }
                let side =
                    |size: usize, axis: usize| window(size, kernel[axis], stride, padding[axis], dilation);
                Ok(Shape(vec![outputs, side(height, 0)?, side(width, 1)?]))
            }
            Self::MaxPool { kernel, stride, padding } | Self::AveragePool { kernel, stride, padding } => {
                let (channels, height, width) = image()?;
                let side = |size| window(size, kernel, stride, padding, 1);
                Ok(Shape(vec![channels, side(height)?, side(width)?]))
            }
            Self::GlobalAveragePool => Ok(Shape(vec![image()?.0])),
            Self::Flatten => Ok(Shape(vec![input.0.iter().product()])),
            Self::Zero { stride } if stride > 1 => {
                let (channels, height, width) = image()?;
                Ok(Shape(vec![channels, height.div_ceil(stride), width.div_ceil(stride)]))
            }
            Self::Narrow { channels } => {
                let mut kept = input.clone();
                if channels > input.0[0] {
                    return Err(format!("{channels} of {} channels cannot be kept", input.0[0]));
                }
                kept.0[0] = channels;
                Ok(kept)
            }
            Self::Crop { offset } => {
                let (channels, height, width) = image()?;
                if height <= offset || width <= offset {
                    return Err(format!("nothing is left after {offset} rows and columns"));
                }
                Ok(Shape(vec![channels, height - offset, width - offset]))
            }
            Self::PixelShuffle { factor } => {
                let (channels, height, width) = image()?;
                let area = factor * factor;
                if area == 0 || channels % area != 0 {
                    return Err(format!("{channels} channels do not fall into groups of {area}"));
                }
                Ok(Shape(vec![channels / area, height * factor, width * factor]))
            }
            Self::Resize { size, .. } => Ok(Shape(vec![image()?.0, size[0], size[1]])),
            Self::BatchNorm { .. } if !matches!(input.0.len(), 1 | 3) => {
                Err("it takes features or images".into())
            }
            Self::BatchNorm { .. }
            | Self::Activation { .. }
            | Self::Dropout { .. }
            | Self::DropPath
            | Self::Zero { .. } => Ok(input.clone()),
        }
    }
}

/// How many places a window takes along one side.
fn window(
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Result<usize, String> {
    let reach = dilation * (kernel.max(1) - 1) + 1;
    let padded = size + 2 * padding;
    if padded < reach || stride == 0 {
        return Err(format!("a window of {reach} does not fit into {size} with {padding} around it"));
    }
    Ok((padded - reach) / stride + 1)
}
