//! Points in the plane: samples of a distribution.

use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, font};
use super::{Figure, Picture};

/// Clouds of points by name, a panel for each, over the same axes.
///
/// ```
/// use examples::pictures::points;
///
/// let clouds = [("two".into(), vec![(0.0, 1.0), (1.0, 0.0)]), ("one".into(), vec![(0.5, 0.5)])];
/// let picture = points("Points", ["x", "y"], &clouds);
/// assert!(picture.svg().contains("two") && picture.svg().contains("<circle"));
/// ```
///
/// # Panics
/// If there is no point.
pub fn points(title: &str, axes: [&'static str; 2], clouds: &[(String, Vec<(f64, f64)>)]) -> Picture {
    assert!(clouds.iter().any(|(_, points)| !points.is_empty()), "points: no point");
    Picture::of(&Points { title, axes, clouds })
}

struct Points<'a> {
    title: &'a str,
    axes: [&'static str; 2],
    clouds: &'a [(String, Vec<(f64, f64)>)],
}

impl Points<'_> {
    /// An axis from the least to the greatest of all points, with a margin.
    fn axis(&self, name: &'static str, of: impl Fn(&(f64, f64)) -> f64) -> Axis {
        let all = self.clouds.iter().flat_map(|(_, points)| points).map(of);
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
        let margin = if high > low { (high - low) / 20.0 } else { 1.0 };
        Axis::new(name, low - margin, high + margin)
    }
}

impl Figure for Points<'_> {
    fn size(&self) -> (u32, u32) {
        (360 * self.clouds.len() as u32, 320)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = area.titled(self.title, font(17.0))?;
        let (x, y) = (self.axis(self.axes[0], |at| at.0), self.axis(self.axes[1], |at| at.1));
        for (panel, (name, points)) in area.split_evenly((1, self.clouds.len())).iter().zip(self.clouds) {
            Chart::new(panel, name, &x, &y)?.dots(points, BLACK)?;
        }
        Ok(())
    }
}
