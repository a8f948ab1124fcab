//! The places where LibTorch may be.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Build, LibTorch, LibTorchError, VERSION, user_folder};

/// How LibTorch was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `LIBTORCH` names it.
    Environment,
    /// It lies beside the program.
    Program,
    /// It was installed for this user.
    User,
    /// Python would import it.
    Python,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "named by `LIBTORCH`",
            Self::Program => "beside the program",
            Self::User => "in the user's data folder",
            Self::Python => "of `python3`",
        })
    }
}

/// Finds LibTorch [`VERSION`], and says how.
///
/// # Errors
///
/// [`LibTorchError::NotFound`], with everything that was looked at.
pub fn find() -> Result<(LibTorch, Place), LibTorchError> {
    let (mut empty, mut others) = (Vec::new(), Vec::new());
    let mut try_folder = |folder: PathBuf, place: Place| match LibTorch::at(&folder) {
        Ok(found) => Some((found, place)),
        Err(LibTorchError::Absent { folder, .. }) => {
            empty.push(folder);
            None
        }
        Err(other) => {
            others.push(other);
            None
        }
    };
    let named = std::env::var_os("LIBTORCH").map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
    let named = named.into_iter().map(|folder| (folder, Place::Environment));
    let beside = std::env::current_exe().map(|program| beside(&program)).unwrap_or_default();
    let beside = beside.into_iter().map(|folder| (folder, Place::Program));
    let users = [Build::Cuda, Build::Cpu].into_iter().filter_map(user_folder);
    let users = users.map(|folder| (folder.join("torch"), Place::User));
    // Python is asked last: starting it takes longer than all the rest.
    let python = std::iter::once_with(|| in_python(&mut Command::new("python3")))
        .flatten()
        .map(|it| (it, Place::Python));
    let mut places = named.chain(beside).chain(users).chain(python);
    match places.find_map(|(folder, place)| try_folder(folder, place)) {
        Some(found) => Ok(found),
        None => Err(LibTorchError::NotFound { empty, others }),
    }
}

/// Where LibTorch lies relative to a program.
fn beside(program: &Path) -> Vec<PathBuf> {
    let folders = program.ancestors().skip(1).take(3);
    let mut places: Vec<_> = folders.map(|folder| folder.join("libtorch")).collect();
    places.extend(program.ancestors().nth(2).map(|folder| folder.join("lib/heirloom/libtorch")));
    places
}

/// The folder of the `torch` that a Python would import, which it is not made to do: that takes seconds and needs
/// packages that LibTorch does not. `None` where Python or the package is absent.
pub fn in_python(python: &mut Command) -> Option<PathBuf> {
    let ask = "import importlib.util\n\
               found = importlib.util.find_spec('torch')\n\
               print(*(found and found.submodule_search_locations or [])[:1], end='')";
    let output = python.arg("-c").arg(ask).output().ok().filter(|output| output.status.success())?;
    let folder = String::from_utf8(output.stdout).ok().filter(|folder| !folder.is_empty())?;
    Some(folder.into())
}

/// What to do where LibTorch is not found.
pub fn hint() -> String {
    format!(
        "`cargo xtask libtorch` in Heirloom's sources installs it, and so does `python3 -m pip install \
         torch=={VERSION}`; `LIBTORCH` names a folder that has it already"
    )
}
