//! [`Outgoing`]: messages that are sent, and not yet received.

use std::cell::RefCell;
use std::collections::VecDeque;

use mpi::Rank;
use mpi::datatype::Equivalence;
use mpi::point_to_point::Destination;
use mpi::request::{Request, StaticScope};
use mpi::topology::{Communicator, SimpleCommunicator};

/// Messages on their way: MPI reads their memory until they are received.
#[derive(Default)]
pub(crate) struct Outgoing(RefCell<VecDeque<Box<dyn Sent>>>);

impl Outgoing {
    /// Sends values, whose memory is freed at a later call once they are received.
    pub(crate) fn send<V, O>(&self, world: &SimpleCommunicator, to: Rank, tag: i32, values: O)
    where
        V: Equivalence + 'static,
        O: AsRef<[V]> + 'static,
    {
        let mut all = self.0.borrow_mut();
        // From the oldest to the first that is still on its way: to ask for each of them would take as long as to send it.
        while all.front_mut().is_some_and(|sent| sent.is_done()) {
            all.pop_front();
        }
        all.push_back(Box::new(Memory::send(world, to, tag, values)));
    }

    /// Waits until all are received.
    pub(crate) fn wait(&self) {
        self.0.borrow_mut().drain(..).for_each(|mut sent| {
            while !sent.is_done() {
                std::thread::yield_now();
            }
        });
    }

    /// Leaves to themselves what nobody will receive.
    pub(crate) fn forget(&self) {
        self.0.borrow_mut().drain(..).for_each(std::mem::forget);
    }
}

trait Sent {
    /// Whether it is received; asks MPI, which moves on what is on its way.
    fn is_done(&mut self) -> bool;
}

struct Memory<V: 'static, O> {
    /// `None` once it is complete.
    request: Option<Request<'static, [V], StaticScope>>,
    owner: *mut O,
}

impl<V: Equivalence + 'static, O: AsRef<[V]> + 'static> Memory<V, O> {
    fn send(world: &SimpleCommunicator, to: Rank, tag: i32, owner: O) -> Self {
        let owner: *mut O = Box::into_raw(Box::new(owner));
        // SAFETY: the owner comes from a box, is changed by nobody, and is freed only once the request is complete.
        let values: &'static [V] = unsafe { &*owner }.as_ref();
        let request = world.process_at_rank(to).immediate_send_with_tag(StaticScope, values, tag);
        Memory { request: Some(request), owner }
    }
}

impl<V: 'static, O> Sent for Memory<V, O> {
    fn is_done(&mut self) -> bool {
        let Some(request) = self.request.take() else { return true };
        match request.test() {
            Ok(_) => {
                // SAFETY: it was made of a box, the request that read it is complete, and the request is gone: once only.
                drop(unsafe { Box::from_raw(self.owner) });
                true
            }
            Err(request) => {
                self.request = Some(request);
                false
            }
        }
    }
}
