//! Small grey pictures, in rows.

use autograd::Tensor;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Area, Drawn, font, px, titled};
use super::{Figure, Picture};

/// Rows of grey pictures by name, each picture a row of `pixels` from 0 (white) to 1 (black); a row of many is broken after
/// `columns`.
///
/// ```
/// use autograd::Tensor;
/// use examples::pictures::images;
///
/// let crosses = Tensor::from([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]);
/// let picture = images("Crosses", &[("of four pixels", crosses)], 2);
/// assert!(picture.svg().contains("of four pixels") && picture.svg().contains("<rect"));
/// ```
///
/// # Panics
/// If there is no picture, the number of pixels is no square, or there are no columns.
pub fn images(title: &str, rows: &[(&str, Tensor)], columns: usize) -> Picture {
    assert!(columns > 0 && !rows.is_empty(), "images: {} rows of pictures in {columns} columns", rows.len());
    for (name, pictures) in rows {
        let square = |pixels: usize| pixels > 0 && pixels.isqrt().pow(2) == pixels;
        let shape = pictures.shape();
        assert!(
            shape.len() == 2 && shape[0] > 0 && square(shape[1]),
            "images: `{name}` of shape {shape} is not (pictures, pixels of a square)"
        );
    }
    Picture::of(&Images { title, rows, columns })
}

struct Images<'a> {
    title: &'a str,
    rows: &'a [(&'a str, Tensor)],
    columns: usize,
}

/// A picture and the space around it, and the line above a row, in pixels.
const SIDE: f64 = 40.0;
const SPACE: f64 = 6.0;
const LINE: f64 = 24.0;
const TITLE: f64 = 30.0;

impl Images<'_> {
    fn lines(&self, pictures: &Tensor) -> usize {
        pictures.shape()[0].div_ceil(self.columns)
    }
}

impl Figure for Images<'_> {
    fn size(&self) -> (u32, u32) {
        let lines: usize = self.rows.iter().map(|(_, pictures)| self.lines(pictures)).sum();
        let height = TITLE + LINE * self.rows.len() as f64 + (SIDE + SPACE) * lines as f64;
        ((12.0 + (SIDE + SPACE) * self.columns as f64) as u32, height as u32 + 9)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let at = |pixels: f64| px(pixels) as i32;
        let area = titled(area, self.title, "")?;
        let mut top = 0.0;
        for (name, pictures) in self.rows {
            let style = font(13.5).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw_text(name, &style, (0, at(top + LINE / 2.0)))?;
            top += LINE;
            let side = pictures.shape()[1].isqrt();
            let pixel = SIDE / side as f64;
            for (i, picture) in pictures.as_slice().chunks(side * side).enumerate() {
                let (left, top) =
                    ((SIDE + SPACE) * (i % self.columns) as f64, top + (SIDE + SPACE) * (i / self.columns) as f64);
                for (j, &ink) in picture.iter().enumerate() {
                    let (x, y) = (left + pixel * (j % side) as f64, top + pixel * (j / side) as f64);
                    let grey = 255 - (255.0 * ink.clamp(0.0, 1.0)).round() as u8;
                    if grey < 245 {
                        let corners = [(at(x), at(y)), (at(x + pixel), at(y + pixel))];
                        area.draw(&Rectangle::new(corners, RGBColor(grey, grey, grey).filled()))?;
                    }
                }
                let frame = [(at(left), at(top)), (at(left + SIDE), at(top + SIDE))];
                area.draw(&Rectangle::new(frame, RGBColor(200, 200, 200).stroke_width(px(0.5))))?;
            }
            top += (SIDE + SPACE) * self.lines(pictures) as f64;
        }
        Ok(())
    }
}
