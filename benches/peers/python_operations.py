"""The bench `operations` in PyTorch, one thread, f64 unless said otherwise: `python benches/peers/python_operations.py`.

Each row prints the median of its calls, value and gradient. PyTorch has no sparse Jacobian: its row is three products by `torch.func.jvp`
with the colours given, of which one call by hand writes the band.
"""

import time

import python_rows  # first: it asks the libraries for one thread
import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def tensor(shape, first):
    """The numbers of the benches."""
    return torch.tensor(python_rows.tensor(shape, first, 1.0))


def positive(n):
    a = tensor((n, n), 0)
    return a @ a.T / n + torch.eye(n)


def gradient(f, x):
    x = x.detach().requires_grad_()
    f(x).sum().backward()
    return x.grad


def band(x):
    return x[:-2].sin() * x[1:-1] + x[2:] ** 2


def banded_jacobian(x):
    directions = [(torch.arange(len(x)) % 3 == colour).to(x.dtype) for colour in range(3)]
    columns = torch.stack([torch.func.jvp(band, (x,), (v,))[1] for v in directions])
    rows = torch.arange(len(x) - 2)
    return torch.stack([columns[(rows + k) % 3, rows] for k in range(3)], 1)


def rows():
    for n in (100, 500):
        a, b = positive(n), tensor((n, 1), n * n)
        yield f"factors/cholesky/{n}", lambda a=a: gradient(torch.linalg.cholesky, a)
        yield f"factors/solve/{n}", lambda a=a, b=b: gradient(lambda a: torch.linalg.solve(a, b), a)
    x, weights = tensor((1_000_000,), 0), tensor((1_000_000,), 1 << 24)
    yield "a million numbers/sort", lambda: gradient(lambda x: torch.sort(x)[0] * weights, x)
    yield "a million numbers/cumsum", lambda: gradient(lambda x: torch.cumsum(x, 0) * weights, x)
    x, weights = (1 + 1e-3 * tensor((1000, 1000), first).float() for first in (0, 1 << 24))
    reductions = {
        "sum": torch.sum,
        "max": torch.amax,
        "prod": torch.prod,
        "norm": torch.linalg.vector_norm,
        "variance": lambda x: torch.var(x, correction=0),
        "logsumexp": lambda x: torch.logsumexp(x, (0, 1)),
        "max of rows": lambda x: torch.amax(x, 1),
        "logsumexp of rows": lambda x: torch.logsumexp(x, 1),
        "softmax of rows": lambda x: torch.softmax(x, 1) * weights * x,
        "softmax of columns": lambda x: torch.softmax(x, 0) * weights * x,
        "log_softmax of rows": lambda x: torch.log_softmax(x, 1) * weights * x,
        "gelu": torch.nn.functional.gelu,
        "transpose": lambda x: (x + x.T) ** 2,
    }
    for name, f in reductions.items():
        yield f"a million numbers, f32/{name}", lambda f=f: gradient(f, x)
    y, a, b = tensor((32, 64, 48), 0), tensor((48, 40), 1 << 20), tensor((64, 40), 1 << 21)
    yield "einsum/of three", lambda: gradient(lambda y: torch.einsum("bij,jk,ik->bk", y, a, b) ** 2, y)
    z = tensor((100_000,), 0)
    right = torch.stack([z[:-2].cos() * z[1:-1], z[:-2].sin(), 2 * z[2:]], 1)
    assert torch.allclose(banded_jacobian(z), right, rtol=1e-14)
    yield "sparse Jacobian of 100,000, places known", lambda: banded_jacobian(z)


for name, call in rows():
    call()
    times = []
    while len(times) < 15 or (sum(times) < 2 and len(times) < 1000):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    print(f"{name:44} {1e3 * sorted(times)[len(times) // 2]:10.3f} ms")
