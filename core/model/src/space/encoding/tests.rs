use crate::{Configuration, Seed, Space, SpaceSpec};

fn space(json: &str) -> Space {
    Space::compile(serde_json::from_str(json).unwrap()).unwrap()
}

#[test]
fn every_parameter_has_its_columns() {
    let space = space(
        r#"{"parameter": [
            {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam", "lion"]},
            {"name": "momentum", "type": "float", "low": 0.0, "high": 1.0, "default": 0.9, "when": {"parameter": "optimizer", "is": "sgd"}},
            {"name": "schedule", "type": "categorical", "choices": ["cosine", "step"], "when": {"parameter": "optimizer", "is": "sgd"}},
            {"name": "lr", "type": "float", "low": 1e-4, "high": 1.0, "log": true},
            {"name": "epochs", "type": "constant", "value": 10}
        ]}"#,
    );
    assert_eq!(space.encoding_width(), 3 + 2 + 2 + 1);
    let sgd = Configuration::new(vec![0.0, 0.25, 1.0, 1e-2, 0.0]);
    assert_eq!(space.encode(&sgd), [1.0, 0.0, 0.0, 1.0, 0.25, 0.0, 1.0, 0.5]);
    let lion = Configuration::new(vec![2.0, f64::NAN, f64::NAN, 1.0, 0.0]);
    assert_eq!(space.encode(&lion), [0.0, 0.0, 1.0, 0.0, 0.9, 0.0, 0.0, 1.0]);
    let mut rng = Seed::from_number(1).rng();
    let mut rows = Vec::new();
    for _ in 0..100 {
        space.encode_into(&space.sample(&mut rng).unwrap(), &mut rows);
    }
    assert_eq!(rows.len(), 100 * space.encoding_width());
    assert!(rows.iter().all(|column| (0.0..=1.0).contains(column)));
}

#[test]
fn isomorphic_cells_share_a_key_and_stay_different_configurations() {
    let space = Space::compile(SpaceSpec::preset("nas-bench-201").unwrap()).unwrap();
    let read = |text| space.parse_architecture(text).unwrap().unwrap();
    // One convolution, by way of node 1 or of node 2.
    let a = read("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|");
    let b = read("|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|");
    let c = read("|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|");
    let architecture = |cell| space.architecture_key(cell).unwrap().unwrap();
    assert_eq!(architecture(&a), architecture(&b));
    assert_ne!(architecture(&a), architecture(&c));
    assert_ne!(space.configuration_key(&a), space.configuration_key(&b));
    assert_eq!(space.configuration_key(&a), space.configuration_key(&a.clone()));
    // One-hot: a column for each of five operations on six edges; one edit away are 6 · 4 cells.
    assert_eq!(space.encoding_width(), 30);
    assert_eq!(space.encode(&a).iter().sum::<f64>(), 6.0);
    assert_eq!(space.neighbours(&a, &mut Seed::from_number(1).rng()).len(), 24);
}

#[test]
fn a_joint_space_tells_hyperparameters_apart_under_one_architecture() {
    let mut spec = SpaceSpec::preset("nas-bench-201").unwrap();
    spec.parameters =
        serde_json::from_str(r#"[{"name": "lr", "type": "float", "low": 0.0, "high": 1.0}]"#).unwrap();
    let space = Space::compile(spec).unwrap();
    let text = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|";
    let cell = space.parse_architecture(text).unwrap().unwrap();
    assert_eq!(cell.values()[0], 0.5);
    let mut values = cell.values().to_vec();
    values[0] = 0.1;
    let other = Configuration::new(values);
    assert_eq!(space.architecture_key(&cell), space.architecture_key(&other));
    assert_ne!(space.configuration_key(&cell), space.configuration_key(&other));
    assert_eq!(space.format_architecture(&other).unwrap().unwrap(), text);
}
