//! `heirloom show`

use clap::Args;
use heirloom_archive::TrialRecord;
use heirloom_model::Space;
use serde_json::json;

use crate::context::{Context, find_run};
use crate::failure::{Exit, OrFail};
use crate::output::{self, Table};
use crate::summary::{Summary, Trial, is_better};

/// Show a run: its best trials, its spending, what it was made of
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom show cifar100-warm\n  heirloom show 3f2a91c4d7e0 --best 20\n  \
    heirloom show 3f2a91c4d7e0 --file > run.toml"
)]
pub(crate) struct Show {
    /// The run: its id, the beginning or end of it, its name, or `latest`
    run: String,

    /// How many of the best trials are listed
    #[arg(long, value_name = "N", default_value_t = 5)]
    best: usize,

    /// Print the run file that the run was begun with, and nothing else
    #[arg(long)]
    file: bool,
}

impl Show {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let path = context.archive_path(None)?;
        let archive = context.read_archive()?;
        let found = find_run(&archive, &self.run)?;
        let header = archive.header(found.id).or_fail()?;
        if self.file {
            output::line(header.configuration["file"].as_str().unwrap_or_default().trim_end())?;
            return Ok(Exit::Done);
        }
        let space = Space::compile(header.space.clone()).or_fail()?;
        let mut best: Vec<TrialRecord> = Vec::new();
        archive
            .all_trials(found.id, &mut |trial| {
                if is_better(&trial, None) {
                    let place = best.partition_point(|other| !is_better(&trial, Some(other)));
                    best.insert(place, trial);
                    best.truncate(self.best);
                }
                Ok(())
            })
            .or_fail()?;
        let best: Vec<_> = best.iter().map(|trial| Trial::new(trial, &header, &space)).collect();
        let summary = Summary::new(&archive, path.display().to_string(), &found, None)?;
        if context.json {
            let checked = &header.configuration["checked"];
            output::json(&json!({ "summary": summary, "best": best, "configuration": checked }))?;
            return Ok(Exit::Done);
        }
        summary.print()?;
        let versions = header.versions.iter().map(|(name, version)| format!("{name} {version}"));
        output::line(&format!("made of  {}; seed {}", versions.collect::<Vec<_>>().join(", "), header.seed))?;
        if !best.is_empty() {
            output::line("")?;
            let names: Vec<_> = header.objectives.iter().map(|objective| objective.name.as_str()).collect();
            let columns: Vec<_> = [&["trial", "by"], &names[..], &["configuration"]].concat();
            let mut table = Table::new(&columns);
            for trial in &best {
                let values = names.iter().map(|name| output::maybe(trial.objectives[name].as_f64()));
                let configuration = trial.configuration.values().map(ToString::to_string).collect::<Vec<_>>();
                let start = [trial.trial.to_string(), trial.origin.unwrap_or("–").into()];
                table.row(start.into_iter().chain(values).chain([configuration.join(" ")]));
            }
            table.print()?;
        }
        Ok(Exit::Done)
    }
}
