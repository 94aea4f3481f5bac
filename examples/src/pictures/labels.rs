//! Words in the plane.

use plotters::prelude::*;

use super::chart::{Area, Axis, Chart, Drawn, font, titled};
use super::{Figure, Picture};

/// Words at their places, in their order; one that would cover an earlier one is left out.
///
/// ```
/// use examples::pictures::labels;
///
/// let words = [("here", (0.0, 1.0)), ("there", (2.0, 0.0)), ("hidden", (0.001, 1.0))];
/// let picture = labels("Words", ["x", "y"], &words);
/// assert!(picture.svg().contains("there") && !picture.svg().contains("hidden"));
/// ```
///
/// # Panics
/// If there are no words.
pub fn labels(title: &str, axes: [&'static str; 2], words: &[(&str, (f64, f64))]) -> Picture {
    assert!(!words.is_empty(), "labels: no words");
    Picture::of(&Labels { title, axes, words })
}

struct Labels<'a> {
    title: &'a str,
    axes: [&'static str; 2],
    words: &'a [(&'a str, (f64, f64))],
}

/// The height of a letter, and half its width with the space around it, in pixels.
const LETTER: f64 = 12.0;
const HALF: f64 = 3.4;

impl Figure for Labels<'_> {
    fn size(&self) -> (u32, u32) {
        (760, 560)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let area = titled(area, self.title, "")?;
        let [x, y] = [0, 1].map(|axis| {
            let all = self.words.iter().map(|(_, at)| if axis == 0 { at.0 } else { at.1 });
            Axis::around(self.axes[axis], all)
        });
        let mut chart = Chart::new(&area, "", &x, &y)?;
        let mut drawn: Vec<(f64, f64, f64)> = vec![];
        let (width, height) = (f64::from(self.size().0), f64::from(self.size().1));
        for &(word, at) in self.words {
            let pixels = |at: f64, axis: &Axis, length: f64| at / (axis.range.end - axis.range.start) * length;
            let (left, top, half) =
                (pixels(at.0, &x, width), pixels(at.1, &y, height), HALF * (word.chars().count() + 1) as f64);
            let covers =
                |&(x, y, other): &(f64, f64, f64)| (x - left).abs() < half + other && (y - top).abs() < LETTER * 1.1;
            if !drawn.iter().any(covers) {
                chart.text(word, at, &font(LETTER))?;
                drawn.push((left, top, half));
            }
        }
        Ok(())
    }
}
