//! Layers at levels of resolution: what the families for dense prediction are built from.

use crate::space::SpaceError;

use super::{ArchitectureGraph, Node};

/// A network that grows at its end and knows by how much its image is smaller there.
pub(super) struct Pyramid {
    pub(super) graph: ArchitectureGraph,
    /// The node at its end.
    pub(super) last: usize,
    /// By which factor the image is smaller there: 1, 2, 4, ….
    pub(super) level: i64,
    finest: i64,
    channels: i64,
}

pub(super) const CONV: &str = "conv";
pub(super) const DOWN: &str = "down";
pub(super) const UP: &str = "up";

impl Pyramid {
    /// The input brought to the level `finest` with `channels` channels: by a `conv` where that is 1, else by halving.
    pub(super) fn with_stem(finest: i64, channels: i64) -> Self {
        let graph = ArchitectureGraph::with_input();
        let mut pyramid = Self { graph, last: 0, level: 1, finest, channels };
        if finest == 1 {
            pyramid.conv(3);
        }
        while pyramid.level < finest {
            pyramid.down();
        }
        pyramid
    }

    /// Halves the image.
    pub(super) fn down(&mut self) {
        self.level *= 2;
        let channels = self.channels();
        self.append(Node::new(DOWN).with("channels", channels));
    }

    /// Doubles the image's sides.
    pub(super) fn up(&mut self, mode: &str) {
        self.level /= 2;
        let channels = self.channels();
        self.append(Node::new(UP).with("channels", channels).with("mode", mode));
    }

    /// A convolution that gives the channels of this level.
    pub(super) fn conv(&mut self, kernel: i64) {
        let node = Node::new(CONV).with("channels", self.channels()).with("kernel", kernel);
        self.append(node.with("stride", 1i64));
    }

    /// A layer at this level.
    pub(super) fn append(&mut self, node: Node) {
        self.last = self.graph.add(node.with("level", self.level), &[self.last]);
    }

    /// Joins `other`, a node of the same level, to the end: first the end, then the other.
    pub(super) fn join(&mut self, operation: &str, other: usize) {
        let node = Node::new(operation).with("level", self.level);
        self.last = self.graph.add(node, &[self.last, other]);
    }

    pub(super) fn finish(mut self) -> ArchitectureGraph {
        self.graph.add(Node::new(Node::OUTPUT), &[self.last]);
        self.graph
    }

    /// Each level has twice the channels of the next finer one, from `finest` on.
    fn channels(&self) -> i64 {
        self.channels * (self.level / self.finest).max(1)
    }
}

/// Layers that a stem has at most.
pub(super) fn stem_length(finest: i64) -> usize {
    finest.ilog2().max(1) as usize
}

/// Checks what the families for dense prediction have in common.
pub(super) fn check(finest: i64, channels: &[i64], operations: &[String]) -> Result<(), SpaceError> {
    const COARSEST: i64 = 1 << 16;
    let problem = if !is_level(finest) || finest > COARSEST {
        format!("`finest = {finest}`; hint: the image gets smaller by 1, 2, 4, 8, …")
    } else if channels.is_empty() || channels[0] < 1 || !channels.is_sorted_by(|a, b| a < b) {
        "`channels` must hold positive numbers, ascending".into()
    } else if operations.is_empty() {
        "no `operations`; hint: give at least one".into()
    } else if let Some(name) = operations.iter().find(|name| Node::new(name.as_str()).is_zero()) {
        format!("`{name}` would end the only path; hint: leave it out of `operations`")
    } else {
        return Ok(());
    };
    Err(SpaceError::BadArchitecture { problem })
}

/// Whether a number is a power of two.
pub(super) fn is_level(number: i64) -> bool {
    number > 0 && number.count_ones() == 1
}
