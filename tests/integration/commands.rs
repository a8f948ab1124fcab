use heirloom_tests::{Bench, complaint, root};
use serde_json::Value as Json;

fn keys(value: &Json) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn every_command_that_prints_data_prints_json() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 30);
    let summary = bench.json(&["search", "cifar10.toml"]);
    let expected = [
        "archive",
        "best",
        "commonest_failure",
        "configuration_hash",
        "cost_seconds",
        "end",
        "n_failed",
        "n_filtered",
        "n_transferred",
        "n_trials",
        "name",
        "run",
        "seed",
        "state",
        "task",
        "versions",
        "withdrawn",
    ];
    assert_eq!(keys(&summary), expected);
    assert_eq!(keys(&bench.json(&["show", "cifar10"])), ["best", "configuration", "summary"]);
    assert_eq!(
        keys(&bench.json(&["explain", "latest"])),
        ["by_task", "fidelity", "proxies", "report", "run", "strategy", "transferred"]
    );
    assert_eq!(bench.json(&["runs"])[0]["id"], summary["run"]);
    let rows = bench.ok(&["export", "cifar10", "--json"]);
    assert!(rows.lines().all(|row| serde_json::from_str::<Json>(row).is_ok()), "{rows}");
    assert_eq!(bench.json(&["archive", "stats"])["n_trials"]["completed"], 30);
    assert_eq!(bench.json(&["space", "show", "nas-bench-201"])["n_configurations"], 15_625);
    assert_eq!(bench.json(&["space", "map", "nas-bench-201", "cifar10"])["notes"], Json::Array(vec![]));
    let plugins = bench.json(&["plugin", "list"]);
    let ids: Vec<_> = plugins["plugins"].as_array().unwrap().iter().map(|plugin| &plugin["id"]).collect();
    assert!(ids.contains(&&Json::from("heirloom-strategy-evolution")), "{ids:?}");
    assert_eq!(bench.json(&["plugin", "info", "random"])[0]["components"][0]["component"]["name"], "random");
    let data = bench.json(&["data", "list"]);
    assert!(data.as_array().unwrap().iter().any(|data| data["name"] == "nas-bench-201"));
    let doctor = bench.json(&["doctor"]);
    assert!(
        doctor.as_array().unwrap().iter().any(|found| found["what"] == "archive" && found["state"] == "fine")
    );
}

#[test]
fn the_kept_run_file_is_the_one_that_was_given() {
    let bench = Bench::new();
    let file = bench.search_file("cifar10", "random", 5);
    bench.ok(&["search", "cifar10.toml"]);
    let kept = bench.ok(&["show", "cifar10", "--file"]);
    assert_eq!(kept.trim_end(), std::fs::read_to_string(file).unwrap().trim_end());
}

#[test]
fn compared_runs_stand_side_by_side_and_never_get_worse() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 50);
    bench.ok(&["search", "cifar10.toml", "--seed", "1"]);
    bench.ok(&["search", "cifar10.toml", "--seed", "2", "--cold"]);
    let ids: Vec<String> =
        bench.json(&["runs"]).as_array().unwrap().iter().map(|run| run["id"].to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(|id| id.trim_matches('"')).collect();
    let compared = bench.json(&["compare", ids[0], ids[1]]);
    assert_eq!(compared["trials"], Json::from(vec![1, 2, 5, 10, 20, 50]));
    for run in compared["runs"].as_array().unwrap() {
        let best: Vec<f64> =
            run["best"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        assert!(best.is_sorted(), "{best:?}");
    }
}

/// Whoever knew the answer is no example of what the archive is worth on a new task.
#[test]
fn a_comparison_says_which_run_knew_its_own_task() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 10);
    let searched = |seed: &str| {
        bench.ok(&["search", "cifar10.toml", "--seed", seed]);
        bench.json(&["show", "latest"])["summary"]["run"].as_str().unwrap().to_owned()
    };
    let (first, second) = (searched("1"), searched("2"));
    let compared = bench.json(&["compare", &first, &second]);
    let known = |run: usize| compared["runs"][run]["n_known_on_own_task"].as_u64();
    assert_eq!((known(0), known(1)), (Some(0), Some(10)), "{compared}");
    let said = bench.ok(&["compare", &first, &second]);
    let second = format!("cifar10 {}", &second[second.len() - 12..]);
    let expected = format!("{second} began with 10 earlier evaluations on its own task");
    assert!(said.contains(&expected) && !said.contains("different tasks"), "{said}");

    // Two runs of one name are told apart, and what was measured on another task is no comparison.
    bench.search_file("cifar100", "random", 10);
    bench.ok(&["search", "cifar100.toml"]);
    let said = bench.ok(&["compare", &first, "latest"]);
    assert!(said.lines().nth(1).is_some_and(|header| header.ends_with("cifar10  cifar100")), "{said}");
    assert!(
        said.contains(
            "different tasks, whose values say nothing beside each other: cifar10 on `cifar10`, cifar100 on"
        ),
        "{said}"
    );
}

#[test]
fn an_imported_table_serves_as_the_past_of_a_search() {
    let bench = Bench::new();
    let table = root().join("meta-data/seed/nas-bench-201/table.toml");
    let report = bench.json(&["archive", "import", table.to_str().unwrap()]);
    assert!(report["n_evaluations"].as_u64().unwrap() > 100_000, "{report}");
    let again = bench.json(&["archive", "import", table.to_str().unwrap()]);
    assert_eq!((&again["n_added"], &again["n_known"]), (&Json::from(0), &Json::from(3)));
    assert_eq!(bench.json(&["archive", "check"]).as_array().unwrap().len(), 0);
    // The two other tasks: its own is what the search is to be judged by.
    bench.search_file("cifar10", "random", 3);
    let benched = bench.json(&["bench", "cifar10.toml", "--seeds", "1"]);
    assert_eq!(benched["n_past_tasks"], 2, "{benched}");
}

#[test]
fn a_search_learns_nothing_from_a_withdrawn_run() {
    let bench = Bench::new();
    bench.search_file("ImageNet16-120", "random", 100);
    bench.search_file("cifar100", "random", 20);
    let past = bench.json(&["search", "ImageNet16-120.toml"])["run"].as_str().unwrap().to_owned();
    let n_transferred = || {
        let summary = bench.json(&["search", "cifar100.toml"]);
        // The next one shall not know this one's trials.
        bench.ok(&["archive", "withdraw", summary["run"].as_str().unwrap(), "--because", "a test"]);
        summary["n_transferred"].as_u64().unwrap()
    };
    assert!(n_transferred() > 0);
    bench.ok(&["archive", "withdraw", &past, "--because", "labels were shifted"]);
    assert_eq!(n_transferred(), 0);
    assert_eq!(bench.runs()[0]["withdrawn"], "labels were shifted");
    let shown = bench.ok(&["show", &past]);
    assert!(shown.contains("labels were shifted"), "{shown}");
    assert!(bench.ok(&["runs"]).contains("finished, withdrawn"));
    bench.ok(&["archive", "withdraw", &past, "--undo"]);
    assert!(n_transferred() > 0);
    // Nothing is changed where one of the names is no run's.
    let refused = bench.run(&["archive", "withdraw", &past, "nobody", "--because", "x"]);
    assert!(!refused.status.success() && complaint(&refused).contains("nobody"), "{}", complaint(&refused));
    assert_eq!(bench.runs()[0]["withdrawn"], Json::Null);
}

#[test]
fn two_archives_merge_without_duplicates() {
    let (here, there) = (Bench::new(), Bench::new());
    for bench in [&here, &there] {
        bench.search_file("cifar10", "random", 20);
        bench.ok(&["search", "cifar10.toml"]);
    }
    let other = there.path("archive.heirloom");
    let merge = ["archive", "merge", other.to_str().unwrap()];
    assert_eq!(here.json(&merge)["added"], 1);
    assert_eq!(here.json(&merge)["unchanged"], 1);
    assert_eq!(here.json(&["runs"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_bench_draws_its_curves_and_keeps_nothing() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 20);
    let result = bench.json(&[
        "bench",
        "cifar10.toml",
        "--seeds",
        "5",
        "--strategy",
        "random",
        "--strategy",
        "evolution",
        "--plot",
        "curves.svg",
    ]);
    assert_eq!(result["lines"].as_array().unwrap().len(), 2, "an empty archive gives cold starts only");
    assert_eq!(result["trials"], Json::from(vec![1, 2, 5, 10, 20]));
    let equal_cost = &result["equal_cost"];
    let seconds: Vec<f64> = serde_json::from_value(equal_cost["seconds"].clone()).unwrap();
    assert!(seconds[0] > 0.0 && (seconds[3] / seconds[0] - 8.0).abs() < 1e-9, "{seconds:?}");
    for (line, after) in
        equal_cost["lines"].as_array().unwrap().iter().zip(result["lines"].as_array().unwrap())
    {
        let [at_cost, after] =
            [line, after].map(|line| line["mean"].as_array().unwrap().last().unwrap().as_f64());
        assert!(at_cost.unwrap() <= after.unwrap() && at_cost.unwrap() > 80.0, "{result}");
    }
    // Of a look at the first trials alone, the costs are theirs.
    let early = bench.json(&["bench", "cifar10.toml", "--seeds", "5", "--at", "5"]);
    let until: Vec<f64> = serde_json::from_value(early["equal_cost"]["seconds"].clone()).unwrap();
    assert!(until[3] < 0.5 * seconds[3], "{until:?} of {seconds:?}");
    let svg = std::fs::read_to_string(bench.path("curves.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("evolution cold"), "{}", &svg[..200.min(svg.len())]);
    assert!(!bench.path("archive.heirloom").exists());
}

/// Each of them is told that it has the whole machine.
#[test]
fn in_a_bench_searches_with_real_trainings_wait_for_one_another() {
    let bench = Bench::new();
    bench.held_file("alone", "random", 3, 9);
    bench.write("trial.sh", "mkdir busy || exit 1\nsleep 0.05\nrmdir busy\necho '{\"loss\": 1}'\n");
    let output = bench.run(&["bench", "alone.toml", "--seeds", "4"]);
    let said = complaint(&output);
    assert!(output.status.success() && !said.contains("trials failed"), "{said}");
}

#[test]
fn completions_know_the_commands() {
    let script = Bench::new();
    let text = script.run(&["completions", "bash"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("explain") && text.contains("--archive"));
}

/// The commands that a command's help lists.
fn listed(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    // Descriptions that are broken stand further right.
    let names = lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

#[test]
fn the_help_of_every_command_has_an_example() {
    let bench = Bench::new();
    let (mut left, mut n_commands) = (vec![Vec::new()], 0);
    while let Some(command) = left.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = bench.ok(&words);
        let below = listed(&help);
        assert!(!below.is_empty() || help.contains("Example"), "{command:?}:\n{help}");
        n_commands += 1;
        left.extend(below.iter().map(|name| [&command[..], &[(*name).to_owned()]].concat()));
    }
    assert!(n_commands > 40, "{n_commands}");
}

#[test]
fn a_bench_whose_metric_the_first_trial_has_not_ends_there() {
    let bench = Bench::new();
    bench.write(
        "trial.sh",
        "echo $OMP_WAIT_POLICY $HEIRLOOM_THREADS >> trials\necho '{\"loss\": 1, \"accuracy\": 2}'\n",
    );
    bench.write(
        "run.toml",
        "[task]\nname = \"t\"\n[[space.parameter]]\nname = \"x\"\ntype = \"float\"\nlow = 0\nhigh = 1\n\
         [strategy]\nname = \"random\"\n[estimator]\nname = \"command\"\ncommand = [\"sh\", \"trial.sh\"]\n\
         objectives = [{ name = \"loss\", direction = \"minimise\" }]\n[budget]\ntrials = 20\n",
    );
    let metric = |name: &str| {
        let mut bench = bench.command(&["bench", "run.toml", "--seeds", "2", "--metric", name]);
        bench
            .env_remove("OMP_WAIT_POLICY")
            .env_remove("GOMP_SPINCOUNT")
            .env("OMP_NUM_THREADS", "1")
            .output()
            .unwrap()
    };
    let output = metric("acuracy");
    let said = complaint(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("no trial has a metric `acuracy`") && said.contains("`accuracy`"), "{said}");
    let trials = || std::fs::read_to_string(bench.path("trials")).unwrap();
    assert!(trials().lines().count() <= 2, "{}", trials());
    // Threads wait asleep, and are no more than the user allows.
    assert!(trials().lines().all(|line| line == "PASSIVE 1"), "{}", trials());
    assert!(metric("accuracy").status.success());
}
