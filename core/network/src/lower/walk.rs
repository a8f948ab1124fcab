//! A graph whose nodes are layers: chains, stages, motifs.

use std::collections::BTreeMap;

use heirloom_model::architecture::{ArchitectureGraph, Node};

use crate::NetworkError;

use super::block::{Block, Defaults, Setting};
use super::layers::Layers;

/// Adds the layers of all nodes, also of those whose result is not used: a network has their weights all the same.
/// `names` says, for each node, what the names of its layers start with; `input` is what stands for the graph's
/// input. Returns the place of the graph's output.
///
/// Inputs that a `sum` joins are projected to the shape of the last of them; those that a `concat` joins are brought
/// to the smallest image among them, and to features where there are any.
pub(super) fn walk(
    layers: &mut Layers,
    setting: Setting,
    graph: &ArchitectureGraph,
    names: &[String],
    input: usize,
) -> Result<usize, NetworkError> {
    let fed_by = graph.inputs();
    let mut places: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for (node, name) in graph.nodes.iter().zip(names) {
        let froms = &fed_by[places.len()];
        let sources: Vec<usize> = froms.iter().map(|&from| places[from]).collect();
        let place = match node.operation.as_str() {
            Node::INPUT => input,
            operation => {
                let Some(&last) = sources.last() else {
                    return Err(unfed(name, operation));
                };
                let labels: Vec<&str> = froms.iter().map(|&from| names[from].as_str()).collect();
                match operation {
                    Node::CONCAT => concat(layers, name, &sources, &labels)?,
                    Node::SUM | Node::OUTPUT => sum(layers, name, &sources, &labels)?,
                    _ => {
                        let joins = sources.len() > 1;
                        let join = format!("{name}.join");
                        let source = if joins { sum(layers, &join, &sources, &labels)? } else { last };
                        let merged = setting.merges && graph.nodes[froms[0]].operation == Node::CONCAT;
                        let first = merged.then(|| fed_by[froms[0]].first()).flatten();
                        let channels = first.map(|&first| layers.channels(places[first]));
                        let block = Block::of(node, name)?;
                        block.apply(layers, setting, name, node, Defaults { channels }, source)?
                    }
                }
            }
        };
        places.push(place);
    }
    places.last().copied().ok_or_else(|| unfed("output", Node::OUTPUT))
}

pub(super) fn unfed(name: &str, operation: &str) -> NetworkError {
    let problem = format!("nothing feeds node `{name}` ({operation}); hint: connect it, or leave it out");
    NetworkError::Architecture { problem }
}

/// The sum of `sources` in the shape of the last of them; `labels` name them.
pub(super) fn sum(
    layers: &mut Layers,
    name: &str,
    sources: &[usize],
    labels: &[&str],
) -> Result<usize, NetworkError> {
    let Some(&last) = sources.last() else { return Err(unfed(name, Node::SUM)) };
    let target = layers.shape(last).clone();
    let terms = adapt(name, sources, labels, |name, source| layers.project(name, &target, source))?;
    layers.sum(format!("{name}.sum"), &terms)
}

/// `sources` side by side in the smallest of their sizes.
pub(super) fn concat(
    layers: &mut Layers,
    name: &str,
    sources: &[usize],
    labels: &[&str],
) -> Result<usize, NetworkError> {
    let sizes: Option<Vec<[usize; 2]>> = sources.iter().map(|&source| layers.size(source)).collect();
    let smallest = sizes.and_then(|sizes| sizes.into_iter().min_by_key(|[height, width]| height * width));
    let parts = adapt(name, sources, labels, |name, source| match smallest {
        Some(size) => layers.fit(name, size, source),
        None => layers.global_pool(name, source),
    })?;
    layers.concat(format!("{name}.concat"), &parts)
}

/// What `change` makes of each source, each changed once: `change` gets the name that its layers start with.
fn adapt(
    name: &str,
    sources: &[usize],
    labels: &[&str],
    mut change: impl FnMut(&str, usize) -> Result<usize, NetworkError>,
) -> Result<Vec<usize>, NetworkError> {
    let mut changed: BTreeMap<usize, usize> = BTreeMap::new();
    let mut all = Vec::with_capacity(sources.len());
    for (&source, label) in sources.iter().zip(labels) {
        let place = match changed.get(&source) {
            Some(&place) => place,
            None => change(&format!("{name}.from_{}", label.replace('.', "_")), source)?,
        };
        changed.insert(source, place);
        all.push(place);
    }
    Ok(all)
}

/// For each node of a chain, `layer_K` for the K-th layer, and for what joins its inputs `layer_K.join`.
pub(super) fn chain_names(graph: &ArchitectureGraph) -> Vec<String> {
    let mut n_layers = 0;
    let name = |node: &Node| match node.operation.as_str() {
        Node::INPUT | Node::OUTPUT => node.operation.clone(),
        Node::SUM | Node::CONCAT => format!("layer_{}.join", n_layers + 1),
        _ => {
            n_layers += 1;
            format!("layer_{n_layers}")
        }
    };
    graph.nodes.iter().map(name).collect()
}

/// For each node of a macro shape, `stage_S.layer_L`. A stage starts where the width or the resolution changes.
pub(super) fn stage_names(graph: &ArchitectureGraph) -> Vec<String> {
    let (mut stage, mut layer) = (0, 0);
    let name = |node: &Node| match node.operation.as_str() {
        Node::INPUT | Node::OUTPUT => node.operation.clone(),
        _ => {
            let starts = ["channels", "stride"].iter().any(|name| node.attributes.contains_key(*name));
            (stage, layer) = if starts || stage == 0 { (stage + 1, 1) } else { (stage, layer + 1) };
            format!("stage_{stage}.layer_{layer}")
        }
    };
    graph.nodes.iter().map(name).collect()
}

/// For each node of a multi-layer perceptron: `layer_K` from one linear layer to the next in a plain network; in a
/// residual one `stem`, `group_G.block_B` with `first` and `second` for its two linear layers and `shortcut`, and
/// `last`. A group starts where the width changes.
pub(super) fn perceptron_names(graph: &ArchitectureGraph) -> Vec<String> {
    let is = |node: &Node, operation: &str| node.operation == operation;
    let last_sum = graph.nodes.iter().rposition(|node| is(node, Node::SUM));
    let Some(last_sum) = last_sum else {
        let mut n_layers = 0;
        let name = |node: &Node| match node.operation.as_str() {
            Node::INPUT | Node::OUTPUT => node.operation.clone(),
            operation => {
                n_layers += usize::from(operation == "linear");
                format!("layer_{n_layers}")
            }
        };
        return graph.nodes.iter().map(name).collect();
    };
    let fed_by = graph.inputs();
    let mut names: Vec<String> = graph.nodes.iter().map(|node| node.operation.clone()).collect();
    let mut start = 1;
    let (mut group, mut block) = (1, 0);
    for sum in (0..=last_sum).filter(|&place| is(&graph.nodes[place], Node::SUM)) {
        if start == 1 {
            names[1] = "stem".into();
            start = 2;
        }
        // What the sum takes first, where it is a layer of this block, brings the input to another width.
        let shortcut = fed_by[sum].first().copied().filter(|&place| place >= start);
        (group, block) = if shortcut.is_some() && block > 0 { (group + 1, 1) } else { (group, block + 1) };
        let block_name = format!("group_{group}.block_{block}");
        let mut half = "first";
        for (place, name) in names.iter_mut().enumerate().take(sum).skip(start) {
            let is_shortcut = Some(place) == shortcut;
            *name = format!("{block_name}.{}", if is_shortcut { "shortcut" } else { half });
            if !is_shortcut && is(&graph.nodes[place], "linear") {
                half = "second";
            }
        }
        names[sum] = block_name;
        start = sum + 1;
    }
    names[start..graph.nodes.len() - 1].iter_mut().for_each(|name| *name = "last".into());
    names
}

/// For each node of a path through levels of resolution: `stem_K`, then `layer_K` and, where the level changes before
/// it, `layer_K.move`.
pub(super) fn path_names(graph: &ArchitectureGraph, finest: i64) -> Vec<String> {
    let n_stem = stem_length(finest);
    let mut n_layers = 0;
    let name = |(place, node): (usize, &Node)| match node.operation.as_str() {
        Node::INPUT | Node::OUTPUT => node.operation.clone(),
        _ if place <= n_stem => format!("stem_{place}"),
        "down" | "up" => format!("layer_{}.move", n_layers + 1),
        _ => {
            n_layers += 1;
            format!("layer_{n_layers}")
        }
    };
    graph.nodes.iter().enumerate().map(name).collect()
}

/// For each node of an encoder and its decoder: `stem_K`, `encoder_S.layer_L`, `encoder_S.down`, `decoder_S.up`,
/// `decoder_S.join`, `decoder_S.merge`, `decoder_S.layer_L`. Stages of one level have one number.
pub(super) fn encoder_decoder_names(graph: &ArchitectureGraph, finest: i64) -> Vec<String> {
    let n_stem = stem_length(finest);
    let fed_by = graph.inputs();
    let (mut side, mut layer) = ("encoder", 0);
    let mut name = |(place, node): (usize, &Node)| {
        let level = node.int("level").unwrap_or(finest) / finest.max(1);
        let stage = level.max(1).ilog2() + 1;
        let follows_concat = fed_by[place].iter().any(|&from| graph.nodes[from].operation == Node::CONCAT);
        let part = match node.operation.as_str() {
            Node::INPUT | Node::OUTPUT => return node.operation.clone(),
            _ if place <= n_stem => return format!("stem_{place}"),
            Node::SUM | Node::CONCAT => "join",
            "down" | "up" => {
                side = if node.operation == "down" { "encoder" } else { "decoder" };
                layer = 0;
                if node.operation == "down" { "down" } else { "up" }
            }
            _ if follows_concat => "merge",
            _ => {
                layer += 1;
                return format!("{side}_{stage}.layer_{layer}");
            }
        };
        format!("{side}_{stage}.{part}")
    };
    graph.nodes.iter().enumerate().map(&mut name).collect()
}

/// Nodes of the stem that leads to the level `finest`.
fn stem_length(finest: i64) -> usize {
    finest.max(1).ilog2().max(1) as usize
}

/// For each node of a motif `NAME.node_N`, by its place.
pub(super) fn numbered_names(graph: &ArchitectureGraph, name: &str) -> Vec<String> {
    (0..graph.nodes.len()).map(|place| format!("{name}.node_{place}")).collect()
}
