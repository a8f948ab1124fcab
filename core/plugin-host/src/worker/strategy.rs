//! A strategy in a worker process.
//!
//! What the worker has seen is kept here. After a crash, a hang or a panic a new worker is brought to the same state by
//! the same calls, all but the one that went wrong: a strategy is a function of its seed and its tells.

use std::cell::RefCell;

use heirloom_model::{
    AskRequest, ComponentError, ComponentErrorKind, CurveReport, FailureKind, Observation, PriorKnowledge,
    Proposal, Seed, Strategy, TrialId, Verdict,
};
use heirloom_plugin_abi::columns::{Ask, Knowledge, Observations, Proposals, Report};
use heirloom_plugin_abi::{Wire, verdict_from_code};

use crate::identity::clean;

use super::frame::{Verb, frame_of, new_frame};
use super::launch::{Call, Launcher};
use super::process::Worker;

pub(crate) struct IsolatedStrategy {
    launcher: Launcher,
    state: RefCell<State>,
}

/// What a report says of a call.
#[derive(Debug, Clone, Default)]
struct About {
    trials: Vec<u64>,
    seed: Option<Seed>,
}

struct State {
    worker: Option<Worker>,
    /// The frames of all calls that changed the strategy, in order.
    seen: Vec<(Verb, Vec<u8>)>,
}

impl IsolatedStrategy {
    pub(super) fn start(launcher: Launcher) -> Result<Self, ComponentError> {
        let (worker, _) = launcher.start()?;
        let state = RefCell::new(State { worker: Some(worker), seen: Vec::new() });
        Ok(Self { launcher, state })
    }

    /// A call; once more on a new worker where the first one died or panicked of it, for not every death has its
    /// cause in the call.
    fn call<T>(
        &self,
        verb: Verb,
        mut frame: Vec<u8>,
        about: About,
        read: impl Fn(&[u8]) -> Result<T, ComponentError>,
    ) -> Result<T, ComponentError> {
        self.launcher.check()?;
        let state = &mut *self.state.borrow_mut();
        let mut died_before = false;
        loop {
            let worker = match &mut state.worker {
                Some(worker) => worker,
                none => none.insert(self.rebuild(&state.seen)?),
            };
            let mut error = match worker.call_alone(verb, &mut frame, self.launcher.call_limit) {
                Ok(Ok(answer)) => {
                    let answer = read(answer)?;
                    self.launcher.worked();
                    if matches!(verb, Verb::Ask | Verb::Tell | Verb::Judge | Verb::Inform | Verb::Restore) {
                        state.seen.push((verb, frame));
                    }
                    return Ok(answer);
                }
                // After a panic the object is of no use.
                Ok(Err(error)) if error.kind == ComponentErrorKind::Panicked => error,
                Ok(Err(error)) => return Err(error),
                Err(fault) if fault.kind == FailureKind::TimedOut => {
                    state.worker = None;
                    return Err(fault.into());
                }
                Err(fault) => ComponentError::from(fault),
            };
            let seen: Vec<&[u8]> = state.seen.iter().map(|(_, seen)| &seen[..]).chain([&frame[..]]).collect();
            let About { trials, seed } = about.clone();
            let call = Call { verb, trials, seed, seen: &seen };
            error.message = self.launcher.crashed(&call, worker, error.message, died_before);
            state.worker = None;
            if died_before {
                return Err(error);
            }
            self.say_rebuilt(verb, &about, &error.message);
            died_before = true;
        }
    }

    /// Says that a call is made once more, and why.
    fn say_rebuilt(&self, verb: Verb, about: &About, message: &str) {
        let trials = match &about.trials[..] {
            [] => String::new(),
            [trial] => format!(" of trial {trial}"),
            [first, .., last] => format!(" of trials {first} to {last}"),
        };
        let verb = format!("{verb:?}").to_lowercase();
        let (who, message) = (&self.launcher.who, clean(message));
        tracing::warn!("{who}, in `{verb}`{trials}: {message}; the strategy is rebuilt");
    }

    /// A new worker that has seen the same calls.
    fn rebuild(&self, seen: &[(Verb, Vec<u8>)]) -> Result<Worker, ComponentError> {
        let (mut worker, _) = self.launcher.start()?;
        for (verb, frame) in seen {
            worker.call_simply(*verb, &mut frame.clone(), self.launcher.call_limit)?;
        }
        Ok(worker)
    }
}

fn nothing(_: &[u8]) -> Result<(), ComponentError> {
    Ok(())
}

impl Strategy for IsolatedStrategy {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let frame = frame_of(&Ask::from_model(request)?);
        let first = request.first_trial.0;
        let about = About { trials: (first..first + request.n as u64).collect(), seed: Some(request.seed) };
        self.call(Verb::Ask, frame, about, |answer| Proposals::read_all(answer)?.to_model())
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        let about = About { trials: observations.iter().map(|told| told.trial.0).collect(), seed: None };
        self.call(Verb::Tell, frame_of(&Observations::from_model(observations)?), about, nothing)
    }

    fn judge(&mut self, report: &CurveReport) -> Result<Verdict, ComponentError> {
        let frame = frame_of(&Report::from_model(report));
        let about = About { trials: vec![report.trial.0], seed: None };
        self.call(Verb::Judge, frame, about, |answer| Ok(verdict_from_code(u8::read_all(answer)?)))
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        let frame = frame_of(&Knowledge::from_model(knowledge)?);
        self.call(Verb::Inform, frame, About::default(), |answer| Ok(u8::read_all(answer)? != 0))
    }

    fn recommend(&self) -> Result<Option<TrialId>, ComponentError> {
        self.call(Verb::Recommend, new_frame(), About::default(), |answer| {
            if answer.is_empty() { Ok(None) } else { Ok(Some(TrialId(u64::read_all(answer)?))) }
        })
    }

    fn save(&self) -> Result<Option<Vec<u8>>, ComponentError> {
        self.call(Verb::Save, new_frame(), About::default(), |answer| {
            Ok(answer.split_first().filter(|(present, _)| **present != 0).map(|(_, state)| state.to_vec()))
        })
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), ComponentError> {
        let mut frame = new_frame();
        frame.extend_from_slice(state);
        self.call(Verb::Restore, frame, About::default(), nothing)
    }
}
