//! `heirloom plugin sign`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, OrFail};
use crate::output;

use super::project::own_key;

/// Sign a package, so that others can install it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom plugin sign my-plugin-0.1.0.heirloom\n  heirloom plugin sign my-plugin-0.1.0.heirloom \
    --key ~/secret/lab.key\n\nThe key is one of minisign's without a password; `heirloom plugin key new` makes one. A package \
    that is signed already is signed anew."
)]
pub(super) struct Sign {
    /// The package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,

    /// The secret key [default: `author.key` of the user's own]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Sign {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let key = own_key(self.key.as_ref())?;
        heirloom_plugin_package::sign(&self.package, &key).or_fail()?;
        let id = key.public().id();
        if context.json {
            output::json(&json!({ "package": self.package, "key": id }))?;
        } else {
            output::line(&format!("signed `{}` with key {id}", self.package.display()))?;
        }
        Ok(Exit::Done)
    }
}
