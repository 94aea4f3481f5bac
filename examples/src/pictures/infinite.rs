//! Networks of infinite width, beside those of finite width.

use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, NONE, Pen, SOLID, font, px};
use super::{Figure, Picture};

/// What [`infinite_width`] draws.
#[derive(Debug, Clone)]
pub struct InfiniteWidth {
    /// For each width: the width, the relative error of the kernel, and the ends of its bar.
    pub errors: Vec<(f64, [f64; 3])>,
    /// The samples, (x, y).
    pub samples: Vec<(f64, f64)>,
    /// x, mean and standard deviation of the Gaussian process.
    pub process: Vec<[f64; 3]>,
    /// x and mean after training by gradient flow.
    pub flow: Vec<(f64, f64)>,
    /// Networks of finite width, trained.
    pub networks: Vec<Vec<(f64, f64)>>,
}

/// At the left the error of the tangent kernel against the width, with the line 1/√width through the first; at the right a regression.
///
/// ```
/// use examples::pictures::{InfiniteWidth, infinite_width};
/// let picture = infinite_width(&InfiniteWidth {
///     errors: vec![(64.0, [0.18, 0.2, 0.22]), (256.0, [0.08, 0.1, 0.12])],
///     samples: vec![(0.0, 1.0)],
///     process: vec![[-1.0, 0.8, 0.3], [1.0, 0.9, 0.3]],
///     flow: vec![(-1.0, 0.7), (1.0, 1.0)],
///     networks: vec![],
/// });
/// assert!(picture.svg().contains("NNGP"));
/// ```
///
/// # Panics
/// If there are no errors or no samples.
pub fn infinite_width(figure: &InfiniteWidth) -> Picture {
    assert!(!figure.errors.is_empty() && !figure.samples.is_empty(), "infinite_width: nothing to draw");
    Picture::of(figure)
}

const MEASURED: Pen =
    Pen { corners: &[(0.0, -6.5), (6.5, 0.0), (0.0, 6.5), (-6.5, 0.0)], ..Pen::new(RGBColor(0, 90, 160), 2.0, NONE) };
const LAW: Pen = Pen::new(BLACK, 1.5, (6.0, 4.0));
const BAND: RGBColor = RGBColor(222, 222, 222);
const PROCESS: Pen = Pen::new(BLACK, 2.0, SOLID);
const FLOW: Pen = Pen::new(RGBColor(213, 94, 0), 3.0, (9.0, 4.0));
const NETWORK: Pen = Pen::new(RGBColor(0, 90, 160), 1.0, SOLID);

impl Figure for InfiniteWidth {
    fn size(&self) -> (u32, u32) {
        (900, 430)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = area.titled("Networks of infinite width, and of finite width", font(17.0))?;
        let (left, right) = area.split_horizontally(px(f64::from(self.size().0) * 0.42));
        self.rates(&left)?;
        self.regression(&right)
    }
}

impl InfiniteWidth {
    fn rates<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let log = |(width, bar): &(f64, [f64; 3])| (width.log2(), bar.map(f64::log10));
        let points: Vec<(f64, [f64; 3])> = self.errors.iter().map(log).collect();
        let [first, last] = [points[0], points[points.len() - 1]];
        let x = Axis {
            ticks: points.iter().map(|point| point.0).collect(),
            label: |x| format!("{:.0}", x.exp2()),
            ..Axis::new("width", first.0 - 0.4, last.0 + 0.4)
        };
        let y = Axis::around("relative error of Θ", points.iter().flat_map(|point| point.1)).powers();
        let mut chart = Chart::new(area, "the tangent kernel", &x, &y)?;
        let at = |x: f64| (x, first.1[1] - (x - first.0) * 2f64.log10() / 2.0);
        chart.line(&[at(first.0), at(last.0)], LAW)?;
        for (x, bar) in points {
            chart.measured(x, bar, MEASURED)?;
        }
        chart.name("networks", MEASURED)?;
        chart.name("1/√width", LAW)?;
        chart.legend(SeriesLabelPosition::UpperRight)
    }

    fn regression<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let edge = |sign: f64| self.process.iter().map(move |&[x, mean, std]| (x, mean + sign * 2.0 * std));
        let x = Axis::around("x", self.process.iter().map(|at| at[0]));
        let y = Axis::around("y", edge(1.0).chain(edge(-1.0)).map(|at| at.1));
        let mut chart = Chart::new(area, "a regression", &x, &y)?;
        let outline: Vec<(f64, f64)> = edge(1.0).chain(edge(-1.0).collect::<Vec<_>>().into_iter().rev()).collect();
        chart.area(&outline, BAND)?;
        for network in &self.networks {
            chart.line(network, NETWORK)?;
        }
        chart.line(&self.process.iter().map(|&[x, mean, _]| (x, mean)).collect::<Vec<_>>(), PROCESS)?;
        chart.line(&self.flow, FLOW)?;
        let disc = Pen { corners: &[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)], ..Pen::new(BLACK, 1.0, NONE) };
        for &(x, y) in &self.samples {
            chart.measured(x, [y; 3], disc)?;
        }
        chart.name("samples", disc)?;
        chart.name("NNGP: mean, and band of ±2 standard deviations", PROCESS)?;
        chart.name("trained, infinitely wide (NTK): mean", FLOW)?;
        chart.name("trained networks of finite width", NETWORK)?;
        chart.legend(SeriesLabelPosition::LowerRight)
    }
}
