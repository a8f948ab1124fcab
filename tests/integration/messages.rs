use heirloom_tests::{Bench, complaint};

/// The program refuses the run file with exit code 2 and says all of `parts`.
fn refuses(bench: &Bench, text: &str, parts: &[&str]) {
    bench.write("run.toml", text);
    let output = bench.run(&["search", "run.toml"]);
    let said = complaint(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    assert!(!bench.path("archive.heirloom").exists(), "a refused run file leaves no archive behind");
}

fn good(bench: &Bench) -> String {
    std::fs::read_to_string(bench.search_file("cifar10", "evolution", 10)).unwrap()
}

#[test]
fn a_misspelt_plugin_is_shown_in_its_line_with_the_name_that_was_meant() {
    let bench = Bench::new();
    let text = good(&bench).replace("\"evolution\"", "\"evolutoin\"");
    refuses(&bench, &text, &["no strategy `evolutoin`", "run.toml:8", "did you mean `evolution`?"]);
}

#[test]
fn a_plugins_own_options_are_checked_against_its_schema_in_their_lines() {
    let bench = Bench::new();
    let text = good(&bench).replace("\"evolution\"\n", "\"evolution\"\npopulation = 0\ntournement = 3\n");
    refuses(&bench, &text, &["run.toml:9", "run.toml:10", "`tournement`", "did you mean `tournament`?"]);
}

#[test]
fn what_only_the_plugin_can_know_still_points_into_the_file() {
    let bench = Bench::new();
    let text = good(&bench).replace("task = \"cifar10\"", "task = \"cifar11\"");
    refuses(&bench, &text, &["no task `cifar11`", "run.toml:10", "heirloom-estimator-table"]);
    let text = good(&bench) + "\n[objective]\nname = \"val_ac\"\n";
    refuses(&bench, &text, &["does not measure `val_ac`", "run.toml:19", "did you mean `val_acc`?"]);
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let bench = Bench::new();
    let text = good(&bench).replace("trials = 10", "trials = \"ten\"").replace("seed = 1", "sede = 1");
    let text = text + "\n[run]\nworkers = 0\n";
    refuses(&bench, &text, &["3 mistakes", "did you mean `seed`?", "budget.trials", "run.workers = 0"]);
}

#[test]
fn a_file_that_is_not_there_and_a_run_that_is_unknown_are_named() {
    let bench = Bench::new();
    let output = bench.run(&["search", "absent.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("`absent.toml`"));

    let output = bench.run(&["runs"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("archive.heirloom"));

    bench.search_file("cifar10", "random", 5);
    bench.ok(&["search", "cifar10.toml"]);
    let output = bench.run(&["show", "nothing-of-that-name"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("`nothing-of-that-name`"));
}

#[test]
fn with_json_an_error_is_json_too() {
    let bench = Bench::new();
    bench.write("run.toml", "[task]\nname = 3\n");
    let output = bench.run(&["search", "run.toml", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(error["related"].as_array().is_some_and(|mistakes| mistakes.len() >= 3), "{error}");
}

#[test]
fn a_file_that_is_no_archive_is_left_as_it_is() {
    let bench = Bench::new();
    bench.write("archive.heirloom", "these are my notes");
    bench.search_file("cifar10", "random", 5);
    let output = bench.run(&["search", "cifar10.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("not an archive"));
    assert_eq!(std::fs::read_to_string(bench.path("archive.heirloom")).unwrap(), "these are my notes");
}
