//! `heirloom plugin docs`

use std::path::{Path, PathBuf};

use clap::Args;
use heirloom_plugin_host::Plugin;
use heirloom_plugin_package::{SealedPackage, docs};
use miette::Report;
use serde_json::json;

use crate::catalogue::Plugins;
use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output;

/// A plugin's page: its components, their options, limits and defaults
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom plugin docs heirloom-strategy-evolution\n  heirloom plugin docs my-plugin-0.1.0.heirloom --out \
    page.md\n\nThe page is Markdown, made from the plugin's manifest and the schemas of its options."
)]
pub(super) struct Docs {
    /// A plugin's id or a component's name; or a package's file
    #[arg(value_name = "PLUGIN")]
    name: String,

    /// Write the page into a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Docs {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let page = match self.name.ends_with(".heirloom") {
            true => page_of_package(Path::new(&self.name))?,
            false => {
                let plugins = Plugins::open(context, Some(Path::new(".")))?;
                page_of_plugin(super::info::find(&plugins, &self.name)?[0])?
            }
        };
        match &self.out {
            Some(path) => {
                std::fs::write(path, &page)
                    .map_err(|error| Failure::new(format!("cannot write `{}`: {error}", path.display())))?;
                if context.json { output::json(&json!({ "page": path })) } else { Ok(()) }
            }
            None if context.json => output::json(&json!({ "markdown": page })),
            None => output::line(page.trim_end()),
        }?;
        Ok(Exit::Done)
    }
}

fn page_of_package(path: &Path) -> miette::Result<String> {
    let package = SealedPackage::open(path).or_fail()?.without_signature().or_fail()?.read().or_fail()?;
    let about = package.description();
    let mut components = Vec::new();
    for component in &package.manifest().components {
        let described = about
            .components
            .iter()
            .find(|other| other.name == component.name && other.kind == component.kind);
        if let Some(described) = described {
            components.push((component.clone(), package.schema(&described.schema).or_fail()?));
        }
    }
    Ok(docs::page(package.manifest(), &about.version, &components))
}

fn page_of_plugin(plugin: &Plugin) -> miette::Result<String> {
    let version = plugin.version().parse().map_err(|error| {
        Report::from(Failure::new(format!("`{}` has version `{}`: {error}", plugin.id(), plugin.version())))
    })?;
    let components: Vec<_> =
        plugin.components().map(|(component, schema)| (component.clone(), schema.clone())).collect();
    Ok(docs::page(plugin.manifest(), &version, &components))
}
