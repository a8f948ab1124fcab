//! Where configurations stand on each past task: what was measured, else what a surrogate of that task predicts.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use heirloom_model::{Configuration, Parameter, ParameterKind, Rng, Seed, Space};
use rayon::prelude::*;

use crate::PastTask;
use crate::forest::{Forest, Growth};
use crate::knowledge::hash;
use crate::rank::{normal_score, quantiles};

/// Fresh draws among the candidates where past tasks hold different configurations: ten times what a sparse task
/// holds, so that its surrogate has something to choose from.
const N_DRAWS: usize = 2_000;

/// Of each task's best configurations the neighbourhood is among the candidates too; of very many tasks of fewer.
const N_CENTRES: usize = 10;

/// Neighbours of a centre: of one that has more, as where a parameter has hundreds of choices, so many are drawn.
const MAX_NEIGHBOURS: usize = 200;

/// Configurations of all tasks together whose neighbourhoods are, and at least one a task.
const N_CENTRES_IN_ALL: usize = 320;

/// Beyond so many candidates times tasks no neighbours and draws are added: each is predicted on each task.
const MAX_PREDICTED: usize = 2_000_000;

/// Trees are grown out, for a past task's measurements are mostly repeatable; more than a hundred hardly gain, and their
/// predictions are averaged: half of them suffice for ranks.
const SURROGATE: Growth = Growth { n_trees: 50, n_min: 2 };

/// Numbers in a task's sketch: distances between tasks are then right to about a sixth.
const SKETCH_WIDTH: usize = 32;

/// Candidates and their standing on each past task.
#[derive(Debug)]
pub(crate) struct Landscape {
    space: Space,
    candidates: Vec<Configuration>,
    tasks: Vec<TaskView>,
    /// `[t][k]`
    sketches: Vec<Vec<f64>>,
}

/// One past task seen over the candidates.
#[derive(Debug)]
struct TaskView {
    /// What was measured: normal score among this task's own evaluations, by configuration.
    measured: HashMap<Configuration, f64>,
    /// (score, regret) of its own evaluations, ascending: from a predicted score to a regret.
    regret_at: Vec<(f64, f64)>,
    /// And the scores that it is fitted to.
    surrogate: OnceLock<(Forest, Vec<f64>)>,
    /// Own scores (measured or predicted) of the candidates, ascending: from one to a quantile among candidates.
    sorted: Vec<f64>,
    /// `[c]`, normal score among the candidates.
    scores: Vec<f64>,
    /// `[c]`, regret: 0 the best evaluation of the task, 1 its worst.
    regrets: Vec<f64>,
}

/// How a configuration stands on one past task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    /// Normal score among the candidates; small is good.
    pub(crate) score: f64,
    /// Regret: 0 the best evaluation of the task, 1 its worst.
    pub(crate) regret: f64,
}

impl Landscape {
    /// Looks at `tasks`; each has at least one finished evaluation.
    pub(crate) fn new(space: Space, tasks: &[PastTask]) -> Self {
        let mut candidates = candidates(&space, tasks);
        // Ties are broken by place: not by the order in which the archive holds its runs.
        candidates.sort_by_cached_key(hash);
        let tasks: Vec<_> = tasks.par_iter().map(|task| TaskView::new(&space, task, &candidates)).collect();
        let sketches = sketches(&tasks, candidates.len());
        Self { space, candidates, tasks, sketches }
    }

    pub(crate) fn candidates(&self) -> &[Configuration] {
        &self.candidates
    }

    pub(crate) fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Normal scores of the candidates on a task, `[c]`.
    pub(crate) fn scores(&self, task: usize) -> &[f64] {
        &self.tasks[task].scores
    }

    /// Normal scores of a candidate on each task, `[t]`.
    pub(crate) fn scores_of(&self, place: usize) -> impl Iterator<Item = f64> {
        self.tasks.iter().map(move |task| task.scores[place])
    }

    /// Regrets of the candidates on a task, `[c]`.
    pub(crate) fn regrets(&self, task: usize) -> &[f64] {
        &self.tasks[task].regrets
    }

    /// Regrets of the candidates on each task, `[t][c]`.
    pub(crate) fn all_regrets(&self) -> impl Iterator<Item = &[f64]> {
        self.tasks.iter().map(|task| task.regrets.as_slice())
    }

    /// A few numbers for each task, `[t][k]`, as far apart as its candidates' scores are.
    pub(crate) fn sketches(&self) -> &[Vec<f64>] {
        &self.sketches
    }

    /// Which candidates were evaluated on a task itself, ascending.
    pub(crate) fn measured(&self, task: usize) -> Vec<usize> {
        let measured = &self.tasks[task].measured;
        (0..self.candidates.len()).filter(|&place| measured.contains_key(&self.candidates[place])).collect()
    }

    /// How any configuration stands on each task, `[t]`.
    pub(crate) fn standings(&self, configuration: &Configuration) -> Vec<Standing> {
        self.tasks.iter().map(|task| task.standing(&self.space, configuration)).collect()
    }
}

impl TaskView {
    fn new(space: &Space, task: &PastTask, candidates: &[Configuration]) -> Self {
        let objectives: Vec<f64> =
            task.objectives.iter().map(|objective| objective.unwrap_or(f64::INFINITY)).collect();
        let own: Vec<f64> = quantiles(&objectives).into_iter().map(normal_score).collect();
        let mut finite: Vec<f64> =
            objectives.iter().copied().filter(|objective| objective.is_finite()).collect();
        finite.sort_by(f64::total_cmp);
        let (best, worst) = (finite[0], worst_that_counts(&finite));
        let regret = |objective: f64| match objective - best {
            gap if gap <= 0.0 => 0.0,
            gap => (gap / (worst - best)).min(1.0),
        };
        let mut regret_at: Vec<(f64, f64)> =
            own.iter().copied().zip(objectives.into_iter().map(regret)).collect();
        regret_at.sort_by(|a, b| a.0.total_cmp(&b.0));
        let measured = task.configurations.iter().cloned().zip(own).collect();
        let mut view = Self {
            measured,
            regret_at,
            surrogate: OnceLock::new(),
            sorted: Vec::new(),
            scores: Vec::new(),
            regrets: Vec::new(),
        };
        let values: Vec<f64> = candidates.iter().map(|candidate| view.own_score(space, candidate)).collect();
        view.regrets = values.iter().map(|&value| view.regret(value)).collect();
        view.scores = quantiles(&values).into_iter().map(normal_score).collect();
        view.sorted = values;
        view.sorted.sort_by(f64::total_cmp);
        view
    }

    fn standing(&self, space: &Space, configuration: &Configuration) -> Standing {
        let value = self.own_score(space, configuration);
        let below = self.sorted.partition_point(|&other| other < value);
        let not_above = self.sorted.partition_point(|&other| other <= value);
        // One more than the candidates: the best possible quantile is then not zero.
        let quantile = ((below + not_above) as f64 / 2.0 + 0.5) / (self.sorted.len() as f64 + 1.0);
        Standing { score: normal_score(quantile), regret: self.regret(value) }
    }

    fn own_score(&self, space: &Space, configuration: &Configuration) -> f64 {
        self.measured.get(configuration).copied().unwrap_or_else(|| {
            let (forest, scores) = self.surrogate.get_or_init(|| self.fit(space));
            forest.predict(&encode(space, configuration), scores)
        })
    }

    fn fit(&self, space: &Space) -> (Forest, Vec<f64>) {
        let mut rows: Vec<(Vec<f64>, f64)> = self
            .measured
            .iter()
            .map(|(configuration, &score)| (encode(space, configuration), score))
            .collect();
        // The map's order is not ours to rely on.
        rows.sort_by(|a, b| a.partial_cmp(b).expect("encodings and scores are finite"));
        let (points, scores): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let seed = Seed::from_number(0).derive("warm-start surrogate", 0);
        (Forest::fit(&points, &scores, SURROGATE, seed), scores)
    }

    /// The regret at an own score, linear between this task's evaluations.
    fn regret(&self, score: f64) -> f64 {
        let place = self.regret_at.partition_point(|&(other, _)| other < score);
        match (place.checked_sub(1).map(|below| self.regret_at[below]), self.regret_at.get(place)) {
            (Some((low, from)), Some(&(high, to))) => from + (to - from) * (score - low) / (high - low),
            (None, Some(&(_, regret))) | (Some((_, regret)), None) => regret,
            (None, None) => 1.0,
        }
    }
}

/// The objective at which a regret is 1: the worst, but no farther from the best than twice as far as nine in ten are.
/// A few losses that diverged would make all others alike.
fn worst_that_counts(ascending: &[f64]) -> f64 {
    let last = ascending.len() - 1;
    let (best, worst, common) = (ascending[0], ascending[last], ascending[last - last / 10]);
    if common > best { worst.min(best + 2.0 * (common - best)) } else { worst }
}

/// Sums of the scores of a task's candidates with random signs (Achlioptas 2003), `[t][k]`.
fn sketches(tasks: &[TaskView], n_candidates: usize) -> Vec<Vec<f64>> {
    let mut rng = Seed::from_number(0).derive("warm-start sketch", 0).rng();
    let mut sketches = vec![vec![0.0; SKETCH_WIDTH]; tasks.len()];
    for place in 0..n_candidates {
        for number in 0..SKETCH_WIDTH {
            let sign = if rng.uniform() < 0.5 { -1.0 } else { 1.0 };
            for (sketch, task) in sketches.iter_mut().zip(tasks) {
                sketch[number] += sign * task.scores[place];
            }
        }
    }
    sketches
}

/// What past tasks evaluated; and where they evaluated different things, neighbours of their best and fresh draws.
fn candidates(space: &Space, tasks: &[PastTask]) -> Vec<Configuration> {
    let mut known = HashSet::new();
    let mut candidates = Vec::new();
    let mut add = |configuration: &Configuration| {
        if known.insert(configuration.clone()) {
            candidates.push(configuration.clone());
        }
    };
    tasks.iter().flat_map(|task| &task.configurations).for_each(&mut add);
    let n_rows: usize = tasks.iter().map(|task| task.configurations.len()).sum();
    let n_known = known_len(tasks);
    // A table nearly full: the tasks speak about the same configurations, and measurements beat predictions.
    if 10 * n_rows >= 9 * n_known * tasks.len() && tasks.len() > 1 {
        return candidates;
    }
    let mut rng = Seed::from_number(0).derive("warm-start candidates", 0).rng();
    let most = (MAX_PREDICTED / tasks.len().max(1)).max(n_known);
    let n_centres = (N_CENTRES_IN_ALL / tasks.len().max(1)).clamp(1, N_CENTRES);
    for task in tasks {
        let mut rows: Vec<usize> =
            (0..task.objectives.len()).filter(|&row| task.objectives[row].is_some()).collect();
        rows.sort_by(|&a, &b| {
            task.objectives[a].partial_cmp(&task.objectives[b]).expect("finite objectives")
        });
        for &row in rows.iter().take(n_centres) {
            neighbours(space, &task.configurations[row], &mut rng).iter().for_each(&mut add);
        }
    }
    // A space in which hardly anything is allowed gives no draws; what was evaluated remains.
    (0..N_DRAWS).map_while(|_| space.sample(&mut rng).ok()).for_each(|drawn| add(&drawn));
    candidates.truncate(most);
    candidates
}

fn neighbours(space: &Space, centre: &Configuration, rng: &mut Rng) -> Vec<Configuration> {
    let n_choices = |parameter: &Parameter| match &parameter.kind {
        ParameterKind::Categorical { choices } => choices.len(),
        _ => 1,
    };
    if space.parameters().iter().map(n_choices).sum::<usize>() <= MAX_NEIGHBOURS {
        return space.neighbours(centre, rng);
    }
    (0..MAX_NEIGHBOURS).map_while(|_| space.mutate(centre, rng)).collect()
}

fn known_len(tasks: &[PastTask]) -> usize {
    tasks.iter().flat_map(|task| &task.configurations).collect::<HashSet<_>>().len()
}

/// Numbers for the trees: ordered parameters in unit coordinates (−1 where inactive), one column a choice else.
fn encode(space: &Space, configuration: &Configuration) -> Vec<f64> {
    let mut point = Vec::new();
    for (parameter, &value) in space.parameters().iter().zip(configuration.values()) {
        match &parameter.kind {
            ParameterKind::Categorical { choices } => {
                point.extend((0..choices.len()).map(|choice| f64::from(u8::from(choice as f64 == value))));
            }
            _ if value.is_nan() => point.push(-1.0),
            _ => point.push(parameter.to_unit(value)),
        }
    }
    point
}
