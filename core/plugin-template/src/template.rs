//! A template filled in: the files of a new plugin.

use std::fmt;
use std::path::{Path, PathBuf};

use heirloom_plugin_abi::Kind;

use crate::files::{self, Source};
use crate::{PluginName, Sdk, TemplateError};

/// The languages that there are templates in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A crate.
    Rust,
}

impl Language {
    /// All languages.
    pub const ALL: [Self; 1] = [Self::Rust];

    /// The language's name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a new plugin is to be.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name.
    pub name: PluginName,
    /// What its component does.
    pub kind: Kind,
    /// What it is written in.
    pub language: Language,
    /// Where it finds the SDK.
    pub sdk: Sdk,
}

/// A file of a new plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Where it stands in the plugin's folder.
    pub path: &'static str,
    /// What it holds.
    pub text: String,
}

const KINDS: [Kind; 3] = [Kind::Strategy, Kind::Estimator, Kind::Proxy];

impl Template {
    /// The plugin's files.
    pub fn files(&self) -> Result<Vec<NewFile>, TemplateError> {
        let (kind, language) = (self.kind, self.language);
        let sets = files::sets(language, kind).ok_or_else(|| {
            let known = KINDS.into_iter().filter(|&kind| files::sets(language, kind).is_some());
            TemplateError::NoTemplate { kind, language, known: known.collect() }
        })?;
        Ok(sets.iter().flat_map(|set| set.iter()).map(|source| self.fill(source)).collect())
    }

    /// Writes the plugin's files into `folder`, which is made, or empty; returns their paths.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, TemplateError> {
        let files = self.files()?;
        if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
            return Err(TemplateError::NotEmpty { folder: folder.into() });
        }
        let write = |file: &NewFile| {
            let path = folder.join(file.path);
            let parent = path.parent().unwrap_or(folder);
            let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, &file.text));
            match written {
                Ok(()) => Ok(path),
                Err(error) => Err(TemplateError::Write { path, reason: error.to_string() }),
            }
        };
        files.iter().map(write).collect()
    }

    /// The file that cargo or a compiler makes of the plugin.
    pub fn library(&self) -> String {
        let name = self.name.identifier();
        format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
    }

    fn fill(&self, &(path, text): &Source) -> NewFile {
        let description = match self.kind {
            Kind::Strategy => "A search strategy",
            Kind::Estimator => "An estimator",
            Kind::Proxy => "A proxy",
        };
        let places = [
            ("use", files::RUST_USE.to_owned()),
            ("name", self.name.as_str().to_owned()),
            ("crate", self.name.identifier()),
            ("description", format!("{description} for Heirloom")),
            ("library", self.library()),
            ("sdk", self.sdk.dependency("plugin")),
            ("check_sdk", self.sdk.dependency("plugin-check")),
        ];
        let mut text = text.to_owned();
        for (place, value) in places {
            text = text.replace(&format!("{{{{{place}}}}}"), &value);
        }
        NewFile { path, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates() -> impl Iterator<Item = Template> {
        let all = Language::ALL.into_iter().flat_map(|language| KINDS.map(|kind| (language, kind)));
        all.map(|(language, kind)| Template {
            name: PluginName::new("tree-search").unwrap(),
            kind,
            language,
            sdk: Sdk::Version("0.1.0".into()),
        })
    }

    #[test]
    fn every_place_is_filled_and_every_toml_file_can_be_read() {
        let mut n_files = 0;
        for template in templates() {
            for NewFile { path, text } in template.files().unwrap() {
                n_files += 1;
                assert!(!text.contains("{{") && !text.contains("}}"), "{path}: {text}");
                assert!(text.ends_with('\n'), "{path}");
                if path.ends_with(".toml") {
                    text.parse::<toml::Table>().unwrap_or_else(|error| panic!("{path}: {error}"));
                }
            }
        }
        assert!(n_files > 20, "{n_files}");
    }

    #[test]
    fn the_manifest_names_the_component_and_says_what_it_is() {
        for template in templates() {
            let files = template.files().unwrap();
            let manifest = files.iter().find(|file| file.path == "plugin.toml").unwrap();
            let manifest = heirloom_plugin_abi::Manifest::parse(&manifest.text).unwrap();
            assert_eq!(manifest.id, "tree-search");
            assert_eq!(manifest.components.len(), 1);
            assert_eq!(
                (manifest.components[0].kind, &*manifest.components[0].name),
                (template.kind, "tree-search")
            );
        }
    }

    #[test]
    fn a_folder_that_holds_something_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine"), "").unwrap();
        let template = templates().next().unwrap();
        let error = template.write(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not empty; hint: name another folder with `--path`"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let paths = template.write(&folder.path().join("new")).unwrap();
        assert!(paths.iter().all(|path| path.is_file()), "{paths:?}");
    }
}
