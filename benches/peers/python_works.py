"""Works as people write them, ours beside JAX (compiled) and PyTorch (eager), measured in turn:

    cargo build --release -p benches --bin works
    pip install jax torch
    python benches/peers/python_works.py            # `a g k` for some works, `--blocks 3` for a look

Each library is a process of its own with one thread. Before a work is timed, the three must agree in its answers. Then they are asked in turn for
blocks of calls, and each says how much processor time its block took, so that what else the machine does is done to all of them. The table
has the medians of the blocks, and the medians of the ratios of blocks that stood side by side. A library that is not installed, or cannot state a
work, has an empty cell.
"""

import argparse
import gc
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import python_rows  # first: it asks the libraries for one thread

WORKS = {
    "a": "MLP 784-512-512-10, layer norm, GELU, Adam, batch 256, `f32`, a step",
    "b": "attention block, 8 × 64 × 64, 4 heads, `f32`, a step",
    "c": "GRU, 32 × 100 × 64, `f32`, a step",
    "d-reverse-f64": "u″ of 1-64-64-64-1 at 1,024 points, gradient of (u″ + u)²: gradient of the gradient",
    "d-forward-f64": "the same, tangent of the tangent",
    "d-reverse-f32": "gradient of the gradient, `f32`",
    "d-forward-f32": "tangent of the tangent, `f32`",
    "e": "logistic regression, 1,000,000 × 100, `f64`, full gradient",
    "f-scalars": "three bodies, 1,000 Runge–Kutta steps, `f64`, gradient by the start: numbers",
    "f-arrays": "the same, arrays",
    "g": "Jacobian of 64-64-10 at each of 128 samples, `f32`",
    "h-gradient": "4,096 rows of 50,000 × 64, `f32`: gradient",
    "h-sgd": "a step of gradient descent",
    "h-adam": "a step of Adam",
    "h-sgd-rows": "gradient descent by rows",
    "h-adam-rows": "Adam by rows",
    "k": "inference, 784-256-256-10, batch 1,024, `f32`",
}
IN_F64 = ("d-reverse-f64", "d-forward-f64", "e", "f-scalars", "f-arrays")
# A value, the squares of its gradients, what three steps take off it.
TOLERANCES = (1e-4, 1e-3, 1e-2)


def answer_orders(library):
    """What `src/bin/works.rs` does, in a Python library: a line for each order."""
    known, ready = importlib.import_module(f"works.in_{library}").WORKS, None
    for line in sys.stdin:
        name, calls = line.split()
        if name not in known:
            print("none", flush=True)
            continue
        if ready is None or ready[0] != name:
            ready = None
            gc.collect()
            ready = name, *known[name]()
            ready[2]()
        _, answer, call = ready
        begin = time.process_time()
        for _ in range(int(calls)):
            call()
        print(time.process_time() - begin, *answer, flush=True)


class Library:
    """A process that answers orders."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def run(self, work, calls):
        """The seconds of so many calls and the answer, or None if it cannot state the work."""
        self.process.stdin.write(f"{work} {calls}\n")
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended in work {work}; see above")
        return None if line == "none\n" else [float(number) for number in line.split()]

    def calls_for(self, work, seconds):
        """How many calls take so long, or None."""
        calls = 1
        while (took := self.run(work, calls)) and took[0] < seconds / 4:
            calls *= 2
        return took and max(1, round(calls * seconds / took[0]))


def agree(work, libraries):
    """Holds the answers of all libraries against the first one's."""
    expected = libraries[0].run(work, 0)[1:]
    for library in libraries[1:]:
        for (found, right), tolerance in zip(zip(library.run(work, 0)[1:], expected, strict=True), TOLERANCES):
            python_rows.close((work, library.name), found, right, 1e-8 if work in IN_F64 else tolerance)


def measure(work, libraries, blocks, seconds):
    """For each library the seconds of a call in each block, None where it cannot state the work."""
    calls = {library: library.calls_for(work, seconds) for library in libraries}
    able = [library for library in libraries if calls[library]]
    agree(work, able)
    times = {library: [] for library in able}
    for block in range(blocks):
        first = block % len(able)
        for library in able[first:] + able[:first]:
            times[library].append(library.run(work, calls[library])[0] / calls[library])
    return [times.get(library) for library in libraries]


def shown(seconds):
    unit, factor = next((u, f) for u, f in (("s", 1), ("ms", 1e3), ("µs", 1e6)) if seconds * f >= 1 or u == "µs")
    return f"{seconds * factor:.3g} {unit}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", help=f"of {', '.join(WORKS)}; all of them unless named")
    parser.add_argument("--blocks", type=int, default=11, help="blocks of each library; 11 unless given")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a block takes, if not one call takes longer")
    parser.add_argument("--answer", choices=["jax", "torch"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.answer:
        return answer_orders(asked.answer)
    if strange := set(asked.works) - set(WORKS) - {"e-small"}:
        parser.error(f"no such work: {', '.join(sorted(strange))}")
    if asked.blocks < 1 or asked.seconds <= 0:
        parser.error("it takes at least one block, and a time above 0")
    root = Path(__file__).resolve().parents[2]
    ours = Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "release" / "works"
    if not ours.exists():
        parser.error(f"no {ours}; run cargo build --release -p benches --bin works")
    commands = {"ours": [ours]}
    for name, module in (("PyTorch", "torch"), ("JAX", "jax")):
        if importlib.util.find_spec(module):
            commands[name] = [sys.executable, __file__, "--answer", module]
        else:
            print(f"{name} skipped: it is not installed", file=sys.stderr)
    libraries = [Library(*both) for both in commands.items()]
    peers = libraries[1:]
    heads = ["work", *commands, *(f"ours ÷ {peer.name}" for peer in peers)]
    print("|", " | ".join(heads), "|")
    print("|" + "---|" * len(heads))
    for work in asked.works or WORKS:
        ours, *theirs = measure(work, libraries, asked.blocks, asked.seconds)
        times = [shown(statistics.median(times)) if times else "" for times in (ours, *theirs)]
        ratios = [f"{statistics.median(a / b for a, b in zip(ours, peer)):.2f}" if peer else "" for peer in theirs]
        print("|", " | ".join([f"{work.split('-')[0]}: {WORKS.get(work, work)}", *times, *ratios]), "|", flush=True)


if __name__ == "__main__":
    main()
