//! A template filled in: the files of a new plugin.

use std::path::{Path, PathBuf};

use heirloom_plugin_abi::{Kind, Language};

use crate::error::title;
use crate::files::{self, Source};
use crate::{PluginName, Sdk, TemplateError};

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

impl Template {
    /// The plugin's files.
    pub fn files(&self) -> Vec<NewFile> {
        let sets = files::sets(self.language, self.kind);
        sets.into_iter().flatten().map(|source| self.fill(source)).collect()
    }

    /// Writes the plugin's files into `folder`, which is made, or empty; returns their paths.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, TemplateError> {
        let files = self.files();
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

    /// The library that is built of the plugin; `None` where its source is what runs.
    pub fn library(&self) -> Option<String> {
        let name = self.name.identifier();
        let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        (self.language != Language::Python).then_some(file)
    }

    /// The language's name as people write it.
    pub fn language_title(&self) -> &'static str {
        title(self.language)
    }

    /// The command that runs the tests of a Python plugin.
    pub fn python_tests(&self) -> String {
        format!("{}python3 -m unittest discover -s tests", self.sdk.python_path())
    }

    fn fill(&self, &(path, text): &Source) -> NewFile {
        let description = match self.kind {
            Kind::Strategy => "A search strategy",
            Kind::Estimator => "An estimator",
            Kind::Proxy => "A proxy",
        };
        let places = [
            ("use", files::RUST_USE.to_owned()),
            ("python_use", files::PYTHON_USE.to_owned()),
            ("c_use", files::C_USE.to_owned()),
            ("name", self.name.as_str().to_owned()),
            ("crate", self.name.identifier()),
            ("description", format!("{description} for Heirloom")),
            ("library", self.library().unwrap_or_default()),
            ("sdk", self.sdk.dependency("plugin")),
            ("check_sdk", self.sdk.dependency("plugin-check")),
            ("python_sdk", self.sdk.requirement()),
            ("python_path", self.sdk.python_path()),
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
        let kinds = [Kind::Strategy, Kind::Estimator, Kind::Proxy];
        let languages = [Language::Rust, Language::C, Language::Python];
        let all = languages.into_iter().flat_map(move |language| kinds.map(|kind| (language, kind)));
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
            for NewFile { path, text } in template.files() {
                n_files += 1;
                let is_c = path.ends_with(".c") || path.ends_with(".h");
                assert!(is_c || !text.contains("}}"), "{path}: {text}");
                assert!(!text.contains("{{") || is_c && !text.contains("{{n"), "{path}: {text}");
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
            let files = template.files();
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
    fn manifests_of_plugins_without_a_derive_declare_their_options() {
        for template in templates().filter(|template| template.language != Language::Rust) {
            let files = template.files();
            let manifest = files.iter().find(|file| file.path == "plugin.toml").unwrap();
            let manifest = heirloom_plugin_abi::Manifest::parse(&manifest.text).unwrap();
            let record = manifest.declared_record("any", "Python").unwrap();
            assert_eq!(record.version, "0.1.0");
            assert!(!manifest.components[0].options.is_empty());
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
