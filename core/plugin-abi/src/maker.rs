//! What makes a library's components, whichever way the library is entered.

use heirloom_model::ComponentError;

use crate::c;
use crate::estimator::{EstimatorExtension, EstimatorObject};
use crate::host::Context;
use crate::problem::Written;
use crate::proxy::{ProxyExtension, ProxyObject};
use crate::strategy::{StrategyExtension, StrategyObject};

/// Makes a library's components of one kind: the functions `E` of the SDK's extension, or a table in C.
pub enum Maker<E: 'static> {
    /// The SDK's.
    Extension(&'static E),
    /// A library with the C interface.
    C(&'static c::Library),
}

impl<E> Clone for Maker<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Maker<E> {}

impl Maker<StrategyExtension> {
    /// Makes the strategy `name`.
    pub fn create(
        &self,
        name: &str,
        written: Written<'_>,
        context: &Context,
    ) -> Result<StrategyObject, ComponentError> {
        match self {
            Self::Extension(extension) => extension.create(name, written, context),
            Self::C(library) => library.strategy(name, written, context),
        }
    }
}

impl Maker<EstimatorExtension> {
    /// Makes the estimator `name`.
    pub fn create(
        &self,
        name: &str,
        written: Written<'_>,
        context: &Context,
    ) -> Result<EstimatorObject, ComponentError> {
        match self {
            Self::Extension(extension) => extension.create(name, written, context),
            Self::C(library) => library.estimator(name, written, context),
        }
    }
}

impl Maker<ProxyExtension> {
    /// Makes the proxy `name`.
    pub fn create(
        &self,
        name: &str,
        written: Written<'_>,
        context: &Context,
    ) -> Result<ProxyObject, ComponentError> {
        match self {
            Self::Extension(extension) => extension.create(name, written, context),
            Self::C(library) => library.proxy(name, written, context),
        }
    }
}
