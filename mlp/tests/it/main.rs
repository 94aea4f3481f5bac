//! One test binary.
mod activations;
mod data;
mod flow;
mod gradients;
mod init;
mod io;
mod layers;
mod lessons;
mod losses;
mod model;
mod optim;
mod train;
