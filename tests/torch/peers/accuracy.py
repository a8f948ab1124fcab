"""Trains one network in PyTorch on rows that `src/accuracy.rs` wrote, by the recipe beside them.

Says how many parameters it has; each line on the input is a seed, and is answered with the test accuracy.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

folder = Path(sys.argv[1])
recipe = json.loads((folder / "recipe.json").read_text())


def rows(part):
    images = np.fromfile(folder / f"{part}.images", dtype=np.uint8).reshape(-1, *recipe["shape"])
    labels = np.fromfile(folder / f"{part}.labels", dtype=np.uint8)
    mean, std = (torch.tensor(recipe[key]).float().reshape(1, -1, 1, 1) for key in ("mean", "std"))
    return (torch.from_numpy(images).float() / 255 - mean) / std, torch.from_numpy(labels).long()


def network():
    layers, inputs = [], recipe["shape"][0]
    for place, outputs in enumerate(recipe["channels"]):
        stride = 1 if place == 0 else 2
        layers += [
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


def train(seed, images, labels):
    torch.manual_seed(seed)
    net, size = network(), recipe["batch_size"]
    optimizer = torch.optim.SGD(
        net.parameters(),
        lr=recipe["learning_rate"],
        momentum=0.9,
        nesterov=True,
        weight_decay=recipe["weight_decay"],
    )
    n_batches = math.ceil(len(labels) / size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe["epochs"] * n_batches)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(recipe["epochs"]):
        for places in torch.randperm(len(labels)).split(size):
            optimizer.zero_grad()
            loss_of(net(images[places]), labels[places]).backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def main():
    torch.set_num_threads(1)
    train_rows, (images, labels) = rows("train"), rows("test")
    print(sum(p.numel() for p in network().parameters()), flush=True)
    for line in sys.stdin:
        net = train(int(line), *train_rows)
        with torch.no_grad():
            print((net(images).argmax(1) == labels).float().mean().item(), flush=True)


main()
