//! The estimator's table of the run file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use heirloom_plugin::{ComponentError, Direction, FidelityDimension, Objective, PluginOptions};

/// What stands in an argument for the path of the file that holds the configuration.
pub(crate) const PLACEHOLDER: &str = "{configuration}";

/// Which of the program's variables, behind `HEIRLOOM_`, holds the fidelity `name`: one that a shell can read.
pub(crate) fn variable(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    format!("FIDELITY_{}", name.chars().map(plain).collect::<String>())
}

/// The options of a program that evaluates.
#[derive(Debug, Clone, PluginOptions)]
pub struct Options {
    /// The program and its arguments. `{configuration}` in an argument stands for the path of a file with the
    /// configuration as JSON.
    pub command: Vec<String>,
    /// What the program measures; the first one is what single-objective strategies follow.
    pub objectives: Vec<ObjectiveOptions>,
    /// The dimensions of an evaluation's size that the program understands.
    #[option(default = [])]
    pub fidelities: Vec<FidelityOptions>,
    /// The folder the program runs in; the run file's by default.
    #[option(default = ".")]
    pub folder: PathBuf,
    /// Seconds between asking the program to end and killing it, when it is stopped early or the run is cancelled. A
    /// run that is cancelled waits 1.5 seconds at most. A day at most.
    #[option(default = 1.5, low = 0.0, high = 86_400.0)]
    pub grace_seconds: f64,
}

/// One objective as the program prints it.
#[derive(Debug, Clone, PartialEq, PluginOptions)]
pub struct ObjectiveOptions {
    /// Its name in the program's lines.
    pub name: String,
    /// Whether it is good large or small.
    pub direction: ObjectiveDirection,
}

/// Whether an objective is good large or small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum ObjectiveDirection {
    /// Small is good.
    Minimise,
    /// Large is good.
    Maximise,
}

/// One dimension of an evaluation's size.
#[derive(Debug, Clone, PartialEq, PluginOptions)]
pub struct FidelityOptions {
    /// Its name, such as `epochs`. The program finds its value in `HEIRLOOM_FIDELITY_EPOCHS`: in capitals, with `_` for
    /// what is no letter, digit or `_`.
    pub name: String,
    /// The smallest value that says anything: a size, not its logarithm.
    #[option(low = 0.0)]
    pub low: f64,
    /// The full value: a size, not its logarithm.
    #[option(above = 0.0)]
    pub high: f64,
    /// Whether only whole numbers count.
    #[option(default = false)]
    pub integer: bool,
}

impl Options {
    /// Checks what the options' ranges cannot say.
    pub fn check(&self) -> Result<(), ComponentError> {
        let wrong = |message: &str| Err(ComponentError::configuration(message));
        if self.command.is_empty() {
            return wrong("`command` is empty; hint: `command = [\"python3\", \"train.py\"]`");
        }
        if self.objectives.is_empty() {
            return wrong(
                "`objectives` is empty; hint: `objectives = [{ name = \"val_acc\", direction = \"maximise\" }]`",
            );
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = self.objectives.iter().find(|objective| !names.insert(&objective.name)) {
            let name = &twice.name;
            return wrong(&format!("two objectives are called `{name}`; hint: leave one of them out"));
        }
        let mut variables = BTreeSet::new();
        let is_twice = |fidelity: &&FidelityOptions| !variables.insert(variable(&fidelity.name));
        if let Some(FidelityOptions { name, .. }) = self.fidelities.iter().find(is_twice) {
            let variable = variable(name);
            return wrong(&format!(
                "two fidelities share the variable `HEIRLOOM_{variable}`; hint: rename `{name}`, or leave it out"
            ));
        }
        for FidelityOptions { name, low, high, integer } in &self.fidelities {
            if low > high {
                return wrong(&format!("`{name}`: `low = {low}` is above `high = {high}`; hint: swap them"));
            }
            if *integer && (low.fract() != 0.0 || high.fract() != 0.0) {
                return wrong(&format!(
                    "`{name}`: `low = {low}` and `high = {high}` are not both whole numbers; hint: give whole ones, or \
                     leave `integer` out"
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn objectives(&self) -> Vec<Objective> {
        let objective = |options: &ObjectiveOptions| Objective {
            name: options.name.clone(),
            direction: match options.direction {
                ObjectiveDirection::Minimise => Direction::Minimise,
                ObjectiveDirection::Maximise => Direction::Maximise,
            },
        };
        self.objectives.iter().map(objective).collect()
    }

    pub(crate) fn fidelities(&self) -> Vec<FidelityDimension> {
        let dimension = |options: &FidelityOptions| FidelityDimension {
            name: options.name.clone(),
            low: options.low,
            high: options.high,
            integer: options.integer,
            levels: Vec::new(),
        };
        self.fidelities.iter().map(dimension).collect()
    }
}
