//! Plugins that were compiled when an interface was published: every later host loads them, and they give what they
//! gave then.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use heirloom_model::space::{ParameterSpec, ParameterType};
use heirloom_model::{
    Configuration, CurvePoint, CurveReport, EvaluationRequest, Failure, FailureKind, Fidelity, Limits,
    Observation, Outcome, PriorKnowledge, PriorObservation, Problem, Reporter, Seed, Space, SpaceSpec,
    Strategy, TrialId, Value, Verdict,
};
use heirloom_plugin_host::{Isolation, Kind, PluginHost};
use serde_json::{Value as Json, json};

use crate::common::{ask, host_of, problem};

/// The fixtures of interface level 1 and what they gave when they were made.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/interface-1")
}

/// The fixture for this machine; `None`, said on standard error, where it was never made for one like this.
fn compiled(name: &str) -> Option<PathBuf> {
    let found = std::fs::read_dir(fixture()).unwrap().map(|entry| entry.unwrap().path());
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = found
        .filter(|folder| folder.ends_with(heirloom_plugin_abi::embed::TARGET))
        .map(|folder| folder.join(&file))
        .next();
    if path.is_none() {
        eprintln!(
            "skipped: tests/fixtures/interface-1 has no plugin compiled for {}",
            heirloom_plugin_abi::embed::TARGET
        );
    }
    path
}

/// Says "stop" at the third point, and keeps what was reported.
#[derive(Default)]
struct Listener {
    reported: Mutex<Vec<Json>>,
    cancelled: bool,
}

impl Reporter for Listener {
    fn report(&self, trial: TrialId, point: &CurvePoint) -> Verdict {
        self.reported.lock().unwrap().push(json!({ "trial": trial, "point": point }));
        if point.step < 3.0 { Verdict::Continue } else { Verdict::Stop }
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

fn told(trial: u64, configuration: &Configuration) -> Observation {
    let sum: f64 = configuration.values().iter().map(|value| (value - 0.4).powi(2)).sum();
    Observation {
        trial: TrialId(trial),
        configuration: configuration.clone(),
        fidelity: Fidelity(vec![5.0]),
        result: if trial % 5 == 3 { Err(FailureKind::TimedOut) } else { Ok(vec![sum, -sum]) },
        cost_seconds: 1.5,
    }
}

fn request(trial: u64, values: &[f64]) -> EvaluationRequest {
    EvaluationRequest {
        trial: TrialId(trial),
        attempt: 2,
        configuration: Configuration::new(values),
        fidelity: Fidelity(vec![4.0]),
        parent: (trial > 0).then_some(TrialId(0)),
        continues: None,
        seed: Seed::from_number(trial),
        limits: Limits { seconds: Some(60.0), memory_bytes: None },
        threads: 2,
        folder: None,
    }
}

/// The plugin's own part of a message: how a host says who it is may change.
fn own(message: &str) -> &str {
    message.rsplit(": ").next().unwrap_or(message)
}

/// Results as JSON, with the plugin's own part of messages.
fn shown(results: Vec<Result<Outcome, Failure>>) -> Json {
    let own = |failure: Failure| Failure { message: own(&failure.message).to_owned(), ..failure };
    json!(results.into_iter().map(|result| result.map_err(own)).collect::<Vec<_>>())
}

/// Rounds of asks and tells.
fn search(strategy: &mut dyn Strategy) -> Json {
    let mut proposals = Vec::new();
    for round in 0..8 {
        let asked = strategy.ask(&ask(2 * round, 2)).unwrap();
        let tells: Vec<_> =
            (2 * round..).zip(&asked).map(|(trial, proposal)| told(trial, &proposal.configuration)).collect();
        strategy.tell(&tells).unwrap();
        proposals.extend(asked);
    }
    json!({ "proposals": proposals, "recommended": strategy.recommend().unwrap() })
}

/// Every method of every component, and what came back.
fn everything(host: &PluginHost, isolation: Isolation) -> Json {
    let training =
        host.estimator("published", &json!({ "epochs": 5 }), isolation, Some(&problem().space)).unwrap();
    let info = training.info();
    let problem =
        Problem { fidelities: info.fidelities.clone(), objectives: info.objectives.clone(), ..problem() };

    let options = json!({ "rate": 0.75, "choice": "lowest", "names": ["a", "b"] });
    let mut strategy = host.strategy("published", &options, isolation, &problem).unwrap();
    let known = PriorObservation { configuration: Configuration::new([0.25, 0.75]), score: 0.1, weight: 1.0 };
    let informed = strategy.inform(&PriorKnowledge { observations: vec![known] }).unwrap();
    let searched = search(strategy.as_mut());
    let judged = [1.0, 2.0, 3.0].map(|step| {
        let point = CurvePoint { step, objectives: vec![0.5, 0.5], cost_seconds: 1.0 };
        strategy.judge(&CurveReport { trial: TrialId(1), fidelity: Fidelity(vec![5.0]), point }).unwrap()
    });
    let saved = strategy.save().unwrap().unwrap();
    strategy.restore(&saved).unwrap();
    let unusable = strategy.restore(b"three").unwrap_err().message;

    // The host lends it the same plugin again.
    let wrapping = json!({ "base": { "name": "published", "rate": 0.9, "choice": "last" } });
    let mut wrapping = host.strategy("published", &wrapping, isolation, &problem).unwrap();
    let wrapped = search(wrapping.as_mut());

    let requests = [
        request(0, &[0.25, 0.5]),
        request(1, &[1.0, 0.9]),
        request(2, &[0.1, -7.0]),
        request(3, &[0.5, 0.5]),
    ];
    let listener = Listener::default();
    let results = training.evaluate(&requests, &listener);
    let cancelled = training.evaluate(&requests[..1], &Listener { cancelled: true, ..Listener::default() });

    let proxy = host.proxy("published", &json!({}), isolation, &problem).unwrap();
    let mut scores = [0.0; 3];
    let scored = [&[0.25, 0.5][..], &[1.0, 1.0], &[9.0, 0.5]].map(Configuration::new);
    proxy.score(&scored, Seed::from_number(3), &mut scores).unwrap();

    json!({
        "strategy": {
            "informed": informed,
            "search": searched,
            "verdicts": judged,
            "saved": saved,
            "unusable": own(&unusable),
            "wrapped": wrapped,
        },
        "estimator": {
            "info": info,
            "results": shown(results),
            "reported": listener.reported.into_inner().unwrap(),
            "cancelled": shown(cancelled),
        },
        "proxy": { "info": proxy.info(), "scores": scores.map(|score| score.to_string()) },
    })
}

#[test]
fn an_old_plugin_loads_and_gives_what_it_gave_in_process_and_isolated() {
    let Some(path) = compiled("heirloom_interface_1") else { return };
    let host = host_of(&path);
    assert!(host.problems().is_empty(), "{:?}", host.problems());
    let plugin = &host.plugins()[0];
    assert_eq!((plugin.id(), plugin.version(), plugin.interface()), ("heirloom-interface-1", "1.0.0", 1));
    gives_what_it_gave(&host, "expected.json", everything);
}

/// Compares what the components of a host give, in both ways, with what they gave when they were compiled.
fn gives_what_it_gave(host: &PluginHost, file: &str, given: fn(&PluginHost, Isolation) -> Json) {
    let expected = fixture().join(file);
    if std::env::var_os("HEIRLOOM_BLESS").is_some() && !expected.exists() {
        let text = serde_json::to_string_pretty(&given(host, Isolation::None)).unwrap();
        std::fs::write(&expected, text + "\n").unwrap();
    }
    let expected: Json = serde_json::from_str(&std::fs::read_to_string(&expected).unwrap()).unwrap();
    for isolation in [Isolation::None, Isolation::Process] {
        let found = given(host, isolation);
        for part in ["strategy", "estimator", "proxy"] {
            assert_eq!(found[part], expected[part], "{part}, {isolation:?}");
        }
    }
}

/// A network's size, which the proxy in C counts the weights of.
fn networks() -> Problem {
    let ordinal = |numbers: &[i64]| ParameterType::Ordinal {
        values: numbers.iter().map(|&number| Value::Int(number)).collect(),
    };
    let parameters = vec![
        ParameterSpec::new("layers", ordinal(&[1, 2, 3, 4])),
        ParameterSpec::new("width", ordinal(&[16, 32, 64, 128])),
        ParameterSpec::new("lr", ParameterType::Float { low: 0.0, high: 1.0, log: false, step: None }),
    ];
    let space = Space::compile(SpaceSpec { parameters, ..SpaceSpec::default() }).unwrap();
    Problem { space: space.into(), ..problem() }
}

/// A value without costs: those of curves are on the clock in C.
fn without_costs(mut value: Json) -> Json {
    match &mut value {
        Json::Object(fields) => {
            fields.remove("cost_seconds");
            fields.values_mut().for_each(|field| *field = without_costs(field.take()));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| *item = without_costs(item.take())),
        _ => {}
    }
    value
}

/// What the components in C do.
fn everything_in_c(host: &PluginHost, isolation: Isolation) -> Json {
    let problem = networks();
    let training =
        host.estimator("published-c", &json!({ "epochs": 4 }), isolation, Some(&problem.space)).unwrap();
    let problem = Problem { fidelities: training.info().fidelities, ..problem };
    let mut strategy = host.strategy("published-c", &json!({ "n_parents": 2 }), isolation, &problem).unwrap();
    let searched = search(strategy.as_mut());

    let requests =
        [request(0, &[1.0, 2.0, 0.01]), request(1, &[0.0, 0.0, 1.0]), request(2, &[0.0, 9.0, 1.0])];
    let listener = Listener::default();
    let results = training.evaluate(&requests, &listener);
    let cancelled = training.evaluate(&requests[..1], &Listener { cancelled: true, ..Listener::default() });

    let proxy = host.proxy("published-c", &json!({ "inputs": 8 }), isolation, &problem).unwrap();
    let mut scores = [0.0; 3];
    let scored = [[0.0, 0.0, 0.5], [3.0, 3.0, 0.5], [7.0, 0.0, 0.5]].map(Configuration::new);
    proxy.score(&scored, Seed::from_number(3), &mut scores).unwrap();
    without_costs(json!({
        "strategy": searched,
        "estimator": {
            "info": training.info(),
            "results": shown(results),
            "reported": listener.reported.into_inner().unwrap(),
            "cancelled": shown(cancelled),
        },
        "proxy": { "info": proxy.info(), "scores": scores.map(|score| score.to_string()) },
    }))
}

#[test]
fn an_old_plugin_in_c_loads_and_gives_what_it_gave_in_process_and_isolated() {
    let Some(path) = compiled("heirloom_interface_1_c") else { return };
    let host = host_of(&path);
    assert!(host.problems().is_empty(), "{:?}", host.problems());
    let plugin = &host.plugins()[0];
    assert_eq!((plugin.id(), plugin.version(), plugin.interface()), ("heirloom-interface-1-c", "1.0.0", 1));
    gives_what_it_gave(&host, "expected-c.json", everything_in_c);
}

#[test]
fn an_old_plugins_options_are_still_checked_against_its_own_schema() {
    let Some(path) = compiled("heirloom_interface_1") else { return };
    let host = host_of(&path);
    let wrong = json!({ "rate": 2.0, "choice": "highest", "depth": 3 });
    let problems = host.check_options(Kind::Strategy, "published", &wrong, Path::new("")).unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    for place in ["rate", "choice", "depth"] {
        assert!(places.contains(&place), "{places:?}");
    }
    let checked = host.check_options(Kind::Proxy, "published", &json!({}), Path::new("")).unwrap();
    assert_eq!(checked, json!({ "scale": 2.0 }));
}
