//! `strategy/1`: a strategy on the other side of the boundary.
//!
//! Both directions are here, because both sides need both: a plugin exports its strategies, and imports those that
//! it asks the host for.

use crate::columns::{Ask, Knowledge, Observations, Proposals, Report};
use crate::error::{AbiResult, from_abi};
use crate::guard::{Guarded, Handle, call_mut, check_drop, drop_guarded};
use crate::host::{Context, HostObject};
use crate::problem::Written;
use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RSlice, RStr, RVec};
use heirloom_model::{
    AskRequest, ComponentError, CurveReport, Observation, PriorKnowledge, Proposal, Strategy, TrialId,
    Verdict,
};

/// The extension's id.
pub const STRATEGY_EXTENSION: &str = "strategy/1";

/// What a library with strategies exports. Published: it never changes.
#[repr(C)]
#[derive(StableAbi)]
pub struct StrategyExtension {
    /// Makes the strategy of a name, from options (JSON) and a problem (JSON).
    pub(crate) create:
        extern "C" fn(RStr<'_>, RSlice<'_, u8>, RSlice<'_, u8>, HostObject) -> AbiResult<StrategyObject>,
}

impl StrategyExtension {
    /// Makes the strategy `name`.
    pub fn create(
        &self,
        name: &str,
        written: Written<'_>,
        context: &Context,
    ) -> Result<StrategyObject, ComponentError> {
        let host = HostObject::new(context);
        from_abi((self.create)(name.into(), written.options.as_bytes().into(), written.subject.into(), host))
    }
}

/// A strategy of the other side.
#[repr(C)]
#[derive(StableAbi)]
pub struct StrategyObject {
    handle: Handle,
    vtable: &'static StrategyVtable,
}

/// A strategy's functions, in the order of the trait's.
#[repr(C)]
#[derive(StableAbi)]
pub struct StrategyVtable {
    ask: unsafe extern "C" fn(Handle, &Ask) -> AbiResult<Proposals>,
    tell: unsafe extern "C" fn(Handle, &Observations) -> AbiResult<()>,
    judge: unsafe extern "C" fn(Handle, &Report) -> AbiResult<u8>,
    inform: unsafe extern "C" fn(Handle, &Knowledge) -> AbiResult<bool>,
    recommend: unsafe extern "C" fn(Handle) -> AbiResult<ROption<u64>>,
    save: unsafe extern "C" fn(Handle) -> AbiResult<ROption<RVec<u8>>>,
    restore: unsafe extern "C" fn(Handle, RSlice<'_, u8>) -> AbiResult<()>,
    drop: unsafe extern "C" fn(Handle) -> AbiResult<()>,
}

static VTABLE: StrategyVtable =
    StrategyVtable { ask, tell, judge, inform, recommend, save, restore, drop: drop_strategy };

impl StrategyObject {
    /// Makes a strategy ready to cross.
    pub fn export(strategy: Box<dyn Strategy>) -> Self {
        Self { handle: Guarded::into_handle(strategy), vtable: &VTABLE }
    }
}

// SAFETY of all calls below: the handle is the one that the vtable's maker made for it. It is used through `&mut self`
// alone, or through `&self` by one thread at a time, because a `dyn Strategy` is not `Sync`; and it dies with `self`.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all")]
impl StrategyObject {
    /// [`Strategy::ask`] for who has columns already.
    pub fn ask_columns(&mut self, request: &Ask) -> Result<Proposals, ComponentError> {
        from_abi(unsafe { (self.vtable.ask)(self.handle, request) })
    }

    /// [`Strategy::tell`] for who has columns already.
    pub fn tell_columns(&mut self, observations: &Observations) -> Result<(), ComponentError> {
        from_abi(unsafe { (self.vtable.tell)(self.handle, observations) })
    }
}

#[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for all")]
impl Strategy for StrategyObject {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        self.ask_columns(&Ask::from_model(request)?)?.to_model()
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        self.tell_columns(&Observations::from_model(observations)?)
    }

    fn judge(&mut self, report: &CurveReport) -> Result<Verdict, ComponentError> {
        let verdict = unsafe { (self.vtable.judge)(self.handle, &Report::from_model(report)) };
        from_abi(verdict).map(verdict_from_code)
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        let knowledge = Knowledge::from_model(knowledge)?;
        from_abi(unsafe { (self.vtable.inform)(self.handle, &knowledge) })
    }

    #[inline]
    fn recommend(&self) -> Result<Option<TrialId>, ComponentError> {
        let trial = from_abi(unsafe { (self.vtable.recommend)(self.handle) })?;
        Ok(trial.into_option().map(TrialId))
    }

    fn save(&self) -> Result<Option<Vec<u8>>, ComponentError> {
        let state = from_abi(unsafe { (self.vtable.save)(self.handle) })?;
        Ok(state.into_option().map(Into::into))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), ComponentError> {
        from_abi(unsafe { (self.vtable.restore)(self.handle, state.into()) })
    }
}

impl Drop for StrategyObject {
    fn drop(&mut self) {
        // SAFETY: the handle is the vtable's, and nothing uses it afterwards.
        check_drop("a strategy", unsafe { (self.vtable.drop)(self.handle) });
    }
}

/// The number that stands for a verdict.
pub fn verdict_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Continue => 0,
        Verdict::Stop => 1,
        Verdict::Pause => 2,
    }
}

/// The verdict of a number; an unknown one is read as "go on".
pub fn verdict_from_code(code: u8) -> Verdict {
    match code {
        1 => Verdict::Stop,
        2 => Verdict::Pause,
        _ => Verdict::Continue,
    }
}

/// What a handle names.
type Exported = dyn Strategy;

// SAFETY of all functions below: they are reached through `StrategyObject` alone, which keeps the guard's rules.
unsafe extern "C" fn ask(handle: Handle, request: &Ask) -> AbiResult<Proposals> {
    let call = |strategy: &mut Exported| {
        let pending = request.pending()?;
        Proposals::from_model(&strategy.ask(&request.request(&pending))?)
    };
    // SAFETY: see above.
    unsafe { call_mut(handle, call) }
}

unsafe extern "C" fn tell(handle: Handle, observations: &Observations) -> AbiResult<()> {
    // SAFETY: see above.
    unsafe { call_mut(handle, |strategy: &mut Exported| strategy.tell(&observations.to_model()?)) }
}

unsafe extern "C" fn judge(handle: Handle, report: &Report) -> AbiResult<u8> {
    // SAFETY: see above.
    unsafe {
        call_mut(handle, |strategy: &mut Exported| strategy.judge(&report.to_model()).map(verdict_code))
    }
}

unsafe extern "C" fn inform(handle: Handle, knowledge: &Knowledge) -> AbiResult<bool> {
    // SAFETY: see above.
    unsafe { call_mut(handle, |strategy: &mut Exported| strategy.inform(&knowledge.to_model()?)) }
}

unsafe extern "C" fn recommend(handle: Handle) -> AbiResult<ROption<u64>> {
    let call = |strategy: &mut Exported| Ok(strategy.recommend()?.map(|trial| trial.0).into());
    // SAFETY: see above.
    unsafe { call_mut(handle, call) }
}

unsafe extern "C" fn save(handle: Handle) -> AbiResult<ROption<RVec<u8>>> {
    let call = |strategy: &mut Exported| Ok(strategy.save()?.map(RVec::from).into());
    // SAFETY: see above.
    unsafe { call_mut(handle, call) }
}

unsafe extern "C" fn restore(handle: Handle, state: RSlice<'_, u8>) -> AbiResult<()> {
    // SAFETY: see above.
    unsafe { call_mut(handle, |strategy: &mut Exported| strategy.restore(&state)) }
}

unsafe extern "C" fn drop_strategy(handle: Handle) -> AbiResult<()> {
    // SAFETY: see above; `StrategyObject::drop` is the only caller, once.
    unsafe { drop_guarded::<Exported>(handle) }
}

#[cfg(test)]
crate::layout::crossing! {
    StrategyExtension { create }
    StrategyObject { handle, vtable }
    StrategyVtable { ask, tell, judge, inform, recommend, save, restore, drop }
}
