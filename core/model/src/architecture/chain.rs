//! Chains of layers, with or without connections that skip layers.

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::space::{ConditionSpec, Configuration, ParameterSpec, ParameterType, Space, SpaceError};

use super::parameters::is;
use super::{ArchitectureGraph, Node, check_size, n_pairs};

/// A chain of `min_layers` to `max_layers` layers, each with one of `operations` and that operation's own
/// hyperparameters.
///
/// ```toml
/// [architecture]
/// kind = "chain"
/// min_layers = 1
/// max_layers = 4
/// joins = ["sum", "concat"]
///
/// [[architecture.operation]]
/// name = "conv"
/// parameter = [
///     { name = "channels", type = "ordinal", values = [16, 32, 64] },
///     { name = "kernel", type = "ordinal", values = [3, 5] },
/// ]
///
/// [[architecture.operation]]
/// name = "max_pool"
/// ```
///
/// Compiles to `n_layers` and, for each layer `i` from 1 (0 is the input), `layer_i_op` and
/// `layer_i_OPERATION_PARAMETER`, active where the layer and the operation are. With `joins`, a layer's input is a
/// function of all earlier outputs: `layer_i_from_j` says whether the output of layer `j` enters besides that of
/// layer `i - 1`, and `layer_i_join` how they are joined. ResNets (sums) and DenseNets (all joined by `concat`) are
/// points of such a space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Fewest layers.
    pub min_layers: usize,
    /// Most layers.
    pub max_layers: usize,
    /// What a layer may do.
    #[serde(rename = "operation")]
    pub operations: Vec<LayerOperation>,
    /// How a layer may join several inputs, among `sum` and `concat`; empty: no connection skips a layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<String>,
}

/// An operation and its own hyperparameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerOperation {
    /// The operation's name.
    pub name: String,
    /// Its hyperparameters; their conditions may name one another.
    #[serde(default, rename = "parameter", skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ParameterSpec>,
}

const N_LAYERS: &str = "n_layers";

impl Chain {
    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        self.check()?;
        let (low, high) = (self.min_layers as i64, self.max_layers as i64);
        let mut all =
            vec![ParameterSpec::new(N_LAYERS, ParameterType::Int { low, high, log: false, step: 1 })];
        for layer in 1..=self.max_layers {
            let exists = ConditionSpec::AtLeast { parameter: N_LAYERS.into(), at_least: layer as f64 };
            let names = self.operations.iter().map(|operation| operation.name.as_str().into());
            all.push(choice(&operation_name(layer), names.collect(), exists.clone()));
            for operation in &self.operations {
                let prefix = format!("layer_{layer}_{}_", operation.name);
                let chosen = is(operation_name(layer), operation.name.as_str());
                all.extend(operation.parameters.iter().map(|own| prefixed(own, &prefix, &chosen)));
            }
            if !self.joins.is_empty() && layer >= 2 {
                let earlier = 0..layer - 1;
                let skip = |from| {
                    let choices = vec![Value::Bool(false), Value::Bool(true)];
                    choice(&skip_name(layer, from), choices, exists.clone())
                };
                all.extend(earlier.clone().map(skip));
                let several = earlier.map(|from| is(skip_name(layer, from), true)).collect();
                let joins = self.joins.iter().map(|join| join.as_str().into()).collect();
                all.push(choice(&join_name(layer), joins, ConditionSpec::Any { any: several }));
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
        let value = |name: &str| {
            space
                .architecture_value(configuration, name)
                .ok_or_else(|| SpaceError::MissingValue { parameter: name.into() })
        };
        let n_layers = value(N_LAYERS)?.as_f64().map_or(0, |n| n as usize);
        let mut graph = ArchitectureGraph::with_input();
        let mut outputs = vec![0];
        for layer in 1..=n_layers {
            let mut input = outputs[layer - 1];
            let skips: Vec<usize> = (0..layer - 1)
                .filter(|&from| {
                    let skip = space.architecture_value(configuration, &skip_name(layer, from));
                    skip == Some(Value::Bool(true))
                })
                .collect();
            if !skips.is_empty() {
                let inputs: Vec<usize> = skips.iter().map(|&from| outputs[from]).chain([input]).collect();
                input = graph.add(Node::new(value(&join_name(layer))?.to_string()), &inputs);
            }
            let name = value(&operation_name(layer))?.to_string();
            let operation = self.operations.iter().find(|operation| operation.name == name);
            let own = operation.map_or(&[][..], |operation| &operation.parameters);
            let mut node = Node::new(&*name);
            for parameter in own {
                let place = format!("layer_{layer}_{name}_{}", parameter.name);
                if let Some(value) = space.architecture_value(configuration, &place) {
                    node = node.with(&*parameter.name, value);
                }
            }
            outputs.push(graph.add(node, &[input]));
        }
        graph.add(Node::new(Node::OUTPUT), &[outputs[n_layers]]);
        Ok(graph)
    }

    fn check(&self) -> Result<(), SpaceError> {
        let known = [Node::SUM, Node::CONCAT];
        let problem = if self.min_layers > self.max_layers || self.max_layers == 0 {
            format!(
                "a chain of {} to {} layers; hint: `max_layers` must be at least 1 and `min_layers`",
                self.min_layers, self.max_layers
            )
        } else if self.operations.is_empty() {
            "a chain without operations; hint: add an `[[architecture.operation]]`".into()
        } else if let Some(join) = self.joins.iter().find(|join| !known.contains(&join.as_str())) {
            format!("`{join}` does not join inputs; hint: use `sum` or `concat`")
        } else {
            let n_skips = if self.joins.is_empty() { 0 } else { n_pairs(self.max_layers) };
            return check_size(n_skips.saturating_add(self.max_layers), "lower `max_layers`");
        };
        Err(SpaceError::BadArchitecture { problem })
    }
}

fn operation_name(layer: usize) -> String {
    format!("layer_{layer}_op")
}

fn skip_name(layer: usize, from: usize) -> String {
    format!("layer_{layer}_from_{from}")
}

fn join_name(layer: usize) -> String {
    format!("layer_{layer}_join")
}

fn choice(name: &str, choices: Vec<Value>, when: ConditionSpec) -> ParameterSpec {
    ParameterSpec { when: Some(when), ..ParameterSpec::new(name, ParameterType::Categorical { choices }) }
}

/// An operation's own parameter in one layer: `prefix` before its name and before those its condition names.
fn prefixed(own: &ParameterSpec, prefix: &str, chosen: &ConditionSpec) -> ParameterSpec {
    let mut parameter = own.clone();
    parameter.name.insert_str(0, prefix);
    parameter.aliases.iter_mut().for_each(|alias| alias.insert_str(0, prefix));
    parameter.when = Some(match &own.when {
        None => chosen.clone(),
        Some(when) => {
            let mut when = when.clone();
            when.rename(&|name| format!("{prefix}{name}"));
            ConditionSpec::All { all: vec![chosen.clone(), when] }
        }
    });
    parameter
}

#[cfg(test)]
mod tests;
