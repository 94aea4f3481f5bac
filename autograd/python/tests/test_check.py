"""Functions of NumPy: right and wrong derivatives of every kind."""

import collections

import gradproof
import numpy as np
import pytest

A = np.array([[1.0, -0.5, 0.3], [0.2, 0.9, -0.4]])


def values(x):
    """An array-valued function."""
    return np.tanh(A @ x)


def matrix(x):
    """Its Jacobian."""
    return (1 - np.tanh(A @ x) ** 2)[:, None] * A


RIGHT = {
    "vjp": lambda x, v: v @ matrix(x),
    "jvp": lambda x, u: matrix(x) @ u,
    "jacobian": matrix,
}


@pytest.mark.parametrize("kind", RIGHT)
def test_each_derivative_passes_when_right_and_fails_when_wrong(kind, x):
    right = gradproof.check(values, x, **{kind: RIGHT[kind]})
    assert right.passed and right.cause is None, right
    wrong = gradproof.check(values, x, **{kind: lambda *a: -RIGHT[kind](*a)})
    assert (wrong.verdict, wrong.cause) == ("wrong", "sign"), wrong


@pytest.mark.parametrize("kind", RIGHT)
def test_of_several_derivatives_the_wrong_one_is_named(kind, x):
    assert gradproof.check(values, x, **RIGHT).passed
    given = {**RIGHT, kind: lambda *a: 1.01 * RIGHT[kind](*a)}
    report = gradproof.check(values, x, **given)
    name = "Jacobian" if kind == "jacobian" else kind
    words = "the vjp does not" if kind == "vjp" else f"the {name} is wrong"
    assert report.verdict == "wrong" and words in report.reason, report


def test_gradients_and_hessians(x):
    f = lambda x: np.sum(x) * np.sum(x**2)
    grad = lambda x: np.sum(x**2) + 2 * x * np.sum(x)
    hessian = lambda x: 2 * x[:, None] + 2 * x[None, :] + 2 * np.sum(x) * np.eye(3)
    report = gradproof.check(f, x, grad=grad, hessian=hessian, orders=2)
    assert report.passed and [i.order for i in report.inputs] == [1, 2], report
    report = gradproof.check(f, x, grad=grad, hessian=lambda x: hessian(x) + np.eye(3))
    assert (report.verdict, report.cause) == ("wrong", "second_order")
    report = gradproof.check(f, x, grad=grad, hessian=lambda x: hessian(x) + A.T @ A[:, ::-1])
    assert (report.verdict, report.cause) == ("wrong", "asymmetric")


def test_products_of_a_hessian(x):
    f = lambda p: np.sum(p["a"] ** 3) * p["b"]
    grad = lambda p: {"a": 3 * p["a"] ** 2 * p["b"], "b": np.sum(p["a"] ** 3)}

    def hvp(p, u, factor=6):
        first = factor * p["a"] * p["b"] * u["a"] + 3 * p["a"] ** 2 * u["b"]
        return {"a": first, "b": np.sum(3 * p["a"] ** 2 * u["a"])}

    p = {"a": x, "b": 0.7}
    report = gradproof.check(f, p, grad=grad, hvp=hvp, orders=2)
    assert report.passed and [i.order for i in report.inputs] == [1, 1, 2, 2], report
    report = gradproof.check(f, p, grad=grad, hvp=lambda p, u: hvp(p, u, 3))
    assert (report.verdict, report.cause) == ("wrong", "second_order"), report


def test_a_linear_function_has_second_derivatives_of_zero():
    w, x = np.array([0.3, -2.0, 7.0]), np.array([0.5, -1.0, 2.0])
    none = lambda x, u: np.zeros(3)
    report = gradproof.check(lambda x: w @ x, x, grad=lambda x: w, hvp=none, orders=2)
    assert report.passed and [i.order for i in report.inputs] == [1, 2], report
    report = gradproof.check(lambda x: np.sum(x**3), x, grad=lambda x: 3 * x**2, hvp=none, orders=2)
    assert (report.verdict, report.cause) == ("wrong", "second_order"), report


def test_causes_carry_their_detail(x):
    f = lambda x: np.sum(x**3)
    assert gradproof.check(f, x, grad=lambda x: x**2).detail == pytest.approx(1 / 3)
    report = gradproof.check(f, x, grad=np.zeros_like)
    assert (report.cause, report.detail) == ("detached", None)


def test_a_kink_is_inconclusive():
    report = gradproof.check(lambda x: np.sum(np.abs(x)), np.array([0.0, 1.0]), grad=np.sign)
    assert (report.verdict, report.cause) == ("inconclusive", "kink")


Layer = collections.namedtuple("Layer", "w b")


def test_nested_inputs_are_named_and_rebuilt():
    def f(params, scale):
        hidden = np.tanh(params["layers"][0].w @ np.ones(2) + params["layers"][0].b)
        return scale * np.sum(hidden * params["out"])

    def grad(params, scale):
        layer = params["layers"][0]
        hidden = np.tanh(layer.w @ np.ones(2) + layer.b)
        below = scale * params["out"] * (1 - hidden**2)
        layers = [Layer(np.outer(below, np.ones(2)), below)]
        return {"out": scale * hidden, "layers": layers}, np.sum(hidden * params["out"])

    params = {
        "layers": [Layer(np.array([[0.1, 0.2], [0.3, -0.4]]), np.array([0.5, -0.1]))],
        "out": np.array([1.0, -2.0]),
    }
    report = gradproof.check(f, params, 0.7, grad=grad)
    assert report.passed, report
    names = [i.name for i in report.inputs]
    assert names == ["params['layers'][0].w", "params['layers'][0].b", "params['out']", "scale"]
    wrong = gradproof.check(f, params, 0.7, grad=lambda p, s: (grad(p, s)[0], -grad(p, s)[1]))
    assert [i.name for i in wrong.inputs if i.wrong] == ["scale"]


def test_results_may_be_nested_too(x):
    f = lambda x: {"sum": np.sum(x), "parts": (np.sin(x), x**2)}
    vjp = lambda x, v: v["sum"] + v["parts"][0] * np.cos(x) + v["parts"][1] * 2 * x
    jvp = lambda x, u: {"parts": (np.cos(x) * u, 2 * x * u), "sum": np.sum(u)}
    assert gradproof.check(f, x, vjp=vjp, jvp=jvp).passed
    assert not gradproof.check(f, x, vjp=lambda x, v: vjp(x, v) + v["sum"]).passed


def test_numbers_stay_numbers():
    import math

    report = gradproof.check(lambda t: math.sin(t), 0.3, grad=lambda t: math.cos(t))
    assert report.passed and report.inputs[0].shape == ()


def test_several_inputs_of_jacobian_jvp_and_hessian():
    f = lambda a, b: a * b
    a, b = np.array([0.3, 0.5]), np.array([-0.2, 1.4])
    jacobian = lambda a, b: (np.diag(b), np.diag(a))
    assert gradproof.check(f, a, b, jacobian=jacobian, jvp=lambda a, b, u, v: a * v + b * u).passed
    dot = lambda a, b: a @ b
    grad = lambda a, b: (b, a)
    zero, one = np.zeros((2, 2)), np.eye(2)
    assert gradproof.check(dot, a, b, grad=grad, hessian=lambda a, b: ((zero, one), (one, zero))).passed
    assert not gradproof.check(dot, a, b, grad=grad, hessian=lambda a, b: ((one, one), (one, zero))).passed


def test_float32_is_checked_as_float32(x):
    x = x.astype(np.float32)
    report = gradproof.check(lambda x: np.sum(np.tanh(x)), x, grad=lambda x: 1 - np.tanh(x) ** 2)
    assert report.passed and report.precision == "float32"
    report = gradproof.check(lambda x: np.sum(np.tanh(x)), x, grad=lambda x: 1 + np.tanh(x) ** 2)
    assert report.verdict == "wrong"


def test_options_reach_the_checker(x):
    f, grad = (lambda x: np.sum(x**3)), (lambda x: 3 * x**2)
    many = np.linspace(-1, 1, 300)
    report = gradproof.check(f, many, grad=grad, elements=20, directions=1, seed=5)
    assert (report.inputs[0].compared, report.seed) == (20, 5)
    few = gradproof.check(f, many, grad=grad, elements=20, directions=5, seed=5)
    assert few.calls.evaluations > report.calls.evaluations
    off = lambda x: grad(x) * (1 + 1e-5)
    assert gradproof.check(f, x, grad=off).verdict == "wrong"
    assert gradproof.check(f, x, grad=off, tolerance=1e-4).passed


def test_inputs_are_passed_without_a_copy(x):
    seen = []
    f = lambda x: (seen.append((x.flags.writeable, x.flags.owndata)), np.sum(x**2))[1]
    assert gradproof.check(f, x, grad=lambda x: 2 * x).passed
    assert set(seen) == {(False, False)}


def test_arrays_outlive_their_call(x):
    kept = []
    f = lambda x: (kept.append(x), np.sum(x**2))[1]
    gradproof.check(f, x, grad=lambda x: 2 * x)
    assert np.array_equal(kept[0], x) and len({a.tobytes() for a in kept}) > 10


def test_assert_gradient_raises_the_report(x):
    assert gradproof.assert_gradient(np.sin, x, jacobian=lambda x: np.diag(np.cos(x))).passed
    with pytest.raises(AssertionError, match=r"gradient check: WRONG \(sign\)"):
        gradproof.assert_gradient(np.sin, x, jacobian=lambda x: -np.diag(np.cos(x)))


def test_other_threads_run_during_a_check(x):
    import threading

    stop, turns = threading.Event(), []

    def turn():
        while not stop.is_set():
            turns.append(gradproof.check(np.sin, x, jacobian=lambda x: np.diag(np.cos(x))).verdict)

    other = threading.Thread(target=turn)
    other.start()
    for _ in range(20):
        assert gradproof.check(np.cos, x, jacobian=lambda x: -np.diag(np.sin(x))).passed
    stop.set()
    other.join()
    assert set(turns) == {"pass"}
