//! Which of the parent's units each unit of the child shows, where the child has more or fewer of them.

use std::collections::HashMap;

use heirloom_model::Seed;
use heirloom_network::{Network, Operation, TensorRole};
use tch::Tensor;

use super::gather::{Map, row_norms};
use super::units::Units;
use crate::TorchError;

/// The parent's tensors by the place of their layer and their role.
pub(super) type Tensors<'a> = HashMap<(usize, TensorRole), &'a Tensor>;

/// For each layer of the child that makes units, its map to those of its partner. Units of the child that stand for
/// none of the parent's have `None`.
pub(super) struct Maps {
    pub(super) of_layer: Vec<Map>,
    pub(super) steps: Vec<String>,
}

impl Maps {
    /// `partners`: the parent's layer for each of the child's.
    pub(super) fn new(
        parent: &Network,
        tensors: &Tensors<'_>,
        child: &Network,
        partners: &[Option<usize>],
        seed: Seed,
    ) -> Result<Self, TorchError> {
        let (parent_units, child_units) = (Units::new(parent), Units::new(child));
        let mut of_layer: Vec<Map> = vec![Map::new(); child.layers().len()];
        for (place, map) in of_layer.iter_mut().enumerate() {
            if !child_units.of(place).is_empty() {
                *map = vec![None; child.shapes()[place].0[0]];
            }
        }
        let mut steps = Vec::new();
        for (idx, atom) in child_units.atoms.iter().enumerate() {
            // The parent's row of units for each member: where it begins and how long it is.
            let rows: Vec<Option<(usize, usize, usize)>> = atom
                .members
                .iter()
                .map(|&(layer, start)| {
                    let partner = partners[layer]?;
                    let (ours, theirs) = (child_units.of(layer), parent_units.of(partner));
                    let n_same = child.shapes()[layer].0[0] == parent.shapes()[partner].0[0];
                    if n_same {
                        return Some((partner, start, atom.len));
                    }
                    let nth = ours.iter().position(|&(from, _)| from == start)?;
                    let &(from, theirs_idx) = theirs.get(nth).filter(|_| ours.len() == theirs.len())?;
                    Some((partner, from, parent_units.atoms[theirs_idx].len))
                })
                .collect();
            let Some(&(_, _, length)) = rows.iter().flatten().next() else { continue };
            let members: Vec<(usize, usize)> =
                rows.iter().flatten().filter(|row| row.2 == length).map(|row| (row.0, row.1)).collect();
            let name = &child.layers()[atom.members[0].0].name;
            let chosen = if length == atom.len {
                (0..length).collect()
            } else if child_units.frozen[idx] {
                steps.push(format!("fresh `{name}`: {} units at the rim, the parent has {length}", atom.len));
                continue;
            } else if length < atom.len {
                steps.push(format!("widened `{name}` from {length} to {} units", atom.len));
                wider(length, atom.len, seed.derive(&format!("widen {name}"), 0))
            } else {
                steps.push(format!("narrowed `{name}` from {length} to {} units", atom.len));
                strongest(parent, tensors, &members, length, atom.len)?
            };
            for (&(layer, start), row) in atom.members.iter().zip(&rows) {
                let Some((_, from, _)) = row.filter(|row| row.2 == length) else { continue };
                for (offset, &unit) in chosen.iter().enumerate() {
                    of_layer[layer][start + offset] = Some(from + unit);
                }
            }
        }
        Ok(Self { of_layer, steps })
    }
}

/// `few` units and, after them, replicas of units drawn at random: Net2Wider's g.
pub(super) fn wider(few: usize, many: usize, seed: Seed) -> Vec<usize> {
    let mut rng = seed.rng();
    (0..many).map(|unit| if unit < few { unit } else { rng.below(few) }).collect()
}

/// The `few` of `many` units whose rows have the largest norms over all members, in their old order. A row counts as
/// large as the batch norm right after it makes it.
fn strongest(
    parent: &Network,
    tensors: &Tensors<'_>,
    members: &[(usize, usize)],
    many: usize,
    few: usize,
) -> Result<Vec<usize>, TorchError> {
    let mut strength = vec![0.0; many];
    for &(layer, from) in members {
        let Some(weight) = tensors.get(&(layer, TensorRole::Weight)) else { continue };
        let mut norms = row_norms(weight).map_err(TorchError::at("norms of units"))?;
        let normalisation = parent
            .layers()
            .iter()
            .position(|next| next.inputs == [layer] && matches!(next.operation, Operation::BatchNorm { .. }));
        if let Some(place) = normalisation {
            let read = |role| -> Result<Option<Vec<f64>>, TorchError> {
                let Some(tensor) = tensors.get(&(place, role)) else { return Ok(None) };
                let numbers = tensor.f_to_kind(tch::Kind::Double).and_then(|t| Vec::try_from(t.detach()));
                numbers.map(Some).map_err(TorchError::at("a normalisation's statistics"))
            };
            let scale = read(TensorRole::Scale)?;
            if let Some(variance) = read(TensorRole::RunningVariance)? {
                for (unit, norm) in norms.iter_mut().enumerate() {
                    let scale = scale.as_ref().map_or(1.0, |scale| scale[unit].abs());
                    *norm *= scale / (variance[unit].max(0.0) + crate::forward::BATCH_NORM_EPSILON).sqrt();
                }
            }
        }
        for (unit, sum) in strength.iter_mut().enumerate() {
            *sum += norms.get(from + unit).copied().unwrap_or(0.0);
        }
    }
    let mut order: Vec<usize> = (0..many).collect();
    order.sort_by(|&a, &b| strength[b].total_cmp(&strength[a]));
    order.truncate(few);
    order.sort_unstable();
    Ok(order)
}
