//! Accuracy of value, slope and curvature of each row, in every use and both types: within [`BOUND`] units in the
//! last place of a multi-precision result, from the smallest arguments to the largest. They are compared wherever
//! they, and the derivatives that they stem from, are normal numbers (or 0).
//!
//! There are two exceptions. The terms of a slope or curvature may cancel at a point inside the domain other than 0,
//! as those of the curvature of GELU at √2. There the unit is that of the largest term, as long as less than three
//! quarters of it are left. And the gates of GELU's tanh form and of Mish, and the slopes of `hypot`, `logaddexp` and inverse hyperbolic functions, have
//! [`BOUND_OF_PARTS`], because the curvature of the function is of the third order to them.

mod references;

use references::Sum;

use crate::exact::Exact;
use crate::kernels::fused::Elementwise;
use crate::number::dual::Dual;
use crate::number::rows::{self, Args, Binary, Row, Unary};
use crate::number::{Float, Number, Test};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// The bound that the crate promises.
const BOUND: f64 = 4.0;

/// The bound for slopes and curvatures of those.
const BOUND_OF_PARTS: f64 = 8.0;

fn bound(row: Unary) -> f64 {
    match row {
        Unary::TanhGate | Unary::TanhGateDensity | Unary::MishGate | Unary::MishGateSlope => BOUND_OF_PARTS,
        Unary::AsinhSlope | Unary::AcoshSlope | Unary::AtanhSlope => BOUND_OF_PARTS,
        _ => BOUND,
    }
}

/// The plain numbers with which a row is tested.
fn arguments(row: Unary) -> &'static [Args] {
    match row {
        Unary::Clamp => &[[-0.5, 2.0]],
        Unary::Powi => {
            &[[2.0, 0.0], [3.0, 0.0], [5.0, 0.0], [13.0, 0.0], [-1.0, 0.0], [-2.0, 0.0], [-7.0, 0.0], [301.0, 0.0]]
        }
        Unary::Powf => {
            &[[0.1, 0.0], [0.75, 0.0], [1.5, 0.0], [2.0, 0.0], [-0.3, 0.0], [-1.7, 0.0], [33.3, 0.0], [1e-9, 0.0]]
        }
        Unary::ExpBase => &[[2.5, 0.0], [0.1, 0.0], [1.0 + 1e-12, 0.0]],
        Unary::DivInto | Unary::DivNumber => &[[0.75, 0.0], [-3.0, 0.0]],
        _ if Unary::ROWS[row as usize].arguments > 0 => &[[0.75, 0.0], [1.5, 0.0]],
        _ => &[[0.0, 0.0]],
    }
}

/// Arguments of all sizes and both signs, dense where functions change.
fn points<T: Float>() -> Vec<T> {
    let steps = |from: f64, to: f64, n: usize| {
        (0..n).map(move |i| 10f64.powf(from + (to - from) * (i as f64 + 0.37) / n as f64))
    };
    let sizes =
        steps(-307.0, -38.0, 30).chain(steps(-38.0, -3.0, 70)).chain(steps(-3.0, 3.0, 260)).chain(steps(3.0, 38.0, 50));
    let all = sizes.chain(steps(38.0, 307.0, 30)).flat_map(|x| [x, -x]).map(T::from_f64);
    all.filter(|&x| Test::Normal.of(x)).collect()
}

/// The largest error of a quantity, and where it occurs.
struct Worst {
    what: String,
    error: f64,
    at: String,
    seen: usize,
}

impl Worst {
    fn of(what: String) -> Self {
        Worst { what, error: 0.0, at: String::new(), seen: 0 }
    }

    /// Compares derivative `k`; `of` lists the lower derivatives from which it stems.
    fn see<T: Float>(&mut self, y: T, all: &[Sum], k: usize, of: &[usize], at: impl Fn() -> String) {
        // Near the largest number, a factor of a derivative may be larger than the derivative; so may a term of a
        // sum.
        let normal = |x: &Exact, below: i32| x.is_zero() || x.is_normal::<T>(below);
        let there = |k: usize| normal(&all[k].exact, if k == 0 { 0 } else { 3 });
        let Sum { exact, largest } = &all[k];
        if !there(k) || !of.iter().all(|&of| there(of)) || largest.as_ref().is_some_and(|largest| !normal(largest, 3)) {
            return;
        }
        self.seen += 1;
        let error = match largest {
            Some(largest) if (exact.abs() * 4.0 - largest * 3.0).is_negative() => exact.ulps_of(y, largest),
            _ => exact.ulps(y),
        };
        if error > self.error {
            (self.error, self.at) = (error, format!("{}: {:e}, right {:e}", at(), y.to_f64(), exact.to_f64()));
        }
    }

    /// A line for the report, if the error exceeds the bound.
    fn failure(&self, bound: f64) -> Option<String> {
        let Worst { what, error, at, seen } = self;
        println!("{what:40} {error:6.3} ulp at {at} ({seen})");
        (*error > bound || *seen == 0).then(|| format!("{what} is {error} ulp off at {at}; {seen} points"))
    }
}

/// Rows as user-defined functions, which are compiled for each: those whose derivatives have more than one form.
macro_rules! functions {
    ($($Row:ident)*) => { $(
        #[derive(Clone, Copy)]
        struct $Row;
        impl Elementwise for $Row {
            #[inline(always)]
            fn f<N: Number>(self, x: N) -> N {
                x.row::<rows::unary::$Row>([0.0; 2])
            }
        }
    )* };
}
functions! { Tanh Sigmoid Expm1 Atan }

fn mapped<T: Float>(row: Unary, x: Var<'_, T>) -> Option<Var<'_, T>> {
    match row {
        Unary::Tanh => Some(x.map(Tanh)),
        Unary::Sigmoid => Some(x.map(Sigmoid)),
        Unary::Expm1 => Some(x.map(Expm1)),
        Unary::Atan => Some(x.map(Atan)),
        _ => None,
    }
}

/// Whether a row is compared with figures instead (`tests/it/special.rs`): those that take more than this multiple precision has.
fn has_figures(row: &Row<Unary>) -> bool {
    include_str!("../../tests/it/special/figures.txt").lines().any(|line| line.split(' ').next() == Some(row.name))
}

fn row_of_one<T: Float>(row: Unary, args: Args, points: &[T]) -> Vec<Worst> {
    let right: Vec<_> = points.iter().map(|x| references::unary(row, args, &x.to_f64().into())).collect();
    let name = format!("{} {args:?} {}", row.name(), T::NAME);
    let mut found = vec![];
    let mut see = |what: &str, k: usize, y: &[T]| {
        let mut worst = Worst::of(format!("{name} {what}"));
        for ((&y, right), x) in y.iter().zip(&right).zip(points) {
            worst.see(y, right, k, &[0, 1][..k], || format!("{:e}", x.to_f64()));
        }
        found.push(worst);
    };

    let tape = Tape::<T>::default();
    let all = Tensor::from(points.to_vec());
    let x = tape.var(all.clone());
    let y = x.unary(row, args);
    see("value", 0, y.value().as_slice());
    see("slope, swept", 1, y.sum().backward()[x].as_slice());
    let slope = y.sum().grad(x);
    see("slope, recorded", 1, slope.value().as_slice());
    let ones = Tensor::ones(all.shape().clone());
    see("slope, forward", 1, y.jvp(&[(x, &ones)]).as_slice());
    see("curvature, swept", 2, slope.sum().backward()[x].as_slice());
    see("curvature, forward", 2, slope.jvp(&[(x, &ones)]).as_slice());
    see("curvature, recorded", 2, slope.sum().grad(x).value().as_slice());

    if let Some(y) = mapped(row, x) {
        see("value, fused", 0, y.value().as_slice());
        see("slope, fused", 1, y.sum().backward()[x].as_slice());
        see("curvature, fused", 2, y.sum().grad(x).sum().backward()[x].as_slice());
    }

    // One by one: on scalars, a few at a time, and on dual numbers.
    let mut alone = [(); 6].map(|()| Vec::with_capacity(points.len()));
    for &x in points {
        let tape = Tape::<T>::default();
        let s = tape.scalar(x);
        let y = s.unary(row, args);
        let slope = y.grad(s);
        let dual = Dual::new(Dual::new(x, T::one()), Dual::constant(1.0)).unary(row, args);
        let numbers = [y.backward()[s], slope.value(), slope.backward()[s]];
        let numbers =
            [numbers[0], numbers[1], numbers[2], dual.value.derivative, dual.derivative.derivative, y.value()];
        alone.iter_mut().zip(numbers).for_each(|(alone, y)| alone.push(y));
    }
    let whats = [
        "slope, scalar",
        "slope, scalar recorded",
        "curvature, scalar",
        "slope, dual",
        "curvature, dual",
        "value, scalar",
    ];
    for ((what, k), y) in whats.into_iter().zip([1, 1, 2, 1, 2, 0]).zip(&alone) {
        see(what, k, y);
    }
    found
}

#[test]
fn rows_of_one_input_are_within_four_units() {
    let mut failures = vec![];
    let only = std::env::var("ROW").unwrap_or_default();
    let rows = Unary::ROWS.iter().filter(|row| !has_figures(row));
    for row in rows.filter(|row| only.is_empty() || row.name == only) {
        for &args in arguments(row.row) {
            let found = row_of_one(row.row, args, &points::<f32>()).into_iter().chain(row_of_one(
                row.row,
                args,
                &points::<f64>(),
            ));
            failures.extend(found.filter_map(|worst| worst.failure(bound(row.row))));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The derivatives from which each of [`references::binary`] stems.
fn of(row: Binary) -> [&'static [usize]; 6] {
    match row {
        // Each second derivative has the slope of a factor, which is as large as the mixed one.
        Binary::Direction => [&[], &[0], &[0], &[0, 1, 4], &[0, 1, 2], &[0, 2, 4]],
        _ => [&[], &[0], &[0], &[0, 1], &[0, 1, 2], &[0, 2]],
    }
}

fn row_of_two<T: Float>(row: Binary, pairs: &[(T, T)]) -> Vec<Worst> {
    let right: Vec<_> =
        pairs.iter().map(|(a, b)| references::binary(row, &a.to_f64().into(), &b.to_f64().into())).collect();
    let mut found = vec![];
    let mut see = |what: &str, k: usize, y: &[T]| {
        let mut worst = Worst::of(format!("{} {} {what}", row.name(), T::NAME));
        for ((&y, right), (a, b)) in y.iter().zip(&right).zip(pairs) {
            worst.see(y, right, k, of(row)[k], || format!("({:e}, {:e})", a.to_f64(), b.to_f64()));
        }
        found.push(worst);
    };
    let (first, second): (Vec<T>, Vec<T>) = pairs.iter().copied().unzip();
    let tape = Tape::<T>::default();
    let (a, b) = (tape.var(Tensor::from(first)), tape.var(Tensor::from(second)));
    let y = a.binary(row, b);
    let ones = Tensor::ones(y.shape());
    see("value", 0, y.value().as_slice());
    let grads = y.sum().backward();
    see("by a, swept", 1, grads[a].as_slice());
    see("by b, swept", 2, grads[b].as_slice());
    see("by a, forward", 1, y.jvp(&[(a, &ones)]).as_slice());
    see("by b, forward", 2, y.jvp(&[(b, &ones)]).as_slice());
    let (da, db) = y.sum().grad((a, b));
    see("by a, recorded", 1, da.value().as_slice());
    see("by b, recorded", 2, db.value().as_slice());
    let (by_a, by_b) = (da.sum().backward(), db.sum().backward());
    see("by a and a", 3, by_a[a].as_slice());
    see("by a and b", 4, by_a[b].as_slice());
    see("by b and a", 4, by_b[a].as_slice());
    see("by b and b", 5, by_b[b].as_slice());
    see("by a and a, forward", 3, da.jvp(&[(a, &ones)]).as_slice());
    see("by b and b, forward", 5, db.jvp(&[(b, &ones)]).as_slice());
    // One by one.
    let mut alone = [(); 6].map(|()| Vec::with_capacity(pairs.len()));
    for &(a, b) in pairs {
        let tape = Tape::<T>::default();
        let (a, b) = (tape.scalar(a), tape.scalar(b));
        let y = a.binary(row, b);
        let ((da, db), grads) = (y.grad((a, b)), y.backward());
        let (by_a, by_b) = (da.backward(), db.backward());
        let numbers = [y.value(), grads[a], grads[b], by_a[a], by_a[b], by_b[b]];
        alone.iter_mut().zip(numbers).for_each(|(alone, y)| alone.push(y));
    }
    for (k, y) in alone.iter().enumerate() {
        see(&format!("scalars, derivative {k}"), k, y);
    }
    found
}

/// Pairs of numbers of all sizes.
fn pairs<T: Float>(row: Binary) -> Vec<(T, T)> {
    let all = points::<T>();
    // A power is out of range for most exponents.
    let most = if T::NAME == "f32" { 80.0 } else { 700.0 };
    let power = |a: T| {
        let exponent = most / a.to_f64().ln().abs().max(1e-300);
        [1.0, -1.0, 0.6, 0.31, -0.2, 0.03, 1e-4].map(|part| (a, T::from_f64(part * exponent)))
    };
    let near = |a: T| [0.3, 0.5, 0.75, 1.0, 1.25, 2.0, 3.0, -1.0, -0.4].map(|b| (a, T::from_f64(b)));
    if row == Binary::Pow {
        return all.iter().filter(|a| a.to_f64() > 0.0).flat_map(|&a| power(a).into_iter().chain(near(a))).collect();
    }
    if row == Binary::TanhSlope {
        return all.iter().map(|&b| (b.tanh(), b)).collect();
    }
    // Each number has one partner of similar size, and some of any size.
    let partner = |i: usize, a: T| {
        let other = |k: usize| all[(i * 37 + k * 211) % all.len()];
        let like = [1.0, -1.7, 0.1, 40.0].map(|factor| T::from_f64(a.to_f64() * factor));
        like.into_iter().chain([other(0), other(1), other(2)]).map(move |b| (a, b))
    };
    all.iter().enumerate().flat_map(|(i, &a)| partner(i, a)).filter(|&(_, b)| Test::Normal.of(b)).collect()
}

#[test]
fn rows_of_two_inputs_are_within_four_units() {
    let mut failures = vec![];
    let only = std::env::var("ROW").unwrap_or_default();
    for row in Binary::ROWS.iter().filter(|row| only.is_empty() || row.name == only) {
        let found =
            row_of_two(row.row, &pairs::<f32>(row.row)).into_iter().chain(row_of_two(row.row, &pairs::<f64>(row.row)));
        let bound = if matches!(row.row, Binary::Direction | Binary::Share) { BOUND_OF_PARTS } else { BOUND };
        failures.extend(found.filter_map(|worst| worst.failure(bound)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
