//! The properties that make the search the published local search.

#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

use std::collections::HashSet;
use std::sync::Arc;

use heirloom_plugin::{
    Configuration, Context, Direction, FailureKind, Fidelity, Objective, Observation, PriorKnowledge,
    PriorObservation, Problem, Seed, Space, TrialId, json,
};
use heirloom_plugin_check::Session;
use heirloom_strategy_local_search::{Move, Options, strategy};

/// Six edges with five operations: 24 neighbours each.
fn cells() -> Problem {
    let spec =
        json!({"architecture": {"kind": "edge-cell", "n_nodes": 4, "operations": ["a", "b", "c", "d", "e"]}});
    let space = Space::compile(serde_json::from_value(spec).unwrap()).unwrap();
    Problem::new(Arc::new(space), Objective { name: "loss".into(), direction: Direction::Minimise })
}

fn session(problem: &Problem, n_starts: usize, moves: Move) -> Session<'_> {
    let strategy = strategy(Options { n_starts, moves }, problem, &Context::detached()).unwrap();
    Session::new(strategy, problem, Seed::from_number(1))
}

/// Without local optima: every edge wants operation `d`, and edges differ in weight.
fn slope(configuration: &Configuration, _: &Fidelity) -> Result<Vec<f64>, FailureKind> {
    let edges = configuration.values().iter().zip(1..);
    Ok(vec![edges.map(|(operation, weight)| f64::from(weight) * (operation - 3.0).powi(2)).sum()])
}

fn best_trial(session: &Session<'_>, trials: std::ops::Range<usize>) -> TrialId {
    let told = session.observations.iter().filter(|told| trials.contains(&(told.trial.0 as usize)));
    let best = told.min_by(|a, b| a.objective().unwrap().total_cmp(&b.objective().unwrap()));
    best.unwrap().trial
}

#[test]
fn the_climb_starts_at_the_best_draw_and_moves_to_the_best_of_all_neighbours() {
    let problem = cells();
    let mut session = session(&problem, 3, Move::Best);
    session.run(60, 1, slope).unwrap();
    assert!(session.proposals[..3].iter().all(|proposal| proposal.parent.is_none()));
    let parents: Vec<_> = session.proposals[3..].iter().filter_map(|proposal| proposal.parent).collect();
    assert_eq!(parents.len(), 57);
    let start = best_trial(&session, 0..3);
    let n_neighbours = parents.iter().take_while(|parent| **parent == start).count();
    // All 24, less those among the three draws.
    assert!((22..=24).contains(&n_neighbours), "{n_neighbours}");
    assert_eq!(parents[n_neighbours], best_trial(&session, 0..3 + n_neighbours));
}

#[test]
fn nothing_is_evaluated_twice_over_many_restarts() {
    let problem = cells();
    for (moves, n_workers) in [(Move::Best, 1), (Move::First, 1), (Move::Best, 9)] {
        let mut session = session(&problem, 5, moves);
        let rugged = |configuration: &Configuration, _: &Fidelity| {
            let hash = configuration.values().iter().fold(7.0, |hash, value| (hash * 31.0 + value) % 101.0);
            Ok(vec![hash])
        };
        session.run(1_000, n_workers, rugged).unwrap();
        let starts = session.proposals.iter().filter(|proposal| proposal.parent.is_none()).count();
        assert!(starts > 20, "{starts} draws: the landscape has many local optima");
        let distinct: HashSet<_> = session.proposals.iter().map(|proposal| &proposal.configuration).collect();
        assert_eq!(distinct.len(), 1_000);
    }
}

#[test]
fn first_moves_as_soon_as_a_neighbour_is_better() {
    let problem = cells();
    let mut session = session(&problem, 1, Move::First);
    session.run(60, 1, slope).unwrap();
    let objective = |trial: usize| session.observations[trial].objective().unwrap();
    let mut centre = 0;
    for (trial, proposal) in session.proposals.iter().enumerate().skip(1) {
        match proposal.parent {
            None => break,
            Some(parent) => assert_eq!(parent.0 as usize, centre, "trial {trial}"),
        }
        if objective(trial) < objective(centre) {
            centre = trial;
        }
    }
    assert!(objective(centre) < 3.0, "{}", objective(centre));
}

#[test]
fn idle_workers_draw_for_the_next_restart_and_the_climb_goes_on() {
    let problem = cells();
    let mut session = session(&problem, 2, Move::Best);
    session.run(2, 1, slope).unwrap();
    session.ask(40).unwrap();
    let climbing = session.proposals[2..].iter().filter(|proposal| proposal.parent.is_some()).count();
    assert!((22..=24).contains(&climbing), "{climbing}");
    // The neighbours end, the draws do not: the climb moves on.
    for _ in 0..climbing {
        session.finish(0, slope).unwrap();
    }
    let centre = best_trial(&session, 0..2 + climbing);
    session.ask(1).unwrap();
    assert_eq!(session.proposals.last().unwrap().parent, Some(centre));
}

/// A warm start's trials are draws that somebody else made: the climb starts at the best of all.
#[test]
fn what_somebody_else_proposed_counts_among_the_draws() {
    let problem = cells();
    let mut session = session(&problem, 3, Move::Best);
    let good = Configuration::new([3.0, 3.0, 3.0, 3.0, 3.0, 2.0]);
    let foreign = session.foreign_trial(good.clone());
    let observation = Observation {
        trial: foreign.id,
        configuration: good.clone(),
        fidelity: foreign.fidelity,
        result: Ok(slope(&good, &Fidelity::default()).unwrap()),
        cost_seconds: 1.0,
    };
    session.tell(vec![observation]).unwrap();
    session.run(3, 1, slope).unwrap();
    let parents: Vec<_> = session.proposals.iter().map(|proposal| proposal.parent).collect();
    assert_eq!(parents, [None, None, Some(foreign.id)]);
}

#[test]
fn trusted_expectations_are_where_the_climb_starts() {
    let problem = cells();
    let mut session = session(&problem, 2, Move::Best);
    let configuration = |operation| Configuration::new(vec![operation; 6]);
    let prior =
        |operation, score| PriorObservation { configuration: configuration(operation), score, weight: 1e12 };
    let knowledge = PriorKnowledge { observations: vec![prior(1.0, 0.5), prior(3.0, 0.1), prior(2.0, 0.2)] };
    assert_eq!(session.strategy().inform(&knowledge), Ok(true));
    session.run(10, 1, slope).unwrap();
    assert_eq!(session.proposals[0].configuration, configuration(3.0));
    assert_eq!(session.proposals[1].configuration, configuration(2.0));
    assert!(session.proposals[2..].iter().all(|proposal| proposal.parent == Some(TrialId(0))));
}
