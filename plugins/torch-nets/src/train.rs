//! Training, batch by batch, so that it can be watched, stopped anywhere and taken up again to the bit.

use std::borrow::Cow;
use std::ops::ControlFlow;

use heirloom_model::Seed;
use heirloom_network::Network;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

use crate::augment::{MixUp, cutout, shift_and_flip};
use crate::{Data, Loss, Mode, Optimizer, Part, Score, Scores, TorchError, Weights};

mod recipe;
pub use recipe::Recipe;

mod pass;
use pass::{clip, seen};
pub(crate) use pass::{resized, run, to_size_of};

/// How far a training is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Whole epochs behind us.
    pub epoch: usize,
    /// Batches of the current epoch behind us.
    pub batch: usize,
    /// Sum of the current epoch's losses, each times its rows.
    pub loss_sum: f64,
    /// Sum of the current epoch's shares recognised, each times its rows; 0 where there are no classes.
    #[serde(default)]
    pub right_sum: f64,
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
        if recipe.mixup > 0.0 && data.is_dense() {
            let problem = "the targets of pixels cannot be mixed; hint: set `mixup` to 0";
            return Err(TorchError::other("mix-up", problem));
        }
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
        let progress = Progress { epoch: 0, batch: 0, loss_sum: 0.0, right_sum: 0.0, n_rows: 0, seed };
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

    /// How many rows a step has, but for an epoch's last.
    pub fn batch_rows(&self) -> usize {
        self.recipe.batch_size.clamp(1, self.n_rows())
    }

    /// How many steps an epoch has. A last batch of one row is left out: batch normalisation cannot use it.
    pub fn n_batches(&self) -> usize {
        let (n_rows, size) = (self.n_rows(), self.recipe.batch_size.max(1));
        if n_rows > size && size > 1 && n_rows % size == 1 { n_rows / size } else { n_rows.div_ceil(size) }
    }

    /// Trains the current epoch to its end, from where it is; returns the [scores](Score::of_training) of its batches as
    /// they were trained on: augmented, before each step, with dropout, and with mix-up against the larger share.
    ///
    /// `watch` is called after batches, always after an epoch's last one, and may end the training; what it sees can be
    /// kept and taken up again.
    pub fn epoch<B>(
        &mut self,
        watch: &mut dyn FnMut(&Self) -> ControlFlow<B>,
    ) -> Result<Scores, Interruption<B>> {
        let order = match self.order.take() {
            Some(order) => order,
            None => self.order()?,
        };
        let n_batches = self.n_batches();
        let looks_always = !self.data.device().is_cuda();
        // Sums that were not looked at yet.
        let mut unseen: Option<Tensor> = None;
        while self.progress.batch < n_batches {
            let start = self.progress.batch * self.recipe.batch_size.max(1);
            let n = self.recipe.batch_size.max(1).min(self.n_rows() - start);
            let places = order.f_narrow(0, start as i64, n as i64).map_err(TorchError::at("a batch"))?;
            let seen = self.step(&places)?;
            let weighted = seen.f_mul_scalar(n as f64).map_err(TorchError::at("summing losses"))?;
            let sum = match unseen.take() {
                Some(sum) => sum.f_add(&weighted).map_err(TorchError::at("summing losses"))?,
                None => weighted,
            };
            self.progress.batch += 1;
            self.progress.n_rows += n;
            let is_last = self.progress.batch == n_batches;
            if looks_always || is_last || self.progress.batch.is_multiple_of(BATCHES_BETWEEN_LOOKS) {
                let sums = sum.f_to_kind(Kind::Double).and_then(Vec::<f64>::try_from);
                let sums = sums.map_err(TorchError::at("reading the loss"))?;
                self.progress.loss_sum += sums[0];
                self.progress.right_sum += sums.get(1).copied().unwrap_or_default();
                if !self.progress.loss_sum.is_finite() {
                    return Err(Interruption::Diverged { steps: self.optimizer.n_steps() });
                }
                // Only what was looked at may be watched: what is kept then is complete.
                if let ControlFlow::Break(end) = watch(self) {
                    self.order = Some(order);
                    return Err(Interruption::Ended(end));
                }
            } else {
                unseen = Some(sum);
            }
        }
        let Progress { epoch, seed, loss_sum, right_sum, n_rows, .. } = self.progress;
        let means = [loss_sum, right_sum].map(|sum| sum / n_rows as f64);
        self.progress =
            Progress { epoch: epoch + 1, batch: 0, loss_sum: 0.0, right_sum: 0.0, n_rows: 0, seed };
        Ok(Scores::new(Score::of_training(&self.data.preparation().target), &means))
    }

    fn order(&self) -> Result<Tensor, TorchError> {
        let mut order: Vec<i64> = (0..self.n_rows() as i64).collect();
        self.progress.seed.derive("epoch", self.progress.epoch as u64).rng().shuffle(&mut order);
        Tensor::f_from_slice(&order)
            .and_then(|order| order.f_to_device(self.data.device()))
            .map_err(TorchError::at("ordering rows"))
    }

    /// One step on the rows at `places`; returns the loss before it, and where there are classes the share recognised,
    /// `[1]` or `[2]`, without gradient.
    fn step(&mut self, places: &Tensor) -> Result<Tensor, TorchError> {
        let recipe = &self.recipe;
        let seed = self.progress.seed.derive("step", self.optimizer.n_steps());
        let (input, target) = self.data.batch(self.data.train(), places)?;
        let (input, target) = self.augmented(input, target, seed)?;
        let mut input = resized(&input, recipe.resolution)?;
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
        let main = to_size_of(&output.main, &target)?;
        let loss = loss_of(&main)?;
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
        let has_classes = matches!(self.loss, Loss::CrossEntropy { .. });
        no_grad(|| seen(&loss, has_classes.then_some((&main, &target))))
            .map_err(|error| TorchError::new("counting what was recognised", &[&main, &target], &error))
    }

    /// Images normalised, shifted, mirrored and with a part erased, their pixels' targets with them; rows of tables as
    /// they are.
    fn augmented(&self, input: Tensor, target: Tensor, seed: Seed) -> Result<(Tensor, Tensor), TorchError> {
        if !self.data.is_images() {
            return Ok((input, target));
        }
        let Recipe { crop, flip, cutout: erased, .. } = self.recipe;
        let [shift, erase] = ["shift", "cutout"].map(|name| seed.derive(name, 0));
        let input = self.data.normalised(&shift_and_flip(&input, crop, flip, 0.0, shift)?)?;
        let input = cutout(&input, erased, 0.0, erase)?;
        let Some(unlabelled) = self.data.unlabelled() else { return Ok((input, target)) };
        // Class indices have no channels.
        let shape = target.size();
        let planes = if shape.len() == 3 { target.f_unsqueeze(1) } else { Ok(target) };
        let planes = planes.map_err(TorchError::at("moving targets with their images"))?;
        let planes = shift_and_flip(&planes, crop, flip, unlabelled, shift)?;
        let planes = cutout(&planes, erased, unlabelled, erase)?;
        let target = planes.f_reshape(&shape).map_err(TorchError::at("moving targets with their images"))?;
        Ok((input, target))
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

/// Names and tensors that make up a training's state: weights by their names, the optimizer's under `optimizer.`.
pub(crate) fn state_tensors<'t>(training: &'t Training<'_>) -> Vec<(Cow<'t, str>, &'t Tensor)> {
    let weights = training.weights.specs().iter().zip(training.weights.tensors());
    let weights = weights.map(|(spec, tensor)| (Cow::Borrowed(spec.name.as_str()), tensor));
    let slots = training.optimizer.state();
    let slots = slots.map(|(name, tensor)| (Cow::Owned(format!("optimizer.{name}")), tensor));
    weights.chain(slots).collect()
}
