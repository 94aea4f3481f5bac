//! The course of a training, epoch by epoch.

use mlp::Epoch;
use plotters::chart::SeriesLabelPosition;
use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, PENS, Pen, px, titled};
use super::{Figure, Picture};

/// Loss, accuracy, metrics and learning rate against the epoch, a panel for each; what was measured on held-out data is dashed.
///
/// The epochs are those of a [`History`](mlp::History), or of a log that was read ([`mlp::load_json_lines`]).
///
/// ```
/// use examples::pictures::history;
/// use mlp::Epoch;
///
/// let epoch = |number: usize| {
///     let mut epoch = Epoch::new(number, 1.0 / number as f64);
///     epoch.validation_loss = Some(1.2 / number as f64);
///     epoch.learning_rate = Some(0.1);
///     epoch
/// };
/// let picture = history("A training", &(1..=20).map(epoch).collect::<Vec<_>>());
/// assert!(picture.svg().contains("held out") && picture.svg().contains("learning rate"));
/// ```
///
/// # Panics
/// If there is no epoch.
pub fn history(title: &str, epochs: &[Epoch]) -> Picture {
    assert!(!epochs.is_empty(), "history: no epoch");
    Picture::of(&Course { title, epochs, panels: panels(epochs) })
}

/// What one panel shows: its name, and the names of values of an epoch, learned from and held out.
struct Panel {
    name: String,
    values: [String; 2],
}

const HELD_OUT: &str = "validation_";

/// The panels in the order of the values.
fn panels(epochs: &[Epoch]) -> Vec<Panel> {
    let mut names: Vec<&str> = vec![];
    for (name, _) in epochs.iter().flat_map(Epoch::values) {
        let name = name.strip_prefix(HELD_OUT).unwrap_or(name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // The rate explains the others, and is the last.
    names.sort_by_key(|name| *name == "learning_rate");
    let panel = |name: &str| Panel { name: name.replace('_', " "), values: [name.into(), format!("{HELD_OUT}{name}")] };
    names.into_iter().map(panel).collect()
}

struct Course<'a> {
    title: &'a str,
    epochs: &'a [Epoch],
    panels: Vec<Panel>,
}

impl Course<'_> {
    fn rows_and_columns(&self) -> (usize, usize) {
        let n = self.panels.len();
        let columns = if n == 4 { 2 } else { n.min(3) };
        (n.div_ceil(columns), columns)
    }

    fn draw_panel<B: DrawingBackend>(&self, area: &Area<B>, panel: &Panel) -> Drawn<B> {
        let points = |name: &String| -> Vec<(f64, f64)> {
            self.epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, epoch.get(name)?))).collect()
        };
        let curves = [&panel.values[0], &panel.values[1]].map(points);
        let all = || curves.iter().flatten().map(|point| point.1);
        let (least, most) = all().fold((f64::INFINITY, 0.0f64), |(least, most), y| (least.min(y), most.max(y)));
        // Small numbers, and those of several magnitudes, are told by their powers of ten.
        let powers = least > 0.0 && (most < 0.1 || most / least > 20.0);
        let scaled = |y: f64| if powers { y.log10() } else { y };
        let y = Axis::around("", all().map(scaled));
        let (first, last) = (self.epochs[0].epoch as f64, self.epochs[self.epochs.len() - 1].epoch as f64);
        let x = Axis::new("epoch", first, last.max(first + 1.0));
        let mut chart = Chart::new(area, &panel.name, &x, &if powers { y.powers() } else { y })?;
        for ((points, name), pen) in curves.iter().zip(["learned from", "held out"]).zip(PENS) {
            let pen = Pen { corners: &[], ..pen };
            if !points.is_empty() {
                chart.line(&points.iter().map(|&(x, y)| (x, scaled(y))).collect::<Vec<_>>(), pen)?;
                chart.name(name, pen)?;
            }
        }
        // A curve that falls leaves the upper right corner free, one that rises the lower.
        let falls = curves.iter().flat_map(|points| Some(points.last()?.1 - points.first()?.1)).sum::<f64>() < 0.0;
        let free = if falls { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::LowerRight };
        if curves.iter().all(|points| !points.is_empty()) { chart.legend(free) } else { Ok(()) }
    }
}

impl Figure for Course<'_> {
    fn size(&self) -> (u32, u32) {
        let (rows, columns) = self.rows_and_columns();
        (if columns == 1 { 480 } else { 340 * columns as u32 }, 40 + 260 * rows as u32)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = titled(area, self.title, "")?;
        let places = area.margin(px(4.0), 0, 0, 0).split_evenly(self.rows_and_columns());
        places.iter().zip(&self.panels).try_for_each(|(area, panel)| self.draw_panel(area, panel))
    }
}
