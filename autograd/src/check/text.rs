//! A report as text, at most 100 columns wide.

use std::fmt::{self, Display, Formatter};

use super::operations::Operations;
use super::report::{Comparison, Estimate, Report, Scan};

const WIDTH: usize = 98;
/// The largest number of operations that are printed one by one.
pub(super) const MOST_FINDINGS: usize = 8;

/// The description of a scan.
pub(super) fn remainder(report: &Report) -> String {
    let by = report.worst.as_ref().map_or("gradient", |worst| &worst.by);
    format!("what remains after the linear part, |f(x + h·u) − f(x) − h·{by}|")
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let title = match &self.cause {
            Some(cause) => format!("gradient check: {} ({cause})", self.verdict),
            None => format!("gradient check: {}", self.verdict),
        };
        writeln!(f, "{title}")?;
        wrap(f, "  ", &self.reason)?;
        for note in &self.notes {
            wrap(f, "  note: ", note)?;
        }
        let of =
            if self.output.numel() == 1 { String::new() } else { format!(" (random sum of output {})", self.output) };
        writeln!(
            f,
            "  f = {:.6e}{of}, gradient in {}, {} directions, seed {}",
            self.value, self.precision, self.directions, self.seed
        )?;
        writeln!(f, "  {}", self.calls)?;
        if !self.inputs.is_empty() {
            writeln!(f)?;
            self.table(f)?;
        }
        if let Some(operations) = &self.operations {
            writeln!(f)?;
            wrap(f, "  ", &operations.text())?;
            for finding in operations.findings.iter().take(MOST_FINDINGS) {
                wrap(f, "  - ", &format!("{}: {}", finding.verdict, finding.text()))?;
            }
            if operations.findings.len() > MOST_FINDINGS {
                writeln!(f, "  - … and {} more", operations.findings.len() - MOST_FINDINGS)?;
            }
        }
        if let Some(worst) = &self.worst {
            writeln!(f)?;
            comparison(f, worst, if self.passed() { "least sure" } else { "worst" })?;
        }
        if let Some(scan) = &self.scan {
            writeln!(f)?;
            write!(f, "{}", Steps(scan, self))?;
        }
        Ok(())
    }
}

impl Report {
    fn table(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let second = self.inputs.iter().any(|input| input.order > 1);
        let cells = |[a, b, c, d, e, g, u, h]: [&str; 8], order: &str| {
            let order = if second { format!("{order:>5} ") } else { String::new() };
            format!("  {a:<16} {b:<12} {order}{c:>8} {d:>6} {e:>6} {g:>7} {u:>10} {h:>8}")
        };
        let head = ["input", "shape", "compared", "pass", "wrong", "unclear", "unresolved", "NaN or ∞"];
        writeln!(f, "{} {:>9}", cells(head, "order"), "largest")?;
        for i in &self.inputs {
            let counts = [i.compared, i.passed, i.wrong, i.inconclusive, i.unresolved, i.not_finite];
            let [c, d, e, g, u, h] = counts.map(|count| count.to_string());
            let row = [&*shortened(&i.name, 16), &*i.shape.to_string(), &*c, &*d, &*e, &*g, &*u, &*h];
            let line = cells(row, &i.order.to_string());
            let largest = if i.compared == 0 { "-".into() } else { format!("{:.1e}", i.largest) };
            writeln!(f, "{line} {largest:>9}")?;
        }
        Ok(())
    }
}

impl Operations {
    /// A sentence on the extent of the check.
    pub(super) fn text(&self) -> String {
        let order = if self.order > 1 { format!(" of order {}", self.order) } else { String::new() };
        let verdict = self.verdict;
        let mut text = format!(
            "operation by operation{order}: {verdict}; {} of {} recorded were looked at, {} of their values agree with differences",
            self.compared, self.recorded, self.agreed
        );
        if self.unresolved > 0 {
            text += &format!(", {} cannot be told", self.unresolved);
        }
        self.notes.iter().fold(text, |text, note| text + "; " + note)
    }
}

fn comparison(f: &mut Formatter<'_>, c: &Comparison, what: &str) -> fmt::Result {
    let order = if c.order > 1 { " (second order)" } else { "" };
    writeln!(f, "  {what}: {}{order}", c.place)?;
    writeln!(f, "    {:<18} {}", format!("by the {}", c.by), digits(c.analytic, 16))?;
    if let Some(forward) = c.forward {
        writeln!(f, "    {:<18} {}", in_forward_mode(c), digits(forward, 16))?;
    }
    for (name, estimate) in other_estimates(c) {
        if estimate.error.is_finite() {
            let Estimate { value, error, step } = estimate;
            writeln!(f, "    {name:<18} {:<24} ± {error:.1e} at step {step:.1e}", digits(value, 16))?;
        } else {
            writeln!(f, "    {name:<18}  not known")?;
        }
    }
    writeln!(f, "    {}", inequality(c))
}

/// What the derivative in forward mode is called.
pub(super) fn in_forward_mode(c: &Comparison) -> &'static str {
    if c.by == "tape" { "in forward mode" } else { "by the jvp" }
}

/// With room for a sign: left-aligned, so that the digits of several numbers align.
pub(super) fn digits(x: f64, decimals: usize) -> String {
    let text = format!("{x:.decimals$e}");
    if text.starts_with('-') { text } else { format!(" {text}") }
}

/// The derivatives by differences with their names.
pub(super) fn other_estimates(c: &Comparison) -> Vec<(&'static str, Estimate)> {
    let named = [("second opinion", c.second), ("from above", c.above), ("from below", c.below)];
    let others = named.into_iter().filter_map(|(name, estimate)| Some((name, estimate?)));
    [("by differences", c.numeric)].into_iter().chain(others).collect()
}

/// The inequality with its numbers.
pub(super) fn inequality(c: &Comparison) -> String {
    // ≤ is not the negation of > where a number is NaN.
    let sign = if c.difference() <= c.allowed { "≤" } else { ">" };
    let size = c.numeric.value.abs().max(if c.analytic.is_finite() { c.analytic.abs() } else { 0.0 });
    format!(
        "|{} − differences| = {:.2e} {sign} {:.2e} = {:.0e} · {size:.2e} + {} · {:.1e}",
        c.by,
        c.difference(),
        c.allowed,
        c.rtol,
        c.safety,
        c.numeric.error
    )
}

/// A scan, printed in full unless the check passed.
struct Steps<'a>(&'a Scan, &'a Report);

impl Display for Steps<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Steps(scan, report) = self;
        if report.passed() {
            return write!(f, "  {}", meaning(scan));
        }
        wrap(f, "  ", &format!("steps along {}: {}", scan.place, remainder(report)))?;
        writeln!(f, "    step  remainder                              slope from above   slope from below")?;
        for s in &scan.steps {
            // From 1e-16 or less to 1 and more, one character for each half decade.
            let length = if s.remainder > 0.0 { (2.0 * s.remainder.log10() + 32.0).clamp(0.0, 32.0) } else { 0.0 };
            let bar = if s.is_clean() { "█" } else { "░" }.repeat(length.round() as usize / 2);
            let number = |x: f64| if x.is_finite() { format!("{x:.8e}") } else { x.to_string() };
            writeln!(
                f,
                "  {:>6}  {:>9} {bar:<18} {:>26} {:>18}",
                format!("{:.0e}", s.step),
                if s.remainder.is_finite() { format!("{:.1e}", s.remainder) } else { s.remainder.to_string() },
                number(s.above),
                number(s.below)
            )?;
        }
        write!(f, "    █ clear of round-off, ░ not\n    {}", meaning(scan))
    }
}

/// The interpretation of a scan's slope.
pub(super) fn meaning(scan: &Scan) -> String {
    match scan.slope {
        Some(slope) => format!(
            "the remainder falls as h^{slope:.1} at the smallest clean steps (right: 2 or more; wrong, or a kink: 1)"
        ),
        None => "the remainder stands out of round-off at too few steps to tell how it falls".into(),
    }
}

fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.into();
    }
    // The end of a parameter's name says more than its beginning.
    let skip = name.chars().count() + 1 - most;
    std::iter::once('…').chain(name.chars().skip(skip)).collect()
}

fn wrap(f: &mut Formatter<'_>, indent: &str, text: &str) -> fmt::Result {
    let mut line = indent.to_string();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{line}")?;
            line = " ".repeat(indent.chars().count());
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line += word;
        empty = false;
    }
    writeln!(f, "{line}")
}
