//! From a descriptor and its files to a [`RecordedTable`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use heirloom_dataset::{Column, Table, Values};
use heirloom_model::{FidelityDimension, Objective, Space};
use toml::Spanned;

use super::known::Known;
use super::{RecordedTable, Task};
use crate::check::check;
use crate::configurations::{File, Key, Wanted};
use crate::descriptor::{Descriptor, Measured, ObjectiveSource, Recorded, Source};
use crate::measured::{Cells, Level, Measurements, Place, Quantities, Quantity, Rows};
use crate::{Error, Result};

pub(super) fn open(path: &Path) -> Result<RecordedTable> {
    let source = Source::read(path)?;
    let descriptor = source.parse()?;
    let (space_spec, span) = (descriptor.space.get_ref().0.clone(), descriptor.space.span());
    let space = Space::compile(space_spec)
        .map_err(|error| Error::Space { place: source.place(span), source: error })?;
    check(&source, &descriptor, &space)?;

    let file = File { source: &source, path: source.file(&descriptor.files.evaluations) };
    let table = file.read(&evaluation_columns(&descriptor, &space))?;
    let known = Known::read(&file, &table, &descriptor, &space)?;
    let (task_names, task_of) = tasks(&file, &table, &descriptor)?;
    let (levels, levels_of) = row_levels(&file, &table, &descriptor)?;
    let training_of = row_trainings(&file, &table, &descriptor)?;

    check_costs(&file, &table, &descriptor)?;
    let mut entries = Entries::default();
    let mut places = Vec::with_capacity(table.n_rows());
    for row in 0..table.n_rows() {
        let entry = entries.number(task_of[row], known.of_row[row]);
        let place = |level| (entry, Place { level, training: training_of[row], row: index(row) });
        places.extend(levels_of[row].clone().map(place));
    }
    let rows = Rows::new(entries.list.len(), places).map_err(|(row, earlier)| {
        let problem = format!("it records what row {earlier} records already");
        let remedy = "name the columns that tell the two apart: `columns.training`, `fidelity.column`";
        file.bad_row(row as usize, problem, remedy)
    })?;
    let measurements = measurements(&table, &descriptor, &levels, rows)?;

    let mut features = meta_features(&source, &descriptor)?;
    let tasks = task_names
        .into_iter()
        .map(|name| Task { meta_features: features.remove(&name).unwrap_or_default(), name });
    Ok(RecordedTable {
        tasks: tasks.collect(),
        fidelity: dimension(&descriptor, &levels),
        objectives: objectives(&descriptor),
        name: descriptor.name,
        source: descriptor.source,
        licence: descriptor.licence,
        space: Arc::new(space),
        configurations: known.configurations,
        by_configuration: known.by_configuration,
        entries: entries.list,
        by_entry: entries.numbers,
        measurements,
    })
}

/// Pairs of a task and a configuration, numbered as they come.
#[derive(Default)]
struct Entries {
    list: Vec<(u32, u32)>,
    numbers: HashMap<(u32, u32), u32>,
}

impl Entries {
    fn number(&mut self, task: u32, configuration: u32) -> u32 {
        *self.numbers.entry((task, configuration)).or_insert_with(|| {
            self.list.push((task, configuration));
            index(self.list.len() - 1)
        })
    }
}

pub(super) fn index(number: usize) -> u32 {
    u32::try_from(number).expect("a table in memory has fewer than 2^32 rows")
}

fn objectives(descriptor: &Descriptor) -> Vec<Objective> {
    let objective =
        |source: &ObjectiveSource| Objective { name: source.name.clone(), direction: source.direction };
    descriptor.objectives.iter().map(objective).collect()
}

/// The columns that are read from the file of evaluations.
fn evaluation_columns(descriptor: &Descriptor, space: &Space) -> Vec<Wanted> {
    let columns = &descriptor.columns;
    let mut wanted: Vec<Wanted> = columns.task.iter().chain(&columns.training).map(Wanted::from).collect();
    wanted
        .extend(descriptor.fidelity.iter().filter_map(|fidelity| fidelity.column.as_ref()).map(Wanted::from));
    match &descriptor.files.configurations {
        Some(_) => wanted.extend(columns.configuration.as_ref().map(Wanted::from)),
        None => wanted.extend(File::configuration_columns(columns, space, descriptor.space.span())),
    }
    for measured in descriptor.recorded.iter().flat_map(|recorded| recorded.get_ref().measured()) {
        let names = measured.get_ref().columns.iter();
        wanted.extend(names.map(|name| Wanted {
            name: name.clone(),
            span: measured.span(),
            kept: Vec::new(),
        }));
    }
    wanted
}

/// The tasks' names, and the task of every row.
fn tasks(file: &File<'_>, table: &Table, descriptor: &Descriptor) -> Result<(Vec<String>, Vec<u32>)> {
    let Some(column) = &descriptor.columns.task else {
        return Ok((vec![descriptor.name.clone()], vec![0; table.n_rows()]));
    };
    let mut names = Vec::new();
    let mut numbers: HashMap<Key<'_>, u32> = HashMap::new();
    let number = |key| {
        *numbers.entry(key).or_insert_with(|| {
            names.push(key.to_string());
            index(names.len() - 1)
        })
    };
    let of_row = file.keys(table.column(column.get_ref())?)?.into_iter().map(number).collect();
    Ok((names, of_row))
}

/// The sizes, ascending (1 where there is only one), and those of every row: its own, or all where they are columns.
fn row_levels(
    file: &File<'_>,
    table: &Table,
    descriptor: &Descriptor,
) -> Result<(Vec<f64>, Vec<Range<u32>>)> {
    let Some(column) = descriptor.fidelity.as_ref().and_then(|fidelity| fidelity.column.as_ref()) else {
        let mut sizes: Vec<f64> =
            descriptor.recorded.iter().map(|recorded| recorded.get_ref().at.unwrap_or(1.0)).collect();
        sizes.sort_by(f64::total_cmp);
        let all = 0..index(sizes.len());
        return Ok((sizes, vec![all; table.n_rows()]));
    };
    let cells = table.column(column.get_ref())?.to_f64()?;
    if let Some(row) = cells.iter().position(|size| !size.is_finite() || *size < 0.0) {
        let problem = format!("column `{}` has the value `{}`", column.get_ref(), cells[row]);
        return Err(file.bad_row(row, problem, "a size is a number from 0 on"));
    }
    let mut sizes = cells.clone();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let of_row = |size: &f64| {
        let level = index(sizes.partition_point(|other| other < size));
        level..level + 1
    };
    let of_rows = cells.iter().map(of_row).collect();
    Ok((sizes, of_rows))
}

/// The training of every row, 0 where they have no rows of their own.
fn row_trainings(file: &File<'_>, table: &Table, descriptor: &Descriptor) -> Result<Vec<u32>> {
    let Some(column) = &descriptor.columns.training else { return Ok(vec![0; table.n_rows()]) };
    let keys = file.keys(table.column(column.get_ref())?)?;
    let mut numbers = HashMap::new();
    let number = |key| {
        let next = index(numbers.len());
        *numbers.entry(key).or_insert(next)
    };
    Ok(keys.into_iter().map(number).collect())
}

/// Refuses costs below 0: budgets are filled by them.
fn check_costs(file: &File<'_>, table: &Table, descriptor: &Descriptor) -> Result<()> {
    for measured in descriptor.recorded.iter().filter_map(|recorded| recorded.get_ref().cost_seconds.as_ref())
    {
        let Measured { columns, scale } = measured.get_ref();
        for name in columns {
            let cells = table.column(name)?.to_f64()?;
            if let Some(row) = cells.iter().position(|cell| cell * scale < 0.0) {
                let problem = format!("column `{name}` has the value `{}`", cells[row]);
                return Err(file.bad_row(row, problem, "a cost is 0 seconds or more, or missing"));
            }
        }
    }
    Ok(())
}

fn dimension(descriptor: &Descriptor, levels: &[f64]) -> Option<FidelityDimension> {
    let fidelity = descriptor.fidelity.as_ref()?;
    Some(FidelityDimension {
        name: fidelity.name.clone(),
        low: levels.first().copied()?,
        high: levels.last().copied()?,
        integer: levels.iter().all(|level| level.fract() == 0.0),
        levels: levels.to_vec(),
    })
}

/// The table's numbers.
fn measurements(table: &Table, descriptor: &Descriptor, sizes: &[f64], rows: Rows) -> Result<Measurements> {
    let mut cells = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut quantity = |measured: &Spanned<Measured>| {
        let mut columns = Vec::new();
        for name in &measured.get_ref().columns {
            let place = match places.get(name) {
                Some(&place) => place,
                None => {
                    cells.push(Cells::new(table.column(name)?)?);
                    places.insert(name.clone(), cells.len() - 1);
                    cells.len() - 1
                }
            };
            columns.push(place);
        }
        Ok::<_, Error>(Quantity { columns, scale: measured.get_ref().scale })
    };
    let mut quantities = |recorded: &Recorded| {
        let objectives = descriptor.objectives.iter();
        let objectives = objectives.filter_map(|objective| recorded.objectives.get(objective.name.as_str()));
        let objectives = objectives.map(&mut quantity).collect::<Result<_>>()?;
        let metric = |(name, measured): (&String, _)| Ok((name.clone(), quantity(measured)?));
        let metrics = recorded.metrics.iter().map(metric).collect::<Result<_>>()?;
        let cost = recorded.cost_seconds.as_ref().map(&mut quantity).transpose()?;
        let n_trainings = recorded.n_trainings();
        Ok::<_, Error>(Arc::new(Quantities { n_trainings, objectives, metrics, cost }))
    };
    let in_rows = descriptor.fidelity.as_ref().is_some_and(|fidelity| fidelity.column.is_some());
    let mut levels: Vec<Level> = Vec::new();
    for &at in sizes {
        let own = descriptor
            .recorded
            .iter()
            .map(Spanned::get_ref)
            .find(|recorded| recorded.at.is_none_or(|own| own == at));
        let measured = match (levels.first(), own) {
            (Some(first), _) if in_rows => Arc::clone(&first.measured),
            (_, Some(recorded)) => quantities(recorded)?,
            (_, None) => continue,
        };
        levels.push(Level { at, measured });
    }
    Ok(Measurements {
        trainings_have_rows: descriptor.columns.training.is_some(),
        is_curve: descriptor.fidelity.as_ref().is_some_and(|fidelity| fidelity.curve),
        rows,
        cells,
        levels,
    })
}

/// The numbers in the file of meta-features, by task.
fn meta_features(source: &Source, descriptor: &Descriptor) -> Result<HashMap<String, BTreeMap<String, f64>>> {
    let (Some(path), Some(task)) = (&descriptor.files.meta_features, &descriptor.columns.task) else {
        return Ok(HashMap::new());
    };
    let file = File { source, path: source.file(path.get_ref()) };
    file.read(&[task.into()])?;
    let table = Table::read(&file.path)?;
    let names = file.keys(table.column(task.get_ref())?)?;
    let mut seen = HashSet::new();
    if let Some(row) = names.iter().position(|name| !seen.insert(name)) {
        return Err(file.bad_row(row, format!("task `{}` stands twice", names[row]), "a task has one row"));
    }
    let mut features: Vec<BTreeMap<String, f64>> = vec![BTreeMap::new(); names.len()];
    let is_feature =
        |column: &&Column| column.name() != task.get_ref() && !matches!(column.values(), Values::Text(_));
    for column in table.columns().iter().filter(is_feature) {
        for (features, value) in features.iter_mut().zip(column.to_f64()?) {
            if value.is_finite() {
                features.insert(column.name().to_owned(), value);
            }
        }
    }
    Ok(names.iter().map(Key::to_string).zip(features).collect())
}
