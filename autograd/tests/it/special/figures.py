"""Figures of the special functions in many digits, by mpmath: `python figures.py > figures.txt`.

A line `row p` names a row of the table and its plain number. Below it stands for each point x the value, slope and
curvature, rounded to f64; then, where terms cancel inside the domain, the sizes of the largest terms, or 0.
"""

import random
import struct

from mpmath import (besseli, besselj, cot, digamma, erf, erfc, exp, expm1, fac, fac2, gammainc, hyp1f1, inf, log, log1p, loggamma,
                    mp, mpf, pi, polygamma, rf, sin, sqrt, workdps)

mp.dps = 80
random.seed(22)
POINTS = 70


def single(x):
    """The nearest f32."""
    return struct.unpack('f', struct.pack('f', x))[0]


def line(low, high):
    return lambda: random.uniform(low, high)


def sizes(low, high, sign=1):
    """Of all sizes, from 10^low to 10^high; of both signs if `sign` is 0."""
    return lambda: (sign or random.choice([1, -1])) * 10 ** random.uniform(low, high)


def near(at, size):
    return lambda: at + random.choice([1, -1]) * 10 ** random.uniform(-7, size)


def tail(x):
    """The normal distribution function."""
    return erfc(-x / sqrt(2)) / 2


def moment(x, n):
    """2/√π·∫ (2t)^n exp(−t² − 2xt) dt over t > 0."""
    if x > 1000:
        terms = [(-1) ** k / fac(k) * mpf(2) ** n * fac(n + 2 * k) / (2 * x) ** (n + 2 * k + 1) for k in range(16)]
        return 2 / sqrt(pi) * sum(terms)
    with workdps(160):
        last = [2 / sqrt(pi), exp(x * x) * erfc(x)]
        for k in range(1, n + 1):
            last = [last[1], (last[0] if k == 1 else 2 * (k - 1) * last[0]) - 2 * x * last[1]]
        return last[1]


def bessel_moment(x, n):
    """The derivative of order n of exp(−x)·I₀(x), without its sign."""
    if x > 2000:
        terms = [rf(mpf(1) / 2 + n, s) * rf(mpf(1) / 2, s) / fac(s) / (2 * x) ** s for s in range(20)]
        return rf(mpf(1) / 2, n) * x ** -n / sqrt(2 * pi * x) * sum(terms)
    return mpf(2) ** n * rf(mpf(1) / 2, n) / fac(n) * hyp1f1(mpf(1) / 2, n + 1, 2 * x) * exp(-2 * x)


def spherical(x, n):
    """jₙ(πx)"""
    z = pi * x
    if abs(z) < mpf(10) ** -30:
        return z ** n / fac2(2 * n + 1) if n >= 0 else 1 / z
    sign = (-1) ** n if z < 0 else 1
    return sign * sqrt(pi / (2 * abs(z))) * besselj(n + mpf(1) / 2, abs(z))


def spherical_row(x, n):
    parts = lambda f, n: [pi / (2 * n + 1) * (n * f(n - 1) if n else 0), -pi / (2 * n + 1) * (n + 1) * f(n + 1)]
    rise = lambda n: sum(parts(lambda n: spherical(x, n), n))
    terms = [parts(lambda n: spherical(x, n), n), parts(rise, n)]
    z = pi * abs(x)
    units = [pi ** k / z if z > n + 1 else 0 for k in range(3)]
    units[1:] = [max(unit, *map(abs, term)) for unit, term in zip(units[1:], terms)]
    return spherical(x, n), *map(sum, terms), *units


def zeta(x, n):
    """ψ⁽ⁿ⁾(x), and the size of its largest term."""
    if n == 0:
        y = digamma(x)
        return y, 0 if x > 0 else max(abs(pi * cot(pi * x)), abs(digamma(1 - x)))
    near = min((abs(x + k) for k in range(0, int(abs(x)) + 3)), default=abs(x)) if x < 0 else 0
    if x > 10 ** 6:
        y = (-1) ** (n + 1) * fac(n - 1) * x ** -n * (1 + mpf(n) / 2 / x + mpf(n) * (n + 1) / 12 / x ** 2
                                                     - mpf(n) * (n + 1) * (n + 2) * (n + 3) / 720 / x ** 4)
    else:
        y = polygamma(n, x)
    return y, fac(n) * near ** -(n + 1) if near and n % 2 == 0 else 0


def gamma_row(x, n):
    (a, u), (b, v), (c, w) = (zeta(x, n + k) for k in range(3))
    return a, b, c, u, v, w


def lgamma_row(x, _):
    (b, v), (c, w) = zeta(x, 0), zeta(x, 1)
    if x > 0:
        return loggamma(x), b, c, 0, v, w
    terms = log(abs(pi / sin(pi * x))), loggamma(1 - x)
    return terms[0] - terms[1], b, c, max(map(abs, terms)), v, w


def density(x, a):
    """x^(a−1)·exp(−x)/Γ(a) with slope and curvature, and the largest terms of those."""
    y, q = exp((a - 1) * log(x) - x - loggamma(a)), (a - 1) / x
    terms = [abs(q), 1], [q * q, abs(2 * q), 1, abs(q / x)]
    if a <= 1:
        terms[0].clear()
    return y, y * (q - 1), y * ((q - 1) ** 2 - q / x), 0, *(y * max(map(abs, t), default=0) for t in terms)


def lower(x, a):
    y, b, _, _, v, _ = density(x, a)
    return gammainc(a, 0, x, regularized=True), y, b, 0, 0, v


def upper(x, a):
    y, b, _, _, v, _ = density(x, a)
    return gammainc(a, x, inf, regularized=True), -y, -b, 0, 0, v


def mills(x):
    """φ/Φ with slope and curvature, and the curvature's largest term."""
    u = -x / sqrt(2)
    f = [moment(u, n) for n in range(3)]
    y, r = sqrt(2 / pi) / f[0], f[1] / f[0]
    slope = -y * r / sqrt(2)
    terms = [-slope * r / sqrt(2), -y * f[2] / f[0] / 2, y * r * r / 2]
    bend = sum(terms)
    size = max(map(abs, terms)) if x < 0 else max(abs(slope * (y + x)), abs(y * slope), y)
    return y, slope, bend, 0, 0, size


def mills_slope_row(x, _):
    y, slope, bend, _, _, size = mills(x)
    u = -x / sqrt(2)
    f = [moment(u, n) / moment(u, 0) for n in range(4)]
    # The slope is −y·r/√2 for r = F₁/F₀; as above, r′ and r″ with respect to x.
    r = f[1], (f[2] - f[1] ** 2) / sqrt(2), (f[3] - 3 * f[1] * f[2] + 2 * f[1] ** 3) / 2
    terms = [y * r[2], 2 * slope * r[1], bend * r[0]]
    sizes = [y, abs(slope) * (y + x), abs(bend) * (y + x), size] if x > 0 else [0]
    if x < 0:
        t = [(f[k + 1] / f[k]) / sqrt(2) for k in range(3)]
        size, sizes = t[0] * max((t[1] - t[0]) ** 2, t[1] * (t[2] - t[1]), t[0] * (t[1] - t[0])), [t[0] * t[2] ** 3]
    return -slope, -bend, sum(terms) / sqrt(2), 0, size, max(sizes)


def laplace_row(x, n):
    f = [moment(-x / sqrt(2), k) for k in range(n - 1, n + 3)]
    t, u, v = (f[k + 1] / f[k] / sqrt(2) for k in range(3))
    return t, t * (u - t), t * (u - t) ** 2 + t * (u * (v - u) - t * (u - t)), 0, t * u, t * v * v


def log_ndtr_row(x, _):
    y, slope, _, _, _, _ = mills(x)
    if x > 0:
        return log1p(-tail(-x)), y, slope
    return -x * x / 2 + log(moment(-x / sqrt(2), 0) / 2), y, slope


def root(f, slope, y, times):
    for _ in range(times):
        y -= f(y) / slope(y)
    return y


def erfinv_row(x, _):
    size = abs(x)
    y = sqrt(-log(1 - size * size)) if size > 0.5 else size * sqrt(pi) / 2
    y = root(lambda y: erf(y) - size, lambda y: 2 / sqrt(pi) * exp(-y * y), min(y, mpf(1)), 0) if size <= 0.5 else y
    log_tail = lambda y: log(erfc(y)) - log(1 - size)
    if size > 0.5:
        y = root(log_tail, lambda y: -2 / sqrt(pi) * exp(-y * y) / erfc(y), y, 9)
    else:
        y = root(lambda y: erf(y) - size, lambda y: 2 / sqrt(pi) * exp(-y * y), y, 9)
    y, s = (y if x > 0 else -y), sqrt(pi) / 2 * exp(y * y)
    return y, s, 2 * y * s * s


def ndtri_row(x, _):
    q = min(x, 1 - x)
    with workdps(100):
        y = root(lambda y: log(tail(y)) - log(q), lambda y: mills(y)[0], -sqrt(-2 * log(2 * q) / 1.2), 12)
    y, s = (y if x < 0.5 else -y), sqrt(2 * pi) * exp(y * y / 2)
    return y, s, y * s * s, 0, 0, 1 / (q * q * mills(-abs(y))[0])


def bessel_row(x, n):
    i = lambda k: besseli(abs(k), x)
    return i(n), (i(n - 1) + i(n + 1)) / 2, (i(n - 2) + 2 * i(n) + i(n + 2)) / 4


def i0e_row(x, _):
    e = [bessel_moment(abs(x), n) for n in range(3)]
    return e[0], -e[1] if x > 0 else e[1], e[2]


def i1e_row(x, _):
    e = [bessel_moment(abs(x), n) for n in range(4)]
    sign = 1 if x > 0 else -1
    if abs(x) > 2000:
        y = e[0] - e[1]
    else:
        y = besseli(1, abs(x)) * exp(-abs(x))
    return sign * y, e[2] - e[1], sign * (e[2] - e[3]), 0, max(e[1], e[2]), max(e[2], e[3])


def alternating(f):
    return lambda x, n: [(-1) ** k * f(x, n + k) for k in range(3)]


POSITIVE = [sizes(-30, 30), sizes(-3, 2), line(0, 10)]
BELOW = [line(-40, 0), sizes(-8, 1, -1)]
REAL = [sizes(-20, 2, 0), line(-10, 10)]
ROWS = [
    ('lgamma', [0], lgamma_row, POSITIVE + BELOW + [near(1, -1), near(2, -1)]),
    ('digamma', [0], gamma_row, POSITIVE + BELOW + [near(1.4616321449683622, -1)]),
    ('polygamma', [1, 2, 3, 4], gamma_row, [sizes(-5, 5), line(0, 20), line(-20, 0), sizes(-4, 1, -1)]),
    ('gammainc', [0.125, 0.5, 1, 2.5, 20.5, 300], lower, None),
    ('gammaincc', [0.125, 0.5, 1, 2.5, 20.5, 300], upper, None),
    ('gamma_density', [0.125, 0.5, 1, 2.5, 20.5, 300], density, None),
    ('erfcx', [0], alternating(moment), [sizes(-20, 12, 1), line(0, 30), line(-25, 0), line(-9, 9)]),
    ('erfcx_slope', [1, 2, 3], alternating(moment), [sizes(-20, 6, 1), line(0, 3), line(-20, 0), line(-8, 8)]),
    ('erfinv', [0], erfinv_row, [line(-1, 1), sizes(-30, 0, 0), lambda: 1 - 10 ** random.uniform(-7, 0), lambda: 10 ** random.uniform(-15, 0) - 1]),
    ('ndtri', [0], ndtri_row, [line(0, 1), sizes(-37, 0), sizes(-290, 0), lambda: 1 - 10 ** random.uniform(-7, -1), near(0.5, -1)]),
    ('log_ndtr', [0], log_ndtr_row, [line(-40, 12), line(-3, 3), sizes(-20, 1, 0), sizes(1, 15, -1)]),
    ('inverse_mills', [0], lambda x, _: mills(x), [line(-40, 12), line(-3, 3), sizes(-20, 1, 0), sizes(1, 8, -1)]),
    ('mills_slope', [0], mills_slope_row, [line(-40, 12), line(-3, 3), sizes(-20, 1, 0), sizes(1, 8, -1)]),
    ('laplace_ratio', [1, 2, 3], laplace_row, [line(-40, 0), line(-3, 0), sizes(-20, 1, -1), sizes(1, 8, -1)]),
    ('i0', [0], bessel_row, [sizes(-12, 2.8, 0), line(-80, 80)]),
    ('i1', [0], lambda x, _: bessel_row(x, 1), [sizes(-12, 2.8, 0), line(-80, 80)]),
    ('iv', [2, 3, 5], bessel_row, [sizes(-6, 2.8, 0), line(-80, 80)]),
    ('i0e', [0], i0e_row, [sizes(-12, 12, 0), line(-70, 70)]),
    ('i1e', [0], i1e_row, [sizes(-12, 9, 0), line(-70, 70)]),
    ('i0e_slope', [1, 2, 3], alternating(bessel_moment), [sizes(-12, 5, 1), line(0, 70)]),
    ('sinc', [0], spherical_row, REAL + [sizes(2, 5, 0)]),
    ('spherical_bessel_pi', [1, 2, 3], spherical_row, [sizes(-6, 1, 0), line(-10, 10)]),
]


def around(a):
    """Points for the incomplete gamma functions: of all sizes, and around their middle."""
    return [sizes(-6, 2.5), lambda: max(1e-3, a + random.gauss(0, 2) * a ** 0.5), line(0, 2 * a)]


def text(x):
    x = float(x)
    return '0' if x == 0 else repr(x).replace('e+', 'e')


for name, numbers, f, draws in ROWS:
    for number in numbers:
        print(name, number)
        ways = draws or around(number)
        for i in range(POINTS):
            x = ways[i % len(ways)]()
            x = single(x) if i % 2 else x
            if x == 0 or name in ('erfinv', 'ndtri') and not (abs(x) < 1 and (x > 0 or name == 'erfinv')):
                continue
            if x < 0 and abs(x - round(x)) < 1e-9 and 'gamma' in name:
                continue
            row = list(f(mpf(x), number))
            if not any(row[3:]):
                row = row[:3]
            print(text(x), *map(text, row))
