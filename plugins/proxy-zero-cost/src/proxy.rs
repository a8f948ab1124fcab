//! The proxy: a network for each configuration, and its score.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use heirloom_network::{Frame, Head, Network, Shape, TensorRole, TensorSpec};
use heirloom_plugin::architecture::ArchitectureSpec;
use heirloom_plugin::{
    ComponentError, Configuration, Problem, Proxy, ProxyInfo, ProxyNeeds, Seed, Space, tracing,
};
use heirloom_torch_nets::{Initialisation, TorchError, Weights};
use tch::{Cuda, Device, Kind, Tensor};

use crate::options::{DeviceChoice, Options};
use crate::shown::Rows;
use crate::{Probe, Score};

/// Scores a configuration by its untrained network.
#[derive(Debug)]
pub struct ScoreProxy {
    score: Score,
    space: Arc<Space>,
    options: Options,
    rows: Rows,
    frame: Frame,
    /// Whether the frame is one channel wide, whatever the space searches.
    is_narrow: bool,
    device: Device,
    n_threads: usize,
    ties: Ties,
}

/// Scores that are as large as they can be: networks that have them are told apart no more.
#[derive(Debug, Default)]
struct Ties {
    n_scores: AtomicUsize,
    n_at_ceiling: AtomicUsize,
    is_told: AtomicBool,
}

/// After how many scores is told that most of them, four in five, are alike.
const TELLING: usize = 20;

impl Ties {
    fn count(&self, score: Score, value: f64) {
        let Some(ceiling) = score.ceiling().filter(|_| !value.is_nan()) else { return };
        let n_more = usize::from(value >= ceiling);
        let n_at_ceiling = self.n_at_ceiling.fetch_add(n_more, Ordering::Relaxed) + n_more;
        let n = self.n_scores.fetch_add(1, Ordering::Relaxed) + 1;
        if n >= TELLING && 5 * n_at_ceiling >= 4 * n && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "{n_at_ceiling} of {n} scores of `{}` are {ceiling}, the most there can be: it hardly tells the networks \
                 of this space apart; hint: another proxy",
                score.name()
            );
        }
    }
}

impl ScoreProxy {
    /// The proxy for `problem`'s space, which must hold architectures; at most `n_threads` are used.
    pub fn new(
        score: Score,
        options: Options,
        problem: &Problem,
        n_threads: usize,
    ) -> Result<Self, ComponentError> {
        let rows = Rows::new(&options)?;
        let Some(spec) = problem.space.architecture_spec() else {
            return Err(ComponentError::unsupported(format!(
                "`{}` scores the network of an architecture, and the space has none; hint: add an `[architecture]` to \
                 the space or leave the proxy out",
                score.name()
            )));
        };
        if score == Score::EpeNas && !rows.has_classes() {
            return Err(ComponentError::unsupported(
                "`epe-nas` compares classes, and the target is a number; hint: leave the proxy out",
            ));
        }
        let device = match options.device {
            DeviceChoice::Cpu => Device::Cpu,
            DeviceChoice::Cuda if !Cuda::is_available() => {
                return Err(ComponentError::configuration(
                    "`device = \"cuda\"`: LibTorch finds no GPU; hint: `device = \"auto\"`",
                ));
            }
            DeviceChoice::Auto | DeviceChoice::Cuda => Device::cuda_if_available(),
        };
        Frame::check_space(spec).map_err(|error| ComponentError::unsupported(error.to_string()))?;
        let head =
            if rows.has_classes() { Head::Classes(rows.n_outputs) } else { Head::Values(rows.n_outputs) };
        let full = frame(&options, &rows.shape, head);
        full.check(spec).map_err(|error| ComponentError::configuration(error.to_string()))?;
        let narrow = if score == Score::LinearRegions { narrow_frame(&full, spec) } else { None };
        let is_narrow = narrow.is_some();
        let frame = narrow.unwrap_or(full);
        let space = Arc::clone(&problem.space);
        let ties = Ties::default();
        Ok(Self { score, space, options, rows, frame, is_narrow, device, n_threads, ties })
    }

    /// The network that is scored of a configuration; `None` for a configuration that has none.
    pub fn network(&self, configuration: &Configuration) -> Option<Network> {
        let network = if self.is_narrow {
            let graph = self.space.architecture(configuration)?.ok()?;
            self.frame.network(self.space.architecture_spec()?, &graph)
        } else {
            self.frame.network_of(&self.space, configuration)?
        };
        network.inspect_err(|error| tracing::debug!(%error, "a configuration has no network")).ok()
    }

    /// The mean score of one network over the initialisations; NaN where it cannot be scored.
    fn measure(&self, network: &Network, seed: Seed) -> Result<f64, TorchError> {
        let published = self.score.initialisation();
        let initialisation = self.options.initialisation.map_or(published, Initialisation::from);
        if self.score == Score::L2Norm {
            return Ok(norms_without_draws(network, initialisation));
        }
        let shape = network.input_shape();
        let sample = self.rows.sample(self.score, self.options.batch_size, shape, self.device)?;
        let mut total = 0.0;
        for repeat in 0..self.options.repeats {
            let seed = seed.derive("weights", u64::from(repeat));
            let weights = if self.score.draws_gaussian_weights() {
                gaussian(network, seed)?
            } else {
                Weights::new(network, initialisation, seed, Device::Cpu)?
            };
            total += self.score.measure(&Probe::new(network, &weights.copy_to(self.device)?)?, &sample)?;
        }
        Ok(total / f64::from(self.options.repeats))
    }
}

/// What surrounds the architecture.
fn frame(options: &Options, shape: &Shape, head: Head) -> Frame {
    let size = |value: Option<u64>| value.map(|value| value as usize);
    let mut frame = Frame::new(shape.clone(), head);
    frame.stem_channels = size(options.stem_channels);
    frame.head_channels = size(options.head_channels);
    frame.cells = size(options.cells);
    frame.cells_per_stage = size(options.cells_per_stage);
    if let Some(n_stages) = options.n_stages {
        frame.n_stages = n_stages as usize;
    }
    frame
}

/// A frame of a single channel and images that the last stage sees as one pixel: a full network puts every input into
/// a region of its own. Chen et al. 2021. Only cells have such a frame.
fn narrow_frame(full: &Frame, spec: &ArchitectureSpec) -> Option<Frame> {
    let has_cells = matches!(
        spec,
        ArchitectureSpec::EdgeCell(_)
            | ArchitectureSpec::NodeCell(_)
            | ArchitectureSpec::PairedCells(_)
            | ArchitectureSpec::Hierarchical(_)
    );
    let [channels, _, _] = full.input.0[..] else { return None };
    let side = 1 << (full.n_stages.max(1) - 1);
    let mut narrow = full.clone();
    narrow.input = Shape(vec![channels, side, side]);
    narrow.stem_channels = Some(1);
    narrow.cells_per_stage = full.cells_per_stage.or(Some(1));
    // A normal cell and the two that reduce.
    narrow.cells = full.cells.or(Some(3));
    has_cells.then_some(narrow)
}

/// Σ √E‖W‖², the expectation over draws of the weights: what a draw adds to the norms of a fresh network is noise.
fn norms_without_draws(network: &Network, initialisation: Initialisation) -> f64 {
    let tensors = network.tensors();
    let weights = tensors.iter().filter(|spec| spec.role == TensorRole::Weight);
    weights.map(|spec| initialisation.mean_square_norm(&spec.shape).sqrt()).sum()
}

/// Standard normal weights, without biases. Lin et al. 2021.
fn gaussian(network: &Network, seed: Seed) -> Result<Weights, TorchError> {
    let drawn = |spec: &TensorSpec| {
        let shape: Vec<i64> = spec.shape.iter().map(|&size| size as i64).collect();
        let kind = (Kind::Float, Device::Cpu);
        let tensor = match spec.role {
            TensorRole::Weight => {
                let mut rng = seed.derive(&spec.name, 0).rng();
                let numbers: Vec<f32> = (0..spec.len()).map(|_| rng.normal() as f32).collect();
                Tensor::f_from_slice(&numbers).and_then(|tensor| tensor.f_reshape(&shape))
            }
            TensorRole::Scale | TensorRole::RunningVariance => Tensor::f_ones(&shape, kind),
            _ => Tensor::f_zeros(&shape, kind),
        };
        tensor.map_err(TorchError::at("drawing weights"))
    };
    let tensors = network.tensors().iter().map(drawn).collect::<Result<Vec<_>, _>>()?;
    Weights::from_tensors(network, &tensors)
}

impl Proxy for ScoreProxy {
    fn info(&self) -> ProxyInfo {
        ProxyInfo {
            direction: self.score.direction(),
            cost_seconds: self.score.cost_seconds() * f64::from(self.options.repeats),
            // Without data noise is shown.
            needs: if self.options.data.is_some() { self.score.needs() } else { ProxyNeeds::Nothing },
            unit: self.score.unit().into(),
        }
    }

    fn score(
        &self,
        configurations: &[Configuration],
        seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        if configurations.len() != scores.len() {
            let (n, m) = (configurations.len(), scores.len());
            return Err(ComponentError::failed(format!("{n} configurations and room for {m} scores")));
        }
        tch::set_num_threads(self.n_threads.try_into().unwrap_or(i32::MAX));
        for (configuration, score) in configurations.iter().zip(scores) {
            *score = match self.network(configuration).map(|network| self.measure(&network, seed)) {
                Some(Ok(score)) => score,
                Some(Err(error)) => {
                    tracing::warn!(%error, "a network has no `{}`", self.score.name());
                    f64::NAN
                }
                None => f64::NAN,
            };
            self.ties.count(self.score, *score);
        }
        Ok(())
    }
}
