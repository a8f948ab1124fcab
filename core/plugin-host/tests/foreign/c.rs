//! The C interface, with real compilers, in the host's process and in a worker's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use heirloom_model::{ComponentErrorKind, Direction, FailureKind, ProxyNeeds, Seed, Verdict};
use heirloom_plugin_host::{HostOptions, Isolation, Kind, Language, PluginHost};
use serde_json::json;
use tempfile::TempDir;

use crate::common::{
    Answers, GO_ON, ask, beside, draws, request, rich, see_that_a_strategy_hears_everything, small, told,
};

const BOTH: [Isolation; 2] = [Isolation::None, Isolation::Process];

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-abi/include")
}

/// Compiles a source file that stands in `folder` into a library.
fn compile(compiler: &[&str], folder: &Path, source: &str, library: &Path) {
    let output = Command::new(compiler[0])
        .args(&compiler[1..])
        .args(["-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared", "-o"])
        .arg(library)
        .arg(format!("-I{}", include().display()))
        .args([source, "-lm"])
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("`{}` is needed: {error}", compiler[0]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const C: &[&str] = &["gcc", "-std=c11", "-pedantic"];
const CPP: &[&str] = &["g++", "-std=c++17", "-pedantic", "-x", "c++"];

/// `everything.c`, compiled once by each compiler; and `guard.cpp`.
fn libraries() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = |name: &str| folder.path().join(name);
        compile(C, &beside(""), "everything.c", &library("libc.so"));
        compile(CPP, &beside(""), "everything.c", &library("libcpp.so"));
        compile(CPP, &beside(""), "guard.cpp", &library("libguard.so"));
        folder
    });
    folder.path()
}

fn host_of(library: &str) -> PluginHost {
    PluginHost::open(&[libraries().join(library)], HostOptions::default())
}

#[test]
fn a_library_in_c_says_what_it_is_without_being_loaded() {
    for (library, compiler) in [("libc.so", "gcc "), ("libcpp.so", "gcc ")] {
        let host = host_of(library);
        assert!(host.problems().is_empty(), "{:?}", host.problems());
        let plugin = &host.plugins()[0];
        assert_eq!((plugin.id(), plugin.version()), ("everything-in-c", "0.2.0"));
        assert_eq!((plugin.language(), plugin.interface()), (Language::C, 1));
        assert!(plugin.built_with().0.starts_with(compiler), "{:?}", plugin.built_with());
        plugin.check().unwrap();
        assert_eq!(host.names(Kind::Strategy), ["c-sweep"]);
        let schema = host.schema(Kind::Estimator, "c-sum").unwrap();
        assert_eq!(schema["properties"]["scale"]["default"], 1.0);
    }
}

#[test]
fn a_strategy_in_c_draws_what_every_language_draws() {
    let problem = rich();
    for library in ["libc.so", "libcpp.so"] {
        for isolation in BOTH {
            let host = host_of(library);
            let mut strategy = host.strategy("c-sweep", &json!({}), isolation, &problem).unwrap();
            assert_eq!(
                strategy.ask(&ask(5, 64, &[])).unwrap(),
                draws(&problem, 5, 64),
                "{library} {isolation:?}"
            );
        }
    }
}

#[test]
fn a_strategy_in_c_hears_everything_and_keeps_its_state() {
    for isolation in BOTH {
        let host = host_of("libc.so");
        let make = || host.strategy("c-sweep", &json!({}), isolation, &small()).unwrap();
        let mut strategy = make();
        see_that_a_strategy_hears_everything(strategy.as_mut());
        let state = strategy.save().unwrap().unwrap();
        assert_eq!(state, 3_u64.to_ne_bytes());
        let mut other = make();
        other.restore(&state).unwrap();
        assert_eq!(other.save().unwrap().unwrap(), state);
        let error = other.restore(b"x").unwrap_err();
        assert!(error.message.ends_with("restoring its state: a state of 1 bytes"), "{error}");
    }
}

#[test]
fn errors_of_c_say_who_what_and_why() {
    for isolation in BOTH {
        let host = host_of("libc.so");
        let make = |fail: &str| host.strategy("c-sweep", &json!({ "fail": fail }), isolation, &small());
        let error = make("create").map(drop).unwrap_err().to_string();
        let who = "strategy `c-sweep` of plugin `everything-in-c` 0.2.0";
        assert_eq!(error, format!("{who}, being made: `fail` is `create`; hint: leave it out"));
        let error = make("ask").unwrap().ask(&ask(3, 1, &[])).unwrap_err();
        assert_eq!(error.kind, ComponentErrorKind::Failed);
        let unsaid = "asked for trial 3: it returned status 3 and did not say why; hint: ask its author for";
        assert!(error.message.contains(unsaid), "{error}");
        let error = make("tell").unwrap().tell(&[told(0, Ok(1.0)), told(1, Ok(2.0))]).unwrap_err();
        assert_eq!(error.message, format!("{who}, told of trial 0, 1: told of 2"));
        let error = make("wrong").map(drop).unwrap_err().to_string();
        assert!(error.contains("`fail`") && error.contains("what fails"), "{error}");
    }
}

#[test]
fn exceptions_of_cpp_become_errors() {
    for isolation in BOTH {
        let host = host_of("libguard.so");
        let mut strategy = host.strategy("cpp-thrower", &json!({}), isolation, &small()).unwrap();
        let error = strategy.ask(&ask(0, 1, &[])).unwrap_err();
        assert!(error.message.ends_with("asked for trial 0: thrown while asked"), "{error}");
        let error = strategy.tell(&[told(0, Ok(1.0))]).unwrap_err();
        assert!(error.message.ends_with("told of trial 0: it threw what is no std::exception"), "{error}");
    }
}

#[test]
fn an_estimator_in_c_measures_reports_and_fails() {
    for isolation in BOTH {
        let host = host_of("libc.so");
        let space = small().space;
        let make = |options| host.estimator("c-sum", &options, isolation, Some(&space)).unwrap();
        let estimator = make(json!({ "scale": 2 }));
        let info = estimator.info();
        assert_eq!(
            (info.objectives[0].name.as_str(), info.objectives[0].direction),
            ("sum", Direction::Minimise)
        );
        assert_eq!((info.fidelities[0].name.as_str(), info.fidelities[0].integer), ("epochs", true));
        let outcome = estimator.evaluate(&[request(0, 3.0)], &GO_ON).remove(0).unwrap();
        assert_eq!((outcome.objectives[0], outcome.cost_seconds), (1.5 + 1.0 / 3.0, 2.5));
        let curve: Vec<_> = outcome.curve.iter().map(|point| (point.step, point.objectives[0])).collect();
        assert_eq!(curve, [(1.0, 2.5), (2.0, 2.0), (3.0, 1.5 + 1.0 / 3.0)]);
        assert_eq!((outcome.metrics["threads"], outcome.stopped), (3.0, false));
        let stopped =
            estimator.evaluate(&[request(0, 3.0)], &Answers(Verdict::Stop, false)).remove(0).unwrap();
        assert_eq!((stopped.curve.len(), stopped.stopped), (1, true));
        let cancelled = estimator.evaluate(&[request(0, 3.0)], &Answers(Verdict::Continue, true)).remove(0);
        assert_eq!(cancelled.unwrap_err().kind, FailureKind::Cancelled);
        for (code, kind) in [
            (1, FailureKind::OutOfMemory),
            (2, FailureKind::Diverged),
            (3, FailureKind::TimedOut),
            (4, FailureKind::Crashed),
            (5, FailureKind::Rejected),
            (6, FailureKind::Cancelled),
        ] {
            let failure =
                make(json!({ "fail": code })).evaluate(&[request(8, 1.0)], &GO_ON).remove(0).unwrap_err();
            assert_eq!(failure.kind, kind);
            assert!(failure.message.ends_with(&format!("failure {code} of trial 8")), "{failure}");
        }
    }
}

#[test]
fn calls_of_an_estimator_in_c_that_may_not_overlap_do_so_in_workers_alone() {
    let make = |odd: &str, isolation| {
        let made =
            host_of("libc.so").estimator("c-sum", &json!({ "odd": odd }), isolation, Some(&small().space));
        made.unwrap().info().concurrent
    };
    assert!(make("", Isolation::None));
    assert!(!make("alone", Isolation::None));
    assert!(make("alone", Isolation::Process));
}

#[test]
fn a_point_of_a_curve_that_cannot_be_kept_fails_its_trial() {
    let who = "estimator `c-sum` of plugin `everything-in-c` 0.2.0, trial 7: ";
    for isolation in BOTH {
        let host = host_of("libc.so");
        for (odd, kind, expected) in [
            (
                "no-objectives",
                FailureKind::Crashed,
                "reported 0 objectives at step 4 of its curve, its info names 1",
            ),
            ("backwards", FailureKind::Crashed, "reported step 2 of its curve after step 3"),
            ("no-step", FailureKind::Crashed, "reported step NaN of its curve"),
            ("diverges", FailureKind::Diverged, "`sum` is NaN at step 4"),
        ] {
            let options = json!({ "odd": odd });
            let estimator = host.estimator("c-sum", &options, isolation, Some(&small().space)).unwrap();
            let failure = estimator.evaluate(&[request(7, 3.0)], &GO_ON).remove(0).unwrap_err();
            assert_eq!((failure.kind, failure.cost_seconds), (kind, 2.5), "{odd}: {failure}");
            assert!(failure.message.starts_with(&format!("{who}{expected}")), "{odd}: {failure}");
        }
    }
}

#[test]
fn an_estimator_that_says_what_cannot_be_is_not_made() {
    for isolation in BOTH {
        for (odd, expected) in [
            ("unnamed", "objective 2 has no name"),
            ("reversed", "`epochs` goes from 4 to 1"),
            ("many", "objectives, more than 256"),
        ] {
            let made = host_of("libc.so").estimator(
                "c-sum",
                &json!({ "odd": odd }),
                isolation,
                Some(&small().space),
            );
            let error = made.map(drop).unwrap_err().to_string();
            assert!(error.contains("being made: ") && error.contains(expected), "{error}");
        }
    }
}

#[test]
fn a_failure_without_a_message_says_that_it_has_none() {
    for isolation in BOTH {
        let options = json!({ "odd": "silent", "fail": 5 });
        let estimator =
            host_of("libc.so").estimator("c-sum", &options, isolation, Some(&small().space)).unwrap();
        let failure = estimator.evaluate(&[request(7, 3.0)], &GO_ON).remove(0).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Rejected);
        assert!(failure.message.contains("it returned status 5 and did not say why; hint: "), "{failure}");
    }
}

#[test]
fn what_a_plugin_says_does_not_steer_the_terminal() {
    for isolation in BOTH {
        let options = json!({ "odd": "steers" });
        let estimator =
            host_of("libc.so").estimator("c-sum", &options, isolation, Some(&small().space)).unwrap();
        let failure = estimator.evaluate(&[request(7, 3.0)], &GO_ON).remove(0).unwrap_err();
        assert_eq!(failure.message, "\\u{1b}[2Jgone");
    }
}

#[test]
fn a_proxy_in_c_scores() {
    for isolation in BOTH {
        let proxy = host_of("libc.so").proxy("c-largest", &json!({}), isolation, &small()).unwrap();
        let info = proxy.info();
        assert_eq!(
            (info.direction, info.needs, info.unit.as_str()),
            (Direction::Maximise, ProxyNeeds::Nothing, "units")
        );
        let configurations: Vec<_> =
            draws(&small(), 0, 5).into_iter().map(|proposal| proposal.configuration).collect();
        let mut scores = [0.0; 5];
        proxy.score(&configurations, Seed::from_number(1), &mut scores).unwrap();
        for (configuration, score) in configurations.iter().zip(scores) {
            assert_eq!(score, configuration.values().iter().copied().fold(f64::MIN, f64::max));
        }
    }
}

/// `everything.c` with another `plugin.toml`.
fn with_manifest(change: impl Fn(&str) -> String) -> (TempDir, PluginHost) {
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str| std::fs::copy(beside(name), folder.path().join(name)).unwrap();
    copy("everything.c");
    let manifest = std::fs::read_to_string(beside("everything.toml")).unwrap();
    std::fs::write(folder.path().join("everything.toml"), change(&manifest)).unwrap();
    let library = folder.path().join("library.so");
    compile(C, folder.path(), "everything.c", &library);
    let host = PluginHost::open(&[library], HostOptions::default());
    (folder, host)
}

#[test]
fn a_manifest_that_names_what_the_library_has_not_is_found_out() {
    let (_folder, host) = with_manifest(|manifest| manifest.replace("c-sweep", "c-ghost"));
    for isolation in BOTH {
        let error =
            host.strategy("c-ghost", &json!({}), isolation, &small()).map(drop).unwrap_err().to_string();
        assert!(error.contains("exports no such component: strategy `c-ghost`"), "{error}");
    }
}

#[test]
fn manifests_that_miss_something_are_refused_by_name() {
    for (old, new, expected) in [
        (
            "version = \"0.2.0\"\n",
            "",
            "`version` is missing; hint: a plugin in c has no crate that could say it",
        ),
        ("language = \"c\"\n", "", "which it does not export"),
        ("type = \"integer\"", "type = \"int\"", "the type of `fail` is `\"int\"`; hint: there are integer,"),
    ] {
        let (_folder, host) = with_manifest(|manifest| manifest.replacen(old, new, 1));
        let problem = host.problems()[0].to_string();
        assert!(problem.contains("library.so") && problem.contains(expected), "{problem}");
    }
}

#[test]
fn the_example_in_c_is_built_by_its_makefile_and_searches() {
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/c-strategy");
    for file in ["coin.c", "plugin.toml", "Makefile"] {
        std::fs::copy(example.join(file), folder.path().join(file)).unwrap();
    }
    let made = Command::new("make")
        .arg(format!("HEIRLOOM={}", include().display()))
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let host = PluginHost::open(&[folder.path().to_owned()], HostOptions::default());
    let problem = rich();
    let searched = BOTH.map(|isolation| {
        let mut strategy = host.strategy("c-coin", &json!({}), isolation, &problem).unwrap();
        let mut proposals = Vec::new();
        for trial in 0..40 {
            let proposal = strategy.ask(&ask(trial, 1, &[])).unwrap().remove(0);
            problem.space.check(&proposal.configuration).unwrap();
            let objective = problem.space.to_unit(&proposal.configuration)[0];
            let mut observation = told(trial, Ok(objective));
            observation.configuration = proposal.configuration.clone();
            strategy.tell(&[observation]).unwrap();
            proposals.push((objective, proposal));
        }
        proposals
    });
    assert_eq!(searched[0], searched[1], "in process = in a worker");
    let mutated =
        searched[0].windows(2).filter(|pair| pair[0].1.configuration != pair[1].1.configuration).count();
    assert!(mutated > 20);
    let best = searched[0].iter().map(|(objective, _)| *objective).fold(f64::INFINITY, f64::min);
    assert!(best < 0.05, "{best}");
}
