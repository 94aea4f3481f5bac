//! Eigenvalues, singular values, and running sums of exponentials: rules, laws, conventions, equal values, and higher orders.

use autograd::check::Checker;
use autograd::{Scalar, Tape, Tensor, Var};

use crate::rules::{Case, block, distinct, matrix, positive, regular, squares, tall};
use crate::sampling::Sampler;

/// What the property tests try.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("matrix_power", squares, |x| x[0].matrix_power(3)),
        ("matrix_power of an inverse", squares, |x| regular(x[0]).matrix_power(-2) * 9.0),
        ("logdet", squares, |x| positive(x[0]).logdet()),
        ("eigvalsh", squares, |x| spread(x[0]).eigvalsh()),
        ("eigh", squares, |x| {
            let (w, v) = spread(x[0]).eigh();
            w.unsqueeze(1) * v
        }),
        ("svdvals", tall, |x| graded(x[0]).svdvals()),
        ("svd", tall, |x| {
            let (u, s, vt) = graded(x[0]).svd();
            u.matmul(vt + 0.3) * s
        }),
        ("svd of more columns", tall, |x| {
            let (u, s, vt) = graded(x[0]).t().svd();
            (u + 0.3).matmul(vt) * s.unsqueeze(1)
        }),
        ("svd of square matrices", squares, |x| {
            let (u, s, vt) = spread(x[0]).svd();
            (u * s.unsqueeze(1)).matmul(vt.square())
        }),
        ("schatten_norm 1", tall, |x| x[0].schatten_norm(1.0)),
        ("schatten_norm 2", tall, |x| x[0].schatten_norm(2.0)),
        ("schatten_norm 3", squares, |x| spread(x[0]).schatten_norm(3.0)),
        ("schatten_norm ∞", tall, |x| graded(x[0]).schatten_norm(f64::INFINITY)),
        ("cond", squares, |x| spread(x[0]).cond()),
        ("pinv", squares, |x| regular(x[0]).pinv()),
        ("pinv of independent columns", tall, |x| x[0].pinv()),
        ("pinv of dependent columns", tall, |x| (x[0].matmul(x[0].t()) * 0.2).pinv()),
        ("logcumsumexp", block, |x| x[0].logcumsumexp(1)),
        ("logcumsumexp of large differences", block, |x| (x[0] * 4.0).logcumsumexp(0)),
        ("vander", matrix, |x| x[0].vander(4)),
        ("renorm", distinct, |x| (x[0] + 0.55).renorm(2.5, 1, 0.9)),
        (
            "cross",
            |s| {
                let n = s.len();
                vec![s.normal_like(&[n, 3]), s.normal_like(&[3])]
            },
            |x| x[0].cross(x[1], 1),
        ),
    ]
}

/// Near diagonal, with values far from each other: `x/4 + diag(3, 5, 7, …)`.
fn spread<'t>(x: Var<'t>) -> Var<'t> {
    let n = x.shape()[x.shape().len() - 1];
    x * 0.25 + &Tensor::new([n], (0..n).map(|j| 3.0 + 2.0 * j as f64).collect()).diagonal_matrix()
}

/// The columns of a matrix that is [`tall`], scaled by 1, 2, 3, …
fn graded<'t>(x: Var<'t>) -> Var<'t> {
    let n = x.shape()[1];
    x * &Tensor::new([n], (1..=n).map(|j| j as f64).collect())
}

fn identity(n: usize) -> Tensor {
    Tensor::ones([n]).diagonal_matrix()
}

fn close(a: &Tensor, b: &Tensor, what: &str) {
    assert!(a.is_close(b, 1e-12), "{what}: {a}\nis not\n{b}");
}

#[test]
fn factors_multiply_to_the_matrix_with_signs_by_rule() {
    let mut s = Sampler::new(7);
    for shape in [&[1, 1][..], &[4, 4], &[2, 3, 3], &[6, 2], &[2, 5], &[2, 1, 3, 2], &[40, 40]] {
        let x = s.normal_like(shape);
        let (u, values, vt) = x.svd();
        let rank = shape.len();
        close(&(&u * &values.unsqueeze(rank - 2)).matmul(&vt), &x, "u·s·vᵀ");
        let k = shape[rank - 2].min(shape[rank - 1]);
        close(&u.t().matmul(&u), &identity(k).expand(u.t().matmul(&u).shape().clone()), "uᵀ·u");
        close(&vt.matmul(&vt.t()), &identity(k).expand(vt.matmul(&vt.t()).shape().clone()), "vᵀ·v");
        let tops = u.max_axis(rank - 2) + u.min_axis(rank - 2);
        assert!(tops.as_slice().iter().all(|&x| x >= -1e-6), "the largest of each left vector is positive: {u}");
        assert_eq!(x.svdvals(), values);
        if shape[rank - 2] == shape[rank - 1] {
            let (w, v) = x.eigh();
            let symmetric = (&x + &x.t()) * 0.5;
            close(&(&v * &w.unsqueeze(rank - 2)).matmul(&v.t()), &symmetric, "v·w·vᵀ");
            let tops = v.max_axis(rank - 2) + v.min_axis(rank - 2);
            assert!(tops.as_slice().iter().all(|&x| x >= -1e-6), "the largest of each vector is positive: {v}");
            assert_eq!(x.eigvalsh(), w);
        }
    }
    // In `f32` to the last digits, since the rotations are made in `f64`.
    let x: Tensor<f32> = Sampler::new(8).normal_like(&[20, 20]).cast();
    let (exact, single) = (x.cast::<f64>().svdvals(), x.svdvals());
    assert_eq!(exact.cast::<f32>(), single);
}

#[test]
fn the_pseudoinverse_has_its_four_properties() {
    let mut s = Sampler::new(9);
    let (a, b) = (s.normal_like(&[6, 2]), s.normal_like(&[2, 4]));
    for x in [a.matmul(&b), a, b, Tensor::zeros([3, 2])] {
        let y = x.pinv();
        close(&x.matmul(&y).matmul(&x), &x, "x·y·x");
        close(&y.matmul(&x).matmul(&y), &y, "y·x·y");
        for product in [x.matmul(&y), y.matmul(&x)] {
            close(&product, &product.t(), "the transpose of a projector");
        }
        let trace = x.matmul(&y).trace().item();
        assert!((trace - x.matrix_rank()[0] as f64).abs() < 1e-12, "the rank of {x}");
    }
    assert_eq!(Tensor::stack(&[identity(3), Tensor::ones([3, 3]), Tensor::zeros([3, 3])], 0).matrix_rank(), [3, 1, 0]);
    assert_eq!(Tensor::<f64>::zeros([2, 0, 3]).matrix_rank(), [0, 0]);
}

/// A function of equal values that treats them alike has its gradient; of the vectors none is finite.
#[test]
fn equal_values_have_gradients_and_their_vectors_have_none() {
    let tape = Tape::new();
    let x = tape.var(identity(3) * 2.0);
    let weights = Tensor::from([1.0, 2.0, 3.0]);
    let values = [
        (x.eigvalsh().square().sum(), 4.0),
        (x.svdvals().exp().sum(), 2f64.exp()),
        (x.schatten_norm(1.0).sum(), 1.0),
        (x.schatten_norm(f64::INFINITY).sum(), 1.0 / 3.0),
        (x.pinv().trace().sum(), -0.25),
        ((x.eigh().1 * &weights).sum(), f64::NAN),
        ((x.svd().0 * &weights).sum(), f64::NAN),
    ];
    for (k, (y, slope)) in values.into_iter().enumerate() {
        let (plain, recorded) = (y.backward()[x].clone(), y.grad(x).value());
        if slope.is_nan() {
            assert!(!plain.is_finite() && !recorded.is_finite(), "function {k}: {plain}");
            continue;
        }
        close(&plain, &(identity(3) * slope), "the gradient at equal values");
        close(&recorded, &plain, "the recorded gradient");
    }
    // The reconstruction does not depend on the choice of the vectors, but its gradient is a limit that they do not show: no
    // number rather than a wrong one.
    let (w, v) = x.eigh();
    let dx = (v * w).matmul(v.t()).at(0, 1).at(0, 2).sum().backward()[x].clone();
    assert!(!dx.is_finite(), "{dx}");
    // Forward mode of the values.
    let direction = Tensor::from([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]);
    assert_eq!(x.eigvalsh().sum().to_var().jvp(&[(x, &direction)]).item(), 6.0);
    assert_eq!(x.schatten_norm(1.0).jvp(&[(x, &direction)]).item(), 6.0);
}

#[test]
fn values_of_zero_pass_finite_gradients() {
    let tape = Tape::new();
    let x = tape.var(Tensor::zeros([3, 2]));
    for norm in [1.0, 2.0, 3.0, f64::INFINITY] {
        let y = x.schatten_norm(norm);
        assert_eq!((y.value().item(), y.sum().backward()[x].is_finite()), (0.0, true), "{norm}");
    }
    assert!(x.svdvals().sum().backward()[x].is_finite());
    assert_eq!(x.cond().value().item().to_string(), "NaN");
    assert_eq!(Tensor::from([[1.0, 0.0], [0.0, 0.0]]).cond().item(), f64::INFINITY);
}

#[test]
fn third_derivatives() {
    fn whole<'t>(x: Var<'t>) -> Scalar<'t> {
        let n = x.shape().numel();
        (x * &Tensor::new(x.shape(), (0..n).map(|i| 0.7 + (1.3 * i as f64).sin()).collect())).sum()
    }
    type Function = for<'t> fn(Var<'t>) -> Var<'t>;
    let square: &[(&str, Function)] = &[
        ("eigvalsh", |x| spread(x).eigvalsh()),
        ("eigh", |x| spread(x).eigh().1),
        ("svd", |x| spread(x).svd().2),
        ("matrix_power", |x| (x * 0.5).matrix_power(3)),
        ("logdet", |x| spread(x).logdet()),
    ];
    let long: &[(&str, Function)] = &[
        ("svd", |x| (x * &Tensor::from([1.0, 2.0])).svd().0),
        ("pinv", |x| x.pinv()),
        ("pinv of dependent columns", |x| (x.matmul(x.t()) * 0.2).pinv()),
        ("schatten_norm", |x| x.schatten_norm(1.0)),
        ("logcumsumexp", |x| x.logcumsumexp(0)),
        ("renorm", |x| x.renorm(3.0, 1, 0.5)),
    ];
    let drawn = |inputs: fn(&mut Sampler) -> Vec<Tensor>, n: usize| {
        let found = (0..).map(|seed| inputs(&mut Sampler::new(seed)).remove(0)).find(|x| x.shape().last() == Some(&n));
        found.expect("every length is drawn")
    };
    for (functions, x) in [(square, drawn(squares, 3)), (long, drawn(tall, 2))] {
        for (name, f) in functions {
            let report = Checker::new().orders(3).check(|x| whole(f(x[0])), std::slice::from_ref(&x)).unwrap();
            assert!(report.passed(), "{name}\n{report}");
        }
    }
}

/// Beside its definition, at sizes that an exponential does not survive, and along an axis between others.
#[test]
fn running_sums_of_exponentials_are_logarithms_of_sums() {
    let x = Sampler::new(11).normal_like(&[2, 5, 3]) * 300.0;
    let y = x.logcumsumexp(1);
    for j in 0..5 {
        close(&y.at(1, j), &x.slice(1, 0..j + 1).logsumexp_axis(1), "a sum");
    }
    let tape = Tape::new();
    let x = tape.var(&x);
    let (dx, whole) = (x.logcumsumexp(1).at(1, 4).sum().backward(), x.softmax(1).value());
    close(&dx[x], &whole, "the gradient of the last sum");
    let inf = f64::INFINITY;
    let x = tape.var([-inf, -inf, 0.0, -inf]);
    let y = x.logcumsumexp(0);
    assert_eq!(y.value(), Tensor::from([-inf, -inf, 0.0, 0.0]));
    assert_eq!(y.sum().backward()[x], Tensor::from([1.5, 0.5, 2.0, 0.0]));
}

#[test]
fn a_cross_product_is_orthogonal_and_broadcasts() {
    let mut s = Sampler::new(12);
    let (a, b) = (s.normal_like(&[4, 3]), s.normal_like(&[3]));
    let c = a.cross(&b, 1);
    for other in [&a, &b] {
        assert!((&c * other).sum_axis(1).as_slice().iter().all(|x| x.abs() < 1e-14));
    }
    close(&c, &-b.cross(&a, 1), "the product the other way round");
    assert_eq!(a.t().cross(&b.unsqueeze(1), 0), c.t());
    let square = |x: &Tensor| x.square().sum_axis(1);
    let dot = (&a * &b).sum_axis(1).square();
    close(&(square(&c) + dot), &(square(&a) * b.dot(&b).item()), "Lagrange's identity");
}
