//! `heirloom plugin publish`

use std::path::PathBuf;

use clap::Args;
use heirloom_plugin_package::SealedPackage;
use heirloom_plugin_package::index::FolderIndex;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output;

use super::project::{IndexOption, known_key};

/// Add a signed package to an index, a plain folder that others read
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom plugin publish my-plugin-0.1.0.heirloom --index /srv/heirloom\n\nThe folder is made \
    where there is none. What is published stays: a change is a new version. The first version's key signs all later \
    ones, or names its successor (`heirloom plugin key rotate`)."
)]
pub(super) struct Publish {
    /// The package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,

    #[command(flatten)]
    index: IndexOption,

    /// The public key that signed it [default: the user's own and trusted ones]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Publish {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let folder = index_folder(&self.index)?;
        let index = FolderIndex::at(&folder);
        let claimed = SealedPackage::open(&self.package).or_fail()?.claimed_key().or_fail()?;
        let key = known_key(context, self.key.as_ref(), claimed, Some(&index))?;
        let entry = index.publish(&self.package, &key).or_fail()?;
        if context.json {
            output::json(&json!({ "index": folder, "entry": entry }))?;
        } else {
            let (package, version) = (self.package.display(), &entry.version);
            output::line(&format!("published `{package}`, version {version}, in `{}`", folder.display()))?;
        }
        Ok(Exit::Done)
    }
}

/// The folder of an index that is written to.
pub(super) fn index_folder(option: &IndexOption) -> miette::Result<PathBuf> {
    let path = option.path()?;
    let text = path.to_string_lossy();
    match text.strip_prefix("file://") {
        Some(path) => Ok(path.into()),
        None if text.contains("://") => Err(Failure::usage(format!(
            "`{text}` cannot be written to; hint: publish into a folder that others can read"
        ))
        .into()),
        None => Ok(path),
    }
}
