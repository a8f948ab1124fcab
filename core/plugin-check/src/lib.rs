#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod report;
pub use report::{CheckResult, Report, Status};

mod suite;
pub use suite::{Check, Subject, Suite};

mod problems;

mod session;
pub use session::{Session, Trouble};

mod strategy;
pub use strategy::StrategySubject;

mod estimator;
pub use estimator::EstimatorSubject;

mod loaded;

mod instance;

mod usage;

mod component;

mod library;
pub use library::LibrarySuite;

mod convergence;
pub use convergence::{ConvergenceTask, convergence};

mod proxy;
pub use proxy::ProxySubject;

mod error;
pub use error::CheckError;

mod setting;
pub use setting::{ComponentSetting, Setting, SpaceSetting};

mod job;
pub use job::{ComponentName, Target, Task, do_job};

mod processes;
pub use processes::{Start, serve_jobs};

mod fuzz;
pub use fuzz::{Call, FuzzReport, Replay, Told, fuzz_plugin, replay};

mod checker;
pub use checker::{CHECK_SECONDS, PluginReport, SOURCE_CHECK_SECONDS, Selection, TaskResult, check_plugin};

use std::path::{Path, PathBuf};

use heirloom_model::{ComponentError, Configuration, Estimator, EvaluationRequest, Problem, Proxy, Strategy};

/// The checks of a strategy. `make` is called for every check, with problems of many kinds; it may refuse one with
/// [`ComponentErrorKind::Unsupported`](heirloom_model::ComponentErrorKind::Unsupported).
pub fn strategy<'a>(
    make: impl Fn(&Problem) -> Result<Box<dyn Strategy>, ComponentError> + 'a,
) -> Suite<StrategySubject<'a>> {
    Suite(StrategySubject { make: Box::new(make), ignores_seed: false, informs: None, seed: 1 })
}

/// The checks of an estimator, on `requests` that it can evaluate: at least one.
pub fn estimator<'a>(
    make: impl Fn() -> Result<Box<dyn Estimator>, ComponentError> + 'a,
    requests: Vec<EvaluationRequest>,
) -> Suite<EstimatorSubject<'a>> {
    Suite(EstimatorSubject { make: Box::new(make), requests, repeatable: false })
}

/// The checks of a proxy, on `configurations` of the space it is made for: at least two.
pub fn proxy<'a>(
    make: impl Fn() -> Result<Box<dyn Proxy>, ComponentError> + 'a,
    configurations: Vec<Configuration>,
) -> Suite<ProxySubject<'a>> {
    Suite(ProxySubject { make: Box::new(make), configurations })
}

/// The checks of a built library and of every component in it, loaded as the host loads them.
pub fn library(path: &Path) -> LibrarySuite {
    LibrarySuite::new(path)
}

/// For tests: the library that cargo built of the package under test, `env!("CARGO_PKG_NAME")`.
///
/// # Panics
///
/// When the running program's own path is not known.
pub fn built_library(package: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};

    let program = std::env::current_exe().expect("a test is a file that runs");
    let name = package.replace('-', "_");
    program.with_file_name(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"))
}
