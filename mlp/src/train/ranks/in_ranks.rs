//! [`in_ranks`]: the ranks of a training as threads of one process.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::communicator::{Communicator, Message};
use crate::error::{Error, Result};

/// Calls `work` on a thread for each of `ranks` ranks that can talk to one another; returns their results, in order.
///
/// It shows without MPI what a training on several processes does. Each rank makes its own model, optimiser and data, as a
/// process would:
///
/// ```
/// use mlp::train::{Communicator, in_ranks};
/// use mlp::{Activation, Adam, Dataset, Mlp, Module, Mse, Trainer};
/// use rand::{SeedableRng, rngs::StdRng};
/// let train = |ranks: Option<&dyn Communicator>| -> mlp::Result<autograd::Tensor> {
///     let x = autograd::Tensor::from_fn([32, 2], |i| (i[0] as f64 + 0.5 * i[1] as f64).sin());
///     let data = Dataset::new(x.clone(), x.sum_axis(1).reshape([32, 1]))?;
///     let layers = Mlp::new(2).hidden(8, Activation::Tanh).output(1, Activation::Identity);
///     let model: Mlp = layers.build(&mut StdRng::seed_from_u64(0))?;
///     let mut adam = Adam::new(&model.parameters(), 0.01);
///     let mut trainer = Trainer::new().epochs(3).batch_size(8).parts(4).progress(false);
///     if let Some(ranks) = ranks {
///         trainer = trainer.communicator(ranks);
///     }
///     trainer.fit(&model, &Mse, &mut adam, &data, None)?;
///     Ok(model.parameters().params().next().unwrap().value())
/// };
/// let alone = train(None)?;
/// for weights in in_ranks(3, |rank| train(Some(rank))) {
///     assert_eq!(weights?, alone); // the same bits
/// }
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Panics
/// If there are no ranks, or `work` panics on one of them.
#[track_caller]
pub fn in_ranks<R: Send>(ranks: usize, work: impl Fn(&dyn Communicator) -> R + Sync) -> Vec<R> {
    assert!(ranks > 0, "in_ranks: 0 ranks do no work; choose at least 1");
    let mut to: Vec<Vec<Sender<Message>>> = (0..ranks).map(|_| Vec::new()).collect();
    let mut from: Vec<Vec<Receiver<Message>>> = (0..ranks).map(|_| Vec::new()).collect();
    for to in &mut to {
        for from in &mut from {
            let (sender, receiver) = channel();
            to.push(sender);
            from.push(receiver);
        }
    }
    let work = &work;
    thread::scope(|scope| {
        let threads = to.into_iter().zip(from).enumerate();
        let threads = threads.map(|(rank, (to, from))| scope.spawn(move || work(&Thread { rank, to, from })));
        let threads: Vec<_> = threads.collect();
        let results =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|why| std::panic::resume_unwind(why)));
        results.collect()
    })
}

/// A rank on a thread, with a channel to and from each rank.
struct Thread {
    rank: usize,
    to: Vec<Sender<Message>>,
    from: Vec<Receiver<Message>>,
}

impl Communicator for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.to.len()
    }

    fn send(&self, to: usize, message: Message) -> Result<()> {
        self.to[to].send(message).map_err(|_| ended(to))
    }

    fn receive(&self, from: usize) -> Result<Message> {
        self.from[from].recv().map_err(|_| ended(from))
    }
}

fn ended(rank: usize) -> Error {
    Error::Rank { rank, problem: "it ended while others were waiting for it".to_string() }
}
