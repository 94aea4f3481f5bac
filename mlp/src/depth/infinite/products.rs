//! Expectations of products, E[φ(u)φ(v)] and E[φ′(u)φ′(v)], of many normal pairs at once.

use std::f64::consts::FRAC_2_PI;

use autograd::Number;

use super::grid::Grid;
use super::pieces::{Pieces, Tails};
use super::series::Series;
use crate::depth::theory::curve::Curve;

/// For pairs out of a list of variances.
pub(super) struct Products<'a> {
    variances: &'a [f64],
    way: Way,
}

enum Way {
    /// φ(x) = odd·x + even·|x|, such as relu.
    Lines {
        odd: f64,
        even: f64,
    },
    Tails(Tails),
    Series(Series),
    /// With E[φ(u)²] of each variance, which the grid has to fewer digits.
    Grid(Grid, Vec<f64>),
}

impl<'a> Products<'a> {
    pub(super) fn new(curve: &Curve, variances: &'a [f64]) -> Self {
        let scales = || variances.iter().map(|q| q.sqrt()).collect::<Vec<_>>();
        let smooth = || curve.breaks.is_empty().then(|| Series::new(curve, &scales())).flatten();
        let way = match Pieces::of(curve) {
            Some(pieces) => match pieces.through_the_origin() {
                Some([odd, even]) => Way::Lines { odd, even },
                None => Way::Tails(Tails::new(&pieces, curve, &scales())),
            },
            None => smooth().map_or_else(
                || {
                    let squares = scales().into_iter().map(|scale| curve.expect(scale, |_, y, _| y * y));
                    Way::Grid(Grid::new(curve, &scales()), squares.collect())
                },
                Way::Series,
            ),
        };
        Products { variances, way }
    }

    /// E[φ(u)φ(v)] and E[φ′(u)φ′(v)] for the variances `i` and `j` and a covariance.
    pub(super) fn pair(&self, i: usize, j: usize, covariance: f64) -> [f64; 2] {
        let size = (self.variances[i] * self.variances[j]).sqrt();
        let c = correlation(covariance, size);
        match &self.way {
            Way::Lines { odd, even } => lines_at(*odd, *even, size, c),
            Way::Tails(tails) => tails.pair(i, j, c),
            Way::Series(series) => series.pair(i, j, c),
            Way::Grid(grid, squares) => {
                let [values, slopes] = grid.pair(i, j, c);
                // Equal samples keep the correlation 1 to the last bit: behind a jump its root counts.
                let equal = c == 1.0 && self.variances[i] == self.variances[j];
                [if equal { squares[i] } else { values }, slopes]
            }
        }
    }

    /// E[φ(u)²] of each variance.
    pub(super) fn squares(&self) -> Vec<f64> {
        let square = |i: usize| match &self.way {
            Way::Lines { odd, even } => lines_at(*odd, *even, self.variances[i], 1.0)[0],
            Way::Tails(tails) => tails.pair(i, i, 1.0)[0],
            Way::Series(series) => series.pair(i, i, 1.0)[0],
            Way::Grid(_, squares) => squares[i],
        };
        (0..self.variances.len()).map(square).collect()
    }
}

/// Within [−1, 1]; 1 or −1 where only round-off tells them apart, since θ = acos c would be the root of it.
pub(super) fn correlation(covariance: f64, size: f64) -> f64 {
    let c = if size > 0.0 { covariance / size } else { 0.0 };
    if 1.0 - c.abs() <= 4.0 * f64::EPSILON { c.signum() } else { c }
}

/// The arc-cosine kernels (Cho & Saul 2009), of both sides of a kink at 0.
fn lines_at(odd: f64, even: f64, size: f64, c: f64) -> [f64; 2] {
    let angle = FRAC_2_PI * Number::asin(c);
    let both = FRAC_2_PI * ((1.0 - c) * (1.0 + c)).sqrt() + c * angle;
    [size * (odd * odd * c + even * even * both), odd * odd + even * even * angle]
}
