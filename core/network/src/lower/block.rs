//! What an operation of an architecture graph stands for, by its name and attributes.

use heirloom_model::Value;
use heirloom_model::architecture::Node;

use crate::network::MAX_CHANNELS;
use crate::{Activation, NetworkError, Operation, Resampling};

use super::layers::{Convolution, Layers, Order, Pooling};

/// What a message names when it meets another operation.
pub(super) const KNOWN: &str = "none, skip_connect, identity, linear, flatten, global_pool, relu, gelu, silu, tanh, \
    sigmoid, leaky_relu, relu6, batch_norm, dropout, conv, conv_KxK, nor_conv_KxK, convKxK-bn-relu, conv_AxB_BxA, \
    dw_conv_KxK, sep_conv_KxK, dil_conv_KxK, dil_sep_conv_KxK, avg_pool_KxK, max_pool_KxK, maxpoolKxK, ir_KxK_tE, mbE_kK, \
    down, up";

/// The kernel of a convolution or pooling that names none.
const DEFAULT_KERNEL: usize = 3;

/// An operation that layers stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Block {
    /// Zeros.
    Zero,
    /// The input itself; where width or resolution change, what stands for that.
    Identity,
    /// A linear layer; images are flattened before it.
    Linear,
    /// A function applied to each number.
    Activation(Activation),
    /// Batch normalisation.
    BatchNorm,
    /// Dropout.
    Dropout,
    /// All numbers in a row.
    Flatten,
    /// The mean of each channel.
    GlobalPool,
    /// Convolution, normalisation and activation.
    Convolution { kernel: usize, order: Option<Order> },
    /// A convolution along rows, one along columns: Inception's factorised convolution (Szegedy et al. 2016).
    Factorized { kernel: [usize; 2] },
    /// A convolution of each channel by itself.
    Depthwise { kernel: usize },
    /// A depthwise separable convolution; two where the activation comes first (NASNet, Zoph et al. 2018).
    Separable { kernel: usize },
    /// One depthwise separable convolution of dilation 2 (DARTS, Liu, Simonyan & Yang 2019).
    Dilated { kernel: usize },
    /// Pooling.
    Pooling { kind: Pooling, kernel: usize },
    /// MobileNetV2's block.
    InvertedResidual { kernel: usize, expansion: usize },
    /// Half the image: a 3×3 convolution.
    Down,
    /// Twice the image: resized and mixed by a 1×1 convolution, or by a transposed 2×2 convolution.
    Up(Enlargement),
}

/// How an image is enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enlargement {
    /// By resampling.
    Resampled(Resampling),
    /// By a transposed convolution.
    Transposed,
}

/// What an operation does where its node does not say it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    /// Channels of the result; as many as the input's where nothing says it.
    pub(super) channels: Option<usize>,
}

/// How a family reads the operations that say nothing of it themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// Where activation and normalisation stand.
    pub(super) order: Order,
    /// What the numbers of channels and units are multiplied by.
    pub(super) width: f64,
    /// Whether an identity that halves the image keeps all pixels (DARTS), or is a strided convolution.
    pub(super) factorized_identity: bool,
    /// Whether what follows a `concat` gives as many channels as the first that it joins.
    pub(super) merges: bool,
}

impl Setting {
    pub(super) fn new(order: Order, width: f64) -> Self {
        Self { order, width, factorized_identity: false, merges: false }
    }

    /// A number of channels or units by the width multiplier, at least 1.
    pub(super) fn scaled(&self, n: usize) -> usize {
        scaled(n, self.width)
    }
}

/// `n` times `width`, rounded, at least 1. One more than a layer may have stands for all that is too much, so that
/// nothing made of it is beyond counting before a layer refuses it.
pub(super) fn scaled(n: usize, width: f64) -> usize {
    ((n as f64 * width).round() as usize).clamp(1, MAX_CHANNELS + 1)
}

impl Block {
    /// What the node stands for; `place` says which one it is when that, or one of its attributes, is unknown.
    pub(super) fn of(node: &Node, place: &str) -> Result<Self, NetworkError> {
        let block = Self::parse(node).ok_or_else(|| NetworkError::UnknownOperation {
            node: place.into(),
            operation: node.operation.clone(),
            known: KNOWN,
        })?;
        let known = block.attributes();
        let is_known = |name: &str| known.contains(&name) || Node::PLACES.contains(&name);
        if let Some(unknown) = node.attributes.keys().find(|name| !is_known(name)) {
            let hint = match known {
                [] => "it takes no attribute".into(),
                known => format!("known are `{}`", known.join("`, `")),
            };
            return Err(NetworkError::Architecture {
                problem: format!(
                    "node `{place}`: what `{unknown}` means to `{}` is not known; hint: {hint}",
                    node.operation
                ),
            });
        }
        for share in ["rate", "dropout"] {
            if let Some(rate) = number(node, share).filter(|rate| !(0.0..1.0).contains(rate)) {
                return Err(NetworkError::Architecture {
                    problem: format!(
                        "node `{place}`: `{share} = {rate}` of `{}` is no share that dropout can set to zero; hint: \
                         from 0 on, below 1",
                        node.operation
                    ),
                });
            }
        }
        Ok(block)
    }

    /// The attributes that count.
    fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::Zero | Self::Identity | Self::InvertedResidual { .. } => &["channels", "stride"],
            Self::Linear => &["units", "batch_norm", "activation", "dropout"],
            Self::Activation(_) | Self::BatchNorm | Self::Flatten | Self::GlobalPool => &[],
            Self::Dropout => &["rate"],
            Self::Convolution { .. } | Self::Separable { .. } => {
                &["channels", "kernel", "stride", "dilation", "activation", "separable"]
            }
            Self::Factorized { .. } => &["channels", "stride", "activation"],
            Self::Dilated { .. } => &["channels", "kernel", "stride", "activation"],
            Self::Depthwise { .. } => &["kernel", "stride", "dilation", "activation"],
            Self::Pooling { .. } => &["kernel", "stride"],
            Self::Down => &["channels"],
            Self::Up(_) => &["channels", "mode"],
        }
    }

    fn parse(node: &Node) -> Option<Self> {
        let name = node.operation.as_str();
        if Node::ZEROS.contains(&name) {
            return Some(Self::Zero);
        }
        if Node::IDENTITIES.contains(&name) {
            return Some(Self::Identity);
        }
        match name {
            "linear" => return Some(Self::Linear),
            "batch_norm" => return Some(Self::BatchNorm),
            "dropout" => return Some(Self::Dropout),
            "flatten" => return Some(Self::Flatten),
            "global_pool" => return Some(Self::GlobalPool),
            "down" => return Some(Self::Down),
            "up" => return enlargement(node).map(Self::Up),
            _ => {}
        }
        if let Some(function) = activation(name) {
            return Some(Self::Activation(function));
        }
        let named = attribute(node, "kernel");
        if let Some((kernel, expansion)) = name.strip_prefix("ir_").and_then(|rest| rest.split_once("_t")) {
            return Some(Self::InvertedResidual {
                kernel: square(kernel)?,
                expansion: expansion.parse().ok()?,
            });
        }
        if let Some((expansion, kernel)) = name.strip_prefix("mb").and_then(|rest| rest.split_once("_k")) {
            return Some(Self::InvertedResidual {
                kernel: kernel.parse().ok()?,
                expansion: expansion.parse().ok()?,
            });
        }
        let sized = |prefix: &str| {
            let size = name.strip_prefix(prefix)?.trim_start_matches('_');
            if size.is_empty() { Some(named.unwrap_or(DEFAULT_KERNEL)) } else { square(size) }
        };
        if let Some(kernel) = sized("nor_conv") {
            return Some(Self::Convolution { kernel, order: Some(Order::ActivationFirst) });
        }
        if let Some(size) = name.strip_prefix("conv").and_then(|rest| rest.strip_suffix("-bn-relu")) {
            return Some(Self::Convolution { kernel: square(size)?, order: Some(Order::ActivationLast) });
        }
        if let Some(kernel) = sized("dw_conv") {
            return Some(Self::Depthwise { kernel });
        }
        if let Some(kernel) = sized("sep_conv") {
            return Some(Self::Separable { kernel });
        }
        if let Some(kernel) = ["dil_sep_conv", "dil_conv"].into_iter().find_map(sized) {
            return Some(Self::Dilated { kernel });
        }
        for (prefix, kind) in
            [("avg_pool", Pooling::Average), ("max_pool", Pooling::Maximum), ("maxpool", Pooling::Maximum)]
        {
            if let Some(kernel) = sized(prefix) {
                return Some(Self::Pooling { kind, kernel });
            }
        }
        if let Some(kernel) = sized("conv") {
            let separable = node.attributes.get("separable") == Some(&Value::Bool(true));
            let order = None;
            return Some(if separable {
                Self::Separable { kernel }
            } else {
                Self::Convolution { kernel, order }
            });
        }
        let (first, second) = name.strip_prefix("conv_")?.split_once('_')?;
        let ((a, b), (c, d)) = (sides(first)?, sides(second)?);
        let is_factorized = (a, b) == (d, c) && (a == 1 || b == 1) && a * b % 2 == 1;
        is_factorized.then_some(Self::Factorized { kernel: [a, b] })
    }

    /// Adds the layers that the node stands for, all with names that start with `name`.
    pub(super) fn apply(
        self,
        layers: &mut Layers,
        setting: Setting,
        name: &str,
        node: &Node,
        defaults: Defaults,
        input: usize,
    ) -> Result<usize, NetworkError> {
        let stride = attribute(node, "stride").unwrap_or(1).max(1);
        let outputs = attribute(node, "channels")
            .map(|channels| setting.scaled(channels))
            .or(defaults.channels)
            .unwrap_or(layers.channels(input));
        let dilation = attribute(node, "dilation").unwrap_or(1).max(1);
        let function = named_activation(node, name)?.unwrap_or(Activation::Relu);
        let convolution =
            |kernel| Convolution { stride, dilation, function, ..Convolution::new(outputs, kernel) };
        match self {
            Self::Zero if outputs == layers.channels(input) => {
                layers.add(format!("{name}.zero"), Operation::Zero { stride }, input)
            }
            Self::Zero => Err(NetworkError::Architecture {
                problem: format!("`{name}`: zeros cannot have another width than their input"),
            }),
            Self::Identity if stride == 1 && outputs == layers.channels(input) => Ok(input),
            Self::Identity if setting.factorized_identity && stride == 2 => {
                layers.factorized_reduction(name, outputs, input)
            }
            Self::Identity => layers.conv_norm(name, convolution(1), input),
            Self::Linear => {
                let units = attribute(node, "units");
                let flat = layers.flatten(name, input)?;
                let outputs = units.map_or(layers.channels(flat), |units| setting.scaled(units));
                let operation = Operation::Linear { outputs, bias: true };
                let linear = layers.add(format!("{name}.linear"), operation, flat)?;
                finish(layers, name, node, linear)
            }
            Self::Activation(function) => layers.activate(name, function, input),
            Self::BatchNorm => layers.norm(name, input),
            Self::Dropout => {
                let rate = number(node, "rate").unwrap_or(0.5);
                layers.add(format!("{name}.dropout"), Operation::Dropout { rate }, input)
            }
            Self::Flatten => layers.flatten(name, input),
            Self::GlobalPool => layers.global_pool(name, input),
            Self::Convolution { kernel, order } => {
                layers.conv(name, convolution(kernel), order.unwrap_or(setting.order), input)
            }
            Self::Factorized { kernel: [height, width] } => {
                let before = setting.order == Order::ActivationFirst;
                let active = if before { layers.activate(name, function, input)? } else { input };
                // The stride of the second alone gives what a stride along each convolution's own axis would.
                let first = Convolution { kernel: [height, width], stride: 1, ..convolution(1) };
                let second = Convolution { kernel: [width, height], ..convolution(1) };
                let along = layers.named_conv(format!("{name}.conv_1"), first, active)?;
                let across = layers.named_conv(format!("{name}.conv_2"), second, along)?;
                let normalised = layers.norm(name, across)?;
                if before { Ok(normalised) } else { layers.activate(name, function, normalised) }
            }
            Self::Depthwise { kernel } => {
                let channels = layers.channels(input);
                let filter = Convolution { outputs: channels, groups: channels, ..convolution(kernel) };
                layers.conv(name, filter, setting.order, input)
            }
            Self::Separable { kernel } if setting.order == Order::ActivationLast => {
                layers.separable(name, convolution(kernel), setting.order, input)
            }
            Self::Separable { kernel } => {
                let own = layers.channels(input);
                let first = Convolution { outputs: own, ..convolution(kernel) };
                let half = layers.separable(&format!("{name}.first"), first, setting.order, input)?;
                let second = convolution(kernel).stride(1);
                layers.separable(&format!("{name}.second"), second, setting.order, half)
            }
            Self::Dilated { kernel } => {
                let dilated = Convolution { dilation: 2, ..convolution(kernel) };
                layers.separable(name, dilated, setting.order, input)
            }
            Self::Pooling { kind, kernel } => layers.pool(name, kind, kernel, stride, input),
            Self::InvertedResidual { kernel, expansion } => {
                layers.inverted_residual(name, convolution(kernel), expansion.max(1), input)
            }
            Self::Down => layers.conv(name, convolution(3).stride(2), setting.order, input),
            Self::Up(enlargement) => {
                let size = attribute(node, "level").and_then(|level| layers.size_at(level));
                layers.enlarge(name, enlargement, outputs, size, input)
            }
        }
    }
}

/// What a node's attributes `batch_norm`, `activation` and `dropout` add behind its linear layer.
fn finish(layers: &mut Layers, name: &str, node: &Node, linear: usize) -> Result<usize, NetworkError> {
    let mut place = linear;
    if node.attributes.get("batch_norm") == Some(&Value::Bool(true)) {
        place = layers.norm(name, place)?;
    }
    if let Some(function) = named_activation(node, name)? {
        place = layers.activate(name, function, place)?;
    }
    if let Some(rate) = number(node, "dropout").filter(|&rate| rate > 0.0) {
        place = layers.add(format!("{name}.dropout"), Operation::Dropout { rate }, place)?;
    }
    Ok(place)
}

/// The function that the attribute `activation` names.
fn named_activation(node: &Node, place: &str) -> Result<Option<Activation>, NetworkError> {
    match node.attributes.get("activation") {
        None => Ok(None),
        Some(value) => {
            let name = value.to_string();
            activation(&name).map(Some).ok_or_else(|| NetworkError::UnknownOperation {
                node: place.into(),
                operation: name,
                known: "relu, gelu, silu, tanh, sigmoid, leaky_relu, relu6",
            })
        }
    }
}

fn activation(name: &str) -> Option<Activation> {
    Some(match name {
        "relu" => Activation::Relu,
        "gelu" => Activation::Gelu,
        "silu" | "swish" => Activation::Silu,
        "tanh" => Activation::Tanh,
        "sigmoid" => Activation::Sigmoid,
        "leaky_relu" => Activation::LeakyRelu,
        "relu6" => Activation::Relu6,
        _ => return None,
    })
}

/// How the attribute `mode` of an `up` says; bilinear where it does not.
fn enlargement(node: &Node) -> Option<Enlargement> {
    let Some(mode) = node.attributes.get("mode") else {
        return Some(Enlargement::Resampled(Resampling::Bilinear));
    };
    Some(match mode.to_string().as_str() {
        "nearest" => Enlargement::Resampled(Resampling::Nearest),
        "bilinear" => Enlargement::Resampled(Resampling::Bilinear),
        "transposed" => Enlargement::Transposed,
        _ => return None,
    })
}

/// A node's attribute that counts something.
pub(super) fn attribute(node: &Node, name: &str) -> Option<usize> {
    node.int(name).and_then(|number| usize::try_from(number).ok())
}

fn number(node: &Node, name: &str) -> Option<f64> {
    node.attributes.get(name)?.as_f64()
}

/// The number in `3x3`, or in a plain `3`.
fn square(text: &str) -> Option<usize> {
    if let Ok(side) = text.parse() {
        return Some(side);
    }
    let (height, width) = sides(text)?;
    (height == width).then_some(height)
}

/// The numbers in `1x7`.
fn sides(text: &str) -> Option<(usize, usize)> {
    let (height, width) = text.split_once('x')?;
    Some((height.parse().ok()?, width.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_benchmarks_write_them() {
        let check = |name: &str, kernel: Option<i64>, expected| {
            let node = Node::new(name);
            let node = match kernel {
                Some(kernel) => node.with("kernel", kernel),
                None => node,
            };
            assert_eq!(Block::parse(&node), expected, "{name}");
        };
        let conv = |kernel, order| Some(Block::Convolution { kernel, order });
        let maximum = |kernel| Some(Block::Pooling { kind: Pooling::Maximum, kernel });
        check("none", None, Some(Block::Zero));
        check("skip_connect", None, Some(Block::Identity));
        check("nor_conv_1x1", None, conv(1, Some(Order::ActivationFirst)));
        check("conv", Some(5), conv(5, None));
        check("conv", None, conv(3, None));
        check("conv_1x1", None, conv(1, None));
        check("conv3x3-bn-relu", None, conv(3, Some(Order::ActivationLast)));
        check("avg_pool_3x3", None, Some(Block::Pooling { kind: Pooling::Average, kernel: 3 }));
        check("max_pool", Some(2), maximum(2));
        check("maxpool3x3", None, maximum(3));
        check("sep_conv_5x5", None, Some(Block::Separable { kernel: 5 }));
        check("dil_conv_3x3", None, Some(Block::Dilated { kernel: 3 }));
        check("conv_7x1_1x7", None, Some(Block::Factorized { kernel: [7, 1] }));
        check("ir_5x5_t6", None, Some(Block::InvertedResidual { kernel: 5, expansion: 6 }));
        check("mb3_k7", None, Some(Block::InvertedResidual { kernel: 7, expansion: 3 }));
        check("leaky_relu", None, Some(Block::Activation(Activation::LeakyRelu)));
        check("conv_3x5", None, None);
        check("conv_7x1_7x1", None, None);
        check("gat", None, None);
    }
}
