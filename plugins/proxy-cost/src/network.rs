//! The whole network around an architecture: its stem, how often a cell stands in it, its classifier.

use heirloom_plugin::ComponentError;
use heirloom_plugin::architecture::{ArchitectureGraph, ArchitectureSpec, Node};

use crate::node_cell::node_cell;
use crate::operation::{ATTRIBUTES, KNOWN, Operation};
use crate::{Options, Shape, Tally};

/// What stands around an architecture, by its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skeleton {
    /// NAS-Bench-201's: stages of equal cells with residual blocks between them (Dong & Yang 2020, figure 1).
    EdgeCells,
    /// NAS-Bench-101's: stages of equal cells with maximum pooling between them (Ying et al. 2019, figure 1).
    NodeCells,
    /// The architecture is all layers between stem and classifier.
    Layers,
}

/// Counts what networks cost whose architectures are of one space.
#[derive(Debug, Clone)]
pub struct Network {
    options: Options,
    skeleton: Skeleton,
    stem_channels: u64,
    head_channels: u64,
    cells_per_stage: u64,
}

impl Network {
    /// Checks that the cost of everything in the space is known.
    pub fn new(options: Options, spec: &ArchitectureSpec) -> Result<Self, ComponentError> {
        let (skeleton, stem_channels, head_channels, cells_per_stage) = match spec {
            ArchitectureSpec::EdgeCell(_) => (Skeleton::EdgeCells, 16, 0, 5),
            ArchitectureSpec::NodeCell(_) => (Skeleton::NodeCells, 128, 0, 3),
            ArchitectureSpec::Macro(_) => (Skeleton::Layers, 32, 1280, 1),
            ArchitectureSpec::Chain(_) => (Skeleton::Layers, 0, 0, 1),
            other => {
                return Err(ComponentError::unsupported(format!(
                    "the cost of a `{}` is not known; hint: `cost` counts the kinds `edge-cell`, `node-cell`, \
                     `chain` and `macro`",
                    other.kind()
                )));
            }
        };
        let joins = [Node::INPUT, Node::OUTPUT, Node::SUM, Node::CONCAT];
        let mut operations = spec.vocabulary().into_iter().filter(|name| !joins.contains(&name.as_str()));
        if let Some(unknown) = operations.find(|name| Operation::parse(name, None).is_none()) {
            return Err(ComponentError::unsupported(format!(
                "the cost of the operation `{unknown}` is not known; hint: known are {KNOWN}"
            )));
        }
        if let ArchitectureSpec::Chain(chain) = spec
            && let Some((operation, parameter)) = chain
                .operations
                .iter()
                .flat_map(|operation| operation.parameters.iter().map(move |own| (operation, own)))
                .find(|(_, own)| !ATTRIBUTES.contains(&own.name.as_str()))
        {
            return Err(ComponentError::unsupported(format!(
                "how `{}` changes the cost of `{}` is not known; hint: known are `{}`",
                parameter.name,
                operation.name,
                ATTRIBUTES.join("`, `")
            )));
        }
        Ok(Self {
            skeleton,
            stem_channels: options.stem_channels.unwrap_or(stem_channels),
            head_channels: options.head_channels.unwrap_or(head_channels),
            cells_per_stage: options.cells_per_stage.unwrap_or(cells_per_stage),
            options,
        })
    }

    /// What the network of an architecture costs; `None` where shapes do not fit: a sum of different ones.
    pub fn tally(&self, graph: &ArchitectureGraph) -> Option<Tally> {
        let resolution = graph.nodes.first().and_then(|input| input.int("resolution")).map(i64::unsigned_abs);
        let side = resolution.unwrap_or(self.options.image_size);
        let image = Shape { channels: self.options.image_channels, side };
        let mut shape = image;
        let mut total = Tally::default();
        if self.stem_channels > 0 {
            shape = image.after(self.stem_channels, 1);
            total += Tally::normalised(image, shape, 3);
        }
        match self.skeleton {
            Skeleton::EdgeCells => {
                for stage in 0..self.options.n_stages {
                    if stage > 0 {
                        let (reduced, tally) = reduction(shape);
                        (shape, total) = (reduced, total + tally);
                    }
                    let (output, cell) = walk(graph, shape)?;
                    if output != shape {
                        return None;
                    }
                    total += cell * self.cells_per_stage;
                }
                total += Tally::batch_norm(shape);
            }
            Skeleton::NodeCells => {
                for stage in 0..self.options.n_stages {
                    let mut output = shape;
                    if stage > 0 {
                        shape = shape.after(shape.channels, 2);
                        total += Tally::pooling(shape, 2);
                        output = shape.after(2 * shape.channels, 1);
                    }
                    // The first cell of a stage widens; the others keep the width.
                    total += node_cell(graph, shape, output)?;
                    total += node_cell(graph, output, output)? * (self.cells_per_stage - 1);
                    shape = output;
                }
            }
            Skeleton::Layers => {
                let (output, layers) = walk(graph, shape)?;
                (shape, total) = (output, total + layers);
            }
        }
        if self.head_channels > 0 {
            let head = shape.after(self.head_channels, 1);
            total += Tally::normalised(shape, head, 1);
            shape = head;
        }
        Some(total + Tally::global_pooling(shape) + Tally::linear(shape.channels, self.options.n_classes))
    }
}

/// The residual block between stages: half the side, twice the channels. Its shortcut averages and then convolves.
fn reduction(input: Shape) -> (Shape, Tally) {
    let output = input.after(2 * input.channels, 2);
    let pooled = Shape { channels: input.channels, ..output };
    let shortcut = Tally::pooling(pooled, 2) + Tally::convolution(pooled, output, 1, 1);
    (output, Tally::normalised(input, output, 3) + Tally::normalised(output, output, 3) + shortcut)
}

/// What all nodes of a graph cost, also those whose output is not used: a network has their weights all the same.
fn walk(graph: &ArchitectureGraph, input: Shape) -> Option<(Shape, Tally)> {
    let inputs = graph.inputs();
    let mut shapes: Vec<Shape> = Vec::with_capacity(graph.nodes.len());
    let mut total = Tally::default();
    for (place, node) in graph.nodes.iter().enumerate() {
        let mut sources = inputs[place].iter().map(|&from| shapes[from]);
        let shape = match node.operation.as_str() {
            Node::INPUT => input,
            Node::CONCAT => {
                let first = sources.next()?;
                sources.try_fold(first, |joined, shape| {
                    let channels = joined.channels + shape.channels;
                    (shape.side == joined.side).then_some(Shape { channels, ..joined })
                })?
            }
            Node::SUM | Node::OUTPUT => {
                let first = sources.next()?;
                sources.all(|shape| shape == first).then_some(first)?
            }
            name => {
                let attribute = |name: &str| node.int(name).map(i64::unsigned_abs);
                let operation = Operation::parse(name, attribute("kernel"))?;
                let stride = attribute("stride").unwrap_or(1).max(1);
                let (shape, tally) = operation.apply(sources.next()?, attribute("channels"), stride);
                total += tally;
                shape
            }
        };
        shapes.push(shape);
    }
    Some((*shapes.last()?, total))
}
