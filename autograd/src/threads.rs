//! Threads for large work: products, passes over large parameters, and parts with tapes of their own.

use std::cell::Cell;
use std::hint::spin_loop;
use std::iter::{self, successors};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::available_parallelism;

use rayon::{ThreadPool, ThreadPoolBuilder, Yield, yield_now};

/// The number set; 0 means as many as the machine has.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Whether some thread is within [`awake`].
static AWAKE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread already works on one thread's share.
    static ALONE: Cell<bool> = const { Cell::new(false) };
    /// The share that this thread works on, and the work that waits for it, the nearest first; 0 if there is none.
    static WORK: Cell<[usize; SHARED]> = const { Cell::new([0; SHARED]) };
}

/// How many works there are within each other at most, the thread's own and two that were shared out: a thread is [`alone`] in
/// a part, and kernels call no kernels.
const SHARED: usize = 3;

/// This work and all that waits for it: a share, and the thread's own.
fn works() -> [usize; SHARED] {
    let [here, rest @ ..] = WORK.get();
    let [first, second] = rest;
    [if here == 0 { WORK.with(|here| std::ptr::from_ref(here).addr()) } else { here }, first, second]
}

/// The work that this thread is at: a number that is not 0.
pub(crate) fn this_work() -> usize {
    works()[0]
}

/// Whether a work is this one or waits for it, so that this one would wait in vain for what that one holds.
pub(crate) fn waits_for_this(work: usize) -> bool {
    works().contains(&work)
}

/// The least size of work that is shared; for smaller work, waking another thread takes longer.
pub(crate) struct Least {
    asleep: usize,
    /// The size that applies while the other threads are [`awake`].
    awake: usize,
}

/// In multiplications of a product.
pub(crate) const PRODUCT: Least = Least { asleep: 1 << 26, awake: 1 << 21 };

/// In numbers of a pass over a parameter.
pub(crate) const PASS: Least = Least { asleep: 1 << 20, awake: 1 << 15 };

/// The least share of a thread, in multiplications or numbers, however many threads there are.
const SHARE: usize = 1 << 12;

/// The number of threads for large work: that of [`set_threads`], or else all that the machine has.
///
/// ```
/// autograd::set_threads(1);
/// assert_eq!(autograd::threads(), 1);
/// ```
pub fn threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            let all = available_parallelism().map_or(1, usize::from);
            set_threads(all);
            all
        }
        set => set,
    }
}

/// Sets the number of threads for large work, for the whole process; 0 means all that the machine has.
///
/// Large matrix products, updates and [`backward_in_parts`](crate::backward_in_parts) use them. Results have the same
/// bits for any number: one thread adds up each sum, in the same order. Recording and sweeping a tape stay on one
/// thread. Programs that train several models on threads of their own do best with 1, which starts no thread. Where
/// the system gives no threads, as under a limit on processes, the caller's thread does all the work.
pub fn set_threads(threads: usize) {
    THREADS.store(threads, Ordering::Relaxed);
}

/// Runs `f` while the other [`threads`] stay awake, so that smaller products are worth sharing too.
///
/// Waking a thread takes as long as a product of some ten million multiplications. Wrap a loop of training steps in
/// it, not a step: the other threads spend their time waiting. For a second caller at the same time it has no effect.
///
/// ```
/// use autograd::{Tensor, awake};
/// let x = Tensor::<f64>::ones([200, 200]);
/// assert_eq!(awake(|| x.matmul(&x)), x.matmul(&x)); // the same bits
/// ```
pub fn awake<R>(f: impl FnOnce() -> R) -> R {
    /// Releases the other threads, also when `f` panics.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
            AWAKE.store(false, Ordering::Release);
        }
    }
    let others = threads() - 1;
    if others == 0 || AWAKE.swap(true, Ordering::AcqRel) {
        return f();
    }
    let Some(pool) = pool() else {
        AWAKE.store(false, Ordering::Release);
        return f();
    };
    let done = AtomicBool::new(false);
    pool.in_place_scope(|scope| {
        let _done = Done(&done);
        for _ in 0..others.min(pool.current_num_threads()) {
            scope.spawn(|_| {
                while !done.load(Ordering::Acquire) {
                    if yield_now() != Some(Yield::Executed) {
                        spin_loop();
                    }
                }
            });
        }
        f()
    })
}

/// Runs `f`, which is one thread's share, without sharing it out again: the other threads have shares of their own.
pub(crate) fn alone<R>(f: impl FnOnce() -> R) -> R {
    /// Restores the earlier state, also when `f` panics.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }
    let _before = Before(ALONE.replace(true));
    f()
}

/// The number of threads for work of this size.
pub(crate) fn threads_for(size: usize, least: Least) -> usize {
    let least = if AWAKE.load(Ordering::Relaxed) { least.awake } else { least.asleep };
    if size < least || ALONE.get() { 1 } else { threads().min(size.div_ceil(SHARE)) }
}

/// All threads but the caller's, which works too instead of waiting; `None` if the system gives none.
fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let build = || {
        let others = available_parallelism().map_or(1, usize::from).max(2) - 1;
        as_many_as_there_are(others, |threads| ThreadPoolBuilder::new().num_threads(threads).build().ok())
    };
    POOL.get_or_init(build).as_ref()
}

/// Calls `build` with `threads`, then with half as many, and so on, until it succeeds.
fn as_many_as_there_are<P>(threads: usize, build: impl FnMut(usize) -> Option<P>) -> Option<P> {
    successors(Some(threads), |&threads| Some(threads / 2)).take_while(|&threads| threads > 0).find_map(build)
}

/// Runs each part of the work, the first on this thread; all parts where there is no other.
pub(crate) fn spread<P: Send>(mut parts: impl Iterator<Item = P>, run: impl Fn(P) + Sync) {
    /// How often a thread polls whether the others have finished, some ten microseconds, before it sleeps.
    const SPINS: usize = 10_000;
    /// The work that was set before; restored also when a part panics.
    struct Before([usize; SHARED]);
    impl Drop for Before {
        fn drop(&mut self) {
            WORK.set(self.0);
        }
    }
    let Some(mine) = parts.next() else { return };
    // One part needs no other thread, so none is started.
    let Some(second) = parts.next() else { return run(mine) };
    let parts = iter::once(second).chain(parts);
    let Some(pool) = pool() else { return iter::once(mine).chain(parts).for_each(run) };
    let [waiting, before, _] = works();
    let run = &|part| {
        let outside = Before(WORK.get());
        WORK.set([std::ptr::from_ref(&outside).addr(), waiting, before]); // an address is nobody else's while it lasts
        run(part);
    };
    let open = &AtomicUsize::new(0);
    pool.in_place_scope(|scope| {
        for part in parts {
            open.fetch_add(1, Ordering::Relaxed);
            scope.spawn(move |_| {
                run(part);
                open.fetch_sub(1, Ordering::Release);
            });
        }
        run(mine);
        for _ in 0..SPINS {
            if open.load(Ordering::Acquire) == 0 {
                return;
            }
            spin_loop();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_threads_is_asked_for_fewer_and_then_done_without() {
        let asked = Cell::new(vec![]);
        let gives = |most: usize| {
            as_many_as_there_are(7, |threads| {
                asked.set([asked.take(), vec![threads]].concat());
                (threads <= most).then_some(threads)
            })
        };
        assert_eq!((gives(8), asked.take()), (Some(7), vec![7]));
        assert_eq!((gives(2), asked.take()), (Some(1), vec![7, 3, 1]));
        assert_eq!((gives(0), asked.take()), (None, vec![7, 3, 1]));
        assert_eq!(as_many_as_there_are(0, Some), None);
    }
}
