#![doc = include_str!("../README.md")]
#![allow(unsafe_code, reason = "starts worker processes, shares a socket with them, opens LibTorch")]

mod host;
pub use host::{HostOptions, Isolation, PluginHost};

mod plugin;
pub use plugin::Plugin;

mod error;
pub use error::HostError;

pub use heirloom_plugin_abi::schema::OptionProblem;
pub use heirloom_plugin_abi::{ComponentManifest, Context, Determinism, Kind, Manifest};

mod identity;

mod library_file;

mod libtorch;
pub use libtorch::OpenError;

mod checked;

mod local;

mod worker;
pub use worker::serve;
