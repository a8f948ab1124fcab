use super::*;
use crate::Seed;

fn joint() -> Space {
    let text = r#"{
        "name": "joint",
        "parameter": [
            {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"]},
            {"name": "momentum", "type": "float", "low": 0.1, "high": 0.99, "when": {"parameter": "optimizer", "is": "sgd"}},
            {"name": "lr", "type": "float", "low": 1e-5, "high": 1.0, "log": true, "prior": {"around": 0.01}},
            {"name": "layers", "type": "int", "low": 1, "high": 5},
            {"name": "units", "type": "int", "low": 16, "high": 1024, "log": true},
            {"name": "width_2", "type": "ordinal", "values": [16, 32, 64], "when": {"parameter": "layers", "at_least": 2}},
            {"name": "dropout", "type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
            {"name": "epochs", "type": "constant", "value": 10}
        ],
        "forbidden": [{"all": [{"parameter": "optimizer", "is": "adam"}, {"parameter": "layers", "is": 5}]}]
    }"#;
    Space::compile(serde_json::from_str(text).unwrap()).unwrap()
}

#[test]
fn samples_neighbours_and_mutants_are_points_of_the_space() {
    let space = joint();
    let mut rng = Seed::from_number(1).rng();
    for _ in 0..2_000 {
        let configuration = space.sample(&mut rng).unwrap();
        space.check(&configuration).unwrap();
        space.check(&space.sample_prior(&mut rng).unwrap()).unwrap();
        for neighbour in space.neighbours(&configuration, &mut rng) {
            space.check(&neighbour).unwrap();
        }
        let mutant = space.mutate(&configuration, &mut rng).unwrap();
        space.check(&mutant).unwrap();
        assert_ne!(mutant, configuration);
    }
}

#[test]
fn names_and_values_lead_back_to_the_same_configuration() {
    let space = joint();
    let mut rng = Seed::from_number(2).rng();
    for _ in 0..500 {
        let configuration = space.sample(&mut rng).unwrap();
        assert_eq!(space.from_named(&space.to_named(&configuration)).unwrap(), configuration);
        let json = serde_json::to_string(&configuration).unwrap();
        assert_eq!(serde_json::from_str::<Configuration>(&json).unwrap(), configuration);
    }
}

#[test]
fn the_unit_cube_leads_back_to_the_same_value() {
    let space = joint();
    let mut rng = Seed::from_number(3).rng();
    for _ in 0..500 {
        let configuration = space.sample(&mut rng).unwrap();
        let again = space.from_unit(&space.to_unit(&configuration));
        for (a, b) in configuration.values().iter().zip(again.values()) {
            assert!(a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-12 * a.abs().max(1.0), "{a} {b}");
        }
    }
}

#[test]
fn wrong_configurations_are_refused_with_the_parameter_named() {
    let space = joint();
    let good = space.default_configuration();
    space.check(&good).unwrap();
    let check = |index: usize, value: f64, expected: &str| {
        let mut values = good.values().to_vec();
        values[index] = value;
        let error = space.check(&Configuration::new(values)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(2, 2.0, "parameter `lr`: `2` is not one of 0.00001 to 1");
    check(0, 2.0, "`optimizer`");
    check(3, 2.5, "`layers`");
    check(6, 0.25, "in steps of 0.1");
    check(1, f64::NAN, "`momentum` is active and has no value");
    check(0, 1.0, "`momentum` is inactive here");
    check(7, 1.0, "`epochs`");
    assert!(matches!(
        space.check(&Configuration::new(vec![0.0])),
        Err(SpaceError::WrongLength { expected: 8, found: 1 })
    ));
    let forbidden = Configuration::new(vec![1.0, f64::NAN, 0.01, 5.0, 64.0, 0.0, 0.1, 0.0]);
    assert!(space.check(&forbidden).unwrap_err().to_string().contains("`optimizer = adam` and `layers = 5`"));
}

#[test]
fn the_hash_follows_meaning_not_names_or_defaults() {
    let space = joint();
    let mut spec = space.spec().clone();
    spec.name = "other".into();
    spec.parameters[2].default = Some(Value::Float(0.1));
    assert_eq!(Space::compile(spec.clone()).unwrap().hash(), space.hash());
    spec.parameters[2].kind = ParameterType::Float { low: 1e-5, high: 0.5, log: true, step: None };
    assert_ne!(Space::compile(spec).unwrap().hash(), space.hash());
}

#[test]
fn log_ints_are_drawn_evenly_over_ratios() {
    let space = joint();
    let mut rng = Seed::from_number(4).rng();
    let index = space.index_of("units").unwrap();
    let n = 20_000;
    let below = (0..n).filter(|_| space.sample(&mut rng).unwrap().values()[index] < 128.0).count();
    assert!((below as f64 / n as f64 - 0.5).abs() < 0.02, "{below}");
}

#[test]
fn descriptions_with_mistakes_are_refused_with_a_remedy() {
    let check = |parameter: &str, expected: &str| {
        let text = format!(
            r#"{{"parameter": [{{"name": "x", "type": "float", "low": 0, "high": 1}}, {parameter}]}}"#
        );
        let error = Space::compile(serde_json::from_str(&text).unwrap()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(r#"{"name": "x", "type": "constant", "value": 1}"#, "stands twice");
    check(r#"{"name": "y", "type": "float", "low": 2, "high": 1}"#, "hint: swap them");
    check(r#"{"name": "y", "type": "float", "low": 0, "high": 1, "log": true}"#, "above 0");
    check(r#"{"name": "y", "type": "float", "low": -1e308, "high": 1e308}"#, "too far apart");
    check(r#"{"name": "y", "type": "float", "low": 1e-200, "high": 1e200, "log": true}"#, "too far apart");
    check(r#"{"name": "y", "type": "float", "low": 0, "high": 1e20, "step": 1}"#, "more than 2^53");
    check(r#"{"name": "y", "type": "categorical", "choices": []}"#, "is empty");
    check(r#"{"name": "y", "type": "ordinal", "values": [1, 1.0]}"#, "stands twice");
    check(r#"{"name": "y", "type": "int", "low": 0, "high": 4, "step": 0}"#, "not positive");
    check(r#"{"name": "y", "type": "constant", "value": 1, "when": {"parameter": "z", "is": 1}}"#, "`z`");
    check(r#"{"name": "y", "type": "categorical", "choices": [1, 2], "prior": {"weights": [1]}}"#, "give 2");
    check(r#"{"name": "y", "type": "float", "low": 0, "high": 1, "default": 3}"#, "`3` is not one of 0 to 1");
}

#[test]
fn a_bound_on_an_ordinal_parameter_is_held_against_its_numbers_not_its_places() {
    let text = r#"{"parameter": [
        {"name": "width", "type": "ordinal", "values": [16, 32, 64]},
        {"name": "deep", "type": "int", "low": 1, "high": 3, "when": {"parameter": "width", "at_least": 32}}
    ]}"#;
    let space = Space::compile(serde_json::from_str(text).unwrap()).unwrap();
    let active: Vec<bool> = (0..3).map(|place| space.is_active(1, &[f64::from(place), f64::NAN])).collect();
    assert_eq!(active, [false, true, true]);
}
