//! The table of elementwise operations: one row each.
//!
//! A row has: documentation, name of the row, name of the method with its plain-number arguments, value, derivative,
//! the interval on which it is tested, the points inside it where it has a kink or a jump, and its marks, if any. A row
//! of two inputs has two derivatives and two intervals, and no points.
//!
//! - The **value** is written over the functions of `crate::math`, here `m`; it runs on `f32` and `f64`.
//! - The **derivative** is written as a transformation of the gradient `d` on its way through the row
//!   ([`Passing`](super::passing::Passing)): `d * y` for the exponential. It is written over
//!   [`Number`](crate::Number), in terms of the input `x`, the output `y` and the plain numbers `p` and `q`. It runs
//!   on plain numbers in the sweep, on handles when a gradient is itself recorded, and on dual numbers and tangents
//!   in forward mode.
//!
//! - The **marks** are those of [`Mark`](super::marks::Mark). A row whose derivative is 0 everywhere is `Flat`; one
//!   whose derivative uses [`shortcut`](super::passing::shortcut), [`either`](super::passing::either) or a rule that
//!   does is `Decides`. A test compares each row's kernel with its formula, and names
//!   a row that is wrong for want of a mark.
//!
//! In both, `c(0.5)` is the plain number 0.5 in the type at hand.
//!
//! **To add an operation, add a row.** The method on `Var`, `Scalar`, `Tensor`, `Dual` and plain numbers, the
//! kernels, the sweep and the property tests follow from it. Edge values go into the table of `tests/it/edges.rs`.

/// Rows of one input. `p` and `q` are the method's plain-number arguments.
macro_rules! unary_table {
    ($with:ident) => {
        $with! { (x y p q c d)
            /// Exponential: `y = exp(x)`, `dy/dx = y`.
            Exp, exp(), m::exp(x), d * y, (-3.0, 3.0), [];
            /// `y = exp(x) − 1`, accurate near 0; `dy/dx = exp(x)`.
            Expm1, exp_m1(), m::exp_m1(x), d.times_exp(x), (-3.0, 3.0), [], Decides;
            /// Natural logarithm: `y = ln(x)`, `dy/dx = 1/x`.
            Ln, ln(), m::ln(x), d / x, (0.1, 4.0), [];
            /// `y = ln(1 + x)`, accurate near 0; `dy/dx = 1/(1 + x)`.
            Ln1p, ln_1p(), m::ln_1p(x), d / (x + c(1.0)), (-0.8, 4.0), [];
            /// Square root: `y = √x`, `dy/dx = 1/(2y)`; infinite at 0.
            Sqrt, sqrt(), m::sqrt(x), shortcut(y, f64::INFINITY, || d / (y + y), || d * x.rsqrt() * c(0.5)), (0.1, 4.0), [], Decides;
            /// Reciprocal square root: `y = 1/√x`, `dy/dx = −y/(2x)`.
            Rsqrt, rsqrt(), m::rsqrt(x), -(d * y * c(0.5) / x), (0.1, 4.0), [];
            /// Reciprocal: `y = 1/x`, `dy/dx = −1/x²`.
            Recip, recip(), c(1.0) / x, -(d / x / x), (0.3, 4.0), [];
            /// `y = x²`, `dy/dx = 2x`.
            Square, square(), x * x, d * (x + x), (-3.0, 3.0), [];
            /// Absolute value; `dy/dx = sign(x)`, 0 at 0.
            Abs, abs(), m::abs(x), (d * x.sign()).masked(x), (-3.0, 3.0), [0.0];
            /// The sign: −1, 0 or 1; derivative 0 everywhere by policy.
            Sign, sign(), m::sign(x), d.nothing(), (-3.0, 3.0), [0.0], Flat;
            /// The unit step: 0, ½, 1 for `x < 0`, `x = 0`, `x > 0`; derivative 0 everywhere by policy.
            Step, step(), m::sign(x) * c(0.5) + c(0.5), d.nothing(), (-3.0, 3.0), [0.0], Flat;
            /// The largest integer not above `x`; derivative 0 everywhere by policy.
            Floor, floor(), m::floor(x), d.nothing(), (0.1, 0.9), [], Flat;
            /// The nearest integer, halves away from zero; derivative 0 everywhere by policy.
            Round, round(), m::round(x), d.nothing(), (0.6, 1.4), [], Flat;
            /// The smallest integer not below `x`; derivative 0 everywhere by policy.
            Ceil, ceil(), m::ceil(x), d.nothing(), (0.1, 0.9), [], Flat;

            /// Sine; `dy/dx = cos(x)`.
            Sin, sin(), m::sin(x), d * x.cos(), (-3.0, 3.0), [], Near, Decides, KeepsSlope;
            /// Cosine; `dy/dx = −sin(x)`.
            Cos, cos(), m::cos(x), -(d * x.sin()), (-3.0, 3.0), [], Near, Decides, KeepsSlope;
            /// Tangent; `dy/dx = 1 + y²`.
            Tan, tan(), m::tan(x), d * (c(1.0) + y * y), (-1.2, 1.2), [], Near, Decides;
            /// Arc sine; `dy/dx = 1/√(1 − x²)`.
            Asin, asin(), m::asin(x), d * x.asin_slope(), (-0.9, 0.9), [];
            /// Arc cosine; `dy/dx = −1/√(1 − x²)`.
            Acos, acos(), m::acos(x), -(d * x.asin_slope()), (-0.9, 0.9), [];
            /// Arc tangent; `dy/dx = 1/(1 + x²)`.
            Atan, atan(), m::atan(x), through_atan(x, d), (-3.0, 3.0), [], Decides;
            /// Hyperbolic sine; `dy/dx = cosh(x)`.
            Sinh, sinh(), m::sinh(x), d * x.cosh(), (-3.0, 3.0), [];
            /// Hyperbolic cosine; `dy/dx = sinh(x)`.
            Cosh, cosh(), m::cosh(x), d * x.sinh(), (-3.0, 3.0), [];
            /// Hyperbolic tangent; `dy/dx = 1/cosh²(x)`.
            Tanh, tanh(), m::tanh(x), through_tanh(x, y, d), (-3.0, 3.0), [], Decides;
            /// The error function; `dy/dx = 2/√π · exp(−x²)`.
            Erf, erf(), m::erf(x), { let g = x.gaussian(); d * g * g * c(std::f64::consts::FRAC_2_SQRT_PI) }, (-2.0, 2.0), [];
            /// The complementary error function `1 − erf(x)`, accurate where that cancels; `dy/dx = −2/√π ·
            /// exp(−x²)`.
            Erfc, erfc(), m::erfc(x), { let g = x.gaussian(); -(d * g * g * c(std::f64::consts::FRAC_2_SQRT_PI)) }, (-2.0, 2.0), [];

            /// Logistic function: `y = 1/(1 + exp(−x))`, `dy/dx = sigmoid(x)·sigmoid(−x)`.
            Sigmoid, sigmoid(), m::sigmoid(x), through_sigmoid(x, y, d), (-3.0, 3.0), [], Decides;
            /// `y = ln(sigmoid(x))`, finite at −1000; `dy/dx = sigmoid(−x)`.
            LogSigmoid, log_sigmoid(), -m::softplus(-x), d * (-x).sigmoid(), (-3.0, 3.0), [];
            /// `y = ln(1 + exp(x))`, finite at 1000; `dy/dx = sigmoid(x)`.
            Softplus, softplus(), m::softplus(x), d * x.sigmoid(), (-3.0, 3.0), [];
            /// Rectifier: `y = max(0, x)`; `dy/dx` is 1 for `x > 0`, else 0.
            Relu, relu(), m::max(x, c(0.0)), d.masked(x.greater(c(0.0))), (-3.0, 3.0), [0.0];
            /// Leaky rectifier: `x` for `x > 0`, else `slope·x`; `dy/dx` is `slope` at 0.
            LeakyRelu, leaky_relu(slope: f64), m::select(x > c(0.0), x, x * c(p)),
                select(x.greater(c(0.0)), d, d.times(p)), (-3.0, 3.0), [0.0];
            /// Exponential linear unit: `x` for `x > 0`, else `alpha·(exp(x) − 1)`; `dy/dx = alpha·exp(x)` for `x ≤ 0`.
            Elu, elu(alpha: f64), m::select(x > c(0.0), x, m::exp_m1(x) * c(p)),
                select(x.greater(c(0.0)), d, d.times(p).times_exp(x)), (-3.0, 3.0), [0.0], Decides;
            /// Self-normalising unit (Klambauer et al. 2017): `λx` for `x > 0`, else `λα(exp(x) − 1)`, with λ =
            /// 1.0507… and α = 1.6732….
            Selu, selu(), m::select(x > c(0.0), x * c(SELU_SCALE), m::exp_m1(x) * c(SELU_SCALE * SELU_ALPHA)),
                select(x.greater(c(0.0)), d * c(SELU_SCALE), (d * c(SELU_SCALE * SELU_ALPHA)).times_exp(x)), (-3.0, 3.0), [0.0], Decides;
            /// Gaussian error linear unit, exact: `y = x·Φ(x)` with the normal distribution function Φ (Hendrycks &
            /// Gimpel 2016).
            Gelu, gelu(), m::chain(m::normal_cdf(x), x),
                d * (x.normal_cdf() + x.gaussian().chain(x) * c(FRAC_1_SQRT_2PI)), (-3.0, 3.0), [];
            /// GELU in its tanh form: `y = x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))`.
            GeluTanh, gelu_tanh(), m::chain(m::tanh_gate(x), x), through_gelu_tanh(x, d), (-3.0, 3.0), [], Decides;
            /// Sigmoid linear unit, or swish: `y = x·sigmoid(x)`.
            Silu, silu(), m::chain(m::sigmoid(x), x), d * (x.sigmoid() + (-x).sigmoid().chain(y)), (-3.0, 3.0), [];
            /// `y = x·tanh(softplus(x))` (Misra 2019).
            Mish, mish(), m::chain(m::mish_gate(x), x), d * (x.mish_gate() + x.mish_gate_slope().chain(x)), (-3.0, 3.0), [];
            /// `y = x/(1 + |x|)`, `dy/dx = 1/(1 + |x|)²`.
            Softsign, softsign(), m::softsign(x), through_softsign(x, d), (-3.0, 3.0), [0.0], Decides;
            /// `y = min(max(x, −1), 1)`; `dy/dx` is 1 on [−1, 1], else 0.
            HardTanh, hard_tanh(), m::min(m::max(x, c(-1.0)), c(1.0)), d.masked(inside(x, -1.0, 1.0)), (-3.0, 3.0), [-1.0, 1.0];
            /// `y = min(max((x + 3)/6, 0), 1)`; `dy/dx` is 1/6 on [−3, 3], else 0.
            HardSigmoid, hard_sigmoid(), m::min(m::max((x + c(3.0)) / c(6.0), c(0.0)), c(1.0)),
                (d / c(6.0)).masked(inside(x, -3.0, 3.0)), (-5.0, 5.0), [-3.0, 3.0];
            /// `y = min(max(x, low), high)`; `dy/dx` is 1 on [low, high], else 0, and 0 everywhere if `low = high`.
            ///
            /// # Panics
            /// If `low > high`, or a bound is NaN.
            Clamp, clamp(low: f64, high: f64), m::min(m::max(x, c(p)), c(q)), d.masked(inside(x, p, q)).masked(c(p).less(c(q))), (-3.0, 3.0), [0.25, 0.75];

            /// Integer power: `y = xⁿ`, `dy/dx = n·xⁿ⁻¹`; `x⁰ = 1` everywhere.
            Powi, powi(n: i32), m::powi(x, p as i32), whole_power(x, y, p as i32, d), (0.3, 2.0), [];
            /// Real power: `y = xᵖ`, `dy/dx = p·xᵖ⁻¹`; NaN for negative `x` unless `p` is an integer.
            Powf, powf(p: f64), m::powf(x, p), real_power(x, y, p, d), (0.3, 2.0), [], Decides;
            /// The power of a plain number: `y = baseˣ`, `dy/dx = y·ln(base)`.
            ExpBase, exp_base(base: f64), m::exp_base(x, p), if p == 0.0 { d.nothing() } else { (d * y).times(m::ln(p)) }, (-2.0, 2.0), [];

            // The functions that the slopes above consist of, as rows, so that they have slopes of their own.
            /// `y = 1/cosh²(x)`, the slope of the hyperbolic tangent; `dy/dx = −2y·tanh(x)`.
            SechSquared, sech_squared(), m::sech_squared(x), { let t = x.tanh(); -(d * y * (t + t)) }, (-3.0, 3.0), [], Near;
            /// `y = sigmoid(x)·sigmoid(−x)`, the slope of the logistic function; `dy/dx = −y·tanh(x/2)`.
            LogisticDensity, logistic_density(), m::logistic_density(x), -(d * y * (x * c(0.5)).tanh()), (-3.0, 3.0), [];
            /// `y = exp(−x²/2)`, `dy/dx = −x·y`.
            Gaussian, gaussian(), m::gaussian(x), through_gaussian(x, y, d), (-3.0, 3.0), [], Decides;
            /// The distribution function Φ of the normal distribution; `dy/dx = exp(−x²/2)/√(2π)`.
            NormalCdf, normal_cdf(), m::normal_cdf(x), d * x.gaussian() * c(FRAC_1_SQRT_2PI), (-3.0, 3.0), [];
            /// `y = ½(1 + tanh(√(2/π)(x + 0.044715x³)))`, the gate that GELU's tanh form multiplies `x` by.
            TanhGate, tanh_gate(), m::tanh_gate(x), through_gate(x, d), (-3.0, 3.0), [], Decides;
            /// The slope of the logistic function at `√(8/π)(x + 0.044715x³)`, a factor of the slope of
            /// [`tanh_gate`](crate::Number::tanh_gate).
            TanhGateDensity, tanh_gate_density(), m::tanh_gate_density(x), through_gate_density(x, y, d), (-3.0, 3.0), [], Decides;
            /// `y = tanh(softplus(x))`, the gate that Mish multiplies `x` by.
            MishGate, mish_gate(), m::mish_gate(x), d * x.mish_gate_slope(), (-3.0, 3.0), [];
            /// The slope of [`mish_gate`](crate::Number::mish_gate): `y = sigmoid(x)/cosh²(softplus(x))`.
            MishGateSlope, mish_gate_slope(), m::mish_gate_slope(x), d * y * mish_bend(x), (-3.0, 3.0), [];
            /// `y = 1/(1 + |x|)`, whose square is the slope of the softsign; `dy/dx = −sign(x)·y²`.
            OverSize, over_size(), m::over_size(x), -(d * y * y * x.sign()).masked(x), (-3.0, 3.0), [0.0];
            /// `y = 1/√(1 − x²)`, the slope of the arc sine; `dy/dx = x·y³`.
            AsinSlope, asin_slope(), m::asin_slope(x), d * y * y * (x * y), (-0.9, 0.9), [];
            /// `y = 1/(1 + x²)`, the slope of the arc tangent; `dy/dx = −2x·y²`.
            AtanSlope, atan_slope(), m::atan_slope(x), -(d * y * (x + x) * y), (-3.0, 3.0), [];

            // Rows that the operators between an array or scalar and a plain number record; the table gives them
            // methods too.
            /// `−x`.
            Neg, negated(), -x, -d, (-3.0, 3.0), [];
            /// `x + number`.
            AddNumber, plus_number(number: f64), x + c(p), d, (-3.0, 3.0), [];
            /// `number − x`.
            SubFrom, subtracted_from(number: f64), c(p) - x, -d, (-3.0, 3.0), [];
            /// `x · number`.
            MulNumber, times_number(number: f64), x * c(p), d * c(p), (-3.0, 3.0), [];
            /// `x / number`.
            DivNumber, over_number(number: f64), x / c(p), d / c(p), (-3.0, 3.0), [];
            /// `number / x`; `dy/dx = −y/x`.
            DivInto, divided_into(number: f64), c(p) / x, through_divisor(c(p), x, y, d), (0.3, 3.0), [], Decides;
            /// The larger of `x` and a plain number; a tie passes half of the gradient.
            MaxNumber, at_least(number: f64), m::max(x, c(p)), d.shared(x.greater(c(p)) + x.equal(c(p)) * c(0.5)), (-3.0, 3.0), [0.25];
            /// The smaller of `x` and a plain number; a tie passes half of the gradient.
            MinNumber, at_most(number: f64), m::min(x, c(p)), d.shared(x.less(c(p)) + x.equal(c(p)) * c(0.5)), (-3.0, 3.0), [0.25];
        }
    };
}

/// Rows of two inputs, with broadcasting: value, then the two partial derivatives.
macro_rules! binary_table {
    ($with:ident) => {
        $with! { (a b y c d)
            /// `a + b`.
            Add, plus, a + b, (d, d), (-3.0, 3.0), (-3.0, 3.0);
            /// `a − b`.
            Sub, minus, a - b, (d, -d), (-3.0, 3.0), (-3.0, 3.0);
            /// `a · b`, element by element.
            Mul, times, a * b, (d * b, d * a), (-3.0, 3.0), (-3.0, 3.0);
            /// `a / b`; `∂y/∂a = 1/b`, `∂y/∂b = −y/b`.
            Div, over, a / b, (d / b, through_divisor(a, b, y, d)), (-3.0, 3.0), (0.3, 3.0), Decides;
            /// Variable power: `y = aᵇ` for `a ≥ 0`; `∂y/∂a = b·aᵇ⁻¹`, `∂y/∂b = y·ln(a)`, which is 0 at `a = 0`.
            Pow, pow, m::pow(a, b), (
                // Where a > 0 the formula holds at b = 0 too: its own derivative with respect to b is not 0 there.
                any_power(a, b, y, d).masked(a.greater(c(0.0)) + b.not_equal(c(0.0))),
                (d * y * a.greater(c(0.0)).select(a, c(1.0)).ln()).masked(a)
            ), (0.3, 3.0), (-2.0, 2.0), Decides;
            /// The angle of the point (b, a): `y = atan2(a, b)`; `∂y/∂a = b/(a² + b²)`, `∂y/∂b = −a/(a² + b²)`, 0 at
            /// the origin.
            Atan2, atan2, m::atan2(a, b), (through_angle(b, a, d), -through_angle(a, b, d)), (0.3, 3.0), (-3.0, 3.0), Decides;
            /// The point (a, b) inverted in the unit circle: `y = a/(a² + b²)`, a slope of `atan2`; 0 at the origin.
            Inverted, inverted, m::inverted(a, b), (
                // The derivative of 1/z is −1/z², and 1/z = y − i·(b inverted).
                { let other = b.inverted(a); d * other * other + -(d * y * y) },
                -(d * y * (b.inverted(a) * c(2.0)))
            ), (0.3, 3.0), (-3.0, 3.0);
            /// The larger of two, element by element; ties share the gradient, NaN propagates.
            Maximum, maximum, m::max(a, b), (d.shared(a.greater(b) + a.equal(b) * c(0.5)), d.shared(b.greater(a) + a.equal(b) * c(0.5))), (-3.0, 0.0), (-3.0, 3.0);
            /// The smaller of two, element by element; ties share the gradient, NaN propagates.
            Minimum, minimum, m::min(a, b), (d.shared(a.less(b) + a.equal(b) * c(0.5)), d.shared(b.less(a) + a.equal(b) * c(0.5))), (-3.0, 3.0), (-3.0, 3.0);
            /// 1 where `a < b`, else 0: a mask, without derivative.
            Less, less, m::mask(a < b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat;
            /// 1 where `a ≤ b`, else 0: a mask, without derivative.
            LessEqual, less_equal, m::mask(a <= b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat;
            /// 1 where `a > b`, else 0: a mask, without derivative.
            Greater, greater, m::mask(a > b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat;
            /// 1 where `a ≥ b`, else 0: a mask, without derivative.
            GreaterEqual, greater_equal, m::mask(a >= b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat;
            /// 1 where `a = b`, else 0: a mask, without derivative.
            Equal, equal, m::mask(a == b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat;
            /// 1 where `a ≠ b`, else 0: a mask, without derivative.
            NotEqual, not_equal, m::mask(a != b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat;
            /// The product of the chain rule: 0 where `a` (an incoming gradient) is 0, whatever `b` is; else `a · b`.
            Chain, chain, m::chain(a, b), (d * b, through_gradient(a, d, || d * a)), (0.3, 3.0), (-3.0, 3.0), Decides;
            /// The quotient of the chain rule: 0 where `a` (an incoming gradient) is 0, whatever `b` is; else `a /
            /// b`.
            ChainOver, chain_over, m::select(a == c(0.0), c(0.0), a / b), (d / b, through_gradient(a, d, || through_divisor(a, b, y, d))), (0.3, 3.0), (0.3, 3.0), Decides;
            /// The product of the chain rule with a slope `b` only: 0 where either is 0, whatever the other is; else
            /// `a · b`.
            ChainFlat, chain_flat, m::select(b == c(0.0), c(0.0), m::chain(a, b)),
                (through_gradient(b, d, || d * b), through_gradient(a, d, || d * a)), (0.3, 3.0), (-3.0, 3.0), Decides;
            /// `a` where the mask `b` is not 0, else exactly 0, whatever `a` is; no gradient flows back to the mask.
            Masked, masked, m::select(b != c(0.0), a, c(0.0)), (d.masked(b), d.nothing()), (-3.0, 3.0), (0.3, 3.0), FlatInSecond;
        }
    };
}

pub(crate) use {binary_table, unary_table};
