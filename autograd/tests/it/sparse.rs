//! Sparse Jacobians and Hessians: against full ones for each operation, their places, and the number of their products.

use std::collections::BTreeSet;

use autograd::{
    Linearization, Mode, Tensor, Var, hessian, hessian_sparse, jacobian, jacobian_sparse, linearize, several,
};

use crate::rules::cases;
use crate::sampling::Sampler;

/// Where a place is stored although its value is 0: which value is chosen, and what a mask or a triangle leaves out, is no
/// structure; in others a factor is 0, or terms cancel.
const WIDER: &[&str] = &[
    "masked_fill",
    "max_axis",
    "scatter, max",
    "scatter, min",
    "solve_lower",
    "solve_upper",
    "upper_triangle",
    "cdist",
    "cross_entropy_soft",
    "prod with a zero",
    // A window is said to depend on all of its sample, and a mean or a resized axis on the whole axis.
    "conv1d",
    "conv2d",
    "conv2d in groups",
    "conv2d, strides, padding and dilation",
    "conv_transpose1d",
    "conv_transpose2d",
    "avg_pool1d",
    "avg_pool2d",
    "adaptive_avg_pool2d",
    "adaptive pooling along one axis",
    "resize1d",
    "resize2d",
];

/// Each operation has the numbers of the full Jacobian, and stores no place whose value is 0, but for those named above.
#[test]
fn each_operation_has_the_jacobian_of_the_full_one() {
    let mut wider: BTreeSet<&str> = cases().into_iter().map(|(name, ..)| name).collect();
    // A softmax of one value is constant: a name counts if the places are exact with no seed.
    for (seed, (name, inputs, f)) in (0..8).flat_map(|seed| cases().into_iter().map(move |case| (seed, case))) {
        let x = inputs(&mut Sampler::new(seed));
        let f: Linearization = several::linearize(f, &x);
        let (full, sparse) = (f.jacobian(Mode::Auto), f.jacobian_sparse(&f.sparsity()));
        let size = full.to_vec().iter().fold(1.0, |size: f64, y| size.max(y.abs()));
        let gap = (sparse.to_dense() - &full).to_vec().iter().fold(0.0, |gap: f64, y| gap.max(y.abs()));
        assert!(gap <= 1e-12 * size, "{name}, seed {seed}: {gap:e} of {size:e}");
        if sparse.values().len() == full.to_vec().iter().filter(|&&y| y != 0.0).count() {
            wider.remove(name);
        }
    }
    assert_eq!(wider, WIDER.iter().copied().collect());
}

/// `sin(xᵢ)·xᵢ₊₁ + xᵢ₊₂²`
fn band<'t>(x: Var<'t>) -> Var<'t> {
    let n = x.shape()[0];
    x.slice(0, 0..n - 2).sin() * x.slice(0, 1..n - 1) + x.slice(0, 2..n).square()
}

#[test]
fn a_band_takes_as_many_products_as_it_is_wide() {
    let x = Sampler::new(1).normal_like(&[200]);
    let j = jacobian_sparse(band, &x);
    assert_eq!((j.shape(), j.values().len()), ((198, 200), 3 * 198));
    assert_eq!((j.sparsity().colours(), j.sparsity().by_rows()), (3, false));
    assert!(j.to_dense().is_close(&jacobian(band, &x), 1e-15));
    let h = hessian_sparse(|x| band(x).square().sum(), &x);
    assert_eq!(h.sparsity().colours(), 5);
    assert!(h.to_dense().is_close(&hessian(|x| band(x).square().sum(), &x), 1e-13));
    let v = Sampler::new(2).normal_like(&[200]);
    assert!(j.times(&v).is_close(&j.to_dense().matmul(&v), 1e-13));
    let u = Sampler::new(3).normal_like(&[198]);
    assert!(j.transpose_times(&u).is_close(&j.to_dense().t().matmul(&u), 1e-13));
}

/// Each result depends on all of its row, and on no other's.
#[test]
fn rows_of_results_are_computed_together_where_columns_cannot_be() {
    let x = Sampler::new(1).normal_like(&[30, 8]);
    let j = jacobian_sparse(|x| x.square().sum_axis(1), &x);
    assert_eq!((j.values().len(), j.sparsity().colours(), j.sparsity().by_rows()), (240, 1, true));
    assert!(j.to_dense().is_close(&jacobian(|x| x.square().sum_axis(1), &x), 1e-15));
    let j = jacobian_sparse(|x| x.softmax(1), &x);
    assert_eq!((j.values().len(), j.sparsity().colours()), (30 * 64, 8));
}

/// Scalars, arrays of them, several inputs, user's functions: what meets is found through all.
#[test]
fn places_are_followed_through_scalars_and_arrays() {
    let (x, y) = (Sampler::new(1).normal_like(&[6]), Sampler::new(2).normal_like(&[3]));
    fn f<'t>(x: &[Var<'t>]) -> Var<'t> {
        let at = |k: usize, i: usize| x[k].slice(0, i..i + 1).reshape([]).item();
        let numbers = [at(0, 0) * at(1, 2), at(0, 5).sin(), (at(1, 0) + at(1, 1)).exp() * at(0, 0), at(0, 3).floor()];
        let all: Vec<Var<'t>> = numbers.iter().map(|s| s.to_var().reshape([1])).collect();
        Var::concat(&all, 0)
    }
    let j = several::jacobian_sparse(f, &[x.clone(), y.clone()]);
    let places: Vec<_> = j.entries().map(|(i, j, _)| (i, j)).collect();
    assert_eq!(places, [(0, 0), (0, 8), (1, 5), (2, 0), (2, 6), (2, 7)]);
    assert!(j.to_dense().is_close(&several::jacobian(f, &[x, y]), 1e-15));
}

/// What does not depend on any input has no place; a result of no values no row.
#[test]
fn constants_and_nothing_have_no_places() {
    let x = Tensor::from([1.0, 2.0, 3.0]);
    let j = jacobian_sparse(|x| x.detach() * 2.0 + x.sign(), &x);
    assert_eq!((j.shape(), j.values().len(), j.to_dense()), ((3, 3), 0, Tensor::zeros([3, 3])));
    let j = jacobian_sparse(|x| x.slice(0, 1..1).exp(), &x);
    assert_eq!((j.shape(), j.values().len()), ((0, 3), 0));
    let j = jacobian_sparse(|x| x.square(), &Tensor::<f64>::zeros([0]));
    assert_eq!(j.shape(), (0, 0));
}

/// The places of one point serve at others, where the same operations are recorded.
#[test]
fn places_serve_again() {
    let at = |seed: u64| linearize(band, &Sampler::new(seed).normal_like(&[50]));
    let sparsity = at(1).sparsity();
    assert_eq!(sparsity, at(2).sparsity());
    let (again, full) = (at(2).jacobian_sparse(&sparsity), at(2).jacobian(Mode::Auto));
    assert!(again.to_dense().is_close(&full, 1e-15));
}
