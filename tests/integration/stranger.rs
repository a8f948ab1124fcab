use std::path::{Path, PathBuf};
use std::process::Command;

use heirloom_tests::{Bench, built, complaint, root};
use serde_json::Value as Json;

/// Where all crates of strangers are built: what they depend on is compiled once.
fn target() -> PathBuf {
    built().parent().unwrap_or(built()).join("strangers")
}

/// Runs cargo in a crate of a stranger's, without the network.
fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).arg("--offline").current_dir(folder).env("CARGO_TARGET_DIR", target());
    cargo.env("HEIRLOOM_PLUGIN_WORKER", built().join("heirloom-plugin-worker"));
    let output = cargo.output().expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "cargo {arguments:?}: {}\n{said}\n{printed}", output.status);
    printed
}

/// A new plugin in a folder of its own, far from the project.
fn new_plugin(bench: &Bench, kind: &str) -> PathBuf {
    let name = format!("their-{kind}");
    let made = bench.json(&["plugin", "new", &name, "--kind", kind, "--sdk", root().to_str().unwrap()]);
    assert_eq!((made["kind"].as_str(), made["folder"].as_str()), (Some(kind), Some(name.as_str())));
    let folder = bench.path(&name);
    // The versions of the project itself: those are here without a network.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

/// Makes a plugin, tests it, builds it and searches with it.
fn build_and_search(kind: &str) {
    let bench = Bench::new();
    let folder = new_plugin(&bench, kind);
    cargo_fmt(&folder);
    let tested = cargo(&folder, &["test"]);
    let passed = tested.lines().filter(|line| line.starts_with("test result: ok")).count();
    assert!(passed >= 2, "{tested}");
    assert!(tested.contains("test conforms ... ok"), "{tested}");
    assert!(tested.contains("test the_library_conforms ... ok"), "{tested}");
    cargo(&folder, &["build"]);
    let library = target().join("debug").join(format!("libtheir_{kind}.so"));
    let summary = search(&bench, &folder, &library);
    assert_eq!(summary["name"], format!("their-{kind}"));
    assert_eq!(summary["versions"][format!("their-{kind}")], "0.1.0", "{summary}");
    assert_eq!(summary["n_failed"], 0, "{summary}");
    let n_filtered = summary["n_filtered"].as_u64().unwrap();
    assert_eq!(n_filtered > 0, kind == "proxy", "{summary}");
}

/// The run file of a new plugin, searched with the library at `library`.
fn search(bench: &Bench, folder: &Path, library: &Path) -> Json {
    let run = folder.join("search/run.toml");
    bench.json(&["search", run.to_str().unwrap(), "--plugins", library.to_str().unwrap()])
}

fn cargo_fmt(folder: &Path) {
    let output = Command::new("cargo").args(["fmt", "--check"]).current_dir(folder).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_new_strategy_builds_passes_its_tests_and_searches() {
    build_and_search("strategy");
}

#[test]
fn a_new_estimator_builds_passes_its_tests_and_measures() {
    build_and_search("estimator");
}

#[test]
fn a_new_proxy_builds_passes_its_tests_and_filters() {
    build_and_search("proxy");
}

#[test]
fn what_cannot_be_made_is_said_with_a_remedy_and_nothing_is_written() {
    let bench = Bench::new();
    for (arguments, expected) in [
        (
            &["plugin", "new", "Tree Search", "--kind", "strategy"][..],
            "`Tree Search` cannot be a plugin's name: it is not made of `a-z`, `0-9` and `-` alone help: \
             `tree-search` would do",
        ),
        (
            &["plugin", "new", "maml", "--kind", "learner"],
            "there is no `learner/1` to write one against help: `--kind strategy`",
        ),
        (
            &["plugin", "new", "mine", "--kind", "proxy", "--sdk", "no/such/folder"],
            "`no/such/folder` is not the source of Heirloom",
        ),
    ] {
        let output = bench.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", complaint(&output));
        assert!(complaint(&output).contains(expected), "{}", complaint(&output));
        assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 0);
    }
    bench.ok(&["plugin", "new", "mine", "--kind", "proxy"]);
    let again = bench.run(&["plugin", "new", "mine", "--kind", "strategy"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(complaint(&again).contains("`mine` is there already and not empty"), "{}", complaint(&again));
}
