"""Functions of PyTorch."""

import warnings

import gradproof
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from own_rules import Negated  # noqa: E402, which needs PyTorch


@pytest.fixture
def t():
    """A point of three numbers."""
    return torch.tensor([0.3, -0.7, 1.2])


class OwnForward(torch.autograd.Function):
    """x² with a right backward and a wrong jvp."""

    @staticmethod
    def forward(ctx, x):
        ctx.x = x
        return x * x

    @staticmethod
    def backward(ctx, dy):
        return 2 * ctx.x * dy

    @staticmethod
    def jvp(ctx, u):
        return ctx.x * u


def test_right_functions_pass_in_both_modes(t):
    report = gradproof.check_torch(lambda x: torch.softmax(x, 0) * torch.exp(x), t)
    assert report.passed and report.precision == "float64" and report.notes == [], report


def test_a_wrong_rule_is_found(t):
    report = gradproof.check_torch(lambda x: Negated.apply(x).sum(), t)
    assert (report.verdict, report.cause) == ("wrong", "sign")
    assert any(note.startswith("forward mode is left out") for note in report.notes)


def test_a_wrong_forward_mode_is_found(t):
    report = gradproof.check_torch(lambda x: OwnForward.apply(x).sum(), t)
    assert (report.verdict, report.cause) == ("wrong", "forward_mode"), report


@pytest.mark.parametrize("cut", [lambda x: x.detach() * x, lambda x: torch.tensor(np.exp(x.detach().numpy()))])
def test_a_cut_graph_is_found(cut, t):
    report = gradproof.check_torch(lambda x: cut(x).sum(), t)
    assert report.verdict == "wrong", report


def test_a_result_that_is_a_number_has_no_gradient(t):
    report = gradproof.check_torch(lambda x: (x**2).sum().item(), t)
    assert (report.verdict, report.cause) == ("wrong", "detached")


def test_tensors_with_and_without_gradients_are_the_same(t):
    needs = t.clone().requires_grad_()
    a, b = gradproof.check_torch(torch.sin, t), gradproof.check_torch(torch.sin, needs)
    assert a.passed and b.passed and needs.grad is None and a.inputs[0].compared == b.inputs[0].compared == 3


def test_nested_inputs_and_results(t):
    def f(p):
        return {"y": p["w"] @ t.to(p["w"].dtype), "penalty": (p["w"] ** 2).sum() + p["b"][0].exp()}

    report = gradproof.check_torch(f, {"w": torch.ones(2, 3), "b": [torch.zeros(())]})
    assert report.passed and [i.name for i in report.inputs] == ["p['w']", "p['b'][0]"], report


def test_what_cannot_be_float64_is_checked_in_its_own_type(t):
    matrix = torch.tensor([[1.0, 0.5, -0.2]])
    report = gradproof.check_torch(lambda x: (matrix @ x).sum(), t)
    assert report.passed and report.precision == "float32"
    assert any(note.startswith("checked in float32, since in float64 the function raises") for note in report.notes)
    assert gradproof.check_torch(torch.sin, t, double=False).precision == "float32"


def test_half_precision(t):
    half = t.to(torch.bfloat16)
    assert gradproof.check_torch(lambda x: x.tanh().sum(), half).precision == "float64"
    with pytest.raises(TypeError, match="x of bfloat16"):
        gradproof.check_torch(lambda x: x.tanh().sum(), half, double=False)
    with pytest.raises(TypeError, match="in float64 the function fails") as caught:
        gradproof.check_torch(lambda x: (half * torch.ones(3, dtype=torch.half)).dot(x), half)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("x", "kind", "words"),
    [
        (torch.tensor([1, 2]), TypeError, "x is of type int64.*bind it"),
        (torch.tensor([1j]), TypeError, "x is complex"),
        (torch.ones(2, device="meta"), ValueError, "x is on the device meta"),
        (torch.eye(2).to_sparse(), TypeError, "x is of layout sparse_coo.*to_dense"),
        (np.ones(2), TypeError, "x is of type ndarray; pass a tensor"),
        ([1.0, 2.0], TypeError, "x is a list of numbers"),
        (torch.tensor([1.0, float("nan")]), ValueError, r"x\[1\] is nan"),
        (torch.ones(0), ValueError, "x have no elements"),
    ],
)
def test_inputs_that_cannot_be_moved(x, kind, words):
    with pytest.raises(kind, match=words):
        gradproof.check_torch(lambda x: (x * x).sum(), x)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no other device")
def test_another_device(t):
    report = gradproof.check_torch(lambda x: x.cuda().sin().sum() if not x.is_cuda else x.sin().sum(), t.cuda())
    assert report.passed


def test_results_that_are_no_tensors(t):
    with pytest.raises(TypeError, match="f returns something None"):
        gradproof.check_torch(lambda x: None, t)
    with pytest.raises(TypeError, match="f returns complex numbers"):
        gradproof.check_torch(lambda x: x * 1j, t)


def test_a_function_that_changes_its_input(t):
    def f(x):
        with torch.no_grad():
            x[2] += 1
        return (x**2).sum()

    with pytest.raises(ValueError, match=r"f changes its input x in place, at x\[2\]"):
        gradproof.check_torch(f, t.double())


def test_exceptions_come_back_with_a_note(t):
    class Broken(Exception):
        pass

    def f(x):
        if x[0] != t[0].double():
            raise Broken("here")
        return x.sum()

    with pytest.raises(Broken) as caught:
        gradproof.check_torch(f, t.double())
    notes = "".join(getattr(caught.value, "__notes__", [str(caught.value.__cause__)]))
    assert "raised by f, in call" in notes and "near the point" in notes


def test_second_derivatives(t):
    assert gradproof.check_torch(lambda x: (x**3).sum() * x[0], t, orders=2).passed
    cut = lambda x: (2 * x * x.detach() - x.detach() ** 2).sum()
    report = gradproof.check_torch(cut, t, orders=2)
    assert (report.verdict, report.cause) == ("wrong", "second_order"), report
    # A linear function has a Hessian of 0.
    for linear in (lambda x: 3 * x.sum(), lambda x: (0.1 * x).sum()):
        report = gradproof.check_torch(linear, t, orders=2)
        assert report.passed, report
    # A constant is the same at order 1; that its slope is 0 is more than differences can bear out.
    assert gradproof.check_torch(lambda x: x.sum() * 0 + 3, t, orders=2).verdict == "inconclusive"
    many = torch.linspace(-1, 1, 20_000)
    assert gradproof.check_torch(lambda x: (x**3).sum(), many, elements=3, directions=1, orders=2).passed


def test_assert_gradient_chooses_the_check(t):
    assert gradproof.assert_gradient(torch.sin, t).passed
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    assert gradproof.assert_gradient(module, lambda module, x: module(x).sum(), torch.ones(2, 3)).passed
    with pytest.raises(AssertionError, match="sign"):
        gradproof.assert_gradient(Negated.apply, {"x": t}["x"])


def test_nothing_warns(t):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradproof.check_torch(torch.sin, t)
