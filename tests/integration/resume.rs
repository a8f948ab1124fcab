use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use heirloom_tests::{Bench, complaint};
use serde_json::Value as Json;

/// How often the program is killed.
const N_KILLS: usize = 100;

const N_TRIALS: u64 = 1500;

/// What is measured of a cell of NAS-Bench-201.
const CELL: &[&str] = &["op_0_1", "op_0_2", "op_0_3", "op_1_2", "op_1_3", "op_2_3", "val_acc"];

/// Trial numbers with what was evaluated and measured.
fn finished_trials(bench: &Bench, run: &str, keys: &[&str]) -> BTreeMap<u64, String> {
    let mut finished = BTreeMap::new();
    for trial in bench.trials(run).iter().filter(|trial| trial["state"] == "completed") {
        let number = trial["trial"].as_u64().unwrap();
        let text = keys.iter().map(|key| trial[key].to_string()).collect::<Vec<_>>().join(" ");
        assert!(finished.insert(number, text).is_none(), "trial {number} is there twice");
    }
    finished
}

fn start(bench: &Bench, arguments: &[&str]) -> Child {
    bench.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// xorshift: moments to kill at need no better randomness.
fn next_milliseconds(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    20 + *state % 180
}

/// Starts the search, or goes on with it, again and again, and kills it at random moments until it is finished or was
/// killed `n_kills` times; then lets it finish. Returns how often it was killed.
fn search_under_fire(bench: &Bench, seed: &str, n_kills: usize, random: &mut u64) -> usize {
    let mut before = BTreeMap::new();
    let mut n_killed = 0;
    // A loaded machine may need longer than a random moment to get anywhere at all.
    let mut patience = 1;
    loop {
        let runs = bench.runs();
        let arguments: &[&str] = match runs.first() {
            None => &["search", "cifar10.toml", "--seed", seed],
            Some(run) if run["state"] == "finished" => return n_killed,
            Some(_) => &["resume"],
        };
        let mut child = start(bench, arguments);
        if n_killed < n_kills {
            std::thread::sleep(Duration::from_millis(next_milliseconds(random) * patience));
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let killed = output.status.signal() == Some(9);
        assert!(killed || output.status.success(), "after {n_killed} kills: {}", complaint(&output));
        n_killed += usize::from(killed);
        if !bench.runs().is_empty() {
            let now = finished_trials(bench, "cifar10", CELL);
            let lost = before.iter().find(|(number, text)| now.get(number) != Some(text));
            assert!(lost.is_none(), "kill {n_killed} lost or changed trial {lost:?}");
            patience = if now.len() > before.len() { 1 } else { patience + 1 };
            before = now;
        }
    }
}

#[test]
fn a_search_killed_at_random_moments_loses_nothing_and_repeats_nothing() {
    let mut random = 0x9e37_79b9_7f4a_7c15;
    let mut n_killed = 0;
    while n_killed < N_KILLS {
        let seed = (100 + n_killed).to_string();
        let undisturbed = Bench::new();
        undisturbed.search_file("cifar10", "evolution", N_TRIALS);
        undisturbed.ok(&["search", "cifar10.toml", "--seed", &seed]);
        let expected = finished_trials(&undisturbed, "cifar10", CELL);
        assert_eq!(expected.len() as u64, N_TRIALS);

        let bench = Bench::new();
        bench.search_file("cifar10", "evolution", N_TRIALS);
        n_killed += search_under_fire(&bench, &seed, N_KILLS - n_killed, &mut random);
        assert_eq!(
            finished_trials(&bench, "cifar10", CELL),
            expected,
            "seed {seed}, {n_killed} kills so far"
        );
        assert_eq!(bench.json(&["archive", "check"]).as_array().unwrap().len(), 0);
    }
}

/// What is measured of a held trial.
const HELD: &[&str] = &["x", "loss"];

/// A search at work on held trials.
struct Search {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    said: String,
}

impl Search {
    /// Starts it, and waits until a trial has begun.
    fn start(bench: &Bench, task: &str, trial: u64) -> Self {
        let mut child = start(bench, &["search", &format!("{task}.toml")]);
        bench.wait_for_trial(&mut child, task, trial);
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines, said: String::new() }
    }

    /// Presses Ctrl-C, and waits until the program says that it knows.
    fn interrupt(&mut self, answer: &str) {
        signal(&self.child, "INT");
        while !self.said.contains(answer) {
            let line = self.lines.next().unwrap_or_else(|| panic!("`{answer}` is not in {}", self.said));
            self.said += &(line.unwrap() + "\n");
        }
    }

    /// Waits for its end, which is that of an interrupted run.
    fn ends_interrupted(mut self) {
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{}", self.said);
    }
}

#[test]
fn ctrl_c_ends_the_run_in_order_and_resume_finishes_it() {
    let bench = Bench::new();
    bench.held_file("held", "evolution", 60, 20);
    let mut search = Search::start(&bench, "held", 20);
    search.interrupt("no new trial begins");
    bench.write("go", "");
    search.ends_interrupted();
    let runs = bench.json(&["runs"]);
    assert_eq!((&runs[0]["state"], &runs[0]["n_trials"]), (&Json::from("interrupted"), &Json::from(21)));
    let before = finished_trials(&bench, "held", HELD);
    assert_eq!(before.len(), 21, "what ran was finished");

    let resumed = bench.json(&["resume", "held"]);
    assert_eq!((&resumed["state"], &resumed["n_trials"]), (&Json::from("finished"), &Json::from(60)));
    let after = finished_trials(&bench, "held", HELD);
    assert!(before.iter().all(|(number, text)| after.get(number) == Some(text)));

    let again = bench.run(&["resume", "held"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(complaint(&again).contains("nothing to go on with"), "{}", complaint(&again));
}

#[test]
fn a_running_run_is_refused_to_others_and_a_second_ctrl_c_cancels_it_until_resume() {
    let bench = Bench::new();
    bench.held_file("held", "random", 4, 0);
    let mut search = Search::start(&bench, "held", 0);
    // Wherever another user has temporary files.
    std::fs::create_dir(bench.path("elsewhere")).unwrap();
    let other = bench.command(&["resume"]).env("TMPDIR", bench.path("elsewhere")).output().unwrap();
    assert!(complaint(&other).contains("carried out by another process"), "{}", complaint(&other));
    search.interrupt("no new trial begins");
    search.interrupt("stopping now");
    search.ends_interrupted();
    assert_eq!(bench.runs()[0]["state"], "interrupted");
    let trials = bench.trials("held");
    assert!(trials.iter().all(|trial| trial["state"] != "failed"), "{trials:?}");

    bench.write("go", "");
    let resumed = bench.json(&["resume"]);
    assert_eq!((&resumed["n_trials"], &resumed["n_failed"]), (&Json::from(4), &Json::from(0)));
}

#[test]
fn a_resumed_warm_search_knows_what_it_knew_when_it_began() {
    let past = |bench: &Bench| {
        bench.held_file("past", "random", 30, 30);
        bench.ok(&["search", "past.toml", "--cold"]);
        bench.held_file("new", "evolution", 40, 20);
    };
    let undisturbed = Bench::new();
    past(&undisturbed);
    undisturbed.write("go", "");
    let whole = undisturbed.json(&["search", "new.toml"]);
    assert!(whole["n_transferred"].as_u64().unwrap() > 0, "{whole}");

    let bench = Bench::new();
    past(&bench);
    let mut search = Search::start(&bench, "new", 20);
    search.interrupt("no new trial begins");
    bench.write("go", "");
    search.ends_interrupted();
    // What is archived meanwhile must not change what the resumed run believes.
    bench.held_file("other", "random", 30, 30);
    bench.ok(&["search", "other.toml", "--cold"]);
    bench.ok(&["resume", "new"]);
    assert_eq!(finished_trials(&bench, "new", HELD), finished_trials(&undisturbed, "new", HELD));
    let tasks = bench.json(&["explain", "new"])["report"]["tasks"].as_array().unwrap().len();
    assert_eq!(tasks, 1);
}

#[test]
fn a_resumed_vote_believes_of_its_proxies_what_it_did_when_it_began() {
    let bench = Bench::new();
    let search = |task: &str, trials: u64, tables: &str| {
        let file = bench.search_file(task, "random", trials);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n[[proxy]]\nname = \"cost\"\n{tables}")).unwrap();
        format!("{task}.toml")
    };
    bench.ok(&["search", &search("cifar10", 60, ""), "--cold"]);
    let file = search("cifar100", 2000, "[vote]\nweights = \"archive\"\nkeep = 0.25\n");
    let child = start(&bench, &["search", &file]);
    let has_begun = |run: &Json| run["task"] == "cifar100" && run["n_trials"].as_u64() > Some(0);
    while !bench.runs().iter().any(has_begun) {
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&child, "INT");
    child.wait_with_output().unwrap();
    let believed = || bench.json(&["explain", "cifar100"])["proxies"].clone();
    let before = believed();
    assert_eq!(before[0]["record"].as_array().unwrap().len(), 1, "{before}");
    bench.ok(&["search", &search("ImageNet16-120", 60, ""), "--cold"]);
    let resumed = bench.json(&["resume", "cifar100"]);
    // Transferred trials are not filtered.
    let n_own = 2000 - resumed["n_transferred"].as_u64().unwrap();
    assert_eq!((&resumed["n_trials"], &resumed["n_filtered"]), (&Json::from(2000), &Json::from(3 * n_own)));
    assert_eq!(believed(), before);
}

#[test]
fn a_full_disk_ends_the_run_with_a_remedy_and_resume_loses_nothing() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 3000);
    let output = bench.run_on_a_full_disk(&["search", "cifar10.toml"], 400);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("archive"), "{said}");
    let before = finished_trials(&bench, "cifar10", CELL);
    assert!(!before.is_empty() && before.len() < 3000, "{}", before.len());
    bench.ok(&["resume", "cifar10"]);
    let after = finished_trials(&bench, "cifar10", CELL);
    assert_eq!(after.len(), 3000);
    assert!(before.iter().all(|(number, text)| after.get(number) == Some(text)));
}

#[test]
fn a_program_beside_its_run_file_is_found_from_any_folder() {
    let bench = Bench::new();
    bench.held_file("held", "random", 6, 3);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = bench.path("held.toml");
    let from_elsewhere = |arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command.current_dir(elsewhere.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut child = from_elsewhere(&["search", file.to_str().unwrap()]);
    bench.wait_for_trial(&mut child, "held", 3);
    child.kill().unwrap();
    child.wait().unwrap();
    bench.write("go", "");
    let resumed = from_elsewhere(&["resume"]).wait_with_output().unwrap();
    assert!(resumed.status.success(), "{}", complaint(&resumed));
    assert_eq!(finished_trials(&bench, "held", HELD).len(), 6);
}

#[test]
fn resume_by_itself_takes_the_newest_run_that_nobody_carries_out() {
    let bench = Bench::new();
    bench.held_file("older", "random", 4, 2);
    bench.held_file("newer", "random", 4, 2);
    let mut older = Search::start(&bench, "older", 2);
    older.child.kill().unwrap();
    older.child.wait().unwrap();
    let newer = Search::start(&bench, "newer", 2);
    bench.write("go", "");
    let resumed = bench.json(&["resume"]);
    assert_eq!((&resumed["name"], &resumed["state"]), (&Json::from("older"), &Json::from("finished")));
    let ended = newer.child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", complaint(&ended));
}

#[test]
fn a_run_whose_data_has_changed_is_not_gone_on_with() {
    let bench = Bench::new();
    let rows: String = (0..60).map(|i| format!("{i},{},{}\n", i % 7, i % 2)).collect();
    let table = format!("a,b,class\n{rows}");
    bench.write("data.csv", &table);
    let file = bench.held_file("held", "random", 4, 2);
    let text = std::fs::read_to_string(&file).unwrap();
    let with_data = "name = \"held\"\ndata = \"data.csv\"\n";
    std::fs::write(&file, text.replace("[task]\nname = \"held\"\n", &format!("[task]\n{with_data}")))
        .unwrap();
    let mut search = Search::start(&bench, "held", 2);
    search.child.kill().unwrap();
    search.child.wait().unwrap();
    bench.write("go", "");
    bench.write("data.csv", &table.replace("59,3,1", "59,3,0"));
    let refused = bench.run(&["resume"]);
    let said = complaint(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("is another one now") && said.contains("data.csv` has changed"), "{said}");
    bench.write("data.csv", &table);
    assert_eq!(bench.json(&["resume"])["n_trials"], 4);
}

#[test]
fn a_run_is_gone_on_with_by_the_same_build_of_a_plugin_unless_told() {
    let bench = Bench::new();
    bench.held_file("held", "random", 4, 2);
    std::fs::create_dir(bench.path("mine")).unwrap();
    let library = heirloom_tests::library("heirloom_strategy_random");
    let mine = bench.path("mine").join(library.file_name().unwrap());
    std::fs::copy(&library, &mine).unwrap();
    let mut child = start(&bench, &["search", "held.toml", "--plugins", "mine"]);
    bench.wait_for_trial(&mut child, "held", 2);
    child.kill().unwrap();
    child.wait().unwrap();
    bench.write("go", "");
    // What stands behind a library's last section changes its hash and nothing else.
    let mut bytes = std::fs::read(&library).unwrap();
    bytes.push(0);
    std::fs::remove_file(&mine).unwrap();
    std::fs::write(&mine, bytes).unwrap();
    let refused = complaint(&bench.run(&["resume", "--plugins", "mine"]));
    // Lines are broken at hyphens.
    let parts = ["another build of plugin `heirloom-strategy-random`", "`--other-"];
    assert!(parts.iter().all(|part| refused.contains(part)), "{refused}");
    let resumed = bench.json(&["resume", "--plugins", "mine", "--other-lock"]);
    assert_eq!(resumed["n_trials"], 4, "{resumed}");
}

#[test]
fn ctrl_c_ends_a_bench_with_the_programs_that_it_has_started() {
    let bench = Bench::new();
    bench.held_file("held", "random", 4, 0);
    let mut child = bench
        .command(&["bench", "held.toml", "--seeds", "3", "--cold"])
        .env("TMPDIR", bench.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bench.wait_for_trial(&mut child, "held", 0);
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", complaint(&output));
    assert!(complaint(&output).contains("nothing is kept"), "{}", complaint(&output));
    let folder = bench.folder.path().canonicalize().unwrap();
    let mut processes = std::fs::read_dir("/proc").unwrap().flatten();
    assert!(
        !processes.any(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(|at| at == folder))
    );
    let mut names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.any(|name| name.to_string_lossy().starts_with("heirloom-")));
}

#[test]
fn a_merge_is_a_backup_of_a_run_that_is_being_carried_out() {
    let bench = Bench::new();
    bench.held_file("held", "random", 6, 5);
    let mut search = Search::start(&bench, "held", 5);
    let run = bench.runs()[0]["id"].as_str().unwrap().to_owned();
    let weights = bench.path("archive.heirloom.files").join(&run).join("trial-0/weights");
    std::fs::create_dir_all(weights.parent().unwrap()).unwrap();
    std::fs::write(weights, "1 2 3").unwrap();
    search.child.kill().unwrap();
    search.child.wait().unwrap();
    let elsewhere = Bench::new();
    let archive = bench.path("archive.heirloom");
    let merged = elsewhere.json(&["archive", "merge", archive.to_str().unwrap()]);
    assert_eq!((&merged["added"], &merged["files"]), (&Json::from(1), &Json::from(1)), "{merged}");
    assert_eq!(finished_trials(&elsewhere, "held", HELD).len(), 5);
    let kept = elsewhere.path("archive.heirloom.files").join(&run).join("trial-0/weights");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "1 2 3");
}

#[test]
fn a_closed_terminal_ends_the_run_in_order_and_a_second_ctrl_c_is_heard_when_nobody_reads() {
    let bench = Bench::new();
    bench.held_file("held", "random", 4, 0);
    let Search { mut child, lines, .. } = Search::start(&bench, "held", 0);
    drop(lines);
    signal(&child, "HUP");
    // Signals of one kind that come at once are one.
    for _ in 0..500 {
        std::thread::sleep(Duration::from_millis(100));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        signal(&child, "INT");
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(bench.runs()[0]["state"], "interrupted");
}

#[test]
fn the_command_to_go_on_with_can_be_pasted() {
    let bench = Bench::new();
    bench.held_file("held", "random", 4, 0);
    std::fs::create_dir(bench.path("my plugins")).unwrap();
    let mut child = bench
        .command(&["search", "held.toml", "--plugins", "my plugins"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    bench.wait_for_trial(&mut child, "held", 0);
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(300));
    bench.write("go", "");
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let command = shown.split('`').find(|part| part.starts_with("heirloom resume")).unwrap_or(&shown);
    assert!(command.ends_with("--plugins 'my plugins'"), "{shown}");
    let program = heirloom_tests::built().join("heirloom");
    let pasted = command.replacen("heirloom", &format!("'{}'", program.display()), 1);
    let mut shell = Command::new("sh");
    shell.args(["-c", &pasted]).current_dir(bench.folder.path());
    shell.env("HEIRLOOM_PLUGINS", heirloom_tests::built()).env("XDG_DATA_HOME", bench.path("data"));
    let resumed = shell.output().unwrap();
    assert!(resumed.status.success(), "{}", complaint(&resumed));
    assert_eq!(finished_trials(&bench, "held", HELD).len(), 4);
}
