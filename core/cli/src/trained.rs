//! A trial's trained network, out of the run's files and into a folder for its user.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use heirloom_archive::{Archive, RunState, RunSummary, TrialRecord};
use heirloom_model::Space;
use heirloom_network::export::{self, ExportedFile, NamedTensor, safetensors};
use heirloom_network::preparation::TargetPreparation;
use heirloom_network::{Network, Preparation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, OrFail};
use crate::output;
use crate::summary::{Tally, Trial};

/// Which trial's network is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// The best one's.
    Best,
    /// This one's.
    Number(u64),
}

/// What was exported, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Exported {
    run: String,
    name: String,
    task: String,
    run_state: RunState,
    /// Whether the run goes on or can go on: a better trial may come.
    is_unfinished: bool,
    #[serde(flatten)]
    trial: Trial,
    /// Of the network that was written: those that its result depends on, as `model.py` says it.
    n_parameters: usize,
    folder: PathBuf,
    /// Paths by name.
    files: BTreeMap<String, PathBuf>,
    #[serde(skip)]
    readme: String,
}

/// Writes the network of a trial of `run` into `out`, or into a folder named after both here. `files`: where the run
/// keeps its trials' files.
pub(crate) fn export(
    archive: &Archive,
    run: &RunSummary,
    which: Which,
    files: &Path,
    out: Option<&Path>,
) -> miette::Result<Exported> {
    let record = find_trial(archive, run, which)?;
    let header = archive.header(run.id).or_fail()?;
    let space = Space::compile(header.space.clone()).or_fail()?;
    let estimator = header.configuration["checked"]["estimator"]["name"].as_str().unwrap_or("its estimator");
    let folder = kept(files, record.id.0, run, estimator)?;
    let network: Network = read_json(&folder.join("network.json"))?;
    let preparation: Preparation = read_json(&folder.join("preparation.json"))?;
    let tensors = read_weights(&folder.join("weights.safetensors"), &network)?;
    let out = match out {
        Some(out) => out.to_owned(),
        None => PathBuf::from(default_folder(&run.name, record.id.0)),
    };
    let said = |key: &str, value: String| (key.to_owned(), value);
    let metadata = BTreeMap::from([
        said("run", run.id.to_string()),
        said("trial", record.id.to_string()),
        said("task", run.task.clone()),
    ]);
    let written = export::write_folder(&out, &network, &tensors, &preparation, &metadata).or_fail()?;
    let mut exported = Exported {
        run: run.id.to_string(),
        name: run.name.clone(),
        task: run.task.clone(),
        run_state: run.state,
        is_unfinished: run.state != RunState::Finished,
        trial: Trial::new(&record, &header, &space),
        n_parameters: network.n_parameters_of_result(),
        folder: std::path::absolute(&out).or_fail()?,
        files: BTreeMap::new(),
        readme: String::new(),
    };
    exported.readme = readme(&exported, which, &network, &written);
    exported.readme.push_str(class_names(&preparation.target));
    let readme = out.join("README.txt");
    export::write_whole(&readme, exported.readme.as_bytes()).or_fail()?;
    for path in written.into_iter().map(|file| file.path).chain([readme]) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        exported.files.insert(name, std::path::absolute(path).or_fail()?);
    }
    Ok(exported)
}

impl Exported {
    /// Tells a person.
    pub(crate) fn print(&self) -> miette::Result<()> {
        output::line(self.readme.trim_end())?;
        output::line("")?;
        output::line(&format!("written to {}", self.folder.display()))
    }
}

fn find_trial(archive: &Archive, run: &RunSummary, which: Which) -> miette::Result<TrialRecord> {
    match which {
        Which::Best => Tally::of(archive, run.id)?.best.ok_or_else(|| {
            let hint = if run.state == RunState::Finished {
                "`heirloom show` tells what became of its trials"
            } else {
                "`heirloom resume` goes on with it"
            };
            let message = format!("the run `{}` has no completed trial; hint: {hint}", run.name);
            Failure::usage(message).into()
        }),
        Which::Number(number) => {
            let (mut found, mut last) = (None, None);
            archive
                .trials(run.id, &mut |trial| {
                    last = Some(trial.id);
                    if trial.id.0 == number {
                        found = Some(trial);
                    }
                    Ok(())
                })
                .or_fail()?;
            found.ok_or_else(|| {
                let trials = last.map_or_else(|| "none yet".into(), |last| format!("0 to {last}"));
                let message = format!("the run `{}` has no trial {number}; hint: it has {trials}", run.name);
                Failure::usage(message).into()
            })
        }
    }
}

/// The folder with a trial's network.
fn kept(files: &Path, number: u64, run: &RunSummary, estimator: &str) -> miette::Result<PathBuf> {
    let has_weights = |folder: &Path| folder.join("weights.safetensors").is_file();
    let folder = files.join(format!("trial-{number}"));
    if has_weights(&folder) {
        return Ok(folder);
    }
    let others = fs::read_dir(files).into_iter().flatten().flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.strip_prefix("trial-")?.parse::<u64>().ok()?;
        has_weights(&entry.path()).then_some(number)
    });
    let mut others: Vec<u64> = others.collect();
    others.sort_unstable();
    let message = if others.is_empty() {
        format!(
            "the run `{}` kept no trained network in `{}`; hint: its estimator `{estimator}` may train none or have been \
             told to keep none (`keep = \"nothing\"` of `torch`), or the folder was not moved along with its archive",
            run.name,
            files.display()
        )
    } else {
        let shown: Vec<String> = others.iter().take(10).map(u64::to_string).collect();
        let more = if others.len() > 10 { ", …" } else { "" };
        format!(
            "trial {number} of the run `{}` kept no trained network in `{}`; hint: `--trial N` with one of {}{more}",
            run.name,
            folder.display(),
            shown.join(", ")
        )
    };
    Err(Failure::new(message).into())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> miette::Result<T> {
    let unusable = |problem: String| {
        let hint = "it was written by another version or is damaged; export another trial with `--trial N`";
        Failure::new(format!("`{}` cannot be used: {problem}; hint: {hint}", path.display()))
    };
    let bytes = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()).into())
}

fn read_weights(path: &Path, network: &Network) -> miette::Result<Vec<NamedTensor>> {
    let tensors = safetensors::read(path).or_fail()?;
    export::in_order(network, tensors)
        .map_err(|error| Failure::new(format!("`{}` is not of its network: {error}", path.display())).into())
}

/// A folder's name that every system takes.
fn default_folder(run: &str, trial: u64) -> String {
    let allowed = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let name: String = run.chars().map(|letter| if allowed(letter) { letter } else { '-' }).collect();
    let name = name.trim_start_matches(['.', '-']);
    format!("{}-trial-{trial}", if name.is_empty() { "run" } else { name })
}

/// What must be said first of the network of a trial without a result.
fn caution(state: &str, failure: Option<&str>) -> Option<String> {
    match (state, failure) {
        (_, Some(failure)) => Some(format!(
            "This trial failed: {failure}\nNo result of its network counts, which was kept all the same.\n\n"
        )),
        ("completed" | "stopped", None) => None,
        _ => Some(format!(
            "This trial is {state}: it has no result yet, and its network may not be the last.\n\n"
        )),
    }
}

fn readme(exported: &Exported, which: Which, network: &Network, files: &[ExportedFile]) -> String {
    let Exported { run, name, task, trial, n_parameters, .. } = exported;
    let mut text = caution(trial.state, trial.failure.as_deref()).unwrap_or_default();
    write!(text, "Trial {} of the run `{name}` ({run}) on the task `{task}`", trial.trial)
        .expect("text can be written to");
    let mut line = |content: String| text.push_str(&content);
    line(match (which, exported.is_unfinished) {
        (Which::Best, false) => ": the best of the run.\n".into(),
        (Which::Best, true) => {
            format!(": the best so far, as the run is {}.\n", exported.run_state.as_str())
        }
        (Which::Number(_), _) => ".\n".into(),
    });
    line("\n".into());
    let measured = trial.objectives.as_object().into_iter().flatten();
    let measured = measured.map(|(name, value)| (name.clone(), value.as_f64()));
    let sizes = trial.fidelity.iter().map(|(name, &value)| (name.clone(), Some(value)));
    let metrics = trial.metrics.iter().filter(|(name, _)| trial.objectives.get(name.as_str()).is_none());
    let metrics = metrics.map(|(name, &value)| (name.clone(), Some(value)));
    for (name, value) in measured.chain(metrics).chain(sizes) {
        line(format!("{name}: {}\n", output::maybe(value)));
    }
    line(format!(
        "exported network: {n_parameters} parameters, from {} to {}\n\nconfiguration\n",
        network.input_shape(),
        network.output_shape()
    ));
    for (name, value) in &trial.configuration {
        line(format!("  {name} = {value}\n"));
    }
    text.push_str("\nfiles\n");
    for file in files {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(text, "  {name:<20} {}", file.purpose).expect("text can be written to");
    }
    text
}

/// What must be known to compare the answers of `predict()` with the data.
fn class_names(target: &TargetPreparation) -> &'static str {
    match target {
        TargetPreparation::Classes { .. } | TargetPreparation::PixelClasses { .. } => {
            "\npredict() of model.py answers with the classes' names of preparation.json, which are text: `true` and \
             `false` for truth values however a file writes them, and numbers in their shortest form (`1` for `1.0`).\n"
        }
        TargetPreparation::Values { .. } | TargetPreparation::PixelValues { .. } => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_name_gives_a_folder_name_that_every_system_takes() {
        assert_eq!(default_folder("digits", 3), "digits-trial-3");
        assert_eq!(default_folder("../a b/c", 0), "a-b-c-trial-0");
        assert_eq!(default_folder("///", 1), "run-trial-1");
    }

    #[test]
    fn how_classes_are_named_is_told_where_there_are_classes() {
        let classes = TargetPreparation::Classes { names: vec!["false".into(), "true".into()] };
        assert!(class_names(&classes).contains("`true` and `false` for truth values"));
        assert_eq!(class_names(&TargetPreparation::Values { mean: 0.0, std: 1.0 }), "");
    }

    #[test]
    fn a_trial_without_a_result_is_told_of_first() {
        assert_eq!(caution("completed", None), None);
        assert_eq!(caution("stopped", None), None);
        let failed = caution("failed", Some("timed-out: its time limit ran out")).unwrap();
        assert!(failed.starts_with("This trial failed: timed-out: its time limit ran out\n"), "{failed}");
        assert!(caution("running", None).unwrap().starts_with("This trial is running: "));
    }
}
