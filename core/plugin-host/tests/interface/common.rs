//! The libraries, a problem, and copies of libraries that were changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_model::space::{ParameterSpec, ParameterType};
use heirloom_model::{AskRequest, Direction, Objective, Problem, Seed, Space, SpaceSpec, TrialId};
use heirloom_plugin_host::{HostOptions, PluginHost};

/// The file of a library that is a dev-dependency.
pub(crate) fn library(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let places: Vec<_> = test.ancestors().skip(1).take(2).map(|folder| folder.join(&file)).collect();
    let found = places.iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{file} is neither in {places:?}")).clone()
}

pub(crate) fn host_of(path: &Path) -> PluginHost {
    PluginHost::open(&[path.to_owned()], HostOptions::default())
}

/// Two numbers between 0 and 1.
pub(crate) fn problem() -> Problem {
    let float = || ParameterType::Float { low: 0.0, high: 1.0, log: false, step: None };
    let parameters = vec![ParameterSpec::new("x", float()), ParameterSpec::new("y", float())];
    let space = Space::compile(SpaceSpec { parameters, ..SpaceSpec::default() }).unwrap();
    Problem::new(Arc::new(space), Objective { name: "loss".into(), direction: Direction::Minimise })
}

pub(crate) fn ask(first_trial: u64, n: usize) -> AskRequest<'static> {
    AskRequest { n, first_trial: TrialId(first_trial), pending: &[], seed: Seed::from_number(7) }
}

/// A copy of the faulty plugin in which each of `changes`, a text and one of the same length, was made everywhere.
pub(crate) fn changed(changes: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("changed{}", std::env::consts::DLL_SUFFIX));
    let mut bytes = std::fs::read(library("heirloom_faulty_plugin")).unwrap();
    for (old, new) in changes {
        assert_eq!(old.len(), new.len());
        let is_there = |at: &usize| bytes[*at..].starts_with(old.as_bytes());
        let places: Vec<_> = (0..bytes.len() - old.len()).filter(is_there).collect();
        assert!(!places.is_empty(), "`{old}` is not in the library");
        for at in places {
            bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
        }
    }
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}
