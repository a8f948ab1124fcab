#!/usr/bin/env python3
"""Trains the configurations of this archive on tables, by Heirloom itself, and writes this folder's files.

    python3 train.py --tables DIR --work DIR --heirloom PROGRAM [--trials N] [--training N] [--out DIR]

DIR of tables holds one Parquet file a table, with the column `target`. How it goes on, and what is not trained again:
see `trainings.py`.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import trainings  # noqa: E402: lies beside this folder

# A copy of the digits that the quickstart searches on: it would not be a data set that the archive has not seen.
LEFT_OUT = {"optdigits"}

RUN_FILE = """\
name = "{name}"
seed = 20261122

[task]
name = "pmlb-{name}"
data = "{path}"
target = "target"

[space]
preset = "tabular-mlp"

[objective]
name = "val_balanced_accuracy"

[strategy]
name = "random"

[estimator]
name = "torch"
data = "{path}"
target = "target"
epochs = 50
training_seed = {training}
keep = "nothing"
device = "cpu"

[budget]
trials = {trials}

[warm_start]
mode = "off"
"""

# The points of a curve that are kept: those where halving by three compares, and some between.
EPOCHS = [1, 2, 4, 6, 10, 17, 28, 50]
OBJECTIVES = ["val_balanced_accuracy", "val_accuracy", "val_loss"]
METRICS = ["test_balanced_accuracy", "test_accuracy", "n_parameters"]


def main() -> None:
    arguments = trainings.arguments(__doc__, HERE, trials=80)
    arguments.add_argument("--tables", type=Path, required=True)
    options = arguments.parse_args()
    archive = trainings.begin(options)
    if not options.only_write:
        # Small tables first: what is stopped early is of use.
        tables = sorted(options.tables.glob("*.parquet"), key=lambda path: path.stat().st_size)
        run_files = {
            table.stem: RUN_FILE.format(
                name=table.stem, path=table.resolve(), trials=options.trials, training=options.training
            )
            for table in tables
            if table.stem not in LEFT_OUT
        }
        trainings.train(archive, options.work, run_files)
    trainings.write(archive, options, EPOCHS, OBJECTIVES, METRICS)


if __name__ == "__main__":
    main()
