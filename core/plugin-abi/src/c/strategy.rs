//! A strategy in C as the trait.

use std::ffi::c_void;
use std::sync::Arc;

use heirloom_model::{
    AskRequest, ComponentError, Configuration, CurveReport, Fidelity, Observation, PriorKnowledge, Problem,
    Proposal, Space, Strategy, TrialId, Verdict,
};

use crate::columns::{Ask, Knowledge, Observations, Trials};
use crate::strategy::verdict_from_code;

use super::setup::Setup;
use super::table::{
    HEIRLOOM_CONTINUE, HEIRLOOM_NONE, HeirloomAsk, HeirloomBytes, HeirloomKnowledge, HeirloomObservations,
    HeirloomProposals, HeirloomReport, HeirloomStrategy, HeirloomTrials,
};
use super::{Made, check, items, missing, wrong};

/// A strategy's object and functions.
pub(super) struct Adapted {
    made: Made,
    functions: HeirloomStrategy,
    space: Arc<Space>,
    full: Fidelity,
    n_objectives: usize,
}

impl Adapted {
    pub(super) fn new(
        functions: &HeirloomStrategy,
        setup: Setup,
        problem: &Problem,
    ) -> Result<Self, ComponentError> {
        let made = Made::new(functions.create, functions.destroy, setup)?;
        let (space, full) = (Arc::clone(&problem.space), problem.full_fidelity());
        Ok(Self { made, functions: *functions, space, full, n_objectives: problem.objectives.len() })
    }

    fn component(&self) -> *mut c_void {
        self.made.component
    }
}

fn trials(trials: &Trials) -> HeirloomTrials {
    HeirloomTrials {
        n: trials.ids.len(),
        ids: trials.ids.as_ptr(),
        configurations: trials.configurations.as_ptr(),
        fidelities: trials.fidelities.as_ptr(),
    }
}

fn optional(trial: u64) -> Option<TrialId> {
    (trial != HEIRLOOM_NONE).then_some(TrialId(trial))
}

impl Adapted {
    /// Refuses points of another space: the functions read as many numbers as the problem has, whatever they are given.
    fn check_widths<'a>(
        &self,
        mut trials: impl Iterator<Item = (&'a Configuration, &'a Fidelity)>,
    ) -> Result<(), ComponentError> {
        let (d, f) = (self.space.parameters().len(), self.full.0.len());
        let other = |(configuration, fidelity): &(&Configuration, &Fidelity)| {
            configuration.values().len() != d || fidelity.0.len() != f
        };
        trials.find(other).map_or(Ok(()), |(configuration, fidelity)| {
            Err(ComponentError::failed(format!(
                "it was given a configuration of {} values with a fidelity of {}, and its problem has {d} parameters and \
                 {f} fidelities",
                configuration.values().len(),
                fidelity.0.len()
            )))
        })
    }
}

// SAFETY of all calls below: the component is the one that `create` gave, calls do not overlap because the trait's do
// not, and what the pointers name outlives the call.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all")]
impl Strategy for Adapted {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let ask = self.functions.ask.ok_or_else(|| missing("ask"))?;
        let pending = request.pending.iter().map(|trial| (&trial.configuration, &trial.fidelity));
        self.check_widths(pending)?;
        let columns = Ask::from_model(request)?;
        let asked = HeirloomAsk {
            n: request.n,
            first_trial: request.first_trial.0,
            seed: request.seed.0,
            pending: trials(&columns.pending),
        };
        let (n, d, f) = (request.n, self.space.parameters().len(), self.full.0.len());
        let mut configurations = vec![f64::NAN; n * d];
        let mut fidelities = self.full.0.repeat(n);
        let (mut parents, mut continues) = (vec![HEIRLOOM_NONE; n], vec![HEIRLOOM_NONE; n]);
        let mut proposals = HeirloomProposals {
            n: 0,
            configurations: configurations.as_mut_ptr(),
            fidelities: fidelities.as_mut_ptr(),
            parents: parents.as_mut_ptr(),
            continues: continues.as_mut_ptr(),
        };
        check(|error| unsafe { ask(self.component(), &raw const asked, &raw mut proposals, error) })?;
        if proposals.n > n {
            return Err(wrong(format!("gave {} proposals where {n} were wanted", proposals.n)));
        }
        let proposal = |index: usize| Proposal {
            configuration: Configuration::new(&configurations[index * d..(index + 1) * d]),
            fidelity: Fidelity(fidelities[index * f..(index + 1) * f].to_vec()),
            parent: optional(parents[index]),
            continues: optional(continues[index]),
        };
        Ok((0..proposals.n).map(proposal).collect())
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        let tell = self.functions.tell.ok_or_else(|| missing("tell"))?;
        self.check_widths(observations.iter().map(|told| (&told.configuration, &told.fidelity)))?;
        let columns = Observations::from_model(observations)?;
        let m = columns.objectives.len().checked_div(observations.len()).unwrap_or_default();
        // Where all trials failed the columns have no width.
        let absent = vec![f64::NAN; observations.len() * self.n_objectives];
        let objectives = if m == 0 { absent.as_ptr() } else { columns.objectives.as_ptr() };
        let told = HeirloomObservations {
            trials: trials(&columns.trials),
            n_objectives: if m == 0 { self.n_objectives } else { m },
            objectives,
            failures: columns.failures.as_ptr(),
            costs: columns.costs.as_ptr(),
        };
        check(|error| unsafe { tell(self.component(), &raw const told, error) })
    }

    fn judge(&mut self, report: &CurveReport) -> Result<Verdict, ComponentError> {
        let Some(judge) = self.functions.judge else { return Ok(Verdict::Continue) };
        let written = HeirloomReport {
            trial: report.trial.0,
            fidelity: report.fidelity.0.as_ptr(),
            step: report.point.step,
            objectives: report.point.objectives.as_ptr(),
            n_objectives: report.point.objectives.len(),
            cost_seconds: report.point.cost_seconds,
        };
        let mut verdict = HEIRLOOM_CONTINUE;
        check(|error| unsafe { judge(self.component(), &raw const written, &raw mut verdict, error) })?;
        Ok(verdict_from_code(u8::try_from(verdict).unwrap_or_default()))
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        let Some(inform) = self.functions.inform else { return Ok(false) };
        self.check_widths(knowledge.observations.iter().map(|known| (&known.configuration, &self.full)))?;
        let columns = Knowledge::from_model(knowledge)?;
        let known = HeirloomKnowledge {
            n: columns.scores.len(),
            configurations: columns.configurations.as_ptr(),
            scores: columns.scores.as_ptr(),
            weights: columns.weights.as_ptr(),
        };
        let mut used = 0;
        check(|error| unsafe { inform(self.component(), &raw const known, &raw mut used, error) })?;
        Ok(used != 0)
    }

    fn recommend(&self) -> Result<Option<TrialId>, ComponentError> {
        let Some(recommend) = self.functions.recommend else { return Ok(None) };
        let mut trial = HEIRLOOM_NONE;
        check(|error| unsafe { recommend(self.component(), &raw mut trial, error) })?;
        Ok(optional(trial))
    }

    fn save(&self) -> Result<Option<Vec<u8>>, ComponentError> {
        let Some(save) = self.functions.save else { return Ok(None) };
        let mut state = HeirloomBytes { data: std::ptr::null(), length: 0 };
        check(|error| unsafe { save(self.component(), &raw mut state, error) })?;
        let bytes = || unsafe { items(state.data, state.length) }.to_vec();
        Ok((!state.data.is_null()).then(bytes))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), ComponentError> {
        let Some(restore) = self.functions.restore else {
            return Err(ComponentError::unsupported("this strategy resumes by replay"));
        };
        let state = HeirloomBytes { data: state.as_ptr(), length: state.len() };
        check(|error| unsafe { restore(self.component(), &raw const state, error) })
    }
}
