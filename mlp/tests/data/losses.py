"""Values and gradients of losses by PyTorch, for tests/it/figures_of_losses.rs.

    python losses.py > losses.json
"""

import math

import torch
import torch.nn.functional as F
from torch.distributions import NegativeBinomial, Poisson

import figures


def record(name, f, y, *targets):
    """A case of a loss `f(y, *targets)`, whose targets get no gradient."""
    figures.record(name, lambda y: f(y, *targets), {"y": y}, {f"target{i}": t for i, t in enumerate(targets)})


y, t = torch.randn(4, 6), torch.randn(4, 3)


def gaussian(full):
    return lambda y, t: F.gaussian_nll_loss(y[:, :3], t, y[:, 3:].exp(), full=full, eps=1e-300, reduction="none")


record("gaussian", gaussian(False), y, t)
record("gaussian_full", gaussian(True), y, t)
fixed = lambda y, t: F.gaussian_nll_loss(y, t, torch.full((4, 3), 0.3), full=True, reduction="none")
record("gaussian_fixed", fixed, torch.randn(4, 3), t)

counts = torch.tensor([[0.0, 1.0, 7.0], [3.0, 0.0, 25.0]])
record("poisson", lambda y, t: F.poisson_nll_loss(y, t, reduction="none"), torch.randn(2, 3), counts)
record("poisson_full", lambda y, t: -Poisson(y.exp()).log_prob(t), torch.randn(2, 3), counts)
binomial = lambda y, t: -NegativeBinomial(y[:, 3:].exp(), logits=y[:, :3] - y[:, 3:]).log_prob(t)
record("negative_binomial", binomial, torch.randn(2, 6), counts)
fixed = lambda y, t: -NegativeBinomial(2.5, logits=y - math.log(2.5)).log_prob(t)
record("negative_binomial_fixed", fixed, torch.randn(2, 3), counts)

y, t = torch.randn(4, 6), torch.randn(4, 3)
levels = torch.tensor([0.2, 0.9])[:, None]
pinball = lambda y, t: torch.maximum(levels * (t[:, None] - y.view(4, 2, 3)), (levels - 1) * (t[:, None] - y.view(4, 2, 3)))
record("quantile", pinball, y, t)

logits, classes = torch.randn(5, 4), torch.tensor([3, 0, 2, 2, 1])
shares, weight = torch.randn(5, 4).softmax(1), torch.tensor([0.5, 2.0, 1.0, 3.0])
smoothed = lambda y, t: F.cross_entropy(y, t, label_smoothing=0.2, reduction="none")
record("smoothed", smoothed, logits, classes)
record("smoothed_soft", smoothed, logits, shares)
record("class_weights", lambda y, t: F.cross_entropy(y, t, weight, reduction="none"), logits, classes)
record("class_weights_mean", lambda y, t: F.cross_entropy(y, t, weight), logits, classes)
ignored = torch.tensor([3, 250, 2, 250, 1])
record("ignoring_mean", lambda y, t: F.cross_entropy(y, t, ignore_index=250), logits, ignored)
record("ignoring_weights_mean", lambda y, t: F.cross_entropy(y, t, weight, ignore_index=250), logits, ignored)


def focal(y, t, gamma=2.0, alpha=0.25):
    """As torchvision.ops.sigmoid_focal_loss."""
    p, h = y.sigmoid(), F.binary_cross_entropy_with_logits(y, t, reduction="none")
    p_t = p * t + (1 - p) * (1 - t)
    return (alpha * t + (1 - alpha) * (1 - t)) * h * (1 - p_t) ** gamma


record("binary_focal", focal, torch.randn(3, 2), torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]))
record("focal", lambda y, t: (1 - y.softmax(1)[range(5), t]) ** 1.5 * F.cross_entropy(y, t, reduction="none"), logits, classes)

triplets, pairs = torch.randn(5, 3, 2), torch.randn(5, 2, 3)
like = torch.tensor([1, 0, 0, 1, 0])
triplet = torch.nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: (a - b).norm(dim=1), margin=0.7, reduction="none")
record("triplet", lambda y: triplet(y[:, 0], y[:, 1], y[:, 2]), triplets)
cosine = lambda y, t: F.cosine_embedding_loss(y[:, 0], y[:, 1], 2 * t - 1, margin=-0.4, reduction="none")
record("cosine_embedding", cosine, pairs, like)


def contrastive(y, t):
    d = F.pairwise_distance(y[:, 0], y[:, 1], eps=0.0)
    return torch.where(t == 1, d**2 / 2, (2.0 - d).clamp(min=0) ** 2 / 2)


def nt_xent(y):
    z = F.normalize(y.flatten(0, 1), dim=1)
    scores = (z @ z.T / 0.4).masked_fill(torch.eye(len(z), dtype=bool), -torch.inf)
    return F.cross_entropy(scores, torch.arange(len(z)) ^ 1, reduction="none").view(-1, 2)


record("contrastive", contrastive, pairs, like)
record("nt_xent", nt_xent, pairs)

# Labels of different lengths, behind which stands the blank; one with a repetition, one empty, one that just fits.
labels = torch.tensor([[1, 2, 2, 0], [3, 0, 0, 0], [0, 0, 0, 0], [1, 1, 2, 3]])
lengths = torch.tensor([3, 1, 0, 4])
ctc = lambda y, t: F.ctc_loss(y.log_softmax(2).transpose(0, 1), t, torch.full((4,), 5), lengths, reduction="none")
record("ctc", ctc, torch.randn(4, 5, 4), labels)

figures.write()
