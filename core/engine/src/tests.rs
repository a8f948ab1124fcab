use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heirloom_model::{
    AskRequest, ComponentError, Configuration, CurvePoint, CurveReport, Direction, Estimator, EstimatorInfo,
    EvaluationRequest, Event, Failure, FailureKind, Fidelity, FidelityDimension, Limits, Objective,
    Observation, Outcome, Problem, Proposal, Proxy, ProxyInfo, ProxyNeeds, RecordError, Recorder, Reporter,
    Seed, Space, Strategy, TrialId, Verdict,
};

use crate::{
    Budget, EndReason, EngineError, LocalExecutor, Parts, ProxyFilter, RunEnd, RunSpec, StopSignal, Vote, run,
};

fn problem() -> Problem {
    let text = r#"{"parameter": [{"name": "x", "type": "float", "low": -1, "high": 1},
                                 {"name": "y", "type": "float", "low": -1, "high": 1}]}"#;
    let space = Space::compile(serde_json::from_str(text).unwrap()).unwrap();
    Problem::new(Arc::new(space), Objective { name: "loss".into(), direction: Direction::Minimise })
}

fn spec(n_trials: u64) -> RunSpec {
    RunSpec {
        problem: problem(),
        strategy_name: "strategy `climber` of plugin `test` 0.0.0".into(),
        seed: Seed::from_number(1),
        budget: Budget { trials: Some(n_trials), ..Budget::default() },
        limits: Limits::default(),
        threads_per_trial: 1,
        strategy_limit: Some(Duration::from_secs(10)),
        elapsed_seconds: 0.0,
        files: None,
    }
}

/// Random draws, and once something is told, steps around the best: its asks depend on its tells.
struct Climber {
    problem: Problem,
    best: Option<(f64, Configuration)>,
    follows: bool,
}

impl Climber {
    fn boxed(follows: bool) -> Box<dyn Strategy> {
        Box::new(Self { problem: problem(), best: None, follows })
    }
}

impl Strategy for Climber {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let space = &self.problem.space;
        let propose = |index| {
            let mut rng = request.rng(index);
            let configuration = match &self.best {
                Some((_, best)) if self.follows => space.mutate(best, &mut rng).unwrap(),
                _ => space.sample(&mut rng).unwrap(),
            };
            Proposal::new(configuration, self.problem.full_fidelity())
        };
        Ok((0..request.n).map(propose).collect())
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        for observation in observations {
            if let Some(objective) = observation.objective()
                && self.best.as_ref().is_none_or(|(best, _)| objective < *best)
            {
                self.best = Some((objective, observation.configuration.clone()));
            }
        }
        Ok(())
    }
}

type Evaluate = dyn Fn(&EvaluationRequest, &dyn Reporter) -> Result<Outcome, Failure> + Send + Sync;

struct Function {
    evaluate: Box<Evaluate>,
    concurrent: bool,
}

impl Estimator for Function {
    fn info(&self) -> EstimatorInfo {
        EstimatorInfo {
            objectives: problem().objectives,
            fidelities: vec![],
            space: None,
            simulated_cost: true,
            concurrent: self.concurrent,
        }
    }

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        requests.iter().map(|request| (self.evaluate)(request, reporter)).collect()
    }
}

fn square(request: &EvaluationRequest) -> f64 {
    request.configuration.values().iter().map(|x| x * x).sum()
}

#[derive(Clone, Default)]
struct Memory {
    batches: Arc<Mutex<Vec<Vec<Event>>>>,
    fail_after: Option<usize>,
}

impl Memory {
    fn events(&self) -> Vec<Event> {
        self.batches.lock().unwrap().concat()
    }

    fn proposals(&self) -> Vec<(TrialId, Proposal)> {
        let mut proposals: Vec<_> = self
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Proposed { trial, proposal, .. } => Some((trial, proposal)),
                _ => None,
            })
            .collect();
        proposals.sort_by_key(|(trial, _)| *trial);
        proposals
    }

    fn failures(&self) -> Vec<(TrialId, FailureKind, String)> {
        self.events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Finished { trial, result: Err(failure), .. } => {
                    Some((trial, failure.kind, failure.message))
                }
                _ => None,
            })
            .collect()
    }
}

impl Recorder for Memory {
    fn record(&mut self, events: &[Event]) -> Result<(), RecordError> {
        let mut batches = self.batches.lock().unwrap();
        if self.fail_after.is_some_and(|n_batches| batches.len() >= n_batches) {
            return Err(RecordError { message: "the disk is full".into() });
        }
        batches.push(events.to_vec());
        Ok(())
    }
}

struct Setup {
    strategy: Box<dyn Strategy>,
    estimate: Box<Evaluate>,
    concurrent: bool,
    workers: usize,
    filters: Vec<ProxyFilter>,
    vote: Option<Vote>,
    memory: Memory,
    stop: StopSignal,
}

impl Setup {
    fn new() -> Self {
        Self {
            strategy: Climber::boxed(true),
            estimate: Box::new(|request, _| Ok(Outcome::new(vec![square(request)], 1.0))),
            concurrent: true,
            workers: 1,
            filters: Vec::new(),
            vote: None,
            memory: Memory::default(),
            stop: StopSignal::default(),
        }
    }

    fn run(self, spec: &RunSpec, history: &[Event]) -> Result<RunEnd, EngineError> {
        let estimator = Arc::new(Function { evaluate: self.estimate, concurrent: self.concurrent });
        let parts = Parts {
            strategy: self.strategy,
            executor: Box::new(LocalExecutor::new(
                estimator,
                "estimator `function`".into(),
                self.workers,
                self.stop.clone(),
            )),
            filters: self.filters,
            vote: self.vote,
            warm_start: None,
            recorder: Box::new(self.memory),
            observer: Box::new(|_| {}),
            stop: self.stop,
        };
        run(spec, parts, history.iter().cloned().map(Ok))
    }
}

#[test]
fn a_strategy_that_ignores_results_gives_the_same_trials_with_any_number_of_workers() {
    let trials = |workers| {
        let setup = Setup { strategy: Climber::boxed(false), workers, ..Setup::new() };
        let memory = setup.memory.clone();
        let end = setup.run(&spec(60), &[]).unwrap();
        assert_eq!((end.n_trials, end.reason), (60, EndReason::BudgetSpent));
        memory.proposals()
    };
    let one = trials(1);
    assert_eq!(one.len(), 60);
    assert_eq!(one, trials(2));
    assert_eq!(one, trials(7));
}

#[test]
fn a_run_cut_anywhere_resumes_to_the_same_end() {
    let setup = Setup::new();
    let memory = setup.memory.clone();
    let whole = setup.run(&spec(40), &[]).unwrap();
    let expected = memory.proposals();
    let batches = memory.batches.lock().unwrap().clone();
    for n_kept in 0..batches.len() {
        let history = batches[..n_kept].concat();
        let setup = Setup::new();
        let memory = setup.memory.clone();
        let end = setup.run(&spec(40), &history).unwrap();
        assert_eq!(end.incumbent, whole.incumbent, "after {n_kept} batches");
        assert_eq!((end.n_trials, end.cost_seconds), (40, 40.0));
        let both = Memory { batches: Arc::new(Mutex::new(vec![history, memory.events()])), fail_after: None };
        assert_eq!(both.proposals(), expected);
    }
}

#[test]
fn a_trial_that_was_running_when_the_host_died_is_tried_again_and_at_last_given_up() {
    let setup = Setup::new();
    let memory = setup.memory.clone();
    setup.run(&spec(1), &[]).unwrap();
    let mut history: Vec<Event> = memory.events();
    history.retain(|event| matches!(event, Event::Proposed { .. } | Event::Started { .. }));
    for attempt in 2..=3 {
        let setup = Setup::new();
        let memory = setup.memory.clone();
        setup.run(&spec(1), &history).unwrap();
        let started =
            memory.events().into_iter().find(|event| matches!(event, Event::Started { .. })).unwrap();
        assert_eq!(started, Event::Started { trial: TrialId(0), attempt });
        history.push(started);
    }
    let setup = Setup::new();
    let memory = setup.memory.clone();
    assert_eq!(setup.run(&spec(1), &history).unwrap().n_failed, 1);
    assert_eq!(memory.failures()[0].1, FailureKind::Crashed);
}

/// Every trial but the first inherits from the one before it and continues the first.
struct Heirs(Problem);

impl Strategy for Heirs {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let propose = |index: usize| {
            let trial = request.first_trial.0 + index as u64;
            let configuration = self.0.space.sample(&mut request.rng(index)).unwrap();
            let (parent, continues) = (trial.checked_sub(1).map(TrialId), (trial > 0).then_some(TrialId(0)));
            Proposal { parent, continues, ..Proposal::new(configuration, self.0.full_fidelity()) }
        };
        Ok((0..request.n).map(propose).collect())
    }

    fn tell(&mut self, _: &[Observation]) -> Result<(), ComponentError> {
        Ok(())
    }
}

#[test]
fn parents_and_the_runs_folder_reach_the_estimator_also_after_a_resume() {
    type Seen = (TrialId, u32, Option<TrialId>, Option<TrialId>, Option<PathBuf>);
    let run = |history: &[Event]| {
        let seen = Arc::new(Mutex::new(Vec::<Seen>::new()));
        let sees = Arc::clone(&seen);
        let setup = Setup {
            strategy: Box::new(Heirs(problem())),
            estimate: Box::new(move |request, _| {
                let EvaluationRequest { trial, attempt, parent, continues, folder, .. } = request.clone();
                sees.lock().unwrap().push((trial, attempt, parent, continues, folder));
                Ok(Outcome::new(vec![square(request)], 1.0))
            }),
            ..Setup::new()
        };
        let memory = setup.memory.clone();
        setup.run(&RunSpec { files: Some("/runs/1".into()), ..spec(3) }, history).unwrap();
        (memory.events(), std::mem::take(&mut *seen.lock().unwrap()))
    };
    let expected = |trial: u64, attempt| -> Seen {
        let parent = trial.checked_sub(1).map(TrialId);
        let continues = (trial > 0).then_some(TrialId(0));
        (TrialId(trial), attempt, parent, continues, Some("/runs/1".into()))
    };
    let (events, seen) = run(&[]);
    assert_eq!(seen, [expected(0, 1), expected(1, 1), expected(2, 1)]);
    // The host dies while trial 1 is evaluated.
    let started = Event::Started { trial: TrialId(1), attempt: 1 };
    let cut = events.iter().position(|event| *event == started).unwrap() + 1;
    let (_, seen) = run(&events[..cut]);
    assert_eq!(seen, [expected(1, 2), expected(2, 1)]);
}

#[test]
fn a_changed_strategy_is_noticed_on_resume() {
    let setup = Setup::new();
    let memory = setup.memory.clone();
    setup.run(&spec(10), &[]).unwrap();
    let setup = Setup { strategy: Climber::boxed(false), ..Setup::new() };
    let error = setup.run(&spec(20), &memory.events()).unwrap_err();
    assert!(matches!(error, EngineError::ReplayMismatch { trial: TrialId(1) }), "{error}");
}

struct OutOfBounds(Box<dyn Strategy>);

impl Strategy for OutOfBounds {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let mut proposals = self.0.ask(request)?;
        if request.first_trial.0.is_multiple_of(3) {
            proposals[0].configuration = Configuration::new(vec![0.5, 7.0]);
        }
        Ok(proposals)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        self.0.tell(observations)
    }
}

#[test]
fn a_proposal_out_of_bounds_costs_its_trial() {
    let setup = Setup { strategy: Box::new(OutOfBounds(Climber::boxed(true))), ..Setup::new() };
    let memory = setup.memory.clone();
    let end = setup.run(&spec(12), &[]).unwrap();
    assert_eq!((end.n_trials, end.n_failed), (12, 4));
    let (_, kind, message) = &memory.failures()[0];
    assert_eq!(*kind, FailureKind::Rejected);
    assert!(message.contains("`y`: `7` is not one of -1 to 1"), "{message}");
}

/// Proposes an epoch and a half for one trial, and builds on trials to come for others.
struct Careless(Problem);

impl Strategy for Careless {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let propose = |index: usize| {
            let trial = request.first_trial.0 + index as u64;
            let configuration = self.0.space.sample(&mut request.rng(index)).unwrap();
            let epochs = if trial == 1 { 1.5 } else { 2.0 };
            let (parent, continues) = match trial {
                2 => (Some(TrialId(2)), None),
                3 => (Some(TrialId(0)), Some(TrialId(999))),
                _ => (trial.checked_sub(1).map(TrialId), None),
            };
            Proposal { parent, continues, ..Proposal::new(configuration, Fidelity(vec![epochs])) }
        };
        Ok((0..request.n).map(propose).collect())
    }

    fn tell(&mut self, _: &[Observation]) -> Result<(), ComponentError> {
        Ok(())
    }
}

#[test]
fn a_size_that_there_is_not_and_a_trial_to_come_cost_the_trial() {
    let dimension =
        FidelityDimension { name: "epochs".into(), low: 1.0, high: 4.0, integer: true, levels: vec![] };
    let problem = Problem { fidelities: vec![dimension], ..problem() };
    let setup = Setup { strategy: Box::new(Careless(problem.clone())), workers: 3, ..Setup::new() };
    let memory = setup.memory.clone();
    let end = setup.run(&RunSpec { problem, ..spec(6) }, &[]).unwrap();
    assert_eq!((end.n_trials, end.n_failed), (6, 3));
    let mut failures = memory.failures();
    failures.sort_by_key(|(trial, ..)| *trial);
    for ((trial, kind, message), (expected, part)) in failures.into_iter().zip([
        (1, "fidelity `epochs` is 1.5, where only whole numbers count"),
        (2, "it builds on trial 2, which does not come before it"),
        (3, "it builds on trial 999, which does not come before it"),
    ]) {
        assert_eq!((trial.0, kind), (expected, FailureKind::Rejected));
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn an_evaluation_without_a_finite_result_is_a_failed_trial() {
    let setup = Setup {
        estimate: Box::new(|request, _| match request.trial.0 % 3 {
            0 => Ok(Outcome::new(vec![f64::NAN], 1.0)),
            1 => Ok(Outcome::new(vec![], 1.0)),
            _ => Ok(Outcome::new(vec![square(request)], 1.0)),
        }),
        ..Setup::new()
    };
    let memory = setup.memory.clone();
    let end = setup.run(&spec(9), &[]).unwrap();
    assert_eq!((end.n_trials, end.n_failed, end.cost_seconds), (9, 6, 9.0));
    assert_eq!(memory.failures()[0].1, FailureKind::Diverged);
    assert!(memory.failures()[0].2.contains("`loss` is NaN"));
    assert_eq!(memory.failures()[1].1, FailureKind::Crashed);
}

#[test]
fn an_evaluation_that_hangs_is_given_up_and_the_run_goes_on() {
    let setup = Setup {
        estimate: Box::new(|request, reporter| match request.trial.0 {
            2 => loop {
                std::thread::park();
            },
            4 => {
                while !reporter.cancelled() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(Failure::new(FailureKind::Cancelled, "told to end"))
            }
            _ => Ok(Outcome::new(vec![square(request)], 1.0)),
        }),
        ..Setup::new()
    };
    let memory = setup.memory.clone();
    let limits = Limits { seconds: Some(0.2), memory_bytes: None };
    let end = setup.run(&RunSpec { limits, ..spec(8) }, &[]).unwrap();
    assert_eq!((end.n_trials, end.n_failed), (8, 2));
    let kinds: Vec<_> = memory.failures().into_iter().map(|(trial, kind, _)| (trial.0, kind)).collect();
    assert_eq!(kinds, [(2, FailureKind::TimedOut), (4, FailureKind::TimedOut)]);
}

#[test]
fn a_limit_does_not_run_while_a_trial_waits_for_its_turn() {
    let turn = Mutex::new(());
    let setup = Setup {
        estimate: Box::new(move |request, reporter| {
            let _turn = turn.lock().unwrap();
            std::thread::sleep(Duration::from_millis(100));
            match reporter.cancelled() {
                true => Err(Failure::new(FailureKind::Cancelled, "told to end")),
                false => Ok(Outcome::new(vec![square(request)], 0.1)),
            }
        }),
        concurrent: false,
        workers: 16,
        ..Setup::new()
    };
    let limits = Limits { seconds: Some(0.6), memory_bytes: None };
    let end = setup.run(&RunSpec { limits, ..spec(16) }, &[]).unwrap();
    assert_eq!((end.n_trials, end.n_failed), (16, 0));
}

#[test]
fn a_time_limit_of_more_seconds_than_a_duration_can_hold_is_none() {
    let limits = Limits { seconds: Some(1e300), memory_bytes: None };
    assert_eq!(Setup::new().run(&RunSpec { limits, ..spec(3) }, &[]).unwrap().n_trials, 3);
}

struct Hangs(Box<dyn Strategy>);

impl Strategy for Hangs {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        if request.first_trial.0 == 5 {
            std::thread::sleep(Duration::from_secs(3600));
        }
        self.0.ask(request)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        self.0.tell(observations)
    }
}

#[test]
fn a_strategy_that_keeps_a_limit_itself_is_called_directly_and_the_run_is_the_same() {
    /// Says whether it was always asked on this thread.
    struct Here(std::thread::ThreadId, Arc<AtomicUsize>, Box<dyn Strategy>);
    impl Strategy for Here {
        fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
            self.1.fetch_add(usize::from(std::thread::current().id() != self.0), Ordering::SeqCst);
            self.2.ask(request)
        }
        fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
            self.2.tell(observations)
        }
    }
    let run = |strategy_limit: Option<Duration>| {
        let n_elsewhere = Arc::new(AtomicUsize::new(0));
        let strategy = Here(std::thread::current().id(), Arc::clone(&n_elsewhere), Climber::boxed(true));
        let setup = Setup { strategy: Box::new(strategy), ..Setup::new() };
        let memory = setup.memory.clone();
        setup.run(&RunSpec { strategy_limit, ..spec(10) }, &[]).unwrap();
        let proposals = memory.events().into_iter().filter_map(|event| match event {
            Event::Proposed { proposal, .. } => Some(proposal.configuration),
            _ => None,
        });
        (n_elsewhere.load(Ordering::SeqCst), proposals.collect::<Vec<_>>())
    };
    let (n_elsewhere, direct) = run(None);
    assert_eq!((n_elsewhere, direct.len()), (0, 10));
    let (n_elsewhere, limited) = run(Some(Duration::from_secs(10)));
    assert!(n_elsewhere > 0);
    assert_eq!(direct, limited);
}

#[test]
fn a_strategy_that_hangs_ends_the_run_in_order_and_it_resumes() {
    let setup = Setup { strategy: Box::new(Hangs(Climber::boxed(true))), ..Setup::new() };
    let memory = setup.memory.clone();
    let end =
        setup.run(&RunSpec { strategy_limit: Some(Duration::from_millis(300)), ..spec(10) }, &[]).unwrap();
    let EndReason::ComponentFailed { error } = &end.reason else { panic!("{:?}", end.reason) };
    assert!(error.message.contains("not returned from `ask`"), "{error}");
    assert_eq!(end.n_trials, 5);
    let end = Setup::new().run(&spec(10), &memory.events()).unwrap();
    assert_eq!(end.n_trials, 10);
}

#[test]
fn a_second_stop_request_ends_a_run_whose_strategy_hangs_and_it_resumes() {
    let stop = StopSignal::default();
    let request_stop = stop.clone();
    let strategy = Box::new(Hangs(Climber::boxed(true)));
    let setup = Setup { strategy, stop, ..Setup::new() };
    let memory = setup.memory.clone();
    let seen = memory.clone();
    std::thread::spawn(move || {
        while seen.proposals().len() < 5 {
            std::thread::sleep(Duration::from_millis(5));
        }
        request_stop.request();
        request_stop.request();
    });
    let spec = RunSpec { strategy_limit: Some(Duration::from_secs(3000)), ..spec(10) };
    let end = setup.run(&spec, &[]).unwrap();
    assert_eq!((end.reason, end.n_trials), (EndReason::Stopped, 5));
    assert_eq!(Setup::new().run(&spec, &memory.events()).unwrap().n_trials, 10);
}

#[test]
fn a_run_whose_last_trial_is_cancelled_is_stopped_not_finished() {
    let stop = StopSignal::default();
    let request_stop = stop.clone();
    let setup = Setup {
        estimate: Box::new(move |request, _| {
            if request.trial.0 < 2 {
                return Ok(Outcome::new(vec![square(request)], 1.0));
            }
            request_stop.request();
            request_stop.request();
            Err(Failure::new(FailureKind::Cancelled, "told to end"))
        }),
        stop,
        ..Setup::new()
    };
    let memory = setup.memory.clone();
    let end = setup.run(&spec(3), &[]).unwrap();
    assert_eq!((end.reason, end.n_trials), (EndReason::Stopped, 2));
    let end = Setup::new().run(&spec(3), &memory.events()).unwrap();
    assert_eq!((end.reason, end.n_trials), (EndReason::BudgetSpent, 3));
}

#[test]
fn trial_after_trial_that_fails_and_costs_nothing_ends_a_run_with_a_budget_of_cost_alone() {
    let run = |budget: Budget, works: fn(u64) -> bool| {
        let setup = Setup {
            estimate: Box::new(move |request, _| match works(request.trial.0) {
                true => Ok(Outcome::new(vec![square(request)], 1.0)),
                false => Err(Failure::new(FailureKind::Crashed, "no such program")),
            }),
            ..Setup::new()
        };
        setup.run(&RunSpec { budget, ..spec(0) }, &[]).unwrap()
    };
    let cost = Budget { cost_seconds: Some(5.0), ..Budget::default() };
    let end = run(cost, |_| false);
    let EndReason::ComponentFailed { error } = end.reason else { panic!("{:?}", end.reason) };
    assert!(error.message.contains("no such program"), "{error}");
    assert_eq!(end.n_failed, 100);
    let end = run(cost, |trial| trial % 100 == 99);
    assert_eq!((end.reason, end.n_failed), (EndReason::BudgetSpent, 5 * 99));
    let end = run(Budget { trials: Some(150), ..cost }, |_| false);
    assert_eq!((end.reason, end.n_failed), (EndReason::BudgetSpent, 150));
}

#[test]
fn a_cost_that_is_no_number_of_seconds_is_the_time_on_the_clock() {
    let setup = Setup {
        estimate: Box::new(|request, _| {
            std::thread::sleep(Duration::from_millis(1));
            match request.trial.0 {
                0 => Ok(Outcome::new(vec![square(request)], f64::NAN)),
                1 => Ok(Outcome::new(vec![square(request)], -1e9)),
                _ => Err(Failure {
                    kind: FailureKind::Crashed,
                    message: "it crashed".into(),
                    cost_seconds: f64::INFINITY,
                }),
            }
        }),
        ..Setup::new()
    };
    let end = setup.run(&spec(3), &[]).unwrap();
    assert!((0.003..10.0).contains(&end.cost_seconds), "{}", end.cost_seconds);
}

#[test]
fn a_stop_request_finishes_what_runs() {
    let stop = StopSignal::default();
    let request_stop = stop.clone();
    let setup = Setup {
        estimate: Box::new(move |request, _| {
            if request.trial.0 == 6 {
                request_stop.request();
            }
            while request.trial.0 > 6 && !request_stop.stopping() {
                std::thread::yield_now();
            }
            Ok(Outcome::new(vec![square(request)], 1.0))
        }),
        workers: 2,
        stop,
        ..Setup::new()
    };
    let memory = setup.memory.clone();
    let end = setup.run(&spec(1000), &[]).unwrap();
    assert_eq!(end.reason, EndReason::Stopped);
    assert_eq!(memory.proposals().len() as u64, end.n_trials);
    assert!((7..=8).contains(&end.n_trials), "{}", end.n_trials);
}

#[test]
fn cancelled_trials_stay_pending_and_are_evaluated_on_resume() {
    let stop = StopSignal::default();
    let request_stop = stop.clone();
    let setup = Setup {
        estimate: Box::new(move |request, reporter| {
            if request.trial.0 == 3 {
                request_stop.request();
                request_stop.request();
                assert!(reporter.cancelled());
                return Err(Failure::new(FailureKind::Cancelled, "told to end"));
            }
            Ok(Outcome::new(vec![square(request)], 1.0))
        }),
        stop,
        ..Setup::new()
    };
    let memory = setup.memory.clone();
    assert_eq!(setup.run(&spec(8), &[]).unwrap().n_trials, 3);
    let mut history = memory.events();
    // However often a person interrupts it, the trial is not given up.
    for attempt in 2..=5 {
        let cancelled = Err(Failure::new(FailureKind::Cancelled, "told to end"));
        history.push(Event::Started { trial: TrialId(3), attempt });
        history.push(Event::Finished { trial: TrialId(3), attempt, result: cancelled, wall_seconds: 0.0 });
    }
    let end = Setup::new().run(&spec(8), &history).unwrap();
    assert_eq!((end.n_trials, end.n_failed), (8, 0));
}

#[test]
fn a_strategy_is_not_told_what_could_not_be_recorded() {
    struct Counts(Arc<AtomicUsize>, Box<dyn Strategy>);
    impl Strategy for Counts {
        fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
            self.1.ask(request)
        }
        fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
            self.0.fetch_add(observations.len(), Ordering::SeqCst);
            Ok(())
        }
    }
    let n_told = Arc::new(AtomicUsize::new(0));
    let memory = Memory { fail_after: Some(4), ..Memory::default() };
    let strategy = Box::new(Counts(Arc::clone(&n_told), Climber::boxed(true)));
    let setup = Setup { strategy, memory: memory.clone(), ..Setup::new() };
    let error = setup.run(&spec(10), &[]).unwrap_err();
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(n_told.load(Ordering::SeqCst), 4);
}

struct StopsEarly(Box<dyn Strategy>);

impl Strategy for StopsEarly {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        self.0.ask(request)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        self.0.tell(observations)
    }

    fn judge(&mut self, report: &CurveReport) -> Result<Verdict, ComponentError> {
        Ok(if report.point.step >= 3.0 { Verdict::Stop } else { Verdict::Continue })
    }
}

#[test]
fn learning_curves_are_judged_as_they_grow() {
    let setup = Setup {
        strategy: Box::new(StopsEarly(Climber::boxed(true))),
        estimate: Box::new(|request, reporter| {
            let mut outcome = Outcome::new(vec![square(request)], 0.0);
            for step in 1..=10 {
                let step = f64::from(step);
                let point = CurvePoint { step, objectives: outcome.objectives.clone(), cost_seconds: step };
                outcome.curve.push(point.clone());
                outcome.cost_seconds = step;
                if reporter.report(request.trial, &point) == Verdict::Stop {
                    outcome.stopped = true;
                    break;
                }
            }
            Ok(outcome)
        }),
        ..Setup::new()
    };
    let memory = setup.memory.clone();
    let end = setup.run(&spec(5), &[]).unwrap();
    assert_eq!((end.n_trials, end.cost_seconds), (5, 15.0));
    let n_reported = memory.events().iter().filter(|event| matches!(event, Event::Reported { .. })).count();
    assert_eq!(n_reported, 15);
}

/// Panics, as the host tells it, in the first verdict; from then on it can only say that it did.
struct Poisoned(Box<dyn Strategy>);

impl Strategy for Poisoned {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        self.0.ask(request)
    }

    fn tell(&mut self, _: &[Observation]) -> Result<(), ComponentError> {
        Err(ComponentError::failed("it is not called again"))
    }

    fn judge(&mut self, _: &CurveReport) -> Result<Verdict, ComponentError> {
        Err(ComponentError::failed("it panicked at line 7"))
    }
}

#[test]
fn the_first_failure_of_a_strategy_is_why_a_run_ended() {
    let setup = Setup {
        strategy: Box::new(Poisoned(Climber::boxed(true))),
        estimate: Box::new(|request, reporter| {
            let objectives = vec![square(request)];
            let point = CurvePoint { step: 1.0, objectives: objectives.clone(), cost_seconds: 1.0 };
            reporter.report(request.trial, &point);
            Ok(Outcome::new(objectives, 1.0))
        }),
        ..Setup::new()
    };
    let end = setup.run(&spec(5), &[]).unwrap();
    let EndReason::ComponentFailed { error } = end.reason else { panic!("{:?}", end.reason) };
    assert!(error.message.contains("line 7"), "{error}");
}

struct First;

impl Proxy for First {
    fn info(&self) -> ProxyInfo {
        ProxyInfo {
            direction: Direction::Maximise,
            cost_seconds: 0.0,
            needs: ProxyNeeds::Nothing,
            unit: String::new(),
        }
    }

    fn score(
        &self,
        configurations: &[Configuration],
        _seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        for (score, configuration) in scores.iter_mut().zip(configurations) {
            let x = configuration.values()[0];
            *score = if x < -0.9 { f64::NAN } else { x };
        }
        Ok(())
    }
}

#[test]
fn proxies_let_the_promising_proposals_through_and_resume_knows_it() {
    let filtered = || Setup {
        strategy: Climber::boxed(false),
        filters: vec![ProxyFilter { name: "first".into(), proxy: Arc::new(First), keep: 0.25 }],
        ..Setup::new()
    };
    let setup = filtered();
    let memory = setup.memory.clone();
    let end = setup.run(&spec(20), &[]).unwrap();
    assert_eq!(end.n_trials, 20);
    assert_eq!(memory.proposals().len(), 80);
    let dropped = memory.failures();
    assert_eq!(dropped.len(), 60);
    for (asked, chunk) in memory.proposals().chunks(4).enumerate() {
        let kept: Vec<_> =
            chunk.iter().filter(|(trial, _)| dropped.iter().all(|(other, ..)| other != trial)).collect();
        let best = chunk.iter().map(|(_, p)| p.configuration.values()[0]).fold(f64::MIN, f64::max);
        assert_eq!(kept.len(), 1, "ask {asked}");
        assert_eq!(kept[0].1.configuration.values()[0], best);
    }
    let resumed = filtered();
    let more = resumed.memory.clone();
    assert_eq!(resumed.run(&spec(30), &memory.events()).unwrap().n_trials, 30);
    assert_eq!(more.proposals().len(), 40);
}

#[test]
fn a_host_that_dies_again_after_a_resume_makes_no_trials_of_what_was_filtered_or_rejected() {
    let filtered = || Setup {
        strategy: Box::new(OutOfBounds(Climber::boxed(false))),
        filters: vec![ProxyFilter { name: "first".into(), proxy: Arc::new(First), keep: 0.25 }],
        workers: 3,
        ..Setup::new()
    };
    let run = |history: &[Event]| {
        let setup = filtered();
        let memory = setup.memory.clone();
        assert_eq!(setup.run(&spec(9), history).unwrap().n_trials, 9);
        memory.batches.lock().unwrap().clone()
    };
    let is_out_of_bounds = |event: &Event| matches!(event, Event::Proposed { proposal, .. } if proposal.configuration.values()[1] > 1.0);
    let first = run(&[]);
    assert!(first.concat().iter().any(is_out_of_bounds));
    for n_kept in 0..first.len() {
        let history = first[..n_kept].concat();
        for n_more in 0..run(&history).len() {
            // The first batch says that a trial begins, and then its host dies.
            let mut twice = history.clone();
            twice.extend(run(&history)[..n_more.min(2)].concat());
            let events = [twice.clone(), run(&twice).concat()].concat();
            let ends = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
            assert_eq!(ends(|event| matches!(event, Event::Told { .. })), 9, "{n_kept} {n_more}");
        }
    }
}

#[test]
fn proxies_vote_on_what_they_recorded_and_one_may_be_turned_round() {
    for (weight, larger_passes) in [(1.0, true), (-1.0, false)] {
        let setup = Setup {
            strategy: Climber::boxed(false),
            filters: vec![ProxyFilter { name: "first".into(), proxy: Arc::new(First), keep: 1.0 }],
            vote: Some(Vote { weights: vec![weight], n_references: 8, keep: 0.5 }),
            ..Setup::new()
        };
        let memory = setup.memory.clone();
        setup.run(&spec(20), &[]).unwrap();
        let dropped: Vec<_> = memory.failures().into_iter().map(|(trial, ..)| trial).collect();
        assert_eq!((memory.proposals().len(), dropped.len()), (40, 20));
        for pair in memory.proposals().chunks(2) {
            let value = |is_dropped: bool| {
                let one = pair.iter().find(|(trial, _)| dropped.contains(trial) == is_dropped);
                one.unwrap().1.configuration.values()[0]
            };
            // What the proxy cannot score is spoken against, whichever way round; of two such the first passes.
            let n_unscored = [value(true), value(false)].iter().filter(|value| **value < -0.9).count();
            if n_unscored < 2 {
                assert_eq!(value(false) > value(true), larger_passes || n_unscored == 1, "{pair:?}");
            }
        }
        let scores = memory.events().into_iter().filter_map(|event| match event {
            Event::Proposed { scores, .. } => Some(scores),
            _ => None,
        });
        for scores in scores {
            let names: Vec<_> = scores.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["first", "vote"]);
        }
    }
}
