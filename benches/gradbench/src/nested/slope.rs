//! The gradient of a function by its first two numbers, in either mode, of any kind of number; the others are given.
//!
//! On a tape the function, or its gradient in forward mode, is recorded as a function of several numbers, a node for each result.

use autograd::{ElementwiseMany, ElementwiseN, Number, Partials, Recorded, Scalar, Tape};

/// A number on a tape.
pub(crate) type OnTape<'t> = Recorded<Scalar<'t>>;

/// The gradient in forward mode, in both directions at once.
pub(crate) fn forward<N: Number, const K: usize>(f: impl ElementwiseN<K>, x: [N; K]) -> [N; 2] {
    let mut moving = x.map(|value| Partials { value, derivatives: [N::zero(); 2] });
    for (along, x) in moving.iter_mut().take(2).enumerate() {
        x.derivatives[along] = N::one();
    }
    f.f(moving).derivatives
}

/// [`forward`] as a function with two results.
#[derive(Clone, Copy)]
struct Forward<F>(F);

impl<F: ElementwiseN<K>, const K: usize> ElementwiseMany<K, 2> for Forward<F> {
    #[inline(always)]
    fn f<N: Number>(self, x: [N; K]) -> [N; 2] {
        forward(self.0, x)
    }
}

/// The gradient in forward mode, recorded on a tape.
pub(crate) fn forward_on<'t, const K: usize>(
    tape: &'t Tape,
    f: impl ElementwiseN<K>,
) -> impl Fn([OnTape<'t>; K]) -> [OnTape<'t>; 2] {
    move |x| Scalar::map_many(x.map(|x| x.on(tape)), Forward(f)).map(Recorded::from)
}

/// The gradient in reverse mode, on a tape of its own.
pub(crate) fn reverse<const K: usize>(tape: &mut Tape, f: impl ElementwiseN<K>, x: [f64; K]) -> [f64; 2] {
    tape.clear();
    let x = x.map(|x| tape.scalar(x));
    let grads = Scalar::zip_map(x, f).backward();
    [grads[x[0]], grads[x[1]]]
}

/// The gradient in reverse mode, recorded on a tape.
pub(crate) fn reverse_on<'t, const K: usize>(
    tape: &'t Tape,
    f: impl ElementwiseN<K>,
) -> impl Fn([OnTape<'t>; K]) -> [OnTape<'t>; 2] {
    move |x| {
        let x = x.map(|x| x.on(tape));
        Scalar::zip_map(x, f).grad([x[0], x[1]]).map(Recorded::from)
    }
}
