//! [`Communicator`]: what connects the processes of one training.

use std::ops::Range;

use autograd::{Float, Tensor};

use crate::error::{Error, Result};

/// What connects the ranks of one training: processes on one machine or on several, or [threads](super::in_ranks).
///
/// A [`Trainer`](crate::Trainer::communicator) builds everything on two functions: a message to another rank, and the next one
/// from it. The crate `mlp-mpi` has one for MPI.
///
/// ```
/// use mlp::train::{Data, Message, in_ranks};
/// let sums = in_ranks(3, |rank| {
///     // Each passes on what it has to the next.
///     let before = match rank.rank() {
///         0 => 0.0,
///         own => match rank.receive(own - 1)?.data {
///             Data::F64(values) => values.as_slice()[0],
///             other => unreachable!("{other:?}"),
///         },
///     };
///     let sum = before + 1.0;
///     if rank.rank() + 1 < rank.ranks() {
///         rank.send(rank.rank() + 1, Message { label: 0, data: Data::F64(vec![sum].into()) })?;
///     }
///     Ok::<f64, mlp::Error>(sum)
/// });
/// assert_eq!(sums.into_iter().collect::<mlp::Result<Vec<f64>>>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), mlp::Error>(())
/// ```
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

    /// Whether gradients are added up by [`all_reduce`](Communicator::all_reduce), instead of in the order of the parts of a batch; `false` by
    /// default, and the same on all ranks.
    fn reduces(&self) -> bool {
        false
    }

    /// Adds up the values of all ranks, in an order of its own; every rank gives as many, and has the same sum afterwards, to the bit.
    ///
    /// It is faster on many ranks, and gives bits that depend on their number. A trainer calls it where [`reduces`](Communicator::reduces) says so.
    ///
    /// # Errors
    /// If it cannot, as by default.
    fn all_reduce(&self, values: &mut Data) -> Result<()> {
        let _ = values;
        Err(Error::invalid("communicator", "it does not add up by itself; reduces() has to return false"))
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
    F32(Values<f32>),
    /// Numbers of double precision.
    F64(Values<f64>),
}

/// Numbers in a [`Message`]: a vector, or a part of an array, which is not copied to be sent.
///
/// ```
/// use autograd::Tensor;
/// use mlp::train::Values;
/// let array = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
/// let part = Values::of(&array, 1..3);
/// assert_eq!(part.as_slice(), [2.0, 3.0]);
/// assert_eq!(part, Values::from(vec![2.0, 3.0]));
/// assert_eq!(part.into_vec(), [2.0, 3.0]);
/// ```
#[derive(Debug, Clone)]
pub struct Values<T: Float> {
    array: Tensor<T>,
    range: Range<usize>,
}

impl<T: Float> Values<T> {
    /// The values of an array at these places of its row-major order; both share memory.
    ///
    /// # Panics
    /// If the array has no such places.
    #[track_caller]
    pub fn of(array: &Tensor<T>, range: Range<usize>) -> Self {
        let n = array.numel();
        assert!(range.start <= range.end && range.end <= n, "values: {range:?} of an array of {n} values");
        Values { array: array.clone(), range }
    }

    /// The values.
    pub fn as_slice(&self) -> &[T] {
        &self.array.as_slice()[self.range.clone()]
    }

    /// The values, to be changed; those of the array they came from stay.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.array.as_mut_slice()[self.range.clone()]
    }

    /// The values as a vector; without a copy if they are all of an array that nobody shares.
    pub fn into_vec(self) -> Vec<T> {
        match self.range == (0..self.array.numel()) {
            true => self.array.into_vec(),
            false => self.as_slice().to_vec(),
        }
    }
}

impl<T: Float> From<Vec<T>> for Values<T> {
    fn from(values: Vec<T>) -> Self {
        let range = 0..values.len();
        Values { array: Tensor::from(values), range }
    }
}

impl<T: Float> AsRef<[T]> for Values<T> {
    fn as_ref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: Float> PartialEq for Values<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}
