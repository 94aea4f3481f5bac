//! The crate's integration tests, one binary.

mod checker;
mod checker_operations;
mod counts;
mod curvature;
mod debugging;
mod edges;
mod empties;
mod external;
mod far;
mod graph;
mod graphs;
mod limits;
mod maps;
mod messages;
mod parts;
mod random;
mod recovery;
mod rules;
mod sampling;
mod softmax_tails;
mod sums;
mod tails;
mod threads;
mod transforms;
mod trials;
mod zeros;
