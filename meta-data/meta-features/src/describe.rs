//! Computing a set of meta-features within a stated cost.

use std::cell::OnceCell;
use std::fmt;
use std::time::{Duration, Instant};

use heirloom_dataset::Dataset;
use serde::{Deserialize, Serialize};

use crate::CostClass;
use crate::catalogue::{GROUPS, VERSION};
use crate::deadline::Deadline;
use crate::landmark::Problem;

/// What may be spent on a description.
#[derive(Debug, Clone)]
pub struct Options {
    /// The dearest class computed; [`CostClass::Landmark`] means all.
    pub cost: CostClass,
    /// Time for the whole description. What does not fit is skipped with [`Skipped::OutOfTime`].
    pub budget: Option<Duration>,
    /// Decides the order of rows, the folds, the random node's feature and the landmarkers' rows.
    pub seed: [u8; 32],
    /// Landmarkers see at most this many rows, drawn in proportion to the classes.
    pub landmark_rows: usize,
}

impl Default for Options {
    /// Everything, within a minute, landmarkers on 10,000 rows (where 1-NN costs about what the others do).
    fn default() -> Self {
        Options {
            cost: CostClass::Landmark,
            budget: Some(Duration::from_secs(60)),
            seed: [0; 32],
            landmark_rows: 10_000,
        }
    }
}

/// Why a meta-feature has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Skipped {
    /// Its class is above [`Options::cost`].
    CostClass,
    /// The budget was spent, or what was left of it would not have sufficed.
    OutOfTime,
    /// It needs a target of classes.
    NotClassification,
    /// It is not defined for this data set: too few rows, no features, no variance, a single class.
    Undefined,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Skipped::CostClass => "its cost class was not asked for",
            Skipped::OutOfTime => "the time budget did not suffice",
            Skipped::NotClassification => "the target is not one of classes",
            Skipped::Undefined => "it is not defined for this data set",
        })
    }
}

/// One meta-feature of one data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetaFeature {
    /// Its usual name, one of [`NAMES`](crate::NAMES).
    pub name: String,
    /// Its value, finite; `None` when skipped.
    pub value: Option<f64>,
    /// Why there is no value.
    pub skipped: Option<Skipped>,
    /// Wall seconds it took. Those computed together share their cost evenly.
    pub cost_seconds: f64,
}

/// A data set's description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetaFeatureSet {
    /// Version of the definitions.
    pub version: u32,
    /// Every meta-feature, in the order of [`NAMES`](crate::NAMES).
    pub features: Vec<MetaFeature>,
}

impl MetaFeatureSet {
    /// The value of that name; `None` when it was skipped or there is none such.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.features.iter().find(|feature| feature.name == name)?.value
    }

    /// Names and values, skipped ones as `None`.
    pub fn values(&self) -> impl Iterator<Item = (&str, Option<f64>)> {
        self.features.iter().map(|feature| (feature.name.as_str(), feature.value))
    }

    /// Wall seconds in all.
    pub fn cost_seconds(&self) -> f64 {
        self.features.iter().map(|feature| feature.cost_seconds).sum()
    }
}

/// The values of one group, or why there are none; a value that is not finite counts as undefined.
pub(crate) type Computed = Result<Vec<f64>, Skipped>;

/// What every computation may look at.
pub(crate) struct Context<'a> {
    pub(crate) data: &'a Dataset,
    pub(crate) options: &'a Options,
    pub(crate) deadline: Deadline,
    /// Made by the first landmarker for all.
    pub(crate) problem: OnceCell<Problem>,
}

/// Describes a data set.
///
/// The same data, seed and version give the same values, unless the budget runs out. Describe the training part
/// alone where the rest must stay unseen.
pub fn describe(data: &Dataset, options: &Options) -> MetaFeatureSet {
    let deadline = Deadline::after(options.budget);
    let context = Context { data, options, deadline, problem: OnceCell::new() };
    let has_classes = matches!(data.target(), heirloom_dataset::Target::Classes { .. });
    let mut features = Vec::with_capacity(crate::NAMES.len());
    for group in &GROUPS {
        let start = Instant::now();
        let computed = if group.class > options.cost {
            Err(Skipped::CostClass)
        } else if group.needs_classes && !has_classes {
            Err(Skipped::NotClassification)
        } else {
            deadline.check().and_then(|()| (group.compute)(&context))
        };
        let cost_seconds = start.elapsed().as_secs_f64() / group.names.len() as f64;
        features.extend(group.names.iter().enumerate().map(|(index, name)| {
            let value = computed.as_ref().map_err(|&skipped| skipped).and_then(|values| {
                Some(values[index]).filter(|value| value.is_finite()).ok_or(Skipped::Undefined)
            });
            MetaFeature { name: (*name).to_owned(), value: value.ok(), skipped: value.err(), cost_seconds }
        }));
    }
    MetaFeatureSet { version: VERSION, features }
}

#[cfg(test)]
mod tests;
