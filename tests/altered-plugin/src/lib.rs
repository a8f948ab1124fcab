//! A plugin whose boundary types have another layout: its `strategy/1` has a field more than the published one, as
//! if it had been built from a changed copy of `heirloom-plugin-abi` without a new version in the id.
//!
//! It is put together by hand from the boundary's parts, because the export macro makes no such library.

#![allow(missing_docs, reason = "the attribute macro makes a static without")]
#![allow(
    unsafe_code,
    reason = "exports the symbol and the section that the export macro makes in other plugins"
)]

use abi_stable::StableAbi;
use abi_stable::export_root_module;
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::{ROption, RStr};
use heirloom_plugin_abi::embed::{record, record_length};
use heirloom_plugin_abi::{Component, Exports, Extension, Factory, Root, RootRef, root};

/// The changed extension.
#[repr(C)]
#[derive(StableAbi)]
struct StrategyExtension {
    create: extern "C" fn() -> u32,
    added: u64,
}

static ALTERED: StrategyExtension = StrategyExtension { create, added: 0 };

extern "C" fn create() -> u32 {
    0
}

enum Altered {}

impl Exports for Altered {
    const COMPONENTS: &'static [Component] = &[Component {
        name: "altered",
        schema: r#""type":"object","properties":{},"additionalProperties":false"#,
        factory: Factory::Strategy(|_, _, _| unreachable!("the host refuses the extension")),
    }];
    const RECORD: &'static [u8] = &RECORD;
}

const MANIFEST: &str = include_str!("../plugin.toml");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const LENGTH: usize = record_length(Altered::COMPONENTS, VERSION, MANIFEST);

#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__heirloom"))]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".heirloom"))]
#[used]
static RECORD: [u8; LENGTH] = record(Altered::COMPONENTS, VERSION, MANIFEST);

extern "C" fn get_extension(_: RStr<'_>) -> ROption<Extension> {
    ROption::RSome(Extension::new(&ALTERED))
}

/// The root module, whose one extension is the changed one.
#[export_root_module]
pub fn altered_root() -> RootRef {
    Root { get_extension, ..root::<Altered>() }.leak_into_prefix()
}
