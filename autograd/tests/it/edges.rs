//! The edge-value policy of `DESIGN.md`, value by value. Differences never run here: at these points we follow a
//! convention, not a limit.

use autograd::{Binary, Tape, Tensor, Unary, Var};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Equal, or both NaN.
#[track_caller]
fn same(got: f64, expected: f64, what: &str) {
    assert!(got == expected || (got.is_nan() && expected.is_nan()), "{what}: got {got}, the policy says {expected}");
}

/// (row, plain numbers, x, y, dy/dx)
const UNARY: &[(Unary, [f64; 2], f64, f64, f64)] = &[
    // Kinks: 0, or the one-sided value that the row documents.
    (Unary::Relu, [0.0; 2], 0.0, 0.0, 0.0),
    (Unary::Relu, [0.0; 2], -0.0, 0.0, 0.0),
    (Unary::Abs, [0.0; 2], 0.0, 0.0, 0.0),
    (Unary::LeakyRelu, [0.01, 0.0], 0.0, 0.0, 0.01),
    (Unary::Elu, [1.5, 0.0], 0.0, 0.0, 1.5),
    (Unary::HardTanh, [0.0; 2], 1.0, 1.0, 1.0),
    (Unary::HardTanh, [0.0; 2], 1.5, 1.0, 0.0),
    (Unary::Clamp, [-1.0, 2.0], 2.0, 2.0, 1.0),
    (Unary::Clamp, [-1.0, 2.0], 3.0, 2.0, 0.0),
    (Unary::Clamp, [0.5, 0.5], 0.5, 0.5, 0.0),
    (Unary::Clamp, [0.5, 0.5], 2.0, 0.5, 0.0),
    (Unary::MaxNumber, [1.0, 0.0], 1.0, 1.0, 0.5),
    (Unary::MinNumber, [1.0, 0.0], 1.0, 1.0, 0.5),
    // Steps are flat by policy, the step itself being halfway at 0.
    (Unary::Step, [0.0; 2], 0.0, 0.5, 0.0),
    (Unary::Step, [0.0; 2], -3.0, 0.0, 0.0),
    (Unary::Step, [0.0; 2], 3.0, 1.0, 0.0),
    (Unary::Sign, [0.0; 2], 0.0, 0.0, 0.0),
    (Unary::Round, [0.0; 2], 2.5, 3.0, 0.0),
    (Unary::Round, [0.0; 2], -2.5, -3.0, 0.0),
    // Edges of the domain keep their one-sided limit, infinite or not.
    (Unary::Sqrt, [0.0; 2], 0.0, 0.0, INF),
    (Unary::Ln, [0.0; 2], 0.0, -INF, INF),
    (Unary::Recip, [0.0; 2], 0.0, INF, -INF),
    (Unary::Asin, [0.0; 2], 1.0, std::f64::consts::FRAC_PI_2, INF),
    (Unary::Sqrt, [0.0; 2], -1.0, NAN, NAN),
    // Powers: x⁰ = 1 everywhere, with derivative 0.
    (Unary::Powi, [0.0, 0.0], 0.0, 1.0, 0.0),
    (Unary::Powi, [1.0, 0.0], 0.0, 0.0, 1.0),
    (Unary::Powi, [2.0, 0.0], 0.0, 0.0, 0.0),
    (Unary::Powf, [0.0, 0.0], 0.0, 1.0, 0.0),
    (Unary::Powf, [0.5, 0.0], 0.0, 0.0, INF),
    (Unary::Powf, [2.0, 0.0], -3.0, 9.0, -6.0),
    (Unary::ExpBase, [0.0, 0.0], 2.0, 0.0, 0.0),
    // Far out: finite, and 0 or 1 in the limit.
    (Unary::Sigmoid, [0.0; 2], 1000.0, 1.0, 0.0),
    (Unary::Sigmoid, [0.0; 2], -1000.0, 0.0, 0.0),
    (Unary::LogSigmoid, [0.0; 2], -1000.0, -1000.0, 1.0),
    (Unary::LogSigmoid, [0.0; 2], 1000.0, 0.0, 0.0),
    (Unary::Softplus, [0.0; 2], 1000.0, 1000.0, 1.0),
    (Unary::Softplus, [0.0; 2], -1000.0, 0.0, 0.0),
    (Unary::Tanh, [0.0; 2], 1000.0, 1.0, 0.0),
    (Unary::Silu, [0.0; 2], -1000.0, 0.0, 0.0),
    (Unary::Mish, [0.0; 2], 1000.0, 1000.0, 1.0),
    (Unary::Gelu, [0.0; 2], 1000.0, 1000.0, 1.0),
    (Unary::GeluTanh, [0.0; 2], 1e155, 1e155, 1.0),
    (Unary::GeluTanh, [0.0; 2], -1e155, 0.0, 0.0),
    (Unary::Selu, [0.0; 2], -1000.0, -1.758_099_340_847_376_6, 0.0),
];

#[test]
fn rows_of_one_input() {
    for &(row, args, x, y, dy) in UNARY.iter().chain(crate::special::EDGES) {
        let what = format!("{} {args:?} at {x}", row.name());
        let tape = Tape::new();
        let s = tape.scalar(x);
        let result = s.unary(row, args);
        same(result.value(), y, &what);
        same(result.backward()[s], dy, &format!("{what}, slope of a scalar"));
        let v = tape.var([x]);
        let result = v.unary(row, args);
        same(result.value().item(), y, &what);
        same(result.sum().backward()[v].item(), dy, &format!("{what}, slope of an array"));
    }
}

/// (row, a, b, y, ∂y/∂a, ∂y/∂b)
const BINARY: &[(Binary, f64, f64, f64, f64, f64)] = &[
    (Binary::Maximum, 1.0, 1.0, 1.0, 0.5, 0.5),
    (Binary::Minimum, 1.0, 1.0, 1.0, 0.5, 0.5),
    (Binary::Maximum, NAN, 1.0, NAN, 0.0, 0.0),
    (Binary::Maximum, 1.0, NAN, NAN, 0.0, 0.0),
    (Binary::Minimum, 1.0, NAN, NAN, 0.0, 0.0),
    (Binary::Pow, 0.0, 2.0, 0.0, 0.0, 0.0),
    (Binary::Pow, 0.0, 1.0, 0.0, 1.0, 0.0),
    (Binary::Pow, 0.0, 0.0, 1.0, 0.0, 0.0),
    (Binary::Pow, 0.0, 0.5, 0.0, INF, 0.0),
    (Binary::Pow, 0.0, -1.0, INF, -INF, 0.0),
    (Binary::Div, 1.0, 0.0, INF, INF, -INF),
    (Binary::Atan2, 0.0, 1.0, 0.0, 1.0, 0.0),
    (Binary::Atan2, 0.0, 0.0, 0.0, 0.0, 0.0),
    (Binary::TanhSlope, 0.0, 0.0, 1.0, 0.0, 0.0),
    (Binary::TanhSlope, 1.0, INF, 0.0, -2.0, 0.0),
    (Binary::TanhSlope, -1.0, -300.0, 1.060_158_621_201_724_3e-260, 2.0, 0.0),
    (Binary::TanhSlope, NAN, NAN, NAN, NAN, 0.0),
    (Binary::Less, 1.0, 1.0, 0.0, 0.0, 0.0),
    (Binary::LessEqual, 1.0, 1.0, 1.0, 0.0, 0.0),
    (Binary::Equal, NAN, NAN, 0.0, 0.0, 0.0),
    (Binary::NotEqual, NAN, NAN, 1.0, 0.0, 0.0),
    // 0·∞ in the chain rule: a zero gradient passes nothing on; plain products are IEEE's.
    (Binary::Chain, 0.0, INF, 0.0, INF, 0.0),
    (Binary::ChainFlat, 0.0, INF, 0.0, INF, 0.0),
    (Binary::ChainFlat, INF, 0.0, 0.0, 0.0, INF),
    (Binary::ChainFlat, 2.0, 0.0, 0.0, 0.0, 2.0),
    (Binary::Mul, 0.0, INF, NAN, INF, 0.0),
];

#[test]
fn rows_of_two_inputs() {
    for &(row, a, b, y, da, db) in BINARY.iter().chain(crate::special::EDGES_OF_TWO) {
        let what = format!("{} of {a} and {b}", row.name());
        let tape = Tape::new();
        let (s, t) = (tape.scalar(a), tape.scalar(b));
        let result = s.binary(row, t);
        same(result.value(), y, &what);
        let grads = result.backward();
        same(grads[s], da, &format!("{what}, slope in a"));
        same(grads[t], db, &format!("{what}, slope in b"));
        let (v, w) = (tape.var([a]), tape.var([b]));
        let grads = v.binary(row, w).sum().backward();
        same(grads[v].item(), da, &format!("{what}, slope in a of arrays"));
        same(grads[w].item(), db, &format!("{what}, slope in b of arrays"));
    }
}

#[track_caller]
fn gradient<const N: usize>(x: [f64; N], f: impl for<'t> Fn(Var<'t>) -> Var<'t>) -> Vec<f64> {
    let tape = Tape::new();
    let x = tape.var(x);
    let y = f(x).sum();
    let plain = y.backward()[x].to_vec();
    let recorded = y.grad(x).value().to_vec();
    assert_eq!(format!("{plain:?}"), format!("{recorded:?}"), "the recorded gradient follows the same policy");
    plain
}

#[test]
fn reductions() {
    // Ties share.
    assert_eq!(gradient([3.0, 1.0, 3.0], |x| x.max_axis(0)), [0.5, 0.0, 0.5]);
    assert_eq!(gradient([1.0, 1.0, 1.0, 1.0], |x| x.min_axis(0)), [0.25; 4]);
    // Products with zeros.
    assert_eq!(gradient([0.0, 2.0, 3.0], |x| x.prod_axis(0)), [6.0, 0.0, 0.0]);
    assert_eq!(gradient([0.0, 0.0, 3.0], |x| x.prod_axis(0)), [0.0, 0.0, 0.0]);
    // Norm and deviation where they are 0.
    assert_eq!(gradient([0.0, 0.0], |x| x.norm_axis(0)), [0.0, 0.0]);
    assert_eq!(gradient([2.0, 2.0], |x| x.std_axis(0)), [0.0, 0.0]);
    assert_eq!(gradient([2.0, 2.0], |x| x.variance_axis(0)), [0.0, 0.0]);
    // Infinite logits.
    assert_eq!(gradient([-INF, 0.0], |x| x.logsumexp_axis(0)), [0.0, 1.0]);
    assert_eq!(gradient([1e4, -1e4], |x| x.logsumexp_axis(0)), [1.0, 0.0]);
}

#[test]
fn empty_arrays_reduce_to_the_neutral_element() {
    let empty: Tensor = Tensor::zeros([0, 3]);
    assert_eq!(empty.sum(), 0.0);
    assert_eq!(empty.sum_axis(0), Tensor::from([0.0; 3]));
    assert_eq!(empty.prod_axis(0), Tensor::from([1.0; 3]));
    assert!(empty.mean().is_nan());
    assert_eq!(empty.logsumexp_axis(0), Tensor::from([-INF; 3]));
    assert_eq!(empty.norm(), 0.0);
    let tape = Tape::new();
    let x = tape.var(empty);
    assert_eq!(x.sum().backward()[x].shape(), &[0, 3].into());
    assert_eq!(x.matmul(Tensor::ones([3, 2])).shape(), [0, 2].into());
    // A sum of no products is 0, and stays apart from what lies beside it.
    let (beside, many) = (tape.var([1.0; 6]), tape.var(Tensor::zeros([1, 2, 0])));
    let product = many.matmul(Tensor::zeros([0, 3]));
    let grads = ((beside * 7.0).sum() + product.sum()).backward();
    assert_eq!(product.value(), Tensor::zeros([1, 2, 3]));
    assert_eq!((grads[beside].to_vec(), grads[many].shape().clone()), (vec![7.0; 6], [1, 2, 0].into()));
    let product = tape.constant(Tensor::ones([2, 0])).matmul(Tensor::ones([0, 2]));
    assert_eq!(product.value(), Tensor::zeros([2, 2]));
}

#[test]
fn the_branch_not_taken_leaks_nothing() {
    // √x and 1/x are undefined at 0: the classical double-where trap.
    assert_eq!(gradient([0.0, 4.0], |x| x.greater(0.0).select(x.sqrt(), 0.0)), [0.0, 0.25]);
    assert_eq!(gradient([0.0, 2.0], |x| x.not_equal(0.0).select(x.recip(), x)), [1.0, -0.25]);
    assert_eq!(gradient([-1.0, 1.0], |x| x.greater(0.0).select(x.ln(), x * 2.0)), [2.0, 1.0]);
}

/// Functions that meet the flat side of a choice with an infinite or undefined slope: (what, function, x, slope).
type Choice = (&'static str, for<'t> fn(Var<'t>) -> Var<'t>, f64, f64);

const FLAT_SIDES: &[Choice] = &[
    ("√relu", |x| x.relu().sqrt(), -1.0, 0.0),
    ("√relu at 0", |x| x.relu().sqrt(), 0.0, 0.0),
    ("ln relu", |x| x.relu().ln(), -1.0, 0.0),
    ("√leaky_relu(0)", |x| x.leaky_relu(0.0).sqrt(), -1.0, 0.0),
    ("√elu(0)", |x| x.elu(0.0).sqrt(), -1.0, 0.0),
    ("√|x| at 0", |x| x.abs().sqrt(), 0.0, 0.0),
    ("acos(clamp) above", |x| x.clamp(-1.0, 1.0).acos(), 2.0, 0.0),
    ("asin(clamp) below", |x| x.clamp(-1.0, 1.0).asin(), -2.0, 0.0),
    ("√clamp(0, 0)", |x| x.clamp(0.0, 0.0).sqrt(), 0.0, 0.0),
    ("acos(hard_tanh)", |x| x.hard_tanh().acos(), 3.0, 0.0),
    ("√hard_sigmoid", |x| x.hard_sigmoid().sqrt(), -4.0, 0.0),
    ("√max(x, 0)", |x| x.maximum(0.0).sqrt(), -1.0, 0.0),
    ("acos(min(x, 1))", |x| x.minimum(1.0).acos(), 2.0, 0.0),
    ("√max(x, 0·x)", |x| x.maximum(Tensor::zeros(x.shape())).sqrt(), -1.0, 0.0),
    ("√−min(x, 0)", |x| (-x.minimum(Tensor::zeros(x.shape()))).sqrt(), 1.0, 0.0),
    ("√sign", |x| (x.sign() + 1.0).sqrt(), -1.0, 0.0),
    ("√floor", |x| x.floor().sqrt(), 0.5, 0.0),
    ("1/step", |x| x.step().recip(), -1.0, 0.0),
    ("NaN ·relu", |x| (x.relu() - 1.0).sqrt(), -1.0, 0.0),
    ("NaN · clamp", |x| (x.clamp(-1.0, 1.0) - 2.0).sqrt(), 5.0, 0.0),
    ("√relu(relu)", |x| x.relu().relu().sqrt(), -1.0, 0.0),
    // The side that was chosen keeps its slope, infinite or not.
    ("√relu on the other side", |x| x.relu().sqrt(), 4.0, 0.25),
    ("√max at a tie", |x| x.maximum(0.0).sqrt(), 0.0, INF),
];

#[test]
fn a_flat_side_passes_nothing_whatever_comes_in() {
    for &(what, f, at, slope) in FLAT_SIDES {
        for n in [1, 70] {
            let tape = Tape::new();
            let x = tape.var(Tensor::full([n], at));
            let y = f(x);
            let recorded = y.sum().grad(x);
            let last = |x: &Tensor| x.as_slice()[n - 1];
            same(last(&y.sum().backward()[x]), slope, &format!("{what}, swept"));
            same(last(&recorded.value()), slope, &format!("{what}, recorded"));
            same(last(&y.jvp(&[(x, &Tensor::ones([n]))])), slope, &format!("{what}, forward"));
            if slope == 0.0 {
                same(last(&recorded.sum().backward()[x]), 0.0, &format!("{what}, curvature"));
            }
        }
    }
}

#[test]
fn what_an_extreme_did_not_choose_gets_nothing() {
    // √ at 0 and beyond its domain.
    assert_eq!(gradient([-2.0, 0.0, -1.0], |x| x.max_axis(0).sqrt()), [0.0, INF, 0.0]);
    assert_eq!(gradient([2.0, 0.0, 1.0], |x| x.min_axis(0).sqrt()), [0.0, INF, 0.0]);
    assert_eq!(gradient([0.0, 0.0, -1.0], |x| x.max_axis(0).sqrt()), [INF, INF, 0.0]);
    let nan = gradient([-2.0, -1.0], |x| x.max_axis(0).sqrt());
    assert!(nan[0] == 0.0 && nan[1].is_nan(), "{nan:?}");
    let tape = Tape::new();
    let x = tape.var([-2.0, 0.0, -1.0]);
    let y = x.max_axis(0).sqrt();
    // Forward mode multiplies what the extreme passes on: nothing, of a tangent of what was not chosen.
    assert_eq!(y.jvp(&[(x, &Tensor::from([1.0, 0.0, 1.0]))]).item(), 0.0);
}

#[test]
#[should_panic(expected = "clamp: the bounds 1 and 0 are no interval")]
fn clamp_refuses_bounds_in_the_wrong_order() {
    let _ = Tape::new().scalar(0.5).clamp(1.0, 0.0);
}

#[test]
#[should_panic(expected = "no NaN")]
fn clamp_refuses_a_bound_that_is_nan() {
    let _ = Tensor::from([0.5]).clamp(NAN, 1.0);
}

/// A 0 passes nothing on, an ∞ times 0 is NaN: it depends on which comes first, and so on the mode.
#[test]
fn the_modes_meet_zero_and_infinity_in_opposite_order() {
    let tape = Tape::new();
    let (x, y) = (tape.var(0.0), tape.var([0.0]));
    let s = x.item();
    let cases = [
        (s.sqrt().powi(4).to_var(), x, 0.0, NAN),
        (y.sqrt().powi(4), y, 0.0, NAN),
        ((0.0 * s).sqrt().to_var(), x, NAN, 0.0),
        ((0.0 * y).sqrt(), y, NAN, 0.0),
    ];
    for (f, x, reverse, forward) in cases {
        same(f.sum().backward()[x].item(), reverse, "reverse mode");
        same(f.jvp(&[(x, &Tensor::ones(x.shape()))]).item(), forward, "forward mode");
    }
}

#[test]
fn softmax_at_ten_thousand() {
    let x = Tensor::from([[1e4, 0.0, -1e4]]);
    assert_eq!(x.softmax(1), Tensor::from([[1.0, 0.0, 0.0]]));
    assert_eq!(x.log_softmax(1), Tensor::from([[0.0, -1e4, -2e4]]));
    assert_eq!(x.cross_entropy(&[2]), Tensor::from([2e4]));
    let tape = Tape::new();
    let x = tape.var(x);
    assert_eq!(x.cross_entropy(&[2]).sum().backward()[x], Tensor::from([[1.0, 0.0, -1.0]]));
    let single = Tape::<f32>::default();
    let x = single.var(Tensor::from([[1e4f32, 0.0, -1e4]]));
    assert_eq!(x.cross_entropy(&[2]).sum().backward()[x], Tensor::from([[1.0f32, 0.0, -1.0]]));

    // Digits survive beside large logits: the logarithm is not added to them.
    let x = Tensor::from([[1e4f32, 1e4 - 1.0]]);
    let exact = (1.0 + (-1f64).exp()).ln();
    assert!((x.cross_entropy(&[0]).item() as f64 - exact).abs() < 1e-7);
    assert!((x.log_softmax(1).get([0, 0]) as f64 + exact).abs() < 1e-7);
}

/// Every kind of operation on arrays without values: a result of the right shape, and a gradient of the input's.
#[test]
fn arrays_without_values_pass_through_everything() {
    type F = for<'t> fn(Var<'t>) -> Var<'t>;
    let cases: &[(&str, F)] = &[
        ("tanh", |x| x.tanh()),
        ("broadcast", |x| x + &Tensor::ones([4])),
        ("sum_axis", |x| x.sum_axis(0)),
        ("mean_axis", |x| x.mean_axis(1)),
        ("max_axis", |x| x.max_axis(1)),
        ("std_axis", |x| x.std_axis(1)),
        ("prod_axis", |x| x.prod_axis(1)),
        ("logsumexp_axis", |x| x.logsumexp_axis(1)),
        ("softmax", |x| x.softmax(1)),
        ("softmax along nothing", |x| x.softmax(0)),
        ("log_softmax", |x| x.log_softmax(1)),
        ("cross_entropy", |x| x.cross_entropy(&[])),
        ("cross_entropy_soft", |x| x.cross_entropy_soft(x.detach())),
        ("cumsum", |x| x.cumsum(0)),
        ("logcumsumexp", |x| x.logcumsumexp(0)),
        ("svdvals", |x| x.svdvals()),
        ("pinv", |x| x.pinv()),
        ("sort", |x| x.sort(1)),
        ("median_axis", |x| x.median_axis(1)),
        ("cummax", |x| x.cummax(0)),
        ("masked_select", |x| x.masked_select(x)),
        ("t", |x| x.t() * 2.0),
        ("matmul", |x| x.matmul(Tensor::ones([4, 3]))),
        ("matmul of nothing", |x| x.t().matmul(x)),
        ("affine", |x| x.affine(Tensor::ones([4, 3]), Tensor::ones([3]))),
        ("slice", |x| x.slice(1, 1..3)),
        ("an empty slice", |x| x.slice(1, 4..4)),
        ("flip", |x| x.flip(0)),
        ("pad", |x| x.pad(&[(1, 1), (0, 0)], 5.0)),
        ("take", |x| x.take(1, &[0, 0])),
        ("take nothing", |x| x.take(1, &[])),
        ("scatter_add", |x| x.scatter_add(0, &[], 2)),
        ("concat", |x| Var::concat(&[x, x], 0)),
        ("stack", |x| Var::stack(&[x, x], 1)),
        ("diagonal", |x| x.diagonal()),
        ("lower_triangle", |x| x.lower_triangle(0)),
        ("select", |x| x.greater(0.0).select(x, 1.0)),
    ];
    for (name, f) in cases {
        let tape = Tape::new();
        let x = tape.var(Tensor::zeros([0, 4]));
        let y = f(x);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            assert_eq!(y.sum().backward()[x].shape(), &[0, 4].into(), "{name}");
            assert_eq!(y.sum().grad(x).shape(), [0, 4].into(), "{name}");
            assert_eq!(y.jvp(&[(x, &Tensor::zeros([0, 4]))]).shape(), &y.shape(), "{name}");
        }));
        assert!(result.is_ok(), "{name}");
    }
}

#[test]
fn an_array_with_a_nan_is_not_equal_to_itself() {
    let x = Tensor::from([1.0, NAN]);
    let shares_its_memory = x.clone();
    assert_ne!(x, shares_its_memory);
    assert_eq!(x.slice(0, 0..1), shares_its_memory.slice(0, 0..1));
}

#[test]
fn the_least_integer_power_has_a_slope() {
    let tape = Tape::new();
    let x = tape.scalar(0.999_999_9);
    let (y, n) = (x.powi(i32::MIN), f64::from(i32::MIN));
    let expected = n * y.value() / x.value();
    assert!((y.backward()[x] / expected - 1.0).abs() < 1e-6);
}

#[test]
fn shapes_beyond_any_memory_are_refused() {
    let large = [1 << 32, 1 << 32];
    let law = "shape (4294967296, 4294967296) has more values than a computer can hold";
    let x = Tensor::from([3.0]);
    for found in [Tensor::<f64>::try_new(large, vec![]), x.try_reshape(large), x.try_expand(large)] {
        let message = found.unwrap_err().to_string();
        assert!(message.ends_with(law), "{message}");
    }
    assert_eq!(Tensor::<f64>::zeros([usize::MAX, 2, 0]).numel(), 0);
    let scattered = x.try_scatter_add(0, &[0], usize::MAX).unwrap_err().to_string();
    assert!(scattered.starts_with("scatter_add: shape (18446744073709551615,) has more values"), "{scattered}");
}

#[test]
fn a_target_of_0_takes_nothing_from_a_probability_of_0() {
    let tape = Tape::new();
    let x = tape.var([[0.0, -INF]]);
    let y = x.cross_entropy_soft(Tensor::from([[1.0, 0.0]]));
    assert_eq!(y.value().to_vec(), [0.0]);
    assert_eq!(y.sum().backward()[x].to_vec(), [0.0, 0.0]);
}
