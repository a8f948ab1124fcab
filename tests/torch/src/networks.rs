//! The networks whose training is timed; `peers/train.py` writes them as a user of PyTorch would.

use std::collections::BTreeMap;

use heirloom_model::{Configuration, Space, SpaceSpec, Value};
use heirloom_network::{Frame, Head, Network, Shape};
use heirloom_torch_nets::Rule;
use serde_json::json;

/// A network, its batch and its optimizer.
pub(crate) struct Job {
    pub(crate) network: Network,
    pub(crate) batch_size: usize,
    pub(crate) rule: Rule,
    pub(crate) weight_decay: f64,
}

/// The names of the networks.
pub(crate) const NAMES: [&str; 3] = ["mlp", "cell", "resnet"];

/// Every network tells so many classes apart.
pub(crate) const N_CLASSES: usize = 10;

/// A cell of NAS-Bench-201 with all its operations.
const CELL: &str =
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|";

/// Convolutions in the residual network; with the last linear layer it has 20 layers.
const N_CONVOLUTIONS: usize = 19;

impl Job {
    /// The network of this name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let image = || Shape(vec![3, 32, 32]);
        let sgd = (Rule::Sgd { momentum: 0.9, nesterov: true }, 5e-4);
        let (network, batch_size, (rule, weight_decay)) = match name {
            "mlp" => (perceptron()?, 128, (Rule::ADAM, 0.0)),
            "cell" => {
                let space = space(json!({
                    "kind": "edge-cell", "n_nodes": 4,
                    "operations": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"],
                }))?;
                let configuration = space.parse_architecture(CELL).ok_or("cells have a text")?;
                (lowered(&space, &configuration.map_err(text)?, image())?, 64, sgd)
            }
            "resnet" => (residual(image())?, 64, sgd),
            _ => return Err(format!("`{name}` is no network; there are {}", NAMES.join(", "))),
        };
        Ok(Self { network, batch_size, rule, weight_decay })
    }
}

/// Four layers of 256 units on 64 features.
fn perceptron() -> Result<Network, String> {
    let space = space(json!({
        "kind": "shaped-mlp", "n_layers": [1, 4], "max_units": [256, 256], "shapes": ["brick"],
        "activations": ["relu"], "batch_norm": [false], "use_dropout": [false], "residual": [false],
    }))?;
    let configuration =
        space.from_named(&BTreeMap::from([("n_layers".to_owned(), Value::Int(4))])).map_err(text)?;
    lowered(&space, &configuration, Shape(vec![64]))
}

/// A stem and nine blocks of two convolutions; what a block gets is the result of the one before it and that of the
/// one before that.
fn residual(input: Shape) -> Result<Network, String> {
    let space = space(json!({
        "kind": "chain", "min_layers": 1, "max_layers": N_CONVOLUTIONS, "joins": ["sum"],
        "operation": [{"name": "conv", "parameter": [
            {"name": "channels", "type": "ordinal", "values": [16, 32, 64]},
            {"name": "stride", "type": "ordinal", "values": [1, 2]},
        ]}],
    }))?;
    let mut values = BTreeMap::from([("n_layers".to_owned(), Value::Int(N_CONVOLUTIONS as i64))]);
    let mut set = |name: String, value: Value| values.insert(name, value);
    for layer in 1..=N_CONVOLUTIONS {
        // Blocks are the layers 2 and 3, 4 and 5, …; every third one begins a stage.
        let stage = layer.saturating_sub(2) / 6;
        let begins_stage = layer == 8 || layer == 14;
        let begins_block = layer % 2 == 0 && layer >= 4;
        set(format!("layer_{layer}_op"), "conv".into());
        set(format!("layer_{layer}_conv_channels"), Value::Int(16 << stage));
        set(format!("layer_{layer}_conv_stride"), Value::Int(if begins_stage { 2 } else { 1 }));
        for from in 0..layer.saturating_sub(1) {
            let skips = begins_block && from + 3 == layer;
            set(format!("layer_{layer}_from_{from}"), Value::Bool(skips));
        }
        if begins_block {
            set(format!("layer_{layer}_join"), "sum".into());
        }
    }
    let configuration = space.from_named(&values).map_err(text)?;
    lowered(&space, &configuration, input)
}

/// The space of the architectures that `architecture` describes.
pub(crate) fn space(architecture: serde_json::Value) -> Result<Space, String> {
    let spec: SpaceSpec = serde_json::from_value(json!({ "architecture": architecture })).map_err(text)?;
    Space::compile(spec).map_err(text)
}

/// The network of a configuration for images or rows of this shape.
pub(crate) fn lowered(space: &Space, configuration: &Configuration, input: Shape) -> Result<Network, String> {
    let spec = space.architecture_spec().ok_or("the space has no architecture")?;
    let graph = space.architecture(configuration).ok_or("the space has no architecture")?.map_err(text)?;
    Frame::new(input, Head::Classes(N_CLASSES)).network(spec, &graph).map_err(text)
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
