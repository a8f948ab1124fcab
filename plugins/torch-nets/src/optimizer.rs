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
    n_steps: u64,
}

impl Optimizer {
    /// An optimizer that has not stepped yet. The weights' decay holds for all parameters alike.
    pub fn new(rule: Rule, weight_decay: f64, weights: &Weights) -> Result<Self, TorchError> {
        let zeros = |_: &&str| weights.flat().f_zeros_like().map_err(TorchError::at("making an optimizer"));
        let slots = rule.slots().iter().map(zeros).collect::<Result<_, _>>()?;
        Ok(Self { rule, weight_decay, slots, n_steps: 0 })
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
            let gradient = flat_gradient(weights, gradients)?;
            self.step_flat(&mut weights.flat().shallow_clone(), gradient, learning_rate)
        })
        .map_err(TorchError::at("an optimizer's step"))
    }

    fn step_flat(&mut self, flat: &mut Tensor, gradient: Tensor, rate: f64) -> Result<(), TchError> {
        self.n_steps += 1;
        let decay = self.weight_decay;
        let decayed = |gradient: Tensor, flat: &Tensor| match decay {
            0.0 => Ok(gradient),
            _ => flat.f_mul_scalar(decay)?.f_add(&gradient),
        };
        match self.rule {
            Rule::Sgd { momentum, nesterov } => {
                let mut gradient = decayed(gradient, flat)?;
                if let [velocity] = &mut self.slots[..] {
                    let _ = velocity.f_mul_scalar_(momentum)?.f_add_(&gradient)?;
                    gradient = match nesterov {
                        true => velocity.f_mul_scalar(momentum)?.f_add(&gradient)?,
                        false => velocity.shallow_clone(),
                    };
                }
                let _ = flat.f_sub_(&gradient.f_mul_scalar(rate)?)?;
            }
            Rule::Adam { beta1, beta2, epsilon } => {
                let gradient = decayed(gradient, flat)?;
                self.adam(flat, &gradient, rate, [beta1, beta2, epsilon])?;
            }
            Rule::AdamW { beta1, beta2, epsilon } => {
                let _ = flat.f_mul_scalar_(1.0 - rate * decay)?;
                self.adam(flat, &gradient, rate, [beta1, beta2, epsilon])?;
            }
        }
        Ok(())
    }

    fn adam(
        &mut self,
        flat: &mut Tensor,
        gradient: &Tensor,
        rate: f64,
        [beta1, beta2, epsilon]: [f64; 3],
    ) -> Result<(), TchError> {
        let [first, second] = &mut self.slots[..] else { unreachable!("Adam has two moments") };
        let steps = self.n_steps as f64;
        let (bias1, bias2) = (1.0 - beta1.powf(steps), 1.0 - beta2.powf(steps));
        let _ = first.f_lerp_(gradient, 1.0 - beta1)?;
        let mut squares = gradient.f_square()?;
        let _ = second.f_mul_scalar_(beta2)?.f_add_(&squares.f_mul_scalar_(1.0 - beta2)?)?;
        let mut root = second.f_sqrt()?;
        let _ = root.f_div_scalar_(bias2.sqrt())?.f_add_scalar_(epsilon)?;
        let mut step = first.f_div(&root)?;
        let _ = flat.f_sub_(&step.f_mul_scalar_(rate / bias1)?)?;
        Ok(())
    }
}

/// The gradients one after another, as the parameters are.
fn flat_gradient(weights: &Weights, gradients: &[Tensor]) -> Result<Tensor, TchError> {
    let rows = weights.parameters().zip(gradients).map(|(parameter, gradient)| match gradient.defined() {
        true => gradient.f_flatten(0, -1),
        false => parameter.f_zeros_like()?.f_flatten(0, -1),
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() { weights.flat().f_zeros_like() } else { Tensor::f_cat(&rows, 0) }
}
