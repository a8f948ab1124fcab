//! From architectures to networks.
//!
//! An [`ArchitectureGraph`] says what was searched; a [`Frame`] says what stands around it: the shape of the input,
//! what is predicted, and the stem, the number of cells and the width of the benchmark's or the paper's network.
//! Together they make a [`Network`].
//!
//! # Names
//!
//! Weights are inherited by name, so a layer's name says which place it has in the architecture, and a small change
//! of the architecture leaves most names alone. The parts, from outer to inner, are
//!
//! | family | names of layers start with |
//! |---|---|
//! | `chain` | `layer_K`, as in the space's parameters; what joins inputs `layer_K.join`, what brings them to one shape `layer_K.join.from_layer_J` |
//! | `shaped-mlp` | plain `layer_K`; residual `stem`, `group_G.block_B.first`, `.second`, `.shortcut`, and `last` |
//! | `macro` | `stage_S.layer_L` |
//! | `edge-cell` | `stage_S.cell_C.op_FROM_TO`; between stages `stage_S.reduction` |
//! | `node-cell` | `stage_S.cell_C.node_N`, numbered in the cell without its dead nodes |
//! | `paired-cells` | `cell_C.input_0`, `cell_C.input_1`, `cell_C.node_N.a`, `cell_C.node_N.b` |
//! | `hierarchical` | `stage_S.cell_C.node_N` by place in the flat graph; between stages `stage_S.reduction` |
//! | `resolution-path` | `stem_K`, `layer_K`, where the level changes before it `layer_K.move` |
//! | `encoder-decoder` | `stem_K`, `encoder_S.layer_L`, `encoder_S.down`, `decoder_S.up`, `.join`, `.merge`, `.layer_L` |
//!
//! then come the layers: `conv` (two in a row: `conv_1` and `conv_2`), `depthwise`, `pointwise`, `linear`, `norm`,
//! `activation`, `pool`, `dropout`. In front stands `stem`, at the end `head`, beside it `auxiliary`.

mod block;
mod edge_cells;
mod head;
mod layers;
mod motifs;
mod node_cells;
mod paired_cells;
mod searched;
mod walk;

use heirloom_model::Value;
use heirloom_model::architecture::{ArchitectureGraph, ArchitectureSpec, Node, Stage};
use heirloom_model::space::ParameterType;
use serde::{Deserialize, Serialize};

use crate::{Activation, Network, NetworkBuilder, NetworkError, Operation, Resampling, Shape};

use block::{Block, Setting, attribute, scaled};
use layers::{Convolution, Layers, Order};

/// The most cells in a stage or in all, and the most stages: more would take hours to write down.
const MAX_CELLS: usize = 1024;

/// What a network gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Scores of this many classes, before the softmax.
    Classes(usize),
    /// This many values.
    Values(usize),
    /// This many values for each pixel of the input: `[channels, height, width]`.
    Dense(usize),
}

/// What stands around an architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The shape of one sample: `[features]` or `[channels, height, width]`.
    pub input: Shape,
    /// What the network gives.
    pub head: Head,
    /// Channels of the stem, from which those of cells follow; 0: no stem (only for chains and stages). By default 16
    /// for `edge-cell` (Dong & Yang 2020), `paired-cells` (whose stem has three times as many) and `hierarchical`, 128
    /// for `node-cell` (Ying et al. 2019), 32 for `macro`, none for the others.
    pub stem_channels: Option<usize>,
    /// Cells in a stage: by default 5 for `edge-cell`, 3 for `node-cell`, 1 for `hierarchical`.
    pub cells_per_stage: Option<usize>,
    /// Stages of cells, each with twice the channels and half the side of the one before.
    pub n_stages: usize,
    /// Cells in all, where normal and reduction cells differ: by default 8, as DARTS searches.
    pub cells: Option<usize>,
    /// Channels of a 1×1 convolution before the classifier, 0 for none; by default 1280 for `macro`, else none.
    pub head_channels: Option<usize>,
    /// What all numbers of channels and units are multiplied by; 1 as a rule.
    pub width: f64,
    /// Whether the network has an auxiliary head for training; only networks of normal and reduction cells do.
    pub auxiliary: bool,
}

/// What a family of layers in a row has at its ends.
#[derive(Debug, Clone, Copy)]
struct Ends {
    /// Channels of the stem where the frame names none.
    stem: usize,
    /// Channels of the 1×1 convolution at the end.
    head: usize,
    /// What follows both.
    activation: Activation,
}

impl Frame {
    /// A frame as the architecture's paper has it.
    pub fn new(input: Shape, head: Head) -> Self {
        Self {
            input,
            head,
            stem_channels: None,
            cells_per_stage: None,
            n_stages: 3,
            cells: None,
            head_channels: None,
            width: 1.0,
            auxiliary: false,
        }
    }

    /// The network of an architecture of the family `spec`.
    ///
    /// Errors with [`NetworkError::Shape`] where shapes do not fit, with [`NetworkError::UnknownOperation`], and with
    /// [`NetworkError::Architecture`] where the family is no network of layers or the frame makes no sense.
    pub fn network(
        &self,
        spec: &ArchitectureSpec,
        graph: &ArchitectureGraph,
    ) -> Result<Network, NetworkError> {
        self.check(spec)?;
        graph.check().map_err(|error| NetworkError::Architecture { problem: error.to_string() })?;
        let mut layers = Layers::new(NetworkBuilder::new(self.input.clone()));
        let mut auxiliary = None;
        let layered =
            |layers: &mut Layers, names: &[String], ends| self.lower_layers(layers, graph, names, ends);
        let bare = Ends { stem: 0, head: 0, activation: Activation::Relu };
        let mobile = Ends { stem: 32, head: 1280, activation: Activation::Relu6 };
        let output = match spec {
            ArchitectureSpec::EdgeCell(cell) => {
                let edges: Vec<_> = cell.edges().collect();
                edge_cells::lower(self, &mut layers, &edges, graph)?
            }
            ArchitectureSpec::NodeCell(_) => node_cells::lower(self, &mut layers, graph)?,
            ArchitectureSpec::PairedCells(_) => {
                let (output, side) = paired_cells::lower(self, &mut layers, graph)?;
                auxiliary = side;
                output
            }
            ArchitectureSpec::Hierarchical(_) => motifs::lower(self, &mut layers, graph)?,
            ArchitectureSpec::Chain(_) => layered(&mut layers, &walk::chain_names(graph), bare)?,
            ArchitectureSpec::Macro(_) => layered(&mut layers, &walk::stage_names(graph), mobile)?,
            ArchitectureSpec::ShapedMlp(_) => {
                let setting = Setting::new(Order::ActivationLast, self.width);
                let names = walk::perceptron_names(graph);
                walk::walk(&mut layers, setting, graph, &names, NetworkBuilder::INPUT)?
            }
            ArchitectureSpec::ResolutionPath(path) => {
                layered(&mut layers, &walk::path_names(graph, path.finest), bare)?
            }
            ArchitectureSpec::EncoderDecoder(stages) => {
                layered(&mut layers, &walk::encoder_decoder_names(graph, stages.finest), bare)?
            }
            ArchitectureSpec::LinkedCell(_) => {
                return Err(no_layers());
            }
        };
        let output = head::head(self, &mut layers, output)?;
        Ok(layers.into_builder().finish(output, auxiliary))
    }

    /// Checks that layers are known for every operation of the family `spec`, whatever the configuration: what can be
    /// said before the first network is built.
    ///
    /// Errors with [`NetworkError::UnknownOperation`], and with [`NetworkError::Architecture`] for attributes that mean
    /// nothing here and for families that are no networks of layers.
    pub fn check_space(spec: &ArchitectureSpec) -> Result<(), NetworkError> {
        if matches!(spec, ArchitectureSpec::LinkedCell(_)) {
            return Err(no_layers());
        }
        let joins = [Node::INPUT, Node::OUTPUT, Node::SUM, Node::CONCAT, Node::CELL_INPUT];
        for name in spec.vocabulary().into_iter().filter(|name| !joins.contains(&name.as_str())) {
            Block::of(&Node::new(name), "any")?;
        }
        match spec {
            ArchitectureSpec::Chain(chain) => {
                for operation in &chain.operations {
                    // Of all values only this one's says which operation it is.
                    for own in operation.parameters.iter().filter(|own| own.name != "mode") {
                        for value in ends(&own.kind) {
                            let node = Node::new(&*operation.name).with(own.name.as_str(), value);
                            Block::of(&node, "layer_1")?;
                        }
                    }
                }
            }
            ArchitectureSpec::Macro(shape) => check_stages(&shape.stages)?,
            _ => {}
        }
        Ok(())
    }

    /// A graph whose nodes are the layers between stem and head.
    fn lower_layers(
        &self,
        layers: &mut Layers,
        graph: &ArchitectureGraph,
        names: &[String],
        Ends { stem, head, activation }: Ends,
    ) -> Result<usize, NetworkError> {
        let activation = Operation::activation(activation);
        let mut place = NetworkBuilder::INPUT;
        let side = graph.nodes.first().and_then(|input| attribute(input, "resolution"));
        if let Some(side) = side.filter(|side| layers.size(place) != Some([*side; 2])) {
            let operation = Operation::Resize { size: [side; 2], mode: Resampling::Bilinear };
            place = layers.add("resolution", operation, place)?;
        }
        let stem = self.stem_channels.unwrap_or(stem);
        if stem > 0 {
            place = self.stem(layers, stem, place)?;
            place = layers.add("stem.activation", activation, place)?;
        }
        let setting = Setting::new(Order::ActivationLast, self.width);
        place = walk::walk(layers, setting, graph, names, place)?;
        let head = self.head_channels.unwrap_or(head);
        if head > 0 {
            let convolution = Convolution::new(scaled(head, self.width), 1);
            place = layers.conv_norm("head", convolution, place)?;
            place = layers.add("head.activation", activation, place)?;
        }
        Ok(place)
    }

    /// A 3×3 convolution and its normalisation.
    fn stem(&self, layers: &mut Layers, channels: usize, input: usize) -> Result<usize, NetworkError> {
        layers.conv_norm("stem", Convolution::new(scaled(channels, self.width), 3), input)
    }

    /// Checks the frame of architectures of the family `spec`, whatever the configuration.
    ///
    /// Errors with [`NetworkError::Architecture`] where it makes no sense.
    pub fn check(&self, spec: &ArchitectureSpec) -> Result<(), NetworkError> {
        let n_outputs = match self.head {
            Head::Classes(n) | Head::Values(n) | Head::Dense(n) => n,
        };
        let is_too_many = |n: usize| n > MAX_CELLS;
        let problem = if !matches!(self.input.0.len(), 1 | 3) || self.input.0.contains(&0) {
            format!("an input of shape {}; hint: give [features] or [channels, height, width]", self.input)
        } else if n_outputs == 0 {
            "a network that gives nothing; hint: at least one class or value".into()
        } else if !(self.width.is_finite() && self.width > 0.0) {
            format!("a width multiplier of {}; hint: give a number above 0, 1 for none", self.width)
        } else if self.n_stages == 0 || self.cells_per_stage == Some(0) || self.cells == Some(0) {
            "a network without cells; hint: at least one stage and one cell in it".into()
        } else if [Some(self.n_stages), self.cells_per_stage, self.cells]
            .into_iter()
            .flatten()
            .any(is_too_many)
        {
            format!("a network of more than {MAX_CELLS} cells or stages; hint: fewer")
        } else if self.stem_channels == Some(0) && has_cells(spec) {
            "a stem of 0 channels, from which those of the cells follow; hint: at least 1, or leave `stem_channels` out"
                .into()
        } else {
            return Ok(());
        };
        Err(NetworkError::Architecture { problem })
    }
}

/// Checks that the first layer of each stage can have the stage's width and stride, whichever operation it is.
fn check_stages(stages: &[Stage]) -> Result<(), NetworkError> {
    let mut before: &[i64] = &[];
    for (index, stage) in stages.iter().enumerate() {
        let keeps_width = stage.width.len() == 1 && stage.width == before;
        before = &stage.width;
        let changes = [("channels", !keeps_width), ("stride", stage.stride != [1])];
        for operation in &stage.operations {
            let node = Node::new(operation.as_str());
            let changed = changes.iter().filter(|(_, is_changed)| *is_changed);
            let node = changed.fold(node, |node, (attribute, _)| node.with(*attribute, 1));
            Block::of(&node, &format!("stage_{}.layer_1", index + 1)).map_err(|error| match error {
                NetworkError::Architecture { problem } => NetworkError::Architecture {
                    problem: format!(
                        "{problem}, and what may stand first in a stage brings its width and stride"
                    ),
                },
                unknown => unknown,
            })?;
        }
    }
    Ok(())
}

/// Values between which, or among which, all others of a parameter are.
fn ends(kind: &ParameterType) -> Vec<Value> {
    match kind {
        ParameterType::Float { low, high, .. } => vec![Value::Float(*low), Value::Float(*high)],
        ParameterType::Int { low, high, .. } => vec![Value::Int(*low), Value::Int(*high)],
        ParameterType::Categorical { choices: values } | ParameterType::Ordinal { values } => values.clone(),
        ParameterType::Constant { value } => vec![value.clone()],
    }
}

/// Whether networks of the family are cells behind a stem.
fn has_cells(spec: &ArchitectureSpec) -> bool {
    matches!(
        spec,
        ArchitectureSpec::EdgeCell(_)
            | ArchitectureSpec::NodeCell(_)
            | ArchitectureSpec::PairedCells(_)
            | ArchitectureSpec::Hierarchical(_)
    )
}

fn no_layers() -> NetworkError {
    NetworkError::Architecture {
        problem:
            "a `linked-cell` is a network on graphs, and this builds networks on features and images; hint: \
                  evaluate it with a recorded table"
                .into(),
    }
}
