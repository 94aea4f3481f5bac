//! The saddle point of `(x₁² + x₂²) − (y₁² + y₂²)`: the least, over `x`, of the most over `y`.
//!
//! The most is found by gradient ascent, the least by gradient descent through it: the outer derivative goes through all
//! steps of the inner search. Of the two letters of a function the first says the mode of the outer derivative: `f` for
//! forward, `r` for reverse.

use autograd::{ElementwiseN, Mode, Number, Partials, Real, Recorded, Tape, Tensor, linearize};
use serde::Deserialize;
use serde_json::Value;

use crate::nested::{descent, slope};
use crate::runs::{Outcome, read};

pub(super) const FUNCTIONS: &[(&str, super::Function)] =
    &[("ff", forward_forward), ("fr", forward_reverse), ("rf", reverse_forward), ("rr", reverse_reverse)];

#[derive(Deserialize)]
struct Input {
    start: [f64; 2],
}

/// The function, of y₁, y₂, x₁ and x₂.
#[derive(Clone, Copy)]
struct Saddle;

impl ElementwiseN<4> for Saddle {
    #[inline(always)]
    fn f<N: Number>(self, [y0, y1, x0, x1]: [N; 4]) -> N {
        (x0 * x0 + x1 * x1) - (y0 * y0 + y1 * y1)
    }
}

fn saddle<R: Real>(y: [R; 2], x: [R; 2]) -> R {
    Saddle.f([y[0], y[1], x[0], x[1]])
}

/// The `y` for which the function is most at `x`, looked for from `start` on.
fn highest<R: Real>(x: [R; 2], start: [R; 2], mut slope: impl FnMut([R; 4]) -> [R; 2]) -> [R; 2] {
    let plain = x.map(R::value);
    descent::least(|y| -saddle(y, plain), |y| slope([y[0], y[1], x[0], x[1]]).map(|dy| -dy), start)
}

/// The most over `y`, as a function of `x`.
fn most<R: Real>(x: [R; 2], start: [R; 2], slope: impl FnMut([R; 4]) -> [R; 2]) -> R {
    saddle(highest(x, start, slope), x)
}

/// The inner gradient of plain numbers.
type Slope<'a> = &'a mut dyn FnMut([f64; 4]) -> [f64; 2];

/// The saddle point: `gradient` is that of the most by `x`, `slope` the inner one. Both begin at `start`.
fn found(input: Value, slope: Slope<'_>, mut gradient: impl FnMut([f64; 2], [f64; 2]) -> [f64; 2]) -> Outcome {
    let (Input { start }, runs) = read(input)?;
    let point = || {
        let x = descent::least(|x| most(x, start, &mut *slope), |x| gradient(x, start), start);
        [x, highest(x, start, &mut *slope)]
    };
    runs.time(point, |point| point.concat())
}

/// The outer gradient by dual numbers, in both directions at once.
fn forward_forward(input: Value) -> Outcome {
    let gradient = |x: [f64; 2], start: [f64; 2]| {
        most(Partials::variables(x), start.map(Partials::constant), |x| slope::forward(Saddle, x)).derivatives
    };
    found(input, &mut |x| slope::forward(Saddle, x), gradient)
}

/// The inner gradients are recorded; a forward sweep over them, in both directions, is the outer one.
fn forward_reverse(input: Value) -> Outcome {
    let mut inner = Tape::new();
    let gradient = |x: [f64; 2], start: [f64; 2]| {
        let recorded = linearize(
            |x| {
                let (tape, x) = (x.tape(), [0, 1].map(|i| Recorded::from(x.at(0, i).item())));
                most(x, start.map(Recorded::Number), slope::reverse_on(tape, Saddle)).on(tape).to_var()
            },
            &Tensor::from(x),
        );
        let slopes = recorded.jacobian(Mode::Forward);
        [slopes.get([0, 0]), slopes.get([0, 1])]
    };
    found(input, &mut |x| slope::reverse(&mut inner, Saddle, x), gradient)
}

fn reverse_forward(input: Value) -> Outcome {
    let mut tape = Tape::new();
    let gradient = |x: [f64; 2], start: [f64; 2]| {
        tape.clear();
        let x = x.map(|x| tape.scalar(x));
        let start = start.map(Recorded::Number);
        let grads = most(x.map(Recorded::from), start, slope::forward_on(&tape, Saddle)).on(&tape).backward();
        x.map(|x| grads[x])
    };
    found(input, &mut |x| slope::forward(Saddle, x), gradient)
}

fn reverse_reverse(input: Value) -> Outcome {
    let (mut inner, mut tape) = (Tape::new(), Tape::new());
    let gradient = |x: [f64; 2], start: [f64; 2]| {
        tape.clear();
        let x = x.map(|x| tape.scalar(x));
        let start = start.map(Recorded::Number);
        let grads = most(x.map(Recorded::from), start, slope::reverse_on(&tape, Saddle)).on(&tape).backward();
        x.map(|x| grads[x])
    };
    found(input, &mut |x| slope::reverse(&mut inner, Saddle, x), gradient)
}
