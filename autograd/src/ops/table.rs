//! The table of elementwise operations: one row each.
//!
//! A row is: documentation, name of the row, name of the method with its plain-number arguments, value, derivative,
//! the interval on which it is tested, and the points inside it where it has a kink or a jump.
//!
//! - The **value** is written over the functions of `kernels::math`, here `m`; it runs on `f32` and `f64`.
//! - The **derivative** is written over [`Number`](crate::Number), in terms of the input `x`, the output `y` and the
//!   plain numbers `p` and `q`. It runs on plain numbers in the sweep, on handles when a gradient is itself recorded,
//!   and on dual numbers in forward mode.
//!
//! In both, `c(0.5)` is the plain number 0.5 in the type at hand.
//!
//! **To add an operation, add a row.** The method on `Var`, `Scalar`, `Tensor`, `Dual` and plain numbers, the kernels, the
//! sweep, and the property tests follow from it. Edge values go into the table of `tests/it/edges.rs`.

/// Rows of one input. `p` and `q` are the method's plain-number arguments.
macro_rules! unary_table {
    ($with:ident) => {
        $with! { (x y p q c)
            /// Eˣ: `y = exp(x)`, `dy/dx = y`.
            Exp, exp(), m::exp(x), y, (-3.0, 3.0), [];
            /// `y = exp(x) − 1`, accurate near 0; `dy/dx = y + 1`.
            Expm1, exp_m1(), m::exp_m1(x), y + c(1.0), (-3.0, 3.0), [];
            /// Natural logarithm: `y = ln(x)`, `dy/dx = 1/x`.
            Ln, ln(), m::ln(x), x.recip(), (0.1, 4.0), [];
            /// `y = ln(1 + x)`, accurate near 0; `dy/dx = 1/(1 + x)`.
            Ln1p, ln_1p(), m::ln_1p(x), (x + c(1.0)).recip(), (-0.8, 4.0), [];
            /// Square root: `y = √x`, `dy/dx = 1/(2y)`; infinite at 0.
            Sqrt, sqrt(), m::sqrt(x), c(0.5) / y, (0.1, 4.0), [];
            /// Reciprocal: `y = 1/x`, `dy/dx = −y²`.
            Recip, recip(), c(1.0) / x, -(y * y), (0.3, 4.0), [];
            /// `y = x²`, `dy/dx = 2x`.
            Square, square(), x * x, c(2.0) * x, (-3.0, 3.0), [];
            /// Absolute value; `dy/dx = sign(x)`, 0 at 0.
            Abs, abs(), m::abs(x), x.sign(), (-3.0, 3.0), [0.0];
            /// −1, 0 or 1; derivative 0 everywhere by policy.
            Sign, sign(), m::sign(x), c(0.0), (-3.0, 3.0), [0.0];
            /// The unit step: 0, ½, 1 for `x < 0`, `x = 0`, `x > 0`; derivative 0 everywhere by policy.
            Step, step(), m::sign(x) * c(0.5) + c(0.5), c(0.0), (-3.0, 3.0), [0.0];
            /// The largest integer not above `x`; derivative 0 everywhere by policy.
            Floor, floor(), m::floor(x), c(0.0), (0.1, 0.9), [];
            /// The nearest integer, halves away from zero; derivative 0 everywhere by policy.
            Round, round(), m::round(x), c(0.0), (0.6, 1.4), [];
            /// The smallest integer not below `x`; derivative 0 everywhere by policy.
            Ceil, ceil(), m::ceil(x), c(0.0), (0.1, 0.9), [];

            /// Sine; `dy/dx = cos(x)`.
            Sin, sin(), m::sin(x), x.cos(), (-3.0, 3.0), [];
            /// Cosine; `dy/dx = −sin(x)`.
            Cos, cos(), m::cos(x), -x.sin(), (-3.0, 3.0), [];
            /// Tangent; `dy/dx = 1 + y²`.
            Tan, tan(), m::tan(x), c(1.0) + y * y, (-1.2, 1.2), [];
            /// Arc sine; `dy/dx = 1/√(1 − x²)`.
            Asin, asin(), m::asin(x), ((c(1.0) - x) * (c(1.0) + x)).sqrt().recip(), (-0.9, 0.9), [];
            /// Arc cosine; `dy/dx = −1/√(1 − x²)`.
            Acos, acos(), m::acos(x), -((c(1.0) - x) * (c(1.0) + x)).sqrt().recip(), (-0.9, 0.9), [];
            /// Arc tangent; `dy/dx = 1/(1 + x²)`.
            Atan, atan(), m::atan(x), (c(1.0) + x * x).recip(), (-3.0, 3.0), [];
            /// Hyperbolic sine; `dy/dx = cosh(x)`.
            Sinh, sinh(), m::sinh(x), x.cosh(), (-3.0, 3.0), [];
            /// Hyperbolic cosine; `dy/dx = sinh(x)`.
            Cosh, cosh(), m::cosh(x), x.sinh(), (-3.0, 3.0), [];
            /// Hyperbolic tangent; `dy/dx = (1 − y)(1 + y)`, since `1 − y²` cancels as |y| nears 1.
            Tanh, tanh(), m::tanh(x), (c(1.0) - y) * (c(1.0) + y), (-3.0, 3.0), [];
            /// The error function; `dy/dx = 2/√π · exp(−x²)`.
            Erf, erf(), m::erf(x), c(std::f64::consts::FRAC_2_SQRT_PI) * (-(x * x)).exp(), (-2.0, 2.0), [];

            /// Logistic function: `y = 1/(1 + exp(−x))`, `dy/dx = y(1 − y)`.
            Sigmoid, sigmoid(), m::sigmoid(x), y * (c(1.0) - y), (-3.0, 3.0), [];
            /// `y = ln(sigmoid(x))`, finite at −1000; `dy/dx = sigmoid(−x)`.
            LogSigmoid, log_sigmoid(), -m::softplus(-x), (-x).sigmoid(), (-3.0, 3.0), [];
            /// `y = ln(1 + exp(x))`, finite at 1000; `dy/dx = sigmoid(x)`.
            Softplus, softplus(), m::softplus(x), x.sigmoid(), (-3.0, 3.0), [];
            /// Rectifier: `y = max(0, x)`; `dy/dx` is 1 for `x > 0`, else 0.
            Relu, relu(), m::max(x, c(0.0)), x.greater(c(0.0)), (-3.0, 3.0), [0.0];
            /// Leaky rectifier: `x` for `x > 0`, else `slope·x`; `dy/dx` is `slope` at 0.
            LeakyRelu, leaky_relu(slope: f64), m::select(x > c(0.0), x, x * c(p)),
                x.greater(c(0.0)).select(c(1.0), c(p)), (-3.0, 3.0), [0.0];
            /// Exponential linear unit: `x` for `x > 0`, else `alpha·(exp(x) − 1)`; `dy/dx = y + alpha` for `x ≤ 0`.
            Elu, elu(alpha: f64), m::select(x > c(0.0), x, m::exp_m1(x) * c(p)),
                x.greater(c(0.0)).select(c(1.0), y + c(p)), (-3.0, 3.0), [0.0];
            /// Self-normalising unit (Klambauer et al. 2017): `λx` for `x > 0`, else `λα(exp(x) − 1)`, with λ = 1.0507…, α = 1.6732….
            Selu, selu(), c(SELU_SCALE) * m::select(x > c(0.0), x, m::exp_m1(x) * c(SELU_ALPHA)),
                x.greater(c(0.0)).select(c(SELU_SCALE), y + c(SELU_SCALE * SELU_ALPHA)), (-3.0, 3.0), [0.0];
            /// Gaussian error linear unit, exact: `y = x·Φ(x)` with the normal distribution function Φ (Hendrycks & Gimpel 2016).
            Gelu, gelu(), x * c(0.5) * m::erfc(-x * c(FRAC_1_SQRT_2)),
                c(0.5) * ((x * c(FRAC_1_SQRT_2)).erf() + c(1.0)) + x * c(FRAC_1_SQRT_2PI) * (x * x * c(-0.5)).exp(), (-3.0, 3.0), [];
            /// GELU in its tanh form: `y = x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))`.
            GeluTanh, gelu_tanh(), x * c(0.5) * (m::tanh(x * (c(GELU_A) + x * x * c(GELU_B))) + c(1.0)), {
                let t = (x * (c(GELU_A) + x * x * c(GELU_B))).tanh();
                // In this order, far out, 0 stays 0.
                let bend = c(0.5) * x * (c(1.0) - t) * (c(1.0) + t);
                c(0.5) * (t + c(1.0)) + bend * c(GELU_A) + bend * x * x * c(3.0 * GELU_B)
            }, (-3.0, 3.0), [];
            /// Sigmoid linear unit, or swish: `y = x·sigmoid(x)`.
            Silu, silu(), x * m::sigmoid(x), { let s = x.sigmoid(); s + y * (c(1.0) - s) }, (-3.0, 3.0), [];
            /// `y = x·tanh(softplus(x))` (Misra 2019).
            Mish, mish(), x * m::tanh(m::softplus(x)), {
                let t = x.softplus().tanh();
                t + x * x.sigmoid() * (c(1.0) - t) * (c(1.0) + t)
            }, (-3.0, 3.0), [];
            /// `y = x/(1 + |x|)`, `dy/dx = 1/(1 + |x|)²`.
            Softsign, softsign(), x / (m::abs(x) + c(1.0)), (x.abs() + c(1.0)).square().recip(), (-3.0, 3.0), [0.0];
            /// `y = min(max(x, −1), 1)`; `dy/dx` is 1 on [−1, 1], else 0.
            HardTanh, hard_tanh(), m::min(m::max(x, c(-1.0)), c(1.0)), inside(x, -1.0, 1.0), (-3.0, 3.0), [-1.0, 1.0];
            /// `y = min(max(x/6 + ½, 0), 1)`; `dy/dx` is 1/6 on [−3, 3], else 0.
            HardSigmoid, hard_sigmoid(), m::min(m::max(x / c(6.0) + c(0.5), c(0.0)), c(1.0)),
                inside(x, -3.0, 3.0) * c(1.0 / 6.0), (-5.0, 5.0), [-3.0, 3.0];
            /// `y = min(max(x, low), high)`; `dy/dx` is 1 on [low, high], else 0.
            Clamp, clamp(low: f64, high: f64), m::min(m::max(x, c(p)), c(q)), inside(x, p, q), (-3.0, 3.0), [0.25, 0.75];

            /// Integer power: `y = xⁿ`, `dy/dx = n·xⁿ⁻¹`; `x⁰ = 1` everywhere.
            Powi, powi(n: i32), m::powi(x, p as i32), if p == 0.0 { c(0.0) } else { c(p) * x.powi((p as i32).saturating_sub(1)) }, (0.3, 2.0), [];
            /// Real power: `y = xᵖ`, `dy/dx = p·xᵖ⁻¹`; NaN for negative `x` unless `p` is an integer.
            Powf, powf(p: f64), m::pow(x, c(p)), if p == 0.0 { c(0.0) } else { c(p) * x.powf(p - 1.0) }, (0.3, 2.0), [];
            /// The power of a plain number: `y = baseˣ`, `dy/dx = y·ln(base)`.
            ExpBase, exp_base(base: f64), m::pow(c(p), x), if p == 0.0 { c(0.0) } else { y * c(p.ln()) }, (-2.0, 2.0), [];

            // What the operators between an array or scalar and a plain number record; they have methods for the table's sake.
            /// `−x`.
            Neg, negated(), -x, c(-1.0), (-3.0, 3.0), [];
            /// `x + number`.
            AddNumber, plus_number(number: f64), x + c(p), c(1.0), (-3.0, 3.0), [];
            /// `number − x`.
            SubFrom, subtracted_from(number: f64), c(p) - x, c(-1.0), (-3.0, 3.0), [];
            /// `x · number`.
            MulNumber, times_number(number: f64), x * c(p), c(p), (-3.0, 3.0), [];
            /// `x / number`.
            DivNumber, over_number(number: f64), x / c(p), c(1.0 / p), (-3.0, 3.0), [];
            /// `number / x`; `dy/dx = −y/x`.
            DivInto, divided_into(number: f64), c(p) / x, -(y / x), (0.3, 3.0), [];
            /// The larger of `x` and a plain number; a tie passes half of the gradient.
            MaxNumber, at_least(number: f64), m::max(x, c(p)), x.greater(c(p)) + x.equal(c(p)) * c(0.5), (-3.0, 3.0), [0.25];
            /// The smaller of `x` and a plain number; a tie passes half of the gradient.
            MinNumber, at_most(number: f64), m::min(x, c(p)), x.less(c(p)) + x.equal(c(p)) * c(0.5), (-3.0, 3.0), [0.25];
        }
    };
}

/// Rows of two inputs, with broadcasting: value, then the two partial derivatives.
macro_rules! binary_table {
    ($with:ident) => {
        $with! { (a b y c)
            /// `a + b`.
            Add, plus, a + b, (c(1.0), c(1.0)), (-3.0, 3.0), (-3.0, 3.0);
            /// `a − b`.
            Sub, minus, a - b, (c(1.0), c(-1.0)), (-3.0, 3.0), (-3.0, 3.0);
            /// `a · b`, element by element.
            Mul, times, a * b, (b, a), (-3.0, 3.0), (-3.0, 3.0);
            /// `a / b`; `∂y/∂a = 1/b`, `∂y/∂b = −y/b`.
            Div, over, a / b, (b.recip(), -(y / b)), (-3.0, 3.0), (0.3, 3.0);
            /// Variable power: `y = aᵇ` for `a ≥ 0`; `∂y/∂a = b·aᵇ⁻¹`, `∂y/∂b = y·ln(a)`, which is 0 at `a = 0`.
            Pow, pow, m::pow(a, b), (
                // Where a > 0 the formula stands at b = 0 too: its own derivative by b is not 0 there.
                (b.equal(c(0.0)) * (c(1.0) - a.greater(c(0.0)))).select(c(0.0), b * a.pow(b - c(1.0))),
                a.equal(c(0.0)).select(c(0.0), y * a.greater(c(0.0)).select(a, c(1.0)).ln())
            ), (0.3, 3.0), (-2.0, 2.0);
            /// The angle of the point (b, a): `y = atan2(a, b)`; `∂y/∂a = b/(a² + b²)`, `∂y/∂b = −a/(a² + b²)`.
            Atan2, atan2, m::atan2(a, b), (b / (a * a + b * b), -(a / (a * a + b * b))), (0.3, 3.0), (-3.0, 3.0);
            /// The larger of two, element by element; ties share the gradient, NaN wins.
            Maximum, maximum, m::max(a, b), (a.greater(b) + a.equal(b) * c(0.5), b.greater(a) + a.equal(b) * c(0.5)), (-3.0, 0.0), (-3.0, 3.0);
            /// The smaller of two, element by element; ties share the gradient, NaN wins.
            Minimum, minimum, m::min(a, b), (a.less(b) + a.equal(b) * c(0.5), b.less(a) + a.equal(b) * c(0.5)), (-3.0, 3.0), (-3.0, 3.0);
            /// 1 where `a < b`, else 0: a mask, without derivative.
            Less, less, m::mask(a < b), (c(0.0), c(0.0)), (-3.0, 3.0), (-3.0, 3.0);
            /// 1 where `a ≤ b`, else 0: a mask, without derivative.
            LessEqual, less_equal, m::mask(a <= b), (c(0.0), c(0.0)), (-3.0, 3.0), (-3.0, 3.0);
            /// 1 where `a > b`, else 0: a mask, without derivative.
            Greater, greater, m::mask(a > b), (c(0.0), c(0.0)), (-3.0, 3.0), (-3.0, 3.0);
            /// 1 where `a ≥ b`, else 0: a mask, without derivative.
            GreaterEqual, greater_equal, m::mask(a >= b), (c(0.0), c(0.0)), (-3.0, 3.0), (-3.0, 3.0);
            /// 1 where `a = b`, else 0: a mask, without derivative.
            Equal, equal, m::mask(a == b), (c(0.0), c(0.0)), (-3.0, 3.0), (-3.0, 3.0);
            /// 1 where `a ≠ b`, else 0: a mask, without derivative.
            NotEqual, not_equal, m::mask(a != b), (c(0.0), c(0.0)), (-3.0, 3.0), (-3.0, 3.0);
            /// The product of the chain rule: 0 where `a` (an incoming gradient) is 0, whatever `b`; else `a · b`.
            Chain, chain, m::select(a == c(0.0), c(0.0), a * b), (b, a), (0.3, 3.0), (-3.0, 3.0);
        }
    };
}

pub(crate) use {binary_table, unary_table};
