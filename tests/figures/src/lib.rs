//! What programs that measure figures share: a row of the table, and how tables are printed.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "for programs that print a table")]

pub mod rank;
pub mod row;

use std::process::ExitCode;

use clap::Parser;

use row::Row;

#[derive(Parser)]
#[command(about = "Measures the published figures from the product itself")]
struct Arguments {
    /// Only figures whose id begins so
    #[arg(default_value = "")]
    prefix: String,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Leave out the table's head
    #[arg(long)]
    headless: bool,
}

/// Measures the figures of a family whose ids begin with the prefix.
pub type Measure = fn(prefix: &str) -> Result<Vec<Row>, String>;

/// Measures and prints what the program's arguments ask for; families go by the beginning of their ids.
pub fn main(families: &[(&str, Measure)]) -> ExitCode {
    let arguments = Arguments::parse();
    let mut failed = false;
    let mut header = !arguments.json && !arguments.headless;
    for (family, measure) in families {
        if !family.starts_with(&arguments.prefix) && !arguments.prefix.starts_with(family) {
            continue;
        }
        match measure(&arguments.prefix) {
            Ok(rows) => {
                for row in rows.iter().filter(|row| row.id.starts_with(&arguments.prefix)) {
                    if arguments.json {
                        println!("{}", serde_json::to_string(row).expect("a row is plain data"));
                    } else {
                        if std::mem::take(&mut header) {
                            println!("{}", Row::HEADER);
                        }
                        println!("{}", row.to_markdown());
                    }
                }
            }
            Err(message) => {
                eprintln!("{family}: {message}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
