//! Rows of columns: how tables of the model's types are taken apart, and put together again once their lengths are
//! known to fit.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use abi_stable::std_types::RVec;
use heirloom_model::{ComponentError, Configuration, Fidelity, TrialId};

use super::{Result, Texts, Trials};
use crate::wire::malformed;

/// Stands for "none" in columns of trial numbers and of bytes.
pub(super) const NONE: u64 = u64::MAX;

pub(super) fn to_optional(number: u64) -> Option<TrialId> {
    (number != NONE).then_some(TrialId(number))
}

pub(super) fn from_optional(trial: Option<TrialId>) -> u64 {
    trial.map_or(NONE, |trial| trial.0)
}

/// An `[n × width]` column that is being filled, row by row, all as wide as the first.
pub(super) struct RowsInto {
    what: &'static str,
    width: usize,
    column: Vec<f64>,
}

impl RowsInto {
    /// A column for `n` rows such as `first`; errors call a row `what`.
    pub(super) fn column(what: &'static str, n: usize, first: Option<&[f64]>) -> Self {
        let width = first.map_or(0, <[f64]>::len);
        Self { what, width, column: Vec::with_capacity(n * width) }
    }

    #[inline]
    pub(super) fn push(&mut self, row: &[f64]) -> Result<()> {
        if row.len() != self.width {
            return Err(self.unequal(row.len()));
        }
        // In place of `extend_from_slice`, which calls a function for what is a few numbers.
        self.column.extend(row.iter().copied());
        Ok(())
    }

    #[cold]
    fn unequal(&self, width: usize) -> ComponentError {
        ComponentError::failed(format!(
            "{} of {width} values stands beside one of {}; hint: all must be of the same problem",
            self.what, self.width
        ))
    }

    pub(super) fn into_column(self) -> RVec<f64> {
        self.column.into()
    }
}

/// The `[n × width]` column of a row for each item, all as wide as the first.
pub(super) fn column<'a, T>(
    items: &'a [T],
    what: &'static str,
    row: impl Fn(&'a T) -> &'a [f64],
) -> Result<RVec<f64>> {
    let mut column = RowsInto::column(what, items.len(), items.first().map(&row));
    items.iter().try_for_each(|item| column.push(row(item)))?;
    Ok(column.into_column())
}

/// Refuses a table whose columns have not `n` entries each.
pub(super) fn check_lengths(n: usize, lengths: &[usize]) -> Result<()> {
    let fit = lengths.iter().all(|&length| length == n);
    if fit { Ok(()) } else { Err(malformed("the columns of a table differ in length")) }
}

/// The rows of an `[n × width]` column.
pub(super) struct Rows<'a> {
    column: &'a [f64],
    width: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(column: &'a [f64], n: usize) -> Result<Self> {
        match (column.len().checked_div(n), column.len().checked_rem(n)) {
            (Some(width), Some(0)) => Ok(Self { column, width }),
            (None, _) if column.is_empty() => Ok(Self { column, width: 0 }),
            _ => Err(malformed("a column does not divide into rows")),
        }
    }

    #[inline]
    pub(super) fn row(&self, index: usize) -> &'a [f64] {
        &self.column[index * self.width..(index + 1) * self.width]
    }

    // As `Configuration::new`.
    #[inline(always)]
    pub(super) fn configuration(&self, index: usize) -> Configuration {
        Configuration::new(self.row(index))
    }

    #[inline]
    pub(super) fn fidelity(&self, index: usize) -> Fidelity {
        Fidelity(self.row(index).to_vec())
    }

    /// Whether the rows hold nothing.
    pub(super) fn are_empty(&self) -> bool {
        self.width == 0
    }
}

impl Trials {
    /// The columns of what `parts` says of each item.
    pub(super) fn from_model<'a, T>(
        items: &'a [T],
        parts: impl Fn(&'a T) -> (TrialId, &'a Configuration, &'a Fidelity),
    ) -> Result<Self> {
        Ok(Self {
            ids: items.iter().map(|item| parts(item).0.0).collect(),
            configurations: column(items, "a configuration", |item| parts(item).1.values())?,
            fidelities: column(items, "a fidelity", |item| &parts(item).2.0)?,
        })
    }

    /// The model's items, each made by `item` from a trial's number, configuration and fidelity, and its index.
    pub(super) fn to_model<T>(
        &self,
        item: impl Fn(usize, TrialId, Configuration, Fidelity) -> T,
    ) -> Result<Vec<T>> {
        let configurations = Rows::new(&self.configurations, self.ids.len())?;
        let fidelities = Rows::new(&self.fidelities, self.ids.len())?;
        let trial = |(index, &id): (usize, &u64)| {
            item(index, TrialId(id), configurations.configuration(index), fidelities.fidelity(index))
        };
        Ok(self.ids.iter().enumerate().map(trial).collect())
    }
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.push_bytes(text.as_bytes());
    }

    pub(super) fn get(&self, index: usize) -> Result<String> {
        Ok(String::from_utf8_lossy(self.bytes(index)?).into_owned())
    }

    /// Paths keep their bytes: one that is no UTF-8 names a file all the same.
    pub(super) fn push_path(&mut self, path: Option<&Path>) {
        self.push_bytes(path.map_or(&[], |path| path.as_os_str().as_bytes()));
    }

    pub(super) fn path(&self, index: usize) -> Result<Option<PathBuf>> {
        let bytes = self.bytes(index)?;
        Ok((!bytes.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(bytes))))
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len() as u64);
    }

    fn bytes(&self, index: usize) -> Result<&[u8]> {
        let range = range(&self.ends, index)?;
        self.bytes.get(range).ok_or_else(|| malformed("a text lies outside its column"))
    }
}

/// Row `index` of a column of variable rows that end at `ends`.
pub(super) fn range(ends: &[u64], index: usize) -> Result<std::ops::Range<usize>> {
    let start = if index == 0 { 0 } else { get(ends, index - 1)? };
    let end = get(ends, index)?;
    if start <= end { Ok(start as usize..end as usize) } else { Err(malformed("rows end before they begin")) }
}

pub(super) fn get<T: Copy>(column: &[T], index: usize) -> Result<T> {
    column.get(index).copied().ok_or_else(|| malformed("a column is too short"))
}

/// `[n × d]` from configurations.
pub(crate) fn configurations_to_column(configurations: &[Configuration]) -> Result<RVec<f64>> {
    column(configurations, "a configuration", Configuration::values)
}

/// Configurations from `[n × d]`.
pub(crate) fn configurations_from_column(column: &[f64], n: usize) -> Result<Vec<Configuration>> {
    let rows = Rows::new(column, n)?;
    // Rows without values could be any number, and a lie would cost all memory.
    if rows.are_empty() && n > 0 {
        return Err(malformed("configurations have no values"));
    }
    Ok((0..n).map(|index| rows.configuration(index)).collect())
}
