//! Events of a run turned into rows.

use heirloom_model::{
    CurvePoint, Event, Failure, FailureKind, Origin, Outcome, Proposal, TransferSource, TrialId,
};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::{now_ms, run_key, to_json};
use crate::{ArchiveError, Result, RunId, TrialState, pack};

/// Keeps events of a run.
pub(super) fn append(db: &Connection, run: RunId, events: &[Event]) -> Result<()> {
    Batch::begin(db, run, events)?.apply_all(events)
}

/// A batch of events of one run on its way into the tables.
struct Batch<'a> {
    db: &'a Connection,
    run: RunId,
    key: i64,
    /// The run's next step: proposals and tellings are numbered together, in the order of the strategy's calls.
    step: i64,
}

impl<'a> Batch<'a> {
    fn begin(db: &'a Connection, run: RunId, events: &[Event]) -> Result<Self> {
        let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count() as i64;
        let n_trials = count(|event| matches!(event, Event::Proposed { .. }));
        let steps = n_trials + count(|event| matches!(event, Event::Told { .. }));
        let key = run_key(db, run)?;
        let mut batch = Self { db, run, key, step: 0 };
        if steps > 0 {
            let after: i64 = db
                .prepare_cached(
                    "UPDATE run SET steps = steps + ?, n_trials = n_trials + ? WHERE id = ? RETURNING steps",
                )?
                .query_row(params![steps, n_trials, key], |row| row.get(0))?;
            batch.step = after - steps;
        }
        Ok(batch)
    }

    fn apply_all(&mut self, events: &[Event]) -> Result<()> {
        events.iter().try_for_each(|event| self.apply(event))
    }

    fn apply(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Proposed { trial, proposal, origin, scores } => {
                self.proposed(*trial, proposal, origin, scores)
            }
            Event::Started { trial, attempt } => self.started(*trial, *attempt),
            Event::Reported { trial, attempt, point } => self.reported(*trial, *attempt, point),
            Event::Finished { trial, attempt, result, wall_seconds } => match result {
                Ok(outcome) => self.completed(*trial, *attempt, outcome, *wall_seconds),
                Err(failure) => self.failed(*trial, *attempt, failure, *wall_seconds),
            },
            Event::Told { trial } => self.told(*trial),
        }
    }

    fn proposed(
        &mut self,
        trial: TrialId,
        proposal: &Proposal,
        origin: &Origin,
        scores: &[(String, f64)],
    ) -> Result<()> {
        let (ask, ask_size) = match origin {
            Origin::Strategy { ask, n } => (Some(*ask as i64), Some(*n as i64)),
            Origin::WarmStart { .. } => (None, None),
        };
        let scores = if scores.is_empty() { None } else { Some(to_json(&scores)?) };
        let inserted = self
            .db
            .prepare_cached(
                "INSERT INTO trial (run, number, proposed, configuration, fidelity, parent, continues, ask, ask_size,
                    scores, state, attempt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            )?
            .execute(params![
                self.key,
                trial.0 as i64,
                self.step,
                pack::numbers(proposal.configuration.values()),
                pack::numbers(&proposal.fidelity.0),
                proposal.parent.map(|parent| parent.0 as i64),
                proposal.continues.map(|continued| continued.0 as i64),
                ask,
                ask_size,
                scores,
                TrialState::Pending.code(),
            ]);
        match inserted {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Err(ArchiveError::TrialExists { run: self.run, trial });
            }
            other => other?,
        };
        self.step += 1;
        match origin {
            Origin::WarmStart { sources } => put_sources(self.db, self.key, trial, sources),
            Origin::Strategy { .. } => Ok(()),
        }
    }

    fn started(&self, trial: TrialId, attempt: u32) -> Result<()> {
        let changed = self
            .db
            .prepare_cached(
                "UPDATE trial SET state = ?4, attempt = ?3
                 WHERE run = ?1 AND number = ?2 AND attempt < ?3 AND state IN (0, 1, 5)",
            )?
            .execute(params![self.key, trial.0 as i64, attempt, TrialState::Running.code()])?;
        if changed == 0 {
            return Err(self.refusal(trial, attempt));
        }
        begin_attempt(self.db, self.key, trial, attempt, None)
    }

    fn reported(&self, trial: TrialId, attempt: u32, point: &CurvePoint) -> Result<()> {
        self.check_running(trial, attempt)?;
        self.db
            .prepare_cached(
                "INSERT INTO point (run, trial, attempt, number, step, cost_seconds, objectives)
                 SELECT ?1, ?2, ?3, coalesce(max(number), -1) + 1, ?4, ?5, ?6 FROM point
                 WHERE run = ?1 AND trial = ?2 AND attempt = ?3",
            )?
            .execute(params![
                self.key,
                trial.0 as i64,
                attempt,
                point.step,
                point.cost_seconds,
                pack::numbers(&point.objectives),
            ])?;
        renew_lease(self.db, self.key, trial, attempt)
    }

    fn completed(&self, trial: TrialId, attempt: u32, outcome: &Outcome, wall_seconds: f64) -> Result<()> {
        let state = if outcome.stopped { TrialState::Stopped } else { TrialState::Completed };
        let metrics = if outcome.metrics.is_empty() { None } else { Some(to_json(&outcome.metrics)?) };
        let changed = self
            .db
            .prepare_cached(
                "UPDATE trial SET state = ?, objectives = ?, cost_seconds = ?, metrics = ?, wall_seconds = ?
                 WHERE run = ? AND number = ? AND attempt = ? AND state = 1",
            )?
            .execute(params![
                state.code(),
                pack::numbers(&outcome.objectives),
                outcome.cost_seconds,
                metrics,
                wall_seconds,
                self.key,
                trial.0 as i64,
                attempt,
            ])?;
        if changed == 0 {
            return Err(self.refusal(trial, attempt));
        }
        self.pack_curve(trial, attempt, &outcome.curve)?;
        end_attempt(self.db, self.key, trial, attempt, state, wall_seconds)
    }

    fn failed(&self, trial: TrialId, attempt: u32, failure: &Failure, wall_seconds: f64) -> Result<()> {
        // A cancelled trial stays to be evaluated; what its attempt reported goes.
        if failure.kind == FailureKind::Cancelled {
            self.check_running(trial, attempt)?;
            set_state(self.db, self.key, trial, TrialState::Pending)?;
            drop_points(self.db, self.key, trial)?;
            return end_attempt(self.db, self.key, trial, attempt, TrialState::Pending, wall_seconds);
        }
        let changed = self
            .db
            .prepare_cached(
                // Pending: it was given up without being evaluated.
                "UPDATE trial SET state = ?, failure = ?, message = ?, cost_seconds = ?, wall_seconds = ?
                 WHERE run = ? AND number = ? AND attempt = ? AND state IN (0, 1)",
            )?
            .execute(params![
                TrialState::Failed.code(),
                failure.kind.code(),
                failure.message,
                failure.cost_seconds,
                wall_seconds,
                self.key,
                trial.0 as i64,
                attempt,
            ])?;
        if changed == 0 {
            return Err(self.refusal(trial, attempt));
        }
        if failure.kind == FailureKind::Filtered {
            self.db
                .prepare_cached("UPDATE run SET n_trials = n_trials - 1 WHERE id = ?")?
                .execute([self.key])?;
        }
        self.pack_curve(trial, attempt, &[])?;
        end_attempt(self.db, self.key, trial, attempt, TrialState::Failed, wall_seconds)
    }

    fn told(&mut self, trial: TrialId) -> Result<()> {
        let changed = self
            .db
            .prepare_cached(
                "UPDATE trial SET told = ? WHERE run = ? AND number = ? AND told IS NULL AND state IN (2, 3, 4)",
            )?
            .execute(params![self.step, self.key, trial.0 as i64])?;
        if changed == 0 {
            return Err(ArchiveError::CannotTell { run: self.run, trial });
        }
        self.step += 1;
        Ok(())
    }

    /// Keeps an ended trial's curve: the outcome's, or where that has none, what the attempt reported.
    fn pack_curve(&self, trial: TrialId, attempt: u32, of_outcome: &[CurvePoint]) -> Result<()> {
        let reported =
            if of_outcome.is_empty() { points(self.db, self.key, trial, attempt)? } else { Vec::new() };
        let points = if of_outcome.is_empty() { &reported } else { of_outcome };
        if !points.is_empty() {
            put_curve(self.db, self.key, trial, points)?;
        }
        drop_points(self.db, self.key, trial)
    }

    fn check_running(&self, trial: TrialId, attempt: u32) -> Result<()> {
        let mut statement = self.db.prepare_cached(
            "SELECT 1 FROM trial WHERE run = ? AND number = ? AND attempt = ? AND state = 1",
        )?;
        match statement.exists(params![self.key, trial.0 as i64, attempt])? {
            true => Ok(()),
            false => Err(self.refusal(trial, attempt)),
        }
    }

    /// Why a report was refused.
    fn refusal(&self, trial: TrialId, attempt: u32) -> ArchiveError {
        refusal(self.db, self.run, self.key, trial, attempt)
    }
}

/// Why an attempt at a trial may not report.
pub(super) fn refusal(db: &Connection, run: RunId, key: i64, trial: TrialId, attempt: u32) -> ArchiveError {
    let found = db
        .query_row(
            "SELECT state, attempt FROM trial WHERE run = ? AND number = ?",
            params![key, trial.0 as i64],
            |row| Ok((row.get::<_, u8>(0)?, row.get::<_, u32>(1)?)),
        )
        .optional();
    let reason = match found {
        Err(error) => return error.into(),
        Ok(None) => "there is no such trial".into(),
        Ok(Some((_, newest))) if newest > attempt => format!("attempt {newest} has taken the trial over"),
        Ok(Some((state, newest))) => {
            let state = TrialState::from_code(state).map_or("damaged", TrialState::as_str);
            format!("the trial is {state}, its newest attempt is {newest}")
        }
    };
    ArchiveError::Refused { run, trial, attempt, reason }
}

/// Keeps which past tasks a trial comes from.
pub(super) fn put_sources(
    db: &Connection,
    key: i64,
    trial: TrialId,
    sources: &[TransferSource],
) -> Result<()> {
    let mut statement = db.prepare_cached(
        "INSERT INTO warm_start_use (run, trial, place, task, weight, expected_rank) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for (place, source) in sources.iter().enumerate() {
        let TransferSource { task, weight, expected_rank } = source;
        statement.execute(params![key, trial.0 as i64, place as i64, task, weight, expected_rank])?;
    }
    Ok(())
}

/// Keeps an ended trial's curve.
pub(super) fn put_curve(db: &Connection, key: i64, trial: TrialId, points: &[CurvePoint]) -> Result<()> {
    let mut statement = db.prepare_cached("INSERT INTO curve (run, trial, points) VALUES (?, ?, ?)")?;
    statement.execute(params![key, trial.0 as i64, pack::curve(points)?])?;
    Ok(())
}

/// Drops what attempts at a trial reported.
fn drop_points(db: &Connection, key: i64, trial: TrialId) -> Result<()> {
    let mut statement = db.prepare_cached("DELETE FROM point WHERE run = ? AND trial = ?")?;
    statement.execute(params![key, trial.0 as i64])?;
    Ok(())
}

/// What an attempt reported so far.
pub(super) fn points(db: &Connection, key: i64, trial: TrialId, attempt: u32) -> Result<Vec<CurvePoint>> {
    let mut statement = db.prepare_cached(
        "SELECT step, cost_seconds, objectives FROM point WHERE run = ? AND trial = ? AND attempt = ? ORDER BY number",
    )?;
    let mut rows = statement.query(params![key, trial.0 as i64, attempt])?;
    let mut points = Vec::new();
    while let Some(row) = rows.next()? {
        let objectives = pack::parse_numbers(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)
            .ok_or_else(|| ArchiveError::damaged(format!("a point of trial `{trial}`"), "torn objectives"))?;
        let number = |column: usize| row.get::<_, Option<f64>>(column).map(|value| value.unwrap_or(f64::NAN));
        points.push(CurvePoint { step: number(0)?, cost_seconds: number(1)?, objectives });
    }
    Ok(points)
}

pub(super) fn set_state(db: &Connection, key: i64, trial: TrialId, state: TrialState) -> Result<()> {
    let mut statement = db.prepare_cached("UPDATE trial SET state = ? WHERE run = ? AND number = ?")?;
    statement.execute(params![state.code(), key, trial.0 as i64])?;
    Ok(())
}

/// Opens an attempt, by a worker on a lease of so many milliseconds or by the run's own process; older attempts
/// that were still open are lost.
pub(super) fn begin_attempt(
    db: &Connection,
    key: i64,
    trial: TrialId,
    attempt: u32,
    lease: Option<(&str, i64)>,
) -> Result<()> {
    if attempt > 1 {
        let mut statement = db.prepare_cached(
            "UPDATE attempt SET state = ?, ended = ?, expires = NULL WHERE run = ? AND trial = ? AND state = 1",
        )?;
        statement.execute(params![TrialState::Lost.code(), now_ms(), key, trial.0 as i64])?;
        drop_points(db, key, trial)?;
    }
    let now = now_ms();
    db.prepare_cached(
        "INSERT INTO attempt (run, trial, number, worker, state, started, lease_ms, expires)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        key,
        trial.0 as i64,
        attempt,
        lease.map(|(worker, _)| worker),
        TrialState::Running.code(),
        now,
        lease.map(|(_, ms)| ms),
        lease.map(|(_, ms)| now + ms),
    ])?;
    Ok(())
}

/// Closes an attempt. It began as long ago as it took: its start may have been recorded together with its end, or by a
/// host that died since.
fn end_attempt(
    db: &Connection,
    key: i64,
    trial: TrialId,
    attempt: u32,
    state: TrialState,
    wall_seconds: f64,
) -> Result<()> {
    let now = now_ms();
    let began = now - (wall_seconds.max(0.0) * 1e3) as i64;
    let mut statement = db.prepare_cached(
        "UPDATE attempt SET state = ?, started = ?, ended = ?, expires = NULL
         WHERE run = ? AND trial = ? AND number = ?",
    )?;
    statement.execute(params![state.code(), began, now, key, trial.0 as i64, attempt])?;
    Ok(())
}

pub(super) fn renew_lease(db: &Connection, key: i64, trial: TrialId, attempt: u32) -> Result<()> {
    let mut statement = db.prepare_cached(
        "UPDATE attempt SET expires = ? + lease_ms
         WHERE run = ? AND trial = ? AND number = ? AND lease_ms IS NOT NULL",
    )?;
    statement.execute(params![now_ms(), key, trial.0 as i64, attempt])?;
    Ok(())
}
