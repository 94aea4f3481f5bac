//! A tape that is used again holds no more memory than after its first uses, whatever is recorded and swept on it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use autograd::Tape;

use crate::rules::{cases, slope, weighted};
use crate::sampling::Sampler;

struct Counting;

thread_local! {
    /// The bytes that this thread has allocated and not freed: tests run beside each other.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends may free after its counter is gone.
    let _ = HELD.try_with(|held| held.set(held.get().wrapping_add(bytes)));
}

/// Counts what was granted: tests ask for more than there is.
fn granted(memory: *mut u8, bytes: isize) -> *mut u8 {
    if !memory.is_null() {
        count(bytes);
    }
    memory
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        granted(unsafe { System.alloc(layout) }, layout.size() as isize)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        granted(unsafe { System.realloc(memory, layout, size) }, size as isize - layout.size() as isize)
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_tape_that_is_used_again_does_not_grow() {
    let mut grown = vec![];
    for (name, inputs, f) in cases() {
        let points = inputs(&mut Sampler::new(1));
        let mut tape = Tape::new();
        let mut held = Vec::with_capacity(8);
        for _ in 0..8 {
            tape.clear();
            let x: Vec<_> = points.iter().map(|x| tape.var(x.clone())).collect();
            let y = f(&x);
            // A sweep of plain values, a recorded one, and one of that.
            weighted(y).backward();
            slope(weighted(y), &x).backward();
            held.push(HELD.get());
        }
        if held[7] > held[4] {
            grown.push(format!("{name}: {} bytes in three steps", held[7] - held[4]));
        }
    }
    assert!(grown.is_empty(), "a tape that is used again grows:\n{}", grown.join("\n"));
}
