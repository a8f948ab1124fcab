//! The export line: what makes a crate of components a plugin.

/// Exports strategies: `export_strategy!("name" => function)`, several separated by commas.
///
/// Each function is a `fn(Options, &Problem, &Context) -> Result<Box<dyn Strategy>, ComponentError>` with `Options`
/// any type that derives [`PluginOptions`](crate::PluginOptions). Each name stands in the crate's `plugin.toml` too.
#[macro_export]
macro_rules! export_strategy {
    ($($name:literal => $make:path),+ $(,)?) => {
        $crate::export_plugin! { strategies: { $($name => $make),+ } }
    };
}

/// Exports estimators: `export_estimator!("name" => function)`, several separated by commas.
///
/// Each function is a `fn(Options, Option<&Arc<Space>>, &Context) -> Result<Box<dyn Estimator>, ComponentError>`:
/// it gets the run file's space, where that has one.
#[macro_export]
macro_rules! export_estimator {
    ($($name:literal => $make:path),+ $(,)?) => {
        $crate::export_plugin! { estimators: { $($name => $make),+ } }
    };
}

/// Exports proxies: `export_proxy!("name" => function)`, several separated by commas.
///
/// Each function is a `fn(Options, &Problem, &Context) -> Result<Box<dyn Proxy>, ComponentError>`.
#[macro_export]
macro_rules! export_proxy {
    ($($name:literal => $make:path),+ $(,)?) => {
        $crate::export_plugin! { proxies: { $($name => $make),+ } }
    };
}

/// Exports components of several kinds from one library:
/// `export_plugin! { strategies: { "name" => function }, estimators: { … }, proxies: { … } }`, each part optional.
#[macro_export]
macro_rules! export_plugin {
    (
        $(strategies: { $($strategy:literal => $make_strategy:path),+ $(,)? } $(,)?)?
        $(estimators: { $($estimator:literal => $make_estimator:path),+ $(,)? } $(,)?)?
        $(proxies: { $($proxy:literal => $make_proxy:path),+ $(,)? } $(,)?)?
    ) => {
        const _: () = {
            use $crate::__private as private;

            #[cfg(panic = "abort")]
            ::core::compile_error!(
                "a plugin cannot be built with `panic = \"abort\"`: a panic would end its host; \
                 hint: remove it from the profile"
            );

            const COMPONENTS: &[private::Component] = &[
                $($($crate::__component!(strategy, Strategy, $strategy, $make_strategy),)+)?
                $($($crate::__component!(estimator, Estimator, $estimator, $make_estimator),)+)?
                $($($crate::__component!(proxy, Proxy, $proxy, $make_proxy),)+)?
            ];
            const VERSION: &str = ::core::env!("CARGO_PKG_VERSION");
            const MANIFEST: &str =
                ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/plugin.toml"));
            const LENGTH: usize = private::record_length(COMPONENTS, VERSION, MANIFEST);

            #[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__heirloom"))]
            #[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".heirloom"))]
            #[used]
            static RECORD: [u8; LENGTH] = private::record(COMPONENTS, VERSION, MANIFEST);

            enum Library {}

            impl private::Exports for Library {
                const COMPONENTS: &'static [private::Component] = COMPONENTS;
                const RECORD: &'static [u8] = &RECORD;
            }

            // The name under which `abi_stable` looks for a library's header.
            #[unsafe(no_mangle)]
            pub static _1as_0lib_1header_0root_bmodule_bloader: private::LibHeader =
                private::header::<Library>();
        };
    };
}

/// One [`Component`](heirloom_plugin_abi::Component) from the function that makes it.
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ($kind:ident, $Kind:ident, $name:literal, $make:path) => {
        $crate::__private::Component {
            name: $name,
            schema: $crate::__private::$kind($make),
            factory: $crate::__private::Factory::$Kind(|options, subject, context| {
                $make($crate::PluginOptions::from_json(options)?, subject, context)
            }),
        }
    };
}

use std::sync::Arc;

use heirloom_model::{ComponentError, Estimator, Problem, Proxy, Space, Strategy};
use heirloom_plugin_abi::{Context, Kind};

use crate::PluginOptions;

type Made<T> = Result<Box<T>, ComponentError>;

type MakeEstimator<O> = fn(O, Option<&Arc<Space>>, &Context) -> Made<dyn Estimator>;

/// Options that could not be set beside the host's own keys do not compile.
const fn check_names<O: PluginOptions>(kind: Kind) {
    let mut index = 0;
    while index < O::NAMES.len() {
        assert!(
            !kind.reserves(O::NAMES[index]),
            "`name`, and in a proxy's table `keep`, is a key of the run file's own: an option of this name could not be set; \
             hint: rename it"
        );
        index += 1;
    }
}

/// The schema of the options that a function takes which makes a strategy.
pub const fn strategy<O: PluginOptions>(_: fn(O, &Problem, &Context) -> Made<dyn Strategy>) -> &'static str {
    check_names::<O>(Kind::Strategy);
    O::SCHEMA
}

/// The schema of the options that a function takes which makes an estimator.
pub const fn estimator<O: PluginOptions>(_: MakeEstimator<O>) -> &'static str {
    check_names::<O>(Kind::Estimator);
    O::SCHEMA
}

/// The schema of the options that a function takes which makes a proxy.
pub const fn proxy<O: PluginOptions>(_: fn(O, &Problem, &Context) -> Made<dyn Proxy>) -> &'static str {
    check_names::<O>(Kind::Proxy);
    O::SCHEMA
}
