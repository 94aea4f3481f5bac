//! Every operation's gradient against differences: first order, second order, and the recorded reading against the plain.
//!
//! Rows of the table are enrolled by being in it. Structured operations are enrolled in `cases`; the last test fails when
//! an operation exists that none of them records.

use std::collections::BTreeSet;

use autograd::check::Checker;
use autograd::{Binary, Conv, ElementwiseN, Number, Pool, Resize, Scalar, Tape, Tensor, Unary, Var, operations};
use proptest::prelude::*;

use crate::maps::Bump;
use crate::order;
use crate::sampling::{Sampler, arguments, config};
use crate::spectra;

/// Σ f(x)·w with fixed weights w, so that every output receives its own gradient.
pub(crate) fn weighted<'t>(y: Var<'t>) -> Scalar<'t> {
    let shape = y.shape();
    let n = shape.numel();
    let weights = Tensor::new(shape, (0..n).map(|i| 0.7 + (1.3 * i as f64).sin()).collect());
    (y * &weights).sum()
}

/// Σ ⟨∂L/∂xₖ, vₖ⟩ with fixed vₖ: its gradient is a Hessian-vector product.
pub(crate) fn slope<'t>(loss: Scalar<'t>, x: &[Var<'t>]) -> Scalar<'t> {
    let parts = loss.grad(x);
    let weigh = |(k, dx): (usize, Var<'t>)| weighted(dx + 0.1 * k as f64);
    parts.into_iter().enumerate().map(weigh).sum()
}

fn checked(name: &str, seed: u64, x: &[Tensor], f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>) {
    let checker = Checker::new().seed(seed).elements(24).directions(1);
    let first = checker.check(|x| weighted(f(x)), x).unwrap();
    assert!(first.passed(), "{name} at {x:?}\n{first}");
    let second = checker.check(|x| slope(weighted(f(x)), x), x).unwrap();
    assert!(second.passed(), "second order of {name} at {x:?}\n{second}");

    let tape = Tape::new();
    let points = x;
    let x: Vec<_> = x.iter().map(|x| tape.var(x.clone())).collect();
    let y = f(&x);
    inner_product(name, seed, y, &x, points);
    // Forward over reverse: the rules of what gradients record.
    inner_product(name, seed, slope(weighted(y), &x).to_var(), &x, points);
    let loss = weighted(y);
    let recorded = loss.grad(&x[..]);
    let grads = loss.backward();
    for (x, recorded) in x.iter().zip(recorded) {
        let (plain, recorded) = (&grads[*x], recorded.value());
        assert!(plain.is_close(&recorded, 1e-13), "{name}: plain {plain:?} recorded {recorded:?}");
    }
}

/// ⟨w, J·v⟩ by forward mode is ⟨Jᵀ·w, v⟩ by reverse mode, to round-off: no differences, so no error of theirs.
fn inner_product<'t>(name: &str, seed: u64, y: Var<'t>, x: &[Var<'t>], points: &[Tensor]) {
    let mut sampler = Sampler::new(seed ^ 1);
    let v: Vec<Tensor> = points.iter().map(|x| sampler.normal_like(x.shape())).collect();
    let w = sampler.normal_like(&y.shape());
    let along: Vec<_> = x.iter().copied().zip(&v).collect();
    let (forward, grads) = (y.jvp(&along), y.vjp(&w));
    let constants: Vec<_> = v.iter().map(|v| y.tape().constant(v)).collect();
    let recorded = y.tangent(x, constants).value();
    assert!(recorded.is_close(&forward, 1e-13), "{name}: plain tangent {forward:?}, recorded {recorded:?}");
    let terms = |a: &Tensor, b: &Tensor| (a * b).to_vec();
    let left = terms(&w, &forward);
    let right: Vec<f64> = x.iter().zip(&v).flat_map(|(&x, v)| terms(&grads[x], v)).collect();
    let size: f64 = left.iter().chain(&right).map(|t| t.abs()).sum::<f64>().max(1.0);
    let (left, right) = (left.iter().sum::<f64>(), right.iter().sum::<f64>());
    assert!((left - right).abs() <= 1e-12 * size, "{name}: forward {left:e}, reverse {right:e}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn rows_of_one_input(seed: u64) {
        let mut sampler = Sampler::new(seed);
        for row in Unary::ROWS {
            let (args, kinks) = arguments(row.row, sampler.below(3));
            let shape = sampler.shape();
            let x = sampler.values(&shape, row.domains[0], &kinks);
            checked(row.name, seed, &[x], |x| x[0].unary(row.row, args));
            // The same row on scalars.
            let x = sampler.values(&[], row.domains[0], &kinks);
            checked(row.name, seed, &[x], |x| x[0].item().unary(row.row, args).to_var());
        }
    }

    #[test]
    fn rows_of_two_inputs(seed: u64) {
        let mut sampler = Sampler::new(seed);
        for row in Binary::ROWS {
            let (a, b) = sampler.broadcasting();
            let a = sampler.values_of_parity(&a, row.domains[0], true);
            let b = sampler.values_of_parity(&b, row.domains[1], false);
            checked(row.name, seed, &[a, b], |x| x[0].binary(row.row, x[1]));
            let a = sampler.values_of_parity(&[], row.domains[0], true);
            let b = sampler.values_of_parity(&[], row.domains[1], false);
            checked(row.name, seed, &[a, b], |x| x[0].item().binary(row.row, x[1].item()).to_var());
        }
    }

    #[test]
    fn structured_operations(seed: u64) {
        for (name, inputs, f) in cases() {
            let x = inputs(&mut Sampler::new(seed));
            checked(name, seed, &x, f);
        }
    }
}

/// A function of four numbers with a branch.
#[derive(Clone, Copy)]
struct Mixed {
    rate: f64,
}

impl ElementwiseN<4> for Mixed {
    fn f<N: Number>(self, [a, b, c, d]: [N; 4]) -> N {
        let left = a * b.sin() + N::constant(self.rate) * c.square();
        a.greater(N::constant(50.0)).select(b.ln(), left * d.exp())
    }
}

/// Name, inputs, function.
pub(crate) type Case = (&'static str, fn(&mut Sampler) -> Vec<Tensor>, for<'t> fn(&[Var<'t>]) -> Var<'t>);

/// Random arrays of three axes, of two, and pairs that can be multiplied.
pub(crate) fn block(s: &mut Sampler) -> Vec<Tensor> {
    let shape = [s.len(), s.len() + 1, s.len()];
    vec![s.normal_like(&shape)]
}

pub(crate) fn distinct(s: &mut Sampler) -> Vec<Tensor> {
    let shape = [s.len(), s.len() + 1, s.len()];
    vec![s.distinct(&shape)]
}

pub(crate) fn matrix(s: &mut Sampler) -> Vec<Tensor> {
    let shape = [s.len() + 1, s.len() + 1];
    vec![s.normal_like(&shape)]
}

fn product(s: &mut Sampler) -> Vec<Tensor> {
    let (m, k, n) = (s.len(), s.len(), s.len());
    vec![s.normal_like(&[m, k]), s.normal_like(&[k, n])]
}

fn layer(s: &mut Sampler) -> Vec<Tensor> {
    let (m, k, n) = (s.len(), s.len(), s.len());
    vec![s.normal_like(&[m, k]), s.normal_like(&[k, n]), s.normal_like(&[n])]
}

fn vectors(s: &mut Sampler) -> Vec<Tensor> {
    let n = s.len();
    vec![s.normal_like(&[n]), s.normal_like(&[n])]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = vec![
        ("map", block, |x| x[0].map(Bump)),
        (
            "zip_map",
            |s| {
                let (m, n) = (s.len(), s.len());
                vec![s.normal_like(&[m, n]), s.normal_like(&[n]), s.normal_like(&[m, 1]), s.normal_like(&[])]
            },
            |x| Var::zip_map([x[0], x[1], x[2], x[3]], Mixed { rate: 0.7 }),
        ),
        ("sum", block, |x| x[0].sum().to_var()),
        ("sum_axis 0", block, |x| x[0].sum_axis(0)),
        ("sum_axis 1", block, |x| x[0].square().sum_axis(1)),
        ("sum_axis [0, 2]", block, |x| x[0].square().sum_axis([0, 2])),
        ("sum_keep 1..3", block, |x| x[0].square().sum_keep(1..3)),
        ("mean_axis", block, |x| x[0].square().mean_axis(2)),
        ("prod_axis", block, |x| x[0].prod_axis(1)),
        ("prod with a zero", matrix, |x| {
            (x[0] * &Tensor::from([0.0]).pad(&[(0, x[0].shape()[1] - 1)], 1.0)).prod_axis(1)
        }),
        ("max_axis", distinct, |x| x[0].max_axis(1)),
        ("max_axis [0, 2]", distinct, |x| x[0].max_axis([0, 2])),
        ("min_keep", distinct, |x| x[0].min_keep(0)),
        ("logsumexp_axis", block, |x| x[0].logsumexp_axis(1)),
        ("logsumexp", block, |x| x[0].logsumexp().to_var()),
        ("norm_axis", distinct, |x| (x[0] + 0.55).norm_axis(2)),
        ("variance_keep", block, |x| x[0].variance_keep(1)),
        ("sample_variance_axis", block, |x| x[0].sample_variance_axis(1)),
        ("std_axis", distinct, |x| x[0].std_axis(1)),
        ("cumsum", block, |x| x[0].square().cumsum(1)),
        ("roll", block, |x| x[0].square().roll(-1, 1)),
        ("shift", block, |x| x[0].square().shift(1, 0) * x[0].shift(-1, 2)),
        ("conv2d", images, |x| x[0].conv2d(x[1], &Conv::new())),
        ("conv2d, strides, padding and dilation", images, |x| {
            x[0].conv2d(x[1], &Conv::new().stride([2, 1]).padding([1, 2]).dilation([1, 2]))
        }),
        ("conv2d in groups", groups, |x| x[0].conv2d(x[1], &Conv::new().groups(2).padding(1))),
        ("conv1d", images, |x| x[0].at(2, 0).conv1d(x[1].at(2, 0), &Conv::new().stride(2).padding(1))),
        ("conv_transpose2d", turned, |x| {
            x[0].conv_transpose2d(x[1], &Conv::new().stride(2).padding(1).output_padding([1, 0]))
        }),
        ("conv_transpose1d", turned, |x| x[0].at(2, 0).conv_transpose1d(x[1].at(2, 0), &Conv::new().dilation(2))),
        ("max_pool2d", pictures, |x| x[0].max_pool2d(&Pool::new(2).stride([1, 2]).padding([0, 1]))),
        ("max_pool1d", pictures, |x| x[0].at(2, 0).max_pool1d(&Pool::new(2).dilation(2).stride(1))),
        ("avg_pool2d", pictures, |x| x[0].avg_pool2d(&Pool::new([2, 3]).stride(1).padding(1)).square()),
        ("avg_pool1d", pictures, |x| x[0].at(2, 0).avg_pool1d(&Pool::new(2).padding(1).exclude_padding()).square()),
        ("adaptive_avg_pool2d", pictures, |x| x[0].adaptive_avg_pool2d([2, 3]).square()),
        ("adaptive_max_pool2d", pictures, |x| x[0].adaptive_max_pool2d([3, 2])),
        ("adaptive pooling along one axis", pictures, |x| {
            x[0].at(2, 0).adaptive_avg_pool1d(2).square() + x[0].at(2, 1).adaptive_max_pool1d(2)
        }),
        ("resize2d", pictures, |x| x[0].resize2d([5, 2], Resize::Bilinear).square()),
        ("resize2d to the nearest", pictures, |x| x[0].resize2d([2, 6], Resize::Nearest).square()),
        ("resize1d", pictures, |x| x[0].at(2, 0).resize1d(6, Resize::BilinearCorners).square()),
        ("cholesky", squares, |x| positive(x[0]).cholesky()),
        ("cholesky of what is not symmetric", squares, |x| (positive(x[0]) + x[0] * 0.1).cholesky()),
        ("cholesky_solve", systems, |x| positive(x[0]).cholesky().cholesky_solve(x[1])),
        ("solve", systems, |x| regular(x[0]).solve(x[1])),
        ("solve a vector", systems, |x| regular(x[0].at(0, 0)).solve(x[1].at(1, 0))),
        ("solve_lower", systems, |x| regular(x[0]).solve_lower(x[1])),
        ("solve_upper", systems, |x| regular(x[0]).solve_upper(x[1])),
        ("inverse", squares, |x| regular(x[0]).inverse()),
        ("qr, q", squares, |x| regular(x[0]).qr().0),
        ("qr, r", tall, |x| x[0].qr().1),
        ("lstsq", tall, |x| x[0].lstsq(x[1])),
        ("det", squares, |x| regular(x[0]).det()),
        ("slogdet", squares, |x| regular(x[0]).slogdet().1),
        ("matrix_exp", squares, |x| x[0].matrix_exp()),
        ("matrix_exp, squared", squares, |x| (x[0] * 4.0).matrix_exp() * 1e-3),
        ("trace", squares, |x| x[0].square().trace()),
        ("kron", matrix, |x| x[0].kron(x[0].t())),
        ("einsum of a product", product, |x| Var::einsum("ij,jk->ki", &[x[0], x[1]])),
        ("einsum of batches and sums", block, |x| Var::einsum("aij,akj,...->ia", &[x[0], x[0], x[0].sum().to_var()])),
        ("einsum of a diagonal", squares, |x| Var::einsum("aii,aij->aj", &[x[0], x[0]])),
        ("tensordot", block, |x| x[0].tensordot(x[0].square(), [&[0, 2], &[0, 2]])),
        ("diff", block, |x| x[0].square().diff(1)),
        ("cumprod", block, |x| x[0].cumprod(1)),
        ("repeat", matrix, |x| x[0].square().repeat(0, 3)),
        ("tile", matrix, |x| x[0].square().tile(&[2, 1])),
        ("trapezoid", block, |x| x[0].square().trapezoid(1, 0.3)),
        ("p_norm", distinct, |x| (x[0] + 0.55).p_norm(2.5, 1)),
        ("interp", matrix, |x| (x[0] * 0.1).interp(&[-1.0, 1.0], &x[0].at(0, 0).slice(0, 0..2).square())),
        ("map_rows", matrix, |x| x[0].map_rows(|row| row.softmax(0).square())),
        ("cdist", matrix, |x| x[0].cdist(x[0] + 2.5)),
        ("cosine_similarity", matrix, |x| x[0].cosine_similarity(x[0].at(0, 0) + 1.5, 1)),
        ("sample_std_axis", distinct, |x| x[0].sample_std_axis(1)),
        ("meshgrid", vectors, |x| {
            let grid = Var::meshgrid(&[x[0], x[1].square()]);
            grid[0] * grid[1]
        }),
        ("softmax 1", block, |x| x[0].softmax(1)),
        ("normalize", block, |x| x[0].normalize(0.1)),
        ("softmax 2", block, |x| x[0].softmax(2)),
        ("log_softmax 0", block, |x| x[0].log_softmax(0)),
        ("cross_entropy", matrix, |x| x[0].cross_entropy(&vec![1; x[0].shape()[0]])),
        (
            "cross_entropy_soft",
            |s| {
                let x = matrix(s);
                vec![x[0].clone(), x[0].softmax(1)]
            },
            |x| x[0].cross_entropy_soft(x[1]),
        ),
        ("matmul", product, |x| x[0].matmul(x[1])),
        ("matmul ᵀ·", product, |x| x[0].t().square().t().matmul(x[1])),
        ("matmul aᵀ·a", matrix, |x| x[0].t().matmul(x[0])),
        ("matmul a·aᵀ", matrix, |x| x[0].matmul(x[0].t())),
        ("matmul aᵀ·aᵀᵀ", matrix, |x| x[0].t().matmul((x[0] * 2.0).t().t())),
        ("matmul bᵀ·aᵀ", product, |x| x[1].t().matmul(x[0].t())),
        (
            "matmul of batches",
            |s| {
                let (m, k, n, b) = (s.len(), s.len(), s.len(), s.len());
                vec![s.normal_like(&[b, 1, m, k]), s.normal_like(&[2, k, n])]
            },
            |x| x[0].matmul(x[1]),
        ),
        (
            "matmul of a transposed batch",
            |s| {
                let (m, k, n) = (s.len(), s.len(), s.len());
                vec![s.normal_like(&[3, k, m]), s.normal_like(&[k, n])]
            },
            |x| x[0].t().matmul(x[1]),
        ),
        (
            "matmul of a batch and a matrix",
            |s| {
                let (m, k, n) = (s.len(), s.len(), s.len());
                vec![s.normal_like(&[3, m, k]), s.normal_like(&[k, n])]
            },
            |x| x[0].matmul(x[1]),
        ),
        (
            "matmul of a matrix and a vector",
            |s| {
                let n = s.len();
                vec![s.normal_like(&[3, n]), s.normal_like(&[n])]
            },
            |x| x[0].matmul(x[1]),
        ),
        (
            "matmul of a vector and a batch",
            |s| {
                let n = s.len();
                vec![s.normal_like(&[n]), s.normal_like(&[2, n, 3])]
            },
            |x| x[0].matmul(x[1]),
        ),
        ("dot", vectors, |x| x[0].dot(x[1])),
        ("outer", vectors, |x| x[0].outer(x[1])),
        ("dense with tanh", layer, |x| x[0].dense(x[1], x[2], Unary::Tanh)),
        (
            "dense with the sigmoid",
            |s| {
                let (m, k, n) = (s.len(), s.len(), s.len());
                vec![s.normal_like(&[2, m, k]), s.normal_like(&[k, n]), s.normal_like(&[n])]
            },
            |x| x[0].dense(x[1], x[2], Unary::Sigmoid),
        ),
        ("affine_relu", layer, |x| x[0].dense(x[1], x[2], Unary::Relu)),
        ("affine", layer, |x| x[0].affine(x[1], x[2])),
        (
            "affine of a block",
            |s| {
                let (m, k, n) = (s.len(), s.len(), s.len());
                vec![s.normal_like(&[2, m, k]), s.normal_like(&[k, n]), s.normal_like(&[n])]
            },
            |x| x[0].affine(x[1], x[2]).tanh(),
        ),
        ("reshape, flatten", block, |x| x[0].square().flatten().square()),
        ("t", matrix, |x| x[0].t().square()),
        ("transpose 0 2", block, |x| x[0].transpose(0, 2).square()),
        ("permute", block, |x| x[0].permute(&[2, 0, 1]).square()),
        ("expand", matrix, |x| x[0].sum_keep(0).expand([3, 2, x[0].shape()[1]]).square()),
        ("squeeze, unsqueeze", matrix, |x| x[0].unsqueeze(1).square().squeeze(1)),
        ("slice", block, |x| x[0].slice(1, 1..x[0].shape()[1]).square()),
        ("slice_step", block, |x| x[0].slice_step(1, 0..x[0].shape()[1], 2).square()),
        ("at", block, |x| x[0].at(1, 1).square()),
        ("flip", block, |x| x[0].flip(1).square()),
        ("pad", matrix, |x| x[0].pad(&[(1, 0), (2, 1)], 0.5).square()),
        ("diagonal", matrix, |x| x[0].square().diagonal()),
        ("diagonal_matrix", vectors, |x| x[0].square().diagonal_matrix()),
        ("lower_triangle", block, |x| x[0].square().lower_triangle(0)),
        ("upper_triangle", matrix, |x| x[0].square().upper_triangle(1)),
        ("take", block, |x| x[0].square().take(1, &[1, 0, 1])),
        ("pick", matrix, |x| x[0].square().pick(1, &vec![1; x[0].shape()[0]])),
        (
            "scatter_add",
            |s| {
                let n = s.len();
                vec![s.normal_like(&[3, n])]
            },
            |x| x[0].square().scatter_add(0, &[4, 1, 4], 5),
        ),
        ("concat", product, |x| {
            Var::concat(&[x[0].square(), x[1].t().t().sum_keep(1).expand([x[1].shape()[0], 2]).t()], 0)
        }),
        ("stack", vectors, |x| Var::stack(&[x[0], x[1] * x[0]], 1)),
        ("split", block, |x| {
            let n = x[0].shape()[1];
            let parts = x[0].split(1, &[1, n - 1]);
            parts[0] * parts[1]
        }),
        (
            "select",
            |s| {
                let (a, b) = s.broadcasting();
                vec![s.values(&a, (-2.0, 2.0), &[0.3]), s.normal_like(&b)]
            },
            |x| x[0].detach().greater(0.3).select(x[0] * x[1], x[1].square()),
        ),
        ("scalar beside array", matrix, |x| x[0] * x[0].sum() + x[0].mean() / x[0].square().sum()),
        ("the same array twice", matrix, |x| x[0] * x[0] + x[0]),
        ("assignment", matrix, |x| {
            let mut y = x[0];
            y += 1.0;
            y *= x[0];
            y -= x[0].sum();
            y /= 2.0;
            y
        }),
    ];
    cases.extend(order::cases());
    cases.extend(spectra::cases());
    cases
}

/// Two square matrices.
pub(crate) fn squares(s: &mut Sampler) -> Vec<Tensor> {
    let n = s.len();
    vec![s.normal_like(&[2, n, n])]
}

/// Two square matrices, and right-hand sides that both are solved with.
fn systems(s: &mut Sampler) -> Vec<Tensor> {
    let (n, k) = (s.len(), s.len());
    vec![s.normal_like(&[2, n, n]), s.normal_like(&[n, k])]
}

/// A matrix with more rows than columns, which are far from dependent, and right-hand sides.
pub(crate) fn tall(s: &mut Sampler) -> Vec<Tensor> {
    let (n, k) = (s.len(), s.len());
    let x = s.normal_like(&[n + 1, n]) * 0.25;
    vec![x + &(Tensor::ones([n]).diagonal_matrix() * 3.0).pad(&[(0, 1), (0, 0)], 0.0), s.normal_like(&[n + 1, k])]
}

/// Images of two samples and channels, and weights of a window of two by three.
fn images(s: &mut Sampler) -> Vec<Tensor> {
    vec![s.normal_like(&[2, 2, 3, 5]), s.normal_like(&[3, 2, 2, 3])]
}

/// The same in two groups.
fn groups(s: &mut Sampler) -> Vec<Tensor> {
    vec![s.normal_like(&[2, 4, 3, 3]), s.normal_like(&[2, 2, 2, 2])]
}

/// For a transposed convolution.
fn turned(s: &mut Sampler) -> Vec<Tensor> {
    vec![s.normal_like(&[2, 3, 2, 3]), s.normal_like(&[3, 2, 3, 2])]
}

/// Images without two values alike in a window.
fn pictures(s: &mut Sampler) -> Vec<Tensor> {
    let noise = s.normal_like(&[2, 2, 3, 4]) * 0.01;
    vec![Tensor::from_fn([2, 2, 3, 4], |i| ((7 * i[2] + 5 * i[3] + 3 * i[1] + i[0]) % 12) as f64 * 0.3 - 1.5) + noise]
}

/// `x·xᵀ + 1`
pub(crate) fn positive<'t>(x: Var<'t>) -> Var<'t> {
    x.matmul(x.t()) + &identity(x)
}

/// Far from singular: `x/4 + 3`.
pub(crate) fn regular<'t>(x: Var<'t>) -> Var<'t> {
    x * 0.25 + &(identity(x) * 3.0)
}

fn identity(x: Var<'_>) -> Tensor {
    Tensor::ones([x.shape()[x.shape().len() - 1]]).diagonal_matrix()
}

/// Each structured operation must occur in `cases`, in the gradient of one, or in the gradient of a gradient.
#[test]
fn every_operation_is_enrolled() {
    let mut met: BTreeSet<String> = Unary::ROWS.iter().map(|row| row.name.to_string()).collect();
    met.extend(Binary::ROWS.iter().map(|row| row.name.to_string()));
    for (_, inputs, f) in cases() {
        let tape = Tape::new();
        let x: Vec<_> = inputs(&mut Sampler::new(1)).into_iter().map(|x| tape.var(x)).collect();
        slope(weighted(f(&x)), &x).grad(&x[..]);
        met.extend(tape.census().into_keys());
    }
    let missing: Vec<_> = operations().into_iter().filter(|&name| !met.contains(name)).collect();
    assert!(
        missing.is_empty(),
        "not enrolled in the property tests: {missing:?}; add a line to `cases` in tests/it/rules.rs"
    );
}

/// Third derivatives of the elementwise rows of one input, on scalars and on arrays.
#[test]
fn third_derivatives_of_rows_of_one_input() {
    let mut sampler = Sampler::new(3);
    for row in Unary::ROWS {
        let (args, kinks) = arguments(row.row, sampler.below(3));
        let x = sampler.values(&[], row.domains[0], &kinks);
        let scalar = Checker::new().check(
            |x| {
                let x = x[0].item();
                x.unary(row.row, args).grad(x).grad(x)
            },
            std::slice::from_ref(&x),
        );
        let report = scalar.unwrap();
        assert!(report.passed(), "third order of {} at {x:?}\n{report}", row.name);
        let x = sampler.values(&[3], row.domains[0], &kinks);
        let array =
            Checker::new().check(|x| slope(slope(weighted(x[0].unary(row.row, args)), x), x), std::slice::from_ref(&x));
        let report = array.unwrap();
        assert!(report.passed(), "third order of {} at {x:?}\n{report}", row.name);
    }
}

/// Third derivatives of the elementwise rows of two inputs, pure and mixed, on scalars and on arrays.
#[test]
fn third_derivatives_of_rows_of_two_inputs() {
    let mut sampler = Sampler::new(4);
    for row in Binary::ROWS {
        let mut pair = |shape: &[usize]| {
            let a = sampler.values_of_parity(shape, row.domains[0], true);
            [a, sampler.values_of_parity(shape, row.domains[1], false)]
        };
        let x = pair(&[]);
        let scalar = Checker::new().check(
            |x| {
                let (a, b) = (x[0].item(), x[1].item());
                let mut y = a.binary(row.row, b);
                for _ in 0..2 {
                    let (da, db) = y.grad((a, b));
                    y = da * 0.7 + db * 1.3;
                }
                y
            },
            &x,
        );
        let report = scalar.unwrap();
        assert!(report.passed(), "third order of {} at {x:?}\n{report}", row.name);
        let x = pair(&[3]);
        let array = Checker::new().check(|x| slope(slope(weighted(x[0].binary(row.row, x[1])), x), x), &x);
        let report = array.unwrap();
        assert!(report.passed(), "third order of {} at {x:?}\n{report}", row.name);
    }
}
