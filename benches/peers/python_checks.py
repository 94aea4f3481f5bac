"""The trials of the gradient checker beside PyTorch's `gradcheck`, JAX's `check_grads` and SciPy's `check_grad`, on the
functions that these can state: `python benches/peers/python_checks.py`, after `pip install numpy scipy torch jax
mpmath`. A library that is not installed is skipped with a word.

Each function is written once (`checks/`) and runs in all libraries, in f64 but for the few that say f32, for which
JAX's checker alone is made. Our verdicts are read off the Rust trials, which are run first, or were: `--ours FILE`. Points
and constants are drawn alike, from other random numbers.

`--prove` holds each gradient against one of 250 digits, so that what is called right is right, and wrong is wrong.
"""

import argparse
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from checks import RIGHT, WRONG
from checks.backends import Jax, Torch
from checks.checkers import JAX, PyTorch, SciPy, available, states, verdict
from checks.proof import prove

ROOT = Path(__file__).resolve().parents[2]
TRIALS = "cargo test --release -p autograd --test it trials -- --nocapture"


def rust(file, seeds):
    """What the Rust trials printed: by kind and name, how often pass, wrong, inconclusive."""
    if file:
        text = Path(file).read_text()
    else:
        print(f"TRIALS={seeds} {TRIALS}", flush=True)
        environment = {**os.environ, "TRIALS": str(seeds)}
        # A trial that fails is in the table, like any other.
        text = subprocess.run(TRIALS.split(), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True).stdout
    rows, kind = {}, None
    for line in text.splitlines():
        if head := re.match(r".*seeds +pass +wrong +inconclusive +(missed|false)", line):
            kind = "wrong" if head[1] == "missed" else "right"
        elif row := re.match(r"(\S.*) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)  ", line):
            rows[kind, row[1].strip()] = tuple(map(int, row.groups()[2:5]))
    if not rows:
        sys.exit("no table of the Rust trials; do they build?")
    return rows


def summary(kind, found):
    """Of wrong rules or right functions, what a checker said and what ours said of the same."""
    theirs, ours = (np.array(counts).sum(0) for counts in zip(*found))
    bad = {"wrong": 0, "right": 1}[kind]  # the column that must be 0
    said = {"wrong": "passed", "right": "called wrong"}[kind]
    return (
        f"{len(found):>4} {kind:<5} {said:<12} {theirs[bad]:>5} of {theirs.sum()}, ours {ours[bad]};"
        f" raised {theirs[2]}, ours inconclusive {ours[2]}"
    )


def main():
    parser = argparse.ArgumentParser(description="Our checker's trials in PyTorch, JAX and SciPy.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument(
        "--ours", metavar="FILE", help="the output of the Rust trials with as many seeds; else they are run"
    )
    parser.add_argument(
        "--prove", action="store_true", help="hold each gradient against 250 digits at three seeds, and stop"
    )
    parser.add_argument("--only", default="", help="cases with this in their name")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")

    cases = [("wrong", case) for case in WRONG] + [("right", case) for case in RIGHT]
    cases = [(kind, case) for kind, case in cases if asked.only in case.name]
    if asked.prove:
        if not (libraries := available([Torch, Jax])):
            sys.exit("the gradients are PyTorch's or JAX's, and neither is here")
        faults = [fault for kind, case in cases for fault in prove(case, kind == "wrong", libraries, 3)]
        if faults:
            sys.exit("not what they claim to be:\n" + "\n".join(faults))
        print(f"{len(cases)} cases are what they claim to be in {' and '.join(library.name for library in libraries)}")
        return

    ours = rust(asked.ours, asked.seeds)
    if unknown := [case.name for kind, case in cases if (kind, case.name) not in ours]:
        sys.exit("not among the Rust trials; rename or remove here: " + ", ".join(unknown))
    checkers = available([PyTorch, JAX, SciPy])
    print(
        f"\n{asked.seeds} seeds. Ours: pass / wrong / inconclusive; others: right / wrong / raised an error;"
        " -: not stated there"
    )
    print(f"{'':<57}" + "".join(f"{name:>14}" for name in ["ours", *(checker.name for checker in checkers)]))
    found = {(checker.name, kind): [] for checker in checkers for kind in ("wrong", "right")}
    for kind, case in cases:
        row = ours[kind, case.name]
        if sum(row) != asked.seeds:
            sys.exit(f"the Rust trials ran {sum(row)} seeds, not {asked.seeds}")
        columns = [row]
        for checker in checkers:
            columns.append(())
            if states(checker, case):
                verdicts = [verdict(checker, case, seed) for seed in range(asked.seeds)]
                columns[-1] = [verdicts.count(word) for word in ("right", "wrong", "raised")]
                found[checker.name, kind].append((columns[-1], row))
        cells = ("/".join(map(str, counts)) or "-" for counts in columns)
        print(f"{kind}  {case.name:<50}" + "".join(f"{cell:>14}" for cell in cells), flush=True)

    if not asked.only:
        missing = sorted(name for _, name in ours.keys() - {(kind, case.name) for kind, case in cases})
        print(
            f"\n{len(cases)} of the {len(ours)} cases in Rust" + "".join(f"\nnot in Python: {name}" for name in missing)
        )
    for checker in checkers:
        print(f"\n{checker.name} {checker.version}")
        for kind in ("wrong", "right"):
            if found[checker.name, kind]:
                print(summary(kind, found[checker.name, kind]))


if __name__ == "__main__":
    main()
