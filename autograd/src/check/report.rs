//! What a gradient check found.

use std::fmt;

use crate::shape::Shape;

/// The outcome of a gradient check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The gradient agrees with the differences, as far as these can tell.
    Pass,
    /// The gradient is wrong by more than the differences' error.
    Wrong,
    /// The differences cannot tell: a kink, the edge of the domain, noise, or round-off is in the way.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "pass",
            Verdict::Wrong => "WRONG",
            Verdict::Inconclusive => "inconclusive",
        })
    }
}

/// One comparison: a derivative by the tape beside the same by differences.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// What was moved: the input's name and the index in it, or a random direction over all inputs.
    pub place: String,
    /// The derivative by the tape.
    pub analytic: f64,
    /// The derivative by differences.
    pub numeric: f64,
    /// The estimated error of the differences.
    pub error: f64,
    /// What `|analytic − numeric|` may be: `rtol·max(|analytic|, |numeric|) + safety·error`.
    pub allowed: f64,
    /// The one-sided derivatives at the smallest step, from above and from below.
    pub one_sided: (f64, f64),
    /// The step of the differences.
    pub step: f64,
    /// The verdict on this comparison alone.
    pub verdict: Verdict,
    /// Why, if it is not a pass.
    pub reason: String,
}

impl Comparison {
    /// `|analytic − numeric|`
    pub fn difference(&self) -> f64 {
        (self.analytic - self.numeric).abs()
    }

    /// How bad it is, to find the worst: the difference as a multiple of what is allowed.
    pub(crate) fn badness(&self) -> f64 {
        let ratio = self.difference() / self.allowed;
        if ratio.is_nan() { f64::INFINITY } else { ratio }
    }
}

/// What was moved, input by input.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct InputReport {
    /// The input's name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// How many of its elements were compared one by one.
    pub compared: usize,
    /// How many of these were wrong.
    pub wrong: usize,
    /// How many could not be told.
    pub inconclusive: usize,
}

/// The result of a gradient check: a verdict, its reason, and everything about the worst comparison.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in a sentence.
    pub reason: String,
    /// The seed of the random directions: the same seed repeats the check.
    pub seed: u64,
    /// The value of the function at the point.
    pub value: f64,
    /// Along how many random directions the gradient was compared.
    pub directions: usize,
    /// A line for each input.
    pub inputs: Vec<InputReport>,
    /// The comparison with the largest difference relative to what is allowed.
    pub worst: Option<Comparison>,
}

impl Report {
    /// Whether the verdict is [`Verdict::Pass`].
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    /// This report if it passed.
    ///
    /// # Panics
    /// If it did not, with the whole report.
    #[track_caller]
    pub fn assert_pass(self) -> Self {
        assert!(self.passed(), "{self}");
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "gradient check: {} ({})", self.verdict, self.reason)?;
        writeln!(f, "  f = {:.6e}, {} random directions, seed {}", self.value, self.directions, self.seed)?;
        for input in &self.inputs {
            write!(f, "  {:<12} {:<14} {:>6} elements compared", input.name, input.shape.to_string(), input.compared)?;
            writeln!(f, ", {} wrong, {} inconclusive", input.wrong, input.inconclusive)?;
        }
        if let Some(worst) = &self.worst {
            writeln!(f, "  worst: {}", worst.place)?;
            writeln!(f, "    by the tape        {:>24.16e}", worst.analytic)?;
            writeln!(
                f,
                "    by differences     {:>24.16e}  ± {:.1e} at step {:.1e}",
                worst.numeric, worst.error, worst.step
            )?;
            writeln!(f, "    from above, below  {:>24.16e}, {:.16e}", worst.one_sided.0, worst.one_sided.1)?;
            write!(f, "    |difference| {:.1e}, allowed {:.1e}", worst.difference(), worst.allowed)?;
        }
        Ok(())
    }
}
