//! Tapes of numbers: forward sweeps in any number of directions, and recorded gradients.

use std::thread;

use autograd::{Binary, Dual, ElementwiseN, Mode, Number, Recorded, Scalar, Tape, Tensor, Unary, Var, linearize};

use crate::maps::Gate;

/// Numbers of every size and sign, for which derivatives have rare forms too.
const SIZES: [f64; 18] = [
    0.0,
    -0.0,
    5e-324,
    1e-300,
    -1e-160,
    1e-5,
    0.3,
    -0.3,
    1.0,
    2.5,
    -2.5,
    30.0,
    750.0,
    -1e17,
    1e160,
    1.7e308,
    f64::INFINITY,
    f64::NAN,
];
const ARGS: [f64; 2] = [0.75, 1.5];

/// A tangent of 0 does not reach an array, so its sign is lost.
fn same(found: f64, expected: f64, what: impl Fn() -> String) {
    assert!(found == expected || found.is_nan() && expected.is_nan(), "{}: {found}, not {expected}", what());
}

/// What a forward sweep over the tape of one number or two makes of a row.
fn swept(x: [f64; 2], dx: [f64; 2], row: impl for<'t> Fn([Scalar<'t>; 2]) -> Scalar<'t>) -> f64 {
    let f = linearize(|x| row([0, 1].map(|i| x.at(0, i).item())).to_var(), &Tensor::from(x));
    f.jvp(&[Tensor::from(dx)]).item()
}

#[test]
fn a_forward_sweep_gives_the_bits_of_dual_numbers() {
    for x in SIZES {
        for dx in [1.0, 1e-200, 1e200] {
            for row in Unary::ROWS {
                let expected = Dual::new(x, dx).unary(row.row, ARGS).derivative;
                same(swept([x, 0.5], [dx, 0.0], |[x, _]| x.unary(row.row, ARGS)), expected, || {
                    format!("{} at {x} along {dx}", row.name)
                });
            }
            for b in SIZES {
                for row in Binary::ROWS {
                    let expected = Dual::new(x, dx).binary(row.row, Dual::new(b, 3.0)).derivative;
                    same(swept([x, b], [dx, 3.0], |[a, b]| a.binary(row.row, b)), expected, || {
                        format!("{} at {x} and {b} along {dx}", row.name)
                    });
                }
            }
        }
    }
}

/// Long enough for several stretches of nodes; rows of both kinds, statements, and arrays in between.
fn long<'t>(x: Var<'t>, n: usize) -> Var<'t> {
    let x: Vec<Scalar<'t>> = (0..n).map(|i| x.at(0, i).item()).collect();
    let at = |k: usize| x[k % n];
    let mut y = x[0];
    for k in 0..200 {
        y = match k % 5 {
            0 => Scalar::zip_map([y, at(k), at(k + 1), at(k + 2)], Gate).sin(),
            1 => y * at(k) / (at(k + 3).square() + 1.5),
            2 if k % 20 == 2 => (y.to_var() * Tensor::from([0.5, 0.25])).sum() + at(k),
            2 => y.atan() - at(k).hypot(y),
            3 => (y * y * 0.5 + 1.0).rsqrt(),
            _ => y.maximum(at(k)) - 0.1 * y,
        };
    }
    y.to_var()
}

#[test]
fn directions_do_not_change_each_other() {
    for n in [1, 2, 3, 4, 5, 15, 16, 17, 40] {
        let point = Tensor::from_fn([n], |i| 0.3 + 0.11 * i[0] as f64);
        let f = linearize(|x| long(x, n), &point);
        let [forward, reverse] = [Mode::Forward, Mode::Reverse].map(|mode| f.jacobian(mode).to_vec());
        for i in 0..n {
            let along = Tensor::from_fn([n], |k| f64::from(u8::from(k[0] == i)));
            same(forward[i], f.jvp(&[along]).item(), || format!("direction {i} of {n}"));
            let scale = reverse.iter().fold(1e-3f64, |most, dx| most.max(dx.abs()));
            assert!((forward[i] - reverse[i]).abs() < 1e-12 * scale, "{i} of {n}: {forward:?}, {reverse:?}");
        }
        assert!(forward.iter().all(|dx| dx.is_finite()) && forward.iter().any(|&dx| dx != 0.0));
    }
}

/// Unoptimised code does not turn the arms' calls into jumps.
#[test]
fn long_tapes_take_little_stack_forward() {
    let chain = || {
        let f = linearize(|x| (0..300_000).fold(x.item(), |y, _| y.sin() + 0.5).to_var(), &Tensor::from([0.5]));
        assert!(f64::is_finite(f.jvp(&[Tensor::from([1.0])]).item()));
        let pairs = Tensor::from([0.5; 16]);
        let f = linearize(|x| (0..30_000).fold(x.at(0, 0).item(), |y, _| y * 0.5).to_var(), &pairs);
        assert_eq!(f.jacobian(Mode::Forward).to_vec(), [0.0; 16]);
    };
    thread::Builder::new().stack_size(1 << 20).spawn(chain).unwrap().join().unwrap();
}

/// The gradient of a result by itself is 1, and sums pass it on: no products with it are recorded.
#[test]
fn a_recorded_gradient_records_no_product_with_one() {
    let tape = Tape::new();
    let [x, y] = [3.0, 5.0].map(|x| tape.scalar(x));
    let product = x * y + x;
    let before = tape.len();
    let [dx, dy] = product.grad([x, y]);
    assert_eq!((dx.value(), dy.value()), (6.0, 3.0));
    assert_eq!(tape.len() - before, 1, "the number y + 1 alone; the other slope is x");
    assert_eq!((dx.backward()[y], dy.backward()[x], dx.backward()[x]), (1.0, 1.0, 0.0));
    let ratio = x / y;
    let before = tape.len();
    assert_eq!(ratio.grad(x).value(), 0.2);
    assert_eq!(tape.len() - before, 1, "1/y");
    assert_eq!(ratio.grad(x).backward()[y], -0.04);
    // A plain number as gradient becomes a constant, and one by one what does not depend on the input.
    assert_eq!((x * 2.0 + y).grad([x, y]).map(Scalar::value), [2.0, 1.0]);
    assert_eq!((x * 2.0).grad((x, y)).1.value(), 0.0);
    assert!((x * 2.0).try_grad(y).is_err());
    assert!((x.sign() * 2.0).try_grad(x).is_ok(), "it depends on x, with slope 0");
    assert_eq!(x.grad(x).value(), 1.0);
    let middle = x.sin();
    assert_eq!((middle * y).grad(middle).value(), 5.0, "and nothing further back");
    assert_eq!((x * y).grad([x, x]).map(Scalar::value), [5.0, 5.0]);
}

/// With an array beside the numbers, or between them, another sweep records the gradient.
#[test]
fn arrays_between_numbers_give_the_same_gradients() {
    let tape = Tape::new();
    let [x, y] = [0.4, 1.3].map(|x| tape.scalar(x));
    let array = tape.var([2.0]);
    let alone = (x * y).sin() * x.rsqrt();
    let of_alone = alone.grad([x, y]).map(Scalar::value);
    let ([dx, dy], dz) = alone.grad(([x, y], array));
    assert_eq!(([dx.value(), dy.value()], dz.value()), (of_alone, Tensor::from([0.0])));
    let between = (x.to_var() * y).item().sin() * x.rsqrt();
    assert_eq!(between.grad([x, y]).map(Scalar::value), of_alone);
}

/// Second derivatives are slopes that a recorded slope keeps; beyond, the formula is recorded.
#[test]
fn recorded_slopes_of_a_statement_are_statements() {
    fn nth<const K: usize>(f: impl ElementwiseN<K>, x: [f64; K], by: [usize; 3]) -> [f64; 3] {
        let e = |k: usize, i: usize| f64::from(u8::from(by[k] == i));
        let at: [_; K] = std::array::from_fn(|i| {
            let first = Dual::new(x[i], e(0, i));
            let second = Dual::new(first, Dual::constant(e(1, i)));
            Dual::new(second, Dual::new(Dual::constant(e(2, i)), Dual::constant(0.0)))
        });
        let y = f.f(at);
        [y.value.value.derivative, y.value.derivative.derivative, y.derivative.derivative.derivative]
    }
    let x = [0.3, -0.7, 1.9, -0.4];
    let tape = Tape::new();
    let numbers = x.map(|x| tape.scalar(x));
    let y = Scalar::zip_map(numbers, Gate);
    for by in (0..64).map(|i| [i / 16, i / 4 % 4, i % 4]) {
        let [i, j, k] = by.map(|i| numbers[i]);
        let before = tape.len();
        let first = y.grad(i);
        assert_eq!(tape.len() - before, 1);
        let second = first.grad(j);
        let expected = nth(Gate, x, by);
        let found = [first.value(), second.value(), second.grad(k).value()];
        let swept = [y.backward()[i], first.backward()[j], second.backward()[k]];
        for order in 0..3 {
            let close = |found: f64| (found - expected[order]).abs() <= 1e-13 * expected[order].abs().max(1.0);
            assert!(
                close(found[order]) && close(swept[order]),
                "{by:?}, order {order}: {found:?}, {swept:?}, {expected:?}"
            );
        }
    }
    // By its operations the same.
    let by_operations = Gate.f(numbers.map(Recorded::from)).on(&tape);
    for k in numbers {
        assert!((by_operations.grad(k).value() - y.grad(k).value()).abs() < 1e-14);
    }
}
