//! Networks that together have every kind of layer, in every form that is exported differently.

use heirloom_model::Seed;
use heirloom_network::export::NamedTensor;
use heirloom_network::{Activation, Network, NetworkBuilder, Operation, Resampling, Shape, TensorRole};

/// Neither square nor even, so that heights, widths and borders cannot be mixed up.
const IMAGE: [usize; 3] = [4, 9, 7];

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) network: Network,
}

/// All cases; a name tells the layers.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, input: &[usize], layers: Vec<Operation>| {
        cases.push(Case { name: name.into(), network: chain(input, layers) });
    };
    add("linear", &[5], vec![Operation::Linear { outputs: 3, bias: true }]);
    add("linear-without-bias", &[5], vec![Operation::Linear { outputs: 3, bias: false }]);
    for (name, outputs, kernel, stride, padding, dilation, groups, bias) in [
        ("conv", 6, [3, 3], 1, [1, 1], 1, 1, false),
        ("conv-strided-with-bias", 6, [3, 3], 2, [0, 0], 1, 1, true),
        ("conv-oblong", 6, [1, 7], 1, [0, 3], 1, 1, false),
        ("conv-dilated", 6, [3, 3], 1, [2, 2], 2, 1, true),
        ("conv-depthwise", 8, [5, 5], 2, [2, 2], 1, 4, false),
    ] {
        let conv = Operation::Conv { outputs, kernel, stride, padding, dilation, groups, bias };
        add(name, &IMAGE, vec![conv]);
    }
    for affine in [true, false] {
        add(&format!("norm-of-images-affine-{affine}"), &IMAGE, vec![Operation::BatchNorm { affine }]);
        add(&format!("norm-of-features-affine-{affine}"), &[6], vec![Operation::BatchNorm { affine }]);
    }
    for function in [
        Activation::Relu,
        Activation::Gelu,
        Activation::Silu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::LeakyRelu,
        Activation::Relu6,
    ] {
        // Steep enough that all pieces of a function are met.
        let layers = vec![Operation::Linear { outputs: 40, bias: true }, Operation::Activation { function }];
        add(&format!("activation-{function:?}"), &[30], layers);
    }
    for (kernel, stride, padding) in [(3, 1, 1), (3, 2, 1), (2, 2, 0)] {
        let name = format!("{kernel}-{stride}-{padding}");
        add(&format!("max-pool-{name}"), &IMAGE, vec![Operation::MaxPool { kernel, stride, padding }]);
        add(
            &format!("average-pool-{name}"),
            &IMAGE,
            vec![Operation::AveragePool { kernel, stride, padding }],
        );
    }
    add("global-average-pool", &IMAGE, vec![Operation::GlobalAveragePool]);
    add("flatten", &IMAGE, vec![Operation::Flatten]);
    add("dropout-and-drop-path", &[6], vec![Operation::Dropout { rate: 0.5 }, Operation::DropPath]);
    add("zero", &IMAGE, vec![Operation::Zero { stride: 1 }]);
    add("zero-strided", &IMAGE, vec![Operation::Zero { stride: 2 }]);
    add("zero-of-features", &[6], vec![Operation::Zero { stride: 1 }]);
    add("narrow", &IMAGE, vec![Operation::Narrow { channels: 3 }]);
    add("narrow-features", &[6], vec![Operation::Narrow { channels: 2 }]);
    add("crop", &IMAGE, vec![Operation::Crop { offset: 1 }]);
    add("pixel-shuffle", &[8, 3, 5], vec![Operation::PixelShuffle { factor: 2 }]);
    for (name, mode) in [("nearest", Resampling::Nearest), ("bilinear", Resampling::Bilinear)] {
        for size in [[18, 14], [13, 5], [4, 20], [1, 1]] {
            let name = format!("resize-{name}-{}-{}", size[0], size[1]);
            add(&name, &IMAGE, vec![Operation::Resize { size, mode }]);
        }
    }
    cases.extend([branches(), deep_names(), auxiliary()]);
    cases.extend([alone("sum-of-one", Operation::Sum), alone("concat-of-one", Operation::Concat)]);
    let network = NetworkBuilder::new(Shape(vec![3])).finish(NetworkBuilder::INPUT, None);
    cases.push(Case { name: "nothing".into(), network });
    cases
}

fn chain(input: &[usize], layers: Vec<Operation>) -> Network {
    let mut builder = NetworkBuilder::new(Shape(input.to_vec()));
    let mut last = NetworkBuilder::INPUT;
    for (place, operation) in layers.into_iter().enumerate() {
        last = builder.add(format!("layer{place}"), operation, &[last]).unwrap();
    }
    builder.finish(last, None)
}

fn alone(name: &str, operation: Operation) -> Case {
    Case { name: name.into(), network: chain(&IMAGE, vec![operation]) }
}

/// Results that are read more than once, sums and joins of two and three, a dead branch.
fn branches() -> Case {
    let mut builder = NetworkBuilder::new(Shape(IMAGE.to_vec()));
    let mut add = |name: &str, operation, inputs: &[usize]| builder.add(name, operation, inputs).unwrap();
    let stem = add("stem", Operation::conv(4, 3, 1), &[0]);
    let relu = add("relu", Operation::activation(Activation::Relu), &[stem]);
    let dead = add("dead", Operation::conv(4, 1, 1), &[stem]);
    add("deader", Operation::conv(4, 1, 1), &[dead]);
    let left = add("left", Operation::conv(4, 1, 1), &[relu]);
    let passed = add("passed", Operation::DropPath, &[left]);
    let both = add("both", Operation::Sum, &[passed, stem]);
    let thrice = add("thrice", Operation::Sum, &[both, relu, passed]);
    let joined = add("joined", Operation::Concat, &[thrice, both, relu]);
    let pooled = add("pooled", Operation::GlobalAveragePool, &[joined]);
    let dropped = add("dropped", Operation::Dropout { rate: 0.3 }, &[pooled]);
    let head = add("head", Operation::Linear { outputs: 5, bias: true }, &[dropped]);
    Case { name: "branches".into(), network: builder.finish(head, None) }
}

/// Names with parts that are no Python names, and one that is a part's and a layer's.
fn deep_names() -> Case {
    let mut builder = NetworkBuilder::new(Shape(IMAGE.to_vec()));
    let mut last = NetworkBuilder::INPUT;
    for name in ["0.conv", "stage1.cell-0.1.conv", "stage1.class.conv", "stage1.cell-0.1.conv.again"] {
        last = builder.add(name, Operation::conv(4, 3, 1), &[last]).unwrap();
        last = builder.add(format!("{name}.norm"), Operation::BatchNorm { affine: true }, &[last]).unwrap();
    }
    Case { name: "deep-names".into(), network: builder.finish(last, None) }
}

fn auxiliary() -> Case {
    let mut builder = NetworkBuilder::new(Shape(IMAGE.to_vec()));
    let mut add = |name: &str, operation, inputs: &[usize]| builder.add(name, operation, inputs).unwrap();
    let stem = add("stem", Operation::conv(4, 3, 1), &[0]);
    let seen = add("auxiliary.conv", Operation::conv(2, 1, 1), &[stem]);
    let flat = add("auxiliary.flat", Operation::Flatten, &[seen]);
    let auxiliary = add("auxiliary.head", Operation::Linear { outputs: 3, bias: true }, &[flat]);
    let flat = add("flat", Operation::Flatten, &[stem]);
    let head = add("head", Operation::Linear { outputs: 3, bias: true }, &[flat]);
    Case { name: "auxiliary".into(), network: builder.finish(head, Some(auxiliary)) }
}

/// Random tensors for a network, in its order; variances are positive.
pub(crate) fn tensors(network: &Network) -> Vec<NamedTensor> {
    let seed = Seed::from_number(7);
    let tensor = |spec: heirloom_network::TensorSpec| {
        let mut rng = seed.derive(&spec.name, 0).rng();
        let mut number = || match spec.role {
            TensorRole::RunningVariance | TensorRole::Scale => rng.uniform() as f32 + 0.5,
            _ => (2.0 * rng.uniform() - 1.0) as f32,
        };
        let values = (0..spec.len()).map(|_| number()).collect();
        NamedTensor { name: spec.name, shape: spec.shape, values }
    };
    network.tensors().into_iter().map(tensor).collect()
}
