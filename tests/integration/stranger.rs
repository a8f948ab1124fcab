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
fn new_plugin(bench: &Bench, kind: &str, language: &str) -> PathBuf {
    let name = format!("their-{kind}");
    let sdk = root().to_str().unwrap();
    let made = bench.json(&["plugin", "new", &name, "--kind", kind, "--lang", language, "--sdk", sdk]);
    assert_eq!((made["kind"].as_str(), made["language"].as_str()), (Some(kind), Some(language)));
    assert_eq!(made["folder"], name);
    bench.path(&name)
}

/// A new crate.
fn new_crate(bench: &Bench, kind: &str) -> PathBuf {
    let folder = new_plugin(bench, kind, "rust");
    // The versions of the project itself: those are here without a network.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

/// Makes a plugin, tests it, builds it and searches with it.
fn build_and_search(kind: &str) {
    let bench = Bench::new();
    let folder = new_crate(&bench, kind);
    cargo_fmt(&folder);
    let tested = cargo(&folder, &["test"]);
    let passed = tested.lines().filter(|line| line.starts_with("test result: ok")).count();
    assert!(passed >= 2, "{tested}");
    assert!(tested.contains("test conforms ... ok"), "{tested}");
    assert!(tested.contains("test the_library_conforms ... ok"), "{tested}");
    cargo(&folder, &["build"]);
    let library = target().join("debug").join(format!("libtheir_{kind}.so"));
    check(&bench, &folder);
    search(&bench, kind, &library);
    give_away_and_use(&bench, &folder, kind);
}

/// Packs, signs and publishes a plugin; then somebody else, whose home is empty, installs it by name and searches.
fn give_away_and_use(author: &Bench, folder: &Path, kind: &str) {
    let name = format!("their-{kind}");
    let as_author = |arguments: &[&str]| {
        let output = author.command(arguments).env("CARGO_TARGET_DIR", target()).output().unwrap();
        assert!(output.status.success(), "heirloom {arguments:?}: {}", complaint(&output));
    };
    let package = format!("dist/{name}-0.1.0.heirloom");
    as_author(&["plugin", "key", "new"]);
    as_author(&["plugin", "pack", folder.to_str().unwrap(), "--out", "dist"]);
    as_author(&["plugin", "sign", &package]);
    as_author(&["plugin", "verify", &package]);
    as_author(&["plugin", "publish", &package, "--index", "index"]);

    let user = Bench::new();
    for entry in std::fs::read_dir(folder.join("search")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, user.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
    }
    let unknown = user.run(&["search", "run.toml"]);
    assert!(complaint(&unknown).contains(&format!("there is no {kind} `{name}`")), "{}", complaint(&unknown));
    let index = author.path("index");
    user.ok(&["plugin", "add", &format!("{name}@0.1.0"), "--index", index.to_str().unwrap()]);
    let summary = user.json(&["search", "run.toml"]);
    assert_eq!(summary["versions"][&name], "0.1.0", "{summary}");
    assert_eq!(summary["n_failed"], 0, "{summary}");
    let lock = std::fs::read_to_string(user.path("heirloom.lock")).unwrap();
    assert!(lock.contains(&name), "{lock}");
}

/// What others run before they trust a plugin.
fn check(bench: &Bench, folder: &Path) {
    let mut command = bench.command(&["plugin", "check", folder.to_str().unwrap(), "--json"]);
    let output = command.env("CARGO_TARGET_DIR", target()).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", complaint(&output));
    let report: Json = serde_json::from_str(&report).unwrap();
    let summary = &report["summary"];
    assert!(summary["success"].as_u64().unwrap() >= 20, "{summary}");
    assert_eq!((summary["failed"].as_u64(), summary["crashed"].as_u64()), (Some(0), Some(0)), "{summary}");
}

/// The run file of a new plugin, searched with the plugin at `path`.
fn search(bench: &Bench, kind: &str, path: &Path) {
    let run = format!("their-{kind}/search/run.toml");
    let summary = bench.json(&["search", &run, "--plugins", path.to_str().unwrap()]);
    assert_eq!(summary["name"], format!("their-{kind}"));
    assert_eq!(summary["versions"][format!("their-{kind}")], "0.1.0", "{summary}");
    assert_eq!(summary["n_failed"], 0, "{summary}");
    let n_filtered = summary["n_filtered"].as_u64().unwrap();
    assert_eq!(n_filtered > 0, kind == "proxy", "{summary}");
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

/// Makes a plugin in Python, runs its tests as its README says, and searches with it.
fn test_and_search_in_python(kind: &str) {
    let bench = Bench::new();
    let folder = new_plugin(&bench, kind, "python");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let tests = readme.lines().find(|line| line.contains("unittest")).unwrap();
    let output = Command::new("sh").args(["-c", tests]).current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("\nOK"), "{tests}: {said}");
    check(&bench, &folder);
    search(&bench, kind, &folder);
    give_away_and_use(&bench, &folder, kind);
}

#[test]
fn a_new_strategy_in_python_passes_its_tests_and_searches() {
    test_and_search_in_python("strategy");
}

#[test]
fn a_new_estimator_in_python_passes_its_tests_and_measures() {
    test_and_search_in_python("estimator");
}

#[test]
fn a_new_proxy_in_python_passes_its_tests_and_filters() {
    test_and_search_in_python("proxy");
}

/// Makes a plugin in C, builds and tests it with both compilers, and searches with it.
fn make_and_search_in_c(kind: &str) {
    let bench = Bench::new();
    let folder = new_plugin(&bench, kind, "c");
    for arguments in
        [&["CFLAGS=-O2 -Wall -Wextra -Werror"][..], &["clean"], &["CC=g++ -x c++", "STANDARD=c++17"]]
    {
        let goal = if arguments == ["clean"] { &[][..] } else { &["test"] };
        let output = Command::new("make").args(arguments).args(goal).current_dir(&folder).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "make {arguments:?}: {printed}{said}");
        assert!(goal.is_empty() || printed.contains("\npassed"), "{printed}{said}");
    }
    check(&bench, &folder);
    search(&bench, kind, &folder);
    give_away_and_use(&bench, &folder, kind);
}

#[test]
fn a_new_strategy_in_c_passes_its_tests_and_searches() {
    make_and_search_in_c("strategy");
}

#[test]
fn a_new_estimator_in_c_passes_its_tests_and_measures() {
    make_and_search_in_c("estimator");
}

#[test]
fn a_new_proxy_in_c_passes_its_tests_and_filters() {
    make_and_search_in_c("proxy");
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
