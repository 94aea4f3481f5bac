"""The works in JAX. Steps are compiled, and give their old state away; data are arguments. Adam is written out, as `jit` makes one loop of it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import works

jax.config.update("jax_enable_x64", True)
F32, F64 = jnp.float32, jnp.float64


def arrays(numbers, dtype=F32):
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), numbers)


def squares(tree):
    return sum(float(jnp.sum(g.astype(F64) ** 2)) for g in jax.tree.leaves(tree))


def weighted(results):
    results = np.asarray(results, np.float64)
    return [(results * works.factors(results.shape)).sum(), (results**2).sum()]


def descent(rate):
    return (lambda params: (), lambda params, grads, _: (jax.tree.map(lambda w, g: w - rate * g, params, grads), ()))


def adam(rate):
    def start(params):
        return [jax.tree.map(jnp.zeros_like, params) for _ in range(2)] + [jnp.zeros((), F32)]

    def update(params, grads, state):
        m, v, t = state
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        a, b = rate / (1 - 0.9**t), 1 / (1 - 0.999**t)
        params = jax.tree.map(lambda w, m, v: w - a * m / (jnp.sqrt(v * b) + 1e-8), params, m, v)
        return params, [m, v, t]

    return start, update


def training(params, data, loss, optimizer=None):
    value_and_grad = jax.jit(jax.value_and_grad(loss))
    value, grads = value_and_grad(params, *data)
    answer = [float(value), squares(grads)]
    if optimizer is None:
        return answer, lambda: jax.block_until_ready(value_and_grad(params, *data))
    start, update = optimizer

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, *data):
        value, grads = jax.value_and_grad(loss)(params, *data)
        return *update(params, grads, state), value

    return with_steps(answer, params, start(params), lambda params, state: step(params, state, *data))


def with_steps(answer, params, state, step):
    now = [params, state]

    def call():
        *now[:], value = jax.block_until_ready(step(*now))
        return value

    losses = [float(call()) for _ in range(4)]
    return [*answer, losses[0] - losses[3]], call


def linears(matrices, dtype=F32):
    return [(w, b) for w, b in arrays([(w, np.zeros(w.shape[1])) for w in matrices], dtype)]


def network(params, x, activation):
    for w, b in params[:-1]:
        x = activation(x @ w + b)
    return x @ params[-1][0] + params[-1][1]


def layer_norm(x, gain, shift):
    mean, variance = jnp.mean(x, -1, keepdims=True), jnp.var(x, -1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * gain + shift


def a():
    params = [(w, b, jnp.ones_like(b), jnp.zeros_like(b)) for w, b in linears(works.layers("a"))]
    params[-1] = params[-1][:2]
    classes = jnp.arange(works.BATCH["a"]) % 10

    def loss(params, x, classes):
        for w, b, gain, shift in params[:-1]:
            x = jax.nn.gelu(layer_norm(x @ w + b, gain, shift), approximate=False)
        logits = x @ params[-1][0] + params[-1][1]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), classes[:, None], 1))

    return training(params, (arrays(works.samples("a")), classes), loss, adam(works.RATES["a"]))


def b():
    n, time, width = works.ATTENTION
    heads = works.HEADS
    params = linears(works.matrices(*[(width, width)] * 4)) + [(jnp.ones(width, F32), jnp.zeros(width, F32))]

    def loss(params, x, targets):
        *projections, (w, c), (gain, shift) = params
        y = layer_norm(x, gain, shift)
        qkv = [(y @ w + b).reshape(n, time, heads, width // heads) for w, b in projections]
        y = x + jax.nn.dot_product_attention(*qkv).reshape(n, time, width) @ w + c
        return jnp.mean((y - targets) ** 2)

    return training(params, arrays(works.inputs_and_targets(works.ATTENTION)), loss, descent(works.RATES["b"]))


def c():
    _, _, width = works.SEQUENCE
    w, u = arrays(works.matrices((width, 3 * width), (width, 3 * width)))
    params = (w, u, jnp.zeros(3 * width, F32), jnp.zeros(3 * width, F32))

    def loss(params, x, targets):
        w, u, b, c = params

        def step(h, p):
            q = h @ u + c
            (pr, pz, pm), (qr, qz, qm) = jnp.split(p, 3, -1), jnp.split(q, 3, -1)
            r, z = jax.nn.sigmoid(pr + qr), jax.nn.sigmoid(pz + qz)
            m = jnp.tanh(pm + r * qm)
            h = m + z * (h - m)
            return h, h

        sums = jnp.swapaxes(x @ w + b, 0, 1)
        _, states = jax.lax.scan(step, jnp.zeros((x.shape[0], width), F32), sums)
        return jnp.mean((jnp.swapaxes(states, 0, 1) - targets) ** 2)

    return training(params, arrays(works.inputs_and_targets(works.SEQUENCE)), loss, descent(works.RATES["c"]))


def d(dtype, forward):
    def derivative(f):
        if forward:
            return lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1]
        return jax.grad(lambda x: jnp.sum(f(x)))

    def loss(params, x):
        def u(x):
            return network(params, x, jnp.tanh)

        return jnp.mean((derivative(derivative(u))(x) + u(x)) ** 2)

    return training(linears(works.layers("d"), dtype), (jnp.asarray(works.POINTS, dtype),), loss)


def e(work):
    (w,) = arrays(works.matrices((works.COLUMNS, 1)), F64)
    x, labels = arrays(works.observations(work), F64)

    def loss(params, x, labels):
        logits = x @ params[0][:, 0] + params[1]
        return jnp.mean(jax.nn.softplus(logits) - labels * logits)

    return training((w, jnp.zeros((), F64)), (x, labels), loss)


def runge_kutta(rates, y):
    """The last state of a tree of arrays."""
    def along(y, k, h):
        return jax.tree.map(lambda y, k: y + h * k, y, k)

    def step(y, _):
        h = works.H
        k1 = rates(y)
        k2 = rates(along(y, k1, h / 2))
        k3 = rates(along(y, k2, h / 2))
        k4 = rates(along(y, k3, h))
        return jax.tree.map(lambda y, *k: y + (k[0] + 2 * (k[1] + k[2]) + k[3]) * (h / 6), y, k1, k2, k3, k4), None

    end, _ = jax.lax.scan(step, y, length=works.STEPS)
    return sum(jnp.sum(y**2) for y in jax.tree.leaves(end))


def f_scalars():
    m0, m1, m2 = works.MASSES

    def rates(y):
        def pull(i, j):
            dx, dy = y[2 * j] - y[2 * i], y[2 * j + 1] - y[2 * i + 1]
            r2 = dx * dx + dy * dy
            cube = r2 * jnp.sqrt(r2)
            return dx / cube, dy / cube

        a, b, c = pull(0, 1), pull(0, 2), pull(1, 2)
        first = [a[k] * m1 + b[k] * m2 for k in range(2)]
        second = [c[k] * m2 - a[k] * m0 for k in range(2)]
        third = [-(b[k] * m0 + c[k] * m1) for k in range(2)]
        return [*y[6:], *first, *second, *third]

    return training([jnp.float64(y) for y in works.START], (), partial(runge_kutta, rates))


def f_arrays():
    masses = jnp.asarray(works.MASSES, F64)[:, None]

    def rates(y):
        p, v = y
        d = p[None] - p[:, None]
        r2 = jnp.sum(d**2, 2, keepdims=True) + jnp.eye(3)[:, :, None]
        return v, jnp.sum(d / (r2 * jnp.sqrt(r2)) * masses, 1)

    start = tuple(jnp.asarray(works.START, F64).reshape(2, 3, 2))
    return training(start, (), partial(runge_kutta, rates))


def g():
    params, x = linears(works.layers("g")), arrays(works.samples("g"))
    f = jax.jit(lambda params, x: jax.vmap(jax.jacrev(lambda x: network(params, x, jnp.tanh)))(x))
    return weighted(f(params, x)), lambda: jax.block_until_ready(f(params, x))


def h(name=None, rows=False):
    (table,), (places, targets) = arrays(works.matrices((works.COUNT, works.WIDTH))), works.read()
    data = (jnp.asarray(places), arrays(targets))

    def of_rows(rows, targets):
        return jnp.sum((rows - targets) ** 2)

    def loss(table, places, targets):
        return of_rows(table[places], targets)

    if not rows:
        optimizer = {None: None, "h-sgd": descent, "h-adam": adam}[name]
        return training(table, data, loss, optimizer and optimizer(works.RATES[name]))

    @partial(jax.jit, donate_argnums=0)
    def step(table, _, places, targets):
        value, grads = jax.value_and_grad(of_rows)(table[places], targets)
        return table.at[places].add(-works.RATES[name] * grads), (), value

    answer, _ = training(table, data, loss)
    return with_steps(answer, table, (), lambda table, state: step(table, state, *data))


def k():
    params, x = linears(works.layers("k")), arrays(works.samples("k"))
    infer = jax.jit(lambda params, x: network(params, x, jax.nn.relu))
    return weighted(infer(params, x)), lambda: jax.block_until_ready(infer(params, x))


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
    "f-scalars": f_scalars,
    "f-arrays": f_arrays,
    "g": g,
    "h-gradient": h,
    "h-sgd": lambda: h("h-sgd"),
    "h-adam": lambda: h("h-adam"),
    "h-sgd-rows": lambda: h("h-sgd", rows=True),
    "k": k,
}
