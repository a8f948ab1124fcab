//! `heirloom archive`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use heirloom_archive::Archive as Opened;

use crate::context::Context;
use crate::failure::{Exit, OrFail};
use crate::output::{self, Table};

/// Look after the archive
#[derive(Debug, Args)]
pub(crate) struct Archive {
    #[command(subcommand)]
    command: ArchiveCommand,
}

#[derive(Debug, Subcommand)]
enum ArchiveCommand {
    /// Tell how much the archive holds
    Stats,
    /// Look for torn or inconsistent records (exit code 3 where there are any)
    Check,
    /// Take in every run of another archive that is not here yet
    #[command(
        after_help = "Example:\n  heirloom archive merge lab-share.heirloom\n\nMerging again changes nothing."
    )]
    Merge {
        /// The other archive
        from: PathBuf,
    },
    /// Take in evaluations that were recorded elsewhere
    #[command(
        after_help = "What can be read:\n  table.toml             a Parquet or CSV table with its descriptor\n  \
        *.json                 HPO-B\n  a folder               auto-sklearn or ASlib\n  *.db, *.sqlite3        Optuna\n\n\
        Examples:\n  heirloom archive import meta-data/seed/oboe/table.toml\n  heirloom archive import study.db"
    )]
    Import {
        /// The file or folder
        from: PathBuf,
    },
}

impl Archive {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        match &self.command {
            ArchiveCommand::Stats => stats(context),
            ArchiveCommand::Check => check(context),
            ArchiveCommand::Merge { from } => merge(from, context),
            ArchiveCommand::Import { from: _ } => unreachable!(),
        }
    }
}

fn stats(context: &Context) -> miette::Result<Exit> {
    let path = context.archive_path(None)?;
    let stats = context.read_archive()?.stats().or_fail()?;
    if context.json {
        output::json(&stats)?;
        return Ok(Exit::Done);
    }
    output::line(&format!("archive      {} (schema {})", path.display(), stats.schema))?;
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        let total: u64 = counts.values().sum();
        let parts: Vec<_> = counts.iter().map(|(state, n)| format!("{n} {state}")).collect();
        if parts.is_empty() { "0".into() } else { format!("{total} ({})", parts.join(", ")) }
    };
    output::line(&format!("runs         {}", counts(&stats.n_runs)))?;
    output::line(&format!("trials       {}", counts(&stats.n_trials)))?;
    output::line(&format!("evaluations  {} imported", stats.n_evaluations))?;
    output::line(&format!("tasks        {} in {} spaces", stats.n_tasks, stats.n_spaces))?;
    output::line(&format!("curves       {}", stats.n_curves))?;
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    output::line(&format!("artifacts    {} ({})", stats.n_artifacts, megabytes(stats.artifact_bytes)))?;
    output::line(&format!("on disk      {}", megabytes(stats.file_bytes)))?;
    Ok(Exit::Done)
}

fn check(context: &Context) -> miette::Result<Exit> {
    let findings = context.read_archive()?.check().or_fail()?;
    if context.json {
        output::json(&findings)?;
    } else if findings.is_empty() {
        output::line("every record is whole and consistent")?;
    } else {
        let mut table = Table::new(&["record", "problem", "remedy"]);
        findings.iter().for_each(|found| {
            table.row([found.record.clone(), found.problem.clone(), found.remedy.clone()]);
        });
        table.print()?;
    }
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Findings })
}

fn merge(from: &PathBuf, context: &Context) -> miette::Result<Exit> {
    let other = Opened::open_read_only(from).or_fail()?;
    let report = context.write_archive(None)?.merge(&other).or_fail()?;
    if context.json {
        output::json(&report)?;
    } else {
        output::line(&format!(
            "{} runs added, {} brought up to date, {} known already; {} artifacts added",
            report.added, report.updated, report.unchanged, report.artifacts
        ))?;
    }
    Ok(Exit::Done)
}
