//! The report of an [`Advice`].

use std::fmt;

use autograd::Float;

use super::finding::digits;
use super::{Advice, Figures, Finding, Foretold};

impl<T: Float> fmt::Display for Advice<T> {
    /// Writes what is wrong, a sentence each, and a table of the remedies: the figures before and after each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (layers, samples) = (self.figures.depth, self.samples);
        let s = |n: usize| if n == 1 { "" } else { "s" };
        let about = format!("{layers} layer{} with weights, {samples} sample{}", s(layers), s(samples));
        writeln!(f, "{about}, loss {}", digits(self.figures.loss))?;
        if self.findings.is_empty() {
            writeln!(f, "nothing is wrong")?;
        }
        for finding in &self.findings {
            writeln!(f, "{}: {finding}", if finding.is_serious() { "serious" } else { "note" })?;
        }
        if let Some(error) = &self.without {
            writeln!(f, "no remedy could be tried: {error}")?;
        }
        if self.remedies.is_empty() {
            return Ok(());
        }
        let heads =
            ["signal", "foretold", "gradient", "foretold", "saturated", "dead", "spread", "loss", "still serious"];
        let mut rows = vec![("remedies, and factors a layer".to_string(), heads.map(String::from))];
        rows.push(("as it is".into(), cells(&self.figures, self.foretold, &self.findings)));
        rows.extend(
            self.remedies
                .iter()
                .map(|remedy| (remedy.what.clone(), cells(&remedy.after, remedy.foretold, &remedy.findings))),
        );
        let named = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        writeln!(f)?;
        for (name, cells) in rows {
            write!(f, "{name:<named$}")?;
            for (cell, head) in cells.iter().zip(heads) {
                write!(f, "  {cell:>width$}", width = head.len().max(8))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn cells(figures: &Figures, foretold: Option<Foretold>, findings: &[Finding]) -> [String; 9] {
    let known = |x: Option<f64>| x.map_or("–".into(), digits);
    let percent = |x: f64| format!("{:.0} %", 100.0 * x);
    let serious = findings.iter().filter(|finding| finding.is_serious()).count();
    [
        known(figures.signal),
        known(foretold.and_then(|foretold| foretold.signal)),
        known(figures.gradient),
        known(foretold.and_then(|foretold| foretold.gradient)),
        percent(figures.saturated),
        percent(figures.dead),
        known(figures.spread),
        digits(figures.loss),
        serious.to_string(),
    ]
}
