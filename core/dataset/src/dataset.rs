//! A data set: features, a target and nothing of the file it came from.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::file::Format;
use crate::images::{self, Intensities, Pixels};
use crate::table::Stray;
use crate::{
    Array, ArrayValues, Column, Error, Result, Table, Value, Values, idx, npz, parquet_file, read_idx,
    read_npz,
};

/// At most this many distinct whole numbers make a target of classes by default.
const MAX_INFERRED_CLASSES: usize = 100;

/// Rows of features, each with a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    pub(crate) name: String,
    pub(crate) features: Features,
    pub(crate) target: Target,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Features {
    Columns(Vec<Feature>),
    /// Values in row-major order; each row has this shape.
    Pixels {
        shape: Vec<usize>,
        values: Intensities,
    },
}

/// `values` are numbers, or indices into `symbols`; NaN where missing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) symbols: Option<Vec<String>>,
    pub(crate) values: Vec<f64>,
}

/// What a feature's values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind<'a> {
    /// Numbers.
    Numeric,
    /// Indices into these symbols.
    Categorical {
        /// The distinct values, in sorted order.
        symbols: &'a [String],
    },
}

/// What is to be predicted.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Classification.
    Classes {
        /// `[n_rows]`, an index into `names`.
        codes: Vec<u32>,
        /// The classes in sorted order; numbers sort as numbers.
        names: Vec<String>,
    },
    /// Regression: `[n_rows]`, finite.
    Regression(Vec<f64>),
    /// Classification of every pixel (semantic segmentation).
    PixelClasses {
        /// `[n_rows × height × width]`, an index into `names`, or [`NO_CLASS`](crate::NO_CLASS) where a pixel has no
        /// label.
        codes: Vec<u8>,
        /// The labels that occur, as text, ascending.
        names: Vec<String>,
        /// Height and width.
        size: [usize; 2],
    },
    /// Regression of every pixel, such as a disparity or an image without its noise.
    PixelValues {
        /// `[n_rows × channels × height × width]`, NaN where a pixel has no value, finite elsewhere.
        values: Vec<f64>,
        /// Channels, height and width.
        shape: [usize; 3],
    },
}

impl Target {
    fn len(&self) -> usize {
        match self {
            Target::Classes { codes, .. } => codes.len(),
            Target::Regression(values) => values.len(),
            Target::PixelClasses { codes, size, .. } => codes.len() / size.iter().product::<usize>(),
            Target::PixelValues { values, shape } => values.len() / shape.iter().product::<usize>(),
        }
    }
}

/// Which kind of target a column makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetKind {
    /// Text, booleans and whole numbers of few distinct values (at most 100, and at most half the rows) are
    /// classes, all else is regression. Of pixels, one whole number or boolean each is a class.
    #[default]
    Auto,
    /// Classes, whatever the type.
    Classification,
    /// Numbers.
    Regression,
}

/// How to make a data set of a table.
#[derive(Debug, Clone, Default)]
pub struct DatasetOptions {
    /// The target column; without one the last column that is not left out. Image files and `X`/`y` arrays need none.
    pub target: Option<String>,
    /// What kind of target it is.
    pub kind: TargetKind,
    /// Numeric columns that hold categories.
    pub categorical: Vec<String>,
    /// Columns that are no features, such as row identifiers.
    pub ignore: Vec<String>,
}

impl DatasetOptions {
    /// Whether the column is no feature, and no target by default: one that is ignored, and row labels that nothing here
    /// names.
    fn leave_out(&self, column: &str) -> bool {
        let is_among = |names: &[String]| names.iter().any(|name| name == column);
        is_among(&self.ignore) || (holds_row_labels(column) && !is_among(&self.categorical))
    }
}

/// Whether a column of this name is an index without a name, as pandas writes it: `__index_level_0__` to Parquet, nothing
/// to CSV. Where rows were shuffled or filtered, it holds their old places.
fn holds_row_labels(column: &str) -> bool {
    let level = column.strip_prefix("__index_level_").and_then(|rest| rest.strip_suffix("__"));
    column.is_empty() || level.is_some_and(|level| level.parse::<u32>().is_ok())
}

impl Dataset {
    /// Reads a data set: a table (CSV, Parquet), `X`/`y` arrays (NPZ), or images with a labels file beside them
    /// (`…images-idx3-ubyte` and `…labels-idx1-ubyte`, each plain or `.gz`).
    ///
    /// Errors with [`Error::NoTargets`] where arrays come without targets and the options name none, and with
    /// [`Error::NoColumns`] where the options name columns of images.
    pub fn open(path: impl AsRef<Path>, options: &DatasetOptions) -> Result<Dataset> {
        let path = path.as_ref();
        Dataset::open_any(path, options).map_err(|error| error.in_file(path))
    }

    fn open_any(path: &Path, options: &DatasetOptions) -> Result<Dataset> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = name.split('.').next().unwrap_or_default();
        match Format::of(path)? {
            Format::Npz => {
                let mut arrays = read_npz(path)?;
                let mut take = |key: &str| {
                    let index = arrays.iter().position(|array| array.name.eq_ignore_ascii_case(key))?;
                    Some(arrays.swap_remove(index))
                };
                match (take("x"), take("y")) {
                    (Some(x), Some(y)) => Dataset::from_array_columns(name, x, y, options),
                    (Some(x), None)
                        if x.shape.len() > 2 || (arrays.is_empty() && options.target.is_none()) =>
                    {
                        Err(Error::NoTargets {
                            path: path.to_owned(),
                            looked_for: "array `y` in it".to_owned(),
                        })
                    }
                    _ => Dataset::from_table(name, &Table::read(path)?, options),
                }
            }
            Format::Idx => match idx::labels_path(path) {
                Some(labels) => {
                    let y = Array { name: "y".to_owned(), ..read_idx(labels)? };
                    Dataset::from_array_columns(name, read_idx(path)?, y, options)
                }
                None => {
                    if options.target.is_none() && read_idx(path)?.shape.len() > 1 {
                        return Err(no_labels(path));
                    }
                    Dataset::from_table(name, &Table::read(path)?, options)
                }
            },
            Format::Delimited(_) => {
                let table = Table::read(path)?;
                let dataset = Dataset::from_table(name, &table, options)?;
                warn_of_strays(path, &table, &dataset, options);
                Ok(dataset)
            }
            Format::Parquet => Dataset::from_parquet(name, path, options),
        }
    }

    /// A data set of a Parquet file, of which the columns that are left out are not read: they may be of any type.
    fn from_parquet(name: &str, path: &Path, options: &DatasetOptions) -> Result<Dataset> {
        let available = Table::read_names(path)?;
        let last = available.iter().rfind(|column| !options.leave_out(column));
        let target = options.target.as_ref().or(last);
        if let Some(unknown) = options.ignore.iter().find(|name| !available.contains(name)) {
            return Err(Error::NoColumn { column: unknown.clone(), available });
        }
        let is_read = |column: &&String| Some(*column) == target || !options.leave_out(column);
        let names: Vec<&str> = available.iter().filter(is_read).map(String::as_str).collect();
        parquet_file::deny_times(path, &names)?;
        let options = DatasetOptions { target: target.cloned(), ignore: Vec::new(), ..options.clone() };
        Dataset::from_table(name, &Table::read_columns(path, &names)?, &options)
    }

    /// A data set of arrays, with what the options say of columns: those of `x` are `x0`, `x1` and so on.
    fn from_array_columns(name: &str, x: Array, y: Array, options: &DatasetOptions) -> Result<Dataset> {
        let target = options.target.clone().filter(|target| !target.eq_ignore_ascii_case(&y.name));
        let option = match options {
            _ if target.is_some() => "target",
            DatasetOptions { ignore, .. } if !ignore.is_empty() => "ignore",
            DatasetOptions { categorical, .. } if !categorical.is_empty() => "categorical",
            _ => return Dataset::from_arrays(name, x, y, options.kind),
        };
        if x.shape.len() > 2 {
            return Err(Error::NoColumns { option });
        }
        // The targets come last, where they are found without a name.
        let mut columns = npz::columns(&x)?;
        columns.extend(npz::columns(&y)?);
        Dataset::from_table(name, &Table::new(columns)?, &DatasetOptions { target, ..options.clone() })
    }

    /// A data set of a table's columns.
    ///
    /// Text and boolean columns are categorical, others numeric unless named in `options.categorical`. A column without
    /// a name, and one that pandas calls `__index_level_0__`, is left out unless the options name it.
    ///
    /// Errors with [`Error::NoColumn`] for an unknown name, [`Error::BadValue`] for a missing target,
    /// [`Error::Empty`] when there are no rows.
    pub fn from_table(name: impl Into<String>, table: &Table, options: &DatasetOptions) -> Result<Dataset> {
        let name = name.into();
        for column in options.categorical.iter().chain(&options.ignore) {
            table.column(column)?;
        }
        let last = table.columns().iter().rfind(|column| !options.leave_out(column.name()));
        let target = match (&options.target, last) {
            (Some(target), _) => table.column(target)?,
            (None, Some(last)) => last,
            (None, None) => return Err(Error::Empty { name }),
        };
        let features = table
            .columns()
            .iter()
            .filter(|column| column.name() != target.name() && !options.leave_out(column.name()))
            .map(|column| feature(column, options.categorical.iter().any(|name| name == column.name())))
            .collect::<Result<_>>()?;
        Dataset::checked(name, Features::Columns(features), self::target(target, options.kind)?)
    }

    /// A data set of an array of rows, `x: [n, …]`, and one of targets, `y: [n]` or `[n, 1]`; or, where rows are images,
    /// of targets of their pixels, `[n, height, width]`, `[n, channels, height, width]` or `[n, height, width, channels]`.
    ///
    /// Rows of two or three dimensions are images, others columns; of three, the channels are the smaller one of the first
    /// and the last. Labels of pixels are the classes 0 to 254; 255 and -1
    /// say that a pixel has none, and so does NaN where pixels have values.
    ///
    /// Errors with [`Error::ShapeMismatch`] when the two do not go together and where the first and the last dimension of
    /// images are equal and neither 1 nor 3, with [`Error::BadPixel`] for a label out of
    /// range and for a value that is not finite.
    pub fn from_arrays(name: impl Into<String>, x: Array, y: Array, kind: TargetKind) -> Result<Dataset> {
        let name = name.into();
        let n_rows = y.shape.first().copied().unwrap_or(0);
        if n_rows == 0 {
            return Err(Error::Empty { name });
        }
        if x.shape.len() < 2 || x.shape[0] != n_rows {
            let hint = "it needs two or more dimensions, and as many rows as there are targets";
            return Err(Error::ShapeMismatch {
                what: format!("features `{}`", x.name),
                found: x.shape,
                hint,
            });
        }
        images::check_layout(&x)?;
        let shape = x.shape[1..].to_vec();
        let target = match y.values.len() == n_rows {
            true => target(&Column::new(y.name, y.values.column_values(0..n_rows)), kind)?,
            false => images::target(y, &shape, kind)?,
        };
        let features = match x.values {
            ArrayValues::U8(values) => Features::Pixels { shape, values: Intensities::Bytes(values) },
            _ if images::layout(&shape).is_some() => {
                Features::Pixels { shape, values: Intensities::Numbers(images::numbers(&x)?) }
            }
            values => {
                let width = shape.iter().product::<usize>();
                let column = |column: usize| {
                    let rows = (0..n_rows).map(|row| row * width + column);
                    feature(&Column::new(format!("x{column}"), values.column_values(rows)), false)
                };
                Features::Columns((0..width).map(column).collect::<Result<_>>()?)
            }
        };
        Dataset::checked(name, features, target)
    }

    fn checked(name: String, features: Features, target: Target) -> Result<Dataset> {
        if target.len() == 0 { Err(Error::Empty { name }) } else { Ok(Dataset { name, features, target }) }
    }

    /// The data set's name: the file's, up to its first dot, or the one given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows; at least one.
    pub fn n_rows(&self) -> usize {
        self.target.len()
    }

    /// How many features: columns, or values in one image.
    pub fn n_features(&self) -> usize {
        match &self.features {
            Features::Columns(columns) => columns.len(),
            Features::Pixels { shape, .. } => shape.iter().product(),
        }
    }

    /// The feature's name; `x0`, `x1`, … for images.
    pub fn feature_name(&self, feature: usize) -> Cow<'_, str> {
        match &self.features {
            Features::Columns(columns) => Cow::Borrowed(&columns[feature].name),
            Features::Pixels { .. } => Cow::Owned(format!("x{feature}")),
        }
    }

    /// What the feature's values mean.
    pub fn kind(&self, feature: usize) -> FeatureKind<'_> {
        match &self.features {
            Features::Columns(columns) => match &columns[feature].symbols {
                Some(symbols) => FeatureKind::Categorical { symbols },
                None => FeatureKind::Numeric,
            },
            Features::Pixels { .. } => FeatureKind::Numeric,
        }
    }

    /// `[n_rows]`: the feature's numbers, or indices into its symbols; NaN where missing.
    pub fn column(&self, feature: usize) -> Cow<'_, [f64]> {
        match &self.features {
            Features::Columns(columns) => Cow::Borrowed(&columns[feature].values),
            Features::Pixels { values, .. } => Cow::Owned(values.every(feature, self.n_features())),
        }
    }

    /// The images, if the features are such.
    pub fn pixels(&self) -> Option<Pixels<'_>> {
        match &self.features {
            Features::Columns(_) => None,
            Features::Pixels { shape, values } => Some(Pixels { shape, values }),
        }
    }

    /// What is to be predicted.
    pub fn target(&self) -> &Target {
        &self.target
    }
}

/// Tells of features that became categories because of a few values.
fn warn_of_strays(path: &Path, table: &Table, dataset: &Dataset, options: &DatasetOptions) {
    let Features::Columns(features) = &dataset.features else { return };
    for feature in features.iter().filter(|feature| !options.categorical.contains(&feature.name)) {
        if let Some(Stray { cell, line, n_strays, n_values }) =
            table.find(&feature.name).and_then(Column::stray)
        {
            tracing::warn!(
                "`{}`: column `{}` becomes categories, because of its {n_values} values {n_strays} are no numbers, the \
                 first `{cell}` on line {line}; hint: mend them, or leave them empty where the value is missing; if \
                 categories are meant, name the column in `categorical`",
                path.display(),
                feature.name
            );
        }
    }
}

fn no_labels(images: &Path) -> Error {
    let looked_for = match idx::labels_names(images) {
        Some([labels, otherwise]) => format!("`{labels}` or `{otherwise}` beside it"),
        None => "file of labels beside it, for which its name would have to hold `images`".to_owned(),
    };
    Error::NoTargets { path: images.to_owned(), looked_for }
}

fn feature(column: &Column, categorical: bool) -> Result<Feature> {
    let name = column.name().to_owned();
    if !categorical && matches!(column.values(), Values::Int(_) | Values::Float(_)) {
        return Ok(Feature { name, symbols: None, values: column.to_f64()? });
    }
    let (codes, symbols) = encode(column);
    let values = codes.into_iter().map(|code| code.map_or(f64::NAN, f64::from)).collect();
    Ok(Feature { name, symbols: Some(symbols), values })
}

fn target(column: &Column, kind: TargetKind) -> Result<Target> {
    let bad = |row: usize, hint| Error::BadValue {
        column: column.name().to_owned(),
        row,
        value: column.get(row).to_string(),
        hint,
    };
    let n_rows = column.values().len();
    let missing = |row: &usize| {
        matches!(column.get(*row), Value::Null) || matches!(column.get(*row), Value::Float(v) if v.is_nan())
    };
    if let Some(row) = (0..n_rows).find(missing) {
        return Err(bad(row, "drop the rows without a target"));
    }
    if let (TargetKind::Auto | TargetKind::Regression, Some(stray)) = (kind, column.stray()) {
        return Err(Error::Stray {
            column: column.name().to_owned(),
            line: stray.line,
            cell: stray.cell.clone(),
            n_strays: stray.n_strays,
            n_values: stray.n_values,
        });
    }
    let is_classes = match (kind, column.values()) {
        (TargetKind::Classification, _) => true,
        (TargetKind::Regression, _) => false,
        (TargetKind::Auto, Values::Text(_) | Values::Bool(_)) => true,
        (TargetKind::Auto, Values::Float(_)) => false,
        (TargetKind::Auto, Values::Int(values)) => {
            let n_distinct = values.iter().collect::<std::collections::HashSet<_>>().len();
            n_distinct <= MAX_INFERRED_CLASSES.min(n_rows / 2).max(2)
        }
    };
    if is_classes {
        let (codes, names) = encode(column);
        let codes =
            codes.into_iter().map(|code| code.expect("no target is missing: checked above")).collect();
        return Ok(Target::Classes { codes, names });
    }
    let values = column.to_f64()?;
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(bad(row, "a regression target must be finite")),
        None => Ok(Target::Regression(values)),
    }
}

/// The codes of a column's values among its distinct ones in sorted order.
fn encode(column: &Column) -> (Vec<Option<u32>>, Vec<String>) {
    let n_rows = column.values().len();
    match column.values() {
        Values::Text(text) => {
            let mut order: Vec<u32> =
                (0..n_rows).filter(|&row| !column.is_null(row)).map(|row| text.codes()[row]).collect();
            order.sort_unstable();
            order.dedup();
            order.sort_by_key(|&code| &text.symbols()[code as usize]);
            let rank: HashMap<u32, u32> = order.iter().copied().zip(0..).collect();
            let codes = (0..n_rows)
                .map(|row| if column.is_null(row) { None } else { Some(rank[&text.codes()[row]]) });
            (codes.collect(), order.iter().map(|&code| text.symbols()[code as usize].clone()).collect())
        }
        Values::Bool(values) => encode_by(column, n_rows, |row| values[row]),
        Values::Int(values) => encode_by(column, n_rows, |row| values[row]),
        Values::Float(values) => {
            // Bits ordered as the numbers are; both zeros are one symbol, NaN is missing.
            let key = |row: usize| {
                let bits = (values[row] + 0.0).to_bits();
                if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
            };
            encode_by(column, n_rows, key)
        }
    }
}

fn encode_by<K: Ord>(
    column: &Column,
    n_rows: usize,
    key: impl Fn(usize) -> K,
) -> (Vec<Option<u32>>, Vec<String>) {
    let valid = |row: usize| {
        !matches!(column.get(row), Value::Null) && !matches!(column.get(row), Value::Float(v) if v.is_nan())
    };
    let mut first_rows = BTreeMap::new();
    for row in (0..n_rows).filter(|&row| valid(row)) {
        first_rows.entry(key(row)).or_insert(row);
    }
    let symbols = first_rows.values().map(|&row| column.get(row).to_string()).collect();
    first_rows.values_mut().zip(0..).for_each(|(row, rank)| *row = rank);
    let code = |row: usize| if valid(row) { u32::try_from(first_rows[&key(row)]).ok() } else { None };
    ((0..n_rows).map(code).collect(), symbols)
}

#[cfg(test)]
mod tests;
