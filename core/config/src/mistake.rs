//! What is wrong in a run file, shown in the file itself.

use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use crate::tree::Span;

/// One mistake: what is wrong, where, and what to do about it.
#[derive(Debug, Clone)]
pub struct Mistake {
    /// Where it stands in its file, in bytes.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// The file, with its name.
    source: Option<Arc<NamedSource<String>>>,
}

impl Mistake {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), remedy: None, source: None }
    }

    /// A mistake whose message may end in `; hint: …`, as the library crates write theirs.
    pub(crate) fn from_error(span: Span, message: &str) -> Self {
        match message.split_once("; hint: ") {
            Some((message, hint)) => Self::new(span, message).hint(hint),
            None => Self::new(span, message),
        }
    }

    pub(crate) fn hint(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub(crate) fn at(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    /// Says in which file the mistake stands, unless that was said before.
    pub(crate) fn in_file(mut self, file: &Arc<NamedSource<String>>) -> Self {
        self.source.get_or_insert_with(|| file.clone());
        self
    }

    /// The line it stands on, from 1.
    pub fn line(&self) -> Option<usize> {
        let text = self.source.as_ref()?.inner();
        Some(1 + text.get(..self.span.start)?.matches('\n').count())
    }

    /// The name of the file it stands in.
    pub fn file(&self) -> Option<&str> {
        self.source.as_ref().map(|source| source.name())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.remedy.as_ref().map(|remedy| Box::new(remedy) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_deref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::underline(self.span.clone()))))
    }
}

/// Why a run file is no run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {problem}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        problem: String,
    },
    /// The file can be read and holds mistakes: all that were found, in their order in the text.
    #[error("`{file}` holds {}", count(.mistakes.len()))]
    Mistakes {
        /// The file's name.
        file: String,
        /// The mistakes, at least one.
        mistakes: Vec<Mistake>,
    },
}

fn count(n: usize) -> String {
    if n == 1 { "a mistake".into() } else { format!("{n} mistakes") }
}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        match self {
            Self::Unreadable { .. } => Some(Box::new("check the path and its permissions")),
            Self::Mistakes { .. } => None,
        }
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Mistakes { mistakes, .. } => {
                Some(Box::new(mistakes.iter().map(|mistake| mistake as &dyn Diagnostic)))
            }
        }
    }
}
