use crate::*;

fn table(columns: Vec<(&str, Values)>) -> Table {
    Table::new(columns.into_iter().map(|(name, values)| Column::new(name, values)).collect()).unwrap()
}

fn with_target(target: &str) -> DatasetOptions {
    DatasetOptions { target: Some(target.to_owned()), ..Default::default() }
}

fn classes(n_rows: usize, class: impl Fn(usize) -> i64) -> Dataset {
    let x = Values::Float((0..n_rows).map(|row| row as f64).collect());
    let y = Values::Int((0..n_rows).map(class).collect());
    Dataset::from_table("t", &table(vec![("x", x), ("y", y)]), &with_target("y")).unwrap()
}

#[test]
fn categories_and_classes_are_coded_in_sorted_order() {
    let color = Column::with_nulls(
        "c",
        Values::Text(["z", "a", "", "z"].iter().collect()),
        vec![true, true, false, true],
    );
    let table = Table::new(vec![
        color.unwrap(),
        Column::new("n", Values::Float(vec![10.0, -2.0, f64::NAN, 9.5])),
        Column::new("y", Values::Int(vec![10, 9, 10, 9])),
    ]);
    let options = DatasetOptions { categorical: vec!["n".into()], ..Default::default() };
    let data = Dataset::from_table("t", &table.unwrap(), &options).unwrap();
    assert_eq!(data.kind(0), FeatureKind::Categorical { symbols: &["a".to_owned(), "z".to_owned()] });
    assert_eq!(data.kind(1), FeatureKind::Categorical { symbols: &["-2", "9.5", "10"].map(str::to_owned) });
    assert_eq!(data.column(0)[..2], [1.0, 0.0]);
    assert!(data.column(0)[2].is_nan() && data.column(1)[2].is_nan());
    assert_eq!(data.column(1)[0], 2.0);
    assert_eq!(
        data.target(),
        &Target::Classes { codes: vec![1, 0, 1, 0], names: vec!["9".into(), "10".into()] }
    );
}

#[test]
fn the_kind_of_target_is_told_from_type_and_distinct_values() {
    let is_classes = |values: Values, kind| {
        let options = DatasetOptions { kind, ..with_target("y") };
        let data = Dataset::from_table("t", &table(vec![("y", values)]), &options).unwrap();
        matches!(data.target(), Target::Classes { .. })
    };
    assert!(is_classes(Values::Int(vec![7]), TargetKind::Auto));
    assert!(is_classes(Values::Bool(vec![true, false]), TargetKind::Auto));
    assert!(is_classes(Values::Int((0..40).map(|i| i % 20).collect()), TargetKind::Auto));
    assert!(!is_classes(Values::Int((0..40).collect()), TargetKind::Auto));
    assert!(!is_classes(Values::Float(vec![0.0, 1.0]), TargetKind::Auto));
    assert!(is_classes(Values::Float(vec![0.0, 1.0]), TargetKind::Classification));
    assert!(!is_classes(Values::Int(vec![0, 1]), TargetKind::Regression));
}

#[test]
fn a_missing_target_unknown_column_or_empty_table_is_an_error() {
    let holed = Column::with_nulls("y", Values::Int(vec![1, 0]), vec![true, false]).unwrap();
    let error = Dataset::from_table("t", &Table::new(vec![holed]).unwrap(), &with_target("y")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `y` has the value `null` at row `1` (counted from 0); hint: drop the rows without a target"
    );
    let one = table(vec![("y", Values::Int(vec![1]))]);
    assert!(matches!(Dataset::from_table("t", &one, &with_target("z")), Err(Error::NoColumn { .. })));
    let none = table(vec![("y", Values::Int(vec![]))]);
    assert!(matches!(Dataset::from_table("t", &none, &with_target("y")), Err(Error::Empty { .. })));
}

#[test]
fn row_labels_of_pandas_are_no_features_and_no_target_unless_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let labelled = table(vec![
        ("x", Values::Float(vec![0.5, 1.5, 2.5, 3.5])),
        ("y", Values::Int(vec![0, 1, 0, 1])),
        ("__index_level_0__", Values::Int(vec![7, 3, 5, 1])),
        ("__index_level_1__", Values::Text(["a", "b", "c", "d"].iter().collect())),
    ]);
    labelled.write_parquet(path("t.parquet")).unwrap();
    labelled.write_csv(path("t.csv")).unwrap();
    std::fs::write(path("unnamed.csv"), ",x,y\n7,0.5,0\n3,1.5,1\n5,2.5,0\n1,3.5,1\n").unwrap();
    for name in ["t.parquet", "t.csv", "unnamed.csv"] {
        for options in [DatasetOptions::default(), with_target("y")] {
            let data = Dataset::open(path(name), &options).unwrap();
            assert_eq!((data.n_features(), &*data.feature_name(0)), (1, "x"), "{name}");
            let classes = Target::Classes { codes: vec![0, 1, 0, 1], names: vec!["0".into(), "1".into()] };
            assert_eq!(data.target(), &classes, "{name}");
        }
    }
    for name in ["t.parquet", "t.csv"] {
        let data = Dataset::open(path(name), &with_target("__index_level_0__")).unwrap();
        assert_eq!(data.n_features(), 2, "{name}");
        let categorical = vec!["__index_level_0__".into()];
        let named = DatasetOptions { categorical, ..with_target("y") };
        let data = Dataset::open(path(name), &named).unwrap();
        assert_eq!((data.n_features(), &*data.feature_name(1)), (2, "__index_level_0__"), "{name}");
        let ignore = vec!["y".into(), "__index_level_0__".into()];
        let last_ignored = DatasetOptions { ignore, ..Default::default() };
        let data = Dataset::open(path(name), &last_ignored).unwrap();
        assert!(matches!(data.target(), Target::Regression(values) if values[0] == 0.5), "{name}");
    }
}

#[test]
fn a_split_is_stratified_complete_and_decided_by_its_seed() {
    let data = classes(1000, |row| i64::from(row % 10 == 0));
    let split = data.split(0.2, 0.1, [1; 32]).unwrap();
    assert_eq!((split.train.len(), split.valid.len(), split.test.len()), (700, 200, 100));
    let rare = |rows: &[usize]| rows.iter().filter(|&&row| row % 10 == 0).count();
    assert_eq!((rare(&split.train), rare(&split.valid), rare(&split.test)), (70, 20, 10));
    let mut all = [split.train.clone(), split.valid.clone(), split.test.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
    assert_eq!(data.split(0.2, 0.1, [1; 32]).unwrap(), split);
    assert_ne!(data.split(0.2, 0.1, [2; 32]).unwrap(), split);
}

#[test]
fn every_split_of_few_rows_and_classes_keeps_rows_to_train_on() {
    for n_rows in 1..30 {
        for n_classes in 1..4 {
            let data = classes(n_rows, |row| row as i64 % n_classes);
            let split = data.split(0.5, 0.49, [3; 32]).unwrap();
            assert!(!split.train.is_empty());
            assert_eq!(split.train.len() + split.valid.len() + split.test.len(), n_rows);
        }
    }
    assert!(matches!(classes(9, |_| 0).split(0.5, 0.5, [0; 32]), Err(Error::BadFractions { .. })));
}

#[test]
fn folds_are_even_over_all_and_over_each_class() {
    let codes: Vec<u32> = (0..103).map(|row| u32::from(row % 5 == 0)).collect();
    let folds = stratified_folds(&codes, 2, 10, [9; 32]);
    for class in [0, 1] {
        let count = |fold| (0..103).filter(|&row| folds[row] == fold && codes[row] == class).count();
        let (least, most) = ((0..10).map(count).min().unwrap(), (0..10).map(count).max().unwrap());
        assert!(most - least <= 1, "class {class}: {least}..{most}");
    }
}

#[test]
fn the_fingerprint_follows_content_and_not_the_file_format() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(vec![
        ("a", Values::Float(vec![0.1, f64::NAN, -0.0])),
        ("b", Values::Text(["u", "v", "u"].iter().collect())),
        ("y", Values::Int(vec![0, 1, 0])),
    ]);
    table.write_csv(folder.path().join("t.csv")).unwrap();
    table.write_parquet(folder.path().join("t.parquet")).unwrap();
    std::fs::write(folder.path().join("swapped.csv"), "a,b,y\n,v,1\n0.1,u,0\n-0.0,u,0\n").unwrap();
    let open = |name: &str| Dataset::open(folder.path().join(name), &with_target("y")).unwrap();
    let fingerprint = open("t.csv").fingerprint();
    assert_eq!(fingerprint.len(), 64);
    assert_eq!(fingerprint, open("t.parquet").fingerprint());
    assert_ne!(fingerprint, open("swapped.csv").fingerprint());
    assert_ne!(
        fingerprint,
        Dataset::open(folder.path().join("t.csv"), &with_target("b")).unwrap().fingerprint()
    );
}

#[test]
fn images_keep_their_bytes_and_serve_as_columns() {
    let x =
        Array { name: "X".into(), shape: vec![2, 1, 3], values: ArrayValues::U8(vec![0, 1, 2, 3, 4, 255]) };
    let y = Array { name: "y".into(), shape: vec![2], values: ArrayValues::Int(vec![1, 0]) };
    let data = Dataset::from_arrays("i", x.clone(), y.clone(), TargetKind::Auto).unwrap();
    assert_eq!((data.n_rows(), data.n_features()), (2, 3));
    assert_eq!(data.pixels().unwrap().shape, [1, 3]);
    assert_eq!(data.column(2)[..], [2.0, 255.0]);
    assert_eq!(data.pixels().unwrap().values, &Intensities::Bytes(vec![0, 1, 2, 3, 4, 255]));
    let short = Array { shape: vec![1, 2, 3], ..x };
    assert!(matches!(
        Dataset::from_arrays("i", short, y, TargetKind::Auto),
        Err(Error::ShapeMismatch { .. })
    ));
}

/// An IDX file of bytes.
fn idx(shape: &[u8], values: &[u8]) -> Vec<u8> {
    let sizes = shape.iter().flat_map(|&size| u32::from(size).to_be_bytes());
    [0, 0, 8, shape.len() as u8].into_iter().chain(sizes).chain(values.iter().copied()).collect()
}

#[test]
fn images_without_labels_are_refused_with_the_name_of_the_file_looked_for() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.path().join(name), bytes).unwrap();
    let open =
        |options: &DatasetOptions| Dataset::open(folder.path().join("train-images-idx3-ubyte"), options);
    write("train-images-idx3-ubyte", idx(&[2, 2, 2], &[1, 2, 3, 4, 5, 6, 7, 8]));
    let message = open(&DatasetOptions::default()).unwrap_err().to_string();
    let looked_for = "there is no `train-labels-idx1-ubyte` or `train-labels-idx1-ubyte.gz` beside it";
    assert!(message.contains(looked_for), "{message}");
    assert_eq!(open(&with_target("x3")).unwrap().n_features(), 3, "a pixel that is asked for by name");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&idx(&[2], &[1, 0])).unwrap();
    write("train-labels-idx1-ubyte.gz", gz.finish().unwrap());
    let data = open(&with_target("y")).unwrap();
    assert_eq!((data.n_rows(), data.pixels().unwrap().shape), (2, &[2, 2][..]));
    let ignoring = DatasetOptions { ignore: vec!["x0".into()], ..Default::default() };
    let message = open(&ignoring).unwrap_err().to_string();
    assert!(message.contains("`ignore` names columns, and rows that are images have none"), "{message}");
}

#[test]
fn fashion_mnist_is_read_with_its_labels() {
    let Some(folder) = shared_data("fashion-mnist-small") else { return };
    let data = Dataset::open(folder.join("train-images-idx3-ubyte.gz"), &DatasetOptions::default()).unwrap();
    assert_eq!((data.n_rows(), data.pixels().unwrap().shape), (12_000, &[28, 28][..]));
    let Target::Classes { codes, names } = data.target() else { panic!("not classes") };
    let counts: Vec<usize> =
        (0..10).map(|class| codes.iter().filter(|&&code| code == class).count()).collect();
    assert_eq!((names.len(), counts.iter().min(), counts.iter().max()), (10, Some(&1122), Some(&1244)));
}

#[test]
fn omniglot_is_read_from_npz() {
    let Some(folder) = shared_data("omniglot") else { return };
    let arrays = read_npz(folder.join("omniglot28.npz")).unwrap();
    let shapes: Vec<&[usize]> = arrays.iter().map(|array| array.shape.as_slice()).collect();
    assert_eq!(shapes, [&[1623, 20, 28, 28][..], &[1623], &[1]]);
}
