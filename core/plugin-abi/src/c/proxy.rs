//! A proxy in C as the trait.

use std::sync::{Mutex, PoisonError};

use heirloom_model::{ComponentError, Configuration, Direction, Proxy, ProxyInfo, ProxyNeeds, Seed};

use crate::columns::configurations_to_column;

use super::setup::Setup;
use super::table::{
    HEIRLOOM_NEEDS_GRADIENTS, HEIRLOOM_NEEDS_INPUTS, HEIRLOOM_NEEDS_LABELS, HEIRLOOM_NEEDS_NOTHING,
    HeirloomProxy, HeirloomProxyInfo,
};
use super::{Made, check, missing, text, wrong};

/// A proxy's object and functions.
pub(super) struct Adapted {
    made: Made,
    functions: HeirloomProxy,
    info: ProxyInfo,
    /// Held during a call, where calls may not overlap.
    alone: Option<Mutex<()>>,
}

impl Adapted {
    pub(super) fn new(functions: &HeirloomProxy, setup: Setup) -> Result<Self, ComponentError> {
        let made = Made::new(functions.create, functions.destroy, setup)?;
        let info = functions.info.ok_or_else(|| missing("info"))?;
        let mut written = HeirloomProxyInfo {
            maximise: 0,
            needs: HEIRLOOM_NEEDS_NOTHING,
            cost_seconds: 0.0,
            unit: std::ptr::null(),
            concurrent: 0,
        };
        // SAFETY: the component is the one that `create` gave; nothing else calls it yet.
        check(|error| unsafe { info(made.component, &raw mut written, error) })?;
        let info = ProxyInfo {
            direction: if written.maximise == 0 { Direction::Minimise } else { Direction::Maximise },
            cost_seconds: written.cost_seconds,
            needs: match written.needs {
                HEIRLOOM_NEEDS_NOTHING => ProxyNeeds::Nothing,
                HEIRLOOM_NEEDS_INPUTS => ProxyNeeds::Inputs,
                HEIRLOOM_NEEDS_LABELS => ProxyNeeds::Labels,
                HEIRLOOM_NEEDS_GRADIENTS => ProxyNeeds::Gradients,
                other => {
                    return Err(wrong(format!("its info names the need {other}, which there is none of")));
                }
            },
            // SAFETY: the header asks for a text that stays where it is.
            unit: unsafe { text(written.unit) },
        };
        let alone = (written.concurrent == 0).then(Mutex::default);
        Ok(Self { made, functions: *functions, info, alone })
    }
}

impl Proxy for Adapted {
    fn info(&self) -> ProxyInfo {
        self.info.clone()
    }

    fn score(
        &self,
        configurations: &[Configuration],
        seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        let score = self.functions.score.ok_or_else(|| missing("score"))?;
        let column = configurations_to_column(configurations)?;
        scores.fill(f64::NAN);
        if configurations.iter().any(|one| one.values().len() != self.made.setup.n_parameters)
            || configurations.len() != scores.len()
        {
            return Err(wrong("a configuration is of another space"));
        }
        let _alone = self.alone.as_ref().map(|alone| alone.lock().unwrap_or_else(PoisonError::into_inner));
        // SAFETY: the component is the one that `create` gave; calls overlap only where it said that they may; the
        // columns have as many rows as are said.
        check(|error| unsafe {
            score(
                self.made.component,
                column.as_ptr(),
                scores.len(),
                seed.0.as_ptr(),
                scores.as_mut_ptr(),
                error,
            )
        })
    }
}
