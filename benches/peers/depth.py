"""Chains and networks as deep as each library can: `python benches/peers/depth.py`, after `pip install jax torch matplotlib` and
`cargo build --release --features burn` in `benches/peers/rust`, whose program `--program` names. Linux only.

Each library, row and depth is a process of its own with 60 s of processor time and 8 GB of memory, so that a crash, a recursion limit
and a limit reached are results as well. A process prints one line of JSON: nanoseconds of processor time a link, bytes a link, the
gradient and its largest relative error against the closed form. Lines go to `--lines`; what stands there is not measured again. From them
come the tables and the picture, `--picture`.

A depth is not tried if ten times the time of the depth before is above 90 s: it counts as more than 60 s. Where a crash ends a
line, depths between the last good one and the crash are tried too.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

# One thread, as the crates run; read when a library is imported.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np

SECONDS, BYTES = 60, 8 << 30
SLOW = f"over {SECONDS} s"
WIDTH, BATCH = 64, 32
POWERS = {"scalars": range(2, 8), "arrays": range(2, 8), "second": range(2, 8), "layers": range(1, 5)}
TITLES = {
    "scalars": "numbers x ← sigmoid(4x − 2), gradient 1",
    "arrays": "arrays of 4, the same, gradient 1",
    "second": "numbers x ← (x² + 1)/2, second derivative n",
    "layers": "layers h ← tanh(hW + b), 64 wide, batch 32",
}
RUST = ["ours", "candle", "dfdx", "burn"]
NAMES = {"torch": "PyTorch", "jax": "JAX, eager", "scan": "JAX, compiled scan"}


def cotangent(place):
    """c, a number for each place, as in `rust/src/depth.rs`."""
    return (place % WIDTH + 1) / WIDTH


class Torch:
    """Each method makes what is recorded, of this depth, as a function that records, sweeps and returns the gradient."""

    def __init__(self):
        import torch

        torch.set_num_threads(1)
        self.torch = torch

    def chain(self, depth, count):
        torch, x = self.torch, self.torch.full([count], 0.5, requires_grad=True)

        def run():
            y = x
            for _ in range(depth):
                y = torch.sigmoid(4 * y - 2)
            return torch.autograd.grad(y.sum(), x)[0].tolist()

        return run

    def second(self, depth):
        torch, x = self.torch, self.torch.ones([1], requires_grad=True)

        def run():
            y = x
            for _ in range(depth):
                y = 0.5 * (y.square() + 1)
            (first,) = torch.autograd.grad(y, x, create_graph=True)
            return torch.autograd.grad(first, x)[0].tolist()

        return run

    def layers(self, depth, x, w, c):
        torch, x, c = self.torch, self.torch.tensor(x, requires_grad=True), self.torch.tensor(c)
        ws = [torch.tensor(w, requires_grad=True) for _ in range(depth)]
        bs = [torch.zeros(WIDTH, requires_grad=True) for _ in range(depth)]

        def run():
            h = x
            for w, b in zip(ws, bs):
                h = torch.tanh(torch.addmm(b, h, w))
            dx, db, *_ = torch.autograd.grad((h * c).sum(), [x, *bs, *ws])
            return dx.ravel().tolist() + db.tolist()

        return run


class Jax:
    """As `Torch`: a Python loop, each of whose operations is called by itself."""

    def __init__(self):
        import jax

        self.jax, self.jnp = jax, jax.numpy

    def repeat(self, link, x, depth):
        for _ in range(depth):
            x = link(x)
        return x

    def ready(self, f, x):
        return lambda: self.jax.block_until_ready(f(x))

    def chain(self, depth, count):
        jax = self.jax
        gradient = jax.grad(lambda x: self.repeat(lambda y: jax.lax.logistic(4 * y - 2), x, depth).sum())
        run = self.ready(gradient, self.jnp.full([count], 0.5))
        return lambda: run().tolist()

    def second(self, depth):
        grad = self.jax.grad
        run = self.ready(grad(grad(lambda x: self.repeat(lambda y: 0.5 * (y * y + 1), x, depth))), self.jnp.float32(1))
        return lambda: [run().item()]

    def layer(self, h, layer):
        w, b = layer
        return self.jnp.tanh(h @ w + b)

    def network(self, h, layers):
        for layer in layers:
            h = self.layer(h, layer)
        return h

    def parameters(self, w, depth):
        return [(self.jnp.array(w), self.jnp.zeros(WIDTH)) for _ in range(depth)]

    def layers(self, depth, x, w, c):
        gradient = self.jax.grad(lambda both: (self.network(*both) * c).sum())
        run = self.ready(gradient, (self.jnp.asarray(x), self.parameters(w, depth)))

        def first():
            dx, parameters = run()
            return dx.ravel().tolist() + self.first(parameters).tolist()

        return first

    def first(self, parameters):
        """The gradient by the first layer's b."""
        return parameters[0][1]


class Scan(Jax):
    """The loop by `jax.lax.scan`, compiled before it is timed; a gradient is one call."""

    def repeat(self, link, x, depth):
        return self.jax.lax.scan(lambda x, _: (link(x), None), x, length=depth)[0]

    def ready(self, f, x):
        return super().ready(self.jax.jit(f).lower(x).compile(), x)

    def network(self, h, layers):
        return self.jax.lax.scan(lambda h, layer: (self.layer(h, layer), None), h, layers)[0]

    def parameters(self, w, depth):
        return self.jnp.tile(self.jnp.array(w), (depth, 1, 1)), self.jnp.zeros([depth, WIDTH])

    def first(self, parameters):
        return parameters[1][0]


PYTHON = {"torch": Torch, "jax": Jax, "scan": Scan}


def program(library, row, depth):
    """The function to time, and the gradient that it should return."""
    if row == "second":
        return library.second(depth), np.array([float(depth)])
    if row != "layers":
        count = 4 if row == "arrays" else 1
        return library.chain(depth, count), np.ones(count)
    place = np.arange(WIDTH)
    x, w, c = np.zeros([BATCH, WIDTH], np.float32), np.zeros([WIDTH, WIDTH], np.float32), cotangent(place)
    w[place, (place + 1) % WIDTH] = 1
    dx, db = np.tile(cotangent(place + depth), BATCH), BATCH * cotangent(place + depth - 1)
    return library.layers(depth, x, w, np.tile(c, (BATCH, 1)).astype(np.float32)), np.concatenate([dx, db])


def kilobytes(name):
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0])


def limit(seconds, kilobytes):
    """What this process may use, beyond what it has."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES + 1024 * kilobytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def measure(name, row, depth):
    """One row of one Python library, as `rust/src/depth.rs` measures it."""
    library = PYTHON[name]()
    program(library, row, 10)[0]()
    # What the imports took, of time and of addresses, does not count.
    limit(SECONDS + int(time.process_time()), kilobytes("VmSize"))
    run, closed = program(library, row, depth)
    # The highest amount of memory so far is what there is now (man 5 proc).
    Path("/proc/self/clear_refs").write_text("5")
    before, begin, calls, seconds = kilobytes("VmRSS"), time.process_time(), 0, 0.0
    # Under a limit of processor time its clock moves by ticks of up to 10 ms: the mean of a second of calls.
    while seconds < 1.0:
        gradient = run()
        calls, seconds = calls + 1, time.process_time() - begin
    kept = 1024 * (kilobytes("VmHWM") - before) / depth
    error = np.abs(np.array(gradient) / closed - 1).max()
    line = {"time": 1e9 * seconds / calls / depth, "memory": kept, "gradient": gradient[0], "closed": closed[0], "error": error}
    print(json.dumps({key: float(number) for key, number in line.items()}))


def failure(code, text):
    """Why a process ended without a line."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return SLOW
    if "RecursionError" in text:
        return "recursion limit"
    if any(word in text for word in ["memory allocation of", "MemoryError", "allocate memory", "bad_alloc", "RESOURCE_EXHAUSTED"]):
        return f"{BYTES >> 30} GB"
    if "overflowed its stack" in text or code == -signal.SIGSEGV:
        return "stack overflow"
    return f"ends with {code}: {(text.strip().splitlines() or [''])[-1][:100]}"


def attempt(rust, library, row, depth):
    """A line: what was measured, or the failure."""
    here = [sys.executable, __file__, "--measure"] if library in PYTHON else [rust, "depth"]
    inside = None if library in PYTHON else lambda: limit(SECONDS, 0)
    done = subprocess.run([*here, library, row, str(depth)], capture_output=True, text=True, preexec_fn=inside)
    line = {"library": library, "row": row, "depth": depth}
    if done.returncode != 0:
        return line | {"failure": failure(done.returncode, done.stderr)}
    return line | (json.loads(done.stdout) or {"failure": "has none"})


def sweep(tried, library, row):
    """The lines of a library's row, from shallow to deep, until it fails; then of depths between. `tried` measures."""
    good = None
    for power in POWERS[row]:
        if good and good["time"] * 10**power > 90e9:
            yield {"library": library, "row": row, "depth": 10**power, "failure": SLOW, "untried": True}
            return
        line = tried(library, row, 10**power)
        yield line
        if "failure" not in line:
            good = line
            continue
        # Halved three times on the scale of powers, the gap leaves a third in depth. Time needs none: it is foretold.
        bad = line
        for _ in range(3 if good and bad["failure"] != SLOW else 0):
            line = tried(library, row, round((good["depth"] * bad["depth"]) ** 0.5))
            yield line
            good, bad = (good, line) if "failure" in line else (line, bad)
        return


def shown(number, units):
    """Three digits, in the first unit that leaves less than a thousand."""
    while number >= 999.5 and len(units) > 1:
        number, units = number / 1000, units[1:]
    return f"{float(f'{number:.3g}'):,g} {units[0]}"


def power(depth):
    """A depth as 10⁵ or 4.2·10⁴."""
    exponent = int(np.log10(depth) + 1e-9)
    ten = "10" + str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    factor = depth / 10**exponent
    return ten if factor == 1 else f"{factor:.1f}·{ten}"


def table(row, lines, libraries):
    """Markdown: times at some depths, memory, gradient and the deepest one."""
    depths = [10**power for power in POWERS[row]]
    cells = "".join(f" {power(depth)} |" for depth in depths)
    text = [f"| {TITLES[row]} |{cells} memory a link | gradient | deepest | beyond |", "|---" * (len(depths) + 5) + "|"]
    for library in libraries:
        own = sorted((line for line in lines if (line["library"], line["row"]) == (library, row)), key=lambda line: line["depth"])
        good, bad = [line for line in own if "failure" not in line], [line for line in own if "failure" in line]
        name = NAMES.get(library, library)
        if not good:
            reason = bad[0]["failure"] if bad else "not measured"
            text.append(f"| {name} |" + " |" * len(depths) + f" | | | {reason} |")
            continue
        times = {line["depth"]: shown(line["time"], ["ns", "µs", "ms"]) for line in good}
        last = good[-1]
        exact = "exact" if last["error"] == 0 else f"off by {last['error']:.0e}"
        beyond = ""
        if bad:
            beyond = f"{bad[0]['failure']} at {power(bad[0]['depth'])}" + (", foretold" if bad[0].get("untried") else "")
        ends = f"{shown(last['memory'], ['B', 'KB', 'MB'])} | {last['gradient']:,.10g}, {exact} | {power(last['depth'])} | {beyond}"
        text.append(f"| {name} |" + "".join(f" {times.get(depth, '')} |" for depth in depths) + f" {ends} |")
    return "\n".join(text)


def draw(lines, path):
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "depth", "font.family": "sans-serif", "font.size": 9})
    figure, panels = plt.subplots(2, 2, figsize=(10, 7.4), layout="constrained")
    for panel, row in zip(panels.flat, TITLES):
        for library, marker, colour in zip(RUST + list(PYTHON), "osD^vP*", plt.cm.tab10.colors):
            own = [line for line in lines if (line["library"], line["row"]) == (library, row)]
            good = sorted((line["depth"], line["time"]) for line in own if "failure" not in line)
            if not good:
                continue
            wide = 2.4 if library == "ours" else 1.2
            panel.plot(*zip(*good), marker=marker, markersize=4, color=colour, linewidth=wide, label=NAMES.get(library, library))
            if failures := [line for line in own if "failure" in line]:
                panel.plot(*good[-1], marker="x", markersize=11, markeredgewidth=2, color=colour)
                why = min(failures, key=lambda line: line["depth"])["failure"]
                panel.annotate(why, good[-1], (7, -3), textcoords="offset points", color=colour)
        panel.set(xscale="log", yscale="log", title=TITLES[row], xlabel="links", ylabel="processor time a link, ns")
        panel.margins(x=0.14)
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=7, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description="Chains and networks as deep as each library can.")
    parser.add_argument("libraries", nargs="*", help=f"of {', '.join(RUST + list(PYTHON))}; all of them unless named")
    parser.add_argument("--rows", default=",".join(TITLES), help="of scalars,arrays,second,layers")
    here = Path(__file__).resolve().parent
    parser.add_argument("--program", default=here / "rust/target/release/peers", help="that of `rust`, built with burn")
    parser.add_argument("--lines", type=Path, default=here / "rust/target/depth.jsonl", help="what was measured; what it has stays")
    parser.add_argument("--picture", help="where the drawing goes, an SVG file")
    asked = parser.parse_args()
    rows = asked.rows.split(",")
    if strange := set(asked.libraries) - set(RUST) - set(PYTHON) | set(rows) - set(TITLES):
        parser.error(f"no such library or row: {', '.join(sorted(strange))}")
    read = asked.lines.read_text().splitlines() if asked.lines.exists() else []
    known = {(line["library"], line["row"], line["depth"]): line for line in map(json.loads, read)}

    def tried(*what):
        if what not in known:
            known[what] = attempt(asked.program, *what)
            asked.lines.parent.mkdir(parents=True, exist_ok=True)
            with asked.lines.open("a") as file:
                print(json.dumps(known[what]), file=file)
            print(known[what], file=sys.stderr, flush=True)
        return known[what]

    wanted = asked.libraries or RUST + list(PYTHON)
    modules = {"torch": "torch", "jax": "jax", "scan": "jax"}
    there = [name for name in wanted if (find_spec(modules[name]) if name in modules else Path(asked.program).exists())]
    if missing := [name for name in wanted if name not in there]:
        print(f"not installed or not built, so skipped: {', '.join(missing)}", file=sys.stderr)
    chosen = [(library, row) for row in rows for library in there]
    lines = [line for library, row in chosen for line in sweep(tried, library, row)]
    for row in rows:
        print(table(row, lines, there), end="\n\n")
    if asked.picture:
        draw(lines, asked.picture)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        library, row, depth = sys.argv[2:]
        measure(library, row, int(depth))
    else:
        main()
