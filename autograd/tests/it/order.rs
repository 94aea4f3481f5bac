//! Sorting, ranks, quantiles, running extremes; values read from given places and put at them.

use autograd::check::Checker;
use autograd::{Elementwise, Float, Number, Scatter, Tape, Tensor, Var};

use crate::rules::{Case, block, distinct, matrix};
use crate::sampling::Sampler;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Three rows, and two of which each value is brought to one of them; no two values come near each other.
fn placed(s: &mut Sampler) -> Vec<Tensor> {
    let all = s.distinct(&[5, 4]);
    vec![all.slice(0, 0..3), all.slice(0, 3..5)]
}

/// Places along the first axis: two values come to one of them, to others one or none.
const PLACES: [usize; 8] = [1, 0, 2, 1, 1, 0, 0, 1];

/// A mask like a chess board.
fn alternating(x: Var<'_>) -> Tensor {
    Tensor::from_fn(x.shape(), |i| (i.iter().sum::<usize>() % 2) as f64)
}

/// For `rules`: the cases of these operations.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("sort", distinct, |x| x[0].sort(1).square()),
        ("sort_descending", distinct, |x| x[0].sort_descending(0).square()),
        ("topk", distinct, |x| x[0].topk(2, 1).0.square()),
        ("kthvalue", distinct, |x| x[0].kthvalue(2, 1).0.square()),
        ("median_axis", distinct, |x| x[0].median_axis(1).square()),
        ("median_keep [0, 2]", distinct, |x| x[0].median_keep([0, 2]).square()),
        ("median", distinct, |x| x[0].median().square().to_var()),
        ("quantile_axis", distinct, |x| x[0].quantile_axis(0.3, 1).square()),
        ("quantiles", distinct, |x| x[0].quantiles(&[0.0, 0.85, 0.35, 1.0], 1).square()),
        ("cummax", distinct, |x| x[0].cummax(1).square()),
        ("cummin", distinct, |x| x[0].cummin(2).square()),
        ("gather", block, |x| {
            let (m, n) = (x[0].shape()[0], x[0].shape()[1]);
            let indices: Vec<usize> = (0..m * (n + 1)).map(|i| i * i % n).collect();
            x[0].square().gather(1, [m, n + 1, 1], &indices)
        }),
        ("scatter, set", placed, |x| x[0].scatter(0, &PLACES, x[1].square(), Scatter::Set) * x[0]),
        ("scatter, add", placed, |x| x[0].scatter(0, &PLACES, x[1].square(), Scatter::Add).square()),
        ("scatter, max", placed, |x| x[0].scatter(0, &PLACES, x[1], Scatter::Max).square()),
        ("scatter, min", placed, |x| x[0].scatter(0, &PLACES, x[1], Scatter::Min).square()),
        ("scatter, mean", placed, |x| x[0].scatter(0, &PLACES, x[1], Scatter::Mean).square()),
        ("put", placed, |x| x[0].square().put(0, &[2, 0], x[1].square()).square()),
        ("put, stretched", placed, |x| x[0].put(1, &[3, 0, 3], x[1].mean()).square()),
        ("masked_fill", matrix, |x| x[0].square().masked_fill(alternating(x[0]), 0.5)),
        ("masked_select", matrix, |x| x[0].square().masked_select(alternating(x[0]))),
    ]
}

/// The gradient of Σ f(x), swept, recorded and, number by number, forward.
#[track_caller]
fn gradient(x: &Tensor, f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Vec<f64> {
    let tape = Tape::new();
    let v = tape.var(x);
    let y = f(v).sum();
    let swept = y.backward()[v].to_vec();
    assert_eq!(format!("{:?}", y.grad(v).value().to_vec()), format!("{swept:?}"), "recorded");
    let unit = |i: usize| Tensor::one_hot(&[i], x.numel()).reshape(x.shape());
    let forward: Vec<f64> = (0..x.numel()).map(|i| y.to_var().jvp(&[(v, &unit(i))]).item()).collect();
    assert_eq!(forward, swept, "forward");
    swept
}

fn text<T: Float>(x: &Tensor<T>) -> String {
    format!("{:?}", x.to_vec())
}

#[test]
fn nan_comes_last_and_equal_values_keep_their_order() {
    let x = Tensor::from([1.0, NAN, -INF, 2.0, NAN, 0.0, -0.0, INF]);
    // As NumPy's stable sort.
    assert_eq!(x.argsort(0), [2, 5, 6, 0, 3, 7, 1, 4]);
    assert_eq!(text(&x.sort(0)), "[-inf, 0.0, -0.0, 1.0, 2.0, inf, NaN, NaN]");
    assert_eq!(x.argsort_descending(0), [7, 3, 0, 5, 6, 2, 1, 4]);
    assert_eq!(text(&x.sort_descending(0)), "[inf, 2.0, 1.0, 0.0, -0.0, -inf, NaN, NaN]");
    let (best, at) = x.topk(7, 0);
    assert_eq!((text(&best), at), ("[inf, 2.0, 1.0, 0.0, -0.0, -inf, NaN]".into(), vec![7, 3, 0, 5, 6, 2, 1]));
    assert_eq!(x.kthvalue(3, 0).1, [6]);
    assert_eq!(x.cast::<f32>().argsort(0), x.argsort(0));
    assert_eq!(x.topk(0, 0), (Tensor::zeros(0), vec![]));
}

#[test]
fn a_nan_is_the_median_and_every_quantile() {
    let x = Tensor::from([[1.0, NAN, NAN], [4.0, 2.0, 9.0]]);
    assert_eq!(text(&x.median_axis(1)), "[NaN, 4.0]");
    assert_eq!(text(&x.quantiles(&[0.0, 0.75], 1)), "[NaN, NaN, 2.0, 6.5]");
    assert!(x.median().is_nan() && x.quantile(0.0).is_nan());
    assert_eq!(gradient(&x, |x| x.median_axis(1)), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn quantiles_are_those_of_numpy() {
    let x = Tensor::from([3.0, -1.5, 0.25, 7.0, 2.0, -4.0, 0.5]);
    let expected = [
        (0.0, -4.0),
        (0.1, -2.5),
        (0.25, -0.625),
        (0.37, 0.304_999_999_999_999_94),
        (0.5, 0.5),
        (0.9, 4.600_000_000_000_001),
        (0.99, 6.759_999_999_999_998),
        (1.0, 7.0),
    ];
    for (q, expected) in expected {
        assert_eq!(x.quantile(q), expected, "quantile {q}");
        assert!((x.cast::<f32>().quantile(q) - expected as f32).abs() < 1e-6, "quantile {q} of f32");
    }
    assert_eq!(x.quantiles(&expected.map(|(q, _)| q), 0).to_vec(), expected.map(|(_, x)| x));
    let m = Tensor::from([[3.0, 1.0, 2.0, 8.0], [6.0, 5.0, 9.0, 4.0]]);
    assert_eq!(m.median_axis(0), Tensor::from([4.5, 3.0, 5.5, 6.0]));
    assert_eq!(m.median_keep(1), Tensor::from([[2.5], [5.5]]));
    assert!(m.quantiles(&[0.2, 0.6], 1).is_close(&Tensor::from([[1.6, 2.8], [4.6, 5.8]]), 1e-15));
    assert_eq!(m.unsqueeze(1).transpose(1, 2).median_axis([0, 1]), Tensor::from([4.5]));
    assert_eq!(Tensor::from(3.0).median(), 3.0);
    assert_eq!((Tensor::from([1.0, INF]).median(), Tensor::from([-INF, 0.0, 1.0]).median()), (INF, 0.0));
}

#[test]
fn a_gradient_goes_where_the_value_stood() {
    let x = Tensor::from([3.0, 1.0, 3.0, 2.0]);
    let weights = Tensor::from([1.0, 10.0, 100.0, 1000.0]);
    assert_eq!(gradient(&x, |x| x.sort(0) * &weights), [100.0, 1.0, 1000.0, 10.0]);
    assert_eq!(gradient(&x, |x| x.sort_descending(0) * &weights), [1.0, 1000.0, 10.0, 100.0]);
    assert_eq!(gradient(&x, |x| x.topk(2, 0).0 * 5.0), [5.0, 0.0, 5.0, 0.0]);
    assert_eq!(gradient(&x, |x| x.kthvalue(3, 0).0), [1.0, 0.0, 0.0, 0.0]);
    // Ranks 1 and 2, of the values 2 and the first 3.
    assert_eq!(gradient(&x, |x| x.median_axis(0)), [0.5, 0.0, 0.0, 0.5]);
    assert_eq!(gradient(&x, |x| x.quantiles(&[0.25], 0)), [0.0, 0.25, 0.0, 0.75]);
    // Of ties the first, on the whole way.
    assert_eq!(gradient(&x, |x| x.cummax(0)), [4.0, 0.0, 0.0, 0.0]);
    assert_eq!(gradient(&x, |x| x.cummin(0)), [1.0, 3.0, 0.0, 0.0]);
    assert_eq!(text(&Tensor::from([1.0, NAN, 3.0]).cummax(0)), "[1.0, NaN, NaN]");
    assert_eq!(Tensor::from([1.0, NAN, 3.0]).argcummin(0), [0, 1, 1]);
}

#[test]
fn third_derivatives_follow_the_order() {
    let tape = Tape::new();
    let x = tape.var([2.0, -1.0, 3.0]);
    let weights = Tensor::from([1.0, 10.0, 100.0]);
    let mut y = (x.sort(0).powi(3) * &weights).sum();
    for _ in 0..2 {
        y = y.grad(x).sum();
    }
    assert_eq!(y.grad(x).value().to_vec(), [60.0, 6.0, 600.0]);
}

#[test]
fn checks_see_no_constant_in_an_order() {
    let x = Tensor::from([[0.3, -0.7, 1.9], [0.8, 0.1, -2.0]]);
    let report = Checker::new().check(|x| (x[0].sort(1).cummax(0) * x[0].median()).sum(), &[x]).unwrap();
    assert!(report.passed(), "{report}");
}

#[derive(Clone, Copy)]
struct Negative;

impl Elementwise for Negative {
    fn f<N: Number>(self, x: N) -> N {
        -x
    }
}

#[test]
fn values_that_are_put_off_are_computed_first() {
    let x = Tensor::from([[3.0, 1.0], [2.0, 5.0]]);
    assert_eq!(gradient(&x, |x| x.map(Negative).sort(1) * &Tensor::from([1.0, 10.0])), [-1.0, -10.0, -10.0, -1.0]);
    assert_eq!(gradient(&x, |x| x.t().sort(1) * &Tensor::from([1.0, 10.0])), [10.0, 1.0, 1.0, 10.0]);
    assert_eq!(gradient(&x, |x| x.masked_select(x.t().greater(1.5))), [1.0, 1.0, 0.0, 1.0]);
    let tape = Tape::new();
    let v = tape.var(&x);
    assert_eq!(v.map(Negative).median().value(), -2.5);
    let tape = Tape::<f32>::values_only();
    let v = tape.constant(x.cast());
    assert_eq!(v.sort(0).value(), Tensor::from([[2.0f32, 1.0], [3.0, 5.0]]));
    assert_eq!(
        v.scatter(0, &[0, 0], Tensor::from([[9.0f32, 0.5]]), Scatter::Max).value().to_vec(),
        [9.0, 1.0, 2.0, 5.0]
    );
}

/// What becomes of the value of a place, which is the first, and of those that come.
type Fold = fn(&[f64]) -> f64;

/// An index array as its definition reads it: `f(place, other place)` for each value of `shape`.
fn each(shape: &[usize], axis: usize, indices: &[usize], mut f: impl FnMut(&[usize], &[usize])) {
    let mut at = 0;
    let _ = Tensor::<f64>::from_fn(shape, |i| {
        let mut other = i.to_vec();
        other[axis] = indices[at];
        at += 1;
        f(i, &other);
        0.0
    });
}

#[test]
fn gather_and_scatter_are_their_definitions() {
    let mut s = Sampler::new(5);
    for whole in [[4, 3, 5], [1, 6, 1], [5, 1, 1]] {
        for axis in 0..3 {
            let mut shape: Vec<usize> = whole.iter().map(|&n| 1 + s.below(n)).collect();
            shape[axis] = 7;
            let indices: Vec<usize> = (0..shape.iter().product()).map(|_| s.below(whole[axis])).collect();
            let (x, values) = (s.normal_like(&whole), s.normal_like(&shape));
            let y = x.gather(axis, &shape[..], &indices);
            each(&shape, axis, &indices, |i, other| assert_eq!(y.get(i), x.get(other), "{whole:?} {shape:?} {axis}"));
            let mut come: Vec<Vec<f64>> = x.to_vec().into_iter().map(|x| vec![x]).collect();
            each(&shape, axis, &indices, |i, other| {
                come[(other[0] * whole[1] + other[1]) * whole[2] + other[2]].push(values.get(i));
            });
            let folds: [(Scatter, Fold); 5] = [
                (Scatter::Set, |x| x[x.len() - 1]),
                (Scatter::Add, |x| x[0] + x[1..].iter().sum::<f64>()),
                (Scatter::Max, |x| x.iter().copied().fold(-INF, f64::max)),
                (Scatter::Min, |x| x.iter().copied().fold(INF, f64::min)),
                (Scatter::Mean, |x| (x[0] + x[1..].iter().sum::<f64>()) / x.len() as f64),
            ];
            for (how, fold) in folds {
                let expected = Tensor::new(whole, come.iter().map(|x| fold(x)).collect());
                let found = x.scatter(axis, &indices, &values, how);
                assert!(found.is_close(&expected, 1e-15), "{how:?} {whole:?} {shape:?} {axis}: {found:?} {expected:?}");
            }
        }
    }
}

#[test]
fn ties_share_what_comes_to_a_place() {
    let tape = Tape::new();
    let (x, values) = (tape.var([3.0, 1.0, 5.0, NAN]), tape.var([3.0, 3.0, 2.0, 2.0, 1.0]));
    let y = x.scatter(0, &[0, 0, 1, 1, 3], values, Scatter::Max);
    assert_eq!(text(&y.value()), "[3.0, 2.0, 5.0, NaN]");
    let grads = (y * &Tensor::from([6.0, 1.0, 1.0, 1.0])).sum().backward();
    assert_eq!((grads[x].to_vec(), grads[values].to_vec()), (vec![2.0, 0.0, 1.0, 0.0], vec![2.0, 2.0, 0.5, 0.5, 0.0]));
    let least = x.scatter(0, &[0, 0, 1, 1, 3], values, Scatter::Min);
    assert_eq!(text(&least.value()), "[3.0, 1.0, 5.0, NaN]");
    // What is not chosen gets nothing of an infinite gradient.
    let x = tape.var([-1.0]);
    let root = x.scatter(0, &[0], tape.var([0.0]), Scatter::Max).sqrt();
    assert_eq!(root.sum().backward()[x].to_vec(), [0.0]);
    assert_eq!(root.jvp(&[(x, &Tensor::from([1.0]))]).to_vec(), [0.0]);
    // The last of several is put, and only it has a gradient.
    let (x, values) = (tape.var([[1.0], [2.0]]), tape.var([[5.0], [6.0]]));
    let y = x.put(0, &[1, 1], values);
    assert_eq!(y.value().to_vec(), [1.0, 6.0]);
    let grads = y.sum().backward();
    assert_eq!((grads[x].to_vec(), grads[values].to_vec()), (vec![1.0, 0.0], vec![0.0, 1.0]));
}

#[test]
fn masks_broadcast_and_nothing_leaks() {
    let x = Tensor::from([[1.0, NAN], [3.0, 4.0]]);
    let column = Tensor::from([0.0, 1.0]);
    assert_eq!(x.masked_fill(&column, 9.0), Tensor::from([[1.0, 9.0], [3.0, 9.0]]));
    assert_eq!(text(&x.masked_select(&Tensor::from([[1.0], [0.0]]))), "[1.0, NaN]");
    assert_eq!(gradient(&Tensor::from([-1.0, 4.0]), |x| x.sqrt().masked_fill(x.less(0.0), 0.0)), [0.0, 0.25]);
    assert_eq!(x.masked_select(&Tensor::zeros([])).shape(), &[0].into());
    // A mask that is NaN is not 0.
    assert_eq!(column.masked_select(&Tensor::from([NAN, 0.0])).to_vec(), [0.0]);
}

#[test]
fn searching_is_counting() {
    let sorted = Tensor::from([-INF, -1.0, 0.0, 0.0, 2.0, INF, NAN]);
    let x = Tensor::from([[-INF, -2.0, -0.0], [2.0, INF, NAN]]);
    assert_eq!(sorted.searchsorted(&x, false), [0, 1, 2, 4, 5, 6]);
    assert_eq!(sorted.searchsorted(&x, true), [1, 1, 4, 5, 6, 7]);
    assert_eq!(Tensor::<f64>::zeros(0).searchsorted(&x, true), [0; 6]);
}

#[test]
fn distinct_values_are_counted_once() {
    let unique = Tensor::from([-0.0, NAN, 2.0, 0.0, NAN, -3.0]).unique();
    assert_eq!(text(&unique.values), "[-3.0, -0.0, 2.0, NaN]");
    assert_eq!((unique.counts, unique.inverse), (vec![1, 2, 1, 2], vec![1, 3, 2, 1, 3, 0]));
    assert_eq!(Tensor::<f32>::zeros([0, 3]).unique().values.numel(), 0);
}

#[test]
fn a_million_values_are_sorted_as_by_comparison() {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f64::from((state >> 40) as i32) - 8e6
    };
    let x = Tensor::new(1_000_000, (0..1_000_000).map(|_| next()).collect());
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(x.sort(0).to_vec(), sorted);
    assert_eq!(x.cast::<f32>().sort(0).cast::<f64>().to_vec(), sorted);
    assert_eq!(x.median(), 0.5 * (sorted[499_999] + sorted[500_000]));
    let (best, at) = x.topk(100, 0);
    assert!(best.as_slice().iter().eq(sorted.iter().rev().take(100)));
    assert!(at.iter().zip(best.as_slice()).all(|(&at, &best)| x.as_slice()[at] == best));
}
