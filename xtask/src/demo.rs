//! `cargo xtask demo`: the main job, by the commands that a user would type.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, build_product, root};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A table to search on (CSV or Parquet) in place of the digits
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The column of `--data` to predict; the last one by default
    #[arg(long, value_name = "COLUMN", requires = "data")]
    target: Option<String>,
    /// How many times the search is repeated, warm and cold
    #[arg(long, default_value_t = 3)]
    seeds: u32,
    /// Where the archive, the plot and the network go; a new folder in the temporary place by default
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Where a demonstration runs.
struct Stage<'a> {
    heirloom: &'a Path,
    out: &'a Path,
    seeds: String,
}

impl Stage<'_> {
    /// Shows a command and runs it on the demonstration's own archive.
    fn heirloom(&self, what: &str, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(self.heirloom);
        command.current_dir(self.out).args(arguments).args(["--archive", "archive.db"]);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        println!("\n{what}\n$ heirloom {}", words.join(" "));
        crate::call(what, &mut command)
    }

    fn bench(&self, what: &str, file: &str) -> Outcome {
        self.heirloom(what, &["bench", file, "--seeds", &self.seeds, "--plot", "warm-and-cold.svg"])
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let (heirloom, packages) = build_product()?;
    let out = match &arguments.out {
        Some(out) => std::path::absolute(out).map_err(|error| error.to_string())?,
        None => std::env::temp_dir().join(format!("heirloom-demo-{}", std::process::id())),
    };
    std::fs::create_dir_all(&out).map_err(|error| {
        format!("`{}` cannot be made: {error}; hint: name another folder with --out", out.display())
    })?;
    let stage = Stage { heirloom: &heirloom, out: &out, seeds: arguments.seeds.to_string() };
    println!("Everything happens in {}", out.display());
    match (packages.have_libtorch(), &arguments.data) {
        (true, data) => trained(&stage, data.as_deref(), arguments.target.as_deref()),
        (false, None) => recorded(&stage),
        (false, Some(_)) => {
            Err("a search on `--data` trains networks; hint: `cargo xtask libtorch` says what is missing"
                .into())
        }
    }?;
    println!("\nThe archive, the plot and what else was made are in {}", out.display());
    Ok(())
}

/// Real trainings on a data set that the archive has not seen.
fn trained(stage: &Stage<'_>, data: Option<&Path>, target: Option<&str>) -> Outcome {
    let example = root().join("examples/quickstart/digits.toml");
    let mut run_file = read(&example)?;
    if let Some(data) = data {
        run_file = about(&run_file, data, target)?;
    } else {
        stage.heirloom(
            "A data set, from the scikit-learn package",
            &["data", "get", "digits", "--out", "."],
        )?;
    }
    write(&stage.out.join("run.toml"), &run_file)?;
    let seed = root().join("meta-data/seed/tabular-mlp");
    let seed = seed.to_string_lossy();
    stage.heirloom("1. What we know: our own trainings on other data sets", &["archive", "import", &seed])?;
    stage.heirloom("2. A search on the new one, started from them", &["search", "run.toml"])?;
    stage.heirloom("3. What the archive gave to that search", &["explain", "latest"])?;
    stage.bench("4. The same search over seeds, warm and cold", "run.toml")?;
    stage.heirloom(
        "5. The best network, with its score on rows that no training and no objective saw",
        &["export", "latest", "--best", "--out", "network"],
    )
}

/// The run file of the example, about another table.
fn about(run_file: &str, data: &Path, target: Option<&str>) -> Outcome<String> {
    let path = std::path::absolute(data).map_err(|error| format!("`{}`: {error}", data.display()))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let line = |line: &str| match line {
        "name = \"digits\"" => Some(format!("name = {name:?}")),
        "data = \"digits/digits.csv\"" => Some(format!("data = {:?}", path.to_string_lossy())),
        "target = \"digit\"" => target.map(|target| format!("target = {target:?}")),
        other => Some(other.to_owned()),
    };
    let lines: Vec<String> = run_file.lines().filter_map(line).collect();
    Ok(lines.join("\n") + "\n")
}

/// Recorded trainings, where there is no LibTorch to train with.
fn recorded(stage: &Stage<'_>) -> Outcome {
    println!("There is no LibTorch here: the trainings of this demonstration were recorded, not made now.");
    let folder = root().join("examples/recorded");
    let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let imagenet16 = file("imagenet16.toml");
    stage.heirloom(
        "1. A past search on CIFAR-10: 200 random cells",
        &["search", &file("past-cifar10.toml")],
    )?;
    stage.heirloom(
        "2. A past search on CIFAR-100: 200 random cells",
        &["search", &file("past-cifar100.toml")],
    )?;
    stage.heirloom("3. A new data set, started from that archive", &["search", &imagenet16])?;
    stage.heirloom("4. What the archive gave to that search", &["explain", "latest"])?;
    stage.bench("5. The same search over seeds, warm and cold", &imagenet16)
}

fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
}
