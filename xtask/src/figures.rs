//! `cargo xtask figures`: the published figures, measured from the product itself.

use std::process::Command;

use crate::{Outcome, build_product, call, peers, root, target_dir};

/// Beginnings of the figures that need LibTorch: a program of their own measures them.
const TORCH_FAMILIES: &[&str] = &["torch.", "inherit.", "proxy.recorded.", "proxy.accuracy.", "proxy.speed."];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only figures whose id begins so, such as `nb201.` or `speed.plugin.`
    #[arg(default_value = "")]
    prefix: String,
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let prefix = arguments.prefix.as_str();
    let (_, packages) = build_product()?;
    let is_torch = TORCH_FAMILIES.iter().any(|family| prefix.starts_with(family));
    let may_be_torch = TORCH_FAMILIES.iter().any(|family| family.starts_with(prefix)) || is_torch;
    let with_torch = may_be_torch && packages.have_libtorch();
    if is_torch && !with_torch {
        return Err(format!("`{prefix}` needs LibTorch; hint: see the warning above"));
    }
    let python = peers::python(with_torch);
    let mut headless = false;
    for (program, wanted) in [("heirloom-figures", !is_torch), ("heirloom-torch-figures", with_torch)] {
        if !wanted {
            continue;
        }
        let mut command = Command::new(target_dir().join("debug").join(program));
        command.current_dir(root()).arg(prefix);
        if let Some(python) = &python {
            command.env(peers::VARIABLE, python);
        }
        if arguments.json {
            command.arg("--json");
        }
        if std::mem::replace(&mut headless, true) {
            command.arg("--headless");
        }
        call("figures", &mut command)?;
    }
    packages.warn();
    Ok(())
}
