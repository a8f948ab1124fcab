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
    check(r#"{"name": "y", "type": "float", "low": 0, "high": 1, "prior": {"weights": [1]}}"#, "be counted");
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

#[test]
fn a_bound_on_a_constant_is_held_against_its_value() {
    let text = r#"{"parameter": [
        {"name": "epochs", "type": "constant", "value": 10},
        {"name": "long", "type": "int", "low": 1, "high": 3, "when": {"parameter": "epochs", "at_least": 5}},
        {"name": "short", "type": "int", "low": 1, "high": 3, "when": {"parameter": "epochs", "at_most": 5}}
    ]}"#;
    let space = compiled(text);
    let active = [1, 2].map(|index| space.is_active(index, &[0.0, f64::NAN, f64::NAN]));
    assert_eq!(active, [true, false]);
}

#[test]
fn a_neighbour_whose_new_parameter_is_first_drawn_forbidden_is_not_lost() {
    let space = compiled(
        r#"{"parameter": [
            {"name": "optimizer", "type": "categorical", "choices": ["adam", "sgd"]},
            {"name": "nesterov", "type": "categorical", "choices": [false, true],
             "when": {"parameter": "optimizer", "is": "sgd"}}],
            "forbidden": [{"parameter": "nesterov", "is": true}]}"#,
    );
    let mut rng = Seed::from_number(8).rng();
    let adam = Configuration::new(vec![0.0, f64::NAN]);
    for _ in 0..100 {
        assert_eq!(space.neighbours(&adam, &mut rng), [Configuration::new(vec![1.0, 0.0])]);
    }
}

#[test]
fn clauses_within_clauses_stand_in_brackets() {
    let parameters = r#"{"name": "a", "type": "int", "low": 0, "high": 3},
        {"name": "b", "type": "int", "low": 0, "high": 3}, {"name": "c", "type": "int", "low": 0, "high": 3}"#;
    let is = |name: &str| format!(r#"{{"parameter": "{name}", "is": 1}}"#);
    let any = format!(r#"{{"any": [{}, {}]}}"#, is("b"), is("c"));
    let space = compiled(&format!(
        r#"{{"parameter": [{parameters}], "forbidden": [{{"all": [{}, {any}]}}]}}"#,
        is("a")
    ));
    let words = space.forbidden()[0].describe(space.parameters());
    assert_eq!(words, "`a = 1` and (`b = 1` or `c = 1`)");
}

#[test]
fn many_choices_are_checked_at_once() {
    let mut choices: Vec<Value> = (0..200_000).map(Value::Int).collect();
    let space = |choices: Vec<Value>| {
        let parameters = vec![ParameterSpec::new("x", ParameterType::Categorical { choices })];
        Space::compile(SpaceSpec { parameters, ..SpaceSpec::default() })
    };
    assert!(space(choices.clone()).is_ok());
    choices.push(Value::Float(7.0));
    let error = space(choices).unwrap_err().to_string();
    assert!(error.contains("`7` stands twice in `choices`"), "{error}");
}

fn compiled(json: &str) -> Space {
    Space::compile(serde_json::from_str(json).unwrap()).unwrap()
}

#[test]
fn a_value_on_a_grid_is_one_number_however_it_is_written() {
    let space = compiled(
        r#"{"parameter": [
            {"name": "x", "type": "float", "low": 0, "high": 1, "step": 0.1, "default": 0.3},
            {"name": "is", "type": "int", "low": 0, "high": 1, "when": {"parameter": "x", "is": 0.3}},
            {"name": "least", "type": "int", "low": 0, "high": 1, "when": {"parameter": "x", "at_least": 0.3}},
            {"name": "most", "type": "int", "low": 0, "high": 1, "when": {"parameter": "x", "at_most": 0.3}}],
            "forbidden": [{"parameter": "x", "is": 0.7}]}"#,
    );
    let x = &space.parameters()[0];
    for (index, written) in [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0].into_iter().enumerate() {
        assert_eq!(x.from_value(&Value::Float(written)).unwrap(), x.nth_value(index as u64));
    }
    let drawn = x.nth_value(3);
    assert_eq!(x.default, drawn);
    // A program gets it as people write it.
    assert_ne!(drawn, 0.3);
    assert_eq!(x.to_value(drawn), Value::Float(0.3));
    for (low, high, step) in
        [(0.0, 1.0, 0.1), (-0.7, 0.2, 0.1), (1e-7, 1e-6, 3e-8), (0.1, 1e9, 7.3), (0.0, 1.0, 1.0 / 3.0)]
    {
        let space = compiled(&format!(
            r#"{{"parameter": [{{"name": "x", "type": "float", "low": {low}, "high": {high}, "step": {step}}}]}}"#
        ));
        let x = &space.parameters()[0];
        let last = x.n_values().unwrap() - 1;
        for index in (0..=last.min(100)).chain([last / 3, last - 1, last]) {
            let number = x.nth_value(index);
            assert_eq!(x.from_value(&x.to_value(number)).unwrap(), number, "{low} + {index} * {step}");
        }
    }
    for child in 1..4 {
        assert!(space.is_active(child, &[drawn, f64::NAN, f64::NAN, f64::NAN]), "{child}");
    }
    let forbidden = Configuration::new(vec![x.nth_value(7), f64::NAN, 0.0, f64::NAN]);
    assert!(matches!(space.check(&forbidden), Err(SpaceError::Forbidden { .. })));
    // Between two values of the grid, and beyond its end, a bound stays what it is.
    let space = compiled(
        r#"{"parameter": [{"name": "x", "type": "float", "low": 0, "high": 1, "step": 0.1},
            {"name": "y", "type": "int", "low": 0, "high": 1, "when": {"parameter": "x", "at_least": 0.25}}]}"#,
    );
    assert_eq!(space.condition(1), Some(&Clause::Between { parameter: 0, low: 0.25, high: f64::INFINITY }));
}

#[test]
fn a_condition_may_have_both_bounds_and_a_key_that_it_does_not_know_is_refused() {
    let read = serde_json::from_str::<ConditionSpec>;
    let both = read(r#"{"parameter": "n", "at_least": 2, "at_most": 3}"#).unwrap();
    let written = r#"{"all":[{"parameter":"n","at_least":2.0},{"parameter":"n","at_most":3.0}]}"#;
    assert_eq!(serde_json::to_string(&both).unwrap(), written);
    assert_eq!(read(written).unwrap(), both, "what archives hold is read as it was written");
    let space = compiled(
        r#"{"parameter": [{"name": "n", "type": "int", "low": 1, "high": 4},
            {"name": "x", "type": "float", "low": 0, "high": 1,
             "when": {"parameter": "n", "at_least": 2, "at_most": 3}}]}"#,
    );
    let active: Vec<bool> = (1..=4).map(|n| space.is_active(1, &[f64::from(n), f64::NAN])).collect();
    assert_eq!(active, [false, true, true, false]);
    for (text, expected) in [
        (r#"{"parameter": "n", "at_least": 2, "at_mots": 3}"#, "unknown field `at_mots`"),
        (r#"{"parameter": "n", "is": 2, "at_most": 3}"#, "no known form"),
        (r#"{"parameter": "n"}"#, "no known form"),
        (r#"{"all": [{"parameter": "n", "is": 2, "nor": 3}]}"#, "unknown field `nor`"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for text in [r#"{"around": 1, "confidance": "high"}"#, r#"{"weights": [1], "around": 1}"#] {
        assert!(serde_json::from_str::<PriorSpec>(text).is_err(), "{text}");
    }
}

/// Steps of one would not cross them in a search's time.
#[test]
fn neighbours_of_a_number_of_many_values_lie_as_far_as_those_of_a_real_one() {
    for number in [
        r#""type": "float", "low": 0, "high": 1"#,
        r#""type": "float", "low": 0, "high": 1, "step": 0.001"#,
        r#""type": "int", "low": 0, "high": 1000000000000000"#,
        r#""type": "int", "low": 8, "high": 4096, "log": true"#,
    ] {
        let space = compiled(&format!(r#"{{"parameter": [{{"name": "n", {number}}}]}}"#));
        let mut rng = Seed::from_number(6).rng();
        let here = space.from_unit(&[0.4]);
        let neighbours: Vec<_> = (0..100).flat_map(|_| space.neighbours(&here, &mut rng)).collect();
        assert!(!neighbours.contains(&here));
        let distances = neighbours.iter().map(|neighbour| (space.to_unit(neighbour)[0] - 0.4).abs());
        let mean = distances.sum::<f64>() / neighbours.len() as f64;
        assert!((0.12..0.18).contains(&mean), "{number}: {mean}");
    }
    let few = compiled(r#"{"parameter": [{"name": "n", "type": "int", "low": 1, "high": 10}]}"#);
    let next = few.neighbours(&Configuration::new(vec![4.0]), &mut Seed::from_number(6).rng());
    assert_eq!(next, [Configuration::new(vec![3.0]), Configuration::new(vec![5.0])]);
}

#[test]
fn the_ends_of_a_logarithmic_whole_number_with_a_step_are_drawn_as_often_as_their_neighbours() {
    for (low, high, step) in [(16, 250, 16), (1, 40, 4), (1, 4, 1)] {
        let space = compiled(&format!(
            r#"{{"parameter": [{{"name": "n", "type": "int", "low": {low}, "high": {high}, "step": {step},
                "log": true}}]}}"#
        ));
        let n = &space.parameters()[0];
        let n_values = n.n_values().unwrap();
        let mut counts = vec![0_u32; n_values as usize];
        let n_points = 100_000;
        for point in 0..n_points {
            let value = n.from_unit((f64::from(point) + 0.5) / f64::from(n_points));
            counts[((value as i64 - low) / step) as usize] += 1;
        }
        // Each value has its part of the logarithm, as wide as what lies nearest to it.
        for pair in counts.windows(2) {
            assert!(pair[0] > pair[1], "{low} to {high} by {step}: {counts:?}");
        }
        let [.., before, last] = counts[..] else { panic!("{counts:?}") };
        assert!(f64::from(last) > 0.8 * f64::from(before) || n_values < 8, "{counts:?}");
        for index in 0..n_values {
            let value = n.nth_value(index);
            assert_eq!(n.from_unit(n.to_unit(value)), value);
        }
    }
    // Without gaps the ends are half a number away, as they always were.
    let one = compiled(r#"{"parameter": [{"name": "n", "type": "int", "low": 1, "high": 4, "log": true}]}"#);
    let expected = (2.0_f64 / 0.5).ln() / (4.5_f64 / 0.5).ln();
    assert_eq!(one.parameters()[0].to_unit(2.0), expected);
}

#[test]
fn a_real_number_that_cannot_vary_has_one_value() {
    for log in [false, true] {
        let space = compiled(&format!(
            r#"{{"parameter": [{{"name": "x", "type": "float", "low": 2, "high": 2, "log": {log}}}]}}"#
        ));
        let x = &space.parameters()[0];
        assert_eq!(
            (x.n_values(), x.nth_value(0), x.to_unit(2.0), x.from_unit(0.1)),
            (Some(1), 2.0, 0.5, 2.0)
        );
        let mut rng = Seed::from_number(7).rng();
        assert_eq!(space.mutate(&space.default_configuration(), &mut rng), None);
        assert!(space.neighbours(&space.default_configuration(), &mut rng).is_empty());
    }
}

#[test]
fn a_prior_around_a_choice_does_not_hang_on_the_order_of_the_choices() {
    let space = |choices: &str, confidence: &str| {
        compiled(&format!(
            r#"{{"parameter": [{{"name": "c", "type": "categorical", "choices": {choices},
                "prior": {{"around": "b", "confidence": "{confidence}"}}}},
                {{"name": "o", "type": "ordinal", "values": {choices}, "prior": {{"around": "b"}}}}]}}"#
        ))
    };
    let prior = |choices, confidence| space(choices, confidence).parameters()[0].prior.clone();
    for (confidence, weight) in [("low", 2.0), ("medium", 4.0), ("high", 6.0)] {
        let expected = Some(Prior::Weights(vec![1.0, weight, 1.0]));
        assert_eq!(prior(r#"["a", "b", "c"]"#, confidence), expected);
        assert_eq!(prior(r#"["c", "b", "a"]"#, confidence), expected);
        assert_eq!(prior(r#"["b", "c"]"#, confidence), Some(Prior::Weights(vec![weight, 1.0])));
    }
    // Values in order have near ones.
    let space = space(r#"["a", "b", "c", "d", "e", "f", "g", "h"]"#, "high");
    assert_eq!(space.parameters()[1].prior, Some(Prior::Normal { mean: 1.5 / 8.0, std: 0.25 }));
    let mut rng = Seed::from_number(9).rng();
    let mut counts = [0_u32; 8];
    for _ in 0..13_000 {
        counts[space.sample_prior(&mut rng).unwrap().values()[0] as usize] += 1;
    }
    for (choice, &count) in counts.iter().enumerate() {
        let expected = if choice == 1 { 6_000.0 } else { 1_000.0 };
        assert!((f64::from(count) / expected - 1.0).abs() < 0.15, "{counts:?}");
    }
}
