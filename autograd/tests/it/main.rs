//! The crate's integration tests, one binary.

mod edges;
mod graphs;
mod messages;
mod rules;
mod sampling;
mod transforms;
