//! A strategy behind a thread of its own.
//!
//! A call into a plugin may never return. The supervisor waits for an answer up to a limit and then reports that the
//! strategy hangs, so that the run can finish what it has and end in order.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use heirloom_model::{
    AskRequest, ComponentError, ComponentErrorKind, CurveReport, Observation, PendingTrial, PriorKnowledge,
    Proposal, Seed, Strategy, TrialId, Verdict,
};

type Answer<T> = Result<T, ComponentError>;

enum Call {
    Inform(PriorKnowledge),
    Ask { n: usize, first_trial: TrialId, pending: Vec<PendingTrial>, seed: Seed },
    Tell(Vec<Observation>),
    Judge(CurveReport),
    Recommend,
}

enum Reply {
    Informed(Answer<bool>),
    Asked(Answer<Vec<Proposal>>),
    Told(Answer<()>),
    Judged(Answer<Verdict>),
    Recommended(Answer<Option<TrialId>>),
}

/// Calls a strategy with a time limit a call.
pub(crate) struct Supervisor {
    calls: Sender<Call>,
    replies: Receiver<Reply>,
    limit: Duration,
}

impl Supervisor {
    pub(crate) fn new(mut strategy: Box<dyn Strategy>, limit: Duration) -> Self {
        let (calls, calls_in) = bounded::<Call>(1);
        let (replies_out, replies) = bounded(1);
        std::thread::spawn(move || {
            for call in calls_in {
                if replies_out.send(answer(strategy.as_mut(), call)).is_err() {
                    return;
                }
            }
        });
        Self { calls, replies, limit }
    }

    pub(crate) fn inform(&self, knowledge: PriorKnowledge) -> Answer<bool> {
        match self.call(Call::Inform(knowledge), "inform")? {
            Reply::Informed(answer) => answer,
            _ => Err(out_of_step()),
        }
    }

    pub(crate) fn ask(
        &self,
        n: usize,
        first_trial: TrialId,
        pending: Vec<PendingTrial>,
        seed: Seed,
    ) -> Answer<Vec<Proposal>> {
        match self.call(Call::Ask { n, first_trial, pending, seed }, "ask")? {
            Reply::Asked(answer) => answer,
            _ => Err(out_of_step()),
        }
    }

    pub(crate) fn tell(&self, observations: Vec<Observation>) -> Answer<()> {
        match self.call(Call::Tell(observations), "tell")? {
            Reply::Told(answer) => answer,
            _ => Err(out_of_step()),
        }
    }

    pub(crate) fn judge(&self, report: CurveReport) -> Answer<Verdict> {
        match self.call(Call::Judge(report), "judge")? {
            Reply::Judged(answer) => answer,
            _ => Err(out_of_step()),
        }
    }

    pub(crate) fn recommend(&self) -> Answer<Option<TrialId>> {
        match self.call(Call::Recommend, "recommend")? {
            Reply::Recommended(answer) => answer,
            _ => Err(out_of_step()),
        }
    }

    fn call(&self, call: Call, method: &str) -> Answer<Reply> {
        let gone = || ComponentError::new(ComponentErrorKind::Crashed, "the strategy's thread has ended");
        self.calls.send(call).map_err(|_| gone())?;
        self.replies.recv_timeout(self.limit).map_err(|error| match error {
            RecvTimeoutError::Disconnected => gone(),
            RecvTimeoutError::Timeout => ComponentError::new(
                ComponentErrorKind::Crashed,
                format!(
                    "the strategy has not returned from `{method}` for {} s; hint: run it with `isolation = \
                     \"process\"`, or raise `run.strategy_seconds`",
                    self.limit.as_secs_f64()
                ),
            ),
        })
    }
}

fn answer(strategy: &mut dyn Strategy, call: Call) -> Reply {
    match call {
        Call::Inform(knowledge) => Reply::Informed(strategy.inform(&knowledge)),
        Call::Ask { n, first_trial, pending, seed } => {
            Reply::Asked(strategy.ask(&AskRequest { n, first_trial, pending: &pending, seed }))
        }
        Call::Tell(observations) => Reply::Told(strategy.tell(&observations)),
        Call::Judge(report) => Reply::Judged(strategy.judge(&report)),
        Call::Recommend => Reply::Recommended(strategy.recommend()),
    }
}

fn out_of_step() -> ComponentError {
    ComponentError::failed("the strategy's thread answered another call than was made")
}
