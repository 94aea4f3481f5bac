"""Right cases are right and wrong ones wrong: the derivatives of PyTorch and JAX beside differences in 250 digits."""

import numpy as np

from .backends import Digits, xp
from .checkers import number

STEP = 40  # digits: what differences err by is that small
ELEMENTS = 50  # one by one up to so many inputs; beyond, along random ways


def ways(x, order, seed):
    """Directions: each element by itself at first order, else random ones."""
    random = np.random.default_rng([seed, 7])
    if order > 1 or sum(x.size for x in x) > ELEMENTS:
        for _ in range(3):
            yield [random.uniform(0.5, 1.5, x.shape) * random.choice([-1.0, 1.0], x.shape) for x in x]
        return
    for i, part in enumerate(x):
        for k in range(part.size):
            way = [np.zeros(x.shape) for x in x]
            way[i].flat[k] = 1.0
            yield way


def exact(digits, f, x, way, order):
    """The derivative of this order along the way, or none at a kink."""
    h = digits.mpmath.mpf(10) ** -STEP
    x, way = [[np.asarray(digits.array(x), object) for x in arrays] for arrays in (x, way)]
    y = lambda t: f(*(x + t * h * w for x, w in zip(x, way)))
    if order == 3:
        slope = (y(2) - 2 * y(1) + 2 * y(-1) - y(-2)) / (2 * h**3)
    else:
        before, here, after = y(-1), y(0), y(1)
        left, right = (here - before) / h, (after - here) / h
        if order == 1 and abs(left - right) > 1e-12 * max(abs(left), abs(right)):
            return None
        slope = (left + right) / 2 if order == 1 else (right - left) / h
    # Where it vanishes, the digits' own rounding is left.
    return slope if abs(slope) > abs(y(0)) * digits.mpmath.mpf(10) ** (STEP * order - digits.mpmath.mp.dps + 10) else 0


def deviations(library, digits, case, seed):
    """By how much the library's derivative is off, relative to itself and to the largest, the worst of all ways."""
    x = case.inputs(seed, case.ordinary)
    f, true = number(case.f, seed), number(case.exactly or case.f, seed)
    compared = []
    for way in ways(x, case.order, seed):
        xp.turn(digits, seed, case.f32)
        expected = exact(digits, true, x, way, case.order)
        if expected is None:
            continue
        xp.turn(library, seed, case.f32)
        found = library.along(f, x, way, case.order)
        off = float(abs(found - expected)) if np.isfinite(found) else np.inf
        compared.append((off, float(abs(expected)), abs(found)))
    assert compared, f"{case.name}: a kink in every way"
    largest = max(size for _, size, _ in compared) or 1.0
    own = max(off / max(size, found) if off > 0.0 else 0.0 for off, size, found in compared)
    return own, max(off for off, _, _ in compared) / largest


def prove(case, wrong, libraries, seeds):
    """A line for each library in which the case is not what it claims to be."""
    digits, faults = Digits(), []
    near = max(case.near, 3e-5 if case.f32 else 0.0)
    for library in libraries:
        if library.name in case.without:
            continue
        for seed in range(seeds):
            own, off = deviations(library, digits, case, seed)
            if wrong and not own > 10.0 * near or not wrong and not off <= near:
                faults.append(f"{case.name}: {library.name}, seed {seed}: off by {own:.1e}, of the largest {off:.1e}")
    return faults
