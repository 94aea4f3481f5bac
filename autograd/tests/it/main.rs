//! The crate's integration tests, one binary.

mod bridges;
mod checker;
mod checker_functions;
mod checker_operations;
mod counts;
mod curvature;
mod debugging;
mod edges;
mod einsum;
mod empties;
#[allow(dead_code)] // what the tests beside the kernels use
#[path = "../../src/exact.rs"]
mod exact;
mod external;
mod far;
mod generic;
mod graph;
mod graphs;
mod house;
mod kept;
mod limits;
mod linear_algebra;
mod maps;
mod messages;
mod numbers;
mod operators;
mod order;
mod parts;
mod random;
mod recovery;
mod rooms;
mod rows;
mod rules;
mod sampling;
mod softmax_tails;
mod sparse;
mod special;
mod spectra;
mod statements;
mod steady;
mod sums;
mod tails;
mod threads;
mod transforms;
mod trials;
mod zeros;

use autograd::Float; // by this name the exact numbers, which the crate's own tests share, know it
