//! Room for values where there may be none: asked for, not taken for granted.
//!
//! A vector that grows by itself ends the process at memory's end. What is as large as the user's numbers is asked for here
//! instead, before anything is changed: a refusal is a panic like any other, and leaves tapes and parameters as they were.

pub(crate) mod pool;

use crate::shape::Shape;

/// Values that tensors and tapes share.
pub(crate) type Shared<T> = triomphe::Arc<Vec<T>>;

/// Fewer bytes than this are not asked for beforehand.
const SMALL: usize = 1 << 20;

/// Makes room for `len` values in all; returns whether there is. A vector that grows step by step gets more than it needs.
pub(crate) fn make_room<T>(values: &mut Vec<T>, len: usize) -> bool {
    let more = len.saturating_sub(values.len());
    let ample = values.capacity() > 0 && values.try_reserve(more).is_ok();
    ample || values.try_reserve_exact(more).is_ok()
}

/// `value`, `len` times over, if there is room.
pub(crate) fn filled<T: Clone>(value: T, len: usize) -> Option<Vec<T>> {
    // Asked first, and then made by `vec!`, which for zeros takes pages that are zero already.
    let room = len.saturating_mul(size_of::<T>()) < SMALL || make_room(&mut Vec::<T>::new(), len);
    room.then(|| vec![value; len])
}

/// `value` for each of `len` nodes.
#[track_caller]
pub(crate) fn list<T: Clone>(value: T, len: usize) -> Vec<T> {
    match filled(value, len) {
        Some(list) => list,
        None => no_room_for("gradients", len),
    }
}

/// Refuses to go on without room for an array.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn no_room(op: &str, shape: &Shape) -> ! {
    panic!("{op}: there is no memory for the {} values of shape {shape}; work in smaller parts?", shape.numel())
}

/// Refuses to go on without room for `len` of `what`.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn no_room_for(what: &str, len: usize) -> ! {
    panic!("tape: there is no memory for {len} {what}; clear it between steps, or use several tapes?")
}
