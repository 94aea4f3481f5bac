"""Values and gradients of layers by PyTorch, for tests/it/layers.rs.

    python layers.py > layers.json
"""

import torch

import figures

x = torch.randn(4, 3)
linear = torch.nn.Linear(3, 2)
# PyTorch keeps the weights as (outputs, inputs).
w = linear.weight.detach().T.clone().requires_grad_()
b = linear.bias.detach().clone().requires_grad_()
figures.record("linear", lambda x: x @ w + b, {"x": x}, {"w": w, "b": b})

norm = torch.nn.LayerNorm(3)
with torch.no_grad():
    norm.weight.copy_(torch.randn(3))
    norm.bias.copy_(torch.randn(3))
figures.record("layer_norm", norm, {"x": x}, {"gain": norm.weight, "shift": norm.bias})

figures.write()
