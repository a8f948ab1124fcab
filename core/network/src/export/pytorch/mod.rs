//! A network as a Python file for people: a `torch.nn.Module` written out, and what turns raw rows into its input.

mod network;

use std::fmt::Write;

use super::{ExportError, python};
use crate::preparation::{InputPreparation, TargetPreparation};
use crate::{Head, Network, Preparation};

const WEIGHTS: &str = include_str!("weights.py");
const TABLE: &str = include_str!("table.py");
const IMAGE: &str = include_str!("image.py");
const CLASSES: &str = include_str!("classes.py");
const VALUES: &str = include_str!("values.py");
const PIXEL_VALUES: &str = include_str!("pixel_values.py");
const MAIN: &str = include_str!("main.py");

/// The text of a Python file with the network as class `Network`, and `load()`, which reads `weights.safetensors`
/// beside it; it needs PyTorch and nothing else. With `preparation` also `prepare(rows)` and `predict(rows)`.
///
/// Errors with [`ExportError::Layer`] where a layer's name cannot be one of a PyTorch module, and with
/// [`ExportError::Preparation`] where preparation and network do not go together.
pub fn pytorch_module(network: &Network, preparation: Option<&Preparation>) -> Result<String, ExportError> {
    let mut text = head(network, preparation);
    if let Some(preparation) = preparation {
        check(network, preparation)?;
        let input = serde_json::to_value(&preparation.input).expect("a preparation is JSON");
        let target = serde_json::to_value(&preparation.target).expect("a preparation is JSON");
        let (input, target) = (python::literal(&input, 0), python::literal(&target, 0));
        write!(
            text,
            "\n# How raw values become the network's input, and its output an answer, as fitted in training.\n\
             INPUT = {input}\nTARGET = {target}\n"
        )
        .expect("text can be written to");
    }
    network::write(network, &mut text)?;
    text.push_str(WEIGHTS);
    if let Some(Preparation { input, target }) = preparation {
        let is_table = matches!(input, InputPreparation::Table { .. });
        text.push_str(if is_table { TABLE } else { IMAGE });
        text.push_str(match target {
            TargetPreparation::Classes { .. } | TargetPreparation::PixelClasses { .. } => CLASSES,
            TargetPreparation::Values { .. } => VALUES,
            TargetPreparation::PixelValues { .. } => PIXEL_VALUES,
        });
        if is_table {
            text.push_str(MAIN);
        }
    }
    Ok(text)
}

/// Whether the network takes what the preparation gives, and gives what it explains.
pub(super) fn check(network: &Network, preparation: &Preparation) -> Result<(), ExportError> {
    let (prepared, wanted) = (preparation.input.shape(), network.input_shape());
    if prepared != *wanted {
        let mut problem =
            format!("the network takes {wanted} and the preparation of its input gives {prepared}");
        if let ([_, height, width], [_, h, w]) = (&prepared.0[..], &wanted.0[..])
            && (h < height || w < width)
        {
            problem += ": it was trained on smaller images, at a lower `resolution`; hint: export a trial of the full \
                        resolution";
        }
        return Err(ExportError::Preparation { problem });
    }
    let output = network.output_shape();
    let (explained, given) = (preparation.target.n_outputs(), output.0[0]);
    if explained != given {
        let problem = format!("the network gives {given} numbers and {explained} are explained");
        return Err(ExportError::Preparation { problem });
    }
    let is_dense = matches!(preparation.target.head(), Head::Dense(_));
    if is_dense != (output.0.len() == 3) {
        let explained = if is_dense { "of each pixel" } else { "of the whole row" };
        let problem = format!("the network gives {output} and numbers {explained} are explained");
        return Err(ExportError::Preparation { problem });
    }
    Ok(())
}

fn head(network: &Network, preparation: Option<&Preparation>) -> String {
    let about = format!(
        "A trained network of {} parameters, exported by Heirloom: {} to {}.",
        network.n_parameters_of_result(),
        network.input_shape(),
        network.output_shape()
    );
    let usage = match preparation.map(|preparation| &preparation.input) {
        Some(InputPreparation::Table { .. }) => {
            "    import model\n    model.predict(\"rows.csv\")  # or rows: dicts by column, or values in the columns' order\n\n\
             or, in a shell: python model.py rows.csv"
        }
        Some(InputPreparation::Image { .. }) => {
            "    import model\n    model.predict(images)  # as they were stored, [n, sizes of an image]"
        }
        None => "    import model\n    network = model.load()",
    };
    let is_table = matches!(preparation, Some(Preparation { input: InputPreparation::Table { .. }, .. }));
    let (csv, math, re, sys) = match is_table {
        true => ("import csv\nimport gzip\n", "import math\n", "import re\n", "import sys\n"),
        false => ("", "", "", ""),
    };
    format!(
        "\"\"\"{about}\n\n{usage}\n\nThe weights are read from `weights.safetensors` beside this file.\n\"\"\"\n\n\
         {csv}import json\n{math}{re}import struct\n{sys}from pathlib import Path\n\n\
         import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
    )
}
