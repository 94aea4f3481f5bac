//! [`Spare`]: a temporary tape that records, sweeps and forgets.
//!
//! A new tape requests memory from the system and clears it, which takes a fifth of the time of a small
//! Hessian-vector product. Instead, each thread keeps a few tapes for reuse.

use std::any::Any;
use std::cell::RefCell;
use std::ops::Deref;
use std::thread::panicking;

use super::Tape;
use crate::number::Float;

/// The largest number of tapes that a thread keeps; nested work needs more than one.
const MOST: usize = 4;
/// The largest size in bytes of each.
const LARGEST: usize = 1 << 25;

thread_local! {
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(vec![]) };
}

/// An empty tape, which returns to its thread when it is dropped.
#[derive(Debug)]
pub(crate) struct Spare<T: Float>(Option<Box<Tape<T>>>);

impl<T: Float> Spare<T> {
    pub(crate) fn tape() -> Self {
        let kept = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            let at = kept.iter().rposition(|tape| tape.is::<Tape<T>>())?;
            kept.swap_remove(at).downcast().ok()
        });
        // A thread that is ending keeps no tapes.
        Spare(Some(kept.ok().flatten().unwrap_or_default()))
    }
}

impl<T: Float> Deref for Spare<T> {
    type Target = Tape<T>;
    #[inline]
    fn deref(&self) -> &Tape<T> {
        self.0.as_deref().expect("it is there until it is dropped")
    }
}

impl<T: Float> Drop for Spare<T> {
    fn drop(&mut self) {
        let Some(mut tape) = self.0.take() else { return };
        if panicking() || tape.checks.get() || tape.held() > LARGEST {
            return;
        }
        // Here, not under the borrow: dropping the tape's contents may drop the last reference to a user's value.
        tape.clear();
        tape.evaluate();
        // If the thread is ending, the tape is dropped with the closure.
        let _ = KEPT.try_with(move |kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < MOST {
                kept.push(tape);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Param;

    fn kept() -> usize {
        KEPT.with(|kept| kept.borrow().len())
    }

    #[test]
    fn a_tape_comes_back_empty_and_lets_go_of_parameters() {
        let w = Param::new([1.0, 2.0]);
        let tape = Spare::tape();
        tape.train(7);
        assert_eq!(w.on(&tape).square().sum().backward()[&w].to_vec(), [2.0, 4.0]);
        let address: *const Tape = &*tape;
        drop(tape);
        let again = Spare::<f64>::tape();
        assert!(std::ptr::eq(address, &*again), "the same tape");
        assert!(again.is_empty() && again.random(|_| ()).is_none(), "as a new one");
        let before = w.value().as_slice().as_ptr();
        w.modify(|values| values[0] = 5.0);
        assert_eq!(w.value().as_slice().as_ptr(), before, "updated in place, since no tape holds the values");
    }

    #[test]
    fn types_do_not_mix_and_work_within_work_has_a_tape_of_its_own() {
        let (double, inner, single) = (Spare::<f64>::tape(), Spare::<f64>::tape(), Spare::<f32>::tape());
        assert!(!std::ptr::eq(&*double, &*inner));
        drop((double, inner, single));
        assert_eq!(kept(), 3);
        let single = Spare::<f32>::tape();
        assert_eq!((kept(), single.var([1.0]).sum().value()), (2, 1.0));
    }

    #[test]
    fn what_checks_or_is_large_or_was_interrupted_is_not_kept() {
        let tape = Spare::<f64>::tape();
        tape.check_finite();
        drop(tape);
        assert_eq!(kept(), 0);
        let tape = Spare::<f64>::tape();
        let _ = tape.constant_with([LARGEST / size_of::<f64>() + 1], |_| 0.0);
        drop(tape);
        assert_eq!(kept(), 0);
        let interrupted = std::panic::catch_unwind(|| {
            let _tape = Spare::<f64>::tape();
            panic!("in the middle");
        });
        assert!(interrupted.is_err());
        assert_eq!(kept(), 0);
        let tapes: Vec<_> = (0..MOST + 2).map(|_| Spare::<f64>::tape()).collect();
        drop(tapes);
        assert_eq!(kept(), MOST);
    }
}
