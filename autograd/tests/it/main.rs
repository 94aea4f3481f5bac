//! The crate's integration tests, one binary.

mod checker;
mod edges;
mod external;
mod graphs;
mod messages;
mod rules;
mod sampling;
mod transforms;
