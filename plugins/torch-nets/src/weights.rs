//! The tensors of a network.

use heirloom_model::Seed;
use heirloom_network::{Network, TensorRole, TensorSpec};
use tch::{Device, Kind, TchError, Tensor, no_grad};

use crate::{TorchError, uniform};

/// How the weights of linear layers and convolutions are drawn. Biases are 0 but in
/// [`PyTorch`](Initialisation::PyTorch); scales are 1, shifts 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Initialisation {
    /// Uniform within ±√(6 / fan-in): variance 2 / fan-in, for networks of rectifiers. He et al. 2015.
    #[default]
    He,
    /// Uniform within ±√(6 / (fan-in + fan-out)). Glorot & Bengio 2010.
    Glorot,
    /// Uniform within ±1/√fan-in, biases too: what PyTorch does by default.
    PyTorch,
}

impl Initialisation {
    /// The mean of ‖W‖² over draws of a weight tensor `[outputs, inputs, window…]`.
    ///
    /// Equal for shapes for which it is the same number: nothing is rounded before the one division.
    pub fn mean_square_norm(self, shape: &[usize]) -> f64 {
        let n = shape.iter().product::<usize>() as f64;
        let (fan_in, fan_out) = fans(shape);
        match self {
            Self::He => 2.0 * n / fan_in,
            Self::Glorot => 2.0 * n / (fan_in + fan_out),
            Self::PyTorch => n / (3.0 * fan_in),
        }
    }
}

/// How many numbers a result of the tensor `[outputs, inputs, window…]` is made of, and how many a number goes into.
fn fans(shape: &[usize]) -> (f64, f64) {
    let window: usize = shape[2..].iter().product();
    ((shape[1] * window) as f64, (shape[0] * window) as f64)
}

/// All tensors of a network, in the order of [`Network::tensors`].
///
/// The parameters among them are views of one long tensor, so that an optimizer's step is a few operations whatever
/// the number of layers.
#[derive(Debug)]
pub struct Weights {
    specs: Vec<TensorSpec>,
    tensors: Vec<Tensor>,
    flat: Tensor,
}

impl Weights {
    /// Fresh weights. Each tensor is drawn from the seed and its own name, so that layers can come and go without
    /// changing the others.
    pub fn new(
        network: &Network,
        initialisation: Initialisation,
        seed: Seed,
        device: Device,
    ) -> Result<Self, TorchError> {
        let specs = network.tensors();
        let mut tensors = Vec::with_capacity(specs.len());
        let mut fan = (1.0, 1.0);
        for spec in &specs {
            let shape: Vec<i64> = spec.shape.iter().map(|&size| size as i64).collect();
            if spec.role == TensorRole::Weight {
                fan = fans(&spec.shape);
            }
            let (fan_in, fan_out) = fan;
            let drawn = |bound: f64| uniform(seed.derive(&spec.name, 0), bound, &shape);
            let filled = |value: f64| {
                Tensor::f_full(&shape, value, (Kind::Float, Device::Cpu)).map_err(TorchError::at("filling"))
            };
            let tensor = match (spec.role, initialisation) {
                (TensorRole::Weight, Initialisation::He) => drawn((6.0 / fan_in).sqrt())?,
                (TensorRole::Weight, Initialisation::Glorot) => drawn((6.0 / (fan_in + fan_out)).sqrt())?,
                (TensorRole::Weight | TensorRole::Bias, Initialisation::PyTorch) => {
                    drawn(1.0 / fan_in.sqrt())?
                }
                (TensorRole::Scale | TensorRole::RunningVariance, _) => filled(1.0)?,
                (TensorRole::Bias | TensorRole::Shift | TensorRole::RunningMean, _) => filled(0.0)?,
            };
            tensors.push(tensor);
        }
        Self::assemble(specs, &tensors, device)
    }

    /// Weights from copies of tensors in the network's order.
    ///
    /// Errors when their number or a shape is another, naming the tensor.
    pub fn from_tensors(network: &Network, tensors: &[Tensor]) -> Result<Self, TorchError> {
        let specs = network.tensors();
        if specs.len() != tensors.len() {
            let message = format!("the network has {} tensors, {} were given", specs.len(), tensors.len());
            return Err(TorchError::other("weights", message));
        }
        for (spec, tensor) in specs.iter().zip(tensors) {
            let wanted: Vec<i64> = spec.shape.iter().map(|&size| size as i64).collect();
            if tensor.size() != wanted {
                let message = format!("is {:?}, the network needs {wanted:?}", tensor.size());
                return Err(TorchError::other(&spec.name, message));
            }
        }
        let device = tensors.first().map_or(Device::Cpu, Tensor::device);
        Self::assemble(specs, tensors, device)
    }

    /// What each tensor is, `[n]`.
    pub fn specs(&self) -> &[TensorSpec] {
        &self.specs
    }

    /// The tensors, `[n]`.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The tensors that training changes by gradients, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &Tensor> {
        self.specs.iter().zip(&self.tensors).filter(|(spec, _)| spec.role.is_parameter()).map(|(_, t)| t)
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.specs.iter().position(|spec| spec.name == name).map(|place| &self.tensors[place])
    }

    /// All parameters one after another, `[n_parameters]`: a change of it is a change of them.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// A copy on `device`, which shares no memory with these; its parameters are leaves that take gradients.
    pub fn copy_to(&self, device: Device) -> Result<Self, TorchError> {
        Self::assemble(self.specs.clone(), &self.tensors, device)
    }

    fn assemble(specs: Vec<TensorSpec>, tensors: &[Tensor], device: Device) -> Result<Self, TorchError> {
        no_grad(|| Self::try_assemble(&specs, tensors, device))
            .map(|(tensors, flat)| Self { specs, tensors, flat })
            .map_err(TorchError::at("bringing weights together"))
    }

    fn try_assemble(
        specs: &[TensorSpec],
        tensors: &[Tensor],
        device: Device,
    ) -> Result<(Vec<Tensor>, Tensor), TchError> {
        let is_parameter = |spec: &TensorSpec| spec.role.is_parameter();
        let own = specs.iter().zip(tensors).filter(|(spec, _)| is_parameter(spec));
        let rows = own.map(|(_, tensor)| tensor.detach().f_flatten(0, -1)).collect::<Result<Vec<_>, _>>()?;
        let flat = match rows.is_empty() {
            true => Tensor::f_zeros([0], (Kind::Float, device))?,
            // A single tensor is not copied by `cat` or by the move to its own device.
            false => Tensor::f_cat(&rows, 0)?.f_to_device(device)?.f_mul_scalar(1.0)?,
        };
        let mut start = 0;
        let mut place = |spec: &TensorSpec, tensor: &Tensor| {
            if !is_parameter(spec) {
                return tensor.detach().f_to_device(device)?.f_mul_scalar(1.0);
            }
            let n = spec.len() as i64;
            let view = flat.f_narrow(0, start, n)?.f_view(&*tensor.size())?.detach();
            start += n;
            view.f_set_requires_grad(true)
        };
        let tensors = specs.iter().zip(tensors).map(|(spec, tensor)| place(spec, tensor));
        Ok((tensors.collect::<Result<_, _>>()?, flat))
    }
}
