//! `plugin.toml` as packages need it.

use heirloom_plugin_host::Manifest;

/// Reads a manifest's text; its names become parts of paths.
pub fn parse(text: &str) -> Result<Manifest, String> {
    let manifest = Manifest::parse(text).map_err(|error| error.to_string())?;
    name(&manifest.id).map_err(|problem| format!("its id `{}` {problem}", manifest.id))?;
    for component in &manifest.components {
        name(&component.name)
            .map_err(|problem| format!("the name `{}` of a {} {problem}", component.name, component.kind))?;
    }
    Ok(manifest)
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
