#!/usr/bin/env python3
"""Trains the configurations of this archive on tables, by Heirloom itself, and writes this folder's files.

    python3 train.py --tables DIR --work DIR --heirloom PROGRAM [--trials N] [--out DIR]

DIR of tables holds one Parquet file a table, with the column `target`. Each table is one search by random draws of the
space `tabular-mlp` with the same seed, so that every table sees the same configurations. All runs land in
WORK/archive.db. What is there is not trained again: the script can be stopped and started at any time, and writes the
files from the tables that are finished.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import make  # noqa: E402: the recipes of the other tables, which lie beside this folder

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


class Archive:
    """Heirloom's commands over WORK/archive.db."""

    def __init__(self, program: Path, work: Path):
        self.program, self.path = program, work / "archive.db"

    def call(self, *words, **how):
        command = [self.program, *words, "--archive", self.path, "--plugins", self.program.parent]
        return subprocess.run(command, text=True, **how)

    def lines(self, *words) -> list[dict]:
        text = self.call("export", *words, "--format", "jsonl", capture_output=True, check=True).stdout
        return [json.loads(line) for line in text.splitlines()]

    def runs(self) -> dict:
        """`{name: (id, state)}`."""
        if not self.path.exists():
            return {}
        listed = json.loads(self.call("runs", "--json", capture_output=True, check=True).stdout)
        return {run["name"]: (run["id"], run["state"]) for run in listed}

    def meta_features(self) -> dict:
        """`{task: {feature: value}}`."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT key, features FROM meta_features JOIN task ON task = task.id").fetchall()
        return {key: json.loads(features) for key, features in rows}


def train(archive: Archive, options) -> None:
    known = archive.runs()
    # Small tables first: what is stopped early is of use.
    for table in sorted(options.tables.glob("*.parquet"), key=lambda path: path.stat().st_size):
        run, state = known.get(table.stem, (None, None))
        if table.stem in LEFT_OUT or state == "finished":
            continue
        print(table.stem, flush=True)
        if run is not None:
            done = archive.call("resume", run, "--quiet")
        else:
            file = options.work / f"{table.stem}.toml"
            file.write_text(RUN_FILE.format(name=table.stem, path=table.resolve(), trials=options.trials))
            done = archive.call("search", file, "--quiet")
        if done.returncode != 0:
            sys.exit(f"{table.stem}: heirloom ended with {done.returncode}; start again to go on")


def write(archive: Archive, out: Path) -> None:
    import pyarrow

    finished = sorted((name, run) for name, (run, state) in archive.runs().items() if state == "finished")
    configurations, evaluations = None, {}
    columns = ["task", "configuration_id", "epochs", *OBJECTIVES, "seconds", *METRICS]
    for column in columns:
        evaluations[column] = []
    measured = {"trial", "state", "epochs", "cost_seconds", "wall_seconds", "failure", "message", *OBJECTIVES}
    for name, run in finished:
        trials = archive.lines(run)
        drawn = [
            {key: value for key, value in trial.items() if key not in measured and "." not in key} for trial in trials
        ]
        if configurations is None:
            configurations = drawn
        assert drawn == configurations, f"{name} was searched over other configurations"
        curves = {}
        for point in archive.lines(run, "--curves"):
            curves.setdefault(point["trial"], {})[int(point["step"])] = point
        for trial in trials:
            for epochs in EPOCHS:
                # A diverged training keeps its place: its values are null from there on.
                point = curves.get(trial["trial"], {}).get(epochs, {})
                last = epochs == EPOCHS[-1]
                row = [f"pmlb-{name}", trial["trial"], epochs, *(point.get(objective) for objective in OBJECTIVES)]
                row += [point.get("cost_seconds"), *(trial.get(f"metric.{metric}") if last else None for metric in METRICS)]
                for column, value in zip(columns, row):
                    evaluations[column].append(value)
    names = list(dict.fromkeys(key for drawn in configurations for key in drawn))
    exact = {name: pyarrow.float64() for name in names if any(isinstance(c.get(name), float) for c in configurations)}
    columns = {name: [drawn.get(name) for drawn in configurations] for name in names}
    make.write(out / "configurations.parquet", {"configuration_id": range(len(configurations)), **columns}, exact)
    kinds = {name: pyarrow.float32() for name in [*OBJECTIVES, "seconds", *METRICS]}
    make.write(out / "evaluations.parquet", evaluations, kinds)

    described = archive.meta_features()
    tasks = [f"pmlb-{name}" for name, _ in finished]
    features = sorted(set().union(*(described[task] for task in tasks)))
    columns = {name: [described[task].get(name) for task in tasks] for name in features}
    kinds = {name: pyarrow.float64() for name in features}
    make.write(out / "meta_features.parquet", {"task": tasks, **columns}, kinds)
    print(f"{len(tasks)} tables, {len(configurations)} configurations")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tables", type=Path, required=True)
    arguments.add_argument("--work", type=Path, required=True)
    arguments.add_argument("--heirloom", type=Path, required=True)
    arguments.add_argument("--trials", type=int, default=80)
    arguments.add_argument("--out", type=Path, default=HERE)
    arguments.add_argument("--cache", type=Path, default=HERE.parent / ".cache", help="for a private environment")
    arguments.add_argument("--only-write", action="store_true", help="train nothing")
    options = arguments.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    options.cache.mkdir(parents=True, exist_ok=True)
    make.enter_environment(options.cache)
    # Networks this small train fastest on one thread.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    archive = Archive(options.heirloom, options.work)
    if not options.only_write:
        train(archive, options)
    write(archive, options.out)


if __name__ == "__main__":
    main()
