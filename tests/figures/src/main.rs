//! Measures Heirloom's figures from the product itself: `cargo xtask figures [PREFIX] [--json]`.
//!
//! Each module measures the figures whose ids begin with its name and returns one [`Row`] a figure. Peers are
//! measured in the same call, so that ratios compare like with like.

mod row;

use row::Row;

fn main() {
    let _ = Row::from_samples("none", "", &[0.0]);
}
