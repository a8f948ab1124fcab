//! The numbers: which cell holds a quantity of an entry at a size, and what the cells together say.

use std::collections::BTreeMap;

use heirloom_dataset::Column;
use heirloom_model::{CurvePoint, Failure, FailureKind, Objective, Outcome};

/// No such row.
const NO_ROW: u32 = u32::MAX;

/// One quantity's columns, one or one for each training, as places in [`Measurements::cells`].
#[derive(Debug, Clone)]
pub(crate) struct Quantity {
    pub(crate) columns: Vec<usize>,
    pub(crate) scale: f64,
}

/// What is measured at one size.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    /// The size; 1 where there is only one.
    pub(crate) at: f64,
    /// How often a configuration can have been trained.
    pub(crate) n_trainings: usize,
    /// In the order of the table's objectives, never empty.
    pub(crate) objectives: Vec<Quantity>,
    pub(crate) metrics: Vec<(String, Quantity)>,
    pub(crate) cost: Option<Quantity>,
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
    /// Sizes that have rows of their own: all, or 1 where they have columns of their own.
    pub(crate) n_row_levels: usize,
    /// Trainings that have rows of their own, likewise.
    pub(crate) n_row_trainings: usize,
    /// `[n_entries, n_row_levels, n_row_trainings]`, [`NO_ROW`] where nothing is recorded.
    pub(crate) rows: Vec<u32>,
    pub(crate) cells: Vec<Cells>,
}

impl Measurements {
    /// Notes the row that holds a training of an entry at a size, or says which one holds it already.
    pub(crate) fn put(&mut self, row: u32, entry: usize, level: usize, training: usize) -> Result<(), u32> {
        let n_slots = (entry + 1) * self.n_row_levels * self.n_row_trainings;
        if self.rows.len() < n_slots {
            self.rows.resize(n_slots, NO_ROW);
        }
        let slot = self.slot(entry, level, training);
        match std::mem::replace(&mut self.rows[slot], row) {
            NO_ROW => Ok(()),
            earlier => Err(earlier),
        }
    }

    /// The place of a row in [`rows`](Self::rows); a level or training without rows of its own is in row 0.
    fn slot(&self, entry: usize, level: usize, training: usize) -> usize {
        let level = if self.n_row_levels == 1 { 0 } else { level };
        let training = if self.n_row_trainings == 1 { 0 } else { training };
        (entry * self.n_row_levels + level) * self.n_row_trainings + training
    }

    /// One training's cell. A null is no training where each has a column of its own, and NaN where the row alone
    /// says that there was one.
    fn cell(&self, quantity: &Quantity, entry: usize, level: usize, training: usize) -> Option<f64> {
        let row = self.rows[self.slot(entry, level, training)];
        if row == NO_ROW {
            return None;
        }
        let value = match quantity.columns.as_slice() {
            [column] => self.cells[*column].get(row as usize).unwrap_or(f64::NAN),
            columns => self.cells[columns[training]].get(row as usize)?,
        };
        Some(value * quantity.scale)
    }

    /// The quantity of one training, or of all that have one.
    fn values(
        &self,
        quantity: &Quantity,
        entry: usize,
        level: usize,
        training: Option<usize>,
    ) -> impl Iterator<Item = f64> {
        let same_for_all = quantity.columns.len() == 1 && self.n_row_trainings == 1;
        let trainings = match training.or(same_for_all.then_some(0)) {
            Some(training) => training..training + 1,
            None => 0..self.levels[level].n_trainings,
        };
        trainings.filter_map(move |training| self.cell(quantity, entry, level, training))
    }

    /// A cost or a metric, the mean over those trainings that have a number: unlike an objective's, a gap says only that
    /// nobody wrote it down.
    fn noted(&self, quantity: &Quantity, entry: usize, level: usize, training: Option<usize>) -> Option<f64> {
        mean(self.values(quantity, entry, level, training).filter(|value| value.is_finite()))
    }

    /// Whether anything is recorded for the entry at this size.
    pub(crate) fn is_recorded(&self, entry: usize, level: usize) -> bool {
        let first = self.slot(entry, level, 0);
        self.rows[first..first + self.n_row_trainings].iter().any(|&row| row != NO_ROW)
    }

    /// The trainings with a value of the first objective, NaN included; the first alone where there is a row and
    /// none has, which is a failed training.
    pub(crate) fn trainings(&self, entry: usize, level: usize) -> Vec<usize> {
        let first = &self.levels[level].objectives[0];
        let all = 0..self.levels[level].n_trainings;
        let found: Vec<usize> =
            all.filter(|&training| self.cell(first, entry, level, training).is_some()).collect();
        if found.is_empty() && self.is_recorded(entry, level) { vec![0] } else { found }
    }

    /// The objectives, minimised, or the name and value of the first that is not finite.
    fn objectives<'o>(
        &self,
        objectives: &'o [Objective],
        entry: usize,
        level: usize,
        training: Option<usize>,
    ) -> Result<Vec<f64>, (&'o str, Option<f64>)> {
        let value = |(objective, quantity): (&'o Objective, &Quantity)| {
            // NaN among the trainings is one that failed, and the mean is NaN too.
            match mean(self.values(quantity, entry, level, training)) {
                Some(value) if value.is_finite() => Ok(objective.direction.turn(value)),
                other => Err((objective.name.as_str(), other)),
            }
        };
        objectives.iter().zip(&self.levels[level].objectives).map(value).collect()
    }

    fn cost_seconds(&self, entry: usize, level: usize, training: Option<usize>) -> f64 {
        let cost = self.levels[level].cost.as_ref();
        cost.and_then(|quantity| self.noted(quantity, entry, level, training)).unwrap_or(0.0)
    }

    /// What is recorded; `training` is one, or `None` for the mean. `None` where nothing is.
    pub(crate) fn outcome(
        &self,
        names: &[Objective],
        entry: usize,
        level: usize,
        training: Option<usize>,
    ) -> Option<Result<Outcome, Failure>> {
        if !self.is_recorded(entry, level) {
            return None;
        }
        let cost_seconds = self.cost_seconds(entry, level, training);
        let objectives = match self.objectives(names, entry, level, training) {
            Ok(objectives) => objectives,
            Err((name, value)) => {
                let found = value.map_or("nothing".to_owned(), |value| format!("`{value}`"));
                let message = format!("the table records {found} for `{name}`");
                return Some(Err(Failure { kind: FailureKind::Diverged, message, cost_seconds }));
            }
        };
        let metric = |(name, quantity): &(String, Quantity)| {
            Some((name.clone(), self.noted(quantity, entry, level, training)?))
        };
        let metrics: BTreeMap<_, _> = self.levels[level].metrics.iter().filter_map(metric).collect();
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
        let point = |level: usize| {
            let objectives = self.objectives(names, entry, level, training).ok()?;
            let cost_seconds = self.cost_seconds(entry, level, training);
            Some(CurvePoint { step: self.levels[level].at, objectives, cost_seconds })
        };
        if self.is_curve { (0..=last).filter_map(point).collect() } else { Vec::new() }
    }
}

/// `None` where there are no values.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut count = 0.0;
    let sum = values.inspect(|_| count += 1.0).reduce(|sum, value| sum + value)?;
    Some(sum / count)
}
