//! The files of the templates, part of the program.

use heirloom_plugin_abi::{Kind, Language};

/// A file of a template: its path in the new folder, and its text with places to fill.
pub(crate) type Source = (&'static str, &'static str);

macro_rules! files {
    ($($path:literal from $source:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../templates/", $source)))),+]
    };
}

/// Instructions for use, which every README of a Rust plugin ends with.
pub(crate) const RUST_USE: &str = include_str!("../templates/rust/common/use.md");

const RUST: &[Source] = files![
    "Cargo.toml" from "rust/common/crate.toml",
    ".gitignore" from "rust/common/gitignore",
    ".github/workflows/test.yml" from "rust/common/ci.yml",
];

const RUST_STRATEGY: &[Source] = files![
    "plugin.toml" from "rust/strategy/plugin.toml",
    "README.md" from "rust/strategy/README.md",
    "src/lib.rs" from "rust/strategy/lib.rs",
    "src/search.rs" from "rust/strategy/search.rs",
    "tests/conformance.rs" from "rust/strategy/conformance.rs",
    "tests/convergence.rs" from "rust/strategy/convergence.rs",
    "search/run.toml" from "search/strategy.toml",
    "search/table.toml" from "search/table.toml",
    "search/measurements.csv" from "search/measurements.csv",
];

const RUST_ESTIMATOR: &[Source] = files![
    "plugin.toml" from "rust/estimator/plugin.toml",
    "README.md" from "rust/estimator/README.md",
    "src/lib.rs" from "rust/estimator/lib.rs",
    "src/training.rs" from "rust/estimator/training.rs",
    "tests/common/mod.rs" from "rust/estimator/common.rs",
    "tests/conformance.rs" from "rust/estimator/conformance.rs",
    "tests/measurement.rs" from "rust/estimator/measurement.rs",
    "search/run.toml" from "search/estimator.toml",
];

const RUST_PROXY: &[Source] = files![
    "plugin.toml" from "rust/proxy/plugin.toml",
    "check.toml" from "search/check.toml",
    "README.md" from "rust/proxy/README.md",
    "src/lib.rs" from "rust/proxy/lib.rs",
    "src/score.rs" from "rust/proxy/score.rs",
    "tests/common/mod.rs" from "rust/proxy/common.rs",
    "tests/conformance.rs" from "rust/proxy/conformance.rs",
    "tests/ranking.rs" from "rust/proxy/ranking.rs",
    "search/run.toml" from "search/proxy.toml",
    "search/table.toml" from "search/table.toml",
    "search/measurements.csv" from "search/measurements.csv",
];

/// Instructions for use, which every README of a Python plugin ends with.
pub(crate) const PYTHON_USE: &str = include_str!("../templates/python/common/use.md");

const PYTHON: &[Source] = files![
    ".gitignore" from "python/common/gitignore",
    ".github/workflows/test.yml" from "python/common/ci.yml",
    "requirements-test.txt" from "python/common/requirements.txt",
];

const PYTHON_STRATEGY: &[Source] = files![
    "plugin.toml" from "python/strategy/plugin.toml",
    "README.md" from "python/strategy/README.md",
    "plugin.py" from "python/strategy/plugin.py",
    "tests/test_plugin.py" from "python/strategy/test_plugin.py",
    "search/run.toml" from "search/strategy.toml",
    "search/table.toml" from "search/table.toml",
    "search/measurements.csv" from "search/measurements.csv",
];

const PYTHON_ESTIMATOR: &[Source] = files![
    "plugin.toml" from "python/estimator/plugin.toml",
    "README.md" from "python/estimator/README.md",
    "plugin.py" from "python/estimator/plugin.py",
    "tests/test_plugin.py" from "python/estimator/test_plugin.py",
    "search/run.toml" from "search/estimator.toml",
];

const PYTHON_PROXY: &[Source] = files![
    "plugin.toml" from "python/proxy/plugin.toml",
    "check.toml" from "search/check.toml",
    "README.md" from "python/proxy/README.md",
    "plugin.py" from "python/proxy/plugin.py",
    "tests/test_plugin.py" from "python/proxy/test_plugin.py",
    "search/run.toml" from "search/proxy.toml",
    "search/table.toml" from "search/table.toml",
    "search/measurements.csv" from "search/measurements.csv",
];

/// Instructions for use, which every README of a plugin in C ends with.
pub(crate) const C_USE: &str = include_str!("../templates/c/common/use.md");

const C: &[Source] = &[
    ("Makefile", include_str!("../templates/c/common/Makefile")),
    (".gitignore", include_str!("../templates/c/common/gitignore")),
    (".github/workflows/test.yml", include_str!("../templates/c/common/ci.yml")),
    ("tests/host.h", include_str!("../templates/c/common/host.h")),
    // The whole interface: with it the folder needs nothing else.
    ("heirloom_plugin.h", include_str!("../../plugin-abi/include/heirloom_plugin.h")),
];

const C_STRATEGY: &[Source] = files![
    "plugin.toml" from "c/strategy/plugin.toml",
    "README.md" from "c/strategy/README.md",
    "plugin.c" from "c/strategy/plugin.c",
    "tests/test_plugin.c" from "c/strategy/test_plugin.c",
    "search/run.toml" from "search/strategy.toml",
    "search/table.toml" from "search/table.toml",
    "search/measurements.csv" from "search/measurements.csv",
];

const C_ESTIMATOR: &[Source] = files![
    "plugin.toml" from "c/estimator/plugin.toml",
    "README.md" from "c/estimator/README.md",
    "plugin.c" from "c/estimator/plugin.c",
    "tests/test_plugin.c" from "c/estimator/test_plugin.c",
    "search/run.toml" from "search/estimator.toml",
];

const C_PROXY: &[Source] = files![
    "plugin.toml" from "c/proxy/plugin.toml",
    "check.toml" from "search/check.toml",
    "README.md" from "c/proxy/README.md",
    "plugin.c" from "c/proxy/plugin.c",
    "tests/test_plugin.c" from "c/proxy/test_plugin.c",
    "search/run.toml" from "search/proxy.toml",
    "search/table.toml" from "search/table.toml",
    "search/measurements.csv" from "search/measurements.csv",
];

/// The sets of files that make a plugin.
pub(crate) fn sets(language: Language, kind: Kind) -> [&'static [Source]; 2] {
    match (language, kind) {
        (Language::Rust, Kind::Strategy) => [RUST, RUST_STRATEGY],
        (Language::Rust, Kind::Estimator) => [RUST, RUST_ESTIMATOR],
        (Language::Rust, Kind::Proxy) => [RUST, RUST_PROXY],
        (Language::Python, Kind::Strategy) => [PYTHON, PYTHON_STRATEGY],
        (Language::Python, Kind::Estimator) => [PYTHON, PYTHON_ESTIMATOR],
        (Language::Python, Kind::Proxy) => [PYTHON, PYTHON_PROXY],
        (Language::C, Kind::Strategy) => [C, C_STRATEGY],
        (Language::C, Kind::Estimator) => [C, C_ESTIMATOR],
        (Language::C, Kind::Proxy) => [C, C_PROXY],
    }
}
