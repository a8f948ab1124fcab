//! What single layers cost.

use std::ops::{Add, AddAssign, Mul};

/// The size of what flows between layers: `[channels, side, side]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Channels.
    pub channels: u64,
    /// Height and width.
    pub side: u64,
}

impl Shape {
    /// Pixels of one channel.
    pub fn area(self) -> u64 {
        self.side * self.side
    }

    /// After a layer of `channels` that keeps one pixel in `stride`.
    #[must_use]
    pub fn after(self, channels: u64, stride: u64) -> Self {
        Self { channels, side: self.side.div_ceil(stride) }
    }
}

/// What a part of a network costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Trainable numbers.
    pub parameters: u64,
    /// Multiply-adds of convolutions and linear layers, for one image.
    pub multiply_adds: u64,
    /// Operations of batch normalisation and pooling, for one image.
    pub other_operations: u64,
}

impl Tally {
    /// A convolution without bias from `input` to `output`; each output channel sees one in `groups` of the inputs.
    pub fn convolution(input: Shape, output: Shape, kernel: u64, groups: u64) -> Self {
        let parameters = input.channels * output.channels * kernel * kernel / groups;
        Self { parameters, multiply_adds: parameters * output.area(), other_operations: 0 }
    }

    /// Batch normalisation with scale and shift: three operations a number, as NAS-Bench-Suite-Zero's recorded
    /// counts have it.
    pub fn batch_norm(shape: Shape) -> Self {
        let other_operations = 3 * shape.channels * shape.area();
        Self { parameters: 2 * shape.channels, multiply_adds: 0, other_operations }
    }

    /// A convolution and its batch normalisation.
    pub fn normalised(input: Shape, output: Shape, kernel: u64) -> Self {
        Self::convolution(input, output, kernel, 1) + Self::batch_norm(output)
    }

    /// Pooling to `output`: `kernel²` operations a number.
    pub fn pooling(output: Shape, kernel: u64) -> Self {
        let other_operations = kernel * kernel * output.channels * output.area();
        Self { other_operations, ..Self::default() }
    }

    /// The mean over each channel: `2 · side + 1` operations, as the recorded counts have it.
    pub fn global_pooling(input: Shape) -> Self {
        Self { other_operations: (2 * input.side + 1) * input.channels, ..Self::default() }
    }

    /// A linear layer with bias.
    pub fn linear(n_inputs: u64, n_outputs: u64) -> Self {
        let multiply_adds = n_inputs * n_outputs;
        Self { parameters: multiply_adds + n_outputs, multiply_adds, other_operations: 0 }
    }

    /// All operations of one forward pass.
    pub fn flops(self) -> u64 {
        self.multiply_adds + self.other_operations
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            parameters: self.parameters + other.parameters,
            multiply_adds: self.multiply_adds + other.multiply_adds,
            other_operations: self.other_operations + other.other_operations,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u64> for Tally {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self {
            parameters: self.parameters * times,
            multiply_adds: self.multiply_adds * times,
            other_operations: self.other_operations * times,
        }
    }
}
