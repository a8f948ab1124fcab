//! Components in worker processes, for `isolation = "process"`.
//!
//! The same library that the host could load is loaded by `heirloom-plugin-worker`, one process a component. Both
//! talk in frames over a socket that the worker inherits as its standard input: control in MessagePack, numbers in
//! raw columns. A worker is confined to its limits before any of the
//! plugin's code runs. What ends or blocks the worker is a fault of one call, and a new worker takes its place.

mod frame;

mod message;

mod process;

mod launch;

mod confined;

mod session;

mod scratch;

mod environment;

mod output;

mod strategy;

mod estimator;

mod proxy;

mod replay;

mod last_words;

mod serve;

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod memory;

pub use serve::serve;

use std::sync::Arc;

use heirloom_model::{EstimatorInfo, Problem, ProxyInfo, Space};
use heirloom_plugin_abi::{describe_problem, describe_space, write_problem, write_space};

use crate::checked::{RawEstimator, RawProxy};
use crate::error::HostError;
use crate::host::HostState;
use crate::local::Recipe;

use launch::Launcher;
use strategy::IsolatedStrategy;

impl Recipe<'_> {
    /// A strategy in a worker.
    pub(crate) fn isolated_strategy(
        &self,
        host: &HostState,
        problem: &Problem,
    ) -> Result<IsolatedStrategy, HostError> {
        let launcher = self.launcher_for(host, problem)?;
        IsolatedStrategy::start(launcher).map_err(|error| self.explain(error))
    }

    /// An estimator in workers, one for each evaluation at the same time, and what it says of itself.
    pub(crate) fn isolated_estimator(
        &self,
        host: &HostState,
        space: Option<Arc<Space>>,
    ) -> Result<(Box<dyn RawEstimator>, EstimatorInfo), HostError> {
        let write = if self.plugin.is_library() { write_space } else { describe_space };
        let subject = write(space.as_deref()).map_err(|error| self.explain(error))?;
        let launcher = Launcher::new(self, host, subject, space)?;
        let (pool, info) =
            estimator::IsolatedEstimator::start(launcher).map_err(|error| self.explain(error))?;
        Ok((Box::new(pool), info))
    }

    /// A proxy in workers, and what it says of itself.
    pub(crate) fn isolated_proxy(
        &self,
        host: &HostState,
        problem: &Problem,
    ) -> Result<(Box<dyn RawProxy>, ProxyInfo), HostError> {
        let launcher = self.launcher_for(host, problem)?;
        let (pool, info) = proxy::IsolatedProxy::start(launcher).map_err(|error| self.explain(error))?;
        Ok((Box::new(pool), info))
    }

    fn launcher_for(&self, host: &HostState, problem: &Problem) -> Result<Launcher, HostError> {
        let write = if self.plugin.is_library() { write_problem } else { describe_problem };
        let subject = write(problem).map_err(|error| self.explain(error))?;
        Launcher::new(self, host, subject, Some(Arc::clone(&problem.space)))
    }
}
