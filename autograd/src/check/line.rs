//! The function along one way: a function of a step, which is sampled once at each.

use rustc_hash::FxHashMap;

use super::grain::Grain;

/// What is sampled, and whose derivative at step 0 the tape knows too.
pub(super) trait Function {
    /// The value a step away.
    fn at(&mut self, h: f64) -> f64;

    /// The standard deviation of a sample, as far as anything but the samples tells it.
    fn noise(&mut self) -> f64;

    /// The standard deviation of the tape's own derivative, which rounding gives it.
    fn rounding(&mut self) -> f64;
}

/// A function of a step, and how well its samples are known.
pub(super) struct Line<'f> {
    f: &'f mut dyn Function,
    seen: FxHashMap<u64, f64>,
    /// The relative spacing of numbers of the samples' type.
    pub(super) epsilon: f64,
    /// The standard deviation of a sample beyond the rounding of its own value.
    pub(super) noise: f64,
    /// The part of it that the recording tells, once it was asked for.
    pub(super) recorded: f64,
    /// The value at step 0.
    pub(super) centre: f64,
    /// The largest step that makes sense; steps are powers of two of it, so that moving a point by one is exact.
    pub(super) unit: f64,
    /// How finely its points can be told apart.
    pub(super) grain: Grain,
}

impl<'f> Line<'f> {
    pub(super) fn new(f: &'f mut dyn Function, epsilon: f64, noise: f64, centre: f64, unit: f64) -> Self {
        let (seen, recorded, grain) = (FxHashMap::default(), 0.0, Grain::NONE);
        Line { f, seen, epsilon, noise, recorded, centre, unit, grain }
    }

    /// The same, between points that round.
    pub(super) fn with_grain(self, grain: Grain) -> Self {
        Line { grain, ..self }
    }

    /// The value a step away.
    pub(super) fn at(&mut self, h: f64) -> f64 {
        if h == 0.0 {
            return self.centre;
        }
        *self.seen.entry(h.to_bits()).or_insert_with(|| self.f.at(h))
    }

    /// Takes into account what the recording tells of the samples' noise.
    pub(super) fn ask_for_noise(&mut self) {
        self.recorded = self.f.noise();
        self.noise = self.noise.max(self.recorded);
    }

    /// The standard deviation of the tape's own derivative along this line.
    pub(super) fn rounding(&mut self) -> f64 {
        self.f.rounding()
    }

    /// What a sample of this size may err by: a few units in the last place, or the noise.
    pub(super) fn error(&self, size: f64) -> f64 {
        (4.0 * self.epsilon * size).max(4.0 * self.noise)
    }

    /// What a slope may err by that was found with a step from samples of this size: by their errors, and those of the points.
    pub(super) fn error_of_slope(&self, slope: f64, size: f64, h: f64) -> f64 {
        self.error(size) / h + slope.abs() * self.grain.blur(h)
    }

    /// Whether samples have the few digits of `f32`.
    pub(super) fn few_digits(&self) -> bool {
        self.epsilon > 1e-10
    }

    /// Whether samples err by more than the rounding of their values.
    pub(super) fn is_noisy(&self) -> bool {
        self.noise > 16.0 * self.epsilon * self.centre.abs()
    }

    /// Whether samples scatter as widely as they are large, so that no difference of theirs means anything.
    pub(super) fn is_nothing_but_noise(&mut self) -> bool {
        let (_, _, size) = self.secants(self.unit);
        self.noise > size.max(self.centre.abs()) / 16.0
    }

    /// Whether a derivative says that between the closest points the function moves by far more than it is large, and its samples scatter:
    /// no difference can follow it.
    pub(super) fn moves_too_fast(&mut self, derivative: f64) -> bool {
        let (_, _, size) = self.secants(self.unit);
        let closest = self.grain.shortest().max(self.epsilon * self.unit);
        self.is_noisy() && derivative.abs() * closest > 16.0 * size.max(self.centre.abs())
    }

    /// The slopes of the two secants of a step, from above and from below, and the larger of the values at their ends.
    pub(super) fn secants(&mut self, h: f64) -> (f64, f64, f64) {
        let (up, down) = (self.at(h), self.at(-h));
        ((up - self.centre) / h, (self.centre - down) / h, up.abs().max(down.abs()))
    }
}

/// For tests: a closure whose derivative is exact.
#[cfg(test)]
pub(super) struct Exact<F>(pub(super) F);

#[cfg(test)]
impl<F: FnMut(f64) -> f64> Function for Exact<F> {
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
