//! A TOML document as a tree in which every key and value knows its place in the text.

use std::ops::Range;

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use crate::mistake::Mistake;

/// Where something stands in the text, in bytes.
pub(crate) type Span = Range<usize>;

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: NodeValue,
}

#[derive(Debug, Clone)]
pub(crate) enum NodeValue {
    Text(String),
    Whole(i64),
    Number(f64),
    Bool(bool),
    /// A date or time: TOML has them, the run file does not.
    Date(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// One key of a table.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Node {
    /// Parses a document; on failure, every syntax error that was found.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { span: 0..text.len().min(1), value: table_value(table.get_ref()) });
        }
        let mistake = |error: &toml::de::Error| {
            let hint =
                "text values stand in double quotes, tables begin with `[name]` on a line of their own";
            Mistake::new(error.span().unwrap_or(0..0), format!("not TOML: {}", error.message())).hint(hint)
        };
        Err(errors.iter().map(mistake).collect())
    }

    /// The entries, where this is a table.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The elements, where this is a list.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            NodeValue::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn whole(&self) -> Option<i64> {
        match self.value {
            NodeValue::Whole(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self.value {
            NodeValue::Whole(number) => Some(number as f64),
            NodeValue::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The value's kind in words.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            NodeValue::Text(text) => format!("the text `\"{text}\"`"),
            NodeValue::Whole(number) => format!("the whole number `{number}`"),
            NodeValue::Number(number) => format!("the number `{number:?}`"),
            NodeValue::Bool(value) => format!("`{value}`"),
            NodeValue::Date(date) => format!("the date `{date}`"),
            NodeValue::List(_) => "a list".into(),
            NodeValue::Table(_) => "a table".into(),
        }
    }

    /// The value without its place. A number that JSON cannot write (`nan`, `inf`) becomes its text.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            NodeValue::Text(text) | NodeValue::Date(text) => Json::from(text.as_str()),
            NodeValue::Whole(number) => Json::from(*number),
            NodeValue::Number(number) => serde_json::Number::from_f64(*number)
                .map_or_else(|| Json::from(number.to_string()), Json::Number),
            NodeValue::Bool(value) => Json::from(*value),
            NodeValue::List(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Table(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
            }
        }
    }

    /// The place of the value that `path` leads to (keys, and numbers in lists), or as near as there is one.
    pub(crate) fn locate(&self, path: &str) -> Span {
        let mut span = self.span.clone();
        let mut here = self;
        for step in path.split('.').filter(|step| !step.is_empty()) {
            if let Some(entry) = here.entry(step) {
                (span, here) = (entry.place(), &entry.node);
            } else if let Some(item) = step.parse().ok().and_then(|index: usize| here.items().get(index)) {
                (span, here) = (item.span.clone(), item);
            } else {
                break;
            }
        }
        span
    }

    /// The first table below this one whose `key` is the text `value`: its place.
    pub(crate) fn find_text(&self, key: &str, value: &str) -> Option<Span> {
        let here = self.get(key).filter(|node| node.text() == Some(value)).map(|node| node.span.clone());
        here.or_else(|| {
            let below = self.entries().iter().map(|entry| &entry.node).chain(self.items());
            below.filter_map(|node| node.find_text(key, value)).next()
        })
    }
}

impl Entry {
    /// What to point at: the value, or the key where the value is a table (whose text may lie scattered).
    pub(crate) fn place(&self) -> Span {
        match self.node.value {
            NodeValue::Table(_) => self.key_span.clone(),
            _ => self.node.span.clone(),
        }
    }
}

fn table_value(table: &DeTable<'_>) -> NodeValue {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| Entry {
        key: AsRef::<str>::as_ref(key.get_ref()).to_owned(),
        key_span: key.span(),
        node: node(value),
    };
    let mut entries: Vec<_> = table.iter().map(|(key, value)| entry((key, value))).collect();
    entries.sort_by_key(|entry: &Entry| entry.key_span.start);
    NodeValue::Table(entries)
}

fn node(value: &toml::Spanned<DeValue<'_>>) -> Node {
    let text = |value: &dyn std::fmt::Display| value.to_string();
    let converted = match value.get_ref() {
        DeValue::String(text) => NodeValue::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => NodeValue::Whole(number),
            Err(_) => NodeValue::Number(number.as_str().parse().unwrap_or(f64::INFINITY)),
        },
        DeValue::Float(number) => NodeValue::Number(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => NodeValue::Bool(*value),
        DeValue::Datetime(date) => NodeValue::Date(text(date)),
        DeValue::Array(items) => NodeValue::List(items.iter().map(node).collect()),
        DeValue::Table(table) => table_value(table),
    };
    Node { span: value.span(), value: converted }
}
