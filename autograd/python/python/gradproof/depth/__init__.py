"""The laboratory of depth: signals and gradients in deep networks, predicted and measured.

- :func:`theory`: what the mean-field theory of wide random networks says of an activation
- :func:`flow`: what activations and gradients, from any framework, say of a network

Both compute with NumPy alone.
"""

from ._flow import Flow, Layer, flow
from ._theory import Critical, Theory, depth_scale, theory

__all__ = ["Critical", "Flow", "Layer", "Theory", "depth_scale", "flow", "theory"]
