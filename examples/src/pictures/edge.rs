//! Sharpness and loss of gradient descent.

use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, PENS, Pen, px, titled, told_apart};
use super::{Figure, Picture};

/// One training by gradient descent: see [`edge`].
#[derive(Debug, Clone)]
pub struct Descent {
    /// The learning rate η.
    pub rate: f64,
    /// Step and sharpness.
    pub sharpness: Vec<(f64, f64)>,
    /// Step and loss.
    pub loss: Vec<(f64, f64)>,
}

/// The sharpness against the steps, with a line at 2/η for each rate η, at the left; decades of the loss at the right.
///
/// ```
/// use examples::pictures::{Descent, edge};
///
/// let descent = Descent { rate: 0.1, sharpness: vec![(0.0, 5.0), (9.0, 20.0)], loss: vec![(0.0, 1.0), (9.0, 0.1)] };
/// assert!(edge("Descent", "lines: 2/η", &[descent]).svg().contains("η = 0.1"));
/// ```
///
/// # Panics
/// If there are no trainings or more than four, or one without a point.
pub fn edge(title: &str, subtitle: &str, trainings: &[Descent]) -> Picture {
    told_apart("edge", "trainings", trainings.len(), PENS.len());
    let empty = |one: &Descent| one.sharpness.is_empty() || one.loss.is_empty();
    assert!(!trainings.iter().any(empty), "edge: a training without a point");
    Picture::of(&Edge { title, subtitle, trainings })
}

struct Edge<'a> {
    title: &'a str,
    subtitle: &'a str,
    trainings: &'a [Descent],
}

impl Figure for Edge<'_> {
    fn size(&self) -> (u32, u32) {
        (900, 420)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = titled(area, self.title, self.subtitle)?;
        let (left, right) = area.split_horizontally(px(self.size().0 as f64 / 2.0));
        let points = || self.trainings.iter().flat_map(|one| one.sharpness.iter().chain(&one.loss));
        let last = points().fold(0.0f64, |last, at| last.max(at.0));
        let x = || Axis::new("step", 0.0, last.max(1.0));

        let all = self.trainings.iter().flat_map(|one| one.sharpness.iter().map(|at| at.1).chain([2.0 / one.rate]));
        let top = all.fold(0.0f64, f64::max);
        let mut chart = Chart::new(&left, "", &x(), &Axis::new("sharpness", 0.0, 1.08 * top))?;
        for (one, pen) in self.trainings.iter().zip(PENS) {
            chart.line(&one.sharpness, Pen { width: 1.5, corners: &[], ..pen })?;
            chart.line(&[(0.0, 2.0 / one.rate), (last, 2.0 / one.rate)], Pen::new(pen.colour, 0.75, (1.5, 3.0)))?;
        }

        let decades = |one: &Descent| one.loss.iter().map(|at| (at.0, at.1.log10())).collect::<Vec<_>>();
        let all = self.trainings.iter().flat_map(decades).map(|at| at.1);
        let mut chart = Chart::new(&right, "", &x(), &Axis::around("loss", all).powers())?;
        for (one, pen) in self.trainings.iter().zip(PENS) {
            let pen = Pen { width: 1.5, corners: &[], ..pen };
            chart.line(&decades(one), pen)?;
            chart.name(&format!("η = {}", one.rate), pen)?;
        }
        chart.legend(SeriesLabelPosition::UpperRight)
    }
}
