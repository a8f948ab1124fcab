"""A training function in PyTorch as an estimator."""

import math

import torch
from heirloom_plugin import Fidelity, estimator
from torch import nn


def spirals(n, generator):
    """Two spirals of `n` points each, [2n, 2], and which of them each point is on."""
    turns = 3.5 * math.pi * torch.rand(2 * n, generator=generator).sqrt()
    side = torch.arange(2 * n) % 2
    angle = turns + math.pi * side
    noise = 0.1 * torch.randn(2 * n, 2, generator=generator)
    return torch.stack([turns * angle.cos(), turns * angle.sin()], 1) / 5 + noise, side


@estimator("spirals", objectives={"accuracy": "maximise"}, fidelities=[Fidelity("epochs", 1, 50, integer=True)])
def train(trial):
    torch.set_num_threads(trial.threads)
    torch.manual_seed(trial.seed.number(63))
    # The data are the same for all trials; half of them are held back.
    inputs, sides = spirals(trial.options["points"], torch.Generator().manual_seed(0))
    half = len(inputs) // 2
    network = nn.Sequential(nn.Linear(2, trial["width"]), nn.Tanh(), nn.Linear(trial["width"], trial["width"]), nn.Tanh())
    network.append(nn.Linear(trial["width"], 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=trial["lr"])
    for epoch in range(1, trial.size("epochs") + 1):
        for batch in torch.randperm(half).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[batch]), sides[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            accuracy = (network(inputs[half:]).argmax(1) == sides[half:]).double().mean().item()
        if not trial.report(epoch, accuracy=accuracy):
            break
    trial.metric("parameters", sum(tensor.numel() for tensor in network.parameters()))
    return accuracy
