//! What can be wrong with a file or a table, in fields that a caller can act on.

use std::path::{Path, PathBuf};

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a table, an array or a data set could not be read, built or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `open`, `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file name's extension names no format we read.
    #[error(
        "cannot tell the format of `{}` from its extension; \
         hint: rename it to one of .csv, .tsv, .parquet, .npz, .idx, -ubyte (or any but .parquet and .npz followed by .gz)",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what its extension says, or is damaged.
    #[error("`{}` is not a readable {format} file: {reason}; hint: {hint}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The format expected: `CSV`, `Parquet`, `NPZ`, `IDX`.
        format: &'static str,
        /// What was met, and where (line, column, entry).
        reason: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A column of a type that has no counterpart here.
    #[error(
        "column `{column}` of `{}` has the type `{found}`; hint: {hint}",
        path.display()
    )]
    UnsupportedType {
        /// The file.
        path: PathBuf,
        /// The column or array.
        column: String,
        /// Its type, as its format names it.
        found: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The file was read, and what it holds is not what was asked for.
    #[error("`{}`: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        source: Box<Error>,
    },
    /// A column that is asked for by name and not there.
    #[error("there is no column `{column}`; hint: the columns are {}", list(available))]
    NoColumn {
        /// The name asked for.
        column: String,
        /// The names there are.
        available: Vec<String>,
    },
    /// Two columns of one name.
    #[error("column name `{column}` occurs twice; hint: rename one of the two")]
    DuplicateColumn {
        /// The name.
        column: String,
    },
    /// Columns of unequal length.
    #[error(
        "column `{column}` has `{found}` rows where the table has `{expected}`; hint: every column needs one value or null a row"
    )]
    UnequalLength {
        /// The column that differs.
        column: String,
        /// Its length.
        found: usize,
        /// The first column's length.
        expected: usize,
    },
    /// A column read as another type than it has.
    #[error(
        "column `{column}` holds {found} where {expected} is needed; hint: choose another column or convert the file"
    )]
    WrongType {
        /// The column.
        column: String,
        /// What it holds.
        found: &'static str,
        /// What was needed.
        expected: &'static str,
    },
    /// A value in a column that its use does not allow.
    #[error("column `{column}` has the value `{value}` at row `{row}` (counted from 0); hint: {hint}")]
    BadValue {
        /// The column.
        column: String,
        /// The row, counted from 0.
        row: usize,
        /// The value, `null` for a missing one.
        value: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A target of numbers, but for a few values.
    #[error(
        "column `{column}` has the value `{cell}` on line `{line}`, and is to be the target: of its {n_values} values \
         {n_strays} are no numbers; hint: mend these rows or leave them out; if the values are classes, say \
         `kind = \"classification\"`"
    )]
    Stray {
        /// The column.
        column: String,
        /// The line of the first such value, from 1.
        line: u64,
        /// The first such value.
        cell: String,
        /// How many values are no numbers.
        n_strays: usize,
        /// How many values there are.
        n_values: usize,
    },
    /// A value of an image, or of its target, that cannot be used.
    #[error("`{array}` has the value `{value}` at `{index:?}` (counted from 0); hint: {hint}")]
    BadPixel {
        /// The array.
        array: String,
        /// The place: image, then what the array's shape says.
        index: Vec<usize>,
        /// The value.
        value: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A table without rows cannot be a task.
    #[error("`{name}` has no rows; hint: a data set needs at least one")]
    Empty {
        /// The data set's name.
        name: String,
    },
    /// Two shapes that must agree do not.
    #[error("{what}: shape `{found:?}` does not fit; hint: {hint}")]
    ShapeMismatch {
        /// Which array.
        what: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape needed.
        hint: &'static str,
    },
    /// Images, or rows of numbers, of which nothing says what is to be predicted.
    #[error(
        "`{}` has no targets: there is no {looked_for}; hint: put it there, or of a table name the column as `target`",
        path.display()
    )]
    NoTargets {
        /// The file.
        path: PathBuf,
        /// The file or array that holds the targets of others like it.
        looked_for: String,
    },
    /// An option that names columns, where rows are images.
    #[error(
        "`{option}` names columns, and rows that are images have none; hint: leave it out, or use a table"
    )]
    NoColumns {
        /// The option's name.
        option: &'static str,
    },
    /// A hold-out that leaves no room.
    #[error(
        "hold-out fractions `{valid}` and `{test}` are not usable; hint: each must be in 0..1 and their sum below 1"
    )]
    BadFractions {
        /// Fraction for validation.
        valid: f64,
        /// Fraction for the test.
        test: f64,
    },
}

impl Error {
    /// The same error, naming the file it was met in unless it does already.
    pub(crate) fn in_file(self, path: &Path) -> Error {
        match self {
            Error::NoColumn { .. }
            | Error::DuplicateColumn { .. }
            | Error::UnequalLength { .. }
            | Error::WrongType { .. }
            | Error::BadValue { .. }
            | Error::Stray { .. }
            | Error::BadPixel { .. }
            | Error::Empty { .. }
            | Error::NoColumns { .. }
            | Error::ShapeMismatch { .. } => Error::InFile { path: path.to_owned(), source: Box::new(self) },
            names_it => names_it,
        }
    }
}

/// The first few names, so that a table of 10,000 columns still gives a readable message.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
