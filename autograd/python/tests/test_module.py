"""Modules of PyTorch."""

import gradproof
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from own_rules import Negated  # noqa: E402, which needs PyTorch


class Rule(torch.autograd.Function):
    """x² with a right backward, which can be differentiated again, and a jvp with a factor."""

    factor = 2.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        return 2 * ctx.saved_tensors[0] * dy

    @staticmethod
    def jvp(ctx, u):
        return Rule.factor * ctx.saved_tensors[0] * u


def model():
    """A small network."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))


def loss(module, x):
    """Its loss."""
    return (module(x) ** 2).mean()


def test_modules_pass_and_stay_as_they_are():
    module, x = model(), torch.randn(5, 3)
    kept = {name: value.clone() for name, value in module.state_dict().items()}
    report = gradproof.check_module(module, loss, x)
    assert report.passed and report.precision == "float64", report
    assert [i.name for i in report.inputs] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert all(torch.equal(kept[name], value) for name, value in module.state_dict().items())
    assert all(p.grad is None and p.dtype == torch.float32 for p in module.parameters())


def test_a_module_with_a_wrong_rule():
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    report = gradproof.check_module(
        module, lambda m, x: (Negated.apply(m[1](m[0](x).detach())) ** 2).sum(), torch.ones(2, 3)
    )
    wrong = {i.name for i in report.inputs if i.wrong}
    assert report.verdict == "wrong" and {"0.weight", "0.bias"} <= wrong, report


def test_a_loss_with_data_of_its_own_is_checked_in_float32():
    module, x = model(), torch.randn(5, 3)
    report = gradproof.check_module(module, lambda m: (m(x) ** 2).mean())
    assert report.verdict != "wrong" and report.precision == "float32", report
    assert any("checked in float32" in note for note in report.notes)


def test_a_loss_that_uses_another_module():
    module, x = model(), torch.randn(5, 3)
    with pytest.raises(ValueError, match="does not change with the parameters of the module that it is given"):
        gradproof.check_module(module, lambda m: (module(x) ** 2).mean())


def test_frozen_parameters_and_buffers():
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    module[0].weight.requires_grad_(False)
    mean = module[1].running_mean.clone()
    report = gradproof.check_module(module, lambda m, x: (m(x) ** 3).sum(), torch.randn(6, 3))
    assert report.verdict != "wrong" and "0.weight" not in [i.name for i in report.inputs]
    assert torch.equal(module[1].running_mean, mean)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter that requires a gradient"):
        gradproof.check_module(module, loss, torch.ones(1, 3))


def test_dropout_is_named_as_random():
    module = torch.nn.Sequential(torch.nn.Linear(3, 40), torch.nn.Dropout(0.5))
    report = gradproof.check_module(module, loss, torch.ones(2, 3))
    assert (report.verdict, report.cause) == ("inconclusive", "nondeterministic")
    assert gradproof.check_module(module.eval(), loss, torch.ones(2, 3)).passed


def test_what_is_no_module():
    with pytest.raises(TypeError, match="use check_torch for a function"):
        gradproof.check_module(torch.sin, loss)
    with pytest.raises(TypeError, match="loss is of type Tensor"):
        gradproof.check_module(model(), torch.ones(3))


def test_modules_are_checked_in_both_modes_and_twice():
    report = gradproof.check_module(model(), loss, torch.randn(5, 3), orders=2)
    assert report.passed and report.notes == [] and [i.order for i in report.inputs] == [1] * 4 + [2] * 4, report


def test_a_wrong_forward_mode_of_a_module(monkeypatch):
    with_rule = lambda module, x: Rule.apply(module(x)).mean()
    assert gradproof.check_module(model(), with_rule, torch.ones(2, 3), orders=2).passed
    monkeypatch.setattr(Rule, "factor", 1.0)
    report = gradproof.check_module(model(), with_rule, torch.ones(2, 3))
    assert (report.verdict, report.cause) == ("wrong", "forward_mode"), report


def test_a_wrong_second_derivative_of_a_module():
    # y², whose slope 2y does not move with y.
    cut = lambda module, x: (2 * module(x) * module(x).detach() - module(x).detach() ** 2).mean()
    assert gradproof.check_module(model(), cut, torch.ones(2, 3)).passed
    report = gradproof.check_module(model(), cut, torch.ones(2, 3), orders=2)
    assert (report.verdict, report.cause) == ("wrong", "second_order"), report


def test_large_modules_to_second_order():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(100, 100), torch.nn.Tanh(), torch.nn.Linear(100, 1))
    report = gradproof.check_module(module, loss, torch.randn(3, 100), elements=5, orders=2)
    assert report.passed and report.notes == [], report


def test_normalisation_in_training_keeps_its_running_means():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    mean = module[1].running_mean.clone()
    report = gradproof.check_module(module, lambda m, x: (m(x) ** 3).sum(), torch.randn(6, 3), orders=2)
    assert report.verdict != "wrong" and report.notes == [], report
    assert torch.equal(module[1].running_mean, mean) and module[1].num_batches_tracked == 0


def test_recurrent_and_tied_weights():
    torch.manual_seed(0)
    for layer in (torch.nn.LSTM(3, 2), torch.nn.GRU(3, 2)):
        report = gradproof.check_module(layer, lambda m, x: (m(x)[0] ** 2).sum(), torch.randn(4, 2, 3))
        assert report.passed and report.notes == [], report
    tied = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 3))
    tied[2].weight = tied[0].weight
    report = gradproof.check_module(tied, loss, torch.randn(4, 3), orders=2)
    assert report.passed and report.notes == [] and len(report.inputs) == 6, report


def test_forward_mode_is_left_out_where_parameters_are_kept_elsewhere():
    class Hoard(torch.nn.Linear):
        def __init__(self):
            super().__init__(3, 2)
            self.kept = [self.weight]

        def forward(self, x):
            return x @ self.kept[0].T

    report = gradproof.check_module(Hoard(), loss, torch.randn(4, 3))
    assert report.verdict != "wrong", report
    assert any("keeps parameters in places of its own" in note for note in report.notes), report.notes
