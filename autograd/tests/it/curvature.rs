//! Second derivatives where |x|, a norm, a deviation is 0: of a square of it right, of others by convention.

use autograd::{Scalar, Tape, Tensor, Var, hessian, hvp, vhp};

/// Derivatives of the first, second, ... order of a function of one number, at 0, on scalars and on arrays.
fn at_0<const N: usize>(
    f: impl for<'t> Fn(Scalar<'t>) -> Scalar<'t>,
    g: impl for<'t> Fn(Var<'t>) -> Var<'t>,
) -> [f64; N] {
    let tape = Tape::new();
    let (x, v) = (tape.scalar(0.0), tape.var([0.0, 0.0]));
    let (mut y, mut z) = (f(x), g(v).sum());
    let of_scalars = std::array::from_fn(|_| {
        y = y.grad(x);
        y.value()
    });
    let of_arrays = std::array::from_fn(|_| {
        z = z.grad(v).at(0, 0).item();
        z.value()
    });
    assert_eq!(of_scalars, of_arrays, "scalars and arrays");
    of_scalars
}

macro_rules! at_0 {
    (|$x:ident| $f:expr) => {
        at_0(|$x| $f, |$x| $f)
    };
}

#[test]
fn a_square_of_a_magnitude_is_the_square() {
    assert_eq!(at_0!(|x| x.abs().square()), [0.0, 2.0, 0.0]);
    assert_eq!(at_0!(|x| x.abs() * x.abs()), [0.0, 2.0, 0.0]);
    assert_eq!(at_0!(|x| x.abs().powi(2)), [0.0, 2.0, 0.0]);
    assert_eq!(at_0!(|x| x.abs().powf(2.0)), [0.0, 2.0, 0.0]);
    assert_eq!(at_0!(|x| (-x.abs() * 3.0).square()), [0.0, 18.0, 0.0]);
    assert_eq!(at_0!(|x| (x.abs() / 2.0).square() * 5.0), [0.0, 2.5, 0.0]);
    assert_eq!(at_0!(|x| x.abs().square().ln_1p()), [0.0, 2.0, 0.0, -12.0]);
    assert_eq!(at_0!(|x| (x.abs().square() + 1.0).sqrt()), [0.0, 1.0, 0.0, -3.0]);
    assert_eq!(at_0!(|x| x.abs().powi(4)), [0.0, 0.0, 0.0, 24.0]);
    assert_eq!(at_0!(|x| x.abs().square().square()), [0.0, 0.0, 0.0, 24.0]);
    // Away from 0 nothing changes.
    let tape = Tape::new();
    let x = tape.scalar(-1.5);
    let dy = x.abs().powi(3).grad(x);
    assert_eq!((dy.value(), dy.grad(x).value()), (-6.75, 9.0));
}

/// The convention: the slope of |x| is 0 at 0, to whatever it is multiplied.
#[test]
fn what_is_no_multiple_of_a_magnitude_follows_the_convention() {
    assert_eq!(at_0!(|x| x.abs()), [0.0, 0.0]);
    assert_eq!(at_0!(|x| (x.abs() - 1.0).square()), [0.0, 0.0]);
    assert_eq!(at_0!(|x| x.abs().cosh()), [0.0, 0.0]);
}

#[test]
fn a_square_of_a_norm_or_a_deviation_is_the_sum_of_squares() {
    let x = Tensor::from([0.0, 0.0, 0.0]);
    let twice = |diagonal: f64, other: f64| Tensor::from_fn([3, 3], |i| if i[0] == i[1] { diagonal } else { other });
    let norms: [&dyn for<'t> Fn(Var<'t>) -> Scalar<'t>; 6] = [
        &|x| x.norm().square(),
        &|x| x.norm() * x.norm(),
        &|x| x.reshape([1, 3]).norm_axis(1).square().sum(),
        &|x| (x.reshape([3, 1]).norm_keep(0) * 2.0).powi(2).mean() / 4.0,
        &|x| x.norm().to_var().reshape([1, 1]).square().item(),
        &|x| x.abs().square().sum(),
    ];
    for (i, f) in norms.iter().enumerate() {
        assert_eq!(hessian(f, &x), twice(2.0, 0.0), "norm {i}");
        let v = Tensor::from([1.0, -2.0, 0.5]);
        assert_eq!(hvp(f, &x, &v), &v * 2.0, "norm {i}");
        assert_eq!(vhp(f, &x, &v), &v * 2.0, "norm {i}");
    }
    for constant in [0.0, 7.0] {
        let x = Tensor::full([3], constant);
        let expected = twice(4.0 / 9.0, -2.0 / 9.0);
        for found in [hessian(|x| x.std().square(), &x), hessian(|x| x.variance(), &x)] {
            assert!(found.is_close(&expected, 1e-15), "{found:?}");
        }
    }
}
