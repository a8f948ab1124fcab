//! Published spaces, by name.

use crate::architecture::{ArchitectureSpec, EdgeCell, LinkedCell, MacroShape, NodeCell, ShapedMlp};

use super::SpaceSpec;

impl SpaceSpec {
    /// The names that [`preset`](Self::preset) knows.
    pub const PRESETS: [&'static str; 5] =
        ["nas-bench-101", "nas-bench-201", "nas-bench-graph", "nas-bench-macro", "shaped-mlp"];

    /// The space of a published benchmark or search; `None` for a name that is not in [`PRESETS`](Self::PRESETS).
    ///
    /// | name | architectures | source |
    /// |---|---|---|
    /// | `nas-bench-101` | 423,624 unique cells of at most 7 nodes with operations and 9 edges | Ying et al. 2019 |
    /// | `nas-bench-201` | 15,625 cells with operations on 6 edges | Dong & Yang 2020 |
    /// | `nas-bench-graph` | 9 shapes of 4 nodes with 9 operations | Qin et al. 2022 |
    /// | `nas-bench-macro` | 6,561 networks of 8 layers with 3 operations | Su et al. 2021 |
    /// | `shaped-mlp` | perceptrons of 1 to 5 layers and 7 shapes, see [`ShapedMlp`] | Zimmer et al. 2021 |
    pub fn preset(name: &str) -> Option<Self> {
        let architecture = match name {
            "nas-bench-101" => ArchitectureSpec::NodeCell(NodeCell::nas_bench_101()),
            "nas-bench-201" => ArchitectureSpec::EdgeCell(EdgeCell::nas_bench_201()),
            "nas-bench-graph" => ArchitectureSpec::LinkedCell(LinkedCell::nas_bench_graph()),
            "nas-bench-macro" => ArchitectureSpec::Macro(MacroShape::nas_bench_macro()),
            "shaped-mlp" => ArchitectureSpec::ShapedMlp(ShapedMlp::default()),
            _ => return None,
        };
        Some(Self { name: name.into(), architecture: Some(architecture), ..Self::default() })
    }
}
