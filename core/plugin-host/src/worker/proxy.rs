//! A proxy in worker processes: one worker for each call under way at the same time.

use std::sync::{Mutex, PoisonError};

use heirloom_model::{ComponentError, ComponentErrorKind, Configuration, ProxyInfo, Seed};
use heirloom_plugin_abi::columns::{self, Scoring};

use crate::checked::RawProxy;

use super::frame::{Verb, frame_of};
use super::launch::{Call, Launcher};
use super::process::Worker;

pub(super) struct IsolatedProxy {
    launcher: Launcher,
    idle: Mutex<Vec<Worker>>,
}

impl IsolatedProxy {
    pub(super) fn start(launcher: Launcher) -> Result<(Self, ProxyInfo), ComponentError> {
        let (worker, info) = launcher.start()?;
        let info =
            serde_json::from_slice(&info).map_err(|error| ComponentError::failed(error.to_string()))?;
        Ok((Self { launcher, idle: Mutex::new(vec![worker]) }, info))
    }
}

impl RawProxy for IsolatedProxy {
    fn try_score(
        &self,
        configurations: &[Configuration],
        seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        self.launcher.check()?;
        let mut frame = frame_of(&Scoring::from_model(configurations, seed)?);
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => self.launcher.start()?.0,
        };
        let limit = self.launcher.call_limit;
        let scored = worker
            .call_simply(Verb::Score, &mut frame, limit)
            .and_then(|body| columns::read_scores(body, scores));
        let lost = |error: &ComponentError| {
            matches!(error.kind, ComponentErrorKind::Panicked | ComponentErrorKind::Crashed)
        };
        match scored {
            Err(error) if lost(&error) => {
                let call = Call { verb: Verb::Score, trials: Vec::new(), seed: Some(seed), seen: &[&frame] };
                let message = self.launcher.crashed(&call, &worker, error.message, false);
                Err(ComponentError { message, ..error })
            }
            scored => {
                self.launcher.worked();
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
                scored
            }
        }
    }
}
