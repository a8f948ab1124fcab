//! The groups of layers that architectures are made of.

use super::block::Enlargement;
use crate::{Activation, NetworkBuilder, NetworkError, Operation, Resampling, Shape};

/// Where activation and normalisation stand around a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Activation, convolution, normalisation: NAS-Bench-201, DARTS, NASNet.
    ActivationFirst,
    /// Convolution, normalisation, activation: NAS-Bench-101, chains.
    ActivationLast,
}

/// A convolution as an architecture means it: "same" padding, normalisation and activation around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Convolution {
    pub(super) outputs: usize,
    pub(super) kernel: [usize; 2],
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) groups: usize,
    /// The activation before or behind it.
    pub(super) function: Activation,
}

impl Convolution {
    pub(super) fn new(outputs: usize, kernel: usize) -> Self {
        Self { outputs, kernel: [kernel; 2], stride: 1, dilation: 1, groups: 1, function: Activation::Relu }
    }

    pub(super) fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }
}

/// A network that grows. Each method takes the name that its layers start with and returns the place of its result.
#[derive(Debug)]
pub(super) struct Layers {
    builder: NetworkBuilder,
}

impl Layers {
    pub(super) fn new(builder: NetworkBuilder) -> Self {
        Self { builder }
    }

    pub(super) fn into_builder(self) -> NetworkBuilder {
        self.builder
    }

    pub(super) fn shape(&self, place: usize) -> &Shape {
        self.builder.shape(place)
    }

    /// Channels of an image, or the number of features.
    pub(super) fn channels(&self, place: usize) -> usize {
        self.shape(place).0.first().copied().unwrap_or(0)
    }

    /// Height and width, where the layer at `place` gives an image.
    pub(super) fn size(&self, place: usize) -> Option<[usize; 2]> {
        match self.shape(place).0[..] {
            [_, height, width] => Some([height, width]),
            _ => None,
        }
    }

    pub(super) fn add(
        &mut self,
        name: impl Into<String>,
        operation: Operation,
        input: usize,
    ) -> Result<usize, NetworkError> {
        self.builder.add(name, operation, &[input])
    }

    /// The sum of several results; the one there is stands for itself.
    pub(super) fn sum(&mut self, name: impl Into<String>, inputs: &[usize]) -> Result<usize, NetworkError> {
        match *inputs {
            [single] => Ok(single),
            _ => self.builder.add(name, Operation::Sum, inputs),
        }
    }

    /// Several results joined along the channels; the one there is stands for itself.
    pub(super) fn concat(
        &mut self,
        name: impl Into<String>,
        inputs: &[usize],
    ) -> Result<usize, NetworkError> {
        match *inputs {
            [single] => Ok(single),
            _ => self.builder.add(name, Operation::Concat, inputs),
        }
    }

    pub(super) fn activate(
        &mut self,
        name: &str,
        function: Activation,
        input: usize,
    ) -> Result<usize, NetworkError> {
        self.add(format!("{name}.activation"), Operation::activation(function), input)
    }

    pub(super) fn relu(&mut self, name: &str, input: usize) -> Result<usize, NetworkError> {
        self.activate(name, Activation::Relu, input)
    }

    pub(super) fn norm(&mut self, name: &str, input: usize) -> Result<usize, NetworkError> {
        self.add(format!("{name}.norm"), Operation::BatchNorm { affine: true }, input)
    }

    /// The convolution alone, `NAME.conv`.
    pub(super) fn bare_conv(
        &mut self,
        name: &str,
        convolution: Convolution,
        input: usize,
    ) -> Result<usize, NetworkError> {
        self.named_conv(format!("{name}.conv"), convolution, input)
    }

    /// The convolution alone, of this name. An even kernel sees one more row and column in front than behind.
    pub(super) fn named_conv(
        &mut self,
        name: String,
        convolution: Convolution,
        input: usize,
    ) -> Result<usize, NetworkError> {
        let Convolution { outputs, kernel, stride, dilation, groups, .. } = convolution;
        let is_even = stride == 1 && kernel.iter().any(|side| dilation * side.saturating_sub(1) % 2 == 1);
        let padding = kernel.map(|side| (dilation * side.saturating_sub(1) + usize::from(is_even)) / 2);
        let operation = Operation::Conv { outputs, kernel, stride, padding, dilation, groups, bias: false };
        if !is_even {
            return self.add(name, operation, input);
        }
        let padded = self.add(name.clone(), operation, input)?;
        self.add(format!("{name}_crop"), Operation::Crop { offset: 1 }, padded)
    }

    pub(super) fn conv_norm(
        &mut self,
        name: &str,
        convolution: Convolution,
        input: usize,
    ) -> Result<usize, NetworkError> {
        let convolved = self.bare_conv(name, convolution, input)?;
        self.norm(name, convolved)
    }

    /// Convolution, normalisation and activation in the given order.
    pub(super) fn conv(
        &mut self,
        name: &str,
        convolution: Convolution,
        order: Order,
        input: usize,
    ) -> Result<usize, NetworkError> {
        match order {
            Order::ActivationFirst => {
                let active = self.activate(name, convolution.function, input)?;
                self.conv_norm(name, convolution, active)
            }
            Order::ActivationLast => {
                let normalised = self.conv_norm(name, convolution, input)?;
                self.activate(name, convolution.function, normalised)
            }
        }
    }

    /// A depthwise convolution, then a 1×1 convolution to `outputs` channels, normalised: `NAME.depthwise`,
    /// `NAME.pointwise`, `NAME.norm`.
    pub(super) fn separable(
        &mut self,
        name: &str,
        convolution: Convolution,
        order: Order,
        input: usize,
    ) -> Result<usize, NetworkError> {
        let channels = self.channels(input);
        let active = match order {
            Order::ActivationFirst => self.activate(name, convolution.function, input)?,
            Order::ActivationLast => input,
        };
        let depthwise = Convolution { outputs: channels, groups: channels, ..convolution };
        let filtered = self.named_conv(format!("{name}.depthwise"), depthwise, active)?;
        let pointwise = Convolution::new(convolution.outputs, 1);
        let mixed = self.named_conv(format!("{name}.pointwise"), pointwise, filtered)?;
        let normalised = self.norm(name, mixed)?;
        match order {
            Order::ActivationFirst => Ok(normalised),
            Order::ActivationLast => self.activate(name, convolution.function, normalised),
        }
    }

    /// Pooling to one pixel in `stride`, rounded up for odd kernels.
    pub(super) fn pool(
        &mut self,
        name: &str,
        kind: Pooling,
        kernel: usize,
        stride: usize,
        input: usize,
    ) -> Result<usize, NetworkError> {
        let kernel = kernel.max(1);
        // A window of even side that moves by one pixel gives one too many; the first goes.
        let is_even = kernel.is_multiple_of(2) && stride == 1;
        let padding = (kernel - 1 + usize::from(is_even)) / 2;
        let operation = match kind {
            Pooling::Maximum => Operation::MaxPool { kernel, stride, padding },
            Pooling::Average => Operation::AveragePool { kernel, stride, padding },
        };
        let pooled = self.add(format!("{name}.pool"), operation, input)?;
        if is_even {
            return self.add(format!("{name}.crop"), Operation::Crop { offset: 1 }, pooled);
        }
        Ok(pooled)
    }

    /// Half the image, rounded up: windows of 2, or of 3 with a border where a side is odd.
    pub(super) fn halve(&mut self, name: &str, kind: Pooling, input: usize) -> Result<usize, NetworkError> {
        let is_even = self.size(input).is_some_and(|size| size.iter().all(|side| side % 2 == 0));
        self.pool(name, kind, if is_even { 2 } else { 3 }, 2, input)
    }

    /// Height and width of an image that is smaller than the input by `level`, rounded up.
    pub(super) fn size_at(&self, level: usize) -> Option<[usize; 2]> {
        Some(self.size(NetworkBuilder::INPUT)?.map(|side| side.div_ceil(level.max(1))))
    }

    /// A larger image, twice as large where no size is given, with normalisation and activation.
    pub(super) fn enlarge(
        &mut self,
        name: &str,
        enlargement: Enlargement,
        outputs: usize,
        size: Option<[usize; 2]>,
        input: usize,
    ) -> Result<usize, NetworkError> {
        let size = size.unwrap_or(self.size(input).unwrap_or([1; 2]).map(|side| 2 * side));
        let resized = |mode| Operation::Resize { size, mode };
        match enlargement {
            Enlargement::Resampled(mode) => {
                let large = self.add(format!("{name}.resize"), resized(mode), input)?;
                self.conv(name, Convolution::new(outputs, 1), Order::ActivationLast, large)
            }
            Enlargement::Transposed => {
                let mixed = self.bare_conv(name, Convolution::new(4 * outputs, 1), input)?;
                let shuffle = Operation::PixelShuffle { factor: 2 };
                let mut large = self.add(format!("{name}.shuffle"), shuffle, mixed)?;
                // The level above has an odd side: halving it had been rounded up.
                if self.size(large) != Some(size) {
                    large = self.add(format!("{name}.resize"), resized(Resampling::Nearest), large)?;
                }
                let normalised = self.norm(name, large)?;
                self.relu(name, normalised)
            }
        }
    }

    /// Half the image without a loss of pixels: one half of the channels sees the even rows and columns, the other
    /// the odd ones, then both are normalised. One strided convolution where a side is odd. Source: DARTS
    /// (Liu, Simonyan & Yang 2019), "factorized reduction".
    pub(super) fn factorized_reduction(
        &mut self,
        name: &str,
        outputs: usize,
        input: usize,
    ) -> Result<usize, NetworkError> {
        let active = self.relu(name, input)?;
        let splits = outputs > 1 && self.size(input).is_none_or(|size| size.iter().all(|side| side % 2 == 0));
        if !splits {
            return self.conv_norm(name, Convolution::new(outputs, 1).stride(2), active);
        }
        let half = |outputs| Convolution::new(outputs, 1).stride(2);
        let even = self.named_conv(format!("{name}.conv_1"), half(outputs / 2), active)?;
        let shifted = self.add(format!("{name}.crop"), Operation::Crop { offset: 1 }, active)?;
        let odd = self.named_conv(format!("{name}.conv_2"), half(outputs - outputs / 2), shifted)?;
        let joined = self.concat(format!("{name}.concat"), &[even, odd])?;
        self.norm(name, joined)
    }

    /// MobileNetV2's block (Sandler et al. 2018): widened, convolved channel by channel, narrowed; added to its input
    /// where shapes agree. Without widening where `expansion` is 1.
    pub(super) fn inverted_residual(
        &mut self,
        name: &str,
        convolution: Convolution,
        expansion: usize,
        input: usize,
    ) -> Result<usize, NetworkError> {
        let relu6 = Operation::activation(Activation::Relu6);
        let wide_channels = self.channels(input).saturating_mul(expansion);
        let mut wide = input;
        if expansion > 1 {
            let name = format!("{name}.expand");
            wide = self.conv_norm(&name, Convolution::new(wide_channels, 1), wide)?;
            wide = self.add(format!("{name}.activation"), relu6, wide)?;
        }
        let filter = Convolution { outputs: wide_channels, groups: wide_channels, ..convolution };
        let filtered = self.conv_norm(&format!("{name}.depthwise"), filter, wide)?;
        let filtered = self.add(format!("{name}.depthwise.activation"), relu6, filtered)?;
        let project = Convolution::new(convolution.outputs, 1);
        let narrow = self.conv_norm(&format!("{name}.project"), project, filtered)?;
        if self.shape(narrow) == self.shape(input) {
            return self.sum(format!("{name}.sum"), &[input, narrow]);
        }
        Ok(narrow)
    }

    /// All numbers of an image in a row; features stay as they are.
    pub(super) fn flatten(&mut self, name: &str, input: usize) -> Result<usize, NetworkError> {
        match self.size(input) {
            Some(_) => self.add(format!("{name}.flatten"), Operation::Flatten, input),
            None => Ok(input),
        }
    }

    /// The mean of each channel of an image; features stay as they are.
    pub(super) fn global_pool(&mut self, name: &str, input: usize) -> Result<usize, NetworkError> {
        match self.size(input) {
            Some(_) => self.add(format!("{name}.pool"), Operation::GlobalAveragePool, input),
            None => Ok(input),
        }
    }

    /// `input` in another shape, with as few layers as it takes: a linear layer for features; for images a normalised
    /// 1×1 convolution whose stride brings the size, or before it a resize where no stride does.
    pub(super) fn project(
        &mut self,
        name: &str,
        target: &Shape,
        input: usize,
    ) -> Result<usize, NetworkError> {
        if self.shape(input) == target {
            return Ok(input);
        }
        match target.0[..] {
            [channels, height, width] => {
                let (stride, resized) = self.resize(name, [height, width], input)?;
                self.conv_norm(name, Convolution::new(channels, 1).stride(stride), resized)
            }
            _ => {
                let features = self.global_pool(name, input)?;
                if self.shape(features) == target {
                    return Ok(features);
                }
                let operation = Operation::Linear { outputs: target.0[0], bias: true };
                self.add(format!("{name}.linear"), operation, features)
            }
        }
    }

    /// `input` in another size, its channels as they are: mean pooling where a window divides both sides, else a
    /// resize.
    pub(super) fn fit(&mut self, name: &str, size: [usize; 2], input: usize) -> Result<usize, NetworkError> {
        match self.size(input) {
            Some(own) if own == size => Ok(input),
            Some([height, width])
                if height % size[0] == 0 && width % size[1] == 0 && height / size[0] == width / size[1] =>
            {
                let kernel = height / size[0];
                let operation = Operation::AveragePool { kernel, stride: kernel, padding: 0 };
                self.add(format!("{name}.pool"), operation, input)
            }
            _ => {
                let operation = Operation::Resize { size, mode: Resampling::Bilinear };
                self.add(format!("{name}.resize"), operation, input)
            }
        }
    }

    /// The stride with which a convolution gives `size`; where there is none, 1 after a resize.
    fn resize(&mut self, name: &str, size: [usize; 2], input: usize) -> Result<(usize, usize), NetworkError> {
        let own = self.size(input).unwrap_or(size);
        let reaches = |stride: &usize| own.map(|side| side.div_ceil(*stride)) == size;
        match (1..=own[0].max(1)).find(reaches) {
            Some(stride) => Ok((stride, input)),
            None => {
                let operation = Operation::Resize { size, mode: Resampling::Bilinear };
                Ok((1, self.add(format!("{name}.resize"), operation, input)?))
            }
        }
    }
}

/// What pooling keeps of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// The largest number.
    Maximum,
    /// The mean.
    Average,
}
