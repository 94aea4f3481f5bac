"""Rows A to F and J of the benches' table in JAX: `python benches/peers/jax_rows.py [rows]`, after `pip install jax`.

The step is compiled (jit) and called from Python, as a user trains; each row prints the median of its calls, and the value that
it verifies: each gradient step must lower the loss, and for F the value must be NumPy's.
Weights and data are those of `benches::networks`, so the losses can be compared with what `cargo bench` verifies.
"""

import os
import sys
import time

# One thread, as the crates run.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np

ETA = 0.01
ROWS = {
    "A": (6, [3, 4, 2]),
    "B": (32, [64, 64, 64, 10]),
    "C": (128, [784, 256, 256, 10]),
    "D": (256, [3600, 1024, 1024, 10]),
    "E": (32, [64] * 101 + [10]),
    "J": (1, [64, 64, 64, 10]),
}


def scattered(first, count):
    """The numbers of `benches::scattered`: a hash of the index, in [-1, 1)."""
    h = np.arange(first, first + count, dtype=np.uint32) * np.uint32(0x9E3779B1)
    h = (h ^ (h >> 16)) * np.uint32(0x85EBCA6B)
    return ((h ^ (h >> 13)) >> 8) / float(1 << 23) - 1.0


def tensor(shape, first, scale):
    return jnp.asarray((scale * scattered(first, int(np.prod(shape)))).reshape(shape), jnp.float32)


def median(f, x, seconds=3.0):
    """Median time of `x = f(x)`, x being what the step changes."""
    for _ in range(3):
        x = jax.block_until_ready(f(x))
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 20000):
        begin = time.perf_counter()
        x = jax.block_until_ready(f(x))
        times.append(time.perf_counter() - begin)
    return np.median(times)


def network(name):
    batch, widths = ROWS[name]
    x = tensor((batch, widths[0]), 0, 1.0)
    classes = jnp.arange(batch) % widths[-1]
    layers = list(zip(widths, widths[1:]))
    params = [(tensor((k, n), (l + 1) << 24, (3.0 / k) ** 0.5), jnp.zeros(n)) for l, (k, n) in enumerate(layers)]
    activation = jnp.tanh if name == "E" else jax.nn.relu

    def forward(params, x):
        for w, b in params[:-1]:
            x = activation(x @ w + b)
        return x @ params[-1][0] + params[-1][1]

    def loss(params):
        y = jax.nn.log_softmax(forward(params, x))
        return -jnp.mean(y[jnp.arange(batch), classes])

    @jax.jit
    def step(state):
        value, grads = jax.value_and_grad(loss)(state[0])
        return jax.tree.map(lambda p, g: p - ETA * g, state[0], grads), value

    if name == "J":
        infer = jax.jit(forward)
        return median(lambda _: infer(params, x), None), float(infer(params, x)[0, 0])
    state = (params, jnp.inf)
    first = state = step(state)
    state = step(step(state))
    assert state[1] < first[1], (name, first[1], state[1])
    return median(step, state), float(first[1])


def fused():
    x = tensor((1_000_000,), 0, 2.0)
    f = jax.jit(jax.value_and_grad(lambda x: jnp.sum(jnp.tanh(2 * x + 1) * jnp.exp(-x * x))))
    value, wide = float(f(x)[0]), np.asarray(x, np.float64)
    expected = np.sum(np.tanh(2 * wide + 1) * np.exp(-wide * wide))
    assert abs(value - expected) < 1e-5 * abs(expected), (value, expected)
    return median(lambda _: f(x), None), value


if __name__ == "__main__":
    print(f"jax {jax.__version__}, one thread, compiled step called from Python")
    for row in sys.argv[1] if len(sys.argv) > 1 else "ABCDEFJ":
        seconds, value = fused() if row == "F" else network(row)
        print(f"{row}: {1e6 * seconds:.1f} us, value {value:.6f}")
