//! The forward pass, as a function of the weights.

use heirloom_model::Seed;
use heirloom_network::{Activation, Network, Operation, Resampling};
use tch::{TchError, Tensor};

use crate::{TorchError, uniform_mask};

/// PyTorch's defaults, which the exports rely on too.
const BATCH_NORM_MOMENTUM: f64 = 0.1;
pub(crate) const BATCH_NORM_EPSILON: f64 = 1e-5;

/// Whether a pass trains.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// Running statistics are used, nothing is dropped.
    Evaluation,
    /// Statistics of the batch are used and the running ones brought up to date; layers drop.
    Training {
        /// What is dropped follows from it and each layer's name: another seed for every step.
        seed: Seed,
        /// The share of paths that [`Operation::DropPath`] drops.
        drop_path: f64,
    },
}

/// What a pass gives.
#[derive(Debug)]
pub struct Output {
    /// `[batch, outputs]`, or `[batch, outputs, height, width]` for dense predictions.
    pub main: Tensor,
    /// The auxiliary head's result, in training only.
    pub auxiliary: Option<Tensor>,
}

/// Runs `network` with `weights` (in the order of [`Network::tensors`]) on a batch, `[batch, sample…]`.
///
/// `weights` is a plain slice so that it can also be the result of an inner loop. Running statistics among them are
/// updated in place in training.
///
/// Errors name the layer and the shapes.
pub fn forward(
    network: &Network,
    weights: &[Tensor],
    input: &Tensor,
    mode: Mode,
) -> Result<Output, TorchError> {
    forward_observed(network, weights, input, mode, &mut |_, result| result)
}

/// The same; `observe` sees each layer's place and result, and gives what takes the result's place.
pub fn forward_observed(
    network: &Network,
    weights: &[Tensor],
    input: &Tensor,
    mode: Mode,
    observe: &mut dyn FnMut(usize, Tensor) -> Tensor,
) -> Result<Output, TorchError> {
    let last_uses = network.last_uses();
    let is_training = matches!(mode, Mode::Training { .. });
    let mut results: Vec<Option<Tensor>> = Vec::with_capacity(network.layers().len());
    let mut weights = weights.iter();
    for (place, layer) in network.layers().iter().enumerate() {
        if place == 0 {
            results.push(Some(observe(0, input.shallow_clone())));
            continue;
        }
        let inputs: Vec<&Tensor> = layer
            .inputs
            .iter()
            .map(|&from| results[from].as_ref().expect("a result is kept until its last use"))
            .collect();
        let pass = Pass { operation: &layer.operation, name: &layer.name, mode };
        let result = pass.run(&inputs, &mut weights);
        let result = result.map_err(|error| TorchError::new(&layer.name, &inputs, &error))?;
        results.push(Some(observe(place, result)));
        for &from in &layer.inputs {
            if last_uses[from] == place {
                results[from] = None;
            }
        }
    }
    let auxiliary = network.auxiliary().filter(|_| is_training).and_then(|place| results[place].take());
    let main = results[network.output()].take().expect("the result is kept");
    Ok(Output { main, auxiliary })
}

struct Pass<'a> {
    operation: &'a Operation,
    name: &'a str,
    mode: Mode,
}

impl Pass<'_> {
    fn run<'w>(
        &self,
        inputs: &[&Tensor],
        weights: &mut impl Iterator<Item = &'w Tensor>,
    ) -> Result<Tensor, TchError> {
        let x = inputs[0];
        let mut next = || weights.next().expect("there is a tensor for each spec");
        match *self.operation {
            Operation::Input => unreachable!("the input is no step"),
            Operation::Linear { bias, .. } => {
                let weight = next();
                x.f_linear(weight, bias.then(next))
            }
            Operation::Conv { stride, padding: [top, left], dilation, groups, bias, .. } => {
                let weight = next();
                let bias = bias.then(next);
                let (stride, dilation) = (stride as i64, dilation as i64);
                let padding = [top as i64, left as i64];
                x.f_conv2d(weight, bias, [stride; 2], padding, [dilation; 2], groups as i64)
            }
            Operation::BatchNorm { affine } => {
                let scale = affine.then(&mut next);
                let shift = affine.then(&mut next);
                let (mean, variance) = (next(), next());
                let training = matches!(self.mode, Mode::Training { .. });
                let (momentum, epsilon) = (BATCH_NORM_MOMENTUM, BATCH_NORM_EPSILON);
                x.f_batch_norm(scale, shift, Some(mean), Some(variance), training, momentum, epsilon, true)
            }
            Operation::Activation { function } => match function {
                Activation::Relu => x.f_relu(),
                Activation::Gelu => x.f_gelu("none"),
                Activation::Silu => x.f_silu(),
                Activation::Tanh => x.f_tanh(),
                Activation::Sigmoid => x.f_sigmoid(),
                Activation::LeakyRelu => x.f_leaky_relu(),
                Activation::Relu6 => x.f_relu6(),
            },
            Operation::MaxPool { kernel, stride, padding } => {
                let [kernel, stride, padding] = [kernel, stride, padding].map(|size| [size as i64; 2]);
                x.f_max_pool2d(kernel, stride, padding, [1, 1], false)
            }
            Operation::AveragePool { kernel, stride, padding } => {
                let [kernel, stride, padding] = [kernel, stride, padding].map(|size| [size as i64; 2]);
                x.f_avg_pool2d(kernel, stride, padding, false, false, None)
            }
            Operation::GlobalAveragePool => x.f_mean_dim(&[2_i64, 3][..], false, None),
            Operation::Flatten => x.f_flatten(1, -1),
            Operation::Dropout { rate } => self.drop(x, rate, &x.size()),
            Operation::DropPath => match self.mode {
                Mode::Training { drop_path, .. } => {
                    let mut shape = vec![1; x.dim()];
                    shape[0] = x.size()[0];
                    self.drop(x, drop_path, &shape)
                }
                Mode::Evaluation => Ok(x.shallow_clone()),
            },
            Operation::Sum => {
                let first = match inputs {
                    [single] => return Ok(single.shallow_clone()),
                    [first, second, ..] => first.f_add(second)?,
                    [] => unreachable!("every layer is fed"),
                };
                inputs[2..].iter().try_fold(first, |sum, input| sum.f_add(input))
            }
            Operation::Concat => Tensor::f_cat(inputs, 1),
            Operation::Zero { stride } => {
                let thinned = |x: &Tensor, dim| x.f_slice(dim, None, None, stride as i64);
                let source = if stride > 1 { thinned(&thinned(x, 2)?, 3)? } else { x.shallow_clone() };
                source.f_zeros_like()
            }
            Operation::Narrow { channels } => x.f_narrow(1, 0, channels as i64),
            Operation::Crop { offset } => {
                let offset = Some(offset as i64);
                x.f_slice(2, offset, None, 1)?.f_slice(3, offset, None, 1)
            }
            Operation::PixelShuffle { factor } => x.f_pixel_shuffle(factor as i64),
            Operation::Resize { size: [height, width], mode } => {
                let size = [height as i64, width as i64];
                match mode {
                    Resampling::Nearest => x.f_upsample_nearest2d(size, None, None),
                    Resampling::Bilinear => x.f_upsample_bilinear2d(size, false, None, None),
                }
            }
        }
    }

    /// `x` with a share `rate` of it set to zero in training, by a mask of `shape`, and the rest scaled up.
    fn drop(&self, x: &Tensor, rate: f64, shape: &[i64]) -> Result<Tensor, TchError> {
        let Mode::Training { seed, .. } = self.mode else { return Ok(x.shallow_clone()) };
        if rate <= 0.0 {
            return Ok(x.shallow_clone());
        }
        let keep = 1.0 - rate;
        let mask = uniform_mask(seed.derive(self.name, 0), keep, shape, x.device())
            .map_err(|error| TchError::Torch(error.to_string()))?;
        x.f_mul(&mask.f_to_kind(x.kind())?)?.f_div_scalar(keep)
    }
}
