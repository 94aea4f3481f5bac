//! Derivatives within derivatives, for the evals `particle` and `saddle`: by two numbers, over any kind of number.
//!
//! The inner gradient is taken of plain numbers, of dual numbers, and of numbers on a tape, in forward or in reverse mode.

pub(crate) mod descent;
pub(crate) mod slope;

#[cfg(test)]
mod tests {
    use autograd::{Dual, ElementwiseN, Number, Real, Recorded, Tape};

    use super::slope;

    /// Every operation, with the numbers in each.
    #[derive(Clone, Copy)]
    struct Mixed;

    impl ElementwiseN<4> for Mixed {
        #[inline(always)]
        fn f<N: Number>(self, [x, y, a, b]: [N; 4]) -> N {
            let quotient = (x * y - a.times_number(0.5)) / (y * y + b.plus_number(1.0));
            quotient * (x * x + y.times_number(3.0)).rsqrt() + b - x
        }
    }

    const X: [f64; 4] = [0.7, 1.3, 0.4, -0.2];

    fn difference(f: impl Fn([f64; 4]) -> f64, along: usize) -> f64 {
        let moved = |by: f64| {
            let mut x = X;
            x[along] += by;
            f(x)
        };
        (moved(1e-5) - moved(-1e-5)) / 2e-5
    }

    #[test]
    fn both_modes_give_the_gradient_of_any_kind_of_number() {
        let expected = [0, 1].map(|along| difference(|x| Mixed.f(x), along));
        let tape = Tape::new();
        let x = X.map(|x| Recorded::from(tape.scalar(x)));
        let found = [
            slope::forward(Mixed, X),
            slope::reverse(&mut Tape::new(), Mixed, X),
            slope::forward(Mixed, x).map(Real::value),
            slope::forward_on(&tape, Mixed)(x).map(Real::value),
            slope::reverse_on(&tape, Mixed)(x).map(Real::value),
        ];
        for slopes in found {
            assert!(slopes.iter().zip(expected).all(|(dx, e)| (dx - e).abs() < 1e-9), "{slopes:?}, not {expected:?}");
        }
    }

    /// The mixed second derivatives: the inner one by the second number, the outer one by any.
    #[test]
    fn gradients_can_be_differentiated_again() {
        for by in 0..4 {
            let expected = difference(|x| slope::forward(Mixed, x)[1], by);
            let duals = std::array::from_fn(|k| Dual::new(X[k], f64::from(u8::from(k == by))));
            let tape = Tape::new();
            let x = X.map(|x| tape.scalar(x));
            let recorded = x.map(Recorded::from);
            let on_tape = [
                slope::forward(Mixed, recorded),
                slope::forward_on(&tape, Mixed)(recorded),
                slope::reverse_on(&tape, Mixed)(recorded),
            ];
            let seconds = on_tape.map(|slopes| slopes[1].on(&tape).backward()[x[by]]);
            for second in [slope::forward(Mixed, duals)[1].derivative].into_iter().chain(seconds) {
                assert!((second - expected).abs() < 1e-8, "by {by}: {second}, not {expected}");
            }
        }
    }
}
