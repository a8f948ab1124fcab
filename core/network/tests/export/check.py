"""Runs every exported network and compares it with a network that is built here from its layers.

Usage: check.py FOLDER, which holds a folder for each case. Prints a JSON object a line: case, format, by how much the
outputs differ, relative to the largest one.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch
from torch import nn


def read_weights(path):
    """By the format's definition, not by what Heirloom exports."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    weights = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        numbers = numpy.frombuffer(content[8 + length :][start:end], dtype="<f4")
        weights[name] = torch.from_numpy(numbers.copy()).reshape(entry["shape"])
    return weights


class Add(nn.Module):
    def forward(self, *inputs):
        return torch.stack(inputs).sum(0)


class Join(nn.Module):
    def forward(self, *inputs):
        return torch.cat(inputs, dim=1)


class Cut(nn.Module):
    def __init__(self, channels=None, offset=0):
        super().__init__()
        self.channels, self.offset = channels, offset

    def forward(self, x):
        if self.channels is not None:
            return x[:, : self.channels]
        return x[..., self.offset :, self.offset :]


class Zero(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x.mul(0.0) if self.stride == 1 else x[:, :, :: self.stride, :: self.stride].mul(0.0)


ACTIVATIONS = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": nn.LeakyReLU,
    "relu6": nn.ReLU6,
}


def module(layer, x):
    """PyTorch's own module for a layer that is fed by `x`."""
    kind = layer["kind"]
    if kind == "linear":
        return nn.Linear(x.shape[1], layer["outputs"], layer["bias"])
    if kind == "conv":
        return nn.Conv2d(
            x.shape[1],
            layer["outputs"],
            layer["kernel"],
            layer["stride"],
            layer["padding"],
            layer["dilation"],
            layer["groups"],
            layer["bias"],
        )
    if kind == "batch_norm":
        return (nn.BatchNorm1d if x.dim() == 2 else nn.BatchNorm2d)(x.shape[1], affine=layer["affine"])
    if kind == "resize":
        corners = {"align_corners": False} if layer["mode"] == "bilinear" else {}
        return nn.Upsample(size=tuple(layer["size"]), mode=layer["mode"], **corners)
    return {
        "activation": lambda: ACTIVATIONS[layer["function"]](),
        "max_pool": lambda: nn.MaxPool2d(layer["kernel"], layer["stride"], layer["padding"]),
        "average_pool": lambda: nn.AvgPool2d(
            layer["kernel"], layer["stride"], layer["padding"], count_include_pad=False
        ),
        "global_average_pool": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "flatten": nn.Flatten,
        "dropout": lambda: nn.Dropout(layer["rate"]),
        "drop_path": nn.Identity,
        "sum": Add,
        "concat": Join,
        "zero": lambda: Zero(layer["stride"]),
        "narrow": lambda: Cut(channels=layer["channels"]),
        "crop": lambda: Cut(offset=layer["offset"]),
        "pixel_shuffle": lambda: nn.PixelShuffle(layer["factor"]),
    }[kind]()


def reference(network, weights, x):
    """What PyTorch's modules make of `x`."""
    results = [x]
    for layer in network["layers"]:
        inputs = [results[place] for place in layer["inputs"]]
        built = module(layer["operation"], inputs[0]).eval()
        own = {name: weights[f"{layer['name']}.{name}"] for name in built.state_dict() if name != "num_batches_tracked"}
        built.load_state_dict(own, strict=False)
        results.append(built(*inputs))
    return results[network["output"]]


def load_python(path):
    spec = importlib.util.spec_from_file_location("model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


def check(folder):
    network = json.loads((folder / "network.json").read_text())
    weights = read_weights(folder / "weights.safetensors")
    script = torch.jit.load(folder / "model.pt")
    stored = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(stored, full_check=True)
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    module = load_python(folder / "model.py")
    torch.manual_seed(0)
    for n in (1, 3):
        x = torch.randn(n, *network["input"])
        expected = reference(network, weights, x)
        scale = max(1.0, expected.abs().max().item())
        (from_onnx,) = session.run(None, {"input": x.numpy()})
        outputs = {
            "torchscript": script(x),
            "torchscript in training mode": script.train()(x),
            "onnx": torch.from_numpy(from_onnx),
            "python": module(x),
        }
        for format, output in outputs.items():
            assert output.shape == expected.shape, f"{folder.name}, {format}: {output.shape} for {expected.shape}"
            difference = (output - expected).abs().max().item() / scale
            print(json.dumps({"case": folder.name, "format": format, "batch": n, "difference": difference}))
    for name, tensor in script.state_dict().items():
        assert torch.equal(tensor, weights[name]), f"{folder.name}: {name}"


with torch.no_grad():
    for case in sorted(Path(sys.argv[1]).iterdir()):
        check(case)
