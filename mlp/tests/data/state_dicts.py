"""Weights, inputs and outputs of PyTorch's modules, for tests/it/torch.rs; and the way back.

    python state_dicts.py > state_dicts.safetensors
    MLP_STATE_DICTS=/tmp/ours cargo test -p mlp --test it torch::
    python state_dicts.py --check /tmp/ours

In the file the weights of the case `linear` are `linear.weight` and so on, its input is `x of linear`, its output
`y of linear`. The check loads the files that the tests have written, and prints by how much the outputs differ, relative
to the largest number of an output.
"""

import pathlib
import sys

import torch
from safetensors.torch import load_file, save
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

torch.manual_seed(0)


class Self(nn.MultiheadAttention):
    """Self-attention, as a module of one input."""

    def forward(self, x):
        return super().forward(x, x, x)[0]


def outputs(layer):
    """A recurrent layer that returns its outputs without its states."""
    layer.register_forward_hook(lambda module, x, y: y[0])
    return layer


class Residual(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner(x)


class Highway(nn.Module):
    """The derived struct of the test."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.strength = nn.Parameter(torch.ones(1))

    def forward(self, x):
        for layer in self.layers:
            x = x + torch.tanh(layer(x)) * self.strength
        return x


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.left = nn.Linear(3, 2)
        self.right = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh())
        self.read = nn.Linear(6, 1, bias=False)

    def forward(self, x):
        return self.read(torch.cat([self.left(x), self.right(x)], 1))


def block(**options):
    return nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True, **options)


rows, signals, pictures = torch.randn(5, 3), torch.randn(2, 4, 6), torch.randn(2, 4, 5, 6)
sequences = torch.randn(2, 5, 4)

CASES = {
    "linear": (nn.Linear(3, 4), rows),
    "linear without bias": (nn.Linear(3, 4, bias=False), rows),
    "conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), signals),
    "conv2d": (nn.Conv2d(4, 3, (2, 3), padding=(1, 0), dilation=(1, 2)), pictures),
    "conv_transpose1d": (nn.ConvTranspose1d(4, 6, 3, stride=2, output_padding=1, groups=2), signals),
    "conv_transpose2d": (nn.ConvTranspose2d(4, 3, (2, 3), stride=2, bias=False), pictures),
    "batch_norm of rows": (nn.BatchNorm1d(3), rows),
    "batch_norm of pictures": (nn.BatchNorm2d(4), pictures),
    "batch_norm without affine": (nn.BatchNorm1d(3, affine=False), rows),
    "layer_norm": (nn.LayerNorm(3), rows),
    "group_norm": (nn.GroupNorm(2, 4), pictures),
    "rms_norm": (nn.RMSNorm(3), rows),
    "embedding": (nn.Embedding(7, 3), torch.tensor([[0, 6, 2], [3, 3, 5]])),
    "prelu": (nn.PReLU(), rows),
    "prelu of features": (nn.PReLU(3), rows),
    "rnn": (outputs(nn.RNN(4, 3, batch_first=True)), sequences),
    "gru": (outputs(nn.GRU(4, 3, num_layers=2, batch_first=True)), sequences),
    "lstm": (outputs(nn.LSTM(4, 3, num_layers=2, batch_first=True)), sequences),
    "attention": (Self(4, 2, batch_first=True), sequences),
    "attention without bias": (Self(4, 2, batch_first=True, bias=False), sequences),
    "transformer": (block(activation="gelu", norm_first=True), sequences),
    "transformer of the first paper": (block(activation="relu"), sequences),
    "weight_norm": (weight_norm(nn.Linear(3, 4)), rows),
    "weight_norm of conv2d": (weight_norm(nn.Conv2d(4, 6, (2, 3), groups=2)), pictures),
    "weight_norm of conv_transpose1d": (weight_norm(nn.ConvTranspose1d(4, 6, 3, bias=False), dim=1), signals),
    "spectral_norm": (nn.Sequential(spectral_norm(nn.Linear(3, 4, bias=False))), rows),
    "spectral_norm of conv1d": (spectral_norm(nn.Conv1d(4, 6, 3)), signals),
    "spectral_norm of conv_transpose2d": (spectral_norm(nn.ConvTranspose2d(4, 3, (2, 3))), pictures),
    "mlp": (
        nn.Sequential(
            *(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5)),
            *(nn.Linear(4, 4), nn.LayerNorm(4), nn.Tanh()),
            nn.Linear(4, 2),
        ),
        rows,
    ),
    "sequential": (
        nn.Sequential(
            *(nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(4, 3), Residual(nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 3)))),
        ),
        pictures,
    ),
    "network": (Network(), rows),
    "highway": (Highway(), rows),
}


def output(module, x):
    return module.eval()(x).detach().contiguous()


def write():
    tensors = {}
    for name, (module, x) in CASES.items():
        with torch.no_grad():
            for param in module.parameters():
                param.copy_(torch.randn_like(param) * 0.5)
        if not name.startswith("embedding"):
            module.train()(x * 0.7 + 0.3)  # moves the running statistics
        tensors |= {f"{name}.{key}": value.clone() for key, value in module.state_dict().items()}
        tensors |= {f"x of {name}": x.float().clone(), f"y of {name}": output(module, x)}
    sys.stdout.buffer.write(save(tensors))


def check(folder):
    worst = 0.0
    for name, (module, _) in CASES.items():
        module.load_state_dict(load_file(folder / f"{name}.safetensors"), strict=True)
        xy = load_file(folder / f"{name}.xy.safetensors")
        x = xy["x"].long() if name.startswith("embedding") else xy["x"]
        theirs, ours = output(module, x), xy["y"]
        assert theirs.shape == ours.shape, f"{name}: {theirs.shape} and {ours.shape}"
        difference = ((theirs - ours).abs().max() / theirs.abs().max()).item()
        worst = max(worst, difference)
        print(f"{name:32} {difference:.1e}")
    print(f"{len(CASES)} cases, at most {worst:.1e}")
    sys.exit(worst > 1e-6)


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            write()
        case ["--check", folder]:
            check(pathlib.Path(folder))
        case _:
            sys.exit(__doc__)
