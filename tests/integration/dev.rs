//! `plugin dev`: the example in C, changed while it is watched.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use heirloom_tests::{Bench, complaint, root};
use serde_json::Value as Json;

/// The example and a run file for it, in a folder where they can be changed.
fn example(bench: &Bench) -> PathBuf {
    let folder = bench.path("coin");
    std::fs::create_dir(&folder).unwrap();
    for file in ["Makefile", "coin.c", "plugin.toml"] {
        std::fs::copy(root().join("examples/c-strategy").join(file), folder.join(file)).unwrap();
    }
    bench.search_file("cifar10", "c-coin", 40);
    folder
}

fn dev(bench: &Bench, once: bool) -> std::process::Command {
    let mut arguments = vec!["plugin", "dev", "coin", "cifar10.toml", "--json"];
    arguments.extend(once.then_some("--once"));
    let mut command = bench.command(&arguments);
    command.env("HEIRLOOM", root().join("core/plugin-abi/include"));
    command
}

/// Ends the watcher with the test.
struct Watcher(Child);

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_change_is_built_and_searched_with_the_same_seed_in_under_two_seconds() {
    let bench = Bench::new();
    let source = example(&bench).join("coin.c");
    let mut watcher = Watcher(dev(&bench, false).stdout(Stdio::piped()).spawn().unwrap());
    let printed = watcher.0.stdout.take().unwrap();
    let mut rounds = serde_json::Deserializer::from_reader(printed).into_iter::<Json>();
    let mut round = || rounds.next().unwrap().unwrap();
    let first = round();
    assert_eq!((&first["n_trials"], &first["n_replayed"]), (&Json::from(40), &Json::from(0)));
    assert_eq!(first["differs_from"], Json::Null);

    // What changes nothing for the search is replayed to its end.
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, format!("{text}\n/* A remark. */\n")).unwrap();
    let same = round();
    assert_eq!((&same["n_trials"], &same["n_replayed"]), (&Json::from(40), &Json::from(40)));
    assert_eq!((&same["differs_from"], &same["best"]), (&Json::Null, &first["best"]));
    let seconds =
        |round: &Json| round["build_seconds"].as_f64().unwrap() + round["search_seconds"].as_f64().unwrap();
    let text = text.replace("toss < coin->mutation_rate", "toss > coin->mutation_rate");
    std::fs::write(&source, &text).unwrap();
    let other = round();
    assert_eq!((&other["n_trials"], &other["n_replayed"]), (&Json::from(40), &Json::from(0)));
    assert!(other["differs_from"].as_u64().unwrap() > 0, "{other}");

    // The least of several: other programs run at the same time.
    let mut least = seconds(&same).min(seconds(&other));
    for remark in 0..20 {
        if least < 2.0 {
            return;
        }
        std::fs::write(&source, format!("{text}\n/* {remark} */\n")).unwrap();
        least = least.min(seconds(&round()));
    }
    panic!("{least} s");
}

#[test]
fn what_does_not_build_says_what_the_compiler_said() {
    let bench = Bench::new();
    let source = example(&bench).join("coin.c");
    std::fs::write(&source, "this is no C").unwrap();
    let output = dev(&bench, true).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = complaint(&output);
    assert!(said.contains("`coin` does not build:") && said.contains("coin.c:1:"), "{said}");
}
