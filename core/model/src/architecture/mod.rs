//! Architectures: the graph that a configuration decodes to, and the families of spaces that decode to one.
//!
//! A family is a description (a variant of [`ArchitectureSpec`]) that compiles to parameters and knows how to read
//! a configuration of them as an [`ArchitectureGraph`]. Strategies see parameters; what trains or scores a network
//! sees the graph.

mod graph;
pub use graph::{ArchitectureGraph, Node};

mod canonical;
pub use canonical::ArchitectureKey;

mod encoding;
pub use encoding::PathEncoding;

mod text;

mod parameters;

mod edge_cell;
pub use edge_cell::EdgeCell;

mod node_cell;
pub use node_cell::NodeCell;

mod linked_cell;
pub use linked_cell::LinkedCell;

mod chain;
pub use chain::{Chain, LayerOperation};

mod macro_shape;
pub use macro_shape::{MacroShape, Stage};

mod shaped_mlp;
pub use shaped_mlp::{MlpShape, ShapedMlp};

mod paired_cells;
pub use paired_cells::{CellConcat, PairedCells};

mod hierarchical;
pub use hierarchical::{Hierarchical, MotifLevel};

mod pyramid;

mod resolution_path;
pub use resolution_path::ResolutionPath;

mod encoder_decoder;
pub use encoder_decoder::EncoderDecoder;

use serde::{Deserialize, Serialize};

use crate::space::{Configuration, ParameterSpec, Space, SpaceError};

/// A family of architectures as it stands in a run file; `kind` says which.
///
/// Together with hyperparameters it makes a joint space:
///
/// ```
/// use heirloom_model::{Space, SpaceSpec};
///
/// let spec: SpaceSpec = toml::from_str(
///     r#"
///     [[parameter]]
///     name = "lr"
///     type = "float"
///     low = 1e-4
///     high = 1.0
///     log = true
///
///     [architecture]
///     kind = "edge-cell"
///     n_nodes = 3
///     operations = ["none", "skip_connect", "nor_conv_3x3"]
///     "#,
/// )?;
/// let space = Space::compile(spec)?;
/// let names: Vec<&str> = space.parameters().iter().map(|parameter| &*parameter.name).collect();
/// assert_eq!(names, ["lr", "op_0_1", "op_0_2", "op_1_2"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ArchitectureSpec {
    /// A cell with operations on its edges (NAS-Bench-201).
    EdgeCell(EdgeCell),
    /// A cell with operations on its nodes (NAS-Bench-101).
    NodeCell(NodeCell),
    /// A cell of a listed shape in which every node has one input (NAS-Bench-Graph).
    LinkedCell(LinkedCell),
    /// Layers in a row, with or without skip connections.
    Chain(Chain),
    /// Stages of layers with their depths, widths and resolutions (NAS-Bench-Macro).
    Macro(MacroShape),
    /// Perceptrons of a shape, plain or residual (Auto-PyTorch Tabular).
    ShapedMlp(ShapedMlp),
    /// A normal and a reduction cell (NASNet, AmoebaNet, DARTS).
    PairedCells(PairedCells),
    /// Motifs of motifs (Liu et al. 2018).
    Hierarchical(Hierarchical),
    /// Layers at levels of resolution (Auto-DeepLab).
    ResolutionPath(ResolutionPath),
    /// Stages of an encoder and of a decoder (AutoDispNet).
    EncoderDecoder(EncoderDecoder),
}

impl ArchitectureSpec {
    /// The family's name, as it stands in a run file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::EdgeCell(_) => "edge-cell",
            Self::NodeCell(_) => "node-cell",
            Self::LinkedCell(_) => "linked-cell",
            Self::Chain(_) => "chain",
            Self::Macro(_) => "macro",
            Self::ShapedMlp(_) => "shaped-mlp",
            Self::PairedCells(_) => "paired-cells",
            Self::Hierarchical(_) => "hierarchical",
            Self::ResolutionPath(_) => "resolution-path",
            Self::EncoderDecoder(_) => "encoder-decoder",
        }
    }

    /// The parameters it compiles to.
    pub(crate) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        if let Some(name) = self.operations().into_iter().find(|name| !is_operation_name(name)) {
            let problem = format!(
                "`{name}` cannot be an operation's name; hint: use letters, digits, `_`, `-` and `.`, and none of \
                 `input`, `output`, `sum`, `concat`"
            );
            return Err(SpaceError::BadArchitecture { problem });
        }
        match self {
            Self::EdgeCell(cell) => cell.parameters(),
            Self::NodeCell(cell) => cell.parameters(),
            Self::LinkedCell(cell) => cell.parameters(),
            Self::Chain(chain) => chain.parameters(),
            Self::Macro(shape) => shape.parameters(),
            Self::ShapedMlp(mlp) => mlp.parameters(),
            Self::PairedCells(cells) => cells.parameters(),
            Self::Hierarchical(motifs) => motifs.parameters(),
            Self::ResolutionPath(path) => path.parameters(),
            Self::EncoderDecoder(stages) => stages.parameters(),
        }
    }

    /// The parameters that a person wrote into the description.
    pub(crate) fn own_parameters(&mut self) -> Vec<&mut ParameterSpec> {
        match self {
            Self::Chain(chain) => {
                chain.operations.iter_mut().flat_map(|operation| &mut operation.parameters).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The graph that a configuration of `space` decodes to.
    pub(crate) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        match self {
            Self::EdgeCell(cell) => cell.decode(space, configuration),
            Self::NodeCell(cell) => cell.decode(space, configuration),
            Self::LinkedCell(cell) => cell.decode(space, configuration),
            Self::Chain(chain) => chain.decode(space, configuration),
            Self::Macro(shape) => shape.decode(space, configuration),
            Self::ShapedMlp(mlp) => mlp.decode(space, configuration),
            Self::PairedCells(cells) => cells.decode(space, configuration),
            Self::Hierarchical(motifs) => motifs.decode(space, configuration),
            Self::ResolutionPath(path) => path.decode(space, configuration),
            Self::EncoderDecoder(stages) => stages.decode(space, configuration),
        }
    }

    /// What makes an architecture none of the space though each of its values is allowed.
    pub(crate) fn violation(&self, values: &[f64]) -> Option<SpaceError> {
        match self {
            Self::NodeCell(cell) => cell.violation(values),
            _ => None,
        }
    }

    /// Whether some combinations of allowed values are no architecture of the space.
    pub(crate) fn restricts_values(&self) -> bool {
        matches!(self, Self::NodeCell(_))
    }

    /// Reads an architecture of `space` in the string form its benchmark published. Parameters that are no part of
    /// the architecture get their defaults.
    ///
    /// Errors with [`SpaceError::BadText`], which names the place in the text, and with
    /// [`SpaceError::BadArchitecture`] where the family has no string form.
    pub fn parse(&self, space: &Space, text: &str) -> Result<Configuration, SpaceError> {
        match self {
            Self::EdgeCell(cell) => cell.parse(space, text),
            Self::NodeCell(cell) => cell.parse(space, text),
            Self::LinkedCell(cell) => cell.parse(space, text),
            Self::Macro(shape) => shape.parse(space, text),
            Self::PairedCells(cells) => cells.parse(space, text),
            Self::Chain(_)
            | Self::ShapedMlp(_)
            | Self::Hierarchical(_)
            | Self::ResolutionPath(_)
            | Self::EncoderDecoder(_) => Err(self.has_no_text()),
        }
    }

    /// Writes the string form that [`parse`](Self::parse) reads.
    pub fn format(&self, space: &Space, configuration: &Configuration) -> Result<String, SpaceError> {
        match self {
            Self::EdgeCell(cell) => cell.format(space, configuration),
            Self::NodeCell(cell) => cell.format(space, configuration),
            Self::LinkedCell(cell) => cell.format(space, configuration),
            Self::Macro(shape) => shape.format(space, configuration),
            Self::PairedCells(cells) => cells.format(space, configuration),
            Self::Chain(_)
            | Self::ShapedMlp(_)
            | Self::Hierarchical(_)
            | Self::ResolutionPath(_)
            | Self::EncoderDecoder(_) => Err(self.has_no_text()),
        }
    }

    fn has_no_text(&self) -> SpaceError {
        let problem = format!("a `{}` has no string form; hint: give its parameters by name", self.kind());
        SpaceError::BadArchitecture { problem }
    }
}

/// The most nodes and edges that an architecture may come to.
const MOST_PARTS: usize = 10_000;

/// Refuses a family whose largest architecture comes to `n` nodes and edges, where those are too many.
fn check_size(n: usize, remedy: &str) -> Result<(), SpaceError> {
    if n <= MOST_PARTS {
        return Ok(());
    }
    let problem = format!("it comes to {n} nodes and edges, and {MOST_PARTS} are allowed; hint: {remedy}");
    Err(SpaceError::BadArchitecture { problem })
}

/// How many pairs `n` nodes have.
fn n_pairs(n: usize) -> usize {
    n.saturating_mul(n.saturating_sub(1)) / 2
}

/// A size as a person wrote it.
fn size(number: i64) -> usize {
    usize::try_from(number.max(0)).unwrap_or(usize::MAX)
}

/// Whether a name can stand in published strings and is not one that graphs use themselves.
fn is_operation_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    !name.is_empty()
        && name.chars().all(is_plain)
        && ![Node::INPUT, Node::OUTPUT, Node::SUM, Node::CONCAT].contains(&name)
}

#[cfg(test)]
mod tests;
