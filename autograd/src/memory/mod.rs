//! Memory for values, requested explicitly because it may not be available.
//!
//! A vector that grows by itself aborts the process when memory runs out. Memory that scales with the user's data is
//! requested here instead, before anything is changed: a refusal is a panic like any other, and leaves tapes and
//! parameters as they were.

pub(crate) mod pool;

use crate::shape::Shape;

/// Values that tensors and tapes share.
pub(crate) type Shared<T> = triomphe::Arc<Vec<T>>;

/// Smaller amounts, in bytes, are not requested in advance.
const SMALL: usize = 1 << 20;

/// Makes room for `len` values in total; returns whether it succeeded. A vector that grows step by step gets more
/// than it needs.
pub(crate) fn make_room<T>(values: &mut Vec<T>, len: usize) -> bool {
    let more = len.saturating_sub(values.len());
    let ample = values.capacity() > 0 && values.try_reserve(more).is_ok();
    ample || values.try_reserve_exact(more).is_ok()
}

/// A vector of `len` copies of `value`, if there is room.
pub(crate) fn filled<T: Clone>(value: T, len: usize) -> Option<Vec<T>> {
    // Room is requested first, and then `vec!` allocates it, because it takes pages that are already zero for zeros.
    let room = len.saturating_mul(size_of::<T>()) < SMALL || make_room(&mut Vec::<T>::new(), len);
    room.then(|| vec![value; len])
}

/// A vector with `value` for each of `len` nodes.
#[track_caller]
pub(crate) fn list<T: Clone>(value: T, len: usize) -> Vec<T> {
    match filled(value, len) {
        Some(list) => list,
        None => no_room_for("gradients", len),
    }
}

/// Panics because there is no room for an array.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn no_room(op: &str, shape: &Shape) -> ! {
    panic!("{op}: there is no memory for the {} values of shape {shape}; work in smaller parts?", shape.numel())
}

/// Panics because there is no room for `len` of `what`.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn no_room_for(what: &str, len: usize) -> ! {
    panic!("tape: there is no memory for {len} {what}; clear it between steps, or use several tapes?")
}
