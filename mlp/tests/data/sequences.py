"""Values and gradients of layers for sequences by PyTorch, for tests/it/sequences.rs and tests/it/attention.rs.

    python sequences.py > sequences.json
"""

import torch

import figures


def leaf(x):
    """A copy that gets a gradient."""
    return x.detach().clone().requires_grad_()


table = torch.randn(5, 3)
classes = torch.tensor([[4, 1, 1], [0, 2, 4]])
rows = leaf(table)
figures.record("embedding", lambda x: torch.nn.functional.embedding(x, rows), {"x": classes}, {"table": rows})
padded = leaf(table.index_fill(0, torch.tensor([1]), 0.0))
figures.record(
    "embedding with padding",
    lambda x: torch.nn.functional.embedding(x, padded, padding_idx=1),
    {"x": classes},
    {"table": padded},
)


def recurrent(name, layer, last=False):
    """PyTorch keeps the weights as (outputs, inputs), and two vectors of biases, of which only the GRU needs both."""
    state = {}
    for i in range(layer.num_layers):
        for ours, theirs in {"w": f"weight_ih_l{i}", "u": f"weight_hh_l{i}", "b": f"bias_ih_l{i}", "c": f"bias_hh_l{i}"}.items():
            if ours != "c" or isinstance(layer, torch.nn.GRU):
                state[f"{i}.{ours}"] = leaf(getattr(layer, theirs).T if ours in "wu" else getattr(layer, theirs))

    def f(x):
        weights = {}
        for i in range(layer.num_layers):
            b = state[f"{i}.b"]
            weights[f"weight_ih_l{i}"] = state[f"{i}.w"].T
            weights[f"weight_hh_l{i}"] = state[f"{i}.u"].T
            weights[f"bias_ih_l{i}"] = b
            weights[f"bias_hh_l{i}"] = state.get(f"{i}.c", torch.zeros_like(b))
        y, _ = torch.func.functional_call(layer, weights, x)
        return y[:, -1] if last else y

    figures.record(name, f, {"x": torch.randn(2, 4, 3)}, state)


recurrent("rnn", torch.nn.RNN(3, 2, batch_first=True))
recurrent("gru", torch.nn.GRU(3, 2, batch_first=True))
recurrent("lstm", torch.nn.LSTM(3, 2, batch_first=True))
recurrent("rnn of two layers", torch.nn.RNN(3, 2, num_layers=2, batch_first=True))
recurrent("gru of two layers, last state", torch.nn.GRU(3, 2, num_layers=2, batch_first=True), last=True)
recurrent("lstm of two layers, last state", torch.nn.LSTM(3, 2, num_layers=2, batch_first=True), last=True)

figures.write()
