#![doc = include_str!("../README.md")]
#![allow(
    unsafe_code,
    reason = "starts and confines worker processes, shares a socket with them, opens LibTorch, copies processes, sets variables for OpenMP"
)]

mod host;
pub use host::{HostOptions, Isolation, PluginHost};

mod health;
pub use health::{CrashReport, Ended, QuarantineState, Remembered, release, remembered};

mod limits;
pub use limits::WorkerLimits;

mod plugin;
pub use plugin::{Plugin, speaks};

mod error;
pub use error::HostError;

pub use heirloom_plugin_abi::embed::{ANY_TARGET, TARGET};
pub use heirloom_plugin_abi::schema::OptionProblem;
pub use heirloom_plugin_abi::{
    Capability, ComponentManifest, Context, Determinism, Kind, Language, Manifest,
};

mod identity;

mod library_file;
pub use library_file::manifest_text;

mod source_folder;
pub use source_folder::{LOCAL_SETTINGS, source_files};

mod aside;

mod python;

mod libtorch;
pub use libtorch::{OpenError, open_for as open_libtorch_for};

mod openmp;
pub use openmp::calm_threads;

mod forked;
pub use forked::in_copy;

mod leave;
pub use leave::leave;

mod checked;

mod local;

mod confine;

mod worker;
pub use worker::serve;
