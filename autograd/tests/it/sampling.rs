//! Points and plain-number arguments at which rules are tested: random, inside the domain, and off every kink.

use autograd::{Tensor, Unary};
use proptest::test_runner::Config;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

/// Kinks are kept at least this far away; differences reach a quarter of it.
const CLEAR: f64 = 0.06;

/// `PROPTEST_CASES` if set, else a few: each case runs through all operations.
pub(crate) fn config() -> Config {
    // The seed is the input and is printed, so no file of past failures is needed.
    let config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { Config { cases: 6, ..config } }
}

/// Whether the row's plain number is the order of a function: an integer of 0 or more.
pub(crate) fn takes_an_order(row: Unary) -> bool {
    matches!(
        row,
        Unary::Polygamma
            | Unary::LaplaceRatio
            | Unary::Iv
            | Unary::I0eSlope
            | Unary::ErfcxSlope
            | Unary::SphericalBesselPi
    )
}

/// One of three choices of a row's plain-number arguments, and the kinks that it makes.
pub(crate) fn arguments(row: Unary, choice: usize) -> ([f64; 2], Vec<f64>) {
    let of = |choices: [f64; 3]| [choices[choice % 3], 0.0];
    match row {
        Unary::Powi => (of([3.0, 2.0, -1.0]), vec![]),
        row if takes_an_order(row) => (of([1.0, 2.0, 0.0]), vec![]),
        Unary::Clamp => ([0.25, 0.75], vec![0.25, 0.75]),
        Unary::ExpBase => (of([2.5, 0.5, 2.0]), vec![]),
        Unary::MaxNumber | Unary::MinNumber => {
            let args = of([0.25, -0.5, 1.0]);
            (args, vec![args[0]])
        }
        row => (of([0.75, 1.5, 0.25]), Unary::ROWS[row as usize].kinks.to_vec()),
    }
}

pub(crate) struct Sampler(StdRng);

impl Sampler {
    pub(crate) fn new(seed: u64) -> Self {
        Sampler(StdRng::seed_from_u64(seed))
    }

    /// A length from 1 to 4.
    pub(crate) fn len(&mut self) -> usize {
        self.0.random_range(1..=4)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    /// Up to three axes.
    pub(crate) fn shape(&mut self) -> Vec<usize> {
        (0..self.below(4)).map(|_| self.len()).collect()
    }

    /// Two shapes that broadcast to a common one.
    pub(crate) fn broadcasting(&mut self) -> (Vec<usize>, Vec<usize>) {
        let full = self.shape();
        let mut part = |lead: usize| -> Vec<usize> {
            full[lead..].iter().map(|&n| if self.0.random_bool(0.3) { 1 } else { n }).collect()
        };
        let (a, b) = (part(0), part(0));
        let lead = self.below(full.len() + 1);
        if self.0.random() { (a, b[lead..].to_vec()) } else { (a[lead..].to_vec(), b) }
    }

    /// Values in (low, high), away from `kinks`.
    pub(crate) fn values(&mut self, shape: &[usize], (low, high): (f64, f64), kinks: &[f64]) -> Tensor {
        Tensor::from_fn(shape, |_| {
            loop {
                let x = self.0.random_range(low..high);
                if kinks.iter().all(|kink| (x - kink).abs() > CLEAR) {
                    return x;
                }
            }
        })
    }

    /// Values in (low, high) of which none comes near one drawn with the other parity, so that no two inputs tie.
    pub(crate) fn values_of_parity(&mut self, shape: &[usize], (low, high): (f64, f64), odd: bool) -> Tensor {
        let steps = ((high - low) / 0.4) as usize;
        Tensor::from_fn(shape, |_| {
            let at = low + 0.4 * self.below(steps.max(1)) as f64 + if odd { 0.3 } else { 0.1 };
            at + self.0.random_range(-0.05..0.05)
        })
    }

    /// Values of which no two come near each other.
    pub(crate) fn distinct(&mut self, shape: &[usize]) -> Tensor {
        let n: usize = shape.iter().product();
        let mut values: Vec<f64> = (0..n).map(|i| 0.2 * (i as f64 - n as f64 / 2.0)).collect();
        values.shuffle(&mut self.0);
        Tensor::new(shape, values.iter().map(|x| x + self.0.random_range(-0.05..0.05)).collect())
    }

    pub(crate) fn normal_like(&mut self, shape: &[usize]) -> Tensor {
        self.values(shape, (-2.0, 2.0), &[])
    }
}
