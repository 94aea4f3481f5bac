"""What several tests use."""

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("torch"):
    import torch

    torch.set_num_threads(1)  # threads that wait for each other are slow on a machine with other work


@pytest.fixture
def x():
    """A point of three numbers."""
    return np.array([0.3, -0.7, 1.2])
