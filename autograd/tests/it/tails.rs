//! Right in the tails: where a function has become flat its slope is small, not 0, and has all its digits; and a derivative that is an ordinary
//! number is right though a factor of it is not.

use autograd::{Binary, Dual, Float, Number, Scalar, Tape, Tensor, Unary};

/// (row, plain numbers, x, value, slope and curvature), computed in many digits.
#[rustfmt::skip]
#[allow(clippy::approx_constant)] // as they were computed
const DOUBLE: &[(Unary, [f64; 2], f64, [f64; 3])] = &[
    (Unary::Sigmoid, [0.0; 2], 40.0, [1.0, 4.248354255291589e-18, -4.248354255291589e-18]),
    (Unary::Sigmoid, [0.0; 2], -40.0, [4.248354255291589e-18, 4.248354255291589e-18, 4.248354255291589e-18]),
    (Unary::Sigmoid, [0.0; 2], 700.0, [1.0, 9.85967654375977e-305, -9.85967654375977e-305]),
    (Unary::Sigmoid, [0.0; 2], -700.0, [9.85967654375977e-305, 9.85967654375977e-305, 9.85967654375977e-305]),
    (Unary::Sigmoid, [0.0; 2], 1.25, [0.7772998611746912, 0.173104786992497, -0.09600386680338781]),
    (Unary::Tanh, [0.0; 2], 20.0, [1.0, 1.6993417021166355e-17, -3.398683404233271e-17]),
    (Unary::Tanh, [0.0; 2], -20.0, [-1.0, 1.6993417021166355e-17, 3.398683404233271e-17]),
    (Unary::Tanh, [0.0; 2], 350.0, [1.0, 3.943870617503908e-304, -7.887741235007817e-304]),
    (Unary::Tanh, [0.0; 2], 1e-17, [1e-17, 1.0, -2e-17]),
    (Unary::Tanh, [0.0; 2], 0.9, [0.7162978701990245, 0.48691736114834155, -0.6975557375069725]),
    (Unary::Expm1, [0.0; 2], -40.0, [-1.0, 4.248354255291589e-18, 4.248354255291589e-18]),
    (Unary::Expm1, [0.0; 2], -700.0, [-1.0, 9.85967654375977e-305, 9.85967654375977e-305]),
    (Unary::Elu, [1.5, 0.0], -40.0, [-1.5, 6.372531382937383e-18, 6.372531382937383e-18]),
    (Unary::Selu, [0.0; 2], -40.0, [-1.7580993408473766, 7.46902881591429e-18, 7.46902881591429e-18]),
    (Unary::Elu, [1.5, 0.0], -700.0, [-1.5, 1.4789514815639657e-304, 1.4789514815639657e-304]),
    (Unary::Gelu, [0.0; 2], -9.0, [-1.0157295653584566e-18, -9.138937373906639e-18, -8.121021121618442e-17]),
    (Unary::Gelu, [0.0; 2], -37.0, [-2.1184613523340935e-298, -7.838298669418516e-297, -2.898048955934136e-295]),
    (Unary::Gelu, [0.0; 2], 9.0, [9.0, 1.0, -8.121021121618442e-17]),
    (Unary::Gelu, [0.0; 2], -1.5, [-0.1002108019032871, -0.12746919222997952, -0.03237939891647293]),
    (Unary::GeluTanh, [0.0; 2], -7.0, [-2.315442262072549e-15, -2.765117350706602e-14, -3.2322584067057344e-13]),
    (Unary::GeluTanh, [0.0; 2], -9.0, [-1.3364595947348725e-28, -2.515735285067425e-27, -4.6839285778142383e-26]),
    (Unary::GeluTanh, [0.0; 2], -18.0, [-1.1292762288213193e-192, -8.0062404056809e-191, -5.667485815398379e-189]),
    (Unary::GeluTanh, [0.0; 2], 1e-20, [5e-21, 0.5, 0.7978845608028654]),
    (Unary::Softplus, [0.0; 2], 40.0, [40.0, 1.0, 4.248354255291589e-18]),
    (Unary::Softplus, [0.0; 2], -40.0, [4.248354255291589e-18, 4.248354255291589e-18, 4.248354255291589e-18]),
    (Unary::Softplus, [0.0; 2], 700.0, [700.0, 1.0, 9.85967654375977e-305]),
    (Unary::LogSigmoid, [0.0; 2], 40.0, [-4.248354255291589e-18, 4.248354255291589e-18, -4.248354255291589e-18]),
    (Unary::LogSigmoid, [0.0; 2], -40.0, [-40.0, 1.0, -4.248354255291589e-18]),
    (Unary::Asin, [0.0; 2], 1e-17, [1e-17, 1.0, 1e-17]),
    (Unary::Acos, [0.0; 2], 1e-17, [1.5707963267948966, -1.0, -1e-17]),
    (Unary::Asin, [0.0; 2], 0.9999999999, [1.5707821846586878, 70710.67519510884, 353553346704731.44]),
    (Unary::Acos, [0.0; 2], -0.9999999999, [3.1415785114535844, -70710.67519510884, 353553346704731.44]),
    (Unary::Atan, [0.0; 2], 1e-17, [1e-17, 1.0, -2e-17]),
    (Unary::Atan, [0.0; 2], 1e100, [1.5707963267948966, 1e-200, -2e-300]),
    (Unary::Atan, [0.0; 2], -1000000000.0, [-1.5707963257948967, 1e-18, 2e-27]),
    (Unary::Silu, [0.0; 2], -40.0, [-1.6993417021166355e-16, -1.6568581595637197e-16, -1.6143746170108038e-16]),
    (Unary::Silu, [0.0; 2], -700.0, [-6.90177358063184e-302, -6.891913904088079e-302, -6.88205422754432e-302]),
    (Unary::Silu, [0.0; 2], 40.0, [40.0, 1.0000000000000002, -1.6143746170108038e-16]),
    (Unary::Mish, [0.0; 2], -40.0, [-1.6993417021166355e-16, -1.6568581595637197e-16, -1.6143746170108038e-16]),
    (Unary::Mish, [0.0; 2], -700.0, [-6.90177358063184e-302, -6.891913904088079e-302, -6.88205422754432e-302]),
    (Unary::Mish, [0.0; 2], 40.0, [40.0, 1.0, -5.631136330077695e-33]),
    (Unary::Softsign, [0.0; 2], 1e100, [1.0, 1e-200, -2e-300]),
    (Unary::Softsign, [0.0; 2], -1e-20, [-1e-20, 1.0, 2.0]),
    (Unary::Erf, [0.0; 2], 6.0, [1.0, 2.617301239249265e-16, -3.1407614870991178e-15]),
    (Unary::Erf, [0.0; 2], -26.0, [-1.0, 2.9470349932662697e-294, 1.53245819649846e-292]),
    (Unary::Erfc, [0.0; 2], 26.0, [5.663192408856143e-296, -2.9470349932662697e-294, 1.53245819649846e-292]),
    (Unary::Erfc, [0.0; 2], 1e-17, [1.0, -1.1283791670955126, 2.2567583341910254e-17]),
    (Unary::Sinh, [0.0; 2], 1e-17, [1e-17, 1.0, 1e-17]),
    (Unary::Cosh, [0.0; 2], 1e-17, [1.0, 1e-17, 1.0]),
    (Unary::Tan, [0.0; 2], 1e-17, [1e-17, 1.0, 2e-17]),
    (Unary::Ln1p, [0.0; 2], 1e-17, [1e-17, 1.0, -1.0]),
    (Unary::Ln1p, [0.0; 2], 1e100, [230.25850929940458, 1e-100, -1e-200]),
    (Unary::Rsqrt, [0.0; 2], 1e100, [1e-50, -5e-151, 7.5e-251]),
    (Unary::Rsqrt, [0.0; 2], 1e-100, [1e50, -5e149, 7.5e249]),
    (Unary::Recip, [0.0; 2], 1e-100, [1e100, -1e200, 1.9999999999999998e300]),
    (Unary::Recip, [0.0; 2], 1e100, [1e-100, -1e-200, 2e-300]),
];
/// The same on `f32`, whose nearest number to `x` is meant.
#[rustfmt::skip]
#[allow(clippy::approx_constant)] // as they were computed
const SINGLE: &[(Unary, [f64; 2], f64, [f64; 3])] = &[
    (Unary::Sigmoid, [0.0; 2], 20.0, [0.9999999979388464, 2.061153613941849e-09, -2.061153605445141e-09]),
    (Unary::Sigmoid, [0.0; 2], -20.0, [2.0611536181902037e-09, 2.061153613941849e-09, 2.061153605445141e-09]),
    (Unary::Sigmoid, [0.0; 2], 80.0, [1.0, 1.8048513878454153e-35, -1.8048513878454153e-35]),
    (Unary::Tanh, [0.0; 2], 10.0, [0.9999999958776927, 8.244614455767397e-09, -1.6489228843561127e-08]),
    (Unary::Tanh, [0.0; 2], -10.0, [-0.9999999958776927, 8.244614455767397e-09, 1.6489228843561127e-08]),
    (Unary::Tanh, [0.0; 2], 40.0, [1.0, 7.219405551381661e-35, -1.4438811102763322e-34]),
    (Unary::Tanh, [0.0; 2], 1e-12, [9.999999960041972e-13, 1.0, -1.9999999920083944e-12]),
    (Unary::Expm1, [0.0; 2], -20.0, [-0.9999999979388464, 2.061153622438558e-09, 2.061153622438558e-09]),
    (Unary::Expm1, [0.0; 2], -80.0, [-1.0, 1.8048513878454153e-35, 1.8048513878454153e-35]),
    (Unary::Elu, [1.5, 0.0], -20.0, [-1.4999999969082696, 3.0917304336578366e-09, 3.0917304336578366e-09]),
    (Unary::Selu, [0.0; 2], -20.0, [-1.758099337223664, 3.6237128249944113e-09, 3.6237128249944113e-09]),
    (Unary::Gelu, [0.0; 2], -5.5, [-1.0444259356238245e-07, -5.733472398739924e-07, -3.0424572120184754e-06]),
    (Unary::Gelu, [0.0; 2], -12.0, [-2.1317785344932147e-32, -2.5578956616748956e-31, -3.0478649046415457e-30]),
    (Unary::GeluTanh, [0.0; 2], -5.0, [-2.291796196629506e-07, -1.5463619875325946e-06, -9.934132224996203e-06]),
    (Unary::GeluTanh, [0.0; 2], -6.5, [-6.278258772591402e-13, -6.583473767764634e-12, -6.72732692682707e-11]),
    (Unary::GeluTanh, [0.0; 2], -9.0, [-1.3364595947348725e-28, -2.515735285067425e-27, -4.6839285778142383e-26]),
    (Unary::Softplus, [0.0; 2], 20.0, [20.000000002061153, 0.9999999979388464, 2.061153613941849e-09]),
    (Unary::Softplus, [0.0; 2], 80.0, [80.0, 1.0, 1.8048513878454153e-35]),
    (Unary::LogSigmoid, [0.0; 2], 20.0, [-2.061153620314381e-09, 2.0611536181902037e-09, -2.061153613941849e-09]),
    (Unary::Asin, [0.0; 2], 1e-12, [9.999999960041972e-13, 1.0, 9.999999960041972e-13]),
    (Unary::Acos, [0.0; 2], 1e-12, [1.5707963267938967, -1.0, -9.999999960041972e-13]),
    (Unary::Acos, [0.0; 2], 0.9999, [0.014143426826438996, -70.70657998732432, -353456.5671278982]),
    (Unary::Silu, [0.0; 2], -20.0, [-4.122307236380407e-08, -3.9161918660646786e-08, -3.710076488101912e-08]),
    (Unary::Silu, [0.0; 2], -80.0, [-1.4438811102763322e-33, -1.425832596397878e-33, -1.407784082519424e-33]),
    (Unary::Mish, [0.0; 2], -20.0, [-4.122307240628761e-08, -3.916191874348969e-08, -3.710076504245658e-08]),
    (Unary::Mish, [0.0; 2], 20.0, [20.0, 1.0000000000000002, -6.4574984070979e-16]),
    (Unary::Softsign, [0.0; 2], 1000000000000.0, [0.999999999999, 1.00000000819e-24, -2.0000000245700002e-36]),
    (Unary::Erf, [0.0; 2], 4.0, [0.9999999845827421, 1.2698234671866558e-07, -1.0158587737493247e-06]),
    (Unary::Erfc, [0.0; 2], 8.0, [1.1224297172982926e-29, -1.8097067968559843e-28, 2.895530874969575e-27]),
    (Unary::Atan, [0.0; 2], 10000000000.0, [1.5707963266948965, 1e-20, -2e-30]),
    (Unary::Atan, [0.0; 2], 1e-12, [9.999999960041972e-13, 1.0, -1.9999999920083944e-12]),
    (Unary::Recip, [0.0; 2], 1e-12, [1000000003995.8029, -1.0000000079916056e24, 2.000000023974817e36]),
    (Unary::Rsqrt, [0.0; 2], 1000000000000.0, [1.000000002048e-06, -5.00000003072e-19, 7.5000000768e-31]),
];

/// So many units in the last place, which are half as large beside a number that is nearly a power of 2.
const ULPS: f64 = 4.0;

#[track_caller]
fn near<T: Float>(got: T, right: f64, what: &str) {
    let close = (got.to_f64() - right).abs() <= ULPS * T::EPSILON * right.abs();
    assert!(close, "{what} on {}: {:e}, right is {right:e}", T::NAME, got.to_f64());
}

/// Value, slope and curvature of a row in every reading.
fn check_row<T: Float>(row: Unary, args: [f64; 2], x: f64, right: [f64; 3]) {
    let x = T::from_f64(x);
    let see = |reading: &str, got: [T; 3]| {
        for ((k, right), got) in right.into_iter().enumerate().zip(got) {
            near(got, right, &format!("derivative {k} of {} at {:e}, {reading}", row.name(), x.to_f64()));
        }
    };
    let tape = Tape::<T>::default();
    let s = tape.scalar(x);
    let y = s.unary(row, args);
    see("scalar, recorded", [y.value(), y.grad(s).value(), y.grad(s).grad(s).value()]);
    see("scalar, swept", [y.value(), y.backward()[s], y.grad(s).backward()[s]]);
    // Few values, and a block of them.
    for n in [1, 70] {
        let v = tape.var(Tensor::full([n], x));
        let (y, ones) = (v.unary(row, args), Tensor::ones([n]));
        let slope = y.sum().grad(v);
        let last = |x: &Tensor<T>| x.as_slice()[n - 1];
        let value = last(&y.value());
        see("array, recorded", [value, last(&slope.value()), last(&slope.sum().grad(v).value())]);
        see("array, swept", [value, last(&y.sum().backward()[v]), last(&slope.sum().backward()[v])]);
        see("array, forward", [value, last(&y.jvp(&[(v, &ones)])), last(&slope.jvp(&[(v, &ones)]))]);
    }
    let dual = Dual::new(Dual::new(x, T::one()), Dual::constant(1.0)).unary(row, args);
    see("dual", [dual.value.value, dual.value.derivative, dual.derivative.derivative]);
}

#[test]
fn rows_keep_their_digits_in_both_tails() {
    for &(row, args, x, right) in DOUBLE {
        check_row::<f64>(row, args, x, right);
    }
    for &(row, args, x, right) in SINGLE {
        check_row::<f32>(row, args, x, right);
    }
}

/// (a, b, value, slope by a, slope by b) of `atan2`.
#[rustfmt::skip]
#[allow(clippy::approx_constant)] // as they were computed
const ANGLES: &[[f64; 5]] = &[
    [1e200, 1e200, 0.7853981633974483, 5e-201, -5e-201],
    [1e-200, 1e-200, 0.7853981633974483, 5e199, -5e199],
    [3e-200, -4e-200, 2.498091544796509, -1.6e199, -1.2e199],
    [-2e200, 1e190, -1.5707963267448966, 2.5e-211, 5e-201],
    [1e-300, 1.0, 1e-300, 1.0, -1e-300],
    [1e200, -1e-200, 1.5707963267948966, 0.0, -1e-200],
    [0.0, 0.0, 0.0, 0.0, 0.0],
];

#[test]
fn angles_of_any_length_turn() {
    for &[a, b, y, da, db] in ANGLES {
        let what = format!("atan2 at ({a:e}, {b:e})");
        let tape = Tape::new();
        let (s, t) = (tape.scalar(a), tape.scalar(b));
        let z = s.atan2(t);
        near(z.value(), y, &what);
        let (by_a, by_b) = z.grad((s, t));
        let found = [(z.backward()[s], da), (z.backward()[t], db), (by_a.value(), da), (by_b.value(), db)];
        found.into_iter().for_each(|(got, right)| near(got, right, &what));
        let (v, w) = (tape.var([a; 70]), tape.var([b; 70]));
        let (z, ones) = (v.atan2(w), Tensor::ones([70]));
        let grads = z.sum().backward();
        let (by_a, by_b) = z.sum().grad((v, w));
        let found = [&grads[v], &by_a.value(), &z.jvp(&[(v, &ones)])].map(|found| found.as_slice()[69]);
        found.into_iter().for_each(|got| near(got, da, &what));
        let found = [&grads[w], &by_b.value(), &z.jvp(&[(w, &ones)])].map(|found| found.as_slice()[69]);
        found.into_iter().for_each(|got| near(got, db, &what));
    }
}

/// A function of one number on a tape.
type F<T> = for<'t> fn(Scalar<'t, T>) -> Scalar<'t, T>;

/// Its slope in reverse mode, recorded, and of an array. Not forwards: there the tangent of the inner function, which is no ordinary number,
/// is what is computed first.
fn slopes<T: Float>(f: F<T>, x: T) -> [T; 3] {
    let tape = Tape::<T>::default();
    let v = tape.var(Tensor::full([], x));
    let s = v.item();
    let y = f(s);
    [y.backward()[s], y.grad(s).value(), y.backward()[v].item()]
}

/// A case: what, the function, its slope, where.
type Case<T> = (&'static str, F<T>, fn(f64) -> f64, f64);

const CHAINS: &[Case<f64>] = &[
    ("(y/1e-310)·1e-10", |y| (y / 1e-310) * 1e-10, |_| 1e-10 / 1e-310, 1e-5),
    ("ln(1/x)", |x| x.recip().ln(), |x| -1.0 / x, 1e-200),
    ("ln(x⁻³)", |x| x.powi(-3).ln(), |x| -3.0 / x, 1e-100),
    ("ln(1e-200/x)", |x| (1e-200 / x).ln(), |x| -1.0 / x, 1e-300),
    ("ln(x^0.1)", |x| x.powf(0.1).ln(), |x| 0.1 / x, 1e-300),
    ("ln(sigmoid)", |x| x.sigmoid().ln(), |_| 1.0, -700.0),
    ("ln(exp)", |x| x.exp().ln(), |_| 1.0, -700.0),
    ("√(1/x)", |x| x.recip().sqrt(), |x| -0.5 / x.sqrt() / x, 1e-200),
];

const SINGLE_CHAINS: &[Case<f32>] = &[
    ("ln(1/x)", |x| x.recip().ln(), |x| -1.0 / x, 1e-20),
    ("ln(x⁻³)", |x| x.powi(-3).ln(), |x| -3.0 / x, 1e-12),
    ("ln(1/√x)", |x| x.rsqrt().ln(), |x| -0.5 / x, 1e-30),
    ("ln(1.5/x)", |x| (1.5 / x).ln(), |x| -1.0 / x, 1e-20),
    ("ln(sigmoid)", |x| x.sigmoid().ln(), |_| 1.0, -80.0),
    ("√(1/x)", |x| x.recip().sqrt(), |x| -0.5 / x.sqrt() / x, 1e-20),
];

fn check_chains<T: Float>(cases: &[Case<T>]) {
    for &(what, f, slope, x) in cases {
        let x = T::from_f64(x);
        // Each operation adds its rounding.
        let close = |got: T| (got.to_f64() / slope(x.to_f64()) - 1.0).abs() <= 2.0 * ULPS * T::EPSILON;
        let found = slopes(f, x);
        assert!(found.into_iter().all(close), "{what} at {x}: {found:?}, right is {:e}", slope(x.to_f64()));
    }
}

#[test]
fn a_product_of_factors_beyond_the_range_of_numbers_is_right() {
    check_chains(CHAINS);
    check_chains(SINGLE_CHAINS);
}

#[test]
fn the_least_integer_power_is_right() {
    let right = [1.8366840075301966e93, -3.9442492671391323e102, 8.470211655782685e111];
    check_row::<f64>(Unary::Powi, [f64::from(i32::MIN), 0.0], 0.999_999_9, right);
}

/// What the plain number is rounded to does not depend on how it comes to the row.
#[test]
fn powers_by_any_way_agree() {
    let tape = Tape::new();
    for (x, p) in [(0.3, 2.5), (1e-200, 0.01), (7.0, -30.25), (1.0 + 1e-12, 1e12)] {
        let (s, q) = (tape.scalar(x), tape.scalar(p));
        let plain: f64 = x;
        let ways = [s.powf(p).value(), s.pow(q).value(), q.exp_base(x).value(), s.binary(Binary::Pow, q).value()];
        assert_eq!(ways, [Number::powf(plain, p); 4], "{x}^{p}");
    }
}

/// Of a function that is straight far out, no derivative but the first is other than 0 there: x to a power times a bell of 0 is 0.
fn straight<T: Float>(far: f64) {
    for row in [Unary::Gaussian, Unary::NormalCdf, Unary::Erf, Unary::Erfc, Unary::Gelu] {
        for x in [far, -far] {
            let what = format!("{} at {x:e} on {}", row.name(), T::NAME);
            let tape = Tape::<T>::default();
            let (s, v) =
                (tape.scalar(T::from_f64(x)), tape.var(Tensor::new([2], vec![T::from_f64(0.5), T::from_f64(x)])));
            let (mut y, mut z) = (s.unary(row, [0.0; 2]).grad(s), v.unary(row, [0.0; 2]).sum().grad(v));
            for order in 2..5 {
                (y, z) = (y.grad(s), z.sum().grad(v));
                assert_eq!([y.value(), z.value().as_slice()[1]], [T::zero(); 2], "derivative {order} of {what}");
            }
        }
    }
}

#[test]
fn far_out_a_bell_is_0_in_every_order() {
    straight::<f64>(1e150);
    straight::<f32>(1e20);
}
