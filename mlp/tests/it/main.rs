//! One test binary.
mod activations;
mod gradients;
mod layers;
mod lessons;
mod losses;
mod model;
mod optim;
mod train;
