"""Twenty steps of each optimiser, for tests/it/figures_of_optimizers.rs.

    python optimizers.py > optimizers.json

The gradients are given, and do not depend on the parameters, so that each step shows. Where PyTorch has the optimiser
it takes the steps; the others are their papers' algorithms, line by line. Matrices are (inputs, outputs).
"""

import json
import math
import sys

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
STEPS = 20
RATE = 0.05
rng = np.random.default_rng(0)
SHAPES = {"wide": (2, 3), "tall": (3, 2), "b": (3,), "stack": (2, 2, 2)}
START = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
# Of different sizes, with a trend, and with numbers that are 0.
SIZES = {"wide": 0.3, "tall": 0.01, "b": 5, "stack": 1}
GRADIENTS = [
    {
        name: (rng.normal(size=shape) + 0.3) * SIZES[name] * (rng.random(shape) < 0.8)
        for name, shape in SHAPES.items()
    }
    for _ in range(STEPS)
]
# Muon's rounds are in half precision in PyTorch; here in full.
torch.bfloat16 = torch.float64


def path_of(optimizers):
    """The parameters after each step of the optimisers of PyTorch that are made for them."""
    params = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in START.items()}
    optimizers, path = optimizers(params), []
    for gradients in GRADIENTS:
        for name, param in params.items():
            param.grad = torch.tensor(gradients[name])
        for optimizer in optimizers:
            optimizer.step()
        path.append({name: param.detach().numpy().copy() for name, param in params.items()})
    return path


def by_torch(make, **settings):
    return path_of(lambda params: [make(params.values(), lr=RATE, **settings)])


def by_hand(algorithm, **settings):
    """The parameters after each step of an algorithm, which takes one parameter and yields its value step by step."""
    walks = {
        name: algorithm(value.copy(), [gradients[name] for gradients in GRADIENTS], **settings)
        for name, value in START.items()
    }
    return [{name: next(walk).copy() for name, walk in walks.items()} for _ in range(STEPS)]


def lion(x, gradients, betas=(0.9, 0.99), decay=0.0):
    """Chen et al. 2023, algorithm 2."""
    m = np.zeros_like(x)
    for g in gradients:
        c = betas[0] * m + (1 - betas[0]) * g
        x = x - RATE * (np.sign(c) + decay * x)
        m = betas[1] * m + (1 - betas[1]) * g
        yield x


def lamb(x, gradients, betas=(0.9, 0.999), eps=1e-6, decay=0.0):
    """You et al. 2020, algorithm 2, with the identity for the function of the norm."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(gradients, 1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        r = m / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
        u = r + decay * x
        x = x - RATE * np.linalg.norm(x) / np.linalg.norm(u) * u
        yield x


def schedule_free(x, gradients, betas=(0.9, 0.999), eps=1e-8, decay=0.0, warm_up=0):
    """Defazio et al. 2024, algorithm 1; yields the point where the next gradient is taken."""
    z, v, weights = x, np.zeros_like(x), 0.0
    y = (1 - betas[0]) * z + betas[0] * x
    for t, g in enumerate(gradients, 1):
        v = betas[1] * v + (1 - betas[1]) * g**2
        rate = RATE * math.sqrt(1 - betas[1] ** t) * min(1, t / max(warm_up, 1))
        z = z - rate * g / (np.sqrt(v) + eps) - rate * decay * y
        weights += rate**2
        c = rate**2 / weights
        x = (1 - c) * x + c * z
        y = (1 - betas[0]) * z + betas[0] * x
        yield y


def muon(**settings):
    """Muon for matrices, Adam for the rest. PyTorch has matrices of (outputs, inputs)."""

    class Transposed:
        def __init__(self, param):
            self.param, self.matrix = param, param.T.detach().clone().requires_grad_(True)
            self.muon = torch.optim.Muon([self.matrix], lr=RATE, **settings)

        def step(self):
            self.matrix.grad = self.param.grad.T.clone()
            self.muon.step()
            self.param.data.copy_(self.matrix.detach().T)

    def optimizers(params):
        return [
            Transposed(params["wide"]),
            Transposed(params["tall"]),
            torch.optim.Adam([params["b"], params["stack"]], lr=RATE),
        ]

    return path_of(optimizers)


o = torch.optim
tuned = {"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}
by_hand_tuned = {"betas": (0.8, 0.95), "eps": 1e-3, "decay": 0.1}
PATHS = {
    "sgd": by_torch(o.SGD),
    "sgd with decay": by_torch(o.SGD, weight_decay=0.1),
    "momentum": by_torch(o.SGD, momentum=0.9),
    "momentum with decay": by_torch(o.SGD, momentum=0.9, weight_decay=0.1),
    "nesterov": by_torch(o.SGD, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": by_torch(o.Adam),
    "adamw": by_torch(o.AdamW, **tuned),
    "amsgrad": by_torch(o.AdamW, betas=(0.8, 0.9), weight_decay=0.1, amsgrad=True),
    "nadam": by_torch(o.NAdam),
    "nadam with settings": by_torch(o.NAdam, momentum_decay=0.5, decoupled_weight_decay=True, **tuned),
    "radam": by_torch(o.RAdam),
    "radam with settings": by_torch(o.RAdam, decoupled_weight_decay=True, **tuned),
    "rms_prop": by_torch(o.RMSprop),
    "rms_prop with momentum": by_torch(o.RMSprop, alpha=0.9, momentum=0.8, weight_decay=0.1),
    "rms_prop, centred": by_torch(o.RMSprop, alpha=0.9, eps=1e-3, centered=True),
    "rms_prop, centred with momentum": by_torch(o.RMSprop, alpha=0.9, eps=1e-3, centered=True, momentum=0.8),
    "adagrad": by_torch(o.Adagrad),
    "adagrad with settings": by_torch(o.Adagrad, eps=1e-3, weight_decay=0.1, lr_decay=0.1),
    "adadelta": by_torch(o.Adadelta),
    "adadelta with settings": by_torch(o.Adadelta, rho=0.8, eps=1e-3, weight_decay=0.1),
    "adamax": by_torch(o.Adamax),
    "adamax with settings": by_torch(o.Adamax, **tuned),
    "lion": by_hand(lion),
    "lion with settings": by_hand(lion, betas=(0.8, 0.95), decay=0.1),
    "lamb": by_hand(lamb),
    "lamb with settings": by_hand(lamb, **by_hand_tuned),
    "adafactor": by_torch(o.Adafactor),
    "adafactor with settings": by_torch(o.Adafactor, beta2_decay=-0.5, d=1.25, eps=(1e-5, 1e-2), weight_decay=0.1),
    "muon": muon(weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
    "muon with settings": muon(weight_decay=0.1, momentum=0.8, nesterov=False),
    "schedule_free": by_hand(schedule_free),
    "schedule_free with settings": by_hand(schedule_free, warm_up=7, **by_hand_tuned),
}


def array(x):
    return {"shape": list(x.shape), "values": [float(f"{value:.13g}") for value in x.flatten()]}


def arrays(values):
    return {name: array(value) for name, value in values.items()}


json.dump(
    {
        "rate": RATE,
        "start": arrays(START),
        "gradients": [arrays(gradients) for gradients in GRADIENTS],
        "paths": {name: [arrays(values) for values in path] for name, path in PATHS.items()},
    },
    sys.stdout,
    sort_keys=True,
)
print()
