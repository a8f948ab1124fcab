//! An untrained network, looked at by its results and gradients.

use heirloom_network::{Network, NetworkBuilder, Operation, TensorRole, TensorSpec};
use heirloom_plugin::Seed;
use heirloom_torch_nets::{Initialisation, Mode, TorchError, Weights, forward_observed};
use tch::{Device, Kind, TchError, Tensor};

/// A network with weights. Layers that drop are passed by: a score is of the whole network.
#[derive(Debug)]
pub struct Probe {
    network: Network,
    specs: Vec<TensorSpec>,
    tensors: Vec<Tensor>,
}

/// What a failed operation comes to; its name is put in by [`Score::measure`](crate::Score::measure).
pub(crate) struct Failure(pub(crate) TorchError);

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl From<TorchError> for Failure {
    fn from(error: TorchError) -> Self {
        Self(error)
    }
}

impl From<TchError> for Failure {
    fn from(error: TchError) -> Self {
        Self(TorchError::new("scoring", &[], &error))
    }
}

impl Probe {
    /// `network` with copies of `weights`, whose order is that of the network's tensors.
    pub fn new(network: &Network, weights: &Weights) -> std::result::Result<Self, TorchError> {
        let device = weights.tensors().first().map_or(Device::Cpu, Tensor::device);
        let weights = weights.copy_to(device)?;
        let tensors = weights.tensors().iter().map(Tensor::shallow_clone).collect();
        let drops =
            |operation: &Operation| matches!(operation, Operation::Dropout { .. } | Operation::DropPath);
        Ok(Self { network: bypassed(network, drops), specs: weights.specs().to_vec(), tensors })
    }

    /// `network` with weights drawn from `seed` and the tensors' names.
    pub fn fresh(
        network: &Network,
        initialisation: Initialisation,
        seed: Seed,
        device: Device,
    ) -> std::result::Result<Self, TorchError> {
        Self::new(network, &Weights::new(network, initialisation, seed, device)?)
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The result for `inputs` `[n, sample…]`, with the statistics of this batch.
    pub(crate) fn run(&self, inputs: &Tensor) -> Result<Tensor> {
        self.observe(inputs, &mut |_, _| {})
    }

    /// The same; `see` is shown each layer's place and result.
    pub(crate) fn observe(&self, inputs: &Tensor, see: &mut dyn FnMut(usize, &Tensor)) -> Result<Tensor> {
        // Nothing is dropped, so that the seed decides nothing.
        let mode = Mode::Training { seed: Seed([0; 32]), drop_path: 0.0 };
        let output = forward_observed(&self.network, &self.tensors, inputs, mode, &mut |place, result| {
            see(place, &result);
            result
        })?;
        Ok(output.main)
    }

    /// The weights of convolutions and linear layers.
    pub(crate) fn kernels(&self) -> Vec<&Tensor> {
        self.of_role(|role| role == TensorRole::Weight)
    }

    /// Everything that training changes by gradients.
    pub(crate) fn parameters(&self) -> Vec<&Tensor> {
        self.of_role(TensorRole::is_parameter)
    }

    /// The running variances, one for each batch normalisation.
    pub(crate) fn running_variances(&self) -> Vec<&Tensor> {
        self.of_role(|role| role == TensorRole::RunningVariance)
    }

    fn of_role(&self, wanted: impl Fn(TensorRole) -> bool) -> Vec<&Tensor> {
        self.specs.iter().zip(&self.tensors).filter(|(spec, _)| wanted(spec.role)).map(|(_, t)| t).collect()
    }

    /// The same network with other tensors: `change` gives each one's successor.
    pub(crate) fn with_tensors(
        &self,
        mut change: impl FnMut(&TensorSpec, &Tensor) -> std::result::Result<Tensor, TchError>,
    ) -> Result<Self> {
        let tensors = self.specs.iter().zip(&self.tensors).map(|(spec, tensor)| {
            change(spec, &tensor.detach())?.detach().f_set_requires_grad(spec.role.is_parameter())
        });
        let tensors = tensors.collect::<std::result::Result<_, _>>()?;
        Ok(Self { network: self.network.clone(), specs: self.specs.clone(), tensors })
    }

    /// The same network with its tensors as constants: a pass remembers less when no gradients by weights are wanted.
    pub(crate) fn frozen(&self) -> Self {
        let tensors = self.tensors.iter().map(Tensor::detach).collect();
        Self { network: self.network.clone(), specs: self.specs.clone(), tensors }
    }

    /// The network in double precision, without normalisations, and every weight's magnitude for the weight.
    pub(crate) fn linearised(&self) -> Result<Self> {
        let normalises = |operation: &Operation| matches!(operation, Operation::BatchNorm { .. });
        let layers = self.network.layers();
        let kept = |spec: &TensorSpec| !normalises(&layers[spec.layer].operation);
        let magnitudes = self.with_tensors(|_, tensor| tensor.f_to_kind(Kind::Double)?.f_abs())?;
        let pairs = magnitudes.specs.into_iter().zip(magnitudes.tensors).filter(|(spec, _)| kept(spec));
        let (specs, tensors) = pairs.unzip();
        Ok(Self { network: bypassed(&self.network, normalises), specs, tensors })
    }
}

/// `network` with the operations that are `passed` by: their inputs come out as they are. Names and places stay.
fn bypassed(network: &Network, passed: impl Fn(&Operation) -> bool) -> Network {
    if !network.layers().iter().any(|layer| passed(&layer.operation)) {
        return network.clone();
    }
    let mut builder = NetworkBuilder::new(network.input_shape().clone());
    for layer in &network.layers()[1..] {
        let operation = if passed(&layer.operation) { Operation::Sum } else { layer.operation };
        builder
            .add(&layer.name, operation, &layer.inputs)
            .expect("a layer that keeps its shape can be passed by");
    }
    builder.finish(network.output(), network.auxiliary())
}

/// What becomes of the graph that gradients are taken through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Graph {
    /// It gives its memory back on the way.
    Spent,
    /// More gradients can be taken through it.
    Kept,
    /// So too, and the gradients can be differentiated themselves.
    Extended,
}

/// The gradients of the number `of` by `tensors`, `None` for a tensor that it does not depend on.
pub(crate) fn gradients(of: &Tensor, by: &[&Tensor], graph: Graph) -> Result<Vec<Option<Tensor>>> {
    if !of.requires_grad() {
        return Ok(by.iter().map(|_| None).collect());
    }
    let gradients = Tensor::f_run_backward(&[of], by, graph != Graph::Spent, graph == Graph::Extended)?;
    Ok(gradients.into_iter().map(|gradient| gradient.defined().then_some(gradient)).collect())
}
