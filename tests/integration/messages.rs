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
    bench.search_file("cifar10", "random", 2);
    bench.ok(&["search", "cifar10.toml"]);
    let output = bench.run(&["show", "a\u{1b}b\t\u{1}", "--json"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(error["message"].as_str().is_some_and(|text| text.contains("a\u{1b}b\t\u{1}")), "{error}");
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

/// The program ends with this exit code and says all of `parts`.
fn complains(output: &std::process::Output, code: i32, parts: &[&str]) {
    let said = complaint(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
}

#[test]
fn an_option_that_cannot_be_is_refused_before_anything_is_done() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 5);
    complains(&bench.run(&["search", "cifar10.toml", "--workers", "4097"]), 2, &["4097", "4096"]);
    complains(&bench.run(&["search", "cifar10.toml", "--plugins", "/nope"]), 2, &["`--plugins /nope`"]);
    let bench_of = |options: &[&str]| bench.run(&[&["bench", "cifar10.toml"][..], options].concat());
    complains(&bench_of(&["--seeds", "18446744073709551615"]), 2, &["1000000"]);
    complains(&bench_of(&["--trials", "9000000000000000000"]), 2, &["1000000"]);
    bench.search_file("cifar100", "random", 9_000_000_000_000_000_000);
    complains(&bench.run(&["bench", "cifar100.toml"]), 2, &["at most 1000000 trials"]);
    complains(&bench.run(&["plugin", "dev", "nowhere", "cifar10.toml"]), 2, &["no folder `nowhere`"]);
    bench.write("taken", "");
    complains(&bench.run(&["data", "get", "fcnet-hpo", "--out", "taken"]), 1, &["taken`", "--out FOLDER"]);
    assert!(!bench.path("archive.heirloom").exists());
}

/// Who looks for a strategy that is there and broken must not be told that there is none.
#[test]
fn a_search_for_a_strategy_of_a_broken_plugin_says_what_is_wrong_with_it() {
    let bench = Bench::new();
    let file = bench.search_file("cifar10", "random", 5);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("name = \"random\"", "name = \"seeker\"")).unwrap();
    std::fs::create_dir(bench.path("mine")).unwrap();
    bench.write("mine/plugin.toml", "id = \"seeker\"\nlanguage = \"python\"\n");
    let built = heirloom_tests::built().to_str().unwrap();
    let output = bench.run(&["search", "cifar10.toml", "--plugins", "mine", "--plugins", built]);
    complains(
        &output,
        2,
        &["there is no strategy `seeker`", "one plugin was left out: `mine`", "missing field `description`"],
    );
}

#[test]
fn a_result_is_not_written_over_what_it_comes_from() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 5);
    bench.ok(&["search", "cifar10.toml"]);
    for out in ["archive.heirloom", "./archive.heirloom-wal"] {
        complains(&bench.run(&["export", "latest", "--out", out]), 2, &["belongs to the archive"]);
    }
    let plot = |file: &str| bench.run(&["bench", "cifar10.toml", "--seeds", "2", "--plot", file]);
    complains(&plot("archive.heirloom"), 2, &["belongs to the archive"]);
    complains(&plot("cifar10.toml"), 2, &["belongs to the run file"]);
    let log = |file: &str| bench.run(&["search", "cifar10.toml", "--log", "debug", "--log-file", file]);
    complains(&log("archive.heirloom"), 2, &["belongs to the archive"]);
    complains(&log("cifar10.toml"), 2, &["belongs to the run file"]);
    std::fs::copy(bench.path("archive.heirloom"), bench.path("other")).unwrap();
    complains(&log("other"), 2, &["`other` is an archive"]);
    assert_eq!(bench.trials("latest").len(), 5);
}

#[test]
fn a_space_is_read_from_any_file_and_an_archive_that_cannot_be_read_is_named() {
    let bench = Bench::new();
    let show = |space: &str| bench.run(&["space", "show", space]);
    bench.write("myspace", "[[parameter]]\nname = \"depth\"\ntype = \"int\"\nlow = 1\nhigh = 3\n");
    assert!(String::from_utf8(show("myspace").stdout).unwrap().contains("depth"));
    bench.write(
        "whole",
        "forbidden = [{ parameter = \"act\", is = \"tanh\" }]\n[[parameter]]\nname = \"lr\"\ntype = \"float\"\nlow = 1e-4\n\
         high = 1.0\nlog = true\nprior = { around = 0.01 }\n[[parameter]]\nname = \"act\"\ntype = \"categorical\"\n\
         choices = [\"relu\", \"tanh\"]\nprior = { weights = [3, 1] }\n",
    );
    let shown = String::from_utf8(show("whole").stdout).unwrap();
    for part in [
        "0.0001 to 1, logarithmic",
        "around 0.01",
        "by weights 3, 1",
        "forbidden: `act = tanh`",
        "infinitely many",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    bench.write(
        "run.toml",
        "[task]\nname = \"t\"\n[space]\nfile = \"whole\"\n[strategy]\nname = \"random\"\n",
    );
    assert_eq!(show("run.toml").stdout, shown.as_bytes(), "a run file's space");
    bench.write("spaceless.toml", "[task]\nname = \"t\"\n[strategy]\nname = \"random\"\n");
    complains(&show("spaceless.toml"), 2, &["this run file has no `[space]`", "name a run of it"]);
    complains(&show("nas-bench-21"), 2, &["no preset, file or run", "no archive at", "`nas-bench-201`"]);
    bench.write("archive.heirloom", "not an archive, and long enough to see that it is none");
    complains(&show("latest"), 1, &["archive.heirloom` is not an archive"]);
    std::fs::remove_file(bench.path("archive.heirloom")).unwrap();
    bench.search_file("cifar10", "random", 5);
    bench.ok(&["search", "cifar10.toml"]);
    bench.ok(&["search", "cifar10.toml", "--seed", "2"]);
    complains(&show("nas-bench-21"), 2, &["no preset, file or run"]);
    assert!(show("latest").status.success());
}

#[test]
fn what_cannot_be_said_does_not_change_how_a_command_ends() {
    let bench = Bench::new();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = bench.command(&["space", "show", "darts"]).stdout(full()).output().unwrap();
    complains(&output, 1, &["cannot write to standard output"]);
    let mut silent = bench.command(&["search", "absent.toml"]);
    assert_eq!(silent.stderr(full()).status().unwrap().code(), Some(2));
}

#[test]
fn an_empty_variable_counts_as_none() {
    let bench = Bench::new();
    let mut homeless = std::process::Command::new(heirloom_tests::built().join("heirloom"));
    homeless.args(["runs"]).env("HEIRLOOM_ARCHIVE", "").env("HOME", "").env_remove("XDG_DATA_HOME");
    homeless.env_remove("HEIRLOOM_HOME").current_dir(bench.folder.path());
    complains(&homeless.output().unwrap(), 2, &["no place for the archive"]);
}

#[test]
fn a_column_that_a_few_cells_make_text_is_told_of_with_the_first_of_them() {
    let bench = Bench::new();
    let text = std::fs::read_to_string(bench.search_file("cifar10", "random", 2)).unwrap();
    let search = |data: &str, options: &str| {
        let rows: String = (0..20).map(|row| format!("{row}.5,{},{}\n", row * 2, row % 2)).collect();
        bench.write("own.csv", &format!("a,b,y\n{rows}{data}\n"));
        let task = format!("name = \"cifar10\"\ndata = \"own.csv\"\n{options}\n\n[strategy]");
        bench.write("run.toml", &text.replacen("name = \"cifar10\"\n\n[strategy]", &task, 1));
        bench.run(&["search", "run.toml"])
    };
    let said = complaint(&search("0.1,unknown,1", ""));
    for part in ["own.csv`: column `b` becomes categories", "first `unknown` on line 22", "`categorical`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for (data, options) in [("0.1,unknown,1", "categorical = [\"b\"]"), ("N/A,NULL,1", "")] {
        let output = search(data, options);
        assert!(
            output.status.success() && !complaint(&output).contains("categories"),
            "{}",
            complaint(&output)
        );
    }
    let output = search("0.1,7,maybe", "");
    complains(&output, 1, &["column `y` has the value `maybe` on line `22`", "kind = \"classification\""]);
}
