"""Functions with derivatives by hand before our checker for Python and those of PyTorch, JAX and SciPy: `python
benches/peers/python_functions.py`, after `pip install ./autograd/python numpy scipy torch jax`. A library that is not
installed is skipped with a word.

The functions are those of the Rust suite (`functions_*.rs` in `autograd/tests/it/trials`), written in NumPy
(`functions/`). All checkers get the same functions, derivatives and points.
"""

import argparse
import re
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from checks.checkers import available
from functions import RIGHT, WRONG
from functions.checkers import JAX, Ours, PyTorch, PyTorchFast, SciPy, states, verdict

TRIALS = Path(__file__).resolve().parents[2] / "autograd/tests/it/trials"
CHECKERS = {checker.name: checker for checker in (Ours, PyTorch, PyTorchFast, JAX, SciPy)}
WORDS = ["right", "wrong", "inconclusive", "raised"]


def compare_names(cases):
    """Refuse a list of cases that is not that of the Rust suite."""
    text = "".join(path.read_text() for path in sorted(TRIALS.glob("functions_*.rs")))
    # A case is a name and a closure.
    rust = set(re.findall(r'\(\s*"([^"]+)",\s*\|seed\|', text))
    here = {case.name for case in cases}
    if rust != here:
        raise SystemExit(f"not the trials in Rust; only there: {sorted(rust - here)}, only here: {sorted(here - rust)}")


def main():
    parser = argparse.ArgumentParser(description="Functions with derivatives by hand before several checkers.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--checkers", nargs="+", default=list(CHECKERS), choices=CHECKERS, metavar="NAME")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")

    compare_names(WRONG + RIGHT)
    cases = [("wrong", case) for case in WRONG] + [("right", case) for case in RIGHT]
    cases = [(kind, case) for kind, case in cases if asked.only in case.name]
    checkers = available([CHECKERS[name] for name in asked.checkers])
    print(f"{asked.seeds} seeds: {' / '.join(WORDS)}; -: not stated there")
    print(f"{'':<62}" + "".join(f"{checker.name:>20}" for checker in checkers))
    counts, stated = Counter(), Counter()
    took = dict.fromkeys((checker.name for checker in checkers), 0.0)
    for kind, case in cases:
        cells = []
        for checker in checkers:
            if not states(checker, case):
                cells.append("-")
                continue
            start = time.process_time()
            found = Counter(verdict(checker, case, seed) for seed in range(asked.seeds))
            took[checker.name] += time.process_time() - start
            cells.append("/".join(str(found[word]) for word in WORDS))
            stated[checker.name, kind] += 1
            counts.update({(checker.name, kind, word): n for word, n in found.items()})
        print(f"{kind}  {case.name:<55}" + "".join(f"{cell:>20}" for cell in cells), flush=True)

    for checker in checkers:
        print(f"\n{checker.name} {checker.version}, {took[checker.name]:.0f} s")
        for kind, bad, said in [("wrong", "right", "passed"), ("right", "wrong", "called wrong")]:
            n = {word: counts[checker.name, kind, word] for word in WORDS}
            print(
                f"{stated[checker.name, kind]:>4} {kind:<5} {said:<12} {n[bad]:>5} of {sum(n.values())};"
                f" inconclusive {n['inconclusive']}, raised {n['raised']}"
            )


if __name__ == "__main__":
    main()
