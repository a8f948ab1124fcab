//! Layers without tensors: what the parent computes along the same path, and new branches that must add nothing.

use heirloom_network::{Activation, Operation, TensorRole};
use tch::TchError;

use super::super::gather::{Map, identity, stretched};
use super::super::values::{is_identity, is_maker, keeps_zero};
use super::{Filler, Like, Value};

/// What a new branch into a sum of old values begins as, the better the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Branch {
    /// What it gives is not its own to choose.
    Fixed,
    /// Small numbers: zeros would not learn.
    Small,
    /// Zeros, which learn.
    Silent,
}

/// By what the last weights of a small branch are multiplied.
const SMALL: f64 = 0.1;

impl Filler<'_> {
    /// A layer of one input.
    pub(super) fn plain(&mut self, place: usize) -> Value {
        let layer = self.layer(place);
        let (operation, input) = (&layer.operation, layer.inputs[0]);
        let like = match &self.values[input] {
            Value::Zero if keeps_zero(operation) => return Value::Zero,
            Value::Zero | Value::New => return Value::New,
            Value::Like(like) => like.clone(),
        };
        if is_identity(operation, self.parent_values.ranges[like.parent], &self.child.shapes()[input]) {
            return Value::Like(like);
        }
        let parent_sizes = &self.parent.shapes()[like.parent].0;
        let map = match operation {
            Operation::Flatten => {
                let image: usize = self.child.shapes()[input].0[1..].iter().product();
                if image != parent_sizes[1..].iter().product::<usize>() {
                    self.steps.push(format!("`{}` flattens images of another size", layer.name));
                    return Value::New;
                }
                stretched(&like.map, image)
            }
            Operation::PixelShuffle { .. } if like.map == identity(parent_sizes[0]) => {
                identity(self.child.shapes()[place].0[0])
            }
            Operation::PixelShuffle { .. } => return Value::New,
            Operation::Narrow { channels } => return self.narrow(place, &like, *channels),
            _ => like.map.clone(),
        };
        match self.parent_values.find(operation, &[Some(like.parent)]) {
            Some(parent) => Value::Like(Like { parent, map, is_exact: like.is_exact }),
            None => self.instead(place, map, like.parent),
        }
    }

    fn narrow(&mut self, place: usize, like: &Like, channels: usize) -> Value {
        let wanted = self.namesake(place).filter(|&theirs| {
            let theirs = &self.parent.layers()[theirs];
            matches!(theirs.operation, Operation::Narrow { .. })
                && self.parent_values.canonical[theirs.inputs[0]] == Some(like.parent)
        });
        let Some(parent) = wanted.and_then(|theirs| self.parent_values.canonical[theirs]) else {
            return Value::New;
        };
        let n = self.width(parent);
        let kept: Map = like.map[..channels].to_vec();
        let is_exact = like.is_exact && kept.iter().flatten().all(|&from| from < n);
        let map = kept.into_iter().map(|from| from.filter(|&from| from < n)).collect();
        Value::Like(Like { parent, map, is_exact })
    }

    /// Where the parent has no such value: the layer of the same name stands for it, or the one that is waited for.
    fn instead(&mut self, place: usize, map: Map, fed_by: usize) -> Value {
        let named = self
            .namesake(place)
            .filter(|&theirs| !is_maker(&self.parent.layers()[theirs].operation))
            .and_then(|theirs| self.parent_values.canonical[theirs]);
        let single = || {
            let demands = &self.demands[place];
            demands.first().copied().filter(|_| demands.len() == 1)
        };
        let fits = |parent: &usize| {
            let width = self.width(*parent);
            self.parent.shapes()[*parent].0.len() == self.child.shapes()[place].0.len()
                && map.iter().flatten().all(|&from| from < width)
                && (width == map.len() || width == self.width(fed_by))
        };
        let Some(parent) = named.or_else(single).filter(fits) else { return Value::New };
        let name = &self.layer(place).name;
        self.steps.push(format!("`{name}` does something else than in the parent"));
        Value::Like(Like { parent, map, is_exact: false })
    }

    pub(super) fn sum(&mut self, place: usize) -> Result<Value, TchError> {
        let inputs = &self.layer(place).inputs;
        let mut terms: Vec<Like> = Vec::new();
        let mut new: Vec<usize> = Vec::new();
        for &input in inputs {
            match &self.values[input] {
                Value::Zero => {}
                Value::New => new.push(input),
                Value::Like(like) => terms.push(like.clone()),
            }
        }
        let parents: Vec<Option<usize>> = terms.iter().map(|term| Some(term.parent)).collect();
        let known = match &terms[..] {
            [] => None,
            [single] => Some(single.parent),
            _ => self.parent_values.find(&Operation::Sum, &parents),
        };
        // With nothing old to add to, or with an old term missing, a new branch has work to do.
        let wanted = self.namesake(place).and_then(|theirs| self.parent_values.canonical[theirs]);
        // Beside what is the same for every input a branch has all the work to do: silent ones in a row never learn.
        let is_wanted = known.is_some_and(|known| self.parent_values.varies[known])
            && (wanted == known || self.demands[place].iter().any(|&d| Some(d) == known));
        let mut ends = Vec::new();
        let branches = new.iter().map(|&input| self.branch(input, &mut ends)).min().unwrap_or(Branch::Silent);
        if let Some(parent) = known
            && (new.is_empty() || (is_wanted && branches > Branch::Fixed))
        {
            for layer in ends {
                self.quieten(layer, branches)?;
            }
            let map = terms[0].map.clone();
            let is_exact =
                branches == Branch::Silent && terms.iter().all(|term| term.is_exact && term.map == map);
            return Ok(Value::Like(Like { parent, map, is_exact }));
        }
        match (terms.first(), new.is_empty()) {
            (None, true) => Ok(Value::Zero),
            (Some(first), _) => {
                let (map, parent) = (first.map.clone(), first.parent);
                Ok(self.instead(place, map, parent))
            }
            // All terms are new: what they replace is known by name only.
            (None, false) => {
                match wanted.filter(|&theirs| self.width(theirs) == self.child.shapes()[place].0[0]) {
                    Some(parent) => {
                        let map = identity(self.width(parent));
                        Ok(self.instead(place, map, parent))
                    }
                    None => Ok(Value::New),
                }
            }
        }
    }

    /// What can be made of the new branch that ends at `place`; its last layers with weights are added to `ends`.
    fn branch(&self, place: usize, ends: &mut Vec<usize>) -> Branch {
        if matches!(self.values[place], Value::Zero) || ends.contains(&place) {
            return Branch::Silent;
        }
        if matches!(self.values[place], Value::Like(_)) {
            return Branch::Fixed;
        }
        let layer = self.layer(place);
        let is_new = self.partners[place].is_none();
        match layer.operation {
            Operation::Linear { .. } | Operation::Conv { .. } | Operation::BatchNorm { affine: true }
                if is_new =>
            {
                ends.push(place);
                Branch::Silent
            }
            Operation::BatchNorm { affine: false } if is_new => self.branch(layer.inputs[0], ends),
            // A rectifier has no gradient at zero: what is silent in front of it stays so.
            Operation::Activation { function: Activation::Relu | Activation::Relu6 } => {
                self.branch(layer.inputs[0], ends).min(Branch::Small)
            }
            Operation::Sum | Operation::Concat => {
                layer.inputs.iter().map(|&input| self.branch(input, ends)).min().unwrap_or(Branch::Fixed)
            }
            _ if keeps_zero(&layer.operation) => self.branch(layer.inputs[0], ends),
            _ => Branch::Fixed,
        }
    }

    /// Makes the last layer of a new branch as quiet as the branch can be.
    fn quieten(&mut self, place: usize, branch: Branch) -> Result<(), TchError> {
        let (factor, how) = match branch {
            Branch::Silent => (0.0, "at zero"),
            Branch::Small | Branch::Fixed => (SMALL, "small"),
        };
        for role in [TensorRole::Weight, TensorRole::Bias, TensorRole::Scale, TensorRole::Shift] {
            if self.has(place, role) {
                let quiet = self.tensor(place, role).f_mul_scalar(factor)?;
                self.put(place, role, quiet);
            }
        }
        self.steps.push(format!("new branch by `{}` begins {how}", self.layer(place).name));
        Ok(())
    }

    pub(super) fn concat(&mut self, place: usize) -> Value {
        let inputs = &self.layer(place).inputs;
        if let ([input], Value::Like(_) | Value::Zero) = (&inputs[..], &self.values[inputs[0]]) {
            return self.values[*input].clone();
        }
        if inputs.iter().all(|&input| matches!(self.values[input], Value::Zero)) {
            return Value::Zero;
        }
        let is_concat = |theirs: &usize| matches!(self.parent.layers()[*theirs].operation, Operation::Concat);
        let namesake = self.namesake(place).filter(is_concat);
        let all = (0..self.parent.layers().len()).filter(is_concat);
        let covered = namesake.into_iter().chain(all).find_map(|theirs| self.joined(place, theirs, true));
        if let Some(like) = covered {
            return Value::Like(like);
        }
        // One old value, all others new: whoever waits for the old one reads the new ones by zeros.
        let olds: Vec<usize> =
            inputs.iter().copied().filter(|&input| matches!(self.values[input], Value::Like(_))).collect();
        if let [old] = olds[..]
            && let Value::Like(like) = &self.values[old]
            && self.demands[place].contains(&like.parent)
        {
            let sizes = inputs.iter().map(|&input| (input, self.child.shapes()[input].0[0]));
            let map = sizes
                .flat_map(|(input, n)| if input == old { like.map.clone() } else { vec![None; n] })
                .collect();
            return Value::Like(Like { map, ..like.clone() });
        }
        match namesake.and_then(|theirs| self.joined(place, theirs, false)) {
            Some(like) => {
                self.steps
                    .push(format!("`{}` joins other layers than in the parent", self.layer(place).name));
                Value::Like(like)
            }
            None => Value::New,
        }
    }

    /// The child's concatenation in terms of the parent's: each of the parent's inputs is looked for among the
    /// child's. With `all`, only if each is found; otherwise those that are left are paired by place.
    fn joined(&self, place: usize, theirs: usize, all: bool) -> Option<Like> {
        let parent = self.parent_values.canonical[theirs]?;
        let inputs = &self.layer(place).inputs;
        let mut parts: Vec<Map> =
            inputs.iter().map(|&input| vec![None; self.child.shapes()[input].0[0]]).collect();
        let mut is_used = vec![false; inputs.len()];
        let mut is_exact = true;
        let mut offset = 0;
        let mut left = Vec::new();
        for (nth, &from) in self.parent.layers()[theirs].inputs.iter().enumerate() {
            let wanted = self.parent_values.canonical[from];
            let found = inputs.iter().enumerate().find_map(|(idx, &input)| match &self.values[input] {
                Value::Like(like) if !is_used[idx] && Some(like.parent) == wanted => {
                    Some((idx, like.map.clone(), like.is_exact))
                }
                // Which zeros they are is all the same; a normalisation behind them shifts each by its own.
                Value::Zero if !is_used[idx] && wanted.is_none() => {
                    let map = (0..parts[idx].len()).map(|unit| Some(unit % self.width(from))).collect();
                    Some((idx, map, true))
                }
                _ => None,
            });
            match found {
                Some((idx, map, same)) => {
                    is_used[idx] = true;
                    is_exact &= same;
                    parts[idx] = map.into_iter().map(|unit| unit.map(|unit| unit + offset)).collect();
                }
                // Zeros are not missed.
                None if wanted.is_none() => {}
                None => left.push((nth, from, offset)),
            }
            offset += self.width(from);
        }
        if all && !left.is_empty() {
            return None;
        }
        for (nth, from, offset) in left {
            is_exact = false;
            if nth < inputs.len() && !is_used[nth] && parts[nth].len() == self.width(from) {
                parts[nth] = (0..self.width(from)).map(|unit| Some(unit + offset)).collect();
            }
        }
        Some(Like { parent, map: parts.concat(), is_exact })
    }
}
