//! Curves over logarithmic axes, in panels beside each other.

use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

use mlp::scaling::CoordinateCheck;

use super::chart::{Area, Axis, Chart, Drawn, PENS, Pen, plain, superscript, titled, told_apart};
use super::{Figure, Picture};

/// A panel's title, and its curves by name.
pub type Panel = (String, Vec<(String, Vec<(f64, f64)>)>);

/// Up to five curves in each panel, all over the same axes: `x` in powers of 2, `y` in powers of 10. A mark shows the lowest point of each
/// curve, where `lowest` says so. What is not a finite number above 0 is left out, and what lies above `most` breaks off there.
///
/// ```
/// use examples::pictures::logs;
///
/// let curve = |least: f64| (-4..=4).map(|i| f64::from(i).exp2()).map(|x| (x, 0.01 + (x / least).log2().powi(2))).collect();
/// let panel = ("moved".into(), vec![("one".into(), curve(0.5)), ("two".into(), curve(2.0))]);
/// let picture = logs("Curves", "marks: the lowest", ["rate", "loss"], &[panel], 10.0, true);
/// assert!(picture.svg().contains("moved"));
/// ```
///
/// # Panics
/// If there are no panels, or one without curves or with more than five, or no point at all.
pub fn logs(
    title: &str,
    subtitle: &str,
    axes: [&'static str; 2],
    panels: &[Panel],
    most: f64,
    lowest: bool,
) -> Picture {
    assert!(!panels.is_empty(), "logs: no panels; give one");
    panels.iter().for_each(|(_, curves)| told_apart("logs", "curves", curves.len(), PENS.len() + 1));
    let log = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
        let shown = points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0 && x.is_finite() && y.is_finite());
        shown.map(|(x, y)| (x.log2(), y.log10())).collect()
    };
    let curves = |curves: &[(String, Vec<(f64, f64)>)]| {
        curves.iter().map(|(name, points)| (name.clone(), log(points))).collect::<Vec<_>>()
    };
    let panels: Vec<Panel> = panels.iter().map(|(name, all)| (name.clone(), curves(all))).collect();
    let any = panels.iter().flat_map(|(_, curves)| curves).any(|(_, points)| !points.is_empty());
    assert!(any, "logs: no point above 0");
    Picture::of(&Logs { title, subtitle, axes, panels, most: most.log10(), lowest })
}

/// How much the values behind each layer change against the width, a panel for each check; slopes in the legends.
///
/// ```
/// use autograd::{Scalar, Tensor, Var};
/// use examples::pictures::coordinates;
/// use mlp::scaling::CoordinateCheck;
/// use mlp::{Init, Linear, Module, Sgd};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// fn loss<'t>(y: Var<'t>) -> Scalar<'t> {
///     y.square().mean()
/// }
/// let check = CoordinateCheck::measure(&[4, 16], 1, 1, &Tensor::ones([2, 3]), loss, |width, seed| {
///     let layer: Linear = Linear::new(3, width, &Init::he_normal(), &mut StdRng::seed_from_u64(seed))?;
///     let sgd = Sgd::new(&layer.parameters(), 0.1);
///     Ok((layer, sgd))
/// })?;
/// assert!(coordinates("Changes", "in one step", &[("standard".into(), check)]).svg().contains("standard"));
/// # Ok::<(), mlp::Error>(())
/// ```
///
/// # Panics
/// If there are no checks, or one has no layers or more than five.
pub fn coordinates(title: &str, subtitle: &str, checks: &[(String, CoordinateCheck)]) -> Picture {
    let panel = |(name, check): &(String, CoordinateCheck)| {
        let curve = |layer: &mlp::scaling::LayerChange| {
            let widths = check.widths.iter().map(|&width| width as f64);
            let name = format!("{} {}: slope {}", layer.name, layer.kind, plain(&layer.slope));
            (name, widths.zip(layer.changes.iter().copied()).collect())
        };
        (name.clone(), check.layers.iter().map(curve).collect())
    };
    let panels: Vec<Panel> = checks.iter().map(panel).collect();
    logs(title, subtitle, ["width", "mean change of a value"], &panels, f64::INFINITY, false)
}

struct Logs<'a> {
    title: &'a str,
    subtitle: &'a str,
    axes: [&'static str; 2],
    /// The points as logarithms.
    panels: Vec<Panel>,
    most: f64,
    lowest: bool,
}

impl Figure for Logs<'_> {
    fn size(&self) -> (u32, u32) {
        (450 * self.panels.len() as u32, 440)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = titled(area, self.title, self.subtitle)?;
        let points = || self.panels.iter().flat_map(|(_, curves)| curves).flat_map(|(_, points)| points);
        let x = Axis { label: |x| plain(&x.exp2()), ..Axis::around(self.axes[0], points().map(|at| at.0)) };
        // Rates below 1 as powers: their decimals would be many.
        let small = x.range.start < -4.0;
        let whole = (x.range.start.ceil() as i32..=x.range.end.floor() as i32).map(f64::from);
        let step = if x.range.end - x.range.start > 8.0 { 2 } else { 1 };
        let ticks = whole.step_by(step).collect();
        let x = Axis { ticks, label: if small { |x| raised(*x) } else { x.label }, ..x };
        let y = Axis::around(self.axes[1], points().map(|at| at.1.min(self.most))).powers();
        for (panel, (title, curves)) in area.split_evenly((1, self.panels.len())).iter().zip(&self.panels) {
            let mut chart = Chart::new(panel, title, &x, &y)?;
            for ((name, points), pen) in curves.iter().zip(pens()) {
                for run in points.split(|at| !y.has(at.1)).filter(|run| !run.is_empty()) {
                    chart.line(run, pen)?;
                }
                let seen = points.iter().filter(|at| y.has(at.1));
                if let Some(least) = seen.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|_| self.lowest) {
                    chart.measured(least.0, [least.1; 3], pen)?;
                }
                chart.name(name, Pen { corners: if self.lowest { pen.corners } else { &[] }, ..pen })?;
            }
            chart.legend(SeriesLabelPosition::UpperLeft)?;
        }
        Ok(())
    }
}

/// The four pens, and one more.
fn pens() -> impl Iterator<Item = Pen> {
    let corners = &[(-6.0, -2.0), (6.0, -2.0), (6.0, 2.0), (-6.0, 2.0)];
    PENS.into_iter().chain([Pen { corners, ..Pen::new(RGBColor(0, 140, 110), 2.0, (1e5, 1.0)) }])
}

/// 2 to a whole power.
fn raised(power: f64) -> String {
    format!("2{}", superscript(&format!("{power:.0}")))
}
