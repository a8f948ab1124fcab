//! Names, types and ranges: a tree against the table of what may stand in it. All mistakes, not the first.

use heirloom_model::{nearest, suggest};

use crate::mistake::Mistake;
use crate::schema::{Key, Kind, Presence, Table};
use crate::tree::{Entry, Node, NodeValue, Span};

/// Checks the table `node`, which is called `name` in messages, and everything below it.
pub(crate) fn validate(node: &Node, place: &Span, name: &str, table: &Table, mistakes: &mut Vec<Mistake>) {
    for entry in node.entries() {
        match table.keys.iter().find(|key| key.name == entry.key) {
            Some(key) => validate_value(entry, &path(name, key.name), key, mistakes),
            None if table.open => {}
            None => mistakes.push(unknown_key(entry, name, table)),
        }
    }
    for key in table.keys {
        if key.presence != Presence::Required || node.get(key.name).is_some() {
            continue;
        }
        let message = format!("`{}` is missing", path(name, key.name));
        match similar(node, key.name) {
            None => mistakes.push(Mistake::new(place.clone(), message).hint(how_to_add(name, key))),
            // Nothing is unknown in an open table.
            Some(entry) if table.open => {
                let hint = format!("did you mean `{}`? (`{}`)", key.name, entry.key);
                mistakes.push(Mistake::new(entry.key_span.clone(), message).hint(hint));
            }
            Some(_) => {}
        }
    }
}

/// Whether a table has a key, or a misspelt one that is reported as such.
pub(crate) fn is_given(node: &Node, key: &str) -> bool {
    similar(node, key).is_some()
}

/// The entry that is meant to be `key`.
fn similar<'a>(node: &'a Node, key: &str) -> Option<&'a Entry> {
    node.entries().iter().find(|entry| nearest(&entry.key, [key]).is_some())
}

/// Whether an entry's value is what its key asks for.
pub(crate) fn is_good(entry: &Entry, key: &Key) -> bool {
    let mut mistakes = Vec::new();
    validate_value(entry, key.name, key, &mut mistakes);
    mistakes.is_empty()
}

fn path(table: &str, key: &str) -> String {
    if table.is_empty() { key.into() } else { format!("{table}.{key}") }
}

fn unknown_key(entry: &Entry, name: &str, table: &Table) -> Mistake {
    let known: Vec<_> = table.keys.iter().map(|key| key.name).collect();
    let place = if name.is_empty() { "the file".into() } else { format!("`[{name}]`") };
    let message = format!("{place} has no key `{}`", entry.key);
    Mistake::new(entry.key_span.clone(), message).hint(suggest::remedy(&entry.key, "its keys are", &known))
}

fn how_to_add(table: &str, key: &Key) -> String {
    match (&key.kind, table) {
        (Kind::Table(inner), _) => {
            let required = inner.keys.iter().find(|key| key.presence == Presence::Required);
            let example = required.map(|key| format!(" with `{} = …`", key.name)).unwrap_or_default();
            format!("add the table `[{}]`{example}", path(table, key.name))
        }
        (kind, "") => format!("add `{} = …`: {}", key.name, kind.describe()),
        (kind, _) => format!("add `{} = …` here: {}; {}", key.name, kind.describe(), key.doc),
    }
}

fn validate_value(entry: &Entry, name: &str, key: &Key, mistakes: &mut Vec<Mistake>) {
    let node = &entry.node;
    match (&key.kind, &node.value) {
        (Kind::Table(table), NodeValue::Table(_)) => {
            return validate(node, &entry.key_span, name, table, mistakes);
        }
        (Kind::Tables(table), NodeValue::List(items)) => {
            for item in items {
                if matches!(item.value, NodeValue::Table(_)) {
                    validate(item, &item.span, name, table, mistakes);
                } else {
                    mistakes.push(wrong_type(item, name, &key.kind, "a table"));
                }
            }
            return;
        }
        (Kind::OneOf(names), NodeValue::Text(text)) if !names.contains(&text.as_str()) => {
            let message = format!("`{name}` cannot be `\"{text}\"`");
            let remedy = suggest::remedy(text, "choose one of", names);
            mistakes.push(Mistake::new(node.span.clone(), message).hint(remedy));
            return;
        }
        (Kind::Whole(low), NodeValue::Whole(number)) if number < low => {
            mistakes.push(out_of_range(node, name, &key.kind));
            return;
        }
        (Kind::UpTo(high), NodeValue::Whole(number)) if !(1..=*high).contains(number) => {
            mistakes.push(out_of_range(node, name, &key.kind));
            return;
        }
        (Kind::Above(low), _) if node.number().is_some_and(|n| !(n > *low && n.is_finite())) => {
            mistakes.push(out_of_range(node, name, &key.kind));
            return;
        }
        (Kind::Share, _) if node.number().is_some_and(|n| !(n > 0.0 && n <= 1.0)) => {
            mistakes.push(out_of_range(node, name, &key.kind));
            return;
        }
        _ => {}
    }
    if matches!(key.kind, Kind::Text | Kind::Path) && node.text().is_some_and(|text| text.trim().is_empty()) {
        let mistake = Mistake::new(node.span.clone(), format!("`{name}` is empty"));
        mistakes.push(mistake.hint(format!("give {}: {}", key.kind.describe(), key.doc)));
        return;
    }
    let fits = match key.kind {
        Kind::Text | Kind::Path | Kind::OneOf(_) => node.text().is_some(),
        Kind::Bool => matches!(node.value, NodeValue::Bool(_)),
        Kind::Whole(_) | Kind::UpTo(_) => node.whole().is_some(),
        Kind::Above(_) | Kind::Share => node.number().is_some(),
        Kind::Texts => {
            matches!(node.value, NodeValue::List(_)) && node.items().iter().all(|item| item.text().is_some())
        }
        Kind::Any => true,
        Kind::Table(_) | Kind::Tables(_) => false,
    };
    if !fits {
        mistakes.push(wrong_type(node, name, &key.kind, &key.kind.describe()).at(entry.place()));
    }
}

fn wrong_type(node: &Node, name: &str, kind: &Kind, wanted: &str) -> Mistake {
    // Beyond it whole numbers become real ones.
    let most = i64::MAX as f64;
    let mistake = Mistake::new(
        node.span.clone(),
        format!("`{name}` must be {wanted}, but here is {}", node.describe()),
    );
    let is_whole = matches!(kind, Kind::Whole(_) | Kind::UpTo(_));
    let is_number = matches!(kind, Kind::Above(_) | Kind::Share);
    match &node.value {
        NodeValue::Text(text)
            if is_whole && text.parse::<i64>().is_ok()
                || is_number && text.parse::<f64>().is_ok_and(f64::is_finite) =>
        {
            mistake.hint(format!("leave out the quotes: `{text}`"))
        }
        NodeValue::Number(number) if is_whole && number.abs() >= most => {
            mistake.hint(format!("the largest whole number is {}", i64::MAX))
        }
        NodeValue::Number(number) if is_whole && number.fract() == 0.0 => {
            mistake.hint(format!("leave out the decimal point: `{number}`"))
        }
        NodeValue::Table(_) if wanted == "a list of tables" => {
            mistake.hint(format!("write `[[{name}]]`, with two brackets on each side"))
        }
        NodeValue::List(_) if wanted == "a table" => {
            mistake.hint(format!("write `[{name}]`, with one bracket on each side"))
        }
        _ => mistake,
    }
}

fn out_of_range(node: &Node, name: &str, kind: &Kind) -> Mistake {
    let written = node.describe();
    let value = written.split('`').nth(1).unwrap_or_default();
    Mistake::new(node.span.clone(), format!("`{name} = {value}` is out of range"))
        .hint(format!("give {}", kind.describe()))
}
