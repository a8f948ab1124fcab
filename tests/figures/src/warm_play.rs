//! A search on a recorded table, cold or warm, as the engine plays it: the warm start is asked first, random search
//! gives the rest, both draw from the run's seed by trial number. So the same seed gives the cold and the warm run
//! the same random trials.

use std::path::PathBuf;

use heirloom_model::{
    AskRequest, Configuration, FailureKind, Observation, Problem, Seed, TrialId, WarmStart,
};

/// The best value (maximised) after each of `n` trials.
///
/// `value_of` looks a configuration up in the table; what is not there is a failed trial.
pub(crate) fn play(
    problem: &Problem,
    mut warm_start: Option<&mut dyn WarmStart>,
    n: usize,
    seed: Seed,
    value_of: impl Fn(&Configuration) -> Option<f64>,
) -> Result<Vec<f64>, String> {
    let (warm_seed, cold_seed) = (seed.derive("warm-start", 0), seed.derive("strategy", 0));
    let mut best = f64::NEG_INFINITY;
    let mut curve = Vec::with_capacity(n);
    for trial in (0..n as u64).map(TrialId) {
        let request = |seed| AskRequest { n: 1, first_trial: trial, pending: &[], seed };
        let transferred = match &mut warm_start {
            Some(warm) => warm.propose(&request(warm_seed)).map_err(|error| error.to_string())?.pop(),
            None => None,
        };
        let is_transferred = transferred.is_some();
        let configuration = match transferred {
            Some(transfer) => transfer.proposal.configuration,
            None => {
                problem.space.sample(&mut request(cold_seed).rng(0)).map_err(|error| error.to_string())?
            }
        };
        let value = value_of(&configuration);
        best = best.max(value.unwrap_or(f64::NEG_INFINITY));
        curve.push(best);
        if let Some(warm) = &mut warm_start {
            let fidelity = problem.full_fidelity();
            let result = value.map(|value| vec![-value]).ok_or(FailureKind::Rejected);
            let observation = Observation { trial, configuration, fidelity, result, cost_seconds: 0.0 };
            warm.tell(&[observation], &[is_transferred]).map_err(|error| error.to_string())?;
        }
    }
    Ok(curve)
}

/// A file of the seed archives.
pub(crate) fn seed_file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../meta-data/seed").join(path)
}
