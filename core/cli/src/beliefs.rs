//! What the archive says of a run's proxies: how they ranked past trials, and so how much to believe them. It is kept
//! with the run, so that resuming and explaining it see the same.

use std::collections::BTreeMap;

use heirloom_archive::{Archive, RunHeader, RunId, RunSummary, Task, TrialRecord, TrialState};
use heirloom_config::{VoteWeights, WarmStartMode};
use heirloom_engine::ProxyFilter;
use heirloom_warm_start::{ProxyBelief, ScoredRun};

use crate::described::Described;
use crate::failure::OrFail;
use crate::job::Job;
use crate::past::{self, KnownTasks};

/// The name of the artifact that holds what a run believed of its proxies when it began.
const ARTIFACT: &str = "proxies/beliefs.json";

/// A proxy of which no better rank correlation is expected than this filters as a coin does.
const WORTHLESS: f64 = 0.1;

/// What the archive teaches about a job's proxies, in their order; empty where the run file wants nothing of the
/// archive.
pub(crate) fn of_job(
    archive: &Archive,
    job: &Job<'_>,
    filters: &[ProxyFilter],
    task: &Described,
) -> miette::Result<Vec<ProxyBelief>> {
    let config = job.config;
    let is_asked = config.vote.as_ref().is_some_and(|vote| vote.weights == VoteWeights::Archive);
    if filters.is_empty() || config.warm_start.mode == WarmStartMode::Off && !is_asked {
        return Ok(Vec::new());
    }
    let proxies: Vec<_> =
        filters.iter().map(|filter| (filter.name.clone(), filter.proxy.info().direction)).collect();
    let runs = scored_runs(archive, job, &task.task)?;
    Ok(heirloom_warm_start::believe(&task.task.key, task.features.as_ref(), &runs, &proxies))
}

/// Past runs with proxies in the job's space, on the same objective: what a score is worth differs between spaces
/// more than between tasks.
fn scored_runs(archive: &Archive, job: &Job<'_>, own: &Task) -> miette::Result<Vec<ScoredRun>> {
    let (known, mut runs) = (KnownTasks::new(archive, job, own)?, Vec::new());
    for run in archive.runs().or_fail()? {
        let Some(task) = known.key(&run.task) else { continue };
        if run.withdrawn.is_some()
            || run.space != *job.problem.space.hash()
            || run.objectives.first() != Some(job.objective())
        {
            continue;
        }
        match described_run(archive, &run) {
            Ok(scored) => runs.extend(scored.map(|scored| ScoredRun { task, ..scored })),
            // A damaged one does not stop a search on another task.
            Err(error) => tracing::warn!("run {} is left out of what proxies are worth: {error}", run.id),
        }
    }
    Ok(runs)
}

/// What proxies said in a run, with what describes its task; `None` for a run without proxies.
fn described_run(archive: &Archive, run: &RunSummary) -> miette::Result<Option<ScoredRun>> {
    let header = archive.header(run.id).or_fail()?;
    if header.configuration["checked"]["proxies"].as_array().is_none_or(Vec::is_empty) {
        return Ok(None);
    }
    let mut features = BTreeMap::new();
    let sets = archive.meta_features(&run.task).or_fail()?;
    sets.into_iter().for_each(|set| features.extend(set.features));
    let mut scored = scored_run(archive, run.id, &header)?;
    scored.meta_features = (!features.is_empty()).then_some(features);
    Ok(Some(scored))
}

/// What proxies said of a run's trials, and what came of these; its task is not described.
pub(crate) fn scored_run(archive: &Archive, run: RunId, header: &RunHeader) -> miette::Result<ScoredRun> {
    let mut scored = ScoredRun {
        task: header.task.key.clone(),
        meta_features: None,
        scores: BTreeMap::new(),
        objectives: Vec::new(),
    };
    let value = |trial: &TrialRecord| match &trial.result {
        Some(Ok(outcome))
            if header.is_full(&trial.proposal.fidelity) && trial.state == TrialState::Completed =>
        {
            outcome.objectives.first().copied()
        }
        _ => None,
    };
    archive
        .trials(run, &mut |trial| {
            let n = scored.objectives.len();
            scored.objectives.push(value(&trial).unwrap_or(f64::NAN));
            for (proxy, score) in trial.scores {
                let scores = scored.scores.entry(proxy).or_default();
                // Of two proxies of one name the last one's score stands.
                scores.resize(n, f64::NAN);
                scores.push(score);
            }
            Ok(())
        })
        .or_fail()?;
    let n = scored.objectives.len();
    scored.scores.values_mut().for_each(|scores| scores.resize(n, f64::NAN));
    Ok(scored)
}

/// Says what the user must know of proxies that decide what is dropped, and of a vote that has nothing to learn from.
pub(crate) fn warn(job: &Job<'_>, beliefs: &[ProxyBelief]) {
    let vote = job.config.vote.as_ref();
    for (proxy, belief) in job.config.proxies.iter().zip(beliefs) {
        let alone = (proxy.keep < 1.0).then_some(1.0);
        let in_vote = vote.filter(|vote| vote.keep < 1.0).and_then(|vote| match &vote.weights {
            VoteWeights::Given(given) => Some(given.get(&belief.proxy).copied().unwrap_or(1.0)),
            VoteWeights::Archive => None,
        });
        let mut weights = [alone, in_vote].into_iter().flatten().filter(|weight| *weight != 0.0);
        let misleads = weights.any(|weight| belief.expected * weight.signum() < WORTHLESS);
        if misleads && !belief.record.is_empty() {
            tracing::warn!(
                "proxy `{}` decides which proposals are dropped, and by past tasks its rank correlation with `{}` here is \
                 {:+.2} ± {:.2}; hint: `keep = 1` for it, and a `[vote]` with `weights = \"archive\"`, which turns round \
                 what misleads",
                belief.proxy,
                job.objective().name,
                belief.expected,
                belief.error
            );
        }
    }
    let asks = vote.is_some_and(|vote| vote.weights == VoteWeights::Archive);
    if asks && beliefs.iter().all(|belief| belief.record.is_empty()) {
        tracing::warn!("the archive knows no past scores of these proxies: each has the same weight");
    }
}

/// Keeps what is believed of a run's proxies with it.
pub(crate) fn keep(archive: &Archive, run: RunId, beliefs: &[ProxyBelief]) -> miette::Result<()> {
    if !beliefs.is_empty() {
        archive.put_artifact(run, None, ARTIFACT, &serde_json::to_vec(beliefs).or_fail()?).or_fail()?;
    }
    Ok(())
}

/// What a run believed of its proxies when it began.
pub(crate) fn again(archive: &Archive, run: RunId) -> miette::Result<Vec<ProxyBelief>> {
    Ok(past::kept(archive, run, ARTIFACT)?.unwrap_or_default())
}
