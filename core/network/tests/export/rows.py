"""Prepares rows with an exported module: usage rows.py MODEL.py ROWS, where ROWS is a file of a table, or a JSON file of
rows or images.

Prints a JSON object: inputs, answers, and for classes probabilities; or the error.
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
    with open(rows, encoding="utf-8") as file:
        rows = json.load(file)
    if model.INPUT["kind"] == "image":
        rows = torch.tensor(rows, dtype=torch.uint8)
try:
    found = {"inputs": model.prepare(rows).tolist(), "answers": model.predict(rows)}
    if hasattr(model, "probabilities"):
        found["probabilities"] = model.probabilities(rows).tolist()
except ValueError as error:
    found = {"error": str(error)}
print(json.dumps(found))
