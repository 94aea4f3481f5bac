//! One training on several ranks: processes or threads, each with its own copy of model and optimiser.
//!
//! A batch is cut into parts, whose number the user fixes. Each rank sweeps a run of them. Partial sums of the gradients pass from
//! rank to rank, so that the sum is that of all parts in their order, whatever the number of ranks; then it passes back, and every
//! rank takes the same step.

mod alike;
mod chain;
mod communicator;
mod exchange;
mod in_ranks;

pub(super) use alike::{Facts, check_parameters};
pub use chain::piece;
pub(super) use chain::{Chain, reduced};
pub use communicator::{Communicator, Data, Message, Values};
pub(super) use exchange::Ranks;
pub use in_ranks::in_ranks;
