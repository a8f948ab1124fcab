//! A strategy's columns, to and from the model's types.

use heirloom_model::{
    AskRequest, CurvePoint, CurveReport, FailureKind, Fidelity, Observation, PendingTrial, PriorKnowledge,
    PriorObservation, Proposal, Seed, TrialId,
};

use super::rows::{Rows, RowsInto, check_lengths, column, from_optional, to_optional};
use super::{Ask, Knowledge, Observations, Proposals, Report, Result, Trials};

impl Ask {
    /// The columns of a request.
    pub fn from_model(request: &AskRequest<'_>) -> Result<Self> {
        Ok(Self {
            n: request.n as u64,
            first_trial: request.first_trial.0,
            seed: request.seed.0,
            pending: Trials::from_model(request.pending, |t| (t.id, &t.configuration, &t.fidelity))?,
        })
    }

    /// The pending trials; the request itself borrows them: see [`Ask::request`].
    pub fn pending(&self) -> Result<Vec<PendingTrial>> {
        self.pending.to_model(|_, id, configuration, fidelity| PendingTrial { id, configuration, fidelity })
    }

    /// The request, with the trials that [`pending`](Self::pending) gave.
    pub fn request<'a>(&self, pending: &'a [PendingTrial]) -> AskRequest<'a> {
        AskRequest {
            n: self.n as usize,
            first_trial: TrialId(self.first_trial),
            pending,
            seed: Seed(self.seed),
        }
    }
}

impl Proposals {
    /// The columns of proposals.
    pub fn from_model(proposals: &[Proposal]) -> Result<Self> {
        let n = proposals.len();
        let (mut parents, mut continues) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let first = proposals.first();
        let mut configurations =
            RowsInto::column("a configuration", n, first.map(|p| p.configuration.values()));
        let mut fidelities = RowsInto::column("a fidelity", n, first.map(|p| p.fidelity.0.as_slice()));
        // One pass, for many proposals do not stay near the processor from one pass to the next.
        for proposal in proposals {
            configurations.push(proposal.configuration.values())?;
            fidelities.push(&proposal.fidelity.0)?;
            parents.push(from_optional(proposal.parent));
            continues.push(from_optional(proposal.continues));
        }
        Ok(Self {
            n: n as u64,
            configurations: configurations.into_column(),
            fidelities: fidelities.into_column(),
            parents: parents.into(),
            continues: continues.into(),
        })
    }

    /// The proposals.
    pub fn to_model(&self) -> Result<Vec<Proposal>> {
        let n = self.parents.len();
        check_lengths(n, &[self.n as usize, self.continues.len()])?;
        let fidelities = Rows::new(&self.fidelities, n)?;
        // Most problems have no fidelities; a loop that knows it takes half the time.
        if fidelities.are_empty() {
            self.with_fidelities(n, |_| Fidelity::default())
        } else {
            self.with_fidelities(n, |index| fidelities.fidelity(index))
        }
    }

    /// The proposals, once all columns but that of the fidelities are known to have `n` rows.
    fn with_fidelities(&self, n: usize, fidelity: impl Fn(usize) -> Fidelity) -> Result<Vec<Proposal>> {
        let configurations = Rows::new(&self.configurations, n)?;
        let (parents, continues) = (self.parents.as_slice(), self.continues.as_slice());
        let proposal = |index: usize| {
            // What may panic comes first: a value that would have to be dropped is not kept in registers.
            let (parent, continues) = (to_optional(parents[index]), to_optional(continues[index]));
            let configuration = configurations.configuration(index);
            Proposal { configuration, fidelity: fidelity(index), parent, continues }
        };
        Ok((0..n).map(proposal).collect())
    }
}

impl Observations {
    /// The columns of observations.
    pub fn from_model(observations: &[Observation]) -> Result<Self> {
        let width = observations.iter().find_map(|o| o.result.as_ref().ok()).map_or(0, Vec::len);
        let missing = vec![f64::NAN; width];
        Ok(Self {
            trials: Trials::from_model(observations, |o| (o.trial, &o.configuration, &o.fidelity))?,
            objectives: column(observations, "a list of objectives", |o| {
                o.result.as_ref().unwrap_or(&missing)
            })?,
            failures: observations
                .iter()
                .map(|o| o.result.as_ref().map_or_else(|k| k.code(), |_| 0))
                .collect(),
            costs: observations.iter().map(|o| o.cost_seconds).collect(),
        })
    }

    /// The observations.
    pub fn to_model(&self) -> Result<Vec<Observation>> {
        let n = self.trials.ids.len();
        check_lengths(n, &[self.failures.len(), self.costs.len()])?;
        let objectives = Rows::new(&self.objectives, n)?;
        let (failures, costs) = (self.failures.as_slice(), self.costs.as_slice());
        self.trials.to_model(|index, trial, configuration, fidelity| {
            let failure = FailureKind::from_code(failures[index]);
            let result = failure.map_or_else(|| Ok(objectives.row(index).to_vec()), Err);
            Observation { trial, configuration, fidelity, result, cost_seconds: costs[index] }
        })
    }
}

impl Report {
    /// The columns of a report.
    pub fn from_model(report: &CurveReport) -> Self {
        Self {
            trial: report.trial.0,
            fidelity: report.fidelity.0.as_slice().into(),
            step: report.point.step,
            objectives: report.point.objectives.as_slice().into(),
            cost: report.point.cost_seconds,
        }
    }

    /// The report.
    pub fn to_model(&self) -> CurveReport {
        let objectives = self.objectives.to_vec();
        CurveReport {
            trial: TrialId(self.trial),
            fidelity: Fidelity(self.fidelity.to_vec()),
            point: CurvePoint { step: self.step, objectives, cost_seconds: self.cost },
        }
    }
}

impl Knowledge {
    /// The columns of prior knowledge.
    pub fn from_model(knowledge: &PriorKnowledge) -> Result<Self> {
        let observations = &knowledge.observations;
        Ok(Self {
            configurations: column(observations, "a configuration", |o| o.configuration.values())?,
            scores: observations.iter().map(|o| o.score).collect(),
            weights: observations.iter().map(|o| o.weight).collect(),
        })
    }

    /// The prior knowledge.
    pub fn to_model(&self) -> Result<PriorKnowledge> {
        let n = self.scores.len();
        check_lengths(n, &[self.weights.len()])?;
        let configurations = Rows::new(&self.configurations, n)?;
        let observation = |index| PriorObservation {
            configuration: configurations.configuration(index),
            score: self.scores[index],
            weight: self.weights[index],
        };
        Ok(PriorKnowledge { observations: (0..n).map(observation).collect() })
    }
}
