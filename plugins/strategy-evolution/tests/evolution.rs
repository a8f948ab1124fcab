//! The properties that make the search regularised evolution.

#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

use std::sync::Arc;

use heirloom_plugin::{
    Configuration, Context, Direction, FailureKind, Objective, PriorKnowledge, PriorObservation, Problem,
    Seed, Space, TrialId, json,
};
use heirloom_plugin_check::Session;
use heirloom_strategy_evolution::{Options, strategy};

fn cells() -> Problem {
    let spec =
        json!({"architecture": {"kind": "edge-cell", "n_nodes": 4, "operations": ["a", "b", "c", "d", "e"]}});
    let space = Space::compile(serde_json::from_value(spec).unwrap()).unwrap();
    Problem::new(Arc::new(space), Objective { name: "loss".into(), direction: Direction::Minimise })
}

fn session<'a>(problem: &'a Problem, population: usize, tournament: usize, seed: u64) -> Session<'a> {
    let options = Options { population, tournament, ..Options::default() };
    let strategy = strategy(options, problem, &Context::detached()).unwrap();
    Session::new(strategy, problem, Seed::from_number(seed))
}

/// Evaluates one trial at a time with the objectives given.
fn tell_all(session: &mut Session<'_>, results: &[Result<f64, FailureKind>]) {
    for result in results {
        session.ask(1).unwrap();
        session.finish(0, |_, _| result.map(|objective| vec![objective])).unwrap();
    }
}

#[test]
fn the_oldest_member_dies_however_good_it_is() {
    let problem = cells();
    for seed in 0..20 {
        let mut session = session(&problem, 3, 3, seed);
        tell_all(&mut session, &[Ok(0.0), Ok(10.0), Ok(20.0), Ok(30.0)]);
        session.ask(50).unwrap();
        let parents: Vec<_> = session.proposals[4..].iter().map(|proposal| proposal.parent).collect();
        assert!(parents.iter().all(|parent| parent.is_some_and(|parent| parent > TrialId(0))), "{parents:?}");
        // The best of those left wins most tournaments, not all: members are drawn with replacement.
        let wins = parents.iter().filter(|parent| **parent == Some(TrialId(1))).count();
        assert!((20..50).contains(&wins), "{wins} of 50");
    }
}

#[test]
fn the_first_members_are_random_and_children_differ_from_their_parent_in_one_edge() {
    let problem = cells();
    let mut session = session(&problem, 10, 3, 1);
    session.run(100, 4, |configuration, _| Ok(vec![configuration.values().iter().sum()])).unwrap();
    assert!(session.proposals[..10].iter().all(|proposal| proposal.parent.is_none()));
    for child in &session.proposals[10..] {
        let parent = &session.proposals[child.parent.unwrap().0 as usize].configuration;
        let values = child.configuration.values().iter().zip(parent.values());
        assert_eq!(values.filter(|(child, parent)| child != parent).count(), 1);
    }
}

#[test]
fn a_failed_trial_never_becomes_a_parent() {
    let problem = cells();
    let mut session = session(&problem, 3, 2, 2);
    let crashed = Err(FailureKind::Crashed);
    tell_all(&mut session, &[Ok(1.0), crashed, Ok(2.0), crashed, Ok(3.0), crashed]);
    session.ask(50).unwrap();
    let parents = session.proposals[6..].iter().map(|proposal| proposal.parent.unwrap().0);
    assert!(parents.into_iter().all(|parent| [0, 2, 4].contains(&parent)));
}

#[test]
fn distinct_children_do_not_repeat() {
    let problem = cells();
    let options = Options { distinct: true, ..Options::default() };
    let strategy = strategy(options, &problem, &Context::detached()).unwrap();
    let mut session = Session::new(strategy, &problem, Seed::from_number(3));
    session.run(300, 1, |configuration, _| Ok(vec![configuration.values().iter().sum()])).unwrap();
    let children: Vec<_> = session.proposals[30..].iter().map(|proposal| &proposal.configuration).collect();
    let distinct: std::collections::HashSet<_> = children.iter().collect();
    assert_eq!(distinct.len(), children.len());
}

#[test]
fn expected_configurations_come_first_as_far_as_they_are_trusted() {
    let problem = cells();
    let expected: Vec<_> =
        (0..5).map(|operation| Configuration::new(vec![f64::from(operation); 6])).collect();
    let first = |weight| {
        let mut session = session(&problem, 10, 3, 4);
        // Given from the worst, operation 0 everywhere, to the best.
        let prior = |(rank, configuration): (usize, &Configuration)| PriorObservation {
            configuration: configuration.clone(),
            score: 1.0 - rank as f64 / 5.0,
            weight,
        };
        let knowledge = PriorKnowledge { observations: expected.iter().enumerate().map(prior).collect() };
        assert_eq!(session.strategy().inform(&knowledge), Ok(true));
        session.ask(10).unwrap();
        session.proposals.iter().map(|proposal| proposal.configuration.clone()).collect::<Vec<_>>()
    };
    let trusted = first(1e12);
    assert!(trusted[..5].iter().eq(expected.iter().rev()), "{:?}", &trusted[..5]);
    assert!(first(0.0).iter().all(|configuration| !expected.contains(configuration)));
}
