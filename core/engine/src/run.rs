//! One run: the loop without barriers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use heirloom_model::{
    AskRequest, ComponentError, CurveReport, EvaluationRequest, Event, Failure, FailureKind, Limits,
    Observation, Origin, Outcome, PendingTrial, Problem, Proposal, RecordError, Recorder, Seed, Strategy,
    TrialId, Verdict, WarmStart, WarmStartReport,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::executor::{Executor, Signal};
use crate::filter::{ProxyFilter, Screen, Screened};
use crate::ledger::{Incumbent, Ledger, Pending};
use crate::replay::replay;
use crate::stop::StopSignal;
use crate::supervisor::Supervisor;
use crate::vote::Vote;

/// How long the loop waits for a signal before it looks at clocks and stop requests.
const TICK: Duration = Duration::from_millis(50);

/// How long events may wait to be recorded while nothing ends.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// A trial that was running each of this many times when its host died is not tried again.
const MAX_ATTEMPTS: u32 = 3;

/// A run with a budget of cost alone ends after so many trials in a row that failed and cost nothing.
const MAX_FREE_FAILURES: u32 = 100;

/// What a run may spend; it ends when any of them is used up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Trials, failed ones included, filtered proposals not.
    pub trials: Option<u64>,
    /// Wall seconds, earlier parts of a resumed run included.
    pub seconds: Option<f64>,
    /// The sum of the trials' own cost in seconds, simulated where the estimator simulates. Where it is all that is
    /// given, 100 trials in a row that fail and cost nothing end the run too, as one whose component failed.
    pub cost_seconds: Option<f64>,
}

/// What a run is.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// What is optimised.
    pub problem: Problem,
    /// What messages call the strategy, its plugin and version among it.
    pub strategy_name: String,
    /// The run's root seed.
    pub seed: Seed,
    /// What the run may spend.
    pub budget: Budget,
    /// What a trial may use.
    pub limits: Limits,
    /// Threads that one evaluation may use.
    pub threads_per_trial: usize,
    /// How long one call of the strategy may take; `None` for a strategy that keeps a limit itself, as those in worker
    /// processes do.
    pub strategy_limit: Option<Duration>,
    /// Wall seconds that earlier parts of this run took.
    pub elapsed_seconds: f64,
    /// Where the estimator keeps the trials' files: [`EvaluationRequest::folder`]. A resumed run needs the same.
    pub files: Option<PathBuf>,
}

/// What a run is made of.
pub struct Parts<'a> {
    /// What proposes.
    pub strategy: Box<dyn Strategy>,
    /// Where evaluations run.
    pub executor: Box<dyn Executor + 'a>,
    /// Proxies between ask and evaluate, in order.
    pub filters: Vec<ProxyFilter>,
    /// What they filter together, after each alone.
    pub vote: Option<Vote>,
    /// Past knowledge.
    pub warm_start: Option<Box<dyn WarmStart>>,
    /// What keeps events.
    pub recorder: Box<dyn Recorder + 'a>,
    /// Sees every event once it is durable.
    pub observer: Box<dyn FnMut(&Event) + 'a>,
    /// How the run is asked to end.
    pub stop: StopSignal,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum EndReason {
    /// Its trials, seconds or cost are used up.
    BudgetSpent,
    /// The strategy has nothing left to propose.
    Exhausted,
    /// It was asked to end; it can be resumed.
    Stopped,
    /// The strategy or the warm start failed, or trial after trial at no cost; the run can be resumed once that is
    /// mended.
    ComponentFailed {
        /// What happened.
        error: ComponentError,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    /// Why.
    pub reason: EndReason,
    /// Trials that were told, failed ones included.
    pub n_trials: u64,
    /// Trials that failed.
    pub n_failed: u64,
    /// The best trial.
    pub incumbent: Option<Incumbent>,
    /// The trial that the strategy recommends; the incumbent where it has no opinion.
    pub recommended: Option<TrialId>,
    /// Cost of all trials, seconds.
    pub cost_seconds: f64,
    /// Wall seconds, earlier parts included.
    pub wall_seconds: f64,
    /// Whether the strategy took in prior knowledge.
    pub informed: bool,
    /// What the warm start leaned on.
    pub warm_start: Option<WarmStartReport>,
}

/// Why a run could not go on.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The events could not be kept.
    #[error("the run's events cannot be recorded: {0}")]
    Record(#[from] RecordError),
    /// The events of earlier parts cannot be read.
    #[error("the run's past cannot be read: {0}")]
    History(RecordError),
    /// The strategy failed while the run was being resumed.
    #[error("the strategy failed while the run's past was replayed: {0}")]
    Strategy(ComponentError),
    /// A replayed strategy proposes something else than was recorded.
    #[error(
        "replaying the run, the strategy proposes something else for trial {trial} than was recorded; hint: use the \
         plugin version that the run was started with (`heirloom show RUN` tells it)"
    )]
    ReplayMismatch {
        /// The first trial that differs.
        trial: TrialId,
    },
    /// The recorded events contradict one another.
    #[error("the record of trial {trial} is broken; hint: run `heirloom archive check`")]
    BrokenHistory {
        /// The trial.
        trial: TrialId,
    },
}

/// Runs until the budget is spent, the strategy is exhausted or the run is asked to end.
///
/// `history` holds the events of earlier parts of the same run, in order; empty for a new run.
pub fn run(
    spec: &RunSpec,
    parts: Parts<'_>,
    history: impl IntoIterator<Item = Result<Event, RecordError>>,
) -> Result<RunEnd, EngineError> {
    let mut run = Loop::new(spec, parts);
    run.inform();
    let (untold, has_history) = replay(&mut run, history)?;
    run.wary = has_history;
    run.take_up(untold);
    run.go()?;
    Ok(run.end())
}

/// An evaluation that has ended and is not recorded yet.
struct Ended {
    trial: TrialId,
    attempt: u32,
    result: Result<Outcome, Failure>,
    wall_seconds: f64,
    /// Whether the end is in the record already (a resumed run).
    recorded: bool,
}

pub(crate) struct Loop<'a> {
    spec: &'a RunSpec,
    strategy: Supervisor,
    executor: Box<dyn Executor + 'a>,
    screen: Screen,
    warm_start: Option<Box<dyn WarmStart>>,
    recorder: Box<dyn Recorder + 'a>,
    observer: Box<dyn FnMut(&Event) + 'a>,
    stop: StopSignal,
    pub(crate) ledger: Ledger,
    in_flight: usize,
    /// The last so many trials failed and cost nothing.
    n_free_failures: u32,
    /// Evaluations that are about to begin.
    starting: Vec<EvaluationRequest>,
    /// Whether the host may have died of a trial that is about to begin again: then its start is recorded first,
    /// so that attempts are counted. So in a resumed run until a trial ends.
    wary: bool,
    unrecorded: Vec<Event>,
    ended: Vec<Ended>,
    /// Why no further trial is begun.
    ending: Option<EndReason>,
    /// Whether the strategy had nothing to propose until more is told.
    waiting: bool,
    informed: bool,
    begin: Instant,
    last_record: Instant,
}

impl<'a> Loop<'a> {
    fn new(spec: &'a RunSpec, parts: Parts<'a>) -> Self {
        Self {
            spec,
            strategy: Supervisor::new(
                parts.strategy,
                spec.strategy_name.clone(),
                spec.strategy_limit,
                parts.stop.clone(),
            ),
            executor: parts.executor,
            screen: Screen::new(parts.filters, parts.vote, spec.seed.derive("vote", 0)),
            warm_start: parts.warm_start,
            recorder: parts.recorder,
            observer: parts.observer,
            stop: parts.stop,
            ledger: Ledger::new(),
            in_flight: 0,
            n_free_failures: 0,
            starting: Vec::new(),
            wary: false,
            unrecorded: Vec::new(),
            ended: Vec::new(),
            ending: None,
            waiting: false,
            informed: false,
            begin: Instant::now(),
            last_record: Instant::now(),
        }
    }

    fn inform(&mut self) {
        let Some(warm_start) = &mut self.warm_start else { return };
        let informed = warm_start.knowledge().and_then(|knowledge| match knowledge {
            None => Ok(false),
            Some(knowledge) => self.strategy.call("inform", move |strategy| strategy.inform(&knowledge)),
        });
        match informed {
            Ok(informed) => self.informed = informed,
            Err(error) => self.fail(error),
        }
    }

    /// Takes up the pending trials of a resumed run: ends that were recorded are told, others evaluated again.
    fn take_up(&mut self, mut untold: BTreeMap<TrialId, (u32, Result<Outcome, Failure>)>) {
        let pending: Vec<TrialId> = self.ledger.pending.keys().copied().collect();
        for trial in pending {
            let Pending { attempts, cancelled, .. } = self.ledger.pending[&trial];
            if let Some((attempt, result)) = untold.remove(&trial) {
                self.ended.push(Ended { trial, attempt, result, wall_seconds: 0.0, recorded: true });
            } else if attempts - cancelled >= MAX_ATTEMPTS {
                let message = format!("the host died {MAX_ATTEMPTS} times while this trial ran");
                self.reject(trial, attempts, Failure::new(FailureKind::Crashed, message));
            } else {
                self.submit(trial);
            }
        }
    }

    fn go(&mut self) -> Result<(), EngineError> {
        loop {
            self.begin_trials();
            self.start()?;
            if self.in_flight == 0 && self.ended.is_empty() {
                return self.record();
            }
            self.take_signals();
            if !self.ended.is_empty() || self.last_record.elapsed() > FLUSH_AFTER {
                self.settle()?;
            }
        }
    }

    /// Hands evaluations that are about to begin to the executor.
    fn start(&mut self) -> Result<(), EngineError> {
        if self.wary && !self.starting.is_empty() {
            // With the ends of what was filtered out or rejected: without them those would be evaluated on resume.
            self.settle()?;
        }
        self.in_flight += self.starting.len();
        self.starting.drain(..).for_each(|request| self.executor.submit(request));
        Ok(())
    }

    /// Fills free places of the executor with new trials.
    fn begin_trials(&mut self) {
        if self.ending.is_none() {
            self.ending = self.reason_to_end();
        }
        let free =
            self.executor.capacity().saturating_sub(self.in_flight + self.starting.len() + self.ended.len());
        let left =
            self.spec.budget.trials.map_or(u64::MAX, |trials| trials.saturating_sub(self.ledger.n_trials));
        let n = free.min(usize::try_from(left).unwrap_or(usize::MAX));
        if self.ending.is_some() || n == 0 || self.waiting {
            return;
        }
        match self.transfer(n).and_then(|n_transferred| match n - n_transferred {
            0 => Ok(n_transferred),
            n_left => self.propose(n_left).map(|n_proposed| n_transferred + n_proposed),
        }) {
            Ok(0) if self.ledger.pending.is_empty() => self.ending = Some(EndReason::Exhausted),
            Ok(n_begun) => self.waiting = n_begun == 0,
            Err(error) => self.fail(error),
        }
    }

    fn reason_to_end(&self) -> Option<EndReason> {
        let budget = &self.spec.budget;
        let spent = budget.trials.is_some_and(|trials| self.ledger.n_trials >= trials)
            || budget.seconds.is_some_and(|seconds| self.elapsed_seconds() >= seconds)
            || budget.cost_seconds.is_some_and(|seconds| self.ledger.cost_seconds >= seconds);
        if self.stop.stopping() { Some(EndReason::Stopped) } else { spent.then_some(EndReason::BudgetSpent) }
    }

    /// Begins transferred trials; returns how many.
    fn transfer(&mut self, n: usize) -> Result<usize, ComponentError> {
        let pending = self.pending_trials();
        let Some(warm_start) = &mut self.warm_start else { return Ok(0) };
        let seed = self.spec.seed.derive("warm-start", 0);
        let request = AskRequest { n, first_trial: self.ledger.next_trial, pending: &pending, seed };
        let transferred = warm_start.propose(&request)?;
        let n_transferred = transferred.len().min(n);
        let opened: Vec<_> = transferred
            .into_iter()
            .take(n)
            .map(|transfer| {
                let origin = Origin::WarmStart { sources: transfer.sources };
                self.open(transfer.proposal, origin, Vec::new(), true)
            })
            .collect();
        opened.into_iter().for_each(|opened| self.begin(opened));
        Ok(n_transferred)
    }

    /// Begins trials of the strategy that pass the proxies; returns how many.
    fn propose(&mut self, n: usize) -> Result<usize, ComponentError> {
        let n_wanted = self.screen.n_to_ask(n);
        let proposals = self.ask_strategy(n_wanted)?;
        if proposals.is_empty() {
            return Ok(0);
        }
        let ask = self.ledger.n_asks;
        self.ledger.n_asks += 1;
        let configurations: Vec<_> =
            proposals.iter().map(|proposal| proposal.configuration.clone()).collect();
        let (space, seed) = (&self.spec.problem.space, self.spec.seed.derive("proxy", ask));
        let screened = self.screen.screen(space, &configurations, n, seed)?;
        let n_begun = screened.iter().filter(|screened| screened.passes).count();
        let opened: Vec<_> = proposals
            .into_iter()
            .zip(screened)
            .map(|(proposal, Screened { scores, passes })| {
                self.open(proposal, Origin::Strategy { ask, n: n_wanted }, scores, passes)
            })
            .collect();
        opened.into_iter().for_each(|opened| self.begin(opened));
        Ok(n_begun)
    }

    /// Asks the strategy for up to `n` proposals.
    pub(crate) fn ask_strategy(&mut self, n: usize) -> Result<Vec<Proposal>, ComponentError> {
        let pending = self.pending_trials();
        let (first_trial, seed) = (self.ledger.next_trial, self.spec.seed.derive("strategy", 0));
        let proposals = self.strategy.call("ask", move |strategy| {
            strategy.ask(&AskRequest { n, first_trial, pending: &pending, seed })
        })?;
        if proposals.len() > n {
            return Err(ComponentError::failed(format!(
                "the strategy gave {} proposals where {n} were asked for",
                proposals.len()
            )));
        }
        Ok(proposals)
    }

    fn pending_trials(&self) -> Vec<PendingTrial> {
        let pending = self.ledger.pending.iter();
        pending
            .map(|(&id, pending)| PendingTrial {
                id,
                configuration: pending.proposal.configuration.clone(),
                fidelity: pending.proposal.fidelity.clone(),
            })
            .collect()
    }

    /// Makes a trial of a proposal. The proposals of one ask are opened together, before the first begins.
    fn open(
        &mut self,
        proposal: Proposal,
        origin: Origin,
        scores: Vec<(String, f64)>,
        passes: bool,
    ) -> (TrialId, Option<Failure>) {
        let transferred = matches!(origin, Origin::WarmStart { .. });
        let trial = self.ledger.open(&proposal, transferred, passes);
        let failure = if passes {
            self.spec.problem.check(&proposal, trial).err().map(|error| {
                let message = format!(
                    "{} proposed for trial {trial} what is no point of the problem: {error}; hint: report it to \
                     the plugin's author",
                    self.spec.strategy_name
                );
                Failure::new(FailureKind::Rejected, message)
            })
        } else {
            Some(Failure::new(FailureKind::Filtered, "a proxy ranked it below the cut"))
        };
        self.unrecorded.push(Event::Proposed { trial, proposal, origin, scores });
        (trial, failure)
    }

    /// Prepares a trial's evaluation, or ends it where it cannot be evaluated.
    fn begin(&mut self, (trial, failure): (TrialId, Option<Failure>)) {
        match failure {
            None => self.submit(trial),
            Some(failure) => self.reject(trial, 0, failure),
        }
    }

    fn reject(&mut self, trial: TrialId, attempt: u32, failure: Failure) {
        self.ended.push(Ended { trial, attempt, result: Err(failure), wall_seconds: 0.0, recorded: false });
    }

    fn submit(&mut self, trial: TrialId) {
        let pending = self.ledger.pending.get_mut(&trial).expect("only pending trials are submitted");
        pending.attempts += 1;
        let attempt = pending.attempts;
        let request = EvaluationRequest {
            trial,
            attempt,
            configuration: pending.proposal.configuration.clone(),
            fidelity: pending.proposal.fidelity.clone(),
            parent: pending.proposal.parent,
            continues: pending.proposal.continues,
            seed: self.spec.seed.derive("evaluation", trial.0),
            limits: self.spec.limits,
            threads: self.spec.threads_per_trial,
            folder: self.spec.files.clone(),
        };
        self.unrecorded.push(Event::Started { trial, attempt });
        self.starting.push(request);
    }

    /// Waits for a signal and takes all that have come.
    fn take_signals(&mut self) {
        let mut wait = if self.ended.is_empty() { TICK } else { Duration::ZERO };
        while let Some(signal) = self.executor.next(wait) {
            wait = Duration::ZERO;
            match signal {
                Signal::Reported { trial, attempt, point, reply } => {
                    let fidelity = self.ledger.pending[&trial].proposal.fidelity.clone();
                    let report = CurveReport { trial, fidelity, point: point.clone() };
                    self.unrecorded.push(Event::Reported { trial, attempt, point });
                    let verdict = self.strategy.call("judge", move |strategy| strategy.judge(&report));
                    // The evaluation may be gone by now; its end will say so.
                    let _ = reply.send(verdict.unwrap_or_else(|error| {
                        self.fail(error);
                        Verdict::Continue
                    }));
                }
                Signal::Finished { trial, attempt, result, wall_seconds } => {
                    self.in_flight -= 1;
                    self.wary = false;
                    let result = self.checked(result, wall_seconds);
                    self.ended.push(Ended { trial, attempt, result, wall_seconds, recorded: false });
                }
            }
        }
    }

    /// A result that is not finite, or not one number an objective, is a failure. A cost that is none is the time on
    /// the clock.
    fn checked(&self, mut result: Result<Outcome, Failure>, wall_seconds: f64) -> Result<Outcome, Failure> {
        let cost = match &mut result {
            Ok(outcome) => &mut outcome.cost_seconds,
            Err(failure) => &mut failure.cost_seconds,
        };
        if !(cost.is_finite() && *cost >= 0.0) {
            *cost = wall_seconds;
        }
        let outcome = result?;
        let fail = |kind, message: String| Err(Failure { kind, message, cost_seconds: outcome.cost_seconds });
        let n_objectives = self.spec.problem.objectives.len();
        if outcome.objectives.len() != n_objectives {
            let n_found = outcome.objectives.len();
            return fail(
                FailureKind::Crashed,
                format!("the estimator gave {n_found} objectives, not {n_objectives}"),
            );
        }
        match outcome.objectives.iter().position(|objective| !objective.is_finite()) {
            None => Ok(outcome),
            Some(index) => {
                let name = &self.spec.problem.objectives[index].name;
                fail(FailureKind::Diverged, format!("`{name}` is {}", outcome.objectives[index]))
            }
        }
    }

    /// Records what has happened, then tells the strategy of the trials that ended.
    fn settle(&mut self) -> Result<(), EngineError> {
        let mut observations = Vec::with_capacity(self.ended.len());
        for ended in std::mem::take(&mut self.ended) {
            let Ended { trial, attempt, result, wall_seconds, recorded } = ended;
            let cancelled = matches!(&result, Err(failure) if failure.kind == FailureKind::Cancelled);
            if !cancelled {
                observations.extend(self.observation(trial, &result));
                self.count_free_failures(&result);
            }
            if !recorded {
                self.unrecorded.push(Event::Finished { trial, attempt, result, wall_seconds });
            }
        }
        let told = observations.iter().map(|observation| Event::Told { trial: observation.trial });
        self.unrecorded.extend(told);
        self.record()?;
        if let Err(error) = self.tell(observations) {
            self.fail(error);
        }
        Ok(())
    }

    /// Trials that fail at once, because a program is missing say, use up no budget but one of trials: one of cost is
    /// never spent, and one of time fills the archive with them.
    fn count_free_failures(&mut self, result: &Result<Outcome, Failure>) {
        match result {
            Err(failure) if failure.kind == FailureKind::Filtered => {}
            Err(failure) if failure.cost_seconds == 0.0 => self.n_free_failures += 1,
            _ => self.n_free_failures = 0,
        }
        if let (None, Err(failure)) = (self.spec.budget.trials, result)
            && self.n_free_failures >= MAX_FREE_FAILURES
        {
            self.fail(ComponentError::failed(format!(
                "{MAX_FREE_FAILURES} trials in a row failed and cost nothing, which a budget without `trials` does \
                 not end; the last one: {}; hint: mend the estimator, or add `trials` to `[budget]`",
                failure.message
            )));
        }
    }

    fn record(&mut self) -> Result<(), EngineError> {
        let events = std::mem::take(&mut self.unrecorded);
        self.last_record = Instant::now();
        if !events.is_empty() {
            self.recorder.record(&events)?;
            events.iter().for_each(|event| (self.observer)(event));
        }
        Ok(())
    }

    /// A pending trial's end as it is told; `None` where the trial is not pending.
    pub(crate) fn observation(
        &self,
        trial: TrialId,
        result: &Result<Outcome, Failure>,
    ) -> Option<Observation> {
        let pending = self.ledger.pending.get(&trial)?;
        Some(Observation::of(trial, &pending.proposal, result))
    }

    /// Tells the strategy and the warm start of trials that ended.
    pub(crate) fn tell(&mut self, observations: Vec<Observation>) -> Result<(), ComponentError> {
        if observations.is_empty() {
            return Ok(());
        }
        let transferred: Vec<bool> =
            observations.iter().map(|observation| self.ledger.close(observation)).collect();
        self.waiting = false;
        if let Some(warm_start) = &mut self.warm_start {
            warm_start.tell(&observations, &transferred)?;
        }
        self.strategy.call("tell", move |strategy| strategy.tell(&observations))
    }

    /// No further trial is begun. The first failure is the reason: later ones mostly follow from it. A call that was
    /// cut short because the run was cancelled is none.
    fn fail(&mut self, error: ComponentError) {
        tracing::error!(%error, "no further trial is begun");
        if self.stop.cancelling() {
            self.ending.get_or_insert(EndReason::Stopped);
        } else if !matches!(self.ending, Some(EndReason::ComponentFailed { .. })) {
            self.ending = Some(EndReason::ComponentFailed { error });
        }
    }

    fn elapsed_seconds(&self) -> f64 {
        self.spec.elapsed_seconds + self.begin.elapsed().as_secs_f64()
    }

    fn end(self) -> RunEnd {
        let incumbent = self.ledger.incumbent.clone();
        // A strategy that fails here has no opinion.
        let opinion = self.strategy.call("recommend", |strategy| strategy.recommend()).ok().flatten();
        let reason = match &self.ending {
            Some(reason @ EndReason::ComponentFailed { .. }) => reason.clone(),
            // What was cancelled waits for a resume, whatever the budget says.
            Some(reason) if self.ledger.pending.is_empty() => reason.clone(),
            _ => EndReason::Stopped,
        };
        RunEnd {
            reason,
            n_trials: self.ledger.n_told,
            n_failed: self.ledger.n_failed,
            recommended: opinion.or(incumbent.as_ref().map(|incumbent| incumbent.trial)),
            incumbent,
            cost_seconds: self.ledger.cost_seconds,
            wall_seconds: self.elapsed_seconds(),
            informed: self.informed,
            warm_start: self.warm_start.as_ref().map(|warm_start| warm_start.report()),
        }
    }
}
