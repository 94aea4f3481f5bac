//! [`Ranks`]: what all ranks tell one another, and how they fail together.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::communicator::{Communicator, Data, Message};
use crate::error::{Error, Result};
use crate::train::history::Stopped;

/// The labels of messages that are no gradients.
const EXCHANGE: u64 = u64::MAX;
const FAILED: u64 = u64::MAX - 1;

/// The ranks of one training: a single one if there is no communicator.
pub(in crate::train) struct Ranks<'a> {
    communicator: Option<&'a dyn Communicator>,
    /// By the rank that sent it: whose failure it tells of, and what that says.
    failures: RefCell<BTreeMap<usize, (usize, String)>>,
}

impl<'a> Ranks<'a> {
    pub(in crate::train) fn new(communicator: Option<&'a dyn Communicator>) -> Self {
        let communicator = communicator.filter(|communicator| communicator.ranks() > 1);
        Ranks { communicator, failures: RefCell::default() }
    }

    /// What connects this rank with others; `None` if there are none.
    pub(in crate::train) fn communicator(&self) -> Option<&'a dyn Communicator> {
        self.communicator
    }

    /// Whether [`Communicator::all_reduce`] adds up gradients.
    pub(in crate::train) fn reduces(&self) -> bool {
        self.communicator.is_some_and(|communicator| communicator.reduces())
    }

    pub(in crate::train) fn rank(&self) -> usize {
        self.communicator.map_or(0, |communicator| communicator.rank())
    }

    pub(in crate::train) fn number(&self) -> usize {
        self.communicator.map_or(1, |communicator| communicator.ranks())
    }

    /// Whether it is the rank that saves and shows.
    pub(in crate::train) fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Whether it is the rank where all sums are complete.
    pub(super) fn is_last(&self) -> bool {
        self.rank() + 1 == self.number()
    }

    /// What this rank takes of `n` things, such as the parts of a batch: a run of them, as long as those of others or one longer.
    pub(in crate::train) fn own(&self, n: usize) -> std::ops::Range<usize> {
        let (rank, ranks) = (self.rank(), self.number());
        rank * n / ranks..(rank + 1) * n / ranks
    }

    /// The most of `n` things that a rank takes.
    pub(in crate::train) fn most(&self, n: usize) -> usize {
        n.div_ceil(self.number())
    }

    /// The answer of the first rank that stops the training, if any does.
    pub(in crate::train) fn agree(&self, answer: ControlFlow<Stopped>) -> Result<ControlFlow<Stopped>> {
        if self.number() == 1 {
            return Ok(answer);
        }
        let own = match answer {
            ControlFlow::Break(why) => serde_json::to_vec(&why).expect("a word"),
            ControlFlow::Continue(()) => Vec::new(),
        };
        let all = self.gather(own)?;
        let why = all.iter().find_map(|answer| serde_json::from_slice(answer).ok());
        Ok(why.map_or(ControlFlow::Continue(()), ControlFlow::Break))
    }

    /// What every rank gives, in the order of the ranks, on all of them.
    ///
    /// Up a binomial tree and down again: 2 ⌈log₂ R⌉ messages behind one another. The ranks of a subtree are consecutive, so that
    /// what comes from it is appended.
    pub(in crate::train) fn gather(&self, own: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        let Some(communicator) = self.communicator else { return Ok(vec![own]) };
        let (rank, ranks) = (communicator.rank(), communicator.ranks());
        let mut all = vec![own];
        let mut step = 1;
        while step < ranks && rank & step == 0 {
            if rank + step < ranks {
                all.extend(unpacked(&self.bytes(rank + step)?)?);
            }
            step *= 2;
        }
        if rank > 0 {
            // `step` is the lowest bit of the rank.
            self.send(rank - step, EXCHANGE, Data::Bytes(packed(&all)))?;
        }
        let all = self.of_first((rank == 0).then(|| packed(&all)))?;
        unpacked(&all)
    }

    /// The first rank that gives something else than rank 0, if any does.
    pub(in crate::train) fn odd_one(&self, own: Vec<u8>) -> Result<Option<usize>> {
        let all = self.gather(own)?;
        Ok(all.iter().position(|other| *other != all[0]))
    }

    /// [`gather`](Ranks::gather) of what is not bytes; a single rank keeps what it has.
    pub(in crate::train) fn shared<V>(
        &self,
        own: V,
        pack: impl FnOnce(&V) -> Vec<u8>,
        unpack: impl Fn(&[u8]) -> Result<V>,
    ) -> Result<Vec<V>> {
        match self.communicator {
            None => Ok(vec![own]),
            Some(_) => self.gather(pack(&own))?.iter().map(|bytes| unpack(bytes)).collect(),
        }
    }

    /// What the first rank gives, on all of them.
    pub(in crate::train) fn of_first(&self, given: Option<Vec<u8>>) -> Result<Vec<u8>> {
        let Some(communicator) = self.communicator else { return Ok(given.unwrap_or_default()) };
        let (rank, ranks) = (communicator.rank(), communicator.ranks());
        let lowest = if rank == 0 { ranks.next_power_of_two() } else { rank & rank.wrapping_neg() };
        let given = match rank {
            0 => given.unwrap_or_default(),
            _ => self.bytes(rank - lowest)?,
        };
        let below = std::iter::successors(Some(lowest / 2), |step| Some(step / 2)).take_while(|step| *step > 0);
        for step in below.filter(|step| rank + step < ranks) {
            self.send(rank + step, EXCHANGE, Data::Bytes(given.clone()))?;
        }
        Ok(given)
    }

    fn bytes(&self, from: usize) -> Result<Vec<u8>> {
        match self.receive(from)? {
            Message { label: EXCHANGE, data: Data::Bytes(bytes) } => Ok(bytes),
            _ => Err(out_of_step(from)),
        }
    }

    pub(super) fn send(&self, to: usize, label: u64, data: Data) -> Result<()> {
        self.connected().send(to, Message { label, data })
    }

    /// The next message of a rank; an error if that rank failed, or knows of one that did.
    pub(super) fn receive(&self, from: usize) -> Result<Message> {
        let message = self.connected().receive(from)?;
        match message {
            Message { label: FAILED, data: Data::Bytes(bytes) } => {
                let (rank, problem) = failure(&bytes).ok_or_else(|| out_of_step(from))?;
                self.failures.borrow_mut().insert(from, (rank, problem.clone()));
                Err(Error::Rank { rank, problem })
            }
            other => Ok(other),
        }
    }

    fn connected(&self) -> &'a dyn Communicator {
        self.communicator.expect("a single rank talks to nobody")
    }

    /// Ends a training on all ranks: passes `result` on if all of them succeed, or the failure of the first rank that failed.
    ///
    /// Every rank calls it last. One that failed tells all others, which hear of it where they wait for a message, and come here;
    /// what was on its way is passed over. A later training finds no message left.
    pub(in crate::train) fn together<R>(&self, result: Result<R>) -> Result<R> {
        let Some(communicator) = self.communicator else { return result };
        let error = match result.and_then(|done| self.gather(Vec::new()).map(|_| done)) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let (rank, ranks) = (communicator.rank(), communicator.ranks());
        let (origin, problem) = match &error {
            Error::Rank { rank, problem } => (*rank, problem.clone()),
            other => (rank, other.to_string()),
        };
        let told = [&(origin as u64).to_le_bytes()[..], problem.as_bytes()].concat();
        let others = || (0..ranks).filter(|other| *other != rank);
        for other in others() {
            // One that has ended needs no telling.
            let _ = self.send(other, FAILED, Data::Bytes(told.clone()));
        }
        for other in others() {
            while !self.failures.borrow().contains_key(&other) {
                match self.receive(other) {
                    Ok(_) => {} // it was on its way
                    Err(_) if self.failures.borrow().contains_key(&other) => {}
                    Err(ended) => {
                        self.failures.borrow_mut().insert(other, (other, ended.to_string()));
                    }
                }
            }
        }
        let failures = std::mem::take(&mut *self.failures.borrow_mut());
        let first = failures.into_values().filter(|(rank, _)| *rank < origin).min_by_key(|(rank, _)| *rank);
        Err(match first {
            Some((rank, problem)) => Error::Rank { rank, problem },
            None => error,
        })
    }
}

pub(super) fn out_of_step(rank: usize) -> Error {
    // An error of this rank: it is the one to say so, as the other does not know.
    let why =
        format!("rank {rank} is at another place of the training than this one; run the same program on all ranks");
    Error::invalid("trainer", why)
}

fn failure(bytes: &[u8]) -> Option<(usize, String)> {
    let (rank, problem) = bytes.split_first_chunk()?;
    Some((usize::try_from(u64::from_le_bytes(*rank)).ok()?, String::from_utf8_lossy(problem).into_owned()))
}

/// Several messages as one: the length of each before it.
fn packed(all: &[Vec<u8>]) -> Vec<u8> {
    all.iter().flat_map(|one| (one.len() as u64).to_le_bytes().into_iter().chain(one.iter().copied())).collect()
}

/// The inverse of [`packed`].
fn unpacked(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((one, rest)) = rest.split_at_checked(length) else { break };
        all.push(one.to_vec());
        bytes = rest;
    }
    match bytes {
        [] => Ok(all),
        _ => Err(Error::invalid("trainer", "a message between ranks is damaged; run the same program on all ranks")),
    }
}
