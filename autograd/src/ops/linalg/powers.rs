//! The matrix exponential, and whole powers.

use super::lu::{Solve, identity_like, solve_as};
use super::square;
use crate::error::Error;
use crate::number::Float;
use crate::number::rows::Unary;
use crate::ops::Array;
use crate::ops::product::matrices;

/// The coefficients of the numerator of the Padé approximant of degree 13; those of the denominator alternate in sign.
const PADE: [f64; 14] = [
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
];

/// Up to this 1-norm the approximant is exact to double precision (Higham 2005, table 2.3).
const REACH: f64 = 5.371920351148152;

/// `exp(a)` by scaling and squaring (Higham 2005, "The scaling and squaring method for the matrix exponential
/// revisited"). It consists of products and a system of equations, so its derivatives are theirs.
#[track_caller]
pub(crate) fn matrix_exp<A: Array>(a: &A) -> Result<A, Error> {
    let n = square("matrix_exp", &a.shape())?;
    if a.shape().numel() == 0 {
        return Ok(a.clone());
    }
    let norm = a.with_values(|a| {
        let column = |matrix: &[A::Value], j: usize| matrix.iter().skip(j).step_by(n).map(|x| x.to_f64().abs()).sum();
        a.chunks_exact(n * n).flat_map(|a| (0..n).map(move |j| column(a, j))).fold(0.0, f64::max)
    });
    let squarings = if norm.is_finite() && norm > REACH { (norm / REACH).log2().ceil() as i32 } else { 0 };
    let times = |x: &A, c: f64| x.unary(Unary::MulNumber, [c, 0.0]);
    let product = |a: &A, b: &A| matrices(a, b, false, false);
    let a = &times(a, 2f64.powi(-squarings));
    let (identity, a2) = (identity_like(a).expanded(&a.shape()), product(a, a));
    let a4 = product(&a2, &a2);
    let a6 = product(&a4, &a2);
    // Σ c₀·1 + c₂·a² + c₄·a⁴ + c₆·a⁶ + a⁶·(c₈·a² + c₁₀·a⁴ + c₁₂·a⁶), of the even or of the odd coefficients.
    let sum = |first: usize| {
        let c = |i: usize| PADE[first + i];
        let low = [(&identity, c(0)), (&a2, c(2)), (&a4, c(4)), (&a6, c(6))];
        let high = [(&a2, c(8)), (&a4, c(10)), (&a6, c(12))];
        let total = |terms: &[(&A, f64)]| {
            terms.iter().map(|(x, c)| times(x, *c)).reduce(|a, b| a.add(&b)).expect("there are terms")
        };
        total(&low).add(&product(&a6, &total(&high)))
    };
    let (odd, even) = (product(a, &sum(1)), sum(0));
    let (top, bottom) = (even.add(&odd), even.sub(&odd));
    let mut y = Solve::default().of(&bottom, &top);
    for _ in 0..squarings {
        y = product(&y, &y);
    }
    Ok(y)
}

/// `aⁿ` by squaring; of the inverse if `n` is negative.
#[track_caller]
pub(crate) fn matrix_power<A: Array>(a: &A, n: i32) -> Result<A, Error> {
    square("matrix_power", &a.shape())?;
    if a.shape().numel() == 0 {
        return Ok(a.clone());
    }
    let mut base = if n < 0 { solve_as("matrix_power", a, &identity_like(a))? } else { a.clone() };
    let (mut left, mut power) = (n.unsigned_abs(), None);
    loop {
        if left % 2 == 1 {
            power = Some(power.map_or_else(|| base.clone(), |power| matrices(&power, &base, false, false)));
        }
        left /= 2;
        if left == 0 {
            return Ok(power.unwrap_or_else(|| identity_like(a).expanded(&a.shape())));
        }
        base = matrices(&base, &base, false, false);
    }
}
