//! What the checker asks about plugins.

use std::path::Path;

use serde_json::Value as Json;

/// The kinds of components that a run file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComponentKind {
    /// `[strategy]`
    Strategy,
    /// `[estimator]`
    Estimator,
    /// `[[proxy]]`
    Proxy,
}

impl ComponentKind {
    /// The kind's name in messages and in the run file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Estimator => "estimator",
            Self::Proxy => "proxy",
        }
    }
}

/// Knows which components there are and what options they take.
pub trait Catalogue {
    /// The names of the components of a kind.
    fn names(&self, kind: ComponentKind) -> Vec<String>;

    /// Checks a component's options, a JSON object, and makes them ready for it: relative paths among them are
    /// taken from `folder`, the run file's. The mistakes, all that were found; none where the options are right.
    fn check_options(
        &self,
        kind: ComponentKind,
        name: &str,
        options: &mut Json,
        folder: &Path,
    ) -> Vec<OptionMistake>;

    /// What a person who asks in vain for a component of this name can do: `remedy`, and what they must know of plugins
    /// that cannot be used.
    fn whole_remedy(&self, _name: &str, remedy: String) -> String {
        remedy
    }
}

/// What is wrong with an option of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionMistake {
    /// Which option: keys (and numbers in lists) joined by `.`; empty for the component as a whole.
    pub path: String,
    /// What is wrong; a remedy may follow after `; hint: `.
    pub message: String,
}
