//! [`Communicator`]: what connects the processes of one training.

use crate::error::Result;

/// What connects the ranks of one training: processes on one machine or on several, or [threads](super::in_ranks).
///
/// A [`Trainer`](crate::Trainer::communicator) builds everything on two functions: a message to another rank, and the next one
/// from it. The crate `mlp-mpi` has one for MPI.
pub trait Communicator {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn ranks(&self) -> usize;

    /// Sends a message to another rank, without waiting until it is received. Those from one rank to another arrive in order.
    ///
    /// # Errors
    /// If the other rank has ended.
    fn send(&self, to: usize, message: Message) -> Result<()>;

    /// Waits for the next message of another rank.
    ///
    /// # Errors
    /// If the other rank has ended.
    fn receive(&self, from: usize) -> Result<Message>;

    /// Adds up the values of all ranks, in an order of its own; `None`, the default, if sums shall be taken in the order of the
    /// parts of a batch.
    ///
    /// It is faster on many ranks, and gives bits that depend on their number. Every rank gives as many values; every rank has
    /// the same sum afterwards, to the bit.
    fn all_reduce(&self, values: &mut Data) -> Option<Result<()>> {
        let _ = values;
        None
    }

    /// Whether [`all_reduce`](Communicator::all_reduce) adds up.
    fn reduces(&self) -> bool {
        false
    }
}

/// What one rank sends to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What it is about; it arrives as it was sent.
    pub label: u64,
    /// What it holds.
    pub data: Data,
}

/// The content of a [`Message`].
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Bytes of any meaning.
    Bytes(Vec<u8>),
    /// Numbers of single precision.
    F32(Vec<f32>),
    /// Numbers of double precision.
    F64(Vec<f64>),
}
