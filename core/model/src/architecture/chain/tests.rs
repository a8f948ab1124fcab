use super::*;
use crate::Seed;
use crate::architecture::tests::space;

const CHAIN: &str = r#"
    [[parameter]]
    name = "lr"
    type = "float"
    low = 1e-4
    high = 1.0
    log = true

    [architecture]
    kind = "chain"
    min_layers = 1
    max_layers = 4
    joins = ["sum", "concat"]

    [[architecture.operation]]
    name = "conv"
    parameter = [
        { name = "channels", type = "ordinal", values = [16, 32, 64] },
        { name = "separable", type = "categorical", choices = [false, true] },
        { name = "multiplier", type = "int", low = 1, high = 4, when = { parameter = "separable", is = true } },
    ]

    [[architecture.operation]]
    name = "max_pool"
"#;

fn named(space: &Space, pairs: &[(&str, Value)]) -> Configuration {
    let named = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    space.from_named(&named).unwrap()
}

#[test]
fn layers_their_operations_and_their_hyperparameters_are_active_only_where_they_exist() {
    let space = space(CHAIN).unwrap();
    let one_layer = named(
        &space,
        &[("lr", Value::Float(0.1)), ("n_layers", Value::Int(1)), ("layer_1_op", "max_pool".into())],
    );
    assert_eq!(one_layer.values().iter().filter(|value| !value.is_nan()).count(), 3);
    let mut rng = Seed::from_number(5).rng();
    for _ in 0..500 {
        let configuration = space.sample(&mut rng).unwrap();
        space.check(&configuration).unwrap();
        let graph = space.architecture(&configuration).unwrap().unwrap();
        graph.check().unwrap();
        let layers =
            graph.nodes.iter().filter(|node| node.operation == "conv" || node.operation == "max_pool");
        assert_eq!(Some(Value::Int(layers.count() as i64)), space.value(&configuration, "n_layers"));
        for node in graph.nodes.iter().filter(|node| node.operation == "conv") {
            let is_separable = node.attributes["separable"] == Value::Bool(true);
            assert_eq!(node.attributes.contains_key("multiplier"), is_separable);
            assert!([16, 32, 64].contains(&node.int("channels").unwrap()));
        }
    }
}

#[test]
fn residual_and_dense_networks_are_points_of_a_chain_with_joins() {
    let space = space(CHAIN).unwrap();
    let build = |skips: &[(&str, bool)], join: &str| {
        let mut pairs = vec![("lr", Value::Float(0.1)), ("n_layers", Value::Int(3))];
        pairs.extend(["layer_1_op", "layer_2_op", "layer_3_op"].map(|name| (name, "max_pool".into())));
        pairs.extend(skips.iter().map(|&(name, is)| (name, Value::Bool(is))));
        for layer in ["layer_2", "layer_3"] {
            let is_joined = skips.iter().any(|(name, is)| *is && name.starts_with(layer));
            if is_joined {
                pairs.push((if layer == "layer_2" { "layer_2_join" } else { "layer_3_join" }, join.into()));
            }
        }
        space.architecture(&named(&space, &pairs)).unwrap().unwrap()
    };
    let residual =
        build(&[("layer_2_from_0", true), ("layer_3_from_0", false), ("layer_3_from_1", false)], "sum");
    assert_eq!(residual.nodes[2], Node::new(Node::SUM));
    assert_eq!(residual.edges, [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5)]);
    let dense =
        build(&[("layer_2_from_0", true), ("layer_3_from_0", true), ("layer_3_from_1", true)], "concat");
    let joins: Vec<usize> =
        (0..dense.nodes.len()).filter(|&node| dense.nodes[node].operation == Node::CONCAT).collect();
    let inputs = dense.inputs();
    assert_eq!(joins.iter().map(|&join| inputs[join].len()).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn defaults_and_aliases_of_layers_do_not_change_what_a_space_is() {
    let written = r#"{ name = "channels", type = "ordinal", values = [16, 32, 64]"#;
    let other = CHAIN.replace(written, &format!(r#"{written}, default = 64, aliases = ["width"]"#));
    assert_ne!(other, CHAIN);
    let (space, other) = (space(CHAIN).unwrap(), self::space(&other).unwrap());
    assert_eq!(space.hash(), other.hash());
    let index = other.index_of("layer_2_conv_channels").unwrap();
    assert_eq!(other.aliases(index), ["layer_2_conv_width"]);
}

#[test]
fn chains_with_mistakes_are_refused_with_a_remedy() {
    let check = |from: &str, to: &str, expected: &str| {
        let error = space(&CHAIN.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("max_layers = 4", "max_layers = 0", "`max_layers` must be at least 1");
    check("\"concat\"]", "\"mean\"]", "`mean` does not join inputs; hint: use `sum` or `concat`");
    check("parameter = \"separable\"", "parameter = \"groups\"", "`layer_1_conv_groups`");
    let space = space(CHAIN).unwrap();
    assert!(space.parse_architecture("conv").unwrap().unwrap_err().to_string().contains("by name"));
}
