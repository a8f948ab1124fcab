//! The recipes of the recorded data sets, part of the program: where each comes from, and the script that fetches,
//! verifies and converts it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, OrFail};

macro_rules! recipes {
    ($($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../../meta-data/seed/", $file)))),+]
    };
}

/// The files, by their place in the folder.
const RECIPES: &[(&str, &str)] = recipes![
    "make.py",
    "sources.toml",
    "auto-sklearn/README.md",
    "auto-sklearn/table.toml",
    "fcnet-hpo/README.md",
    "fcnet-hpo/table.toml",
    "hpobench-mlp/README.md",
    "hpobench-mlp/table.toml",
    "nas-bench-201/README.md",
    "nas-bench-201/table.toml",
    "nas-bench-graph/README.md",
    "nas-bench-graph/table.toml",
    "nas-bench-graph-proteins/README.md",
    "nas-bench-graph-proteins/table.toml",
    "oboe/README.md",
    "oboe/table.toml",
];

/// What can be fetched.
#[derive(Debug, Deserialize)]
pub(crate) struct Sources {
    pub(crate) data: Vec<Data>,
    /// Our own trainings, which lie in the source tree and cannot be fetched.
    pub(crate) trained: Vec<Data>,
    #[serde(rename = "package")]
    pub(crate) packages: Vec<Package>,
}

/// A recorded data set.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Data {
    pub(crate) name: String,
    pub(crate) what: String,
    #[serde(default)]
    pub(crate) packages: Vec<String>,
    /// Whether its table comes with the source tree.
    pub(crate) ships: bool,
    /// What is made in its folder: a recorded table's descriptor, or a data set to search on.
    #[serde(default = "table")]
    pub(crate) file: String,
}

fn table() -> String {
    "table.toml".into()
}

/// A package of the Python package index, or of Debian, that data is made from.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) licence: String,
}

/// All data sets and their packages.
pub(crate) fn sources() -> Sources {
    let text = RECIPES.iter().find(|(file, _)| *file == "sources.toml").map_or("", |(_, text)| text);
    toml::from_str(text).expect("a test reads the same text")
}

/// Writes the recipes into `folder`.
pub(crate) fn unpack(folder: &Path) -> miette::Result<()> {
    for (file, text) in RECIPES {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(folder);
        let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text));
        written
            .map_err(|error| Failure::new(format!("cannot write `{}`: {error}", path.display())))
            .or_fail()?;
    }
    Ok(())
}

/// The table of a data set that came with the source tree, where this program lies in it.
pub(crate) fn shipped(name: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folders = program.ancestors().map(|folder| folder.join("meta-data/seed").join(name));
    folders
        .filter(|folder| folder.join("evaluations.parquet").exists())
        .map(|folder| folder.join("table.toml"))
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_set_has_its_recipe_and_its_pinned_packages() {
        let sources = sources();
        assert!(sources.data.len() >= 3);
        for data in &sources.data {
            let descriptor = format!("{}/{}", data.name, table());
            let is_recipe = RECIPES.iter().any(|(file, _)| *file == descriptor);
            assert_eq!(is_recipe, data.file == table(), "{descriptor}");
            for name in &data.packages {
                let package = sources.packages.iter().find(|package| package.name == *name).unwrap();
                assert_eq!(package.sha256.len(), 64, "{name}");
            }
        }
        for data in &sources.trained {
            let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../meta-data/seed");
            assert!(
                data.packages.is_empty() && seed.join(&data.name).join(&data.file).exists(),
                "{}",
                data.name
            );
        }
    }
}
