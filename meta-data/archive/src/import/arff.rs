//! Just enough of ARFF for the tables of ASlib: named attributes and comma-separated rows.

use std::path::Path;

use super::import_error;
use crate::{ArchiveError, Result};

/// A table of text cells.
pub(super) struct Arff {
    pub(super) attributes: Vec<String>,
    /// `[n, n_attributes]`; `?` stands for no value.
    pub(super) rows: Vec<Vec<String>>,
}

impl Arff {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| import_error(path, error))?;
        Self::parse(&text).map_err(|(line, problem)| import_error(path, format!("line {line}: {problem}")))
    }

    /// The place of an attribute, whatever its case.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.eq_ignore_ascii_case(name))
    }

    pub(super) fn require(&self, name: &str, path: &Path) -> Result<usize, ArchiveError> {
        self.index_of(name).ok_or_else(|| import_error(path, format!("it has no attribute `{name}`")))
    }

    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut arff = Self { attributes: Vec::new(), rows: Vec::new() };
        let mut in_data = false;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            let fail = |problem: String| (index + 1, problem);
            if line.is_empty() || line.starts_with('%') {
                continue;
            }
            let word = line.split_whitespace().next().unwrap_or_default();
            if in_data {
                let row = cells(line).map_err(|problem| fail(problem.into()))?;
                if row.len() != arff.attributes.len() {
                    let (found, expected) = (row.len(), arff.attributes.len());
                    return Err(fail(format!("{found} values for {expected} attributes")));
                }
                arff.rows.push(row);
            } else if word.eq_ignore_ascii_case("@data") {
                in_data = true;
            } else if word.eq_ignore_ascii_case("@attribute") {
                let rest = line[word.len()..].trim_start();
                let name = match rest.strip_prefix(['\'', '"']) {
                    Some(quoted) => quoted.split(['\'', '"']).next(),
                    None => rest.split_whitespace().next(),
                };
                let name = name.filter(|name| !name.is_empty());
                arff.attributes
                    .push(name.ok_or_else(|| fail("an attribute without a name".into()))?.to_owned());
            }
        }
        if in_data { Ok(arff) } else { Err((text.lines().count(), "there is no `@DATA`".into())) }
    }
}

/// The cells of a row; a quoted one may hold commas.
fn cells(line: &str) -> Result<Vec<String>, &'static str> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => cell.extend(letters.next()),
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, ',') => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            _ => cell.push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    cells.push(cell.trim().to_owned());
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_wrong_ones_named_by_line() {
        let text = "% a comment\n@RELATION r\n@ATTRIBUTE instance_id STRING\n@attribute 'a b' NUMERIC\n\n@DATA\n\
                    'x, \\'y\\'',1.5\nz, ?\n";
        let arff = Arff::parse(text).unwrap();
        assert_eq!(arff.attributes, ["instance_id", "a b"]);
        assert_eq!(arff.rows, [["x, 'y'", "1.5"], ["z", "?"]]);
        assert_eq!(Arff::parse("@DATA\n1,2\n").err().unwrap().0, 2);
        assert!(Arff::parse("@RELATION r\n").is_err());
    }
}
