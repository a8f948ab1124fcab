//! `torch.accuracy`: test accuracy after ten epochs on Fashion-MNIST-small, beside the same network, rows and recipe in
//! PyTorch; `torch.accuracy.difference` is ours less PyTorch's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heirloom_dataset::{Dataset, DatasetOptions, TargetKind, shared_data};
use heirloom_figures::row::Row;
use heirloom_model::{Seed, Value};
use heirloom_network::Network;
use heirloom_network::preparation::InputPreparation;
use heirloom_torch_nets::{
    Data, DataOptions, Initialisation, Interruption, Part, Recipe, Rule, Schedule, Score, Training, Weights,
};
use serde_json::json;
use tch::{Device, Kind, Tensor};

use crate::networks::{lowered, space, text};
use crate::peer::{Peer, script};

const N_SEEDS: u64 = 5;
const N_EPOCHS: usize = 10;
const BATCH_SIZE: usize = 64;
const LEARNING_RATE: f64 = 0.05;
const WEIGHT_DECAY: f64 = 5e-4;
const CHANNELS: [i64; 3] = [16, 32, 32];

/// The file of training images, where the data set is at hand.
pub(crate) fn fashion() -> Result<PathBuf, String> {
    let folder = shared_data("fashion-mnist-small").ok_or("the data set `fashion-mnist-small` is absent")?;
    Ok(folder.join("train-images-idx3-ubyte.gz"))
}

/// Measures the rows.
pub(crate) fn measure(_prefix: &str) -> Result<Vec<Row>, String> {
    tch::set_num_threads(1);
    let options = DatasetOptions { kind: TargetKind::Classification, ..DatasetOptions::default() };
    let dataset = Dataset::open(fashion()?, &options).map_err(text)?;
    let data = Data::new(&dataset, &DataOptions::default(), Device::Cpu).map_err(text)?;
    let network = network(&data)?;
    let folder = tempfile::tempdir().map_err(text)?;
    write(&data, folder.path())?;
    let mut peer = Peer::start("PyTorch's trainer", script("accuracy.py")?.arg(folder.path()))?;
    let n_theirs: usize = peer.hear()?.parse().map_err(text)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for seed in 0..N_SEEDS {
        ours.push(train(&network, &data, seed)?);
        theirs.push(peer.ask(&seed.to_string())?);
    }
    let n_ours: usize =
        network.tensors().iter().filter(|spec| spec.role.is_parameter()).map(|spec| spec.len()).sum();
    if n_ours != n_theirs {
        return Err(format!("our network has {n_ours} parameters, PyTorch's {n_theirs}"));
    }
    let mean = theirs.iter().sum::<f64>() / theirs.len() as f64;
    let differences: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs).collect();
    Ok(vec![
        Row::from_samples("torch.accuracy", "test accuracy", &ours).beside(mean),
        Row::from_samples("torch.accuracy.difference", "test accuracy", &differences),
    ])
}

/// Three convolutions with normalisation, the second and third of stride 2.
fn network(data: &Data) -> Result<Network, String> {
    let space = space(json!({
        "kind": "chain", "min_layers": 1, "max_layers": 3,
        "operation": [{"name": "conv", "parameter": [
            {"name": "channels", "type": "ordinal", "values": [16, 32]},
            {"name": "stride", "type": "ordinal", "values": [1, 2]},
        ]}],
    }))?;
    let mut values = BTreeMap::from([("n_layers".to_owned(), Value::Int(3))]);
    for (layer, channels) in (1..).zip(CHANNELS) {
        values.insert(format!("layer_{layer}_op"), "conv".into());
        values.insert(format!("layer_{layer}_conv_channels"), Value::Int(channels));
        values.insert(format!("layer_{layer}_conv_stride"), Value::Int(if layer == 1 { 1 } else { 2 }));
    }
    let configuration = space.from_named(&values).map_err(text)?;
    lowered(&space, &configuration, data.input_shape())
}

fn train(network: &Network, data: &Data, seed: u64) -> Result<f64, String> {
    let seed = Seed::from_number(seed);
    let recipe = Recipe {
        rule: Rule::Sgd { momentum: 0.9, nesterov: true },
        learning_rate: LEARNING_RATE,
        weight_decay: WEIGHT_DECAY,
        schedule: Schedule::Cosine,
        schedule_epochs: N_EPOCHS as f64,
        batch_size: BATCH_SIZE,
        ..Recipe::default()
    };
    let weights = Weights::new(network, Initialisation::PyTorch, seed.derive("weights", 0), data.device())
        .map_err(text)?;
    let mut training = Training::new(network, data, recipe, weights, seed).map_err(text)?;
    for _ in 0..N_EPOCHS {
        let end = training.epoch::<()>(&mut |_| std::ops::ControlFlow::Continue(()));
        end.map_err(|interruption| match interruption {
            Interruption::Failed(error) => error.to_string(),
            other => format!("{other:?}"),
        })?;
    }
    Ok(training.scores(data.test()).map_err(text)?.get(Score::Accuracy))
}

/// The same rows for PyTorch: bytes of images and labels, and what says how they are read and trained on.
fn write(data: &Data, folder: &Path) -> Result<(), String> {
    let bytes = |tensor: &Tensor| -> Result<Vec<u8>, String> {
        let flat = tensor.f_to_kind(Kind::Uint8).and_then(|tensor| tensor.f_flatten(0, -1)).map_err(text)?;
        Vec::<u8>::try_from(&flat).map_err(text)
    };
    let part = |name: &str, part: &Part| -> Result<(), String> {
        let (input, target) = data.rows(part, 0, part.len()).map_err(text)?;
        std::fs::write(folder.join(format!("{name}.images")), bytes(&input)?).map_err(text)?;
        std::fs::write(folder.join(format!("{name}.labels")), bytes(&target)?).map_err(text)
    };
    part("train", data.train())?;
    part("test", data.test())?;
    let InputPreparation::Image { mean, std, .. } = &data.preparation().input else {
        return Err("the rows are no images".into());
    };
    let recipe = json!({
        "shape": data.input_shape(), "mean": mean, "std": std, "epochs": N_EPOCHS, "batch_size": BATCH_SIZE,
        "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY, "channels": CHANNELS,
    });
    std::fs::write(folder.join("recipe.json"), recipe.to_string()).map_err(text)
}
