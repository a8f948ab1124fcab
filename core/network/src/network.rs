//! A network: layers, and what feeds them.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{NetworkError, Operation};

/// Sizes of one sample, without the batch dimension: `[features]` or `[channels, height, width]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(pub Vec<usize>);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// The most channels or units that a convolution or a linear layer gives: more than any network has, and few enough
/// that their products can be counted.
pub(crate) const MAX_CHANNELS: usize = 1 << 20;

/// One layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Its name, unique within the network, parts joined by dots: `stage1.cell0.op_0_1.conv`. Layers of two networks
    /// with the same name stand in the same place; weights are inherited by it.
    pub name: String,
    /// What it does.
    pub operation: Operation,
    /// The places of the layers that feed it.
    pub inputs: Vec<usize>,
}

/// Layers in topological order: the first is the input.
///
/// Its JSON is what a trained network is stored as, beside its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Network {
    layers: Vec<Layer>,
    shapes: Vec<Shape>,
    output: usize,
    auxiliary: Option<usize>,
}

impl Network {
    /// The layers, `[n]`.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The shape that each layer gives, `[n]`.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The shape of one sample.
    pub fn input_shape(&self) -> &Shape {
        &self.shapes[0]
    }

    /// The place of the layer whose result is the network's: class scores before the softmax, or values.
    pub fn output(&self) -> usize {
        self.output
    }

    /// The shape of the result.
    pub fn output_shape(&self) -> &Shape {
        &self.shapes[self.output]
    }

    /// The place of the auxiliary head's result, which counts in training only (Szegedy et al. 2015).
    pub fn auxiliary(&self) -> Option<usize> {
        self.auxiliary
    }

    /// The place of the layer of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.name == name)
    }

    /// Which layers the one at `place` depends on, itself among them, `[n]`.
    pub(crate) fn leading_to(&self, place: usize) -> Vec<bool> {
        let mut leads = vec![false; self.layers.len()];
        leads[place] = true;
        for (place, layer) in self.layers.iter().enumerate().rev() {
            if leads[place] {
                layer.inputs.iter().for_each(|&input| leads[input] = true);
            }
        }
        leads
    }

    /// The place after which each layer's result is not used any more, `[n]`.
    pub fn last_uses(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.layers.len()).collect();
        for (place, layer) in self.layers.iter().enumerate() {
            layer.inputs.iter().for_each(|&input| last[input] = place);
        }
        for kept in [Some(self.output), self.auxiliary].into_iter().flatten() {
            last[kept] = self.layers.len();
        }
        last
    }
}

/// Grows a network layer by layer; every layer's shape is checked as it is added.
#[derive(Debug, Clone)]
pub struct NetworkBuilder {
    layers: Vec<Layer>,
    shapes: Vec<Shape>,
    names: HashSet<String>,
}

impl NetworkBuilder {
    /// The place of the input.
    pub const INPUT: usize = 0;

    /// A network of its input alone.
    pub fn new(input: Shape) -> Self {
        let layer = Layer { name: "input".into(), operation: Operation::Input, inputs: Vec::new() };
        Self { layers: vec![layer], shapes: vec![input], names: HashSet::from(["input".to_owned()]) }
    }

    /// Adds a layer; returns its place.
    ///
    /// Errors with [`NetworkError::Shape`], which names the layer and the shapes that feed it, and with
    /// [`NetworkError::Architecture`] for a convolution or linear layer of no or more than 2²⁰ channels or units.
    ///
    /// # Panics
    ///
    /// When an input is not there yet, or the name stands twice: both are mistakes of the code that builds.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        operation: Operation,
        inputs: &[usize],
    ) -> Result<usize, NetworkError> {
        let name = name.into();
        assert!(inputs.iter().all(|&input| input < self.layers.len()), "inputs come before what they feed");
        assert!(self.names.insert(name.clone()), "the layer `{name}` stands twice");
        let outputs = match operation {
            Operation::Conv { outputs, .. } | Operation::Linear { outputs, .. } => Some(outputs),
            Operation::Narrow { channels } => Some(channels),
            _ => None,
        };
        if outputs == Some(0) {
            let problem = format!(
                "layer `{name}` has no channels or units; hint: a larger `width`, or more channels or units"
            );
            return Err(NetworkError::Architecture { problem });
        }
        if outputs.is_some_and(|outputs| outputs > MAX_CHANNELS) {
            let problem = format!(
                "layer `{name}` has more than {MAX_CHANNELS} channels or units; hint: a smaller `width`, fewer channels or \
                 fewer stages that double them"
            );
            return Err(NetworkError::Architecture { problem });
        }
        let shapes: Vec<Shape> = inputs.iter().map(|&input| self.shapes[input].clone()).collect();
        let shape = operation.output(&shapes).map_err(|problem| NetworkError::Shape {
            layer: name.clone(),
            operation: operation.name().into(),
            inputs: shapes,
            problem,
        })?;
        self.layers.push(Layer { name, operation, inputs: inputs.to_vec() });
        self.shapes.push(shape);
        Ok(self.layers.len() - 1)
    }

    /// The shape that the layer at `place` gives.
    pub fn shape(&self, place: usize) -> &Shape {
        &self.shapes[place]
    }

    /// The network whose result is that of the layer at `output`.
    pub fn finish(self, output: usize, auxiliary: Option<usize>) -> Network {
        Network { layers: self.layers, shapes: self.shapes, output, auxiliary }
    }
}

/// A network as it is stored: shapes follow from the layers.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    input: Shape,
    layers: Vec<Layer>,
    output: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auxiliary: Option<usize>,
}

impl From<Network> for Stored {
    fn from(network: Network) -> Self {
        let Network { mut layers, shapes, output, auxiliary } = network;
        layers.remove(0);
        Self { input: shapes[0].clone(), layers, output, auxiliary }
    }
}

impl TryFrom<Stored> for Network {
    type Error = NetworkError;

    fn try_from(stored: Stored) -> Result<Self, NetworkError> {
        let mut builder = NetworkBuilder::new(stored.input);
        let bad = |problem: String| NetworkError::Architecture { problem };
        for layer in stored.layers {
            if layer.inputs.iter().any(|&input| input >= builder.layers.len()) {
                return Err(bad(format!("layer `{}` is fed by one that comes after it", layer.name)));
            }
            if builder.names.contains(&layer.name) {
                return Err(bad(format!("the layer `{}` stands twice", layer.name)));
            }
            builder.add(layer.name, layer.operation, &layer.inputs)?;
        }
        let n = builder.layers.len();
        if stored.output >= n || stored.auxiliary.is_some_and(|place| place >= n) {
            return Err(bad(format!("the result's layer is not among the {n} there are")));
        }
        Ok(builder.finish(stored.output, stored.auxiliary))
    }
}
