"""Zero-cost scores of one NAS-Bench-201 cell in plain PyTorch: how many a second, network and weights made anew each time.

    python proxies.py CELL [--threads 1] [--batch 64] [--size 32] [--classes 10] [--seconds 5] [--score synflow ...]

CELL is the benchmark's string, such as `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|`. Prints one
JSON object: scores a second by name. With `--serve` it answers each line `SCORE N` with the seconds that N scores take.
"""

import argparse
import json
import math
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def convolution(inputs, outputs, kernel, stride=1):
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Zero(nn.Module):
    def forward(self, x):
        return torch.zeros_like(x)


OPERATIONS = {
    "none": lambda n: Zero(),
    "skip_connect": lambda n: nn.Identity(),
    "nor_conv_1x1": lambda n: convolution(n, n, 1),
    "nor_conv_3x3": lambda n: convolution(n, n, 3),
    "avg_pool_3x3": lambda n: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
}


class Cell(nn.Module):
    def __init__(self, text, channels):
        super().__init__()
        nodes = [node.strip("|").split("|") for node in text.split("+")]
        edges = [[edge.split("~") for edge in node] for node in nodes]
        self.sources = [[int(source) for _, source in node] for node in edges]
        self.edges = nn.ModuleList(nn.ModuleList(OPERATIONS[name](channels) for name, _ in node) for node in edges)

    def forward(self, x):
        results = [x]
        for sources, edges in zip(self.sources, self.edges):
            results.append(sum(edge(results[source]) for source, edge in zip(sources, edges)))
        return results[-1]


class Reduction(nn.Module):
    def __init__(self, channels):
        super().__init__()
        wide = 2 * channels
        self.path = nn.Sequential(convolution(channels, wide, 3, 2), convolution(wide, wide, 3))
        self.short = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(channels, wide, 1, bias=False))

    def forward(self, x):
        return self.path(x) + self.short(x)


def network(text, n_classes, channels=16, n_cells=5):
    parts = [nn.Conv2d(3, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)]
    for stage in range(3):
        if stage > 0:
            parts.append(Reduction(channels))
            channels *= 2
        parts += [Cell(text, channels) for _ in range(n_cells)]
    parts += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, n_classes)]
    return nn.Sequential(*parts).train()


def weights(net):
    return [part.weight for part in net.modules() if isinstance(part, (nn.Conv2d, nn.Linear))]


def saliency(loss, net):
    own = weights(net)
    gradients = torch.autograd.grad(loss, own, allow_unused=True)
    return sum((w.detach() * g).abs().sum() for w, g in zip(own, gradients) if g is not None).item()


def synflow(net, x, y):
    net = net.double()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.forward = lambda x: x
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()
    ones = torch.ones(1, *x.shape[1:], dtype=torch.double)
    return math.log(max(saliency(net(ones).sum(), net), 1e-300))


def snip(net, x, y):
    return saliency(F.cross_entropy(net(x), y), net)


def naswot(net, x, y):
    kernel = torch.zeros(len(x), len(x), dtype=torch.double)

    def count(part, inputs, result):
        code = (result > 0).flatten(1).float()
        kernel.add_(code @ code.T + (1 - code) @ (1 - code).T)

    for part in net.modules():
        if isinstance(part, nn.ReLU):
            part.register_forward_hook(count)
    with torch.no_grad():
        net(x)
    return torch.linalg.slogdet(kernel)[1].item()


def jacov(net, x, y):
    x = x.clone().requires_grad_(True)
    (jacobian,) = torch.autograd.grad(net(x).sum(), x)
    values = torch.linalg.eigvalsh(torch.corrcoef(jacobian.flatten(1).double())) + 1e-5
    return -(values.log() + 1 / values).sum().item()


SCORES = {"synflow": synflow, "snip": snip, "naswot": naswot, "jacov": jacov}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cell")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--score", nargs="*", choices=list(SCORES), default=list(SCORES))
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    x = torch.randn(arguments.batch, 3, arguments.size, arguments.size)
    y = torch.randint(arguments.classes, (arguments.batch,))

    def seconds(name, n):
        start = time.perf_counter()
        for _ in range(n):
            SCORES[name](network(arguments.cell, arguments.classes), x, y)
        return time.perf_counter() - start

    if arguments.serve:
        for line in sys.stdin:
            name, n = line.split()
            print(seconds(name, int(n)), flush=True)
        return
    rates = {}
    for name in arguments.score:
        seconds(name, 1)
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < arguments.seconds:
            seconds(name, 1)
            count += 1
        rates[name] = count / (time.perf_counter() - start)
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
