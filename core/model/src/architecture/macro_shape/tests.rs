use std::collections::HashMap;

use crate::Seed;
use crate::architecture::tests::{preset, space};

const MACRO: &str = r#"
    [architecture]
    kind = "macro"
    min_stages = 1
    resolution = [160, 192, 224]

    [[architecture.stage]]
    depth = [1, 2, 3]
    width = [16, 24]
    operations = ["mb3_k3", "mb6_k5"]

    [[architecture.stage]]
    depth = [2]
    width = [24, 64, 128]
    stride = [1, 2]
    operations = ["identity", "mb3_k3", "mb6_k5"]
"#;

#[test]
fn stages_and_layers_are_active_only_where_they_exist() {
    let space = space(MACRO).unwrap();
    let names: Vec<&str> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "n_stages",
            "resolution",
            "stage_1_depth",
            "stage_1_width",
            "stage_1_op_1",
            "stage_1_op_2",
            "stage_1_op_3",
            "stage_2_width",
            "stage_2_stride",
            "stage_2_op_1",
            "stage_2_op_2",
        ]
    );
    let mut rng = Seed::from_number(6).rng();
    for _ in 0..300 {
        let configuration = space.sample(&mut rng).unwrap();
        space.check(&configuration).unwrap();
        let graph = space.architecture(&configuration).unwrap().unwrap();
        graph.check().unwrap();
        let value = |name| space.value(&configuration, name).and_then(|value| value.as_f64());
        let second = if value("n_stages") == Some(2.0) { 2.0 } else { 0.0 };
        assert_eq!(graph.nodes.len() as f64, 2.0 + value("stage_1_depth").unwrap() + second);
        assert_eq!(graph.nodes[0].int("resolution").map(|side| side as f64), value("resolution"));
        assert_eq!(graph.nodes[1].int("channels").map(|width| width as f64), value("stage_1_width"));
    }
}

#[test]
fn nas_bench_macro_has_3_969_different_networks() {
    // The records of `nas-bench-macro` coincide exactly where an identity after a stage's first layer moves.
    let space = preset("nas-bench-macro");
    let mut keys: HashMap<_, String> = HashMap::new();
    for number in 0..6_561u32 {
        let digits: String =
            (0..8).map(|layer| char::from(b'0' + (number / 3u32.pow(layer) % 3) as u8)).collect();
        let configuration = space.parse_architecture(&digits).unwrap().unwrap();
        assert_eq!(space.format_architecture(&configuration).unwrap().unwrap(), digits);
        let stages = [&digits[..2], &digits[2..5], &digits[5..]];
        let expected = stages.map(|stage| stage[..1].to_owned() + &stage[1..].replace('0', "")).join("|");
        let key = space.architecture(&configuration).unwrap().unwrap().key();
        assert_eq!(keys.entry(key).or_insert(expected.clone()), &expected);
    }
    assert_eq!(keys.len(), 3_969);
}

#[test]
fn shapes_with_mistakes_are_refused_with_a_remedy() {
    let check = |from: &str, to: &str, expected: &str| {
        let error = space(&MACRO.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("min_stages = 1", "min_stages = 3", "`min_stages = 3` of 2 stages");
    check("depth = [2]", "depth = []", "stage 2: hint: give `depth`");
    check("[160, 192, 224]", "[192, 160]", "`resolution` must hold positive numbers, ascending");
    let text = space(MACRO).unwrap().parse_architecture("01").unwrap().unwrap_err().to_string();
    assert!(text.contains("has no string form"), "{text}");
    let error = preset("nas-bench-macro").parse_architecture("0120012").unwrap().unwrap_err().to_string();
    assert!(error.contains("character 8: expected a digit below 3, found the end"), "{error}");
}
