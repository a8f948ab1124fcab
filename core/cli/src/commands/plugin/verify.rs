//! `heirloom plugin verify`

use std::path::PathBuf;

use clap::Args;
use heirloom_plugin_package::SealedPackage;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, OrFail};
use crate::output;

use super::project::known_key;

/// Verify a package: its signature, every file, and that it tells the truth about its libraries
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom plugin verify my-plugin-0.1.0.heirloom\n  heirloom plugin verify \
    my-plugin-0.1.0.heirloom --key author.pub --json\n\nNothing of the package is executed or installed."
)]
pub(super) struct Verify {
    /// The package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,

    /// The public key that must have signed it [default: the user's own and trusted ones]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let sealed = SealedPackage::open(&self.package).or_fail()?;
        let key = known_key(context, self.key.as_ref(), sealed.claimed_key().or_fail()?, None)?;
        let package = sealed.verify(&key).or_fail()?.read().or_fail()?;
        package.check_payloads().or_fail()?;
        let about = package.description();
        if context.json {
            let content = package.hashes().content();
            output::json(&json!({ "description": about, "key": key.id(), "content": content }))?;
            return Ok(Exit::Done);
        }
        output::line(&format!("`{}` {} is signed by key {} and whole", about.id, about.version, key.id()))?;
        output::line(&format!("interface {}, for {}", about.interface, about.targets().join(", ")))?;
        output::line(&format!("content   {}", package.hashes().content()))?;
        if let Err(error) = package.payload_here() {
            output::line(&format!("it does not run here: {error}"))?;
        }
        Ok(Exit::Done)
    }
}
