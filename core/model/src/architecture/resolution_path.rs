//! Down-sampling paths: the resolution of every layer is searched (Auto-DeepLab, Liu et al. 2019).

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::space::{Configuration, ParameterSpec, Space, SpaceError};

use super::parameters::{Chosen, Parameters, at_least};
use super::pyramid::{self, CONV, DOWN, Pyramid, UP};
use super::{ArchitectureGraph, Node, check_size, size};

/// Layers in a row, each at a level of resolution of its own; the levels of neighbours differ by one step at most.
///
/// ```toml
/// [architecture]
/// kind = "resolution-path"
/// n_layers = [8, 12]
/// finest = 4
/// coarsest = 32
/// channels = [16, 32]
/// operations = ["sep_conv_3x3", "dil_conv_3x3", "skip_connect"]
/// ```
///
/// A level is the factor by which the image is smaller: `finest`, twice that, and so on to `coarsest`. Compiles to
/// `n_layers`, `channels` (at the finest level; each coarser one has twice as many) and, for each layer `i` from 1,
/// `layer_i_move` (-1 finer, 0, 1 coarser) and `layer_i_op`. A move beyond an end is none, so that every configuration
/// is an architecture. What has one value only is no parameter.
///
/// Every node carries `level`: a stem that leads to the finest level (`conv {channels, kernel, stride}` where that is
/// 1, else one `down {channels}` for each halving), then for each layer `down {channels}` or
/// `up {channels, mode = "bilinear"}` where the level changes, and its operation. What makes a dense prediction of the
/// last layer is no part of the graph.
///
/// Auto-DeepLab's cells, with two inputs and inner nodes, are one operation here: what is searched is the path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolutionPath {
    /// Fewest and most layers.
    pub n_layers: [i64; 2],
    /// The level of the layers with the largest image.
    pub finest: i64,
    /// The level of those with the smallest.
    pub coarsest: i64,
    /// How many channels the finest level may have, ascending.
    pub channels: Vec<i64>,
    /// What a layer may do.
    pub operations: Vec<String>,
}

const N_LAYERS: &str = "n_layers";
const CHANNELS: &str = "channels";
const MOVES: [i64; 3] = [-1, 0, 1];

impl ResolutionPath {
    /// Auto-DeepLab's search: twelve layers at levels 4 to 32, 40 channels (5 blocks of 8) at the finest, its
    /// operations but `none`.
    pub fn auto_deeplab() -> Self {
        let operations = [
            "sep_conv_3x3",
            "sep_conv_5x5",
            "dil_conv_3x3",
            "dil_conv_5x5",
            "avg_pool_3x3",
            "max_pool_3x3",
            "skip_connect",
        ];
        Self {
            n_layers: [12, 12],
            finest: 4,
            coarsest: 32,
            channels: vec![40],
            operations: operations.map(String::from).to_vec(),
        }
    }

    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        self.check()?;
        let mut all = Parameters::default();
        let [fewest, most] = self.n_layers;
        all.int(N_LAYERS, self.n_layers, false, &[]);
        all.level(CHANNELS, &self.channels, &[]);
        for layer in 1..=most {
            let exists = at_least(N_LAYERS, layer as usize);
            let when = if layer > fewest { std::slice::from_ref(&exists) } else { &[] };
            if self.finest < self.coarsest {
                all.level(move_name(layer), &MOVES, when);
                all.with_default(Value::Int(0));
            }
            all.choice(operation_name(layer), self.operations.iter().map(String::as_str), when);
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
        let mut pyramid = Pyramid::with_stem(self.finest, chosen.int(CHANNELS, self.channels[0]));
        for layer in 1..=chosen.int(N_LAYERS, self.n_layers[0]) {
            match chosen.int(&move_name(layer), 0) {
                1 if pyramid.level < self.coarsest => pyramid.down(),
                -1 if pyramid.level > self.finest => pyramid.up("bilinear"),
                _ => {}
            }
            pyramid.append(Node::new(chosen.text(&operation_name(layer), &self.operations[0])));
        }
        Ok(pyramid.finish())
    }

    /// Operations that a graph may hold.
    pub(super) fn operations(&self) -> Vec<String> {
        self.operations.iter().cloned().chain([CONV, DOWN, UP].map(str::to_owned)).collect()
    }

    /// Operations on the longest path.
    pub(super) fn max_length(&self) -> usize {
        pyramid::stem_length(self.finest) + 2 * self.n_layers[1] as usize
    }

    fn check(&self) -> Result<(), SpaceError> {
        pyramid::check(self.finest, &self.channels, &self.operations)?;
        let [fewest, most] = self.n_layers;
        let problem = if fewest < 1 || fewest > most {
            format!("`n_layers = [{fewest}, {most}]`; hint: give the fewest, at least 1, and the most")
        } else if !pyramid::is_level(self.coarsest) || self.coarsest < self.finest {
            format!(
                "`coarsest = {}` of `finest = {}`; hint: `coarsest` is `finest` times 1, 2, 4, 8, …",
                self.coarsest, self.finest
            )
        } else {
            return check_size(size(most).saturating_mul(2), "lower `n_layers`");
        };
        Err(SpaceError::BadArchitecture { problem })
    }
}

fn move_name(layer: i64) -> String {
    format!("layer_{layer}_move")
}

fn operation_name(layer: i64) -> String {
    format!("layer_{layer}_op")
}

#[cfg(test)]
mod tests;
