"""The rows of the benches' table in JAX and PyTorch: `python benches/peers/python_rows.py [rows [libraries]]`, after
`pip install jax torch`. A library that is not installed is skipped with a word.

JAX's step is compiled (jit) and called from Python, as a user trains; PyTorch's runs eagerly. Each row prints the median of its
calls, and the value that it verifies: the losses of four steps must fall, and agree with those of NumPy in f64 here; so must the
value and gradient of F, G, H and I, and J's logits. Weights and data are those of `benches::networks`. H and I are in f64, the
others in f32; I is written for arrays, as users of these libraries write it: compare it with ours as arrays, not with ours that records
each number by itself.
"""

import argparse
import os
import time

# One thread, as the crates run; read when a library is imported.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

ETA = 0.01
LINKS = 1000
OPERATIONS = 3  # that a link of row G records
ROWS = {
    "A": (6, [3, 4, 2]),
    "B": (32, [64, 64, 64, 10]),
    "C": (128, [784, 256, 256, 10]),
    "D": (256, [3600, 1024, 1024, 10]),
    "E": (32, [64] * 101 + [10]),
    "J": (1, [64, 64, 64, 10]),
}
# Row G's x, w and b, those of `benches::arrays`.
CHAIN = [np.array([0.5, 0.6, 0.7, 0.8]), np.ones(4), np.zeros(4)]
# Links of row H and terms of row I, and the x, w and b of row H at its fixed point 1/4.
SCALARS = 100_000
LINK = [0.25, 16.0 / 3.0, -4.0 / 3.0 - np.log(3.0)]


def scattered(first, count):
    """The numbers of `benches::scattered`: a hash of the index, in [-1, 1)."""
    h = np.arange(first, first + count, dtype=np.uint32) * np.uint32(0x9E3779B1)
    h = (h ^ (h >> 16)) * np.uint32(0x85EBCA6B)
    return ((h ^ (h >> 13)) >> 8) / float(1 << 23) - 1.0


def tensor(shape, first, scale):
    return (scale * scattered(first, int(np.prod(shape)))).reshape(shape)


class Network:
    """A row's data and first weights, and in f64 by NumPy what they lead to."""

    def __init__(self, name):
        self.batch, widths = ROWS[name]
        self.tanh = name == "E"
        self.x = tensor((self.batch, widths[0]), 0, 1.0)
        self.classes = np.arange(self.batch) % widths[-1]
        layers = enumerate(zip(widths, widths[1:]))
        self.params = [(tensor((k, n), (l + 1) << 24, (3.0 / k) ** 0.5), np.zeros(n)) for l, (k, n) in layers]

    def outputs(self, params):
        """Of every layer, the data first, the logits last."""
        xs = [self.x]
        for l, (w, b) in enumerate(params):
            y = xs[-1] @ w + b
            xs.append(y if l + 1 == len(params) else np.tanh(y) if self.tanh else np.maximum(y, 0))
        return xs

    def losses(self, steps=4):
        params, losses, samples = self.params, [], np.arange(self.batch)
        for _ in range(steps):
            xs = self.outputs(params)
            y = xs[-1] - xs[-1].max(axis=1, keepdims=True)
            y = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
            losses.append(-y[samples, self.classes].mean())
            dy = np.exp(y)
            dy[samples, self.classes] -= 1.0
            dy, after = dy / self.batch, []
            for l in reversed(range(len(params))):
                w, b = params[l]
                after.insert(0, (w - ETA * xs[l].T @ dy, b - ETA * dy.sum(axis=0)))
                dy = (dy @ w.T) * (1.0 - xs[l] ** 2 if self.tanh else xs[l] > 0)
            params = after
        return losses


def bump(x):
    """Row F's value and gradient."""
    t, e = np.tanh(2 * x + 1), np.exp(-x * x)
    return np.sum(t * e), 2 * e * (1 - t * t - x * t)


def chain(first, w, b):
    """Row G's value and gradients by x, w and b."""
    xs = [first]
    for _ in range(LINKS):
        xs.append(np.tanh(xs[-1] * w + b))
    dx, dw, db = np.ones(4), np.zeros(4), np.zeros(4)
    for x, y in zip(xs[-2::-1], xs[:0:-1]):
        dz = dx * (1 - y * y)
        dw, db, dx = dw + dz * x, db + dz, dz * w
    return xs[-1].sum(), [dx, dw, db]


def link(x, w, b):
    """Row H's value and gradients by x, w and b."""
    xs = [x]
    for _ in range(SCALARS):
        xs.append(1.0 / (1.0 + np.exp(-(w * xs[-1] + b))))
    dx, dw, db = 1.0, 0.0, 0.0
    for x, y in zip(xs[-2::-1], xs[:0:-1]):
        dz = dx * y * (1.0 - y)
        dw, db, dx = dw + dz * x, db + dz, dz * w
    return xs[-1], [dx, dw, db]


def terms(x):
    """Row I's value and gradient."""
    (x, after), dx = (x[:-1], x[1:]), np.zeros_like(x)
    q = 1.0 / (1.0 + x * x)
    dx[:-1] += (np.cos(x) - 2.0 * x * np.sin(x) * q) * after * q
    dx[1:] += np.sin(x) * q
    return np.sum(np.sin(x) * after * q), dx


def close(what, found, expected, tolerance=1e-4):
    """Relative to the largest that is expected, as `benches::assert_close`."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected)
    error, size = np.abs(found - expected).max(), np.abs(expected).max()
    assert found.shape == expected.shape and size > 0 and error <= tolerance * size, (what, error / size)


def median(f, seconds=3.0):
    for _ in range(3):
        f()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 20000):
        begin = time.perf_counter()
        f()
        times.append(time.perf_counter() - begin)
    return np.median(times)


class Jax:
    def __init__(self):
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax, self.jnp = jax, jax.numpy
        self.name = f"JAX {jax.__version__}, one thread, compiled step called from Python"

    def array(self, x):
        return self.jnp.asarray(x, self.jnp.float32)

    def network(self, net):
        """A function that takes a step and returns the loss before it, and one that returns the logits."""
        jax, jnp = self.jax, self.jnp
        x, classes, samples = self.array(net.x), jnp.asarray(net.classes), jnp.arange(net.batch)
        activation = jnp.tanh if net.tanh else jax.nn.relu

        def forward(params, x):
            for w, b in params[:-1]:
                x = activation(x @ w + b)
            return x @ params[-1][0] + params[-1][1]

        def loss(params):
            return -jnp.mean(jax.nn.log_softmax(forward(params, x))[samples, classes])

        @jax.jit
        def step(params):
            value, grads = jax.value_and_grad(loss)(params)
            return jax.tree.map(lambda p, g: p - ETA * g, params, grads), value

        state = [jax.tree.map(self.array, net.params)]

        def advance():
            state[0], value = jax.block_until_ready(step(state[0]))
            return value

        infer = jax.jit(forward)
        return advance, lambda: jax.block_until_ready(infer(state[0], x))

    def bump(self, x):
        x, jnp = self.array(x), self.jnp
        f = self.jax.jit(self.jax.value_and_grad(lambda x: jnp.sum(jnp.tanh(2 * x + 1) * jnp.exp(-x * x))))
        return lambda: self.jax.block_until_ready(f(x))

    def chain(self, arrays):
        """The loop is compiled too: no operation is recorded when it runs."""
        jax, jnp = self.jax, self.jnp
        arrays = [self.array(x) for x in arrays]

        def value(x, w, b):
            return jax.lax.scan(lambda x, _: (jnp.tanh(x * w + b), None), x, length=LINKS)[0].sum()

        f = jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2)))
        return lambda: jax.block_until_ready(f(*arrays))

    def link(self, numbers):
        """A compiled loop, as in `chain`."""
        jax, jnp = self.jax, self.jnp
        numbers = [jnp.float64(x) for x in numbers]

        def value(x, w, b):
            return jax.lax.scan(lambda x, _: (jax.nn.sigmoid(w * x + b), None), x, length=SCALARS)[0]

        f = jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2)))
        return lambda: jax.block_until_ready(f(*numbers))

    def terms(self, x):
        jnp, x = self.jnp, self.jnp.float64(x)
        f = self.jax.jit(self.jax.value_and_grad(lambda x: jnp.sum(jnp.sin(x[:-1]) * x[1:] / (1.0 + x[:-1] ** 2))))
        return lambda: self.jax.block_until_ready(f(x))


class Torch:
    def __init__(self):
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        self.name = f"PyTorch {torch.__version__}, one thread, eager"

    def array(self, x):
        return self.torch.tensor(x, dtype=self.torch.float32)

    def network(self, net):
        torch, functional = self.torch, self.torch.nn.functional
        x, classes, modules = self.array(net.x), torch.tensor(net.classes), []
        for w, b in net.params:
            layer = torch.nn.Linear(*w.shape)
            with torch.no_grad():
                layer.weight.copy_(self.array(w.T))
                layer.bias.copy_(self.array(b))
            modules += [layer, torch.nn.Tanh() if net.tanh else torch.nn.ReLU()]
        model = torch.nn.Sequential(*modules[:-1])
        sgd = torch.optim.SGD(model.parameters(), lr=ETA)

        def advance():
            sgd.zero_grad()
            loss = functional.cross_entropy(model(x), classes)
            loss.backward()
            sgd.step()
            return loss.item()

        def infer():
            with torch.inference_mode():
                return model(x).numpy()

        return advance, infer

    def bump(self, x):
        torch, x = self.torch, self.array(x).requires_grad_()

        def call():
            x.grad = None
            y = torch.sum(torch.tanh(2 * x + 1) * torch.exp(-x * x))
            y.backward()
            return y.item(), x.grad.numpy()

        return call

    def chain(self, arrays):
        torch, (first, w, b) = self.torch, [self.array(x).requires_grad_() for x in arrays]

        def call():
            x = first
            for _ in range(LINKS):
                x = torch.tanh(x * w + b)
            y = x.sum()
            return y.item(), [dx.numpy() for dx in torch.autograd.grad(y, (first, w, b))]

        return call

    def link(self, numbers):
        torch = self.torch
        first, w, b = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]

        def call():
            x = first
            for _ in range(SCALARS):
                x = torch.sigmoid(w * x + b)
            return x.item(), [dx.item() for dx in torch.autograd.grad(x, (first, w, b))]

        return call

    def terms(self, x):
        torch, x = self.torch, self.torch.tensor(x, dtype=self.torch.float64, requires_grad=True)

        def call():
            y = torch.sum(torch.sin(x[:-1]) * x[1:] / (1.0 + x[:-1] ** 2))
            return y.item(), torch.autograd.grad(y, x)[0].numpy()

        return call


# What is differentiated, by what, how many parts of it a time is divided by, and how near the gradient must be.
FUNCTIONS = {
    "F": ("bump", lambda: tensor((1_000_000,), 0, 2.0), 1, 1e-4),
    "G": ("chain", lambda: CHAIN, OPERATIONS * LINKS, 1e-3),
    "H": ("link", lambda: LINK, SCALARS, 1e-9),
    "I": ("terms", lambda: tensor((SCALARS + 1,), 0, 1.5), SCALARS, 1e-9),
}
PARTS = {"G": " an operation", "H": " a link", "I": " a term"}


def reference(argument):
    """The arguments of the function here: an array is one, a list several."""
    return argument if isinstance(argument, list) else [argument]


def run(library, row):
    """The median in seconds, and the value."""
    if row in FUNCTIONS:
        name, argument, parts, tolerance = FUNCTIONS[row]
        f, (value, gradient) = getattr(library, name)(argument()), globals()[name](*reference(argument()))
        found = f()
        close(f"{row}, value", found[0], value, min(tolerance, 1e-4))
        close(f"{row}, gradient", found[1], gradient, tolerance)
        return median(f) / parts, float(found[0])
    net = Network(row)
    advance, infer = library.network(net)
    close(f"{row}, logits", infer(), net.outputs(net.params)[-1])
    if row == "J":
        return median(infer), float(infer()[0, 0])
    losses = [float(advance()) for _ in range(4)]
    for found, expected in zip(losses, net.losses()):
        close(f"{row}, loss", found, expected)
    assert losses[3] < losses[0], (row, losses)
    return median(advance), losses[0]


if __name__ == "__main__":
    libraries = {"jax": Jax, "torch": Torch}
    parser = argparse.ArgumentParser(description="Rows of the benches' table in JAX and PyTorch.")
    parser.add_argument("rows", nargs="?", default="ABCDEFGHIJ", help="letters")
    parser.add_argument("libraries", nargs="*", help=f"of {', '.join(libraries)}; all of them unless named")
    asked = parser.parse_args()
    if strange := set(asked.rows) - set("ABCDEFGHIJ") or set(asked.libraries) - set(libraries):
        parser.error(f"no such row or library: {', '.join(sorted(strange))}")
    for name in asked.libraries or libraries:
        try:
            library = libraries[name]()
        except ImportError as error:
            print(f"{name} skipped: {error}")
            continue
        print(library.name)
        for row in asked.rows:
            seconds, value = run(library, row)
            print(f"{row}: {1e6 * seconds:.4f} us{PARTS.get(row, '')}, value {value:.6f}", flush=True)
