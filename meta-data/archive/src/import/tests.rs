use std::collections::HashSet;
use std::path::{Path, PathBuf};

use heirloom_model::{Direction, FailureKind, Space, TrialId, Value};

use super::*;
use crate::{ArchiveError, PastFilter, RunSummary, TrialRecord, TrialState};

fn archive() -> (tempfile::TempDir, Archive) {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::create(&folder.path().join("archive")).unwrap();
    (folder, archive)
}

fn provenance() -> Provenance {
    Provenance { source: "a paper".into(), licence: "MIT".into() }
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/archive").join(name)
}

fn trials(archive: &Archive, run: &RunSummary) -> Vec<TrialRecord> {
    let mut trials = Vec::new();
    let mut keep = |trial| {
        trials.push(trial);
        Ok(())
    };
    archive.trials(run.id, &mut keep).unwrap();
    trials
}

#[test]
fn hpob_is_read_data_set_by_data_set_and_once() {
    let (folder, archive) = archive();
    let path = folder.path().join("hpob.json");
    let text = r#"{"5970": {"1461": {"X": [[0.0, 0.5], [1.0, 0.25], [2.0, 0.0]], "y": [[0.75], [0.875], [0.5]]},
                            "31": {"X": [[0.5, 0.5]], "y": [[0.25]], "extra": 1}},
                   "4796": {"31": {"X": [[0.5, 0.125]], "y": [[0.5]]}}}"#;
    std::fs::write(&path, text).unwrap();
    let report = archive.import_hpob(&path, &provenance()).unwrap();
    assert_eq!((report.n_added, report.n_evaluations, report.n_left_out), (3, 4, 1));
    let again = archive.import_hpob(&path, &provenance()).unwrap();
    assert_eq!((again.n_added, again.n_known), (0, 3));
    let elsewhere = Provenance { source: "another copy".into(), ..provenance() };
    assert_eq!(archive.import_hpob(&path, &elsewhere).unwrap().n_known, 3, "the content is the same");
    let past = archive.past_tasks(&PastFilter::default()).unwrap();
    let keys: Vec<_> = past.iter().map(|task| (task.key.as_str(), task.space.name.as_str())).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.contains(&("hpob/1461", "hpob 5970")) && keys.contains(&("hpob/31", "hpob 4796")));
    let one = past.iter().find(|task| task.key == "hpob/1461").unwrap();
    assert_eq!(one.objectives, [-0.75, -0.875].map(Some), "accuracies are kept minimised");
    let space = Space::compile(one.space.clone()).unwrap();
    space.check(&one.configurations[1]).unwrap();
    assert_eq!(space.value(&one.configurations[1], "x1"), Some(Value::Float(0.25)));
    let header = archive.header(archive.runs().unwrap()[0].id).unwrap();
    assert_eq!((header.source.as_deref(), header.licence.as_deref()), (Some("a paper"), Some("MIT")));

    std::fs::write(&path, &text[..150]).unwrap();
    let error = archive.import_hpob(&path, &provenance()).unwrap_err();
    assert!(matches!(error, ArchiveError::Import { .. }), "{error}");
    assert!(error.to_string().contains("1 data sets before that are kept"), "{error}");
    // As Python writes them: no JSON.
    let text = r#"{"NaN \" NaN": {"1": {"X": [[0.5], [NaN], [0.25], [1.0]], "y": [[0.5], [0.5], [-Infinity], [-1e-3]]}}}"#;
    std::fs::write(&path, text).unwrap();
    let report = archive.import_hpob(&path, &provenance()).unwrap();
    assert_eq!((report.n_added, report.n_evaluations, report.n_left_out), (1, 2, 2));
    let space = archive.runs().unwrap().into_iter().find(|run| run.name == "hpob/NaN \" NaN/1");
    assert_eq!(space.unwrap().n_trials, 2);
    assert_eq!(archive.check().unwrap(), []);
}

#[test]
fn what_was_imported_while_ids_followed_from_the_source_too_is_known() {
    let (_folder, archive) = archive();
    let header =
        crate::RunHeader { source: Some("a paper".into()), ..crate::conformance::sample_header("t") };
    let space = Space::compile(header.space.clone()).unwrap();
    let recording = || {
        let mut recording = Recording::new(header.clone(), space.hash());
        recording.measured(&[0.5, 1.0], &[9.0], &heirloom_model::Outcome::new(vec![-0.5], 1.0));
        recording
    };
    let (run, older) = recording().finish();
    assert_ne!(run.id, older);
    archive.put_run(RunContents { id: older, ..run }).unwrap();
    let mut import = Import::new(&archive).unwrap();
    import.keep_recording(recording()).unwrap();
    let report = import.finish();
    assert_eq!((report.n_added, report.n_known), (0, 1));
}

#[test]
fn an_aslib_folder_gives_runs_meta_features_and_their_costs() {
    let (folder, archive) = archive();
    let path = folder.path();
    let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
    write("description.txt", "performance_measures: accuracy\nmaximize: false\n");
    write(
        "algorithm_runs.arff",
        "@RELATION R\n@ATTRIBUTE instance_id STRING\n@ATTRIBUTE repetition NUMERIC\n@ATTRIBUTE algorithm STRING\n\
         @ATTRIBUTE accuracy NUMERIC\n@ATTRIBUTE runstatus {ok, timeout, memout, not_applicable, crash, other}\n@DATA\n\
         75193,1.0,1,0.25,ok\n75193,1.0,2,0.5,ok\n75193,1.0,3,?,memout\n2119,1.0,1,?,not_applicable\n2119,1.0,2,0.125,ok\n",
    );
    write(
        "configurations.csv",
        "idx,model,svm:C,forest:trees\n1,svm,0.03125,\n2,forest,,100\n3,svm,32768.0,\n",
    );
    write(
        "feature_values.arff",
        "@RELATION F\n@ATTRIBUTE instance_id STRING\n@ATTRIBUTE repetition NUMERIC\n@ATTRIBUTE n NUMERIC\n\
         @ATTRIBUTE skew NUMERIC\n@DATA\n75193,1.0,150,?\n2119,1.0,90,0.5\n",
    );
    write(
        "feature_costs.arff",
        "@RELATION C\n@ATTRIBUTE instance_id STRING\n@ATTRIBUTE repetition NUMERIC\n@ATTRIBUTE n NUMERIC\n@DATA\n\
         75193,1.0,0.0625\n",
    );
    let report = archive.import_aslib(path, "autosklearn", &provenance()).unwrap();
    assert_eq!((report.n_added, report.n_evaluations, report.n_left_out), (2, 4, 1));
    assert_eq!(archive.import_aslib(path, "autosklearn", &provenance()).unwrap().n_known, 2);
    let past = archive.past_tasks(&PastFilter::default()).unwrap();
    assert_eq!(past[0].key, "autosklearn/2119");
    assert_eq!(past[1].objectives, [Some(0.25), Some(0.5), None], "errors are minimised as they are");
    assert_eq!(past[1].meta_features.iter().collect::<Vec<_>>(), [(&"n".to_owned(), &150.0)]);
    let space = Space::compile(past[1].space.clone()).unwrap();
    past[1].configurations.iter().for_each(|configuration| space.check(configuration).unwrap());
    assert_eq!(space.value(&past[1].configurations[1], "svm:C"), None, "inactive for a forest");
    let sets = archive.meta_features("autosklearn/75193").unwrap();
    assert_eq!(sets[0].cost_seconds["n"], 0.0625);
    assert_eq!(archive.check().unwrap(), []);
}

#[test]
fn without_configurations_an_aslib_folder_is_a_choice_of_algorithms() {
    let (folder, archive) = archive();
    let text = "@RELATION R\n@ATTRIBUTE instance_id STRING\n@ATTRIBUTE repetition NUMERIC\n@ATTRIBUTE algorithm STRING\n\
                @ATTRIBUTE runtime NUMERIC\n@ATTRIBUTE runstatus {ok, timeout}\n@DATA\n\
                i1,1,minisat,12.5,ok\ni1,1,glucose,5000,timeout\n";
    std::fs::write(folder.path().join("algorithm_runs.arff"), text).unwrap();
    archive.import_aslib(folder.path(), "sat", &provenance()).unwrap();
    let past = archive.past_tasks(&PastFilter::default()).unwrap();
    assert_eq!(
        (past[0].objectives.as_slice(), past[0].cost_seconds.as_slice()),
        (&[Some(12.5), None][..], &[12.5, 5000.0][..])
    );
    let space = Space::compile(past[0].space.clone()).unwrap();
    assert_eq!(space.value(&past[0].configurations[0], "algorithm"), Some("minisat".into()));
}

#[test]
fn an_aslib_description_says_which_way_is_better_or_a_note_does() {
    let direction_of = |description: Option<&str>| {
        let (folder, archive) = archive();
        let text = "@RELATION R\n@ATTRIBUTE instance_id STRING\n@ATTRIBUTE algorithm STRING\n\
                    @ATTRIBUTE accuracy NUMERIC\n@ATTRIBUTE runtime NUMERIC\n@ATTRIBUTE runstatus STRING\n@DATA\n\
                    i1,a,0.5,3,OK\n";
        std::fs::write(folder.path().join("algorithm_runs.arff"), text).unwrap();
        if let Some(description) = description {
            std::fs::write(folder.path().join("description.txt"), description).unwrap();
        }
        let report = archive.import_aslib(folder.path(), "s", &provenance())?;
        let run = archive.runs()?.remove(0);
        archive.recorded(run.id, &mut |batch| {
            assert_eq!(batch.metrics["runtime"], [3.0], "the other measures are kept too");
            Ok(())
        })?;
        Ok::<_, crate::ArchiveError>((run.objectives[0].direction, report.notes.len()))
    };
    let maximised = (Direction::Maximise, 0);
    for text in ["maximize:\n- true\n", "maximize: [True, false]", "# maximize: false\nmaximize : 'yes' # so"]
    {
        assert_eq!(direction_of(Some(text)).unwrap(), maximised, "{text}");
    }
    assert_eq!(direction_of(Some("maximize: no\n")).unwrap(), (Direction::Minimise, 0));
    for text in [None, Some("scenario_id: x\n")] {
        assert_eq!(direction_of(text).unwrap(), (Direction::Minimise, 1), "{text:?}");
    }
    let error = direction_of(Some("maximize: perhaps\n")).unwrap_err().to_string();
    assert!(error.contains("description.txt") && error.contains("`perhaps`"), "{error}");
}

/// Trials of a study end in any order, and the last report of a pruned one is what it was pruned for.
#[test]
fn a_study_of_parallel_trials_comes_in_once_and_pruned_trials_have_their_last_report() {
    let (folder, archive) = archive();
    let path = folder.path().join("optuna.db");
    let import = |change: &str| {
        std::fs::copy(golden("optuna.db"), &path).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(change).unwrap();
        archive.import_optuna(&path, "lab", &provenance()).unwrap()
    };
    import("UPDATE trials SET state = 'RUNNING' WHERE number = 0");
    let report = import(
        "UPDATE trial_intermediate_values SET intermediate_value_type = 'INF_POS', intermediate_value = NULL WHERE
            step = (SELECT max(step) FROM trial_intermediate_values AS all_of
                    WHERE all_of.trial_id = trial_intermediate_values.trial_id);
         DELETE FROM trial_values WHERE trial_id IN (SELECT trial_id FROM trials WHERE state = 'PRUNED')",
    );
    assert_eq!(report.n_added, 2, "{report:?}");
    assert_eq!(archive.runs().unwrap().len(), 2);
    let tuned = archive.runs().unwrap().into_iter().find(|run| run.task == "lab/tuned").unwrap();
    let pruned = &trials(&archive, &tuned)[3];
    assert_eq!((pruned.id, pruned.state), (TrialId(3), TrialState::Failed));
    assert_eq!(pruned.result.as_ref().unwrap().as_ref().unwrap_err().kind, FailureKind::Diverged);
}

#[test]
fn optuna_studies_are_read_as_optuna_reads_them() {
    // Expected values: the output of make_optuna.py.
    let (_folder, archive) = archive();
    let path = golden("optuna.db");
    let report = archive.import_optuna(&path, "lab", &provenance()).unwrap();
    assert_eq!((report.n_added, report.n_evaluations, report.n_left_out), (2, 23, 1), "{report:?}");
    assert_eq!(archive.import_optuna(&path, "lab", &provenance()).unwrap().n_known, 2);
    let runs = archive.runs().unwrap();
    let tuned = runs.iter().find(|run| run.task == "lab/tuned").unwrap();
    let header = archive.header(tuned.id).unwrap();
    let space = Space::compile(header.space).unwrap();
    let trials = trials(&archive, tuned);
    assert_eq!(trials.len(), 20);
    for trial in &trials {
        space.check(&trial.proposal.configuration).unwrap();
    }
    let value = |trial: usize| trials[trial].result.as_ref().unwrap().as_ref().unwrap().objectives[0];
    assert_eq!(value(0), -0.0001619311091244073, "maximised in Optuna, minimised here");
    assert_eq!(value(12), -0.18009442900915232);
    let named = space.to_named(&trials[3].proposal.configuration);
    assert_eq!(named["optimizer"], "sgd".into());
    assert_eq!(named["lr"], Value::Float(3.643743139281254e-05));
    assert_eq!(named["momentum"], Value::Float(0.8));
    let named = space.to_named(&trials[1].proposal.configuration);
    assert_eq!((&named["optimizer"], named.get("momentum")), (&"None".into(), None));
    assert_eq!((trials[3].state, value(3)), (TrialState::Stopped, -3.643743139281254e-05));
    let failure = trials[4].result.as_ref().unwrap().as_ref().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Crashed);
    let metrics = &trials[0].result.as_ref().unwrap().as_ref().unwrap().metrics;
    assert_eq!((metrics.len(), metrics["parameters"]), (1, 1.5));
    let mut curves = Vec::new();
    let mut keep = |trial, points: Vec<_>| {
        curves.push((trial, points.len()));
        Ok(())
    };
    archive.curves(tuned.id, &mut keep).unwrap();
    assert_eq!((curves.len(), curves[3]), (20, (TrialId(3), 2)));
    let two = runs.iter().find(|run| run.task == "lab/two").unwrap();
    let second = &self::trials(&archive, two)[1];
    let objectives = &second.result.as_ref().unwrap().as_ref().unwrap().objectives;
    assert_eq!(
        *objectives,
        [0.898983750675609, -3.7952788233640438],
        "one is minimised, the other maximised"
    );
    assert_eq!(archive.check().unwrap(), []);
}

/// What a person enqueued may lie outside the range and beside the grid; a study that has no place here costs no other.
#[test]
fn a_study_that_cannot_be_taken_over_is_named_and_the_others_come_in() {
    let (folder, archive) = archive();
    let path = folder.path().join("optuna.db");
    let of_two =
        "trial_id IN (SELECT trial_id FROM trials JOIN studies USING (study_id) WHERE study_name = 'two')";
    let huge = r#"{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 4611686018427387904}}"#;
    for damage in [
        format!("UPDATE trial_params SET param_value = 1, distribution_json = '{huge}' WHERE {of_two}"),
        format!("DELETE FROM trial_params WHERE {of_two}"),
    ] {
        std::fs::copy(golden("optuna.db"), &path).unwrap();
        let enqueued = "UPDATE trial_params SET param_value = 5.0 WHERE param_name = 'lr' AND trial_id = 1;
                        UPDATE trial_params SET distribution_json = replace(distribution_json, '\"step\": 1', '\"step\": 2')
                            WHERE param_name = 'layers'";
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(&format!("{enqueued}; {damage}")).unwrap();
        drop(db);
        let report = archive.import_optuna(&path, "lab", &provenance()).unwrap();
        assert_eq!((report.n_added + report.n_known, report.n_left_out), (1, 4), "{report:?}");
        assert!(report.notes.iter().any(|note| note.starts_with("study `two` was left out: ")), "{report:?}");
    }
    let run = archive.runs().unwrap().remove(0);
    let space = Space::compile(archive.header(run.id).unwrap().space).unwrap();
    let trials = trials(&archive, &run);
    trials.iter().for_each(|trial| space.check(&trial.proposal.configuration).unwrap());
    assert_eq!(space.to_named(&trials[0].proposal.configuration)["lr"], Value::Float(5.0));
}

#[test]
fn a_storage_from_before_optuna_3_is_read_too() {
    let (folder, archive) = archive();
    let path = folder.path().join("optuna.db");
    std::fs::copy(golden("optuna.db"), &path).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    let older = "ALTER TABLE trial_values DROP COLUMN value_type;
                 ALTER TABLE trial_intermediate_values DROP COLUMN intermediate_value_type;
                 UPDATE trial_values SET value = 9e999 WHERE trial_id = 1";
    db.execute_batch(older).unwrap();
    drop(db);
    let report = archive.import_optuna(&path, "lab", &provenance()).unwrap();
    assert_eq!((report.n_added, report.n_evaluations, report.n_left_out), (2, 23, 1), "{report:?}");
    let tuned = archive.runs().unwrap().into_iter().find(|run| run.task == "lab/tuned").unwrap();
    let results: Vec<_> = trials(&archive, &tuned).into_iter().filter_map(|trial| trial.result).collect();
    assert_eq!(results[0].as_ref().unwrap_err().kind, FailureKind::Diverged, "infinity is no value");
    assert_eq!(results[12].as_ref().unwrap().objectives, [-0.18009442900915232]);
}

#[test]
fn a_study_that_has_grown_is_brought_up_to_date() {
    let (folder, archive) = archive();
    let path = folder.path().join("optuna.db");
    std::fs::copy(golden("optuna.db"), &path).unwrap();
    let shorten = "UPDATE trials SET state = 'RUNNING' WHERE number > 9";
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(shorten).unwrap();
    drop(db);
    assert_eq!(archive.import_optuna(&path, "lab", &provenance()).unwrap().n_evaluations, 13);
    let report = archive.import_optuna(&golden("optuna.db"), "lab", &provenance()).unwrap();
    assert_eq!((report.n_added, report.n_known), (1, 1));
    assert_eq!(archive.runs().unwrap().iter().map(|run| run.n_trials).sum::<u64>(), 23);
    assert_eq!(
        archive.import_optuna(&path, "lab", &provenance()).unwrap().n_added,
        0,
        "an older copy changes nothing"
    );
}

#[test]
fn a_recorded_table_becomes_one_run_a_task() {
    let (folder, archive) = archive();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "table.toml",
        "name = \"tiny\"\nsource = \"made here\"\nlicence = \"MIT\"\n\
         [space]\n[[space.parameter]]\nname = \"lr\"\ntype = \"float\"\nlow = 0.0\nhigh = 1.0\n\
         [files]\nevaluations = \"results.csv\"\n[columns]\ntask = \"dataset\"\n\
         [[objective]]\nname = \"acc\"\ndirection = \"maximise\"\n[[recorded]]\nobjectives.acc = [\"acc_s0\", \"acc_s1\"]\n",
    );
    write("results.csv", "dataset,lr,acc_s0,acc_s1\na,0.5,0.75,0.5\na,0.25,0.25,0.125\nb,0.5,0.5,0.5\n");
    let table = heirloom_recorded_table::RecordedTable::open(folder.path()).unwrap();
    let report = archive.import_table(&table).unwrap();
    assert_eq!((report.n_added, report.n_evaluations, report.n_left_out), (2, 6, 0));
    assert_eq!(archive.import_table(&table).unwrap().n_known, 2);
    let past = archive.past_tasks(&PastFilter::default()).unwrap();
    assert_eq!(
        (past[0].key.as_str(), past[0].objectives.as_slice()),
        ("tiny/a", &[-0.75, -0.5, -0.25, -0.125].map(Some)[..])
    );
}

/// The table of one parameter and one loss with these rows.
fn lr_table(folder: &Path, rows: &[(f64, f64)]) -> heirloom_recorded_table::RecordedTable {
    lr_table_up_to(1.0, folder, rows)
}

fn lr_table_up_to(high: f64, folder: &Path, rows: &[(f64, f64)]) -> heirloom_recorded_table::RecordedTable {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write(
        "table.toml",
        &format!(
            "name = \"lab\"\n[space]\n[[space.parameter]]\nname = \"lr\"\ntype = \"float\"\nlow = 0.0\nhigh = {high:?}\n\
             [files]\nevaluations = \"r.csv\"\n[[objective]]\nname = \"loss\"\ndirection = \"minimise\"\n\
             [[recorded]]\nobjectives.loss = \"loss\"\n"
        ),
    );
    let rows: String = rows.iter().map(|(lr, loss)| format!("{lr},{loss}\n")).collect();
    write("r.csv", &format!("lr,loss\n{rows}"));
    heirloom_recorded_table::RecordedTable::open(folder).unwrap()
}

#[test]
fn a_table_that_has_grown_takes_the_place_of_the_shorter_one() {
    let (folder, archive) = archive();
    let rows: Vec<(f64, f64)> =
        (0..20_000).map(|row| (f64::from(row) / 20_000.0, f64::from(row % 7))).collect();
    // Within a batch, beyond one, and where one ends.
    for n in [500, 9_000, 2 * crate::BATCH, rows.len()] {
        let report = archive.import_table(&lr_table(folder.path(), &rows[..n])).unwrap();
        assert_eq!((report.n_added, report.n_known, report.n_evaluations), (1, 0, n as u64));
        assert_eq!(report.notes.len(), usize::from(n > 500), "{report:?}");
        let past = archive.past_tasks(&PastFilter::default()).unwrap();
        assert_eq!(past[0].n_available, n, "each row counts once");
    }
    let runs = archive.runs().unwrap();
    assert_eq!((runs.len(), runs.iter().filter(|run| run.withdrawn.is_none()).count()), (4, 1));
    for n in [500, 700, rows.len()] {
        let report = archive.import_table(&lr_table(folder.path(), &rows[..n])).unwrap();
        assert_eq!(
            (report.n_added, report.n_known, report.notes.len()),
            (0, 1, 0),
            "a copy from before is known"
        );
    }
    assert_eq!(archive.runs().unwrap(), runs);
}

#[test]
fn another_recording_of_a_task_is_named() {
    let (folder, archive) = archive();
    let import = |rows: &[(f64, f64)]| archive.import_table(&lr_table(folder.path(), rows)).unwrap();
    import(&[(0.25, 1.0), (0.5, 0.61)]);
    let first = archive.runs().unwrap().remove(0);
    // The last value had been cut off.
    let report = import(&[(0.25, 1.0), (0.5, 0.6125), (0.75, 2.0)]);
    assert_eq!((report.n_added, report.n_evaluations, report.notes.len()), (1, 3, 1), "{report:?}");
    let remedy = format!("`heirloom archive withdraw {} --because REASON`", first.id);
    assert!(report.notes[0].ends_with(&remedy), "{report:?}");
    assert!(
        archive.runs().unwrap().iter().all(|run| run.withdrawn.is_none()),
        "which one is right is not known"
    );
    archive.withdraw(first.id, Some("cut off")).unwrap();
    let report = import(&[(0.25, 1.0), (0.5, 0.6125), (0.75, 2.0), (1.0, 0.5)]);
    assert!(report.notes[0].contains("stand in the new ones as a whole"), "{report:?}");
    assert_eq!(report.notes.len(), 1, "what was withdrawn is not named again");
}

#[test]
fn recordings_of_one_table_count_once_whatever_space_they_were_imported_in_and_wherever_they_meet() {
    let rows: Vec<(f64, f64)> = (0..20).map(|row| (f64::from(row) / 10.0, f64::from(row % 7))).collect();
    let n_past = |archive: &Archive| {
        let past = archive.past_tasks(&PastFilter::default()).unwrap();
        past.iter().map(|past| past.n_available).sum::<usize>()
    };
    let (folder, ours) = archive();
    ours.import_table(&lr_table(folder.path(), &rows[..10])).unwrap();
    let report = ours.import_table(&lr_table_up_to(2.0, folder.path(), &rows)).unwrap();
    assert_eq!((n_past(&ours), report.notes.len()), (20, 1), "{report:?}");
    // Another lab had imported less of it, and less widely.
    let (other_folder, theirs) = archive();
    theirs.import_table(&lr_table(other_folder.path(), &rows[..5])).unwrap();
    let report = theirs.merge(&ours, &HashSet::new()).unwrap();
    assert_eq!((report.added, report.outgrown.len(), n_past(&theirs)), (2, 1, 20), "{report:?}");
    let report = ours.merge(&theirs, &HashSet::new()).unwrap();
    assert_eq!((report.outgrown.len(), n_past(&ours)), (0, 20), "{report:?}");
    // One that was withdrawn by a person says so when it comes in again.
    let counting = ours.runs().unwrap().into_iter().find(|run| run.withdrawn.is_none()).unwrap();
    ours.withdraw(counting.id, Some("wrong labels")).unwrap();
    let report = ours.import_table(&lr_table_up_to(2.0, folder.path(), &rows)).unwrap();
    assert!(report.notes[0].contains("wrong labels"), "{report:?}");
}

#[test]
fn a_trial_that_failed_before_its_parameters_were_drawn_makes_no_condition() {
    let (folder, archive) = archive();
    let path = folder.path().join("optuna.db");
    std::fs::copy(golden("optuna.db"), &path).unwrap();
    let of_two = "(SELECT max(trial_id) FROM trials JOIN studies USING (study_id) WHERE study_name = 'two')";
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(&format!(
        "UPDATE trials SET state = 'FAIL' WHERE trial_id = {of_two};
         DELETE FROM trial_params WHERE trial_id = {of_two}"
    ))
    .unwrap();
    drop(db);
    let report = archive.import_optuna(&path, "lab", &provenance()).unwrap();
    assert!(
        report.notes.iter().any(|note| note.starts_with("1 trials of study `two` were left out")),
        "{report:?}"
    );
    let two = archive.runs().unwrap().into_iter().find(|run| run.task == "lab/two").unwrap();
    let space = archive.header(two.id).unwrap().space;
    assert!(space.parameters.iter().all(|parameter| parameter.when.is_none()), "{space:?}");
    // A study of the same name in another file of the same name is told apart by nothing.
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("UPDATE trials SET datetime_start = '1999-01-01 00:00:00'").unwrap();
    drop(db);
    let report = archive.import_optuna(&path, "lab", &provenance()).unwrap();
    assert!(report.notes.iter().any(|note| note.contains("another `--name`")), "{report:?}");
    let own = folder.path().join("archive.db");
    Archive::create(&own).unwrap();
    let refused = archive.import_optuna(&own, "lab", &provenance()).unwrap_err().to_string();
    assert!(refused.contains("archive merge"), "{refused}");
}

/// A training that was stopped early, and one that diverged, keep what they measured.
#[test]
fn curves_that_end_early_are_kept_as_far_as_they_go() {
    let (folder, archive) = archive();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "table.toml",
        "name = \"tiny\"\n[space]\n[[space.parameter]]\nname = \"p\"\ntype = \"int\"\nlow = 1\nhigh = 2\n\
         [files]\nevaluations = \"r.csv\"\n[columns]\ntraining = \"seed\"\n\
         [fidelity]\nname = \"epochs\"\ncolumn = \"epoch\"\ncurve = true\n\
         [[objective]]\nname = \"loss\"\ndirection = \"minimise\"\n[[recorded]]\nobjectives.loss = \"loss\"\n",
    );
    let rows = "1,0,1,0.1\n1,0,2,0.2\n1,0,3,nan\n2,0,1,0.5\n2,0,2,0.4\n2,1,1,0.6\n2,1,2,0.5\n2,1,3,0.3\n";
    write("r.csv", &format!("p,seed,epoch,loss\n{rows}"));
    let table = heirloom_recorded_table::RecordedTable::open(folder.path()).unwrap();
    let report = archive.import_table(&table).unwrap();
    assert_eq!((report.n_evaluations, report.n_left_out), (8, 0));
    let mut values: Vec<f64> = Vec::new();
    for run in archive.runs().unwrap() {
        archive
            .evaluations(&run, &mut |batch| {
                values.extend(batch.objectives.iter().filter(|value| value.is_finite()));
                Ok(())
            })
            .unwrap();
    }
    values.sort_by(f64::total_cmp);
    assert_eq!(values, [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6]);
}
