//! Who is speaking: every message about a component names it, its plugin and the version.

use std::borrow::Cow;
use std::fmt;

use heirloom_model::{ComponentError, ComponentErrorKind, EstimatorInfo};
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
        let message = clean(&error.message);
        let remedy = match error.kind {
            _ if message.contains("; hint: ") => "",
            ComponentErrorKind::Panicked => "; hint: report it to the plugin's author with this message",
            ComponentErrorKind::Crashed => {
                "; hint: report it to the plugin's author; the run file can name another"
            }
            _ => "",
        };
        ComponentError::new(error.kind, format!("{self}, {doing}: {message}{remedy}"))
    }
}

/// The longest message of a plugin that is shown whole, bytes.
const MAX_MESSAGE: usize = 4096;

/// A plugin's message as it is shown and kept: without characters that steer a terminal, and no longer than people read.
/// The end stays, where a hint or the place of a report is.
pub(crate) fn clean(message: &str) -> Cow<'_, str> {
    let message = match message.len() {
        n if n <= MAX_MESSAGE => Cow::Borrowed(message),
        n => {
            let head = message.floor_char_boundary(MAX_MESSAGE * 3 / 4);
            let tail = message.ceil_char_boundary(n - MAX_MESSAGE / 4);
            let left_out = tail - head;
            Cow::Owned(format!("{} … {left_out} bytes … {}", &message[..head], &message[tail..]))
        }
    };
    let steers = |character: char| character.is_control() && !"\n\t".contains(character);
    match message.contains(steers) {
        false => message,
        true => {
            let escape = |character: char| match steers(character) {
                true => character.escape_default().to_string(),
                false => character.to_string(),
            };
            message.chars().map(escape).collect()
        }
    }
}

/// A plugin's name for something as it is kept.
pub(crate) fn clean_name(name: &str) -> Cow<'_, str> {
    clean(&name[..name.floor_char_boundary(EstimatorInfo::MAX_NAME)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_is_added_where_there_is_none() {
        let who =
            Identity { kind: Kind::Strategy, name: "s".into(), plugin: "p".into(), version: "1.0.0".into() };
        let said = |message: &str| {
            who.explain("asked", ComponentError::new(ComponentErrorKind::Crashed, message)).message
        };
        let whole = "strategy `s` of plugin `p` 1.0.0, asked: it died; hint: let it live";
        assert_eq!(said("it died; hint: let it live"), whole);
        assert!(said("it died").contains("it died; hint: report it to the plugin's author"));
    }

    #[test]
    fn what_steers_a_terminal_is_escaped_and_lines_stay() {
        assert_eq!(clean("two\n\tlines of größe"), "two\n\tlines of größe");
        assert_eq!(clean("\u{1b}[31mred\u{9b}\r\0"), "\\u{1b}[31mred\\u{9b}\\r\\u{0}");
    }

    #[test]
    fn a_message_that_is_too_long_keeps_its_beginning_and_its_end() {
        let long = format!("begin {} end", "ü".repeat(100_000));
        let shown = clean(&long);
        assert!(shown.len() < MAX_MESSAGE + 50, "{}", shown.len());
        assert!(shown.starts_with("begin ü") && shown.ends_with("ü end") && shown.contains(" bytes … "));
        assert_eq!(clean_name(&"ü".repeat(500)).len(), EstimatorInfo::MAX_NAME);
    }
}
