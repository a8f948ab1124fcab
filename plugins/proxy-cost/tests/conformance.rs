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
    for name in ["nas-bench-201", "darts", "image-cells", "tabular-mlp"] {
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
        r#"{"architecture": {"kind": "edge-cell", "n_nodes": 3, "operations": ["none", "sep_conv_3x3x3"]}}"#,
        "`sep_conv_3x3x3`",
    );
    check(
        r#"{"architecture": {"kind": "chain", "min_layers": 1, "max_layers": 2, "operation": [
            {"name": "conv", "parameter": [{"name": "warmth", "type": "int", "low": 1, "high": 4}]}]}}"#,
        "`warmth`",
    );
    check(
        r#"{"architecture": {"kind": "linked-cell", "links": ["00"], "operations": ["gat"]}}"#,
        "a `linked-cell` is a network on graphs, and this builds networks on features and images; hint",
    );
    let stemless = Options { stem_channels: Some(0), ..Options::default() };
    let problem = problem(SpaceSpec::preset("nas-bench-201").unwrap());
    let error = cost(stemless, &problem, &Context::detached()).err().unwrap().to_string();
    assert!(error.contains("a stem of 0 channels") && error.contains("hint"), "{error}");
    let tiny = Options { image_size: 2, ..Options::default() };
    assert!(tiny.check().unwrap_err().message.contains("halves an image"));
}

/// The parameters of a configuration's network.
fn n_parameters(problem: &Problem, options: Options, pairs: &str) -> f64 {
    let configuration = problem.space.from_named(&serde_json::from_str(pairs).unwrap()).unwrap();
    let proxy = cost(options, problem, &Context::detached()).unwrap();
    let mut scores = [0.0];
    proxy.score(&[configuration], Seed::from_number(0), &mut scores).unwrap();
    scores[0]
}

#[test]
fn a_chain_is_counted_layer_by_layer() {
    let json = r#"{"architecture": {"kind": "chain", "min_layers": 2, "max_layers": 2, "joins": ["concat"], "operation": [
        {"name": "conv", "parameter": [
            {"name": "channels", "type": "ordinal", "values": [4, 8]},
            {"name": "kernel", "type": "ordinal", "values": [3, 5]}]},
        {"name": "max_pool"}]}}"#;
    let problem = problem(serde_json::from_str(json).unwrap());
    let first =
        r#""n_layers": 2, "layer_1_op": "conv", "layer_1_conv_channels": 8, "layer_1_conv_kernel": 5"#;
    // 3·8·25 + 2·8, then the classifier's 8·10 + 10.
    let plain = format!(r#"{{{first}, "layer_2_op": "max_pool", "layer_2_from_0": false}}"#);
    assert_eq!(n_parameters(&problem, Options::default(), &plain), 600.0 + 16.0 + 90.0);
    // The image's three channels are joined to the eight: the classifier sees 11.
    let joined =
        format!(r#"{{{first}, "layer_2_op": "max_pool", "layer_2_from_0": true, "layer_2_join": "concat"}}"#);
    assert_eq!(n_parameters(&problem, Options::default(), &joined), 600.0 + 16.0 + 120.0);
}

#[test]
fn what_a_space_searches_around_its_architecture_counts() {
    let json = r#"{"parameter": [{"name": "stem_channels", "type": "ordinal", "values": [4, 8]}],
        "architecture": {"kind": "chain", "min_layers": 1, "max_layers": 1, "operation": [{"name": "max_pool"}]}}"#;
    let problem = problem(serde_json::from_str(json).unwrap());
    let of = |channels: u32, options| {
        let pairs = format!(r#"{{"stem_channels": {channels}, "n_layers": 1, "layer_1_op": "max_pool"}}"#);
        n_parameters(&problem, options, &pairs)
    };
    // The stem's 27 weights and 2 numbers a channel, and the classifier's 10.
    for channels in [4, 8] {
        let expected = f64::from(channels * (27 + 2 + 10) + 10);
        assert_eq!(of(channels, Options::default()), expected);
        assert_eq!(of(channels, Options { stem_channels: Some(32), ..Options::default() }), expected);
    }
}

#[test]
fn perceptrons_are_counted_on_features() {
    let json = r#"{"architecture": {"kind": "chain", "min_layers": 1, "max_layers": 1, "operation": [
        {"name": "linear", "parameter": [{"name": "units", "type": "ordinal", "values": [16, 32]}]}]}}"#;
    let problem = problem(serde_json::from_str(json).unwrap());
    let options = Options { n_features: Some(7), n_classes: 3, ..Options::default() };
    let pairs = r#"{"n_layers": 1, "layer_1_op": "linear", "layer_1_linear_units": 16}"#;
    assert_eq!(n_parameters(&problem, options, pairs), f64::from(7 * 16 + 16 + 16 * 3 + 3));
}
