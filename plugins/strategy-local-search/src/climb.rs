//! One climb: from a centre to its best neighbour, and on, until no neighbour is better.

use heirloom_plugin::{Configuration, Rng, Space, TrialId};

use crate::params::Move;

/// A configuration whose evaluation succeeded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evaluated {
    pub(crate) configuration: Configuration,
    pub(crate) trial: TrialId,
    /// The first objective, minimised.
    pub(crate) objective: f64,
}

/// Configurations under evaluation, and the best of those whose result is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    waiting: Vec<Configuration>,
    pub(crate) best: Option<Evaluated>,
    /// How many have left `waiting`.
    pub(crate) n_settled: usize,
}

/// What is known of a configuration.
pub(crate) enum Standing<'a> {
    /// It will be told.
    Pending,
    /// Its evaluation succeeded.
    Known(&'a Evaluated),
    /// Its evaluation failed, or there was none.
    Worthless,
}

impl Batch {
    pub(crate) fn wait_for(&mut self, configuration: Configuration) {
        self.waiting.push(configuration);
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes in what has become known.
    pub(crate) fn settle<'a>(&mut self, standing: &impl Fn(&Configuration) -> Standing<'a>) {
        let before = self.waiting.len();
        let best = &mut self.best;
        self.waiting.retain(|configuration| match standing(configuration) {
            Standing::Pending => true,
            Standing::Worthless => false,
            Standing::Known(evaluated) => {
                if best.as_ref().is_none_or(|best| evaluated.objective < best.objective) {
                    *best = Some(evaluated.clone());
                }
                false
            }
        });
        self.n_settled += before - self.waiting.len();
    }
}

/// A climb at one centre.
#[derive(Debug, Clone)]
pub(crate) struct Climb {
    pub(crate) centre: Evaluated,
    /// Neighbours to propose, the next one last.
    queue: Vec<Configuration>,
    /// Neighbours proposed for this centre, or evaluated before.
    neighbours: Batch,
}

impl Climb {
    /// A climb at `centre`, its neighbours in random order; for those already seen there is only the result to
    /// wait for.
    pub(crate) fn at(
        centre: Evaluated,
        space: &Space,
        rng: &mut Rng,
        is_seen: impl Fn(&Configuration) -> bool,
    ) -> Self {
        let (waiting, mut queue): (Vec<_>, Vec<_>) =
            space.neighbours(&centre.configuration, rng).into_iter().partition(is_seen);
        rng.shuffle(&mut queue);
        Self { centre, queue, neighbours: Batch { waiting, ..Batch::default() } }
    }

    /// The next neighbour to evaluate.
    pub(crate) fn next_neighbour(
        &mut self,
        is_seen: impl Fn(&Configuration) -> bool,
    ) -> Option<Configuration> {
        while let Some(configuration) = self.queue.pop() {
            self.neighbours.wait_for(configuration.clone());
            if !is_seen(&configuration) {
                return Some(configuration);
            }
        }
        None
    }

    /// Takes in what has become known and says what follows from it.
    pub(crate) fn step<'a>(
        &mut self,
        moves: Move,
        standing: &impl Fn(&Configuration) -> Standing<'a>,
    ) -> Step {
        self.neighbours.settle(standing);
        let is_complete = self.queue.is_empty() && self.neighbours.is_settled();
        let better = self.neighbours.best.as_ref().filter(|best| best.objective < self.centre.objective);
        match better {
            Some(better) if is_complete || moves == Move::First => Step::Move(better.clone()),
            None if is_complete => Step::LocalOptimum,
            _ => Step::Stay,
        }
    }
}

/// What follows at a centre.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Not enough is known yet.
    Stay,
    /// The climb goes on at a better neighbour.
    Move(Evaluated),
    /// No neighbour is better.
    LocalOptimum,
}
