//! A plugin that attacks, through the program: the run goes on, or stops without loss, and says why.

use std::process::Output;

use heirloom_tests::{Bench, built, complaint};
use serde_json::Value as Json;

const N_TRIALS: usize = 8;

/// The trial at which the attack happens.
const AT: usize = 5;

struct Attacked {
    bench: Bench,
}

impl Attacked {
    fn new(component: &str, attack: &str) -> Self {
        let bench = Bench::new();
        // Long enough for a loaded machine, where not the limit itself is what ends the attack.
        let seconds = if ["chatter", "silent"].contains(&attack) { 1.5 } else { 60.0 };
        let attack = format!("name = \"hostile\"\nattack = \"{attack}\"\nat = {AT}\n");
        let (strategy, estimator) = match component {
            "strategy" => (attack.as_str(), "name = \"hostile\"\n"),
            _ => ("name = \"random\"\n", attack.as_str()),
        };
        let text = format!(
            "name = \"attacked\"\nseed = 1\n[task]\nname = \"t\"\n[[space.parameter]]\nname = \"x\"\ntype = \"float\"\n\
             low = 0\nhigh = 1\n[strategy]\n{strategy}[estimator]\n{estimator}[budget]\ntrials = {N_TRIALS}\n\
             [limits]\nseconds = {seconds}\n[run]\nisolation = \"process\"\n\
             [isolation]\nmemory_mb = 300\nprocesses = 20\nopen_files = 64\nscratch_mb = 5\ncall_seconds = {seconds}\n"
        );
        bench.write("attacked.toml", &text);
        Self { bench }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let plugins = built().join("deps").join("libheirloom_hostile_plugin.so");
        let mut command = self.bench.command(arguments);
        command.arg("--plugins").arg(plugins).env("SERVICE_KEY", "the-secret-of-a-service");
        command.output().expect("the program starts")
    }

    fn trials(&self) -> Vec<Json> {
        self.bench.trials("attacked")
    }

    fn n_completed(&self) -> usize {
        self.trials().iter().filter(|trial| trial["state"] == "completed").count()
    }
}

/// An estimator's attack fails its own trial with these words, and no other.
fn costs_its_trial(attack: &str, kind: &str, words: &[&str]) {
    let attacked = Attacked::new("estimator", attack);
    let output = attacked.run(&["search", "attacked.toml"]);
    assert!(output.status.success(), "{attack}: {}", complaint(&output));
    let trials = attacked.trials();
    assert_eq!((trials.len(), attacked.n_completed()), (N_TRIALS, N_TRIALS - 1), "{attack}");
    let failed = trials.iter().find(|trial| trial["state"] != "completed").unwrap();
    assert_eq!((&failed["trial"], &failed["failure"]), (&Json::from(AT), &Json::from(kind)), "{attack}");
    let message = failed["message"].as_str().unwrap();
    for part in ["plugin `heirloom-hostile` 0.1.0", "trial 5"].iter().chain(words) {
        assert!(message.contains(part), "{attack}: `{part}` is not in: {message}");
    }
    assert!(!message.contains("the-secret-of-a-service"), "{message}");
}

#[test]
fn each_attack_of_an_estimator_costs_its_trial_and_the_run_goes_on() {
    // The manifest asks for processes, and in development it has what it asks for.
    costs_its_trial("fork", "crashed", &["processes where 20 are allowed", "`isolation.processes`"]);
    costs_its_trial("environment", "crashed", &["own: ", "parent's: Permission denied"]);
    costs_its_trial("fill-disk", "crashed", &["filled its scratch folder", "`isolation.scratch_mb`"]);
    costs_its_trial("allocate", "out-of-memory", &["memory", "`isolation.memory_mb`"]);
    costs_its_trial("close-socket", "crashed", &["closed its line to the host", "hint: "]);
    costs_its_trial("garbage", "crashed", &["sent what is no frame", "hint: "]);
    costs_its_trial("long-frame", "crashed", &["sent what is no frame", "hint: "]);
    costs_its_trial("chatter", "timed-out", &["no answer for", "hint: "]);
    costs_its_trial("silent", "timed-out", &["no answer for", "hint: "]);
    costs_its_trial("open-files", "crashed", &["Too many open files"]);
    costs_its_trial("kill-host", "crashed", &["Operation not permitted"]);
}

#[test]
fn an_attack_of_a_strategy_ends_the_run_in_order_and_nothing_is_lost() {
    for (attack, words) in [
        ("fill-disk", "filled its scratch folder"),
        ("allocate", "memory"),
        ("garbage", "sent what is no frame"),
        ("silent", "no answer for 1.5 s"),
    ] {
        let attacked = Attacked::new("strategy", attack);
        let output = attacked.run(&["search", "attacked.toml"]);
        assert_eq!(output.status.code(), Some(1), "{attack}: {}", complaint(&output));
        let said = complaint(&output);
        for part in ["strategy `hostile` of plugin `heirloom-hostile` 0.1.0", "asked for trial 5", words] {
            assert!(said.contains(part), "{attack}: `{part}` is not in: {said}");
        }
        assert_eq!(attacked.n_completed(), AT, "{attack}");
        // Before it is tried again, people are told who died, and of what.
        let warned = said.contains("`heirloom-hostile` 0.1.0, in `ask` of trial 5: ");
        assert_eq!(warned, attack != "silent", "{attack}: {said}");
    }
}

#[test]
fn a_worker_that_prints_without_end_does_not_fill_the_log() {
    let attacked = Attacked::new("estimator", "print");
    let output = attacked.run(&["search", "attacked.toml"]);
    assert!(output.status.success(), "{}", complaint(&output));
    assert_eq!(attacked.n_completed(), N_TRIALS);
    assert!(output.stderr.len() < 2_000_000, "{} bytes", output.stderr.len());
    assert!(
        complaint(&output)
            .contains("`heirloom-hostile 0.1.0` has printed 1048576 bytes; the rest is left out")
    );
}

#[test]
fn a_plugin_that_crashes_again_and_again_goes_into_quarantine_and_its_author_gets_a_report() {
    let attacked = Attacked::new("estimator", "garbage");
    let file = attacked.bench.path("attacked.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&format!("at = {AT}"), "at = 2\nonwards = true")).unwrap();
    let output = attacked.run(&["search", "attacked.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let said = complaint(&output);
    let words = "plugin `heirloom-hostile` 0.1.0 is in quarantine: its workers died 3 times in a row";
    assert!(said.contains(words), "{said}");
    assert!(said.contains("`heirloom resume`"), "{said}");
    // What was finished is kept, and the rest of the budget is not wasted.
    assert_eq!((attacked.n_completed(), attacked.trials().len()), (2, 5));
    assert_eq!(attacked.bench.runs()[0]["state"], "interrupted");

    let again = attacked.run(&["search", "attacked.toml"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(complaint(&again).contains(words), "{}", complaint(&again));

    let known = attacked.bench.json(&["plugin", "quarantine"]);
    assert_eq!(known[0]["plugin"], "heirloom-hostile-0.1.0");
    assert!(known[0]["quarantined"]["reason"].as_str().unwrap().contains("sent what is no frame"));
    let reports = attacked.bench.json(&["plugin", "report", "heirloom-hostile"]);
    assert_eq!(reports.as_array().unwrap().len(), 3);
    let report = &reports[0]["report"];
    assert_eq!((&report["method"], &report["trials"][0]), (&Json::from("evaluate"), &Json::from(2)));
    assert_eq!(report["options"]["attack"], "garbage");
    let shown = attacked.bench.ok(&["plugin", "report"]);
    for part in ["estimator `hostile`", "sent what is no frame", "crash-3.replay"] {
        assert!(shown.contains(part), "{shown}");
    }
    // A report is no plugin's business to refuse: it is repeated once the plugin is released.
    let released = attacked.run(&["plugin", "quarantine", "--release", "heirloom-hostile-0.1.0"]);
    assert!(released.status.success(), "{}", complaint(&released));
    let replayed = attacked.run(&["plugin", "report", "heirloom-hostile", "--replay", "--json"]);
    assert_eq!(replayed.status.code(), Some(3), "{}", complaint(&replayed));
    let ended: Json = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(ended["Died"]["call"], 1);
    let again = attacked.run(&["plugin", "quarantine", "--release", "heirloom-hostile-0.1.0"]);
    assert_eq!(again.status.code(), Some(2));
    let said = complaint(&again);
    assert!(said.contains("has reports only") && !said.contains("did you mean"), "{said}");
    let unknown = attacked.run(&["plugin", "quarantine", "--release", "heirloom-hostil-0.1.0"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(complaint(&unknown).contains("heirloom-hostile-0.1.0"), "{}", complaint(&unknown));
}

#[test]
fn a_plugin_that_a_limit_of_the_run_file_ends_again_and_again_is_not_put_into_quarantine() {
    for attack in ["fork", "fill-disk"] {
        let attacked = Attacked::new("estimator", attack);
        let file = attacked.bench.path("attacked.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(&format!("at = {AT}"), "at = 2\nonwards = true")).unwrap();
        let output = attacked.run(&["search", "attacked.toml"]);
        assert!(output.status.success(), "{attack}: {}", complaint(&output));
        assert_eq!((attacked.n_completed(), attacked.trials().len()), (2, N_TRIALS), "{attack}");
        let known = attacked.bench.json(&["plugin", "quarantine"]);
        assert_eq!((&known[0]["quarantined"], &known[0]["ended_runs"]), (&Json::Null, &Json::from(0)));
    }
}
