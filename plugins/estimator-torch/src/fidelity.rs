//! The sizes that a training can have.

use heirloom_network::Shape;
use heirloom_plugin::{ComponentError, Fidelity, FidelityDimension};
use serde::{Deserialize, Serialize};

use crate::options::{FidelityChoice, Options};
use crate::settings::{EQUAL_CELLS, PAIRED_CELLS};

/// The size of one training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) epochs: usize,
    pub(crate) data_fraction: f64,
    /// Side of the images, where it is not the data's own.
    pub(crate) resolution: Option<usize>,
    /// Multiple of the settings' width.
    pub(crate) width: f64,
    /// The most cells, where it is not as many as the settings say.
    pub(crate) cells: Option<usize>,
}

/// The dimensions that `options` offer for rows of `input`'s shape and architectures of the family `kind`.
pub(crate) fn dimensions(
    options: &Options,
    input: &Shape,
    kind: &str,
) -> Result<Vec<FidelityDimension>, ComponentError> {
    let dimension = |name: &str, low: f64, high: f64, integer| {
        if low > high {
            let message = format!("`min_{name} = {low}` is above the full `{name}`, {high}; hint: lower it");
            return Err(ComponentError::configuration(message));
        }
        Ok(FidelityDimension { name: name.into(), low, high, integer, levels: Vec::new() })
    };
    let mut all = vec![dimension("epochs", options.min_epochs as f64, options.epochs as f64, true)?];
    for choice in &options.fidelities {
        let next = match choice {
            FidelityChoice::DataFraction => dimension("data_fraction", options.min_data_fraction, 1.0, false),
            FidelityChoice::Width => dimension("width", options.min_width, 1.0, false),
            FidelityChoice::Resolution => match input.0[..] {
                [_, height, width] if height == width => {
                    dimension("resolution", options.min_resolution as f64, height as f64, true)
                }
                _ => Err(ComponentError::configuration(format!(
                    "`resolution` is a fidelity of square images, and rows are {input}; hint: leave it out"
                ))),
            },
            FidelityChoice::Cells => {
                let (setting, full) = if EQUAL_CELLS.contains(&kind) {
                    ("cells_per_stage", options.cells_per_stage)
                } else if PAIRED_CELLS.contains(&kind) {
                    ("cells", options.cells)
                } else {
                    return Err(ComponentError::configuration(format!(
                        "`cells` is a fidelity of networks of cells, and the architectures are `{kind}`; hint: leave it \
                         out"
                    )));
                };
                match full {
                    Some(cells) => dimension("cells", options.min_cells as f64, cells as f64, true),
                    None => Err(ComponentError::configuration(format!(
                        "`cells` as a fidelity needs to know the full number; hint: set `{setting}`, which counts for \
                         `{kind}`"
                    ))),
                }
            }
        }?;
        if all.iter().any(|dimension| dimension.name == next.name) {
            let message = format!("`fidelities` names `{}` twice", next.name);
            return Err(ComponentError::configuration(message));
        }
        all.push(next);
    }
    Ok(all)
}

impl Size {
    /// The size that a request's fidelity stands for.
    pub(crate) fn of(fidelity: &Fidelity, dimensions: &[FidelityDimension]) -> Result<Self, String> {
        let (found, expected) = (fidelity.0.len(), dimensions.len());
        if found != expected {
            return Err(format!("a fidelity of {found} sizes was asked for where there are {expected}"));
        }
        let mut size = Self { epochs: 1, data_fraction: 1.0, resolution: None, width: 1.0, cells: None };
        for (dimension, &value) in dimensions.iter().zip(&fidelity.0) {
            if !(value > 0.0 && value.is_finite()) {
                return Err(format!("`{} = {value}` is no size", dimension.name));
            }
            let whole = value.round().max(1.0) as usize;
            match dimension.name.as_str() {
                "epochs" => size.epochs = whole,
                "data_fraction" => size.data_fraction = value.min(1.0),
                "resolution" => size.resolution = (value < dimension.high).then_some(whole),
                "width" => size.width = value,
                "cells" => size.cells = (value < dimension.high).then_some(whole),
                _ => unreachable!("there are no other dimensions"),
            }
        }
        Ok(size)
    }

    /// Whether a training of the size `other` is the beginning of one of this size: all but the epochs is the same.
    pub(crate) fn goes_on_from(&self, other: &Self) -> bool {
        *self == Self { epochs: self.epochs, ..*other }
    }
}
