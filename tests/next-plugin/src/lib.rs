//! A plugin that has `strategy/2` alone: the author has left older hosts behind.
//!
//! It is put together by hand from the boundary's parts, because the export macro knows no extension that is yet to
//! come.

#![allow(missing_docs, reason = "the attribute macro makes a static without")]
#![allow(
    unsafe_code,
    reason = "exports the symbol and the section that the export macro makes in other plugins"
)]

use abi_stable::export_root_module;
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::{ROption, RStr};
use heirloom_next_interface::{NEXT_STRATEGIES, NEXT_STRATEGY_EXTENSION, drawing};
use heirloom_plugin_abi::embed::{record, record_length};
use heirloom_plugin_abi::{Component, Exports, Extension, Factory, Root, RootRef, root};

enum Next {}

impl Exports for Next {
    const COMPONENTS: &'static [Component] = &[Component {
        name: "next",
        schema: r#""type":"object","properties":{},"additionalProperties":false"#,
        factory: Factory::Strategy(|_, problem, _| drawing(problem)),
    }];
    const RECORD: &'static [u8] = &RECORD;
}

const MANIFEST: &str = include_str!("../plugin.toml");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const LENGTH: usize = record_length(Next::COMPONENTS, VERSION, MANIFEST);

#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__heirloom"))]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".heirloom"))]
#[used]
static RECORD: [u8; LENGTH] = record(Next::COMPONENTS, VERSION, MANIFEST);

extern "C" fn get_extension(id: RStr<'_>) -> ROption<Extension> {
    match id.as_str() {
        NEXT_STRATEGY_EXTENSION => ROption::RSome(Extension::new(&NEXT_STRATEGIES)),
        _ => ROption::RNone,
    }
}

/// The root module.
#[export_root_module]
pub fn next_root() -> RootRef {
    Root { get_extension, ..root::<Next>() }.leak_into_prefix()
}
