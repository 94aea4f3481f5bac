"""The works in PyTorch, eager, of its own layers. Adam is the fused one."""

import numpy as np
import torch
from torch import nn

import works

torch.set_num_threads(1)
F32, F64 = torch.float32, torch.float64


def array(numbers, dtype=F32):
    return torch.as_tensor(np.asarray(numbers), dtype=dtype)


def squares(tensors):
    return sum(float((t.to_dense().double() ** 2).sum()) for t in tensors)


def weighted(results):
    results = results.detach().double().numpy()
    return [(results * works.factors(results.shape)).sum(), (results**2).sum()]


def training(params, loss, optimizer=None):
    params = list(params)

    def call():
        for w in params:
            w.grad = None
        value = loss()
        value.backward()
        if optimizer is not None:
            optimizer.step()
        return value

    value = loss()
    answer = [value.item(), squares(torch.autograd.grad(value, params))]
    if optimizer is not None:
        losses = [call().item() for _ in range(4)]
        answer.append(losses[0] - losses[3])
    return answer, call


@torch.no_grad()
def linear(w, dtype=F32):
    layer = nn.Linear(*w.shape, dtype=dtype)
    layer.weight.copy_(array(w.T, dtype))
    layer.bias.zero_()
    return layer


def network(work, between, dtype=F32):
    *hidden, last = works.layers(work)
    return nn.Sequential(*(m for w in hidden for m in [linear(w, dtype), *between(w.shape[1])]), linear(last, dtype))


def a():
    model = network("a", lambda width: [nn.LayerNorm(width), nn.GELU()])
    x, classes = array(works.samples("a")), torch.arange(works.BATCH["a"]) % 10
    adam = torch.optim.Adam(model.parameters(), works.RATES["a"], fused=True)
    return training(model.parameters(), lambda: nn.functional.cross_entropy(model(x), classes), adam)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x):
        y = self.norm(x)
        return x + self.attention(y, y, y, need_weights=False)[0]


def step_towards(targets, model, output, rate):
    sgd = torch.optim.SGD(model.parameters(), rate)
    return training(model.parameters(), lambda: nn.functional.mse_loss(output(), targets), sgd)


def b():
    _, _, width = works.ATTENTION
    model = Block(width, works.HEADS)
    *qkv, out = works.matrices(*[(width, width)] * 4)
    with torch.no_grad():
        model.attention.in_proj_weight.copy_(array(np.concatenate([w.T for w in qkv])))
        model.attention.out_proj.weight.copy_(array(out.T))
    x, targets = map(array, works.inputs_and_targets(works.ATTENTION))
    return step_towards(targets, model, lambda: model(x), works.RATES["b"])


def c():
    _, _, width = works.SEQUENCE
    model = nn.GRU(width, width, batch_first=True)
    w, u = works.matrices((width, 3 * width), (width, 3 * width))
    with torch.no_grad():
        model.weight_ih_l0.copy_(array(w.T))
        model.weight_hh_l0.copy_(array(u.T))
        model.bias_ih_l0.zero_()
        model.bias_hh_l0.zero_()
    x, targets = map(array, works.inputs_and_targets(works.SEQUENCE))
    return step_towards(targets, model, lambda: model(x)[0], works.RATES["c"])


def d(dtype, forward):
    model = network("d", lambda width: [nn.Tanh()], dtype)
    x = array(works.POINTS, dtype).requires_grad_(not forward)
    ones = torch.ones_like(x)

    def along_ones(f):
        return lambda x: torch.func.jvp(f, (x,), (ones,))[1]

    def loss():
        u = model(x)
        if forward:
            second = along_ones(along_ones(model))(x)
        else:
            (first,) = torch.autograd.grad(u.sum(), x, create_graph=True)
            (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
        return ((second + u) ** 2).mean()

    return training(model.parameters(), loss)


def e(work):
    (w,) = works.matrices((works.COLUMNS, 1))
    model = linear(w, F64)
    x, labels = (torch.from_numpy(numbers) for numbers in works.observations(work))
    loss = nn.functional.binary_cross_entropy_with_logits
    return training(model.parameters(), lambda: loss(model(x)[:, 0], labels))


def f_arrays():
    masses = array(works.MASSES, F64)[:, None]
    one = torch.eye(3, dtype=F64)[:, :, None]
    start = [half.clone().requires_grad_() for half in array(works.START, F64).reshape(2, 3, 2)]
    h = works.H

    def accelerations(p):
        d = p[None] - p[:, None]
        r2 = (d**2).sum(2, keepdim=True) + one
        return (d / (r2 * r2.sqrt()) * masses).sum(1)

    def end():
        p, v = start
        for _ in range(works.STEPS):
            v1, a1 = v, accelerations(p)
            v2, a2 = v + a1 * (h / 2), accelerations(p + v1 * (h / 2))
            v3, a3 = v + a2 * (h / 2), accelerations(p + v2 * (h / 2))
            v4, a4 = v + a3 * h, accelerations(p + v3 * h)
            p = p + (v1 + 2 * (v2 + v3) + v4) * (h / 6)
            v = v + (a1 + 2 * (a2 + a3) + a4) * (h / 6)
        return (p**2).sum() + (v**2).sum()

    return training(start, end)


def g():
    model, x = network("g", lambda width: [nn.Tanh()]), array(works.samples("g"))
    f = torch.func.vmap(torch.func.jacrev(model))
    return weighted(f(x)), lambda: f(x)


def h(optimizer=None, rows=False):
    (table,), (places, targets) = works.matrices((works.COUNT, works.WIDTH)), works.read()
    model = nn.Embedding.from_pretrained(array(table), freeze=False, sparse=rows)
    places, targets = torch.from_numpy(places), array(targets)
    return training(
        model.parameters(),
        lambda: ((model(places) - targets) ** 2).sum(),
        optimizer and optimizer(model.parameters()),
    )


def sgd(params):
    return torch.optim.SGD(params, works.RATES["h-sgd"])


def k():
    model, x = network("k", lambda width: [nn.ReLU()]), array(works.samples("k"))

    def infer():
        with torch.inference_mode():
            return model(x)

    return weighted(infer()), infer


WORKS = {
    "a": a,
    "b": b,
    "c": c,
    "d-reverse-f64": lambda: d(F64, False),
    "d-forward-f64": lambda: d(F64, True),
    "d-reverse-f32": lambda: d(F32, False),
    "d-forward-f32": lambda: d(F32, True),
    "e": lambda: e("e"),
    "e-small": lambda: e("e-small"),
    "f-arrays": f_arrays,
    "g": g,
    "h-gradient": h,
    "h-sgd": lambda: h(sgd),
    "h-adam": lambda: h(lambda params: torch.optim.Adam(params, works.RATES["h-adam"], fused=True)),
    "h-sgd-rows": lambda: h(sgd, rows=True),
    "h-adam-rows": lambda: h(lambda params: torch.optim.SparseAdam(params, works.RATES["h-adam"]), rows=True),
    "k": k,
}
