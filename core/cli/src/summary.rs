//! A run in figures: from its archived trials, the same after `search`, `resume` and in `show`.

use std::collections::BTreeMap;

use heirloom_archive::{Archive, RunHeader, RunId, RunState, RunSummary, TrialRecord, TrialState};
use heirloom_engine::{EndReason, RunEnd, beats};
use heirloom_model::{Objective, Origin, Space, Value, cost_seconds};
use serde::Serialize;
use serde_json::Value as Json;

use crate::failure::OrFail;
use crate::incumbent::Follower;
use crate::reasons::{Reason, Reasons};
use crate::{objectives, output};

/// A run in figures.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    run: String,
    name: String,
    task: String,
    state: RunState,
    /// Why nothing is learned from it.
    withdrawn: Option<String>,
    n_trials: u64,
    n_failed: u64,
    /// Why most of them failed.
    commonest_failure: Option<Reason>,
    /// Proposals that proxies dropped; they are no trials.
    n_filtered: u64,
    n_transferred: u64,
    cost_seconds: f64,
    best: Option<Trial>,
    seed: u64,
    configuration_hash: Option<String>,
    versions: BTreeMap<String, String>,
    archive: String,
    /// The objectives' names, the one that was followed first.
    #[serde(skip)]
    objectives: Vec<String>,
    /// Why a run that was just carried out ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<RunEnd>,
}

/// A trial as people read it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Trial {
    pub(crate) trial: u64,
    pub(crate) state: &'static str,
    /// In the direction in which people read them.
    pub(crate) objectives: Json,
    pub(crate) metrics: BTreeMap<String, f64>,
    pub(crate) configuration: BTreeMap<String, Value>,
    pub(crate) fidelity: BTreeMap<String, f64>,
    pub(crate) cost_seconds: f64,
    /// `strategy`, `warm-start`, or unknown.
    pub(crate) origin: Option<&'static str>,
    pub(crate) failure: Option<String>,
}

impl Trial {
    pub(crate) fn new(record: &TrialRecord, header: &RunHeader, space: &Space) -> Self {
        let outcome = record.result.as_ref().and_then(|result| result.as_ref().ok());
        let failure = record.result.as_ref().and_then(|result| result.as_ref().err());
        let sizes = header.fidelities.iter().zip(&record.proposal.fidelity.0);
        Self {
            trial: record.id.0,
            state: record.state.as_str(),
            objectives: outcome
                .map_or(Json::Null, |outcome| objectives::to_json(&header.objectives, &outcome.objectives)),
            metrics: outcome.map(|outcome| outcome.metrics.clone()).unwrap_or_default(),
            configuration: space.to_named(&record.proposal.configuration),
            fidelity: sizes.map(|(dimension, &size)| (dimension.name.clone(), size)).collect(),
            cost_seconds: record.result.as_ref().map_or(0.0, cost_seconds),
            origin: record.origin.as_ref().map(|origin| match origin {
                Origin::Strategy { .. } => "strategy",
                Origin::WarmStart { .. } => "warm-start",
            }),
            failure: failure.map(ToString::to_string),
        }
    }

    fn describe(&self) -> [String; 2] {
        let pairs = |map: &BTreeMap<String, f64>| {
            map.iter().map(|(name, value)| format!("{name} {}", output::number(*value))).collect::<Vec<_>>()
        };
        let configuration: Vec<_> =
            self.configuration.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let mut measured = pairs(&self.metrics);
        measured.extend(pairs(&self.fidelity));
        [configuration.join(", "), measured.join(", ")]
    }
}

/// Walks through a run's trials and keeps the best one by the first objective among the largest evaluations.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) n_failed: u64,
    pub(crate) reasons: Reasons,
    pub(crate) n_filtered: u64,
    pub(crate) n_transferred: u64,
    pub(crate) cost_seconds: f64,
    pub(crate) best: Option<TrialRecord>,
}

impl Tally {
    /// All trials of a run.
    pub(crate) fn of(archive: &Archive, run: RunId) -> miette::Result<Self> {
        let mut tally = Self::default();
        archive
            .all_trials(run, &mut |trial| {
                tally.add(trial);
                Ok(())
            })
            .or_fail()?;
        Ok(tally)
    }

    fn add(&mut self, trial: TrialRecord) {
        if trial.is_filtered() {
            self.n_filtered += 1;
            return;
        }
        self.n_failed += u64::from(trial.state == TrialState::Failed);
        self.n_transferred += u64::from(matches!(trial.origin, Some(Origin::WarmStart { .. })));
        self.cost_seconds += trial.result.as_ref().map_or(0.0, cost_seconds);
        if let Some(Err(failure)) = &trial.result {
            self.reasons.add(failure);
        }
        if is_better(&trial, self.best.as_ref()) {
            self.best = Some(trial);
        }
    }
}

/// Whether a trial is better than another, if that has any result. Of equals the one that was told first is, as the
/// engine has it.
pub(crate) fn is_better(trial: &TrialRecord, than: Option<&TrialRecord>) -> bool {
    let score = |trial: &TrialRecord| {
        let objective = trial.result.as_ref()?.as_ref().ok()?.objectives.first();
        objective.copied().filter(|objective| objective.is_finite())
    };
    let Some(mine) = score(trial) else { return false };
    let Some((than, best)) = than.and_then(|than| Some((than, score(than)?))) else { return true };
    let (mine, best) = ((&trial.proposal.fidelity, mine), (&than.proposal.fidelity, best));
    let turn = |trial: &TrialRecord| (trial.told.unwrap_or(u64::MAX), trial.id);
    beats(mine, best) || !beats(best, mine) && turn(trial) < turn(than)
}

impl Summary {
    /// The figures of an archived run. `end`: what the engine said, where it was carried out just now.
    pub(crate) fn new(
        archive: &Archive,
        place: String,
        run: &RunSummary,
        end: Option<RunEnd>,
    ) -> miette::Result<Self> {
        let header = archive.header(run.id).or_fail()?;
        let space = Space::compile(header.space.clone()).or_fail()?;
        let tally = Tally::of(archive, run.id)?;
        Ok(Self {
            run: run.id.to_string(),
            name: run.name.clone(),
            task: run.task.clone(),
            state: run.state,
            withdrawn: run.withdrawn.clone(),
            n_trials: run.n_trials,
            n_failed: tally.n_failed,
            commonest_failure: tally.reasons.commonest().cloned(),
            n_filtered: tally.n_filtered,
            n_transferred: tally.n_transferred,
            cost_seconds: tally.cost_seconds,
            best: tally.best.as_ref().map(|trial| Trial::new(trial, &header, &space)),
            seed: header.seed,
            configuration_hash: header.configuration["hash"].as_str().map(str::to_owned),
            versions: header.versions,
            archive: place,
            objectives: header.objectives.into_iter().map(|objective| objective.name).collect(),
            end,
        })
    }

    /// Whether trials have failed, and none has completed.
    pub(crate) fn is_failure(&self) -> bool {
        self.best.is_none() && self.n_failed > 0
    }

    /// Prints the figures for people.
    pub(crate) fn print(&self) -> miette::Result<()> {
        let why = match self.end.as_ref().map(|end| &end.reason) {
            None | Some(EndReason::Stopped) => String::new(),
            Some(EndReason::BudgetSpent) => ": the budget is spent".into(),
            Some(EndReason::Exhausted) => ": the strategy has nothing left to propose".into(),
            Some(EndReason::ComponentFailed { error }) => format!(": {error}"),
        };
        output::line(&format!("run      {} ({}) {}{why}", self.run, self.name, self.state.as_str()))?;
        output::line(&format!("task     {}", self.task))?;
        if let Some(reason) = &self.withdrawn {
            output::line(&format!("withdrawn, nothing is learned from it: {reason}"))?;
        }
        if let Some(best) = &self.best {
            let value = |name: &String| output::maybe(best.objectives[name].as_f64());
            let objectives: Vec<_> =
                self.objectives.iter().map(|name| format!("{name} {}", value(name))).collect();
            output::line(&format!("best     {} (trial {})", objectives.join(", "), best.trial))?;
            for text in best.describe().iter().filter(|text| !text.is_empty()) {
                output::line(&format!("         {text}"))?;
            }
        } else if self.is_failure() {
            output::line("best     none: no trial has completed")?;
        }
        let failed = if self.n_failed > 0 { format!(", {} failed", self.n_failed) } else { String::new() };
        let wall = self.end.as_ref().map(|end| format!(" in {}", output::seconds(end.wall_seconds)));
        let cost = output::seconds(self.cost_seconds);
        output::line(&format!(
            "trials   {}{failed}{}; they cost {cost}",
            self.n_trials,
            wall.unwrap_or_default()
        ))?;
        if let Some(reason) = &self.commonest_failure {
            let text = reason.to_string().replace('\n', "\n         ");
            output::line(&format!("failed   {} of {} so: {text}", reason.n_trials, self.n_failed))?;
        }
        if self.n_filtered > 0 {
            output::line(&format!("filtered {} proposals were dropped by proxies", self.n_filtered))?;
        }
        if self.n_transferred > 0 {
            output::line(&format!(
                "learned  {} trials came from past tasks; `heirloom explain` tells which",
                self.n_transferred
            ))?;
        }
        Ok(())
    }
}

/// The incumbent's objective, minimised, after each told trial, in order, or after each imported evaluation; NaN before
/// the first result.
pub(crate) fn incumbents(archive: &Archive, run: &RunSummary) -> miette::Result<Vec<f64>> {
    let (mut follower, mut incumbents) = (Follower::default(), Vec::new());
    if run.state == RunState::Imported {
        let mut best: Option<TrialRecord> = None;
        archive
            .all_trials(run.id, &mut |trial| {
                if is_better(&trial, best.as_ref()) {
                    best = Some(trial);
                }
                let outcome = best.as_ref().and_then(|best| best.result.as_ref()?.as_ref().ok());
                incumbents.push(outcome.map_or(f64::NAN, |outcome| outcome.objectives[0]));
                Ok(())
            })
            .or_fail()?;
        return Ok(incumbents);
    }
    for event in archive.events(run.id) {
        if follower.observe(&event.or_fail()?).is_some() {
            incumbents.push(follower.best().map_or(f64::NAN, |best| best.objective));
        }
    }
    Ok(incumbents)
}

/// A run's first objective.
pub(crate) fn first_objective(header: &RunHeader) -> miette::Result<&Objective> {
    header.objectives.first().ok_or("the run has no objective").or_fail()
}
