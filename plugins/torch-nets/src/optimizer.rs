//! Optimizers over flat parameters, with their state in the open.

use tch::{TchError, Tensor, no_grad};

use crate::{TorchError, Weights};

/// How gradients become steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Stochastic gradient descent: `v ← μ v + g`, `w ← w − η (g + μ v)` with Nesterov's momentum, `w ← w − η v`
    /// without. Sutskever et al. 2013.
    Sgd {
        /// μ, 0 for none.
        momentum: f64,
        /// Whether the gradient is looked up ahead.
        nesterov: bool,
    },
    /// Kingma & Ba 2015; weight decay is added to the gradient.
    Adam {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
    },
    /// Loshchilov & Hutter 2019: Adam with weights that decay beside the step.
    AdamW {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
    },
}

impl Rule {
    /// Adam with the usual constants.
    pub const ADAM: Self = Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    /// AdamW with the usual constants.
    pub const ADAM_W: Self = Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    /// Names of what is remembered from step to step, one flat tensor each.
    fn slots(self) -> &'static [&'static str] {
        match self {
            Self::Sgd { momentum: 0.0, .. } => &[],
            Self::Sgd { .. } => &["momentum"],
            Self::Adam { .. } | Self::AdamW { .. } => &["first_moment", "second_moment"],
        }
    }
}

/// Steps a network's parameters.
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    weight_decay: f64,
    slots: Vec<Tensor>,
    /// Room for two flat tensors. Fresh memory for each step would cost several times the step's arithmetic: it goes
    /// back to the system, and comes again page by page.
    room: [Tensor; 2],
    n_steps: u64,
}

impl Optimizer {
    /// An optimizer that has not stepped yet. The weights' decay holds for all parameters alike.
    pub fn new(rule: Rule, weight_decay: f64, weights: &Weights) -> Result<Self, TorchError> {
        let zeros = |_: &&str| weights.flat().f_zeros_like().map_err(TorchError::at("making an optimizer"));
        let slots = rule.slots().iter().map(zeros).collect::<Result<_, _>>()?;
        let room = [zeros(&"gradient")?, zeros(&"term")?];
        Ok(Self { rule, weight_decay, slots, room, n_steps: 0 })
    }

    /// How many steps were made.
    pub fn n_steps(&self) -> u64 {
        self.n_steps
    }

    /// What is remembered, by name: flat tensors, `[n_parameters]` each. With [`n_steps`](Self::n_steps) it is the
    /// whole state.
    pub fn state(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        self.rule.slots().iter().copied().zip(&self.slots)
    }

    /// Takes up a state that another optimizer of the same rule gave; `slot` finds a tensor by its name.
    ///
    /// Errors where a tensor is missing or has another length.
    pub fn restore<'a>(
        &mut self,
        n_steps: u64,
        slot: impl Fn(&str) -> Option<&'a Tensor>,
    ) -> Result<(), TorchError> {
        for (name, own) in self.rule.slots().iter().zip(&mut self.slots) {
            let kept = slot(name).filter(|kept| kept.size() == own.size()).ok_or_else(|| {
                TorchError::other(*name, "the optimizer's state is missing or of another network")
            })?;
            no_grad(|| own.f_copy_(kept)).map_err(TorchError::at("restoring an optimizer"))?;
        }
        self.n_steps = n_steps;
        Ok(())
    }

    /// One step against `gradients`, one for each parameter in order; an undefined one (a parameter without
    /// influence) counts as zero.
    pub fn step(
        &mut self,
        weights: &Weights,
        gradients: &[Tensor],
        learning_rate: f64,
    ) -> Result<(), TorchError> {
        no_grad(|| {
            join_gradients(&self.room[0], weights, gradients)?;
            self.step_flat(&mut weights.flat().shallow_clone(), learning_rate)
        })
        .map_err(TorchError::at("an optimizer's step"))
    }

    /// A step of `flat` against the gradient in the first room.
    fn step_flat(&mut self, flat: &mut Tensor, rate: f64) -> Result<(), TchError> {
        self.n_steps += 1;
        let decay = self.weight_decay;
        let [gradient, term] = &mut self.room;
        match self.rule {
            _ if decay == 0.0 => {}
            Rule::AdamW { .. } => drop(flat.f_mul_scalar_(1.0 - rate * decay)?),
            Rule::Sgd { .. } | Rule::Adam { .. } => {
                drop(gradient.f_add_(&flat.f_mul_scalar_out(term, decay)?)?);
            }
        }
        match self.rule {
            Rule::Sgd { momentum, nesterov } => {
                let step = match &mut self.slots[..] {
                    [velocity] => {
                        let _ = velocity.f_mul_scalar_(momentum)?.f_add_(gradient)?;
                        let ahead =
                            velocity.f_mul_scalar_out(term, if nesterov { momentum } else { rate })?;
                        if nesterov { gradient.f_add_(&ahead)?.f_mul_scalar_(rate)? } else { ahead }
                    }
                    _ => gradient.f_mul_scalar_(rate)?,
                };
                let _ = flat.f_sub_(&step)?;
            }
            Rule::Adam { beta1, beta2, epsilon } | Rule::AdamW { beta1, beta2, epsilon } => {
                let [first, second] = &mut self.slots[..] else { unreachable!("Adam has two moments") };
                let steps = self.n_steps as f64;
                let (bias1, bias2) = (1.0 - beta1.powf(steps), (1.0 - beta2.powf(steps)).sqrt());
                let _ = first.f_lerp_(gradient, 1.0 - beta1)?;
                let _ = second.f_lerp_(&gradient.f_square_()?, 1.0 - beta2)?;
                // m / bias1 / (√v / bias2 + ε), with one pass less.
                let root = second.f_sqrt_out(gradient)?.f_add_scalar_(epsilon * bias2)?;
                let mut step = first.f_div_out(term, &root)?;
                let _ = flat.f_sub_(&step.f_mul_scalar_(rate * bias2 / bias1)?)?;
            }
        }
        Ok(())
    }
}

/// Writes the gradients one after another, as the parameters are, to `to`.
fn join_gradients(to: &Tensor, weights: &Weights, gradients: &[Tensor]) -> Result<(), TchError> {
    let rows = weights.parameters().zip(gradients).map(|(parameter, gradient)| match gradient.defined() {
        true => gradient.f_flatten(0, -1),
        false => parameter.f_zeros_like()?.f_flatten(0, -1),
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    if !rows.is_empty() {
        let _ = Tensor::f_cat_out(to, &rows, 0)?;
    }
    Ok(())
}
