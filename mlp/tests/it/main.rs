//! One test binary.
mod activations;
mod criticality;
mod data;
mod flow;
mod gradients;
mod init;
mod io;
mod laws;
mod layers;
mod lessons;
mod losses;
mod messages;
mod model;
mod optim;
mod resume;
mod theory;
mod train;
