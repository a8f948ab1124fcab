//! `estimator/1`: an estimator on the other side of the boundary, and the reporter on this one.

use std::ffi::c_void;

use abi_stable::StableAbi;
use abi_stable::std_types::{RSlice, RStr, RVec};
use heirloom_model::{
    ComponentError, CurvePoint, Estimator, EstimatorInfo, EvaluationRequest, Failure, Outcome, Reporter,
    TrialId, Verdict,
};

use crate::columns::{Outcomes, Requests};
use crate::error::{AbiResult, from_abi};
use crate::guard::{Guarded, Handle, call_ref, check_drop, drop_guarded, guard};
use crate::host::{Context, HostObject};
use crate::problem::{Written, read, write};
use crate::strategy::{verdict_code, verdict_from_code};

/// The extension's id.
pub const ESTIMATOR_EXTENSION: &str = "estimator/1";

/// What a library with estimators exports. Published: it never changes.
#[repr(C)]
#[derive(StableAbi)]
pub struct EstimatorExtension {
    /// Makes the estimator of a name, from options (JSON) and the run file's space (JSON, empty for none).
    pub(crate) create:
        extern "C" fn(RStr<'_>, RSlice<'_, u8>, RSlice<'_, u8>, HostObject) -> AbiResult<EstimatorObject>,
}

impl EstimatorExtension {
    /// Makes the estimator `name`.
    pub fn create(
        &self,
        name: &str,
        written: Written<'_>,
        context: &Context,
    ) -> Result<EstimatorObject, ComponentError> {
        let host = HostObject::new(context);
        from_abi((self.create)(name.into(), written.options.as_bytes().into(), written.subject.into(), host))
    }
}

/// An estimator of the other side.
#[repr(C)]
#[derive(StableAbi)]
pub struct EstimatorObject {
    handle: Handle,
    vtable: &'static EstimatorVtable,
}

/// An estimator's functions, in the order of the trait's. Calls may overlap.
#[repr(C)]
#[derive(StableAbi)]
pub struct EstimatorVtable {
    info: unsafe extern "C" fn(Handle) -> AbiResult<RVec<u8>>,
    evaluate: unsafe extern "C" fn(Handle, &Requests, &ReporterObject) -> AbiResult<Outcomes>,
    drop: unsafe extern "C" fn(Handle) -> AbiResult<()>,
}

/// The caller's reporter, lent for one call of `evaluate`.
#[repr(C)]
#[derive(StableAbi)]
pub struct ReporterObject {
    reporter: *const c_void,
    report: unsafe extern "C" fn(*const c_void, u64, f64, RSlice<'_, f64>, f64) -> AbiResult<u8>,
    cancelled: unsafe extern "C" fn(*const c_void) -> AbiResult<bool>,
}

static VTABLE: EstimatorVtable = EstimatorVtable { info, evaluate, drop: drop_estimator };

impl EstimatorObject {
    /// Makes an estimator ready to cross.
    pub fn export(estimator: Box<dyn Estimator>) -> Self {
        Self { handle: Guarded::into_handle(estimator), vtable: &VTABLE }
    }

    /// What the estimator measures, or why it cannot say.
    pub fn try_info(&self) -> Result<EstimatorInfo, ComponentError> {
        // SAFETY: the handle is the vtable's and lives as long as `self`; only shared calls are made on it.
        read(&from_abi(unsafe { (self.vtable.info)(self.handle) })?)
    }

    /// [`Estimator::evaluate`], with an error where the other side gave no results at all.
    pub fn try_evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Result<Vec<Result<Outcome, Failure>>, ComponentError> {
        self.evaluate_columns(&Requests::from_model(requests)?, reporter)?.to_model()
    }

    /// [`try_evaluate`](Self::try_evaluate) for who has columns already.
    pub fn evaluate_columns(
        &self,
        requests: &Requests,
        reporter: &dyn Reporter,
    ) -> Result<Outcomes, ComponentError> {
        let reporter = ReporterObject {
            reporter: (&raw const reporter).cast(),
            report: report_to_reporter,
            cancelled: ask_reporter,
        };
        // SAFETY: as in `try_info`; the reporter outlives the call.
        from_abi(unsafe { (self.vtable.evaluate)(self.handle, requests, &reporter) })
    }
}

impl Drop for EstimatorObject {
    fn drop(&mut self) {
        // SAFETY: the handle is the vtable's, and nothing uses it afterwards.
        check_drop("an estimator", unsafe { (self.vtable.drop)(self.handle) });
    }
}

/// What a handle names.
type Exported = dyn Estimator;

// SAFETY of all functions below: they are reached through `EstimatorObject` alone, which keeps the guard's rules.
unsafe extern "C" fn info(handle: Handle) -> AbiResult<RVec<u8>> {
    // SAFETY: see above.
    unsafe { call_ref(handle, |estimator: &Exported| Ok(write(&estimator.info())?.into())) }
}

unsafe extern "C" fn evaluate(
    handle: Handle,
    requests: &Requests,
    reporter: &ReporterObject,
) -> AbiResult<Outcomes> {
    let call =
        |estimator: &Exported| Ok(Outcomes::from_model(&estimator.evaluate(&requests.to_model()?, reporter)));
    // SAFETY: see above.
    unsafe { call_ref(handle, call) }
}

unsafe extern "C" fn drop_estimator(handle: Handle) -> AbiResult<()> {
    // SAFETY: see above; `EstimatorObject::drop` is the only caller, once.
    unsafe { drop_guarded::<Exported>(handle) }
}

// SAFETY: `reporter` points to a `dyn Reporter`, which is `Sync`, and is lent for as long as the object.
unsafe impl Sync for ReporterObject {}

impl Reporter for ReporterObject {
    fn report(&self, trial: TrialId, point: &CurvePoint) -> Verdict {
        let objectives = point.objectives.as_slice().into();
        // SAFETY: the pointer is the one that the functions' maker gave.
        let verdict =
            unsafe { (self.report)(self.reporter, trial.0, point.step, objectives, point.cost_seconds) };
        from_abi(verdict).map_or(Verdict::Stop, verdict_from_code)
    }

    fn cancelled(&self) -> bool {
        // SAFETY: as in `report`.
        from_abi(unsafe { (self.cancelled)(self.reporter) }).unwrap_or(true)
    }
}

unsafe extern "C" fn report_to_reporter(
    reporter: *const c_void,
    trial: u64,
    step: f64,
    objectives: RSlice<'_, f64>,
    cost_seconds: f64,
) -> AbiResult<u8> {
    guard(|| {
        // SAFETY: `try_evaluate` made the pointer, and waits for the call in which this one happens.
        let reporter = unsafe { *reporter.cast::<&dyn Reporter>() };
        let point = CurvePoint { step, objectives: objectives.to_vec(), cost_seconds };
        Ok(verdict_code(reporter.report(TrialId(trial), &point)))
    })
}

unsafe extern "C" fn ask_reporter(reporter: *const c_void) -> AbiResult<bool> {
    // SAFETY: as in `report_to_reporter`.
    guard(|| Ok(unsafe { *reporter.cast::<&dyn Reporter>() }.cancelled()))
}

#[cfg(test)]
crate::layout::crossing! {
    EstimatorExtension { create }
    EstimatorObject { handle, vtable }
    EstimatorVtable { info, evaluate, drop }
    ReporterObject { reporter, report, cancelled }
}

#[cfg(test)]
mod tests {
    use heirloom_model::{Direction, Objective};

    use super::*;

    struct Said(EstimatorInfo);

    fn measures_loss(concurrent: bool) -> EstimatorInfo {
        EstimatorInfo {
            objectives: vec![Objective { name: "loss".into(), direction: Direction::Minimise }],
            fidelities: vec![],
            space: None,
            simulated_cost: true,
            concurrent,
        }
    }

    impl Estimator for Said {
        fn info(&self) -> EstimatorInfo {
            self.0.clone()
        }

        fn evaluate(&self, _: &[EvaluationRequest], _: &dyn Reporter) -> Vec<Result<Outcome, Failure>> {
            Vec::new()
        }
    }

    #[test]
    fn whether_evaluations_run_at_the_same_time_crosses_with_the_info() {
        for info in [true, false].map(measures_loss) {
            let object = EstimatorObject::export(Box::new(Said(info.clone())));
            assert_eq!(object.try_info().unwrap(), info);
        }
    }

    #[test]
    fn what_the_first_libraries_write_is_read_and_written_still() {
        let first = r#"{"objectives":[{"name":"loss","direction":"minimise"}],"fidelities":[],"space":null,"simulated_cost":true}"#;
        let info = measures_loss(true);
        assert_eq!(read::<EstimatorInfo>(first.as_bytes()).unwrap(), info);
        assert_eq!(write(&info).unwrap(), first.as_bytes());
    }
}
