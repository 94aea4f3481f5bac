//! The crate's integration tests, one binary.

mod edges;
mod graph;
mod graphs;
mod messages;
mod rules;
mod sampling;
