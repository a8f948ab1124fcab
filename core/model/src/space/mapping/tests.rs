use super::*;
use crate::{Seed, SpaceSpec};

fn space(parameters: &str) -> Space {
    Space::compile(serde_json::from_str(&format!(r#"{{"parameter": [{parameters}]}}"#)).unwrap()).unwrap()
}

/// Maps `value` between two spaces of the one parameter `x`.
fn map_one(
    from: &str,
    to: &str,
    value: f64,
    out_of_range: OutOfRange,
) -> (Result<f64, Dropped>, Vec<MappingNote>) {
    let parameter = |kind: &str| space(&format!(r#"{{"name": "x", {kind}}}"#));
    let mapping = SpaceMapping::new(&parameter(from), &parameter(to), out_of_range);
    let mapped = mapping.map(&Configuration::new(vec![value])).map(|mapped| mapped.values()[0]);
    (mapped, mapping.report().notes.clone())
}

#[test]
fn a_space_maps_to_itself_as_it_is() {
    let mut rng = Seed::from_number(21).rng();
    let joint = r#"
        {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"]},
        {"name": "momentum", "type": "float", "low": 0.1, "high": 0.99, "when": {"parameter": "optimizer", "is": "sgd"}},
        {"name": "layers", "type": "int", "low": 1, "high": 5, "log": true},
        {"name": "width", "type": "ordinal", "values": [16, 32, 64], "when": {"parameter": "layers", "at_least": 2}},
        {"name": "epochs", "type": "constant", "value": 10}"#;
    let mut spaces = vec![space(joint)];
    spaces.extend(SpaceSpec::PRESETS.map(|name| Space::compile(SpaceSpec::preset(name).unwrap()).unwrap()));
    for space in spaces {
        let mapping = SpaceMapping::new(&space, &space, OutOfRange::LeaveOut);
        assert!(mapping.report().is_identity(), "{}", mapping.report());
        for _ in 0..200 {
            let configuration = space.sample(&mut rng).unwrap();
            assert_eq!(mapping.map(&configuration).unwrap(), configuration);
        }
    }
}

#[test]
fn missing_extra_and_renamed_parameters_are_mapped_and_reported() {
    let old = space(
        r#"{"name": "learning_rate", "type": "float", "low": 0.001, "high": 1.0, "log": true},
           {"name": "seed", "type": "int", "low": 0, "high": 9},
           {"name": "wd", "type": "float", "low": 0.0, "high": 1.0, "aliases": ["weight_decay"]}"#,
    );
    let new = space(
        r#"{"name": "lr", "type": "float", "low": 0.001, "high": 1.0, "aliases": ["eta", "learning_rate"]},
           {"name": "weight_decay", "type": "float", "low": 0.0, "high": 1.0},
           {"name": "dropout", "type": "float", "low": 0.0, "high": 0.5, "default": 0.1}"#,
    );
    let mapping = SpaceMapping::new(&old, &new, OutOfRange::LeaveOut);
    assert_eq!(
        mapping.report().to_string(),
        "`learning_rate` is now `lr`\n\
         `wd` is now `weight_decay`\n\
         `dropout` is new: it gets its default `0.1`\n\
         `seed` is gone: its value is dropped"
    );
    let mapped = mapping.map(&Configuration::new(vec![0.01, 3.0, 0.5])).unwrap();
    assert_eq!(mapped.values(), [0.01, 0.5, 0.1]);
    new.check(&mapped).unwrap();
    let json = serde_json::to_string(mapping.report()).unwrap();
    assert_eq!(&serde_json::from_str::<MappingReport>(&json).unwrap(), mapping.report());
    assert!(matches!(
        mapping.map(&Configuration::new(vec![0.0])),
        Err(Dropped::WrongLength { expected: 3, found: 1 })
    ));
}

#[test]
fn numbers_out_of_range_are_left_out_or_clipped() {
    let (wide, narrow) =
        (r#""type": "float", "low": 0, "high": 10"#, r#""type": "float", "low": 2, "high": 4"#);
    let (left_out, notes) = map_one(wide, narrow, 5.0, OutOfRange::LeaveOut);
    assert_eq!(left_out.unwrap_err().to_string(), "parameter `x`: `5` is not one of 2 to 4");
    assert!(
        matches!(&notes[..], [MappingNote::Range { out_of_range: OutOfRange::LeaveOut, .. }]),
        "{notes:?}"
    );
    let (clipped, notes) = map_one(wide, narrow, 5.0, OutOfRange::Clip);
    assert_eq!(clipped, Ok(4.0));
    assert!(notes[0].to_string().ends_with("numbers go to its nearest value"), "{notes:?}");
    assert_eq!(map_one(wide, narrow, 3.5, OutOfRange::LeaveOut).0, Ok(3.5));
    assert_eq!(map_one(narrow, wide, 3.5, OutOfRange::LeaveOut), (Ok(3.5), vec![]));
    let grid = r#""type": "float", "low": 0, "high": 1, "step": 0.25"#;
    assert_eq!(map_one(wide, grid, 0.6, OutOfRange::LeaveOut).0, Ok(0.5));
    assert!(map_one(wide, grid, 1.2, OutOfRange::LeaveOut).0.is_err());
    assert!(map_one(wide, grid, 1.1, OutOfRange::LeaveOut).0.is_err(), "less than half a step beyond");
    assert_eq!(map_one(wide, grid, 1.1, OutOfRange::Clip).0, Ok(1.0));
    let tenths = r#""type": "float", "low": 0.1, "high": 0.3, "step": 0.1"#;
    assert!(map_one(wide, tenths, 0.1 + 0.2, OutOfRange::LeaveOut).0.is_ok(), "rounding is not beyond");
}

#[test]
fn a_number_on_a_grid_keeps_its_place_on_another_grid_and_in_an_interval() {
    let source = r#""type": "float", "low": 0.0, "high": 0.3, "step": 0.1"#;
    for target in [
        r#""type": "float", "low": -0.1, "high": 0.5, "step": 0.1"#,
        r#""type": "float", "low": 0.0, "high": 1.0, "step": 0.05"#,
        r#""type": "float", "low": 0.0, "high": 1.0"#,
    ] {
        let (mapped, notes) = map_one(source, target, 0.1 * 3.0, OutOfRange::LeaveOut);
        assert!(
            mapped.is_ok_and(|mapped| (mapped - 0.3).abs() < 1e-12) && notes.is_empty(),
            "{target}: {notes:?}"
        );
    }
}

#[test]
fn types_change_where_a_value_keeps_its_meaning() {
    let int = r#""type": "int", "low": 1, "high": 5"#;
    let ordinal = r#""type": "ordinal", "values": [1, 3, 5]"#;
    let float = r#""type": "float", "low": 0, "high": 10"#;
    let check = |from, to, value, out_of_range, expected: Option<f64>| {
        let (mapped, notes) = map_one(from, to, value, out_of_range);
        assert_eq!(mapped.ok(), expected);
        assert!(matches!(notes[0], MappingNote::Retyped { .. }), "{notes:?}");
        notes.len()
    };
    assert_eq!(check(int, float, 3.0, OutOfRange::LeaveOut, Some(3.0)), 1);
    assert_eq!(check(ordinal, int, 1.0, OutOfRange::LeaveOut, Some(3.0)), 1);
    assert_eq!(check(ordinal, float, 2.0, OutOfRange::LeaveOut, Some(5.0)), 1);
    assert_eq!(check(int, ordinal, 3.0, OutOfRange::LeaveOut, Some(1.0)), 2);
    assert_eq!(check(int, ordinal, 2.0, OutOfRange::LeaveOut, None), 2);
    assert_eq!(check(int, ordinal, 4.0, OutOfRange::Clip, Some(1.0)), 2);
    assert_eq!(check(float, int, 2.4, OutOfRange::LeaveOut, Some(2.0)), 2);
    assert_eq!(check(float, int, 9.0, OutOfRange::LeaveOut, None), 2);
    assert_eq!(check(r#""type": "constant", "value": 3"#, ordinal, 0.0, OutOfRange::LeaveOut, Some(1.0)), 1);
}

#[test]
fn choices_keep_their_names_not_their_places() {
    let old = r#""type": "categorical", "choices": ["none", "conv", "pool"]"#;
    let new = r#""type": "categorical", "choices": ["pool", "none"]"#;
    assert_eq!(map_one(old, new, 2.0, OutOfRange::Clip).0, Ok(0.0));
    let (dropped, notes) = map_one(old, new, 1.0, OutOfRange::Clip);
    assert!(matches!(dropped, Err(Dropped::OutOfRange { .. })));
    assert_eq!(notes, [MappingNote::Choices { parameter: "x".into(), lost: vec!["conv".into()] }]);
    assert_eq!(map_one(new, old, 0.0, OutOfRange::LeaveOut), (Ok(2.0), vec![]));
}

#[test]
fn what_is_active_under_other_conditions_gets_its_default() {
    let kind = r#""name": "momentum", "type": "float", "low": 0.0, "high": 1.0, "default": 0.9"#;
    let optimizer = r#"{"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"]}"#;
    let old =
        space(&format!(r#"{optimizer}, {{{kind}, "when": {{"parameter": "optimizer", "is": "sgd"}}}}"#));
    let new = space(&format!("{optimizer}, {{{kind}}}"));
    let mapping = SpaceMapping::new(&old, &new, OutOfRange::LeaveOut);
    assert!(matches!(mapping.report().notes[..], [MappingNote::Condition { .. }]), "{}", mapping.report());
    assert_eq!(mapping.map(&Configuration::new(vec![1.0, f64::NAN])).unwrap().values(), [1.0, 0.9]);
    assert_eq!(mapping.map(&Configuration::new(vec![0.0, 0.3])).unwrap().values(), [0.0, 0.3]);
}

#[test]
fn what_has_no_place_in_the_target_is_noted_and_left_out() {
    let kind = r#""name": "momentum", "type": "float", "low": 0.0, "high": 1.0"#;
    let optimizer = r#"{"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"]}"#;
    let old = space(&format!("{optimizer}, {{{kind}}}"));
    let new =
        space(&format!(r#"{optimizer}, {{{kind}, "when": {{"parameter": "optimizer", "is": "sgd"}}}}"#));
    let mapping = SpaceMapping::new(&old, &new, OutOfRange::LeaveOut);
    assert!(matches!(mapping.report().notes[..], [MappingNote::Inactive { .. }]), "{}", mapping.report());
    assert_eq!(mapping.map(&Configuration::new(vec![0.0, 0.3])).unwrap().values(), [0.0, 0.3]);
    let dropped = mapping.map(&Configuration::new(vec![1.0, 0.3])).unwrap_err();
    assert_eq!(dropped, Dropped::Inactive { parameter: "momentum".into(), value: Value::Float(0.3) });
    let clipped = SpaceMapping::new(&old, &new, OutOfRange::Clip);
    assert_eq!(
        clipped.map(&Configuration::new(vec![1.0, 0.3])).unwrap(),
        Configuration::new([1.0, f64::NAN])
    );
}

#[test]
fn conditions_are_the_same_where_they_test_the_same() {
    let mapped = |before: &str, after: &str| {
        let with = |when: &str| {
            let choice = |name: &str| {
                format!(r#"{{"name": "{name}", "type": "categorical", "choices": ["x", "y", "z"]}}"#)
            };
            let child = format!(r#"{{"name": "d", "type": "int", "low": 0, "high": 9, "when": {when}}}"#);
            space(&["a", "b", "c"].map(choice).into_iter().chain([child]).collect::<Vec<_>>().join(", "))
        };
        SpaceMapping::new(&with(before), &with(after), OutOfRange::LeaveOut).report().is_identity()
    };
    let one_of = |values: &str| format!(r#"{{"parameter": "a", "one_of": {values}}}"#);
    assert!(mapped(&one_of(r#"["x", "y"]"#), &one_of(r#"["y", "x"]"#)));
    assert!(!mapped(&one_of(r#"["x", "y"]"#), &one_of(r#"["x", "z"]"#)));
    let is = |name: &str| format!(r#"{{"parameter": "{name}", "is": "x"}}"#);
    let both = |key: &str, one: &str, other: &str| format!(r#"{{"{key}": [{one}, {other}]}}"#);
    let (a, b, c) = (is("a"), is("b"), is("c"));
    let outer = both("all", &a, &both("any", &b, &c));
    assert!(mapped(&outer, &outer));
    assert!(!mapped(&outer, &both("any", &both("all", &a, &b), &c)));
}

#[test]
fn what_the_target_forbids_is_left_out() {
    let parameters = r#"[{"name": "a", "type": "int", "low": 0, "high": 3}, {"name": "b", "type": "int", "low": 0, "high": 3}]"#;
    let free =
        Space::compile(serde_json::from_str(&format!(r#"{{"parameter": {parameters}}}"#)).unwrap()).unwrap();
    let forbidden = r#"[{"all": [{"parameter": "a", "is": 1}, {"parameter": "b", "is": 2}]}]"#;
    let text = format!(r#"{{"parameter": {parameters}, "forbidden": {forbidden}}}"#);
    let strict = Space::compile(serde_json::from_str(&text).unwrap()).unwrap();
    let mapping = SpaceMapping::new(&free, &strict, OutOfRange::LeaveOut);
    assert_eq!(mapping.report().notes, [MappingNote::Forbidden]);
    assert_eq!(mapping.map(&Configuration::new(vec![1.0, 2.0])), Err(Dropped::Forbidden));
    assert!(mapping.map(&Configuration::new(vec![2.0, 2.0])).is_ok());
    assert!(SpaceMapping::new(&strict, &free, OutOfRange::LeaveOut).report().is_identity());
}

#[test]
fn mapped_configurations_are_points_of_the_target() {
    let mut rng = Seed::from_number(22).rng();
    let old = Space::compile(SpaceSpec::preset("nas-bench-101").unwrap()).unwrap();
    let mut spec = SpaceSpec::preset("nas-bench-101").unwrap();
    if let Some(ArchitectureSpec::NodeCell(cell)) = &mut spec.architecture {
        cell.max_edges = 6;
        cell.operations.remove(1);
    }
    let new = Space::compile(spec).unwrap();
    let mapping = SpaceMapping::new(&old, &new, OutOfRange::LeaveOut);
    let mut n_mapped = 0;
    for _ in 0..2_000 {
        if let Ok(mapped) = mapping.map(&old.sample(&mut rng).unwrap()) {
            new.check(&mapped).unwrap();
            n_mapped += 1;
        }
    }
    assert!((1..1_000).contains(&n_mapped), "{n_mapped}");
}

#[test]
fn the_same_values_that_stand_for_another_network_are_left_out() {
    let stages = |depth: &str, width: &str| {
        let stage =
            format!(r#"{{"depth": {depth}, "width": {width}, "operations": ["conv_3x3", "identity"]}}"#);
        let text = format!(r#"{{"architecture": {{"kind": "macro", "stage": [{stage}]}}}}"#);
        Space::compile(serde_json::from_str(&text).unwrap()).unwrap()
    };
    let mut rng = Seed::from_number(23).rng();
    let mut n_mapped = |from: &Space, to: &Space, notes: &[MappingNote]| {
        let mapping = SpaceMapping::new(from, to, OutOfRange::LeaveOut);
        assert_eq!(mapping.report().notes, notes);
        (0..100).filter(|_| mapping.map(&from.sample(&mut rng).unwrap()).is_ok()).count()
    };
    let compared = MappingNote::Architecture { compared: true };
    let narrow = stages("[2]", "[16]");
    assert_eq!(n_mapped(&narrow, &stages("[2]", "[256]"), std::slice::from_ref(&compared)), 0);
    assert_eq!(n_mapped(&stages("[2]", "[16, 32]"), &stages("[2]", "[16, 32, 64]"), &[compared]), 100);
    // A width that is new gets its default, and that is said.
    let missing = MappingNote::Missing { parameter: "stage_1_width".into(), default: Value::Int(32) };
    let notes = [missing, MappingNote::Architecture { compared: false }];
    assert_eq!(n_mapped(&narrow, &stages("[2]", "[16, 32]"), &notes), 100);
}
