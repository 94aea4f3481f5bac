//! Shapes without values whose other lengths no number could count: the same answers and refusals in every build.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::{Scatter, Shape, Tape, Tensor, Unary, Var};
use proptest::prelude::*;

use crate::sampling::config;

const MAX: usize = usize::MAX;

/// What must not be said: arithmetic that overflows is caught by debug builds alone.
fn is_law(text: &str) -> bool {
    !["overflow", "out of bounds", "out of range for slice", "unwrap", "expect", "shift"]
        .iter()
        .any(|word| text.contains(word))
}

/// The value's shape, or the text of the refusal.
fn outcome(f: impl FnOnce() -> Tensor) -> Result<Shape, String> {
    catch_unwind(AssertUnwindSafe(f)).map(|y| y.shape().clone()).map_err(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
    })
}

type Method = (&'static str, for<'t> fn(Var<'t>) -> Var<'t>, fn(&Tensor) -> Tensor);

fn method(name: &'static str, recorded: for<'t> fn(Var<'t>) -> Var<'t>, plain: fn(&Tensor) -> Tensor) -> Method {
    (name, recorded, plain)
}

macro_rules! methods {
    ($($call:ident($($arg:expr),*))*) => {
        vec![$(method(stringify!($call($($arg),*)), |x| x.$call($($arg),*), |x| x.$call($($arg),*))),*]
    };
}

fn methods() -> Vec<Method> {
    let mut all = methods![
        tanh() square() flatten() t() transpose(0, 2) permute(&[2, 0, 1]) reshape([0, MAX]) reshape([MAX, MAX, 0])
        expand([5, 0, MAX, MAX]) squeeze(1) unsqueeze(1) unsqueeze(3) slice(0, 0..1) slice(2, 1..2)
        slice_step(1, 0..1, MAX) slice_step(0, 0..0, 1 << 63) at(0, 0) at(2, 3) flip(0) flip(1) flip(2)
        pad(&[(1, 1), (0, 0), (0, 0)], 1.0) pad(&[(0, 0), (0, 0), (2, 3)], 0.0) pad(&[(MAX, MAX), (0, 0), (0, 0)], 0.0)
        diagonal() diagonal_matrix() lower_triangle(0) upper_triangle(isize::MIN) take(0, &[]) take(1, &[0]) take(2, &[1, 1])
        pick(0, &[]) pick(1, &[]) pick(2, &[]) scatter_add(0, &[], 3) scatter_add(1, &[], MAX) scatter_add(2, &[], 0)
        cumsum(0) cumsum(1) cumsum(2) softmax(0) softmax(1) softmax(2) log_softmax(0) log_softmax(2) normalize(1e-5)
        sum_axis(0) sum_axis(1) sum_axis(2) sum_axis([0, 2]) sum_axis([0, 1]) sum_keep([1, 2]) sum_axis([0, 1, 2])
        mean_axis(0) mean_keep([0, 1, 2]) prod_axis(0) prod_axis([1, 2]) prod_axis([0, 1, 2]) max_axis(0) max_axis(2)
        min_keep(1) logsumexp_axis(0) logsumexp_axis([0, 1, 2]) norm_axis(1) norm_axis([0, 1, 2]) variance_axis([0, 1, 2])
        std_axis(2) std_keep([0, 1, 2]) sample_variance_axis([0, 1, 2]) cross_entropy(&[])
        matmul(&Tensor::ones([3, 4])) matmul(&Tensor::zeros([0, 5])) matmul(&Tensor::zeros([MAX, 0]))
        affine(&Tensor::ones([3, 4]), &Tensor::ones(4)) affine(&Tensor::zeros([MAX, 0]), &Tensor::zeros(0))
        dense(&Tensor::zeros([0, 4]), &Tensor::ones(4), Unary::Relu)
        plus(&Tensor::ones([])) times(&Tensor::ones([1, 1, 1])) minus(&Tensor::zeros([MAX, 0]))
        maximum(&Tensor::zeros([0, MAX, 1])) select(&Tensor::ones([]), &Tensor::ones([1]))
        cross_entropy_soft(&Tensor::ones([1, 3]))
        sort(0) sort(1) sort_descending(2) cummax(0) cummin(2) median_axis(0) median_axis(1) median_keep([1, 2])
        quantile_axis(0.3, 2) quantiles(&[0.1, 0.7], 1) quantiles(&[], 0)
        gather(0, [0, MAX, MAX], &[]) gather(1, [0, 3, 0], &[]) gather(2, [MAX, 0, 9], &[])
        scatter(0, &[], &Tensor::zeros([0, 1, 1]), Scatter::Set) scatter(1, &[], &Tensor::zeros([0, MAX, 0]), Scatter::Mean)
        scatter(2, &[], &Tensor::zeros([1, 0, MAX]), Scatter::Max) scatter(2, &[], &Tensor::zeros([0, 0, 0]), Scatter::Add)
        put(0, &[], &Tensor::ones([])) put(1, &[0, 2], &Tensor::ones([])) put(2, &[MAX - 1], &Tensor::zeros([]))
        masked_fill(&Tensor::ones([]), 2.0) masked_select(&Tensor::ones([]))
        eigvalsh() svdvals() schatten_norm(1.0) schatten_norm(2.0) schatten_norm(3.0) cond() pinv() matrix_power(0) matrix_power(5) inverse() cumprod(1)
        logcumsumexp(0) logcumsumexp(1) logcumsumexp(2) vander(1) vander(MAX) renorm(2.0, 1, 1.0)
        cross(&Tensor::ones([3, 1, 1]), 0) cross(&Tensor::ones([3]), 2)
    ];
    all.push(("eigh", |x| x.eigh().1, |x| x.eigh().1));
    all.push(("svd, u", |x| x.svd().0, |x| x.svd().0));
    all.push(("svd, vᵀ", |x| x.svd().2, |x| x.svd().2));
    all.push(("topk", |x| x.topk(1, 1).0, |x| x.topk(1, 1).0));
    all.push(("topk of many", |x| x.topk(MAX - 1, 0).0, |x| x.topk(MAX - 1, 0).0));
    all.push(("kthvalue", |x| x.kthvalue(1, 2).0, |x| x.kthvalue(1, 2).0));
    all.push(("concat", |x| Var::concat(&[x, x], 0), |x| Tensor::concat(&[x.clone(), x.clone()], 0)));
    all.push(("concat 2", |x| Var::concat(&[x, x], 2), |x| Tensor::concat(&[x.clone(), x.clone()], 2)));
    all.push(("stack", |x| Var::stack(&[x, x], 1), |x| Tensor::stack(&[x.clone(), x.clone()], 1)));
    all.push(("split", |x| x.split(0, &[0]).remove(0), |x| x.split(0, &[0]).remove(0)));
    all
}

/// Lengths of which one is 0.
fn shapes() -> impl Strategy<Value = Vec<usize>> {
    let length =
        prop_oneof![Just(0), Just(1), Just(3), Just(4), Just(1 << 32), Just(1 << 59), Just(MAX / 2), Just(MAX)];
    (proptest::collection::vec(length, 1..5), any::<prop::sample::Index>()).prop_map(|(mut lengths, at)| {
        let at = at.index(lengths.len());
        lengths[at] = 0;
        lengths
    })
}

fn all_ways(lengths: &[usize]) {
    let x = Tensor::<f64>::zeros(lengths);
    assert!(x.to_string().len() < 1 << 16, "{lengths:?} prints");
    for (name, recorded, plain) in methods() {
        let expected = outcome(|| plain(&x));
        if let Err(text) = &expected {
            assert!(is_law(text), "{name} of {lengths:?}: {text}");
        }
        let tape = Tape::new();
        let v = tape.var(&x);
        assert_eq!(outcome(|| recorded(v).value()), expected, "{name} of {lengths:?}, recorded");
        if expected.is_err() {
            continue;
        }
        let y = recorded(v);
        for dx in [outcome(|| y.sum().backward()[v].clone()), outcome(|| y.sum().grad(v).value())] {
            assert_eq!(dx, Ok(Shape::from(lengths)), "the gradient of {name} of {lengths:?}");
        }
        let dy = outcome(|| y.jvp(&[(v, &Tensor::zeros(lengths))]));
        assert_eq!(dy, Ok(y.shape()), "the tangent of {name} of {lengths:?}");
    }
}

#[test]
fn empty_arrays_of_any_lengths() {
    for lengths in [[0, MAX, MAX], [MAX, 0, MAX], [MAX, MAX, 0], [0, 0, MAX], [1 << 32, 1 << 32, 0], [2, 0, 3]] {
        all_ways(&lengths);
    }
}

#[test]
fn sums_of_nothing_have_values() {
    for lengths in [[0, MAX, MAX], [MAX, 0, MAX], [MAX, MAX, 0]] {
        let x = Tensor::<f64>::zeros(lengths);
        assert_eq!((x.numel(), x.sum(), x.prod(), x.norm(), x.logsumexp()), (0, 0.0, 1.0, 0.0, f64::NEG_INFINITY));
        assert!(x.mean().is_nan());
        let zero = lengths.iter().position(|&n| n == 0).unwrap();
        let refused = x.try_reshape([1]).unwrap_err().to_string();
        assert!(refused.starts_with("reshape: shape ("), "{refused}");
        assert_eq!(x.sum_axis([0, 1, 2]).item(), 0.0);
        assert_eq!(x.slice(zero, 0..0).shape(), &Shape::from(lengths));
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_empty_arrays(lengths in shapes()) {
        all_ways(&lengths);
    }
}

#[test]
fn norms_of_nothing_are_0() {
    for p in [1.0, 2.0, 3.0, f64::INFINITY] {
        assert_eq!(Tensor::<f64>::zeros([2, 0]).p_norm(p, 1), Tensor::zeros([2]));
    }
}
