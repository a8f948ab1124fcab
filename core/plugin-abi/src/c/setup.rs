//! What a component is made from, laid out as the header has it.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use heirloom_model::space::{Parameter, ParameterKind};
use heirloom_model::{Direction, Problem, Space};
use serde_json::Value as Json;

use crate::described::{describe_problem, describe_space};
use crate::host::Context;

use super::host::Host;
use super::library::Library;
use super::table::{
    HEIRLOOM_BOOLEAN, HEIRLOOM_CATEGORICAL, HEIRLOOM_CONSTANT, HEIRLOOM_FLOAT, HEIRLOOM_INT, HEIRLOOM_NUMBER,
    HEIRLOOM_ORDINAL, HEIRLOOM_TEXT, HeirloomFidelity, HeirloomObjective, HeirloomOption, HeirloomParameter,
    HeirloomSetup,
};

/// A setup and everything that it points to.
pub(super) struct Setup {
    written: Box<HeirloomSetup>,
    /// How many numbers a configuration has.
    pub(super) n_parameters: usize,
    _owned: Owned,
}

/// Texts and tables: vectors that are filled before they are pointed to, and not touched afterwards.
#[derive(Default)]
struct Owned {
    texts: Vec<CString>,
    labels: Vec<Vec<*const c_char>>,
    parameters: Vec<HeirloomParameter>,
    fidelities: Vec<HeirloomFidelity>,
    objectives: Vec<HeirloomObjective>,
    options: Vec<HeirloomOption>,
    host: Option<Box<Host>>,
}

impl Setup {
    pub(super) fn new(
        library: &'static Library,
        name: &str,
        options: &Json,
        problem: Option<&Problem>,
        space: Option<&Arc<Space>>,
        context: &Context,
    ) -> Self {
        let mut owned = Owned::default();
        for index in 0..space.map_or(0, |space| space.parameters().len()) {
            let space = space.expect("it has parameters");
            let parameter = owned.parameter(&space.parameters()[index], space.condition(index).is_some());
            owned.parameters.push(parameter);
        }
        for dimension in problem.iter().flat_map(|problem| &problem.fidelities) {
            let name = owned.text(&dimension.name);
            let integer = u32::from(dimension.integer);
            let (low, high) = (dimension.low, dimension.high);
            owned.fidelities.push(HeirloomFidelity { name, low, high, integer });
        }
        for objective in problem.iter().flat_map(|problem| &problem.objectives) {
            let name = owned.text(&objective.name);
            let maximise = u32::from(objective.direction == Direction::Maximise);
            owned.objectives.push(HeirloomObjective { name, maximise });
        }
        owned.option("", options);
        let described = match problem {
            Some(problem) => describe_problem(problem),
            None => describe_space(space.map(|space| &**space)),
        };
        let problem_json = owned.text(&String::from_utf8_lossy(&described.unwrap_or_default()));
        let options_json = owned.text(&options.to_string());
        let (name, folder) = (owned.text(name), owned.text(&context.folder().to_string_lossy()));
        let host = owned.host.insert(Host::new(library, space.cloned(), context.clone()));
        let host = host.as_ptr();
        let written = HeirloomSetup {
            name,
            parameters: owned.parameters.as_ptr(),
            n_parameters: owned.parameters.len(),
            fidelities: owned.fidelities.as_ptr(),
            n_fidelities: owned.fidelities.len(),
            objectives: owned.objectives.as_ptr(),
            n_objectives: owned.objectives.len(),
            options: owned.options.as_ptr(),
            n_options: owned.options.len(),
            options_json,
            problem_json,
            folder,
            threads: context.threads() as u64,
            host,
        };
        Self { n_parameters: owned.parameters.len(), written: Box::new(written), _owned: owned }
    }

    pub(super) fn as_ptr(&self) -> *const HeirloomSetup {
        &raw const *self.written
    }
}

impl Owned {
    /// A text that stays where it is; a zero byte within would end it, and cannot be meant.
    fn text(&mut self, text: &str) -> *const c_char {
        let text = CString::new(text.replace('\0', "")).expect("zero bytes are taken out");
        self.texts.push(text);
        self.texts.last().expect("it was pushed").as_ptr()
    }

    fn parameter(&mut self, parameter: &Parameter, conditional: bool) -> HeirloomParameter {
        let n_values = parameter.n_values().unwrap_or(0);
        let last = n_values.saturating_sub(1) as f64;
        let (kind, log, low, high, step, choices) = match &parameter.kind {
            ParameterKind::Float { low, high, log, step } => {
                (HEIRLOOM_FLOAT, *log, *low, *high, step.unwrap_or(0.0), None)
            }
            ParameterKind::Int { low, high, log, step } => {
                (HEIRLOOM_INT, *log, *low as f64, *high as f64, *step as f64, None)
            }
            ParameterKind::Categorical { choices } => {
                (HEIRLOOM_CATEGORICAL, false, 0.0, last, 1.0, Some(choices.as_slice()))
            }
            ParameterKind::Ordinal { values } => {
                (HEIRLOOM_ORDINAL, false, 0.0, last, 1.0, Some(values.as_slice()))
            }
            ParameterKind::Constant { value } => {
                (HEIRLOOM_CONSTANT, false, 0.0, 0.0, 1.0, Some(std::slice::from_ref(value)))
            }
        };
        let labels = choices.map_or(std::ptr::null(), |choices| {
            let labels = choices.iter().map(|choice| self.text(&choice.to_string())).collect();
            self.labels.push(labels);
            self.labels.last().expect("it was pushed").as_ptr()
        });
        HeirloomParameter {
            name: self.text(&parameter.name),
            kind,
            log: u32::from(log),
            low,
            high,
            step,
            n_values,
            labels,
            default_number: parameter.default,
            conditional: u32::from(conditional),
        }
    }

    /// Adds an option, or what a table or list holds, under its path.
    fn option(&mut self, path: &str, value: &Json) {
        let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let (kind, number, text) = match value {
            Json::Null => return,
            Json::Object(table) => {
                return table.iter().for_each(|(key, value)| self.option(&join(key), value));
            }
            Json::Array(items) => {
                let items = items.iter().enumerate();
                return items.for_each(|(index, item)| self.option(&join(&index.to_string()), item));
            }
            Json::Bool(value) => (HEIRLOOM_BOOLEAN, f64::from(u8::from(*value)), std::ptr::null()),
            Json::Number(number) => (HEIRLOOM_NUMBER, number.as_f64().unwrap_or(f64::NAN), std::ptr::null()),
            Json::String(text) => (HEIRLOOM_TEXT, f64::NAN, self.text(text)),
        };
        let name = self.text(path);
        self.options.push(HeirloomOption { name, kind, number, text });
    }
}
