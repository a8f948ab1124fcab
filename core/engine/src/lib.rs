#![doc = include_str!("../README.md")]

mod run;
pub use run::{Budget, EndReason, EngineError, Parts, RunEnd, RunSpec, run};

mod executor;
pub use executor::{Executor, LocalExecutor, Signal};

mod filter;
pub use filter::ProxyFilter;

mod vote;
pub use vote::{References, Vote};

mod ledger;
pub use ledger::{Incumbent, beats};

mod replay;
mod stop;
mod supervisor;
pub use stop::StopSignal;

#[cfg(test)]
mod tests;
