//! Opens LibTorch before the first plugin that needs it.
//!
//! The system looks for the libraries that a library depends on in few places, none of which LibTorch is in. A
//! library that is open already it takes by its name: so nobody has to set a library path.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use heirloom_libtorch::{LibTorch, LibTorchError};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY, RTLD_NOW};
use thiserror::Error;

use crate::library_file;

/// Why LibTorch is not open.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It was not found.
    #[error(
        "it needs LibTorch {}: {source}; hint: {}",
        heirloom_libtorch::VERSION,
        heirloom_libtorch::hint()
    )]
    NotFound {
        /// Where was looked.
        source: LibTorchError,
    },
    /// One of its libraries does not open.
    #[error(
        "it needs LibTorch, whose `{library}` does not open: {reason}; hint: {}",
        heirloom_libtorch::hint()
    )]
    Refused {
        /// The library.
        library: PathBuf,
        /// The loader's words.
        reason: String,
    },
}

/// Opens LibTorch where the library at `plugin` depends on it and this process does not have it yet.
///
/// # Errors
///
/// When it is not found or does not open.
pub fn open_for(plugin: &Path) -> Result<(), OpenError> {
    // A file that is no plugin does not load, which is told when that is tried.
    let needed = library_file::describe(plugin).is_ok_and(|described| described.needs_libtorch);
    if needed { open_all() } else { Ok(()) }
}

/// Whether a library of this name, without its folder, is LibTorch's.
pub(crate) fn is_part(library: &str) -> bool {
    ["libtorch", "libc10."].iter().any(|start| library.starts_with(start))
}

/// Opens LibTorch for a plugin that depends on it, where this process does not have it yet.
pub(crate) fn open_all() -> Result<(), OpenError> {
    if is_open() {
        return Ok(());
    }
    let (libtorch, place) = heirloom_libtorch::find().map_err(|source| OpenError::NotFound { source })?;
    tracing::info!("LibTorch {} {place}: `{}`", libtorch.version(), libtorch.folder().display());
    for library in ["c10", "torch_cpu"] {
        open(&libtorch, library)?;
    }
    open_cuda(&libtorch);
    Ok(())
}

/// LibTorch's folder, for a plugin that depends on it.
pub(crate) fn folder() -> Result<PathBuf, OpenError> {
    let (libtorch, _) = heirloom_libtorch::find().map_err(|source| OpenError::NotFound { source })?;
    Ok(libtorch.folder().to_owned())
}

/// Opens the part for NVIDIA's GPUs where there is a driver for one. No plugin depends on it: it enters itself into
/// LibTorch's tables, and without it no GPU is seen.
fn open_cuda(libtorch: &LibTorch) {
    if libtorch.library("torch_cuda").is_none() || !has_gpu_driver() {
        return;
    }
    match open(libtorch, "torch_cuda") {
        Ok(()) => {}
        Err(error) if libtorch.has_cuda() => tracing::warn!("no GPU is used: {error}"),
        // The user chose an installation for processors: `heirloom doctor` says what the other takes.
        Err(error) => tracing::info!("no GPU is used: {error}"),
    }
}

/// Whether this process has LibTorch: linked to it, as tests are, or opened before.
fn is_open() -> bool {
    let name = format!("{}torch_cpu{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    // SAFETY: with this flag nothing is loaded, so nothing runs.
    unsafe { Library::open(Some(name), RTLD_LAZY | libc::RTLD_NOLOAD) }.is_ok()
}

/// Opens a library for as long as the process. Its names are seen by all that are opened later, as LibTorch's parts
/// share objects by name.
fn open(libtorch: &LibTorch, library: &str) -> Result<(), OpenError> {
    let Some(path) = libtorch.library(library) else { return Ok(()) };
    // SAFETY: it runs LibTorch's own initialisers, which a plugin that is linked to it would run as well.
    match unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(opened) => {
            // Closing it would take the code from under the plugins.
            std::mem::forget(opened);
            Ok(())
        }
        Err(error) => Err(OpenError::Refused { library: path, reason: loader_words(&error) }),
    }
}

/// What the system's loader said: it stands behind the error itself.
fn loader_words(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether the driver of NVIDIA's GPUs is installed: LibTorch's part for them takes seconds to open.
fn has_gpu_driver() -> bool {
    // SAFETY: the driver's initialisers do not depend on anything of this process.
    unsafe { Library::open(Some("libcuda.so.1"), RTLD_LAZY) }.is_ok()
}
