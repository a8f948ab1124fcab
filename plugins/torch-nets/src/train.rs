//! Training, batch by batch, so that it can be watched, stopped anywhere and taken up again to the bit.

use std::borrow::Cow;
use std::ops::ControlFlow;

use heirloom_model::Seed;
use heirloom_network::{Network, TensorRole};
use serde::{Deserialize, Serialize};
use tch::{Kind, TchError, Tensor, no_grad};

use crate::augment::{MixUp, cutout, shift_and_flip};
use crate::{Data, Loss, Mode, Optimizer, Output, Part, Rule, Schedule, TorchError, Weights, forward};

mod score;
pub use score::Scores;

/// How a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// How gradients become steps.
    pub rule: Rule,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// The course of the learning rate.
    pub schedule: Schedule,
    /// Epochs over which the schedule goes; training may end before.
    pub schedule_epochs: f64,
    /// How much weights decay.
    pub weight_decay: f64,
    /// Rows a step.
    pub batch_size: usize,
    /// The share of the training rows that is used, above 0 and at most 1.
    pub data_fraction: f64,
    /// The share of each target that is spread over all classes.
    pub label_smoothing: f64,
    /// Whether classes weigh inversely to their counts.
    pub balanced: bool,
    /// α of mix-up, 0 for none.
    pub mixup: f64,
    /// Side of the square that cutout erases, in pixels, 0 for none.
    pub cutout: usize,
    /// By how many pixels images are shifted at most.
    pub crop: usize,
    /// Whether images are mirrored at random.
    pub flip: bool,
    /// The rate of dropped paths at the training's end; it rises from 0 (Zoph et al. 2018).
    pub drop_path: f64,
    /// How much the auxiliary head's loss counts.
    pub auxiliary: f64,
    /// The largest norm of a step's gradient, 0 for any.
    pub gradient_clip: f64,
    /// Side of the images that the network sees, where it differs from the data's.
    pub resolution: Option<usize>,
    /// Whether linear layers and convolutions compute in bfloat16.
    pub bfloat16: bool,
}

impl Default for Recipe {
    /// Adam with a rate of 0.001 along a cosine of 20 epochs, batches of 128; everything else is off.
    fn default() -> Self {
        Self {
            rule: Rule::ADAM,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine,
            schedule_epochs: 20.0,
            weight_decay: 0.0,
            batch_size: 128,
            data_fraction: 1.0,
            label_smoothing: 0.0,
            balanced: false,
            mixup: 0.0,
            cutout: 0,
            crop: 0,
            flip: false,
            drop_path: 0.0,
            auxiliary: 0.4,
            gradient_clip: 0.0,
            resolution: None,
            bfloat16: false,
        }
    }
}

/// How far a training is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Whole epochs behind us.
    pub epoch: usize,
    /// Batches of the current epoch behind us.
    pub batch: usize,
    /// Sum of the current epoch's losses, each times its rows.
    pub loss_sum: f64,
    /// Rows of the current epoch behind us.
    pub n_rows: usize,
    /// From which order, augmentation and dropout follow.
    pub seed: Seed,
}

/// Why an epoch did not come to its end.
#[derive(Debug)]
pub enum Interruption<B> {
    /// Who watched ended it.
    Ended(B),
    /// The loss is not finite after so many steps.
    Diverged {
        /// Steps made.
        steps: u64,
    },
    /// An operation failed.
    Failed(TorchError),
}

impl<B> From<TorchError> for Interruption<B> {
    fn from(error: TorchError) -> Self {
        Self::Failed(error)
    }
}

/// A network in training.
#[derive(Debug)]
pub struct Training<'a> {
    network: &'a Network,
    data: &'a Data,
    recipe: Recipe,
    loss: Loss,
    weights: Weights,
    optimizer: Optimizer,
    progress: Progress,
    /// The current epoch's rows in their order, `[n]`.
    order: Option<Tensor>,
}

/// On the CPU the loss is looked at after each batch; elsewhere that would wait for the device.
const BATCHES_BETWEEN_LOOKS: usize = 50;

impl<'a> Training<'a> {
    /// A training of `network` from `weights`, which are on the data's device, that has not begun.
    pub fn new(
        network: &'a Network,
        data: &'a Data,
        recipe: Recipe,
        weights: Weights,
        seed: Seed,
    ) -> Result<Self, TorchError> {
        let optimizer = Optimizer::new(recipe.rule, recipe.weight_decay, &weights)?;
        let loss = match data.class_counts() {
            [] => Loss::SquaredError,
            counts => Loss::CrossEntropy {
                label_smoothing: recipe.label_smoothing,
                class_weights: match recipe.balanced {
                    true => Some(
                        Loss::balanced(counts)?
                            .f_to_device(data.device())
                            .map_err(TorchError::at("class weights"))?,
                    ),
                    false => None,
                },
            },
        };
        let progress = Progress { epoch: 0, batch: 0, loss_sum: 0.0, n_rows: 0, seed };
        Ok(Self { network, data, recipe, loss, weights, optimizer, progress, order: None })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        self.network
    }

    /// What it trains on.
    pub fn data(&self) -> &'a Data {
        self.data
    }

    /// The weights as they are now.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The weights, at the end.
    pub fn into_weights(self) -> Weights {
        self.weights
    }

    /// The optimizer with its state.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Takes up another training of the same network where it was; `tensor` finds weights by their name and the
    /// optimizer's state by `optimizer.` and its name.
    ///
    /// Errors where a tensor is missing or has another shape; the training must not be used then.
    pub fn restore<'t>(
        &mut self,
        progress: Progress,
        n_steps: u64,
        tensor: impl Fn(&str) -> Option<&'t Tensor>,
    ) -> Result<(), TorchError> {
        for (spec, own) in self.weights.specs().iter().zip(self.weights.tensors()) {
            let kept = tensor(&spec.name).filter(|kept| kept.size() == own.size()).ok_or_else(|| {
                TorchError::other(&spec.name, "the weights are missing or of another network")
            })?;
            no_grad(|| own.shallow_clone().f_copy_(kept)).map_err(TorchError::at("restoring weights"))?;
        }
        self.optimizer.restore(n_steps, |slot| tensor(&format!("optimizer.{slot}")))?;
        self.progress = progress;
        self.order = None;
        Ok(())
    }

    /// How many rows an epoch has.
    fn n_rows(&self) -> usize {
        let n = self.data.train().len();
        ((n as f64 * self.recipe.data_fraction).round() as usize).clamp(1, n)
    }

    /// How many steps an epoch has. A last batch of one row is left out: batch normalisation cannot use it.
    pub fn n_batches(&self) -> usize {
        let (n_rows, size) = (self.n_rows(), self.recipe.batch_size.max(1));
        if n_rows > size && size > 1 && n_rows % size == 1 { n_rows / size } else { n_rows.div_ceil(size) }
    }

    /// Trains the current epoch to its end, from where it is; returns its mean loss.
    ///
    /// `watch` is called after each batch but the last and may end the training; what it sees can be kept and taken up
    /// again.
    pub fn epoch<B>(
        &mut self,
        watch: &mut dyn FnMut(&Self) -> ControlFlow<B>,
    ) -> Result<f64, Interruption<B>> {
        let order = match self.order.take() {
            Some(order) => order,
            None => self.order()?,
        };
        let n_batches = self.n_batches();
        let looks_always = !self.data.device().is_cuda();
        // Losses that were not looked at yet.
        let mut unseen: Option<Tensor> = None;
        while self.progress.batch < n_batches {
            let start = self.progress.batch * self.recipe.batch_size.max(1);
            let n = self.recipe.batch_size.max(1).min(self.n_rows() - start);
            let places = order.f_narrow(0, start as i64, n as i64).map_err(TorchError::at("a batch"))?;
            let loss = self.step(&places)?;
            let weighted = loss.f_mul_scalar(n as f64).map_err(TorchError::at("summing losses"))?;
            let sum = match unseen.take() {
                Some(sum) => sum.f_add(&weighted).map_err(TorchError::at("summing losses"))?,
                None => weighted,
            };
            self.progress.batch += 1;
            self.progress.n_rows += n;
            let is_last = self.progress.batch == n_batches;
            if looks_always || is_last || self.progress.batch.is_multiple_of(BATCHES_BETWEEN_LOOKS) {
                self.progress.loss_sum +=
                    sum.f_double_value(&[]).map_err(TorchError::at("reading the loss"))?;
                if !self.progress.loss_sum.is_finite() {
                    return Err(Interruption::Diverged { steps: self.optimizer.n_steps() });
                }
                // Only what was looked at may be watched: what is kept then is complete.
                if !is_last && let ControlFlow::Break(end) = watch(self) {
                    self.order = Some(order);
                    return Err(Interruption::Ended(end));
                }
            } else {
                unseen = Some(sum);
            }
        }
        let mean = self.progress.loss_sum / self.progress.n_rows as f64;
        let Progress { epoch, seed, .. } = self.progress;
        self.progress = Progress { epoch: epoch + 1, batch: 0, loss_sum: 0.0, n_rows: 0, seed };
        Ok(mean)
    }

    fn order(&self) -> Result<Tensor, TorchError> {
        let mut order: Vec<i64> = (0..self.n_rows() as i64).collect();
        self.progress.seed.derive("epoch", self.progress.epoch as u64).rng().shuffle(&mut order);
        Tensor::f_from_slice(&order)
            .and_then(|order| order.f_to_device(self.data.device()))
            .map_err(TorchError::at("ordering rows"))
    }

    /// One step on the rows at `places`; returns the loss before it, without gradient.
    fn step(&mut self, places: &Tensor) -> Result<Tensor, TorchError> {
        let recipe = &self.recipe;
        let seed = self.progress.seed.derive("step", self.optimizer.n_steps());
        let (input, target) = self.data.batch(self.data.train(), places)?;
        let is_images = input.dim() == 4;
        let input = match is_images {
            true => shift_and_flip(&input, recipe.crop, recipe.flip, seed.derive("shift", 0))?,
            false => input,
        };
        let mut input = resized(&self.data.normalised(&input)?, recipe.resolution)?;
        if is_images {
            input = cutout(&input, recipe.cutout, seed.derive("cutout", 0))?;
        }
        let mixture = match recipe.mixup > 0.0 {
            true => Some(MixUp::draw(
                target.size()[0] as usize,
                recipe.mixup,
                seed.derive("mixup", 0),
                self.data.device(),
            )?),
            false => None,
        };
        if let Some(mixture) = &mixture {
            input = mixture.mix(&input)?;
        }
        let passed = self.passed();
        let mode = Mode::Training { seed, drop_path: recipe.drop_path * passed };
        let output = run(self.network, &self.weights, &input, mode, recipe.bfloat16)?;
        let loss_of = |output: &Tensor| match &mixture {
            Some(mixture) => {
                let partners = mixture.partners_of(&target)?;
                self.loss.of_mixed(output, [&target, &partners], mixture.share)
            }
            None => self.loss.of(output, &target),
        };
        let loss = loss_of(&output.main)?;
        let total = match &output.auxiliary {
            Some(auxiliary) if recipe.auxiliary > 0.0 => loss_of(auxiliary)?
                .f_mul_scalar(recipe.auxiliary)
                .and_then(|auxiliary| auxiliary.f_add(&loss))
                .map_err(TorchError::at("the auxiliary loss"))?,
            _ => loss.shallow_clone(),
        };
        let parameters: Vec<&Tensor> = self.weights.parameters().collect();
        let mut gradients = Tensor::f_run_backward(&[&total], &parameters, false, false)
            .map_err(TorchError::at("the backward pass"))?;
        if recipe.gradient_clip > 0.0 {
            no_grad(|| clip(&mut gradients, recipe.gradient_clip))
                .map_err(TorchError::at("clipping gradients"))?;
        }
        let rate = recipe.learning_rate * recipe.schedule.factor(passed);
        self.optimizer.step(&self.weights, &gradients, rate)?;
        Ok(loss.detach())
    }

    /// The share of the schedule that is behind us.
    fn passed(&self) -> f64 {
        let epochs = self.progress.epoch as f64 + self.progress.batch as f64 / self.n_batches() as f64;
        (epochs / self.recipe.schedule_epochs).min(1.0)
    }

    /// How good the weights are on a part of the data.
    pub fn scores(&self, part: &Part) -> Result<Scores, TorchError> {
        let recipe = &self.recipe;
        Scores::of(self.network, &self.weights, self.data, part, recipe.resolution, recipe.bfloat16)
    }
}

/// A pass in which linear layers and convolutions compute in bfloat16 where asked, and whose result is 32-bit.
///
/// Weights stay 32-bit, and normalisations compute so. LibTorch's own autocast would choose the 16-bit type with the
/// short exponent, which needs its gradients scaled.
fn run(
    network: &Network,
    weights: &Weights,
    input: &Tensor,
    mode: Mode,
    bfloat16: bool,
) -> Result<Output, TorchError> {
    if !bfloat16 {
        return forward(network, weights.tensors(), input, mode);
    }
    let short = |tensor: &Tensor| tensor.f_to_kind(Kind::BFloat16).map_err(TorchError::at("to bfloat16"));
    let long = |tensor: Tensor| tensor.f_to_kind(Kind::Float).map_err(TorchError::at("to 32 bits"));
    let cast = weights.specs().iter().zip(weights.tensors()).map(|(spec, tensor)| match spec.role {
        TensorRole::Weight | TensorRole::Bias => short(tensor),
        _ => Ok(tensor.shallow_clone()),
    });
    let cast = cast.collect::<Result<Vec<_>, _>>()?;
    let output = forward(network, &cast, &short(input)?, mode)?;
    Ok(Output { main: long(output.main)?, auxiliary: output.auxiliary.map(long).transpose()? })
}

/// Images brought to `side` × `side` by averaging over what each new pixel covers.
fn resized(input: &Tensor, side: Option<usize>) -> Result<Tensor, TorchError> {
    let Some(side) = side.map(|side| side as i64) else { return Ok(input.shallow_clone()) };
    match input.size()[..] {
        [_, _, height, width] if (height, width) != (side, side) => input
            .f_internal_upsample_bilinear2d_aa([side, side], false, None, None)
            .map_err(|error| TorchError::new("bringing images to another resolution", &[input], &error)),
        _ => Ok(input.shallow_clone()),
    }
}

/// Scales gradients down so that the norm over all of them is at most `most`.
fn clip(gradients: &mut [Tensor], most: f64) -> Result<(), TchError> {
    let squares = gradients.iter().filter(|gradient| gradient.defined());
    let squares = squares.map(|gradient| gradient.f_square()?.f_sum(Kind::Float));
    let squares = squares.collect::<Result<Vec<_>, _>>()?;
    if squares.is_empty() {
        return Ok(());
    }
    let norm = Tensor::f_stack(&squares, 0)?.f_sum(Kind::Float)?.f_sqrt()?;
    let factor = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(most)?.f_clamp_max(1.0)?;
    for gradient in gradients.iter_mut().filter(|gradient| gradient.defined()) {
        *gradient = gradient.f_mul(&factor)?;
    }
    Ok(())
}

/// Names and tensors that make up a training's state: weights by their names, the optimizer's under `optimizer.`.
pub(crate) fn state_tensors<'t>(training: &'t Training<'_>) -> Vec<(Cow<'t, str>, &'t Tensor)> {
    let weights = training.weights.specs().iter().zip(training.weights.tensors());
    let weights = weights.map(|(spec, tensor)| (Cow::Borrowed(spec.name.as_str()), tensor));
    let slots = training.optimizer.state();
    let slots = slots.map(|(name, tensor)| (Cow::Owned(format!("optimizer.{name}")), tensor));
    weights.chain(slots).collect()
}
