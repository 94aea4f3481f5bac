//! Derivatives of order one to four where lower ones are 0: a factor of 0 has a derivative.

use autograd::{Elementwise, ElementwiseN, Number, Scalar, Tape, Tensor, Var, hvp};

/// The derivatives of a function of one number at 0, order by order.
fn of_scalars(f: impl for<'t> Fn(Scalar<'t>) -> Scalar<'t>) -> [f64; 4] {
    let tape = Tape::new();
    let x = tape.scalar(0.0);
    let mut y = f(x);
    std::array::from_fn(|_| {
        y = y.grad(x);
        y.value()
    })
}

/// The same on an array beside an ordinary element.
fn of_arrays<const N: usize>(f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> [f64; N] {
    let tape = Tape::new();
    let x = tape.var([0.7, 0.0, -1.2]);
    let mut y = f(x).sum();
    std::array::from_fn(|_| {
        y = y.grad(x).at(0, 1).item();
        y.value()
    })
}

/// The first is skipped: a tangent of a gradient, of its gradient, and of that.
fn forward_over<const N: usize>(f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> [f64; N] {
    let tape = Tape::new();
    let x = tape.var([0.7, 0.0, -1.2]);
    let mut y = f(x).sum();
    std::array::from_fn(|_| {
        let gradient = y.grad(x);
        y = gradient.at(0, 1).item();
        gradient.jvp(&[(x, &Tensor::ones([3]))]).as_slice()[1]
    })
}

/// A user's function, which runs fused.
#[derive(Clone, Copy)]
struct SineTimes;

impl Elementwise for SineTimes {
    fn f<N: Number>(self, x: N) -> N {
        x * x.sin()
    }
}

/// x²y³
#[derive(Clone, Copy)]
struct Monomial;

impl ElementwiseN<2> for Monomial {
    fn f<N: Number>(self, [x, y]: [N; 2]) -> N {
        x * x * y * y * y
    }
}

macro_rules! check {
    ($(|$x:ident| $f:expr => $right:expr;)*) => { $({
        let right: [f64; 4] = $right;
        let close = |found: &[f64], right: &[f64]| {
            found.iter().zip(right).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1.0))
        };
        let (scalars, arrays, forwards) = (of_scalars(|$x| $f), of_arrays::<4>(|$x| $f), forward_over::<3>(|$x| $f));
        assert!(close(&scalars, &right), "{}: {scalars:?}", stringify!($f));
        assert!(close(&arrays, &right), "{} of an array: {arrays:?}", stringify!($f));
        assert!(close(&forwards, &right[1..]), "{} forwards: {forwards:?}", stringify!($f));
    })* };
}

#[test]
fn factors_of_zero_have_derivatives() {
    check! {
        |x| x.square().exp() => [0.0, 2.0, 0.0, 12.0];
        |x| (x * x).exp() => [0.0, 2.0, 0.0, 12.0];
        |x| (x.square() + 1.0).recip() => [0.0, -2.0, 0.0, 24.0];
        |x| x / (x.square() + 1.0) => [1.0, 0.0, -6.0, 0.0];
        |x| (x.square() + 1.0).ln() => [0.0, 2.0, 0.0, -12.0];
        |x| (x.square() + 1.0).sqrt() => [0.0, 1.0, 0.0, -3.0];
        |x| (x.square() + 1.0).powf(0.5) => [0.0, 1.0, 0.0, -3.0];
        |x| x.square().cos() => [0.0, 0.0, 0.0, -12.0];
        |x| x.square().sin() => [0.0, 2.0, 0.0, 0.0];
        |x| x.square().tanh() => [0.0, 2.0, 0.0, 0.0];
        |x| x.square().sigmoid() => [0.0, 0.5, 0.0, 0.0];
        |x| x.square().softplus() => [0.0, 1.0, 0.0, 3.0];
        |x| x * x.sin() => [0.0, 2.0, 0.0, -4.0];
        |x| x.square() * x.cos() => [0.0, 2.0, 0.0, -12.0];
        |x| x.sin().square() => [0.0, 2.0, 0.0, -8.0];
        |x| x.tanh().square() => [0.0, 2.0, 0.0, -16.0];
        |x| x.sin().cosh() => [0.0, 1.0, 0.0, -3.0];
        |x| x.asin() * x.atan() => [0.0, 2.0, 0.0, -4.0];
        |x| x.powi(4) => [0.0, 0.0, 0.0, 24.0];
        |x| x.powi(2) * x.powi(2) => [0.0, 0.0, 0.0, 24.0];
        |x| x.sin() / (x + 1.0) => [1.0, -2.0, 5.0, -20.0];
        |x| x.exp_m1() * x => [0.0, 2.0, 3.0, 4.0];
        |x| x.erf() * x => [0.0, 4.0 / std::f64::consts::PI.sqrt(), 0.0, -16.0 / std::f64::consts::PI.sqrt()];
    }
}

#[test]
fn fused_functions_too() {
    assert_eq!(of_arrays(|x| x.map(SineTimes)), [0.0, 2.0, 0.0]);
    assert_eq!(forward_over(|x| x.map(SineTimes)), [2.0, 0.0]);
    assert_eq!(of_arrays(|x| x.map(SineTimes).square()), [0.0, 0.0, 0.0]);
    assert_eq!(of_arrays(|x| x.map(SineTimes) * x), [0.0, 0.0, 6.0]);
}

#[test]
fn mixed_derivatives_of_fused_functions_too() {
    // Its second derivative by x is 2y³, its third by x twice and y 6y², by x once and y twice 12xy; all but these are 0 where x or y is.
    for (at, right) in [([0.0, 1.0], [2.0, 6.0, 0.0]), ([1.0, 0.0], [0.0, 0.0, 0.0]), ([0.0, -2.0], [-16.0, 24.0, 0.0])]
    {
        let tape = Tape::new();
        let [x, y] = at.map(|at| tape.var([0.3, at]));
        let last = |d: Var<'_>| d.value().as_slice()[1];
        let (slope, ones) = (Var::zip_map([x, y], Monomial).sum().grad(x), Tensor::from([1.0, 1.0]));
        assert_eq!(slope.jvp(&[(x, &ones)]).as_slice()[1], right[0], "at {at:?}");
        let twice = slope.sum().grad(x);
        let mixed = Var::zip_map([x, y], Monomial).sum().grad(y).sum().grad(x).sum();
        assert_eq!([last(twice), last(twice.sum().grad(y)), last(mixed.grad(y))], right, "at {at:?}");
        assert_eq!(last(mixed.grad(x)), right[1], "at {at:?}");
    }
}

#[test]
fn products_of_arrays_and_matrices() {
    // f = (x·y)·(y·z) at 0: the Hessian-vector product of mixed terms.
    let zero = Tensor::from([0.0, 0.0]);
    let v = Tensor::from([1.0, -2.0]);
    assert_eq!(hvp(|x| (x * x).sum(), &zero, &v), &v * 2.0);
    assert_eq!(hvp(|x| x.reshape([1, 2]).matmul(x.reshape([2, 1])).sum(), &zero, &v), &v * 2.0);
    let matrix = Tensor::from([[0.0, 0.0], [0.0, 0.0]]);
    let u = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    let square = hvp(|x| x.matmul(x).sum(), &matrix, &u);
    // Σᵢⱼ(X²)ᵢⱼ = 1ᵀXX1, whose derivative along U is linear: 1(1ᵀU)... by rows and columns.
    assert_eq!(square, Tensor::from([[3.0 + 4.0, 7.0 + 4.0], [3.0 + 6.0, 7.0 + 6.0]]));
}
