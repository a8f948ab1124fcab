//! Reading what stands around trials: runs, tasks, spaces, recorded evaluations, counts.

use std::collections::BTreeMap;

use heirloom_model::{SpaceHash, SpaceSpec};
use rusqlite::{Connection, OptionalExtension, Row};

use super::{from_json, run_id, run_key, schema};
use crate::{
    ArchiveError, Evaluations, MetaFeatures, Result, RunHeader, RunId, RunState, RunSummary, Stats, Task,
    TrialState, pack,
};

/// All runs: imported ones, whose ids say nothing of time, then those of our own, the oldest first.
pub(super) fn runs(db: &Connection) -> Result<Vec<RunSummary>> {
    let mut statement = db.prepare_cached(
        "SELECT uuid, run.name, task.key, space.hash, objectives, state, steps, source, licence, n_trials,
            withdrawn
         FROM run LEFT JOIN task ON task.id = run.task LEFT JOIN space ON space.id = run.space
         ORDER BY state != ?, uuid",
    )?;
    let mut rows = statement.query([RunState::Imported.code()])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        match summary(row) {
            // The others are as good as ever; the check names it too.
            Err(error) if error.is_damage() => tracing::warn!("a run is left out: {error}"),
            run => runs.push(run?),
        }
    }
    Ok(runs)
}

fn summary(row: &Row<'_>) -> Result<RunSummary> {
    let id = run_id(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
    let (task, space): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
    let (task, space) = task.zip(space).ok_or_else(|| parent_is_gone(id))?;
    Ok(RunSummary {
        id,
        name: row.get(1)?,
        task,
        space: SpaceHash(space),
        objectives: json_column(row, 4, id)?,
        state: state_column(row, 5, id)?,
        steps: row.get::<_, i64>(6)? as u64,
        source: row.get(7)?,
        licence: row.get(8)?,
        n_trials: row.get::<_, i64>(9)? as u64,
        withdrawn: row.get(10)?,
    })
}

fn parent_is_gone(run: RunId) -> ArchiveError {
    ArchiveError::damaged(format!("run {run}"), "its task or space is gone")
}

/// A run's header.
pub(super) fn header(db: &Connection, run: RunId) -> Result<RunHeader> {
    let key = run_key(db, run)?;
    let mut statement = db.prepare_cached(
        "SELECT run.name, objectives, fidelities, configuration, seed, versions, plugin_lock, parent, source, licence,
            spec, key, task.name, fingerprint, kind, target, metric
         FROM run JOIN task ON task.id = run.task JOIN space ON space.id = run.space WHERE run.id = ?",
    )?;
    let mut rows = statement.query([key])?;
    let row = rows.next()?.ok_or_else(|| parent_is_gone(run))?;
    let parent = row.get_ref(7)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    Ok(RunHeader {
        name: row.get(0)?,
        objectives: json_column(row, 1, run)?,
        fidelities: json_column(row, 2, run)?,
        configuration: json_column(row, 3, run)?,
        seed: row.get::<_, i64>(4)? as u64,
        versions: json_column(row, 5, run)?,
        plugin_lock: row.get(6)?,
        parent: parent.map(run_id).transpose()?,
        source: row.get(8)?,
        licence: row.get(9)?,
        space: json_column(row, 10, run)?,
        task: task(row, 11)?,
    })
}

/// Visits a run's evaluations without history.
pub(super) fn recorded(
    db: &Connection,
    run: RunId,
    visit: &mut dyn FnMut(Evaluations) -> Result<()>,
) -> Result<()> {
    let mut statement =
        db.prepare_cached("SELECT first, columns FROM evaluations WHERE run = ? ORDER BY first")?;
    let mut rows = statement.query([run_key(db, run)?])?;
    while let Some(row) = rows.next()? {
        let first: i64 = row.get(0)?;
        let packed = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let torn =
            |_| ArchiveError::damaged(format!("evaluations {first} onward of run {run}"), "they are torn");
        visit(pack::parse_evaluations(packed).map_err(torn)?)?;
    }
    Ok(())
}

/// All tasks, by key.
pub(super) fn tasks(db: &Connection) -> Result<Vec<Task>> {
    let mut statement =
        db.prepare_cached("SELECT key, name, fingerprint, kind, target, metric FROM task ORDER BY key")?;
    let tasks = statement.query_map([], |row| task(row, 0))?.collect::<rusqlite::Result<_>>()?;
    Ok(tasks)
}

/// The descriptions of a task.
pub(super) fn meta_features(db: &Connection, key: &str) -> Result<Vec<MetaFeatures>> {
    let mut statement = db.prepare_cached(
        "SELECT version, features, cost_seconds FROM meta_features JOIN task ON task.id = task WHERE key = ?
         ORDER BY version",
    )?;
    let mut rows = statement.query([key])?;
    let mut sets = Vec::new();
    while let Some(row) = rows.next()? {
        let record = || format!("the meta-features of task `{key}`");
        sets.push(MetaFeatures {
            version: row.get(0)?,
            features: from_json(&row.get::<_, String>(1)?, record)?,
            cost_seconds: from_json(&row.get::<_, String>(2)?, record)?,
        });
    }
    Ok(sets)
}

/// The space with this identity.
pub(super) fn space(db: &Connection, hash: &SpaceHash) -> Result<Option<SpaceSpec>> {
    let mut statement = db.prepare_cached("SELECT spec FROM space WHERE hash = ?")?;
    let text: Option<String> = statement.query_row([&hash.0], |row| row.get(0)).optional()?;
    text.map(|text| from_json(&text, || format!("space {hash}"))).transpose()
}

/// How much there is; the file's size is for the caller to add.
pub(super) fn stats(db: &Connection) -> Result<Stats> {
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|count| count as u64);
    let by_state = |table: &str, name: fn(u8) -> Option<&'static str>| -> Result<BTreeMap<String, u64>> {
        let mut statement = db.prepare(&format!("SELECT state, count(*) FROM {table} GROUP BY state"))?;
        let mut rows = statement.query([])?;
        let mut counts = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let state = name(row.get(0)?).unwrap_or("unknown");
            counts.insert(state.to_owned(), row.get::<_, i64>(1)? as u64);
        }
        Ok(counts)
    };
    Ok(Stats {
        schema: schema::VERSION,
        n_tasks: count("SELECT count(*) FROM task")?,
        n_spaces: count("SELECT count(*) FROM space")?,
        n_runs: by_state("run", |code| RunState::from_code(code).map(RunState::as_str))?,
        n_trials: by_state("trial", |code| TrialState::from_code(code).map(TrialState::as_str))?,
        n_evaluations: count("SELECT coalesce(sum(n), 0) FROM evaluations")?,
        n_curves: count("SELECT count(*) FROM curve")?,
        n_artifacts: count("SELECT count(*) FROM artifact")?,
        artifact_bytes: count("SELECT coalesce(sum(size), 0) FROM artifact")?,
        file_bytes: 0,
    })
}

fn task(row: &Row<'_>, first: usize) -> rusqlite::Result<Task> {
    Ok(Task {
        key: row.get(first)?,
        name: row.get(first + 1)?,
        fingerprint: row.get(first + 2)?,
        kind: row.get(first + 3)?,
        target: row.get(first + 4)?,
        metric: row.get(first + 5)?,
    })
}

fn json_column<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize, run: RunId) -> Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    from_json(text, || format!("run {run}"))
}

fn state_column(row: &Row<'_>, column: usize, run: RunId) -> Result<RunState> {
    RunState::from_code(row.get(column)?)
        .ok_or_else(|| ArchiveError::damaged(format!("run {run}"), "its state is unknown"))
}
