//! `check.toml`: what an author says of how a library is to be checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_model::{Space, SpaceSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::CheckError;

/// How a library is checked: the space and the options of its components.
///
/// ```toml
/// space = "nas-bench-201"        # a preset, or a description: space = { parameter = [...] }
///
/// [component.command]
/// options = { command = ["python3", "train.py"] }
/// ignores-seed = false           # `true` for a strategy that draws nothing at random
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Setting {
    /// The space in which estimators and proxies are checked; where it is left out, some common ones are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<SpaceSetting>,
    /// By the components' names.
    #[serde(default, rename = "component")]
    pub components: BTreeMap<String, ComponentSetting>,
    /// Where relative paths among options start: the file's folder.
    #[serde(default)]
    pub folder: PathBuf,
}

/// A space by name or by description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SpaceSetting {
    /// The name of a preset.
    Preset(String),
    /// The description itself.
    Described(Box<SpaceSpec>),
}

/// How a component is checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ComponentSetting {
    /// Its table of a run file.
    #[serde(default = "no_options")]
    pub options: Json,
    /// Whether it draws nothing at random, as a grid does.
    #[serde(default)]
    pub ignores_seed: bool,
}

impl Default for ComponentSetting {
    fn default() -> Self {
        Self { options: no_options(), ignores_seed: false }
    }
}

fn no_options() -> Json {
    json!({})
}

impl Setting {
    /// Reads a `check.toml`.
    pub fn read(path: &Path) -> Result<Self, CheckError> {
        let wrong = |problem: String| CheckError::Setting { path: path.into(), problem };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let mut setting: Self = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
        let folder = path.parent().unwrap_or(Path::new("")).join(&setting.folder);
        setting.folder = std::path::absolute(&folder).unwrap_or(folder);
        setting.compile().map_err(wrong)?;
        Ok(setting)
    }

    /// The space, where one was given.
    pub(crate) fn compile(&self) -> Result<Option<Arc<Space>>, String> {
        let spec = match &self.space {
            None => return Ok(None),
            Some(SpaceSetting::Described(spec)) => (**spec).clone(),
            Some(SpaceSetting::Preset(name)) => SpaceSpec::preset(name).ok_or_else(|| {
                format!("there is no space `{name}`; hint: there are {}", SpaceSpec::PRESETS.join(", "))
            })?,
        };
        Space::compile(spec).map(|space| Some(Arc::new(space))).map_err(|error| error.to_string())
    }

    /// How the component `name` is checked.
    pub(crate) fn component(&self, name: &str) -> ComponentSetting {
        self.components.get(name).cloned().unwrap_or_default()
    }
}
