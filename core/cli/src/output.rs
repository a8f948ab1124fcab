//! What goes to standard output: tables for people, JSON for programs.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use miette::{Diagnostic, JSONReportHandler, Report, ReportHandler};
use serde::Serialize;

use crate::failure::{Failure, OrFail};

/// Writes one value as JSON.
pub(crate) fn json(value: &impl Serialize) -> miette::Result<()> {
    let text = serde_json::to_string_pretty(value).or_fail()?;
    line(&text)
}

/// Errors as JSON. What miette makes of them holds the control characters of messages as they are.
#[derive(Debug)]
pub(crate) struct JsonErrors;

impl ReportHandler for JsonErrors {
    fn debug(&self, error: &dyn Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        JSONReportHandler::new().render_report(&mut text, error)?;
        text.chars().try_for_each(|letter| match letter {
            // Between strings there is none.
            '\0'..' ' => write!(f, "\\u{:04x}", u32::from(letter)),
            other => f.write_char(other),
        })
    }
}

/// Writes a line. A reader that has gone away (`| head`) is no failure.
pub(crate) fn line(text: &str) -> miette::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => heirloom_plugin_host::leave(0),
        result => result.map_err(|error| unwritten(&error)),
    }
}

/// The error of a result that standard output did not take.
pub(crate) fn unwritten(error: &io::Error) -> Report {
    Failure::new(format!("cannot write to standard output: {error}")).into()
}

/// A table with a header: numbers to the right, all else to the left.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|name| (*name).to_owned()).collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self) -> miette::Result<()> {
        self.to_string().lines().try_for_each(line)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.header]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let is_number = |column: usize| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .all(|cell| cell.chars().all(|letter| letter.is_ascii_digit() || "+-.±%e– ".contains(letter)))
        };
        let layout: Vec<_> =
            (0..self.header.len()).map(|column| (width(column), is_number(column))).collect();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let cells = row.iter().zip(&layout).map(|(cell, &(width, right))| {
                if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A number with four significant digits or more, as people read it.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "–".into()
    } else if size < 1e-12 || (1e-3..1e7).contains(&size) {
        let decimals = if size >= 1000.0 {
            1
        } else if size >= 10.0 {
            2
        } else {
            4
        };
        format!("{value:.decimals$}")
    } else {
        format!("{value:.3e}")
    }
}

/// A number where there is one.
pub(crate) fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), number)
}

/// Seconds in the unit that people would use.
pub(crate) fn seconds(value: f64) -> String {
    match value {
        s if s < 0.1 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_words_left() {
        let mut table = Table::new(&["task", "best"]);
        table.row(["cifar10".into(), number(91.234)]);
        table.row(["x".into(), number(9.5)]);
        table.row(["y".into(), maybe(None)]);
        assert_eq!(table.to_string(), "task       best\ncifar10   91.23\nx        9.5000\ny             –\n");
    }
}
