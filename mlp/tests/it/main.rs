//! One test binary.
mod activations;
mod attention;
mod checks;
mod criticality;
mod data;
mod figures;
mod finite;
mod flow;
mod forms;
mod gradients;
#[path = "../../../autograd/tests/it/house.rs"]
mod house;
mod init;
mod io;
mod laws;
mod layers;
mod lessons;
mod losses;
mod messages;
mod model;
mod names;
mod observe;
mod optim;
#[path = "../common/optimizers.rs"]
mod optimizers;
mod recurrent;
mod resume;
mod rooms;
mod tables;
mod theory;
mod train;
