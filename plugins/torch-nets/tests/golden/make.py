"""Makes layers.json, optimizers.json and schedules.json: what PyTorch 2.11.0 computes, as numbers to compare with.

    python make.py

Layers: a network of one layer (or a few), weights, a batch, a target; then the output, the mean squared error, its
gradients with respect to weights and batch, and running statistics after the pass. Optimizers: parameters after each
of five steps on given gradients. Schedules: learning rates at twenty places of a training.
"""

import json
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
torch.manual_seed(20261122)
torch.set_num_threads(1)


def numbers(tensor):
    return {"shape": list(tensor.shape), "values": [float(f"{x:.9g}") for x in tensor.detach().flatten().tolist()]}


def layer_case(name, operation, module, shape, training=True, batch=3):
    """One layer `operation` beside PyTorch's `module`, on a batch of samples of `shape`."""
    if module is not None and not callable(module):
        raise TypeError(name)
    is_module = isinstance(module, nn.Module)
    if is_module:
        module.train(training)
        for buffer_name, buffer in module.named_buffers():
            if "mean" in buffer_name:
                buffer.uniform_(-1, 1)
            elif "var" in buffer_name:
                buffer.uniform_(0.5, 2)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.uniform_(-1, 1)
    x = torch.randn(batch, *shape, requires_grad=True)
    order = ["weight", "bias", "running_mean", "running_var"]
    tensors = {}
    if is_module:
        state = {k: v.detach().clone() for k, v in module.state_dict().items() if k in order}
        tensors = {f"layer.{k}": numbers(state[k]) for k in order if k in state}
    y = module(x)
    target = torch.randn_like(y)
    loss = ((y - target) ** 2).mean()
    loss.backward()
    gradients = {}
    if is_module:
        gradients = {f"layer.{k}": numbers(p.grad) for k, p in module.named_parameters()}
    after = {}
    if is_module:
        after = {f"layer.{k}": numbers(b) for k, b in module.named_buffers() if k.startswith("running")}
    return {
        "name": name,
        "network": {"input": list(shape), "layers": [{"name": "layer", "operation": operation, "inputs": [0]}], "output": 1},
        "training": training,
        "tensors": tensors,
        "input": numbers(x),
        "target": numbers(target),
        "output": numbers(y),
        "loss": loss.item(),
        "gradients": gradients,
        "input_gradient": numbers(x.grad),
        "after": after,
    }


def conv(outputs, kernel, stride=1, padding=(0, 0), dilation=1, groups=1, bias=False):
    kernel = list(kernel) if isinstance(kernel, tuple) else [kernel, kernel]
    return {
        "kind": "conv", "outputs": outputs, "kernel": kernel, "stride": stride, "padding": list(padding),
        "dilation": dilation, "groups": groups, "bias": bias,
    }


def layers():
    image = (4, 4, 3)
    yield layer_case("linear", {"kind": "linear", "outputs": 4, "bias": True}, nn.Linear(5, 4), (5,))
    yield layer_case("linear without bias", {"kind": "linear", "outputs": 2, "bias": False}, nn.Linear(5, 2, bias=False), (5,))
    yield layer_case("conv", conv(6, 3, 1, (1, 1), bias=True), nn.Conv2d(4, 6, 3, 1, 1), image)
    yield layer_case("strided conv", conv(6, 3, 2, (1, 1)), nn.Conv2d(4, 6, 3, 2, 1, bias=False), image)
    yield layer_case("dilated conv", conv(2, 3, 1, (2, 2), dilation=2), nn.Conv2d(4, 2, 3, 1, 2, dilation=2, bias=False), image)
    yield layer_case("depthwise conv", conv(4, 3, 1, (1, 1), groups=4), nn.Conv2d(4, 4, 3, 1, 1, groups=4, bias=False), image)
    yield layer_case("oblong conv", conv(2, (1, 3), 1, (0, 1)), nn.Conv2d(4, 2, (1, 3), 1, (0, 1), bias=False), image)
    for training in (True, False):
        word = "training" if training else "evaluation"
        yield layer_case(f"batch norm of images in {word}", {"kind": "batch_norm", "affine": True}, nn.BatchNorm2d(4), image, training)
        yield layer_case(f"batch norm of features in {word}", {"kind": "batch_norm", "affine": True}, nn.BatchNorm1d(5), (5,), training, batch=4)
    yield layer_case("batch norm without scale", {"kind": "batch_norm", "affine": False}, nn.BatchNorm2d(4, affine=False), image)
    functions = {
        "relu": nn.ReLU(), "gelu": nn.GELU(), "silu": nn.SiLU(), "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(),
        "leaky_relu": nn.LeakyReLU(), "relu6": nn.ReLU6(),
    }
    for name, module in functions.items():
        yield layer_case(name, {"kind": "activation", "function": name}, module, (7,))
    yield layer_case("max pool", {"kind": "max_pool", "kernel": 3, "stride": 2, "padding": 1}, nn.MaxPool2d(3, 2, 1), image)
    yield layer_case(
        "average pool", {"kind": "average_pool", "kernel": 3, "stride": 1, "padding": 1},
        nn.AvgPool2d(3, 1, 1, count_include_pad=False), image,
    )
    yield layer_case("global average pool", {"kind": "global_average_pool"}, lambda x: x.mean((2, 3)), image)
    yield layer_case("flatten", {"kind": "flatten"}, nn.Flatten(), image)
    yield layer_case("zero", {"kind": "zero", "stride": 2}, lambda x: x[:, :, ::2, ::2] * 0, image)
    yield layer_case("crop", {"kind": "crop", "offset": 1}, lambda x: x[:, :, 1:, 1:], image)
    yield layer_case(
        "nearest", {"kind": "resize", "size": [9, 7], "mode": "nearest"}, nn.Upsample(size=(9, 7), mode="nearest"), image
    )
    yield layer_case(
        "bilinear", {"kind": "resize", "size": [9, 7], "mode": "bilinear"},
        nn.Upsample(size=(9, 7), mode="bilinear", align_corners=False), image,
    )


def optimizers():
    rules = {
        "sgd": (torch.optim.SGD, {}, {"kind": "sgd", "momentum": 0.0, "nesterov": False}),
        "sgd with momentum": (torch.optim.SGD, {"momentum": 0.9}, {"kind": "sgd", "momentum": 0.9, "nesterov": False}),
        "sgd with nesterov": (
            torch.optim.SGD, {"momentum": 0.9, "nesterov": True}, {"kind": "sgd", "momentum": 0.9, "nesterov": True},
        ),
        "adam": (torch.optim.Adam, {}, {"kind": "adam"}),
        "adamw": (torch.optim.AdamW, {}, {"kind": "adamw"}),
    }
    for name, (make, options, rule) in rules.items():
        for decay in (0.0, 0.1):
            start = [torch.randn(2, 3), torch.randn(2)]
            parameters = [p.clone().requires_grad_() for p in start]
            optimizer = make(parameters, lr=0.05, weight_decay=decay, **options)
            steps = []
            for _ in range(5):
                gradients = [torch.randn_like(p) for p in parameters]
                for parameter, gradient in zip(parameters, gradients):
                    parameter.grad = gradient
                optimizer.step()
                steps.append({"gradients": [numbers(g) for g in gradients], "parameters": [numbers(p) for p in parameters]})
            yield {
                "name": f"{name}, decay {decay}", "rule": rule, "decay": decay, "rate": 0.05,
                "start": [numbers(p) for p in start], "steps": steps,
            }


def schedules():
    """Rates at twenty places of a long training: PyTorch's one cycle turns a step earlier than its continuous form."""
    n = 100_000
    makers = {
        "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, n),
        "one_cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=n + 1),
        "step": lambda o: torch.optim.lr_scheduler.StepLR(o, n // 4, 0.3),
    }
    for name, make in makers.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler = make(optimizer)
        rates = []
        for step in range(n):
            if step % (n // 20) == 0:
                rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        yield {"name": name, "rates": rates}


for name, cases in {"layers": layers, "optimizers": optimizers, "schedules": schedules}.items():
    text = ",\n".join(json.dumps(case) for case in cases())
    (HERE / f"{name}.json").write_text(f"[\n{text}\n]\n")
