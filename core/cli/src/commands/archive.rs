//! `heirloom archive`

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use heirloom_archive::{Archive as Opened, MergeReport, Provenance, RunId, RunState};
use heirloom_recorded_table::RecordedTable;
use serde::Serialize;
use serde_json::json;

use crate::commands::runs::short;
use crate::context::{Context, find_run};
use crate::failure::{Exit, Failure, OrFail};
use crate::files;
use crate::output::{self, Table};
use crate::run_lock::RunLock;

/// Look after the archive: stats, check, withdraw, merge, import
#[derive(Debug, Args)]
pub(crate) struct Archive {
    #[command(subcommand)]
    command: ArchiveCommand,
}

#[derive(Debug, Subcommand)]
enum ArchiveCommand {
    /// Tell how much the archive holds
    #[command(
        after_help = "Examples:\n  heirloom archive stats\n  heirloom archive stats --archive lab.heirloom --json"
    )]
    Stats,
    /// Look for torn or inconsistent records (exit code 3 where there are any)
    #[command(
        after_help = "Example:\n  heirloom archive check --archive lab.heirloom\n\nA backup is a merge into another \
        archive: `heirloom archive merge lab.heirloom --archive backup.heirloom`. A copy of the file alone lacks what \
        lies in `lab.heirloom-wal`."
    )]
    Check,
    /// Have nothing learned from runs any more, such as those on wrong labels
    #[command(
        group(clap::ArgGroup::new("how").required(true)),
        after_help = "Examples:\n  heirloom archive withdraw 3f2a91c4d7e0 --because \"labels were shifted by a row\"\n  \
        heirloom archive withdraw 3f2a91c4d7e0 --undo\n\nThe runs stay, and can be shown and exported. Searches that began \
        from them keep what they know. `archive merge` takes a withdrawal along, and not its undoing."
    )]
    Withdraw {
        /// The runs: each by its id, the beginning or end of it, its name, or `latest`
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<String>,

        /// Why, for those who look at them later
        #[arg(long, group = "how", value_name = "REASON")]
        because: Option<String>,

        /// Learn from them again
        #[arg(long, group = "how")]
        undo: bool,
    },
    /// Take in every run of another archive that is not here yet (exit code 3 where some could not be)
    #[command(after_help = "Examples:\n  heirloom archive merge lab-share.heirloom\n  \
        heirloom archive merge lab.heirloom --archive backup.heirloom\n\nThe files of the runs' trials (trained networks) \
        are copied along. The other archive may be in use, and so may this one: runs that are at work here, and those that went on in both \
        archives, stay as they are. Merging again takes in what is new, and changes nothing else.")]
    Merge {
        /// The other archive
        from: PathBuf,
    },
    /// Take in evaluations that were recorded elsewhere
    #[command(
        after_help = "What can be read:\n  table.toml             a Parquet or CSV table with its descriptor, or their folder\n  \
        *.json                 HPO-B\n  a folder               auto-sklearn or ASlib\n  *.db, *.sqlite3        Optuna\n\n\
        Examples:\n  heirloom archive import meta-data/seed/oboe/table.toml\n  heirloom archive import study.db"
    )]
    Import(Import),
}

#[derive(Debug, Args)]
struct Import {
    /// The file or folder
    from: PathBuf,

    /// Who published it and where, as it shall stand in the archive [default: the file's name]
    #[arg(long)]
    source: Option<String>,

    /// Under which licence
    #[arg(long, default_value = "")]
    licence: String,

    /// What stands before the slash in the names of its tasks; of Optuna's studies, auto-sklearn and ASlib
    /// [default: the file's name without its ending, or the folder's]
    #[arg(long)]
    name: Option<String>,
}

impl Archive {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        match &self.command {
            ArchiveCommand::Stats => stats(context),
            ArchiveCommand::Check => check(context),
            ArchiveCommand::Withdraw { runs, because, .. } => withdraw(runs, because.as_deref(), context),
            ArchiveCommand::Merge { from } => merge(from, context),
            ArchiveCommand::Import(import) => import.run(context),
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

fn withdraw(names: &[String], because: Option<&str>, context: &Context) -> miette::Result<Exit> {
    if because.is_some_and(|reason| reason.trim().is_empty()) {
        return Err(Failure::usage("`--because` is empty; hint: say what is wrong with the runs").into());
    }
    let archive = Opened::open(&context.archive_path(None)?).or_fail()?;
    // All are found before the first is changed.
    let runs: Vec<_> = names.iter().map(|name| find_run(&archive, name)).collect::<miette::Result<_>>()?;
    for run in &runs {
        archive.withdraw(run.id, because).or_fail()?;
    }
    if context.json {
        let ids: Vec<_> = runs.iter().map(|run| run.id.to_string()).collect();
        output::json(&json!({ "runs": ids, "withdrawn": because }))?;
        return Ok(Exit::Done);
    }
    let said =
        if because.is_some() { "nothing is learned from it any more" } else { "it is learned from again" };
    runs.iter().try_for_each(|run| output::line(&format!("{} ({}): {said}", short(run), run.name)))?;
    Ok(Exit::Done)
}

fn merge(from: &Path, context: &Context) -> miette::Result<Exit> {
    let other = Opened::open_read_only(from).or_fail()?;
    let (archive, path) = (context.write_archive(None)?, context.archive_path(None)?);
    let (before, theirs) = (steps(&archive)?, steps(&other)?);
    // Held meanwhile, so that none of them begins; whoever has one now is at work on it.
    let runs = archive.runs().or_fail()?;
    let begun = runs.iter().filter(|run| run.state == RunState::Running && theirs.contains_key(&run.id));
    let (locks, at_work): (Vec<_>, Vec<_>) =
        begun.map(|run| (RunLock::take(&path, run.id), run.id)).partition(|(lock, _)| lock.is_ok());
    let at_work = at_work.into_iter().map(|(_, run)| run).collect();
    let report = archive.merge(&other, &at_work).or_fail()?;
    let here = steps(&archive)?;
    // Not of a run that has come further here or went on otherwise, nor of a damaged one that was left out.
    let stays = |run: &RunId| at_work.contains(run) || report.diverged.contains(run);
    let is_theirs = |run: &RunId, steps: u64| {
        !stays(run) && here.contains_key(run) && before.get(run).is_none_or(|&before| before <= steps)
    };
    let taken = theirs.iter().filter(|(run, steps)| is_theirs(run, **steps));
    let files = taken.map(|(&run, _)| files::copy(from, &path, run)).sum::<miette::Result<u64>>()?;
    drop(locks);
    let merged = Merged { report, files };
    let report = &merged.report;
    if context.json {
        output::json(&merged)?;
    } else {
        output::line(&format!(
            "{} runs added, {} brought up to date, {} known already; {} artifacts added, {files} files of trials copied",
            report.added, report.updated, report.unchanged, report.artifacts
        ))?;
        let damaged = |record: &String| output::line(&format!("- damaged and left out: {record}"));
        report.damaged.iter().try_for_each(damaged)?;
        report.diverged.iter().try_for_each(|run| {
            output::line(&format!(
                "- run {run} went on in both archives, each its own way, and stays as it is here; hint: the other one's \
                 can be merged into a new archive"
            ))
        })?;
        report.outgrown.iter().try_for_each(|run| {
            output::line(&format!("- withdrawn, for another run holds all of its evaluations too: {run}"))
        })?;
    }
    let is_whole = report.damaged.is_empty() && report.diverged.is_empty();
    Ok(if is_whole { Exit::Done } else { Exit::Findings })
}

/// What a merge did, in the archives and beside them.
#[derive(Serialize)]
struct Merged {
    #[serde(flatten)]
    report: MergeReport,
    /// Files of trials that were copied.
    files: u64,
}

/// How far each run has come.
fn steps(archive: &Opened) -> miette::Result<HashMap<RunId, u64>> {
    Ok(archive.runs().or_fail()?.into_iter().map(|run| (run.id, run.steps)).collect())
}

impl Import {
    fn run(&self, context: &Context) -> miette::Result<Exit> {
        if !self.from.exists() {
            let from = self.from.display();
            return Err(Failure::usage(format!("there is no `{from}`; hint: check the path")).into());
        }
        // A folder's name may hold a point, and `.` has a name too.
        let from = self.from.canonicalize().unwrap_or_else(|_| self.from.clone());
        let own = if from.is_dir() { from.file_name() } else { self.from.file_stem() };
        let own = own.unwrap_or_default().to_string_lossy().into_owned();
        let source = self.source.clone().unwrap_or_else(|| own.clone());
        let provenance = Provenance { source, licence: self.licence.clone() };
        let form = self.form()?;
        if self.name.is_some() && matches!(form, Form::Table | Form::HpoB) {
            return Err(
                Failure::usage("`--name` is not for this form: its tasks have their own names").into()
            );
        }
        let name = self.name.as_ref().unwrap_or(&own);
        let archive = context.write_archive(None)?;
        let report = match form {
            Form::Table => archive.import_table(&RecordedTable::open(&self.from).or_fail()?),
            Form::Aslib => archive.import_aslib(&self.from, name, &provenance),
            Form::HpoB => archive.import_hpob(&self.from, &provenance),
            Form::Optuna => archive.import_optuna(&self.from, name, &provenance),
        }
        .or_fail()?;
        if context.json {
            output::json(&report)?;
        } else {
            output::line(&format!(
                "{} evaluations in {} runs added; {} runs known already, {} evaluations left out",
                report.n_evaluations, report.n_added, report.n_known, report.n_left_out
            ))?;
            report.notes.iter().try_for_each(|note| output::line(&format!("- {note}")))?;
        }
        Ok(Exit::Done)
    }

    /// What the file or folder is, by its name.
    fn form(&self) -> miette::Result<Form> {
        let extension = self.from.extension().unwrap_or_default().to_string_lossy().into_owned();
        let is_table = extension == "toml" || self.from.join("table.toml").is_file();
        Ok(match extension.as_str() {
            _ if is_table => Form::Table,
            _ if self.from.is_dir() => Form::Aslib,
            "json" => Form::HpoB,
            "db" | "sqlite" | "sqlite3" => Form::Optuna,
            _ => {
                let from = self.from.display();
                return Err(Failure::usage(format!(
                    "`{from}` is of no known form; hint: `heirloom archive import --help` lists what can be read"
                ))
                .into());
            }
        })
    }
}

/// What can be imported.
enum Form {
    Table,
    Aslib,
    HpoB,
    Optuna,
}
