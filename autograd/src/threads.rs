//! How many threads large products are spread over.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

/// 0: as many as the machine has.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Products of fewer multiplications stay on one thread: waking another takes longer than they do.
const PARALLEL: usize = 1 << 26;

/// The number of threads that a large matrix product may use: what [`set_threads`] said, or else all that the machine has.
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

/// Sets the number of threads that a large matrix product may use, for the whole process; 0 means all that the machine has.
///
/// Results have the same bits for any number: each sum of a product is added up by one thread, in the same order.
/// Recording and sweeping stay on the thread that calls them. Programs that train several models on threads of their own
/// do best with 1.
pub fn set_threads(threads: usize) {
    THREADS.store(threads, Ordering::Relaxed);
}

/// The threads for a product of so many multiplications.
pub(crate) fn threads_for(multiplications: usize) -> usize {
    if multiplications < PARALLEL { 1 } else { threads() }
}
