//! Asynchronous successive halving.

use heirloom_plugin::{
    AskRequest, ComponentError, CurveReport, Fidelity, Observation, PendingTrial, PriorKnowledge, Problem,
    Proposal, Strategy, TrialId, Verdict,
};

use crate::params::Options;
use crate::rungs::{Ended, Rung, sizes};

/// Successive halving without barriers, over the proposals of another strategy.
///
/// Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2.
pub struct Asha {
    base: Box<dyn Strategy>,
    continues: bool,
    /// The place of the growing dimension; `None`: evaluations have one size.
    dimension: Option<usize>,
    full: Fidelity,
    /// The sizes, ascending, `[n_rungs]`.
    sizes: Vec<f64>,
    /// What ended at each, `[n_rungs]`.
    rungs: Vec<Rung>,
}

impl Asha {
    /// Halving on `problem` with the proposals of `base`, which is for the same problem.
    ///
    /// Errors where `options` name a dimension or a size that the problem does not have, or the smallest size is not
    /// above 0.
    pub fn new(
        problem: &Problem,
        options: &Options,
        base: Box<dyn Strategy>,
    ) -> Result<Self, ComponentError> {
        let dimension = match &options.dimension {
            None => (!problem.fidelities.is_empty()).then_some(0),
            Some(name) => {
                Some(problem.fidelities.iter().position(|own| own.name == *name).ok_or_else(|| {
                    let known: Vec<_> = problem.fidelities.iter().map(|own| own.name.as_str()).collect();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    let message =
                        format!("`dimension`: evaluations have no size `{name}`; hint: there is {known}");
                    ComponentError::configuration(message)
                })?)
            }
        };
        let sizes = match dimension.map(|place| &problem.fidelities[place]) {
            None => vec![1.0],
            Some(own) => {
                let lowest = options.lowest.unwrap_or(own.low);
                if !(own.low..=own.high).contains(&lowest) {
                    return Err(ComponentError::configuration(format!(
                        "`lowest = {lowest}` is no size of `{}`; hint: take one from {} to {}",
                        own.name, own.low, own.high
                    )));
                }
                if lowest <= 0.0 {
                    return Err(ComponentError::configuration(format!(
                        "sizes of `{}` are divided again and again and never come to {lowest}; hint: set `lowest` to \
                         the smallest size above 0 that is worth an evaluation",
                        own.name
                    )));
                }
                sizes(own, lowest, options.reduction)
            }
        };
        let rungs = sizes.iter().map(|_| Rung::new(options.reduction)).collect();
        let continues = options.continues;
        Ok(Self { base, continues, dimension, full: problem.full_fidelity(), sizes, rungs })
    }

    fn fidelity(&self, rung: usize) -> Fidelity {
        let mut fidelity = self.full.clone();
        if let Some(place) = self.dimension {
            fidelity.0[place] = self.sizes[rung];
        }
        fidelity
    }

    /// The rung of evaluations of this size: the largest that is not larger.
    fn rung(&self, fidelity: &Fidelity) -> usize {
        let Some(size) = self.dimension.and_then(|place| fidelity.0.get(place)) else { return 0 };
        self.sizes.partition_point(|own| own <= size).saturating_sub(1)
    }

    /// The next trial that goes on, from the largest size down.
    fn promotion(&mut self) -> Option<Proposal> {
        let (rung, ended) =
            (0..self.rungs.len() - 1).rev().find_map(|rung| Some((rung, self.rungs[rung].promote()?)))?;
        let Ended { trial, configuration, .. } = ended;
        let continues = self.continues.then_some(trial);
        Some(Proposal { continues, ..Proposal::new(configuration, self.fidelity(rung + 1)) })
    }

    /// Whether the base is told of evaluations of this size: those at which configurations begin.
    fn is_for_base(&self, fidelity: &Fidelity) -> bool {
        self.rung(fidelity) == 0
    }
}

impl Strategy for Asha {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let mut proposals: Vec<Proposal> = Vec::with_capacity(request.n);
        while proposals.len() < request.n {
            let Some(promotion) = self.promotion() else { break };
            proposals.push(promotion);
        }
        let n = request.n - proposals.len();
        if n > 0 {
            let is_new = |trial: &&PendingTrial| self.is_for_base(&trial.fidelity);
            let pending: Vec<PendingTrial> = request.pending.iter().filter(is_new).cloned().collect();
            let first_trial = TrialId(request.first_trial.0 + proposals.len() as u64);
            let own = AskRequest { n, first_trial, pending: &pending, ..*request };
            let lowest = self.fidelity(0);
            let new = self.base.ask(&own)?;
            proposals.extend(new.into_iter().map(|new| Proposal { fidelity: lowest.clone(), ..new }));
        }
        Ok(proposals)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        let mut new = Vec::new();
        for observation in observations {
            let rung = self.rung(&observation.fidelity);
            if rung == 0 {
                new.push(observation.clone());
            }
            self.rungs[rung].insert(Ended {
                objective: observation.objective().unwrap_or(f64::INFINITY),
                trial: observation.trial,
                configuration: observation.configuration.clone(),
            });
        }
        if new.is_empty() { Ok(()) } else { self.base.tell(&new) }
    }

    fn judge(&mut self, report: &CurveReport) -> Result<Verdict, ComponentError> {
        self.base.judge(report)
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        self.base.inform(knowledge)
    }

    fn recommend(&self) -> Result<Option<TrialId>, ComponentError> {
        Ok(self.rungs.iter().rev().find_map(Rung::best).map(|ended| ended.trial))
    }
}
