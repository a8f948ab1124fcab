//! Reports of crashes: whose they are, and what repeats them.

use heirloom_tests::{Bench, complaint};
use serde_json::{Value as Json, json};

/// Writes a report as the first programs wrote them, of a crash at `time`.
fn write_report(bench: &Bench, plugin: &str, version: &str, time: u64) {
    let folder = format!("data/heirloom/crashes/{plugin}-{version}");
    std::fs::create_dir_all(bench.path(&folder)).unwrap();
    let report = json!({
        "plugin": plugin, "version": version, "fingerprint": "a02bc6fa49fcb4d8", "built": "for any with Python",
        "host": "heirloom 0.1.0 on x86_64-unknown-linux-gnu", "kind": "estimator", "component": "crashing",
        "options": {}, "method": "evaluate", "trials": [0], "seed": null, "message": "it died", "printed": "",
        "time": time, "replay": null,
    });
    bench.write(&format!("{folder}/crash-1.json"), &report.to_string());
}

#[test]
fn a_plugins_reports_are_its_own_and_the_newest_is_that_of_the_last_crash() {
    let bench = Bench::new();
    write_report(&bench, "crash", "0.9.0", 10);
    write_report(&bench, "crash", "0.10.0", 30);
    write_report(&bench, "crash-two", "0.1.0", 20);
    let times = |named: &[&str]| -> Vec<u64> {
        let reports = bench.json(&[&["plugin", "report"][..], named].concat());
        reports.as_array().unwrap().iter().map(|one| one["report"]["time"].as_u64().unwrap()).collect()
    };
    assert_eq!(times(&["crash"]), [10, 30]);
    assert_eq!(times(&["crash-two"]), [20]);
    assert_eq!(times(&["crash-0.9.0"]), [10]);
    assert_eq!(times(&[]), [10, 20, 30]);
    let output = bench.run(&["plugin", "report", "--replay", "--json"]);
    let words = "crash-0.10.0/crash-1.json` has no replay file";
    assert!(complaint(&output).contains(words), "{}", complaint(&output));
    let unknown = bench.run(&["plugin", "report", "cras"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", complaint(&unknown));
}

/// A plugin whose estimator keeps a file of its trial and then ends so.
fn write_plugin(bench: &Bench, end: &str) {
    std::fs::create_dir_all(bench.path("keeper")).unwrap();
    bench.write(
        "keeper/plugin.toml",
        "id = \"their-keeper\"\ndescription = \"Keeps files\"\nversion = \"0.1.0\"\nlanguage = \"python\"\n\
         module = \"keeper\"\n\n[[component]]\nkind = \"estimator\"\nname = \"keeper\"\n\
         description = \"Keeps files\"\n",
    );
    let module = format!(
        "import os\n\nimport heirloom_plugin as heirloom\n\n\n@heirloom.estimator(\"keeper\", objectives={{\"loss\": \
         \"minimise\"}})\ndef train(trial):\n    with open(os.path.join(trial.own_folder(), \"kept\"), \"a\") as \
         file:\n        file.write(\"x\")\n    {end}\n"
    );
    bench.write("keeper/keeper.py", &module);
}

#[test]
fn an_evaluation_that_keeps_files_is_repeated_and_the_runs_folder_stays_as_it_is() {
    let bench = Bench::new();
    write_plugin(&bench, "os._exit(3)");
    bench.write(
        "run.toml",
        "seed = 1\n[task]\nname = \"t\"\n[[space.parameter]]\nname = \"x\"\ntype = \"float\"\nlow = 0\nhigh = 1\n\
         [strategy]\nname = \"random\"\n[estimator]\nname = \"keeper\"\n[budget]\ntrials = 1\n",
    );
    let search = bench.run(&["search", "run.toml", "--plugins", "keeper"]);
    assert_eq!(search.status.code(), Some(1), "{}", complaint(&search));
    let run = std::fs::read_dir(bench.path("archive.heirloom.files")).unwrap().next().unwrap().unwrap();
    let kept = run.path().join("trial-0/kept");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "x");
    let replay = || {
        let arguments = ["plugin", "report", "their-keeper", "--replay", "--json", "--plugins", "keeper"];
        let output = bench.run(&arguments);
        let ended: Json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", complaint(&output)));
        (output.status.code(), ended)
    };
    let (code, ended) = replay();
    assert_eq!((code, &ended["Died"]["call"]), (Some(3), &Json::from(1)), "{ended}");
    // What the author makes of it: an evaluation that fails is not one that is well.
    write_plugin(&bench, "raise heirloom.Rejected(\"too large\")");
    let (code, ended) = replay();
    let failed = json!({ "Failed": { "call": 1, "kind": "rejected", "message": "too large" } });
    assert_eq!((code, ended), (Some(0), failed));
    write_plugin(&bench, "return trial[\"x\"]");
    assert_eq!(replay(), (Some(0), json!({ "Answered": { "calls": 1 } })));
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "x");
}
