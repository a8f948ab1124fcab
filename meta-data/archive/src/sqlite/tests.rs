use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use heirloom_model::{Event, Recorder, TrialId};

use super::*;
use crate::conformance::{sample_events, sample_header, storage_conformance};
use crate::{Archive, PastFilter, RunState, Store, TrialState};

#[test]
fn sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    storage_conformance(|| {
        count.set(count.get() + 1);
        Box::new(SqliteStore::create(&folder.path().join(format!("{}.archive", count.get()))).unwrap())
    });
}

#[test]
fn a_commit_is_flushed_before_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(&folder.path().join("a")).unwrap();
    let pragma = |name: &'static str| {
        store.write(move |db| {
            Ok(db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))?)
        })
    };
    assert_eq!(pragma("synchronous").unwrap(), rusqlite::types::Value::Integer(2), "2 is FULL");
    assert_eq!(pragma("journal_mode").unwrap(), rusqlite::types::Value::Text("wal".into()));
}

#[test]
fn many_threads_share_commits_and_each_keeps_its_trials() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::create(&folder.path().join("a")).unwrap();
    let (run, recorder) = archive.begin_run(&sample_header("t")).unwrap();
    thread::scope(|scope| {
        for worker in 0..8 {
            let mut recorder = recorder.clone();
            scope.spawn(move || {
                (0..50).for_each(|i| recorder.record(&sample_events(worker * 50 + i)).unwrap());
            });
        }
    });
    assert_eq!(archive.history(run).unwrap().len(), 400 * 3);
    assert_eq!(archive.check().unwrap(), []);
}

#[test]
fn an_attempt_whose_start_was_recorded_with_its_end_began_as_long_before_as_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::create(&folder.path().join("a")).unwrap();
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    let attempt = archive.attempts(run).unwrap().remove(0);
    assert_eq!(attempt.ended.unwrap().duration_since(attempt.started).unwrap().as_millis(), 250);
}

#[test]
fn readers_see_one_state_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::create(&folder.path().join("a")).unwrap();
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    (0..3).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
    let mut seen = 0;
    archive
        .trials(run, &mut |_| {
            // A writer goes on in the middle of a reader's visit, and is not seen by it.
            recorder.record(&sample_events(10 + seen)).unwrap();
            seen += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, 3);
    assert_eq!(archive.runs().unwrap()[0].n_trials, 6);
}

#[test]
fn a_full_archive_refuses_a_batch_as_a_whole_and_takes_it_again_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::create(&folder.path().join("a")).unwrap());
    let run = crate::RunId::new();
    store.begin_run(run, &sample_header("t")).unwrap();
    let limit = |pages: &'static str| {
        store.write(move |db| Ok(db.execute_batch(&format!("PRAGMA max_page_count = {pages}"))?)).unwrap();
    };
    limit("40");
    let mut kept = 0;
    let error = loop {
        match store.append(run, &sample_events(kept)) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, ArchiveError::Full { path } if path.ends_with("a")), "{error}");
    assert_eq!(store.runs().unwrap()[0].n_trials, kept);
    limit("100000");
    store.append(run, &sample_events(kept)).unwrap();
    assert_eq!(store.runs().unwrap()[0].n_trials, kept + 1);
    assert_eq!(store.check().unwrap(), []);
}

#[test]
fn files_that_are_no_archive_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refused = |name: &str| Archive::open(&path(name)).err().unwrap();
    assert_eq!(refused("absent"), ArchiveError::NotFound { path: path("absent") });
    std::fs::write(path("text"), "[strategy]\nname = \"random\"\n").unwrap();
    Connection::open(path("other")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    for name in ["text", "other"] {
        assert_eq!(refused(name), ArchiveError::NotAnArchive { path: path(name) });
        assert!(matches!(Archive::create(&path(name)), Err(ArchiveError::Exists { .. })));
    }
    // What is left where the maker of an archive was killed at once.
    std::fs::write(path("empty"), "").unwrap();
    let empty = ArchiveError::Empty { path: path("empty").canonicalize().unwrap() };
    assert_eq!(Archive::open_read_only(&path("empty")).err().unwrap(), empty);
    assert_eq!(Archive::open(&path("empty")).unwrap().runs().unwrap(), []);
    drop(Archive::create(&path("newer")).unwrap());
    Connection::open(path("newer")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let newer = ArchiveError::NewerSchema { path: path("newer"), found: 99, known: schema::VERSION };
    assert_eq!(refused("newer"), newer);
    assert_eq!(Archive::open_read_only(&path("newer")).err().unwrap(), newer);
    drop(Archive::create(&path("torn")).unwrap());
    let file = std::fs::File::options().write(true).open(path("torn")).unwrap();
    file.set_len(10_000).unwrap();
    assert!(matches!(refused("torn"), ArchiveError::Damaged { .. }), "{}", refused("torn"));
}

#[test]
fn an_archive_that_another_program_holds_is_locked_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let archive = Archive::create(&path).unwrap();
    let (_, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = recorder.record(&sample_events(0)).unwrap_err();
    assert!(error.message.contains("is locked by another program"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    recorder.record(&sample_events(0)).unwrap();
}

#[test]
fn an_archive_of_schema_one_is_brought_up_to_date_with_its_runs() {
    // Made by tests/golden/archive/make_archive_v1.py.
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/archive/archive-v1.db");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old");
    std::fs::copy(golden, &path).unwrap();
    assert!(matches!(Archive::open_read_only(&path), Err(ArchiveError::OlderSchema { found: 1, .. })));
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.stats().unwrap().schema, schema::VERSION);
    let run = &archive.runs().unwrap()[0];
    assert_eq!((run.name.as_str(), run.state, run.n_trials), ("first", RunState::Finished, 2));
    let past = archive.past_tasks(&PastFilter::default()).unwrap();
    assert_eq!(past[0].objectives, [Some(-0.5), Some(-0.875)]);
    archive.put_artifact(run.id, None, "best", b"abc").unwrap();
    assert_eq!(archive.check().unwrap(), []);
    assert_eq!(archive.history(run.id).unwrap().len(), 6);
}

#[test]
fn runs_of_schema_two_count_anew_what_proxies_left_of_their_proposals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old");
    let archive = Archive::create(&path).unwrap();
    let (_, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    (0..3).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
    drop((recorder, archive));
    let before =
        "UPDATE trial SET state = 4, failure = 7, message = '' WHERE number = 1; ALTER TABLE run DROP COLUMN withdrawn;
                  PRAGMA user_version = 2";
    Connection::open(&path).unwrap().execute_batch(before).unwrap();
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.runs().unwrap()[0].n_trials, 2);
    assert_eq!(archive.check().unwrap(), []);
}

/// Does `damage` to a sound archive behind its back; returns what the check finds.
fn findings_after(damage: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let archive = Archive::create(&path).unwrap();
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    (0..3).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
    let mut curved = sample_events(3);
    if let Event::Finished { result: Ok(outcome), .. } = &mut curved[2] {
        let point = |step| heirloom_model::CurvePoint { step, objectives: vec![0.5], cost_seconds: 1.0 };
        outcome.curve = vec![point(1.0), point(2.0)];
    }
    recorder.record(&curved).unwrap();
    archive.put_artifact(run, Some(TrialId(0)), "weights", b"abc").unwrap();
    assert_eq!(archive.check().unwrap(), [], "before the damage");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}")).unwrap();
    let findings = archive.check().unwrap();
    assert!(findings.iter().all(|finding| !finding.remedy.is_empty()));
    findings.iter().map(|finding| format!("{}: {}\n", finding.record, finding.problem)).collect()
}

#[test]
fn the_check_finds_every_kind_of_damage() {
    for (damage, expected) in [
        ("UPDATE trial SET configuration = x'00' WHERE number = 1", "its configuration has 0.125 values"),
        ("UPDATE trial SET fidelity = x'' WHERE number = 1", "its fidelity has 0 values"),
        ("UPDATE trial SET objectives = NULL WHERE number = 1", "with 0 objectives where the run has 1"),
        ("UPDATE trial SET objectives = x'000000000000f07f' WHERE number = 1", "is not finite"),
        ("UPDATE trial SET state = 1 WHERE number = 1", "yet the strategy was told of it at step 3"),
        ("UPDATE trial SET state = 4 WHERE number = 1", "failed without a reason"),
        ("UPDATE trial SET attempt = 5 WHERE number = 1", "its newest attempt is 1 and it says 5"),
        ("DELETE FROM trial WHERE number = 1", "the `trial` it belongs to is gone"),
        ("DELETE FROM trial WHERE number = 1", "it counts 8 calls of the strategy and its trials 6"),
        ("UPDATE run SET n_trials = 9", "it counts 9 trials and has 4"),
        ("UPDATE curve SET points = substr(points, 1, 9)", "the curve of trial 3"),
        ("UPDATE artifact SET bytes = x'00'", "its bytes have another hash"),
        ("UPDATE space SET spec = replace(spec, '5.0', '6.0')", "its bytes have another hash"),
        ("UPDATE run SET configuration = '{}'", "its configuration has another hash"),
        ("UPDATE trial SET metrics = '{' WHERE number = 1", "EOF while parsing an object"),
        ("UPDATE trial SET scores = '[' WHERE number = 1", "EOF while parsing a list"),
        ("UPDATE trial SET attempt = 1 << 40 WHERE number = 1", "out of range"),
        ("UPDATE run SET name = CAST(x'ff' AS TEXT)", "utf-8"),
        ("UPDATE run SET objectives = '['", "EOF while parsing a list"),
        ("UPDATE run SET state = 9", "its state is unknown"),
        ("INSERT INTO meta_features SELECT id, '1', '{', '{}' FROM task", "EOF while parsing an object"),
        (
            "INSERT INTO point SELECT run, number, 1, 0, 1.0, 1.0, objectives FROM trial LIMIT 1",
            "points of a running curve",
        ),
        ("DELETE FROM task", "the `task` it belongs to is gone"),
    ] {
        let found = findings_after(damage);
        assert!(found.contains(expected), "`{damage}` gave: {found}");
    }
}

#[test]
fn a_torn_record_takes_its_own_run_alone_from_the_past() {
    for damage in [
        "UPDATE trial SET metrics = '{' WHERE number = 1 AND run = 2",
        "UPDATE trial SET configuration = x'0000000000000000' WHERE number = 1 AND run = 2",
        "UPDATE trial SET attempt = -1 WHERE number = 1 AND run = 2",
        "UPDATE run SET objectives = '[' WHERE id = 2",
        "UPDATE run SET versions = CAST(x'ff' AS TEXT) WHERE id = 2",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let archive = Archive::create(&path).unwrap();
        for task in ["s", "t", "t"] {
            let (_, mut recorder) = archive.begin_run(&sample_header(task)).unwrap();
            (0..3).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
        }
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let past = archive.past_tasks(&PastFilter::default()).unwrap();
        let seen: Vec<_> = past.iter().map(|past| (past.key.as_str(), past.configurations.len())).collect();
        assert_eq!(seen, [("s", 3), ("t", 3)], "`{damage}`");
        assert_ne!(archive.check().unwrap(), [], "`{damage}`");
    }
}

/// A page of the file that cannot be read hides neither what else is wrong nor the sound runs.
#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_checked_and_merged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let archive = Archive::create(&path).unwrap();
    let mut damaged = None;
    for task in ["s", "t"] {
        let (run, mut recorder) = archive.begin_run(&sample_header(task)).unwrap();
        recorder.record(&sample_events(0)).unwrap();
        damaged = Some(run);
    }
    let damaged = damaged.unwrap();
    drop(archive);
    let db = Connection::open(&path).unwrap();
    let root: i64 = db
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'meta_features'", [], |row| row.get(0))
        .unwrap();
    let size: i64 = db.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    let torn = "UPDATE trial SET configuration = x'00' WHERE run = (SELECT max(id) FROM run)";
    db.execute_batch(&format!("{torn}; PRAGMA wal_checkpoint(TRUNCATE)")).unwrap();
    drop(db);

    let other = Archive::create(&folder.path().join("b")).unwrap();
    let report = other.merge(&Archive::open_read_only(&path).unwrap(), &HashSet::new()).unwrap();
    assert_eq!((report.added, report.damaged.len()), (1, 1), "{report:?}");
    assert!(report.damaged[0].contains(&damaged.to_string()), "{report:?}");

    let mut bytes = std::fs::read(&path).unwrap();
    bytes[((root - 1) * size) as usize] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();
    let findings = Archive::open_read_only(&path).unwrap().check().unwrap();
    let found = |text: &str| findings.iter().any(|finding| finding.problem.contains(text));
    assert!(found("malformed") && found("its configuration has 0.125 values"), "{findings:?}");
}

#[test]
fn a_run_whose_trial_or_task_is_gone_costs_a_merge_nothing_else() {
    for damage in [
        "DELETE FROM trial WHERE run = 1 AND number = 1",
        "UPDATE run SET task = 77 WHERE id = 1",
        "UPDATE attempt SET trial = 9 WHERE run = 1 AND trial = 1",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let archive = Archive::create(&path).unwrap();
        for task in ["s", "t"] {
            let (_, mut recorder) = archive.begin_run(&sample_header(task)).unwrap();
            (0..2).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
        }
        drop(archive);
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}")).unwrap();
        drop(db);
        let archive = Archive::open_read_only(&path).unwrap();
        assert_ne!(archive.check().unwrap(), [], "`{damage}`");
        let other = Archive::create(&folder.path().join("b")).unwrap();
        let report = other.merge(&archive, &HashSet::new()).unwrap();
        assert_eq!((report.added, report.damaged.len()), (1, 1), "`{damage}`: {report:?}");
    }
}

#[test]
fn attempts_that_are_gone_and_steps_that_stand_twice_are_found() {
    for damage in ["DELETE FROM attempt", "UPDATE trial SET told = (SELECT min(told) FROM trial)"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let archive = Archive::create(&path).unwrap();
        let (_, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
        (0..2).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
        assert_eq!(archive.check().unwrap(), []);
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        assert_ne!(archive.check().unwrap(), [], "`{damage}`");
    }
}

#[test]
fn a_link_leads_to_the_file_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("a"), folder.path().join("link"));
    let archive = Archive::create(&path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    archive.begin_run(&sample_header("t")).unwrap();
    let linked = SqliteStore::open_read_only(&link).unwrap();
    assert_eq!(linked.path, path.canonicalize().unwrap());
    assert!(log_of(&linked.path).exists());
}

#[test]
fn a_run_can_be_read_by_a_second_store_on_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let (ours, theirs) = (Archive::create(&path).unwrap(), Archive::open(&path).unwrap());
    let (run, mut recorder) = ours.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    let read_only = Archive::open_read_only(&path).unwrap();
    assert_eq!(theirs.history(run).unwrap(), ours.history(run).unwrap());
    assert_eq!(read_only.stats().unwrap().n_trials[TrialState::Completed.as_str()], 1);
    let refused = read_only.set_run_state(run, RunState::Failed);
    assert_eq!(refused, Err(ArchiveError::ReadOnly { path }));
}

/// An archive that a group shares: the second user takes turns on the file that the first one made.
#[test]
fn the_file_of_turns_has_the_archives_mode_and_need_not_be_writable() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (path, turn) = (folder.path().join("a"), folder.path().join("a-turn"));
    drop(Archive::create(&path).unwrap());
    std::fs::remove_file(&turn).unwrap();
    let set_mode = |path: &PathBuf, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
    };
    set_mode(&path, 0o666);
    let archive = Archive::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&turn).unwrap().permissions().mode() & 0o777, 0o666);
    drop(archive);
    set_mode(&turn, 0o444);
    Archive::open(&path).unwrap().begin_run(&sample_header("t")).unwrap();
}

#[test]
fn a_closed_archive_is_one_file_that_can_be_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    let archive = Archive::create(&path).unwrap();
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    recorder.record(&sample_events(0)).unwrap();
    assert_eq!(archive.history(run).unwrap().len(), 3);
    drop((archive, recorder));
    assert!(!log_of(&path).exists());
    let copy = folder.path().join("copy");
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(Archive::open(&copy).unwrap().history(run).unwrap().len(), 3);
}

#[test]
fn an_archive_of_any_name_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in [&b"100 %.db"[..], b"a?b#c&d=e.db", b"no \xff UTF-8.db"] {
        let path = folder.path().join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name));
        let (run, _) = Archive::create(&path).unwrap().begin_run(&sample_header("t")).unwrap();
        assert_eq!(Archive::open_read_only(&path).unwrap().runs().unwrap()[0].id, run, "{path:?}");
    }
}
