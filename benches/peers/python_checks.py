"""The trials of the gradient checker beside PyTorch's `gradcheck`, JAX's `check_grads` and SciPy's `check_grad`, on the functions
that these can state: `python benches/peers/python_checks.py`, after `pip install numpy scipy torch jax mpmath`.

Each function is written once (`checks/`) and runs in all libraries. A column of a peer says for how many seeds it called the
gradient right / wrong, and raised an error instead; `-` where it cannot state the case (the reason stands with the case). Our
column says pass / wrong / inconclusive; it is read off the Rust trials, which are run first, or were: `--ours FILE`.

`--prove` first holds each gradient against one of 250 digits, so that what is called right is right, and wrong is wrong.
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


def rust(file, seeds):
    """What the Rust suite printed: by kind and name, how often pass, wrong, inconclusive."""
    if file:
        text = Path(file).read_text()
    else:
        command = "cargo test --release -p autograd --test it trials -- --nocapture".split()
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "TRIALS": str(seeds)}, stdout=subprocess.PIPE, text=True)
        text = done.stdout
    rows, kind = {}, None
    for line in text.splitlines():
        if head := re.match(r".*seeds +pass +wrong +inconclusive +(missed|false)", line):
            kind = "wrong" if head[1] == "missed" else "right"
        elif row := re.match(r"(\S.*) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)  ", line):
            rows[kind, row[1].strip()] = tuple(map(int, row.groups()[2:5]))
    if not rows:
        sys.exit("no table of the Rust trials; do they build?")
    return rows


class Totals:
    """Of one checker, over the cases that it can state."""

    def __init__(self):
        self.passed, self.accused, self.raised, self.of = 0, 0, 0, {"wrong": 0, "right": 0}

    def add(self, kind, right, wrong, neither):
        self.passed += right if kind == "wrong" else 0
        self.accused += wrong if kind == "right" else 0
        self.raised += neither
        self.of[kind] += right + wrong + neither

    def __str__(self):
        return (
            f"wrong rules passed: {self.passed} of {self.of['wrong']}, right functions called wrong: "
            f"{self.accused} of {self.of['right']}, "
        )


def cells(counts):
    return " / ".join(map(str, counts)) if counts else "-"


def main():
    parser = argparse.ArgumentParser(description="Our checker's trials in PyTorch, JAX and SciPy.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--ours", metavar="FILE", help="the output of the Rust trials with as many seeds; else they are run")
    parser.add_argument("--prove", action="store_true", help="hold each gradient against 250 digits first, at three seeds")
    parser.add_argument("--only", default="", help="cases with this in their name")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")

    cases = [(kind, case) for kind, cases in [("wrong", WRONG), ("right", RIGHT)] for case in cases if asked.only in case.name]
    if asked.prove:
        libraries = available([Torch, Jax])
        faults = [fault for kind, case in cases for fault in prove(case, kind == "wrong", libraries, 3)]
        if faults:
            sys.exit("not what they claim to be:\n" + "\n".join(faults))
        print(f"{len(cases)} cases are what they claim to be, in {' and '.join(library.name for library in libraries)}\n")

    ours = rust(asked.ours, asked.seeds)
    checkers = available([PyTorch, JAX, SciPy])
    print(", ".join(f"{checker.name} {checker.version}" for checker in checkers) + f"; {asked.seeds} seeds")
    print("ours: pass / wrong / inconclusive; others: right / wrong / raised\n")
    print(f"{'':<52}" + "".join(f"{name:>14}" for name in ["ours", *(checker.name for checker in checkers)]))
    totals = {name: Totals() for name in ["ours", *(checker.name for checker in checkers)]}
    for kind, case in cases:
        row = ours[kind, case.name]
        assert sum(row) == asked.seeds, f"the Rust trials ran {sum(row)} seeds, not {asked.seeds}"
        totals["ours"].add(kind, *row)
        columns = [row]
        for checker in checkers:
            counts = None
            if states(checker, case):
                verdicts = [verdict(checker, case, seed) for seed in range(asked.seeds)]
                counts = [verdicts.count(word) for word in ("right", "wrong", "raised")]
                totals[checker.name].add(kind, *counts)
            columns.append(counts)
        print(f"{kind}  {case.name:<45}" + "".join(f"{cells(counts):>14}" for counts in columns), flush=True)
    missing = [] if asked.only else sorted(name for _, name in ours.keys() - {(kind, case.name) for kind, case in cases})
    print(f"\n{len(cases)} of {len(ours)} cases of the Rust suite" + "".join(f"\nnot in Python: {name}" for name in missing))
    for name, total in totals.items():
        print(f"{name:<8} {total}{'inconclusive' if name == 'ours' else 'raised'}: {total.raised}")


if __name__ == "__main__":
    main()
