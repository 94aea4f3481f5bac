//! How an array prints: nested brackets as in NumPy, with the middle of long axes left out.

use std::fmt;

use super::Tensor;
use crate::number::Float;

/// Values shown at each end of a shortened axis.
const EDGE: usize = 3;
/// Arrays of more values than this have their long axes shortened.
const WHOLE: usize = 200;

/// `Tensor` prints as in NumPy; `{:.2}` sets the digits after the decimal point.
///
/// ```
/// use autograd::Tensor;
/// let x = Tensor::from([[1.0, -2.5], [30.0, 4.0]]);
/// assert_eq!(format!("{x:.1}"), "[[ 1.0, -2.5],\n [30.0,  4.0]]");
/// ```
impl<T: Float> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precision = f.precision().unwrap_or(4);
        let text = |x: T| {
            let x = x.to_f64();
            let small = x != 0.0 && x.abs() < 0.5 * 10f64.powi(-(precision as i32));
            if small || x.abs() >= 1e7 { format!("{x:.precision$e}") } else { format!("{x:.precision$}") }
        };
        let places = self.shape().iter().fold(1, |places, &len| usize::saturating_mul(places, len.max(1)));
        let cut = places > WHOLE; // an array without values may still have many empty brackets
        let width = self.as_slice().iter().map(|&x| text(x).len()).max().unwrap_or(0);
        write_axis(f, self, &mut vec![], cut, &|x| format!("{:>width$}", text(x)))
    }
}

impl<T: Float> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor<{}> {} {self}", T::NAME, self.shape())
    }
}

fn write_axis<T: Float>(
    f: &mut fmt::Formatter<'_>,
    x: &Tensor<T>,
    index: &mut Vec<usize>,
    cut: bool,
    text: &dyn Fn(T) -> String,
) -> fmt::Result {
    let depth = index.len();
    if depth == x.shape().len() {
        return f.write_str(&text(x.get(&index)));
    }
    let n = x.shape()[depth];
    let last = depth + 1 == x.shape().len();
    let separator = if last { ", ".to_string() } else { format!(",\n{}", " ".repeat(depth + 1)) };
    f.write_str("[")?;
    let hidden = if cut && n > 2 * EDGE { EDGE..n - EDGE } else { 0..0 };
    for i in (0..n.min(hidden.start)).chain(hidden.end..n) {
        if i > 0 && i == hidden.end {
            write!(f, "{separator}…")?;
        }
        if i > 0 {
            f.write_str(&separator)?;
        }
        index.push(i);
        write_axis(f, x, index, cut, text)?;
        index.pop();
    }
    f.write_str("]")
}
