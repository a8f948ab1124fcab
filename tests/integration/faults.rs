//! Plugins that are broken on purpose, through the program: what each costs, and that nothing is lost.

use std::process::Output;

use heirloom_tests::{Bench, built, complaint};
use serde_json::Value as Json;

const N_TRIALS: usize = 12;

/// A search whose estimator or strategy has a fault at trial 5.
struct Broken {
    bench: Bench,
}

impl Broken {
    /// `once`: the fault happens the first time only.
    fn new(component: &str, fault: &str, once: bool, isolation: &str) -> Self {
        let bench = Bench::new();
        // Long enough for a loaded machine, where not the limit itself is what ends the trial.
        let seconds = if fault == "hang" { 1.5 } else { 60.0 };
        let fault = format!("name = \"faulty\"\nfault = \"{fault}\"\nat = 5\n");
        let fault = if once { format!("{fault}once = {:?}\n", bench.path("struck")) } else { fault };
        let (strategy, estimator) = match component {
            "strategy" => (fault.as_str(), "name = \"faulty\"\n"),
            _ => ("name = \"random\"\n", fault.as_str()),
        };
        let text = format!(
            "name = \"broken\"\nseed = 1\n[task]\nname = \"t\"\n[[space.parameter]]\nname = \"x\"\ntype = \"float\"\n\
             low = 0\nhigh = 1\n[strategy]\n{strategy}[estimator]\n{estimator}[budget]\ntrials = {N_TRIALS}\n\
             [limits]\nseconds = {seconds}\nmemory_mb = 400\n[run]\nisolation = \"{isolation}\"\n"
        );
        bench.write("broken.toml", &text);
        Self { bench }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let plugins = built().join("deps").join("libheirloom_faulty_plugin.so");
        let mut command = self.bench.command(arguments);
        command.arg("--plugins").arg(plugins).output().expect("the program starts")
    }

    fn search(&self) -> Output {
        self.run(&["search", "broken.toml"])
    }

    fn resume(&self) -> Output {
        self.run(&["resume", "broken"])
    }

    fn completed(&self) -> Vec<Json> {
        let trials = self.bench.trials("broken");
        trials.into_iter().filter(|trial| trial["state"] == "completed").collect()
    }

    /// The one trial that failed, and that all others completed.
    fn only_failure(&self) -> Json {
        let trials = self.bench.trials("broken");
        assert_eq!(trials.len(), N_TRIALS);
        let mut failed: Vec<_> = trials.into_iter().filter(|trial| trial["state"] != "completed").collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        failed.remove(0)
    }
}

/// The fault costs its trial with `kind` and a message that names the plugin, its version and the trial.
fn costs_its_trial(fault: &str, isolation: &str, kind: &str) {
    let broken = Broken::new("estimator", fault, false, isolation);
    let output = broken.search();
    assert!(output.status.success(), "{fault}, {isolation}: {}", complaint(&output));
    let failure = broken.only_failure();
    assert_eq!((&failure["trial"], &failure["failure"]), (&Json::from(5), &Json::from(kind)), "{fault}");
    let message = failure["message"].as_str().unwrap_or_default();
    for part in ["heirloom-faulty", "0.1.0", "trial 5"] {
        assert!(message.contains(part), "{fault}, {isolation}: {message}");
    }
}

#[test]
fn in_process_an_estimators_panic_wrong_number_or_hang_costs_its_trial() {
    costs_its_trial("panic", "none", "crashed");
    costs_its_trial("bad-number", "none", "diverged");
    costs_its_trial("bad-count", "none", "crashed");
    costs_its_trial("hang", "none", "timed-out");
}

#[test]
fn isolated_an_estimator_costs_its_trial_whatever_it_does() {
    costs_its_trial("panic", "process", "crashed");
    costs_its_trial("bad-number", "process", "diverged");
    costs_its_trial("bad-count", "process", "crashed");
    costs_its_trial("hang", "process", "timed-out");
    costs_its_trial("exit", "process", "crashed");
    costs_its_trial("segfault", "process", "crashed");
    costs_its_trial("allocate", "process", "out-of-memory");
}

#[test]
fn in_process_a_segfault_or_exit_ends_the_host_and_resume_loses_nothing() {
    for fault in ["segfault", "exit"] {
        let broken = Broken::new("estimator", fault, true, "none");
        assert!(!broken.search().status.success());
        let before = broken.completed();
        assert_eq!(before.len(), 5, "{fault}");
        let output = broken.resume();
        assert!(output.status.success(), "{}", complaint(&output));
        let after = broken.completed();
        assert_eq!(after.len(), N_TRIALS);
        assert_eq!(after[..5], before[..]);
    }
}

#[test]
fn a_trial_that_kills_its_host_every_time_is_given_up() {
    let broken = Broken::new("estimator", "segfault", false, "none");
    assert!(!broken.search().status.success());
    // Once resumed, the run records that it begins the trial before it does, and counts three such attempts.
    for _ in 0..3 {
        assert!(!broken.resume().status.success());
    }
    let output = broken.resume();
    assert!(output.status.success(), "{}", complaint(&output));
    let failure = broken.only_failure();
    assert_eq!((&failure["trial"], &failure["failure"]), (&Json::from(5), &Json::from("crashed")));
    assert!(failure["message"].as_str().unwrap().contains("the host died 3 times"));
}

#[test]
fn in_process_a_strategys_panic_ends_the_run_in_order_and_it_resumes() {
    let broken = Broken::new("strategy", "panic", true, "none");
    let output = broken.search();
    assert!(!output.status.success());
    let complaint = complaint(&output);
    for part in ["heirloom-faulty", "0.1.0", "panicked"] {
        assert!(complaint.contains(part), "{complaint}");
    }
    assert_eq!(broken.completed().len(), 5);
    assert!(broken.resume().status.success());
    assert_eq!(broken.completed().len(), N_TRIALS);
}

#[test]
fn a_strategy_that_proposes_out_of_bounds_costs_a_trial() {
    for isolation in ["none", "process"] {
        let broken = Broken::new("strategy", "bad-number", false, isolation);
        assert!(broken.search().status.success());
        let failure = broken.only_failure();
        assert_eq!((&failure["trial"], &failure["failure"]), (&Json::from(5), &Json::from("rejected")));
        let message = failure["message"].as_str().unwrap();
        for part in ["heirloom-faulty", "0.1.0", "trial 5", "`x`", "hint"] {
            assert!(message.contains(part), "{message}");
        }
    }
}

/// The system ends a process that writes beyond that limit, unless it says that it can live with it.
#[test]
fn a_limit_on_the_size_of_files_is_an_error_of_a_search_and_ends_a_program() {
    let bench = Bench::new();
    bench.search_file("cifar10", "random", 3000);
    let output = bench.run_on_a_full_disk(&["search", "cifar10.toml"], 400);
    let said = complaint(&output);
    assert!(output.status.code() == Some(1) && said.contains("raise it with `ulimit -f`"), "{said}");

    let bench = Bench::new();
    bench.held_file("large", "random", 1, 9);
    bench.write("trial.sh", "exec head -c 3000000 /dev/zero > large\n");
    bench.run_on_a_full_disk(&["search", "large.toml"], 1000);
    let trials = bench.trials("large");
    let message = trials[0]["message"].as_str().unwrap();
    assert!(message.contains("was ended by signal 25"), "{message}");
}

#[test]
fn an_isolated_strategy_that_dies_once_is_brought_back_and_the_run_goes_on() {
    for fault in ["segfault", "exit", "panic"] {
        let broken = Broken::new("strategy", fault, true, "process");
        let output = broken.search();
        assert!(output.status.success(), "{fault}: {}", complaint(&output));
        assert_eq!(broken.completed().len(), N_TRIALS);
    }
}
