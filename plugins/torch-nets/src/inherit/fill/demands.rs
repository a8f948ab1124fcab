//! What the layers of the child wait for: a new layer in a chain passes on what the old one after it needs, a new
//! branch adds what nobody waits for.

use std::collections::BTreeSet;

use heirloom_network::{Network, Operation};

use super::super::values::{Values, is_identity, is_maker};

/// For each layer of the child the parent's values, any of which it would serve what comes after it to give.
pub(super) fn demands(
    parent: &Network,
    values: &Values,
    child: &Network,
    partners: &[Option<usize>],
) -> Vec<BTreeSet<usize>> {
    let mut demands: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); child.layers().len()];
    let pairs = [(Some(child.output()), Some(parent.output())), (child.auxiliary(), parent.auxiliary())];
    for (ours, theirs) in pairs {
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            demands[ours].extend(values.canonical[theirs]);
        }
    }
    for (place, layer) in child.layers().iter().enumerate().rev() {
        let operation = &layer.operation;
        let own = demands[place].clone();
        let namesake = parent.find(&layer.name);
        let fed = |place: usize| parent.layers()[place].inputs.first().map(|&input| values.canonical[input]);
        match operation {
            Operation::Input | Operation::Zero { .. } => {}
            Operation::Sum | Operation::Concat => {
                // What inputs of an old name bring need not come from the new ones.
                let named: Vec<Option<usize>> = layer
                    .inputs
                    .iter()
                    .map(|&input| {
                        parent.find(&child.layers()[input].name).and_then(|theirs| values.canonical[theirs])
                    })
                    .collect();
                let mut open: BTreeSet<usize> = BTreeSet::new();
                let same = namesake.filter(|&theirs| parent.layers()[theirs].operation == *operation);
                for &value in &own {
                    // What the parent joins here; or one value, joined by a new layer with nothing.
                    let mut terms: Vec<usize> =
                        match same.filter(|&same| values.canonical[same] == Some(value)) {
                            Some(same) => {
                                let inputs = parent.layers()[same].inputs.iter();
                                inputs.filter_map(|&input| values.canonical[input]).collect()
                            }
                            None => vec![value],
                        };
                    // A value can be wanted twice.
                    for brought in named.iter().flatten() {
                        if let Some(at) = terms.iter().position(|term| term == brought) {
                            terms.swap_remove(at);
                        }
                    }
                    open.extend(terms);
                }
                for (&input, named) in layer.inputs.iter().zip(&named) {
                    match named {
                        Some(value) => demands[input].insert(*value),
                        None => {
                            demands[input].extend(&open);
                            false
                        }
                    };
                }
            }
            _ if is_maker(operation) => match partners[place] {
                Some(partner) => demands[layer.inputs[0]].extend(fed(partner).flatten()),
                // A new layer can be the identity.
                None => demands[layer.inputs[0]].extend(own),
            },
            _ => {
                let input = layer.inputs[0];
                let same = namesake.filter(|&theirs| parent.layers()[theirs].operation == *operation);
                demands[input].extend(same.and_then(fed).flatten());
                for value in own {
                    if parent.layers()[value].operation == *operation {
                        demands[input].extend(fed(value).flatten());
                    }
                    // A new rectifier behind a rectifier passes on what it is fed.
                    let passes = match operation {
                        Operation::Dropout { .. } | Operation::DropPath => true,
                        Operation::Activation { .. } => {
                            same.is_none()
                                && is_identity(operation, values.ranges[value], &child.shapes()[input])
                        }
                        _ => false,
                    };
                    if passes {
                        demands[input].insert(value);
                    }
                }
            }
        }
    }
    demands
}
