//! A component's error as it crosses the boundary.

use abi_stable::StableAbi;
use abi_stable::std_types::{RResult, RString};
use heirloom_model::{ComponentError, ComponentErrorKind};

/// [`ComponentError`] with a fixed layout.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct AbiError {
    kind: u8,
    message: RString,
}

/// What every fallible call across the boundary returns.
pub type AbiResult<T> = RResult<T, AbiError>;

impl From<ComponentError> for AbiError {
    #[cold]
    fn from(error: ComponentError) -> Self {
        let kind = match error.kind {
            ComponentErrorKind::Configuration => 1,
            ComponentErrorKind::Unsupported => 2,
            ComponentErrorKind::Panicked => 4,
            ComponentErrorKind::Crashed => 5,
            _ => 3,
        };
        Self { kind, message: error.message.into() }
    }
}

impl From<AbiError> for ComponentError {
    #[cold]
    fn from(error: AbiError) -> Self {
        let kind = match error.kind {
            1 => ComponentErrorKind::Configuration,
            2 => ComponentErrorKind::Unsupported,
            4 => ComponentErrorKind::Panicked,
            5 => ComponentErrorKind::Crashed,
            _ => ComponentErrorKind::Failed,
        };
        Self::new(kind, error.message)
    }
}

/// The boundary's result as the traits' one.
#[inline]
pub(crate) fn from_abi<T>(result: AbiResult<T>) -> Result<T, ComponentError> {
    result.into_result().map_err(Into::into)
}

#[cfg(test)]
impl AbiError {
    /// The number that stands for the kind.
    pub(crate) fn code(&self) -> u8 {
        self.kind
    }
}

#[cfg(test)]
crate::layout::crossing! {
    AbiError { kind, message }
}
