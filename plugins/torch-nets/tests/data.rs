//! Data sets as tensors: what stands where, and that nothing of the held-out rows gets into the preparation.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

use heirloom_dataset::{Column, Dataset, DatasetOptions, Table, Values};
use heirloom_network::preparation::{ColumnValues, InputPreparation, TargetPreparation};
use heirloom_torch_nets::{Data, DataOptions};
use tch::{Device, Kind, Tensor};

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// 200 rows: a number, a number that is missing in every fifth row, a colour, and one of two classes, the second of
/// which every tenth row has.
fn dataset() -> Dataset {
    let n = 200;
    let x = Column::new("x", Values::Float((0..n).map(|row| f64::from(row) * 0.5 - 20.0).collect()));
    let missing = (0..n).map(|row| row % 5 != 0).collect();
    let gaps = Column::with_nulls("gaps", Values::Float((0..n).map(f64::from).collect()), missing).unwrap();
    let colour = (0..n).map(|row| ["red", "green", "blue"][row as usize % 3]);
    let colour = Column::new("colour", Values::Text(colour.collect()));
    let class =
        Column::new("class", Values::Text((0..n).map(|row| if row % 10 == 0 { "b" } else { "a" }).collect()));
    let table = Table::new(vec![x, gaps, colour, class]).unwrap();
    Dataset::from_table("table", &table, &DatasetOptions::default()).unwrap()
}

#[test]
fn columns_are_standardised_on_the_training_rows_and_symbols_get_a_column_each() {
    let data = Data::new(&dataset(), &DataOptions::default(), Device::Cpu).unwrap();
    assert_eq!((data.train().len(), data.valid().len(), data.test().len()), (120, 40, 40));
    // One column for x, two for gaps, four for colours.
    assert_eq!(data.input_shape().0, [7]);
    let (train, target) = data.rows(data.train(), 0, 120).unwrap();
    let column = |index: i64| numbers(&train.select(1, index));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let x = column(0);
    assert!(mean(&x).abs() < 1e-6, "{}", mean(&x));
    assert!((mean(&x.iter().map(|x| x * x).collect::<Vec<_>>()) - 1.0).abs() < 1e-5);
    let InputPreparation::Table { columns } = &data.preparation().input else { panic!("it is a table") };
    let ColumnValues::Numeric { mean: x_mean, std: x_std, indicates_missing: false, .. } = columns[0].values
    else {
        panic!("{:?}", columns[0]);
    };
    assert!((x_mean - 29.75).abs() < 3.0 && (x_std - 28.9).abs() < 3.0, "{x_mean} {x_std}");
    for (gap, is_missing) in column(1).into_iter().zip(column(2)) {
        assert!(is_missing == 0.0 || (is_missing == 1.0 && gap.abs() < 1e-6));
    }
    assert!((mean(&column(2)) - 0.2).abs() < 0.08);
    for row in 0..120 {
        let one_hot = numbers(&train.get(row).narrow(0, 3, 4));
        assert_eq!(one_hot.iter().sum::<f64>(), 1.0);
        assert_eq!(one_hot[3], 0.0, "no colour is unknown in training");
    }
    assert_eq!(data.class_counts(), [108, 12]);
    assert_eq!(numbers(&target).iter().sum::<f64>(), 12.0);
    assert!(matches!(&data.preparation().target, TargetPreparation::Classes { names } if names.len() == 2));
}

#[test]
fn every_beginning_of_the_training_rows_has_each_class_in_its_share() {
    let data = Data::new(&dataset(), &DataOptions::default(), Device::Cpu).unwrap();
    let classes = numbers(data.train().target());
    for n in 1..=classes.len() {
        let rare: f64 = classes[..n].iter().sum();
        assert!((rare - n as f64 * 0.1).abs() <= 1.0, "{rare} of the first {n}");
    }
}

#[test]
fn the_split_follows_from_the_data_and_the_seed_alone() {
    let rows = |seed: u64| {
        let options = DataOptions { split_seed: seed, ..DataOptions::default() };
        let data = Data::new(&dataset(), &options, Device::Cpu).unwrap();
        numbers(&data.rows(data.test(), 0, 40).unwrap().0)
    };
    assert_eq!(rows(0), rows(0));
    assert_ne!(rows(0), rows(1));
}
