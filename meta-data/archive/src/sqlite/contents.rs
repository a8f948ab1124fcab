//! Runs as a whole: headers, tasks, spaces, and runs that go to another archive or come from elsewhere.

use std::collections::{HashMap, HashSet};

use heirloom_model::{Origin, Space, SpaceSpec};
use rusqlite::{Connection, OptionalExtension, params};

use super::events::{put_curve, put_sources};
use super::{artifact, attempt, find_run, now_ms, read, run_key, to_json, trials};
use crate::record::hex_hash;
use crate::{
    ArchiveError, MetaFeatures, Result, RunContents, RunHeader, RunId, RunState, Task, TrialRecord, pack,
};

/// Keeps a run's header. Returns its key.
pub(super) fn insert_run(
    db: &Connection,
    run: RunId,
    header: &RunHeader,
    state: RunState,
    (steps, n_trials): (u64, usize),
) -> Result<i64> {
    let task = put_task(db, &header.task)?;
    let space = put_space(db, &header.space)?;
    let configuration = to_json(&header.configuration)?;
    db.prepare_cached(
        "INSERT INTO run (uuid, task, space, name, objectives, fidelities, configuration, configuration_hash, seed,
            versions, plugin_lock, parent, source, licence, state, steps, n_trials)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        run.0.as_bytes().as_slice(),
        task,
        space,
        header.name,
        to_json(&header.objectives)?,
        to_json(&header.fidelities)?,
        configuration,
        hex_hash(configuration.as_bytes()),
        header.seed as i64,
        to_json(&header.versions)?,
        header.plugin_lock,
        header.parent.map(|parent| parent.0.as_bytes().to_vec()),
        header.source,
        header.licence,
        state.code(),
        steps as i64,
        n_trials as i64,
    ])?;
    Ok(db.last_insert_rowid())
}

/// Says where a run stands.
pub(super) fn set_state(db: &Connection, run: RunId, state: RunState) -> Result<()> {
    let key = run_key(db, run)?;
    let ended = (state != RunState::Running).then(now_ms);
    db.prepare_cached("UPDATE run SET state = ?, ended = ? WHERE id = ?")?.execute(params![
        state.code(),
        ended,
        key
    ])?;
    Ok(())
}

/// Says why nothing shall be learned from a run, or that it counts.
pub(super) fn withdraw(db: &Connection, run: RunId, reason: Option<&str>) -> Result<()> {
    let key = run_key(db, run)?;
    db.prepare_cached("UPDATE run SET withdrawn = ? WHERE id = ?")?.execute(params![reason, key])?;
    Ok(())
}

/// Keeps a task, or finds it, and says of what data it is where that was not known: beside one of the same key that is
/// of other data, which another process may have brought since this one looked. Returns its key.
pub(super) fn put_task(db: &Connection, task: &Task) -> Result<i64> {
    if let Some(key) = find_task(db, &task.key)? {
        let sql = "SELECT fingerprint FROM task WHERE id = ?";
        let known = Task { fingerprint: db.query_row(sql, [key], |row| row.get(0))?, ..Task::default() };
        if known.has_other_data(task) {
            return put_task(db, &task.clone().beside());
        }
        if !task.fingerprint.is_empty() {
            let sql =
                "UPDATE task SET fingerprint = ?, kind = ?, target = ? WHERE id = ? AND fingerprint = ''";
            db.prepare_cached(sql)?.execute(params![task.fingerprint, task.kind, task.target, key])?;
        }
        return Ok(key);
    }
    db.prepare_cached(
        "INSERT INTO task (key, name, fingerprint, kind, target, metric) VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![task.key, task.name, task.fingerprint, task.kind, task.target, task.metric])?;
    Ok(db.last_insert_rowid())
}

fn find_task(db: &Connection, key: &str) -> Result<Option<i64>> {
    let mut statement = db.prepare_cached("SELECT id FROM task WHERE key = ?")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

fn put_space(db: &Connection, spec: &SpaceSpec) -> Result<i64> {
    let space = Space::compile(spec.clone())?;
    let hash = &space.hash().0;
    let mut statement = db.prepare_cached("SELECT id FROM space WHERE hash = ?")?;
    if let Some(key) = statement.query_row([hash], |row| row.get(0)).optional()? {
        return Ok(key);
    }
    db.prepare_cached("INSERT INTO space (hash, n_parameters, spec) VALUES (?, ?, ?)")?.execute(params![
        hash,
        space.parameters().len() as i64,
        to_json(spec)?
    ])?;
    Ok(db.last_insert_rowid())
}

/// Keeps a description of a task.
pub(super) fn put_meta_features(db: &Connection, task: &str, set: &MetaFeatures) -> Result<()> {
    let key = find_task(db, task)?.ok_or_else(|| ArchiveError::NoSuchTask { key: task.into() })?;
    let mut set = set.clone();
    set.features.retain(|_, value| value.is_finite());
    set.cost_seconds.retain(|_, seconds| seconds.is_finite());
    db.prepare_cached(
        "INSERT OR REPLACE INTO meta_features (task, version, features, cost_seconds) VALUES (?, ?, ?, ?)",
    )?
    .execute(params![key, set.version, to_json(&set.features)?, to_json(&set.cost_seconds)?])?;
    Ok(())
}

/// A whole run.
pub(super) fn get(db: &Connection, id: RunId) -> Result<RunContents> {
    let (state, steps, withdrawn) = standing(db, id)?;
    let mut run = RunContents {
        id,
        header: read::header(db, id)?,
        state,
        steps,
        withdrawn,
        trials: Vec::new(),
        attempts: attempt::list(db, id)?,
        curves: Vec::new(),
        evaluations: Vec::new(),
    };
    let (mut ended, mut all) = (HashSet::new(), HashSet::new());
    trials::visit(db, id, &mut |trial| {
        all.insert(trial.id);
        if trial.state.is_ended() {
            ended.insert(trial.id);
        }
        run.trials.push(trial);
        Ok(())
    })?;
    let of_none = |what: &str, trial| {
        ArchiveError::damaged(
            format!("{what} of run {id}"),
            format!("trial {trial}, to which it belongs, is gone"),
        )
    };
    if let Some(attempt) = run.attempts.iter().find(|attempt| !all.contains(&attempt.trial)) {
        return Err(of_none("an attempt", attempt.trial));
    }
    trials::visit_curves(db, id, &mut |trial, points| {
        if !all.contains(&trial) {
            return Err(of_none("a curve", trial));
        }
        if ended.contains(&trial) {
            run.curves.push((trial, points));
        }
        Ok(())
    })?;
    read::recorded(db, id, &mut |batch| {
        run.evaluations.push(batch);
        Ok(())
    })?;
    Ok(run)
}

/// A run's state, calls of the strategy so far, and why nothing is learned from it.
fn standing(db: &Connection, id: RunId) -> Result<(RunState, u64, Option<String>)> {
    let key = run_key(db, id)?;
    let (state, steps, withdrawn): (u8, i64, _) =
        db.query_row("SELECT state, steps, withdrawn FROM run WHERE id = ?", [key], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let state = RunState::from_code(state)
        .ok_or_else(|| ArchiveError::damaged(format!("run {id}"), "its state is unknown"))?;
    Ok((state, steps as u64, withdrawn))
}

/// Reads all that there is of a run and keeps none of it: an error where a part cannot be read.
pub(super) fn read_through(db: &Connection, id: RunId) -> Result<()> {
    standing(db, id)?;
    read::header(db, id)?;
    attempt::list(db, id)?;
    artifact::list(db, id)?;
    trials::visit(db, id, &mut |_| Ok(()))?;
    trials::visit_curves(db, id, &mut |_, _| Ok(()))?;
    read::recorded(db, id, &mut |_| Ok(()))
}

/// Keeps a whole run, unless it is here already in this state or a newer one.
///
/// * `packed`: the run's evaluations, each batch with its length.
pub(super) fn put(db: &Connection, run: &RunContents, packed: &[(usize, Vec<u8>)]) -> Result<bool> {
    let mut withdrawn = run.withdrawn.clone();
    if let Some(key) = find_run(db, run.id)? {
        let here: Option<String> =
            db.query_row("SELECT withdrawn FROM run WHERE id = ?", [key], |row| row.get(0))?;
        if !is_newer(db, key, run)? {
            let is_withdrawn_since = here.is_none() && withdrawn.is_some();
            if is_withdrawn_since {
                withdraw(db, run.id, withdrawn.as_deref())?;
            }
            return Ok(is_withdrawn_since);
        }
        if !goes_on(db, run)? {
            return Err(ArchiveError::Diverged { run: run.id });
        }
        withdrawn = here.or(withdrawn);
        delete_run(db, key)?;
    }
    let n_trials = run.trials.iter().filter(|trial| !trial.is_filtered()).count();
    let n_trials = n_trials + packed.iter().map(|(n, _)| n).sum::<usize>();
    let key = insert_run(db, run.id, &run.header, run.state, (run.steps, n_trials))?;
    withdraw(db, run.id, withdrawn.as_deref())?;
    for trial in &run.trials {
        insert_trial(db, key, trial)?;
    }
    let mut attempt = db.prepare_cached(
        "INSERT INTO attempt (run, trial, number, worker, state, started, ended) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    let ms = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
    };
    for one in &run.attempts {
        let (started, ended) = (ms(one.started), one.ended.map(ms));
        attempt.execute(params![
            key,
            one.trial.0 as i64,
            one.number,
            one.worker,
            one.state.code(),
            started,
            ended
        ])?;
    }
    for (trial, points) in &run.curves {
        put_curve(db, key, *trial, points)?;
    }
    let mut batch =
        db.prepare_cached("INSERT INTO evaluations (run, first, n, columns) VALUES (?, ?, ?, ?)")?;
    let mut first = run.trials.len();
    for (n, columns) in packed {
        batch.execute(params![key, first as i64, *n as i64, columns])?;
        first += n;
    }
    Ok(true)
}

/// Whether `run` has come further than the copy that is here: in calls of the strategy, in ended trials, in attempts,
/// or by having ended as a whole. The end comes last: a run that was resumed goes on from a copy that had ended.
fn is_newer(db: &Connection, key: i64, run: &RunContents) -> Result<bool> {
    let ended = run.trials.iter().filter(|trial| trial.state.is_ended()).count() as i64;
    let here: (i64, i64, i64, bool) = db.query_row(
        "SELECT steps, (SELECT count(*) FROM trial WHERE run = run.id AND state IN (2, 3, 4)),
            (SELECT count(*) FROM attempt WHERE run = run.id), state != 0
         FROM run WHERE id = ?",
        [key],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    Ok((run.steps as i64, ended, run.attempts.len() as i64, run.state != RunState::Running) > here)
}

/// Whether every trial that has ended here ended so there: a run that was resumed in two archives is two runs since.
/// An imported one is what its source says.
fn goes_on(db: &Connection, run: &RunContents) -> Result<bool> {
    let theirs: HashMap<_, _> = run.trials.iter().map(|trial| (trial.id, trial)).collect();
    let mut same = true;
    if run.state != RunState::Imported {
        trials::visit(db, run.id, &mut |here| {
            let there = theirs.get(&here.id);
            same &= !here.state.is_ended()
                || there
                    .is_some_and(|there| (&there.proposal, &there.result) == (&here.proposal, &here.result));
            Ok(())
        })?;
    }
    Ok(same)
}

fn delete_run(db: &Connection, key: i64) -> Result<()> {
    for table in ["warm_start_use", "curve", "point", "attempt", "evaluations", "artifact_reference", "trial"]
    {
        db.execute(&format!("DELETE FROM {table} WHERE run = ?"), [key])?;
    }
    db.execute("DELETE FROM run WHERE id = ?", [key])?;
    Ok(())
}

fn insert_trial(db: &Connection, key: i64, trial: &TrialRecord) -> Result<()> {
    let (ask, ask_size) = match &trial.origin {
        Some(Origin::Strategy { ask, n }) => (Some(*ask as i64), Some(*n as i64)),
        _ => (None, None),
    };
    let outcome = trial.result.as_ref().and_then(|result| result.as_ref().ok());
    let failure = trial.result.as_ref().and_then(|result| result.as_ref().err());
    db.prepare_cached(
        "INSERT INTO trial (run, number, proposed, configuration, fidelity, parent, continues, ask, ask_size, scores,
            state, attempt, failure, message, objectives, cost_seconds, wall_seconds, metrics, told)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        key,
        trial.id.0 as i64,
        trial.proposed as i64,
        pack::numbers(trial.proposal.configuration.values()),
        pack::numbers(&trial.proposal.fidelity.0),
        trial.proposal.parent.map(|parent| parent.0 as i64),
        trial.proposal.continues.map(|continued| continued.0 as i64),
        ask,
        ask_size,
        if trial.scores.is_empty() { None } else { Some(to_json(&trial.scores)?) },
        trial.state.code(),
        trial.attempt,
        failure.map(|failure| failure.kind.code()),
        failure.map(|failure| &failure.message),
        outcome.map(|outcome| pack::numbers(&outcome.objectives)),
        trial.result.as_ref().map(heirloom_model::cost_seconds),
        trial.wall_seconds,
        match outcome {
            Some(outcome) if !outcome.metrics.is_empty() => Some(to_json(&outcome.metrics)?),
            _ => None,
        },
        trial.told.map(|step| step as i64),
    ])?;
    match &trial.origin {
        Some(Origin::WarmStart { sources }) => put_sources(db, key, trial.id, sources),
        _ => Ok(()),
    }
}
