//! Measures Heirloom's figures from the product itself: `cargo xtask figures [PREFIX] [--json]`.
//!
//! Each module measures the figures whose ids begin with its name and returns one [`Row`] a figure. Peers are
//! measured in the same call, so that ratios compare like with like.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod nb201;
mod recorded_task;
mod row;
mod speed_archive;
mod speed_engine;
mod speed_plugin;
mod warm_graph;
mod warm_nb201;
mod warm_openml;
mod warm_peers;
mod warm_play;
mod warm_tabular;

use std::process::ExitCode;

use clap::Parser;

use row::Row;

#[derive(Parser)]
#[command(name = "heirloom-figures", about = "Measures the published figures from the product itself")]
struct Arguments {
    /// Only figures whose id begins so
    #[arg(default_value = "")]
    prefix: String,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Measures the figures of a family whose ids begin with the prefix.
type Measure = fn(prefix: &str) -> Result<Vec<Row>, String>;

/// Families of figures by the beginning of their ids, in the order in which they are measured.
const FAMILIES: &[(&str, Measure)] = &[
    ("nb201.", nb201::measure),
    ("warm.nb201.", warm_nb201::measure),
    ("warm.graph.", warm_graph::measure),
    ("warm.openml.", warm_openml::measure),
    ("warm.tabular.", warm_tabular::measure),
    ("speed.engine.", speed_engine::measure),
    ("speed.archive.", speed_archive::measure),
    ("speed.plugin.", speed_plugin::measure),
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut failed = false;
    let mut header = !arguments.json;
    for (family, measure) in FAMILIES {
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
