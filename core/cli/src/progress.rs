//! The progress of a run: how far, how fast, and what is best so far.

use std::time::{Duration, Instant};

use heirloom_engine::Budget;
use heirloom_model::{Event, Objective};
use indicatif::{ProgressBar, ProgressStyle};

use crate::incumbent::Follower;
use crate::output;

/// A line on the terminal that follows a run's events.
pub(crate) struct Progress {
    bar: ProgressBar,
    budget: Budget,
    objective: Objective,
    began: Instant,
    elapsed_before: f64,
    /// Trials told in this process and before.
    n_told: u64,
    n_told_before: u64,
    /// The share of the budget that was spent before.
    share_before: f64,
    cost_seconds: f64,
    follower: Follower,
    drawn: Instant,
}

/// How many steps the bar has: budgets have different units.
const STEPS: u64 = 1000;

impl Progress {
    pub(crate) fn new(shown: bool, budget: Budget, objective: Objective, elapsed_before: f64) -> Self {
        let bar = if shown { ProgressBar::new(STEPS) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:24} {msg}").expect("the template is well-formed");
        bar.set_style(style);
        let now = Instant::now();
        Self {
            bar,
            budget,
            objective,
            began: now,
            elapsed_before,
            n_told: 0,
            n_told_before: 0,
            share_before: 0.0,
            cost_seconds: 0.0,
            follower: Follower::default(),
            drawn: now,
        }
    }

    /// Takes in an event that happened before this process.
    pub(crate) fn replay(&mut self, event: &Event) {
        self.count(event);
        self.n_told_before = self.n_told;
        self.share_before = self.share(0.0);
    }

    /// Takes in an event and draws, at most ten times a second.
    pub(crate) fn observe(&mut self, event: &Event) {
        self.count(event);
        if self.drawn.elapsed() > Duration::from_millis(100) {
            self.draw();
        }
    }

    fn count(&mut self, event: &Event) {
        if let Some(cost_seconds) = self.follower.observe(event) {
            self.n_told += 1;
            self.cost_seconds += cost_seconds;
        }
    }

    fn draw(&mut self) {
        self.drawn = Instant::now();
        let here = self.began.elapsed().as_secs_f64();
        let share = self.share(here);
        let rate = (self.n_told - self.n_told_before) as f64 / here.max(1e-9);
        let mut parts = vec![match self.budget.trials {
            Some(trials) => format!("{}/{trials} trials", self.n_told),
            None => format!("{} trials", self.n_told),
        }];
        if let Some(best) = self.follower.best() {
            let value = output::number(self.objective.direction.turn(best.objective));
            parts.push(format!("best {} {value} (trial {})", self.objective.name, best.trial));
        }
        parts.push(format!("{rate:.1}/s"));
        if share > self.share_before {
            let left = here * (1.0 - share) / (share - self.share_before);
            parts.push(format!("{} left", output::seconds(left)));
        }
        self.bar.set_position((share * STEPS as f64) as u64);
        self.bar.set_message(parts.join(" · "));
    }

    /// The share of the budget that is spent: of the one that will be used up first.
    fn share(&self, here: f64) -> f64 {
        let of = |spent: f64, budget: Option<f64>| budget.map_or(0.0, |budget| spent / budget);
        let trials = of(self.n_told as f64, self.budget.trials.map(|trials| trials as f64));
        let seconds = of(self.elapsed_before + here, self.budget.seconds);
        trials.max(seconds).max(of(self.cost_seconds, self.budget.cost_seconds)).min(1.0)
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
