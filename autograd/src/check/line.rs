//! The function along a direction: a function of a step, sampled once at each step.

use rustc_hash::FxHashMap;

use super::grain::Grain;

/// A function that is sampled, and whose derivative at step 0 is claimed.
pub(super) trait Sampled {
    /// The value at step `h`.
    fn at(&mut self, h: f64) -> f64;

    /// The numbers of which the sample at step `h` is the sum, each with its weight, where they are seen.
    fn terms(&mut self, _h: f64) -> Vec<(f64, f64)> {
        vec![]
    }

    /// The standard deviation of a sample, from information other than the samples.
    fn noise(&mut self) -> f64;

    /// The standard deviation of the claimed derivative due to round-off.
    fn rounding(&mut self) -> f64;
}

/// A function of a step, with the accuracy of its samples.
pub(super) struct Line<'f> {
    f: &'f mut dyn Sampled,
    seen: FxHashMap<u64, f64>,
    /// The relative spacing of numbers of the samples' type.
    pub(super) epsilon: f64,
    /// The standard deviation of a sample beyond the round-off of its own value.
    pub(super) noise: f64,
    /// The part of it that is known without samples, once requested.
    pub(super) recorded: f64,
    /// The value at step 0.
    pub(super) centre: f64,
    /// The largest useful step; steps are powers of two of it, so that moving a point by one is exact.
    pub(super) unit: f64,
    /// The resolution of its points.
    pub(super) grain: Grain,
}

impl<'f> Line<'f> {
    pub(super) fn new(f: &'f mut dyn Sampled, epsilon: f64, noise: f64, centre: f64, unit: f64) -> Self {
        let (seen, recorded, grain) = (FxHashMap::default(), 0.0, Grain::NONE);
        Line { f, seen, epsilon, noise, recorded, centre, unit, grain }
    }

    /// The same line with points that round.
    pub(super) fn with_grain(self, grain: Grain) -> Self {
        Line { grain, ..self }
    }

    /// The value at step `h`.
    pub(super) fn at(&mut self, h: f64) -> f64 {
        if h == 0.0 {
            return self.centre;
        }
        *self.seen.entry(h.to_bits()).or_insert_with(|| self.f.at(h))
    }

    /// The numbers of which the sample at step `h` is the sum, each with its weight, where they are seen.
    pub(super) fn terms(&mut self, h: f64) -> Vec<(f64, f64)> {
        self.f.terms(h)
    }

    /// Includes the samples' noise that is known without them.
    pub(super) fn ask_for_noise(&mut self) {
        self.recorded = self.f.noise();
        self.noise = self.noise.max(self.recorded);
    }

    /// The standard deviation of the claimed derivative along this line.
    pub(super) fn rounding(&mut self) -> f64 {
        self.f.rounding()
    }

    /// The possible error of a sample of this size: a few units in the last place, or the noise.
    pub(super) fn error(&self, size: f64) -> f64 {
        (4.0 * self.epsilon * size).max(4.0 * self.noise)
    }

    /// The possible error of a slope from samples of this size at a step: the errors of the samples and of the
    /// points.
    pub(super) fn error_of_slope(&self, slope: f64, size: f64, h: f64) -> f64 {
        self.error(size) / h + slope.abs() * self.grain.blur(h)
    }

    /// Whether samples have the few digits of `f32`.
    pub(super) fn few_digits(&self) -> bool {
        self.epsilon > 1e-10
    }

    /// Whether samples err by more than the round-off of their values.
    pub(super) fn is_noisy(&self) -> bool {
        self.noise > 16.0 * self.epsilon * self.centre.abs()
    }

    /// Whether samples scatter as widely as they are large, so that their differences mean nothing.
    pub(super) fn is_nothing_but_noise(&mut self) -> bool {
        let (_, _, size) = self.secants(self.unit);
        self.noise > size.max(self.centre.abs()) / 16.0
    }

    /// Whether the derivative claims that the function moves between the closest points by far more than its size,
    /// and its samples scatter: no difference can follow it.
    pub(super) fn moves_too_fast(&mut self, derivative: f64) -> bool {
        let (_, _, size) = self.secants(self.unit);
        let closest = self.grain.shortest().max(self.epsilon * self.unit);
        self.is_noisy() && derivative.abs() * closest > 16.0 * size.max(self.centre.abs())
    }

    /// The slopes of the two secants of a step, from above and from below, and the larger of the values at their
    /// ends.
    pub(super) fn secants(&mut self, h: f64) -> (f64, f64, f64) {
        let (up, down) = (self.at(h), self.at(-h));
        ((up - self.centre) / h, (self.centre - down) / h, up.abs().max(down.abs()))
    }
}

/// For tests: a closure with its exact derivative.
#[cfg(test)]
pub(super) struct Exact<F>(pub(super) F);

#[cfg(test)]
impl<F: FnMut(f64) -> f64> Sampled for Exact<F> {
    fn at(&mut self, h: f64) -> f64 {
        (self.0)(h)
    }
    fn noise(&mut self) -> f64 {
        0.0
    }
    fn rounding(&mut self) -> f64 {
        0.0
    }
}
