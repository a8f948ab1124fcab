#![doc = include_str!("../README.md")]

mod table;
pub use table::{Entry, Evaluation, RecordedTable, Task};

mod check;
mod configurations;
mod descriptor;
mod measured;

mod error;
pub use error::{Error, Place, Result};
