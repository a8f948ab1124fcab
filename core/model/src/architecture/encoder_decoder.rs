//! Encoders and decoders with searched stages: AutoDispNet (Saikia et al. 2019).

use serde::{Deserialize, Serialize};

use crate::space::{ConditionSpec, Configuration, ParameterSpec, Space, SpaceError};

use super::parameters::{Chosen, Parameters, at_least};
use super::pyramid::{self, CONV, DOWN, Pyramid, UP};
use super::{ArchitectureGraph, Node, check_size, size};

/// Stages of an encoder, each with half the resolution of the one before, and of a decoder that leads back.
///
/// ```toml
/// [architecture]
/// kind = "encoder-decoder"
/// n_stages = [2, 4]
/// depth = [1, 2]
/// finest = 2
/// channels = [16, 32]
/// operations = ["conv_3x3", "sep_conv_3x3", "skip_connect"]
/// ups = ["nearest", "bilinear", "transposed"]
/// joins = ["none", "sum", "concat"]
/// ```
///
/// The first stage works on an image smaller by `finest`, each next one on half of that with twice the channels.
/// Compiles to `n_stages`, `channels` (of the first stage) and, for each stage `i` from 1, `encoder_i_depth` and
/// `encoder_i_op_j` for each layer `j` from 1; for each stage but the last `decoder_i_up`, `decoder_i_join`,
/// `decoder_i_depth` and `decoder_i_op_j`. What has one value only is no parameter.
///
/// Every node carries `level`, the factor by which the image is smaller. In order: a stem that leads to the finest
/// level (`conv {channels, kernel, stride}` where that is 1, else one `down {channels}` for each halving), the encoder's
/// stages with `down {channels}` between them, and for each stage of the decoder, from the coarsest,
/// `up {channels, mode}`, the join with what the encoder's stage of that level gave (`sum`, or `concat` and a `conv` of
/// kernel 1 back to the level's channels), and its layers. What makes a dense prediction of the last layer is no part
/// of the graph.
///
/// AutoDispNet searches three cells and repeats them; here each layer is one operation, chosen by itself, and so is
/// the way of each stage of the decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderDecoder {
    /// Fewest and most stages of the encoder.
    pub n_stages: [i64; 2],
    /// Fewest and most layers of a stage.
    pub depth: [i64; 2],
    /// By how much the image is smaller in the first stage.
    pub finest: i64,
    /// How many channels the first stage may have, ascending.
    pub channels: Vec<i64>,
    /// What a layer may do.
    pub operations: Vec<String>,
    /// How the image may be enlarged: `nearest`, `bilinear`, `transposed` (convolution).
    #[serde(default = "all_ups")]
    pub ups: Vec<String>,
    /// How the encoder's stage of the same resolution may enter: `none`, `sum`, `concat`.
    #[serde(default = "all_joins")]
    pub joins: Vec<String>,
}

const N_STAGES: &str = "n_stages";
const CHANNELS: &str = "channels";
const UPS: [&str; 3] = ["nearest", "bilinear", "transposed"];
const NO_JOIN: &str = "none";
const JOINS: [&str; 3] = [NO_JOIN, Node::SUM, Node::CONCAT];

fn all_ups() -> Vec<String> {
    UPS.map(String::from).to_vec()
}

fn all_joins() -> Vec<String> {
    JOINS.map(String::from).to_vec()
}

impl EncoderDecoder {
    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        self.check()?;
        let mut all = Parameters::default();
        let [fewest, most] = self.n_stages;
        all.int(N_STAGES, self.n_stages, false, &[]);
        all.level(CHANNELS, &self.channels, &[]);
        let exists = |n: i64| if n > fewest { vec![at_least(N_STAGES, n as usize)] } else { Vec::new() };
        for stage in 1..=most {
            self.layers(&mut all, &format!("encoder_{stage}"), &exists(stage));
        }
        for stage in 1..most {
            let (name, when) = (format!("decoder_{stage}"), exists(stage + 1));
            all.choice(format!("{name}_up"), self.ups.iter().map(String::as_str), &when);
            all.choice(format!("{name}_join"), self.joins.iter().map(String::as_str), &when);
            self.layers(&mut all, &name, &when);
        }
        Ok(all.finish())
    }

    /// Depth and operations of one stage.
    fn layers(&self, all: &mut Parameters, stage: &str, when: &[ConditionSpec]) {
        let depth = format!("{stage}_depth");
        all.int(&*depth, self.depth, false, when);
        for layer in 1..=self.depth[1] {
            let mut when = when.to_vec();
            if layer > self.depth[0] {
                when.push(at_least(&*depth, layer as usize));
            }
            let operations = self.operations.iter().map(String::as_str);
            all.choice(format!("{stage}_op_{layer}"), operations, &when);
        }
    }

    pub(super) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        space.architecture_values(configuration)?;
        let chosen = Chosen { space, configuration };
        let mut pyramid = Pyramid::with_stem(self.finest, chosen.int(CHANNELS, self.channels[0]));
        let add_layers = |pyramid: &mut Pyramid, stage: &str| {
            for layer in 1..=chosen.int(&format!("{stage}_depth"), self.depth[0]) {
                let operation = chosen.text(&format!("{stage}_op_{layer}"), &self.operations[0]);
                pyramid.append(Node::new(operation));
            }
        };
        let mut encoded = Vec::new();
        for stage in 1..=chosen.int(N_STAGES, self.n_stages[0]) {
            if stage > 1 {
                pyramid.down();
            }
            add_layers(&mut pyramid, &format!("encoder_{stage}"));
            encoded.push(pyramid.last);
        }
        for (index, &same_level) in encoded.iter().enumerate().rev().skip(1) {
            let stage = format!("decoder_{}", index + 1);
            pyramid.up(&chosen.text(&format!("{stage}_up"), &self.ups[0]));
            let join = chosen.text(&format!("{stage}_join"), &self.joins[0]);
            if join != NO_JOIN {
                pyramid.join(&join, same_level);
            }
            if join == Node::CONCAT {
                pyramid.conv(1);
            }
            add_layers(&mut pyramid, &stage);
        }
        Ok(pyramid.finish())
    }

    /// Operations that a graph may hold.
    pub(super) fn operations(&self) -> Vec<String> {
        self.operations.iter().cloned().chain([CONV, DOWN, UP].map(str::to_owned)).collect()
    }

    /// Operations on the longest path.
    pub(super) fn max_length(&self) -> usize {
        let (n_stages, depth) = (self.n_stages[1] as usize, self.depth[1] as usize);
        pyramid::stem_length(self.finest) + n_stages * (depth + 1) + (n_stages - 1) * (depth + 2)
    }

    fn check(&self) -> Result<(), SpaceError> {
        const MOST_STAGES: i64 = 16;
        pyramid::check(self.finest, &self.channels, &self.operations)?;
        let ranges = [("n_stages", self.n_stages), ("depth", self.depth)];
        let unknown = |names: &[String], known: &[&str]| {
            names.is_empty() || names.iter().any(|name| !known.contains(&name.as_str()))
        };
        let problem = if let Some((name, [low, high])) =
            ranges.into_iter().find(|(_, [low, high])| *low < 1 || low > high)
        {
            format!("`{name} = [{low}, {high}]`; hint: give the fewest, at least 1, and the most")
        } else if self.n_stages[1] > MOST_STAGES {
            format!("{} stages, each half the size of the one before; hint: use fewer", self.n_stages[1])
        } else if unknown(&self.ups, &UPS) {
            format!("`ups` must be some of `{}`", UPS.join("`, `"))
        } else if unknown(&self.joins, &JOINS) {
            format!("`joins` must be some of `{}`", JOINS.join("`, `"))
        } else {
            let n_layers = size(self.depth[1]).saturating_mul(2 * size(self.n_stages[1]));
            return check_size(n_layers, "lower `depth`");
        };
        Err(SpaceError::BadArchitecture { problem })
    }
}

#[cfg(test)]
mod tests;
