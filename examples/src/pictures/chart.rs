//! Axes, pens and marks: what the figures share.

use std::ops::Range;

use plotters::chart::{ChartContext, SeriesLabelPosition};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// How many of the backend's pixels a pixel of the picture has in each direction.
pub(super) const FINE: u32 = 4;

pub(super) type Area<B> = DrawingArea<B, Shift>;
pub(super) type Fault<B> = DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>;
pub(super) type Drawn<B> = Result<(), Fault<B>>;

/// Pixels of the picture, in those of the backend.
pub(super) fn px(pixels: f64) -> u32 {
    (pixels * f64::from(FINE)).round() as u32
}

pub(super) fn font(size: f64) -> TextStyle<'static> {
    ("sans-serif", px(size)).into_font().color(&BLACK)
}

/// What an axis spans and says.
#[derive(Clone)]
pub(super) struct Axis {
    pub(super) name: &'static str,
    pub(super) range: Range<f64>,
    pub(super) ticks: Vec<f64>,
    pub(super) label: fn(&f64) -> String,
}

impl Axis {
    /// From `low` to `high`, with ticks at round numbers.
    pub(super) fn new(name: &'static str, low: f64, high: f64) -> Self {
        let rough = (high - low) / 6.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0].into_iter().map(|x| x * power).find(|&x| x >= 0.99 * rough).unwrap_or(10.0 * power);
        let (first, last) = ((low / step).ceil() as i32, (high / step).floor() as i32);
        Self { name, range: low..high, ticks: (first..=last).map(|i| f64::from(i) * step).collect(), label: plain }
    }

    /// From the least to the greatest of all values, with a margin.
    pub(super) fn around(name: &'static str, all: impl Iterator<Item = f64>) -> Self {
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
        let margin = if high > low { (high - low) / 20.0 } else { 1.0 };
        Axis::new(name, low - margin, high + margin)
    }

    /// With the values as the exponents of ten.
    pub(super) fn powers(self) -> Self {
        Self { label: power, ..self }
    }

    /// The beginning of a curve, up to where it leaves the range of this as its vertical axis.
    pub(super) fn until_out(&self, curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let inside = curve.iter().take_while(|point| self.has(point.1)).count();
        let mut points = curve[..inside].to_vec();
        if let (Some(&(x0, y0)), Some(&(x1, y1))) = (points.last(), curve.get(inside)) {
            let y = y1.clamp(self.range.start, self.range.end);
            points.push((x0 + (x1 - x0) * (y - y0) / (y1 - y0), y));
        }
        points
    }

    pub(super) fn has(&self, value: f64) -> bool {
        (self.range.start..=self.range.end).contains(&value)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(tick: &f64) -> String {
        plain(tick)
    }

    fn format_ext(&self, tick: &f64) -> String {
        (self.label)(tick)
    }
}

/// With a true minus and at most two decimals.
pub(super) fn plain(x: &f64) -> String {
    let text = format!("{:.2}", if x.abs() < 5e-3 { 0.0 } else { *x });
    text.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
}

fn power(x: &f64) -> String {
    if *x == 0.0 { "1".into() } else { format!("10{}", superscript(&plain(x))) }
}

/// A number as an exponent.
pub(super) fn superscript(number: &str) -> String {
    let raised = |digit| match digit {
        '−' | '-' => '⁻',
        '.' => '·',
        _ => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit.to_digit(10).map_or(0, |i| i as usize)],
    };
    number.chars().map(raised).collect()
}

/// What is left of an area below a title, and below a line that says how to read the figure, if there is one.
pub(super) fn titled<B: DrawingBackend>(area: &Area<B>, title: &str, how: &str) -> Result<Area<B>, Fault<B>> {
    let area = area.titled(title, font(17.0))?;
    if how.is_empty() { Ok(area) } else { area.titled(how, font(12.5)) }
}

/// # Panics
/// If there are no curves, or more than there are pens.
#[track_caller]
pub(super) fn told_apart(figure: &str, what: &str, curves: usize, pens: usize) {
    assert!((1..=pens).contains(&curves), "{figure}: {curves} {what}; 1 to {pens} are told apart");
}

/// A plot with its axes.
pub(super) struct Chart<'a, B: DrawingBackend>(ChartContext<'a, B, Cartesian2d<Axis, Axis>>);

impl<'a, B: DrawingBackend + 'a> Chart<'a, B> {
    pub(super) fn new(area: &'a Area<B>, title: &str, x: &Axis, y: &Axis) -> Result<Self, Fault<B>> {
        let room = |axis: &Axis, bare, named| px(if axis.name.is_empty() { bare } else { named });
        let mut builder = ChartBuilder::on(area);
        builder.margin(px(6.0)).margin_right(px(14.0));
        builder.x_label_area_size(room(x, 22.0, 40.0)).y_label_area_size(room(y, 32.0, 62.0));
        if !title.is_empty() {
            builder.margin_top(px(26.0));
        }
        let mut chart = builder.build_cartesian_2d(x.clone(), y.clone())?;
        // Over the plot: a caption of the builder's would be in the middle of plot and labels together.
        let (across, (left, top)) = (chart.plotting_area().get_pixel_range().0, area.get_base_pixel());
        let middle = ((across.start + across.end) / 2 - left, chart.plotting_area().get_pixel_range().1.start - top);
        let style = font(14.0).pos(Pos::new(HPos::Center, VPos::Bottom));
        area.draw_text(title, &style, (middle.0, middle.1 - px(5.0) as i32))?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(215, 215, 215).stroke_width(px(0.75)))
            .axis_style(BLACK.stroke_width(px(1.0)))
            .set_all_tick_mark_size(px(4.0))
            .label_style(font(12.0))
            .axis_desc_style(font(13.5))
            .x_desc(x.name)
            .y_desc(y.name)
            .draw()?;
        Ok(Self(chart))
    }

    pub(super) fn line(&mut self, points: &[(f64, f64)], pen: Pen) -> Drawn<B> {
        self.0.draw_series([pen.element(points.to_vec())]).map(drop)
    }

    pub(super) fn area(&mut self, outline: &[(f64, f64)], colour: RGBColor) -> Drawn<B> {
        self.0.draw_series([Polygon::new(outline, colour.filled())]).map(drop)
    }

    /// A filled rectangle, from corner to corner.
    pub(super) fn bar(&mut self, corners: [(f64, f64); 2], colour: RGBColor) -> Drawn<B> {
        self.0.draw_series([Rectangle::new(corners, colour.filled())]).map(drop)
    }

    /// `text`, its middle at `at`.
    pub(super) fn text(&mut self, text: &str, at: (f64, f64), style: &TextStyle<'static>) -> Drawn<B> {
        let style = style.pos(Pos::new(HPos::Center, VPos::Center));
        self.0.draw_series([Text::new(text.to_owned(), at, style)]).map(drop)
    }

    /// A small disc at each point.
    pub(super) fn dots(&mut self, points: &[(f64, f64)], colour: RGBColor) -> Drawn<B> {
        self.0.draw_series(points.iter().map(|&at| Circle::new(at, px(1.25), colour.filled()))).map(drop)
    }

    /// A mark, and a bar from `low` to `high` through it.
    pub(super) fn measured(&mut self, x: f64, [low, y, high]: [f64; 3], pen: Pen) -> Drawn<B> {
        let thin = pen.colour.stroke_width(px(1.2));
        let half = px(3.5) as i32;
        self.0.draw_series([PathElement::new([(x, low), (x, high)], thin)])?;
        let cap = |end| EmptyElement::at((x, end)) + PathElement::new([(-half, 0), (half, 0)], thin);
        self.0.draw_series([low, high].map(cap))?;
        self.0.draw_series([EmptyElement::at((x, y)) + pen.mark()]).map(drop)
    }

    /// Enters a pen into the legend.
    pub(super) fn name(&mut self, name: &str, pen: Pen) -> Drawn<B> {
        let sample = move |(x, y): (i32, i32)| {
            let width = px(46.0) as i32;
            let line = pen.element(vec![(0, 0), (width, 0)]);
            EmptyElement::at((x, y)) + line + pen.mark_at((width / 2, 0))
        };
        self.0.draw_series(std::iter::empty::<Circle<(f64, f64), i32>>())?.label(name).legend(sample);
        Ok(())
    }

    pub(super) fn legend(&mut self, position: SeriesLabelPosition) -> Drawn<B> {
        self.0
            .configure_series_labels()
            .position(position)
            .legend_area_size(px(54.0))
            .margin(px(8.0))
            .label_font(font(12.0))
            .background_style(WHITE)
            .border_style(BLACK.stroke_width(px(0.75)))
            .draw()
    }
}

/// Dash and gap, in pixels.
pub(super) type Dash = (f64, f64);
/// No line at all.
pub(super) const NONE: Dash = (0.0, 0.0);
/// One dash longer than any picture is wide.
pub(super) const SOLID: Dash = (1e5, 1.0);

/// How a curve is drawn.
#[derive(Clone, Copy)]
pub(super) struct Pen {
    pub(super) colour: RGBColor,
    pub(super) width: f64,
    pub(super) dash: Dash,
    /// Corners of the mark on measured points, in pixels; none for a curve without.
    pub(super) corners: &'static [(f64, f64)],
}

impl Pen {
    pub(super) const fn new(colour: RGBColor, width: f64, dash: Dash) -> Self {
        Self { colour, width, dash, corners: &[] }
    }

    fn style(self) -> ShapeStyle {
        self.colour.stroke_width(px(self.width))
    }

    fn element<P>(self, points: Vec<P>) -> DashedPathElement<std::vec::IntoIter<P>, u32>
    where
        P: Clone,
    {
        DashedPathElement::new(points, px(self.dash.0), px(self.dash.1), self.style())
    }

    fn mark(self) -> Polygon<(i32, i32)> {
        self.mark_at((0, 0))
    }

    fn mark_at(self, (x, y): (i32, i32)) -> Polygon<(i32, i32)> {
        let corner = |&(dx, dy): &(f64, f64)| {
            let fine = |pixels: f64| (pixels * f64::from(FINE)).round() as i32;
            (x + fine(dx), y + fine(dy))
        };
        Polygon::new(self.corners.iter().map(corner).collect::<Vec<_>>(), self.colour.filled())
    }
}

/// A colour, a dash and a mark for each curve; the colours differ in brightness too.
pub(super) const PENS: [Pen; 4] = [
    Pen { corners: &[(-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)], ..Pen::new(BLACK, 2.0, SOLID) },
    Pen {
        corners: &[(0.0, -6.5), (6.5, 0.0), (0.0, 6.5), (-6.5, 0.0)],
        ..Pen::new(RGBColor(0, 90, 160), 2.0, (9.0, 4.0))
    },
    Pen { corners: &[(0.0, -6.5), (6.0, 4.5), (-6.0, 4.5)], ..Pen::new(RGBColor(213, 94, 0), 2.0, (2.5, 2.5)) },
    Pen { corners: &[(0.0, 6.5), (6.0, -4.5), (-6.0, -4.5)], ..Pen::new(RGBColor(140, 140, 140), 2.0, (12.0, 5.0)) },
];
