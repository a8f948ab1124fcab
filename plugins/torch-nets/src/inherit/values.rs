//! Which layers of a network give the same numbers as others, known from its structure alone.

use std::collections::HashMap;

use heirloom_network::{Activation, Network, Operation, Resampling, Shape};

/// The least and the greatest number that a layer can give.
pub(crate) type Range = (f64, f64);

const ANYTHING: Range = (f64::NEG_INFINITY, f64::INFINITY);

/// The values of a network in evaluation mode: layers that cannot differ share one number.
#[derive(Debug)]
pub(crate) struct Values {
    /// The first layer that gives the same as this one; `None` where it gives zeros.
    pub(crate) canonical: Vec<Option<usize>>,
    /// What each layer can give.
    pub(crate) ranges: Vec<Range>,
    /// Whether what each layer gives depends on the network's input.
    pub(crate) varies: Vec<bool>,
    table: HashMap<String, usize>,
}

impl Values {
    pub(crate) fn new(network: &Network) -> Self {
        let mut canonical: Vec<Option<usize>> = Vec::new();
        let mut ranges: Vec<Range> = Vec::new();
        let mut varies: Vec<bool> = Vec::new();
        let mut table = HashMap::new();
        for (place, layer) in network.layers().iter().enumerate() {
            let operation = &layer.operation;
            let inputs: Vec<Option<usize>> = layer.inputs.iter().map(|&input| canonical[input]).collect();
            let seen: Vec<Range> = layer.inputs.iter().map(|&input| ranges[input]).collect();
            let mut entry =
                |inputs: &[Option<usize>]| Some(*table.entry(key(operation, inputs)).or_insert(place));
            let value = match operation {
                _ if is_maker(operation) => Some(place),
                Operation::Zero { .. } => None,
                Operation::Sum => {
                    let terms: Vec<Option<usize>> = inputs.iter().copied().filter(Option::is_some).collect();
                    match terms[..] {
                        [] => None,
                        [single] => single,
                        _ => entry(&terms),
                    }
                }
                Operation::Concat if inputs.len() == 1 => inputs[0],
                Operation::Concat if inputs.iter().all(Option::is_none) => None,
                Operation::Concat => entry(&inputs),
                _ if inputs[0].is_none() && keeps_zero(operation) => None,
                _ if is_identity(operation, seen[0], &network.shapes()[layer.inputs[0]]) => inputs[0],
                _ => entry(&inputs),
            };
            canonical.push(value);
            ranges.push(range(operation, &seen));
            let is_fed = *operation == Operation::Input || layer.inputs.iter().any(|&input| varies[input]);
            varies.push(is_fed && value.is_some());
        }
        Self { canonical, ranges, varies, table }
    }

    /// The layer that applies this operation, which has no weights, to these values.
    pub(crate) fn find(&self, operation: &Operation, inputs: &[Option<usize>]) -> Option<usize> {
        self.table.get(&key(operation, inputs)).copied()
    }
}

fn key(operation: &Operation, inputs: &[Option<usize>]) -> String {
    let mut inputs = inputs.to_vec();
    if matches!(operation, Operation::Sum) {
        inputs.sort_unstable();
    }
    format!("{operation:?} {inputs:?}")
}

/// Whether a layer has tensors, or is the input.
pub(crate) fn is_maker(operation: &Operation) -> bool {
    use Operation::{BatchNorm, Conv, Input, Linear};
    matches!(operation, Input | Linear { .. } | Conv { .. } | BatchNorm { .. })
}

/// Whether an operation of one input and no weights turns zeros into zeros.
pub(crate) fn keeps_zero(operation: &Operation) -> bool {
    !is_maker(operation)
        && !matches!(operation, Operation::Activation { function: Activation::Sigmoid })
        && !matches!(operation, Operation::Sum | Operation::Concat)
}

/// Whether an operation of one input changes nothing in evaluation mode on numbers in `range`.
pub(crate) fn is_identity(operation: &Operation, range: Range, input: &Shape) -> bool {
    let (low, high) = range;
    match *operation {
        Operation::Dropout { .. } | Operation::DropPath => true,
        Operation::Activation { function: Activation::Relu | Activation::LeakyRelu } => low >= 0.0,
        Operation::Activation { function: Activation::Relu6 } => low >= 0.0 && high <= 6.0,
        Operation::MaxPool { kernel, stride, padding }
        | Operation::AveragePool { kernel, stride, padding } => (kernel, stride, padding) == (1, 1, 0),
        Operation::Crop { offset } => offset == 0,
        Operation::Narrow { channels } => channels == input.0[0],
        Operation::Resize { size, mode: Resampling::Nearest | Resampling::Bilinear } => input.0[1..] == size,
        Operation::Flatten => input.0.len() == 1,
        _ => false,
    }
}

/// What an operation can give on inputs in these ranges.
fn range(operation: &Operation, inputs: &[Range]) -> Range {
    let Some(&(low, high)) = inputs.first() else { return ANYTHING };
    match operation {
        Operation::Linear { .. }
        | Operation::Conv { .. }
        | Operation::BatchNorm { .. }
        | Operation::Input => ANYTHING,
        Operation::Activation { function } => match function {
            Activation::Relu => (low.max(0.0), high.max(0.0)),
            Activation::Relu6 => (low.clamp(0.0, 6.0), high.clamp(0.0, 6.0)),
            Activation::Sigmoid => (0.0, 1.0),
            Activation::Tanh => (-1.0, 1.0),
            Activation::Gelu | Activation::Silu if low >= 0.0 => (0.0, high),
            Activation::Gelu | Activation::Silu => ANYTHING,
            Activation::LeakyRelu => (low, high),
        },
        Operation::Zero { .. } => (0.0, 0.0),
        Operation::Sum => inputs.iter().fold((0.0, 0.0), |sum, range| (sum.0 + range.0, sum.1 + range.1)),
        Operation::Concat => {
            inputs.iter().fold((low, high), |hull, range| (hull.0.min(range.0), hull.1.max(range.1)))
        }
        _ => (low, high),
    }
}
