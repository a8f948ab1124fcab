use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use heirloom_tests::{Bench, complaint};
use serde_json::{Value as Json, json};

/// A network of two numbers in and two classes out, as an estimator keeps it for a trial.
fn keep(bench: &Bench, run: &str, trial: u64, weights: [f32; 4]) -> PathBuf {
    let folder = bench.path(&format!("archive.heirloom.files/{run}/trial-{trial}"));
    std::fs::create_dir_all(&folder).unwrap();
    let network = json!({
        "input": [2],
        "layers": [{"name": "head", "operation": {"kind": "linear", "outputs": 2, "bias": false}, "inputs": [0]}],
        "output": 1
    });
    let column = |name: &str| json!({"name": name, "kind": "numeric", "mean": 0.0, "std": 1.0, "fill": 0.0, "indicates_missing": false});
    let preparation = json!({
        "input": {"kind": "table", "columns": [column("width"), column("height")]},
        "target": {"kind": "classes", "names": ["small", "large"]}
    });
    std::fs::write(folder.join("network.json"), network.to_string()).unwrap();
    std::fs::write(folder.join("preparation.json"), preparation.to_string()).unwrap();
    let header =
        json!({"head.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    weights.iter().for_each(|weight| bytes.extend(weight.to_le_bytes()));
    std::fs::write(folder.join("weights.safetensors"), bytes).unwrap();
    folder
}

/// A finished run, its id and the number of its best trial.
fn searched(bench: &Bench) -> (String, u64) {
    bench.search_file("cifar10", "random", 12);
    let summary = bench.json(&["search", "cifar10.toml"]);
    (summary["run"].as_str().unwrap().into(), summary["best"]["trial"].as_u64().unwrap())
}

fn file_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_best_trials_network_comes_out_as_files_that_say_what_they_are() {
    let bench = Bench::new();
    let (run, best) = searched(&bench);
    keep(&bench, &run, best, [1.0, 2.0, 3.0, 4.0]);
    let exported = bench.json(&["export", "cifar10", "--best", "--out", "network"]);
    let names = [
        "README.txt",
        "model.onnx",
        "model.pt",
        "model.py",
        "network.json",
        "preparation.json",
        "weights.safetensors",
    ];
    assert_eq!(file_names(&bench.path("network")), names);
    let files = exported["files"].as_object().unwrap();
    assert!(files.values().all(|path| Path::new(path.as_str().unwrap()).is_file()), "{files:?}");
    assert_eq!((&exported["trial"], &exported["is_unfinished"]), (&Json::from(best), &Json::from(false)));
    assert_eq!(exported["n_parameters"], 4);
    let shown = &bench.json(&["show", "cifar10"])["summary"]["best"];
    assert_eq!((&exported["objectives"], &exported["metrics"]), (&shown["objectives"], &shown["metrics"]));
    let readme = std::fs::read_to_string(bench.path("network/README.txt")).unwrap();
    assert!(readme.contains(&format!("Trial {best} of the run `cifar10` ({run})")), "{readme}");
    assert!(readme.contains(": the best of the run."), "{readme}");
    assert!(readme.contains("`true` and `false` for truth values"), "{readme}");
    // Again, and to the folder that has the trial's name: the same files.
    let said = bench.ok(&["export", "latest", "--best"]);
    assert!(said.contains("written to "), "{said}");
    let again = bench.path(&format!("cifar10-trial-{best}"));
    for name in names {
        assert_eq!(
            std::fs::read(again.join(name)).unwrap(),
            std::fs::read(bench.path("network").join(name)).unwrap(),
            "{name}"
        );
    }
}

/// The edges of a cell that lead nowhere are kept, and no result depends on them.
#[test]
fn all_exported_files_count_the_parameters_that_the_result_depends_on() {
    let bench = Bench::new();
    let (run, best) = searched(&bench);
    let folder = keep(&bench, &run, best, [1.0; 4]);
    let network = std::fs::read_to_string(folder.join("network.json")).unwrap();
    let mut network: Json = serde_json::from_str(&network).unwrap();
    let mut nowhere = network["layers"][0].clone();
    nowhere["name"] = "nowhere".into();
    network["layers"].as_array_mut().unwrap().push(nowhere);
    std::fs::write(folder.join("network.json"), network.to_string()).unwrap();
    let tensor = |begin: u64| json!({"dtype": "F32", "shape": [2, 2], "data_offsets": [begin, begin + 16]});
    let header = json!({"head.weight": tensor(0), "nowhere.weight": tensor(16)}).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend([0_u8; 32]);
    std::fs::write(folder.join("weights.safetensors"), bytes).unwrap();
    let exported = bench.json(&["export", "cifar10", "--best", "--out", "network"]);
    assert_eq!(exported["n_parameters"], 4);
    for (name, words) in [
        ("README.txt", "exported network: 4 parameters,"),
        ("model.py", "A trained network of 4 parameters,"),
    ] {
        let text = std::fs::read_to_string(bench.path("network").join(name)).unwrap();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_killed_run_gives_its_best_so_far_and_says_that_it_is() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 1_000_000);
    let mut search = bench.command(&["search", "cifar10.toml"]);
    let mut search = search.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        bench.runs().first().is_some_and(|run| run["n_trials"].as_u64() > Some(20))
    });
    search.kill().unwrap();
    search.wait().unwrap();
    assert!(begun, "no trials within a minute");
    let summary = &bench.json(&["show", "cifar10"])["summary"];
    let best = summary["best"]["trial"].as_u64().unwrap();
    keep(&bench, summary["run"].as_str().unwrap(), best, [1.0; 4]);
    let exported = bench.json(&["export", "cifar10", "--best", "--out", "network"]);
    assert_eq!((&exported["trial"], &exported["is_unfinished"]), (&Json::from(best), &Json::from(true)));
    let readme = std::fs::read_to_string(bench.path("network/README.txt")).unwrap();
    assert!(readme.contains(": the best so far, as the run is running."), "{readme}");
}

#[test]
fn a_run_that_trained_nothing_says_so_and_another_trial_is_named() {
    let bench = Bench::new();
    let (run, best) = searched(&bench);
    let output = bench.run(&["export", "cifar10", "--best"]);
    assert_eq!(output.status.code(), Some(1));
    let said = complaint(&output);
    assert!(said.contains("kept no trained network in"), "{said}");
    assert!(said.contains("its estimator `table` may train none"), "{said}");
    assert!(said.contains("`keep = \"nothing\"`"), "{said}");
    let other = if best == 0 { 1 } else { 0 };
    keep(&bench, &run, other, [0.0; 4]);
    let said = complaint(&bench.run(&["export", "cifar10", "--best"]));
    assert!(said.contains(&format!("`--trial N` with one of {other}")), "{said}");
    let exported = bench.json(&["export", "cifar10", "--trial", &other.to_string(), "--out", "other"]);
    assert_eq!(exported["trial"], Json::from(other));
    let output = bench.run(&["export", "cifar10", "--trial", "99"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("it has 0 to 11"), "{}", complaint(&output));
}

#[test]
fn damaged_weights_leave_no_files_and_name_what_is_wrong() {
    let bench = Bench::new();
    let (run, best) = searched(&bench);
    let folder = keep(&bench, &run, best, [0.0; 4]);
    let path = folder.join("weights.safetensors");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let output = bench.run(&["export", "cifar10", "--best", "--out", "network"]);
    assert_eq!(output.status.code(), Some(1));
    let said = complaint(&output);
    assert!(said.contains("is no whole safetensors file"), "{said}");
    assert!(!bench.path("network").exists());
    std::fs::write(&path, String::from_utf8_lossy(&whole).replace("head.weight", "tail.weight")).unwrap();
    let said = complaint(&bench.run(&["export", "cifar10", "--best", "--out", "network"]));
    assert!(said.contains("tensor `head.weight`: the network needs it and it is not there"), "{said}");
    std::fs::write(folder.join("network.json"), "{").unwrap();
    let said = complaint(&bench.run(&["export", "cifar10", "--best", "--out", "network"]));
    assert!(said.contains("network.json` cannot be used"), "{said}");
    let output = bench.run(&["export", "cifar10", "--best", "--format", "csv"]);
    assert_eq!(output.status.code(), Some(2), "a network is no table");
}

#[test]
fn a_table_that_finds_no_room_leaves_what_was_there() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 1500);
    bench.ok(&["search", "cifar10.toml"]);
    let export = ["export", "cifar10", "--format", "csv", "--out", "trials.csv"];
    bench.ok(&export);
    let before = std::fs::read(bench.path("trials.csv")).unwrap();
    assert!(before.len() > 100_000, "{}", before.len());
    let names = file_names(bench.folder.path());
    // The archive's own files beside it are smaller.
    let output = bench.run_on_a_full_disk(&export, 64);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("trials.csv"), "{said}");
    assert_eq!(std::fs::read(bench.path("trials.csv")).unwrap(), before);
    assert_eq!(file_names(bench.folder.path()), names);
    // What is no file is not put aside.
    std::fs::remove_file(bench.path("trials.csv")).unwrap();
    std::os::unix::fs::symlink("/dev/null", bench.path("trials.csv")).unwrap();
    bench.ok(&export);
    assert!(bench.path("trials.csv").is_symlink());
}
