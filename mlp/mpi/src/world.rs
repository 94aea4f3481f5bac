//! [`World`]: the ranks of an MPI job.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZero;

use mlp::train::{Communicator, Data, Message};
use mlp::{Error, Result};
use mpi::Threading;
use mpi::collective::{CommunicatorCollectives, SystemOperation};
use mpi::datatype::Equivalence;
use mpi::environment::Universe;
use mpi::point_to_point::Source;
use mpi::topology::{Communicator as _, SimpleCommunicator};

use crate::outgoing::Outgoing;

/// The ranks of an MPI job, as the [communicator](mlp::Trainer::communicator) of a trainer.
///
/// A program that `mpirun` did not start is a world of one rank.
pub struct World {
    world: SimpleCommunicator,
    all_reduce: Cell<bool>,
    outgoing: Outgoing,
    /// The ranks that have dropped their world.
    ended: RefCell<HashSet<usize>>,
    /// Ends MPI when it is dropped, after the rest.
    _universe: Universe,
}

impl World {
    /// Starts MPI; [`run`](crate::run) does so, and handles failures.
    ///
    /// When it is dropped, it waits for all other ranks to drop theirs; those that still wait for a message of this rank get an error. While
    /// a thread panics, dropping it ends the job.
    ///
    /// The ranks on one machine that may use the same cores share them: each sets its number of [threads](autograd::set_threads) to its share.
    ///
    /// ```no_run
    /// let world = mlp_mpi::World::new()?;
    /// println!("rank {} of {}", world.rank(), world.ranks());
    /// # use mlp::train::Communicator;
    /// # Ok::<(), mlp::Error>(())
    /// ```
    ///
    /// # Errors
    /// If MPI was started before, in this process, or does not allow other threads beside the one that calls it.
    pub fn new() -> Result<Self> {
        let invalid = |why: &str| Error::Invalid { what: "MPI", why: why.to_string() };
        let (universe, threading) = mpi::initialize_with_threading(Threading::Funneled)
            .ok_or_else(|| invalid("it was started before in this process; start one World and lend it"))?;
        if threading < Threading::Funneled {
            return Err(invalid("the library allows no other threads; build it with threads (MPI_THREAD_FUNNELED)"));
        }
        let (all_reduce, outgoing) = (Cell::new(false), Outgoing::default());
        let world = universe.world();
        autograd::set_threads(cores(&world.split_shared(0)));
        let ended = RefCell::default();
        Ok(World { world, all_reduce, outgoing, ended, _universe: universe })
    }

    /// Whether it is the first rank, which saves and shows.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Whether to add up gradients by `MPI_Allreduce`, which is faster on many ranks.
    ///
    /// The bits then depend on the number of ranks, and on the MPI library; they are the same on all ranks of a job. All ranks
    /// have to choose alike. Off by default.
    pub fn set_all_reduce(&self, on: bool) {
        self.all_reduce.set(on);
    }

    /// The name of the machine, as MPI knows it.
    pub fn machine(&self) -> String {
        mpi::environment::processor_name().unwrap_or_default()
    }

    /// Ends the whole job at once.
    pub(crate) fn abort(&self, status: i32) -> ! {
        self.outgoing.forget();
        self.world.abort(status)
    }
}

/// The number of threads of a rank: its share of the cores that it may use, among the ranks of its machine that may use the same.
fn cores(machine: &SimpleCommunicator) -> usize {
    let allowed = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = allowed.lines().find(|line| line.starts_with("Cpus_allowed_list")).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    allowed.hash(&mut hasher);
    let own = hasher.finish();
    let mut all = vec![0_u64; machine.size() as usize];
    machine.all_gather_into(&own, &mut all[..]);
    let sharing = all.iter().filter(|other| **other == own).count();
    (std::thread::available_parallelism().map_or(1, NonZero::get) / sharing.max(1)).max(1)
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("rank", &self.rank()).field("ranks", &self.ranks()).finish_non_exhaustive()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.abort(1); // MPI would wait for the others, and they for this rank
        }
        // A rank that waits for this one hears that it has ended; MPI itself would let it wait.
        let others = || (0..self.ranks()).filter(|other| *other != self.rank());
        others().for_each(|other| self.outgoing.send(&self.world, other as i32, HEAD, vec![0, ENDED, 0]));
        others().for_each(|other| while self.receive(other).is_ok() {});
        self.outgoing.wait();
    }
}

/// The tags of what a message begins with, and of what it holds.
const HEAD: i32 = 0;
const CONTENT: i32 = 1;

/// What a message holds, in its head.
const BYTES: u64 = 0;
const F32: u64 = 1;
const F64: u64 = 2;
/// Nothing more: the rank drops its world.
const ENDED: u64 = 3;

/// The most values of one MPI message, which counts them in 31 bits: a longer one passes in pieces.
const LONGEST: usize = 1 << 28;

fn ended(rank: usize) -> Error {
    Error::Rank { rank, problem: "it ended while others were waiting for it".to_string() }
}

impl World {
    fn send_values<V, O>(&self, to: i32, values: O)
    where
        V: Equivalence + Copy + 'static,
        O: AsRef<[V]> + 'static,
    {
        if values.as_ref().is_empty() {
            return;
        }
        if values.as_ref().len() <= LONGEST {
            return self.outgoing.send(&self.world, to, CONTENT, values);
        }
        values
            .as_ref()
            .chunks(LONGEST)
            .for_each(|piece| self.outgoing.send(&self.world, to, CONTENT, Vec::from(piece)));
    }

    /// The next `length` values of another rank.
    fn receive_values<V: Equivalence>(&self, from: usize, length: usize) -> Vec<V> {
        let piece = || self.world.process_at_rank(from as i32).receive_vec_with_tag(CONTENT).0;
        let mut values: Vec<V> = if length == 0 { Vec::new() } else { piece() };
        while values.len() < length {
            values.append(&mut piece());
        }
        values
    }

    fn reduce<V: Equivalence + Clone>(&self, values: &mut [V]) {
        let sum = SystemOperation::sum();
        values.chunks_mut(LONGEST).for_each(|values| self.world.all_reduce_into(&values.to_vec()[..], values, sum));
    }
}

impl Communicator for World {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn ranks(&self) -> usize {
        self.world.size() as usize
    }

    fn send(&self, to: usize, Message { label, data }: Message) -> Result<()> {
        let (kind, length) = match &data {
            Data::Bytes(bytes) => (BYTES, bytes.len()),
            Data::F32(values) => (F32, values.as_slice().len()),
            Data::F64(values) => (F64, values.as_slice().len()),
        };
        if self.ended.borrow().contains(&to) {
            return Err(ended(to));
        }
        let to = to as i32;
        self.outgoing.send(&self.world, to, HEAD, vec![label, kind, length as u64]);
        match data {
            Data::Bytes(bytes) => self.send_values(to, bytes),
            Data::F32(values) => self.send_values(to, values),
            Data::F64(values) => self.send_values(to, values),
        }
        Ok(())
    }

    fn receive(&self, from: usize) -> Result<Message> {
        if self.ended.borrow().contains(&from) {
            return Err(ended(from));
        }
        let mut head = [0_u64; 3];
        self.world.process_at_rank(from as i32).receive_into_with_tag(&mut head, HEAD);
        let [label, kind, length] = head;
        let data = match kind {
            ENDED => {
                self.ended.borrow_mut().insert(from);
                return Err(ended(from));
            }
            F32 => Data::F32(self.receive_values(from, length as usize).into()),
            F64 => Data::F64(self.receive_values(from, length as usize).into()),
            _ => Data::Bytes(self.receive_values(from, length as usize)),
        };
        Ok(Message { label, data })
    }

    fn reduces(&self) -> bool {
        self.all_reduce.get()
    }

    fn all_reduce(&self, values: &mut Data) -> Result<()> {
        match values {
            Data::F32(values) => self.reduce(values.as_mut_slice()),
            Data::F64(values) => self.reduce(values.as_mut_slice()),
            Data::Bytes(_) => {
                return Err(Error::Invalid { what: "MPI", why: "bytes are no numbers to add up".to_string() });
            }
        }
        Ok(())
    }
}
