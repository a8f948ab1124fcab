//! `heirloom export`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use heirloom_archive::{Archive, ExportFormat, RunId};
use heirloom_network::export::write_whole;

use crate::context::{Context, find_run};
use crate::failure::{Exit, Failure, OrFail};
use crate::trained::{self, Which};
use crate::{files, output};

/// Write a run's trials as a table, or a trial's trained network for PyTorch and ONNX
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom export cifar100-warm --format parquet --out trials.parquet\n  \
    heirloom export cifar100-warm --format csv | head\n  \
    heirloom export digits --curves --format parquet --out curves.parquet\n  \
    heirloom export digits --best --out digits-network\n  \
    heirloom export digits --trial 17\n\n\
    A network is a folder: model.py (PyTorch), model.pt (TorchScript), model.onnx,\n\
    weights.safetensors, network.json, preparation.json, and README.txt, which says what is\n\
    what. A run that was stopped has a best trial too."
)]
pub(crate) struct Export {
    /// The run: its id, the beginning or end of it, its name, or `latest`
    run: String,

    /// The table's format [default: csv, or jsonl with `--json`]
    #[arg(long, value_enum, conflicts_with = "network")]
    format: Option<Format>,

    /// Write the trials' learning curves, a row a point, in place of the trials
    #[arg(long, conflicts_with = "network")]
    curves: bool,

    /// Write the trained network of the best trial
    #[arg(long, group = "network")]
    best: bool,

    /// Write the trained network of this trial
    #[arg(long, group = "network", value_name = "N")]
    trial: Option<u64>,

    /// The table's file, or the network's folder [default: standard output; RUN-trial-N here]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Comma-separated values with a header
    Csv,
    /// Apache Parquet
    Parquet,
    /// One JSON object a line
    Jsonl,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Parquet => Self::Parquet,
            Format::Jsonl => Self::JsonLines,
        }
    }
}

impl Export {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        if let Some(out) = &self.out {
            files::spare(out, &context.archive_path(None)?, None)?;
        }
        let archive = context.read_archive()?;
        let run = find_run(&archive, &self.run)?;
        let which = match self.trial {
            Some(number) => Which::Number(number),
            None if self.best => Which::Best,
            None => return self.table(&archive, run.id, context),
        };
        let files = files::of_run(&context.archive_path(None)?, run.id)?;
        let exported = trained::export(&archive, &run, which, &files, self.out.as_deref())?;
        if context.json {
            output::json(&exported)?
        } else {
            exported.print()?
        }
        Ok(Exit::Done)
    }

    fn table(&self, archive: &Archive, run: RunId, context: &Context) -> miette::Result<Exit> {
        let format = self.format.unwrap_or(if context.json { Format::Jsonl } else { Format::Csv });
        let write = |out: &mut (dyn Write + Send)| match self.curves {
            true => archive.export_curves(run, format.into(), out),
            false => archive.export(run, format.into(), out),
        };
        // Whole before the first byte is shown or lies on the disk: a reader that goes away is no failure of the export.
        let mut bytes = Vec::new();
        write(&mut bytes).or_fail()?;
        match &self.out {
            // A pipe or a device is written to, not put aside.
            Some(path) if path.metadata().is_ok_and(|data| !data.is_file()) => {
                std::fs::write(path, bytes)
                    .map_err(|error| Failure::new(format!("cannot write `{}`: {error}", path.display())))?;
            }
            Some(path) => {
                write_whole(&path.canonicalize().unwrap_or_else(|_| path.clone()), &bytes).or_fail()?
            }
            None => match io::stdout().lock().write_all(&bytes).and_then(|()| io::stdout().flush()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    return Err(output::unwritten(&error));
                }
                _ => {}
            },
        }
        Ok(Exit::Done)
    }
}
