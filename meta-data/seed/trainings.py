"""What the scripts that make our own tables share: trainings by Heirloom into one archive, and the files made of it.

Each task is one search by random draws of the same space with the same seed, so that every task sees the same
configurations. All runs land in WORK/archive.db. What is there is not trained again: a script can be stopped and
started at any time, and writes the files from the tasks that are finished. With `--training 1`, and a WORK of its own,
everything is trained once more from other weights, beside what the files have.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import make


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

    def runs(self) -> list[dict]:
        if not self.path.exists():
            return []
        return json.loads(self.call("runs", "--json", capture_output=True, check=True).stdout)

    def meta_features(self) -> dict:
        """`{task: {feature: value}}`."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as db:
            rows = db.execute("SELECT key, features FROM meta_features JOIN task ON task = task.id").fetchall()
        return {key: json.loads(features) for key, features in rows}


def train(archive: Archive, work: Path, run_files: dict[str, str]) -> None:
    """Carries out the run files, by name, that are not finished."""
    known = {run["name"]: run for run in archive.runs()}
    for name, text in run_files.items():
        run = known.get(name)
        if run is not None and run["state"] == "finished":
            continue
        print(name, flush=True)
        if run is not None:
            done = archive.call("resume", run["id"], "--quiet")
        else:
            file = work / f"{name}.toml"
            file.write_text(text)
            done = archive.call("search", file, "--quiet")
        if done.returncode != 0:
            sys.exit(f"{name}: heirloom ended with {done.returncode}; start again to go on")


def write(archive: Archive, options, epochs: list[int], objectives: list[str], metrics: list[str]) -> None:
    """Writes the finished runs, with the points of their curves at `epochs`, the last one's at the end, in the place of
    the same training's rows in the files."""
    import pyarrow
    from pyarrow import parquet

    out, training = options.out, options.training
    runs = {run["id"]: run for run in archive.runs() if run["state"] == "finished"}
    finished = sorted((run["task"], run["id"]) for run in runs.values())
    configurations, rows = None, []
    columns = ["task", "training", "configuration_id", "epochs", *objectives, "seconds", *metrics]
    if (out / "evaluations.parquet").exists():
        # Files of one training lack the column.
        known = parquet.read_table(out / "evaluations.parquet").to_pylist()
        known = [{"training": 0, **row} for row in known]
        rows = [[row[column] for column in columns] for row in known if row["training"] != training]
        if rows:
            configurations = parquet.read_table(out / "configurations.parquet").drop(["configuration_id"]).to_pylist()
    noted = {"trial", "state", "epochs", "cost_seconds", "wall_seconds", "failure", "message"}
    for task, run in finished:
        trials = archive.lines(run)
        measured = noted | {objective["name"] for objective in runs[run]["objectives"]}
        drawn = [
            {key: value for key, value in trial.items() if key not in measured and "." not in key} for trial in trials
        ]
        if configurations is None:
            configurations = drawn
        same = all(c.get(key) == d.get(key) for c, d in zip(configurations, drawn) for key in {*c, *d})
        assert same and len(drawn) == len(configurations), f"{task} was searched over other configurations"
        curves = {}
        for point in archive.lines(run, "--curves"):
            curves.setdefault(point["trial"], {})[int(point["step"])] = point
        for trial in trials:
            for epoch in epochs:
                # A diverged training keeps its place: its values are null from there on.
                point = curves.get(trial["trial"], {}).get(epoch, {})
                row = [task, training, trial["trial"], epoch, *(point.get(objective) for objective in objectives)]
                at_end = trial if epoch == epochs[-1] else {}
                row += [point.get("cost_seconds"), *(at_end.get(f"metric.{metric}") for metric in metrics)]
                rows.append(row)
    rows.sort(key=lambda row: row[:4])
    evaluations = dict(zip(columns, zip(*rows)))
    if not any(evaluations["training"]):
        del evaluations["training"]
    kinds = {name: pyarrow.float32() for name in [*objectives, "seconds", *metrics]}
    make.write(out / "evaluations.parquet", evaluations, kinds)
    tasks = [task for task, _ in finished]
    print(f"{len(tasks)} tasks, {len(configurations)} configurations")
    if training > 0:
        return

    names = list(dict.fromkeys(key for drawn in configurations for key in drawn))
    exact = {name: pyarrow.float64() for name in names if any(isinstance(c.get(name), float) for c in configurations)}
    columns = {name: [drawn.get(name) for drawn in configurations] for name in names}
    make.write(out / "configurations.parquet", {"configuration_id": range(len(configurations)), **columns}, exact)
    described = archive.meta_features()
    features = sorted(set().union(*(described[task] for task in tasks)))
    columns = {name: [described[task].get(name) for task in tasks] for name in features}
    kinds = {name: pyarrow.float64() for name in features}
    make.write(out / "meta_features.parquet", {"task": tasks, **columns}, kinds)


def arguments(doc: str, out: Path, trials: int) -> argparse.ArgumentParser:
    """The arguments that every script has; it adds where its data is."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--heirloom", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=trials)
    parser.add_argument("--training", type=int, default=0)
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--cache", type=Path, default=out.parent / ".cache", help="for a private environment")
    parser.add_argument("--only-write", action="store_true", help="train nothing")
    return parser


def begin(options: argparse.Namespace) -> Archive:
    """Enters the private environment and opens the archive."""
    for folder in [options.work, options.cache, options.out]:
        folder.mkdir(parents=True, exist_ok=True)
    make.enter_environment(options.cache)
    # Networks this small train fastest on one thread.
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    return Archive(options.heirloom.resolve(), options.work)
