//! Files that are no plugins for this host, each refused before any of their code runs where that is possible.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use heirloom_plugin_host::{HostError, HostOptions, Isolation, Kind, PluginHost};
use serde_json::json;

use crate::common::{faulty_library, host_of, library, problem};

/// The faulty plugin with its bytes changed, in a file of its own.
fn altered(change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libaltered.so");
    let mut bytes = std::fs::read(faulty_library()).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Writes `new` over every place where `old` stands.
fn replace(bytes: &mut [u8], old: &str, new: &str) {
    assert_eq!(old.len(), new.len());
    let places: Vec<_> =
        (0..bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old.as_bytes())).collect();
    assert!(!places.is_empty(), "`{old}` is not in the library");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
    }
}

/// The one problem of a host that looks at `path` alone.
fn problem_with(path: PathBuf) -> HostError {
    let host = host_of(&path);
    assert_eq!(host.problems().len(), 1, "{:?}", host.problems());
    host.problems()[0].clone()
}

#[test]
fn a_library_that_is_no_plugin_is_refused_by_name_and_passed_over_in_a_folder() {
    let path = library("heirloom_not_a_plugin");
    let problem = problem_with(path.clone());
    assert!(matches!(problem, HostError::NotAPlugin { .. }), "{problem}");
    assert!(problem.to_string().contains("no Heirloom plugin; hint: "), "{problem}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(path, folder.path().join("libother.so")).unwrap();
    std::fs::copy(faulty_library(), folder.path().join("libfaulty.so")).unwrap();
    let host = host_of(folder.path());
    assert_eq!(host.names(Kind::Strategy), ["faulty", "wrapper"]);
    assert!(host.problems().is_empty(), "{:?}", host.problems());
}

#[test]
fn a_pipe_in_a_folder_of_plugins_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::create_dir(&source).unwrap();
    for pipe in [folder.path().join("libpipe.so"), source.join("plugin.toml")] {
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    std::fs::copy(faulty_library(), folder.path().join("libfaulty.so")).unwrap();
    let (opened, wait) = mpsc::channel();
    let path = folder.path().to_owned();
    std::thread::spawn(move || opened.send(host_of(&path)));
    let host = wait.recv_timeout(Duration::from_secs(20)).expect("reading a pipe does not end");
    assert_eq!(host.names(Kind::Strategy), ["faulty", "wrapper"]);
    assert!(host.problems().is_empty(), "{:?}", host.problems());
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.so");
    std::fs::write(&path, "these are notes").unwrap();
    let problem = problem_with(path);
    assert!(matches!(problem, HostError::NotALibrary { .. }), "{problem}");
}

#[test]
fn a_library_that_was_cut_short_anywhere_is_refused_or_fails_to_load() {
    let length = std::fs::metadata(faulty_library()).unwrap().len() as usize;
    for kept in [0, 1, 60, 1000, length / 4, length / 2, length - 100] {
        let (_folder, path) = altered(|bytes| bytes.truncate(kept));
        let problem = problem_with(path);
        assert!(matches!(problem, HostError::NotALibrary { .. }), "{kept} of {length} bytes: {problem}");
        assert!(problem.to_string().contains("hint: build or copy it again"), "{problem}");
    }
}

#[test]
fn another_interface_level_is_refused_before_loading() {
    let (_folder, path) = altered(|bytes| replace(bytes, "{\"interface\":1,", "{\"interface\":9,"));
    let host = host_of(&path);
    let error = host.strategy("faulty", &json!({}), Isolation::None, &problem()).map(drop).unwrap_err();
    assert!(matches!(error, HostError::Interface { found: 9, .. }), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("plugin `heirloom-faulty` 0.1.0 was built for interface level 9"), "{text}");
    assert!(text.contains("hint: "), "{text}");
    assert_eq!(host.problems().len(), 1);
}

#[test]
fn another_target_is_refused_before_loading() {
    let (_folder, path) = altered(|bytes| replace(bytes, "\"target\":\"x86_64", "\"target\":\"mips64"));
    let problem = problem_with(path);
    assert!(matches!(problem, HostError::Target { .. }), "{problem}");
}

#[test]
fn a_record_that_is_not_the_librarys_own_is_refused_after_loading() {
    // The section is changed in one file only after the host has read it: what a careless update does.
    let (_folder, path) = altered(|_| {});
    let host = host_of(&path);
    let (_other_folder, other) =
        altered(|bytes| replace(bytes, "Draws at random until", "Drawn at random until"));
    std::fs::rename(other, &path).unwrap();
    let error = host.strategy("faulty", &json!({}), Isolation::None, &problem()).map(drop).unwrap_err();
    assert!(matches!(error, HostError::Fingerprint { .. }), "{error}");
    assert!(error.to_string().contains("plugin `heirloom-faulty` 0.1.0"), "{error}");
}

#[test]
fn an_altered_layout_is_refused_in_a_few_words_in_process_and_isolated() {
    let host = host_of(&library("heirloom_altered_plugin"));
    for isolation in [Isolation::None, Isolation::Process] {
        let error =
            host.strategy("altered", &json!({}), isolation, &problem()).map(drop).unwrap_err().to_string();
        assert!(error.contains("`heirloom-altered`") && error.contains("0.1.0"), "{error}");
        assert!(error.contains("extension `strategy/1` has another layout than this host's"), "{error}");
        assert!(error.contains("hint: build it again"), "{error}");
        assert!(error.len() < 700, "{} bytes: {error}", error.len());
    }
}

#[test]
fn an_empty_search_path_says_where_was_looked() {
    let folder = tempfile::tempdir().unwrap();
    let host = PluginHost::open(&[folder.path().into()], HostOptions::default());
    let error = host.find(Kind::Strategy, "random").map(drop).unwrap_err().to_string();
    assert!(error.contains(&folder.path().display().to_string()), "{error}");
}
