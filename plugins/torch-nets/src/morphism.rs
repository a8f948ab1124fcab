//! Changes of a network that keep its function, and some that nearly do: the mutations of evolution with inheritance.
//!
//! A morphism changes the network; its weights follow by [`inherit`](crate::inherit), which also proves that the
//! function is kept.
//!
//! Sources: Chen, Goodfellow & Shlens 2016 (Net2Net: wider, deeper); Wei et al. 2016 (kernels); Cai et al. 2018
//! (branches); Elsken, Metzen & Hutter 2019 (skips, and the approximate ones).

mod draft;
mod edits;

use heirloom_model::Seed;
use heirloom_network::{Activation, Network};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::{Initialisation, TorchError, Weights};

/// A change of a network. Layers are named by [`Layer::name`](heirloom_network::Layer::name).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Morphism {
    /// More units (features or channels): replicas of random ones, what goes out of a unit divided by how often it
    /// stands (Net2Wider). All layers that a sum ties to it grow by as many.
    Widen {
        /// A linear layer or convolution.
        layer: String,
        /// Its units afterwards.
        outputs: usize,
        /// Standard deviation of the noise on the replicas' weights, in standard deviations of the layer's weights;
        /// 0 keeps the function exactly, but leaves replicas alike in training unless dropout parts them.
        #[serde(default)]
        noise: f64,
    },
    /// A layer that begins as the identity: linear after features, a convolution after images.
    Deepen {
        /// The layer that it follows.
        after: String,
        /// Side of the convolution's kernel, odd. Of no meaning after features.
        kernel: usize,
        /// Whether a batch norm follows.
        batch_norm: bool,
        /// What follows last. It must leave what it is fed unchanged: a rectifier after a rectifier.
        activation: Option<Activation>,
    },
    /// A way past layers. Into a sum, or into any other layer, which is then made a sum: by a projection that begins at
    /// zero. Into a concatenation: as it is, read by zeros.
    AddSkip {
        /// The layer that it starts from.
        from: String,
        /// The layer that it ends in.
        into: String,
    },
    /// A new branch with a hidden layer of its own, into a sum (its last layer begins at zero), a concatenation (read
    /// by zeros), or any other layer, which is then made a sum.
    AddBranch {
        /// The layer that it starts from.
        from: String,
        /// The layer that it ends in.
        into: String,
        /// Units of its hidden layer; into a concatenation, its units.
        hidden: usize,
        /// Side of the hidden convolution's kernel, odd. Of no meaning after features.
        kernel: usize,
        /// Whether a batch norm follows the hidden layer.
        batch_norm: bool,
        /// What follows the hidden layer.
        activation: Option<Activation>,
    },
    /// A larger kernel, zeros around the old one; the padding grows with it.
    WidenKernel {
        /// A convolution.
        layer: String,
        /// The new kernel; it differs from the old one by an even number in both directions.
        kernel: [usize; 2],
    },
    /// Approximate: a layer goes; what it fed is fed by its (first) input.
    DropLayer {
        /// The layer.
        layer: String,
    },
    /// Approximate: fewer units, those with the largest norms. All layers that a sum ties to it lose as many.
    DropUnits {
        /// A linear layer or convolution.
        layer: String,
        /// Its units afterwards.
        outputs: usize,
    },
}

impl Morphism {
    /// Whether it keeps the function (in evaluation mode, up to rounding).
    pub fn is_exact(&self) -> bool {
        match self {
            Self::DropLayer { .. } | Self::DropUnits { .. } => false,
            Self::Widen { noise, .. } => *noise == 0.0,
            _ => true,
        }
    }

    /// The changed network.
    ///
    /// Errors when a layer is not there or not of the right kind, or when the change would reach the network's input
    /// or output.
    pub fn edit(&self, network: &Network) -> Result<Network, TorchError> {
        match self {
            Self::Widen { layer, outputs, .. } => edits::resize(network, layer, *outputs, true),
            Self::DropUnits { layer, outputs } => edits::resize(network, layer, *outputs, false),
            Self::Deepen { after, kernel, batch_norm, activation } => {
                edits::deepen(network, after, *kernel, *batch_norm, *activation)
            }
            Self::AddSkip { from, into } => edits::branch(network, from, into, None),
            Self::AddBranch { from, into, hidden, kernel, batch_norm, activation } => {
                let (hidden, kernel, batch_norm, activation) = (*hidden, *kernel, *batch_norm, *activation);
                let hidden = edits::Hidden { units: hidden, kernel, batch_norm, activation };
                edits::branch(network, from, into, Some(hidden))
            }
            Self::WidenKernel { layer, kernel } => edits::widen_kernel(network, layer, *kernel),
            Self::DropLayer { layer } => edits::drop_layer(network, layer),
        }
    }
}

/// The network after `morphism`, and its weights, on the device of the old ones.
///
/// What is random (which units are replicated, fresh weights of a branch) follows from `seed`.
/// Errors as [`Morphism::edit`] does; and where a morphism that should keep the function cannot here, it says at
/// which layer: a new part beside zeros, for instance, could never learn if it began silent.
pub fn apply(
    network: &Network,
    weights: &Weights,
    morphism: &Morphism,
    seed: Seed,
) -> Result<(Network, Weights), TorchError> {
    let child = morphism.edit(network)?;
    let device = weights.tensors().first().map_or(Device::Cpu, Tensor::device);
    let fresh = Weights::new(&child, Initialisation::He, seed.derive("fresh", 0), device)?;
    let noise = if let Morphism::Widen { noise, .. } = morphism { *noise } else { 0.0 };
    let (weights, inherited) =
        crate::inherit::morph(network, weights, &child, fresh, noise, seed.derive("inherit", 0))?;
    let keeps = !matches!(morphism, Morphism::DropLayer { .. } | Morphism::DropUnits { .. });
    if keeps && !inherited.exact {
        let steps = inherited.steps.join("; ");
        return Err(TorchError::other("morphism", format!("would change the function: {steps}")));
    }
    Ok((child, weights))
}
