//! The step scan: what remains of the function after its linear part, over twelve decades of steps.

use super::probe::{Probe, Way, few_digits};
use super::report::{Comparison, Scan, ScanStep};
use crate::number::Float;

/// Scans along the way of a comparison.
pub(super) fn scan<T: Float>(probe: &mut Probe<'_, '_, T>, c: &Comparison, way: &Way) -> Scan {
    let decades = if few_digits::<T>() { 6 } else { 12 };
    let samples = probe.samples;
    let unit = match way {
        Way::Along(_) => 1.0,
        Way::Element { unit, .. } => *unit,
    };
    let step = |decade: i32| {
        // Near a power of ten, but a power of two: moving by it is exact.
        let h = unit * 10f64.powi(-decade).log2().round().exp2();
        let (up, down) = (probe.at(way, h), probe.at(way, -h));
        let size = samples.centre.abs().max(up.abs());
        ScanStep {
            step: h,
            remainder: (up - samples.centre - h * c.analytic).abs(),
            above: (up - samples.centre) / h,
            below: (samples.centre - down) / h,
            round_off: (T::EPSILON * size).max(samples.noise),
        }
    };
    let steps: Vec<ScanStep> = (1..=decades).map(step).collect();
    Scan { place: c.place.clone(), slope: slope(&steps), steps }
}

/// The slope in a log-log picture over the smallest steps that stand out of round-off: as far down as can be seen.
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
