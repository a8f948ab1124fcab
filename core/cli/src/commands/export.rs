//! `heirloom export`

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use heirloom_archive::ExportFormat;

use crate::context::{Context, find_run};
use crate::failure::{Exit, Failure, OrFail};

/// Write a run's trials as CSV, Parquet or JSON lines
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom export cifar100-warm --format parquet --out trials.parquet\n  \
    heirloom export cifar100-warm --format csv | head"
)]
pub(crate) struct Export {
    /// The run: its id, the beginning or end of it, its name, or `latest`
    run: String,

    /// The format
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,

    /// The file [default: standard output]
    #[arg(long, value_name = "FILE")]
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
        let archive = context.read_archive()?;
        let run = find_run(&archive, &self.run)?.id;
        let format = self.format.into();
        match &self.out {
            Some(path) => {
                let cannot =
                    |error: io::Error| Failure::new(format!("cannot write `{}`: {error}", path.display()));
                let mut file = BufWriter::new(File::create(path).map_err(cannot)?);
                archive.export(run, format, &mut file).or_fail()?;
                file.flush().map_err(cannot)?;
            }
            None => {
                // Whole before the first byte is shown: a reader that goes away is no failure of the export.
                let mut bytes = Vec::new();
                archive.export(run, format, &mut bytes).or_fail()?;
                match io::stdout().lock().write_all(&bytes) {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                        return Err(Failure::new(error).into());
                    }
                    _ => {}
                }
            }
        }
        Ok(Exit::Done)
    }
}
