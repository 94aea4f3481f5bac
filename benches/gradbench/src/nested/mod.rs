//! Derivatives within derivatives, for the evals `particle` and `saddle`: functions of two numbers, over any kind of number.
//!
//! The inner gradient is taken of plain numbers, of dual numbers, and of numbers on a tape, in forward or in reverse mode.

pub(crate) mod descent;
pub(crate) mod slope;

#[cfg(test)]
mod tests {
    use autograd::{Dual, Number, Real, Recorded, Tape};

    use super::slope;

    /// Every operation, with both arguments in each.
    struct Mixed;

    impl slope::Function for Mixed {
        fn at<R: Real>([x, y]: [R; 2], [a, b]: [R; 2]) -> R {
            let quotient = (x * y - a.times_number(0.5)) / (y * y + b.plus_number(1.0));
            quotient * (x * x + y.times_number(3.0)).rsqrt() + b - x
        }
    }

    const X: [f64; 2] = [0.7, 1.3];
    const GIVEN: [f64; 2] = [0.4, -0.2];

    fn difference(f: impl Fn([f64; 2]) -> f64, along: usize) -> f64 {
        let moved = |by: f64| {
            let mut x = X;
            x[along] += by;
            f(x)
        };
        (moved(1e-5) - moved(-1e-5)) / 2e-5
    }

    #[test]
    fn both_modes_give_the_gradient_of_any_kind_of_number() {
        let expected = [0, 1].map(|along| difference(|x| <Mixed as slope::Function>::at(x, GIVEN), along));
        let tape = Tape::new();
        let [x, given] = [X, GIVEN].map(|point| point.map(|x| Recorded::from(tape.scalar(x))));
        let found = [
            slope::forward::<Mixed, f64>(X, GIVEN),
            slope::reverse::<Mixed>(&mut Tape::new(), X, GIVEN),
            slope::forward::<Mixed, _>(x, given).map(Real::value),
            slope::recorded::<Mixed>(&tape)(x, given).map(Real::value),
        ];
        for slopes in found {
            assert!(slopes.iter().zip(expected).all(|(dx, e)| (dx - e).abs() < 1e-9), "{slopes:?}, not {expected:?}");
        }
    }

    /// The mixed second derivative, the inner one by the second number, the outer one by the first.
    #[test]
    fn gradients_can_be_differentiated_again() {
        let expected = difference(|x| slope::forward::<Mixed, f64>(x, GIVEN)[1], 0);
        let duals = [Dual::new(X[0], 1.0), Dual::constant(X[1])];
        let by_duals = slope::forward::<Mixed, _>(duals, GIVEN.map(Dual::constant))[1].derivative;
        let tape = Tape::new();
        let x = X.map(|x| tape.scalar(x));
        let [recorded_x, given] = [x, GIVEN.map(|x| tape.scalar(x))].map(|numbers| numbers.map(Recorded::from));
        let by_tangents = slope::forward::<Mixed, _>(recorded_x, given)[1].on(&tape).backward()[x[0]];
        let recorded = slope::recorded::<Mixed>(&tape)(recorded_x, given)[1].on(&tape).backward()[x[0]];
        for second in [by_duals, by_tangents, recorded] {
            assert!((second - expected).abs() < 1e-8, "{second}, not {expected}");
        }
    }
}
