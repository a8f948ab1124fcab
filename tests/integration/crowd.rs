use std::process::Stdio;

use heirloom_tests::Bench;

#[test]
fn sixteen_processes_search_in_one_archive() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 50);
    let start = |seed: u64| {
        let seed = seed.to_string();
        let mut command = bench.command(&["search", "cifar10.toml", "--cold", "--seed", &seed]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..16).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let runs = bench.json(&["runs"]);
    let runs = runs.as_array().unwrap();
    assert_eq!(runs.len(), 16);
    assert!(runs.iter().all(|run| run["state"] == "finished" && run["n_trials"] == 50));
    assert_eq!(bench.json(&["archive", "check"]).as_array().unwrap().len(), 0);
}
