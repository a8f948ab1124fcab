//! What the derive makes of a struct of options.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use heirloom_plugin::{Json, NestedStrategy, PluginOptions, json};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
enum Kind {
    /// One by one.
    Random,
    /// Evenly "spread".
    QuasiRandom,
    #[option(rename = "lattice")]
    Grid,
}

/// A part.
#[derive(Debug, Clone, PartialEq, PluginOptions)]
struct Part {
    /// Above nothing.
    #[option(default = 1.5, above = 0)]
    weight: f64,
}

/// All kinds of options.
#[derive(Debug, Clone, PartialEq, PluginOptions)]
struct Options {
    /// How.
    #[option(default = "quasi-random")]
    kind: Kind,
    /// How many.
    #[option(default = 10, low = 1, high = 100)]
    n: usize,
    /// A name that Rust keeps for itself.
    #[option(rename = "move", default = true)]
    moves: bool,
    /// Absent, there is none.
    limit: Option<i64>,
    /// A list.
    #[option(default = [0.5, -1.0])]
    list: Vec<f64>,
    /// A file.
    file: Option<PathBuf>,
    /// Parts by name.
    #[option(default = [])]
    parts: Vec<Part>,
    /// Another strategy.
    base: Option<NestedStrategy>,
    /// Counts by name.
    counts: Option<BTreeMap<String, u32>>,
}

#[derive(Debug, PluginOptions)]
struct Required {
    /// It has no default.
    name: String,
}

fn problem(options: &Json) -> String {
    Options::from_json(options).unwrap_err().message
}

#[test]
fn an_empty_table_gives_the_defaults() {
    let options = Options::default();
    assert_eq!((options.kind, options.n, options.moves), (Kind::QuasiRandom, 10, true));
    assert_eq!((options.limit, options.list, options.parts.len()), (None, vec![0.5, -1.0], 0));
}

#[test]
fn everything_can_be_given() {
    let options = Options::from_json(&json!({
        "kind": "lattice", "n": 3, "move": false, "limit": -2, "list": [1], "file": "x",
        "parts": [{}, { "weight": 2 }], "base": { "name": "random", "priors": true }, "counts": { "a": 1 },
    }))
    .unwrap();
    assert_eq!((options.kind, options.n, options.moves, options.limit), (Kind::Grid, 3, false, Some(-2)));
    assert_eq!(options.parts, [Part { weight: 1.5 }, Part { weight: 2.0 }]);
    let base = options.base.unwrap();
    assert_eq!((base.name.as_str(), base.options), ("random", json!({ "priors": true })));
    assert_eq!(options.counts.unwrap()["a"], 1);
}

#[test]
fn mistakes_are_named_with_a_remedy() {
    assert_eq!(problem(&json!({ "n": 0 })), "`0` is below the smallest value, 1; hint: How many.");
    assert_eq!(problem(&json!({ "n": 1.5 })), "a whole number is wanted, not `1.5`; hint: How many.");
    assert_eq!(problem(&json!({ "parts": [{ "weight": 0 }] })), "`0` is not above 0; hint: Above nothing.");
    assert_eq!(problem(&json!({ "mov": true })), "there is no option `mov`; hint: did you mean `move`?");
    let message = problem(&json!({ "kind": "randm" }));
    assert_eq!(
        message,
        "`randm` is not one of `random`, `quasi-random`, `lattice`; hint: did you mean `random`?"
    );
    let message = Required::from_json(&json!({})).unwrap_err().message;
    assert_eq!(message, "option `name` is missing; hint: It has no default.");
    assert_eq!(Required::from_json(&json!({ "name": "x" })).unwrap().name, "x");
}

#[test]
fn the_schema_is_json_with_the_doc_comments() {
    let schema: Json = serde_json::from_str(&format!("{{{}}}", Options::SCHEMA)).unwrap();
    assert_eq!(schema["properties"]["n"]["description"], "How many.");
    assert_eq!(schema["properties"]["kind"]["enumDescriptions"][1], "Evenly \"spread\".");
    assert_eq!(schema["properties"]["file"]["format"], "path");
    assert_eq!(schema["required"], json!([]));
}
