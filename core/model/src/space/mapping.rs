//! Maps between two spaces: spaces drift, and what an archive learned in one shall serve another.
//!
//! Parameters are matched by name, then by alias. What a target parameter lacks in the source gets its default, what
//! the target lacks is dropped, values out of range are clipped or left out, and a type may change where a value
//! keeps its meaning: `3` is the same for an int, a float and the ordinal `[1, 3, 5]`. Of architectures also what is no
//! parameter counts, such as a width that is fixed: the same values may stand for another network. Every such change is
//! in the [`MappingReport`] before the first configuration is mapped; none is silent.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Value;
use crate::architecture::ArchitectureSpec;

use super::{Clause, Configuration, Parameter, ParameterKind, Space, SpaceHash};

/// What becomes of a configuration with a number beyond the range of its parameter in the target space, or with a value
/// of a parameter that is inactive there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutOfRange {
    /// It is left out. A clipped configuration is another one, and its measurements are not its own.
    #[default]
    LeaveOut,
    /// It gets the nearest value there is, or none. For first configurations, whose measurements do not come along.
    Clip,
}

/// What a mapping did to one parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MappingNote {
    /// The source has no such parameter: its default is taken.
    Missing {
        /// The target's parameter.
        parameter: String,
        /// The value it gets.
        default: Value,
    },
    /// The target has no such parameter: its value is dropped.
    Extra {
        /// The source's parameter.
        parameter: String,
    },
    /// An alias joins parameters of different names.
    Renamed {
        /// The source's name.
        from: String,
        /// The target's name.
        to: String,
    },
    /// The parameters are of different types; values keep their meaning.
    Retyped {
        /// The target's parameter.
        parameter: String,
        /// What the source allows.
        from: String,
        /// What the target allows.
        to: String,
    },
    /// The source's numbers are not all in the target's range or on its grid.
    Range {
        /// The target's parameter.
        parameter: String,
        /// What the source allows.
        from: String,
        /// What the target allows.
        to: String,
        /// What becomes of numbers out of range; those between grid points go to the nearest.
        out_of_range: OutOfRange,
    },
    /// The target lacks some of the source's choices: configurations with them are left out.
    Choices {
        /// The target's parameter.
        parameter: String,
        /// The choices it lacks.
        lost: Vec<Value>,
    },
    /// The parameter is active under other conditions: where only the target's is, it gets its default.
    Condition {
        /// The target's parameter.
        parameter: String,
        /// The value it gets.
        default: Value,
    },
    /// The parameter is active under other conditions: where only the source's is, its value has no place.
    Inactive {
        /// The target's parameter.
        parameter: String,
        /// What becomes of configurations with such a value.
        out_of_range: OutOfRange,
    },
    /// The target forbids combinations of its own: configurations with them are left out.
    Forbidden,
    /// The architectures are described otherwise, so that the same values may stand for another network.
    Architecture {
        /// Whether networks are compared, and configurations that stand for another one left out. Where a parameter of
        /// an architecture has no counterpart they differ anyhow.
        compared: bool,
    },
}

impl fmt::Display for MappingNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { parameter, default } => {
                write!(f, "`{parameter}` is new: it gets its default `{default}`")
            }
            Self::Extra { parameter } => write!(f, "`{parameter}` is gone: its value is dropped"),
            Self::Renamed { from, to } => write!(f, "`{from}` is now `{to}`"),
            Self::Retyped { parameter, from, to } => {
                write!(f, "`{parameter}` changes its type: {from} becomes {to}")
            }
            Self::Range { parameter, from, to, out_of_range } => {
                let fate = match out_of_range {
                    OutOfRange::LeaveOut => {
                        "configurations beyond it are left out, numbers between its values go to the nearest"
                    }
                    OutOfRange::Clip => "numbers go to its nearest value",
                };
                write!(f, "`{parameter}` changes its range: {from} becomes {to}; {fate}")
            }
            Self::Choices { parameter, lost } => {
                let lost: Vec<_> = lost.iter().map(|value| format!("`{value}`")).collect();
                let lost = lost.join(", ");
                write!(f, "`{parameter}` has no {lost} any more: configurations with it are left out")
            }
            Self::Condition { parameter, default } => {
                let fate = format!("where it had no value it gets `{default}`");
                write!(f, "`{parameter}` is active under other conditions: {fate}")
            }
            Self::Inactive { parameter, out_of_range } => {
                let fate = match out_of_range {
                    OutOfRange::LeaveOut => "configurations with a value where it is inactive are left out",
                    OutOfRange::Clip => "its value is dropped where it is inactive",
                };
                write!(f, "`{parameter}` is inactive under other conditions: {fate}")
            }
            Self::Forbidden => f.write_str("other combinations are forbidden: those are left out"),
            Self::Architecture { compared } => {
                let fate = match compared {
                    true => "configurations that stand for another network are left out",
                    false => "the same values may stand for another network",
                };
                write!(f, "architectures are described otherwise: {fate}")
            }
        }
    }
}

/// All that a mapping changes, parameter by parameter.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MappingReport {
    /// The changes, in the order of the target's parameters; what is dropped comes last.
    pub notes: Vec<MappingNote>,
}

impl MappingReport {
    /// Whether configurations come through as they are.
    pub fn is_identity(&self) -> bool {
        self.notes.is_empty()
    }
}

impl fmt::Display for MappingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_identity() {
            return f.write_str("nothing changes");
        }
        let lines: Vec<String> = self.notes.iter().map(MappingNote::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Why a configuration has no counterpart in the target space.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Dropped {
    /// A value is none of the target parameter's.
    #[error("parameter `{parameter}`: `{value}` is not one of {allowed}")]
    OutOfRange {
        /// The target's parameter.
        parameter: String,
        /// The source's value.
        value: Value,
        /// What the target allows.
        allowed: String,
    },
    /// A value belongs to a parameter that is inactive in the target.
    #[error("parameter `{parameter}`: `{value}` has no place where it is inactive in the target space")]
    Inactive {
        /// The target's parameter.
        parameter: String,
        /// The source's value.
        value: Value,
    },
    /// The target forbids the combination.
    #[error("the combination is forbidden in the target space")]
    Forbidden,
    /// The values stand for another network.
    #[error("its values stand for another network in the target space")]
    Network,
    /// The configuration is none of the source space.
    #[error("a configuration of {found} values was given for a space of {expected} parameters")]
    WrongLength {
        /// Parameters of the source space.
        expected: usize,
        /// Values given.
        found: usize,
    },
}

/// Maps configurations of one space to another.
#[derive(Debug, Clone)]
pub struct SpaceMapping {
    from: Space,
    to: Space,
    /// How each of the target's parameters gets its value.
    rules: Vec<Rule>,
    out_of_range: OutOfRange,
    compares_networks: bool,
    report: MappingReport,
}

#[derive(Debug, Clone)]
enum Rule {
    /// The target's default.
    Default,
    /// The source's number as it is.
    Copy(usize),
    /// The source's number, checked against the target's range.
    Number(usize),
    /// For each of the source's choices the target's number, where there is one.
    Choice(usize, Vec<Option<f64>>),
}

impl SpaceMapping {
    /// Matches the parameters of two spaces.
    pub fn new(from: &Space, to: &Space, out_of_range: OutOfRange) -> Self {
        let mut matcher = Matcher { from, to, out_of_range, notes: Vec::new() };
        let sources: Vec<Option<usize>> =
            (0..to.parameters.len()).map(|index| matcher.source(index)).collect();
        let rules = sources.iter().enumerate().map(|(index, &source)| matcher.rule(index, source)).collect();
        let is_extra = |index: usize| !sources.contains(&Some(index));
        let extra = from.parameters.iter().enumerate().filter(|(index, _)| is_extra(*index));
        let extra = extra.map(|(_, parameter)| MappingNote::Extra { parameter: parameter.name.clone() });
        let mut notes = matcher.notes;
        notes.extend(extra);
        let is_known = |clause: &Clause| {
            from.forbidden.iter().any(|known| known.is_same(&from.parameters, clause, &to.parameters))
        };
        let forbids_more = !to.forbidden.iter().all(is_known);
        let restricts = to.architecture_spec().is_some_and(ArchitectureSpec::restricts_values);
        if forbids_more || restricts && from.architecture_spec() != to.architecture_spec() {
            notes.push(MappingNote::Forbidden);
        }
        let mut compares_networks = false;
        if let (Some(before), Some(after)) = (from.architecture_spec(), to.architecture_spec())
            && before != after
        {
            compares_networks = out_of_range == OutOfRange::LeaveOut
                && !from.architecture_parameters().any(is_extra)
                && !to.architecture_parameters().any(|index| sources[index].is_none());
            notes.push(MappingNote::Architecture { compared: compares_networks });
        }
        let report = MappingReport { notes };
        Self { from: from.clone(), to: to.clone(), rules, out_of_range, compares_networks, report }
    }

    /// What this mapping changes.
    pub fn report(&self) -> &MappingReport {
        &self.report
    }

    /// The identities of the source and the target space.
    pub fn spaces(&self) -> (&SpaceHash, &SpaceHash) {
        (self.from.hash(), self.to.hash())
    }

    /// The counterpart of a checked configuration of the source space.
    pub fn map(&self, configuration: &Configuration) -> Result<Configuration, Dropped> {
        let values = configuration.values();
        let expected = self.from.parameters.len();
        if values.len() != expected {
            return Err(Dropped::WrongLength { expected, found: values.len() });
        }
        let mut lost = None;
        let mapped = self.to.fill(|index| {
            let target = &self.to.parameters[index];
            let found = match &self.rules[index] {
                Rule::Default => return target.default,
                Rule::Copy(source) | Rule::Number(source) | Rule::Choice(source, _)
                    if values[*source].is_nan() =>
                {
                    return target.default;
                }
                Rule::Copy(source) => return values[*source],
                Rule::Number(source) => {
                    from_number(target, values[*source], self.out_of_range).ok_or(*source)
                }
                Rule::Choice(source, table) => {
                    table.get(values[*source] as usize).copied().flatten().ok_or(*source)
                }
            };
            found.unwrap_or_else(|source| {
                lost.get_or_insert((index, source));
                target.default
            })
        });
        if let Some((index, source)) = lost {
            let target = &self.to.parameters[index];
            return Err(Dropped::OutOfRange {
                parameter: target.name.clone(),
                value: self.from.parameters[source].to_value(values[source]),
                allowed: target.describe(),
            });
        }
        if self.out_of_range == OutOfRange::LeaveOut
            && let Some((index, source)) = self.without_place(values, mapped.values())
        {
            return Err(Dropped::Inactive {
                parameter: self.to.parameters[index].name.clone(),
                value: self.from.parameters[source].to_value(values[source]),
            });
        }
        if self.to.is_forbidden(&mapped) {
            return Err(Dropped::Forbidden);
        }
        let network = |space: &Space, configuration| space.architecture(configuration).and_then(Result::ok);
        if self.compares_networks && network(&self.from, configuration) != network(&self.to, &mapped) {
            return Err(Dropped::Network);
        }
        Ok(mapped)
    }

    /// The first parameter of the target that is inactive though its source has a value, and that source.
    fn without_place(&self, values: &[f64], mapped: &[f64]) -> Option<(usize, usize)> {
        self.rules.iter().enumerate().find_map(|(index, rule)| match rule {
            Rule::Default => None,
            Rule::Copy(source) | Rule::Number(source) | Rule::Choice(source, _) => {
                (mapped[index].is_nan() && !values[*source].is_nan()).then_some((index, *source))
            }
        })
    }
}

/// The parameters of two spaces side by side, and what was found.
struct Matcher<'a> {
    from: &'a Space,
    to: &'a Space,
    out_of_range: OutOfRange,
    notes: Vec<MappingNote>,
}

impl Matcher<'_> {
    /// The source's parameter for the target's parameter `index`: by name, by the target's aliases, by the source's.
    fn source(&self, index: usize) -> Option<usize> {
        let name = &self.to.parameters[index].name;
        let is_free = |source: &usize| self.to.index_of(&self.from.parameters[*source].name).is_none();
        let by_own = || self.to.aliases(index).iter().find_map(|alias| self.from.index_of(alias));
        let by_other =
            || (0..self.from.parameters.len()).find(|&source| self.from.aliases(source).contains(name));
        self.from.index_of(name).or_else(|| by_own().filter(is_free).or_else(|| by_other().filter(is_free)))
    }

    fn rule(&mut self, index: usize, source: Option<usize>) -> Rule {
        let target = &self.to.parameters[index];
        let default = target.to_value(target.default);
        let Some(source_index) = source else {
            self.notes.push(MappingNote::Missing { parameter: target.name.clone(), default });
            return Rule::Default;
        };
        let source = &self.from.parameters[source_index];
        if source.name != target.name {
            self.notes.push(MappingNote::Renamed { from: source.name.clone(), to: target.name.clone() });
        }
        let rule = if same_values(&source.kind, &target.kind) {
            Rule::Copy(source_index)
        } else {
            self.converted(source_index, index)
        };
        let (before, after) = (self.from.condition(source_index), self.to.condition(index));
        let is_same = match (before, after) {
            (Some(before), Some(after)) => before.is_same(&self.from.parameters, after, &self.to.parameters),
            _ => before.is_none() && after.is_none(),
        };
        if before.is_some() && !is_same {
            self.notes.push(MappingNote::Condition { parameter: target.name.clone(), default });
        }
        if after.is_some() && !is_same {
            let (parameter, out_of_range) = (target.name.clone(), self.out_of_range);
            self.notes.push(MappingNote::Inactive { parameter, out_of_range });
        }
        rule
    }

    /// The rule between parameters of different types or ranges, noted.
    fn converted(&mut self, source_index: usize, index: usize) -> Rule {
        let (source, target) = (&self.from.parameters[source_index], &self.to.parameters[index]);
        let parameter = target.name.clone();
        let (from, to) = (source.describe(), target.describe());
        if std::mem::discriminant(&source.kind) != std::mem::discriminant(&target.kind) {
            let (parameter, from, to) = (parameter.clone(), from.clone(), to.clone());
            self.notes.push(MappingNote::Retyped { parameter, from, to });
        }
        let Some(choices) = source.kind.listed() else {
            if !keeps_all(source, target) {
                let out_of_range = self.out_of_range;
                self.notes.push(MappingNote::Range { parameter, from, to, out_of_range });
            }
            return Rule::Number(source_index);
        };
        let table: Vec<Option<f64>> =
            choices.iter().map(|choice| from_value(target, choice, self.out_of_range)).collect();
        let lost: Vec<Value> = choices
            .iter()
            .zip(&table)
            .filter(|(_, kept)| kept.is_none())
            .map(|(choice, _)| choice.clone())
            .collect();
        let is_moved = choices
            .iter()
            .zip(&table)
            .any(|(choice, kept)| kept.is_some_and(|kept| !target.to_value(kept).same_as(choice)));
        if is_moved {
            let (parameter, out_of_range) = (parameter.clone(), self.out_of_range);
            self.notes.push(MappingNote::Range { parameter, from, to, out_of_range });
        }
        if !lost.is_empty() {
            self.notes.push(MappingNote::Choices { parameter, lost });
        }
        Rule::Choice(source_index, table)
    }
}

/// Whether a number means the same under both kinds and each allows what the other does.
fn same_values(a: &ParameterKind, b: &ParameterKind) -> bool {
    use ParameterKind::{Float, Int};
    match (a, b) {
        (Float { low, high, step, .. }, Float { low: other_low, high: other_high, step: other_step, .. }) => {
            (low, high, step) == (other_low, other_high, other_step)
        }
        (Int { low, high, step, .. }, Int { low: other_low, high: other_high, step: other_step, .. }) => {
            (low, high, step) == (other_low, other_high, other_step)
        }
        _ => a == b,
    }
}

/// Whether the target has every number of the source.
fn keeps_all(source: &Parameter, target: &Parameter) -> bool {
    /// Beyond so many numbers on a grid only an interval is known to hold them all.
    const MOST_CHECKED: u64 = 10_000;
    let keeps = |number: f64| {
        let kept = from_number(target, number, OutOfRange::LeaveOut);
        // As they are written: two grids compute the same number differently.
        kept.is_some_and(|kept| kept == number || target.to_value(kept).same_as(&source.to_value(number)))
    };
    let is_interval = matches!(target.kind, ParameterKind::Float { step: None, .. });
    match source.n_values() {
        Some(n) if n <= MOST_CHECKED => (0..n).all(|index| keeps(source.nth_value(index))),
        Some(n) => is_interval && keeps(source.nth_value(0)) && keeps(source.nth_value(n - 1)),
        None => is_interval && keeps(source.from_unit(0.0)) && keeps(source.from_unit(1.0)),
    }
}

fn from_value(target: &Parameter, value: &Value, out_of_range: OutOfRange) -> Option<f64> {
    match value.as_f64() {
        Some(number) => from_number(target, number, out_of_range),
        None => target.from_value(value).ok(),
    }
}

/// The target's number for a number of the source: on its grid, within its range.
fn from_number(target: &Parameter, number: f64, out_of_range: OutOfRange) -> Option<f64> {
    let clips = out_of_range == OutOfRange::Clip;
    match &target.kind {
        ParameterKind::Float { step: None, low, high, .. } => {
            (clips || (*low..=*high).contains(&number)).then(|| number.clamp(*low, *high))
        }
        ParameterKind::Float { .. } | ParameterKind::Int { .. } => {
            let last = target.n_values().map_or(0, |n| n - 1);
            let (low, high) = (target.nth_value(0), target.nth_value(last));
            let step = if last == 0 { 1.0 } else { target.nth_value(1) - low };
            // What a computed number on the grid may be off by.
            let slack = 1e-9 * step.max(number.abs());
            let is_inside = (low - slack..=high + slack).contains(&number);
            let index = ((number - low) / step).round().max(0.0) as u64;
            (clips || is_inside).then(|| target.nth_value(index.min(last)))
        }
        ParameterKind::Ordinal { values } => {
            let distance = |value: &Value| value.as_f64().map(|level| (level - number).abs());
            let levels =
                values.iter().enumerate().filter_map(|(place, value)| Some((place, distance(value)?)));
            let (place, distance) = levels.min_by(|a, b| a.1.total_cmp(&b.1))?;
            (distance == 0.0 || clips).then_some(place as f64)
        }
        ParameterKind::Categorical { .. } | ParameterKind::Constant { .. } => {
            target.from_value(&Value::Float(number)).ok()
        }
    }
}

#[cfg(test)]
mod tests;
