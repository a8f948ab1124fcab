//! Plugins that are folders of source: a `plugin.toml` and the module it names, run by a program of the user's.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use heirloom_plugin_abi::embed::{ANY_TARGET, fingerprint};
use heirloom_plugin_abi::{Language, Manifest};

use crate::error::HostError;
use crate::library_file::Described;

/// Whether a folder is such a plugin, well made or not. One whose `plugin.toml` does not say what it is written in is
/// taken for one, so that its mistake is said.
pub(crate) fn is_one(folder: &Path) -> bool {
    let manifest = folder.join("plugin.toml");
    // Reading a pipe would never end.
    manifest.is_file()
        && fs::read_to_string(manifest)
            .is_ok_and(|text| matches!(Language::of_text(&text), None | Some(Language::Python)))
}

/// Reads the manifest of the plugin in `folder`, and checks that its module is there.
pub(crate) fn describe(folder: &Path) -> Result<Described, HostError> {
    let bad = |problem: String| HostError::BadManifest { path: folder.into(), problem };
    let text = read(&folder.join("plugin.toml"))?;
    let text = String::from_utf8(text).map_err(|_| bad("its `plugin.toml` is not UTF-8".into()))?;
    let manifest = Manifest::parse(&text).map_err(|error| bad(error.to_string()))?;
    let record = manifest.declared_record(ANY_TARGET, "Python").map_err(|error| bad(error.to_string()))?;
    let module = manifest.module.as_deref().unwrap_or_default();
    let path = folder.join(module.replace('.', "/"));
    if module.is_empty() || module.starts_with('.') || module.contains('/') {
        return Err(bad(format!("`module = \"{module}\"` is no module's name; hint: `name` for `name.py`")));
    }
    if !(path.with_extension("py").is_file() || path.join("__init__.py").is_file()) {
        return Err(bad(format!("its `plugin.toml` names module `{module}`, and there is no `{module}.py`")));
    }
    let version = record.version.clone();
    Ok(Described { record, manifest, fingerprint: hash(folder)?, version, needs_libtorch: false })
}

/// What of a plugin runs: Python files and compiled modules.
const CODE: [&str; 4] = ["py", "so", "pyd", "dylib"];

/// The hash of a plugin's code: its manifest and all that Python loads below its folder, in the order of their names.
/// What else lies there may be written by its user's searches.
pub(crate) fn hash(folder: &Path) -> Result<String, HostError> {
    let manifest = folder.join("plugin.toml");
    let is_source = |file: &PathBuf| {
        let extension = file.extension().and_then(OsStr::to_str).unwrap_or_default();
        (*file == manifest || CODE.contains(&extension)) && file.is_file()
    };
    let files = source_files(folder)
        .map_err(|error| HostError::Read { path: folder.into(), reason: error.to_string() })?;
    let mut bytes = Vec::new();
    for file in files.into_iter().filter(is_source) {
        let name = file.strip_prefix(folder).unwrap_or(&file).as_os_str().as_encoded_bytes().to_vec();
        let content = read(&file)?;
        for part in [name, content] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&part);
        }
    }
    Ok(String::from_utf8_lossy(&fingerprint(&bytes)).into_owned())
}

/// The machine's own settings in a folder of sources, such as which Python runs it: never part of a package.
pub const LOCAL_SETTINGS: &str = "local.toml";

/// The files of the plugin in `folder`, sorted: those that a package of it holds.
///
/// Hidden files, caches, environments, the user's `local.toml`, packages and archives, with what stands beside these,
/// are none of the plugin's. A link is named, wherever it leads: whoever cannot take it has to know of it. What a link to
/// a folder leads to is none of the plugin's.
///
/// # Errors
///
/// The system's, for a folder that cannot be read.
pub fn source_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let is_other = name.starts_with('.')
                || ["__pycache__", "target", LOCAL_SETTINGS].contains(&name.as_str())
                || name.contains(".heirloom")
                || name.ends_with(".pyc")
                || path.join("pyvenv.cfg").exists();
            if is_other {
                continue;
            } else if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.is_file() || path.is_symlink() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, HostError> {
    fs::read(path).map_err(|error| HostError::Read { path: path.into(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_plugin_are_those_of_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let own = ["data/choices.json", "fast.so", "module.py", "plugin.toml"];
        let others = [
            ".git/hook.py",
            "__pycache__/module.pyc",
            "env/lib.py",
            "env/pyvenv.cfg",
            "local.toml",
            "module-0.1.0.heirloom",
            "module.pyc",
            "runs.heirloom-wal",
            "runs.heirloom.files/trial-0/weights",
            "target/module.py",
        ];
        for name in own.iter().chain(&others) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let files = source_files(folder.path()).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, own.map(Path::new));
    }

    #[test]
    fn links_are_named_and_those_that_lead_to_no_file_are_not_hashed() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["module.py", "plugin.toml"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let before = hash(folder.path()).unwrap();
        fs::write(other.path().join("inner.py"), "x").unwrap();
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
        link(other.path(), "folder.py");
        link(Path::new("nowhere"), "gone.py");
        let files = source_files(folder.path()).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, ["folder.py", "gone.py", "module.py", "plugin.toml"].map(Path::new));
        assert_eq!(hash(folder.path()).unwrap(), before);
        link(&other.path().join("inner.py"), "inner.py");
        assert_ne!(hash(folder.path()).unwrap(), before);
    }
}
