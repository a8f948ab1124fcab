//! `plugin.toml` as packages need it.

use heirloom_plugin_host::Manifest;
use serde::Deserialize;

/// What a manifest says beside what every host reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Wishes {
    /// `rust`, `c`, `python`; `rust` where nothing is said.
    #[serde(default)]
    pub language: Option<String>,
}

/// Reads a manifest's text.
pub fn parse(text: &str) -> Result<(Manifest, Wishes), String> {
    let wishes: Wishes = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let manifest = Manifest::parse(text).map_err(|error| error.to_string())?;
    name(&manifest.id).map_err(|problem| format!("its id `{}` {problem}", manifest.id))?;
    for component in &manifest.components {
        name(&component.name)
            .map_err(|problem| format!("the name `{}` of a {} {problem}", component.name, component.kind))?;
    }
    Ok((manifest, wishes))
}

/// Checks a name that becomes part of paths.
pub(crate) fn name(text: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let ends = text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || text.len() > 40 || ends || !text.bytes().all(plain) {
        return Err("is not made of at most 40 of `a-z`, `0-9` and `-`");
    }
    Ok(())
}
