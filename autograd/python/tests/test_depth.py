"""The laboratory of depth, held against closed forms and published numbers."""

import math

import numpy as np
import pytest
from gradproof.depth import depth_scale, flow, theory


def test_published_numbers():
    tanh = theory("tanh", weights=1.5, biases=0.05)
    chi = tanh.chi(tanh.fixed_point())
    assert chi == pytest.approx(0.938636, abs=1e-6) and depth_scale(chi) == pytest.approx(15.79, abs=0.01)
    assert theory("tanh").critical(0.05).weights == pytest.approx(1.760955, abs=1e-6)
    assert theory("selu").variance_slope(1.0) == pytest.approx(0.782648, abs=1e-6)  # Klambauer et al. 2017
    selu = theory("selu").critical()
    assert selu.weights * 1.071575 == pytest.approx(1, abs=1e-6) and selu.variance == 1
    assert theory("sigmoid").critical().variance == pytest.approx(45.62, abs=0.01)


def test_closed_forms():
    relu = theory("relu", weights=2.0)
    assert relu.variance_map(3.0) == pytest.approx(3.0, abs=1e-12) and relu.chi(3.0) == pytest.approx(1.0, abs=1e-12)
    assert relu.correlation_map(1.0, 0.0) == pytest.approx(1 / math.pi, abs=1e-12)  # Cho and Saul 2009
    assert relu.correlation_map(1.0, 1.0) == pytest.approx(1.0, abs=1e-12)
    assert np.allclose(theory("identity", weights=0.5).variances(1.0, 4), [1, 0.5, 0.25, 0.125])
    erf = theory(np.vectorize(math.erf))  # Poole et al. 2016
    assert erf.variance_map(1.0) == pytest.approx(2 / math.pi * math.asin(2 / 3), abs=1e-12)


@pytest.mark.parametrize("q", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize(("name", "f"), [("tanh", np.tanh), ("relu", lambda x: np.maximum(x, 0))])
def test_callables_are_as_their_names(name, f, q):
    assert theory(f).chi(q) == pytest.approx(theory(name).chi(q), rel=1e-9)
    assert theory(f, slope=lambda x: 0 * x).chi(q) == 0


@pytest.mark.parametrize(
    "name", ["tanh", "sigmoid", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus"]
)
def test_slopes_are_those_of_the_values(name):
    from gradproof.depth._curve import Curve

    curve, x = Curve(name), np.linspace(-4, 4, 81) + 0.013
    assert np.allclose(curve.slopes(x), curve.differences(x), atol=1e-10)


def test_kinks_are_found():
    from gradproof.depth._curve import Curve

    kinks = Curve(lambda x: np.abs(x - 0.2) + np.maximum(x + 1.5, 0)).breaks
    assert np.allclose(kinks, [-1.5, 0.2], atol=1e-9)
    assert Curve(lambda x: np.sin(x) * np.exp(-x * x / 9)).breaks == []


def test_callables_of_frameworks():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert theory(torch.nn.GELU()).chi(1.3) == pytest.approx(theory("gelu").chi(1.3), rel=1e-12)
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    assert theory(jax.nn.silu).chi(1.3) == pytest.approx(theory("silu").chi(1.3), rel=1e-12)


def test_a_theory_prints():
    text = str(theory("tanh", weights=1.5, biases=0.05))
    assert "0.938636 a layer: it vanishes" in text and "15.79 layers" in text
    assert "grows without bound" in str(theory("relu", weights=2.5))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: theory("gellu"), "no activation is called 'gellu'; there are identity, tanh"),
        (lambda: theory(lambda x: x / x.sum()), "not a function of each number alone"),
        (lambda: theory(lambda x: np.exp(x**2)), "not finite everywhere"),
        (lambda: theory("tanh", weights=-1.0), "the variance of the weights is -1.0"),
        (lambda: theory("softplus").critical(), "softplus has no critical point"),
        (lambda: theory("relu", weights=3.0).fixed_point(), "grows without bound"),
        (lambda: theory("relu").correlation_map(1.0, 2.0), "between -1 and 1"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_what_the_theory_refuses(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def network(weight, layers=12, width=64):
    """Activations and gradients of a random network of tanh, and its loss."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(width, width)) * math.sqrt(weight / width) for _ in range(layers)]
    values = [rng.normal(size=(16, width))]
    for w in weights:
        values.append(np.tanh(values[-1] @ w))
    gradients = [2 * values[-1] / values[-1].size]
    for w, y in zip(weights[::-1], values[:0:-1], strict=True):
        gradients.append((gradients[-1] * (1 - y**2)) @ w.T)
    return values[1:], gradients[-2::-1], float(np.mean(values[-1] ** 2))


def test_flows_tell_vanishing_from_exploding():
    for weight, word in ((0.2, "vanishes"), (40.0, "explodes")):
        values, gradients, loss = network(weight, layers=24)
        found = flow(values, gradients, loss=loss)
        assert any(f"the gradient {word}" in warning for warning in found.warnings), str(found)
    values, gradients, loss = network(1.3)
    found = flow(
        {f"tanh {i}": v for i, v in enumerate(values)}, {f"tanh {i}": g for i, g in enumerate(gradients)}, loss=loss
    )
    assert found.warnings == [] and found.layers[3].name == "tanh 3", str(found)
    assert found.layers[-1].relative == pytest.approx(2 / math.sqrt(values[-1].size), rel=1e-9)


def test_a_flow_is_a_table_and_a_picture():
    values, gradients, loss = network(1.3, layers=3)
    found = flow(values, gradients, loss=loss)
    lines = str(found).splitlines()
    assert lines[0].split() == ["layer", "units", "output", "dead", "gradient", "relative"] and len(lines) == 4
    svg = found.to_svg()
    assert svg.startswith("<svg") and svg.count("<circle") == 6 and "nan" not in svg
    assert "<svg" in found._repr_html_()


def test_dead_units_cut_graphs_and_broken_numbers():
    values = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0]])
    found = flow([values, values], [None, np.array([[np.nan, 1, 1], [1, 1, 1.0]])])
    assert found.layers[0].dead == pytest.approx(2 / 3)
    text = "\n".join(found.warnings)
    assert "67 % of units are dead" in text and "no gradient arrives" in text and "1 gradients are not finite" in text
    assert "nan" not in found.to_svg()


def test_tiny_gradients_have_a_norm():
    tiny = np.full((2, 2), 1e-200)
    assert flow([tiny], [tiny]).layers[0].gradient == pytest.approx(2e-200, rel=1e-12)


def test_tensors_are_taken():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = torch.ones(4, 3, dtype=torch.bfloat16, requires_grad=True)
    assert flow([x], [x]).layers[0].gradient == pytest.approx(math.sqrt(12))


def test_what_a_flow_refuses():
    with pytest.raises(ValueError, match="the gradient 'b' has no activation; there are 'a'"):
        flow({"a": np.ones(2)}, {"b": np.ones(2)})
    with pytest.raises(ValueError, match=r"the gradient '0' has shape \(3,\), and its activation \(2,\)"):
        flow([np.ones(2)], [np.ones(3)])
    with pytest.raises(TypeError, match="activations are of type ndarray"):
        flow(np.ones((2, 2)))
    with pytest.raises(TypeError, match="no array of real numbers"):
        flow([["a", "b"]])
