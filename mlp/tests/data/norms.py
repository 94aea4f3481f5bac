"""Values, gradients and running statistics of normalisations by PyTorch, for tests/it/norms.rs and weight_norms.rs.

    python norms.py > norms.json
"""

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils import parametrizations

import figures


def drawn(norm):
    """The layer with other factors and offsets than 1 and 0."""
    with torch.no_grad():
        for param in norm.parameters():
            param.copy_(torch.randn_like(param))
    return norm


def affine(norm):
    """The factors and offsets that a layer has, by their names in Rust."""
    names = {"gain": norm.weight, "shift": getattr(norm, "bias", None)}
    return {name: param for name, param in names.items() if param is not None}


rows = torch.randn(5, 3) * 2 + 1
sequences = torch.randn(2, 4, 3) - 1
pictures = torch.randn(2, 4, 2, 3) * 3

for name, norm, x in [
    ("batch_norm of rows", drawn(nn.BatchNorm1d(3)), rows),
    ("batch_norm of sequences", drawn(nn.BatchNorm1d(4)), sequences),
    ("batch_norm of pictures", drawn(nn.BatchNorm2d(4)), pictures),
    ("batch_norm without affine", nn.BatchNorm1d(3, affine=False), rows),
    ("batch_norm with momentum", drawn(nn.BatchNorm1d(3, momentum=0.3)), rows),
]:
    # The state is that after a step, so that `after` holds the statistics after two.
    norm(x * 0.7 + 0.3)
    for train in [True, False]:
        norm.train(train)
        statistics = {"mean": norm.running_mean, "variance": norm.running_var}
        mode = "training" if train else "evaluation"
        figures.record(f"{name}, {mode}", norm, {"x": x}, {**affine(norm), **statistics}, statistics, train)

for name, norm, x in [
    ("group_norm(2) of rows", drawn(nn.GroupNorm(2, 4)), torch.randn(3, 4)),
    ("group_norm(2) of pictures", drawn(nn.GroupNorm(2, 4)), pictures),
    ("group_norm(1) of sequences", drawn(nn.GroupNorm(1, 4)), sequences),
    ("group_norm without affine", nn.GroupNorm(2, 4, affine=False), pictures),
    ("instance_norm of pictures", drawn(nn.InstanceNorm2d(4, affine=True)), pictures),
    ("rms_norm", drawn(nn.RMSNorm(3)), rows),
    ("rms_norm with eps", drawn(nn.RMSNorm(3, eps=0.1)), sequences),
]:
    figures.record(name, norm, {"x": x}, affine(norm), train=True)

# Both values of each number are in it, dropped and kept: the test looks for them.
figures.record("alpha_dropout(0.3)", nn.AlphaDropout(0.3), {"x": torch.randn(4, 8)}, train=True)

# PyTorch keeps the weights as (outputs, inputs).
w, b, g = (torch.randn(shape, requires_grad=True) for shape in [(3, 4), (4,), (4,)])
linear = parametrizations.weight_norm(nn.Linear(3, 4))
figures.record(
    "weight_norm",
    lambda x: functional_call(
        linear,
        {
            "parametrizations.weight.original0": g.unsqueeze(1),
            "parametrizations.weight.original1": w.T,
            "bias": b,
        },
        x,
    ),
    {"x": rows},
    {"w": w, "b": b, "gain": g},
    train=True,
)

for iterations in [1, 3]:
    linear = parametrizations.spectral_norm(nn.Linear(3, 4), n_power_iterations=iterations)
    vectors = linear.parametrizations.weight[0]
    state = {"u": vectors._u, "v": vectors._v}
    for train in [True, False]:
        linear.train(train)
        mode = "training" if train else "evaluation"
        figures.record(
            f"spectral_norm({iterations}), {mode}",
            lambda x: functional_call(linear, {"parametrizations.weight.original": w.T, "bias": b}, x),
            {"x": rows},
            {"w": w, "b": b, **state},
            state,
            train,
        )

figures.write()
