"""The scores by their formulas in PyTorch, from a folder with `network.json`, `weights.json` and `sample.json`.

Prints one JSON object, score by name. Written from the papers, without a look at the plugin: the two are compared.
"""

import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

SMALL = 1e-5


class Net:
    """A stored network with weights by name."""

    def __init__(self, description, weights):
        self.layers = description["layers"]
        self.output = description["output"]
        self.weights = {name: torch.tensor(values["data"]).reshape(values["shape"]) for name, values in weights.items()}
        for name, tensor in self.weights.items():
            tensor.requires_grad_("running" not in name)

    def kernels(self):
        return {
            layer["name"]: self.weights[layer["name"] + ".weight"]
            for layer in self.layers
            if layer["operation"]["kind"] in ("conv", "linear")
        }

    def __call__(self, x, normalise=True, seen=None):
        results = [x]
        for layer in self.layers:
            inputs = [results[place] for place in layer["inputs"]]
            result = self.layer(layer["name"], layer["operation"], inputs, normalise)
            if seen is not None:
                result = seen(layer, result, inputs)
            results.append(result)
        return results[self.output]

    def layer(self, name, operation, inputs, normalise):
        x, kind = inputs[0], operation["kind"]
        get = lambda part: self.weights.get(f"{name}.{part}")
        if kind == "linear":
            return F.linear(x, get("weight"), get("bias"))
        if kind == "conv":
            return F.conv2d(
                x, get("weight"), get("bias"), operation["stride"], operation["padding"], operation["dilation"], operation["groups"]
            )
        if kind == "batch_norm":
            if not normalise:
                return x
            return F.batch_norm(x, get("running_mean"), get("running_var"), get("weight"), get("bias"), training=True)
        if kind == "activation":
            return {"relu": F.relu, "gelu": F.gelu, "silu": F.silu, "tanh": torch.tanh}[operation["function"]](x)
        if kind == "max_pool":
            return F.max_pool2d(x, operation["kernel"], operation["stride"], operation["padding"])
        if kind == "average_pool":
            return F.avg_pool2d(x, operation["kernel"], operation["stride"], operation["padding"], count_include_pad=False)
        if kind == "global_average_pool":
            return x.mean((2, 3))
        if kind == "flatten":
            return x.flatten(1)
        if kind == "sum":
            return sum(inputs)
        if kind == "concat":
            return torch.cat(inputs, 1)
        if kind == "zero":
            return x[..., :: operation["stride"], :: operation["stride"]].mul(0.0)
        if kind in ("dropout", "drop_path"):
            return x
        raise ValueError(f"no layer {kind}")


def by_kernel(net, loss, worth):
    kernels = list(net.kernels().values())
    gradients = torch.autograd.grad(loss, kernels, allow_unused=True)
    return sum(worth(w.detach(), g).item() for w, g in zip(kernels, gradients) if g is not None)


def jacobian(net, x):
    x = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(net(x).sum(), x)
    return gradient.flatten(1).double()


def codes(net, x):
    found = []

    def seen(layer, result, inputs):
        if layer["operation"]["kind"] == "activation":
            found.append((inputs[0] > 0).flatten(1).double())
        return result

    with torch.no_grad():
        net(x, seen=seen)
    return torch.cat(found, 1)


def scores(make, x, y, skip=()):
    n = len(x)
    half = n // 2
    found = {}

    code = codes(make(), x)
    agreements = code @ code.T + (1 - code) @ (1 - code).T
    found["naswot"] = torch.linalg.slogdet(agreements)[1].item()
    found["linear-regions"] = len(torch.unique(code, dim=0))

    rows = jacobian(make(), x)
    correlations = torch.corrcoef(rows)
    values = torch.linalg.eigvalsh(correlations)
    found["jacov"] = -(torch.log(values + SMALL) + 1 / (values + SMALL)).sum().item()
    found["epe-nas"] = sum(
        abs(torch.log(torch.corrcoef(rows[y == c]).abs() + SMALL).sum().item()) for c in y.unique() if (y == c).sum() > 1
    ) + sum(abs(math.log(1 + SMALL)) for c in y.unique() if (y == c).sum() == 1)

    net = make()
    for name, tensor in net.weights.items():
        net.weights[name] = tensor.detach().double().abs().requires_grad_(tensor.requires_grad)
    ones = torch.ones(1, *x.shape[1:], dtype=torch.double)
    flow = by_kernel(net, net(ones, normalise=False).sum(), lambda w, g: (w * g).abs().sum())
    found["synflow"] = math.log(max(flow, sys.float_info.min))

    loss = lambda net, x, y: F.cross_entropy(net(x), y)
    net = make()
    found["snip"] = by_kernel(net, loss(net, x, y), lambda w, g: (w * g).abs().sum())
    net = make()
    found["plain"] = by_kernel(net, loss(net, x, y), lambda w, g: (w * g).double().sum())
    net = make()
    found["grad-norm"] = by_kernel(net, loss(net, x, y), lambda w, g: g.norm())
    found["l2-norm"] = sum(w.norm().item() for w in net.kernels().values())

    net = make()
    kernels = list(net.kernels().values())
    first = torch.autograd.grad(loss(net, x, y), kernels, allow_unused=True)
    again = torch.autograd.grad(loss(net, x, y), kernels, allow_unused=True, create_graph=True)
    product = sum((a.detach() * b).sum() for a, b in zip(first, again) if a is not None)
    found["grasp"] = by_kernel(net, product, lambda w, h: -(w * h).double().sum())

    net, held = make(), []

    def hold(layer, result, inputs):
        if layer["operation"]["kind"] in ("conv", "linear"):
            result.retain_grad()
            held.append((result, net.weights[layer["name"] + ".weight"]))
        return result

    F.cross_entropy(net(x, seen=hold), y).backward()
    found["fisher"] = 0.0
    for result, weight in held:
        if result.grad is None:
            continue
        product = (result.detach() * result.grad).flatten(2).sum(2) if result.dim() > 2 else result.detach() * result.grad
        found["fisher"] += (0.5 * product.pow(2).mean(0)).double().sum().item() * weight[0].numel()

    net, image = make(), []

    def before_pooling(layer, result, inputs):
        if layer["operation"]["kind"] == "global_average_pool":
            image.append(inputs[0])
        return result

    with torch.no_grad():
        net(x[:half], seen=before_pooling)
        net(x[:half] + 0.01 * x[half : 2 * half], seen=before_pooling)
    distance = (image[0] - image[1]).abs().flatten(1).sum(1).mean()
    scales = sum(v.mean().sqrt().log().item() for name, v in net.weights.items() if name.endswith("running_var"))
    found["zen"] = distance.log().item() + scales

    halves = []
    for part in (slice(0, half), slice(half, 2 * half)):
        net = make()
        halves.append(torch.autograd.grad(loss(net, x[part], y[part]), list(net.kernels().values()), allow_unused=True))
    found["zico"] = 0.0
    for pair in zip(*halves):
        if pair[0] is None:
            continue
        both = torch.stack(pair)
        mean, deviation = both.abs().mean(0), both.std(0, correction=0)
        worth = (mean / deviation)[deviation > 0].double().sum().item()
        found["zico"] += math.log(worth) if worth > 0 else 0.0
    if "ntk" in skip:
        return found
    net = make()
    parameters = [w for w in net.weights.values() if w.requires_grad]
    result = net(x)
    rows = []
    for row in result:
        gradients = torch.autograd.grad(row.sum(), parameters, retain_graph=True, allow_unused=True)
        rows.append(torch.cat([g.flatten() for g in gradients if g is not None]))
    rows = torch.stack(rows)
    values = torch.linalg.eigvalsh((rows @ rows.T).double())
    found["ntk"] = (values[-1] / values[0]).item()
    return found


def main():
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    read = lambda name: json.loads((folder / name).read_text())
    description, weights, sample = read("network.json"), read("weights.json"), read("sample.json")
    x = torch.tensor(sample["inputs"]).reshape(sample["shape"])
    y = torch.tensor(sample["classes"])
    print(json.dumps(scores(lambda: Net(description, weights), x, y)))


if __name__ == "__main__":
    main()
