//! The crate's promises, on a family of tasks small enough to see through.
//!
//! A task is a bowl over four parameters with its bottom at `centre`; tasks of a kind have their bottoms close
//! together, and one meta-feature tells the kinds apart.

use std::sync::Arc;

use heirloom_model::{
    AskRequest, Configuration, Direction, FailureKind, Objective, Observation, Problem, Rng, Seed, Space,
    SpaceSpec, TransferredProposal, TrialId, WarmStart,
};

use crate::{Error, Knowledge, MetaFeatures, Mode, Options, PastTask, Transfer};

const KINDS: [[f64; 4]; 2] = [[0.8, 0.2, 0.7, 0.3], [0.2, 0.9, 0.1, 0.8]];

fn problem() -> Problem {
    let parameters = ["a", "b", "c", "d"]
        .map(|name| serde_json::json!({ "name": name, "type": "float", "low": 0.0, "high": 1.0 }));
    let spec: SpaceSpec = serde_json::from_value(serde_json::json!({ "parameter": parameters })).unwrap();
    let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
    Problem::new(Arc::new(Space::compile(spec).unwrap()), objective)
}

fn loss(centre: &[f64; 4], configuration: &Configuration) -> f64 {
    configuration.values().iter().zip(centre).map(|(x, c)| (x - c).powi(2)).sum()
}

fn near(kind: usize, rng: &mut Rng) -> [f64; 4] {
    KINDS[kind].map(|c| (c + 0.05 * rng.normal()).clamp(0.0, 1.0))
}

fn features(kind: usize) -> MetaFeatures {
    [("Kind".to_owned(), kind as f64)].into()
}

/// A rank by one parameter that has nothing to do with [`loss`].
fn wave(configuration: &Configuration, place: usize) -> f64 {
    (100.0 * configuration.values()[place]).sin()
}

/// Sixty random runs on a task.
fn past(
    key: &str,
    kind: usize,
    rng: &mut Rng,
    objective: impl Fn(&[f64; 4], &Configuration) -> f64,
) -> PastTask {
    let (problem, centre) = (problem(), near(kind, rng));
    let configurations: Vec<_> = (0..60).map(|_| problem.space.sample(rng).unwrap()).collect();
    let objectives =
        configurations.iter().map(|configuration| Some(objective(&centre, configuration))).collect();
    let meta_features = Some([("Kind".to_owned(), kind as f64 + 0.1 * rng.normal())].into());
    PastTask {
        key: key.into(),
        name: key.into(),
        meta_features,
        configurations,
        objectives,
        n_evaluations: 60,
        is_own: false,
    }
}

/// Three past tasks of each kind.
fn archive(seed: u64) -> Vec<PastTask> {
    let mut rng = Seed::from_number(seed).derive("archive", 0).rng();
    (0..6).map(|task| past(&format!("task-{task}"), task % 2, &mut rng, loss)).collect()
}

fn transfer(tasks: Vec<PastTask>, mode: Mode) -> Transfer {
    let options = Options { mode, ..Default::default() };
    Knowledge::new(&problem(), Some(features(0)), tasks, options).unwrap().warm_start().unwrap()
}

fn request(trial: u64, seed: Seed) -> AskRequest<'static> {
    AskRequest { n: 1, first_trial: TrialId(trial), pending: &[], seed }
}

fn observation(trial: u64, configuration: Configuration, result: Result<f64, FailureKind>) -> Observation {
    let (trial, fidelity) = (TrialId(trial), problem().full_fidelity());
    Observation { trial, configuration, fidelity, result: result.map(|value| vec![value]), cost_seconds: 0.0 }
}

/// Best loss after `n` trials on a task of the first kind, random search filling up; and how many were transferred.
fn search(
    warm: &mut dyn WarmStart,
    n: u64,
    seed: u64,
    objective: impl Fn(&[f64; 4], &Configuration) -> f64,
) -> (f64, usize) {
    let seed = Seed::from_number(seed);
    let centre = near(0, &mut seed.derive("task", 0).rng());
    let (mut best, mut n_transferred) = (f64::INFINITY, 0);
    for trial in 0..n {
        let transferred = warm.propose(&request(trial, seed)).unwrap().pop();
        let is_transferred = transferred.is_some();
        n_transferred += usize::from(is_transferred);
        let configuration = transferred.map_or_else(
            || problem().space.sample(&mut request(trial, seed.derive("cold", 0)).rng(0)).unwrap(),
            |transferred| transferred.proposal.configuration,
        );
        let value = objective(&centre, &configuration);
        best = best.min(value);
        warm.tell(&[observation(trial, configuration, Ok(value))], &[is_transferred]).unwrap();
    }
    (best, n_transferred)
}

const N_SEEDS: u64 = 20;

fn mean_best(archive_of: impl Fn(u64) -> Vec<PastTask>) -> f64 {
    let best = |seed| search(&mut transfer(archive_of(seed), Mode::Seed), 10, seed, loss).0;
    (0..N_SEEDS).map(best).sum::<f64>() / N_SEEDS as f64
}

/// Fails when the archive is emptied, when its results are shuffled between tasks, and when it is ignored (which is
/// what an emptied one comes to).
#[test]
fn ten_trials_with_the_archive_beat_ten_without_and_ten_with_it_shuffled() {
    let warm = mean_best(archive);
    let cold = mean_best(|_| Vec::new());
    let shuffled = mean_best(|seed| {
        let mut tasks = archive(seed);
        // Each task gets the other kind's meta-features, and all results their neighbour's place.
        let last = tasks.len() - 1;
        let columns: Vec<_> = tasks.iter().map(|task| task.objectives.clone()).collect();
        for (place, task) in tasks.iter_mut().enumerate() {
            task.objectives.clone_from(&columns[last - place]);
            task.meta_features = Some(features((place + 1) % 2));
        }
        tasks
    });
    // Cold is about 0.10 with a standard error of 0.01; warm about a third of it.
    assert!(warm < 0.6 * cold, "warm {warm}, cold {cold}");
    assert!(warm < 0.6 * shuffled, "warm {warm}, shuffled {shuffled}");
}

#[test]
fn the_same_knowledge_makes_the_same_proposals_also_when_read_back() {
    let knowledge = Knowledge::new(&problem(), Some(features(0)), archive(1), Options::default()).unwrap();
    let text = serde_json::to_string(&knowledge).unwrap();
    let read: Knowledge = serde_json::from_str(&text).unwrap();
    assert_eq!(read, knowledge);
    let first = search(&mut knowledge.warm_start().unwrap(), 12, 3, loss);
    assert_eq!(first, search(&mut read.warm_start().unwrap(), 12, 3, loss));
    assert!(first.1 > 0);
}

/// Each task once had its configurations written out with it.
#[test]
fn knowledge_that_an_earlier_version_wrote_is_read() {
    let knowledge = Knowledge::new(&problem(), Some(features(0)), archive(1), Options::default()).unwrap();
    let mut written = serde_json::to_value(&knowledge).unwrap();
    let table = written.as_object_mut().unwrap();
    assert!(table.remove("configurations").is_some());
    table["tasks"] = serde_json::to_value(&knowledge.tasks).unwrap();
    assert_eq!(serde_json::from_value::<Knowledge>(written.clone()).unwrap(), knowledge);
    written["tasks"][2]["objectives"].as_array_mut().unwrap().pop();
    let error = serde_json::from_value::<Knowledge>(written).unwrap_err().to_string();
    assert!(error.contains("task-2"), "{error}");
}

#[test]
fn past_tasks_that_contradict_one_another_leave_the_search_cold() {
    let mut rng = Seed::from_number(5).rng();
    let against = |centre: &[f64; 4], configuration: &Configuration| -loss(centre, configuration);
    let tasks = vec![past("for", 0, &mut rng, loss), past("against", 0, &mut rng, against)];
    let mut warm = transfer(tasks, Mode::Seed);
    assert_eq!(warm.report().transfer_share, 0.0);
    assert_eq!(search(&mut warm, 10, 0, loss), search(&mut transfer(Vec::new(), Mode::Seed), 10, 0, loss));
}

/// Past tasks of which half mislead, and nothing that tells them apart but the run's own trials.
#[test]
fn where_past_tasks_mislead_one_another_own_trials_tell_whom_to_follow() {
    type Ranking = fn(&[f64; 4], &Configuration) -> f64;
    let against: Ranking = |centre, configuration| -loss(centre, configuration);
    let waves: [Ranking; 3] = [|_, c| wave(c, 0), |_, c| wave(c, 1), |_, c| wave(c, 2)];
    let rankings = [loss, loss, loss, loss, against, waves[0], waves[1], waves[2]];
    let archive = |seed: u64| {
        let mut rng = Seed::from_number(seed).derive("mixed", 0).rng();
        let mut past = |(task, ranking): (usize, Ranking)| PastTask {
            meta_features: None,
            ..past(&task.to_string(), 0, &mut rng, ranking)
        };
        rankings.into_iter().enumerate().map(&mut past).collect::<Vec<_>>()
    };
    let warm_starts: Vec<Transfer> =
        (0..N_SEEDS / 2).map(|seed| transfer(archive(seed), Mode::Seed)).collect();
    // Best loss warm and cold, and trials transferred, in the mean over the archives.
    let searched = |objective: Ranking| {
        let mut sums = [0.0; 3];
        for (seed, warm) in (0..).zip(&warm_starts) {
            assert_eq!(search(&mut warm.clone(), 5, seed, objective).1, 0, "own trials first");
            let (best, n_transferred) = search(&mut warm.clone(), 30, seed, objective);
            let (cold, _) = search(&mut transfer(Vec::new(), Mode::Seed), 30, seed, objective);
            sums.iter_mut().zip([best, cold, n_transferred as f64]).for_each(|(sum, value)| *sum += value);
        }
        sums.map(|sum| sum / warm_starts.len() as f64)
    };
    let [warm, cold, n_right] = searched(loss);
    assert!(warm < 0.5 * cold, "warm {warm}, cold {cold}");
    let [.., n_wrong] = searched(|_, configuration| wave(configuration, 3));
    assert!(
        n_wrong < 0.3 * n_right,
        "{n_wrong} transferred where nobody ranks alike, {n_right} where half do"
    );
}

/// What is known of them is next to nothing, and they are many.
#[test]
fn crowds_of_past_tasks_that_tell_nothing_change_nothing_and_small_ones_little() {
    let crowded = |n_each: usize, of: fn(&[f64; 4], &Configuration) -> f64| {
        mean_best(|seed| {
            let mut rng = Seed::from_number(seed).derive("crowd", 0).rng();
            let mut crowd = |place: usize| {
                let mut small = past(&format!("a-{place}"), place % 2, &mut rng, of);
                small.configurations.truncate(n_each);
                small.objectives.truncate(n_each);
                small
            };
            let crowd: Vec<_> = (0..24).map(&mut crowd).collect();
            crowd.into_iter().chain(archive(seed)).collect()
        })
    };
    let alone = mean_best(archive);
    assert_eq!(crowded(1, loss), alone, "one trial each");
    assert_eq!(crowded(30, |_, _| 0.5), alone, "all alike");
    let few = crowded(2, loss);
    let cold = mean_best(|_| Vec::new());
    assert!(few < 0.6 * cold, "{few} beside {alone} without the crowd and {cold} cold");
}

#[test]
fn a_configuration_that_mostly_fails_is_no_good_one() {
    let mut rng = Seed::from_number(6).rng();
    let mut task = past("one", 0, &mut rng, loss);
    let lucky = Configuration::new([0.5; 4]);
    for run in 0..10 {
        task.configurations.push(lucky.clone());
        task.objectives.push((run == 7).then_some(-1.0));
    }
    let mut warm = transfer(vec![task.clone(), PastTask { key: "two".into(), ..task }], Mode::Replace);
    let first = warm.propose(&AskRequest { n: 10, ..request(0, Seed::from_number(0)) }).unwrap();
    assert_eq!(first.len(), 10);
    assert!(first.iter().all(|transferred| transferred.proposal.configuration != lucky));
}

#[test]
fn the_share_falls_where_agreeing_past_tasks_mislead_and_costs_little() {
    let against = |centre: &[f64; 4], configuration: &Configuration| -loss(centre, configuration);
    let (mut warm_sum, mut cold_sum) = (0.0, 0.0);
    for seed in 0..N_SEEDS {
        let mut rng = Seed::from_number(seed).rng();
        let tasks: Vec<_> = (0..4).map(|task| past(&task.to_string(), 0, &mut rng, loss)).collect();
        let mut warm = transfer(tasks, Mode::Seed);
        let before = warm.report().transfer_share;
        // Two trials more than cold: what the first mistakes may cost.
        warm_sum += search(&mut warm, 40, seed, against).0;
        cold_sum += search(&mut transfer(Vec::new(), Mode::Seed), 20, seed, against).0;
        assert!(warm.report().transfer_share < 0.5 * before, "seed {seed}: {:?}", warm.report());
    }
    assert!(warm_sum < cold_sum, "40 misled trials {warm_sum}, 20 cold {cold_sum}");
}

#[test]
fn weights_sum_to_one_and_follow_meta_features_and_then_trials() {
    let mut warm = transfer(archive(2), Mode::Replace);
    let of_kind = |warm: &Transfer, kind: usize| -> f64 {
        let report = warm.report();
        let total: f64 = report.tasks.iter().map(|task| task.weight).sum();
        assert!((total - 1.0).abs() < 1e-9);
        let is_kind = |key: &str| key.trim_start_matches("task-").parse::<usize>().unwrap() % 2 == kind;
        report.tasks.iter().filter(|task| is_kind(&task.task)).map(|task| task.weight).sum()
    };
    assert!(of_kind(&warm, 0) > 0.5);
    // The new task turns out to be of the other kind.
    let mut rng = Seed::from_number(0).rng();
    for trial in 0..25 {
        let configuration = problem().space.sample(&mut rng).unwrap();
        let value = loss(&KINDS[1], &configuration);
        warm.tell(&[observation(trial, configuration, Ok(value))], &[false]).unwrap();
    }
    assert!(of_kind(&warm, 1) > 0.5, "{:?}", warm.report());
    assert!(warm.report().tasks[0].rank_agreement.unwrap() > 0.5);
}

#[test]
fn modes_seed_inform_and_replace_differ_as_they_say() {
    let n_transferred = |mode| search(&mut transfer(archive(4), mode), 14, 0, loss).1;
    assert_eq!(n_transferred(Mode::Replace), 10);
    assert!(transfer(archive(4), Mode::Seed).knowledge().unwrap().is_none());
    let mut informing = transfer(archive(4), Mode::Inform);
    let prior = informing.knowledge().unwrap().unwrap();
    assert!(prior.observations.iter().all(|observation| (0.0..=1.0).contains(&observation.score)));
    let good = &prior.observations[0];
    let bad = prior.observations.last().unwrap();
    assert!(good.score < bad.score && good.weight > 0.0);
    assert!(loss(&KINDS[0], &good.configuration) < loss(&KINDS[0], &bad.configuration));
}

#[test]
fn proposals_at_once_differ_from_each_other_and_from_what_is_pending() {
    let mut warm = transfer(archive(3), Mode::Replace);
    let seed = Seed::from_number(0);
    let proposals = warm.propose(&AskRequest { n: 8, ..request(0, seed) }).unwrap();
    let configurations = |proposals: &[TransferredProposal]| -> Vec<Configuration> {
        proposals.iter().map(|transferred| transferred.proposal.configuration.clone()).collect()
    };
    let first = configurations(&proposals);
    assert_eq!(first.len(), 8);
    assert!((0..8).all(|i| !first[..i].contains(&first[i])));
    for transferred in &proposals {
        let total: f64 = transferred.sources.iter().map(|source| source.weight).sum();
        assert!((total - 1.0).abs() < 1e-9);
    }
    let pending = heirloom_model::PendingTrial {
        id: TrialId(0),
        configuration: first[0].clone(),
        fidelity: problem().full_fidelity(),
    };
    let next = warm.propose(&AskRequest { pending: &[pending], ..request(1, seed) }).unwrap();
    assert!(!configurations(&next).contains(&first[0]));
}

#[test]
fn failures_duplicates_ties_and_a_single_task_are_data_like_any_other() {
    let mut rng = Seed::from_number(9).rng();
    let mut task = past("only", 0, &mut rng, loss);
    task.meta_features = None;
    task.objectives[3] = None;
    task.objectives[4] = Some(f64::NAN);
    task.objectives[6] = task.objectives[5];
    task.configurations.push(task.configurations[0].clone());
    task.objectives.push(task.objectives[0]);
    let failed = task.configurations[3].clone();
    let mut warm = transfer(vec![task], Mode::Replace);
    let (_, n_transferred) = search(&mut warm, 12, 0, loss);
    assert_eq!(n_transferred, 10);
    warm.tell(&[observation(12, failed, Err(FailureKind::Diverged))], &[false]).unwrap();
    assert_eq!(warm.report().tasks.len(), 1);
}

#[test]
fn an_archive_without_a_finished_evaluation_proposes_nothing_and_says_so() {
    let mut task = past("failed", 0, &mut Seed::from_number(0).rng(), loss);
    task.objectives.fill(None);
    let mut warm = transfer(vec![task], Mode::Replace);
    assert_eq!(search(&mut warm, 5, 0, loss).1, 0);
    assert!(warm.report().notes[0].contains("starts cold"));
}

#[test]
fn large_archives_are_thinned_to_the_same_configurations_and_keep_the_best() {
    let problem = problem();
    let mut rng = Seed::from_number(0).rng();
    let configurations: Vec<_> = (0..6_000).map(|_| problem.space.sample(&mut rng).unwrap()).collect();
    let task = |kind: usize| PastTask {
        key: kind.to_string(),
        name: String::new(),
        meta_features: None,
        objectives: configurations.iter().map(|c| Some(loss(&KINDS[kind], c))).collect(),
        configurations: configurations.clone(),
        n_evaluations: configurations.len(),
        is_own: false,
    };
    let knowledge = Knowledge::new(&problem, None, vec![task(0), task(1)], Options::default()).unwrap();
    let [a, b] = &knowledge.tasks[..] else { panic!("two tasks") };
    assert_eq!(a.configurations, b.configurations);
    assert!((2_000..=2_040).contains(&a.configurations.len()), "{}", a.configurations.len());
    let best = configurations.iter().map(|c| loss(&KINDS[0], c)).fold(f64::INFINITY, f64::min);
    assert!(a.objectives.contains(&Some(best)));
    assert_eq!(a.n_evaluations, 6_000);
}

#[test]
fn of_very_many_evaluations_those_of_the_nearest_tasks_are_kept() {
    let problem = problem();
    let mut rng = Seed::from_number(0).rng();
    let configurations: Vec<_> = (0..2_000).map(|_| problem.space.sample(&mut rng).unwrap()).collect();
    let objectives: Vec<_> = configurations.iter().map(|c| Some(loss(&KINDS[0], c))).collect();
    let task = |number: usize| PastTask {
        // In an order that has nothing to do with how near they are.
        key: format!("{:03}-{number}", 37 * number % 110),
        name: String::new(),
        // None so far off that it counts like any other far one.
        meta_features: Some(features(number + 40)),
        objectives: objectives.clone(),
        configurations: configurations.clone(),
        n_evaluations: configurations.len(),
        is_own: false,
    };
    let tasks = (0..110).map(task).collect();
    let knowledge = Knowledge::new(&problem, Some(features(0)), tasks, Options::default()).unwrap();
    let mut kept: Vec<usize> =
        knowledge.tasks.iter().map(|task| task.key.split_once('-').unwrap().1.parse().unwrap()).collect();
    kept.sort_unstable();
    assert_eq!(kept, (0..100).collect::<Vec<_>>());
}

/// Three parameters of 300 choices: a configuration has 897 neighbours, and twenty of them are looked at.
#[test]
fn of_parameters_with_very_many_choices_a_few_neighbours_are_looked_at() {
    let choices: Vec<String> = (0..300).map(|choice| choice.to_string()).collect();
    let parameters = ["a", "b", "c"]
        .map(|name| serde_json::json!({ "name": name, "type": "categorical", "choices": choices }));
    let spec: SpaceSpec = serde_json::from_value(serde_json::json!({ "parameter": parameters })).unwrap();
    let space = Space::compile(spec).unwrap();
    let mut rng = Seed::from_number(0).rng();
    let mut task = |key: &str| PastTask {
        key: key.into(),
        name: String::new(),
        meta_features: None,
        configurations: (0..20).map(|_| space.sample(&mut rng).unwrap()).collect(),
        objectives: (0..20).map(|row| Some(f64::from(row))).collect(),
        n_evaluations: 20,
        is_own: false,
    };
    let tasks = [task("one"), task("two")];
    let n_candidates = crate::landscape::Landscape::new(space, &tasks).candidates().len();
    // Measured, drawn, and of ten centres a task more than nothing and no more than 200 neighbours.
    let (few, many) = (40 + 2_000, 40 + 2_000 + 2 * 10 * 200);
    assert!((few + 1..=many).contains(&n_candidates), "{n_candidates}");
}

#[test]
fn wrong_knowledge_is_refused_with_the_task_and_row() {
    let good = || past("one", 0, &mut Seed::from_number(0).rng(), loss);
    let check = |tasks| Knowledge::new(&problem(), None, tasks, Options::default()).unwrap_err();
    assert_eq!(check(vec![good(), good()]), Error::DuplicateTask { task: "one".into() });
    let mut short = good();
    short.objectives.pop();
    let unequal = Error::UnequalLength { task: "one".into(), configurations: 60, objectives: 59 };
    assert_eq!(check(vec![short]), unequal);
    let mut outside = good();
    outside.configurations[7] = Configuration::new(vec![2.0, 0.0, 0.0, 0.0]);
    assert!(matches!(check(vec![outside]), Error::BadConfiguration { row: 7, .. }));
}

/// A loss that diverged says no more of the others than one that is merely bad.
#[test]
fn an_outlier_on_near_tasks_does_not_silence_them() {
    let first = |outlier: Option<f64>| {
        let choose = |seed: u64| {
            let mut tasks = archive(seed);
            for task in tasks.iter_mut().step_by(2) {
                let worst =
                    (0..60).max_by(|&a, &b| task.objectives[a].partial_cmp(&task.objectives[b]).unwrap());
                task.objectives[worst.unwrap()] = outlier.or(task.objectives[worst.unwrap()]);
            }
            search(&mut transfer(tasks, Mode::Replace), 5, seed, loss).0
        };
        (0..N_SEEDS).map(choose).sum::<f64>() / N_SEEDS as f64
    };
    let clean = first(None);
    for outlier in [1e2, 1e6] {
        let found = first(Some(outlier));
        assert!(found < 1.2 * clean, "{found} with {outlier}, {clean} without");
    }
}

/// Nobody else is like it, and the guard can only judge what the others say.
#[test]
fn a_further_search_of_the_same_task_begins_with_the_best_of_the_earlier_ones() {
    for mode in [Mode::Seed, Mode::Inform, Mode::Replace] {
        let mut rng = Seed::from_number(5).rng();
        let mut own = past("own", 0, &mut rng, loss);
        own.is_own = true;
        let mut order: Vec<usize> = (0..60).collect();
        order.sort_by(|&a, &b| own.objectives[a].partial_cmp(&own.objectives[b]).unwrap());
        let best: Vec<_> = order.iter().take(3).map(|&row| own.configurations[row].clone()).collect();
        let others = (0..6).map(|task| past(&format!("task-{task}"), 1, &mut rng, |_, c| wave(c, task % 4)));
        let mut warm = transfer(others.chain([own]).collect(), mode);
        let weight = |report: heirloom_model::WarmStartReport| {
            report.tasks.iter().find(|task| task.task == "own").unwrap().prior_weight
        };
        assert!(weight(warm.report()) > 0.4, "{mode:?}");
        let seed = Seed::from_number(1);
        let together = AskRequest { n: 3, ..request(0, seed) };
        let proposed: Vec<_> = warm.propose(&together).unwrap();
        let proposed: Vec<_> = proposed.into_iter().map(|one| one.proposal.configuration).collect();
        assert_eq!(proposed, best, "{mode:?}");
    }
}

#[test]
fn a_large_task_and_very_many_tasks_leave_the_small_ones_whole() {
    let problem = problem();
    let mut rng = Seed::from_number(0).rng();
    let mut task = |key: String, n: usize| PastTask {
        key,
        configurations: (0..n).map(|_| problem.space.sample(&mut rng).unwrap()).collect(),
        objectives: (0..n).map(|row| Some(row as f64)).collect(),
        ..past("", 0, &mut Seed::from_number(0).rng(), loss)
    };
    let kept = |tasks: Vec<PastTask>| -> Vec<usize> {
        let knowledge = Knowledge::new(&problem, Some(features(0)), tasks, Options::default()).unwrap();
        knowledge.tasks.iter().map(|task| task.configurations.len()).collect()
    };
    let large = (0..11).map(|number| task(format!("{number:02}"), if number == 10 { 10_000 } else { 60 }));
    let lengths = kept(large.collect());
    assert_eq!(lengths[..10], [60; 10]);
    assert!((1_390..=1_420).contains(&lengths[10]), "{lengths:?}");
    let many = kept((0..1_000).map(|number| task(format!("{number:03}"), 10)).collect());
    assert_eq!(many, [10; 200]);
}

/// What the archive's order of tasks and rows is says nothing of the new task.
#[test]
fn the_order_of_the_archive_changes_nothing() {
    let tasks = archive(3);
    let mut turned: Vec<PastTask> = tasks.iter().rev().cloned().collect();
    for task in &mut turned {
        task.configurations.reverse();
        task.objectives.reverse();
    }
    let proposed = |tasks: Vec<PastTask>| {
        let mut warm = transfer(tasks, Mode::Seed);
        warm.propose(&AskRequest { n: 40, ..request(0, Seed::from_number(1)) }).unwrap()
    };
    assert_eq!(proposed(tasks), proposed(turned));
}

/// Without a trial of its own a run could not find out that the archive misleads.
#[test]
fn among_the_first_five_trials_is_one_of_the_strategys_own() {
    let mut warm = transfer(archive(3), Mode::Seed);
    let proposed = warm.propose(&AskRequest { n: 5, ..request(0, Seed::from_number(1)) }).unwrap();
    assert!((1..5).contains(&proposed.len()));
}

/// A smaller training that is already better than the transferred full ones tells against them.
#[test]
fn own_trials_at_less_than_full_size_lower_the_share_where_they_are_better() {
    let problem = problem_with_epochs();
    let options = Options { mode: Mode::Seed, ..Default::default() };
    let knowledge = Knowledge::new(&problem, Some(features(0)), archive(3), options).unwrap();
    let share_after = |own: f64| {
        let mut warm = knowledge.warm_start().unwrap();
        let told = |trial: u64, epochs: f64, value: f64| Observation {
            fidelity: heirloom_model::Fidelity(vec![epochs]),
            ..observation(trial, Configuration::new([0.5; 4]), Ok(value))
        };
        let first: Vec<_> = (0..4).map(|trial| told(trial, 9.0, 0.5)).collect();
        warm.tell(&first, &[true; 4]).unwrap();
        let small: Vec<_> = (4..9).map(|trial| told(trial, 1.0, own)).collect();
        warm.tell(&small, &[false; 5]).unwrap();
        warm.report().transfer_share
    };
    assert!(share_after(0.1) < 0.6 * share_after(0.9), "{} {}", share_after(0.1), share_after(0.9));
}

/// Of a search that goes on with the best of many small trainings, transferred ones are small too.
#[test]
fn transferred_trials_are_of_the_size_at_which_the_search_begins() {
    let small = heirloom_model::Fidelity(vec![1.0]);
    let options = Options { mode: Mode::Seed, ..Default::default() };
    let knowledge = Knowledge::new(&problem_with_epochs(), Some(features(0)), archive(3), options).unwrap();
    let mut warm = knowledge.beginning_at(small.clone()).warm_start().unwrap();
    let seed = Seed::from_number(1);
    let proposals = warm.propose(&request(0, seed)).unwrap();
    assert_eq!(proposals[0].proposal.fidelity, small);
    let told = |trial: u64, epochs: f64, x: f64, value: f64| Observation {
        fidelity: heirloom_model::Fidelity(vec![epochs]),
        ..observation(trial, Configuration::new([x; 4]), Ok(value))
    };
    let share = warm.report().transfer_share;
    // A larger training of the search's own is better: that is its size.
    warm.tell(&[told(0, 1.0, 0.3, 0.5), told(1, 9.0, 0.4, 0.1)], &[true, false]).unwrap();
    assert_eq!(warm.report().transfer_share, share);
    // Small ones of its own are better than small transferred ones.
    let own: Vec<_> = (2..8).map(|trial| told(trial, 1.0, 0.1 * trial as f64, 0.1)).collect();
    warm.tell(&own, &[false; 6]).unwrap();
    assert!(warm.report().transfer_share < share);
}

fn problem_with_epochs() -> Problem {
    let epochs = heirloom_model::FidelityDimension {
        name: "epochs".into(),
        low: 1.0,
        high: 9.0,
        integer: true,
        levels: Vec::new(),
    };
    Problem { fidelities: vec![epochs], ..problem() }
}
