//! The user's Python, and the package through which it serves as a worker.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use heirloom_plugin_abi::embed::fingerprint;
use serde::Deserialize;

use crate::aside;
use crate::source_folder::LOCAL_SETTINGS;

/// A Python that can serve as a worker.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    /// The interpreter.
    pub(crate) path: PathBuf,
    /// Where it finds modules: what its process must be able to read.
    pub(crate) folders: Vec<PathBuf>,
    /// Variables that its environment holds whatever else it does.
    pub(crate) variables: Vec<(&'static str, OsString)>,
    package: PathBuf,
}

impl Python {
    /// The command that serves the host at the standard input.
    pub(crate) fn command(&self) -> Vec<OsString> {
        let path = self.path.clone().into_os_string();
        let arguments = ["-B", "-X", "utf8", "-c", START].map(OsString::from);
        [path].into_iter().chain(arguments).chain([self.package.clone().into_os_string()]).collect()
    }
}

/// Why there is none, and what to do.
#[derive(Debug)]
pub(crate) struct NoPython {
    pub(crate) reason: String,
    pub(crate) hint: String,
}

/// The oldest Python that the package runs on.
const OLDEST: (u32, u32) = (3, 9);

/// What the interpreter is given to run: the package's folder stands before all others, the current one is left out.
const START: &str = "import sys; sys.path = [sys.argv[1]] + [p for p in sys.path if p]; \
                     from heirloom_plugin.worker import main; main()";

/// Has an interpreter say what it is, and keep the package in the form in which it starts fast.
const PROBE: &str = "import json, site, sys; print(json.dumps({'version': sys.version_info[:2], \
                     'executable': sys.executable, 'folders': [sys.prefix, sys.base_prefix] + \
                     [p for p in sys.path if p], 'user': site.getuserbase()})); \
                     sys.path.insert(0, sys.argv[1]); import heirloom_plugin.worker";

macro_rules! package {
    ($($file:literal),* $(,)?) => {
        /// The package's modules: they are part of this program, so that the two never differ.
        const PACKAGE: &[(&str, &str)] = &[$((
            $file,
            include_str!(concat!("../../../python/heirloom-plugin/heirloom_plugin/", $file)),
        )),*];
    };
}

package!(
    "__init__.py",
    "columns.py",
    "components.py",
    "errors.py",
    "frames.py",
    "msgpack.py",
    "problem.py",
    "seed.py",
    "space.py",
    "spec.py",
    "testing.py",
    "trial.py",
    "worker.py",
);

/// The Python that runs the plugin in `folder`.
pub(crate) fn of_plugin(folder: &Path) -> Result<Python, NoPython> {
    let package = package_folder().map_err(|error| NoPython {
        reason: format!("the package `heirloom_plugin` cannot be written: {error}"),
        hint: "let `HEIRLOOM_HOME` name a folder that can be written".into(),
    })?;
    let Found { version: _, executable, mut folders, user } = interpreter(folder, &package)?;
    folders.push(package.clone());
    let mut variables = vec![
        // The order of Python's sets follows from it: the same seed shall give the same search.
        ("PYTHONHASHSEED", OsString::from("0")),
        // What is printed into a pipe would be held back, and lost with a worker that is ended.
        ("PYTHONUNBUFFERED", "1".into()),
    ];
    // The worker's home is not the user's.
    variables.extend(user.map(|user| ("PYTHONUSERBASE", user.into())));
    Ok(Python { path: executable, folders, variables, package })
}

/// What an interpreter says of itself.
#[derive(Debug, Clone, Deserialize)]
struct Found {
    version: (u32, u32),
    executable: PathBuf,
    folders: Vec<PathBuf>,
    user: Option<PathBuf>,
}

/// The Python of the plugin in `folder`: that of its `local.toml`, of an environment in its `.venv`, of
/// `$HEIRLOOM_PYTHON`, else `python3`. Each is asked once a process.
fn interpreter(folder: &Path, package: &Path) -> Result<Found, NoPython> {
    static KNOWN: Mutex<BTreeMap<PathBuf, Found>> = Mutex::new(BTreeMap::new());
    let named = named_interpreter(folder)?;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(&named) {
        return Ok(found.clone());
    }
    let found = probe(&named, package)?;
    known.insert(named, found.clone());
    Ok(found)
}

fn named_interpreter(folder: &Path) -> Result<PathBuf, NoPython> {
    let settings = folder.join(LOCAL_SETTINGS);
    if let Ok(text) = fs::read_to_string(&settings) {
        let no_setting = |reason: String| NoPython {
            reason: format!("`{}`: {reason}", settings.display()),
            hint: "write `python = \"path/to/python\"` into it, or remove it".into(),
        };
        let table: toml::Table = toml::from_str(&text).map_err(|error| no_setting(error.message().into()))?;
        let python = table.get("python").and_then(|value| value.as_str());
        return python
            .map(|python| folder.join(python))
            .ok_or_else(|| no_setting("it names no `python`".into()));
    }
    let own = folder.join(".venv/bin/python");
    if own.exists() {
        return Ok(own);
    }
    let named = std::env::var_os("HEIRLOOM_PYTHON").filter(|value| !value.is_empty());
    Ok(named.unwrap_or_else(|| "python3".into()).into())
}

/// The interpreter that a name leads to: launchers and links are followed once, not at each start, and a Python that is
/// too old is told from a plugin that fails.
fn probe(named: &Path, package: &Path) -> Result<Found, NoPython> {
    let refused = |reason: String| NoPython {
        reason,
        hint: format!(
            "install Python {}.{} or newer, or name one with `HEIRLOOM_PYTHON`",
            OLDEST.0, OLDEST.1
        ),
    };
    let output = Command::new(named).args(["-c", PROBE]).arg(package).stdin(Stdio::null()).output();
    let output = output.map_err(|error| refused(format!("`{}` does not start: {error}", named.display())))?;
    let found: Found = serde_json::from_slice(&output.stdout)
        .map_err(|_| refused(format!("`{}` is no Python ({})", named.display(), output.status)))?;
    let (major, minor) = found.version;
    if found.version < OLDEST {
        return Err(refused(format!("`{}` is Python {major}.{minor}", named.display())));
    }
    Ok(found)
}

/// The folder in which the package stands, written where it is not there or not as it should be. Once a process.
pub(crate) fn package_folder() -> io::Result<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let written = FOLDER.get_or_init(|| write_package().map_err(|error| error.to_string()));
    written.clone().map_err(io::Error::other)
}

fn write_package() -> io::Result<PathBuf> {
    let all: String = PACKAGE.iter().flat_map(|(file, text)| [*file, "\n", *text]).collect();
    let name = String::from_utf8_lossy(&fingerprint(all.as_bytes())).into_owned();
    let root = cache_folder().ok_or_else(|| io::Error::other("there is no home folder"))?;
    let folder = root.join("python").join(name);
    let package = folder.join("heirloom_plugin");
    fs::create_dir_all(&package)?;
    for (file, text) in PACKAGE {
        let path = package.join(file);
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            continue;
        }
        aside::write(&path, text)?;
    }
    Ok(folder)
}

/// Where this user's programs keep what they can make again, by the XDG rule; `$HEIRLOOM_HOME` first.
fn cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("HEIRLOOM_HOME")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("heirloom")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/heirloom")))
}
