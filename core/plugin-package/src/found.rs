//! What a built library or a folder of sources says of itself, read without running anything of it.

use std::path::Path;

use heirloom_plugin_host::{ANY_TARGET, ComponentManifest, HostError, HostOptions, Manifest, PluginHost};
use semver::Version;
use serde_json::Value as Json;

use crate::description::MANIFEST;

/// What was found.
pub(crate) struct Found {
    pub(crate) manifest: Manifest,
    /// The manifest's text.
    pub(crate) text: String,
    pub(crate) version: Version,
    pub(crate) interface: u32,
    /// The target of a library, `any` for sources.
    pub(crate) target: String,
    /// The fingerprint of a library, empty for sources.
    pub(crate) fingerprint: String,
    /// The components with the schemas of their options.
    pub(crate) components: Vec<(ComponentManifest, Json)>,
}

impl Found {
    /// Reads a library, or a folder with a `plugin.toml`.
    pub(crate) fn at(path: &Path) -> Result<Self, String> {
        let host = PluginHost::open(&[path.to_owned()], HostOptions::default());
        let Some(plugin) = host.plugins().first() else {
            let problem = host.problems().first().map(ToString::to_string);
            return Err(problem.unwrap_or_else(|| {
                "it is no plugin; hint: name a built library, or a folder with a `plugin.toml`".into()
            }));
        };
        let version = plugin.version();
        let version = version.parse().map_err(|error| {
            format!("its version `{version}` is none: {error}; hint: write it as `1.2.3`")
        })?;
        let from_sources = path.is_dir();
        let text = match from_sources {
            true => std::fs::read_to_string(path.join(MANIFEST)).map_err(|error| error.to_string()),
            false => heirloom_plugin_host::manifest_text(path).map_err(|error: HostError| error.to_string()),
        }?;
        let (target, fingerprint) = match from_sources {
            true => (ANY_TARGET.into(), String::new()),
            false => (plugin.built_with().1.into(), plugin.fingerprint().into()),
        };
        let components = plugin.components().map(|(component, schema)| (component.clone(), schema.clone()));
        Ok(Self {
            manifest: plugin.manifest().clone(),
            text,
            version,
            interface: plugin.interface(),
            target,
            fingerprint,
            components: components.collect(),
        })
    }
}
