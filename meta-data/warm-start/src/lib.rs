#![doc = include_str!("../README.md")]

mod error;
pub use error::Error;

mod knowledge;
pub use knowledge::{Knowledge, MetaFeatures, Mode, Options, PastTask};

mod transfer;
pub use transfer::Transfer;

mod proxies;
pub use proxies::{PastAgreement, ProxyBelief, ScoredRun, believe};

mod near;
mod weights;

mod landscape;

mod portfolio;

mod guard;

mod forest;

mod rank;

pub mod student;

#[cfg(test)]
mod tests;
