//! Value, slope and curvature of each row, in multiple precision.
//!
//! The matches have no wildcard arm: a row without a reference does not compile.

mod binary;

pub(super) use binary::binary;

use crate::exact::Exact;
use crate::number::rows::{Args, Unary};

/// A derivative, with the size of the largest of its terms if they cancel at some point other than 0.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    pub(super) exact: Exact,
    pub(super) largest: Option<Exact>,
}

impl From<Exact> for Sum {
    fn from(exact: Exact) -> Self {
        Sum { exact, largest: None }
    }
}

impl From<f64> for Sum {
    fn from(exact: f64) -> Self {
        Exact::from(exact).into()
    }
}

/// The larger in magnitude.
fn larger(a: &Exact, b: &Exact) -> Exact {
    if (a.abs() - b.abs()).is_negative() { b.abs() } else { a.abs() }
}

/// `a + b`, whose terms cancel somewhere.
fn sum(a: Exact, b: Exact) -> Sum {
    Sum { exact: &a + &b, largest: Some(larger(&a, &b)) }
}

/// `x·f(x)` from value, slope and curvature of `f`.
fn times_x(x: &Exact, [f, slope, curvature]: [Sum; 3]) -> [Sum; 3] {
    let within = curvature.largest.map(|largest| x * largest);
    let Sum { exact, largest } = sum(&slope.exact * 2.0, x * curvature.exact);
    let largest = larger(&largest.expect("of a sum"), &within.unwrap_or_else(|| 0.0.into()));
    [(x * &f.exact).into(), sum(f.exact, x * &slope.exact), Sum { exact, largest: Some(largest) }]
}

fn all(derivatives: [Exact; 3]) -> [Sum; 3] {
    derivatives.map(Sum::from)
}

/// The straight line `slope·x + at`.
fn line(x: &Exact, slope: f64, at: f64) -> [Sum; 3] {
    [(x * slope + at).into(), slope.into(), 0.0.into()]
}

/// A constant on one side of a kink.
fn flat(y: f64) -> [Sum; 3] {
    [y.into(), 0.0.into(), 0.0.into()]
}

/// `xᵖ`, for a negative `x` if `p` is an integer.
fn power(x: &Exact, p: f64) -> [Exact; 3] {
    let odd = if x.is_negative() && p % 2.0 != 0.0 { -1.0 } else { 1.0 };
    let y = if x.is_negative() && p.fract() != 0.0 { Exact::from(f64::NAN) } else { x.abs().pow(&p.into()) * odd };
    let slope = &y / x * p;
    let curvature = &slope / x * (Exact::from(p) - 1.0);
    [y, slope, curvature]
}

/// Value, slope and curvature at `x`.
pub(super) fn unary(row: Unary, [p, q]: Args, x: &Exact) -> [Sum; 3] {
    let one = || Exact::from(1.0);
    let exp = |factor: f64, at: f64| all([x.exp_m1() * factor + at, x.exp() * factor, x.exp() * factor]);
    let positive = !x.is_negative();
    match row {
        Unary::Exp => all([x.exp(), x.exp(), x.exp()]),
        Unary::Expm1 => exp(1.0, 0.0),
        Unary::Ln => all([x.ln(), one() / x, -1.0 / x.square()]),
        Unary::Ln1p => all([x.ln_1p(), one() / (x + 1.0), -1.0 / (x + 1.0).square()]),
        Unary::Sqrt => all([x.sqrt(), 0.5 / x.sqrt(), -0.25 / (x.sqrt() * x)]),
        Unary::Recip => all([1.0 / x, -1.0 / x.square(), 2.0 / x.powi(3)]),
        Unary::Square => all([x.square(), x * 2.0, 2.0.into()]),
        Unary::Abs => line(x, if positive { 1.0 } else { -1.0 }, 0.0),
        Unary::Sign => flat(if positive { 1.0 } else { -1.0 }),
        Unary::Step => flat(if positive { 1.0 } else { 0.0 }),
        Unary::Floor => flat(x.to_f64().floor()),
        Unary::Round => flat(x.to_f64().round()),
        Unary::Ceil => flat(x.to_f64().ceil()),
        Unary::Sin => all([x.sin(), x.cos(), -x.sin()]),
        Unary::Cos => all([x.cos(), -x.sin(), -x.cos()]),
        Unary::Tan => {
            let slope = one() / x.cos().square();
            all([x.tan(), slope.clone(), slope * x.tan() * 2.0])
        }
        Unary::Asin => {
            let w = (one() - x) * (one() + x);
            all([x.asin(), 1.0 / w.sqrt(), x / (w.sqrt() * w)])
        }
        Unary::Acos => {
            let w = (one() - x) * (one() + x);
            all([x.acos(), -1.0 / w.sqrt(), -x / (w.sqrt() * w)])
        }
        Unary::Atan => {
            let w = one() + x.square();
            all([x.atan(), 1.0 / &w, x * -2.0 / w.square()])
        }
        Unary::Sinh => all([x.sinh(), x.cosh(), x.sinh()]),
        Unary::Cosh => all([x.cosh(), x.sinh(), x.cosh()]),
        Unary::Tanh => {
            let slope = 1.0 / x.cosh().square();
            all([x.tanh(), slope.clone(), slope * x.tanh() * -2.0])
        }
        Unary::Erf | Unary::Erfc => {
            let sign = if row == Unary::Erf { 1.0 } else { -1.0 };
            let slope = (-x.square()).exp() * 2.0 / Exact::pi().sqrt() * sign;
            let y = if row == Unary::Erf { x.erf() } else { x.erfc() };
            all([y, slope.clone(), slope * x * -2.0])
        }
        Unary::Sigmoid => sigmoid(x).map(Sum::from),
        Unary::LogSigmoid => {
            let [other, slope, _] = sigmoid(&-x);
            all([-(-x).softplus(), other, -slope])
        }
        Unary::Softplus => {
            let [y, slope, _] = sigmoid(x);
            all([x.softplus(), y, slope])
        }
        Unary::Relu if positive => line(x, 1.0, 0.0),
        Unary::Relu => flat(0.0),
        Unary::LeakyRelu => line(x, if positive { 1.0 } else { p }, 0.0),
        Unary::Elu if positive => line(x, 1.0, 0.0),
        Unary::Elu => exp(p, 0.0),
        Unary::Selu if positive => line(x, 1.050_700_987_355_480_5, 0.0),
        Unary::Selu => {
            let factor = Exact::from(1.050_700_987_355_480_5) * 1.673_263_242_354_377_2;
            all([x.exp_m1() * &factor, x.exp() * &factor, x.exp() * factor])
        }
        Unary::Gelu => {
            let density = x.normal_density();
            times_x(x, all([x.normal_cdf(), density.clone(), -(density * x)]))
        }
        Unary::GeluTanh => times_x(x, gate(x)),
        Unary::Silu => times_x(x, all(sigmoid(x))),
        Unary::Mish => times_x(x, mish_gate(x)),
        Unary::MishGate => mish_gate(x),
        Unary::MishGateSlope => {
            // S″ = S·(k² + k′) for S′ = S·k, with s′ = q·s and q′ = −q·s.
            let ([_, y, slope], [s, q]) = (mish_gate(x), [x.sigmoid(), (-x).sigmoid()]);
            let (k, below) = (&slope.exact / &y.exact, q.square() + 1.0);
            // k = q − 2s²(1 + q)/(1 + q²)
            let rise = s.square() * (&q * 3.0 + 1.0) / &below * 2.0;
            let fall = s.powi(3) * (&q + 1.0) * &q * 4.0 / below.square();
            let k_slope = -(&q * (&s + rise + fall));
            let third = sum(&y.exact * k.square(), &y.exact * k_slope);
            [y, slope, third]
        }
        Unary::OverSize => {
            let (y, sign) = (one() / (x.abs() + 1.0), if positive { -1.0 } else { 1.0 });
            all([y.clone(), y.square() * sign, y.powi(3) * 2.0])
        }
        Unary::Softsign => {
            let size = x.abs() + 1.0;
            let sign = if positive { -2.0 } else { 2.0 };
            all([x / &size, 1.0 / size.square(), sign / size.powi(3)])
        }
        Unary::HardTanh if x.is_smaller(1.0) => line(x, 1.0, 0.0),
        Unary::HardTanh => flat(if positive { 1.0 } else { -1.0 }),
        Unary::HardSigmoid if x.is_smaller(3.0) => all([(x + 3.0) / 6.0, one() / 6.0, 0.0.into()]),
        Unary::HardSigmoid => flat(if positive { 1.0 } else { 0.0 }),
        Unary::Clamp => match x.to_f64() {
            x if x < p => flat(p),
            x if x > q => flat(q),
            _ => line(x, 1.0, 0.0),
        },
        Unary::Powi | Unary::Powf => all(power(x, p)),
        Unary::ExpBase => {
            let (y, ln) = (Exact::from(p).pow(x), Exact::from(p).ln());
            all([y.clone(), &y * &ln, y * ln.square()])
        }
        Unary::SechSquared => {
            let (y, t) = (1.0 / x.cosh().square(), x.tanh());
            let slope = &y * &t * -2.0;
            let curvature = sum(&y * t.square() * 4.0, y.square() * -2.0);
            [y.into(), slope.into(), curvature]
        }
        Unary::LogisticDensity => {
            let ([_, y, slope], t) = (sigmoid(x), (x / 2.0).tanh());
            let curvature = sum(&y * t.square(), y.square() * -2.0);
            [y.into(), slope.into(), curvature]
        }
        Unary::Gaussian => {
            let y = (x.square() / -2.0).exp();
            let curvature = sum(&y * x.square(), -&y);
            [y.clone().into(), (-(y * x)).into(), curvature]
        }
        Unary::NormalCdf => {
            let density = x.normal_density();
            all([x.normal_cdf(), density.clone(), -(density * x)])
        }
        Unary::TanhGate => gate(x),
        Unary::TanhGateDensity => gate_density(x),
        Unary::Rsqrt => {
            let y = 1.0 / x.sqrt();
            all([y.clone(), &y / x * -0.5, y / x.square() * 0.75])
        }
        Unary::RsqrtCubed => {
            let y = 1.0 / (x * x.sqrt());
            all([y.clone(), &y / x * -1.5, y / x.square() * 3.75])
        }
        Unary::AsinSlope => {
            let w = (one() - x) * (one() + x);
            let y = 1.0 / w.sqrt();
            all([y.clone(), x * &y / &w, y * (x.square() * 2.0 + 1.0) / w.square()])
        }
        Unary::AtanSlope => {
            let y = 1.0 / (one() + x.square());
            let curvature = sum(x.square() * 8.0 * y.powi(3), y.square() * -2.0);
            [y.clone().into(), (x * y.square() * -2.0).into(), curvature]
        }
        Unary::Exp2 => {
            let (y, ln) = (Exact::from(2.0).pow(x), Exact::from(2.0).ln());
            all([y.clone(), &y * &ln, y * ln.square()])
        }
        Unary::Log2 | Unary::Log10 => {
            let slope = 1.0 / (x * Exact::from(if row == Unary::Log2 { 2.0 } else { 10.0 }).ln());
            all([&slope * x * x.ln(), slope.clone(), -slope / x])
        }
        Unary::Log1mexp => {
            let y = if x.is_smaller(0.7) { (-(-x).exp_m1()).ln() } else { (-(-x).exp()).ln_1p() };
            let [slope, curvature, _] = recip_exp_m1(x);
            [y.into(), slope, curvature]
        }
        Unary::RecipExpm1 => recip_exp_m1(x),
        Unary::Logit => {
            let other = one() - x;
            let (near, far) = (1.0 / x.square(), 1.0 / other.square());
            [(x / &other).ln().into(), (1.0 / (x * &other)).into(), sum(far, -near)]
        }
        Unary::Cbrt => {
            let y = x.abs().pow(&(one() / 3.0)) * if positive { 1.0 } else { -1.0 };
            all([y.clone(), 1.0 / (y.square() * 3.0), -2.0 / (y.powi(5) * 9.0)])
        }
        Unary::Trunc => flat(x.to_f64().trunc()),
        Unary::Asinh => {
            let (w, size) = (one() + x.square(), x.abs());
            let y = (&size + size.square() / (one() + w.sqrt())).ln_1p() * if positive { 1.0 } else { -1.0 };
            all([y, 1.0 / w.sqrt(), -x / (w.sqrt() * w)])
        }
        Unary::Acosh => {
            let (t, w) = (x - 1.0, (x - 1.0) * (x + 1.0));
            all([(t + w.sqrt()).ln_1p(), 1.0 / w.sqrt(), -x / (w.sqrt() * w)])
        }
        Unary::Atanh => {
            let w = (one() - x) * (one() + x);
            all([(x * 2.0 / (one() - x)).ln_1p() / 2.0, 1.0 / &w, x * 2.0 / w.square()])
        }
        Unary::AsinhSlope => {
            let w = one() + x.square();
            let y = 1.0 / w.sqrt();
            let curvature = sum(x.square() * 3.0 * &y / w.square(), -(&y / &w));
            [y.clone().into(), (-(x * y) / w).into(), curvature]
        }
        Unary::AcoshSlope => {
            let w = (x - 1.0) * (x + 1.0);
            let y = 1.0 / w.sqrt();
            all([y.clone(), -(x * &y) / &w, y * (x.square() * 2.0 + 1.0) / w.square()])
        }
        Unary::AtanhSlope => {
            let y = 1.0 / ((one() - x) * (one() + x));
            let curvature = sum(x.square() * 8.0 * y.powi(3), y.square() * 2.0);
            [y.clone().into(), (x * 2.0 * y.square()).into(), curvature]
        }
        Unary::Sinc
        | Unary::SphericalBesselPi
        | Unary::Lgamma
        | Unary::Digamma
        | Unary::Polygamma
        | Unary::Gammainc
        | Unary::Gammaincc
        | Unary::GammaDensity
        | Unary::Erfcx
        | Unary::ErfcxSlope
        | Unary::Erfinv
        | Unary::Ndtri
        | Unary::LogNdtr
        | Unary::InverseMills
        | Unary::MillsSlope
        | Unary::LaplaceRatio
        | Unary::I0
        | Unary::I1
        | Unary::Iv
        | Unary::I0e
        | Unary::I1e
        | Unary::I0eSlope => unreachable!("{} is compared with figures: tests/it/special/figures.py", row.name()),
        Unary::Neg => line(x, -1.0, 0.0),
        Unary::AddNumber => line(x, 1.0, p),
        Unary::SubFrom => line(x, -1.0, p),
        Unary::MulNumber => line(x, p, 0.0),
        Unary::DivNumber => all([x / p, one() / p, 0.0.into()]),
        Unary::DivInto => all([p / x, -p / x.square(), 2.0 * p / x.powi(3)]),
        Unary::MaxNumber if x.to_f64() > p => line(x, 1.0, 0.0),
        Unary::MinNumber if x.to_f64() < p => line(x, 1.0, 0.0),
        Unary::MaxNumber | Unary::MinNumber => flat(p),
    }
}

/// `1/(eˣ − 1)` and its derivatives.
fn recip_exp_m1(x: &Exact) -> [Sum; 3] {
    let (y, other) = (1.0 / x.exp_m1(), 1.0 / (-x).exp_m1());
    let slope = &y * &other;
    let curvature = &slope * (&other - &y);
    all([y, slope, curvature])
}

/// The sigmoid and its derivatives.
fn sigmoid(x: &Exact) -> [Exact; 3] {
    let y = x.sigmoid();
    let slope = &y * (-x).sigmoid();
    let curvature = -(&slope * (x / 2.0).tanh());
    [y, slope, curvature]
}

/// `tanh(softplus(x))` and its derivatives.
fn mish_gate(x: &Exact) -> [Sum; 3] {
    let (s, [y, slope, _]) = (x.softplus(), sigmoid(x));
    let (t, bell) = (s.tanh(), 1.0 / s.cosh().square());
    let second = sum(slope * &bell, -(&bell * y.square() * &t * 2.0));
    [t.into(), (y * bell).into(), second]
}

/// `w = √(8/π)(x + 0.044715x³)` and its derivatives.
fn gate_argument(x: &Exact) -> [Exact; 3] {
    let (unit, cube) = ((Exact::from(8.0) / Exact::pi()).sqrt(), Exact::from(44_715.0) / 1e6);
    let bend = &unit * (x.square() * &cube * 3.0 + 1.0);
    [&unit * (x + x.powi(3) * &cube), bend, unit * x * cube * 6.0]
}

/// The sigmoid of the gate's argument.
fn gate(x: &Exact) -> [Sum; 3] {
    let [w, bend, second] = gate_argument(x);
    let [y, slope, curvature] = sigmoid(&w);
    let second = sum(curvature * bend.square(), &slope * second);
    [y.into(), (slope * bend).into(), second]
}

/// The slope of the sigmoid at the gate's argument.
fn gate_density(x: &Exact) -> [Sum; 3] {
    let [w, bend, second] = gate_argument(x);
    let ([_, y, slope], t) = (sigmoid(&w), (&w / 2.0).tanh());
    let terms = [&y * t.square() * bend.square(), y.square() * -2.0 * bend.square(), &slope * second];
    let largest = terms.iter().fold(Exact::from(0.0), |largest, term| larger(&largest, term));
    let [a, b, c] = terms;
    [y.into(), (slope * bend).into(), Sum { exact: a + b + c, largest: Some(largest) }]
}
