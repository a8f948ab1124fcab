//! `[space]`: a preset, a file of its own, or a description on the spot.

use std::path::Path;
use std::sync::Arc;

use heirloom_model::architecture::ArchitectureSpec;
use heirloom_model::space::{ConditionSpec, ParameterSpec, ParameterType, PriorSpec};
use heirloom_model::{Space, SpaceError, SpaceSpec, Value, suggest};
use miette::NamedSource;
use serde::de::DeserializeOwned;

use crate::mistake::{ConfigError, Mistake};
use crate::schema::{PARAMETER, PARAMETER_TYPES, SPACE, SPACE_FILE, keys_of_type};
use crate::tree::{Entry, Node, NodeValue, Span};
use crate::validate;

/// Reads and checks a space's own file, where what would stand in `[space]` is at the top level, or a run file's space.
pub fn read_file(path: &Path) -> Result<SpaceSpec, ConfigError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Unreadable { path: name.clone(), problem: error.to_string() })?;
    let mut mistakes = Vec::new();
    let folder = path.parent().unwrap_or(Path::new(""));
    let check = |tree: &Node, found: &mut Vec<Mistake>| match tree.entry("space") {
        Some(entry) => {
            validate::validate(&entry.node, &entry.key_span, "space", &SPACE, found);
            check_section(entry, folder, found)
        }
        None if ["task", "strategy", "estimator"].iter().any(|key| tree.get(key).is_some()) => {
            let mistake =
                Mistake::new(0..0, "this run file has no `[space]`: its space is its estimator's own");
            found.push(mistake.hint("name a run of it in the file's place"));
            None
        }
        None => check_alone(tree, found),
    };
    match check_file(&name, text, &mut mistakes, check) {
        Some(spec) if mistakes.is_empty() => Ok(spec),
        _ => Err(ConfigError::Mistakes { file: name, mistakes }),
    }
}

/// Checks `[space]`, whose keys and types were checked before. `None` where it holds mistakes.
pub(crate) fn check_section(entry: &Entry, folder: &Path, mistakes: &mut Vec<Mistake>) -> Option<SpaceSpec> {
    let node = &entry.node;
    let described = ["parameter", "architecture"].into_iter().find(|key| node.get(key).is_some());
    let ways: Vec<_> =
        ["preset", "file"].into_iter().filter(|key| node.get(key).is_some()).chain(described).collect();
    match ways[..] {
        [] if matches!(node.value, NodeValue::Table(_)) => {
            let mistake = Mistake::new(entry.key_span.clone(), "`[space]` describes no space");
            mistakes.push(mistake.hint(
                "give one of `preset`, `file`, `[[space.parameter]]`, `[space.architecture]`; or leave `[space]` out \
                 where the estimator knows its own",
            ));
            None
        }
        ["preset"] => {
            let spec = SpaceSpec::preset(node.get("preset")?.text()?)?;
            add_given(spec, node, &entry.key_span, mistakes)
        }
        ["file"] => {
            let path = folder.join(node.get("file")?.text()?);
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let spec = check_file(&path.display().to_string(), text, mistakes, check_alone)?;
                    add_given(spec, node, &entry.key_span, mistakes)
                }
                Err(error) => {
                    let message = format!("cannot read `{}`: {error}", path.display());
                    let mistake = Mistake::new(node.locate("file"), message);
                    mistakes.push(mistake.hint("relative paths start at the run file's folder"));
                    None
                }
            }
        }
        [_] => check_description(node, &entry.key_span, mistakes),
        [first, second, ..] => {
            let mistake =
                Mistake::new(node.locate(second), format!("`[space]` gives both `{first}` and `{second}`"));
            mistakes.push(mistake.hint("keep one of them"));
            None
        }
        [] => None,
    }
}

fn check_file(
    name: &str,
    text: String,
    mistakes: &mut Vec<Mistake>,
    check: impl FnOnce(&Node, &mut Vec<Mistake>) -> Option<SpaceSpec>,
) -> Option<SpaceSpec> {
    let source = Arc::new(NamedSource::new(name, text));
    let mut found = Vec::new();
    let spec = match Node::parse(source.inner()) {
        Ok(tree) => check(&tree, &mut found),
        Err(errors) => {
            found = errors;
            None
        }
    };
    let whole = found.is_empty();
    mistakes.extend(found.into_iter().map(|mistake| mistake.in_file(&source)));
    spec.filter(|_| whole)
}

/// Checks the text of a space's own file.
fn check_alone(tree: &Node, mistakes: &mut Vec<Mistake>) -> Option<SpaceSpec> {
    validate::validate(tree, &(0..0), "", &SPACE_FILE, mistakes);
    check_description(tree, &tree.span, mistakes)
}

/// A space from elsewhere with the `name` and the `forbidden` combinations that are given beside it.
fn add_given(
    mut spec: SpaceSpec,
    node: &Node,
    place: &Span,
    mistakes: &mut Vec<Mistake>,
) -> Option<SpaceSpec> {
    let before = mistakes.len();
    if let Some(name) = node.get("name").and_then(Node::text) {
        spec.name = name.to_owned();
    }
    if let Some(forbidden) = node.get("forbidden") {
        spec.forbidden.extend(read_forbidden(forbidden, mistakes));
    }
    if mistakes.len() > before { None } else { compiled(spec, node, place, mistakes) }
}

/// A space described by `parameter`, `forbidden` and `architecture`.
fn check_description(node: &Node, place: &Span, mistakes: &mut Vec<Mistake>) -> Option<SpaceSpec> {
    let before = mistakes.len();
    let written = node.get("parameter").map(Node::items).unwrap_or_default();
    let parameters: Vec<_> =
        written.iter().filter_map(|parameter| check_parameter(parameter, mistakes)).collect();
    let forbidden =
        node.get("forbidden").map(|forbidden| read_forbidden(forbidden, mistakes)).unwrap_or_default();
    let architecture = node.entry("architecture").and_then(|entry| {
        read::<ArchitectureSpec>(&entry.node, entry.place(), "architecture", None, mistakes)
    });
    let name = node.get("name").and_then(Node::text).unwrap_or_default().to_owned();
    let spec = SpaceSpec { name, parameters, forbidden, architecture };
    if mistakes.len() > before || spec.parameters.len() < written.len() {
        return None;
    }
    compiled(spec, node, place, mistakes)
}

/// The description in `node` once it is known to be a space; a mistake without a place of its own is at `place`.
fn compiled(spec: SpaceSpec, node: &Node, place: &Span, mistakes: &mut Vec<Mistake>) -> Option<SpaceSpec> {
    match Space::compile(spec.clone()) {
        Ok(_) => Some(spec),
        Err(error) => {
            let span = locate(&error, node).unwrap_or_else(|| place.clone());
            mistakes.push(Mistake::from_error(span, &error.to_string()));
            None
        }
    }
}

/// Checks one parameter by itself: the keys of its type, their values, and its range.
fn check_parameter(node: &Node, mistakes: &mut Vec<Mistake>) -> Option<ParameterSpec> {
    let before = mistakes.len();
    let parameter_type = node.get("type").and_then(Node::text).filter(|t| PARAMETER_TYPES.contains(t))?;
    let name = node.get("name").and_then(Node::text)?;
    let (own, n_required) = keys_of_type(parameter_type);
    let common = ["name", "type", "default", "prior", "when", "aliases"];
    let what = format!("parameter `{name}`");
    let mut is_reported = false;
    for entry in node.entries() {
        let key = entry.key.as_str();
        let known = PARAMETER.keys.iter().find(|known| known.name == key);
        // Reported where the table's keys were checked.
        if known.is_some_and(|known| !validate::is_good(entry, known)) {
            is_reported = true;
            continue;
        }
        if known.is_some() && !own.contains(&key) && !common.contains(&key) {
            let message = format!("parameter `{name}`: `{parameter_type}` has no `{key}`");
            mistakes.push(
                Mistake::new(entry.key_span.clone(), message).hint(suggest::remedy(key, "it has", own)),
            );
        }
        match key {
            "low" | "high" | "step" if own.contains(&key) => {
                check_bound(entry, name, parameter_type, mistakes)
            }
            "choices" | "values" if own.contains(&key) => check_choices(entry, name, mistakes),
            "value" if own.contains(&key) => check_choice(&entry.node, key, name, mistakes),
            "when" => {
                read::<ConditionSpec>(&entry.node, entry.place(), &what, Some(CONDITION), mistakes);
            }
            "prior" => {
                read::<PriorSpec>(&entry.node, entry.place(), &what, Some(PRIOR), mistakes);
            }
            _ => {}
        }
    }
    for key in own[..n_required].iter().filter(|key| !validate::is_given(node, key)) {
        let message = format!("parameter `{name}`: `{parameter_type}` needs `{key}`");
        mistakes.push(Mistake::new(node.locate("name"), message).hint(format!("add `{key} = …`")));
    }
    let complete = own[..n_required].iter().all(|key| node.get(key).is_some());
    if mistakes.len() > before || !complete || is_reported {
        return None;
    }
    let place = node.get("name").map_or(node.span.clone(), |name| name.span.clone());
    let spec = read::<ParameterSpec>(node, place, &what, None, mistakes)?;
    if let Some((step, low)) = step_beyond_range(&spec.kind) {
        // Archived spaces with such a step are read all the same.
        let message = format!(
            "parameter `{name}`: `step = {step}` is larger than the range, so that only `{low}` is left"
        );
        let mistake = Mistake::new(node.locate("step"), message);
        mistakes.push(mistake.hint("make it smaller, or use the type `constant`"));
        return None;
    }
    let compile =
        |parameter| Space::compile(SpaceSpec { parameters: vec![parameter], ..SpaceSpec::default() });
    let alone = ParameterSpec { when: None, ..spec.clone() };
    match compile(alone.clone()) {
        Ok(_) => Some(spec),
        Err(error) => {
            let is_prior = compile(ParameterSpec { prior: None, ..alone }).is_ok();
            let culprit = match &error {
                _ if is_prior => "prior",
                SpaceError::OutOfBounds { .. } => "default",
                SpaceError::BadParameter { problem, .. } => ["step", "low", "choices", "values"]
                    .into_iter()
                    .find(|key| node.get(key).is_some() && problem.contains(key))
                    .unwrap_or("name"),
                _ => "name",
            };
            let span = node.locate(if node.get(culprit).is_some() { culprit } else { "name" });
            mistakes.push(Mistake::from_error(span, &error.to_string()));
            None
        }
    }
}

/// The step and the only value, where a step leads out of a range at once.
fn step_beyond_range(kind: &ParameterType) -> Option<(String, String)> {
    match *kind {
        ParameterType::Float { low, high, step: Some(step), .. }
            if high > low && step > (high - low) * (1.0 + 1e-9) =>
        {
            Some((step.to_string(), low.to_string()))
        }
        ParameterType::Int { low, high, step, .. }
            if high > low && high.checked_sub(low).is_some_and(|range| step > range) =>
        {
            Some((step.to_string(), low.to_string()))
        }
        _ => None,
    }
}

fn check_bound(entry: &Entry, name: &str, parameter_type: &str, mistakes: &mut Vec<Mistake>) {
    let (fits, wanted) = match parameter_type {
        "int" => (entry.node.whole().is_some(), "a whole number"),
        _ => (entry.node.number().is_some(), "a number"),
    };
    let found = entry.node.describe();
    if entry.node.number().is_some_and(|number| !number.is_finite()) {
        let message =
            format!("parameter `{name}`: `{}` must be a finite number, but here is {found}", entry.key);
        mistakes.push(Mistake::new(entry.node.span.clone(), message));
    } else if !fits {
        let message = format!("parameter `{name}`: `{}` must be {wanted}, but here is {found}", entry.key);
        let mut mistake = Mistake::new(entry.node.span.clone(), message);
        if parameter_type == "int" && entry.node.number().is_some() {
            mistake = mistake.hint("write whole numbers, or `type = \"float\"`");
        }
        mistakes.push(mistake);
    }
}

fn check_choices(entry: &Entry, name: &str, mistakes: &mut Vec<Mistake>) {
    let Entry { key, node, .. } = entry;
    if !matches!(node.value, NodeValue::List(_)) {
        let message = format!("parameter `{name}`: `{key}` must be a list, but here is {}", node.describe());
        mistakes.push(Mistake::new(entry.place(), message).hint(format!("write `{key} = [1, 2]`")));
    }
    node.items().iter().for_each(|item| check_choice(item, key, name, mistakes));
}

/// Checks that a node can be one value of a parameter.
fn check_choice(node: &Node, key: &str, name: &str, mistakes: &mut Vec<Mistake>) {
    let fits = match node.value {
        NodeValue::Text(_) | NodeValue::Whole(_) | NodeValue::Bool(_) => true,
        NodeValue::Number(number) => number.is_finite(),
        NodeValue::Date(_) | NodeValue::List(_) | NodeValue::Table(_) => false,
    };
    if !fits {
        let message = format!("parameter `{name}`: {} cannot stand in `{key}`", node.describe());
        let mistake = Mistake::new(node.span.clone(), message);
        mistakes.push(mistake.hint("a value is a text, a finite number, `true` or `false`"));
    }
}

fn read_forbidden(node: &Node, mistakes: &mut Vec<Mistake>) -> Vec<ConditionSpec> {
    if !matches!(node.value, NodeValue::List(_)) {
        let mistake = Mistake::new(node.span.clone(), "`forbidden` must be a list of combinations");
        mistakes.push(mistake.hint("write `forbidden = [{ all = [{ parameter = \"p\", is = 1 }, …] }]`"));
    }
    let clause = |clause: &Node| read(clause, clause.span.clone(), "`forbidden`", Some(CONDITION), mistakes);
    node.items().iter().filter_map(clause).collect()
}

/// How a condition is written.
const CONDITION: &str = "write `{ parameter = \"p\", is = 1 }`, or `one_of = […]`, `at_least = 1`, `at_most = 1`; \
                         `{ all = […] }`, `{ any = […] }`";

/// How a prior is written.
const PRIOR: &str = "write `{ around = 0.1, confidence = \"high\" }` or `{ weights = [1, 2] }`";

/// What serde makes of a node; its complaint, pinned to `place`, where it cannot, with `how` it is written.
fn read<T: DeserializeOwned>(
    node: &Node,
    place: Span,
    what: &str,
    how: Option<&str>,
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    match serde_json::from_value(node.to_json()) {
        Ok(value) => Some(value),
        Err(error) => {
            let problem = error.to_string();
            let problem = match problem.as_str() {
                text if text.contains("PriorSpec") => "its prior is of no known form",
                text if text.contains("ConditionKeys") => "its condition is of no known form",
                text => text,
            };
            let mistake = Mistake::new(place, format!("{what}: {problem}"));
            mistakes.push(match how {
                Some(hint) => mistake.hint(hint),
                None => mistake,
            });
            None
        }
    }
}

/// The line that an error of the whole space is about.
fn locate(error: &SpaceError, node: &Node) -> Option<Span> {
    let parameters = node.get("parameter").map(Node::items).unwrap_or_default();
    let named = |name: &str| {
        let of_name = |parameter: &&Node| parameter.get("name").and_then(Node::text) == Some(name);
        parameters.iter().rfind(of_name).map(|parameter| parameter.locate("name"))
    };
    match error {
        SpaceError::DuplicateParameter { name } => named(name),
        SpaceError::BadParameter { name, .. } => named(name).or_else(|| node.find_text("parameter", name)),
        SpaceError::UnknownParameter { name, .. } => node.find_text("parameter", name),
        // Ranges and defaults were checked before: what is left are values in conditions.
        SpaceError::OutOfBounds { parameter, value, .. } => {
            find_condition(node, parameter, value).or_else(|| node.find_text("parameter", parameter))
        }
        SpaceError::BadArchitecture { .. } => Some(node.locate("architecture")),
        _ => None,
    }
}

/// The place of a value that a condition below `node` holds a parameter against.
fn find_condition(node: &Node, parameter: &str, value: &str) -> Option<Span> {
    let is_meant = |node: &&Node| {
        serde_json::from_value::<Value>(node.to_json()).is_ok_and(|written| written.to_string() == value)
    };
    let is_about = node.get("parameter").and_then(Node::text) == Some(parameter);
    let values = ["is", "one_of"].into_iter().filter_map(|key| node.get(key)).filter(|_| is_about);
    let here = values.flat_map(|node| std::iter::once(node).chain(node.items())).find(is_meant);
    here.map(|node| node.span.clone()).or_else(|| {
        let below = node.entries().iter().map(|entry| &entry.node).chain(node.items());
        below.filter_map(|node| find_condition(node, parameter, value)).next()
    })
}
