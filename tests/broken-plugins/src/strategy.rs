//! Strategies: random search with one fault, which shows in the circumstances of one check alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use heirloom_plugin::{
    AskRequest, ComponentError, Configuration, Context, CurveReport, NoOptions, Observation, PriorKnowledge,
    Problem, Proposal, Rng, Seed, Strategy, TrialId, Verdict,
};

/// What a strategy does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    // Proposals.
    OutOfBounds,
    InactiveValue,
    ForbiddenCombination,
    HalfAnEpoch,
    OwnParent,
    OneTooMany,
    NoLargeBatch,
    NotManyPending,
    WaitsForFiltered,
    ComesBack,
    // Results.
    WantsOrder,
    GivesUpOnFailures,
    NeedsDifferences,
    Overflows,
    PanicsAtNan,
    TrustsLengths,
    KnowsItsOwn,
    RecommendsTheLast,
    // The same again.
    CountsEmptyTells,
    CountsEmptyAsks,
    CountsBatches,
    Clock,
    SharesState,
    OneSeed,
    ForgetsState,
    TakesAnyState,
    JudgesIntoAsks,
    // Knowledge.
    RefusesNoKnowledge,
    TiresOfJudging,
    // Whatever its kind.
    Prints,
    PanicsInDrop,
    LeavesThread,
    Leaks,
    KnowsItsWorker,
    SharesTheSystemsNumbers,
    // Found by a hunt alone.
    PanicsInACrowd,
}

/// Random search with a fault.
struct Broken {
    fault: Fault,
    problem: Problem,
    /// Tells instances apart.
    id: u64,
    n_asks: u64,
    n_proposed: u64,
    n_told: u64,
    /// What the fault counts.
    n_counted: u64,
    n_failed_in_a_row: u64,
    n_drawn: u64,
    gave_up: bool,
    /// Proposed and not told.
    open: BTreeSet<u64>,
    own: BTreeSet<u64>,
    last_told: Option<TrialId>,
    first_result: Option<f64>,
    differs: bool,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
static LAST_ASKED: AtomicU64 = AtomicU64::new(0);
static CLOCK: AtomicU64 = AtomicU64::new(0);

pub(crate) type Made = Result<Box<dyn Strategy>, ComponentError>;

pub(crate) fn make(fault: Fault, problem: &Problem) -> Made {
    if fault == Fault::LeavesThread {
        std::thread::spawn(|| {
            loop {
                std::thread::park();
            }
        });
    }
    Ok(Box::new(Broken {
        fault,
        problem: problem.clone(),
        id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        n_asks: 0,
        n_proposed: 0,
        n_told: 0,
        n_counted: 0,
        n_failed_in_a_row: 0,
        n_drawn: 0,
        gave_up: false,
        open: BTreeSet::new(),
        own: BTreeSet::new(),
        last_told: None,
        first_result: None,
        differs: false,
    }))
}

impl Broken {
    fn has_given_up(&self, request: &AskRequest<'_>) -> bool {
        match self.fault {
            Fault::NoLargeBatch => request.n > 100,
            Fault::WaitsForFiltered => {
                self.open.iter().any(|id| !request.pending.iter().any(|trial| trial.id.0 == *id))
            }
            // Four asks are answered, some are not, and then it thinks again.
            Fault::ComesBack => {
                self.problem.space.name() == "tiny" && self.n_proposed >= 4 && self.n_asks < 8
            }
            _ => self.gave_up,
        }
    }

    /// The generator of a proposal: that of its trial, unless the fault is about randomness.
    fn rng(&mut self, request: &AskRequest<'_>, index: usize) -> Rng {
        let trial = request.first_trial.0 + index as u64;
        let by = |counter: u64| request.seed.derive("broken", trial + 1_000_000 * counter).rng();
        match self.fault {
            Fault::OneSeed => Seed::from_number(0).derive("broken", trial).rng(),
            Fault::CountsEmptyTells
            | Fault::CountsEmptyAsks
            | Fault::CountsBatches
            | Fault::JudgesIntoAsks => by(self.n_counted),
            Fault::ForgetsState => by(self.n_told),
            Fault::Clock if trial >= 100 => by(1 + CLOCK.fetch_add(1, Ordering::Relaxed)),
            // Whether somebody else was asked in between.
            Fault::SharesState => {
                let last = LAST_ASKED.swap(self.id, Ordering::Relaxed);
                by(u64::from(self.n_asks > 1 && last != self.id))
            }
            Fault::KnowsItsWorker => by(u64::from(in_a_worker())),
            Fault::SharesTheSystemsNumbers => by(1 + self.draw(request.seed)),
            _ => request.rng(index),
        }
    }

    /// A number of the C library's generator, which it set up for itself and set up anew when another instance of
    /// this library has used it. Other libraries use it too.
    fn draw(&mut self, seed: Seed) -> u64 {
        static OWNER: AtomicU64 = AtomicU64::new(0);
        // SAFETY: both take and give numbers; the checks call from one thread.
        unsafe {
            if OWNER.swap(self.id, Ordering::Relaxed) != self.id {
                libc::srand(seed.as_u64() as u32);
                for _ in 0..self.n_drawn {
                    libc::rand();
                }
            }
            self.n_drawn += 1;
            libc::rand().unsigned_abs().into()
        }
    }

    fn configuration(&self, rng: &mut Rng, is_turn: bool) -> Result<Configuration, ComponentError> {
        let space = &self.problem.space;
        let sample = space.sample(rng).map_err(|error| ComponentError::failed(error.to_string()))?;
        let mut values = sample.values().to_vec();
        match self.fault {
            Fault::OutOfBounds if is_turn => values[0] = 99.0,
            Fault::InactiveValue if is_turn => {
                values.iter_mut().filter(|value| value.is_nan()).take(1).for_each(|value| *value = 0.0);
            }
            Fault::ForbiddenCombination if is_turn && space.name() == "mixed" => {
                let place = |name: &str| space.index_of(name).expect("the space has it");
                values[place("optimizer")] = 2.0;
                values[place("momentum")] = f64::NAN;
                values[place("nesterov")] = f64::NAN;
                values[place("layers")] = 5.0;
                values[place("width_2")] = 0.0;
            }
            _ => {}
        }
        Ok(Configuration::new(values))
    }
}

/// Whether the process is a worker.
fn in_a_worker() -> bool {
    let program = std::env::current_exe().unwrap_or_default();
    program.file_stem().is_some_and(|name| name == "heirloom-plugin-worker")
}

impl Strategy for Broken {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let fault = self.fault;
        if request.n == 0 {
            self.n_counted += u64::from(fault == Fault::CountsEmptyAsks);
            return Ok(Vec::new());
        }
        self.n_asks += 1;
        if fault == Fault::NotManyPending && request.pending.len() > 50 {
            return Err(ComponentError::failed("too many pending"));
        }
        if self.has_given_up(request) {
            return Ok(Vec::new());
        }
        match fault {
            Fault::PanicsInACrowd => {
                let is_crowd = request.n >= 9 && request.pending.len() >= 3 && self.n_failed_in_a_row > 0;
                assert!(!is_crowd, "a crowd");
            }
            #[expect(clippy::print_stdout, reason = "this is the fault")]
            Fault::Prints => println!("asked for {}", request.n),
            Fault::Leaks => {
                std::hint::black_box(vec![1_u8; 4096].leak());
            }
            _ => {}
        }
        let mut proposals = Vec::new();
        let extra = usize::from(fault == Fault::OneTooMany && request.n == 7);
        for index in 0..request.n + extra {
            let id = request.first_trial.0 + index as u64;
            let is_turn = id % 10 == 9;
            let mut rng = self.rng(request, index);
            let configuration = self.configuration(&mut rng, is_turn)?;
            let mut proposal = Proposal::new(configuration, self.problem.full_fidelity());
            if fault == Fault::HalfAnEpoch && is_turn {
                proposal.fidelity.0.iter_mut().take(1).for_each(|size| *size = 1.5);
            }
            if fault == Fault::OwnParent && is_turn {
                proposal.parent = Some(TrialId(id));
            }
            if matches!(fault, Fault::WaitsForFiltered | Fault::KnowsItsOwn) {
                self.open.insert(id);
                self.own.insert(id);
            }
            proposals.push(proposal);
        }
        self.n_proposed += proposals.len() as u64;
        Ok(proposals)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        match (self.fault, observations.len()) {
            (Fault::CountsEmptyTells, 0) => self.n_counted += 1,
            (Fault::CountsBatches, 2..) => self.n_counted += 1,
            _ => {}
        }
        let is_late = observations.windows(2).any(|pair| pair[1].trial < pair[0].trial);
        if self.fault == Fault::WantsOrder && is_late {
            return Err(ComponentError::failed("an earlier trial was told late"));
        }
        for observation in observations {
            self.n_told += 1;
            self.open.remove(&observation.trial.0);
            self.last_told = Some(observation.trial);
            let result = observation.objective();
            self.n_failed_in_a_row = if result.is_some() { 0 } else { self.n_failed_in_a_row + 1 };
            if let Some(result) = result {
                let first = *self.first_result.get_or_insert(result);
                self.differs |= result != first;
            }
            match self.fault {
                Fault::GivesUpOnFailures => self.gave_up |= self.n_failed_in_a_row >= 40,
                Fault::NeedsDifferences => {
                    self.gave_up = self.n_told >= 20 && !self.differs && result.is_some()
                }
                Fault::Overflows => {
                    self.gave_up |=
                        result.is_some_and(|result| result.is_finite() && (result * result).is_infinite());
                }
                Fault::PanicsAtNan => assert!(!result.is_some_and(f64::is_nan), "a result is no number"),
                Fault::TrustsLengths => {
                    let n = self.problem.space.parameters().len();
                    assert_eq!(observation.configuration.values().len(), n, "values of a configuration");
                }
                Fault::KnowsItsOwn if !self.own.contains(&observation.trial.0) => {
                    return Err(ComponentError::failed("that trial is not mine"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn judge(&mut self, report: &CurveReport) -> Result<Verdict, ComponentError> {
        match self.fault {
            Fault::TiresOfJudging if report.point.step >= 3.0 => {
                return Err(ComponentError::unsupported("two points are enough"));
            }
            Fault::JudgesIntoAsks => self.n_counted += 1,
            _ => {}
        }
        Ok(Verdict::Continue)
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        if self.fault == Fault::RefusesNoKnowledge && knowledge.observations.is_empty() {
            return Err(ComponentError::failed("there is nothing to know"));
        }
        Ok(false)
    }

    fn recommend(&self) -> Result<Option<TrialId>, ComponentError> {
        Ok(self.last_told.filter(|_| self.fault == Fault::RecommendsTheLast))
    }

    fn save(&self) -> Result<Option<Vec<u8>>, ComponentError> {
        let saves = matches!(self.fault, Fault::ForgetsState | Fault::TakesAnyState);
        Ok(saves.then(|| self.n_told.to_le_bytes().to_vec()))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), ComponentError> {
        if self.fault == Fault::ForgetsState && state.len() != 8 {
            return Err(ComponentError::failed("the state is not one of mine"));
        }
        Ok(())
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        assert!(self.fault != Fault::PanicsInDrop, "dropped");
    }
}

macro_rules! strategies {
    ($($name:ident => $fault:ident),* $(,)?) => {
        $(pub(crate) fn $name(_: NoOptions, problem: &Problem, _: &Context) -> Made {
            make(Fault::$fault, problem)
        })*
    };
}

strategies! {
    sound => None,
    in_bounds => OutOfBounds,
    conditions => InactiveValue,
    forbidden => ForbiddenCombination,
    fidelity => HalfAnEpoch,
    lineage => OwnParent,
    count => OneTooMany,
    large_batch => NoLargeBatch,
    pending => NotManyPending,
    any_order => WantsOrder,
    failed_trials => GivesUpOnFailures,
    equal_results => NeedsDifferences,
    extreme_results => Overflows,
    odd_results => PanicsAtNan,
    wrong_input => TrustsLengths,
    filtered_trials => WaitsForFiltered,
    foreign_trials => KnowsItsOwn,
    empty_tell => CountsEmptyTells,
    empty_ask => CountsEmptyAsks,
    tells_together => CountsBatches,
    deterministic => Clock,
    interleaved => SharesState,
    follows_seed => OneSeed,
    save_restore => ForgetsState,
    damaged_state => TakesAnyState,
    inform => RefusesNoKnowledge,
    exhausted => ComesBack,
    judge => TiresOfJudging,
    judge_apart => JudgesIntoAsks,
    recommend => RecommendsTheLast,
    quiet => Prints,
    dropped => PanicsInDrop,
    threads => LeavesThread,
    memory => Leaks,
    worker => KnowsItsWorker,
    beside_another_plugin => SharesTheSystemsNumbers,
    crowd => PanicsInACrowd,
}
