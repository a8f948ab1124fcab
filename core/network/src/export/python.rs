//! Values as Python writes them.

use std::fmt::Write;

use serde_json::Value;

const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Whether `text` can stand after a dot.
pub(super) fn is_identifier(text: &str) -> bool {
    let starts = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    starts
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !KEYWORDS.contains(&text)
}

/// `text` as a Python string. The escapes of JSON are Python's too.
pub(super) fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// `value` as a Python literal, lines after the first indented by `indent` spaces; what fits into a line stands in one.
pub(super) fn literal(value: &Value, indent: usize) -> String {
    let line = in_a_line(value);
    if line.len() + indent <= 100 || !(value.is_array() || value.is_object()) {
        return line;
    }
    let inner = indent + 4;
    let mut text = String::new();
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    text.push(open);
    let mut entry = |key: Option<&String>, value: &Value| {
        let key = key.map(|key| format!("{}: ", string(key))).unwrap_or_default();
        write!(text, "\n{:inner$}{key}{},", "", literal(value, inner)).expect("text can be written to");
    };
    match value {
        Value::Array(values) => values.iter().for_each(|value| entry(None, value)),
        Value::Object(map) => map.iter().for_each(|(key, value)| entry(Some(key), value)),
        _ => {}
    }
    write!(text, "\n{:indent$}{close}", "").expect("text can be written to");
    text
}

fn in_a_line(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(in_a_line).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", string(key), in_a_line(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
