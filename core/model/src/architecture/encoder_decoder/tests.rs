use super::*;
use crate::architecture::tests::space;
use crate::{Seed, Value};

const SPACE: &str = r#"
    [architecture]
    kind = "encoder-decoder"
    n_stages = [2, 4]
    depth = [1, 2]
    finest = 2
    channels = [16, 32]
    operations = ["conv_3x3", "sep_conv_3x3"]
"#;

#[test]
fn the_decoder_leads_back_to_the_first_stages_level() {
    let space = space(SPACE).unwrap();
    let mut rng = Seed::from_number(62).rng();
    for _ in 0..300 {
        let configuration = space.sample(&mut rng).unwrap();
        let graph = space.architecture(&configuration).unwrap().unwrap();
        graph.check().unwrap();
        let chosen = Chosen { space: &space, configuration: &configuration };
        let n_stages = chosen.int("n_stages", 0);
        let level = |place: usize| graph.nodes[place].int("level");
        let last = graph.edges.last().unwrap().0;
        assert_eq!(level(last), Some(2));
        assert_eq!(graph.nodes.iter().filter_map(|node| node.int("level")).max(), Some(1 << n_stages));
        let channels = chosen.int("channels", 0);
        for node in graph.nodes.iter().filter(|node| node.int("channels").is_some()) {
            assert_eq!(node.int("channels"), node.int("level").map(|level| channels * level / 2));
        }
        let inputs = graph.inputs();
        for (place, node) in graph.nodes.iter().enumerate().skip(1) {
            let levels: Vec<_> = inputs[place].iter().map(|&from| level(from).unwrap_or(1)).collect();
            match (node.operation.as_str(), node.int("level")) {
                ("down", Some(own)) => assert_eq!(levels, [own / 2]),
                ("up", Some(own)) => assert_eq!(levels, [own * 2]),
                ("sum" | "concat", Some(own)) => assert_eq!(levels, [own, own]),
                ("output", None) => assert_eq!(levels, [2]),
                (_, own) => assert_eq!(levels, [own.unwrap()]),
            }
        }
        let count = |name: &str| graph.nodes.iter().filter(|node| node.operation == name).count() as i64;
        assert_eq!((count("down"), count("up")), (n_stages, n_stages - 1));
        assert_eq!(count("conv"), count("concat"));
    }
}

#[test]
fn a_u_net_is_a_point_of_the_space() {
    let space = space(SPACE).unwrap();
    let mut named: std::collections::BTreeMap<String, Value> = [
        ("n_stages", 2.into()),
        ("channels", 16.into()),
        ("encoder_1_depth", 1.into()),
        ("encoder_2_depth", 1.into()),
        ("decoder_1_depth", 1.into()),
        ("decoder_1_up", "transposed".into()),
        ("decoder_1_join", "concat".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    named.extend(
        ["encoder_1", "encoder_2", "decoder_1"].map(|stage| (format!("{stage}_op_1"), "conv_3x3".into())),
    );
    let graph = space.architecture(&space.from_named(&named).unwrap()).unwrap().unwrap();
    let found: Vec<(&str, Option<i64>, Option<i64>)> =
        graph.nodes.iter().map(|node| (&*node.operation, node.int("level"), node.int("channels"))).collect();
    let expected = [
        ("input", None, None),
        ("down", Some(2), Some(16)),
        ("conv_3x3", Some(2), None),
        ("down", Some(4), Some(32)),
        ("conv_3x3", Some(4), None),
        ("up", Some(2), Some(16)),
        ("concat", Some(2), None),
        ("conv", Some(2), Some(16)),
        ("conv_3x3", Some(2), None),
        ("output", None, None),
    ];
    assert_eq!(found, expected);
    assert_eq!(graph.inputs()[6], [2, 5]);
    assert_eq!(graph.nodes[5].text("mode"), Some("transposed"));
}

#[test]
fn descriptions_with_mistakes_are_refused_with_a_remedy() {
    let check = |from: &str, to: &str, expected: &str| {
        let error = space(&SPACE.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("depth = [1, 2]", "depth = [0, 2]", "`depth = [0, 2]`; hint");
    check("[2, 4]", "[2, 40]", "40 stages");
    check("finest = 2", "finest = 2\nups = [\"cubic\"]", "`ups` must be some of `nearest`");
    check("finest = 2", "finest = 2\njoins = []", "`joins` must be some of `none`");
}
