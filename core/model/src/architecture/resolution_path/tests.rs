use super::*;
use crate::Seed;
use crate::architecture::tests::{preset, space};

#[test]
fn every_path_stays_within_the_levels_and_moves_one_step() {
    let space = preset("auto-deeplab");
    let mut rng = Seed::from_number(61).rng();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..300 {
        let configuration = space.sample(&mut rng).unwrap();
        let graph = space.architecture(&configuration).unwrap().unwrap();
        let levels: Vec<i64> = graph.nodes.iter().filter_map(|node| node.int("level")).collect();
        assert_eq!(levels.len(), graph.nodes.len() - 2);
        assert_eq!(levels[..2], [2, 4]);
        for (pair, nodes) in levels.windows(2).zip(graph.nodes[1..].windows(2)) {
            match nodes[1].operation.as_str() {
                "down" => assert_eq!(pair[1], 2 * pair[0]),
                "up" => assert_eq!((2 * pair[1], nodes[1].text("mode")), (pair[0], Some("bilinear"))),
                _ => assert_eq!(pair[1], pair[0]),
            }
        }
        for node in graph.nodes.iter().filter(|node| node.int("level") >= Some(4)) {
            if let Some(channels) = node.int("channels") {
                // Liu et al. 2019, section 3.1: filters double where the image halves.
                assert_eq!(Some(channels), node.int("level").map(|level| 10 * level));
            }
        }
        let n_layers = graph.nodes.iter().filter(|node| node.int("channels").is_none()).count() - 2;
        assert_eq!(n_layers, 12);
        seen.extend(levels);
    }
    assert_eq!(Vec::from_iter(seen), [2, 4, 8, 16, 32]);
}

#[test]
fn a_move_beyond_an_end_is_none() {
    let space = preset("auto-deeplab");
    let key = |moves: &[(i64, i64)]| {
        let mut named = space.to_named(&space.default_configuration());
        named.extend(moves.iter().map(|&(layer, step)| (move_name(layer), step.into())));
        space.architecture_key(&space.from_named(&named).unwrap()).unwrap().unwrap()
    };
    let stays = key(&[]);
    assert_eq!(key(&[(1, -1), (5, -1)]), stays);
    assert_ne!(key(&[(1, 1)]), stays);
    assert_eq!(key(&[(1, 1), (2, 1), (3, 1), (4, 1)]), key(&[(1, 1), (2, 1), (3, 1)]));
    assert_ne!(key(&[(1, 1)]), key(&[(2, 1)]));
}

#[test]
fn descriptions_with_mistakes_are_refused_with_a_remedy() {
    let good = "[architecture]\nkind = \"resolution-path\"\nn_layers = [2, 4]\nfinest = 1\ncoarsest = 8\n\
                channels = [8, 16]\noperations = [\"conv_3x3\"]";
    let first = space(good).unwrap().default_configuration();
    let graph = space(good).unwrap().architecture(&first).unwrap().unwrap();
    let stem = Node::new("conv").with("channels", 8).with("kernel", 3).with("stride", 1).with("level", 1);
    assert!([stem.clone(), stem.with("channels", 16)].contains(&graph.nodes[1]));
    let check = |from: &str, to: &str, expected: &str| {
        let error = space(&good.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("[2, 4]", "[4, 2]", "`n_layers = [4, 2]`; hint");
    check("finest = 1", "finest = 3", "`finest = 3`; hint: the image gets smaller by 1, 2, 4, 8");
    check("coarsest = 8", "coarsest = 12", "`coarsest = 12` of `finest = 1`; hint");
    check("[8, 16]", "[16, 8]", "`channels` must hold positive numbers, ascending");
    check("conv_3x3", "none", "`none` would end the only path");
}
