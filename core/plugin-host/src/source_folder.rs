//! Plugins that are folders of source: a `plugin.toml` and the module it names, run by a program of the user's.

use std::fs;
use std::path::{Path, PathBuf};

use heirloom_plugin_abi::embed::{ANY_TARGET, fingerprint};
use heirloom_plugin_abi::{Language, Manifest};

use crate::error::HostError;
use crate::library_file::Described;

/// Whether a folder is such a plugin, well made or not. One whose `plugin.toml` does not say what it is written in is
/// taken for one, so that its mistake is said.
pub(crate) fn is_one(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join("plugin.toml"));
    text.is_ok_and(|text| matches!(Language::of_text(&text), None | Some(Language::Python)))
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

/// The hash of a plugin's source: its manifest and all Python files below its folder, in the order of their names.
pub(crate) fn hash(folder: &Path) -> Result<String, HostError> {
    let mut files = vec![folder.join("plugin.toml")];
    collect(folder, &mut files)?;
    files.sort();
    let mut bytes = Vec::new();
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(&file).as_os_str().as_encoded_bytes().to_vec();
        let content = read(&file)?;
        for part in [name, content] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&part);
        }
    }
    Ok(String::from_utf8_lossy(&fingerprint(&bytes)).into_owned())
}

/// Adds the Python files below `folder`; hidden folders, links and environments are no source of the plugin's.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), HostError> {
    let unreadable =
        |error: std::io::Error| HostError::Read { path: folder.into(), reason: error.to_string() };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if kind.is_dir() && !hidden && !path.join("pyvenv.cfg").exists() {
            collect(&path, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "py") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, HostError> {
    fs::read(path).map_err(|error| HostError::Read { path: path.into(), reason: error.to_string() })
}
