//! The architecture's invariants that can be read off the source.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn crates() -> Vec<PathBuf> {
    let mut crates = Vec::new();
    for family in ["core", "meta-data", "plugins"] {
        for entry in std::fs::read_dir(root().join(family)).unwrap() {
            let folder = entry.unwrap().path();
            if folder.join("Cargo.toml").exists() {
                crates.push(folder);
            }
        }
    }
    crates.sort();
    crates
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn model_has_no_io_no_clock_and_no_unsafe() {
    for (path, text) in sources(&root().join("core/model/src")) {
        for word in
            ["std::fs", "std::io", "std::net", "std::env", "std::process", "std::time", "Instant", "unsafe "]
        {
            assert!(!text.contains(word), "{} names `{word}`", path.display());
        }
    }
}

#[test]
fn abi_stable_is_a_dependency_of_the_boundary_alone() {
    for folder in crates() {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let allowed = ["plugin-abi", "plugin", "plugin-host"].contains(&name(&folder).as_str());
        assert!(allowed || !manifest.contains("abi_stable"), "{} depends on abi_stable", folder.display());
    }
}

#[test]
fn only_the_command_line_prints() {
    for folder in crates().into_iter().filter(|folder| name(folder) != "cli") {
        for (path, text) in sources(&folder.join("src")) {
            let code = text.split("#[cfg(test)]").next().unwrap();
            for (number, line) in code.lines().enumerate() {
                let line = line.trim_start();
                let prints = ["println!(", "print!(", "eprintln!(", "eprint!("]
                    .iter()
                    .any(|word| line.starts_with(word));
                let is_program = path.file_name().is_some_and(|file| file == "main.rs")
                    || path.components().any(|part| part.as_os_str() == "bin")
                    || path.file_name().is_some_and(|file| file == "tests.rs" || file == "shared.rs");
                assert!(!prints || is_program, "{}:{} prints", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn every_crate_has_a_readme_and_every_module_says_why_it_exists() {
    for folder in crates() {
        let program_only = !folder.join("src/lib.rs").exists();
        assert!(program_only || folder.join("README.md").exists(), "{} has no README.md", folder.display());
        for (path, text) in sources(&folder.join("src")) {
            let documented = text.starts_with("//!") || text.starts_with("#![doc") || text.contains("\n//!");
            let is_test = path.components().any(|part| part.as_os_str() == "tests")
                || path.file_name().is_some_and(|file| file == "tests.rs");
            assert!(documented || is_test, "{} has no module documentation", path.display());
        }
    }
}

#[test]
fn every_plugin_runs_the_conformance_suite() {
    for entry in std::fs::read_dir(root().join("plugins")).unwrap() {
        let folder = entry.unwrap().path();
        // What plugins share stands beside them and is none: it has no record of components.
        if !folder.join("plugin.toml").exists() {
            continue;
        }
        let conformance = folder.join("tests/conformance.rs");
        let text = std::fs::read_to_string(&conformance).unwrap_or_default();
        assert!(text.contains("heirloom_plugin_check"), "{} has no tests/conformance.rs", folder.display());
    }
}

#[test]
fn unsafe_stands_at_the_boundary_alone() {
    for folder in crates() {
        // Clippy holds that each block there says why it is sound.
        if ["plugin-abi", "plugin-host"].contains(&name(&folder).as_str()) {
            continue;
        }
        for (path, text) in sources(&folder.join("src")) {
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap();
                let place = format!("{}:{}", path.display(), number + 1);
                assert!(!code.contains("unsafe {") && !code.contains("unsafe impl"), "{place}: unsafe");
            }
        }
    }
}
