//! Exported networks, opened by the programs they are for: PyTorch and ONNX Runtime.

#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs, reason = "every line here is a test's")]

#[path = "export/cases.rs"]
mod cases;
#[path = "export/peer.rs"]
mod peer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use heirloom_network::export::{
    self, NamedTensor, onnx, pytorch_module, safetensors, torchscript, write_folder,
};
use heirloom_network::preparation::{Column, ColumnValues, InputPreparation, TargetPreparation};
use heirloom_network::{Network, NetworkBuilder, Operation, Preparation, Shape};
use peer::{output_of, python};
use serde_json::Value as Json;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export").join(name)
}

#[test]
fn every_kind_of_layer_gives_what_pytorch_gives_in_every_format() {
    let Some(python) = python("torch, onnx, onnxruntime") else { return };
    let folder = tempfile::tempdir().unwrap();
    let cases = cases::all();
    let mut kinds = BTreeSet::new();
    for case in &cases {
        let folder = folder.path().join(&case.name);
        std::fs::create_dir(&folder).unwrap();
        let network = &case.network;
        kinds.extend(network.layers().iter().map(|layer| layer.operation.name()));
        let tensors = cases::tensors(network);
        safetensors::write(&folder.join("weights.safetensors"), &tensors, &BTreeMap::new()).unwrap();
        std::fs::write(folder.join("network.json"), serde_json::to_vec(network).unwrap()).unwrap();
        std::fs::write(folder.join("model.pt"), torchscript(network, &tensors, None).unwrap()).unwrap();
        std::fs::write(folder.join("model.onnx"), onnx(network, &tensors, None).unwrap()).unwrap();
        std::fs::write(folder.join("model.py"), pytorch_module(network, None).unwrap()).unwrap();
    }
    assert_eq!(kinds.len(), 18, "a kind of layer has no case: {kinds:?}");
    let text = output_of(&python, &script("check.py"), &[folder.path()]);
    let found: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), cases.len() * 2 * 4, "two batches in four ways");
    let mut largest = 0.0_f64;
    for found in found {
        let difference = found["difference"].as_f64().unwrap();
        assert!(difference <= 1e-5, "{found}");
        largest = largest.max(difference);
    }
    eprintln!("{} networks in 4 ways differ from PyTorch's modules by {largest:.1e} at most", cases.len());
}

fn table() -> (Network, Vec<NamedTensor>, Preparation) {
    let columns = [
        ("size", ColumnValues::Numeric { mean: 2.0, std: 4.0, fill: 3.0, indicates_missing: true }),
        ("weight", ColumnValues::Numeric { mean: 0.5, std: 0.25, fill: 0.5, indicates_missing: false }),
        ("colour", ColumnValues::Categorical { symbols: vec!["dark \"red\"".into(), "grün".into()] }),
        ("new", ColumnValues::Categorical { symbols: vec!["false".into(), "true".into()] }),
        ("code", ColumnValues::Categorical { symbols: vec!["1".into(), "2".into(), "30".into()] }),
    ]
    .map(|(name, values)| Column { name: name.into(), values });
    let input = InputPreparation::Table { columns: columns.to_vec() };
    let target = TargetPreparation::Classes { names: vec!["no".into(), "yes".into(), "maybe".into()] };
    let mut builder = NetworkBuilder::new(input.shape());
    let norm = builder.add("norm", Operation::BatchNorm { affine: true }, &[0]).unwrap();
    let head = builder.add("head", Operation::Linear { outputs: 3, bias: true }, &[norm]).unwrap();
    let network = builder.finish(head, None);
    let tensors = cases::tensors(&network);
    (network, tensors, Preparation { input, target })
}

#[test]
fn parameters_are_counted_without_an_auxiliary_head_and_in_the_module_without_what_leads_nowhere() {
    let case = cases::all().into_iter().find(|case| case.name == "auxiliary").unwrap();
    let own = |network: &Network, aside: &str| -> usize {
        let tensors = network.tensors();
        let counted = |name: &str| !name.starts_with(aside);
        let of_result = tensors.iter().filter(|tensor| tensor.role.is_parameter() && counted(&tensor.name));
        of_result.map(|tensor| tensor.len()).sum()
    };
    let said = |network: &Network| pytorch_module(network, None).unwrap();
    let n = own(&case.network, "auxiliary.");
    assert_eq!(case.network.n_parameters(), n);
    assert!(said(&case.network).contains(&format!("A trained network of {n} parameters")));

    let mut builder = NetworkBuilder::new(Shape(vec![2]));
    let linear = |outputs| Operation::Linear { outputs, bias: true };
    builder.add("nowhere", linear(5), &[0]).unwrap();
    let last = builder.add("head", linear(3), &[0]).unwrap();
    let network = builder.finish(last, None);
    assert_eq!((network.n_parameters(), own(&network, "nowhere")), (24, 9));
    assert!(said(&network).contains("A trained network of 9 parameters"));
}

/// What [`Preparation`] makes of rows of text: an empty cell is a missing value.
fn prepared(preparation: &Preparation, rows: &[[&str; 5]]) -> Vec<Vec<f64>> {
    let InputPreparation::Table { columns } = &preparation.input else { panic!("it is a table's") };
    let row = |cells: &[&str; 5]| {
        let of_cell = |(column, cell): (&Column, &&str)| {
            let mut out = vec![0.0_f32; column.values.width()];
            column.values.write_number(cell.parse().unwrap_or(f64::NAN), &mut out);
            column.values.write_symbol(Some(*cell).filter(|cell| !cell.is_empty()), &mut out);
            out
        };
        columns.iter().zip(cells).flat_map(of_cell).map(f64::from).collect()
    };
    rows.iter().map(row).collect()
}

#[test]
fn the_python_module_prepares_rows_as_training_did_and_names_the_class() {
    let Some(python) = python("torch") else { return };
    let (network, tensors, preparation) = table();
    let folder = tempfile::tempdir().unwrap();
    let files = write_folder(folder.path(), &network, &tensors, &preparation, &BTreeMap::new()).unwrap();
    let names: BTreeSet<_> =
        files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
    let expected =
        ["model.onnx", "model.pt", "model.py", "network.json", "preparation.json", "weights.safetensors"];
    assert_eq!(names, BTreeSet::from(expected));
    let rows = [
        ["10", "0.75", "grün", "true", "2"],
        ["", "", "", "", ""],
        ["-2.5", "1e3", "dark \"red\"", "false", "30"],
        ["7", "0", "blue", "true", "4"],
    ];
    let mut csv = String::from("id,size,weight,colour,new,code\n");
    for [size, weight, colour, new, code] in rows {
        csv += &format!("5,{size},{weight},\"{}\",{new},{code}\n", colour.replace('"', "\"\""));
    }
    let path = folder.path().join("rows.csv");
    std::fs::write(&path, csv).unwrap();
    let found: Json = serde_json::from_str(&output_of(
        &python,
        &script("rows.py"),
        &[&folder.path().join("model.py"), &path],
    ))
    .unwrap();
    assert_eq!(found["inputs"], serde_json::to_value(prepared(&preparation, &rows)).unwrap());
    let answers = found["answers"].as_array().unwrap();
    let probabilities = found["probabilities"].as_array().unwrap();
    assert_eq!((answers.len(), probabilities.len()), (4, 4));
    for (answer, probabilities) in answers.iter().zip(probabilities) {
        let of_classes: Vec<f64> =
            probabilities.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        let best = (0..3).max_by(|&one, &other| of_classes[one].total_cmp(&of_classes[other])).unwrap();
        assert_eq!(*answer, ["no", "yes", "maybe"][best]);
        assert!((of_classes.iter().sum::<f64>() - 1.0).abs() < 1e-6);
    }
}

#[test]
fn the_python_module_takes_rows_in_the_columns_order_and_says_what_it_cannot_take() {
    let Some(python) = python("torch") else { return };
    let (network, tensors, preparation) = table();
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &network, &tensors, &preparation, &BTreeMap::new()).unwrap();
    let found = |name: &str, content: &str| -> Json {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let found = output_of(&python, &script("rows.py"), &[&folder.path().join("model.py"), &path]);
        serde_json::from_str(&found).unwrap()
    };
    let by_name = found("rows.csv", "code,size,weight,colour,new\n2,10,0.75,grün,true\n");
    assert!(by_name["inputs"].is_array(), "{by_name}");
    assert_eq!(found("rows.json", r#"[[10, 0.75, "grün", true, 2]]"#), by_name);
    let error = |name: &str, content: &str| found(name, content)["error"].as_str().unwrap().to_owned();
    let message = error("short.json", "[[10, 0.75]]");
    assert!(
        message.starts_with("row 1 has no value for each of 5 columns, from `size` to `code`"),
        "{message}"
    );
    let message = error("rows.npz", "");
    assert!(message.contains("rows.npz` is no .csv or .tsv") && message.contains("hint"), "{message}");
}

#[test]
fn the_python_module_takes_symbols_as_training_did_and_files_packed_or_marked() {
    let Some(python) = python("torch") else { return };
    let columns = [
        ("text", vec!["", "?", "NA", "nan", "none"]),
        ("digits", vec!["007", "7", "a"]),
        ("code", vec!["1", "2", "30"]),
    ]
    .map(|(name, symbols)| {
        let symbols = symbols.into_iter().map(String::from).collect();
        Column { name: name.into(), values: ColumnValues::Categorical { symbols } }
    });
    let input = InputPreparation::Table { columns: columns.to_vec() };
    let target = TargetPreparation::Classes { names: vec!["no".into(), "yes".into()] };
    let mut builder = NetworkBuilder::new(input.shape());
    let head = builder.add("head", Operation::Linear { outputs: 2, bias: true }, &[0]).unwrap();
    let network = builder.finish(head, None);
    let folder = tempfile::tempdir().unwrap();
    let preparation = Preparation { input, target };
    let tensors = cases::tensors(&network);
    write_folder(folder.path(), &network, &tensors, &preparation, &BTreeMap::new()).unwrap();
    let places = |rows: &[[&str; 3]], path: &Path| {
        let model = folder.path().join("model.py");
        let found = output_of(&python, &script("rows.py"), &[&model, path]);
        let found: Json = serde_json::from_str(&found).unwrap();
        let inputs = found["inputs"].as_array().unwrap();
        assert_eq!(inputs.len(), rows.len());
        let place = |part: &[f64]| part.iter().position(|&number| number == 1.0).unwrap();
        let of_row = |row: &Json| {
            let row = numbers(row);
            [place(&row[..6]), place(&row[6..10]), place(&row[10..])]
        };
        inputs.iter().map(of_row).collect::<Vec<_>>()
    };
    let rows =
        [["NA", "7", "1.0"], ["?", "007", "02"], ["nan", "7.0", "30"], ["", "", "x"], ["None", "07", "?"]];
    let expected = vec![[2, 1, 0], [1, 0, 1], [3, 3, 2], [0, 3, 3], [5, 3, 3]];
    let text: String =
        std::iter::once(["text", "digits", "code"]).chain(rows).map(|row| row.join(",") + "\r\n").collect();
    let plain = folder.path().join("rows.csv");
    std::fs::write(&plain, format!("\u{feff}{text}")).unwrap();
    assert_eq!(places(&rows, &plain), expected);
    let packed = folder.path().join("rows.tsv.gz");
    let code = "import gzip, sys; gzip.open(sys.argv[1], 'wt', newline='').write(open(sys.argv[2], \
                encoding='utf-8-sig', newline='').read().replace(',', '\\t'))";
    let pack = folder.path().join("pack.py");
    std::fs::write(&pack, code).unwrap();
    output_of(&python, &pack, &[&packed, &plain]);
    assert_eq!(places(&rows, &packed), expected);
}

#[test]
fn the_python_module_takes_images_of_bytes_and_answers_with_values() {
    let Some(python) = python("torch") else { return };
    let input = InputPreparation::Image {
        shape: [3, 2, 1],
        channels_last: true,
        mean: vec![0.5, 0.25, 0.125],
        std: vec![0.5, 1.0, 2.0],
    };
    let preparation = Preparation { input, target: TargetPreparation::Values { mean: 10.0, std: 2.0 } };
    let mut builder = NetworkBuilder::new(Shape(vec![3, 2, 1]));
    let pooled = builder.add("pooled", Operation::GlobalAveragePool, &[0]).unwrap();
    let kept = builder.add("kept", Operation::Narrow { channels: 1 }, &[pooled]).unwrap();
    let network = builder.finish(kept, None);
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &network, &[], &preparation, &BTreeMap::new()).unwrap();
    // One image of two rows, one column, three channels.
    let path = folder.path().join("images.json");
    std::fs::write(&path, "[[[[255, 0, 51]], [[0, 255, 102]]]]").unwrap();
    let found: Json = serde_json::from_str(&output_of(
        &python,
        &script("rows.py"),
        &[&folder.path().join("model.py"), &path],
    ))
    .unwrap();
    let inputs: Vec<f64> = found["inputs"][0].as_array().unwrap().iter().flat_map(numbers).collect();
    // (byte / 255 − mean) / std, by hand: channels first.
    let by_hand = [1.0, -1.0, -0.25, 0.75, 0.0375, 0.1375];
    assert!(inputs.iter().zip(by_hand).all(|(found, wanted)| (found - wanted).abs() < 1e-7), "{inputs:?}");
    assert_eq!(numbers(&found["answers"]), [10.0]);
}

#[test]
fn the_python_module_answers_for_every_pixel() {
    let Some(python) = python("torch") else { return };
    let image = |channels: usize| InputPreparation::Image {
        shape: [channels, 1, 2],
        channels_last: false,
        mean: vec![0.0; channels],
        std: vec![1.0 / 255.0; channels],
    };
    let answers = |channels: usize, target: TargetPreparation, images: &str| {
        let preparation = Preparation { input: image(channels), target };
        // What goes in comes out: scores, or values, are the bytes themselves.
        let network = NetworkBuilder::new(preparation.input.shape()).finish(NetworkBuilder::INPUT, None);
        let folder = tempfile::tempdir().unwrap();
        write_folder(folder.path(), &network, &[], &preparation, &BTreeMap::new()).unwrap();
        let path = folder.path().join("images.json");
        std::fs::write(&path, images).unwrap();
        let found = output_of(&python, &script("rows.py"), &[&folder.path().join("model.py"), &path]);
        serde_json::from_str::<Json>(&found).unwrap()["answers"].clone()
    };
    let names = ["road", "sky", "tree"].map(String::from).to_vec();
    let classes = answers(3, TargetPreparation::PixelClasses { names }, "[[[[9, 1]], [[3, 2]], [[0, 7]]]]");
    assert_eq!(classes, serde_json::json!([[["road", "tree"]]]));
    let target = TargetPreparation::PixelValues { mean: vec![10.0, 0.0], std: vec![2.0, -1.0] };
    let values = answers(2, target, "[[[[1, 2]], [[3, 4]]]]");
    let expected = [12.0, 14.0, -3.0, -4.0];
    let found = numbers(&values);
    assert!(found.len() == 4 && found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-4), "{values}");
}

fn numbers(value: &Json) -> Vec<f64> {
    match value {
        Json::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

#[test]
fn the_same_network_gives_the_same_bytes_with_tensors_at_multiples_of_64() {
    let (network, tensors, preparation) = table();
    let script = || torchscript(&network, &tensors, Some(&preparation)).unwrap();
    let bytes = script();
    assert_eq!(bytes, script());
    assert_eq!(
        onnx(&network, &tensors, Some(&preparation)).unwrap(),
        onnx(&network, &tensors, Some(&preparation)).unwrap()
    );
    let weights = tensors.iter().find(|tensor| tensor.name == "head.weight").unwrap();
    let first: Vec<u8> = weights.values[..4].iter().flat_map(|value| value.to_le_bytes()).collect();
    let place = bytes.windows(first.len()).position(|window| window == first).unwrap();
    assert_eq!(place % 64, 0);
}

#[test]
fn a_network_of_smaller_images_is_refused_with_the_reason_and_what_to_export() {
    let preparation = Preparation {
        input: InputPreparation::Image {
            shape: [1, 4, 4],
            channels_last: false,
            mean: vec![0.0],
            std: vec![1.0],
        },
        target: TargetPreparation::Values { mean: 0.0, std: 1.0 },
    };
    let mut builder = NetworkBuilder::new(Shape(vec![1, 2, 2]));
    let pooled = builder.add("pooled", Operation::GlobalAveragePool, &[0]).unwrap();
    let network = builder.finish(pooled, None);
    let message = pytorch_module(&network, Some(&preparation)).unwrap_err().to_string();
    assert!(message.contains("lower `resolution`") && message.contains("hint: export a trial"), "{message}");
}

#[test]
fn what_does_not_go_together_is_refused_by_name() {
    let (network, tensors, preparation) = table();
    let message = |result: Result<Vec<u8>, export::ExportError>| result.unwrap_err().to_string();
    assert_eq!(
        message(torchscript(&network, &tensors[1..], None)),
        "tensor `norm.weight`: the network needs it with shape [13] and `norm.bias` with [13] stands in its place"
    );
    assert_eq!(
        message(onnx(&network, &tensors[..tensors.len() - 1], None)),
        "tensor `head.bias`: the network needs it and it is not there"
    );
    let mut short = tensors.clone();
    short[0].values.pop();
    assert_eq!(
        message(onnx(&network, &short, None)),
        "tensor `norm.weight`: the shape [13] asks for 13 numbers, there are 12"
    );
    let shuffled: Vec<NamedTensor> = tensors.iter().rev().cloned().collect();
    assert_eq!(export::in_order(&network, shuffled.clone()).unwrap(), tensors);
    let error = export::in_order(&network, shuffled[1..].to_vec()).unwrap_err().to_string();
    assert_eq!(error, "tensor `head.bias`: the network needs it and it is not there");
    let wrong = Preparation { target: TargetPreparation::Values { mean: 0.0, std: 1.0 }, ..preparation };
    let folder = tempfile::tempdir().unwrap();
    let error = write_folder(folder.path(), &network, &tensors, &wrong, &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), "the network gives 3 numbers and 1 are explained");
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let dense = Preparation { target: TargetPreparation::PixelClasses { names }, ..wrong };
    let error = write_folder(folder.path(), &network, &tensors, &dense, &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), "the network gives [3] and numbers of each pixel are explained");
    let mut builder = NetworkBuilder::new(Shape(vec![2]));
    let last = builder.add("stage.train", Operation::Linear { outputs: 1, bias: true }, &[0]).unwrap();
    let error = pytorch_module(&builder.finish(last, None), None).unwrap_err().to_string();
    assert!(error.starts_with("layer `stage.train` cannot be exported: "), "{error}");
}
