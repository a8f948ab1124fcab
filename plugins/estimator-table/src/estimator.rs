//! Answers from the table.

use heirloom_plugin::{
    ComponentError, Estimator, EstimatorInfo, EvaluationRequest, Failure, FailureKind, Fidelity, Outcome,
    Reporter, Space, Verdict,
};
use heirloom_recorded_table::{Entry, RecordedTable};

use crate::{Options, SeedPolicy};

/// An estimator that looks evaluations up.
#[derive(Debug)]
pub struct TableEstimator {
    table: RecordedTable,
    task: usize,
    seed_policy: SeedPolicy,
    /// The size at which everything is evaluated, where the run chose one.
    level: Option<usize>,
}

impl TableEstimator {
    /// Opens the table.
    ///
    /// Errors with [`Configuration`](heirloom_plugin::ComponentErrorKind::Configuration) when it cannot be opened,
    /// has no such task or size, or when the run's `space` is another one.
    pub fn new(options: &Options, space: Option<&Space>) -> Result<Self, ComponentError> {
        let table = RecordedTable::open(&options.table)
            .map_err(|error| ComponentError::configuration(error.to_string()))?;
        if space.is_some_and(|space| space.hash() != table.space().hash()) {
            let problem =
                format!("the run's space is not that of `{}`; hint: leave `[space]` out", table.name());
            return Err(ComponentError::configuration(problem));
        }
        let task = choose_task(&table, options.task.as_deref())?;
        let level = options.fidelity.map(|size| choose_level(&table, size)).transpose()?;
        Ok(Self { table, task, seed_policy: options.seed_policy, level })
    }

    /// The table that is looked into.
    pub fn table(&self) -> &RecordedTable {
        &self.table
    }

    fn look_up(&self, request: &EvaluationRequest, reporter: &dyn Reporter) -> Result<Outcome, Failure> {
        if reporter.cancelled() {
            return Err(Failure::new(FailureKind::Cancelled, "the run was told to end"));
        }
        let level = match self.level {
            Some(level) => level,
            None => {
                self.table.level_of(&request.fidelity).ok_or_else(|| self.no_such_size(&request.fidelity))?
            }
        };
        let entry =
            self.table.find(self.task, &request.configuration).ok_or_else(|| self.unknown(request))?;
        let training = self.training(entry, level, request);
        for point in entry.curve(level, training) {
            if reporter.report(request.trial, &point) != Verdict::Continue {
                let at = self.table.level_of(&Fidelity(vec![point.step])).unwrap_or(level);
                let outcome = entry.outcome(at, training)?;
                return Ok(Outcome { stopped: at < level, ..outcome });
            }
        }
        entry.outcome(level, training)
    }

    /// The training that counts; `None`: the mean of all.
    fn training(&self, entry: Entry<'_>, level: usize, request: &EvaluationRequest) -> Option<usize> {
        match self.seed_policy {
            SeedPolicy::Mean => None,
            SeedPolicy::Random => request.seed.rng().choose(&entry.trainings(level)).copied(),
        }
    }

    fn unknown(&self, request: &EvaluationRequest) -> Failure {
        let message = match self.table.space().check(&request.configuration) {
            Err(error) => error.to_string(),
            Ok(()) => {
                let named = self.table.space().to_named(&request.configuration);
                let named: Vec<_> = named.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                let task = &self.table.tasks()[self.task].name;
                format!("`{}` has no evaluation of `{}` on `{task}`", self.table.name(), named.join(", "))
            }
        };
        Failure::new(FailureKind::Rejected, message)
    }

    fn no_such_size(&self, fidelity: &Fidelity) -> Failure {
        let message = format!(
            "`{}` records no evaluations of size `{:?}`{}",
            self.table.name(),
            fidelity.0,
            sizes(&self.table)
        );
        Failure::new(FailureKind::Rejected, message)
    }
}

impl Estimator for TableEstimator {
    fn info(&self) -> EstimatorInfo {
        let fidelities = self.table.fidelity().filter(|_| self.level.is_none());
        EstimatorInfo {
            objectives: self.table.objectives().to_vec(),
            fidelities: fidelities.cloned().into_iter().collect(),
            space: Some(self.table.space().spec().clone()),
            simulated_cost: true,
            concurrent: true,
        }
    }

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        requests.iter().map(|request| self.look_up(request, reporter)).collect()
    }
}

fn choose_task(table: &RecordedTable, wanted: Option<&str>) -> Result<usize, ComponentError> {
    let problem = match wanted {
        None if table.tasks().len() == 1 => return Ok(0),
        None => format!("`{}` has {} tasks and `task` names none", table.name(), table.tasks().len()),
        Some(name) => match table.task_index(name) {
            Some(task) => return Ok(task),
            None => format!("`{}` has no task `{name}`", table.name()),
        },
    };
    const SHOWN: usize = 12;
    let names: Vec<_> = table.tasks().iter().take(SHOWN).map(|task| format!("`{}`", task.name)).collect();
    let more = if table.tasks().len() > SHOWN { ", …" } else { "" };
    Err(ComponentError::configuration(format!(
        "{problem}; hint: set `task` to one of {}{more}",
        names.join(", ")
    )))
}

fn choose_level(table: &RecordedTable, size: f64) -> Result<usize, ComponentError> {
    let level = table.fidelity().and_then(|_| table.level_of(&Fidelity(vec![size])));
    level.ok_or_else(|| {
        let problem = format!("`fidelity = {size}`: `{}` records no such size{}", table.name(), sizes(table));
        ComponentError::configuration(problem)
    })
}

/// The remedy of a size that is not there.
fn sizes(table: &RecordedTable) -> String {
    match table.fidelity() {
        None => "; hint: it has one size only, leave the fidelity out".to_owned(),
        Some(dimension) => {
            let levels: Vec<_> = dimension.levels.iter().map(f64::to_string).collect();
            format!("; hint: use one of {} `{}`", levels.join(", "), dimension.name)
        }
    }
}

#[cfg(test)]
mod tests;
