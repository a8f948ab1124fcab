//! Motifs of motifs: hierarchical representations (Liu et al. 2018).

use serde::{Deserialize, Serialize};

use crate::space::{Configuration, ParameterSpec, Space, SpaceError};

use super::parameters::Parameters;
use super::{ArchitectureGraph, MOST_PARTS, Node, check_size, n_pairs};

/// Levels of motifs: a motif is a small graph whose edges are motifs of the level below, and in the end operations.
///
/// ```toml
/// [architecture]
/// kind = "hierarchical"
/// operations = ["conv_1x1", "sep_conv_3x3", "max_pool_3x3", "skip_connect"]
///
/// [[architecture.level]]
/// n_motifs = 6
/// n_nodes = 4
///
/// [[architecture.level]]
/// n_motifs = 1
/// n_nodes = 5
/// ```
///
/// Level 1 are the operations; the levels written down are 2, 3, …, and the last one has a single motif, the
/// architecture. For each motif `m` from 1 of each level `l` and nodes `i < j` of it, numbered from 0, it compiles to
/// `level_l_motif_m_edge_i_j`: `none`, an operation (level 2) or `motif_k` of the level below. The default is a chain.
///
/// The graph is flat: each use of a motif is a copy of it. A node with several inputs is `concat` and a `conv_1x1` that
/// gives as many channels as the first of them has, so that every operation sees the same number. What lies on no path
/// from input to output is left out; where there is no path, `none` leads from one to the other.
///
/// Source: Liu et al. 2018, "Hierarchical Representations for Efficient Architecture Search", section 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hierarchical {
    /// The operations of level 1.
    pub operations: Vec<String>,
    /// The levels above, the architecture's last.
    #[serde(rename = "level")]
    pub levels: Vec<MotifLevel>,
}

/// The motifs of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MotifLevel {
    /// How many there are.
    pub n_motifs: usize,
    /// The nodes of each, input and output among them.
    pub n_nodes: usize,
}

const MERGE: &str = "conv_1x1";

impl Hierarchical {
    /// The space of the paper: six operations, six motifs of four nodes, an architecture of five nodes.
    pub fn liu_2018() -> Self {
        let operations =
            ["skip_connect", "conv_1x1", "dw_conv_3x3", "sep_conv_3x3", "max_pool_3x3", "avg_pool_3x3"];
        Self {
            operations: operations.map(String::from).to_vec(),
            levels: vec![MotifLevel { n_motifs: 6, n_nodes: 4 }, MotifLevel { n_motifs: 1, n_nodes: 5 }],
        }
    }

    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        self.check()?;
        let mut all = Parameters::default();
        for (level, motifs) in self.levels.iter().enumerate() {
            let choices = self.choices(level);
            for motif in 1..=motifs.n_motifs {
                for (from, to) in motifs.edges() {
                    let name = format!("level_{}_motif_{motif}_edge_{from}_{to}", level + 2);
                    all.choice(name, choices.iter().map(String::as_str), &[]);
                    if to == from + 1 {
                        all.with_default(choices[1].as_str().into());
                    }
                }
            }
        }
        Ok(all.finish())
    }

    pub(super) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        let mut values = space.architecture_values(configuration)?.iter().map(|&value| value as usize);
        let mut levels: Vec<Vec<Motif>> = Vec::new();
        for level in &self.levels {
            let below = levels.last();
            let is_zero = |part: usize| match below {
                None => Node::new(&*self.operations[part]).is_zero(),
                Some(motifs) => motifs[part].is_zero(),
            };
            let motifs = (0..level.n_motifs).map(|_| Motif::read(*level, &mut values, is_zero)).collect();
            levels.push(motifs);
        }
        let mut graph = ArchitectureGraph::with_input();
        let architecture = levels.last().map(|top| &top[0]);
        let output = match architecture {
            Some(motif) if !motif.is_zero() => self.build(&levels, levels.len(), 0, 0, &mut graph),
            _ => graph.add(Node::new(Node::ZEROS[0]), &[0]),
        };
        graph.add(Node::new(Node::OUTPUT), &[output]);
        Ok(graph)
    }

    /// Operations that a graph may hold.
    pub(super) fn operations(&self) -> Vec<String> {
        let own = [MERGE, Node::ZEROS[0]].map(str::to_owned);
        self.operations.iter().cloned().chain(own).collect()
    }

    /// Operations on the longest path.
    pub(super) fn max_length(&self) -> usize {
        let longer = |length: usize, level: &MotifLevel| {
            (length.saturating_add(1)).saturating_mul(level.n_nodes.saturating_sub(1))
        };
        self.levels.iter().fold(1, longer)
    }

    /// Adds a motif of the `level`-th of `levels` (0: an operation) behind the node `input`; returns its output. The
    /// motif is not zero.
    fn build(
        &self,
        levels: &[Vec<Motif>],
        level: usize,
        part: usize,
        input: usize,
        graph: &mut ArchitectureGraph,
    ) -> usize {
        let Some(below) = level.checked_sub(1) else {
            return graph.add(Node::new(&*self.operations[part]), &[input]);
        };
        let motif = &levels[below][part];
        let mut places = vec![input; motif.n_nodes];
        for to in (1..motif.n_nodes).filter(|&node| motif.alive[node]) {
            let edges = motif.edges.iter().filter(|(from, target, _)| *target == to && motif.alive[*from]);
            let inputs: Vec<usize> =
                edges.map(|&(from, _, part)| self.build(levels, below, part, places[from], graph)).collect();
            places[to] = match inputs[..] {
                [single] => single,
                _ => {
                    let joined = graph.add(Node::new(Node::CONCAT), &inputs);
                    graph.add(Node::new(MERGE), &[joined])
                }
            };
        }
        places[motif.n_nodes - 1]
    }

    /// What an edge of the `level`-th of `levels` may be.
    fn choices(&self, level: usize) -> Vec<String> {
        let none = Node::ZEROS[0].to_owned();
        let parts: Vec<String> = match level.checked_sub(1) {
            None => self.operations.clone(),
            Some(below) => (1..=self.levels[below].n_motifs).map(|motif| format!("motif_{motif}")).collect(),
        };
        std::iter::once(none).chain(parts).collect()
    }

    fn check(&self) -> Result<(), SpaceError> {
        let n_nodes = self.levels.iter().fold(1usize, |below, level| {
            let merges = 2 * level.n_nodes.saturating_sub(1);
            level.n_edges().saturating_mul(below).saturating_add(merges)
        });
        let problem = if self.operations.is_empty() || self.levels.is_empty() {
            "no `operations` or no levels; hint: add an `[[architecture.level]]` with `n_motifs` and `n_nodes`".into()
        } else if let Some(place) =
            self.levels.iter().position(|level| level.n_motifs == 0 || level.n_nodes < 2)
        {
            format!("level {}: hint: a level needs at least 1 motif of at least 2 nodes", place + 2)
        } else if self.levels.last().is_some_and(|level| level.n_motifs != 1) {
            "the last level has several motifs; hint: its one motif is the architecture, set `n_motifs = 1`"
                .into()
        } else if self.operations.iter().any(|name| name == Node::ZEROS[0]) {
            "`none` among the operations; hint: leave it out, every edge may be `none`".into()
        } else if n_nodes > MOST_PARTS {
            format!(
                "motifs of motifs come to graphs of up to {n_nodes} nodes, and {MOST_PARTS} are allowed; hint: use \
                 fewer levels, or fewer nodes in a motif"
            )
        } else {
            let of_level = |level: &MotifLevel| level.n_edges().saturating_mul(level.n_motifs);
            let n_edges = self.levels.iter().map(of_level).fold(0, usize::saturating_add);
            return check_size(n_edges, "lower `n_motifs`");
        };
        Err(SpaceError::BadArchitecture { problem })
    }
}

impl MotifLevel {
    fn n_edges(self) -> usize {
        n_pairs(self.n_nodes)
    }

    /// The edges of a motif, by target, then by source.
    fn edges(self) -> impl Iterator<Item = (usize, usize)> {
        (1..self.n_nodes).flat_map(|to| (0..to).map(move |from| (from, to)))
    }
}

/// A motif of a configuration.
struct Motif {
    n_nodes: usize,
    /// Source, target, and what is on it of the level below; without those that give zeros.
    edges: Vec<(usize, usize, usize)>,
    /// Whether each node lies on a path from input to output.
    alive: Vec<bool>,
}

impl Motif {
    fn read(
        level: MotifLevel,
        values: &mut impl Iterator<Item = usize>,
        is_zero: impl Fn(usize) -> bool,
    ) -> Self {
        let edges: Vec<_> = level
            .edges()
            .zip(values)
            .filter_map(|((from, to), choice)| Some((from, to, choice.checked_sub(1)?)))
            .filter(|&(_, _, part)| !is_zero(part))
            .collect();
        let n_nodes = level.n_nodes;
        let (mut reached, mut useful) = (vec![false; n_nodes], vec![false; n_nodes]);
        (reached[0], useful[n_nodes - 1]) = (true, true);
        // Edges ascend by target: every edge into a node comes before every edge out of it.
        edges.iter().for_each(|&(from, to, _)| reached[to] |= reached[from]);
        edges.iter().rev().for_each(|&(from, to, _)| useful[from] |= useful[to]);
        let alive = reached.into_iter().zip(useful).map(|(reached, useful)| reached && useful).collect();
        Self { n_nodes, edges, alive }
    }

    fn is_zero(&self) -> bool {
        !self.alive[0]
    }
}

#[cfg(test)]
mod tests;
