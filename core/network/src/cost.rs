//! What a network's forward pass costs.

use crate::{Network, Operation};

impl Network {
    /// Multiply-adds of convolutions and linear layers, for one sample.
    pub fn n_multiply_adds(&self) -> usize {
        let cost = |(place, layer): (usize, &crate::Layer)| {
            let fed_by = layer.inputs.first().map_or(0, |&input| self.shapes()[input].0[0]);
            let n_results: usize = self.shapes()[place].0.iter().product();
            match layer.operation {
                Operation::Linear { .. } => fed_by * n_results,
                Operation::Conv { kernel: [height, width], groups, .. } => {
                    fed_by / groups * height * width * n_results
                }
                _ => 0,
            }
        };
        self.layers().iter().enumerate().map(cost).sum()
    }
}
