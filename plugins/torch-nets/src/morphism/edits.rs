//! What each morphism does to the layers.

use heirloom_network::{Activation, Network, Operation};

use super::draft::Draft;
use crate::TorchError;
use crate::inherit::units::Units;
use crate::inherit::values::{Values, is_identity};

/// The hidden layer of a new branch.
#[derive(Clone, Copy)]
pub(super) struct Hidden {
    pub(super) units: usize,
    pub(super) kernel: usize,
    pub(super) batch_norm: bool,
    pub(super) activation: Option<Activation>,
}

fn find(network: &Network, name: &str) -> Result<usize, TorchError> {
    network.find(name).ok_or_else(|| refused(name, "the network has no such layer"))
}

fn refused(layer: &str, message: impl Into<String>) -> TorchError {
    TorchError::other(format!("morphism of `{layer}`"), message)
}

pub(super) fn resize(
    network: &Network,
    name: &str,
    outputs: usize,
    is_wider: bool,
) -> Result<Network, TorchError> {
    let place = find(network, name)?;
    let units = Units::new(network);
    let old = network.shapes()[place].0[0];
    if units.of(place).is_empty() || place == 0 {
        let hint =
            "linear layers and full convolutions have units of their own; hint: name the one that feeds it";
        return Err(refused(name, format!("{hint}, this is `{}`", network.layers()[place].operation.name())));
    }
    if (is_wider && outputs < old) || (!is_wider && (outputs > old || outputs == 0)) {
        let wanted = if is_wider { "more" } else { "fewer, but not none" };
        return Err(refused(name, format!("it has {old} units, {outputs} are not {wanted}")));
    }
    let n_changed = old.abs_diff(outputs);
    let atoms = units.of(place);
    let changed = atoms
        .iter()
        .rev()
        .map(|&(_, atom)| atom)
        .find(|&atom| !units.frozen[atom] && (is_wider || units.atoms[atom].len > n_changed));
    let Some(changed) = changed else {
        let tied: Vec<String> = atoms
            .iter()
            .flat_map(|&(_, atom)| &units.atoms[atom].members)
            .filter(|member| member.0 != place)
            .map(|member| format!("`{}`", network.layers()[member.0].name))
            .collect();
        let through = if tied.is_empty() { String::new() } else { format!(", tied to {}", tied.join(", ")) };
        let message = format!(
            "its units{through} reach the network's input or output, a grouped convolution or a sum that cannot \
             grow; hint: widen another layer"
        );
        return Err(refused(name, message));
    };
    let mut draft = Draft::new(network);
    for &(member, _) in &units.atoms[changed].members {
        let (Operation::Linear { outputs, .. } | Operation::Conv { outputs, .. }) =
            &mut draft.layers[member].operation
        else {
            continue;
        };
        *outputs = if is_wider { *outputs + n_changed } else { *outputs - n_changed };
    }
    draft.build()
}

pub(super) fn deepen(
    network: &Network,
    after: &str,
    kernel: usize,
    batch_norm: bool,
    activation: Option<Activation>,
) -> Result<Network, TorchError> {
    let place = find(network, after)?;
    let shape = &network.shapes()[place];
    let mut layers = vec![layer_for(shape.0.len(), shape.0[0], kernel, 1).ok_or_else(|| {
        refused(after, format!("a kernel of {kernel} cannot be the identity; hint: take an odd one"))
    })?];
    if batch_norm {
        layers.push(("norm", Operation::BatchNorm { affine: true }));
    }
    if let Some(function) = activation {
        let operation = Operation::activation(function);
        if !is_identity(&operation, Values::new(network).ranges[place], shape) {
            let message = format!(
                "{function:?} changes what `{after}` gives; hint: leave the activation out, or go after a rectifier"
            );
            return Err(refused(after, message));
        }
        layers.push(("activation", operation));
    }
    let mut draft = Draft::new(network);
    let stem = draft.free_name(&format!("{after}_deeper"));
    let last = place + layers.len();
    for (step, (suffix, operation)) in layers.into_iter().enumerate() {
        draft.insert(place + step + 1, format!("{stem}.{suffix}"), operation, vec![place + step]);
    }
    // What the first new layer reads stays; everything behind the last one turns to it.
    draft.rewire(place, last);
    draft.build()
}

/// A layer to `units` on features or images, which keeps the image's size but for the stride.
fn layer_for(rank: usize, units: usize, kernel: usize, stride: usize) -> Option<(&'static str, Operation)> {
    if rank == 1 {
        Some(("linear", Operation::Linear { outputs: units, bias: true }))
    } else {
        (kernel % 2 == 1).then(|| ("conv", Operation::conv(units, kernel, stride)))
    }
}

pub(super) fn branch(
    network: &Network,
    from: &str,
    into: &str,
    hidden: Option<Hidden>,
) -> Result<Network, TorchError> {
    let (start, end) = (find(network, from)?, find(network, into)?);
    let joins = matches!(network.layers()[end].operation, Operation::Sum | Operation::Concat);
    let is_concat = matches!(network.layers()[end].operation, Operation::Concat);
    if start > end || (joins && start == end) {
        return Err(refused(
            into,
            format!("`{from}` comes after it; hint: a branch leads from input to output"),
        ));
    }
    if end == 0 {
        return Err(refused(into, "nothing can be added to the input itself"));
    }
    let (source, target) = (&network.shapes()[start].0, &network.shapes()[end].0);
    let mut layers: Vec<(&'static str, Operation)> = Vec::new();
    let stride = match (&source[..], &target[..]) {
        ([_], [_]) => 1,
        ([_, height, width], [_, to_height, to_width]) => {
            let stride = height.div_ceil(*to_height);
            if height.div_ceil(stride) != *to_height || width.div_ceil(stride) != *to_width {
                let message = format!("no stride leads from {source:?} to {target:?}");
                return Err(refused(into, message));
            }
            stride
        }
        ([_, _, _], [_]) => {
            layers.push(("pool", Operation::GlobalAveragePool));
            1
        }
        _ => return Err(refused(into, format!("no branch leads from {source:?} to {target:?}"))),
    };
    let rank = target.len();
    let odd = |kernel| move || refused(into, format!("a branch's kernel of {kernel} is not odd"));
    let mut left_stride = stride;
    if let Some(Hidden { units, kernel, batch_norm, activation }) = hidden {
        if units == 0 {
            return Err(refused(into, "a branch of no units; hint: `hidden` is at least 1"));
        }
        layers.push(layer_for(rank, units, kernel, stride).ok_or_else(odd(kernel))?);
        left_stride = 1;
        if batch_norm {
            layers.push(("norm", Operation::BatchNorm { affine: true }));
        }
        if let Some(function) = activation {
            layers.push(("activation", Operation::activation(function)));
        }
    }
    if is_concat && hidden.is_none() && stride != 1 {
        return Err(refused(into, format!("{source:?} does not fit; hint: add a branch instead of a skip")));
    }
    if !is_concat {
        let projection = match rank {
            1 => Operation::Linear { outputs: target[0], bias: false },
            _ => Operation::conv(target[0], 1, left_stride),
        };
        layers.push(("project", projection));
    }
    let mut draft = Draft::new(network);
    let stem = draft.free_name(&format!("{into}_branch"));
    // In front of a layer that joins, else behind the layer that is turned into a sum.
    let first = if joins { end } else { end + 1 };
    let mut last = start;
    for (step, (suffix, operation)) in layers.into_iter().enumerate() {
        draft.insert(first + step, format!("{stem}.{suffix}"), operation, vec![last]);
        last = first + step;
    }
    if joins {
        let end = if last == start { end } else { last + 1 };
        draft.layers[end].inputs.push(last);
    } else {
        let sum = last + 1;
        draft.insert(sum, format!("{stem}.sum"), Operation::Sum, vec![end, last]);
        draft.rewire(end, sum);
    }
    draft.build()
}

pub(super) fn widen_kernel(network: &Network, name: &str, wanted: [usize; 2]) -> Result<Network, TorchError> {
    let place = find(network, name)?;
    let mut draft = Draft::new(network);
    let Operation::Conv { kernel, padding, dilation, .. } = &mut draft.layers[place].operation else {
        return Err(refused(name, "only a convolution has a kernel"));
    };
    for axis in 0..2 {
        if wanted[axis] < kernel[axis] || (wanted[axis] - kernel[axis]) % 2 == 1 {
            let message = format!(
                "a kernel of {wanted:?} does not lie around {kernel:?} evenly; hint: add an even number to each side"
            );
            return Err(refused(name, message));
        }
        padding[axis] += *dilation * (wanted[axis] - kernel[axis]) / 2;
    }
    *kernel = wanted;
    draft.build()
}

pub(super) fn drop_layer(network: &Network, name: &str) -> Result<Network, TorchError> {
    let place = find(network, name)?;
    if place == 0 {
        return Err(refused(name, "the input stays"));
    }
    let mut draft = Draft::new(network);
    draft.remove(place);
    let child = draft.build()?;
    if child.output_shape() != network.output_shape() {
        let message = format!(
            "the result would be {} instead of {}; hint: drop another layer",
            child.output_shape(),
            network.output_shape()
        );
        return Err(refused(name, message));
    }
    Ok(child)
}
