use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heirloom_dataset::{Column, DatasetOptions, Table, TargetKind, Values, shared_data};

use super::*;
use crate::NAMES;

fn table(columns: Vec<(String, Values)>) -> Table {
    Table::new(columns.into_iter().map(|(name, values)| Column::new(name, values)).collect()).unwrap()
}

fn dataset(columns: Vec<(&str, Values)>) -> Dataset {
    let columns = columns.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
    let options = DatasetOptions { target: Some("y".into()), ..Default::default() };
    Dataset::from_table("t", &table(columns), &options).unwrap()
}

/// Numbers in -1..1 that look random.
fn noise(n: usize, stream: u64) -> Vec<f64> {
    (0..n as u64)
        .map(|i| {
            let mut z = (i + 1)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .wrapping_add(stream.wrapping_mul(0xD1B5_4A32_D192_ED03));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
        })
        .collect()
}

fn labels(n: usize) -> Values {
    Values::Int((0..n as i64).map(|row| row % 2).collect())
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/meta-features")
}

fn open(path: &Path) -> Dataset {
    let options = DatasetOptions {
        target: Some("target".into()),
        kind: TargetKind::Classification,
        ..Default::default()
    };
    Dataset::open(path, &options).unwrap()
}

/// By scikit-learn, SciPy and NumPy: `make.py` beside the numbers.
#[derive(Deserialize)]
struct Reference {
    values: BTreeMap<String, f64>,
    /// Mean and standard deviation over repeated cross-validations.
    landmarks: BTreeMap<String, (f64, f64)>,
}

/// The reference's data sets that are here: those beside it, and those of the shared data.
fn references() -> Vec<(String, Dataset, Reference)> {
    let text = std::fs::read_to_string(golden().join("reference.json")).unwrap();
    let all: BTreeMap<String, Reference> = serde_json::from_str(&text).unwrap();
    let shared = shared_data("pmlb-small");
    let find = |(name, reference): (String, Reference)| {
        let committed = golden().join(format!("{name}.csv"));
        let path = match &shared {
            _ if committed.is_file() => committed,
            Some(folder) => folder.join(format!("{name}.parquet")),
            None => return None,
        };
        Some((name, open(&path), reference))
    };
    let found: Vec<_> = all.into_iter().filter_map(find).collect();
    assert!(found.len() >= 3);
    found
}

#[test]
fn deterministic_features_equal_the_reference() {
    for (name, data, reference) in references() {
        let set = describe(&data, &Options { cost: CostClass::Spectral, budget: None, ..Default::default() });
        assert_eq!(reference.values.len(), 40);
        for (feature, expected) in reference.values {
            let value = set.get(&feature).unwrap_or_else(|| panic!("{name}: no {feature}"));
            let tolerance = 1e-6 * expected.abs().max(1.0);
            assert!((value - expected).abs() <= tolerance, "{name}: {feature} is {value}, not {expected}");
        }
    }
}

/// Five cross-validations each, so four standard errors and half a percent for what is free: ties between
/// neighbours, and between splits of equal impurity.
#[test]
fn landmarkers_agree_with_the_reference_within_the_spread_of_its_folds() {
    for (name, data, reference) in references() {
        let sets: Vec<_> = (1..6)
            .map(|seed| describe(&data, &Options { seed: [seed; 32], budget: None, ..Default::default() }))
            .collect();
        assert_eq!(reference.landmarks.len(), 6);
        for (feature, (mean, std)) in reference.landmarks {
            let value = sets.iter().map(|set| set.get(&feature).unwrap()).sum::<f64>() / 5.0;
            let tolerance = 4.0 * std / 5_f64.sqrt() + 0.005;
            eprintln!("{name}: {feature} {value:.4} reference {mean:.4} ± {tolerance:.4}");
            assert!(
                (value - mean).abs() <= tolerance,
                "{name}: {feature} is {value}, not {mean} ± {tolerance}"
            );
        }
    }
}

/// These rows of a data set of numbers and classes.
fn rows_of(data: &Dataset, rows: &[usize]) -> Dataset {
    let heirloom_dataset::Target::Classes { codes, .. } = data.target() else {
        panic!("there are no classes")
    };
    let numbers = |feature: usize| {
        let column = data.column(feature);
        let values = Values::Float(rows.iter().map(|&row| column[row]).collect());
        (data.feature_name(feature).into_owned(), values)
    };
    let mut columns: Vec<(String, Values)> = (0..data.n_features()).map(numbers).collect();
    let classes = Values::Int(rows.iter().map(|&row| i64::from(codes[row])).collect());
    columns.push(("target".into(), classes));
    let options = DatasetOptions {
        target: Some("target".into()),
        kind: TargetKind::Classification,
        ..Default::default()
    };
    Dataset::from_table("part", &table(columns), &options).unwrap()
}

/// The archive's descriptions are of two thirds of the rows, drawn we do not know how: close, not equal.
#[test]
fn fresh_descriptions_come_near_the_archived_ones_of_the_same_data() {
    let (Some(archive), Some(tables)) = (shared_data("autosklearn-140"), shared_data("pmlb-small")) else {
        return;
    };
    let archived = Table::read(archive.join("meta_features.parquet")).unwrap();
    let mut names: Vec<&str> = archived.columns().iter().map(Column::name).collect();
    names.retain(|&name| name != "openml_dataset_id");
    names.sort_unstable();
    let mut ours = NAMES;
    ours.sort_unstable();
    assert_eq!(names, ours);

    let ids = archived.column("openml_dataset_id").unwrap().as_ints().unwrap().to_vec();
    for (id, name) in [(30, "page_blocks"), (44, "spambase")] {
        let row = ids.iter().position(|&other| other == id).unwrap();
        let data = open(&tables.join(format!("{name}.parquet")));
        let train = data.split(0.0, 0.33, [5; 32]).unwrap().train;
        let set = describe(&rows_of(&data, &train), &Options::default());
        let check = |feature: &str, tolerance: f64| {
            let expected = archived.column(feature).unwrap().to_f64().unwrap()[row];
            let value = set.get(feature).unwrap();
            assert!(
                (value - expected).abs() <= tolerance,
                "{name}: {feature} is {value}, archived is {expected}"
            );
        };
        check("LogNumberOfInstances", 0.001);
        check("ClassEntropy", 0.03);
        check("SkewnessMin", 0.2);
        check("KurtosisMin", 1.5);
        check("PCAFractionOfComponentsFor95PercentVariance", 0.04);
        for landmark in ["1NN", "LDA", "NaiveBayes", "DecisionTree", "DecisionNodeLearner"] {
            check(&format!("Landmark{landmark}"), 0.05);
        }
    }
}

fn without_costs(mut set: MetaFeatureSet) -> MetaFeatureSet {
    set.features.iter_mut().for_each(|feature| feature.cost_seconds = 0.0);
    set
}

#[test]
fn the_same_seed_gives_the_same_description_and_another_seed_other_folds() {
    let data = open(&golden().join("mixed.csv"));
    let with = |seed| {
        without_costs(describe(&data, &Options { seed: [seed; 32], budget: None, ..Default::default() }))
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
    let text = serde_json::to_string(&with(1)).unwrap();
    assert_eq!(serde_json::from_str::<MetaFeatureSet>(&text).unwrap(), with(1));
}

#[test]
fn what_the_cost_class_or_the_budget_does_not_allow_is_skipped_with_its_reason() {
    let data = open(&golden().join("iris.csv"));
    let cheap = describe(&data, &Options { cost: CostClass::Simple, ..Default::default() });
    for feature in &cheap.features {
        let is_simple = crate::catalogue::cost_class(&feature.name) == Some(CostClass::Simple);
        assert_eq!(feature.skipped, (!is_simple).then_some(Skipped::CostClass), "{}", feature.name);
    }
    let none = describe(&data, &Options { budget: Some(Duration::ZERO), ..Default::default() });
    assert!(none.features.iter().all(|feature| feature.skipped == Some(Skipped::OutOfTime)));
}

#[test]
fn every_feature_computed_has_a_cost() {
    let set = describe(&open(&golden().join("iris.csv")), &Options::default());
    assert!(set.features.iter().all(|feature| feature.value.is_some() && feature.cost_seconds > 0.0));
    assert!(
        set.cost_seconds() >= set.features.iter().map(|feature| feature.cost_seconds).fold(0.0, f64::max)
    );
}

fn skipped(set: &MetaFeatureSet) -> Vec<&str> {
    set.features
        .iter()
        .filter(|feature| feature.value.is_none())
        .map(|feature| feature.name.as_str())
        .collect()
}

const PCA: [&str; 3] =
    ["PCAFractionOfComponentsFor95PercentVariance", "PCASkewnessFirstPC", "PCAKurtosisFirstPC"];

#[test]
fn one_class_is_described_without_lda() {
    let data = dataset(vec![("x", Values::Float(noise(50, 1))), ("y", Values::Int(vec![3; 50]))]);
    let set = describe(&data, &Options::default());
    assert_eq!(skipped(&set), ["LandmarkLDA"]);
    assert_eq!((set.get("NumberOfClasses"), set.get("ClassEntropy")), (Some(1.0), Some(0.0)));
    assert_eq!((set.get("LandmarkDecisionTree"), set.get("Landmark1NN")), (Some(1.0), Some(1.0)));
}

#[test]
fn one_row_is_described_without_components_and_landmarkers() {
    let data = dataset(vec![("x", Values::Float(vec![2.0])), ("y", Values::Int(vec![0]))]);
    let set = describe(&data, &Options::default());
    assert!(skipped(&set).iter().all(|name| name.starts_with("Landmark") || name.starts_with("PCA")));
    assert_eq!(skipped(&set).len(), 9);
    assert_eq!(set.get("KurtosisMax"), Some(-3.0));
}

#[test]
fn constant_columns_have_no_variance_to_decompose() {
    let columns = ["a", "b"].map(|name| (name, Values::Float(vec![0.1; 40])));
    let data = dataset([columns.to_vec(), vec![("y", labels(40))]].concat());
    let set = describe(&data, &Options::default());
    assert_eq!(skipped(&set), [&PCA[..], &["LandmarkLDA"]].concat());
    assert_eq!((set.get("SkewnessMax"), set.get("KurtosisMax")), (Some(0.0), Some(-3.0)));
    assert_eq!(set.get("LandmarkDecisionTree"), Some(0.5));
}

#[test]
fn columns_of_nothing_but_missing_values_are_counted_and_left_out() {
    let data = dataset(vec![("a", Values::Float(vec![f64::NAN; 40])), ("y", labels(40))]);
    let set = describe(&data, &Options::default());
    assert_eq!(
        (set.get("PercentageOfMissingValues"), set.get("NumberOfFeaturesWithMissingValues")),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(skipped(&set).len(), 9);
}

/// Categories in a repeatable disorder.
fn categories<'a>(names: &[&'a str], n: usize, stream: u64) -> Vec<&'a str> {
    let place = |value: &f64| ((value + 1.0) / 2.0 * names.len() as f64) as usize;
    noise(n, stream).iter().map(|value| names[place(value).min(names.len() - 1)]).collect()
}

fn text(values: &[&str]) -> Values {
    Values::Text(values.iter().collect())
}

#[test]
fn lda_knows_classes_that_follow_from_the_columns() {
    fn lda(a: &[&str], b: &[&str], class: impl Fn(usize) -> String) -> f64 {
        let n = a.len();
        let y = Values::Text((0..n).map(class).collect());
        let x = Values::Float(noise(n, 3));
        let data = dataset(vec![("a", text(a)), ("b", text(b)), ("x", x), ("y", y)]);
        describe(&data, &Options::default()).get("LandmarkLDA").unwrap()
    }
    let n = 500;
    let (a, b) = (categories(&["p", "q", "r", "s"], n, 1), categories(&["t", "u"], n, 2));
    // Every indicator is the same in all rows of a class. scikit-learn 1.9.1: 1.000.
    assert_eq!(lda(&a, &b, |row| format!("{}{}", a[row], b[row])), 1.0);
    // A sum of two of them is, though each varies.
    assert_eq!(lda(&a, &b, |row| ["p", "q"].contains(&a[row]).to_string()), 1.0);
    let drawn = categories(&["no", "yes"], n, 4);
    let chance = lda(&a, &b, |row| drawn[row].to_owned());
    assert!((chance - 0.5).abs() < 0.1, "what columns do not tell is not told: {chance}");
}

#[test]
fn text_of_distinct_values_is_a_feature_of_many_symbols() {
    let text = Values::Text((0..300).map(|row| format!("row {row}")).collect());
    let data = dataset(vec![("t", text), ("x", Values::Float(noise(300, 2))), ("y", labels(300))]);
    let set = describe(&data, &Options::default());
    assert_eq!((set.get("SymbolsMax"), set.get("NumberOfCategoricalFeatures")), (Some(300.0), Some(1.0)));
    assert_eq!(skipped(&set), [""; 0]);
}

#[test]
fn infinite_and_huge_values_do_not_spread() {
    let mut x = noise(100, 3);
    (x[3], x[4], x[5]) = (f64::INFINITY, 1e300, -1e300);
    let data =
        dataset(vec![("x", Values::Float(x)), ("z", Values::Float(noise(100, 4))), ("y", labels(100))]);
    assert_eq!(skipped(&describe(&data, &Options::default())), [""; 0]);
}

#[test]
fn a_regression_task_is_described_without_what_needs_classes() {
    let data = dataset(vec![("x", Values::Float(noise(60, 5))), ("y", Values::Float(noise(60, 6)))]);
    let set = describe(&data, &Options::default());
    let needs_classes =
        |name: &str| name.starts_with("Landmark") || name.starts_with("Class") || name == "NumberOfClasses";
    for feature in &set.features {
        assert_eq!(
            feature.skipped,
            needs_classes(&feature.name).then_some(Skipped::NotClassification),
            "{}",
            feature.name
        );
    }
}

#[test]
fn a_data_set_without_features_is_described_as_far_as_it_goes() {
    let set = describe(&dataset(vec![("y", labels(20))]), &Options::default());
    assert_eq!((set.get("NumberOfFeatures"), set.get("LogNumberOfFeatures")), (Some(0.0), None));
    assert_eq!(set.get("ClassEntropy"), Some(1.0));
}

#[test]
fn landmarkers_on_drawn_rows_stay_near_those_on_all() {
    let n = 4000;
    let x = noise(n, 7);
    let y =
        Values::Int(x.iter().zip(noise(n, 8)).map(|(x, noise)| i64::from(x + 0.5 * noise > 0.0)).collect());
    let data = dataset(vec![("x", Values::Float(x)), ("y", y)]);
    let all = describe(&data, &Options::default());
    let drawn = describe(&data, &Options { landmark_rows: 1000, ..Default::default() });
    for name in NAMES.iter().filter(|name| name.starts_with("Landmark")) {
        assert!((all.get(name).unwrap() - drawn.get(name).unwrap()).abs() < 0.05, "{name}");
    }
}

fn print_costs(set: &MetaFeatureSet) {
    for feature in set.features.iter().filter(|feature| feature.cost_seconds > 1e-3) {
        eprintln!("{:7.1} ms {} = {:?}", 1e3 * feature.cost_seconds, feature.name, feature.value);
    }
    eprintln!("{:7.1} ms in all", 1e3 * set.cost_seconds());
}

#[test]
fn ten_thousand_columns_are_described_within_the_budget() {
    let (n, d) = (400, 10_000);
    let mut columns: Vec<_> =
        (0..d).map(|column| (format!("x{column}"), Values::Float(noise(n, column)))).collect();
    columns.push(("y".into(), labels(n)));
    let data = Dataset::from_table("wide", &table(columns), &DatasetOptions::default()).unwrap();
    let start = Instant::now();
    let set = describe(&data, &Options { budget: Some(Duration::from_secs(4)), ..Default::default() });
    let elapsed = start.elapsed();
    print_costs(&set);
    assert!(elapsed < Duration::from_secs(8), "{elapsed:?}");
    assert!(set.get("KurtosisMax").is_some());
    assert!(
        set.features
            .iter()
            .all(|feature| feature.value.is_some() || feature.skipped == Some(Skipped::OutOfTime))
    );
}

/// FIGURES.md: pymfe takes 6 s for this size.
#[test]
fn ten_thousand_rows_of_twenty_columns_with_landmarkers_take_no_minute() {
    let (n, d) = (10_000, 20);
    let mut columns: Vec<_> =
        (0..d).map(|column| (format!("x{column}"), Values::Float(noise(n, column)))).collect();
    let (first, second) = (noise(n, 0), noise(n, 1));
    columns.push((
        "y".into(),
        Values::Int(
            (0..n).map(|row| i64::from(first[row] * second[row] > 0.1 * noise(1, row as u64)[0])).collect(),
        ),
    ));
    let data = Dataset::from_table("tall", &table(columns), &DatasetOptions::default()).unwrap();
    let set = describe(&data, &Options::default());
    print_costs(&set);
    assert_eq!(skipped(&set), [""; 0]);
    assert!(set.cost_seconds() < 6.0, "not even as fast as the peer");
}
