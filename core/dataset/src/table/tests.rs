use std::io::Write;
use std::path::PathBuf;

use crate::*;

fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn csv(content: &str) -> Table {
    let (_folder, path) = file("t.csv", content.as_bytes());
    Table::read(path).unwrap()
}

/// The message of the error, with the folder taken out.
fn message(name: &str, content: &[u8]) -> String {
    let (folder, path) = file(name, content);
    let prefix = format!("{}/", folder.path().display());
    Table::read(path).unwrap_err().to_string().replace(&prefix, "")
}

fn sample() -> Table {
    let nulls = |values, valid: [bool; 3]| Column::with_nulls("b", values, valid.to_vec()).unwrap();
    Table::new(vec![
        Column::new("i", Values::Int(vec![1, i64::MIN, i64::MAX])),
        Column::new("f", Values::Float(vec![0.1, -1e300, 3.0])),
        Column::new("t", Values::Text(["a,\"b\"", "ü\nx", "a"].iter().collect())),
        nulls(Values::Bool(vec![true, false, false]), [true, true, false]),
    ])
    .unwrap()
}

#[test]
fn csv_types_are_inferred_by_column_and_missing_values_are_nulls() {
    let table = csv("i,f,b,t,id,none\n1,1,true,x,007,\n?,2.5e3,False,NA,12,\n-3,nan,,y z,13,?\n");
    let types: Vec<ColumnType> = table.columns().iter().map(Column::column_type).collect();
    use ColumnType::{Bool, Float, Int, Text};
    assert_eq!(types, [Int, Float, Bool, Text, Text, Float]);
    let nulls: Vec<usize> = table.columns().iter().map(Column::n_nulls).collect();
    assert_eq!(nulls, [1, 1, 1, 1, 0, 3]);
    assert_eq!(table.column("i").unwrap().get(2), Value::Int(-3));
    assert_eq!(table.column("f").unwrap().get(1), Value::Float(2500.0));
    assert_eq!(table.column("id").unwrap().get(0), Value::Text("007"));
}

#[test]
fn the_usual_spellings_of_a_missing_value_leave_a_column_one_of_numbers() {
    let words =
        ["NULL", "null", "N/A", "n/a", "#N/A", "<NA>", "-nan", "None", "-", "1.#QNAN", "-1.#IND", "NaN", "?"];
    for word in words {
        let table = csv(&format!("i,f,b,t,w\n1,1.5,true,x,{word}\n{word},{word},{word},{word},y\n"));
        let types: Vec<ColumnType> = table.columns().iter().map(Column::column_type).collect();
        assert_eq!(types[..3], [ColumnType::Int, ColumnType::Float, ColumnType::Bool], "{word}");
        let is_word = ["None", "-"].contains(&word);
        let nulls: Vec<bool> = table.columns().iter().map(|column| column.n_nulls() == 1).collect();
        assert_eq!(nulls, [true, true, true, !is_word, !is_word], "{word}");
    }
    // A category is one where nothing else is there either.
    assert_eq!(csv("a,b\nnone,1\nNone,2\n").column("a").unwrap().get(0), Value::Text("none"));
    let (_folder, path) = file("t.csv", b"a,b\nNA,NA\n1,1\n,\n");
    let table = Table::read_columns_with(path, &["a", "b"], &[("a", "NA")]).unwrap();
    let column = |name| (0..3).map(|row| table.column(name).unwrap().get(row)).collect::<Vec<_>>();
    assert_eq!(column("a"), [Value::Text("NA"), Value::Text("1"), Value::Null]);
    assert_eq!(column("b"), [Value::Null, Value::Int(1), Value::Null]);
}

#[test]
fn a_target_of_numbers_but_for_a_few_is_refused_unless_it_is_one_of_classes() {
    let rows: String = (0..30).map(|row| format!("{row},\"{row}.5\n\"\n")).collect();
    let (_folder, path) = file("t.csv", format!("x,y\n{rows}30,oops\n31,1\n32,-\n").as_bytes());
    let open = |kind| Dataset::open(&path, &DatasetOptions { kind, ..Default::default() });
    for kind in [TargetKind::Auto, TargetKind::Regression] {
        let message = open(kind).unwrap_err().to_string();
        let expected = "t.csv`: column `y` has the value `oops` on line `62`, and is to be the target: of its 32 values \
                        1 are no numbers; hint: ";
        assert!(message.contains(expected), "{message}");
    }
    assert!(matches!(open(TargetKind::Classification).unwrap().target(), Target::Classes { .. }));
    let ids: String = (0..30).map(|row| format!("{row},{row:02}\n")).collect();
    let (_folder, path) = file("t.csv", format!("x,y\n{ids}30,x\n").as_bytes());
    assert!(Dataset::open(&path, &DatasetOptions::default()).is_ok());
}

#[test]
fn whole_numbers_beyond_64_bits_are_read_as_real_ones() {
    assert_eq!(csv("n\n18446744073709551616\n").column("n").unwrap().get(0), Value::Float(2f64.powi(64)));
}

#[test]
fn csv_and_parquet_return_what_was_written() {
    for name in ["t.csv", "t.parquet"] {
        let (_folder, path) = file(name, b"");
        let table = sample();
        if name == "t.csv" {
            table.write_csv(&path).unwrap()
        } else {
            table.write_parquet(&path).unwrap()
        }
        assert_eq!(Table::read(&path).unwrap(), table, "{name}");
        let projected = Table::read_columns(&path, &["t", "i"]).unwrap();
        assert_eq!(projected.columns(), [table.columns()[2].clone(), table.columns()[0].clone()], "{name}");
        assert_eq!(Table::read_names(&path).unwrap(), ["i", "f", "t", "b"], "{name}");
    }
}

#[test]
fn parquet_keeps_nan_apart_from_null_and_tables_without_rows() {
    let (_folder, path) = file("t.parquet", b"");
    let column = Column::with_nulls("f", Values::Float(vec![f64::NAN, 0.0]), vec![true, false]).unwrap();
    Table::new(vec![column]).unwrap().write_parquet(&path).unwrap();
    let table = Table::read(&path).unwrap();
    assert!(matches!(table.columns()[0].get(0), Value::Float(value) if value.is_nan()));
    assert_eq!(table.columns()[0].get(1), Value::Null);
    assert!(table.columns()[0].to_f64().unwrap().iter().all(|value| value.is_nan()));

    Table::new(vec![Column::new("i", Values::Int(vec![]))]).unwrap().write_parquet(&path).unwrap();
    assert_eq!(Table::read(&path).unwrap().n_rows(), 0);
}

#[test]
fn ten_thousand_columns_survive_both_formats() {
    let column = |i: usize| Column::new(format!("c{i}"), Values::Float(vec![i as f64 + 0.5, -1.5]));
    let table = Table::new((0..10_000).map(column).collect()).unwrap();
    for name in ["t.csv", "t.parquet"] {
        let (_folder, path) = file(name, b"");
        if name == "t.csv" {
            table.write_csv(&path).unwrap()
        } else {
            table.write_parquet(&path).unwrap()
        }
        assert_eq!(Table::read(&path).unwrap(), table, "{name}");
    }
}

#[test]
fn gzip_is_taken_off_by_extension() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(b"a\tb\n1\t2\n").unwrap();
    let (_folder, path) = file("t.tsv.gz", &gz.finish().unwrap());
    assert_eq!(Table::read(path).unwrap().column("b").unwrap().get(0), Value::Int(2));
}

#[test]
fn errors_name_file_place_and_remedy() {
    assert_eq!(
        message("t.csv", b"a,b\n1,2\n3\n"),
        "`t.csv` is not a readable CSV file: line `3` has `1` fields where the header has `2`; \
         hint: quote fields that hold the delimiter, and look for a missing or extra one on that line"
    );
    assert_eq!(
        message("t.csv", b"a,b\n1,\xff\n"),
        "`t.csv` is not a readable CSV file: line `2`, column `2` is not UTF-8 text; hint: save the file as UTF-8"
    );
    let quoted = b"a,b\n1,\"x, \"\"y\"\"\n\"\n2,z\"\n3,\"\n4,u\n5,v\n";
    assert_eq!(
        message("t.csv", quoted),
        "`t.csv` is not a readable CSV file: the quote that opens on line `5` is not closed; \
         hint: close it, or write a quote within a field twice and the field in quotes"
    );
    assert_eq!(csv("\u{feff}\"a, \"\"\",b\n1,\"2\"\n").column("b").unwrap().get(0), Value::Int(2));
    assert_eq!(
        message("t.csv", b"a,b\n1,2\n3,"),
        "`t.csv` is not a readable CSV file: the last line, `3`, ends after a delimiter and without a line break; \
         hint: the file seems to be cut off: get all of it, or add the line break if the last value is missing"
    );
    for whole in ["a,b\n1,2\n3,\n", "a,b\n1,2\n3,\"\""] {
        assert_eq!(csv(whole).column("b").unwrap().get(1), Value::Null, "{whole}");
    }
    assert_eq!(
        message("t.csv", b"a,a\n1,2\n"),
        "`t.csv`: column name `a` occurs twice; hint: rename one of the two"
    );
    assert!(
        message("t.xls", b"").starts_with("cannot tell the format of `t.xls` from its extension; hint: ")
    );
    for empty in ["", "\n"] {
        let expected =
            "`t.csv` is not a readable CSV file: it is empty; hint: it needs a line with the columns' names";
        assert!(message("t.csv", empty.as_bytes()).starts_with(expected));
    }
    assert!(message("t.parquet", b"no").starts_with("`t.parquet` is not a readable Parquet file: "));
    assert!(message("t.npz", b"no").starts_with("`t.npz` is not a readable NPZ file: "));
    assert!(
        message("t.idx", b"\0\0\x08\x02\0\0\0\x02\0\0\0\x02abc")
            .contains("shape `[2, 2]` does not hold `3` values")
    );
    let missing = Table::read("no/such.csv").unwrap_err().to_string();
    assert!(missing.starts_with("cannot open `no/such.csv`: "), "{missing}");
    let (_folder, path) = file("t.csv", b"a,b\n1,2\n");
    assert_eq!(
        Table::read_columns(&path, &["b", "c"]).unwrap_err().to_string(),
        format!("`{}`: there is no column `c`; hint: the columns are `a`, `b`", path.display())
    );
    let table = csv("a,b\n1,x\n,y\n");
    assert_eq!(
        table.column("c").unwrap_err().to_string(),
        "there is no column `c`; hint: the columns are `a`, `b`"
    );
    assert_eq!(
        table.column("a").unwrap().as_ints().unwrap_err().to_string(),
        "column `a` has the value `null` at row `1` (counted from 0); hint: this column must have a value in every row"
    );
    assert!(
        table
            .column("b")
            .unwrap()
            .to_f64()
            .unwrap_err()
            .to_string()
            .contains("holds text where a number is needed")
    );
}

#[test]
fn a_truncated_parquet_file_is_an_error_at_every_length() {
    let (_folder, path) = file("t.parquet", b"");
    sample().write_parquet(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(Table::read(&path).is_err(), "of {length} bytes");
    }
}

#[test]
fn a_parquet_file_with_flipped_bits_is_read_or_refused() {
    let (_folder, path) = file("t.parquet", b"");
    sample().write_parquet(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for index in 0..bytes.len() {
        for bit in [0, 7] {
            let mut bytes = bytes.clone();
            bytes[index] ^= 1 << bit;
            std::fs::write(&path, &bytes).unwrap();
            refused += usize::from(Table::read(&path).is_err());
        }
    }
    assert!(refused > bytes.len() / 4);
}

/// `numpy.save` output of one array, its data behind the header.
fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn npz(arrays: &[(&str, Vec<u8>)]) -> (tempfile::TempDir, PathBuf) {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    file("a.npz", zip.finish().unwrap().get_ref())
}

#[test]
fn npz_arrays_come_out_in_c_order_whatever_their_type() {
    let check = |descr: &str, fortran: &str, shape: &str, data: &[u8], expected: ArrayValues| {
        let (_folder, path) = npz(&[("a", npy(descr, fortran, shape, data))]);
        assert_eq!(read_npz(path).unwrap()[0].values, expected, "{descr} {fortran} {shape}");
    };
    check("|u1", "False", "(3,)", &[1, 2, 255], ArrayValues::U8(vec![1, 2, 255]));
    check("|i1", "False", "(2,)", &[1, 255], ArrayValues::Int(vec![1, -1]));
    check("<i2", "False", "(2,)", &[1, 0, 254, 255], ArrayValues::Int(vec![1, -2]));
    check(">i4", "False", "()", &[255, 255, 255, 253], ArrayValues::Int(vec![-3]));
    check("<u8", "False", "(1,)", &[255; 8], ArrayValues::Float(vec![u64::MAX as f64]));
    check("<f4", "False", "(1, 1)", &1.5_f32.to_le_bytes(), ArrayValues::Float(vec![1.5]));
    check(">f8", "False", "(1,)", &(-0.1_f64).to_be_bytes(), ArrayValues::Float(vec![-0.1]));
    check("|b1", "False", "(2,)", &[0, 1], ArrayValues::Bool(vec![false, true]));
    // numpy.arange(6).reshape(1, 2, 3) stored in Fortran order.
    check("|u1", "True", "(1, 2, 3)", &[0, 3, 1, 4, 2, 5], ArrayValues::U8(vec![0, 1, 2, 3, 4, 5]));
    check("<f8", "False", "(0, 4)", &[], ArrayValues::Float(vec![]));
}

#[test]
fn npz_of_objects_or_of_the_wrong_length_is_refused() {
    let error = |descr: &str, data: &[u8]| {
        let (_folder, path) = npz(&[("a", npy(descr, "False", "(2,)", data))]);
        read_npz(path).unwrap_err().to_string()
    };
    assert!(error("|O", b"xx").contains("column `a`"));
    assert!(error("|O", b"xx").contains("has the type `|O`"));
    assert!(
        error("<U1", b"xx").contains("the type `<U1`; hint: an NPZ file's arrays are numbers or booleans")
    );
    assert!(error("<f2", b"xx").contains("the type `<f2`; hint: store it as 32- or 64-bit numbers"));
    assert!(error("<f4", b"xx").contains("`2` bytes of data do not hold `2` values of `<f4`"));
}

#[test]
fn npz_matrix_and_vector_make_a_table() {
    let (_folder, path) = npz(&[
        ("X", npy("|u1", "False", "(2, 2)", &[1, 2, 3, 4])),
        ("y", npy("|b1", "False", "(2,)", &[0, 1])),
    ]);
    let table = Table::read(path).unwrap();
    assert_eq!(table.column("x1").unwrap().values(), &Values::Int(vec![2, 4]));
    assert_eq!(table.column("y").unwrap().values(), &Values::Bool(vec![false, true]));
}

#[test]
fn arrays_are_a_data_set_with_the_columns_that_options_name() {
    let x = || ("X", npy("|u1", "False", "(2, 3)", &[1, 2, 3, 4, 5, 6]));
    let y = || ("y", npy("|u1", "False", "(2,)", &[0, 1]));
    let open = |arrays: &[(&str, Vec<u8>)], options: &DatasetOptions| {
        let (_folder, path) = npz(arrays);
        Dataset::open(path, options)
    };
    let options = DatasetOptions {
        target: Some("y".into()),
        ignore: vec!["x1".into()],
        categorical: vec!["x2".into()],
        ..Default::default()
    };
    let data = open(&[y(), x()], &options).unwrap();
    let names: Vec<_> =
        (0..data.n_features()).map(|feature| data.feature_name(feature).into_owned()).collect();
    assert_eq!(names, ["x0", "x2"]);
    assert!(matches!(data.kind(1), FeatureKind::Categorical { .. }));
    let target = DatasetOptions { target: Some("x1".into()), ..Default::default() };
    assert_eq!(open(&[x(), y()], &target).unwrap().n_features(), 3);
    assert_eq!(open(&[x()], &target).unwrap().n_features(), 2);
    let message = open(&[x()], &DatasetOptions::default()).unwrap_err().to_string();
    assert!(message.contains("has no targets: there is no array `y` in it; hint: "), "{message}");
    let image = ("X", npy("|u1", "False", "(1, 2, 3)", &[1, 2, 3, 4, 5, 6]));
    assert!(matches!(open(&[image], &target), Err(Error::NoTargets { .. })));
}

#[test]
fn arrays_of_nothing_take_no_time_and_no_memory() {
    let (_folder, path) = npz(&[("a", npy("<f8", "True", "(68719476736, 0)", &[]))]);
    assert_eq!(read_npz(path).unwrap()[0].values, ArrayValues::Float(vec![]));
    let x = npy("|u1", "False", "(2, 0, 5)", &[]);
    let (_folder, path) = npz(&[("X", x.clone()), ("y", x)]);
    let message = Dataset::open(path, &DatasetOptions::default()).unwrap_err().to_string();
    assert!(message.contains("an image has at least one pixel"), "{message}");
}

#[test]
fn what_a_column_of_parquet_must_not_be_is_said_and_ignored_columns_are_not_read() {
    use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
    let (_folder, path) = file("t.parquet", b"");
    let schema = "message m { required fixed_len_byte_array(2) fixed (FLOAT16); required binary bytes;
                  required int64 large (UINT_64); required int64 x; required int64 y; }";
    let schema = std::sync::Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let target = std::fs::File::create(&path).unwrap();
    let mut writer =
        parquet::file::writer::SerializedFileWriter::new(target, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let fixed = FixedLenByteArray::from(vec![1_u8, 2]);
    column.typed::<FixedLenByteArrayType>().write_batch(&[fixed], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let bytes = ByteArray::from(vec![0xff_u8]);
    column.typed::<ByteArrayType>().write_batch(&[bytes], None, None).unwrap();
    column.close().unwrap();
    for value in [-1, 1, 0] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[value], None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();

    let refused = |column: &str| Table::read_columns(&path, &[column]).unwrap_err().to_string();
    let fixed = "has the type `float16`; hint: store it as a 32- or 64-bit number";
    assert!(refused("fixed").contains(fixed), "{}", refused("fixed"));
    assert!(refused("bytes").contains("bytes that are no UTF-8 text; hint: "), "{}", refused("bytes"));
    let large = "the value `18446744073709551615` does not fit into 63 bits; hint: store the column as";
    assert!(refused("large").contains(large), "{}", refused("large"));
    let ignore = ["fixed", "bytes", "large"].map(String::from).to_vec();
    let data = Dataset::open(&path, &DatasetOptions { ignore, ..Default::default() }).unwrap();
    assert_eq!((data.n_rows(), &*data.feature_name(0)), (1, "x"));
}

#[test]
fn dates_and_times_of_parquet_are_no_features_and_can_be_ignored() {
    use parquet::data_type::{Int32Type, Int64Type};
    let (_folder, path) = file("t.parquet", b"");
    let schema = "message m { required int32 day (DATE); required int32 hour (TIME(MILLIS,true));
                  required int64 nanos (TIMESTAMP(NANOS,false)); required int64 millis (TIMESTAMP_MILLIS);
                  required int64 x; required int64 y; required int64 __index_level_0__ (TIMESTAMP(MICROS,true)); }";
    let schema = std::sync::Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let target = std::fs::File::create(&path).unwrap();
    let mut writer =
        parquet::file::writer::SerializedFileWriter::new(target, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for column in 0..7 {
        let mut writer = group.next_column().unwrap().unwrap();
        if column < 2 {
            writer.typed::<Int32Type>().write_batch(&[19_000, 19_001], None, None).unwrap();
        } else {
            writer.typed::<Int64Type>().write_batch(&[column, 1], None, None).unwrap();
        }
        writer.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();

    let times = [("day", "date"), ("hour", "time"), ("nanos", "timestamp"), ("millis", "timestamp")];
    for (kept, found) in times {
        let ignore = times.iter().filter(|(name, _)| *name != kept).map(|(name, _)| (*name).to_owned());
        let options = DatasetOptions { ignore: ignore.collect(), ..Default::default() };
        let message = Dataset::open(&path, &options).unwrap_err().to_string();
        assert!(message.contains(&format!("column `{kept}` of `")), "{message}");
        assert!(message.contains(&format!("has the type `{found}`; hint: ")), "{message}");
        assert!(message.ends_with("or text, or, in a Parquet data set, add it to `ignore`"), "{message}");
    }
    let ignore: Vec<String> = times.iter().map(|(name, _)| (*name).to_owned()).collect();
    let data = Dataset::open(&path, &DatasetOptions { ignore, ..Default::default() }).unwrap();
    assert_eq!((data.n_features(), &*data.feature_name(0)), (1, "x"));
    assert_eq!(data.column(0)[..], [4.0, 1.0]);
    // A recorded table may hold when its rows were made.
    assert_eq!(Table::read(&path).unwrap().column("day").unwrap().get(0), Value::Int(19_000));
}

#[test]
fn recorded_tables_are_read_fast_and_whole() {
    let Some(folder) = shared_data("nasbench201") else { return };
    let table = Table::read(folder.join("results.parquet")).unwrap();
    assert_eq!(
        (table.n_rows(), table.column("dataset").unwrap().as_text().unwrap().symbols().len()),
        (46_875, 3)
    );
    // NATS-Bench: the best 200-epoch validation accuracies of the space.
    let accuracy = table.column("val_acc_200ep").unwrap().to_f64().unwrap();
    let best = accuracy.iter().copied().fold(f64::MIN, f64::max);
    assert!((best - 91.61).abs() < 0.1, "{best}");
    assert!(table.column("val_acc_200ep_s2").unwrap().n_nulls() > 0);

    let Some(folder) = shared_data("taskset-rnn-curves") else { return };
    let start = std::time::Instant::now();
    let curves = Table::read(folder.join("curves.parquet")).unwrap();
    eprintln!("{} × {} in {:?}", curves.n_rows(), curves.columns().len(), start.elapsed());
    assert_eq!(curves.n_rows(), 612_000);
}
