//! A network taken apart, to be changed and built again.

use heirloom_network::{Layer, Network, NetworkBuilder, Operation, Shape};

use crate::TorchError;
use crate::inherit::units::depthwise_multiplier;

/// Layers in topological order that can be changed; shapes are checked when it is built.
pub(super) struct Draft {
    input: Shape,
    pub(super) layers: Vec<Layer>,
    /// How many channels each depthwise convolution makes of one: their groups follow from what feeds them.
    multipliers: Vec<Option<usize>>,
    output: usize,
    auxiliary: Option<usize>,
}

impl Draft {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            input: network.input_shape().clone(),
            layers: network.layers().to_vec(),
            multipliers: (0..network.layers().len())
                .map(|place| depthwise_multiplier(network, place))
                .collect(),
            output: network.output(),
            auxiliary: network.auxiliary(),
        }
    }

    /// A name that begins with `stem` and is free with each of `suffixes` behind it.
    pub(super) fn free_name(&self, stem: &str) -> String {
        let is_free = |name: &String| {
            let inner = format!("{name}.");
            !self.layers.iter().any(|layer| layer.name == *name || layer.name.starts_with(&inner))
        };
        (0..).map(|number| format!("{stem}{number}")).find(is_free).expect("numbers do not end")
    }

    /// Puts a layer at `place`; those from there on move up by one.
    pub(super) fn insert(&mut self, place: usize, name: String, operation: Operation, inputs: Vec<usize>) {
        let moved = |other: &mut usize| *other += usize::from(*other >= place);
        self.layers.iter_mut().flat_map(|layer| &mut layer.inputs).for_each(moved);
        moved(&mut self.output);
        self.auxiliary.iter_mut().for_each(moved);
        self.layers.insert(place, Layer { name, operation, inputs });
        self.multipliers.insert(place, None);
    }

    /// Lets everything behind `to` that reads `from` read `to`.
    pub(super) fn rewire(&mut self, from: usize, to: usize) {
        let turned = |other: &mut usize| {
            if *other == from {
                *other = to;
            }
        };
        self.layers.iter_mut().skip(to + 1).flat_map(|layer| &mut layer.inputs).for_each(turned);
        turned(&mut self.output);
        self.auxiliary.iter_mut().for_each(turned);
    }

    /// Takes the layer at `place` out; what reads it reads its first input.
    pub(super) fn remove(&mut self, place: usize) {
        let input = self.layers[place].inputs[0];
        let moved = |other: &mut usize| {
            if *other == place {
                *other = input;
            }
            *other -= usize::from(*other > place);
        };
        self.layers.remove(place);
        self.multipliers.remove(place);
        self.layers.iter_mut().flat_map(|layer| &mut layer.inputs).for_each(moved);
        moved(&mut self.output);
        self.auxiliary.iter_mut().for_each(moved);
    }

    pub(super) fn build(self) -> Result<Network, TorchError> {
        let mut builder = NetworkBuilder::new(self.input);
        for (mut layer, multiplier) in self.layers.into_iter().zip(self.multipliers).skip(1) {
            if let (Some(multiplier), Operation::Conv { outputs, groups, .. }) =
                (multiplier, &mut layer.operation)
            {
                *groups = builder.shape(layer.inputs[0]).0[0];
                *outputs = multiplier * *groups;
            }
            builder
                .add(layer.name, layer.operation, &layer.inputs)
                .map_err(|error| TorchError::other("morphism", error.to_string()))?;
        }
        Ok(builder.finish(self.output, self.auxiliary))
    }
}
