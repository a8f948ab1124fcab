use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use heirloom_tests::{Bench, complaint};
use serde_json::Value as Json;

/// How often the program is killed.
const N_KILLS: usize = 100;

const N_TRIALS: u64 = 1500;

/// Trial numbers with what was evaluated and measured.
fn finished_trials(bench: &Bench, run: &str) -> BTreeMap<u64, String> {
    let mut finished = BTreeMap::new();
    for trial in bench.trials(run).iter().filter(|trial| trial["state"] == "completed") {
        let number = trial["trial"].as_u64().unwrap();
        let cell = ["op_0_1", "op_0_2", "op_0_3", "op_1_2", "op_1_3", "op_2_3", "val_acc"];
        let text = cell.map(|key| trial[key].to_string()).join(" ");
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
            let now = finished_trials(bench, "cifar10");
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
        let expected = finished_trials(&undisturbed, "cifar10");
        assert_eq!(expected.len() as u64, N_TRIALS);

        let bench = Bench::new();
        bench.search_file("cifar10", "evolution", N_TRIALS);
        n_killed += search_under_fire(&bench, &seed, N_KILLS - n_killed, &mut random);
        assert_eq!(finished_trials(&bench, "cifar10"), expected, "seed {seed}, {n_killed} kills so far");
        assert_eq!(bench.json(&["archive", "check"]).as_array().unwrap().len(), 0);
    }
}

#[test]
fn ctrl_c_ends_the_run_in_order_and_resume_finishes_it() {
    let bench = Bench::new();
    bench.search_file("cifar10", "evolution", 4000);
    let child = start(&bench, &["search", "cifar10.toml"]);
    std::thread::sleep(Duration::from_millis(700));
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let said = complaint(&output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("no new trial begins"), "{said}");
    let runs = bench.json(&["runs"]);
    assert_eq!(runs[0]["state"], "interrupted");
    let before = finished_trials(&bench, "cifar10");
    assert_eq!(before.len() as u64, runs[0]["n_trials"].as_u64().unwrap(), "what ran was finished");
    assert!((1..4000).contains(&before.len()));

    let resumed = bench.json(&["resume", "cifar10"]);
    assert_eq!((&resumed["state"], &resumed["n_trials"]), (&Json::from("finished"), &Json::from(4000)));
    let after = finished_trials(&bench, "cifar10");
    assert!(before.iter().all(|(number, text)| after.get(number) == Some(text)));

    let again = bench.run(&["resume", "cifar10"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(complaint(&again).contains("nothing to go on with"), "{}", complaint(&again));
}

#[test]
fn a_running_run_is_refused_to_others_and_a_second_ctrl_c_cancels_it_until_resume() {
    let bench = Bench::new();
    // Trials hang until the file `go` is there.
    let script = "while [ ! -e go ]; do sleep 0.05; done; echo '{\\\"loss\\\": 1.5}'";
    let text = format!(
        "[task]\nname = \"slow\"\n[[space.parameter]]\nname = \"x\"\ntype = \"float\"\nlow = 0.0\nhigh = 1.0\n\
         [strategy]\nname = \"random\"\n[estimator]\nname = \"command\"\ncommand = [\"sh\", \"-c\", \"{script}\"]\n\
         objectives = [{{ name = \"loss\", direction = \"minimise\" }}]\n[budget]\ntrials = 4\n"
    );
    bench.write("run.toml", &text);
    let child = start(&bench, &["search", "run.toml"]);
    std::thread::sleep(Duration::from_millis(700));
    let other = bench.run(&["resume"]);
    assert!(complaint(&other).contains("carried out by another process"), "{}", complaint(&other));
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", complaint(&output));
    assert!(complaint(&output).contains("stopping now"), "{}", complaint(&output));
    assert_eq!(bench.runs()[0]["state"], "interrupted");
    assert!(
        bench.trials("slow").iter().all(|trial| trial["state"] != "failed"),
        "{:?}",
        bench.trials("slow")
    );

    bench.write("go", "");
    let resumed = bench.json(&["resume"]);
    assert_eq!((&resumed["n_trials"], &resumed["n_failed"]), (&Json::from(4), &Json::from(0)));
}

#[test]
fn a_resumed_warm_search_knows_what_it_knew_when_it_began() {
    let past = |bench: &Bench| {
        bench.search_file("cifar10", "random", 150);
        bench.ok(&["search", "cifar10.toml", "--cold"]);
        bench.search_file("cifar100", "evolution", 1200);
    };
    let undisturbed = Bench::new();
    past(&undisturbed);
    undisturbed.ok(&["search", "cifar100.toml"]);

    let bench = Bench::new();
    past(&bench);
    let child = start(&bench, &["search", "cifar100.toml"]);
    std::thread::sleep(Duration::from_millis(400));
    signal(&child, "INT");
    child.wait_with_output().unwrap();
    // What is archived meanwhile must not change what the resumed run believes.
    bench.search_file("ImageNet16-120", "random", 150);
    bench.ok(&["search", "ImageNet16-120.toml", "--cold"]);
    bench.ok(&["resume", "cifar100"]);
    assert_eq!(finished_trials(&bench, "cifar100"), finished_trials(&undisturbed, "cifar100"));
    let tasks = bench.json(&["explain", "cifar100"])["report"]["tasks"].as_array().unwrap().len();
    assert_eq!(tasks, 1);
}

/// A limit on the size of files stands for a full disk.
#[test]
fn a_full_disk_ends_the_run_with_a_remedy_and_resume_loses_nothing() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 3000);
    let program = bench.command(&["search", "cifar10.toml"]);
    let mut limited = Command::new("bash");
    limited.arg("-c").arg("trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\"").arg(program.get_program());
    limited.args(program.get_args()).current_dir(bench.folder.path());
    for (key, value) in program.get_envs() {
        match value {
            Some(value) => limited.env(key, value),
            None => limited.env_remove(key),
        };
    }
    let output = limited.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("archive"), "{said}");
    let before = finished_trials(&bench, "cifar10");
    assert!(!before.is_empty() && before.len() < 3000, "{}", before.len());
    bench.ok(&["resume", "cifar10"]);
    let after = finished_trials(&bench, "cifar10");
    assert_eq!(after.len(), 3000);
    assert!(before.iter().all(|(number, text)| after.get(number) == Some(text)));
}
