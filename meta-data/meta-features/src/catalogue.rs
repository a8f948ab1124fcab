//! Which meta-features there are, what they cost, and what computes them.

use serde::{Deserialize, Serialize};

use crate::describe::{Computed, Context};
use crate::{landmark, moments, pca, simple};

/// Version of the definitions. Sets of different versions must not be compared feature by feature.
pub const VERSION: u32 = 1;

/// What a meta-feature costs, for `n` rows and `d` encoded columns; ordered from cheap to dear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostClass {
    /// Counts: `O(n d)`.
    Simple,
    /// Moments of each column: `O(n d)`, a few passes.
    Statistical,
    /// Principal components: `O(n d min(n, d))`.
    Spectral,
    /// Cross-validated simple learners: up to `O(n² d)`.
    Landmark,
}

/// Meta-features that one computation yields, and so one price.
pub(crate) struct Group {
    pub(crate) class: CostClass,
    pub(crate) names: &'static [&'static str],
    /// Whether the group needs a target of classes.
    pub(crate) needs_classes: bool,
    /// The values in the order of `names`.
    pub(crate) compute: fn(&Context<'_>) -> Computed,
}

const fn group(
    class: CostClass,
    needs_classes: bool,
    compute: fn(&Context<'_>) -> Computed,
    names: &'static [&'static str],
) -> Group {
    Group { class, names, needs_classes, compute }
}

/// Every group, from cheap to dear: a budget that ends early has bought the most features.
pub(crate) const GROUPS: [Group; 12] = [
    group(
        CostClass::Simple,
        false,
        simple::shape,
        &[
            "NumberOfInstances",
            "LogNumberOfInstances",
            "NumberOfFeatures",
            "LogNumberOfFeatures",
            "DatasetRatio",
            "LogDatasetRatio",
            "InverseDatasetRatio",
            "LogInverseDatasetRatio",
            "NumberOfNumericFeatures",
            "NumberOfCategoricalFeatures",
            "RatioNumericalToNominal",
            "RatioNominalToNumerical",
        ],
    ),
    group(
        CostClass::Simple,
        true,
        simple::classes,
        &[
            "NumberOfClasses",
            "ClassProbabilityMin",
            "ClassProbabilityMax",
            "ClassProbabilityMean",
            "ClassProbabilitySTD",
            "ClassEntropy",
        ],
    ),
    group(
        CostClass::Simple,
        false,
        simple::missing,
        &[
            "NumberOfMissingValues",
            "PercentageOfMissingValues",
            "NumberOfInstancesWithMissingValues",
            "PercentageOfInstancesWithMissingValues",
            "NumberOfFeaturesWithMissingValues",
            "PercentageOfFeaturesWithMissingValues",
        ],
    ),
    group(
        CostClass::Simple,
        false,
        simple::symbols,
        &["SymbolsMin", "SymbolsMax", "SymbolsMean", "SymbolsSTD", "SymbolsSum"],
    ),
    group(
        CostClass::Statistical,
        false,
        moments::all,
        &[
            "SkewnessMin",
            "SkewnessMax",
            "SkewnessMean",
            "SkewnessSTD",
            "KurtosisMin",
            "KurtosisMax",
            "KurtosisMean",
            "KurtosisSTD",
        ],
    ),
    group(
        CostClass::Spectral,
        false,
        pca::all,
        &["PCAFractionOfComponentsFor95PercentVariance", "PCASkewnessFirstPC", "PCAKurtosisFirstPC"],
    ),
    group(CostClass::Landmark, true, landmark::random_node, &["LandmarkRandomNodeLearner"]),
    group(CostClass::Landmark, true, landmark::decision_node, &["LandmarkDecisionNodeLearner"]),
    group(CostClass::Landmark, true, landmark::naive_bayes, &["LandmarkNaiveBayes"]),
    group(CostClass::Landmark, true, landmark::lda, &["LandmarkLDA"]),
    group(CostClass::Landmark, true, landmark::decision_tree, &["LandmarkDecisionTree"]),
    group(CostClass::Landmark, true, landmark::nearest_neighbour, &["Landmark1NN"]),
];

const N_FEATURES: usize = {
    let (mut n, mut i) = (0, 0);
    while i < GROUPS.len() {
        n += GROUPS[i].names.len();
        i += 1;
    }
    n
};

/// The names of all 46, in the order they are computed.
pub const NAMES: [&str; N_FEATURES] = {
    let mut names = [""; N_FEATURES];
    let (mut n, mut i) = (0, 0);
    while i < GROUPS.len() {
        let mut j = 0;
        while j < GROUPS[i].names.len() {
            names[n] = GROUPS[i].names[j];
            n += 1;
            j += 1;
        }
        i += 1;
    }
    names
};

/// What the meta-feature of that name costs, or `None` for an unknown name.
#[cfg(test)]
pub(crate) fn cost_class(name: &str) -> Option<CostClass> {
    GROUPS.iter().find(|group| group.names.contains(&name)).map(|group| group.class)
}
