//! The shared suite, on a table with learning curves and on one of finished trainings.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use heirloom_estimator_table::{Options, table};
use heirloom_plugin::{Context, EvaluationRequest, Fidelity, PluginOptions, TrialId, json};
use heirloom_recorded_table::RecordedTable;

fn conforms(path: &Path, task: &str, seed_policy: &str) {
    let configurations = RecordedTable::open(path).unwrap().configurations().to_vec();
    let request = |(trial, point)| EvaluationRequest::new(TrialId(trial), point, Fidelity::default());
    let requests = (0..).zip(configurations.into_iter().take(50)).map(request);
    let make = || {
        let options = json!({ "table": path, "task": task, "seed_policy": seed_policy });
        table(Options::from_json(&options)?, None, &Context::detached())
    };
    heirloom_plugin_check::estimator(make, requests.collect()).assert_passed();
}

#[test]
fn finished_trainings_conform() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../meta-data/seed/nas-bench-201");
    conforms(&path, "cifar100", "random");
}

#[test]
fn learning_curves_conform() {
    let folder = tempfile::TempDir::new().unwrap();
    let descriptor = r#"
        name = "curves"
        files = { evaluations = "runs.csv" }
        columns = { task = "task" }
        objective = [{ name = "loss", direction = "minimise" }]
        fidelity = { name = "epochs", column = "epoch", curve = true }
        recorded = [{ objectives = { loss = "loss" }, cost_seconds = "seconds" }]
        space = { parameter = [{ name = "lr", type = "ordinal", values = [0.1, 1.0, 10.0] }] }
    "#;
    let rows = "task,lr,epoch,loss,seconds\n\
                a,0.1,1,3,10\na,0.1,2,2,20\na,0.1,4,1,40\n\
                a,1.0,1,5,10\na,1.0,2,9,20\na,1.0,4,,40\n\
                a,10.0,1,inf,10\n";
    std::fs::write(folder.path().join("table.toml"), descriptor).unwrap();
    std::fs::write(folder.path().join("runs.csv"), rows).unwrap();
    conforms(folder.path(), "a", "mean");
}
