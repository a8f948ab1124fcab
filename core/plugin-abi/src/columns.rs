//! What crosses the boundary in bulk, in columns.
//!
//! Every method is batched and every number travels in a contiguous column: `configurations` is `[n × d]`,
//! `fidelities` `[n × f]`, `objectives` `[n × m]`, row after row, with `d`, `f` and `m` the lengths divided by `n`.
//! The same columns are the bodies of the frames between a host and its worker process.
//!
//! Columns are not trusted: the way back to the model's types checks every length.

use abi_stable::StableAbi;
use abi_stable::std_types::RVec;
use heirloom_model::{
    AskRequest, ComponentError, Configuration, CurvePoint, CurveReport, EvaluationRequest, Failure,
    FailureKind, Fidelity, Limits, Observation, Outcome, PendingTrial, PriorKnowledge, PriorObservation,
    Proposal, Seed, TrialId,
};

use crate::wire::{Wire, malformed};

/// Stands for "none" in columns of trial numbers and of bytes.
const NONE: u64 = u64::MAX;

type Result<T> = std::result::Result<T, ComponentError>;

macro_rules! columns {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Debug, Default, StableAbi)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl Wire for $name {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(input: &mut &[u8]) -> Result<Self> {
                Ok(Self { $($field: Wire::read(input)?,)* })
            }
        }
    )*};
}

columns! {
    /// Trials: what each is and how large.
    pub struct Trials {
        /// Numbers, `[n]`.
        pub ids: RVec<u64>,
        /// `[n × d]`.
        pub configurations: RVec<f64>,
        /// `[n × f]`.
        pub fidelities: RVec<f64>,
    }

    /// [`AskRequest`].
    pub struct Ask {
        /// How many proposals are wanted.
        pub n: u64,
        /// The first one's trial number.
        pub first_trial: u64,
        /// The strategy's seed.
        pub seed: [u8; 32],
        /// Proposed and not told.
        pub pending: Trials,
    }

    /// [`Proposal`]s.
    pub struct Proposals {
        /// How many.
        pub n: u64,
        /// `[n × d]`.
        pub configurations: RVec<f64>,
        /// `[n × f]`.
        pub fidelities: RVec<f64>,
        /// `[n]`, all bits set for none.
        pub parents: RVec<u64>,
        /// `[n]`, all bits set for none.
        pub continues: RVec<u64>,
    }

    /// [`Observation`]s.
    pub struct Observations {
        /// Which trials.
        pub trials: Trials,
        /// `[n × m]`, NaN where the trial failed.
        pub objectives: RVec<f64>,
        /// `[n]`, a [`FailureKind::code`] or 0.
        pub failures: RVec<u8>,
        /// Seconds, `[n]`.
        pub costs: RVec<f64>,
    }

    /// A [`CurveReport`].
    pub struct Report {
        /// The trial.
        pub trial: u64,
        /// `[f]`.
        pub fidelity: RVec<f64>,
        /// How far.
        pub step: f64,
        /// `[m]`.
        pub objectives: RVec<f64>,
        /// Seconds.
        pub cost: f64,
    }

    /// [`PriorKnowledge`].
    pub struct Knowledge {
        /// `[n × d]`.
        pub configurations: RVec<f64>,
        /// `[n]`.
        pub scores: RVec<f64>,
        /// `[n]`.
        pub weights: RVec<f64>,
    }

    /// [`EvaluationRequest`]s.
    pub struct Requests {
        /// Which trials.
        pub trials: Trials,
        /// `[n]`.
        pub attempts: RVec<u64>,
        /// `[n]`, all bits set for none.
        pub parents: RVec<u64>,
        /// `[n]`, all bits set for none.
        pub continues: RVec<u64>,
        /// `[n × 32]`.
        pub seeds: RVec<u8>,
        /// Seconds, `[n]`, NaN for no limit.
        pub seconds: RVec<f64>,
        /// Bytes, `[n]`, all bits set for no limit.
        pub memory: RVec<u64>,
        /// `[n]`.
        pub threads: RVec<u64>,
    }

    /// `Result<Outcome, Failure>`s.
    pub struct Outcomes {
        /// `[n]`, a [`FailureKind::code`] or 0.
        pub failures: RVec<u8>,
        /// What happened, `[n]`, empty where nothing failed.
        pub messages: Texts,
        /// `[n × m]`, NaN where the trial failed.
        pub objectives: RVec<f64>,
        /// Seconds, `[n]`.
        pub costs: RVec<f64>,
        /// `[n]`, 0 or 1.
        pub stopped: RVec<u8>,
        /// Where each trial's curve ends among the points, `[n]`.
        pub curve_ends: RVec<u64>,
        /// `[p]` for `p` points of all curves.
        pub curve_steps: RVec<f64>,
        /// `[p × m]`.
        pub curve_objectives: RVec<f64>,
        /// Seconds, `[p]`.
        pub curve_costs: RVec<f64>,
        /// Where each trial's metrics end among the metrics, `[n]`.
        pub metric_ends: RVec<u64>,
        /// `[k]` for `k` metrics of all trials.
        pub metric_names: Texts,
        /// `[k]`.
        pub metric_values: RVec<f64>,
    }

    /// What a proxy scores.
    pub struct Scoring {
        /// How many configurations.
        pub n: u64,
        /// The seed.
        pub seed: [u8; 32],
        /// `[n × d]`.
        pub configurations: RVec<f64>,
    }

    /// Texts, one after another.
    pub struct Texts {
        /// All texts, UTF-8.
        pub bytes: RVec<u8>,
        /// Where each ends in `bytes`.
        pub ends: RVec<u64>,
    }
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len() as u64);
    }

    fn get(&self, index: usize) -> Result<String> {
        let range = range(&self.ends, index)?;
        let bytes = self.bytes.get(range).ok_or_else(|| malformed("a text lies outside its column"))?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Row `index` of a column of variable rows that end at `ends`.
fn range(ends: &[u64], index: usize) -> Result<std::ops::Range<usize>> {
    let start = if index == 0 { 0 } else { get(ends, index - 1)? };
    let end = get(ends, index)?;
    if start <= end { Ok(start as usize..end as usize) } else { Err(malformed("rows end before they begin")) }
}

fn get<T: Copy>(column: &[T], index: usize) -> Result<T> {
    column.get(index).copied().ok_or_else(|| malformed("a column is too short"))
}

/// The rows of an `[n × width]` column.
struct Rows<'a> {
    column: &'a [f64],
    width: usize,
}

impl<'a> Rows<'a> {
    fn new(column: &'a [f64], n: usize) -> Result<Self> {
        match (column.len().checked_div(n), column.len().checked_rem(n)) {
            (Some(width), Some(0)) => Ok(Self { column, width }),
            (None, _) if column.is_empty() => Ok(Self { column, width: 0 }),
            _ => Err(malformed("a column does not divide into rows")),
        }
    }

    fn row(&self, index: usize) -> &'a [f64] {
        &self.column[index * self.width..(index + 1) * self.width]
    }
}

/// Appends rows that must all be as wide as the first.
#[derive(Default)]
struct RowWriter {
    column: Vec<f64>,
    width: Option<usize>,
}

impl RowWriter {
    fn with_capacity(n: usize, first: Option<usize>) -> Self {
        Self { column: Vec::with_capacity(n * first.unwrap_or(0)), width: first }
    }

    fn push(&mut self, row: &[f64], what: &str) -> Result<()> {
        let width = *self.width.get_or_insert(row.len());
        if row.len() != width {
            return Err(ComponentError::failed(format!(
                "{what} of {} values stands beside one of {width}; hint: all must be of the same problem",
                row.len()
            )));
        }
        self.column.extend_from_slice(row);
        Ok(())
    }
}

fn to_optional(number: u64) -> Option<TrialId> {
    (number != NONE).then_some(TrialId(number))
}

fn from_optional(trial: Option<TrialId>) -> u64 {
    trial.map_or(NONE, |trial| trial.0)
}

impl Trials {
    fn from_rows<'a>(
        rows: impl ExactSizeIterator<Item = (TrialId, &'a Configuration, &'a Fidelity)>,
    ) -> Result<Self> {
        let n = rows.len();
        let mut ids = Vec::with_capacity(n);
        let (mut configurations, mut fidelities) = (RowWriter::default(), RowWriter::default());
        for (id, configuration, fidelity) in rows {
            if ids.is_empty() {
                configurations = RowWriter::with_capacity(n, Some(configuration.values().len()));
                fidelities = RowWriter::with_capacity(n, Some(fidelity.0.len()));
            }
            ids.push(id.0);
            configurations.push(configuration.values(), "a configuration")?;
            fidelities.push(&fidelity.0, "a fidelity")?;
        }
        Ok(Self {
            ids: ids.into(),
            configurations: configurations.column.into(),
            fidelities: fidelities.column.into(),
        })
    }

    fn rows(&self) -> Result<impl Iterator<Item = (TrialId, Configuration, Fidelity)>> {
        let configurations = Rows::new(&self.configurations, self.ids.len())?;
        let fidelities = Rows::new(&self.fidelities, self.ids.len())?;
        Ok(self.ids.iter().enumerate().map(move |(index, &id)| {
            let fidelity = Fidelity(fidelities.row(index).to_vec());
            (TrialId(id), Configuration::new(configurations.row(index)), fidelity)
        }))
    }
}

impl Ask {
    /// The columns of a request.
    pub fn from_model(request: &AskRequest<'_>) -> Result<Self> {
        let pending = request.pending.iter().map(|trial| (trial.id, &trial.configuration, &trial.fidelity));
        Ok(Self {
            n: request.n as u64,
            first_trial: request.first_trial.0,
            seed: request.seed.0,
            pending: Trials::from_rows(pending)?,
        })
    }

    /// The pending trials; the request itself borrows them: see [`Ask::request`].
    pub fn pending(&self) -> Result<Vec<PendingTrial>> {
        let rows = self.pending.rows()?;
        Ok(rows.map(|(id, configuration, fidelity)| PendingTrial { id, configuration, fidelity }).collect())
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
        let rows = proposals.iter();
        let trials = Trials::from_rows(rows.map(|p| (TrialId(NONE), &p.configuration, &p.fidelity)))?;
        Ok(Self {
            n: proposals.len() as u64,
            configurations: trials.configurations,
            fidelities: trials.fidelities,
            parents: proposals.iter().map(|p| from_optional(p.parent)).collect(),
            continues: proposals.iter().map(|p| from_optional(p.continues)).collect(),
        })
    }

    /// The proposals.
    pub fn to_model(&self) -> Result<Vec<Proposal>> {
        let n = self.parents.len();
        if self.n != n as u64 {
            return Err(malformed("a column is too short"));
        }
        let configurations = Rows::new(&self.configurations, n)?;
        let fidelities = Rows::new(&self.fidelities, n)?;
        let row = |index| {
            Ok(Proposal {
                configuration: Configuration::new(configurations.row(index)),
                fidelity: Fidelity(fidelities.row(index).to_vec()),
                parent: to_optional(self.parents[index]),
                continues: to_optional(get(&self.continues, index)?),
            })
        };
        (0..n).map(row).collect()
    }
}

impl Observations {
    /// The columns of observations.
    pub fn from_model(observations: &[Observation]) -> Result<Self> {
        let rows = observations.iter();
        let trials = Trials::from_rows(rows.map(|o| (o.trial, &o.configuration, &o.fidelity)))?;
        let width = observations.iter().find_map(|o| o.result.as_ref().ok()).map_or(0, Vec::len);
        let mut objectives = RowWriter::with_capacity(observations.len(), Some(width));
        let missing = vec![f64::NAN; width];
        for observation in observations {
            objectives.push(observation.result.as_ref().unwrap_or(&missing), "a list of objectives")?;
        }
        let failure = |o: &Observation| o.result.as_ref().err().map_or(0, |kind| kind.code());
        Ok(Self {
            trials,
            objectives: objectives.column.into(),
            failures: observations.iter().map(failure).collect(),
            costs: observations.iter().map(|o| o.cost_seconds).collect(),
        })
    }

    /// The observations.
    pub fn to_model(&self) -> Result<Vec<Observation>> {
        let objectives = Rows::new(&self.objectives, self.trials.ids.len())?;
        let rows = self.trials.rows()?.enumerate().map(|(index, (trial, configuration, fidelity))| {
            let result = match FailureKind::from_code(get(&self.failures, index)?) {
                None => Ok(objectives.row(index).to_vec()),
                Some(kind) => Err(kind),
            };
            let cost_seconds = get(&self.costs, index)?;
            Ok(Observation { trial, configuration, fidelity, result, cost_seconds })
        });
        rows.collect()
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
        let mut configurations = RowWriter::default();
        for observation in &knowledge.observations {
            configurations.push(observation.configuration.values(), "a configuration")?;
        }
        Ok(Self {
            configurations: configurations.column.into(),
            scores: knowledge.observations.iter().map(|o| o.score).collect(),
            weights: knowledge.observations.iter().map(|o| o.weight).collect(),
        })
    }

    /// The prior knowledge.
    pub fn to_model(&self) -> Result<PriorKnowledge> {
        let configurations = Rows::new(&self.configurations, self.scores.len())?;
        let row = |(index, &score): (usize, &f64)| {
            let configuration = Configuration::new(configurations.row(index));
            Ok(PriorObservation { configuration, score, weight: get(&self.weights, index)? })
        };
        let observations = self.scores.iter().enumerate().map(row).collect::<Result<_>>()?;
        Ok(PriorKnowledge { observations })
    }
}

impl Requests {
    /// The columns of requests.
    pub fn from_model(requests: &[EvaluationRequest]) -> Result<Self> {
        let rows = requests.iter();
        Ok(Self {
            trials: Trials::from_rows(rows.map(|r| (r.trial, &r.configuration, &r.fidelity)))?,
            attempts: requests.iter().map(|r| u64::from(r.attempt)).collect(),
            parents: requests.iter().map(|r| from_optional(r.parent)).collect(),
            continues: requests.iter().map(|r| from_optional(r.continues)).collect(),
            seeds: requests.iter().flat_map(|r| r.seed.0).collect(),
            seconds: requests.iter().map(|r| r.limits.seconds.unwrap_or(f64::NAN)).collect(),
            memory: requests.iter().map(|r| r.limits.memory_bytes.unwrap_or(NONE)).collect(),
            threads: requests.iter().map(|r| r.threads as u64).collect(),
        })
    }

    /// The requests.
    pub fn to_model(&self) -> Result<Vec<EvaluationRequest>> {
        let (seeds, _) = self.seeds.as_chunks::<32>();
        let rows = self.trials.rows()?.enumerate().map(|(index, (trial, configuration, fidelity))| {
            let seconds = get(&self.seconds, index)?;
            let memory = get(&self.memory, index)?;
            Ok(EvaluationRequest {
                trial,
                attempt: u32::try_from(get(&self.attempts, index)?).unwrap_or(u32::MAX),
                configuration,
                fidelity,
                parent: to_optional(get(&self.parents, index)?),
                continues: to_optional(get(&self.continues, index)?),
                seed: Seed(get(seeds, index)?),
                limits: Limits {
                    seconds: (!seconds.is_nan()).then_some(seconds),
                    memory_bytes: (memory != NONE).then_some(memory),
                },
                threads: get(&self.threads, index)? as usize,
            })
        });
        rows.collect()
    }
}

impl Outcomes {
    /// The columns of results. A result whose objectives are not as many as the first one's is a failure.
    pub fn from_model(results: &[std::result::Result<Outcome, Failure>]) -> Self {
        let width =
            results.iter().find_map(|r| r.as_ref().ok()).map_or(0, |outcome| outcome.objectives.len());
        let mut columns = Self::default();
        for result in results {
            match result {
                Ok(outcome) if outcome.objectives.len() == width => columns.push_outcome(outcome, width),
                Ok(outcome) => {
                    let n = outcome.objectives.len();
                    let message = format!("the estimator gave {n} objectives here and {width} elsewhere");
                    columns.push_failure(&Failure::new(FailureKind::Crashed, message), width);
                }
                Err(failure) => columns.push_failure(failure, width),
            }
        }
        columns
    }

    fn push_outcome(&mut self, outcome: &Outcome, width: usize) {
        self.failures.push(0);
        self.messages.push("");
        self.objectives.extend_from_slice(&outcome.objectives);
        self.costs.push(outcome.cost_seconds);
        self.stopped.push(u8::from(outcome.stopped));
        for point in outcome.curve.iter().filter(|point| point.objectives.len() == width) {
            self.curve_steps.push(point.step);
            self.curve_objectives.extend_from_slice(&point.objectives);
            self.curve_costs.push(point.cost_seconds);
        }
        self.curve_ends.push(self.curve_steps.len() as u64);
        for (name, value) in &outcome.metrics {
            self.metric_names.push(name);
            self.metric_values.push(*value);
        }
        self.metric_ends.push(self.metric_values.len() as u64);
    }

    fn push_failure(&mut self, failure: &Failure, width: usize) {
        self.failures.push(failure.kind.code());
        self.messages.push(&failure.message);
        self.objectives.extend(std::iter::repeat_n(f64::NAN, width));
        self.costs.push(failure.cost_seconds);
        self.stopped.push(0);
        self.curve_ends.push(self.curve_steps.len() as u64);
        self.metric_ends.push(self.metric_values.len() as u64);
    }

    /// The results.
    pub fn to_model(&self) -> Result<Vec<std::result::Result<Outcome, Failure>>> {
        let objectives = Rows::new(&self.objectives, self.failures.len())?;
        let curve_objectives = Rows::new(&self.curve_objectives, self.curve_steps.len())?;
        let row = |index: usize| {
            let cost_seconds = get(&self.costs, index)?;
            if let Some(kind) = FailureKind::from_code(self.failures[index]) {
                return Ok(Err(Failure { kind, message: self.messages.get(index)?, cost_seconds }));
            }
            let point = |point: usize| {
                Ok(CurvePoint {
                    step: get(&self.curve_steps, point)?,
                    objectives: curve_objectives.row(point).to_vec(),
                    cost_seconds: get(&self.curve_costs, point)?,
                })
            };
            let metric =
                |metric: usize| Ok((self.metric_names.get(metric)?, get(&self.metric_values, metric)?));
            Ok(Ok(Outcome {
                objectives: objectives.row(index).to_vec(),
                cost_seconds,
                curve: range(&self.curve_ends, index)?.map(point).collect::<Result<_>>()?,
                metrics: range(&self.metric_ends, index)?.map(metric).collect::<Result<_>>()?,
                stopped: get(&self.stopped, index)? != 0,
            }))
        };
        (0..self.failures.len()).map(row).collect()
    }
}

impl Scoring {
    /// The columns of configurations to score.
    pub fn from_model(configurations: &[Configuration], seed: Seed) -> Result<Self> {
        let (n, column) = (configurations.len() as u64, configurations_to_column(configurations)?);
        Ok(Self { n, seed: seed.0, configurations: column.into() })
    }

    /// The configurations to score, and the seed.
    pub fn to_model(&self) -> Result<(Vec<Configuration>, Seed)> {
        Ok((configurations_from_column(&self.configurations, self.n as usize)?, Seed(self.seed)))
    }
}

/// Appends scores, `[n]`, to a frame.
pub fn write_scores(scores: &[f64], frame: &mut Vec<u8>) {
    RVec::from(scores).write(frame);
}

/// Reads a frame's scores into `scores`, which must be as many.
pub fn read_scores(frame: &[u8], scores: &mut [f64]) -> Result<()> {
    let read = RVec::<f64>::read_all(frame)?;
    if read.len() != scores.len() {
        return Err(malformed("the scores are not as many as the configurations"));
    }
    scores.copy_from_slice(&read);
    Ok(())
}

/// `[n × d]` from configurations.
pub(crate) fn configurations_to_column(configurations: &[Configuration]) -> Result<Vec<f64>> {
    let width = configurations.first().map(|configuration| configuration.values().len());
    let mut rows = RowWriter::with_capacity(configurations.len(), width);
    for configuration in configurations {
        rows.push(configuration.values(), "a configuration")?;
    }
    Ok(rows.column)
}

/// Configurations from `[n × d]`.
pub(crate) fn configurations_from_column(column: &[f64], n: usize) -> Result<Vec<Configuration>> {
    let rows = Rows::new(column, n)?;
    Ok((0..n).map(|index| Configuration::new(rows.row(index))).collect())
}

#[cfg(test)]
mod tests;
