//! Measures Heirloom's figures from the product itself: `cargo xtask figures [PREFIX] [--json]`.
//!
//! Each module measures the figures whose ids begin with its name and returns one [`row::Row`] a figure. Peers are
//! measured in the same call, so that ratios compare like with like.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod nb201;
mod proxy_vote;
mod recorded_task;
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

use heirloom_figures::{Measure, row};

/// Families of figures by the beginning of their ids, in the order in which they are measured.
const FAMILIES: &[(&str, Measure)] = &[
    ("nb201.", nb201::measure),
    ("proxy.vote.", proxy_vote::measure),
    ("warm.nb201.", warm_nb201::measure),
    ("warm.graph.", warm_graph::measure),
    ("warm.openml.", warm_openml::measure),
    ("warm.tabular.", warm_tabular::tabular),
    ("warm.image.", warm_tabular::images),
    ("speed.engine.", speed_engine::measure),
    ("speed.archive.", speed_archive::measure),
    ("speed.plugin.", speed_plugin::measure),
];

fn main() -> ExitCode {
    heirloom_figures::main(FAMILIES)
}
