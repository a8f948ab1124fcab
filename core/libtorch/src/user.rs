//! Where LibTorch is installed for all source trees and programs of one user.

use std::path::PathBuf;

use crate::VERSION;

/// What an installed LibTorch computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Processors alone: a third of the size.
    Cpu,
    /// NVIDIA's GPUs, and processors.
    Cuda,
}

impl Build {
    /// Its name in folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// Where this user's data lies, by the XDG rule; `None` where neither `XDG_DATA_HOME` nor `HOME` is set.
pub fn data_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")))?;
    Some(folder.join("heirloom"))
}

/// The folder that Python's packages are installed into; LibTorch is `torch` in it.
pub fn user_folder(build: Build) -> Option<PathBuf> {
    Some(data_folder()?.join(format!("libtorch-{VERSION}-{}", build.name())))
}
