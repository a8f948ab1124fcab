//! What every proxy must keep to.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::sync::Arc;

use heirloom_plugin::{Context, Direction, Objective, Problem, Seed, Space, SpaceSpec};
use heirloom_proxy_cost::{Measure, Options, cost};

fn problem(spec: SpaceSpec) -> Problem {
    let space = Arc::new(Space::compile(spec).unwrap());
    Problem::new(space, Objective { name: "loss".into(), direction: Direction::Minimise })
}

#[test]
fn every_measure_conforms() {
    for name in ["nas-bench-101", "nas-bench-201", "nas-bench-macro"] {
        let problem = problem(SpaceSpec::preset(name).unwrap());
        let mut rng = Seed::from_number(1).rng();
        let configurations = (0..20).map(|_| problem.space.sample(&mut rng).unwrap()).collect::<Vec<_>>();
        for measure in [Measure::Parameters, Measure::Flops, Measure::MultiplyAdds] {
            let options = Options { measure, ..Options::default() };
            let make = || cost(options.clone(), &problem, &Context::detached());
            heirloom_plugin_check::proxy(make, configurations.clone()).assert_passed();
        }
    }
}

#[test]
fn spaces_whose_cost_is_not_known_are_refused_with_a_remedy() {
    let check = |json: &str, expected: &str| {
        let problem = problem(serde_json::from_str(json).unwrap());
        let error = cost(Options::default(), &problem, &Context::detached()).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        r#"{"parameter": [{"name": "x", "type": "float", "low": 0, "high": 1}]}"#,
        "the space has none; hint",
    );
    check(
        r#"{"architecture": {"kind": "edge-cell", "n_nodes": 3, "operations": ["none", "sep_conv_3x3"]}}"#,
        "the operation `sep_conv_3x3` is not known; hint: known are none",
    );
    check(
        r#"{"architecture": {"kind": "chain", "min_layers": 1, "max_layers": 2, "operation": [
            {"name": "conv", "parameter": [{"name": "groups", "type": "int", "low": 1, "high": 4}]}]}}"#,
        "how `groups` changes the cost of `conv` is not known",
    );
    check(
        r#"{"architecture": {"kind": "linked-cell", "links": ["00"], "operations": ["gat"]}}"#,
        "the cost of a `linked-cell` is not known; hint",
    );
    let tiny = Options { image_size: 2, ..Options::default() };
    assert!(tiny.check().unwrap_err().message.contains("halves an image"));
}

#[test]
fn a_chain_is_counted_layer_by_layer() {
    let json = r#"{"architecture": {"kind": "chain", "min_layers": 2, "max_layers": 2, "joins": ["concat"], "operation": [
        {"name": "conv", "parameter": [
            {"name": "channels", "type": "ordinal", "values": [4, 8]},
            {"name": "kernel", "type": "ordinal", "values": [3, 5]}]},
        {"name": "max_pool"}]}}"#;
    let problem = problem(serde_json::from_str(json).unwrap());
    let score = |pairs: &str| {
        let configuration = problem.space.from_named(&serde_json::from_str(pairs).unwrap()).unwrap();
        let proxy = cost(Options::default(), &problem, &Context::detached()).unwrap();
        let mut scores = [0.0];
        proxy.score(&[configuration], Seed::from_number(0), &mut scores).unwrap();
        scores[0]
    };
    let first =
        r#""n_layers": 2, "layer_1_op": "conv", "layer_1_conv_channels": 8, "layer_1_conv_kernel": 5"#;
    // 3·8·25 + 2·8, then the classifier's 8·10 + 10.
    let plain = format!(r#"{{{first}, "layer_2_op": "max_pool", "layer_2_from_0": false}}"#);
    assert_eq!(score(&plain), 600.0 + 16.0 + 90.0);
    // The image's three channels are joined to the eight: the classifier sees 11.
    let joined =
        format!(r#"{{{first}, "layer_2_op": "max_pool", "layer_2_from_0": true, "layer_2_join": "concat"}}"#);
    assert_eq!(score(&joined), 600.0 + 16.0 + 120.0);
}
