//! The crate's integration tests, one binary.

mod checker;
mod checker_operations;
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
mod threads;
mod transforms;
mod trials;
