//! Settings that a configuration changes.

use heirloom_plugin::space::{Parameter, ParameterKind};
use heirloom_plugin::{ComponentError, Configuration, PluginOptions, Space, Value, json};
use heirloom_torch_nets::{Recipe, Rule, Schedule};

use crate::options::{OptimizerChoice, Options, ScheduleChoice, ScheduleSpan};

/// The options that a parameter of the same name can stand for.
const SETTINGS: [&str; 24] = [
    "width",
    "stem_channels",
    "cells_per_stage",
    "n_stages",
    "cells",
    "head_channels",
    "optimizer",
    "learning_rate",
    "momentum",
    "nesterov",
    "weight_decay",
    "batch_size",
    "schedule",
    "step_share",
    "step_factor",
    "label_smoothing",
    "class_weights",
    "mixup",
    "cutout",
    "crop",
    "flip",
    "drop_path",
    "auxiliary_weight",
    "gradient_clip",
];

impl Options {
    /// Checks that each hyperparameter of `space` is a setting, over its whole range.
    pub(crate) fn check_space(&self, space: &Space) -> Result<(), ComponentError> {
        let n_hyperparameters = space.spec().parameters.len();
        for parameter in &space.parameters()[..n_hyperparameters] {
            let name = &parameter.name;
            if !SETTINGS.contains(&name.as_str()) {
                let known = SETTINGS.map(|name| format!("`{name}`")).join(", ");
                return Err(ComponentError::unsupported(format!(
                    "the space has the parameter `{name}`, which no training depends on; hint: the settings that can \
                     be searched are {known}"
                )));
            }
            for value in extremes(parameter) {
                self.clone().set(name, &value).map_err(|problem| {
                    ComponentError::unsupported(format!("parameter `{name}` of the space: {problem}"))
                })?;
            }
        }
        Ok(())
    }

    /// Checks that no setting asks for what targets of pixels cannot have.
    pub(crate) fn check_dense(&self, space: &Space) -> Result<(), ComponentError> {
        let above_zero = |name: &str, own: f64| {
            let searched = space.parameters().iter().filter(|parameter| parameter.name == name);
            let values = searched.flat_map(extremes).filter_map(|value| value.as_f64());
            values.chain([own]).find(|value| *value > 0.0)
        };
        if let Some(alpha) = above_zero("mixup", self.mixup) {
            return Err(ComponentError::configuration(format!(
                "`mixup = {alpha}` mixes rows with one target each, and the data has a target for each pixel; hint: leave \
                 it out, `crop`, `flip` and `cutout` change images and targets together"
            )));
        }
        if let Some(weight) = above_zero("auxiliary_weight", self.auxiliary_weight) {
            return Err(ComponentError::configuration(format!(
                "`auxiliary_weight = {weight}`: an auxiliary head has one answer for a whole image, and the data has a \
                 target for each pixel; hint: leave it out"
            )));
        }
        Ok(())
    }

    /// The options with the settings of `configuration`, which is a point of `space`.
    pub(crate) fn with(&self, space: &Space, configuration: &Configuration) -> Result<Self, String> {
        let mut settings = self.clone();
        let n_hyperparameters = space.spec().parameters.len();
        for parameter in &space.parameters()[..n_hyperparameters] {
            if let Some(value) = space.value(configuration, &parameter.name) {
                settings.set(&parameter.name, &value)?;
            }
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "width" => self.width = above_zero(value)?,
            "stem_channels" => self.stem_channels = Some(count(value, 1)?),
            "cells_per_stage" => self.cells_per_stage = Some(count(value, 1)?),
            "n_stages" => self.n_stages = Some(count(value, 1)?),
            "cells" => self.cells = Some(count(value, 1)?),
            "head_channels" => self.head_channels = Some(count(value, 0)?),
            "optimizer" => self.optimizer = choice(value)?,
            "learning_rate" => self.learning_rate = above_zero(value)?,
            "momentum" => self.momentum = share(value)?,
            "nesterov" => self.nesterov = flag(value)?,
            "weight_decay" => self.weight_decay = at_least_zero(value)?,
            "batch_size" => self.batch_size = count(value, 1)?,
            "schedule" => self.schedule = choice(value)?,
            "step_share" => self.step_share = above_zero(value)?,
            "step_factor" => self.step_factor = above_zero(value)?,
            "label_smoothing" => self.label_smoothing = share(value)?,
            "class_weights" => self.class_weights = flag(value)?,
            "mixup" => self.mixup = at_least_zero(value)?,
            "cutout" => self.cutout = count(value, 0)?,
            "crop" => self.crop = count(value, 0)?,
            "flip" => self.flip = flag(value)?,
            "drop_path" => self.drop_path = share(value)?,
            "auxiliary_weight" => self.auxiliary_weight = at_least_zero(value)?,
            "gradient_clip" => self.gradient_clip = at_least_zero(value)?,
            _ => unreachable!("names are checked against the settings first"),
        }
        Ok(())
    }

    /// How a network is trained for `epochs`.
    pub(crate) fn recipe(
        &self,
        epochs: usize,
        data_fraction: f64,
        resolution: Option<usize>,
        bfloat16: bool,
    ) -> Recipe {
        Recipe {
            rule: match self.optimizer {
                OptimizerChoice::Sgd => {
                    let nesterov = self.nesterov && self.momentum > 0.0;
                    Rule::Sgd { momentum: self.momentum, nesterov }
                }
                OptimizerChoice::Adam => Rule::ADAM,
                OptimizerChoice::Adamw => Rule::ADAM_W,
            },
            learning_rate: self.learning_rate,
            schedule: match self.schedule {
                ScheduleChoice::Cosine => Schedule::Cosine,
                ScheduleChoice::OneCycle => Schedule::OneCycle,
                ScheduleChoice::Step => Schedule::Step { share: self.step_share, factor: self.step_factor },
                ScheduleChoice::Constant => Schedule::Constant,
            },
            schedule_epochs: match self.schedule_over {
                ScheduleSpan::Full => self.epochs.max(epochs) as f64,
                ScheduleSpan::Fidelity => epochs as f64,
            },
            weight_decay: self.weight_decay,
            batch_size: self.batch_size,
            data_fraction,
            label_smoothing: self.label_smoothing,
            balanced: self.class_weights,
            mixup: self.mixup,
            cutout: self.cutout,
            crop: self.crop,
            flip: self.flip,
            drop_path: self.drop_path,
            auxiliary: self.auxiliary_weight,
            gradient_clip: self.gradient_clip,
            resolution,
            bfloat16,
        }
    }
}

/// Values between which, or among which, all others are.
fn extremes(parameter: &Parameter) -> Vec<Value> {
    match &parameter.kind {
        ParameterKind::Float { low, high, .. } => vec![Value::Float(*low), Value::Float(*high)],
        ParameterKind::Int { low, high, .. } => vec![Value::Int(*low), Value::Int(*high)],
        ParameterKind::Categorical { choices: values } | ParameterKind::Ordinal { values } => values.clone(),
        ParameterKind::Constant { value } => vec![value.clone()],
    }
}

fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().filter(|number| number.is_finite()).ok_or_else(|| format!("`{value}` is no number"))
}

fn above_zero(value: &Value) -> Result<f64, String> {
    let number = number(value)?;
    if number > 0.0 { Ok(number) } else { Err(format!("`{number}` is not above 0")) }
}

fn at_least_zero(value: &Value) -> Result<f64, String> {
    let number = number(value)?;
    if number >= 0.0 { Ok(number) } else { Err(format!("`{number}` is below 0")) }
}

fn share(value: &Value) -> Result<f64, String> {
    let number = number(value)?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err(format!("`{number}` is not within 0 to 1")) }
}

fn count(value: &Value, least: usize) -> Result<usize, String> {
    let number = number(value)?;
    let is_count = number >= least as f64 && number.fract() == 0.0;
    if is_count { Ok(number as usize) } else { Err(format!("`{number}` is no whole number from {least} on")) }
}

fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        other => Err(format!("`{other}` is neither `true` nor `false`")),
    }
}

fn choice<T: PluginOptions>(value: &Value) -> Result<T, String> {
    T::from_json(&json!(value)).map_err(|error| error.to_string())
}
