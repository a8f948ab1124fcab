//! The warm start itself: the trait [`WarmStart`] over the parts that decide.

use std::collections::HashMap;
use std::sync::Arc;

use heirloom_model::{
    AskRequest, ComponentError, Configuration, Fidelity, Observation, PendingTrial, PriorKnowledge,
    PriorObservation, Proposal, Rng, Space, TaskInfluence, TransferSource, TransferredProposal, WarmStart,
    WarmStartReport,
};

use crate::Error;
use crate::guard::{Guard, N_PLAYED, Record, is_due};
use crate::knowledge::{Knowledge, Mode, Options, PastTask};
use crate::landscape::{Landscape, Standing};
use crate::near::prior_weights;
use crate::portfolio::Covered;
use crate::rank::normal_quantile;
use crate::weights::{TaskWeights, consensus};

/// A proposal names so many past tasks.
const MAX_SOURCES: usize = 8;

/// So many trials begin with the best of earlier runs on the same task: what was good there is good here, whatever other
/// tasks say.
const N_OF_OWN: usize = 3;

/// Configurations that inform a strategy: the best expected ones, and as many spread over all ranks.
const N_INFORMED: usize = 32;

/// A warm start from past tasks; see the crate's description for the method.
///
/// A clone is cheap: what was learned of the past tasks is shared.
#[derive(Debug, Clone)]
pub struct Transfer {
    options: Options,
    fidelity: Fidelity,
    tasks: Arc<[PastTask]>,
    landscape: Arc<Landscape>,
    places: Arc<HashMap<Configuration, usize>>,
    weights: TaskWeights,
    /// `None` where the user's word counts alone.
    guard: Option<Guard>,
    /// What has been told.
    record: Record,
    /// New trials that were told. Their numbers count what proxies dropped too, and trials that go on with another one
    /// at a larger size: an own turn that a strategy spends on one of these is still to come.
    n_told: u64,
    taken: Vec<bool>,
    covered: Covered,
    /// Places of the best configurations of earlier runs on the same task.
    best_of_own: Vec<usize>,
}

impl Transfer {
    pub(crate) fn new(knowledge: &Knowledge) -> Result<Self, Error> {
        let space = Space::compile(knowledge.space.clone())?;
        let landscape = Landscape::new(space, &knowledge.tasks);
        let features = knowledge.meta_features.as_ref();
        let prior = prior_weights(&knowledge.tasks, landscape.sketches(), None, features);
        let is_guarded = knowledge.options.mode != Mode::Replace;
        let guard =
            is_guarded.then(|| Guard::new(&landscape, &knowledge.tasks, &prior, knowledge.options.n_initial));
        let candidates = landscape.candidates().iter().cloned().enumerate();
        let places: HashMap<Configuration, usize> =
            candidates.map(|(place, configuration)| (configuration, place)).collect();
        let own = knowledge.tasks.iter().filter(|task| task.is_own);
        let best_of_own = own.flat_map(|task| task.best(N_OF_OWN)).map(|best| places[best]).collect();
        Ok(Self {
            best_of_own,
            options: knowledge.options.clone(),
            fidelity: knowledge.fidelity.clone(),
            tasks: knowledge.tasks.clone().into(),
            places: Arc::new(places),
            taken: vec![false; landscape.candidates().len()],
            covered: Covered::nothing(landscape.all_regrets()),
            weights: TaskWeights::new(prior),
            guard,
            landscape: Arc::new(landscape),
            record: Record::default(),
            n_told: 0,
        })
    }

    /// The share of trials to transfer after the first `trial` ones. Without a guard it is the user's word; else what
    /// the guard allows.
    fn share(&self, trial: u64) -> f64 {
        let beyond = trial >= self.options.n_initial as u64;
        if self.tasks.is_empty() {
            return 0.0;
        }
        let Some(guard) = &self.guard else { return f64::from(u8::from(!beyond)) };
        let Some(policy) = guard.policy.filter(|_| !(beyond && self.options.mode == Mode::Inform)) else {
            return 0.0;
        };
        policy.share(trial, &self.record, &self.weights)
    }

    /// Whether a trial of this size begins with a configuration, and does not go on with one.
    fn is_new(&self, fidelity: &Fidelity) -> bool {
        !is_smaller(&self.fidelity, fidelity)
    }

    /// The weights of the past tasks as the policy takes them, `[t]`.
    fn weights_now(&self) -> Vec<f64> {
        let policy = self.guard.as_ref().and_then(|guard| guard.policy);
        policy.map_or_else(|| self.weights.now(), |policy| policy.weights(&self.weights))
    }

    /// The candidate of the trial after `trial` others: the best of earlier runs on the same task first, then the
    /// portfolio's without a guard and where the policy begins with it.
    fn choose(&self, trial: u64, rng: &mut Rng, covered: &Covered, taken: &[bool]) -> Option<usize> {
        if let Some(&place) = self.best_of_own.get(trial as usize).filter(|&&place| !taken[place]) {
            return Some(place);
        }
        let weights = self.weights_now();
        let free: Vec<usize> = (0..taken.len()).filter(|&place| !taken[place]).collect();
        let policy = match &self.guard {
            Some(guard) => Some(guard.policy?).filter(|policy| !policy.begins(trial)),
            None => None,
        };
        let Some(policy) = policy else {
            let regrets: Vec<&[f64]> = self.landscape.all_regrets().collect();
            return covered.next(&regrets, &weights, &free);
        };
        policy.choose(&free, |place| consensus(self.landscape.scores_of(place), &weights), rng)
    }

    fn proposal(&self, place: usize, covered: &Covered) -> TransferredProposal {
        let configuration = self.landscape.candidates()[place].clone();
        let standings = self.landscape.standings(&configuration);
        let sources = sources(&self.tasks, &self.weights_now(), &standings, covered);
        TransferredProposal { proposal: Proposal::new(configuration, self.fidelity.clone()), sources }
    }
}

impl WarmStart for Transfer {
    fn knowledge(&mut self) -> Result<Option<PriorKnowledge>, ComponentError> {
        if self.options.mode != Mode::Inform || self.tasks.is_empty() {
            return Ok(None);
        }
        let Some(guard) = self.guard.as_ref().filter(|guard| guard.follows_at_once()) else {
            return Ok(None);
        };
        let of = |place: usize| consensus(self.landscape.scores_of(place), self.weights.prior());
        let expected: Vec<f64> = (0..self.landscape.candidates().len()).map(of).collect();
        let mut order: Vec<usize> = (0..expected.len()).collect();
        order.sort_by(|&a, &b| expected[a].total_cmp(&expected[b]));
        let (best, rest) = order.split_at(N_INFORMED.min(order.len()));
        let spread = rest.iter().step_by((rest.len() / N_INFORMED).max(1));
        let weight = guard.trust();
        let observation = |&place: &usize| PriorObservation {
            configuration: self.landscape.candidates()[place].clone(),
            score: normal_quantile(expected[place]),
            weight,
        };
        Ok(Some(PriorKnowledge { observations: best.iter().chain(spread).map(observation).collect() }))
    }

    fn propose(&mut self, request: &AskRequest<'_>) -> Result<Vec<TransferredProposal>, ComponentError> {
        let is_new = |pending: &&PendingTrial| self.is_new(&pending.fidelity);
        let n_begun = self.n_told + request.pending.iter().filter(is_new).count() as u64;
        let trials = (0..request.n).map(|index| n_begun + index as u64);
        let is_own = |trial: u64| (trial as usize) < self.best_of_own.len();
        let due: Vec<u64> =
            trials.filter(|&trial| is_own(trial) || is_due(trial, self.share(trial))).collect();
        let (mut covered, mut taken) = (self.covered.clone(), self.taken.clone());
        for pending in request.pending {
            covered.add(&self.landscape.standings(&pending.configuration));
            if let Some(&place) = self.places.get(&pending.configuration) {
                taken[place] = true;
            }
        }
        let mut proposals = Vec::with_capacity(due.len());
        for (index, trial) in due.into_iter().enumerate() {
            let chosen = self.choose(trial, &mut request.rng(index), &covered, &taken);
            let Some(place) = chosen else { break };
            proposals.push(self.proposal(place, &covered));
            covered.add(&self.landscape.standings(&self.landscape.candidates()[place]));
            taken[place] = true;
        }
        Ok(proposals)
    }

    fn tell(&mut self, observations: &[Observation], transferred: &[bool]) -> Result<(), ComponentError> {
        for (observation, &transferred) in observations.iter().zip(transferred) {
            self.n_told += u64::from(self.is_new(&observation.fidelity));
            let objective = observation.objective().unwrap_or(f64::INFINITY);
            // Evaluations of another size rank differently; they are judged by the strategies that asked for them.
            if observation.fidelity != self.fidelity {
                if !transferred && is_smaller(&observation.fidelity, &self.fidelity) {
                    self.record.tell_small(objective);
                }
                continue;
            }
            let standings = self.landscape.standings(&observation.configuration);
            self.weights.tell(objective, standings.iter().map(|standing| standing.score).collect());
            self.covered.add(&standings);
            self.record.tell(objective, transferred);
            if let Some(&place) = self.places.get(&observation.configuration) {
                self.taken[place] = true;
            }
        }
        Ok(())
    }

    fn report(&self) -> WarmStartReport {
        let now = self.weights_now();
        let influence = |(place, task): (usize, &PastTask)| TaskInfluence {
            task: task.key.clone(),
            prior_weight: self.weights.prior()[place],
            weight: now[place],
            rank_agreement: self.weights.rank_agreement(place),
            n_evaluations: task.n_evaluations,
        };
        let mut tasks: Vec<TaskInfluence> = self.tasks.iter().enumerate().map(influence).collect();
        tasks.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        let transfer_share = self.share(self.n_told);
        WarmStartReport { tasks, transfer_share, notes: self.notes(transfer_share) }
    }
}

impl Transfer {
    fn notes(&self, share: f64) -> Vec<String> {
        if self.tasks.is_empty() {
            return vec!["the archive holds no past task with this space; the search starts cold".into()];
        }
        let mut notes = vec![match &self.guard {
            None => "the initial design is the past tasks' portfolio, whether it helps or not".into(),
            Some(Guard { n_checked: 0, .. }) => {
                "fewer than two past tasks of ten trials or more: nothing to check their word against, so it is \
                 followed with care"
                    .into()
            }
            Some(Guard { n_checked: n, policy: None, .. }) => format!(
                "each of {n} past tasks was searched as if it were the new one: following the others does not \
                 surely help, so none is followed"
            ),
            Some(Guard { n_checked: n, worth, policy: Some(policy), .. }) if policy.listens() => format!(
                "each of {n} past tasks was searched as if it were the new one: following the others from the first \
                 trial on does not surely help, so {} trials are the strategy's own, and tasks that rank these alike are \
                 followed; that finds in {N_PLAYED} trials what takes a cold search {worth:.1} times as many",
                policy.n_own
            ),
            Some(Guard { n_checked: n, worth, .. }) => format!(
                "each of {n} past tasks was searched as if it were the new one: following the others finds in \
                 {N_PLAYED} trials what takes a cold search {worth:.1} times as many"
            ),
        }];
        if let Some(own) = self.tasks.iter().find(|task| task.is_own) {
            notes.push(format!(
                "{} evaluations of this very task are known: the best of them come first",
                own.n_evaluations
            ));
        }
        let outcome = |trials: &[f64]| (trials.len(), trials.iter().copied().fold(f64::INFINITY, f64::min));
        let (n_warm, warm) = outcome(&self.record.transferred);
        let (n_cold, cold) = outcome(&self.record.own);
        if n_warm > 0 && n_cold > 0 {
            let verdict = match warm.total_cmp(&cold) {
                std::cmp::Ordering::Less => "the best trial so far was transferred",
                std::cmp::Ordering::Equal => "transferred and own trials are level",
                std::cmp::Ordering::Greater => "the best trial so far is the strategy's own",
            };
            notes.push(format!("{n_warm} transferred and {n_cold} own trials of one size: {verdict}"));
        }
        notes.push(format!("{:.0} % of the next trials would be transferred", 100.0 * share));
        notes
    }
}

fn is_smaller(fidelity: &Fidelity, other: &Fidelity) -> bool {
    fidelity != other && fidelity.0.iter().zip(&other.0).all(|(own, other)| own <= other)
}

/// Each task's part in a choice: its weight times what the configuration gains on it; where nothing is gained any
/// more, its weight times how well the configuration stands there.
fn sources(
    tasks: &[PastTask],
    weights: &[f64],
    standings: &[Standing],
    covered: &Covered,
) -> Vec<TransferSource> {
    let gains = covered.gains(standings);
    let gained = gains.iter().zip(weights).any(|(gain, weight)| gain * weight > 0.0);
    let source = |place: usize| {
        let expected_rank = normal_quantile(standings[place].score);
        let part = if gained { gains[place] } else { 1.0 - expected_rank };
        TransferSource { task: tasks[place].key.clone(), weight: weights[place] * part, expected_rank }
    };
    let mut sources: Vec<TransferSource> = (0..tasks.len()).map(source).collect();
    sources.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    sources.truncate(MAX_SOURCES);
    sources.retain(|source| source.weight > 0.0);
    let total: f64 = sources.iter().map(|source| source.weight).sum();
    sources.iter_mut().for_each(|source| source.weight /= total);
    sources
}

#[cfg(test)]
mod tests {
    use heirloom_model::{Direction, Objective, Problem, Seed, SpaceSpec, TrialId};

    use super::*;
    use crate::guard::Policy;

    /// Two past tasks, one of which is best at 0.1 and one at 0.9, and both are content with 0.5.
    fn torn() -> Transfer {
        let spec: SpaceSpec =
            serde_json::from_str(r#"{"parameter": [{"name": "x", "type": "float", "low": 0, "high": 1}]}"#)
                .unwrap();
        let space = Arc::new(Space::compile(spec).unwrap());
        let problem = Problem::new(space, Objective { name: "loss".into(), direction: Direction::Minimise });
        let configurations: Vec<_> = (0..=10).map(|x| Configuration::new([f64::from(x) / 10.0])).collect();
        let past = |key: &str, best: f64| PastTask {
            key: key.into(),
            name: key.into(),
            meta_features: None,
            objectives: configurations.iter().map(|c| Some((c.values()[0] - best).powi(2))).collect(),
            configurations: configurations.clone(),
            n_evaluations: configurations.len(),
            is_own: false,
        };
        let tasks = vec![past("low", 0.1), past("high", 0.9)];
        Knowledge::new(&problem, None, tasks, Options::default()).unwrap().warm_start().unwrap()
    }

    #[test]
    fn a_strategy_is_told_nothing_where_the_guard_follows_nobody() {
        let mut transfer = torn();
        transfer.options.mode = Mode::Inform;
        assert!(transfer.guard.as_ref().unwrap().policy.is_none(), "each would mislead the other");
        assert!(transfer.knowledge().unwrap().is_none());
        let policy = Policy { n_draws: None, share: 1.0, n_from_portfolio: 0, n_own: 0, n_initial: 10 };
        transfer.guard.as_mut().unwrap().policy = Some(policy);
        assert!(transfer.knowledge().unwrap().is_some());
    }

    /// With nearly all transferred the fifth new trial is the strategy's own.
    #[test]
    fn an_own_turn_is_not_used_up_by_what_proxies_dropped_or_by_trials_that_go_on() {
        let mut transfer = torn();
        transfer.fidelity = Fidelity(vec![1.0]);
        let policy = Policy { n_draws: None, share: 0.95, n_from_portfolio: 0, n_own: 0, n_initial: 10 };
        transfer.guard.as_mut().unwrap().policy = Some(policy);
        let mut number = 0;
        let mut proposed = |transfer: &mut Transfer| {
            // Two of three proposals are dropped.
            number += 3;
            let seed = Seed::from_number(1);
            let request = AskRequest { n: 1, first_trial: TrialId(number), pending: &[], seed };
            transfer.propose(&request).unwrap().pop()
        };
        let told = |transfer: &mut Transfer, configuration: Configuration, size: f64, transferred: bool| {
            let observation = Observation {
                trial: TrialId(0),
                configuration,
                fidelity: Fidelity(vec![size]),
                result: Ok(vec![if transferred { 0.0 } else { 1.0 }]),
                cost_seconds: 1.0,
            };
            transfer.tell(&[observation], &[transferred]).unwrap();
        };
        for _ in 0..4 {
            let transferred = proposed(&mut transfer).expect("nearly all are transferred");
            told(&mut transfer, transferred.proposal.configuration, 1.0, true);
        }
        assert!(proposed(&mut transfer).is_none());
        for size in [3.0, 9.0] {
            told(&mut transfer, Configuration::new([0.5]), size, false);
            assert!(proposed(&mut transfer).is_none(), "the strategy went on with another trial");
        }
        told(&mut transfer, Configuration::new([0.3]), 1.0, false);
        assert!(proposed(&mut transfer).is_some());
    }

    #[test]
    fn the_first_transferred_trials_are_the_portfolios_where_the_policy_says_so() {
        let proposed = |n_from_portfolio| {
            let mut transfer = torn();
            let policy = Policy { n_draws: None, share: 1.0, n_from_portfolio, n_own: 0, n_initial: 10 };
            transfer.guard.as_mut().unwrap().policy = Some(policy);
            // All in one ask: each trial counts by its own number.
            let seed = Seed::from_number(1);
            let request = AskRequest { n: 4, first_trial: TrialId(0), pending: &[], seed };
            let proposals = transfer.propose(&request).unwrap();
            proposals.iter().map(|proposed| proposed.proposal.configuration.values()[0]).collect::<Vec<_>>()
        };
        let mut transfer = torn();
        transfer.guard = None;
        let request = AskRequest { n: 4, first_trial: TrialId(0), pending: &[], seed: Seed::from_number(1) };
        let portfolio: Vec<_> = transfer
            .propose(&request)
            .unwrap()
            .iter()
            .map(|proposed| proposed.proposal.configuration.values()[0])
            .collect();
        let consensus = proposed(0);
        assert_ne!(consensus[..3], portfolio[..3]);
        let both = proposed(3);
        assert_eq!(both[..3], portfolio[..3]);
        assert_eq!(both[3], *consensus.iter().find(|x| !portfolio[..3].contains(x)).unwrap());
    }
}
