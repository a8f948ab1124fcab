//! Morphisms keep the function of random networks, and training goes on from them.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

mod inherit_networks;

use std::collections::BTreeMap;

use heirloom_model::{Rng, Seed};
use heirloom_network::{Activation, Network, NetworkBuilder, Operation, Shape};
use heirloom_torch_nets::{Mode, Morphism, Weights, apply, forward};
use inherit_networks::{batch, difference, evaluate, network, weights};
use tch::{Kind, Tensor};

const KINDS: [&str; 5] = ["widen", "deepen", "add_skip", "add_branch", "widen_kernel"];

/// A morphism of the kind on random layers; it can be one that is refused.
fn random(network: &Network, kind: &str, rng: &mut Rng) -> Morphism {
    let layers = network.layers();
    let any = |rng: &mut Rng| layers[rng.below(layers.len())].name.clone();
    let (a, b) = (rng.below(layers.len()), rng.below(layers.len()));
    let [from, into] = [a.min(b), a.max(b)].map(|place| layers[place].name.clone());
    let activation = [None, Some(Activation::Relu), Some(Activation::Silu)][rng.below(3)];
    let batch_norm = rng.below(2) == 0;
    match kind {
        "widen" => {
            let place = rng.below(layers.len());
            let outputs = network.shapes()[place].0[0] + 1 + rng.below(5);
            Morphism::Widen { layer: layers[place].name.clone(), outputs, noise: 0.0 }
        }
        "deepen" => {
            let activation = activation.filter(|function| *function == Activation::Relu);
            Morphism::Deepen { after: any(rng), kernel: 1 + 2 * rng.below(2), batch_norm, activation }
        }
        "add_skip" => Morphism::AddSkip { from, into },
        "add_branch" => {
            Morphism::AddBranch { from, into, hidden: 1 + rng.below(4), kernel: 3, batch_norm, activation }
        }
        _ => {
            let place = rng.below(layers.len());
            let kernel = match layers[place].operation {
                Operation::Conv { kernel: [height, width], .. } => [height + 2, width + 2 * rng.below(2)],
                _ => [3, 3],
            };
            Morphism::WidenKernel { layer: layers[place].name.clone(), kernel }
        }
    }
}

/// Whether what the changed layer gives depends on the network's input.
fn varies(network: &Network, morphism: &Morphism) -> bool {
    let (Morphism::AddSkip { into: name, .. }
    | Morphism::AddBranch { into: name, .. }
    | Morphism::Deepen { after: name, .. }
    | Morphism::Widen { layer: name, .. }
    | Morphism::WidenKernel { layer: name, .. }
    | Morphism::DropLayer { layer: name }
    | Morphism::DropUnits { layer: name, .. }) = morphism;
    let mut varies = Vec::new();
    for layer in network.layers() {
        let is_fed = layer.inputs.iter().any(|&input| varies[input]);
        let is_zero = matches!(layer.operation, Operation::Zero { .. });
        varies.push(layer.operation == Operation::Input || (is_fed && !is_zero));
    }
    varies[network.find(name).unwrap()]
}

#[test]
fn sequences_of_morphisms_keep_the_function_of_random_networks() {
    let mut applied: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures: Vec<String> = Vec::new();
    for case in 0..300 {
        let seed = Seed::from_number(11).derive("case", case);
        let mut rng = seed.derive("morphisms", 0).rng();
        let mut network = network(seed);
        let mut weights = weights(&network, seed);
        let input = batch(&network, 5, seed.derive("batch", 0));
        let before = evaluate(&network, &weights, &input);
        let mut done = Vec::new();
        let n_wanted = 1 + rng.below(5);
        for attempt in 0..100 {
            if done.len() == n_wanted {
                break;
            }
            let kind = KINDS[rng.below(KINDS.len())];
            let morphism = random(&network, kind, &mut rng);
            // Whatever can be done to the layers can be done to the weights, but beside what is the same for every input:
            // a part that begins silent there might never learn.
            if morphism.edit(&network).is_err() {
                continue;
            }
            match apply(&network, &weights, &morphism, seed.derive("step", attempt)) {
                Ok(changed) => (network, weights) = changed,
                Err(_) if !varies(&network, &morphism) => continue,
                Err(error) => {
                    failures.push(format!("case {case}, after {done:?}: {morphism:?}: {error}"));
                    break;
                }
            }
            // Names become attributes of modules in exports: none may be a group of others.
            for layer in network.layers() {
                let inner = format!("{}.", layer.name);
                assert!(
                    !network.layers().iter().any(|other| other.name.starts_with(&inner)),
                    "{}",
                    layer.name
                );
            }
            done.push(morphism);
            *applied.entry(kind).or_default() += 1;
            let distance = difference(&before, &evaluate(&network, &weights, &input));
            if distance.is_nan() || distance > 1e-5 {
                failures.push(format!("case {case}: {distance:e} after {done:?}"));
                break;
            }
        }
        if done.is_empty() {
            failures.push(format!("case {case}: nothing was done"));
        }
    }
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
    for kind in KINDS {
        assert!(applied.get(kind).is_some_and(|&n| n >= 50), "{kind} is hardly tried: {applied:?}");
    }
}

fn residual() -> Network {
    let mut builder = NetworkBuilder::new(Shape(vec![2, 6, 6]));
    let mut add = |name: &str, operation, inputs: &[usize]| builder.add(name, operation, inputs).unwrap();
    let stem = add("stem", Operation::conv(6, 3, 1), &[0]);
    let norm = add("norm", Operation::BatchNorm { affine: true }, &[stem]);
    let relu = add("relu", Operation::activation(Activation::Relu), &[norm]);
    let inner = add("inner", Operation::conv(5, 3, 1), &[relu]);
    let inner_relu = add("inner_relu", Operation::activation(Activation::Relu), &[inner]);
    let outer = add("outer", Operation::conv(6, 1, 1), &[inner_relu]);
    let sum = add("sum", Operation::Sum, &[relu, outer]);
    let pool = add("pool", Operation::GlobalAveragePool, &[sum]);
    let head = add("head", Operation::Linear { outputs: 3, bias: true }, &[pool]);
    builder.finish(head, None)
}

fn start() -> (Network, Weights, Seed) {
    let seed = Seed::from_number(5);
    let network = residual();
    let weights = weights(&network, seed);
    (network, weights, seed)
}

/// Gradients of a squared loss against random targets, by the parameters' names.
fn gradients(network: &Network, weights: &Weights, seed: Seed) -> BTreeMap<String, Tensor> {
    let input = batch(network, 16, seed.derive("input", 0));
    let target = batch(network, 16, seed.derive("target", 0)).flatten(1, -1).narrow(1, 0, 3);
    let output = forward(network, weights.tensors(), &input, Mode::Evaluation).unwrap().main;
    let loss = (output - target).square().mean(Kind::Float);
    let parameters: Vec<&Tensor> = weights.parameters().collect();
    let names = weights.specs().iter().filter(|spec| spec.role.is_parameter());
    let gradients = Tensor::run_backward(&[loss], &parameters, false, false);
    names.map(|spec| spec.name.clone()).zip(gradients).collect()
}

fn size(tensor: &Tensor) -> f64 {
    f64::try_from(tensor.abs().max()).unwrap()
}

#[test]
fn layers_tied_by_a_sum_are_widened_together() {
    let (network, weights, seed) = start();
    let widen = |layer: &str, outputs| Morphism::Widen { layer: layer.into(), outputs, noise: 0.0 };
    let (child, _) = apply(&network, &weights, &widen("outer", 9), seed).unwrap();
    let width = |name: &str| child.shapes()[child.find(name).unwrap()].0[0];
    assert_eq!(["stem", "norm", "inner", "outer", "sum"].map(width), [9, 9, 5, 9, 9]);
    let refused = apply(&network, &weights, &widen("head", 5), seed).unwrap_err().to_string();
    assert!(refused.contains("`head`") && refused.contains("output"), "{refused}");
    let refused = apply(&network, &weights, &widen("relu", 9), seed).unwrap_err().to_string();
    assert!(refused.contains("activation") && refused.contains("hint"), "{refused}");
    let refused = apply(&network, &weights, &widen("nowhere", 9), seed).unwrap_err().to_string();
    assert!(refused.contains("`nowhere`"), "{refused}");
}

#[test]
fn what_would_change_the_function_is_refused() {
    let (network, weights, seed) = start();
    let deepen = |after: &str, function| {
        let activation = Some(function);
        let morphism = Morphism::Deepen { after: after.into(), kernel: 3, batch_norm: false, activation };
        apply(&network, &weights, &morphism, seed)
    };
    assert!(deepen("relu", Activation::Relu).is_ok());
    assert!(deepen("norm", Activation::Relu).unwrap_err().to_string().contains("after a rectifier"));
    assert!(deepen("relu", Activation::Tanh).is_err());
    let kernel = Morphism::WidenKernel { layer: "stem".into(), kernel: [4, 4] };
    assert!(apply(&network, &weights, &kernel, seed).unwrap_err().to_string().contains("even number"));
    let backwards = Morphism::AddSkip { from: "sum".into(), into: "norm".into() };
    assert!(apply(&network, &weights, &backwards, seed).unwrap_err().to_string().contains("hint"));
}

#[test]
fn new_parts_take_gradients() {
    let (network, weights, seed) = start();
    let deepen = Morphism::Deepen {
        after: "relu".into(),
        kernel: 3,
        batch_norm: true,
        activation: Some(Activation::Relu),
    };
    let (child, deeper) = apply(&network, &weights, &deepen, seed).unwrap();
    let found = gradients(&child, &deeper, seed);
    for name in ["relu_deeper0.conv.weight", "relu_deeper0.norm.weight", "relu_deeper0.norm.bias"] {
        assert!(size(&found[name]) > 0.0, "{name}");
    }

    let branch = Morphism::AddBranch {
        from: "relu".into(),
        into: "sum".into(),
        hidden: 4,
        kernel: 3,
        batch_norm: true,
        activation: Some(Activation::Relu),
    };
    let (child, branched) = apply(&network, &weights, &branch, seed).unwrap();
    let found = gradients(&child, &branched, seed);
    assert!(size(&found["sum_branch0.project.weight"]) > 0.0);
    assert_eq!(size(&found["sum_branch0.conv.weight"]), 0.0);
    // The hidden layer's turn comes after one step of the projection.
    let stepped: Vec<Tensor> = branched
        .specs()
        .iter()
        .zip(branched.tensors())
        .map(|(spec, tensor)| match found.get(&spec.name) {
            Some(gradient) => tensor.detach() - gradient * 0.1,
            None => tensor.detach(),
        })
        .collect();
    let stepped = Weights::from_tensors(&child, &stepped).unwrap();
    assert!(size(&gradients(&child, &stepped, seed)["sum_branch0.conv.weight"]) > 0.0);
}

#[test]
fn training_goes_on_from_where_the_parent_stood() {
    let (mut network, mut weights, seed) = start();
    let loss = |network: &Network, weights: &Weights| {
        let input = batch(network, 32, seed.derive("input", 0));
        let target = input.flatten(1, -1).narrow(1, 0, 3);
        let mode = Mode::Training { seed, drop_path: 0.0 };
        let output = forward(network, weights.tensors(), &input, mode).unwrap().main;
        (output - target).square().mean(Kind::Float)
    };
    let train = |network: &Network, weights: &Weights| {
        for _ in 0..60 {
            let parameters: Vec<&Tensor> = weights.parameters().collect();
            let gradients = Tensor::run_backward(&[loss(network, weights)], &parameters, false, false);
            tch::no_grad(|| {
                for (parameter, gradient) in parameters.iter().zip(gradients) {
                    let _ = parameter.shallow_clone().g_sub_(&(gradient * 0.05));
                }
            });
        }
        f64::try_from(loss(network, weights)).unwrap()
    };
    let trained = train(&network, &weights);
    let morphisms = [
        Morphism::Deepen {
            after: "relu".into(),
            kernel: 3,
            batch_norm: true,
            activation: Some(Activation::Relu),
        },
        Morphism::Widen { layer: "inner".into(), outputs: 10, noise: 0.01 },
        Morphism::AddSkip { from: "stem".into(), into: "pool".into() },
    ];
    for (step, morphism) in morphisms.iter().enumerate() {
        (network, weights) = apply(&network, &weights, morphism, seed.derive("step", step as u64)).unwrap();
    }
    let taken_up = f64::try_from(loss(&network, &weights)).unwrap();
    // A batch norm in training normalises by the batch, so that the loss is near the parent's, not equal.
    assert!(taken_up < 1.3 * trained, "{trained} before, {taken_up} after");
    let further = train(&network, &weights);
    assert!(further < 0.9 * trained, "{trained}, then {further}");
}

#[test]
fn noise_parts_replicas_and_without_it_they_stay_alike() {
    let (network, weights, seed) = start();
    let rows = |noise: f64| {
        let widen = Morphism::Widen { layer: "inner".into(), outputs: 6, noise };
        assert_eq!(widen.is_exact(), noise == 0.0);
        let (child, wider) = apply(&network, &weights, &widen, seed).unwrap();
        let weight = wider.get("inner.weight").unwrap().detach();
        let last = weight.get(5);
        // The last unit is a replica of one of the first five.
        let nearest =
            (0..5).min_by(|&a, &b| size(&(weight.get(a) - &last)).total_cmp(&size(&(weight.get(b) - &last))));
        let nearest = nearest.unwrap();
        let gradient = &gradients(&child, &wider, seed)["inner.weight"];
        (size(&(weight.get(nearest) - last)), size(&(gradient.get(nearest) - gradient.get(5))))
    };
    let (alike, gradients_alike) = rows(0.0);
    assert_eq!(alike, 0.0);
    assert!(gradients_alike < 1e-7, "{gradients_alike}");
    let (parted, gradients_parted) = rows(0.05);
    assert!(parted > 0.0 && gradients_parted > 1e-6, "{parted} {gradients_parted}");
}

#[test]
fn approximate_morphisms_keep_the_strongest_units_and_the_rest_of_the_weights() {
    let (network, weights, seed) = start();
    let drop = Morphism::DropUnits { layer: "inner".into(), outputs: 3 };
    assert!(!drop.is_exact());
    let (child, fewer) = apply(&network, &weights, &drop, seed).unwrap();
    let norms = |weights: &Weights| {
        let weight = weights.get("inner.weight").unwrap().detach().flatten(1, -1);
        Vec::<f64>::try_from(weight.square().sum_dim_intlist(1, false, Kind::Double)).unwrap()
    };
    let mut old = norms(&weights);
    old.sort_by(|a, b| b.total_cmp(a));
    let mut new = norms(&fewer);
    new.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(new, old[..3]);
    assert!(fewer.get("stem.weight").unwrap().equal(weights.get("stem.weight").unwrap()));

    let (child, _) =
        apply(&child, &fewer, &Morphism::DropLayer { layer: "inner_relu".into() }, seed).unwrap();
    assert!(child.find("inner_relu").is_none());
    let head = Morphism::DropLayer { layer: "head".into() };
    assert!(apply(&network, &weights, &head, seed).unwrap_err().to_string().contains("hint"));
}

#[test]
fn morphisms_are_written_and_read_as_json() {
    let text = r#"{"kind":"widen","layer":"stem","outputs":12}"#;
    let widen: Morphism = serde_json::from_str(text).unwrap();
    assert_eq!(widen, Morphism::Widen { layer: "stem".into(), outputs: 12, noise: 0.0 });
    assert_eq!(serde_json::from_str::<Morphism>(&serde_json::to_string(&widen).unwrap()).unwrap(), widen);
}
