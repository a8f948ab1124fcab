//! Which units (features or channels) of which layers are one and the same.
//!
//! A sum ties the units of its inputs: none of them can be replicated alone. Everything else that has no weights, and
//! a depthwise convolution, hands units on.

use std::collections::HashMap;

use heirloom_network::{Network, Operation};

/// The unit that an index of a layer's first dimension shows, and over how many indices in a row it stretches: after
/// flattening a channel stretches over its whole image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    unit: usize,
    stretch: usize,
}

/// A longest row of units that are tied in the same way: `len` units of each member from its start on are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Atom {
    /// Places of layers that make units, and where in their first dimension the row begins.
    pub(crate) members: Vec<(usize, usize)>,
    /// How many units.
    pub(crate) len: usize,
}

/// The units of a network.
#[derive(Debug)]
pub(crate) struct Units {
    pub(crate) atoms: Vec<Atom>,
    /// For each layer that makes units: where its atoms begin, and which they are.
    of_layer: HashMap<usize, Vec<(usize, usize)>>,
    /// Whether an atom is seen at the network's rim, so that its units cannot change.
    pub(crate) frozen: Vec<bool>,
}

impl Units {
    pub(crate) fn new(network: &Network) -> Self {
        let mut ties = Ties::default();
        let mut rows: Vec<Vec<Item>> = Vec::with_capacity(network.layers().len());
        let mut rim: Vec<usize> = Vec::new();
        for (place, layer) in network.layers().iter().enumerate() {
            let sizes = &network.shapes()[place].0;
            let first = layer.inputs.first();
            let row = match layer.operation {
                Operation::Input | Operation::Linear { .. } => ties.fresh(place, sizes[0]),
                Operation::Conv { .. } => match depthwise_multiplier(network, place) {
                    Some(multiplier) => {
                        let wider = |item: &Item| Item { stretch: item.stretch * multiplier, ..*item };
                        rows[layer.inputs[0]].iter().map(wider).collect()
                    }
                    None => {
                        if is_grouped(&layer.operation) {
                            rim.extend(rows[layer.inputs[0]].iter().map(|item| item.unit));
                        }
                        let row = ties.fresh(place, sizes[0]);
                        if is_grouped(&layer.operation) {
                            rim.extend(row.iter().map(|item| item.unit));
                        }
                        row
                    }
                },
                Operation::Flatten => {
                    let image: usize = network.shapes()[layer.inputs[0]].0[1..].iter().product();
                    let wider = |item: &Item| Item { stretch: item.stretch * image, ..*item };
                    rows[layer.inputs[0]].iter().map(wider).collect()
                }
                // Channels become pixels in blocks: none of them can be replicated alone.
                Operation::PixelShuffle { .. } => {
                    rim.extend(rows[layer.inputs[0]].iter().map(|item| item.unit));
                    let row = ties.fresh(place, sizes[0]);
                    rim.extend(row.iter().map(|item| item.unit));
                    row
                }
                Operation::Narrow { channels } => {
                    let row = &rows[layer.inputs[0]];
                    if channels < network.shapes()[layer.inputs[0]].0[0] {
                        rim.extend(row.iter().map(|item| item.unit));
                    }
                    let mut left = channels;
                    let keep = |item: &Item| {
                        let stretch = item.stretch.min(left);
                        left -= stretch;
                        (stretch > 0).then_some(Item { stretch, ..*item })
                    };
                    row.iter().map_while(keep).collect()
                }
                Operation::Concat => layer.inputs.iter().flat_map(|&input| rows[input].clone()).collect(),
                Operation::Sum => {
                    let row = rows[layer.inputs[0]].clone();
                    for &other in &layer.inputs[1..] {
                        let fits = row.len() == rows[other].len()
                            && row.iter().zip(&rows[other]).all(|(a, b)| a.stretch == b.stretch);
                        if fits {
                            row.iter().zip(&rows[other]).for_each(|(a, b)| ties.tie(a.unit, b.unit));
                        } else {
                            rim.extend(row.iter().chain(&rows[other]).map(|item| item.unit));
                        }
                    }
                    row
                }
                _ => first.map_or_else(Vec::new, |&input| rows[input].clone()),
            };
            rows.push(row);
        }
        for place in [Some(0), Some(network.output()), network.auxiliary()].into_iter().flatten() {
            rim.extend(rows[place].iter().map(|item| item.unit));
        }
        ties.atoms(&rim)
    }

    /// Where the atoms of a layer's units begin, and which they are, in order. Empty when it makes none.
    pub(crate) fn of(&self, layer: usize) -> &[(usize, usize)] {
        self.of_layer.get(&layer).map_or(&[], Vec::as_slice)
    }
}

/// How many channels a depthwise convolution makes of each; `None` for other layers.
pub(crate) fn depthwise_multiplier(network: &Network, place: usize) -> Option<usize> {
    let layer = &network.layers()[place];
    match layer.operation {
        Operation::Conv { outputs, groups, .. } if groups > 1 => {
            let channels = network.shapes()[layer.inputs[0]].0[0];
            (groups == channels).then_some(outputs / channels)
        }
        _ => None,
    }
}

fn is_grouped(operation: &Operation) -> bool {
    matches!(operation, Operation::Conv { groups, .. } if *groups > 1)
}

/// Units under the relation "is the same as" (union–find).
#[derive(Default)]
struct Ties {
    parents: Vec<usize>,
    owners: Vec<(usize, usize)>,
}

impl Ties {
    fn fresh(&mut self, layer: usize, n: usize) -> Vec<Item> {
        let start = self.parents.len();
        self.parents.extend(start..start + n);
        self.owners.extend((0..n).map(|index| (layer, index)));
        (start..start + n).map(|unit| Item { unit, stretch: 1 }).collect()
    }

    fn root(&mut self, mut unit: usize) -> usize {
        while self.parents[unit] != unit {
            self.parents[unit] = self.parents[self.parents[unit]];
            unit = self.parents[unit];
        }
        unit
    }

    fn tie(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }

    fn atoms(mut self, rim: &[usize]) -> Units {
        let n = self.parents.len();
        let roots: Vec<usize> = (0..n).map(|unit| self.root(unit)).collect();
        let mut members: Vec<Vec<(usize, usize)>> = vec![Vec::new(); n];
        for (unit, &root) in roots.iter().enumerate() {
            members[root].push(self.owners[unit]);
        }
        let mut atoms: Vec<Atom> = Vec::new();
        let mut atom_of_root: Vec<Option<usize>> = vec![None; n];
        for unit in 0..n {
            let root = roots[unit];
            if atom_of_root[root].is_some() {
                continue;
            }
            // A unit follows on the one before it where all that is tied to the two lies side by side.
            let before =
                (unit > 0 && self.owners[unit - 1].0 == self.owners[unit].0).then(|| roots[unit - 1]);
            let follows = before.filter(|&before| {
                members[before].len() == members[root].len()
                    && members[before].iter().zip(&members[root]).all(|(a, b)| (a.0, a.1 + 1) == *b)
            });
            match follows.and_then(|before| atom_of_root[before]) {
                Some(atom) => {
                    atoms[atom].len += 1;
                    atom_of_root[root] = Some(atom);
                }
                None => {
                    atom_of_root[root] = Some(atoms.len());
                    atoms.push(Atom { members: members[root].clone(), len: 1 });
                }
            }
        }
        let mut frozen = vec![false; atoms.len()];
        for &unit in rim {
            if let Some(atom) = atom_of_root[roots[unit]] {
                frozen[atom] = true;
            }
        }
        let mut of_layer: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
        for (idx, atom) in atoms.iter().enumerate() {
            for &(layer, start) in &atom.members {
                of_layer.entry(layer).or_default().push((start, idx));
            }
        }
        of_layer.values_mut().for_each(|list| list.sort_unstable());
        Units { atoms, of_layer, frozen }
    }
}
