"""Steps of optimisers, rates of schedules and averages of weights, for tests/it/figures_of_optimizers.rs and
figures_of_schedules.rs.

    python optimizers.py > optimizers.json

The gradients are given, and do not depend on the parameters, so that each step shows. Where PyTorch has the optimiser
it takes the steps; the others are their papers' algorithms, line by line. Matrices are (inputs, outputs). L-BFGS and
Levenberg–Marquardt minimise functions.
"""

import json
import math
import sys

import numpy as np
import scipy.optimize
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


def array(x):
    return {"shape": list(x.shape), "values": [float(f"{value:.13g}") for value in x.flatten()]}


def arrays(values):
    return {name: array(value) for name, value in values.items()}


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


def lbfgs(history):
    """Twenty steps down Rosenbrock's function of six numbers."""
    x = torch.nn.Parameter(torch.tensor([-1.2, 1.0, -0.5, 0.8, 1.5, -1.0]))
    # A step of our own is one of theirs with up to 25 evaluations in its line search.
    optimizer = torch.optim.LBFGS(
        [x], max_iter=1, max_eval=26, tolerance_grad=0, history_size=history, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        value = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        value.backward()
        return value

    path = []
    for _ in range(STEPS):
        optimizer.step(loss)
        path.append(x.detach().numpy().copy())
    return path


TIMES = np.linspace(0, 5, 11)
MEASURED = np.round(2 * np.exp(-0.5 * TIMES) + 3 * np.exp(-2 * TIMES) + 0.02 * rng.normal(size=11), 3)


def levenberg_marquardt():
    """Marquardt 1963 on a sum of two exponentials, by the damped normal equations: up to twenty steps."""
    x, damping, path = np.array([1.0, 1.0, 0.1, 5.0]), 1e-3, []

    def residuals(x):
        return x[:2] @ np.exp(-np.outer(x[2:], TIMES)) - MEASURED

    for _ in range(STEPS):
        waves = np.exp(-np.outer(x[2:], TIMES))
        jacobian = np.concatenate([waves, -x[:2, None] * waves * TIMES]).T
        r = residuals(x)
        normal = jacobian.T @ jacobian
        while damping < 1e10:
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), jacobian.T @ r)
            if np.sum(residuals(x - step) ** 2) < np.sum(r**2):
                break
            damping *= 10
        if np.max(np.abs(step)) < 1e-6:
            break  # from here on round-off decides
        x, damping = x - step, damping / 10
        path.append(x)
    fit = scipy.optimize.least_squares(residuals, x, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    variance = 2 * fit.cost / (len(TIMES) - len(x))
    return {
        "times": array(TIMES),
        "measured": array(MEASURED),
        "path": [array(x) for x in path],
        "solution": array(fit.x),
        "covariance": array(variance * np.linalg.inv(fit.jac.T @ fit.jac)),
    }


def rates(count, make):
    """The learning rates of a scheduler of PyTorch, from 0.5."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler, found = make(optimizer), []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def sequence(optimizer):
    parts = [
        s.LinearLR(optimizer, start_factor=1 / 6, end_factor=1, total_iters=5),
        s.ExponentialLR(optimizer, 0.9),
        s.PolynomialLR(optimizer, 10, 2.0),
    ]
    return s.SequentialLR(optimizer, parts, [5, 12])


def plateau(watched, **settings):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler, found = s.ReduceLROnPlateau(optimizer, eps=0, **settings), []
    for number in watched:
        scheduler.step(number)
        found.append(optimizer.param_groups[0]["lr"])
    return found


s = torch.optim.lr_scheduler
SCHEDULES = {
    "constant": rates(5, lambda o: s.LambdaLR(o, lambda _: 1.0)),
    "steps": rates(30, lambda o: s.StepLR(o, 7, 0.3)),
    "milestones": rates(30, lambda o: s.MultiStepLR(o, [4, 9, 9, 20], 0.3)),
    "exponential": rates(30, lambda o: s.ExponentialLR(o, 0.9)),
    "linear": rates(30, lambda o: s.LinearLR(o, 0.1, 0.8, 20)),
    "polynomial": rates(30, lambda o: s.PolynomialLR(o, 20, 1.5)),
    "cosine": rates(21, lambda o: s.CosineAnnealingLR(o, 20, 0.01)),
    "cosine_restarts": rates(80, lambda o: s.CosineAnnealingWarmRestarts(o, 10, 2, 0.01)),
    "cosine_restarts, alike": rates(40, lambda o: s.CosineAnnealingWarmRestarts(o, 9, 1, 0.01)),
    "one_cycle": rates(30, lambda o: s.OneCycleLR(o, 0.8, 30, pct_start=0.3)),
    "sequence": rates(30, sequence),
}
# It falls in stairs of nine, with waves of different heights.
WATCHED = [1 / (1 + t // 9) + 0.05 * math.sin(3 * t) for t in range(80)]
PLATEAUS = {
    "plateau": plateau(WATCHED),
    "plateau with settings": plateau(WATCHED, factor=0.5, patience=2, threshold=0.1, cooldown=3, min_lr=0.05),
}


def averages(make):
    """The average of the weights along the path of Adam, after each step."""
    model = torch.nn.ParameterDict({name: torch.nn.Parameter(torch.tensor(value)) for name, value in START.items()})
    averaged, path = make(model), []
    for values in PATHS["adam"]:
        for name, value in values.items():
            model[name].data.copy_(torch.tensor(value))
        averaged.update_parameters(model)
        path.append({name: param.detach().numpy().copy() for name, param in averaged.module.items()})
    return path


swa = torch.optim.swa_utils
AVERAGES = {
    "uniform": averages(swa.AveragedModel),
    "exponential": averages(lambda model: swa.AveragedModel(model, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9))),
}


json.dump(
    {
        "rate": RATE,
        "start": arrays(START),
        "gradients": [arrays(gradients) for gradients in GRADIENTS],
        "paths": {name: [arrays(values) for values in path] for name, path in PATHS.items()},
        "averages": {name: [arrays(values) for values in path] for name, path in AVERAGES.items()},
        "lbfgs": {history: [array(x) for x in lbfgs(history)] for history in [3, 10]},
        "levenberg_marquardt": levenberg_marquardt(),
        "schedules": SCHEDULES,
        "watched": WATCHED,
        "plateaus": PLATEAUS,
    },
    sys.stdout,
    sort_keys=True,
)
print()
