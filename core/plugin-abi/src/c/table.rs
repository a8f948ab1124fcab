//! The types of the C interface, as they stand in `include/heirloom_plugin.h`.
//!
//! Texts are UTF-8 and end with a zero byte. Configurations and the like are plain arrays of numbers, row after row:
//! `d` is the number of parameters, `f` that of fidelity dimensions, `m` that of objectives.

use std::ffi::{c_char, c_void};

/// The interface level of this header.
pub const HEIRLOOM_INTERFACE: u32 = 1;

/// Stands for "no trial" and "no limit".
pub const HEIRLOOM_NONE: u64 = u64::MAX;

/// Returned: it worked.
pub const HEIRLOOM_OK: i32 = 0;
/// Returned: the component's own table in the run file is wrong.
pub const HEIRLOOM_CONFIGURATION: i32 = 1;
/// Returned: the component cannot work on this problem.
pub const HEIRLOOM_UNSUPPORTED: i32 = 2;
/// Returned: the component refused its input or failed inside.
pub const HEIRLOOM_FAILED: i32 = 3;

/// Returned by `evaluate`: more memory was wanted than there was.
pub const HEIRLOOM_OUT_OF_MEMORY: i32 = 1;
/// Returned by `evaluate`: a measured number was not finite.
pub const HEIRLOOM_DIVERGED: i32 = 2;
/// Returned by `evaluate`: the time limit ran out.
pub const HEIRLOOM_TIMED_OUT: i32 = 3;
/// Returned by `evaluate`: it failed in another way.
pub const HEIRLOOM_CRASHED: i32 = 4;
/// Returned by `evaluate`: the configuration is refused.
pub const HEIRLOOM_REJECTED: i32 = 5;
/// Returned by `evaluate`: the run was told to end before the evaluation did.
pub const HEIRLOOM_CANCELLED: i32 = 6;

/// A parameter's kind: a real number.
pub const HEIRLOOM_FLOAT: u32 = 0;
/// A parameter's kind: a whole number.
pub const HEIRLOOM_INT: u32 = 1;
/// A parameter's kind: one of several choices without order; its number is the choice's index.
pub const HEIRLOOM_CATEGORICAL: u32 = 2;
/// A parameter's kind: one of several values in order; its number is the value's index.
pub const HEIRLOOM_ORDINAL: u32 = 3;
/// A parameter's kind: always the same; its number is 0.
pub const HEIRLOOM_CONSTANT: u32 = 4;

/// An option's kind: a number.
pub const HEIRLOOM_NUMBER: u32 = 0;
/// An option's kind: a text.
pub const HEIRLOOM_TEXT: u32 = 1;
/// An option's kind: 0 or 1.
pub const HEIRLOOM_BOOLEAN: u32 = 2;

/// A verdict: train on.
pub const HEIRLOOM_CONTINUE: u32 = 0;
/// A verdict: end here; what was measured so far is the result.
pub const HEIRLOOM_STOP: u32 = 1;
/// A verdict: end here and keep the weights, a later proposal may continue the trial.
pub const HEIRLOOM_PAUSE: u32 = 2;

/// A proxy needs the configuration alone.
pub const HEIRLOOM_NEEDS_NOTHING: u32 = 0;
/// A proxy needs a batch of inputs.
pub const HEIRLOOM_NEEDS_INPUTS: u32 = 1;
/// A proxy needs a batch of inputs with labels.
pub const HEIRLOOM_NEEDS_LABELS: u32 = 2;
/// A proxy needs inputs, labels and gradients.
pub const HEIRLOOM_NEEDS_GRADIENTS: u32 = 3;

/// Where a function that fails says why; see `heirloom_fail`.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomError {
    /// The message, with names, values and a remedy.
    pub text: [c_char; 1024],
}

/// What may vary in one place.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomParameter {
    /// Its name.
    pub name: *const c_char,
    /// `HEIRLOOM_FLOAT` and so on.
    pub kind: u32,
    /// 1 where ratios count, not differences.
    pub log: u32,
    /// Smallest number.
    pub low: f64,
    /// Largest number.
    pub high: f64,
    /// Distance between neighbouring numbers; 0: any.
    pub step: f64,
    /// How many values it has; 0: infinitely many.
    pub n_values: u64,
    /// The choices' or values' names, `[n_values]`; null for numbers.
    pub labels: *const *const c_char,
    /// The number it has where nothing else is said.
    pub default_number: f64,
    /// 1 where it may be inactive: its number is NaN then.
    pub conditional: u32,
}

/// One way in which an evaluation can be smaller than the full one.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomFidelity {
    /// Its name, such as `epochs`.
    pub name: *const c_char,
    /// The smallest value that says anything.
    pub low: f64,
    /// The full value.
    pub high: f64,
    /// 1 where only whole numbers count.
    pub integer: u32,
}

/// What is measured. Inside Heirloom it is minimised: a value that people want large is turned around.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomObjective {
    /// Its name, such as `val_acc`.
    pub name: *const c_char,
    /// 1 where people want it large.
    pub maximise: u32,
}

/// One option of the run file. Those within tables and lists have names such as `table.key` and `list.0`.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomOption {
    /// Its name.
    pub name: *const c_char,
    /// `HEIRLOOM_NUMBER`, `HEIRLOOM_TEXT` or `HEIRLOOM_BOOLEAN`.
    pub kind: u32,
    /// A number; 0 or 1 for a boolean.
    pub number: f64,
    /// A text; null for the others.
    pub text: *const c_char,
}

/// What a component is made from. All of it stays where it is until the component is destroyed.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomSetup {
    /// The component's name.
    pub name: *const c_char,
    /// The search space, `[d]`; none for an estimator where the run file has none.
    pub parameters: *const HeirloomParameter,
    /// `d`.
    pub n_parameters: usize,
    /// The dimensions of an evaluation's size, `[f]`; none for estimators.
    pub fidelities: *const HeirloomFidelity,
    /// `f`.
    pub n_fidelities: usize,
    /// What is measured, `[m]`; none for estimators.
    pub objectives: *const HeirloomObjective,
    /// `m`.
    pub n_objectives: usize,
    /// The options, checked against `plugin.toml`, defaults filled in.
    pub options: *const HeirloomOption,
    /// How many there are.
    pub n_options: usize,
    /// The same as JSON.
    pub options_json: *const c_char,
    /// The space, fidelities and objectives as JSON, conditions and forbidden combinations among them.
    pub problem_json: *const c_char,
    /// The run file's folder.
    pub folder: *const c_char,
    /// How many threads the component may use at the same time.
    pub threads: u64,
    /// What the host does for a component.
    pub host: *const HeirloomHost,
}

/// What the host does for a component. Random numbers follow from a seed, a stream's name and a counter.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomHost {
    /// The host's own.
    pub context: *const c_void,
    /// Draws a configuration, `[d]`, uniformly. With the request's seed, the stream `trial` and the trial's number it
    /// is the same that every other language draws.
    pub sample: unsafe extern "C" fn(
        host: *const HeirloomHost,
        seed: *const u8,
        stream: *const c_char,
        counter: u64,
        configuration: *mut f64,
    ) -> i32,
    /// Sets one parameter of `from`, drawn at random, to a neighbouring value.
    pub mutate: unsafe extern "C" fn(
        host: *const HeirloomHost,
        seed: *const u8,
        stream: *const c_char,
        counter: u64,
        from: *const f64,
        configuration: *mut f64,
    ) -> i32,
    /// Draws `n` numbers, uniform in 0 to 1.
    pub uniform: unsafe extern "C" fn(
        host: *const HeirloomHost,
        seed: *const u8,
        stream: *const c_char,
        counter: u64,
        numbers: *mut f64,
        n: usize,
    ) -> i32,
    /// The configuration nearest to a point of the unit cube, `[d]` both; inactive parameters get NaN. It may be a
    /// forbidden one.
    pub from_unit:
        unsafe extern "C" fn(host: *const HeirloomHost, unit: *const f64, configuration: *mut f64) -> i32,
    /// A configuration's place in the unit cube; inactive parameters have NaN.
    pub to_unit:
        unsafe extern "C" fn(host: *const HeirloomHost, configuration: *const f64, unit: *mut f64) -> i32,
    /// Whether a configuration is a point of the space: `HEIRLOOM_OK`, else `error` says what is wrong.
    pub check: unsafe extern "C" fn(
        host: *const HeirloomHost,
        configuration: *const f64,
        error: *mut HeirloomError,
    ) -> i32,
    /// Writes to the host's log: level 1 (error) to 5 (trace).
    pub log: unsafe extern "C" fn(host: *const HeirloomHost, level: u32, text: *const c_char),
    /// 1 where the run was told to end.
    pub cancelled: unsafe extern "C" fn(host: *const HeirloomHost) -> u32,
}

/// Trials: what each is and how large.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomTrials {
    /// How many.
    pub n: usize,
    /// Their numbers, `[n]`.
    pub ids: *const u64,
    /// `[n × d]`.
    pub configurations: *const f64,
    /// `[n × f]`.
    pub fidelities: *const f64,
}

/// What a strategy is asked.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomAsk {
    /// How many proposals are wanted; fewer may be given.
    pub n: usize,
    /// The number that the first proposal's trial will have; the next ones count on.
    pub first_trial: u64,
    /// The strategy's seed, the same at every call of a run.
    pub seed: [u8; 32],
    /// Proposed and not told yet.
    pub pending: HeirloomTrials,
}

/// Where a strategy writes its proposals: room for as many as were asked for.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomProposals {
    /// How many were written: set it; it begins at 0.
    pub n: usize,
    /// `[n × d]`, filled with NaN.
    pub configurations: *mut f64,
    /// `[n × f]`, filled with the full size.
    pub fidelities: *mut f64,
    /// Whose weights are inherited, `[n]`, filled with `HEIRLOOM_NONE`.
    pub parents: *mut u64,
    /// Which trial is trained further, `[n]`, filled with `HEIRLOOM_NONE`.
    pub continues: *mut u64,
}

/// What became of trials.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomObservations {
    /// Which.
    pub trials: HeirloomTrials,
    /// `m`.
    pub n_objectives: usize,
    /// Minimised, `[n × m]`, NaN where the trial failed.
    pub objectives: *const f64,
    /// `[n]`: 0, or `HEIRLOOM_OUT_OF_MEMORY` and so on.
    pub failures: *const u8,
    /// Seconds, `[n]`.
    pub costs: *const f64,
}

/// A point of a running trial's learning curve.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomReport {
    /// The trial.
    pub trial: u64,
    /// `[f]`.
    pub fidelity: *const f64,
    /// How far it has come.
    pub step: f64,
    /// Minimised, `[m]`.
    pub objectives: *const f64,
    /// `m`.
    pub n_objectives: usize,
    /// Seconds.
    pub cost_seconds: f64,
}

/// What is believed before the first trial.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomKnowledge {
    /// How many configurations.
    pub n: usize,
    /// `[n × d]`.
    pub configurations: *const f64,
    /// Expected quantile, `[n]`: 0 the best, 1 the worst.
    pub scores: *const f64,
    /// How much to trust it, `[n]`: 1 counts as one trial.
    pub weights: *const f64,
}

/// Bytes of the component's own, which stay where they are until its next call.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomBytes {
    /// Null for none.
    pub data: *const u8,
    /// How many.
    pub length: usize,
}

/// Makes a component: writes it to `component`, or returns what is wrong.
pub type HeirloomCreate = Option<
    unsafe extern "C" fn(
        setup: *const HeirloomSetup,
        component: *mut *mut c_void,
        error: *mut HeirloomError,
    ) -> i32,
>;

/// Ends a component.
pub type HeirloomDestroy = Option<unsafe extern "C" fn(component: *mut c_void)>;

/// A strategy's functions. Calls never overlap. What stands after `tell` may be null.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HeirloomStrategy {
    /// Makes it for a problem.
    pub create: HeirloomCreate,
    /// Ends it.
    pub destroy: HeirloomDestroy,
    /// Proposes configurations.
    pub ask: Option<
        unsafe extern "C" fn(
            strategy: *mut c_void,
            ask: *const HeirloomAsk,
            proposals: *mut HeirloomProposals,
            error: *mut HeirloomError,
        ) -> i32,
    >,
    /// Learns what became of trials.
    pub tell: Option<
        unsafe extern "C" fn(
            strategy: *mut c_void,
            observations: *const HeirloomObservations,
            error: *mut HeirloomError,
        ) -> i32,
    >,
    /// Says whether a running trial goes on: sets `verdict`, which begins at `HEIRLOOM_CONTINUE`.
    pub judge: Option<
        unsafe extern "C" fn(
            strategy: *mut c_void,
            report: *const HeirloomReport,
            verdict: *mut u32,
            error: *mut HeirloomError,
        ) -> i32,
    >,
    /// Takes in what is believed: sets `used` to 1 where it will be used.
    pub inform: Option<
        unsafe extern "C" fn(
            strategy: *mut c_void,
            knowledge: *const HeirloomKnowledge,
            used: *mut u32,
            error: *mut HeirloomError,
        ) -> i32,
    >,
    /// Sets the trial to recommend; it begins at `HEIRLOOM_NONE`.
    pub recommend: Option<
        unsafe extern "C" fn(strategy: *mut c_void, trial: *mut u64, error: *mut HeirloomError) -> i32,
    >,
    /// Gives the state. No search calls it yet: a resumed one replays its trials.
    pub save: Option<
        unsafe extern "C" fn(
            strategy: *mut c_void,
            state: *mut HeirloomBytes,
            error: *mut HeirloomError,
        ) -> i32,
    >,
    /// Takes up a state that `save` gave.
    pub restore: Option<
        unsafe extern "C" fn(
            strategy: *mut c_void,
            state: *const HeirloomBytes,
            error: *mut HeirloomError,
        ) -> i32,
    >,
}

/// What an estimator says of itself.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomEstimatorInfo {
    /// What it measures, `[m]`, at least one.
    pub objectives: *const HeirloomObjective,
    /// `m`.
    pub n_objectives: usize,
    /// The dimensions of an evaluation's size, `[f]`.
    pub fidelities: *const HeirloomFidelity,
    /// `f`.
    pub n_fidelities: usize,
    /// The space it knows as JSON, as a run file has it; null where the run file gives the space.
    pub space_json: *const c_char,
    /// 1 where cost is simulated: seconds reported, not spent.
    pub simulated_cost: u32,
    /// 1 where `evaluate` may be called from several threads at once.
    pub concurrent: u32,
}

/// The evaluation's line to the host, for as long as the call. It may be used from any thread.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomReporter {
    /// The host's own.
    pub context: *const c_void,
    /// Reports a point of the learning curve, objectives minimised, `[m]`; returns the verdict.
    pub report:
        unsafe extern "C" fn(reporter: *const HeirloomReporter, step: f64, objectives: *const f64) -> u32,
    /// Keeps something else that was measured, in its own unit.
    pub metric: unsafe extern "C" fn(reporter: *const HeirloomReporter, name: *const c_char, value: f64),
    /// 1 where the evaluation shall end, with `HEIRLOOM_CANCELLED`.
    pub cancelled: unsafe extern "C" fn(reporter: *const HeirloomReporter) -> u32,
}

/// One trial to evaluate.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomEvaluation {
    /// Its number.
    pub trial: u64,
    /// Which try at it this is, from 1.
    pub attempt: u64,
    /// `[d]`.
    pub configuration: *const f64,
    /// `[f]`.
    pub fidelity: *const f64,
    /// `d`.
    pub n_parameters: usize,
    /// `f`; 0 where the run has only one size.
    pub n_fidelities: usize,
    /// Whose weights are inherited, or `HEIRLOOM_NONE`.
    pub parent: u64,
    /// Which trial is trained further, or `HEIRLOOM_NONE`.
    pub continues: u64,
    /// The evaluation's seed.
    pub seed: [u8; 32],
    /// Seconds that it may take; NaN for no limit.
    pub seconds: f64,
    /// Bytes of memory that it may use, or `HEIRLOOM_NONE`.
    pub memory_bytes: u64,
    /// How many threads it may use.
    pub threads: u64,
    /// Where the run keeps the files of its trials; null for nowhere.
    pub folder: *const c_char,
    /// The line to the host.
    pub reporter: *const HeirloomReporter,
}

/// Where an estimator writes what it measured.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomOutcome {
    /// Minimised, `[m]`.
    pub objectives: *mut f64,
    /// Seconds; left at NaN, the host's clock counts.
    pub cost_seconds: f64,
}

/// An estimator's functions.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HeirloomEstimator {
    /// Makes it.
    pub create: HeirloomCreate,
    /// Ends it.
    pub destroy: HeirloomDestroy,
    /// What it measures. Called once; what is written stays where it is until the estimator is destroyed.
    pub info: Option<
        unsafe extern "C" fn(
            estimator: *mut c_void,
            info: *mut HeirloomEstimatorInfo,
            error: *mut HeirloomError,
        ) -> i32,
    >,
    /// Evaluates one trial: `HEIRLOOM_OK`, or the failure's kind with its message in `error`.
    pub evaluate: Option<
        unsafe extern "C" fn(
            estimator: *mut c_void,
            evaluation: *const HeirloomEvaluation,
            outcome: *mut HeirloomOutcome,
            error: *mut HeirloomError,
        ) -> i32,
    >,
}

/// What a proxy says of itself.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomProxyInfo {
    /// 1 where a larger score promises a better configuration.
    pub maximise: u32,
    /// `HEIRLOOM_NEEDS_NOTHING` and so on.
    pub needs: u32,
    /// Rough seconds for one score.
    pub cost_seconds: f64,
    /// The unit of a score; null for none.
    pub unit: *const c_char,
    /// 1 where `score` may be called from several threads at once.
    pub concurrent: u32,
}

/// A proxy's functions.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HeirloomProxy {
    /// Makes it for a problem.
    pub create: HeirloomCreate,
    /// Ends it.
    pub destroy: HeirloomDestroy,
    /// What it measures. Called once.
    pub info: Option<
        unsafe extern "C" fn(
            proxy: *mut c_void,
            info: *mut HeirloomProxyInfo,
            error: *mut HeirloomError,
        ) -> i32,
    >,
    /// Scores `n` configurations, `[n × d]`, into `scores`, `[n]`, which begin at NaN: not scored.
    pub score: Option<
        unsafe extern "C" fn(
            proxy: *mut c_void,
            configurations: *const f64,
            n: usize,
            seed: *const u8,
            scores: *mut f64,
            error: *mut HeirloomError,
        ) -> i32,
    >,
}

/// One component: its name and its functions; the other two are null.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomComponent {
    /// Its name in run files.
    pub name: *const c_char,
    /// A strategy's functions.
    pub strategy: *const HeirloomStrategy,
    /// An estimator's functions.
    pub estimator: *const HeirloomEstimator,
    /// A proxy's functions.
    pub proxy: *const HeirloomProxy,
}

/// What a library exports: the function `heirloom_plugin_1` returns it. `HEIRLOOM_PLUGIN` writes it. Published: it never
/// changes.
#[repr(C)]
#[derive(Debug)]
pub struct HeirloomPlugin {
    /// The record in the section `.heirloom`.
    pub record: *const u8,
    /// Its end.
    pub record_end: *const u8,
    /// The components.
    pub components: *const HeirloomComponent,
    /// How many.
    pub n_components: usize,
}

#[cfg(test)]
crate::layout::crossing! {
    HeirloomError { text }
    HeirloomParameter { name, kind, log, low, high, step, n_values, labels, default_number, conditional }
    HeirloomFidelity { name, low, high, integer }
    HeirloomObjective { name, maximise }
    HeirloomOption { name, kind, number, text }
    HeirloomSetup { name, parameters, n_parameters, fidelities, n_fidelities, objectives, n_objectives, options, n_options, options_json, problem_json, folder, threads, host }
    HeirloomHost { context, sample, mutate, uniform, from_unit, to_unit, check, log, cancelled }
    HeirloomTrials { n, ids, configurations, fidelities }
    HeirloomAsk { n, first_trial, seed, pending }
    HeirloomProposals { n, configurations, fidelities, parents, continues }
    HeirloomObservations { trials, n_objectives, objectives, failures, costs }
    HeirloomReport { trial, fidelity, step, objectives, n_objectives, cost_seconds }
    HeirloomKnowledge { n, configurations, scores, weights }
    HeirloomBytes { data, length }
    HeirloomStrategy { create, destroy, ask, tell, judge, inform, recommend, save, restore }
    HeirloomEstimatorInfo { objectives, n_objectives, fidelities, n_fidelities, space_json, simulated_cost, concurrent }
    HeirloomReporter { context, report, metric, cancelled }
    HeirloomEvaluation { trial, attempt, configuration, fidelity, n_parameters, n_fidelities, parent, continues, seed, seconds, memory_bytes, threads, folder, reporter }
    HeirloomOutcome { objectives, cost_seconds }
    HeirloomEstimator { create, destroy, info, evaluate }
    HeirloomProxyInfo { maximise, needs, cost_seconds, unit, concurrent }
    HeirloomProxy { create, destroy, info, score }
    HeirloomComponent { name, strategy, estimator, proxy }
    HeirloomPlugin { record, record_end, components, n_components }
}
