"""What the scripts beside it share: how a layer's or a loss's figures by PyTorch are written down."""

import json
import sys

import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)

CASES = {}


def array(x):
    """An array as data."""
    return {"shape": list(x.shape), "values": x.detach().double().flatten().tolist()}


def record(name, f, x, state=(), after=(), train=False):
    """Writes down the case `name`: `y = f(*x)` and the gradients of `Σ v·y` for random weights `v`.

    x      inputs by name, in the order in which `f` takes them; integers (such as labels) get no gradient
    state  tensors of the layer by the names that they have in Rust; those that require a gradient get one
    after  tensors by name whose values `f` has changed, such as running means
    train  whether the layer was in training mode
    """
    x, state = dict(x), dict(state)
    before = {key: array(value) for key, value in state.items()}
    inputs = {key: value.detach().clone().requires_grad_(value.is_floating_point()) for key, value in x.items()}
    y = f(*inputs.values())
    v = torch.randn_like(y)
    leaves = {**inputs, **{key: value for key, value in state.items() if value.requires_grad}}
    leaves = {key: value for key, value in leaves.items() if value.is_floating_point()}
    gradients = torch.autograd.grad((y * v).sum(), list(leaves.values()), allow_unused=True)
    case = {
        "train": train,
        "inputs": {key: array(value) for key, value in x.items()},
        "state": before,
        "output": array(y),
        "weights": array(v),
        "gradients": {key: array(g) for key, g in zip(leaves, gradients) if g is not None},
        "after": {key: array(value) for key, value in dict(after).items()},
    }
    assert name not in CASES, f"two cases are called {name}"
    CASES[name] = case


def write():
    """Prints all cases."""
    json.dump(CASES, sys.stdout, indent=None, sort_keys=True)
    print()
