use heirloom_tests::{Bench, complaint, root};
use serde_json::Value as Json;

#[test]
fn a_search_with_loaded_plugins_on_a_recorded_table_ends_with_its_best_trial() {
    let bench = Bench::new();
    bench.search_file("cifar10", "evolution", 100);
    let summary = bench.json(&["search", "cifar10.toml"]);
    assert_eq!(summary["state"], "finished");
    assert_eq!(summary["end"]["reason"]["reason"], "budget-spent");
    assert_eq!(summary["n_trials"], 100);
    // The best of 15,625 cells has 91.61 % on average; 100 queries of evolution come within a point or two.
    let best = summary["best"]["objectives"]["val_acc"].as_f64().unwrap();
    assert!((89.0..=91.7).contains(&best), "{best}");
    assert_eq!(summary["best"]["configuration"].as_object().unwrap().len(), 6);

    let trials = bench.trials("cifar10");
    assert_eq!(trials.len(), 100);
    let top = trials.iter().map(|trial| trial["val_acc"].as_f64().unwrap()).fold(0.0, f64::max);
    assert_eq!(top, best, "the summary's best trial is the best of the exported ones");
}

#[test]
fn the_same_seed_gives_the_same_trials_and_another_seed_others() {
    let trials = |seed: &str, workers: &str| {
        let bench = Bench::new();
        bench.search_file("cifar10", "random", 60);
        bench.ok(&["search", "cifar10.toml", "--seed", seed, "--workers", workers]);
        let number = |trial: &Json| trial["trial"].as_u64();
        let mut trials = bench.trials("cifar10");
        trials.sort_by_key(number);
        let shown =
            |trial: &Json| ["op_0_1", "op_1_3", "op_2_3", "val_acc"].map(|key| trial[key].to_string());
        trials.iter().map(shown).collect::<Vec<_>>()
    };
    let alone = trials("1", "1");
    assert_eq!(alone, trials("1", "4"), "`random` proposes the same whatever the number of workers");
    assert_ne!(alone, trials("2", "1"));
}

#[test]
fn a_warm_search_leans_on_past_tasks_and_says_so_and_a_cold_one_does_not() {
    let bench = Bench::new();
    for task in ["cifar10", "ImageNet16-120"] {
        bench.search_file(task, "random", 200);
        bench.ok(&["search", &format!("{task}.toml"), "--cold"]);
    }
    bench.search_file("cifar100", "evolution", 60);
    let warm = bench.json(&["search", "cifar100.toml"]);
    assert!(warm["n_transferred"].as_u64().unwrap() >= 5, "{warm}");
    let explained = bench.json(&["explain", warm["run"].as_str().unwrap()]);
    let tasks: Vec<_> =
        explained["report"]["tasks"].as_array().unwrap().iter().map(|task| &task["task"]).collect();
    assert!(
        tasks.contains(&&Json::from("cifar10")) && tasks.contains(&&Json::from("ImageNet16-120")),
        "{tasks:?}"
    );
    let weights = |key: &str| -> f64 {
        let tasks = explained["report"]["tasks"].as_array().unwrap();
        tasks.iter().map(|task| task[key].as_f64().unwrap()).sum()
    };
    assert!((weights("prior_weight") - 1.0).abs() < 1e-9 && (weights("weight") - 1.0).abs() < 1e-9);
    assert_eq!(explained["transferred"]["n_trials"], warm["n_transferred"]);

    let cold = bench.json(&["search", "cifar100.toml", "--cold"]);
    assert_eq!(cold["n_transferred"], 0);
    let explained = bench.ok(&["explain", cold["run"].as_str().unwrap()]);
    assert!(explained.contains("a cold start"), "{explained}");
}

/// What the archive is worth on one data set. How much over many archives is a published figure: `figures warm.`.
#[test]
fn ten_warm_trials_beat_ten_cold_ones_by_more_than_noise() {
    let bench = Bench::new();
    for (task, seed) in [("cifar10", "20"), ("ImageNet16-120", "21")] {
        bench.search_file(task, "random", 200);
        bench.ok(&["search", &format!("{task}.toml"), "--cold", "--seed", seed]);
    }
    bench.search_file("cifar100", "random", 10);
    let result = bench.json(&["bench", "cifar100.toml", "--seeds", "30", "--at", "10"]);
    let gain = &result["warm_minus_cold"][0];
    let (mean, error) = (gain["mean"][0].as_f64().unwrap(), gain["standard_error"][0].as_f64().unwrap());
    assert!(mean > 3.0 * error, "warm minus cold: {mean} ± {error}");
}

/// Ten full trainings at once would cost what halving saves.
#[test]
fn with_halving_transferred_configurations_begin_small_and_go_on_like_others() {
    let bench = Bench::new();
    let table = root().join("meta-data/seed/tabular-mlp");
    bench.ok(&["archive", "import", table.to_str().unwrap()]);
    let text = format!(
        "name = \"yeast\"\nseed = 1\n\n[task]\nname = \"pmlb-yeast\"\n\n[strategy]\nname = \"asha\"\n\n[estimator]\n\
         name = \"table\"\ntable = {table:?}\ntask = \"pmlb-yeast\"\n\n[budget]\ntrials = 30\n\n[warm_start]\n\
         exclude_tasks = [\"pmlb-yeast\"]\n"
    );
    bench.write("yeast.toml", &text);
    bench.ok(&["search", "yeast.toml"]);
    let trials = bench.trials("yeast");
    let epochs: Vec<f64> = trials.iter().filter_map(|trial| trial["epochs"].as_f64()).collect();
    assert_eq!(epochs[..3], [2.0; 3], "the smallest size, until one in three goes on");
    let n_larger = epochs.iter().filter(|&&epochs| epochs > 2.0).count();
    assert!(n_larger >= 5, "{epochs:?}");
    // What goes on is still owed to past tasks: the table knows next to nothing that the strategy could draw.
    let explained = bench.json(&["explain", "yeast"]);
    let owed = explained["transferred"]["n_trials"].as_u64().unwrap();
    let n_completed = trials.iter().filter(|trial| trial["state"] == "completed").count();
    assert_eq!(owed as usize, n_completed, "{explained}");
}

#[test]
fn isolated_plugins_give_the_same_trials_as_those_in_process() {
    let trials = |isolation: &str| {
        let bench = Bench::new();
        let file = bench.search_file("cifar10", "evolution", 40);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n[run]\nisolation = \"{isolation}\"\n")).unwrap();
        bench.ok(&["search", "cifar10.toml"]);
        let shown = |trial: &Json| [trial["trial"].to_string(), trial["val_acc"].to_string()];
        bench.trials("cifar10").iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(trials("none"), trials("process"));
}

#[test]
fn a_program_of_any_language_is_searched_and_its_failures_are_failed_trials() {
    let bench = Bench::new();
    bench.write(
        "train.py",
        "import json, sys\n\
         c = json.load(sys.stdin)\n\
         if c['opt'] == 'adam': sys.exit('no such optimizer here')\n\
         for epoch in (1, 2, 3):\n    \
             print(json.dumps({'step': epoch, 'loss': (c['lr'] - 0.1) ** 2 + 1 / epoch}), flush=True)\n\
         print(json.dumps({'loss': (c['lr'] - 0.1) ** 2, 'size': 7}))\n",
    );
    let rows: String = (0..60).map(|i| format!("{i},{},{}\n", i % 7, i % 2)).collect();
    bench.write("data.csv", &format!("a,b,class\n{rows}"));
    let text = "[task]\nname = \"mine\"\ndata = \"data.csv\"\ntarget = \"class\"\n\
        [[space.parameter]]\nname = \"lr\"\ntype = \"float\"\nlow = 0.001\nhigh = 1.0\nlog = true\n\
        [[space.parameter]]\nname = \"opt\"\ntype = \"categorical\"\nchoices = [\"sgd\", \"adam\"]\n\
        [strategy]\nname = \"evolution\"\npopulation = 6\ntournament = 2\n\
        [estimator]\nname = \"command\"\ncommand = [\"python3\", \"train.py\"]\n\
        objectives = [{ name = \"loss\", direction = \"minimise\" }]\n\
        [budget]\ntrials = 25\n[limits]\nseconds = 60\n[run]\nworkers = 2\n";
    bench.write("run.toml", text);
    let summary = bench.json(&["search", "run.toml"]);
    assert_eq!((&summary["state"], &summary["n_trials"]), (&Json::from("finished"), &Json::from(25)));
    let n_failed = summary["n_failed"].as_u64().unwrap();
    assert!((1..25).contains(&n_failed), "{n_failed}");
    assert_eq!(summary["best"]["configuration"]["opt"], "sgd");
    assert_eq!(summary["best"]["metrics"]["size"], 7.0);
    let trials = bench.trials("mine");
    let failed: Vec<_> = trials.iter().filter(|trial| trial["state"] == "failed").collect();
    assert_eq!(failed.len() as u64, n_failed);
    assert!(failed.iter().all(|trial| trial["failure"] == "crashed" && trial["opt"] == "adam"), "{failed:?}");
    assert!(bench.json(&["archive", "stats"])["n_curves"].as_u64().unwrap() >= 25 - n_failed);
}

#[test]
fn of_equals_the_one_that_was_told_first_is_the_best_for_the_search_and_for_show() {
    let bench = Bench::new();
    bench.held_file("tie", "random", 2, 9);
    let script = "if [ $HEIRLOOM_TRIAL = 1 ]; then : > second; fi\n\
        while [ ! -e second ]; do sleep 0.02; done\n\
        if [ $HEIRLOOM_TRIAL = 0 ]; then sleep 0.5; fi\necho '{\"loss\": 1}'\n";
    bench.write("trial.sh", script);
    let summary = bench.json(&["search", "tie.toml", "--workers", "2"]);
    assert_eq!(summary["end"]["incumbent"]["trial"], 1, "{summary}");
    assert_eq!(summary["best"]["trial"], 1, "{summary}");
    assert_eq!(bench.json(&["show", "tie"])["best"][0]["trial"], 1);
}

/// A search may be a trial's program itself.
#[test]
fn a_program_is_told_nothing_of_the_trial_that_its_search_is_part_of() {
    let bench = Bench::new();
    bench.held_file("inner", "random", 1, 9);
    bench.write("trial.sh", "env | grep ^HEIRLOOM_ > seen\necho '{\"loss\": 1}'\n");
    let outer = ["PARENT", "CONTINUES", "LIMIT_SECONDS", "LIMIT_MEMORY_BYTES", "FIDELITY_EPOCHS"];
    let mut search = bench.command(&["search", "inner.toml"]);
    let output = search.envs(outer.map(|name| (format!("HEIRLOOM_{name}"), "7"))).output().unwrap();
    assert!(output.status.success(), "{}", complaint(&output));
    let seen = std::fs::read_to_string(bench.path("seen")).unwrap();
    assert!(seen.contains("HEIRLOOM_TRIAL=0") && seen.contains("HEIRLOOM_PLUGINS="), "{seen}");
    assert!(!outer.iter().any(|name| seen.contains(&format!("HEIRLOOM_{name}"))), "{seen}");
}

#[test]
fn a_size_below_0_is_a_mistake_in_the_run_file() {
    let bench = Bench::new();
    let file = bench.held_file("small", "random", 1, 9);
    let text = std::fs::read_to_string(&file).unwrap();
    let sizes = "fidelities = [{ name = \"log2_share\", low = -4, high = -1 }]\n";
    std::fs::write(&file, text.replace("objectives =", &format!("{sizes}objectives ="))).unwrap();
    let output = bench.run(&["search", "small.toml"]);
    let said = complaint(&output);
    assert_eq!(output.status.code(), Some(2));
    for words in ["`-4` is below the smallest value, 0", "`-1` is not above 0", "a size, not its logarithm"] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_proxy_drops_proposals_and_only_the_rest_are_trials() {
    let bench = Bench::new();
    let file = bench.search_file("cifar10", "random", 20);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "\n[[proxy]]\nname = \"cost\"\nkeep = 0.25\n").unwrap();
    let summary = bench.json(&["search", "cifar10.toml"]);
    assert_eq!((&summary["n_trials"], &summary["n_filtered"]), (&Json::from(20), &Json::from(60)));
    assert_eq!(bench.runs()[0]["n_trials"], 20);
}

/// Appends tables to a run file that searches `task` with `random`.
fn with_tables(bench: &Bench, task: &str, trials: u64, tables: &str) {
    let file = bench.search_file(task, "random", trials);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + tables).unwrap();
}

#[test]
fn a_vote_asks_the_archive_how_its_proxies_ranked_past_tasks() {
    let bench = Bench::new();
    let vote = "\n[[proxy]]\nname = \"cost\"\n\n[vote]\nweights = \"archive\"\nkeep = 0.25\n";
    let record = "\n[[proxy]]\nname = \"cost\"\n";
    // Nothing is recorded yet: it says so, and all weights are the same.
    with_tables(&bench, "cifar100", 10, vote);
    let output = bench.run(&["search", "cifar100.toml", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the archive knows no past scores of these proxies"), "{said}");
    let first: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&first["n_trials"], &first["n_filtered"]), (&Json::from(10), &Json::from(30)));
    let belief = |run: &Json| bench.json(&["explain", run["run"].as_str().unwrap()])["proxies"][0].clone();
    assert_eq!(belief(&first)["record"], Json::Array(Vec::new()));

    with_tables(&bench, "cifar10", 60, record);
    bench.ok(&["search", "cifar10.toml", "--cold"]);
    with_tables(&bench, "ImageNet16-120", 10, vote);
    let second = bench.json(&["search", "ImageNet16-120.toml"]);
    let known = belief(&second);
    let past = known["record"].as_array().unwrap();
    let tasks: Vec<_> = past.iter().map(|past| past["task"].as_str().unwrap()).collect();
    assert_eq!(tasks, ["cifar10", "cifar100"]);
    assert_eq!(past[0]["n_trials"], 60);
    // The 15,625 cells' parameters go with their accuracy to 0.69.
    let correlation = past[0]["correlation"].as_f64().unwrap();
    assert!((0.3..0.95).contains(&correlation), "{correlation}");
    assert!(known["expected"].as_f64().unwrap() > 0.4 && known["weight"] == 1.0, "{known}");

    let cold = bench.json(&["search", "ImageNet16-120.toml", "--cold"]);
    assert_eq!(bench.json(&["explain", cold["run"].as_str().unwrap()])["proxies"], Json::Array(Vec::new()));
}

#[test]
fn a_proxy_that_misled_on_past_tasks_is_warned_of_and_turned_round_by_a_vote() {
    let bench = Bench::new();
    // Every convolution makes it worse; `cost` promises the opposite.
    let script = r#"echo "{\"loss\": $(grep -o conv | wc -l)}""#;
    let search = |task: &str, trials: u64, tables: &str| {
        let text = format!(
            "[task]\nname = \"{task}\"\n[space]\npreset = \"nas-bench-201\"\n[strategy]\nname = \"random\"\n\
             [estimator]\nname = \"command\"\ncommand = [\"sh\", \"-c\", {script:?}]\n\
             objectives = [{{ name = \"loss\", direction = \"minimise\" }}]\n[budget]\ntrials = {trials}\n\
             [[proxy]]\nname = \"cost\"\n{tables}"
        );
        bench.write("run.toml", &text);
        let output = bench.run(&["search", "run.toml", "--json"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        (serde_json::from_slice::<Json>(&output.stdout).unwrap()["run"].clone(), said)
    };
    let warning = "proxy `cost` decides which proposals are dropped, and by past tasks";
    for past in ["a", "b", "c"] {
        assert!(!search(past, 60, "").1.contains(warning));
    }
    assert!(search("new", 4, "keep = 0.5\n").1.contains(warning));
    assert!(search("new", 4, "[vote]\nkeep = 0.5\n").1.contains(warning));
    assert!(!search("new", 4, "[vote]\nweights = { cost = -1 }\nkeep = 0.5\n").1.contains(warning));
    let (run, said) = search("another", 4, "[vote]\nweights = \"archive\"\nkeep = 0.5\n");
    assert!(!said.contains(warning), "{said}");
    let belief = &bench.json(&["explain", run.as_str().unwrap()])["proxies"][0];
    assert_eq!(belief["weight"], -1.0, "{belief}");
    // In a bench, cold starts know nothing of it.
    let lines = |start: &[&str]| {
        bench.json(&[&["bench", "run.toml", "--seeds", "5"][..], start].concat())["lines"].clone()
    };
    let (both, cold) = (lines(&[]), lines(&["--cold"]));
    assert_eq!((&both[0]["start"], &both[1]["start"]), (&Json::from("cold"), &Json::from("warm")));
    assert_eq!(both[0], cold[0]);
}

#[test]
fn the_files_of_trials_lie_beside_the_archive_and_go_with_a_bench() {
    let bench = Bench::new();
    // Keeps what it was given, and notes where.
    let script = "mkdir -p $HEIRLOOM_FILES/trial-$HEIRLOOM_TRIAL; cat > $HEIRLOOM_FILES/trial-$HEIRLOOM_TRIAL/kept; \
        echo $HEIRLOOM_FILES >> places; echo '{\\\"loss\\\": 1.5}'";
    let file = |isolation: &str| {
        let text = format!(
            "[task]\nname = \"t\"\n[[space.parameter]]\nname = \"x\"\ntype = \"float\"\nlow = 0.0\n\
             high = 1.0\n[strategy]\nname = \"random\"\n[estimator]\nname = \"command\"\ncommand = [\"sh\", \"-c\", \"{script}\"]\n\
             folder = {:?}\nobjectives = [{{ name = \"loss\", direction = \"minimise\" }}]\n[budget]\ntrials = 3\n[run]\nisolation = \"{isolation}\"\n",
            bench.folder.path()
        );
        bench.write("run.toml", &text);
    };
    let places = || {
        let text = std::fs::read_to_string(bench.path("places")).unwrap();
        std::fs::remove_file(bench.path("places")).unwrap();
        text.lines().map(std::path::PathBuf::from).collect::<Vec<_>>()
    };
    for isolation in ["none", "process"] {
        file(isolation);
        let run = bench.json(&["search", "run.toml"])["run"].as_str().unwrap().to_owned();
        let files = bench.path("archive.heirloom.files").join(run);
        assert_eq!(places(), vec![files.clone(); 3], "{isolation}");
        for trial in 0..3 {
            let kept = std::fs::read_to_string(files.join(format!("trial-{trial}/kept"))).unwrap();
            assert!(kept.starts_with("{\"x\":"), "{kept}");
        }
    }
    let n_kept = || std::fs::read_dir(bench.path("archive.heirloom.files")).unwrap().count();
    bench.ok(&["bench", "run.toml", "--seeds", "2", "--cold"]);
    let places = places();
    assert_eq!((places.len(), n_kept()), (6, 2));
    assert!(places.iter().all(|place| !place.exists() && !place.parent().unwrap().exists()), "{places:?}");
}

#[test]
fn a_worker_reads_what_lies_beside_the_descriptor_of_a_recorded_table() {
    let bench = Bench::new();
    let templates = root().join("core/plugin-template/templates/search");
    std::fs::create_dir(bench.path("data")).unwrap();
    for file in ["table.toml", "measurements.csv"] {
        std::fs::copy(templates.join(file), bench.path("data").join(file)).unwrap();
    }
    bench.write(
        "run.toml",
        "name = \"recorded\"\nseed = 1\n[task]\nname = \"made-up\"\n[strategy]\nname = \"random\"\n[estimator]\n\
         name = \"table\"\ntable = \"data/table.toml\"\ntask = \"digits\"\n[budget]\ntrials = 5\n[run]\n\
         isolation = \"process\"\n",
    );
    bench.ok(&["search", "run.toml"]);
    assert!(bench.trials("recorded").iter().all(|trial| trial["state"] == "completed"));
}

#[test]
fn a_search_whose_trials_all_failed_says_why_and_is_no_success() {
    let bench = Bench::new();
    let file = bench.held_file("mine", "random", 4, 9);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"trial.sh\"", "\"absent.sh\"")).unwrap();
    let output = bench.run(&["search", "mine.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
    let shown = [String::from_utf8(output.stdout).unwrap(), bench.ok(&["show", "mine"])];
    for shown in shown {
        for part in ["none: no trial has completed", "4 of 4 so: crashed", "absent.sh"] {
            assert!(shown.contains(part), "`{part}` is not in\n{shown}");
        }
    }
    let output = bench.run(&["search", "mine.toml", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let summary: Json = serde_json::from_slice(&output.stdout).unwrap();
    let reason = &summary["commonest_failure"];
    assert_eq!((&reason["n_trials"], &reason["kind"]), (&Json::from(4), &Json::from("crashed")));
    assert!(reason["message"].as_str().unwrap().contains("absent.sh"), "{reason}");
    assert_eq!(&bench.json(&["show", "latest"])["summary"]["commonest_failure"]["n_trials"], 4);

    let export = bench.run(&["export", "latest", "--best"]);
    assert!(complaint(&export).contains("`heirloom show` tells"), "{}", complaint(&export));

    let output = bench.run(&["bench", "mine.toml", "--seeds", "2"]);
    let said = complaint(&output);
    assert!(said.contains("random cold: 8 trials failed, 8 of them so: crashed"), "{said}");
}
