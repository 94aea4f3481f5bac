"""The layers of `layers.rs` in PyTorch, on one core: forward and backward for inputs and parameters, in float32.

    python python_layers.py
"""

import time

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)


def time_of(name, layer, x, repeats):
    """The median time of a step."""
    def step():
        if x.is_floating_point():
            x.grad = None
        for parameter in layer.parameters():
            parameter.grad = None
        y = layer(x)
        (y[0] if isinstance(y, tuple) else y).sum().backward()

    step()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    print(f"{name:32} {1e3 * sorted(times)[repeats // 2]:9.3f} ms", flush=True)


class SelfAttention(nn.Module):
    """Attention of a sequence to itself, without the averages of its weights."""

    def __init__(self, width, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


def normal(*shape):
    return torch.randn(*shape, requires_grad=True)


images = normal(32, 64, 14, 14)
time_of("conv2d 8×1×28×28 to 32", nn.Conv2d(1, 32, 3), normal(8, 1, 28, 28), 200)
time_of("conv2d 32×64×14×14 to 64", nn.Conv2d(64, 64, 3, padding=1), images, 40)
time_of("max_pool2d 32×64×14×14", nn.MaxPool2d(2), images, 100)
time_of("avg_pool2d 32×64×14×14", nn.AvgPool2d(2), images, 100)
time_of("batch_norm 32×64×14×14", nn.BatchNorm2d(64), images, 100)
time_of("layer_norm 4096×64", nn.LayerNorm(64), normal(4096, 64), 100)
time_of("lstm 32×100×64", nn.LSTM(64, 64, batch_first=True), normal(32, 100, 64), 20)
time_of("gru 32×100×64", nn.GRU(64, 64, batch_first=True), normal(32, 100, 64), 20)
time_of("attention 8×64×64, 4 heads", SelfAttention(64, 4), normal(8, 64, 64), 100)
places = torch.arange(4096) * 7919 % 50_000
time_of("embedding 4096 of 50,000×64", nn.Embedding(50_000, 64), places, 40)
sparse = nn.Embedding(50_000, 64, sparse=True)
time_of("the same with a sparse gradient", sparse, places, 40)
