"""Writes expected.json: what others say of the cells that `core/model` tells apart.

    python3 -m venv env
    env/bin/pip install numpy
    env/bin/pip install --no-deps nasbench-pytorch==1.3.1 nas-bench-graph==1.4.0
    env/bin/python make.py > expected.json

- NAS-Bench-101: hashes of 300 random cells and the numbers of unique cells of at most n nodes (and nine edges), by the
  authors' hash function (`graph_util.py`, Ying et al. 2019, Apache-2.0, as packaged by nasbench-pytorch).
- NAS-Bench-201: how many networks its 15,625 cells make, by brute force over the order of operations.
- NAS-Bench-Graph: the number of architectures its authors list as different (nas-bench-graph, Apache-2.0).
"""

import contextlib
import importlib.util
import io
import itertools
import json
import random
import sys
from pathlib import Path

import numpy as np

site = Path(next(p for p in sys.path if p.endswith("site-packages")))


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


graph_util = load(site / "nasbench_pytorch/model/graph_util.py")
graph_cells = load(site / "nas_bench_graph/architecture.py")

OPS_101 = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]


def pruned(matrix):
    """The nodes on a path from first to last, by powers of the matrix."""
    n = len(matrix)
    reach = np.linalg.matrix_power(matrix + np.eye(n, dtype=int), n) > 0
    return [v for v in range(n) if reach[0, v] and reach[v, n - 1]]


def random_cells(n_cells):
    rng = random.Random(101)
    while n_cells:
        n = rng.randint(2, 7)
        matrix = np.triu(np.array([[rng.randint(0, 1) for _ in range(n)] for _ in range(n)]), 1)
        ops = ["input"] + [rng.choice(OPS_101) for _ in range(n - 2)] + ["output"]
        keep = pruned(matrix)
        small = matrix[np.ix_(keep, keep)]
        if not keep or small.sum() == 0 or small.sum() > 9:
            continue
        labels = [-1] + [OPS_101.index(ops[v]) for v in keep[1:-1]] + [-2]
        digits = "".join(str(d) for d in matrix.flatten())
        yield f"{digits} {','.join(ops)}", graph_util.hash_module(small, labels)
        n_cells -= 1


def unique_101(max_nodes):
    counts, hashes = {}, set()
    for n in range(2, max_nodes + 1):
        for bits in range(2 ** (n * (n - 1) // 2)):
            matrix = np.fromfunction(graph_util.gen_is_edge_fn(bits), (n, n), dtype=np.int8)
            if graph_util.num_edges(matrix) > 9 or not graph_util.is_full_dag(matrix):
                continue
            for labels in itertools.product(range(3), repeat=n - 2):
                hashes.add(graph_util.hash_module(matrix, [-1, *labels, -2]))
        counts[n] = len(hashes)
    return counts


EDGES_201 = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]


def network_201(cell):
    """Every operation with the bag of sources it adds, the order of operations chosen to give the smallest form."""
    bags = {0: ["input"], 1: [], 2: [], 3: []}
    inputs = {}
    for (a, b), op in zip(EDGES_201, cell):
        if op == "none" or not bags[a]:
            continue
        if op == "skip":
            bags[b] = bags[b] + bags[a]
        else:
            inputs[(a, b)] = (op, bags[a])
            bags[b] = bags[b] + [(a, b)]
    used, frontier = set(), list(bags[3])
    while frontier:
        source = frontier.pop()
        if source != "input" and source not in used:
            used.add(source)
            frontier += inputs[source][1]
    forms = []
    for order in itertools.permutations(sorted(used)):
        place = {source: i + 1 for i, source in enumerate(order)} | {"input": 0}
        rows = tuple((inputs[s][0], tuple(sorted(place[x] for x in inputs[s][1]))) for s in order)
        forms.append((rows, tuple(sorted(place[x] for x in bags[3]))))
    return min(forms)


cells_201 = itertools.product(["none", "skip", "conv1", "conv3", "pool"], repeat=6)
with contextlib.redirect_stdout(io.StringIO()):
    listed_graph = graph_cells.all_archs()
json.dump(
    {
        "nas_bench_101_hashes": dict(random_cells(300)),
        "nas_bench_101_unique_cells": unique_101(5),
        "nas_bench_201_networks": len({network_201(cell) for cell in cells_201}),
        "nas_bench_graph_listed": len(listed_graph),
    },
    sys.stdout,
    indent=1,
)
