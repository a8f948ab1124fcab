//! Published spaces, by name.

use crate::architecture::{
    ArchitectureSpec, EdgeCell, Hierarchical, LinkedCell, MacroShape, NodeCell, PairedCells, ResolutionPath,
    ShapedMlp,
};

use super::SpaceSpec;

impl SpaceSpec {
    /// The names that [`preset`](Self::preset) knows.
    pub const PRESETS: [&'static str; 10] = [
        "amoebanet",
        "auto-deeplab",
        "darts",
        "hierarchical",
        "nas-bench-101",
        "nas-bench-201",
        "nas-bench-graph",
        "nas-bench-macro",
        "nasnet",
        "shaped-mlp",
    ];

    /// The space of a published benchmark or search; `None` for a name that is not in [`PRESETS`](Self::PRESETS).
    ///
    /// | name | architectures | source |
    /// |---|---|---|
    /// | `amoebanet` | NASNet's pairs of cells with 8 operations | Real et al. 2019 |
    /// | `auto-deeplab` | 12 layers at levels of resolution from 4 to 32 | Liu et al. 2019 |
    /// | `darts` | pairs of cells of 4 nodes with 7 operations, about 10¹⁸ | Liu, Simonyan & Yang 2019 |
    /// | `hierarchical` | 6 motifs of 4 nodes with 6 operations, an architecture of 5 nodes | Liu et al. 2018 |
    /// | `nas-bench-101` | 423,624 unique cells of at most 7 nodes with operations and 9 edges | Ying et al. 2019 |
    /// | `nas-bench-201` | 15,625 cells with operations on 6 edges | Dong & Yang 2020 |
    /// | `nas-bench-graph` | 9 shapes of 4 nodes with 9 operations | Qin et al. 2022 |
    /// | `nas-bench-macro` | 6,561 networks of 8 layers with 3 operations | Su et al. 2021 |
    /// | `nasnet` | pairs of cells of 5 nodes with 13 operations | Zoph et al. 2018 |
    /// | `shaped-mlp` | perceptrons of 1 to 5 layers and 7 shapes, see [`ShapedMlp`] | Zimmer et al. 2021 |
    pub fn preset(name: &str) -> Option<Self> {
        let architecture = match name {
            "amoebanet" => ArchitectureSpec::PairedCells(PairedCells::amoebanet()),
            "auto-deeplab" => ArchitectureSpec::ResolutionPath(ResolutionPath::auto_deeplab()),
            "darts" => ArchitectureSpec::PairedCells(PairedCells::darts()),
            "hierarchical" => ArchitectureSpec::Hierarchical(Hierarchical::liu_2018()),
            "nas-bench-101" => ArchitectureSpec::NodeCell(NodeCell::nas_bench_101()),
            "nas-bench-201" => ArchitectureSpec::EdgeCell(EdgeCell::nas_bench_201()),
            "nas-bench-graph" => ArchitectureSpec::LinkedCell(LinkedCell::nas_bench_graph()),
            "nas-bench-macro" => ArchitectureSpec::Macro(MacroShape::nas_bench_macro()),
            "nasnet" => ArchitectureSpec::PairedCells(PairedCells::nasnet()),
            "shaped-mlp" => ArchitectureSpec::ShapedMlp(ShapedMlp::default()),
            _ => return None,
        };
        Some(Self { name: name.into(), architecture: Some(architecture), ..Self::default() })
    }
}
