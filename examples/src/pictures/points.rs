//! Points in the plane: samples of a distribution.

use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, titled};
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

impl Figure for Points<'_> {
    fn size(&self) -> (u32, u32) {
        (360 * self.clouds.len() as u32, 320)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = titled(area, self.title, "")?;
        let all = || self.clouds.iter().flat_map(|(_, points)| points);
        let x = Axis::around(self.axes[0], all().map(|at| at.0));
        let y = Axis::around(self.axes[1], all().map(|at| at.1));
        for (panel, (name, points)) in area.split_evenly((1, self.clouds.len())).iter().zip(self.clouds) {
            Chart::new(panel, name, &x, &y)?.dots(points, BLACK)?;
        }
        Ok(())
    }
}
