//! `table.toml`: how the columns of a recorded table are to be understood. Syntax here, meaning in
//! [`table`](crate::table).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use heirloom_model::{Direction, SpaceSpec};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use crate::{Error, Place, Result};

/// A descriptor as it stands in its file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Descriptor {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) licence: String,
    pub(crate) space: Spanned<SpaceSource>,
    pub(crate) files: Files,
    #[serde(default)]
    pub(crate) columns: Columns,
    #[serde(rename = "objective")]
    pub(crate) objectives: Vec<ObjectiveSource>,
    pub(crate) fidelity: Option<FidelitySource>,
    pub(crate) recorded: Vec<Spanned<Recorded>>,
}

/// The files, relative to the descriptor's folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Files {
    /// One row an evaluation, or one for all its trainings and sizes.
    pub(crate) evaluations: PathBuf,
    /// One row a configuration; several may share a key, the first is the one that was trained.
    pub(crate) configurations: Option<PathBuf>,
    /// One row a task.
    pub(crate) meta_features: Option<Spanned<PathBuf>>,
}

/// Which columns say what was evaluated.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Columns {
    pub(crate) task: Option<Spanned<String>>,
    /// The key that joins evaluations and configurations.
    pub(crate) configuration: Option<Spanned<String>>,
    /// Architectures in the string form that the space's benchmark published.
    pub(crate) architecture: Option<Spanned<String>>,
    /// Columns of parameters, where they have another name or stand beside an architecture.
    #[serde(default)]
    pub(crate) parameters: BTreeMap<Spanned<String>, Spanned<String>>,
    /// The number of the training, where each has a row of its own.
    pub(crate) training: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectiveSource {
    pub(crate) name: String,
    pub(crate) direction: Direction,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FidelitySource {
    pub(crate) name: String,
    /// The column that holds it, where each size has a row of its own.
    pub(crate) column: Option<Spanned<String>>,
    /// Whether smaller sizes are earlier points of the same training.
    #[serde(default)]
    pub(crate) curve: bool,
}

/// What was measured at one size.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded {
    /// The size, where the columns of each are different ones.
    pub(crate) at: Option<f64>,
    pub(crate) objectives: BTreeMap<Spanned<String>, Spanned<Measured>>,
    #[serde(default)]
    pub(crate) metrics: BTreeMap<String, Spanned<Measured>>,
    pub(crate) cost_seconds: Option<Spanned<Measured>>,
}

impl Recorded {
    /// Everything that is measured.
    pub(crate) fn measured(&self) -> impl Iterator<Item = &Spanned<Measured>> {
        self.objectives.values().chain(self.metrics.values()).chain(&self.cost_seconds)
    }

    /// How many trainings have a column of their own.
    pub(crate) fn n_trainings(&self) -> usize {
        self.objectives.values().map(|measured| measured.get_ref().columns.len()).max().unwrap_or(1)
    }
}

/// A quantity's columns: one, or one for each training. Written as a name, a list of names, or
/// `{ columns = …, scale = … }`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub(crate) columns: Vec<String>,
    /// What the cells are multiplied with.
    pub(crate) scale: f64,
}

impl<'de> Deserialize<'de> for Measured {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct AnyForm;
        impl<'de> Visitor<'de> for AnyForm {
            type Value = Measured;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column, a list of columns (one for each training), or `{ columns = [...], scale = 1.0 }`")
            }
            fn visit_str<E>(self, column: &str) -> std::result::Result<Measured, E> {
                Ok(Measured { columns: vec![column.to_owned()], scale: 1.0 })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> std::result::Result<Measured, A::Error> {
                let mut columns = Vec::new();
                while let Some(name) = names.next_element()? {
                    columns.push(name);
                }
                if columns.is_empty() {
                    return Err(A::Error::invalid_length(0, &"at least one column"));
                }
                Ok(Measured { columns, scale: 1.0 })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Measured, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Scaled {
                    columns: Measured,
                    scale: f64,
                }
                let Scaled { columns, scale } = Scaled::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Measured { columns: columns.columns, scale: columns.scale * scale })
            }
        }
        deserializer.deserialize_any(AnyForm)
    }
}

/// A space, by the name of a published one or written out.
#[derive(Debug, Clone)]
pub(crate) struct SpaceSource(pub(crate) SpaceSpec);

impl<'de> Deserialize<'de> for SpaceSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct NameOrTable;
        impl<'de> Visitor<'de> for NameOrTable {
            type Value = SpaceSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a space's table, or the name of one of {}", SpaceSpec::PRESETS.join(", "))
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> std::result::Result<SpaceSource, E> {
                let found = SpaceSpec::preset(name).map(SpaceSource);
                found.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(name), &self))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<SpaceSource, A::Error> {
                SpaceSpec::deserialize(MapAccessDeserializer::new(map)).map(SpaceSource)
            }
        }
        deserializer.deserialize_any(NameOrTable)
    }
}

/// A descriptor's text, kept for the places of errors.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Reads `table.toml` of a folder, or the file itself.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let path = if path.is_dir() { path.join("table.toml") } else { path.to_owned() };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self { path, text }),
            Err(source) => Err(Error::NoDescriptor { path, source }),
        }
    }

    pub(crate) fn parse(&self) -> Result<Descriptor> {
        toml::from_str(&self.text).map_err(|error| Error::Syntax {
            place: self.place(error.span().unwrap_or(0..0)),
            problem: error.message().to_owned(),
        })
    }

    /// A file that the descriptor names.
    pub(crate) fn file(&self, relative: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(relative)
    }

    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    pub(crate) fn inconsistent(
        &self,
        span: Range<usize>,
        problem: String,
        remedy: impl Into<String>,
    ) -> Error {
        Error::Inconsistent { place: self.place(span), problem, remedy: remedy.into() }
    }
}
