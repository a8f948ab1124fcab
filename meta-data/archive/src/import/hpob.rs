//! HPO-B's JSON (Pineda Arango et al. 2021): `{space: {data set: {"X": [[…]], "y": [[…]]}}}`.
//!
//! Read as a stream: one data set is held in memory at a time.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use heirloom_model::space::{ParameterSpec, ParameterType};
use heirloom_model::{Direction, Objective, Outcome, Space, SpaceSpec};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use super::recording::Recording;
use super::{Import, ImportReport, Provenance, import_error};
use crate::{Archive, Result, RunHeader, Task};

/// The evaluations of one data set in one space.
#[derive(Deserialize)]
struct DataSet {
    /// `[n, d]`, each in `0..=1`.
    #[serde(rename = "X")]
    x: Vec<Vec<Number>>,
    /// Accuracies, `[n, 1]`, larger is better.
    y: Vec<Vec<Number>>,
}

/// A number, NaN where there is none.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<f64>::deserialize(deserializer).map(|number| Self(number.unwrap_or(f64::NAN)))
    }
}

impl Archive {
    /// Keeps all data sets of a file of HPO-B, under the task keys `hpob/DATA SET`.
    ///
    /// Parameters have no names there: they are `x0`, `x1` and so on, each from 0 to 1. Rows outside that or not
    /// finite (`NaN`, `Infinity` and `null` are read so) are left out.
    pub fn import_hpob(&self, path: &Path, provenance: &Provenance) -> Result<ImportReport> {
        let file = File::open(path).map_err(|error| import_error(path, error))?;
        let mut import = Import::new(self)?;
        let mut keep = |space: &str, data_set: &str, rows: DataSet| {
            import.keep_hpob(space, data_set, &rows, provenance).map_err(|error| error.to_string())
        };
        let file = BufReader::with_capacity(1 << 20, file);
        let mut json = serde_json::Deserializer::from_reader(BufReader::new(PlainJson::new(file)));
        let read = Spaces { keep: &mut keep }.deserialize(&mut json).and_then(|()| json.end());
        let n_kept = import.report.n_added + import.report.n_known;
        read.map_err(|error| {
            let hint = "hint: mend it and import the file again: what is kept already is kept once";
            import_error(
                path,
                format!("{error}; {n_kept} data sets before that are kept, those after it not; {hint}"),
            )
        })?;
        Ok(import.finish())
    }
}

impl Import<'_> {
    fn keep_hpob(
        &mut self,
        space_id: &str,
        data_set: &str,
        rows: &DataSet,
        provenance: &Provenance,
    ) -> Result<()> {
        let Some(n_parameters) = rows.x.first().map(Vec::len) else { return Ok(()) };
        let space = space(space_id, n_parameters)?;
        let objective = Objective { name: "accuracy".into(), direction: Direction::Maximise };
        let task = Task {
            key: format!("hpob/{data_set}"),
            name: format!("OpenML data set {data_set}"),
            kind: "classification".into(),
            metric: objective.name.clone(),
            ..Task::default()
        };
        let header = RunHeader {
            name: format!("hpob/{space_id}/{data_set}"),
            configuration: serde_json::json!({ "imported": { "hpob": space_id } }),
            source: Some(provenance.source.clone()),
            licence: Some(provenance.licence.clone()),
            ..RunHeader::new(task, space.spec().clone(), vec![objective])
        };
        let mut recording = Recording::new(header, space.hash());
        let mut row = Vec::with_capacity(n_parameters + 1);
        for (x, y) in rows.x.iter().zip(&rows.y) {
            let inside = x.len() == n_parameters && x.iter().all(|Number(value)| (0.0..=1.0).contains(value));
            match y.first() {
                Some(Number(y)) if inside && y.is_finite() => {
                    // The constant that names the space comes last.
                    row.clear();
                    row.extend(x.iter().map(|Number(value)| value));
                    row.push(0.0);
                    recording.measured(&row, &[], &Outcome::new(vec![-y], 0.0));
                }
                _ => self.report.n_left_out += 1,
            }
        }
        self.report.n_left_out += rows.x.len().abs_diff(rows.y.len()) as u64;
        self.keep_recording(recording)
    }
}

fn space(id: &str, n_parameters: usize) -> Result<Space> {
    let unit = || ParameterType::Float { low: 0.0, high: 1.0, log: false, step: None };
    let parameters = (0..n_parameters).map(|index| ParameterSpec::new(format!("x{index}"), unit())).collect();
    // The id stands in the space as a constant: equally long spaces of HPO-B are not the same space.
    let mut spec = SpaceSpec { name: format!("hpob {id}"), parameters, ..SpaceSpec::default() };
    spec.parameters.push(ParameterSpec::new("space", ParameterType::Constant { value: id.into() }));
    Ok(Space::compile(spec)?)
}

/// JSON in which Python wrote `NaN`, `Infinity` and `-Infinity`, which JSON does not have: they are passed on as `null`.
struct PlainJson<R> {
    inner: R,
    in_text: bool,
    escaped: bool,
    /// A sign or word that is not yet whole.
    word: Vec<u8>,
    ready: VecDeque<u8>,
}

impl<R: BufRead> PlainJson<R> {
    fn new(inner: R) -> Self {
        Self { inner, in_text: false, escaped: false, word: Vec::new(), ready: VecDeque::new() }
    }

    fn pass(&mut self, byte: u8) {
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            self.ready.push_back(byte);
        } else if byte == b'-' || byte.is_ascii_alphabetic() {
            self.word.push(byte);
        } else {
            self.end_word();
            self.in_text = byte == b'"';
            self.ready.push_back(byte);
        }
    }

    fn end_word(&mut self) {
        if matches!(self.word.as_slice(), b"NaN" | b"Infinity" | b"-Infinity") {
            self.word.clear();
            self.ready.extend(b"null");
        }
        self.ready.extend(self.word.drain(..));
    }
}

impl<R: BufRead> Read for PlainJson<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            let bytes = self.inner.fill_buf()?.to_vec();
            if bytes.is_empty() {
                self.end_word();
                break;
            }
            bytes.iter().for_each(|&byte| self.pass(byte));
            self.inner.consume(bytes.len());
        }
        self.ready.read(out)
    }
}

type Keep<'a> = &'a mut dyn FnMut(&str, &str, DataSet) -> Result<(), String>;

struct Spaces<'a> {
    keep: Keep<'a>,
}

impl<'de> DeserializeSeed<'de> for Spaces<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Spaces<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from search spaces to data sets")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(space) = map.next_key::<String>()? {
            map.next_value_seed(DataSets { space: &space, keep: self.keep })?;
        }
        Ok(())
    }
}

struct DataSets<'a> {
    space: &'a str,
    keep: Keep<'a>,
}

impl<'de> DeserializeSeed<'de> for DataSets<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DataSets<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from data sets to `X` and `y`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((data_set, rows)) = map.next_entry::<String, DataSet>()? {
            (self.keep)(self.space, &data_set, rows).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
