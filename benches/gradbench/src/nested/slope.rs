//! The gradient of a function of two numbers, in either mode, of any kind of number.

use autograd::{Dual, Real, Recorded, Scalar, Tape};

/// A number on a tape.
pub(crate) type OnTape<'t> = Recorded<Scalar<'t>>;

/// A function of two numbers, with others that are given.
pub(crate) trait Function {
    /// Its value at `x`.
    fn at<R: Real>(x: [R; 2], given: [R; 2]) -> R;
}

/// The gradient by `x` in forward mode: a direction after the other.
pub(crate) fn forward<F: Function, R: Real>(x: [R; 2], given: [R; 2]) -> [R; 2] {
    let constant = |x| Dual::new(x, R::zero());
    let moving = |x| Dual::new(x, R::one());
    [[moving(x[0]), constant(x[1])], [constant(x[0]), moving(x[1])]].map(|x| F::at(x, given.map(constant)).derivative)
}

/// The gradient by `x` in reverse mode, on a tape of its own.
pub(crate) fn reverse<F: Function>(tape: &mut Tape, x: [f64; 2], given: [f64; 2]) -> [f64; 2] {
    tape.clear();
    let x = x.map(|x| tape.scalar(x));
    let grads = F::at(x.map(Recorded::from), given.map(Recorded::Number)).on(tape).backward();
    x.map(|x| grads[x])
}

/// The gradient by `x` in reverse mode, recorded on the tape of `x`.
pub(crate) fn recorded<'t, F: Function>(
    tape: &'t Tape,
) -> impl Fn([OnTape<'t>; 2], [OnTape<'t>; 2]) -> [OnTape<'t>; 2] {
    move |x, given| {
        let x = x.map(|x| x.on(tape));
        F::at(x.map(Recorded::from), given).on(tape).grad(x).map(Recorded::from)
    }
}
