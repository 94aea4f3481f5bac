//! [`Mark`]: what the kernels, the tape and the sweep must know of a row beside its formulas.

/// A mark of a row; the table has them at the end of the row.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    /// The value's formula calls a function with a cheaper form for most numbers: a trigonometric one, `sech_squared` or
    /// `tanh_slope`.
    Near,
    /// The derivative's formula does so, or has one form for most numbers and another for the rest.
    Decides,
    /// The derivative, or the value of a row that is `Near`, has a [shortcut](crate::Number::shortcut) that many usual numbers
    /// may not take.
    Mixed,
    /// The derivative is 0 everywhere by policy, with respect to each input: no gradient flows back.
    Flat,
    /// The same, but only with respect to the second input.
    FlatInSecond,
    /// A scalar node keeps its derivative, because it shares most of its work with the value.
    KeepsSlope,
    /// An array keeps its derivatives, which are computed in the pass of its values. The incoming gradient is multiplied by
    /// the derivative, and by nothing else.
    KeepsSlopeOfArrays,
    /// Kernels have loops of its own for a few values and for each arrangement of two operands: the formula costs less than
    /// to copy operands, or few values are usual, as for an activation.
    Loops,
    /// The same, and the sweep of scalars has arms of its own for the row (`sweep/scalars.rs`), and so the tape more than one
    /// code.
    Common,
    /// The value is a function out of line, called for each number, as those of `math/special` are. Wide vectors would gain
    /// nothing and take a third of this crate's compile time, so the kernels are compiled for the baseline only.
    Single,
}

/// Whether `mark` is among the marks of a row.
pub(crate) const fn has(marks: &[Mark], mark: Mark) -> bool {
    let mut i = 0;
    while i < marks.len() {
        if marks[i] as u8 == mark as u8 {
            return true;
        }
        i += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use crate::{Binary, Number, Tape, Tensor, Unary};

    const TABLE: &str = "in number/table.rs";

    /// Values of every size and sign, each with each.
    fn pairs() -> [Tensor; 2] {
        let sizes = [0.0, 5e-324, 1e-300, 1e-160, 1e-5, 0.3, 1.0, 2.5, 30.0, 750.0, 1e17, 1e160, 1.7e308];
        let values: Vec<f64> = sizes.into_iter().flat_map(|x| [x, -x]).collect();
        let n = values.len();
        let at = |k: usize| values[k % n];
        [Tensor::from_fn([n * n], |i| at(i[0] / n)), Tensor::from_fn([n * n], |i| at(i[0]))]
    }

    #[test]
    fn a_row_whose_derivative_is_nothing_is_flat() {
        for row in Unary::ROWS {
            let (low, high) = row.domains[0];
            let slope = |k: u32| {
                let x = low + (high - low) * f64::from(k) / 7.0;
                row.row.pass_of_any(x, row.row.value_of_any(x, [2.0, 2.9]), [2.0, 2.9], 1.0)
            };
            let flat = (1..7).all(|k| slope(k) == 0.0);
            assert_eq!(row.row.is_flat(), flat, "`{}` {TABLE}: mark it Flat if its derivative is nothing", row.name);
        }
        for row in Binary::ROWS {
            let at = |(low, high): (f64, f64), k: u32| low + (high - low) * f64::from(k) / 7.0;
            for (second, mark) in [(false, "Flat"), (true, "Flat or FlatInSecond")] {
                let slope = |k: u32| {
                    let (a, b) = (at(row.domains[0], k), at(row.domains[1], 1 + 3 * k % 6));
                    row.row.pass_of_any(second, [a, b, a.binary(row.row, b)], 1.0)
                };
                let flat = (1..7).all(|k| slope(k) == 0.0);
                assert_eq!(row.row.passes_to(usize::from(second)), !flat, "`{}` {TABLE}: {mark}", row.name);
            }
        }
    }

    /// Whether a kernel's gradients are those of the formula, number by number.
    fn agree(found: &Tensor, expected: impl Fn(usize) -> f64) -> bool {
        found.as_slice().iter().enumerate().all(|(i, &found)| {
            let expected = expected(i);
            let close = (found - expected).abs() <= 1e-12 * expected.abs();
            close || found == expected || found.is_nan() && expected.is_nan()
        })
    }

    /// A row that chooses and is not marked has other gradients in a kernel than number by number, and stops it in
    /// debug builds.
    #[test]
    fn a_row_of_two_forms_says_so() {
        let [x, w] = pairs();
        let mut missing = vec![];
        let mut try_row = |name, right: &dyn Fn() -> bool| {
            if !catch_unwind(AssertUnwindSafe(right)).unwrap_or(false) {
                missing.push(name);
            }
        };
        let args = [0.75, 1.5];
        for row in Unary::ROWS {
            try_row(row.name, &|| {
                let tape = Tape::new();
                let v = tape.var(x.clone());
                let dx = v.unary(row.row, args).vjp(&w);
                agree(&dx[v], |i| {
                    let (x, w) = (x.as_slice()[i], w.as_slice()[i]);
                    row.row.pass_of_any(x, row.row.value_of_any(x, args), args, w)
                })
            });
        }
        for row in Binary::ROWS {
            for dy in [1.0, 1e-200, 1e200] {
                try_row(row.name, &|| {
                    let tape = Tape::new();
                    let v = [&x, &w].map(|x| tape.var(x.clone()));
                    let dx = v[0].binary(row.row, v[1]).vjp(&Tensor::full(x.shape().clone(), dy));
                    [false, true].into_iter().all(|second| {
                        agree(&dx[v[usize::from(second)]], |i| {
                            let (a, b) = (x.as_slice()[i], w.as_slice()[i]);
                            row.row.pass_of_any(second, [a, b, a.binary(row.row, b)], dy)
                        })
                    })
                });
            }
        }
        missing.dedup();
        assert!(
            missing.is_empty(),
            "{TABLE}, mark {missing:?} Decides if the derivative chooses between forms, Near if the value does"
        );
    }
}
