//! A folder with LibTorch in it.

use std::path::{Path, PathBuf};

use crate::{LibTorchError, VERSION};

/// LibTorch of the version that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibTorch {
    folder: PathBuf,
    version: String,
}

impl LibTorch {
    /// Looks at `folder`; symbolic links are followed.
    ///
    /// # Errors
    ///
    /// When it holds no LibTorch, or not [`VERSION`].
    pub fn at(folder: &Path) -> Result<Self, LibTorchError> {
        let library = format!("lib/{}", file_name("torch_cpu"));
        if !folder.join(&library).is_file() {
            return Err(LibTorchError::Absent { folder: folder.into(), library });
        }
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.into());
        match version_in(&folder) {
            None => Err(LibTorchError::Unversioned { folder }),
            // Behind the plus stands for which devices it was built: `2.11.0+cpu`.
            Some(version) if version.split('+').next() == Some(VERSION) => Ok(Self { folder, version }),
            Some(found) => Err(LibTorchError::Version { folder, found }),
        }
    }

    /// The folder, with `lib` and `include` in it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The version with the devices it was built for, such as `2.11.0+cu130`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The file of a library such as `torch_cpu`, where there is one.
    pub fn library(&self, name: &str) -> Option<PathBuf> {
        let file = self.folder.join("lib").join(file_name(name));
        file.is_file().then_some(file)
    }

    /// Whether it can be built against: a folder that a program was installed with may hold libraries alone.
    pub fn has_headers(&self) -> bool {
        self.folder.join("include/torch/csrc/api/include/torch/torch.h").is_file()
    }

    /// Whether it computes on NVIDIA's GPUs: its part for them is there, and what that needs. Of the Python package
    /// both are in packages of their own, and the part alone is of no use.
    pub fn has_cuda(&self) -> bool {
        let places = ["lib", "../nvidia/cudnn/lib"];
        let has_cudnn = |place: &&str| {
            let files = std::fs::read_dir(self.folder.join(place)).into_iter().flatten().flatten();
            files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("libcudnn"))
        };
        self.library("torch_cuda").is_some() && places.iter().any(has_cudnn)
    }
}

fn file_name(library: &str) -> String {
    format!("{}{library}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

fn version_in(folder: &Path) -> Option<String> {
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let distribution =
        || Some(read("build-version")?.trim().to_owned()).filter(|version| !version.is_empty());
    let package = || version_of_package(&read("version.py")?);
    let headers = ["include/torch/headeronly/version.h", "include/torch/csrc/api/include/torch/version.h"];
    let header = || headers.iter().find_map(|file| version_of_header(&read(file)?));
    distribution().or_else(package).or_else(header)
}

/// The version in a line such as `__version__ = '2.11.0+cpu'`.
fn version_of_package(text: &str) -> Option<String> {
    let values = text.lines().filter_map(|line| line.strip_prefix("__version__")?.split_once('='));
    let mut versions = values.map(|(_, value)| value.trim().trim_matches(['\'', '"']).to_owned());
    versions.find(|version| !version.is_empty())
}

/// The version in lines such as `#define TORCH_VERSION_MAJOR 2`.
fn version_of_header(text: &str) -> Option<String> {
    let part = |name: &str| {
        let define = format!("#define TORCH_VERSION_{name} ");
        text.lines().find_map(|line| line.strip_prefix(&define)?.trim().parse::<u32>().ok())
    };
    Some(format!("{}.{}.{}", part("MAJOR")?, part("MINOR")?, part("PATCH")?))
}
