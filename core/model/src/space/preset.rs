//! Published spaces, by name.

use crate::architecture::{
    ArchitectureSpec, EdgeCell, Hierarchical, LinkedCell, MacroShape, NodeCell, PairedCells, ResolutionPath,
    ShapedMlp,
};

use super::spec::{ParameterSpec, ParameterType};
use super::{ConditionSpec, SpaceSpec};
use crate::Value;

impl SpaceSpec {
    /// The names that [`preset`](Self::preset) knows.
    pub const PRESETS: [&'static str; 12] = [
        "amoebanet",
        "auto-deeplab",
        "darts",
        "hierarchical",
        "image-cells",
        "nas-bench-101",
        "nas-bench-201",
        "nas-bench-graph",
        "nas-bench-macro",
        "nasnet",
        "shaped-mlp",
        "tabular-mlp",
    ];

    /// The space of a published benchmark or search; `None` for a name that is not in [`PRESETS`](Self::PRESETS).
    ///
    /// | name | architectures | source |
    /// |---|---|---|
    /// | `amoebanet` | NASNet's pairs of cells with 8 operations | Real et al. 2019 |
    /// | `auto-deeplab` | 12 layers at levels of resolution from 4 to 32 | Liu et al. 2019 |
    /// | `darts` | pairs of cells of 4 nodes with 7 operations, about 10¹⁸ | Liu, Simonyan & Yang 2019 |
    /// | `hierarchical` | 6 motifs of 4 nodes with 6 operations, an architecture of 5 nodes | Liu et al. 2018 |
    /// | `image-cells` | NAS-Bench-201's cells in 1 to 3 small stages, joint with their training | after Dong & Yang 2020 |
    /// | `nas-bench-101` | 423,624 unique cells of at most 7 nodes with operations and 9 edges | Ying et al. 2019 |
    /// | `nas-bench-201` | 15,625 cells with operations on 6 edges | Dong & Yang 2020 |
    /// | `nas-bench-graph` | 9 shapes of 4 nodes with 9 operations | Qin et al. 2022 |
    /// | `nas-bench-macro` | 6,561 networks of 8 layers with 3 operations | Su et al. 2021 |
    /// | `nasnet` | pairs of cells of 5 nodes with 13 operations | Zoph et al. 2018 |
    /// | `shaped-mlp` | perceptrons of 1 to 5 layers and 7 shapes, see [`ShapedMlp`] | Zimmer et al. 2021 |
    /// | `tabular-mlp` | the same, 1 to 4 layers or 1 to 2 residual groups, joint with their training | after Zimmer et al. 2021 |
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "image-cells" => return Some(image_cells()),
            "tabular-mlp" => return Some(tabular_mlp()),
            _ => {}
        }
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

/// Perceptrons joint with their training: what `meta-data/seed/tabular-mlp` was trained over.
fn tabular_mlp() -> SpaceSpec {
    let sgd = ConditionSpec::Is { parameter: "optimizer".into(), is: "sgd".into() };
    let parameters = vec![
        choice("optimizer", &["adamw", "sgd"]),
        float("learning_rate", 1e-4, 1e-1, true),
        ParameterSpec { when: Some(sgd), ..float("momentum", 0.1, 0.99, false) },
        float("weight_decay", 1e-6, 1e-1, true),
        int("batch_size", 16, 256, true),
        choice("schedule", &["cosine", "one-cycle", "constant"]),
        float("label_smoothing", 0.0, 0.2, false),
        flag("class_weights"),
    ];
    let architecture = ShapedMlp {
        n_layers: [1, 4],
        n_groups: [1, 2],
        blocks_per_group: [1, 2],
        max_units: [16, 256],
        residual: vec![false, true],
        ..ShapedMlp::default()
    };
    SpaceSpec {
        name: "tabular-mlp".into(),
        parameters,
        architecture: Some(ArchitectureSpec::ShapedMlp(architecture)),
        ..SpaceSpec::default()
    }
}

/// Networks of cells that train in seconds on small images, joint with their training: what
/// `meta-data/seed/image-cells` trains over. Convolutions come first, so that the default is no empty cell.
fn image_cells() -> SpaceSpec {
    let parameters = vec![
        choice("optimizer", &["adamw", "sgd"]),
        float("learning_rate", 5e-4, 1e-1, true),
        float("weight_decay", 1e-6, 1e-1, true),
        int("batch_size", 16, 128, true),
        choice("schedule", &["cosine", "one-cycle", "constant"]),
        float("label_smoothing", 0.0, 0.2, false),
        float("mixup", 0.0, 0.4, false),
        int("cutout", 0, 4, false),
        int("crop", 0, 2, false),
        flag("flip"),
        int("stem_channels", 4, 16, true),
        int("cells_per_stage", 1, 2, false),
        int("n_stages", 1, 3, false),
    ];
    let operations = ["nor_conv_3x3", "skip_connect", "nor_conv_1x1", "avg_pool_3x3", "none"];
    let architecture =
        EdgeCell { operations: operations.map(String::from).to_vec(), ..EdgeCell::nas_bench_201() };
    SpaceSpec {
        name: "image-cells".into(),
        parameters,
        architecture: Some(ArchitectureSpec::EdgeCell(architecture)),
        ..SpaceSpec::default()
    }
}

fn float(name: &str, low: f64, high: f64, log: bool) -> ParameterSpec {
    ParameterSpec::new(name, ParameterType::Float { low, high, log, step: None })
}

fn int(name: &str, low: i64, high: i64, log: bool) -> ParameterSpec {
    ParameterSpec::new(name, ParameterType::Int { low, high, log, step: 1 })
}

fn choice(name: &str, choices: &[&str]) -> ParameterSpec {
    let choices = choices.iter().map(|&choice| choice.into()).collect();
    ParameterSpec::new(name, ParameterType::Categorical { choices })
}

fn flag(name: &str) -> ParameterSpec {
    ParameterSpec::new(
        name,
        ParameterType::Categorical { choices: vec![Value::Bool(false), Value::Bool(true)] },
    )
}
