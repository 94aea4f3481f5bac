//! [`Schedule`]: learning rates by step or epoch, as values.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{or_panic, shown};

/// A learning rate for each step or epoch t, counted from 0.
///
/// It is plain data: it can be compared, and written to a file and read back with `serde`; a file with settings that make
/// no schedule is refused with the reason. Schedules follow each other with [`then`](Schedule::then) and
/// [`warm_up`](Schedule::warm_up).
///
/// A loop of one's own asks for the rate of each step; a trainer takes the [`rates`](Schedule::rates) of its epochs or
/// steps:
///
/// ```
/// use mlp::{Schedule, Trainer};
/// let schedule = Schedule::cosine(0.1, 0.0, 90).warm_up(10);
/// assert_eq!((schedule.rate(10), schedule.rate(100)), (0.1, 0.0));
/// for step in 0..100 {
///     let rate = schedule.rate(step); // optimizer.set_learning_rate(rate)
/// }
/// let trainer = Trainer::new().epochs(100).schedule(schedule.rates()); // or schedule_steps
/// ```
///
/// For a rate that waits for a loss to stop falling, see [`Plateau`](crate::Plateau).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Kind", into = "Kind")]
pub struct Schedule(Kind);

/// The settings of a schedule, which may not fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, rename = "schedule")]
enum Kind {
    Constant { rate: f64 },
    Steps { rate: f64, every: usize, factor: f64 },
    Milestones { rate: f64, at: Vec<usize>, factor: f64 },
    Exponential { rate: f64, factor: f64 },
    Linear { from: f64, to: f64, over: usize },
    Polynomial { rate: f64, over: usize, power: f64 },
    Cosine { rate: f64, least: f64, over: usize },
    CosineRestarts { rate: f64, least: f64, first: usize, growth: usize },
    OneCycle { most: f64, over: usize, rise: f64 },
    Then { first: Box<Schedule>, until: usize, next: Box<Schedule> },
}

/// A one-cycle schedule begins at this part of its largest rate, and ends at this part of the rate where it began.
const ONE_CYCLE: (f64, f64) = (25.0, 1e4);

impl TryFrom<Kind> for Schedule {
    type Error = Error;

    fn try_from(kind: Kind) -> Result<Self, Error> {
        let invalid = |why: String| Err(Error::invalid("schedule", why));
        let (rates, lengths, factor): (&[f64], &[(&str, usize)], f64) = match kind {
            Kind::Constant { rate } => (&[rate], &[], 1.0),
            Kind::Steps { rate, every, factor } => (&[rate], &[("every", every)], factor),
            Kind::Milestones { rate, factor, .. } => (&[rate], &[], factor),
            Kind::Exponential { rate, factor } => (&[rate], &[], factor),
            Kind::Linear { from, to, over } => (&[from, to], &[("over", over)], 1.0),
            Kind::Polynomial { rate, over, power } => (&[rate], &[("over", over)], power),
            Kind::Cosine { rate, least, over } => (&[rate, least], &[("over", over)], 1.0),
            Kind::CosineRestarts { rate, least, first, growth } => {
                (&[rate, least], &[("first", first), ("growth", growth)], 1.0)
            }
            Kind::OneCycle { most, over, rise } => (&[most], &[("over", over)], rise),
            Kind::Then { until, .. } => (&[], &[("until", until)], 1.0),
        };
        if let Some(&rate) = rates.iter().find(|rate| !(rate.is_finite() && **rate >= 0.0)) {
            return invalid(format!("the learning rate {} is not a finite number ≥ 0", shown(rate)));
        }
        if let Some((name, _)) = lengths.iter().find(|(_, length)| *length == 0) {
            return invalid(format!("`{name}` is 0; it must be at least 1"));
        }
        if !(factor.is_finite() && factor > 0.0) {
            return invalid(format!("the factor, power or share {} is not a finite number above 0", shown(factor)));
        }
        if let Kind::OneCycle { rise, .. } = kind
            && rise >= 1.0
        {
            return invalid(format!(
                "a rise over the share {} leaves nothing to fall; it must be below 1",
                shown(rise)
            ));
        }
        if let Kind::Milestones { at, .. } = &kind
            && !at.is_sorted()
        {
            return invalid(format!("the milestones {at:?} are not in order"));
        }
        Ok(Schedule(kind))
    }
}

impl From<Schedule> for Kind {
    fn from(schedule: Schedule) -> Self {
        schedule.0
    }
}

/// Each way to make a schedule panics at the caller's line if the settings make none.
#[track_caller]
fn made(kind: Kind) -> Schedule {
    or_panic(Schedule::try_from(kind))
}

/// # Panics
/// All that make a schedule panic if a rate is negative or not finite, a length 0, or a factor not above 0.
impl Schedule {
    /// Always η.
    ///
    /// ```
    /// assert_eq!(mlp::Schedule::constant(0.1).rate(1000), 0.1);
    /// ```
    #[track_caller]
    pub fn constant(rate: f64) -> Self {
        made(Kind::Constant { rate })
    }

    /// `η·factor^⌊t/every⌋`.
    ///
    /// ```
    /// assert_eq!(mlp::Schedule::steps(8.0, 30, 0.5).rate(60), 2.0);
    /// ```
    #[track_caller]
    pub fn steps(rate: f64, every: usize, factor: f64) -> Self {
        made(Kind::Steps { rate, every, factor })
    }

    /// `η·factor^k`, where k of the milestones are reached.
    ///
    /// ```
    /// assert_eq!(mlp::Schedule::milestones(8.0, [30, 80], 0.5).rate(80), 2.0);
    /// ```
    ///
    /// # Panics
    /// Also if the milestones are not in order.
    #[track_caller]
    pub fn milestones(rate: f64, at: impl Into<Vec<usize>>, factor: f64) -> Self {
        made(Kind::Milestones { rate, at: at.into(), factor })
    }

    /// `η·factor^t`.
    ///
    /// ```
    /// assert_eq!(mlp::Schedule::exponential(8.0, 0.5).rate(3), 1.0);
    /// ```
    #[track_caller]
    pub fn exponential(rate: f64, factor: f64) -> Self {
        made(Kind::Exponential { rate, factor })
    }

    /// A straight line between two rates over a number of steps, and then the second.
    ///
    /// ```
    /// assert_eq!(mlp::Schedule::linear(0.0, 1.0, 4).rate(1), 0.25);
    /// ```
    #[track_caller]
    pub fn linear(from: f64, to: f64, over: usize) -> Self {
        made(Kind::Linear { from, to, over })
    }

    /// `η·(1 − t/over)^power`, and then 0.
    ///
    /// ```
    /// assert_eq!(mlp::Schedule::polynomial(1.0, 4, 2.0).rate(2), 0.25);
    /// ```
    #[track_caller]
    pub fn polynomial(rate: f64, over: usize, power: f64) -> Self {
        made(Kind::Polynomial { rate, over, power })
    }

    /// `least + (η − least)·(1 + cos(π·t/over))/2`, and then the least (Loshchilov & Hutter 2017).
    ///
    /// ```
    /// assert!((mlp::Schedule::cosine(0.9, 0.1, 100).rate(50) - 0.5).abs() < 1e-12);
    /// ```
    #[track_caller]
    pub fn cosine(rate: f64, least: f64, over: usize) -> Self {
        made(Kind::Cosine { rate, least, over })
    }

    /// [`cosine`](Schedule::cosine) again and again: over `first` steps, then over `growth` times as many, and so on.
    ///
    /// ```
    /// let schedule = mlp::Schedule::cosine_restarts(0.9, 0.1, 10, 2);
    /// assert_eq!([0, 10, 30, 70].map(|t| schedule.rate(t)), [0.9; 4]);
    /// ```
    #[track_caller]
    pub fn cosine_restarts(rate: f64, least: f64, first: usize, growth: usize) -> Self {
        made(Kind::CosineRestarts { rate, least, first, growth })
    }

    /// Up to the largest rate over a share `rise` of the steps, and down to almost 0 over the others (Smith & Topin 2019).
    ///
    /// Both ways are half waves of a cosine. It begins at a 25th of the largest rate and ends at a 10,000th of where it
    /// began, as in PyTorch; usually `rise` is 0.3.
    ///
    /// ```
    /// let schedule = mlp::Schedule::one_cycle(1.0, 101, 0.3);
    /// assert!((schedule.rate(0) - 0.04).abs() < 1e-12 && schedule.rate(100) < 1e-5);
    /// ```
    ///
    /// # Panics
    /// Also if `rise` is not below 1.
    #[track_caller]
    pub fn one_cycle(most: f64, over: usize, rise: f64) -> Self {
        made(Kind::OneCycle { most, over, rise })
    }

    /// This schedule until step `until`, and then `next` from its beginning.
    ///
    /// ```
    /// use mlp::Schedule;
    /// let schedule = Schedule::constant(1.0).then(10, Schedule::exponential(0.5, 0.1)).then(20, Schedule::constant(0.0));
    /// assert_eq!([9, 10, 11, 20].map(|t| schedule.rate(t)), [1.0, 0.5, 0.05, 0.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn then(self, until: usize, next: Schedule) -> Self {
        made(Kind::Then { first: Box::new(self), until, next: Box::new(next) })
    }

    /// This schedule after a warm-up, a line to its first rate: step t has the part `(t + 1)/(over + 1)` of it.
    ///
    /// ```
    /// let schedule = mlp::Schedule::constant(1.0).warm_up(3);
    /// assert_eq!([0, 1, 2, 3, 4].map(|t| schedule.rate(t)), [0.25, 0.5, 0.75, 1.0, 1.0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn warm_up(self, over: usize) -> Self {
        let rate = self.rate(0);
        Schedule::linear(rate / (over as f64 + 1.0), rate, over).then(over, self)
    }

    /// The learning rate of step or epoch `t`, from 0.
    pub fn rate(&self, t: usize) -> f64 {
        let (mut schedule, mut t) = (self, t);
        while let Kind::Then { first, until, next } = &schedule.0 {
            if t < *until {
                schedule = first;
            } else {
                (schedule, t) = (next, t - until);
            }
        }
        let part = |over: usize| t.min(over) as f64 / over as f64;
        let times = |factor: f64, count: usize| factor.powi(count.try_into().unwrap_or(i32::MAX));
        match schedule.0 {
            Kind::Constant { rate } => rate,
            Kind::Steps { rate, every, factor } => rate * times(factor, t / every),
            Kind::Milestones { rate, ref at, factor } => rate * times(factor, at.partition_point(|&at| at <= t)),
            Kind::Exponential { rate, factor } => rate * times(factor, t),
            Kind::Linear { from, to, over } => from + (to - from) * part(over),
            Kind::Polynomial { rate, over, power } => rate * (1.0 - part(over)).powf(power),
            Kind::Cosine { rate, least, over } => half_wave(rate, least, part(over)),
            Kind::CosineRestarts { rate, least, first, growth } => {
                let (mut t, mut over) = (t, first);
                if growth == 1 {
                    t %= first;
                }
                while t >= over {
                    (t, over) = (t - over, over.saturating_mul(growth));
                }
                half_wave(rate, least, t as f64 / over as f64)
            }
            Kind::OneCycle { most, over, rise } => {
                let (start, end) = (most / ONE_CYCLE.0, most / ONE_CYCLE.0 / ONE_CYCLE.1);
                let (top, last) = (rise * over as f64 - 1.0, over as f64 - 1.0);
                let t = (t as f64).min(last);
                if t < top { half_wave(start, most, t / top) } else { half_wave(most, end, (t - top) / (last - top)) }
            }
            Kind::Then { .. } => unreachable!("the loop ends at another"),
        }
    }

    /// The rate of each epoch or step counted from 1, as a trainer counts them: for
    /// [`Trainer::schedule`](crate::Trainer::schedule) and [`Trainer::schedule_steps`](crate::Trainer::schedule_steps).
    ///
    /// ```
    /// let mut rates = mlp::Schedule::exponential(1.0, 0.5).rates();
    /// assert_eq!([rates(1), rates(2)], [1.0, 0.5]);
    /// ```
    pub fn rates(self) -> impl FnMut(usize) -> f64 {
        move |count| self.rate(count.saturating_sub(1))
    }
}

/// From one rate to another along half a wave of a cosine.
fn half_wave(from: f64, to: f64, part: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * part).cos()) / 2.0
}
