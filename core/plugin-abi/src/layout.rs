//! The layout of everything that crosses the boundary, held against the one that was published.
//!
//! A line of `layout.txt` never changes: a plugin that was built with it may be loaded by any later host. New lines
//! are what a new extension brings.

use std::any::type_name;
use std::fmt::Write as _;
use std::path::Path;

use abi_stable::std_types::{ROption, RSlice, RSliceMut, RStr, RString, RVec};
use heirloom_model::{ComponentError, ComponentErrorKind, FailureKind, Verdict};

use crate::columns::{
    Ask, Knowledge, Observations, Outcomes, Proposals, Report, Requests, Scoring, Texts, Trials,
};
use crate::{
    AbiError, AbiResult, ESTIMATOR_EXTENSION, EstimatorObject, Extension, Kind, LibHeader, PROXY_EXTENSION,
    ProxyObject, RootRef, STRATEGY_EXTENSION, StrategyObject, embed, verdict_code,
};

/// One type: where its fields are.
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    pub(crate) size: usize,
    pub(crate) align: usize,
    /// Name, offset, size, type.
    pub(crate) fields: Vec<(&'static str, usize, usize, &'static str)>,
}

/// A field's size and type, from a function that finds it.
pub(crate) fn field<T, F>(_: fn(&T) -> &F) -> (usize, &'static str) {
    (size_of::<F>(), type_name::<F>())
}

/// `layouts()` of a module: the layouts of types with all their fields, private ones too. A field that is left out
/// does not compile.
macro_rules! crossing {
    ($($type:ident { $($field:tt),* $(,)? })*) => {
        pub(crate) fn layouts() -> Vec<$crate::layout::Layout> {
            vec![$({
                #[allow(dead_code, reason = "it only has to compile")]
                fn has_no_other_field(value: &$type) {
                    let $type { $($field: _),* } = value;
                }
                $crate::layout::Layout {
                    name: stringify!($type),
                    size: size_of::<$type>(),
                    align: align_of::<$type>(),
                    fields: vec![$({
                        let (size, name) = $crate::layout::field(|value: &$type| &value.$field);
                        (stringify!($field), std::mem::offset_of!($type, $field), size, name)
                    }),*],
                }
            }),*]
        }
    };
}
pub(crate) use crossing;

mod columns {
    use super::*;

    crossing! {
        Trials { ids, configurations, fidelities }
        Ask { n, first_trial, seed, pending }
        Proposals { n, configurations, fidelities, parents, continues }
        Observations { trials, objectives, failures, costs }
        Report { trial, fidelity, step, objectives, cost }
        Knowledge { configurations, scores, weights }
        Requests { trials, attempts, parents, continues, seeds, seconds, memory, threads, folders }
        Outcomes {
            failures, messages, objectives, costs, stopped, curve_ends, curve_steps, curve_objectives, curve_costs,
            metric_ends, metric_names, metric_values,
        }
        Scoring { n, seed, configurations }
        Texts { bytes, ends }
    }
}

/// A type's name as it is written in this crate: without modules and lifetimes.
fn short(name: &str) -> String {
    let mut shortened = String::new();
    let mut word = String::new();
    for letter in name.chars().chain([' ']) {
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter);
        } else if letter == ':' {
            // What stood before is a module's name.
            word.clear();
        } else {
            shortened.push_str(&word);
            word.clear();
            shortened.push(letter);
        }
    }
    let mut text = shortened.trim().to_owned();
    for noise in ["'static ", "'_ ", "<'_>", "'_, "] {
        text = text.replace(noise, "");
    }
    // `for<'a, 'b> …` and the names it gives.
    while let Some(start) = text.find("for<") {
        let end = text[start..].find("> ").map_or(text.len(), |end| start + end + 2);
        text.replace_range(start..end, "");
    }
    while let Some(start) = text.find('\'') {
        let end = text[start + 1..].find(|c: char| !c.is_alphanumeric() && c != '_');
        let mut end = end.map_or(text.len(), |end| start + 1 + end);
        if text[end..].starts_with(", ") {
            end += 2;
        } else if text[end..].starts_with(' ') {
            end += 1;
        }
        text.replace_range(start..end, "");
    }
    // C's `char` has a sign on some targets and none on others.
    text.replace("<>", "").replace("i8", "u8")
}

macro_rules! sizes {
    ($out:ident: $($type:ty),+ $(,)?) => {$(
        let name = short(type_name::<$type>());
        let _ = writeln!($out, "{name}: size {}, align {}", size_of::<$type>(), align_of::<$type>());
    )+};
}

/// The text of `layout.txt`.
fn described() -> String {
    let mut out =
        String::from("# Written by the tests of heirloom-plugin-abi; what a line means: see src/layout.rs\n");
    let modules = [
        crate::root::layouts(),
        crate::error::layouts(),
        crate::guard::layouts(),
        crate::log::layouts(),
        crate::host::layouts(),
        crate::strategy::layouts(),
        crate::estimator::layouts(),
        crate::proxy::layouts(),
        columns::layouts(),
        crate::c::table::layouts(),
    ];
    for Layout { name, size, align, fields } in modules.into_iter().flatten() {
        let _ = writeln!(out, "\n{name}: size {size}, align {align}");
        for (name, offset, size, kind) in fields {
            let _ = writeln!(out, "  {offset:>3} {name}: {} ({size})", short(kind));
        }
    }
    out.push('\n');
    sizes! {
        out: bool, RVec<u8>, RVec<u64>, RVec<f64>, RString, RStr<'static>, RSlice<'static, u8>, RSlice<'static, f64>,
        RSliceMut<'static, f64>, ROption<u64>, ROption<RVec<u8>>, ROption<Extension>, AbiResult<()>, AbiResult<u8>,
        AbiResult<bool>, AbiResult<RVec<u8>>, AbiResult<ROption<u64>>, AbiResult<ROption<RVec<u8>>>,
        AbiResult<Proposals>, AbiResult<Outcomes>, AbiResult<StrategyObject>, AbiResult<EstimatorObject>,
        AbiResult<ProxyObject>, RootRef, LibHeader,
    }
    let _ = writeln!(out, "\nextensions: {STRATEGY_EXTENSION}, {ESTIMATOR_EXTENSION}, {PROXY_EXTENSION}");
    let _ = writeln!(out, "record begins with: {}", String::from_utf8_lossy(embed::MAGIC));
    let kinds = [Kind::Strategy, Kind::Estimator, Kind::Proxy].map(Kind::as_str);
    let _ = writeln!(out, "kinds: {}", kinds.join(", "));
    let verdicts = [Verdict::Continue, Verdict::Stop, Verdict::Pause];
    let _ = writeln!(
        out,
        "verdicts: {}",
        list(verdicts.map(|verdict| (format!("{verdict:?}"), verdict_code(verdict))))
    );
    let failures = FailureKind::ALL.map(|kind| (kind.to_string(), kind.code()));
    let _ = writeln!(out, "failures: {}", list(failures));
    let errors = [
        ComponentErrorKind::Configuration,
        ComponentErrorKind::Unsupported,
        ComponentErrorKind::Failed,
        ComponentErrorKind::Panicked,
        ComponentErrorKind::Crashed,
    ];
    let code = |kind| (format!("{kind:?}"), AbiError::from(ComponentError::new(kind, "")).code());
    let _ = writeln!(out, "errors: {}", list(errors.map(code)));
    out
}

fn list<const N: usize>(codes: [(String, u8); N]) -> String {
    codes.map(|(name, code)| format!("{name} {code}")).join(", ")
}

#[test]
#[cfg(target_pointer_width = "64")]
fn nothing_that_was_published_has_changed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("layout.txt");
    let described = described();
    if std::env::var_os("HEIRLOOM_BLESS").is_some() {
        std::fs::write(&path, &described).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    let differing = published.lines().zip(described.lines()).find(|(published, now)| published != now);
    assert_eq!(
        published, described,
        "first at {differing:?}: plugins that are built already would be misread; hint: leave the published extension as \
         it is and make a new version of it; HEIRLOOM_BLESS=1 writes the lines of a new one"
    );
}

#[test]
fn names_are_shortened() {
    let name = "for<'a, 'b> unsafe extern \"C\" fn(a::b::Handle, &'a c::Ask, d::RSlice<'b, u8>) -> e::RResult<f::X, ()>";
    assert_eq!(short(name), "unsafe extern \"C\" fn(Handle, &Ask, RSlice<u8>) -> RResult<X, ()>");
}
