//! Folders as the C++ distribution, the Python package and a system's packages lay them out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Command;

use heirloom_libtorch::{LibTorch, LibTorchError, VERSION, in_python};

/// Writes LibTorch's library, which is empty here, and a file that tells the version.
fn lay_out(folder: &Path, file: &str, text: &str) {
    let library = format!("lib/{}torch_cpu{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    for (file, text) in [(library.as_str(), ""), (file, text)] {
        let file = folder.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
}

#[test]
fn the_version_is_read_where_each_distribution_writes_it() {
    let header = "#pragma once\n/// Major\n#define TORCH_VERSION_MAJOR 2\n\n#define TORCH_VERSION_MINOR 11\n\
                  #define TORCH_VERSION_PATCH 0\n";
    let package = "from typing import Optional\n\n__all__ = ['__version__', 'debug']\n\
                   __version__ = '2.11.0+cu130'\ndebug = False\n";
    for (file, text, version) in [
        ("build-version", "2.11.0+cpu\n", "2.11.0+cpu"),
        ("version.py", package, "2.11.0+cu130"),
        ("include/torch/csrc/api/include/torch/version.h", header, "2.11.0"),
        ("include/torch/headeronly/version.h", header, "2.11.0"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path(), file, text);
        let found = LibTorch::at(folder.path()).unwrap();
        assert_eq!(found.version(), version, "{file}");
        assert!(!found.has_cuda() && !found.has_headers());
    }
}

#[test]
fn another_version_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for found in ["2.5.1+cu124", "2.11.1", "2.11", "12.11.0"] {
        lay_out(folder.path(), "build-version", found);
        let error = LibTorch::at(folder.path()).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, LibTorchError::Version { .. }), "{text}");
        assert!(text.contains(found) && text.contains(VERSION), "{text}");
    }
    lay_out(folder.path(), "build-version", " \n");
    let error = LibTorch::at(folder.path()).unwrap_err();
    assert!(matches!(error, LibTorchError::Unversioned { .. }), "{error}");
}

#[test]
fn a_folder_without_the_library_is_no_libtorch() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("build-version"), VERSION).unwrap();
    let error = LibTorch::at(folder.path()).unwrap_err();
    assert!(error.to_string().contains("lib/libtorch_cpu"), "{error}");
}

#[test]
fn the_part_for_gpus_counts_with_what_it_needs_alone() {
    let packages = tempfile::tempdir().unwrap();
    let folder = packages.path().join("torch");
    lay_out(&folder, "version.py", "__version__ = \"2.11.0\"\n");
    let part = format!("{}torch_cuda{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    std::fs::write(folder.join("lib").join(part), "").unwrap();
    assert!(!LibTorch::at(&folder).unwrap().has_cuda());
    let cudnn = packages.path().join("nvidia/cudnn/lib");
    std::fs::create_dir_all(&cudnn).unwrap();
    std::fs::write(cudnn.join("libcudnn.so.9"), "").unwrap();
    assert!(LibTorch::at(&folder).unwrap().has_cuda());
}

#[test]
fn python_tells_where_its_torch_is_without_importing_it() {
    let packages = tempfile::tempdir().unwrap();
    let folder = packages.path().join("torch");
    lay_out(&folder, "__init__.py", "raise SystemExit('it was imported')\n");
    let found = in_python(Command::new("python3").env("PYTHONPATH", packages.path()));
    assert_eq!(found, Some(folder));
    assert_eq!(in_python(&mut Command::new("no-such-python")), None);
}
