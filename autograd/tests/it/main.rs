//! The crate's integration tests, one binary.

mod checker;
mod edges;
mod graph;
mod graphs;
mod messages;
mod rules;
mod sampling;
mod transforms;
