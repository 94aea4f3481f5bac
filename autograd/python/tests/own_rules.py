"""A rule of one's own in PyTorch that is wrong, for the tests of functions and of modules."""

import torch


class Negated(torch.autograd.Function):
    """sin with the sign of its derivative lost."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, dy):
        return -dy * ctx.saved_tensors[0].cos()
