//! A report as HTML, for notebooks: a table and a picture of the step scan.

use std::fmt::Write;

use super::report::{Comparison, Estimate, Report, Scan, ScanStep, Verdict};
use super::text::{MOST_FINDINGS, digits, in_forward_mode, inequality, meaning, other_estimates, remainder};
use crate::graph::{notebook, xml};

const INK: &str = "#1a2733";
const GREY: &str = "#4a5866";
const FAINT: &str = "#8894a0";
const DATA: &str = "#1f5fa8";
const GUIDE: &str = "#a33319";
/// The picture's size, and the margins for its axes: left, top, right, bottom.
const SIZE: (f64, f64) = (590.0, 300.0);
const SPACE: (f64, f64, f64, f64) = (62.0, 14.0, 150.0, 44.0);

impl Report {
    /// This report as a self-contained piece of HTML: no scripts, no style sheet.
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
             padding:8px;overflow-x:auto\">\n<p style=\"margin:0 0 8px\"><b style=\"background:{back};color:{colour};padding:3px 10px;\
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
            add(format!("<p style=\"margin:4px 0;color:{GREY}\">Note: {}</p>", xml(note)));
        }
        let output =
            if self.output.numel() == 1 { String::new() } else { format!(" (random sum of output {})", self.output) };
        add(format!(
            "<p style=\"margin:4px 0;color:{GREY}\">f = {:.6e}{output}, gradient in {}, {} directions, seed {}, {}</p>",
            self.value,
            xml(&self.precision),
            self.directions,
            self.seed,
            self.calls
        ));
        if !self.inputs.is_empty() {
            add(self.input_reports());
        }
        if let Some(operations) = &self.operations {
            add(format!("<p style=\"margin:8px 0 2px\">{}</p>", xml(&operations.text())));
            for finding in operations.findings.iter().take(MOST_FINDINGS) {
                let text = format!("{}: {}", finding.verdict, finding.text());
                add(format!("<p style=\"margin:2px 0 2px 16px\">{}</p>", xml(&text)));
            }
        }
        if let Some(worst) = &self.worst {
            add(comparison(worst, if self.passed() { "Least sure" } else { "Worst" }));
        }
        if let Some(scan) = &self.scan {
            let drawn = scan.drawn().next().is_some();
            let (what, steps) =
                if drawn { (remainder(self), scan.to_svg()) } else { ("the slopes".into(), slopes(scan)) };
            let place = xml(&scan.place);
            add(format!("<p style=\"margin:10px 0 2px\"><b>Steps along {place}</b>: {what}</p>\n{steps}"));
            add(format!("<p style=\"margin:4px 0;color:{GREY}\">{}</p>", xml(&meaning(scan))));
        }
        html + "</div>"
    }

    /// Shows the report in a notebook of the evcxr kernel, which calls this method.
    pub fn evcxr_display(&self) {
        // One write, so that the output of other threads cannot come between.
        print!("{}", notebook(&self.to_string(), "text/html", &self.to_html()));
    }

    fn input_reports(&self) -> String {
        let head = [
            "input",
            "order",
            "shape",
            "compared",
            "pass",
            "wrong",
            "unclear",
            "unresolved",
            "NaN or ∞",
            "rel. difference",
        ];
        let rows = self.inputs.iter().map(|i| {
            let largest = if i.compared == 0 { "–".into() } else { format!("{:.1e}", i.largest) };
            let counts = [i.compared, i.passed, i.wrong, i.inconclusive, i.unresolved, i.not_finite];
            let [c, p, w, u, b, n] = counts.map(|count| count.to_string());
            [i.name.clone(), i.order.to_string(), i.shape.to_string(), c, p, w, u, b, n, largest].to_vec()
        });
        table(&head, rows)
    }
}

/// A table with a header row. The first column is text, the others are numbers, left-aligned if they have room for a
/// sign.
///
/// Cells have their own colours, because a notebook's style sheet gives tables those of its theme.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cell = |tag: &str, column: usize, text: &str| {
        let aligned = match column {
            0 => "text-align:left;overflow-wrap:anywhere",
            _ if text.starts_with([' ', '-']) && tag == "td" => "text-align:left;white-space:pre;font-family:monospace",
            _ if text.starts_with(' ') => "text-align:left;white-space:pre",
            _ => "text-align:right;white-space:nowrap",
        };
        let colour = if tag == "th" { GREY } else { INK };
        let style = "padding:2px 9px;border-bottom:1px solid #d5dbe1;background:#fff;font-weight:normal";
        format!("<{tag} style=\"{aligned};{style};color:{colour}\">{}</{tag}>", xml(text))
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
    let bare = |name: &str, value: String| vec![name.into(), value, String::new(), String::new()];
    let mut rows = vec![bare(&format!("by the {}", c.by), digits(c.analytic, 16))];
    rows.extend(c.forward.map(|forward| bare(in_forward_mode(c), digits(forward, 16))));
    rows.extend(other_estimates(c).into_iter().map(|(name, estimate)| {
        let Estimate { value, error, step } = estimate;
        if !error.is_finite() {
            return bare(name, " not known".into());
        }
        vec![name.into(), digits(value, 16), format!("{error:.1e}"), format!("{step:.1e}")]
    }));
    let head = [&*format!("{what}: {}{order}", c.place), " derivative", "± error", "at step"];
    format!(
        "{}\n<p style=\"margin:4px 0;font-family:monospace\">{}</p>",
        table(&head, rows.into_iter()),
        xml(&inequality(c))
    )
}

/// Text in place of a scan without anything to draw: at a jump the slope of one side grows as the step falls.
fn slopes(scan: &Scan) -> String {
    let row = |s: &ScanStep| vec![format!("{:.0e}", s.step), digits(s.above, 8), digits(s.below, 8)];
    table(&["step h", " slope from above", " slope from below"], scan.steps.iter().map(row))
}

impl Scan {
    /// The steps that a logarithmic scale can show.
    fn drawn(&self) -> impl Iterator<Item = &ScanStep> {
        self.steps.iter().filter(|s| s.remainder.is_finite() && s.remainder > 0.0)
    }

    /// Draws the scan: the remainder by the step, as powers of ten, beside the slopes of a correct and of a wrong
    /// gradient.
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
        let drawn: Vec<_> = self.drawn().collect();
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

        // The legend, a row each.
        let mut rows = (0..).map(|row| y0 + 12.0 + 18.0 * f64::from(row));
        let mut entry = |sample: &str, text: &str| {
            let (row, at) = (rows.next().expect("no end"), x1 + 12.0);
            format!("<g transform=\"translate({at:.1} {row:.1})\">{sample}<text x=\"32\">{text}</text></g>")
        };
        add(format_args!("{}", entry(&format!("<circle cx=\"13\" cy=\"-4\" r=\"3.4\" fill=\"{DATA}\"/>"), "measured")));
        // Guides through the middle one of the clean points, from edge to edge.
        let clean: Vec<_> = drawn.iter().filter(|s| s.is_clean()).collect();
        if let Some(middle) = clean.get(clean.len() / 2) {
            let (sx, sy) = (middle.step.log10(), middle.remainder.log10());
            for (slope, dashes, text) in [(2.0, "6 4", "right: h²"), (1.0, "2 3", "wrong or kink: h")] {
                let (from, to) = ((sx - (sy - low) / slope).max(first), (sx + (high - sy) / slope).min(last));
                let at = |log: f64| sy + slope * (log - sx);
                let stroke = format!("stroke=\"{GUIDE}\" stroke-dasharray=\"{dashes}\" fill=\"none\"");
                let ends = [x(from), y(at(from)), x(to), y(at(to))].map(|end| format!("{end:.1}"));
                add(format_args!("<path d=\"M{} {} L{} {}\" {stroke}/>", ends[0], ends[1], ends[2], ends[3]));
                add(format_args!("{}", entry(&format!("<path d=\"M0 -4 h26\" {stroke}/>"), text)));
            }
        }
        let dotted = format!("fill=\"none\" stroke=\"{FAINT}\" stroke-dasharray=\"1 3\"");
        add(format_args!("{}", entry(&format!("<path d=\"M0 -4 h26\" {dotted}/>"), "round-off")));
        let line = |points: Vec<(f64, f64)>| -> String {
            points
                .iter()
                .enumerate()
                .map(|(k, (x, y))| format!("{}{x:.1} {y:.1} ", if k == 0 { 'M' } else { 'L' }))
                .collect()
        };
        let floor = self.steps.iter().filter(|s| s.round_off > 0.0 && s.round_off.is_finite());
        let floor = line(floor.map(|s| (x(s.step.log10()), y(s.round_off.log10()))).collect());
        add(format_args!("<path d=\"{floor}\" {dotted}/>"));
        let path = line(drawn.iter().map(|s| (x(s.step.log10()), y(s.remainder.log10()))).collect());
        add(format_args!("<path d=\"{path}\" fill=\"none\" stroke=\"{DATA}\" stroke-width=\"1.6\"/>"));
        for s in drawn {
            let fill = if s.is_clean() { DATA } else { "#ffffff" };
            let (cx, cy) = (x(s.step.log10()), y(s.remainder.log10()));
            add(format_args!("<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.4\" fill=\"{fill}\" stroke=\"{DATA}\"/>"));
        }
        svg + "</svg>"
    }
}

/// `10⁻⁸`
fn power(exponent: i32) -> String {
    let raised = |digit: char| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit as usize - '0' as usize).unwrap_or('⁻');
    let digits: String = exponent.unsigned_abs().to_string().chars().map(raised).collect();
    format!("10{}{digits}", if exponent < 0 { "⁻" } else { "" })
}
