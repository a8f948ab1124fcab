"""Has an exported network answer for images in every format: usage answers.py FOLDER, which holds images.json.

Prints a JSON object: the answers of model.py, and by how much the outputs of the formats differ.
"""

import importlib.util
import json
import sys
from pathlib import Path

import onnxruntime
import torch

folder = Path(sys.argv[1])
spec = importlib.util.spec_from_file_location("model", folder / "model.py")
model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(model)
images = torch.tensor(json.loads((folder / "images.json").read_text()))
inputs = model.prepare(images)
session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
with torch.no_grad():
    python = model.load()(inputs)
    script = torch.jit.load(folder / "model.pt")(inputs)
    (onnx,) = session.run(None, {"input": inputs.numpy()})
assert python.shape[0] == images.shape[0] and python.shape[2:] == images.shape[-2:], python.shape
difference = max((python - other).abs().max().item() for other in (script, torch.from_numpy(onnx)))
print(json.dumps({"answers": model.predict(images), "difference": difference}))
