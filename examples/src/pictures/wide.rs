//! Wide networks beside those of infinite width.

use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, NONE, PENS, Pen, SOLID, plain, px, titled, told_apart};
use super::{Figure, Picture};

/// What falls with the width as a power of it: see [`wide`].
#[derive(Debug, Clone)]
pub struct Law {
    /// What the legend calls it.
    pub name: String,
    /// Width, and what was measured there between the ends of its uncertainty.
    pub measured: Vec<(f64, [f64; 3])>,
    /// ln y = first + second·ln width
    pub fitted: [f64; 2],
}

/// A random function of one number, and functions drawn beside it: see [`wide`].
#[derive(Debug, Clone)]
pub struct Beside {
    /// Place, mean and standard deviation.
    pub limit: Vec<[f64; 3]>,
    /// The values of others at the same places.
    pub others: Vec<Vec<f64>>,
    /// The samples that were learned.
    pub samples: Vec<(f64, f64)>,
    /// What the horizontal axis says.
    pub axis: &'static str,
    /// What the legend calls the others.
    pub name: String,
}

/// Errors against the width at the left, over logarithmic axes, with the power fitted to each; at the right the mean of the limit and two
/// standard deviations to both sides, with the other functions over it.
///
/// ```
/// use examples::pictures::{Beside, Law, wide};
///
/// let law = Law { name: "kernel".into(), measured: vec![(16.0, [0.2, 0.25, 0.3])], fitted: [0.0, -0.5] };
/// let limit = vec![[-1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [1.0, 0.0, 0.5]];
/// let beside = Beside { limit, others: vec![vec![0.2, 1.0, -0.1]], samples: vec![(0.0, 1.0)], axis: "x", name: "a network".into() };
/// let picture = wide("Wide", "lines: fitted", &[law], &beside);
/// assert!(picture.svg().contains("kernel") && picture.svg().contains("a network"));
/// ```
///
/// # Panics
/// If there are no laws or more than four, or one without a point, or the limit has none.
pub fn wide(title: &str, subtitle: &str, laws: &[Law], beside: &Beside) -> Picture {
    told_apart("wide", "laws", laws.len(), PENS.len());
    assert!(laws.iter().all(|law| !law.measured.is_empty()), "wide: a law without a point");
    assert!(!beside.limit.is_empty(), "wide: a limit without a point");
    Picture::of(&Wide { title, subtitle, laws, beside })
}

struct Wide<'a> {
    title: &'a str,
    subtitle: &'a str,
    laws: &'a [Law],
    beside: &'a Beside,
}

impl Figure for Wide<'_> {
    fn size(&self) -> (u32, u32) {
        (900, 440)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = titled(area, self.title, self.subtitle)?;
        let (left, right) = area.split_horizontally(px(self.size().0 as f64 / 2.0));
        self.laws(&left)?;
        self.functions(&right)
    }
}

impl Wide<'_> {
    fn laws<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let points = || self.laws.iter().flat_map(|law| &law.measured);
        let x = Axis::around("width", points().map(|at| at.0.log2()));
        let ticks = (x.range.start.ceil() as i32..=x.range.end.floor() as i32).map(f64::from).collect();
        let x = Axis { ticks, label: |x| plain(&x.exp2()), ..x };
        let y = Axis::around("relative error", points().flat_map(|at| at.1).map(f64::log10));
        // Room for the legend, and a tick at 1, 2 and 5 of each decade.
        let y = Axis { range: y.range.start - 0.1..y.range.end + 0.8, ..y };
        let decades = y.range.start.floor() as i32..=y.range.end.ceil() as i32;
        let ticks = decades.flat_map(|decade| [1f64, 2.0, 5.0].map(|x| x.log10() + f64::from(decade)));
        let y = Axis { ticks: ticks.filter(|&at| y.has(at)).collect(), label: |y| share(10f64.powf(*y)), ..y };
        let mut chart = Chart::new(area, "errors of finite width", &x, &y)?;
        for (law, pen) in self.laws.iter().zip(PENS) {
            let line = [x.range.start, x.range.end].map(|at| {
                let ln = law.fitted[0] + law.fitted[1] * at * std::f64::consts::LN_2;
                (at, ln * std::f64::consts::LOG10_E)
            });
            chart.line(&line, Pen { width: 1.5, ..pen })?;
            for (width, at) in &law.measured {
                chart.measured(width.log2(), at.map(f64::log10), pen)?;
            }
            chart.name(&law.name, Pen { width: 1.5, ..pen })?;
        }
        chart.legend(SeriesLabelPosition::UpperRight)
    }

    fn functions<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let Beside { limit, others, samples, axis, name } = self.beside;
        let edge = |sign: f64| limit.iter().map(move |&[x, mean, std]| (x, mean + sign * 2.0 * std));
        let values = edge(1.0).chain(edge(-1.0)).map(|at| at.1).chain(others.iter().flatten().copied());
        let [first, last] = [limit[0][0], limit[limit.len() - 1][0]];
        let y = Axis::around("output", values);
        // Room for the legend.
        let high = y.range.end + (y.range.end - y.range.start) / 4.0;
        let y = Axis::new(y.name, y.range.start, high);
        let mut chart = Chart::new(area, "trained networks and their limit", &Axis::new(axis, first, last), &y)?;
        let below: Vec<(f64, f64)> = edge(-1.0).collect();
        let outline: Vec<(f64, f64)> = edge(1.0).chain(below.into_iter().rev()).collect();
        chart.area(&outline, BAND)?;
        let thin = Pen::new(PENS[2].colour, 1.0, SOLID);
        for other in others {
            chart.line(&limit.iter().zip(other).map(|(at, &y)| (at[0], y)).collect::<Vec<_>>(), thin)?;
        }
        let mean = Pen { corners: &[], ..PENS[0] };
        chart.line(&limit.iter().map(|at| (at[0], at[1])).collect::<Vec<_>>(), mean)?;
        let sample = Pen { dash: NONE, ..PENS[0] };
        for &(x, y) in samples {
            chart.measured(x, [y; 3], sample)?;
        }
        chart.name("samples", sample)?;
        chart.name("the limit: mean", mean)?;
        chart.name("the limit: mean ± 2σ", Pen::new(BAND, 9.0, SOLID))?;
        chart.name(name, thin)?;
        chart.legend(SeriesLabelPosition::UpperLeft)
    }
}

const BAND: RGBColor = RGBColor(205, 220, 235);

/// With as many decimals as it needs.
fn share(x: f64) -> String {
    format!("{x:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}
