//! The macro shape of a network: how many stages, and each stage's depth, width, resolution and layers.

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::space::{ConditionSpec, Configuration, ParameterSpec, ParameterType, Space, SpaceError};

use super::text::Cursor;
use super::{ArchitectureGraph, Node, check_size, size};

/// A network of `min_stages` or more of its `stages`, one after the other.
///
/// ```toml
/// [architecture]
/// kind = "macro"
/// min_stages = 1
/// resolution = [160, 192, 224]
///
/// [[architecture.stage]]
/// depth = [1, 2, 3]
/// width = [16, 24]
/// operations = ["mb3_k3", "mb6_k5"]
///
/// [[architecture.stage]]
/// depth = [2]
/// width = [32, 64, 128]
/// stride = [1, 2]
/// operations = ["identity", "mb3_k3", "mb6_k5"]
/// ```
///
/// Compiles to `n_stages`, `resolution` and, for each stage `i` from 1, `stage_i_depth`, `stage_i_width`,
/// `stage_i_stride` and `stage_i_op_j` for each layer `j` from 1, active where stage and layer are. What has one
/// choice only is no parameter. In the graph, the first layer of a stage carries `channels` where the width
/// changes and `stride` where the resolution does; the input carries `resolution`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MacroShape {
    /// Fewest stages; all of them by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_stages: Option<usize>,
    /// Side lengths the input may be scaled to, ascending; empty: as it comes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolution: Vec<i64>,
    /// The stages, first to last.
    #[serde(rename = "stage")]
    pub stages: Vec<Stage>,
}

/// Layers of one width and resolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How many layers it may have, ascending.
    pub depth: Vec<i64>,
    /// How many channels it may have, ascending.
    pub width: Vec<i64>,
    /// By how much its first layer may divide the resolution, ascending.
    #[serde(default = "unchanged")]
    pub stride: Vec<i64>,
    /// What a layer may do.
    pub operations: Vec<String>,
}

fn unchanged() -> Vec<i64> {
    vec![1]
}

const N_STAGES: &str = "n_stages";
const RESOLUTION: &str = "resolution";

impl MacroShape {
    /// The networks of NAS-Bench-Macro: eight layers of three operations in three stages, 6,561 of them
    /// (Su et al. 2021).
    pub fn nas_bench_macro() -> Self {
        let operations = ["identity", "ir_3x3_t3", "ir_5x5_t6"].map(String::from).to_vec();
        let stage = |depth, width| Stage {
            depth: vec![depth],
            width: vec![width],
            stride: vec![2],
            operations: operations.clone(),
        };
        Self {
            min_stages: None,
            resolution: Vec::new(),
            stages: vec![stage(2, 64), stage(3, 128), stage(3, 256)],
        }
    }

    /// Reads one digit a layer, the place of its operation, as NAS-Bench-Macro gives its networks. Only for spaces
    /// in which nothing but operations varies, and at most ten of them. Parameters of `space` that are no layers get
    /// their defaults.
    ///
    /// Errors with [`SpaceError::BadText`], which names the place in the text.
    pub fn parse(&self, space: &Space, text: &str) -> Result<Configuration, SpaceError> {
        self.check_digits()?;
        let mut cursor = Cursor::new(text);
        let mut values = Vec::new();
        for stage in self.layers() {
            let operation = cursor.digit(stage.operations.len())?;
            if stage.operations.len() > 1 {
                values.push(operation as f64);
            }
        }
        cursor.end()?;
        space.with_architecture(&values)
    }

    /// Writes one digit a layer.
    pub fn format(&self, space: &Space, configuration: &Configuration) -> Result<String, SpaceError> {
        self.check_digits()?;
        let mut values = space.architecture_values(configuration)?.iter();
        let digit = |stage: &Stage| {
            let chosen = if stage.operations.len() > 1 { values.next().copied() } else { None };
            char::from(b'0' + chosen.unwrap_or(0.0) as u8)
        };
        Ok(self.layers().map(digit).collect())
    }

    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        self.check()?;
        let mut all = Vec::new();
        let (low, high) = (self.min_stages() as i64, self.stages.len() as i64);
        if low < high {
            all.push(ParameterSpec::new(N_STAGES, ParameterType::Int { low, high, log: false, step: 1 }));
        }
        let mut push = |name: String, kind: ParameterType, n_values: usize, when: Vec<ConditionSpec>| {
            if n_values > 1 {
                let when = (!when.is_empty()).then_some(ConditionSpec::All { all: when });
                all.push(ParameterSpec { when, ..ParameterSpec::new(name, kind) });
            }
        };
        let ordinal = |values: &[i64]| ParameterType::Ordinal {
            values: values.iter().map(|&value| value.into()).collect(),
        };
        push(RESOLUTION.into(), ordinal(&self.resolution), self.resolution.len(), Vec::new());
        for (index, stage) in self.stages.iter().enumerate() {
            let place = index + 1;
            let mut exists = Vec::new();
            if place > self.min_stages() {
                exists.push(ConditionSpec::AtLeast { parameter: N_STAGES.into(), at_least: place as f64 });
            }
            for (what, values) in
                [("depth", &stage.depth), ("width", &stage.width), ("stride", &stage.stride)]
            {
                push(stage_name(place, what), ordinal(values), values.len(), exists.clone());
            }
            let choices: Vec<Value> = stage.operations.iter().map(|name| name.as_str().into()).collect();
            for layer in 1..=stage.depth.last().copied().unwrap_or(0) {
                let mut when = exists.clone();
                if stage.depth.iter().any(|&depth| depth < layer) {
                    let deep = stage.depth.iter().filter(|&&depth| depth >= layer);
                    let one_of = deep.map(|&depth| depth.into()).collect();
                    when.push(ConditionSpec::In { parameter: stage_name(place, "depth"), one_of });
                }
                let kind = ParameterType::Categorical { choices: choices.clone() };
                push(stage_name(place, &format!("op_{layer}")), kind, choices.len(), when);
            }
        }
        Ok(all)
    }

    pub(super) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        space.architecture_values(configuration)?;
        let number = |name: &str, only: i64| {
            space
                .architecture_value(configuration, name)
                .and_then(|value| value.as_f64())
                .map_or(only, |value| value as i64)
        };
        let mut graph = ArchitectureGraph::with_input();
        if let Some(&only) = self.resolution.first() {
            graph.nodes[0] = graph.nodes[0].clone().with(RESOLUTION, number(RESOLUTION, only));
        }
        let mut place = 0;
        let mut channels = None;
        let n_stages = number(N_STAGES, self.stages.len() as i64) as usize;
        for (index, stage) in self.stages.iter().take(n_stages).enumerate() {
            let name = |what: &str| stage_name(index + 1, what);
            let width = number(&name("width"), stage.width[0]);
            let stride = number(&name("stride"), stage.stride[0]);
            for layer in 1..=number(&name("depth"), stage.depth[0]) {
                let chosen = space.architecture_value(configuration, &name(&format!("op_{layer}")));
                let mut node = Node::new(chosen.map_or(stage.operations[0].clone(), |name| name.to_string()));
                if layer == 1 && channels.replace(width) != Some(width) {
                    node = node.with("channels", width);
                }
                if layer == 1 && stride != 1 {
                    node = node.with("stride", stride);
                }
                place = graph.add(node, &[place]);
            }
        }
        graph.add(Node::new(Node::OUTPUT), &[place]);
        Ok(graph)
    }

    /// Layers of the deepest network.
    pub(super) fn max_layers(&self) -> usize {
        self.layers().count()
    }

    fn min_stages(&self) -> usize {
        self.min_stages.unwrap_or(self.stages.len())
    }

    /// Every layer of the deepest network, as its stage.
    fn layers(&self) -> impl Iterator<Item = &Stage> {
        self.stages.iter().flat_map(|stage| {
            let depth = stage.depth.last().copied().unwrap_or(0);
            std::iter::repeat_n(stage, depth as usize)
        })
    }

    fn check(&self) -> Result<(), SpaceError> {
        let positive = |values: &[i64]| {
            !values.is_empty() && values.iter().all(|&value| value > 0) && values.is_sorted_by(|a, b| a < b)
        };
        let problem = if self.stages.is_empty() {
            "no stages; hint: add an `[[architecture.stage]]`".to_owned()
        } else if !(1..=self.stages.len()).contains(&self.min_stages()) {
            format!("`min_stages = {}` of {} stages", self.min_stages(), self.stages.len())
        } else if !self.resolution.is_empty() && !positive(&self.resolution) {
            "`resolution` must hold positive numbers, ascending".to_owned()
        } else if let Some(index) = self.stages.iter().position(|stage| {
            ![&stage.depth, &stage.width, &stage.stride].into_iter().all(|values| positive(values))
                || stage.operations.is_empty()
        }) {
            format!(
                "stage {}: hint: give `depth`, `width` and `stride` as positive numbers, ascending, and at least \
                 one of `operations`",
                index + 1
            )
        } else {
            let deepest = self.stages.iter().filter_map(|stage| stage.depth.last());
            let n_layers = deepest.fold(0usize, |n, &depth| n.saturating_add(size(depth)));
            return check_size(n_layers, "lower the `depth` of the stages");
        };
        Err(SpaceError::BadArchitecture { problem })
    }

    /// Whether one digit a layer says everything.
    fn check_digits(&self) -> Result<(), SpaceError> {
        let is_fixed = |stage: &Stage| {
            let single = [&stage.depth, &stage.width, &stage.stride].iter().all(|values| values.len() == 1);
            single && stage.operations.len() <= 10
        };
        if self.min_stages() == self.stages.len()
            && self.resolution.len() <= 1
            && self.stages.iter().all(is_fixed)
        {
            return Ok(());
        }
        let problem = "a macro shape that varies in more than its operations has no string form; hint: give \
                       its parameters by name";
        Err(SpaceError::BadArchitecture { problem: problem.into() })
    }
}

fn stage_name(stage: usize, what: &str) -> String {
    format!("stage_{stage}_{what}")
}

#[cfg(test)]
mod tests;
