//! The variables that a worker sees: none of the host's but these. What a user keeps in the environment, such as keys
//! of services, is no plugin's business.

use std::ffi::OsString;
use std::path::Path;

use crate::openmp;

/// Where programs and libraries are, the user's language and name, and which processors and devices to use.
const PASSED: &[&str] = &[
    "CUDA_DEVICE_ORDER",
    "CUDA_VISIBLE_DEVICES",
    "GOMP_SPINCOUNT",
    "HIP_VISIBLE_DEVICES",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LIBTORCH",
    "LOGNAME",
    "MKL_NUM_THREADS",
    "NVIDIA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "OPENBLAS_NUM_THREADS",
    "PATH",
    "RAYON_NUM_THREADS",
    "ROCR_VISIBLE_DEVICES",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "TZ",
    "USER",
];

/// The rest of the language's variables begin so.
const PASSED_PREFIX: &str = "LC_";

/// The worker's environment: what is passed on, `further` variables of the host's, and the scratch folder for
/// temporary files. Without `files` it is the home too, because the user's cannot be reached.
pub(super) fn variables(further: &[String], scratch: &Path, files: bool) -> Vec<(OsString, OsString)> {
    let is_passed = |name: &OsString| {
        name.to_str().is_some_and(|name| {
            PASSED.contains(&name)
                || name.starts_with(PASSED_PREFIX)
                || (files && name == "HOME")
                || further.iter().any(|other| other == name)
        })
    };
    let mut variables: Vec<_> = std::env::vars_os().filter(|(name, _)| is_passed(name)).collect();
    let chosen = openmp::variables(|name| variables.iter().any(|(other, _)| other == name));
    variables.extend(chosen.iter().map(|(name, value)| (name.into(), value.into())));
    variables.push(("TMPDIR".into(), scratch.into()));
    if !files {
        variables.retain(|(name, _)| name != "HOME");
        variables.push(("HOME".into(), scratch.into()));
    }
    variables
}
