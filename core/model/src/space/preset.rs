//! Spaces of published benchmarks, by name.

use crate::architecture::{ArchitectureSpec, EdgeCell};

use super::SpaceSpec;

impl SpaceSpec {
    /// The names that [`preset`](Self::preset) knows.
    pub const PRESETS: [&'static str; 1] = ["nas-bench-201"];

    /// The space of a published benchmark; `None` for a name that is not in [`PRESETS`](Self::PRESETS).
    ///
    /// | name | architectures | source |
    /// |---|---|---|
    /// | `nas-bench-201` | 15,625 cells with operations on 6 edges | Dong & Yang 2020 |
    pub fn preset(name: &str) -> Option<Self> {
        let architecture = match name {
            "nas-bench-201" => ArchitectureSpec::EdgeCell(EdgeCell::nas_bench_201()),
            _ => return None,
        };
        Some(Self { name: name.into(), architecture: Some(architecture), ..Self::default() })
    }
}
