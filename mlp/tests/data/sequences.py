"""Values and gradients of layers for sequences by PyTorch, for tests/it/recurrent.rs and tests/it/attention.rs.

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


def linear(state, name, weight, bias):
    state[f"{name}.w"], state[f"{name}.b"] = leaf(weight.T), leaf(bias)


def attention_state(layer, prefix=""):
    state = {}
    weights, biases = layer.in_proj_weight.chunk(3), torch.randn(3 * layer.embed_dim).chunk(3)
    for name, weight, bias in zip(["query", "key", "value"], weights, biases):
        linear(state, prefix + name, weight, bias)
    linear(state, prefix + "out", layer.out_proj.weight, torch.randn(layer.embed_dim))
    return state


def attention_weights(state, prefix="", within=""):
    """The names that PyTorch gives to what attention_state has made."""
    of = lambda name: state[prefix + name]
    return {
        within + "in_proj_weight": torch.cat([of(f"{name}.w").T for name in ["query", "key", "value"]]),
        within + "in_proj_bias": torch.cat([of(f"{name}.b") for name in ["query", "key", "value"]]),
        within + "out_proj.weight": of("out.w").T,
        within + "out_proj.bias": of("out.b"),
    }


def attention(name, heads, x, parts=None, **masks):
    """`parts`: the lengths of queries and memory within x; self-attention without."""
    layer = torch.nn.MultiheadAttention(4, heads, batch_first=True)
    state = attention_state(layer)

    def f(x):
        query, memory = x.split(parts, 1) if parts else (x, x)
        given = (query, memory, memory)
        return torch.func.functional_call(layer, attention_weights(state), given, dict(masks, need_weights=False))[0]

    figures.record(name, f, {"x": x}, state)


# In PyTorch, True hides a key.
later = torch.ones(3, 3).triu(1).bool()
attention("attention", 1, torch.randn(2, 3, 4))
attention("attention of two heads", 2, torch.randn(2, 3, 4))
attention("causal attention", 2, torch.randn(2, 3, 4), attn_mask=later)
attention("attention to a memory", 2, torch.randn(2, 5, 4), parts=[2, 3])
attention("attention under a mask", 2, torch.randn(2, 3, 4), attn_mask=torch.eye(3).bool())
padding = torch.tensor([[False, True, True], [False, False, False]])
attention("attention with padding", 2, torch.randn(2, 3, 4), key_padding_mask=padding)


def block(name, **options):
    layer = torch.nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True, **options)
    state = attention_state(layer.self_attn, "attention.")
    linear(state, "up", layer.linear1.weight, layer.linear1.bias)
    linear(state, "down", layer.linear2.weight, layer.linear2.bias)
    for norm in ["norm1", "norm2"]:
        state[f"{norm}.gain"], state[f"{norm}.shift"] = leaf(torch.randn(4)), leaf(torch.randn(4))

    def f(x):
        weights = attention_weights(state, "attention.", "self_attn.")
        for theirs, ours in {"linear1": "up", "linear2": "down"}.items():
            weights[f"{theirs}.weight"], weights[f"{theirs}.bias"] = state[f"{ours}.w"].T, state[f"{ours}.b"]
        for norm in ["norm1", "norm2"]:
            weights[f"{norm}.weight"], weights[f"{norm}.bias"] = state[f"{norm}.gain"], state[f"{norm}.shift"]
        return torch.func.functional_call(layer, weights, x)

    figures.record(name, f, {"x": torch.randn(2, 3, 4)}, state)


block("transformer", norm_first=True, activation="gelu")
block("transformer, norms behind", norm_first=False, activation="relu")

figures.write()
