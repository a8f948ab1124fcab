//! The tensors of a network.

use heirloom_model::Seed;
use heirloom_network::{Network, TensorRole, TensorSpec};
use tch::{Device, Kind, Tensor, no_grad};

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

/// All tensors of a network, in the order of [`Network::tensors`].
#[derive(Debug)]
pub struct Weights {
    specs: Vec<TensorSpec>,
    tensors: Vec<Tensor>,
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
        let mut fans = (1.0, 1.0);
        for spec in &specs {
            let shape: Vec<i64> = spec.shape.iter().map(|&size| size as i64).collect();
            if spec.role == TensorRole::Weight {
                let window: usize = spec.shape[2..].iter().product();
                fans = ((spec.shape[1] * window) as f64, (spec.shape[0] * window) as f64);
            }
            let (fan_in, fan_out) = fans;
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
        Self { specs, tensors }.to_device(device)
    }

    /// Weights from tensors in the network's order.
    ///
    /// Errors when their number or a shape is another, naming the tensor.
    pub fn from_tensors(network: &Network, tensors: Vec<Tensor>) -> Result<Self, TorchError> {
        let specs = network.tensors();
        if specs.len() != tensors.len() {
            let message = format!("the network has {} tensors, {} were given", specs.len(), tensors.len());
            return Err(TorchError::other("weights", message));
        }
        for (spec, tensor) in specs.iter().zip(&tensors) {
            let wanted: Vec<i64> = spec.shape.iter().map(|&size| size as i64).collect();
            if tensor.size() != wanted {
                let message = format!("is {:?}, the network needs {wanted:?}", tensor.size());
                return Err(TorchError::other(&spec.name, message));
            }
        }
        Ok(Self { specs, tensors })
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

    /// The same weights on another device; parameters are leaves that take gradients.
    pub fn to_device(&self, device: Device) -> Result<Self, TorchError> {
        self.copied(|tensor| tensor.f_to_device(device))
    }

    /// A copy that shares no memory with these.
    pub fn deep_copy(&self) -> Result<Self, TorchError> {
        self.copied(|tensor| {
            let mut copy = tensor.f_empty_like()?;
            copy.f_copy_(tensor)?;
            Ok(copy)
        })
    }

    fn copied(&self, copy: impl Fn(&Tensor) -> Result<Tensor, tch::TchError>) -> Result<Self, TorchError> {
        let copies = self.specs.iter().zip(&self.tensors).map(|(spec, tensor)| {
            let copied = no_grad(|| copy(&tensor.detach()));
            copied
                .and_then(|copied| copied.f_set_requires_grad(spec.role.is_parameter()))
                .map_err(|error| TorchError::new(&spec.name, &[tensor], &error))
        });
        let tensors = copies.collect::<Result<_, _>>()?;
        Ok(Self { specs: self.specs.clone(), tensors })
    }
}
