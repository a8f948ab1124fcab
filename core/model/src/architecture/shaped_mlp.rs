//! Multi-layer perceptrons of a shape, plain or residual: Auto-PyTorch Tabular (Zimmer, Lindauer & Hutter 2021).

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::space::{ConditionSpec, Configuration, ParameterSpec, Space, SpaceError};

use super::parameters::{Chosen, Parameters, is};
use super::{ArchitectureGraph, Node, check_size, size};

mod widths;
pub use widths::MlpShape;

/// A multi-layer perceptron whose widths follow a shape, with or without residual blocks.
///
/// ```toml
/// [architecture]
/// kind = "shaped-mlp"
/// n_layers = [1, 5]
/// max_units = [16, 512]
/// shapes = ["funnel", "diamond", "brick"]
/// activations = ["relu", "gelu"]
/// batch_norm = [false, true]
/// dropout = [0.0, 0.5]
/// residual = [false, true]
/// ```
///
/// Every field has a default, ranges are given as lowest and highest. Compiles to `residual`, `n_layers` (plain) or
/// `n_groups` and `blocks_per_group` (residual), `shape`, `max_units`, `narrowest` (not for bricks), `activation`,
/// `batch_norm`, `use_dropout` and `dropout`; what has one value only is no parameter.
///
/// A plain layer is `linear {units}`, `batch_norm`, the activation, `dropout {rate}`; its width is that of
/// [`MlpShape::widths`]. A residual network is a `linear` of the first width and groups of the next ones; a block of
/// a group is `batch_norm`, the activation, `linear`, `batch_norm`, the activation, `dropout`, `linear`, added to its
/// input (He et al. 2016, "Identity Mappings", as in Auto-PyTorch); where the width changes, the input is added
/// through a `linear` of its own behind the first activation. A last `batch_norm` and activation follow. `batch_norm`
/// and `dropout` stand only where chosen. The layer that gives the answer is no part of the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShapedMlp {
    /// Fewest and most layers of a plain network.
    pub n_layers: [i64; 2],
    /// Fewest and most groups of a residual network.
    pub n_groups: [i64; 2],
    /// Fewest and most blocks of a group.
    pub blocks_per_group: [i64; 2],
    /// Least and most units of the widest layer; ratios count.
    pub max_units: [i64; 2],
    /// Least and most units of the narrow end, as a share of the widest layer's.
    pub narrowest: [f64; 2],
    /// The shapes to choose from.
    pub shapes: Vec<MlpShape>,
    /// The activations to choose from: `relu`, `gelu`, `silu`, `tanh`, `sigmoid`, `leaky_relu`, `relu6`.
    pub activations: Vec<String>,
    /// Whether batch normalisation is used: one of both, or both to choose from.
    pub batch_norm: Vec<bool>,
    /// Whether dropout is used.
    pub use_dropout: Vec<bool>,
    /// Least and most of the share that dropout sets to zero.
    pub dropout: [f64; 2],
    /// Whether the network is residual.
    pub residual: Vec<bool>,
}

impl Default for ShapedMlp {
    /// Auto-PyTorch's shapes, layers and blocks; batch normalisation to choose, dropout up to one half.
    fn default() -> Self {
        Self {
            n_layers: [1, 5],
            n_groups: [1, 5],
            blocks_per_group: [1, 3],
            max_units: [16, 512],
            narrowest: [0.25, 0.25],
            shapes: MlpShape::ALL.to_vec(),
            activations: ["relu", "gelu", "tanh", "leaky_relu"].map(String::from).to_vec(),
            batch_norm: vec![false, true],
            use_dropout: vec![true],
            dropout: [0.0, 0.5],
            residual: vec![false],
        }
    }
}

const ACTIVATIONS: [&str; 7] = ["relu", "gelu", "silu", "tanh", "sigmoid", "leaky_relu", "relu6"];
const LINEAR: &str = "linear";
const BATCH_NORM: &str = "batch_norm";
const DROPOUT: &str = "dropout";

impl ShapedMlp {
    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        self.check()?;
        let when_residual = |residual: bool| -> Vec<ConditionSpec> {
            if self.residual.len() > 1 { vec![is("residual", residual)] } else { Vec::new() }
        };
        let mut all = Parameters::default();
        all.choice("residual", self.residual.iter().copied(), &[]);
        if self.residual.contains(&false) {
            all.int("n_layers", self.n_layers, false, &when_residual(false));
        }
        if self.residual.contains(&true) {
            all.int("n_groups", self.n_groups, false, &when_residual(true));
            all.int("blocks_per_group", self.blocks_per_group, false, &when_residual(true));
        }
        all.choice("shape", self.shapes.iter().map(|shape| shape.name()), &[]);
        all.int("max_units", self.max_units, true, &[]);
        let narrow: Vec<Value> = self.narrow_shapes().map(|shape| shape.name().into()).collect();
        if !narrow.is_empty() {
            let needed = narrow.len() < self.shapes.len();
            let when = ConditionSpec::In { parameter: "shape".into(), one_of: narrow };
            all.float("narrowest", self.narrowest, if needed { std::slice::from_ref(&when) } else { &[] });
        }
        all.choice("activation", self.activations.iter().map(String::as_str), &[]);
        all.choice("batch_norm", self.batch_norm.iter().copied(), &[]);
        all.choice("use_dropout", self.use_dropout.iter().copied(), &[]);
        if self.use_dropout.contains(&true) {
            let when = is("use_dropout", true);
            let is_choice = self.use_dropout.len() > 1;
            all.float("dropout", self.dropout, if is_choice { std::slice::from_ref(&when) } else { &[] });
        }
        Ok(all.finish())
    }

    pub(super) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        space.architecture_values(configuration)?;
        let chosen = Chosen { space, configuration };
        let shape = chosen.text("shape", self.shapes[0].name());
        let shape = MlpShape::ALL.into_iter().find(|known| known.name() == shape).unwrap_or(self.shapes[0]);
        let max_units = chosen.int("max_units", self.max_units[0]);
        let narrowest = chosen.float("narrowest", self.narrowest[0]);
        let uses_dropout = chosen.flag("use_dropout", self.use_dropout[0]);
        let mut layers = Layers {
            graph: ArchitectureGraph::with_input(),
            last: 0,
            activation: chosen.text("activation", &self.activations[0]),
            batch_norm: chosen.flag("batch_norm", self.batch_norm[0]),
            dropout: if uses_dropout { chosen.float("dropout", self.dropout[0]) } else { 0.0 },
        };
        let widths = |n: i64| shape.widths(n as usize, max_units, narrowest);
        if chosen.flag("residual", self.residual[0]) {
            let widths = widths(chosen.int("n_groups", self.n_groups[0]) + 1);
            let n_blocks = chosen.int("blocks_per_group", self.blocks_per_group[0]);
            layers.linear(widths[0]);
            for group in widths.windows(2) {
                layers.block(group[0], group[1]);
                (1..n_blocks).for_each(|_| layers.block(group[1], group[1]));
            }
            layers.activate();
        } else {
            for units in widths(chosen.int("n_layers", self.n_layers[0])) {
                layers.linear(units);
                layers.activate();
                layers.drop_out();
            }
        }
        let Layers { mut graph, last, .. } = layers;
        graph.add(Node::new(Node::OUTPUT), &[last]);
        Ok(graph)
    }

    /// Operations that a graph may hold.
    pub(super) fn operations(&self) -> Vec<String> {
        let mut all = vec![LINEAR.to_owned()];
        all.extend(self.activations.iter().cloned());
        if self.batch_norm.contains(&true) {
            all.push(BATCH_NORM.into());
        }
        if self.use_dropout.contains(&true) && self.dropout[1] > 0.0 {
            all.push(DROPOUT.into());
        }
        all
    }

    /// Operations on the longest path.
    pub(super) fn max_length(&self) -> usize {
        let plain = if self.residual.contains(&false) { size(self.n_layers[1]).saturating_mul(4) } else { 0 };
        let n_blocks = size(self.n_groups[1]).saturating_mul(size(self.blocks_per_group[1]));
        let residual =
            if self.residual.contains(&true) { n_blocks.saturating_mul(7).saturating_add(3) } else { 0 };
        plain.max(residual)
    }

    /// The shapes that have a narrow end.
    fn narrow_shapes(&self) -> impl Iterator<Item = &MlpShape> {
        self.shapes.iter().filter(|&&shape| shape != MlpShape::Brick)
    }

    fn check(&self) -> Result<(), SpaceError> {
        let ranges = [
            ("n_layers", self.n_layers),
            ("n_groups", self.n_groups),
            ("blocks_per_group", self.blocks_per_group),
            ("max_units", self.max_units),
        ];
        let shares = [("narrowest", self.narrowest), ("dropout", self.dropout)];
        let flags = [
            ("batch_norm", &self.batch_norm),
            ("use_dropout", &self.use_dropout),
            ("residual", &self.residual),
        ];
        let problem = if let Some((name, [low, high])) =
            ranges.into_iter().find(|(_, [low, high])| *low < 1 || low > high)
        {
            format!("`{name} = [{low}, {high}]`; hint: give the lowest, at least 1, and the highest")
        } else if let Some((name, [low, high])) =
            shares.into_iter().find(|(_, [low, high])| !(0.0 <= *low && low <= high && *high <= 1.0))
        {
            format!("`{name} = [{low}, {high}]`; hint: give the lowest and the highest share, from 0 to 1")
        } else if self.dropout[1] >= 1.0 {
            "`dropout` up to 1 leaves nothing; hint: end below 1".into()
        } else if let Some((name, _)) = flags.into_iter().find(|(_, values)| values.is_empty()) {
            format!("`{name}` is empty; hint: give `[false]`, `[true]` or `[false, true]`")
        } else if self.shapes.is_empty() || self.activations.is_empty() {
            "no `shapes` or no `activations`; hint: give at least one of each, or leave them out".into()
        } else if let Some(name) = self.activations.iter().find(|name| !ACTIVATIONS.contains(&name.as_str()))
        {
            format!("`{name}` is no activation; hint: use one of `{}`", ACTIVATIONS.join("`, `"))
        } else {
            return check_size(self.max_length(), "lower `n_layers`, or `n_groups` and `blocks_per_group`");
        };
        Err(SpaceError::BadArchitecture { problem })
    }
}

/// A network that grows at its end.
struct Layers {
    graph: ArchitectureGraph,
    last: usize,
    activation: String,
    batch_norm: bool,
    dropout: f64,
}

impl Layers {
    fn append(&mut self, node: Node) {
        self.last = self.graph.add(node, &[self.last]);
    }

    fn linear(&mut self, units: i64) {
        self.append(Node::new(LINEAR).with("units", units));
    }

    fn activate(&mut self) {
        if self.batch_norm {
            self.append(Node::new(BATCH_NORM));
        }
        self.append(Node::new(self.activation.clone()));
    }

    fn drop_out(&mut self) {
        if self.dropout > 0.0 {
            self.append(Node::new(DROPOUT).with("rate", self.dropout));
        }
    }

    fn block(&mut self, inputs: i64, outputs: i64) {
        let mut shortcut = self.last;
        self.activate();
        if inputs != outputs {
            let projection = Node::new(LINEAR).with("units", outputs);
            shortcut = self.graph.add(projection, &[self.last]);
        }
        self.linear(outputs);
        self.activate();
        self.drop_out();
        self.linear(outputs);
        self.last = self.graph.add(Node::new(Node::SUM), &[shortcut, self.last]);
    }
}

#[cfg(test)]
mod tests;
