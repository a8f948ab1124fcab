//! What every component of a library must keep to, whatever its kind. Made in a process of its own: threads, memory
//! and printed lines are the process's.

mod alike;
mod memory;
mod options;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use heirloom_plugin_abi::DROPPED;

use crate::instance::Instance;
use crate::loaded::{Loaded, trouble};
use crate::session::failed;
use crate::usage::{Usage, usage};
use crate::{Check, Trouble};

type MakeCheck = fn(&Loaded<'_>) -> Result<(), Trouble>;

/// What a component is checked for, whatever its kind.
pub(crate) const CHECKS: &[Check<MakeCheck>] = &[
    Check::new(
        "schema",
        "the options' schema is a table of options of known types that can all be set; what is required is among them, a \
                 choice is among some, and bounds stand with numbers",
        options::well_formed,
    ),
    Check::new("defaults", "the default of an option is a value that the option may have", options::defaults),
    Check::new("explained", "every option has a description", options::explained),
    Check::new("made", "it can be made with the options of the check, and more than once", made),
    // What was printed is seen by the process that started this one.
    Check::new("quiet", "it prints nothing on standard output, which is the host's", work),
    Check::new("drop", "it is dropped without a panic, also in the middle of its work", dropped),
    Check::new(
        "threads",
        "when it is dropped, the threads and processes that it started have ended: making more of it leaves \
                 no more of them",
        threads,
    ),
    Check::new(
        "memory",
        "memory does not grow by more than 1 KiB an ask over 100,000 asks (4 KiB an evaluation, nothing \
                 much a score)",
        memory::memory,
    ),
    Check::new("worker", "in a worker process it gives what it gives in the host's", alike::worker),
    Check::new(
        "beside-another-plugin",
        "a second plugin in the same process, at work at the same time, changes nothing",
        alike::beside_another_plugin,
    ),
];

fn made(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    (0..3).try_for_each(|_| loaded.ground().map(drop))
}

/// Turns of work where it does not matter how much is done.
const N_TURNS: usize = 5;

/// Makes the component, has it do a little of everything, and drops it in the middle of its work.
fn work(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    let ground = loaded.ground()?;
    let mut instance = Instance::new(loaded, &ground).map_err(|error| trouble(&error))?;
    (0..N_TURNS).try_for_each(|turn| instance.work(turn).map(drop))
}

fn dropped(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let result = tracing::subscriber::with_default(Listener { heard: Arc::clone(&heard) }, || work(loaded));
    let heard = heard.lock().expect("no holder of this lock panics");
    // What the boundary says of a drop that failed.
    match heard.iter().find(|message| message.contains(DROPPED)) {
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
