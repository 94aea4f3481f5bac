//! Curves over one axis: what a notebook shows in passing.

use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, PENS, Pen, told_apart};
use super::{Figure, Picture};

/// Curves by name, over axes called `x` and `y`.
///
/// ```
/// use examples::pictures::curves;
///
/// let points = |f: fn(f64) -> f64| (0..=20).map(|i| f64::from(i) / 10.0).map(|x| (x, f(x))).collect();
/// let picture = curves("x", "y", &[("sin x".into(), points(f64::sin)), ("cos x".into(), points(f64::cos))]);
/// assert!(picture.svg().contains("cos x"));
/// ```
///
/// # Panics
/// If there are no curves or more than four, or no point.
pub fn curves(x: &'static str, y: &'static str, curves: &[(String, Vec<(f64, f64)>)]) -> Picture {
    told_apart("curves", "curves", curves.len(), PENS.len());
    assert!(curves.iter().any(|(_, points)| !points.is_empty()), "curves: no point");
    Picture::of(&Curves { x, y, curves })
}

struct Curves<'a> {
    x: &'static str,
    y: &'static str,
    curves: &'a [(String, Vec<(f64, f64)>)],
}

impl Curves<'_> {
    /// The corner with the fewest points in it.
    fn free_corner(&self, x: &Axis, y: &Axis) -> SeriesLabelPosition {
        use SeriesLabelPosition::{LowerLeft, LowerRight, UpperLeft, UpperRight};
        let share = |axis: &Axis, at: f64| (at - axis.range.start) / (axis.range.end - axis.range.start);
        let all = || self.curves.iter().flat_map(|(_, points)| points).map(|at| (share(x, at.0), share(y, at.1)));
        let crowd = |right: bool, upper: bool| {
            let from = |share: f64, far: bool| if far { 1.0 - share } else { share };
            all().filter(|at| from(at.0, right) < 0.3 && from(at.1, upper) < 0.35).count()
        };
        let corners =
            [(UpperRight, true, true), (UpperLeft, false, true), (LowerRight, true, false), (LowerLeft, false, false)];
        let crowds = corners.map(|(corner, right, upper)| (corner, crowd(right, upper)));
        crowds.into_iter().min_by_key(|corner| corner.1).map_or(UpperRight, |corner| corner.0)
    }

    /// From the least to the greatest of all points.
    fn ends(&self, of: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
        let all = self.curves.iter().flat_map(|(_, points)| points).map(of);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)))
    }
}

impl Figure for Curves<'_> {
    fn size(&self) -> (u32, u32) {
        (640, 340)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let ((left, right), (low, high)) = (self.ends(|at| at.0), self.ends(|at| at.1));
        // A constant has a range too.
        let margin = if high > low { (high - low) / 20.0 } else { 1.0 };
        let x = Axis::new(self.x, left, right.max(left + 1e-9));
        let y = Axis::new(self.y, low - margin, high + margin);
        let mut chart = Chart::new(area, "", &x, &y)?;
        for ((name, points), pen) in self.curves.iter().zip(PENS) {
            let pen = Pen { corners: &[], ..pen };
            chart.line(points, pen)?;
            chart.name(name, pen)?;
        }
        if self.curves.len() > 1 { chart.legend(self.free_corner(&x, &y)) } else { Ok(()) }
    }
}
