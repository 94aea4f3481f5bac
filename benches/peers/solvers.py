"""Solvers of one number, by iterations that end early: what both suites of trials give to the checkers."""

import numpy as np


def fixed_point(tolerance):
    """y = cos(x·y) by iteration until steps are below a tolerance."""

    def solve(x):
        y = 0.5
        for _ in range(1000):
            after = np.cos(x * y)
            if abs(after - y) < tolerance:
                return after
            y = after
        return y

    return solve


def fixed_point_slope(x, y):
    s = np.sin(x * y)
    return -y * s / (1.0 + x * s)


def bisection(x):
    """y³ + y = x by halving an interval to 1e-8."""
    low, high = -3.0, 3.0
    while high - low > 1e-8:
        mid = (low + high) / 2.0
        low, high = (mid, high) if mid**3 + mid < x else (low, mid)
    return (low + high) / 2.0
