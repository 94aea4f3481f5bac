//! The step scan: the remainder of the function after its linear part, over twelve decades of steps.

use super::line::Line;
use super::report::{Comparison, Scan, ScanStep};

/// Scans along a line, with steps of about powers of ten of `unit`.
pub(super) fn scan(line: &mut Line<'_>, c: &Comparison, unit: f64) -> Scan {
    let decades = if line.few_digits() { 6 } else { 12 };
    let mut step = |decade: i32| {
        // Near a power of ten, but a power of two, so that moving by it is exact.
        let h = unit * 10f64.powi(-decade).log2().round().exp2();
        let (above, below, _) = line.secants(h);
        let up = line.at(h);
        ScanStep {
            step: h,
            remainder: (up - line.centre - h * c.analytic).abs(),
            above,
            below,
            round_off: (line.epsilon * line.centre.abs().max(up.abs())).max(line.noise),
        }
    };
    let steps: Vec<ScanStep> = (1..=decades).map(&mut step).collect();
    Scan { place: c.place.clone(), slope: slope(&steps), steps }
}

/// The slope in a log-log plot over the smallest steps at which the remainder exceeds round-off.
fn slope(steps: &[ScanStep]) -> Option<f64> {
    let clean: Vec<&ScanStep> = steps.iter().filter(|s| s.is_clean()).collect();
    let [.., a, b] = clean[..] else { return None };
    Some((a.remainder / b.remainder).ln() / (a.step / b.step).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slope_of_powers() {
        for power in [1.0, 2.0, 3.0] {
            let row = |k: i32| {
                let step = 10f64.powi(-k);
                ScanStep { step, remainder: 3.0 * step.powf(power), above: 0.0, below: 0.0, round_off: 1e-16 }
            };
            let steps: Vec<ScanStep> = (1..=12).map(row).collect();
            assert!((slope(&steps).unwrap() - power).abs() < 1e-9);
        }
        assert_eq!(slope(&[]), None);
    }
}
