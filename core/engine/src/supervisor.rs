//! A strategy whose calls are limited in time.
//!
//! A call into a plugin may never return. The supervisor has it made by a thread of the strategy's own, waits for an
//! answer up to a limit, or until the run is asked a second time to end, and then reports that the strategy hangs, so
//! that the run can finish what it has and end in order. A strategy that returns in time by itself is called directly:
//! two threads less have to wake up.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use heirloom_model::{ComponentError, ComponentErrorKind, Strategy};

use crate::stop::StopSignal;

/// How long a call is waited for before the request to end is looked at.
const TICK: Duration = Duration::from_millis(50);

type Call = Box<dyn FnOnce(&mut dyn Strategy) + Send>;

/// Calls a strategy.
pub(crate) enum Supervisor {
    /// It keeps a limit itself.
    Direct(RefCell<Box<dyn Strategy>>),
    /// With a time limit a call.
    Limited(Limited),
}

impl Supervisor {
    /// A supervisor of `strategy`, which messages call `name`; without a `limit` the strategy has one itself.
    pub(crate) fn new(
        strategy: Box<dyn Strategy>,
        name: String,
        limit: Option<Duration>,
        stop: StopSignal,
    ) -> Self {
        match limit {
            None => Self::Direct(RefCell::new(strategy)),
            Some(limit) => Self::Limited(Limited::new(strategy, name, limit, stop)),
        }
    }

    /// Calls `method` (its name, for messages) of the strategy by `call`.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        method: &str,
        call: impl FnOnce(&mut dyn Strategy) -> Result<T, ComponentError> + Send + 'static,
    ) -> Result<T, ComponentError> {
        match self {
            Self::Direct(strategy) => call(strategy.borrow_mut().as_mut()),
            Self::Limited(limited) => limited.call(method, call),
        }
    }
}

/// A strategy on a thread of its own. After a hang or a panic it is not called again.
pub(crate) struct Limited {
    calls: Sender<Call>,
    name: String,
    limit: Duration,
    stop: StopSignal,
    lost: RefCell<Option<ComponentError>>,
}

impl Limited {
    fn new(mut strategy: Box<dyn Strategy>, name: String, limit: Duration, stop: StopSignal) -> Self {
        let (calls, calls_in) = unbounded::<Call>();
        std::thread::spawn(move || calls_in.into_iter().for_each(|call| call(strategy.as_mut())));
        Self { calls, name, limit, stop, lost: RefCell::new(None) }
    }

    fn call<T: Send + 'static>(
        &self,
        method: &str,
        call: impl FnOnce(&mut dyn Strategy) -> Result<T, ComponentError> + Send + 'static,
    ) -> Result<T, ComponentError> {
        if let Some(error) = self.lost.borrow().as_ref() {
            return Err(error.clone());
        }
        let (reply, replies) = bounded(1);
        let task: Call = Box::new(move |strategy| {
            // Nobody listens any more where the limit has run out.
            let _ = reply.send(call(strategy));
        });
        let answer = match self.calls.send(task) {
            Ok(()) => self.wait(&replies),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        };
        let error = match answer {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => format!("{}: its thread died in `{method}`", self.name),
            Err(RecvTimeoutError::Timeout) if self.stop.cancelling() => {
                format!("{}: the run was cancelled while it was in `{method}`", self.name)
            }
            Err(RecvTimeoutError::Timeout) => format!(
                "{} has not returned from `{method}` for {} s; hint: run it with `isolation = \
                 \"process\"`, where a hang costs its worker",
                self.name,
                self.limit.as_secs_f64()
            ),
        };
        let error = ComponentError::new(ComponentErrorKind::Crashed, error);
        *self.lost.borrow_mut() = Some(error.clone());
        Err(error)
    }

    /// Waits for a reply until the limit has run out or the run is cancelled.
    fn wait<T>(&self, replies: &Receiver<T>) -> Result<T, RecvTimeoutError> {
        let begin = Instant::now();
        loop {
            let left = self.limit.saturating_sub(begin.elapsed());
            match replies.recv_timeout(left.min(TICK)) {
                Err(RecvTimeoutError::Timeout) if left > TICK && !self.stop.cancelling() => {}
                answer => return answer,
            }
        }
    }
}
