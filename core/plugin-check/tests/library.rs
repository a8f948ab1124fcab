//! The checks of a library against real ones that break them. The plugins are dev-dependencies so that cargo builds
//! them; they are never named, because a library that is linked and loaded would export its symbols twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "says what was not tested")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_model::{Space, SpaceSpec};
use heirloom_plugin_check::{LibrarySuite, Report, Status, built_library, library};
use serde_json::json;

/// The faulty plugin with its bytes changed, in a file of its own.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("changed{}", std::env::consts::DLL_SUFFIX));
    let mut bytes = std::fs::read(built_library("heirloom-faulty-plugin")).unwrap();
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

/// `check` is the last one that was made of the library at `path`, and failed with `expected` in its message.
fn fails(path: &Path, check: &str, expected: &str) {
    let report = library(path).report();
    let last = report.results.last().unwrap();
    assert_eq!(last.check, format!("library/{check}"), "{report}");
    assert!(matches!(&last.status, Status::Failed(message) if message.contains(expected)), "{report}");
}

fn fails_changed(old: &str, new: &str, check: &str, expected: &str) {
    let (_folder, path) = changed(|bytes| replace(bytes, old, new));
    fails(&path, check, expected);
}

#[test]
fn what_is_no_plugin_does_not_open() {
    fails(Path::new("no-such-file.so"), "opens", "no-such-file.so");
    fails(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"), "opens", "is no dynamic library");
    fails(&built_library("heirloom-not-a-plugin"), "opens", "is a library but no Heirloom plugin");
    let (_folder, path) = changed(|bytes| bytes.truncate(bytes.len() / 2));
    fails(&path, "opens", "hint: build or copy it again");
}

#[test]
fn a_build_for_another_host_does_not_fit() {
    fails_changed(r#"{"interface":1,"#, r#"{"interface":9,"#, "fits", "was built for interface level 9");
    let target = format!(r#""target":"{}"#, std::env::consts::ARCH);
    let other = target.replace(std::env::consts::ARCH, &"q".repeat(std::env::consts::ARCH.len()));
    fails_changed(&target, &other, "fits", "hint: install the build for this target");
}

#[test]
fn a_plugin_that_does_not_say_what_it_is_is_not_described() {
    let blank = |text: &str| " ".repeat(text.len());
    let plugin = "Does on demand everything a plugin must not do";
    fails_changed(plugin, &blank(plugin), "described", "`description` is empty in `plugin.toml`");
    let component = "Draws at random until it comes to its fault";
    fails_changed(component, &blank(component), "described", "`faulty` has no `description`");
}

#[test]
fn a_component_that_takes_any_option_does_not_know_its_options() {
    let (closed, open) = (r#""additionalProperties":false"#, r#""additionalProperties":true "#);
    fails_changed(closed, open, "options", "takes an option that no component can know");
}

#[test]
fn a_plugin_that_speaks_another_interface_is_found() {
    fails(&built_library("heirloom-altered-plugin"), "extensions", "another layout than this host's");
}

fn faulty_library() -> LibrarySuite {
    let spec: SpaceSpec =
        serde_json::from_str(r#"{"parameter": [{"name": "x", "type": "float", "low": 0, "high": 1}]}"#)
            .unwrap();
    library(&built_library("heirloom-faulty-plugin")).space(Arc::new(Space::compile(spec).unwrap()))
}

fn failure<'r>(report: &'r Report, check: &str) -> Option<&'r str> {
    let result = report.results.iter().find(|result| result.check == check);
    match &result.unwrap_or_else(|| panic!("`{check}` was not made:\n{report}")).status {
        Status::Failed(message) | Status::Crashed(message) => Some(message),
        Status::Success | Status::Skipped(_) => None,
    }
}

/// How the names of a component's checks begin; without a worker, those of the isolated ones are left out.
fn ways(report: &Report, component: &str) -> Vec<String> {
    let isolated = format!("{component}/isolated");
    let worker = report.results.iter().find(|result| result.check == format!("{isolated}/worker")).unwrap();
    match &worker.status {
        Status::Success => vec![component.into(), isolated],
        other => {
            eprintln!("skipped: {isolated}: {other:?}");
            vec![component.into()]
        }
    }
}

#[test]
fn components_are_checked_in_the_host_and_in_a_worker() {
    let report = faulty_library().options("faulty", json!({ "fault": "panic", "at": 3 })).report();
    for way in ways(&report, "faulty") {
        let failure = |check: &str| failure(&report, &format!("{way}/{check}"));
        assert!(
            failure("strategy/in-bounds").is_some_and(|message| message.contains("panicked")),
            "{report}"
        );
        assert_eq!(failure("estimator/info"), None, "{report}");
        // The request that panics is a failed trial, the others are measured.
        assert_eq!(failure("estimator/finite"), None, "{report}");
        assert_eq!(failure("proxy/count"), None, "{report}");
    }
}

#[test]
fn a_manifest_that_promises_to_use_knowledge_is_held_to_it() {
    let report = faulty_library().options("wrapper", json!({ "base": { "name": "faulty" } })).report();
    for way in ways(&report, "wrapper") {
        let failure = |check: &str| failure(&report, &format!("{way}/{check}"));
        assert!(
            failure("strategy/inform").is_some_and(|message| message.contains("informs = true")),
            "{report}"
        );
        assert_eq!(failure("strategy/in-bounds"), None, "{report}");
    }
    for way in ways(&report, "faulty") {
        assert_eq!(failure(&report, &format!("{way}/strategy/inform")), None, "{report}");
    }
}
