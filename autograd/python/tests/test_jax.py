"""Functions of JAX."""

import gradproof
import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")
jnp = jax.numpy


@pytest.fixture
def a():
    """A point of three numbers."""
    return jnp.array([0.3, -0.7, 1.2])


@jax.custom_vjp
def negated(x):
    """sin with the sign of its derivative lost."""
    return jnp.sin(x)


negated.defvjp(lambda x: (jnp.sin(x), x), lambda x, dy: (-dy * jnp.cos(x),))


@jax.custom_jvp
def halved(x):
    """x² with half of its derivative."""
    return x * x


@halved.defjvp
def _halved(primals, tangents):
    return primals[0] ** 2, primals[0] * tangents[0]


def test_right_functions_pass_in_both_modes(a):
    report = gradproof.check_jax(lambda x: jax.nn.softmax(x) * jnp.exp(x), a)
    assert report.passed and report.precision == "float64" and report.notes == [], report
    assert not jax.config.jax_enable_x64 and jnp.ones(1).dtype == jnp.float32


def test_wrong_rules_are_found(a):
    report = gradproof.check_jax(negated, a)
    assert (report.verdict, report.cause) == ("wrong", "sign")
    assert any(note.startswith("forward mode is left out") for note in report.notes)
    report = gradproof.check_jax(jax.jit(halved), a)
    assert (report.verdict, report.cause) == ("wrong", "factor") and report.detail == pytest.approx(0.5)


def test_a_loop_of_unknown_length_has_forward_mode_only(a):
    f = lambda x: jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1])), (0, x))[1]
    report = gradproof.check_jax(f, a)
    assert report.passed and report.worst.by == "jvp"
    assert any(note.startswith("reverse mode is left out") for note in report.notes)


def test_nested_inputs_and_results(a):
    f = lambda p, s: {"y": p["w"] @ a, "penalty": jnp.sum(p["w"] ** 2) * s[0]}
    report = gradproof.check_jax(f, {"w": jnp.ones((2, 3))}, [jnp.array(0.5)])
    assert report.passed and [i.name for i in report.inputs] == ["p['w']", "s[0]"], report


def test_second_derivatives(a):
    assert gradproof.check_jax(lambda x: jnp.sum(x**3) * x[0], a, orders=2).passed
    cut = lambda x: jnp.sum(2 * x * jax.lax.stop_gradient(x) - jax.lax.stop_gradient(x) ** 2)
    report = gradproof.check_jax(cut, a, orders=2)
    assert (report.verdict, report.cause) == ("wrong", "second_order"), report
    many = jnp.linspace(-1, 1, 20_000)
    assert gradproof.check_jax(lambda x: jnp.sum(x**3), many, elements=3, directions=1, orders=2).passed


def test_own_types(a):
    assert gradproof.check_jax(jnp.sin, a, double=False).precision == "float32"
    assert gradproof.check_jax(jnp.sin, a.astype(jnp.bfloat16)).precision == "float64"
    with pytest.raises(TypeError, match="x of bfloat16"):
        gradproof.check_jax(lambda x: jnp.sin(x), a.astype(jnp.bfloat16), double=False)

    def single(x):
        if x.dtype != jnp.float32:
            raise TypeError("this kernel takes float32")
        return jnp.sum(jnp.tanh(x))

    report = gradproof.check_jax(single, a)
    assert report.precision == "float32" and any("this kernel takes float32" in note for note in report.notes)


@pytest.mark.parametrize(
    ("x", "kind", "words"),
    [
        (jnp.array([1, 2]), TypeError, "x is of type int32.*bind it"),
        (jnp.array([1j]), TypeError, "x is complex"),
        (3, TypeError, "x is the integer 3"),
        ([1.0, 2.0], TypeError, r"x is a list of numbers; pass an array: jnp.array\(x\)"),
        ("a", TypeError, "x is of type str; pass an array of JAX"),
        (jnp.array([1.0, jnp.nan]), ValueError, r"x\[1\] is nan"),
        (jnp.zeros(0), ValueError, "x have no elements"),
    ],
)
def test_inputs_that_cannot_be_moved(x, kind, words):
    with pytest.raises(kind, match=words):
        gradproof.check_jax(lambda x: jnp.sum(x), x)


def test_results_that_are_no_arrays(a):
    with pytest.raises(TypeError, match="f returns something None"):
        gradproof.check_jax(lambda x: None, a)
    with pytest.raises(TypeError, match="f returns complex numbers"):
        gradproof.check_jax(lambda x: x * 1j, a)


def test_exceptions_come_back_with_a_note(a):
    class Broken(Exception):
        pass

    def f(x):
        if calls:
            raise Broken
        return jnp.sum(x)

    calls = []
    gradproof.check_jax(f, a)
    calls.append(1)
    with pytest.raises(Broken):
        gradproof.check_jax(f, a)


def test_a_function_that_draws_random_numbers(a):
    rng = np.random.default_rng(0)
    report = gradproof.check_jax(lambda x: jnp.sum(x) * (1 + rng.normal()), a)
    assert (report.verdict, report.cause) == ("inconclusive", "nondeterministic")


def test_assert_gradient_chooses_the_check(a):
    assert gradproof.assert_gradient(jnp.sin, a).passed
    with pytest.raises(AssertionError, match="sign"):
        gradproof.assert_gradient(lambda p: negated(p["x"]).sum(), {"x": a})


def test_a_function_that_looks_at_its_numbers(a):
    f = lambda x: jnp.sum(x) if x[0] > 0 else jnp.sum(-x)
    assert gradproof.check_jax(f, a).passed
    assert gradproof.check_jax(lambda x: f(x) * (1 if x[0] == a[0] else 2), a).verdict != "pass"
