#![doc = include_str!("../README.md")]
#![allow(unsafe_code, reason = "the one crate that knows how objects cross the boundary between libraries")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod root;
pub use root::{
    Extension, INTERFACE_LEVEL, LoadError, LoadedLibrary, OLDEST_INTERFACE_LEVEL, Root, RootRef, header,
};

mod strategy;
pub use strategy::{STRATEGY_EXTENSION, StrategyExtension, StrategyObject, StrategyVtable};
pub use strategy::{verdict_code, verdict_from_code};

mod estimator;
pub use estimator::{
    ESTIMATOR_EXTENSION, EstimatorExtension, EstimatorObject, EstimatorVtable, ReporterObject,
};

mod proxy;
pub use proxy::{PROXY_EXTENSION, ProxyExtension, ProxyObject, ProxyVtable};

mod host;
pub use host::{Context, HostObject, HostServices, HostVtable};

pub mod columns;

mod maker;
pub use maker::Maker;

pub mod c;

mod wire;
pub use wire::Wire;

mod problem;
pub use problem::{Written, read_problem, read_space, write_problem, write_space};

mod guard;
pub use guard::{DROPPED, Handle, POISONED};

mod error;
pub use error::{AbiError, AbiResult};

mod log;
pub use log::{EventWriter, LogSink, ToTracing};

mod library;
pub use library::{Component, Exports, Factory, MakeEstimator, MakeProxy, MakeStrategy, root};

pub mod embed;
pub use embed::Kind;

mod manifest;
pub use manifest::{Capability, ComponentManifest, Determinism, Language, Manifest, ManifestError};

mod declared;

mod described;
pub use described::{describe_problem, describe_space};

pub mod schema;

#[cfg(test)]
mod layout;

/// The type of the symbol that a library exports: see [`header`].
pub use abi_stable::library::LibHeader;
