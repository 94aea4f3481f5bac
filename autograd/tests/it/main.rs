//! The crate's integration tests, one binary.

mod checker;
mod checker_trials;
mod curvature;
mod debugging;
mod edges;
mod external;
mod graph;
mod graphs;
mod maps;
mod messages;
mod parts;
mod random;
mod rules;
mod sampling;
mod tails;
mod threads;
mod transforms;
