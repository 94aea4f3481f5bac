"""The report as an object, as text, as data."""

import copy
import json
import math
import pickle

import gradproof
import numpy as np
import pytest


@pytest.fixture
def wrong(x):
    """A report on a wrong gradient."""
    return gradproof.check(lambda a: np.sum(a**3), x, grad=lambda a: np.where(a > 1, 0.0, 3 * a**2))


@pytest.fixture
def right(x):
    """A report on a right gradient."""
    return gradproof.check(lambda a: np.sum(a**3), x, grad=lambda a: 3 * a**2)


def test_attributes(wrong):
    assert (wrong.verdict, wrong.passed, bool(wrong)) == ("wrong", False, False)
    assert "a[2]" in wrong.worst.place and wrong.worst.by == "gradient"
    assert wrong.worst.analytic == 0 and wrong.worst.numeric.value == pytest.approx(3 * 1.2**2)
    assert wrong.worst.difference > wrong.worst.allowed > 0
    assert wrong.worst.numeric.error < 1e-6
    [row] = wrong.inputs
    assert (row.name, row.shape, row.compared, row.passed, row.wrong) == ("a", (3,), 3, 2, 1)
    assert wrong.calls.evaluations > 10 and wrong.calls.derivatives >= 2
    assert wrong.seed == 0 and wrong.precision == "float64"
    assert wrong.value == pytest.approx(0.3**3 - 0.7**3 + 1.2**3)


def test_truth_is_a_pass(right):
    assert right and right.passed and right.cause is None and right.detail is None
    inconclusive = gradproof.check(lambda x: np.abs(x).sum(), np.zeros(1), grad=np.sign)
    assert not inconclusive and not inconclusive.passed


def test_text(wrong, right):
    assert str(wrong).startswith("gradient check: WRONG") and "a[2]" in str(wrong)
    assert max(map(len, str(wrong).splitlines())) <= 100
    assert repr(wrong).startswith("<Report: wrong") and "\n" not in repr(wrong)
    assert repr(right).startswith("<Report: pass; the gradient agrees")


def test_html(wrong):
    html = wrong._repr_html_()
    assert html.startswith("<div") and "<svg" in html and "<script" not in html


def test_html_escapes_names():
    report = gradproof.check(lambda p: np.sum(p["<b>"]), {"<b>": np.ones(2)}, grad=lambda p: {"<b>": np.zeros(2)})
    assert "<b>'" not in report._repr_html_() and "&lt;b&gt;" in report._repr_html_()


def test_data(wrong):
    data = wrong.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert (data["verdict"], data["cause"]) == (wrong.verdict, wrong.cause)
    assert data["worst"]["verdict"] == "wrong" and data["inputs"][0]["wrong"] == 1
    assert data["scan"]["steps"][0]["step"] > 0
    data["inputs"].clear()
    assert wrong.inputs, "the dict is a copy"


def test_numbers_that_are_not_finite():
    report = gradproof.check(lambda a: np.sum(a), np.ones(2), grad=lambda a: np.array([1.0, np.nan]))
    assert report.cause == "not_finite" and math.isnan(report.worst.analytic)
    assert report.to_dict()["worst"]["analytic"] is None


def test_copies(wrong):
    for other in (pickle.loads(pickle.dumps(wrong)), copy.deepcopy(wrong)):
        assert other == wrong and hash(other) == hash(wrong) and str(other) == str(wrong)
    assert wrong != gradproof.check(np.sum, np.ones(2), grad=np.ones_like)


def test_the_same_seed_repeats_the_check(x):
    grad = lambda a: 3.1 * a**2
    one, same, other = (gradproof.check(lambda a: np.sum(a**3), x, grad=grad, seed=seed) for seed in (4, 4, 5))
    assert one == same and one != other and other.verdict == "wrong"
