//! What past tasks teach: configurations and how they fared, task by task, for a warm start to read.

use std::collections::BTreeMap;

use heirloom_model::{
    Configuration, Direction, FailureKind, Fidelity, FidelityDimension, Objective, Rng, Seed, Space,
    SpaceHash, SpaceSpec,
};

use crate::{Archive, ArchiveError, Evaluations, Result, RunHeader, RunSummary, TrialState};

/// Which past evaluations are wanted, of those at full size: smaller ones rank configurations otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct PastFilter {
    /// Not of these tasks, as [`names_task`] understands them: the new one, and its near copies where a test must be
    /// fair.
    pub without_tasks: Vec<String>,
    /// The most evaluations a task and space; of more an even random sample is taken. Bounds memory: an evaluation
    /// takes 8 bytes a parameter and about 100 more.
    pub max_evaluations: usize,
    /// Evaluations by this objective, whichever of a run's it is; `None`: by each run's first.
    pub objective: Option<Objective>,
}

impl Default for PastFilter {
    fn default() -> Self {
        Self { without_tasks: Vec::new(), max_evaluations: 50_000, objective: None }
    }
}

/// Whether `name` is a task's: its key, or the part of it after the table that it was imported from and
/// before the beginning of its data's fingerprint: `cifar10` names `nas-bench-201/cifar10` and `cifar10@1a2b3c4d`
/// (see [`Archive::known_as`]).
pub fn names_task(name: &str, key: &str) -> bool {
    let plain = key.rsplit_once('@').map_or(key, |(plain, _)| plain);
    let last = plain.rsplit_once('/').map_or(plain, |(_, last)| last);
    [key, plain, last].contains(&name)
}

/// Finished evaluations of a size that are enough for it to be the one at which evaluations of a task are compared: as
/// many as make a task half known to a warm start, since many at a smaller size tell more than a few at a larger one. So
/// is half of what the size with the most has.
const MIN_FULL: usize = 20;

/// What was evaluated on one task in one space. The lists stand in parallel, `[n]` each.
#[derive(Debug, Clone, PartialEq)]
pub struct PastTask {
    /// The task's key.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// Its description, of all versions: a later version's value stands where two have the same name.
    pub meta_features: BTreeMap<String, f64>,
    /// The space of the configurations.
    pub space: SpaceSpec,
    /// The space's identity.
    pub space_hash: SpaceHash,
    /// What they were judged by: values of another direction are not of the same objective, whatever its name.
    pub objective: Objective,
    /// The sizes that count as full, by dimension.
    pub full: BTreeMap<String, f64>,
    /// Configurations that were evaluated; the same one may come more than once.
    pub configurations: Vec<Configuration>,
    /// Their objective, minimised, finite; `None` where the evaluation failed.
    pub objectives: Vec<Option<f64>>,
    /// Their sizes.
    pub fidelities: Vec<Fidelity>,
    /// What they cost, in seconds.
    pub cost_seconds: Vec<f64>,
    /// How many there are in the archive: more than `n` where a sample was taken.
    pub n_available: usize,
}

impl Archive {
    /// Visits past tasks with their evaluations, by task and space. One is held in memory at a time.
    ///
    /// Withdrawn runs are left out; so are those that are damaged, each with a warning.
    pub fn visit_past(
        &self,
        filter: &PastFilter,
        visit: &mut dyn FnMut(PastTask) -> Result<()>,
    ) -> Result<()> {
        let mut groups: BTreeMap<(String, SpaceHash, String, bool), Vec<PastRun>> = BTreeMap::new();
        for run in self.runs()? {
            let is_other = !filter.without_tasks.iter().any(|name| names_task(name, &run.task));
            let wanted = is_other && run.withdrawn.is_none();
            let place = match &filter.objective {
                None => 0,
                Some(sought) => run.objectives.iter().position(|one| one == sought).unwrap_or(usize::MAX),
            };
            if let (true, Some(objective)) = (wanted, run.objectives.get(place)) {
                let maximised = objective.direction == Direction::Maximise;
                let group = (run.task.clone(), run.space.clone(), objective.name.clone(), maximised);
                groups.entry(group).or_default().push(PastRun { run, objective: place });
            }
        }
        for mut runs in groups.into_values() {
            if let Some(past) = self.sound_past_task(&mut runs, filter)?
                && !past.configurations.is_empty()
            {
                visit(past)?;
            }
        }
        Ok(())
    }

    /// The past task of those runs that can be read; a damaged one is taken out of the list, with a warning.
    fn sound_past_task(&self, runs: &mut Vec<PastRun>, filter: &PastFilter) -> Result<Option<PastTask>> {
        while !runs.is_empty() {
            let mut at = 0;
            match self.past_task(runs, filter, &mut at) {
                // All are read anew: evaluations of the damaged one may be in the sample already.
                Err(error) if error.is_damage() => {
                    let PastRun { run, .. } = runs.remove(at);
                    tracing::warn!(
                        task = run.task,
                        "run {} is left out of what is learned from: {error}",
                        run.id
                    );
                }
                past => return past.map(Some),
            }
        }
        Ok(None)
    }

    /// All past tasks that the filter lets through.
    pub fn past_tasks(&self, filter: &PastFilter) -> Result<Vec<PastTask>> {
        let mut tasks = Vec::new();
        self.visit_past(filter, &mut |task| {
            tasks.push(task);
            Ok(())
        })?;
        Ok(tasks)
    }

    /// Visits the evaluations of a run in columns, whichever way they are kept. Of trials with history the completed
    /// and the failed ones: what a stopped one measured belongs to a size that was never asked for.
    pub fn evaluations(
        &self,
        run: &RunSummary,
        visit: &mut dyn FnMut(Evaluations) -> Result<()>,
    ) -> Result<()> {
        let mut batch = Evaluations::default();
        self.trials(run.id, &mut |trial| {
            let mut add = |objectives: &[f64], cost_seconds: f64, failure: u8| {
                batch.configurations.extend_from_slice(trial.proposal.configuration.values());
                batch.fidelities.extend_from_slice(&trial.proposal.fidelity.0);
                batch.objectives.extend_from_slice(objectives);
                batch.cost_seconds.push(cost_seconds);
                batch.failures.push(failure);
            };
            match (trial.state, &trial.result) {
                (TrialState::Completed, Some(Ok(outcome))) => {
                    add(&outcome.objectives, outcome.cost_seconds, 0)
                }
                (TrialState::Failed, Some(Err(failure))) if says_something(failure.kind) => {
                    let missing = vec![f64::NAN; run.objectives.len()];
                    add(&missing, failure.cost_seconds, failure.kind.code());
                }
                _ => {}
            }
            if batch.len() >= crate::BATCH { visit(std::mem::take(&mut batch)) } else { Ok(()) }
        })?;
        if !batch.is_empty() {
            visit(batch)?;
        }
        self.recorded(run.id, visit)
    }

    /// The size at which evaluations of `runs` count as full, by dimension: the largest that one of them calls full
    /// and at which enough were finished: [`MIN_FULL`], or half of what the best served size has. Smaller ones rank
    /// configurations otherwise; a run that went further and hardly began does not make them worthless.
    fn full_size(
        &self,
        runs: &[PastRun],
        headers: &[RunHeader],
        n_parameters: usize,
        at: &mut usize,
    ) -> Result<BTreeMap<String, f64>> {
        let own = |header: &RunHeader| -> BTreeMap<String, f64> {
            let high = |dimension: &FidelityDimension| (dimension.name.clone(), dimension.high);
            header.fidelities.iter().map(high).collect()
        };
        let mut full: Vec<(BTreeMap<String, f64>, usize)> = Vec::new();
        for sizes in headers.iter().map(own) {
            if !full.iter().any(|(known, _)| *known == sizes) {
                full.push((sizes, 0));
            }
        }
        if full.len() > 1 {
            for (place, (PastRun { run, objective }, header)) in runs.iter().zip(headers).enumerate() {
                *at = place;
                let n_objectives = run.objectives.len();
                self.evaluations(run, &mut |batch| {
                    let n_sizes = n_sizes(&batch, (n_parameters, n_objectives))?;
                    let finished = |row: &usize| batch.objectives[row * n_objectives + objective].is_finite();
                    for row in (0..batch.len()).filter(finished) {
                        let evaluated = &batch.fidelities[row * n_sizes..][..n_sizes];
                        for (full, n_finished) in &mut full {
                            *n_finished += usize::from(is_full(evaluated, &sizes(header, full)));
                        }
                    }
                    Ok(())
                })?;
            }
        }
        Ok(size_to_compare_at(full))
    }

    /// What `runs` evaluated; `at` is the run that is being read.
    fn past_task(&self, runs: &[PastRun], filter: &PastFilter, at: &mut usize) -> Result<PastTask> {
        let header = self.header(runs[0].run.id)?;
        let mut meta_features = BTreeMap::new();
        match self.meta_features(&header.task.key) {
            Err(error) if error.is_damage() => {
                tracing::warn!(task = header.task.key, "the task is left without a description: {error}");
            }
            sets => sets?.into_iter().for_each(|set| meta_features.extend(set.features)),
        }
        let n_parameters = Space::compile(header.space.clone())?.parameters().len();
        let mut headers: Vec<RunHeader> = Vec::with_capacity(runs.len());
        for (place, PastRun { run, .. }) in runs.iter().enumerate() {
            *at = place;
            headers.push(self.header(run.id)?);
        }
        let full = self.full_size(runs, &headers, n_parameters, at)?;
        let mut sample = Sample::new(filter.max_evaluations);
        for (place, (PastRun { run, objective }, header)) in runs.iter().zip(&headers).enumerate() {
            *at = place;
            let width = Width { n_parameters, n_objectives: run.objectives.len(), objective: *objective };
            let full = sizes(header, &full);
            self.evaluations(run, &mut |batch| sample.add(&batch, width, &full))?;
        }
        let mut past = PastTask {
            key: header.task.key,
            name: header.task.name,
            meta_features,
            space: header.space,
            space_hash: runs[0].run.space.clone(),
            objective: runs[0].run.objectives[runs[0].objective].clone(),
            full,
            configurations: Vec::with_capacity(sample.kept.len()),
            objectives: Vec::with_capacity(sample.kept.len()),
            fidelities: Vec::with_capacity(sample.kept.len()),
            cost_seconds: Vec::with_capacity(sample.kept.len()),
            n_available: sample.n_seen,
        };
        for one in sample.kept {
            past.configurations.push(one.configuration);
            past.objectives.push(one.objective);
            past.fidelities.push(one.fidelity);
            past.cost_seconds.push(one.cost_seconds);
        }
        Ok(past)
    }
}

/// A run, and which of its objectives counts.
struct PastRun {
    run: RunSummary,
    objective: usize,
}

/// The size at which evaluations of one task are compared, by dimension: of sizes with how many evaluations at least as
/// large are finished the largest that has enough, twenty or half of what the best served has.
pub fn size_to_compare_at(mut sizes: Vec<(BTreeMap<String, f64>, usize)>) -> BTreeMap<String, f64> {
    let size = |full: &BTreeMap<String, f64>| full.values().product::<f64>();
    sizes.sort_by(|a, b| size(&b.0).total_cmp(&size(&a.0)));
    let most = sizes.iter().map(|(_, n_finished)| *n_finished).max().unwrap_or_default();
    let is_enough = |n_finished: usize| n_finished >= MIN_FULL || 2 * n_finished >= most;
    let chosen = sizes.into_iter().find(|(_, n_finished)| is_enough(*n_finished));
    chosen.map(|(sizes, _)| sizes).unwrap_or_default()
}

/// What is full of each of a run's dimensions: another run's word, else its own.
fn sizes(header: &RunHeader, full: &BTreeMap<String, f64>) -> Vec<f64> {
    let of_dimension =
        |dimension: &FidelityDimension| full.get(&dimension.name).copied().unwrap_or(dimension.high);
    header.fidelities.iter().map(of_dimension).collect()
}

/// How many sizes each evaluation has. Errors with [`ArchiveError::Damaged`] where rows have other lengths than they should.
fn n_sizes(batch: &Evaluations, (n_parameters, n_objectives): (usize, usize)) -> Result<usize> {
    let n = batch.len();
    let n_sizes = batch.fidelities.len() / n;
    let lengths = [batch.configurations.len(), batch.objectives.len(), batch.fidelities.len()];
    if lengths != [n * n_parameters, n * n_objectives, n * n_sizes] {
        return Err(ArchiveError::damaged("a trial", "it has other numbers than its space and objectives"));
    }
    Ok(n_sizes)
}

/// Whether each of an evaluation's sizes is a full one.
fn is_full(sizes: &[f64], full: &[f64]) -> bool {
    sizes.iter().zip(full).all(|(size, full)| size >= full)
}

/// Whether a failure tells of the configuration. One that was refused, dropped or cancelled was not evaluated.
fn says_something(kind: FailureKind) -> bool {
    use FailureKind::{Crashed, Diverged, OutOfMemory, TimedOut};
    matches!(kind, Crashed | Diverged | OutOfMemory | TimedOut)
}

/// How wide a run's rows are, and which objective counts.
#[derive(Clone, Copy)]
struct Width {
    n_parameters: usize,
    n_objectives: usize,
    objective: usize,
}

struct One {
    configuration: Configuration,
    objective: Option<f64>,
    fidelity: Fidelity,
    cost_seconds: f64,
}

/// An even random sample of a stream (Vitter 1985, algorithm R); the same for the same archive.
struct Sample {
    kept: Vec<One>,
    n_seen: usize,
    most: usize,
    rng: Rng,
}

impl Sample {
    fn new(most: usize) -> Self {
        Self { kept: Vec::new(), n_seen: 0, most, rng: Seed::from_number(0).derive("past-sample", 0).rng() }
    }

    /// Adds what is at the `full` sizes.
    fn add(
        &mut self,
        batch: &Evaluations,
        Width { n_parameters, n_objectives, objective }: Width,
        full: &[f64],
    ) -> Result<()> {
        let n_sizes = n_sizes(batch, (n_parameters, n_objectives))?;
        for row in 0..batch.len() {
            let objective =
                Some(batch.objectives[row * n_objectives + objective]).filter(|value| value.is_finite());
            let failed = FailureKind::from_code(batch.failures[row]).is_some_and(says_something);
            let fidelity = &batch.fidelities[row * n_sizes..][..n_sizes];
            if (objective.is_none() && !failed) || !is_full(fidelity, full) {
                continue;
            }
            self.n_seen += 1;
            let place =
                if self.kept.len() < self.most { self.kept.len() } else { self.rng.below(self.n_seen) };
            if place >= self.most {
                continue;
            }
            let values = &batch.configurations[row * n_parameters..][..n_parameters];
            let one = One {
                configuration: Configuration::new(values),
                objective,
                fidelity: Fidelity(fidelity.to_vec()),
                cost_seconds: batch.cost_seconds[row],
            };
            if place == self.kept.len() { self.kept.push(one) } else { self.kept[place] = one }
        }
        Ok(())
    }
}
