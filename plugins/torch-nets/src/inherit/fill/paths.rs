//! Layers without tensors: what the parent computes along the same path, and new branches that must add nothing.

use heirloom_network::{Operation, TensorRole};
use tch::TchError;

use super::super::gather::{Map, identity, stretched};
use super::super::values::{is_identity, is_maker, keeps_zero};
use super::{Filler, Like, Value};

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
        let is_wanted =
            known.is_some() && (wanted == known || self.demands[place].iter().any(|&d| Some(d) == known));
        let mut silent = Vec::new();
        let can_be_silenced = new.iter().all(|&input| self.silencers(input, &mut silent));
        if let (Some(parent), true) = (known, new.is_empty() || (is_wanted && can_be_silenced)) {
            for &layer in &silent {
                self.silence(layer)?;
            }
            let map = terms[0].map.clone();
            let is_exact = terms.iter().all(|term| term.is_exact && term.map == map);
            return Ok(Value::Like(Like { parent, map, is_exact }));
        }
        // Zeros of the parent stay zeros where nobody waits for something else.
        let is_old_zero = |&input: &usize| {
            let namesake = self.namesake(input);
            matches!(self.values[input], Value::Zero)
                && namesake.is_some_and(|theirs| self.parent_values.canonical[theirs].is_none())
        };
        if terms.is_empty()
            && can_be_silenced
            && self.demands[place].is_empty()
            && inputs.iter().any(is_old_zero)
        {
            for layer in silent {
                self.silence(layer)?;
            }
            return Ok(Value::Zero);
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

    /// The new layers whose weights must be zero for `place` to give zeros. False where there are none.
    fn silencers(&self, place: usize, found: &mut Vec<usize>) -> bool {
        if matches!(self.values[place], Value::Zero) || found.contains(&place) {
            return true;
        }
        if matches!(self.values[place], Value::Like(_)) {
            return false;
        }
        let layer = self.layer(place);
        match layer.operation {
            Operation::Linear { .. } | Operation::Conv { .. } | Operation::BatchNorm { affine: true } => {
                found.push(place);
                self.partners[place].is_none()
            }
            Operation::BatchNorm { affine: false } => {
                self.partners[place].is_none() && self.silencers(layer.inputs[0], found)
            }
            Operation::Sum | Operation::Concat => {
                layer.inputs.iter().all(|&input| self.silencers(input, found))
            }
            _ => keeps_zero(&layer.operation) && self.silencers(layer.inputs[0], found),
        }
    }

    fn silence(&mut self, place: usize) -> Result<(), TchError> {
        for role in [TensorRole::Weight, TensorRole::Bias, TensorRole::Scale, TensorRole::Shift] {
            if self.has(place, role) {
                let zeros = self.tensor(place, role).f_zeros_like()?;
                self.put(place, role, zeros);
            }
        }
        self.steps.push(format!("new branch by `{}` begins at zero", self.layer(place).name));
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
                Value::Like(like) if !is_used[idx] && Some(like.parent) == wanted => Some((idx, like)),
                _ => None,
            });
            match found {
                Some((idx, like)) => {
                    is_used[idx] = true;
                    is_exact &= like.is_exact;
                    parts[idx] = like.map.iter().map(|unit| unit.map(|unit| unit + offset)).collect();
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
