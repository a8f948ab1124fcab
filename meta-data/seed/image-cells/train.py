#!/usr/bin/env python3
"""Trains the configurations of this archive on small images, by Heirloom itself, and writes this folder's files.

    heirloom data get digits --out DIR && heirloom data get fashion-mnist --out DIR
    python3 train.py --data DIR --work DIR --heirloom PROGRAM [--trials N] [--out DIR]

Tasks are cut from the two data sets into WORK. How it goes on, and what is not trained again: see `trainings.py`.
"""

import gzip
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import make  # noqa: E402: lie beside this folder
import trainings  # noqa: E402

RUN_FILE = """\
name = "{name}"
seed = 20261129

[task]
name = "{name}"
data = "{path}"

[space]
preset = "image-cells"

[objective]
name = "val_accuracy"

[strategy]
name = "random"

[estimator]
name = "torch"
data = "{path}"
epochs = 9
training_seed = {training}
keep = "nothing"
device = "cpu"

[budget]
trials = {trials}

[warm_start]
mode = "off"
"""

# The points of a curve that are kept: those where halving by two and by three compares.
EPOCHS = [1, 2, 3, 4, 6, 9]
OBJECTIVES = ["val_accuracy", "val_balanced_accuracy", "val_loss"]
METRICS = ["test_accuracy", "test_balanced_accuracy", "n_parameters"]

DIGITS = "digits/digits-{}-ubyte"
FASHION = "fashion-mnist/train-{}-ubyte.gz"


@dataclass
class Cut:
    """A part of a data set: the first images of each of some classes, squares of pixels averaged to one."""

    source: str
    classes: range | list[int]
    images_per_class: int
    square: int = 1


# The two families take turns: what is stopped early is of use.
TASKS = {
    "digits-0-4": Cut(DIGITS, range(5), 200),
    "fashion-mnist-14-tops": Cut(FASHION, [0, 2, 3, 4, 6], 180, square=2),
    "digits-5-9": Cut(DIGITS, range(5, 10), 200),
    "fashion-mnist-14-others": Cut(FASHION, [1, 5, 7, 8, 9], 180, square=2),
    "digits": Cut(DIGITS, range(10), 200),
    "fashion-mnist-14": Cut(FASHION, range(10), 150, square=2),
    "fashion-mnist-7": Cut(FASHION, range(10), 150, square=4),
}


def read_idx(path: Path) -> tuple[tuple[int, ...], bytes]:
    """The shape and the bytes in row-major order."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    start = 4 + 4 * data[3]
    return struct.unpack(f">{data[3]}I", data[4:start]), data[start:]


def averaged(image: bytes, side: int, square: int) -> bytes:
    def mean(top: int, left: int) -> int:
        rows = range(top * side, (top + square) * side, side)
        return round(sum(sum(image[row + left : row + left + square]) for row in rows) / square**2)

    places = range(0, side, square)
    return bytes(mean(top, left) for top in places for left in places)


def cut(task: Cut, data: Path, images: Path) -> None:
    """Writes the task's images, and their labels beside them."""
    (_, side, _), pixels = read_idx(data / task.source.format("images-idx3"))
    _, labels = read_idx(data / task.source.format("labels-idx1"))
    left = dict.fromkeys(task.classes, task.images_per_class)
    chosen = []
    for row, label in enumerate(labels):
        if left.get(label, 0) > 0:
            left[label] -= 1
            chosen.append(row)
    size, small = side * side, side // task.square
    kept = b"".join(averaged(pixels[row * size : (row + 1) * size], side, task.square) for row in chosen)
    make.write_idx(images, (len(chosen), small, small), kept)
    labels_file = images.with_name(images.name.replace("images-idx3", "labels-idx1"))
    make.write_idx(labels_file, (len(chosen),), bytes(labels[row] for row in chosen))


def main() -> None:
    arguments = trainings.arguments(__doc__, HERE, trials=24)
    arguments.add_argument("--data", type=Path, required=True)
    options = arguments.parse_args()
    archive = trainings.begin(options)
    if not options.only_write:
        run_files = {}
        for name, task in TASKS.items():
            images = options.work.resolve() / f"{name}-images-idx3-ubyte"
            cut(task, options.data, images)
            run_files[name] = RUN_FILE.format(
                name=name, path=images, trials=options.trials, training=options.training
            )
        trainings.train(archive, options.work, run_files)
    trainings.write(archive, options, EPOCHS, OBJECTIVES, METRICS)


if __name__ == "__main__":
    main()
