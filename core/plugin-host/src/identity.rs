//! Who is speaking: every message about a component names it, its plugin and the version.

use std::fmt;

use heirloom_model::{ComponentError, ComponentErrorKind};
use heirloom_plugin_abi::Kind;

use crate::plugin::Plugin;

/// A component and the plugin it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) plugin: String,
    pub(crate) version: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, plugin, version } = self;
        write!(f, "{kind} `{name}` of plugin `{plugin}` {version}")
    }
}

impl Identity {
    /// The component `name` of `plugin`.
    pub(crate) fn new(plugin: &Plugin, kind: Kind, name: &str) -> Self {
        Self { kind, name: name.into(), plugin: plugin.id().into(), version: plugin.version().into() }
    }

    /// The component's error with its name, what it was doing, and what a person can do.
    #[cold]
    pub(crate) fn explain(&self, doing: impl fmt::Display, error: ComponentError) -> ComponentError {
        let remedy = match error.kind {
            ComponentErrorKind::Panicked => "; hint: report it to the plugin's author with this message",
            ComponentErrorKind::Crashed => {
                "; hint: report it to the plugin's author; the run file can name another"
            }
            _ => "",
        };
        ComponentError::new(error.kind, format!("{self}, {doing}: {}{remedy}", error.message))
    }
}
