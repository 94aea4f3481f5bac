"""`mlp train` with nothing but `--target` beside scikit-learn's MLPs, on the same rows: scores and times.

    cargo build --release -p mlp --features cli
    python python_sklearn.py                      # all tables, seeds 0 to 4; `--program FILE` names another build
    python python_sklearn.py digits wine          # some of them
    python python_sklearn.py --options "--layers 64 --nets 1"

A seed divides each table (a fifth is held out, of classes by class), and is the seed of both sides. scikit-learn has the
numbers in memory; `mlp` is two commands that read CSV, `train` and `evaluate`, whose start and reading count. The score is
the accuracy, or R² where the target is a number. Times are those of learning and answering, of all cores together where
they are the processor's.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time
import warnings

import numpy as np
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.simplefilter("ignore", ConvergenceWarning)  # its default of 200 epochs is a part of the comparison
ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = range(5)


def kept(name, target):
    """A table of `examples/data`."""
    path = ROOT / "examples" / "data" / f"{name}.csv"
    names = path.read_text().splitlines()[0].split(",")
    x = np.loadtxt(path, delimiter=",", skiprows=1)
    at = names.index(target)
    return np.delete(x, at, 1), x[:, at]


def bundled(name):
    """A table that comes with scikit-learn."""
    data = getattr(datasets, f"load_{name}")()
    return data.data, data.target.astype(float)


# The inputs and the target of each table, and whether the target is a class.
TABLES = {
    "digits": (lambda: kept("digits", "digit"), True),
    "iris": (lambda: bundled("iris"), True),
    "wine": (lambda: bundled("wine"), True),
    "breast_cancer": (lambda: bundled("breast_cancer"), True),
    "diabetes": (lambda: kept("diabetes", "progression"), False),
    "friedman": (lambda: datasets.make_friedman1(500, noise=1.0, random_state=0), False),
}


def seconds(who=resource.RUSAGE_SELF):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def peers(classes, seed):
    """scikit-learn's models: as they are, with standardised inputs, and with standardised targets too."""
    kind = MLPClassifier if classes else MLPRegressor
    yield "as it is", kind(random_state=seed)
    yield "standardised", make_pipeline(StandardScaler(), kind(random_state=seed))
    if not classes:
        inner = make_pipeline(StandardScaler(), kind(random_state=seed))
        yield "targets too", TransformedTargetRegressor(inner, transformer=StandardScaler())


def theirs(model, train, test):
    wall, processor = time.perf_counter(), seconds()
    score = model.fit(*train).score(*test)
    return score, time.perf_counter() - wall, seconds() - processor


def ours(program, options, classes, seed, train, test):
    """Both commands, in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        names = [f"x{i}" for i in range(train[0].shape[1])] + ["y"]
        for name, (x, y) in (("train", train), ("test", test)):
            rows = ([repr(float(cell)) for cell in row] + [f"class {int(t)}" if classes else repr(float(t))] for row, t in zip(x, y))
            text = "\n".join(",".join(row) for row in [names, *rows]) + "\n"
            pathlib.Path(folder, f"{name}.csv").write_text(text)

        def run(*arguments):
            ended = subprocess.run([program, *arguments, "--json"], cwd=folder, capture_output=True, text=True)
            assert ended.returncode == 0, ended.stderr
            return json.loads(ended.stdout)

        wall, processor = time.perf_counter(), seconds(resource.RUSAGE_CHILDREN)
        run("train", "train.csv", "--target", "y", "--seed", str(seed), "--quiet", *options)
        found = run("evaluate", "model.safetensors", "test.csv")
        wall, processor = time.perf_counter() - wall, seconds(resource.RUSAGE_CHILDREN) - processor
        return found["scores"]["accuracy" if classes else "r2"], wall, processor


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--program", default=target / "release" / "mlp", type=pathlib.Path)
    parser.add_argument("--options", default="", help="of `mlp train`, to try other defaults")
    parser.add_argument("--ours", action="store_true", help="leave scikit-learn's models out")
    parser.add_argument("--seeds", default=len(SEEDS), type=int)
    chosen = parser.parse_args()
    program = chosen.program.resolve()
    print("| table | rows × inputs | | mean | spread | each | wall | processor |\n|---|---|---|---|---|---|---|---|")
    for name in chosen.tables or TABLES:
        load, classes = TABLES[name]
        x, y = load()
        runs = {}
        for seed in range(chosen.seeds):
            parts = train_test_split(x, y, test_size=0.2, random_state=seed, stratify=y if classes else None)
            train, test = (parts[0], parts[2]), (parts[1], parts[3])
            runs.setdefault("`mlp`", []).append(ours(program, chosen.options.split(), classes, seed, train, test))
            for label, model in () if chosen.ours else peers(classes, seed):
                runs.setdefault(f"scikit-learn, {label}", []).append(theirs(model, train, test))
        for i, (label, found) in enumerate(runs.items()):
            scores, walls, processors = zip(*found)
            first = f"`{name}` | {x.shape[0]} × {x.shape[1]}" if i == 0 else " | "
            each = " ".join(f"{score:.3f}" for score in scores)
            spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
            times = f"{statistics.mean(walls):.2f} s | {statistics.mean(processors):.2f} s"
            print(f"| {first} | {label} | {statistics.mean(scores):.4f} | {spread:.4f} | {each} | {times} |", flush=True)


if __name__ == "__main__":
    main()
