//! The tables that ship, and tables of the field read by descriptors, against numbers from elsewhere: the papers' best
//! cells and the same tables read without this crate.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use heirloom_dataset::{Table, shared_data};
use heirloom_model::{Configuration, FailureKind, Fidelity};
use heirloom_recorded_table::{Error, RecordedTable};

fn seed(name: &str) -> RecordedTable {
    RecordedTable::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../meta-data/seed").join(name))
        .unwrap()
}

/// Opens a descriptor of `tests/descriptors` on the shared data that it is named for.
fn shared(folder: &str) -> Option<(PathBuf, RecordedTable)> {
    let data = shared_data(folder)?;
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/descriptors").join(format!("{folder}.toml"));
    let text = std::fs::read_to_string(text).unwrap().replace("DATA", data.to_str().unwrap());
    let descriptor = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(descriptor.path(), text).unwrap();
    let table = RecordedTable::open(descriptor.path()).unwrap();
    Some((data, table))
}

fn numbers(table: &Table, column: &str) -> Vec<f64> {
    table.column(column).unwrap().to_f64().unwrap()
}

fn cell(table: &RecordedTable, text: &str) -> Configuration {
    table.space().architecture_spec().unwrap().parse(table.space(), text).unwrap()
}

/// The best mean objective of a task, in the direction people read.
fn best(table: &RecordedTable, task: &str) -> f64 {
    let task = table.task_index(task).unwrap();
    let level = table.level_of(&Fidelity::default()).unwrap();
    let entries = table.entries().filter(|entry| entry.task() == task);
    let best =
        entries.filter_map(|entry| entry.outcome(level, None).ok()).map(|outcome| outcome.objectives[0]);
    table.objectives()[0].direction.turn(best.fold(f64::INFINITY, f64::min))
}

const NB201: [(&str, f64, f64); 3] =
    [("cifar10", 91.607, 90.86), ("cifar100", 73.493, 70.50), ("ImageNet16-120", 46.733, 44.10)];
const RESNET: &str = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|";

/// A descriptor whose files are made on demand must be sound before they are there.
#[test]
fn every_descriptor_beside_the_seed_data_is_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../meta-data/seed");
    let sources = std::fs::read_to_string(folder.join("sources.toml")).unwrap();
    let sources: toml::Table = toml::from_str(&sources).unwrap();
    let entries = sources["data"].as_array().unwrap();
    // An entry with a file of its own is a data set to search on, no recorded table.
    for entry in entries.iter().filter(|entry| entry.get("file").is_none()) {
        let name = entry["name"].as_str().unwrap();
        match RecordedTable::open(folder.join(name)) {
            Ok(table) => assert_eq!(table.name(), name),
            Err(Error::File(_)) => assert!(!entry["ships"].as_bool().unwrap(), "{name} has no files"),
            Err(other) => panic!("{other}"),
        }
        assert!(folder.join(name).join("README.md").exists());
    }
    assert!(entries.len() >= 7);
}

#[test]
fn our_own_trainings_are_full_tables_with_curves_and_descriptions() {
    for (name, n_tasks, n_configurations, n_levels, epochs) in
        [("tabular-mlp", 33, 80, 8, 50.0), ("image-cells", 7, 24, 6, 9.0)]
    {
        let table = seed(name);
        assert_eq!(
            (table.tasks().len(), table.configurations().len()),
            (n_tasks, n_configurations),
            "{name}"
        );
        assert_eq!(table.n_entries(), n_tasks * n_configurations);
        assert!(table.tasks().iter().all(|task| task.meta_features.len() >= 30), "{name}");
        let levels = &table.fidelity().unwrap().levels;
        assert_eq!((levels.len(), levels[n_levels - 1]), (n_levels, epochs));
        let diverged = table.entries().filter(|entry| entry.outcome(n_levels - 1, None).is_err()).count();
        assert!(diverged * 20 < table.n_entries(), "{name}: {diverged} of {}", table.n_entries());
        assert_eq!(table.entries().next().unwrap().curve(n_levels - 1, None).len(), n_levels);
    }
}

#[test]
fn nas_bench_201_has_the_published_best_and_resnet_cells() {
    let table = seed("nas-bench-201");
    assert_eq!((table.n_entries(), table.configurations().len()), (46_875, 15_625));
    for (task, expected, resnet) in NB201 {
        assert!((best(&table, task) - expected).abs() < 5e-4, "{task}");
        let entry = table.find(table.task_index(task).unwrap(), &cell(&table, RESNET)).unwrap();
        let outcome = entry.outcome(0, None).unwrap();
        assert!((-outcome.objectives[0] - resnet).abs() < 5e-3, "{task}: {outcome:?}");
        assert!(outcome.cost_seconds > 1000.0);
    }
}

#[test]
fn the_nas_bench_201_that_ships_agrees_with_the_shared_table_everywhere() {
    let Some(data) = shared_data("nasbench201") else { return };
    let table = seed("nas-bench-201");
    let results = Table::read(data.join("results.parquet")).unwrap();
    let archs = Table::read(data.join("archs.parquet")).unwrap();
    let strings = archs.column("arch_str").unwrap().as_text().unwrap();
    let datasets = results.column("dataset").unwrap().as_text().unwrap();
    let by_seed =
        ["val_acc_200ep_s0", "val_acc_200ep_s1", "val_acc_200ep_s2"].map(|name| numbers(&results, name));
    let (mean, time) = (numbers(&results, "val_acc_200ep"), numbers(&results, "train_time_200ep_s"));
    for (row, &arch) in results.column("arch_index").unwrap().as_ints().unwrap().iter().enumerate() {
        let task = table.task_index(datasets.get(row)).unwrap();
        let entry = table.find(task, &cell(&table, strings.get(arch as usize))).unwrap();
        let outcome = entry.outcome(0, None).unwrap();
        assert!(
            (outcome.objectives[0] + mean[row]).abs() < 1e-5 && outcome.cost_seconds == time[row],
            "row {row}"
        );
        let n_trainings = by_seed.iter().filter(|values| !values[row].is_nan()).count();
        assert_eq!(entry.trainings(0).len(), n_trainings);
        for training in entry.trainings(0) {
            assert_eq!(entry.outcome(0, Some(training)).unwrap().objectives[0], -by_seed[training][row]);
        }
    }
}

#[test]
fn sizes_in_columns_are_two_separate_trainings() {
    let Some((data, table)) = shared("nasbench201") else { return };
    let results = Table::read(data.join("results.parquet")).unwrap();
    let short = numbers(&results, "val_acc_12ep");
    let low = table.level_of(&Fidelity(vec![12.0])).unwrap();
    for (row, entry) in table.entries().enumerate() {
        let outcome = entry.outcome(low, None).unwrap();
        assert_eq!(outcome.objectives[0], -short[row]);
        let full = entry.outcome(1, None).unwrap();
        assert!((outcome.cost_seconds - full.cost_seconds * 12.0 / 200.0).abs() < 1e-6);
        assert!(full.curve.is_empty() && full.metrics.contains_key("test_acc"));
    }
    for (task, expected, _) in NB201 {
        assert!((best(&table, task) - expected).abs() < 5e-4, "{task}");
    }
}

#[test]
fn isomorphic_graph_networks_share_one_evaluation() {
    let table = seed("nas-bench-graph");
    assert_eq!((table.tasks().len(), table.configurations().len()), (8, 26_206));
    let named = |links: &str, ops: [&str; 4]| {
        let names = ["op_1", "op_2", "op_3", "op_4"].into_iter().zip(ops);
        let named =
            names.chain([("links", links)]).map(|(name, value)| (name.to_owned(), value.into())).collect();
        table.space().from_named(&named).unwrap()
    };
    // Four nodes on the input: their order does not matter.
    let (one, other) =
        (named("0000", ["gcn", "gat", "fc", "skip"]), named("0000", ["fc", "gcn", "skip", "gat"]));
    let (one, other) = (table.find(3, &one).unwrap(), table.find(3, &other).unwrap());
    assert_eq!(one.configuration(), other.configuration());
    for (task, expected) in [
        ("cora", 0.819),
        ("citeseer", 0.728),
        ("pubmed", 0.811),
        ("cs", 0.921),
        ("photo", 0.941),
        ("arxiv", 0.737),
    ] {
        assert!((best(&table, task) - expected).abs() < 6e-4, "{task}");
    }
    let proteins = seed("nas-bench-graph-proteins");
    assert_eq!(proteins.n_entries(), 2_021);
    assert!((best(&proteins, "proteins") - 0.853).abs() < 6e-4);
}

#[test]
fn oboe_is_a_complete_matrix_with_the_published_errors() {
    let table = seed("oboe");
    assert_eq!((table.tasks().len(), table.configurations().len(), table.n_entries()), (418, 219, 91_542));
    let mut errors = vec![0.0; 219];
    let mut oracle: HashMap<usize, f64> = HashMap::new();
    for evaluation in table.evaluations() {
        let error = evaluation.result.unwrap().objectives[0];
        errors[evaluation.configuration_index] += error / 418.0;
        oracle.entry(evaluation.task).and_modify(|best| *best = best.min(error)).or_insert(error);
    }
    let best_single = errors.iter().copied().fold(f64::INFINITY, f64::min);
    assert!((best_single - 0.190).abs() < 5e-4, "{best_single}");
    assert!((oracle.values().sum::<f64>() / 418.0 - 0.152).abs() < 5e-4);
    let described = table.tasks().iter().filter(|task| task.meta_features.len() > 36).count();
    assert_eq!(described, 77);
    assert!(table.tasks().iter().all(|task| task.meta_features["NumberOfInstances"] > 0.0));
}

#[test]
fn learning_curves_have_every_recorded_point_and_diverged_ones_are_failures() {
    let Some((data, table)) = shared("taskset-rnn-curves") else { return };
    let rows = Table::read_columns(data.join("curves.parquet"), &["step", "valid_loss"]).unwrap();
    let (steps, losses) = (numbers(&rows, "step"), numbers(&rows, "valid_loss"));
    let diverged =
        steps.iter().zip(&losses).filter(|(step, loss)| **step == 50.0 && !loss.is_finite()).count();
    let mut failures = 0;
    for evaluation in table.evaluations() {
        match evaluation.result {
            Ok(outcome) => {
                let finite = outcome.curve.len();
                assert!(finite <= 51 && outcome.curve[finite - 1].objectives == outcome.objectives);
            }
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Diverged);
                failures += 1;
            }
        }
    }
    assert_eq!((failures, table.n_entries()), (diverged, 12_000));
    assert!(diverged > 0);
}

#[test]
fn tasks_named_by_number_bring_their_meta_features() {
    let Some((data, table)) = shared("autosklearn-140") else { return };
    assert_eq!((table.tasks().len(), table.evaluations().count()), (105, 11_130));
    let features = Table::read(data.join("meta_features.parquet")).unwrap();
    let entropy = numbers(&features, "ClassEntropy");
    for (row, id) in features.column("openml_dataset_id").unwrap().as_ints().unwrap().iter().enumerate() {
        let task = &table.tasks()[table.task_index(&id.to_string()).unwrap()];
        assert_eq!(task.meta_features["ClassEntropy"], entropy[row]);
    }
}

#[test]
fn a_grid_of_a_quarter_million_rows_streams_every_training() {
    let Some((_, table)) = shared("fcnet-hpo") else { return };
    assert_eq!(table.evaluations().count(), 4 * 62_208 * 4);
    let expected = [
        ("naval_propulsion", 3.2e-5, 1e-6),
        ("parkinsons_telemonitoring", 6.71e-3, 1e-5),
        ("protein_structure", 0.2214, 1e-4),
        ("slice_localization", 1.92e-4, 1e-6),
    ];
    for (task, value, tolerance) in expected {
        assert!((best(&table, task) - value).abs() < tolerance, "{task}: {}", best(&table, task));
    }
}
