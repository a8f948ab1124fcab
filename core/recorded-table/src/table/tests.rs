use std::path::PathBuf;

use heirloom_model::Value;
use tempfile::TempDir;

use super::*;
use crate::Error;

const DESCRIPTOR: &str = r#"name = "toy"

[files]
evaluations = "runs.csv"

[columns]
task = "task"
training = "seed"

[[objective]]
name = "loss"
direction = "minimise"

[fidelity]
name = "epochs"
column = "epoch"
curve = true

[[recorded]]
objectives.loss = "loss"
metrics.acc = { columns = "acc", scale = 0.01 }
cost_seconds = { columns = "minutes", scale = 60 }

[space]
[[space.parameter]]
name = "optimizer"
type = "categorical"
choices = ["sgd", "adam"]
[[space.parameter]]
name = "momentum"
type = "float"
low = 0.0
high = 1.0
when = { parameter = "optimizer", is = "sgd" }
"#;

const RUNS: &str = "task,optimizer,momentum,seed,epoch,loss,acc,minutes
a,sgd,0.5,7,1,4.0,10,1
a,sgd,0.5,7,2,3.0,20,2
a,sgd,0.5,8,1,2.0,30,1
a,sgd,0.5,8,2,1.0,40,2
a,adam,,7,1,5.0,50,1
a,adam,,7,2,NaN,50,3
b,adam,,7,1,6.0,,1
";

fn folder(descriptor: &str, runs: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("table.toml"), descriptor).unwrap();
    std::fs::write(folder.path().join("runs.csv"), runs).unwrap();
    folder
}

fn toy() -> RecordedTable {
    RecordedTable::open(folder(DESCRIPTOR, RUNS)).unwrap()
}

fn configuration(table: &RecordedTable, named: &[(&str, Value)]) -> Configuration {
    let named = named.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    table.space().from_named(&named).unwrap()
}

fn sgd(table: &RecordedTable) -> Configuration {
    configuration(table, &[("optimizer", "sgd".into()), ("momentum", Value::Float(0.5))])
}

/// The error of the toy table with `from` replaced by `to` in its descriptor or runs.
fn error(from: &str, to: &str) -> (Error, String) {
    assert!(DESCRIPTOR.contains(from) || RUNS.contains(from));
    let folder = folder(&DESCRIPTOR.replacen(from, to, 1), &RUNS.replacen(from, to, 1));
    let error = RecordedTable::open(folder.path()).unwrap_err();
    let text = error.to_string().replace(&format!("{}/", folder.path().display()), "");
    (error, text)
}

#[test]
fn one_training_and_the_mean_over_trainings_are_told_apart() {
    let table = toy();
    let entry = table.find(0, &sgd(&table)).unwrap();
    let level = table.level_of(&Fidelity(vec![2.0])).unwrap();
    assert_eq!(entry.trainings(level), [0, 1]);
    assert_eq!(entry.outcome(level, Some(0)).unwrap().objectives, [3.0]);
    let mean = entry.outcome(level, None).unwrap();
    assert_eq!(mean.objectives, [2.0]);
    assert!((mean.metrics["acc"] - 0.3).abs() < 1e-12);
    assert_eq!(mean.cost_seconds, 120.0);
}

#[test]
fn a_mean_cost_or_metric_is_of_the_trainings_that_have_one() {
    let runs = "task,optimizer,momentum,seed,epoch,loss,acc,minutes
a,sgd,0.5,7,1,3.0,5,100
a,sgd,0.5,8,1,2.0,7,
a,sgd,0.5,9,1,1.0,,300
a,adam,,7,1,3.0,,
a,adam,,8,1,,5,200
";
    let table = RecordedTable::open(folder(DESCRIPTOR, runs)).unwrap();
    let entry = table.find(0, &sgd(&table)).unwrap();
    let mean = entry.outcome(0, None).unwrap();
    assert_eq!((mean.objectives.as_slice(), mean.cost_seconds), (&[2.0][..], 200.0 * 60.0));
    assert!((mean.metrics["acc"] - 0.06).abs() < 1e-12);
    assert_eq!(mean.curve[0].cost_seconds, mean.cost_seconds);
    let [free, unscored] = [1, 2].map(|training| entry.outcome(0, Some(training)).unwrap());
    assert_eq!((free.cost_seconds, unscored.metrics.len()), (0.0, 0), "of one training a gap stays one");

    let adam = configuration(&table, &[("optimizer", "adam".into())]);
    let failed = table.find(0, &adam).unwrap().outcome(0, None).unwrap_err();
    assert_eq!((failed.kind, failed.cost_seconds), (FailureKind::Diverged, 200.0 * 60.0));
}

/// Room for every pair of an entry, a size and a training would be petabytes here.
#[test]
fn sizes_and_trainings_that_no_two_rows_share_take_no_more_room_than_the_rows() {
    const N: usize = 40_000;
    let row =
        |i: usize| format!("a,sgd,{},{},{},{i},1,1\n", i as f64 / N as f64, 7_919 * i, 1.0 + i as f64 / 1e3);
    let runs: String = (0..N).map(row).collect();
    let runs = format!("task,optimizer,momentum,seed,epoch,loss,acc,minutes\n{runs}");
    let table = RecordedTable::open(folder(DESCRIPTOR, &runs)).unwrap();
    assert_eq!((table.n_entries(), table.fidelity().unwrap().levels.len()), (N, N));
    let mut n = 0;
    for (i, evaluation) in table.evaluations().enumerate() {
        assert_eq!((evaluation.configuration_index, evaluation.training), (i, i));
        assert_eq!(evaluation.fidelity.0, [1.0 + i as f64 / 1e3]);
        let outcome = evaluation.result.unwrap();
        assert_eq!((outcome.objectives.as_slice(), outcome.curve.len()), (&[i as f64][..], 1));
        n += 1;
    }
    assert_eq!(n, N);
    assert_eq!(table.entries().next().unwrap().outcome(N - 1, None).unwrap_err().kind, FailureKind::Rejected);
}

#[test]
fn a_training_has_one_number_wherever_it_occurs_and_in_whatever_order() {
    let runs = "task,optimizer,momentum,seed,epoch,loss,acc,minutes
a,sgd,0.5,7,1,4.0,10,1
a,sgd,0.5,8,1,2.0,30,1
a,adam,,9,1,5.0,50,1
a,adam,,8,2,3.0,50,2
a,adam,,8,1,6.0,50,1
";
    let table = RecordedTable::open(folder(DESCRIPTOR, runs)).unwrap();
    let adam = configuration(&table, &[("optimizer", "adam".into())]);
    let entry = table.find(0, &adam).unwrap();
    assert_eq!((entry.trainings(0), entry.trainings(1)), (vec![1, 2], vec![1]));
    let of = |level, training| entry.outcome(level, training).map(|outcome| outcome.objectives[0]);
    assert_eq!(
        [of(0, Some(1)), of(0, Some(2)), of(0, None), of(1, None)].map(|objective| objective.unwrap()),
        [6.0, 5.0, 5.5, 3.0]
    );
    assert_eq!(of(0, Some(0)).unwrap_err().message, "the table records nothing for `loss`");
    assert_eq!(entry.curve(1, Some(1)).len(), 2);
    assert_eq!(entry.curve(1, Some(2)).len(), 1);
    let streamed: Vec<_> = table.evaluations().map(|one| (one.fidelity.0[0], one.training)).collect();
    assert_eq!(streamed, [(1.0, 0), (1.0, 1), (2.0, 1), (1.0, 2)]);
}

#[test]
fn rows_of_sizes_are_a_learning_curve() {
    let table = toy();
    let outcome = table.find(0, &sgd(&table)).unwrap().outcome(1, Some(1)).unwrap();
    let points: Vec<_> =
        outcome.curve.iter().map(|point| (point.step, point.objectives[0], point.cost_seconds)).collect();
    assert_eq!(points, [(1.0, 2.0, 60.0), (2.0, 1.0, 120.0)]);
    let dimension = table.fidelity().unwrap();
    assert_eq!((dimension.low, dimension.high, dimension.integer), (1.0, 2.0, true));
    assert_eq!(table.level_of(&Fidelity::default()), Some(1), "an empty fidelity is the full one");
    assert_eq!(table.level_of(&Fidelity(vec![1.5])), None);
}

#[test]
fn a_cell_that_is_no_number_is_a_failed_trial_and_a_missing_row_is_rejected() {
    let table = toy();
    let adam = configuration(&table, &[("optimizer", "adam".into())]);
    let diverged = table.find(0, &adam).unwrap().outcome(1, None).unwrap_err();
    assert_eq!((diverged.kind, diverged.cost_seconds), (FailureKind::Diverged, 180.0));
    assert_eq!(diverged.message, "the table records `NaN` for `loss`");
    let absent = table.find(1, &adam).unwrap().outcome(1, None).unwrap_err();
    assert_eq!(absent.kind, FailureKind::Rejected);
    assert_eq!(absent.message, "`toy` records nothing for this configuration at `epochs = 2`");
    assert!(table.find(1, &sgd(&table)).is_none());
}

#[test]
fn every_training_is_streamed_once_at_its_largest_size_where_sizes_are_a_curve() {
    let table = toy();
    let summary = |table: &RecordedTable| -> Vec<(usize, usize, f64, usize, Option<f64>)> {
        let of = |evaluation: Evaluation<'_>| {
            let objective = evaluation.result.ok().map(|outcome| outcome.objectives[0]);
            (
                evaluation.task,
                evaluation.configuration_index,
                evaluation.fidelity.0[0],
                evaluation.training,
                objective,
            )
        };
        table.evaluations().map(of).collect()
    };
    let expected = [
        (0, 0, 2.0, 0, Some(3.0)),
        (0, 0, 2.0, 1, Some(1.0)),
        (0, 1, 2.0, 0, None),
        (1, 1, 1.0, 0, Some(6.0)),
    ];
    assert_eq!(summary(&table), expected);
    let separate = folder(&DESCRIPTOR.replace("curve = true", ""), RUNS);
    assert_eq!(summary(&RecordedTable::open(separate).unwrap()).len(), 7);
}

#[test]
fn sizes_and_trainings_may_be_columns_and_configurations_a_file_of_their_own() {
    let descriptor = r#"
        name = "wide"
        files = { evaluations = "runs.csv", configurations = "archs.csv" }
        columns = { configuration = "id", architecture = "cell", task = "task" }
        space = "nas-bench-201"
        objective = [{ name = "acc", direction = "maximise" }]
        fidelity = { name = "epochs" }
        [[recorded]]
        at = 200
        objectives.acc = ["s0", "s1"]
        [[recorded]]
        at = 12
        objectives.acc = "short"
    "#;
    let folder = folder(descriptor, "id,task,s0,s1,short\n4,x,90,92,80\n5,x,70,,\n");
    let cell = |op: &str| format!("|{op}~0|+|none~0|none~1|+|none~0|none~1|none~2|");
    let archs = format!("id,cell\n5,{}\n4,{}\n", cell("none"), cell("skip_connect"));
    std::fs::write(folder.path().join("archs.csv"), archs).unwrap();
    let table = RecordedTable::open(folder.path()).unwrap();
    let parse = |text: &str| table.space().architecture_spec().unwrap().parse(table.space(), text).unwrap();

    let entry = table.find(0, &parse(&cell("skip_connect"))).unwrap();
    assert_eq!(entry.outcome(0, None).unwrap().objectives, [-80.0]);
    assert_eq!(entry.outcome(1, None).unwrap().objectives, [-91.0]);
    assert_eq!((entry.trainings(0), entry.trainings(1)), (vec![0], vec![0, 1]));
    let other = table.find(0, &parse(&cell("none"))).unwrap();
    assert_eq!(other.trainings(1), [0], "a null is no training");
    assert_eq!(other.outcome(1, None).unwrap().objectives, [-70.0]);
    assert_eq!(
        other.outcome(0, None).unwrap_err().kind,
        FailureKind::Diverged,
        "a row without any value failed"
    );
    assert_eq!(table.evaluations().count(), 5);
}

#[test]
fn configurations_that_share_a_key_are_found_under_each() {
    let descriptor = DESCRIPTOR
        .replace("[files]", "[files]\nconfigurations = \"configurations.csv\"")
        .replace("[columns]", "[columns]\nconfiguration = \"id\"");
    let folder = folder(&descriptor, "id,task,seed,epoch,loss,acc,minutes\n1,a,7,1,4.0,10,1\n");
    let write = |rows| std::fs::write(folder.path().join("configurations.csv"), rows).unwrap();
    write("id,optimizer,momentum\n1,sgd,0.5\n1,adam,\n");
    let table = RecordedTable::open(folder.path()).unwrap();
    let adam = configuration(&table, &[("optimizer", "adam".into())]);
    assert_eq!(table.find(0, &adam).unwrap().configuration(), &sgd(&table));

    write("id,optimizer,momentum\n1,sgd,0.5\n2,sgd,0.5\n");
    let message = RecordedTable::open(folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("row 1") && message.contains("the configuration of key `2` has another key too"),
        "{message}"
    );
    write("id,optimizer,momentum\n2,sgd,0.5\n");
    let message = RecordedTable::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("row 0") && message.contains("`1` is not in"), "{message}");
}

#[test]
fn errors_name_the_place_in_the_descriptor() {
    let cases = [
        ("curve = true", "curves = true", "table.toml:17:1: unknown field `curves`"),
        ("direction = \"minimise\"", "direction = \"down\"", "table.toml:12:13: unknown variant `down`"),
        (
            "training = \"seed\"",
            "training = \"sed\"",
            "table.toml:8:12: `runs.csv` has no column `sed`; hint: its columns are task,",
        ),
        (
            "objectives.loss = \"loss\"",
            "objectives.loss = [\"loss\", \"acc\"]",
            "table.toml:20:19: 2 columns, and `columns.training`",
        ),
        ("objectives.loss", "objectives.error", "table.toml:20:20: `error` is no `[[objective]]`"),
        ("[[recorded]]", "[[recorded]]\nat = 3", "`at` without a size's name; hint: add `[fidelity]`"),
        (
            "training = \"seed\"",
            "training = \"seed\"\nparameters = { mom = \"m\" }",
            "table.toml:9:16: the space has no parameter `mom`",
        ),
        ("low = 0.0", "low = 2.0", "parameter `momentum`: `low = 2` is above `high = 1`"),
        (
            "evaluations = \"runs.csv\"\n\n[columns]\ntask = \"task\"",
            "evaluations = \"runs.csv\"\nmeta_features = \"meta.csv\"\n[columns]",
            "table.toml:5:17: meta-features, and no `columns.task` says whose they are; hint: name the column",
        ),
        ("scale = 60", "scale = nan", "table.toml:22:16: `scale = NaN`; hint: a scale is a finite number"),
        ("scale = 0.01", "scale = 0", "table.toml:21:15: `scale = 0`; hint: a scale is a finite number"),
        (
            "objectives.loss = \"loss\"",
            "objectives.loss = 3",
            "table.toml:20:19: invalid type: integer `3`, expected a column",
        ),
    ];
    for (from, to, expected) in cases {
        let (_, message) = error(from, to);
        assert!(message.contains(expected), "{message}\nlacks\n{expected}");
    }
    let missing = RecordedTable::open(PathBuf::from("nowhere/table.toml")).unwrap_err().to_string();
    assert!(missing.contains("cannot read `nowhere/table.toml`") && missing.contains("hint:"), "{missing}");
}

#[test]
fn errors_name_the_row_of_the_file() {
    let cases = [
        (
            "a,sgd,0.5,7,1,4.0",
            "a,sgd,1.5,7,1,4.0",
            "row 0 (counted from 0): parameter `momentum`: `1.5` is not one of 0 to 1",
        ),
        ("b,adam,,7", "b,adam,0.1,7", "row 6 (counted from 0): parameter `momentum` is inactive"),
        (
            "a,sgd,0.5,8,1,2.0",
            "a,sgd,0.5,7,1,2.0",
            "row 2 (counted from 0): it records what row 0 records already",
        ),
        ("b,adam,,7", ",adam,,7", "row 6 (counted from 0): column `task` has the value `null`"),
        (
            "a,adam,,7,2,NaN,50,3",
            "a,adam,,7,2,NaN,50,-3",
            "row 5 (counted from 0): column `minutes` has the value `-3`; hint: a cost is 0 seconds or more",
        ),
        (
            "a,sgd,0.5,7,1,4.0",
            "a,sgd,0.5,7,-1,4.0",
            "row 0 (counted from 0): column `epoch` has the value `-1`; hint: a size is a number from 0 on",
        ),
    ];
    for (from, to, expected) in cases {
        let (error, message) = error(from, to);
        assert!(
            matches!(error, Error::BadRow { .. }) && message.contains(expected),
            "{message}\nlacks\n{expected}"
        );
    }
}

#[test]
fn a_task_has_one_row_of_meta_features() {
    let descriptor = DESCRIPTOR.replace("[files]", "[files]\nmeta_features = \"meta.csv\"");
    let folder = folder(&descriptor, RUNS);
    let write = |text: &str| std::fs::write(folder.path().join("meta.csv"), text).unwrap();
    write("task,n\na,150\nb,90\n");
    let table = RecordedTable::open(folder.path()).unwrap();
    assert_eq!(table.tasks()[1].meta_features["n"], 90.0);
    write("task,n\na,150\nb,90\na,151\n");
    let message = RecordedTable::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("row 2 (counted from 0): task `a` stands twice; hint: a task has"), "{message}");
}

#[test]
fn a_choice_that_reads_like_a_missing_value_is_the_choice() {
    let descriptor = DESCRIPTOR.replace(r#"["sgd", "adam"]"#, r#"["sgd", "NA", "None"]"#);
    let runs = RUNS.replace("a,adam", "a,NA").replace("b,adam", "b,None");
    let table = RecordedTable::open(folder(&descriptor, &runs).path()).unwrap();
    let optimizers: Vec<_> =
        table.configurations().iter().map(|configuration| configuration.values()[0]).collect();
    assert_eq!(optimizers, [0.0, 1.0, 2.0]);
}

/// As an archive's export writes them: which type a column of CSV has is told from what stands in it.
#[test]
fn choices_are_found_by_how_they_are_written() {
    let open = |choices: &str, cells: [&str; 2]| {
        let descriptor = format!(
            "name = \"t\"\nfiles = {{ evaluations = \"runs.csv\" }}\n\
             objective = [{{ name = \"loss\", direction = \"minimise\" }}]\n\
             recorded = [{{ objectives.loss = \"loss\" }}]\n[space]\n\
             [[space.parameter]]\nname = \"c\"\ntype = \"categorical\"\nchoices = {choices}\n"
        );
        let runs = format!("c,loss\n{},1\n{},2\n", cells[0], cells[1]);
        let table = RecordedTable::open(folder(&descriptor, &runs)).map_err(|error| error.to_string())?;
        Ok::<_, String>(table.configurations().iter().map(|one| one.values()[0]).collect::<Vec<_>>())
    };
    assert_eq!(open("[true, \"auto\"]", ["auto", "true"]).unwrap(), [1.0, 0.0]);
    assert_eq!(open("[\"1\", \"2\"]", ["2", "1"]).unwrap(), [1.0, 0.0]);
    assert_eq!(open("[\"1e-3\", \"1.0\"]", ["1.0", "1e-3"]).unwrap(), [1.0, 0.0]);
    assert_eq!(open("[\"True\", \"False\"]", ["False", "True"]).unwrap(), [1.0, 0.0]);
    let message = open("[\"1\", \"1.0\", 2]", ["1", "2"]).unwrap_err();
    assert!(message.contains("parameter `c`: `1` is not one of"), "which one is not known: {message}");
}
