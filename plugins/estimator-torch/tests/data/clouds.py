"""Writes clouds.csv: three classes in the plane, each a cloud around a corner, with a category that says nothing and
missing values. For `heirloom plugin check`, which needs something to train on."""

import random
from pathlib import Path

rng = random.Random(5)
lines = ["x,y,colour,label"]
for row in range(90):
    corner = [(0, 0), (3, 0), (0, 3)][row % 3]
    x, y = (f"{place + rng.gauss(0, 1):.2f}" for place in corner)
    lines.append(f"{'' if rng.random() < 0.05 else x},{y},{rng.choice(['red', 'green', 'blue'])},{'abc'[row % 3]}")
Path(__file__).with_name("clouds.csv").write_text("\n".join(lines) + "\n")
