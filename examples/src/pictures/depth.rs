//! What was measured, over what the theory predicts.

use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, NONE, PENS, Pen, SOLID, font, plain, px, titled, told_apart};
use super::{Figure, Picture};

/// What one kind of network does to the gradient: see [`gradients`].
#[derive(Debug, Clone)]
pub struct Gradients {
    /// What the legend calls it.
    pub name: String,
    /// Depth and decades, by the theory.
    pub predicted: Vec<(f64, f64)>,
    /// Depth, mean and standard deviation of the decades over the seeds.
    pub measured: Vec<[f64; 3]>,
}

/// Decades by which the gradient's norm changes against depth: lines predicted, marks measured, bars their standard
/// deviation; at the left all of it, at the right what lies within five decades.
///
/// ```
/// use examples::pictures::{Gradients, gradients};
///
/// let halved = Gradients {
///     name: "halved".into(),
///     predicted: vec![(1.0, 0.0), (20.0, -5.7)],
///     measured: vec![[1.0, 0.0, 0.0], [10.0, -2.6, 0.3], [20.0, -5.9, 0.4]],
/// };
/// let picture = gradients("Gradients", "lines: predicted; marks: measured", &[halved]);
/// assert!(picture.svg().contains("10⁻⁴"));
/// ```
///
/// # Panics
/// If there are no curves or more than four, or one without a measured point.
pub fn gradients(title: &str, subtitle: &str, curves: &[Gradients]) -> Picture {
    told_apart("gradients", "curves", curves.len(), PENS.len());
    assert!(curves.iter().all(|curve| !curve.measured.is_empty()), "gradients: a curve without a measured point");
    Picture::of(&Depths { title, subtitle, curves })
}

struct Depths<'a> {
    title: &'a str,
    subtitle: &'a str,
    curves: &'a [Gradients],
}

impl Figure for Depths<'_> {
    fn size(&self) -> (u32, u32) {
        (900, 460)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        const NEAR: f64 = 5.0;
        let area = titled(area, self.title, self.subtitle)?;
        let (left, right) = area.split_horizontally(px(self.size().0 as f64 / 2.0));
        let all = || self.curves.iter().flat_map(|curve| &curve.measured);
        let (low, high) =
            all().fold((0.0f64, 0.0f64), |(low, high), at| (low.min(at[1] - at[2]), high.max(at[1] + at[2])));
        let deepest = all().fold(0.0f64, |deepest, at| deepest.max(at[0]));
        let x = || Axis::new("depth (layers)", 0.0, 1.03 * deepest);
        let norms = "gradient’s norm, first layer / last layer";
        let margin = (high - low) / 30.0;
        self.panel(&left, "all", &x(), &Axis::new(norms, low - margin, high + margin).powers(), true)?;
        let near = Axis::new(norms, (low - 0.5).max(-NEAR), (high + 0.5).min(NEAR)).powers();
        self.panel(&right, "near 1", &x(), &near, false)
    }
}

impl Depths<'_> {
    fn panel<B: DrawingBackend>(&self, area: &Area<B>, title: &str, x: &Axis, y: &Axis, legend: bool) -> Drawn<B> {
        let mut chart = Chart::new(area, title, x, y)?;
        for (curve, pen) in self.curves.iter().zip(PENS) {
            chart.line(&y.until_out(&curve.predicted), pen)?;
            for &[depth, mean, std] in curve.measured.iter().filter(|at| y.has(at[1])) {
                let end = |decades: f64| decades.clamp(y.range.start, y.range.end);
                chart.measured(depth, [end(mean - std), mean, end(mean + std)], pen)?;
            }
            if legend {
                let dash = if curve.predicted.is_empty() { NONE } else { pen.dash };
                chart.name(&curve.name, Pen { dash, ..pen })?;
            }
        }
        if legend { chart.legend(SeriesLabelPosition::LowerLeft) } else { Ok(()) }
    }
}

/// Decades of the mean squared gradient against depth, a panel for each name: lines predicted, marks measured, bars their
/// standard deviation. The last panel has the legend.
///
/// ```
/// use examples::pictures::{Gradients, profiles};
///
/// let halved = Gradients {
///     name: "halved".into(),
///     predicted: vec![(0.0, -3.0), (10.0, 0.0)],
///     measured: vec![[0.0, -3.1, 0.2], [10.0, 0.0, 0.0]],
/// };
/// let picture = profiles("Gradients", "lines: predicted; marks: measured", &[("relu".into(), vec![halved])]);
/// assert!(picture.svg().contains("10⁻³"));
/// ```
///
/// # Panics
/// If there are no panels, or one without curves or with more than four.
pub fn profiles(title: &str, subtitle: &str, panels: &[(String, Vec<Gradients>)]) -> Picture {
    assert!(!panels.is_empty(), "profiles: no panels; give one");
    panels.iter().for_each(|(_, curves)| told_apart("profiles", "curves", curves.len(), PENS.len()));
    Picture::of(&Profiles { title, subtitle, panels })
}

struct Profiles<'a> {
    title: &'a str,
    subtitle: &'a str,
    panels: &'a [(String, Vec<Gradients>)],
}

impl Figure for Profiles<'_> {
    fn size(&self) -> (u32, u32) {
        (450 * self.panels.len() as u32, 460)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = titled(area, self.title, self.subtitle)?;
        let all = || self.panels.iter().flat_map(|(_, curves)| curves);
        let points = || all().flat_map(|curve| &curve.predicted);
        let ends = all().flat_map(|curve| &curve.measured).flat_map(|at| [at[1] - at[2], at[1] + at[2]]);
        let deepest = points().fold(0.0f64, |deepest, at| deepest.max(at.0));
        let x = Axis::new("depth (blocks)", 0.0, 1.03 * deepest);
        // One range for all, so that panels can be compared.
        let y = Axis::around("mean squared gradient, over that of the outputs", points().map(|at| at.1).chain(ends))
            .powers();
        let last = self.panels.len() - 1;
        for (i, (panel, (name, curves))) in
            area.split_evenly((1, self.panels.len())).iter().zip(self.panels).enumerate()
        {
            let mut chart = Chart::new(panel, name, &x, &y)?;
            for (curve, pen) in curves.iter().zip(PENS) {
                chart.line(&curve.predicted, pen)?;
                for &[depth, mean, std] in &curve.measured {
                    chart.measured(depth, [mean - std, mean, mean + std], pen)?;
                }
                if i == last {
                    chart.name(&curve.name, pen)?;
                }
            }
            if i == last {
                chart.legend(SeriesLabelPosition::LowerRight)?;
            }
        }
        Ok(())
    }
}

/// Histograms of `log₁₀` of singular values, a panel for each name, all over the same range of values.
///
/// ```
/// use examples::pictures::singular_values;
///
/// let spectra = [("identity".into(), vec![1.0; 8]), ("stretched".into(), vec![100.0, 1.0, 0.01, 1e-4])];
/// assert!(singular_values("Singular values", &spectra, 2).svg().contains("stretched"));
/// ```
///
/// # Panics
/// If there are no spectra, or no columns.
pub fn singular_values(title: &str, spectra: &[(String, Vec<f64>)], columns: usize) -> Picture {
    assert!(!spectra.is_empty() && columns > 0, "singular_values: {} spectra in {columns} columns", spectra.len());
    Picture::of(&Spectra { title, spectra, columns })
}

struct Spectra<'a> {
    title: &'a str,
    spectra: &'a [(String, Vec<f64>)],
    columns: usize,
}

impl Figure for Spectra<'_> {
    fn size(&self) -> (u32, u32) {
        let (rows, columns) = (self.spectra.len().div_ceil(self.columns), self.columns);
        (300 * columns as u32, 220 * rows as u32 + 40)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        const BINS: f64 = 2.0; // in a decade, one centred on 10⁰
        let area = titled(area, self.title, "")?;
        let counted = |values: &[f64]| {
            let mut counts = std::collections::BTreeMap::new();
            for value in values.iter().filter(|&&value| value > 0.0) {
                *counts.entry((value.log10() * BINS).round() as i32).or_insert(0u32) += 1;
            }
            counts
        };
        let counts: Vec<_> = self.spectra.iter().map(|(_, values)| counted(values)).collect();
        let bins = || counts.iter().flat_map(|counts| counts.keys()).map(|&bin| f64::from(bin) / BINS);
        let (low, high) = bins().fold((-1.0f64, 1.0f64), |(low, high), bin| (low.min(bin - 0.5), high.max(bin + 0.5)));
        let panels = area.split_evenly((self.spectra.len().div_ceil(self.columns), self.columns));
        for ((panel, (name, _)), counts) in panels.iter().zip(self.spectra).zip(&counts) {
            let x = Axis::new("singular value", low, high).powers();
            let most = counts.values().max().map_or(1, |&most| most);
            let mut chart = Chart::new(panel, name, &x, &Axis::new("number", 0.0, 1.1 * f64::from(most)))?;
            for (&bin, &count) in counts {
                let (middle, half) = (f64::from(bin) / BINS, 0.45 / BINS);
                chart.bar([(middle - half, 0.0), (middle + half, f64::from(count))], RGBColor(70, 70, 70))?;
            }
        }
        Ok(())
    }
}

/// Accuracy after training, as grey and in per cent, over σ_w and depth, and over it the depths that the theory predicts.
///
/// `accuracy[i][j]` is that of `depths[i]` layers with the σ_w `scales[j]`; both grow geometrically, and so do the axes.
/// `reach` is a curve of σ_w and depth.
///
/// ```
/// let (scales, depths) = ([1.0, 2.0, 4.0], [8, 16]);
/// let accuracy = [vec![0.9, 0.95, 0.8], vec![0.1, 0.9, 0.2]];
/// let reach: Vec<(f64, f64)> = (10..=40).map(|i| (f64::from(i) / 10.0, 12.0)).collect();
/// let picture = examples::pictures::trained("Trained", "dashed: predicted", &scales, &depths, &accuracy, &reach);
/// assert!(picture.svg().contains("95"));
/// ```
///
/// # Panics
/// If there are fewer than two depths or scales, or `accuracy` has other sizes.
pub fn trained(
    title: &str,
    subtitle: &str,
    scales: &[f64],
    depths: &[usize],
    accuracy: &[Vec<f64>],
    reach: &[(f64, f64)],
) -> Picture {
    assert!(scales.len() > 1 && depths.len() > 1, "trained: {} scales, {} depths", scales.len(), depths.len());
    let fits = accuracy.len() == depths.len() && accuracy.iter().all(|row| row.len() == scales.len());
    assert!(fits, "trained: accuracy must have a row for each of {} depths, of {} scales", depths.len(), scales.len());
    let (x, y) = (scales.iter().map(|x| x.log2()).collect(), depths.iter().map(|&y| (y as f64).log2()).collect());
    Picture::of(&Trained { title, subtitle, x, y, accuracy, reach })
}

struct Trained<'a> {
    title: &'a str,
    subtitle: &'a str,
    /// Logarithms to the base 2.
    x: Vec<f64>,
    y: Vec<f64>,
    accuracy: &'a [Vec<f64>],
    reach: &'a [(f64, f64)],
}

impl Figure for Trained<'_> {
    fn size(&self) -> (u32, u32) {
        (640, 480)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = titled(area, self.title, self.subtitle)?;
        let axis = |name, ticks: &[f64]| {
            let edges = edges(ticks);
            let range = edges[0]..edges[edges.len() - 1];
            (Axis { name, range, ticks: ticks.to_vec(), label: |x| plain(&x.exp2()) }, edges)
        };
        let (x, columns) = axis("σ_w (standard deviation of the weights × √inputs)", &self.x);
        let (y, rows) = axis("depth (layers)", &self.y);
        let mut chart = Chart::new(&area, "", &x, &y)?;
        let grey = |share: f64| {
            let grey = 255 - (200.0 * share.clamp(0.0, 1.0)) as u8;
            RGBColor(grey, grey, grey)
        };
        for (row, shares) in rows.windows(2).zip(self.accuracy) {
            for (column, share) in columns.windows(2).zip(shares) {
                chart.bar([(column[0], row[0]), (column[1], row[1])], grey(*share))?;
            }
        }
        // Where the curve leaves the picture between its two branches there is nothing to join.
        let logs: Vec<(f64, f64)> = self.reach.iter().map(|&(x, y)| (x.log2(), y.log2())).collect();
        for branch in logs.split(|&(at_x, at_y)| !x.has(at_x) || !y.has(at_y)) {
            chart.line(branch, Pen::new(WHITE, 6.0, SOLID))?;
            chart.line(branch, Pen::new(RGBColor(213, 94, 0), 3.0, (10.0, 5.0)))?;
        }
        // The numbers last: a curve is read across a gap, a number is not.
        for (&at_y, shares) in self.y.iter().zip(self.accuracy) {
            for (&at_x, share) in self.x.iter().zip(shares) {
                let (half_x, half_y) = (0.2 * (columns[1] - columns[0]), 0.2 * (rows[1] - rows[0]));
                chart.bar([(at_x - half_x, at_y - half_y), (at_x + half_x, at_y + half_y)], grey(*share))?;
                let style = font(11.0).color(if *share > 0.6 { &WHITE } else { &BLACK });
                chart.text(&format!("{:.0}", 100.0 * share), (at_x, at_y), &style)?;
            }
        }
        Ok(())
    }
}

/// The middles between neighbours, and half a step beyond the ends.
fn edges(ticks: &[f64]) -> Vec<f64> {
    let middles = ticks.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
    let half = |i: usize| (ticks[i + 1] - ticks[i]) / 2.0;
    let (first, last) = (ticks[0] - half(0), ticks[ticks.len() - 1] + half(ticks.len() - 2));
    [first].into_iter().chain(middles).chain([last]).collect()
}
