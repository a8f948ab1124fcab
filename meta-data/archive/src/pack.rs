//! Numbers as bytes: the blobs of an archive.
//!
//! A short list of numbers is little-endian f64 as it is. Curves and recorded evaluations are columns: a header of
//! counts, then one column after the other, compressed by zstd with its checksum, so that a torn blob is noticed.

use std::collections::BTreeMap;

use heirloom_model::CurvePoint;
use zstd::bulk::Compressor;

use crate::{ArchiveError, Evaluations, Result};

/// zstd's fastest ordinary level: on columns of numbers higher ones gain a few percent for twice the time.
const LEVEL: i32 = 1;

/// The most bytes one blob may unpack to; guards against a damaged header.
const MAX_BYTES: usize = 1 << 30;

/// Little-endian bytes of `values`.
pub(crate) fn numbers(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The inverse of [`numbers`]; `None` where the length is no multiple of eight.
pub(crate) fn parse_numbers(bytes: &[u8]) -> Option<Vec<f64>> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect())
}

/// A learning curve as columns: steps, seconds, then each objective.
pub(crate) fn curve(points: &[CurvePoint]) -> Result<Vec<u8>> {
    let n_objectives = points.first().map_or(0, |point| point.objectives.len());
    let mut bytes = Writer::default();
    bytes.count(points.len());
    bytes.count(n_objectives);
    bytes.column(points.iter().map(|point| point.step));
    bytes.column(points.iter().map(|point| point.cost_seconds));
    for objective in 0..n_objectives {
        let column = points.iter().map(|point| point.objectives.get(objective).copied().unwrap_or(f64::NAN));
        bytes.column(column);
    }
    bytes.compress()
}

/// The inverse of [`curve`].
pub(crate) fn parse_curve(bytes: &[u8]) -> Result<Vec<CurvePoint>> {
    let bytes = decompress(bytes)?;
    let mut reader = Reader(&bytes);
    let n = reader.count()?;
    let n_objectives = reader.count()?;
    let steps = reader.column(n)?;
    let costs = reader.column(n)?;
    let objectives = (0..n_objectives).map(|_| reader.column(n)).collect::<Result<Vec<_>>>()?;
    reader.end()?;
    let point = |i: usize| CurvePoint {
        step: steps[i],
        objectives: objectives.iter().map(|column| column[i]).collect(),
        cost_seconds: costs[i],
    };
    Ok((0..n).map(point).collect())
}

/// A batch of evaluations as columns.
pub(crate) fn evaluations(batch: &Evaluations) -> Result<Vec<u8>> {
    let n = batch.len();
    let mut bytes = Writer::default();
    bytes.count(n);
    for table in [&batch.configurations, &batch.fidelities, &batch.objectives] {
        if n == 0 || table.len() % n != 0 {
            return Err(ragged());
        }
        let width = table.len() / n;
        bytes.count(width);
        for column in 0..width {
            bytes.column(table.iter().skip(column).step_by(width).copied());
        }
    }
    bytes.column(batch.cost_seconds.iter().copied());
    if batch.failures.len() != n || batch.metrics.values().any(|column| column.len() != n) {
        return Err(ragged());
    }
    bytes.0.extend_from_slice(&batch.failures);
    bytes.count(batch.metrics.len());
    for (name, column) in &batch.metrics {
        bytes.count(name.len());
        bytes.0.extend_from_slice(name.as_bytes());
        bytes.column(column.iter().copied());
    }
    bytes.compress()
}

/// The inverse of [`evaluations`].
pub(crate) fn parse_evaluations(bytes: &[u8]) -> Result<Evaluations> {
    let bytes = decompress(bytes)?;
    let mut reader = Reader(&bytes);
    let n = reader.count()?;
    let configurations = reader.table(n)?;
    let fidelities = reader.table(n)?;
    let objectives = reader.table(n)?;
    let cost_seconds = reader.column(n)?;
    let failures = reader.take(n)?.to_vec();
    let mut metrics = BTreeMap::new();
    for _ in 0..reader.count()? {
        let length = reader.count()?;
        let name = String::from_utf8(reader.take(length)?.to_vec()).map_err(|_| torn())?;
        metrics.insert(name, reader.column(n)?);
    }
    reader.end()?;
    Ok(Evaluations { configurations, fidelities, objectives, cost_seconds, failures, metrics })
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(count as u32).to_le_bytes());
    }

    fn column(&mut self, values: impl Iterator<Item = f64>) {
        self.0.extend(values.flat_map(f64::to_le_bytes));
    }

    fn compress(self) -> Result<Vec<u8>> {
        let io =
            |error: std::io::Error| ArchiveError::Database { problem: format!("cannot compress: {error}") };
        let mut compressor = Compressor::new(LEVEL).map_err(io)?;
        compressor.include_checksum(true).map_err(io)?;
        compressor.compress(&self.0).map_err(io)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or_else(torn)?;
        self.0 = rest;
        Ok(taken)
    }

    fn count(&mut self) -> Result<usize> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().map_err(|_| torn())?) as usize)
    }

    fn column(&mut self, n: usize) -> Result<Vec<f64>> {
        parse_numbers(self.take(n.checked_mul(8).ok_or_else(torn)?)?).ok_or_else(torn)
    }

    /// A table of `n` rows, written column by column, row by row.
    fn table(&mut self, n: usize) -> Result<Vec<f64>> {
        let width = self.count()?;
        let columns = (0..width).map(|_| self.column(n)).collect::<Result<Vec<_>>>()?;
        let mut table = Vec::with_capacity(n * width);
        for row in 0..n {
            table.extend(columns.iter().map(|column| column[row]));
        }
        Ok(table)
    }

    fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(torn()) }
    }
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>> {
    let size = zstd::bulk::Decompressor::upper_bound(bytes).ok_or_else(torn)?;
    if size > MAX_BYTES {
        return Err(torn());
    }
    zstd::bulk::decompress(bytes, size).map_err(|_| torn())
}

fn torn() -> ArchiveError {
    ArchiveError::damaged("a packed column", "its bytes cannot be read")
}

fn ragged() -> ArchiveError {
    ArchiveError::damaged("a batch of evaluations", "its columns differ in length, or it is empty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_comes_back_as_it_was_and_a_torn_one_is_noticed() {
        let point =
            |step: f64| CurvePoint { step, objectives: vec![1.0 / step, -step], cost_seconds: step * 0.1 };
        let points: Vec<_> = (1..60).map(|step| point(f64::from(step))).collect();
        let packed = curve(&points).unwrap();
        assert_eq!(parse_curve(&packed).unwrap(), points);
        assert_eq!(parse_curve(&curve(&[]).unwrap()).unwrap(), Vec::new());
        assert!(parse_curve(&packed[..packed.len() - 3]).is_err());
        let mut flipped = packed.clone();
        flipped[packed.len() / 2] ^= 0x10;
        assert!(parse_curve(&flipped).is_err(), "the checksum must notice one flipped bit");
    }

    #[test]
    fn evaluations_come_back_as_they_were() {
        let batch = Evaluations {
            configurations: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            fidelities: vec![12.0, 200.0, 200.0],
            objectives: vec![-0.5, -0.25, -0.125],
            cost_seconds: vec![1.0, 2.0, 3.0],
            failures: vec![0, 2, 0],
            metrics: BTreeMap::from([("test_acc".into(), vec![0.5, 0.25, 0.75])]),
        };
        assert_eq!(parse_evaluations(&evaluations(&batch).unwrap()).unwrap(), batch);
        let ragged = Evaluations { failures: vec![0], ..batch };
        assert!(evaluations(&ragged).is_err());
    }
}
