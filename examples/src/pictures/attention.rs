//! What attention does to tokens.

use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, PENS, Pen, titled, told_apart};
use super::{Figure, Gradients, Picture};

/// Similarity of tokens against depth, and beside it the entropy of attention against the spread of its scores: lines predicted,
/// marks measured, bars their standard deviation. A curve without marks is a limit.
///
/// ```
/// use examples::pictures::{Gradients, attention};
///
/// let curve = |name: &str| Gradients {
///     name: name.into(),
///     predicted: vec![(0.0, 0.2), (2.0, 0.9)],
///     measured: vec![[0.0, 0.2, 0.01], [1.0, 0.5, 0.1]],
/// };
/// let picture = attention("Attention", "lines: predicted", &[curve("no shortcut")], &[curve("16 tokens")]);
/// assert!(picture.svg().contains("no shortcut"));
/// ```
///
/// # Panics
/// If a panel has no curves, or more than four.
pub fn attention(title: &str, subtitle: &str, similarity: &[Gradients], entropy: &[Gradients]) -> Picture {
    [similarity, entropy].iter().for_each(|curves| told_apart("attention", "curves", curves.len(), PENS.len()));
    Picture::of(&Attention { title, subtitle, panels: [similarity, entropy] })
}

struct Attention<'a> {
    title: &'a str,
    subtitle: &'a str,
    panels: [&'a [Gradients]; 2],
}

impl Figure for Attention<'_> {
    fn size(&self) -> (u32, u32) {
        (1000, 480)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = titled(area, self.title, self.subtitle)?;
        let panels = area.split_evenly((1, 2));
        let ([similarity, entropy], share) = (self.panels, |name| Axis::new(name, -0.02, 1.04));
        let x = |curves: &[Gradients], name| {
            let furthest = curves.iter().flat_map(|curve| &curve.predicted).fold(0.0f64, |x, at| x.max(at.0));
            Axis::new(name, 0.0, 1.03 * furthest)
        };
        let depth = x(similarity, "depth (layers)");
        panel(
            &panels[0],
            "rank collapse",
            similarity,
            &depth,
            &share("similarity of tokens"),
            SeriesLabelPosition::LowerRight,
        )?;
        let spread = x(entropy, "spread of scores, over √(2 ln T)");
        panel(
            &panels[1],
            "entropy collapse",
            entropy,
            &spread,
            &share("entropy, over ln T"),
            SeriesLabelPosition::UpperRight,
        )
    }
}

fn panel<B: DrawingBackend>(
    area: &Area<B>,
    title: &str,
    curves: &[Gradients],
    x: &Axis,
    y: &Axis,
    legend: SeriesLabelPosition,
) -> Drawn<B> {
    let mut chart = Chart::new(area, title, x, y)?;
    for (curve, pen) in curves.iter().zip(PENS) {
        chart.line(&curve.predicted, pen)?;
        for &[at, mean, spread] in &curve.measured {
            chart.measured(at, [mean - spread, mean, mean + spread], pen)?;
        }
        let corners = if curve.measured.is_empty() { &[] } else { pen.corners };
        chart.name(&curve.name, Pen { corners, ..pen })?;
    }
    chart.legend(legend)
}
