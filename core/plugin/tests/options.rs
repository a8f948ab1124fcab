//! What the derive makes of a struct of options.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use heirloom_plugin::{
    __private, ComponentError, Context, Json, NestedStrategy, PluginOptions, Problem, Proxy, Strategy, json,
};

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

/// Numbers of which the type or the place says how large they may be.
#[derive(Debug, PluginOptions)]
struct Numbers {
    /// Shares.
    #[option(default = [0.1, 0.5], low = 0.0, high = 1.0)]
    shares: Vec<f64>,
    /// Weights by name.
    #[option(above = 0)]
    weights: Option<BTreeMap<String, f64>>,
    /// Small.
    #[option(default = 7)]
    small: u8,
    /// Smaller than its type allows.
    #[option(default = -3, low = -10)]
    r#type: i16,
}

/// A share that passes.
#[derive(Debug, PluginOptions)]
struct Keeps {
    /// A key of a proxy's table.
    #[option(default = 0.5)]
    keep: f64,
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
    let message = problem(&json!({ "kind": 3 }));
    assert_eq!(message, "`3` is not one of `random`, `quasi-random`, `lattice`; hint: How.");
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

#[test]
fn numbers_are_held_to_their_bounds_in_lists_and_to_their_types() {
    let Numbers { shares, weights, small, r#type } = Numbers::default();
    assert_eq!((shares, weights, small, r#type), (vec![0.1, 0.5], None, 7, -3));
    let problem = |options: Json| Numbers::from_json(&options).unwrap_err().message;
    assert_eq!(problem(json!({ "shares": [0.5, 5.0] })), "`5` is above the largest value, 1");
    assert_eq!(problem(json!({ "weights": { "a": 0 } })), "`0` is not above 0");
    assert_eq!(problem(json!({ "small": 300 })), "`300` is above the largest value, 255; hint: Small.");
    assert!(problem(json!({ "small": -1 })).starts_with("`-1` is below the smallest value, 0"));
    assert!(problem(json!({ "type": -11 })).starts_with("`-11` is below the smallest value, -10"));
    assert!(problem(json!({ "type": 40_000 })).starts_with("`40000` is above the largest value, 32767"));
}

#[test]
fn the_schema_bounds_what_the_types_hold() {
    let schema: Json = serde_json::from_str(&format!("{{{}}}", Numbers::SCHEMA)).unwrap();
    let shares = &schema["properties"]["shares"];
    assert_eq!(shares["items"], json!({ "type": "number", "minimum": 0.0, "maximum": 1.0 }));
    assert_eq!((shares.get("minimum"), &shares["default"]), (None, &json!([0.1, 0.5])));
    fn holds<T: PluginOptions>(low: impl Into<Json>, high: impl Into<Json>) {
        let schema: Json = serde_json::from_str(&format!("{{{}}}", T::SCHEMA)).unwrap();
        assert_eq!((&schema["minimum"], &schema["maximum"]), (&low.into(), &high.into()));
    }
    holds::<i8>(i8::MIN, i8::MAX);
    holds::<i16>(i16::MIN, i16::MAX);
    holds::<i32>(i32::MIN, i32::MAX);
    holds::<u8>(u8::MIN, u8::MAX);
    holds::<u16>(u16::MIN, u16::MAX);
    holds::<u32>(u32::MIN, u32::MAX);
}

#[test]
fn an_option_with_the_name_of_a_key_of_the_run_file_is_not_exported() {
    fn strategy<O>(_: O, _: &Problem, _: &Context) -> Result<Box<dyn Strategy>, ComponentError> {
        Err(ComponentError::failed("it is not made"))
    }
    fn proxy<O>(_: O, _: &Problem, _: &Context) -> Result<Box<dyn Proxy>, ComponentError> {
        Err(ComponentError::failed("it is not made"))
    }
    let refused = |export: fn() -> &'static str| std::panic::catch_unwind(export).is_err();
    // In an export line they run while it is compiled.
    assert!(refused(|| __private::strategy(strategy::<Required>)), "`name`");
    assert!(refused(|| __private::proxy(proxy::<Keeps>)), "`keep`");
    assert!(!refused(|| __private::strategy(strategy::<Keeps>)), "only a proxy's table has `keep`");
    assert_eq!(Keeps::default().keep, 0.5);
    assert_eq!(Keeps::NAMES, ["keep"]);
}
