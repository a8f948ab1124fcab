//! Folders as ASlib and auto-sklearn publish them: `algorithm_runs.arff`, `feature_values.arff`, and with
//! auto-sklearn `configurations.csv`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use heirloom_model::space::{ParameterSpec, ParameterType};
use heirloom_model::{Configuration, Direction, FailureKind, Objective, Outcome, Space, SpaceSpec};

use super::arff::Arff;
use super::columns::{Column, infer, parse_cell};
use super::recording::{Recording, features};
use super::{Import, ImportReport, Provenance, import_error};
use crate::{Archive, MetaFeatures, Result, RunHeader, Task};

/// The algorithms of a folder as configurations of one space, by the name that `algorithm_runs.arff` gives them.
struct Algorithms {
    space: Space,
    configurations: HashMap<String, Configuration>,
}

impl Archive {
    /// Keeps the runs and meta-features of a folder, under the task keys `NAME/INSTANCE`.
    ///
    /// Where there is no `configurations.csv`, the space has one parameter, `algorithm`. The space's ranges are
    /// those that occur, and its conditions are inferred (see the notes of the report).
    pub fn import_aslib(&self, folder: &Path, name: &str, provenance: &Provenance) -> Result<ImportReport> {
        let runs_path = folder.join("algorithm_runs.arff");
        let runs = Arff::read(&runs_path)?;
        let instance = runs.require("instance_id", &runs_path)?;
        let algorithm = runs.require("algorithm", &runs_path)?;
        let status = runs.require("runstatus", &runs_path)?;
        let known = [Some(instance), Some(algorithm), Some(status), runs.index_of("repetition")];
        let mut measures = (0..runs.attributes.len()).filter(|index| !known.contains(&Some(*index)));
        let measure =
            measures.next().ok_or_else(|| import_error(&runs_path, "it has no performance measure"))?;
        let others: Vec<usize> = measures.collect();
        let metric = runs.attributes[measure].clone();
        let mut import = Import::new(self)?;
        let maximise = says_maximise(&folder.join("description.txt"))?.unwrap_or_else(|| {
            import.report.notes.push(format!(
                "no `maximize` in `description.txt` says which way is better: `{metric}` was taken to be minimised"
            ));
            false
        });
        let algorithms = algorithms(folder, name, &runs, algorithm)?;

        if folder.join("configurations.csv").exists() {
            import.report.notes.push(
                "the space's ranges and conditions were inferred from the configurations that occur".into(),
            );
        }
        let mut recordings: BTreeMap<&str, Recording> = BTreeMap::new();
        for row in &runs.rows {
            let Some(configuration) = algorithms.configurations.get(&row[algorithm]) else {
                import.report.n_left_out += 1;
                continue;
            };
            let recording = recordings.entry(&row[instance]).or_insert_with(|| {
                let header = header(name, &row[instance], &metric, maximise, &algorithms.space, provenance);
                Recording::new(header, algorithms.space.hash())
            });
            let direction = if maximise { Direction::Maximise } else { Direction::Minimise };
            let measured = row[measure].parse::<f64>().ok().filter(|value| value.is_finite());
            // A run that ended without a result took its time too.
            let cost = measured.filter(|_| metric.eq_ignore_ascii_case("runtime")).unwrap_or(0.0);
            match (status_of(&row[status]), measured) {
                (Ok(()), Some(value)) => {
                    let mut outcome = Outcome::new(vec![direction.turn(value)], cost);
                    outcome.metrics = features(others.iter().filter_map(|&other| {
                        Some((runs.attributes[other].clone(), row[other].parse().ok()?))
                    }));
                    recording.measured(configuration.values(), &[], &outcome);
                }
                (Ok(()), None) => recording.failed(configuration.values(), &[], FailureKind::Diverged, 0.0),
                (Err(Some(kind)), _) => recording.failed(configuration.values(), &[], kind, cost),
                (Err(None), _) => import.report.n_left_out += 1,
            }
        }
        for recording in recordings.into_values() {
            import.keep_recording(recording)?;
        }
        self.keep_features(folder, name)?;
        Ok(import.finish())
    }

    fn keep_features(&self, folder: &Path, name: &str) -> Result<()> {
        let path = folder.join("feature_values.arff");
        if !path.exists() {
            return Ok(());
        }
        let costs_path = folder.join("feature_costs.arff");
        let costs = if costs_path.exists() { by_instance(&costs_path)? } else { BTreeMap::new() };
        for (instance, values) in by_instance(&path)? {
            let key = format!("{name}/{instance}");
            let task = Task { key: key.clone(), name: instance.clone(), ..Task::default() };
            self.put_task(&task)?;
            let cost_seconds = costs.get(&instance).cloned().unwrap_or_default();
            self.put_meta_features(
                &key,
                &MetaFeatures { version: name.into(), features: values, cost_seconds },
            )?;
        }
        Ok(())
    }
}

/// The numbers of each instance, by attribute; of repetitions the first.
fn by_instance(path: &Path) -> Result<BTreeMap<String, BTreeMap<String, f64>>> {
    let table = Arff::read(path)?;
    let instance = table.require("instance_id", path)?;
    let repetition = table.index_of("repetition");
    let mut instances = BTreeMap::new();
    for row in &table.rows {
        let numbers = table.attributes.iter().zip(row).enumerate().filter_map(|(index, (name, cell))| {
            let number = cell.parse::<f64>().ok()?;
            (index != instance && Some(index) != repetition).then(|| (name.clone(), number))
        });
        instances.entry(row[instance].clone()).or_insert_with(|| features(numbers));
    }
    Ok(instances)
}

fn header(
    name: &str,
    instance: &str,
    metric: &str,
    maximise: bool,
    space: &Space,
    provenance: &Provenance,
) -> RunHeader {
    let direction = if maximise { Direction::Maximise } else { Direction::Minimise };
    let key = format!("{name}/{instance}");
    let task = Task { key, name: instance.into(), metric: metric.into(), ..Task::default() };
    RunHeader {
        name: format!("{name}/{instance}/{metric}"),
        configuration: serde_json::json!({ "imported": { "aslib": name } }),
        source: Some(provenance.source.clone()),
        licence: Some(provenance.licence.clone()),
        ..RunHeader::new(task, space.spec().clone(), vec![Objective { name: metric.into(), direction }])
    }
}

/// Whether a run measured something; else why not, `None` where nothing was tried.
fn status_of(text: &str) -> Result<(), Option<FailureKind>> {
    match text.to_ascii_lowercase().as_str() {
        "ok" => Ok(()),
        "timeout" => Err(Some(FailureKind::TimedOut)),
        "memout" => Err(Some(FailureKind::OutOfMemory)),
        "not_applicable" => Err(None),
        _ => Err(Some(FailureKind::Crashed)),
    }
}

/// Whether the description says that larger is better, of the first measure; `None` where it does not say. The list of
/// YAML stands in one line, with brackets or without, or in the lines after.
fn says_maximise(description: &Path) -> Result<Option<bool>> {
    let text = match std::fs::read_to_string(description) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| import_error(description, error))?,
    };
    let mut lines = text.lines();
    let is_key = |line: &str| Some(line.strip_prefix("maximize")?.trim_start().strip_prefix(':')?.to_owned());
    let Some(value) = lines.by_ref().find_map(is_key) else { return Ok(None) };
    let words = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        let word = line.split([',', ' ', '\t', '[', ']', '-', '\'', '"']).find(|word| !word.is_empty());
        word.map(str::to_ascii_lowercase)
    };
    let word = words(&value).or_else(|| lines.find_map(words));
    match word.as_deref() {
        Some("true" | "yes" | "1") => Ok(Some(true)),
        Some("false" | "no" | "0") => Ok(Some(false)),
        other => {
            let problem =
                format!("`maximize` is `{}`; hint: write `true` or `false`", other.unwrap_or_default());
            Err(import_error(description, problem))
        }
    }
}

fn algorithms(folder: &Path, name: &str, runs: &Arff, algorithm: usize) -> Result<Algorithms> {
    let path = folder.join("configurations.csv");
    if !path.exists() {
        let mut names: Vec<&String> = runs.rows.iter().map(|row| &row[algorithm]).collect();
        names.sort_unstable();
        names.dedup();
        let choices = names.iter().map(|name| name.as_str().into()).collect();
        let parameter = ParameterSpec::new("algorithm", ParameterType::Categorical { choices });
        let spec = SpaceSpec { name: name.into(), parameters: vec![parameter], ..SpaceSpec::default() };
        let indexed = names.iter().enumerate();
        let configurations =
            indexed.map(|(index, name)| ((*name).clone(), Configuration::new([index as f64]))).collect();
        return Ok(Algorithms { space: Space::compile(spec)?, configurations });
    }
    let fail = |error: csv::Error| import_error(&path, error);
    let mut reader = csv::Reader::from_path(&path).map_err(fail)?;
    let headers = reader.headers().map_err(fail)?.clone();
    let key = headers.iter().position(|header| header == "idx");
    let key = key.ok_or_else(|| import_error(&path, "it has no column `idx`"))?;
    let mut columns: Vec<Column> =
        headers.iter().map(|header| Column { name: header.into(), kind: None, values: Vec::new() }).collect();
    let mut keys = Vec::new();
    for row in reader.records() {
        let row = row.map_err(fail)?;
        keys.push(row[key].to_owned());
        for (column, cell) in columns.iter_mut().zip(&row) {
            column.values.push(parse_cell(cell));
        }
    }
    columns.remove(key);
    let mut seen = HashSet::new();
    if let Some(twice) = keys.iter().find(|key| !seen.insert(*key)) {
        return Err(import_error(&path, format!("`idx` {twice} stands there twice")));
    }
    let (space, configurations) = infer(name, columns)?;
    Ok(Algorithms { space, configurations: keys.into_iter().zip(configurations).collect() })
}
