"""What users get wrong, and what they are told."""

import signal
import threading

import gradproof
import numpy as np
import pytest

F = lambda x: np.sum(x**2)
GRAD = lambda x: 2 * x


def refused(kind, *words, f=F, x=None, **given):
    """Assert that a check raises with these words."""
    x = np.array([0.3, -0.7, 1.2]) if x is None else x
    with pytest.raises(kind) as caught:
        gradproof.check(f, x, **(given or {"grad": GRAD}))
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value}"
    return caught.value


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.array([1, 2, 3]), ["x is of type int64", "x.astype(float)"]),
        (np.array([True, False]), ["x is of type bool"]),
        (3, ["x is the integer 3", "3.0"]),
        (np.array([1j, 2.0]), ["x is complex", "two inputs"]),
        (1j, ["x is complex"]),
        (np.array([1.0, None]), ["x is of type object", "float64"]),
        (np.array(["a"]), ["x is of type <U1"]),
        (np.array([1.0], dtype=np.float16), ["x is of type float16", "too few digits", "astype(float)"]),
        (np.array([1.0], dtype=np.longdouble), ["x is of type"]),
        (np.array([1.0]).astype(">f8"), ["x is of type >f8", "astype(float)"]),
        ([1.0, 2.0], ["x is a list of numbers", "np.array(x)"]),
        ((1, 2), ["x is a tuple of numbers"]),
        ([[1.0, 2.0], [3.0, 4.0]], ["x is a list of numbers"]),
        ("abc", ["x is of type str", "pass an array"]),
        (np.ma.masked_array([1.0]), ["x is a MaskedArray", "np.asarray(x)"]),
        ({"w": np.array([1, 2])}, ["x['w'] is of type int64"]),
        ([np.array([1.0], dtype=np.float32), np.array([1.0])], ["several types", "x[0] of float32", "x[1] of float64"]),
    ],
)
def test_inputs_that_cannot_be_moved(x, words):
    refused(TypeError, *words, x=x)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.array([1.0, np.nan]), ["x[1] is nan", "finite"]),
        (np.array([[1.0], [-np.inf]]), ["x[1, 0] is -inf"]),
        (np.zeros((0, 3)), ["x have no elements"]),
        ({}, ["no input is given"]),
        ((np.zeros(0), np.zeros((2, 0))), ["x[0] and x[1] have no elements"]),
    ],
)
def test_points_without_anything_to_compare(x, words):
    refused(ValueError, *words, x=x)


def test_a_function_that_is_not_finite_at_the_point():
    with np.errstate(all="ignore"):
        words = "the function is NaN at the point; choose a point inside its domain"
        refused(ValueError, words, f=lambda x: np.sum(np.log(x - 5.0)), grad=lambda x: 1 / (x - 5.0))


def test_an_empty_input_beside_others_is_fine(x):
    f = lambda a, b: np.sum(a) + np.sum(b**2)
    report = gradproof.check(f, np.zeros((0, 2)), x, grad=lambda a, b: (np.zeros((0, 2)), 2 * b))
    assert report.passed, report


def test_nothing_given():
    refused(ValueError, "no derivative is given", "grad=", grad=None)
    with pytest.raises(ValueError, match="no input is given"):
        gradproof.check(F, grad=GRAD)
    with pytest.raises(TypeError, match="the first argument is the function"):
        gradproof.check(np.zeros(3), F, grad=GRAD)
    refused(TypeError, "grad is of type ndarray", "the function that computes it", grad=np.zeros(3))
    refused(ValueError, "a Hessian is compared with differences of the gradient", hessian=lambda x: np.eye(3))
    refused(ValueError, "order 2", "hessian", grad=GRAD, orders=2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"directions": 1.5}, "directions is 1.5"),
        ({"elements": "all"}, "elements is 'all'"),
        ({"orders": 3}, "orders is 3"),
        ({"directions": 0, "elements": 0}, "nothing would be compared"),
        ({"tolerance": -1.0}, "tolerance is -1.0"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
    ],
)
def test_settings_without_meaning(given, words):
    refused(ValueError, words, grad=GRAD, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"grad": lambda x: np.zeros(4)}, ["the gradient by x has shape (4,) and needs (3,)"]),
        ({"grad": lambda x: np.zeros((2, 3))}, ["the gradient by x has shape (2, 3)", "sum over axis 0"]),
        ({"vjp": lambda x, v: 1.0}, ["the vjp by x has shape () and needs (3,)"]),
        ({"jvp": lambda x, u: np.zeros(2)}, ["the jvp has shape (2,) and needs ()"]),
        ({"jacobian": lambda x: np.zeros((3, 1))}, ["the Jacobian by x has shape (3, 1) and needs (3,)"]),
        ({"grad": GRAD, "hessian": lambda x: np.zeros(3)}, ["Hessian's row of x by x has shape (3,) and needs (3, 3)"]),
    ],
)
def test_derivatives_of_wrong_shapes(given, words):
    refused(ValueError, *words, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"grad": lambda x: None}, ["the gradient by x is None", "is a return missing?"]),
        ({"grad": lambda x: x * 1j}, ["the gradient by x is complex"]),
        ({"grad": lambda x: x.astype(object)}, ["the gradient by x is an array of type object"]),
        ({"grad": lambda x: "abc"}, ["the gradient by x is of type str"]),
        ({"grad": lambda x: [[1.0], [1.0, 2.0]]}, ["the gradient by x is no array"]),
        ({"jvp": lambda x, u: None}, ["the jvp is None"]),
    ],
)
def test_derivatives_that_are_no_arrays(given, words):
    refused(TypeError, *words, **given)


def test_functions_that_return_no_array():
    refused(TypeError, "the result of f is None", f=lambda x: None)
    refused(TypeError, "the result of f is complex", f=lambda x: x * 1j)
    refused(ValueError, "a gradient is that of one value", "shape (3,)", f=lambda x: x)


def test_structures_that_do_not_match():
    f = lambda p: np.sum(p["a"]) + np.sum(p["b"])
    x = {"a": np.ones(2), "b": np.ones(3)}
    refused(TypeError, "the gradient by p is of type ndarray", "['a', 'b']", f=f, x=x, grad=lambda p: np.ones(2))
    refused(TypeError, "the gradient by p has the keys ['a']", f=f, x=x, grad=lambda p: {"a": np.ones(2)})
    with pytest.raises(TypeError, match="the gradient by .a, b. has 3 parts; return 2"):
        gradproof.check(lambda a, b: a @ b, np.ones(2), np.ones(2), grad=lambda a, b: (a, b, b))
    with pytest.raises(TypeError, match="the gradient by .a, b. is None"):
        gradproof.check(lambda a, b: a @ b, np.ones(2), np.ones(2), grad=lambda a, b: None)


def test_what_is_accepted(x):
    assert gradproof.check(lambda x: float(np.sum(x**2)), x, grad=GRAD).passed, "a number of Python"
    assert gradproof.check(F, x, grad=lambda x: list(2 * x)).passed, "a list as a gradient"
    assert gradproof.check(F, x, grad=lambda x: (2 * x,)).passed, "a tuple of one"
    assert gradproof.check(lambda x: np.sum(x), x, grad=lambda x: np.ones(3, dtype=int)).passed, "integers"
    assert gradproof.check(lambda x: [x[0] ** 2, x[1]], x, jacobian=lambda x: [[2 * x[0], 0, 0], [0, 1, 0]]).passed


@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[::-1, ::2], np.asfortranarray, lambda a: a[:, 1]])
def test_any_layout_will_do(view):
    a = view(np.linspace(-1, 1, 12).reshape(3, 4))
    weights = np.arange(a.size, dtype=float).reshape(a.shape)
    report = gradproof.check(lambda a: np.sum(weights * a**2), a, grad=lambda a: np.asfortranarray(2 * weights * a))
    assert report.passed and report.inputs[0].shape == a.shape, report
    assert not gradproof.check(lambda a: np.sum(weights * a**2), a, grad=lambda a: 2 * weights[::-1] * a).passed


def test_a_function_that_changes_its_input(x):
    def f(x):
        x[1] *= 2
        return np.sum(x**2)

    kept = x.copy()
    error = refused(ValueError, "f changes its input x in place, at x[1]", "copy of x", f=f, x=x)
    assert "at the point itself" in "".join(getattr(error, "__notes__", [str(error.__cause__)]))
    assert np.array_equal(x, kept)

    def vjp(a, v):
        v *= 2
        return v * np.cos(a)

    refused(ValueError, "the vjp changes its input v in place", f=np.sin, vjp=vjp)


def test_compiled_code_that_asks_for_memory_to_write_to(x):
    def f(x):
        if not x.flags.writeable:
            raise ValueError("buffer source array is read-only")
        return np.sum(x**2)

    assert gradproof.check(f, x, grad=GRAD).passed


def test_a_function_that_draws_random_numbers(x):
    rng = np.random.default_rng(0)
    report = gradproof.check(lambda x: np.sum(x**2) + rng.normal(), x, grad=GRAD)
    assert (report.verdict, report.cause) == ("inconclusive", "nondeterministic")
    report = gradproof.check(F, x, grad=lambda x: 2 * x + rng.normal())
    assert (report.verdict, report.cause) == ("inconclusive", "nondeterministic")
    assert "two calls of the gradient" in report.reason


def test_exceptions_come_back_as_they_were(x):
    class Broken(Exception):
        pass

    raised = Broken("no value here", 7)

    def grad(x):
        raise raised

    error = refused(Broken, grad=grad)
    assert error is raised and error.args == ("no value here", 7)
    notes = "".join(getattr(error, "__notes__", [str(error.__cause__)]))
    assert "gradproof: raised by grad, in call 1 of it, at the point itself" in notes
    assert error.__traceback__.tb_next is not None

    def f(x):
        if x[1] > -0.7:
            raise raised
        return np.sum(x**2)

    raised.__notes__ = []
    assert refused(Broken, f=f) is raised
    if hasattr(raised, "add_note"):
        assert "raised by f, in call" in raised.__notes__[0] and "near the point: " in raised.__notes__[0]


def test_the_keyboard_ends_a_check(x):
    def f(x):
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append(1)
        return np.sum(x**2)

    calls = []
    refused(KeyboardInterrupt, f=f)
    assert len(calls) == 5


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread")
def test_a_signal_ends_a_check(x):
    import ctypes

    raise_signal = ctypes.CDLL(None)["raise"]

    def f(x):
        calls.append(1)
        if len(calls) == 3:
            raise_signal(int(signal.SIGINT))
        return np.sum(x**2)

    calls = []
    # A job in the background starts with the signal ignored, and Python then has no handler for it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        refused(KeyboardInterrupt, f=f)
    finally:
        signal.signal(signal.SIGINT, before)


def test_arrays_of_other_frameworks_are_sent_to_their_check():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    refused(TypeError, "x is a tensor of PyTorch", "check_torch", x=torch.ones(2))
    jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")
    refused(TypeError, "x is an array of JAX", "check_jax", x=jnp.ones(2))
