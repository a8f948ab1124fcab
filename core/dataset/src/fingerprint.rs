//! A data set's identity: a hash of what it says, not of the file it was read from.

use sha2::{Digest, Sha256};

use crate::{Dataset, FeatureKind, Target};

impl Dataset {
    /// SHA-256 (64 hexadecimal digits) over features and target, in order, with names, kinds and symbols.
    ///
    /// The same table read from CSV and from Parquet has the same fingerprint as long as its numbers are equal
    /// as `f64` (a single-precision column written out in few digits is not). Row order and column order count;
    /// the data set's own name does not.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new_with_prefix("heirloom dataset 1\n");
        number(&mut hash, self.n_rows());
        number(&mut hash, self.n_features());
        for feature in 0..self.n_features() {
            text(&mut hash, &self.feature_name(feature));
            match self.kind(feature) {
                FeatureKind::Numeric => hash.update(b"n"),
                FeatureKind::Categorical { symbols } => {
                    hash.update(b"c");
                    texts(&mut hash, symbols);
                }
            }
            numbers(&mut hash, &self.column(feature));
        }
        match self.target() {
            Target::Classes { codes, names } => {
                hash.update(b"C");
                texts(&mut hash, names);
                codes.iter().for_each(|code| hash.update(code.to_le_bytes()));
            }
            Target::Regression(values) => {
                hash.update(b"R");
                numbers(&mut hash, values);
            }
            Target::PixelClasses { codes, names, size } => {
                hash.update(b"P");
                size.iter().for_each(|&side| number(&mut hash, side));
                texts(&mut hash, names);
                hash.update(codes);
            }
            Target::PixelValues { values, shape } => {
                hash.update(b"V");
                shape.iter().for_each(|&size| number(&mut hash, size));
                numbers(&mut hash, values);
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn number(hash: &mut Sha256, value: usize) {
    hash.update((value as u64).to_le_bytes());
}

fn text(hash: &mut Sha256, value: &str) {
    number(hash, value.len());
    hash.update(value);
}

fn texts(hash: &mut Sha256, values: &[String]) {
    number(hash, values.len());
    values.iter().for_each(|value| text(hash, value));
}

/// Every NaN is one NaN, and both zeros are one zero.
fn numbers(hash: &mut Sha256, values: &[f64]) {
    let canonical = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
    let bytes: Vec<u8> = values.iter().flat_map(|&value| canonical(value).to_bits().to_le_bytes()).collect();
    hash.update(&bytes);
}
