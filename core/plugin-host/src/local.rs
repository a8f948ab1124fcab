//! Components in the host's own process.
//!
//! An object that panicked is not called again: an estimator or proxy is made anew for the next trial.

use std::sync::{Arc, PoisonError, RwLock};

use heirloom_model::{
    ComponentError, ComponentErrorKind, Configuration, EstimatorInfo, EvaluationRequest, Failure, Outcome,
    Problem, ProxyInfo, Reporter, Seed, Space,
};
use heirloom_plugin_abi::{
    Context, EstimatorObject, LoadError, LoadedLibrary, Maker, POISONED, ProxyObject, StrategyObject,
    Written, write_problem, write_space,
};
use serde_json::Value as Json;

use crate::checked::{RawEstimator, RawProxy};
use crate::error::HostError;
use crate::identity::Identity;
use crate::plugin::Plugin;

/// What a component is made from.
pub(crate) struct Recipe<'a> {
    pub(crate) plugin: &'a Plugin,
    pub(crate) identity: &'a Identity,
    pub(crate) options: &'a Json,
    pub(crate) context: &'a Context,
}

impl Recipe<'_> {
    pub(crate) fn explain(&self, error: ComponentError) -> HostError {
        HostError::Component { source: self.identity.explain("being made", error) }
    }

    /// What `select` finds in the loaded library.
    fn extension<T>(
        &self,
        select: impl FnOnce(&LoadedLibrary) -> Result<Maker<T>, LoadError>,
    ) -> Result<Maker<T>, HostError> {
        select(&self.plugin.library()?).map_err(|error| self.plugin.load_error(&error))
    }

    /// A strategy.
    pub(crate) fn strategy(&self, problem: &Problem) -> Result<StrategyObject, HostError> {
        let extension = self.extension(LoadedLibrary::strategies)?;
        let made = write_problem(problem).and_then(|subject| {
            let written = Written { options: &self.options.to_string(), subject: &subject };
            extension.create(&self.identity.name, written, self.context)
        });
        made.map_err(|error| self.explain(error))
    }

    /// An estimator, and what it says of itself.
    pub(crate) fn estimator(
        &self,
        space: Option<Arc<Space>>,
    ) -> Result<(Box<dyn RawEstimator>, EstimatorInfo), HostError> {
        let extension = self.extension(LoadedLibrary::estimators)?;
        let subject = write_space(space.as_deref()).map_err(|error| self.explain(error))?;
        let (name, options, context) =
            (self.identity.name.clone(), self.options.to_string(), self.context.clone());
        let make =
            move || extension.create(&name, Written { options: &options, subject: &subject }, &context);
        let object = make().map_err(|error| self.explain(error))?;
        let info = object.try_info().map_err(|error| self.explain(error))?;
        Ok((Box::new(Renewed::new(object, make)), info))
    }

    /// A proxy, and what it says of itself.
    pub(crate) fn proxy(&self, problem: &Problem) -> Result<(Box<dyn RawProxy>, ProxyInfo), HostError> {
        let extension = self.extension(LoadedLibrary::proxies)?;
        let subject = write_problem(problem).map_err(|error| self.explain(error))?;
        let (name, options, context) =
            (self.identity.name.clone(), self.options.to_string(), self.context.clone());
        let make =
            move || extension.create(&name, Written { options: &options, subject: &subject }, &context);
        let object = make().map_err(|error| self.explain(error))?;
        let info = object.try_info().map_err(|error| self.explain(error))?;
        Ok((Box::new(Renewed::new(object, make)), info))
    }
}

/// An object that is made anew after a panic.
struct Renewed<T, M> {
    object: RwLock<Arc<T>>,
    make: M,
}

impl<T, M: Fn() -> Result<T, ComponentError>> Renewed<T, M> {
    fn new(object: T, make: M) -> Self {
        Self { object: RwLock::new(Arc::new(object)), make }
    }

    fn call<R>(&self, mut call: impl FnMut(&T) -> Result<R, ComponentError>) -> Result<R, ComponentError> {
        let object = Arc::clone(&self.object.read().unwrap_or_else(PoisonError::into_inner));
        match call(&object) {
            Err(error) if error.kind == ComponentErrorKind::Panicked => {
                let renewed = self.renew(&object)?;
                // Another thread's call panicked: this one was not even begun.
                if error.message == POISONED { call(&renewed) } else { Err(error) }
            }
            result => result,
        }
    }

    /// The object that takes the place of `old`.
    fn renew(&self, old: &Arc<T>) -> Result<Arc<T>, ComponentError> {
        let mut current = self.object.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, old) {
            *current = Arc::new((self.make)()?);
        }
        Ok(Arc::clone(&current))
    }
}

impl<M> RawEstimator for Renewed<EstimatorObject, M>
where
    M: Fn() -> Result<EstimatorObject, ComponentError> + Send + Sync,
{
    fn try_evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Result<Vec<Result<Outcome, Failure>>, ComponentError> {
        self.call(|object| object.try_evaluate(requests, reporter))
    }
}

impl<M> RawProxy for Renewed<ProxyObject, M>
where
    M: Fn() -> Result<ProxyObject, ComponentError> + Send + Sync,
{
    fn try_score(
        &self,
        configurations: &[Configuration],
        seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        self.call(|object| object.score(configurations, seed, scores))
    }
}
