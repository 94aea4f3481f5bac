"""Values and gradients of linear algebra by PyTorch, for tests/it/linear_algebra.rs.

    python linear_algebra.py > linear_algebra.json
"""

import json
import sys

import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)



def positive(v):
    """The signs that make the largest component of each column positive."""
    largest = v.abs().argmax(-2, keepdim=True)
    return v.gather(-2, largest).sign().detach()


def eigenvectors(a, b):
    _, v = torch.linalg.eigh((a + a.mT) / 2)
    return v * positive(v)


def left(a, b):
    u, _, _ = torch.linalg.svd(b, full_matrices=False)
    return u * positive(u)


def right(a, b):
    u, _, vt = torch.linalg.svd(b.mT, full_matrices=False)
    return vt * positive(u).mT


OPERATIONS = {
    "cholesky": lambda a, b: torch.linalg.cholesky((a + a.mT) / 2),
    "solve": torch.linalg.solve,
    "solve_lower": lambda a, b: torch.linalg.solve_triangular(a, b, upper=False),
    "solve_upper": lambda a, b: torch.linalg.solve_triangular(a, b, upper=True),
    "cholesky_solve": lambda a, b: torch.cholesky_solve(b, torch.linalg.cholesky((a + a.mT) / 2)),
    "inverse": lambda a, b: torch.linalg.inv(a),
    "det": lambda a, b: torch.linalg.det(a),
    "slogdet": lambda a, b: torch.linalg.slogdet(a)[1],
    "matrix_exp": lambda a, b: torch.linalg.matrix_exp(a),
    "matrix_power": lambda a, b: torch.linalg.matrix_power(a, 5),
    "matrix_power of the inverse": lambda a, b: torch.linalg.matrix_power(a, -3),
    "logdet": lambda a, b: torch.logdet((a + a.mT) / 2),
    "eigvalsh": lambda a, b: torch.linalg.eigvalsh((a + a.mT) / 2),
    "eigenvectors": eigenvectors,
    "svdvals": lambda a, b: torch.linalg.svdvals(b),
    "left vectors": left,
    "right vectors": right,
    "nuclear": lambda a, b: torch.linalg.matrix_norm(b, "nuc"),
    "spectral": lambda a, b: torch.linalg.matrix_norm(b, 2),
    "frobenius": lambda a, b: torch.linalg.matrix_norm(b),
    "cond": lambda a, b: torch.linalg.cond(a),
    "pinv": lambda a, b: torch.linalg.pinv(b),
    "pinv of dependent columns": lambda a, b: torch.linalg.pinv(b @ b.mT),
    "logcumsumexp": lambda a, b: torch.logcumsumexp(3 * b, -2),
    "vander": lambda a, b: torch.linalg.vander(b, N=4),
    "renorm": lambda a, b: b * (0.5 / torch.linalg.vector_norm(b, 3, -1, keepdim=True).clamp(min=0.5)),
}


def case(name, a, b):
    """The operation's value, and the gradients of its sum weighted by 1, 1/2, 1/3, …"""
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    y = OPERATIONS[name](a, b)
    weights = 1 / torch.arange(1, y.numel() + 1).reshape(y.shape)
    da, db = torch.autograd.grad((y * weights).sum(), [a, b], allow_unused=True)
    numbers = lambda x: None if x is None else x.detach().flatten().tolist()
    return {
        "operation": name,
        "shapes": [list(a.shape), list(b.shape)],
        **{key: numbers(x) for key, x in [("a", a), ("b", b), ("y", y), ("da", da), ("db", db)]},
    }


def main():
    cases = []
    for n, batch in [(1, ()), (3, ()), (5, (2,))]:
        m = torch.randn(*batch, n, n)
        a, b = m @ m.mT / n + torch.eye(n) + 0.1 * torch.randn(*batch, n, n), torch.randn(*batch, n, 2)
        cases += [case(name, a, b) for name in OPERATIONS]
    json.dump(cases, sys.stdout)
    print()


main()
