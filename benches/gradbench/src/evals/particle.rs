//! A charged particle between two others: the place of one of these, `w`, for which it passes through the origin.
//!
//! Euler's method moves the particle along the gradient of a potential, the inner derivative. The outer derivative is that
//! of where it crosses the axis, by `w`. Of the two letters of a function the first says the mode of the outer one: `f`
//! for forward, `r` for reverse.

use autograd::{Dual, ElementwiseN, Mode, Number, Real, Recorded, Tape, Tensor, linearize};
use serde::Deserialize;
use serde_json::Value;

use crate::nested::{descent, slope};
use crate::runs::{Outcome, read};

pub(super) const FUNCTIONS: &[(&str, super::Function)] =
    &[("ff", forward_forward), ("fr", forward_reverse), ("rf", reverse_forward), ("rr", reverse_reverse)];

#[derive(Deserialize)]
struct Input {
    w: f64,
}

/// The potential at (x, y) of charges at (10, 0) and (10, 10 − w).
#[derive(Clone, Copy)]
struct Potential;

impl ElementwiseN<3> for Potential {
    #[inline(always)]
    fn f<N: Number>(self, [x, y, w]: [N; 3]) -> N {
        let (across, up) = (x.plus_number(-10.0), y.plus_number(-10.0) + w);
        let square = across * across;
        (square + y * y).rsqrt() + (square + up * up).rsqrt()
    }
}

/// The square of where the particle crosses the axis.
fn crossing<R: Real>(w: R, mut slope: impl FnMut([R; 3]) -> [R; 2]) -> R {
    const STEP: f64 = 0.1;
    let (mut x, mut v) = ([0.0, 8.0].map(R::constant), [0.75, 0.0].map(R::constant));
    loop {
        let force = slope([x[0], x[1], w]);
        let moved = [0, 1].map(|i| x[i] + v[i].times_number(STEP));
        if moved[1].value() < 0.0 {
            // Along a line from the last place above the axis.
            let place = x[0] - x[1] / v[1] * v[0];
            return place * place;
        }
        v = [0, 1].map(|i| v[i] - force[i].times_number(STEP));
        x = moved;
    }
}

fn forward_forward(input: Value) -> Outcome {
    let value = |w| crossing(w, |x| slope::forward(Potential, x));
    let gradient = |w: f64| crossing(Dual::new(w, 1.0), |x| slope::forward(Potential, x)).derivative;
    descended(input, value, gradient)
}

fn reverse_forward(input: Value) -> Outcome {
    let value = |w| crossing(w, |x| slope::forward(Potential, x));
    let mut tape = Tape::new();
    let gradient = |w| {
        tape.clear();
        let w = tape.scalar(w);
        crossing(Recorded::from(w), slope::forward_on(&tape, Potential)).on(&tape).backward()[w]
    };
    descended(input, value, gradient)
}

fn reverse_reverse(input: Value) -> Outcome {
    let (mut inner, mut tape) = (Tape::new(), Tape::new());
    let value = |w| crossing(w, |x| slope::reverse(&mut inner, Potential, x));
    let gradient = |w| {
        tape.clear();
        let w = tape.scalar(w);
        crossing(Recorded::from(w), slope::reverse_on(&tape, Potential)).on(&tape).backward()[w]
    };
    descended(input, value, gradient)
}

/// The inner gradients are recorded; a forward sweep over them is the outer one.
fn forward_reverse(input: Value) -> Outcome {
    let mut inner = Tape::new();
    let value = |w| crossing(w, |x| slope::reverse(&mut inner, Potential, x));
    let gradient = |w| {
        let recorded = linearize(
            |w| crossing(Recorded::from(w.item()), slope::reverse_on(w.tape(), Potential)).on(w.tape()).to_var(),
            &Tensor::from([w]),
        );
        recorded.jacobian(Mode::Forward).item()
    };
    descended(input, value, gradient)
}

/// The `w` of least value.
fn descended(input: Value, mut value: impl FnMut(f64) -> f64, mut gradient: impl FnMut(f64) -> f64) -> Outcome {
    let (Input { w }, runs) = read(input)?;
    runs.time(|| descent::least(|[w]| value(w), |[w]| [gradient(w)], [w])[0], |w| w)
}
