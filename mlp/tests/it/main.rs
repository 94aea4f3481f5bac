//! One test binary.
mod activations;
mod checks;
mod criticality;
mod data;
mod figures;
mod figures_of_losses;
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
mod losses_of_counts;
mod losses_of_embeddings;
mod losses_of_sequences;
mod losses_of_weights;
mod messages;
mod model;
mod names;
mod observe;
mod optim;
#[path = "../common/optimizers.rs"]
mod optimizers;
mod resume;
mod rooms;
mod tables;
mod theory;
mod train;
