//! Layers with tensors: copied from their partners, or made to pass on what they are fed.

use heirloom_network::{Operation, TensorRole};
use tch::{Kind, TchError, Tensor};

use super::super::gather::{Map, centred, columns, counts, identity, rows, stretched};
use super::super::maps::wider;
use super::super::moments::moments;
use super::super::units::depthwise_multiplier;
use super::{Filler, Like, Value};
use crate::forward::BATCH_NORM_EPSILON;

impl Filler<'_> {
    /// What feeds a layer, in terms of what fed its partner: the map of units, and whether the numbers are the same.
    fn fed(&self, place: usize, partner: usize) -> Option<(Map, bool)> {
        let input = self.layer(place).inputs[0];
        let theirs = self.parent.layers()[partner].inputs[0];
        let wanted = self.parent_values.canonical[theirs];
        let (ours_n, theirs_n) = (self.child.shapes()[input].0[0], self.width(theirs));
        match &self.values[input] {
            Value::Like(like) if Some(like.parent) == wanted => Some((like.map.clone(), like.is_exact)),
            Value::Like(like) if self.width(like.parent) == theirs_n => Some((like.map.clone(), false)),
            // Which zeros they are is all the same.
            Value::Zero if wanted.is_none() => {
                Some(((0..ours_n).map(|unit| Some(unit % theirs_n)).collect(), true))
            }
            // Nothing known: by place.
            _ => (ours_n == theirs_n).then(|| (identity(ours_n), false)),
        }
    }

    pub(super) fn copy_linear(&mut self, place: usize, partner: usize) -> Result<Value, TchError> {
        let layer = self.layer(place);
        let name = layer.name.clone();
        let theirs = self.parent.layers()[partner].inputs[0];
        let theirs_n = self.width(theirs);
        let Some((from, mut is_exact)) = self.fed(place, partner) else {
            self.steps.push(format!("fresh `{name}`: what feeds it has another width than in the parent"));
            return Ok(Value::New);
        };
        let weight = self.theirs[&(partner, TensorRole::Weight)].detach();
        let weight = match (layer.operation, self.parent.layers()[partner].operation) {
            (
                Operation::Conv { kernel, stride, padding, dilation, .. },
                Operation::Conv {
                    kernel: old_kernel,
                    stride: old_stride,
                    padding: old_padding,
                    dilation: old_dilation,
                    ..
                },
            ) => {
                let is_centred = (0..2).all(|axis| {
                    let (new, old) = (kernel[axis], old_kernel[axis]);
                    new >= old
                        && (new - old) % 2 == 0
                        && padding[axis] == old_padding[axis] + dilation * (new - old) / 2
                });
                let is_same_step = stride == old_stride && (dilation == old_dilation || old_kernel == [1, 1]);
                if !(is_centred && is_same_step) {
                    is_exact = false;
                    self.steps.push(format!("copied `{name}` from another kernel, stride or padding"));
                } else if kernel != old_kernel {
                    self.steps.push(format!("padded the kernel of `{name}` with zeros"));
                }
                centred(&weight, kernel)?
            }
            _ => weight,
        };
        let n_kernel = match (layer.operation, self.parent.layers()[partner].operation) {
            (Operation::Conv { kernel: a, .. }, Operation::Conv { kernel: b, .. }) => {
                a[0].min(b[0]) * a[1].min(b[1])
            }
            _ => 1,
        };
        let fresh = self.tensor(place, TensorRole::Weight);
        let (map, weight, n_columns) = if let Some(multiplier) = depthwise_multiplier(self.child, place) {
            let map = stretched(&from, multiplier);
            (map.clone(), rows(&weight, &map, 0, &fresh)?, 1)
        } else if matches!(layer.operation, Operation::Conv { groups, .. } if groups > 1) {
            let map = self.maps[place].clone();
            if from != identity(theirs_n) || map != identity(self.width(partner)) {
                self.steps.push(format!("fresh `{name}`: its groups have another width than in the parent"));
                return Ok(Value::New);
            }
            let n_columns = weight.size()[1] as usize;
            (map, weight, n_columns)
        } else {
            let map = self.maps[place].clone();
            if map.iter().all(Option::is_none) {
                return Ok(Value::New);
            }
            let shown = counts(&from, theirs_n);
            if is_exact && shown.contains(&0) && self.parent_values.canonical[theirs].is_some() {
                is_exact = false;
                self.steps.push(format!("`{name}` misses units that the parent's reads"));
            }
            let factors: Vec<f64> =
                from.iter().map(|from| from.map_or(0.0, |from| 1.0 / shown[from] as f64)).collect();
            let weight = columns(&weight, &from, &factors)?;
            let weight = self.noised(place, &rows(&weight, &map, 0, &fresh)?, &map)?;
            (map, weight, from.iter().flatten().count())
        };
        let n_rows = map.iter().flatten().count();
        self.n_inherited += n_rows * n_columns * n_kernel;
        self.put(place, TensorRole::Weight, weight);
        let bias = |operation: &Operation| match *operation {
            Operation::Linear { bias, .. } | Operation::Conv { bias, .. } => bias,
            _ => false,
        };
        match (bias(&layer.operation), self.theirs.get(&(partner, TensorRole::Bias)).copied()) {
            (true, Some(theirs)) => {
                let bias = rows(&theirs.detach(), &map, 0, &self.tensor(place, TensorRole::Bias))?;
                self.put(place, TensorRole::Bias, bias);
                self.n_inherited += n_rows;
            }
            (true, None) => {
                let zeros = self.tensor(place, TensorRole::Bias).f_zeros_like()?;
                self.put(place, TensorRole::Bias, zeros);
            }
            (false, Some(_)) => {
                is_exact = false;
                self.steps.push(format!("the bias of `{name}` is gone"));
            }
            (false, None) => {}
        }
        Ok(Value::Like(Like { parent: partner, map, is_exact }))
    }

    /// Noise on the rows of replicas, all but the first of each unit.
    fn noised(&self, place: usize, weight: &Tensor, map: &Map) -> Result<Tensor, TchError> {
        let mut seen = vec![false; map.iter().flatten().max().map_or(0, |&most| most + 1)];
        let is_replica: Vec<f64> = map
            .iter()
            .map(|from| f64::from(from.is_some_and(|from| std::mem::replace(&mut seen[from], true))))
            .collect();
        if self.noise <= 0.0 || !is_replica.contains(&1.0) {
            return Ok(weight.shallow_clone());
        }
        let seed = self.seed.derive(&format!("noise {}", self.layer(place).name), 0);
        // Uniform within ±√3 has variance 1.
        let drawn = crate::uniform(seed, 3f64.sqrt(), &weight.size())
            .map_err(|error| TchError::Torch(error.to_string()))?;
        let mut shape = vec![1; weight.dim()];
        shape[0] = -1;
        let mask = Tensor::f_from_slice(&is_replica)?.f_reshape(&shape)?.f_to_kind(Kind::Float)?;
        let drawn = drawn.f_mul(&mask)?.f_to_kind(weight.kind())?.f_to_device(weight.device())?;
        weight.f_add(&drawn.f_mul(&weight.f_std(false)?.f_mul_scalar(self.noise)?)?)
    }

    pub(super) fn copy_normalisation(&mut self, place: usize, partner: usize) -> Result<Value, TchError> {
        let name = self.layer(place).name.clone();
        let Some((map, mut is_exact)) = self.fed(place, partner) else {
            self.steps.push(format!("fresh `{name}`: what feeds it has another width than in the parent"));
            return Ok(Value::New);
        };
        use TensorRole::{RunningMean, RunningVariance, Scale, Shift};
        for role in [Scale, Shift, RunningMean, RunningVariance] {
            let theirs = self.theirs.get(&(partner, role)).copied();
            match (self.has(place, role), theirs) {
                (true, Some(theirs)) => {
                    let tensor = rows(&theirs.detach(), &map, 0, &self.tensor(place, role))?;
                    self.put(place, role, tensor);
                    self.n_inherited += map.iter().flatten().count();
                }
                // A fresh scale is 1, a fresh shift 0: what a normalisation without them does.
                (true, None) | (false, None) => {}
                (false, Some(_)) => is_exact = false,
            }
        }
        Ok(Value::Like(Like { parent: partner, map, is_exact }))
    }

    /// A layer that the parent does not have: the identity where what comes after it waits for what feeds it.
    pub(super) fn new_linear(&mut self, place: usize) -> Result<Value, TchError> {
        let name = self.layer(place).name.clone();
        let Some(like) = self.awaited(place) else {
            self.steps.push(format!("fresh `{name}`"));
            return Ok(Value::New);
        };
        let operation = self.layer(place).operation;
        let is_depthwise = depthwise_multiplier(self.child, place) == Some(1);
        let fits = match operation {
            Operation::Conv { kernel, stride, padding, dilation, groups, .. } => {
                let keeps =
                    |axis: usize| kernel[axis] % 2 == 1 && 2 * padding[axis] == dilation * (kernel[axis] - 1);
                stride == 1 && keeps(0) && keeps(1) && (groups == 1 || is_depthwise)
            }
            _ => true,
        };
        let n = self.child.shapes()[place].0[0];
        let n_known = like.map.len();
        let tied = self.maps[place].clone();
        let theirs_n = self.width(like.parent);
        let map = if is_depthwise {
            like.map.clone()
        } else if tied.iter().any(Option::is_some) && tied.iter().flatten().all(|&from| from < theirs_n) {
            tied
        } else if n >= n_known {
            let seed = self.seed.derive(&format!("widen {name}"), 0);
            wider(n_known, n, seed).into_iter().map(|unit| like.map[unit]).collect()
        } else {
            Map::new()
        };
        if !fits || map.is_empty() {
            self.steps.push(format!("fresh `{name}`: its shape cannot be an identity"));
            return Ok(Value::New);
        }
        let shown = counts(&like.map, theirs_n);
        let old = self.tensor(place, TensorRole::Weight);
        let sizes: Vec<usize> = old.size().iter().map(|&size| size as usize).collect();
        let (n_columns, window) = (sizes[1], sizes[2..].iter().product::<usize>());
        let centre = match sizes[2..] {
            [height, width] => (height / 2) * width + width / 2,
            _ => 0,
        };
        let mut numbers = vec![0.0_f32; old.numel()];
        let mut is_exact = like.is_exact;
        for (row, unit) in map.iter().enumerate() {
            let Some(unit) = *unit else { continue };
            is_exact &= shown[unit] > 0;
            for column in 0..n_columns {
                let source = if is_depthwise { row } else { column };
                if like.map[source] == Some(unit) {
                    let share = if is_depthwise { 1.0 } else { 1.0 / shown[unit] as f32 };
                    numbers[(row * n_columns + column) * window + centre] = share;
                }
            }
        }
        let weight = Tensor::f_from_slice(&numbers)?.f_reshape(old.size())?;
        self.put(place, TensorRole::Weight, weight.f_to_kind(old.kind())?.f_to_device(old.device())?);
        if self.has(place, TensorRole::Bias) {
            let zeros = self.tensor(place, TensorRole::Bias).f_zeros_like()?;
            self.put(place, TensorRole::Bias, zeros);
        }
        self.steps.push(format!("new `{name}` is an identity"));
        Ok(Value::Like(Like { parent: like.parent, map, is_exact }))
    }

    pub(super) fn new_normalisation(&mut self, place: usize) -> Result<Value, TchError> {
        let name = self.layer(place).name.clone();
        let Some(like) = self.awaited(place) else {
            // With its fresh statistics it leaves zeros zeros.
            let is_zero = matches!(self.values[self.layer(place).inputs[0]], Value::Zero);
            if !is_zero {
                self.steps.push(format!("fresh `{name}`"));
            }
            return Ok(if is_zero { Value::Zero } else { Value::New });
        };
        use TensorRole::{RunningMean, RunningVariance, Scale, Shift};
        if self.has(place, Scale) {
            if let Some((mean, variance)) = moments(self.parent, &self.theirs, like.parent, false)? {
                let mean = rows(&mean, &like.map, 0, &self.tensor(place, RunningMean))?;
                let variance = rows(&variance, &like.map, 0, &self.tensor(place, RunningVariance))?;
                self.put(place, RunningMean, mean);
                // A unit that hardly changes would be blown up and shrunk again: rounding for nothing.
                self.put(place, RunningVariance, variance.f_clamp_min(1e-2)?);
            }
            let variance = self.tensor(place, RunningVariance);
            self.put(place, Scale, variance.f_add_scalar(BATCH_NORM_EPSILON)?.f_sqrt()?);
            self.put(place, Shift, self.tensor(place, RunningMean));
        } else {
            let old = self.tensor(place, RunningVariance);
            self.put(place, RunningVariance, old.f_full_like(1.0 - BATCH_NORM_EPSILON)?);
        }
        self.steps.push(format!("new `{name}` is an identity"));
        Ok(Value::Like(like))
    }

    /// What feeds a new layer, if it is what the layers after it wait for.
    fn awaited(&self, place: usize) -> Option<Like> {
        match &self.values[self.layer(place).inputs[0]] {
            Value::Like(like) if self.demands[place].contains(&like.parent) => Some(like.clone()),
            _ => None,
        }
    }

    pub(super) fn has(&self, place: usize, role: TensorRole) -> bool {
        self.position(place, role).is_some()
    }

    fn position(&self, place: usize, role: TensorRole) -> Option<usize> {
        let roles: &[TensorRole] = match self.layer(place).operation {
            Operation::BatchNorm { affine: true } => {
                use TensorRole::{RunningMean, RunningVariance, Scale, Shift};
                &[Scale, Shift, RunningMean, RunningVariance]
            }
            Operation::BatchNorm { affine: false } => &[TensorRole::RunningMean, TensorRole::RunningVariance],
            _ => &[TensorRole::Weight, TensorRole::Bias],
        };
        let nth = roles.iter().position(|&other| other == role)?;
        (nth < self.firsts[place + 1] - self.firsts[place]).then_some(self.firsts[place] + nth)
    }

    /// The child's tensor as it is now.
    pub(super) fn tensor(&self, place: usize, role: TensorRole) -> Tensor {
        let position = self.position(place, role).expect("the layer has this tensor");
        self.tensors[position].shallow_clone()
    }

    pub(super) fn put(&mut self, place: usize, role: TensorRole, tensor: Tensor) {
        let position = self.position(place, role).expect("the layer has this tensor");
        self.tensors[position] = tensor;
    }
}
