//! Whether a component does the same elsewhere: in a worker, and beside another plugin.

use heirloom_plugin_host::{Determinism, HostError, HostOptions, Isolation, Kind, PluginHost};

use crate::Trouble;
use crate::instance::{Answer, Instance};
use crate::loaded::{Ground, Loaded, trouble};
use crate::session::failed;

/// Turns over which answers are compared.
const N_TURNS: usize = 16;

/// What an instance answers, with something else happening between its turns.
fn answers(
    mut instance: Instance<'_>,
    mut between: impl FnMut(usize) -> Result<(), Trouble>,
) -> Result<Vec<Answer>, Trouble> {
    let turn = |turn| {
        between(turn)?;
        instance.work(turn)
    };
    (0..N_TURNS).map(turn).collect()
}

fn made<'g>(loaded: &Loaded<'_>, ground: &'g Ground) -> Result<Instance<'g>, Trouble> {
    Instance::new(loaded, ground).map_err(|error| trouble(&error))
}

/// What a fresh instance in this process answers undisturbed.
fn alone(loaded: &Loaded<'_>, ground: &Ground) -> Result<Vec<Answer>, Trouble> {
    answers(made(loaded, ground)?, |_| Ok(()))
}

/// Fails where the answers are not the same; `when` says what was different about the second ones.
fn compare(first: &[Answer], second: &[Answer], when: &str) -> Result<(), Trouble> {
    let mut pairs = first.iter().zip(second).enumerate();
    match pairs.find_map(|(turn, (a, b))| Some((turn, a.difference(b)?))) {
        Some((turn, what)) => failed(format!("turn {turn} gives something else {when}: {what}")),
        None => Ok(()),
    }
}

/// Skips what does not promise to give the same again.
fn repeatable(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    match (loaded.component.kind, loaded.component.determinism) {
        (Kind::Estimator | Kind::Proxy, Determinism::None) => {
            Err(Trouble::Skipped("it is not declared to give the same results again".into()))
        }
        _ => Ok(()),
    }
}

pub(super) fn worker(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    repeatable(loaded)?;
    if !loaded.plugin.is_library() {
        return Err(Trouble::Skipped("it always runs in a worker".into()));
    }
    let ground = loaded.ground()?;
    let isolated = Loaded { isolation: Isolation::Process, ..*loaded };
    let there = Instance::new(&isolated, &ground).map_err(|error| match error {
        HostError::Worker { .. } => Trouble::Skipped(error.to_string()),
        error => Trouble::Failed(error.to_string()),
    })?;
    let here = alone(loaded, &ground)?;
    compare(&here, &answers(there, |_| Ok(()))?, "in the host's process and in a worker's")
}

pub(super) fn beside_another_plugin(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    repeatable(loaded)?;
    if !loaded.plugin.is_library() {
        return Err(Trouble::Skipped("it runs in a process of its own".into()));
    }
    let ground = loaded.ground()?;
    let alone = alone(loaded, &ground)?;
    // A copy of the library is another plugin to the system: with variables of its own, but with the same wishes for
    // what the process has once.
    let no_copy = |error: std::io::Error| Trouble::Skipped(format!("no copy could be made: {error}"));
    let folder = tempfile::tempdir().map_err(no_copy)?;
    let path = loaded.plugin.path();
    let copy = folder.path().join(path.file_name().unwrap_or_default());
    std::fs::copy(path, &copy).map_err(no_copy)?;
    let folder_of_options = loaded.host.folder().to_owned();
    let options = HostOptions { folder: folder_of_options, unchecked: true, ..HostOptions::default() };
    let mut paths = vec![copy];
    paths.extend(loaded.host.search_paths().iter().skip(1).cloned());
    let host = PluginHost::open(&paths, options);
    let second = Loaded { host: &host, seed: loaded.seed.wrapping_add(7), ..*loaded };
    let mut other = made(&second, &ground)?;
    let beside = answers(made(loaded, &ground)?, |turn| other.work(turn + 1).map(drop))?;
    compare(&alone, &beside, "alone and beside another plugin")
}
