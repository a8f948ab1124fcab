"""Prepares rows with an exported module: usage rows.py MODEL.py ROWS, where ROWS is a CSV file or a JSON file of images.

Prints a JSON object: inputs, answers, and for classes probabilities.
"""

import importlib.util
import json
import sys

import torch

spec = importlib.util.spec_from_file_location("model", sys.argv[1])
model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(model)
rows = sys.argv[2]
if rows.endswith(".json"):
    with open(rows) as file:
        rows = torch.tensor(json.load(file), dtype=torch.uint8)
found = {"inputs": model.prepare(rows).tolist(), "answers": model.predict(rows)}
if hasattr(model, "probabilities"):
    found["probabilities"] = model.probabilities(rows).tolist()
print(json.dumps(found))
