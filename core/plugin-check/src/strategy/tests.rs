use std::cell::Cell;
use std::sync::Arc;

use heirloom_model::{
    AskRequest, Configuration, CurveReport, Observation, PriorKnowledge, Proposal, TrialId, Verdict,
};

use super::*;
use crate::Status;
use crate::suite::AnySuite;

/// What a strategy does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    OutOfBounds,
    InactiveValue,
    TooMany,
    EmptyLargeBatch,
    TooManyPending,
    ExpectsOrder,
    StopsAtFailures,
    WaitsForAll,
    KnowsItsOwn,
    CountsTells,
    Clock,
    OneSeed,
    ForgetsState,
    RefusesKnowledge,
    UsesKnowledge,
    Resurrects,
    RefusesToJudge,
    RecommendsFailures,
    PanicsInTell,
}

/// Random search with a fault.
struct Faulty {
    problem: Problem,
    fault: Fault,
    n_proposed: u64,
    n_tells: u64,
    last_told: Option<TrialId>,
    n_told: u64,
    n_asks: u64,
}

thread_local! {
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

impl Strategy for Faulty {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        use Fault::*;
        self.n_asks += 1;
        let fault = self.fault;
        if fault == EmptyLargeBatch && request.n > 100
            || fault == WaitsForAll && self.n_told < self.n_proposed
        {
            return Ok(Vec::new());
        }
        if fault == TooManyPending && request.pending.len() > 50 {
            return Err(ComponentError::failed("too many pending"));
        }
        if fault == Resurrects && self.n_proposed >= 4 && self.n_asks < 8 {
            return Ok(Vec::new());
        }
        let seed = if fault == OneSeed { Seed::from_number(0) } else { request.seed };
        let extra = usize::from(fault == TooMany && request.n > 1);
        let propose = |index: usize| {
            let mut rng = seed.derive("faulty", request.first_trial.0 + index as u64).rng();
            if matches!(fault, CountsTells | ForgetsState) {
                rng = seed.derive("faulty", self.n_proposed + index as u64 + 1_000 * self.n_tells).rng();
            }
            if fault == Clock {
                CLOCK.set(CLOCK.get() + 1);
                rng = seed.derive("clock", CLOCK.get()).rng();
            }
            let space = &self.problem.space;
            let mut configuration = space.sample(&mut rng).unwrap();
            let mut values = configuration.values().to_vec();
            if fault == OutOfBounds {
                values[0] = 99.0;
                configuration = Configuration::new(values);
            } else if fault == InactiveValue {
                values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
                configuration = Configuration::new(values);
            }
            Proposal::new(configuration, self.problem.full_fidelity())
        };
        let proposals: Vec<_> = (0..request.n + extra).map(propose).collect();
        self.n_proposed += proposals.len() as u64;
        Ok(proposals)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        self.n_tells += 1;
        self.n_told += observations.len() as u64;
        for observation in observations {
            let is_late = self.last_told.is_some_and(|last| observation.trial < last);
            if self.fault == Fault::ExpectsOrder && is_late {
                return Err(ComponentError::failed("an earlier trial was told late"));
            }
            if self.fault == Fault::StopsAtFailures && observation.result.is_err() {
                return Err(ComponentError::failed("a trial failed"));
            }
            if self.fault == Fault::KnowsItsOwn && self.n_proposed == 0 {
                return Err(ComponentError::failed("that is not mine"));
            }
            assert!(self.fault != Fault::PanicsInTell, "told");
            self.last_told = Some(observation.trial);
        }
        Ok(())
    }

    fn judge(&mut self, _report: &CurveReport) -> Result<Verdict, ComponentError> {
        match self.fault {
            Fault::RefusesToJudge => Err(ComponentError::unsupported("no curves, please")),
            _ => Ok(Verdict::Continue),
        }
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        if self.fault == Fault::RefusesKnowledge && knowledge.observations.is_empty() {
            return Err(ComponentError::failed("nothing to know"));
        }
        Ok(self.fault == Fault::UsesKnowledge)
    }

    fn recommend(&self) -> Result<Option<TrialId>, ComponentError> {
        Ok(if self.fault == Fault::RecommendsFailures { self.last_told } else { None })
    }

    fn save(&self) -> Result<Option<Vec<u8>>, ComponentError> {
        Ok((self.fault == Fault::ForgetsState).then(|| self.n_proposed.to_le_bytes().to_vec()))
    }

    fn restore(&mut self, _state: &[u8]) -> Result<(), ComponentError> {
        Ok(())
    }
}

fn suite(fault: Fault) -> Suite<StrategySubject<'static>> {
    crate::strategy(move |problem| {
        Ok(Box::new(Faulty {
            problem: Problem { space: Arc::clone(&problem.space), ..problem.clone() },
            fault,
            n_proposed: 0,
            n_tells: 0,
            last_told: None,
            n_told: 0,
            n_asks: 0,
        }))
    })
}

fn made(suite: &Suite<StrategySubject<'_>>, name: &str) -> Status {
    Status::of(|| suite.make(&format!("strategy/{name}")).unwrap())
}

/// The check fails for the fault, with `expected` in its message, and succeeds without it.
fn check(name: &str, fault: Fault, expected: &str) {
    let status = |fault| made(&suite(fault), name);
    let (status, sound) = (status(fault), status(Fault::None));
    assert!(
        matches!(&status, Status::Failed(message) if message.contains(expected)),
        "{fault:?}: {status:?}"
    );
    assert!(!sound.is_failure(), "{name}: {sound:?}");
}

#[test]
fn every_check_finds_a_strategy_that_breaks_it() {
    check("in-bounds", Fault::OutOfBounds, "parameter `optimizer`: `99`");
    check("conditions", Fault::InactiveValue, "is inactive here and must have no value");
    check("count", Fault::TooMany, "`ask` for 3 gave 4 proposals");
    check("large-batch", Fault::EmptyLargeBatch, "gave no proposal");
    check("pending", Fault::TooManyPending, "too many pending");
    check("any-order", Fault::ExpectsOrder, "told late");
    check("failed-trials", Fault::StopsAtFailures, "a trial failed");
    check("filtered-trials", Fault::WaitsForAll, "the search ended in round 1");
    check("foreign-trials", Fault::KnowsItsOwn, "that is not mine");
    check("empty-tell", Fault::CountsTells, "with and without empty tells");
    check("deterministic", Fault::Clock, "in two instances with one seed");
    check("follows-seed", Fault::OneSeed, "two seeds gave the same 60 proposals");
    check("save-restore", Fault::ForgetsState, "after saving and after restoring");
    check("inform", Fault::RefusesKnowledge, "nothing to know");
    check("exhausted", Fault::Resurrects, "and a later one did");
    check("judge", Fault::RefusesToJudge, "no curves, please");
    check("recommend", Fault::RecommendsFailures, "was recommended, which was not told with a result");
    check("any-order", Fault::PanicsInTell, "it panicked: told");
}

#[test]
fn a_strategy_that_says_other_than_it_does_about_prior_knowledge_is_found() {
    let result = |fault, informs| made(&suite(fault).informs(informs), "inform");
    assert_eq!(result(Fault::None, false), Status::Success);
    assert_eq!(result(Fault::UsesKnowledge, true), Status::Success);
    let idle = result(Fault::None, true).message().to_owned();
    assert!(idle.contains("`inform` never says that knowledge is used"), "{idle}");
    let secret = result(Fault::UsesKnowledge, false).message().to_owned();
    assert!(secret.contains("and `informs = false` is declared"), "{secret}");
}

#[test]
fn a_sound_strategy_passes_and_what_does_not_apply_is_skipped() {
    let report = suite(Fault::None).report();
    report.assert_passed();
    let skipped: Vec<_> = report
        .results
        .iter()
        .filter(|result| matches!(result.status, Status::Skipped(_)))
        .map(|result| result.check.as_str())
        .collect();
    assert_eq!(skipped, ["strategy/save-restore", "strategy/damaged-state", "strategy/exhausted"]);
}

#[test]
fn a_strategy_that_supports_no_problem_is_skipped_not_failed() {
    let suite = crate::strategy(|_| Err(ComponentError::unsupported("nothing suits me")));
    let report = suite.report();
    assert!(report.results.iter().all(|result| matches!(result.status, Status::Skipped(_))), "{report}");
    let broken = crate::strategy(|_| Err(ComponentError::failed("no licence")));
    let expected = Status::Failed("making the strategy gave an error: no licence".into());
    assert_eq!(made(&broken, "in-bounds"), expected);
}
