//! The network as a class.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::export::steps::{Step, Steps};
use crate::export::{ExportError, python};
use crate::{Activation, Network, Operation, Resampling, Shape};

/// Names that a module has already, as far as a layer might be called so.
const TAKEN: &[&str] = &[
    "add_module",
    "apply",
    "bfloat16",
    "buffers",
    "children",
    "compile",
    "cpu",
    "cuda",
    "double",
    "eval",
    "extra_repr",
    "float",
    "forward",
    "half",
    "ipu",
    "load_state_dict",
    "modules",
    "mtia",
    "named_buffers",
    "named_children",
    "named_modules",
    "named_parameters",
    "parameters",
    "register_buffer",
    "register_module",
    "requires_grad_",
    "share_memory",
    "state_dict",
    "to",
    "to_empty",
    "train",
    "training",
    "type",
    "xpu",
    "zero_grad",
];

const PLACE: &str = "

def place(network, name, layer):
    \"\"\"Puts a layer under its name, parts of which are joined by dots.\"\"\"
    *path, last = name.split(\".\")
    for part in path:
        if not hasattr(network, part):
            network.add_module(part, nn.Module())
        network = getattr(network, part)
    network.add_module(last, layer)
";

pub(super) fn write(network: &Network, text: &mut String) -> Result<(), ExportError> {
    let steps = Steps::with_dropout(network);
    text.push_str(PLACE);
    let mut line = |indent: usize, content: &str| {
        writeln!(text, "{:indent$}{content}", "").expect("text can be written to");
    };
    line(0, "\n\nclass Network(nn.Module):");
    line(4, "def __init__(self):");
    line(8, "super().__init__()");
    for step in &steps.steps {
        let name = &step.layer.name;
        let Some(module) = module(step, &network.shapes()[step.inputs[0]]) else { continue };
        if let Some(part) = name.split('.').find(|part| part.is_empty() || TAKEN.contains(part)) {
            let problem = format!("PyTorch's modules have another use for the name `{part}`");
            return Err(ExportError::Layer { layer: name.clone(), problem });
        }
        line(8, &format!("place(self, {}, {module})", python::string(name)));
    }
    line(0, "");
    line(4, "def forward(self, x):");
    line(8, &format!("# x: {}", with_batch(network.input_shape())));
    let mut variables = Variables::new(&steps, network.layers().len());
    let mut last_shape = network.input_shape();
    for step in &steps.steps {
        let inputs: Vec<String> = step.inputs.iter().map(|&input| variables.name(input)).collect();
        let expression = expression(step, &inputs);
        let result = variables.take(step);
        let shape = &network.shapes()[step.place];
        let note = if shape == last_shape { String::new() } else { format!("  # {}", with_batch(shape)) };
        last_shape = shape;
        line(8, &format!("{result} = {expression}{note}"));
    }
    line(8, &format!("return {}", variables.name(steps.output)));
    Ok(())
}

fn with_batch(shape: &Shape) -> String {
    let sizes: Vec<String> = shape.0.iter().map(ToString::to_string).collect();
    format!("[batch, {}]", sizes.join(", "))
}

/// Which variable holds which result: one is used again once its value is not needed any more.
struct Variables {
    /// The number of each result's variable, by place.
    of: Vec<usize>,
    /// How often each result is still read.
    reads: Vec<usize>,
    free: BTreeSet<usize>,
    n: usize,
}

impl Variables {
    fn new(steps: &Steps<'_>, n_layers: usize) -> Self {
        let mut reads = vec![0; n_layers];
        steps.steps.iter().flat_map(|step| &step.inputs).for_each(|&input| reads[input] += 1);
        reads[steps.output] += 1;
        Self { of: vec![0; n_layers], reads, free: BTreeSet::new(), n: 1 }
    }

    fn name(&self, place: usize) -> String {
        match self.of[place] {
            0 => "x".into(),
            number => format!("x{number}"),
        }
    }

    /// The variable for a step's result, once its inputs are read.
    fn take(&mut self, step: &Step<'_>) -> String {
        for &input in &step.inputs {
            self.reads[input] -= 1;
            if self.reads[input] == 0 {
                self.free.insert(self.of[input]);
            }
        }
        self.of[step.place] = self.free.pop_first().unwrap_or_else(|| {
            self.n += 1;
            self.n - 1
        });
        self.name(step.place)
    }
}

/// The layer as PyTorch's module, where it has one: what learns, or is another in training.
fn module(step: &Step<'_>, input: &Shape) -> Option<String> {
    let python_bool = |value: bool| if value { "True" } else { "False" };
    let inputs = input.0[0];
    Some(match step.layer.operation {
        Operation::Linear { outputs, bias } => {
            format!("nn.Linear({inputs}, {outputs}, bias={})", python_bool(bias))
        }
        Operation::Conv { outputs, kernel: [height, width], stride, padding, dilation, groups, bias } => {
            let [top, left] = padding;
            let mut text = format!("nn.Conv2d({inputs}, {outputs}, ({height}, {width})");
            let mut argument = |name: &str, value: String, default: &str| {
                if value != default {
                    write!(text, ", {name}={value}").expect("text can be written to");
                }
            };
            argument("stride", stride.to_string(), "1");
            argument("padding", format!("({top}, {left})"), "(0, 0)");
            argument("dilation", dilation.to_string(), "1");
            argument("groups", groups.to_string(), "1");
            argument("bias", python_bool(bias).into(), "True");
            text + ")"
        }
        Operation::BatchNorm { affine } => {
            let dimensions = if input.0.len() == 1 { 1 } else { 2 };
            let affine = if affine { "" } else { ", affine=False" };
            format!("nn.BatchNorm{dimensions}d({inputs}{affine})")
        }
        Operation::Dropout { rate } => format!("nn.Dropout({rate:?})"),
        _ => return None,
    })
}

fn expression(step: &Step<'_>, inputs: &[String]) -> String {
    let x = &inputs[0];
    match step.layer.operation {
        Operation::Linear { .. }
        | Operation::Conv { .. }
        | Operation::BatchNorm { .. }
        | Operation::Dropout { .. } => format!("{}({x})", access(&step.layer.name)),
        Operation::Input | Operation::DropPath => unreachable!("what passes on its input is no step"),
        Operation::Activation { function } => match function {
            Activation::Relu => format!("F.relu({x})"),
            Activation::Gelu => format!("F.gelu({x})"),
            Activation::Silu => format!("F.silu({x})"),
            Activation::Tanh => format!("torch.tanh({x})"),
            Activation::Sigmoid => format!("torch.sigmoid({x})"),
            Activation::LeakyRelu => format!("F.leaky_relu({x}, 0.01)"),
            Activation::Relu6 => format!("F.relu6({x})"),
        },
        Operation::MaxPool { kernel, stride, padding } => {
            format!("F.max_pool2d({x}, {kernel}, stride={stride}, padding={padding})")
        }
        Operation::AveragePool { kernel, stride, padding } => {
            format!(
                "F.avg_pool2d({x}, {kernel}, stride={stride}, padding={padding}, count_include_pad=False)"
            )
        }
        Operation::GlobalAveragePool => format!("{x}.mean((2, 3))"),
        Operation::Flatten => format!("{x}.flatten(1)"),
        Operation::Sum => inputs.join(" + "),
        Operation::Concat => format!("torch.cat([{}], 1)", inputs.join(", ")),
        Operation::Zero { stride: 0 | 1 } => format!("torch.zeros_like({x})"),
        Operation::Zero { stride } => format!("torch.zeros_like({x}[:, :, ::{stride}, ::{stride}])"),
        Operation::Narrow { channels } => format!("{x}[:, :{channels}]"),
        Operation::PixelShuffle { factor } => format!("F.pixel_shuffle({x}, {factor})"),
        Operation::Crop { offset } => format!("{x}[:, :, {offset}:, {offset}:]"),
        Operation::Resize { size: [height, width], mode } => {
            let mode = match mode {
                Resampling::Nearest => "mode=\"nearest\"",
                Resampling::Bilinear => "mode=\"bilinear\", align_corners=False",
            };
            format!("F.interpolate({x}, size=({height}, {width}), {mode})")
        }
    }
}

/// How code names the layer.
fn access(name: &str) -> String {
    if name.split('.').all(python::is_identifier) {
        format!("self.{name}")
    } else {
        format!("self.get_submodule({})", python::string(name))
    }
}
