//! `heirloom space`

use std::fmt::Display;
use std::path::Path;

use clap::{Args, Subcommand};
use heirloom_archive::{Archive, ArchiveError};
use heirloom_config::space::read_file;
use heirloom_model::space::{OutOfRange, Parameter, ParameterKind, Prior, SpaceMapping};
use heirloom_model::{Space as Compiled, SpaceSpec, Value};
use serde_json::json;

use crate::context::{Context, find_run};
use crate::failure::{Exit, Failure, OrFail};
use crate::output::{self, Table};

/// Search spaces: show one, map one to another
#[derive(Debug, Args)]
pub(crate) struct Space {
    #[command(subcommand)]
    command: SpaceCommand,
}

#[derive(Debug, Subcommand)]
enum SpaceCommand {
    /// Show a space's parameters, size and identity
    #[command(
        after_help = "Examples:\n  heirloom space show nas-bench-201\n  heirloom space show space.toml --json"
    )]
    Show {
        /// A preset's name, a TOML file with a space, or a run in the archive
        space: String,
    },
    /// Show what becomes of each parameter on the way from one space to another
    #[command(after_help = "Example:\n  heirloom space map old-space.toml new-space.toml")]
    Map {
        /// Where configurations come from: a preset, a file, or a run
        from: String,
        /// Where they go to
        to: String,
    },
}

impl Space {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        match &self.command {
            SpaceCommand::Show { space } => show(&find(space, context)?, context)?,
            SpaceCommand::Map { from, to } => map(&find(from, context)?, &find(to, context)?, context)?,
        }
        Ok(Exit::Done)
    }
}

/// The space that a person means.
fn find(text: &str, context: &Context) -> miette::Result<Compiled> {
    let spec = match SpaceSpec::preset(text) {
        Some(spec) => spec,
        None if is_file(Path::new(text)) => read_file(Path::new(text))?,
        None => of_run(text, context)?,
    };
    Compiled::compile(spec).or_fail()
}

/// Whether a text is a file's path: one that is there, or looks as if it should be. A folder may be called like a run.
fn is_file(path: &Path) -> bool {
    path.exists() && !path.is_dir() || path.extension().is_some()
}

/// The space of a run in the archive, the last that a text can mean.
fn of_run(text: &str, context: &Context) -> miette::Result<SpaceSpec> {
    let nothing = |error: &dyn Display| {
        let presets = SpaceSpec::PRESETS.map(|name| format!("`{name}`")).join(", ");
        let error = error.to_string();
        let why = error.split("; hint: ").next().unwrap_or_default();
        Failure::usage(format!("`{text}` is no preset, file or run: {why}; hint: the presets are {presets}"))
    };
    let path = context.archive_path(None)?;
    let archive = match Archive::open_read_only(&path) {
        Err(error @ ArchiveError::NotFound { .. }) => return Err(nothing(&error).into()),
        opened => opened.or_fail()?,
    };
    let found = match archive.find_run(text) {
        Err(error @ ArchiveError::NoSuchRun { .. }) if text != "latest" => return Err(nothing(&error).into()),
        _ => find_run(&archive, text)?,
    };
    Ok(archive.header(found.id).or_fail()?.space)
}

fn show(space: &Compiled, context: &Context) -> miette::Result<()> {
    let size = space.n_configurations();
    if context.json {
        let size = size.and_then(|n| u64::try_from(n).ok());
        return output::json(
            &json!({ "hash": space.hash(), "n_configurations": size, "space": space.spec() }),
        );
    }
    output::line(&format!("space    {}", if space.name().is_empty() { "–" } else { space.name() }))?;
    output::line(&format!("hash     {}", space.hash()))?;
    let is_countable = space.parameters().iter().all(|parameter| parameter.n_values().is_some());
    let many = || if is_countable { "more than 10³⁸" } else { "infinitely many" };
    let size = size.map_or_else(|| many().to_owned(), |n| n.to_string());
    output::line(&format!("size     {size} configurations\n"))?;
    let mut table = Table::new(&["parameter", "values", "default", "expected", "active when"]);
    for (index, parameter) in space.parameters().iter().enumerate() {
        let condition = space.condition(index).map(|clause| clause.describe(space.parameters()));
        table.row([
            parameter.name.clone(),
            values(parameter),
            value(parameter, parameter.default),
            expected(parameter),
            condition.unwrap_or_else(|| "always".into()),
        ]);
    }
    table.print()?;
    let forbidden = space.forbidden().iter().map(|clause| clause.describe(space.parameters()));
    forbidden.map(|clause| format!("forbidden: {clause}")).try_for_each(|line| output::line(&line))
}

/// A parameter's values, and how distances between them count.
fn values(parameter: &Parameter) -> String {
    let is_log = matches!(
        parameter.kind,
        ParameterKind::Float { log: true, .. } | ParameterKind::Int { log: true, .. }
    );
    parameter.describe() + if is_log { ", logarithmic" } else { "" }
}

/// One value, rounded where it is a real number.
fn value(parameter: &Parameter, value: f64) -> String {
    match parameter.to_value(value) {
        Value::Float(number) => output::number(number),
        other => other.to_string(),
    }
}

/// Where good values are expected.
fn expected(parameter: &Parameter) -> String {
    match &parameter.prior {
        None => "–".into(),
        Some(Prior::Normal { mean, std }) => {
            format!("around {}, ± {std} of the range", value(parameter, parameter.from_unit(*mean)))
        }
        Some(Prior::Weights(weights)) => {
            let weights: Vec<_> = weights.iter().map(f64::to_string).collect();
            format!("by weights {}", weights.join(", "))
        }
    }
}

fn map(from: &Compiled, to: &Compiled, context: &Context) -> miette::Result<()> {
    let mapping = SpaceMapping::new(from, to, OutOfRange::LeaveOut);
    let report = mapping.report();
    if context.json {
        output::json(&json!({ "from": from.hash(), "to": to.hash(), "notes": report.notes }))
    } else {
        output::line(&report.to_string())
    }
}
