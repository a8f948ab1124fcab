//! The scores rank configurations as they should, not merely somehow.

mod common;

use std::collections::BTreeMap;

use common::problem;
use heirloom_plugin::{Context, Seed, Value};

use {{crate}}::{Options, make};

fn score(layers: i64, width: i64) -> f64 {
    let problem = problem();
    let named = BTreeMap::from([
        ("layers".to_owned(), Value::Int(layers)),
        ("width".to_owned(), Value::Int(width)),
    ]);
    let configuration = problem
        .space
        .from_named(&named)
        .expect("it is of the space");
    let proxy = make(Options::default(), &problem, &Context::detached()).expect("it is made");
    let mut scores = [0.0];
    proxy
        .score(&[configuration], Seed::from_number(0), &mut scores)
        .expect("it is scored");
    scores[0]
}

#[test]
fn weights_are_counted() {
    // 64 inputs and a bias to 16 units, those and a bias to 10 classes.
    assert_eq!(score(1, 16), 65.0 * 16.0 + 17.0 * 10.0);
    assert_eq!(score(2, 16) - score(1, 16), 17.0 * 16.0);
}

#[test]
fn larger_networks_stand_higher() {
    let ascending = [
        score(1, 16),
        score(4, 16),
        score(1, 64),
        score(2, 64),
        score(4, 128),
    ];
    assert!(ascending.is_sorted(), "{ascending:?}");
}
