//! The module's classes and its `forward`, in the language of TorchScript.

use std::fmt::Write;

use super::parts::{self, Part, Parts};
use crate::export::NamedTensor;
use crate::export::python;
use crate::export::steps::{Step, Steps};
use crate::{Activation, Operation, Resampling};

pub(super) fn of(steps: &Steps<'_>, parts: &Parts<'_>) -> String {
    let mut code = String::new();
    for part in &parts.0 {
        declare(part, &mut code);
        if part.number == 0 {
            forward(steps, &mut code);
        }
    }
    code
}

fn declare(part: &Part<'_>, code: &mut String) {
    let names = |are_parameters: bool| {
        let chosen = part.tensors.iter().filter(|(_, _, is_parameter)| *is_parameter == are_parameters);
        chosen.map(|(name, _, _)| format!("{}, ", python::string(name))).collect::<String>()
    };
    let mut line = |text: String| writeln!(code, "{text}").expect("text can be written to");
    line(format!("class {}(Module):", part.class()));
    line(format!("  __parameters__ = [{}]", names(true)));
    line(format!("  __buffers__ = [{}]", names(false)));
    let tensors = part.tensors.iter().map(|(name, _, _)| (*name, "Tensor".to_owned()));
    let within =
        part.parts.iter().map(|(name, number)| (*name, format!("__torch__.{}", parts::class(*number))));
    for (name, kind) in tensors.chain([("training", "bool".to_owned())]).chain(within) {
        if python::is_identifier(name) {
            line(format!("  {name} : {kind}"));
        } else {
            line(format!("  __annotations__[{}] = {kind}", python::string(name)));
        }
    }
}

fn forward(steps: &Steps<'_>, code: &mut String) {
    let name_of = |place: usize| if place == 0 { "input".to_owned() } else { format!("x{place}") };
    code.push_str("  def forward(self: __torch__.Network,\n    input: Tensor) -> Tensor:\n");
    for step in &steps.steps {
        let inputs: Vec<String> = step.inputs.iter().map(|&input| name_of(input)).collect();
        writeln!(code, "    {} = {}", name_of(step.place), expression(step, &inputs))
            .expect("text can be written to");
    }
    writeln!(code, "    return {}", name_of(steps.output)).expect("text can be written to");
}

fn expression(step: &Step<'_>, inputs: &[String]) -> String {
    let x = &inputs[0];
    let read = |tensor: &NamedTensor| parts::access(&tensor.name);
    let tensor = |suffix: &str| step.tensor(suffix).map_or_else(|| "None".to_owned(), read);
    let (weight, bias) = (tensor("weight"), tensor("bias"));
    match step.layer.operation {
        Operation::Input | Operation::Dropout { .. } | Operation::DropPath => {
            unreachable!("what passes on its input is no step")
        }
        Operation::Linear { .. } => format!("torch.linear({x}, {weight}, {bias})"),
        Operation::Conv { stride, padding, dilation, groups, .. } => {
            let (stride, dilation) = ([stride; 2], [dilation; 2]);
            format!("torch.conv2d({x}, {weight}, {bias}, {stride:?}, {padding:?}, {dilation:?}, {groups})")
        }
        Operation::BatchNorm { .. } => {
            let (mean, variance) = (tensor("running_mean"), tensor("running_var"));
            format!(
                "torch.batch_norm({x}, {weight}, {bias}, {mean}, {variance}, False, 0.10000000000000001, \
                 1.0000000000000001e-05, True)"
            )
        }
        Operation::Activation { function } => {
            let name = match function {
                Activation::Relu => "relu",
                Activation::Gelu => "gelu",
                Activation::Silu => "silu",
                Activation::Tanh => "tanh",
                Activation::Sigmoid => "sigmoid",
                Activation::LeakyRelu => "leaky_relu",
                Activation::Relu6 => "relu6",
            };
            format!("torch.{name}({x})")
        }
        Operation::MaxPool { kernel, stride, padding } => {
            let [kernel, stride, padding] = [kernel, stride, padding].map(|size| [size; 2]);
            format!("torch.max_pool2d({x}, {kernel:?}, {stride:?}, {padding:?})")
        }
        Operation::AveragePool { kernel, stride, padding } => {
            let [kernel, stride, padding] = [kernel, stride, padding].map(|size| [size; 2]);
            format!("torch.avg_pool2d({x}, {kernel:?}, {stride:?}, {padding:?}, False, False)")
        }
        Operation::GlobalAveragePool => format!("torch.mean({x}, [2, 3])"),
        Operation::Flatten => format!("torch.flatten({x}, 1)"),
        Operation::Sum => {
            let add = |sum: String, input: &String| format!("torch.add({sum}, {input})");
            inputs[1..].iter().fold(x.clone(), add)
        }
        Operation::Concat => format!("torch.cat([{}], 1)", inputs.join(", ")),
        Operation::Zero { stride: 0 | 1 } => format!("torch.zeros_like({x})"),
        Operation::Zero { stride } => {
            format!(
                "torch.zeros_like(torch.slice(torch.slice({x}, 2, None, None, {stride}), 3, None, None, {stride}))"
            )
        }
        Operation::Narrow { channels } => format!("torch.slice({x}, 1, 0, {channels})"),
        Operation::PixelShuffle { factor } => format!("torch.pixel_shuffle({x}, {factor})"),
        Operation::Crop { offset } => {
            format!("torch.slice(torch.slice({x}, 2, {offset}), 3, {offset})")
        }
        Operation::Resize { size, mode: Resampling::Nearest } => {
            format!("torch.upsample_nearest2d({x}, {size:?})")
        }
        Operation::Resize { size, mode: Resampling::Bilinear } => {
            format!("torch.upsample_bilinear2d({x}, {size:?}, False)")
        }
    }
}
