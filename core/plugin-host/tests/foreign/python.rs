//! Python plugins, with the Python of this machine.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use heirloom_model::{
    ComponentErrorKind, Direction, EvaluationRequest, FailureKind, Seed, SpaceSpec, TrialId, Verdict,
};
use heirloom_plugin_host::{CrashReport, HostOptions, Isolation, Kind, Language, PluginHost, remembered};
use serde_json::{Value as Json, json};

use crate::common::{
    Answers, GO_ON, ask, beside, draws, problem, request, rich, see_that_a_strategy_hears_everything, small,
    told,
};

fn host() -> PluginHost {
    host_of(&beside("everything_py"))
}

fn host_of(path: &Path) -> PluginHost {
    PluginHost::open(&[path.to_owned()], HostOptions::default())
}

fn faulty(fault: &str) -> Json {
    json!({ "fault": fault })
}

#[test]
fn a_folder_with_a_module_is_a_plugin() {
    // The folder itself, and the folder that holds it.
    for path in [beside("everything_py"), beside("")] {
        let host = host_of(&path);
        assert!(host.problems().is_empty(), "{:?}", host.problems());
        let plugin = host.find(Kind::Strategy, "py-sweep").unwrap();
        assert_eq!((plugin.id(), plugin.version()), ("everything-in-python", "0.3.0"));
        assert_eq!((plugin.language(), plugin.built_with()), (Language::Python, ("Python", "any")));
        assert!(plugin.path().is_absolute() && plugin.path().ends_with("everything_py"));
        plugin.check().unwrap();
        let schema = host.schema(Kind::Strategy, "py-sweep").unwrap();
        assert_eq!(schema["properties"]["at"]["default"], 1);
    }
}

#[test]
fn the_fingerprint_follows_the_source_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        host_of(folder.path()).plugins()[0].fingerprint().to_owned()
    };
    for file in ["plugin.toml", "everything.py"] {
        fs::copy(beside("everything_py").join(file), folder.path().join(file)).unwrap();
    }
    let before = write("notes.txt", "x");
    assert_eq!(before, host().plugins()[0].fingerprint());
    for other in
        ["__pycache__/everything.pyc", ".git/hook.py", ".venv/bin/x.py", "env/pyvenv.cfg", "env/lib.py"]
    {
        assert_eq!(write(other, "x"), before, "{other}");
    }
    assert_ne!(write("helper.py", "x"), before);
}

#[test]
fn a_strategy_in_python_draws_what_every_language_draws() {
    // The number that the package's own tests hold against.
    assert_eq!(Seed::from_number(7).derive("trial", 0).rng().uniform(), 0.07456678577015363);
    let problem = rich();
    // What wants it in the host's process gets a worker all the same.
    for isolation in [Isolation::None, Isolation::Process] {
        let mut strategy = host().strategy("py-sweep", &json!({ "at": 99 }), isolation, &problem).unwrap();
        assert_eq!(strategy.ask(&ask(5, 64, &[])).unwrap(), draws(&problem, 5, 64));
    }
}

#[test]
fn what_makes_an_architecture_the_host_says() {
    for preset in ["nas-bench-101", "nas-bench-201", "darts", "tabular-mlp"] {
        let problem = problem(SpaceSpec::preset(preset).unwrap());
        let mut strategy =
            host().strategy("py-sweep", &json!({ "at": 99 }), Isolation::None, &problem).unwrap();
        assert_eq!(strategy.ask(&ask(0, 8, &[])).unwrap(), draws(&problem, 0, 8), "{preset}");
    }
}

#[test]
fn a_strategy_in_python_hears_everything_and_keeps_its_state() {
    let make = || host().strategy("py-sweep", &json!({ "at": 99 }), Isolation::Process, &small()).unwrap();
    let mut strategy = make();
    see_that_a_strategy_hears_everything(strategy.as_mut());
    assert_eq!(strategy.save().unwrap().unwrap(), [1]);
    let mut other = make();
    other.restore(&[9, 8]).unwrap();
    assert_eq!(other.save().unwrap().unwrap(), [9, 8, 0]);
}

#[test]
fn errors_of_a_strategy_name_the_line_and_it_goes_on() {
    let who = "strategy `py-sweep` of plugin `everything-in-python` 0.3.0";
    let make = |fault| host().strategy("py-sweep", &faulty(fault), Isolation::None, &small());
    let error = make("create").map(drop).unwrap_err().to_string();
    assert_eq!(error, format!("{who}, being made: `fault` is `create`; hint: leave it out"));
    for (fault, kind, expected) in [
        ("ask", ComponentErrorKind::Panicked, "panicked at everything.py:"),
        ("refuse", ComponentErrorKind::Failed, "not this trial"),
        ("exit", ComponentErrorKind::Crashed, "with status 3"),
    ] {
        let mut strategy = make(fault).unwrap();
        strategy.ask(&ask(0, 1, &[])).unwrap();
        strategy.tell(&[told(0, Ok(0.5))]).unwrap();
        let error = strategy.ask(&ask(1, 1, &[])).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.starts_with(&format!("{who}, asked for trial 1: ")), "{error}");
        assert!(error.message.contains(expected), "{error}");
        // It is as it was before the call.
        assert_eq!(strategy.ask(&ask(2, 1, &[])).unwrap()[0].parent, Some(TrialId(0)), "{fault}");
    }
    let mut strategy = make("tell").unwrap();
    let error = strategy.tell(&[told(1, Ok(0.5))]).unwrap_err();
    assert!(error.message.contains("ValueError: wrong while tell was called"), "{error}");
}

#[test]
fn a_strategy_that_hangs_is_ended_at_its_limit() {
    let host = host();
    let limits = heirloom_plugin_host::WorkerLimits { call_seconds: 0.3, ..Default::default() };
    host.set_limits(limits);
    let mut strategy = host.strategy("py-sweep", &faulty("hang"), Isolation::None, &small()).unwrap();
    let start = Instant::now();
    let error = strategy.ask(&ask(1, 1, &[])).unwrap_err();
    assert!(error.message.contains("no answer for 0.3 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(strategy.ask(&ask(2, 1, &[])).unwrap().len(), 1);
}

#[test]
fn an_estimator_in_python_measures_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("run");
    let estimator = host().estimator("py-sum", &json!({}), Isolation::None, Some(&small().space)).unwrap();
    let info = estimator.info();
    let names: Vec<_> = info.objectives.iter().map(|one| (one.name.as_str(), one.direction)).collect();
    assert_eq!(names, [("sum", Direction::Minimise), ("quality", Direction::Maximise)]);
    assert_eq!((info.fidelities[0].high, info.fidelities[0].integer), (4.0, true));
    let child =
        EvaluationRequest { parent: Some(TrialId(5)), folder: Some(files.clone()), ..request(6, 2.0) };
    let outcomes = estimator.evaluate(&[request(0, 3.0), child], &GO_ON);
    let outcome = outcomes[0].as_ref().unwrap();
    // Minimised: the quality is turned around.
    assert_eq!(outcome.objectives, [0.75, 0.75]);
    let curve: Vec<_> = outcome.curve.iter().map(|point| (point.step, point.objectives[0])).collect();
    assert_eq!(curve, [(1.0, 1.75), (2.0, 1.25), (3.0, 0.75 + 1.0 / 3.0)]);
    assert_eq!((outcome.metrics["threads"], outcome.metrics["parent"], outcome.stopped), (3.0, -1.0, false));
    assert!(outcome.cost_seconds > 0.0 && outcome.cost_seconds < 10.0);
    assert_eq!(outcomes[1].as_ref().unwrap().metrics["parent"], 5.0);
    assert_eq!(fs::read_to_string(files.join("trial-6/sum")).unwrap(), "0.75");
    let stopped = estimator.evaluate(&[request(0, 3.0)], &Answers(Verdict::Stop, false)).remove(0).unwrap();
    assert_eq!((stopped.curve.len(), stopped.stopped), (1, true));
    let cancelled = estimator.evaluate(&[request(0, 3.0)], &Answers(Verdict::Continue, true)).remove(0);
    assert_eq!(cancelled.unwrap_err().kind, FailureKind::Cancelled);
}

#[test]
fn failures_of_an_estimator_are_of_their_kind_and_the_next_trial_runs() {
    for (fault, kind, expected) in [
        ("diverged", FailureKind::Diverged, "`sum` is nan"),
        ("error", FailureKind::Crashed, "KeyError: 'missing'"),
        ("rejected", FailureKind::Rejected, "too large"),
        ("memory", FailureKind::OutOfMemory, "memory ran out at everything.py:"),
        ("missing", FailureKind::Crashed, "objective `quality` is missing"),
        ("unknown", FailureKind::Crashed, "`other` is no objective; hint: they are quality, sum"),
        ("exit", FailureKind::Crashed, "status 3"),
        ("nothing", FailureKind::Crashed, "`evaluate` must give a number or a mapping of objectives"),
    ] {
        let estimator =
            host().estimator("py-sum", &faulty(fault), Isolation::None, Some(&small().space)).unwrap();
        for trial in 0..2 {
            let failure = estimator.evaluate(&[request(trial, 1.0)], &GO_ON).remove(0).unwrap_err();
            assert_eq!(failure.kind, kind, "{fault}: {failure}");
            assert!(failure.message.contains(expected), "{fault}: {failure}");
        }
    }
}

#[test]
fn what_was_printed_before_a_worker_ended_is_in_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let options = HostOptions { reports: Some(folder.path().into()), ..HostOptions::default() };
    let host = PluginHost::open(&[beside("everything_py")], options);
    let estimator = host.estimator("py-sum", &faulty("exit"), Isolation::None, Some(&small().space)).unwrap();
    estimator.evaluate(&[request(0, 1.0)], &GO_ON).remove(0).unwrap_err();
    let report = CrashReport::read(&remembered(folder.path())[0].reports[0]).unwrap();
    assert!(report.printed.contains("a plugin may print"), "{}", report.printed);
}

#[test]
fn a_thread_that_outlives_its_trial_does_not_take_the_next_ones_place() {
    let options = faulty("thread");
    let estimator = host().estimator("py-sum", &options, Isolation::None, Some(&small().space)).unwrap();
    let evaluate = |trial| estimator.evaluate(&[request(trial, 1.0)], &GO_ON).remove(0);
    assert_eq!(evaluate(0).unwrap().objectives, [0.0, -1.0]);
    // Long enough for the thread to try.
    std::thread::sleep(Duration::from_millis(200));
    let failure = evaluate(1).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(
        failure.message.starts_with("the evaluation of trial 0 has ended; join your threads"),
        "{failure}"
    );
}

#[test]
fn a_message_without_end_is_cut_and_cleaned() {
    let options = faulty("loud");
    let estimator = host().estimator("py-sum", &options, Isolation::None, Some(&small().space)).unwrap();
    let message = estimator.evaluate(&[request(0, 1.0)], &GO_ON).remove(0).unwrap_err().message;
    assert!(message.starts_with("\\u{1b}[2Jxxx") && message.len() < 5000, "{} bytes", message.len());
}

#[test]
fn two_plugins_with_a_component_of_one_name_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = fs::read_to_string(beside("everything_py/plugin.toml")).unwrap();
    let manifest = manifest.replace("everything-in-python", "everything-again");
    fs::write(folder.path().join("plugin.toml"), manifest).unwrap();
    fs::write(folder.path().join("everything.py"), "").unwrap();
    let paths = [beside("everything_py"), folder.path().to_owned()];
    let host = PluginHost::open(&paths, HostOptions::default());
    assert_eq!(host.find(Kind::Strategy, "py-sweep").unwrap().id(), "everything-in-python");
    let shadowed: Vec<_> = host.shadowed().collect();
    assert_eq!(shadowed.len(), 4, "{shadowed:?}");
    assert!(
        shadowed[0].starts_with("strategy `py-sweep` of plugin `everything-again` 0.3.0 in `")
            && shadowed[0].contains("is not used: plugin `everything-in-python` 0.3.0 in `"),
        "{}",
        shadowed[0]
    );
}

#[test]
fn a_mistake_in_a_manifest_is_said_to_whoever_asks_for_its_component() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(folder.path().join("plugin.toml"), text).unwrap();
    let asked = || {
        let host = host_of(folder.path());
        host.strategy("py-sweep", &json!({}), Isolation::None, &small()).map(drop).unwrap_err().to_string()
    };
    let manifest = fs::read_to_string(beside("everything_py/plugin.toml")).unwrap();
    fs::write(folder.path().join("everything.py"), "").unwrap();
    write(&manifest.replace("version = \"0.3.0\"\n", ""));
    assert!(
        asked().contains("one plugin was left out: ") && asked().contains("`version` is missing"),
        "{}",
        asked()
    );
    write(&manifest.replace("language = \"python\"", "language = \"pyton\""));
    assert!(asked().contains("one plugin was left out: ") && asked().contains("pyton"), "{}", asked());
}

#[test]
fn a_proxy_in_python_scores() {
    let proxy = host().proxy("py-largest", &json!({}), Isolation::None, &small()).unwrap();
    let info = proxy.info();
    assert_eq!((info.direction, info.unit.as_str()), (Direction::Maximise, "units"));
    let mut configurations: Vec<_> = draws(&small(), 0, 5).into_iter().map(|one| one.configuration).collect();
    configurations.push(heirloom_model::Configuration::new(vec![0.95, 0.5]));
    let mut scores = [0.0; 6];
    proxy.score(&configurations, Seed::from_number(1), &mut scores).unwrap();
    for (configuration, score) in configurations.iter().zip(scores) {
        let largest = configuration.values().iter().copied().fold(f64::MIN, f64::max);
        assert!(if configuration.values()[0] < 0.9 { score == largest } else { score.is_nan() });
    }
}

#[test]
fn what_is_missing_is_said_with_a_remedy() {
    let error = |host: &PluginHost, name: &str| {
        host.strategy(name, &json!({}), Isolation::None, &small()).map(drop).unwrap_err().to_string()
    };
    let absent = error(&host(), "absent");
    assert!(
        absent.contains("module `everything` has no strategy `absent`; hint: decorate one with"),
        "{absent}"
    );

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let manifest = fs::read_to_string(beside("everything_py/plugin.toml")).unwrap();
    write("plugin.toml", &manifest);
    let problem = host_of(folder.path()).problems()[0].to_string();
    assert!(problem.contains("names module `everything`, and there is no `everything.py`"), "{problem}");

    write("everything.py", "import no_such_package_anywhere\n");
    let missing = error(&host_of(folder.path()), "py-sweep");
    assert!(
        missing.contains("hint: install `no_such_package_anywhere` there, or name another Python"),
        "{missing}"
    );

    write("local.toml", "python = \"/bin/false\"\n");
    let none = error(&host_of(folder.path()), "py-sweep");
    assert!(
        none.contains("`/bin/false` is no Python") && none.contains("hint: install Python 3.9 or newer"),
        "{none}"
    );
    write("local.toml", "pyton = 3\n");
    let setting = error(&host_of(folder.path()), "py-sweep");
    assert!(setting.contains("local.toml`: it names no `python`; hint: write `python = "), "{setting}");

    write("plugin.toml", &manifest.replace("version = \"0.3.0\"\n", ""));
    let problem = host_of(folder.path()).problems()[0].to_string();
    assert!(problem.contains("`version` is missing"), "{problem}");
}

#[test]
fn source_that_changes_while_it_is_in_use_is_not_taken_for_the_same_plugin() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["plugin.toml", "everything.py"] {
        fs::copy(beside("everything_py").join(file), folder.path().join(file)).unwrap();
    }
    let host = host_of(folder.path());
    let mut strategy = host.strategy("py-sweep", &faulty("exit"), Isolation::None, &small()).unwrap();
    fs::write(folder.path().join("everything.py"), "changed = True\n").unwrap();
    // The first worker goes on; the one that would take its place would be another strategy.
    assert_eq!(strategy.ask(&ask(0, 1, &[])).unwrap().len(), 1);
    let error = strategy.ask(&ask(1, 1, &[])).unwrap_err();
    assert!(error.message.contains("its source was changed since the host read it; hint: start"), "{error}");
}

/// The package's own tests, run by the Python that runs plugins.
#[test]
fn the_package_passes_its_own_tests() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python/heirloom-plugin");
    let python = std::env::var_os("HEIRLOOM_PYTHON").unwrap_or_else(|| "python3".into());
    let output = std::process::Command::new(python)
        .args(["-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."])
        .current_dir(package)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Says so past the test runner, which hides what passing tests print.
fn skipped(what: &str) {
    std::io::stderr().write_all(format!("skipped: {what}\n").as_bytes()).unwrap();
}

/// The examples, which need packages beyond the standard library: copied, so that their Python can be named beside them.
fn example(name: &str, packages: &str) -> Option<(tempfile::TempDir, PluginHost)> {
    let Some(python) = std::env::var_os("HEIRLOOM_PEERS_PYTHON") else {
        skipped(&format!(
            "example `{name}`; hint: name a Python that has {packages} with HEIRLOOM_PEERS_PYTHON"
        ));
        return None;
    };
    let imports =
        std::process::Command::new(&python).args(["-c", &format!("import {packages}")]).output().unwrap();
    if !imports.status.success() {
        skipped(&format!("example `{name}`: {} has no {packages}", Path::new(&python).display()));
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    for entry in fs::read_dir(source).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let setting = format!("python = {:?}\n", python.to_str().unwrap());
    fs::write(folder.path().join("local.toml"), setting).unwrap();
    let host = host_of(folder.path());
    assert!(host.problems().is_empty(), "{:?}", host.problems());
    Some((folder, host))
}

#[test]
fn optunas_sampler_searches_and_beats_random_draws() {
    let Some((_folder, host)) = example("python-optuna-strategy", "optuna") else { return };
    let problem = rich();
    let measure = |values: &[f64]| {
        let unit = problem.space.to_unit(&heirloom_model::Configuration::new(values));
        unit[..4].iter().map(|place| (place - 0.7).powi(2)).sum::<f64>()
    };
    let search = |batch: u64| {
        let mut strategy = host.strategy("optuna-tpe", &json!({}), Isolation::None, &problem).unwrap();
        let (mut best, mut proposals) = (f64::INFINITY, Vec::new());
        for first in (0..60).step_by(batch as usize) {
            let asked = strategy.ask(&ask(first, batch as usize, &[])).unwrap();
            let mut observations = Vec::new();
            for (index, proposal) in asked.into_iter().enumerate() {
                problem.space.check(&proposal.configuration).unwrap();
                let objective = measure(proposal.configuration.values());
                best = f64::min(best, objective);
                let failed = index == 1 && first == 4;
                let result = if failed { Err(FailureKind::Crashed) } else { Ok(objective) };
                let configuration = proposal.configuration.clone();
                observations.push(heirloom_model::Observation {
                    configuration,
                    ..told(first + index as u64, result)
                });
                proposals.push(proposal);
            }
            strategy.tell(&observations).unwrap();
        }
        (best, proposals)
    };
    let (best, proposals) = search(1);
    assert_eq!(search(1).1, proposals, "the same seed and the same tells");
    let random = draws(&problem, 0, 60);
    let random = random.iter().map(|one| measure(one.configuration.values())).fold(f64::INFINITY, f64::min);
    assert!(best < random, "{best} against {random}");
    assert_eq!(search(4).1.len(), 60);
    // A trial that another proposed, before the first ask.
    let mut strategy =
        host.strategy("optuna-tpe", &json!({ "startup_trials": 0 }), Isolation::None, &problem).unwrap();
    let configuration = random_configuration(&problem);
    strategy.tell(&[heirloom_model::Observation { configuration, ..told(900, Ok(0.1)) }]).unwrap();
    strategy.ask(&ask(0, 3, &[])).unwrap();
}

fn random_configuration(problem: &heirloom_model::Problem) -> heirloom_model::Configuration {
    draws(problem, 77, 1).remove(0).configuration
}

#[test]
fn a_training_in_pytorch_learns_and_stops_when_it_is_told() {
    let Some((_folder, host)) = example("python-training", "torch") else { return };
    let spec = json!({ "parameter": [
        { "name": "lr", "type": "float", "low": 1e-4, "high": 0.1, "log": true },
        { "name": "width", "type": "int", "low": 4, "high": 128, "log": true },
    ] });
    let space = problem(serde_json::from_value(spec).unwrap()).space;
    let estimator =
        host.estimator("spirals", &json!({ "points": 200 }), Isolation::None, Some(&space)).unwrap();
    let request = |lr: f64| EvaluationRequest {
        configuration: heirloom_model::Configuration::new(vec![lr, 64.0]),
        threads: 1,
        ..request(0, 40.0)
    };
    let good = estimator.evaluate(&[request(0.01)], &GO_ON).remove(0).unwrap();
    // Maximised by people, minimised inside.
    assert!(good.objectives[0] < -0.9, "{:?}", good.objectives);
    assert_eq!((good.curve.len(), good.metrics["parameters"]), (40, 4482.0));
    assert_eq!(estimator.evaluate(&[request(0.01)], &GO_ON).remove(0).unwrap().objectives, good.objectives);
    let poor = estimator.evaluate(&[request(1e-4)], &GO_ON).remove(0).unwrap();
    assert!(poor.objectives[0] > good.objectives[0]);
    let stopped = estimator.evaluate(&[request(0.01)], &Answers(Verdict::Stop, false)).remove(0).unwrap();
    assert_eq!((stopped.curve.len(), stopped.stopped), (1, true));
}
