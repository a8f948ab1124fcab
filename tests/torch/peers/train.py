"""Trains one network in PyTorch as told line by line: the other side of `src/trainer.rs`, which says what lines mean.

The networks are those of `src/networks.rs`, written as a user of PyTorch would.
"""

import sys
import time

import torch
from torch import nn

N_BATCHES = 8
N_CLASSES = 10
LEARNING_RATE = 1e-6
# The fastest of PyTorch's own ways to make a step.
FUSED = True
CELL = "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"


def perceptron():
    layers = []
    for inputs in (64, 256, 256, 256):
        layers += [nn.Linear(inputs, 256), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(256, N_CLASSES))


def convolution(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


def active_convolution(inputs, outputs, kernel, stride=1):
    return nn.Sequential(nn.ReLU(), convolution(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs))


def operation(name, channels):
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return active_convolution(channels, channels, {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name])


class Cell(nn.Module):
    """A cell of NAS-Bench-201: node i is the sum of one operation on each node before it."""

    def __init__(self, channels):
        super().__init__()
        self.nodes = nn.ModuleList()
        for node in CELL.split("+"):
            edges = [edge.split("~")[0] for edge in node.strip("|").split("|")]
            self.nodes.append(nn.ModuleList(operation(name, channels) for name in edges))

    def forward(self, x):
        results = [x]
        for edges in self.nodes:
            results.append(sum(edge(result) for edge, result in zip(edges, results)))
        return results[-1]


class Reduction(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.main = nn.Sequential(
            active_convolution(channels, 2 * channels, 3, stride=2),
            active_convolution(2 * channels, 2 * channels, 3),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), convolution(channels, 2 * channels, 1))

    def forward(self, x):
        return self.shortcut(x) + self.main(x)


def cell_network():
    layers = [convolution(3, 16, 3), nn.BatchNorm2d(16)]
    for channels in (16, 32, 64):
        if channels > 16:
            layers.append(Reduction(channels // 2))
        layers += [Cell(channels) for _ in range(5)]
    layers += [nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, N_CLASSES)]
    return nn.Sequential(*layers)


def layer(inputs, outputs, stride=1):
    return nn.Sequential(
        convolution(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Nine blocks of two convolutions; a block gets the sum of the two results before it."""

    def __init__(self):
        super().__init__()
        self.stem = layer(3, 16)
        self.blocks = nn.ModuleList()
        self.projections = nn.ModuleList()
        widths = [16] * 3 + [32] * 3 + [64] * 3
        inputs, before = 16, 16
        for block, outputs in enumerate(widths):
            stride = 2 if outputs != inputs else 1
            # What is two blocks back is brought to the shape of what is one block back.
            same = block == 0 or before == inputs
            self.projections.append(nn.Identity() if same else self.projection(before, inputs))
            self.blocks.append(nn.Sequential(layer(inputs, outputs, stride), layer(outputs, outputs)))
            inputs, before = outputs, inputs
        self.last = nn.Linear(64, N_CLASSES)

    @staticmethod
    def projection(inputs, outputs):
        return nn.Sequential(convolution(inputs, outputs, 1, stride=2), nn.BatchNorm2d(outputs))

    def forward(self, x):
        before, result = None, self.stem(x)
        for block, projection in zip(self.blocks, self.projections):
            joined = result if before is None else projection(before) + result
            before, result = result, block(joined)
        return self.last(result.mean((2, 3)))


def bytes_of(key):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(key + ":"))


def main():
    name, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.zeros(1)
    idle_bytes = bytes_of("VmRSS")
    torch.manual_seed(1)
    if name == "mlp":
        network, batch_size, sample = perceptron(), 128, (64,)
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=FUSED)
    else:
        network, batch_size, sample = {"cell": cell_network, "resnet": Residual}[name](), 64, (3, 32, 32)
        optimizer = torch.optim.SGD(
            network.parameters(), lr=LEARNING_RATE, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=FUSED
        )
    network.train()
    target = torch.arange(batch_size) % N_CLASSES
    batches = [torch.rand(batch_size, *sample) * 3.4 - 1.7 for _ in range(N_BATCHES)]
    loss_of = nn.CrossEntropyLoss()
    print("ready", sum(p.numel() for p in network.parameters()), idle_bytes, flush=True)
    step = 0
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "memory":
            print(bytes_of("VmHWM"), flush=True)
            continue
        begin = time.perf_counter()
        for _ in range(int(rest[0])):
            optimizer.zero_grad()
            loss_of(network(batches[step % N_BATCHES]), target).backward()
            optimizer.step()
            step += 1
        print(time.perf_counter() - begin, flush=True)


main()
