//! What every component of a library must keep to, whatever its kind. Made in a process of its own: threads, memory
//! and printed lines are the process's.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use heirloom_model::{
    AskRequest, ComponentErrorKind, Configuration, Observation, Problem, Proposal, Seed, TrialId,
};
use heirloom_plugin_abi::schema;
use heirloom_plugin_host::{Determinism, HostError, HostOptions, Isolation, Kind, PluginHost};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::estimator::{Evaluation, difference};
use crate::loaded::{Loaded, Silent, trouble};
use crate::session::{Enforced, failed};
use crate::strategy::{measured, same};
use crate::usage::{Usage, usage};
use crate::{Session, Trouble, problems};

/// What a component is checked for, whatever its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ComponentCheck {
    /// The schema of its options is one.
    Schema,
    /// What holds when an option is left out.
    Defaults,
    /// Options are explained.
    Explained,
    /// It can be made.
    Made,
    /// Standard output is the host's.
    Quiet,
    /// It goes without a panic.
    Drop,
    /// It leaves nothing running.
    Threads,
    /// It does not grow.
    Memory,
    /// A worker gives what the host's process gives.
    Worker,
    /// Other plugins change nothing.
    BesideAnotherPlugin,
}

impl ComponentCheck {
    /// All checks, in the order in which they are made.
    pub const ALL: [Self; 10] = [
        Self::Schema,
        Self::Defaults,
        Self::Explained,
        Self::Made,
        Self::Quiet,
        Self::Drop,
        Self::Threads,
        Self::Memory,
        Self::Worker,
        Self::BesideAnotherPlugin,
    ];

    /// The check's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Defaults => "defaults",
            Self::Explained => "explained",
            Self::Made => "made",
            Self::Quiet => "quiet",
            Self::Drop => "drop",
            Self::Threads => "threads",
            Self::Memory => "memory",
            Self::Worker => "worker",
            Self::BesideAnotherPlugin => "beside-another-plugin",
        }
    }

    /// What the check demands.
    pub fn demand(self) -> &'static str {
        match self {
            Self::Schema => {
                "the options' schema is a table of options of known types; what is required is among them, and a \
                 choice is among some"
            }
            Self::Defaults => "the default of an option is a value that the option may have",
            Self::Explained => "every option has a description",
            Self::Made => "it can be made with the options of the check, and more than once",
            Self::Quiet => "it prints nothing on standard output, which is the host's",
            Self::Drop => "it is dropped without a panic, also in the middle of its work",
            Self::Threads => {
                "when it is dropped, the threads and processes that it started have ended: making more of it leaves \
                 no more of them"
            }
            Self::Memory => {
                "memory does not grow by more than 1 KiB an ask over 100,000 asks (4 KiB an evaluation, nothing \
                 much a score)"
            }
            Self::Worker => "in a worker process it gives what it gives in the host's",
            Self::BesideAnotherPlugin => {
                "a second plugin in the same process, at work at the same time, changes nothing"
            }
        }
    }

    /// Makes the check. `schema` is that of the component's options.
    pub(crate) fn make(self, loaded: &Loaded<'_>, schema: &Json) -> Result<(), Trouble> {
        match self {
            Self::Schema => well_formed(schema),
            Self::Defaults => defaults(schema),
            Self::Explained => explained(schema, ""),
            Self::Made => made(loaded),
            // What was printed is seen by the process that started this one.
            Self::Quiet => work(loaded),
            Self::Drop => dropped(loaded),
            Self::Threads => threads(loaded),
            Self::Memory => memory(loaded),
            Self::Worker => worker(loaded),
            Self::BesideAnotherPlugin => beside_another_plugin(loaded),
        }
    }
}

fn well_formed(schema: &Json) -> Result<(), Trouble> {
    const TYPES: [&str; 6] = ["integer", "number", "string", "boolean", "array", "object"];
    let Some(properties) = schema["properties"].as_object() else {
        return failed("the schema has no `properties`; hint: derive `PluginOptions`");
    };
    if schema["type"] != "object" {
        return failed(format!("the schema's type is `{}`, not `object`", schema["type"]));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if !name.as_str().is_some_and(|name| properties.contains_key(name)) {
            return failed(format!("{name} is required and is no option"));
        }
    }
    for (name, option) in properties {
        if let Some(kind) = option.get("type")
            && !kind.as_str().is_some_and(|kind| TYPES.contains(&kind))
        {
            return failed(format!("the option `{name}` has the type {kind}, which there is not"));
        }
        if option.get("enum").is_some_and(|choices| choices.as_array().is_none_or(Vec::is_empty)) {
            return failed(format!("the option `{name}` is a choice among nothing"));
        }
        for (low, high) in [("minimum", "maximum"), ("exclusiveMinimum", "maximum")] {
            if let (Some(low), Some(high)) = (option[low].as_f64(), option[high].as_f64())
                && low > high
            {
                return failed(format!("the option `{name}` goes from {low} to {high}"));
            }
        }
    }
    Ok(())
}

fn defaults(schema: &Json) -> Result<(), Trouble> {
    for (name, option) in schema["properties"].as_object().into_iter().flatten() {
        let Some(default) = option.get("default").filter(|default| !default.is_null()) else { continue };
        if let Err(problems) = schema::check(option, default) {
            return failed(format!("the default of the option `{name}` is none: {}", problems[0]));
        }
    }
    Ok(())
}

fn explained(schema: &Json, path: &str) -> Result<(), Trouble> {
    for (name, option) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if option["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
            // A component's own table explains itself.
            if option.get("component").is_none() {
                return failed(format!(
                    "the option `{path}` has no description; hint: write a doc comment on its field"
                ));
            }
        }
        explained(option, &path)?;
        explained(&option["items"], &path)?;
    }
    Ok(())
}

/// The first of the check problems that the strategy works on.
fn problem(loaded: &Loaded<'_>, problems: Vec<Problem>) -> Result<Problem, Trouble> {
    for problem in problems {
        match loaded.strategy(&problem) {
            Ok(_) => return Ok(problem),
            Err(HostError::Component { source }) if source.kind == ComponentErrorKind::Unsupported => {}
            Err(error) => return Err(trouble(&error)),
        }
    }
    Err(Trouble::Skipped("the strategy works on none of the problems of this check".into()))
}

fn made(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    for _ in 0..3 {
        match loaded.component.kind {
            Kind::Strategy => drop(problem(loaded, problems::all())?),
            Kind::Estimator => drop(loaded.estimator_ground()?),
            Kind::Proxy => drop(loaded.proxy_ground()?),
        }
    }
    Ok(())
}

/// Makes the component, has it do a little of everything, and drops it in the middle of its work.
fn work(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    match loaded.component.kind {
        Kind::Strategy => {
            let problem = problem(loaded, problems::all())?;
            let strategy = loaded.strategy(&problem).map_err(|error| trouble(&error))?;
            let mut session = Session::new(strategy, &problem, Seed::from_number(loaded.seed));
            session.enforce(Enforced::None);
            session.run(20, 4, measured(&problem))?;
            session.ask(2).map(drop)
        }
        Kind::Estimator | Kind::Proxy => behaviour(loaded, |_| Ok(())).map(drop),
    }
}

fn dropped(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let result = tracing::subscriber::with_default(Listener { heard: Arc::clone(&heard) }, || work(loaded));
    let heard = heard.lock().expect("no holder of this lock panics");
    // What the boundary says of a drop that failed.
    match heard.iter().find(|message| message.contains("was dropped and ")) {
        Some(message) => failed(message.clone()),
        None => result,
    }
}

/// Keeps the warnings of this thread.
struct Listener {
    heard: Arc<Mutex<Vec<String>>>,
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.heard.lock().expect("no holder of this lock panics").push(message.0);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

fn held() -> Result<Usage, Trouble> {
    usage().ok_or_else(|| Trouble::Skipped("this system does not say what a process holds".into()))
}

fn threads(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    // What a library sets up once, such as a pool of its own, is there after the first time.
    work(loaded)?;
    let before = settled(held()?)?;
    const N_MORE: usize = 4;
    for _ in 0..N_MORE {
        work(loaded)?;
    }
    let after = settled(before)?;
    let more = |before: usize, after: usize| after.saturating_sub(before);
    let (threads, processes) =
        (more(before.n_threads, after.n_threads), more(before.n_processes, after.n_processes));
    if threads == 0 && processes == 0 {
        return Ok(());
    }
    failed(format!(
        "after {N_MORE} more were made and dropped, {threads} more threads and {processes} more processes run; hint: end \
         and join them in `drop`"
    ))
}

/// What is held once it is not more than `expected`, or after a second.
fn settled(expected: Usage) -> Result<Usage, Trouble> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let now = held()?;
        let is_less = now.n_threads <= expected.n_threads && now.n_processes <= expected.n_processes;
        if is_less || Instant::now() > deadline {
            return Ok(now);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asks over which memory is watched.
const N_ASKS: u64 = 100_000;

/// How long a component is watched at most.
const WATCH_SECONDS: f64 = 6.0;

/// Memory that may come and go: what allocators keep.
const SLACK_BYTES: u64 = 8 << 20;

fn memory(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    match loaded.component.kind {
        Kind::Strategy => memory_of_strategy(loaded),
        Kind::Estimator => {
            let ground = loaded.estimator_ground()?;
            let estimator = loaded.estimator(ground.space.as_ref()).map_err(|error| trouble(&error))?;
            grows("evaluations", 10_000, 4096, |turn| {
                let place = turn as usize % ground.requests.len();
                estimator.evaluate(&ground.requests[place..=place], &Silent);
                Ok(1)
            })
        }
        Kind::Proxy => {
            let ground = loaded.proxy_ground()?;
            let proxy = loaded.proxy(&ground.problem).map_err(|error| trouble(&error))?;
            let mut scores = vec![0.0; ground.configurations.len()];
            grows("scores", N_ASKS, 256, |turn| {
                proxy
                    .score(&ground.configurations, Seed::from_number(turn), &mut scores)
                    .map_err(|error| Trouble::from_error("`score`", &error))?;
                Ok(scores.len() as u64)
            })
        }
    }
}

fn memory_of_strategy(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    let problem = problem(loaded, problems::endless())?;
    let mut strategy = loaded.strategy(&problem).map_err(|error| trouble(&error))?;
    let seed = Seed::from_number(loaded.seed);
    grows("asks", N_ASKS, 1024, |turn| {
        let request = AskRequest { n: 1, first_trial: TrialId(turn), pending: &[], seed };
        let proposals = strategy.ask(&request).map_err(|error| Trouble::from_error("`ask`", &error))?;
        let told = |proposal: Proposal| Observation {
            trial: TrialId(turn),
            result: match problem.space.check(&proposal.configuration) {
                Ok(()) => Ok(problems::measure(&problem, &proposal.configuration, &problem.full_fidelity())),
                Err(_) => Err(heirloom_model::FailureKind::Rejected),
            },
            configuration: proposal.configuration,
            fidelity: proposal.fidelity,
            cost_seconds: 1.0,
        };
        let observations: Vec<_> = proposals.into_iter().take(1).map(told).collect();
        strategy.tell(&observations).map_err(|error| Trouble::from_error("`tell`", &error))?;
        Ok(1)
    })
}

/// Calls `call` with 0, 1, … until it has done `n` of its work; fails as soon as memory has grown by more than `each`
/// bytes for each.
fn grows(
    what: &str,
    n: u64,
    each: u64,
    mut call: impl FnMut(u64) -> Result<u64, Trouble>,
) -> Result<(), Trouble> {
    let start = Instant::now();
    let (mut done, mut base) = (0, None);
    for turn in 0.. {
        done += call(turn)?;
        let over = done >= n || start.elapsed().as_secs_f64() > WATCH_SECONDS;
        if turn % 512 != 511 && !over {
            continue;
        }
        let bytes = held()?.bytes;
        let &mut (done_before, before) = base.get_or_insert((done, bytes));
        let (grown, since) = (bytes.saturating_sub(before), done - done_before);
        if grown > SLACK_BYTES + each * since {
            return failed(format!(
                "memory grew by {} MB over {since} {what}: {} bytes each",
                grown >> 20,
                grown / since.max(1)
            ));
        }
        if over {
            break;
        }
    }
    if done < n / 100 {
        return Err(Trouble::Skipped(format!("{done} {what} in {WATCH_SECONDS} s say nothing about growth")));
    }
    Ok(())
}

/// What a component did, to be compared.
#[derive(Debug)]
enum Behaviour {
    Proposals { problem: Problem, proposals: Vec<Proposal> },
    Results(Vec<Evaluation>),
    Scores(Vec<f64>),
}

/// Trials over which proposals are compared.
const N_COMPARED: usize = 80;

/// What the component does, with something else happening between its calls.
fn behaviour(
    loaded: &Loaded<'_>,
    mut between: impl FnMut(usize) -> Result<(), Trouble>,
) -> Result<Behaviour, Trouble> {
    match loaded.component.kind {
        Kind::Strategy => {
            let problem = problem(loaded, problems::all())?;
            let strategy = loaded.strategy(&problem).map_err(|error| trouble(&error))?;
            let mut session = Session::new(strategy, &problem, Seed::from_number(loaded.seed));
            session.enforce(Enforced::None);
            for turn in 0..N_COMPARED / 4 {
                between(turn)?;
                session.run(4, 2, measured(&problem))?;
            }
            let proposals = session.proposals;
            Ok(Behaviour::Proposals { problem, proposals })
        }
        Kind::Estimator => {
            let ground = loaded.estimator_ground()?;
            let estimator = loaded.estimator(ground.space.as_ref()).map_err(|error| trouble(&error))?;
            let mut results = Vec::new();
            for (turn, request) in ground.requests.iter().enumerate() {
                between(turn)?;
                results.extend(estimator.evaluate(std::slice::from_ref(request), &Silent));
            }
            Ok(Behaviour::Results(results))
        }
        Kind::Proxy => {
            let ground = loaded.proxy_ground()?;
            let proxy = loaded.proxy(&ground.problem).map_err(|error| trouble(&error))?;
            let mut scores = Vec::new();
            for (turn, configuration) in ground.configurations.iter().enumerate() {
                between(turn)?;
                scores.push(score_one(proxy.as_ref(), configuration)?);
            }
            Ok(Behaviour::Scores(scores))
        }
    }
}

fn score_one(proxy: &dyn heirloom_model::Proxy, configuration: &Configuration) -> Result<f64, Trouble> {
    let mut score = [0.0];
    let scored = proxy.score(std::slice::from_ref(configuration), Seed::from_number(1), &mut score);
    scored.map_err(|error| Trouble::from_error("`score`", &error))?;
    Ok(score[0])
}

impl Behaviour {
    /// Fails where `other` is not the same; `when` says what was different about it.
    fn compare(&self, other: &Self, when: &str) -> Result<(), Trouble> {
        match (self, other) {
            (Self::Proposals { problem, proposals }, Self::Proposals { proposals: others, .. }) => {
                same(problem, proposals, others, when)
            }
            (Self::Results(results), Self::Results(others)) => {
                let mut pairs = results.iter().zip(others).enumerate();
                match pairs.find_map(|(place, (a, b))| Some((place, difference(a, b)?))) {
                    Some((place, what)) => {
                        failed(format!("request {place} gives another result {when}: {what}"))
                    }
                    None => Ok(()),
                }
            }
            (Self::Scores(scores), Self::Scores(others)) => {
                match scores.iter().zip(others).position(|(a, b)| a.to_bits() != b.to_bits()) {
                    Some(place) => failed(format!(
                        "configuration {place} gets another score {when}: {} and {}",
                        scores[place], others[place]
                    )),
                    None => Ok(()),
                }
            }
            _ => failed("the component changed its kind"),
        }
    }
}

/// Skips estimators that do not promise to give the same again.
fn repeatable(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    match (loaded.component.kind, loaded.component.determinism) {
        (Kind::Estimator | Kind::Proxy, Determinism::None) => {
            Err(Trouble::Skipped("it is not declared to give the same results again".into()))
        }
        _ => Ok(()),
    }
}

fn worker(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    repeatable(loaded)?;
    let isolated = Loaded { isolation: Isolation::Process, ..*loaded };
    let first = match loaded.component.kind {
        Kind::Strategy => isolated.strategy(&problem(loaded, problems::all())?).err(),
        Kind::Estimator => isolated.estimator(loaded.estimator_ground()?.space.as_ref()).err(),
        Kind::Proxy => isolated.proxy(&loaded.proxy_ground()?.problem).err(),
    };
    if let Some(error) = first {
        return Err(match error {
            HostError::Worker { .. } => Trouble::Skipped(error.to_string()),
            error => Trouble::Failed(error.to_string()),
        });
    }
    let here = behaviour(loaded, |_| Ok(()))?;
    let there = behaviour(&isolated, |_| Ok(()))?;
    here.compare(&there, "in the host's process and in a worker's")
}

fn beside_another_plugin(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    repeatable(loaded)?;
    let path = loaded
        .host
        .find(loaded.component.kind, &loaded.component.name)
        .map_err(|error| trouble(&error))?
        .path();
    if !path.is_file() {
        return Err(Trouble::Skipped("it runs in a process of its own".into()));
    }
    let alone = behaviour(loaded, |_| Ok(()))?;
    // A copy of the library is another plugin to the system: with variables of its own, but with the same wishes for
    // what the process has once.
    let no_copy = |error: std::io::Error| Trouble::Skipped(format!("no copy could be made: {error}"));
    let folder = tempfile::tempdir().map_err(no_copy)?;
    let copy = folder.path().join(path.file_name().unwrap_or_default());
    std::fs::copy(path, &copy).map_err(no_copy)?;
    let options = HostOptions { folder: loaded.host.folder().to_owned(), ..HostOptions::default() };
    let mut paths = vec![copy];
    paths.extend(loaded.host.search_paths().iter().skip(1).cloned());
    let host = PluginHost::open(&paths, options);
    let second = Loaded { host: &host, seed: loaded.seed.wrapping_add(7), ..*loaded };
    let mut other = Other::new(&second)?;
    let beside = behaviour(loaded, |turn| other.work(turn))?;
    alone.compare(&beside, "alone and beside another plugin")
}

/// The second plugin at its work.
enum Other {
    Strategy { strategy: Box<dyn heirloom_model::Strategy>, seed: Seed },
    Estimator(Arc<dyn heirloom_model::Estimator>, Vec<heirloom_model::EvaluationRequest>),
    Proxy(Arc<dyn heirloom_model::Proxy>, Vec<Configuration>),
}

impl Other {
    fn new(loaded: &Loaded<'_>) -> Result<Self, Trouble> {
        Ok(match loaded.component.kind {
            Kind::Strategy => {
                let problem = problem(loaded, problems::all())?;
                let strategy = loaded.strategy(&problem).map_err(|error| trouble(&error))?;
                Self::Strategy { strategy, seed: Seed::from_number(loaded.seed) }
            }
            Kind::Estimator => {
                let ground = loaded.estimator_ground()?;
                let estimator = loaded.estimator(ground.space.as_ref()).map_err(|error| trouble(&error))?;
                Self::Estimator(estimator, ground.requests)
            }
            Kind::Proxy => {
                let ground = loaded.proxy_ground()?;
                let proxy = loaded.proxy(&ground.problem).map_err(|error| trouble(&error))?;
                Self::Proxy(proxy, ground.configurations)
            }
        })
    }

    fn work(&mut self, turn: usize) -> Result<(), Trouble> {
        match self {
            Self::Strategy { strategy, seed } => {
                let first_trial = TrialId(3 * turn as u64);
                let request = AskRequest { n: 3, first_trial, pending: &[], seed: *seed };
                strategy.ask(&request).map(drop).map_err(|error| Trouble::from_error("`ask`", &error))
            }
            Self::Estimator(estimator, requests) => {
                let request = &requests[(turn + 1) % requests.len()];
                estimator.evaluate(std::slice::from_ref(request), &Silent);
                Ok(())
            }
            Self::Proxy(proxy, configurations) => {
                score_one(proxy.as_ref(), &configurations[(turn + 1) % configurations.len()]).map(drop)
            }
        }
    }
}
