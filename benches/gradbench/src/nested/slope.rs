//! The gradient of a function of two numbers, in either mode, of any kind of number.

use autograd::{Scalar, Tape};

use super::{Forward, Real};

/// A function of two numbers, with others that are given.
pub(crate) trait Function {
    /// Its value at `x`.
    fn at<R: Real>(x: [R; 2], given: [R; 2]) -> R;
}

/// The gradient by `x` in forward mode: a direction after the other.
pub(crate) fn forward<F: Function, R: Forward>(x: [R; 2], given: [R; 2]) -> [R; 2] {
    let given = given.map(|number| number.dual(false));
    [[true, false], [false, true]]
        .map(|[first, second]| R::derivative(F::at([x[0].dual(first), x[1].dual(second)], given)))
}

/// The gradient by `x` in reverse mode, on a tape of its own.
pub(crate) fn reverse<F: Function>(tape: &mut Tape, x: [f64; 2], given: [f64; 2]) -> [f64; 2] {
    tape.clear();
    let x = x.map(|x| tape.scalar(x));
    let grads = F::at(x, given.map(|number| tape.scalar_constant(number))).backward();
    x.map(|x| grads[x])
}

/// The gradient by `x` in reverse mode, recorded where `x` is.
pub(crate) fn recorded<'t, F: Function>(x: [Scalar<'t>; 2], given: [Scalar<'t>; 2]) -> [Scalar<'t>; 2] {
    F::at(x, given).grad(x)
}
