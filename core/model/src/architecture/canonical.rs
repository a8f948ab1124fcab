//! A key that isomorphic graphs share.
//!
//! Colour refinement (Weisfeiler & Leman 1968): nodes start with the colour of their operation and are told apart by
//! the colours that feed them and that they feed, until nothing changes. The coloured graph, written down, is hashed
//! once. It is the partition that NAS-Bench-101's iterated graph hash makes (Ying et al. 2019); on that benchmark's
//! 423,624 cells it coincides with isomorphism. Larger graphs exist that it cannot tell apart; it never tells
//! isomorphic ones apart.

use std::fmt::{self, Debug};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ArchitectureGraph;

/// What isomorphic architectures share: SHA-256 of a canonical form, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArchitectureKey(pub String);

impl fmt::Display for ArchitectureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ArchitectureGraph {
    /// The key of the network: of the [`simplified`](Self::simplified) graph, whatever the order of its nodes.
    pub fn key(&self) -> ArchitectureKey {
        let simple = self.simplified();
        let labels: Vec<String> = simple
            .nodes
            .iter()
            .map(|node| serde_json::to_string(node).expect("a node is plain data"))
            .collect();
        let digest = Sha256::digest(certificate(&labels, &simple.edges));
        ArchitectureKey(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// One node as its neighbours see it: its own colour, the colours that feed it, the colours it feeds.
type View = (usize, Vec<usize>, Vec<usize>);

/// The refined graph written down: for each node, in the order of colours, its label and its view.
pub(super) fn certificate<T: Ord + Debug>(labels: &[T], edges: &[(usize, usize)]) -> String {
    let mut colours = ranks(labels);
    let mut n_colours = count(&colours);
    loop {
        let refined = ranks(&views(&colours, edges));
        let n_refined = count(&refined);
        colours = refined;
        if n_refined == n_colours {
            break;
        }
        n_colours = n_refined;
    }
    let views = views(&colours, edges);
    let mut lines: Vec<(&View, &T)> = views.iter().zip(labels).collect();
    lines.sort_unstable();
    format!("{lines:?}")
}

fn views(colours: &[usize], edges: &[(usize, usize)]) -> Vec<View> {
    let mut views: Vec<View> = colours.iter().map(|&colour| (colour, Vec::new(), Vec::new())).collect();
    for &(from, to) in edges {
        views[to].1.push(colours[from]);
        views[from].2.push(colours[to]);
    }
    for (_, fed_by, feeds) in &mut views {
        fed_by.sort_unstable();
        feeds.sort_unstable();
    }
    views
}

/// For each item how many different ones stand before it in their order.
fn ranks<T: Ord>(items: &[T]) -> Vec<usize> {
    let mut distinct: Vec<&T> = items.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    items.iter().map(|item| distinct.partition_point(|&other| other < item)).collect()
}

fn count(colours: &[usize]) -> usize {
    colours.iter().max().map_or(0, |&largest| largest + 1)
}
