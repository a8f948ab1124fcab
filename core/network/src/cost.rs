//! What a network's forward pass costs.

use crate::{Layer, Network, Operation};

impl Network {
    /// Multiply-adds of convolutions and linear layers, for one sample.
    pub fn n_multiply_adds(&self) -> usize {
        self.total(|fed_by, n_results, layer| match layer.operation {
            Operation::Linear { .. } => fed_by[0] * n_results,
            Operation::Conv { kernel: [height, width], groups, .. } => {
                fed_by[0] / groups * height * width * n_results
            }
            _ => 0,
        })
    }

    /// Operations for one sample, as the counter that made NAS-Bench-Suite-Zero's records counts them: a multiply-add
    /// is one, a normalisation three a number, a window's pooling as many as it has pixels, the last mean
    /// `2 · side + 1` a channel, all else none.
    pub fn n_operations(&self) -> usize {
        let other = self.total(|fed_by, n_results, layer| match layer.operation {
            Operation::BatchNorm { .. } => 3 * n_results,
            Operation::MaxPool { kernel, .. } | Operation::AveragePool { kernel, .. } => {
                kernel * kernel * n_results
            }
            Operation::GlobalAveragePool => (2 * fed_by[1] + 1) * n_results,
            _ => 0,
        });
        self.n_multiply_adds() + other
    }

    /// The sum over layers of what `cost` makes of the first input's shape, of how many numbers a layer gives, and of
    /// the layer.
    fn total(&self, cost: impl Fn(&[usize], usize, &Layer) -> usize) -> usize {
        let of_layer = |(place, layer): (usize, &Layer)| {
            let fed_by = layer.inputs.first().map_or(&[][..], |&input| &self.shapes()[input].0);
            cost(fed_by, self.shapes()[place].0.iter().product(), layer)
        };
        self.layers().iter().enumerate().map(of_layer).sum()
    }
}
