//! Spaces against the records of the benchmarks they describe.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::collections::{HashMap, HashSet};

use heirloom_dataset::{Table, shared_data};
use heirloom_model::{Space, SpaceSpec, Value};

fn space(name: &str) -> Space {
    Space::compile(SpaceSpec::preset(name).unwrap()).unwrap()
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    let text = table.column(column).unwrap().as_text().unwrap();
    (0..table.n_rows()).map(|row| text.get(row).to_owned()).collect()
}

#[test]
fn every_string_of_nas_bench_201_means_the_operations_recorded_beside_it() {
    let Some(folder) = shared_data("nasbench201") else { return };
    let table = Table::read(folder.join("archs.parquet")).unwrap();
    let space = space("nas-bench-201");
    let columns: Vec<Vec<f64>> = space
        .parameters()
        .iter()
        .map(|parameter| table.column(&parameter.name).unwrap().to_f64().unwrap())
        .collect();
    let mut seen = HashSet::new();
    for (row, text) in texts(&table, "arch_str").iter().enumerate() {
        let cell = space.parse_architecture(text).unwrap().unwrap();
        let recorded: Vec<f64> = columns.iter().map(|column| column[row]).collect();
        assert_eq!(cell.values(), recorded, "{text}");
        assert_eq!(&space.format_architecture(&cell).unwrap().unwrap(), text);
        seen.insert(cell);
    }
    assert_eq!(seen.len(), 15_625);
}

#[test]
fn networks_of_nas_bench_macro_with_one_key_have_one_record() {
    let Some(folder) = shared_data("nas-bench-macro") else { return };
    let table = Table::read(folder.join("results.parquet")).unwrap();
    let accuracy = table.column("test_acc_mean").unwrap().to_f64().unwrap();
    let space = space("nas-bench-macro");
    let mut records = HashMap::new();
    for (text, accuracy) in texts(&table, "arch").iter().zip(accuracy) {
        let network = space.parse_architecture(text).unwrap().unwrap();
        let key = space.architecture_key(&network).unwrap().unwrap();
        assert_eq!(*records.entry(key).or_insert(accuracy), accuracy, "{text}");
    }
    assert_eq!(records.len(), 3_969);
}

#[test]
fn cells_that_nas_bench_graph_lists_have_keys_of_their_own_and_every_other_cell_has_one_of_theirs() {
    let Some(folder) = shared_data("nas-bench-graph") else { return };
    let table = Table::read(folder.join("archs.parquet")).unwrap();
    let space = space("nas-bench-graph");
    let names = ["links", "op_1", "op_2", "op_3", "op_4"];
    let columns = names.map(|name| texts(&table, name));
    let hashes = table.column("arch_hash").unwrap().to_f64().unwrap();
    let mut keys = HashSet::new();
    for row in 0..table.n_rows() {
        let value = |column: &Vec<String>| Value::Text(column[row].clone());
        let named = names.map(String::from).into_iter().zip(columns.iter().map(value)).collect();
        let cell = space.from_named(&named).unwrap();
        assert_eq!(space.format_architecture(&cell).unwrap().unwrap(), hashes[row].to_string());
        assert!(keys.insert(space.architecture_key(&cell).unwrap().unwrap()), "{named:?}");
    }
    assert_eq!(keys.len(), 26_206);
    let mut n_without = 0;
    for number in 0..90_000 {
        if let Ok(cell) = space.parse_architecture(&number.to_string()).unwrap() {
            n_without += usize::from(!keys.contains(&space.architecture_key(&cell).unwrap().unwrap()));
        }
    }
    // Nine cells pass their input on whatever their shape; the benchmark leaves them out.
    assert_eq!(n_without, 9);
}
