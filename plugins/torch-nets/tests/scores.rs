//! Scores beside scikit-learn's (`golden/scores.py`), and losses of pixels.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

use heirloom_dataset::{Array, ArrayValues, Column, Dataset, DatasetOptions, Table, TargetKind, Values};
use heirloom_model::Seed;
use heirloom_network::preparation::{InputPreparation, TargetPreparation};
use heirloom_network::{NetworkBuilder, Operation};
use heirloom_torch_nets::{Data, DataOptions, Loss, Recipe, Score, Training, Weights, macro_auc};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tch::{Device, Kind, Reduction, Tensor};

fn golden(part: &str) -> Vec<Json> {
    let all: Json = serde_json::from_str(include_str!("golden/scores.json")).unwrap();
    all[part].as_array().unwrap().clone()
}

fn list<T: DeserializeOwned>(json: &Json) -> Vec<T> {
    serde_json::from_value(json.clone()).unwrap()
}

#[test]
fn areas_under_curves_are_scikit_learns() {
    let cases = golden("areas");
    assert_eq!(cases.len(), 5);
    for case in cases {
        let n_classes = case["n_classes"].as_u64().unwrap() as usize;
        let area = macro_auc(&list::<f64>(&case["probabilities"]), &list::<i64>(&case["classes"]), n_classes);
        let theirs = case["auc"].as_f64().unwrap();
        assert!((area - theirs).abs() < 1e-12, "{}: {area} {theirs}", case["name"]);
    }
    assert!(macro_auc(&[0.4, 0.6, 0.1, 0.9], &[1, 1], 2).is_nan(), "one class alone has no curve");
}

#[test]
fn scores_of_pixels_are_scikit_learns() {
    for case in golden("pixels") {
        let [channels, height, width]: [usize; 3] = list::<usize>(&case["shape"]).try_into().unwrap();
        // Ten times the same image, so that every part scores as it does; its channels are the classes' scores.
        let n = 10;
        let of_all = |shape: &[usize], name: &str, values: ArrayValues| Array {
            name: name.into(),
            shape: [&[n], shape].concat(),
            values,
        };
        let scores = list::<f64>(&case["scores"]).repeat(n);
        let x = of_all(&[channels, height, width], "X", ArrayValues::Float(scores));
        // Labels are named by number: all classes must occur for their places to stay.
        let mut labels = list::<i64>(&case["labels"]).repeat(n);
        let n_pixels = height * width;
        let mut extra = vec![-1; n_pixels];
        extra[..channels].copy_from_slice(&[0, 1, 2, 3]);
        labels[..n_pixels].copy_from_slice(&extra);
        let y = of_all(&[height, width], "y", ArrayValues::Int(labels));
        let dataset = Dataset::from_arrays("t", x, y, TargetKind::Auto).unwrap();
        // The first image is in one part of two that are scored.
        let data = Data::new(&dataset, &DataOptions::default(), Device::Cpu).unwrap();
        let InputPreparation::Image { mean, std, .. } = &data.preparation().input else { panic!("images") };
        let mut builder = NetworkBuilder::new(data.input_shape());
        let back = Operation::Conv {
            outputs: channels,
            kernel: [1; 2],
            stride: 1,
            padding: [0; 2],
            dilation: 1,
            groups: 1,
            bias: true,
        };
        let last = builder.add("back", back, &[0]).unwrap();
        let network = builder.finish(last, None);
        // Takes the normalisation back.
        let of = |values: &[f64]| (Tensor::from_slice(values) * 255.0).to_kind(Kind::Float);
        let matrix = of(std).diag(0).reshape([channels as i64, channels as i64, 1, 1]);
        let weights = Weights::from_tensors(&network, &[matrix, of(mean)]).unwrap();
        let training =
            Training::new(&network, &data, Recipe::default(), weights, Seed::from_number(1)).unwrap();
        let theirs = [Score::Miou, Score::PixelAccuracy, Score::Loss].map(|score| {
            let theirs = case[score.name()].as_f64().unwrap();
            (score, theirs)
        });
        let fits = [data.train(), data.valid(), data.test()].map(|part| {
            let found = training.scores(part).unwrap();
            theirs.iter().all(|&(score, theirs)| (found.get(score) - theirs).abs() < 1e-5)
        });
        assert_eq!(fits.iter().filter(|fits| **fits).count(), 2, "{}: {fits:?} {theirs:?}", case["name"]);
    }
}

#[test]
fn a_training_target_far_out_does_not_hide_how_far_the_others_are_apart() {
    /// R² of a network that always answers with the training rows' mean, of which one is far out, and as the formula
    /// has it.
    fn r_squared(of_row: impl Fn(usize) -> f64) -> (f64, f64) {
        let numbers = |name: &str, of_row: &dyn Fn(usize) -> f64| {
            Column::new(name, Values::Float((0..200).map(of_row).collect()))
        };
        let y = |row: usize| if row == 7 { 1e8 } else { of_row(row) };
        let table = Table::new(vec![numbers("x", &|row| row as f64 + 0.5), numbers("y", &y)]).unwrap();
        let dataset = Dataset::from_table("far", &table, &DatasetOptions::default()).unwrap();
        let is_far_out = |data: &Data| match data.preparation().target {
            TargetPreparation::Values { std, .. } => std > 1e6,
            _ => panic!("numbers are predicted"),
        };
        let mut data = (0..20).map(|split_seed| {
            Data::new(&dataset, &DataOptions { split_seed, ..DataOptions::default() }, Device::Cpu).unwrap()
        });
        let data = data.find(is_far_out).unwrap();
        let mut builder = NetworkBuilder::new(data.input_shape());
        let last = builder.add("head", Operation::Linear { outputs: 1, bias: true }, &[0]).unwrap();
        let network = builder.finish(last, None);
        let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let weights = Weights::from_tensors(&network, &[zeros(&[1, 1]), zeros(&[1])]).unwrap();
        let training =
            Training::new(&network, &data, Recipe::default(), weights, Seed::from_number(1)).unwrap();
        let found = training.scores(data.valid()).unwrap().get(Score::R2);
        let targets = data.valid().target().to_kind(Kind::Double).flatten(0, -1);
        let targets = Vec::<f64>::try_from(targets).unwrap();
        let mean = targets.iter().sum::<f64>() / targets.len() as f64;
        let errors: f64 = targets.iter().map(|target| target.powi(2)).sum();
        (found, 1.0 - errors / targets.iter().map(|target| (target - mean).powi(2)).sum::<f64>())
    }
    let (found, expected) = r_squared(|row| (row % 17) as f64);
    assert!(expected < -1e6, "the far target moves the mean: {expected}");
    assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
    assert_eq!(r_squared(|_| 5.5).0, 0.0, "targets that are all equal have no variance");
}

#[test]
fn a_loss_of_pixels_is_the_mean_over_the_labelled_ones() {
    let mut rng = Seed::from_number(4).rng();
    let mut random = |shape: &[i64]| {
        let n: i64 = shape.iter().product();
        Tensor::from_slice(&(0..n).map(|_| rng.normal() as f32).collect::<Vec<_>>()).reshape(shape)
    };
    let output = random(&[2, 3, 4, 5]);
    let target =
        random(&[2, 4, 5]).gt(0.0).to_kind(Kind::Int64) + random(&[2, 4, 5]).gt(0.5).to_kind(Kind::Int64);
    let target = target.masked_fill(&random(&[2, 4, 5]).gt(0.8), -100);
    for class_weights in [None, Some(Tensor::from_slice(&[0.5_f32, 1.0, 3.0]))] {
        for label_smoothing in [0.0, 0.1] {
            let theirs = output.cross_entropy_loss(
                &target,
                class_weights.as_ref(),
                Reduction::Mean,
                -100,
                label_smoothing,
            );
            let class_weights = class_weights.as_ref().map(Tensor::shallow_clone);
            let ours = Loss::CrossEntropy { label_smoothing, class_weights }.of(&output, &target).unwrap();
            assert!((f64::try_from(ours - &theirs).unwrap()).abs() < 1e-6, "{label_smoothing}: {theirs}");
        }
    }
    let values = random(&[2, 3, 4, 5]);
    let is_none = random(&[2, 3, 4, 5]).gt(0.3);
    let output = output.set_requires_grad(true);
    let ours = Loss::SquaredError.of(&output, &values.masked_fill(&is_none, f64::NAN)).unwrap();
    let errors = (&output - &values).square().masked_select(&is_none.logical_not());
    assert!((f64::try_from(&ours - errors.mean(Kind::Float)).unwrap()).abs() < 1e-6);
    let gradient = &Tensor::run_backward(&[&ours], &[&output], false, false)[0];
    assert_eq!(gradient.eq(0.0), is_none);
    // Nothing to learn from is no divergence.
    let nothing = Tensor::full([2, 4, 5], -100, (Kind::Int64, Device::Cpu));
    for weights in [None, Some(Tensor::from_slice(&[0.5_f32, 1.0, 3.0]))] {
        let loss = Loss::CrossEntropy { label_smoothing: 0.1, class_weights: weights }.of(&output, &nothing);
        let loss = loss.unwrap();
        let gradient = &Tensor::run_backward(&[&loss], &[&output], false, false)[0];
        assert_eq!(f64::try_from(&loss).unwrap(), 0.0);
        assert_eq!(f64::try_from(gradient.abs().max()).unwrap(), 0.0);
    }
}
