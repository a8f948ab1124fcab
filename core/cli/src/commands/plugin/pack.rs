//! `heirloom plugin pack`

use std::path::{Path, PathBuf};

use clap::Args;
use heirloom_plugin_host::{HostOptions, Language, Plugin, PluginHost};
use heirloom_plugin_package::{Draft, MANIFEST, Payload, manifest};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output;

/// Make a package of a plugin: its libraries for all built targets, or its Python sources
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom plugin pack                       # the plugin in this folder, as it is built\n  \
    heirloom plugin pack my-plugin --out dist\n  heirloom plugin pack target/*/release/libmy_plugin.so\n\nOf a \
    folder it takes the newest build for each target, release builds before others, with README and licence texts. \
    Sign the package next: `heirloom plugin sign`."
)]
pub(super) struct Pack {
    /// The plugin's folder, or its libraries, one a target
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The folder to put the package into
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    out: PathBuf,

    /// A further text for people to put in; may be given several times
    #[arg(long = "doc", value_name = "FILE")]
    texts: Vec<PathBuf>,
}

impl Pack {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let folder = self.paths.iter().find(|path| path.is_dir());
        let mut draft = match (folder, &self.paths[..]) {
            (None, libraries) => Draft::of_libraries(libraries).or_fail()?,
            (Some(folder), [_]) if is_python(folder)? => Draft::of_sources(folder).or_fail()?,
            (Some(folder), [_]) => Draft::of_libraries(&built(folder)?).or_fail()?,
            (Some(folder), _) => {
                let folder = folder.display();
                return Err(Failure::usage(format!(
                    "`{folder}` is a folder among several paths; hint: name one folder, or libraries only"
                ))
                .into());
            }
        };
        let texts = folder.map(|folder| texts_of(folder)).unwrap_or_default();
        for text in texts.iter().chain(&self.texts) {
            let name = text.file_name().unwrap_or_default().to_string_lossy();
            draft = draft.with_text(&name, text).or_fail()?;
        }
        let about = draft.description().clone();
        let path = draft.write(&self.out).or_fail()?;
        if context.json {
            output::json(&json!({ "package": path, "description": about }))?;
            return Ok(Exit::Done);
        }
        output::line(&format!("packed `{}` {} into `{}`", about.id, about.version, path.display()))?;
        for Payload { target, path, .. } in &about.payloads {
            output::line(&format!("  {target}: {path}"))?;
        }
        output::line(&format!("it is not signed yet: `heirloom plugin sign {}`", path.display()))?;
        Ok(Exit::Done)
    }
}

fn is_python(folder: &Path) -> miette::Result<bool> {
    let text = manifest_text(folder)?;
    let manifest = manifest::parse(&text)
        .map_err(|problem| Failure::usage(format!("`{}`: {problem}", folder.join(MANIFEST).display())))?;
    Ok(manifest.language == Language::Python)
}

fn manifest_text(folder: &Path) -> miette::Result<String> {
    let path = folder.join(MANIFEST);
    std::fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!(
            "`{}` cannot be read: {error}; hint: name the plugin's folder, the one with its `{MANIFEST}`",
            path.display()
        ))
        .into()
    })
}

/// The libraries that were built from a plugin's folder, one a target.
fn built(folder: &Path) -> miette::Result<Vec<PathBuf>> {
    let text = manifest_text(folder)?;
    let host = PluginHost::open(&build_folders(folder), HostOptions::default());
    let mut chosen: Vec<&Plugin> = Vec::new();
    let inside = |plugin: &Plugin| heirloom_plugin_host::manifest_text(plugin.path()).unwrap_or_default();
    for plugin in host.plugins().iter().filter(|plugin| inside(plugin).trim() == text.trim()) {
        // The first is the best: release before debug, the newest first.
        if !chosen.iter().any(|other| other.built_with().1 == plugin.built_with().1) {
            chosen.push(plugin);
        }
    }
    if chosen.is_empty() {
        let at = folder.display();
        return Err(Failure::usage(format!(
            "no library in `{at}` is built from its `{MANIFEST}` as it is now; hint: build it first, such as by `cargo \
             build --release`; libraries elsewhere can be named one by one"
        ))
        .into());
    }
    Ok(chosen.into_iter().map(|plugin| plugin.path().to_owned()).collect())
}

/// Where builds of a folder lie: cargo's folders, release before debug, each also by target; the folder itself and
/// `build` for others.
fn build_folders(folder: &Path) -> Vec<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let targets: Vec<_> = target.into_iter().chain([folder.join("target")]).collect();
    let mut folders = Vec::new();
    for profile in ["release", "debug"] {
        for target in &targets {
            folders.push(target.join(profile));
            let mut below: Vec<_> = std::fs::read_dir(target)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path().join(profile))
                .filter(|path| path.is_dir())
                .collect();
            below.sort();
            folders.extend(below);
        }
    }
    folders.extend([folder.join("build"), folder.to_owned()]);
    folders
}

/// README and licence texts of a folder.
fn texts_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut texts: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().to_uppercase();
            entry.path().is_file()
                && ["README", "LICENSE", "LICENCE", "CHANGELOG"].iter().any(|start| name.starts_with(start))
        })
        .map(|entry| entry.path())
        .collect();
    texts.sort();
    texts
}
