//! An estimator in C as the trait.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use heirloom_model::{
    ComponentError, CurvePoint, Direction, Estimator, EstimatorInfo, EvaluationRequest, Failure, FailureKind,
    FidelityDimension, Objective, Outcome, Reporter, TrialId, Verdict,
};

use crate::strategy::verdict_code;

use super::setup::Setup;
use super::table::{
    HEIRLOOM_NONE, HEIRLOOM_STOP, HeirloomEstimator, HeirloomEstimatorInfo, HeirloomEvaluation,
    HeirloomFidelity, HeirloomObjective, HeirloomOutcome, HeirloomReporter,
};
use super::{Made, call_with_message, check, items, missing, said, text, wrong};

/// An estimator's object and functions.
pub(super) struct Adapted {
    made: Made,
    functions: HeirloomEstimator,
    info: EstimatorInfo,
    /// Held during a call, where calls may not overlap.
    alone: Option<Mutex<()>>,
}

impl Adapted {
    pub(super) fn new(functions: &HeirloomEstimator, setup: Setup) -> Result<Self, ComponentError> {
        let made = Made::new(functions.create, functions.destroy, setup)?;
        let info = functions.info.ok_or_else(|| missing("info"))?;
        let mut written = HeirloomEstimatorInfo {
            objectives: std::ptr::null(),
            n_objectives: 0,
            fidelities: std::ptr::null(),
            n_fidelities: 0,
            space_json: std::ptr::null(),
            simulated_cost: 0,
            concurrent: 0,
        };
        // SAFETY: the component is the one that `create` gave; nothing else calls it yet.
        check(|error| unsafe { info(made.component, &raw mut written, error) })?;
        // SAFETY: the header asks that what was written stays where it is.
        let info = unsafe { read_info(&written) }?;
        let alone = (!info.concurrent).then(Mutex::default);
        Ok(Self { made, functions: *functions, info, alone })
    }

    fn evaluate_one(&self, request: &EvaluationRequest, reporter: &dyn Reporter) -> Result<Outcome, Failure> {
        // Before the clock starts: what a trial waits for its turn is not its cost.
        let _alone = self.alone.as_ref().map(|alone| alone.lock().unwrap_or_else(PoisonError::into_inner));
        let start = Instant::now();
        let fail = |kind, message: String| {
            Err(Failure { kind, message, cost_seconds: start.elapsed().as_secs_f64() })
        };
        let Some(evaluate) = self.functions.evaluate else {
            return fail(FailureKind::Crashed, missing("evaluate").message);
        };
        let d = request.configuration.values().len();
        if self.made.setup.n_parameters != 0 && self.made.setup.n_parameters != d {
            return fail(FailureKind::Crashed, format!("a configuration of {d} numbers is of another space"));
        }
        let line = Line {
            reporter,
            trial: request.trial,
            start,
            n_objectives: self.info.objectives.len(),
            kept: Mutex::default(),
        };
        let reporter = HeirloomReporter { context: (&raw const line).cast(), report, metric, cancelled };
        let folder =
            request.folder.as_deref().and_then(|folder| CString::new(folder.as_os_str().as_bytes()).ok());
        let evaluation = HeirloomEvaluation {
            trial: request.trial.0,
            attempt: u64::from(request.attempt),
            configuration: request.configuration.values().as_ptr(),
            fidelity: request.fidelity.0.as_ptr(),
            n_parameters: d,
            n_fidelities: request.fidelity.0.len(),
            parent: request.parent.map_or(HEIRLOOM_NONE, |trial| trial.0),
            continues: request.continues.map_or(HEIRLOOM_NONE, |trial| trial.0),
            seed: request.seed.0,
            seconds: request.limits.seconds.unwrap_or(f64::NAN),
            memory_bytes: request.limits.memory_bytes.unwrap_or(HEIRLOOM_NONE),
            threads: request.threads as u64,
            folder: folder.as_ref().map_or(std::ptr::null(), |folder| folder.as_ptr()),
            reporter: &raw const reporter,
        };
        let mut objectives = vec![f64::NAN; self.info.objectives.len()];
        let mut outcome = HeirloomOutcome { objectives: objectives.as_mut_ptr(), cost_seconds: f64::NAN };
        // SAFETY: the component is the one that `create` gave; calls overlap only where it said that they may; what the
        // pointers name outlives the call.
        let (status, message) = call_with_message(|error| unsafe {
            evaluate(self.made.component, &raw const evaluation, &raw mut outcome, error)
        });
        let cost_seconds = if outcome.cost_seconds.is_finite() {
            outcome.cost_seconds
        } else {
            start.elapsed().as_secs_f64()
        };
        if status != 0 {
            let code = u8::try_from(status).unwrap_or_default();
            // What a proxy filters was never evaluated.
            let kind = FailureKind::from_code(code).filter(|kind| *kind != FailureKind::Filtered);
            let kind = kind.unwrap_or(FailureKind::Crashed);
            let message = said(status, message);
            return Err(Failure { kind, message, cost_seconds });
        }
        let kept = line.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Kept { curve, metrics, stopped } = kept;
        Ok(Outcome { objectives, cost_seconds, curve, metrics, stopped })
    }
}

/// What an estimator wrote of itself.
///
/// # Safety
///
/// Its pointers name what their numbers say.
unsafe fn read_info(written: &HeirloomEstimatorInfo) -> Result<EstimatorInfo, ComponentError> {
    // SAFETY: passed on to the caller, here and below.
    let named = |name: *const c_char| unsafe { text(name) };
    let objective = |objective: &HeirloomObjective| Objective {
        name: named(objective.name),
        direction: if objective.maximise == 0 { Direction::Minimise } else { Direction::Maximise },
    };
    let dimension = |dimension: &HeirloomFidelity| FidelityDimension {
        name: named(dimension.name),
        low: dimension.low,
        high: dimension.high,
        integer: dimension.integer != 0,
        levels: Vec::new(),
    };
    for (n, what) in [(written.n_objectives, "objectives"), (written.n_fidelities, "fidelities")] {
        // So many stand nowhere: the number was never written, or in the wrong place.
        if n > EstimatorInfo::MAX_NAMED {
            return Err(wrong(format!("its info has {n} {what}, more than {}", EstimatorInfo::MAX_NAMED)));
        }
    }
    // SAFETY: see above.
    let (objectives, fidelities) = unsafe {
        (items(written.objectives, written.n_objectives), items(written.fidelities, written.n_fidelities))
    };
    if objectives.is_empty() {
        return Err(wrong("its info names no objective"));
    }
    let space = named(written.space_json);
    let space = (!space.is_empty()).then(|| serde_json::from_str(&space)).transpose();
    Ok(EstimatorInfo {
        objectives: objectives.iter().map(objective).collect(),
        fidelities: fidelities.iter().map(dimension).collect(),
        space: space.map_err(|error| wrong(format!("its info has a space that is none: {error}")))?,
        simulated_cost: written.simulated_cost != 0,
        concurrent: written.concurrent != 0,
    })
}

impl Estimator for Adapted {
    fn info(&self) -> EstimatorInfo {
        self.info.clone()
    }

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        requests.iter().map(|request| self.evaluate_one(request, reporter)).collect()
    }
}

/// The line of one evaluation to the host, and what went over it.
struct Line<'a> {
    reporter: &'a dyn Reporter,
    trial: TrialId,
    start: Instant,
    n_objectives: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    curve: Vec<CurvePoint>,
    metrics: BTreeMap<String, f64>,
    stopped: bool,
}

/// # Safety
///
/// `reporter` is the one that the evaluation was given, and the evaluation is under way.
unsafe fn line<'a>(reporter: *const HeirloomReporter) -> &'a Line<'a> {
    // SAFETY: passed on to the caller; `evaluate_one` made the pointer.
    unsafe { &*(*reporter).context.cast::<Line<'_>>() }
}

// SAFETY of all functions below: the header says what each pointer must name, and for how long a reporter may be used.
unsafe extern "C" fn report(reporter: *const HeirloomReporter, step: f64, objectives: *const f64) -> u32 {
    let verdict = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: see above.
        let line = unsafe { line(reporter) };
        // SAFETY: see above.
        let objectives = unsafe { items(objectives, line.n_objectives) }.to_vec();
        let point = CurvePoint { step, objectives, cost_seconds: line.start.elapsed().as_secs_f64() };
        let verdict = line.reporter.report(line.trial, &point);
        let mut kept = line.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.curve.push(point);
        kept.stopped |= verdict != Verdict::Continue;
        u32::from(verdict_code(verdict))
    }));
    verdict.unwrap_or(HEIRLOOM_STOP)
}

unsafe extern "C" fn metric(reporter: *const HeirloomReporter, name: *const c_char, value: f64) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: see above.
        let (line, name) = unsafe { (line(reporter), text(name)) };
        line.kept.lock().unwrap_or_else(PoisonError::into_inner).metrics.insert(name, value);
    }));
}

unsafe extern "C" fn cancelled(reporter: *const HeirloomReporter) -> u32 {
    // SAFETY: see above.
    let asked = catch_unwind(AssertUnwindSafe(|| unsafe { line(reporter) }.reporter.cancelled()));
    u32::from(asked.unwrap_or(true))
}

#[cfg(test)]
mod tests {
    use std::ffi::c_void;
    use std::thread;
    use std::time::Duration;

    use heirloom_model::{Configuration, Fidelity};
    use serde_json::json;

    use super::*;
    use crate::c::library::Library;
    use crate::c::table::{HEIRLOOM_OK, HeirloomError, HeirloomSetup};
    use crate::host::Context;

    unsafe extern "C" fn create(_: *const HeirloomSetup, _: *mut *mut c_void, _: *mut HeirloomError) -> i32 {
        HEIRLOOM_OK
    }

    unsafe extern "C" fn destroy(_: *mut c_void) {}

    /// Leaves `concurrent` as it is.
    unsafe extern "C" fn info(
        _: *mut c_void,
        info: *mut HeirloomEstimatorInfo,
        _: *mut HeirloomError,
    ) -> i32 {
        let objective = Box::leak(Box::new(HeirloomObjective { name: c"loss".as_ptr(), maximise: 0 }));
        // SAFETY: the host's own, for as long as the call.
        let info = unsafe { &mut *info };
        info.objectives = objective;
        info.n_objectives = 1;
        HEIRLOOM_OK
    }

    /// Takes a tenth of a second, reports a point, and leaves the cost to the host's clock.
    unsafe extern "C" fn evaluate(
        _: *mut c_void,
        evaluation: *const HeirloomEvaluation,
        outcome: *mut HeirloomOutcome,
        _: *mut HeirloomError,
    ) -> i32 {
        thread::sleep(Duration::from_millis(100));
        // SAFETY: as in `info`; there is room for one objective.
        unsafe {
            *(*outcome).objectives = 0.5;
            let reporter = (*evaluation).reporter;
            ((*reporter).report)(reporter, 1.0, (*outcome).objectives);
        }
        HEIRLOOM_OK
    }

    struct GoOn;

    impl Reporter for GoOn {
        fn report(&self, _: TrialId, _: &CurvePoint) -> Verdict {
            Verdict::Continue
        }

        fn cancelled(&self) -> bool {
            false
        }
    }

    #[test]
    fn waiting_for_its_turn_costs_a_trial_nothing() {
        let functions = HeirloomEstimator {
            create: Some(create),
            destroy: Some(destroy),
            info: Some(info),
            evaluate: Some(evaluate),
        };
        let library = Library::without_components();
        let setup = Setup::new(library, "slow", &json!({}), None, None, &Context::detached());
        let adapted = Adapted::new(&functions, setup).unwrap();
        assert!(!adapted.info().concurrent);
        let evaluate = |trial| {
            let request =
                EvaluationRequest::new(TrialId(trial), Configuration::new([0.5]), Fidelity::default());
            adapted.evaluate(&[request], &GoOn).remove(0).unwrap()
        };
        let start = Instant::now();
        let outcomes: Vec<_> = thread::scope(|scope| {
            let evaluate = &evaluate;
            let threads: Vec<_> = (0..4).map(|trial| scope.spawn(move || evaluate(trial))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let passed = start.elapsed().as_secs_f64();
        // One runs after the other, so that together they cost no more than has passed.
        let cost: f64 = outcomes.iter().map(|outcome| outcome.cost_seconds).sum();
        assert!((0.4..=passed).contains(&cost), "{cost} of {passed}");
        for outcome in outcomes {
            assert!(outcome.curve[0].cost_seconds <= outcome.cost_seconds, "{outcome:?}");
        }
    }
}
