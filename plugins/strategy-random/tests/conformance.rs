//! What every strategy must keep to, and what these three promise on top.

use std::sync::Arc;

use heirloom_plugin::{Context, Direction, Objective, Problem, Seed, Space, SpaceSpec};
use heirloom_plugin_check::Session;
use heirloom_strategy_random::{Kind, Options, strategy};

fn all_kinds() -> Vec<Options> {
    let options = |kind| Options { kind, ..Options::default() };
    vec![
        options(Kind::Random),
        Options { priors: true, ..options(Kind::Random) },
        options(Kind::QuasiRandom),
        options(Kind::Grid),
        Options { shuffle: true, ..options(Kind::Grid) },
    ]
}

#[test]
fn every_kind_conforms() {
    for options in all_kinds() {
        let suite = heirloom_plugin_check::strategy(|problem| {
            strategy(options.clone(), problem, &Context::detached())
        });
        let is_fixed = options.kind == Kind::Grid && !options.shuffle;
        if is_fixed { suite.ignores_seed().assert_passed() } else { suite.assert_passed() }
    }
}

#[test]
fn every_kind_gives_the_same_trials_with_any_number_of_workers() {
    let spec: SpaceSpec = serde_json::from_str(
        r#"{"parameter": [{"name": "a", "type": "int", "low": 0, "high": 9},
            {"name": "b", "type": "float", "low": 0, "high": 1, "when": {"parameter": "a", "at_least": 5}},
            {"name": "c", "type": "categorical", "choices": ["x", "y"]}],
            "forbidden": [{"parameter": "a", "is": 3}]}"#,
    )
    .unwrap();
    let space = Arc::new(Space::compile(spec).unwrap());
    let problem = Problem::new(space, Objective { name: "loss".into(), direction: Direction::Minimise });
    for options in all_kinds() {
        let trials = |n_workers| {
            let strategy = strategy(options.clone(), &problem, &Context::detached()).unwrap();
            let mut session = Session::new(strategy, &problem, Seed::from_number(3));
            session.run(40, n_workers, |_, _| Ok(vec![0.0])).unwrap();
            session.proposals
        };
        let expected = trials(1);
        assert_eq!(expected.len(), 40);
        for n_workers in [2, 7, 40] {
            assert_eq!(trials(n_workers), expected, "{options:?}, {n_workers} workers");
        }
    }
}

#[test]
fn a_shuffled_grid_visits_every_configuration_once() {
    let spec: SpaceSpec = serde_json::from_str(
        r#"{"architecture": {"kind": "edge-cell", "n_nodes": 4, "operations": ["a", "b", "c", "d", "e"]}}"#,
    )
    .unwrap();
    let space = Arc::new(Space::compile(spec).unwrap());
    let problem = Problem::new(space, Objective { name: "loss".into(), direction: Direction::Minimise });
    let options = Options { kind: Kind::Grid, shuffle: true, ..Options::default() };
    let mut session = Session::new(
        strategy(options, &problem, &Context::detached()).unwrap(),
        &problem,
        Seed::from_number(4),
    );
    session.run(20_000, 64, |_, _| Ok(vec![0.0])).unwrap();
    let distinct: std::collections::HashSet<_> =
        session.proposals.iter().map(|proposal| &proposal.configuration).collect();
    assert_eq!((session.proposals.len(), distinct.len()), (15_625, 15_625));
}

#[test]
fn the_library_conforms() {
    let library = heirloom_plugin_check::built_library(env!("CARGO_PKG_NAME"));
    heirloom_plugin_check::library(&library).assert_passed();
}
