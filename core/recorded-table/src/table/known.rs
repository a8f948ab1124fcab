//! Which configurations a table knows, and which one each of its rows is about.

use std::collections::HashMap;

use heirloom_dataset::Table;
use heirloom_model::{Configuration, Space};

use super::open::index;
use crate::Result;
use crate::configurations::{File, Key};
use crate::descriptor::Descriptor;

/// The configurations of a table, and which one each row of evaluations is about.
pub(super) struct Known {
    pub(super) configurations: Vec<Configuration>,
    pub(super) by_configuration: HashMap<Configuration, u32>,
    /// `[n_rows]` of the file of evaluations.
    pub(super) of_row: Vec<u32>,
}

impl Known {
    pub(super) fn read(
        file: &File<'_>,
        table: &Table,
        descriptor: &Descriptor,
        space: &Space,
    ) -> Result<Self> {
        let columns = &descriptor.columns;
        let Some(configurations) = &descriptor.files.configurations else {
            return Ok(Self::in_the_rows(file.configurations(table, columns, space)?));
        };
        let Some(key) = &columns.configuration else {
            let problem = "`columns.configuration` is missing".to_owned();
            let remedy = "name the column that `files.evaluations` and `files.configurations` share";
            return Err(file.source.inconsistent(descriptor.space.span(), problem, remedy));
        };
        let joined = File { source: file.source, path: file.source.file(configurations) };
        let mut wanted = File::configuration_columns(columns, space, descriptor.space.span());
        wanted.push(key.into());
        let all = joined.read(&wanted)?;
        Self::joined(file, table, &joined, &all, key.get_ref(), joined.configurations(&all, columns, space)?)
    }

    /// Configurations that stand in the file of evaluations itself.
    fn in_the_rows(rows: Vec<Configuration>) -> Self {
        let mut known =
            Self { configurations: Vec::new(), by_configuration: HashMap::new(), of_row: Vec::new() };
        for configuration in rows {
            let next = index(known.configurations.len());
            let number = *known.by_configuration.entry(configuration).or_insert_with_key(|configuration| {
                known.configurations.push(configuration.clone());
                next
            });
            known.of_row.push(number);
        }
        known
    }

    /// Configurations in a file of their own. Those that share a key are one and the same thing, and the first is
    /// the one that was trained.
    fn joined(
        file: &File<'_>,
        table: &Table,
        joined: &File<'_>,
        all: &Table,
        key: &str,
        rows: Vec<Configuration>,
    ) -> Result<Self> {
        let mut configurations = Vec::new();
        let mut by_configuration = HashMap::new();
        let mut by_key: HashMap<Key<'_>, u32> = HashMap::new();
        for (row, (key, configuration)) in joined.keys(all.column(key)?)?.into_iter().zip(rows).enumerate() {
            let number = *by_key.entry(key).or_insert_with(|| {
                configurations.push(configuration.clone());
                index(configurations.len() - 1)
            });
            if by_configuration.insert(configuration, number).is_some_and(|other| other != number) {
                let problem = format!("the configuration of key `{key}` has another key too");
                return Err(joined.bad_row(row, problem, "a configuration has one key"));
            }
        }
        let number = |(row, key): (usize, Key<'_>)| {
            by_key.get(&key).copied().ok_or_else(|| {
                let problem = format!("`{key}` is not in `{}`", joined.path.display());
                file.bad_row(row, problem, "every evaluation needs its configuration")
            })
        };
        let of_row =
            file.keys(table.column(key)?)?.into_iter().enumerate().map(number).collect::<Result<_>>()?;
        Ok(Self { configurations, by_configuration, of_row })
    }
}
