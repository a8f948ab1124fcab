//! The root module: what every plugin library exports, frozen for ever.
//!
//! Everything that may grow is an extension, whose id carries its version and whose layout is checked when it is
//! asked for. So an old plugin loads into a newer host, and the other way round.

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use abi_stable::library::{
    CheckTypeLayout, LibHeader, LibraryError, RootModule, RootModuleResult, lib_header_from_path,
};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{ROption, RStr};
use abi_stable::type_layout::TypeLayout;
use heirloom_model::ComponentError;
use std::collections::BTreeSet;
use std::path::Path;
use thiserror::Error;

use crate::c;
use crate::embed::Kind;
use crate::error::{AbiResult, from_abi};
use crate::estimator::{ESTIMATOR_EXTENSION, EstimatorExtension};
use crate::library::{self, Exports};
use crate::log::LogSink;
use crate::maker::Maker;
use crate::proxy::{PROXY_EXTENSION, ProxyExtension};
use crate::strategy::{STRATEGY_EXTENSION, StrategyExtension};

/// The interface level that this crate speaks: it rises when a host can no longer load the plugins of the level
/// before, which the frozen root module makes a rare event.
pub const INTERFACE_LEVEL: u32 = 1;

/// The oldest interface level whose plugins this crate still loads.
pub const OLDEST_INTERFACE_LEVEL: u32 = 1;

/// The highest version that is looked for when a message says which ones a library has.
const HIGHEST_VERSION: u32 = 9;

/// The exported root module.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RootRef)))]
#[sabi(missing_field(panic))]
pub struct Root {
    /// [`INTERFACE_LEVEL`] of the library.
    pub interface: u32,
    /// The hash of the library's embedded record.
    pub fingerprint: RStr<'static>,
    /// The text of the library's `plugin.toml`.
    pub manifest: RStr<'static>,
    /// Called once, before anything else.
    pub init: extern "C" fn(LogSink) -> AbiResult<()>,
    /// The extension of an id, where the library has it.
    pub get_extension: extern "C" fn(RStr<'_>) -> ROption<Extension>,
    /// Called once, when the process is about to end in order.
    #[sabi(last_prefix_field)]
    pub deinit: extern "C" fn() -> AbiResult<()>,
}

impl RootModule for RootRef {
    abi_stable::declare_root_module_statics! {RootRef}
    const BASE_NAME: &'static str = "heirloom_plugin";
    const NAME: &'static str = "heirloom_plugin";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new("1.0.0");
}

/// An extension: a struct of functions, and the layout that its library believes it has.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Extension {
    layout: &'static TypeLayout,
    functions: *const (),
}

impl Extension {
    /// The extension whose functions these are.
    pub const fn new<T: StableAbi>(functions: &'static T) -> Self {
        Self { layout: T::LAYOUT, functions: std::ptr::from_ref(functions).cast() }
    }

    /// The functions, where both sides agree on their layout.
    fn cast<T: StableAbi>(&self) -> Result<&'static T, String> {
        // Nothing of ours that crosses is of a kind that may grow (a prefix type, an enum with room), and the library's
        // header says that `abi_stable`'s own are of one version: the other direction would say the same.
        check_layout_compatibility(T::LAYOUT, self.layout)
            .map_err(|errors| last_block(&errors.to_string()))?;
        // SAFETY: the layouts agree, and the library, which is never unloaded, keeps its functions in a static.
        Ok(unsafe { &*self.functions.cast::<T>() })
    }
}

/// The header that a library exports for hosts to find.
pub const fn header<L: Exports>() -> LibHeader {
    // SAFETY: `construct` returns the `RootRef` that the header is declared for.
    unsafe { LibHeader::from_constructor::<RootRef>(construct::<L>, CheckTypeLayout::Yes) }
}

extern "C" fn construct<L: Exports>() -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(|| library::root::<L>().leak_into_prefix())
}

/// A library that is loaded, and stays so for as long as the process.
#[derive(Clone, Copy)]
pub struct LoadedLibrary(Entry);

/// How a library is entered.
#[derive(Clone, Copy)]
enum Entry {
    /// Through the SDK's root module.
    Sdk(RootRef),
    /// Through the C interface.
    C(&'static c::Library),
}

/// Why a library could not be loaded.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The system's loader refused it.
    #[error("the system cannot load it: {reason}")]
    Open {
        /// The loader's words.
        reason: String,
    },
    /// It exports no root module.
    #[error("it exports no plugin; hint: add `export_strategy!` or one of its sisters to the crate")]
    NoRoot,
    /// It was built with another layout of the boundary's types.
    #[error(
        "its {what} has another layout than this host's: {mismatch}; hint: build it again with this host's `heirloom-plugin`"
    )]
    Layout {
        /// Which part.
        what: String,
        /// The innermost mismatch.
        mismatch: String,
    },
    /// It does not have the extension that is wanted.
    #[error("it has {}, this host speaks {}; hint: {}", list(.has), list(.wanted), remedy(.wanted, .has))]
    NoExtension {
        /// The ids of the extensions that would do, the newest first.
        wanted: Vec<String>,
        /// The ids of the same extension in other versions, as the library has them.
        has: Vec<String>,
    },
    /// Its own start failed.
    #[error("it failed to start: {reason}")]
    Start {
        /// Why.
        reason: String,
    },
}

impl LoadedLibrary {
    /// Loads the library at `path`. Loading the same file again gives the same library.
    ///
    /// Run its checks before: this executes the library's code.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        // `RootModule::load_from_file` would return the first plugin ever loaded for every later path.
        let header = match lib_header_from_path(path) {
            Err(error @ LibraryError::GetSymbolError { .. }) => {
                let library = c::Library::load(path)?;
                return library
                    .map(|library| Self(Entry::C(library)))
                    .ok_or_else(|| LoadError::from_library(error, "root module"));
            }
            header => header.map_err(|error| LoadError::from_library(error, "root module"))?,
        };
        let root = header
            .init_root_module::<RootRef>()
            .map_err(|error| LoadError::from_library(error, "root module"))?;
        Ok(Self(Entry::Sdk(root)))
    }

    /// The interface level.
    pub fn interface(&self) -> u32 {
        match self.0 {
            Entry::Sdk(root) => root.interface(),
            Entry::C(library) => library.interface(),
        }
    }

    /// The hash of the embedded record.
    pub fn fingerprint(&self) -> &'static str {
        match self.0 {
            Entry::Sdk(root) => root.fingerprint().as_str(),
            Entry::C(library) => library.fingerprint(),
        }
    }

    /// The manifest's text.
    pub fn manifest(&self) -> &'static str {
        match self.0 {
            Entry::Sdk(root) => root.manifest().as_str(),
            Entry::C(library) => library.manifest(),
        }
    }

    /// Starts the library; to be called once, before its extensions are used.
    pub fn init(&self, log: LogSink) -> Result<(), LoadError> {
        let started = match self.0 {
            Entry::Sdk(root) => from_abi(root.init()(log)),
            Entry::C(library) => {
                library.init(log);
                Ok(())
            }
        };
        started.map_err(|error| LoadError::Start { reason: error.message })
    }

    /// Its strategies.
    pub fn strategies(&self) -> Result<Maker<StrategyExtension>, LoadError> {
        self.maker(STRATEGY_EXTENSION)
    }

    /// Its estimators.
    pub fn estimators(&self) -> Result<Maker<EstimatorExtension>, LoadError> {
        self.maker(ESTIMATOR_EXTENSION)
    }

    /// Its proxies.
    pub fn proxies(&self) -> Result<Maker<ProxyExtension>, LoadError> {
        self.maker(PROXY_EXTENSION)
    }

    fn maker<T: StableAbi>(&self, id: &str) -> Result<Maker<T>, LoadError> {
        match self.0 {
            Entry::Sdk(_) => self.extension(id).map(Maker::Extension),
            Entry::C(library) => self.newest(&[id]).map(|_| Maker::C(library)),
        }
    }

    /// The first of `ids`, the newest first, that the library has too: versions of one extension, each of which this
    /// side can speak.
    pub fn newest<'a>(&self, ids: &[&'a str]) -> Result<&'a str, LoadError> {
        let mut ids_of_both = ids.iter().copied().filter(|id| self.offers(id));
        ids_of_both.next().ok_or_else(|| {
            let names: BTreeSet<_> =
                ids.iter().filter_map(|id| id.split_once('/')).map(|(name, _)| name).collect();
            let versions =
                names.iter().flat_map(|name| (1..=HIGHEST_VERSION).map(move |n| format!("{name}/{n}")));
            LoadError::NoExtension {
                wanted: ids.iter().map(|id| (*id).to_owned()).collect(),
                has: versions.filter(|id| self.offers(id)).collect(),
            }
        })
    }

    /// Whether the library says that it has an extension of this id, whatever its layout.
    pub fn offers(&self, id: &str) -> bool {
        match self.0 {
            Entry::Sdk(root) => root.get_extension()(id.into()).is_some(),
            // What it exports is adapted to the first version of each.
            Entry::C(library) => match id {
                STRATEGY_EXTENSION => library.has(Kind::Strategy),
                ESTIMATOR_EXTENSION => library.has(Kind::Estimator),
                PROXY_EXTENSION => library.has(Kind::Proxy),
                _ => false,
            },
        }
    }

    /// The functions of an extension, after the layout was checked. A library with the C interface has none.
    pub fn extension<T: StableAbi>(&self, id: &str) -> Result<&'static T, LoadError> {
        let id = self.newest(&[id])?;
        let found = match self.0 {
            Entry::Sdk(root) => root.get_extension()(id.into()),
            Entry::C(_) => ROption::RNone,
        };
        match found {
            ROption::RNone => Err(LoadError::NoExtension { wanted: vec![id.into()], has: Vec::new() }),
            ROption::RSome(extension) => extension
                .cast()
                .map_err(|mismatch| LoadError::Layout { what: format!("extension `{id}`"), mismatch }),
        }
    }

    /// Ends the library.
    pub fn deinit(&self) -> Result<(), ComponentError> {
        match self.0 {
            Entry::Sdk(root) => from_abi(root.deinit()()),
            Entry::C(_) => Ok(()),
        }
    }
}

impl LoadError {
    fn from_library(error: LibraryError, what: &str) -> Self {
        match error {
            LibraryError::OpenError { err, .. } => Self::Open { reason: err.to_string() },
            LibraryError::GetSymbolError { .. } => Self::NoRoot,
            LibraryError::AbiInstability(report) => {
                Self::Layout { what: what.into(), mismatch: last_block(&report.to_string()) }
            }
            LibraryError::RootModule { err, .. } => Self::Start { reason: err.to_string() },
            other => Self::Layout { what: what.into(), mismatch: last_block(&other.to_string()) },
        }
    }
}

fn list(ids: &[String]) -> String {
    match ids {
        [] => "no such extension".into(),
        ids => ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" and "),
    }
}

/// What to do where two sides share no version: the older one is to be renewed.
fn remedy(wanted: &[String], has: &[String]) -> &'static str {
    let version = |id: &String| id.split_once('/').and_then(|(_, version)| version.parse::<u32>().ok());
    let newest = |ids: &[String]| ids.iter().filter_map(version).max();
    if newest(has) > newest(wanted) {
        "update Heirloom, or install an older version of the plugin"
    } else {
        "build it again with this host's `heirloom-plugin`, or install a newer version of the plugin"
    }
}

/// The end of a mismatch report, in one line. The report runs to hundreds of lines, from the outermost type to the
/// innermost; only the last block says what differs.
fn last_block(report: &str) -> String {
    let blocks = report.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    let last = blocks.last().unwrap_or_default();
    let lines: Vec<_> = last.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

#[cfg(test)]
crate::layout::crossing! {
    Root { interface, fingerprint, manifest, init, get_extension, deinit }
    Extension { layout, functions }
}
