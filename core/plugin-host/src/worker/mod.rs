//! Components in worker processes.

use std::sync::Arc;

use heirloom_model::{EstimatorInfo, Problem, ProxyInfo, Space, Strategy};

use crate::checked::{RawEstimator, RawProxy};
use crate::error::HostError;
use crate::host::Inner;
use crate::local::Recipe;

impl Recipe<'_> {
    pub(crate) fn isolated_strategy(&self, _h: &Inner, p: &Problem) -> Result<Box<dyn Strategy>, HostError> {
        self.strategy(p)
    }
    pub(crate) fn isolated_estimator(
        &self,
        _h: &Inner,
        s: Option<Arc<Space>>,
    ) -> Result<(Box<dyn RawEstimator>, EstimatorInfo), HostError> {
        self.estimator(s)
    }
    pub(crate) fn isolated_proxy(
        &self,
        _h: &Inner,
        p: &Problem,
    ) -> Result<(Box<dyn RawProxy>, ProxyInfo), HostError> {
        self.proxy(p)
    }
}
