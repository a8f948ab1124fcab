//! `heirloom plugin check`: every check can fail, and what is sound passes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use heirloom_tests::{Bench, complaint, library, root};
use serde_json::Value as Json;

use crate::libtorch::is_built;

fn check(bench: &Bench, library: &Path, more: &[&str]) -> (Output, Json) {
    let arguments = [&["plugin", "check", library.to_str().unwrap(), "--json"], more].concat();
    let output = bench.run(&arguments);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", complaint(&output)));
    (output, report)
}

fn results(report: &Json) -> &[Json] {
    report["plugins"][0]["results"].as_array().unwrap()
}

fn is_failure(result: &Json) -> bool {
    ["failed", "crashed"].contains(&result["status"].as_str().unwrap())
}

/// The names of the checks that failed.
fn failed(report: &Json) -> Vec<&str> {
    results(report).iter().filter(|r| is_failure(r)).map(|r| r["check"].as_str().unwrap()).collect()
}

#[test]
fn every_check_of_a_component_finds_the_one_that_breaks_it_and_no_other() {
    let bench = Bench::new();
    let setting = root().join("tests/broken-plugins/check.toml");
    let (output, report) =
        check(&bench, &library("heirloom-broken-plugins"), &["--with", setting.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let (mut by_component, mut made) = (BTreeMap::<&str, Vec<String>>::new(), Vec::new());
    for result in results(&report).iter().filter(|result| !result["component"].is_null()) {
        let component = result["component"]["name"].as_str().unwrap();
        let found = by_component.entry(component).or_default();
        let check = result["check"].as_str().unwrap().to_owned();
        made.push(check.clone());
        if is_failure(result) {
            found.push(format!("{check}: {}", result["message"]));
        }
    }
    made.sort();
    made.dedup();
    let mut problems = Vec::new();
    for (component, found) in &by_component {
        let named = component.replacen('-', "/", 1);
        let expected = if made.contains(&named) { vec![named] } else { Vec::new() };
        let checks: Vec<_> = found.iter().map(|f| f.split(": ").next().unwrap().to_owned()).collect();
        if checks != expected {
            problems.push(format!("`{component}` fails {found:#?}, not {expected:?}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    // No check of a component is without one that breaks it.
    let broken: Vec<_> = by_component.keys().map(|component| component.replacen('-', "/", 1)).collect();
    let unbroken: Vec<_> = made.iter().filter(|check| !broken.contains(check)).collect();
    assert!(unbroken.is_empty(), "nothing breaks {unbroken:?}");
    // Seven more are checks of the library as a whole.
    assert!(made.len() + 7 >= 40, "there are {} checks", made.len() + 7);
}

/// The sound library with its bytes changed: every `old` is a `new` of the same length.
fn changed(bench: &Bench, old: &str, new: &str) -> PathBuf {
    let mut bytes = std::fs::read(library("heirloom-strategy-random")).unwrap();
    assert_eq!(old.len(), new.len());
    let places: Vec<_> =
        (0..bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old.as_bytes())).collect();
    assert!(!places.is_empty(), "`{old}` is not in the library");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
    }
    let path = bench.path("libchanged.so");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_check_of_a_library_finds_one_that_breaks_it_and_no_other() {
    let bench = Bench::new();
    let fails = |path: &Path, name: &str, expected: &str| {
        let (output, report) = check(&bench, path, &[]);
        assert_eq!(output.status.code(), Some(3), "{name}");
        assert_eq!(failed(&report), [name], "{report:#}");
        let result = results(&report).iter().find(|result| is_failure(result)).unwrap();
        assert!(result["message"].as_str().unwrap().contains(expected), "{result:#}");
    };
    let cut = bench.path("libcut.so");
    let whole = std::fs::read(library("heirloom-strategy-random")).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    fails(&cut, "library/opens", "hint: build or copy it again");
    let alter = |old: &str, new: &str| changed(&bench, old, new);
    fails(&alter(r#"{"interface":1,"#, r#"{"interface":9,"#), "library/fits", "interface level 9");
    let (id, other) = (r#"id = "heirloom-strategy-random""#, r#"id = "Heirloom Strategy Random""#);
    fails(&alter(id, other), "library/identified", "the id `Heirloom Strategy Random` is not made of");
    let description = "Draws configurations without looking at results";
    let blank = " ".repeat(description.len());
    fails(&alter(description, &blank), "library/described", "`random` has no `description`");
    let (closed, open) = (r#""additionalProperties":false"#, r#""additionalProperties":true "#);
    fails(&alter(closed, open), "library/options", "takes an option that no component can know");
    let (symbol, gone) = ("_1as_0lib_1header_0root", "_1as_0lib_1header_0gone");
    fails(&alter(symbol, gone), "library/loads", "it exports no plugin; hint: add `export_strategy!`");
    fails(&library("heirloom-altered-plugin"), "library/extensions", "another layout than this host's");
    // No check of the library, but found in the same way: a table that nobody reads.
    let (end, paper) = ("informs = false\n", "paper = 'Bergstra and Bengio 2012");
    let old = format!("{end}{paper}");
    let table =
        format!("options.x = {{}}\npaper = '{}", " ".repeat(old.len() - "options.x = {}\npaper = '".len()));
    fails(&alter(&old, &table), "component/schema", "of which nobody takes notice");
}

/// What is skipped of the plugins that come with the project, and why: all else is checked, and passes.
const SKIPPED: &[(&str, &str, &[&str])] = &[
    ("strategy-asha", "it resumes by replay, and repeats configurations", &RESUMES_AND_REPEATS),
    ("strategy-evolution", "it resumes by replay, and repeats configurations", &RESUMES_AND_REPEATS),
    ("strategy-random", "it resumes by replay, and repeats configurations", &RESUMES_AND_REPEATS),
    ("strategy-local-search", "it resumes by replay", &["strategy/save-restore", "strategy/damaged-state"]),
    (
        "estimator-command",
        "nobody knows whether a program gives the same again",
        &[
            "component/worker",
            "component/beside-another-plugin",
            "estimator/batch",
            "estimator/deterministic",
        ],
    ),
    (
        "estimator-table",
        "a table of final results has no curves",
        &["estimator/curve-order", "estimator/stop"],
    ),
];

const RESUMES_AND_REPEATS: [&str; 3] =
    ["strategy/save-restore", "strategy/damaged-state", "strategy/exhausted"];

/// The folders of plugins that need LibTorch, or of those that do not.
fn first_party(with_libtorch: bool) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let plugins = folders.filter(|folder| folder.join("plugin.toml").is_file());
    let needs_it = |folder: &PathBuf| {
        std::fs::read_to_string(folder.join("Cargo.toml")).unwrap().contains("\ntch.workspace")
    };
    let mut found: Vec<_> = plugins.filter(|folder| needs_it(folder) == with_libtorch).collect();
    found.sort();
    found
}

/// A plugin's folder passes its checks, and none is skipped without a reason that is listed.
fn passes(folder: &Path) {
    let (output, report) = check(&Bench::new(), folder, &[]);
    assert!(output.status.success(), "{}: {report:#}", folder.display());
    let with_status = |status: &str| -> Vec<&str> {
        let results = results(&report).iter().filter(|result| result["status"] == status);
        results.map(|result| result["check"].as_str().unwrap()).collect()
    };
    let name = folder.file_name().unwrap().to_str().unwrap();
    let expected =
        SKIPPED.iter().find(|(plugin, _, _)| *plugin == name).map_or(&[][..], |(_, _, checks)| checks);
    assert_eq!(with_status("skipped"), expected, "{name}: {report:#}");
    assert!(with_status("success").len() > 20, "{name}: {report:#}");
}

#[test]
fn first_party_plugins_pass_and_little_is_skipped() {
    let plugins = first_party(false);
    assert!(plugins.len() >= 7, "{plugins:?}");
    plugins.iter().for_each(|folder| passes(folder));
}

#[test]
fn first_party_plugins_on_libtorch_pass_and_nothing_is_skipped() {
    if !is_built() {
        return;
    }
    let plugins = first_party(true);
    assert!(plugins.len() >= 2, "{plugins:?}");
    plugins.iter().for_each(|folder| passes(folder));
}

#[test]
fn a_process_that_cannot_be_copied_is_replaced_by_a_fresh_one_for_each_check() {
    let bench = Bench::new();
    // A thread that every process has from its beginning.
    let source = bench.write(
        "thread.c",
        "#include <pthread.h>\n#include <unistd.h>\n\
         static void *wait(void *nothing) { for (;;) pause(); return nothing; }\n\
         __attribute__((constructor)) static void begin(void) { pthread_t thread; pthread_create(&thread, 0, wait, 0); }\n",
    );
    let library_of_thread = bench.path("libthread.so");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let mut compile = std::process::Command::new(compiler);
    compile.args(["-shared", "-fPIC", "-pthread", "-o"]).arg(&library_of_thread).arg(source);
    assert!(compile.status().unwrap().success());
    let check = |fault: &str| {
        let setting = format!("[component.faulty.options]\nfault = \"{fault}\"\nat = 2\n");
        let setting = bench.write("check.toml", &setting).display().to_string();
        let plugin = library("heirloom-faulty-plugin").display().to_string();
        let arguments = [
            "plugin",
            "check",
            &plugin,
            "--json",
            "--with",
            &setting,
            "--component",
            "faulty",
            "--only",
            "count",
            "--limit",
            "2",
        ];
        let output = bench.command(&arguments).env("LD_PRELOAD", &library_of_thread).output().unwrap();
        let report: Json = serde_json::from_slice(&output.stdout).unwrap();
        let named = |result: &&Json| result["check"] == "strategy/count";
        results(&report).iter().find(named).unwrap()["message"].clone()
    };
    assert_eq!(check("none"), Json::Null);
    assert_eq!(check("exit"), "it ended its process with status 3");
    assert_eq!(check("hang"), "it did not end within 2 s and was killed");
}

#[test]
fn a_check_whose_process_ends_or_hangs_fails_and_the_others_are_made() {
    let bench = Bench::new();
    let with = |fault: &str| {
        let text = format!("[component.faulty.options]\nfault = \"{fault}\"\nat = 2\n");
        bench.write("check.toml", &text).display().to_string()
    };
    let plugin = library("heirloom-faulty-plugin");
    let one = |fault: &str, expected: &str| {
        let more =
            ["--with", &with(fault), "--component", "faulty", "--only", "strategy/in-bounds", "--limit", "2"];
        let (output, report) = check(&bench, &plugin, &more);
        assert_eq!(output.status.code(), Some(3));
        let result = &results(&report)[0];
        assert_eq!(result["status"], "crashed", "{report:#}");
        assert!(result["message"].as_str().unwrap().contains(expected), "{result:#}");
    };
    one("exit", "it ended its process with status 3");
    one("segfault", "a segmentation fault ended it");
    one("hang", "it did not end within 2 s and was killed");
}

#[test]
fn people_are_told_what_was_found_what_was_demanded_and_how_to_see_it_again() {
    let bench = Bench::new();
    let plugin = library("heirloom-broken-plugins");
    let plugin = plugin.to_str().unwrap();
    let one =
        ["plugin", "check", plugin, "--component", "strategy-count", "--only", "count", "--reproduce", "7"];
    let output = bench.run(&one);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "heirloom-broken 0.1.0",
        "strategy-count  strategy/count  failed",
        "found     `ask` for 7 gave 8 proposals",
        "demanded  an ask for n gives at most n proposals",
        "--component strategy-count --only strategy/count --reproduce 7",
        "0 success, 1 failed, 0 crashed, 0 skipped",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let unknown = bench.run(&["plugin", "check", plugin, "--only", "countt"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(complaint(&unknown).contains("there is no check `countt`"), "{}", complaint(&unknown));
    let unknown = bench.run(&["plugin", "check", plugin, "--component", "nobody"]);
    assert!(complaint(&unknown).contains("has no component `nobody`"), "{}", complaint(&unknown));
    let empty = bench.run(&["plugin", "check", bench.folder.path().to_str().unwrap()]);
    assert_eq!(empty.status.code(), Some(2));
    assert!(complaint(&empty).contains("there is no plugin in"), "{}", complaint(&empty));
}

#[test]
fn a_mistake_in_a_manifest_is_what_people_are_told_of() {
    let bench = Bench::new();
    let plugin = bench.path("mistaken");
    std::fs::create_dir(&plugin).unwrap();
    let manifest = "id = \"mistaken\"\ndescription = \"x\"\nlanguage = \"python\"\nmodule = \"mistaken\"\n\
                    [[component]]\nkind = \"strategy\"\nname = \"mistaken\"\ndescription = \"x\"\n";
    std::fs::write(plugin.join("plugin.toml"), manifest).unwrap();
    std::fs::write(plugin.join("mistaken.py"), "").unwrap();
    let plugin = plugin.to_str().unwrap();
    for arguments in [&["plugin", "check", plugin][..], &["--plugins", plugin, "plugin", "info", "mistaken"]]
    {
        let output = bench.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", complaint(&output));
        assert!(complaint(&output).contains("`version` is missing"), "{arguments:?}: {}", complaint(&output));
    }
}

#[test]
fn a_new_plugin_does_not_take_the_name_of_one_that_comes_with_the_program() {
    let bench = Bench::new();
    let output = bench.run(&["plugin", "new", "random", "--kind", "strategy", "--lang", "python"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("there is a strategy `random` already"), "{}", complaint(&output));
    assert!(!bench.path("random").exists());
}

#[test]
fn a_source_folder_is_checked_by_what_was_built_of_it_and_with_its_own_setting() {
    let bench = Bench::new();
    bench.write("Cargo.toml", "[package]\nname = \"heirloom-faulty-plugin\"\n");
    let folder = bench.folder.path().to_str().unwrap().to_owned();
    let count = ["plugin", "check", &folder, "--component", "faulty", "--only", "estimator/count", "--json"];
    let run = || {
        let mut command = bench.command(&count);
        command.env_remove("CARGO_TARGET_DIR").output().unwrap()
    };
    let before = run();
    assert_eq!(before.status.code(), Some(2));
    assert!(complaint(&before).contains("was not built in"), "{}", complaint(&before));
    let built = bench.path("target/debug");
    std::fs::create_dir_all(&built).unwrap();
    std::fs::copy(library("heirloom-faulty-plugin"), built.join("libheirloom_faulty_plugin.so")).unwrap();
    assert!(run().status.success(), "{}", complaint(&run()));
    bench.write("check.toml", "[component.faulty]\noptions = { fault = \"bad-count\", at = 0 }\n");
    let report: Json = serde_json::from_slice(&run().stdout).unwrap();
    assert_eq!(failed(&report), ["estimator/count"], "{report:#}");
    bench.write("check.toml", "[component.faulty]\noption = 1\n");
    let wrong = run();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(complaint(&wrong).contains("unknown field `option`"), "{}", complaint(&wrong));
}

#[test]
fn a_plugin_in_python_is_checked_in_its_worker() {
    let bench = Bench::new();
    bench.write(
        "plugin.toml",
        "id = \"again\"\ndescription = \"Draws\"\nversion = \"0.1.0\"\nlanguage = \"python\"\nmodule = \"again\"\n\
         [[component]]\nkind = \"strategy\"\nname = \"again\"\ndescription = \"Draws\"\n",
    );
    let module = |extra: &str| {
        let text = format!(
            "from heirloom_plugin import strategy\n\n@strategy(\"again\")\nclass Again:\n    def __init__(self, problem, \
             options, context):\n        self.space = problem.space\n\n    def ask(self, request):\n        return \
             [self.space.sample(request.rng(index)) for index in range(request.n{extra})]\n\n    def tell(self, \
             observations):\n        pass\n"
        );
        bench.write("again.py", &text);
    };
    let one = |only: &str| check(&bench, bench.folder.path(), &["--only", only]).1;
    module("");
    assert_eq!(failed(&one("strategy/count")), [""; 0], "{:#}", one("strategy/count"));
    assert_eq!(results(&one("loads"))[0]["status"], "skipped");
    module(" + (request.n == 7)");
    assert_eq!(failed(&one("strategy/count")), ["strategy/count"]);
}

#[test]
fn a_failing_sequence_is_found_made_short_and_played_again() {
    let bench = Bench::new();
    let plugin = library("heirloom-broken-plugins");
    let fuzz = ["--fuzz", "--seconds", "20", "--component", "hunt-crowd"];
    let (output, found) = check(&bench, &plugin, &fuzz);
    assert_eq!(output.status.code(), Some(3), "{found:#}");
    let failing = &found[0]["report"]["failing"];
    assert!(failing["found"].as_str().unwrap().contains("panicked"), "{found:#}");
    // Some trials, one of them failed, and an ask beside the others.
    let calls = failing["calls"].as_array().unwrap();
    assert!(calls.len() <= 4 && calls.iter().any(|call| call["n"].as_u64() == Some(9)), "{found:#}");
    let file = found[0]["replay_file"].as_str().unwrap();
    let (output, again) = check(&bench, &plugin, &["--reproduce", file]);
    assert_eq!(
        (output.status.code(), &again["result"]["status"]),
        (Some(3), &Json::from("failed")),
        "{again:#}"
    );
    // The same sequence on a strategy without the fault.
    let sound = std::fs::read_to_string(bench.path(file)).unwrap().replace("hunt-crowd", "strategy-sound");
    bench.write("sound.json", &sound);
    let (output, again) = check(&bench, &plugin, &["--reproduce", "sound.json"]);
    assert!(output.status.success(), "{again:#}");
    // The number of a sequence is all that it takes to find it again.
    let number = failing["seed"].to_string();
    let (_, again) = check(&bench, &plugin, &[&fuzz[..], &["--reproduce", &number]].concat());
    assert_eq!(again[0]["report"]["failing"]["calls"], failing["calls"], "{again:#}");
}

#[test]
fn first_party_strategies_survive_a_hunt() {
    let bench = Bench::new();
    for package in [
        "heirloom-strategy-random",
        "heirloom-strategy-evolution",
        "heirloom-strategy-local-search",
        "heirloom-strategy-asha",
    ] {
        let (output, found) = check(&bench, &library(package), &["--fuzz", "--seconds", "1"]);
        assert!(output.status.success(), "{found:#}");
        assert!(found[0]["report"]["n_played"].as_u64().unwrap() > 50, "{found:#}");
    }
}
