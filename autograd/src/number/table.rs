//! The table of elementwise operations: one row each.
//!
//! A row has: documentation, name of the row, name of the method with its plain-number arguments, value, derivative,
//! the interval on which it is tested, the points inside it where it has a kink or a jump, and its marks, if any. A row
//! of two inputs has two derivatives and two intervals, and no points.
//!
//! - The **value** is written over the functions of `crate::math`, here `m`; it runs on `f32` and `f64`. A function of
//!   one of the files in `math/special` is called by `m::special`, once for a number.
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
//!   Common rows have arms of their own in the sweep of scalars; they and those marked `Loops` have kernels of their own for a
//!   few values and for operands that broadcast. A row whose value is a function of `math/special` is
//!   `Single`.
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
            Exp, exp(), m::exp(x), d * y, (-3.0, 3.0), [], Common;
            /// `y = exp(x) − 1`, accurate near 0; `dy/dx = exp(x)`.
            Expm1, exp_m1(), m::exp_m1(x), d.times_exp(x), (-3.0, 3.0), [], Decides;
            /// `y = 2ˣ`, `dy/dx = y·ln(2)`; exact for integers.
            Exp2, exp2(), m::special(x, special::exp2), d * y * c(LN_2), (-3.0, 3.0), [], Single;
            /// Natural logarithm: `y = ln(x)`, `dy/dx = 1/x`.
            Ln, ln(), m::ln(x), d / x, (0.1, 4.0), [], Common;
            /// `y = ln(1 + x)`, accurate near 0; `dy/dx = 1/(1 + x)`.
            Ln1p, ln_1p(), m::ln_1p(x), d / (x + c(1.0)), (-0.8, 4.0), [];
            /// Binary logarithm: `y = log₂(x)`, `dy/dx = 1/(x·ln(2))`; exact for powers of 2.
            Log2, log2(), m::special(x, special::log2), d * c(LOG2_E) / x, (0.1, 4.0), [], Single;
            /// Decimal logarithm: `y = log₁₀(x)`, `dy/dx = 1/(x·ln(10))`; exact for powers of 10.
            Log10, log10(), m::special(x, special::log10), d * c(LOG10_E) / x, (0.1, 4.0), [], Single;
            /// `y = ln(1 − exp(−x))` for `x > 0`, the logarithm of the probability that remains of `exp(−x)`; `dy/dx =
            /// 1/(exp(x) − 1)`. Accurate near 0 and far out (Mächler 2012).
            Log1mexp, log1mexp(), m::special(x, special::log1mexp), d * x.recip_exp_m1(), (0.1, 4.0), [], Single;
            /// Log-odds: `y = ln(x/(1 − x))` for `0 < x < 1`, the inverse of [`sigmoid`](crate::Number::sigmoid);
            /// `dy/dx = 1/(x(1 − x))`.
            Logit, logit(), m::special(x, special::logit), d / x / (c(1.0) - x), (0.1, 0.9), [], Single;
            /// Square root: `y = √x`, `dy/dx = 1/(2y)`; infinite at 0.
            Sqrt, sqrt(), m::sqrt(x), shortcut(y, f64::INFINITY, || d / (y + y), || d * x.rsqrt() * c(0.5)), (0.1, 4.0), [], Decides, Common;
            /// Reciprocal square root: `y = 1/√x`, `dy/dx = −y/(2x)`.
            Rsqrt, rsqrt(), m::rsqrt(x), through_rsqrt(x, y, d), (0.1, 4.0), [], Decides, Common;
            /// Cube root, also of negative numbers; `dy/dx = 1/(3y²)`, infinite at 0.
            Cbrt, cbrt(), m::special(x, special::cbrt), through_cbrt(x, y, d), (0.2, 4.0), [], Decides, Single;
            /// Reciprocal: `y = 1/x`, `dy/dx = −1/x²`.
            Recip, recip(), c(1.0) / x, -(d / x / x), (0.3, 4.0), [], Common;
            /// `y = x²`, `dy/dx = 2x`.
            Square, square(), x * x, d * (x + x), (-3.0, 3.0), [], Common;
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
            /// The integer part: `x` rounded towards 0; derivative 0 everywhere by policy.
            Trunc, trunc(), m::trunc(x), d.nothing(), (0.1, 0.9), [], Flat;

            /// Sine; `dy/dx = cos(x)`.
            Sin, sin(), m::sin(x), d * x.cos(), (-3.0, 3.0), [], Near, Decides, KeepsSlope, Common;
            /// Cosine; `dy/dx = −sin(x)`.
            Cos, cos(), m::cos(x), -(d * x.sin()), (-3.0, 3.0), [], Near, Decides, KeepsSlope, Common;
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
            Tanh, tanh(), m::tanh(x), through_tanh(x, y, d), (-3.0, 3.0), [], Decides, Mixed, Common;
            /// Inverse hyperbolic sine; `dy/dx = 1/√(1 + x²)`.
            Asinh, asinh(), m::special(x, special::asinh), d * x.asinh_slope(), (-3.0, 3.0), [], Single;
            /// Inverse hyperbolic cosine, for `x ≥ 1`; `dy/dx = 1/√(x² − 1)`, infinite at 1.
            Acosh, acosh(), m::special(x, special::acosh), d * x.acosh_slope(), (1.2, 4.0), [], Single;
            /// Inverse hyperbolic tangent, for `|x| ≤ 1`; `dy/dx = 1/(1 − x²)`, infinite at ±1.
            Atanh, atanh(), m::special(x, special::atanh), d * x.atanh_slope(), (-0.9, 0.9), [], Single;
            /// `y = sin(πx)/(πx)`, 1 at 0, exactly 0 at the other integers; `dy/dx = −π·j₁(πx)`.
            Sinc, sinc(), m::special(x, special::sinc), -(d * x.spherical_bessel_pi(1) * c(PI)), (-3.0, 3.0), [], Single;
            /// The error function; `dy/dx = 2/√π · exp(−x²)`.
            Erf, erf(), m::erf(x), { let g = x.gaussian(); d * g * g * c(std::f64::consts::FRAC_2_SQRT_PI) }, (-2.0, 2.0), [];
            /// The complementary error function `1 − erf(x)`, accurate where that cancels; `dy/dx = −2/√π ·
            /// exp(−x²)`.
            Erfc, erfc(), m::erfc(x), { let g = x.gaussian(); -(d * g * g * c(std::f64::consts::FRAC_2_SQRT_PI)) }, (-2.0, 2.0), [];

            /// The scaled complementary error function `exp(x²)·erfc(x)`, finite where `erfc` vanishes; `dy/dx = 2xy −
            /// 2/√π`, computed without that cancellation.
            Erfcx, erfcx(), m::special(x, special::erfcx), -(d * x.erfcx_slope(1)), (-2.0, 3.0), [], Single;
            /// The inverse of the error function, for `−1 ≤ x ≤ 1`; `dy/dx = √π/2·exp(y²)`.
            Erfinv, erfinv(), m::special(x, special::erfinv), through_erfinv(x, y, d), (-0.9, 0.9), [], Decides, Single;
            /// The inverse of [`normal_cdf`](crate::Number::normal_cdf), for `0 ≤ x ≤ 1`: the normal distribution's
            /// quantile, or probit; `dy/dx = √(2π)·exp(y²/2)`.
            #[doc(alias = "probit")]
            Ndtri, ndtri(), m::special(x, special::ndtri), through_ndtri(x, y, d), (0.05, 0.95), [], Single;
            /// `y = ln(Φ(x))`, the logarithm of [`normal_cdf`](crate::Number::normal_cdf), finite at −10³⁰; `dy/dx =
            /// φ(x)/Φ(x)`.
            LogNdtr, log_ndtr(), m::special(x, special::log_ndtr), d * x.inverse_mills(), (-4.0, 3.0), [], Single;

            /// `y = ln |Γ(x)|`, `dy/dx = ψ(x)`. Near its zeros at negative `x` the error is relative to the terms that
            /// cancel there.
            Lgamma, lgamma(), m::special(x, special::lgamma), d * x.digamma(), (0.2, 4.0), [], Single;
            /// `y = ψ(x) = Γ′(x)/Γ(x)`, `dy/dx = ψ′(x)`. Near its zeros at negative `x` as
            /// [`lgamma`](crate::Number::lgamma). −∞ at 0, NaN at negative integers.
            Digamma, digamma(), m::special(x, special::digamma), d * x.polygamma(1), (0.3, 4.0), [], Single;
            /// The derivative of order `n ≥ 0` of [`digamma`](crate::Number::digamma): `y = ψ⁽ⁿ⁾(x)`, `dy/dx =
            /// ψ⁽ⁿ⁺¹⁾(x)`.
            ///
            /// # Panics
            /// If `n < 0`.
            Polygamma, polygamma(n: i32), m::special_with(x, special::polygamma, p), d * x.polygamma(following(p)), (0.4, 4.0), [], Single;
            /// The regularised lower incomplete gamma function: `y = 1/Γ(a)·∫₀ˣ tᵃ⁻¹·exp(−t) dt` for `x ≥ 0`, the
            /// distribution function of the gamma distribution; `dy/dx = xᵃ⁻¹·exp(−x)/Γ(a)`. The shape `a > 0` is a
            /// plain number: no gradient flows to it.
            ///
            /// # Panics
            /// If `a` is not above 0.
            Gammainc, gammainc(a: f64), m::special_with(x, special::gammainc, p), d * x.gamma_density(p), (0.2, 4.0), [], Single;
            /// The regularised upper incomplete gamma function, `1 − gammainc(x)` without that cancellation; `dy/dx =
            /// −xᵃ⁻¹·exp(−x)/Γ(a)`.
            ///
            /// # Panics
            /// If `a` is not above 0.
            Gammaincc, gammaincc(a: f64), m::special_with(x, special::gammaincc, p), -(d * x.gamma_density(p)), (0.2, 4.0), [], Single;
            /// The modified Bessel function of the first kind `I₀`; `dy/dx = I₁(x)`.
            I0, i0(), m::special(x, special::i0), d * x.i1(), (-3.0, 3.0), [], Single;
            /// The modified Bessel function of the first kind `I₁`; `dy/dx = (I₀(x) + I₂(x))/2`.
            I1, i1(), m::special(x, special::i1), d * ((x.i0() + x.iv(2)) * c(0.5)), (-3.0, 3.0), [], Single;
            /// The modified Bessel function of the first kind of integer order, `y = Iₙ(x)`; `dy/dx = (Iₙ₋₁(x) +
            /// Iₙ₊₁(x))/2`.
            Iv, iv(n: i32), m::special_with(x, special::iv, p),
                d * ((x.iv(preceding(p)) + x.iv(following(p))) * c(0.5)), (-3.0, 3.0), [], Single;
            /// `y = exp(−|x|)·I₀(x)`, finite everywhere; a kink at 0, where the slope is 0.
            I0e, i0e(), m::special(x, special::i0e), -(d * x.abs().i0e_slope(1) * x.sign()).masked(x), (-3.0, 3.0), [0.0], Single;
            /// `y = exp(−|x|)·I₁(x)`, finite everywhere; its slope has a kink at 0.
            I1e, i1e(), m::special(x, special::i1e), d * (x.abs().i0e_slope(2) - x.abs().i0e_slope(1)), (-3.0, 3.0), [0.0], Single;

            /// Logistic function: `y = 1/(1 + exp(−x))`, `dy/dx = sigmoid(x)·sigmoid(−x)`.
            Sigmoid, sigmoid(), m::sigmoid(x), through_sigmoid(x, y, d), (-3.0, 3.0), [], Decides, Mixed, Common;
            /// `y = ln(sigmoid(x))`, finite at −1000; `dy/dx = sigmoid(−x)`.
            LogSigmoid, log_sigmoid(), -m::softplus(-x), d * (-x).sigmoid(), (-3.0, 3.0), [], Loops;
            /// `y = ln(1 + exp(x))`, finite at 1000; `dy/dx = sigmoid(x)`.
            Softplus, softplus(), m::softplus(x), d * x.sigmoid(), (-3.0, 3.0), [], Loops;
            /// Rectifier: `y = max(0, x)`; `dy/dx` is 1 for `x > 0`, else 0.
            Relu, relu(), m::max(x, c(0.0)), d.masked(x.greater(c(0.0))), (-3.0, 3.0), [0.0], Common;
            /// Leaky rectifier: `x` for `x > 0`, else `slope·x`; `dy/dx` is `slope` at 0.
            LeakyRelu, leaky_relu(slope: f64), m::select(x > c(0.0), x, x * c(p)),
                select(x.greater(c(0.0)), d, d.times(p)), (-3.0, 3.0), [0.0];
            /// Exponential linear unit: `x` for `x > 0`, else `alpha·(exp(x) − 1)`; `dy/dx = alpha·exp(x)` for `x ≤ 0`.
            Elu, elu(alpha: f64), m::select(x > c(0.0), x, m::exp_m1(x) * c(p)),
                select(x.greater(c(0.0)), d, d.times(p).times_exp(x)), (-3.0, 3.0), [0.0], Decides, Loops;
            /// Self-normalising unit (Klambauer et al. 2017): `λx` for `x > 0`, else `λα(exp(x) − 1)`, with λ =
            /// 1.0507… and α = 1.6732….
            Selu, selu(), m::select(x > c(0.0), x * c(SELU_SCALE), m::exp_m1(x) * c(SELU_SCALE * SELU_ALPHA)),
                select(x.greater(c(0.0)), d * c(SELU_SCALE), (d * c(SELU_SCALE * SELU_ALPHA)).times_exp(x)), (-3.0, 3.0), [0.0], Decides;
            /// Gaussian error linear unit, exact: `y = x·Φ(x)` with the normal distribution function Φ (Hendrycks &
            /// Gimpel 2016).
            Gelu, gelu(), m::chain(m::normal_cdf(x), x),
                d * (x.normal_cdf() + x.gaussian().chain(x) * c(FRAC_1_SQRT_2PI)), (-3.0, 3.0), [], KeepsSlopeOfArrays, Loops;
            /// GELU in its tanh form: `y = x/2·(1 + tanh(√(2/π)(x + 0.044715x³)))`.
            GeluTanh, gelu_tanh(), m::chain(m::tanh_gate(x), x), through_gelu_tanh(x, d), (-3.0, 3.0), [], Decides;
            /// Sigmoid linear unit, or swish: `y = x·sigmoid(x)`.
            Silu, silu(), m::chain(m::sigmoid(x), x), d * (x.sigmoid() + (-x).sigmoid().chain(y)), (-3.0, 3.0), [], Loops;
            /// `y = x·tanh(softplus(x))` (Misra 2019).
            Mish, mish(), m::chain(m::mish_gate(x), x), d * (x.mish_gate() + x.mish_gate_slope().chain(x)), (-3.0, 3.0), [], KeepsSlopeOfArrays;
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
            #[doc(alias = "ndtr")]
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
            /// `y = 1/(exp(x) − 1)`, the slope of [`log1mexp`](crate::Number::log1mexp); `dy/dx = −y(1 + y)`, and `1 +
            /// y` is `−1/(exp(−x) − 1)`.
            RecipExpm1, recip_exp_m1(), c(1.0) / m::exp_m1(x), d * y * (-x).recip_exp_m1(), (0.1, 4.0), [];
            /// The spherical Bessel function of `πx`: `y = jₙ(πx)` for `n ≥ 0`, of which the derivatives of
            /// [`sinc`](crate::Number::sinc) consist; `dy/dx = π(n·jₙ₋₁ − (n + 1)·jₙ₊₁)/(2n + 1)`.
            SphericalBesselPi, spherical_bessel_pi(n: i32), m::special_with(x, special::spherical_bessel_pi, p),
                through_spherical_bessel(x, p, d), (-3.0, 3.0), [], Single;
            /// The derivative of order `n ≥ 0` of [`erfcx`](crate::Number::erfcx) without its sign: `y =
            /// 2/√π·∫₀^∞ (2t)ⁿ·exp(−t² − 2xt) dt`, `dy/dx` is minus the next.
            ErfcxSlope, erfcx_slope(n: i32), m::special_with(x, special::erfcx_slope, p), -(d * x.erfcx_slope(following(p))), (-2.0, 3.0), [], Single;
            /// `y = φ(x)/Φ(x)`, the inverse of Mills' ratio for the lower tail and slope of
            /// [`log_ndtr`](crate::Number::log_ndtr); `dy/dx = −y(y + x)`.
            InverseMills, inverse_mills(), m::special(x, special::inverse_mills), -(d * x.mills_slope()), (-4.0, 3.0), [], Single;
            /// `y = m(m + x)` for `m` = [`inverse_mills`](crate::Number::inverse_mills), whose slope it is but for its sign;
            /// between 0 and 1.
            MillsSlope, mills_slope(), m::special(x, special::mills_slope), through_mills_slope(x, y, d), (-4.0, 3.0), [], Decides, Single;
            /// The parts `y = tₙ(x) = n/(tₙ₊₁(x) − x)` of Laplace's continued fraction, for `x ≤ 0`: `t₁` is
            /// [`inverse_mills`](crate::Number::inverse_mills) plus `x`; `dy/dx = y(tₙ₊₁ − y)`.
            LaplaceRatio, laplace_ratio(n: i32), m::special_with(x, special::laplace_ratio, p),
                d * y * (x.laplace_ratio(following(p)) - y), (-4.0, -0.2), [], Single;
            /// The derivative of order `n ≥ 0` of `exp(−x)·I₀(x)` for `x ≥ 0`, without its sign: `y = 1/π·∫₀² tⁿ·exp(−xt)/√(t(2
            /// − t)) dt`, `dy/dx` is minus the next.
            I0eSlope, i0e_slope(n: i32), m::special_with(x, special::i0e_slope, p), -(d * x.i0e_slope(following(p))), (0.1, 4.0), [], Single;
            /// `y = xᵃ⁻¹·exp(−x)/Γ(a)`, the density of the gamma distribution; `dy/dx = y·((a − 1)/x − 1)`.
            GammaDensity, gamma_density(a: f64), m::special_with(x, special::gamma_density, p), through_gamma_density(x, y, p, d), (0.2, 4.0), [], Single;
            /// `y = 1/(x√x)`, of which half is the slope of [`rsqrt`](crate::Number::rsqrt); `dy/dx = −3y/(2x)`.
            RsqrtCubed, rsqrt_cubed(), m::rsqrt(x) / x, through_rsqrt_cubed(x, y, d), (0.1, 4.0), [], Decides;
            /// `y = 1/√(1 + x²)`, the slope of [`asinh`](crate::Number::asinh); `dy/dx = −x·y³`.
            AsinhSlope, asinh_slope(), m::special(x, special::asinh_slope), -(d * y * y * (x * y)), (-3.0, 3.0), [], Single;
            /// `y = 1/√(x² − 1)` for `x > 1`, the slope of [`acosh`](crate::Number::acosh); `dy/dx = −x·y³`.
            AcoshSlope, acosh_slope(), m::special(x, special::acosh_slope), -(d * y * y * (x * y)), (1.2, 4.0), [], Single;
            /// `y = 1/(1 − x²)` for `|x| < 1`, the slope of [`atanh`](crate::Number::atanh); `dy/dx = 2x·y²`.
            AtanhSlope, atanh_slope(), m::special(x, special::atanh_slope), d * y * (x + x) * y, (-0.9, 0.9), [], Single;

            // Rows that the operators between an array or scalar and a plain number record; the table gives them
            // methods too.
            /// `−x`.
            Neg, negated(), -x, -d, (-3.0, 3.0), [], Common;
            /// `x + number`.
            AddNumber, plus_number(number: f64), x + c(p), d, (-3.0, 3.0), [], Common;
            /// `number − x`.
            SubFrom, subtracted_from(number: f64), c(p) - x, -d, (-3.0, 3.0), [], Common;
            /// `x · number`.
            MulNumber, times_number(number: f64), x * c(p), d * c(p), (-3.0, 3.0), [], Common;
            /// `x / number`.
            DivNumber, over_number(number: f64), x / c(p), d / c(p), (-3.0, 3.0), [], Common;
            /// `number / x`; `dy/dx = −y/x`.
            DivInto, divided_into(number: f64), c(p) / x, through_divisor(c(p), x, y, d), (0.3, 3.0), [], Decides, Common;
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
            Add, plus, a + b, (d, d), (-3.0, 3.0), (-3.0, 3.0), Common;
            /// `a − b`.
            Sub, minus, a - b, (d, -d), (-3.0, 3.0), (-3.0, 3.0), Common;
            /// `a · b`, element by element.
            Mul, times, a * b, (d * b, d * a), (-3.0, 3.0), (-3.0, 3.0), Common;
            /// `a / b`; `∂y/∂a = 1/b`, `∂y/∂b = −y/b`.
            Div, over, a / b, (d / b, through_divisor(a, b, y, d)), (-3.0, 3.0), (0.3, 3.0), Decides, Common;
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
            /// The length of the point (a, b): `y = √(a² + b²)`, where the squares may overflow or underflow; `∂y/∂a = a/y`,
            /// `∂y/∂b = b/y`, 0 at the origin.
            Hypot, hypot, m::special2(a, special::hypot, b), (d * a.direction(b), d * b.direction(a)), (0.3, 3.0), (-3.0, 3.0), Single;
            /// The cosine of the direction of (a, b): `y = a/√(a² + b²)`, a slope of
            /// [`hypot`](crate::Number::hypot); 0 at the origin.
            Direction, direction, m::special2(a, special::direction, b), (
                d * b.direction(a) * b.inverted(a),
                -(d * y * b.inverted(a))
            ), (0.3, 3.0), (-3.0, 3.0), Decides, Single;
            /// `y = ln(exp(a) + exp(b))`, where the exponentials may overflow or underflow; `∂y/∂a = exp(a − y)`.
            Logaddexp, logaddexp, m::special2(a, special::logaddexp, b), (d * a.share(b), d * b.share(a)), (-3.0, 3.0), (-3.0, 3.0), Single;
            /// `y = exp(a)/(exp(a) + exp(b)) = sigmoid(a − b)`, a slope of [`logaddexp`](crate::Number::logaddexp), without
            /// the round-off of the difference, which the exponential would magnify; ½ of equal infinities.
            Share, share, m::special2(a, special::share, b), (d * y * b.share(a), -(d * y * b.share(a))), (-3.0, 3.0), (-3.0, 3.0), Single;
            /// `y = a·ln(b)`, 0 at `a = 0` whatever the number `b`; `∂y/∂a = ln(b)`, `∂y/∂b = a/b`, both 0 where `a = 0` and
            /// `b ≤ 0`.
            Xlogy, xlogy, m::special2(a, special::xlogy, b), (
                (d * b.ln()).masked(a.not_equal(c(0.0)) + b.greater(c(0.0))),
                d.times_quotient(a, b)
            ), (-3.0, 3.0), (0.3, 3.0), Decides, Single;
            /// `y = a·ln(1 + b)`, accurate near `b = 0`, 0 at `a = 0` whatever the number `b`; `∂y/∂a = ln(1 + b)`, `∂y/∂b =
            /// a/(1 + b)`, both 0 where `a = 0` and `b ≤ −1`.
            Xlog1py, xlog1py, m::special2(a, special::xlog1py, b), (
                (d * b.ln_1p()).masked(a.not_equal(c(0.0)) + b.greater(c(-1.0))),
                d.times_quotient(a, b + c(1.0))
            ), (-3.0, 3.0), (-0.6, 3.0), Decides, Single;
            /// The remainder of `a/b` with the sign of `a`, as `%` of plain numbers: `y = a − trunc(a/b)·b`; `∂y/∂a = 1`,
            /// `∂y/∂b = −trunc(a/b)`.
            Fmod, fmod, m::special2(a, special::fmod, b), (d, -(d * ((a - y) / b).round())), (4.0, 4.8), (3.0, 3.4), Single;
            /// `|a|` with the sign of `b`, of which −0 has one too; `∂y/∂a = ±1`, 0 at `a = 0`; no gradient flows to `b`.
            Copysign, copysign, m::special2(a, special::copysign, b), (
                (d * (a.sign() * c(1.0).copysign(b))).masked(a),
                d.nothing()
            ), (0.3, 3.0), (0.3, 3.0), FlatInSecond, Single;
            /// The slope of `a = tanh(b)`: `y = 1 − a²`, computed from `b` where that cancels; `∂y/∂a = −2a`. The slope is a
            /// function of `a`: no gradient flows to `b`.
            TanhSlope, tanh_slope, m::tanh_slope(a, b), (-(d * (a + a)), d.nothing()), (-0.6, 0.6), (-3.0, 3.0), FlatInSecond, Near, Mixed;
            /// The larger of two, element by element; ties share the gradient, NaN propagates.
            Maximum, maximum, m::max(a, b), (d.shared(a.greater(b) + a.equal(b) * c(0.5)), d.shared(b.greater(a) + a.equal(b) * c(0.5))), (-3.0, 0.0), (-3.0, 3.0), Loops;
            /// The smaller of two, element by element; ties share the gradient, NaN propagates.
            Minimum, minimum, m::min(a, b), (d.shared(a.less(b) + a.equal(b) * c(0.5)), d.shared(b.less(a) + a.equal(b) * c(0.5))), (-3.0, 3.0), (-3.0, 3.0), Loops;
            /// 1 where `a < b`, else 0: a mask, without derivative.
            Less, less, m::mask(a < b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat, Loops;
            /// 1 where `a ≤ b`, else 0: a mask, without derivative.
            LessEqual, less_equal, m::mask(a <= b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat, Loops;
            /// 1 where `a > b`, else 0: a mask, without derivative.
            Greater, greater, m::mask(a > b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat, Loops;
            /// 1 where `a ≥ b`, else 0: a mask, without derivative.
            GreaterEqual, greater_equal, m::mask(a >= b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat, Loops;
            /// 1 where `a = b`, else 0: a mask, without derivative.
            Equal, equal, m::mask(a == b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat, Loops;
            /// 1 where `a ≠ b`, else 0: a mask, without derivative.
            NotEqual, not_equal, m::mask(a != b), (d.nothing(), d.nothing()), (-3.0, 3.0), (-3.0, 3.0), Flat, Loops;
            /// The product of the chain rule: 0 where `a` (an incoming gradient) is 0, whatever `b` is; else `a · b`.
            Chain, chain, m::chain(a, b), (d * b, through_gradient(a, d, || d * a)), (0.3, 3.0), (-3.0, 3.0), Decides, Common;
            /// The quotient of the chain rule: 0 where `a` (an incoming gradient) is 0, whatever `b` is; else `a /
            /// b`.
            ChainOver, chain_over, m::select(a == c(0.0), c(0.0), a / b), (d / b, through_gradient(a, d, || through_divisor(a, b, y, d))), (0.3, 3.0), (0.3, 3.0), Decides, Common;
            /// The product of the chain rule with a slope `b` only: 0 where either is 0, whatever the other is; else
            /// `a · b`.
            ChainFlat, chain_flat, m::select(b == c(0.0), c(0.0), m::chain(a, b)),
                (through_gradient(b, d, || d * b), through_gradient(a, d, || d * a)), (0.3, 3.0), (-3.0, 3.0), Decides, Loops;
            /// `a` where the mask `b` is not 0, else exactly 0, whatever `a` is; no gradient flows back to the mask.
            Masked, masked, m::select(b != c(0.0), a, c(0.0)), (d.masked(b), d.nothing()), (-3.0, 3.0), (0.3, 3.0), FlatInSecond, Loops;
        }
    };
}

pub(crate) use {binary_table, unary_table};
