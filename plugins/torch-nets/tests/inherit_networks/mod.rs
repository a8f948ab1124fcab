//! Random networks with weights and running statistics far from their initial ones.

use heirloom_model::{Rng, Seed};
use heirloom_network::{Activation, Network, NetworkBuilder, Operation, Shape, TensorRole};
use heirloom_torch_nets::{Initialisation, Mode, Weights, forward};
use tch::{Device, Kind, Tensor, no_grad};

const ACTIVATIONS: [Activation; 7] = [
    Activation::Relu,
    Activation::Gelu,
    Activation::Silu,
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::LeakyRelu,
    Activation::Relu6,
];

struct Growing {
    builder: NetworkBuilder,
    rng: Rng,
    number: usize,
}

impl Growing {
    fn add(&mut self, operation: Operation, inputs: &[usize]) -> usize {
        self.number += 1;
        let name = format!("part{}.{}", self.number, operation.name());
        self.builder.add(name, operation, inputs).unwrap()
    }

    fn is_image(&self, at: usize) -> bool {
        self.builder.shape(at).0.len() == 3
    }

    fn width(&mut self) -> usize {
        3 + self.rng.below(6)
    }

    /// A linear layer or convolution that keeps the image's size.
    fn mixing(&mut self, at: usize, outputs: usize) -> usize {
        let bias = self.rng.below(2) == 0;
        if !self.is_image(at) {
            return self.add(Operation::Linear { outputs, bias }, &[at]);
        }
        let kernel = [1 + 2 * self.rng.below(2), 1 + 2 * self.rng.below(2)];
        let dilation = 1 + self.rng.below(2);
        let padding = kernel.map(|side| dilation * (side - 1) / 2);
        let (stride, groups) = (1, 1);
        self.add(Operation::Conv { outputs, kernel, stride, padding, dilation, groups, bias }, &[at])
    }

    /// Layers that leave the shape as it is.
    fn seasoning(&mut self, mut at: usize) -> usize {
        if self.rng.below(3) > 0 {
            let affine = self.rng.below(4) > 0;
            at = self.add(Operation::BatchNorm { affine }, &[at]);
        }
        if self.rng.below(4) > 0 {
            let function = *self.rng.choose(&ACTIVATIONS).unwrap();
            // Rectifiers are what most networks have.
            let function = if self.rng.below(2) == 0 { Activation::Relu } else { function };
            at = self.add(Operation::activation(function), &[at]);
        }
        match self.rng.below(5) {
            0 => self.add(Operation::Dropout { rate: 0.3 }, &[at]),
            1 => self.add(Operation::DropPath, &[at]),
            2 if self.is_image(at) => {
                let channels = self.builder.shape(at).0[0];
                let multiplier = 1 + self.rng.below(2);
                self.add(Operation::grouped_conv(channels * multiplier, 3, 1, 1, channels), &[at])
            }
            _ => at,
        }
    }

    fn block(&mut self, at: usize) -> usize {
        let width = self.width();
        match self.rng.below(6) {
            // Residual: around one or two layers.
            0 | 1 => {
                let inner = self.mixing(at, width);
                let inner = self.seasoning(inner);
                let outputs = self.builder.shape(at).0[0];
                let inner = self.mixing(inner, outputs);
                let inner =
                    if self.rng.below(2) == 0 { self.add(Operation::DropPath, &[inner]) } else { inner };
                self.add(Operation::Sum, &[at, inner])
            }
            // Two branches and zeros, summed.
            2 => {
                let left = self.mixing(at, width);
                let right = self.mixing(at, width);
                let zero = self.add(Operation::Zero { stride: 1 }, &[right]);
                self.add(Operation::Sum, &[left, zero, right])
            }
            // Joined, and sometimes summed with what one layer makes.
            3 | 4 => {
                let left = self.mixing(at, width);
                let left = self.seasoning(left);
                let other = self.width();
                let right = self.mixing(at, other);
                let joined = self.add(Operation::Concat, &[left, right]);
                if self.rng.below(3) > 0 {
                    return joined;
                }
                let outputs = self.builder.shape(joined).0[0];
                let projected = self.mixing(at, outputs);
                self.add(Operation::Sum, &[joined, projected])
            }
            _ => self.mixing(at, width),
        }
    }
}

/// A random network: blocks with skips on images, then on features.
pub(crate) fn network(seed: Seed) -> Network {
    let mut rng = seed.rng();
    let is_image = rng.below(3) > 0;
    let input = if is_image { vec![1 + rng.below(3), 8, 7] } else { vec![2 + rng.below(6)] };
    let mut growing = Growing { builder: NetworkBuilder::new(Shape(input)), rng, number: 0 };
    let width = growing.width();
    let mut at = growing.mixing(0, width);
    at = growing.seasoning(at);
    for _ in 0..1 + growing.rng.below(4) {
        at = growing.block(at);
        at = growing.seasoning(at);
        if growing.is_image(at) && growing.rng.below(3) == 0 && growing.builder.shape(at).0[1] > 3 {
            let pooled = match growing.rng.below(3) {
                0 => Operation::MaxPool { kernel: 3, stride: 2, padding: 1 },
                1 => Operation::AveragePool { kernel: 2, stride: 2, padding: 0 },
                _ => Operation::conv(4, 3, 2),
            };
            at = growing.add(pooled, &[at]);
        }
    }
    if is_image {
        let end = if growing.rng.below(2) == 0 { Operation::Flatten } else { Operation::GlobalAveragePool };
        at = growing.add(end, &[at]);
        at = growing.seasoning(at);
    }
    if growing.rng.below(2) == 0 {
        at = growing.block(at);
        at = growing.seasoning(at);
    }
    let head = growing.builder.add("head", Operation::Linear { outputs: 4, bias: true }, &[at]).unwrap();
    growing.builder.finish(head, None)
}

/// Weights whose biases, scales, shifts and running statistics are not those of an untrained network.
pub(crate) fn weights(network: &Network, seed: Seed) -> Weights {
    // Threads cost more than these small layers do.
    tch::set_num_threads(1);
    let weights = Weights::new(network, Initialisation::He, seed, Device::Cpu).unwrap();
    let drawn = |name: &str, shape: &[usize], low: f64, high: f64| {
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        let mut rng = seed.derive(name, 1).rng();
        let n: i64 = shape.iter().product();
        let numbers: Vec<f32> = (0..n).map(|_| (low + (high - low) * rng.uniform()) as f32).collect();
        Tensor::from_slice(&numbers).reshape(&shape)
    };
    let tensors = weights.specs().iter().zip(weights.tensors()).map(|(spec, tensor)| match spec.role {
        TensorRole::Weight => tensor.detach(),
        TensorRole::Bias | TensorRole::Shift => drawn(&spec.name, &spec.shape, -0.5, 0.5),
        TensorRole::Scale => drawn(&spec.name, &spec.shape, -1.5, 1.5),
        TensorRole::RunningMean => drawn(&spec.name, &spec.shape, -1.0, 1.0),
        TensorRole::RunningVariance => drawn(&spec.name, &spec.shape, 0.3, 3.0),
    });
    let tensors: Vec<Tensor> = tensors.collect();
    Weights::from_tensors(network, &tensors).unwrap()
}

/// A batch of standard normal numbers.
pub(crate) fn batch(network: &Network, n: usize, seed: Seed) -> Tensor {
    let mut shape = vec![n as i64];
    shape.extend(network.input_shape().0.iter().map(|&size| size as i64));
    let mut rng = seed.rng();
    let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal() as f32).collect();
    Tensor::from_slice(&numbers).reshape(&shape)
}

pub(crate) fn evaluate(network: &Network, weights: &Weights, input: &Tensor) -> Tensor {
    no_grad(|| forward(network, weights.tensors(), input, Mode::Evaluation).unwrap().main)
}

/// The largest difference, relative to the largest number of `old`.
pub(crate) fn difference(old: &Tensor, new: &Tensor) -> f64 {
    let [old, new] = [old, new].map(|tensor| tensor.to_kind(Kind::Double));
    let largest = |tensor: Tensor| f64::try_from(tensor.abs().max()).unwrap();
    largest(&old - &new) / largest(old.shallow_clone()).max(1e-12)
}
