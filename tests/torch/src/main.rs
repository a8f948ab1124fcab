//! Measures the figures that need LibTorch: `cargo xtask figures torch.`, `inherit.` and `proxy.`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod accuracy;
mod inherit;
mod median;
mod networks;
mod overhead;
mod peer;
mod proxy;
mod search;
mod throughput;
mod trainer;

use std::process::ExitCode;

use heirloom_figures::Measure;

/// Families of figures by the beginning of their ids, in the order in which they are measured.
const FAMILIES: &[(&str, Measure)] = &[
    ("torch.train.", throughput::measure_speed),
    ("torch.memory.", throughput::measure_memory),
    ("torch.overhead", overhead::measure),
    ("torch.accuracy", accuracy::measure),
    ("inherit.", inherit::measure),
    ("proxy.", proxy::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [command, network, threads] if command == trainer::COMMAND => {
            match trainer::serve(network, threads) {
                Ok(()) => ExitCode::SUCCESS,
                Err(message) => {
                    eprintln!("{message}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => heirloom_figures::main(FAMILIES),
    }
}
