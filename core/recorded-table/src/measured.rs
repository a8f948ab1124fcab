//! The numbers: which cell holds a quantity of an entry at a size, and what the cells together say.

use std::collections::BTreeMap;
use std::sync::Arc;

use heirloom_dataset::Column;
use heirloom_model::{CurvePoint, Failure, FailureKind, Objective, Outcome};

/// One quantity's columns, one or one for each training, as places in [`Measurements::cells`].
#[derive(Debug)]
pub(crate) struct Quantity {
    pub(crate) columns: Vec<usize>,
    pub(crate) scale: f64,
}

/// What is measured of an evaluation.
#[derive(Debug)]
pub(crate) struct Quantities {
    /// How many trainings have columns of their own.
    pub(crate) n_trainings: usize,
    /// In the order of the table's objectives, never empty.
    pub(crate) objectives: Vec<Quantity>,
    pub(crate) metrics: Vec<(String, Quantity)>,
    pub(crate) cost: Option<Quantity>,
}

/// A size of evaluations.
#[derive(Debug)]
pub(crate) struct Level {
    /// The size; 1 where there is only one.
    pub(crate) at: f64,
    /// The same for all sizes that have rows of their own.
    pub(crate) measured: Arc<Quantities>,
}

/// A row that holds an entry's numbers at a level: of one training, or of all where they are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) level: u32,
    /// The training, numbered over the whole table; 0 where they are columns.
    pub(crate) training: u32,
    pub(crate) row: u32,
}

/// The rows of each entry. They take memory for what is recorded alone: a table may have as many sizes or trainings as
/// rows.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Of each entry its rows, by level, then training.
    places: Vec<Place>,
    /// Where those of each entry begin, `[n_entries + 1]`.
    starts: Vec<usize>,
}

impl Rows {
    /// * `places`: each with its entry, in any order.
    ///
    /// Errors with the first row that records what an earlier one does, and with that one.
    pub(crate) fn new(n_entries: usize, mut places: Vec<(u32, Place)>) -> Result<Self, (u32, u32)> {
        places.sort_unstable();
        let about = |(entry, place): &(u32, Place)| (*entry, place.level, place.training);
        let twice = places.windows(2).filter(|pair| about(&pair[0]) == about(&pair[1]));
        if let Some(found) = twice.map(|pair| (pair[1].1.row, pair[0].1.row)).min() {
            return Err(found);
        }
        let start = |entry: usize| places.partition_point(|(own, _)| (*own as usize) < entry);
        let starts = (0..=n_entries).map(start).collect();
        Ok(Self { starts, places: places.into_iter().map(|(_, place)| place).collect() })
    }

    fn of_entry(&self, entry: usize) -> &[Place] {
        &self.places[self.starts[entry]..self.starts[entry + 1]]
    }
}

/// The part of `places` that has `value`, which they are in the order of.
fn equal(places: &[Place], of: impl Fn(&Place) -> u32, value: usize) -> &[Place] {
    let start = places.partition_point(|place| (of(place) as usize) < value);
    let n = places[start..].partition_point(|place| of(place) as usize == value);
    &places[start..start + n]
}

/// A column of numbers.
#[derive(Debug)]
pub(crate) struct Cells {
    values: Vec<f64>,
    valid: Option<Vec<bool>>,
}

impl Cells {
    pub(crate) fn new(column: &Column) -> heirloom_dataset::Result<Self> {
        Ok(Self { values: column.to_f64()?, valid: column.validity().map(<[bool]>::to_vec) })
    }

    /// `None` where the cell is null; NaN is a value (a training that diverged).
    fn get(&self, row: usize) -> Option<f64> {
        let is_null = self.valid.as_ref().is_some_and(|valid| !valid[row]);
        (!is_null).then(|| self.values[row])
    }
}

/// All numbers of a table.
#[derive(Debug)]
pub(crate) struct Measurements {
    /// By ascending size, never empty.
    pub(crate) levels: Vec<Level>,
    /// Whether smaller sizes are earlier points of the same training.
    pub(crate) is_curve: bool,
    /// Whether each training has rows of its own.
    pub(crate) trainings_have_rows: bool,
    pub(crate) rows: Rows,
    pub(crate) cells: Vec<Cells>,
}

impl Measurements {
    /// The levels at which anything is recorded for the entry, ascending.
    pub(crate) fn levels_of(&self, entry: usize) -> impl DoubleEndedIterator<Item = usize> {
        by_level(self.rows.of_entry(entry)).map(|rows| rows[0].level as usize)
    }

    /// The trainings with a value of the first objective, NaN included; the first alone where there is a row and
    /// none has, which is a failed training.
    pub(crate) fn trainings(&self, entry: usize, level: usize) -> Vec<usize> {
        let rows = equal(self.rows.of_entry(entry), |place| place.level, level);
        if self.trainings_have_rows {
            return rows.iter().map(|place| place.training as usize).collect();
        }
        let measured = &self.levels[level].measured;
        let has_value = |&training: &usize| {
            self.record(level, rows, Some(training)).values(&measured.objectives[0]).next().is_some()
        };
        let found: Vec<usize> = (0..measured.n_trainings).filter(has_value).collect();
        if found.is_empty() && !rows.is_empty() { vec![0] } else { found }
    }

    /// What is recorded; `training` is one, or `None` for the mean. `None` where nothing is.
    pub(crate) fn outcome(
        &self,
        names: &[Objective],
        entry: usize,
        level: usize,
        training: Option<usize>,
    ) -> Option<Result<Outcome, Failure>> {
        let rows = equal(self.rows.of_entry(entry), |place| place.level, level);
        if rows.is_empty() {
            return None;
        }
        let record = self.record(level, rows, training);
        let cost_seconds = record.cost_seconds();
        let objectives = match record.objectives(names) {
            Ok(objectives) => objectives,
            Err((name, value)) => {
                let found = value.map_or("nothing".to_owned(), |value| format!("`{value}`"));
                let message = format!("the table records {found} for `{name}`");
                return Some(Err(Failure { kind: FailureKind::Diverged, message, cost_seconds }));
            }
        };
        let metric = |(name, quantity): &(String, Quantity)| Some((name.clone(), record.noted(quantity)?));
        let metrics: BTreeMap<_, _> = record.measured.metrics.iter().filter_map(metric).collect();
        let curve = self.curve(names, entry, level, training);
        Some(Ok(Outcome { objectives, cost_seconds, curve, metrics, stopped: false }))
    }

    /// The recorded and finite points up to `last`; none where smaller sizes are no points of the same training.
    pub(crate) fn curve(
        &self,
        names: &[Objective],
        entry: usize,
        last: usize,
        training: Option<usize>,
    ) -> Vec<CurvePoint> {
        if !self.is_curve {
            return Vec::new();
        }
        let rows = self.rows.of_entry(entry);
        let n = rows.partition_point(|place| place.level as usize <= last);
        let point = |rows: &[Place]| {
            let level = rows[0].level as usize;
            let record = self.record(level, rows, training);
            let objectives = record.objectives(names).ok()?;
            let cost_seconds = record.cost_seconds();
            Some(CurvePoint { step: self.levels[level].at, objectives, cost_seconds })
        };
        by_level(&rows[..n]).filter_map(point).collect()
    }

    /// * `rows`: those of an entry at the level.
    fn record<'a>(&'a self, level: usize, rows: &'a [Place], training: Option<usize>) -> Record<'a> {
        let rows = match training {
            Some(training) if self.trainings_have_rows => equal(rows, |place| place.training, training),
            _ => rows,
        };
        Record { cells: &self.cells, measured: &self.levels[level].measured, rows, training }
    }
}

/// The rows of an entry, level by level.
fn by_level(rows: &[Place]) -> impl DoubleEndedIterator<Item = &[Place]> {
    rows.chunk_by(|a, b| a.level == b.level)
}

/// What is recorded of an entry at a level: of one training, or with `None` of all.
struct Record<'a> {
    cells: &'a [Cells],
    measured: &'a Quantities,
    /// One for each training, or one for all where they are columns.
    rows: &'a [Place],
    training: Option<usize>,
}

impl Record<'_> {
    /// The quantity of each training. A null is no training where each has a column of its own, and NaN where the row
    /// alone says that there was one.
    fn values(&self, quantity: &Quantity) -> impl Iterator<Item = f64> {
        let columns: &[usize] = match self.training {
            Some(training) if quantity.columns.len() > 1 => {
                quantity.columns.get(training..=training).unwrap_or_default()
            }
            _ => &quantity.columns,
        };
        let gap = (quantity.columns.len() == 1).then_some(f64::NAN);
        let scale = quantity.scale;
        self.rows.iter().flat_map(move |place| {
            let value = move |&column: &usize| self.cells[column].get(place.row as usize).or(gap);
            columns.iter().filter_map(value).map(move |value| value * scale)
        })
    }

    /// A cost or a metric, the mean over those trainings that have a number: unlike an objective's, a gap says only that
    /// nobody wrote it down.
    fn noted(&self, quantity: &Quantity) -> Option<f64> {
        mean(self.values(quantity).filter(|value| value.is_finite()))
    }

    fn cost_seconds(&self) -> f64 {
        self.measured.cost.as_ref().and_then(|quantity| self.noted(quantity)).unwrap_or(0.0)
    }

    /// The objectives, minimised, or the name and value of the first that is not finite.
    fn objectives<'o>(&self, objectives: &'o [Objective]) -> Result<Vec<f64>, (&'o str, Option<f64>)> {
        let value = |(objective, quantity): (&'o Objective, &Quantity)| {
            // NaN among the trainings is one that failed, and the mean is NaN too.
            match mean(self.values(quantity)) {
                Some(value) if value.is_finite() => Ok(objective.direction.turn(value)),
                other => Err((objective.name.as_str(), other)),
            }
        };
        objectives.iter().zip(&self.measured.objectives).map(value).collect()
    }
}

/// `None` where there are no values.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut count = 0.0;
    let sum = values.inspect(|_| count += 1.0).reduce(|sum, value| sum + value)?;
    Some(sum / count)
}
