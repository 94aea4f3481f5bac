//! Double-length numbers as sums of two (Dekker 1971), for tables that the compiler computes.

/// A number and its round-off.
pub(super) type Pair = [f64; 2];

/// Splits a number into the sum of two with half its digits.
const fn split(a: f64) -> Pair {
    let c = a * ((1 << 27) + 1) as f64;
    let head = c - (c - a);
    [head, a - head]
}

/// The same number, with as much as possible in its first part, which is the larger.
const fn normal([a, b]: Pair) -> Pair {
    let head = a + b;
    [head, (a - head) + b]
}

pub(super) const fn product(x: Pair, y: Pair) -> Pair {
    let ([a, b], [c, d]) = (split(x[0]), split(y[0]));
    let head = x[0] * y[0];
    let rest = ((a * c - head) + a * d + b * c) + b * d;
    normal([head, rest + (x[0] * y[1] + x[1] * y[0])])
}

/// `a + y`
pub(super) const fn sum(a: f64, y: Pair) -> Pair {
    let head = a + y[0];
    let [larger, smaller] = if a.abs() > y[0].abs() { [a, y[0]] } else { [y[0], a] };
    normal([head, ((larger - head) + smaller) + y[1]])
}

pub(super) const fn quotient(x: Pair, y: Pair) -> Pair {
    let head = x[0] / y[0];
    let [product, lost] = product([head, 0.0], y);
    normal([head, ((x[0] - product) - lost + x[1]) / y[0]])
}
