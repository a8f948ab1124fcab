//! What halving is worth, and what its base sees.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::sync::{Arc, Mutex};

use heirloom_plugin::{
    AskRequest, ComponentError, Context, Direction, Fidelity, FidelityDimension, Objective, Observation,
    Problem, Proposal, Seed, Space, SpaceSpec, Strategy, TrialId,
};
use heirloom_strategy_asha::{Asha, Options, strategy};

const EPOCHS: f64 = 27.0;

fn problem() -> Problem {
    let spec: SpaceSpec = serde_json::from_str(
        r#"{"parameter": [{"name": "x", "type": "float", "low": 0.0, "high": 1.0},
                          {"name": "y", "type": "float", "low": 0.0, "high": 1.0}]}"#,
    )
    .unwrap();
    let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
    let epochs =
        FidelityDimension { name: "epochs".into(), low: 1.0, high: EPOCHS, integer: true, levels: vec![] };
    Problem { fidelities: vec![epochs], ..Problem::new(Arc::new(Space::compile(spec).unwrap()), objective) }
}

/// A loss that falls with the epochs towards what the configuration is worth, at a speed of its own.
fn loss(configuration: &[f64], epochs: f64) -> f64 {
    let (x, y) = (configuration[0], configuration[1]);
    (x - 0.3).powi(2) + (y - 0.6).powi(2) + (0.2 + 0.5 * x) / epochs
}

fn observe(proposal: &Proposal, trial: u64) -> Observation {
    let result = Ok(vec![loss(proposal.configuration.values(), proposal.fidelity.0[0])]);
    Observation {
        trial: TrialId(trial),
        configuration: proposal.configuration.clone(),
        fidelity: proposal.fidelity.clone(),
        result,
        cost_seconds: proposal.fidelity.0[0],
    }
}

/// Plays until `epochs` are spent, one trial at a time; the recommended trial's loss at full size, and all proposals.
fn play(strategy: &mut dyn Strategy, seed: u64, epochs: f64) -> (f64, Vec<Proposal>) {
    let seed = Seed::from_number(seed);
    let mut spent = 0.0;
    let mut proposals: Vec<Proposal> = Vec::new();
    while spent < epochs {
        let first_trial = TrialId(proposals.len() as u64);
        let asked = strategy.ask(&AskRequest { n: 1, first_trial, pending: &[], seed }).unwrap();
        let proposal = asked.into_iter().next().unwrap();
        // A trial that continues another pays for what is new only.
        let before = proposal.continues.map_or(0.0, |trial| proposals[trial.0 as usize].fidelity.0[0]);
        spent += proposal.fidelity.0[0] - before;
        strategy.tell(&[observe(&proposal, first_trial.0)]).unwrap();
        proposals.push(proposal);
    }
    let best = strategy.recommend().unwrap().unwrap();
    (loss(proposals[best.0 as usize].configuration.values(), EPOCHS), proposals)
}

#[test]
fn for_the_same_epochs_it_finds_better_configurations_than_full_evaluations() {
    let problem = problem();
    let play_all = |lowest: f64| {
        let make = || {
            let options = Options { lowest: Some(lowest), ..Options::default() };
            strategy(options, &problem, &Context::detached()).unwrap()
        };
        (0..40).map(|seed| play(&mut *make(), seed, 20.0 * EPOCHS).0).sum::<f64>() / 40.0
    };
    let (halving, full) = (play_all(1.0), play_all(EPOCHS));
    assert!(halving < 0.75 * full, "{halving} with halving, {full} without");
}

#[test]
fn about_one_in_three_goes_on_and_continues_what_it_was() {
    let problem = problem();
    let mut asha = strategy(Options::default(), &problem, &Context::detached()).unwrap();
    let (_, proposals) = play(&mut *asha, 7, 5000.0);
    let of = |epochs: f64| proposals.iter().filter(|proposal| proposal.fidelity.0[0] == epochs).count();
    for (small, large) in [(1.0, 3.0), (3.0, 9.0), (9.0, 27.0)] {
        // A few more than a third: who went on early may be overtaken later.
        let share = of(large) as f64 / of(small) as f64;
        assert!((0.3..0.45).contains(&share), "{} of {}", of(large), of(small));
    }
    for proposal in &proposals {
        let before = proposal.continues.map(|trial| &proposals[trial.0 as usize]);
        assert_eq!(before.is_none(), proposal.fidelity.0[0] == 1.0);
        assert!(before.is_none_or(|before| before.configuration == proposal.configuration
            && before.fidelity.0[0] * 3.0 == proposal.fidelity.0[0]));
    }
}

/// Remembers what it was told.
struct Listener(Arc<Mutex<Vec<Fidelity>>>, Box<dyn Strategy>);

impl Strategy for Listener {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        self.1.ask(request)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        self.0.lock().unwrap().extend(observations.iter().map(|told| told.fidelity.clone()));
        Ok(())
    }
}

#[test]
fn the_base_is_told_of_one_size_only() {
    let problem = problem();
    let told = Arc::default();
    let base = strategy(Options::default(), &problem, &Context::detached()).unwrap();
    let base = Box::new(Listener(Arc::clone(&told), base));
    let mut asha = Asha::new(&problem, &Options::default(), base).unwrap();
    let (_, proposals) = play(&mut asha, 1, 200.0);
    let told = told.lock().unwrap();
    assert!(told.iter().all(|fidelity| fidelity.0 == [1.0]));
    assert_eq!(told.len(), proposals.iter().filter(|proposal| proposal.continues.is_none()).count());
}

#[test]
fn an_unknown_dimension_is_named_with_the_known_ones() {
    let options = Options { dimension: Some("epoch".into()), ..Options::default() };
    let error = strategy(options, &problem(), &Context::detached()).err().unwrap();
    assert!(error.message.contains("no size `epoch`; hint: there is epochs"), "{}", error.message);
}

#[test]
fn a_smallest_size_that_is_not_above_0_is_refused_with_a_remedy() {
    let mut problem = problem();
    problem.fidelities[0] = FidelityDimension { low: 0.0, integer: false, ..problem.fidelities[0].clone() };
    let make = |lowest| strategy(Options { lowest, ..Options::default() }, &problem, &Context::detached());
    for lowest in [None, Some(0.0)] {
        let error = make(lowest).err().unwrap();
        assert!(error.message.contains("hint: set `lowest`"), "{}", error.message);
    }
    assert!(make(Some(0.5)).is_ok());
}
