//! The walk through the child that gives every layer its weights.

mod demands;
mod layers;
mod paths;

use std::collections::{BTreeSet, HashMap};

use heirloom_model::Seed;
use heirloom_network::{Layer, Network, Operation};
use tch::Tensor;

use super::Inherited;
use super::gather::{Map, identity};
use super::maps::{Maps, Tensors};
use super::units::depthwise_multiplier;
use super::values::{Values, is_maker};
use crate::{TorchError, Weights};

/// What a layer of the child gives.
#[derive(Debug, Clone)]
enum Value {
    /// Zeros.
    Zero,
    /// Nothing that the parent has.
    New,
    /// What a layer of the parent gives.
    Like(Like),
}

/// That a layer of the child stands for one of the parent.
#[derive(Debug, Clone)]
struct Like {
    /// The parent's layer, the first that gives this value.
    parent: usize,
    /// Which of its units the child's show. The others can be anything: whatever reads them multiplies by zero.
    map: Map,
    /// Whether those that it shows have the parent's numbers.
    is_exact: bool,
}

pub(super) struct Filler<'a> {
    parent: &'a Network,
    theirs: Tensors<'a>,
    parent_values: Values,
    child: &'a Network,
    /// The parent's layer of the same name and kind, for layers with tensors.
    partners: Vec<Option<usize>>,
    maps: Vec<Map>,
    /// For each layer of the child the parent's values that the layers after it wait for.
    demands: Vec<BTreeSet<usize>>,
    /// Where each layer's tensors begin in the child's list.
    firsts: Vec<usize>,
    tensors: Vec<Tensor>,
    values: Vec<Value>,
    n_inherited: usize,
    noise: f64,
    seed: Seed,
    steps: Vec<String>,
}

impl<'a> Filler<'a> {
    pub(super) fn new(
        parent: &'a Network,
        parent_weights: &'a Weights,
        child: &'a Network,
        fresh: Weights,
        noise: f64,
        seed: Seed,
    ) -> Result<Self, TorchError> {
        let theirs: Tensors<'a> = parent_weights
            .specs()
            .iter()
            .zip(parent_weights.tensors())
            .map(|(spec, tensor)| ((spec.layer, spec.role), tensor))
            .collect();
        let names: HashMap<&str, usize> =
            parent.layers().iter().enumerate().map(|(place, layer)| (layer.name.as_str(), place)).collect();
        let partners: Vec<Option<usize>> = (0..child.layers().len())
            .map(|place| {
                let partner = *names.get(child.layers()[place].name.as_str())?;
                is_same_kind(child, place, parent, partner).then_some(partner)
            })
            .collect();
        let mut firsts = vec![0; child.layers().len() + 1];
        for spec in fresh.specs() {
            firsts[spec.layer + 1] += 1;
        }
        for place in 0..child.layers().len() {
            firsts[place + 1] += firsts[place];
        }
        let maps = Maps::new(parent, &theirs, child, &partners, seed)?;
        let device = parent_weights.tensors().first().map(Tensor::device);
        let mut tensors = Vec::with_capacity(fresh.tensors().len());
        for tensor in fresh.tensors() {
            let tensor = tensor.detach();
            tensors.push(match device {
                Some(device) => tensor.f_to_device(device).map_err(TorchError::at("fresh weights"))?,
                None => tensor,
            });
        }
        let parent_values = Values::new(parent);
        let demands = demands::demands(parent, &parent_values, child, &partners);
        Ok(Self {
            parent,
            theirs,
            parent_values,
            child,
            partners,
            maps: maps.of_layer,
            demands,
            firsts,
            tensors,
            values: Vec::with_capacity(child.layers().len()),
            n_inherited: 0,
            noise,
            seed,
            steps: maps.steps,
        })
    }

    /// The child's weights, and what was inherited but for the noise.
    pub(super) fn run(mut self) -> Result<(Weights, Inherited), TorchError> {
        for place in 0..self.child.layers().len() {
            let value = self.visit(place).map_err(|error| {
                TorchError::new(format!("inheriting `{}`", self.child.layers()[place].name), &[], &error)
            })?;
            self.values.push(value);
        }
        let wanted = self.parent_values.canonical[self.parent.output()];
        let exact = match &self.values[self.child.output()] {
            Value::Like(like) => {
                Some(like.parent) == wanted
                    && like.is_exact
                    && like.map == identity(self.parent.output_shape().0[0])
                    && self.child.output_shape() == self.parent.output_shape()
            }
            Value::Zero => wanted.is_none() && self.child.output_shape() == self.parent.output_shape(),
            Value::New => false,
        };
        let n_all: usize = self.tensors.iter().map(Tensor::numel).sum();
        let share = if n_all == 0 { 0.0 } else { self.n_inherited as f64 / n_all as f64 };
        let weights = Weights::from_tensors(self.child, &self.tensors)?;
        Ok((weights, Inherited { exact, share, steps: self.steps }))
    }

    fn visit(&mut self, place: usize) -> Result<Value, tch::TchError> {
        let layer = self.layer(place);
        match layer.operation {
            Operation::Input => Ok(self.input()),
            Operation::Linear { .. } | Operation::Conv { .. } => match self.partners[place] {
                Some(partner) => self.copy_linear(place, partner),
                None => self.new_linear(place),
            },
            Operation::BatchNorm { .. } => match self.partners[place] {
                Some(partner) => self.copy_normalisation(place, partner),
                None => self.new_normalisation(place),
            },
            Operation::Sum => self.sum(place),
            Operation::Concat => Ok(self.concat(place)),
            Operation::Zero { .. } => Ok(Value::Zero),
            _ => Ok(self.plain(place)),
        }
    }

    fn input(&mut self) -> Value {
        let (ours, theirs) = (self.child.input_shape(), self.parent.input_shape());
        if ours != theirs {
            self.steps.push(format!("the input is {ours}, the parent's {theirs}"));
        }
        if ours.0.len() != theirs.0.len() || ours.0[0] != theirs.0[0] {
            return Value::New;
        }
        Value::Like(Like { parent: 0, map: identity(ours.0[0]), is_exact: ours == theirs })
    }

    fn layer(&self, place: usize) -> &'a Layer {
        &self.child.layers()[place]
    }

    /// The parent's layer of the same name, whatever it does.
    fn namesake(&self, place: usize) -> Option<usize> {
        self.parent.find(&self.layer(place).name)
    }

    /// Units of the parent's layer.
    fn width(&self, parent: usize) -> usize {
        self.parent.shapes()[parent].0[0]
    }
}

/// Whether weights of one layer can serve the other: the same operation, and the same way of grouping.
fn is_same_kind(child: &Network, place: usize, parent: &Network, partner: usize) -> bool {
    let pair = (&child.layers()[place].operation, &parent.layers()[partner].operation);
    match pair {
        (Operation::Conv { groups: ours, .. }, Operation::Conv { groups: theirs, .. }) => {
            match (depthwise_multiplier(child, place), depthwise_multiplier(parent, partner)) {
                (None, None) => ours == theirs,
                (ours, theirs) => ours == theirs,
            }
        }
        (ours, theirs) => is_maker(ours) && ours.name() == theirs.name(),
    }
}
