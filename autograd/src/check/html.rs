//! A report as HTML, for notebooks: a table and a picture of the step scan.

use std::fmt::Write;

use super::report::{Comparison, Report, Scan, Verdict};
use super::text::{inequality, meaning, opinions};
use crate::graph::{notebook, xml};

const INK: &str = "#1a2733";
const FAINT: &str = "#8894a0";
const DATA: &str = "#1f5fa8";
const GUIDE: &str = "#a33319";
/// The picture's size, and the space left for its axes: left, top, right, below.
const SIZE: (f64, f64) = (560.0, 300.0);
const SPACE: (f64, f64, f64, f64) = (62.0, 14.0, 120.0, 44.0);

impl Report {
    /// This report as a piece of HTML that stands alone: no scripts, no style sheet.
    ///
    /// ```
    /// use autograd::{check, Tensor};
    /// let html = check(|x| x[0].relu().sum(), &[Tensor::from([0.0, 1.0])]).unwrap().to_html();
    /// assert!(html.starts_with("<div ") && html.contains("<svg ") && html.contains("kink"));
    /// ```
    pub fn to_html(&self) -> String {
        let (colour, back) = match self.verdict {
            Verdict::Pass => ("#1c6b3c", "#e6f4ea"),
            Verdict::Wrong => ("#a31919", "#fbe7e6"),
            Verdict::Inconclusive => ("#7a5200", "#fdf3dc"),
        };
        let cause = self.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        let mut html = format!(
            "<div style=\"font-family:Helvetica,Arial,'DejaVu Sans',sans-serif;font-size:14px;color:{INK};background:#fff;max-width:860px;\
             padding:8px\">\n<p style=\"margin:0 0 8px\"><b style=\"background:{back};color:{colour};padding:3px 10px;\
             border-radius:4px\">gradient check: {}{}</b></p>\n<p style=\"margin:4px 0\">{}</p>\n",
            self.verdict,
            xml(&cause),
            xml(&self.reason)
        );
        let mut add = |text: String| {
            html += &text;
            html.push('\n');
        };
        for note in &self.notes {
            add(format!("<p style=\"margin:4px 0;color:#4a5866\">Note: {}</p>", xml(note)));
        }
        let output =
            if self.output.is_empty() { String::new() } else { format!(" (random sum of output {})", self.output) };
        add(format!(
            "<p style=\"margin:4px 0;color:#4a5866\">f = {:.6e}{output}, gradient in {}, {} directions, seed {}</p>",
            self.value,
            xml(&self.precision),
            self.directions,
            self.seed
        ));
        if !self.inputs.is_empty() {
            add(self.census());
        }
        if let Some(worst) = &self.worst {
            add(comparison(worst, if self.passed() { "Least sure" } else { "Worst" }));
        }
        if let Some(scan) = &self.scan {
            add(format!(
                "<p style=\"margin:10px 0 2px\"><b>Steps along {}</b></p>\n{}",
                xml(&scan.place),
                scan.to_svg()
            ));
        }
        html + "</div>"
    }

    /// Shows the report in a notebook of the evcxr kernel, which calls this.
    pub fn evcxr_display(&self) {
        // One write: what other threads print cannot come between.
        print!("{}", notebook(&self.to_string(), "text/html", &self.to_html()));
    }

    fn census(&self) -> String {
        let head =
            ["input", "order", "shape", "compared", "pass", "wrong", "unclear", "NaN or ∞", "largest rel. difference"];
        let rows = self.inputs.iter().map(|i| {
            let largest = if i.compared == 0 { "–".into() } else { format!("{:.1e}", i.largest) };
            let counts = [i.compared, i.passed, i.wrong, i.inconclusive, i.not_finite].map(|count| count.to_string());
            let [c, p, w, u, n] = counts;
            [i.name.clone(), i.order.to_string(), i.shape.to_string(), c, p, w, u, n, largest].to_vec()
        });
        table(&head, rows)
    }
}

/// A table with a head; the first column is text, the others are numbers.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cell = |tag: &str, column: usize, text: &str| {
        let side = if column == 0 { "left" } else { "right" };
        let style = format!("text-align:{side};padding:2px 9px;border-bottom:1px solid #d5dbe1;font-weight:normal");
        format!("<{tag} style=\"{style}\">{}</{tag}>", xml(text))
    };
    let row = |tag: &str, cells: &[String]| {
        let cells: String = cells.iter().enumerate().map(|(column, text)| cell(tag, column, text)).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let body: String = rows.map(|cells| row("td", &cells)).collect();
    let style = "border-collapse:collapse;margin:8px 0;font-variant-numeric:tabular-nums";
    format!("<table style=\"{style}\">\n{}{body}</table>", row("th", &head))
}

fn comparison(c: &Comparison, what: &str) -> String {
    let order = if c.order > 1 { " (second order)" } else { "" };
    let mut rows = vec![vec!["by the tape".into(), format!("{:.16e}", c.analytic), String::new(), String::new()]];
    if let Some(forward) = c.forward {
        rows.push(vec!["in forward mode".into(), format!("{forward:.16e}"), String::new(), String::new()]);
    }
    for (name, opinion) in opinions(c) {
        let known = opinion.error.is_finite();
        let show = |text: String| if known { text } else { "not known".into() };
        let [value, error, step] =
            [format!("{:.16e}", opinion.value), format!("{:.1e}", opinion.error), format!("{:.1e}", opinion.step)];
        rows.push(vec![name.into(), show(value), show(error), show(step)]);
    }
    let head = [&*format!("{what}: {}{order}", c.place), "derivative", "± error", "at step"];
    format!("{}\n<p style=\"margin:4px 0\"><code>{}</code></p>", table(&head, rows.into_iter()), xml(&inequality(c)))
}

impl Scan {
    /// The scan drawn: the remainder by the step, both in powers of ten, beside the slopes of a right and of a wrong gradient.
    ///
    /// ```
    /// use autograd::{check, Tensor};
    /// let report = check(|x| x[0].exp().sum(), &[Tensor::from([0.0, 1.0])]).unwrap();
    /// let svg = report.scan.unwrap().to_svg();
    /// assert!(svg.starts_with("<svg ") && svg.contains("right: h²"));
    /// ```
    pub fn to_svg(&self) -> String {
        let (w, h) = SIZE;
        let (left, top, right, below) = SPACE;
        let drawn: Vec<_> = self.steps.iter().filter(|s| s.remainder.is_finite() && s.remainder > 0.0).collect();
        let floors = self.steps.iter().map(|s| s.round_off).filter(|r| *r > 0.0 && r.is_finite());
        let values: Vec<f64> = drawn.iter().map(|s| s.remainder).chain(floors).map(f64::log10).collect();
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &y| (a.min(y), b.max(y)));
        let (low, high) = if low.is_finite() { (low.floor() - 1.0, high.ceil() + 1.0) } else { (-16.0, 0.0) };
        let steps = || self.steps.iter().map(|s| s.step.log10());
        let (first, last) =
            (steps().fold(f64::INFINITY, f64::min) - 0.4, steps().fold(f64::NEG_INFINITY, f64::max) + 0.4);
        let x = |log: f64| left + (log - first) / (last - first) * (w - left - right);
        let y = |log: f64| top + (high - log) / (high - low) * (h - top - below);

        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
             font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"12\" fill=\"{INK}\">\n<title>{}</title>\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n",
            xml(&meaning(self))
        );
        let mut add = |line: std::fmt::Arguments<'_>| writeln!(svg, "{line}").expect("strings take all text");
        let (x0, x1, y0, y1) = (left, w - right, top, h - below);
        add(format_args!("<path d=\"M{x0} {y0} V{y1} H{x1}\" fill=\"none\" stroke=\"{FAINT}\"/>"));
        let stride = ((high - low) / 6.0).ceil().max(1.0) as usize;
        for log in (low as i32..=high as i32).step_by(stride) {
            let at = y(f64::from(log));
            add(format_args!("<path d=\"M{x0} {at:.1} H{x1}\" stroke=\"#e6eaee\"/>"));
            add(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                x0 - 6.0,
                at + 4.0,
                power(log)
            ));
        }
        for log in (first.ceil() as i32..=last.floor() as i32).step_by(2) {
            let at = x(f64::from(log));
            add(format_args!("<path d=\"M{at:.1} {y1} v4\" stroke=\"{FAINT}\"/>"));
            add(format_args!(
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                y1 + 17.0,
                power(log)
            ));
        }
        let centre = f64::midpoint(x0, x1);
        add(format_args!("<text x=\"{centre:.1}\" y=\"{:.1}\" text-anchor=\"middle\">step h</text>", h - 8.0));
        add(format_args!(
            "<text transform=\"translate(13 {:.1}) rotate(-90)\" text-anchor=\"middle\">remainder</text>",
            f64::midpoint(y0, y1)
        ));

        // Guides through the clean point of the largest step, cut where they leave the picture.
        let clean: Vec<_> = drawn.iter().filter(|s| s.is_clean()).collect();
        if let Some(start) = clean.first() {
            let (sx, sy) = (start.step.log10(), start.remainder.log10());
            for (slope, dashes, label) in [(2.0, "6 4", "right: h²"), (1.0, "2 3", "wrong: h")] {
                let end = (sx - (sy - low) / slope).max(first);
                let to = sy - slope * (sx - end);
                add(format_args!(
                    "<path d=\"M{:.1} {:.1} L{:.1} {:.1}\" stroke=\"{GUIDE}\" stroke-dasharray=\"{dashes}\" fill=\"none\"/>",
                    x(sx),
                    y(sy),
                    x(end),
                    y(to)
                ));
                let row = y0 + 12.0 + 18.0 * if slope > 1.5 { 1.0 } else { 2.0 };
                add(format_args!(
                    "<path d=\"M{:.1} {:.1} h26\" stroke=\"{GUIDE}\" stroke-dasharray=\"{dashes}\"/>\
                     <text x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
                    x1 + 12.0,
                    row - 4.0,
                    x1 + 44.0,
                    row
                ));
            }
        }
        let line = |points: Vec<(f64, f64)>| -> String {
            points
                .iter()
                .enumerate()
                .map(|(k, (x, y))| format!("{}{x:.1} {y:.1} ", if k == 0 { 'M' } else { 'L' }))
                .collect()
        };
        let floor = self.steps.iter().filter(|s| s.round_off > 0.0 && s.round_off.is_finite());
        let floor = line(floor.map(|s| (x(s.step.log10()), y(s.round_off.log10()))).collect());
        add(format_args!("<path d=\"{floor}\" fill=\"none\" stroke=\"{FAINT}\" stroke-dasharray=\"1 3\"/>"));
        let path = line(drawn.iter().map(|s| (x(s.step.log10()), y(s.remainder.log10()))).collect());
        add(format_args!("<path d=\"{path}\" fill=\"none\" stroke=\"{DATA}\" stroke-width=\"1.6\"/>"));
        for s in drawn {
            let fill = if s.is_clean() { DATA } else { "#ffffff" };
            let (cx, cy) = (x(s.step.log10()), y(s.remainder.log10()));
            add(format_args!("<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.4\" fill=\"{fill}\" stroke=\"{DATA}\"/>"));
        }
        let (row, at) = (y0 + 12.0, x1 + 12.0);
        add(format_args!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.4\" fill=\"{DATA}\"/>", at + 13.0, row - 4.0));
        add(format_args!("<text x=\"{:.1}\" y=\"{row:.1}\">measured</text>", at + 32.0));
        add(format_args!(
            "<path d=\"M{at:.1} {:.1} h26\" stroke=\"{FAINT}\" stroke-dasharray=\"1 3\"/><text x=\"{:.1}\" y=\"{:.1}\">round-off</text>",
            row + 50.0,
            at + 32.0,
            row + 54.0
        ));
        svg + "</svg>"
    }
}

/// `10⁻⁸`
fn power(exponent: i32) -> String {
    let raised = |digit: char| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit as usize - '0' as usize).unwrap_or('⁻');
    let digits: String = exponent.unsigned_abs().to_string().chars().map(raised).collect();
    format!("10{}{digits}", if exponent < 0 { "⁻" } else { "" })
}
