//! Settings that a configuration changes.

use std::f64::consts::FRAC_1_SQRT_2;
use std::fmt::Display;

use heirloom_plugin::space::{Parameter, ParameterKind};
use heirloom_plugin::tracing::warn;
use heirloom_plugin::{ComponentError, Configuration, PluginOptions, Space, Value, json};
use heirloom_torch_nets::{Data, Recipe, Rule, Schedule};

use crate::options::{OptimizerChoice, Options, ScheduleChoice, ScheduleSpan};

/// Where a setting changes a training.
#[derive(Debug, Clone, Copy)]
enum Counts {
    Always,
    /// Where rows are images.
    Images,
    /// Where architectures are of one of these families.
    Families(&'static [&'static str]),
    /// Where classes are predicted.
    Classes,
    /// Where the optimizer is `sgd`.
    Sgd,
    /// Where the schedule is `step`.
    Steps,
}

const LAYERS: &[&str] = &["chain", "macro", "resolution-path", "encoder-decoder"];
pub(crate) const EQUAL_CELLS: &[&str] = &["edge-cell", "node-cell", "hierarchical"];
pub(crate) const PAIRED_CELLS: &[&str] = &["paired-cells"];
const WITH_STEM: &[&str] = &[
    "chain",
    "macro",
    "resolution-path",
    "encoder-decoder",
    "edge-cell",
    "node-cell",
    "hierarchical",
    "paired-cells",
];

/// The most cells and stages that a setting asks for; as the options' schema has them.
const MAX_CELLS: usize = 1024;
const MAX_STAGES: usize = 16;

/// The options that a parameter of the same name can stand for, and where they count.
const SETTINGS: [(&str, Counts); 24] = [
    ("width", Counts::Always),
    ("stem_channels", Counts::Families(WITH_STEM)),
    ("cells_per_stage", Counts::Families(EQUAL_CELLS)),
    ("n_stages", Counts::Families(EQUAL_CELLS)),
    ("cells", Counts::Families(PAIRED_CELLS)),
    ("head_channels", Counts::Families(LAYERS)),
    ("optimizer", Counts::Always),
    ("learning_rate", Counts::Always),
    ("momentum", Counts::Sgd),
    ("nesterov", Counts::Sgd),
    ("weight_decay", Counts::Always),
    ("batch_size", Counts::Always),
    ("schedule", Counts::Always),
    ("step_share", Counts::Steps),
    ("step_factor", Counts::Steps),
    ("label_smoothing", Counts::Classes),
    ("class_weights", Counts::Classes),
    ("mixup", Counts::Always),
    ("cutout", Counts::Images),
    ("crop", Counts::Images),
    ("flip", Counts::Images),
    ("drop_path", Counts::Families(PAIRED_CELLS)),
    ("auxiliary_weight", Counts::Families(PAIRED_CELLS)),
    ("gradient_clip", Counts::Always),
];

impl Counts {
    /// Why it does not count for architectures of the family `kind` and this data under `options`, unless `searches` says
    /// that the space decides what it depends on.
    fn missing(
        self,
        kind: &str,
        data: &Data,
        options: &Options,
        searches: impl Fn(&str) -> bool,
    ) -> Option<String> {
        match self {
            Self::Images if !data.is_images() => Some("counts for images, and the data is a table".into()),
            Self::Classes if data.class_counts().is_empty() => {
                Some("counts for classes, and the target is a number".into())
            }
            Self::Sgd if options.optimizer != OptimizerChoice::Sgd && !searches("optimizer") => {
                Some("counts for `optimizer = \"sgd\"`, and the optimizer is another one".into())
            }
            Self::Steps if options.schedule != ScheduleChoice::Step && !searches("schedule") => {
                Some("counts for `schedule = \"step\"`, and the schedule is another one".into())
            }
            Self::Families(families) if !families.contains(&kind) => {
                Some(format!("counts for `{}`, and the architectures are `{kind}`", families.join("`, `")))
            }
            _ => None,
        }
    }

    /// Whether it is refused, and not only told, that a setting is searched which does not count: presets search what
    /// counts for classes or for one optimizer alone.
    fn is_refused(self) -> bool {
        matches!(self, Self::Images | Self::Families(_))
    }
}

impl Options {
    /// Checks that each hyperparameter of `space` is a setting, over its whole range.
    pub(crate) fn check_space(&self, space: &Space) -> Result<(), ComponentError> {
        let n_hyperparameters = space.spec().parameters.len();
        for parameter in &space.parameters()[..n_hyperparameters] {
            let name = &parameter.name;
            if !SETTINGS.iter().any(|(known, _)| known == name) {
                let known = SETTINGS.map(|(name, _)| format!("`{name}`")).join(", ");
                return Err(ComponentError::unsupported(format!(
                    "the space has the parameter `{name}`, which no training depends on; hint: the settings that can \
                     be searched are {known}"
                )));
            }
            let refused = |problem: String| {
                ComponentError::unsupported(format!("parameter `{name}` of the space: {problem}"))
            };
            for value in extremes(parameter) {
                self.clone().set(name, &value).map_err(refused)?;
            }
        }
        Ok(())
    }

    /// Checks that each setting that `space` searches counts for its architectures and images or tables, and warns of
    /// others that are searched or set and do not count.
    pub(crate) fn check_effect(&self, space: &Space, data: &Data) -> Result<(), ComponentError> {
        let Some(spec) = space.architecture_spec() else { return Ok(()) };
        let searches = |name: &str| space.spec().parameters.iter().any(|parameter| parameter.name == name);
        for (name, counts) in SETTINGS {
            let Some(problem) = counts.missing(spec.kind(), data, self, searches) else { continue };
            if searches(name) && counts.is_refused() {
                return Err(ComponentError::unsupported(format!(
                    "the space has the parameter `{name}`, which {problem}; hint: leave it out of the space"
                )));
            }
            if searches(name) || self.asks_for(name) {
                warn!("`{name}` changes nothing here: it {problem}; hint: leave it out");
            }
        }
        Ok(())
    }

    /// Whether a setting that does not always count is set to change something.
    fn asks_for(&self, name: &str) -> bool {
        match name {
            "stem_channels" => self.stem_channels.is_some(),
            "cells_per_stage" => self.cells_per_stage.is_some(),
            "n_stages" => self.n_stages.is_some(),
            "cells" => self.cells.is_some(),
            "head_channels" => self.head_channels.is_some(),
            "cutout" => self.cutout > 0,
            "crop" => self.crop > 0,
            "flip" => self.flip,
            "drop_path" => self.drop_path > 0.0,
            "auxiliary_weight" => self.auxiliary_weight > 0.0,
            "label_smoothing" => self.label_smoothing > 0.0,
            "class_weights" => self.class_weights,
            // Their defaults are numbers that count elsewhere.
            _ => false,
        }
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
                let set = settings.set(&parameter.name, &value);
                set.map_err(|problem| format!("parameter `{}`: {problem}", parameter.name))?;
            }
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "width" => self.width = above_zero(value)?,
            "stem_channels" => self.stem_channels = Some(count(value, 1)?),
            "cells_per_stage" => self.cells_per_stage = Some(at_most(MAX_CELLS, count(value, 1)?)?),
            "n_stages" => self.n_stages = Some(at_most(MAX_STAGES, count(value, 1)?)?),
            "cells" => self.cells = Some(at_most(MAX_CELLS, count(value, 1)?)?),
            "head_channels" => self.head_channels = Some(count(value, 0)?),
            "optimizer" => self.optimizer = choice(value)?,
            "learning_rate" => self.learning_rate = above_zero(value)?,
            "momentum" => self.momentum = share(value)?,
            "nesterov" => self.nesterov = flag(value)?,
            "weight_decay" => self.weight_decay = at_least_zero(value)?,
            "batch_size" => self.batch_size = count(value, 1)?,
            "schedule" => self.schedule = choice(value)?,
            "step_share" => self.step_share = at_most(1.0, above_zero(value)?)?,
            "step_factor" => self.step_factor = above_zero(value)?,
            "label_smoothing" => self.label_smoothing = share(value)?,
            "class_weights" => self.class_weights = flag(value)?,
            "mixup" => self.mixup = at_least_zero(value)?,
            "cutout" => self.cutout = count(value, 0)?,
            "crop" => self.crop = count(value, 0)?,
            "flip" => self.flip = flag(value)?,
            "drop_path" => self.drop_path = at_most(0.99, share(value)?)?,
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

/// Values between which, or among which, all others are; of real numbers also one in between.
fn extremes(parameter: &Parameter) -> Vec<Value> {
    match &parameter.kind {
        ParameterKind::Float { low, high, step, .. } => {
            // Whole ends say nothing of what lies between them. An irrational share of a whole range is not whole.
            let between = (low + step.unwrap_or(FRAC_1_SQRT_2 * (high - low))).min(*high);
            [*low, *high, between].map(Value::Float).to_vec()
        }
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
    let problem = || {
        format!(
            "`{number}` is no whole number from {least} on; hint: `type = \"int\"`, `low` at least {least}"
        )
    };
    if is_count { Ok(number as usize) } else { Err(problem()) }
}

fn at_most<T: PartialOrd + Display>(most: T, number: T) -> Result<T, String> {
    if number <= most { Ok(number) } else { Err(format!("`{number}` is above {most}")) }
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
