//! Work in parts, each on a separate tape and thread.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Gradients;
use crate::kernels::compiled as kernels;
use crate::number::Float;
use crate::tape::arena::ArrayOp;
use crate::tape::scratch::{Kept, Scratch};
use crate::tape::{Scalar, Tape};
use crate::threads::{PASS, alone, spread, threads, threads_for};

/// The number of values that one thread adds up at a time.
const PIECE: usize = 1 << 12;

/// Computes the gradients of a sum of numbers with respect to all parameters, each number on its own tape.
///
/// Where there are [`threads`], the numbers are recorded and swept at the same time. The function also returns the
/// other results of each recording.
///
/// `record` is called with the number of the part and its tape, which has been cleared. The parts are added in order,
/// so the bits depend on the number of parts, not on the threads. Products inside a part stay on its thread. Keep the
/// other threads [`awake`](crate::awake) where a step takes less than a millisecond.
///
/// A batch split in two, with the mean over all of it:
///
/// ```
/// use autograd::{Param, Tape, Tensor, backward_in_parts};
/// let w = Param::new([[1.0], [2.0]]);
/// let halves = [Tensor::from([[1.0, 0.0], [0.0, 1.0]]), Tensor::from([[1.0, 1.0], [2.0, 0.0]])];
/// let mut tapes = [Tape::new(), Tape::new()];
/// let (grads, losses) = backward_in_parts(&mut tapes, |part, tape| {
///     let loss = tape.constant(halves[part].clone()).matmul(&w).square().sum() / 4.0;
///     (loss, loss.value())
/// });
/// assert_eq!(losses, [1.25, 3.25]);
/// assert_eq!(grads[&w], Tensor::from([[4.0], [2.5]])); // as for the whole batch on one tape
/// grads.update_each(&w, [], |w, dw, []| *w -= 0.25 * dw); // in place: no tape holds the old values
/// assert_eq!(w.value(), Tensor::from([[0.0], [1.375]]));
/// ```
///
/// # Panics
/// If there is no tape, a tape computes values only, or a number is recorded on another tape than the one given.
#[track_caller]
pub fn backward_in_parts<'t, T: Float, R: Send>(
    tapes: &'t mut [Tape<T>],
    record: impl for<'a> Fn(usize, &'a Tape<T>) -> (Scalar<'a, T>, R) + Sync,
) -> (Gradients<'t, T>, Vec<R>) {
    let (mut found, results) = sweep_parts("backward_in_parts", tapes, record);
    let (first, others) = tapes.split_first_mut().expect("one at least");
    let (sum, parts) = found.split_first_mut().expect("one at least");
    others.iter().zip(parts).for_each(|(other, part)| add(first, sum, other, part));
    for (tape, mut part) in others.iter_mut().zip(found.drain(1..)) {
        part.recycle(&tape.pool);
        tape.scratch.set(part);
        tape.clear(); // releases the parameters, which are then updated in place
    }
    (Gradients::new(first, found.remove(0)), results)
}

/// Computes the gradients of several numbers, each on its own tape, as [`backward_in_parts`] does, and does not add them.
///
/// For sums that are taken elsewhere, such as those over several processes; [`Gradients::given`] makes gradients of them
/// again.
///
/// ```
/// use autograd::{Param, Tape, gradients_by_part};
/// let w = Param::new([1.0, 2.0]);
/// let mut tapes = [Tape::new(), Tape::new()];
/// let (grads, _) = gradients_by_part(&mut tapes, |part, tape| ((w.on(tape).square() * (part + 1) as f64).sum(), ()));
/// assert_eq!(grads[0][&w].to_vec(), [2.0, 4.0]);
/// assert_eq!(grads[1][&w].to_vec(), [4.0, 8.0]);
/// ```
///
/// # Panics
/// As [`backward_in_parts`].
#[track_caller]
pub fn gradients_by_part<'t, T: Float, R: Send>(
    tapes: &'t mut [Tape<T>],
    record: impl for<'a> Fn(usize, &'a Tape<T>) -> (Scalar<'a, T>, R) + Sync,
) -> (Vec<Gradients<'t, T>>, Vec<R>) {
    let (found, results) = sweep_parts("gradients_by_part", tapes, record);
    (tapes.iter().zip(found).map(|(tape, found)| Gradients::new(tape, found)).collect(), results)
}

/// Records and sweeps each part; returns what the sweeps found, and the other results.
#[track_caller]
fn sweep_parts<T: Float, R: Send>(
    name: &str,
    tapes: &mut [Tape<T>],
    record: impl for<'a> Fn(usize, &'a Tape<T>) -> (Scalar<'a, T>, R) + Sync,
) -> (Vec<Scratch<T>>, Vec<R>) {
    assert!(!tapes.is_empty(), "{name}: there is no tape; each part needs one");
    for tape in tapes.iter() {
        tape.must_record(name);
    }
    let mut found: Vec<Option<(Scratch<T>, R)>> = tapes.iter().map(|_| None).collect();
    let strayed = AtomicBool::new(false);
    let share = tapes.len().div_ceil(threads());
    let shares = tapes.chunks_mut(share).zip(found.chunks_mut(share)).enumerate();
    spread(shares, |(at, (tapes, found))| {
        alone(|| {
            for (k, (tape, found)) in tapes.iter_mut().zip(found).enumerate() {
                tape.clear();
                let (root, result) = record(at * share + k, tape);
                if !std::ptr::eq(root.tape(), &*tape) {
                    return strayed.store(true, Ordering::Relaxed); // the caller's thread panics, at the caller's line
                }
                *found = Some((root.backward().into_found(), result));
            }
        });
    });
    assert!(
        !strayed.into_inner(),
        "{name}: a part returned a number of another tape; record it on the one that it is given"
    );
    found.into_iter().map(|found| found.expect("each part ran")).unzip()
}

/// Adds the results on another tape to `sum`, the results on `tape`, parameter by parameter.
fn add<T: Float>(tape: &mut Tape<T>, sum: &mut Scratch<T>, other: &Tape<T>, part: &Scratch<T>) {
    let (arena, other) = (tape.arena.get_mut(), other.arena.borrow());
    let mut addends: Vec<Option<&[T]>> = vec![None; sum.kept.len()];
    for Kept { array, reached, gradient } in &part.kept {
        let ArrayOp::Param(param) = other.kind(*array) else { continue };
        // For a parameter that was changed and recorded again, the last recording counts.
        if !reached || other.params.get(&param.id()) != Some(array) {
            continue;
        }
        let present = arena.params.get(&param.id()).copied();
        match present.and_then(|array| sum.kept.binary_search_by_key(&array, |kept| kept.array).ok()) {
            Some(at) => {
                sum.kept[at].reached = true;
                addends[at] = sum.kept[at].gradient.add(gradient, &mut sum.places, &tape.pool);
            }
            None => {
                // It was used in other parts only. A new node is the last.
                let array = arena.param(param, param.value());
                sum.kept.push(Kept { array, reached: true, gradient: gradient.clone() });
            }
        }
    }
    let pairs =
        sum.kept.iter_mut().zip(addends).filter_map(|(kept, addend)| Some((kept.gradient.values_mut(), addend?)));
    let pieces = pairs.flat_map(|(sum, addend)| sum.chunks_mut(PIECE).zip(addend.chunks(PIECE)));
    let mut pieces: Vec<_> = pieces.collect();
    let threads = threads_for(pieces.iter().map(|(sum, _)| sum.len()).sum(), PASS);
    let share = pieces.len().div_ceil(threads).max(1);
    spread(pieces.chunks_mut(share), |pieces| {
        pieces.iter_mut().for_each(|(sum, addend)| kernels::add_assign(sum, addend));
    });
}
