//! `cargo xtask libtorch`: LibTorch for builds and for the programs built, as `target/libtorch`.
//!
//! What the user has is used; else the Python package is installed for this user, beside no other Python package.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use heirloom_libtorch::{Build, LibTorch, VERSION, in_python, user_folder};

use crate::{Outcome, call, cargo, root, target_dir};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// With what NVIDIA's GPUs need: 2 GB more to download
    #[arg(long)]
    cuda: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let build = if arguments.cuda { Build::Cuda } else { Build::Cpu };
    let libtorch = make_available(build)?;
    let devices = if libtorch.has_cuda() { "CPU and CUDA" } else { "CPU" };
    println!("LibTorch {} for {devices}: {}", libtorch.version(), libtorch.folder().display());
    Ok(())
}

/// Which crates a task builds.
pub(crate) struct Packages {
    /// Cargo's arguments that name them.
    pub(crate) arguments: Vec<String>,
    /// Which are left out and why, for people.
    left_out: Option<String>,
}

impl Packages {
    /// All of the workspace; where LibTorch cannot be had, all but those that need it, which is then said.
    pub(crate) fn available() -> Outcome<Self> {
        let mut packages = Self { arguments: vec!["--workspace".into()], left_out: None };
        if let Err(reason) = make_available(Build::Cpu) {
            let names = dependents()?;
            packages.left_out = Some(format!(
                "without LibTorch {VERSION} these crates are neither built nor tested: {}\n  because {reason}",
                names.join(", ")
            ));
            packages.arguments.extend(names.into_iter().flat_map(|name| ["--exclude".into(), name]));
        }
        packages.warn();
        Ok(packages)
    }

    /// Whether LibTorch is there, and no crate is left out.
    pub(crate) fn have_libtorch(&self) -> bool {
        self.left_out.is_none()
    }

    /// Says what is left out: before a task and, as much is printed in between, after it.
    pub(crate) fn warn(&self) {
        if let Some(left_out) = &self.left_out {
            eprintln!("\nwarning: {left_out}\n");
        }
    }
}

/// The workspace's crates that LibTorch is compiled into.
fn dependents() -> Outcome<Vec<String>> {
    let mut tree = cargo(&["tree", "--workspace", "--invert", "tch", "--prefix", "none", "--format", "{p}"]);
    let output = tree.output().map_err(|error| format!("cargo tree does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Crates of the workspace have their folder behind the version.
    let names = text.lines().filter(|line| line.contains("(/")).filter_map(|line| line.split(' ').next());
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

fn make_available(build: Build) -> Outcome<LibTorch> {
    let link = root().join("target/libtorch");
    let fits = |found: &LibTorch| found.has_headers() && (build == Build::Cpu || found.has_cuda());
    let usable = |folder: PathBuf| LibTorch::at(&folder).ok().filter(|found| fits(found));
    // Cargo sets it to the link where nobody else has set it.
    let named = std::env::var_os("LIBTORCH").map(PathBuf::from).filter(|folder| *folder != link);
    let libtorch = match named {
        Some(folder) => {
            // Builds take this one whatever else there is.
            let hint = "hint: unset `LIBTORCH`, or have it name a folder with";
            let found = LibTorch::at(&folder)
                .map_err(|error| format!("`LIBTORCH` is set and {error}; {hint} LibTorch {VERSION}"))?;
            if !fits(&found) {
                let wanted = if found.has_headers() { "its part for CUDA" } else { "its headers" };
                return Err(format!(
                    "`LIBTORCH` is set and `{}` lacks {wanted}; {hint} that",
                    folder.display()
                ));
            }
            found
        }
        None => {
            let installed = || [Build::Cpu, Build::Cuda].into_iter().filter_map(user_folder);
            let installed = || installed().find_map(|folder| usable(folder.join("torch")));
            let python = || in_python(&mut Command::new("python3")).and_then(usable);
            match usable(link.clone()).or_else(installed).or_else(python) {
                Some(found) => found,
                None => install(build)?,
            }
        }
    };
    for link in [link, target_dir().join("libtorch")] {
        if link.canonicalize().ok().as_deref() != Some(libtorch.folder()) {
            make_link(libtorch.folder(), &link)?;
        }
    }
    Ok(libtorch)
}

fn make_link(folder: &Path, link: &Path) -> Outcome {
    let new = link.with_extension(format!("new-{}", std::process::id()));
    let made = std::fs::create_dir_all(link.parent().unwrap_or(Path::new(".")))
        .and_then(|()| std::os::unix::fs::symlink(folder, &new))
        .and_then(|()| std::fs::rename(&new, link));
    made.map_err(|error| {
        let (folder, link) = (folder.display(), link.display());
        format!("`{link}` cannot be made a link to `{folder}`: {error}; hint: move what is there away")
    })
}

/// Installs the Python package for this user. A folder that is there is whole: it is filled under another name.
fn install(build: Build) -> Outcome<LibTorch> {
    let folder = user_folder(build)
        .ok_or("neither `XDG_DATA_HOME` nor `HOME` says where LibTorch can be installed; hint: set one")?;
    let partial = folder.with_file_name(format!("libtorch-{VERSION}-{}.partial", build.name()));
    let parent = folder.parent().unwrap_or(Path::new("."));
    let failed = |what: &str, error: std::io::Error| format!("`{}`: {what}: {error}", folder.display());
    std::fs::create_dir_all(parent).map_err(|error| failed("cannot be made", error))?;
    // Another source tree may be installing the same; it unlocks by ending, however it ends.
    let lock =
        File::create(parent.join("libtorch.lock")).map_err(|error| failed("cannot be locked", error))?;
    lock.lock().map_err(|error| failed("cannot be locked", error))?;
    if let Ok(found) = LibTorch::at(&folder.join("torch")) {
        return Ok(found);
    }
    for leftover in [&folder, &partial] {
        if leftover.exists() {
            std::fs::remove_dir_all(leftover).map_err(|error| failed("cannot be removed", error))?;
        }
    }
    let size = if build == Build::Cuda { "2.5 GB" } else { "0.6 GB" };
    println!(
        "installing LibTorch {VERSION} into {}: {size} to download, once for all source trees",
        folder.display()
    );
    let filled = pip_install(build, &partial)
        .and_then(|()| LibTorch::at(&partial.join("torch")).map_err(|error| error.to_string()));
    if let Err(problem) = filled {
        // What is left of it is removed by the next attempt.
        let _ = std::fs::remove_dir_all(&partial);
        return Err(problem);
    }
    std::fs::rename(&partial, &folder).map_err(|error| failed("cannot be made", error))?;
    LibTorch::at(&folder.join("torch")).map_err(|error| error.to_string())
}

fn pip_install(build: Build, folder: &Path) -> Outcome {
    let requirements = root().join("xtask/libtorch").join(format!("{}.txt", build.name()));
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"]);
    pip.args(["--no-compile", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    pip.arg("--target").arg(folder);
    // A user's setting that cannot go with a target folder.
    pip.env("PIP_USER", "0").env("PIP_ROOT_USER_ACTION", "ignore");
    let hint = "hint: look at what pip says; it needs a network and CPython 3.10 to 3.14, and an installed one is \
                used when `LIBTORCH` names it";
    call("LibTorch cannot be installed", &mut pip).map_err(|error| format!("{error}; {hint}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_requirements_are_of_the_one_version() {
        for (file, text) in [
            ("cpu.txt", include_str!("../libtorch/cpu.txt")),
            ("cuda.txt", include_str!("../libtorch/cuda.txt")),
        ] {
            let pins: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("torch==")).collect();
            match file {
                "cpu.txt" => assert_eq!(pins, [format!("{} \\", heirloom_libtorch::VERSION)]),
                _ => assert!(pins.is_empty() && text.contains("\n-r cpu.txt\n")),
            }
        }
    }
}
