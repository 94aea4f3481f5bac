//! Layers, activations, losses and training on top of `autograd`.
