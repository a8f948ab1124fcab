//! The layers as ONNX operators. What opset 17 has no operator for is put together from several.

use super::protobuf::{FLOAT, INT64, Message, tensor};
use super::{INPUT, OUTPUT};
use crate::export::NamedTensor;
use crate::export::steps::{Step, Steps};
use crate::{Activation, Network, Operation, Resampling};

/// An end of a slice that lies behind every end.
const TO_THE_END: i64 = i64::MAX;

pub(super) struct Graph {
    pub(super) nodes: Vec<Message>,
    pub(super) constants: Vec<Message>,
}

pub(super) fn of(network: &Network, steps: &Steps<'_>) -> Graph {
    let mut graph = Graph { nodes: Vec::new(), constants: Vec::new() };
    let name_of = |place: usize| match place {
        0 => INPUT.to_owned(),
        _ if place == steps.output => OUTPUT.to_owned(),
        _ => format!("{}/out", network.layers()[place].name),
    };
    for step in &steps.steps {
        let inputs: Vec<String> = step.inputs.iter().map(|&input| name_of(input)).collect();
        let result = name_of(step.place);
        let mut writer = Writer { graph: &mut graph, layer: &step.layer.name, result: &result };
        writer.step(step, &inputs, network.shapes()[step.inputs[0]].0[0]);
    }
    if steps.output == 0 {
        let mut writer = Writer { graph: &mut graph, layer: OUTPUT, result: OUTPUT };
        writer.last("Identity", &[INPUT], &[]);
    }
    graph
}

/// Writes the nodes of one layer.
struct Writer<'a> {
    graph: &'a mut Graph,
    layer: &'a str,
    /// The name of the layer's result.
    result: &'a str,
}

enum Attribute<'a> {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'a str),
    Tensor(Message),
}

type Attributes<'a> = [(&'a str, Attribute<'a>)];

impl Writer<'_> {
    /// `channels`: of what feeds the layer.
    fn step(&mut self, step: &Step<'_>, inputs: &[String], channels: usize) {
        for tensor in step.tensors {
            self.weights(tensor);
        }
        let x = inputs[0].as_str();
        let named = |suffix: &str| step.tensor(suffix).map(|tensor| tensor.name.clone());
        let weight = named("weight").unwrap_or_default();
        let of_layer = |first: &[&str], bias: &Option<String>| {
            first.iter().map(|name| (*name).to_owned()).chain(bias.clone()).collect::<Vec<_>>()
        };
        use Attribute::{Float, Int, Ints, Text};
        match step.layer.operation {
            Operation::Input | Operation::Dropout { .. } | Operation::DropPath => {
                unreachable!("what passes on its input is no step")
            }
            Operation::Linear { .. } => {
                self.last("Gemm", &of_layer(&[x, &weight], &named("bias")), &[("transB", Int(1))]);
            }
            Operation::Conv { kernel, stride, padding: [top, left], dilation, groups, .. } => {
                let attributes = [
                    ("kernel_shape", Ints(signed(kernel))),
                    ("strides", Ints(signed([stride; 2]))),
                    ("pads", Ints(signed([top, left, top, left]))),
                    ("dilations", Ints(signed([dilation; 2]))),
                    ("group", Int(groups as i64)),
                ];
                self.last("Conv", &of_layer(&[x, &weight], &named("bias")), &attributes);
            }
            Operation::BatchNorm { affine } => {
                let [scale, shift] = if affine {
                    ["weight", "bias"].map(|suffix| format!("{}.{suffix}", self.layer))
                } else {
                    [1.0, 0.0].map(|value| self.filled(value, channels))
                };
                let [mean, variance] =
                    ["running_mean", "running_var"].map(|suffix| format!("{}.{suffix}", self.layer));
                let inputs = [x, &scale, &shift, &mean, &variance];
                self.last("BatchNormalization", &inputs, &[("epsilon", Float(1e-5))]);
            }
            Operation::Activation { function } => self.activation(function, x),
            Operation::MaxPool { kernel, stride, padding } => {
                self.last("MaxPool", &[x], &window(kernel, stride, padding));
            }
            Operation::AveragePool { kernel, stride, padding } => {
                // Left out, `count_include_pad` is 0: the border does not count.
                self.last("AveragePool", &[x], &window(kernel, stride, padding));
            }
            Operation::GlobalAveragePool => {
                self.last("ReduceMean", &[x], &[("axes", Ints(vec![2, 3])), ("keepdims", Int(0))]);
            }
            Operation::Flatten => self.last("Flatten", &[x], &[("axis", Int(1))]),
            Operation::Sum => self.last("Sum", inputs, &[]),
            Operation::Concat => self.last("Concat", inputs, &[("axis", Int(1))]),
            Operation::Zero { stride } => {
                let thinned = if stride > 1 {
                    let step = [stride as i64; 2];
                    let cut = self.slice(x, &[0, 0], &[TO_THE_END; 2], &[2, 3], Some(&step));
                    self.node("thinned", "Slice", &cut, &[])
                } else {
                    x.to_owned()
                };
                let shape = self.node("shape", "Shape", &[thinned], &[]);
                let zero = tensor("", FLOAT, &[1], &0_f32.to_le_bytes());
                self.last("ConstantOfShape", &[shape], &[("value", Attribute::Tensor(zero))]);
            }
            Operation::Narrow { channels } => {
                let cut = self.slice(x, &[0], &[channels as i64], &[1], None);
                self.last("Slice", &cut, &[]);
            }
            Operation::PixelShuffle { factor } => {
                // Channels fall into (result, row, column), as PyTorch has them.
                let attributes = [("blocksize", Int(factor as i64)), ("mode", Text("CRD"))];
                self.last("DepthToSpace", &[x], &attributes);
            }
            Operation::Crop { offset } => {
                let cut = self.slice(x, &[offset as i64; 2], &[TO_THE_END; 2], &[2, 3], None);
                self.last("Slice", &cut, &[]);
            }
            Operation::Resize { size, mode } => {
                // By sizes, not scales: a scale in 32 bits can miss the size by one. The batch's is known only at run
                // time.
                let shape = self.node("shape", "Shape", &[x], &[]);
                let cut = self.slice(&shape, &[0], &[2], &[0], None);
                let kept = self.node("kept", "Slice", &cut, &[]);
                let size = self.ints("size", &signed(size));
                let sizes = self.node("sizes", "Concat", &[kept, size], &[("axis", Int(0))]);
                let inputs = [x, "", "", &sizes];
                let place = "coordinate_transformation_mode";
                match mode {
                    Resampling::Nearest => {
                        let attributes = [
                            ("mode", Text("nearest")),
                            (place, Text("asymmetric")),
                            ("nearest_mode", Text("floor")),
                        ];
                        self.last("Resize", &inputs, &attributes);
                    }
                    Resampling::Bilinear => {
                        let attributes = [("mode", Text("linear")), (place, Text("half_pixel"))];
                        self.last("Resize", &inputs, &attributes);
                    }
                }
            }
        }
    }

    fn activation(&mut self, function: Activation, x: &str) {
        match function {
            Activation::Relu => self.last("Relu", &[x], &[]),
            Activation::Tanh => self.last("Tanh", &[x], &[]),
            Activation::Sigmoid => self.last("Sigmoid", &[x], &[]),
            Activation::LeakyRelu => self.last("LeakyRelu", &[x], &[("alpha", Attribute::Float(0.01))]),
            Activation::Relu6 => {
                let [low, high] = [("low", 0.0), ("high", 6.0)].map(|(name, value)| self.number(name, value));
                self.last("Clip", &[x, &low, &high], &[]);
            }
            Activation::Silu => {
                let gate = self.node("gate", "Sigmoid", &[x], &[]);
                self.last("Mul", &[x, &gate], &[]);
            }
            // x Φ(x), Φ(x) = (1 + erf(x / √2)) / 2: the operator of its own came with opset 20.
            Activation::Gelu => {
                let root = self.number("root", std::f32::consts::FRAC_1_SQRT_2);
                let [one, half] = [("one", 1.0), ("half", 0.5)].map(|(name, value)| self.number(name, value));
                let scaled = self.node("scaled", "Mul", &[x, &root], &[]);
                let erf = self.node("erf", "Erf", &[scaled], &[]);
                let raised = self.node("raised", "Add", &[erf, one], &[]);
                let share = self.node("share", "Mul", &[raised, half], &[]);
                self.last("Mul", &[x, &share], &[]);
            }
        }
    }

    /// The inputs of a slice.
    fn slice(
        &mut self,
        x: &str,
        starts: &[i64],
        ends: &[i64],
        axes: &[i64],
        steps: Option<&[i64]>,
    ) -> Vec<String> {
        let mut inputs = vec![x.to_owned()];
        inputs.extend(
            [("starts", starts), ("ends", ends), ("axes", axes)].map(|(name, at)| self.ints(name, at)),
        );
        inputs.extend(steps.map(|steps| self.ints("steps", steps)));
        inputs
    }

    /// A node within the layer; the name of its result.
    fn node(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[impl AsRef<str>],
        attributes: &Attributes<'_>,
    ) -> String {
        let result = format!("{}/{name}", self.layer);
        self.push(&result, &result, operator, inputs, attributes);
        result
    }

    /// The node whose result is the layer's.
    fn last(&mut self, operator: &str, inputs: &[impl AsRef<str>], attributes: &Attributes<'_>) {
        self.push(self.layer, self.result, operator, inputs, attributes);
    }

    fn push(
        &mut self,
        name: &str,
        result: &str,
        operator: &str,
        inputs: &[impl AsRef<str>],
        attributes: &Attributes<'_>,
    ) {
        let mut node = Message::default();
        inputs.iter().for_each(|input| node.text(1, input.as_ref()));
        node.text(2, result);
        node.text(3, name);
        node.text(4, operator);
        attributes.iter().for_each(|(name, value)| node.message(5, &attribute(name, value)));
        self.graph.nodes.push(node);
    }

    fn weights(&mut self, weights: &NamedTensor) {
        let constant = tensor(&weights.name, FLOAT, &weights.shape, &weights.bytes());
        self.graph.constants.push(constant);
    }

    fn ints(&mut self, name: &str, values: &[i64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, INT64, &[values.len()], &bytes)
    }

    fn number(&mut self, name: &str, value: f32) -> String {
        self.constant(name, FLOAT, &[], &value.to_le_bytes())
    }

    /// The same number `n` times.
    fn filled(&mut self, value: f32, n: usize) -> String {
        self.constant(&format!("all_{value}"), FLOAT, &[n], &value.to_le_bytes().repeat(n))
    }

    fn constant(&mut self, name: &str, kind: i64, shape: &[usize], bytes: &[u8]) -> String {
        let name = format!("{}/{name}", self.layer);
        self.graph.constants.push(tensor(&name, kind, shape, bytes));
        name
    }
}

fn window(kernel: usize, stride: usize, padding: usize) -> [(&'static str, Attribute<'static>); 3] {
    [
        ("kernel_shape", Attribute::Ints(signed([kernel; 2]))),
        ("strides", Attribute::Ints(signed([stride; 2]))),
        ("pads", Attribute::Ints(signed([padding; 4]))),
    ]
}

fn signed<const N: usize>(sizes: [usize; N]) -> Vec<i64> {
    sizes.map(|size| size as i64).to_vec()
}

/// Each kind of attribute has a field for its value and a number that says so.
fn attribute(name: &str, value: &Attribute<'_>) -> Message {
    let mut message = Message::default();
    message.text(1, name);
    let kind = match value {
        Attribute::Float(number) => {
            message.float(2, *number);
            1
        }
        Attribute::Int(number) => {
            message.int(3, *number);
            2
        }
        Attribute::Text(text) => {
            message.text(4, text);
            3
        }
        Attribute::Tensor(tensor) => {
            message.message(5, tensor);
            4
        }
        Attribute::Ints(numbers) => {
            numbers.iter().for_each(|&number| message.int(8, number));
            7
        }
    };
    message.int(20, kind);
    message
}
