//! The scores, each by its formula.

mod activation;
mod jacobian;
mod kernel;
mod saliency;
mod zen;

use heirloom_plugin::{Direction, ProxyNeeds};
use heirloom_torch_nets::{Initialisation, TorchError};

use crate::probe::Failure;
use crate::{Probe, Sample};

/// A score of untrained networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Score {
    /// The log-determinant of the kernel that counts on how many activations two inputs agree. Mellor et al. 2021
    /// (NASWOT).
    Naswot,
    /// How little the Jacobians of different inputs correlate. Mellor et al. 2021, first version.
    Jacov,
    /// The logarithm of Σ |w ∂R/∂w|, R the sum of the outputs of the network with every weight's magnitude and
    /// without normalisation, for an input of ones. Tanaka et al. 2020, Abdelfattah et al. 2021.
    Synflow,
    /// Σ |w ∂L/∂w|. Lee et al. 2019, Abdelfattah et al. 2021.
    Snip,
    /// −Σ w (H g), H the loss's second derivatives, g its first. Wang et al. 2020, Abdelfattah et al. 2021.
    Grasp,
    /// Σ ½ (z ∂L/∂z)² over the channels z of all layers, each as often as it has weights. Theis et al. 2018,
    /// Abdelfattah et al. 2021.
    Fisher,
    /// Σ ‖∂L/∂W‖ over layers. Abdelfattah et al. 2021.
    GradNorm,
    /// Σ w ∂L/∂w. Mozer & Smolensky 1988, Abdelfattah et al. 2021.
    Plain,
    /// Σ ‖W‖ over layers. Abdelfattah et al. 2021. As a proxy of fresh networks: of the norms' root mean squares, without a
    /// draw.
    L2Norm,
    /// The logarithm of how far a small step of the input moves the last image, with the scales that batch
    /// normalisation took out put back. Lin et al. 2021 (Zen-NAS).
    Zen,
    /// The condition number of the neural tangent kernel. Chen et al. 2021 (TE-NAS).
    Ntk,
    /// How many linear regions noise falls into. Chen et al. 2021 (TE-NAS).
    LinearRegions,
    /// How the Jacobians of inputs of one class correlate. Lopes et al. 2021.
    EpeNas,
    /// Σ over layers of the logarithm of Σ mean |g| / std g over batches. Li et al. 2023.
    Zico,
}

/// The neural tangent kernel takes a backward pass for each of its inputs.
const NTK_INPUTS: i64 = 16;

impl Score {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Naswot,
        Self::Jacov,
        Self::Synflow,
        Self::Snip,
        Self::Grasp,
        Self::Fisher,
        Self::GradNorm,
        Self::Plain,
        Self::L2Norm,
        Self::Zen,
        Self::Ntk,
        Self::LinearRegions,
        Self::EpeNas,
        Self::Zico,
    ];

    /// Its name in run files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Naswot => "naswot",
            Self::Jacov => "jacov",
            Self::Synflow => "synflow",
            Self::Snip => "snip",
            Self::Grasp => "grasp",
            Self::Fisher => "fisher",
            Self::GradNorm => "grad-norm",
            Self::Plain => "plain",
            Self::L2Norm => "l2-norm",
            Self::Zen => "zen",
            Self::Ntk => "ntk",
            Self::LinearRegions => "linear-regions",
            Self::EpeNas => "epe-nas",
            Self::Zico => "zico",
        }
    }

    /// The score of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|score| score.name() == name)
    }

    /// Whether a larger score promises a better network.
    pub fn direction(self) -> Direction {
        match self {
            // A well-conditioned kernel is learned fast. Of `plain` the sign is that of the recorded scores and
            // accuracies of NAS-Bench-Suite-Zero (Krishnakumar et al. 2022): negative on seven of nine tasks.
            Self::Ntk | Self::Plain => Direction::Minimise,
            _ => Direction::Maximise,
        }
    }

    /// What it must be given.
    pub fn needs(self) -> ProxyNeeds {
        match self {
            Self::Synflow | Self::L2Norm | Self::Zen | Self::LinearRegions => ProxyNeeds::Nothing,
            Self::Naswot | Self::Jacov | Self::Ntk => ProxyNeeds::Inputs,
            Self::EpeNas => ProxyNeeds::Labels,
            Self::Snip | Self::Grasp | Self::Fisher | Self::GradNorm | Self::Plain | Self::Zico => {
                ProxyNeeds::Gradients
            }
        }
    }

    /// Whether it is defined on standard normal inputs, whatever the task's are.
    pub fn shows_noise(self) -> bool {
        self.needs() == ProxyNeeds::Nothing
    }

    /// The largest score there can be, where networks come to it.
    pub fn ceiling(self) -> Option<f64> {
        (self == Self::LinearRegions).then_some(activation::REGION_INPUTS as f64)
    }

    /// The unit of a score; empty where there is none.
    pub fn unit(self) -> &'static str {
        match self {
            Self::LinearRegions => "regions",
            _ => "",
        }
    }

    /// How many inputs it is to be shown, of a batch of `batch_size`.
    pub fn n_inputs(self, batch_size: i64) -> i64 {
        match self {
            Self::Synflow | Self::L2Norm => 1,
            // Two batches, one after another.
            Self::Zen | Self::Zico => 2 * batch_size,
            Self::Ntk => batch_size.min(NTK_INPUTS),
            Self::LinearRegions => activation::REGION_INPUTS,
            _ => batch_size,
        }
    }

    /// Rough seconds for a score of a cell network of a few hundred thousand weights and 64 images on one core.
    pub fn cost_seconds(self) -> f64 {
        match self {
            Self::L2Norm => 0.001,
            Self::Synflow | Self::LinearRegions => 0.05,
            Self::Naswot | Self::Zen => 0.3,
            Self::Jacov | Self::Snip | Self::Fisher | Self::GradNorm | Self::Plain | Self::EpeNas => 0.6,
            Self::Zico | Self::Ntk => 1.2,
            Self::Grasp => 1.8,
        }
    }

    /// How weights are to be drawn for it, where that is part of its definition.
    pub fn draws_gaussian_weights(self) -> bool {
        self == Self::Zen
    }

    /// The initialisation that its results were published with.
    pub fn initialisation(self) -> Initialisation {
        match self {
            Self::Ntk | Self::LinearRegions => Initialisation::He,
            _ => Initialisation::PyTorch,
        }
    }

    /// The score of `probe` on `sample`; NaN where it has none: no activation, no normalisation, nothing that depends
    /// on the input.
    ///
    /// `zen` and `zico` take the sample as two batches, one after another.
    ///
    /// Errors name the score or the layer and the shapes.
    pub fn measure(self, probe: &Probe, sample: &Sample) -> Result<f64, TorchError> {
        let score = match self {
            Self::Naswot => tch::no_grad(|| activation::naswot(probe, sample)),
            Self::LinearRegions => tch::no_grad(|| activation::linear_regions(probe, sample)),
            Self::Zen => tch::no_grad(|| zen::zen(probe, sample)),
            Self::L2Norm => tch::no_grad(|| saliency::l2_norm(probe)),
            Self::Jacov => tch::with_grad(|| jacobian::jacov(probe, sample)),
            Self::EpeNas => tch::with_grad(|| jacobian::epe_nas(probe, sample)),
            Self::Synflow => tch::with_grad(|| saliency::synflow(probe)),
            Self::Snip => tch::with_grad(|| saliency::snip(probe, sample)),
            Self::Grasp => tch::with_grad(|| saliency::grasp(probe, sample)),
            Self::Fisher => tch::with_grad(|| saliency::fisher(probe, sample)),
            Self::GradNorm => tch::with_grad(|| saliency::grad_norm(probe, sample)),
            Self::Plain => tch::with_grad(|| saliency::plain(probe, sample)),
            Self::Ntk => tch::with_grad(|| kernel::ntk(probe, sample)),
            Self::Zico => tch::with_grad(|| saliency::zico(probe, sample)),
        };
        match score {
            Ok(score) if score.is_finite() => Ok(score),
            Ok(_) => Ok(f64::NAN),
            Err(Failure(mut error)) => {
                if error.what == "scoring" {
                    error.what = format!("`{}`", self.name());
                }
                Err(error)
            }
        }
    }
}
