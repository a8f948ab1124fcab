//! Networks of a flat motif: hierarchical representations (Liu et al. 2018, section 4.1).

use heirloom_model::architecture::ArchitectureGraph;

use crate::{NetworkBuilder, NetworkError};

use super::Frame;
use super::block::Setting;
use super::layers::{Convolution, Layers, Order};
use super::walk::{numbered_names, walk};

/// Stem and stages of equal cells; each stage after the first starts with a separable convolution that halves the
/// image and doubles the channels.
pub(super) fn lower(
    frame: &Frame,
    layers: &mut Layers,
    graph: &ArchitectureGraph,
) -> Result<usize, NetworkError> {
    let order = Order::ActivationLast;
    let stem = super::scaled(frame.stem_channels.unwrap_or(16), frame.width);
    let mut place = layers.conv("stem", Convolution::new(stem, 3), order, NetworkBuilder::INPUT)?;
    let setting = Setting { merges: true, ..Setting::new(order, 1.0) };
    for stage in 1..=frame.n_stages {
        if stage > 1 {
            let convolution = Convolution::new(2 * layers.channels(place), 3).stride(2);
            place = layers.separable(&format!("stage_{stage}.reduction"), convolution, order, place)?;
        }
        for cell in 1..=frame.cells_per_stage.unwrap_or(1) {
            let names = numbered_names(graph, &format!("stage_{stage}.cell_{cell}"));
            place = walk(layers, setting, graph, &names, place)?;
        }
    }
    Ok(place)
}
