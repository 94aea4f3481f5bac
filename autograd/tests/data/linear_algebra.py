"""Values and gradients of linear algebra by PyTorch, for tests/it/linear_algebra.rs.

    python linear_algebra.py > linear_algebra.json
"""

import json
import sys

import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)

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
