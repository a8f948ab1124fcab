use std::path::Path;
use std::sync::Mutex;

use heirloom_dataset::{Table, shared_data};
use heirloom_plugin::{Configuration, CurvePoint, PluginOptions, Seed, SpaceSpec, TrialId};

use super::*;

/// A host that stops a trial after so many points, or tells it that the run ends.
#[derive(Default)]
struct Host {
    stop_after: Option<usize>,
    cancelled: bool,
    points: Mutex<Vec<f64>>,
}

impl Reporter for Host {
    fn report(&self, _: TrialId, point: &CurvePoint) -> Verdict {
        let mut points = self.points.lock().unwrap();
        points.push(point.step);
        if Some(points.len()) == self.stop_after { Verdict::Stop } else { Verdict::Continue }
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

fn request(configuration: Configuration, fidelity: Fidelity, seed: u64) -> EvaluationRequest {
    EvaluationRequest {
        seed: Seed::from_number(seed),
        ..EvaluationRequest::new(TrialId(0), configuration, fidelity)
    }
}

fn options(json: &str) -> Options {
    Options::from_json(&json.parse().unwrap()).unwrap()
}

fn seed_folder() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../meta-data/seed").display().to_string()
}

fn nb201(task: &str, rest: &str) -> TableEstimator {
    let table = format!("{}/nas-bench-201", seed_folder());
    TableEstimator::new(&options(&format!(r#"{{"table": "{table}", "task": "{task}"{rest}}}"#)), None)
        .unwrap()
}

fn cell(estimator: &TableEstimator, text: &str) -> Configuration {
    estimator.table().space().parse_architecture(text).unwrap().unwrap()
}

fn one(estimator: &TableEstimator, request: EvaluationRequest) -> Result<Outcome, Failure> {
    estimator.evaluate(&[request], &Host::default()).remove(0)
}

const RESNET: &str = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|";

/// Best and ResNet cells: Dong et al. 2021 as released in NATS-Bench 1.0.
#[test]
fn the_best_and_the_resnet_cell_of_nas_bench_201_score_as_published() {
    for (task, best, resnet) in
        [("cifar10", 91.607, 90.86), ("cifar100", 73.493, 70.50), ("ImageNet16-120", 46.733, 44.10)]
    {
        let estimator = nb201(task, "");
        let requests: Vec<_> = estimator
            .table()
            .configurations()
            .iter()
            .map(|cell| request(cell.clone(), Fidelity::default(), 0))
            .collect();
        let outcomes = estimator.evaluate(&requests, &Host::default());
        let found =
            outcomes.iter().map(|outcome| -outcome.as_ref().unwrap().objectives[0]).fold(0.0, f64::max);
        assert!((found - best).abs() < 5e-4, "{task}: {found}");
        let outcome = one(&estimator, request(cell(&estimator, RESNET), Fidelity::default(), 0)).unwrap();
        assert!((-outcome.objectives[0] - resnet).abs() < 5e-3, "{task}: {outcome:?}");
    }
}

#[test]
fn random_cells_score_as_in_the_shared_table_under_both_seed_policies() {
    let Some(data) = shared_data("nasbench201") else { return };
    let results = Table::read(data.join("results.parquet")).unwrap();
    let archs = Table::read(data.join("archs.parquet")).unwrap();
    let strings = archs.column("arch_str").unwrap().as_text().unwrap();
    let datasets = results.column("dataset").unwrap().as_text().unwrap();
    let indices = results.column("arch_index").unwrap().as_ints().unwrap();
    let column = |name: &str| results.column(name).unwrap().to_f64().unwrap();
    let (mean, seconds) = (column("val_acc_200ep"), column("train_time_200ep_s"));
    let by_seed = ["val_acc_200ep_s0", "val_acc_200ep_s1", "val_acc_200ep_s2"].map(column);
    let (averaged, drawn) = (nb201("cifar100", ""), nb201("cifar100", r#", "seed_policy": "random""#));

    let mut rng = Seed::from_number(5).rng();
    let rows: Vec<usize> = (0..results.n_rows()).filter(|&row| datasets.get(row) == "cifar100").collect();
    let mut differ = 0;
    for seed in 0..2000 {
        let row = *rng.choose(&rows).unwrap();
        let ask = request(cell(&averaged, strings.get(indices[row] as usize)), Fidelity::default(), seed);
        let outcome = one(&averaged, ask.clone()).unwrap();
        assert!((outcome.objectives[0] + mean[row]).abs() < 1e-5 && outcome.cost_seconds == seconds[row]);
        let outcome = one(&drawn, ask.clone()).unwrap();
        assert!(by_seed.iter().any(|values| outcome.objectives[0] == -values[row]), "row {row}");
        assert_eq!(one(&drawn, ask).unwrap(), outcome, "the trial's seed decides");
        differ += usize::from((outcome.objectives[0] + mean[row]).abs() > 1e-5);
    }
    assert!(differ > 1500, "{differ} of 2000 draws differ from the mean");
}

#[test]
fn the_estimator_brings_its_space_and_simulates_cost() {
    let info = nb201("cifar10", "").info();
    assert_eq!(info.space, SpaceSpec::preset("nas-bench-201"));
    assert!(info.simulated_cost && info.fidelities.is_empty());
    assert_eq!(info.objectives[0].name, "val_acc");
}

#[test]
fn a_configuration_that_was_never_trained_is_rejected_by_name() {
    let table = format!("{}/nas-bench-graph", seed_folder());
    let estimator =
        TableEstimator::new(&options(&format!(r#"{{"table": "{table}", "task": "cora"}}"#)), None).unwrap();
    let skips = estimator.table().space().parse_architecture("8888").unwrap().unwrap();
    let failure = one(&estimator, request(skips, Fidelity::default(), 0)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert_eq!(
        failure.message,
        "`nas-bench-graph` has no evaluation of `links = 0000, op_1 = skip, op_2 = skip, op_3 = skip, op_4 = skip` on `cora`"
    );
    let foreign = one(&estimator, request(Configuration::new([0.0]), Fidelity::default(), 0)).unwrap_err();
    assert!(foreign.message.contains("1 values") && foreign.kind == FailureKind::Rejected, "{foreign}");
}

#[test]
fn mistakes_in_the_options_name_what_there_is() {
    let message = |rest: &str| {
        let table = format!("{}/nas-bench-201", seed_folder());
        TableEstimator::new(&options(&format!(r#"{{"table": "{table}"{rest}}}"#)), None).unwrap_err().message
    };
    assert_eq!(
        message(""),
        "`nas-bench-201` has 3 tasks and `task` names none; hint: set `task` to one of `cifar10`, `cifar100`, `ImageNet16-120`"
    );
    assert!(message(r#", "task": "cifar""#).starts_with("`nas-bench-201` has no task `cifar`; hint:"));
    assert_eq!(
        message(r#", "task": "cifar10", "fidelity": 12"#),
        "`fidelity = 12`: `nas-bench-201` records no such size; hint: it has one size only, leave the fidelity out"
    );
}

#[test]
fn a_run_with_another_space_is_refused() {
    let options = options(&format!(r#"{{"table": "{}/nas-bench-201", "task": "cifar10"}}"#, seed_folder()));
    let space = |name| Space::compile(SpaceSpec::preset(name).unwrap()).unwrap();
    assert!(TableEstimator::new(&options, Some(&space("nas-bench-201"))).is_ok());
    let error = TableEstimator::new(&options, Some(&space("nas-bench-graph"))).unwrap_err();
    assert_eq!(error.message, "the run's space is not that of `nas-bench-201`; hint: leave `[space]` out");
}

const CURVES: &str = r#"
name = "curves"
files = { evaluations = "runs.csv" }
objective = [{ name = "loss", direction = "minimise" }]
fidelity = { name = "epochs", column = "epoch", curve = true }
recorded = [{ objectives = { loss = "loss" }, cost_seconds = "seconds" }]
space = { parameter = [{ name = "lr", type = "ordinal", values = [0.1, 1.0] }] }
"#;

/// A table in which the second configuration diverges at the last epoch.
fn curves(rest: &str) -> (tempfile::TempDir, TableEstimator) {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("table.toml"), CURVES).unwrap();
    let rows =
        "lr,epoch,loss,seconds\n0.1,1,3,10\n0.1,2,2,20\n0.1,4,1,40\n1.0,1,5,10\n1.0,2,9,20\n1.0,4,,40\n";
    std::fs::write(folder.path().join("runs.csv"), rows).unwrap();
    let estimator =
        TableEstimator::new(&options(&format!(r#"{{"table": "{}"{rest}}}"#, folder.path().display())), None);
    (folder, estimator.unwrap())
}

#[test]
fn curves_are_reported_point_by_point_and_end_where_the_host_says() {
    let (_folder, estimator) = curves("");
    let ask = |choice: f64, fidelity: Vec<f64>, host: &Host| {
        estimator.evaluate(&[request(Configuration::new([choice]), Fidelity(fidelity), 0)], host).remove(0)
    };
    let host = Host::default();
    let full = ask(0.0, vec![], &host).unwrap();
    assert_eq!((full.objectives.as_slice(), full.cost_seconds, full.stopped), (&[1.0][..], 40.0, false));
    assert_eq!(*host.points.lock().unwrap(), [1.0, 2.0, 4.0]);

    let stopped = ask(0.0, vec![4.0], &Host { stop_after: Some(2), ..Host::default() }).unwrap();
    assert_eq!(
        (stopped.objectives.as_slice(), stopped.cost_seconds, stopped.stopped),
        (&[2.0][..], 20.0, true)
    );
    assert_eq!(stopped.curve.len(), 2);

    assert_eq!(ask(0.0, vec![2.0], &Host::default()).unwrap().cost_seconds, 20.0);
    assert_eq!(ask(1.0, vec![4.0], &Host::default()).unwrap_err().kind, FailureKind::Diverged);
    let before = ask(1.0, vec![4.0], &Host { stop_after: Some(2), ..Host::default() }).unwrap();
    assert_eq!(before.objectives, [9.0], "stopped before it diverges");

    let missing = ask(0.0, vec![3.0], &Host::default()).unwrap_err();
    assert_eq!(
        missing.message,
        "`curves` records no evaluations of size `[3.0]`; hint: use one of 1, 2, 4 `epochs`"
    );
    assert_eq!(
        ask(0.0, vec![], &Host { cancelled: true, ..Host::default() }).unwrap_err().kind,
        FailureKind::Cancelled
    );
}

#[test]
fn a_fixed_fidelity_leaves_the_run_without_fidelities() {
    let (_folder, estimator) = curves(r#", "fidelity": 2"#);
    assert!(estimator.info().fidelities.is_empty());
    assert_eq!(
        one(&estimator, request(Configuration::new([0.0]), Fidelity::default(), 0)).unwrap().objectives,
        [2.0]
    );
    assert_eq!(curves("").1.info().fidelities[0].levels, [1.0, 2.0, 4.0]);
}
