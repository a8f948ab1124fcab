//! Weights of a parent network for its child: what evolution hands on from one generation to the next.
//!
//! Layers are matched by name. Walking through the child from its input on, each layer's result is compared with what
//! the parent computes; a layer's weights are chosen so that its result stays, unit by unit, one of the parent's. Where
//! that holds up to the output, the child is the same function as its parent (in evaluation mode): a network morphism.
//! Where it cannot hold, the parent's numbers are still the better start, and are copied.
//!
//! Sources: Chen, Goodfellow & Shlens 2016 (Net2Net); Wei et al. 2016 (network morphism: kernels, depth); Cai et al.
//! 2018 (path-level: branches); Elsken, Metzen & Hutter 2019 (LEMONADE: approximate ones).

mod fill;
mod gather;
mod maps;
mod moments;
pub(crate) mod units;
pub(crate) mod values;

use heirloom_model::Seed;
use heirloom_network::Network;
use serde::{Deserialize, Serialize};

use crate::{TorchError, Weights};

/// What came of an inheritance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Inherited {
    /// Whether the child gives the same as its parent for every input in evaluation mode, up to rounding.
    pub exact: bool,
    /// The share of the child's numbers (parameters and running statistics) that came from the parent, in [0, 1].
    pub share: f64,
    /// What was done where a layer was not simply copied, one sentence each, in the order of the child's layers.
    pub steps: Vec<String>,
}

/// Weights for `child` from those of `parent`; what the parent has nothing for is taken from `fresh`, the child's own
/// initial weights.
///
/// | in the child | its weights | function kept |
/// |---|---|---|
/// | same shape | copied | yes |
/// | wider | units replicated at random, what goes out of them divided by how often (Net2Wider) | yes |
/// | narrower | the units of largest norm | no |
/// | larger kernel | zeros around, if the padding grew with it | yes |
/// | smaller kernel | its centre | no |
/// | new layer in a chain | the identity, where shapes allow | yes |
/// | new branch into a sum | fresh, its last scale or weight zero | yes |
/// | new branch that a rectifier ends | fresh and small: zeros in front of a rectifier never learn | no |
/// | new branch beside what is the same for every input | fresh: silent branches in a row never learn | no |
/// | new branch into a concatenation | fresh, the columns that read it zero | yes |
/// | another operation in an old place | fresh, all around it copied | no |
///
/// Which units are replicated follows from `seed` and the layers' names. Layers that are summed are widened alike.
/// The result lies on the device of `parent_weights`, with gradients on.
///
/// Errors when LibTorch does.
pub fn inherit(
    parent: &Network,
    parent_weights: &Weights,
    child: &Network,
    fresh: Weights,
    seed: Seed,
) -> Result<(Weights, Inherited), TorchError> {
    morph(parent, parent_weights, child, fresh, 0.0, seed)
}

/// The same, with noise added to the weights of replicated units: uniform, with a standard deviation of `noise` times
/// that of the layer's weights. Replicas without noise get the same gradients and stay alike, unless dropout parts
/// them; Net2Net adds a little. `exact` says what holds but for the noise.
pub(crate) fn morph(
    parent: &Network,
    parent_weights: &Weights,
    child: &Network,
    fresh: Weights,
    noise: f64,
    seed: Seed,
) -> Result<(Weights, Inherited), TorchError> {
    tch::no_grad(|| fill::Filler::new(parent, parent_weights, child, fresh, noise, seed)?.run())
}
