"""Makes scores.json: areas under ROC curves and scores of pixels as scikit-learn 1.9.1 has them.

    python scores.py

Areas: probabilities with many ties, classes, and the mean of `roc_auc_score` of each class that occurs against the rest.
Pixels: scores of classes and labels of one image, 255 where a pixel has none; over the labelled ones `jaccard_score`
(macro), `accuracy_score` and `log_loss`. The last class occurs neither among the labels nor among the answers of the second image.
"""

import json
from pathlib import Path

import numpy
import sklearn
from sklearn.metrics import accuracy_score, jaccard_score, log_loss, roc_auc_score

rng = numpy.random.default_rng(20261129)


def area(name, n, n_classes, digits, absent=()):
    classes = rng.choice([c for c in range(n_classes) if c not in absent], n)
    scores = rng.normal(size=(n, n_classes)) + 1.2 * numpy.eye(n_classes)[classes]
    odds = numpy.exp(scores)
    probabilities = (odds / odds.sum(1, keepdims=True)).round(digits)
    present = [c for c in range(n_classes) if 0 < (classes == c).sum() < n]
    areas = [roc_auc_score(classes == c, probabilities[:, c]) for c in present]
    if not absent and digits > 9:
        whole = roc_auc_score(classes, probabilities if n_classes > 2 else probabilities[:, 1], multi_class="ovr")
        assert abs(whole - numpy.mean(areas)) < 1e-12, name
    return {
        "name": name,
        "n_classes": n_classes,
        "probabilities": probabilities.flatten().tolist(),
        "classes": classes.tolist(),
        "auc": float(numpy.mean(areas)),
    }


def pixels(name, n_labels):
    n_classes, height, width = 4, 6, 5
    labels = rng.integers(0, n_labels, (height, width))
    scores = rng.normal(size=(n_classes, height, width)) + 1.5 * numpy.eye(n_classes)[labels].transpose(2, 0, 1)
    if n_labels < n_classes:
        scores[n_labels:] -= 9
    scores = scores.round(3)
    labels[rng.random((height, width)) < 0.2] = 255
    is_labelled = labels != 255
    truth, answers = labels[is_labelled], scores.argmax(0)[is_labelled]
    odds = numpy.exp(scores.transpose(1, 2, 0)[is_labelled])
    probabilities = odds / odds.sum(1, keepdims=True)
    return {
        "name": name,
        "shape": [n_classes, height, width],
        "scores": scores.flatten().tolist(),
        "labels": labels.flatten().tolist(),
        "miou": float(jaccard_score(truth, answers, average="macro")),
        "pixel_accuracy": float(accuracy_score(truth, answers)),
        "loss": float(log_loss(truth, probabilities, labels=range(n_classes))),
    }


cases = {
    "areas": [
        area("two classes", 60, 2, 12),
        area("five classes", 80, 5, 12),
        area("ties", 120, 4, 1),
        area("all alike but for a few", 50, 3, 0),
        area("absent classes", 70, 6, 2, absent=(0, 4)),
    ],
    "pixels": [pixels("all classes", 4), pixels("absent class", 3)],
}
Path(__file__).with_name("scores.json").write_text(json.dumps(cases) + "\n")
print(sklearn.__version__)
