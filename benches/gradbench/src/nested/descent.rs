//! Gradient descent as the suite has it: the step doubles after ten that went well, and halves after one that did not.

use autograd::Real;

/// A gradient or a move below this ends the descent.
const SMALL: f64 = 1e-5;

fn norm<R: Real, const N: usize>(x: [R; N]) -> f64 {
    x.iter().map(|x| x.value() * x.value()).sum::<f64>().sqrt()
}

/// Where `f` is least, looked for from `x` on.
///
/// Decisions are made on plain numbers. What is computed of `x` and the gradient keeps its derivatives.
pub(crate) fn least<R: Real, const N: usize>(
    mut f: impl FnMut([f64; N]) -> f64,
    mut gradient: impl FnMut([R; N]) -> [R; N],
    mut x: [R; N],
) -> [R; N] {
    let mut value = f(x.map(R::value));
    let mut slope = gradient(x);
    let (mut step, mut good) = (1e-5, 0);
    while norm(slope) > SMALL {
        if good == 10 {
            step *= 2.0;
            good = 0;
            continue;
        }
        let next: [R; N] = std::array::from_fn(|i| x[i] - slope[i].times_number(step));
        if norm::<f64, N>(std::array::from_fn(|i| x[i].value() - next[i].value())) <= SMALL {
            break;
        }
        let next_value = f(next.map(R::value));
        if next_value < value {
            (x, value) = (next, next_value);
            slope = gradient(x);
            good += 1;
        } else {
            step /= 2.0;
            good = 0;
        }
    }
    x
}
