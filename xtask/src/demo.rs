//! `cargo xtask demo`: the main job, by the commands that a user would type.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, build_product, root};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many times the search is repeated, warm and cold
    #[arg(long, default_value_t = 30)]
    seeds: u32,
    /// Where the archive and the plot go; a new folder in the temporary place by default
    #[arg(long)]
    out: Option<PathBuf>,
}

fn run_demo(heirloom: &Path, out: &Path, seeds: u32) -> Outcome {
    let archive = out.join("archive.db");
    let quickstart = root().join("examples/quickstart");
    let heirloom = |what: &str, arguments: &[&str], file: Option<&str>| {
        let mut command = Command::new(heirloom);
        command.args(arguments).args(file.map(|file| quickstart.join(file)));
        command.arg("--archive").arg(&archive);
        shown(what, &mut command)
    };
    heirloom("1. A past search on CIFAR-10: 200 random cells", &["search"], Some("past-cifar10.toml"))?;
    heirloom("2. A past search on CIFAR-100: 200 random cells", &["search"], Some("past-cifar100.toml"))?;
    heirloom("3. A new data set, started from that archive", &["search"], Some("imagenet16.toml"))?;
    heirloom("4. What the archive gave to that search", &["explain", "latest"], None)?;
    let plot = out.join("warm-and-cold.svg");
    let (plot, seeds) = (plot.to_string_lossy(), seeds.to_string());
    let bench = ["bench", "--seeds", &seeds, "--plot", &plot];
    heirloom("5. The same search over seeds, warm and cold", &bench, Some("imagenet16.toml"))
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let heirloom = build_product()?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => std::env::temp_dir().join(format!("heirloom-demo-{}", std::process::id())),
    };
    std::fs::create_dir_all(&out).map_err(|error| {
        format!("`{}` cannot be made: {error}; hint: name another folder with --out", out.display())
    })?;
    run_demo(&heirloom, &out, arguments.seeds)?;
    println!("\nThe archive and the plot are in {}", out.display());
    Ok(())
}

/// Prints what a command is for and the command itself, then runs it.
fn shown(what: &str, command: &mut Command) -> Outcome {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    println!("\n{what}\n$ {}", line.join(" "));
    crate::call(what, command)
}
